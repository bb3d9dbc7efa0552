"""What a fresh checkout is made of: requirements, one OpenCV, the licence, the commands."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
SERVE = ROOT / "requirements-serve.txt"
FULL = ROOT / "requirements.txt"
CONSTRAINTS = ROOT / "constraints.txt"

OWN = {"api", "benchmarks", "core", "debug_memory", "pages", "scripts", "server", "streamlit_app"}
OWN |= {"debug_memory_panel", "debug_memory_streamlit", "tests", "training"}

NOT_IMPORTED = {
    "memray": "run as a tool, in a process of its own",
    "mypy": "run as a tool",
    "python-multipart": "imported by FastAPI to read uploads",
    "ruff": "run as a tool",
    "pandas": "asked for by streamlit, pinned for its tables",
}
"""Requirements that no file has to import, and why they are there."""

AGPL_3_SHA256 = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"
"""Of the text as the Free Software Foundation publishes it (gnu.org/licenses/agpl-3.0.txt)."""


def requirements(path: Path) -> dict[str, Requirement]:
    """The requirements of one file by normalised name, without those it refers to."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(item.name): item for item in found}


def everything() -> dict[str, Requirement]:
    return requirements(SERVE) | requirements(FULL)


def imported_packages(*parts: str) -> set[str]:
    """Top names of what the Python files under ``parts`` import from elsewhere."""
    found: set[str] = set()
    for part in parts:
        path = ROOT / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.split(".")[0])
    return found - OWN - set(sys.stdlib_module_names)


@functools.cache
def installed_packages() -> dict[str, list[str]]:
    """Import names and the distributions they come from."""
    return dict(importlib.metadata.packages_distributions())


def providers(module: str) -> set[str]:
    """Names of the installed distributions that ``module`` may come from."""
    return {canonicalize_name(name) for name in installed_packages().get(module, [])}


@pytest.mark.parametrize("path", [SERVE, FULL, CONSTRAINTS], ids=lambda path: path.name)
def test_every_version_is_pinned(path: Path) -> None:
    for item in requirements(path).values():
        assert re.fullmatch(r"==[\w.]+", str(item.specifier)), f"expected a pin, got {item}"


def test_nothing_is_pinned_twice() -> None:
    serve, full, rest = (set(requirements(path)) for path in (SERVE, FULL, CONSTRAINTS))

    assert not serve & full
    assert not (serve | full) & rest


def test_the_full_installation_contains_the_serving_one() -> None:
    assert "-r requirements-serve.txt" in FULL.read_text().splitlines()
    assert "-c constraints.txt" in SERVE.read_text().splitlines()


@pytest.mark.parametrize("item", everything().values(), ids=str)
def test_the_pinned_version_is_the_installed_one(item: Requirement) -> None:
    # A build of one's own, such as 2.13.0+cpu, satisfies ==2.13.0.
    assert item.specifier.contains(importlib.metadata.version(item.name))


def closure(names: set[str]) -> set[str]:
    """``names`` and everything that the installed distributions of these names ask for."""
    seen: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for text in importlib.metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(wanted.name))
    return seen


def test_serving_needs_no_torch_by_any_road() -> None:
    needed = closure(set(requirements(SERVE)))

    assert needed & {"torch", "torchvision", "onnx", "matplotlib"} == set()
    assert not {name for name in needed if name.startswith(("ultralytics", "open-clip", "nvidia"))}


def test_what_requirements_bring_along_is_pinned() -> None:
    pinned = set(everything()) | set(requirements(CONSTRAINTS))
    # torch brings what its build needs: another set for each kind of machine.
    torch = closure({"torch"}) - {"torch"}

    assert closure(set(everything())) - pinned - torch == set()


SERVING = ("core", "api", "pages", "streamlit_app.py", "server.py", "debug_memory.py")
SERVING += ("debug_memory_panel.py", "debug_memory_streamlit.py")


BROUGHT_ALONG = {"anyio", "click", "pydantic-core", "starlette"}
"""What FastAPI, uvicorn, Streamlit and pydantic are made of and hand to whoever uses them."""


def test_what_is_brought_along_is_pinned_and_asked_for() -> None:
    assert set(requirements(CONSTRAINTS)) >= BROUGHT_ALONG
    assert closure(set(requirements(SERVE))) >= BROUGHT_ALONG


@pytest.mark.parametrize("module", sorted(imported_packages(*SERVING)))
def test_what_serves_imports_only_what_serving_installs(module: str) -> None:
    assert providers(module) & (set(requirements(SERVE)) | BROUGHT_ALONG), (
        f"{module} is in no serving requirement"
    )


@pytest.mark.parametrize("module", sorted(imported_packages("training", "benchmarks", "tests")))
def test_everything_imported_is_required(module: str) -> None:
    pinned = set(everything()) | set(requirements(CONSTRAINTS))

    assert providers(module) & pinned, f"{module} is in no requirement"


def test_everything_required_is_used() -> None:
    parts = (*SERVING, "scripts", "training", "benchmarks", "tests")
    used = set().union(*(providers(module) for module in imported_packages(*parts)))

    assert set(everything()) - used - set(NOT_IMPORTED) == set()


def test_one_opencv_is_installed_and_it_is_the_headless_one() -> None:
    names = {str(item.metadata["Name"]).lower() for item in importlib.metadata.distributions()}

    assert {name for name in names if "opencv" in name and not name.startswith("ultralytics")} == {
        "opencv-python-headless"
    }


def test_ultralytics_works_with_that_opencv() -> None:
    program = (
        "from training.torchvision_shim import ensure_torchvision; ensure_torchvision()\n"
        "import cv2, ultralytics; print(ultralytics.YOLO.__name__, cv2.__version__)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["YOLO", importlib.metadata.version("opencv-python-headless")[:5]]


def test_the_licence_is_the_whole_agpl_3() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == AGPL_3_SHA256
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "AGPL-3.0-only"


def test_streamlit_knows_every_option_and_keeps_to_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "config", "show"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("STREAMLIT_")},
    )
    text = re.sub(r"\x1b\[[\d;]*m", "", done.stdout)
    shown = tomllib.loads(text[text.index("[global]") :])  # before it stands a sentence

    assert "not a valid config option" not in done.stdout + done.stderr
    assert shown["browser"]["gatherUsageStats"] is False
    assert shown["server"]["maxUploadSize"] == 20
    assert shown["server"]["headless"] is True
    assert shown["server"]["fileWatcherType"] == "none"


GUIDES = ["README.md", "docs/api.md", "docs/deploy.md", "docs/memory.md", "weights/MODEL_CARD.md"]


@pytest.mark.parametrize("guide", GUIDES)
def test_what_a_guide_points_to_is_there(guide: str) -> None:
    path = ROOT / guide
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith(("http:", "https:"))]

    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("guide", GUIDES)
def test_the_programs_that_a_guide_names_are_there(guide: str) -> None:
    text = (ROOT / guide).read_text(encoding="utf-8")
    modules = set(re.findall(r"\bpython3? -m ([\w.]+)", text)) - {"pip"}
    scripts = set(re.findall(r"\bpython3? ([\w/]+\.py)", text))

    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    assert [name for name in scripts if not (ROOT / name).is_file()] == []


def test_the_readme_names_only_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {"run", "test"} <= set(re.findall(r"\bmake ([a-z]+)\b", text)) <= targets


def test_the_embedded_models_are_as_small_as_the_readme_says() -> None:
    folders = [ROOT / "weights" / name for name in ("detector", "colour", "statistics")]
    size_mb = sum(file.stat().st_size for folder in folders for file in folder.iterdir()) / 1e6
    (said,) = re.findall(r"embedded models take ([\d.]+) MB", (ROOT / "README.md").read_text())

    assert f"{size_mb:.1f}" == said and size_mb < 12


FAKE_PYTHON = """#!/bin/sh
# A Python that only notes what it is asked to do.
echo "$0 $*" >> "$LOG"
case "$*" in
    *version_info[:2]*) echo 3.12 ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """Makefile, scripts and requirements in a folder of their own, with a Python that only notes
    its calls in ``log``.
    """
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "requirements-serve.txt", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    python = folder / "python3"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    yield folder


def make(checkout: Path, *targets: str) -> list[str]:
    """What the Python was asked to do for ``targets``, in order, without its own path."""
    log = checkout / "log"
    log.write_text("")
    environment = {**os.environ, "LOG": str(log), "PYTHON": "./python3"}
    for name in ("MAKEFLAGS", "MAKELEVEL", "VENV", "PORT", "ADDRESS", "ARGS"):
        environment.pop(name, None)
    subprocess.run(
        ["make", *targets], cwd=checkout, env=environment, check=True, capture_output=True
    )
    calls = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
    return [call for call in calls if call.startswith("-m ")]


def installs(calls: list[str]) -> list[str]:
    return [call.split(" -r ")[1] for call in calls if call.startswith("-m pip install")]


def test_make_run_installs_what_serves_and_starts_the_dashboard(checkout: Path) -> None:
    calls = make(checkout, "run", "PORT=9000")

    assert calls[0] == "-m venv .venv"
    assert installs(calls) == ["requirements-serve.txt"]
    assert calls[-1].startswith("-m streamlit run streamlit_app.py ")
    assert "--server.port 9000" in calls[-1]
    assert "--server.headless true" in calls[-1]
    assert "--browser.gatherUsageStats false" in calls[-1]


def test_make_test_installs_everything_and_passes_arguments_on(checkout: Path) -> None:
    calls = make(checkout, "test", "ARGS=-k photo")

    assert installs(calls) == ["requirements-serve.txt", "requirements.txt"]
    assert calls[-1] == "-m pytest -k photo"


def test_nothing_is_installed_twice(checkout: Path) -> None:
    make(checkout, "install")

    assert make(checkout, "install") == []
    assert installs(make(checkout, "run")) == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("requirements.txt", ["requirements.txt"]),
        ("requirements-serve.txt", ["requirements-serve.txt", "requirements.txt"]),
        ("constraints.txt", ["requirements-serve.txt", "requirements.txt"]),
    ],
)
def test_a_changed_file_installs_again(checkout: Path, changed: str, again: list[str]) -> None:
    make(checkout, "install")
    later = (checkout / ".venv" / ".full").stat().st_mtime + 10
    os.utime(checkout / changed, (later, later))

    assert installs(make(checkout, "install")) == again


def test_make_check_runs_every_tool(checkout: Path) -> None:
    assert make(checkout, "check")[-3:] == [
        "-m ruff check .",
        "-m ruff format --check .",
        "-m mypy",
    ]


def test_an_environment_that_is_there_keeps_its_packages(checkout: Path) -> None:
    make(checkout, "venv")
    kept = checkout / ".venv" / "package"
    kept.write_text("mine")
    (checkout / ".venv" / ".made").unlink()

    assert make(checkout, "venv") == ["-m venv .venv"]
    assert kept.exists()


def find_python(folder: Path, answers: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the search with only ``answers`` on the PATH: file name to shell script."""
    folder.mkdir(exist_ok=True)
    for name, script in answers.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    script = str(ROOT / "scripts" / "find_python.sh")
    shell = shutil.which("sh")
    assert shell
    return subprocess.run(
        [shell, script], env={"PATH": str(folder)}, capture_output=True, text=True
    )


OLD = 'case "$2" in *"[:2]"*) echo 3.9 ;; *"(3, 11)"*) exit 1 ;; esac'
BARE = 'case "$2" in *"[:2]"*) echo 3.12 ;; *ensurepip*) exit 1 ;; esac'
GOOD = 'case "$2" in *"[:2]"*) echo 3.13 ;; esac'
GONE = "exit 127"


def test_a_python_that_can_is_found_behind_those_that_cannot(tmp_path: Path) -> None:
    found = find_python(
        tmp_path / "bin",
        {"python3.11": GONE, "python3.12": BARE, "python3.13": GOOD, "python3": OLD},
    )

    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.strip() == str(tmp_path / "bin" / "python3.13")


@pytest.mark.parametrize(
    ("answers", "sentences"),
    [
        ({}, ["No Python 3.11 or newer was found.", "make PYTHON="]),
        ({"python3": OLD}, ["No Python 3.11 or newer", "Too old: python3 (3.9)"]),
        ({"python3": BARE}, ["python3 (3.12)", "venv module", "apt-get install python3-venv"]),
        ({"python3.11": GONE}, ["No Python 3.11 or newer was found."]),
    ],
    ids=["none", "too old", "no venv module", "a name that does not run"],
)
def test_what_is_missing_is_said(
    tmp_path: Path, answers: dict[str, str], sentences: list[str]
) -> None:
    found = find_python(tmp_path / "bin", answers)

    assert (found.returncode, found.stdout) == (1, "")
    for sentence in sentences:
        assert sentence in found.stderr
