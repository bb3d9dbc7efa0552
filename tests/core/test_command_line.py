"""The command line as a person and a script meet it: what is on stdout, on stderr and on disk, and
the exit code.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import analysis, opening
from core.command_line import main
from core.errors import MemoryRefusedError
from core.memory import preflight
from core.settings import markdown_table
from core.wall import WallAnalysis
from tests.core.bad_photos import BAD_PHOTOS, BadPhoto
from tests.core.fakes import fake_models, found

Captured = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line with models that find five holds, without loading any."""
    models = fake_models([found((50, 20 + 40 * i, 80, 45 + 40 * i)) for i in range(5)])
    monkeypatch.setattr(opening, "Opening", lambda *_: None)
    monkeypatch.setattr(analysis, "load_models", lambda *_: models)
    return models


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return make_photo(tmp_path / "wall.jpg")


def make_photo(path: Path) -> Path:
    out = io.BytesIO()
    Image.new("RGB", (320, 260), (220, 210, 200)).save(out, "JPEG")
    path.write_bytes(out.getvalue())
    return path


def document(text: str) -> WallAnalysis:
    return WallAnalysis.from_document(json.loads(text))


def refused(arguments: list[str]) -> int:
    """The exit code of arguments that argparse turns down."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_json_on_stdout_is_one_document_and_nothing_else(photo: Path, capsys: Captured) -> None:
    assert main(["analyze", str(photo), "--json", "-"]) == 0

    out, err = capsys.readouterr()
    assert len(document(out).holds) == 5 and document(out).photo.name == "wall.jpg"
    assert out.endswith("}\n") and not out.endswith("\n\n")
    assert err == ""


def test_a_summary_is_all_that_a_plain_call_prints(photo: Path, capsys: Captured) -> None:
    assert main(["analyze", str(photo)]) == 0

    out, err = capsys.readouterr()
    assert out.startswith(f"{photo}: 5 holds, 0 volumes, 1 problem, 0 unsure colours, ")
    assert out.count("\n") == 1 and err == ""


def test_every_file_that_was_asked_for_is_written(photo: Path, tmp_path: Path) -> None:
    targets = {
        name: tmp_path / "deep" / f"result.{name}" for name in ("json", "csv", "coco", "jpg")
    }
    options = ["--json", str(targets["json"]), "--csv", str(targets["csv"]),
               "--coco", str(targets["coco"]), "--overlay", str(targets["jpg"]),
               "--out", str(tmp_path / "out")]  # fmt: skip

    assert main(["analyze", str(photo), *options]) == 0

    wall = document(targets["json"].read_text(encoding="utf-8"))
    rows = list(csv.DictReader(io.StringIO(targets["csv"].read_text(encoding="utf-8"))))
    assert [row["hold"] for row in rows] == [str(hold.id) for hold in wall.holds]
    coco = json.loads(targets["coco"].read_text(encoding="utf-8"))
    assert [a["hold"] for a in coco["annotations"]] == [hold.id for hold in wall.holds]
    with Image.open(targets["jpg"]) as picture:
        assert picture.size == (320, 260)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"wall.json", "wall.overlay.jpg"}
    assert document((tmp_path / "out" / "wall.json").read_text()).holds == wall.holds
    assert (tmp_path / "out" / "wall.overlay.jpg").read_bytes() == targets["jpg"].read_bytes()


def test_one_broken_photo_does_not_stop_the_others(tmp_path: Path, capsys: Captured) -> None:
    photos = [make_photo(tmp_path / name) for name in ("first.jpg", "broken.jpg", "last.jpg")]
    photos[1].write_bytes(photos[1].read_bytes()[:300])
    out = tmp_path / "out"

    code = main(["analyze", *map(str, photos), "--out", str(out), "--csv", str(out / "all.csv"),
                 "--coco", str(out / "all.coco.json")])  # fmt: skip

    assert code == 2
    assert {p.name for p in out.iterdir()} == {
        "first.json", "first.overlay.jpg", "last.json", "last.overlay.jpg",
        "all.csv", "all.coco.json",
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO((out / "all.csv").read_text())))
    assert {row["photo"] for row in rows} == {"first.jpg", "last.jpg"}
    images = json.loads((out / "all.coco.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["first.jpg", "last.jpg"]
    stdout, stderr = capsys.readouterr()
    assert stdout.count("\n") == 2
    assert f"{photos[1]}: error: " in stderr and "[photo_truncated]" in stderr


@pytest.mark.parametrize("row", BAD_PHOTOS, ids=lambda row: row.id)
def test_bad_photos_are_told_in_two_lines(
    row: BadPhoto, fakes: Any, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / f"{row.id}.jpg"
    path.write_bytes(row.make())

    code = main(["analyze", str(path), "--json", "-"])

    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    message, hint = err.splitlines()
    assert message.startswith(f"{path}: error: ") and message.endswith(f". [{row.code}]")
    assert hint.startswith("  ") and hint.endswith(".")
    assert "Traceback" not in err
    assert fakes.detector.calls == 0


@pytest.mark.parametrize("what", ["missing", "folder", "name_too_long", "below_a_file"])
def test_paths_that_are_no_files(what: str, photo: Path, capsys: Captured) -> None:
    path = {
        "missing": photo.with_name("none.jpg"),
        "folder": photo.parent,
        "name_too_long": photo.with_name("x" * 300 + ".jpg"),
        "below_a_file": photo / "photo.jpg",
    }[what]

    assert main(["analyze", str(path)]) == 2

    out, err = capsys.readouterr()
    assert out == "" and "[photo_unreadable]" in err and "Traceback" not in err


def test_a_device_without_an_end_is_not_read_to_its_end(capsys: Captured) -> None:
    assert main(["analyze", "/dev/zero"]) == 2

    assert capsys.readouterr().err.startswith(
        "/dev/zero: error: The limit is 20 MiB, and the photo zero has more than that. "
        "[photo_too_large_bytes]"
    )


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "long.jpg"
    with path.open("wb") as file:
        file.truncate(3 * 2**40)  # a file with a hole takes no room on the disk

    assert main(["analyze", str(path)]) == 2

    assert "The limit is 20 MiB, and the photo long.jpg has 3145728.0 MiB." in (
        capsys.readouterr().err
    )


def test_a_photo_from_a_pipe(photo: Path, capsys: Captured) -> None:
    reading, writing = os.pipe()
    os.write(writing, photo.read_bytes())
    os.close(writing)

    code = main(["analyze", f"/proc/self/fd/{reading}", "--json", "-"])

    os.close(reading)
    assert code == 0 and len(document(capsys.readouterr().out).holds) == 5


@pytest.mark.parametrize("option", ["--out", "--json", "--csv", "--coco", "--overlay"])
def test_where_nothing_can_be_written(
    option: str, photo: Path, tmp_path: Path, capsys: Captured
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")

    code = main(["analyze", str(photo), option, str(in_the_way / "below")])

    err = capsys.readouterr().err
    assert code == 2 and "error: " in err and "[output_failed]" in err and "Traceback" not in err
    assert in_the_way.read_text() == "not a folder"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("YOLO_CONF", "high"), ("YOLO_IMG_SIZE", "333"), ("MAX_HOLDS", "-1"), ("PALETTE", "red"),
        ("CLIP_BATCH_SIZE", "0"), ("OMP_NUM_THREADS", "many"), ("LOG_LEVEL", "loud"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named(
    variable: str, value: str, photo: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, value)

    assert main(["analyze", str(photo), "--json", "-"]) == 2

    out, err = capsys.readouterr()
    assert out == "" and f"{variable} has the value" in err and "[bad_setting]" in err


NAMES = [
    "Wände über 5a.jpg", "壁 日本語.jpg", "two\nlines.jpg", "\x1b[31mred.jpg", "=formula.jpg",
    "'quotes\" & $HOME.jpg", " blank .jpg", "no_suffix", ".hidden",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_a_file_can_have(name: str, tmp_path: Path, capsys: Captured) -> None:
    path = make_photo(tmp_path / name)

    assert main(["analyze", str(path), "--json", "-", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert document(out).photo.name == name and err == ""
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert written == {f"{path.stem}.json", f"{path.stem}.overlay.jpg"}

    assert main(["analyze", str(path)]) == 0
    assert capsys.readouterr().out.count("\n") == 1  # on one line, whatever the name


def test_a_leading_dash_works_as_programs_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    make_photo(tmp_path / "-wall.jpg")
    monkeypatch.chdir(tmp_path)

    assert refused(["analyze", "-wall.jpg"]) == 2
    capsys.readouterr()
    for arguments in (["--json", "-", "--", "-wall.jpg"], ["./-wall.jpg", "--json", "-"]):
        assert main(["analyze", *arguments]) == 0
        assert document(capsys.readouterr().out).photo.name == "-wall.jpg"


def test_warnings_go_to_stderr(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    models = fake_models(warnings=("YOLO_WEIGHTS=x does not exist.",))
    monkeypatch.setattr(analysis, "load_models", lambda *_: models)

    assert main(["analyze", str(photo), "--json", "-"]) == 0

    out, err = capsys.readouterr()
    assert len(document(out).warnings) == 2
    assert err.splitlines()[0] == f"{photo}: warning: YOLO_WEIGHTS=x does not exist."
    assert "No holds were found" in err


def test_ctrl_c_ends_quietly(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(analysis, "load_models", stop)

    assert main(["analyze", str(photo)]) == 130
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_while_modules_are_imported_is_no_traceback(tmp_path: Path) -> None:
    # A module that the imports meet presses Ctrl-C: the moment is the same on every machine.
    (tmp_path / "pydantic.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")

    done = subprocess.run(
        [sys.executable, "-m", "core", "settings"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
        # Who started these tests may have them ignore interrupts; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_a_python_without_the_packages_is_told_the_way(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c",  # without site-packages
         "import runpy, sys; sys.path.insert(0, '.'); runpy.run_module('core', None, '__main__')"],
        cwd=repository,
        capture_output=True,
        timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, b"")
    assert b" is not installed for " in done.stderr and b".venv/bin/python" in done.stderr
    assert done.stderr.count(b"\n") == 2


def test_the_settings_are_the_table(capsys: Captured) -> None:
    assert main(["settings", "--markdown"]) == 0

    assert capsys.readouterr().out == markdown_table() + "\n"


@pytest.mark.parametrize("arguments", [[], ["analyze"], ["fly"], ["analyze", "--json"]])
def test_wrong_arguments_answer_with_the_usage(arguments: list[str], capsys: Captured) -> None:
    assert refused(arguments) == 2

    assert "usage: python -m core" in capsys.readouterr().err


@pytest.fixture
def command(repository: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """The real program in a process of its own, with the embedded models."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "core", *arguments],
            cwd=repository,
            env={**os.environ, **environment},
            capture_output=True,
            timeout=120,
        )

    return run


def test_stdout_is_the_document_even_with_all_logs_on(
    command: Callable[..., Any], repository: Path
) -> None:
    demo = repository / "assets" / "demo_wall.jpg"

    done = command("analyze", str(demo), "--json", "-", LOG_LEVEL="DEBUG", PYTHONIOENCODING="ascii")

    assert done.returncode == 0, done.stderr.decode()
    assert len(document(done.stdout.decode("utf-8")).holds) > 30
    assert b"DEBUG" in done.stderr and b"session_opened" in done.stderr


def test_a_name_that_is_no_text_is_no_traceback(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    Path(os.fsdecode(path)).write_bytes(make_photo(tmp_path / "good.jpg").read_bytes())

    done = command("analyze", os.fsdecode(path), LANG="C.UTF-8")

    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert rb"\udcff\udcfe.jpg: 0 holds" in done.stdout
    assert b"No holds were found" in done.stderr


def test_a_photo_that_does_not_fit_does_not_stop_the_others(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    other, table = make_photo(tmp_path / "other.jpg"), tmp_path / "all.csv"
    prepare = preflight.prepare

    def refuse_wall(data: bytes, *, name: str, **more: Any) -> preflight.Plan:
        if name == "wall.jpg":
            raise MemoryRefusedError("memory_refused", "It does not fit.", "Send a smaller one.")
        return prepare(data, name=name, **more)

    monkeypatch.setattr(preflight, "prepare", refuse_wall)

    assert main(["analyze", str(photo), str(other), "--csv", str(table)]) == 2

    out, err = capsys.readouterr()
    assert f"{photo}: error: It does not fit. [memory_refused]" in err
    assert out.startswith(f"{other}: 5 holds")
    assert {row["photo"] for row in csv.DictReader(io.StringIO(table.read_text()))} == {"other.jpg"}


def test_tables_can_go_to_stdout(photo: Path, capsys: Captured) -> None:
    assert main(["analyze", str(photo), "--csv", "-"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["photo"] for row in rows] == ["wall.jpg"] * 5

    assert main(["analyze", str(photo), "--coco", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["annotations"]) == 5


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    photo: Path, tmp_path: Path, fakes: Any, capsys: Captured
) -> None:
    assert main(["analyze", str(photo), "--csv", str(tmp_path)]) == 2

    out, err = capsys.readouterr()
    assert out == "" and "Is a directory. [output_failed]" in err
    assert fakes.detector.calls == 0


def shell(repository: Path, script: str) -> subprocess.CompletedProcess[bytes]:
    """``script`` with ``$core`` for the command line and ``$demo`` for a photo."""
    demo = repository / "assets" / "demo_wall.jpg"
    names = f"core='{sys.executable} -m core'; demo={demo}; "
    return subprocess.run(
        ["bash", "-c", names + script], cwd=repository, capture_output=True, timeout=120
    )


@pytest.mark.parametrize("asked", ["settings", "analyze $demo --json -", "analyze $demo --csv -"])
def test_results_that_a_closed_stdout_loses_are_an_error(asked: str, repository: Path) -> None:
    done = shell(repository, f"$core {asked} >&-")

    assert done.returncode == 2, done.stderr.decode()
    assert done.stderr.startswith(b"error: Standard output cannot be written: it is closed.")
    assert done.stderr.count(b"\n") == 2


def test_a_closed_stdout_does_not_matter_to_files(repository: Path, tmp_path: Path) -> None:
    target = tmp_path / "wall.json"

    done = shell(repository, f"$core analyze $demo --json {target} >&-")

    assert (done.returncode, done.stderr) == (0, b"")
    assert len(document(target.read_text(encoding="utf-8")).holds) > 30


def test_a_closed_stderr_leaves_stdout_to_the_document(repository: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    Image.new("RGB", (300, 300), (200, 200, 200)).save(empty)  # no holds: a warning

    done = shell(repository, f"$core analyze {empty} --json - 2>&-")

    assert done.returncode == 0
    assert document(done.stdout.decode("utf-8")).warnings


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_a_full_stdout_is_no_traceback(repository: Path) -> None:
    done = shell(repository, "$core settings >/dev/full")

    assert done.returncode == 2
    assert done.stderr.startswith(
        b"error: Standard output cannot be written: No space left on device. [output_failed]"
    )
    assert done.stderr.count(b"\n") == 2


def test_a_reader_that_leaves_early_is_no_traceback(repository: Path) -> None:
    demo = repository / "assets" / "demo_wall.jpg"
    script = (
        f"{sys.executable} -m core analyze {demo} --json - | head -c 10; echo ${{PIPESTATUS[0]}}"
    )

    done = subprocess.run(["bash", "-c", script], cwd=repository, capture_output=True, timeout=120)

    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr
    assert done.stdout.endswith((b"130\n", b"0\n"))  # 0 where the pipe took it all


def test_the_overlay_shows_the_holds(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "o.jpg"

    assert main(["analyze", str(photo), "--overlay", str(target)]) == 0

    with Image.open(target) as picture:
        drawn = np.asarray(picture.convert("RGB")).astype(int)
    changed = np.abs(drawn - drawn[-1, -1]).max(-1) > 60
    assert changed[20:225, 45:85].mean() > 0.1 and changed[:, 160:].mean() < 0.01
