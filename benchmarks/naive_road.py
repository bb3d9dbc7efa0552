"""The road a first version would take, in torch, to compare with: ``python -m
benchmarks.naive_road PHOTO --document FILE [--clip ViT-B-32 --pretrained FILE]``.

The same photo, the same holds, networks of the same architectures, and none of the manners: the
detector looks once at the photo shrunk to 640 pixels; every hold gets a full-size float mask; for
each one the whole photo is converted to HSV and to Lab; CLIP sees one crop at a time; the prompts
are encoded anew for every photo. The outlines are read from the analysis document of the product,
so that both roads work on exactly the same holds.

Where it is spared: the detector's single look costs a fraction of the product's tiles (and finds
fewer holds), one prompt a colour is encoded instead of all of them, problems are not grouped, and
torch gets every thread it may have. Speed does not depend on what a network has learned, so
networks without a checkpoint at hand keep random weights.

Prints one line of JSON: ``seconds`` from the encoded photo to the last colour (models loaded
before, as in the product's ``timings_ms.total``), ``load_seconds`` and ``holds``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.settings import DEFAULT_PALETTE

PROMPT = "a photo of a {} climbing hold"
DETECTOR = "yolo11n-seg.yaml"
DETECTOR_SIDE = 640
CLASSES = 2
CROP_MARGIN = 0.06


class NaiveModels:
    """The torch models of one process: ``detector``, ``clip`` with its ``transform`` and
    ``tokenizer``.
    """

    def __init__(self, clip: str, pretrained: str, threads: int) -> None:
        """Load open_clip's ``clip`` with the checkpoint ``pretrained``; an empty name stands for
        the embedded colour model's architecture.
        """
        from training.torchvision_shim import ensure_torchvision

        ensure_torchvision()
        import open_clip
        import torch
        from ultralytics import YOLO
        from ultralytics.nn.tasks import SegmentationModel, yaml_model_load

        self.detector = YOLO(DETECTOR)
        self.detector.model = SegmentationModel(
            yaml_model_load(DETECTOR), nc=CLASSES, verbose=False
        )
        if clip:
            self.clip: Any = open_clip.create_model(clip, pretrained=pretrained or None)
            self.tokenizer = open_clip.get_tokenizer(clip)
        else:
            self.clip, self.tokenizer = compact_clip()
        self.clip.eval()
        side = self.clip.visual.image_size
        side = side if isinstance(side, int) else side[0]
        self.transform = open_clip.image_transform(side, is_train=False)
        # ultralytics leaves one core out; both roads shall have the same.
        torch.set_num_threads(threads)


def compact_clip() -> tuple[Any, Any]:
    """The embedded colour model's architecture, and its tokenizer."""
    import open_clip

    from training.colour import CONFIG, CONTEXT

    config: dict[str, Any] = CONFIG["model_cfg"]
    clip = open_clip.CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"])
    return clip, open_clip.SimpleTokenizer(context_length=CONTEXT)


def full_masks(polygons: list[NDArray[np.float32]], height: int, width: int) -> NDArray[np.float32]:
    """One mask as large as the photo for every hold, float32 (N, height, width)."""
    masks = np.zeros((len(polygons), height, width), np.float32)
    for mask, polygon in zip(masks, polygons, strict=True):
        cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], 1.0)
    return masks


def mean_colours(
    pixels: NDArray[np.uint8], mask: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean HSV and mean Lab, float32 (3,), under one mask, by way of the whole photo."""
    scaled = pixels.astype(np.float32) / 255
    hsv = cv2.cvtColor(scaled, cv2.COLOR_RGB2HSV)
    lab = cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab)
    weight = max(float(mask.sum()), 1.0)
    return (
        np.asarray((hsv * mask[..., None]).sum((0, 1)) / weight, np.float32),
        np.asarray((lab * mask[..., None]).sum((0, 1)) / weight, np.float32),
    )


def crop(pixels: NDArray[np.uint8], polygon: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The hold's rectangle with a margin; nothing is masked."""
    height, width = pixels.shape[:2]
    low, high = polygon.min(0), polygon.max(0)
    margin = CROP_MARGIN * (high - low)
    x1, y1 = np.clip(np.floor(low - margin), 0, [width - 1, height - 1]).astype(int)
    x2, y2 = np.clip(np.ceil(high + margin), [x1 + 1, y1 + 1], [width, height]).astype(int)
    return pixels[y1:y2, x1:x2]


def run(
    data: bytes, polygons: list[NDArray[np.float32]], models: NaiveModels
) -> list[tuple[str, NDArray[np.float32], NDArray[np.float32]]]:
    """A colour name, a mean HSV and a mean Lab for each hold of the encoded photo."""
    import torch
    from PIL import Image

    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    pixels = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    models.detector.predict(image, imgsz=DETECTOR_SIDE, verbose=False)
    masks = full_masks(polygons, *pixels.shape[:2])
    found = []
    with torch.no_grad():
        sentences = [PROMPT.format(name) for name in DEFAULT_PALETTE]
        texts = models.clip.encode_text(models.tokenizer(sentences), normalize=True)
        for polygon, mask in zip(polygons, masks, strict=True):
            hsv, lab = mean_colours(pixels, mask)
            picture = models.transform(Image.fromarray(crop(pixels, polygon)))[None]
            likeness = models.clip.encode_image(picture, normalize=True) @ texts.T
            found.append((DEFAULT_PALETTE[int(likeness.argmax())], hsv, lab))
    return found


def main() -> None:
    """Run once and tell the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--document", type=Path, required=True, help="analysis with the holds")
    parser.add_argument("--clip", default="", help="open_clip name; empty: the embedded one's")
    parser.add_argument("--pretrained", default="", help="checkpoint of --clip")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)  # open_clip warns that weights are random
    started = time.perf_counter()
    models = NaiveModels(asked.clip, asked.pretrained, int(os.environ.get("OMP_NUM_THREADS", "1")))
    loaded = time.perf_counter()
    document = json.loads(asked.document.read_text(encoding="utf-8"))
    polygons = [np.array(hold["polygon"], np.float32) for hold in document["holds"]]
    found = run(asked.photo.read_bytes(), polygons, models)
    seconds = time.perf_counter() - loaded
    told = {"seconds": seconds, "load_seconds": loaded - started, "holds": len(found)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
