"""What is read of a hold in view of everything on its photo, against plain loops; the network."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.judgement import FEATURES, JUDGE_FILE, LEAST_SCORE, LIMIT, Judge, hold_features
from core.merge import Detection, Sides
from core.wall import Kind

Box = tuple[float, float, float, float]
UNCUT = (False, False, False, False)
F = len(FEATURES)


def sight(
    box: Box, score: float, *, zoom: float = 0.5, kind: Kind = "hold", cuts: Sides = UNCUT
) -> Detection:
    corners = np.array(box, np.float32)
    return Detection(kind, score, corners, np.zeros((0, 2), np.float32), cuts, zoom)


def judge(**arrays: np.ndarray) -> Judge:
    """One that says: as likely as its own score, unless ``arrays`` say otherwise."""
    first = np.zeros((F, 1), np.float32)
    first[0] = 1e-3
    plain = {
        "mean": np.zeros(F, np.float32),
        "spread": np.ones(F, np.float32),
        "hidden": first,
        "hidden_bias": np.zeros(1, np.float32),
        "output": np.full(1, 1e3, np.float32),
        "output_bias": np.zeros((), np.float32),
    }
    return Judge(**(plain | arrays))


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def column(name: str, holds: list[Detection], sights: list[Detection]) -> list[float]:
    return hold_features(holds, sights, 0.5)[:, FEATURES.index(name)].tolist()


A, B, C = (10.0, 10.0, 50.0, 50.0), (60.0, 10.0, 140.0, 90.0), (70.0, 20.0, 90.0, 40.0)


def test_the_views_that_show_a_hold_are_told_apart() -> None:
    sights = [
        sight(A, 0.6),
        sight((12.0, 10.0, 52.0, 50.0), 0.8, zoom=1.0),
        sight(A, 0.3, zoom=1.0),
        sight(A, 0.95, zoom=1.0, kind="volume"),
        sight(A, 0.97, zoom=1.0, cuts=(True, False, False, False)),
        sight(B, LEAST_SCORE / 2),
    ]
    holds = [sight(A, 0.8), sight(B, 0.3)]

    assert column("score", holds, sights) == pytest.approx([logit(0.8), logit(0.3)], abs=1e-5)
    assert column("in_whole_view", holds, sights) == pytest.approx(
        [logit(0.6), logit(LEAST_SCORE)], abs=1e-5
    )
    assert column("in_tiles", holds, sights) == pytest.approx(
        [logit(0.8), logit(LEAST_SCORE)], abs=1e-5
    )
    assert column("sights_in_tiles", holds, sights) == pytest.approx([math.log(3), 0], abs=1e-5)
    assert column("tiled", holds, sights) == [1, 1]
    assert column("tiled", holds, [s for s in sights if s.zoom < 1]) == [0, 0]


def test_sizes_are_in_the_whole_view_and_beside_the_typical_hold() -> None:
    holds = [sight(A, 0.9), sight(B, 0.5), sight(C, 0.15)]

    assert column("size", holds, []) == pytest.approx([math.log(s) for s in (20, 40, 10)], abs=1e-5)
    # A alone weighs .81 of .81 + .25; C is too weak to be company.
    assert column("relative_size", holds, []) == pytest.approx(
        [0, math.log(2), math.log(0.5)], abs=1e-5
    )


def test_company_counts_by_score_and_distance() -> None:
    holds = [sight(A, 0.9), sight(B, 0.5), sight(C, 0.15)]
    scores, middles = (0.9, 0.5, 0.0), [(30, 30), (100, 50), (80, 30)]
    expected = [
        math.log1p(
            sum(
                scores[j] * math.exp(-(math.dist(middles[i], middles[j]) ** 2) / (4 * 40) ** 2)
                for j in range(3)
                if j != i
            )
        )
        for i in range(3)
    ]

    assert column("company", holds, []) == pytest.approx(expected, abs=1e-5)
    assert column("crowd", holds, []) == pytest.approx([math.log(0.81 + 0.25 + 0.3)] * 3, abs=1e-5)


def test_what_lies_in_what() -> None:
    holds = [sight(B, 0.5), sight(C, 0.4)]

    assert column("around_another", holds, []) == pytest.approx([0.4, 0.5 * 400 / 6400], abs=1e-5)
    assert column("in_another", holds, []) == pytest.approx([0.4 * 400 / 6400, 0.5], abs=1e-5)


def test_one_hold_alone_has_finite_features() -> None:
    assert np.isfinite(hold_features([sight(A, 0.05)], [], 0.5)).all()


def test_the_network_is_that_of_torch() -> None:
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(F, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    first, _, last = network
    random = np.random.default_rng(0)
    mean, spread = random.normal(0, 1, F).astype("f4"), random.uniform(0.5, 2, F).astype("f4")
    rows = random.normal(0, 4, (40, F)).astype("f4")
    with torch.no_grad():
        scaled = torch.from_numpy((rows - mean) / spread).clamp(-LIMIT, LIMIT)
        expected = torch.sigmoid(network(scaled))[:, 0].numpy()
        learned = (first.weight.T, first.bias, last.weight[0], last.bias[0])
        got = Judge(mean, spread, *(part.numpy() for part in learned)).probabilities(rows)

    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_holds_are_reordered_and_volumes_keep_their_scores() -> None:
    found = [sight(A, 0.9), sight(B, 0.7, kind="volume"), sight(C, 0.5)]
    against_size = np.zeros((F, 1), np.float32)
    against_size[FEATURES.index("size")] = -1
    stern = judge(
        hidden=against_size, output=np.full(1, 9, "f4"), hidden_bias=np.full(1, 2.5, "f4")
    )

    judged = stern.judged(found, found, 0.5)

    assert [d.kind for d in judged] == ["hold", "volume", "hold"]
    assert judged[0].box.tolist() == list(C) and judged[2].box.tolist() == list(A)
    assert judged[1] is found[1]
    assert [d.score for d in judged] == sorted((d.score for d in judged), reverse=True)


def test_photos_without_holds_have_nothing_to_judge() -> None:
    volume = sight(A, 0.7, kind="volume")

    assert judge().judged([], [], 0.5) == []
    assert judge().judged([volume], [volume], 0.5) == [volume]


def test_a_judge_is_read_from_beside_its_detector(tmp_path: Path) -> None:
    assert Judge.of_folder(tmp_path) is None
    written = judge(output_bias=np.array(0.25, np.float32))
    np.savez(tmp_path / JUDGE_FILE, **{name: getattr(written, name) for name in Judge.__slots__})

    read = Judge.of_folder(tmp_path)

    assert read is not None
    rows = hold_features([sight(A, 0.6), replace(sight(B, 0.2))], [], 0.5)
    assert read.probabilities(rows).tolist() == written.probabilities(rows).tolist()
    assert read.probabilities(rows)[0] == pytest.approx(
        1 / (1 + math.exp(-logit(0.6) - 0.25)), 1e-3
    )
