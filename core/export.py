"""WallAnalysis -> JSON, CSV and COCO, and files that are written whole or not at all.

Each ``to_...`` function only translates; :func:`write_whole` is the one place that touches the
disk. The picture with outlines is made in :mod:`core.overlay`.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import OutputError
from core.wall import Hold, Problem, WallAnalysis

NEW_FILE = 0o666
"""Permissions that are asked for a new file; the umask takes away from them."""

CSV_COLUMNS = (
    "photo",
    "hold",
    "kind",
    "problem",
    "colour",
    "confidence",
    "sure",
    "alternatives",
    "rgb",
    "score",
    "x",
    "y",
    "width",
    "height",
    "area_px",
    "problem_name",
    "grade",
)

COCO_CATEGORIES = {"hold": 1, "volume": 2}

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)

# A spreadsheet takes a cell that begins with one of these for a formula and runs it when the file
# is opened (OWASP, "CSV Injection"); the full-width forms count in some locales.
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
# Where a comma is the decimal sign, a spreadsheet may divide a line at semicolons or tabs instead,
# whatever is quoted: a cell then begins in the middle of a text.
_INNER_FORMULA = re.compile("([;\t\r\n][\\s\"']*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")


def to_json(analysis: WallAnalysis) -> str:
    """The analysis document as strict JSON (RFC 8259) with a newline at the end.

    Text stays readable (no escapes for umlauts); a lone surrogate, as a file name that is not UTF-8
    leaves behind, becomes U+FFFD, so that the result can always be encoded. Raises ``ValueError``
    for a number that JSON has no word for.
    """
    return encode_json(analysis.document())


def encode_json(document: Mapping[str, object]) -> str:
    """Any document in the manner of :func:`to_json`: a line for each of its parts, and for each
    hold, problem or other entry of a part that is a list.

    Not by json's own indentation: that has a line for each number and takes four times as long,
    because it is written in Python.
    """
    parts = (f"{_JSON.encode(name)}: {_by_entry(part)}" for name, part in document.items())
    return _without_surrogates("{" + ",\n ".join(parts) + "}\n")


def _by_entry(part: object) -> str:
    if not isinstance(part, list):
        return _JSON.encode(part)
    return "[" + ",\n  ".join(map(_JSON.encode, part)) + "]"


def to_csv(*analyses: WallAnalysis) -> str:
    """One row per hold of all ``analyses``, after a row of :data:`CSV_COLUMNS` (RFC 4180).

    Numbers are as in the analysis document: box and area in pixels of the upright photo. ``rgb``
    is ``#rrggbb``; ``alternatives`` reads ``pink 0.4; red 0.1``. What a spreadsheet would run as a
    formula gets an apostrophe in front, behind a semicolon or a tab too. ``problem_name`` and
    ``grade`` are empty where a setter gave none.
    """
    sink = io.StringIO()
    writer = csv.writer(sink)  # the default dialect: commas, quotes doubled, CRLF
    writer.writerow(CSV_COLUMNS)
    for analysis in analyses:
        problems = {problem.id: problem for problem in analysis.problems}
        for hold in analysis.document()["holds"]:
            problem = problems.get(hold["problem"])
            writer.writerow(_csv_row(analysis.photo.name, hold, problem))
    return _without_surrogates(sink.getvalue())


def for_spreadsheet(table: str) -> bytes:
    """A table of :func:`to_csv` as a file that is opened with a double click: UTF-8 behind a byte
    order mark, without which Excel reads it in the country's old encoding and every name in Hangul
    becomes rubble. pandas and LibreOffice read past the mark.
    """
    return table.encode("utf-8-sig")


def _csv_row(photo: str, hold: dict[str, Any], problem: Problem | None) -> list[object]:
    colour = hold["colour"]
    alternatives = "; ".join(f"{name} {share}" for name, share in colour["alternatives"])
    return [
        inert(photo),
        hold["id"],
        hold["kind"],
        "" if hold["problem"] is None else hold["problem"],
        inert(colour["name"]),
        colour["confidence"],
        "yes" if colour["sure"] else "no",
        inert(alternatives),
        "#{:02x}{:02x}{:02x}".format(*colour["rgb"]),
        hold["score"],
        *hold["box"],
        hold["area_px"],
        inert(problem.name) if problem else "",
        inert(problem.grade) if problem else "",
    ]


def inert(text: str) -> str:
    """``text`` with an apostrophe wherever a spreadsheet would take what follows for a formula."""
    text = _INNER_FORMULA.sub(r"\1'", text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def to_coco(analyses: Sequence[WallAnalysis]) -> dict[str, Any]:
    """A COCO detection document (cocodataset.org, "Data format", object detection).

    Images and annotations are numbered from 1 in the order given. Besides the fields of the format,
    an annotation has the ``score``, the ``hold`` id of the analysis, ``attributes`` (``colour``,
    ``colour_confidence``, ``colour_sure``) and the ``problem``; where a setter gave them, also the
    ``problem_name`` and the ``grade``.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, analysis in enumerate(analyses, start=1):
        photo = analysis.photo
        images.append(
            {
                "id": image_id,
                "file_name": photo.name,
                "width": photo.width,
                "height": photo.height,
                "sha256": photo.sha256,
            }
        )
        problems = {problem.id: problem for problem in analysis.problems}
        for hold in analysis.holds:
            annotation = _coco_annotation(hold, len(annotations) + 1, image_id)
            problem = problems.get(hold.problem) if hold.problem else None
            annotations.append(annotation | _words_of(problem))
    return {
        "info": {"description": "Climbing holds and volumes found by ClimbMate", "version": "1"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": number, "name": name, "supercategory": "climbing"}
            for name, number in COCO_CATEGORIES.items()
        ],
    }


def _coco_annotation(hold: Hold, number: int, image_id: int) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image_id,
        "category_id": COCO_CATEGORIES[hold.kind],
        "bbox": [round(value, 2) for value in hold.box],
        "area": round(hold.area_px, 2),
        "segmentation": [[round(value, 2) for point in hold.polygon for value in point]],
        "iscrowd": 0,
        "score": round(hold.score, 3),
        "hold": hold.id,
        "problem": hold.problem,
        "attributes": {
            "colour": hold.colour.name,
            "colour_confidence": round(hold.colour.confidence, 3),
            "colour_sure": hold.colour.sure,
        },
    }


def _words_of(problem: Problem | None) -> dict[str, str]:
    """What a setter called the problem, without what is empty."""
    words = {"problem_name": problem.name, "grade": problem.grade} if problem else {}
    return {key: word for key, word in words.items() if word}


def write_whole(path: Path, content: str | bytes) -> None:
    """Write ``content`` (text as UTF-8, line ends as they are) to ``path``, whole or not at all.

    The content goes to a temporary file beside ``path``, which then takes its place in one step: a
    reader never meets half a file, and an older file survives any failure. A link stays, and the
    file that it leads to is replaced; a device or a pipe stays too, and is written to. Missing
    folders are made. Raises :class:`OutputError` (``output_failed``).
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        mode = _mode(path)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode is None or stat.S_ISREG(mode):
            # Not through the link: os.replace would put the file where the link was.
            target = Path(os.path.realpath(path))
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data, mode)
        else:
            # Who may write to /dev may also rename over /dev/null, and no program would run again.
            path.write_bytes(data)
    except OSError as error:
        raise _refused(path, error) from error


def prepare_target(path: Path) -> None:
    """Find out before the work whether :func:`write_whole` may write to ``path`` after it; missing
    folders are made.

    Raises :class:`OutputError` (``output_failed``). A disk may still fill up in between.
    """
    try:
        mode = _mode(path)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode is None or stat.S_ISREG(mode):
            folder = Path(os.path.realpath(path)).parent
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        "output_failed", f"The file {path} cannot be written: {reason}.", _hint(error, path)
    )


def _replace(path: Path, data: bytes, mode: int | None) -> None:
    # Not tempfile: only the owner may read its files, and whoever changes that by hand overrules
    # the umask, in which people say who may read what they write.
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, NEW_FILE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _mode(path: Path) -> int | None:
    """Kind and permissions of what is there; None where nothing is."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _hint(error: OSError, path: Path) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"Choose a folder that you may write to; {path.parent} is not one."
        case errno.ENOSPC | errno.EDQUOT:
            return "Free some disk space, or choose another place."
        case errno.EISDIR:
            return "That is a folder: give the name of a file in it."
        case errno.ENOTDIR | errno.EEXIST:
            return "A part of that path is a file, not a folder: choose another place."
        case errno.ENAMETOOLONG:
            return "Choose a shorter file name."
        case _:
            return "Choose another place."
