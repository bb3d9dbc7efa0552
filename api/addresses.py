"""Where the server listens and where a request comes from, as far as trust depends on it.

Without keys only this machine may call. That is decided twice: before the start, where the address
to listen on can be known, and for each request by the address at the other end of its connection.
``X-Forwarded-For`` is a claim of the sender; it is believed only from the proxies that
``FORWARDED_ALLOW_IPS`` names. (uvicorn by itself also believes it from 127.0.0.1; such a request is
recognised here and not taken for a local one.)
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import Scope

from core.errors import SettingsError
from core.settings import Settings

PROXY_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip")
"""A request with one of these was passed on by a proxy, or pretends to be."""

UNTRUSTED_PROXY = "proxy"
"""The caller's name where a proxy on this machine stands in front that nobody said to trust."""


def is_loopback(address: str | None) -> bool:
    """Whether ``address`` (an IP address or ``localhost``) reaches this machine only."""
    if address is None:
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address == "localhost"
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def caller_address(scope: Scope, settings: Settings) -> str:
    """The address to count a request under; an IPv6 one as its /64, which one machine owns."""
    host, port = scope.get("client") or ("", 0)
    forwarded = "x-forwarded-for" in Headers(scope=scope)
    if forwarded and not settings.forwarded_allow_ips and port == 0:
        return UNTRUSTED_PROXY  # uvicorn has put the claim in the place of the real address
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "local"
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def is_local_call(scope: Scope) -> bool:
    """Whether a request comes straight from this machine, not through a proxy."""
    host, _ = scope.get("client") or (None, 0)
    headers = Headers(scope=scope)
    return is_loopback(host) and not any(name in headers for name in PROXY_HEADERS)


def listening_address(arguments: Sequence[str] | None = None) -> str | None:
    """The address the server that is starting in this process will listen on.

    Known where ``streamlit run``, ``python server.py`` or the uvicorn command starts it; None
    elsewhere. The empty string is every address of the machine.
    """
    command, *rest = sys.argv if arguments is None else arguments
    program = Path(command)
    if (program.parent.name if program.name == "__main__.py" else program.stem) == "uvicorn":
        return _uvicorn_address(rest)
    streamlit = sys.modules.get("streamlit.config")
    if streamlit is not None and getattr(streamlit, "_server_mode", None):
        return str(streamlit.get_option("server.address") or "")
    return None


def _uvicorn_address(arguments: Sequence[str]) -> str | None:
    import click
    import uvicorn

    try:
        with uvicorn.main.make_context(
            "uvicorn", list(arguments), auto_envvar_prefix="UVICORN", resilient_parsing=True
        ) as context:
            if context.params.get("uds") or context.params.get("fd") is not None:
                return None
            return str(context.params.get("host") or os.environ.get("UVICORN_HOST", "127.0.0.1"))
    except click.ClickException:  # uvicorn itself will say so
        return None


def check_listening(settings: Settings, address: str | None) -> None:
    """Refuse to start where other machines could call without a key.

    Raises :class:`SettingsError` (``keys_needed``). ``address`` is as of
    :func:`listening_address`; None lets pass, and each request is judged by itself.
    """
    if address is None or is_loopback(address) or settings.api_allow_anonymous:
        return
    if settings.api_keys.strip(" ,"):
        return
    where = f"on {address}" if address else "on every address of this machine"
    raise SettingsError(
        "keys_needed",
        f"The server would listen {where}, and API_KEYS is empty: anyone could call it.",
        "Set API_KEYS, or API_ALLOW_ANONYMOUS=true if that is wanted, or listen on 127.0.0.1.",
    )
