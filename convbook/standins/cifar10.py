"""The stand-in for CIFAR-10: painted scenes."""

import numpy as np

from convbook.standins.drawing import (
    affine,
    balanced,
    box,
    fill,
    oval,
    posed,
    smooth,
    stored,
    stripes,
    uniform,
)

# For each class: where it is usually seen, its usual colours (RGB), and its parts in the order of
# painting, facing right: 0 in the main colour, 1 in a darker shade, 2 nearly black, 3 nearly white.
_LEGS = [[(x, 0.25), (x + 0.14, 0.25), (x + 0.1, 0.9), (x, 0.9)] for x in (-0.6, -0.42, 0.28, 0.46)]
_WHEEL_L, _WHEEL_R = oval(-0.5, 0.48, 0.2, 0.22), oval(0.52, 0.48, 0.2, 0.22)
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
        (2, box(-0.1, 0.4, -0.05, 0.92)), (2, box(0.1, 0.4, 0.15, 0.92)),
        (1, [(-0.4, 0.0), (-0.95, 0.3), (-0.85, 0.45), (-0.3, 0.25)]),
        (0, oval(0, 0.1, 0.52, 0.36)), (0, oval(0.45, -0.35, 0.24, 0.24)),
        (1, [(-0.35, 0.0), (0.2, -0.05), (-0.1, 0.35), (-0.5, 0.35)]),
        (2, [(0.62, -0.45), (0.95, -0.32), (0.62, -0.25)]),
    ]),
    ("room", (_TAN, _GREY, _BLACK, _YELLOW), [
        (1, [(-0.4, 0.8), (-0.85, 0.6), (-0.9, 0.1), (-0.75, 0.1), (-0.7, 0.5), (-0.4, 0.6)]),
        (0, oval(-0.05, 0.5, 0.5, 0.48)), (0, oval(0.1, -0.2, 0.48, 0.42)),
        (0, [(-0.35, -0.3), (-0.32, -0.92), (0.02, -0.52)]),
        (0, [(0.2, -0.52), (0.52, -0.92), (0.56, -0.3)]),
        (2, oval(-0.07, -0.25, 0.08, 0.1, 4)), (2, oval(0.28, -0.25, 0.08, 0.1, 4)),
        (3, [(0.0, 0.02), (0.22, 0.02), (0.11, 0.14)]),
    ]),
    ("grass", (_BROWN, _TAN), [
        *((1, leg) for leg in _LEGS),
        (0, oval(-0.05, 0.12, 0.62, 0.26)),
        (0, [(0.3, 0.1), (0.5, -0.4), (0.68, -0.35), (0.58, 0.2)]),
        (0, oval(0.68, -0.38, 0.24, 0.13)), (3, [(-0.68, 0.0), (-0.82, 0.2), (-0.6, 0.25)]),
        (1, [(0.52, -0.45), (0.3, -0.95), (0.38, -0.95), (0.6, -0.45)]),
        (1, [(0.6, -0.45), (0.72, -0.97), (0.8, -0.95), (0.68, -0.45)]),
        (1, [(0.42, -0.7), (0.2, -0.8), (0.22, -0.87), (0.45, -0.78)]),
        (1, [(0.68, -0.68), (0.95, -0.8), (0.95, -0.87), (0.68, -0.78)]),
    ]),
    ("room", (_TAN, _BROWN, _WHITE, _BLACK), [
        *((1, leg) for leg in _LEGS),
        (1, [(-0.62, 0.1), (-0.95, -0.45), (-0.8, -0.5), (-0.45, 0.0)]),
        (0, oval(-0.05, 0.12, 0.62, 0.28)), (0, oval(0.5, -0.28, 0.36, 0.34)),
        (0, [(0.65, -0.35), (0.98, -0.2), (0.98, -0.02), (0.6, 0.02)]),
        (1, [(0.18, -0.55), (0.42, -0.55), (0.38, 0.1), (0.16, 0.1)]),
        (2, oval(0.93, -0.18, 0.09, 0.08, 4)), (2, oval(0.6, -0.35, 0.07, 0.08, 4)),
    ]),
    ("grass", (_GREEN, _GREEN, _BROWN, _YELLOW), [
        (1, [(-0.9, 0.75), (-0.6, 0.0), (-0.25, 0.3), (-0.45, 0.75)]),
        (1, [(0.9, 0.75), (0.6, 0.0), (0.25, 0.3), (0.45, 0.75)]),
        (0, oval(0, 0.22, 0.62, 0.5)),
        (0, oval(-0.34, -0.32, 0.22, 0.22)), (0, oval(0.34, -0.32, 0.22, 0.22)),
        (3, oval(-0.34, -0.36, 0.12, 0.12, 6)), (3, oval(0.34, -0.36, 0.12, 0.12, 6)),
        (2, box(-0.4, 0.06, 0.4, 0.12)),
    ]),
    ("grass", (_BROWN, _BLACK, _TAN), [
        *((0, leg) for leg in _LEGS),
        (2, [(-0.55, 0.0), (-0.9, 0.15), (-0.85, 0.7), (-0.7, 0.65), (-0.65, 0.2)]),
        (0, oval(-0.05, 0.1, 0.64, 0.3)),
        (0, [(0.2, 0.0), (0.42, -0.7), (0.66, -0.6), (0.6, 0.2)]),
        (2, [(0.15, -0.05), (0.36, -0.8), (0.46, -0.72), (0.3, 0.0)]),
        (0, [(0.42, -0.8), (0.62, -0.8), (0.95, -0.38), (0.82, -0.25), (0.5, -0.5)]),
    ]),
    ("water", (_WHITE, _RED, _BLUE, _GREY), [
        (3, box(-0.55, -0.2, 0.25, 0.12)), (1, box(-0.15, -0.6, 0.1, -0.15)),
        (2, box(0.38, -0.75, 0.44, 0.15)),
        (3, [(0.46, -0.7), (0.78, 0.0), (0.46, 0.0)]),
        (0, [(-0.92, 0.1), (0.98, 0.06), (0.68, 0.55), (-0.72, 0.55)]),
        (1, [(-0.8, 0.36), (0.8, 0.36), (0.68, 0.55), (-0.72, 0.55)]),
    ]),
    ("road", (_RED, _WHITE, _BLUE, _YELLOW), [
        (3, box(-0.95, -0.65, 0.35, 0.42)), (1, box(-0.95, 0.3, 0.9, 0.48)),
        (0, [(0.4, 0.42), (0.4, -0.4), (0.72, -0.4), (0.94, 0.0), (0.94, 0.42)]),
        (2, [(0.5, -0.02), (0.5, -0.3), (0.68, -0.3), (0.82, -0.02)]),
        (2, _WHEEL_L), (2, _WHEEL_R),
    ]),
)  # fmt: skip


_SHADES = np.array([(1, 0), (0.65, 0), (0, 0.1), (0, 0.85)], np.float32)  # of main colour, of white
ODD = 0.4  # the share of objects that have any colour at all
AWAY = 0.5  # the share of objects that are seen in any scenery at all


def make(rng, split: str, n: int) -> dict[str, np.ndarray]:
    """``n`` images ``x`` and their classes ``y``, as they are stored."""
    y = balanced(rng, n)
    return {"x": stored(_scenes(rng, y)), "y": y}


def _scenes(rng, y: np.ndarray) -> np.ndarray:
    """Coloured objects in cluttered scenes; float32 (n, 32, 32, 3)."""
    n, side = len(y), 32
    pixels = _backgrounds(rng, y, side)
    turn = np.array([0.5 if k == 0 else 0.15 for k in range(10)])  # airplanes tilt
    for k, (_, colours, parts) in enumerate(_OBJECTS):
        mine = np.flatnonzero(y == k)
        m = len(mine)
        pose = affine(rng, m, turn[k], scale=(0.5, 0.95), shear=0.15)
        pose[:, :, 0] *= np.where(rng.random(m) < 0.5, -1, 1)[:, None]  # facing left or right
        shift = uniform(rng, -0.25, 0.25, m, 1, 2)
        main = np.array(colours, np.float32)[rng.integers(len(colours), size=m)]
        odd = rng.random(m) < ODD
        main[odd] = uniform(rng, 0, 1, odd.sum(), 3)
        main += uniform(rng, -0.15, 0.15, m, 3)
        texture = 1 + np.float32(0.2) * smooth(rng, m, side, 9) + stripes(rng, m, side)
        coloured, grey = np.zeros(
            (2, m, side, side), np.float32
        )  # shares of the main colour, of white
        behind = np.ones((m, side, side), np.float32)
        for shade, outline in parts:
            cover = fill(posed(rng, outline, m, 0.06, pose, shift), side)
            coloured += (_SHADES[shade][0] - coloured) * cover
            grey += (_SHADES[shade][1] - grey) * cover
            behind *= 1 - cover
        front = coloured[:, None] * main[..., None, None] + grey[:, None]
        pixels[mine] = pixels[mine] * behind[:, None] + front * texture[:, None]
    _clutter(rng, pixels, 2, 0.45)
    light, haze = uniform(rng, 0.5, 1.1, n, 1, 1, 1), uniform(rng, -0.15, 0.25, n, 1, 1, 1)
    pixels = pixels * light + haze + uniform(rng, -0.12, 0.12, n, 3, side, side)
    return pixels.transpose(0, 2, 3, 1)


def _backgrounds(rng, y: np.ndarray, side: int) -> np.ndarray:
    """Scenery that the class is often, not always, seen in; float32 (n, 3, side, side)."""
    n = len(y)
    kinds = list(_SCENERY)
    usual = np.array([kinds.index(place) for place, _, _ in _OBJECTS])[y]
    kind = np.where(rng.random(n) < AWAY, rng.integers(len(kinds), size=n), usual)
    ends = np.array([_SCENERY[k] for k in kinds], np.float32)[kind][..., None, None]
    ends = ends + uniform(rng, -0.2, 0.2, n, 2, 3, 1, 1)
    down = np.linspace(0, 1, side, dtype=np.float32)[:, None]
    pixels = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * down
    pixels = pixels + np.float32(0.2) * smooth(rng, n, side, 7)[:, None]
    _clutter(rng, pixels, 4, 0.8)
    return pixels


def _clutter(rng, pixels: np.ndarray, count: int, size: float) -> None:
    """Paint ``count`` random quadrangles, up to ``size``, onto (n, 3, side, side), in place."""
    n, _, side, _ = pixels.shape
    square = np.array(box(-1, -1, 1, 1), np.float32)
    for _ in range(count):
        corners = square + uniform(rng, -0.8, 0.8, n, 4, 2)
        corners = corners * uniform(rng, 0.05, size / 2, n, 1, 1) + uniform(rng, -1, 1, n, 1, 2)
        cover = fill(corners, side)[:, None]
        pixels += (uniform(rng, 0, 1, n, 3, 1, 1) - pixels) * cover
