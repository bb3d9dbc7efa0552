"""One wall from recipe to picture: the camera's view, the room, people, and what is kept as truth.

Geometry happens once: the wall is drawn flat on a canvas (:mod:`training.render.stage`), then
canvas and id maps go through the same camera. Outlines are not traced here
(:mod:`training.render.outlines`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from training.render import people, surroundings
from training.render.canvas import Ids
from training.render.colours import Image
from training.render.develop import Conditions, Photo, develop
from training.render.filters import soften
from training.render.recipe import Recipe, Reset
from training.render.stage import Stage, Thing


@dataclass(frozen=True, slots=True)
class Scene:
    """A finished picture with what is needed for its truth; id maps are of the picture's size."""

    image: Photo
    objects: Ids
    volumes: Ids
    front: npt.NDArray[np.bool_]  # where people and ropes stand before the wall
    things: dict[int, Thing]
    full_px: dict[int, float] = field(repr=False)  # area in the picture, were nothing in the way


def _surround(stage: Stage) -> Image:
    """The room behind the wall, in the frame."""
    rng, camera, recipe = stage.rng, stage.camera, stage.recipe
    frame = np.zeros((camera.height, camera.width, 3), np.float32)
    surroundings.ceiling(rng, frame)
    if recipe.sides or rng.random() < 0.3:
        surroundings.beside(rng, frame)
    if recipe.floor:
        foot = stage.y0 + stage.canvas.height
        middle = stage.x0 + stage.canvas.width / 2
        edge = [
            camera.project(x, foot)[1]
            for x in (middle - camera.width / 2, middle, middle + camera.width / 2)
        ]
        start = int(np.clip(min(edge) - 0.03 * camera.height, 0, camera.height - 3))
        surroundings.mats(rng, frame, start)
    return frame


def _people(stage: Stage, frame: Image) -> npt.NDArray[np.bool_]:
    """Draw people and ropes before the wall; returns where they are."""
    rng, camera, recipe = stage.rng, stage.camera, stage.recipe
    front = np.zeros(frame.shape[:2], bool)
    for _ in range(recipe.ropes):
        rgb, alpha = surroundings.rope(rng, front.shape, stage.ppm)
        frame += (rgb - frame) * alpha[..., None]
        front |= alpha > 0.5
    for _ in range(recipe.people):
        tall = float(np.clip(stage.ppm * 1.7 * rng.uniform(0.9, 1.4), 60, camera.height * 0.95))
        rgb, alpha = people.person(rng, tall)
        side = alpha.shape[0]
        x = round(rng.uniform(0.05, 0.95) * camera.width - side / 2)
        y = round(rng.uniform(0.35, 0.95) * camera.height - side / 2)
        xa, ya, xb, yb = (
            max(x, 0),
            max(y, 0),
            min(x + side, camera.width),
            min(y + side, camera.height),
        )
        if xb <= xa or yb <= ya:
            continue
        here, there = (slice(ya, yb), slice(xa, xb)), (slice(ya - y, yb - y), slice(xa - x, xb - x))
        shadow = soften(alpha, tall * 0.05)
        frame[here] *= (1 - 0.35 * np.roll(shadow, int(tall * 0.06), 0)[there])[..., None]
        frame[here] += (rgb[there] - frame[here]) * alpha[there][..., None]
        front[here] |= alpha[there] > 0.5
    return front


def render(
    rng: np.random.Generator, recipe: Recipe, size: tuple[int, int], reset: Reset | None = None
) -> Scene:
    """Draw one picture of ``size`` (width, height) px; with ``reset`` the second photo of the wall
    that the same ``rng`` and ``recipe`` draw without it.
    """
    stage = Stage(rng, recipe, size)
    stage.bolt_volumes()
    stage.set_holds(reset)
    rng = stage.rng
    canvas = stage.canvas
    map_x, map_y = stage.map_x - np.float32(stage.x0), stage.map_y - np.float32(stage.y0)
    covered = (map_x > 0) & (map_x < canvas.width - 1) & (map_y > 0) & (map_y < canvas.height - 1)
    frame = cv2.remap(canvas.rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    objects, volumes = (
        cv2.remap(
            ids, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        for ids in (canvas.objects, canvas.volumes)
    )
    if not covered.all():
        room = _surround(stage)
        share = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), 0.7)[..., None]
        frame = room + (frame - room) * share
        objects[~covered] = 0
        volumes[~covered] = 0
    front = _people(stage, frame)
    conditions = reset.conditions if reset is not None else recipe.conditions
    image = develop(rng, frame, conditions or Conditions.draw(rng))
    full = {
        ident: canvas.area[ident] * stage.camera.magnification(x + stage.x0, y + stage.y0)
        for ident, (x, y) in canvas.centre.items()
    }
    return Scene(image, objects, volumes, front, stage.things, full)
