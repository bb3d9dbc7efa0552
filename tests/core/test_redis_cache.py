"""Results in a real Redis that is killed, hung and started again."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from PIL import Image

from core.analysis import Models
from core.redis_cache import PREFIX, RedisCache
from core.result_cache import ResultCache, ResultKey, encode_result
from core.service import ModelService
from core.settings import load_settings
from core.wall import ModelInfo, PhotoInfo, WallAnalysis
from tests.core.fakes import FakeColours, FakeDetector, found
from tests.core.make import make_analysis, make_hold
from tests.waiting import PATIENCE_S, until


class Server:
    """A redis-server of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            self.port: int = place.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Any:
        return redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
            ],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < end, "redis-server did not start"
                time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(PATIENCE_S)
            self.process = None

    def hang(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    made = Server(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def connect() -> Iterator[Callable[..., RedisCache]]:
    """Makes caches with the usual patience and a short pause, closed at the end."""
    made: list[RedisCache] = []

    def build(url: str, ttl_s: int = 60, **arguments: Any) -> RedisCache:
        cache = RedisCache(url, ttl_s, **{"pause_s": 0.2, **arguments})
        made.append(cache)
        return cache

    yield build
    end = time.monotonic() + PATIENCE_S
    while any(thread.name == "redis" for thread in threading.enumerate()):
        assert time.monotonic() < end, "a call was never given up"
        time.sleep(0.02)
    for cache in made:
        cache.close()


Connect = Callable[..., RedisCache]


def spent_ms(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def test_what_one_server_puts_another_gets(server: Server, connect: Connect) -> None:
    one, two = connect(server.url), connect(server.url)

    until(lambda: one.put("a", b"\x00content\xff"))

    assert two.get("a") == b"\x00content\xff" and two.get("b") is None and two.up


def test_entries_vanish_after_their_time(server: Server, connect: Connect) -> None:
    cache = connect(server.url, ttl_s=1)
    until(lambda: cache.put("a", b"x"))

    with server.client() as client:
        assert 0 < client.pttl(PREFIX + "a") <= 1000
    until(lambda: cache.get("a") is None and cache.up)


def test_clearing_takes_ours_and_nothing_else(server: Server, connect: Connect) -> None:
    cache = connect(server.url)
    with server.client() as client:
        client.set("somebody:else", b"1")
        for number in range(1200):
            client.set(f"{PREFIX}{number}", b"x")

        assert cache.clear() == 1200
        assert client.keys() == [b"somebody:else"]
    assert cache.clear() == 0


def test_it_goes_on_without_redis_and_comes_back(
    server: Server, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    cache = connect(server.url)
    until(lambda: cache.put("a", b"x"))

    server.kill()
    assert cache.get("a") is None and not cache.put("a", b"x")
    assert not cache.up
    for _ in range(5):  # over several pauses: still down, and told once
        time.sleep(0.1)
        assert cache.get("a") is None
    assert [row.message.split()[0] for row in caplog.records] == ["redis=down"]
    assert cache.clear() == 0
    assert caplog.records.pop().message == "redis=not_cleared results=may_come_back"

    server.start()
    until(lambda: cache.put("a", b"y"))
    assert cache.get("a") == b"y" and cache.up
    assert [row.message.split()[0] for row in caplog.records] == ["redis=down", "redis=up"]


def test_a_restart_between_two_calls_is_survived(server: Server, connect: Connect) -> None:
    cache = connect(server.url)
    until(lambda: cache.put("a", b"x"))
    server.kill()
    server.start()

    until(lambda: cache.put("a", b"z"))
    assert cache.get("a") == b"z"


def test_a_hung_redis_is_left_behind(server: Server, connect: Connect) -> None:
    cache = connect(server.url, pause_s=30.0)
    until(lambda: cache.put("a", b"x"))
    server.hang()
    try:
        first = spent_ms(lambda: cache.get("a"))
        later = [spent_ms(lambda: cache.get("a")) for _ in range(50)]
    finally:
        server.go_on()

    assert 35 < first < 500  # the patience, and what a busy machine adds to a wait
    assert sorted(later)[25] < 1 and not cache.up
    assert sum(thread.name == "redis" for thread in threading.enumerate()) <= 1


def test_a_redis_that_hung_comes_back(server: Server, connect: Connect) -> None:
    cache = connect(server.url)
    until(lambda: cache.put("a", b"x"))
    server.hang()
    assert cache.get("a") is None
    server.go_on()

    until(lambda: cache.get("a") == b"x")


def test_one_that_accepts_and_never_answers(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        cache = connect(f"redis://127.0.0.1:{mute.getsockname()[1]}", pause_s=30.0)

        assert cache.get("a") is None
        assert sorted(spent_ms(lambda: cache.get("a")) for _ in range(20))[10] < 1


def test_slow_name_resolution_holds_nobody_up(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def slow(*arguments: Any, **named: Any) -> Any:
        time.sleep(1.0)
        return real(*arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    cache = connect(server.url)

    assert spent_ms(lambda: cache.get("a")) < 500
    assert not cache.up
    until(lambda: cache.put("a", b"x"))  # once the name was found, the connection stays


def test_the_service_answers_while_redis_comes_and_goes(server: Server) -> None:
    """Redis is killed and started again in the middle of many requests: each gets its answer."""
    stand_in: Any = FakeDetector([found((40, 30, 80, 70))])
    colours: Any = FakeColours()
    shared = RedisCache(server.url, 60, pause_s=0.1)
    settings = load_settings()
    service = ModelService(
        settings,
        load=lambda _settings: Models(stand_in, colours),
        cache=ResultCache(settings.model_cache_size, 2**20, shared),
    )
    service.start()
    try:
        for number in range(60):
            if number == 20:
                server.kill()
            if number == 40:
                assert not shared.up
                server.start()
            picture = Image.new("RGB", (320, 260), (number, 120, 140))
            data = io.BytesIO()
            picture.save(data, "PNG")
            answer = service.analyze(data.getvalue(), name=f"{number}.png")
            assert len(answer.analysis.holds) == 1 and not answer.from_cache
            time.sleep(0.02)
        until(lambda: shared.put("back", b"x"))
        with server.client() as client:
            assert len(client.keys(PREFIX + "*")) >= 2  # what came after the restart
    finally:
        assert service.close(PATIENCE_S)
        shared.close()


def test_a_password_does_not_get_into_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    cache = connect("redis://user:s3cret@127.0.0.1:1/0")

    assert cache.get("a") is None
    assert "redis=down" in caplog.text and "s3cret" not in caplog.text


def test_a_full_redis_is_still_read(
    server: Server, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Its memory is full and it keeps everything, the default of redis-server."""
    cache = connect(server.url)
    until(lambda: cache.put("a", b"x"))
    with server.client() as client:
        client.config_set("maxmemory", "1kb")

    assert not cache.put("b", b"y") and not cache.put("c", b"y")
    assert cache.up and cache.get("a") == b"x"
    (row,) = [r for r in caplog.records if "redis=refuses" in r.message]
    assert "maxmemory" in row.message


def test_an_entry_of_another_kind_is_no_answer(server: Server, connect: Connect) -> None:
    cache = connect(server.url)
    with server.client() as client:
        client.lpush(PREFIX + "a", "foreign")

    assert cache.get("a") is None and cache.up


def test_the_server_that_comes_second_needs_no_analysis(server: Server, connect: Connect) -> None:
    key = ResultKey.of("0" * 64, ModelInfo("detector@1", "colour@1"), load_settings())
    made = make_analysis([make_hold()], photo=PhotoInfo("a.jpg", "0" * 64, 800, 600))
    analysis = WallAnalysis.from_document(made.document())
    one = ResultCache(8, 2**20, connect(server.url))
    two = ResultCache(8, 2**20, connect(server.url))
    one.share(key, encode_result(analysis))

    until(lambda: two.get(key, name="a.jpg") is not None)
    assert two.get(key, name="a.jpg") == analysis and two.info().shared_hits == 1

    with server.client() as client:
        client.set(PREFIX + key.text(), b"spoilt")
    three = ResultCache(8, 2**20, connect(server.url))
    assert three.get(key, name="a.jpg") is None and three.info().misses == 1
