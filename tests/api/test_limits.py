"""Bounds: bytes of a body as it comes, time it takes, requests per time, photos in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from api.errors import BodyError, RequestError
from api.limits import BodyLimit, HeldPhotos, OpenBodies, RateLimiter, max_body_bytes
from core.errors import SettingsError
from core.settings import load_settings
from tests.api.faces import face, form, settings_for, shaped_error
from tests.waiting import PATIENCE_S


def chunks(*sizes: int) -> Any:
    """A ``receive`` that gives bodies of these sizes, then waits for ever."""
    waiting = list(sizes)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        size = waiting.pop(0)
        return {"type": "http.request", "body": bytes(size), "more_body": bool(waiting)}

    return receive


async def read(body: BodyLimit) -> int:
    taken = 0
    while True:
        message = await body()
        taken += len(message["body"])
        if not message["more_body"]:
            return taken


def test_a_body_within_the_bound_passes() -> None:
    assert asyncio.run(read(BodyLimit(chunks(40, 60), 100))) == 100


def test_a_body_is_cut_off_where_it_passes_the_bound() -> None:
    receive = chunks(60, 60, 60)

    with pytest.raises(BodyError) as caught:
        asyncio.run(read(BodyLimit(receive, 100)))

    assert caught.value.error.status == 413


def test_a_body_that_does_not_come_is_given_up() -> None:
    with pytest.raises(BodyError) as caught:
        asyncio.run(read(BodyLimit(chunks(), 100, seconds=0.05)))

    assert caught.value.error.status == 408


def test_the_slowest_body_makes_room_for_one_more() -> None:
    """Two may arrive at once; a third comes, and later the fast one of the first two ends well."""
    go_on = asyncio.Event()

    def sender(first: int, *, ends: bool) -> Any:
        sizes = [first]

        async def receive() -> dict[str, Any]:
            if sizes:
                return {"type": "http.request", "body": bytes(sizes.pop()), "more_body": True}
            await (go_on.wait() if ends else asyncio.sleep(3600))
            return {"type": "http.request", "body": b"", "more_body": False}

        return receive

    async def meeting() -> tuple[list[Any], float]:
        bodies = OpenBodies(most=2)
        fast, slow = (
            bodies.limited(sender(90, ends=True), 100),
            bodies.limited(sender(1, ends=False), 100),
        )
        reading = [asyncio.create_task(read(body)) for body in (fast, slow)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        reading.append(asyncio.create_task(read(bodies.limited(sender(5, ends=True), 100))))
        await asyncio.wait({reading[1]}, timeout=PATIENCE_S)
        spent_s = time.monotonic() - began
        go_on.set()
        return await asyncio.gather(*reading, return_exceptions=True), spent_s

    (fast, slow, newest), spent_s = asyncio.run(meeting())

    assert (fast, newest) == (90, 5)
    assert isinstance(slow, BodyError) and slow.error.status == 503
    assert spent_s < 1


def test_a_body_that_is_complete_takes_no_place() -> None:
    async def meeting() -> list[int]:
        bodies = OpenBodies(most=1)
        return [await read(bodies.limited(chunks(3, 4), 100)) for _ in range(3)]

    assert asyncio.run(meeting()) == [7, 7, 7]


def test_bodies_are_hurried_while_they_are_waited_for() -> None:
    async def run() -> int:
        bodies = OpenBodies()
        reading = asyncio.create_task(read(bodies.limited(chunks(), 100)))
        await asyncio.sleep(0.01)
        bodies.hurry(0.05)
        with pytest.raises(BodyError) as caught:
            await asyncio.wait_for(reading, 5)
        return caught.value.error.status

    assert asyncio.run(run()) == 408


def test_a_complete_body_may_be_followed_by_silence() -> None:
    """Waiting for the caller to hang up is not reading a body."""

    async def run() -> None:
        body = BodyLimit(chunks(10), 100, seconds=0.05)
        await read(body)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(body(), 0.2)

    asyncio.run(run())


def test_the_announced_length_is_judged_before_anything_is_read() -> None:
    most = max_body_bytes(settings_for(max_photo_mb=1))

    with face(max_photo_mb=1) as client:
        response = client.post("/predict", content=b"", headers={"Content-Length": str(most + 1)})

    shaped_error(response, 413, "body_too_large")
    assert response.headers["connection"] == "close"


def test_chunks_are_counted() -> None:
    """Without an announced length, a sender that never stops is stopped."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        while sent < 4 * 2**20:
            sent += 2**16
            yield bytes(2**16)

    with face(max_photo_mb=1) as client:
        response = client.post(
            "/predict",
            content=endless(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )

    shaped_error(response, 413, "body_too_large")


def test_a_photo_of_the_largest_size_fits_into_its_form() -> None:
    settings = settings_for(max_photo_mb=1)

    with face(max_photo_mb=1) as client:
        response = client.post("/predict", files=form(bytes(2**20)))

    assert max_body_bytes(settings) > 2**20
    shaped_error(response, 422, "photo_not_an_image")


def test_a_caller_is_slowed_down_and_told_so() -> None:
    with face(rate_limit="3/minute") as client:
        served = [client.get("/model/stats") for _ in range(3)]
        refused = client.get("/model/stats")
        health = client.get("/api/health")

    assert [reply.status_code for reply in served] == [200] * 3
    assert [reply.headers["ratelimit-remaining"] for reply in served] == ["2", "1", "0"]
    assert {reply.headers["ratelimit-limit"] for reply in served} == {"3"}
    shaped_error(refused, 429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert health.status_code == 200


def test_a_caller_may_go_on_when_the_window_has_passed() -> None:
    import time

    limiter = RateLimiter("2/second")
    first = [limiter.ask("a"), limiter.ask("a"), limiter.ask("a")]
    time.sleep(2.1)

    later = limiter.ask("a")

    assert [ask is not None and ask.granted for ask in first] == [True, True, False]
    assert later is not None and later.granted


def test_callers_are_counted_apart() -> None:
    limiter = RateLimiter("1/hour")

    asked = [limiter.ask(name) for name in ("a", "b", "a")]

    assert [ask is not None and ask.granted for ask in asked] == [True, True, False]


def test_no_rate_is_no_limit() -> None:
    assert RateLimiter("").ask("a") is None


@pytest.mark.parametrize(
    ("text", "kept"), [("60/minute", "60/minute"), (" 5 / Second ", "5/second"), ("", "")]
)
def test_rates_are_read(clean_environment: pytest.MonkeyPatch, text: str, kept: str) -> None:
    clean_environment.setenv("RATE_LIMIT", text)

    assert load_settings().rate_limit == (kept or "60/minute")  # an empty variable is an unset one


@pytest.mark.parametrize("text", ["60", "0/minute", "-1/minute", "60/week", "fast", "1/2/second"])
def test_a_rate_that_cannot_be_used_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_for(rate_limit=text)

    assert "RATE_LIMIT" in caught.value.message and "60/minute" in caught.value.message


def test_photos_in_memory_are_bounded() -> None:
    held = HeldPhotos(2)

    with held.one_more(), held.one_more():
        with pytest.raises(RequestError) as caught, held.one_more():
            pass
    with held.one_more():
        pass

    assert (caught.value.status, caught.value.code) == (503, "queue_full")
