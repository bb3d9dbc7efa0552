"""What a wall's picture shows, drawn by chance, and what a reset between two pictures changes.

Counts, sizes and moods alone, so that a test or a benchmark can ask for a wall of its own; nothing
is drawn here (:mod:`training.render.stage`, :mod:`training.render.scene`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render import surfaces
from training.render.colours import choose_name
from training.render.develop import Conditions
from training.render.shading import Light


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a picture shows. ``width_m`` is how much wall fits the frame; counts are wishes."""

    holds: int
    width_m: float
    size_m: float  # typical length of a hold
    base: str
    folds: int = 0
    painted: bool = False
    lettering: bool = False
    nuts: bool = True
    set_as: str = "routes"  # routes, mixed or shop
    volumes: int = 0
    people: int = 0
    ropes: int = 0
    marks: float = 0.2  # share of holds with tape or a card
    floor: bool = False
    top: bool = False
    sides: bool = False
    steady: float = 1.0
    colours: tuple[str, ...] = ()  # of the routes, in turn; empty: the gym decides
    light: Light | None = None
    conditions: Conditions | None = None

    @classmethod
    def draw(cls, rng: np.random.Generator, holds: int | None, aspect: float) -> Recipe:
        """A gym, drawn from all of them; ``aspect`` is the frame's height over its width."""
        if rng.random() < 0.06:
            return cls._shop(rng, holds)
        # Hold sizes relative to the frame as on the real training photos (median 22 px of 640), and
        # a tail of wide angles with small ones.
        width = float(np.exp(rng.uniform(np.log(1.2), np.log(6.5))))
        size = float(np.exp(rng.normal(np.log(0.185), 0.3)))
        area = width * width * aspect
        density = float(np.exp(rng.uniform(np.log(1.6), np.log(8))))
        spray = rng.random() < 0.2
        count = int(np.clip(area * density * (2 if spray else 1), 8, 320))
        kinds = surfaces.KINDS
        return cls(
            holds=count if holds is None else holds,
            width_m=width,
            size_m=size,
            base=choose_name(rng, kinds),
            folds=int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1])),
            painted=bool(rng.random() < 0.2),
            lettering=bool(rng.random() < 0.1),
            nuts=bool(rng.random() < 0.82),
            set_as="mixed" if spray else "routes",
            volumes=int(rng.poisson(min(1.0 + area * 0.35, 12)) * (rng.random() < 0.8)),
            people=int(rng.choice([0, 1, 2], p=[0.68, 0.24, 0.08])),
            ropes=int(rng.choice([0, 1, 2], p=[0.87, 0.08, 0.05])),
            marks=rng.uniform(0, 0.45) if rng.random() < 0.6 else 0.0,
            floor=bool(rng.random() < 0.4),
            top=bool(rng.random() < 0.35),
            sides=bool(rng.random() < 0.25),
        )

    @classmethod
    def _shop(cls, rng: np.random.Generator, holds: int | None) -> Recipe:
        """A picture of a few holds or volumes on plain ground."""
        bodies = int(rng.choice([0, 1, 2], p=[0.45, 0.4, 0.15]))
        count = 0 if bodies else int(rng.integers(1, 16))
        return cls(
            holds=count if holds is None else holds,
            width_m=rng.uniform(0.8, 1.6),
            size_m=0.2,
            base=choose_name(rng, {"painted": 5, "resin": 3, "birch": 3}),
            nuts=bool(rng.random() < 0.3),
            set_as="shop",
            volumes=bodies,
            marks=0.0,
            steady=0.3,
        )


@dataclass(frozen=True, slots=True)
class Reset:
    """What setters did to a wall between two photos, and the second photo.

    ``stripped`` problems were taken down, ``fresh`` holds (a wish) in new problems put up, and
    ``moved`` holds of the others hang elsewhere, if ``turned`` in any turn. ``seed`` decides over
    all of it and over the place of the second camera.
    """

    seed: int
    stripped: frozenset[int]
    fresh: int
    moved: int = 0
    colours: tuple[str, ...] = ()
    conditions: Conditions | None = None
    turned: bool = False
    calm: float = 1.0  # below 1: the second camera stands closer to the first
