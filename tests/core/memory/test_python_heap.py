"""Python's small-object heap, held against what was allocated."""

from __future__ import annotations

import sys

import pytest

from core.memory.python_heap import PythonHeap, parse_report, read_python_heap

REPORT = """\
# arenas allocated current         =                    2
2 arenas * 1048576 bytes/arena     =            2,097,152

# bytes in allocated blocks        =            1,017,600
# bytes in available blocks        =              348,384
"""


def test_the_report_is_read() -> None:
    assert parse_report(REPORT) == PythonHeap(2_097_152, 1_017_600)


@pytest.mark.parametrize("report", ["", "mimalloc: 3 segments", REPORT.splitlines()[1]])
def test_another_report_says_nothing(report: str) -> None:
    assert parse_report(report) is None


def test_more_in_use_than_there_is_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 10 bytes in use, got 11"):
        PythonHeap(10, 11)


def test_it_sees_the_objects_that_are_made() -> None:
    before = read_python_heap()
    floats = [float(number) for number in range(200_000)]  # 24 bytes each, in blocks of 32
    after = read_python_heap()

    assert before is not None and after is not None and len(floats) == 200_000
    assert after.in_use_bytes - before.in_use_bytes == pytest.approx(32 * 200_000, rel=0.02)
    assert after.in_use_bytes <= after.arena_bytes


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    read_python_heap()

    assert capfd.readouterr() == ("", "")


def test_it_agrees_with_the_report_of_the_interpreter(capfd: pytest.CaptureFixture[str]) -> None:
    ours = read_python_heap()
    sys._debugmallocstats()
    theirs = parse_report(capfd.readouterr().err)

    assert ours is not None and theirs is not None
    assert ours.arena_bytes == theirs.arena_bytes
    assert ours.in_use_bytes == pytest.approx(theirs.in_use_bytes, rel=0.01)
