"""server.py: dashboard, REST and metrics in one process with one service."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import streamlit as st

import server
from api.app import paths_of
from core.settings import load_settings
from tests.api.faces import DEMO, HERE, TestClient, app_with, real_server, shaped_error

STARTS = {
    "python": ["server.py"],
    "streamlit": [
        *("-m", "streamlit", "run", "server.py", "--server.address", "127.0.0.1"),
        *("--server.port", "PORT"),
    ],
    "uvicorn": ["-m", "uvicorn", "server:app", "--port", "PORT"],
}


def test_every_path_of_the_rest_face_is_mounted_and_no_more() -> None:
    rest = app_with()
    app = st.App(server.SCRIPT, routes=server.rest_routes(rest), lifespan=server.life_of(rest))

    with TestClient(app, client=HERE) as client:
        answers = {path: client.get(path) for path in sorted(paths_of(rest))}
        nothing = client.get("/api/nothing")
        pages = {path: client.get(path) for path in ("/", "/review", "/_stcore/health")}

    for path, reply in answers.items():
        assert reply.headers["x-frame-options"] == "DENY", path
        assert reply.status_code in (200, 405, 503), path
    shaped_error(nothing, 404, "not_found")
    for path, reply in pages.items():
        assert reply.status_code == 200 and "x-frame-options" not in reply.headers, path
    assert "<title>Streamlit</title>" in pages["/"].text


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_one_process_serves_all(start: str, tmp_path: Path) -> None:
    photo = {"file": (DEMO.name, DEMO.read_bytes())}
    with real_server(tmp_path / "log", STARTS[start]) as running:
        running.wait_ready()
        page = httpx.get(f"{running.url}/")
        analysed = httpx.post(f"{running.url}/api/analyze", files=photo, timeout=60)
        metrics = httpx.get(f"{running.url}/metrics").text
        children = psutil.Process(running.process.pid).children(recursive=True)
        running.process.terminate()
        began = time.monotonic()
        code = running.process.wait(20)
        took_s = time.monotonic() - began

    assert "<title>Streamlit</title>" in page.text
    assert analysed.status_code == 200 and len(analysed.json()["holds"]) > 20
    assert 'climbmate_events_total{kind="loaded"} 1.0' in metrics
    assert not children
    assert code in (0, -15) and took_s < 10, running.output()
    assert "Traceback" not in running.output()


@pytest.mark.slow
def test_a_signal_in_mid_analysis_answers_the_running_request(tmp_path: Path) -> None:
    replies: list[httpx.Response] = []
    with real_server(tmp_path / "log", STARTS["python"]) as running:
        running.wait_ready()

        def ask() -> None:
            files: Any = {"file": (DEMO.name, DEMO.read_bytes())}
            replies.append(httpx.post(f"{running.url}/api/analyze", files=files, timeout=60))

        asking = threading.Thread(target=ask)
        asking.start()
        ends = time.monotonic() + 20
        while "climbmate_running 1.0" not in httpx.get(f"{running.url}/metrics").text:
            assert time.monotonic() < ends
        running.process.terminate()
        began = time.monotonic()
        running.process.wait(20)
        took_s = time.monotonic() - began
        asking.join(20)

    assert took_s < 10
    assert [reply.status_code for reply in replies] == [200], running.output()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (["server.py"], {"HOST": "0.0.0.0"}),
        (["-m", "streamlit", "run", "server.py", "--server.port", "PORT"], {}),
        (["-m", "uvicorn", "server:app", "--host", "0.0.0.0", "--port", "PORT"], {}),
    ],
    ids=list(STARTS),
)
def test_an_open_address_without_keys_is_refused(
    command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    with real_server(tmp_path / "log", command, **environment) as running:
        code = running.process.wait(60)

    assert code != 0
    assert "API_KEYS is empty" in running.output(), running.output()


@pytest.mark.slow
def test_an_address_of_another_machine_is_told_in_a_sentence(tmp_path: Path) -> None:
    # 192.0.2.0/24 is nobody's: RFC 5737 keeps it for documents.
    there = {"HOST": "192.0.2.1", "API_KEYS": "a-key-of-sixteen-characters"}
    with real_server(tmp_path / "log", STARTS["python"], **there) as running:
        code = running.process.wait(60)

    assert code == 1
    assert "cannot listen on 192.0.2.1" in running.output()
    assert "Traceback" not in running.output()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8501"),
        ("0.0.0.0", "http://localhost:8501"),
        ("::1", "http://[::1]:8501"),
        ("gym.example", "http://gym.example:8501"),
    ],
)
def test_where_it_is_found_is_said_at_the_start(host: str, address: str) -> None:
    assert server.address_of(load_settings(host=host, port=8501)) == address
