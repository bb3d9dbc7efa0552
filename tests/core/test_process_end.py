"""A process that ends in the middle of an analysis ends as it should, not with ``abort()``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import threading, time
from core.service import ModelService
from core.settings import load_settings

service = ModelService(load_settings())
service.start()
service.wait_ready()
begun = threading.Event()

def analyse():
    with open("assets/demo_wall.jpg", "rb") as file:
        for _step in service.steps(file.read()):
            begun.set()

threading.Thread(target=analyse, daemon=True).start()
begun.wait()
time.sleep(0.1)  # into the detector
"""


def test_an_analysis_is_stopped_before_the_interpreter_goes(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0
    assert "terminate called" not in done.stderr
