"""Dashboard, REST face and metrics in one process with one copy of the models.

::

    python server.py                  # HOST and PORT, 127.0.0.1:8501 by default
    streamlit run server.py --server.address 127.0.0.1
    uvicorn server:app

The REST face has the addresses below and nothing else; every other one is the dashboard's.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import streamlit as st
from fastapi import FastAPI
from starlette.routing import Route

from api.addresses import check_listening
from api.app import app_or_exit, serving
from core.errors import ClimbMateError
from core.settings import Settings, load_settings

REST_PATHS = (
    "/api/{rest:path}",
    "/predict",
    "/model/{rest:path}",
    "/metrics",
    "/docs",
    "/openapi.json",
)


def rest_routes(rest: FastAPI) -> list[Route]:
    """Routes that hand :data:`REST_PATHS` to ``rest``.

    A route, unlike a mount, leaves the path as it is; and an app in it gets every method.
    """
    return [Route(path, rest) for path in REST_PATHS]


def life_of(rest: FastAPI) -> Callable[[st.App], AbstractAsyncContextManager[None]]:
    """The life of ``rest`` as that of the dashboard around it."""

    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[None]:
        async with serving(rest):
            yield

    return lifespan


def main() -> None:
    """Serve on HOST and PORT until a signal ends it."""
    try:
        settings = load_settings()
        check_listening(settings, settings.host)
    except ClimbMateError as error:
        sys.exit(f"ClimbMate cannot start. {error}")
    sys.stdout.write(f"ClimbMate: {address_of(settings)}  (Ctrl-C stops it)\n")
    sys.stdout.flush()
    try:
        app.run(
            config={
                "server.address": settings.host,
                "server.port": settings.port,
                "server.headless": True,
                "browser.gatherUsageStats": False,
            }
        )
    except OSError as error:  # a port that is taken is told by Streamlit itself
        sys.exit(
            f"ClimbMate cannot start. It cannot listen on {settings.host}, port {settings.port}: "
            f"{error.strerror or error}. Set HOST to an address of this machine."
        )


def address_of(settings: Settings) -> str:
    """Where a browser on this machine finds what listens on HOST and PORT."""
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


SCRIPT = Path(__file__).resolve().with_name("streamlit_app.py")
rest = app_or_exit()
# As one plain call: `streamlit run` looks for it in the text of this file.
app = st.App(SCRIPT, routes=rest_routes(rest), lifespan=life_of(rest))

if __name__ == "__main__":
    main()
