"""The monitor: hand-fed readings become lines and a level; metrics as the server writes them become
readings; and the command line meets a real server.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.command_arguments import parse_arguments
from core.command_line import key_to_send, main
from core.errors import ClimbMateError
from core.monitor import Level, ProcessMemory, Reading, document, level, lines, notices
from core.monitor_reading import (
    UnreachableError,
    listening_pid,
    process_memory,
    reading_of,
    take_reading,
    watch,
)
from core.settings import load_settings
from tests.api.faces import ROOT, face, form, photo

URL = "http://127.0.0.1:8501"
GOOD = Reading(
    url=URL, not_ready="", rss_mb=300.0, limit_mb=1000.0, headroom_mb=600.0, model_mb=100.0,
    queued=1, queue_size=3, running=True, cache_entries=4, cache_mb=0.5, cache_limit_mb=16.0,
    cache_hits=7, cache_misses=9, answered=16, refused=2, failed=1,
    process=ProcessMemory(pid=42, rss_mb=310.0, peak_mb=420.0, swap_mb=0.0),
)  # fmt: skip

# Memory in use is 1 - headroom / 1000.
LEVELS = [
    ({}, Level.FINE, ""),
    ({"headroom_mb": 201.0}, Level.FINE, ""),
    ({"headroom_mb": 200.0}, Level.WARNING, "80% of the memory is in use: 200 MiB"),
    ({"headroom_mb": 101.0}, Level.WARNING, "90% of the memory is in use: 101 MiB"),
    ({"headroom_mb": 100.0}, Level.CRITICAL, "90% of the memory is in use: 100 MiB"),
    ({"headroom_mb": 0.0}, Level.CRITICAL, "100% of the memory is in use"),
    ({"headroom_mb": 5000.0}, Level.FINE, ""),
    ({"limit_mb": 0.0}, Level.FINE, ""),
    ({"queued": 3}, Level.WARNING, "The queue is full"),
    ({"queued": 0, "queue_size": 0}, Level.FINE, ""),
    ({"not_ready": "The server is not ready: models."}, Level.CRITICAL, "not ready: models."),
    ({"process": ProcessMemory(1, 1.0, 1.0, 0.9)}, Level.FINE, ""),
    ({"process": ProcessMemory(1, 1.0, 1.0, 12.0)}, Level.WARNING, "12 MiB of the process lie"),
    ({"process": None}, Level.FINE, ""),
]


@pytest.mark.parametrize(("changes", "expected", "sentence"), LEVELS)
def test_the_level_and_its_sentence(
    changes: dict[str, Any], expected: Level, sentence: str
) -> None:
    reading = replace(GOOD, **changes)

    assert level(reading) is expected
    told = [notice.sentence for notice in notices(reading)]
    assert len(told) == bool(sentence) and sentence in "".join(told)


def test_the_gravest_comes_first() -> None:
    reading = replace(GOOD, queued=3, headroom_mb=50.0)

    assert [notice.level for notice in notices(reading)] == [Level.CRITICAL, Level.WARNING]


def test_the_lines_tell_every_number() -> None:
    shown = lines(replace(GOOD, headroom_mb=150.0), when="12:00")

    assert shown == [
        "ClimbMate  http://127.0.0.1:8501  ready  12:00",
        "memory     [####################....] 85% of 1000 MiB, 150 MiB can still be taken",
        "process    RSS 310 MiB, peak 420 MiB, swap 0 MiB, pid 42",
        "models     100 MiB",
        "queue      1 of 3 waiting, one running",
        "cache      4 results, 0.5 of 16.0 MiB, 7 hits, 9 misses",
        "photos     16 answered, 2 refused, 1 failed",
        "warning: 85% of the memory is in use: 150 MiB can still be taken.",
    ]
    without = lines(replace(GOOD, process=None, model_mb=0.0), when="12:00")
    assert "RSS 300 MiB" in without[2] and "--pid" in without[2]
    assert "not loaded" in without[3]


@pytest.mark.parametrize(
    ("headroom_mb", "code"), [(600.0, "\033[32m"), (150.0, "\033[33m"), (50.0, "\033[31m")]
)
def test_colours_are_for_terminals_alone(headroom_mb: float, code: str) -> None:
    reading = replace(GOOD, headroom_mb=headroom_mb)

    assert code in lines(reading, when="", coloured=True)[1]
    assert "\033" not in "".join(lines(reading, when=""))


def test_the_document_is_json_with_the_level() -> None:
    told = json.loads(json.dumps(document(replace(GOOD, headroom_mb=50.0), when="12:00")))

    assert (told["level"], told["used_share"], told["process"]["pid"]) == ("critical", 0.95, 42)
    assert told["notices"][0]["level"] == "critical"


def test_what_the_server_writes_is_read() -> None:
    """From the metrics of a real face, after two analyses and an answer from the cache."""
    with face(queue_size=5, model_cache_mb=2.0) as client:
        for seed in (1, 2, 2):
            assert client.post("/predict", files=form(photo(seed=seed))).status_code == 200
        here_mb = psutil.Process().memory_info().rss / 2**20
        text = client.get("/metrics").text

        reading = reading_of(URL, text, "", None)

    assert (reading.answered, reading.failed, reading.refused) == (3, 0, 0)
    assert (reading.cache_entries, reading.cache_hits, reading.queue_size) == (2, 1, 5)
    assert reading.cache_limit_mb == 2.0 and 0 < reading.cache_mb < 0.1
    assert (reading.queued, reading.running) == (0, False)
    assert reading.rss_mb == pytest.approx(here_mb, rel=0.1)
    assert 0 < reading.headroom_mb < reading.limit_mb <= psutil.virtual_memory().total / 2**20


def test_a_server_of_another_version_is_named() -> None:
    with pytest.raises(UnreachableError, match="does not tell climbmate_resident_bytes"):
        reading_of(URL, "climbmate_ready 1.0\n", "", None)


STATUS = "Name:\tpython\nVmPeak:\t 900000 kB\nVmHWM:\t  430080 kB\nVmRSS:\t  317440 kB\n"


def test_the_process_is_read_from_the_systems_files(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    file = tmp_path / "42" / "status"

    file.write_text(STATUS + "VmSwap:\t   12288 kB\nThreads:\t9\n")
    assert process_memory(42, tmp_path) == ProcessMemory(42, 310.0, 420.0, 12.0)
    file.write_text(STATUS)
    assert process_memory(42, tmp_path) == ProcessMemory(42, 310.0, 420.0, 0.0)
    file.write_text("Name:\tkthreadd\nThreads:\t1\n")
    assert process_memory(42, tmp_path) is None
    assert process_memory(43, tmp_path) is None


def test_this_process_is_as_psutil_sees_it() -> None:
    told = process_memory(os.getpid())

    if told is None:
        pytest.skip("this system has no /proc")
    assert told.rss_mb == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.1)
    assert told.peak_mb >= told.rss_mb * 0.99


def test_the_process_is_found_by_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        assert listening_pid(f"http://127.0.0.1:{port}") == os.getpid()
        assert listening_pid(f"http://localhost:{port}") == os.getpid()
    assert listening_pid(f"http://127.0.0.1:{port}") is None
    assert listening_pid("http://192.0.2.7:8501") is None
    assert listening_pid("http://gym.example:8501") is None


class Answers(BaseHTTPRequestHandler):
    """Answers every path with what the test put into ``told``."""

    told: dict[str, tuple[int, str]]

    def do_GET(self) -> None:
        key = self.headers.get("X-API-Key", "")
        status, text = self.told.get(f"{self.path} {key}".strip(), (404, "nothing"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, tuple[int, str]]]]:
    """An address on this machine and what is answered there."""
    told: dict[str, tuple[int, str]] = {}
    handler = type("Told", (Answers,), {"told": told})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", told
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def metrics() -> str:
    """Metrics as the server writes them."""
    with face() as client:
        return client.get("/metrics").text


def told_fine(metrics: str) -> dict[str, tuple[int, str]]:
    return {"/metrics": (200, metrics), "/api/ready": (200, '{"ok": true}')}


def test_a_server_is_read(server: Any, metrics: str) -> None:
    url, told = server
    told |= told_fine(metrics)

    reading = take_reading(url)

    assert reading.not_ready == "" and reading.queue_size == 3
    assert reading.process is not None and reading.process.pid == os.getpid()


def test_one_that_is_not_ready_says_why(server: Any, metrics: str) -> None:
    url, told = server
    sentence = "The server is not ready: models."
    told |= told_fine(metrics) | {"/api/ready": (503, json.dumps({"error": {"message": sentence}}))}

    assert take_reading(url).not_ready == sentence
    told["/api/ready"] = (503, "<html>")
    assert "does not say why" in take_reading(url).not_ready


def test_the_key_is_sent(server: Any, metrics: str) -> None:
    url, told = server
    key = "a-key-of-sixteen-characters-or-more"
    told |= {"/metrics": (401, "{}"), f"/metrics {key}": (200, metrics)}
    told |= {f"/api/ready {key}": (200, "{}")}

    assert take_reading(url, key=key).not_ready == ""
    with pytest.raises(UnreachableError, match="--key-file"):
        take_reading(url)


def test_what_is_no_climbmate_is_told(server: Any) -> None:
    url, told = server
    page = "<p>Its metrics begin with climbmate_ and are listed below.</p>"
    strangers = ((404, "nothing"), (200, "python_info 1.0\n"), (500, "climbmate_ready 1\n"))
    for answer in (*strangers, (200, page)):
        told["/metrics"] = answer
        with pytest.raises(UnreachableError, match="without ClimbMate's metrics") as caught:
            take_reading(url)
        assert "`make run` has none: start it with `make serve`" in caught.value.hint


def test_keys_come_from_the_file_or_the_settings(tmp_path: Path) -> None:
    first, hashed = "first-key-of-sixteen-characters", "sha256:" + "0" * 64
    file = tmp_path / "key"
    file.write_text(f"{first}\n")

    assert key_to_send(file, load_settings(api_keys="")) == first
    assert key_to_send(None, load_settings(api_keys=f"{hashed}, {first}")) == first
    assert key_to_send(None, load_settings(api_keys=hashed)) == ""
    with pytest.raises(ClimbMateError, match="cannot be read"):
        key_to_send(tmp_path / "none", load_settings())
    for text in ("one\ntwo", "schlüssel"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ClimbMateError, match="is no key") as caught:
            key_to_send(file, load_settings())
        assert text not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://127.0.0.1:port", "http://two words", "http://"]
)
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(UnreachableError, match="No server answers at"):
        take_reading(url)


class Enough(Exception):
    """Ends a loop that otherwise has no end."""


def test_the_loop_goes_on_when_the_server_is_away() -> None:
    readings: list[Reading | Exception] = [
        GOOD,
        UnreachableError("unreachable", "No server answers.", "Start one."),
        replace(GOOD, headroom_mb=50.0),
    ]
    written, slept = io.StringIO(), []

    def take() -> Reading:
        item = readings[len(slept)]
        if isinstance(item, Exception):
            raise item
        return item

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise Enough

    with pytest.raises(Enough):
        watch(take, written.write, every_s=7.0, as_json=True, sleep=sleep)

    told = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [row["level"] for row in told] == ["fine", "unknown", "critical"]
    assert told[1]["error"]["code"] == "unreachable" and slept == [7.0] * 3


def test_a_terminal_is_cleared_and_a_pipe_is_not() -> None:
    for terminal in (True, False):
        written = io.StringIO()
        watch(lambda: GOOD, written.write, every_s=1.0, once=True, terminal=terminal)
        assert ("\033[32m" in written.getvalue()) is terminal
        assert "\033[J" not in written.getvalue()  # one reading stays below what stood there


@pytest.mark.usefixtures("clean_environment")
def test_exit_codes_for_scripts(
    server: Any, metrics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url, told = server
    told |= told_fine(metrics)
    ask = ["monitor", "--once", "--url", f"{url}/"]

    assert main([*ask, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == "fine"
    told["/metrics"] = (200, metrics.replace("queue_depth 0.0", "queue_depth 3.0"))
    assert main(ask) == 1
    assert "warning: The queue is full" in capsys.readouterr().out
    told["/api/ready"] = (503, "{}")
    assert main(ask) == 2
    told.clear()
    assert main(ask) == 3
    out, err = capsys.readouterr()
    assert "critical: " in out and "[not_climbmate]" in err
    assert main(["monitor", "--once", "--url", "http://127.0.0.1:9"]) == 3
    assert "No server answers at http://127.0.0.1:9: Connection refused." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://", "an address with a host, as in http://127.0.0.1:8501, got http://"),
        ("https://:8501", "an address with a host"),
        ("http://127.0.0.1:99999", "a port from 1 to 65535, got 99999"),
        ("http://127.0.0.1:0/", "a port from 1 to 65535, got 0"),
        ("http://[::1]:port", "a port from 1 to 65535, got port"),
        ("http://[::1", "an address, which http://[::1 is not: Invalid IPv6 URL"),
        ("127.0.0.1:8501", "an address that begins with http:// or https://"),
    ],
)
def test_what_is_wrong_with_the_address_is_named(
    url: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["monitor", "--once", "--url", url])

    assert f"error: --url takes {problem}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "http://[::1]:8501/", "https://gym.example:65535"]
)
def test_an_address_with_a_host_and_a_port_or_none_is_taken(url: str) -> None:
    assert parse_arguments(["monitor", "--url", url]).url == url


@pytest.mark.parametrize(
    "arguments",
    [["--every", "0"], ["--every", "x"], ["--url", "file:///etc/passwd"], ["--pid", "x"]],
)
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["monitor", *arguments])

    assert caught.value.code == 2


def heed_interrupts() -> None:
    """A shell's background job ignores the interrupt, and would hand that on to its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_interrupted_monitor_ends_without_a_traceback(server: Any, metrics: str) -> None:
    url, told = server
    told |= told_fine(metrics)
    command = [sys.executable, "-m", "core", "monitor", "--url", url, "--every", "0.1"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=-1, stderr=-1, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()

    assert first.startswith(f"ClimbMate  {url}  ready") and "\033" not in first + out
    assert (process.returncode, err) == (130, "")
