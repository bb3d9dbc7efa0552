"""A real uvicorn with the embedded models: one service, its own memory, an orderly end."""

from __future__ import annotations

import json
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from core.wall import WallAnalysis
from tests.api.faces import DEMO, UVICORN, RealServer, real_server, shaped_error
from tests.core.bad_photos import BAD_PHOTOS, good, png

STAGES = ["decode", "detect", "masks", "colour", "problems"]


def demo() -> dict[str, Any]:
    return {"file": (DEMO.name, DEMO.read_bytes(), "image/jpeg")}


def test_every_endpoint_shares_one_service(live: RealServer) -> None:
    httpx.delete(f"{live.url}/model/cache")

    first = httpx.post(f"{live.url}/api/analyze", files=demo(), timeout=60)
    predicted = httpx.post(f"{live.url}/predict", files=demo(), timeout=60).json()
    again = httpx.post(f"{live.url}/api/analyze", files=demo(), timeout=60)

    document = first.json()
    assert len(WallAnalysis.from_document(document).holds) > 20
    assert predicted["metadata"]["from_cache"] is True
    assert predicted["predictions"] == document["holds"]
    assert (first.headers["x-from-cache"], again.headers["x-from-cache"]) == ("false", "true")
    assert first.content == again.content


def test_the_command_line_and_the_server_say_the_same(live: RealServer) -> None:
    command = [sys.executable, "-m", "core", "analyze", str(DEMO), "--json", "-"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    served = httpx.post(f"{live.url}/api/analyze", files=demo(), timeout=60).json()

    for document in (told, served):
        del document["timings_ms"], document["memory_mb"]
    assert told == served


def test_health_answers_while_a_photo_is_analysed(live: RealServer) -> None:
    httpx.delete(f"{live.url}/model/cache")
    done = threading.Event()
    statuses: list[int] = []

    def analyse() -> None:
        reply = httpx.post(f"{live.url}/api/analyze", files=demo(), timeout=60)
        statuses.append(reply.status_code)
        done.set()

    asking = threading.Thread(target=analyse)
    asking.start()
    during = []
    with httpx.Client() as client:
        while not done.is_set():
            began = time.perf_counter()
            assert client.get(f"{live.url}/api/health").status_code == 200
            during.append(time.perf_counter() - began)
            time.sleep(0.02)
    asking.join()

    assert statuses == [200]
    assert len(during) >= 3
    assert sorted(during)[len(during) // 2] < 0.25


def test_hanging_up_in_mid_stream_stops_the_work(live: RealServer) -> None:
    httpx.delete(f"{live.url}/model/cache")
    before = httpx.get(f"{live.url}/model/stats").json()["statistics"]["total_predictions"]
    with httpx.stream(
        "POST", f"{live.url}/api/analyze-stream?conf=0.61", files=demo(), timeout=60
    ) as stream:
        for line in stream.iter_lines():
            if '"stage":"detect"' in line:
                break
    ends = time.monotonic() + 20
    while "climbmate_running 0.0" not in httpx.get(f"{live.url}/metrics").text:
        assert time.monotonic() < ends
        time.sleep(0.02)

    metrics = httpx.get(f"{live.url}/metrics").text
    after = httpx.get(f"{live.url}/model/stats").json()
    assert 'climbmate_events_total{kind="stopped"}' in metrics
    assert after["statistics"]["total_predictions"] == before
    assert after["statistics"]["cache_size"] == 0, "the analysis ran to its end"


def corrupted(data: bytes, dice: random.Random) -> bytes:
    """``data`` with its first bytes changed: no longer of any format."""
    noise = bytes(dice.randrange(256) for _ in range(16))
    return b"\x00\x01" + noise + data[18:]


def bomb(dice: random.Random) -> bytes:
    """A small file that unfolds to hundreds of MiB, named like a photo."""
    side = dice.choice([8_000, 20_000, 60_000])
    rows = zlib.compress(bytes(2**22), 9)
    packed = (20, 0, 8, 0, 0, 0, len(rows), 2**32 - 1, 8, 0)
    archive = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *packed) + b"wall.jpg" + rows
    return dice.choice([png(side, side, pixels=rows), archive, b"\x1f\x8b\x08\x00" + rows])


def png_of_sides(width: int, height: int) -> bytes:
    """A PNG whose header was changed to other sides."""
    whole = good("PNG")
    return whole[:16] + struct.pack(">II", width, height) + whole[24:]


def malformed() -> Iterator[tuple[str, bytes]]:
    """200 uploads that are no photos, the same at every run."""
    dice = random.Random(20_261_121)
    formats = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "HEIF", "AVIF")
    makers: tuple[Callable[[], bytes], ...] = (
        lambda: corrupted(good(dice.choice(formats)), dice),
        lambda: good(dice.choice(("JPEG", "PNG", "WEBP")))[: dice.randrange(1, 200)],
        lambda: bomb(dice),
        lambda: dice.randbytes(dice.randrange(1, 3000)),
        lambda: png_of_sides(2**31 - 1, dice.randrange(1, 2**31)),
    )
    for row in BAD_PHOTOS:
        if row.id != "too_many_bytes":
            yield f"{row.id}.jpg", row.make()
    for number in range(len(BAD_PHOTOS) - 1, 200):
        yield f"wall{number}.jpg", makers[number % len(makers)]()


def test_200_malformed_uploads_are_refused_and_leave_nothing_behind(live: RealServer) -> None:
    process = psutil.Process(live.process.pid)
    uploads = list(malformed())
    assert len(uploads) == 200
    sizes_mb = []
    with httpx.Client(timeout=60) as client:
        for name, data in uploads:
            response = client.post(f"{live.url}/predict", files={"file": (name, data)})
            assert 400 <= response.status_code < 500, (name, response.text)
            shaped_error(response, response.status_code)
            sizes_mb.append(process.memory_info().rss / 2**20)
    with httpx.Client(timeout=60) as client:
        assert client.post(f"{live.url}/predict", files=demo()).status_code == 200

    # The first ones make readers and buffers; from then on memory stays where it is.
    assert max(sizes_mb[60:]) - max(sizes_mb[:60]) < 24, sizes_mb[::20]
    assert "Traceback" not in live.output()


POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
FORM = b"Content-Length: 2\r\nContent-Type: multipart/form-data; boundary="
RAW = [
    POST + b"Content-Length: 99999999999\r\n\r\n",
    POST + b"Content-Length: -5\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    POST + FORM + b"\r\n\r\nab",
    POST + FORM + b"b" * 300 + b"\r\n\r\nab",
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"GET /api/health HTTQ/1.1\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
]


@pytest.mark.parametrize("sent", RAW, ids=range(len(RAW)))
def test_bytes_that_are_hardly_http_do_no_harm(live: RealServer, sent: bytes) -> None:
    port = int(live.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        reply = connection.recv(4096)

    assert not reply or reply.split(b" ", 2)[1].startswith((b"4",)), reply
    # The server's own sentence or ours, and nothing of the inside.
    assert not any(word in reply for word in (b"Traceback", b".py", b"site-packages", b"0x")), reply
    body = reply.partition(b"\r\n\r\n")[2]
    assert not body or b"Invalid HTTP request received." in body or b'"ok":false' in body, reply
    assert "Traceback" not in live.output()
    assert httpx.get(f"{live.url}/api/health").status_code == 200


@pytest.mark.slow
def test_a_signal_in_mid_analysis_ends_the_server_and_answers_the_request(tmp_path: Path) -> None:
    replies: list[httpx.Response] = []
    with real_server(tmp_path / "log", UVICORN, OMP_NUM_THREADS="1") as server:
        server.wait_ready()

        def ask() -> None:
            url = f"{server.url}/api/analyze"
            replies.append(httpx.post(url, files=demo(), timeout=60))

        asking = threading.Thread(target=ask)
        asking.start()
        ends = time.monotonic() + 20
        while "climbmate_running 1.0" not in httpx.get(f"{server.url}/metrics").text:
            assert time.monotonic() < ends
        server.process.terminate()
        began = time.monotonic()
        code = server.process.wait(20)
        took_s = time.monotonic() - began
        asking.join(20)
        output = server.output()

    assert took_s < 10
    assert code in (0, -15), output
    assert [reply.status_code for reply in replies] == [200], output
    assert "Traceback" not in output


@pytest.mark.slow
def test_without_keys_an_open_address_is_refused_with_a_sentence(tmp_path: Path) -> None:
    command = [part.replace("127.0.0.1", "0.0.0.0") for part in UVICORN]
    with real_server(tmp_path / "log", command) as server:
        code = server.process.wait(60)

    assert code != 0
    assert "API_KEYS is empty" in server.output() and "Traceback" not in server.output()
