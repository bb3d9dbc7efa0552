"""The command line in a process of its own: the start, the embedded models, and streams that are
closed, full or left early.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.core.commands import document, make_photo

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_ctrl_c_while_modules_are_imported_is_no_traceback(tmp_path: Path) -> None:
    # A module that the imports meet presses Ctrl-C: the moment is the same on every machine.
    (tmp_path / "pydantic_core.py").write_text(
        "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    )

    done = subprocess.run(
        [sys.executable, "-m", "core", "settings"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
        # Who started these tests may have them ignore interrupts; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_help_and_wrong_arguments_wait_for_nothing_that_only_an_analysis_needs() -> None:
    code = "import sys, core.command_line; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "core.command_arguments" in done.stdout.split()
    assert not {"numpy", "cv2", "onnxruntime", "PIL", "psutil"} & set(done.stdout.split())


def test_a_python_without_the_packages_is_told_the_way(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c",  # without site-packages
         "import runpy, sys; sys.path.insert(0, '.'); runpy.run_module('core', None, '__main__')"],
        cwd=repository,
        capture_output=True,
        timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, b"")
    assert b" is not installed for " in done.stderr and b".venv/bin/python" in done.stderr
    assert done.stderr.count(b"\n") == 2


@pytest.fixture
def command(repository: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """The real program in a process of its own, with the embedded models."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "core", *arguments],
            cwd=repository,
            env={**os.environ, **environment},
            capture_output=True,
            timeout=120,
        )

    return run


def test_stdout_is_the_document_even_with_all_logs_on(
    command: Callable[..., Any], repository: Path
) -> None:
    demo = repository / "assets" / "demo_wall.jpg"

    done = command("analyze", str(demo), "--json", "-", LOG_LEVEL="DEBUG", PYTHONIOENCODING="ascii")

    assert done.returncode == 0, done.stderr.decode()
    assert len(document(done.stdout.decode("utf-8")).holds) > 30
    assert b"DEBUG" in done.stderr and b"session_opened" in done.stderr


def test_a_name_that_is_no_text_is_no_traceback(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    Path(os.fsdecode(path)).write_bytes(make_photo(tmp_path / "good.jpg").read_bytes())

    done = command("analyze", os.fsdecode(path), LANG="C.UTF-8")

    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert rb"\udcff\udcfe.jpg: 0 holds" in done.stdout
    assert b"No holds were found" in done.stderr


def shell(repository: Path, script: str) -> subprocess.CompletedProcess[bytes]:
    """``script`` with ``$core`` for the command line and ``$demo`` for a photo."""
    demo = repository / "assets" / "demo_wall.jpg"
    names = f"core='{sys.executable} -m core'; demo={demo}; "
    return subprocess.run(
        ["bash", "-c", names + script], cwd=repository, capture_output=True, timeout=120
    )


@pytest.mark.parametrize("asked", ["settings", "analyze $demo --json -", "analyze $demo --csv -"])
def test_results_that_a_closed_stdout_loses_are_an_error(asked: str, repository: Path) -> None:
    done = shell(repository, f"$core {asked} >&-")

    assert done.returncode == 2, done.stderr.decode()
    assert done.stderr.startswith(b"error: Standard output cannot be written: it is closed.")
    assert done.stderr.count(b"\n") == 2


def test_a_closed_stdout_does_not_matter_to_files(repository: Path, tmp_path: Path) -> None:
    target = tmp_path / "wall.json"

    done = shell(repository, f"$core analyze $demo --json {target} >&-")

    assert (done.returncode, done.stderr) == (0, b"")
    assert len(document(target.read_text(encoding="utf-8")).holds) > 30


def test_a_closed_stderr_leaves_stdout_to_the_document(repository: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    Image.new("RGB", (300, 300), (200, 200, 200)).save(empty)  # no holds: a warning

    done = shell(repository, f"$core analyze {empty} --json - 2>&-")

    assert done.returncode == 0
    assert document(done.stdout.decode("utf-8")).warnings


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_a_full_stdout_is_no_traceback(repository: Path) -> None:
    done = shell(repository, "$core settings >/dev/full")

    assert done.returncode == 2
    assert done.stderr.startswith(
        b"error: Standard output cannot be written: No space left on device. [output_failed]"
    )
    assert done.stderr.count(b"\n") == 2


def test_a_reader_that_leaves_early_is_no_traceback(repository: Path) -> None:
    demo = repository / "assets" / "demo_wall.jpg"
    script = (
        f"{sys.executable} -m core analyze {demo} --json - | head -c 10; echo ${{PIPESTATUS[0]}}"
    )

    done = subprocess.run(["bash", "-c", script], cwd=repository, capture_output=True, timeout=120)

    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr
    assert done.stdout.endswith((b"130\n", b"0\n"))  # 0 where the pipe took it all
