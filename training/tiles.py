"""Training tiles: random views of photos with everything a phone, a gym and a setter do to them.

A tile is a square window onto a photo at a random magnification, so that the detector sees holds as
it will at run time: from the whole wall in one tile to a close-up of a corner. Colours are shifted
freely: the detector must find holds, :mod:`training.colour` names their colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import IterableDataset

from training.distractors import PRINTS, Prints, distract
from training.truth import CLASSES, Truth

FINER = 3
"""fillPoly also paints every pixel that an edge touches: half a pixel too much all round, a fifth
of a small hold's area. Painted this many times finer and read at the middle, a sixth is left.
"""

CLOSE_UP = 0.12
"""Share of the pictures with volumes that are seen from so near that one volume fills the tile. A
setter photographs a single volume too, and its faces and bolt holes then have the size of holds.
"""

NEAREST = 2.5  # tile pixels per photo pixel; nearer, a volume has no more detail than a blur

GROUND = 114  # the grey outside the photo, as ultralytics pads


class TileStream(IterableDataset):
    """An endless stream of augmented tiles from weighted groups of pictures."""

    def __init__(
        self,
        groups: list[tuple[float, list[Truth]]],
        side: int,
        seed: int,
        prints: Prints = PRINTS,
    ) -> None:
        """``groups`` are (weight, pictures); ``side`` is the tile's side in pixels; ``prints`` is
        what hangs on the walls, with weights.
        """
        self.groups = [(weight, pictures) for weight, pictures in groups if pictures and weight > 0]
        self.side = side
        self.seed = seed
        self.prints = prints

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        cv2.setNumThreads(1)
        worker = torch.utils.data.get_worker_info()
        random = np.random.default_rng([self.seed, worker.id if worker else 0])
        weights = np.array([weight for weight, _ in self.groups])
        while True:
            pictures = self.groups[random.choice(len(self.groups), p=weights / weights.sum())][1]
            truth = pictures[random.integers(len(pictures))]
            yield make_tile(truth, self.side, random, self.prints)


def read_picture(path: Path) -> np.ndarray:
    """Decode a picture as BGR uint8 (H, W, 3)."""
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise FileNotFoundError(f"cannot read the training picture {path}")
    return pixels


def random_view(
    random: np.random.Generator,
    width: int,
    height: int,
    side: int,
    subject: np.ndarray | None = None,
) -> np.ndarray:
    """A 3x3 map from photo pixels to tile pixels: magnification, place, turn, flip, shear and
    perspective. A ``subject`` (x1, y1, x2, y2 in photo pixels) is shown from near, more or less in
    the middle; without one the view may lie anywhere on the photo.
    """
    longest = max(width, height)
    if subject is None:
        nearest = max(3.6 * side, 1.3 * longest)
        scale = np.exp(random.uniform(np.log(0.9 * side), np.log(nearest))) / longest
    else:
        scale = min(
            random.uniform(0.5, 1.5) * side / np.ptp(subject.reshape(2, 2), 0).max(), NEAREST
        )
    stretch = np.exp(random.normal(0, 0.08))
    turn = np.deg2rad(
        random.normal(0, 4) + (90 * random.integers(4) if random.random() < 0.08 else 0)
    )
    flip = -1 if random.random() < 0.5 else 1
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(
        [scale * stretch * flip, scale / stretch]
    )
    linear = linear @ np.array([[1, random.normal(0, 0.03)], [0, 1]])
    reach = np.array([width, height]) * scale
    slack = (
        np.maximum(reach - 0.8 * side, 0.15 * side) / 2
    )  # how far the view may wander off the middle
    target = np.array([width / 2, height / 2])
    if subject is not None:
        target, slack = subject.reshape(2, 2).mean(0), np.full(2, 0.2 * side)
    middle = side / 2 + random.uniform(-slack, slack)
    view = np.eye(3)
    view[:2, :2] = linear
    view[:2, 2] = middle - linear @ target
    bend = np.eye(3)
    bend[2, :2] = random.normal(0, 0.06 / side, 2)
    return bend @ view


def magnification(view: np.ndarray) -> float:
    """Tile pixels per photo pixel of a ``view``, perspective left aside."""
    return float(np.sqrt(abs(np.linalg.det(view[:2, :2]))))


def seen_through(pixels: np.ndarray, view: np.ndarray, side: int) -> np.ndarray:
    """The tile, uint8 (side, side, 3), that ``view`` shows of ``pixels`` (H, W, 3); ``view`` maps
    places of the photo to places of the tile, both counted from the corner of the first pixel.
    """
    height, width = pixels.shape[:2]
    shrink = magnification(view)
    if shrink < 0.6:  # area-average first, or small holds alias away
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        view = view @ np.diag([width / pixels.shape[1], height / pixels.shape[0], 1])
    # warpPerspective counts from the middle of the first pixel: half a pixel before a view and
    # half after it are not the same where it magnifies, and a whole one where it flips.
    middle = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    indices = np.linalg.inv(middle) @ view @ middle
    return cv2.warpPerspective(pixels, indices, (side, side), borderValue=(GROUND,) * 3)


def make_tile(
    truth: Truth, side: int, random: np.random.Generator, prints: Prints = PRINTS
) -> dict[str, np.ndarray]:
    """One augmented tile of ``truth``, half of the time with ``prints`` on the wall.

    Returns ``image`` uint8 (3, side, side) RGB, ``classes`` float32 (N,), ``boxes`` float32 (N, 4)
    as centre x, y, width, height in shares of the side, ``ids`` uint8 or uint16 (side, side) where
    i + 1 marks object i, and ``known`` bool (N,), whose outlines may teach the masks.
    """
    pixels = read_picture(truth.image)
    height, width = pixels.shape[:2]
    volumes = truth.boxes[truth.classes == CLASSES.index("volume")]
    subject = None
    if len(volumes) and random.random() < CLOSE_UP:
        subject = volumes[random.integers(len(volumes))] * [width, height, width, height]
    view = random_view(random, width, height, side, subject)
    tile = seen_through(pixels, view, side)
    objects = [
        cv2.perspectiveTransform((outline * [width, height])[None].astype(np.float64), view)[0]
        for outline in truth.outlines
    ]
    ids, boxes, kept = _draw(objects, side)
    boxes, seen = distract(tile, ids, boxes, max(0.5, 0.45 * magnification(view)), random, prints)
    boxes, kept, ids = boxes[seen], kept[seen], _renumbered(ids, seen)
    tile = photograph(tile, random)
    return {
        "image": np.ascontiguousarray(tile[:, :, ::-1].transpose(2, 0, 1)),
        "classes": truth.classes[kept].astype(np.float32),
        "boxes": boxes,
        "ids": ids,
        "known": truth.outline_known[kept],
    }


def _draw(objects: list[np.ndarray], side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objects as an id map (large ones first, so that holds lie on volumes), boxes, and the indices
    that were kept.

    An object is kept when enough of it lies in the tile to be recognised.
    """
    kept, boxes = [], []
    for index, outline in enumerate(objects):
        low, high = outline.min(0), outline.max(0)
        inside = np.clip(np.stack([low, high]), 0, side)
        size = inside[1] - inside[0]
        share = size.prod() / max((high - low).prod(), 1e-9)
        if size.min() >= 3 and (share > 0.3 or (share > 0.1 and size.min() > 24)):
            kept.append(index)
            boxes.append(np.concatenate([inside.mean(0), size]) / side)
    areas = [cv2.contourArea(objects[index].astype(np.float32)) for index in kept]
    fine = np.zeros((side * FINER, side * FINER), np.uint16)
    for place in np.argsort(areas)[::-1]:
        # fillPoly puts pixel centres at whole numbers, the loss reads pixel i from i to i + 1.
        points = ((objects[kept[place]] * FINER - 0.5) * 16).round().astype(np.int32)
        cv2.fillPoly(fine, [points], int(place) + 1, shift=4)
    ids = np.ascontiguousarray(fine[FINER // 2 :: FINER, FINER // 2 :: FINER])
    return ids, np.array(boxes, np.float32).reshape(-1, 4), np.array(kept, np.int64)


def _renumbered(ids: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """An id map without the objects that do not stay, the others numbered on from 1."""
    numbers = np.concatenate([[0], np.where(stays, np.cumsum(stays), 0)])
    return numbers.astype(ids.dtype)[ids]


def photograph(tile: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Light, colour, grain, blur and compression of a BGR uint8 tile."""
    if random.random() < 0.8:
        hsv = cv2.cvtColor(tile, cv2.COLOR_BGR2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + int(random.normal(0, 25))) % 180
        hsv[..., 1] = hsv[..., 1] * random.uniform(0.4, 1.5)
        tile = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)
    if random.random() < 0.06:
        tile = cv2.cvtColor(cv2.cvtColor(tile, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if random.random() < 0.7:
        levels = np.linspace(0, 1, 256)
        curve = levels ** np.exp(random.normal(0, 0.3)) * np.exp(random.normal(-0.1, 0.25))
        curve = curve + random.normal(0, 0.03)
        tile = cv2.LUT(tile, (np.clip(curve, 0, 1) * 255).astype(np.uint8))
    if random.random() < 0.3:
        tile = uneven_light(tile, random)
    if random.random() < 0.15:
        tile = dim(tile, random)
    if random.random() < 0.25:
        tile = cv2.GaussianBlur(tile, (0, 0), random.uniform(0.4, 1.6))
    if random.random() < 0.3:
        noise = random.normal(0, random.uniform(2, 14), tile.shape)
        tile = np.clip(tile + noise, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        quality = int(random.uniform(30, 90))
        tile = cv2.imdecode(cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
    return tile


def dim(tile: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A gym after closing time: an eighth to a half of the light, and the grain a phone adds to it
    before it rounds to 8 bits.
    """
    left = np.exp(random.uniform(np.log(0.12), np.log(0.5)))
    grain = random.normal(0, random.uniform(0.5, 5), tile.shape)
    return np.clip(tile * left + grain, 0, 255).astype(np.uint8)


def uneven_light(tile: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A lamp's pool of light or a dark corner, tinted."""
    side = tile.shape[0]
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = ramp - random.uniform(-1, 1), ramp - random.uniform(-1, 1)
    distance = x[None, :] ** 2 + y[:, None] ** 2
    pool = np.exp(-distance * random.uniform(0.2, 1.2))[..., None]
    strength = random.uniform(-0.3, 0.6) * (1 + random.normal(0, 0.12, 3))
    return np.clip(tile * (1 - strength * (1 - pool)), 0, 255).astype(np.uint8)


def collate(tiles: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    """A batch as the ultralytics segmentation loss reads it, with ``known`` (N,) beside."""
    counts = [len(tile["classes"]) for tile in tiles]
    return {
        "img": torch.from_numpy(np.stack([tile["image"] for tile in tiles])),
        "cls": torch.from_numpy(np.concatenate([tile["classes"] for tile in tiles]))[:, None],
        "bboxes": torch.from_numpy(np.concatenate([tile["boxes"] for tile in tiles])),
        "batch_idx": torch.repeat_interleave(
            torch.arange(len(tiles), dtype=torch.float32), torch.tensor(counts)
        ),
        "masks": torch.from_numpy(np.stack([tile["ids"] for tile in tiles]).astype(np.int32)),
        "known": torch.from_numpy(np.concatenate([tile["known"] for tile in tiles])),
    }
