"""The gate in front of every route: who calls, how often, with how much.

It stands before the body is read, so that a refusal costs next to nothing: first the caller is
recognised (by its key, else by its address), then counted, then judged. A wrong key counts against
the sender's address, so keys cannot be tried out quickly.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import caller_address, is_local_call
from api.errors import RequestError, error_response
from api.keys import Keyring
from api.limits import (
    Allowance,
    OpenBodies,
    RateLimiter,
    check_content_length,
    max_body_bytes,
)
from core.settings import Settings

OPEN_PATHS = frozenset({"/api/health", "/api/ready", "/docs", "/openapi.json"})
"""Answered to anyone, uncounted: what a load balancer asks all the time, and the documentation."""

UNCOUNTED_PATHS = frozenset({"/metrics"})
"""Not counted for who may ask; a wrong key is counted here as anywhere."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: ``name`` is what its requests are counted under, ``known`` whether its key was
    right, ``local`` whether it calls straight from this machine."""

    name: str
    known: bool
    local: bool


class Gate:
    """ASGI middleware that lets a request through or answers it with a refusal."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        keyring: Keyring,
        limiter: RateLimiter,
        bodies: OpenBodies,
    ) -> None:
        self.app = app
        self.settings = settings
        self.keyring = keyring
        self.limiter = limiter
        self.bodies = bodies
        self.most_bytes = max_body_bytes(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        allowance: Allowance | None = None

        async def with_allowance(message: Message) -> None:
            if allowance is not None and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(allowance.headers())
            await send(message)

        try:
            if scope["path"] not in OPEN_PATHS:
                caller = self.recognise(scope)
                if scope["path"] not in UNCOUNTED_PATHS or (self.keyring and not caller.known):
                    allowance = self.limiter.ask(caller.name)
                if allowance is not None and not allowance.granted:
                    raise allowance.refusal()
                self.judge(scope, caller)
            check_content_length(scope, self.most_bytes)
        except RequestError as refusal:
            await error_response(refusal)(scope, receive, with_allowance)
            return
        await self.app(scope, self.bodies.limited(receive, self.most_bytes), with_allowance)

    def recognise(self, scope: Scope) -> Caller:
        """The caller of a request, by the key it sends and the address it comes from."""
        name = self.keyring.recognise(presented_key(scope)) if self.keyring else None
        address = caller_address(scope, self.settings)
        return Caller(name or f"address-{address}", name is not None, is_local_call(scope))

    def judge(self, scope: Scope, caller: Caller) -> None:
        """Return when the caller may do this. Raises :class:`RequestError` 401 or 403."""
        if self.keyring:
            if not caller.known:
                raise RequestError(
                    401,
                    "key_needed",
                    "This server answers only with a key, and none that it knows was sent.",
                    "Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
                    {"WWW-Authenticate": "Bearer"},
                )
            return
        administers = scope["method"] == "DELETE"
        if not caller.local and (administers or not self.settings.api_allow_anonymous):
            raise RequestError(
                403,
                "only_from_this_machine",
                "Without keys, this is allowed from the server's own machine only.",
                "Whoever runs the server can set API_KEYS and give you a key.",
            )


def presented_key(scope: Scope) -> str:
    """The key that a request carries; empty when there is none."""
    headers = Headers(scope=scope)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key", "").strip()
