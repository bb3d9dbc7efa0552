"""``python -m core analyze``: photos in; documents, tables and pictures out.

The photos are analysed one after the other with the models loaded once. A photo that cannot be read
or does not fit into the memory is reported and does not stop the others; where a result cannot be
written, everything stops. Arguments are parsed in :mod:`core.command_arguments`.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.command_arguments import STDOUT, out_files, output_files
from core.command_output import ProgressBar, put, report, shown
from core.errors import MemoryRefusedError, OutputError, PhotoError, PhotoTooLargeError
from core.photo_limits import rounded_up_mb
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from core.analysis import Models
    from core.photo import Photo
    from core.wall import WallAnalysis


def run_analyze(arguments: argparse.Namespace) -> bool:
    """Analyse every photo and write what was asked for; whether all could be analysed.

    Raises :class:`core.errors.ClimbMateError` where settings, models or outputs cannot be used.
    """
    settings = load_settings()
    logging.basicConfig(level=settings.log_level, stream=sys.stderr)
    # Imported here, so that --help and a wrong argument answer at once.
    from core.export import prepare_target

    if STDOUT in (arguments.json, arguments.csv, arguments.coco):
        put("")  # nobody should wait for an analysis that then has nowhere to go
    if arguments.out:
        make_folder(Path(arguments.out))
    for target in output_files(arguments):
        prepare_target(target)
    models = load(settings)
    for warning in models.warnings:
        print(f"warning: {shown(warning)}", file=sys.stderr)
    analyses = []
    for photo in arguments.photos:
        try:
            analyses.append(analyze_photo(photo, models, settings, arguments))
        except (PhotoError, MemoryRefusedError) as error:
            report(error, Path(photo))
    if analyses:
        write_tables(arguments, analyses)
    return len(analyses) == len(arguments.photos)


def load(settings: Settings) -> Models:
    """The models, opened while the modules that use them are imported."""
    from core.opening import Opening

    opening = Opening(settings, conversion_progress())
    from core.analysis import load_models

    models = load_models(settings, None, opening)
    if not gc.isenabled():  # core.__main__ stopped it for the imports
        gc.freeze()  # what was imported and loaded stays
        gc.enable()
    return models


def conversion_progress() -> Callable[[float, str], None]:
    """Progress of a model conversion, on a bar of its own."""
    bar = ProgressBar("converting the model")

    def show(share: float, what: str) -> None:
        bar.show(share, what)
        if share >= 1:
            bar.end()

    return show


def analyze_photo(
    name: str, models: Models, settings: Settings, arguments: argparse.Namespace
) -> WallAnalysis:
    """Analyse one photo and write what is written for each.

    Raises :class:`PhotoError` and :class:`MemoryRefusedError` where the photo is to blame, and
    :class:`OutputError`.
    """
    from core.analysis import Step, analyze, finish

    path = Path(name)
    opened: list[Photo] = []
    bar = ProgressBar(shown(path.name))

    def on_step(step: Step) -> None:
        bar.show(step.share, step.stage)
        if step.photo is not None:
            opened.append(step.photo)

    try:
        data = read_photo(path, settings)
        analysis = finish(analyze(data, models, settings, name=path.name), on_step)
    finally:
        bar.end()
    for warning in analysis.warnings:
        if warning not in models.warnings:  # those were told once for all photos
            print(f"{shown(path)}: warning: {shown(warning)}", file=sys.stderr)
    write_outputs(arguments, path, analysis, opened[0])
    return analysis


def read_photo(path: Path, settings: Settings) -> bytes:
    """The photo's bytes. A file over the limit is refused before it is read.

    At most a byte over the limit is read: a device or a pipe tells no size, and may never end.

    Raises :class:`PhotoError` when the file cannot be read.
    """
    limit = int(settings.max_photo_mb * 2**20)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            data = file.read(limit + 1) if size <= limit else b""
    except OSError as error:
        raise PhotoError(
            "photo_unreadable",
            f"{path.name or path} cannot be read: {error.strerror or error}.",
            "Check the path and the file's permissions.",
        ) from error
    if max(size, len(data)) > limit:
        known = f"{rounded_up_mb(size):.1f} MiB" if size > limit else "more than that"
        raise PhotoTooLargeError(
            "photo_too_large_bytes",
            f"The limit is {settings.max_photo_mb:g} MiB, and the photo {path.name} has {known}.",
            "Send a smaller photo or raise MAX_PHOTO_MB.",
        )
    return data


def write_outputs(
    arguments: argparse.Namespace, path: Path, analysis: WallAnalysis, photo: Photo
) -> None:
    """The files that were asked for, for one photo, and a summary on stdout where that is free."""
    from core.export import to_json, write_whole

    documents = [arguments.json] if arguments.json else []
    overlays = [Path(arguments.overlay)] if arguments.overlay else []
    if arguments.out:
        document, overlay = out_files(arguments.out, str(path))
        documents.append(str(document))
        overlays.append(overlay)
    for target in documents:
        if target == STDOUT:
            put(to_json(analysis))
        else:
            write_whole(Path(target), to_json(analysis))
    if overlays:
        from core.overlay import draw_overlay, encode_jpeg

        picture = encode_jpeg(draw_overlay(photo.pixels, analysis, photo.scale))
        for overlay in overlays:
            write_whole(overlay, picture)
    # Who closed stdout has the files; only a result that was to go there would be missed.
    if STDOUT not in (arguments.json, arguments.csv, arguments.coco) and sys.stdout is not None:
        put(f"{summary(path, analysis)}\n")


def write_tables(arguments: argparse.Namespace, analyses: Sequence[WallAnalysis]) -> None:
    """What is written once for all photos."""
    from core.export import encode_json, to_coco, to_csv, write_whole

    tables: list[tuple[str | None, Callable[[], str]]] = [
        (arguments.csv, lambda: to_csv(*analyses)),
        (arguments.coco, lambda: encode_json(to_coco(analyses))),
    ]
    for target, make in tables:
        if target == STDOUT:
            put(make())
        elif target:
            write_whole(Path(target), make())


def summary(path: Path, analysis: WallAnalysis) -> str:
    """One line: what was found on the photo, and how long it took."""
    volumes = sum(hold.kind == "volume" for hold in analysis.holds)
    unsure = sum(not hold.colour.sure for hold in analysis.holds)
    return (
        f"{shown(path)}: {_counted(len(analysis.holds) - volumes, 'hold')}, "
        f"{_counted(volumes, 'volume')}, {_counted(len(analysis.problems), 'problem')}, "
        f"{_counted(unsure, 'unsure colour')}, {analysis.timings_ms.total / 1000:.2f} s"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def make_folder(folder: Path) -> None:
    """Create the output folder. Raises :class:`OutputError` when that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            "output_failed",
            f"The folder {folder} cannot be made: {error.strerror or error}.",
            "Choose another folder for --out.",
        ) from error
