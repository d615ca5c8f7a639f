"""Grey images that are painted part by part, each part only where it is seen.

Coordinates of pixels are whole numbers at their centres: x to the right, y downwards, and (0, 0) is
the centre of the upper left pixel.
"""

from collections.abc import Callable

import numpy as np

MARGIN = 56  # pixels around the images that may be painted and are not seen


def rounded(values: np.ndarray) -> np.ndarray:
    """Float32 multiples of 1/4096, so that a sine's last bit makes no difference anywhere."""
    return (np.round(np.asarray(values, np.float64) * 4096) / 4096).astype(np.float32)


def turned(matrix: np.ndarray, x, y) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (n, 2, 2) times vectors whose coordinates are (n, …) or (…)."""
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    m = matrix.reshape(len(matrix), 2, 2, *[1] * max(0, max(x.ndim, y.ndim) - 1))
    return m[:, 0, 0] * x + m[:, 0, 1] * y, m[:, 1, 0] * x + m[:, 1, 1] * y


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverses of matrices (n, 2, 2)."""
    (a, b), (c, d) = matrix.transpose(1, 2, 0)
    return (np.array([[d, -b], [-c, a]]) / (a * d - b * c)).transpose(2, 0, 1)


def inside(distance: np.ndarray, soft: float = 1.0) -> np.ndarray:
    """How much of a pixel is covered, ``distance`` within an edge: 0 to 1, over ``soft`` units."""
    return (distance * np.float32(1 / soft) + np.float32(0.5)).clip(0, 1)


def ellipse(u: np.ndarray, v: np.ndarray, a, b, soft: float = 1.0) -> np.ndarray:
    """How much of a pixel an ellipse with radii ``a`` and ``b`` covers."""
    u, v = u / a, v / b
    return inside((1 - u * u - v * v) * (np.minimum(a, b) / 2), soft)


def lens(u: np.ndarray, v: np.ndarray, width, height, soft: float = 1.0) -> np.ndarray:
    """How much of a pixel is between two arcs that meet at ``u`` = ±``width``."""
    u = u / width
    return inside((1 - u * u) * height - np.abs(v), soft)


class Painting:
    """``n`` square images, float32 (n, side, side), that are painted in place.

    Parameters
    ----------
    ground : what is there at the start, (n, side, side).
    frame : matrices (n, 2, 2) from the parts' units to pixels.
    """

    def __init__(self, ground: np.ndarray, frame: np.ndarray):
        self.side = ground.shape[1]
        self.pixels = np.pad(ground, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
        self.to_units = inverse(frame)

    def seen(self) -> np.ndarray:
        """The images as they are now."""
        return self.pixels[:, MARGIN:-MARGIN, MARGIN:-MARGIN]

    def paint(self, centre: np.ndarray, reach: int, brush: Callable) -> None:
        """Paint a part on every image.

        Parameters
        ----------
        centre : float32 (n, 2), where the part is, in pixels.
        reach : how many pixels to each side of it may change.
        brush : called as ``brush(u, v, pixels)`` with the pixels around the centre, (n, h, w), and
            how far right and down of it they are in the part's units; returns how much of each
            is covered, and the grey value there.
        """
        last = self.pixels.shape[1] - 2 * reach
        start = (np.floor(centre).astype(int) + (MARGIN - reach + 1)).clip(0, last)
        line = np.arange(2 * reach)
        columns = (start[:, 0, None] + line)[:, None, :]
        rows = (start[:, 1, None] + line)[:, :, None]
        across = columns.astype(np.float32) - (centre[:, 0, None, None] + np.float32(MARGIN))
        down = rows.astype(np.float32) - (centre[:, 1, None, None] + np.float32(MARGIN))
        u, v = turned(self.to_units, across, down)
        windows = [
            image[y : y + 2 * reach, x : x + 2 * reach]
            for image, (x, y) in zip(self.pixels, start, strict=True)
        ]
        under = np.stack(windows)
        cover, grey = brush(u, v, under)
        for window, new in zip(windows, under + (grey - under) * cover, strict=True):
            window[:] = new


def blurred(pixels: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Each pixel mixed with its neighbours, by ``strength`` (n, 1, 1) from 0 to 0.5."""
    for axis in (1, 2):
        padded = np.pad(pixels, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        side = pixels.shape[axis]
        before = padded.take(range(side), axis)
        after = padded.take(range(2, side + 2), axis)
        pixels = pixels + ((before + after) * np.float32(0.5) - pixels) * strength
    return pixels
