"""GET /api/health, /api/ready and /metrics: what a machine asks about the server.

Nothing is measured here, and none of them waits for the models: a load balancer's question must not
queue behind a photo.
"""

from __future__ import annotations

import time
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.answers import (
    GUARDED,
    HEALTH_EXAMPLE,
    READY_EXAMPLE,
    HealthAnswer,
    ReadyAnswer,
    answer,
    errors,
)
from api.errors import RequestError
from api.face import TheFace
from core.service import Readiness
from core.version import VERSION

router = APIRouter(tags=["server"])


@router.head("/api/health", include_in_schema=False)
@router.get(
    "/api/health",
    summary="Is the process alive?",
    responses={200: answer(HealthAnswer, HEALTH_EXAMPLE), **errors(500)},
)
async def health(face: TheFace) -> dict[str, Any]:
    """Answered at once, also while a photo is analysed, and before the models are loaded."""
    uptime_s = round(time.monotonic() - face.started, 1)
    return {"ok": True, "version": VERSION, "uptime_s": uptime_s}


@router.head("/api/ready", include_in_schema=False)
@router.get(
    "/api/ready",
    summary="Are requests answered?",
    responses={200: answer(ReadyAnswer, READY_EXAMPLE), **errors(500, 503)},
)
async def ready(face: TheFace) -> dict[str, Any]:
    """200 once the models are loaded and warm; before that, and while closing, 503 and what is
    missing."""
    readiness = face.service.readiness()
    if not readiness.ready:
        raise not_ready(readiness)
    return {"ok": True, "state": readiness.state}


def not_ready(readiness: Readiness) -> RequestError:
    """The error that says what is missing."""
    if readiness.error is not None:
        return RequestError(
            503, readiness.error.code, readiness.error.message, readiness.error.hint
        )
    missing = " and ".join(part for part in readiness.missing if part) or readiness.state
    return RequestError(
        503,
        "not_ready",
        f"The server is not ready: {missing.rstrip('.')}.",
        "Ask again in a few seconds.",
    )


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **errors(*GUARDED),
    },
)
async def metrics(face: TheFace) -> Response:
    """Requests, durations by stage, queue, cache and memory."""
    text = await to_thread.run_sync(face.metrics.text, limiter=face.threads)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
