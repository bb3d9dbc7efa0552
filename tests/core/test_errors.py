"""The one shape of an error."""

from __future__ import annotations

import json
import pickle

import pytest

from core.errors import (
    BusyError,
    ChoiceError,
    ClimbMateError,
    DeadlineError,
    ModelError,
    NotReadyError,
    OutputError,
    PhotoError,
    PhotoTooLargeError,
    QueueFullError,
    SettingsError,
)

CASES = [
    (ClimbMateError, 500),
    (PhotoError, 422),
    (PhotoTooLargeError, 413),
    (ModelError, 503),
    (SettingsError, 500),
    (OutputError, 500),
    (ChoiceError, 422),
    (QueueFullError, 503),
    (DeadlineError, 503),
    (NotReadyError, 503),
]


@pytest.mark.parametrize(("kind", "status"), CASES)
def test_an_error_carries_status_code_message_and_hint(
    kind: type[ClimbMateError], status: int
) -> None:
    error = kind("some_code", "It went wrong.", "Do this.")

    assert error.status == status
    assert str(error) == "It went wrong. Do this."
    assert json.loads(json.dumps(error.document())) == {
        "ok": False,
        "error": {"code": "some_code", "message": "It went wrong.", "hint": "Do this."},
    }


def test_without_a_hint_the_sentence_stands_alone() -> None:
    assert str(ClimbMateError("code", "It went wrong.")) == "It went wrong."


@pytest.mark.parametrize("kind", [kind for kind, _ in CASES])
def test_an_error_survives_the_way_out_of_a_child_process(kind: type[ClimbMateError]) -> None:
    back = pickle.loads(pickle.dumps(kind("code", "Message.", "Hint.")))

    assert type(back) is kind
    assert back.document() == kind("code", "Message.", "Hint.").document()


def test_a_too_large_photo_is_a_photo_error() -> None:
    with pytest.raises(PhotoError):
        raise PhotoTooLargeError("photo_too_large_bytes", "Too large.")


@pytest.mark.parametrize("kind", [QueueFullError, DeadlineError, NotReadyError])
def test_the_seconds_to_wait_survive_too(kind: type[BusyError]) -> None:
    error = kind("code", "Message.", "Hint.", retry_after_s=17)

    back = pickle.loads(pickle.dumps(error))

    assert back.retry_after_s == 17 and back.document() == error.document()
