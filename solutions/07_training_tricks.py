# %% [markdown]
# # Lab 07 · Training tricks
#
# You build what makes deep networks train: the right start, batch normalization, gradient clipping, AdamW, schedules, early stopping, dropout, smoothed labels. Then you save a network of 20 layers that does not learn. Ten exercises, 32 points, about two and a half hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 7.2 · batch_norm (4 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# Use NumPy, SciPy or Keras as you wish, in float32 or float64. The [chapter](../book/07_training_tricks.ipynb) has all you need.

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
from keras import layers, ops
from numpy.testing import assert_allclose
from scipy import special

from convbook import data, figures
from convbook.widgets import interact, progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# ## 7.1 Where the weights begin (2 points)
#
# Glorot, He and LeCun agree that weights begin at random around zero. They differ in how far from zero: the variance is
#
# - `"lecun"`: 1 / fan_in,
# - `"he"`: 2 / fan_in,
# - `"glorot"`: 2 / (fan_in + fan_out).
#
# For a dense kernel (inputs, units) the fans are its two sides. For a convolution, ask what they stand for: how many numbers does one output add up, and how many outputs does one input reach (with stride 1, far from the border)?
#
# The same variance may come from a normal or from a uniform distribution. `Dense` and `Conv2D` draw uniformly, between −limit and limit, unless told otherwise. Give the standard deviation, and the limit of the uniform distribution that has it.


# %% nbgrader={"grade_id": "initial_scale", "solution": true}
# Exercise 7.1 · initial_scale (2 points)
def initial_scale(shape, scheme):
    """How far from zero the weights of a kernel begin.

    shape : the kernel's shape: (inputs, units), or (h, w, channels, filters), or any other
        convolution's (window in one or three dimensions, then channels, filters).
    scheme : "glorot", "he" or "lecun". Anything else raises ValueError.
    Returns (std, limit), two floats: the standard deviation, and the limit of the uniform
        distribution that has this standard deviation.
    """
    ### BEGIN SOLUTION
    *window, channels, filters = shape
    places = np.prod(window)
    fan_in, fan_out = places * channels, places * filters
    variances = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
    if scheme not in variances:
        raise ValueError(f"unknown scheme {scheme!r}")
    std = variances[scheme] ** 0.5
    return std, std * 3**0.5
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print about 0.1 and 0.173, then 0.236 and 0.408.

# %%
print(initial_scale((120, 80), "glorot"))
print(initial_scale((3, 3, 4, 10), "he"))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "initial_scale-check", "points": 1}
def _check():
    for shape, scheme, std, hint in [
        ((100, 60), "lecun", 0.1, "dense: fan_in is the number of inputs"),
        ((50, 60), "he", 0.2, "the standard deviation is the root of the variance"),
        ((120, 80), "glorot", 0.1, "Glorot: 2 / (fan_in + fan_out)"),
        ((5, 5, 4, 7), "lecun", 0.1, "one output of a 5×5 kernel on 4 channels adds 100 products"),
        ((5, 5, 1, 7), "glorot", 0.1, "one input reaches 5·5 places of each of the 7 maps"),
    ]:
        answer = initial_scale(shape, scheme)
        assert len(answer) == 2, "return two numbers, (std, limit)"
        assert_allclose(answer[0], std, rtol=1e-4, err_msg=f"{scheme} of {shape}: {hint}")
        hint = f"{scheme} of {shape}: between −a and a, the mean of the squares is a²/3"
        assert_allclose(answer[1], std * 3**0.5, rtol=1e-4, err_msg=hint)
    try:
        initial_scale((3, 3), "xavier")
    except ValueError:
        pass
    else:
        raise AssertionError("a scheme of another name must raise ValueError")


_check()


# %% nbgrader={"grade_id": "initial_scale-hidden", "points": 1}
# Hidden tests of exercise 7.1: what Keras' own initializers draw (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    shapes = [(150, 400), (3, 5, 40, 70), (7, 90, 120), (3, 2, 3, 30, 90), (1, 1, 300, 80)]
    for shape in shapes:
        for scheme in ("glorot", "he", "lecun"):
            std, limit = initial_scale(shape, scheme)
            for kind in ("normal", "uniform"):
                drawn = to_numpy(keras.initializers.get(f"{scheme}_{kind}")(shape))
                assert_allclose(drawn.std(), std, rtol=0.03)
            assert abs(drawn).max() <= limit * 1.0001
            assert abs(drawn).max() > limit * 0.99
    try:
        initial_scale((3, 3, 2, 4), "normal")
    except ValueError:
        return
    raise AssertionError("an unknown scheme must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.2 Batch normalization, both ways (4 points)
#
# In training, batch normalization uses the mean and the variance of the batch, one of each for every channel. For maps, a channel's mean goes over the images *and* over the places. Then
#
# $$y = \gamma\,\frac{x - \text{mean}}{\sqrt{\text{variance} + \varepsilon}} + \beta .$$
#
# At the same time it updates two moving averages, as Keras does:
#
# $$\text{moving} \leftarrow \text{momentum} · \text{moving} + (1 - \text{momentum}) · \text{new}.$$
#
# In inference it uses these moving averages, and leaves them alone. The variance is the mean of the squared deviations. PyTorch divides by n here as well, *but* what goes into its moving variance is divided by n − 1, where n is how many numbers the batch has for a channel. Whoever carries weights from one to the other should know. So `unbiased=True` shall do it PyTorch's way.


# %% nbgrader={"grade_id": "batch_norm", "solution": true}
# Exercise 7.2 · batch_norm (4 points)
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training,
               momentum=0.99, epsilon=1e-3, unbiased=False):  # fmt: skip
    """Batch normalization over the last axis.

    x : float array, (n, channels) or (n, rows, columns, channels).
    gamma, beta, moving_mean, moving_variance : arrays (channels,).
    training : bool. momentum, epsilon : float.
    unbiased : bool, whether the moving variance gets the variance with n − 1.
    Returns (y, moving_mean, moving_variance): the output and the moving averages after it.
    The inputs are not changed.
    """
    ### BEGIN SOLUTION
    mean, variance = moving_mean, moving_variance
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        n = x.size // x.shape[-1]
        new = variance * n / (n - 1) if unbiased else variance
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * new
    y = gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    return y, moving_mean, moving_variance
    ### END SOLUTION


# %% [markdown]
# *Try it.* Two numbers, 1 and 5, in one channel: their mean is 3, their variance 4. So this should print about −1 and 1, then `[0.3] [1.3]` for the moving averages, which began at 0 and 1.

# %%
y, mean, variance = batch_norm(
    np.array([[1.0], [5.0]]), np.ones(1), np.zeros(1), np.zeros(1), np.ones(1), True, momentum=0.9
)
print(np.round(y[:, 0], 3), mean, variance)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "batch_norm-check", "points": 1}
def _check():
    x = np.array([[1.0, 0], [5.0, 0], [3.0, 0], [3.0, 6]]).reshape(2, 1, 2, 2)
    gamma, beta, mean, variance = np.array([[2.0, 1], [10, 20], [5, 1], [9, 4]])
    given = [x, gamma, beta, mean, variance]
    kept = [array.copy() for array in given]
    for training, unbiased, expected, hint in [
        (True, False, [4.8, 1.05, 8.3, 4.275], "the moving averages: mostly what they were"),
        (True, True, [4.8, 1.05, 8.3666667, 4.5], "unbiased: 4 numbers a channel, so n − 1 is 3"),
        (False, False, [5, 1, 9, 4], "in inference, the moving averages stay as they are"),
    ]:
        y, *moving = batch_norm(*given, training, 0.9, 0.25, unbiased)
        assert np.shape(y) == x.shape, f"the output has the shape of x, not {np.shape(y)}"
        center, spread = ([3, 1.5], [2, 6.75]) if training else (mean, variance)
        where = "in training" if training else "in inference"
        result = gamma * (x - center) / np.sqrt(np.array(spread) + 0.25) + beta
        about = f"{where}: which mean and variance of each channel, and where is ε?"
        assert_allclose(y, result, rtol=1e-4, err_msg=about)
        assert_allclose(np.ravel(moving), expected, rtol=1e-4, err_msg=hint)
    assert all((a == b).all() for a, b in zip(given, kept, strict=True)), "inputs must not change"
    flat = x.reshape(4, 2)
    y = batch_norm(flat, gamma, beta, mean, variance, True, epsilon=0.25)[0]
    expected = gamma * (flat - [3, 1.5]) / np.sqrt(np.array([2, 6.75]) + 0.25) + beta
    assert_allclose(y, expected, rtol=1e-4, err_msg="(n, channels): there are no rows and columns")


_check()


# %% nbgrader={"grade_id": "batch_norm-hidden", "points": 2}
# Hidden tests of exercise 7.2: three batches in a row, then inference, against Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(72)
    for shape, momentum, epsilon in [((4, 3, 5, 6), 0.9, 1e-3), ((7, 3), 0.5, 0.1)]:
        layer = keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
        layer.build(shape)
        values = [rng.uniform(0.5, 2, shape[-1]).astype("float32") for _ in range(4)]
        layer.set_weights(values)
        gamma, beta, *moving = (value.astype(float) for value in values)
        for training in (True, True, True, False):
            x = rng.normal(2, 3, shape)
            given = [x, gamma, beta, *moving]
            kept = [array.copy() for array in given]
            y, *moving = batch_norm(*given, training, momentum, epsilon)
            moving = [np.array(answer) for answer in moving]  # lists and tensors will do
            assert all((a == b).all() for a, b in zip(given, kept, strict=True))
            expected = to_numpy(layer(x.astype("float32"), training=training))
            assert_allclose(y, expected, atol=2e-3)
            for answer, weight in zip(moving, layer.get_weights()[2:], strict=True):
                assert_allclose(answer, weight, rtol=1e-3)


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "batch_norm-hidden-2", "points": 1}
# Hidden tests of exercise 7.2: the moving variance as PyTorch has it (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(73)
    for shape in [(3, 2, 4, 5), (6, 2)]:
        x, ones = rng.normal(1, 2, shape), np.ones(shape[-1])
        rows = x.reshape(-1, shape[-1])
        old = rng.uniform(1, 2, shape[-1])
        y, mean, variance = batch_norm(x, ones, 0 * ones, old, old, True, 0.8, 0.01, unbiased=True)
        deviations = rows - rows.mean(axis=0)
        biased = (deviations**2).mean(axis=0)
        assert_allclose(np.reshape(y, rows.shape), deviations / np.sqrt(biased + 0.01), rtol=1e-4)
        assert_allclose(mean, 0.8 * old + 0.2 * rows.mean(axis=0), rtol=1e-4)
        new = (deviations**2).sum(axis=0) / (len(rows) - 1)
        assert_allclose(variance, 0.8 * old + 0.2 * new, rtol=1e-4)
        y, *moving = batch_norm(x, ones, 0 * ones, old, old, False, 0.8, 0.01, unbiased=True)
        assert_allclose(y, (x - old) / np.sqrt(old + 0.01), rtol=1e-4)
        assert_allclose(moving, [old, old], rtol=1e-6)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.3 Clip the gradient, keep its direction (3 points)
#
# One bad batch can throw the weights far away. Clip the gradient: if its norm, taken over *all* arrays as if they were one long vector, is above a limit, scale all of them by the same factor so that it becomes the limit. Clipping each array alone would turn the gradient into another direction.
#
# Three things go wrong in practice. Gradients of zero have a norm of zero. With mixed precision they come as float16, whose largest number is 65,504: a single entry of 300 squared is more. And a gradient with a NaN or an infinity in it has no direction at all: raise a `ValueError`, so that the training loop can skip the batch.


# %% nbgrader={"grade_id": "clip_by_global_norm", "solution": true}
# Exercise 7.3 · clip_by_global_norm (3 points)
def clip_by_global_norm(gradients, limit):
    """Scale gradients down together so that their common norm is at most a limit.

    gradients : list of float arrays of any shapes, in float16, float32 or float64.
    limit : float above 0.
    Returns (clipped, norm): a list of new arrays, each with the shape and dtype of its gradient,
        and the common norm *before* clipping, a float. The inputs are not changed.
    Raises ValueError if any entry is NaN or infinite.
    """
    ### BEGIN SOLUTION
    norm = float(np.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in gradients)))
    if not np.isfinite(norm):
        raise ValueError("the gradient is not finite")
    factor = limit / max(norm, limit)
    return [(g * np.float64(factor)).astype(g.dtype) for g in gradients], norm
    ### END SOLUTION


# %% [markdown]
# *Try it.* The gradient is 3, 4 and 12, so its norm is 13. This should print `[1.5 2. ]`, `[[6.]]` and 13.0.

# %%
clipped, norm = clip_by_global_norm([np.array([3.0, 4.0]), np.array([[12.0]])], limit=6.5)
print(*clipped, norm)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "clip_by_global_norm-check", "points": 1}
def _check():
    given = [np.array([3.0, 4.0], "float32"), np.array([[12.0]])]
    for limit, factor, hint in [
        (6.5, 0.5, "all arrays by the same factor, so that the common norm is the limit"),
        (26.0, 1, "a gradient shorter than the limit stays as it is"),
    ]:
        clipped, norm = clip_by_global_norm(given, limit)
        assert_allclose(norm, 13, rtol=1e-5, err_msg="the norm of (3, 4, 12), before clipping")
        assert given[0][0] == 3, "leave the gradients that you were given as they are"
        for answer, g in zip(clipped, given, strict=True):
            assert answer.shape == g.shape, "each array keeps its shape"
            assert answer.dtype == g.dtype, f"each keeps its dtype: {g.dtype}, not {answer.dtype}"
            assert_allclose(answer, g * factor, rtol=1e-4, err_msg=hint)
            assert not np.shares_memory(answer, g), "give new arrays, here as well"
    clipped, norm = clip_by_global_norm([np.zeros(2)], 1.0)
    assert norm == 0, "the norm of zeros is 0"
    assert (clipped[0] == 0).all(), "zeros stay zeros: what do you divide by?"
    [half], norm = clip_by_global_norm([np.full(4, 300, "float16")], 3.0)
    assert_allclose(norm, 600, rtol=1e-3, err_msg="float16: 300² is above its largest number")
    assert_allclose(half, 1.5, rtol=1e-2, err_msg="float16: each entry is 300 · 3 / 600")
    for bad in (np.nan, np.inf):
        try:
            clip_by_global_norm([np.ones(2), np.array([bad])], 1.0)
        except ValueError:
            continue
        raise AssertionError(f"a gradient with {bad} in it must raise ValueError")


_check()


# %% nbgrader={"grade_id": "clip_by_global_norm-hidden", "points": 2}
# Hidden tests of exercise 7.3: other gradients, small, large, zero and broken (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(73)
    for scale, limit in [(1, 0.5), (1, 100.0), (1e3, 2.0), (1e-3, 1.0)]:
        shapes = [(3, 4), (5,), (2, 2, 1, 3), ()]
        given = [np.asarray(scale * rng.normal(size=s)).astype("float32") for s in shapes]
        given[1] = given[1].astype("float16")
        kept = [g.copy() for g in given]
        clipped, norm = clip_by_global_norm(given, limit)
        long = np.concatenate([g.ravel() for g in given], dtype=float)
        assert_allclose(norm, expected := np.linalg.norm(long), rtol=1e-4)
        assert [a.shape for a in clipped] == shapes
        assert [a.dtype for a in clipped] == [g.dtype for g in given]
        answer = np.concatenate([a.ravel() for a in clipped], dtype=float)
        assert_allclose(answer, long * min(1, limit / expected), rtol=5e-3, atol=1e-6)
        assert all((a == b).all() for a, b in zip(given, kept, strict=True))
    for bad in (np.nan, np.inf, -np.inf):
        try:
            clip_by_global_norm([np.array([[1.0, bad]], "float16"), np.ones(3)], 1e9)
        except ValueError:
            continue
        raise AssertionError(f"a gradient with {bad} in it must raise ValueError")
    with np.errstate(all="raise"):
        [zeros], _ = clip_by_global_norm([np.zeros((2, 3), "float32")], 0.1)
    assert (zeros == 0).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.4 A leash for the weights (2 points)
#
# Max-norm regularization lets weights be what they like, as long as the weights *into one unit* have a norm of at most `limit`. After each step, those that are too long are scaled back to it. In a dense kernel, the weights into one unit are a column. In a convolution's kernel, what goes into one filter is its whole window over all channels. (`keras.constraints.MaxNorm` takes the axes from you, and its default is right for dense kernels only.)


# %% nbgrader={"grade_id": "max_norm", "solution": true}
# Exercise 7.4 · max_norm (2 points)
def max_norm(kernel, limit):
    """Scale the weights of each unit back to a norm of at most a limit.

    kernel : float array (inputs, units), or (h, w, channels, filters). limit : float above 0.
    Returns a new array; units within the limit keep their weights. The kernel is not changed.
    """
    ### BEGIN SOLUTION
    axes = tuple(range(kernel.ndim - 1))
    norms = np.sqrt(np.square(kernel).sum(axis=axes))
    return kernel * (limit / np.maximum(norms, limit))
    ### END SOLUTION


# %% [markdown]
# *Try it.* The columns have norms of 5, 1 and 0. With a limit of 2.5, the first becomes 1.5 and 2, and the others stay.

# %%
print(max_norm(np.array([[3.0, 0.6, 0.0], [4.0, 0.8, 0.0]]), 2.5))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "max_norm-check", "points": 1}
def _check():
    kernel = np.array([[3.0, 0.6, 0.0], [4.0, 0.8, 0.0]])
    kept = kernel.copy()
    answer = np.asarray(max_norm(kernel, 2.5))
    assert (kernel == kept).all(), "leave the kernel as it is, and return a new one"
    assert answer.shape == (2, 3), f"the shape stays (2, 3); yours is {answer.shape}"
    assert_allclose(answer[:, 0], [1.5, 2], rtol=1e-4, err_msg="(3, 4) is 5 long: halve it")
    assert_allclose(answer[:, 1], [0.6, 0.8], rtol=1e-4, err_msg="short enough: it stays")
    assert_allclose(answer[:, 2], 0, err_msg="zeros stay zeros: what do you divide by?")
    answer = np.asarray(max_norm(np.full((2, 2, 4, 3), 0.5), 1.0))
    hint = "one filter holds 2·2·4 weights of 0.5; together they are 2 long"
    assert_allclose(answer, np.full((2, 2, 4, 3), 0.25), rtol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "max_norm-hidden", "points": 1}
# Hidden tests of exercise 7.4: other kernels, against Keras' constraint with the right axes (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(74)
    for shape in [(5, 4), (3, 2, 4, 6), (1, 1, 7, 3), (4, 1)]:
        kernel = rng.normal(size=shape) * np.linspace(0, 1.5, shape[-1])
        kept, axes = kernel.copy(), list(range(len(shape) - 1))
        for limit in (0.7, 2.0):
            answer = np.asarray(max_norm(kernel, limit))
            expected = keras.constraints.MaxNorm(limit, axis=axes)(kernel.astype("float32"))
            assert_allclose(answer, to_numpy(expected), atol=1e-5)
            assert (kernel == kept).all()
            assert not np.shares_memory(answer, kernel)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.5 Two schedules (4 points)
#
# A run has `steps` steps, counted from 0. Write two schedules. Both take one step or a whole array of steps, so that they can be plotted in one call.
#
# **Warm-up, then cosine.** In the first `warmup` steps the rate rises in equal amounts, the first of them above zero: step i has peak · (i + 1) / warmup, so the last of them has the peak. Then it falls along half a cosine: after a fraction p of the *remaining* steps, it is
#
# $$\text{final} + (\text{peak} - \text{final})\,\frac{1 + \cos \pi p}{2}.$$
#
# The last step of the run has p = 1, and all steps after it keep the final rate.
#
# **1cycle.** Three fixed points: step 0 has the rate `low`, step `top` has `peak`, the last step has `final`. Between two of them the rate follows half a cosine from one value to the other, with p the fraction of the way. The momentum mirrors it: where the rate is highest it is lowest. Steps after the last keep what the last has.


# %% nbgrader={"grade_id": "schedules", "solution": true}
# Exercise 7.5 · schedules (4 points)
def warmup_cosine(step, steps, peak, warmup, final=0.0):
    """Learning rate that rises to a peak in equal amounts, then falls along half a cosine.

    step : int or array of ints, not changed. warmup : int, 0 ≤ warmup < steps. peak, final : float.
    Returns a float, or an array of floats with the shape of step.
    """
    ### BEGIN SOLUTION
    done = np.asarray(step) + 1
    p = np.clip((done - warmup) / (steps - warmup), 0, 1)
    falling = final + (peak - final) * (1 + np.cos(np.pi * p)) / 2
    return np.where(done < warmup, peak * done / max(warmup, 1), falling)[()]
    ### END SOLUTION


def one_cycle(step, steps, top, low, peak, final, momenta=(0.95, 0.85)):
    """Learning rate and momentum of a 1cycle run.

    step : int or array of ints, not changed. top : int, 0 < top < steps − 1. low, peak, final : float.
    momenta : (highest, lowest): at the first and the last step, and at the top.
    Returns (rate, momentum), each a float, or an array of floats with the shape of step.
    """
    ### BEGIN SOLUTION
    step = np.asarray(step)
    p = np.where(step < top, step / top, np.minimum((step - top) / (steps - 1 - top), 1))
    bend = (1 - np.cos(np.pi * p)) / 2
    rising, (high, bottom) = step < top, momenta
    rate = np.where(rising, low + (peak - low) * bend, peak + (final - peak) * bend)
    return rate[()], bottom + (high - bottom) * np.where(rising, 1 - bend, bend)
    ### END SOLUTION


# %% [markdown]
# *Try it.* With a warm-up of two steps, this should print 0.5, 1, 0.75, 0.25 and 0. Then a rate of 1 5 9 4.75 0.5, and momenta of 0.95 0.9 0.85 0.9 0.95.

# %%
print(np.round(warmup_cosine(np.arange(5), 5, peak=1.0, warmup=2), 2))
for values in one_cycle(np.arange(5), 5, top=2, low=1.0, peak=9.0, final=0.5):
    print(np.round(values, 3))

# %% [markdown]
# *Check.* The first, then the second.


# %% nbgrader={"grade_id": "schedules-check", "points": 1}
def _check():
    steps = np.arange(12)
    answer = warmup_cosine(steps, 8, peak=0.6, warmup=3, final=0.2)[:8]
    assert (steps == np.arange(12)).all(), "leave the steps as they are"
    assert np.shape(answer) == (8,), "an array of 8 steps gives 8 rates"
    assert_allclose(answer[:3], [0.2, 0.4, 0.6], rtol=1e-4, err_msg="three equal steps up")
    expected = 0.4 + 0.2 * np.cos(np.pi * np.arange(1, 6) / 5)
    hint = "five steps are left: p is 1/5, 2/5, … 1"
    assert_allclose(answer[3:], expected, rtol=1e-4, err_msg=hint)
    assert_allclose(warmup_cosine(1, 8, 0.6, 3), 0.4, rtol=1e-4, err_msg="one step, one rate")
    assert_allclose(
        warmup_cosine(99, 8, 0.6, 3, 0.2), 0.2, rtol=1e-4, err_msg="after the end: final"
    )
    answer = warmup_cosine(np.arange(4), 4, peak=1.0, warmup=0)
    expected = (1 + np.cos(np.pi * np.arange(1, 5) / 4)) / 2
    assert_allclose(answer, expected, atol=1e-6, err_msg="without warm-up, all four steps fall")


_check()


# %% nbgrader={"grade_id": "schedules-check-2", "points": 1}
def _check():
    cycle = {"steps": 7, "top": 2, "low": 0.1, "peak": 0.9, "final": 0.01, "momenta": (0.9, 0.7)}
    rate, momentum = one_cycle(np.arange(7), **cycle)
    assert np.shape(rate) == np.shape(momentum) == (7,), "7 steps give 7 rates and 7 momenta"
    assert_allclose(rate[[0, 2, 6]], [0.1, 0.9, 0.01], rtol=1e-4, err_msg="the fixed points")
    assert_allclose(momentum[[0, 2, 6]], [0.9, 0.7, 0.9], rtol=1e-4, err_msg="and their momenta")
    assert_allclose(rate[[1, 4]], [0.5, 0.455], rtol=1e-4, err_msg="half way, half the difference")
    s = np.sqrt(0.5)
    hint = "a quarter of the way down, the cosine has lost (1 − √½) / 2 of the difference"
    assert_allclose(rate[3], 0.9 - 0.89 * (1 - s) / 2, rtol=1e-4, err_msg=hint)
    assert_allclose(momentum[3], 0.7 + 0.2 * (1 - s) / 2, rtol=1e-4, err_msg=hint)
    assert_allclose(one_cycle(50, **cycle), [0.01, 0.9], rtol=1e-4, err_msg="after the last step")
    assert_allclose(one_cycle(1, **cycle), [0.5, 0.8], rtol=1e-4, err_msg="one step, one rate")


_check()


# %% nbgrader={"grade_id": "schedules-hidden", "points": 1}
# Hidden tests of exercise 7.5: warm-up and cosine, against Keras' CosineDecay (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    for steps, peak, warmup, final in [(40, 0.3, 10, 0.03), (25, 2.0, 1, 0.0), (9, 1.0, 8, 0.5)]:
        theirs = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup, final / peak, warmup_target=peak, warmup_steps=warmup
        )
        at = np.arange(steps + 5)
        expected = np.array([float(to_numpy(theirs(i + 1))) for i in at])
        kept = at.copy()
        assert_allclose(warmup_cosine(at, steps, peak, warmup, final), expected, atol=1e-5)
        assert (at == kept).all()
        grid = at[: steps // 2 * 2].reshape(2, -1)
        answer = warmup_cosine(grid, steps, peak, warmup, final)
        assert_allclose(answer, expected[: grid.size].reshape(grid.shape), atol=1e-5)
        assert_allclose(warmup_cosine(3, steps, peak, warmup, final), expected[3], atol=1e-5)
    theirs = keras.optimizers.schedules.CosineDecay(0.7, 12, 0.1)
    expected = [float(to_numpy(theirs(i + 1))) for i in range(15)]
    assert_allclose(warmup_cosine(np.arange(15), 12, 0.7, 0, 0.07), expected, atol=1e-5)
    assert_allclose(warmup_cosine(0, 12, 0.7, 0, 0.07), expected[0], atol=1e-5)


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "schedules-hidden-2", "points": 1}
# Hidden tests of exercise 7.5: 1cycle with other fixed points (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    def bent(points, values, at):
        at = np.minimum(at, points[-1])
        i = max(k for k in range(len(points) - 1) if points[k] <= at)
        part = (at - points[i]) / (points[i + 1] - points[i])
        return values[i] + (values[i + 1] - values[i]) * np.sin(np.pi * part / 2) ** 2

    for steps, top, low, peak, final, high, bottom in [
        (30, 9, 0.04, 1.0, 1e-4, 0.95, 0.85),
        (12, 10, 0.5, 0.6, 0.1, 0.9, 0.8),
        (5, 1, 0.0, 2.0, 0.3, 0.99, 0.5),
    ]:
        at, knots = np.arange(steps + 4), [0, top, steps - 1]
        given = {"top": top, "low": low, "peak": peak, "final": final, "momenta": (high, bottom)}
        rate, momentum = one_cycle(at, steps, **given)
        assert (at == np.arange(steps + 4)).all()
        expected = [bent(knots, [low, peak, final], i) for i in at]
        assert_allclose(rate, expected, atol=1e-6)
        expected = [bent(knots, [high, bottom, high], i) for i in at]
        assert_allclose(momentum, expected, atol=1e-6)
        assert_allclose(one_cycle(top, steps, **given), [peak, bottom], atol=1e-6)
    rate, momentum = one_cycle(np.arange(6).reshape(2, 3), 6, 2, 1.0, 3.0, 0.0)
    assert np.shape(rate) == np.shape(momentum) == (2, 3)
    assert_allclose(momentum[0], [0.95, 0.9, 0.85], atol=1e-6)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** Both of *your* schedules over 100 steps. How long should a warm-up be so that both reach the same peak at the same step?

# %% mystnb={"image": {"alt": "Two curves of the learning rate over 100 steps: one rises in a straight line and falls along half a cosine, the other rises and falls along half cosines."}}


def plot_schedules(warmup=10, top=30):
    """Both schedules with a peak of 1."""
    at = np.arange(100)
    warm = warmup_cosine(at, 100, peak=1.0, warmup=warmup)
    cycle, _ = one_cycle(at, 100, top=top, low=0.1, peak=1.0, final=0.001)
    figures.curves({"warm-up, cosine": warm, "1cycle": cycle}, "step", "learning rate")


interact(plot_schedules, warmup=(0, 90), top=(1, 98))

# %% [markdown]
# ## 7.6 AdamW for a whole network (3 points)
#
# Decay each weight a little towards zero: with plain gradient descent that does the same as an L2 penalty in the loss. With Adam it does not. There the penalty's gradient would be divided by √v like any other, so weights with large gradients would hardly decay at all. AdamW takes the decay out of the gradient. One step, t = 1, 2, …:
#
# 1. The gradients are taken at the present weights.
# 2. Each array with **two axes or more** shrinks: w ← w − rate · weight_decay · w. Biases, γ and β have one axis; they are not decayed.
# 3. Adam moves all arrays with these gradients. m and v begin at zero, and the move is as Keras has it, with its own place for ε:
#
# $$w \leftarrow w - \text{rate}\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,\frac{m}{\sqrt v + \varepsilon}.$$
#
# The rate is that of the step: `learning_rate` is a function, such as a schedule of yours, of a step that counts from **0**. So the decay follows the schedule as well.


# %% nbgrader={"grade_id": "adamw", "solution": true}
# Exercise 7.6 · adamw (3 points)
def adamw(weights, gradients, steps, learning_rate, weight_decay=0.004,
          beta_1=0.9, beta_2=0.999, epsilon=1e-7):  # fmt: skip
    """Minimize by AdamW.

    weights : list of float arrays, where it begins.
    gradients : function that takes such a list, and returns the list of its gradients.
    steps : int. learning_rate : function that takes a step from 0, and returns its rate.
    Returns the list of weights after the last step. The given arrays are not changed.
    """
    ### BEGIN SOLUTION
    weights = [np.array(w, float) for w in weights]
    m = [np.zeros(w.shape) for w in weights]
    v = [np.zeros(w.shape) for w in weights]
    for step in range(steps):
        rate, t = learning_rate(step), step + 1
        for i, g in enumerate(gradients(weights)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
            decay = rate * weight_decay if weights[i].ndim > 1 else 0
            weights[i] = (1 - decay) * weights[i] - alpha * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights
    ### END SOLUTION


# %% [markdown]
# *Try it.* A gradient of 2 in both arrays, a rate of 0.1, a decay of 0.5. Adam moves by the rate, so after one step this should print about 0.85 and 0.9: the kernel 1 has lost 0.05 by decay, the bias has not.


# %%
def twos(weights):
    return [np.full(w.shape, 2.0) for w in weights]


for array in adamw([np.ones((1, 1)), np.ones(1)], twos, 1, lambda step: 0.1, weight_decay=0.5):
    print(np.round(array, 4))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "adamw-check", "points": 1}
def _check():
    def twos(weights):
        return [np.full(w.shape, 2.0) for w in weights]

    start, tenth = [np.ones((1, 1)), np.ones(1)], lambda i: 0.1
    for steps, rate, decay, epsilon, kernel, bias, hint in [
        (0, tenth, 0.5, 0, 1, 1, "no step, no change"),
        (1, tenth, 0, 0, 0.9, 0.9, "with its corrections, the first step is as long as the rate"),
        (2, tenth, 0, 0, 0.8, 0.8, "so is the second, for a gradient that stays"),
        (1, tenth, 0.5, 0, 0.85, 0.9, "what has two axes decays, by rate · weight_decay"),
        (2, tenth, 0.5, 0, 0.7075, 0.8, "0.85 · 0.95 − 0.1: decay first, then move"),
        (2, lambda i: 0.1 + i, 0, 0, -0.2, -0.2, "steps count from 0: rates of 0.1 and 1.1"),
        (1, tenth, 0, 0.1, 0.96126, 0.96126, "ε is added to √v as it is, without a correction"),
    ]:
        answer = adamw(start, twos, steps, rate, decay, epsilon=epsilon)
        assert all((w == 1).all() for w in start), "leave the given arrays as they are"
        assert [np.shape(w) for w in answer] == [(1, 1), (1,)], "return arrays, shaped as given"
        assert_allclose(np.ravel(answer[0]), kernel, rtol=1e-4, err_msg=f"kernel: {hint}")
        assert_allclose(np.ravel(answer[1]), bias, rtol=1e-4, err_msg=f"bias: {hint}")
    [answer] = adamw([np.array([3.0])], lambda w: [w[0].copy()], 2, lambda i: 1.0)
    hint = "the gradient changes with the weights: ask for it at each step"
    assert_allclose(answer, 1.02965, rtol=1e-3, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "adamw-hidden", "points": 2}
# Hidden tests of exercise 7.6: several steps on a bowl that is not round, against Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(76)
    shapes = [(4, 3), (3,), (2, 2, 1, 3), ()]
    bowl = [rng.uniform(0.01, 3, shape) for shape in shapes]

    def gradients(weights):
        return [b * w + np.sin(3 * w) for b, w in zip(bowl, weights, strict=True)]

    for decay, options in [(0.3, {}), (0.05, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.02})]:
        start = [np.asarray(rng.normal(size=shape)) for shape in shapes]
        kept, rates = [w.copy() for w in start], [0.2, 0.1, 0.07, 0.05, 0.04]
        variables = [keras.Variable(w.astype("float32")) for w in start]
        theirs = keras.optimizers.AdamW(0.1, weight_decay=decay, **options)
        theirs.exclude_from_weight_decay([v for v in variables if len(v.shape) < 2])
        theirs.build(variables)
        for rate in rates:
            theirs.learning_rate = rate
            found = gradients([to_numpy(v) for v in variables])
            theirs.apply([ops.convert_to_tensor(g.astype("float32")) for g in found], variables)
        answer = adamw(start, gradients, len(rates), rates.__getitem__, decay, **options)
        for w, v in zip(answer, variables, strict=True):
            assert_allclose(w, to_numpy(v), atol=2e-4)
        assert all((w == before).all() for w, before in zip(start, kept, strict=True))


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.7 When to stop (3 points)
#
# Early stopping watches the loss on images that are not trained on, epoch by epoch. An epoch is an **improvement** if its loss is below the best so far by **more than** `min_delta`. Only then does it become the best so far, and its weights are put aside. After `patience` epochs in a row without an improvement, training stops; the weights that were put aside come back. The first epoch is always an improvement. A loss that is NaN never is.
#
# Two questions decide most mistakes here. Many small improvements, each below `min_delta`: do they add up? And are the weights that come back always those of the lowest loss?


# %% nbgrader={"grade_id": "early_stopping", "solution": true}
# Exercise 7.7 · early_stopping (3 points)
def early_stopping(losses, patience, min_delta=0.0):
    """What keras.callbacks.EarlyStopping would make of these validation losses.

    losses : list of floats, one for each epoch that training would have at most; the first is
        finite, later ones may be NaN. patience : int, 1 or more. min_delta : float, 0 or more.
    Returns (last, best), two ints: the last epoch that is trained, and the epoch whose weights
        come back. Epochs count from 0. The list is not changed.
    """
    ### BEGIN SOLUTION
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch, best
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print (4, 2): epochs 3 and 4 are no better than epoch 2, so epoch 5 never comes. Then (3, 1): with a `min_delta` of 0.2, epoch 2 is no improvement, although its loss is the lowest.

# %%
print(early_stopping([1.0, 0.6, 0.5, 0.7, 0.5, 0.1], patience=2))
print(early_stopping([1.0, 0.6, 0.5, 0.7, 0.5, 0.1], patience=2, min_delta=0.2))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "early_stopping-check", "points": 1}
def _check():
    nan = float("nan")
    for losses, patience, min_delta, expected, hint in [
        ([1.0, 0.6, 0.5, 0.7, 0.5, 0.1], 2, 0, (4, 2), "an equal loss is no improvement"),
        ([1.0, 0.6, 0.5, 0.7, 0.5, 0.1], 2, 0.2, (3, 1), "0.5 is not below 0.6 by more than 0.2"),
        ([3.0, 2.0, 1.0], 2, 0, (2, 2), "training may end before patience does"),
        ([1.0, 2.0, 2.0], 5, 0, (2, 0), "at the end, too, the best weights come back"),
        (
            [1.0, 0.9, 0.8, 0.7],
            3,
            0.25,
            (3, 3),
            "compare with the best so far, not the loss before",
        ),
        ([1.0, 0.9, 1.1, 0.8, 0.9, 0.9, 0.0], 2, 0, (5, 3), "an improvement starts a new count"),
        ([1.0, nan, 0.5, nan, nan, 0.1], 2, 0, (4, 2), "NaN is no improvement, and no best so far"),
        ([1.0, 0.5, 0.0], 1, 0.5, (1, 0), "exactly min_delta better is not more than min_delta"),
    ]:
        kept = repr(losses)
        answer = early_stopping(losses, patience, min_delta)
        assert repr(losses) == kept, "leave the list as it is"
        case = f"{losses}, patience {patience}, min_delta {min_delta}"
        assert tuple(answer) == expected, f"{case}: {tuple(answer)}, not {expected}: {hint}"


_check()


# %% nbgrader={"grade_id": "early_stopping-hidden", "points": 2}
# Hidden tests of exercise 7.7: random losses, against Keras' own callback (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    class Model:
        def get_weights(self):
            return self.epoch

        def set_weights(self, epoch):
            self.epoch = epoch

    rng = np.random.default_rng(77)
    for _ in range(300):
        losses = list(np.round(2 / np.arange(1, 13) + rng.normal(0, 0.2, 12), 1) + 1)
        losses[rng.integers(1, 12)] = rng.choice([1.2, 1.7, np.nan])
        patience, delta = int(rng.integers(1, 5)), float(rng.choice([0, 0.13, 0.33]))
        callback = keras.callbacks.EarlyStopping("loss", delta, patience, 0, "min", None, True)
        callback.set_model(model := Model())
        model.stop_training = False
        callback.on_train_begin()
        for model.epoch, loss in enumerate(losses):
            callback.on_epoch_end(model.epoch, {"loss": loss})
            if model.stop_training:
                break
        last = model.epoch
        callback.on_train_end()
        assert tuple(early_stopping(losses, patience, delta)) == (last, model.epoch)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.8 Dropout that says how sure it is (4 points)
#
# First dropout itself, as it is in training: each number becomes zero with probability `rate`, independently of all others. What stays is divided by 1 − rate, so that the expected value stays the same, and nothing is left to do in inference.
#
# Then use it where it is not meant to be used. **Monte Carlo dropout** leaves dropout active in prediction, and predicts many times. The mean of the passes is the prediction, their standard deviation a measure of how sure the network is. But there is a trap. `model(x, training=True)` also makes batch normalization use, *and change*, the statistics of whatever batch it is given. Dropout must be active, batch normalization in inference mode, and afterwards the model as it was.


# %% nbgrader={"grade_id": "monte_carlo", "solution": true}
# Exercise 7.8 · monte_carlo (4 points)
def dropout(x, rate, rng):
    """Dropout in training.

    x : float array. rate : float, 0 ≤ rate < 1. rng : numpy.random.Generator, all that is random.
    Returns an array with the shape and dtype of x. x is not changed.
    """
    ### BEGIN SOLUTION
    kept = rng.random(x.shape) >= rate
    return (x * kept / (1 - rate)).astype(x.dtype)
    ### END SOLUTION


def monte_carlo(model, x, passes):
    """Predict many times with dropout active and batch normalization in inference mode.

    model : functional or Sequential, built, with Dropout and BatchNormalization layers anywhere
        among its layers, and no models among them. x : array, a batch. passes : int.
    Returns (mean, std) over the passes, two arrays with the shape of the model's output.
    The model is not changed: neither its weights nor what is trainable.
    """
    ### BEGIN SOLUTION
    norms = [n for n in model.layers if isinstance(n, layers.BatchNormalization) and n.trainable]
    for norm in norms:
        norm.trainable = False  # then Keras has it in inference mode, whatever `training` says
    outputs = np.stack([to_numpy(model(x, training=True)) for _ in range(passes)])
    for norm in norms:
        norm.trainable = True
    return outputs.mean(axis=0), outputs.std(axis=0)
    ### END SOLUTION


# %% [markdown]
# *Try it.* About a quarter of the numbers should be zero, the others 1.333. Then a model of one dropout layer with rate 0.5: each pass gives 0 or 2, so mean and standard deviation should both be near 1.

# %%
print(np.round(dropout(np.ones(12), 0.25, np.random.default_rng(0)), 3))
_coin = keras.Sequential([keras.Input((1,)), layers.Dropout(0.5)])
mean, std = monte_carlo(_coin, np.ones((1, 1), "float32"), 100)
print(f"mean ≈ {mean[0, 0]:.2f}")
print(f"standard deviation ≈ {std[0, 0]:.2f}")

# %% [markdown]
# *Check.* First dropout, then the passes.


# %% nbgrader={"grade_id": "monte_carlo-check", "points": 1}
def _check():
    x = np.ones((100, 200), "float32")
    answer = dropout(x, 0.2, np.random.default_rng(1))
    assert (x == 1).all(), "leave x as it is"
    assert answer.shape == x.shape, f"the shape stays {x.shape}; yours is {answer.shape}"
    assert answer.dtype == x.dtype, f"the dtype stays float32; yours is {answer.dtype}"
    zeros = answer == 0
    assert abs(zeros.mean() - 0.2) < 0.02, f"rate 0.2 drops one in five, not {zeros.mean():.2f}"
    assert_allclose(answer[~zeros], 1.25, rtol=1e-4, err_msg="what stays makes up for the rest")
    spread = max(np.ptp(zeros.mean(axis=0)), np.ptp(zeros.mean(axis=1)))
    assert spread < 0.5, "each number is dropped on its own, not whole rows or columns"
    same = dropout(x, 0.2, np.random.default_rng(1))
    assert (same == answer).all(), "draw from rng, and from nothing else"
    rng = np.random.default_rng(1)
    assert (dropout(x, 0.2, rng) != dropout(x, 0.2, rng)).any(), "a second call drops others"
    assert (dropout(2 * x, 0.0, rng) == 2).all(), "rate 0 drops nothing"


_check()


# %% nbgrader={"grade_id": "monte_carlo-check-2", "points": 1}
def _check():
    keras.utils.set_random_seed(7)
    entry, first, dense = keras.Input((4,)), layers.BatchNormalization(), layers.Dense(3)
    side = layers.Dropout(0.5)(dense(first(entry)))
    end = layers.BatchNormalization(trainable=False)
    model = keras.Model(entry, end(layers.add([layers.Dense(3)(entry), side])))
    first.set_weights(np.array([[2.0, 1, 1, 3], [0, 1, 0, 0], [5, 0, 1, 0], [4, 9, 1, 0.1]]))
    x = np.sin(np.arange(20)).reshape(5, 4).astype("float32")
    before = model.get_weights()
    mean, std = monte_carlo(model, x, 100)
    after = model.get_weights()
    assert np.shape(mean) == np.shape(std) == (5, 3), "mean and std have the shape of the output"
    hint = "the model is not changed: which layers update themselves in training mode?"
    assert all((a == b).all() for a, b in zip(before, after, strict=True)), hint
    hint = "what was trainable is so afterwards, and what was not is not"
    assert (first.trainable, end.trainable) == (True, False), hint
    assert std.max() > 0, "all passes are the same: is dropout active?"
    dropped = abs(to_numpy(dense(first(x, training=False))))
    hint = "rate 0.5 leaves 0 or twice a number: the passes spread by the number itself"
    assert_allclose(std, dropped, rtol=0.1, atol=0.01, err_msg=hint)
    hint = "the mean is near the prediction without dropout, by the moving averages"
    plain = to_numpy(model(x, training=False))
    assert (abs(mean - plain) <= 0.5 * dropped + 0.01).all(), hint


_check()


# %% nbgrader={"grade_id": "monte_carlo-hidden", "points": 1}
# Hidden tests of exercise 7.8: dropout at other rates, shapes and dtypes (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    for rate, dtype in [(0.1, "float64"), (0.7, "float32")]:
        x = np.random.default_rng(78).normal(size=(30, 10, 50, 2)).astype(dtype) + 9
        kept = x.copy()
        answer = dropout(x, rate, np.random.default_rng(2))
        assert (x == kept).all()
        assert (answer.shape, answer.dtype) == (x.shape, x.dtype)
        zeros = answer == 0
        assert abs(zeros.mean() - rate) < 0.02
        assert_allclose(answer[~zeros], x[~zeros] / (1 - rate), rtol=1e-4)
        for axis in range(4):
            others = tuple(a for a in range(4) if a != axis)
            assert np.ptp(zeros.mean(axis=others)) < 0.16
        for shift in (1, 2, 25):  # whether one is dropped says nothing of its neighbours
            both = zeros[:, :, shift:] & zeros[:, :, :-shift]
            assert abs(both.mean() - rate**2) < 0.02
        state = np.random.default_rng(3), np.random.default_rng(3)
        assert (dropout(x, rate, state[0]) == dropout(x, rate, state[1])).all()
        assert (dropout(x, rate, state[0]) != dropout(x, rate, np.random.default_rng(3))).any()
        few = x[0, 0, :10, 0]  # drawn one by one, so that now more, now fewer are dropped
        assert len({int((dropout(few, rate, state[1]) == 0).sum()) for _ in range(50)}) > 1


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "monte_carlo-hidden-2", "points": 1}
# Hidden tests of exercise 7.8: mean and spread where they can be computed; nothing is changed (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    keras.utils.set_random_seed(78)
    for rate, shape in [(0.5, (6,)), (0.2, (3, 2))]:
        first, last = layers.BatchNormalization(), layers.Dense(2)
        stack = [keras.Input(shape), first, layers.Flatten(), layers.Dropout(rate), last]
        model = keras.Sequential([*stack, layers.BatchNormalization(trainable=False)])
        first.set_weights(np.random.uniform(0.5, 2, (4, shape[-1])))
        x = np.random.normal(size=(4, *shape)).astype("float32")
        before, flags = model.get_weights(), [p.trainable for p in [model, *model.layers]]
        mean, std = monte_carlo(model, x, 150)
        assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
        assert flags == [p.trainable for p in [model, *model.layers]]
        terms = to_numpy(first(x)).reshape(4, -1, 1) * to_numpy(last.kernel)
        expected = np.sqrt((terms**2).sum(axis=1) * rate / (1 - rate) / 1.001)
        assert_allclose(std, expected, rtol=0.4)
        assert (abs(mean - to_numpy(model(x))) < expected / 2).all()
    coin = keras.Sequential([keras.Input((1,)), layers.Dropout(0.5)])
    mean, std = np.round(monte_carlo(coin, np.ones((60, 1), "float32"), 2), 4)
    assert set(mean.ravel()) == {0, 1, 2} and ((std > 0) == (mean == 1)).all(), "two passes"
    entry = keras.Input((3,))
    sides = layers.Dense(2)(layers.BatchNormalization()(entry)), layers.Dense(2)(entry)
    model = keras.Model(entry, layers.subtract(sides))
    x = np.random.normal(5, 2, size=(8, 3)).astype("float32")
    assert_allclose(monte_carlo(model, x, 3), [to_numpy(model(x)), np.zeros((8, 2))], atol=1e-4)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.9 A target that is never quite 1 (3 points)
#
# With targets of 1 and 0, cross-entropy is never content: it asks for ever larger logits. Label smoothing asks for less. The target becomes (1 − s) · one-hot + s / classes, so the right class gets a little less than 1, and *every* class, the right one as well, its share of s.
#
# Compute the loss from logits $z$, and do so for large ones, too: $e^{1000}$ is not a number that a computer has. Take the logarithm of the softmax as a whole: $\log p_k = z_k - \log \sum_j e^{z_j}$, and subtract from all logits a number that leaves the sum harmless. Also give the gradient with respect to the logits. What is left of it on paper is short.


# %% nbgrader={"grade_id": "smoothed_loss", "solution": true}
# Exercise 7.9 · smoothed_loss (3 points)
def smoothed_loss(logits, labels, smoothing=0.0):
    """Cross-entropy with smoothed labels, and its gradient.

    logits : float array (n, classes), of any size. labels : int array (n,), the right classes.
    smoothing : float, 0 to 1.
    Returns (loss, gradient): the mean loss of the n examples, a float, and its gradient with
        respect to the logits, an array (n, classes). The inputs are not changed.
    """
    ### BEGIN SOLUTION
    n, classes = logits.shape
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return -(targets * log_p).sum() / n, (np.exp(log_p) - targets) / n
    ### END SOLUTION


# %% [markdown]
# *Try it.* Four equal logits: whatever the target is, the loss is log 4, about 1.386. With a smoothing of 0.4 the target is 0.1 0.7 0.1 0.1, so the gradient should be 0.15 −0.45 0.15 0.15.

# %%
loss, gradient = smoothed_loss(np.zeros((1, 4)), np.array([1]), smoothing=0.4)
print(round(float(loss), 3), np.round(gradient, 3))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "smoothed_loss-check", "points": 1}
def _check():
    given = np.array([[0.0, 0, 0, 0], [1, 2, 3, 4]]), np.array([1, 0])
    kept = [array.copy() for array in given]
    loss, gradient = smoothed_loss(*given, smoothing=0.4)
    unchanged = all((a == b).all() for a, b in zip(given, kept, strict=True))
    assert unchanged, "leave logits and labels as they are"
    assert np.ndim(loss) == 0, "one number: the mean over the examples"
    assert np.shape(gradient) == (2, 4), "the gradient has the shape of the logits"
    log_p = given[0] - np.log(np.exp(given[0]).sum(axis=1, keepdims=True))
    targets = np.array([[0.1, 0.7, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1]])
    hint = "targets 0.7 for the right class and 0.1 for each other; the mean over 2 examples"
    assert_allclose(loss, -(targets * log_p).sum() / 2, rtol=1e-4, err_msg=hint)
    hint = "the loss is a mean over 2 examples: each has half the weight"
    assert_allclose(gradient[0], [0.075, -0.225, 0.075, 0.075], rtol=1e-4, err_msg=hint)
    hint = "what is the gradient of log Σ exp z? And of Σ target · z?"
    assert_allclose(gradient[1], (np.exp(log_p[1]) - targets[1]) / 2, rtol=1e-4, err_msg=hint)
    loss, gradient = smoothed_loss(np.array([[1000.0, 0]]), np.array([1]))
    assert_allclose(loss, 1000, rtol=1e-4, err_msg="logits 1000 and 0, the second is right: 1000")
    assert_allclose(gradient, [[1, -1]], rtol=1e-4, err_msg="large logits: no NaN, no infinity")
    loss, _ = smoothed_loss(np.array([[-5000.0, -5000]]), np.array([1]))
    assert_allclose(loss, np.log(2), rtol=1e-4, err_msg="two equal logits: log 2, large or small")


_check()


# %% nbgrader={"grade_id": "smoothed_loss-hidden", "points": 2}
# Hidden tests of exercise 7.9: against SciPy and Keras, on other logits, also large ones (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(79)
    for n, classes, scale, smoothing in [
        (5, 3, 1, 0.0),
        (4, 10, 3, 0.1),
        (7, 2, 300, 0.2),
        (3, 6, 1e4, 0.05),
    ]:
        logits, labels = scale * rng.normal(size=(n, classes)), rng.integers(0, classes, n)
        kept = logits.copy(), labels.copy()
        loss, gradient = smoothed_loss(logits, labels, smoothing)
        assert (logits == kept[0]).all()
        assert (labels == kept[1]).all()
        one_hot = np.eye(classes)[labels]
        theirs = keras.losses.CategoricalCrossentropy(True, label_smoothing=smoothing)
        expected = float(to_numpy(theirs(one_hot.astype("float32"), logits.astype("float32"))))
        assert_allclose(loss, expected, rtol=2e-3, atol=1e-5)
        targets = (1 - smoothing) * one_hot + smoothing / classes
        log_p = special.log_softmax(logits, axis=1)
        assert_allclose(loss, -np.mean((targets * log_p).sum(axis=1)), rtol=1e-4)
        assert_allclose(gradient, (special.softmax(logits, axis=1) - targets) / n, atol=1e-5)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 7.10 Wake a network that sleeps (4 points)
#
# Here is a deep network of the simplest kind. A dense layer makes 64 numbers of an image. Then come **20 hidden layers** of 64 units each, one after the other, and a softmax. The hidden layers and the optimizer will be yours.


# %% nbgrader={"grade_id": "deep_network", "locked": true}
def deep_network(hidden_layer):
    """28×28×1 images, 20 hidden layers of 64 units, 10 classes."""
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(64)])
    for _ in range(20):
        model.add(hidden_layer(64))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def train(model, optimizer, images, labels, epochs):
    """Compile, and go through the images several times."""
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model.fit(images, labels, batch_size=64, epochs=epochs, verbose=progress())


digits = data.load("mnist", train=8000, test=2000)

# %% [markdown]
# First as it should not be: sigmoids, Keras' default initialization, plain gradient descent. **Predict** how many different answers it gives for 2,000 digits, after a pass over 8,000. It should print 1: the same class for all of them, whatever the image.


# %% nbgrader={"grade_id": "asleep", "locked": true}
def sigmoid_layer(units):
    return layers.Dense(units, activation="sigmoid")


keras.utils.set_random_seed(0)
asleep = deep_network(sigmoid_layer)
train(asleep, keras.optimizers.SGD(0.1), digits.x_train, digits.y_train, epochs=1)
said = asleep.predict(digits.x_test, verbose=0).argmax(axis=-1)
print("different answers:", len(np.unique(said)))

# %% [markdown]
# Wake it. Write `hidden_layer(units)`, which returns *one* hidden layer, and `optimizer()`. Rules:
#
# - A hidden layer is a Keras layer, or a `keras.Sequential` of several. It turns 64 numbers into 64.
# - Each has exactly one kernel (64, 64) of its own, which is trained, and at most 4,480 numbers in all: room for a bias and a batch normalization.
# - Each bends what passes: a map that is linear, or almost, does not count. Each needs its kernel: one that just hands its input on does not count either. Adding the input to the output, as a residual block does, is allowed.
# - After 8 passes over 8,000 images, with batches of 64, the network is right for **80 %** of the digits that it has not seen.
#
# What made the gradient vanish? There is more than one way out. If your network learns, but too slowly, remember that the learning rate is yours as well: some remedies bear, and need, a higher one than usual. (To see the stand-in that the grader may use, restart with the environment variable `CONVBOOK_OFFLINE=1`.)


# %% nbgrader={"grade_id": "hidden_layer", "solution": true}
# Exercise 7.10 · hidden_layer (4 points)
def hidden_layer(units):
    """A new hidden layer: a keras.Layer or keras.Sequential, from 64 numbers to units."""
    ### BEGIN SOLUTION
    return layers.Dense(units, activation="selu", kernel_initializer="lecun_normal")
    ### END SOLUTION


def optimizer():
    """A new Keras optimizer."""
    ### BEGIN SOLUTION
    return keras.optimizers.SGD(0.01)
    ### END SOLUTION


# %% [markdown]
# *Training.* Some seconds on a laptop, with batch normalization more; the grader stops a cell after 60 seconds.

# %% nbgrader={"grade_id": "train", "locked": true}
digits = data.load("mnist", train=8000, test=2000)  # as they came, whatever was done to them
keras.utils.set_random_seed(0)
awake = deep_network(hidden_layer)
hidden = awake.layers[2:-1]
at_start = [layer.get_weights() for layer in hidden]
untrained = awake.predict(digits.x_test, verbose=0).argmax(axis=-1)
train(awake, optimizer(), digits.x_train, digits.y_train, epochs=8)
correct = awake.predict(digits.x_test, verbose=0).argmax(axis=-1) == digits.y_test
print(f"accuracy ≈ {correct.mean():.1%}")

# %% [markdown]
# *Check.* First each layer on its own, then what the network has learned.


# %% nbgrader={"grade_id": "fault", "locked": true}
def fault(layer, start):
    """What is wrong with a hidden layer after its training; "" if nothing is."""
    weights = layer.get_weights()
    kernels = [i for i, weight in enumerate(weights) if weight.ndim > 1]
    if [weights[i].shape for i in kernels] != [(64, 64)]:
        return "each hidden layer has one kernel, of shape (64, 64), and no other"
    numbers = sum(weight.size for weight in weights)
    if numbers > 4480:
        return f"{numbers:,} numbers in a layer; 4,480 are allowed"
    [i] = kernels
    if np.linalg.norm(weights[i] - start[i]) < 1e-3 * np.linalg.norm(start[i]):
        return "the kernel of a layer did not learn: is it frozen, or does no gradient reach it?"
    a, b = 2 * np.random.default_rng(0).normal(size=(2, 100, 64)).astype("float32")
    ends = [to_numpy(layer(x, training=False)) for x in (a, b, (a + b) / 2)]
    size = np.std(ends[0], axis=0).mean()
    if abs(ends[2] - (ends[0] + ends[1]) / 2).mean() < 0.003 * size:
        return "a layer is (almost) linear: half way between two inputs, half way between outputs"
    layer.set_weights([*weights[:i], 0 * weights[i], *weights[i + 1 :]])
    without = to_numpy(layer(a, training=False))
    layer.set_weights(weights)
    if abs((ends[0] - without) - (ends[0] - without).mean(axis=0)).mean() < 0.01 * size:
        return "a layer hands its input on: without its kernel, its output is (almost) the same"
    return ""


# %% nbgrader={"grade_id": "hidden_layer-check", "points": 1}
def _check():
    assert len(hidden) == 20, f"hidden_layer returns one layer at a time; here are {len(hidden)}"
    kernels = {id(w) for layer in hidden for w in layer.weights if len(w.shape) > 1}
    assert len(kernels) == 20, "each layer has a kernel of its own"
    for layer, start in zip(hidden, at_start, strict=True):
        assert not (message := fault(layer, start)), message


_check()


# %% nbgrader={"grade_id": "hidden_layer-check-2", "points": 1}
def _check():
    faults = [fault(layer, start) for layer, start in zip(hidden, at_start, strict=True)]
    assert not any(faults), "see the check before this one"
    accuracy = correct[:1000].mean()
    assert accuracy >= 0.8, f"{accuracy:.1%} on a thousand unseen digits; 80 % are needed"


_check()


# %% nbgrader={"grade_id": "hidden_layer-hidden", "points": 2}
# Hidden tests of exercise 7.10: a thousand other digits; the network began untrained (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert len(hidden) == 20
    assert len({id(w) for layer in hidden for w in layer.weights if len(w.shape) > 1}) == 20
    assert not any(fault(layer, start) for layer, start in zip(hidden, at_start, strict=True))
    assert correct[1000:].mean() >= 0.8
    assert (untrained == digits.y_test).mean() < 0.5, "hidden_layer gave trained layers"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Go on.** What does the network reach without its 20 hidden layers, with nothing but one ReLU before the softmax? To train is one thing, to need the depth another.
#
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 07_training_tricks.ipynb` shows the points that you have.
