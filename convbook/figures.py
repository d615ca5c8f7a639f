"""Plots that are not themselves the lesson, in one style."""

import matplotlib.pyplot as plt
import numpy as np

WIDTH = 7.0  # inches: a wider figure would be shrunk, with its letters, to fit the page

plt.rcParams.update(
    {
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.grid": False,
        "image.cmap": "gray",
        "image.interpolation": "nearest",
        "lines.linewidth": 2,
    }
)


def images(arrays, titles, columns=None, limits=None, cmap="gray") -> None:
    """Show images side by side, with rows and columns labelled in pixels.

    Parameters
    ----------
    arrays : sequence of arrays, each (height, width) or (height, width, 3).
    titles : sequence of str, one for each image.
    columns : int, images in a row; all in one row by default.
    limits : (low, high), the values drawn darkest and lightest; each image's own by default.
    cmap : str, a Matplotlib colour map, for images with one channel.
    """
    columns = columns or len(arrays)
    rows = -(-len(arrays) // columns)
    side = min(2.2, (WIDTH - 0.4) / columns)
    tall = min(1, max(np.shape(a)[0] / np.shape(a)[1] for a in arrays))
    size = (side * columns + 0.4, (side * tall + 0.2) * rows + 0.35)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    low, high = limits or (None, None)
    for axis, array, title in zip(axes.flat, arrays, titles, strict=False):
        axis.imshow(array, cmap=cmap, vmin=low, vmax=high)
        axis.set_title(title)
        axis.tick_params(labelsize=7)
        axis.locator_params(integer=True)
    for axis in axes.flat[len(arrays) :]:
        axis.remove()
    figure.supxlabel("column (pixels)", fontsize=9)
    figure.supylabel("row (pixels)", fontsize=9)
    plt.show()


def numbers(matrices, titles, xlabel="column", ylabel="row", cmap="Blues") -> None:
    """Show small matrices with their values written in the cells.

    Parameters
    ----------
    matrices : sequence of 2-D arrays.
    titles : sequence of str, one for each matrix.
    xlabel, ylabel : str, what the columns and the rows are.
    cmap : str, a Matplotlib colour map.
    """
    widths = [np.shape(m)[1] for m in matrices]
    side = min(0.42, (WIDTH - len(matrices)) / sum(widths))
    size = (side * sum(widths) + len(matrices), side * max(map(len, matrices)) + 0.9)
    figure, axes = plt.subplots(1, len(matrices), figsize=size, squeeze=False, width_ratios=widths)
    for axis, matrix, title in zip(axes.flat, matrices, titles, strict=True):
        matrix = np.asarray(matrix)
        low, high = min(matrix.min(), 0), max(matrix.max(), 1)
        axis.imshow(matrix, cmap=cmap, vmin=low, vmax=low + 1.6 * (high - low))
        for (row, column), value in np.ndenumerate(matrix):
            axis.text(
                column, row, f"{value:g}", ha="center", va="center", fontsize=max(7, 21 * side)
            )
        axis.set(title=title, xticks=range(matrix.shape[1]), yticks=range(matrix.shape[0]))
        axis.tick_params(labelsize=7, length=0)
    figure.supxlabel(xlabel, fontsize=9)
    figure.supylabel(ylabel, fontsize=9)
    plt.show()


def curves(series, xlabel, ylabel, log=False) -> None:
    """Draw one line for each entry of a dict ``{label: values}`` over 1, 2, 3, …"""
    _, axis = plt.subplots(figsize=(WIDTH, 3.2))
    for (label, values), style in zip(series.items(), ["-", "--", "-.", ":"] * 3, strict=False):
        axis.plot(range(1, len(values) + 1), values, style, label=label)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if log:
        axis.set_yscale("log")
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    plt.show()
