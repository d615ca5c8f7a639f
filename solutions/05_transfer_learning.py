# %% [markdown]
# # Lab 05 · Transfer learning
#
# You write the tools of transfer learning: a fair split, features from any layer, the right preprocessing, a careful thaw, a learning rate for each depth. Then you teach five digits to a network that has never seen them, with ten images of each. Ten exercises, 31 points, about two and a half hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 5.2 · few_shot (3 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# The [chapter](../book/05_transfer_learning.ipynb) has the ideas; here they take other forms.

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
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from numpy.testing import assert_allclose

from convbook import data, figures
from convbook.widgets import progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# ## 5.1 Split by classes (2 points)
#
# One data set becomes two tasks: some classes to pre-train on, the others to transfer to. A softmax of k units knows only the classes 0 … k−1, so the labels must be numbered anew. The order in which the classes are named decides: for `classes = (7, 5, 9)`, every 7 becomes class 0, every 5 becomes 1, every 9 becomes 2. All else is dropped.
#
# The old labels may be any whole numbers, such as 1007 or −3. The examples stay in their old order.


# %% nbgrader={"grade_id": "split_classes", "solution": true}
# Exercise 5.1 · split_classes (2 points)
def split_classes(x, y, classes):
    """The examples of some classes, with new labels.

    x : array (n, …). y : int array (n,), the label of each. classes : tuple of labels.
    Returns x and y of those examples whose label is in classes, in their old order; a label
    is its place in classes, an int. Raises ValueError if classes names a label twice.
    x and y are not changed.
    """
    ### BEGIN SOLUTION
    if len(set(classes)) < len(classes):
        raise ValueError("a class is named twice")
    places = {label: place for place, label in enumerate(classes)}
    kept = np.array([int(label) in places for label in y], bool)
    return x[kept], np.array([places[int(label)] for label in y[kept]], "int64")
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print `[10 12 13 15]` and `[0 1 0 2]`.

# %%
for _part in split_classes(np.arange(10, 16), np.array([7, 3, 5, 7, 0, 9]), (7, 5, 9)):
    print(_part)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "split_classes-check", "points": 1}
def _check():
    x, y = np.arange(24.0).reshape(8, 3), np.array([1, 0, 2, 1, 5, 0, 2, 1])
    x_kept, y_kept = x.copy(), y.copy()
    for classes, rows, expected, hint in [
        ((0, 1, 2), [0, 1, 2, 3, 5, 6, 7], [1, 0, 2, 1, 0, 2, 1], "these labels stay as they are"),
        ((5, 1), [0, 3, 4, 7], [1, 1, 0, 1], "a label becomes its place in classes"),
        ((1, 0), [0, 1, 3, 5, 7], [0, 1, 0, 1, 0], "is a label replaced, and then again?"),
    ]:
        part, labels = split_classes(x, y, classes)
        assert len(part) == len(rows), f"{len(part)} examples of {classes}, not {len(rows)}"
        assert_allclose(part, x[rows], err_msg="the examples stay in their old order")
        assert np.asarray(labels).tolist() == expected, f"{classes}: labels {labels}: {hint}"
        assert np.asarray(labels).dtype.kind == "i", f"int labels, not {labels.dtype}"
    assert (x == x_kept).all() and (y == y_kept).all(), "leave x and y as they are"
    try:
        split_classes(x, y, (1, 2, 1))
    except ValueError:
        pass
    else:
        raise AssertionError("(1, 2, 1) names a label twice: raise ValueError")


_check()


# %% nbgrader={"grade_id": "split_classes-hidden", "points": 1}
# Hidden tests of exercise 5.1: other labels, large and negative; images (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(51)
    for known, classes in [
        (range(10), (8, 0, 12, 3, 5)),
        ([1007, -3, 12, 100_000], (12, -3, 1007)),
    ]:
        y = rng.choice(np.array(known, "int64"), 60)
        x = rng.normal(size=(60, 4, 5, 1)).astype("float32")
        x_kept, y_kept = x.copy(), y.copy()
        part, labels = split_classes(x, y, classes)
        rows = [i for i in range(60) if y[i] in classes]
        assert np.asarray(part).shape == (len(rows), 4, 5, 1)
        assert (part == x[rows]).all()
        assert [classes[label] for label in labels] == y[rows].tolist()
        assert np.asarray(labels).dtype.kind == "i"
        assert (x == x_kept).all()
        assert (y == y_kept).all()
    try:
        split_classes(x, y, (12, 1007, -3, 12))
    except ValueError:
        return
    raise AssertionError("a label that is named twice must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.2 Few shots (3 points)
#
# How good is a network after k examples of each class? Draw k of each at random. If k grows, the curve should say what *more* examples do, and not what *other* examples do. So let the draws be **nested**: with the same seed, the examples of a smaller k are all among those of a larger k.
#
# `rng.choice(rows, k, replace=False)` is not nested. What can you draw first, without knowing k?


# %% nbgrader={"grade_id": "few_shot", "solution": true}
# Exercise 5.2 · few_shot (3 points)
def few_shot(x, y, k, seed):
    """k examples of each class, drawn at random without repeats.

    x : array (n, …). y : int array (n,). k : int, 1 or more. seed : int.
    Returns x and y of k examples for each class that y holds, in any order. The same seed gives
    the same examples, another seed gives others; those of a smaller k are among those of a
    larger one. Raises ValueError if a class has fewer than k. x and y are not changed.
    """
    ### BEGIN SOLUTION
    order = np.random.default_rng(seed).permutation(len(y))
    rows = []
    for label in np.unique(y):
        mine = order[y[order] == label]
        if len(mine) < k:
            raise ValueError(f"class {label} has {len(mine)} examples, not {k}")
        rows.extend(mine[:k])
    return x[rows], y[rows]
    ### END SOLUTION


# %% [markdown]
# *Try it.* Two of each class, then three: the second line should hold the numbers of the first. (Which numbers these are is yours.)

# %%
_labels = np.array([0, 1, 2] * 10)
for _k in (2, 3):
    print(f"k = {_k} ≈ {np.sort(few_shot(np.arange(30), _labels, _k, seed=0)[0])}")

# %% [markdown]
# *Check.* The "images" are numbers here, so that one sees which were drawn.


# %% nbgrader={"grade_id": "few_shot-check", "points": 1}
def _check():
    x, y = np.arange(20), np.array([4, 1, 1, 4, 1] * 4)
    x_kept, y_kept = x.copy(), y.copy()
    drawn, labels = few_shot(x, y, 3, seed=0)
    assert sorted(labels) == [1, 1, 1, 4, 4, 4], f"three of class 1 and three of 4, not {labels}"
    assert (y[drawn] == labels).all(), "each example keeps its own label"
    assert len(set(drawn.tolist())) == 6, "an example is drawn twice"
    again = few_shot(x, y, 3, seed=0)[0]
    assert set(again.tolist()) == set(drawn.tolist()), "the same seed gives the same examples"
    every = [set(few_shot(x, y, 3, seed=seed)[0].tolist()) for seed in range(60)]
    assert any(other != every[0] for other in every), "another seed should give other examples"
    assert set().union(*every) == set(range(20)), "some examples are never drawn"
    for k in (1, 2, 5, 8):
        more = set(few_shot(x, y, k, seed=0)[0].tolist())
        assert more <= set(drawn.tolist()) or more >= set(drawn.tolist()), f"3 and {k}: not nested"
    assert (x == x_kept).all() and (y == y_kept).all(), "leave x and y as they are"
    try:
        few_shot(x, y, 9, seed=0)
    except ValueError:
        pass
    else:
        raise AssertionError("class 4 has 8 examples: raise ValueError for 9")


_check()


# %% nbgrader={"grade_id": "few_shot-hidden", "points": 1}
# Hidden tests of exercise 5.2: every example has the same chance; images and their labels (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(52)
    y = rng.permutation(np.repeat([3, 0, 8], [4, 6, 10]))
    x = rng.normal(size=(20, 3, 4, 1)).astype("float32")
    times, pairs = np.zeros(20), set()
    for seed in range(400):
        drawn, labels = few_shot(x, y, 2, seed)
        assert np.asarray(drawn).shape == (6, 3, 4, 1)
        assert sorted(np.asarray(labels).tolist()) == [0, 0, 3, 3, 8, 8]
        same = (np.asarray(drawn)[:, None] == x).all(axis=(2, 3, 4))
        assert (same.sum(axis=1) == 1).all()
        rows = same.argmax(axis=1)
        assert len(set(rows.tolist())) == 6
        assert (y[rows] == labels).all()
        times[rows] += 1
        pairs.add(tuple(sorted(rows[y[rows] == 8].tolist())))
    for label, count in [(3, 4), (0, 6), (8, 10)]:
        share = times[y == label] / 400
        assert abs(share - 2 / count).max() < 0.15, "not every example has the same chance"
    assert len(pairs) > 35, "10 examples make 45 pairs; most of them are never drawn"


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "few_shot-hidden-2", "points": 1}
# Hidden tests of exercise 5.2: nested draws; too few examples; nothing is changed (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(520)
    y = rng.permutation(np.repeat([1, 2, 6], [7, 30, 12]))
    x = np.arange(49)
    x_kept, y_kept = x.copy(), y.copy()
    for seed in (3, 77):
        smaller = set()
        for k in range(1, 8):
            drawn = set(few_shot(x, y, k, seed)[0].tolist())
            assert len(drawn) == 3 * k
            assert smaller <= drawn, "the draws are not nested"
            smaller = drawn
    for k in (8, 13, 100):
        try:
            few_shot(x, y, k, 0)
        except ValueError:
            continue
        raise AssertionError("a class with fewer than k examples must raise ValueError")
    assert (x == x_kept).all()
    assert (y == y_kept).all()


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.3 Leakage (3 points)
#
# A test image that also stands in the training set measures memory. Collections from the web are full of such twins. Find them: for each test image, the place of the *first* training image that is equal to it in every number, or −1.
#
# Equal means `==`, so 0.0 and −0.0 are equal, though their bytes are not. One grey value in one pixel makes a difference, however small. All pairs at once do not fit: 6,000 × 2,000 images of 28×28 are 9.4 billion comparisons. What can be looked up in a dictionary?


# %% nbgrader={"grade_id": "leakage", "solution": true}
# Exercise 5.3 · leakage (3 points)
def leakage(x_train, x_test):
    """Which training image is equal to each test image.

    x_train : array (n, …). x_test : array (m, …), of the same dtype and image shape; no NaN.
    Returns an int array (m,): the first i with x_train[i] equal to the test image, or −1.
    The arrays are not changed.
    """
    ### BEGIN SOLUTION
    first = {}
    for i, image in enumerate(x_train):
        first.setdefault((image + 0).tobytes(), i)  # + 0 makes 0.0 of −0.0
    return np.array([first.get((image + 0).tobytes(), -1) for image in x_test], int)
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print `[ 2 -1  0]`. Then the digits: does MNIST leak?

# %%
_train, _test = np.array([[5, 1], [3, 3], [0, 9], [5, 1]]), np.array([[0, 9], [1, 5], [5, 1]])
print(leakage(_train, _test))
_digits = data.load("mnist", train=6000, test=2000)
_twins = leakage(_digits.x_train, _digits.x_test)
print(f"test images with a twin in the training set ≈ {(_twins >= 0).sum()}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "leakage-check", "points": 1}
def _check():
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 4, 1), dtype="uint8")
    x[7] = x[31] = x[12]
    test = np.stack([x[12], x[39], x[12][::-1], x[0], x[5]])
    test[4, 2, 3, 0] ^= 1
    kept, test_kept = x.copy(), test.copy()
    answer = np.asarray(leakage(x, test))
    assert answer.shape == (5,), f"one number for each test image: (5,), not {answer.shape}"
    assert answer.dtype.kind == "i", f"an int array, not {answer.dtype}"
    assert answer[1] == 39 and answer[3] == 0, f"test images 1 and 3 are 39 and 0, not {answer}"
    assert answer[0] == 7, f"7, 12 and 31 are equal: the first of them, not {answer[0]}"
    assert answer[2] == -1, "the same pixels in another order are no twin"
    assert answer[4] == -1, "one pixel differs by one grey value: no twin"
    assert (x == kept).all() and (test == test_kept).all(), "leave the images as they are"
    twice = leakage(x[:3], np.stack([test[4], test[4]]))
    assert (np.asarray(twice) == -1).all(), "two equal test images are no leak from training"
    zero = np.zeros((2, 2), "float32")
    assert leakage(zero, -zero)[0] == 0, "0.0 == −0.0"
    near = np.nextafter(zero + 0.25, zero + 1)
    assert leakage(zero + 0.25, near)[0] == -1, "the next larger float is another number"


_check()


# %% nbgrader={"grade_id": "leakage-hidden", "points": 1}
# Hidden tests of exercise 5.3: floats, permuted pixels, tiny differences (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(53)
    for shape, dtype in [((5, 4), "float32"), ((3, 2, 3), "float64"), ((6, 6, 1), "uint8")]:
        x = (rng.normal(size=(90, *shape)) * 100).astype(dtype)
        x[rng.integers(0, 90, 30)] = x[rng.integers(0, 90, 30)]
        test = (rng.normal(size=(60, *shape)) * 100).astype(dtype)
        test[::3] = x[rng.integers(0, 90, 20)]
        test[1] = np.sort(x[4], axis=None).reshape(shape)
        test[2], test[5] = x[4], test[4]
        near = x[4].flat[3]
        test[2].flat[3] = near + 1 if dtype == "uint8" else np.nextafter(near, type(near)(1e9))
        x_kept, test_kept = x.copy(), test.copy()
        answer = np.asarray(leakage(x, test))
        for i, image in enumerate(test):
            twins = [j for j in range(90) if (x[j] == image).all()]
            assert answer[i] == (twins[0] if twins else -1)
        assert answer[2] == -1
        assert answer.dtype.kind == "i"
        assert (x == x_kept).all()
        assert (test == test_kept).all()


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "leakage-hidden-2", "points": 1}
# Hidden tests of exercise 5.3: zeros with a sign; thousands of images (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(530)
    x = rng.integers(-1, 2, (12, 4)).astype("float32")
    answer = leakage(x, np.where(x == 0, np.float32(-0.0), x))
    for i, image in enumerate(x):
        assert answer[i] == (x == image).all(axis=1).argmax()
    x = rng.integers(0, 256, (3000, 28, 28, 1), dtype="uint8")
    rows = rng.permutation(3000)[:500]
    assert (np.asarray(leakage(x, x[rows])) == rows).all()
    big = np.array([[2**53]])
    assert leakage(big, big + 1)[0] == -1


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.4 Features from any layer (3 points)
#
# The last maps of a network speak of its old classes; maps further in are more general. Which depth serves a new task best is not known beforehand. So take features from *several* layers at once.
#
# Write a function that turns a model into an extractor. Each named layer gives one vector for an image: maps (H, W, channels) by their average over all places, vectors as they are. The vectors are concatenated in the order of the names.
#
# The extractor **shares** the weights with the model: who trains one, trains both. And the model may have branches.


# %% nbgrader={"grade_id": "feature_extractor", "solution": true}
# Exercise 5.4 · feature_extractor (3 points)
def feature_extractor(model, layer_names):
    """A model that gives the features of some layers of another.

    model : a built Sequential or functional model; its input is model.inputs[0].
    layer_names : list of one or more names; the output of such a layer is (n, H, W, channels)
        or (n, units).
    Returns a model: the same images → (n, features), layer after layer in the order of the names.
    It has the weights of model, not copies. Raises ValueError for a name that is not there.
    The model and the list are not changed.
    """
    ### BEGIN SOLUTION
    features = []
    for name in layer_names:
        x = model.get_layer(name).output
        features.append(layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x)
    return keras.Model(model.inputs[0], ops.concatenate(features, axis=-1))
    ### END SOLUTION


# %% [markdown]
# ### Networks to test with
#
# Two branches, a shortcut, batch normalization: what holds for this network holds for the usual ones. Its weights are random, and so are its moving averages.


# %% nbgrader={"grade_id": "branched", "locked": true}
def branched(seed=0):
    """A functional network for images of 9×12×2 in 4 classes, with random weights."""
    image = keras.Input((9, 12, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    left = layers.Conv2D(4, 3, padding="same", name="left")(x)
    left = layers.BatchNormalization(name="norm")(left)
    right = layers.Conv2D(4, 1, name="right")(image)
    x = layers.ReLU(name="sum")(layers.add([left, right, x]))
    x = layers.Conv2D(6, 3, strides=2, activation="relu", name="last")(x)
    x = layers.GlobalMaxPooling2D(name="peaks")(x)
    x = layers.Dense(5, activation="relu", name="hidden")(x)
    return randomized(
        keras.Model(image, layers.Dense(4, activation="softmax", name="head")(x)), seed
    )


def randomized(model, seed=0):
    """Give a model random weights; those that look like a variance stay positive."""
    rng = np.random.default_rng(seed)
    new = [rng.normal(0, 0.4, weight.shape) for weight in model.get_weights()]
    positive = [weight.path.endswith("variance") for weight in model.weights]
    model.set_weights([abs(w) + 0.5 if p else w for w, p in zip(new, positive, strict=True)])
    return model


def random_images(n=5, shape=(9, 12, 2), seed=0):
    """Random images, float32, with negative numbers, too."""
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype("float32")


# %% [markdown]
# *Try it.* Here 6 + 4 + 5 features make `(5, 15)`.

# %%
to_numpy(feature_extractor(branched(), ["last", "sum", "hidden"])(random_images())).shape

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "feature_extractor-check", "points": 1}
def _check():
    model, images = branched(), random_images()
    before, names = model.get_weights(), ["sum", "first"]
    extractor = feature_extractor(model, names)
    assert isinstance(extractor, keras.Model), f"return a model, not {type(extractor)}"
    assert names == ["sum", "first"], "leave the list as it is"
    features = to_numpy(extractor(images))
    assert features.shape == (5, 8), f"4 maps and 4 maps give (5, 8), not {features.shape}"
    first = to_numpy(model.get_layer("first")(images)).mean(axis=(1, 2))
    assert_allclose(features[:, 4:], first, atol=1e-4, err_msg="average each map of `first`")
    alone = to_numpy(feature_extractor(model, ["sum"])(images))
    assert_allclose(features[:, :4], alone, atol=1e-4, err_msg="the order is that of the names")
    model.set_weights([w / 2 for w in before])
    hint = "the model's weights changed and the extractor's did not: share them"
    assert abs(to_numpy(extractor(images)) - features).max() > 1e-3, hint
    model.set_weights(before)
    vector = to_numpy(feature_extractor(model, ["hidden"])(images))
    assert vector.shape == (5, 5), f"5 numbers stay 5 numbers: (5, 5), not {vector.shape}"
    probabilities = to_numpy(feature_extractor(model, ["head"])(images))
    assert_allclose(probabilities, to_numpy(model(images)), atol=1e-4, err_msg="mind the branches")
    assert len(model.trainable_variables) == 14, "what is trainable stays so"
    try:
        feature_extractor(model, ["first", "second"])
    except ValueError:
        pass
    else:
        raise AssertionError("there is no layer named `second`: raise ValueError")


_check()


# %% nbgrader={"grade_id": "feature_extractor-hidden", "points": 1}
# Hidden tests of exercise 5.4: all layers of a branched network, by hand (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    model, x = branched(seed=54), random_images(4, seed=54)
    w = {layer.name: layer.get_weights() for layer in model.layers}

    def conv(images, name, **how):
        return to_numpy(ops.conv(images, w[name][0], **how)) + w[name][1]

    first = np.maximum(conv(x, "first", padding="same"), 0)
    left, right = conv(first, "left", padding="same"), conv(x, "right")
    gamma, beta, mean, variance = w["norm"]
    norm = gamma * (left - mean) / np.sqrt(variance + 1e-3) + beta
    total = np.maximum(norm + right + first, 0)
    last = np.maximum(conv(total, "last", strides=2), 0)
    peaks = last.max(axis=(1, 2))
    hidden = np.maximum(peaks @ w["hidden"][0] + w["hidden"][1], 0)
    maps = {"first": first, "left": left, "right": right, "norm": norm, "sum": total, "last": last}
    expected = {name: m.mean(axis=(1, 2)) for name, m in maps.items()}
    expected |= {"peaks": peaks, "hidden": hidden}
    before = model.get_weights()
    for names in (["hidden", "norm", "first"], ["right"], ["sum", "peaks", "left", "last"]):
        answer = to_numpy(feature_extractor(model, names)(x))
        assert_allclose(answer, np.concatenate([expected[n] for n in names], axis=1), atol=1e-3)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "feature_extractor-hidden-2", "points": 1}
# Hidden tests of exercise 5.4: shared weights, an unharmed model, a Sequential, names not there (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    model, x = branched(seed=541), random_images(4, seed=541)
    extractor = feature_extractor(model, ["last"])
    assert isinstance(extractor, keras.Model)
    assert len(model.layers) == 11
    assert len(model.trainable_variables) == 14
    randomized(model, seed=540)
    again = to_numpy(feature_extractor(model, ["last"])(x))
    assert_allclose(to_numpy(extractor(x)), again, atol=1e-4)
    stack = keras.Sequential([keras.Input((6, 5, 3)), layers.Conv2D(7, 2, name="a")])
    stack.add(layers.Conv2D(3, 2, activation="tanh", name="b"))
    stack.add(layers.Flatten(name="c"))
    stack.add(layers.Dense(2, name="d"))
    images = random_images(3, (6, 5, 3), seed=5)
    answer = to_numpy(feature_extractor(stack, ["d", "b"])(images))
    b = to_numpy(stack.layers[1](stack.layers[0](images)))
    both = [to_numpy(stack(images)), b.mean(axis=(1, 2))]
    assert_allclose(answer, np.concatenate(both, axis=1), atol=1e-4)
    for names in (["e"], ["a", ""]):
        try:
            feature_extractor(stack, names)
        except ValueError:
            continue
        raise AssertionError("a name that is not there must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.5 The right preprocessing, there and back (3 points)
#
# A pre-trained network expects its inputs as they were in its training. Give it others and there is no error, only worse answers. The models of `keras.applications` use three conventions. All begin with RGB images of numbers from 0 to 255:
#
# | mode | what is done | for example in |
# | --- | --- | --- |
# | `"tf"` | to the range −1 … 1 | MobileNetV2 |
# | `"caffe"` | channels in the order BGR; then minus 103.939 (B), 116.779 (G), 123.68 (R) | VGG16, ResNet50 |
# | `"torch"` | to the range 0 … 1; then minus 0.485, 0.456, 0.406 (R, G, B); then divided by 0.229, 0.224, 0.225 | DenseNet121 |
#
# Do it by hand, and undo it: `restore` makes images again of what a network is fed with, for a figure. Whole numbers from 0 to 255 come back exactly. What lies outside (after an augmentation, say) is cut to 0 or 255.
#
# A trap: Keras' own `preprocess_input` writes into the array that it is given, if that holds floats. Whoever runs such a cell twice has preprocessed twice. Yours leaves its input alone.


# %% nbgrader={"grade_id": "preprocess", "solution": true}
# Exercise 5.5 · preprocess (3 points)
def preprocess(images, mode):
    """What a pre-trained network is fed with.

    images : uint8 or float array (n, H, W, 3), RGB, 0 to 255. mode : "tf", "caffe" or "torch".
    Returns a new float32 array (n, H, W, 3). Raises ValueError for another mode.
    """
    ### BEGIN SOLUTION
    x = images.astype("float32")
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "caffe":
        return (x[..., ::-1] - [103.939, 116.779, 123.68]).astype("float32")
    if mode == "torch":
        return ((x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    raise ValueError(f"no mode is named {mode!r}")
    ### END SOLUTION


def restore(inputs, mode):
    """The images that preprocess(images, mode) was given.

    inputs : float array (n, H, W, 3), not changed. mode as above; ValueError for another.
    Returns a uint8 array (n, H, W, 3), RGB: the nearest whole numbers from 0 to 255.
    """
    ### BEGIN SOLUTION
    black, white = preprocess(np.full((2, 1, 1, 3), 255) * [[[[0]]], [[[1]]]], mode)
    images = np.clip(np.rint(255 * (inputs - black) / (white - black)), 0, 255).astype("uint8")
    return images[..., ::-1] if mode == "caffe" else images
    ### END SOLUTION


# %% [markdown]
# *Try it.* An orange pixel, (255, 128, 0), should become (1, 0, −1), (−104, 11, 131) and (2.2, 0.2, −1.8), rounded; and orange again.

# %%
_orange = np.array([255, 128, 0], "uint8").reshape(1, 1, 1, 3)
for _mode in ("tf", "caffe", "torch"):
    _inputs = preprocess(_orange, _mode)
    print(f"{_mode:5s} {restore(_inputs, _mode).ravel()} ≈ {np.round(_inputs.ravel(), 1)}")

# %% [markdown]
# *Check.* Keras' own function is the reference, on a copy.


# %% nbgrader={"grade_id": "preprocess-check", "points": 1}
def _check():
    reference = keras.applications.imagenet_utils.preprocess_input
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3))
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    for mode in ("tf", "caffe", "torch"):
        for dtype in ("uint8", "float32", "float64"):
            x = images.astype(dtype)
            answer = preprocess(x, mode)
            assert (x == images).all(), f"{mode}, {dtype}: leave the images as they are"
            assert answer.dtype == "float32", f"{mode}: float32 expected, not {answer.dtype}"
            expected = reference(images.astype("float32"), mode=mode)
            hint = f"{mode}, from {dtype}: go through its row of the table step by step"
            assert_allclose(answer, expected, atol=1e-3, err_msg=hint)
        kept = answer.copy()
        back = restore(answer, mode)
        assert (answer == kept).all(), f"{mode}: restore leaves its input as it is"
        assert back.dtype == "uint8", f"{mode}: restore returns uint8, not {back.dtype}"
        off = abs(back.astype(int) - images).max()
        assert off == 0, f"{mode}: there and back again, a pixel is {off} grey values off"
        cut = restore(np.concatenate([answer + 9000, answer - 9000]), mode)
        assert (cut[:2] == 255).all() and (cut[2:] == 0).all(), f"{mode}: cut to 0 … 255"
        for function in (preprocess, restore):
            try:
                function(images.astype("float32"), "keras")
            except ValueError:
                continue
            raise AssertionError(f"{function.__name__}: 'keras' is no mode: raise ValueError")


_check()


# %% nbgrader={"grade_id": "preprocess-hidden", "points": 1}
# Hidden tests of exercise 5.5: preprocess, with the numbers of the table (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    def by_hand(images):
        r, g, b = (images[..., c].astype("float64") for c in range(3))
        yield "tf", [(c - 127.5) / 127.5 for c in (r, g, b)]
        yield "caffe", [b - 103.939, g - 116.779, r - 123.68]
        r, g, b = r / 255 - 0.485, g / 255 - 0.456, b / 255 - 0.406
        yield "torch", [r / 0.229, g / 0.224, b / 0.225]

    rng = np.random.default_rng(55)
    images, dark = rng.integers(0, 256, (3, 5, 4, 3)), rng.uniform(0, 0.9, (2, 3, 4, 3))
    for given, dtype in itertools.product((images, dark), ("uint8", "float32", "float64")):
        x = given.astype(dtype)
        for mode, channels in by_hand(x.copy()):
            answer = preprocess(x, mode)
            assert answer.dtype == "float32"
            assert_allclose(answer, np.stack(channels, axis=-1), atol=2e-4)
            assert (x == given.astype(dtype)).all()
            assert not np.shares_memory(answer, x)
    for mode in ("TF", "", None):
        try:
            preprocess(images.astype("float32"), mode)
        except ValueError:
            continue
        raise AssertionError("an unknown mode must raise ValueError")


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "preprocess-hidden-2", "points": 1}
# Hidden tests of exercise 5.5: restore, for every grey value, between two, and outside (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    grey = np.arange(256.0)
    images = np.stack([grey, (grey * 7 + 3) % 256, 255 - grey], axis=-1).reshape(2, 8, 16, 3)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    inputs = {
        "tf": lambda x: x / 127.5 - 1,
        "caffe": lambda x: x[..., ::-1] - [103.939, 116.779, 123.68],
        "torch": lambda x: (x / 255 - mean) / std,
    }
    for mode, feed in inputs.items():
        for dtype in ("float32", "float64"):
            for shift in (0, 0.3, -0.4, 40, -300, 600):
                x = feed(images + shift).astype(dtype)
                kept, answer = x.copy(), restore(x, mode)
                assert answer.dtype == "uint8"
                assert (answer == np.clip(images + np.rint(shift), 0, 255)).all()
                assert (x == kept).all()
    for mode in ("TF", None):
        try:
            restore(x, mode)
        except ValueError:
            continue
        raise AssertionError("an unknown mode must raise ValueError")


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.6 The careful thaw (4 points)
#
# First the new head learns on a frozen base; then the last layers of the base thaw. Write the function for both.
#
# - A *weighted layer* has weights and is no `BatchNormalization`: convolutions, dense layers, and the like. The last n of them shall learn, all others shall not.
# - **No batch normalization learns, wherever it stands.** Its averages were measured on thousands of images; a few small batches would spoil them. So γ and β stay, and so do the moving averages, and it works with these in training, too. In Keras 3, `trainable = False` does all that for a `BatchNormalization`.
# - A layer can be a model itself: the base, put as one layer under a new head. Look inside, and count its layers one by one.
#
# The function is called again and again, with a larger n each time, or a smaller one. What it did before must not matter.
#
# Two traps. Where the `trainable` of the model that you train is False, nothing in it learns, whatever its layers say. And setting it to False freezes all layers inside; but setting it to True where it is True already thaws none of them (in the Keras that this lab was written with). So set it layer by layer.


# %% nbgrader={"grade_id": "freeze", "solution": true}
# Exercise 5.6 · freeze (4 points)
def freeze(model, n):
    """Let the last n weighted layers of a model learn, and nothing else.

    model : built; a keras.Sequential or a functional chain, whose layers may be such models, too.
    n : int, 0 or more; if there are fewer weighted layers, all of them learn.
    Returns the same model. Every BatchNormalization stays frozen: none of its four weights
    changes in training. The weights themselves are not changed here.
    """
    ### BEGIN SOLUTION

    def inside(parts):
        for part in parts:
            if isinstance(part, keras.Model):
                yield from inside(part.layers)
            else:
                yield part

    every = list(inside(model.layers))
    weighted = [
        layer
        for layer in every
        if layer.weights and not isinstance(layer, layers.BatchNormalization)
    ]
    first = max(0, len(weighted) - n)
    model.trainable = True
    for layer in every:
        layer.trainable = any(layer is other for other in weighted[first:])
    return model
    ### END SOLUTION


# %% [markdown]
# ### A network in a network
#
# The base has three weighted layers, the head has two. `moved` trains one step and says which weights are no longer what they were.


# %% nbgrader={"grade_id": "nested", "locked": true}
def nested(seed=0):
    """A Sequential for images of 9×12×2 in 3 classes; its first layer is a model itself."""
    base = keras.Sequential(name="base")
    base.add(keras.Input((9, 12, 2)))
    for name, strides in [("a", 2), ("b", 1), ("c", 1)]:
        base.add(layers.Conv2D(4, 3, strides=strides, padding="same", name=name))
        base.add(layers.BatchNormalization(momentum=0.5, name=f"norm_{name}"))
        base.add(layers.Activation("tanh"))
    base.add(layers.GlobalAveragePooling2D())
    model = keras.Sequential([keras.Input((9, 12, 2)), base, layers.Dense(5, name="d")])
    model.add(layers.BatchNormalization(momentum=0.5, name="norm_d"))
    model.add(layers.Activation("tanh"))
    model.add(layers.Dense(3, activation="softmax", name="e"))
    return randomized(model, seed)


def moved(model, seed=0):
    """Train one step. Returns the names of the layers whose weights changed, in rising order."""
    before = [(weight, to_numpy(weight).copy()) for weight in model.weights]
    images = random_images(30, model.input_shape[1:], seed)
    labels = np.arange(30) % model.output_shape[-1]
    sgd = keras.optimizers.SGD(1.0)
    model.compile(sgd, "sparse_categorical_crossentropy", run_eagerly=True)
    model.train_on_batch(images, labels)
    changed = [w.path for w, old in before if abs(to_numpy(w) - old).max() > 0]
    return sorted({path.split("/")[-2] for path in changed})


# %% [markdown]
# *Try it.* Before your function, all nine layers move. With n = 1 it should be `['e']`, with n = 3 `['c', 'd', 'e']`.

# %%
_model = nested()
print(moved(_model))
for _n in (1, 3):
    print(moved(freeze(_model, _n)))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "freeze-check", "points": 2}
def _check():
    model = nested()
    before = model.get_weights()
    assert freeze(model, 2) is model, "return the same model"
    same = all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert same, "freeze leaves the weights as they are"
    for n, expected in [(2, ["d", "e"]), (4, list("bcde")), (1, ["e"]), (3, list("cde"))]:
        names = moved(freeze(model, n))
        norms = [name for name in names if name.startswith("norm")]
        assert not norms, f"n = {n}: {norms} moved (γ, β or a moving average): freeze it"
        assert names == expected, f"n = {n}, one step: {names} moved; should be {expected}"
    images = random_images(8)
    used, trained = (to_numpy(model(images, training=mode)) for mode in (False, True))
    assert_allclose(
        used, trained, atol=1e-5, err_msg="in training, a batch norm looks at the batch"
    )
    for n in (5, 50):
        names = moved(freeze(nested(), n))
        assert names == list("abcde"), f"n = {n}: all five weighted layers move, not {names}"
    count = len(freeze(model, 0).trainable_variables)
    assert count == 0, f"n = 0: nothing learns, but {count} weights would"


_check()


# %% nbgrader={"grade_id": "freeze-hidden", "points": 2}
# Hidden tests of exercise 5.6: models three deep, a functional chain, other kinds of layers (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    def deep():
        core = keras.Sequential([keras.Input((9, 12, 2))])
        core.add(layers.SeparableConv2D(4, 3, use_bias=False, name="a"))
        core.add(layers.BatchNormalization(momentum=0.5, name="bn_a"))
        core.add(layers.Conv2D(4, 3, activation="tanh", name="b"))
        image = keras.Input((9, 12, 2))
        x = layers.BatchNormalization(momentum=0.5, name="bn_0")(image)
        x = layers.MaxPooling2D(2)(layers.Conv2D(3, 1, name="c")(core(x)))
        x = layers.LayerNormalization(name="d")(layers.Flatten()(x))
        model = keras.Sequential([keras.Input((9, 12, 2)), keras.Model(image, x)])
        model.add(layers.Dense(6, activation="tanh", name="e"))
        model.add(layers.BatchNormalization(momentum=0.5, name="bn_e"))
        model.add(layers.Dense(4, activation="softmax", name="f"))
        return randomized(model, 56)

    model, names = deep(), list("abcdef")
    for n in (6, 3, 1, 9, 4):
        assert moved(freeze(model, n), seed=n) == names[-n:], n
    assert freeze(model, 0).trainable_variables == []
    model.trainable = False
    assert moved(freeze(model, 2)) == ["e", "f"]
    used, trained = (to_numpy(model(random_images(6), training=mode)) for mode in (False, True))
    assert_allclose(used, trained, atol=1e-5)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.7 A learning rate for each depth (3 points)
#
# Early layers are general and need little change; late layers are special and need more. *Discriminative fine-tuning* (Howard and Ruder, 2018) gives each layer its own learning rate: the last layer has η, and each layer has that of the layer after it, divided by 2.6.
#
# Depth counts the weighted layers of 5.6, from the end of the network, in models inside models, too. A frozen layer counts like any other. A batch normalization has the rate of the weighted layer before it. What has no weights does not count.
#
# Return a list that fits `model.trainable_variables`: one rate for each of these, in that order. So a kernel and its bias have the same.


# %% nbgrader={"grade_id": "layer_rates", "solution": true}
# Exercise 5.7 · layer_rates (3 points)
def layer_rates(model, rate, factor=2.6):
    """A learning rate for each trainable variable, lower towards the input.

    model : built; a keras.Sequential or a functional chain, whose layers may be such models, too.
        Its first layer with weights is no BatchNormalization.
    rate : float, of the last weighted layer. factor : float, rate of a layer / rate of the one
        before it.
    Returns a list of floats, one for each of model.trainable_variables. The model is not changed.
    """
    ### BEGIN SOLUTION
    place, places, queue = -1, {}, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
        elif layer.weights:
            place += not isinstance(layer, layers.BatchNormalization)
            places |= {id(weight): place for weight in layer.weights}
    return [float(rate / factor ** (place - places[id(v)])) for v in model.trainable_variables]
    ### END SOLUTION


# %% [markdown]
# *Try it.* With factor 10, `nested()` should have four variables of each of these rates: 0.0001, 0.001, 0.01, 0.1; and two of 1.

# %%
print([f"{_rate:g}" for _rate in layer_rates(nested(), 1, factor=10)])

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "layer_rates-check", "points": 1}
def _check():
    model = nested()
    answer = layer_rates(model, 0.4, factor=2)
    count = len(model.trainable_variables)
    assert len(answer) == count, f"{count} trainable variables, but {len(answer)} rates"
    for variable, value in zip(model.trainable_variables, answer, strict=True):
        place = "abcde".index(variable.path.split("/")[-2][-1])
        expected = 0.4 / 2 ** (4 - place)
        hint = f"{variable.path}: {value:g}, not {expected:g}: how many weighted layers come after?"
        assert_allclose(value, expected, rtol=1e-6, err_msg=hint)
    ratio = layer_rates(model, 0.4)[-1] / layer_rates(model, 0.4)[0]
    assert_allclose(ratio, 2.6**4, rtol=1e-6, err_msg="without a factor, it is 2.6 for each layer")
    for layer in (model.get_layer("d"), model.layers[0].get_layer("norm_b")):
        layer.trainable = False
    answer, left = layer_rates(model, 1.0, factor=10), model.trainable_variables
    assert len(answer) == len(left), f"{len(left)} variables learn now, but {len(answer)} rates"
    hint = "d is frozen: it counts as a layer, and has no rate in the list"
    by_name = {v.path.split("/")[-2]: value for v, value in zip(left, answer, strict=True)}
    assert_allclose(by_name["c"], 0.01, rtol=1e-6, err_msg=hint)
    assert len(model.trainable_variables) == len(left), "leave the model as it is"


_check()


# %% nbgrader={"grade_id": "layer_rates-hidden", "points": 2}
# Hidden tests of exercise 5.7: models in models, layers without a bias, frozen ones (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    core = keras.Sequential([keras.Input((8, 7, 3)), layers.Conv2D(5, 3, use_bias=False, name="0")])
    core.add(layers.BatchNormalization(name="0n"))
    core.add(layers.ReLU())
    core.add(layers.SeparableConv2D(4, 2, name="1"))
    image = keras.Input((8, 7, 3))
    x = layers.ReLU()(layers.BatchNormalization(name="1n")(core(image)))
    body = keras.Model(image, layers.GlobalMaxPooling2D()(layers.Conv2D(6, 1, name="2")(x)))
    model = keras.Sequential([keras.Input((8, 7, 3)), layers.Rescaling(0.5), body])
    model.add(layers.LayerNormalization(name="3"))
    model.add(layers.Dense(6, name="4"))
    model.add(layers.BatchNormalization(scale=False, name="4n"))
    model.add(layers.Dense(2, use_bias=False, name="5"))
    for frozen in ((), ("5",), ("1", "4n"), ("0", "0n", "3"), ("4",)):
        for layer in [*core.layers, *body.layers, *model.layers]:
            if not isinstance(layer, keras.Model):
                layer.trainable = layer.name not in frozen
        learning = [v.path for v in model.trainable_variables]
        for rate, factor in [(0.3, 2.6), (0.02, 1.0), (5, 4)]:
            answer = layer_rates(model, rate, factor)
            depths = [5 - int(path.split("/")[-2][0]) for path in learning]
            assert_allclose(answer, [rate / factor**depth for depth in depths], rtol=1e-6)
        assert_allclose(layer_rates(model, 1.0), [2.6**-depth for depth in depths], rtol=1e-6)
        assert [v.path for v in model.trainable_variables] == learning


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.8 One step with many rates (3 points)
#
# Keras' optimizers have one learning rate for all variables. Take one step of plain gradient descent with a rate for each: every trainable variable v with rate r becomes v − r · ∂loss/∂v, where the loss is the **mean** cross-entropy of the whole batch. All gradients belong to the weights *before* the step.
#
# Keras 3 has no gradient function of its own. But one step of `SGD(1.0)` subtracts exactly the gradient: old minus new weights gives it, on every back end. (`GradientTape` does, too, on TensorFlow.) Mind that `fit` makes batches of 32 unless it is told otherwise.


# %% nbgrader={"grade_id": "sgd_step", "solution": true}
# Exercise 5.8 · sgd_step (3 points)
def sgd_step(model, x, y, rates):
    """One step of gradient descent, with a learning rate for each trainable variable.

    model : ends in a softmax; has no dropout, and no batch normalization that learns.
    x : float array (n, …). y : int array (n,), the classes. rates : list of floats, one for each
        of model.trainable_variables.
    Changes the trainable variables of model; returns None. What is trainable stays so.
    x, y and rates are not changed. The model may be compiled anew.
    """
    ### BEGIN SOLUTION
    old = [to_numpy(v).copy() for v in model.trainable_variables]
    sgd = keras.optimizers.SGD(1.0)
    model.compile(sgd, "sparse_categorical_crossentropy", run_eagerly=True)  # one step only
    model.train_on_batch(x, y)
    for variable, before, rate in zip(model.trainable_variables, old, rates, strict=True):
        gradient = before - to_numpy(variable)
        variable.assign(before - rate * gradient)
    ### END SOLUTION


# %% [markdown]
# *Try it.* After one step of `SGD(0.1)` and one of yours, with rates 0.1 but 0.01 for the first kernel: the ratio of the two moves should be 0.1 for that kernel, and 1 for the others.


# %% nbgrader={"grade_id": "moves", "locked": true}
def two_layers(seed=0):
    """A network of two dense layers without a convolution: 6 numbers → 4 classes."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="tanh")])
    model.add(layers.Dense(4, activation="softmax"))
    return randomized(model, seed)


def moves(model, step):
    """How far each trainable variable moves in step(model). The model is as before, afterwards."""
    before = model.get_weights()
    old = [to_numpy(v).copy() for v in model.trainable_variables]
    step(model)
    change = [to_numpy(v) - o for v, o in zip(model.trainable_variables, old, strict=True)]
    model.set_weights(before)
    return change


def plain(rate, x, y):
    """One step of Keras' SGD on the whole batch, as a function of the model."""

    def step(model):
        sgd = keras.optimizers.SGD(rate)
        model.compile(sgd, "sparse_categorical_crossentropy", run_eagerly=True)
        model.train_on_batch(x, y)

    return step


# %%
_x, _y = random_images(50, (6,)), np.arange(50) % 4
_theirs = moves(two_layers(), plain(0.1, _x, _y))
_mine = moves(two_layers(), lambda model: sgd_step(model, _x, _y, [0.01, 0.1, 0.1, 0.1]))
for _a, _b in zip(_mine, _theirs, strict=True):
    print(f"{_a.shape} moved by this part of Keras' move ≈ {np.median(_a / _b):.3f}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "sgd_step-check", "points": 1}
def _check():
    x, y = random_images(50, (6,), seed=1), np.arange(50) % 4
    x_kept, y_kept, model = x.copy(), y.copy(), two_layers(1)
    whole = moves(model, plain(1.0, x, y))
    for rates in ([0.1] * 4, [0.1, 0.1, 0, 0.2], [2.0, 3.0, 0.5, 4.0]):
        kept = list(rates)
        answer = moves(model, lambda model, rates=rates: sgd_step(model, x, y, rates))
        assert rates == kept, "leave the list of rates as it is"
        for mine, full, rate in zip(answer, whole, rates, strict=True):
            norm = abs(mine).sum() / abs(full).sum()
            hint = f"rates {rates}: one variable moved by {norm:.3f} gradients, not {rate}"
            assert_allclose(mine, rate * full, atol=1e-4, err_msg=hint)
    assert (x == x_kept).all() and (y == y_kept).all(), "leave x and y as they are"
    frozen = freeze(nested(), 2)
    images, labels = random_images(40), np.arange(40) % 3
    before = [to_numpy(w).copy() for w in frozen.weights]
    assert sgd_step(frozen, images, labels, [0.1, 0.2, 0.3, 0.4]) is None, "return nothing"
    assert len(frozen.trainable_variables) == 4, "what is trainable stays so"
    learning = {id(v) for v in frozen.trainable_variables}
    for weight, old in zip(frozen.weights, before, strict=True):
        change = abs(to_numpy(weight) - old).max()
        assert (change > 0) == (id(weight) in learning), f"{weight.path}: moved by {change:.2g}"


_check()


# %% nbgrader={"grade_id": "sgd_step-hidden", "points": 1}
# Hidden tests of exercise 5.8: the gradient by hand; rates of all sizes (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    for seed, n, rates in [(58, 3000, [0.3, 1.5, 0.0, 6.0]), (580, 33, [4.0, 0.01, 2.5, 0.7])]:
        model = two_layers(seed)
        w1, b1, w2, b2 = (w.astype("float64") for w in model.get_weights())
        x = random_images(n, (6,), seed)
        y = np.random.default_rng(seed).integers(0, 4, n)
        hidden = np.tanh(x @ w1 + b1)
        p = np.exp(hidden @ w2 + b2)
        p /= p.sum(axis=1, keepdims=True)
        dz = (p - np.eye(4)[y]) / n
        dh = dz @ w2.T * (1 - hidden**2)
        gradients = [x.T @ dh, dh.sum(axis=0), hidden.T @ dz, dz.sum(axis=0)]
        sgd_step(model, x, y, rates)
        expected = zip((w1, b1, w2, b2), gradients, rates, strict=True)
        for new, (old, gradient, rate) in zip(model.get_weights(), expected, strict=True):
            assert_allclose(new, old - rate * gradient, atol=1e-4)


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "sgd_step-hidden-2", "points": 1}
# Hidden tests of exercise 5.8: a network in a network, in which some layers are frozen (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    model = nested(58)
    for layer in (model.layers[0].get_layer("b"), model.get_layer("e")):
        layer.trainable = False
    for layer in [*model.layers[0].layers, *model.layers]:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    x, y = random_images(45, seed=58), np.arange(45) % 3
    whole = moves(model, plain(1.0, x, y))
    rates = [0.5, 0.25, 2.0, 3.0, 0.125, 0.0]
    answer = moves(model, lambda model: sgd_step(model, x, y, rates))
    for mine, full, rate in zip(answer, whole, rates, strict=True):
        assert_allclose(mine, rate * full, atol=1e-4)
    frozen = [w for w in model.weights if not any(w is v for v in model.trainable_variables)]
    before = [to_numpy(w).copy() for w in frozen]
    sgd_step(model, x, y, rates)
    assert len(model.trainable_variables) == 6
    assert all((to_numpy(w) == old).all() for w, old in zip(frozen, before, strict=True))


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# Why is the *step* multiplied, and not the gradient? For plain SGD that is the same. Predict: an Adam optimizer gets the gradient 1 for one variable, and 0.1 for another. How far does each move in the first step?

# %%
_pair = [keras.Variable(0.0), keras.Variable(0.0)]
_adam = keras.optimizers.Adam(0.01)
_adam.apply([ops.convert_to_tensor(1.0), ops.convert_to_tensor(0.1)], _pair)
print(f"moved by ≈ {float(_pair[0].value):.4f} and {float(_pair[1].value):.4f}")

# %% [markdown]
# The same. Adam divides each gradient by its own usual size, so a factor on the gradient cancels. Whoever wants a smaller rate for the base under Adam must scale what Adam *subtracts*.
#
# ## 5.9 How many examples does it take? (3 points)
#
# "Transfer reaches 90 % with a tenth of the examples" is read off a curve: accuracy against the number of examples per class. The numbers are 1, 2, 5, 10, 20, 50 or so; the curve is drawn with a logarithmic axis, and its points are joined by straight lines *there*. Where does it reach the target first?
#
# Measured curves are bumpy: more examples sometimes give less. What counts is the first place at which the line is at the target. Left of the first point, nothing is known: if that is at the target or above, the answer is its number.


# %% nbgrader={"grade_id": "examples_needed", "solution": true}
# Exercise 5.9 · examples_needed (3 points)
def examples_needed(examples, accuracies, target):
    """The smallest number of examples at which a curve reaches a target.

    examples : list of numbers above 0, all different, in any order.
    accuracies : list of floats, one for each. target : float.
    Between two points, accuracy is linear in log(examples). Returns a float, or None if the
    curve stays below the target. The lists are not changed.
    """
    ### BEGIN SOLUTION
    points = sorted(zip(examples, accuracies, strict=True))
    if points[0][1] >= target:
        return float(points[0][0])
    for (n, low), (m, high) in itertools.pairwise(points):
        if high >= target:
            part = (target - low) / (high - low)
            return float(n * (m / n) ** part)
    return None
    ### END SOLUTION


# %% [markdown]
# *Try it.* From 10 to 40 examples, 0.7 to 0.8: the middle, 0.75, is reached at 20. For a target of 0.9 the answer should be `None`.

# %%
print(
    f"{examples_needed([10, 40], [0.7, 0.8], 0.75):.3f}", examples_needed([10, 40], [0.7, 0.8], 0.9)
)

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "examples_needed-check", "points": 1}
def _check():
    for examples, accuracies, target, expected, hint in [
        ([1, 10, 100], [0.2, 0.4, 0.8], 0.6, 10**1.5, "halfway between 10 and 100, on a log axis"),
        ([1, 10, 100], [0.2, 0.4, 0.8], 0.4, 10, "a point that is exactly at the target"),
        ([1, 10, 100], [0.2, 0.4, 0.8], 0.8, 100, "the last point is exactly at the target"),
        ([5, 50], [0.5, 0.6], 0.5, 5, "the first point is at the target"),
        ([5, 50], [0.5, 0.6], 0.1, 5, "the first point is above the target"),
        ([1, 4, 16, 64], [0.1, 0.5, 0.3, 0.7], 0.4, 4**0.75, "bumpy: the first time counts"),
        (
            [1, 4, 16, 64],
            [0.1, 0.5, 0.3, 0.7],
            0.6,
            16 * 4**0.75,
            "bumpy: only the last line reaches it",
        ),
        ([1, 4, 16], [0.2, 0.8, 0.5], 0.6, 4 ** (2 / 3), "bumpy: reached, then lost again"),
        ([100, 1, 10], [0.8, 0.2, 0.4], 0.6, 10**1.5, "examples may come in any order"),
    ]:
        kept = list(examples), list(accuracies)
        answer = examples_needed(examples, accuracies, target)
        assert (examples, accuracies) == kept, "leave the lists as they are"
        assert answer is not None, f"target {target} is reached: {hint}"
        hint = f"{examples}, {accuracies}, {target}: {answer:.4g}, not {expected:.4g}: {hint}"
        assert_allclose(answer, expected, rtol=1e-4, err_msg=hint)
    answer = examples_needed([1, 10, 100], [0.2, 0.5, 0.4], 0.6)
    assert answer is None, f"the curve stays below 0.6: None, not {answer}"


_check()


# %% nbgrader={"grade_id": "examples_needed-hidden", "points": 2}
# Hidden tests of exercise 5.9: bumpy curves, against a fine walk along the line (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(59)
    for size in (2, 3, 5, 8) * 6:
        n = np.sort(rng.choice(np.arange(1, 400), size, replace=False)).astype(float)
        accuracy = rng.uniform(0.2, 0.9, size)
        order = rng.permutation(size)
        examples, accuracies = n[order].tolist(), accuracy[order].tolist()
        kept = list(examples), list(accuracies)
        walk = np.linspace(np.log(n[0]), np.log(n[-1]), 400_001)
        height = np.interp(walk, np.log(n), accuracy)
        for target in (0.3, 0.45, 0.6, 0.8, 0.95):
            answer = examples_needed(examples, accuracies, target)
            reached = height >= target
            if reached.any():
                assert_allclose(answer, np.exp(walk[reached.argmax()]), rtol=1e-3)
            else:
                assert answer is None
        assert (examples, accuracies) == kept
    assert examples_needed([7], [0.5], 0.5) == 7
    assert examples_needed([7], [0.5], 0.6) is None


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 5.10 Five new digits (4 points)
#
# A network has learned to find a digit anywhere on a canvas of 36×36 pixels, three tenths of which are noise. It knows 0 to 4 only. Now it shall read 5 to 9, from **ten images of each**. Fifty images say little about what a digit in noise looks like; the base has seen four thousand, of other digits.
#
# First the base. It is trained here, once, on images of 0 to 4, each turned by 0, 1, 2 or 3 quarter turns. It has to say the digit *and* the turn: 20 classes. To tell so many apart, it must look at more than five upright digits would ask for.


# %% nbgrader={"grade_id": "base", "locked": true} mystnb={"image": {"alt": "Eight noisy canvases: four with a digit from 0 to 3, turned, and four with an upright digit from 5 to 8, each at another place."}}
def messy(images, seed):
    """Lay each image onto a canvas of 36×36, anywhere; then 30 % of all pixels become noise."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((len(images), 36, 36, 1), "float32")
    corners = rng.integers(0, 9, (len(images), 2))
    for blank, image, (row, column) in zip(canvas, images, corners, strict=True):
        blank[row : row + 28, column : column + 28] = image
    noise = rng.random(canvas.shape, "float32")
    return np.where(rng.random(canvas.shape) < 0.3, noise, canvas)


digits = data.load("mnist", train=8000, test=2000)
old, new = digits.y_train < 5, digits.y_test >= 5
turns = np.random.default_rng(510).integers(0, 4, old.sum())
turned = [np.rot90(image, turn) for image, turn in zip(digits.x_train[old], turns, strict=True)]
x_old, y_old = messy(turned, 511), 4 * digits.y_train[old] + turns
x_new, y_new = messy(digits.x_test[new], 512)[:900], digits.y_test[new][:900] - 5
shown = [x_old[np.argmax(y_old // 4 == digit)] for digit in range(4)]
shown += [x_new[np.argmax(y_new == digit)] for digit in range(4)]
figures.images([image[..., 0] for image in shown], list("01235678"))

# %% [markdown]
# Its four blocks are `conv1`, `norm1`, `relu1` to `conv4`, `norm4`, `relu4`; then come `pool` and `head`.

# %% nbgrader={"grade_id": "pretrain", "locked": true}
keras.utils.set_random_seed(0)
image = x = keras.Input((36, 36, 1))
for i, (filters, strides) in enumerate([(16, 2), (32, 1), (32, 2), (64, 1)], 1):
    x = layers.Conv2D(filters, 3, strides, "same", use_bias=False, name=f"conv{i}")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"norm{i}")(x)
    x = layers.ReLU(name=f"relu{i}")(x)
x = layers.GlobalAveragePooling2D(name="pool")(x)
base = keras.Model(image, layers.Dense(20, activation="softmax", name="head")(x))
adam = keras.optimizers.Adam(3e-3)
base.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
history = base.fit(x_old, y_old, batch_size=64, epochs=6, verbose=progress())
print(f"accuracy in training ≈ {history.history['accuracy'][-1]:.1%}")

# %% [markdown]
# Now write the function that puts a new network on such a base. It
#
# - takes 36×36×1 and ends in a softmax over **5 classes** (class 0 is the digit 5),
# - holds at least the first three convolutions of the base it is given, with their weights as they are; all that is new is untrained,
# - has **40,000 parameters at most**, frozen ones too (the base has 33,000 without its head; a `Flatten` on its last maps is too expensive),
# - reaches **55 %** on new digits after the training below: 20 passes over fifty images, with Adam and a learning rate of 0.01. That is done three times, with other images and a new copy of the base each time; the mean counts. (Guessing gives 20 %. Aim at 60 %.)
#
# It is for you to decide where you cut the base, how you pool, what is frozen. Two thoughts. The old head sorts into old classes: is that of use here? And a rate of 0.01 suits a head that begins at random: what would it do to weights that are good already, and fifty images to moving averages of thousands?
#
# (The grader has no network. Where it has no MNIST of its own it takes the stand-in, which is about as hard. To see what it sees, restart with the environment variable `CONVBOOK_OFFLINE=1`.)


# %% nbgrader={"grade_id": "transfer_model", "solution": true}
# Exercise 5.10 · transfer_model (4 points)
def transfer_model(base):
    """A new model on a pre-trained base, for the classes 5 to 9.

    base : a functional model as above, trained. It is yours: share its weights or copy them.
    Returns a model, not trained: a float batch (n, 36, 36, 1) → probabilities (n, 5).
    """
    ### BEGIN SOLUTION
    features = feature_extractor(base, ["relu4"])
    features.trainable = False
    image = keras.Input((36, 36, 1))
    x = features(image)
    return keras.Model(image, layers.Dense(5, activation="softmax")(x))
    ### END SOLUTION


# %% [markdown]
# *Try it.* How many parameters are there, and how many of them learn?

# %%
_model = transfer_model(keras.models.clone_model(base))
_model(x_new[:1])
print(f"{_model.count_params():,} parameters,", end=" ")
print(f"{sum(to_numpy(v).size for v in _model.trainable_variables):,} of them learn")

# %% [markdown]
# *Training.* Some seconds on a laptop.


# %% nbgrader={"grade_id": "train", "locked": true}
def fifty(seed):
    """Ten images of each digit from 5 to 9, on the canvas, and their classes 0 to 4."""
    rng = np.random.default_rng(seed)
    each = [rng.permutation(np.flatnonzero(digits.y_train == label))[:10] for label in range(5, 10)]
    rows = np.concatenate(each)
    return messy(digits.x_train[rows], seed), digits.y_train[rows] - 5


def copy_of(model):
    """A model like this one, with weights of its own."""
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


def held(model):
    """How many of the base's convolutions stand in a model, with their weights as they are."""
    kernels = [to_numpy(base.get_layer(f"conv{i}").kernel) for i in (1, 2, 3, 4)]
    weights = model.get_weights()
    return sum(any(w.shape == k.shape and (w == k).all() for w in weights) for k in kernels)


# %% nbgrader={"grade_id": "train-2", "locked": true}
keras.utils.set_random_seed(0)
kept, before, probabilities = [], [], []
for seed in (520, 521, 522):
    x_few, y_few = fifty(seed)
    model = transfer_model(copy_of(base))
    before.append(to_numpy(model(x_new)).argmax(axis=-1) == y_new)
    kept.append(held(model))
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(x_few, y_few, batch_size=25, epochs=20, verbose=progress())
    probabilities.append(model.predict(x_new, batch_size=300, verbose=0))
correct = np.array(probabilities).argmax(axis=-1) == y_new
print(f"accuracy on new digits ≈ {correct.mean():.1%}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "transfer_model-check", "points": 2}
def _check():
    assert min(kept) >= 3, (
        f"{min(kept)} of the base's convolutions stand in the model with their weights as they "
        "are; at least 3 should: is it a new network, or a clone without weights?"
    )
    count, shape = model.count_params(), np.shape(probabilities)
    assert count <= 40_000, f"{count:,} parameters; 40,000 are allowed"
    assert shape == (3, 900, 5), f"5 numbers for each of 900 images, three times: not {shape}"
    sums = np.sum(probabilities, axis=-1)
    assert_allclose(sums, 1, atol=1e-3, err_msg="end in a softmax")
    accuracy = correct[:, :450].mean()
    assert accuracy >= 0.55, f"{accuracy:.1%} on 450 new images; 55 % are needed"


_check()


# %% nbgrader={"grade_id": "transfer_model-hidden", "points": 2}
# Hidden tests of exercise 5.10: other images; the base is the one given; the rest began untrained (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert min(kept) >= 3
    assert model.count_params() <= 40_000
    assert_allclose(np.sum(probabilities, axis=-1), 1, atol=1e-3)
    assert correct[:, 450:].mean() >= 0.55
    assert np.mean(before) < 0.45, "transfer_model gave a trained model"
    other = randomized(copy_of(base), seed=510)
    kernels = [w.copy() for w in other.get_weights() if w.ndim == 4]

    def closed(*_, **__):
        raise AssertionError("transfer_model trains; it should only build")

    methods = keras.Model.fit, keras.Model.train_on_batch
    keras.Model.fit = keras.Model.train_on_batch = closed
    try:
        fresh = transfer_model(other)
    finally:
        keras.Model.fit, keras.Model.train_on_batch = methods
    weights = [w for w in fresh.get_weights() if w.ndim == 4]
    found = [any(w.shape == k.shape and (w == k).all() for w in weights) for k in kernels]
    assert sum(found) >= 3, "transfer_model does not use the base that it is given"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** Your tools together: draw a few examples of each new digit, take the features of the base, and take for each new image the class whose mean is nearest. The same on the pixels. Nothing is trained here but those means. Then ask how many examples each needs for 50 %. Other layers, two layers at once, another target?

# %%
sizes, curves = [1, 3, 10, 30, 100], {"features": [], "pixels": []}
x_pool, y_pool = messy(digits.x_train[:3000], 530), digits.y_train[:3000]
x_pool, y_pool = split_classes(x_pool, y_pool, (5, 6, 7, 8, 9))
extractor = feature_extractor(base, ["relu4"])
views = {
    "features": [extractor.predict(images, verbose=0) for images in (x_pool, x_new)],
    "pixels": [images[:, ::2, ::2].reshape(len(images), -1) for images in (x_pool, x_new)],
}
for name, (pool, test) in views.items():
    for k in sizes:
        scores = []
        for seed in range(5):
            x_few, y_few = few_shot(pool, y_pool, k, seed)
            means = np.stack([x_few[y_few == label].mean(axis=0) for label in range(5)])
            distances = ((test[:, None] - means) ** 2).sum(axis=-1)
            scores.append(np.mean(distances.argmin(axis=1) == y_new))
        curves[name].append(float(np.mean(scores)))
    needed = examples_needed(sizes, curves[name], 0.5)
    print(f"{name}: examples per class for 50 % ≈ {needed and round(needed, 1)}")

# %% mystnb={"image": {"alt": "Accuracy on new digits against the number of examples per class, on a logarithmic axis: the features of the base lie above the pixels."}}
for name, style in [("features", "o-"), ("pixels", "s--")]:
    plt.semilogx(sizes, curves[name], style, label=name)
plt.axhline(0.5, color="gray", linewidth=0.8)
plt.gcf().set_size_inches(figures.WIDTH, 3.2)
plt.xlabel("examples per class")
plt.ylabel("accuracy on new digits")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 05_transfer_learning.ipynb` shows the points that you have.
