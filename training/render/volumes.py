"""Volumes: large bodies of flat facets (pyramids, roofs, wedges, boxes) as lit patches.

Where they hang, and the shadow that they cast, is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.render.colours import Image
from training.render.noise import grain, layered
from training.render.shading import Light, Patch

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Body:
    """A polyhedron over the wall: ``base`` (n, 2) and ``top`` (k, 3) in px, ``facets`` as lists of
    vertices (3).
    """

    base: Points
    facets: tuple[Points, ...]
    tall: float


def _base(rng: np.random.Generator) -> Points:
    """A base polygon within the unit circle, seen as setters buy them: triangles, kites, long
    blades.
    """
    kind = rng.choice(
        ["triangle", "quad", "regular", "blade", "any"], p=[0.34, 0.2, 0.16, 0.16, 0.14]
    )
    if kind == "triangle":
        angles = np.array([0, 2.09, 4.19]) + rng.normal(0, 0.35, 3)
    elif kind == "quad":
        angles = np.array([0.79, 2.36, 3.93, 5.5]) + rng.normal(0, 0.12, 4)
    elif kind == "regular":
        count = int(rng.integers(5, 9))
        angles = np.arange(count) * 2 * np.pi / count
    elif kind == "blade":
        angles = np.array([0, 1.5, 3.14, 4.7]) + rng.normal(0, 0.3, 4)
    else:
        count = int(rng.integers(4, 7))
        angles = np.arange(count) * 2 * np.pi / count + rng.normal(0, 0.25, count)
    angles = np.sort(angles)
    points = np.stack([np.cos(angles), np.sin(angles)], 1)
    if kind != "regular":
        points *= rng.uniform(0.75, 1.0, (len(points), 1))
    narrow = rng.uniform(0.2, 0.45) if kind == "blade" else rng.uniform(0.55, 1.0)
    points[:, 1] *= narrow
    return points


def body(rng: np.random.Generator, size: float, lean: tuple[float, float]) -> Body:
    """A volume ``size`` px long; ``lean`` shifts its top, as seen from where the camera stands."""
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    base = _base(rng) @ rotation.T * size / 2
    inner = float(np.sqrt(cv2.contourArea(base.astype(np.float32)) / np.pi))
    tall = inner * rng.uniform(0.6, 1.3)
    middle = base.mean(0) + np.array(lean) * tall * 0.8 + rng.normal(0, 0.16, 2) * inner
    count = len(base)
    floor = np.column_stack([base, np.zeros(count)])
    if rng.random() < 0.6:  # a pyramid
        apex = np.array([*middle, tall])
        facets = [np.array([floor[i], floor[(i + 1) % count], apex]) for i in range(count)]
    else:  # cut flat on top, or almost to a point
        cut = rng.uniform(0.15, 0.7)
        top = np.column_stack([middle + (base - base.mean(0)) * cut, np.full(count, tall)])
        facets = [
            np.array([floor[i], floor[(i + 1) % count], top[(i + 1) % count], top[i]])
            for i in range(count)
        ]
        facets.append(top)
    return Body(base, tuple(facets), tall)


def _facet_energy(facet: Points, light: Light) -> float:
    """Light on a flat facet, relative to the wall."""
    normal = np.cross(facet[1] - facet[0], facet[2] - facet[0])
    normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
    normal = normal * (1 if normal[2] >= 0 else -1)
    lamp = max(float(normal @ light.direction), 0.0) / light.direction[2]
    sky = 0.62 + 0.38 * normal[2] - 0.3 * normal[1]
    return min(light.ambient * sky + (1 - light.ambient) * lamp, 1.6)


def volume_patch(
    rng: np.random.Generator, shape: Body, pigment: Image, light: Light, ppm: float, gloss: float
) -> tuple[Patch, tuple[int, int]]:
    """Draw a body; returns the patch and the place of its corner relative to the body's middle.

    Each facet is flat in light, with grit, worn edges and bolt holes.
    """
    outline = np.vstack([facet[:, :2] for facet in shape.facets])
    low = np.floor(outline.min(0)).astype(int) - 3
    width, height = (np.ceil(outline.max(0)).astype(int) + 4 - low).tolist()
    rgb = np.zeros((height, width, 3), np.float32)
    coverage = np.zeros((height, width), np.uint8)
    seams = np.zeros((height, width), np.uint8)
    tall = np.zeros((height, width), np.float32)
    fixed = [np.rint((facet[:, :2] - low) * 16).astype(np.int32) for facet in shape.facets]
    for facet, points in zip(shape.facets, fixed, strict=True):
        energy = _facet_energy(facet, light)
        colour = pigment * energy + gloss * 0.05 * max(energy - 0.9, 0)
        cv2.fillPoly(rgb, [points], colour.tolist(), cv2.LINE_8, 4)
        cv2.fillPoly(tall, [points], (float(facet[:, 2].mean()),), cv2.LINE_8, 4)
        cv2.fillPoly(coverage, [points], 255, cv2.LINE_AA, 4)
        cv2.polylines(seams, [points], True, 255, 1, cv2.LINE_AA, 4)
    rgb[coverage == 0] = pigment
    rgb = _spread(rgb, coverage)
    texture = 1 + 0.05 * grain(rng, height, width) + 0.03 * layered(rng, height, width, ppm * 0.2)
    edge = cv2.GaussianBlur(seams, (0, 0), 0.8).astype(np.float32) / 255
    rgb *= (texture + np.float32(rng.uniform(-0.25, 0.35)) * edge)[..., None]
    _holes(rng, rgb, fixed, ppm)
    smear = np.clip(layered(rng, height, width, ppm * 0.25) - rng.uniform(1.4, 3), 0, 1)[..., None]
    rgb += 0.35 * smear * (0.75 - rgb)
    patch = Patch(rgb, coverage.astype(np.float32) / 255, tall)
    return patch, (int(low[0]), int(low[1]))


def _spread(rgb: Image, coverage: npt.NDArray[np.uint8]) -> Image:
    """Soften facet borders by a pixel without darkening the rim."""
    solid = (coverage > 127).astype(np.float32)
    weight = cv2.GaussianBlur(solid, (0, 0), 0.7)
    mixed = cv2.GaussianBlur(rgb * solid[..., None], (0, 0), 0.7)
    return np.where(weight[..., None] > 0.02, mixed / np.maximum(weight, 0.02)[..., None], rgb)


def _holes(
    rng: np.random.Generator, rgb: Image, facets: list[npt.NDArray[np.int32]], ppm: float
) -> None:
    """Bolt holes on the facets, on a loose grid."""
    if rng.random() < 0.2:
        return
    step, radius = ppm * rng.uniform(0.12, 0.24), max(ppm * 0.006, 0.6)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    for facet in facets:
        corners = facet / 16.0
        middle = corners.mean(0)
        for i in range(len(corners)):
            a, b = (
                corners[i] * 0.8 + middle * 0.2,
                corners[(i + 1) % len(corners)] * 0.8 + middle * 0.2,
            )
            for share in np.arange(
                0.08, 0.98, max(step / max(float(np.linalg.norm(b - a)), 1), 0.2)
            ):
                x, y = ((a + (b - a) * share) * 16).astype(int).tolist()
                cv2.circle(mask, (x, y), max(int(radius * 16), 8), 255, -1, cv2.LINE_AA, 4)
    rgb *= (1 - np.float32(0.85 / 255) * mask.astype(np.float32))[..., None]
