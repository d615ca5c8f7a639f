"""Right whales from above, told apart by the light patches on their heads.

A whale's units are pixels at scale 1: u from the blowhole to the tip of the head, v to the image's
right of that where the head points down. A pattern is never mirrored.
"""

from functools import cache

import numpy as np

from convbook.standins.drawing import balanced, smooth, stored, stripes, uniform
from convbook.standins.painting import Painting, blurred, ellipse, inside, rounded, turned

SIDE = 96
POINTS = ((20, 0), (-14, 0))  # bonnet and blowhole
SCALE = (0.7, 1.3)  # the image's pixels for one of a whale's units
SITES = (  # where a patch may be
    (11, -4.5), (11, 4.5), (4, -9.5), (3.5, -1.5), (4, 7), (-4, -13), (-4, -5),
    (-4.5, 4), (-4, 12), (-13, -12), (-13, 12), (-22, -8), (-22, 1), (-22, 9),
)  # fmt: skip


@cache
def patterns() -> np.ndarray:
    """The size of each site's patch, 0 where there is none, for each individual: (10, sites, 2).

    Every whale has 6 to 8 patches, and any two differ in at least 5 sites.
    """
    rng, found = np.random.default_rng(0), []
    while len(found) < 10:
        new = rng.permutation(len(SITES)) < rng.integers(6, 9)
        if all((new != old).sum() >= 5 for old in found):
            found.append(new)
    sizes = np.round(rng.uniform(1.6, 4.4, (10, len(SITES), 2)), 1)
    return (sizes * np.array(found)[..., None]).astype(np.float32)


def make(rng, split: str, n: int) -> dict[str, np.ndarray]:
    """``n`` images ``x``, the individuals ``y`` and their ``points``, as they are stored."""
    y = balanced(rng, n)
    images, points = _whales(rng, y)
    return {"x": stored(images), "y": y, "points": points}


def _water(rng, n: int) -> np.ndarray:
    """Waves of any direction, and light; float32 (n, 96, 96)."""
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    grey, across, down = uniform(rng, -1, 1, 3, n, 1, 1)
    water = np.float32(0.55) + np.float32(0.12) * grey
    water = water + np.float32(0.12) * (across * line + down * line[:, None])
    water = water + np.float32(0.16) * smooth(rng, n, SIDE, 9)
    water = water + np.float32(0.12) * smooth(rng, n, SIDE, 25)
    return water + np.float32(0.35) * stripes(rng, n, SIDE)


def _whales(rng, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 (n, 96, 96), and bonnet and blowhole in them, float32 (n, 2, 2)."""
    n = len(y)
    angle = rng.uniform(-np.pi, np.pi, n)
    cos, sin = rounded(np.cos(angle)), rounded(np.sin(angle))
    scale = uniform(rng, *SCALE, n)
    frame = np.array([[scale * cos, -scale * sin], [scale * sin, scale * cos]]).transpose(2, 0, 1)
    free = np.minimum(40 - 17 * scale, 15)[:, None]  # so both points are well within the image
    middle = np.float32((SIDE - 1) / 2) + free * uniform(rng, -1, 1, n, 2)
    origin = middle - np.stack(turned(frame, 3, 0), -1)

    def place(u, v):
        """Pixels (n, 2) of a place on the whale."""
        return origin + np.stack(turned(frame, u, v), -1)

    def cell(low, high):
        return uniform(rng, low, high, n, 1, 1)

    picture = Painting(_water(rng, n), frame)
    dark, round_ = cell(0.06, 0.2), cell(0.05, 0.2)
    deep = cell(0.2, 0.6)  # how soon the body sinks into the water
    skin = smooth(rng, n, 150, 40) * np.float32(0.05)

    def body(u, v, under):
        a, b = (u + 60) / 86, v / 26
        within = 1 - a * a - b * b
        sunk = (1 + (u + 20) / 90 * deep * 2).clip(0, 1)
        return inside(within * 12, 2) * np.minimum(sunk, 1), dark + round_ * within + skin

    def slits(u, v, under):
        return ellipse(u, np.abs(v) - 2, np.float32(3), np.float32(1)), np.float32(0.02)

    picture.paint(origin, 75, body)
    light = dark + cell(0.3, 0.55)
    sizes = patterns()[y].transpose(1, 2, 0)
    spots = [(POINTS[0], (6.0, 5.0)), ((-18.5, 0), (1.8, 3.5)), *zip(SITES, sizes, strict=True)]
    for (u, v), (a, b) in spots:
        there = np.broadcast_to(a, n) > 0
        a, b = (np.broadcast_to(r, n)[:, None, None] + ~there[:, None, None] for r in (a, b))
        a, b, bright = a * cell(0.85, 1.15), b * cell(0.85, 1.15), light * cell(0.85, 1.15)
        u, v = u + uniform(rng, -0.7, 0.7, n), v + uniform(rng, -0.7, 0.7, n)
        there = there.astype(np.float32)[:, None, None] * cell(0.8, 1)

        def patch(u, v, under, a=a, b=b, bright=bright, there=there):
            return ellipse(u, v, a, b) * there, bright

        picture.paint(place(u, v), 11, patch)
    picture.paint(place(*POINTS[1]), 8, slits)

    images = picture.seen()
    foam = smooth(rng, n, SIDE, 13) + np.float32(0.6) * smooth(rng, n, SIDE, 40)
    images = images + (np.float32(0.9) - images) * inside(foam - cell(0.85, 1.5), 0.4) * cell(
        0.3, 0.9
    )
    images = blurred(images, cell(0.1, 0.5))
    images = (images - np.float32(0.4)) * cell(0.6, 1.2) + cell(0.3, 0.55)
    images += uniform(rng, -1, 1, n, SIDE, SIDE) * cell(0.02, 0.08)
    return images, np.stack([place(*point) for point in POINTS], axis=1).astype(np.float32)
