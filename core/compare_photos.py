"""Two encoded photos with their analyses -> the comparison and its pictures, encoded.

The whole way from bytes to bytes, so that no face handles pixels: working pictures live only while
this runs. The analyses come from whoever made them (:mod:`core.service`).
"""

from __future__ import annotations

import csv
import io
import threading
from dataclasses import dataclass

from core.alignment import align
from core.change_picture import draw_changes, lay_before
from core.changes import Comparison
from core.compare import Look, compare
from core.export import inert
from core.memory.giving_back import return_freed_memory
from core.overlay import encode_jpeg
from core.reopening import reopen_photo
from core.settings import Settings
from core.wall import WallAnalysis

CSV_COLUMNS = ("change", "kind", "colour", "before", "after", "distance")

_one_at_a_time = threading.Lock()
"""Two photos of 12 megapixels take 100 MiB to compare; in eight sessions at once it was 590 MiB."""


@dataclass(frozen=True, slots=True)
class ComparedPhotos:
    """A comparison with its pictures as JPEG, all in the view of the second photo: ``changes``
    drawn, and both photos bare, the first laid onto the second."""

    comparison: Comparison
    changes: bytes
    before: bytes
    after: bytes


def compare_photos(
    before: tuple[bytes, WallAnalysis], after: tuple[bytes, WallAnalysis], settings: Settings
) -> ComparedPhotos:
    """Align both photos, compare their analyses and draw the result.

    One comparison runs at a time, and others wait. Raises :class:`core.alignment.AlignmentError`
    where the photos do not fit, and what :func:`core.reopening.reopen_photo` raises.
    """
    with _one_at_a_time:
        try:
            return _compared(before, after, settings)
        finally:
            return_freed_memory()  # else the C library keeps it, for each thread that asked


def _compared(
    before: tuple[bytes, WallAnalysis], after: tuple[bytes, WallAnalysis], settings: Settings
) -> ComparedPhotos:
    first, second = (
        reopen_photo(data, name=analysis.photo.name, settings=settings)
        for data, analysis in (before, after)
    )
    alignment = align(
        first.pixels, second.pixels, (first.width, first.height), (second.width, second.height)
    )
    look = Look.at(first.pixels, second.pixels, alignment)
    comparison = compare(before[1], after[1], alignment, look)
    drawn = draw_changes(second.pixels, before[1], after[1], comparison)
    laid = lay_before(first.pixels, alignment, second.pixels.shape[:2])
    return ComparedPhotos(
        comparison, encode_jpeg(drawn, 88), encode_jpeg(laid, 82), encode_jpeg(second.pixels, 82)
    )


def comparison_csv(document: dict[str, object]) -> str:
    """The holds of a comparison document, one row each after a row of :data:`CSV_COLUMNS`.

    A gym's own colour name that a spreadsheet would run as a formula gets an apostrophe.
    """
    sink = io.StringIO()
    writer = csv.DictWriter(sink, CSV_COLUMNS)
    writer.writeheader()
    rows = document["holds"]
    assert isinstance(rows, list)
    writer.writerows({**row, "colour": inert(row["colour"])} for row in rows)
    return sink.getvalue()
