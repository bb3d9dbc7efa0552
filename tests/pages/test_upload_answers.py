"""What a browser is told about where to send a file outlives the start of a run of the page."""

from __future__ import annotations

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from pages.upload_answers import ANSWER, keep_upload_answers

STREAMLITS = getattr(ForwardMsgQueue.clear, "__wrapped__", ForwardMsgQueue.clear)


@pytest.fixture(autouse=True)
def streamlits_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardMsgQueue, "clear", STREAMLITS)


def filled() -> ForwardMsgQueue:
    """A text of the page, two answers, and that a run is over."""
    queue = ForwardMsgQueue()
    for number, kind in enumerate(("delta", ANSWER, "script_finished", ANSWER)):
        message = ForwardMsg()
        if kind == "delta":
            message.delta.new_element.markdown.body = "a text"
        elif kind == ANSWER:
            message.file_urls_response.response_id = str(number)
        else:
            message.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
        queue.enqueue(message)
    return queue


def kinds(queue: ForwardMsgQueue) -> list[str | None]:
    return [message.WhichOneof("type") for message in queue.flush()]


def test_streamlit_itself_drops_them() -> None:
    queue = filled()

    queue.clear(retain_lifecycle_msgs=True)

    assert ANSWER not in kinds(queue)  # else pages/upload_answers.py has done its service


@pytest.mark.parametrize("fragments", [None, ["a"]])
def test_each_is_kept_once_when_a_run_starts(fragments: list[str] | None) -> None:
    keep_upload_answers()
    queue = filled()

    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=fragments)

    left = kinds(queue)
    assert left.count(ANSWER) == 2 and "script_finished" in left


def test_what_was_sent_does_not_come_back() -> None:
    keep_upload_answers()
    queue = filled()

    assert kinds(queue) == ["delta", ANSWER, "script_finished", ANSWER]
    assert queue.is_empty()


def test_a_second_call_changes_nothing() -> None:
    keep_upload_answers()
    once = ForwardMsgQueue.clear

    keep_upload_answers()

    assert ForwardMsgQueue.clear is once
