"""Callers who hang up: the work stops, and the service goes on with the next."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from fastapi import FastAPI

from tests.api.faces import HERE, SteppedDetector, app_with, client_of, form, photo, stepped_models


def multipart(data: bytes) -> bytes:
    head = 'Content-Disposition: form-data; name="file"; filename="wall.jpg"'
    return b"--x\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n--x--\r\n"


class Caller:
    """One request over a connection that the test can cut."""

    def __init__(self, app: FastAPI, path: str, data: bytes) -> None:
        self.app, self.path = app, path
        self.body = multipart(data)
        self.gone = asyncio.Event()
        self.sent: list[dict[str, Any]] = []
        self._read = False

    async def receive(self) -> dict[str, Any]:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def call(self) -> None:
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
            "client": HERE,
            "server": ("127.0.0.1", 80),
            "scheme": "http",
            "root_path": "",
        }
        await self.app(scope, self.receive, self.send)


async def in_thread(wait: Any, *arguments: Any) -> bool:
    return bool(await asyncio.to_thread(wait, *arguments))


@pytest.mark.parametrize("path", ["/api/analyze", "/api/analyze-stream", "/predict"])
def test_hanging_up_stops_the_work(path: str) -> None:
    detector = SteppedDetector(views=50)
    app = app_with(stepped_models(detector))

    async def scenario() -> None:
        caller = Caller(app, path, photo())
        calling = asyncio.create_task(caller.call())
        assert await in_thread(detector.begun.wait, 20)
        detector.let(3)
        caller.gone.set()
        await asyncio.sleep(0.1)
        detector.let(3)
        await asyncio.wait_for(calling, 20)
        assert await in_thread(detector.ended.wait, 20)

    with client_of(app) as client:
        client.portal.call(scenario)  # type: ignore[union-attr]
        stopped_at = detector.seen
        detector.let(1000)
        after = client.post("/predict", files=form(photo(seed=5)))
        statistics = app.state.face.service.statistics()
        held = app.state.face.held

    assert stopped_at <= 7, "the analysis went on although nobody waited"
    assert after.status_code == 200
    assert statistics.analyses == 1 and statistics.queued == 0
    with held.one_more():
        assert held._held == 1, "the photo of the caller who left is still held"


def test_a_second_caller_of_the_same_photo_keeps_the_work_alive() -> None:
    detector = SteppedDetector(views=10)
    app = app_with(stepped_models(detector))

    async def scenario() -> tuple[Caller, Caller]:
        first, second = Caller(app, "/predict", photo()), Caller(app, "/predict", photo())
        calls = [asyncio.create_task(first.call())]
        assert await in_thread(detector.begun.wait, 20)
        calls.append(asyncio.create_task(second.call()))
        while app.state.face.service.statistics().events.get("joined", 0) < 1:
            await asyncio.sleep(0.01)
        first.gone.set()
        detector.let(10)
        await asyncio.wait_for(asyncio.gather(*calls), 20)
        return first, second

    with client_of(app) as client:
        _, second = client.portal.call(scenario)  # type: ignore[union-attr]
        statistics = app.state.face.service.statistics()

    assert second.sent[0]["status"] == 200
    assert statistics.analyses == 1 and detector.seen == 10


def test_over_the_queue_callers_are_refused_with_a_time_to_come_back() -> None:
    detector = SteppedDetector(views=2)
    app = app_with(stepped_models(detector), queue_size=1)
    replies: list[Any] = []
    with client_of(app) as client:

        def ask(seed: int) -> None:
            replies.append(client.post("/predict", files=form(photo(seed=seed))))

        callers = [threading.Thread(target=ask, args=(seed,)) for seed in range(2)]
        callers[0].start()
        assert detector.begun.wait(20)
        callers[1].start()
        ends = time.monotonic() + 20
        while app.state.face.service.statistics().queued < 1 and time.monotonic() < ends:
            time.sleep(0.01)
        refused = client.post("/predict", files=form(photo(seed=8)))
        streamed = client.post("/api/analyze-stream", files=form(photo(seed=9)))
        detector.let(100)
        for caller in callers:
            caller.join(20)

    for reply in (refused, streamed):
        assert reply.status_code == 503
        assert reply.json()["error"]["code"] == "queue_full"
        assert int(reply.headers["retry-after"]) >= 1
    assert [reply.status_code for reply in replies] == [200, 200]
