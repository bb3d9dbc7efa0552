"""What Streamlit holds, read from a real runtime of the installed version.

A renamed attribute of Streamlit's fails here, not silently in somebody's panel.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = r"""
import asyncio, json, sys
from unittest.mock import Mock
import numpy as np
import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.runtime import Runtime, RuntimeConfig
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from core.memory.owners import SizeWalk, register_probe
from core.memory.verdicts import explain_growth, take_mark
import debug_memory_streamlit
from debug_memory_streamlit import problems, streamlit_owners

MIB = 2**20

@st.cache_resource
def model(size):
    return {"pixels": np.ones(size, np.uint8)}

@st.cache_data
def table(size):
    return "x" * size

def owners():
    found = list(streamlit_owners(SizeWalk()))
    return [[o.kind, o.name, o.nbytes, o.complete, o.note] for o in found]

async def main():
    media, uploads = MemoryMediaFileStorage("/media"), MemoryUploadedFileManager("/upload")
    runtime = Runtime(RuntimeConfig("app.py", media, uploads))
    manager = runtime._session_mgr
    data = ScriptData("app.py", False)
    connect = lambda: manager.connect_session(Mock(), data, {})
    anna, ben = connect(), connect()
    ids = {"anna": anna, "ben": ben}
    state = lambda name: manager.get_active_session_info(ids[name]).session.session_state
    rows = {}
    def upload(size):
        record = UploadedFileRec("file", "wall.jpg", "image/jpeg", bytes(bytearray(b"1") * size))
        uploads.add_file(anna, record)
        return record
    if sys.argv[1] == "owners":
        rows["empty"] = owners()
        state("anna")["photos"] = [bytes(MIB) for _ in range(4)]
        state("ben")["record"] = upload(3 * MIB)  # counted as an upload, not again here
        media.load_and_get_id(bytes(2 * MIB), "image/png", MediaFileKind.MEDIA)
        message = ForwardMsg()
        message.delta.new_element.markdown.body = "m" * MIB
        manager.get_active_session_info(ben).session._browser_queue.enqueue(message)
        model(5 * MIB)
        table(6 * MIB)
        rows["filled"] = owners()
        manager.disconnect_session(ben)
        rows["ben left"] = owners()
        rows["problems"] = problems()
        del uploads.file_storage
        rows["renamed"] = owners()
        rows["problems after"] = problems()
        rows["ids"] = ids
    else:
        register_probe("streamlit", streamlit_owners)
        upload(MIB), model(MIB), take_mark()
        mark = take_mark()
        if sys.argv[1] == "upload":
            uploads.add_file(anna, UploadedFileRec("2", "w.jpg", "image/jpeg", b"1" * (40 * MIB)))
        elif sys.argv[1] == "session":
            state("anna")["texts"] = [f"{n:0990d}" for n in range(40_000)]
        elif sys.argv[1] == "cache":
            model(40 * MIB)
        verdict = explain_growth(mark).verdict
        rows = {"ids": ids, "growth": verdict.growth_mb,
                "shares": [[s.reason, s.owner, s.size_mb] for s in verdict.shares]}
    print(json.dumps(rows))

asyncio.run(main())
"""


def run(case: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, case],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def rows() -> dict[str, Any]:
    return run("owners")


MIB = 2**20


def held(rows: dict[str, Any], when: str) -> dict[tuple[str, str], float]:
    """MiB by kind and the session's first name."""
    names = {f"session {value[:8]}": name for name, value in rows["ids"].items()}
    return {
        (kind, names.get(name, name)): nbytes / MIB
        for kind, name, nbytes, complete, _ in rows[when]
        if complete
    }


def test_nothing_is_renamed_in_the_installed_streamlit(rows: dict[str, Any]) -> None:
    assert rows["problems"] == []


def test_a_fresh_server_holds_next_to_nothing(rows: dict[str, Any]) -> None:
    assert all(size_mb < 0.1 for size_mb in held(rows, "empty").values())


@pytest.mark.parametrize(
    ("owner", "size_mb"),
    [
        (("uploads", "anna"), 3),
        (("media files", ""), 2),
        (("forward messages", "ben"), 1),
        (("st.cache_resource", "__main__.model"), 5),
        (("st.cache_data", "__main__.table"), 6),
        (("session_state", "anna"), 4),
        (("session_state", "ben"), 0),
    ],
)
def test_each_owner_has_its_bytes(
    owner: tuple[str, str], size_mb: float, rows: dict[str, Any]
) -> None:
    found = held(rows, "filled")

    assert owner in found, sorted(found)
    assert found[owner] == pytest.approx(size_mb, rel=0.02, abs=0.02)


def test_it_is_told_when_a_session_ends(rows: dict[str, Any]) -> None:
    notes = {name: note for kind, name, *_, note in rows["ben left"] if kind == "session_state"}

    assert notes[f"session {rows['ids']['anna'][:8]}"] == "connected"
    words = notes[f"session {rows['ids']['ben'][:8]}"].split()
    assert words[:3] == ["disconnected,", "ends", "in"] and 100 <= int(words[3]) <= 120


def test_a_renamed_attribute_is_said_and_the_rest_still_measured(rows: dict[str, Any]) -> None:
    (problem,) = rows["problems after"]

    assert problem.startswith("Uploads cannot be measured with Streamlit 1.")
    assert problem.endswith("it has no MemoryUploadedFileManager.file_storage.")
    assert {kind for kind, *_ in rows["renamed"]} >= {"media files", "session_state"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs smaps and glibc's heap figures")
@pytest.mark.parametrize(
    ("case", "owner", "size_mb"),
    [
        ("upload", "uploads: session {anna}", 40),
        ("session", "session_state: session {anna}", 40_000 * 1047 / MIB),
        ("cache", "st.cache_resource: __main__.model", 40),
    ],
)
def test_what_streamlit_keeps_gets_the_right_verdict(case: str, owner: str, size_mb: float) -> None:
    found = run(case)

    main = max(found["shares"], key=lambda share: share[2])
    assert main[:2] == ["owner", owner.format(anna=found["ids"]["anna"][:8])], found["shares"]
    assert main[2] == pytest.approx(size_mb, rel=0.1)
    assert found["growth"] == pytest.approx(size_mb, rel=0.1)
