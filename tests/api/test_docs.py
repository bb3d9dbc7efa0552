"""docs/api.md: its commands are run as they stand there, against a real server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.wall import WallAnalysis
from tests.api.faces import DEMO, ROOT, RealServer

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SERVER = "http://127.0.0.1:8501"


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``wall.jpg``."""
    shutil.copy(DEMO, tmp_path / "wall.jpg")
    return tmp_path


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_documentation_works(command: str, folder: Path, live: RealServer) -> None:
    assert command.startswith("curl --fail ") and SERVER in command
    arguments = shlex.split(command.replace(SERVER, live.url))

    done = subprocess.run(
        [*arguments, "--silent", "--show-error"], cwd=folder, capture_output=True, timeout=120
    )

    assert done.returncode == 0, done.stderr.decode()
    if "wall.json" in command:
        document = json.loads((folder / "wall.json").read_text())
        assert WallAnalysis.from_document(document).holds
        assert ("overlay" in document) is ("overlay=1" in command)
    elif "analyze-stream" in command:
        assert b"event: step" in done.stdout or b"event: analysis" in done.stdout
    else:
        assert done.stdout


def test_every_address_of_the_documentation_is_run_and_exists(client: TestClient) -> None:
    paths = set(client.get("/openapi.json").json()["paths"])
    run = {re.sub(r"[?'\s].*", "", c.split(SERVER)[1]) for c in COMMANDS}
    told = set(re.findall(r"`(?:GET|POST|DELETE) (/[\w/.-]+)`", TEXT))

    assert told == paths | {"/docs", "/openapi.json"}
    assert run == paths - {"/api/health"}


def test_the_python_client_works(folder: Path, live: RealServer) -> None:
    (program,) = blocks("python")
    script = folder / "client.py"
    script.write_text(program.replace(SERVER, live.url))
    bad = folder / "bad.jpg"
    bad.write_bytes(b"no photo")

    good_run, bad_run = (
        subprocess.run(
            [sys.executable, str(script), str(photo)], capture_output=True, text=True, timeout=120
        )
        for photo in (folder / "wall.jpg", bad)
    )

    assert len(program.strip().splitlines()) <= 12
    assert re.fullmatch(r"\d+ holds, \d+ problems\n", good_run.stdout), good_run.stderr
    assert bad_run.returncode == 1 and "bad.jpg is not a picture" in bad_run.stderr


def test_the_error_of_the_documentation_is_the_one_that_comes(client: TestClient) -> None:
    (example,) = blocks("json")

    told = client.post("/predict", files={"file": ("wall.jpg", b"")}).json()

    assert told == json.loads(example)
