"""The arguments of ``python -m core``: what may be given, and what does not go together.

Everything that can be said of the arguments without opening a photo is said here, with the usage
and exit code 2, as argparse does. Nothing is read, written or run here.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from core.command_output import shown

STDOUT = "-"
"""Given as a file name: print there instead."""

OTHER_PICTURES = frozenset(
    ".png .webp .gif .bmp .tif .tiff .avif .heic .heif .jxl .svg .pdf".split()
)
"""Endings of files that a JPEG must not be called by."""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line's arguments. Raises ``SystemExit`` where they are wrong or ask for help."""
    parser = argparse.ArgumentParser(prog="python -m core", description="Analyse climbing walls.")
    commands = parser.add_subparsers(dest="command", required=True)
    analyze = _add_analyze(commands)
    settings = commands.add_parser("settings", help="list the environment variables")
    form = settings.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a Markdown table (the default)")
    form.add_argument("--env", action="store_true", help="as a file of variables, .env.example")
    monitor = _add_monitor(commands)
    arguments = parser.parse_args(argv)
    if arguments.command == "analyze":
        _check_analyze(analyze, arguments)
    if arguments.command == "monitor":
        _check_monitor(monitor, arguments)
    return arguments


def file_name(text: str) -> str:
    """``text``, which an empty variable of a script makes empty. Raises
    ``argparse.ArgumentTypeError`` then."""
    if not text:
        raise argparse.ArgumentTypeError("expected a name, got an empty one")
    return text


def _add_analyze(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    analyze = commands.add_parser(
        "analyze",
        help="find holds, colours and problems on photos",
        description="Finds the holds on photos of climbing walls, their colours and the problems "
        "they form. Without an option, one line per photo says what was found. The exit code is 0 "
        "when every photo was analysed, and 2 when something has to be corrected.",
    )
    analyze.add_argument(
        "photos",
        nargs="+",
        type=file_name,
        metavar="PHOTO",
        help="a photo: JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP",
    )
    analyze.add_argument(
        "--out",
        type=file_name,
        metavar="DIR",
        help="write DIR/<photo>.json and DIR/<photo>.overlay.jpg for each photo",
    )
    for name, what in {
        "--json": "write the analysis document of one photo (- prints it)",
        "--csv": "write one row per hold, for all photos (- prints them)",
        "--coco": "write COCO annotations, for all photos (- prints them)",
        "--overlay": "write the annotated picture of one photo, a JPEG",
    }.items():
        analyze.add_argument(name, type=file_name, metavar="FILE", help=what)
    return analyze


def _add_monitor(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
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
    return monitor


def _check_monitor(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if not 0.1 <= arguments.every <= 86_400:
        parser.error("--every takes seconds, from 0.1 to 86400")
    if arguments.url is not None and (problem := _address_problem(arguments.url)):
        parser.error(f"--url {problem}")


def _address_problem(url: str) -> str:
    """What is wrong with the address of a server; empty where nothing is."""
    if not url.startswith(("http://", "https://")):
        return "takes an address that begins with http:// or https://"
    try:
        parts = urlsplit(url)
    except ValueError as error:  # brackets that enclose no address of IPv6
        return f"takes an address, which {shown(url)} is not: {error}"
    if not parts.hostname:
        return f"takes an address with a host, as in http://127.0.0.1:8501, got {shown(url)}"
    try:
        usable = parts.port != 0
    except ValueError:
        usable = False
    port = parts.netloc.rpartition(":")[2]
    return "" if usable else f"takes a port from 1 to 65535, got {shown(port)}"


def _check_analyze(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    photos = [Path(photo) for photo in arguments.photos]
    if len(photos) > 1 and (arguments.json or arguments.overlay):
        parser.error("--json and --overlay take one photo; use --out DIR for several")
    stems = [photo.stem for photo in photos]
    if arguments.out and len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        parser.error(f"two photos are called {twice!r}, and --out would write both to one file")
    if arguments.overlay == STDOUT:
        parser.error("--overlay writes a picture: name a file")
    if arguments.overlay and Path(arguments.overlay).suffix.lower() in OTHER_PICTURES:
        parser.error(f"--overlay writes a JPEG, which {shown(arguments.overlay)} does not end as")
    if (arguments.json, arguments.csv, arguments.coco).count(STDOUT) > 1:
        parser.error("only one result can go to stdout")
    _check_targets(parser, arguments)


def _check_targets(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse files that would be lost: photos, and one result under another."""
    taken = {os.path.realpath(photo): "a photo to analyse" for photo in arguments.photos}
    for target in output_files(arguments):
        place = os.path.realpath(target)
        if place in taken:
            parser.error(f"{shown(target)} is {taken[place]}; it would be overwritten")
        taken[place] = "asked for twice"


def output_files(arguments: argparse.Namespace) -> list[Path]:
    """Every file that the arguments ask for."""
    named = (arguments.json, arguments.csv, arguments.coco, arguments.overlay)
    files = [Path(name) for name in named if name and name != STDOUT]
    for photo in arguments.photos if arguments.out else ():
        files += out_files(arguments.out, photo)
    return files


def out_files(folder: str, photo: str) -> tuple[Path, Path]:
    """What ``--out`` writes for a photo: the document and the picture."""
    stem = Path(photo).stem
    return Path(folder, f"{stem}.json"), Path(folder, f"{stem}.overlay.jpg")
