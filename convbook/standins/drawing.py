"""What the drawn stand-ins share: shapes, noise, and how they are stored."""

import numpy as np


def balanced(rng, n: int) -> np.ndarray:
    """Classes 0 to 9 in random order, each equally frequent where n is a multiple of 10: uint8."""
    return rng.permutation(np.arange(n) % 10).astype(np.uint8)


def stored(pixels: np.ndarray) -> np.ndarray:
    """Pixels from 0 to 1, as the whole grey values 0 to 255 that are stored: uint8."""
    return (pixels.clip(0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def uniform(rng, low, high, *shape) -> np.ndarray:
    """Uniform float32 numbers from ``low`` to ``high``."""
    return rng.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def smooth(rng, n: int, side: int, knots: int) -> np.ndarray:
    """Smooth noise from −1 to 1, float32 (n, side, side): random knots, linearly interpolated."""
    values = uniform(rng, -1, 1, n, knots, knots)
    position = np.linspace(0, knots - 1, side, dtype=np.float32)
    left = np.minimum(position.astype(int), knots - 2)
    part = position - left
    rows = values[:, left] + (values[:, left + 1] - values[:, left]) * part[:, None]
    return rows[:, :, left] + (rows[:, :, left + 1] - rows[:, :, left]) * part


def stripes(rng, n: int, side: int) -> np.ndarray:
    """Stripes of any direction, width and strength, as a triangle wave; float32 (n, side, side)."""
    line = np.arange(side, dtype=np.float32)
    across, down = uniform(rng, -0.3, 0.3, 2, n, 1, 1)
    phase = across * line[None, None, :] + down * line[None, :, None]
    wave = np.abs(phase - np.floor(phase) - np.float32(0.5)) * 4 - 1
    strength = uniform(rng, 0, 1, n, 1, 1)
    return strength * strength * strength * np.float32(0.4) * wave  # weak on most images


def affine(rng, n: int, turn: float, scale: tuple, shear: float = 0.0) -> np.ndarray:
    """Random 2×2 matrices, float32 (n, 2, 2): turned by up to ``turn`` radians, scaled, sheared."""
    angle = rng.uniform(-turn, turn, n)
    sx, sy = rng.uniform(*scale, (2, n))
    k = rng.uniform(-shear, shear, n)
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[sx * cos, sy * (k * cos - sin)], [sx * sin, sy * (k * sin + cos)]]
    return np.array(rows).transpose(2, 0, 1).astype(np.float32)


def fill(points: np.ndarray, side: int) -> np.ndarray:
    """How much of each pixel a polygon covers.

    Parameters
    ----------
    points : float32 (n, v, 2), vertices (x, y) of n polygons; the image spans −1 to 1, y downwards.
    side : height and width of the image, in pixels.

    Returns
    -------
    float32 (n, side, side), 0 to 1. Exact along each pixel row's middle line.
    """
    x, y = np.moveaxis((points + 1) * np.float32(side / 2), -1, 0)[..., None]
    x_next, y_next = np.roll(x, -1, axis=1), np.roll(y, -1, axis=1)
    row = np.arange(side, dtype=np.float32) + np.float32(0.5)
    crosses = (y <= row) != (y_next <= row)
    slope = (x_next - x) / np.where(y_next == y, 1, y_next - y)
    crossing = x + (row - y) * slope  # (n, v, side)
    sign = np.where(y_next > y, 1, -1) * crosses.astype(np.float32)
    column = np.arange(side, dtype=np.float32)
    covered = np.zeros((len(points), side, side), np.float32)
    for edge in np.flatnonzero(crosses.any(axis=(0, 2))):
        covered += sign[:, edge, :, None] * (crossing[:, edge, :, None] - column).clip(0, 1)
    return np.minimum(np.abs(covered), 1)


def oval(x, y, rx, ry, corners=8) -> list:
    """The vertices of an ellipse with centre (x, y) and radii rx, ry."""
    angles = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    return [(x + rx * np.cos(a), y + ry * np.sin(a)) for a in angles]


def box(left, top, right, bottom) -> list:
    """The vertices of an upright rectangle."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def mirrored(half: list) -> list:
    """A symmetric outline from its right half, given from top to bottom."""
    return half + [(-x, y) for x, y in reversed(half)]


def posed(rng, outline, n: int, jitter: float, pose: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``n`` copies of an outline, every vertex moved a little, then turned and shifted: (n, v, 2).

    ``outline`` is (v, 2), or (n, v, 2) if each copy has its own; ``pose`` is (n, 2, 2) and
    ``shift`` (n, 1, 2).
    """
    points = np.asarray(outline, np.float32)
    points = points + uniform(rng, -jitter, jitter, n, *points.shape[-2:])
    x, y = points[..., 0], points[..., 1]
    p = pose[..., None]
    posed = np.stack([p[:, 0, 0] * x + p[:, 0, 1] * y, p[:, 1, 0] * x + p[:, 1, 1] * y], axis=-1)
    return posed + shift
