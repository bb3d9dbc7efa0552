"""The field between panels, against the homographies that it joins."""

from __future__ import annotations

import numpy as np
import pytest

from core.bend import NODES, Bend, bend_of
from core.homography import mapped

SIZE = (1000, 800)
FLAT = np.array([[1.1, 0.02, 5], [0.01, 1.08, -3], [1e-5, 0, 1]])
SEAM = np.array([1.0, 0.0, -500.0])  # x = 500
FOLDED = FLAT @ (np.eye(3) + np.outer([0.1, 0.04, 0.0], SEAM))


def lattice(low: float, high: float) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(low, high, 12), np.linspace(20, 780, 14))
    return np.column_stack([x.ravel(), y.ravel()])


def test_panels_of_one_plane_bend_nothing() -> None:
    bend = bend_of([FLAT, FLAT], [lattice(20, 480), lattice(520, 980)], SIZE)

    np.testing.assert_allclose(bend.at(lattice(0, 1000)), 0, atol=1e-9)


def test_each_place_goes_where_its_own_panel_puts_it() -> None:
    bend = bend_of([FLAT, FOLDED], [lattice(20, 480), lattice(520, 980)], SIZE)

    for matrix, places in ((FLAT, lattice(30, 400)), (FOLDED, lattice(600, 970))):
        found = mapped(FLAT, places) + bend.at(places)
        assert np.linalg.norm(found - mapped(matrix, places), axis=1).max() < 0.5
    across = lattice(400, 600)  # at the seam both agree, near it they nearly do
    right = np.where(across[:, :1] > 500, mapped(FOLDED, across), mapped(FLAT, across))
    assert np.linalg.norm(mapped(FLAT, across) + bend.at(across) - right, axis=1).max() < 6


def test_beyond_the_photo_the_rim_counts() -> None:
    bend = bend_of([FLAT, FOLDED], [lattice(20, 480), lattice(520, 980)], SIZE)

    np.testing.assert_allclose(bend.at(np.array([[1200.0, 300]])), bend.at(np.array([[1000, 300]])))
    assert bend.at(np.zeros((0, 2))).shape == (0, 2)


def test_a_field_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=str(NODES**2)):
        Bend(SIZE, ((0.0, 0.0),))
