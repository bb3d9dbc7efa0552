"""Quantiles of floats, from one sort.

They are numpy's own (Hyndman and Fan 1996, type 7), whose calls took half of the time of
:func:`core.colour_statistics.statistics`, and the first one imports masked arrays, which takes as
long as opening a photo. What is not a number is not looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", bound=np.floating[Any])


def quantiles(values: NDArray[Float], shares: Sequence[float]) -> NDArray[Float]:
    """The quantiles of ``values`` (N,) or of each column of (N, C), a row for each share (0..1).

    N is at least 1; what lies between two values is interpolated, in the values' own type.
    """
    ordered = np.sort(values, axis=0)
    places = np.asarray(shares) * (len(ordered) - 1)
    below = places.astype(np.intp)
    above = np.minimum(below + 1, len(ordered) - 1)
    part = (places - below).astype(ordered.dtype).reshape(-1, *[1] * (values.ndim - 1))
    between: NDArray[Float] = ordered[below] + (ordered[above] - ordered[below]) * part
    return between


def median(values: NDArray[Float]) -> float:
    """The middle of ``values`` (N,), N at least 1; between the two in the middle of an even
    number."""
    return float(quantiles(values, (0.5,))[0])
