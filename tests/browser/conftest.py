"""A real browser and a real server: what only those can show."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright for Python")

STARTING_S = 90
PATIENCE_MS = 30_000
playwright.expect.set_options(timeout=PATIENCE_MS)

SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}


@contextmanager
def serving(script: Path, root: Path, log: Path, port: int = 0) -> Iterator[str]:
    """Address of ``streamlit run script``, which runs until the block ends: at ``port``, or at a
    free one."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with log.open("wb") as out:
        server = subprocess.Popen(
            command + options, cwd=root, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(server, log)


@pytest.fixture(scope="package")
def address(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard as it is, one server for the tests of all files here, since each test is a
    session of its own; its log has no traceback at the end."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with serving(repository / "streamlit_app.py", repository, log) as url:
        yield url
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


def _end(server: subprocess.Popen[bytes], log: Path) -> None:
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        pytest.fail(f"the server did not end: {log.read_text(errors='replace')}")


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTING_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text(errors='replace')}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text(errors='replace')}")


@pytest.fixture(scope="package")
def browser() -> Iterator[object]:
    """Chromium, the system's own where there is one; the test is skipped, and says so, without.

    Not longer than the tests of this folder: Playwright keeps an event loop running meanwhile.
    """
    system = shutil.which("chromium") or shutil.which("chromium-browser")
    with playwright.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=system, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no chromium: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def open_page(browser: object) -> Iterator[Callable[..., object]]:
    """Opens an address at ``desktop`` or ``phone`` size, in a browser that prefers ``light`` or
    ``dark``; an error on its console fails the test."""
    contexts, problems = [], []

    def opened(address: str, size: str = "desktop", scheme: str = "light") -> object:
        context = browser.new_context(color_scheme=scheme, **SIZES[size])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not problems, problems
