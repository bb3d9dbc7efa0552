"""Every way in which a request can fail, in the one shape of :meth:`ClimbMateError.document`.

Errors of the product keep their code, sentence and status; what the web framework refuses (no such
path, wrong method, a value that does not fit, a body that cannot be read) is put into the same
words; anything unforeseen becomes a 500 with a reference that stands in the log beside the
traceback, which never leaves the process.

Not done here: deciding whether a caller may call (:mod:`api.gate`).
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import ClimbMateError

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
"""Seconds a caller is told to wait where an error of status 503 does not say."""

HTTP_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request cannot be read.", "Send the photo as the form field `file`."),
    404: ("not_found", "There is nothing at this address.", "See /docs for what there is."),
    405: ("method_not_allowed", "This address knows no such method.", "See /docs for its methods."),
    408: ("too_slow", "The request took too long to arrive.", "Send it again over a faster line."),
}
"""Code, message and hint of what the web framework refuses."""


class RequestError(ClimbMateError):
    """A request that is refused with the given ``status`` and further response ``headers``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message, hint)
        self.status = status
        self.headers = dict(headers or {})


class BodyError(HTTPException):
    """A refusal while the body is being read.

    The form parser lets only this kind of exception through as it is; ``error`` is what it means.
    """

    def __init__(self, error: RequestError) -> None:
        super().__init__(error.status, error.message)
        self.error = error


class ClientGone(Exception):
    """The caller hung up before it was answered; nobody is left to be told anything."""


def error_response(error: ClimbMateError) -> JSONResponse:
    """The answer to a request that failed with ``error``."""
    headers = dict(getattr(error, "headers", {}))
    if error.status == 503:
        wait_s = getattr(error, "retry_after_s", None)
        headers.setdefault("Retry-After", str(max(1, math.ceil(wait_s or RETRY_AFTER_S))))
    return JSONResponse(error.document(), error.status, headers)


def unforeseen(error: BaseException) -> RequestError:
    """What is told of an error nobody foresaw; the log has the rest, under the same reference."""
    reference = secrets.token_hex(6)
    log.error("event=unforeseen_error reference=%s", reference, exc_info=error)
    return RequestError(
        500,
        "internal_error",
        "Something went wrong inside the server.",
        f"Tell whoever runs it this reference, which is in its log: {reference}.",
    )


async def on_climbmate_error(_request: Request, error: Exception) -> JSONResponse:
    """An error of the product, as it is."""
    assert isinstance(error, ClimbMateError)
    # Being busy or not ready yet is told to the caller and counted; it is no fault to look into.
    level = logging.WARNING if error.status >= 500 and error.status != 503 else logging.INFO
    log.log(level, "event=refused code=%s status=%d", error.code, error.status)
    return error_response(error)


def _headers_of(request: Request, error: HTTPException) -> dict[str, str]:
    """The headers of ``error``; a 405 names all methods of the address, not those of one route."""
    headers = dict(error.headers or {})
    if error.status_code == 405:
        methods = request.app.openapi()["paths"].get(request.scope["path"])
        if methods:
            headers["Allow"] = ", ".join(sorted(method.upper() for method in methods))
    return headers


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """A refusal of the web framework, in our words."""
    assert isinstance(error, HTTPException)
    if isinstance(error, BodyError):
        return error_response(error.error)
    if isinstance(error.__cause__, OSError):
        log.error("event=upload_not_stored", exc_info=error.__cause__)
        return error_response(
            RequestError(
                503,
                "upload_not_stored",
                "The server has no room to receive the photo.",
                "Try again later; whoever runs it should free some disk space.",
            )
        )
    code, message, hint = HTTP_ERRORS.get(
        error.status_code, ("http_error", f"The request is refused: {error.detail}.", "See /docs.")
    )
    if error.status_code == 400 and isinstance(error.detail, str):
        message = f"The request cannot be read: {error.detail.rstrip('.')}."
    return error_response(
        RequestError(error.status_code, code, message, hint, _headers_of(request, error))
    )


async def on_invalid_request(_request: Request, error: Exception) -> JSONResponse:
    """Values that do not fit, each named with what was expected."""
    assert isinstance(error, RequestValidationError)
    rows = error.errors()
    sentences = [f"{_place(row['loc'])}: {_fault(row)}." for row in rows[:5]]
    missing_file = any(_is_file(row) for row in rows)
    hint = (
        "Send the photo as multipart/form-data in the form field `file`."
        if missing_file
        else "Correct the value; /docs says what each may be."
    )
    return error_response(RequestError(422, "invalid_request", " ".join(sentences), hint))


async def on_client_gone(_request: Request, _error: Exception) -> Response:
    """Nobody reads this; the status is what nginx counts such requests under."""
    return Response(status_code=499)


def _is_file(row: dict[str, Any]) -> bool:
    return tuple(row["loc"]) == ("body", "file")


def _fault(row: dict[str, Any]) -> str:
    """What is wrong with one value; of a file, the framework would name classes of its own."""
    if _is_file(row) and row["type"] != "missing":
        return "Text was sent where a file is expected"
    return str(row["msg"]).rstrip(".")


def _place(location: tuple[int | str, ...]) -> str:
    kind, *names = location
    name = ".".join(map(str, names))
    return f"form field {name}" if kind == "body" and name else name or str(kind)


def install_error_handlers(app: FastAPI) -> None:
    """Make ``app`` answer every error in the one shape (see also :class:`LastResort`)."""
    app.add_exception_handler(ClimbMateError, on_climbmate_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(ClientGone, on_client_gone)


class LastResort:
    """ASGI middleware: an exception that nothing else caught becomes a 500 in the one shape.

    Where the answer has already begun nothing can be told any more: the exception goes on, and the
    server cuts the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if begun:
                raise
            await error_response(unforeseen(error))(scope, receive, send)
