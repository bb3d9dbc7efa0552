"""People in front of the wall: bodies of tapered limbs in clothes, climbing or standing with their
backs to us.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.render.colours import Image, lch_to_linear, to_linear
from training.render.noise import clouds

Mask = npt.NDArray[np.uint8]
SKINS = ((236, 198, 170), (214, 166, 130), (176, 120, 84), (120, 78, 54), (84, 56, 42))
HAIR = ((30, 24, 22), (64, 42, 28), (110, 78, 46), (170, 140, 90), (90, 40, 26), (150, 150, 150))

Joint = tuple[float, float]


def _pose(rng: np.random.Generator) -> dict[str, Joint]:
    """Joints in body heights, origin between the hips, y down."""
    climbing = rng.random() < 0.65
    tilt = rng.normal(0, 0.25 if climbing else 0.06)
    neck = (0.3 * np.sin(tilt), -0.3 * np.cos(tilt))
    pose: dict[str, Joint] = {"neck": neck, "head": (neck[0] + rng.normal(0, 0.02), neck[1] - 0.1)}
    for side, name in ((-1, "l"), (1, "r")):
        shoulder = (neck[0] + side * 0.1, neck[1] + 0.025)
        hip = (side * 0.065, 0.02)
        if climbing:
            arm, leg = rng.normal(0.9, 0.7), rng.uniform(-0.2, 1.25)
        else:
            arm, leg = rng.normal(-1.3, 0.2), rng.normal(-0.1, 0.1) + 0.15
        elbow = (shoulder[0] + side * 0.16 * np.cos(arm), shoulder[1] - 0.16 * np.sin(arm))
        fore = arm + rng.normal(0.5 if climbing else -0.1, 0.5)
        hand = (elbow[0] + side * 0.15 * np.cos(fore), elbow[1] - 0.15 * np.sin(fore))
        knee = (hip[0] + side * 0.24 * np.sin(leg), hip[1] + 0.24 * np.cos(leg))
        shin = leg - rng.uniform(0, 1.3) if climbing else leg * 0.5
        foot = (knee[0] + side * 0.23 * np.sin(shin), knee[1] + 0.23 * np.cos(shin))
        toe = (foot[0] + side * 0.06, foot[1] + 0.02)
        pose |= {f"shoulder {name}": shoulder, f"hip {name}": hip, f"elbow {name}": elbow}
        pose |= {
            f"hand {name}": hand,
            f"knee {name}": knee,
            f"foot {name}": foot,
            f"toe {name}": toe,
        }
    return pose


def _limb(mask: Mask, a: Joint, b: Joint, ra: float, rb: float) -> None:
    """The hull of two discs (px)."""
    steps = np.linspace(0, 2 * np.pi, 14)
    ring = np.stack([np.cos(steps), np.sin(steps)], 1)
    points = np.vstack([np.array(a) + ring * ra, np.array(b) + ring * rb])
    hull = cv2.convexHull(np.rint(points * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255, cv2.LINE_AA, 4)


def _cloth(rng: np.random.Generator, shape: tuple[int, int], tall: float) -> Image:
    """A textile: plain, striped or printed."""
    dull = rng.random() < 0.55
    lightness = rng.choice([rng.uniform(6, 25), rng.uniform(30, 70), rng.uniform(80, 95)])
    plain = lch_to_linear(
        lightness, rng.uniform(0, 8) if dull else rng.uniform(15, 60), rng.uniform(0, 360)
    )
    cloth = np.full((*shape, 3), np.clip(plain, 0.005, 0.9), np.float32)
    other = np.clip(
        lch_to_linear(rng.uniform(10, 90), rng.uniform(0, 50), rng.uniform(0, 360)), 0.005, 0.9
    )
    kind = rng.random()
    if kind < 0.15:
        rows = (np.arange(shape[0]) / (tall * rng.uniform(0.02, 0.05))).astype(int) % 2 == 0
        cloth[rows] = other
    elif kind < 0.4:
        cloth[clouds(rng, *shape, cell=tall * rng.uniform(0.03, 0.15)) > rng.uniform(0.6, 1.8)] = (
            other
        )
    return cloth


def _lay(rgb: Image, alpha: Image, mask: Mask, paint: Image) -> None:
    """Paint one part of the body, rounded by its distance from the rim."""
    x, y, w, h = cv2.boundingRect(mask)
    if not w or not h:
        return
    part = (slice(y, y + h), slice(x, x + w))
    deep = cv2.distanceTransform((mask[part] > 127).astype(np.uint8), cv2.DIST_L2, 3)
    round_ = 0.5 + 0.5 * np.sqrt(np.clip(deep / max(float(deep.max()) * 0.8, 1), 0, 1))
    share = mask[part].astype(np.float32) / 255
    rgb[part] += (paint[part] * round_[..., None] - rgb[part]) * share[..., None]
    alpha[part] = np.maximum(alpha[part], share)


def person(rng: np.random.Generator, tall: float) -> tuple[Image, Image]:
    """One person about ``tall`` px high: linear RGB (n, n, 3) and coverage, hips in the middle.

    Tall ones are drawn smaller and enlarged: cloth has no edges that would miss the pixels.
    """
    factor = max(1.0, tall / 480)
    rgb, alpha = _drawn(rng, tall / factor)
    if factor == 1:
        return rgb, alpha
    side = round(alpha.shape[0] * factor)
    large, cover = (cv2.resize(part, (side, side)) for part in (rgb, alpha))
    return np.asarray(large, np.float32), np.clip((cover - 0.5) * factor + 0.5, 0, 1)


def _drawn(rng: np.random.Generator, tall: float) -> tuple[Image, Image]:
    """Draw a person at this very size."""
    side = int(tall * 1.5) + 8
    rgb, alpha = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.float32)
    at = {k: (side / 2 + x * tall, side / 2 + y * tall) for k, (x, y) in _pose(rng).items()}
    skin = to_linear(
        np.array(SKINS[int(rng.integers(0, 5))], np.float32) / 255 * rng.uniform(0.85, 1.05)
    )
    bare = np.broadcast_to(skin, (side, side, 3))
    hair = np.broadcast_to(
        to_linear(np.array(HAIR[int(rng.integers(0, 6))]) / 255), (side, side, 3)
    )
    folds = (1 + 0.16 * clouds(rng, side, side, tall * 0.05, tall * 0.09))[..., None]
    shirt, trousers = (_cloth(rng, (side, side), tall) * folds for _ in range(2))
    shoes = _cloth(rng, (side, side), tall)
    bulk = tall * rng.uniform(0.9, 1.2)
    short, sleeve = rng.random() < 0.35, rng.random()

    def part(a: str, b: str, ra: float, rb: float, paint: Image) -> None:
        mask = np.zeros((side, side), np.uint8)
        _limb(mask, at[a], at[b], ra * bulk, rb * bulk)
        _lay(rgb, alpha, mask, paint)

    for name in ("l", "r"):
        part(f"foot {name}", f"toe {name}", 0.026, 0.02, shoes)
        part(f"knee {name}", f"foot {name}", 0.038, 0.024, bare if short else trousers)
        part(f"hip {name}", f"knee {name}", 0.062, 0.042, trousers)
        part(f"elbow {name}", f"hand {name}", 0.024, 0.018, shirt if sleeve > 0.85 else bare)
        part(f"shoulder {name}", f"elbow {name}", 0.034, 0.026, shirt if sleeve > 0.2 else bare)
    mask = np.zeros((side, side), np.uint8)
    torso = [at["shoulder l"], at["shoulder r"], at["hip r"], at["hip l"]]
    middle = np.mean(torso, 0)
    wide = np.array(torso) + (np.array(torso) - middle) * [0.28, 0.08]
    cv2.fillPoly(mask, [np.rint(wide * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    _lay(rgb, alpha, mask, shirt)
    part("neck", "head", 0.028, 0.03, bare)
    part("head", "head", 0.058, 0.058, hair)
    if rng.random() < 0.4:  # long hair or a tail
        at["tail"] = (at["head"][0] + rng.normal(0, 0.03) * tall, at["head"][1] + 0.14 * tall)
        part("head", "tail", 0.045, 0.015, hair)
    return rgb, alpha
