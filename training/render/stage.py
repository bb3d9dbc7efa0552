"""The wall itself: its surface, volumes, holds and what sticks to them, drawn flat on a canvas.

Here the dice of a recipe fall: where everything hangs and what it looks like, under one light and
before one camera. The camera's picture of the canvas, with the room and the people around it, is
:mod:`training.render.scene`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.render import clutter, layout, surfaces
from training.render.camera import Camera
from training.render.canvas import Canvas
from training.render.colours import HOLD_WEIGHTS, VOLUME_WEIGHTS, Image, choose_name, pigment
from training.render.recipe import Recipe, Reset
from training.render.shading import Light, Material, Patch, hold_patch, shrink
from training.render.shapes import FAMILIES, relief
from training.render.volumes import body, volume_patch

REACH = 0.66  # the canvas covers this share of the frame's sides around its middle, to each side


@dataclass(frozen=True, slots=True)
class Thing:
    """What is known of one object while it is drawn. ``serial`` is the object's own number: it
    keeps it when it is moved.
    """

    kind: str
    colour: str
    pigment: Image
    problem: int | None
    serial: int = 0


class Stage:
    """The state of one drawing: canvas, light, camera and the objects so far."""

    def __init__(self, rng: np.random.Generator, recipe: Recipe, size: tuple[int, int]) -> None:
        self.rng, self.recipe = rng, recipe
        self.camera = Camera.draw(rng, *size, steady=recipe.steady)
        self.light = recipe.light or Light.draw(rng)
        self.ppm = size[0] / recipe.width_m
        self.map_x, self.map_y = self.camera.plane_maps()
        self.x0, self.y0, x1, y1 = self._extent()
        shape = (int(y1 - self.y0), int(x1 - self.x0))
        self.canvas = Canvas(self._surface(shape))
        self.things: dict[int, Thing] = {}
        self.chalk, self.gloss = rng.uniform(0, 0.45) ** 1.5, rng.uniform(0.05, 0.4)

    def _extent(self) -> tuple[float, float, float, float]:
        """The wall's rectangle in the plane: what the frame sees of it, cut at the mat, the top and
        the sides.
        """
        width, height = self.camera.width, self.camera.height
        middle = (self.map_x[height // 2, width // 2], self.map_y[height // 2, width // 2])
        corners_x, corners_y = (
            self.map_x[:: height - 1, :: width - 1],
            self.map_y[:: height - 1, :: width - 1],
        )
        reach_x, reach_y = REACH * width + 8, REACH * height + 8
        x0 = max(float(self.map_x[:, 0].min()) - 4, middle[0] - reach_x, float(corners_x.min()) - 4)
        x1 = min(float(self.map_x[:, -1].max()) + 4, middle[0] + reach_x)
        y0 = max(float(self.map_y[0].min()) - 4, middle[1] - reach_y, float(corners_y.min()) - 4)
        y1 = min(float(self.map_y[-1].max()) + 4, middle[1] + reach_y)
        rng = self.rng
        if self.recipe.floor:
            y1 = middle[1] + height * rng.uniform(0.26, 0.46)
        if self.recipe.top:
            y0 = middle[1] - height * rng.uniform(0.28, 0.46)
        if self.recipe.sides:
            side = width * rng.uniform(0.25, 0.45)
            x0, x1 = (middle[0] - side, x1) if rng.random() < 0.5 else (x0, middle[0] + side)
        return float(np.floor(x0)), float(np.floor(y0)), float(np.ceil(x1)), float(np.ceil(y1))

    def _surface(self, shape: tuple[int, int]) -> Image:
        rng, recipe, ppm = self.rng, self.recipe, self.ppm
        wall = surfaces.surface(rng, shape, ppm, recipe.base)
        if recipe.painted:
            surfaces.shapes_painted(rng, wall)
        for _ in range(recipe.folds):
            other = None
            if rng.random() < 0.5:
                other = surfaces.surface(rng, shape, ppm, choose_name(rng, surfaces.KINDS))
            surfaces.fold(rng, wall, other)
        if recipe.lettering:
            surfaces.lettering(rng, wall, ppm)
        if recipe.nuts:
            surfaces.tnuts(rng, wall, ppm)
        if recipe.set_as != "shop":
            surfaces.wear(rng, wall, ppm)
        return wall

    def lean(self, x: float, y: float) -> tuple[float, float]:
        """How far a thing's top leans away from the camera's foot, per height, at a place of the
        canvas.
        """
        f = self.camera.focal
        return (
            float(np.clip((x + self.x0) / f, -0.8, 0.8)),
            float(np.clip((y + self.y0) / f, -0.8, 0.8)),
        )

    def hang(self, spot: layout.Placement, serial: int) -> None:
        """Draw one hold with its shadow."""
        rng = self.rng
        factor = 1 if spot.size >= 46 else min(4, int(np.ceil(46 / spot.size)))
        family = FAMILIES[spot.family]
        turn = rng.normal(0, 0.5) if rng.random() < 0.6 else rng.uniform(0, 2 * np.pi)
        lean = self.lean(spot.x, spot.y)
        rise = 0.75 * float(np.mean(family.relief))
        shape = relief(rng, spot.family, spot.size * factor, turn, (lean[0] * rise, lean[1] * rise))
        if spot.turned:
            shape = shape.turned(spot.turned)
        material = self._material(spot)
        bolt = 0.011 * self.ppm * factor
        patch = shrink(
            hold_patch(rng, shape, material, self.light, spot.size * factor, bolt), factor
        )
        n, m = patch.alpha.shape
        x, y = round(spot.x - m / 2), round(spot.y - n / 2)
        thing = Thing("hold", spot.colour, spot.pigment, spot.problem, serial)
        self._place(patch, x, y, thing)

    def _material(self, spot: layout.Placement) -> Material:
        rng = self.rng
        gloss = float(np.clip(rng.normal(self.gloss, 0.1), 0.02, 0.7))
        return Material(
            spot.pigment,
            second=pigment(rng, choose_name(rng, HOLD_WEIGHTS)) if rng.random() < 0.02 else None,
            gloss=gloss + (0.12 if spot.colour == "black" else 0),
            grit=rng.uniform(0, 0.8) if gloss < 0.35 else 0.1,
            chalk=max(0.0, self.chalk * rng.uniform(0, 2)) if self.recipe.set_as != "shop" else 0.0,
            dual=rng.uniform(0.3, 0.7) if rng.random() < 0.12 and spot.size > 30 else 0.0,
            grained=spot.colour == "wood",
        )

    def _place(self, patch: Patch, x: int, y: int, thing: Thing) -> None:
        ident = len(self.things) + 1
        self.things[ident] = thing
        self.canvas.cast(patch, x, y, self.light, self.rng.uniform(0.75, 0.95))
        self.canvas.paste(patch, x, y, ident, thing.kind == "volume")

    def bolt_volumes(self) -> None:
        """Draw the volumes, often of one colour and in groups."""
        rng = self.rng
        names = [choose_name(rng, VOLUME_WEIGHTS) for _ in range(2)]
        colours = [pigment(rng, name) for name in names]
        spots = layout.Spots(rng, 0.3)
        for _ in range(self.recipe.volumes):
            i = int(rng.integers(0, 2))
            metres = float(np.exp(rng.normal(np.log(0.62), 0.4)))
            size = min(metres * self.ppm, 0.55 * self.camera.width)
            if self.recipe.set_as == "shop":
                size = (
                    rng.uniform(0.7, 1.05)
                    * min(self.camera.width, self.camera.height)
                    / self.recipe.volumes**0.5
                )
            for _ in range(5):
                x, y = self._spot(size * (0.5 if self.recipe.set_as == "shop" else 0.3))
                if spots.free(x, y, size * 0.7):
                    break
            else:
                continue
            spots.take(x, y, size * 0.7)
            shape = body(rng, size, self.lean(x, y))
            patch, corner = volume_patch(rng, shape, colours[i], self.light, self.ppm, self.gloss)
            self._place(
                patch,
                round(x) + corner[0],
                round(y) + corner[1],
                Thing("volume", names[i], colours[i], None, -1 - len(self.things)),
            )

    def _spot(self, margin: float) -> tuple[float, float]:
        x0, y0, x1, y1 = self.region(margin)
        return self.rng.uniform(x0, x1), self.rng.uniform(y0, y1)

    def region(self, margin: float) -> layout.Region:
        """The part of the canvas that carries holds: within the frame (and a little beyond), off
        its rims.
        """
        width, height = self.camera.width, self.camera.height
        x, y = self.map_x - self.x0, self.map_y - self.y0
        seen = (float(x[:, 0].min()), float(y[0].min()), float(x[:, -1].max()), float(y[-1].max()))
        shop = self.recipe.set_as == "shop"
        spare = margin if shop else -0.02 * max(width, height)
        rim = (margin if self.recipe.sides else spare, margin if self.recipe.top else spare)
        low_x, low_y = max(seen[0], 0) + rim[0], max(seen[1], 0) + rim[1]
        high_x = min(seen[2], self.canvas.width) - rim[0]
        high_y = min(seen[3], self.canvas.height) - (margin if self.recipe.floor else spare)
        return low_x, low_y, max(high_x, low_x + 20), max(high_y, low_y + 20)

    def set_holds(self, reset: Reset | None = None) -> None:
        """Draw the holds, and tape and cards beside some of them; ``reset`` says which of them were
        taken down or moved since.
        """
        rng, recipe = self.rng, self.recipe
        typical = recipe.size_m * self.ppm
        if recipe.set_as == "shop":
            spots = layout.shop(rng, self.region(0), recipe.holds) if recipe.holds else []
        else:
            shelf, free = layout.Stock(rng, typical), layout.Spots(rng, 0.12)
            region = self.region(typical)
            if recipe.set_as == "routes":
                spots = layout.routes(rng, region, recipe.holds, shelf, free, recipe.colours)
            else:
                spots = layout.mixed(rng, region, recipe.holds, shelf, free)
        shelter = None if reset is None else Canvas(self.canvas.rgb.copy())
        if reset is not None:
            spots = _moved(spots, self.region(typical), reset)
        for serial, spot in enumerate(spots, start=1):
            if reset is None or shelter is None or spot.problem not in reset.stripped:
                self._hang_marked(spot, serial)
                continue
            # Drawn where nobody looks: so the dice fall for the others as they did before.
            self.canvas, shelter = shelter, self.canvas
            self._hang_marked(spot, serial)
            self.things.popitem()
            self.canvas, shelter = shelter, self.canvas
        clutter.screws(rng, self.canvas, int(rng.poisson(2)), self.ppm)
        if reset is not None:
            self._set_anew([s for s in spots if s.problem not in reset.stripped], len(spots), reset)

    def _hang_marked(self, spot: layout.Placement, serial: int) -> None:
        rng = self.rng
        self.hang(spot, serial)
        if rng.random() < self.recipe.marks:
            if rng.random() < 0.6:
                clutter.tape(rng, self.canvas, spot.x, spot.y, spot.size, self.ppm, spot.colour)
            else:
                clutter.card(rng, self.canvas, spot.x, spot.y, spot.size, self.ppm)

    def _set_anew(self, left: list[layout.Placement], last: int, reset: Reset) -> None:
        """Put up the new problems, then leave the wall to the second camera."""
        self.rng = rng = np.random.default_rng([reset.seed, 0x5E7])
        typical = self.recipe.size_m * self.ppm
        free = layout.Spots(rng, 0.0)
        for spot in left:
            free.take(spot.x, spot.y, spot.size)
        shelf = layout.Stock(rng, typical)
        fresh = layout.routes(rng, self.region(typical), reset.fresh, shelf, free, reset.colours)
        for serial, spot in enumerate(fresh, start=last + 1):
            self.hang(replace(spot, problem=1000 + (spot.problem or 0)), serial)
        self.camera = self.camera.stepped(rng, reset.calm)
        self.map_x, self.map_y = self.camera.plane_maps()


def _moved(
    spots: list[layout.Placement], region: layout.Region, reset: Reset
) -> list[layout.Placement]:
    """The same spots, ``reset.moved`` of those that stay up in another place: off all others by
    their reach, half a metre or more away from where they were as far as the wall allows; turned
    where the reset turns what it moves.
    """
    rng, turns = (np.random.default_rng([reset.seed, salt]) for salt in (0x40E, 0x70E))
    staying = [i for i, spot in enumerate(spots) if spot.problem not in reset.stripped]
    chosen = rng.permutation(staying)[: reset.moved].tolist()
    spots = list(spots)
    for index in chosen:
        spot = spots[index]
        others = np.array([[s.x, s.y, s.size] for s in spots])
        for _ in range(60):
            x, y = rng.uniform(region[0], region[2]), rng.uniform(region[1], region[3])
            gap = np.hypot(others[:, 0] - x, others[:, 1] - y)
            if (gap > (others[:, 2] + spot.size) * 0.6).all() and gap[index] > 2 * spot.size:
                turn = turns.uniform(0, 2 * np.pi) if reset.turned else 0.0
                spots[index] = replace(spot, x=x, y=y, turned=turn)
                break
    return spots
