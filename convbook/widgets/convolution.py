"""The convolution arithmetic explorer."""

import numpy as np

from convbook.widgets.explorer import Explorer, check_id

LIMITS = {
    "input_size": (1, 16),
    "kernel_size": (1, 7),
    "strides": (1, 4),
    "padding": (0, 6),
    "dilation_rate": (1, 4),
}


class Convolution(Explorer):
    """Made by :func:`convolution`."""

    name = "convolution"


def convolution(
    *,
    input_size=5,
    kernel_size=3,
    strides=1,
    padding=0,
    dilation_rate=1,
    transposed=False,
    input=None,
    kernel=None,
    id="conv",
):
    """Show how a convolution computes its output, cell by cell, as Keras does.

    Args:
        input_size, kernel_size, strides, padding, dilation_rate: a whole number, or a pair
            (height, width), in cells. Limits: 1 to 16, 1 to 7, 1 to 4, 0 to 6, 1 to 4.
        padding: zeros added at each end of the input; cropped from the output if transposed.
        transposed: start with ``Conv2DTranspose`` instead of ``Conv2D``.
        input, kernel: numbers to show, 2-D arrays (height, width); they set the sizes.
        id: names this explorer in links, ``#id?k=3,3&…``; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if a number is not whole or out of its limits, or an array is not 2-D
            or not finite. That the kernel does not fit is for the explorer itself to explain.
    """
    state = {"id": check_id(id), "t": bool(transposed)}
    for name, array in {"input": input, "kernel": kernel}.items():
        if array is not None:
            state[name] = _matrix(name, array)
    if input is not None:
        input_size = np.shape(input)
    if kernel is not None:
        kernel_size = np.shape(kernel)
    sizes = (input_size, kernel_size, strides, padding, dilation_rate)
    for name, value in zip(LIMITS, sizes, strict=True):
        state["n" if name == "input_size" else name[0]] = _pair(name, value)
    return Convolution(state=state)


def _pair(name, value):
    low, high = LIMITS[name]
    pair = np.atleast_1d(np.asarray(value))
    whole = pair.shape in {(1,), (2,)} and np.issubdtype(pair.dtype, np.integer)
    if not (whole and ((low <= pair) & (pair <= high)).all()):
        raise ValueError(
            f"{name} must be a whole number from {low} to {high}, "
            f"or a pair (height, width) of them; got {value!r}"
        )
    return np.broadcast_to(pair, 2).tolist()


def _matrix(name, array):
    try:
        matrix = np.asarray(array)
    except ValueError:  # rows of different lengths
        matrix = np.empty(0)
    if matrix.ndim != 2 or matrix.dtype.kind not in "iuf" or not np.isfinite(matrix).all():
        raise ValueError(
            f"{name} must be a 2-D array (height, width) of finite numbers; got "
            f"shape {matrix.shape}, dtype {matrix.dtype}"
        )
    return matrix.tolist()
