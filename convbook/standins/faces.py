"""The stand-in for Kaggle's faces: heads of any pose, whose 15 points are known exactly."""

from dataclasses import dataclass

import numpy as np

from convbook.standins.drawing import stored, uniform
from convbook.standins.painting import rounded, turned
from convbook.standins.portraits import SIDE, painted

TURN = (0.35, 0.22, 0.3)  # how far a head looks aside, nods and tilts, in radians
OFTEN = (0, 1, 10, 14)  # the points that nearly every row of Kaggle's has: eyes, nose, lower lip
FEW = 0.7  # the share of training images that have only those
MISSED = 0.01  # the share of the other images' points that are missing
PROPORTIONS = {  # from and to, in pixels of a head at scale 1; right and down are positive
    "eye_x": (16.5, 19.5),
    "eye_y": (-11.5, -8.5),
    "eye_w": (6.3, 7.7),
    "eye_h": (2.4, 4),
    "brow_in": (7, 9.5),
    "brow_out": (27, 31),
    "brow_up": (6.5, 9.5),
    "brow_slope": (-1.5, 2.5),
    "nose_y": (11.5, 16.5),
    "nose_z": (17, 23),
    "mouth_y": (26.5, 30.5),
    "mouth_w": (11.5, 17),
    "smile": (-1.5, 4),
    "upper": (1.2, 2.2),
    "lower": (1.5, 2.8),
    "open": (0, 1),
    "gap": (0, 5),
}


def make(rng, split: str, n: int) -> dict[str, np.ndarray]:
    """``n`` images ``x`` and their points ``y``, as they are stored; in "train" some are NaN."""
    heads = Heads(*_pose(rng, n), {key: uniform(rng, *r, n) for key, r in PROPORTIONS.items()})
    points, images = heads.points(), painted(rng, heads)
    if split == "train":
        few = (rng.random(n) < FEW)[:, None] & ~np.isin(np.arange(15), OFTEN)
        points[few | (rng.random((n, 15)) < MISSED)] = np.nan
    return {"x": stored(images), "y": points}


def _pose(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the head is: matrices (n, 2, 3) from its right, down and forward to pixels; a shift."""
    angles = (
        np.array(TURN)[:, None] * (rng.uniform(-1, 1, (3, n)) + rng.uniform(-1, 1, (3, n))) / 1.4
    )
    (sin_a, sin_n, sin_t), (cos_a, cos_n, cos_t) = rounded(np.sin(angles)), rounded(np.cos(angles))
    x = [cos_a, sin_n * sin_a, cos_n * sin_a]
    y = [np.zeros_like(cos_a), cos_n, -sin_n]
    scale = uniform(rng, 0.7, 0.95, n)
    rows = [[(cos_t * p - sin_t * q) * scale for p, q in zip(x, y, strict=True)],
            [(sin_t * p + cos_t * q) * scale for p, q in zip(x, y, strict=True)]]  # fmt: skip
    shift = uniform(rng, -5, 5, n, 2) + np.float32((SIDE - 1) / 2)
    return np.array(rows, np.float32).transpose(2, 0, 1), shift


def _depth(x, y):
    """How far forward the head's surface is at (x, y), from the axis that it turns about."""
    x, y = x / 44, y / 62
    return 30 * np.sqrt(1 - x * x - y * y) - 22


@dataclass
class Heads:
    """``n`` heads, each in its pose. Their units are pixels at scale 1, from the face's middle.

    ``pose`` is float32 (n, 2, 3), ``shift`` (n, 2); ``proportions`` are float32 (n,), by the names
    of PROPORTIONS.
    """

    pose: np.ndarray
    shift: np.ndarray
    proportions: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.pose)

    def place(self, x, y, forward=None) -> np.ndarray:
        """Pixels (n, 2) of a place on the heads: on the surface, or so far ``forward``."""
        x, y = (np.broadcast_to(np.float32(value), len(self)) for value in (x, y))
        z = _depth(x, y) if forward is None else forward
        across, down = turned(self.pose[:, :, :2], x, y)
        found = [across + self.pose[:, 0, 2] * z, down + self.pose[:, 1, 2] * z]
        return np.stack(found, -1) + self.shift

    def points(self) -> np.ndarray:
        """Kaggle's 15 points in its order, in pixels: float32 (n, 15, 2)."""
        p = self.proportions
        brow_y = p["eye_y"] - p["brow_up"]
        places = [
            (p["eye_x"], p["eye_y"]),
            (-p["eye_x"], p["eye_y"]),
            (p["eye_x"] - p["eye_w"], p["eye_y"]),
            (p["eye_x"] + p["eye_w"], p["eye_y"]),
            (p["eye_w"] - p["eye_x"], p["eye_y"]),
            (-p["eye_x"] - p["eye_w"], p["eye_y"]),
            (p["brow_in"], brow_y),
            (p["brow_out"], brow_y + p["brow_slope"]),
            (-p["brow_in"], brow_y),
            (-p["brow_out"], brow_y + p["brow_slope"]),
            (0, p["nose_y"], p["nose_z"]),
            (p["mouth_w"], p["mouth_y"] - p["smile"]),
            (-p["mouth_w"], p["mouth_y"] - p["smile"]),
            (0, p["mouth_y"] - p["upper"]),
            (0, p["mouth_y"] + p["open"] * p["gap"] + p["lower"]),
        ]
        return np.stack([self.place(*place) for place in places], axis=1).astype(np.float32)
