# %% [markdown]
# # Lab 03 · Pooling, and the first whole networks
#
# You write pooling forwards and backwards, build networks out of it, and look at what they get wrong. Ten exercises, 30 points, about two hours.
#
# **How it works.** As in lab 02: write each answer into the cell that begins with a comment such as `# Exercise 3.2 · max_pool2d (3 points)`, and leave that comment in place. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. You may add cells wherever you like.
#
# Use NumPy or SciPy as you wish, in float32 or float64. In 3.2, 3.4 and 3.5 leave Keras' pooling and automatic gradients aside: you are to write those. Elsewhere, use Keras, too. The [chapter](../book/03_pooling.ipynb) has all you need.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %% nbgrader={"grade_id": "setup", "locked": true}
import keras
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.datasets import load_sample_image

from convbook import data, figures
from convbook.widgets import interact, progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# ## 3.1 Predict (2 points)
#
# Only a pencil. This is a feature map before its activation, so it has negative numbers:
#
# $$\begin{bmatrix} 2 & -1 & 0 & 3 \\ 1 & 4 & -2 & -3 \\ -4 & -2 & 5 & 1 \\ -1 & -3 & 2 & 2 \end{bmatrix}$$
#
# - Pool it with 2×2 windows and strides 2: the `maximum`, the `average` and the `minimum` of each window, as 2×2 lists.
# - `corner`: pool it with `MaxPooling2D(2, strides=1, padding="same")`, which gives a 4×4 map. What stands at its *bottom right*? And `left`, the number at its *bottom left*? The window hangs over the border there.
# - A 13×13 map goes through `MaxPooling2D(2)`: what is its side then, `side_valid`? With `padding="same"`, `side_same`? And through `MaxPooling2D(3, strides=2)`, `side_overlapping`?

# %% nbgrader={"grade_id": "predict", "solution": true}
# Exercise 3.1 · predict (2 points)
# Set maximum, average, minimum (2×2 lists), corner, left, side_valid, side_same, side_overlapping.
### BEGIN SOLUTION
maximum = [[4, 3], [-1, 5]]
average = [[1.5, -0.5], [-2.5, 2.5]]
minimum = [[-1, -3], [-4, 1]]
corner, left = 2, -1
side_valid = (13 - 2) // 2 + 1
side_same = -(-13 // 2)
side_overlapping = (13 - 3) // 2 + 1
### END SOLUTION

# %% [markdown]
# *Check.* Keras computes the same; first the maps, then the sides.


# %% nbgrader={"grade_id": "predict-maps", "points": 1}
def _check():
    rows = [[2, -1, 0, 3], [1, 4, -2, -3], [-4, -2, 5, 1], [-1, -3, 2, 2]]
    x = np.array(rows, "float32").reshape(1, 4, 4, 1)
    expected = to_numpy(keras.layers.MaxPooling2D(2)(x))[0, :, :, 0]
    assert_allclose(maximum, expected, err_msg="maximum: the largest of each 2×2 block")
    expected = to_numpy(keras.layers.AveragePooling2D(2)(x))[0, :, :, 0]
    assert_allclose(average, expected, err_msg="average: the sum of each block, divided by 4")
    expected = -to_numpy(keras.layers.MaxPooling2D(2)(-x))[0, :, :, 0]
    assert_allclose(minimum, expected, err_msg="minimum: the smallest, so the most negative")
    expected = to_numpy(keras.layers.MaxPooling2D(2, strides=1, padding="same")(x))[0, :, :, 0]
    hint = "which numbers of the map lie under the window there? the border itself has none"
    assert_allclose([left, corner], expected[-1, [0, -1]], err_msg=f"left, corner: {hint}")


_check()


# %% nbgrader={"grade_id": "predict-sides", "points": 1}
def _check():
    for name, side, layer, hint in [
        ("side_valid", side_valid, keras.layers.MaxPooling2D(2), "the last window must fit"),
        ("side_same", side_same, keras.layers.MaxPooling2D(2, padding="same"), "⌈n / strides⌉"),
        ("side_overlapping", side_overlapping, keras.layers.MaxPooling2D(3, 2), "strides are 2"),
    ]:
        assert side == layer.compute_output_shape((None, 13, 13, 1))[1], f"{name}: {hint}"


_check()

# %% [markdown]
# ## 3.2 Max pooling (3 points)
#
# Now for a whole batch. Each channel is pooled on its own, so the output has as many channels as the input. As in Keras, `strides=None` means that the windows lie side by side: strides equal to the pool size. There is no padding; a window that does not fit is left out.
#
# The maximum of some numbers is one of these numbers. So the output needs no other type than the input: photographs in uint8 stay uint8.


# %% nbgrader={"grade_id": "max_pool2d", "solution": true}
# Exercise 3.2 · max_pool2d (3 points)
def max_pool2d(x, pool_size, strides=None):
    """Maximum over windows, for each image and each channel.

    x : array (n, H, W, C), of any real type, positive or negative.
    pool_size : (h, w). strides : (vertical, horizontal), or None for the pool size.
    Returns an array (n, rows, columns, C) of the type of x. x is not changed.
    """
    ### BEGIN SOLUTION
    (h, w), (down, right) = pool_size, strides or pool_size
    rows = (x.shape[1] - h) // down + 1
    columns = (x.shape[2] - w) // right + 1
    output = np.empty((x.shape[0], rows, columns, x.shape[3]), x.dtype)
    for i, j in np.ndindex(rows, columns):
        r, c = i * down, j * right
        output[:, i, j] = x[:, r : r + h, c : c + w].max(axis=(1, 2))
    return output
    ### END SOLUTION


# %% [markdown]
# *Try it.* The chapter's first example should give the rows 6 8 and 3 4. With strides of 1 it should give 6 7 8, then 6 7 8, then 3 3 4.

# %%
x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]).reshape(1, 4, 4, 1)
print(max_pool2d(x, (2, 2))[0, :, :, 0])
print(max_pool2d(x, (2, 2), strides=(1, 1))[0, :, :, 0])

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "max_pool2d-check", "points": 1}
def _check():
    x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]).reshape(1, 4, 4, 1)
    answer = np.asarray(max_pool2d(x, (2, 2)))
    assert answer.shape == (1, 2, 2, 1), f"it should be (1, 2, 2, 1), not {answer.shape}"
    assert_allclose(answer[0, :, :, 0], [[6, 8], [3, 4]], err_msg="strides=None: side by side")
    hint = "strides (1, 1): the windows overlap"
    answer = max_pool2d(x, (2, 2), strides=(1, 1))[0, :, :, 0]
    assert_allclose(answer, [[6, 7, 8], [6, 7, 8], [3, 3, 4]], err_msg=hint)
    answer = max_pool2d(-x, (2, 2))[0, :, :, 0]
    hint = "among negative numbers the maximum is negative: start from no zero"
    assert_allclose(answer, [[-1, -2], [-1, 0]], err_msg=hint)
    x = np.arange(2 * 5 * 7 * 3, dtype="uint8").reshape(2, 5, 7, 3)
    answer = np.asarray(max_pool2d(x, (2, 3)))
    assert answer.shape == (2, 2, 2, 3), f"2×3 on 5×7 has 2×2 places; yours is {answer.shape}"
    assert answer.dtype == np.uint8, f"uint8 goes in, so uint8 comes out, not {answer.dtype}"
    hint = "each channel and each image on its own"
    assert_array_equal(answer[:, 0, 0], [[27, 28, 29], [132, 133, 134]], err_msg=hint)
    answer = np.asarray(max_pool2d(x, (2, 2), strides=(3, 1)))
    assert answer.shape == (2, 2, 6, 3), f"strides are (down, right); yours is {answer.shape}"


_check()


# %% nbgrader={"grade_id": "max_pool2d-hidden", "points": 2}
# Hidden tests of exercise 3.2: random numbers, other windows, strides and types, against Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(32)
    for size, pool_size, strides in [
        ((2, 7, 6, 3), (3, 2), None),
        ((1, 9, 8, 2), (2, 3), (3, 1)),
        ((3, 6, 9, 1), (3, 4), (1, 2)),
        ((1, 5, 5, 4), (5, 5), None),
        ((2, 8, 4, 2), (1, 3), (2, 1)),
    ]:
        layer = keras.layers.MaxPooling2D(pool_size, strides=strides)
        for kind in ("float32", "float64", "int8", "uint8"):
            x = rng.integers(0, 250, size) if kind == "uint8" else rng.normal(-40, 20, size)
            x = x.astype(kind)
            kept, expected = x.copy(), to_numpy(layer(x.astype("float32")))
            answer = np.asarray(max_pool2d(x, pool_size, strides))
            assert answer.dtype == x.dtype
            assert answer.shape == expected.shape
            assert_allclose(answer, expected, rtol=1e-6)
            assert_array_equal(x, kept)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** *Your* function pools a photograph, and the average stands beside it. Make the windows larger. Which of the two keeps thin bright lines, and which keeps the mean brightness?

# %% mystnb={"image": {"alt": "A photograph of a Chinese temple in coarse blocks, twice: the maximum of each block on the left is brighter than the average on the right."}}
photo = load_sample_image("china.jpg")[100:340, 120:440].mean(axis=-1)[None, :, :, None]


def pooled(side=6):
    """Show the photo pooled by the maximum and by the average, in windows of a given side."""
    largest = max_pool2d(photo, (side, side))
    mean = to_numpy(keras.layers.AveragePooling2D(side)(photo.astype("float32")))
    maps = [np.asarray(largest)[0, :, :, 0], mean[0, :, :, 0]]
    figures.images(maps, ["maximum", "average"], limits=(0, 255))


interact(pooled, side=(1, 24))

# %% [markdown]
# ## 3.3 Pooling merged (3 points)
#
# The chapter shows that average pooling is a convolution. And two convolutions in a row, with no activation between them, are one. So the pair
#
# ```
# Conv2D(filters, kernel_size)
# AveragePooling2D(pool_size)
# ```
#
# can be a single `Conv2D` with `strides=pool_size`, a larger kernel, and the same bias. It is cheaper, too: with 3×3 kernels and 2×2 windows, the pair takes 4·9 = 36 multiplications for each pooled number and channel, and the single layer 16.
#
# Find its kernel. A pooled number is the mean of several visits of the small kernel, each at another place. Which pixels of the larger window does a visit see, and with which weights? (With a ReLU in between it does not work. Why?)


# %% nbgrader={"grade_id": "merge_average", "solution": true}
# Exercise 3.3 · merge_average (3 points)
def merge_average(w, pool_size):
    """Kernel of one convolution that does what a convolution and average pooling do.

    w : array of floats (h, k, C, filters), the convolution's kernel. pool_size : (p, q).
    Returns an array of floats (h + p - 1, k + q - 1, C, filters). w is not changed.
    """
    ### BEGIN SOLUTION
    (h, k), (p, q) = w.shape[:2], pool_size
    merged = np.zeros((h + p - 1, k + q - 1, *w.shape[2:]))
    for i, j in np.ndindex(p, q):
        merged[i : i + h, j : j + k] += w / (p * q)
    return merged
    ### END SOLUTION


# %% [markdown]
# *Try it.* The kernel 1 3, averaged over two places, should give 0.5 2 1.5: on pixels $a, b, c$ that is the mean of $a + 3b$ and $b + 3c$.

# %%
print(np.ravel(merge_average(np.array([1.0, 3.0]).reshape(1, 2, 1, 1), (1, 2))))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "merge_average-check", "points": 1}
def _check():
    w = np.array([1.0, 3.0]).reshape(1, 2, 1, 1)
    answer = np.asarray(merge_average(w.copy(), (1, 2)))
    assert answer.shape == (1, 3, 1, 1), f"two visits see 3 pixels: not {answer.shape}"
    hint = "the mean of a + 3b and b + 3c, in the order a, b, c"
    assert_allclose(np.ravel(answer), [0.5, 2, 1.5], rtol=1e-5, err_msg=hint)
    w = np.zeros((2, 3, 2, 2))
    w[0, 1, 1, 0], w[1, 2, 0, 1] = 12, 24
    answer = np.asarray(merge_average(w, (3, 2)))
    assert answer.shape == (4, 4, 2, 2), f"2×3 at 3×2 places: (4, 4, 2, 2), not {answer.shape}"
    hint = "each of the 3×2 visits counts a sixth, and the kernel starts at its place"
    expected = [[0, 2, 2, 0], [0, 2, 2, 0], [0, 2, 2, 0], [0, 0, 0, 0]]
    assert_allclose(answer[:, :, 1, 0], expected, rtol=1e-5, atol=1e-6, err_msg=hint)
    expected = [[0, 0, 0, 0], [0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4]]
    assert_allclose(answer[:, :, 0, 1], expected, rtol=1e-5, atol=1e-6, err_msg=hint)
    hint = "channels and filters stay apart: where w is 0 for a pair of them, so is the answer"
    assert_allclose(answer[:, :, [0, 1], [0, 1]], 0, atol=1e-6, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "merge_average-hidden", "points": 2}
# Hidden tests of exercise 3.3: the merged layer against Keras' two layers (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(33)
    for size, kernel_size, pool_size in [
        ((2, 8, 8, 3), (3, 3), (2, 2)),
        ((1, 9, 11, 2), (2, 4), (3, 2)),
        ((1, 7, 9, 1), (1, 1), (2, 4)),
        ((1, 6, 5, 4), (3, 2), (1, 1)),
    ]:
        x = rng.normal(size=size).astype("float32")
        first = keras.layers.Conv2D(5, kernel_size, bias_initializer="ones")
        expected = to_numpy(keras.layers.AveragePooling2D(pool_size)(first(x)))
        w, b = first.get_weights()
        kept, merged = w.copy(), np.asarray(merge_average(w, pool_size))
        assert_array_equal(w, kept)
        single = keras.layers.Conv2D(5, merged.shape[:2], strides=pool_size)
        single.build(size)
        single.set_weights([merged, b])
        assert_allclose(to_numpy(single(x)), expected, atol=1e-5)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 3.4 Averages at the border (3 points)
#
# With `padding="same"` some windows hang over the border. If the zeros there counted, a white image would get grey edges. So Keras divides by the number of **real** pixels under the window. (With this the border windows have another kernel than the rest: average pooling with "same" is *not* a convolution where windows hang over.)
#
# There are $\lceil n/s \rceil$ windows on a side of $n$ pixels. Together they cover $(\lceil n/s \rceil - 1)·s + k$ pixels. If that is more than $n$, half of the rest lies before the image, rounded down, and the other half after it.


# %% nbgrader={"grade_id": "average_pool2d", "solution": true}
# Exercise 3.4 · average_pool2d (3 points)
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    """Average over windows, for each image and each channel; only real pixels count.

    x : array (n, H, W, C), of any real type, such as uint8.
    pool_size : (h, w). strides : (vertical, horizontal), or None for the pool size.
    padding : "valid" or "same", as Keras has them.
    Returns an array of floats (n, rows, columns, C). x is not changed.
    """
    ### BEGIN SOLUTION
    spans = []
    for n, k, s in zip(x.shape[1:3], pool_size, strides or pool_size, strict=True):
        if padding == "same":
            places = -(-n // s)
            before = max((places - 1) * s + k - n, 0) // 2
        else:
            places, before = (n - k) // s + 1, 0
        starts = [p * s - before for p in range(places)]
        spans.append([slice(max(start, 0), start + k) for start in starts])
    rows = [[x[:, r, c].mean(axis=(1, 2)) for c in spans[1]] for r in spans[0]]
    return np.moveaxis(np.array(rows), 2, 0)
    ### END SOLUTION


# %% [markdown]
# *Try it.* A row of five pixels, 1 2 3 4 5, in windows of 2 with strides 2: "valid" should give 1.5 3.5, and "same" 1.5 3.5 5. In windows of 3 with strides 1, "same" should give 1.5 2 3 4 4.5.

# %%
row = np.arange(1, 6).reshape(1, 1, 5, 1)
print(np.ravel(average_pool2d(row, (1, 2))))
print(np.ravel(average_pool2d(row, (1, 2), padding="same")))
print(np.ravel(average_pool2d(row, (1, 3), strides=(1, 1), padding="same")))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "average_pool2d-check", "points": 1}
def _check():
    x = np.array([[1, 2, 4], [5, 6, 7], [0, 3, 250]], "uint8").reshape(1, 3, 3, 1)
    answer = np.asarray(average_pool2d(x, (2, 2)))
    assert_allclose(answer, [[[[3.5]]]], err_msg="valid: one window fits; floats, not uint8")
    answer = np.asarray(average_pool2d(x, (2, 2), padding="same"))
    assert answer.shape == (1, 2, 2, 1), f"same: ⌈3/2⌉ places a side; yours is {answer.shape}"
    hint = "divide by the pixels that are under the window: 4, 2, 2 and 1"
    assert_allclose(answer[0, :, :, 0], [[3.5, 5.5], [1.5, 250]], rtol=1e-5, err_msg=hint)
    answer = average_pool2d(np.arange(4.0).reshape(1, 1, 4, 1), (1, 3), padding="same")
    hint = "two windows of 3 cover 6 pixels, 2 more than there are: one before, one after"
    assert_allclose(np.ravel(answer), [0.5, 2.5], rtol=1e-5, err_msg=hint)
    answer = average_pool2d(np.arange(6.0).reshape(1, 6, 1, 1), (1, 1), (2, 2), "same")
    hint = "windows smaller than the strides leave nothing over"
    assert_allclose(np.ravel(answer), [0, 2, 4], atol=1e-6, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "average_pool2d-hidden", "points": 2}
# Hidden tests of exercise 3.4: random numbers, other windows and strides, against Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(34)
    for size, pool_size, strides, padding in [
        ((2, 7, 6, 3), (3, 2), None, "valid"),
        ((2, 8, 9, 2), (2, 3), (3, 1), "valid"),
        ((1, 6, 9, 2), (3, 4), (1, 2), "same"),
        ((3, 7, 5, 1), (2, 3), None, "same"),
        ((1, 8, 6, 2), (5, 4), (3, 1), "same"),
        ((1, 9, 8, 1), (2, 1), (4, 3), "same"),
    ]:
        layer = keras.layers.AveragePooling2D(pool_size, strides=strides, padding=padding)
        x = rng.normal(size=size).astype("float32")
        kept, expected = x.copy(), to_numpy(layer(x))
        answer = np.asarray(average_pool2d(x, pool_size, strides, padding))
        assert answer.shape == expected.shape
        assert_allclose(answer, expected, atol=1e-5)
        assert_array_equal(x, kept)
    bright = rng.integers(150, 256, (1, 40, 40, 1)).astype("uint8")
    assert_allclose(average_pool2d(bright, (40, 40)), [[[[bright.mean()]]]], rtol=1e-5)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 3.5 Max pooling, backward (4 points)
#
# A small change of the largest pixel of a window changes the output by as much; a small change of another pixel changes nothing. So the gradient `g` of an output goes to **one** pixel, whole. Where windows overlap, a pixel can be the largest of several: it gets the sum.
#
# And if two pixels of a window are equally large? Then the maximum has no derivative, and something must be agreed: the **first** of them gets all, in the order of reading (left to right, then down). After ReLU this happens all the time, with zeros.


# %% nbgrader={"grade_id": "max_pool2d_backward", "solution": true}
# Exercise 3.5 · max_pool2d_backward (4 points)
def max_pool2d_backward(x, g, pool_size, strides=None):
    """Gradient of the layer max_pool2d of exercise 3.2 with respect to its input.

    x : array (n, H, W, C), the layer's input, of any real type.
    g : array of floats (n, rows, columns, C), the gradient with respect to its output.
    pool_size : (h, w). strides : (vertical, horizontal), or None for the pool size.
    Returns an array of floats of the shape of x. x and g are not changed.
    """
    ### BEGIN SOLUTION
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, channel in np.ndindex(g.shape):
        r, c = i * down, j * right
        window = x[n, r : r + h, c : c + w, channel]
        row, column = np.unravel_index(window.argmax(), window.shape)
        dx[n, r + row, c + column, channel] += g[n, i, j, channel]
    return dx
    ### END SOLUTION


# %% [markdown]
# *Try it.* A 3×3 map with 9 in the middle, in 2×2 windows with strides 1, and `g` of ones: all four windows look at the 9. So this should print a 4 in the middle of zeros.

# %%
x = np.array([[1, 2, 3], [4, 9, 5], [6, 7, 8]]).reshape(1, 3, 3, 1)
print(max_pool2d_backward(x, np.ones((1, 2, 2, 1)), (2, 2), strides=(1, 1))[0, :, :, 0])

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "max_pool2d_backward-check", "points": 1}
def _check():
    x = np.array([[1, 2, 3], [4, 9, 5], [6, 7, 8]]).reshape(1, 3, 3, 1)
    g = np.array([[0.5, 1], [2, 4]]).reshape(1, 2, 2, 1)
    answer = np.asarray(max_pool2d_backward(x, g, (2, 2), strides=(1, 1)))
    assert answer.shape == x.shape, f"the shape of x, not {answer.shape}"
    hint = "add up what all four windows send to the 9, in floats"
    assert_allclose(answer[0, :, :, 0], [[0, 0, 0], [0, 7.5, 0], [0, 0, 0]], err_msg=hint)
    x, g = np.zeros((1, 2, 4, 1), int), np.array([3.0, 5.0]).reshape(1, 1, 2, 1)
    answer = np.asarray(max_pool2d_backward(x, g, (2, 2)))
    hint = "a tie: the first pixel of the window gets all of g, the others nothing"
    assert_allclose(answer[0, :, :, 0], [[3, 0, 5, 0], [0, 0, 0, 0]], err_msg=hint)
    x = np.array([[0, 7, 1], [7, 0, 1]]).reshape(1, 2, 3, 1)
    answer = np.asarray(max_pool2d_backward(x, np.ones((1, 1, 1, 1)), (2, 2)))
    hint = "first in reading order: row by row. The last column is in no window"
    assert_allclose(answer[0, :, :, 0], [[0, 1, 0], [0, 0, 0]], err_msg=hint)
    x, g = np.array([[-3.0, -1.0], [-2.0, -9.0]]), np.array([[10.0, 20.0]])
    answer = np.asarray(max_pool2d_backward(x.reshape(1, 2, 1, 2), g.reshape(1, 1, 1, 2), (2, 1)))
    hint = "each channel on its own, negative numbers too"
    assert_allclose(answer[0, :, 0], [[0, 20], [10, 0]], err_msg=hint)


_check()


# %% nbgrader={"grade_id": "max_pool2d_backward-hidden", "points": 3}
# Hidden tests of exercise 3.5: numerical gradients of Keras' layer, and many ties (3 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(35)
    for size, pool_size, strides in [
        ((2, 4, 6, 2), (2, 3), None),
        ((1, 5, 7, 2), (3, 2), (1, 2)),
        ((1, 7, 5, 1), (2, 2), (3, 1)),
    ]:
        layer, n = keras.layers.MaxPooling2D(pool_size, strides=strides), np.prod(size)
        x = rng.permutation(n).reshape(size).astype("float32") - 30  # without ties
        g = rng.normal(size=layer.compute_output_shape(size)).astype("float32")
        kept = x.copy(), g.copy()
        moved = (x.ravel() + np.eye(n) / 2).reshape(-1, *size[1:])  # one pixel at a time
        change = to_numpy(layer(moved.astype("float32"))).reshape(n, *g.shape) - to_numpy(layer(x))
        expected = 2 * (change * g).sum(axis=(1, 2, 3, 4)).reshape(size)
        answer = np.asarray(max_pool2d_backward(x, g, pool_size, strides))
        assert answer.shape == size
        assert_allclose(answer, expected, atol=1e-4)
        assert_array_equal(x, kept[0])
        assert_array_equal(g, kept[1])
        # with ties: as if each pixel were a little less than the one before it
        ties, order = rng.integers(-1, 2, size), np.arange(size[1] * size[2])
        apart = ties - order.reshape(1, size[1], size[2], 1) / 1000
        expected = max_pool2d_backward(apart, g, pool_size, strides)
        assert_allclose(max_pool2d_backward(ties, g, pool_size, strides), expected, atol=1e-5)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 3.6 A network for any size (3 points)
#
# After `Flatten`, a network takes images of one size only, because the next layer has a weight for each place. Global average pooling leaves one number for each map, whatever its size. Build:
#
# 1. an input of RGB images of any height and width: `keras.Input((None, None, 3))`,
# 2. two 3×3 convolutions with `filters` filters each, each followed by a ReLU,
# 3. global average pooling,
# 4. a softmax layer over `classes` classes.
#
# One more demand: an image that is grey all over has no content but its grey. **It must get the same answer at every size.** Which padding do the convolutions need for that, and why does the other fail?


# %% nbgrader={"grade_id": "any_size", "solution": true}
# Exercise 3.6 · any_size (3 points)
def any_size(filters, classes):
    """A new network for RGB images of any size from 5×5 up, not trained.

    filters : int, of each convolution. classes : int.
    Returns a Keras model that turns (n, height, width, 3) into probabilities (n, classes).
    """
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    ### END SOLUTION


# %% [markdown]
# *Try it.* One network, three sizes: this should print `(1, 10)` each time, and at last 2,938 parameters.

# %%
network = any_size(filters=16, classes=10)
for height, width in [(32, 32), (28, 40), (5, 5)]:
    print(network(np.zeros((1, height, width, 3), "float32")).shape)
print(network.count_params())

# %% [markdown]
# *Check.* This helper turns convolutions off: it looks at what a network does, not at how it is written. Exercise 3.9 needs it, too.


# %% nbgrader={"grade_id": "silenced", "locked": true}
def silenced(model, images, which):
    """Probabilities when convolution number `which` and the next have weights of -1, others of 1.

    Images are positive, so convolution `which` gives only negative numbers. A ReLU behind it makes
    zeros of them, and then all classes are equally likely. Without one they go on, and the next
    convolution turns them positive. The model's weights are left changed.
    """
    model(images)
    kernels = [weight for weight in model.weights if len(weight.shape) == 4]
    for number, kernel in enumerate(kernels):
        sign = -1.0 if number in (which, which + 1) else 1.0
        kernel.assign(keras.ops.full(kernel.shape, sign))
    return to_numpy(model(images))


# %% nbgrader={"grade_id": "any_size-check", "points": 1}
def _check():
    keras.utils.set_random_seed(36)
    model = any_size(16, 3)
    for size in [(8, 8), (7, 12)]:
        images = np.random.default_rng(36).random((2, *size, 3)).astype("float32")
        p = to_numpy(model(images))
        assert p.shape == (2, 3), f"3 numbers for each of 2 images: (2, 3), not {p.shape}"
        assert_allclose(p.sum(axis=1), 1, atol=1e-4, err_msg="end in a softmax")
    expected = 16 * (9 * 3 + 1) + 16 * (9 * 16 + 1) + 3 * (16 + 1)
    assert model.count_params() == expected, f"{model.count_params():,} parameters, not {expected}"
    small, large = (np.full((1, side, side, 3), 0.5, "float32") for side in (9, 16))
    hint = "grey at 9×9 and at 16×16 differ: what do the convolutions see at the border?"
    assert_allclose(to_numpy(model(small)), to_numpy(model(large)), atol=1e-4, err_msg=hint)
    effects = []
    for grey, places in [(small, 5 * 5), (large, 12 * 12)]:
        spot = grey.copy()
        spot[0, 4, 4] = 30
        change = np.log(to_numpy(model(spot))) - np.log(to_numpy(model(grey)))
        effects.append((change - change.mean()) * places)
    hint = "in an average, a bright spot counts for less the larger the image is"
    assert_allclose(effects[0], effects[1], rtol=0.02, atol=0.02, err_msg=hint)
    for which in (0, 1):
        hint = f"does a ReLU follow convolution {which + 1}?"
        assert_allclose(silenced(model, images, which), 1 / 3, atol=1e-3, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "any_size-hidden", "points": 2}
# Hidden tests of exercise 3.6: the same weights in a network of ours give the same answers (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    def shape(weight):
        """A weight's shape without sides of 1: a 1×1 convolution is a dense layer."""
        return tuple(n for n in weight.shape if n > 1)

    rng = np.random.default_rng(136)
    for filters, classes in [(4, 7), (6, 2)]:
        reference = keras.Sequential([keras.Input((None, None, 3))])
        for _ in range(2):
            reference.add(keras.layers.Conv2D(filters, 3, activation="relu"))
        reference.add(keras.layers.GlobalAveragePooling2D())
        reference.add(keras.layers.Dense(classes, activation="softmax"))
        model = any_size(filters, classes)
        model(np.zeros((1, 8, 8, 3), "float32"))
        weights = {shape(w): rng.normal(0.05, 0.3, shape(w)) for w in reference.weights}
        assert sorted(map(shape, model.weights)) == sorted(map(shape, reference.weights))
        for weight in [*model.weights, *reference.weights]:
            weight.assign(weights[shape(weight)].reshape(weight.shape))
        for size in [(5, 5), (9, 6), (14, 23)]:
            images = rng.random((3, *size, 3)).astype("float32")
            expected = to_numpy(reference(images))
            assert_allclose(to_numpy(model(images)), expected, atol=1e-4)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 3.7 Where it goes wrong (3 points)
#
# An accuracy is one number. The **confusion matrix** says which class is taken for which: in row $t$ and column $p$ it counts the images of true class $t$ that were predicted as $p$. The **recall** of a class is the share of its images that were recognized.
#
# The predicted class is the most probable one; of equally probable ones, the first. Two cases to think of: a class may have no image at all, and a class may never be predicted.


# %% nbgrader={"grade_id": "confusion", "solution": true}
# Exercise 3.7 · confusion (3 points)
def confusion(y, probabilities):
    """Confusion matrix, and recall of each class.

    y : array of ints (n,), the true classes. probabilities : array (n, classes).
    Returns (matrix, recall): whole numbers (classes, classes), with a row for each true class and
    a column for each predicted one, and floats (classes,), nan for a class without images.
    """
    ### BEGIN SOLUTION
    classes = probabilities.shape[1]
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (y, probabilities.argmax(axis=1)), 1)
    images = matrix.sum(axis=1)
    recall = np.full(classes, np.nan)
    recall[images > 0] = matrix.diagonal()[images > 0] / images[images > 0]
    return matrix, recall
    ### END SOLUTION


# %% [markdown]
# *Try it.* Five images, four classes. This should print the rows 1 1 0 0, 0 2 0 0, 1 0 0 0 and 0 0 0 0, and the recalls 0.5, 1, 0 and nan.

# %%
truth = np.array([0, 1, 1, 2, 0])
guesses = np.array(
    [
        [0.7, 0.1, 0.1, 0.1],
        [0.3, 0.4, 0.2, 0.1],
        [0.1, 0.8, 0.1, 0.0],
        [0.5, 0.0, 0.4, 0.1],
        [0.2, 0.6, 0.1, 0.1],
    ]
)
print(*confusion(truth, guesses), sep="\n")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "confusion-check", "points": 1}
def _check():
    y = np.array([0, 1, 1, 2, 0])
    p = np.eye(4)[[0, 1, 1, 0, 1]] * 0.5 + 0.125
    matrix, recall = (np.asarray(part) for part in confusion(y, p))
    assert matrix.shape == (4, 4), f"4 columns of probabilities, 4 classes: not {matrix.shape}"
    assert np.issubdtype(matrix.dtype, np.integer), f"counts are whole numbers, not {matrix.dtype}"
    hint = "a row for each TRUE class; one image of class 2 was taken for class 0"
    assert_array_equal(matrix, [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], hint)
    hint = "right ones of a class, divided by all images of that class (nan where there are none)"
    assert_allclose(recall, [0.5, 1, 0, np.nan], rtol=1e-5, err_msg=hint)
    matrix, _ = confusion(np.array([1]), np.array([[0.2, 0.4, 0.4]]))
    assert matrix[1][1] == 1, "of two equally probable classes, the first is predicted"


_check()


# %% nbgrader={"grade_id": "confusion-hidden", "points": 2}
# Hidden tests of exercise 3.7: random predictions against scikit-learn (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(37)
    for n, classes, present in [(300, 10, 10), (40, 6, 4), (12, 5, 5), (1, 3, 2)]:
        y = rng.integers(0, present, n)
        p = rng.integers(0, 4, (n, classes)) + 1.0  # small whole numbers: many ties
        p /= p.sum(axis=1, keepdims=True)
        kept = y.copy(), p.copy()
        predicted = [row.tolist().index(max(row)) for row in p]
        matrix, recall = (np.asarray(part) for part in confusion(y, p))
        labels = range(classes)
        assert_array_equal(matrix, metrics.confusion_matrix(y, predicted, labels=labels))
        expected = [
            np.mean(np.equal(predicted, k)[y == k]) if (y == k).any() else np.nan for k in labels
        ]
        assert_allclose(recall, expected, rtol=1e-5)
        assert_array_equal(y, kept[0])
        assert_array_equal(p, kept[1])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 3.8 The most confident mistakes (2 points)
#
# A mistake with 34 % confidence is a guess that failed. A mistake with 99.9 % is worth a look: a wrong label, an odd image, or something that the network has learned wrongly. Find those.
#
# The confidence is the probability of the class that was *predicted*.


# %% nbgrader={"grade_id": "worst_mistakes", "solution": true}
# Exercise 3.8 · worst_mistakes (2 points)
def worst_mistakes(y, probabilities, count):
    """Which wrongly classified images the network was most sure of.

    y : array of ints (n,), the true classes. probabilities : array (n, classes).
    Returns an array of ints: the images' numbers, the most confident mistake first, and of
    equally confident ones the lower number first; `count` of them, or all if there are fewer.
    """
    ### BEGIN SOLUTION
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    return wrong[order[:count]]
    ### END SOLUTION


# %% [markdown]
# *Try it.* Of the five images above, images 4 and 3 are wrong, with confidences 0.6 and 0.5. This should print `[4 3]`, then `[4]`.

# %%
print(worst_mistakes(truth, guesses, 3), worst_mistakes(truth, guesses, 1))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "worst_mistakes-check", "points": 1}
def _check():
    y = np.array([2, 0, 1, 1, 2, 0])
    p = np.array(
        [
            [0.1, 0.5, 0.4],
            [0.9, 0.1, 0.0],
            [0.8, 0.15, 0.05],
            [0.45, 0.1, 0.45],
            [0.5, 0.4, 0.1],
            [0.3, 0.3, 0.4],
        ]
    )
    hint = "only mistakes, by the probability of the class that was predicted, the largest first"
    assert_array_equal(worst_mistakes(y, p, 1), [2], hint)
    hint = "images 0 and 4 are equally confident mistakes: the lower number first"
    assert_array_equal(worst_mistakes(y, p, 3), [2, 0, 4], hint)
    hint = "five mistakes are all there are"
    assert_array_equal(worst_mistakes(y, p, 100), [2, 0, 4, 3, 5], hint)
    assert len(worst_mistakes(np.array([0]), np.array([[0.9, 0.1]]), 5)) == 0, (
        "no mistake, no number"
    )


_check()


# %% nbgrader={"grade_id": "worst_mistakes-hidden", "points": 1}
# Hidden tests of exercise 3.8: random predictions with ties, sorted in plain Python (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(38)
    for n, classes, count in [(200, 10, 150), (60, 3, 60), (30, 4, 1), (25, 5, 1000)]:
        y = rng.integers(0, classes, n)
        p = rng.integers(0, 5, (n, classes)) + 1.0
        p /= p.sum(axis=1, keepdims=True)
        kept = y.copy(), p.copy()
        rows = p.tolist()
        wrong = [i for i in range(n) if rows[i].index(max(rows[i])) != y[i]]
        expected = sorted(wrong, key=lambda i: (-max(rows[i]), i))[:count]
        assert_array_equal(worst_mistakes(y, p, count), expected)
        assert_array_equal(y, kept[0])
        assert_array_equal(p, kept[1])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 3.9 The recipe (3 points)
#
# The chapter's recipe, for as many blocks as you like. One block is
#
# > convolution – ReLU – convolution – ReLU – 2×2 max pooling
#
# with 3×3 convolutions that keep the size of their map. `filters` has one number for each block, for both of its convolutions. After the last block comes one dense layer with a softmax. The network of the chapter is `recipe([10, 10, 10])`. How many parameters does a fourth block add, or remove?


# %% nbgrader={"grade_id": "recipe", "solution": true}
# Exercise 3.9 · recipe (3 points)
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    """A new network of blocks conv-relu-conv-relu-pool, then one softmax layer, not trained.

    filters : list of ints, one for each block. input_shape : (height, width, channels).
    Returns a Keras model that turns (n, *input_shape) into probabilities (n, classes).
    """
    ### BEGIN SOLUTION
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        for _ in range(2):
            model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print 6440 and 7060 for three and for four blocks of ten filters. (Four blocks have two convolutions more, and yet only 620 parameters more. Where are the savings?)

# %%
print(recipe([10, 10, 10]).count_params(), recipe([10, 10, 10, 10]).count_params())

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "recipe-check", "points": 1}
def _check():
    model = recipe([10, 10, 10])
    shape, count = model(np.zeros((1, 32, 32, 3), "float32")).shape, model.count_params()
    assert tuple(shape) == (1, 10), f"10 probabilities for one image, not {tuple(shape)}"
    assert count == 6440, f"{count:,} parameters, not 6,440: sides go 32, 16, 8, 4"
    model, images = recipe([4, 6], (13, 20, 2), 3), np.full((2, 13, 20, 2), 0.1, "float32")
    answer, count = to_numpy(model(images)), model.count_params()
    assert answer.shape == (2, 3), f"classes=3 and 2 images give (2, 3), not {answer.shape}"
    assert_allclose(answer.sum(axis=1), 1, atol=1e-4, err_msg="end in a softmax")
    assert count == 1049, f"{count:,} parameters, not 1,049: 13×20 is pooled to 6×10, then 3×5"
    for which in range(4):
        hint = f"does a ReLU follow convolution {which + 1} of 4?"
        assert_allclose(silenced(model, images, which), 1 / 3, atol=1e-3, err_msg=hint)
    model, image = recipe([1], (4, 4, 1), 2), np.arange(16.0).reshape(1, 4, 4, 1) / 16
    model(image)
    for weight in model.weights:
        center = np.zeros(weight.shape)
        if len(weight.shape) == 4:
            center[1, 1] = 1  # this convolution copies the image
        elif len(weight.shape) == 2:
            center[:, 0] = 1  # class 0 adds up the pooled map
        weight.assign(center)
    first, second = to_numpy(model(image))[0]
    hint = "convolutions that copy the image should leave 5, 7, 13 and 15 sixteenths: max pooling"
    assert_allclose(np.log(first / second), 40 / 16, rtol=1e-3, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "recipe-hidden", "points": 2}
# Hidden tests of exercise 3.9: the same weights in a network of ours give the same answers (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(39)
    for filters, input_shape, classes in [
        ([4, 5, 6], (17, 24, 3), 7),
        ([3], (6, 5, 2), 2),
        ([6, 4], (12, 12, 1), 3),
    ]:
        x = y = keras.Input(input_shape)
        for number in filters:
            for _ in range(2):
                y = keras.layers.Conv2D(number, 3, padding="same", activation="relu")(y)
            y = keras.layers.MaxPooling2D(2)(y)
        y = keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(y))
        given = list(filters)
        reference, model = keras.Model(x, y), recipe(given, input_shape, classes)
        assert given == filters
        images = rng.random((3, *input_shape)).astype("float32")
        model(images)
        shapes = [tuple(weight.shape) for weight in reference.weights]
        assert sorted(tuple(weight.shape) for weight in model.weights) == sorted(shapes)
        weights = {shape: rng.normal(0.02, 0.25, shape) for shape in shapes}
        for weight in [*model.weights, *reference.weights]:
            weight.assign(weights[tuple(weight.shape)])
        assert_allclose(to_numpy(model(images)), to_numpy(reference(images)), atol=1e-4)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 3.10 Anywhere in the image (4 points)
#
# The last network gets an unfair test. The digits lie on a canvas of 40×40 pixels. In training, every digit is **in the middle**; in the test, it is shifted by up to six pixels in each direction. Build a network that
#
# - begins with `keras.Input((40, 40, 1))` and ends in a softmax over 10 classes,
# - has **10,000 parameters at most**,
# - has no layer that moves or changes the training images, such as `RandomTranslation`, and no frozen layer,
# - reaches **75 % on shifted digits**. The training is given: 8 passes over 3,000 images. No digit in it is ever off its place. (The hidden test takes other digits than the check. Aim at 80 %.)
#
# Which of your layers knows *where* something is? `Flatten` does: the layer behind it has weights for each place, and most places were always black in training. Try such a network first, and compare the two accuracies that the training prints.
#
# Then look for what does not care about the place. Two hints. In the average of a map that is mostly black, a stroke counts for little, and eight passes are few to make up for it; a maximum does not care how much black there is. And strides: after one 2×2 pooling, a shift by two pixels is a shift by one. What is a shift by *one* pixel then? And which shifts are whole pixels after three poolings?
#
# (The grader has no network. Where it has no MNIST of its own it takes the stand-in, which is about as hard. To see what it sees, restart with the environment variable `CONVBOOK_OFFLINE=1`.)


# %% nbgrader={"grade_id": "build_model", "solution": true}
# Exercise 3.10 · build_model (4 points)
def build_model():
    """A new network for 40×40×1 images in 10 classes, not trained."""
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    ### END SOLUTION


# %% [markdown]
# *Try it.* How many parameters do you have?

# %%
build_model().count_params()

# %% [markdown]
# *The data.* The same test digits in the middle, for comparison, and shifted.


# %% nbgrader={"grade_id": "place", "locked": true} mystnb={"image": {"alt": "Six digits on a black canvas: three in the middle of it, and the same three shifted."}}
def place(images, rows, columns):
    """Lay each image onto a black canvas of 40×40, its top left pixel at (row, column)."""
    canvas = np.zeros((len(images), 40, 40, 1), "float32")
    for blank, image, r, c in zip(canvas, images, rows, columns, strict=True):
        blank[r : r + 28, c : c + 28] = image
    return canvas


digits = data.load("mnist", train=3000, test=2000)
middle = place(digits.x_train, [6] * 3000, [6] * 3000)
centred = place(digits.x_test, [6] * 2000, [6] * 2000)
shifted = place(digits.x_test, *np.random.default_rng(310).integers(0, 13, (2, 2000)))
figures.images([*centred[:3, ..., 0], *shifted[:3, ..., 0]], ["centred"] * 3 + ["shifted"] * 3)

# %% [markdown]
# *Training.* Some seconds on a laptop.

# %% nbgrader={"grade_id": "train", "locked": true}
keras.utils.set_random_seed(0)
model = build_model()
untrained = model.predict(shifted, verbose=0).argmax(axis=1)
adam = keras.optimizers.Adam(3e-3)
model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(middle, digits.y_train, batch_size=64, epochs=8, verbose=progress())
probabilities = model.predict(shifted, verbose=0)
correct = probabilities.argmax(axis=-1) == digits.y_test
in_place = model.predict(centred, verbose=0).argmax(axis=-1) == digits.y_test
print(f"accuracy on centred digits ≈ {in_place.mean():.1%}")
print(f"accuracy on shifted digits ≈ {correct.mean():.1%}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "build_model-check", "points": 2}
def _check():
    count, shape = model.count_params(), probabilities.shape
    assert count <= 10_000, f"{count:,} parameters; 10,000 are allowed"
    kinds = [type(layer).__name__ for layer in model._flatten_layers()]
    moving = [kind for kind in kinds if kind.startswith("Random")]
    assert not moving, f"{moving} moves the training digits; build a network that needs none moved"
    assert shape == (2000, 10), f"10 numbers an image make (2000, 10), not {shape}"
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3, err_msg="end in a softmax")
    accuracy, before = correct[:1000].mean(), in_place[:1000].mean()
    assert accuracy >= 0.75, (
        f"{accuracy:.1%} on a thousand shifted digits, {before:.1%} on the same ones in the "
        "middle; 75 % of the shifted ones are needed"
    )


_check()


# %% nbgrader={"grade_id": "build_model-hidden", "points": 2}
# Hidden tests of exercise 3.10: a thousand other digits; the model began untrained (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert model.count_params() <= 10_000
    every = list(model._flatten_layers())
    assert not [layer for layer in every if type(layer).__name__.startswith("Random")]
    assert all(layer.trainable for layer in every), "frozen layers"
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    assert correct[1000:].mean() >= 0.75
    assert (untrained == digits.y_test).mean() < 0.5, "build_model gave a trained model"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# Now use exercises 3.7 and 3.8 on it: where does *your* network go wrong?

# %% mystnb={"image": {"alt": "Six shifted digits that the network took for another digit, each titled with its true class and the predicted one."}}
_, recall = confusion(digits.y_test, probabilities)
print(f"lowest recall: digit ≈ {np.argmin(recall)}, {np.min(recall):.1%}")
worst = worst_mistakes(digits.y_test, probabilities, 6)
titles = [f"{digits.y_test[i]}, not {probabilities[i].argmax()}" for i in worst]
figures.images(shifted[worst, ..., 0], titles)

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 03_pooling.ipynb` shows the points that you have.
