"""POST /api/analyze and POST /api/analyze-stream: a photo in, the analysis document out.

Waiting for the service without stopping the event loop is :mod:`api.running`; who may call and how
much is decided before (:mod:`api.gate`).
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.answers import (
    ANALYSIS_EXAMPLE,
    STREAM_EXAMPLE,
    WITH_PHOTO,
    AnalysisAnswer,
    answer,
    errors,
)
from api.errors import unforeseen
from api.face import Face, TheFace
from api.photos import Chosen, Upload, held_photo, photo_name
from api.running import Follower, Outcome, finish, picture_of, unless_gone
from core.analysis import Step
from core.errors import ClimbMateError
from core.export import encode_json
from core.jobs import HangUp
from core.service import Answer, Choices

log = logging.getLogger(__name__)

router = APIRouter(tags=["analysis"])

REFUSED_WITHIN_S = 0.25
"""A refusal (a full queue) comes at once; so long the stream waits with its status."""

OPENED_WITHIN_S = 1.0
"""So long it waits once more until the photo is open: most that are none are found out by then."""

KEEP_ALIVE_S = 15.0
"""A comment is sent this often while nothing happens, so that proxies keep the connection."""

OVERLAY_QUERY = Query(description="With `1`, add the photo with its holds outlined.")


@router.post(
    "/api/analyze",
    summary="Analyse a photo",
    response_class=Response,
    responses={
        200: answer(AnalysisAnswer, ANALYSIS_EXAMPLE, "The analysis document."),
        **errors(*WITH_PHOTO),
    },
)
async def analyze(
    request: Request,
    face: TheFace,
    file: Upload,
    choices: Chosen,
    overlay: Annotated[bool, OVERLAY_QUERY] = False,
) -> Response:
    """Find holds, colours and problems on a photo.

    The answer is the analysis document, the same that `python -m core analyze` prints. The header
    `X-From-Cache` tells whether the photo was analysed before, `X-Processing-Ms` how long this
    answer took on the server.
    """
    name = photo_name(file.filename)
    async with held_photo(file, face.held) as data:
        outcome = await answered(request, face, data, name, choices)
        document = outcome.answer.analysis.document()
        if overlay:
            document["overlay"] = await drawn(face, outcome, data, choices)
    return Response(
        encode_json(document),
        media_type="application/json",
        headers={
            "X-From-Cache": str(outcome.answer.from_cache).lower(),
            "X-Processing-Ms": f"{outcome.answer.processing_ms:.1f}",
        },
    )


async def answered(
    request: Request, face: Face, data: bytes, name: str, choices: Choices
) -> Outcome:
    """The service's answer to a photo, unless the caller hangs up meanwhile."""

    async def work() -> Outcome:
        async with following(face, data, name, choices) as follower:
            return await finish(follower)

    return await unless_gone(request, work)


def following(face: Face, data: bytes, name: str, choices: Choices) -> Follower:
    """A follower of the analysis of one photo, for one caller."""
    hang_up = HangUp()
    steps = face.service.steps(data, name=name, choices=choices, hang_up=hang_up)
    return Follower(steps, hang_up, face.threads)


async def drawn(face: Face, outcome: Outcome, data: bytes, choices: Choices) -> dict[str, Any]:
    """The picture as it stands in the answer."""
    settings = choices.applied_to(face.settings)
    async with face.drawing:
        jpeg = await to_thread.run_sync(picture_of, outcome, data, settings, limiter=face.threads)
    return {"media_type": "image/jpeg", "base64": base64.b64encode(jpeg).decode("ascii")}


@router.post(
    "/api/analyze-stream",
    summary="Analyse a photo and follow the progress",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events: `step` with `stage` and `share` (0 to 1) as often "
            "as something is done, at the end `analysis` with the document, or `error`.",
            "content": {
                "text/event-stream": {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}
            },
        },
        **errors(*WITH_PHOTO),
    },
)
async def analyze_stream(face: TheFace, file: Upload, choices: Chosen) -> Response:
    """Find holds, colours and problems on a photo, told step by step.

    What is refused at once, and a file that is no photo, is refused with its status; an error
    later on comes as an event `error` in the same shape. Hanging up stops the work.
    """
    name = photo_name(file.filename)
    events = told(face, file, name, choices)
    first = await anext(events)  # raises what is refused at once
    return StreamingResponse(
        _after(first, events),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for event in rest:
            yield event
    finally:
        await rest.aclose()  # type: ignore[attr-defined]


async def told(face: Face, upload: Upload, name: str, choices: Choices) -> AsyncIterator[bytes]:
    """The events of one analysis; the first comes at once, and nothing before a refusal."""
    async with held_photo(upload, face.held) as data:
        async with following(face, data, name, choices) as follower:
            yield await beginning(follower)
            try:
                while True:
                    while not await follower.soon(KEEP_ALIVE_S):
                        yield format_sse_event(comment="waiting")
                    if (item := await follower.next()) is None:
                        return
                    yield event_of(item)
            except ClimbMateError as error:
                yield _event("error", error.document())
            except Exception as error:
                yield _event("error", unforeseen(error).document())


async def beginning(follower: Follower) -> bytes:
    """What is sent first: the answer, the step with which the photo was open, or a sign of life.

    Raises what refuses the request or the photo, as long as its status can still say so.
    """
    if not await follower.soon(REFUSED_WITHIN_S):
        return format_sse_event(comment="waiting")
    first = await follower.next()
    if isinstance(first, Step) and await follower.soon(OPENED_WITHIN_S):
        return event_of(first) + event_of(await follower.next())
    return event_of(first)


def event_of(item: Step | Answer | None) -> bytes:
    """A step or the answer as an event."""
    if isinstance(item, Answer):
        return _event("analysis", item.analysis.document())
    if item is None:
        raise RuntimeError("the service ended without an answer")
    return _event("step", {"stage": item.stage, "share": round(item.share, 3)})


def _event(kind: str, document: object) -> bytes:
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return format_sse_event(event=kind, data_str=text)
