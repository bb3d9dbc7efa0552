"""Where things go on a printed page: cards in rows and columns, parts of a photo inside them.

All lengths are millimetres from the upper left corner of the paper, photos are in pixels of the
full upright photo. Nothing here draws (:mod:`core.sheet_canvas`) or decides what is printed
(:mod:`core.sheet`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from core.wall import Box, Hold, Point

MARGIN_MM, GUTTER_MM, FOOT_MM = 11.0, 5.0, 7.0
"""Most printers leave about 6 mm of the paper's rim white."""

DOTS_PER_MM = 180 / 25.4
LONGEST_PX = 1600


@dataclass(frozen=True, slots=True)
class Placed:
    """A part of the photo (``part``, pixels of the photo) as it lies on the paper, in mm."""

    part: Box
    x: float
    y: float
    width: float
    height: float

    @classmethod
    def within(cls, part: Box, x: float, y: float, width: float, height: float) -> Placed:
        """As large as fits into the place, in the middle of it."""
        factor = min(width / part[2], height / part[3])
        wide, high = part[2] * factor, part[3] * factor
        return cls(part, x + (width - wide) / 2, y + (height - high) / 2, wide, high)

    @property
    def factor(self) -> float:
        """Millimetres per pixel of the photo."""
        return self.width / self.part[2]

    @property
    def longest_px(self) -> int:
        """How many pixels its longer side needs on paper."""
        return min(LONGEST_PX, ceil(max(self.width, self.height) * DOTS_PER_MM))

    def outline(self, hold: Hold) -> list[Point]:
        """The hold's outline in mm on the paper, cut where the picture ends."""
        return [
            (
                self.x + min(max((x - self.part[0]) * self.factor, 0.0), self.width),
                self.y + min(max((y - self.part[1]) * self.factor, 0.0), self.height),
            )
            for x, y in hold.polygon
        ]

    def box(self, hold: Hold) -> Box:
        """The hold's box in mm from the picture's corner."""
        x, y, width, height = hold.box
        near = (x - self.part[0]) * self.factor, (y - self.part[1]) * self.factor
        return *near, width * self.factor, height * self.factor


def card_places(size: tuple[float, float], count: int) -> list[Box]:
    """Where the cards of one page go, in mm: two below each other, or two by two."""
    columns = count // 2
    width = (size[0] - 2 * MARGIN_MM - (columns - 1) * GUTTER_MM) / columns
    height = (size[1] - 2 * MARGIN_MM - FOOT_MM - GUTTER_MM) / 2
    return [
        (
            MARGIN_MM + (place % columns) * (width + GUTTER_MM),
            MARGIN_MM + (place // columns) * (height + GUTTER_MM),
            width,
            height,
        )
        for place in range(count)
    ]
