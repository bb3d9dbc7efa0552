"""uvicorn ends while a browser takes nothing more of what it is to be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.uri import parse_uri

from pages import server_end
from pages.server_end import let_servers_end
from tests.ports import free_port
from tests.waiting import PATIENCE_S

UVICORNS = getattr(
    WebSocketsSansIOProtocol.shutdown, "__wrapped__", WebSocketsSansIOProtocol.shutdown
)
MORE_THAN_A_SOCKET_HOLDS = 64 * 2**20


@pytest.fixture(autouse=True)
def uvicorns_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WebSocketsSansIOProtocol, "shutdown", UVICORNS)
    monkeypatch.setattr(server_end, "GOODBYE_S", 0.2)


async def _page(_scope: Any, receive: Any, send: Any) -> None:
    """Sends a lot at once, then listens until the browser is gone."""
    await receive()
    await send({"type": "websocket.accept"})
    sending = asyncio.create_task(
        send({"type": "websocket.send", "bytes": bytes(MORE_THAN_A_SOCKET_HOLDS)})
    )
    while (await receive())["type"] != "websocket.disconnect":
        pass
    await asyncio.wait([sending])


async def _serve_until_told(*, goodbye: bool) -> None:
    """A server with one browser that reads nothing but the handshake, and with ``goodbye`` closes
    its page; then the server is told to end."""
    port = free_port()
    config = uvicorn.Config(
        _page, port=port, ws="websockets-sansio", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    await _until(lambda: server.started)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    browser = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"))
    browser.send_request(browser.connect())
    writer.writelines(browser.data_to_send())
    browser.receive_data(await reader.readuntil(b"\r\n\r\n"))
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    (connection,) = server.server_state.connections
    await _until(connection.transport.get_write_buffer_size)
    if goodbye:
        browser.send_close(1001)
        writer.writelines(browser.data_to_send())
        await _until(connection.transport.is_closing)
    try:
        server.should_exit = True
        await asyncio.wait_for(running, 2.0)
    finally:
        server.force_exit = True
        writer.close()


async def _until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_uvicorn_itself_says_goodbye_twice() -> None:
    with pytest.raises(InvalidState):  # else half of pages/server_end.py has done its service
        asyncio.run(asyncio.wait_for(_serve_until_told(goodbye=True), PATIENCE_S))


def test_uvicorn_itself_waits_for_one_out_of_reach() -> None:
    with pytest.raises(TimeoutError):  # else the other half has
        asyncio.run(asyncio.wait_for(_serve_until_told(goodbye=False), PATIENCE_S))


@pytest.mark.parametrize("goodbye", [True, False])
def test_the_server_ends(goodbye: bool) -> None:
    let_servers_end()

    asyncio.run(asyncio.wait_for(_serve_until_told(goodbye=goodbye), PATIENCE_S))


def test_a_second_call_changes_nothing() -> None:
    let_servers_end()
    once = WebSocketsSansIOProtocol.shutdown

    let_servers_end()

    assert WebSocketsSansIOProtocol.shutdown is once
