"""The spanning tree against every other tree of a few points, and against single linkage."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.spanning_tree import spanning_tree


def distances(seed: int, count: int) -> NDArray[np.float64]:
    points = np.random.default_rng(seed).uniform(0, 100, (count, 2))
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


def groups(edges: list[tuple[int, int]], count: int) -> list[int]:
    """The least member of each point's group, found by joining until nothing changes."""
    label = list(range(count))
    while True:
        before = list(label)
        for one, other in edges:
            label[one] = label[other] = min(label[one], label[other])
        if label == before:
            return label


@pytest.mark.parametrize("seed", range(5))
def test_no_tree_is_shorter(seed: int) -> None:
    lengths = distances(seed, 5)
    edges = list(combinations(range(5), 2))
    trees = [some for some in combinations(edges, 4) if groups(list(some), 5) == [0] * 5]
    assert len(trees) == 5**3  # Cayley's formula: the trees of n points are n ** (n - 2)

    near, far, found = spanning_tree(lengths)

    assert found.tolist() == lengths[near, far].tolist()
    assert groups(list(zip(near.tolist(), far.tolist(), strict=True)), 5) == [0] * 5
    shortest = min(sum(float(lengths[edge]) for edge in tree) for tree in trees)
    assert found.sum() == pytest.approx(shortest)


@pytest.mark.parametrize("reach", [5.0, 9.0, 13.0])
def test_its_short_edges_part_the_points_as_all_short_distances_do(reach: float) -> None:
    lengths = distances(11, 60)
    near, far, found = spanning_tree(lengths)

    kept = [
        (int(a), int(b)) for a, b in zip(near[found <= reach], far[found <= reach], strict=True)
    ]
    every = [(int(a), int(b)) for a, b in np.argwhere(lengths <= reach)]

    assert groups(kept, 60) == groups(every, 60)
    assert 1 < len(set(groups(every, 60))) < 60  # else the reach shows nothing


def test_one_point_has_no_edge() -> None:
    assert [part.size for part in spanning_tree(np.zeros((1, 1)))] == [0, 0, 0]


@pytest.mark.parametrize("shape", [(0, 0), (2, 3), (4,)])
def test_distances_are_a_square(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="distances"):
        spanning_tree(np.zeros(shape))
