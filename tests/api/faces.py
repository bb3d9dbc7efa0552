"""REST faces for tests: settings, models that answer at once or step by step, real servers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray
from starlette.testclient import TestClient

from api.app import create_app
from core.analysis import Models
from core.merge import Detection
from core.service import ModelService
from core.settings import Settings, load_settings
from tests.core.bad_photos import encode, picture
from tests.core.fakes import FakeColours, fake_models, found
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo_wall.jpg"
KEY = "a-key-of-sixteen-characters-or-more"
HERE = ("127.0.0.1", 50000)
ELSEWHERE = ("192.0.2.7", 50000)

HOLDS = [
    found((20, 20, 60, 60)),
    found((100, 30, 140, 60), score=0.6),
    found((30, 120, 90, 170), kind="volume"),
]


def photo(width: int = 240, height: int = 200, format_: str = "JPEG", seed: int = 0) -> bytes:
    """A small photo; another ``seed`` gives other bytes."""
    image = picture(width, height)
    image.putpixel((0, 0), (seed % 256, seed // 256 % 256, 7))
    return encode(image, format_, **({"comment": str(seed).encode()} if format_ == "JPEG" else {}))


def settings_for(**changes: Any) -> Settings:
    """Settings of a test, independent of the environment's API_KEYS and RATE_LIMIT."""
    defaults: dict[str, Any] = {"rate_limit": "", "host": "127.0.0.1", "api_keys": ""}
    return load_settings(**{**defaults, **changes})


def app_with(models: Models | None = None, **changes: Any) -> FastAPI:
    """An app with a service of its own, whose models are fakes."""
    settings = settings_for(**changes)
    loaded = models or fake_models(HOLDS)
    return create_app(settings, service=ModelService(settings, load=lambda _settings: loaded))


@contextmanager
def client_of(app: FastAPI, client: tuple[str, int] = HERE, **options: Any) -> Iterator[TestClient]:
    """A client of ``app`` while it lives; the models are ready."""
    with TestClient(app, client=client, **options) as caller:
        assert app.state.face.service.wait_ready(30).ready
        yield caller


@contextmanager
def face(
    models: Models | None = None, *, client: tuple[str, int] = HERE, **changes: Any
) -> Iterator[TestClient]:
    """A client of a new app with these settings."""
    with client_of(app_with(models, **changes), client) as caller:
        yield caller


def form(data: bytes | None = None, name: str = "wall.jpg") -> dict[str, Any]:
    """The form field of a photo, as a client's argument ``files``."""
    return {"file": (name, photo() if data is None else data, "image/jpeg")}


def shaped_error(response: Any, status: int, code: str | None = None) -> dict[str, str]:
    """The error in ``response``, after checking its status and that its shape is the one shape."""
    assert response.status_code == status, (response.status_code, response.text)
    document = response.json()
    assert set(document) == {"ok", "error"} and document["ok"] is False
    error: dict[str, str] = document["error"]
    assert set(error) == {"code", "message", "hint"}
    assert all(isinstance(text, str) for text in error.values())
    assert error["code"] and error["message"]
    assert "Traceback" not in response.text and ".py" not in response.text
    if code is not None:
        assert error["code"] == code
    return error


class SteppedDetector:
    """Waits at every view until the test lets it go on, and tells how far it came."""

    name = "stepped-detector@000000000000"

    def __init__(self, views: int = 50) -> None:
        self.views = views
        self.seen = 0
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.permits = threading.Semaphore(0)

    def let(self, views: int = 1) -> None:
        """Allow so many more views."""
        self.permits.release(views)

    def warm_up(self) -> None:
        """Nothing to run."""

    def detect(self, pixels: NDArray[np.uint8]) -> Generator[float, None, list[Detection]]:
        assert pixels.ndim == 3
        self.ended.clear()
        self.begun.set()
        try:
            for view in range(self.views):
                assert self.permits.acquire(timeout=20), "the test never let it go on"
                self.seen += 1
                yield (view + 1) / self.views
            return []
        finally:
            self.ended.set()


def stepped_models(detector: SteppedDetector) -> Models:
    """Models around ``detector``."""
    loose: Any = detector
    colours: Any = FakeColours()
    return Models(loose, colours)


class RealServer:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until it answers and its models are warm."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/api/ready", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {seconds} s:\n{self.log.read_text()}")

    def output(self) -> str:
        """What it has written."""
        return self.log.read_text()


@contextmanager
def real_server(log: Path, command: list[str], **environment: str) -> Iterator[RealServer]:
    """Run ``python -m`` ``command``, where ``PORT`` is replaced by a free port, until the end."""
    port = free_port()
    arguments = [part.replace("PORT", str(port)) for part in command]
    clean = {k: v for k, v in os.environ.items() if k not in ("API_KEYS", "RATE_LIMIT", "HOST")}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**clean, "RATE_LIMIT": "1000/second", "PORT": str(port), **environment},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield RealServer(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


UVICORN = ["-m", "uvicorn", "api.app:app", "--host", "127.0.0.1", "--port", "PORT"]
