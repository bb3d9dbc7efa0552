# ruff: noqa: T201  (a command line: it prints)
"""Perform the Dockerfile's steps in a clean folder, without Docker, and use what comes out.

    python -m scripts.prove_dockerfile [FOLDER]

COPY, RUN, ENV, WORKDIR, USER and CMD are read from the Dockerfile itself and done below FOLDER (a
temporary one that is removed, where none is named): a fresh virtual environment stands in for the
base image's Python, pip installs what RUN says, CMD is started with ENV alone and as USER where
this runs as root, HEALTHCHECK is asked, and the demo wall is analysed over HTTP. What is in the
image, how large it is, and where the server writes is checked too. An instruction or a command that
is not known ends it (:mod:`scripts.dockerfile`).

Not proven: the base image (its C library, its certificates) and Docker's own work.
Exit code 0 when all is right, 1 with a sentence when it is not.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.dockerfile import Image, NotUnderstoodError, Run, image_files, read_dockerfile

ROOT = Path(__file__).resolve().parent.parent

FORBIDDEN = (
    "tests", "training", "benchmarks", "scripts", "runs", "docs", ".git", ".github", ".ci", ".venv",
    "requirements.txt", "pyproject.toml", "Makefile", ".env", "deploy",
)  # fmt: skip
"""Names at the top of the repository that have no place in the image."""

MAX_APP_MB = 24
MAX_PACKAGES_MB = 800
"""MiB on disk, above which something came along that does not serve."""

READY_S = 90.0
STOP_S = 10.0
PASSED_ON = ("PATH", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Of this machine's environment, what an installation may need besides PIP_*."""


class NotProvenError(Exception):
    """The image would not do what it has to; the message says why."""


def expect(right: bool, sentence: str) -> None:
    """Raise :class:`NotProvenError` with ``sentence`` unless ``right``."""
    if not right:
        raise NotProvenError(sentence)


@dataclass(frozen=True, slots=True)
class Stage:
    """The clean folder: ``root`` is the image's ``/``, ``python`` its Python.

    ``user`` and ``group`` are the numbers that CMD runs under; None where this process may not
    change to them.
    """

    root: Path
    python: Path
    user: int | None
    group: int | None

    def inside(self, path: str) -> Path:
        """Where the image's absolute ``path`` lies."""
        return self.root / path.lstrip("/")

    def translated(self, text: str) -> str:
        """``text`` with the folder in front where it is an absolute path of the image."""
        return str(self.inside(text)) if text.startswith("/") else text

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The image's ENV, with the Python in front of the PATH."""
        path = f"{self.python.parent}:/usr/bin:/bin"
        return {"PATH": path} | {k: self.translated(v) for k, v in environment.items()}


def check_files(image: Image) -> str:
    """The files that COPY brings: all that serves, and nothing else."""
    placed = image_files(image, ROOT)
    strangers = sorted({source for source in placed.values() if source.split("/")[0] in FORBIDDEN})
    expect(not strangers, f"the image would hold {', '.join(strangers[:5])}")
    compiled = [source for source in placed.values() if "__pycache__" in source]
    expect(not compiled, f"the image would hold this machine's {compiled[:1]}")
    size_mb = sum((ROOT / source).stat().st_size for source in placed.values()) / 2**20
    expect(size_mb <= MAX_APP_MB, f"the product takes {size_mb:.1f} of {MAX_APP_MB} MiB")
    return f"{len(placed)} files of the product, {size_mb:.1f} MiB, no tests, training or history"


def check_user(image: Image) -> str:
    """CMD does not run as root, and a number tells it apart from any name."""
    user, _, group = image.user.partition(":")
    expect(
        user.isdecimal() and group.isdecimal() and "0" not in (user, group),
        f"expected USER number:number other than 0, got {image.user or 'root'}",
    )
    expect(bool(image.health), "the image has no HEALTHCHECK")
    return f"CMD runs as {image.user}"


def usable_by(python: str, user: int | None) -> bool:
    """Whether ``python`` runs under ``user`` and makes environments."""
    if shutil.which(python) is None:
        return False
    command = [python, "-c", "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"]
    try:
        done = subprocess.run(command, capture_output=True, user=user, cwd="/")
    except OSError:  # it lies where that user may not look
        return False
    return done.returncode == 0


def make_stage(image: Image, folder: Path) -> Stage:
    """The folder with a fresh environment in it."""
    root, venv = folder / "root", folder / "venv"
    root.mkdir(parents=True)
    folder.chmod(0o755)
    user, group = (int(part) for part in image.user.split(":"))
    minor = ".".join(image.base.partition(":")[2].split(".")[:2])
    candidates = [f"/usr/bin/python{minor}", f"/usr/local/bin/python{minor}", sys.executable]
    found = None
    if os.geteuid() == 0:
        found = next((name for name in candidates if usable_by(name, user)), None)
    if found is None:
        user = group = None  # type: ignore[assignment]
    subprocess.run([found or sys.executable, "-m", "venv", str(venv)], check=True)
    return Stage(root, venv / "bin" / "python", user, group)


def perform(image: Image, stage: Stage) -> str:
    """Do every COPY and RUN. Raises :class:`NotUnderstoodError` for a command that is not known."""
    for step in image.steps:
        if isinstance(step, Run):
            run_step(step, stage)
            continue
        for place, source in image_files(Image(steps=[step]), ROOT).items():
            target = stage.inside(place)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, target)
    return f"{len(image.steps)} steps done"


def run_step(step: Run, stage: Stage) -> None:
    """Do one command of a RUN."""
    match step.words:
        case ["python", "-m", ("pip" | "compileall") as module, *rest]:
            passed = {k: v for k, v in os.environ.items() if k.startswith("PIP_")}
            passed |= {k: v for k, v in os.environ.items() if k in PASSED_ON}
            run(
                [str(stage.python), "-m", module, *map(stage.translated, rest)],
                passed | stage.variables(step.environment),
                stage.inside(step.workdir),
            )
        case ["install", "-d", "-o", owner, "-g", group, *folders]:
            for name in folders:
                stage.inside(name).mkdir(parents=True)
                if stage.user is not None:
                    os.chown(stage.inside(name), int(owner), int(group))
        case _:
            raise NotUnderstoodError(f"unknown command RUN {' '.join(step.words)}")


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
    """Run ``command``, which has to end well."""
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    said = f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    expect(done.returncode == 0, f"{command[1:4]} ended with {done.returncode}:\n{said}")


def check_packages(stage: Stage) -> str:
    """No installer and no PyTorch are left, and the packages are not too many."""
    program = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    names = ["pip", "setuptools", "wheel", "torch", "ultralytics", "onnx", "pytest"]
    told = subprocess.run(
        [str(stage.python), "-c", program, *names], capture_output=True, text=True, check=True
    )
    expect(told.stdout.strip() == "[]", f"the image would hold {told.stdout.strip()}")
    packages = stage.python.parent.parent / "lib"
    size_mb = sum(p.lstat().st_size for p in packages.rglob("*") if p.is_file()) / 2**20
    expect(size_mb <= MAX_PACKAGES_MB, f"the packages take {size_mb:.0f} of {MAX_PACKAGES_MB} MiB")
    return f"packages take {size_mb:.0f} MiB, and neither pip nor PyTorch is among them"


@contextmanager
def serving(image: Image, stage: Stage, key: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """CMD, as the container would run it; its address on this machine, and the process."""
    expect(image.command[0] == "python", f"expected CMD to be Python, got {image.command}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = stage.variables(image.environment) | {"PORT": port, "API_KEYS": key}
    log = stage.root.parent / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(stage.python), *image.command[1:]],
            env=environment,
            cwd=stage.inside(image.workdir),
            stdout=sink,
            stderr=subprocess.STDOUT,
            user=stage.user,
            group=stage.group,
            extra_groups=[] if stage.user is not None else None,
        )
    try:
        yield f"http://127.0.0.1:{port}", process
    except Exception:
        print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
        raise
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def asked(url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Status and body of a request; status 0 where nobody listens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, named)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def wait_ready(url: str, process: subprocess.Popen[bytes]) -> float:
    """Wait for /api/ready; the seconds it took."""
    began = time.monotonic()
    while asked(f"{url}/api/ready")[0] != 200:
        expect(process.poll() is None, f"CMD ended with {process.returncode}")
        expect(time.monotonic() - began < READY_S, f"not ready after {READY_S:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - began


def check_serving(image: Image, stage: Stage) -> str:
    """The server starts, is healthy, answers who has a key, and ends when told to."""
    key = secrets.token_urlsafe(24)
    written = state_of(stage.root, without=image.volumes)
    with serving(image, stage, key) as (url, process):
        ready_s = wait_ready(url, process)
        port = url.rpartition(":")[2]
        environment = stage.variables(image.environment) | {"PORT": port}
        run([str(stage.python), *image.health[1:]], environment, stage.inside(image.workdir))
        document = analysed(url, key)
        expect(asked(f"{url}/model/stats")[0] == 401, "a call without a key was answered")
        status, page = asked(url)
        expect(status == 200 and b"<html" in page, f"the dashboard answered {status}")
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code = process.wait(STOP_S)
        expect(code in (0, -signal.SIGTERM), f"CMD ended with {code} on SIGTERM")
        stopped_s = time.monotonic() - began
    changed = state_of(stage.root, without=image.volumes) ^ written
    expect(not changed, f"the server wrote outside its volume: {sorted(changed)[:3]}")
    as_user = f"as {image.user}" if stage.user is not None else "as the user of this process"
    return (
        f"CMD {as_user}: ready in {ready_s:.1f} s, healthy, {len(document['holds'])} holds on the "
        f"demo wall, wrote to its volume alone, ended {stopped_s:.1f} s after SIGTERM"
    )


def analysed(url: str, key: str) -> dict[str, list[object]]:
    """The document of the demo wall, sent as a form."""
    photo = (ROOT / "assets" / "demo_wall.jpg").read_bytes()
    head = b'--b0\r\nContent-Disposition: form-data; name="file"; filename="wall.jpg"\r\n\r\n'
    status, body = asked(
        f"{url}/api/analyze",
        head + photo + b"\r\n--b0--\r\n",
        Content_Type="multipart/form-data; boundary=b0",
        X_API_Key=key,
    )
    expect(status == 200, f"the demo wall was answered with {status}: {body[:300]!r}")
    document: dict[str, list[object]] = json.loads(body)
    expect(len(document["holds"]) > 20, f"only {len(document['holds'])} holds were found")
    return document


def state_of(root: Path, without: Sequence[str]) -> set[tuple[str, int, int]]:
    """Path, size and time of change of every file, except below the volumes."""
    volumes = [root / name.lstrip("/") for name in without]
    return {
        (str(path.relative_to(root)), (told := path.lstat()).st_size, told.st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file() and not any(path.is_relative_to(volume) for volume in volumes)
    }


def prove(folder: Path) -> None:
    """Every check, each with a line. Raises what is wrong."""
    began = time.monotonic()
    image = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    print(f"ok: {check_files(image)}")
    print(f"ok: {check_user(image)}", flush=True)
    stage = make_stage(image, folder)
    print(f"ok: {perform(image, stage)} ({stage.python.resolve()} for {image.base})", flush=True)
    print(f"ok: {check_packages(stage)}", flush=True)
    print(f"ok: {check_serving(image, stage)}")
    print(f"ok: all of it in {time.monotonic() - began:.0f} s")


def main() -> int:
    """Prove it; 0 when all is right."""
    try:
        if len(sys.argv) > 1:
            prove(Path(sys.argv[1]).resolve())
        else:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder).chmod(0o755)  # USER has to get through
                prove(Path(folder) / "image")
    except (NotUnderstoodError, NotProvenError) as failure:
        print(f"not ok: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
