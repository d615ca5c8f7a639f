"""The stand-in for Kaggle's faces: heads of any pose, whose 15 points are known exactly."""

import numpy as np

from convbook.standins.drawing import smooth, stored, uniform
from convbook.standins.painting import (
    Painting,
    blurred,
    ellipse,
    inside,
    lens,
    rounded,
    turned,
)

SIDE = 96
TURN = (0.35, 0.22, 0.3)  # how far a head looks aside, nods and tilts, in radians
OFTEN = (0, 1, 10, 14)  # the points that nearly every row of Kaggle's has: eyes, nose, lower lip
FEW = 0.7  # the share of training images that have only those
MISSED = 0.01  # the share of the other images' points that are missing


def make(rng, split: str, n: int) -> dict[str, np.ndarray]:
    """``n`` images ``x`` and their points ``y``, as they are stored; in "train" some are NaN."""
    images, points = _faces(rng, n)
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


def _faces(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 (n, 96, 96), and their points float32 (n, 15, 2).

    A head's units are pixels at scale 1, from the middle of the face; right is the image's right.
    """

    def any_(low, high):
        return uniform(rng, low, high, n)

    def share(part):
        return (rng.random(n) < part).astype(np.float32)

    pose, shift = _pose(rng, n)
    frame = np.ascontiguousarray(pose[:, :, :2])

    def place(x, y, forward=None):
        """Pixels (n, 2) of a place on the head."""
        x, y = np.broadcast_arrays(np.float32(x), np.float32(y), np.zeros(n, np.float32))[:2]
        z = _depth(x, y) if forward is None else forward
        across, down = turned(frame, x, y)
        return np.stack([across + pose[:, 0, 2] * z, down + pose[:, 1, 2] * z], -1) + shift

    # The proportions of each face.
    eye_x, eye_y = any_(16.5, 19.5), any_(-11.5, -8.5)
    eye_w, eye_h = any_(6.3, 7.7), any_(2.4, 4)
    brow_in, brow_out = any_(7, 9.5), any_(27, 31)
    brow_y, brow_slope = eye_y - any_(6.5, 9.5), any_(-1.5, 2.5)
    nose_y, nose_z = any_(11.5, 16.5), any_(17, 23)
    mouth_y, mouth_w, smile = any_(26.5, 30.5), any_(11.5, 17), any_(-1.5, 4)
    upper, lower, gap = any_(1.2, 2.2), any_(1.5, 2.8), any_(0, 1) * any_(0, 5)
    points = np.stack(
        [
            place(eye_x, eye_y),
            place(-eye_x, eye_y),
            place(eye_x - eye_w, eye_y),
            place(eye_x + eye_w, eye_y),
            place(eye_w - eye_x, eye_y),
            place(-eye_x - eye_w, eye_y),
            place(brow_in, brow_y),
            place(brow_out, brow_y + brow_slope),
            place(-brow_in, brow_y),
            place(-brow_out, brow_y + brow_slope),
            place(0, nose_y, nose_z),
            place(mouth_w, mouth_y - smile),
            place(-mouth_w, mouth_y - smile),
            place(0, mouth_y - upper),
            place(0, mouth_y + gap + lower),
        ],
        axis=1,
    )

    def cell(values):
        return values[:, None, None]

    # The scene behind, and the painter.
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    ground = (
        cell(any_(0.1, 0.9))
        + cell(any_(-0.25, 0.25)) * line
        + cell(any_(-0.2, 0.2)) * line[:, None]
    )
    ground = ground + cell(any_(0, 0.5)) * smooth(rng, n, SIDE, 7)
    picture = Painting(ground.clip(0, 1).astype(np.float32), frame)
    middle = np.broadcast_to(np.float32((SIDE - 1) / 2), (n, 2))
    for _ in range(3):
        box_w, box_h, grey = cell(any_(4, 20)), cell(any_(4, 30)), cell(any_(0, 1))

        def clutter(u, v, _, w=box_w, h=box_h, grey=grey):
            return inside(w - np.abs(u)) * inside(h - np.abs(v)), grey

        picture.paint(middle + uniform(rng, -50, 50, n, 2), 30, clutter)

    skin, hair, cloth = cell(any_(0.3, 0.85)), cell(any_(0.03, 0.55)), cell(any_(0, 1))
    light = cell(any_(-0.35, 0.35))  # from the side
    head_w, head_h, jaw = cell(any_(34, 40)), cell(any_(46, 52)), cell(any_(0.05, 0.3))
    parting, sweep = cell(any_(-20, 20)), cell(any_(-0.5, 0.5))
    long, volume, bald = cell(share(0.35)), cell(any_(1.04, 1.2)), cell(share(0.12))
    texture = smooth(rng, n, 120, 21) * np.float32(0.06)

    def behind(u, v, _):
        u, v = u / (head_w * volume), v / head_h
        down = v.clip(0, None)
        round_ = 1.12 - u * u * (1 - long * down.clip(0, 1)) - v * v * (1 - long * (v > 0))
        return inside(round_ * 18) * (1 - bald), hair + texture[:, : u.shape[1], : u.shape[2]]

    def neck(u, v, _):
        grey = np.where(v > 22 + np.abs(u) * np.float32(0.25), cloth, skin * np.float32(0.7))
        width = np.where(v > 22, 60, np.float32(20))
        return inside(width - np.abs(u)), grey

    def ear(u, v, _):
        return ellipse(u, v, np.float32(5), np.float32(9)), skin * np.float32(0.85)

    def head(u, v, _):
        u, v = u / (head_w * (1 - jaw * (v / head_h).clip(0, 1))), v / head_h
        round_ = 1 - u * u - v * v
        shade = np.float32(0.75) + np.sqrt(round_.clip(0, 1)) * np.float32(0.3) + light * u
        tone = texture[:, : u.shape[1], : u.shape[2]] * np.float32(0.5)
        return inside(round_ * 18), skin * shade + tone

    def fringe(u, v, _):
        edge = (
            np.float32(-29)
            - bald * 30
            + sweep * (u - parting)
            + np.abs(u - parting) * np.float32(0.18)
        )
        near = u / (head_w * volume), v / (head_h * np.float32(1.04))
        round_ = 1.03 - near[0] * near[0] - near[1] * near[1]
        shine = np.abs(u - parting) * np.float32(0.006)
        return (
            inside(edge - v, 2) * inside(round_ * 18),
            hair + shine + texture[:, : u.shape[1], : u.shape[2]] - light * u * np.float32(0.005),
        )

    at = place(0, 0, np.float32(-10))
    picture.paint(at, 60, behind)
    picture.paint(place(0, 52, np.float32(-14)), 52, neck)
    for side in (-1, 1):
        picture.paint(place(side * (head_w[:, 0, 0] + 1), 0, np.float32(-16)), 12, ear)
    picture.paint(at, 52, head)
    picture.paint(at, 56, fringe)

    # The parts of the face.
    eye_wc, eye_hc = cell(eye_w), cell(eye_h)
    gaze_x, gaze_y, iris = cell(any_(-1.3, 1.3)), cell(any_(-0.5, 0.5)), cell(any_(0.05, 0.3))
    white = cell(any_(0.75, 0.95)) * (skin + np.float32(1)) * np.float32(0.55)
    brow_t, brow_arc, brow_grey = cell(any_(1, 2.2)), cell(any_(0, 4)), cell(any_(0.25, 0.75))
    for side in (-1, 1):

        def socket(u, v, under):
            return ellipse(u, v, np.float32(11), np.float32(8), 6), under * np.float32(0.82)

        def eye(u, v, under):
            opening = lens(u, v, eye_wc, eye_hc)
            du, dv = u - gaze_x, v - gaze_y
            far = du * du + dv * dv
            grey = np.where(far < 12, iris, white)
            grey = np.where(far < 3, np.float32(0.02), grey)
            grey = np.where((du - 1) * (du - 1) + (dv + 1) * (dv + 1) < 0.5, np.float32(0.9), grey)
            lid = lens(u, v + np.float32(0.8), eye_wc * np.float32(1.1), eye_hc + np.float32(1))
            return lid, np.where(opening > 0.5, grey, under * np.float32(0.45))

        def brow(u, v, under, side=side):
            w = cell((brow_out - brow_in) / 2)
            along = u / w
            middle_line = cell(brow_slope) / 2 * along * side - brow_arc * (1 - along * along)
            thick = brow_t * (np.float32(1.15) - along * side * np.float32(0.35))
            return (
                inside(thick - np.abs(v - middle_line), 1.5) * inside(w - np.abs(u), 1.5),
                under * brow_grey,
            )

        picture.paint(place(side * eye_x, eye_y), 14, socket)
        picture.paint(place(side * eye_x, eye_y), 12, eye)
        ends = points[:, 6:8] if side == 1 else points[:, 8:10]
        picture.paint((ends[:, 0] + ends[:, 1]) / 2, 16, brow)

    bridge, nostril, wide = cell(any_(0.08, 0.25)), cell(any_(0.2, 0.6)), cell(any_(6, 9))

    def nose(u, v, under):
        # from the tip upwards, where it bends towards the eyes
        up = (-v).clip(0, None)
        u = u + cell(pose[:, 0, 2]) * up * np.float32(0.35)
        half = wide * (1 - up * np.float32(0.025)) * np.float32(0.6)
        flank = inside(half - np.abs(u), 5) * inside(np.float32(20) - up, 6) * inside(4 - v, 2)
        bright = (
            1
            + bridge * (1 - np.abs(u) / half * np.float32(1.5))
            + light * u / half * np.float32(0.6)
        )
        tip = ellipse(u, v, np.float32(4), np.float32(3), 4) * np.float32(0.12)
        return flank, under * (bright + tip)

    def nostrils(u, v, under):
        both = np.abs(u) - wide * np.float32(0.5)
        holes = ellipse(both, v, np.float32(2), np.float32(1.3), 1)
        wings = lens(np.abs(u) - wide * np.float32(0.95), v + 2, np.float32(1.5), np.float32(3), 2)
        return np.maximum(holes, wings * np.float32(0.3)), under * nostril

    picture.paint(points[:, 10], 24, nose)
    picture.paint(place(0, nose_y + 3.2, nose_z - 2), 12, nostrils)

    beard, stubble = cell(share(0.22) * any_(0.3, 0.9)), np.abs(smooth(rng, n, 76, 38))
    mouth_wc, bend = cell(mouth_w), cell(smile)
    lip, teeth, gap_c = cell(any_(0.55, 0.95)), cell(any_(0.02, 0.9)), cell(gap)

    def whiskers(u, v, under):
        a, b = u / (head_w * np.float32(0.85)), (v - 4) / 24
        cheeks = inside(a * a + b * b * (v > 4) - np.float32(0.25), 0.5) * (np.abs(a) < 1)
        moustache = lens(u, v + 7, mouth_wc * np.float32(1.2), np.float32(2.5), 2)
        chin = inside(1 - a * a - b * b, 0.3) * inside(v + 12 - np.abs(a) * 8, 8)
        hairy = np.maximum(moustache, np.maximum(cheeks, inside(v - 8, 3)) * chin)
        return hairy * beard, hair * np.float32(0.6) + stubble[
            :, : u.shape[1], : u.shape[2]
        ] * np.float32(0.1)

    def mouth(u, v, under):
        along = u / mouth_wc
        arch = (1 - along * along).clip(0, None)
        v = v + bend * along * along
        top, bottom = -2 * cell(upper) * arch, (gap_c + 2 * cell(lower)) * arch
        inner = gap_c * arch
        lips = inside(np.minimum(v - top, bottom - v)) * inside(mouth_wc - np.abs(u))
        line_ = inside(np.float32(0.7) - np.abs(v - inner / 2) + inner / 2)
        shade = np.where(v < inner / 2, lip * np.float32(0.85), lip + np.float32(0.08))
        opened = np.where((gap_c > 1.5) & (v > 0.4) & (v < inner - 0.4), teeth, np.float32(0.1))
        return np.maximum(lips, line_ * (np.abs(along) < 1)), (
            under * shade + (opened - under * shade) * line_
        )

    picture.paint(place(0, mouth_y), 38, whiskers)
    picture.paint(place(0, mouth_y), 22, mouth)

    glasses, rim, tint = cell(share(0.25)), cell(any_(0, 0.5)), cell(any_(0, 0.35))
    lens_w, lens_h, square = cell(any_(9.5, 12.5)), cell(any_(7.5, 10.5)), cell(share(0.5))
    for side in (-1, 1):

        def glass(u, v, under):
            a, b = u / lens_w, (v - 1) / lens_h
            a, b = a * a, b * b
            far = a + b + square * (a * a + b * b - a - b)
            ring = inside(np.float32(0.2) - np.abs(far - 1), 0.25)
            shaded = (far < 1) * tint
            return glasses * np.maximum(ring, shaded), np.where(ring > 0.3, rim, under * rim)

        picture.paint(place(side * eye_x, eye_y, np.float32(9)), 16, glass)

    def bridge_(u, v, under):
        w = cell(eye_x) - lens_w
        return glasses * inside(w - np.abs(u)) * inside(np.float32(0.9) - np.abs(v)), rim

    picture.paint(place(0, eye_y - 1, np.float32(12)), 10, bridge_)

    # The camera.
    images = picture.seen()
    shadow = 1 + cell(any_(-0.35, 0.35)) * line + cell(any_(-0.2, 0.2)) * line[:, None]
    images = images.clip(0, 1) * shadow
    images = blurred(images, cell(any_(0, 0.55)))
    images = (images - np.float32(0.5)) * cell(any_(0.55, 1.1)) + cell(any_(0.38, 0.62))
    images += uniform(rng, -1, 1, n, SIDE, SIDE) * cell(any_(0, 0.07))
    return images, points.astype(np.float32)
