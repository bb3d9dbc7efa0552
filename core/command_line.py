"""The command line: ``python -m core analyze PHOTO ...``, ``settings`` and ``monitor``.

Results go where they were asked for; progress and logs go to stderr, so ``--json -`` leaves stdout
to the document, in UTF-8. Exit codes: 0 all photos analysed, 2 something the user can correct (a
message and a hint, never a traceback), 130 stopped. ``monitor --once`` has its own codes: 0 fine, 1
warning, 2 critical, 3 the server could not be read.

Arguments are in :mod:`core.command_arguments`, the work of ``analyze`` is in
:mod:`core.analyze_command`, and writing to the terminal is in :mod:`core.command_output`.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from core.analyze_command import run_analyze
from core.command_arguments import parse_arguments
from core.command_output import give_up_stdout, prepare_streams, put, report
from core.errors import ClimbMateError
from core.settings import Settings, load_settings
from core.settings_table import markdown_table

USER_ERROR = 2
UNKNOWN = 3
"""Of ``monitor``: nothing can be said, because the server cannot be read."""
INTERRUPTED = 130


def run_settings(arguments: argparse.Namespace) -> int:
    """Print the table of the environment variables."""
    if arguments.env:
        from core.environment_file import environment_file

        put(environment_file())
    else:
        put(f"{markdown_table()}\n")
    return 0


def run_monitor(arguments: argparse.Namespace) -> int:
    """Show readings of a server until interrupted, or one; its level is the exit code then."""
    from core.monitor_reading import take_reading, watch

    gc.enable()  # core.__main__ stopped it for the imports, and this runs for days
    try:
        settings = load_settings()
        url = (arguments.url or f"http://127.0.0.1:{settings.port}").rstrip("/")
        key = key_to_send(arguments.key_file, settings)
        return watch(
            lambda: take_reading(url, arguments.pid, key),
            put,
            every_s=arguments.every,
            once=arguments.once,
            as_json=arguments.json,
            terminal=sys.stdout is not None and sys.stdout.isatty(),
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
            key = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ClimbMateError(
                "key_unreadable",
                f"The key in {file} cannot be read: {error}.",
                "Name a text file that holds one key.",
            ) from error
        if not (key.isascii() and key.isprintable()):  # no header could carry it
            raise ClimbMateError(
                "key_unreadable",
                f"What {file} holds is no key.",
                "Name a text file that holds one key, on one line and in plain characters.",
            )
        return key
    keys = (key.strip() for key in settings.api_keys.split(","))
    return next((key for key in keys if key and not key.startswith("sha256:")), "")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        prepare_streams()
        arguments = parse_arguments(argv)
        if arguments.command == "settings":
            return run_settings(arguments)
        if arguments.command == "monitor":
            return run_monitor(arguments)
        return 0 if run_analyze(arguments) else USER_ERROR
    except ClimbMateError as error:
        report(error)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads our stdout, such as `head`, has heard enough
        give_up_stdout()
        return INTERRUPTED


def leave(code: int) -> NoReturn:
    """End the process without taking it apart.

    All is written by now; freeing every object singly, before the system takes their pages back as
    a whole, took another tenth of a second.
    """
    logging.shutdown()
    try:
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # the interpreter's own end tells what cannot be written
    os._exit(code)
