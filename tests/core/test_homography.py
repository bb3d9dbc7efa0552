"""Which mappings a camera could make, and how much both photos share: against areas that are known
because the mapping shifts, enlarges or hardly does anything."""

from __future__ import annotations

import numpy as np
import pytest

from core.homography import possible_overlap

SIZE = (768, 1024)


@pytest.mark.parametrize("seed", range(40))
def test_photos_from_one_tripod_share_everything(seed: int) -> None:
    # What rounding leaves of the identity in the alignment of a photo with its copy.
    rng = np.random.default_rng(seed)
    matrix = np.eye(3) + rng.normal(0, 1, (3, 3)) * [
        [1e-15, 1e-15, 1e-12],
        [1e-15, 1e-15, 1e-12],
        [1e-18, 1e-18, 0],
    ]

    assert possible_overlap(matrix, SIZE, SIZE) == 1.0


@pytest.mark.parametrize(("right", "down"), [(0, 0), (192, 0), (-96, 256), (384, -512)])
def test_a_shifted_photo_shares_what_both_show(right: float, down: float) -> None:
    matrix = np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], np.float64)
    common = (1 - abs(right) / SIZE[0]) * (1 - abs(down) / SIZE[1])

    assert possible_overlap(matrix, SIZE, SIZE) == pytest.approx(common, abs=0.02)


def test_photos_of_other_sizes() -> None:
    half = np.diag([0.5, 0.5, 1.0])

    assert possible_overlap(half, SIZE, (384, 512)) == 1.0
    assert possible_overlap(half, SIZE, SIZE) == pytest.approx(0.25, abs=0.01)
    assert possible_overlap(np.linalg.inv(half), (384, 512), SIZE) == 1.0


def test_photos_beside_each_other_share_nothing() -> None:
    aside = np.array([[1, 0, 2000], [0, 1, 0], [0, 0, 1]], np.float64)

    assert possible_overlap(aside, SIZE, SIZE) == 0.0


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([-1.0, 1.0, 1.0]),
        np.array([[1, 0, 0], [0, 1, 0], [-1 / 500, 0, 1]], np.float64),
        np.diag([7.0, 7.0, 1.0]),
        np.diag([0.1, 0.1, 1.0]),
    ],
    ids=["mirrored", "through the camera", "enlarged beyond use", "shrunk beyond use"],
)
def test_what_no_camera_could_make_shares_nothing(matrix: np.ndarray) -> None:
    assert possible_overlap(matrix, SIZE, SIZE) == 0.0
