"""The image-kernels explorer."""

import base64

import numpy as np

from convbook.widgets.explorer import (
    Explorer,
    check_choice,
    check_id,
    check_number,
    check_whole,
    read,
)

IMAGES = ("face", "digit", "ramp", "checkers", "star", "scene", "colours")
KERNELS = (
    "identity",
    "outline",
    "box",
    "gaussian",
    "motion",
    "sharpen",
    "emboss",
    "sobel_top",
    "sobel_bottom",
    "sobel_left",
    "sobel_right",
    "laplacian",
    "random",
    "red_green",
)


class ImageKernels(Explorer):
    """Made by :func:`image_kernels`."""

    name = "image_kernels"

    @classmethod
    def source(cls) -> str:
        """The module after what it stands on: one script in the end."""
        parts = ("image_sources", "image_filter", "image_view", "image_kernels")
        return "".join(read(f"{part}.js") for part in parts)


def image_kernels(
    *,
    image="face",
    kernel="sobel_left",
    size=3,
    channels="grey",
    border="same",
    negatives="clamp",
    divisor=None,
    offset=0,
    id="kernels",
):
    """Show what a small kernel does to an image, number by number, as Keras does.

    Args:
        image: ``"face"``, ``"digit"``, ``"ramp"``, ``"checkers"``, ``"star"``, ``"scene"`` or
            ``"colours"`` (the last two in colour); or an array of whole numbers from 0 to 255,
            (height, width) or (height, width, 3), at most 64 × 64.
        kernel: ``"identity"``, ``"outline"``, ``"box"``, ``"gaussian"``, ``"motion"``,
            ``"sharpen"``, ``"emboss"``, ``"sobel_top"``, ``"sobel_bottom"``, ``"sobel_left"``,
            ``"sobel_right"``, ``"laplacian"``, ``"random"`` or ``"red_green"``; or an array,
            (size, size).
        size: rows and columns of the kernel: 1, 3, 5 or 7; an array brings its own.
        channels: of a colour image: ``"grey"`` takes their mean first, ``"each"`` filters each
            by itself (``DepthwiseConv2D``), ``"sum"`` adds them up (``Conv2D``).
        border: ``"same"`` (zeros) or ``"valid"``, as in Keras, or ``"nearest"``, ``"reflect"``
            or ``"wrap"``, as in SciPy.
        negatives: how the output is shown: ``"clamp"``, ``"absolute"``, ``"signed"`` (colours)
            or ``"stretch"``.
        divisor: of each sum, 0.1 to 20,000. None: the sum of the weights if it is positive and
            the kernel is given by name; else 1.
        offset: added to each sum after the division, -255 to 255, whole.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    state = {
        "id": check_id(id),
        "c": check_choice("channels", channels, ("grey", "each", "sum")),
        "b": check_choice("border", border, ("same", "valid", "nearest", "reflect", "wrap")),
        "m": check_choice("negatives", negatives, ("clamp", "absolute", "signed", "stretch")),
        "n": divisor is None and isinstance(kernel, str),
        "d": 1.0 if divisor is None else check_number("divisor", divisor, 0.1, 20_000),
        "o": check_whole("offset", offset, -255, 255),
        "r": 0,
        "t": "all",
        "v": False,
        "p": None,
    }
    if isinstance(image, str):
        state["s"] = check_choice("image", image, IMAGES)
    else:
        state |= {"s": "data", "data": packed(image)}
    if isinstance(kernel, str):
        state |= {"f": check_choice("kernel", kernel, KERNELS), "own": []}
        state["k"] = check_choice("size", str(size), ("1", "3", "5", "7"))
    else:
        weights = check_kernel(kernel)
        state |= {"f": "own", "own": [weights.ravel().tolist()], "k": str(len(weights))}
    return ImageKernels(state=state)


def packed(image) -> dict:
    """An array of pixels as JSON can hold it; ValueError if it is no image."""
    pixels = np.asarray(image)
    shape = pixels.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise ValueError(f"image must be (height, width) or (height, width, 3); got {shape}")
    if not (min(shape[:2]) >= 1 and max(shape[:2]) <= 64):
        raise ValueError(f"image must have 1 to 64 rows and columns; got {shape}")
    if not (pixels.dtype.kind in "iu" and pixels.min() >= 0 and pixels.max() <= 255):
        raise ValueError("image must hold whole numbers from 0 to 255; use .astype('uint8')")
    return {
        "height": shape[0],
        "width": shape[1],
        "depth": 1 if len(shape) == 2 else 3,
        "values": base64.b64encode(pixels.astype("uint8").tobytes()).decode(),
    }


def check_kernel(kernel) -> np.ndarray:
    """The weights, if they are a small odd square of numbers; else ValueError."""
    weights = np.asarray(kernel, dtype=float)
    if weights.shape not in [(1, 1), (3, 3), (5, 5), (7, 7)]:
        raise ValueError(f"kernel must be 1×1, 3×3, 5×5 or 7×7; got the shape {weights.shape}")
    if not (np.abs(weights) <= 1e6).all():
        raise ValueError("kernel must hold numbers from -1e6 to 1e6")
    return weights
