"""A click or a drag on the photo -> a proposed hold: an outline, and its colour.

The detector looks once or twice at a magnified part of the photo around the place, and with a lower
confidence than when it searches alone, since a person says that there is something. What it finds
there is the proposal (``detected``). Where it finds nothing, colour alone decides
(``segmented``, see :mod:`core.segment`), if something stands out there. Failing that, a drag gives
an outline in the shape of its box (``box``), and a click is refused. The colour is read by the
reader that reads all holds.

The proposal is not added to anything: that is an edit (:class:`core.review_edits.AddHold`). Runs
the models, so it belongs on the thread that runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.analysis import Models, make_holds
from core.colour_statistics import photo_light
from core.errors import EditError
from core.exposure import Exposure, expose
from core.generators import result_of
from core.masks import box_mask
from core.merge import Detection
from core.photo import Photo
from core.segment import segment_at, segment_in
from core.settings import Settings
from core.views import View
from core.wall import Box, Hold, Kind, Point

How = Literal["detected", "segmented", "box"]

CLICK_CONFIDENCE: dict[Kind, float] = {"hold": 0.08, "volume": 0.2}
"""Least confidence of a detection where a person points; the settings' own where that is less. A
volume needs more: with less, large parts of a bare wall are taken for one."""

SHOWN_PX = 80.0
"""Longer side, in tile pixels, at which a typical hold is shown to the detector."""

TYPICAL_SHARE = 1 / 18
"""Longer side of a typical hold as a share of the photo's shorter one, where no hold is known."""

LARGEST_ZOOM = 4.0
"""Enlarging further shows the detector only blur."""

ENOUGH_OVERLAP = 0.4
"""Intersection over union of a drag's box with a detection's, from which that one is meant."""

LEAST_BOX_PX = 3.0
"""Shorter side of a drag's box in pixels of the working picture, at least."""

SEARCH_REACH = 1.1
"""How far from a click the segmentation looks, in sizes of a typical hold."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A hold in pixels of the upright full-size photo, its id to be ignored, and how it came to
    be: by the detector, by its colour against the wall, or in the shape of the box."""

    hold: Hold
    how: How


def propose_at(
    photo: Photo, point: Point, models: Models, settings: Settings, *, typical_px: float = 0.0
) -> Proposal:
    """The hold under ``point``, in pixels of the upright full-size photo.

    ``typical_px`` is the longer side of a typical hold of this wall in the same pixels (see
    :func:`typical_size`), 0 where unknown. Raises :class:`EditError`: ``outside_photo``, and
    ``nothing_here`` where nothing stands out.
    """
    _check_inside(photo, *point)
    seen = expose(photo.pixels)
    place = np.array(point, np.float32) / photo.scale
    height, width = photo.pixels.shape[:2]
    size = typical_px / photo.scale or TYPICAL_SHARE * min(width, height)
    # First as large as other holds are shown; then smaller, for volumes and big holds.
    for shown in (SHOWN_PX, SHOWN_PX / 3):
        view = view_around(width, height, place, shown / size, models.detector.side)
        found = under_point(_look(seen, view, models, settings), place)
        if found is not None:
            return _proposal(found, "detected", photo, seen, models)
    outline = segment_at(seen.pixels, place, SEARCH_REACH * size)
    if outline is None:
        raise EditError(
            "nothing_here",
            "No hold can be told from the wall at this place.",
            "Click on the middle of the hold, or drag a box around it.",
        )
    return _proposal(_as_detection(outline), "segmented", photo, seen, models)


def propose_in(photo: Photo, box: Box, models: Models, settings: Settings) -> Proposal:
    """The hold inside ``box`` (x, y, width, height in pixels of the upright full-size photo).

    What of the box lies outside the photo is cut off. Always gives a proposal, at worst the box
    itself. Raises :class:`EditError`: ``outside_photo``, or ``box_too_small``.
    """
    corners = _box_corners(photo, box)
    seen = expose(photo.pixels)
    low, high = corners[:2], corners[2:]
    middle = np.asarray((low + high) / 2, np.float32)
    height, width = photo.pixels.shape[:2]
    zoom = 2 * SHOWN_PX / float((high - low).max())
    view = view_around(width, height, middle, zoom, models.detector.side)
    found = in_box(_look(seen, view, models, settings), corners)
    if found is not None:
        return _proposal(found, "detected", photo, seen, models)
    outline = segment_in(seen.pixels, corners)
    if outline is not None:
        return _proposal(_as_detection(outline), "segmented", photo, seen, models)
    x1, y1, x2, y2 = corners.tolist()
    drawn = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
    return _proposal(_as_detection(drawn), "box", photo, seen, models)


def typical_size(holds: Sequence[Hold]) -> float:
    """Median longer side of the holds' boxes in pixels; 0 where there are none."""
    sizes = [max(hold.box[2:]) for hold in holds if hold.kind == "hold"]
    return float(np.median(sizes)) if sizes else 0.0


def view_around(
    width: int, height: int, middle: NDArray[np.float32], zoom: float, side: int
) -> View:
    """The part of a picture of ``width`` x ``height`` around ``middle`` that fills a tile of
    ``side`` at about ``zoom``, moved inward where it would reach over the rim.
    """
    zoom = float(np.clip(zoom, side / max(width, height), LARGEST_ZOOM))
    window = min(round(side / zoom), max(width, height))
    across, down = min(window, width), min(window, height)
    x = int(np.clip(round(float(middle[0]) - across / 2), 0, width - across))
    y = int(np.clip(round(float(middle[1]) - down / 2), 0, height - down))
    cuts = (x > 0, y > 0, x + across < width, y + down < height)
    return View(x, y, across, down, min(zoom, side / max(across, down)), cuts)


def under_point(found: Sequence[Detection], point: NDArray[np.float32]) -> Detection | None:
    """The detection whose outline contains ``point``: a hold before the volume it is on, then the
    most confident."""
    target = (float(point[0]), float(point[1]))
    there = [d for d in found if not d.cut and cv2.pointPolygonTest(d.outline, target, False) >= 0]
    return max(there, key=lambda d: (d.kind == "hold", d.score), default=None)


def in_box(found: Sequence[Detection], corners: NDArray[np.float32]) -> Detection | None:
    """The detection whose box agrees best with ``corners`` (x1, y1, x2, y2), if any does."""

    def overlap(detection: Detection) -> float:
        size = np.minimum(corners[2:], detection.box[2:]) - np.maximum(
            corners[:2], detection.box[:2]
        )
        shared = float(np.clip(size, 0, None).prod())
        both = (corners[2:] - corners[:2]).prod() + (detection.box[2:] - detection.box[:2]).prod()
        return shared / max(float(both) - shared, 1e-9)

    best = max((d for d in found if not d.cut), key=overlap, default=None)
    return best if best is not None and overlap(best) >= ENOUGH_OVERLAP else None


def _look(seen: Exposure, view: View, models: Models, settings: Settings) -> list[Detection]:
    """What the detector sees in ``view`` when it is told that there is something."""
    least = {kind: min(share, settings.yolo_conf) for kind, share in CLICK_CONFIDENCE.items()}
    keen = models.detector.with_confidence(min(least.values()))
    return [d for d in keen.look(seen.pixels, view) if d.score >= least[d.kind]]


def _proposal(found: Detection, how: How, photo: Photo, seen: Exposure, models: Models) -> Proposal:
    """The detection with its colour, in pixels of the full-size photo."""
    height, width = photo.pixels.shape[:2]
    mask = box_mask(found.outline, width, height)
    reading = models.colours.read(seen.pixels, [mask], [found.kind], photo_light(seen.pixels))
    colours = seen.as_photographed(result_of(reading))
    return Proposal(make_holds([found], colours, photo)[0], how)


def _as_detection(outline: NDArray[np.float32]) -> Detection:
    """An outline that no model gave; its score of 1 is the person's."""
    box = np.concatenate([outline.min(0), outline.max(0)]).astype(np.float32)
    return Detection("hold", 1.0, box, outline)


def _check_inside(photo: Photo, x: float, y: float) -> None:
    # Written so that a number that is not one is refused too.
    if not (0 <= x <= photo.width and 0 <= y <= photo.height):
        raise EditError(
            "outside_photo",
            f"The point ({x:.0f}, {y:.0f}) is outside the photo, which has "
            f"{photo.width} x {photo.height} pixels.",
            "Click on the photo.",
        )


def _box_corners(photo: Photo, box: Box) -> NDArray[np.float32]:
    """The part of ``box`` on the photo as corners (4,) in pixels of the working picture."""
    x, y, width, height = box
    if not (all(map(isfinite, box)) and width > 0 and height > 0):
        raise EditError("box_too_small", "The box is empty.", "Drag it around the whole hold.")
    low = np.clip([x, y], 0, [photo.width, photo.height]) / photo.scale
    high = np.clip([x + width, y + height], 0, [photo.width, photo.height]) / photo.scale
    if (high <= low).any():
        raise EditError("outside_photo", "The box is outside the photo.", "Drag it on the photo.")
    if (high - low).min() < LEAST_BOX_PX:
        raise EditError(
            "box_too_small",
            "The box is too small to look into.",
            "Drag it around the whole hold; zoom in where the hold is small.",
        )
    return np.concatenate([low, high]).astype(np.float32)
