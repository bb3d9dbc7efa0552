"""Say in a sentence why nothing can listen on an address and a port, before a server is started.

    python scripts/check_address.py ADDRESS PORT

``make run`` asks it: Streamlit by itself ends with a traceback. An empty ADDRESS is every address
of this machine. Nothing is served here, and the port is free again when this ends. Exit code 0
where a server can listen, else 2 with the sentence on stderr.
"""

from __future__ import annotations

import errno
import socket
import sys

MOST = 65_535
"""The largest port there is."""


def refusal(address: str, port: str) -> str:
    """Why nothing can listen there, and what to do; empty where something can."""
    if not (port.isdecimal() and port.isascii() and 1 <= int(port) <= MOST):
        return f"PORT={port} is no port. Give a whole number from 1 to {MOST}: make run PORT=8501"
    try:
        _listen(address, int(port))
    except (socket.gaierror, UnicodeError):  # a name that nobody has, or that cannot be one
        return f"ADDRESS={address} is no address. Give one of this machine, such as 127.0.0.1."
    except OSError as error:
        return _reason(error, address, port)
    return ""


def _listen(address: str, port: int) -> None:
    """Listen for a moment, as a server will. Raises ``OSError``."""
    dual = not address and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in address else socket.AF_INET
    # By hand: socket.create_server() makes one kind of error of all.
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if dual:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind((address, port))
        probe.listen()


def _reason(error: OSError, address: str, port: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is taken. Choose another: make run PORT={_next(port)}"
        case errno.EADDRNOTAVAIL:
            return f"ADDRESS={address} is not of this machine. Leave it out, or give 127.0.0.1."
        case errno.EACCES | errno.EPERM:
            return f"Port {port} is not for every user. Choose one above 1023: make run PORT=8501"
    where = f"{address or 'this machine'}, port {port}"
    return f"Nothing can listen on {where}: {error.strerror or error}. Choose another PORT."


def _next(port: str) -> int:
    return int(port) + 1 if int(port) < MOST else 8501


def main() -> int:
    """Check the two arguments."""
    address, port = sys.argv[1:]
    if sentence := refusal(address, port):
        sys.stderr.write(f"ClimbMate cannot start. {sentence}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
