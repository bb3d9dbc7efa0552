"""Results in Redis, shared by several servers; it may vanish and return at any time.

Whatever Redis does, nothing is raised here and nobody waits longer than ``patience_ms``: each call
runs in a short-lived thread of its own, which is left behind when it takes longer (a client's
timeouts bound neither name resolution nor a server that answers byte by byte). After a failure no
call is made for ``pause_s``; the next one then tries again. Each change between up and down is
logged once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

T = TypeVar("T")

PREFIX = "climbmate:result:"
CLEAR_S = 2.0
"""How long clearing may take; someone asked for it and waits."""


class RedisCache:
    """A :class:`core.result_cache.SharedStore` in Redis."""

    def __init__(
        self, url: str, ttl_s: int, *, patience_ms: float = 40.0, pause_s: float = 5.0
    ) -> None:
        """``url`` as in REDIS_URL; entries vanish after ``ttl_s`` seconds."""
        self._ttl_s = ttl_s
        self._patience_s = patience_ms / 1000
        self._pause_s = pause_s
        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=CLEAR_S,
            socket_connect_timeout=CLEAR_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._lock = threading.Lock()
        self._up = True
        self._again_at = 0.0
        self._left_behind = 0
        self._told: set[str] = set()

    @property
    def up(self) -> bool:
        """Whether the latest call went well."""
        return self._up

    def get(self, key: str) -> bytes | None:
        """The content kept under ``key``; None when there is none or Redis is away."""
        content = self._within(self._patience_s, lambda: self._client.get(PREFIX + key))
        return content if isinstance(content, bytes) else None

    def put(self, key: str, content: bytes) -> bool:
        """Keep ``content`` under ``key``; whether Redis took it."""
        done = self._within(
            self._patience_s, lambda: self._client.set(PREFIX + key, content, ex=self._ttl_s)
        )
        return bool(done)

    def clear(self) -> int:
        """Drop every result of ours, and nothing else; how many there were.

        Where Redis is away they stay, and will answer again when it is back: that is logged.
        """
        count = self._within(CLEAR_S, self._drop_all)
        if count is None:
            logger.warning("redis=not_cleared results=may_come_back")
        return count or 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _drop_all(self) -> int:
        count = 0
        names = []
        for name in self._client.scan_iter(match=PREFIX + "*", count=500):
            names.append(name)
            if len(names) == 500:
                count += self._client.unlink(*names)
                names = []
        return count + (self._client.unlink(*names) if names else 0)

    def _within(self, limit_s: float, call: Callable[[], T]) -> T | None:
        """What ``call`` returns, or None: it failed, took too long, or Redis is left alone now."""
        with self._lock:
            if self._left_behind or time.monotonic() < self._again_at:
                return None
        results: SimpleQueue[T | Exception] = SimpleQueue()
        late = threading.Event()

        def run() -> None:
            try:
                results.put(call())
            except Exception as error:  # handed over, and told in the log
                results.put(error)
            with self._lock:
                self._left_behind -= late.is_set()

        threading.Thread(target=run, name="redis", daemon=True).start()
        try:
            result = results.get(timeout=limit_s)
        except Empty:
            with self._lock:
                if results.empty():
                    late.set()
                    self._left_behind += 1
            result = TimeoutError(f"no answer within {limit_s * 1000:.0f} ms")
        if isinstance(result, redis.ResponseError):  # it answers, but not this
            self._went_up()
            self._refuses(result)
            return None
        if isinstance(result, Exception):
            self._went_down(result)
            return None
        self._went_up()
        return result

    def _refuses(self, error: redis.ResponseError) -> None:
        """Say once of each kind why Redis refuses: full memory, a foreign key, a lacking right."""
        kind = type(error).__name__
        with self._lock:
            new = kind not in self._told
            self._told.add(kind)
        if new:
            logger.warning("redis=refuses reason=%r", str(error))

    def _went_down(self, error: Exception) -> None:
        with self._lock:
            was_up, self._up = self._up, False
            self._again_at = time.monotonic() + self._pause_s
        if was_up:
            logger.warning("redis=down results=kept_here_only reason=%r", str(error))

    def _went_up(self) -> None:
        with self._lock:
            was_up, self._up = self._up, True
            self._again_at = 0.0
        if not was_up:
            logger.warning("redis=up")
