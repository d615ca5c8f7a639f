"""Stand-ins: images made on the spot, for when a real data set is out of reach.

Each stand-in has its real set's image shape, dtype and classes. It is drawn from seeded random
numbers, so it is the same on every machine, and its first images do not depend on how many are
asked for. What is computed for each pixel uses only ``+ − × ÷`` and comparisons, whose results
IEEE 754 fixes; functions that may differ in the last bit (sine, matrix product) are used in float64
on a few parameters of each image, and results are rounded to whole grey values in the end.

How close the stand-ins come to the real sets is measured by ``python -m bench.standins``.
"""

from functools import cache

import numpy as np

CHUNK = 100  # images made at a time, from one seed; a multiple of 10, so classes are balanced
NAMES = ("mnist", "fashion_mnist", "cifar10")  # the position is part of the seed
SPLITS = ("train", "test")


def make(name: str, split: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the first ``n`` images of a stand-in.

    Parameters
    ----------
    name : "mnist", "fashion_mnist" or "cifar10".
    split : "train" or "test". No image of one split shares its random numbers, or the
        handwritten digit it starts from, with an image of the other.
    n : how many, 1 or more. The images made for a smaller n are the first ones made for a larger.

    Returns
    -------
    x : uint8, (n, 28, 28), or (n, 32, 32, 3) for cifar10.
    y : uint8, (n,), 0 to 9; every class is equally frequent in each whole chunk of 100.

    Raises
    ------
    ImportError : "mnist" needs scikit-learn, which is not installed.
    """
    draw = (_digits, _garments, _scenes)[NAMES.index(name)]
    xs, ys = [], []
    for chunk in range(-(-n // CHUNK)):
        rng = np.random.default_rng([NAMES.index(name), SPLITS.index(split), chunk])
        y = rng.permutation(np.arange(CHUNK) % 10).astype(np.uint8)
        pixels = draw(rng, y, split)
        xs.append((pixels.clip(0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8))
        ys.append(y)
    return np.concatenate(xs)[:n], np.concatenate(ys)[:n]


# ---------------------------------------------------------------- tools


def _uniform(rng, low, high, *shape) -> np.ndarray:
    """Uniform float32 numbers from ``low`` to ``high``."""
    return rng.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def _smooth(rng, n: int, side: int, knots: int) -> np.ndarray:
    """Smooth noise from −1 to 1, float32 (n, side, side): random knots, linearly interpolated."""
    values = _uniform(rng, -1, 1, n, knots, knots)
    position = np.linspace(0, knots - 1, side, dtype=np.float32)
    left = np.minimum(position.astype(int), knots - 2)
    part = position - left
    rows = values[:, left] + (values[:, left + 1] - values[:, left]) * part[:, None]
    return rows[:, :, left] + (rows[:, :, left + 1] - rows[:, :, left]) * part


def _stripes(rng, n: int, side: int) -> np.ndarray:
    """Stripes of any direction, width and strength, as a triangle wave; float32 (n, side, side)."""
    line = np.arange(side, dtype=np.float32)
    across, down = _uniform(rng, -0.3, 0.3, 2, n, 1, 1)
    phase = across * line[None, None, :] + down * line[None, :, None]
    wave = np.abs(phase - np.floor(phase) - np.float32(0.5)) * 4 - 1
    strength = _uniform(rng, 0, 1, n, 1, 1)
    return strength * strength * strength * np.float32(0.4) * wave  # weak on most images


def _affine(rng, n: int, turn: float, scale: tuple, shear: float = 0.0) -> np.ndarray:
    """Random 2×2 matrices, float32 (n, 2, 2): turned by up to ``turn`` radians, scaled, sheared."""
    angle = rng.uniform(-turn, turn, n)
    sx, sy = rng.uniform(*scale, (2, n))
    k = rng.uniform(-shear, shear, n)
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[sx * cos, sy * (k * cos - sin)], [sx * sin, sy * (k * sin + cos)]]
    return np.array(rows).transpose(2, 0, 1).astype(np.float32)


def _fill(points: np.ndarray, side: int) -> np.ndarray:
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


def _oval(x, y, rx, ry, corners=8) -> list:
    """The vertices of an ellipse with centre (x, y) and radii rx, ry."""
    angles = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    return [(x + rx * np.cos(a), y + ry * np.sin(a)) for a in angles]


def _box(left, top, right, bottom) -> list:
    """The vertices of an upright rectangle."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _mirrored(half: list) -> list:
    """A symmetric outline from its right half, given from top to bottom."""
    return half + [(-x, y) for x, y in reversed(half)]


def _posed(rng, outline, n: int, jitter: float, pose: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``n`` copies of an outline, every vertex moved a little, then turned and shifted: (n, v, 2).

    ``outline`` is (v, 2), or (n, v, 2) if each copy has its own; ``pose`` is (n, 2, 2) and
    ``shift`` (n, 1, 2).
    """
    points = np.asarray(outline, np.float32)
    points = points + _uniform(rng, -jitter, jitter, n, *points.shape[-2:])
    x, y = points[..., 0], points[..., 1]
    p = pose[..., None]
    posed = np.stack([p[:, 0, 0] * x + p[:, 0, 1] * y, p[:, 1, 0] * x + p[:, 1, 1] * y], axis=-1)
    return posed + shift


# ---------------------------------------------------------------- mnist: handwritten digits


@cache
def _handwriting(split: str) -> list:
    """scikit-learn's 8×8 handwritten digits, enlarged: for each class, float32 (k, 32, 32), 0 to 1.

    Four fifths of the 1,797 images belong to "train", the others to "test".
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "the stand-in for mnist starts from scikit-learn's handwritten digits: "
            "install scikit-learn, or put mnist.npz into the folder that CONVBOOK_DATA names"
        ) from error
    images, labels = load_digits(return_X_y=True)
    in_test = np.random.default_rng(0).permutation(len(labels)) % 5 == 0
    mine = in_test if split == "test" else ~in_test
    # Each of the 32 rows is a cubic (Catmull-Rom) mixture of the 8 rows, and so are the columns.
    distance = np.abs((np.arange(32)[:, None] + 0.5) / 4 - 0.5 - np.arange(8))
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    mix = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    large = (mix @ (images[mine].reshape(-1, 8, 8) / 16) @ mix.T).astype(np.float32)
    return [large[labels[mine] == k] for k in range(10)]


def _sample(images: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Look up points of images, between pixels linearly; 0 outside.

    ``images`` is (n, side, side), ``x`` and ``y`` are (n, h, w), −1 to 1 within the image.
    """
    n, side, _ = images.shape
    padded = np.zeros((n, side + 2, side + 2), np.float32)
    padded[:, 1:-1, 1:-1] = images
    half = np.float32(side / 2)
    x = (x * half + (half + np.float32(0.5))).clip(0, side + np.float32(0.99))
    y = (y * half + (half + np.float32(0.5))).clip(0, side + np.float32(0.99))
    column, row = x.astype(np.int32), y.astype(np.int32)
    x -= column
    y -= row
    corner = (
        row * (side + 2) + column + (np.arange(n, dtype=np.int32) * (side + 2) ** 2)[:, None, None]
    )
    flat = padded.ravel()
    top = flat[corner] * (1 - x) + flat[corner + 1] * x
    corner += side + 2
    bottom = flat[corner] * (1 - x) + flat[corner + 1] * x
    return top * (1 - y) + bottom * y


def _digits(rng, y: np.ndarray, split: str) -> np.ndarray:
    """Handwritten digits, each bent, turned, moved and thinned; float32 (n, 28, 28)."""
    n, side = len(y), 28
    sources = _handwriting(split)
    pick = rng.random(n)
    images = np.stack([sources[k][int(p * len(sources[k]))] for k, p in zip(y, pick, strict=True)])
    to_source = _affine(rng, n, turn=0.15, scale=(1.2, 1.45), shear=0.15)[..., None, None]
    shift = _uniform(rng, -0.1, 0.1, 2, n, 1, 1)
    line = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side / 2) - 1
    across, down = line[None, None, :] + shift[0], line[None, :, None] + shift[1]
    u = to_source[:, 0, 0] * across + to_source[:, 0, 1] * down
    v = to_source[:, 1, 0] * across + to_source[:, 1, 1] * down
    u += np.float32(0.03) * _smooth(rng, n, side, 4)
    v += np.float32(0.03) * _smooth(rng, n, side, 4)
    ink = _sample(images, u, v)
    thin = _uniform(rng, 0.4, 0.55, n, 1, 1)
    pixels = ((ink - thin) * _uniform(rng, 3, 6, n, 1, 1) + np.float32(0.5)).clip(0, 1)
    return pixels * (1 - _uniform(rng, 0, 0.15, n, side, side))


# ---------------------------------------------------------------- fashion_mnist: drawn garments

# fmt: off
# Right halves of upper-body garments: neck, collar, shoulder, outer and inner cuff, armpit, hem.
_TEE = [
    (0, -0.72), (0.24, -0.88), (0.56, -0.74), (0.95, -0.3), (0.72, -0.1), (0.5, -0.35), (0.5, 0.88)]
_LONG = [
    (0, -0.76), (0.22, -0.88), (0.54, -0.72), (0.9, 0.66), (0.66, 0.74), (0.46, -0.2), (0.48, 0.84)]
_DRESS = [
    (0, -0.72), (0.2, -0.9), (0.34, -0.84), (0.31, -0.6), (0.29, -0.45), (0.24, -0.1), (0.46, 0.96)]
_COAT = [
    (0, -0.7), (0.22, -0.92), (0.56, -0.76), (0.88, 0.6), (0.64, 0.68), (0.48, -0.2), (0.54, 0.96)]
_SHIRT = [
    (0, -0.66), (0.24, -0.88), (0.55, -0.74), (0.92, 0.3), (0.68, 0.4), (0.48, -0.25), (0.5, 0.9)]
_TROUSER = [(0, -0.94), (0.34, -0.94), (0.42, 0.96), (0.14, 0.96), (0, -0.3)]
# Toe, instep, ankle, heel and sole of the closed shoes.
_SNEAKER = [
    (-0.95, 0.5), (-0.92, 0.2), (-0.4, 0), (-0.05, -0.25), (0.88, -0.3), (0.95, 0.5), (0.4, 0.5)]
_BOOT = [
    (-0.95, 0.8), (-0.94, 0.48), (-0.35, 0.25), (0, -0.9), (0.78, -0.9), (0.85, 0.82), (0.4, 0.78)]
# For each class: (tone, outline) in the order of painting. Tone 1 is the cloth's own, 0 a hole.
_GARMENTS = (
    [(1, _mirrored(_TEE))],
    [(1, _mirrored(_TROUSER))],
    [(1, _mirrored(_LONG))],
    [(1, _mirrored(_DRESS))],
    [(1, _mirrored(_COAT)), (0.6, _box(-0.04, -0.7, 0.04, 0.96))],
    [
        (1, [(-0.95, 0.42), (0.2, 0.3), (0.9, -0.2), (0.95, 0.5), (0.75, 0.5), (0.72, 0.2),
             (0.2, 0.52), (-0.95, 0.55)]),
        (1, [(-0.75, 0.4), (-0.45, 0.05), (-0.25, 0.05), (-0.5, 0.4)]),
        (1, [(-0.05, 0.35), (0.2, -0.3), (0.4, -0.3), (0.15, 0.35)]),
        (0.8, [(0.2, -0.3), (0.75, -0.35), (0.9, -0.1), (0.75, -0.1), (0.65, -0.2), (0.2, -0.15)]),
    ],
    [
        (1, _mirrored(_SHIRT)),
        (0.8, _box(-0.03, -0.6, 0.03, 0.88)),
        (0.7, [(0, -0.5), (0.22, -0.86), (-0.22, -0.86)]),
    ],
    [(1, _SNEAKER), (0.6, [(-0.97, 0.38), (0.96, 0.38), (0.96, 0.52), (-0.95, 0.52)])],
    [
        (0.9, [(-0.5, -0.1), (-0.38, -0.75), (0.38, -0.75), (0.5, -0.1)]),
        (0, [(-0.38, -0.1), (-0.28, -0.62), (0.28, -0.62), (0.38, -0.1)]),
        (1, [(-0.8, -0.2), (0.8, -0.2), (0.9, 0.75), (-0.9, 0.75)]),
        (0.75, [(-0.8, -0.2), (0.8, -0.2), (0.6, 0.15), (-0.6, 0.15)]),
    ],
    [(1, _BOOT), (0.6, [(-0.95, 0.68), (0.85, 0.68), (0.85, 0.82), (-0.95, 0.8)])],
)
# fmt: on
_KIN = dict.fromkeys((0, 2, 3, 4, 6), (0, 2, 3, 4, 6)) | dict.fromkeys((7, 9), (7, 9))
LIKENESS = 0.52  # how far a garment's outline may go towards that of a related class


def _garments(rng, y: np.ndarray, split: str) -> np.ndarray:
    """Grey garments on black with folds and patterns; float32 (n, 28, 28)."""
    n, side = len(y), 28
    pixels = np.zeros((n, side, side), np.float32)
    for k, parts in enumerate(_GARMENTS):
        mine = np.flatnonzero(y == k)
        m = len(mine)
        pose = _affine(rng, m, turn=0.15, scale=(0.62, 1.0), shear=0.15)
        shift = _uniform(rng, -0.15, 0.15, m, 1, 2)
        drawn = np.zeros((m, side, side), np.float32)
        for layer, (tone, outline) in enumerate(parts):
            corners = np.array(outline, np.float32)
            if k in _KIN and layer == 0:
                kin = np.array([_GARMENTS[j][0][1] for j in _KIN[k]], np.float32)
                other = kin[rng.integers(len(kin), size=m)]
                corners = corners + _uniform(rng, 0, LIKENESS, m, 1, 1) * (other - corners)
            cover = _fill(_posed(rng, corners, m, 0.07, pose, shift), side)
            tones = np.float32(tone) * (1 + _uniform(rng, -0.4, 0.4, m, 1, 1) * (tone > 0))
            drawn += (tones - drawn) * cover
        pixels[mine] = drawn
    cloth = _uniform(rng, 0.25, 1, n, 1, 1)
    cloth = cloth * (1 + np.float32(0.4) * _smooth(rng, n, side, 6)) + _stripes(rng, n, side)
    return pixels * (cloth + _uniform(rng, -0.1, 0.1, n, side, side))


# ---------------------------------------------------------------- cifar10: painted scenes

# For each class: where it is usually seen, its usual colours (RGB), and its parts in the order of
# painting, facing right: 0 in the main colour, 1 in a darker shade, 2 nearly black, 3 nearly white.
_LEGS = [[(x, 0.25), (x + 0.14, 0.25), (x + 0.1, 0.9), (x, 0.9)] for x in (-0.6, -0.42, 0.28, 0.46)]
_WHEEL_L, _WHEEL_R = _oval(-0.5, 0.48, 0.2, 0.22), _oval(0.52, 0.48, 0.2, 0.22)
_SCENERY = {  # the colours at the top and at the bottom of the picture
    "sky": [(0.45, 0.65, 0.95), (0.8, 0.88, 0.95)],
    "water": [(0.75, 0.82, 0.9), (0.2, 0.4, 0.6)],
    "grass": [(0.5, 0.62, 0.4), (0.35, 0.5, 0.2)],
    "road": [(0.7, 0.7, 0.7), (0.4, 0.4, 0.42)],
    "room": [(0.7, 0.55, 0.45), (0.5, 0.38, 0.3)],
}
_WHITE, _GREY, _BLACK = (0.9, 0.9, 0.92), (0.5, 0.5, 0.52), (0.15, 0.13, 0.13)
_RED, _BLUE, _GREEN = (0.8, 0.15, 0.12), (0.15, 0.25, 0.65), (0.35, 0.6, 0.2)
_BROWN, _TAN, _YELLOW = (0.45, 0.28, 0.15), (0.72, 0.55, 0.35), (0.85, 0.75, 0.25)
_OBJECTS = (
    ("sky", (_WHITE, _GREY, _BLUE), [
        (1, [(-0.1, 0), (0.2, 0), (-0.3, -0.65), (-0.48, -0.65)]),
        (0, [(-0.9, -0.08), (0.6, -0.14), (0.95, 0.04), (0.6, 0.16), (-0.8, 0.08)]),
        (0, [(-0.7, -0.05), (-0.95, -0.45), (-0.78, -0.45), (-0.45, -0.05)]),
        (1, [(-0.05, 0.08), (0.25, 0.08), (-0.35, 0.75), (-0.55, 0.75)]),
    ]),
    ("road", (_RED, _BLUE, _GREY, _YELLOW), [
        (0, [(-0.55, 0), (-0.35, -0.4), (0.25, -0.4), (0.5, 0)]),
        (3, [(-0.42, -0.02), (-0.28, -0.3), (0.18, -0.3), (0.36, -0.02)]),
        (0, [(-0.92, 0.0), (0.5, -0.04), (0.92, 0.12), (0.95, 0.48), (-0.95, 0.48)]),
        (2, _WHEEL_L), (2, _WHEEL_R),
    ]),
    ("sky", (_BROWN, _BLUE, _RED, _YELLOW), [
        (2, _box(-0.1, 0.4, -0.05, 0.92)), (2, _box(0.1, 0.4, 0.15, 0.92)),
        (1, [(-0.4, 0.0), (-0.95, 0.3), (-0.85, 0.45), (-0.3, 0.25)]),
        (0, _oval(0, 0.1, 0.52, 0.36)), (0, _oval(0.45, -0.35, 0.24, 0.24)),
        (1, [(-0.35, 0.0), (0.2, -0.05), (-0.1, 0.35), (-0.5, 0.35)]),
        (2, [(0.62, -0.45), (0.95, -0.32), (0.62, -0.25)]),
    ]),
    ("room", (_TAN, _GREY, _BLACK, _YELLOW), [
        (1, [(-0.4, 0.8), (-0.85, 0.6), (-0.9, 0.1), (-0.75, 0.1), (-0.7, 0.5), (-0.4, 0.6)]),
        (0, _oval(-0.05, 0.5, 0.5, 0.48)), (0, _oval(0.1, -0.2, 0.48, 0.42)),
        (0, [(-0.35, -0.3), (-0.32, -0.92), (0.02, -0.52)]),
        (0, [(0.2, -0.52), (0.52, -0.92), (0.56, -0.3)]),
        (2, _oval(-0.07, -0.25, 0.08, 0.1, 4)), (2, _oval(0.28, -0.25, 0.08, 0.1, 4)),
        (3, [(0.0, 0.02), (0.22, 0.02), (0.11, 0.14)]),
    ]),
    ("grass", (_BROWN, _TAN), [
        *((1, leg) for leg in _LEGS),
        (0, _oval(-0.05, 0.12, 0.62, 0.26)),
        (0, [(0.3, 0.1), (0.5, -0.4), (0.68, -0.35), (0.58, 0.2)]),
        (0, _oval(0.68, -0.38, 0.24, 0.13)), (3, [(-0.68, 0.0), (-0.82, 0.2), (-0.6, 0.25)]),
        (1, [(0.52, -0.45), (0.3, -0.95), (0.38, -0.95), (0.6, -0.45)]),
        (1, [(0.6, -0.45), (0.72, -0.97), (0.8, -0.95), (0.68, -0.45)]),
        (1, [(0.42, -0.7), (0.2, -0.8), (0.22, -0.87), (0.45, -0.78)]),
        (1, [(0.68, -0.68), (0.95, -0.8), (0.95, -0.87), (0.68, -0.78)]),
    ]),
    ("room", (_TAN, _BROWN, _WHITE, _BLACK), [
        *((1, leg) for leg in _LEGS),
        (1, [(-0.62, 0.1), (-0.95, -0.45), (-0.8, -0.5), (-0.45, 0.0)]),
        (0, _oval(-0.05, 0.12, 0.62, 0.28)), (0, _oval(0.5, -0.28, 0.36, 0.34)),
        (0, [(0.65, -0.35), (0.98, -0.2), (0.98, -0.02), (0.6, 0.02)]),
        (1, [(0.18, -0.55), (0.42, -0.55), (0.38, 0.1), (0.16, 0.1)]),
        (2, _oval(0.93, -0.18, 0.09, 0.08, 4)), (2, _oval(0.6, -0.35, 0.07, 0.08, 4)),
    ]),
    ("grass", (_GREEN, _GREEN, _BROWN, _YELLOW), [
        (1, [(-0.9, 0.75), (-0.6, 0.0), (-0.25, 0.3), (-0.45, 0.75)]),
        (1, [(0.9, 0.75), (0.6, 0.0), (0.25, 0.3), (0.45, 0.75)]),
        (0, _oval(0, 0.22, 0.62, 0.5)),
        (0, _oval(-0.34, -0.32, 0.22, 0.22)), (0, _oval(0.34, -0.32, 0.22, 0.22)),
        (3, _oval(-0.34, -0.36, 0.12, 0.12, 6)), (3, _oval(0.34, -0.36, 0.12, 0.12, 6)),
        (2, _box(-0.4, 0.06, 0.4, 0.12)),
    ]),
    ("grass", (_BROWN, _BLACK, _TAN), [
        *((0, leg) for leg in _LEGS),
        (2, [(-0.55, 0.0), (-0.9, 0.15), (-0.85, 0.7), (-0.7, 0.65), (-0.65, 0.2)]),
        (0, _oval(-0.05, 0.1, 0.64, 0.3)),
        (0, [(0.2, 0.0), (0.42, -0.7), (0.66, -0.6), (0.6, 0.2)]),
        (2, [(0.15, -0.05), (0.36, -0.8), (0.46, -0.72), (0.3, 0.0)]),
        (0, [(0.42, -0.8), (0.62, -0.8), (0.95, -0.38), (0.82, -0.25), (0.5, -0.5)]),
    ]),
    ("water", (_WHITE, _RED, _BLUE, _GREY), [
        (3, _box(-0.55, -0.2, 0.25, 0.12)), (1, _box(-0.15, -0.6, 0.1, -0.15)),
        (2, _box(0.38, -0.75, 0.44, 0.15)),
        (3, [(0.46, -0.7), (0.78, 0.0), (0.46, 0.0)]),
        (0, [(-0.92, 0.1), (0.98, 0.06), (0.68, 0.55), (-0.72, 0.55)]),
        (1, [(-0.8, 0.36), (0.8, 0.36), (0.68, 0.55), (-0.72, 0.55)]),
    ]),
    ("road", (_RED, _WHITE, _BLUE, _YELLOW), [
        (3, _box(-0.95, -0.65, 0.35, 0.42)), (1, _box(-0.95, 0.3, 0.9, 0.48)),
        (0, [(0.4, 0.42), (0.4, -0.4), (0.72, -0.4), (0.94, 0.0), (0.94, 0.42)]),
        (2, [(0.5, -0.02), (0.5, -0.3), (0.68, -0.3), (0.82, -0.02)]),
        (2, _WHEEL_L), (2, _WHEEL_R),
    ]),
)  # fmt: skip


_SHADES = np.array([(1, 0), (0.65, 0), (0, 0.1), (0, 0.85)], np.float32)  # of main colour, of white
ODD = 0.4  # the share of objects that have any colour at all
AWAY = 0.5  # the share of objects that are seen in any scenery at all


def _scenes(rng, y: np.ndarray, split: str) -> np.ndarray:
    """Coloured objects in cluttered scenes; float32 (n, 32, 32, 3)."""
    n, side = len(y), 32
    pixels = _backgrounds(rng, y, side)
    turn = np.array([0.5 if k == 0 else 0.15 for k in range(10)])  # airplanes tilt
    for k, (_, colours, parts) in enumerate(_OBJECTS):
        mine = np.flatnonzero(y == k)
        m = len(mine)
        pose = _affine(rng, m, turn[k], scale=(0.5, 0.95), shear=0.15)
        pose[:, :, 0] *= np.where(rng.random(m) < 0.5, -1, 1)[:, None]  # facing left or right
        shift = _uniform(rng, -0.25, 0.25, m, 1, 2)
        main = np.array(colours, np.float32)[rng.integers(len(colours), size=m)]
        odd = rng.random(m) < ODD
        main[odd] = _uniform(rng, 0, 1, odd.sum(), 3)
        main += _uniform(rng, -0.15, 0.15, m, 3)
        texture = 1 + np.float32(0.2) * _smooth(rng, m, side, 9) + _stripes(rng, m, side)
        coloured, grey = np.zeros(
            (2, m, side, side), np.float32
        )  # shares of the main colour, of white
        behind = np.ones((m, side, side), np.float32)
        for shade, outline in parts:
            cover = _fill(_posed(rng, outline, m, 0.06, pose, shift), side)
            coloured += (_SHADES[shade][0] - coloured) * cover
            grey += (_SHADES[shade][1] - grey) * cover
            behind *= 1 - cover
        front = coloured[:, None] * main[..., None, None] + grey[:, None]
        pixels[mine] = pixels[mine] * behind[:, None] + front * texture[:, None]
    _clutter(rng, pixels, 2, 0.45)
    light, haze = _uniform(rng, 0.5, 1.1, n, 1, 1, 1), _uniform(rng, -0.15, 0.25, n, 1, 1, 1)
    pixels = pixels * light + haze + _uniform(rng, -0.12, 0.12, n, 3, side, side)
    return pixels.transpose(0, 2, 3, 1)


def _backgrounds(rng, y: np.ndarray, side: int) -> np.ndarray:
    """Scenery that the class is often, not always, seen in; float32 (n, 3, side, side)."""
    n = len(y)
    kinds = list(_SCENERY)
    usual = np.array([kinds.index(place) for place, _, _ in _OBJECTS])[y]
    kind = np.where(rng.random(n) < AWAY, rng.integers(len(kinds), size=n), usual)
    ends = np.array([_SCENERY[k] for k in kinds], np.float32)[kind][..., None, None]
    ends = ends + _uniform(rng, -0.2, 0.2, n, 2, 3, 1, 1)
    down = np.linspace(0, 1, side, dtype=np.float32)[:, None]
    pixels = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * down
    pixels = pixels + np.float32(0.2) * _smooth(rng, n, side, 7)[:, None]
    _clutter(rng, pixels, 4, 0.8)
    return pixels


def _clutter(rng, pixels: np.ndarray, count: int, size: float) -> None:
    """Paint ``count`` random quadrangles, up to ``size``, onto (n, 3, side, side), in place."""
    n, _, side, _ = pixels.shape
    square = np.array(_box(-1, -1, 1, 1), np.float32)
    for _ in range(count):
        corners = square + _uniform(rng, -0.8, 0.8, n, 4, 2)
        corners = corners * _uniform(rng, 0.05, size / 2, n, 1, 1) + _uniform(rng, -1, 1, n, 1, 2)
        cover = _fill(corners, side)[:, None]
        pixels += (_uniform(rng, 0, 1, n, 3, 1, 1) - pixels) * cover
