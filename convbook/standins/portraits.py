"""How the stand-in faces are painted: the scene, the head, its parts from back to front, a camera.

A brush is called with the pixels' places ``u`` and ``v`` in the part's own units; see
`convbook.standins.painting.Painting.paint`. Sizes and grey values are (n, 1, 1), one for each head.
"""

import numpy as np

from convbook.standins.drawing import smooth, uniform
from convbook.standins.painting import Painting, blurred, ellipse, inside, lens

SIDE = 96
LINE = np.linspace(-1, 1, SIDE, dtype=np.float32)


def painted(rng, heads) -> np.ndarray:
    """Images of ``heads``, a `convbook.standins.faces.Heads`: float32 (n, 96, 96), about 0 to 1."""
    portrait = Portrait(rng, heads)
    portrait.scene()
    portrait.head()
    portrait.eyes()
    portrait.nose()
    portrait.mouth()
    portrait.glasses()
    return portrait.photograph()


class Portrait:
    """``n`` images that are painted part by part, all at once."""

    def __init__(self, rng, heads):
        self.rng, self.heads, self.n = rng, heads, len(heads)
        self.at = {key: value[:, None, None] for key, value in heads.proportions.items()}
        self.points = heads.points()

    def any(self, low, high) -> np.ndarray:
        """A random number for each head."""
        return uniform(self.rng, low, high, self.n, 1, 1)

    def share(self, part: float) -> np.ndarray:
        """1 for a random share of the heads, 0 for the others."""
        return (self.rng.random((self.n, 1, 1)) < part).astype(np.float32)

    def scene(self) -> None:
        """A ground that is lit unevenly, and three boxes on it."""
        ground = (
            self.any(0.1, 0.9) + self.any(-0.25, 0.25) * LINE + self.any(-0.2, 0.2) * LINE[:, None]
        )
        ground = ground + self.any(0, 0.5) * smooth(self.rng, self.n, SIDE, 7)
        frame = np.ascontiguousarray(self.heads.pose[:, :, :2])
        self.painting = Painting(ground.clip(0, 1).astype(np.float32), frame)
        middle = np.broadcast_to(np.float32((SIDE - 1) / 2), (self.n, 2))
        for _ in range(3):
            w, h, grey = self.any(4, 20), self.any(4, 30), self.any(0, 1)

            def box(u, v, _, w=w, h=h, grey=grey):
                return inside(w - np.abs(u)) * inside(h - np.abs(v)), grey

            self.painting.paint(middle + uniform(self.rng, -50, 50, self.n, 2), 30, box)

    def head(self) -> None:
        """Hair behind, neck, ears, head, and the hair that falls over it."""
        any_, place, paint = self.any, self.heads.place, self.painting.paint
        self.skin, self.hair, cloth = any_(0.3, 0.85), any_(0.03, 0.55), any_(0, 1)
        skin, hair = self.skin, self.hair
        self.light = light = any_(-0.35, 0.35)  # from the side
        self.head_w = head_w = any_(34, 40)
        head_h, jaw = any_(46, 52), any_(0.05, 0.3)
        parting, sweep = any_(-20, 20), any_(-0.5, 0.5)
        long, volume, bald = self.share(0.35), any_(1.04, 1.2), self.share(0.12)
        texture = smooth(self.rng, self.n, 120, 21) * np.float32(0.06)

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

        def skull(u, v, _):
            u, v = u / (head_w * (1 - jaw * (v / head_h).clip(0, 1))), v / head_h
            round_ = 1 - u * u - v * v
            shade = np.float32(0.75) + np.sqrt(round_.clip(0, 1)) * np.float32(0.3) + light * u
            tone = texture[:, : u.shape[1], : u.shape[2]] * np.float32(0.5)
            return inside(round_ * 18), skin * shade + tone

        def fringe(u, v, _):
            far = np.abs(u - parting)
            edge = np.float32(-29) - bald * 30 + sweep * (u - parting) + far * np.float32(0.18)
            near_u, near_v = u / (head_w * volume), v / (head_h * np.float32(1.04))
            round_ = 1.03 - near_u * near_u - near_v * near_v
            shine = far * np.float32(0.006)
            grey = hair + shine + texture[:, : u.shape[1], : u.shape[2]]
            return inside(edge - v, 2) * inside(round_ * 18), grey - light * u * np.float32(0.005)

        middle = place(0, 0, np.float32(-10))
        paint(middle, 60, behind)
        paint(place(0, 52, np.float32(-14)), 52, neck)
        for side in (-1, 1):
            paint(place(side * (head_w[:, 0, 0] + 1), 0, np.float32(-16)), 12, ear)
        paint(middle, 52, skull)
        paint(middle, 56, fringe)

    def eyes(self) -> None:
        """Sockets, eyes and brows."""
        any_, at, points = self.any, self.at, self.points
        gaze_x, gaze_y, iris = any_(-1.3, 1.3), any_(-0.5, 0.5), any_(0.05, 0.3)
        white = any_(0.75, 0.95) * (self.skin + np.float32(1)) * np.float32(0.55)
        brow_t, brow_arc, brow_grey = any_(1, 2.2), any_(0, 4), any_(0.25, 0.75)
        brow_w = (at["brow_out"] - at["brow_in"]) / 2

        def socket(u, v, under):
            return ellipse(u, v, np.float32(11), np.float32(8), 6), under * np.float32(0.82)

        def eye(u, v, under):
            opening = lens(u, v, at["eye_w"], at["eye_h"])
            du, dv = u - gaze_x, v - gaze_y
            far = du * du + dv * dv
            grey = np.where(far < 12, iris, white)
            grey = np.where(far < 3, np.float32(0.02), grey)
            grey = np.where((du - 1) * (du - 1) + (dv + 1) * (dv + 1) < 0.5, np.float32(0.9), grey)
            width, height = at["eye_w"] * np.float32(1.1), at["eye_h"] + np.float32(1)
            lid = lens(u, v + np.float32(0.8), width, height)
            return lid, np.where(opening > 0.5, grey, under * np.float32(0.45))

        for side, ends in ((-1, points[:, 8:10]), (1, points[:, 6:8])):

            def brow(u, v, under, side=side):
                along = u / brow_w
                middle = at["brow_slope"] / 2 * along * side - brow_arc * (1 - along * along)
                thick = brow_t * (np.float32(1.15) - along * side * np.float32(0.35))
                cover = inside(thick - np.abs(v - middle), 1.5)
                return cover * inside(brow_w - np.abs(u), 1.5), under * brow_grey

            p = self.heads.proportions
            centre = self.heads.place(side * p["eye_x"], p["eye_y"])
            self.painting.paint(centre, 14, socket)
            self.painting.paint(centre, 12, eye)
            self.painting.paint((ends[:, 0] + ends[:, 1]) / 2, 16, brow)

    def nose(self) -> None:
        bridge, nostril, wide = self.any(0.08, 0.25), self.any(0.2, 0.6), self.any(6, 9)
        lean = self.heads.pose[:, 0, 2][:, None, None]

        def nose(u, v, under):
            up = (-v).clip(0, None)  # from the tip upwards, where it bends towards the eyes
            u = u + lean * up * np.float32(0.35)
            half = wide * (1 - up * np.float32(0.025)) * np.float32(0.6)
            flank = inside(half - np.abs(u), 5) * inside(np.float32(20) - up, 6) * inside(4 - v, 2)
            ridge = bridge * (1 - np.abs(u) / half * np.float32(1.5))
            bright = 1 + ridge + self.light * u / half * np.float32(0.6)
            tip = ellipse(u, v, np.float32(4), np.float32(3), 4) * np.float32(0.12)
            return flank, under * (bright + tip)

        def nostrils(u, v, under):
            both = np.abs(u) - wide * np.float32(0.5)
            holes = ellipse(both, v, np.float32(2), np.float32(1.3), 1)
            aside = np.abs(u) - wide * np.float32(0.95)
            wings = lens(aside, v + 2, np.float32(1.5), np.float32(3), 2)
            return np.maximum(holes, wings * np.float32(0.3)), under * nostril

        p = self.heads.proportions
        self.painting.paint(self.points[:, 10], 24, nose)
        below = self.heads.place(0, p["nose_y"] + 3.2, p["nose_z"] - 2)
        self.painting.paint(below, 12, nostrils)

    def mouth(self) -> None:
        """Beard and lips; an open mouth shows what is behind them."""
        any_, at = self.any, self.at
        beard = self.share(0.22) * any_(0.3, 0.9)
        stubble = np.abs(smooth(self.rng, self.n, 76, 38)) * np.float32(0.1)
        lip, teeth = any_(0.55, 0.95), any_(0.02, 0.9)
        width, gap = at["mouth_w"], at["open"] * at["gap"]

        def whiskers(u, v, under):
            a, b = u / (self.head_w * np.float32(0.85)), (v - 4) / 24
            cheeks = inside(a * a + b * b * (v > 4) - np.float32(0.25), 0.5) * (np.abs(a) < 1)
            moustache = lens(u, v + 7, width * np.float32(1.2), np.float32(2.5), 2)
            chin = inside(1 - a * a - b * b, 0.3) * inside(v + 12 - np.abs(a) * 8, 8)
            hairy = np.maximum(moustache, np.maximum(cheeks, inside(v - 8, 3)) * chin)
            grey = self.hair * np.float32(0.6) + stubble[:, : u.shape[1], : u.shape[2]]
            return hairy * beard, grey

        def lips(u, v, under):
            along = u / width
            arch = (1 - along * along).clip(0, None)
            v = v + at["smile"] * along * along
            top, bottom = -2 * at["upper"] * arch, (gap + 2 * at["lower"]) * arch
            inner = gap * arch
            both = inside(np.minimum(v - top, bottom - v)) * inside(width - np.abs(u))
            line = inside(np.float32(0.7) - np.abs(v - inner / 2) + inner / 2)
            shade = np.where(v < inner / 2, lip * np.float32(0.85), lip + np.float32(0.08))
            is_open = (gap > 1.5) & (v > 0.4) & (v < inner - 0.4)
            opened = np.where(is_open, teeth, np.float32(0.1))
            grey = under * shade + (opened - under * shade) * line
            return np.maximum(both, line * (np.abs(along) < 1)), grey

        middle = self.heads.place(0, self.heads.proportions["mouth_y"])
        self.painting.paint(middle, 38, whiskers)
        self.painting.paint(middle, 22, lips)

    def glasses(self) -> None:
        """Two glasses and the bridge between them, on a quarter of the heads."""
        any_, share = self.any, self.share
        glasses, rim, tint = share(0.25), any_(0, 0.5), any_(0, 0.35)
        lens_w, lens_h, square = any_(9.5, 12.5), any_(7.5, 10.5), share(0.5)

        def glass(u, v, under):
            a, b = u / lens_w, (v - 1) / lens_h
            a, b = a * a, b * b
            far = a + b + square * (a * a + b * b - a - b)
            ring = inside(np.float32(0.2) - np.abs(far - 1), 0.25)
            shaded = (far < 1) * tint
            return glasses * np.maximum(ring, shaded), np.where(ring > 0.3, rim, under * rim)

        def bridge(u, v, under):
            w = self.at["eye_x"] - lens_w
            return glasses * inside(w - np.abs(u)) * inside(np.float32(0.9) - np.abs(v)), rim

        p, place = self.heads.proportions, self.heads.place
        for side in (-1, 1):
            self.painting.paint(place(side * p["eye_x"], p["eye_y"], np.float32(9)), 16, glass)
        self.painting.paint(place(0, p["eye_y"] - 1, np.float32(12)), 10, bridge)

    def photograph(self) -> np.ndarray:
        """The images (n, 96, 96) through a camera: shadow, blur, contrast, brightness and noise."""
        images, any_ = self.painting.seen(), self.any
        shadow = 1 + any_(-0.35, 0.35) * LINE + any_(-0.2, 0.2) * LINE[:, None]
        images = images.clip(0, 1) * shadow
        images = blurred(images, any_(0, 0.55))
        images = (images - np.float32(0.5)) * any_(0.55, 1.1) + any_(0.38, 0.62)
        images += uniform(self.rng, -1, 1, self.n, SIDE, SIDE) * any_(0, 0.07)
        return images
