"""Work that tells how far it is: generators that yield a share and return their result.

For callers whom the way there does not matter. Who shows progress goes through the generator itself
(:func:`core.analysis.analyze` does).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def result_of(work: Generator[object, None, T]) -> T:
    """Run ``work`` to its end and return what it returns. Raises what it raises."""
    while True:
        try:
            next(work)
        except StopIteration as ended:
            result: T = ended.value
            return result
