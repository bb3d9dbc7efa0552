"""One analysis that goes on while pages come and go.

A page that is clicked on runs again in another thread, perhaps while the one before still waits for
the next step. Both may take steps of the same analysis here: one at a time, and whatever the other
was given is remembered, so nothing is lost and nothing is analysed twice. Closing it never waits: a
thread that is inside is woken and ends it on its way out.

What becomes of it is settled once: it is closed, or one thread keeps what came of it. Whoever
comes too late is told, and one that would keep it too waits until that is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator

from core.analysis import Step
from core.answers import Answer
from core.jobs import HangUp
from core.wall_picture import WallPicture, wall_picture

PATIENCE_S = 0.2
"""How long one call waits for another thread that is taking a step."""


class RunningAnalysis:
    """The steps of one analysis (:meth:`core.service.ModelService.steps`) for several threads.

    ``picture`` is the photo for display once it was opened; it stays None where the answer came
    from a cache.
    """

    def __init__(
        self,
        number: int,
        steps: Generator[Step | Answer, None, None],
        hang_up: HangUp | None = None,
    ) -> None:
        """``number`` is the photo's in its queue; ``hang_up`` ends the wait inside ``steps``."""
        self.number = number
        self._hang_up = hang_up
        self.picture: WallPicture | None = None
        self._steps = steps
        self._lock = threading.Lock()  # held while a step is taken, which may be long
        self._keeping = threading.Lock()  # held while somebody keeps what came of it
        self._fate = threading.Lock()  # held for a moment: closed or settled, never both
        self._closed = False
        self._settled = False
        self._last: Step | Answer | None = None
        self._error: Exception | None = None

    @property
    def closed(self) -> bool:
        """Whether it was given up."""
        return self._closed

    def settle(self, keep: Callable[[], None]) -> bool:
        """Call ``keep``, unless it was settled before or closed; whether that was done here.

        A second thread waits until the first is through. What ``keep`` raises is raised, and
        nothing is settled then.
        """
        with self._keeping:
            with self._fate:
                if self._closed or self._settled:
                    return False
                self._settled = True
            try:
                keep()
            except BaseException:
                with self._fate:
                    self._settled = False
                raise
        return True

    def take(self) -> Step | Answer | None:
        """The next step or the answer; the answer again once there is one. None where another
        thread is taking a step just now, or after :meth:`close`.

        Raises what the analysis raised, to every thread that asks.
        """
        if not self._lock.acquire(timeout=PATIENCE_S):
            return None
        try:
            if not (self._closed or self._error or isinstance(self._last, Answer)):
                self._advance()
        finally:
            self._lock.release()
        # Only now: who closes while the lock is held here leaves the end to this thread.
        if self._closed:
            self._end()
            return None
        if self._error is not None:
            raise self._error
        return self._last

    def close(self) -> bool:
        """Give the analysis up; False where it is too late, since its result is being kept. A
        second call changes nothing.
        """
        with self._fate:
            if self._settled:
                return False
            self._closed = True
        if self._hang_up is not None:
            self._hang_up.say()
        self._end()
        return True

    def _end(self) -> None:
        """Close the steps; whoever is inside does it on the way out."""
        if self._lock.acquire(blocking=False):
            try:
                self._steps.close()
            finally:
                self._lock.release()

    def _advance(self) -> None:
        try:
            self._last = next(self._steps)
            if isinstance(self._last, Step) and self._last.photo is not None:
                photo = self._last.photo
                self.picture = wall_picture(photo.pixels, photo.width)
                self._last = Step(self._last.stage, self._last.share)  # the pixels are let go
        except StopIteration:
            self._error = RuntimeError("the analysis ended without an answer")
        except Exception as error:  # the next thread that asks has to hear of it too
            self._error = error
