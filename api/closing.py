"""An orderly end: on SIGTERM or Ctrl-C the running analysis is answered, the others are refused.

The server would first wait for all requests and only then tell the app; by that time the queue
would have been worked off. So the signal is heard here too, before it goes on to the server.

What closing does is the service's matter (:meth:`core.service.ModelService.close`).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

CLOSING_S = 8.0
"""Seconds that the running analysis may still take; service managers usually grant 10."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def hearing_signals(close: Callable[[], object], soon: Callable[[], None]) -> Iterator[None]:
    """While the block runs, a signal to end starts ``close`` in a thread of its own and calls
    ``soon`` on the event loop, then goes on to whoever listened before.

    Outside of the main thread no signal can be heard; the block then just runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def heard(number: int, frame: FrameType | None) -> None:
        # A handler interrupts whatever runs, perhaps a holder of the lock that closing needs.
        threading.Thread(target=close, name="closing", daemon=True).start()
        loop.call_soon_threadsafe(soon)
        listener = before[signal.Signals(number)]
        if callable(listener):
            listener(number, frame)

    for number in SIGNALS:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, listener in before.items():
            if signal.getsignal(number) is heard:
                signal.signal(number, listener)
