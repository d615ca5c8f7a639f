"""The stand-in for Fashion-MNIST: drawn garments."""

import numpy as np

from convbook.standins.drawing import (
    affine,
    balanced,
    box,
    fill,
    mirrored,
    posed,
    smooth,
    stored,
    stripes,
    uniform,
)

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
    [(1, mirrored(_TEE))],
    [(1, mirrored(_TROUSER))],
    [(1, mirrored(_LONG))],
    [(1, mirrored(_DRESS))],
    [(1, mirrored(_COAT)), (0.6, box(-0.04, -0.7, 0.04, 0.96))],
    [
        (1, [(-0.95, 0.42), (0.2, 0.3), (0.9, -0.2), (0.95, 0.5), (0.75, 0.5), (0.72, 0.2),
             (0.2, 0.52), (-0.95, 0.55)]),
        (1, [(-0.75, 0.4), (-0.45, 0.05), (-0.25, 0.05), (-0.5, 0.4)]),
        (1, [(-0.05, 0.35), (0.2, -0.3), (0.4, -0.3), (0.15, 0.35)]),
        (0.8, [(0.2, -0.3), (0.75, -0.35), (0.9, -0.1), (0.75, -0.1), (0.65, -0.2), (0.2, -0.15)]),
    ],
    [
        (1, mirrored(_SHIRT)),
        (0.8, box(-0.03, -0.6, 0.03, 0.88)),
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


def make(rng, split: str, n: int) -> dict[str, np.ndarray]:
    """``n`` images ``x`` and their classes ``y``, as they are stored."""
    y = balanced(rng, n)
    return {"x": stored(_garments(rng, y)), "y": y}


def _garments(rng, y: np.ndarray) -> np.ndarray:
    """Grey garments on black with folds and patterns; float32 (n, 28, 28)."""
    n, side = len(y), 28
    pixels = np.zeros((n, side, side), np.float32)
    for k, parts in enumerate(_GARMENTS):
        mine = np.flatnonzero(y == k)
        m = len(mine)
        pose = affine(rng, m, turn=0.15, scale=(0.62, 1.0), shear=0.15)
        shift = uniform(rng, -0.15, 0.15, m, 1, 2)
        drawn = np.zeros((m, side, side), np.float32)
        for layer, (tone, outline) in enumerate(parts):
            corners = np.array(outline, np.float32)
            if k in _KIN and layer == 0:
                kin = np.array([_GARMENTS[j][0][1] for j in _KIN[k]], np.float32)
                other = kin[rng.integers(len(kin), size=m)]
                corners = corners + uniform(rng, 0, LIKENESS, m, 1, 1) * (other - corners)
            cover = fill(posed(rng, corners, m, 0.07, pose, shift), side)
            tones = np.float32(tone) * (1 + uniform(rng, -0.4, 0.4, m, 1, 1) * (tone > 0))
            drawn += (tones - drawn) * cover
        pixels[mine] = drawn
    cloth = uniform(rng, 0.25, 1, n, 1, 1)
    cloth = cloth * (1 + np.float32(0.4) * smooth(rng, n, side, 6)) + stripes(rng, n, side)
    return pixels * (cloth + uniform(rng, -0.1, 0.1, n, side, side))
