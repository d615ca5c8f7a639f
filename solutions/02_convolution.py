# %% [markdown]
# # Lab 02 · Convolution
#
# You build a convolutional layer from nothing: its shapes, its forward pass, its backward pass, its training. Ten exercises, 30 points, about two hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 2.2 · output_size (2 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# Use NumPy, SciPy or Keras as you wish, in float32 or float64. The [chapter](../book/02_convolution.ipynb) has all you need.

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
from numpy.testing import assert_allclose
from scipy import signal

from convbook import data, figures
from convbook.widgets import interact, progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# ## 2.1 Predict (2 points)
#
# No code yet, only a pencil. An image of 28×28×1 goes through
#
# ```
# Conv2D(filters=8, kernel_size=5, strides=2)
# Conv2D(filters=16, kernel_size=3)
# ```
#
# Give the side of each layer's output, and each layer's number of parameters.

# %% nbgrader={"grade_id": "predict", "solution": true}
# Exercise 2.1 · predict (2 points)
# Set side_1, parameters_1, side_2 and parameters_2.
### BEGIN SOLUTION
side_1 = (28 - 5) // 2 + 1
parameters_1 = 8 * (5 * 5 * 1 + 1)
side_2 = side_1 - 3 + 1
parameters_2 = 16 * (3 * 3 * 8 + 1)
### END SOLUTION

# %% [markdown]
# *Check.* Keras builds the two layers and compares.

# %% nbgrader={"grade_id": "predict-check", "points": 2}
first, second = keras.layers.Conv2D(8, 5, strides=2), keras.layers.Conv2D(16, 3)
shape = first.compute_output_shape((None, 28, 28, 1))
first.build((None, 28, 28, 1))
second.build(shape)
assert side_1 == shape[1], (
    "side_1: how many places has a window of 5 on 28 pixels, every second one?"
)
assert parameters_1 == first.count_params(), "parameters_1: weights of 8 filters, each with a bias"
assert side_2 == second.compute_output_shape(shape)[1], "side_2: the input of this layer is side_1"
assert parameters_2 == second.count_params(), "parameters_2: how deep is each of the 16 filters?"

# %% [markdown]
# ## 2.2 The size of the output (2 points)
#
# Sooner or later a network fails with a shape that is one too small. Whoever can compute shapes finds the mistake in a minute.
#
# Write a function for one side of the output. If the window does not fit into the padded input, there is no output: raise a `ValueError`.


# %% nbgrader={"grade_id": "output_size", "solution": true}
# Exercise 2.2 · output_size (2 points)
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    """Side of a convolution's output.

    n : int, side of the input. padding : int, zeros added on each side.
    kernel_size, strides, dilation_rate : int.
    Returns an int. Raises ValueError if the dilated window is larger than the padded input.
    """
    ### BEGIN SOLUTION
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("the window is larger than the padded input")
    return room // strides + 1
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print 30, 7 and 3.

# %%
print(output_size(32, 3), output_size(7, 3, padding=1), output_size(8, 3, strides=2))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "output_size-check", "points": 1}
def _check():
    assert output_size(32, 3) == 30, "a window of 3 has 30 places on 32 pixels, not 32 − 3"
    assert output_size(7, 3, padding=1) == 7, "padding adds zeros on both sides: 2·padding in all"
    assert output_size(8, 3, strides=2) == 3, (
        "with strides the last window must still fit: round down"
    )
    assert output_size(9, 3, dilation_rate=2) == 5, "a window of 3 with dilation 2 covers 5 pixels"
    assert isinstance(output_size(8, 3, strides=2), int | np.integer), "an int: divide with //"
    try:
        output_size(4, 5)
    except ValueError:
        pass
    else:
        raise AssertionError("a window of 5 does not fit on 4 pixels: raise ValueError")


_check()


# %% nbgrader={"grade_id": "output_size-hidden", "points": 1}
# Hidden tests of exercise 2.2: other sizes against Keras, and windows that do not fit (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    for n, k, s, p, d in [
        (11, 4, 3, 0, 1),
        (13, 2, 1, 2, 3),
        (6, 3, 2, 1, 1),
        (17, 5, 4, 2, 1),
        (5, 5, 1, 0, 1),
    ]:
        layer = keras.layers.Conv1D(1, k, strides=s, dilation_rate=d)
        assert output_size(n, k, s, p, d) == layer.compute_output_shape((None, n + 2 * p, 1))[1]
    assert output_size(3, 5, padding=1) == 1
    assert output_size(2, 3, padding=1) == 2
    for n, k, s, d in [(4, 5, 1, 1), (6, 3, 1, 3), (4, 5, 3, 1)]:
        try:
            output_size(n, k, strides=s, dilation_rate=d)
        except ValueError:
            continue
        raise AssertionError("a window that does not fit must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 2.3 The sliding window (3 points)
#
# Now the operation itself: one channel, no padding, stride 1. Lay the kernel over each place where it fits, multiply, and add up. Do not flip the kernel. Neither the image nor the kernel need be square. The image's numbers may be of any type, such as uint8.


# %% nbgrader={"grade_id": "correlate", "solution": true}
# Exercise 2.3 · correlate (3 points)
def correlate(image, kernel):
    """Sum of products of a kernel with each window of an image.

    image : array (H, W). kernel : array (h, w).
    Returns an array (H − h + 1, W − w + 1). The inputs are not changed.
    """
    ### BEGIN SOLUTION
    h, w = kernel.shape
    output = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1))
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + h, c : c + w] * kernel).sum()
    return output
    ### END SOLUTION


# %% [markdown]
# *Try it.* The chapter's example should give the rows 4 3 4, 2 4 3 and 2 3 4.

# %%
image = np.array(
    [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
)
kernel = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
print(correlate(image, kernel))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "correlate-check", "points": 1}
def _check():
    rows = ["11100", "01110", "00111", "00110", "01100"]
    example = np.array([[int(digit) for digit in row] for row in rows])
    answer = np.asarray(correlate(example, np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])))
    assert answer.shape == (3, 3), f"3×3 on 5×5 has 3×3 places; yours is {answer.shape}"
    hint = "sum the nine products at each place"
    assert_allclose(answer, [[4, 3, 4], [2, 4, 3], [2, 3, 4]], atol=1e-4, err_msg=hint)
    answer = correlate(np.arange(9.0).reshape(3, 3), np.array([[1, 0], [0, 0]]))
    hint = "this kernel picks the top left of each window; if you see 4 5 7 8, you flipped it"
    assert_allclose(answer, [[0, 1], [3, 4]], atol=1e-4, err_msg=hint)
    answer = np.asarray(correlate(np.ones((4, 6)), np.ones((1, 3))))
    assert answer.shape == (4, 4), f"1×3 on 4×6 has 4×4 places; yours is {answer.shape}"


_check()


# %% nbgrader={"grade_id": "correlate-hidden", "points": 2}
# Hidden tests of exercise 2.3: other images, not square, against SciPy (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(23)
    for size, window in [
        ((6, 9), (3, 3)),
        ((7, 5), (2, 4)),
        ((3, 7), (3, 2)),
        ((4, 4), (4, 4)),
        ((5, 8), (1, 3)),
    ]:
        a, k = rng.normal(size=size), rng.normal(size=window)
        a_before, k_before = a.copy(), k.copy()
        expected = signal.correlate2d(a, k, mode="valid")
        answer = np.asarray(correlate(a, k))
        assert answer.shape == expected.shape
        assert_allclose(answer, expected, atol=1e-4)
        assert (a == a_before).all()
        assert (k == k_before).all()
    assert_allclose(correlate(np.full((3, 3), 200, "uint8"), np.ones((3, 3))), [[1800]])
    assert_allclose(correlate(np.full((3, 3), 0.5), np.ones((3, 3), int)), [[4.5]])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** This slider turns an edge kernel, and *your* function applies it to a photograph. Which angle makes the pillars all but vanish?

# %% mystnb={"image": {"alt": "A photograph of a Chinese temple, filtered by an edge kernel at an angle that a slider sets."}}
from sklearn.datasets import load_sample_image

photo = load_sample_image("china.jpg")[100:340:2, 120:440:2].mean(axis=-1) / 255


def edges(angle=90):
    """Filter the photo by an edge kernel turned to an angle in degrees, with correlate."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turned = c * np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) + s * np.array(
        [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]
    )
    figures.images([correlate(photo, turned)], [f"{angle}°"], limits=(-2, 2))


interact(edges, angle=(0, 345, 15))

# %% [markdown]
# ## 2.4 What "same" means (3 points)
#
# `padding="same"` adds zeros until the output has $\lceil n/s \rceil$ places: with stride 1, as many as the input. **How many** zeros, and **on which side**? TensorFlow adds as few as it can, and if the number is odd, one more *after* than before.
#
# Count the zeros from the other end: the last window starts at $(\lceil n/s \rceil - 1)·s$ and covers $k$ pixels. What sticks out past the $n$ pixels must be zeros. If nothing sticks out, add none: the number is never negative.


# %% nbgrader={"grade_id": "same_padding", "solution": true}
# Exercise 2.4 · same_padding (3 points)
def same_padding(n, kernel_size, strides=1):
    """Zeros that TensorFlow's padding="same" adds on one axis.

    n, kernel_size, strides : int.
    Returns (before, after), two ints, 0 or more.
    """
    ### BEGIN SOLUTION
    total = max((-(-n // strides) - 1) * strides + kernel_size - n, 0)
    return total // 2, total - total // 2
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print (1, 1), then (0, 1), then (0, 0).

# %%
print(same_padding(7, 3), same_padding(6, 3, strides=2), same_padding(6, 1, strides=2))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "same_padding-check", "points": 1}
def _check():
    assert tuple(same_padding(7, 3)) == (1, 1), (
        "7 outputs of a window of 3 need 9 pixels: one zero a side"
    )
    assert tuple(same_padding(6, 3, strides=2)) == (0, 1), (
        "one zero in all: TensorFlow puts it after"
    )
    assert tuple(same_padding(6, 1, strides=2)) == (0, 0), (
        "the last window ends inside: never less than 0"
    )
    assert tuple(same_padding(9, 2, strides=2)) == (0, 1), "9 pixels by twos: ⌈9/2⌉ is 5 places"
    assert all(isinstance(zeros, int | np.integer) for zeros in same_padding(7, 3)), "give ints"


_check()


# %% nbgrader={"grade_id": "same_padding-hidden", "points": 2}
# Hidden tests of exercise 2.4: what Keras itself does, on other sizes (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    sizes = [(5, 3, 1), (5, 4, 1), (8, 5, 2), (9, 2, 2), (10, 3, 3), (7, 7, 3), (11, 6, 4)]
    for n, k, s in [*sizes, (4, 1, 3), (8, 1, 3), (11, 2, 4)]:
        layer = keras.layers.Conv1D(1, k, strides=s, padding="same", use_bias=False)
        plain = keras.layers.Conv1D(1, k, strides=s, use_bias=False)
        signal_1d = np.arange(1.0, n + 1, dtype="float32").reshape(1, n, 1)
        layer.build(signal_1d.shape)
        before, after = same_padding(n, k, s)
        padded = np.pad(signal_1d, ((0, 0), (before, after), (0, 0)))
        plain.build(padded.shape)
        taps = np.arange(1.0, k + 1, dtype="float32").reshape(k, 1, 1)
        layer.set_weights([taps])
        plain.set_weights([taps])
        assert_allclose(to_numpy(plain(padded)), to_numpy(layer(signal_1d)), rtol=1e-5)
        assert before + after == max((-(-n // s) - 1) * s + k - n, 0), "as few zeros as possible"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 2.5 A whole layer, forward (4 points)
#
# Put it together: many channels in, many filters out, a bias, strides, and both kinds of padding. Loops are fine, and `same_padding` is yours to use.


# %% nbgrader={"grade_id": "conv2d", "solution": true}
# Exercise 2.5 · conv2d (4 points)
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    """A convolutional layer on one image, without activation.

    x : array (H, W, C), of any type, such as uint8. w : array (h, w, C, filters), floats.
    b : array (filters,).
    strides : (vertical, horizontal). padding : "valid" or "same", as Keras has them.
    Returns an array (rows, columns, filters). The inputs are not changed.
    """
    ### BEGIN SOLUTION
    h, k, _, filters = w.shape
    if padding == "same":
        vertical = same_padding(x.shape[0], h, strides[0])
        horizontal = same_padding(x.shape[1], k, strides[1])
        x = np.pad(x, (vertical, horizontal, (0, 0)))
    rows = (x.shape[0] - h) // strides[0] + 1
    columns = (x.shape[1] - k) // strides[1] + 1
    output = np.zeros((rows, columns, filters))
    for i, j in np.ndindex(rows, columns):
        r, c = i * strides[0], j * strides[1]
        output[i, j] = np.tensordot(x[r : r + h, c : c + k], w, axes=3) + b
    return output
    ### END SOLUTION


# %% [markdown]
# *Try it.* A 5×5 image of ones with 2 channels, a 3×3 kernel of ones and a bias of 0.5: with "valid" every output sees 18 ones, with "same" a corner sees 8. So this should print `(3, 3, 1)` and 18.5, then `(5, 5, 1)` and 8.5.

# %%
half, ones = np.array([0.5]), np.ones((3, 3, 2, 1))
for name in ("valid", "same"):
    maps = np.asarray(conv2d(np.ones((5, 5, 2)), ones, half, padding=name))
    print(maps.shape, maps[0, 0, 0])

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "conv2d-check", "points": 1}
def _check():
    x, w, b = np.ones((5, 5, 2)), np.ones((3, 3, 2, 4)), np.arange(4.0)
    answer = np.asarray(conv2d(x, w, b))
    assert answer.shape == (3, 3, 4), f"it should be (3, 3, 4), not {answer.shape}"
    hint = "sum over rows, columns AND channels, plus b"
    assert_allclose(answer[0, 0], [18, 19, 20, 21], rtol=1e-4, err_msg=hint)
    answer = np.asarray(conv2d(x, w, b, padding="same"))
    assert answer.shape == (5, 5, 4), f"same, strides 1 keeps 5×5; yours is {answer.shape}"
    hint = "at a corner 4 of the 9 pixels are inside, in 2 channels"
    assert_allclose(answer[0, 0, 0], 8, rtol=1e-4, err_msg=hint)
    x = np.arange(25.0).reshape(5, 5, 1)
    w = np.array([[1.0, 0], [0, 0]]).reshape(2, 2, 1, 1)
    answer = np.asarray(conv2d(x, w, np.zeros(1), strides=(2, 1)))
    assert answer.shape == (2, 4, 1), f"strides (2, 1) gives (2, 4, 1); yours is {answer.shape}"
    hint = "strides (2, 1): two rows down, one column to the right"
    assert_allclose(answer[..., 0], [[0, 1, 2, 3], [10, 11, 12, 13]], rtol=1e-4, err_msg=hint)
    bright, hint = np.full((2, 2, 1), 200, "uint8"), "a uint8 holds 255 at most: use floats"
    assert_allclose(conv2d(bright, w, np.ones(1)), [[[201]]], rtol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "conv2d-hidden", "points": 3}
# Hidden tests of exercise 2.5: random numbers, strides and paddings, against Keras (3 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(25)
    cases = [
        ((7, 6, 3), (3, 2), (1, 1), "valid"),
        ((8, 9, 1), (3, 3), (2, 3), "valid"),
        ((6, 6, 4), (3, 3), (2, 2), "same"),
        ((5, 8, 2), (4, 1), (1, 2), "same"),
        ((4, 4, 2), (4, 4), (1, 1), "valid"),
    ]
    for size, kernel_size, strides, padding in cases:
        layer = keras.layers.Conv2D(5, kernel_size, strides=strides, padding=padding)
        layer.build((None, *size))
        x, b = rng.normal(size=size).astype("float32"), rng.normal(size=5).astype("float32")
        w = rng.normal(size=(*kernel_size, size[-1], 5)).astype("float32")
        layer.set_weights([w, b])
        kept = x.copy(), w.copy(), b.copy()
        expected = to_numpy(layer(x[None]))[0]
        assert_allclose(conv2d(x, w, b, strides, padding), expected, atol=1e-4)
        assert all((now == before).all() for now, before in zip((x, w, b), kept, strict=True))
    bright, w = np.full((2, 2, 1), 200, "uint8"), np.full((2, 2, 1, 1), 0.375)
    assert_allclose(conv2d(bright, w, np.array([0.5])), [[[300.5]]])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 2.6 As one matrix product (3 points)
#
# Your loop goes round once for each place, and does the same each time. Lay out each window as a row of a matrix, and the whole layer becomes one product, `im2col(x, w.shape[:2]) @ w.reshape(-1, filters) + b`. Write `im2col`. The numbers in a row stand in the order of that `reshape`: row of the window first, then column, then channel.


# %% nbgrader={"grade_id": "im2col", "solution": true}
# Exercise 2.6 · im2col (3 points)
def im2col(x, kernel_size, strides=(1, 1)):
    """Each window of an image as a row of a matrix.

    x : array (H, W, C). kernel_size, strides : pairs (vertical, horizontal).
    Returns an array (rows · columns, h · w · C): windows from left to right, then downwards.
    The inputs are not changed.
    """
    ### BEGIN SOLUTION
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(0, 1))
    windows = np.moveaxis(windows[:: strides[0], :: strides[1]], 2, -1)
    return windows.reshape(windows.shape[0] * windows.shape[1], -1)
    ### END SOLUTION


# %% [markdown]
# *Try it.* The four windows of a 3×3 image should be the rows 0 1 3 4, 1 2 4 5, 3 4 6 7 and 4 5 7 8.

# %%
print(im2col(np.arange(9).reshape(3, 3, 1), (2, 2)))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "im2col-check", "points": 1}
def _check():
    answer = np.asarray(im2col(np.arange(9).reshape(3, 3, 1), (2, 2)))
    assert answer.shape == (4, 4), f"4 windows of 2·2·1 numbers: (4, 4), not {answer.shape}"
    hint = "windows from left to right, then downwards"
    assert_allclose(answer, [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]], err_msg=hint)
    answer = np.asarray(im2col(np.arange(8).reshape(2, 2, 2), (2, 2)))
    hint = "the channels of one pixel stand side by side in a row"
    assert_allclose(answer, [range(8)], err_msg=hint)
    answer = np.asarray(im2col(np.arange(12).reshape(3, 4, 1), (1, 1), strides=(2, 1)))
    hint = "strides (2, 1): two rows down, one column to the right"
    assert_allclose(answer.ravel(), [0, 1, 2, 3, 8, 9, 10, 11], err_msg=hint)


_check()


# %% nbgrader={"grade_id": "im2col-hidden", "points": 2}
# Hidden tests of exercise 2.6: the product with w must be what Keras computes (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(26)
    for size, kernel_size, strides in [
        ((7, 6, 3), (3, 2), (1, 1)),
        ((9, 8, 2), (2, 3), (2, 3)),
        ((5, 5, 1), (5, 5), (1, 1)),
    ]:
        layer = keras.layers.Conv2D(4, kernel_size, strides=strides, use_bias=False)
        x = rng.normal(size=size).astype("float32")
        kept, expected = x.copy(), to_numpy(layer(x[None]))[0]
        w = layer.get_weights()[0]
        rows = np.asarray(im2col(x, kernel_size, strides))
        assert rows.shape == (expected[..., 0].size, w[..., 0].size)
        product = rows @ w.reshape(-1, 4)
        assert_allclose(product.reshape(expected.shape), expected, atol=1e-4)
        assert (x == kept).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 2.7 Backward (4 points)
#
# The loss sends back `g`, its gradient with respect to each output. Find its gradient with respect to the kernels, the bias and the image. Think of a single weight: at which places was it used, and what did it meet there? Then of a single pixel.
#
# Padding is new here. With "same", the layer computed with a padded image; but the gradient must have the shape of the image itself. What becomes of the rest?


# %% nbgrader={"grade_id": "conv2d_backward", "solution": true}
# Exercise 2.7 · conv2d_backward (4 points)
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    """Gradients of the layer conv2d of exercise 2.5.

    x : array (H, W, C). w : array (h, w, C, filters). g : array (rows, columns, filters).
    strides : (vertical, horizontal). padding : "valid" or "same".
    Returns (dw, db, dx), with the shapes of w, (filters,) and x. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    h, k = w.shape[:2]
    above = left = 0
    padded = x
    if padding == "same":
        vertical = above, _ = same_padding(x.shape[0], h, strides[0])
        horizontal = left, _ = same_padding(x.shape[1], k, strides[1])
        padded = np.pad(x, (vertical, horizontal, (0, 0)))
    dw, dx = np.zeros(w.shape), np.zeros(padded.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += padded[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    dx = dx[above : above + x.shape[0], left : left + x.shape[1]]
    return dw, g.sum(axis=(0, 1)), dx
    ### END SOLUTION


# %% [markdown]
# *Try it.* On a 3×3 image of ones, with a 2×2 kernel of ones and `g` of ones, each weight was used 4 times, and the pixel in the middle reached 4 outputs. So this should print a 2×2 block of 4, then `[4.]`, then the rows 1 2 1, 2 4 2 and 1 2 1.

# %%
dw, db, dx = conv2d_backward(np.ones((3, 3, 1)), np.ones((2, 2, 1, 1)), np.ones((2, 2, 1)))
print(dw[..., 0, 0], db, dx[..., 0], sep="\n")

# %% [markdown]
# *Check.* With numerical gradients: move each number a little, and see what Keras' layer makes of it.


# %% nbgrader={"grade_id": "keras_gradient", "locked": true}
def keras_gradient(x, w, g, strides, padding, array):
    """Gradient of sum(a · g) with respect to x or w (the array), by central differences.

    The sum is linear in each number, so a step of 1 is exact, and float32 does no harm.
    """
    layer = keras.layers.Conv2D(w.shape[-1], w.shape[:2], strides=strides, padding=padding)
    layer.build((None, *x.shape))
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept, sides = array[index], []
        for value in (kept + 1, kept - 1):
            array[index] = value
            layer.set_weights([w, np.zeros(w.shape[-1])])
            sides.append((to_numpy(layer(x[None]))[0] * g).sum())
        array[index] = kept
        gradient[index] = (sides[0] - sides[1]) / 2
    return gradient


# %% nbgrader={"grade_id": "conv2d_backward-check", "points": 1}
def _check():
    x = np.arange(32.0).reshape(4, 4, 2) / 10
    w = np.cos(np.arange(36.0)).reshape(3, 2, 2, 3)
    for strides, padding, size in [
        ((1, 1), "valid", (2, 3)),
        ((2, 2), "valid", (1, 2)),
        ((1, 1), "same", (4, 4)),
    ]:
        g = np.sin(np.arange(size[0] * size[1] * 3.0)).reshape(*size, 3)
        dw, db, dx = conv2d_backward(x.copy(), w.copy(), g.copy(), strides, padding)
        case = f"strides {strides}, {padding}"
        assert np.shape(dw) == w.shape, f"{case}: dw has the shape of w, not {np.shape(dw)}"
        assert np.shape(db) == (3,), f"{case}: db has one number a filter, not {np.shape(db)}"
        assert np.shape(dx) == x.shape, f"{case}: dx has the shape of x, not {np.shape(dx)}"
        expected = keras_gradient(x, w, g, strides, padding, w)
        hint = f"{case}: dw is the inputs a weight met, times g"
        assert_allclose(dw, expected, atol=1e-4, err_msg=hint)
        hint = f"{case}: the bias is added at each place"
        assert_allclose(db, g.sum(axis=(0, 1)), atol=1e-4, err_msg=hint)
        expected = keras_gradient(x, w, g, strides, padding, x)
        hint = f"{case}: dx is the weights a pixel met, times g"
        assert_allclose(dx, expected, atol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "conv2d_backward-hidden", "points": 3}
# Hidden tests of exercise 2.7: other shapes, strides and paddings (3 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(27)
    for size, (h, k), strides, padding in [
        ((6, 5, 2), (3, 2), (1, 1), "valid"),
        ((7, 8, 1), (2, 3), (2, 2), "valid"),
        ((6, 4, 3), (3, 3), (3, 1), "same"),
        ((6, 6, 1), (3, 4), (2, 2), "same"),
    ]:
        layer = keras.layers.Conv2D(4, (h, k), strides=strides, padding=padding)
        x, w = rng.normal(size=size), rng.normal(size=(h, k, size[-1], 4))
        g = rng.normal(size=layer.compute_output_shape((None, *size))[1:])
        kept = x.copy(), w.copy(), g.copy()
        dw, db, dx = conv2d_backward(x, w, g, strides, padding)
        assert all((now == before).all() for now, before in zip((x, w, g), kept, strict=True))
        assert_allclose(dw, keras_gradient(x, w, g, strides, padding, w), atol=1e-4)
        assert_allclose(db, g.sum(axis=(0, 1)), atol=1e-4)
        assert_allclose(dx, keras_gradient(x, w, g, strides, padding, x), atol=1e-4)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 2.8 Learn an edge kernel (3 points)
#
# Somebody filtered an image and lost the kernel. Find it again by gradient descent, from the image and the result alone. Start from a kernel of zeros. The loss is the **mean** squared error over all outputs,
#
# $$L = \frac1n \sum_p (a_p - t_p)^2,$$
#
# and each step is `kernel -= learning_rate * gradient`. You wrote all the pieces: `correlate` gives $a$; the gradient is 2/n times another correlation. Of what with what?


# %% nbgrader={"grade_id": "learn_kernel", "solution": true}
# Exercise 2.8 · learn_kernel (3 points)
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    """Find the kernel that turns an image into a target, by gradient descent from zeros.

    image : array (H, W). target : array (H − h + 1, W − w + 1). kernel_size : (h, w).
    steps : int, number of gradient steps. learning_rate : float.
    Returns the kernel after the last step, an array (h, w). The inputs are not changed.
    """
    ### BEGIN SOLUTION
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(image, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(image, error)
    return kernel
    ### END SOLUTION


# %% [markdown]
# *Try it.* From noise, 60 steps should find a Sobel kernel to two decimals: rows 1 0 −1, 2 0 −2 and 1 0 −1.

# %%
noise = np.random.default_rng(0).normal(size=(24, 24))
sobel = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
filtered = signal.correlate2d(noise, sobel, mode="valid")
print(np.round(learn_kernel(noise, filtered, (3, 3), steps=60, learning_rate=0.1), 2) + 0.0)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "learn_kernel-check", "points": 1}
def _check():
    p, t = np.array([[1.0, 2.0, 0.0]]), np.array([[1.0, 3.0]])
    answer = np.asarray(learn_kernel(p, t, (1, 2), steps=0, learning_rate=0.1))
    assert_allclose(answer, [[0, 0]], err_msg="after 0 steps the kernel is still zero")
    answer = np.asarray(learn_kernel(p, t, (1, 2), steps=1, learning_rate=0.1))
    assert_allclose(
        answer,
        [[0.7, 0.2]],
        rtol=1e-4,
        err_msg="one step from zero is learning_rate · 2/2 · (1·1 + 3·2, 1·2 + 3·0) = (0.7, 0.2)",
    )


_check()


# %% nbgrader={"grade_id": "learn_kernel-hidden", "points": 2}
# Hidden tests of exercise 2.8: other kernels, not square, and the first two steps exactly (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(28)
    for size in [(3, 3), (2, 4)]:
        p, k = rng.normal(size=(20, 26)), rng.normal(size=size)
        t = signal.correlate2d(p, k, mode="valid")
        kept = p.copy(), t.copy()
        assert_allclose(learn_kernel(p, t, size, 80, 0.1), k, atol=0.02)
        expected = np.zeros(size)
        for steps in (1, 2):
            error = signal.correlate2d(p, expected, mode="valid") - t
            expected -= 0.05 * 2 / t.size * signal.correlate2d(p, error, mode="valid")
            assert_allclose(learn_kernel(p, t, size, steps, 0.05), expected, atol=1e-5)
        assert (p == kept[0]).all()
        assert (t == kept[1]).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 2.9 What a unit can see (2 points)
#
# Compute the side of the receptive field of one unit after a stack of layers. Carry two numbers from layer to layer: the field so far, and the *jump*, how many input pixels apart two neighbours of the current map are.


# %% nbgrader={"grade_id": "receptive_field", "solution": true}
# Exercise 2.9 · receptive_field (2 points)
def receptive_field(layers):
    """Side of the receptive field of one output unit, in input pixels.

    layers : list of (kernel_size, strides, dilation_rate), all ints, the first layer first.
    Returns an int; 1 for an empty list. The list is not changed.
    """
    ### BEGIN SOLUTION
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides
    return field
    ### END SOLUTION


# %% [markdown]
# *Try it.* Three 3×3 layers see 7 pixels; with stride 2 in the first of them they see 11.

# %%
print(receptive_field([(3, 1, 1)] * 3), receptive_field([(3, 2, 1), (3, 1, 1), (3, 1, 1)]))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "receptive_field-check", "points": 1}
def _check():
    assert receptive_field([(3, 1, 1)]) == 3, "one layer sees just its kernel"
    assert receptive_field([(3, 1, 1)] * 3) == 7, "each 3×3 layer adds 2 at stride 1"
    assert receptive_field([(3, 2, 1), (3, 1, 1)]) == 7, (
        "after strides 2, one step is 2 input pixels"
    )
    assert receptive_field([(3, 1, 2)]) == 5, "a kernel of 3 with dilation 2 covers 5 pixels"


_check()


# %% nbgrader={"grade_id": "receptive_field-hidden", "points": 1}
# Hidden tests of exercise 2.9: the formula against impulses sent through real layers (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    def measured(layers, side=64):
        """How far the pixels that reach the first output lie apart, ends included."""
        x = np.eye(side, dtype="float32")[..., None]
        for k, s, d in layers:
            x = keras.layers.Conv1D(1, k, strides=s, dilation_rate=d, kernel_initializer="ones")(x)
        return np.flatnonzero(to_numpy(x)[:, 0, 0])[-1] + 1

    stacks = [
        [(5, 1, 1), (2, 1, 3)],
        [(3, 1, 2), (3, 1, 1)],
        [(3, 2, 1), (3, 2, 1), (3, 1, 2)],
        [(1, 2, 1), (4, 1, 1)],
        [(7, 3, 1), (2, 2, 1), (3, 1, 1)],
    ]
    for stack in stacks:
        assert receptive_field(stack) == measured(stack), stack
    assert receptive_field([]) == 1


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 2.10 A network on a budget (4 points)
#
# Now let Keras do the work. Build a network for 28×28×1 digits in 10 classes that
#
# - begins with `keras.Input((28, 28, 1))` and has at least one `Conv2D` among its layers,
# - has **20,000 parameters at most**,
# - ends in a softmax,
# - reaches **93 % on digits it has not seen**. The training is given: 8 passes over 6,000 images.
#
# A dense network of that size stays below that. Where do the parameters go? Compute it before you build: `Flatten` on a large map is expensive. Two layers with strides, or pooling between them, make the map small first.
#
# (The grader has no network. Where it has no MNIST of its own it takes the stand-in, which is about as hard. To see what it sees, restart with the environment variable `CONVBOOK_OFFLINE=1`.)


# %% nbgrader={"grade_id": "build_model", "solution": true}
# Exercise 2.10 · build_model (4 points)
def build_model():
    """A new convolutional network for 28×28×1 images in 10 classes, not trained."""
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    ### END SOLUTION


# %% [markdown]
# *Try it.* How many parameters do you have?

# %%
build_model().count_params()

# %% [markdown]
# *Training.* Some seconds on a laptop.

# %% nbgrader={"grade_id": "train", "locked": true}
keras.utils.set_random_seed(0)
digits = data.load("mnist", train=6000, test=2000)
model = build_model()
untrained = model.predict(digits.x_test, verbose=0).argmax(axis=1)
adam = keras.optimizers.Adam(3e-3)
model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(digits.x_train, digits.y_train, batch_size=64, epochs=8, verbose=progress())
probabilities = model.predict(digits.x_test, verbose=0)
correct = probabilities.argmax(axis=-1) == digits.y_test
print(f"accuracy ≈ {correct.mean():.1%}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "build_model-check", "points": 2}
def _check():
    layers = list(model.layers)
    for layer in layers:
        layers += getattr(layer, "layers", [])  # a model in a model
    kinds = [type(layer) for layer in layers]
    assert any(issubclass(kind, keras.layers.Conv2D) for kind in kinds), "use a Conv2D layer"
    assert model.count_params() <= 20_000, (
        f"{model.count_params():,} parameters; 20,000 are allowed"
    )
    shape = probabilities.shape
    assert shape == (2000, 10), f"10 numbers an image make (2000, 10), not {shape}"
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3, err_msg="end in a softmax")
    accuracy = correct[:1000].mean()
    assert accuracy >= 0.93, f"{accuracy:.1%} on a thousand unseen digits; 93 % are needed"


_check()


# %% nbgrader={"grade_id": "build_model-hidden", "points": 2}
# Hidden tests of exercise 2.10: a thousand other digits; the model began untrained (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert model.count_params() <= 20_000
    assert correct[1000:].mean() >= 0.93
    assert (untrained == digits.y_test).mean() < 0.5, "build_model gave a trained model"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 02_convolution.ipynb` shows the points that you have.
