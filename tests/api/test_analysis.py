"""POST /api/analyze and /api/analyze-stream: the document, the picture, the events."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.answers import AnalysisAnswer
from core.memory import preflight
from core.wall import WallAnalysis
from tests.api.faces import SteppedDetector, face, form, photo, shaped_error, stepped_models
from tests.core.fakes import fake_models, found


def events(text: str) -> list[tuple[str, Any]]:
    """The events of a stream by the rules of the HTML standard, comments left out."""
    told = []
    for block in text.split("\n\n"):
        fields: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        if "data" in fields:
            told.append((fields["event"][0], json.loads("\n".join(fields["data"]))))
    return told


def test_the_answer_is_the_analysis_document(client: TestClient) -> None:
    response = client.post("/api/analyze", files=form(name="../up/wall one.jpg"))

    document = response.json()
    assert response.status_code == 200
    assert response.headers["x-from-cache"] == "false"
    assert float(response.headers["x-processing-ms"]) > 0
    assert document["photo"]["name"] == "wall one.jpg"
    assert len(document["holds"]) == 3
    # It reads back as a record, and writes again as the same document.
    assert WallAnalysis.from_document(document).document() == document
    AnalysisAnswer.model_validate(document)


def test_the_same_photo_again_is_the_same_answer(client: TestClient) -> None:
    first, second = (client.post("/api/analyze", files=form()) for _ in range(2))

    assert (first.headers["x-from-cache"], second.headers["x-from-cache"]) == ("false", "true")
    assert first.content == second.content


@pytest.mark.parametrize("again", [False, True], ids=["analysed", "remembered"])
def test_the_overlay_is_the_photo_with_outlines(again: bool) -> None:
    data = photo(400, 300)
    with face(fake_models([found((100, 80, 200, 180))])) as client:
        if again:
            client.post("/api/analyze", files=form(data))
        response = client.post("/api/analyze?overlay=1", files=form(data))

    overlay = response.json()["overlay"]
    assert response.headers["x-from-cache"] == str(again).lower()
    assert overlay["media_type"] == "image/jpeg"
    drawn = Image.open(io.BytesIO(base64.b64decode(overlay["base64"], validate=True)))
    assert (drawn.format, drawn.size) == ("JPEG", (400, 300))
    given = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float)
    change = np.abs(np.asarray(drawn, float) - given).mean(2)
    # Around the hold the wall is dimmed, inside it is not.
    assert change[:60].mean() > 1.5 * change[115:145, 135:165].mean()


def test_a_remembered_photo_that_would_not_fit_any_more_is_not_opened_for_its_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with face() as client:
        client.post("/api/analyze", files=form())
        monkeypatch.setattr(preflight, "headroom_mb", lambda: 10.0)
        refused = client.post("/api/analyze?overlay=1", files=form())
        known = client.post("/api/analyze", files=form())

    assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "photo_would_not_fit"
    assert known.status_code == 200 and known.headers["x-from-cache"] == "true"


def test_without_being_asked_there_is_no_picture(client: TestClient) -> None:
    assert "overlay" not in client.post("/api/analyze?overlay=0", files=form()).json()


def test_what_a_caller_chooses_counts_for_that_photo() -> None:
    with face() as client:
        chosen = client.post("/api/analyze?max_holds=1", files=form()).json()
        plain = client.post("/api/analyze", files=form()).json()

    assert len(chosen["holds"]) == 1 and "MAX_HOLDS is 1" in chosen["warnings"][0]
    assert chosen["holds"][0]["kind"] == "volume", "the largest is kept"
    assert len(plain["holds"]) == 3


def test_a_stream_tells_every_stage_then_the_document(client: TestClient) -> None:
    response = client.post("/api/analyze-stream", files=form())
    document = client.post("/api/analyze", files=form()).json()

    told = events(response.text)
    steps = [data for kind, data in told if kind == "step"]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [kind for kind, _ in told] == ["step"] * len(steps) + ["analysis"]
    stages = list(dict.fromkeys(step["stage"] for step in steps))
    assert stages == ["decode", "detect", "masks", "colour", "problems"]
    shares = [step["share"] for step in steps]
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0.0, 1.0)
    assert told[-1][1] == document


def test_a_remembered_photo_streams_its_document_at_once(client: TestClient) -> None:
    client.post("/api/analyze", files=form())

    told = events(client.post("/api/analyze-stream", files=form()).text)

    assert [kind for kind, _ in told] == ["analysis"]


def test_an_error_in_a_stream_is_an_event_of_the_one_shape() -> None:
    """The photo is open and the detector at work when the time is up."""
    detector = SteppedDetector()
    with face(models=stepped_models(detector), request_timeout_s=0.5) as client:
        detector.let()
        told = events(client.post("/api/analyze-stream", files=form()).text)
        detector.let(1000)

    kind, document = told[-1]
    assert {kind for kind, _ in told[:-1]} == {"step"}
    assert kind == "error"
    assert document["ok"] is False
    assert set(document["error"]) == {"code", "message", "hint"}
    assert document["error"]["code"] == "deadline_passed"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"not a photo", 422, "photo_not_an_image"),
        (photo(800, 600)[:2000], 422, "photo_truncated"),
    ],
)
def test_what_is_no_photo_is_refused_with_its_status_in_a_stream_too(
    client: TestClient, data: bytes, status: int, code: str
) -> None:
    shaped_error(client.post("/api/analyze-stream", files=form(data)), status, code)


def test_what_is_refused_at_once_has_its_status_in_a_stream_too(client: TestClient) -> None:
    response = client.post("/api/analyze-stream?palette=red", files=form())

    shaped_error(response, 422, "bad_choice")
