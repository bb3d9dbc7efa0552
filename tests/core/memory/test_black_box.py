"""The black box: foreign files, who may write, and processes that really are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.cgroup import KILLED, GroupUnavailableError, MemoryGroup
from core.analysis import SHARES
from core.memory import black_box
from core.memory.black_box import Recorder, boot_identity, judge, start_ticks
from core.memory.readings import PeakSampler
from core.memory.ring_file import FILE_BYTES, Contents, Header, Kind, Record, parse

ROOT = Path(__file__).resolve().parents[3]
BOOT = b"b" * 16
WALL = ROOT / "assets" / "demo_wall.jpg"

DIES_IN = """
import os, signal, sys
from pathlib import Path
from core.analysis import Step, analyze, load_models
from core.memory import black_box
from core.memory.readings import rss_mb
from core.settings import load_settings

folder, photo, stage = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
black_box.start_recording(folder)
settings = load_settings(max_image_size=640)
models = load_models(settings)
for item in analyze(photo.read_bytes(), models, settings, name="IMG_12.jpg"):
    if isinstance(item, Step) and item.stage == stage:
        print(rss_mb(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
raise SystemExit("not killed")
"""

# Two milliseconds for each MiB: the readings, some ten milliseconds apart, can keep up with that.
EATS = """
import sys
import time
from pathlib import Path
from core.memory import black_box
from core.memory.readings import PeakSampler

black_box.start_recording(Path(sys.argv[1]))
kept = []
with black_box.operation("analysing", "IMG_12.jpg", 24.0) as noted:
    noted.stage("colour")
    with PeakSampler(read=black_box.live_reading()):
        while True:
            kept.append(b"x" * 2**20)
            time.sleep(0.002)
"""

TELLS = """
import json, sys
from pathlib import Path
from core.memory import black_box

runs = black_box.start_recording(Path(sys.argv[1]))
print(json.dumps([[run.ending, run.rss_mb, run.limit_mb, run.sentence()] for run in runs]))
"""


def python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(autouse=True)
def no_recording() -> Iterator[None]:
    """The process of the tests records nothing when a test begins and when it ends."""
    black_box.stop_recording()
    yield
    black_box.stop_recording()


def leave_without_notice(recorder: Recorder) -> None:
    """What SIGKILL does to the file: the lock goes, nothing is written."""
    recorder._writer.close()  # the mapping holds the file open too
    os.close(recorder._descriptor)


# The file


@pytest.mark.parametrize(
    "content",
    [b"not a black box", bytes(FILE_BYTES), b"\xff" * FILE_BYTES, b"x" * (FILE_BYTES + 9)],
    ids=["short", "zeros", "ones", "long"],
)
def test_a_foreign_file_is_replaced_with_a_warning(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "black_box_0.ring").write_bytes(content)

    recorder = Recorder(tmp_path)

    assert recorder.last_runs == ()
    assert "outcome=replaced" in caplog.text
    assert parse(recorder.path.read_bytes()).header.pid == os.getpid()


def test_a_folder_that_cannot_be_made_is_logged_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file, not a folder")

    assert black_box.start_recording(tmp_path / "state") == ()

    assert "black_box=off" in caplog.text
    with black_box.operation("analysing", "a.jpg") as note:
        note.stage("detect")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("not to be touched")
    (tmp_path / "black_box_0.ring").symlink_to(tmp_path / "precious")

    with pytest.raises(OSError):
        Recorder(tmp_path)

    assert (tmp_path / "precious").read_text() == "not to be touched"


# Who may write


def test_two_servers_get_a_file_each(tmp_path: Path) -> None:
    first, second = Recorder(tmp_path), Recorder(tmp_path)

    assert first.path != second.path
    assert first.last_runs == second.last_runs == ()
    second.end()
    first.end()


def test_a_living_run_is_not_told_and_a_dead_one_is_once(tmp_path: Path) -> None:
    living, dead = Recorder(tmp_path), Recorder(tmp_path)
    leave_without_notice(dead)

    third = Recorder(tmp_path)
    leave_in_order = [run.ending for run in third.last_runs]
    third.end()
    fourth = Recorder(tmp_path)

    assert leave_in_order == ["killed"]
    assert fourth.last_runs == ()
    living.end()


def test_all_dead_runs_are_told_and_their_files_go(tmp_path: Path) -> None:
    crowd = [Recorder(tmp_path) for _ in range(3)]
    for recorder in crowd:
        leave_without_notice(recorder)

    after = Recorder(tmp_path)

    assert len(after.last_runs) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["black_box_0.ring"]


def test_a_full_house_is_told(tmp_path: Path) -> None:
    crowd = [Recorder(tmp_path) for _ in range(black_box.FILES)]

    with pytest.raises(OSError, match="all 8 files"):
        Recorder(tmp_path)

    for recorder in crowd:
        recorder.end()


# What an end means


def contents(*records: Record, rss_mb: float = 300.0, kills: int = 2) -> Contents:
    header = Header(7, 1, BOOT, 1000.0, 957.0, kills)
    return Contents(header, records, 0, 1234.0, rss_mb)


def colour(kind: Kind = Kind.STAGE) -> Record:
    return Record(kind, 1, "analysing", "IMG_12.jpg", "colour", 24.0, 300.0, 957.0, 1200.0)


@pytest.mark.parametrize(
    ("found", "boot", "kills", "ending"),
    [
        (contents(colour()), BOOT, 3, "out of memory"),
        (contents(colour(), rss_mb=951.0), BOOT, None, "probably out of memory"),
        (contents(colour(), rss_mb=951.0), BOOT, 2, "probably out of memory"),
        (contents(colour()), BOOT, 2, "killed"),
        (contents(colour()), BOOT, 0, "killed"),
        (contents(colour(), kills=-1), BOOT, 5, "killed"),
        (contents(colour(), rss_mb=951.0), b"c" * 16, 9, "restarted"),
        (contents(), BOOT, 2, "killed"),
    ],
)
def test_the_ending_is_told_as_far_as_it_can_be_known(
    found: Contents, boot: bytes, kills: int | None, ending: str
) -> None:
    run = judge(found, boot=boot, kills=kills)

    assert run is not None
    assert run.ending == ending


def test_the_sentence_names_the_photo_the_size_and_the_stage() -> None:
    run = judge(contents(colour(), rss_mb=951.2), boot=BOOT, kills=3)

    assert run is not None
    assert run.sentence() == (
        "killed by the kernel for want of memory at 951 MiB of 957 MiB while analysing IMG_12.jpg "
        "(24.0 MP), stage colour"
    )
    assert run.seen_s == 1234.0


def test_an_operation_that_has_ended_is_not_blamed() -> None:
    run = judge(contents(colour(), colour(Kind.END)), boot=BOOT, kills=2)

    assert run is not None
    assert run.sentence().endswith("at 300 MiB of 957 MiB, while nothing was being analysed")


def test_an_orderly_end_is_nothing_to_tell() -> None:
    closed = Record(Kind.CLOSED, 0, "process")

    assert judge(contents(colour(), closed), boot=BOOT, kills=3) is None


def test_who_started_and_when_is_what_the_system_says() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    uptime = float(Path("/proc/uptime").read_text().split()[0])

    assert 0 <= uptime - start_ticks() / ticks < 6 * 3600
    assert len(boot_identity()) == 16 and any(boot_identity())


# Without a recorder, and with one


def test_nothing_is_read_or_written_where_no_one_records() -> None:
    with black_box.operation("analysing", "a.jpg") as note:
        note.stage("detect")

    assert note.recorder is None
    assert black_box.live_reading().__name__ == "rss_mb"


def test_the_sampler_keeps_the_reading_fresh(tmp_path: Path) -> None:
    black_box.start_recording(tmp_path)
    path = tmp_path / "black_box_0.ring"

    with PeakSampler(read=black_box.live_reading()):
        block = bytearray(b"x" * (60 * 2**20))
        time.sleep(0.05)
        found = parse(path.read_bytes())
    del block

    assert time.time() - found.live_at_s < 5
    assert found.live_rss_mb > 60


def test_a_record_costs_microseconds(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with recorder.operation("analysing", "a.jpg", 1.0) as note:
        costs = []
        for _ in range(50):
            started = time.perf_counter()
            note.stage("detect")
            costs.append(time.perf_counter() - started)

    assert sorted(costs)[len(costs) // 2] < 0.001


# Processes that end


@pytest.mark.slow
@pytest.mark.parametrize("stage", SHARES)
def test_a_sigkill_in_any_stage_is_told_by_the_next_start(tmp_path: Path, stage: str) -> None:
    died = python(DIES_IN, tmp_path, WALL, stage)
    told = json.loads(python(TELLS, tmp_path).stdout)

    assert died.returncode == -signal.SIGKILL, died.stderr
    ((ending, rss_mb, _, sentence),) = told
    assert ending == "killed"
    assert sentence.endswith(f"while analysing IMG_12.jpg (1.9 MP), stage {stage}")
    assert rss_mb == pytest.approx(float(died.stdout.split()[-1]), abs=25)


@pytest.mark.parametrize(
    ("program", "code", "ending"),
    [
        ("", 0, None),
        ("sys.exit(3)", 3, None),
        ("raise ValueError('no wall')", 1, "crashed"),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, "killed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -11, "killed"),
    ],
)
def test_how_a_process_ended_is_told(
    tmp_path: Path, program: str, code: int, ending: str | None
) -> None:
    begin = (
        "import os, signal, sys; from pathlib import Path; from core.memory import black_box;"
        "black_box.start_recording(Path(sys.argv[1]));"
    )

    assert python(f"{begin}{program}", tmp_path).returncode == code
    told = json.loads(python(TELLS, tmp_path).stdout)

    assert [run[0] for run in told] == ([ending] if ending else [])
    if ending == "crashed":
        assert "crashed (ValueError: no wall)" in told[0][3]


def test_a_forked_child_does_not_end_its_parents_record(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from core.memory import black_box;"
        "black_box.start_recording(Path(sys.argv[1])); pid = os.fork();\n"
        "if pid == 0: sys.exit(0)\n"
        "os.waitpid(pid, 0); os.kill(os.getpid(), 9)"
    )

    python(program, tmp_path)

    assert [run[0] for run in json.loads(python(TELLS, tmp_path).stdout)] == ["killed"]


def test_the_kernels_own_kill_is_told_with_its_numbers(tmp_path: Path) -> None:
    limit_mb = 200
    try:
        with MemoryGroup(limit_mb) as group:
            died = group.run([sys.executable, "-c", EATS, str(tmp_path)], cwd=ROOT)
            told = group.run([sys.executable, "-c", TELLS, str(tmp_path)], cwd=ROOT)
    except GroupUnavailableError as error:
        pytest.skip(str(error))

    assert died.code == KILLED, died.errors
    ((ending, rss_mb, limit, sentence),) = json.loads(told.output)
    assert (ending, limit) == ("out of memory", limit_mb)
    assert 0.9 * limit_mb < rss_mb <= limit_mb + 8
    assert sentence.endswith("of 200 MiB while analysing IMG_12.jpg (24.0 MP), stage colour")


def test_another_group_can_only_suppose(tmp_path: Path) -> None:
    try:
        with MemoryGroup(200) as group:
            died = group.run([sys.executable, "-c", EATS, str(tmp_path)], cwd=ROOT)
    except GroupUnavailableError as error:
        pytest.skip(str(error))

    assert died.code == KILLED
    ((ending, *_),) = json.loads(python(TELLS, tmp_path).stdout)
    assert ending in ("probably out of memory", "out of memory")
