"""Outlines from mask logits, against a dense decoding of the whole tile."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from core.outline import STRIDE, Sketch, box_logits, largest_outline, trace
from tests.core.fakes import oval
from tests.core.outlines import outline_iou

SIDE = 640
CELLS = SIDE // STRIDE
Box = tuple[float, float, float, float]


def smooth_prototypes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    coarse = random.normal(0, 1, (32, 40, 40)).astype(np.float32)
    prototypes = np.stack([cv2.resize(c, (CELLS, CELLS)) for c in coarse])
    return random.normal(0, 1, 32).astype(np.float32), prototypes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "box", [(100.3, 200.8, 150.1, 260.4), (0.0, 0.0, 40.0, 30.0), (400.0, 410.0, 640.0, 640.0)]
)
def test_outlines_are_those_of_a_dense_decoding(seed: int, box: Box) -> None:
    coefficients, prototypes = smooth_prototypes(seed)
    factor = 8 if max(box[2] - box[0], box[3] - box[1]) <= 96 else 4

    corners = np.array(box, np.float32)
    outline = trace(*box_logits(coefficients, prototypes, corners), corners)

    # The whole tile's logits at once, enlarged by torch, cut to the box, the largest piece.
    logits = torch.einsum("c,chw->hw", torch.from_numpy(coefficients), torch.from_numpy(prototypes))
    dense = torch.nn.functional.interpolate(
        logits[None, None], scale_factor=factor, mode="bilinear", align_corners=False
    )[0, 0].numpy()
    scale = factor / STRIDE
    inside = np.zeros(dense.shape, np.uint8)
    y1, x1 = int(box[1] * scale), int(box[0] * scale)
    y2, x2 = int(np.ceil(box[3] * scale)), int(np.ceil(box[2] * scale))
    inside[y1:y2, x1:x2] = dense[y1:y2, x1:x2] > 0
    count, pieces, rows, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    assert count > 1
    largest = pieces == 1 + rows[1:, cv2.CC_STAT_AREA].argmax()
    contours, _ = cv2.findContours(
        largest.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    filled = np.zeros_like(inside)
    cv2.fillPoly(filled, contours, 1)  # an outline has no holes
    ours = np.zeros_like(inside)
    cv2.fillPoly(ours, [(outline * scale - 0.5).round().astype(np.int32)], 1)

    assert (ours & filled).sum() / (ours | filled).sum() > 0.93


def test_where_the_mask_is_empty_the_ellipse_stands_in() -> None:
    box = np.array([100.0, 120.0, 160.0, 150.0], np.float32)
    prototypes = np.ones((32, CELLS, CELLS), np.float32)

    outline = trace(*box_logits(np.full(32, -1, np.float32), prototypes, box), box)

    assert outline_iou(outline, oval(box, 100)) > 0.9


def test_a_sketch_is_drawn_in_picture_pixels() -> None:
    box = np.array([100.0, 120.0, 160.0, 150.0], np.float32)
    logits, corner = box_logits(np.ones(32, np.float32), np.ones((32, CELLS, CELLS), "f4"), box)
    zoom, origin = np.array([2.0, 0.5], np.float32), np.array([7.0, -30.0], np.float32)

    outline = Sketch(logits, corner, box, zoom, origin).outline()

    assert outline.dtype == np.float32
    np.testing.assert_allclose(outline.min(0), [57, 210], atol=0.6)
    np.testing.assert_allclose(outline.max(0), [87, 270], atol=2.1)


def test_the_outline_has_the_area_of_its_mask() -> None:
    for radius in (6, 15, 40):
        mask = np.zeros((100, 100), np.uint8)
        cv2.circle(mask, (50, 50), radius, 1, -1)

        outline = largest_outline(mask)

        assert outline is not None
        assert cv2.contourArea(outline) == pytest.approx(mask.sum(), rel=0.06)


def test_only_the_largest_piece_is_outlined() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[5:10, 5:10] = 1
    mask[20:50, 20:45] = 1

    outline = largest_outline(mask)

    assert outline is not None
    assert outline.min(0).tolist() == [20, 20] and outline.max(0).tolist() == [45, 50]
    assert largest_outline(np.zeros((9, 9), np.uint8)) is None


def test_a_volume_in_pieces_is_one_hull_that_fills_its_box() -> None:
    logits = np.full((40, 40), -5, np.float32)
    logits[8:16, 8:30] = logits[20:32, 9:20] = 5
    logits[37, 37] = 5  # a crumb, which is not of it
    box = np.array([24, 28, 128, 132], np.float32)

    outline = trace(logits, np.zeros(2, np.float32), box, volume=True)
    torn = trace(logits, np.zeros(2, np.float32), box)

    assert np.ptp(torn[:, 1]) < 60  # one piece alone
    assert np.allclose([*outline.min(0), *outline.max(0)], box)
    assert cv2.isContourConvex(outline)
    assert not cv2.pointPolygonTest(outline, (127.0, 131.0), measureDist=False) > 0
