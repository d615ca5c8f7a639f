# %% [markdown]
# # Lab 04 · Architectures
#
# You build the networks that made the history of computer vision, in small: LeNet-5, VGG, an Inception module, a residual block. Then you write the tools that read any network: its receptive field, its cost, the place it looks at. Ten exercises, 31 points, about two and a half hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 4.2 · lenet5 (3 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# **Models.** Where a function shall return a model, you are free in how you build it: a `keras.Sequential`, a functional `keras.Model`, a class of your own, or a `keras.Layer`. The tests never look at the names or the kind of your layers. They call the model on a batch, count its weights, set them, and see what comes out. So give each convolution and each dense layer of the text one kernel, and one bias where it has one. The [chapter](../book/04_architectures.ipynb) has all you need.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %% nbgrader={"grade_id": "setup", "locked": true}
import itertools

import keras
import numpy as np
from keras import layers, ops
from numpy.testing import assert_allclose

from convbook import data, figures
from convbook.widgets import interact, progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# ## 4.1 Predict (2 points)
#
# No code yet, only a pencil. An image of 64×64×3 goes through the head of a small AlexNet:
#
# ```
# Conv2D(filters=48, kernel_size=7, strides=2)
# MaxPooling2D(pool_size=3, strides=2)
# Conv2D(filters=96, kernel_size=5, padding="same", groups=2)
# Flatten()
# Dense(units=100)
# ```
#
# AlexNet was trained on two graphics cards. That is where its `groups` come from: each half of the filters sees one half of the channels only. Give the side of the map after the first convolution and after the pooling, and the parameters of the three layers that have any. Which do you expect to have the most?

# %% nbgrader={"grade_id": "predict", "solution": true}
# Exercise 4.1 · predict (2 points)
# Set side_1, side_2, and parameters_1, parameters_2, parameters_3.
### BEGIN SOLUTION
side_1 = (64 - 7) // 2 + 1
side_2 = (side_1 - 3) // 2 + 1
parameters_1 = 48 * (7 * 7 * 3 + 1)
parameters_2 = 96 * (5 * 5 * (48 // 2) + 1)
parameters_3 = 100 * (side_2 * side_2 * 96 + 1)
### END SOLUTION

# %% [markdown]
# *Check.* Keras builds the layers and compares.


# %% nbgrader={"grade_id": "predict-check", "points": 2}
def _check():
    head = keras.Sequential([keras.Input((64, 64, 3)), layers.Conv2D(48, 7, strides=2)])
    head.add(layers.MaxPooling2D(3, strides=2))
    head.add(layers.Conv2D(96, 5, padding="same", groups=2))
    head.add(layers.Flatten())
    head.add(layers.Dense(100))
    first, pool, second, _, dense = head.layers
    assert side_1 == first.output.shape[1], "side_1: the last window must still fit: round down"
    assert side_2 == pool.output.shape[1], "side_2: windows of 3 that overlap, every second place"
    assert parameters_1 == first.count_params(), "parameters_1: 48 filters, each with a bias"
    assert parameters_2 == second.count_params(), "parameters_2: how deep is a filter in 2 groups?"
    assert parameters_3 == dense.count_params(), "parameters_3: what does Flatten hand on?"


_check()

# %% [markdown]
# ### Tools of the checks
#
# Each of these asks a model a question without looking inside. You may use them, too. `put` sets weights by their *number of elements*: a 3×3 convolution from 4 to 6 channels has a kernel of 216 numbers, wherever in your model it stands.


# %% nbgrader={"grade_id": "tools", "locked": true}
def called(model, input_shape):
    """The model, after it has seen an image: only then has a class of your own its weights."""
    assert callable(model), f"return a model that can be called, not a {type(model).__name__}"
    model(np.zeros((1, *input_shape), "float32"))
    return model


def sizes(model):
    """The numbers of elements of all weights, in rising order."""
    return sorted(weight.size for weight in model.get_weights())


def put(model, values):
    """Set weights by their number of elements; a value is one number or an array. Others stay."""
    weights = model.get_weights()
    for index, weight in enumerate(weights):
        if weight.size in values:
            value = np.asarray(values[weight.size], "float32")
            weights[index] = np.broadcast_to(value, weight.shape)
    model.set_weights(weights)
    return model


# %% nbgrader={"grade_id": "tools-2", "locked": true}
def randomized(model, input_shape, seed=0):
    """Give a model random weights. Returns them as a dict: number of elements → array."""
    rng = np.random.default_rng(seed)
    new = []
    for weight in called(model, input_shape).get_weights():
        scale = 0.3 if weight.ndim == 1 else 1.5 / np.sqrt(weight[..., 0].size)
        new.append(rng.normal(0, scale, weight.shape).astype("float32"))
    model.set_weights(new)
    return {weight.size: weight for weight in new}


def seen(model, input_shape, row, column):
    """Which pixels change the output at one place: booleans (H, W, output channels)."""
    height, width, channels = input_shape
    lit = np.eye(height * width, dtype="float32").reshape(-1, height, width, 1)
    lit = np.repeat(lit, channels, axis=-1)
    dark = np.zeros((1, *input_shape), "float32")
    change = to_numpy(model(lit))[:, row, column] - to_numpy(model(dark))[:, row, column]
    return (abs(change) > 1e-6).reshape(height, width, -1)


def images_like(input_shape, seed=0, n=3):
    """Random images, float32, (n, H, W, C), with negative numbers, too."""
    return np.random.default_rng(seed).normal(size=(n, *input_shape)).astype("float32")


# %% [markdown]
# ## 4.2 LeNet-5 (3 points)
#
# The network of 1998 that read cheques, in the form that everybody builds today:
#
# | layer | what | activation |
# | --- | --- | --- |
# | C1 | convolution, 6 filters of 5×5, no padding | tanh |
# | S2 | average of 2×2, strides 2, no padding | |
# | C3 | convolution, 16 filters of 5×5, no padding | tanh |
# | S4 | average of 2×2, strides 2, no padding | |
# | C5 | 120 units, each connected to all of S4's maps | tanh |
# | F6 | 84 units | tanh |
# | output | one unit for each class | softmax |
#
# The original's images were 32×32×1. Yours takes other sizes as well, also such that are not square. So C5 has to fit whatever S4 delivers.


# %% nbgrader={"grade_id": "lenet5", "solution": true}
# Exercise 4.2 · lenet5 (3 points)
def lenet5(input_shape=(32, 32, 1), classes=10):
    """LeNet-5 for images of a given shape, not trained.

    input_shape : (H, W, channels). classes : int.
    Returns a model: a float batch (n, H, W, channels) → probabilities (n, classes).
    """
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    ### END SOLUTION


# %% [markdown]
# *Try it.* For 32×32×1 and 10 classes there should be 61,706 parameters.

# %%
called(lenet5(), (32, 32, 1)).count_params()

# %% [markdown]
# *Check.* Three questions to your model. How many weights? Are tanh and averages in it? With all biases 0, both turn −x into minus the answer; then the logarithm of `p(x) · p(−x)` is the same for all classes. And: where all weights of a layer are equal and the image is all ones, the network is a chain of single numbers, which is easily computed.


# %% nbgrader={"grade_id": "lenet5-check", "points": 1}
def _check():
    model = called(lenet5(), (32, 32, 1))
    counts = [150, 6, 2400, 16, 48000, 120, 10080, 84, 840, 10]
    hint = f"{model.count_params():,} parameters, not 61,706: compare model.summary() and the table"
    assert sizes(model) == sorted(counts), hint
    other = called(lenet5((31, 37, 2), 4), (31, 37, 2))
    assert 4 * 6 * 16 * 120 in sizes(other), "31×37 pixels leave S4 with 16 maps of 4×6, for C5"
    p = to_numpy(model(images_like((32, 32, 1))))
    assert p.shape == (3, 10), f"three images give (3, 10), not {p.shape}"
    assert_allclose(p.sum(axis=1), 1, rtol=1e-4, err_msg="the output is a softmax")
    randomized(model, (32, 32, 1))
    put(model, {6: 0, 16: 0, 120: 0, 84: 0, 10: 0})
    x = images_like((32, 32, 1), seed=1)
    both = np.log(to_numpy(model(x))) + np.log(to_numpy(model(-x)))
    hint = "not odd: somewhere is a ReLU, a sigmoid or a maximum in place of tanh or average"
    assert_allclose(both, np.repeat(both[:, :1], 10, axis=1), atol=1e-3, err_msg=hint)
    last = np.where(np.arange(10) == 3, 0.02, 0)
    put(model, {150: 0.02, 2400: 0.02, 48000: 0.02, 10080: 0.02, 840: last})
    p = to_numpy(model(np.ones((1, 32, 32, 1), "float32")))[0]
    a = 1.0
    for weights in (25, 6 * 25, 16 * 25, 120):
        a = np.tanh(0.02 * weights * a)
    hint = "a tanh is missing: after C1, C3, C5 or F6; or one is where none should be"
    assert_allclose(np.log(p[3] / p[0]), 84 * 0.02 * a, atol=1e-3, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "lenet5-hidden", "points": 2}
# Hidden tests of exercise 4.2: other images and classes, and the output with random weights (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    for (height, width, channels), classes in [((32, 32, 1), 10), ((24, 32, 3), 7)]:
        shape = height, width, channels
        flat = ((height - 4) // 2 - 4) // 2 * (((width - 4) // 2 - 4) // 2) * 16
        counts = [150 * channels, 2400, flat * 120, 10080, 84 * classes]
        biases = [6, 16, 120, 84, classes]
        model = lenet5(shape, classes)
        w = randomized(model, shape, seed=42)
        assert sizes(model) == sorted(counts + biases)
        x = images = images_like(shape, seed=2)
        for count, bias, depth in zip(counts[:2], biases[:2], (channels, 6), strict=True):
            x = np.tanh(ops.conv(x, w[count].reshape(5, 5, depth, bias)) + w[bias])
            x = x.reshape(3, x.shape[1] // 2, 2, x.shape[2] // 2, 2, bias).mean(axis=(2, 4))
        x = x.reshape(3, -1)
        for count, bias in zip(counts[2:4], biases[2:4], strict=True):
            x = np.tanh(x @ w[count].reshape(-1, bias) + w[bias])
        x = np.exp(x @ w[counts[4]].reshape(84, classes) + w[classes])
        assert_allclose(to_numpy(model(images)), x / x.sum(axis=1, keepdims=True), atol=1e-4)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.3 A VGG from its recipe (3 points)
#
# The five networks of the VGG paper are five columns of one table. Whoever writes a *builder* writes no network twice. An entry of the recipe is
#
# - an int, such as `64`: a convolution with so many filters of 3×3,
# - a pair, such as `(256, 1)`: so many filters of that kernel size (column C of the table has 1×1),
# - `"M"`: the maximum of 2×2, strides 2, without padding.
#
# Anything else is a mistake in the recipe: raise a `ValueError`, as soon as `vgg` is called. All convolutions keep the size of the map, and end in a ReLU. Then come `Flatten`, one dense layer with a ReLU for each number in `dense`, and a softmax.


# %% nbgrader={"grade_id": "vgg", "solution": true}
# Exercise 4.3 · vgg (3 points)
def vgg(configuration, input_shape, dense=(), classes=10):
    """A network in the manner of VGG, not trained.

    configuration : list of int, (filters, kernel_size) or "M", the first layer first.
    input_shape : (H, W, channels). dense : the units of the hidden dense layers.
    Returns a model: a float batch (n, H, W, channels) → probabilities (n, classes).
    Raises ValueError for an entry that is none of the three. The list is not changed.
    """
    ### BEGIN SOLUTION
    stack = [keras.Input(input_shape)]
    for entry in configuration:
        if entry == "M":
            stack.append(layers.MaxPooling2D(2))
        elif isinstance(entry, int | tuple):
            filters, kernel_size = (entry, 3) if isinstance(entry, int) else entry
            stack.append(layers.Conv2D(filters, kernel_size, padding="same", activation="relu"))
        else:
            raise ValueError(f"an entry is an int, a pair or 'M', not {entry!r}")
    stack.append(layers.Flatten())
    stack += [layers.Dense(units, activation="relu") for units in dense]
    stack.append(layers.Dense(classes, activation="softmax"))
    return keras.Sequential(stack)
    ### END SOLUTION


# %% [markdown]
# *Try it.* This one for 32×32×3 should have 39,518 parameters.

# %%
_small = vgg([8, 8, "M", 16, (16, 1), "M"], (32, 32, 3), dense=(36,))
called(_small, (32, 32, 3)).count_params()

# %% [markdown]
# *Check.* Some recipes are so small that one can say what comes out. A kernel with a single 1 in its middle hands the image on; a dense kernel with a single 1 lets us read one number.


# %% nbgrader={"grade_id": "vgg-check", "points": 1}
def _check():
    recipe = [4, "M", (5, 1)]
    model = called(vgg(recipe, (6, 10, 3), (7,), 2), (6, 10, 3))
    assert recipe == [4, "M", (5, 1)], "leave the recipe as it is"
    counts = [108, 4, 20, 5, 525, 7, 14, 2]
    assert sizes(model) == sorted(counts), f"{recipe}: weights of {sorted(counts)} numbers expected"
    p = to_numpy(model(images_like((6, 10, 3))))
    assert p.shape == (3, 2), f"three images and two classes give (3, 2), not {p.shape}"
    assert_allclose(p.sum(axis=1), 1, rtol=1e-4, err_msg="the output is a softmax")
    x = np.array([[-5, -2, 1, 1], [-3, -4, 2, 6]], "float32")[None, :, :, None]
    middle = np.pad([[1]], 1)[..., None, None]
    for pixel, expected, hint in [
        (0, 0, "a convolution ends in a ReLU"),
        (1, 6, "'M' is the maximum of 2×2 pixels"),
    ]:
        model = called(vgg([1, "M"], (2, 4, 1), (), 2), (2, 4, 1))
        p = to_numpy(put(model, {9: middle, 4: np.eye(2)[[pixel, 1 - pixel]] * [1, 0]})(x))[0]
        assert_allclose(np.log(p[0] / p[1]), expected, atol=1e-3, err_msg=hint)
    model = called(vgg([1], (2, 4, 1), (3,), 2), (2, 4, 1))
    p = to_numpy(put(model, {9: middle, 24: -1, 6: [1, 0]})(x))[0]
    assert_allclose(p, 0.5, atol=1e-3, err_msg="each hidden dense layer ends in a ReLU")
    for entry in ("P", "m", "64", None):
        try:
            vgg([4, entry], (8, 8, 3))
        except ValueError:
            continue
        raise AssertionError(f"{entry!r} is no entry of a recipe: raise ValueError, in vgg itself")


_check()


# %% nbgrader={"grade_id": "vgg-hidden", "points": 1}
# Hidden tests of exercise 4.3: the output of other recipes, with random weights (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    first = [4, (6, 1), "M", 5, (7, 5), "M", 8], (9, 12, 3), (23, 11), 9
    for recipe, shape, dense, classes in [first, (["M", (3, 1), 4], (6, 4, 2), (), 5)]:
        model = vgg(recipe, shape, dense, classes)
        w, used = randomized(model, shape, seed=43), []
        x = images = images_like(shape, seed=3)
        for entry in recipe:
            if entry == "M":
                x = ops.max_pool(x, 2, strides=2)
                continue
            f, size = entry if isinstance(entry, tuple) else (entry, 3)
            used += [size**2 * x.shape[-1] * f, f]
            kernel = w[used[-2]].reshape(size, size, x.shape[-1], f)
            x = ops.relu(ops.conv(x, kernel, padding="same") + w[f])
        x = to_numpy(x).reshape(3, -1)
        for units in (*dense, classes):
            used += [x.shape[1] * units, units]
            z = x @ w[used[-2]].reshape(-1, units) + w[units]
            x = np.maximum(z, 0)
        assert sizes(model) == sorted(used)
        expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        assert_allclose(to_numpy(model(images)), expected, atol=1e-4)


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "vgg-hidden-2", "points": 1}
# Hidden tests of exercise 4.3: mistakes in a recipe; the recipe stays as it is (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    for recipe in (["MM"], [4, None], [4, "M", "8"]):
        try:
            vgg(recipe, (8, 8, 3))
        except ValueError:
            continue
        raise AssertionError(f"{recipe}: an entry that is none of the three must raise ValueError")
    recipe = [4, (5, 1), "M"]
    vgg(recipe, (8, 8, 3))
    assert recipe == [4, (5, 1), "M"]


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.4 An Inception module, wired right (4 points)
#
# Four branches read the *same* input, and their maps are concatenated along the channels in this order:
#
# ```
#          ┌─ 1×1 ─────────────────┐
#          ├─ 1×1 reduce ─── 3×3 ──┤
# input ───┤                       ├─── concatenate
#          ├─ 1×1 reduce ─── 5×5 ──┤
#          └─ maximum 3×3 ── 1×1 ──┘
# ```
#
# All six convolutions keep the size of the map and end in a ReLU. The maximum has strides 1 and padding "same". The numbers of filters come in the order of GoogLeNet's table: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool projection.


# %% nbgrader={"grade_id": "inception_module", "solution": true}
# Exercise 4.4 · inception_module (4 points)
def inception_module(input_shape, filters):
    """An Inception module.

    input_shape : (H, W, channels). filters : six ints, in the order of GoogLeNet's table.
    Returns a model: a float batch (n, H, W, channels) → (n, H, W, f), where f is the sum of
    the first, third, fifth and sixth number of filters.
    """
    ### BEGIN SOLUTION

    def conv(x, units, kernel_size):
        return layers.Conv2D(units, kernel_size, padding="same", activation="relu")(x)

    one, reduce_three, three, reduce_five, five, projection = filters
    image = keras.Input(input_shape)
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(image)
    branches = [
        conv(image, one, 1),
        conv(conv(image, reduce_three, 1), three, 3),
        conv(conv(image, reduce_five, 1), five, 5),
        conv(pooled, projection, 1),
    ]
    return keras.Model(image, layers.concatenate(branches))
    ### END SOLUTION


# %% [markdown]
# *Try it.* 64 filters everywhere on 3 channels should make 140,416 parameters. Row 3a of GoogLeNet, on 192 channels, should make 163,696.

# %%
for _channels, _filters in [(3, [64] * 6), (192, (64, 96, 128, 16, 32, 32))]:
    _module = inception_module((8, 8, _channels), _filters)
    print(f"{called(_module, (8, 8, _channels)).count_params():,}")

# %% [markdown]
# *Check.* The sizes of the kernels betray what each layer reads. Then we light one pixel after another and watch how far each branch sees, and look for the ReLUs with kernels of −1.


# %% nbgrader={"grade_id": "inception_module-check", "points": 2}
def _check():
    shape, filters = (7, 8, 3), (4, 5, 6, 7, 8, 9)
    kernels = {"1×1": 12, "reduce 3": 15, "3×3": 270, "reduce 5": 21, "5×5": 1400, "pool": 27}
    model = called(inception_module(shape, filters), shape)
    for name, size in kernels.items():
        assert size in sizes(model), f"no kernel of {size} numbers for {name}: what does it read?"
    assert sizes(model) == sorted([*filters, *kernels.values()]), "six kernels and six biases"
    maps = to_numpy(model(images_like(shape)))
    assert maps.shape == (3, 7, 8, 27), f"4 + 6 + 8 + 9 maps of 7×8, not {maps.shape[1:]}"
    put(model, dict.fromkeys(kernels.values(), 1))
    groups = {"first (1×1)": (0, 1), "second (3×3)": (4, 9), "third (5×5)": (10, 25)}
    for name, (channel, pixels) in (groups | {"last (pool)": (18, 9)}).items():
        reached = seen(model, shape, 3, 3)[..., channel].sum()
        hint = f"the {name} group of maps should see {pixels} pixels; yours sees {reached}"
        assert reached == pixels, hint
    hole = np.ones((1, *shape), "float32")
    hole[0, 3, 3] = 0
    hint = "one dark pixel must not change a maximum of 3×3; and the maximum comes before its 1×1"
    maps = to_numpy(put(model, {27: -1, 9: 4})(hole))[..., 18:]
    assert_allclose(maps, 1, rtol=1e-4, err_msg=hint)
    for negative in (kernels.values(), (270, 1400)):
        put(model, dict.fromkeys(kernels.values(), 1) | {9: 0} | dict.fromkeys(negative, -1))
        maps = to_numpy(model(np.ones((1, *shape), "float32")))
        maps = maps if len(negative) == 6 else maps[..., 4:18]
        hint = "a ReLU is missing: all six convolutions have one"
        assert_allclose(maps, 0, atol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "inception_module-hidden", "points": 2}
# Hidden tests of exercise 4.4: the whole output, with random weights and other filters (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    def conv(x, units, size):
        kernel = w[size * size * x.shape[-1] * units].reshape(size, size, x.shape[-1], units)
        return ops.relu(ops.conv(x, kernel, padding="same") + w[units])

    for shape, filters in [((6, 9, 4), (3, 5, 7, 6, 9, 11)), ((5, 4, 13), (9, 4, 3, 2, 5, 8))]:
        a, b, c, d, e, f = filters
        model = inception_module(shape, filters)
        w = randomized(model, shape, seed=44)
        x = images_like(shape, seed=4)
        pooled = ops.max_pool(x, 3, strides=1, padding="same")
        branches = [
            conv(x, a, 1), conv(conv(x, b, 1), c, 3),
            conv(conv(x, d, 1), e, 5), conv(pooled, f, 1),
        ]  # fmt: skip
        assert_allclose(to_numpy(model(x)), ops.concatenate(branches, axis=-1), atol=1e-4)
        assert len(w) == len(model.get_weights()) == 12


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.5 Find the bug (3 points)
#
# Wrong wiring gives no error. This module shall be what the drawing says. `Conv2D(f, k)` has f filters of k×k and padding "same".
#
# ```
#        ┌─ Conv2D(6, 1), ReLU ─ Conv2D(8, 3), ReLU ─┐
# image ─┼─ Conv2D(6, 1), ReLU ─ Conv2D(8, 5), ReLU ─┴─ concatenate ─ Conv2D(12, 1) ─ add ─ ReLU
#        └─ Conv2D(12, 1) ────────────────────────────────────────────────────────────┘
# ```
#
# This is what somebody wrote. It runs, it trains, and it is another network.


# %% nbgrader={"grade_id": "broken_module", "locked": true}
def broken_module(input_shape):
    image = keras.Input(input_shape)
    reduce = layers.Conv2D(6, 1, activation="relu")
    x = reduce(image)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    near = x
    x = reduce(image)
    x = layers.Conv2D(8, 5, padding="same", activation="relu")(near)
    far = x
    x = layers.concatenate([near, far])
    x = layers.Conv2D(12, 1)(x)
    shortcut = layers.Conv2D(12, 1)(x)
    return keras.Model(image, layers.ReLU()(layers.add([x, shortcut])))


# %% [markdown]
# Count first: how many parameters has the drawing, for an image with 3 channels? The function above makes 2,432. Do not rely on that number alone: there are three mistakes. Then write the module of the drawing.


# %% nbgrader={"grade_id": "mended_module", "solution": true}
# Exercise 4.5 · mended_module (3 points)
def mended_module(input_shape):
    """The module of the drawing.

    input_shape : (H, W, channels).
    Returns a model: a float batch (n, H, W, channels) → (n, H, W, 12).
    """
    ### BEGIN SOLUTION
    image = keras.Input(input_shape)
    near = layers.Conv2D(6, 1, activation="relu")(image)
    near = layers.Conv2D(8, 3, padding="same", activation="relu")(near)
    far = layers.Conv2D(6, 1, activation="relu")(image)
    far = layers.Conv2D(8, 5, padding="same", activation="relu")(far)
    main = layers.Conv2D(12, 1)(layers.concatenate([near, far]))
    shortcut = layers.Conv2D(12, 1)(image)
    return keras.Model(image, layers.ReLU()(layers.add([main, shortcut])))
    ### END SOLUTION


# %% [markdown]
# *Try it.* The drawing has 1,948 parameters for 3 channels.

# %%
print(broken_module((8, 8, 3)).count_params())
called(mended_module((8, 8, 3)), (8, 8, 3)).count_params()

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "mended_module-check", "points": 1}
def _check():
    shape, path = (9, 9, 3), {18: 1, 432: 1, 1200: 1, 192: 1, 36: 0}
    model = called(mended_module(shape), shape)
    assert len(model.get_weights()) == 12, "6 kernels and 6 biases: is a layer used twice?"
    hint = f"{model.count_params():,} parameters, not 1,948: a layer reads from the wrong place"
    assert sizes(model) == sorted([18, 6, 432, 8, 18, 6, 1200, 8, 192, 12, 36, 12]), hint
    x = images_like(shape, seed=5)
    assert model(x).shape == (3, 9, 9, 12), "the size of the image, and 12 channels"
    upper = np.repeat([[1], [0]], 8, axis=0)
    first = "the first 8 of the concatenated maps"
    branches = {"the 3×3 branch": {1200: 0}, "the 5×5 branch": {432: 0}, first: {192: upper}}
    for (branch, values), pixels in zip(branches.items(), (9, 25, 9), strict=True):
        reached = seen(put(model, path | values), shape, 4, 4)[..., 0].sum()
        assert reached == pixels, f"{branch} should see {pixels} pixels, not {reached}"
    put(model, dict.fromkeys(path, 0) | {36: (kernel := np.eye(3, 12) - np.eye(3, 12, 5))})
    hint = "with the branches at 0, the output is ReLU(shortcut of the image)"
    assert_allclose(to_numpy(model(x)), np.maximum(x @ kernel, 0), atol=1e-4, err_msg=hint)
    ones = np.ones((1, *shape), "float32")
    for values, expected, hint in [
        ({18: -1}, 0, "a reduction ends in a ReLU"),
        ({432: -1}, 8 * 25 * 18, "the 3×3 layer ends in a ReLU"),
        ({1200: -1}, 8 * 9 * 18, "the 5×5 layer ends in a ReLU"),
        ({192: -1, 36: 600}, 0, "add first, then the ReLU"),
        ({36: -600}, 8 * 34 * 18 - 1800, "the shortcut has no ReLU of its own"),
    ]:
        answer = to_numpy(put(model, path | values)(ones))[0, 4, 4]
        assert_allclose(answer, expected, rtol=1e-4, atol=1e-3, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "mended_module-hidden", "points": 2}
# Hidden tests of exercise 4.5: the whole output, with random weights, on other images (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    for shape in [(6, 9, 4), (7, 5, 5)]:
        depth = shape[-1]
        model = mended_module(shape)
        randomized(model, shape, seed=45)
        kernels = [w for w in model.get_weights() if w.ndim > 1]
        rng = np.random.default_rng(5)
        values = {8: 0, 12: rng.normal(size=12), 6: rng.normal(size=6)}
        put(model, values)
        reduces = [k.reshape(1, 1, depth, 6) for k in kernels if k.size == 6 * depth]
        size = {k.size: k for k in kernels}
        assert (len(reduces), len(kernels)) == (2, 6)
        x, outputs = images_like(shape, seed=6), []
        for pair in itertools.permutations(reduces):
            joined = []
            for first, (count, side) in zip(pair, [(432, 3), (1200, 5)], strict=True):
                maps = ops.relu(ops.conv(x, first) + values[6].astype("float32"))
                kernel = size[count].reshape(side, side, 6, 8)
                joined.append(to_numpy(ops.relu(ops.conv(maps, kernel, padding="same"))))
            main = np.concatenate(joined, axis=-1) @ size[192].reshape(16, 12)
            total = main + x @ size[12 * depth].reshape(depth, 12) + 2 * values[12]
            outputs.append(np.maximum(total, 0))
        answer = to_numpy(model(x))
        assert any(np.allclose(answer, output, atol=1e-3) for output in outputs)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.6 A residual block (4 points)
#
# Two 3×3 convolutions, each followed by batch normalization, and a way around them:
#
# ```
#    ┌─ 3×3, strides ─ batch norm ─ ReLU ─ 3×3 ─ batch norm ─┐
# x ─┤                                                       add ─ ReLU
#    └───────────────────── shortcut ────────────────────────┘
# ```
#
# Where the shape stays as it is, the shortcut is x itself. Where the block changes it, by strides or by another number of channels, the shortcut is a 1×1 convolution with the same strides, followed by batch normalization. All convolutions have padding "same" and no bias: the batch normalization would take it off again, and adds one of its own. Do not change what Keras' `BatchNormalization` does by default.


# %% nbgrader={"grade_id": "residual_block", "solution": true}
# Exercise 4.6 · residual_block (4 points)
def residual_block(input_shape, filters, strides=1):
    """A residual block of two 3×3 convolutions.

    input_shape : (H, W, channels). filters : int. strides : int, of the first convolution.
    Returns a model: a float batch (n, H, W, channels) → (n, ⌈H/strides⌉, ⌈W/strides⌉, filters).
    It normalizes by the batch when called with training=True, else by its moving averages.
    """
    ### BEGIN SOLUTION
    x = shortcut = keras.Input(input_shape)
    main = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    main = layers.ReLU()(layers.BatchNormalization()(main))
    main = layers.Conv2D(filters, 3, padding="same", use_bias=False)(main)
    main = layers.BatchNormalization()(main)
    if strides != 1 or input_shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, layers.ReLU()(layers.add([main, shortcut])))
    ### END SOLUTION


# %% [markdown]
# *Try it.* Twice 16 channels, strides 1: two kernels of 3·3·16·16, and two batch norms of 4·16 numbers, 4,736 in all. From 16 to 32 with strides 2: 14,720.

# %%
for _filters, _strides in [(16, 1), (32, 2)]:
    _block = residual_block((8, 8, 16), _filters, _strides)
    print(f"{called(_block, (8, 8, 16)).count_params():,}")

# %% [markdown]
# *Check.* With kernels of 0, only the shortcut is left. With a first kernel that hands x on and a second that hands on the negative, the sum is x − ReLU(x), which the last ReLU makes 0 everywhere; the other way round it is x + ReLU(−x), which becomes ReLU(x). In training, kernels ten times as large must change nothing: batch normalization takes the factor off again.


# %% nbgrader={"grade_id": "residual_block-check", "points": 1}
def _check():
    for shape, filters, strides, kernels in [
        ((7, 9, 4), 4, 1, [144, 144]),
        ((7, 9, 4), 6, 1, [216, 324, 24]),
        ((7, 9, 4), 4, 2, [144, 144, 16]),
    ]:
        case = f"{shape[-1]} to {filters} channels, strides {strides}"
        block = called(residual_block(shape, filters, strides), shape)
        hint = f"{case}: kernels of {kernels} numbers, no bias; 4 numbers a channel for batch norm"
        assert sizes(block) == sorted(kernels + [filters] * 4 * len(kernels)), hint
        answer = tuple(block(images_like(shape)).shape)
        size = (3, -(-7 // strides), -(-9 // strides), filters)
        assert answer == size, f"{case}: the output should be {size}, not {answer}"
    x, shape = images_like((7, 9, 4), seed=7), (7, 9, 4)
    block = called(residual_block(shape, 4), shape)
    hint = "with kernels of 0, a block that keeps the shape is ReLU(x)"
    assert_allclose(to_numpy(put(block, {144: 0})(x)), np.maximum(x, 0), atol=0.02, err_msg=hint)
    on, results = np.zeros((3, 3, 4, 4)), []
    on[1, 1] = np.eye(4)
    for order in ((1, -1), (-1, 1)):
        signs = iter(order)
        block.set_weights([next(signs) * on if w.ndim == 4 else w for w in block.get_weights()])
        results.append(to_numpy(block(x)))
    hint = "look where the three ReLUs are: between the convolutions, and after the sum"
    small, large = sorted(results, key=np.sum)
    assert_allclose(small, 0, atol=0.02, err_msg=hint)
    assert_allclose(large, np.maximum(x, 0), atol=0.02, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "residual_block-check-2", "points": 1}
def _check():
    shape = (9, 9, 3)
    x = images_like(shape, seed=8, n=6)
    block = called(residual_block(shape, 4, 2), shape)
    answers = []
    for factor in (10, 100):
        rng = np.random.default_rng(8)
        kernels = [rng.normal(size=w.shape) for w in block.get_weights() if w.ndim == 4]
        put(block, {k.size: factor * k for k in kernels})
        answers.append(to_numpy(block(x, training=True)))
    hint = "in training, larger kernels change nothing: batch norm stands after each convolution"
    assert_allclose(*answers, atol=0.02, err_msg=hint)
    put(block := called(residual_block(shape, 4, 2), shape), {108: 0, 144: 0, 12: 0.03})
    side = 0.03 * x[:, ::2, ::2].sum(axis=-1)
    expected = np.maximum((side - side.mean()) / np.sqrt(side.var() + 1e-3), 0)
    answer = to_numpy(block(x, training=True))[..., 0]
    hint = "in training, the shortcut: a 1×1 convolution with strides, then Keras' batch norm"
    assert_allclose(answer, expected, atol=0.01, err_msg=hint)
    kept = sum(np.allclose(w, 0.99, atol=1e-3) for w in block.get_weights())
    assert kept == 3, "leave the batch norm's momentum as Keras has it: 0.99"
    put(block := called(residual_block(shape, 4, 2), shape), {108: 1, 144: 1, 12: 0})
    reached = seen(block, shape, 2, 2)[..., 0].sum()
    assert reached == 49, f"an output should see 49 pixels, not {reached}: which layer has strides?"
    put(block, {108: 0, 12: 1})
    reached = seen(block, shape, 2, 2)[..., 0].sum()
    assert reached == 1, f"the 1×1 shortcut should see one pixel of the input, not {reached}"


_check()


# %% nbgrader={"grade_id": "residual_block-hidden", "points": 2}
# Hidden tests of exercise 4.6: the whole output, in training and after it (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    def normalized(x):
        return ops.batch_normalization(x, *ops.moments(x, axes=(0, 1, 2)), axis=-1, epsilon=1e-3)

    cases = [((8, 6, 3), 5, 1), ((9, 6, 5), 5, 1), ((7, 10, 4), 6, 2), ((6, 9, 4), 4, 2)]
    for shape, f, strides in cases:
        block, rng = called(residual_block(shape, f, strides), shape), np.random.default_rng(46)
        new = [rng.normal(size=w.shape) if w.ndim == 4 else w for w in block.get_weights()]
        block.set_weights(new)
        kernels = [w.astype("float32") for w in new if w.ndim == 4]
        threes, ones = [[w for w in kernels if len(w) == side] for side in (3, 1)]
        numbers = len(threes), len(ones), len(new)
        assert numbers == (2, int(strides > 1 or shape[-1] != f), 5 * len(kernels))
        x = images_like(shape, seed=9, n=4)
        for training, norm in [(False, to_numpy), (True, normalized)]:
            answer, expected = to_numpy(block(x, training=training)), []
            for first, second in itertools.permutations(threes):
                if (first.shape[2], second.shape[2]) != (shape[-1], f):
                    continue
                main = ops.relu(norm(ops.conv(x, first, strides=strides, padding="same")))
                main = norm(ops.conv(main, second, padding="same"))
                side = norm(ops.conv(x, ones[0], strides=strides)) if ones else x
                expected.append(np.maximum(main + side, 0))
            assert any(np.allclose(answer, e, rtol=0.01, atol=0.05) for e in expected)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.7 Count a ResNet without building it (3 points)
#
# The whole family comes from one table:
#
# - The **stem**: a 7×7 convolution from 3 to 64 channels. Then a maximum, without parameters.
# - The **stages**: stage 0, 1, 2, … has width 64, 128, 256, … and as many blocks as the table says: 2, 2, 2, 2 in ResNet-18; 3, 4, 6, 3 in ResNet-34 and 50; 3, 4, 23, 3 in ResNet-101.
# - A **basic block** is two 3×3 convolutions with as many filters as the stage is wide.
# - A **bottleneck** is 1×1, 3×3, 1×1: the first two as wide as the stage, the last four times as wide.
# - The first block of each stage has a **projection** (1×1) in its shortcut wherever its output has another number of channels than its input.
# - At the **end**, an average over each map, and a dense layer with a bias.
#
# No convolution has a bias. Each is followed by a batch normalization, of which we count the two *trained* numbers a channel, γ and β. (Keras' own `ResNet50` has 79,680 more in all: its convolutions have a bias each, and it counts the moving averages, too.)


# %% nbgrader={"grade_id": "resnet_parameters", "solution": true}
# Exercise 4.7 · resnet_parameters (3 points)
def resnet_parameters(blocks, bottleneck=False, classes=1000):
    """Number of trained parameters of a ResNet for images with 3 channels.

    blocks : the numbers of blocks of the stages, such as (2, 2, 2, 2); any number of stages.
    bottleneck : bool, which kind of block. classes : int.
    Returns an int.
    """
    ### BEGIN SOLUTION

    def conv(kernel_size, channels, filters):
        return (kernel_size**2 * channels + 2) * filters

    total, channels = conv(7, 3, 64), 64
    for stage, number in enumerate(blocks):
        width = 64 * 2**stage
        output = 4 * width if bottleneck else width
        for _ in range(number):
            if bottleneck:
                total += conv(1, channels, width) + conv(3, width, width) + conv(1, width, output)
            else:
                total += conv(3, channels, width) + conv(3, width, output)
            if channels != output:
                total += conv(1, channels, output)
            channels = output
    return total + (channels + 1) * classes
    ### END SOLUTION


# %% [markdown]
# *Try it.* ResNet-18 should have 11,689,512 parameters, ResNet-50 25,557,032.

# %%
print(f"{resnet_parameters((2, 2, 2, 2)):,}")
print(f"{resnet_parameters((3, 4, 6, 3), bottleneck=True):,}")

# %% [markdown]
# *Check.* It begins with networks so small that you can count them on paper.


# %% nbgrader={"grade_id": "resnet_parameters-check", "points": 1}
def _check():
    stem, end = 64 * 147 + 128, 65 * 10
    basic = 2 * (9 * 64 * 64 + 128)
    answer = resnet_parameters((1,), classes=10)
    assert answer == stem + basic + end, (
        "one basic block of 64 on the 64 channels of the stem: two kernels, no projection"
    )
    second = 9 * 64 * 128 + 9 * 128 * 128 + 64 * 128 + 3 * 256
    answer = resnet_parameters((1, 1), classes=0)
    assert answer == stem + basic + second, "from 64 to 128 channels: three kernels, γ and β each"
    answer = resnet_parameters((1,), bottleneck=True, classes=0)
    one = 64 * 64 + 9 * 64 * 64 + 64 * 256 + 64 * 256 + 2 * (64 + 64 + 256 + 256)
    assert answer == stem + one, "64 → 64 → 64 → 256, and a projection from 64 to 256"
    two = 256 * 64 + 9 * 64 * 64 + 64 * 256 + 2 * (64 + 64 + 256)
    answer = resnet_parameters((2,), bottleneck=True, classes=0)
    assert answer == stem + one + two, (
        "a second bottleneck reads 256 channels, and projects nothing"
    )
    assert resnet_parameters((2, 2, 2, 2)) == 11_689_512, "ResNet-18: 11,689,512"


_check()


# %% nbgrader={"grade_id": "resnet_parameters-hidden", "points": 2}
# Hidden tests of exercise 4.7: the other networks of the table, and some of no table (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert resnet_parameters((3, 4, 6, 3)) == 21_797_672
    assert resnet_parameters((3, 4, 6, 3), bottleneck=True) == 25_557_032
    assert resnet_parameters((3, 4, 23, 3), True) == 44_549_160
    assert resnet_parameters((3, 8, 36, 3), True) == 60_192_808
    assert resnet_parameters((3, 8, 36, 3), True, 7) == 60_192_808 - 993 * 2049
    kernels = [(7, 3, 64), (3, 64, 64), (3, 64, 64), (3, 64, 128), (3, 128, 128), (1, 64, 128),
               (3, 128, 128), (3, 128, 128), (3, 128, 256), (3, 256, 256), (1, 128, 256)]  # fmt: skip
    total = sum(k * k * c * f + 2 * f for k, c, f in kernels)
    assert resnet_parameters((1, 2, 1), classes=3) == total + 257 * 3
    assert isinstance(resnet_parameters([1, 1]), int | np.integer)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.8 What a unit sees, in any wiring (4 points)
#
# Lab 02 computed the side of a receptive field. But *where* is it? And what of a network with branches? Describe a network by a list. A layer, convolution or pooling, is a tuple `(kernel_size, strides, dilation_rate, padding)`, with `padding` zeros before the first pixel. Branches are a list of such lists: all read the same map, and their outputs are added or concatenated. An empty branch is a shortcut that hands its input on.
#
# ```
# [(7, 2, 1, 3), (3, 2, 1, 1)]                          the beginning of a ResNet
# [[[(3, 1, 1, 1), (3, 1, 1, 1)], []]]                  a residual block
# [[[(1, 1, 1, 0)], [(1, 1, 1, 0), (5, 1, 1, 2)]]]      two branches of an Inception module
# ```
#
# Unit 0 sees the pixels from `first` to `last`, both included, and unit i those from `first + i · jump` to `last + i · jump`. Padding makes `first` negative. Behind branches, a unit sees all that any of them sees. They must arrive with the same jump, or their maps would not fit together: raise a `ValueError` if they do not. Branches may hold branches, and layers may follow them.


# %% nbgrader={"grade_id": "receptive_field", "solution": true}
# Exercise 4.8 · receptive_field (4 points)
def receptive_field(network):
    """The pixels that a unit of the last map sees, along one side of the image.

    network : list of layers (kernel_size, strides, dilation_rate, padding) and of lists of
        branches, each of which is a list like network.
    Returns (first, last, jump), three ints; (0, 0, 1) for an empty list. The list is not changed.
    Raises ValueError if branches that meet have different jumps.
    """
    ### BEGIN SOLUTION
    first, last, jump = 0, 0, 1
    for layer in network:
        if isinstance(layer, list):
            starts, ends, steps = zip(*map(receptive_field, layer), strict=True)
            if len(set(steps)) > 1:
                raise ValueError(f"branches with the jumps {steps} meet")
            low, high, step = min(starts), max(ends), steps[0]
        else:
            kernel_size, step, dilation_rate, padding = layer
            low, high = -padding, dilation_rate * (kernel_size - 1) - padding
        first, last, jump = first + low * jump, last + high * jump, jump * step
    return first, last, jump
    ### END SOLUTION


# %% [markdown]
# *Try it.* The beginning of a ResNet should give (−5, 5, 4), the residual block (−2, 2, 1), and the block behind that beginning (−13, 13, 4).

# %%
_stem, _residual = [(7, 2, 1, 3), (3, 2, 1, 1)], [[[(3, 1, 1, 1), (3, 1, 1, 1)], []]]
for _network in (_stem, _residual, _stem + _residual):
    print(receptive_field(_network))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "receptive_field-check", "points": 1}
def _check():
    three, half = (3, 1, 1, 1), (3, 2, 1, 1)
    for network, expected, hint in [
        ([], (0, 0, 1), "no layer: unit i is pixel i"),
        ([(3, 1, 1, 0)], (0, 2, 1), "without padding, unit 0 sees pixels 0, 1, 2"),
        ([three], (-1, 1, 1), "padding 1 moves the field one pixel to the left"),
        ([(3, 1, 2, 2)], (-2, 2, 1), "a kernel of 3 with dilation 2 covers 5 pixels"),
        ([half, three], (-3, 3, 2), "after strides 2, one step is 2 pixels, in the padding too"),
        ([three, half], (-2, 2, 2), "the strides of a layer count for the layers after it"),
        ([[[], [three, three]]], (-2, 2, 1), "behind branches: all that any of them sees"),
        ([[[(3, 1, 1, 0)], [(3, 1, 1, 2)]]], (-2, 2, 1), "the first of one, the last of another"),
        ([half, [[three], []], three], (-5, 5, 2), "branches begin where the layer before ends"),
        ([[[half], [(1, 2, 1, 0)]], three], (-3, 3, 2), "branches can have strides, too"),
        ([[[[[three], []], three], [three]]], (-2, 2, 1), "branches may hold branches"),
    ]:
        kept, answer = repr(network), tuple(receptive_field(network))
        assert repr(network) == kept, "leave the list as it is"
        assert answer == expected, f"{network}: {answer}, not {expected}: {hint}"
    try:
        receptive_field([[[half, three], []]])
    except ValueError:
        pass
    else:
        raise AssertionError("a jump of 2 and a jump of 1 meet: raise ValueError")


_check()


# %% nbgrader={"grade_id": "receptive_field-hidden", "points": 2}
# Hidden tests of exercise 4.8: other networks, against pixels that are traced one by one (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    def traced(network, units):
        for layer in reversed(network):
            if isinstance(layer, list):
                units = set().union(*(traced(branch, units) for branch in layer))
            else:
                k, s, d, p = layer
                units = {unit * s + i * d - p for unit in units for i in range(k)}
        return units

    a, b, c, w, two = (3, 1, 1, 1), (5, 2, 1, 0), (2, 2, 1, 0), (3, 1, 3, 2), (1, 2, 1, 0)
    networks = [[a, b, w, c], [c, c, a], [(7, 2, 1, 3), b, [[a, a], []], [[b, a], [two]]]]
    networks += [[b, [[w], [a, (4, 1, 1, 0)], []], c, a], [[[[[a], [w]], c], [(1, 2, 1, 3)]], w]]
    networks += [[[[c, c], [(4, 4, 1, 1)]], [[a], []]], [two, [[b, c], [c, b]], a]]
    for network in networks:
        first, last, jump = receptive_field(network)
        for unit in (0, 1, 5):
            pixels, shift = traced(network, {unit}), unit * jump
            assert (min(pixels), max(pixels)) == (first + shift, last + shift), network


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "receptive_field-hidden-2", "points": 1}
# Hidden tests of exercise 4.8: branches that cannot meet; the list stays as it is (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    a, b, c = (3, 1, 1, 1), (5, 2, 1, 0), (2, 2, 1, 0)
    for network in ([a, [[c], [(3, 3, 1, 1)]]], [[[[[a], [b]]], [a]]], [[[a], [c], []]]):
        try:
            receptive_field(network)
        except ValueError:
            continue
        raise AssertionError(f"{network}: branches with different jumps must raise ValueError")
    network = [a, [[b, [[a], []]], [c, a]], b]
    kept = repr(network)
    receptive_field(network)
    assert repr(network) == kept


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.9 What does it cost? (3 points)
#
# Parameters say how much memory a network needs on a disk. *Multiply-adds* say how much work an image is. A dense network does one for each weight. A convolution uses each of its weights once for each place of its output. That is why a network's cost and its size can be far apart.
#
# Count the multiply-adds of one image, in a model of any wiring. Layers with a cost are `Conv2D` (with strides, groups, any padding), `DepthwiseConv2D` and `Dense`; all others, and the biases, count as nothing. A `Dense` layer on maps works at each place. A model may stand in a model as one of its layers. No layer is used twice.


# %% nbgrader={"grade_id": "multiply_adds", "solution": true}
# Exercise 4.9 · multiply_adds (3 points)
def multiply_adds(model):
    """Multiply-adds that a model does for one image.

    model : a keras.Sequential that begins with an Input, or a functional keras.Model.
    Returns an int, which may well be above 2³¹. The model is not changed.
    """
    ### BEGIN SOLUTION
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense):
            places = np.prod(layer.output.shape[1:-1], dtype=int)
            total += int(places * np.prod(layer.kernel.shape, dtype=int))
    return total
    ### END SOLUTION


# %% [markdown]
# *Try it.* This LeNet-5 does 416,520 with 61,706 parameters. Which of its layers does most of the work, and which has most of the parameters?

# %%
_lenet = keras.Sequential(
    [
        keras.Input((32, 32, 1)),
        *[layers.Conv2D(6, 5), layers.AveragePooling2D(2), layers.Conv2D(16, 5)],
        *[layers.AveragePooling2D(2), layers.Flatten()],
        *[layers.Dense(120), layers.Dense(84), layers.Dense(10)],
    ]
)
print(f"{multiply_adds(_lenet):,} multiply-adds, {_lenet.count_params():,} parameters")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "multiply_adds-check", "points": 1}
def _check():
    def stack(*parts):
        return keras.Sequential([keras.Input((8, 6, 4)), *parts])

    for model, expected, hint in [
        (stack(layers.Conv2D(6, 3)), 24 * 6 * 36, "6×4 places, 6 filters, 3·3·4 weights each"),
        (stack(layers.Conv2D(6, 3, strides=2, padding="same")), 12 * 6 * 36, "count the places"),
        (stack(layers.Conv2D(6, 1, groups=2)), 48 * 6 * 2, "in 2 groups a filter sees 2 channels"),
        (stack(layers.DepthwiseConv2D(3)), 24 * 4 * 9, "each channel has its own 3×3 kernel"),
        (stack(layers.DepthwiseConv2D(3, depth_multiplier=2)), 24 * 8 * 9, "two kernels a channel"),
        (stack(layers.Flatten(), layers.Dense(5)), 192 * 5, "a dense layer: one for each weight"),
        (stack(layers.Dense(5)), 48 * 4 * 5, "a dense layer on maps works at each place"),
        (stack(layers.BatchNormalization(), layers.MaxPooling2D()), 0, "these count as nothing"),
        (stack(keras.Sequential([keras.Input((8, 6, 4)), layers.Dense(1)])), 192, "look inside"),
    ]:
        answer = multiply_adds(model)
        assert answer == expected, f"{answer}, not {expected}: {hint}"
    assert isinstance(answer, int | np.integer), f"return an int, not a {type(answer).__name__}"


_check()


# %% nbgrader={"grade_id": "multiply_adds-hidden", "points": 2}
# Hidden tests of exercise 4.9: networks with branches, not square, models in models (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    image = keras.Input((12, 20, 6))
    a = layers.Conv2D(8, (3, 5), strides=(2, 1), padding="same", use_bias=False)(image)
    b = layers.Conv2D(8, 1, strides=(2, 1))(image)
    c = layers.BatchNormalization()(layers.add([a, b]))
    d = layers.DepthwiseConv2D(5, strides=2, depth_multiplier=3, padding="same")(c)
    e = layers.Conv2D(12, 3, groups=4, dilation_rate=2, padding="same")(d)
    f = layers.GlobalAveragePooling2D()(layers.concatenate([d, e]))
    model = keras.Model(image, layers.Dense(7, activation="softmax")(f))
    costs = 6 * 20 * 8 * 15 * 6, 6 * 20 * 8 * 6, 3 * 10 * 24 * 25, 3 * 10 * 12 * 9 * 6, 36 * 7
    kept = model.get_weights()
    assert multiply_adds(model) == sum(costs)
    assert all((x == y).all() for x, y in zip(kept, model.get_weights(), strict=True))
    inner = keras.Sequential([keras.Input((10, 6, 2)), layers.Conv2D(4, 3), layers.ReLU()])
    inner.add(layers.Conv2D(5, 2, strides=2))
    middle = keras.Input((10, 6, 2))
    side = layers.Conv2D(1, 3, strides=2)(middle)
    both = keras.Model(middle, layers.concatenate([inner(middle), side]))
    outer = keras.Sequential([keras.Input((10, 6, 2)), both, layers.Dense(3), layers.Flatten()])
    outer.add(layers.Dense(2))
    assert multiply_adds(outer) == 32 * 4 * 18 + 8 * (5 * 16 + 18 + 6 * 3) + 8 * 3 * 2
    large = keras.Sequential([keras.Input((640, 640, 64)), layers.Conv2D(96, 3, padding="same")])
    assert multiply_adds(large) == 640 * 640 * 96 * 9 * 64


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 4.10 Where does it look? (2 points)
#
# Inception and ResNet end in an average over each map, then one dense layer. A class's logit is thus
#
# $$z_k = b_k + \sum_c w_{ck} \frac1n \sum_p a_{pc} = b_k + \frac1n \sum_p \sum_c w_{ck}\, a_{pc}.$$
#
# The right side says how much each place p adds to class k. Laid out as an image, this is the *class activation map*: evidence for the class where it is positive, against it where it is negative. Compute it, without the bias.


# %% nbgrader={"grade_id": "class_activation_map", "solution": true}
# Exercise 4.10 · class_activation_map (2 points)
def class_activation_map(model, image, label):
    """How much each place of the last maps adds to the logit of a class.

    model : functional or Sequential, built; its last two layers are GlobalAveragePooling2D and
        a Dense layer with a softmax and one unit for each class.
    image : float array (H, W, channels). label : int, the class.
    Returns an array (rows, columns), as large as the maps that are averaged; its mean plus the
    bias of the class is the logit. The image and the model are not changed.
    """
    ### BEGIN SOLUTION
    average, dense = model.layers[-2:]
    maps = to_numpy(keras.Model(model.inputs[0], average.input)(image[None]))[0]
    return maps @ to_numpy(dense.kernel)[:, label]
    ### END SOLUTION


# %% [markdown]
# *Try it.* For a network of the shape that you describe, maps of 5×7 should give an array of (5, 7).

# %%
_tiny = keras.Sequential(
    [
        keras.Input((7, 9, 2)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]
)
class_activation_map(_tiny, images_like((7, 9, 2))[0], 1).shape

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "class_activation_map-check", "points": 1}
def _check():
    image, entry = np.arange(12.0).reshape(3, 4, 1) - 5, keras.Input((3, 4, 1))
    maps = [layers.Conv2D(1, 1, activation="relu")(entry) for _ in range(2)]
    average = layers.GlobalAveragePooling2D()(layers.concatenate(maps))
    model = keras.Model(entry, layers.Dense(3, activation="softmax")(average))
    kernel = np.array([[1.0, -2, 0], [3, 1, 0]])
    one, zero, bias = np.ones((1, 1, 1, 1)), np.zeros(1), np.array([7.0, 8, 9])
    model.set_weights([one, zero, -one, zero, kernel, bias])
    for label in (0, 1):
        kept = image.copy()
        answer = np.asarray(class_activation_map(model, image, label))
        assert (image == kept).all(), "leave the image as it is"
        assert answer.shape == (3, 4), f"the maps are 3×4, so is the answer; not {answer.shape}"
        plus, minus = np.maximum(image[..., 0], 0), np.maximum(-image[..., 0], 0)
        expected = kernel[0, label] * plus + kernel[1, label] * minus
        hint = f"class {label}: each map times the weight from it to that class, without a bias"
        assert_allclose(answer, expected, atol=1e-4, err_msg=hint)


_check()


# %% nbgrader={"grade_id": "class_activation_map-hidden", "points": 1}
# Hidden tests of exercise 4.10: a functional network with branches; the mean gives the logit (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    shape = (9, 12, 3)
    image = keras.Input(shape)
    a = layers.Conv2D(4, 3, strides=2, activation="tanh")(image)
    b = layers.Conv2D(4, 3, strides=2, activation="tanh")(image)
    maps = layers.concatenate([a, layers.multiply([a, b])])
    average = layers.GlobalAveragePooling2D()(maps)
    model = keras.Model(image, layers.Dense(5, activation="softmax")(average))
    randomized(model, shape, seed=410)
    before, bias = model.get_weights(), model.get_weights()[-1]
    for x in images_like(shape, seed=10):
        kept, p = x.copy(), to_numpy(model(x[None]))[0]
        fields = [np.asarray(class_activation_map(model, x, label)) for label in range(5)]
        assert {field.shape for field in fields} == {(4, 5)}
        logits = np.array([field.mean() for field in fields]) + bias
        assert_allclose(logits - logits[0], np.log(p / p[0]), atol=1e-3)
        features = to_numpy(keras.Model(image, maps)(x[None]))[0]
        assert_allclose(fields[2], features @ before[-2][:, 2], atol=1e-4)
        assert (x == kept).all()
    assert all((x == y).all() for x, y in zip(before, model.get_weights(), strict=True))


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** A small network learns digits, and *your* function says where it looks. It takes some seconds.

# %%
keras.utils.set_random_seed(0)
digits = data.load("mnist", train=4000, test=500)
reader = keras.Sequential([keras.Input((28, 28, 1))])
for filters, strides in [(16, 2), (32, 1), (32, 1)]:
    reader.add(layers.Conv2D(filters, 3, strides=strides, padding="same", activation="relu"))
reader.add(layers.GlobalAveragePooling2D())
reader.add(layers.Dense(10, activation="softmax"))
reader.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
reader.fit(digits.x_train, digits.y_train, epochs=4, verbose=progress())
correct = to_numpy(reader(digits.x_test)).argmax(axis=1) == digits.y_test
print(f"accuracy ≈ {correct.mean():.1%}")

# %% [markdown]
# Bright places speak for the class, dark ones against it. Take a 9 and ask what makes it no 4, or a 3 and ask what makes it no 8.

# %% mystnb={"image": {"alt": "A handwritten digit beside two class activation maps of 14×14 places: one for its own class and one for another class, each bright where the place speaks for that class."}}


def look(index=4, other=4):
    """A digit, and where the network sees its class and another."""
    image, label = digits.x_test[index], int(digits.y_test[index])
    fields = [class_activation_map(reader, image, k) for k in (label, other)]
    limit = max(abs(field).max() for field in fields)
    titles = ["image", f"for a {label}", f"for a {other}"]
    stretched = 2 * limit * image[..., 0] - limit
    figures.images([stretched, *fields], titles, limits=(-limit, limit))


interact(look, index=(0, 99), other=(0, 9))

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 04_architectures.ipynb` shows the points that you have.
