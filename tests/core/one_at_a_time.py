"""Whether two threads that ask for the same are let in one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest


def assert_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, guarded: str, ask: Callable[[], object]
) -> None:
    """Call ``ask`` in two threads; ``guarded`` is the name of the function that both reach, put
    out of action, where the two must not meet.
    """
    both_inside = threading.Barrier(2)
    outcomes = []

    def meet(*_: object, **__: object) -> None:
        both_inside.wait(0.5)
        raise AssertionError("the second came in before the first was done")

    def run() -> None:
        try:
            ask()
        except Exception as error:
            outcomes.append(error)

    monkeypatch.setattr(guarded, meet)
    askers = [threading.Thread(target=run) for _ in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(30)

    # The first one waits for company in vain; the second comes in all the same.
    assert [type(error) for error in outcomes] == [threading.BrokenBarrierError] * 2
