"""What changed on a wall, drawn on the second photo; and the first photo laid onto the second.

Fates differ by colour, by line and by sign, so that none of the three is needed alone: *came* is a
thick solid blue outline with a plus, *went* a dashed orange one with a minus, at the place where it
was, *moved* a dotted yellow one with an arrow from the old place to the new, *stayed* a thin white
one without a sign. The colours are from the palette of Okabe and Ito ("Color Universal Design",
2008), which people with any colour vision tell apart.

Not done here: deciding what changed, and reading photos.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from core.alignment import Alignment
from core.arrays import Doubles, Pixels, check_picture
from core.changes import Comparison, HoldChange
from core.overlay import DARK, dashes
from core.wall import RGB, Hold, WallAnalysis

FATE_COLOURS: dict[str, RGB] = {
    "came": (0, 134, 209),
    "went": (240, 110, 20),
    "moved": (240, 228, 66),
    "stayed": (235, 238, 238),
}

DRAWN = ("stayed", "went", "moved", "came")
"""From the lowest to the topmost."""

BRIGHTNESS = 0.62
"""What is left of the photo's brightness, so that lines stand out."""

NOTHING: RGB = (60, 64, 66)
"""Where the first photo does not show what the second one does."""

BAND_PX = 256
"""Rows that are laid at a time: where all pixels come from would be larger than the picture."""

STEP_PX = 16

_BITS = 4


def draw_changes(
    after_pixels: Pixels, before: WallAnalysis, after: WallAnalysis, comparison: Comparison
) -> Pixels:
    """Draw ``comparison`` on a copy of the second working picture, uint8 (H, W, 3) sRGB."""
    check_picture(after_pixels)
    picture: Pixels = np.asarray(cv2.convertScaleAbs(after_pixels, alpha=BRIGHTNESS), np.uint8)
    share = after_pixels.shape[1] / comparison.alignment.after_size[0]
    first = {hold.id: hold for hold in before.holds}
    second = {hold.id: hold for hold in after.holds}
    line = max(1.5, max(after_pixels.shape[:2]) / 420)
    for fate in DRAWN:
        for change in comparison.holds:
            if change.fate == fate:
                old = _placed(first.get(change.before or 0), comparison.alignment, share)
                new = _placed(second.get(change.after or 0), None, share)
                _draw_change(picture, change, old, new, line)
    return picture


def lay_before(before_pixels: Pixels, alignment: Alignment, shape: tuple[int, int]) -> Pixels:
    """The first working picture as the second camera saw it, uint8 (H, W, 3) of ``shape`` (height,
    width); plain grey where it shows nothing."""
    height, width = shape
    share, shrink = width / alignment.after_size[0], before_pixels.shape[1]
    shrink /= alignment.before_size[0]
    laid = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, BAND_PX):
        rows = min(BAND_PX, height - top)
        # Where every STEP_PX-th pixel comes from; those between lie between to a thousandth.
        y, x = np.mgrid[0 : rows + STEP_PX : STEP_PX, 0 : width + STEP_PX : STEP_PX]
        places = (np.column_stack([x.ravel(), top + y.ravel()]) + 0.5) / share
        coarse = (alignment.to_before(places) * shrink - 0.5).reshape(*x.shape, 2)
        y, x = np.mgrid[0:rows, 0:width].astype(np.float32) / STEP_PX
        fine = cv2.remap(coarse.astype(np.float32), x, y, cv2.INTER_LINEAR)
        laid[top : top + rows] = cv2.remap(
            before_pixels, fine[..., 0], fine[..., 1], cv2.INTER_LINEAR, borderValue=NOTHING
        )
    return laid


def _placed(hold: Hold | None, alignment: Alignment | None, share: float) -> Doubles | None:
    """A hold's outline in the second working picture."""
    if hold is None:
        return None
    outline = np.array(hold.polygon, np.float64)
    return (alignment.to_after(outline) if alignment else outline) * share


def _draw_change(
    picture: Pixels, change: HoldChange, old: Doubles | None, new: Doubles | None, line: float
) -> None:
    colour = FATE_COLOURS[change.fate]
    here = new if new is not None else old
    assert here is not None  # a change has an id on at least one photo
    match change.fate:
        case "stayed":
            _stroke(picture, [here], True, colour, 0.7 * line, 1.6 * line)
        case "came":
            _stroke(picture, [here], True, colour, 2.2 * line, 3.6 * line)
            _sign(picture, here, colour, line, upright=True)
        case "went":
            _stroke(picture, dashes(here, 6 * line, 4 * line), False, colour, 1.7 * line, 3 * line)
            _sign(picture, here, colour, line, upright=False)
        case "moved" if old is not None:
            for outline in (old, here):
                dots = dashes(outline, 1.2 * line, 3.2 * line)
                _stroke(picture, dots, False, colour, 2 * line, 3.2 * line)
            _arrow(picture, old.mean(0), here.mean(0), colour, line)
        case _:
            pass


def _stroke(
    picture: Pixels,
    lines: Sequence[Doubles],
    closed: bool,
    colour: RGB,
    width: float,
    casing: float,
) -> None:
    """Lines (P, 2) over a darker, wider line of the same course."""
    # A pixel's middle is at half a pixel in the analysis, at a whole one in OpenCV.
    fixed = [
        np.round((np.clip(points, -4096, 32768) - 0.5) * (1 << _BITS)).astype(np.int32)
        for points in lines
    ]
    for shade, thick in ((DARK, casing), (colour, width)):
        cv2.polylines(picture, fixed, closed, shade, max(1, round(thick)), cv2.LINE_AA, _BITS)


def _sign(picture: Pixels, outline: Doubles, colour: RGB, line: float, *, upright: bool) -> None:
    """A plus (``upright``) or a minus in the middle of the hold, on a dark disc."""
    middle, reach = (outline.min(0) + outline.max(0)) / 2, np.ptp(outline, axis=0).min() / 2
    line = line * float(np.clip(reach / (9 * line), 0.6, 1.0))  # smaller on small holds
    arm = 3.2 * line
    x, y = (round(float(value) * (1 << _BITS)) for value in middle)
    cv2.circle(
        picture, (x, y), int(5.4 * line * (1 << _BITS)), DARK, cv2.FILLED, cv2.LINE_AA, _BITS
    )
    bars = [middle + np.array([[-arm, 0], [arm, 0]])]
    if upright:
        bars.append(middle + np.array([[0, -arm], [0, arm]]))
    _stroke(picture, bars, False, colour, 1.9 * line, 1.9 * line)


def _arrow(picture: Pixels, start: Doubles, end: Doubles, colour: RGB, line: float) -> None:
    length = float(np.linalg.norm(end - start))
    if length < 4 * line:
        return
    along = (end - start) / length
    across = np.array([-along[1], along[0]])
    head = min(7 * line, 0.4 * length)
    wings = [
        np.array([end - head * along + side * 0.5 * head * across, end]) for side in (-1.0, 1.0)
    ]
    _stroke(picture, [np.array([start, end]), *wings], False, colour, 1.5 * line, 2.8 * line)
