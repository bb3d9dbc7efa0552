"""Callers who close a real connection to a real server while their photo waits in the queue."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.api.faces import SteppedDetector, app_with, form, photo, stepped_models
from tests.ports import free_port
from tests.waiting import PATIENCE_S, until

AT_ONCE_S = 2.0
"""Far below the deadline of a request (60 s) and the stream's keep-alive (15 s)."""

PATHS = ["/predict", "/api/analyze", "/api/analyze-stream"]


@contextmanager
def listening(app: FastAPI) -> Iterator[int]:
    """The port on which uvicorn serves ``app``, in a thread of this process, its models ready."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        assert app.state.face.service.wait_ready(PATIENCE_S).ready
        yield port
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def calling(port: int, path: str, data: bytes) -> socket.socket:
    """A connection over which the photo was sent, and nothing read."""
    request = httpx.Request("POST", f"http://127.0.0.1:{port}{path}", files=form(data))
    lines = [f"POST {path} HTTP/1.1", *map(": ".join, request.headers.items())]
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + request.read())
    return connection


class Asking(threading.Thread):
    """A caller with patience."""

    def __init__(self, port: int, data: bytes) -> None:
        super().__init__(daemon=True)
        self.reply: Any = None
        self._ask = lambda: httpx.post(
            f"http://127.0.0.1:{port}/predict", files=form(data), timeout=PATIENCE_S
        )
        self.start()

    def run(self) -> None:
        self.reply = self._ask()


@pytest.mark.parametrize("path", PATHS)
def test_a_place_in_the_queue_is_free_as_soon_as_the_connection_is_closed(path: str) -> None:
    detector = SteppedDetector(views=2)
    app = app_with(stepped_models(detector), queue_size=1)
    with listening(app) as port:
        service, held = app.state.face.service, app.state.face.held
        busy = Asking(port, photo(seed=1))
        assert detector.begun.wait(PATIENCE_S)
        waiting = calling(port, path, photo(seed=2))
        until(lambda: service.statistics().queued == 1)
        assert httpx.post(f"http://127.0.0.1:{port}/predict", files=form()).status_code == 503

        waiting.close()  # the analysis before it stands still meanwhile
        until(lambda: service.statistics().queued == 0, AT_ONCE_S)
        until(lambda: held._held == 1, AT_ONCE_S)
        next_one = Asking(port, photo(seed=3))
        until(lambda: service.statistics().queued == 1)
        assert detector.seen == 0
        detector.let(100)
        busy.join(PATIENCE_S)
        next_one.join(PATIENCE_S)

    assert (busy.reply.status_code, next_one.reply.status_code) == (200, 200)
    statistics = service.statistics()
    assert statistics.analyses == 2 and statistics.events["stopped"] == 1


def test_who_waits_for_the_same_photo_keeps_the_place() -> None:
    detector = SteppedDetector(views=2)
    app = app_with(stepped_models(detector), queue_size=1)
    with listening(app) as port:
        service = app.state.face.service
        busy = Asking(port, photo(seed=1))
        assert detector.begun.wait(PATIENCE_S)
        leaving = calling(port, "/predict", photo(seed=2))
        until(lambda: service.statistics().queued == 1)
        staying = Asking(port, photo(seed=2))
        until(lambda: service.statistics().events.get("joined", 0) == 1)
        leaving.close()
        until(lambda: app.state.face.held._held == 2, AT_ONCE_S)
        assert service.statistics().queued == 1
        detector.let(100)
        busy.join(PATIENCE_S)
        staying.join(PATIENCE_S)

    assert staying.reply.status_code == 200
    assert service.statistics().analyses == 2


def test_what_runs_is_stopped_before_its_next_view() -> None:
    detector = SteppedDetector(views=50)
    app = app_with(stepped_models(detector))
    with listening(app) as port:
        service = app.state.face.service
        alone = calling(port, "/predict", photo(seed=1))
        assert detector.begun.wait(PATIENCE_S)
        alone.close()
        until(lambda: app.state.face.held._held == 0, AT_ONCE_S)
        detector.let(1)
        assert detector.ended.wait(PATIENCE_S)
        until(lambda: not service.statistics().running)

    assert detector.seen == 1
    assert service.statistics().events["stopped"] == 1
