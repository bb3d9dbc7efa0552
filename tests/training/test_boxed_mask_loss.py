"""The mask term against a plain computation, point by point, and against the whole mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from training.torchvision_shim import ensure_torchvision

ensure_torchvision()

from training.boxed_mask_loss import ANCHORS, GRID, REACH, BoxedMaskLoss  # noqa: E402

SIDE, CELLS, CHANNELS = 64, 16, 8


def loss() -> Any:
    """Only the mask term is used, which needs nothing of the constructor's model."""
    return object.__new__(BoxedMaskLoss)


def scene(tiles: int = 2, anchors: int = 6, seed: int = 0) -> dict[str, Any]:
    """Random prototypes and coefficients; two square objects a tile, some anchors for each."""
    torch.manual_seed(seed)
    ids = torch.zeros((tiles, SIDE, SIDE), dtype=torch.int32)
    boxes = torch.tensor([[8.0, 10.0, 30.0, 40.0], [34.0, 20.0, 60.0, 50.0]])
    for number, (x1, y1, x2, y2) in enumerate(boxes.int().tolist(), start=1):
        ids[:, y1:y2, x1:x2] = number
    target_index = torch.randint(0, 2, (tiles, anchors))
    jitter = torch.rand(tiles, anchors, 4) * 3 - 1.5
    return {
        "positive": torch.rand(tiles, anchors) > 0.3,
        "target_index": target_index,
        "target_boxes": boxes[target_index] + jitter,
        "coefficients": torch.randn(tiles, anchors, CHANNELS),
        "prototypes": torch.randn(tiles, CHANNELS, CELLS, CELLS),
        "batch": {
            "masks": ids,
            "batch_idx": torch.arange(tiles).repeat_interleave(2).float(),
            "known": torch.tensor([True, True] * tiles),
        },
    }


def bilinear(logits: np.ndarray, x: float, y: float) -> float:
    """The value of a map (CELLS, CELLS) at a tile point; cell centres are at (i + 0.5) * stride."""
    step = SIDE / CELLS
    column, row = (np.clip(v / step - 0.5, 0, CELLS - 1) for v in (x, y))
    x0, y0 = int(column), int(row)
    x1, y1 = min(x0 + 1, CELLS - 1), min(y0 + 1, CELLS - 1)
    fx, fy = column - x0, row - y0
    top = (1 - fx) * logits[y0, x0] + fx * logits[y0, x1]
    bottom = (1 - fx) * logits[y1, x0] + fx * logits[y1, x1]
    return float((1 - fy) * top + fy * bottom)


def expected(parts: dict[str, Any]) -> float:
    """Mean cross-entropy over the grids of all positive anchors of known objects."""
    batch, values = parts["batch"], []
    for tile in range(len(parts["positive"])):
        known = batch["known"][batch["batch_idx"] == tile]
        for anchor in range(parts["positive"].shape[1]):
            target = int(parts["target_index"][tile, anchor])
            if not parts["positive"][tile, anchor] or not known[target]:
                continue
            weights = parts["coefficients"][tile, anchor].double().numpy()
            logits = np.tensordot(weights, parts["prototypes"][tile].double().numpy(), 1)
            x1, y1, x2, y2 = parts["target_boxes"][tile, anchor].double().tolist()
            for j in range(GRID):
                for i in range(GRID):
                    x = x1 + ((i + 0.5) / GRID * (1 + 2 * REACH) - REACH) * (x2 - x1)
                    y = y1 + ((j + 0.5) / GRID * (1 + 2 * REACH) - REACH) * (y2 - y1)
                    z = bilinear(logits, x, y)
                    row, column = (min(max(int(v), 0), SIDE - 1) for v in (y, x))
                    true = int(batch["masks"][tile, row, column]) == target + 1
                    values.append(np.logaddexp(0, -z if true else z))
    return float(np.mean(values)) if values else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_the_mask_term_is_the_plain_mean(seed: int) -> None:
    parts = scene(seed=seed)

    assert loss().mask_term(**parts).item() == pytest.approx(expected(parts), rel=1e-4)


def test_objects_without_an_outline_teach_no_mask() -> None:
    parts = scene()
    parts["batch"]["known"] = torch.tensor([True, False, False, True])
    term = loss().mask_term(**parts)
    assert term.item() == pytest.approx(expected(parts), rel=1e-4)

    # What a network says about them changes nothing.
    unknown = torch.tensor([[1], [0]]) == parts["target_index"]
    parts["coefficients"][unknown] += 100
    assert loss().mask_term(**parts).item() == pytest.approx(term.item())


@pytest.mark.parametrize("what", ["nothing_known", "nothing_positive", "no_objects"])
def test_nothing_to_teach_is_a_zero_with_a_gradient(what: str) -> None:
    parts = scene()
    if what == "nothing_known":
        parts["batch"]["known"][:] = False
    elif what == "nothing_positive":
        parts["positive"][:] = False
    else:
        parts["batch"]["known"] = parts["batch"]["known"][:0]
        parts["batch"]["batch_idx"] = parts["batch"]["batch_idx"][:0]
    parts["coefficients"].requires_grad_()

    term = loss().mask_term(**parts)
    term.backward()

    assert term.item() == 0.0 and not parts["coefficients"].grad.any()


def test_a_mask_that_goes_on_beyond_its_box_costs() -> None:
    parts = scene(tiles=1, anchors=1)
    parts["positive"][:] = True
    parts["target_index"][:] = 0
    parts["target_boxes"][:] = torch.tensor([8.0, 8.0, 40.0, 40.0])
    parts["batch"]["masks"][:] = 0
    parts["batch"]["masks"][0, 8:40, 8:40] = 1
    parts["coefficients"][:] = 0
    parts["coefficients"][..., 0] = 8.0
    terms = []
    for spill in (0, 1):  # cells of four pixels
        parts["prototypes"][:, 0] = -1
        parts["prototypes"][:, 0, 2 - spill : 10 + spill, 2 - spill : 10 + spill] = 1
        terms.append(loss().mask_term(**parts).item())

    assert terms[1] > 3 * terms[0]


def test_the_mean_over_the_grid_is_near_the_mean_over_the_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.boxed_mask_loss.GRID", 20)
    monkeypatch.setattr("training.boxed_mask_loss.REACH", 0.0)
    # One object, one anchor: the stock loss reads every pixel of the box.
    parts = scene(tiles=1, anchors=1)
    parts["positive"][:] = True
    parts["target_index"][:] = 0
    parts["target_boxes"][:] = torch.tensor([8.0, 10.0, 28.0, 30.0])

    logits = torch.einsum("c,chw->hw", parts["coefficients"][0, 0], parts["prototypes"][0])
    dense = torch.nn.functional.interpolate(
        logits[None, None], size=(SIDE, SIDE), mode="bilinear", align_corners=False
    )[0, 0, 10:30, 8:28]
    truth = (parts["batch"]["masks"][0, 10:30, 8:28] == 1).float()
    whole = torch.nn.functional.binary_cross_entropy_with_logits(dense, truth)

    assert loss().mask_term(**parts).item() == pytest.approx(whole.item(), rel=1e-4)


def test_many_anchors_are_sampled_without_bias() -> None:
    parts = scene(tiles=1, anchors=4 * ANCHORS)
    parts["positive"][:] = True

    terms = [loss().mask_term(**parts).item() for _ in range(20)]

    parts_all = expected_by_torch(parts)
    assert np.mean(terms) == pytest.approx(parts_all, rel=0.03)
    assert np.std(terms) > 0


def expected_by_torch(parts: dict[str, Any]) -> float:
    """All anchors, in rounds that are small enough not to be sampled."""
    rounds = []
    for start in range(0, parts["positive"].shape[1], ANCHORS):
        chosen = slice(start, start + ANCHORS)
        some = {k: parts[k][:, chosen] for k in
                ("positive", "target_index", "target_boxes", "coefficients")}  # fmt: skip
        term = loss().mask_term(**some, prototypes=parts["prototypes"], batch=parts["batch"])
        rounds.append(term.item())
    return float(np.mean(rounds))


def test_a_step_down_the_gradient_lowers_the_term() -> None:
    parts = scene(seed=4)
    for name in ("coefficients", "prototypes"):
        parts[name].requires_grad_()
    before = loss().mask_term(**parts)
    before.backward()
    with torch.no_grad():
        for name in ("coefficients", "prototypes"):
            parts[name] = parts[name] - 0.5 * parts[name].grad

    assert loss().mask_term(**parts).item() < before.item()
