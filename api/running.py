"""The blocking generator of the service, followed from the event loop.

Each step is taken in a thread, so the loop goes on answering others. A caller who hangs up ends the
work: the thread is woken, the generator closed, and the service drops what nobody waits for. Its
place in the queue is free at once, and what runs is stopped before its next step.

Not done here: queueing, deadlines, caching; all of that is in :mod:`core.service`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from api.errors import ClientGone
from core.analysis import Step
from core.jobs import HangUp
from core.overlay import draw_overlay, encode_jpeg
from core.photo import Photo
from core.reopening import reopen_photo
from core.service import Answer
from core.settings import Settings

T = TypeVar("T")
Steps = Generator[Step | Answer, None, None]

MOST_THREADS = 120
"""Above what can wait: the largest queue (QUEUE_SIZE) and who is held besides it."""


class Follower:
    """Takes the items of one generator one after the other.

    Use as an asynchronous context manager, which closes the generator at the end: ::

        hang_up = HangUp()
        async with Follower(service.steps(data, hang_up=hang_up), hang_up, threads) as follower:
            async for item in follower: ...
    """

    def __init__(self, steps: Steps, hang_up: HangUp, threads: CapacityLimiter) -> None:
        """``hang_up`` ends a wait in ``steps``, each of which takes one of ``threads``."""
        self._steps = steps
        self._hang_up = hang_up
        self._threads = threads
        self._taking: asyncio.Task[Step | Answer | None] | None = None

    async def __aenter__(self) -> Follower:
        return self

    async def __aexit__(self, *_: object) -> None:
        # The thread that takes a step has to be out of the generator before that can be closed,
        # also when this task has been cancelled.
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        self._hang_up.say()
        if self._taking is not None:
            await asyncio.wait({self._taking})
            if not self._taking.cancelled():
                self._taking.exception()  # an error that came too late is nobody's concern
        await to_thread.run_sync(self._steps.close, limiter=self._threads)

    async def soon(self, seconds: float) -> bool:
        """Wait for the next item at most so long; whether it, or an error, is there."""
        if self._taking is None:
            self._taking = asyncio.create_task(self._take())
        done, _ = await asyncio.wait({self._taking}, timeout=seconds)
        return bool(done)

    async def next(self) -> Step | Answer | None:
        """The next item, None after the last. Raises what the generator raises."""
        while not await self.soon(3600.0):
            continue
        taken, self._taking = self._taking, None
        assert taken is not None
        return taken.result()

    async def __aiter__(self) -> AsyncIterator[Step | Answer]:
        while (item := await self.next()) is not None:
            yield item

    async def _take(self) -> Step | Answer | None:
        return await to_thread.run_sync(next, self._steps, None, limiter=self._threads)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """An answer, with the opened photo where it was analysed for this very request."""

    answer: Answer
    photo: Photo | None


async def finish(follower: Follower) -> Outcome:
    """Follow the generator to its answer."""
    photo: Photo | None = None
    async for item in follower:
        if isinstance(item, Answer):
            return Outcome(item, photo)
        photo = item.photo or photo
    raise RuntimeError("the service ended without an answer")


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """The result of ``work``, which is cancelled when the caller hangs up.

    The request's body has to be read to its end. Raises :class:`ClientGone` and what ``work``
    raises.
    """
    working = asyncio.ensure_future(work())
    leaving = asyncio.create_task(_hang_up(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def picture_of(outcome: Outcome, data: bytes, settings: Settings) -> bytes:
    """The annotated picture as JPEG; ``data`` is opened again where the answer was remembered.

    Raises what :func:`core.reopening.reopen_photo` raises.
    """
    analysis = outcome.answer.analysis
    photo = outcome.photo or reopen_photo(data, name=analysis.photo.name, settings=settings)
    return encode_jpeg(draw_overlay(photo.pixels, analysis, photo.scale))
