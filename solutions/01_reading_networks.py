# %% [markdown]
# # Lab 01 · Reading a network
#
# You write the tools that read a network before it is trained: its shapes, its parameters, its cost, its mistakes. Then you build one to a budget. Ten exercises, 31 points, about two hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 1.2 · layer_shape (3 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# Use NumPy or Keras as you wish. The [chapter](../book/01_reading_networks.ipynb) has all you need. How a convolution computes is the next chapter's matter; here you only count.

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

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# **The rules for counting.** A map has rows, columns and channels.
#
# - `Conv2D` lays a window of `kernel_size` on the map, moves it by `strides`, and computes `filters` numbers at each place. Each filter has one weight for each number in its window, over *all* channels, and one bias.
# - Along one axis, a window of $k$ with stride $s$ has $\lfloor (n-k)/s \rfloor + 1$ places on $n$ pixels. That is `padding="valid"`. With `"same"`, zeros are added around until there are $\lceil n/s \rceil$ places.
# - Pooling moves a window by the same rules, within each channel, and has no weights. It moves by its own size unless it is told otherwise.
# - `Dense` has one weight from each input number to each unit, and one bias for each unit.
# - `BatchNormalization` keeps four numbers for each channel. Two are learned; the other two, a mean and a variance, are only measured.
#
# ## 1.1 Predict (2 points)
#
# No code yet, only a pencil. An image of 31 rows, 20 columns and 3 channels goes through
#
# ```
# Conv2D(filters=8, kernel_size=(3, 5))
# BatchNormalization()
# MaxPooling2D(pool_size=2)
# Flatten()
# Dense(units=10)
# ```
#
# Give the shapes after the convolution and after the pooling, as `(rows, columns, channels)`. Give the parameters of the convolution, of the dense layer, and of the whole network.

# %% nbgrader={"grade_id": "predict", "solution": true}
# Exercise 1.1 · predict (2 points)
# Set conv_shape, conv_parameters, pool_shape, dense_parameters and total_parameters.
### BEGIN SOLUTION
conv_shape = (31 - 3 + 1, 20 - 5 + 1, 8)
conv_parameters = 8 * (3 * 5 * 3 + 1)
pool_shape = (29 // 2, 16 // 2, 8)
dense_parameters = 10 * (14 * 8 * 8 + 1)
total_parameters = conv_parameters + 4 * 8 + dense_parameters
### END SOLUTION

# %% [markdown]
# *Check.* Keras builds the network and compares.


# %% nbgrader={"grade_id": "predict-check", "points": 2}
def _check():
    convolution, pooling = keras.layers.Conv2D(8, (3, 5)), keras.layers.MaxPooling2D(2)
    dense, normalization = keras.layers.Dense(10), keras.layers.BatchNormalization()
    net = keras.Sequential([convolution, normalization, pooling, keras.layers.Flatten(), dense])
    net.build((None, 31, 20, 3))
    assert tuple(conv_shape) == convolution.output.shape[1:], (
        "conv_shape: a window of 3 rows and 5 columns; one channel out for each filter"
    )
    assert conv_parameters == convolution.count_params(), (
        "conv_parameters: how many numbers lie in the window, over all channels? And one bias more"
    )
    assert tuple(pool_shape) == pooling.output.shape[1:], (
        "pool_shape: how many whole windows of 2 fit into an odd number of rows?"
    )
    assert dense_parameters == dense.count_params(), (
        "dense_parameters: Flatten makes one long row of pool_shape; each unit has a bias"
    )
    assert total_parameters == net.count_params(), (
        "total_parameters: batch normalization keeps four numbers a channel, and all are counted"
    )


_check()

# %% [markdown]
# ## 1.2 The shape after a layer (3 points)
#
# From here on a layer is a small dictionary: its `kind`, which is the name of a Keras class, and the arguments of that class. What may be left out has Keras' own default.
#
# | `kind` | arguments | output shape |
# | --- | --- | --- |
# | `"Conv2D"` | `filters`, `kernel_size`, `strides` (1, 1), `padding` "valid", `use_bias` True | by the rules above |
# | `"MaxPooling2D"`, `"AveragePooling2D"` | `pool_size`, `strides` (as `pool_size`), `padding` "valid" | by the rules above |
# | `"GlobalAveragePooling2D"` | | one number for each channel |
# | `"Flatten"` | | all the numbers in one row |
# | `"Dense"` | `units`, `use_bias` True | works on the **last axis**, and leaves the others as they are |
# | `"BatchNormalization"`, `"ReLU"`, `"Softmax"`, `"Dropout"` | `rate` (dropout only) | as it was |
#
# All sizes and strides are pairs `(vertical, horizontal)`. `keras_layer` makes a real layer of such a dictionary; the checks use it.


# %% nbgrader={"grade_id": "keras_layer", "locked": true}
def keras_layer(layer, input_shape):
    """The Keras layer that a dictionary describes, built for an input shape without the batch."""
    arguments = {name: value for name, value in layer.items() if name != "kind"}
    built = getattr(keras.layers, layer["kind"])(**arguments)
    built.build((None, *input_shape))
    return built


# %% nbgrader={"grade_id": "layer_shape", "solution": true}
# Exercise 1.2 · layer_shape (3 points)
def layer_shape(layer, input_shape):
    """Shape of a layer's output for one image, so without the batch axis.

    layer : dict, as in the table. input_shape : tuple of ints, such as (32, 32, 3) or (100,).
    Returns a tuple of ints. Raises ValueError for a kind that is not in the table.
    """
    ### BEGIN SOLUTION
    kind = layer["kind"]
    if kind in ("BatchNormalization", "ReLU", "Softmax", "Dropout"):
        return tuple(input_shape)
    if kind == "Flatten":
        return (int(np.prod(input_shape)),)
    if kind == "GlobalAveragePooling2D":
        return (input_shape[-1],)
    if kind == "Dense":
        return (*input_shape[:-1], layer["units"])
    if kind not in ("Conv2D", "MaxPooling2D", "AveragePooling2D"):
        raise ValueError(f"no rule for a layer of the kind {kind}")
    window = layer["kernel_size"] if kind == "Conv2D" else layer["pool_size"]
    strides = layer.get("strides", (1, 1) if kind == "Conv2D" else window)
    if layer.get("padding", "valid") == "valid":
        sides = [(n - k) // s + 1 for n, k, s in zip(input_shape[:2], window, strides, strict=True)]
    else:
        sides = [-(-n // s) for n, s in zip(input_shape[:2], strides, strict=True)]
    return (*sides, layer.get("filters", input_shape[-1]))
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print `(14, 10, 16)`, then `(7, 5, 16)`, then `(7, 5, 10)`. The last one surprises many: a `Dense` layer on a map is no error. It makes one vector a *place*, and a forgotten `Flatten` shows up only much later.

# %%
first = layer_shape(
    {"kind": "Conv2D", "filters": 16, "kernel_size": (5, 3), "strides": (2, 1)}, (31, 12, 3)
)
second = layer_shape({"kind": "MaxPooling2D", "pool_size": (2, 2)}, first)
print(first, second, layer_shape({"kind": "Dense", "units": 10}, second), sep="\n")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "layer_shape-check", "points": 1}
def _check():
    conv = {"kind": "Conv2D", "filters": 4, "kernel_size": (3, 5)}
    pool = {"kind": "AveragePooling2D", "pool_size": (3, 2)}
    for layer, shape, hint in [
        (conv, (8, 9, 2), "(rows, columns, filters); count the places along each axis"),
        (conv | {"strides": (2, 3)}, (8, 9, 2), "strides: first the vertical one; round down"),
        (conv | {"padding": "same", "strides": (2, 1)}, (9, 8, 2), "same: divide and round up"),
        (pool, (10, 7, 5), "pooling keeps the channels, and moves by pool_size"),
        (pool | {"strides": (1, 1)}, (10, 7, 5), "pooling may have strides of its own"),
        (pool | {"padding": "same"}, (10, 7, 5), "pooling may have padding, too: round up"),
        ({"kind": "Flatten"}, (3, 4, 5), "a shape with one number is a tuple such as (60,)"),
        ({"kind": "GlobalAveragePooling2D"}, (3, 4, 5), "one number for each channel"),
        ({"kind": "Dense", "units": 7}, (9,), "Dense replaces the last axis by units"),
        ({"kind": "Dense", "units": 7}, (3, 4, 5), "Dense leaves the axes before the last"),
        ({"kind": "Dropout", "rate": 0.5}, (3, 4, 5), "dropout leaves the shape as it was"),
    ]:
        expected = keras_layer(layer, shape).compute_output_shape((None, *shape))[1:]
        answer = layer_shape(dict(layer), shape)
        assert isinstance(answer, tuple), f"return a tuple, not {answer!r}"
        assert answer == expected, f"{layer} on {shape} gave {answer}: {hint}"
    try:
        layer_shape({"kind": "UpSampling2D"}, (3, 4, 5))
    except ValueError:
        return
    raise AssertionError("a kind that is not in the table must raise a ValueError")


_check()


# %% nbgrader={"grade_id": "layer_shape-hidden", "points": 2}
# Hidden tests of exercise 1.2: other shapes, strides and paddings, against Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    window = {"kernel_size": (4, 3)}
    conv = {"kind": "Conv2D", "filters": 6} | window
    pool = {"kind": "MaxPooling2D", "pool_size": (3, 2)}
    options = [{}, {"strides": (3, 2)}, {"padding": "same"}, {"padding": "valid"}]
    options += [{"padding": "same", "strides": (2, 3)}, {"padding": "same", "strides": (1, 2)}]
    cases = [(layer | more, (13, 17, 3)) for layer in (conv, pool) for more in options]
    cases += [({"kind": "Flatten"}, (5, 2, 7)), ({"kind": "Flatten"}, (6,))]
    cases += [({"kind": "GlobalAveragePooling2D"}, (6, 2, 9)), ({"kind": "Softmax"}, (12,))]
    cases += [({"kind": "Dense", "units": 3}, shape) for shape in [(4,), (5, 6, 8)]]
    cases += [({"kind": kind}, (4, 5, 6)) for kind in ("BatchNormalization", "ReLU", "Softmax")]
    for layer, shape in cases:
        kept = dict(layer)
        expected = keras_layer(layer, shape).compute_output_shape((None, *shape))[1:]
        answer = layer_shape(layer, shape)
        assert answer == expected, f"{layer} on {shape}"
        assert layer == kept, "the dictionary must stay as it is"
    for kind in ("Conv2DTranspose", "Permute", "Embedding"):
        try:
            layer_shape({"kind": kind}, (4, 5, 6))
        except ValueError:
            continue
        raise AssertionError("a kind that is not in the table must raise a ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 1.3 The parameters of a layer (3 points)
#
# Keras reports two counts: what training changes by gradients, and what it does not. Write both, for every kind of the table. Look for `use_bias`. And mind what a parameter count does **not** depend on.


# %% nbgrader={"grade_id": "count_parameters", "solution": true}
# Exercise 1.3 · count_parameters (3 points)
def count_parameters(layer, input_shape):
    """Number of parameters of a layer.

    layer : dict, as in exercise 1.2. input_shape : tuple of ints, without the batch axis.
    Returns (trainable, non_trainable), two ints.
    """
    ### BEGIN SOLUTION
    channels = input_shape[-1]
    if layer["kind"] == "BatchNormalization":
        return 2 * channels, 2 * channels
    if layer["kind"] == "Conv2D":
        outputs, inputs = layer["filters"], int(np.prod(layer["kernel_size"])) * channels
    elif layer["kind"] == "Dense":
        outputs, inputs = layer["units"], channels
    else:
        return 0, 0
    return outputs * (inputs + layer.get("use_bias", True)), 0
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print `(160, 0)`, then `(330, 0)`, then `(64, 64)`.

# %%
print(count_parameters({"kind": "Conv2D", "filters": 16, "kernel_size": (3, 3)}, (28, 28, 1)))
print(count_parameters({"kind": "Dense", "units": 10}, (32,)))
print(count_parameters({"kind": "BatchNormalization"}, (7, 7, 32)))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "count_parameters-check", "points": 1}
def _check():
    conv = {"kind": "Conv2D", "filters": 4, "kernel_size": (3, 5)}
    for layer, shape, hint in [
        (conv, (8, 9, 1), "a filter has one weight for each number in its window, and a bias"),
        (conv, (8, 9, 6), "a filter reaches through all channels of its input"),
        (conv | {"strides": (2, 2)}, (20, 30, 6), "the same filters serve at all places"),
        (conv | {"use_bias": False}, (8, 9, 6), "use_bias=False: no biases"),
        ({"kind": "Dense", "units": 7}, (5,), "one weight for each input and unit, and a bias"),
        ({"kind": "Dense", "units": 7, "use_bias": False}, (5,), "use_bias=False: no biases"),
        ({"kind": "Dense", "units": 7}, (3, 4, 5), "Dense works on the last axis only"),
        (
            {"kind": "BatchNormalization"},
            (3, 4, 5),
            "two of the four numbers a channel are learned",
        ),
        ({"kind": "MaxPooling2D", "pool_size": (2, 2)}, (4, 4, 5), "pooling has nothing to learn"),
    ]:
        built = keras_layer(layer, shape)
        parts = built.trainable_weights, built.non_trainable_weights
        expected = tuple(sum(int(np.prod(w.shape)) for w in part) for part in parts)
        answer = tuple(count_parameters(dict(layer), shape))
        assert answer == expected, f"{layer} on {shape} gave {answer}: {hint}"


_check()


# %% nbgrader={"grade_id": "count_parameters-hidden", "points": 2}
# Hidden tests of exercise 1.3: other layers, against those that Keras builds (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    conv = {"kind": "Conv2D", "filters": 9, "kernel_size": (2, 7), "padding": "same"}
    dense = {"kind": "Dense", "units": 11}
    cases = [(conv, (10, 9, 3)), (conv | {"use_bias": False, "strides": (3, 1)}, (14, 7, 5))]
    cases += [(conv | {"kernel_size": (1, 1), "use_bias": True}, (6, 6, 8))]
    cases += [(dense, (13,)), (dense | {"use_bias": False}, (6, 2, 4)), (dense, (6, 2, 4))]
    cases += [({"kind": "BatchNormalization"}, shape) for shape in [(12,), (6, 5, 3)]]
    cases += [({"kind": kind}, (4, 5, 6)) for kind in ("Flatten", "ReLU", "Softmax")]
    cases += [({"kind": "GlobalAveragePooling2D"}, (4, 5, 6))]
    cases += [({"kind": "AveragePooling2D", "pool_size": (2, 3)}, (6, 6, 2))]
    cases += [({"kind": "Dropout", "rate": 0.2}, (6, 6, 2))]
    for layer, shape in cases:
        built = keras_layer(layer, shape)
        total = sum(int(np.prod(w.shape)) for w in built.weights if w.dtype == "float32")
        trainable = sum(int(np.prod(w.shape)) for w in built.trainable_weights)
        kept = dict(layer)
        answer = tuple(count_parameters(layer, shape))
        assert answer == (trainable, total - trainable), f"{layer} on {shape}"
        assert layer == kept, "the dictionary must stay as it is"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 1.4 The work of a layer (3 points)
#
# Parameters tell what a network weighs, not how long it takes. For that, count *multiply-adds*: one weight times one number, added to a sum. One image, and only the products with weights of `Conv2D` and `Dense`; for every other kind, for biases and for activations the count is 0. Products with the zeros of padding count, too: the machine computes them.


# %% nbgrader={"grade_id": "multiply_adds", "solution": true}
# Exercise 1.4 · multiply_adds (3 points)
def multiply_adds(layer, input_shape):
    """Multiply-adds of a layer for one image.

    layer : dict, as in exercise 1.2. input_shape : tuple of ints, without the batch axis.
    Returns an int.
    """
    ### BEGIN SOLUTION
    if layer["kind"] not in ("Conv2D", "Dense"):
        return 0
    window = int(np.prod(layer.get("kernel_size", 1)))
    return int(np.prod(layer_shape(layer, input_shape))) * window * input_shape[-1]
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print 97,344, then 8,000. The convolution has 144 weights, the dense layer 8,000. Which of the two is the large one?

# %%
convolution = {"kind": "Conv2D", "filters": 16, "kernel_size": (3, 3)}
print(f"{multiply_adds(convolution, (28, 28, 1)):,}")
print(f"{multiply_adds({'kind': 'Dense', 'units': 10}, (800,)):,}")

# %% [markdown]
# *Check.* Keras fills the image and the weights with ones: then each product adds 1 to the sum of the outputs.


# %% nbgrader={"grade_id": "multiply_adds-check", "points": 1}
def _check():
    conv = {"kind": "Conv2D", "filters": 4, "kernel_size": (3, 5)}
    for layer, shape, hint in [
        (conv, (8, 9, 1), "each output number costs one product for each weight of its filter"),
        (conv, (8, 9, 3), "a filter reaches through all channels"),
        (conv | {"strides": (2, 1)}, (8, 9, 3), "with strides there are fewer places"),
        ({"kind": "Dense", "units": 7}, (5,), "each weight is used once; a bias is no product"),
        ({"kind": "Dense", "units": 7}, (3, 4, 5), "on a map, Dense works at each place"),
    ]:
        ones = {"kernel_initializer": "ones"}
        expected = int(to_numpy(keras_layer(layer | ones, shape)(np.ones((1, *shape)))).sum())
        answer = multiply_adds(dict(layer), shape)
        assert answer == expected, f"{layer} on {shape} gave {answer:,}: {hint}"
    answer = multiply_adds({"kind": "BatchNormalization"}, (8, 9, 3))
    assert answer == 0, "count Conv2D and Dense only"
    padded = multiply_adds(conv | {"padding": "same"}, (6, 5, 3))
    inside = multiply_adds(conv, (8, 9, 3))
    assert padded == inside, "same on 6×5 has as many places as valid on 8×9: zeros count, too"


_check()


# %% nbgrader={"grade_id": "multiply_adds-hidden", "points": 2}
# Hidden tests of exercise 1.4: every weight of a kernel is used once at each place (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    conv = {"kind": "Conv2D", "filters": 5, "kernel_size": (2, 3)}
    dense = {"kind": "Dense", "units": 6}
    cases = [(conv, (9, 12, 4)), (conv | {"strides": (3, 2), "use_bias": False}, (9, 12, 4))]
    cases += [(conv | {"padding": "same", "strides": (2, 2)}, (9, 7, 2))]
    cases += [(conv | {"kernel_size": (1, 1)}, (7, 6, 8)), (dense | {"use_bias": False}, (31,))]
    cases += [(dense, (31,)), (dense, (4, 3, 9))]
    for layer, shape in cases:
        built = keras_layer(layer, shape)
        places = np.prod(built.compute_output_shape((None, *shape))[1:-1])
        expected = int(places) * int(np.prod(built.kernel.shape))
        assert multiply_adds(layer, shape) == expected, f"{layer} on {shape}"
    for kind in ("Flatten", "ReLU", "Softmax", "BatchNormalization", "GlobalAveragePooling2D"):
        assert multiply_adds({"kind": kind}, (6, 7, 8)) == 0
    assert multiply_adds({"kind": "MaxPooling2D", "pool_size": (2, 2)}, (6, 7, 8)) == 0
    assert multiply_adds({"kind": "Dropout", "rate": 0.3}, (6, 7, 8)) == 0


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 1.5 The whole table (2 points)
#
# Now let the shape run through a stack, and write one row for each layer: its kind, its output shape, its parameters of both sorts together, its multiply-adds, and the bytes that its output takes in float32, 4 for each number. As in the chapter, `Flatten` takes none: its output is the same numbers under another shape.
#
# A batch of images is new here. Some columns grow with it and one does not: which?


# %% nbgrader={"grade_id": "table", "solution": true}
# Exercise 1.5 · table (2 points)
def table(layers, input_shape, batch_size=1):
    """One row for each layer of a stack.

    layers : list of dicts, the first layer first. input_shape : tuple, without the batch axis.
    batch_size : int, how many images go through at once.
    Returns a list of tuples (kind, output_shape, parameters, multiply_adds, output_bytes). The
    shape is without the batch axis; the last two are for the whole batch. The list of layers
    is not changed.
    """
    ### BEGIN SOLUTION
    rows, shape = [], input_shape
    for layer in layers:
        parameters = sum(count_parameters(layer, shape))
        work = batch_size * multiply_adds(layer, shape)
        shape = layer_shape(layer, shape)
        numbers = 0 if layer["kind"] == "Flatten" else batch_size * int(np.prod(shape))
        rows.append((layer["kind"], shape, parameters, work, 4 * numbers))
    return rows
    ### END SOLUTION


# %% [markdown]
# *Try it.* The chapter's network. It should have 12,810 parameters; 662,912 multiply-adds for one image, and 72,808 bytes. Before you run it: which layer has most of the parameters, which most of the work, and which most of the bytes?

# %%
network = [
    {"kind": "Conv2D", "filters": 16, "kernel_size": (3, 3)},
    {"kind": "MaxPooling2D", "pool_size": (2, 2)},
    {"kind": "Conv2D", "filters": 32, "kernel_size": (3, 3)},
    {"kind": "MaxPooling2D", "pool_size": (2, 2)},
    {"kind": "Flatten"},
    {"kind": "Dense", "units": 10},
]
rows = table(network, (28, 28, 1))
for kind, shape, *numbers in [*rows, ("total", "", *(sum(r[i] for r in rows) for i in (2, 3, 4)))]:
    print(f"{kind:14}{shape!s:14}" + "".join(f"{number:10,}" for number in numbers))

# %% [markdown]
# Three different layers. A network that must fit on a chip, one that must answer fast, and one that must train on a small graphics card are made smaller in three different places.
#
# *Check.*


# %% nbgrader={"grade_id": "table-check", "points": 1}
def _check():
    layers = [
        {"kind": "Conv2D", "filters": 4, "kernel_size": (3, 3), "strides": (2, 2)},
        {"kind": "BatchNormalization"},
        {"kind": "Flatten"},
        {"kind": "Dense", "units": 5},
    ]
    one, eight = table(list(layers), (9, 7, 2)), table(list(layers), (9, 7, 2), batch_size=8)
    assert len(one) == 4, f"one row for each of the 4 layers; yours has {len(one)}"
    kinds = [row[0] for row in one]
    assert kinds == [layer["kind"] for layer in layers], f"a row begins with the kind, not {kinds}"
    shape = (9, 7, 2)
    for layer, row, rows in zip(layers, one, eight, strict=True):
        built = keras_layer(layer, shape)
        shape = built.compute_output_shape((None, *shape))[1:]
        case = f"{row[0]} with an output of {shape}"
        assert tuple(row[1]) == shape, f"{case}: the input of a layer is the output before it"
        assert row[2] == built.count_params(), f"{case}: trainable and non-trainable parameters"
        kept = 0 if row[0] == "Flatten" else np.zeros(shape, "float32").nbytes
        assert row[4] == kept, f"{case}: 4 bytes for each number, but none for Flatten"
        assert tuple(rows[1:3]) == tuple(row[1:3]), f"{case}: shape and weights ignore the batch"
        assert rows[3] == 8 * row[3], f"{case}: eight images are eight times the work"
        assert rows[4] == 8 * row[4], f"{case}: eight images are eight times the bytes"
    assert one[0][3] == 4 * 3 * 72, "Conv2D: multiply-adds come from exercise 1.4"


_check()


# %% nbgrader={"grade_id": "table-hidden", "points": 1}
# Hidden tests of exercise 1.5: another stack and batch, against Keras (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    layers = [
        {"kind": "Conv2D", "filters": 6, "kernel_size": (5, 3), "padding": "same"},
        {"kind": "AveragePooling2D", "pool_size": (2, 3)},
        {"kind": "ReLU"},
        {"kind": "Conv2D", "filters": 9, "kernel_size": (3, 1), "use_bias": False},
        {"kind": "BatchNormalization"},
        {"kind": "Flatten"},
        {"kind": "Dense", "units": 4},
        {"kind": "Softmax"},
    ]
    kept, shape = [dict(layer) for layer in layers], (15, 14, 3)
    rows = table(layers, shape, batch_size=32)
    assert layers == kept, "the list of layers must stay as it is"
    assert len(rows) == len(layers)
    for layer, row in zip(layers, rows, strict=True):
        built = keras_layer(layer, shape)
        shape = built.compute_output_shape((None, *shape))[1:]
        weights = int(np.prod(built.kernel.shape)) if hasattr(built, "kernel") else 0
        work = 32 * weights * int(np.prod(shape[:-1]))
        numbers = 32 * int(np.prod(shape)) * (layer["kind"] != "Flatten")
        expected = layer["kind"], shape, built.count_params(), work, 4 * numbers
        assert tuple(row) == expected, layer
    assert list(table([], (3, 3, 1))) == []


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 1.6 How large the first weights are (3 points)
#
# Too small, and a signal dies on its way through the layers; too large, and it explodes. Two recipes for the standard deviation of the first weights:
#
# $$\text{He: } \sqrt{\frac{2}{\text{fan in}}}, \qquad \text{Glorot: } \sqrt{\frac{2}{\text{fan in} + \text{fan out}}}.$$
#
# *Fan in* is how many numbers are added up into one output. *Fan out* is how many outputs one input number reaches; for a convolution at stride 1, away from the border. A dense kernel has the shape (inputs, units), a convolution's has (rows, columns, channels, filters).


# %% nbgrader={"grade_id": "initial_std", "solution": true}
# Exercise 1.6 · initial_std (3 points)
def initial_std(kernel_shape, scheme):
    """Standard deviation of a kernel's first weights.

    kernel_shape : (inputs, units) or (rows, columns, channels, filters). scheme : "he" or "glorot".
    Returns a float. Raises ValueError for another scheme.
    """
    ### BEGIN SOLUTION
    *window, inputs, outputs = kernel_shape
    places = np.prod(window)
    if scheme == "he":
        return float(np.sqrt(2 / (places * inputs)))
    if scheme == "glorot":
        return float(np.sqrt(2 / (places * (inputs + outputs))))
    raise ValueError(f"scheme is 'he' or 'glorot', not {scheme!r}")
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print 0.125, then 0.1 and 0.1.

# %%
print(f"{initial_std((128, 64), 'he'):.4g}")
print(f"{initial_std((150, 50), 'glorot'):.4g}, {initial_std((5, 5, 4, 4), 'glorot'):.4g}")

# %% [markdown]
# *Check.* Keras draws kernels with its own initializers, and we measure them.


# %% nbgrader={"grade_id": "initial_std-check", "points": 1}
def _check():
    cases = [((200, 100), "he"), ((200, 100), "glorot")]
    cases += [((5, 3, 20, 60), "he"), ((5, 3, 20, 60), "glorot")]
    for shape, scheme in cases:
        initializer = keras.initializers.get(f"{scheme}_normal")
        initializer = type(initializer)(seed=16)
        drawn = to_numpy(initializer(shape)).std()
        hint = (
            f"{scheme}, a kernel of {shape}: into one output go all numbers of the window, in all "
            "channels; one input number lies in as many windows, and in each meets every filter"
        )
        assert_allclose(initial_std(shape, scheme), drawn, rtol=0.03, err_msg=hint)
    try:
        initial_std((4, 4), "lecun")
    except ValueError:
        return
    raise AssertionError("a scheme that is neither 'he' nor 'glorot' must raise a ValueError")


_check()


# %% nbgrader={"grade_id": "initial_std-hidden", "points": 2}
# Hidden tests of exercise 1.6: other kernels, against normal and uniform draws of Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    for shape in [(90, 400), (400, 90), (1, 1, 300, 90), (3, 3, 90, 30), (2, 7, 16, 120)]:
        for scheme, kinds in [
            ("he", (keras.initializers.HeNormal, keras.initializers.HeUniform)),
            ("glorot", (keras.initializers.GlorotNormal, keras.initializers.GlorotUniform)),
        ]:
            drawn = [to_numpy(kind(seed=61)(shape)).std() for kind in kinds]
            assert_allclose(initial_std(shape, scheme), np.mean(drawn), rtol=0.02)
    for scheme in ("He", "zeros", ""):
        try:
            initial_std((3, 3, 4, 4), scheme)
        except ValueError:
            continue
        raise AssertionError("a scheme that is neither 'he' nor 'glorot' must raise a ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** Thirty dense layers of 256 units, each with a ReLU, with *your* standard deviations. Here Glorot's variance is half of He's. Before you run: after 30 layers, what is left of the signal?

# %%
for scheme in ("he", "glorot"):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 256))
    for depth in range(1, 31):
        kernel = rng.normal(scale=initial_std((256, 256), scheme), size=(256, 256))
        x = np.maximum(x @ kernel, 0)
        if depth % 10 == 0:
            size = np.sqrt((x**2).mean())
            print(f"{scheme:>6}, root mean square after {depth} layers ≈ {size:.1e}")

# %% [markdown]
# A ReLU throws away half of the mean square. He's factor 2 makes up for it, so the signal stays; with Glorot a factor of $\sqrt2$ is lost in each layer, which is a factor of about a thousand in 20. Two or three layers do not care. Thirty do.
#
# ## 1.7 Batch normalization disappears (3 points)
#
# When a trained network is used, batch normalization no longer looks at the batch. To each channel it does
#
# $$y = \gamma \, \frac{a - \text{moving mean}}{\sqrt{\text{moving variance} + \epsilon}} + \beta,$$
#
# where $a$ is what the layer before it computed. All these are fixed numbers, so the two layers are *one* layer with other weights. Find them. This makes networks faster on a phone, and it shows from the other side why a bias before batch normalization is useless: see what becomes of it.


# %% nbgrader={"grade_id": "fold_batch_norm", "solution": true}
# Exercise 1.7 · fold_batch_norm (3 points)
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    """Weights of one layer that does what a layer and its batch normalization do together.

    kernel : array (inputs, units) or (rows, columns, channels, filters). epsilon : float.
    bias, gamma, beta, moving_mean, moving_variance : arrays, one number for each unit or filter.
    Returns (kernel, bias), new arrays with the shapes of the old ones. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    scale = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * scale, (bias - moving_mean) * scale + beta
    ### END SOLUTION


# %% [markdown]
# *Try it.* One input, two units, with variances of 4 and 25. This should print a kernel of 3 and 2, and a bias of 1 and −9.

# %%
kernel, bias = fold_batch_norm(
    kernel=np.array([[2.0, 10.0]]),
    bias=np.array([5.0, 0.0]),
    gamma=np.array([3.0, 1.0]),
    beta=np.array([1.0, 1.0]),
    moving_mean=np.array([5.0, 50.0]),
    moving_variance=np.array([4.0, 25.0]),
    epsilon=0.0,
)
print(kernel, bias)

# %% [markdown]
# *Check.* Keras runs the two layers, then the first one alone with your weights.


# %% nbgrader={"grade_id": "both_ways", "locked": true}
def both_ways(layer, input_shape, epsilon, seed):
    """What a layer and its batch normalization compute, and what the folded layer computes."""
    rng = np.random.default_rng(seed)
    normalization = keras.layers.BatchNormalization(epsilon=epsilon)
    images = rng.normal(size=(3, *input_shape)).astype("float32")
    normalization.build(layer(images).shape)
    size = layer.bias.shape[0]
    kernel, bias = rng.normal(size=layer.kernel.shape), rng.normal(size=size)
    numbers = [rng.uniform(0.5, 2, size), *rng.normal(size=(2, size)), rng.uniform(0.01, 2, size)]
    layer.set_weights([kernel, bias])
    normalization.set_weights(numbers)
    expected = to_numpy(normalization(layer(images), training=False))
    kept = [array.copy() for array in (kernel, bias, *numbers)]
    new_kernel, new_bias = fold_batch_norm(kernel, bias, *numbers, epsilon)
    same = all((a == b).all() for a, b in zip(kept, (kernel, bias, *numbers), strict=True))
    assert same, "the arrays that fold_batch_norm is given must stay as they are"
    assert np.shape(new_kernel) == kernel.shape, "the new kernel has the shape of the old one"
    assert np.shape(new_bias) == bias.shape, "the new bias has the shape of the old one"
    layer.set_weights([np.asarray(new_kernel), np.asarray(new_bias)])
    return to_numpy(layer(images)), expected


# %% nbgrader={"grade_id": "fold_batch_norm-check", "points": 1}
def _check():
    inputs = [np.array(array) for array in ([[2.0, 10]], [5.0, 0], [3.0, 1], [1.0, 1], [5.0, 50])]
    kernel, bias = fold_batch_norm(*inputs, np.array([4.0, 25.0]), 0.0)
    assert_allclose(
        kernel, [[3, 2]], rtol=1e-5, err_msg="kernel: divide by the ROOT of the variance"
    )
    assert_allclose(
        bias, [1, -9], rtol=1e-5, err_msg="bias: put a = x·kernel + bias into the formula"
    )
    kernel, bias = fold_batch_norm(*inputs, np.array([3.0, 24.0]), 1.0)
    hint = "epsilon is added to the variance, before the root"
    assert_allclose(kernel, [[3, 2]], rtol=1e-5, err_msg=hint)
    hint = "dense, square kernel: each column belongs to one unit"
    assert_allclose(*both_ways(keras.layers.Dense(4), (4,), 0.001, 7), atol=1e-3, err_msg=hint)
    hint = "Conv2D: the last axis of the kernel is that of the filters"
    assert_allclose(
        *both_ways(keras.layers.Conv2D(3, 3), (5, 6, 3), 0.001, 8), atol=1e-3, err_msg=hint
    )


_check()


# %% nbgrader={"grade_id": "fold_batch_norm-hidden", "points": 2}
# Hidden tests of exercise 1.7: other layers and other epsilons, against Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    for layer, shape, epsilon in [
        (keras.layers.Dense(7), (5,), 0.02),
        (keras.layers.Dense(6), (6,), 0.5),
        (keras.layers.Dense(1), (4,), 1e-3),
        (keras.layers.Conv2D(6, (3, 2), strides=2), (7, 8, 3), 0.02),
        (keras.layers.Conv2D(2, 2, padding="same"), (4, 4, 2), 0.3),
    ]:
        folded, expected = both_ways(layer, shape, epsilon, 71)
        assert_allclose(folded, expected, rtol=1e-3, atol=1e-3)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 1.8 Repair a network (4 points)
#
# This network runs, and it even trains. It also has five layers that are not as they should be: four mistakes, one of them made twice.


# %% nbgrader={"grade_id": "broken_model", "locked": true}
def broken_model():
    """A classifier of 12×12×3 images in 5 classes, with mistakes."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            keras.layers.Conv2D(8, 3, strides=2, padding="same"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Conv2D(16, 3, strides=2, padding="same"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(200, activation="relu"),
            keras.layers.Dense(5, activation="softmax"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
        ]
    )


# %% [markdown]
# Write `repair`, which returns the network as it was meant:
#
# - its outputs are probabilities, in use **and** in training: no normalization disturbs them, and the dropout is applied to the 200 hidden numbers instead;
# - no weight is there in vain: a convolution has no bias where batch normalization takes it away at once;
# - the layer that feeds a ReLU *directly* begins with He's weights. (Where batch normalization stands between, the size of the weights does not matter: it is divided out again.)
#
# All else stays as it is: the order of the other layers, their sizes, their strides. Add no layer. Sequential, functional or a class of your own: as you like.


# %% nbgrader={"grade_id": "repair", "solution": true}
# Exercise 1.8 · repair (4 points)
def repair():
    """A new Keras model: broken_model without its mistakes, not trained."""
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(200, activation="relu", kernel_initializer="he_normal"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(5, activation="softmax"),
        ]
    )
    ### END SOLUTION


# %% [markdown]
# *Try it.* Three images. In training, the rows of the broken network add up to anything; yours should add up to 1 in both lines. (In use the untrained broken network looks healthy: its last batch normalization has measured nothing yet. It would not look so after training.)

# %%
images = np.random.default_rng(0).normal(size=(3, 12, 12, 3)).astype("float32")
for name, net in [("broken", broken_model()), ("repaired", repair())]:
    for training in (False, True):
        sums = to_numpy(net(images, training=training)).sum(axis=1)
        print(f"{name}, training={training}: sums of the rows ≈ {np.round(sums, 2) + 0.0}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "with_ones", "locked": true}
def with_ones(net):
    """The network, with weights that make each of the 200 hidden numbers 1 for every image."""
    for w in net.weights:
        if tuple(w.shape) == (144, 200):
            w.assign(np.zeros((144, 200), "float32"))
        if tuple(w.shape) == (200,):
            w.assign(np.ones(200, "float32"))
    return net


# %% nbgrader={"grade_id": "repair-check", "points": 2}
def _check():
    net, rng = repair(), np.random.default_rng(18)
    images = rng.normal(size=(64, 12, 12, 3)).astype("float32")
    used = [to_numpy(net(images, training=False)) for _ in range(2)]
    trained = [to_numpy(net(images, training=True)) for _ in range(2)]
    assert used[0].shape == (64, 5), f"64 images should give (64, 5), not {used[0].shape}"
    for name, rows in [("in use", used[0]), ("in training", trained[0])]:
        hint = f"{name}: the rows are no probabilities; nothing may follow the softmax"
        assert_allclose(rows.sum(axis=1), 1, atol=1e-4, err_msg=hint)
        assert (rows >= 0).all(), hint
    assert_allclose(*used, atol=1e-6, err_msg="in use, the same images must give the same numbers")
    assert abs(trained[0] - trained[1]).max() > 1e-3, "the dropout is gone: move it, keep it"
    shapes = [tuple(w.shape) for w in net.weights]
    for size in (8, 16):
        assert shapes.count((size,)) >= 4, f"batch normalization of {size} channels is missing"
        assert shapes.count((size,)) == 4, f"beside batch normalization, {size} numbers in vain"
    assert shapes.count((5,)) == 1, "5 classes: one bias, and no normalization"
    [kernel] = [to_numpy(w) for w in net.weights if tuple(w.shape) == (144, 200)]
    hint = "the 200 units feed a ReLU directly: compare with exercise 1.6"
    assert_allclose(kernel.std(), np.sqrt(2 / 144), rtol=0.1, err_msg=hint)
    spread = to_numpy(with_ones(net)(images, training=True)).std(axis=0)
    assert spread.max() > 0.01, "the dropout is not applied to the 200 hidden numbers"


_check()


# %% nbgrader={"grade_id": "repair-hidden", "points": 1}
# Hidden tests of exercise 1.8: each weight's place and shape, and where the dropout stands (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    net, rng = repair(), np.random.default_rng(81)
    images = rng.normal(size=(64, 12, 12, 3)).astype("float32")
    assert_allclose(to_numpy(net(images, training=True)).sum(axis=1), 1, atol=1e-4)
    kernels = sorted(tuple(w.shape) for w in net.weights if len(w.shape) > 1)
    assert kernels == [(3, 3, 3, 8), (3, 3, 8, 16), (144, 200), (200, 5)]
    trainable = 27 * 8 + 2 * 8 + 72 * 16 + 2 * 16 + 145 * 200 + 201 * 5
    assert sum(int(np.prod(w.shape)) for w in net.trainable_weights) == trainable
    moving = [tuple(w.shape) for w in net.non_trainable_weights]
    assert sorted(shape for shape in moving if shape in [(8,), (16,)]) == [(8,)] * 2 + [(16,)] * 2
    stds = []
    for model in [repair() for _ in range(3)]:
        model(images)
        stds += [to_numpy(w).std() for w in model.weights if tuple(w.shape) == (144, 200)]
    assert_allclose(np.mean(stds), np.sqrt(2 / 144), rtol=0.1)
    used = to_numpy(with_ones(net)(images, training=False))
    trained = to_numpy(net(images, training=True))
    assert_allclose(used - used[0], 0, atol=1e-5)
    assert trained.std(axis=0).max() > 0.01, "the dropout is not applied to the hidden numbers"
    assert_allclose(trained.sum(axis=1), 1, atol=1e-4)


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "repair-same", "points": 1}
# Hidden tests of exercise 1.8: what the repaired network computes (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    stack, block = [keras.Input((12, 12, 3))], keras.layers.BatchNormalization
    for filters in (8, 16):
        stack += [keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)]
        stack += [block(), keras.layers.ReLU()]
    stack += [keras.layers.Flatten(), keras.layers.Dense(200, "relu")]
    models = repair(), keras.Sequential([*stack, keras.layers.Dense(5, "softmax")])
    images = np.random.default_rng(82).normal(size=(256, 12, 12, 3)).astype("float32")
    for model in models:
        model(images)
        for w in model.weights:  # the same numbers for the same weight, by name and shape
            numbers = np.random.default_rng([len(w.name), *w.shape]).uniform(0.1, 1, w.shape)
            w.assign(numbers - 0.55 if w.name in ("kernel", "beta") else numbers)
    used, expected = (to_numpy(model(images, training=False)) for model in models)
    assert_allclose(used, expected, atol=1e-4, err_msg="the order of the other layers")
    net = with_ones(models[0])
    for w in net.weights:
        if tuple(w.shape) == (200, 5):
            w.assign(np.repeat([[0.01, 0, 0, 0, 0]], 200, axis=0).astype("float32"))
    rows = to_numpy(net(images, training=True))
    spread = np.log(rows[:, 0] / rows[:, 1]).std()
    assert 0.1 < spread < 0.2, "the dropout's rate stays 0.5"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 1.9 Find the mistakes (4 points)
#
# Nobody reads every network line by line. Write a checker for a Keras `Sequential` model, which finds these four:
#
# | mistake | which layer |
# | --- | --- |
# | `"dropout after softmax"` | a `Dropout` anywhere behind a softmax |
# | `"batch norm after softmax"` | a `BatchNormalization` anywhere behind a softmax |
# | `"bias before batch norm"` | a `Dense` or `Conv2D` that has a bias and no activation of its own, with a `BatchNormalization` right behind it |
# | `"Glorot before ReLU"` | a `Dense` or `Conv2D` with a Glorot initializer and a ReLU, either as its own activation or as a layer right behind it |
#
# Mind what is *no* mistake. A bias before an activation that stands before batch normalization does its work. Glorot before a softmax or a tanh is as it should be.
#
# `activation_of` is given: it says "relu" or "softmax", be it an argument or a layer of its own; "linear" for a `Dense` or `Conv2D` without activation; and "" for other layers. A layer also has `use_bias` and `kernel_initializer`; the classes of the latter are in `keras.initializers`.


# %% nbgrader={"grade_id": "activation_of", "locked": true}
def activation_of(layer):
    """Name of the activation that a layer is, or has: "relu", "softmax", "linear" … or ""."""
    if isinstance(layer, keras.layers.ReLU | keras.layers.Softmax):
        return type(layer).__name__.lower()
    return getattr(getattr(layer, "activation", None), "__name__", "")


# %% nbgrader={"grade_id": "find_mistakes", "solution": true}
# Exercise 1.9 · find_mistakes (4 points)
def find_mistakes(model):
    """The mistakes in a Sequential model.

    Returns a list of tuples (index, mistake), in any order; empty for a healthy model. The index
    is that of the layer in model.layers, the mistake is one of the four strings of the table.
    """
    ### BEGIN SOLUTION
    glorot = keras.initializers.GlorotUniform | keras.initializers.GlorotNormal
    found, after_softmax = [], False
    for index, layer in enumerate(model.layers):
        if after_softmax and isinstance(layer, keras.layers.Dropout):
            found.append((index, "dropout after softmax"))
        if after_softmax and isinstance(layer, keras.layers.BatchNormalization):
            found.append((index, "batch norm after softmax"))
        after_softmax = after_softmax or activation_of(layer) == "softmax"
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
            own = activation_of(layer)
            behind = model.layers[index + 1] if index + 1 < len(model.layers) else None
            normalized = isinstance(behind, keras.layers.BatchNormalization)
            if own == "linear" and normalized and layer.use_bias:
                found.append((index, "bias before batch norm"))
            relu_layer = isinstance(behind, keras.layers.ReLU | keras.layers.Activation)
            rectified = own == "relu" or (relu_layer and activation_of(behind) == "relu")
            if rectified and isinstance(layer.kernel_initializer, glorot):
                found.append((index, "Glorot before ReLU"))
    return found
    ### END SOLUTION


# %% [markdown]
# *Try it.* Your checker on the network of exercise 1.8: it should find the layers 0 and 3 (bias), 7 (Glorot), 9 (batch norm) and 10 (dropout), and nothing in the repaired one.

# %%
for index, mistake in sorted(find_mistakes(broken_model())):
    print(index, mistake)
print(find_mistakes(repair()))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "find_mistakes-check", "points": 2}
def _check():
    L, he = keras.layers, {"kernel_initializer": "he_uniform"}
    for stack, expected, hint in [
        ([L.Dense(4), L.Softmax(), L.Dropout(0.5)], [(2, "dropout")], "softmax may be a layer"),
        ([L.Dropout(0.5), L.Dense(4, activation="softmax")], [], "dropout before it is fine"),
        (
            [L.Dense(4, activation="softmax"), L.BatchNormalization(), L.Dropout(0.5)],
            [(1, "batch"), (2, "dropout")],
            "anywhere behind the softmax; and that Dense has an activation of its own",
        ),
        ([L.Dense(4), L.BatchNormalization()], [(0, "bias")], "the bias is taken away"),
        ([L.Dense(4, use_bias=False), L.BatchNormalization()], [], "there is no bias"),
        ([L.Dense(4, "relu", **he), L.BatchNormalization()], [], "the ReLU stands between"),
        ([L.Dense(4, "relu"), L.Dense(3, "tanh"), L.Dense(2)], [(0, "Glorot")], "only the ReLU"),
        ([L.Dense(4), L.ReLU()], [(0, "Glorot")], "the ReLU may be a layer of its own"),
        ([L.Dense(4, "relu", kernel_initializer="glorot_normal")], [(0, "Glorot")], "or normal"),
        ([L.Dense(4), L.BatchNormalization(), L.ReLU()], [(0, "bias")], "not right behind it"),
        ([L.Dense(4, **he), L.Activation("relu"), L.Dense(2, "softmax")], [], "He is fine"),
        ([L.Dense(4), L.Dense(2, "relu", **he)], [], "weights stand between layer 0 and the ReLU"),
        ([L.Conv2D(4, 3), L.BatchNormalization(), L.Flatten()], [(0, "bias")], "Conv2D, too"),
    ]:
        shape = (8, 8, 3) if isinstance(stack[0], L.Conv2D) else (6,)
        answer = find_mistakes(keras.Sequential([keras.Input(shape), *stack]))
        short = sorted((index, mistake.split()[0]) for index, mistake in answer)
        kinds = [type(layer).__name__ for layer in stack]
        assert short == expected, f"{kinds}: you found {answer}. Look at: {hint}"


_check()


# %% nbgrader={"grade_id": "find_mistakes-hidden", "points": 2}
# Hidden tests of exercise 1.9: longer networks, healthy and not (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    L, he = keras.layers, {"kernel_initializer": "he_normal"}
    bias, glorot = "bias before batch norm", "Glorot before ReLU"
    dropout, norm = "dropout after softmax", "batch norm after softmax"
    first = [L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU()]
    last = [L.Flatten(), L.Dense(9), L.BatchNormalization(), L.Dense(4, "softmax")]
    for stack, expected in [
        ([L.Conv2D(4, 3, activation="relu", **he), L.BatchNormalization(), L.Flatten()], []),
        ([L.Conv2D(4, 3), L.MaxPooling2D(), L.BatchNormalization(), L.Flatten()], []),
        ([L.Conv2D(4, 3), L.ReLU(), L.BatchNormalization()], [(0, glorot)]),
        ([L.Flatten(), L.Dense(4), L.Dense(5), L.Dense(3, "relu", **he)], []),
        ([L.Conv2D(4, 3, kernel_initializer="glorot_normal"), L.Activation("relu")], [(0, glorot)]),
        ([L.BatchNormalization(), L.Conv2D(4, 3, **he), L.ReLU(), L.Dropout(0.1)], []),
        ([L.Flatten(), L.Dense(4), L.Dropout(0.1), L.Dense(3, "softmax")], []),
        ([L.Flatten(), L.Dense(4), L.Activation("softmax"), L.Dropout(0.1)], [(3, dropout)]),
        (
            [L.Flatten(), L.Dense(4, "softmax"), L.Dropout(0.1), L.BatchNormalization()],
            [(2, dropout), (3, norm)],
        ),
        ([*first, L.Conv2D(4, 3, activation="relu"), *last], [(0, bias), (3, glorot), (5, bias)]),
    ]:
        answer = find_mistakes(keras.Sequential([keras.Input((8, 8, 3)), *stack]))
        assert sorted(tuple(pair) for pair in answer) == expected


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 1.10 A network for images of any size (4 points)
#
# Now the other way round: from the numbers to the network. Build a classifier that
#
# - takes RGB images of **any size** from 32×32 up: begin with `keras.Input((None, None, 3))`;
# - ends in a softmax over `classes` classes, fed by **at least 64 features**;
# - has **four convolutions or more** with windows of 3×3 or larger (`Conv2D`, `DepthwiseConv2D` or `SeparableConv2D`);
# - lets **every pixel** of a 32×32 image have a say in the result, and answers differently when its pixels are shuffled;
# - has **30,000 parameters at most**, and needs **2,000,000 multiply-adds at most** for an image of 64×64.
#
# `Flatten` needs to know the size of the map. What does not? Then the two budgets: parameters are spent where there are many channels, multiply-adds where the map is large. `costs` is given; it counts both, and it uses one fact: each weight of a kernel is used once at each place of the output.


# %% nbgrader={"grade_id": "costs", "locked": true}
def costs(model, shape):
    """Parameters, multiply-adds for one image of a shape, and the sides of all windows."""
    kinds = keras.layers.Dense | keras.layers.Conv2D
    kinds |= keras.layers.DepthwiseConv2D | keras.layers.SeparableConv2D
    kinds |= keras.layers.Conv2DTranspose
    call, work, windows = keras.layers.Layer.__call__, [], []
    image = np.zeros((1, *shape), "float32")
    model(image)  # builds the layers, if they are not built yet

    def recorded(layer, *inputs, **options):
        outputs = call(layer, *inputs, **options)
        if isinstance(layer, kinds):
            places = int(np.prod(outputs.shape[1:-1]))
            used = [w for w in layer.weights if len(w.shape) > 1]
            work.append(places * sum(int(np.prod(w.shape)) for w in used))
            windows.append(tuple(getattr(layer, "kernel_size", ())))
        return outputs

    keras.layers.Layer.__call__ = recorded
    try:
        model(image)
    finally:
        keras.layers.Layer.__call__ = call
    return model.count_params(), sum(work), [window for window in windows if window]


# %% nbgrader={"grade_id": "small_network", "solution": true}
# Exercise 1.10 · small_network (4 points)
def small_network(classes):
    """A new convolutional network for RGB images of any size, not trained."""
    ### BEGIN SOLUTION
    layers = [keras.Input((None, None, 3))]
    for filters in (8, 16, 32, 64):
        layers.append(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    layers.append(keras.layers.GlobalAveragePooling2D())
    layers.append(keras.layers.Dense(classes, activation="softmax"))
    return keras.Sequential(layers)
    ### END SOLUTION


# %% [markdown]
# *Try it.* What does yours cost? Multiply the image's sides by 4 and see which of the two numbers grows, and by how much.

# %%
for side in (64, 256):
    parameters, work, windows = costs(small_network(10), (side, side, 3))
    print(f"{side}×{side}: {parameters:,} parameters, {work:,} multiply-adds, windows {windows}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "unseen", "locked": true}
def unseen(model, side):
    """Rows and columns of an image of side × side that change nothing, whatever stands in them."""
    rng = np.random.default_rng(110)
    change = np.zeros(2 * side)
    for scale in (1, 1, 10, 10, 100, 100):
        batch = np.repeat(rng.normal(size=(1, side, side, 3)), 2 * side + 1, axis=0)
        for line in range(side):
            batch[line, line] = scale * rng.normal(size=(side, 3))
            batch[side + line, :, line] = scale * rng.normal(size=(side, 3))
        outputs = to_numpy(model(batch.astype("float32")))
        change = np.maximum(change, abs(outputs[:-1] - outputs[-1]).max(axis=1))
    names = [f"{kind} {line}" for kind in ("row", "column") for line in range(side)]
    return [name for name, size in zip(names, change, strict=True) if size < 1e-6]


# %% nbgrader={"grade_id": "small_network-check", "points": 2}
def _check():
    net, rng = small_network(10), np.random.default_rng(10)
    for size in [(32, 32), (64, 64), (40, 72)]:
        images = rng.normal(size=(2, *size, 3)).astype("float32")
        rows = to_numpy(net(images))
        assert rows.shape == (2, 10), f"two images of {size} should give (2, 10), not {rows.shape}"
        assert_allclose(rows.sum(axis=1), 1, atol=1e-4, err_msg="end in a softmax over the classes")
        assert (rows >= 0).all(), "end in a softmax over the classes"
    parameters, work, windows = costs(net, (64, 64, 3))
    assert parameters <= 30_000, f"{parameters:,} parameters: which layer has most of them?"
    assert work <= 2_000_000, f"{work:,} multiply-adds: make the map small early"
    large = [window for window in windows if min(window) >= 3]
    assert len(large) >= 4, f"windows of 3×3 or more, four times; yours are {windows}"
    features = [w.shape[-2] for w in net.weights if len(w.shape) > 1 and w.shape[-1] == 10]
    assert max(features, default=0) >= 64, "feed the softmax with 64 features or more"
    shuffled = rng.permutation(images.reshape(2, -1, 3), axis=1).reshape(images.shape)
    moved = abs(to_numpy(net(images)) - to_numpy(net(shuffled))).max()
    assert moved > 1e-6, "shuffled pixels go unnoticed: convolve before you average"
    lines = unseen(net, 32)
    assert not lines, (
        f"the pixels of {', '.join(lines[:4])} of 32×32 have no say: do strides leave them out, "
        "or does the last window end before them?"
    )


_check()


# %% nbgrader={"grade_id": "small_network-hidden", "points": 2}
# Hidden tests of exercise 1.10: other sizes and numbers of classes (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(101)
    for classes in (3, 23):
        net = small_network(classes)
        parameters, work, windows = costs(net, (64, 64, 3))
        assert parameters <= 30_000
        assert work <= 2_000_000
        assert sum(min(window) >= 3 for window in windows) >= 4
        for size in [(33, 47), (90, 32)]:
            images = rng.normal(size=(3, *size, 3)).astype("float32")
            rows = to_numpy(net(images))
            assert rows.shape == (3, classes)
            assert_allclose(rows.sum(axis=1), 1, atol=1e-4)
    shuffled = rng.permutation(images.reshape(3, -1, 3), axis=1).reshape(images.shape)
    assert abs(to_numpy(net(images)) - to_numpy(net(shuffled))).max() > 1e-6
    assert not unseen(net, 32)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# Did you double the filters wherever you halved both sides? Then every layer after the first costs the same: four times fewer places, and four times as many weights. It is why so many networks are built that way.
#
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 01_reading_networks.ipynb` shows the points that you have.
