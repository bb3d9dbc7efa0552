"""The file of the black box: what a recorder wrote is read back, also where it was torn."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.memory.black_box import Recorder
from core.memory.ring_file import FILE_BYTES, SLOTS, Kind, parse


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with recorder.operation("analysing", "Wand äöü 벽.jpg", 12.2) as note:
        note.stage("detect")
    recorder.end()

    contents = parse(recorder.path.read_bytes())

    assert contents.header.pid == os.getpid()
    assert abs(contents.header.started_s - time.time()) < 60
    assert [record.kind for record in contents.records] == [
        Kind.BEGIN, Kind.STAGE, Kind.END, Kind.CLOSED,
    ]  # fmt: skip
    stage = contents.records[1]
    assert (stage.label, stage.subject, stage.stage) == ("analysing", "Wand äöü 벽.jpg", "detect")
    assert stage.megapixels == pytest.approx(12.2)
    assert 10 < stage.rss_mb < 4000
    assert contents.torn == 0
    assert recorder.path.stat().st_mode & 0o077 == 0


def test_the_ring_keeps_the_newest(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for number in range(SLOTS):
        with recorder.operation("analysing", f"{number}.jpg", 1.0):
            pass

    contents = parse(recorder.path.read_bytes())

    assert recorder.path.stat().st_size == FILE_BYTES
    assert len(contents.records) == SLOTS
    assert contents.records[-1].subject == f"{SLOTS - 1}.jpg"
    assert contents.records[0].subject == f"{SLOTS // 2}.jpg"


def test_a_long_name_is_cut_between_two_letters(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with recorder.operation("analysing", "벽" * 100 + "\udcff", 1.0):
        pass

    (begin, _) = parse(recorder.path.read_bytes()).records

    assert begin.subject == "벽" * 56


def test_a_torn_record_is_left_out_and_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for name in ("a.jpg", "b.jpg"):
        with recorder.operation("analysing", name, 1.0):
            pass
    content = bytearray(recorder.path.read_bytes())
    content[1024 + 2 * 256 + 100] ^= 0xFF

    contents = parse(bytes(content))

    assert [record.subject for record in contents.records] == ["a.jpg", "a.jpg", "b.jpg"]
    assert contents.torn == 1


def test_a_torn_reading_leaves_the_one_before(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder._writer.live(111.0)
    recorder._writer.live(222.0)
    content = bytearray(recorder.path.read_bytes())
    assert parse(bytes(content)).live_rss_mb == 222.0
    newest = next(at for at in (512, 576) if content[at] == max(content[512], content[576]))
    content[newest + 17] ^= 0xFF

    assert parse(bytes(content)).live_rss_mb == 111.0
