"""Where the camera stands: perspective, tilt and lens distortion between the wall's plane and the
frame.

The wall is the plane at distance ``focal`` before the camera, so plane coordinates are pixels, with
the origin at the foot of the camera's perpendicular; the camera is turned away from it by yaw,
pitch and roll (pinhole model), and its lens bends straight lines by one radial term (Brown, 1966:
r_undistorted = r (1 + k r^2)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from training.render.colours import Image

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """``width`` and ``height`` of the frame in px, focal length in px, angles in radians, ``bend``
    = k at the corner; ``distance`` of the wall in focal lengths.
    """

    width: int
    height: int
    focal: float
    yaw: float
    pitch: float
    roll: float
    bend: float
    distance: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator, width: int, height: int, steady: float = 1.0) -> Camera:
        """A phone in somebody's hands; ``steady`` below 1 makes for a calmer view."""
        wide = rng.random() < 0.3
        focal = max(width, height) * (rng.uniform(0.55, 0.75) if wide else rng.uniform(0.75, 1.3))
        return cls(
            width,
            height,
            focal,
            yaw=float(np.clip(rng.normal(0, 0.2), -0.45, 0.45)) * steady,
            pitch=float(np.clip(rng.normal(0.1, 0.16), -0.3, 0.42)) * steady,
            roll=float(rng.normal(0, 0.03)) * steady,
            bend=float(rng.uniform(0, 0.1 if wide else 0.04)),
        )

    def _rotation(self) -> Matrix:
        """From wall axes to camera axes."""
        turn, _ = cv2.Rodrigues(np.array([0.0, self.yaw, 0.0]))
        nod, _ = cv2.Rodrigues(np.array([-self.pitch, 0.0, 0.0]))
        lean, _ = cv2.Rodrigues(np.array([0.0, 0.0, self.roll]))
        return np.asarray(lean @ nod @ turn, float)

    @property
    def _bend(self) -> float:
        return self.bend / ((self.width / 2) ** 2 + (self.height / 2) ** 2)

    def plane_maps(self) -> tuple[Image, Image]:
        """The plane's x and y (height, width) seen by every pixel of the frame; far away where it
        sees no plane.
        """
        x = (np.arange(self.width, dtype=np.float32) + 0.5 - self.width / 2)[None, :]
        y = (np.arange(self.height, dtype=np.float32) + 0.5 - self.height / 2)[:, None]
        stretch = np.float32(1) + np.float32(self._bend) * (x * x + y * y)
        u, v = x * stretch, y * stretch
        m = self._rotation().T.astype(np.float32)
        f = np.float32(self.focal)
        depth = np.maximum(u * m[2, 0] + v * m[2, 1] + f * m[2, 2], np.float32(0.05) * f) / f
        depth /= np.float32(self.distance)
        across = (u * m[0, 0] + v * m[0, 1] + f * m[0, 2]) / depth
        down = (u * m[1, 0] + v * m[1, 1] + f * m[1, 2]) / depth
        return across, down

    def project(self, x: float, y: float) -> tuple[float, float]:
        """The frame's x and y of a point of the plane."""
        ray = self._rotation() @ np.array([x, y, self.focal * self.distance])
        scale = self.focal / max(float(ray[2]), 1e-3)
        u, v = float(ray[0]) * scale, float(ray[1]) * scale
        px, py = u, v
        for _ in range(8):  # the inverse of the radial term has no closed form worth having
            stretch = 1 + self._bend * (px * px + py * py)
            px, py = u / stretch, v / stretch
        return px + self.width / 2 - 0.5, py + self.height / 2 - 0.5

    def stepped(self, rng: np.random.Generator, calm: float = 1.0) -> Camera:
        """The same phone some steps further, nearer to the wall and held a little otherwise;
        ``calm`` below 1 makes for less of everything but the step towards the wall.
        """
        return replace(
            self,
            yaw=float(np.clip(self.yaw + calm * rng.normal(0, 0.12), -0.5, 0.5)),
            pitch=float(np.clip(self.pitch + calm * rng.normal(0, 0.07), -0.35, 0.45)),
            roll=self.roll + calm * float(rng.normal(0, 0.03)),
            distance=float(rng.uniform(0.84, 0.96)),
        )

    def magnification(self, x: float, y: float) -> float:
        """Area of the frame per area of the plane at a point of the plane."""
        here, right, below = self.project(x, y), self.project(x + 1, y), self.project(x, y + 1)
        a, b = right[0] - here[0], right[1] - here[1]
        c, d = below[0] - here[0], below[1] - here[1]
        return abs(a * d - b * c)
