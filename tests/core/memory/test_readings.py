"""The memory readings: on files made by hand, and on this very process beside psutil and planted
memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.memory import readings
from core.memory.readings import (
    PeakSampler,
    headroom_mb,
    limit_mb,
    peak_rss_mb,
    rss_mb,
    total_mb,
)

MIB = 2**20
NO_LIMIT_VERSION_1 = "9223372036854771712"


class Machine:
    """A hand-made /proc and /sys/fs/cgroup: 4096 MiB of RAM, of which 3000 are available."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.cgroup = root / "cgroup"
        self.write(self.proc / "self" / "statm", "9000 2560 1000 5 0 3000 0\n")
        self.write(
            self.proc / "self" / "status", "Name:\tclimb\nVmHWM:\t  204800 kB\nVmRSS:\t 1 kB\n"
        )
        self.memory(total_mb=4096, available_mb=3000)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def memory(self, total_mb: int, available_mb: int) -> None:
        rows = f"MemTotal: {total_mb * 1024} kB\nMemAvailable: {available_mb * 1024} kB\n"
        self.write(self.proc / "meminfo", rows)

    def member_of(self, *rows: str) -> None:
        self.write(self.proc / "self" / "cgroup", "".join(f"{row}\n" for row in rows))

    def group_2(
        self, path: str, limit_mb: float | None, used_mb: float = 0, cached_mb: float = 0
    ) -> None:
        folder = self.cgroup / path
        self.write(
            folder / "memory.max", "max\n" if limit_mb is None else f"{int(limit_mb * MIB)}\n"
        )
        self.write(folder / "memory.current", f"{int(used_mb * MIB)}\n")
        self.write(folder / "memory.stat", f"anon 5\ninactive_file {int(cached_mb * MIB)}\n")

    def group_1(self, path: str, limit: str, used_mb: float = 0, cached_mb: float = 0) -> None:
        folder = self.cgroup / "memory" / path
        self.write(folder / "memory.limit_in_bytes", f"{limit}\n")
        self.write(folder / "memory.usage_in_bytes", f"{int(used_mb * MIB)}\n")
        rows = f"inactive_file 1\ntotal_inactive_file {int(cached_mb * MIB)}\n"
        self.write(folder / "memory.stat", rows)

    def budget(self) -> tuple[float, float]:
        """Limit and headroom, in MiB."""
        roots = (self.proc, self.cgroup)
        return limit_mb(*roots), headroom_mb(*roots)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_process_is_read_from_its_files(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "_PAGE_BYTES", 4096)
    assert rss_mb(machine.proc) == 10.0
    assert peak_rss_mb(machine.proc) == 200.0
    assert total_mb(machine.proc) == 4096.0


def test_without_control_groups_the_ram_is_the_limit(machine: Machine) -> None:
    assert machine.budget() == (4096, 3000)


def test_version_2_limit_of_the_own_group(machine: Machine) -> None:
    machine.member_of("0::/app.slice/wall.service")
    machine.group_2("app.slice", None, 900)
    machine.group_2("app.slice/wall.service", 957, used_mb=400, cached_mb=150)
    assert machine.budget() == (957, 707)


def test_version_2_limit_of_a_group_around_it(machine: Machine) -> None:
    machine.member_of("0::/a/b/c")
    machine.group_2("a", 1000, used_mb=800)
    machine.group_2("a/b", 2000, used_mb=300)
    machine.group_2("a/b/c", None, used_mb=200)
    assert machine.budget() == (1000, 200)


def test_a_wider_group_can_be_the_fuller_one(machine: Machine) -> None:
    machine.member_of("0::/a/b")
    machine.group_2("a", 2000, used_mb=1950)
    machine.group_2("a/b", 957, used_mb=100)
    assert machine.budget() == (957, 50)


def test_of_equal_limits_the_one_used_more_counts(machine: Machine) -> None:
    machine.member_of("0::/a/b")
    machine.group_2("a", 957, used_mb=600)
    machine.group_2("a/b", 957, used_mb=100)
    assert machine.budget() == (957, 357)


def test_version_1_beside_an_empty_version_2(machine: Machine) -> None:
    machine.member_of("9:name=systemd:/", "4:cpu,memory:/box/inner", "0::/")
    machine.group_1("", NO_LIMIT_VERSION_1, 2000)
    machine.group_1("box", str(957 * MIB), used_mb=500, cached_mb=100)
    machine.group_1("box/inner", NO_LIMIT_VERSION_1, used_mb=10)
    assert machine.budget() == (957, 557)


def test_a_container_that_sees_its_hosts_path_still_finds_its_limit(machine: Machine) -> None:
    machine.member_of("4:memory:/docker/0123456789abcdef", "0::/../../elsewhere")
    machine.group_1("", str(512 * MIB), used_mb=112)
    assert machine.budget() == (512, 400)


def test_a_limit_above_the_ram_is_none(machine: Machine) -> None:
    machine.member_of("0::/a")
    machine.group_2("a", 8192, used_mb=100)
    assert machine.budget() == (4096, 3000)


def test_a_full_machine_leaves_less_than_the_limit_promises(machine: Machine) -> None:
    machine.memory(total_mb=4096, available_mb=120)
    machine.member_of("0::/a")
    machine.group_2("a", 957, used_mb=100)
    assert machine.budget() == (957, 120)


def test_headroom_is_never_negative(machine: Machine) -> None:
    machine.member_of("0::/a")
    machine.group_2("a", 100, used_mb=130)
    assert machine.budget() == (100, 0)


def test_without_proc_psutil_answers(tmp_path: Path) -> None:
    own = psutil.Process().memory_info().rss / MIB
    assert rss_mb(tmp_path) == pytest.approx(own, rel=0.2)
    assert peak_rss_mb(tmp_path) >= 0.8 * own
    ram = psutil.virtual_memory()
    assert (
        limit_mb(tmp_path, tmp_path)
        == total_mb(tmp_path)
        == pytest.approx(ram.total / MIB, rel=0.01)
    )
    assert headroom_mb(tmp_path, tmp_path) == pytest.approx(ram.available / MIB, rel=0.2)


def test_this_process_as_psutil_sees_it() -> None:
    info = psutil.Process().memory_info()
    assert rss_mb() == pytest.approx(info.rss / MIB, rel=0.1)
    assert peak_rss_mb() >= 0.95 * rss_mb()
    assert total_mb() == pytest.approx(psutil.virtual_memory().total / MIB, rel=0.01)
    assert 0 <= headroom_mb() <= limit_mb() <= total_mb()


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="the readings need psutil where there is no /proc"
)
def test_linux_needs_no_psutil() -> None:
    code = (
        "import sys; from core.memory import readings as r; "
        "r.rss_mb(), r.peak_rss_mb(), r.headroom_mb(); assert 'psutil' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)


def sampled(operation: str, interval_ms: int) -> tuple[float, float, float, int]:
    """Before, peak and after in MiB, and the count of samples, of ``operation`` under the sampler
    in a process of its own: what the tests before left to be freed would move the readings."""
    code = (
        "import time\nimport numpy as np\nfrom core.memory.readings import PeakSampler\n"
        f"with PeakSampler(interval_ms={interval_ms}) as memory:\n    {operation}\n"
        "print(memory.before_mb, memory.peak_mb, memory.after_mb, memory.samples)\n"
    )
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    before, peak, after, samples = result.stdout.split()
    return float(before), float(peak), float(after), int(samples)


def test_the_sampler_sees_a_planted_allocation_that_is_gone_at_the_end() -> None:
    planted = f"planted = np.ones({50 * MIB}, np.uint8); time.sleep(0.1); del planted"
    before, peak, after, samples = sampled(planted, interval_ms=5)
    assert 45 <= peak - before <= 70
    assert after - before < 20
    assert samples >= 3


def test_a_peak_between_two_samples_is_told_by_the_kernel() -> None:
    before, peak, after, samples = sampled(f"np.ones({80 * MIB}, np.uint8)", interval_ms=60_000)
    assert 75 <= peak - before <= 100
    assert after - before < 20
    assert samples == 1


def test_the_sampler_keeps_the_highest_of_what_it_reads() -> None:
    # GIVEN readings that rise and fall, in a process whose record was set long before
    values = iter([10.0, 12.0, 30.0, 11.0])
    last = 9.0
    memory = PeakSampler(interval_ms=1, read=lambda: next(values, last), read_peak=lambda: 500.0)
    # WHEN the block lasts longer than the rise
    with memory:
        deadline = time.monotonic() + 5
        while memory.samples < 5 and time.monotonic() < deadline:
            time.sleep(0.001)
    # THEN the old record is not taken for the block's own
    assert (memory.before_mb, memory.peak_mb, memory.after_mb) == (10.0, 30.0, 9.0)


def test_the_sampler_stops_and_reports_when_the_block_fails() -> None:
    memory = PeakSampler(interval_ms=1)
    with pytest.raises(KeyError), memory:
        raise KeyError("planted")
    count = memory.samples
    time.sleep(0.02)
    assert memory.samples == count >= 1
    assert memory.after_mb > 0


def test_the_sampler_is_for_one_block_and_wants_a_real_interval() -> None:
    memory = PeakSampler()
    with memory:
        pass
    with pytest.raises(RuntimeError, match="not used before"), memory:
        pass
    with pytest.raises(ValueError, match="above 0 ms"):
        PeakSampler(interval_ms=0)
