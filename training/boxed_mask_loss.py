"""The segmentation loss read on a grid of points in and around each object's box.

The stock loss builds every positive anchor's mask over the whole tile: with a hundred holds and ten
anchors each that is most of a training step on a CPU. The mean over a box equals the mean over a
regular grid of points in it, so the masks are compared there, at full tile resolution, for a random
share of the anchors. The grid reaches a little beyond the box: inside alone, nothing would teach
the mask to end at the object, and a box drawn too large would be filled with whatever lies around
it. Objects whose outline is only a stand-in (``batch["known"]`` False) teach their box and class,
not a mask.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from ultralytics.utils.loss import v8SegmentationLoss

GRID = 22  # points along each side of a box and what is around it
REACH = 0.12  # how far the grid reaches beyond each side, as a share of the box
ANCHORS = 96  # positive anchors of one tile whose masks are compared


class BoxedMaskLoss(v8SegmentationLoss):
    """ultralytics' YOLO segmentation loss with the mask term as the module says."""

    def loss(
        self, preds: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Weighted box, mask, class and dfl terms (their sum times the batch size) and the terms by
        name.
        """
        preds = {k: v.float() if torch.is_tensor(v) else v for k, v in preds.items()}
        assigned, det_loss, _ = self.get_assigned_targets_and_loss(preds, batch)
        positive, target_index, target_boxes = assigned[0], assigned[1], assigned[2]
        coefficients = preds["mask_coefficient"].permute(0, 2, 1)
        prototypes = preds["proto"]
        if isinstance(prototypes, tuple):  # YOLO26 gives a coarse map of classes with them
            prototypes = prototypes[0].float()
        mask = self.mask_term(positive, target_index, target_boxes, coefficients, prototypes, batch)
        terms = torch.stack([det_loss[0], mask * self.hyp.box, det_loss[1], det_loss[2]])
        names = ("box", "mask", "class", "dfl")
        return terms.sum() * len(batch["img"]), dict(zip(names, terms.detach(), strict=True))

    def mask_term(
        self,
        positive: torch.Tensor,
        target_index: torch.Tensor,
        target_boxes: torch.Tensor,
        coefficients: torch.Tensor,
        prototypes: torch.Tensor,
        batch: dict[str, Any],
    ) -> torch.Tensor:
        """Mean binary cross-entropy over grid points.

        ``positive`` bool (B, A), ``target_index`` (B, A), ``target_boxes`` (B, A, 4) pixel corners,
        ``coefficients`` (B, A, 32), ``prototypes`` (B, 32, H, W); ``batch["masks"]`` holds id maps
        (B, side, side).
        """
        ids, total, count = batch["masks"], coefficients.sum() * 0, 0
        # unbind, not indexing: the gradient of an index is a whole batch of zeros for every tile
        tiles = list(zip(prototypes.unbind(0), coefficients.unbind(0), strict=True))
        side = ids.shape[-1]
        line = (torch.arange(GRID, device=ids.device) + 0.5) / GRID * (1 + 2 * REACH) - REACH
        grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(1, -1, 2)
        for index, (features, weights) in enumerate(tiles):
            known = batch["known"][batch["batch_idx"] == index]
            anchors = positive[index].nonzero()[:, 0]
            anchors = anchors[known[target_index[index, anchors]]] if len(known) else anchors[:0]
            if not len(anchors):
                continue
            anchors = anchors[torch.randperm(len(anchors), device=ids.device)[:ANCHORS]]
            boxes = target_boxes[index, anchors]
            points = boxes[:, None, :2] + grid * (boxes[:, None, 2:] - boxes[:, None, :2])
            sampled = F.grid_sample(
                features[None],
                (points / side * 2 - 1)[None],
                align_corners=False,
                padding_mode="border",
            )[0]
            logits = torch.einsum("cap,ac->ap", sampled, weights[anchors])
            x, y = points.long().clamp(0, side - 1).unbind(-1)
            truth = (ids[index][y, x] == target_index[index, anchors][:, None] + 1).float()
            total = total + F.binary_cross_entropy_with_logits(logits, truth, reduction="sum")
            count += truth.numel()
        return total / max(count, 1)
