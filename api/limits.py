"""How much may be asked for: requests per time, bytes per request, uploads at once.

The rates are counted by the ``limits`` library, in a sliding window, in the memory of this process.

Who a caller is, and that refusals come before the body, is :mod:`api.gate`; how many photos wait is
the service's own bound (QUEUE_SIZE).
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from api.errors import BodyError, RequestError
from core.settings import Settings

FORM_BYTES = 64 * 1024
"""What a form may take besides the photo: boundaries, headers, small fields."""

BODY_SECONDS = 60.0
"""A body has to arrive within this time; a slower sender would hold a connection for nothing."""

MOST_ARRIVING = 32
"""Bodies that may be on their way at once. The form parser keeps up to 1 MiB of each in memory, so
a crowd of senders who stop halfway would otherwise hold all there is for BODY_SECONDS."""

HELD_BESIDES_QUEUE = 4
"""Photos that may be in memory besides those of the queue: the one that is analysed, and callers
that wait for the same photo or are about to be refused."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a caller: ``remaining`` of ``limit`` requests, ``reset_s`` seconds until the
    window ends; ``granted`` says whether this request is one of them."""

    granted: bool
    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """As HTTP headers (IETF draft "RateLimit header fields for HTTP", version 6)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }

    def refusal(self) -> RequestError:
        """The error of a caller that has used up its allowance."""
        return RequestError(
            429,
            "too_many_requests",
            f"More than {self.limit} requests came from this caller in too short a time.",
            f"Wait {self.reset_s} s and go on more slowly, or ask for a higher RATE_LIMIT.",
            {"Retry-After": str(self.reset_s), **self.headers()},
        )


class RateLimiter:
    """Counts the requests of each caller against ``RATE_LIMIT``."""

    def __init__(self, rate: str) -> None:
        self._item = parse(rate) if rate else None
        self._strategy = SlidingWindowCounterRateLimiter(MemoryStorage())

    def ask(self, caller: str) -> Allowance | None:
        """Count one request of ``caller``; None when nothing is limited."""
        if self._item is None:
            return None
        granted = self._strategy.hit(self._item, caller)
        window = self._strategy.get_window_stats(self._item, caller)
        reset_s = max(1, math.ceil(window.reset_time - time.time()))
        return Allowance(granted, self._item.amount, max(0, window.remaining), reset_s)


class HeldPhotos:
    """Bounds how many uploads are in memory at once, whatever callers do."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held = 0
        self._lock = threading.Lock()

    @classmethod
    def for_queue(cls, queue_size: int) -> HeldPhotos:
        """As many as a queue of ``queue_size`` needs."""
        return cls(queue_size + HELD_BESIDES_QUEUE)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Hold one photo meanwhile. Raises :class:`RequestError` 503 (``queue_full``)."""
        with self._lock:
            if self._held >= self.most:
                raise RequestError(
                    503,
                    "queue_full",
                    "Too many photos are waiting already.",
                    "Send it again in a few seconds.",
                )
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1


def max_body_bytes(settings: Settings) -> int:
    """Largest request body: the largest photo and the form around it."""
    return int(settings.max_photo_mb * 2**20) + FORM_BYTES


def check_content_length(scope: Scope, most: int) -> None:
    """Refuse a body that announces more than ``most`` bytes, before any is read.

    Raises :class:`RequestError` 413 (``body_too_large``). What is announced wrongly is refused by
    the server itself.
    """
    announced = Headers(scope=scope).get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise too_large(most)


def too_large(most: int) -> RequestError:
    """The error for a body of more than ``most`` bytes."""
    return RequestError(
        413,
        "body_too_large",
        f"The request has more than {most / 2**20:.1f} MiB.",
        "Send the photo as a JPEG of medium quality, or raise MAX_PHOTO_MB.",
        # What is still on its way will not be read.
        {"Connection": "close"},
    )


def too_slow() -> RequestError:
    """The error for a body that took too long."""
    return RequestError(
        408,
        "too_slow",
        "The request took too long to arrive.",
        "Send it again over a faster line.",
        {"Connection": "close"},
    )


def crowded_out() -> RequestError:
    """The error for the slowest of too many bodies."""
    return RequestError(
        503,
        "queue_full",
        "Too many photos are on their way, and this one was the slowest.",
        "Send it again in a few seconds, over a faster line if there is one.",
        {"Connection": "close"},
    )


class BodyLimit:
    """Wraps ``receive``: counts the body's bytes as they come, and the time they take.

    Announced or chunked, no more than ``most`` bytes are taken in. ``begins`` is called when the
    first bytes are there and more are to come. Raises :class:`BodyError` with 413
    (``body_too_large``), 408 (``too_slow``) or 503 (``queue_full``, after :meth:`give_way`).
    """

    def __init__(
        self,
        receive: Receive,
        most: int,
        seconds: float = BODY_SECONDS,
        begins: Callable[[BodyLimit], None] | None = None,
    ) -> None:
        self._receive = receive
        self._most = most
        self._began = time.monotonic()
        self._ends = self._began + seconds
        self._begins = begins
        self._gave_way = False
        self._taken = 0
        self._complete = False
        self._timeout: asyncio.Timeout | None = None

    @property
    def arriving(self) -> bool:
        """Whether a part of it is there and the rest still has time."""
        return bool(self._taken) and not self._complete and time.monotonic() < self._ends

    @property
    def bytes_per_s(self) -> float:
        """How fast it has arrived so far; in its first second, how much has."""
        return self._taken / max(1.0, time.monotonic() - self._began)

    def give_way(self) -> None:
        """Take no more of it: another needs the place."""
        self._gave_way = True
        self.hurry(0.0)

    def hurry(self, seconds: float) -> None:
        """Let the rest of the body take no longer than this."""
        self._ends = min(self._ends, time.monotonic() + seconds)
        if self._timeout is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + seconds)

    async def __call__(self) -> Message:
        """The next message."""
        if self._complete:  # from here on only the end of the connection is waited for
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._ends - time.monotonic())) as self._timeout:
                message = await self._receive()
        except TimeoutError as error:
            raise BodyError(crowded_out() if self._gave_way else too_slow()) from error
        finally:
            self._timeout = None
        if message["type"] == "http.request":
            self._count(message)
        return message

    def _count(self, message: Message) -> None:
        first = not self._taken
        self._taken += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._taken > self._most:
            raise BodyError(too_large(self._most))
        if first and self.arriving and self._begins is not None:
            self._begins(self)


class OpenBodies:
    """The bodies that are being read; those of requests that have ended are forgotten.

    At most ``most`` arrive at once: for one more, the slowest gives way. Somebody who sends a byte
    a second thus takes no place from others.
    """

    def __init__(self, most: int = MOST_ARRIVING) -> None:
        self._most = most
        self._bodies: weakref.WeakSet[BodyLimit] = weakref.WeakSet()

    def limited(self, receive: Receive, most: int) -> BodyLimit:
        """``receive`` within the bounds."""
        body = BodyLimit(receive, most, begins=self._make_room)
        self._bodies.add(body)
        return body

    def hurry(self, seconds: float) -> None:
        """Let none of them take longer than this: the server is about to end."""
        for body in tuple(self._bodies):
            body.hurry(seconds)

    def _make_room(self, newest: BodyLimit) -> None:
        others = [body for body in self._bodies if body.arriving and body is not newest]
        if len(others) >= self._most:
            min(others, key=lambda body: body.bytes_per_s).give_way()
