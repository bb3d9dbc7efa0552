# ruff: noqa: T201  (a command line: it prints)
"""Check the environment that this runs in: does it serve, without PyTorch and without libGL?

    python scripts/check_serving.py FOLDER

Run by ``check_serving_install.sh`` in a fresh environment. Files go to FOLDER. A machine that has
libGL proves nothing by itself, so its desktop libraries are put out of reach first: files that are
no libraries stand in for them at the head of the loader's path, and a control shows that loading
one fails. Exit code 1, with a sentence, when something is not as it should be.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ABSENT_PACKAGES = ("torch", "torchvision", "ultralytics", "open_clip", "onnx", "matplotlib")

DESKTOP = (
    "libGL.so.1", "libGLX.so.0", "libOpenGL.so.0", "libGLdispatch.so.0", "libEGL.so.1",
    "libX11.so.6", "libXext.so.6", "libSM.so.6", "libICE.so.6",
    "libgthread-2.0.so.0", "libglib-2.0.so.0", "libgtk-3.so.0",
)  # fmt: skip
"""What a desktop build of OpenCV asks for and a small server does not have."""

APP = """
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("streamlit_app.py", default_timeout=120).run()
assert not app.exception, [error.value for error in app.exception]
import sys
assert "torch" not in sys.modules
"""


class CheckFailed(Exception):
    """The environment does not serve; the message says why."""


def expect(right: bool, sentence: str) -> None:
    """Raise :class:`CheckFailed` with ``sentence`` unless ``right``."""
    if not right:
        raise CheckFailed(sentence)


def check_packages() -> str:
    """No PyTorch, and exactly one OpenCV: the headless one."""
    present = [name for name in ABSENT_PACKAGES if importlib.util.find_spec(name)]
    expect(not present, f"expected a serving installation without {', '.join(present)}")
    names = {str(found.metadata["Name"]).lower() for found in importlib.metadata.distributions()}
    opencv = sorted(name for name in names if name.startswith("opencv"))
    expect(opencv == ["opencv-python-headless"], f"expected one headless OpenCV, got {opencv}")
    return "no PyTorch, one OpenCV (headless)"


def check_linking() -> str:
    """No library of any package asks for a desktop library, directly or through another one.

    What they ask for and the machine does not have is reported by ``ldd`` as not found, unless the
    package brings it along and loads it itself.
    """
    folder = Path(sysconfig.get_path("purelib"))
    libraries = sorted(path for path in folder.rglob("*.so*") if path.is_file())
    shipped = {path.name for path in libraries}
    expect(any(path.parent.name == "cv2" for path in libraries), f"no OpenCV under {folder}")
    for path in libraries:
        listing = subprocess.run(["ldd", str(path)], capture_output=True, text=True).stdout
        needed = re.findall(r"^\s*(\S+) =>", listing, re.MULTILINE)
        desktop = sorted(set(needed) & set(DESKTOP))
        expect(not desktop, f"{path.relative_to(folder)} asks for {', '.join(desktop)}")
        missing = re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE)
        lost = [name for name in missing if name not in shipped]
        expect(not lost, f"{path.relative_to(folder)} needs {', '.join(lost)}, which is missing")
    return f"{len(libraries)} shared libraries, none asks for libGL or another desktop library"


def without_desktop(folder: Path) -> dict[str, str]:
    """An environment in which loading any of :data:`DESKTOP` fails, as where it is absent."""
    poison = folder / "no-desktop"
    poison.mkdir(parents=True, exist_ok=True)
    for name in DESKTOP:
        (poison / name).write_bytes(b"")
    return {**os.environ, "LD_LIBRARY_PATH": str(poison), "PYTHONPATH": str(ROOT)}


def run(command: Sequence[str], environment: dict[str, str]) -> str:
    """Standard output of ``command``, which has to end well."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    said = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    expect(done.returncode == 0, f"{command[1:4]} ended with {done.returncode}:\n{said}")
    return done.stdout


def check_control(environment: dict[str, str]) -> str:
    """Loading libGL fails in that environment: otherwise what follows would prove nothing."""
    program = "import ctypes; ctypes.CDLL('libGL.so.1')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    expect(done.returncode != 0, "libGL could be loaded although it was put out of reach")
    try:
        ctypes.CDLL("libGL.so.1")
    except OSError:
        return "libGL cannot be loaded (this machine has none)"
    return "libGL cannot be loaded (this machine has one, and it is out of reach)"


def check_analysis(folder: Path, environment: dict[str, str]) -> str:
    """The command line analyses the demo wall with the embedded models."""
    photo = folder / "wall.jpg"
    run([sys.executable, "-m", "training.walls", "--demo", str(photo)], environment)
    told = run([sys.executable, "-m", "core", "analyze", str(photo), "--json", "-"], environment)
    document = json.loads(told)
    expect(document["schema"] == "climbmate.wall/1", f"unknown schema {document['schema']}")
    expect(len(document["holds"]) > 0, "no hold was found on the demo wall")
    return (
        f"demo wall: {len(document['holds'])} holds, {len(document['problems'])} problems, "
        f"{document['timings_ms']['total'] / 1000:.2f} s, {document['memory_mb']['peak']:.0f} MiB"
    )


def check_dashboard(environment: dict[str, str]) -> str:
    """The dashboard's first page runs to its end."""
    run([sys.executable, "-c", APP], environment)
    return "the dashboard's first page runs"


def check_rest(environment: dict[str, str]) -> str:
    """Dashboard and REST in one process, and REST alone, can be imported without PyTorch."""
    program = "import api.app, server, sys; api.app.app; assert 'torch' not in sys.modules"
    run([sys.executable, "-c", program], environment)
    return "server.py and api/app.py can be imported"


def main() -> int:
    """Run every check; 0 when all are right."""
    folder = Path(sys.argv[1]).resolve()
    environment = without_desktop(folder)
    checks = (
        check_packages,
        check_linking,
        lambda: check_control(environment),
        lambda: check_analysis(folder, environment),
        lambda: check_dashboard(environment),
        lambda: check_rest(environment),
    )
    try:
        for check in checks:
            print(f"ok: {check()}", flush=True)
    except CheckFailed as failure:
        print(f"not ok: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
