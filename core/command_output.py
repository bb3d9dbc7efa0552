"""What the command line writes: results on stdout, progress and errors on stderr.

A stream that the caller closed or that cannot take more is an error with a sentence, as any other
output is. Nothing is decided here about what is written.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

from core.errors import ClimbMateError, OutputError

BAR_WIDTH = 24
STAGE_WIDTH = 9


def prepare_streams() -> None:
    """Make stdout UTF-8, whatever the terminal's locale is, and stderr always there.

    The numbers of closed streams are taken by the null device: else the next file that is opened
    gets one of them, and what a native library tells its user would land in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    if sys.stderr is None:  # who closed it wants to hear nothing; print() would take stdout instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")


def put(text: str) -> None:
    """Write to stdout, at once: who follows a pipe must not wait for a buffer to fill.

    Raises :class:`OutputError` where stdout is closed or full, and ``BrokenPipeError`` where its
    reader has gone.
    """
    reason = "it is closed"
    if sys.stdout is not None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            give_up_stdout()
    raise OutputError(
        "output_failed",
        f"Standard output cannot be written: {reason}.",
        "Choose another place for the results.",
    )


def give_up_stdout() -> None:
    """Let what stdout still holds go nowhere: the interpreter flushes it once more at its end, and
    that must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def shown(text: object) -> str:
    """``text`` on one line of a terminal: a file name may hold line breaks, escape codes, or bytes
    that are no text at all.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def report(error: ClimbMateError, path: Path | None = None) -> None:
    """The error as one line on stderr, and its hint as another."""
    where = f"{shown(path)}: " if path else ""
    print(f"{where}error: {shown(error.message)} [{error.code}]", file=sys.stderr)
    if error.hint:
        print(f"  {shown(error.hint)}", file=sys.stderr)


def bar(share: float) -> str:
    """BAR_WIDTH signs, of which ``share`` (0..1) is filled."""
    filled = round(share * BAR_WIDTH)
    return "#" * filled + "." * (BAR_WIDTH - filled)


class ProgressBar:
    """One line on stderr that is redrawn; nothing where stderr is not a terminal.

    A long label is cut: a line that the terminal wraps could not be redrawn.
    """

    def __init__(self, label: str) -> None:
        room = shutil.get_terminal_size().columns - BAR_WIDTH - STAGE_WIDTH - len(" [] ") - 1
        self.label = label if len(label) <= room else f"{label[: max(room - 1, 0)]}…"
        self.live = sys.stderr.isatty()

    def show(self, share: float, what: str) -> None:
        """Draw the bar at ``share`` (0..1) with the stage's name."""
        if self.live:
            text = f"\r{self.label} [{bar(share)}] {what:<{STAGE_WIDTH}}"
            print(text, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
