"""The stand-in for MNIST: handwritten digits."""

from functools import cache

import numpy as np

from convbook.standins.drawing import affine, balanced, smooth, stored, uniform


@cache
def handwriting(split: str) -> list:
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


def make(rng, split: str, n: int) -> dict[str, np.ndarray]:
    """``n`` images ``x`` and their classes ``y``, as they are stored."""
    y = balanced(rng, n)
    return {"x": stored(_digits(rng, y, split)), "y": y}


def _digits(rng, y: np.ndarray, split: str) -> np.ndarray:
    """Handwritten digits, each bent, turned, moved and thinned; float32 (n, 28, 28)."""
    n, side = len(y), 28
    sources = handwriting(split)
    pick = rng.random(n)
    images = np.stack([sources[k][int(p * len(sources[k]))] for k, p in zip(y, pick, strict=True)])
    to_source = affine(rng, n, turn=0.15, scale=(1.2, 1.45), shear=0.15)[..., None, None]
    shift = uniform(rng, -0.1, 0.1, 2, n, 1, 1)
    line = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side / 2) - 1
    across, down = line[None, None, :] + shift[0], line[None, :, None] + shift[1]
    u = to_source[:, 0, 0] * across + to_source[:, 0, 1] * down
    v = to_source[:, 1, 0] * across + to_source[:, 1, 1] * down
    u += np.float32(0.03) * smooth(rng, n, side, 4)
    v += np.float32(0.03) * smooth(rng, n, side, 4)
    ink = _sample(images, u, v)
    thin = uniform(rng, 0.4, 0.55, n, 1, 1)
    pixels = ((ink - thin) * uniform(rng, 3, 6, n, 1, 1) + np.float32(0.5)).clip(0, 1)
    return pixels * (1 - uniform(rng, 0, 0.15, n, side, side))
