"""Dashboard, REST face and metrics in one process with one copy of the models.

::

    python server.py                  # HOST and PORT, 127.0.0.1:8501 by default
    streamlit run server.py --server.address 127.0.0.1
    uvicorn server:app

The REST face has the addresses below and nothing else; every other one is the dashboard's.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from fastapi import FastAPI
from starlette.routing import Route

from api.addresses import check_listening
from api.app import app_or_exit, serving
from core.errors import ClimbMateError
from core.settings import load_settings

REST_PATHS = (
    "/api/{rest:path}",
    "/predict",
    "/model/{rest:path}",
    "/metrics",
    "/docs",
    "/openapi.json",
)


def create_server(rest: FastAPI) -> st.App:
    """The dashboard with ``rest`` in front of it on :data:`REST_PATHS`."""

    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[None]:
        async with serving(rest):
            yield

    return st.App(
        Path(__file__).resolve().with_name("streamlit_app.py"),
        # A route, unlike a mount, leaves the path as it is; and an app in it gets every method.
        routes=[Route(path, rest) for path in REST_PATHS],
        lifespan=lifespan,
    )


def main() -> None:
    """Serve on HOST and PORT until a signal ends it."""
    try:
        settings = load_settings()
        check_listening(settings, settings.host)
    except ClimbMateError as error:
        sys.exit(f"ClimbMate cannot start. {error}")
    app.run(
        config={
            "server.address": settings.host,
            "server.port": settings.port,
            "server.headless": True,
            "browser.gatherUsageStats": False,
        }
    )


app = create_server(app_or_exit())

if __name__ == "__main__":
    main()
