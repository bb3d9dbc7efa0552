"""A server that is told to end does so, whatever its browsers do at that moment.

uvicorn says goodbye to every browser and waits until all connections are closed, without a limit
under ``streamlit run``. Two kinds of browser keep it from that. One that closed its page while much
was still to be sent to it is told goodbye a second time, which is an error that leaves Streamlit
waiting for ever (:meth:`websockets.protocol.Protocol.send_close` raises ``InvalidState``). One that
is out of reach, as a phone in a pocket, never takes what is still to be sent.
"""

from __future__ import annotations

from functools import wraps

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GOODBYE_S = 2.0
"""How long a browser may take to receive what is still to be sent."""


def let_servers_end() -> None:
    """Have this process's uvicorn end its WebSocket connections so; a second call changes nothing.

    Where uvicorn uses another of its implementations, nothing changes either.
    """
    shutdown = WebSocketsSansIOProtocol.shutdown
    if hasattr(shutdown, "__wrapped__"):
        return

    @wraps(shutdown)
    def ending(connection: WebSocketsSansIOProtocol) -> None:
        connection.loop.call_later(GOODBYE_S, connection.transport.abort)
        if connection.conn.close_sent is None:
            shutdown(connection)

    WebSocketsSansIOProtocol.shutdown = ending  # type: ignore[method-assign]
