"""Converting a model in a child process.

PyTorch takes hundreds of megabytes that a process never gives back, so this process never imports
it: ``training.convert`` runs as a child, tells its progress line by line on stderr, and its memory
returns to the system when it exits. The meaning of the files it writes is not known here.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import ModelError

log = logging.getLogger(__name__)

Progress = Callable[[float, str], None]

ROOT = Path(__file__).resolve().parent.parent
DETECTOR_CONVERTER = 4
COLOUR_CONVERTER = 3
"""Parts of the cache keys: raise one when its converter begins to write other files."""

_PROGRESS = re.compile(r"progress (\d+(?:\.\d+)?) (.*)")
"""A line of the child's own; libraries write to the same stream."""


def require_packages(packages: Sequence[str], setting: str) -> None:
    """Raise :class:`ModelError` (``weights_need_torch``) when a package is not installed.

    ``setting`` is ``VARIABLE=value`` as it stands in the sentence. Nothing is imported to find out.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(
            "weights_need_torch",
            f"{setting} has to be converted, which needs {', '.join(missing)}; "
            "this installation only serves.",
            "Install requirements.txt, or convert on another machine and copy its cache here.",
        )


def convert_in_child(
    arguments: Sequence[str], setting: str, progress: Progress | None = None
) -> None:
    """Run ``python -m training.convert`` with ``arguments`` and wait for it.

    ``progress`` gets a share of 0..1 and a few words. Raises the child's own :class:`ModelError`,
    or one with code ``weights_conversion_failed`` that names ``setting`` when the child ended in
    another way.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "training.convert", *arguments]
    log.info("conversion_started setting=%s", setting)
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as child:
        try:
            last_words = _follow(child, progress)
            code = child.wait()
        except BaseException:  # also an interrupt: the child must not outlive its purpose
            child.kill()
            raise
    if code != 0:
        raise _failure(code, last_words, setting)
    log.info("conversion_done setting=%s", setting)


def _follow(child: subprocess.Popen[str], progress: Progress | None) -> deque[str]:
    """Read the child's lines to the end; returns the last few that were not progress."""
    last_words: deque[str] = deque(maxlen=20)
    assert child.stderr is not None
    for line in child.stderr:
        if own := _PROGRESS.fullmatch(line.strip()):
            if progress:
                progress(float(own[1]), own[2])
        elif line.strip():
            last_words.append(line.strip())
    return last_words


def _told(line: str) -> ModelError | None:
    """The error that the child tells in ``line``; None where it is another's words."""
    if not line.startswith("failed {"):
        return None
    try:
        told = json.loads(line.removeprefix("failed "))
        return ModelError(told["code"], told["message"], told["hint"])
    except (ValueError, KeyError):
        return None


def _failure(code: int, last_words: Sequence[str], setting: str) -> ModelError:
    for line in reversed(last_words):
        if (told := _told(line)) is not None:
            return told
    log.error("conversion_failed setting=%s code=%d last=%r", setting, code, list(last_words))
    if code == -signal.SIGKILL:
        return ModelError(
            "weights_conversion_failed",
            f"{setting} was not converted: the system stopped it, most likely for want of memory.",
            "Convert on a larger machine and copy its cache here.",
        )
    reason = last_words[-1] if last_words else f"exit code {code}"
    return ModelError(
        "weights_conversion_failed",
        f"{setting} was not converted ({reason}).",
        "The log has the details.",
    )
