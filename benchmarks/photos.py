"""Photos to measure on: rendered walls of a given size on which a given number of holds is found.

    python -m benchmarks.photos --size 1200x1600 --holds 80 [--folder FOLDER]

More holds are planted than asked for, step by step, until the embedded detector finds at least as
many at its default threshold. Then the threshold is raised to the last one that still leaves that
many, so that with YOLO_CONF and MAX_HOLDS set accordingly, exactly that many holds go through
masks, colours and problems, and hardly any more are outlined. The picture is kept as a JPEG under
its size, its number of holds and the detector's hash, outside the repository; its path and the
threshold are printed as JSON. This runs in a process of its own, so that whoever measures stays
small.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.detector import Detector
from core.export import write_whole
from core.generators import result_of
from core.photo import open_photo
from core.settings import Settings, load_settings
from core.weights import resolve_detector
from training.walls import render_wall

SEED = 5
PLANTED = (1.15, 1.5, 2.0, 3.0, 4.0)
"""How many holds are planted for each one asked for, tried in this order."""

QUALITY = 92
"""Of the JPEG; about what phones use."""


def default_folder() -> Path:
    """Where pictures and converted models of the benchmarks are kept: a folder of the user's in the
    system's temporary one.
    """
    return Path(tempfile.gettempdir()) / f"climbmate-benchmarks-{os.environ.get('USER', 'user')}"


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of ``WIDTHxHEIGHT``. Raises ``ValueError`` for anything else."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def encode(image: NDArray[np.uint8]) -> bytes:
    """The RGB picture as a JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    if not done:
        raise RuntimeError("the picture was not encoded")
    return data.tobytes()


def scores_found(detector: Detector, data: bytes, settings: Settings) -> list[float]:
    """Scores of the holds and volumes that the detector finds on an encoded photo, best first."""
    photo = open_photo(data, name="wall", settings=settings)
    found = result_of(detector.detect(photo.pixels))
    return sorted((float(detection.score) for detection in found), reverse=True)


def highest_threshold(
    detector: Detector, data: bytes, settings: Settings, scores: list[float], holds: int
) -> float:
    """The highest threshold, in thousandths, at which ``holds`` holds are still found.

    What is found at a lower threshold can join or hide pieces of something else, so the count is
    taken anew at each one that is tried.
    """
    default = detector.confidence
    for score in scores[holds - 1 :]:
        detector.confidence = max(default, math.floor(score * 1000) / 1000)
        if len(scores_found(detector, data, settings)) >= holds:
            return detector.confidence
    return default


def make_photo(size: tuple[int, int], holds: int, folder: Path) -> dict[str, object]:
    """``path`` of a JPEG of ``size`` (width, height) and the ``confidence`` at which ``holds``
    holds are found on it, from the cache or made now.

    Raises ``RuntimeError`` when even the most crowded wall shows too few of them.
    """
    settings = load_settings(yolo_weights="", max_holds=0)
    files = resolve_detector(settings)
    detector = Detector(files, settings)
    path = folder / f"wall-{size[0]}x{size[1]}-{holds}-{files.digest}.jpg"
    card = path.with_suffix(".json")
    if card.is_file() and path.is_file():
        facts: dict[str, object] = json.loads(card.read_text(encoding="utf-8"))
        # Looked at again, since the code that detects may have changed and not only the model.
        detector.confidence = float(str(facts["confidence"]))
        if len(scores_found(detector, path.read_bytes(), settings)) >= holds:
            return facts
        detector.confidence = settings.yolo_conf
    found = 0
    for share in PLANTED:
        data = encode(render_wall(SEED, size, round(holds * share)).image)
        scores = scores_found(detector, data, settings)
        found = len(scores)
        if found < holds:
            continue
        confidence = highest_threshold(detector, data, settings, scores, holds)
        facts = {"path": str(path), "confidence": confidence}
        write_whole(path, data)
        write_whole(card, json.dumps(facts).encode())
        return facts
    raise RuntimeError(f"expected a wall with {holds} findable holds at {size}, got {found}")


def main() -> None:
    """Make one picture and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=parse_size, required=True, metavar="WIDTHxHEIGHT")
    parser.add_argument("--holds", type=int, required=True)
    parser.add_argument("--folder", type=Path, default=default_folder())
    asked = parser.parse_args()
    print(json.dumps(make_photo(asked.size, asked.holds, asked.folder.resolve())))


if __name__ == "__main__":
    main()
