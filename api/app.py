"""The REST face as one ASGI app: ``uvicorn api.app:app`` serves it alone.

:func:`create_app` puts routes, errors, limits and metrics together; :func:`serving` is its life:
it takes the process's one model service and gives it back. ``server.py`` mounts the same app beside
the dashboard.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.middleware.cors import CORSMiddleware

from api import analysis, health, predict
from api.addresses import check_listening, listening_address
from api.closing import CLOSING_S, hearing_signals
from api.docs_page import POLICY, docs_page
from api.errors import LastResort, install_error_handlers
from api.face import Face
from api.gate import Gate
from api.headers import SecurityHeaders
from api.keys import Keyring
from api.limits import HeldPhotos, OpenBodies, RateLimiter
from api.metrics import CountRequests, Metrics
from core.errors import ClimbMateError
from core.service import ModelService
from core.settings import Settings, load_settings
from core.shared_service import release_shared, shared_service
from core.version import VERSION

DESCRIPTION = """Find the holds on a photo of a climbing wall, their colours, and the problems they
form. Every error has one shape: `{"ok": false, "error": {"code", "message", "hint"}}`. Where the
server has keys, send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`."""

HURRY_S = 3.0
"""Seconds that an upload may still take once the server closes."""


class RestApp(FastAPI):
    """FastAPI with the two ways to send a key in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            document.setdefault("components", {})["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
            document["security"] = [{}, {"bearer": []}, {"key": []}]
        return super().openapi()


def create_app(settings: Settings | None = None, *, service: ModelService | None = None) -> FastAPI:
    """The REST face with ``settings`` (of the environment when None).

    ``service`` replaces the process's shared one; it is started and closed with the app. Raises
    :class:`core.errors.SettingsError`.
    """
    settings = settings or load_settings()
    keyring = Keyring.from_text(settings.api_keys)
    app = RestApp(
        title="ClimbMate",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=serving,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would be an answer without our shape
        form_limits={"max_files": 1, "max_fields": 20, "max_part_size": 16 * 1024},
        telemetry={"auto_configure": False},  # nothing is sent anywhere
    )
    app.state.settings, app.state.service = settings, service
    app.state.bodies = OpenBodies()
    install_error_handlers(app)
    for router in (analysis.router, predict.router, health.router):
        app.include_router(router)
    _add_docs(app)
    _add_middleware(app, settings, keyring)
    return app


def paths_of(app: FastAPI) -> frozenset[str]:
    """The paths that ``app`` answers; none has a variable part."""
    return frozenset(app.openapi()["paths"]) | {"/docs", "/openapi.json"}


def _add_docs(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()), headers={"Content-Security-Policy": POLICY})


def _add_middleware(app: FastAPI, settings: Settings, keyring: Keyring) -> None:
    """The last one added is the first to see a request."""
    app.add_middleware(
        Gate,
        settings=settings,
        keyring=keyring,
        limiter=RateLimiter(settings.rate_limit),
        bodies=app.state.bodies,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "X-API-Key"],
            expose_headers=[
                *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
                *("Retry-After", "X-From-Cache", "X-Processing-Ms"),
            ],
        )
    app.add_middleware(LastResort)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(CountRequests, routes=paths_of(app))


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[None]:
    """The life of ``app``: the model service is there from the beginning to the end."""
    settings: Settings = app.state.settings
    given: ModelService | None = app.state.service
    service = given or shared_service(settings)
    service.start()
    metrics = Metrics(service)
    app.state.face = Face(settings, service, metrics, HeldPhotos.for_queue(settings.queue_size))
    close = partial(service.close, CLOSING_S)
    try:
        with hearing_signals(close, partial(app.state.bodies.hurry, HURRY_S)):
            yield
    finally:
        metrics.stop()
        give_back = close if given else partial(release_shared, service, CLOSING_S)
        await to_thread.run_sync(give_back)


def app_or_exit() -> FastAPI:
    """The app for this process; ends it with a sentence where it must not or cannot start."""
    try:
        settings = load_settings()
        logging.basicConfig(level=settings.log_level, stream=sys.stderr)
        check_listening(settings, listening_address())
        return create_app(settings)
    except ClimbMateError as error:
        sys.exit(f"ClimbMate cannot start. {error}")


def __getattr__(name: str) -> FastAPI:
    """``api.app:app``, made when a server asks for it and not when a test imports this module."""
    if name == "app":
        globals()["app"] = made = app_or_exit()
        return made
    raise AttributeError(name)
