"""The command line: ``python -m core analyze PHOTO ...``, ``settings`` and ``monitor``.

Results go where they were asked for; progress and logs go to stderr, so ``--json -`` leaves stdout
to the document, in UTF-8. Exit codes: 0 all photos analysed, 2 something the user can correct (a
message and a hint, never a traceback), 130 stopped. ``monitor --once`` has its own codes: 0 fine, 1
warning, 2 critical, 3 the server could not be read.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from core.errors import ClimbMateError, OutputError, PhotoError, PhotoTooLargeError
from core.settings import Settings, load_settings, markdown_table

if TYPE_CHECKING:
    from core.analysis import Models
    from core.photo import Photo
    from core.wall import WallAnalysis

USER_ERROR = 2
UNKNOWN = 3
"""Of ``monitor``: nothing can be said, because the server cannot be read."""
INTERRUPTED = 130
BAR_WIDTH = 24


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(prog="python -m core", description="Analyse climbing walls.")
    commands = parser.add_subparsers(dest="command", required=True)
    analyze = commands.add_parser("analyze", help="find holds, colours and problems on photos")
    analyze.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    analyze.add_argument(
        "--out", type=Path, metavar="DIR", help="write DIR/<photo>.json and DIR/<photo>.overlay.jpg"
    )
    analyze.add_argument(
        "--json", metavar="FILE", help="write the analysis document (- is stdout; one photo only)"
    )
    analyze.add_argument("--csv", type=Path, metavar="FILE", help="write one row per hold")
    analyze.add_argument("--coco", type=Path, metavar="FILE", help="write COCO annotations")
    analyze.add_argument(
        "--overlay", type=Path, metavar="FILE", help="write the annotated picture (one photo only)"
    )
    settings = commands.add_parser("settings", help="list the environment variables")
    form = settings.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a Markdown table (the default)")
    form.add_argument("--env", action="store_true", help="as a file of variables, .env.example")
    _add_monitor(commands)
    arguments = parser.parse_args(argv)
    if arguments.command == "analyze":
        _check(parser, arguments)
    if arguments.command == "monitor":
        _check_monitor(parser, arguments)
    return arguments


def _add_monitor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    monitor = commands.add_parser(
        "monitor",
        help="show memory, queue and cache of a running server",
        description="Shows memory, swap, models, queue and cache of a running server, with a "
        "warning from 80 % of the memory and critical from 90 %. With --once the exit code tells: "
        "0 fine, 1 warning, 2 critical, 3 the server could not be read.",
    )
    monitor.add_argument("--url", help="of the server (default: http://127.0.0.1 and PORT)")
    monitor.add_argument(
        "--pid", type=int, metavar="N", help="its process (default: who listens there)"
    )
    monitor.add_argument(
        "--every", type=float, default=2.0, metavar="S", help="seconds between readings (2)"
    )
    monitor.add_argument("--once", action="store_true", help="one reading, and an exit code")
    monitor.add_argument("--json", action="store_true", help="a JSON object a line")
    monitor.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="holds the key to send (default: the first plain one in API_KEYS)",
    )


def _check_monitor(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if not 0.1 <= arguments.every <= 86_400:
        parser.error("--every takes seconds, from 0.1 to 86400")
    if arguments.url is not None and not arguments.url.startswith(("http://", "https://")):
        parser.error("--url takes an address that begins with http:// or https://")


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if len(arguments.photos) > 1 and (arguments.json or arguments.overlay):
        parser.error("--json and --overlay take one photo; use --out DIR for several")
    stems = [photo.stem for photo in arguments.photos]
    if arguments.out and len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        parser.error(f"two photos are called {twice!r}, and --out would write both to one file")
    photos = {photo.resolve() for photo in arguments.photos}
    for target in output_files(arguments):
        if target.resolve() in photos:
            parser.error(f"{shown(target)} is a photo to analyse; it would be overwritten")


def output_files(arguments: argparse.Namespace) -> list[Path]:
    """Every file that the arguments ask for."""
    json_file = Path(arguments.json) if arguments.json and arguments.json != "-" else None
    named = [json_file, arguments.csv, arguments.coco, arguments.overlay]
    files = [path for path in named if path]
    for photo in arguments.photos if arguments.out else ():
        files += [arguments.out / f"{photo.stem}.json", arguments.out / f"{photo.stem}.overlay.jpg"]
    return files


def shown(text: object) -> str:
    """``text`` on one line of a terminal: a file name may hold line breaks, escape codes, or bytes
    that are no text at all.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def read_photo(path: Path, settings: Settings) -> bytes:
    """The photo's bytes. A file over the limit is refused before it is read.

    At most a byte over the limit is read: a device or a pipe tells no size, and may never end.

    Raises :class:`PhotoError` when the file cannot be read.
    """
    try:
        limit = int(settings.max_photo_mb * 2**20)
        size_mb = path.stat().st_size / 2**20
        if size_mb > settings.max_photo_mb:
            raise PhotoTooLargeError(
                "photo_too_large_bytes",
                f"The photo {path.name} has {size_mb:.1f} MiB; the limit is "
                f"{settings.max_photo_mb:g} MiB.",
                "Send a smaller photo or raise MAX_PHOTO_MB.",
            )
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise PhotoError(
            "photo_unreadable",
            f"{path.name or path} cannot be read: {error.strerror or error}.",
            "Check the path and the file's permissions.",
        ) from error


class ProgressBar:
    """One line on stderr that is redrawn; nothing where stderr is not a terminal."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.live = sys.stderr.isatty()

    def show(self, share: float, what: str) -> None:
        """Draw the bar at ``share`` (0..1) with the stage's name."""
        if self.live:
            filled = round(share * BAR_WIDTH)
            bar = "#" * filled + "." * (BAR_WIDTH - filled)
            print(f"\r{self.label} [{bar}] {what:<9}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def run_settings(arguments: argparse.Namespace) -> int:
    """Print the table of the environment variables."""
    if arguments.env:
        from core.environment_file import environment_file

        sys.stdout.write(environment_file())
    else:
        print(markdown_table())
    return 0


def run_monitor(arguments: argparse.Namespace) -> int:
    """Show readings of a server until interrupted, or one; its level is the exit code then."""
    from core.monitor_reading import take_reading, watch

    try:
        settings = load_settings()
        url = (arguments.url or f"http://127.0.0.1:{settings.port}").rstrip("/")
        key = key_to_send(arguments.key_file, settings)
        return watch(
            lambda: take_reading(url, arguments.pid, key),
            write_now,
            every_s=arguments.every,
            once=arguments.once,
            as_json=arguments.json,
            terminal=sys.stdout.isatty(),
        )
    except ClimbMateError as error:
        report(error)
        return UNKNOWN


def key_to_send(file: Path | None, settings: Settings) -> str:
    """The key in ``file``, else the first plain one in API_KEYS, else none.

    Raises :class:`ClimbMateError` when the file cannot be read.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ClimbMateError(
                "key_unreadable",
                f"The key in {file} cannot be read: {error}.",
                "Name a text file that holds one key.",
            ) from error
    keys = (key.strip() for key in settings.api_keys.get_secret_value().split(","))
    return next((key for key in keys if key and not key.startswith("sha256:")), "")


def write_now(text: str) -> None:
    """Write to stdout, at once: who follows a pipe must not wait for a buffer to fill."""
    sys.stdout.write(text)
    sys.stdout.flush()


def run_analyze(arguments: argparse.Namespace) -> int:
    """Analyse every photo; one that fails is reported and does not stop the others."""
    settings = load_settings()
    logging.basicConfig(level=settings.log_level, stream=sys.stderr)
    if arguments.out:
        make_folder(arguments.out)
    models = load(settings)
    # Imported here, so that --help and a wrong argument answer at once.
    from core.analysis import Step, analyze, finish
    from core.export import encode_json, to_coco, to_csv, write_whole

    analyses, failed = [], False
    for path in arguments.photos:
        opened: list[Photo] = []
        bar = ProgressBar(shown(path.name))

        def on_step(step: Step, bar: ProgressBar = bar, opened: list[Photo] = opened) -> None:
            bar.show(step.share, step.stage)
            if step.photo is not None:
                opened.append(step.photo)

        try:
            data = read_photo(path, settings)
            analysis = finish(analyze(data, models, settings, name=path.name), on_step)
        except PhotoError as error:
            bar.end()
            report(error, path)
            failed = True
            continue
        bar.end()
        for warning in analysis.warnings:
            print(f"{shown(path)}: warning: {shown(warning)}", file=sys.stderr)
        write_outputs(arguments, path, analysis, opened[0])
        analyses.append(analysis)
    if analyses and arguments.csv:
        write_whole(arguments.csv, to_csv(*analyses))
    if analyses and arguments.coco:
        write_whole(arguments.coco, encode_json(to_coco(analyses)))
    return USER_ERROR if failed else 0


def load(settings: Settings) -> Models:
    """The models, opened while the modules that use them are imported."""
    from core.opening import Opening

    opening = Opening(settings, conversion_progress())
    from core.analysis import load_models

    return load_models(settings, None, opening)


def conversion_progress() -> Callable[[float, str], None]:
    """Progress of a model conversion, on a bar of its own."""
    bar = ProgressBar("converting the model")

    def show(share: float, what: str) -> None:
        bar.show(share, what)
        if share >= 1:
            bar.end()

    return show


def write_outputs(
    arguments: argparse.Namespace, path: Path, analysis: WallAnalysis, photo: Photo
) -> None:
    """The files that were asked for, for one photo; where nothing was, a summary on stdout."""
    from core.export import to_json, write_whole

    if arguments.json == "-":
        sys.stdout.write(to_json(analysis))
    elif arguments.json:
        write_whole(Path(arguments.json), to_json(analysis))
    if arguments.out:
        write_whole(arguments.out / f"{path.stem}.json", to_json(analysis))
    overlays = [arguments.overlay] if arguments.overlay else []
    if arguments.out:
        overlays.append(arguments.out / f"{path.stem}.overlay.jpg")
    if overlays:
        from core.overlay import draw_overlay, encode_jpeg

        picture = encode_jpeg(draw_overlay(photo.pixels, analysis, photo.scale))
        for target in overlays:
            write_whole(target, picture)
    if arguments.json != "-":
        print(summary(path, analysis))


def summary(path: Path, analysis: WallAnalysis) -> str:
    """One line: what was found on the photo, and how long it took."""
    volumes = sum(hold.kind == "volume" for hold in analysis.holds)
    unsure = sum(not hold.colour.sure for hold in analysis.holds)
    return (
        f"{shown(path)}: {len(analysis.holds) - volumes} holds, {volumes} volumes, "
        f"{len(analysis.problems)} problems, {unsure} unsure colours, "
        f"{analysis.timings_ms.total / 1000:.2f} s"
    )


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


def report(error: ClimbMateError, path: Path | None = None) -> None:
    """The error as one line on stderr, and its hint as another."""
    where = f"{shown(path)}: " if path else ""
    print(f"{where}error: {shown(error.message)} [{error.code}]", file=sys.stderr)
    if error.hint:
        print(f"  {shown(error.hint)}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = parse_arguments(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # JSON is UTF-8, whatever the terminal's locale is
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        if arguments.command == "settings":
            code = run_settings(arguments)
        elif arguments.command == "monitor":
            code = run_monitor(arguments)
        else:
            code = run_analyze(arguments)
        sys.stdout.flush()
        return code
    except ClimbMateError as error:
        report(error)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads our stdout, such as `head`, has heard enough
        # The interpreter flushes stdout once more at its end; that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED


def leave(code: int) -> NoReturn:
    """End the process without taking it apart.

    All is written by now; freeing every object singly, before the system takes their pages back as
    a whole, took another tenth of a second.
    """
    logging.shutdown()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # the interpreter's own end tells what cannot be written
    os._exit(code)


if __name__ == "__main__":
    leave(main())
