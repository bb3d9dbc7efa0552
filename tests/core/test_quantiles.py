"""Quantiles against numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.quantiles import median, quantiles


@given(
    st.lists(st.floats(-50, 150, width=32), min_size=1, max_size=40),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
@settings(deadline=None)
@pytest.mark.parametrize(("kind", "off"), [(np.float32, 1e-3), (np.float64, 1e-11)])
def test_quantiles_are_those_of_numpy(
    kind: type[np.floating[Any]], off: float, values: list[float], shares: list[float]
) -> None:
    numbers = np.array(values, kind)
    both = np.stack([numbers, -numbers], 1)

    found, found_in_columns = quantiles(numbers, shares), quantiles(both, shares)

    assert found.dtype == found_in_columns.dtype == kind
    assert np.abs(found - np.quantile(numbers, shares)).max() < off
    assert np.abs(found_in_columns - np.quantile(both, shares, axis=0)).max() < off


@given(st.lists(st.floats(-50, 150), min_size=1, max_size=40))
@settings(deadline=None)
def test_the_median_is_that_of_numpy(values: list[float]) -> None:
    assert median(np.array(values)) == pytest.approx(float(np.median(values)), abs=1e-11)
