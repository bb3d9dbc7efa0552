"""Every failure has the one shape, and nothing of the inside gets out."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.errors import BodyError, RequestError, error_response, on_http_error
from core.errors import BusyError, ModelError
from tests.api.faces import app_with, client_of, form, photo, shaped_error
from tests.core.fakes import fake_models


def test_the_shape_is_pinned(client: TestClient) -> None:
    response = client.get("/nothing/here")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "ok": False,
        "error": {
            "code": "not_found",
            "message": "There is nothing at this address.",
            "hint": "See /docs for what there is.",
        },
    }


REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/api/health/", {}, 404, "not_found"),
    ("GET", "/api/analyze", {}, 405, "method_not_allowed"),
    ("PUT", "/predict", {"content": b"x"}, 405, "method_not_allowed"),
    ("POST", "/api/analyze", {}, 422, "invalid_request"),
    ("POST", "/api/analyze", {"json": {"file": "x"}}, 422, "invalid_request"),
    ("POST", "/api/analyze", {"files": {"photo": b"x"}}, 422, "invalid_request"),
    ("POST", "/api/analyze", {"data": {"file": "text"}}, 422, "invalid_request"),
    ("POST", "/api/analyze?conf=2", {"files": form()}, 422, "invalid_request"),
    ("POST", "/api/analyze?conf=nan", {"files": form()}, 422, "invalid_request"),
    ("POST", "/api/analyze?max_holds=-1", {"files": form()}, 422, "invalid_request"),
    ("POST", "/api/analyze?overlay=perhaps", {"files": form()}, 422, "invalid_request"),
    ("POST", "/api/analyze?palette=red", {"files": form()}, 422, "bad_choice"),
    ("POST", "/api/analyze", {"files": form(b"")}, 422, "photo_empty"),
    ("POST", "/predict", {"files": form(b"hello")}, 422, "photo_not_an_image"),
    ("POST", "/api/analyze-stream", {"files": form(b"")}, 422, "photo_empty"),
]


@pytest.mark.parametrize(("method", "path", "arguments", "status", "code"), REFUSED)
def test_a_refusal(
    client: TestClient, method: str, path: str, arguments: dict[str, Any], status: int, code: str
) -> None:
    response = client.request(method, path, **arguments)

    error = shaped_error(response, status, code)
    assert error["hint"]


def test_a_missing_file_says_how_to_send_it(client: TestClient) -> None:
    error = shaped_error(client.post("/predict", data={"other": "x"}), 422, "invalid_request")

    assert "form field file" in error["message"] and "multipart/form-data" in error["hint"]


def test_text_in_place_of_the_file_is_told_in_plain_words(client: TestClient) -> None:
    error = shaped_error(client.post("/predict", data={"file": "wall.jpg"}), 422, "invalid_request")

    assert error["message"] == "form field file: Text was sent where a file is expected."
    assert "multipart/form-data" in error["hint"]


def test_a_refused_method_names_the_allowed_ones(client: TestClient) -> None:
    assert client.get("/predict").headers["allow"] == "POST"
    assert client.post("/model/cache").headers["allow"] == "DELETE, GET"


BODIES = [
    (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
    (b"anything", "multipart/form-data"),
    (
        b"--x\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--x--",
        "multipart/form-data; boundary=x",
    ),
]


@pytest.mark.parametrize(("body", "kind"), BODIES)
def test_a_body_that_is_no_form(client: TestClient, body: bytes, kind: str) -> None:
    response = client.post("/predict", content=body, headers={"Content-Type": kind})

    assert response.status_code in (400, 422)
    shaped_error(response, response.status_code)


def test_more_than_one_file_is_refused(client: TestClient) -> None:
    files = [("file", ("a.jpg", photo())), ("file", ("b.jpg", photo()))]

    error = shaped_error(client.post("/predict", files=files), 400, "bad_request")

    assert "Too many files" in error["message"]


def test_the_unforeseen_is_told_by_reference_only(caplog: pytest.LogCaptureFixture) -> None:
    models = fake_models()

    def broken(_pixels: object) -> Any:
        raise ZeroDivisionError("secret inside")

    models.detector.detect = broken  # type: ignore[method-assign]
    with client_of(app_with(models), raise_server_exceptions=False) as client:
        with caplog.at_level(logging.ERROR, logger="api"):
            response = client.post("/predict", files=form())
        error = shaped_error(response, 500, "internal_error")
        after = client.get("/api/health")

    reference = error["hint"].rstrip(".").rsplit(" ", 1)[1]
    logged = [record for record in caplog.records if reference in record.getMessage()]
    assert len(logged) == 1 and logged[0].exc_info
    assert "secret inside" in str(logged[0].exc_info[1])
    assert "secret" not in response.text and "Zero" not in response.text
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (BusyError("busy", "Busy.", retry_after_s=17), "17"),
        (ModelError("weights_missing", "No weights."), "5"),
    ],
)
def test_busy_says_when_to_come_back(error: Any, seconds: str) -> None:
    response = error_response(error)

    assert response.status_code == 503
    assert response.headers["retry-after"] == seconds


async def _told(error: Exception) -> Any:
    return await on_http_error(None, error)  # type: ignore[arg-type]


def test_a_full_disk_is_not_the_callers_fault() -> None:
    import asyncio

    from starlette.exceptions import HTTPException

    error = HTTPException(400, "There was an error parsing the body")
    error.__cause__ = OSError(28, "No space left on device")

    response = asyncio.run(_told(error))

    assert response.status_code == 503
    assert b"upload_not_stored" in response.body and b"device" not in response.body


def test_an_error_while_the_body_is_read_keeps_its_headers() -> None:
    import asyncio

    inner = RequestError(413, "body_too_large", "Too large.", "Less.", {"Connection": "close"})

    response = asyncio.run(_told(BodyError(inner)))

    assert (response.status_code, response.headers["connection"]) == (413, "close")
