# %% [markdown]
# # Lab 09 · Facial keypoints
#
# You read faces with missing labels, train through the gaps, mirror and turn faces together with their points, and let a network find points. Then you turn whales until their heads lie alike, and see what that is worth. Ten exercises, 34 points, about two and a half hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 9.2 · to_unit (3 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# Use NumPy, SciPy or Keras as you wish, in float32 or float64. The [chapter](../book/09_keypoints.ipynb) has what you need, but for least squares over more than two points: 9.7 says what is asked there.
#
# **Where a pixel is.** One rule holds in the whole lab, as in Kaggle's data: a point is in units of pixel *indices*. The centre of the pixel in row 7 and column 3 is the point x = 3, y = 7: x to the right, y downwards. So an image that is 96 pixels wide reaches from x = −0.5, its left edge, to x = 95.5, its right edge. Half a pixel seems little. It is the most common mistake in this trade.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %% nbgrader={"grade_id": "setup", "locked": true}
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from numpy.testing import assert_allclose
from scipy import ndimage

from convbook import data, figures
from convbook.widgets import interact, progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy


def refuses(function, *arguments):
    """Whether a call raises ValueError."""
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


# %% [markdown]
# ## 9.1 One row of Kaggle's file (3 points)
#
# Kaggle's faces come as text. The first line names the columns; then each line is a face. This is such a file for images of 2×2 pixels and two points:
#
# ```
# nose_tip_x,nose_tip_y,chin_x,chin_y,Image
# 0.5,1.0,,,0 51 102 255
# ```
#
# Nobody marked the chin: its cells are empty. In Kaggle's own file such gaps are the rule, not the exception.
#
# Go by the names of the columns: they may stand in any order.


# %% nbgrader={"grade_id": "read_face", "solution": true}
# Exercise 9.1 · read_face (3 points)
def read_face(header, line, names):
    """The image and the points of one face.

    header : str, the names of the columns, with commas between them, in any order. The point p is
        in the columns p_x and p_y; the pixels, 0 to 255, are in the column Image, row after row,
        with blanks between them.
    line : str, the cells of one face. An empty cell is a number that is not known.
    names : list of n str, n ≥ 1, the points to read, in this order.
    Both texts may end in a newline, "\\n".
    Returns (image, points): float32 (side, side, 1), 0 to 1; float32 (n, 2), x and y, with NaN for
        each number that is not known. Raises ValueError if the pixels do not make a square.
    """
    ### BEGIN SOLUTION
    cells = dict(zip(header.strip("\n").split(","), line.strip("\n").split(","), strict=True))
    pixels = np.array(cells["Image"].split(), "float32")
    side = round(len(pixels) ** 0.5)
    if side * side != len(pixels):
        raise ValueError(f"{len(pixels)} pixels make no square")
    points = [[float(cells[f"{name}_{axis}"] or "nan") for axis in "xy"] for name in names]
    return pixels.reshape(side, side, 1) / 255, np.array(points, "float32").reshape(-1, 2)
    ### END SOLUTION


# %% [markdown]
# *Try it.* For the file above this should print the rows `0. 0.2` and `0.4 1.`, then the chin, `nan nan`, then the nose, `0.5 1.`.

# %%
header = "nose_tip_x,nose_tip_y,chin_x,chin_y,Image\n"
image, points = read_face(header, "0.5,1.0,,,0 51 102 255\n", ["chin", "nose_tip"])
print(image[..., 0], points, sep="\n")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "read_face-check", "points": 1}
def _check():
    header, line = "a_x,a_y,b_x,b_y,Image\n", "1.5,2,,0.25,0 51 102 153 204 255 0 51 255\n"
    image, points = read_face(header, line, ["b", "a"])
    assert image.shape == (3, 3, 1), f"nine pixels make (3, 3, 1), not {image.shape}"
    assert points.shape == (2, 2), f"two points make (2, 2), not {points.shape}"
    assert image.dtype == points.dtype == "float32", "both are float32"
    rows = np.array([[0, 51, 102], [153, 204, 255], [0, 51, 255]]) / 255
    assert_allclose(image[..., 0], rows, atol=1e-6, err_msg="row after row, from 0 to 1")
    hint = "points in the order of names; NaN for the empty cell only"
    assert_allclose(points, [[np.nan, 0.25], [1.5, 2]], err_msg=hint)
    _, points = read_face("Image,a_y,a_x", "0 0 0 0,7,", ["a"])
    hint = "go by the header: here Image stands first, and y before x; the last cell is empty"
    assert_allclose(points, [[np.nan, 7]], err_msg=hint)
    _, points = read_face("a_x,Image,a_y\n", "3,0 0 0 0,\n", ["a"])
    assert_allclose(points, [[3, np.nan]], err_msg="an empty cell before a newline is empty, too")
    assert refuses(read_face, "a_x,a_y,Image", "1,2,0 0 0 0 0 0", ["a"]), (
        "six pixels make no square: raise ValueError"
    )


_check()


# %% nbgrader={"grade_id": "read_face-hidden", "points": 2}
# Hidden tests of exercise 9.1: other sizes, columns in other orders, other gaps (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(91)
    for side, names in [(5, ["p", "q", "left_eye"]), (4, ["z_z", "x"]), (1, ["m"])]:
        points = np.round(rng.uniform(-0.5, side, (len(names), 2)), 3)
        points[rng.random(points.shape) < 0.4] = np.nan
        grey = rng.integers(0, 256, (side, side))
        cells = {"Image": " ".join(str(value) for value in grey.ravel()), "other_x": "5"}
        for name, point in zip(names, points, strict=True):
            for axis, value in zip("xy", point, strict=True):
                cells[f"{name}_{axis}"] = "" if np.isnan(value) else str(value)
        for end in ("", "\n"):
            columns = rng.permutation(list(cells)).tolist()
            line = ",".join(cells[column] for column in columns)
            order = rng.permutation(len(names)).tolist()
            asked = [names[i] for i in order]
            image, answer = read_face(",".join(columns) + end, line + end, asked)
            assert image.dtype == answer.dtype == "float32"
            assert_allclose(image, grey[..., None] / 255, atol=1e-6)
            assert image.shape == (side, side, 1)
            assert_allclose(answer, points[order], rtol=1e-6)
    for count in (2, 8, 96):
        assert refuses(read_face, "a_x,a_y,Image", f"1,2,{' '.join(['9'] * count)}", ["a"])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 9.2 Coordinates that do not depend on the size (3 points)
#
# A network learns best from numbers near zero. So give it each point on a scale where **the image's edges, not its outer pixels' centres,** are −1 and 1. Then a point keeps its coordinates when the image is shrunk by averaging blocks of pixels. It would not if the outer centres were −1 and 1, and in pixels a shrunk point is *not* the old one divided by the factor: the middle of a block of three pixels, 0, 1 and 2, is x = 1, and after shrinking by 3 it is x = 0.


# %% nbgrader={"grade_id": "to_unit", "solution": true}
# Exercise 9.2 · to_unit (3 points)
def to_unit(points, size):
    """Points in pixels → points on a scale where the image's edges are −1 and 1.

    points : array (…, 2), any number of axes: x and y in pixels; NaN stays NaN.
    size : (height, width) of the image.
    Returns a float32 array of the same shape. The input is not changed.
    """
    ### BEGIN SOLUTION
    height, width = size
    return ((2 * np.asarray(points) + 1) / np.array([width, height]) - 1).astype("float32")
    ### END SOLUTION


def to_pixels(points, size):
    """The other way: undoes to_unit; the size may be another one."""
    ### BEGIN SOLUTION
    height, width = size
    return (((np.asarray(points) + 1) * np.array([width, height]) - 1) / 2).astype("float32")
    ### END SOLUTION


# %% [markdown]
# *Try it.* An image of 4 rows and 8 columns. Its upper left corner is at −1 −1; its middle, x = 3.5 and y = 1.5, at 0 0; the centre of its last pixel, x = 7 and y = 3, at 0.875 0.75. Then back, into an image half as large: −0.5 −0.5, then 1.5 0.5, then 3.25 1.25.

# %%
corners = np.array([[-0.5, -0.5], [3.5, 1.5], [7, 3]])
print(to_unit(corners, (4, 8)), to_pixels(to_unit(corners, (4, 8)), (2, 4)), sep="\n")

# %% [markdown]
# *Check.* A soft dot is drawn, and the image shrunk. The dot must lie where the point says.


# %% nbgrader={"grade_id": "helpers", "locked": true}
def dot(point, size, sigma=2.0):
    """An image (height, width, 1) with a soft white dot at a point."""
    rows, columns = np.indices(size)
    squared = (columns - point[0]) ** 2 + (rows - point[1]) ** 2
    return np.exp(-squared / (2 * sigma**2)).astype("float32")[..., None]


def middle_of_mass(image):
    """The point x, y around which an image's brightness lies."""
    row, column = ndimage.center_of_mass(image[..., 0])
    return np.array([column, row])


def shrink(images, by):
    """Shrink images (n, height, width, 1) by averaging blocks of by × by pixels."""
    n, height, width, _ = images.shape
    return images.reshape(n, height // by, by, width // by, by, 1).mean(axis=(2, 4))


# %% nbgrader={"grade_id": "to_unit-check", "points": 1}
def _check():
    points = np.array([[-0.5, -0.5], [7.5, 3.5], [7, np.nan]])
    kept = points.copy()
    unit, expected = to_unit(points, (4, 8)), [[-1, -1], [1, 1], [0.875, np.nan]]
    hint = "the edges, −0.5 and 7.5 in width, −0.5 and 3.5 in height, are −1 and 1"
    assert_allclose(unit, expected, atol=1e-6, err_msg=hint)
    assert_allclose(
        to_pixels(np.array(expected), (4, 8)), kept, atol=1e-5, err_msg="to_pixels undoes it"
    )
    assert unit.dtype == to_pixels(unit, (4, 8)).dtype == "float32", "both return float32"
    assert_allclose(points, kept, err_msg="do not change the points you are given")
    assert to_unit(np.zeros((5, 3, 2)), (4, 8)).shape == (5, 3, 2), "many faces at once: (…, 2)"
    point = np.array([40.3, 22.8])
    small = shrink(dot(point, (60, 72), 4)[None], 3)[0]
    hint = "the same point in the image that was shrunk from 60×72 to 20×24"
    moved = to_pixels(to_unit(point, (60, 72)), (20, 24))
    assert_allclose(moved, middle_of_mass(small), atol=0.02, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "to_unit-hidden", "points": 2}
# Hidden tests of exercise 9.2: other sizes and shapes, NaN, shrunk images (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(92)
    for size, shape in [((96, 96), (3, 15, 2)), ((30, 50), (2,)), ((7, 5), (4, 2))]:
        points = rng.uniform(-1, 100, shape)
        points[rng.random(shape) < 0.2] = np.nan
        kept = points.copy()
        unit = to_unit(points, size)
        assert unit.dtype == "float32"
        expected = np.empty(shape)
        for axis, side in enumerate(size[::-1]):
            expected[..., axis] = np.interp(
                kept[..., axis], [-500, 500], [-999 / side, 1001 / side]
            )
        assert_allclose(unit, expected - 1, atol=1e-4)
        back = to_pixels(unit, size)
        assert back.dtype == "float32"
        assert_allclose(back, kept, atol=1e-3)
        assert_allclose(points, kept)
        assert_allclose(unit, to_unit(kept, size), err_msg="to_pixels changes its input")
    for point, by in [((20.2, 31.7), 2), ((33.1, 18.4), 4)]:
        small = shrink(dot(point, (56, 64), 4)[None], by)[0]
        moved = to_pixels(to_unit(np.array(point), (56, 64)), small.shape[:2])
        assert_allclose(moved, middle_of_mass(small), atol=0.02)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 9.3 A loss with holes (4 points)
#
# One NaN among the targets makes the loss NaN, then each gradient, then each weight. So the loss may look at known numbers only. Write a function that *makes* such a loss, with a weight for each point:
#
# $$L = \frac{\sum_{\text{known}} w_p\,(\hat y - y)^2}{\sum_{\text{known}} w_p}$$
#
# The sums run over all known numbers, x and y apart, of the whole batch: a face with few points counts less than one with all. If nothing is known in the batch, the loss is 0. (No Python `if` will do for that: when a model compiles the loss, its arguments have no values yet.)
#
# A trap waits here that the value of the loss does not show. `ops.where(known, (y_pred - y_true) ** 2, 0)` gives the right loss. Then the chain rule multiplies the gradient 0 of the branch not taken with the slope of the square at NaN. And 0 · NaN is NaN. So the check looks at what one step does to the weights.


# %% nbgrader={"grade_id": "masked_loss", "solution": true}
# Exercise 9.3 · masked_loss (4 points)
def masked_loss(weights):
    """Make a mean squared error that leaves out what is not known.

    weights : n numbers, 0 or more: one for each point.
    Returns a function loss(y_true, y_pred), for model.compile and for arrays: both arguments are
        (batch, n, 2), float32, and y_true has NaN where a number is not known. It returns one
        number, L above; 0 if nothing with a weight is known. The loss and its gradient are finite.
    """
    ### BEGIN SOLUTION
    column = np.reshape(np.asarray(weights, "float32"), (-1, 1))

    def loss(y_true, y_pred):
        y_true = ops.convert_to_tensor(y_true, "float32")
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, 0.0) - y_pred
        weight = ops.cast(known, "float32") * column
        total = ops.sum(weight)
        return ops.sum(weight * error**2) / ops.where(total > 0, total, 1.0)

    return loss
    ### END SOLUTION


# %% [markdown]
# *Try it.* Two faces with two points each. With equal weights the known errors 1, 3 and 2 make (1 + 9 + 4) / 3 ≈ 4.67. With weights 1 and 4 they make (1 + 9 + 4·4) / 6 ≈ 4.33. Nothing known makes 0.

# %%
targets = np.array([[[1, 3], [np.nan, 2]], [[np.nan, np.nan]] * 2], "float32")
zeros = np.zeros((2, 2, 2), "float32")
for loss in (masked_loss([1, 1]), masked_loss([1, 4])):
    print(round(float(loss(targets, zeros)), 2), float(loss(targets[1:], zeros[1:])))

# %% [markdown]
# *Check.* `weights_after` trains a dense layer, whose weights are all 0 at first, for one step with `SGD(1)`. What the weights are then is minus the gradient.


# %% nbgrader={"grade_id": "weights_after", "locked": true}
def weights_after(loss, x, y, eager=True):
    """One step of gradient descent from zeros: the kernel (inputs, n, 2) and the bias (n, 2)."""
    model = keras.Sequential([keras.Input(x.shape[1:])])
    model.add(layers.Dense(y[0].size, kernel_initializer="zeros"))
    model.add(layers.Reshape(y.shape[1:]))
    model.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=eager)
    model.train_on_batch(x, y)
    kernel, bias = model.get_weights()
    return kernel.reshape(-1, *y.shape[1:]), bias.reshape(y.shape[1:])


# %% nbgrader={"grade_id": "masked_loss-check", "points": 1}
def _check():
    nan = np.nan
    y = np.array([[[1, 3], [nan, 2]], [[nan, nan], [nan, nan]]], "float32")
    zeros = np.zeros_like(y)
    value = float(masked_loss([1, 1])(y, zeros))
    assert_allclose(value, 14 / 3, rtol=1e-4, err_msg="(1 + 9 + 4) / 3: divide by what is known")
    value = float(masked_loss([1, 4])(y, zeros))
    hint = "(1·1 + 1·9 + 4·4) / (1 + 1 + 4): divide by the weights of what is known"
    assert_allclose(value, 26 / 6, rtol=1e-4, err_msg=hint)
    value = float(masked_loss([0.1, 0.1])(y, zeros))
    hint = "weights 0.1 and 0.1 make the same loss as 1 and 1: only their ratio counts"
    assert_allclose(value, 14 / 3, rtol=1e-4, err_msg=hint)
    for weights, case in [([1, 1], y[1:]), ([0, 0], y)]:
        value = float(masked_loss(weights)(case, zeros[: len(case)]))
        assert value == 0, f"where nothing that has a weight is known, the loss is 0, not {value}"


_check()


# %% nbgrader={"grade_id": "masked_loss-check-2", "points": 1}
def _check():
    nan = np.nan
    y = np.array([[[1, 3], [nan, 2]], [[nan, nan], [nan, nan]]], "float32")
    x = np.array([[2.0], [5.0]], "float32")
    for case in (slice(0, 2), slice(1, 2)):
        kernel, bias = weights_after(masked_loss([1, 1]), x[case], y[case])
        assert np.isfinite([kernel[0], bias]).all(), (
            "a weight is NaN after one step: make the NaN harmless BEFORE it meets y_pred; "
            "and do not divide by 0, not even in a branch that is not taken"
        )
    kernel, bias = weights_after(masked_loss([1, 4]), x, y, eager=False)
    hint = "the bias of a known number moves by 2 · weight · error / the sum of weights"
    assert_allclose(bias, np.array([[2, 6], [0, 16]]) / 6, atol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "masked_loss-hidden", "points": 2}
# Hidden tests of exercise 9.3: other batches and weights, the loss and its gradient (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(93)
    cases = [(4, 5, 0.5, 1), (6, 1, 0.3, 1), (3, 4, 0.0, 1), (2, 3, 1.0, 1), (3, 4, 0.2, 0.01)]
    for batch, n, share, size in cases:
        y = rng.normal(size=(batch, n, 2)).astype("float32")
        y[rng.random(y.shape) < share] = np.nan
        x = rng.normal(size=(batch, 3)).astype("float32")
        w = size * rng.uniform(0.5, 3, n)
        w[n // 2] = 0 if n > 1 else 2
        known = np.argwhere(~np.isnan(y))
        total = sum(w[p] for _, p, _ in known)
        predicted = rng.normal(size=y.shape).astype("float32")
        expected = sum(w[p] * float(predicted[i, p, k] - y[i, p, k]) ** 2 for i, p, k in known)
        loss, kept = masked_loss(w), (y.copy(), w.copy())
        assert_allclose(float(loss(y, predicted)), expected / (total or 1), rtol=1e-4)
        kernel, bias = weights_after(loss, x, y, eager=n > 1)
        for array in (y, w):
            assert_allclose(array, kept[array is w])
        d_kernel, d_bias = np.zeros((3, n, 2)), np.zeros((n, 2))
        for i, p, k in known:
            d_bias[p, k] += 2 * w[p] * y[i, p, k] / (total or 1)
            d_kernel[:, p, k] += 2 * w[p] * y[i, p, k] / (total or 1) * x[i]
        assert_allclose(bias, d_bias, atol=1e-4)
        assert_allclose(kernel, d_kernel, atol=1e-4)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 9.4 How far off? (3 points)
#
# Three ways to say it, each with its own mean:
#
# - **By point**: the mean distance, in pixels, over the faces where that point is marked. It says which points are hard.
# - **RMSE**, Kaggle's score: the root of the mean squared error over all known numbers, x and y apart.
# - **Normalized**: each distance is divided by the distance between the two eye centres *of that face*, so that large and small faces count alike. It is the mean over all marked points of those faces whose two eye centres are marked.
#
# A point is marked if both its numbers are known.


# %% nbgrader={"grade_id": "score", "solution": true}
# Exercise 9.4 · score (3 points)
def score(y_true, y_pred, names):
    """The error of predicted points, in three ways.

    y_true : float array (faces, n, 2), in pixels, NaN where not known. y_pred : the same shape, no
        NaN. names : list of n str, with "left_eye_center" and "right_eye_center" among them.
    Returns (by_point, rmse, normalized): an array (n,), NaN for a point that is marked nowhere, and
        two floats. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    error = y_pred - y_true
    distance = np.sqrt((error**2).sum(axis=-1))
    marked = ~np.isnan(distance)
    counts = marked.sum(axis=0)
    sums = np.where(marked, distance, 0).sum(axis=0)
    by_point = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    rmse = np.sqrt(np.mean(error[~np.isnan(error)] ** 2))
    left, right = (list(names).index(f"{side}_eye_center") for side in ("left", "right"))
    eyes = np.sqrt(((y_true[:, left] - y_true[:, right]) ** 2).sum(axis=-1))
    relative = distance / eyes[:, None]
    return by_point, float(rmse), float(relative[~np.isnan(relative)].mean())
    ### END SOLUTION


# %% [markdown]
# *Try it.* The first face has its eyes 10 pixels apart, and its nose is missed by 3 to the right and 4 down: 5 pixels, or 0.5 eye distances. The second face, where one eye is not marked, is missed by 2 at the eye that is. This should print `[1. 0. 5.]`, then √((9 + 16 + 4) / 8) = 1.904, then (0 + 0 + 0.5) / 3 = 0.167.

# %%
names = ["left_eye_center", "right_eye_center", "nose_tip"]
marked = np.array([[[20, 5], [10, 5], [15, 9]], [[30, 7], [np.nan] * 2, [np.nan] * 2]])
found = np.array([[[20, 5], [10, 5], [18, 13.0]], [[30, 9], [0, 0], [0, 0]]])
by_point, rmse, normalized = score(marked, found, names)
print(by_point, round(rmse, 3), round(normalized, 3))

# %% [markdown]
# *Check.* If NumPy's `nanmean` warns that a slice is empty, that is no failure: only an error is.


# %% nbgrader={"grade_id": "score-check", "points": 1}
def _check():
    nan, names = np.nan, ["nose", "right_eye_center", "chin", "left_eye_center"]
    true = np.array(
        [
            [[15, 9], [10, 5], [nan, nan], [20, 5]],
            [[nan, 8], [5, 5], [nan, nan], [5, 25]],
            [[50, 50], [nan, nan], [nan, nan], [60, 40]],
        ]
    )
    off = np.zeros((3, 4, 2))
    off[0, 0], off[1, 0], off[2, 0], off[1, 3] = [3, 4], [0, 6], [8, 6], [4, 3]
    kept = true.copy()
    by_point, rmse, normalized = score(true, np.where(np.isnan(true), 77, true + off), names)
    assert np.isnan(by_point[2]), "by_point: NaN for the chin, which is marked nowhere"
    hint = "by_point: nose (5 + 10) / 2, where both its numbers are known; left eye (0 + 5 + 0) / 3"
    assert_allclose(by_point, [7.5, 0, nan, 5 / 3], rtol=1e-5, err_msg=hint)
    hint = "rmse: √((9 + 16 + 36 + 64 + 36 + 16 + 9) / 15): fifteen numbers are known"
    assert_allclose(rmse, np.sqrt(186 / 15), rtol=1e-5, err_msg=hint)
    hint = "normalized: face 1 has 0.5 0 0, face 2 has 0 0.25, face 3 no eye distance: 0.75 / 5"
    assert_allclose(normalized, 0.15, rtol=1e-5, err_msg=hint)
    assert_allclose(true, kept, err_msg="do not change y_true")


_check()


# %% nbgrader={"grade_id": "score-hidden", "points": 2}
# Hidden tests of exercise 9.4: other faces, gaps and orders of points, counted one by one (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng, eyes = np.random.default_rng(94), ["left_eye_center", "right_eye_center"]
    for faces, share in [(6, 0.3), (9, 0.15), (4, 0.0)]:
        names = rng.permutation([*eyes, "a", "b"]).tolist()
        true, predicted = rng.uniform(0, 96, (2, faces, 4, 2))
        true[rng.random(true.shape) < share] = np.nan
        true[1:3], true[0, 0] = rng.uniform(0, 96, (2, 4, 2)), [np.nan, 4] if share else [8, 4]
        true[2, names.index("a")] = np.nan
        if share == 0.3:
            true[:, names.index("b")] = np.nan
        points, squares, relative = [[] for _ in names], [], []
        kept = true.copy(), predicted.copy()
        for face, guess in zip(true, predicted, strict=True):
            between = np.hypot(*(face[names.index(eyes[0])] - face[names.index(eyes[1])]))
            for i, error in enumerate(guess - face):
                squares += [value**2 for value in error if value == value]
                if not np.isnan(error).any():
                    points[i].append(np.hypot(*error))
                    relative += [np.hypot(*error) / between] if between == between else []
        by_point, rmse, normalized = score(true, predicted, names)
        expected = [sum(values) / len(values) if values else np.nan for values in points]
        assert_allclose(by_point, expected, rtol=1e-4)
        assert_allclose([rmse**2, normalized], [np.mean(squares), np.mean(relative)], rtol=1e-4)
        assert_allclose([true, predicted], kept)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 9.5 The mirror (4 points)
#
# A mirrored face is a face: twice the data, for nothing. Here is the code that many write first, and a face before and after.


# %% nbgrader={"grade_id": "mirror", "locked": true} mystnb={"image": {"alt": "A face and its mirror image, each with 15 red dots; in both, each dot lies where a point of the face is."}}
def mirror(images, points):
    """The code that many write first."""
    points = points.copy()
    points[..., 0] = images.shape[2] - points[..., 0]
    return images[:, :, ::-1], points


def show(images, points, titles, colours="red"):
    """Images (n, height, width, 1) side by side, each with its points (n, p, 2)."""
    side = min(3.4, figures.WIDTH / len(images))
    size = (side * len(images), side + 0.3)
    _, axes = plt.subplots(1, len(images), figsize=size, squeeze=False)
    for axis, image, dots, title in zip(axes[0], images, points, titles, strict=True):
        axis.imshow(image[..., 0], vmin=0, vmax=1)
        axis.scatter(*dots.T, c=colours, s=12)
        axis.set(title=title, xlabel="x (pixels)", ylabel="y (pixels)")
        axis.tick_params(labelsize=7)
    plt.show()


faces = data.load("faces", train=1500, test=500)
_images, _points = mirror(faces.x_test[:1], faces.y_test[:1])
show(
    [faces.x_test[0], _images[0]],
    [faces.y_test[0], _points[0]],
    ["a face", "after mirror"],
)

# %% [markdown]
# Each dot lies where it should. Yet a network that trains on such faces gets worse, not better (in the chapter, worse than the mean face): `mirror` has **two** bugs. One can be seen if you look very closely. The other cannot be seen in dots of one colour at all. Here are the numbers of a face whose person has a mole at the left eye, and which is 7 pixels wide:

# %%
_names = ["left_eye", "right_eye", "nose"]
_points = np.array([[[5.0, 2], [1, 2], [3, 4]]])  # the person's left is at our right
_image = np.zeros((1, 6, 7, 1))
_image[0, 2, 5] = 1
_images, mirrored = mirror(_image, _points)
print("the mole is at column", _images[0, 2, :, 0].argmax())
print(*zip(_names, mirrored[0].tolist(), strict=True), sep="\n")

# %% [markdown]
# The mole is now at column 1. But `mirror` puts the point at x = 2, one pixel beside it: the first bug. And it calls that point the left eye. Whose eye is it? In the mirror image, as in any face, the eye that *we* see at the left is the person's **right** eye. So the rows must be exchanged, too: the mole's place is now that of the right eye.
#
# Write `flip`, which has neither bug, and which finds the partners by name. A point's partner is the one whose name has the **word** `left` where this one has `right`, or the other way round. Words are what stands between the underscores: the partner of `mouth_left_corner` is `mouth_right_corner`; `nose_tip` has none, and stays the row it is. So does `cleft_chin`. If a point's name has such a word, but its partner is not in the list, nobody can know what its row should hold: raise a `ValueError`.


# %% nbgrader={"grade_id": "flip", "solution": true}
# Exercise 9.5 · flip (4 points)
def flip(images, points, names):
    """Mirror faces, left to right, with their points.

    images : array (n, height, width, 1). points : float array (n, p, 2), in pixels, with NaN for
        what is not known. names : list of p str.
    Returns (images, points), new arrays of the same dtypes: row i of the new points is the point
        that names[i] says. To write into them does not change the inputs. Raises ValueError if a
        point with "left" or "right" has no partner.
    """
    ### BEGIN SOLUTION
    other = {"left": "right", "right": "left"}
    names = list(names)
    partners = [
        names.index("_".join(other.get(word, word) for word in name.split("_"))) for name in names
    ]
    flipped = points[:, partners]
    flipped[..., 0] = images.shape[2] - 1 - flipped[..., 0]
    return images[:, :, ::-1].copy(), flipped
    ### END SOLUTION


# %% [markdown]
# *Try it.* The mole should be at column 1, the left eye at `[5.0, 2.0]`, the right eye at `[1.0, 2.0]` and the nose at `[3.0, 4.0]`. Then the same face as above, with the person's left in blue and right in red: it should still be so after the flip. Try `mirror` in its place.

# %% mystnb={"image": {"alt": "A face and its mirror image; in both, the points at the person's left, which we see at right, are blue, those at the person's right are red, and those in the middle are gold."}}
_images, flipped = flip(_image, _points, _names)
print("the mole is at column", _images[0, 2, :, 0].argmax())
print(*zip(_names, flipped[0].tolist(), strict=True), sep="\n")
_sides = [set(name.split("_")) for name in faces.point_names]
_colours = ["blue" if "left" in s else "red" if "right" in s else "gold" for s in _sides]
_images, _flipped = flip(faces.x_test[:1], faces.y_test[:1], faces.point_names)
show(
    [faces.x_test[0], _images[0]],
    [faces.y_test[0], _flipped[0]],
    ["a face", "after flip"],
    _colours,
)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "flip-check", "points": 1}
def _check():
    names = ["right_eye", "nose", "left_eye"]
    image = np.arange(30.0).reshape(1, 5, 6, 1)
    points = np.array([[[1, 2], [2.5, 3], [4, 1]]])
    images, flipped = flip(image, points, names)
    hint = "mirror each row of pixels: left and right, not up and down"
    assert_allclose(images, np.fliplr(image[0])[None], err_msg=hint)
    assert_allclose(
        flipped[0, 1], [2.5, 3], err_msg="x = 2.5 is the middle of 6 columns, and stays"
    )
    hint = "the left eye is now where the right one was mirrored to"
    assert_allclose(flipped[0, [0, 2]], [[1, 1], [4, 2]], err_msg=hint)
    images[:], flipped[:] = -1, -1
    hint = "to write into the results changed an input: return new arrays"
    assert_allclose(image, np.arange(30.0).reshape(1, 5, 6, 1), err_msg=hint)
    assert_allclose(points, [[[1, 2], [2.5, 3], [4, 1]]], err_msg=hint)


_check()


# %% nbgrader={"grade_id": "flip-check-2", "points": 1}
def _check():
    names = ["mouth_left_corner", "cleft_chin", "brightest", "mouth_right_corner"]
    nan, blank = np.nan, np.zeros((2, 4, 9, 1), "float32")
    points = np.array([[[6, 1], [4, 3], [nan, 2], [nan, nan]], [[7, 0]] * 4], "float32")
    images, flipped = flip(blank, points, tuple(names))
    assert flipped.dtype == images.dtype == "float32", "keep the dtypes"
    hint = "NaN moves with its point; a word stands between underscores: cleft has no partner"
    expected = [[[nan, nan], [4, 3], [nan, 2], [2, 1]], [[1, 0]] * 4]
    assert_allclose(flipped, expected, err_msg=hint)
    assert refuses(flip, blank[:1], points[:1, :2], names[:2]), (
        "mouth_left_corner has no partner in this list: raise ValueError"
    )


_check()


# %% nbgrader={"grade_id": "flip-hidden", "points": 2}
# Hidden tests of exercise 9.5: other names and orders, odd widths, points without partners (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(95)
    pairs = {"left_ear": "right_ear", "brow_left": "brow_right", "a_left_b": "a_right_b"}
    alone = ["nose_tip", "upright", "leftover_x", "alright_now", "nose_cleft"]
    partner = pairs | {b: a for a, b in pairs.items()} | {name: name for name in alone}
    for size, kind in [((6, 11), "float64"), ((5, 8), "float32")]:
        names = rng.permutation(list(partner)).tolist()
        images = rng.random((3, *size, 1)).astype(kind)
        points = rng.uniform(0, size[::-1], (3, len(names), 2)).astype(kind)
        points[rng.random(points.shape) < 0.25] = np.nan
        kept = images.copy(), points.copy()
        new, flipped = flip(images, points, names)
        assert new.dtype == flipped.dtype == kind
        for column in range(size[1]):
            assert (new[:, :, column] == kept[0][:, :, size[1] - 1 - column]).all()
        expected = kept[1][:, [names.index(partner[name]) for name in names]]
        expected[..., 0] = size[1] - 1 - expected[..., 0]
        assert_allclose(flipped, expected, atol=1e-5)
        new[:], flipped[:] = 0, 0
        assert (images == kept[0]).all()
        assert_allclose(points, kept[1])
    for drop in ("left_ear", "a_right_b"):
        rest = [name for name in names if name != drop]
        assert refuses(flip, images, points[:, : len(rest)], rest), drop


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 9.6 Turn, scale, shift (4 points)
#
# Heads tilt, come near, and are not in the middle. So turn, scale and shift faces for training, and their points with them. About the image's centre $c$ = ((width − 1)/2, (height − 1)/2), a point $p$ goes to
#
# $$p' = c + s\,R\,(p - c) + t.$$
#
# Here y points *down*. A turn by +90°, counterclockwise as you see it, takes what is right of the centre to above it: (1, 0) becomes (0, −1). Which matrix $R$ does that?
#
# The image goes the other way round. For each pixel of the *new* image, ask where it comes from in the old one, which is the inverse of the formula, and read the old image there, by bilinear interpolation (`order=1` in `scipy.ndimage`). Beyond the border, repeat the nearest pixel (`mode="nearest"`). And SciPy counts rows before columns: y before x.


# %% nbgrader={"grade_id": "move", "solution": true}
# Exercise 9.6 · move (4 points)
def move(image, points, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    """Turn and scale an image about its centre, then shift it, with its points.

    image : float array (height, width, 1). points : float array (n, 2), in pixels, with NaN for
        what is not known: a point of which one number is not known becomes NaN, NaN.
    angle : degrees, counterclockwise as seen. scale : above 1, things get larger. shift : how many
        pixels to the right, and down.
    Returns (image, points), the image of the same size. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    height, width = image.shape[:2]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = scale * np.array([[c, s], [-s, c]])
    moved = centre + (points - centre) @ matrix.T + shift
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + shift)
    backwards, start = inverse[::-1, ::-1], offset[::-1]
    new = ndimage.affine_transform(image[..., 0], backwards, start, order=1, mode="nearest")
    return new[..., None], moved
    ### END SOLUTION


# %% [markdown]
# *Try it.* A dot at x = 20, y = 8 in an image of 17 rows and 33 columns, whose centre is x = 16, y = 8. A turn by 90° takes it from 4 right of the centre to 4 above it: `[16. 4.]`. Twice as large and shifted by 3 and −1: `[27. 7.]`. The dot's own middle of mass should say the same, to a digit.

# %%
for how in ({"angle": 90}, {"scale": 2, "shift": (3, -1)}):
    moved, points = move(dot((20, 8), (17, 33), 1), np.array([[20.0, 8]]), **how)
    print(np.round(points[0], 3) + 0.0, np.round(middle_of_mass(moved), 1))

# %% [markdown]
# *Check.* A dot must stay under its point.


# %% nbgrader={"grade_id": "move-check", "points": 1}
def _check():
    points = np.array([[20, 8], [16, 8], [np.nan, 3]])
    kept, blank = points.copy(), np.zeros((17, 33, 1))
    hint = "the centre stays, and what is right of it goes above it: y points down"
    expected = [[16, 4], [16, 8], [np.nan] * 2]
    assert_allclose(move(blank, points, 90)[1], expected, atol=1e-4, err_msg=hint)
    hint = "scale the way from the centre; shift afterwards, by whole pixels of the new image"
    answer = move(blank, points[:2], scale=2, shift=(3, -1))[1]
    assert_allclose(answer, [[27, 7], [19, 7]], atol=1e-4, err_msg=hint)
    answer = move(blank, np.array([[15.5, 8.5]]), 180)[1]
    hint = "the centre of 33 columns is x = 16, not 16.5"
    assert_allclose(answer, [[16.5, 7.5]], atol=1e-4, err_msg=hint)
    assert_allclose(points, kept, err_msg="do not change the points you are given")


_check()


# %% nbgrader={"grade_id": "move-check-2", "points": 1}
def _check():
    for how in [
        {"angle": 30},
        {"angle": -70, "shift": (2, 5)},
        {"scale": 0.7},
        {"angle": 10, "scale": 1.3, "shift": (-4, 3)},
    ]:
        point, size = np.array([[24.0, 17]]), (36, 44)
        image = dot(point[0], size)
        moved, points = move(image, point, **how)
        assert moved.shape == (*size, 1), f"the size stays (36, 44, 1); yours is {moved.shape}"
        hint = f"{how}: the dot is not under its point; turn the image by the inverse, y before x"
        assert_allclose(points[0], middle_of_mass(moved), atol=0.1, err_msg=hint)
    assert_allclose(image, dot(point[0], size), err_msg="do not change the image you are given")
    ramp = np.arange(5, 25.0).reshape(1, 20, 1) * np.ones((4, 1, 1))
    hint = (
        "bilinear; and beyond the border, the nearest pixel: 0.25 to the right is 5, 5.75, 6.75 …"
    )
    expected = np.maximum(np.arange(20) - 0.25, 0) + 5
    answer = move(ramp, np.zeros((1, 2)), shift=(0.25, 0))[0][1, :, 0]
    assert_allclose(answer, expected, atol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "move-hidden", "points": 2}
# Hidden tests of exercise 9.6: other angles, scales, shifts and sizes; every pixel of the image (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(96)
    for size in [(30, 41), (37, 24), (25, 25)]:
        image = ndimage.gaussian_filter(rng.random(size), 1.5)[..., None]
        points = rng.uniform(0, 30, (5, 2))
        points[1], points[3, 0] = np.nan, np.nan
        kept = image.copy(), points.copy()
        angle, scale, shift = rng.uniform(-180, 180), rng.uniform(0.6, 1.6), rng.uniform(-6, 6, 2)
        new, moved = move(image, points, angle, scale, tuple(shift))
        middle = complex((size[1] - 1) / 2, (size[0] - 1) / 2)
        turn, way = scale * np.exp(-1j * np.deg2rad(angle)), complex(*shift)
        goal = middle + turn * (points[:, 0] + 1j * points[:, 1] - middle) + way
        known = ~np.isnan(points).any(axis=1)
        assert_allclose(moved[known], np.stack([goal.real, goal.imag], 1)[known], atol=1e-3)
        assert np.isnan(moved[~known]).all()
        rows, columns = np.indices(size)
        source = middle + (columns + 1j * rows - middle - way) / turn
        places = [source.imag, source.real]
        expected = ndimage.map_coordinates(image[..., 0], places, order=1, mode="nearest")
        assert new.shape == image.shape
        assert_allclose(new[..., 0], expected, atol=2e-4)
        assert_allclose(points, kept[1])
        assert (image == kept[0]).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** Two sliders, a face, and *your* function. The dots should stay on the face, wherever it goes.

# %% mystnb={"image": {"alt": "A face with its 15 points, turned and scaled by what the sliders say."}}


def turned(angle=20, percent=110):
    """Show a face and its points, turned by an angle in degrees and scaled."""
    image, points = move(faces.x_test[1], faces.y_test[1], angle, percent / 100)
    show([image], [points], [f"{angle}°, {percent} %"])


interact(turned, angle=(-180, 180, 10), percent=(50, 150, 5))

# %% [markdown]
# ## 9.7 From points to a motion (3 points)
#
# Now the other way round: some points, and where they should be. Which turn, scale and shift takes the ones to the others? Take a point (x, y) as the complex number z = x + iy. To turn and to scale is then *one* multiplication, and the whole motion is
#
# $$z' = a z + b$$
#
# with two complex numbers $a$ and $b$: a *similarity*. Two pairs of points determine it. With more pairs there is in general no exact one; take that with the **least sum of squared distances**, each pair counting alike. (Umeyama solved it in 1991 for any number of dimensions. In the plane it is a linear least-squares problem with two complex unknowns.) A similarity turns, scales and shifts; it never mirrors or shears.


# %% nbgrader={"grade_id": "similarity", "solution": true}
# Exercise 9.7 · similarity (3 points)
def similarity(source, target):
    """The similarity that takes points as near as possible to where they should be.

    source, target : arrays (n, 2), x and y of n ≥ 2 points each.
    Returns a float array (2, 3), M: the point p goes to M[:, :2] @ p + M[:, 2]. Raises ValueError
        if all points of the source are one and the same. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    z = np.asarray(source, float) @ [1, 1j]
    goal = np.asarray(target, float) @ [1, 1j]
    way = z - z.mean()
    size = (abs(way) ** 2).sum()
    if abs(z - z[0]).max() == 0:
        raise ValueError("the points of the source are one and the same")
    a = (way.conj() * (goal - goal.mean())).sum() / size
    b = goal.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    ### END SOLUTION


# %% [markdown]
# *Try it.* From (0, 0) and (1, 0) to (5, 5) and (5, 7): a quarter turn, twice as large, so the rows are `0 -2 5` and `2 0 5`. Then the four corners of a square, and where a mirror would put them. No similarity mirrors; which one comes nearest? The rows are `0 0 -0.5` and `0 0 0.5`: it shrinks all to one point.

# %%
print(np.round(similarity(np.array([[0, 0], [1, 0]]), np.array([[5, 5], [5, 7]])), 3) + 0.0)
square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
print(np.round(similarity(square, square * [-1, 1]), 3) + 0.0)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "similarity-check", "points": 1}
def _check():
    source, target = np.array([[0, 0], [1, 0]]), np.array([[5, 5], [5, 7]])
    matrix = np.asarray(similarity(source, target))
    assert matrix.shape == (2, 3), f"two rows of three numbers, not {matrix.shape}"
    hint = "(0, 0) goes to (5, 5), so that is the last column; (1, 0) adds the first column"
    assert_allclose(matrix[:, [0, 2]], [[0, 5], [2, 5]], atol=1e-6, err_msg=hint)
    hint = "a turn takes (0, 1) a quarter turn further than (1, 0): it does not mirror or shear"
    assert_allclose(matrix[:, 1], [-2, 0], atol=1e-6, err_msg=hint)
    source = np.array([[0, 0], [6, 0], [0, 2], [2, 2]])
    hint = "all pairs count alike: one of four points off by 7 shifts the middle by 7/4"
    matrix = similarity(source, source + np.array([[0, 0], [7, 0], [0, 0], [0, 0]]))
    assert_allclose(matrix @ [2, 1, 1], [3.75, 1], atol=1e-6, err_msg=hint)
    hint = "the best similarity, not the best of all linear maps: no shear"
    assert_allclose(matrix[:, :2], [[2, -0.25], [0.25, 2]], atol=1e-6, err_msg=hint)
    assert refuses(similarity, np.ones((2, 2)), target), (
        "two points at one place have no direction: raise ValueError"
    )


_check()


# %% nbgrader={"grade_id": "similarity-hidden", "points": 2}
# Hidden tests of exercise 9.7: exact motions, and the least squares of more points (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(97)
    for n, noise in [(2, 0), (2, 5), (3, 0), (4, 1), (9, 3), (5, 30)]:
        source, target = rng.uniform(0, 96, (2, n, 2))
        if noise < 5:
            angle, scale = rng.uniform(-3, 3), rng.uniform(0.4, 2)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            target = scale * source @ turn.T + rng.uniform(-50, 50, 2)
            target += noise * rng.normal(size=(n, 2))
        kept = source.copy(), target.copy()
        (x, y), one, zero = source.T, np.ones(n), np.zeros(n)
        rows = np.stack([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)], 1)
        a, b, c, d = np.linalg.lstsq(rows.reshape(-1, 4), target.ravel(), rcond=None)[0]
        matrix = np.asarray(similarity(source, target))
        assert matrix.shape == (2, 3)
        assert_allclose(matrix, [[a, -b, c], [b, a, d]], atol=1e-3)
        assert (source == kept[0]).all()
        assert (target == kept[1]).all()
    for n in (2, 3):
        assert refuses(similarity, np.full((n, 2), 7.0), rng.uniform(0, 9, (n, 2))), (
            "points that are one and the same must raise ValueError"
        )


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 9.8 A crop in which all lie alike (3 points)
#
# Use it: cut a crop of a given size out of an image, turned, scaled and shifted so that given points of the image land at given places of the crop. As in 9.6, go backwards: for each pixel of the crop, ask where it comes from. Read the image there bilinearly; beyond its border, repeat the nearest pixel.


# %% nbgrader={"grade_id": "align", "solution": true}
# Exercise 9.8 · align (3 points)
def align(image, points, targets, size):
    """A crop of an image in which its points are where they should be.

    image : float array (height, width, 1). points : (n, 2), points of the image, in its pixels.
    targets : (n, 2), where they should be, in pixels of the crop; n ≥ 2. The similarity is the one
        that takes points nearest to targets, distances measured in the crop; it is inverted to
        read the image. size : (height, width) of the crop.
    Returns a float32 array (*size, 1), whatever float type the image has. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    matrix = similarity(points, targets)
    rows, columns = np.indices(size)
    away = np.stack([columns.ravel() - matrix[0, 2], rows.ravel() - matrix[1, 2]])
    x, y = np.linalg.solve(matrix[:, :2], away)
    crop = ndimage.map_coordinates(image[..., 0], [y, x], order=1, mode="nearest")
    return crop.reshape(*size, 1).astype("float32")
    ### END SOLUTION


# %% [markdown]
# *Try it.* A face, tilted by your `move`, then cut out so that its eyes are at x = 31 and x = 16, y = 16, in a crop of 48×48. It should stand upright again.

# %% mystnb={"image": {"alt": "Left, a face of 96×96, tilted by 40 degrees; right, a crop of 48×48 in which it stands upright; its eyes are marked in both."}}
_eyes = [list(faces.point_names).index(f"{side}_eye_center") for side in ("left", "right")]
_tilted, _points = move(faces.x_test[2], faces.y_test[2], angle=40, scale=0.8)
_targets = np.array([[31.0, 16], [16, 16]])
_crop = align(_tilted, _points[_eyes], _targets, (48, 48))
show([_tilted, _crop], [_points[_eyes], _targets], ["tilted", "aligned"])

# %% [markdown]
# *Check.* Dots again: three of them, and each must land at its place.


# %% nbgrader={"grade_id": "align-check", "points": 1}
def _check():
    points = np.array([[20.0, 30], [44, 24], [30, 12]])
    targets = points[:, ::-1] * [1, -1] * 0.5 + [0, 24]  # a turn by 90°, half as large
    for n in (2, 3):
        for point, target in zip(points, targets, strict=True):
            image = dot(point, (40, 60), 2.5)
            crop = align(image, points[:n], targets[:n], (26, 22))
            assert crop.shape == (26, 22, 1), f"the crop's size is (26, 22, 1), not {crop.shape}"
            hint = f"{n} points: a dot that should be at {target} is elsewhere"
            assert_allclose(middle_of_mass(crop), target, atol=0.1, err_msg=hint)
            assert (image == dot(point, (40, 60), 2.5)).all(), "do not change the image"
    three = np.array([[20.0, 12], [28, 12], [24, 24]])
    hint = "three points: use them all; their middle lands in the middle of the targets"
    targets = three + np.array([[0, 0], [0, 0], [9, 0]])
    crop = align(dot((24, 16), (40, 60)), three, targets, (40, 60))
    assert_allclose(middle_of_mass(crop), [27, 16], atol=0.1, err_msg=hint)
    four = np.array([[12.0, 8], [24, 8], [12, 20], [24, 20]])
    targets = four + np.array([[0, 0], [8, 0], [0, 0], [-8, 0]])
    crop = align(dot((24, 8), (40, 60)), four, targets, (40, 60))
    hint = "four points that do not fit exactly: fit from points to targets, then invert"
    assert_allclose(middle_of_mass(crop), [26, 10], atol=0.1, err_msg=hint)
    ramp = np.arange(8.0).reshape(1, 8, 1) * np.ones((6, 1, 1))
    crop = align(ramp, np.array([[1, 1], [4, 1]]), np.array([[2.5, 1], [5.5, 1]]), (3, 12))
    hint = "bilinear; and beyond the border, the nearest pixel"
    assert_allclose(crop[1, :, 0], np.clip(np.arange(12) - 1.5, 0, 7), atol=1e-4, err_msg=hint)
    assert crop.dtype == "float32", "return float32, also for an image that is float64"


_check()


# %% nbgrader={"grade_id": "align-hidden", "points": 2}
# Hidden tests of exercise 9.8: other images, points and sizes; every pixel of the crop (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(98)
    cases = [((30, 44), (20, 33), 2), ((48, 25), (31, 16), 2), ((28, 36), (24, 24), 4)]
    for size, wanted, n in cases:
        image = ndimage.gaussian_filter(rng.random(size), 1.5)[..., None]
        image = image.astype("float32" if n == 2 else "float64")
        points = rng.uniform(4, 24, (n, 2))
        turn = rng.uniform(0.6, 1.4) * np.exp(1j * rng.uniform(-3.14, 3.14))
        goal = turn * ((points - 14) @ [1, 1j]) + complex(12, 10)
        targets = np.stack([goal.real, goal.imag], axis=1) + (n > 2) * rng.normal(size=(n, 2))
        kept = image.copy(), points.copy(), targets.copy()
        z, aim = points @ [1, 1j], targets @ [1, 1j]
        a, b = np.linalg.lstsq(np.stack([z, np.ones(n)], 1), aim, rcond=None)[0]
        rows, columns = np.indices(wanted)
        source = (columns + 1j * rows - b) / a
        places = [source.imag, source.real]
        expected = ndimage.map_coordinates(image[..., 0], places, order=1, mode="nearest")
        crop = align(image, points, targets, wanted)
        assert (crop.shape, crop.dtype) == ((*wanted, 1), "float32")
        assert_allclose(crop[..., 0], expected, atol=2e-3)
        for array, before in zip((image, points, targets), kept, strict=True):
            assert (array == before).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 9.9 A network that finds points (4 points)
#
# Time to train, with your loss. The images are shrunk by 3, to 32×32; thanks to `to_unit` the points stay what they are. Write a function that builds a network for any number of points. The same function will find 15 points in a face here and 2 in a whale in 9.10. The network
#
# - begins with `keras.Input((32, 32, 1))` and gives (n, points, 2): x and y of each point, on the scale of `to_unit`,
# - has **50,000 parameters at most**,
# - after the training below, has an RMSE of at most **65 %** of the mean face's on faces it has not seen. Aim at 55 %. The mean face is the guess that needs no image: each point where it is on average. (It tells more than a number of pixels: faces that all lie alike are easy to guess.)
#
# Three questions before you build. What should the last layer's activation be, if any? How many numbers are left when you flatten, and how many weights does that cost? And what does a global average over a map keep of *where* something was?


# %% nbgrader={"grade_id": "build_network", "solution": true}
# Exercise 9.9 · build_network (4 points)
def build_network(points):
    """A new network, not trained: images (n, 32, 32, 1) → coordinates (n, points, 2)."""
    ### BEGIN SOLUTION
    model = keras.Sequential([keras.Input((32, 32, 1))])
    for filters in (16, 32, 32):
        model.add(layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(48, activation="relu"))
    model.add(layers.Dense(2 * points))
    model.add(layers.Reshape((points, 2)))
    return model
    ### END SOLUTION


# %% [markdown]
# *Try it.* How many parameters, for 15 points and for 2?

# %%
print(f"{build_network(15).count_params():,}", f"{build_network(2).count_params():,}")

# %% [markdown]
# *Training.* Some seconds on a laptop. Of the 1,500 faces about a quarter have all their points; the others teach what they can.

# %% nbgrader={"grade_id": "train", "locked": true}
keras.utils.set_random_seed(0)
small_train, small_test = shrink(faces.x_train, 3), shrink(faces.x_test, 3)
network = build_network(15)
untrained = to_pixels(network.predict(small_test, verbose=0), (96, 96))
network.compile(keras.optimizers.Adam(2e-3), masked_loss(np.ones(15)))
targets = to_unit(faces.y_train, (96, 96))
network.fit(small_train, targets, batch_size=16, epochs=12, verbose=progress())
found = to_pixels(network.predict(small_test, verbose=0), (96, 96))


def rmse_of(guess, rows):
    """Kaggle's score of some test faces."""
    return np.sqrt(np.nanmean((guess[rows] - faces.y_test[rows]) ** 2))


mean_face = np.broadcast_to(np.nanmean(faces.y_train, axis=0), faces.y_test.shape)
for name, guess in [("mean face", mean_face), ("your network", found)]:
    print(f"{name}: RMSE, in pixels ≈ {rmse_of(guess, slice(None)):.2f}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "build_network-check", "points": 2}
def _check():
    count, shape = network.count_params(), found.shape
    assert count <= 50_000, f"{count:,} parameters; 50,000 are allowed"
    assert shape == (500, 15, 2), f"15 points for each of 500 faces, not {shape}"
    shape = to_numpy(build_network(3)(small_test[:4])).shape
    assert shape == (4, 3, 2), f"build_network(3) should give 3 points a face, not {shape}"
    error, most = rmse_of(found, slice(250)), 0.65 * rmse_of(mean_face, slice(250))
    assert error <= most, f"RMSE {error:.2f} on 250 unseen faces; {most:.2f} is the most allowed"


_check()


# %% nbgrader={"grade_id": "build_network-hidden", "points": 2}
# Hidden tests of exercise 9.9: the other faces; the network began untrained (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert network.count_params() <= 50_000
    assert found.shape == (500, 15, 2)
    assert to_numpy(build_network(7)(small_test[:2])).shape == (2, 7, 2)
    rest = slice(250, 500)
    assert rmse_of(found, rest) <= 0.65 * rmse_of(mean_face, rest)
    assert rmse_of(untrained, rest) > 0.9 * rmse_of(mean_face, rest), "it was trained already"


_hidden()
### END HIDDEN TESTS


# %% [markdown]
# What does it find? A face from the test set, where its points are marked and where your network puts them; and the same for your network's worst face.

# %% mystnb={"image": {"alt": "Two faces with 15 points each: the first face of the test set, and the one with the largest error. Gold dots are marked, red dots are found by the network."}}
_error = np.sqrt(np.nanmean((found - faces.y_test) ** 2, axis=(1, 2)))
_worst = int(np.nanargmax(_error))
_both = [np.concatenate([faces.y_test[i], found[i]]) for i in (0, _worst)]
show(faces.x_test[[0, _worst]], _both, ["the first", "the worst"], ["gold"] * 15 + ["red"] * 15)

# %% [markdown]
# ## 9.10 Which whale is it? (3 points)
#
# Right whales carry light patches on their heads, and each whale has its own pattern. Here are ten whales, seen from above, at any angle and distance. Drawn ones: the photographs of the contest in which this idea won are not at hand. Two points are marked: the *bonnet* at the tip of the head, here in red, and the *blowhole*, in gold.


# %% nbgrader={"grade_id": "whales", "locked": true} mystnb={"image": {"alt": "Four dark whale heads in grey water, each at another angle and size, with light patches; a red dot at the tip of each head, a gold dot between the patches."}}
whales = data.load("whales", train=1000, test=400)
show(
    whales.x_train[:4],
    whales.points_train[:4],
    [f"whale {label}" for label in whales.y_train[:4]],
    ["red", "gold"],
)

# %% [markdown]
# First your network learns to find the two points. To *find* them, a mirrored or turned whale is as good as any. So each image is used in eight ways: turned by 0, 1, 2 or 3 quarter turns, mirrored or not. To *name* a whale, a mirror image would be a lie: the mirrored pattern belongs to nobody, or to another whale.


# %% nbgrader={"grade_id": "finder", "locked": true}
def eight_ways(images, points):
    """Images and points on the scale of to_unit, in each of their eight symmetries."""
    ways = []
    for _ in range(4):
        images = np.rot90(images, axes=(1, 2))
        points = np.stack([points[..., 1], -points[..., 0]], axis=-1)
        ways += [(images, points), (images[:, :, ::-1], points * np.array([-1, 1], "float32"))]
    return [np.concatenate(arrays) for arrays in zip(*ways, strict=True)]


keras.utils.set_random_seed(0)
tiny_train, tiny_test = shrink(whales.x_train, 3), shrink(whales.x_test, 3)
finder = build_network(2)
finder.compile(keras.optimizers.Adam(2e-3), "mse")
many, where = eight_ways(tiny_train, to_unit(whales.points_train, (96, 96)))
finder.fit(many, where, batch_size=32, epochs=3, verbose=progress())
landmarks = to_pixels(finder.predict(tiny_test, verbose=0), (96, 96))
off = np.linalg.norm(landmarks - whales.points_test, axis=-1).mean()
print(f"bonnet and blowhole are missed, in pixels, by ≈ {off:.1f}")

# %% [markdown]
# Now write the function that makes crops in which all heads lie alike, whatever the image. Your `align` does the work for one image. It is for you to decide where in the crop of 32×32 the two points shall land: the whole pattern should be in it, and as large as possible. Look at the whales above: do the patches end at the blowhole? After the training below,
#
# - with the true points, **90 %** of the whales are named right,
# - with the points that your network found, **35 %**, and **20 percentage points more** than by the same classifier on whole images.


# %% nbgrader={"grade_id": "head_crops", "solution": true}
# Exercise 9.10 · head_crops (3 points)
def head_crops(images, points):
    """Crops in which all heads lie alike.

    images : float array (n, height, width, 1). points : (n, 2, 2): x and y of the bonnet, and of
        the blowhole, in pixels.
    Returns a float32 array (n, 32, 32, 1), grey values as your align gives them: in each, the
        bonnet lands at one and the same place, and the blowhole at another. The inputs are not
        changed.
    """
    ### BEGIN SOLUTION
    targets = np.array([[15.5, 3], [15.5, 23]])
    pairs = zip(images, points, strict=True)
    return np.stack([align(image, two, targets, (32, 32)) for image, two in pairs])
    ### END SOLUTION


# %% [markdown]
# *Try it.* The same four whales should all point the same way, each with all its patches.

# %% mystnb={"image": {"alt": "Four crops of 32×32: the heads of the four whales above, all in the same direction and of the same size, with their patches."}}
_crops = head_crops(whales.x_train[:4], whales.points_train[:4])
figures.images([crop[..., 0] for crop in _crops], [f"whale {i}" for i in whales.y_train[:4]])

# %% [markdown]
# *Training.* **Predict** three numbers: the share of whales named right from whole images, from crops at the true points, and from crops at the found points. Guessing gives 10 %. The crops for training are cut twice, at points that are moved at random by 4 pixels or so: a classifier that has seen nothing but perfect crops would be at a loss with a finder's errors.


# %% nbgrader={"grade_id": "name_whales", "locked": true}
def classifier():
    """A small network for images of 32×32 in 10 classes."""
    model = keras.Sequential([keras.Input((32, 32, 1))])
    for filters in (16, 32):
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    return model


keras.utils.set_random_seed(0)
jitter = np.random.default_rng(910).normal(0, 4, (2, *whales.points_train.shape))
cut = [head_crops(whales.x_train, whales.points_train + move_by) for move_by in jitter]
tests = {
    "crops, true points": head_crops(whales.x_test, whales.points_test),
    "crops, found points": head_crops(whales.x_test, landmarks),
}
labels, right = np.tile(whales.y_train, 2), {}
aligned, plain = classifier(), classifier()
aligned.fit(np.concatenate(cut), labels, batch_size=32, epochs=4, verbose=progress())
plain.fit(np.concatenate([tiny_train] * 2), labels, batch_size=32, epochs=4, verbose=progress())
for name, crops in tests.items():
    right[name] = aligned.predict(crops, verbose=0).argmax(axis=-1) == whales.y_test
right["whole images"] = plain.predict(tiny_test, verbose=0).argmax(axis=-1) == whales.y_test
for name, each in right.items():
    print(f"{name}: named right ≈ {each.mean():.1%}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "head_crops-check", "points": 1}
def _check():
    shape, kind = tests["crops, true points"].shape, tests["crops, true points"].dtype
    assert shape == (400, 32, 32, 1), f"400 whales make crops (400, 32, 32, 1), not {shape}"
    assert kind == "float32", f"float32, not {kind}"
    low, high = (f(tests["crops, true points"]) for f in (np.min, np.max))
    hint = f"grey values from {low:.2f} to {high:.2f}: leave them as your align gives them"
    assert -1e-3 < low < high < 1.001, hint
    places = []
    for point, other in [((30, 20), (60, 45)), ((60, 45), (30, 20)), ((44, 70), (50, 40))]:
        for which in (point, other):
            two = np.array([[point, other]], float)
            image = dot(which, (90, 110), np.linalg.norm(two[0, 0] - two[0, 1]) / 16)[None]
            places.append(middle_of_mass(head_crops(image, two)[0]))
    hint = "the bonnet lands at one place, however the whale lies"
    assert_allclose(places[::2], [places[0]] * 3, atol=0.5, err_msg=hint)
    hint = "the blowhole lands at one place, however the whale lies"
    assert_allclose(places[1::2], [places[1]] * 3, atol=0.5, err_msg=hint)
    apart = np.linalg.norm(places[0] - places[1])
    assert apart > 8, f"in the crop, the points are {apart:.1f} pixels apart: larger, please"
    share = {name: each[:200].mean() for name, each in right.items()}
    true, guess, whole = (share[name] for name in (*tests, "whole images"))
    assert true >= 0.9, f"{true:.0%} with the true points, 90 % are needed: is all in the crop?"
    assert guess >= 0.35, f"{guess:.0%} with the found points, 35 % are needed: see 9.9"
    assert guess >= whole + 0.2, f"{guess:.0%} with the found points, {whole:.0%} without"


_check()


# %% nbgrader={"grade_id": "head_crops-hidden", "points": 2}
# Hidden tests of exercise 9.10: the other whales, and heads of other images and sizes (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    share = {name: each[200:].mean() for name, each in right.items()}
    assert share["crops, true points"] >= 0.9
    assert share["crops, found points"] >= max(0.35, share["whole images"] + 0.2)
    rng, places = np.random.default_rng(9100), []
    for _ in range(4):
        two = np.array([50.0, 45]) + rng.uniform(8, 16) * np.array([[1, 0], [-1, 0]])
        angle = rng.uniform(0, 6.28)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        two = (two - [50, 45]) @ turn + [50, 45]
        sigma = np.linalg.norm(two[0] - two[1]) / 16
        images = np.stack([dot(point, (90, 100), sigma) for point in two])
        kept = images.copy()
        crops = head_crops(images, np.stack([two, two]))
        assert crops.shape == (2, 32, 32, 1)
        assert (images == kept).all()
        places.append([middle_of_mass(crop) for crop in crops])
    assert_allclose(places, [places[0]] * 4, atol=0.5)
    assert np.linalg.norm(np.subtract(*places[0])) > 8, "the heads are too small in the crops"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Go on.** The gap between the first two lines is the finder's fault alone. How would you close it? One way is to look twice: in a crop cut at the found points, the head already lies nearly as it should, so a second network needs to correct small errors only. Another is to keep *where* until the end, with a map for each point and the expectation over it, as in the [chapter](../book/09_keypoints.ipynb).
#
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 09_keypoints.ipynb` shows the points that you have.
