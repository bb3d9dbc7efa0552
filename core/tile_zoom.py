"""How near the tiles look at a picture, by what the view of everything found on it.

Small holds are found when they are enlarged, large ones are only cut up by it, and every tile costs
as much as any other: so the magnification follows the smaller ones of the holds that are there. No
pixels are read here; laying tiles out is :mod:`core.views`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.merge import Detection
from core.quantiles import quantiles
from core.views import View, lay_out

ENLARGE_TO_PX = 1280.0
"""Longest side, in pixels, up to which small pictures are enlarged."""

COMFORTABLE_PX = 60.0
"""Longer side of a hold, in tile pixels, from which on more magnification finds no more."""

SMALL_PX = 44.0
"""Longer side of a hold, in tile pixels, below which more is found by going nearer."""

CLOSER = 1.7
"""How much nearer, at most. With 1.4 and 36 pixels for SMALL_PX a sixth of the tiles was saved, and
box AP was .606 instead of .608 on real photos, .828 instead of .835 on rendered walls.
"""

LEGIBLE_PX = 29.0
"""Longer side of a hold, in tile pixels, that is not given up to save tiles."""

ENOUGH_HOLDS = 4
"""Fewer holds in the whole view say nothing about their size."""

FARTHER = 0.4
"""Zoom of one view more, as a share of the whole view's, where that found so few: a volume that
fills the photo is recognised from farther away.
"""

SURE_ENOUGH = 0.25
"""Score from which a detection is taken for an object when objects are counted. Sizes are read from
much weaker ones too: what the whole view hardly sees is what nearer tiles are for.
"""

FILLING_SHARE = 0.35
"""An object with this share of the photo's longer side makes a photo with few holds a close-up."""


def largest_zoom(width: int, height: int) -> float:
    """Magnification of the tiles for holds of unknown or ordinary size: small pictures are shown
    enlarged, since their holds are small too.
    """
    return float(np.clip(ENLARGE_TO_PX / max(width, height), 1.0, 2.0))


def is_close_up(found: Sequence[Detection]) -> bool:
    """Whether the whole view may show too few objects because they are too near."""
    return sum(d.kind == "hold" and d.score >= SURE_ENOUGH for d in found) < ENOUGH_HOLDS


def needed_zoom(found: Sequence[Detection], whole: View) -> float:
    """Magnification at which the tiles should show the picture, from what the whole view found.

    Where the small ones among the holds (their lower quartile) already reach COMFORTABLE_PX, tiles
    would only cut large holds up; the whole view's own zoom is returned, and there are no tiles.
    Where they would stay below SMALL_PX, the tiles go up to CLOSER times nearer than usual. A
    close-up that one object fills gets no tiles either.
    """
    usual = largest_zoom(whole.width, whole.height)
    filling = FILLING_SHARE * max(whole.width, whole.height)
    if is_close_up(found) and any(
        d.score >= SURE_ENOUGH and longer_side(d) > filling for d in found
    ):
        return whole.zoom
    size = lower_quartile(found)
    if not size:
        return usual
    zoom = COMFORTABLE_PX / size
    most = float(np.clip(SMALL_PX / size, usual, CLOSER * usual))
    return whole.zoom if zoom < 1.3 * whole.zoom else min(zoom, most)


def longer_side(found: Detection) -> float:
    """Longer side of its box, in picture pixels."""
    return float((found.box[2:] - found.box[:2]).max())


def lower_quartile(found: Sequence[Detection]) -> float:
    """Longer side, in picture pixels, that a quarter of the holds stays below; 0 where too few
    were found to tell.
    """
    sizes = np.array([(d.box[2:] - d.box[:2]).max() for d in found if d.kind == "hold"], np.float64)
    return float(quantiles(sizes, (0.25,))[0]) if len(sizes) >= ENOUGH_HOLDS else 0.0


def thrifty_zoom(zoom: float, size: float, whole: View, side: int) -> float:
    """``zoom``, or down to a quarter less where that saves tiles: each one costs as much as any.

    Never so little that the small holds (longer side ``size`` in picture pixels; 0 is unknown)
    would be shown below LEGIBLE_PX, nor less than the whole view shows.
    """
    lowest = max(0.75 * zoom, LEGIBLE_PX / size if size else zoom, whole.zoom)
    steps = [share for share in np.linspace(zoom, lowest, 11).tolist() if share <= zoom]
    counts = [len(lay_out(whole.width, whole.height, side, zoom=share)) for share in steps]
    return steps[counts.index(min(counts))] if counts else zoom
