"""What goes wrong on a real server: Redis dies, a model file is damaged, the disk is full.

Every test starts ``server.py`` in a process of its own, with the embedded models. SIGTERM and
clients that hang up are in tests/api/test_live.py.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from PIL import Image

from benchmarks.load_photos import with_other_bytes
from benchmarks.load_rows import core_of
from core.agenda import RETRY_PAUSE_S
from core.memory import black_box
from core.redis_cache import PREFIX
from scripts.dockerfile import image_files, read_dockerfile
from tests.api.faces import DEMO, ROOT, RealServer, real_server, shaped_error
from tests.ports import free_port
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.slow

SERVER = ["server.py"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The demo wall, small enough to be analysed quickly."""
    path = tmp_path_factory.mktemp("small") / "wall.jpg"
    with Image.open(DEMO) as wall:
        wall.resize((480, 640)).save(path, quality=90)
    return path.read_bytes()


def send(server: RealServer, data: bytes) -> httpx.Response:
    files = {"file": ("wall.jpg", data, "image/jpeg")}
    return httpx.post(f"{server.url}/api/analyze", files=files, timeout=60)


class Redis:
    """A redis-server of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def client(self) -> Any:
        return redis.Redis(port=self.port, socket_timeout=5)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def results(self) -> int:
        with self.client() as client:
            return len(client.keys(PREFIX + "*"))

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [*command, "--dir", str(self.folder)], stdout=subprocess.DEVNULL
        )
        until(self.answers, what="an answer of redis-server")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_S)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    made = Redis(tmp_path)
    made.start()
    yield made
    made.kill()


class Load:
    """Two clients that send photos of new bytes until they are stopped, and all answers."""

    def __init__(self, server: RealServer, data: bytes) -> None:
        self.server, self.data = server, data
        self.replies: list[httpx.Response] = []
        self.troubles: list[Exception] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(1_000_000 * number,)) for number in (1, 2)
        ]

    def _run(self, number: int) -> None:
        try:
            while not self._over.is_set():
                number += 1
                self.replies.append(send(self.server, with_other_bytes(self.data, "JPEG", number)))
        except Exception as error:  # a thread's error would be lost; the test looks here
            self.troubles.append(error)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int = 3) -> None:
        """Wait until so many more answers have come."""
        before = len(self.replies)
        until(lambda: len(self.replies) >= before + count, what="more answers")


def test_redis_dies_and_returns_in_mid_load(store: Redis, small: bytes, tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{store.port}/0"
    with real_server(tmp_path / "log", SERVER, REDIS_URL=url, HOST="127.0.0.1") as server:
        server.wait_ready()
        with Load(server, small) as load:
            until(lambda: store.results() > 0, what="a result in Redis")
            store.kill()
            until(lambda: "redis=down" in server.output(), what="a line about Redis in the log")
            load.more()
            store.start()
            until(lambda: store.results() > 0, what="a result in the new Redis")
        output = server.output()

    assert load.troubles == []
    assert {reply.status_code for reply in load.replies} == {200}
    assert len({core_of(reply.json()) for reply in load.replies}) == 1, "answers differ"
    assert output.count("redis=down") == 1 and output.count("redis=up") == 1
    assert "Traceback" not in output


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the product as the image has it."""
    image = read_dockerfile((ROOT / "Dockerfile").read_text())
    for place, source in image_files(image, ROOT).items():
        target = tmp_path / "tree" / place.removeprefix(f"{image.workdir}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, target)
    return tmp_path / "tree"


def test_a_damaged_model_file_is_told_and_read_again_once_repaired(
    tree: Path, small: bytes, tmp_path: Path
) -> None:
    model = tree / "weights" / "detector" / "detector.onnx"
    sound = model.read_bytes()
    model.write_bytes(sound[:1000] + bytes([sound[1000] ^ 1]) + sound[1001:])
    command = ["-P", str(tree / "server.py")]
    variables = {"PYTHONPATH": str(tree), "HOST": "127.0.0.1"}
    with real_server(tmp_path / "log", command, **variables) as server:
        until(lambda: "models=failed" in server.output(), what="a failure to load in the log")

        error = shaped_error(httpx.get(f"{server.url}/api/ready"), 503, "weights_damaged")
        assert "detector.onnx differs from its checksum" in error["message"]
        assert httpx.get(f"{server.url}/api/health").status_code == 200
        refused = send(server, small)
        shaped_error(refused, 503, "weights_damaged")
        assert int(refused.headers["Retry-After"]) >= 1
        assert server.process.poll() is None

        model.write_bytes(sound)
        time.sleep(RETRY_PAUSE_S)
        assert send(server, small).status_code == 200
        assert httpx.get(f"{server.url}/api/ready").status_code == 200


@contextmanager
def tiny_disk(folder: Path) -> Iterator[Path]:
    """A file system of 8 MiB at ``folder``; the test is skipped where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Write into ``folder`` until nothing fits any more."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC


def test_a_disk_that_is_full_at_the_start_stops_no_answer(small: bytes, tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk") as disk:
        fill(disk)
        variables = {"CLIMBMATE_CACHE_DIR": str(disk), "HOST": "127.0.0.1"}
        with real_server(tmp_path / "log", SERVER, **variables) as server:
            server.wait_ready()
            assert send(server, small).status_code == 200
            output = server.output()

    assert "black_box=off" in output and "No space left on device" in output
    assert "Traceback" not in output


def test_a_disk_that_fills_up_while_serving(small: bytes, tmp_path: Path) -> None:
    """Large uploads wait in a temporary file; without room for it they are refused, in the one
    shape of errors, and the server lives on."""
    large = small + bytes(3 * 2**20)
    with tiny_disk(tmp_path / "disk") as disk:
        variables = {"CLIMBMATE_CACHE_DIR": str(disk), "TMPDIR": str(disk), "HOST": "127.0.0.1"}
        with real_server(tmp_path / "log", SERVER, **variables) as server:
            server.wait_ready()
            assert send(server, large).status_code == 200
            fill(disk)
            assert send(server, small).status_code == 200
            refused = send(server, large)
            (disk / "ballast").unlink()
            again = with_other_bytes(large, "JPEG", 1)
            assert send(server, again).status_code == 200
            assert httpx.get(f"{server.url}/api/health").status_code == 200
            output = server.output()

    shaped_error(refused, 503, "upload_not_stored")
    assert int(refused.headers["Retry-After"]) >= 1
    assert "event=upload_not_stored" in output and "event=unforeseen_error" not in output


def test_without_room_for_the_black_box_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The same where no disk can be mounted: the write itself fails."""

    def no_room(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", no_room)
    black_box.stop_recording()
    try:
        assert black_box.start_recording(tmp_path) == ()
        assert "black_box=off" in caplog.text
    finally:
        black_box.stop_recording()
