"""The arrow of imports only points down, and nothing heavy is imported at run time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "core").rglob("*.py"))

FORBIDDEN = {"streamlit", "torch", "torchvision", "ultralytics", "open_clip", "training"}
"""Faces, and what only training and conversion need."""

FACES = {"api", "pages", "server", "streamlit_app", "tests", "benchmarks"}

UPPER_FLOORS = {
    "core.__main__": 3,
    "core.command_line": 3,
    "core.analyze_command": 3,
    "core.service": 1,
    "core.agenda": 1,
    "core.service_worker": 1,
    "core.shared_service": 1,
    "core.errands": 1,
    "core.model_keeper": 1,
    "core.model_report": 1,
    "core.replay_operations": 1,
    "core.analysis": 1,
    "core.proposal": 1,
    "core.running_analysis": 1,
}
"""Everything else in core/ is on floor 0."""


def imported(path: Path) -> Iterator[str]:
    """Full dotted names of all imports in a file, also those inside functions."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    return imports_of(path.read_text(encoding="utf-8"), package)


def imports_of(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """The same for a source text that stands in ``package``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "__import__",
            "import_module",
            "importlib.import_module",
        ):
            yield from (str(a.value) for a in node.args[:1] if isinstance(a, ast.Constant))


def floor(module: str) -> int:
    return UPPER_FLOORS.get(".".join(module.split(".")[:2]), 0)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_nothing_forbidden(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}

    assert not roots & (FORBIDDEN | FACES)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    upward = {name for name in imported(path) if floor(name) > floor(module)}

    assert not upward


def test_core_has_no_import_cycles() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in CORE}
    graph = {name: {n for n in imported(path) if n in names} for name, path in names.items()}
    finished: set[str] = set()

    def visit(name: str, road: tuple[str, ...]) -> None:
        assert name not in road, " -> ".join([*road, name])
        if name not in finished:
            for target in graph[name] - {name}:
                visit(target, (*road, name))
            finished.add(name)

    for name in graph:
        visit(name, ())


def test_the_check_itself_sees_every_way_to_import() -> None:
    source = """
import torch.nn as nn
from streamlit import cache
from . import service
from .. import api
def later():
    importlib.import_module("open_clip")
"""
    found = set(imports_of(source, ("core", "memory")))

    assert {"torch.nn", "streamlit.cache", "open_clip", "core.memory.service", "core.api"} <= found
