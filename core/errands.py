"""Short work with the loaded models, besides whole analyses: an outline for a click, a timing.

The models have one thread, and whoever needs them for a moment hands in an :class:`Errand` and
waits for its end. When it is its turn is decided in :mod:`core.agenda`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from core.analysis import Models
from core.jobs import forget_locals
from core.settings import Settings

T = TypeVar("T")

MAX_WAITING = 8
"""Errands that may wait; each takes well below a second."""


class Errand(Generic[T]):
    """``work`` to be done with the models bound to ``settings``, once."""

    def __init__(self, work: Callable[[Models], T], settings: Settings) -> None:
        self.settings = settings
        self.abandoned = False
        self._work = work
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: Exception | None = None

    def run(self, models: Models) -> None:
        """Do the work; what it raises is for who waits."""
        try:
            self._result.append(self._work(models))
        except Exception as error:  # told by wait()
            forget_locals(error)
            del models  # this frame belongs to the error, which belongs to who waits
            self._error = error
        self._done.set()

    def fail(self, error: Exception) -> None:
        """End it with ``error`` instead of doing it."""
        self._error = error
        self._done.set()

    def wait(self, timeout_s: float) -> T:
        """The result, once it is there.

        Raises what the work raised, the error it was ended with, or ``TimeoutError``; the work is
        then not begun any more.
        """
        if not self._done.wait(timeout_s):
            self.abandoned = True
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result[0]
