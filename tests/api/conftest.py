"""What the tests of the REST face share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.api.faces import UVICORN, RealServer, face, real_server


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A client on this machine of a face without keys."""
    with face() as caller:
        yield caller


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A real uvicorn with the embedded models, on loopback."""
    log = tmp_path_factory.mktemp("live") / "server.log"
    with real_server(log, UVICORN) as server:
        server.wait_ready()
        yield server
