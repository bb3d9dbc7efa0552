"""What stands in for torchvision where it does not load."""

from __future__ import annotations


def test_torchvision_can_be_imported_and_suppresses() -> None:
    import torch

    from training.torchvision_shim import ensure_torchvision, nms

    ensure_torchvision()
    import torchvision

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.3])
    # By hand: the first two overlap by 81 / 100, the third touches neither.
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert nms(boxes, scores, 0.85).tolist() == [1, 0, 2]
    assert nms(boxes[:0], scores[:0], 0.5).tolist() == []
