"""A real memory limit: the analysis lives under it, and something too large does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.cgroup import KILLED, GroupUnavailableError, MemoryGroup
from benchmarks.memory_limit import LIMIT_MB, analyse, environment, prepare_photo

FILL = "import sys; block = b'x' * (int(sys.argv[1]) << 20); print(len(block))"


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    try:
        with MemoryGroup(LIMIT_MB) as made:
            yield made
    except GroupUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_what_does_not_fit_is_killed(group: MemoryGroup) -> None:
    outcome = group.run([sys.executable, "-c", FILL, str(LIMIT_MB + 100)])

    assert outcome.code == KILLED
    assert outcome.group_peak_mb is None or outcome.group_peak_mb > LIMIT_MB - 1
    assert outcome.output == ""


def test_what_fits_is_measured(group: MemoryGroup) -> None:
    outcome = group.run([sys.executable, "-c", FILL, "300"])

    assert (outcome.code, outcome.errors) == (0, "")
    assert outcome.output.strip() == str(300 << 20)
    assert 300 <= outcome.rss_peak_mb < 360
    assert outcome.group_peak_mb is None or 300 <= outcome.group_peak_mb < 400


def test_the_exit_code_and_both_streams_come_through(group: MemoryGroup) -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(2)"

    outcome = group.run([sys.executable, "-c", program])

    assert (outcome.code, outcome.output, outcome.errors) == (2, "out\n", "err\n")


@pytest.mark.usefixtures("group")
def test_the_group_is_gone_afterwards() -> None:
    with MemoryGroup(64) as inner:
        folder = inner.folder
        assert folder.is_dir()

    assert not folder.exists()


@pytest.mark.parametrize("limit_mb", [0, -1])
def test_a_limit_is_positive(limit_mb: int) -> None:
    with pytest.raises(ValueError, match="at least 1 MiB"):
        MemoryGroup(limit_mb)


def test_where_no_group_can_be_made_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.cgroup.candidates", lambda: [(1, tmp_path / "absent")])

    with pytest.raises(GroupUnavailableError, match="absent: No such file"), MemoryGroup(64):
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("group")
def test_a_phone_photo_is_analysed_under_the_limit(tmp_path: Path) -> None:
    photo = prepare_photo(holds=40)

    outcome = analyse(photo, environment(tmp_path))

    assert outcome.code == 0, outcome.errors
    document = json.loads(outcome.output)
    assert (document["photo"]["width"], document["photo"]["height"]) == (3024, 4032)
    assert len(document["holds"]) >= 40
    assert outcome.rss_peak_mb < LIMIT_MB
    assert outcome.group_peak_mb is None or outcome.group_peak_mb < LIMIT_MB
