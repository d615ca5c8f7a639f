# %% [markdown]
# # Lab 06 · Embeddings
#
# You take a column of names all the way into a network: IDs, vectors, their gradients, a model with several such columns, and the questions that one asks a learned table. At the end you forecast the last weeks of a city's bicycle hire, with stations that the training has never seen. Ten exercises, 31 points, about two and a half hours.
#
# **How it works.** Each exercise has a cell with a comment such as `# Exercise 6.3 · embedding_gradient (3 points)`. Write your answer there, and leave that comment in place: the grader finds your answer by it. Run the *try it* cell and compare with what the text promises. Then run the *check* cell: if it prints nothing, the check passes; if not, its message says what to look at. Hidden tests use other numbers when the lab is graded, so an answer must be right in general. Later exercises may call your earlier functions: mend those first. You may add cells wherever you like.
#
# Use NumPy, SciPy or Keras as you wish, in float32 or float64. The [chapter](../book/06_embeddings.ipynb) has all you need.

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
from scipy import spatial

from convbook import figures
from convbook.widgets import interact, progress

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy

# %% [markdown]
# ## 6.1 Names become numbers (2 points)
#
# A layer multiplies numbers. A column such as *cat 1, cat 2, cat 1, cat 3* has none. The first step is the plainest: each category gets a whole number, its ID. Any numbering will do. Which one you choose says nothing about the categories, and that is why an ID is no number to calculate with.
#
# Number them in the order of their first appearance. A column may hold strings, ints, or both: the string `"1"` and the number `1` are two categories.


# %% nbgrader={"grade_id": "integer_ids", "solution": true}
# Exercise 6.1 · integer_ids (2 points)
def integer_ids(values):
    """Integer IDs of a column of categories, 0, 1, 2 … in order of first appearance.

    values : list or array of n strings or ints; n may be 0.
    Returns (ids, categories): an int array (n,), and the list of the different categories,
    such that categories[ids[i]] is values[i]. The values are not changed.
    """
    ### BEGIN SOLUTION
    table = {}
    ids = [table.setdefault(value, len(table)) for value in values]
    return np.array(ids, dtype=int), list(table)
    ### END SOLUTION


# %% [markdown]
# *Try it.* The eight rows of the slides should get 0 1 0 2 3 1 0 3.

# %%
column = ["cat 1", "cat 2", "cat 1", "cat 3", "cat 4", "cat 2", "cat 1", "cat 4"]
print(integer_ids(column))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "integer_ids-check", "points": 1}
def _check():
    column = [f"cat {digit}" for digit in "12134214"]
    ids, categories = integer_ids(column)
    assert isinstance(ids, np.ndarray), f"ids is an array, not a {type(ids).__name__}"
    assert ids.dtype.kind in "iu", f"ids are whole numbers, not {ids.dtype}"
    assert ids.tolist() == [0, 1, 0, 2, 3, 1, 0, 3], f"{ids}: each category one ID, from 0 on"
    assert list(categories) == ["cat 1", "cat 2", "cat 3", "cat 4"], f"{categories}: each once"
    ids, categories = integer_ids(np.array(["b", "a", "b", "c"]))
    assert ids.tolist() == [0, 1, 0, 2], "b comes first here, not first in the alphabet"
    ids, categories = integer_ids([1, "1", 1])
    assert ids.tolist() == [0, 1, 0], "the number 1 and the string '1' are two categories"
    assert list(categories) == [1, "1"], f"{categories!r}: hand the categories back as they were"
    assert integer_ids(["a", "A", "a "])[0].tolist() == [0, 1, 2], "each string is as it is"
    assert integer_ids([])[0].dtype.kind in "iu", "no values: still an array of ints, of none"


_check()


# %% nbgrader={"grade_id": "integer_ids-hidden", "points": 1}
# Hidden tests of exercise 6.1: other columns, a long one, an empty one (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(61)
    words = ["kiwi", "fig", "date", "nut", "plum", "lime"]
    for column in [
        ["x"],
        [7, 7, 3, 7, "3", 3, "7"],
        rng.permutation(np.repeat(words, 5)),
        rng.integers(-40, 40, 500),
        ["b", "B", "b ", "b"],
    ]:
        kept = list(column)
        ids, categories = integer_ids(column)
        assert list(column) == kept
        ids, categories, firsts = np.asarray(ids), list(categories), []
        for value in kept:
            firsts += [value] if value not in firsts else []
        assert categories == firsts
        assert [firsts[i] for i in ids] == kept
        assert ids.shape == (len(kept),) and ids.dtype.kind in "iu"
    ids, categories = integer_ids([])
    assert np.shape(ids) == (0,) and ids.dtype.kind in "iu" and len(categories) == 0


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.2 The same rows, two ways (3 points)
#
# A table holds one row of weights for each ID. There are two ways to fetch rows. One turns each ID into a *one-hot* vector, with a 1 at the place of the ID, and multiplies it by the table. The other just reads the row. Write both, for IDs of any shape: one ID, a column, a batch of sentences.
#
# What if an ID is not in the table? NumPy takes −1 for the last row, and says nothing. Some libraries answer with zeros or NaN. A wrong ID is a mistake somewhere before, so say so: raise a `ValueError`.


# %% nbgrader={"grade_id": "lookup", "solution": true}
# Exercise 6.2 · lookup (3 points)
# Two functions: one_hot and lookup.
def one_hot(ids, n):
    """One-hot vectors of IDs.

    ids : an int, or an int array (or list) of any shape. n : int, how many IDs there are.
    Returns a float32 array (*shape of ids, n): 1 at the place of the ID, else 0.
    Raises ValueError if an ID is not one of 0 … n − 1. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    ids = np.asarray(ids)
    if ((ids < 0) | (ids >= n)).any():
        raise ValueError(f"an ID is from 0 to {n - 1}")
    return (ids[..., None] == np.arange(n)).astype("float32")
    ### END SOLUTION


def lookup(table, ids):
    """The rows of a table, without one-hot vectors.

    table : float array (n, d). ids : an int, or an int array (or list) of any shape.
    Returns an array (*shape of ids, d), a copy, with the table's dtype.
    Raises ValueError as one_hot does. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    ids = np.asarray(ids)
    if ((ids < 0) | (ids >= len(table))).any():
        raise ValueError(f"an ID is from 0 to {len(table) - 1}")
    return np.take(table, ids, axis=0)
    ### END SOLUTION


# %% [markdown]
# *Try it.* For the IDs 3, 0 and 3 both ways should give the fourth row of the slides' table, the first, and the fourth again.

# %%
slides = np.array(
    [
        [0.04, 0.78, 0.09, 0.63, 0.01],
        [0.94, 0.43, 0.25, 0.19, 0.41],
        [0.01, 0.65, 0.87, 0.61, 0.81],
        [0.83, 0.27, 0.84, 0.28, 0.14],
    ]
)
print(lookup(slides, [3, 0, 3]), one_hot([3, 0, 3], 4) @ slides, sep="\n\n")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "lookup-check", "points": 1}
def _check():
    table = np.arange(12.0).reshape(4, 3)
    for ids in (np.array([3, 0, 3]), np.array([[1, 2], [0, 3]]), [2, 1], np.array(2), 2):
        shape = np.shape(ids)
        hot, rows = np.asarray(one_hot(ids, 4)), np.asarray(lookup(table, ids))
        assert hot.shape == (*shape, 4), f"IDs {shape}: one_hot is {(*shape, 4)}, not {hot.shape}"
        assert hot.dtype == "float32", f"one_hot is float32, not {hot.dtype}"
        assert (np.sort(hot)[..., -2:] == [0, 1]).all(), "a one-hot vector has one 1, and zeros"
        assert rows.shape == (*shape, 3), f"IDs {shape}: lookup is {(*shape, 3)}, not {rows.shape}"
        assert rows.dtype == table.dtype, f"lookup keeps {table.dtype}, it gave {rows.dtype}"
        assert_allclose(hot @ table, rows, err_msg=f"the two ways differ for {ids}")
        assert_allclose(rows[..., 0], 3 * np.asarray(ids), err_msg=f"not the rows {ids}")
        rows[...] = 99
        assert table[2, 0] == 6, f"ids={ids!r}: changing the answer changed the table"
    table[1] = np.nan
    hint = "lookup only reads rows: a NaN in row 1 says nothing about rows 3 and 0"
    assert_allclose(lookup(table, [3, 0]), table[[3, 0]], err_msg=hint)
    for ids in (4, -1, [0, -1, 2], [[1, 2], [4, 0]]):
        for call in (lambda ids=ids: one_hot(ids, 4), lambda ids=ids: lookup(table, ids)):
            try:
                call()
            except ValueError:
                continue
            raise AssertionError(f"the IDs {ids} of a table with 4 rows: raise ValueError")


_check()


# %% nbgrader={"grade_id": "lookup-hidden", "points": 1}
# Hidden tests of exercise 6.2: other tables, IDs of other shapes, against Keras (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(62)
    for (n, d), shape in [((5, 2), (7,)), ((9, 4), (2, 3, 4)), ((3, 1), ()), ((4, 6), (0,))]:
        layer = layers.Embedding(n, d)
        layer.build()
        table = rng.normal(size=(n, d)).astype("float32")
        layer.set_weights([table])
        ids = rng.integers(0, n, shape)
        kept = np.copy(ids), table.copy()
        rows, hot = np.asarray(lookup(table, ids)), np.asarray(one_hot(ids, n))
        assert rows.shape == (*shape, d) and rows.dtype == "float32"
        assert hot.shape == (*shape, n) and hot.dtype == "float32"
        if ids.size:
            assert_allclose(rows, to_numpy(layer(ids)), rtol=1e-6)
            assert_allclose(hot, np.eye(n)[ids])
        rows[...] = 5
        assert (ids == kept[0]).all() and (table == kept[1]).all()
    table = rng.normal(size=(300, 2))
    assert_allclose(lookup(table, np.array([255, 0], "uint8")), table[[255, 0]])
    assert one_hot(np.array([255], "uint8"), 300).argmax() == 255


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "lookup-hidden-2", "points": 1}
# Hidden tests of exercise 6.2: IDs that are not in the table (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    table = np.ones((6, 2), "float32")
    for ids in (6, -1, -6, np.array(7), [5, 6], [[0, 1], [-2, 3]], np.array([[[100]]])):
        for call in (lambda ids=ids: one_hot(ids, 6), lambda ids=ids: lookup(table, ids)):
            try:
                call()
            except ValueError:
                continue
            raise AssertionError(f"{ids} should raise ValueError")
    assert lookup(table, [5, 0]).shape == (2, 2) and one_hot([5, 0], 6).shape == (2, 6)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.3 Which rows learn? (3 points)
#
# The loss sends back `g`, its gradient with respect to each vector that was looked up. What is its gradient with respect to the table? A row that nobody read has none. A row that was read gets the `g` of that place. And a row that was read three times?
#
# A table may have a billion rows, and a batch reads a thousand of them. So do not return an array as large as the table: return the rows that were read, and their gradients. Frameworks do the same; TensorFlow calls it `IndexedSlices`. The check uses IDs so large that no machine could hold all the rows.


# %% nbgrader={"grade_id": "embedding_gradient", "solution": true}
# Exercise 6.3 · embedding_gradient (3 points)
def embedding_gradient(ids, g):
    """Gradient of an embedding's table, for those rows only that were read.

    ids : int array of any shape, 0 or more, up to 10**15. g : float array (*shape of ids, d).
    Returns (rows, values): the different IDs in rising order, an int array (k,), and the
    gradients of their rows, a float array (k, d). The inputs are not changed.
    """
    ### BEGIN SOLUTION
    rows, places = np.unique(np.ravel(ids), return_inverse=True)
    values = np.zeros((len(rows), g.shape[-1]))
    np.add.at(values, places, g.reshape(len(places), -1))
    return rows, values
    ### END SOLUTION


# %% [markdown]
# *Try it.* ID 7 is read twice, ID 2 once. This should print `[2 7]`, then the rows 10 20 and 101 202.

# %%
rows, values = embedding_gradient(np.array([7, 2, 7]), np.array([[1.0, 2], [10, 20], [100, 200]]))
print(rows, values, sep="\n")

# %% [markdown]
# *Check.* Keras takes one step of plain gradient descent with learning rate 1. What is gone from the table is the gradient.


# %% nbgrader={"grade_id": "keras_gradient", "locked": true}
def keras_gradient(ids, g, n):
    """The gradient (n, d) of sum(output · g), from one step of Keras' own embedding layer."""

    def loss(target, output):
        return ops.sum(target * output)

    model = keras.Sequential([keras.Input(ids.shape, dtype="int32")])
    model.add(layers.Embedding(n, g.shape[-1]))
    before = model.get_weights()[0]
    model.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)
    model.train_on_batch(ids[None], g[None].astype("float32"))
    return before - model.get_weights()[0]


# %% nbgrader={"grade_id": "embedding_gradient-check", "points": 1}
def _check():
    ids, g = np.array([[5, 0, 5], [1, 5, 1]]), np.arange(12.0).reshape(2, 3, 2) - 3
    kept = ids.copy(), g.copy()
    rows, values = embedding_gradient(ids, g)
    assert (ids == kept[0]).all() and (g == kept[1]).all(), "leave ids and g as they are"
    assert np.shape(rows) == (3,), f"3 different rows were read; yours are {rows}"
    assert list(rows) == [0, 1, 5], f"the different IDs, in rising order, not {rows}"
    assert np.shape(values) == (3, 2), f"a gradient for each: (3, 2), not {np.shape(values)}"
    hint = "the row of ID 5 was read three times: all three reach the loss"
    assert_allclose(values, keras_gradient(ids, g, 6)[rows], atol=1e-5, err_msg=hint)
    answer = embedding_gradient(np.array([10**15, 3, 10**15]), np.ones((3, 2)))
    assert_allclose(answer[1], [[1, 1], [2, 2]], err_msg="IDs may be large")


_check()


# %% nbgrader={"grade_id": "embedding_gradient-hidden", "points": 2}
# Hidden tests of exercise 6.3: other shapes, many repeats, rows not read; against Keras (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(63)
    for n, d, shape in [(9, 3, (40,)), (30, 1, (4, 5)), (6, 4, (2, 1, 3)), (3, 2, (1,))]:
        ids, g = rng.integers(0, n, shape), rng.normal(size=(*shape, d))
        kept = ids.copy(), g.copy()
        rows, values = embedding_gradient(ids, g)
        rows, values = np.asarray(rows), np.asarray(values)
        assert rows.tolist() == sorted(set(ids.ravel().tolist()))
        assert values.shape == (len(rows), d)
        full = np.zeros((n, d))
        full[rows] = values
        assert_allclose(full, keras_gradient(ids, g, n), atol=1e-4)
        assert (ids == kept[0]).all() and (g == kept[1]).all()
    rows, values = embedding_gradient(np.array([[7, 10**15 - 1], [7, 2]]), np.ones((2, 2, 3)))
    assert list(rows) == [2, 7, 10**15 - 1]
    assert_allclose(values, [[1] * 3, [2] * 3, [1] * 3])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.4 Rare and unknown (3 points)
#
# A model lives longer than its list of categories. Tomorrow a shop opens, and the table has no row for it. So ID 0 stands for all that is *out of vocabulary* (OOV), and the known categories begin at 1.
#
# Exercise 6.3 tells you what an OOV row learns from data in which every category is known: nothing. It keeps its random start. The remedy: send the rare ones there, too. Two rows of data teach little about a category anyway, and row 0 then learns what to expect of one that is hardly known.


# %% nbgrader={"grade_id": "encode", "solution": true}
# Exercise 6.4 · encode (3 points)
# Two functions: vocabulary and encode.
def vocabulary(values, min_count=1):
    """The IDs of the categories that are frequent enough.

    values : list or array (n,) of strings or ints, as in exercise 6.1; n may be 0. min_count : int.
    Returns a dict category → ID, for the categories with min_count values or more. IDs are
    1, 2, 3 …, the most frequent category first; of two as frequent, the one that appears first.
    """
    ### BEGIN SOLUTION
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    order = sorted(counts, key=counts.get, reverse=True)
    return {value: i for i, value in enumerate(order, 1) if counts[value] >= min_count}
    ### END SOLUTION


def encode(values, known):
    """The IDs of a column.

    values : list or array (n,) of strings or ints, as in exercise 6.1; n may be 0. known : dict category → ID.
    Returns an int array (n,), 0 for what is not known. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    return np.array([known.get(value, 0) for value in values], dtype=int)
    ### END SOLUTION


# %% [markdown]
# *Try it.* Of these letters, two come three times, one twice, one once. With `min_count=2` this should print `{'b': 1, 'a': 2, 'c': 3}`, then 2 1 0 0 3.

# %%
known = vocabulary(list("babdaccab"), min_count=2)
print(known, encode(["a", "b", "d", "new", "c"], known), sep="\n")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "encode-check", "points": 1}
def _check():
    column = list("babdaccab")
    known = vocabulary(column, 2)
    assert "d" not in known, f"{known}: d comes once, and 2 are needed"
    assert "c" in known, f"{known}: c comes twice, which is enough"
    assert 0 not in known.values(), f"{known}: ID 0 is for what is not known"
    assert known == {"b": 1, "a": 2, "c": 3}, f"{known}: by count; of equals, the first to appear"
    assert len(vocabulary(column)) == 4, "without min_count, all four letters are known"
    assert vocabulary([8, 17, 17]) == {17: 1, 8: 2}, "a column may hold ints"
    answer = encode(np.array(["a", "new", "b", "d"]), known)
    assert isinstance(answer, np.ndarray), f"an array, not a {type(answer).__name__}"
    assert answer.dtype.kind in "iu", f"whole numbers, not {answer.dtype}"
    assert answer.tolist() == [2, 0, 1, 0], f"{answer}: 0 for new and for d, which was too rare"
    assert encode(column, {"a": 40}).max() == 40, "take the IDs from the dict"
    assert len(known) == 3, f"to encode must not add to the vocabulary: {known}"


_check()


# %% nbgrader={"grade_id": "encode-hidden", "points": 2}
# Hidden tests of exercise 6.4: a long column with ties, and new categories (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(64)
    column = [f"k{i}" for i in rng.permutation(np.repeat(np.arange(12), [9, 4, 4, 1] * 3))]
    for values, min_count in [(column, 1), (column, 4), (np.array(column), 5), ([3, 1, 3, 2], 2)]:
        kept = list(values)
        known = vocabulary(values, min_count)
        count = {value: kept.count(value) for value in kept}
        good = sorted({v for v in kept if count[v] >= min_count}, key=kept.index)
        good.sort(key=lambda value: -count[value])
        assert known == {value: place for place, value in enumerate(good, 1)}
        before, new = dict(known), [*kept[::-1], "never seen", -5]
        expected = [good.index(value) + 1 if value in good else 0 for value in new]
        answer = np.asarray(encode(new, known))
        assert answer.tolist() == expected and answer.dtype.kind in "iu"
        assert answer.tolist() == np.asarray(encode(new, known)).tolist()
        assert known == before and list(values) == kept
    assert vocabulary(column, 100) == {}
    assert vocabulary([1, "1", "1"]) == {"1": 1, 1: 2}
    assert np.asarray(encode([], {"a": 1})).dtype.kind in "iu"
    assert list(encode(["a"], {})) == [0] and list(encode(["x", "y"], {"y": 7})) == [0, 7]


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.5 What does it save? (2 points)
#
# One-hot vectors of several columns, side by side, go into `Dense(units)`. Or an embedding for each column comes first, $n$ rows of $d$ numbers, and their vectors side by side go into `Dense(units)`. Without an activation between them, the second is the first with fewer free numbers. Fewer, if $d$ is small enough.
#
# Count the parameters of both. Then, for one column: what is the largest $d$ with which the embedding still saves something?


# %% nbgrader={"grade_id": "largest_d", "solution": true}
# Exercise 6.5 · largest_d (2 points)
# Two functions: parameter_counts and largest_d.
def parameter_counts(inputs, units):
    """Parameters up to and with the first dense layer, which has a bias.

    inputs : dict name → (n, d), the number of IDs of a column and the size of its vectors.
    Returns two ints: with embeddings, and with one-hot vectors.
    """
    ### BEGIN SOLUTION
    tables = sum(n * d for n, d in inputs.values())
    embedded = tables + (sum(d for _, d in inputs.values()) + 1) * units
    return embedded, (sum(n for n, _ in inputs.values()) + 1) * units
    ### END SOLUTION


def largest_d(n, units):
    """The largest d with which embedding + dense has fewer parameters than one-hot + dense.

    n : int, IDs of the one column. units : int. Returns an int; 0 if even d = 1 saves nothing.
    """
    ### BEGIN SOLUTION
    return (n * units - 1) // (n + units)
    ### END SOLUTION


# %% [markdown]
# *Try it.* This should print `(523, 2624)`, then 31 and 5. So a thousand products may have 31 numbers each before 32 units, but seven weekdays only five.

# %%
city = {"station": (48, 3), "weekday": (8, 2), "hour": (25, 3)}
print(parameter_counts(city, 32), largest_d(1000, 32), largest_d(7, 32), sep="\n")

# %% [markdown]
# *Check.* Keras builds the layers and counts.


# %% nbgrader={"grade_id": "largest_d-check", "points": 1}
def _check():
    def counted(inputs, units):
        tables = [layers.Embedding(n, d) for n, d in inputs.values()]
        for table in tables:
            table.build()
        after, instead = layers.Dense(units), layers.Dense(units)
        after.build((None, sum(d for _, d in inputs.values())))
        instead.build((None, sum(n for n, _ in inputs.values())))
        embedded = sum(table.count_params() for table in tables) + after.count_params()
        return embedded, instead.count_params()

    for inputs, units in [({"a": (10, 2)}, 3), ({"a": (10, 2), "b": (4, 3)}, 5)]:
        counts, expected = parameter_counts(inputs, units), counted(inputs, units)
        assert len(counts) == 2, "give two numbers"
        hint = "each table has n·d; the dense layer sees all vectors, and has one bias a unit"
        assert counts[0] == expected[0], f"{counts[0]} with embeddings: {hint}"
        assert counts[1] == expected[1], f"{counts[1]} with one-hot: how long are they together?"
    for n, units in [(1000, 32), (7, 32), (4, 4), (2, 2)]:
        d = largest_d(n, units)
        assert isinstance(d, int | np.integer), f"an int, not {d!r}"
        with_d, with_more = (counted({"x": (n, size)}, units) for size in (max(d, 1), d + 1))
        assert d == 0 or with_d[0] < with_d[1], f"n={n}, units={units}: {d} saves nothing"
        assert with_more[0] >= with_more[1], f"n={n}, units={units}: {d + 1} still saves something"


_check()


# %% nbgrader={"grade_id": "largest_d-hidden", "points": 1}
# Hidden tests of exercise 6.5: other sizes, and every small table tried one d at a time (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    inputs = {"p": (31, 7), "q": (12, 4), "r": (5, 1), "s": (31, 7)}
    kept = dict(inputs)
    assert tuple(parameter_counts(inputs, 9)) == (217 + 48 + 5 + 217 + 20 * 9, 80 * 9)
    assert tuple(parameter_counts({"w": (50_000, 300)}, 10_000)) == (18_010_000, 500_010_000)
    assert inputs == kept
    for n, units in itertools.product(range(1, 13), repeat=2):
        saving = [d for d in range(1, n * units + 1) if n * d + d * units < n * units]
        assert largest_d(n, units) == max(saving, default=0), (n, units)
    assert largest_d(10_000, 512) == 487


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.6 A model with several columns (3 points)
#
# Now as a model. Each column has an embedding of its own, with sizes that the caller gives. Their vectors stand side by side, in the order of the dict. Then come `Dense(units)` with a ReLU, and `Dense(1)` without activation.
#
# The model is called with a dict: name → IDs. You are free in how you build it: functional, as a class of your own, or otherwise. The tests never look at names or kinds of layers. They call the model, count its weights, set them, and see what comes out. So give it no weights beyond those of the text.


# %% nbgrader={"grade_id": "embedding_model", "solution": true}
# Exercise 6.6 · embedding_model (3 points)
def embedding_model(inputs, units):
    """A network for several columns of categories, not trained.

    inputs : dict name → (n, d), the number of IDs and the size of the vectors. units : int.
    Returns a model: dict name → int array (batch,), IDs from 0 to n − 1, becomes floats (batch, 1).
    The dict of inputs is not changed.
    """
    ### BEGIN SOLUTION
    columns = {name: keras.Input((), dtype="int32", name=name) for name in inputs}
    vectors = [layers.Embedding(n, d)(columns[name]) for name, (n, d) in inputs.items()]
    x = layers.Dense(units, activation="relu")(layers.Concatenate()(vectors))
    return keras.Model(columns, layers.Dense(1)(x))
    ### END SOLUTION


# %% [markdown]
# *Try it.* With the sizes from above there should be 556 parameters, 33 more than in exercise 6.5. Which ones?

# %%
city_model = embedding_model(city, 32)
city_model({name: np.zeros(4, "int32") for name in city})
city_model.count_params()

# %% [markdown]
# *Check.* With two tools that you may use, too. `randomized` gives a model random weights, and hands them to you by their shapes.


# %% nbgrader={"grade_id": "tools", "locked": true}
def random_ids(inputs, rows, seed=0):
    """A batch for a model of several columns: dict name → int32 array (rows,)."""
    rng = np.random.default_rng(seed)
    return {name: rng.integers(0, n, rows).astype("int32") for name, (n, _) in inputs.items()}


def randomized(model, batch, seed=0):
    """Give a model random weights. Returns them as a dict shape → array, if no two are alike."""
    assert callable(model), f"return a model that can be called, not a {type(model).__name__}"
    model(batch)
    rng = np.random.default_rng(seed)
    new = [rng.normal(0, 0.7, weight.shape).astype("float32") for weight in model.get_weights()]
    model.set_weights(new)
    return {weight.shape: weight for weight in new}


# %% nbgrader={"grade_id": "embedding_model-check", "points": 1}
def _check():
    inputs = {"size": (4, 2), "colour": (6, 3)}
    kept, batch = dict(inputs), random_ids(inputs, 8)
    model = embedding_model(inputs, 5)
    w = randomized(model, batch)
    assert inputs == kept, "leave the dict of inputs as it is"
    shapes = sorted(weight.shape for weight in model.get_weights())
    expected = sorted([(4, 2), (6, 3), (5, 5), (5,), (5, 1), (1,)])
    assert shapes == expected, f"weights of the shapes {shapes}; the text asks for {expected}"
    answer = to_numpy(model(batch))
    assert answer.shape == (8, 1), f"8 rows make (8, 1), not {answer.shape}"
    vectors = np.hstack([w[4, 2][batch["size"]], w[6, 3][batch["colour"]]])
    hidden = vectors @ w[5, 5] + w[5,]
    hint = (
        "vectors side by side in the order of the dict, Dense with ReLU, Dense without activation"
    )
    plain = hidden @ w[5, 1] + w[1,]
    assert not np.allclose(answer, plain, atol=1e-4), "where is the ReLU?"
    assert_allclose(answer, np.maximum(hidden, 0) @ w[5, 1] + w[1,], atol=1e-4, err_msg=hint)
    alone = {"x": (3, 2)}
    answer = to_numpy(embedding_model(alone, 4)(random_ids(alone, 5)))
    assert answer.shape == (5, 1), "one column alone should do, too"


_check()


# %% nbgrader={"grade_id": "embedding_model-hidden", "points": 1}
# Hidden tests of exercise 6.6: other columns, the output with random weights (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    for inputs, units in [
        ({"shop": (11, 4), "day": (7, 2), "age": (5, 1)}, 6),
        ({"b": (9, 2), "a": (3, 5)}, 8),
        ({"only": (6, 3)}, 4),
    ]:
        model, batch = embedding_model(inputs, units), random_ids(inputs, 20, seed=66)
        w = randomized(model, batch, seed=66)
        x = np.hstack([w[size][batch[name]] for name, size in inputs.items()])
        x = np.maximum(x @ w[x.shape[1], units] + w[units,], 0)
        assert_allclose(to_numpy(model(batch)), x @ w[units, 1] + w[1,], atol=1e-3)
        swapped = dict(reversed(batch.items()))
        assert_allclose(to_numpy(model(swapped)), x @ w[units, 1] + w[1,], atol=1e-3)
        active = to_numpy(model(batch, training=True))  # no dropout, unasked
        assert_allclose(active, x @ w[units, 1] + w[1,], atol=1e-3)
        shapes = [*inputs.values(), (sum(d for _, d in inputs.values()), units)]
        shapes += [(units,), (units, 1), (1,)]
        assert sorted(weight.shape for weight in model.get_weights()) == sorted(shapes)


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "embedding_model-hidden-2", "points": 1}
# Hidden tests of exercise 6.6: columns of equal sizes share nothing; the tables learn (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    inputs = {"from": (10, 3), "to": (10, 3)}
    model, batch = embedding_model(inputs, 7), random_ids(inputs, 64, seed=67)
    randomized(model, batch, seed=67)
    assert model.count_params() == 2 * 30 + 7 * 7 + 8
    one, other = to_numpy(model(batch)), dict(batch)
    other["from"], other["to"] = batch["to"], batch["from"]
    assert abs(one - to_numpy(model(other))).max() > 1e-3
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=True)
    before = model.get_weights()
    model.train_on_batch(batch, np.ones((64, 1), "float32"))
    moved = [abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(moved), "some weights do not learn"
    assert model.predict(batch, verbose=0).shape == (64, 1)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.7 Who is like whom? (3 points)
#
# The first question to a learned table: which categories are most like this one? Usual is the *cosine* of the angle between two rows, which leaves their lengths out:
#
# $$\cos(u, v) = \frac{u \cdot v}{\lVert u \rVert \, \lVert v \rVert}.$$
#
# Two things go wrong easily. The category itself is no answer; but another one with exactly the same row is. And a row of zeros, such as an OOV row may be, has no direction: say that its cosine with anything is 0.


# %% nbgrader={"grade_id": "nearest", "solution": true}
# Exercise 6.7 · nearest (3 points)
def nearest(table, row, k):
    """The k rows that are most similar to one row, by the cosine.

    table : array (n, d) of floats or ints. row : int, 0 … n − 1. k : int, 1 … n − 1.
    Returns (ids, cosines): an int array (k,), the most similar first, without the row itself, and
    a float array (k,). Rows as similar may come in any order. The table is not changed.
    """
    ### BEGIN SOLUTION
    lengths = np.linalg.norm(table, axis=1)
    units = table / np.where(lengths > 0, lengths, 1)[:, None]
    cosines = units @ units[row]
    order = np.argsort(-cosines)
    ids = order[order != row][:k]
    return ids, cosines[ids]
    ### END SOLUTION


# %% [markdown]
# *Try it.* In the slides' table, row 3 is most like row 1, then row 2, then row 0: with 0.84, 0.64 and 0.39. The table is random. What would you think of these similarities if you did not know that? Positive numbers alone make rows alike.

# %%
ids, cosines = nearest(slides, 3, 3)
print(ids, np.round(cosines, 2))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "nearest-check", "points": 1}
def _check():
    table = np.array([[2.0, 0], [90, 90], [0, 1], [-3, 0], [4, 1]])
    kept = table.copy()
    ids, cosines = nearest(table, 0, 3)
    assert (table == kept).all(), "leave the table as it is"
    assert np.shape(ids) == np.shape(cosines) == (3,), "k ids, and k cosines"
    assert 0 not in ids, f"{ids}: the row itself is no answer"
    hint = "row 4 points almost the same way as row 0; length says nothing, nor does distance"
    assert list(ids) == [4, 1, 2], f"{ids}: {hint}"
    assert_allclose(cosines, [4 / 17**0.5, 0.5**0.5, 0], atol=1e-6, err_msg="the cosines")
    twins = np.array([[1, 2], [1, 2], [1, 2], [2, 1], [-1, 0]])
    for row in range(3):
        ids, _ = nearest(twins, row, 2)
        others = sorted({0, 1, 2} - {row})
        assert sorted(ids) == others, f"row {row} has the twins {others}; you found {ids}"
    ids, cosines = nearest(np.array([[1.0, 0], [0, 0], [-1, 0], [3, 4]]), 0, 3)
    assert not np.isnan(cosines).any(), "a row of zeros: its cosine is 0, not NaN"
    assert list(ids) == [3, 1, 2], f"{ids}: 0 lies between 0.6 and −1"


_check()


# %% nbgrader={"grade_id": "nearest-hidden", "points": 2}
# Hidden tests of exercise 6.7: other tables, one pair of rows at a time (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(67)
    for n, d, k in [(12, 3, 5), (40, 8, 39), (7, 1, 2), (9, 4, 8)]:
        table = rng.normal(size=(n, d)) * 10 ** rng.uniform(-2, 2, (n, 1))
        table[3] = 0
        kept = table.copy()
        for row in (0, 3, n - 1):
            ids, cosines = nearest(table, row, k)
            expected = {}
            for other in set(range(n)) - {row}:
                size = (table[row] @ table[row] * (table[other] @ table[other])) ** 0.5
                expected[other] = table[row] @ table[other] / size if size else 0
            assert len(set(map(int, ids))) == k and np.shape(cosines) == (k,)
            assert_allclose(cosines, sorted(expected.values(), reverse=True)[:k], atol=1e-5)
            assert_allclose(cosines, [expected[int(i)] for i in ids], atol=1e-5)
        assert (table == kept).all()
    ids, cosines = nearest(np.array([[3, 4], [6, 8], [-4, 3], [0, 0]]), 0, 3)
    assert ids[0] == 1 and sorted(ids[1:]) == [2, 3]
    assert_allclose(cosines, [1, 0, 0], atol=1e-6)


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.8 Did it find the map? (3 points)
#
# Where data are made by a known rule, one can ask more: did the table find the hidden coordinates? It cannot find *them*. The next layer can undo any turn, so the training has no reason to prefer one. The same goes for a mirror image, another scale, another origin. (The cosine of exercise 6.7 does depend on the origin. That is a reason to subtract the mean before you trust neighbours.)
#
# So lay the table $T$ on the hidden coordinates $H$ as well as these moves allow, and tell what part of the spread of $H$ is met:
#
# $$\text{recovery} = 1 - \min_{s,\,R,\,t} \frac{\lVert H - s\,T R - t \rVert^2}{\lVert H - \bar H \rVert^2}.$$
#
# $s$ is a number, $t$ a vector, $R$ a rotation or a mirror image, $\lVert\cdot\rVert^2$ the sum of all squares, and $\bar H$ the mean row of $H$. To stretch one direction only is not allowed. If the two have different numbers of columns, the narrower one gets columns of zeros.
#
# Three steps lead there. Which $t$ is best? Take the mean out of both. Then $R$: the largest value of $\sum (TR) \cdot H$ is the sum of the singular values of $T^\top H$ (`np.linalg.svd`). Then $s$: what is left is a parabola.


# %% nbgrader={"grade_id": "recovery", "solution": true}
# Exercise 6.8 · recovery (3 points)
def recovery(table, hidden):
    """How well a table shows hidden coordinates, whatever its rotation, mirroring, scale, shift.

    table : float array (n, d). hidden : float array (n, k), not all rows equal.
    Returns a float from 0 to 1; 0 if all rows of the table are equal. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    t, h = table - table.mean(axis=0), hidden - hidden.mean(axis=0)
    spread = (t**2).sum() * (h**2).sum()
    if spread == 0:
        return 0.0
    return float(np.linalg.svd(t.T @ h, compute_uv=False).sum() ** 2 / spread)
    ### END SOLUTION


# %% [markdown]
# *Try it.* A square that is turned, blown up and shifted is the same square: 1.000. One that is stretched to three times its width is not: 0.800. And points that have nothing to do with the square?

# %%
square = np.array([[1.0, 1], [1, -1], [-1, -1], [-1, 1]])
turned = 7 * square @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + [100, 3]
print(f"{recovery(turned, square):.3f} {recovery(square * [3, 1], square):.3f}")
points = np.random.default_rng(0).normal(size=(4, 2))
print(f"random points ≈ {recovery(points, square):.3f}")

# %% [markdown]
# That last number is no 0: with four points, chance alone lays a lot on top of each other. So compare with chance before you praise a table. You will, at the end of the lab.
#
# *Check.*


# %% nbgrader={"grade_id": "recovery-check", "points": 1}
def _check():
    cross = np.array([[2.0, 0], [0, 1], [-2, 0], [0, -1], [0, 0]])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    for table, expected, hint in [
        (cross, 1, "a table that is the map"),
        (cross + np.array([5, -7]), 1, "a shift should not matter"),
        (cross * 0.01, 1, "the scale should not matter"),
        (cross @ turn, 1, "a rotation should not matter"),
        (cross * [1, -1], 1, "a mirror image should not matter"),
        (np.hstack([np.zeros((5, 1)), cross @ turn]), 1, "the table may have more columns"),
        (cross[:, :1], 0.8, "the table may have fewer columns: it shows one direction"),
        (cross * [1, 2], 0.9, "to stretch one direction is not allowed"),
        (cross[[1, 0, 2, 3, 4]], 0.25, "the rows belong together, one by one"),
        (np.full((5, 3), 0.1), 0, "a table with equal rows shows nothing"),
    ]:
        kept, hidden = table.copy(), cross.copy()
        answer = recovery(table, hidden)
        assert (table == kept).all() and (hidden == cross).all(), "leave the inputs as they are"
        assert np.ndim(answer) == 0, f"one number, not {answer!r}"
        assert abs(answer - expected) < 1e-4, f"{answer:.4f}, not {expected}: {hint}"


_check()


# %% nbgrader={"grade_id": "recovery-hidden", "points": 2}
# Hidden tests of exercise 6.8: other tables, wider and narrower, against SciPy (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(68)
    for n, d, k in [(20, 2, 2), (30, 5, 2), (15, 1, 3), (9, 3, 3), (40, 2, 4), (12, 6, 1)]:
        for noise in (0.1, 1, 30):
            hidden = rng.normal(size=(n, k)) * np.arange(1, k + 1) + 4
            table = hidden @ rng.normal(size=(k, d)) + noise * rng.normal(size=(n, d)) - 50
            wide = max(d, k)
            pair = [np.pad(a, ((0, 0), (0, wide - a.shape[1]))) for a in (hidden, table)]
            expected = 1 - spatial.procrustes(*pair)[2]
            kept = table.copy(), hidden.copy()
            assert_allclose(recovery(table, hidden), expected, atol=1e-4)
            assert (table == kept[0]).all() and (hidden == kept[1]).all()
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    hidden = rng.normal(size=(25, 2))
    table = 0.3 * np.pad(hidden, ((0, 0), (0, 2))) @ turn + [3, 1, 4, 1]
    assert_allclose(recovery(table.astype("float32"), hidden), 1, atol=1e-4)
    assert recovery(np.zeros((25, 2)), hidden) == 0


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.9 The future must not leak (4 points)
#
# Whoever forecasts sales, trips or visits will use the model on weeks to come. A random split tests it on weeks from the middle of the training: too easy. Hold out the **last weeks** instead, whole weeks.
#
# The same care is due inside the training. Before embeddings there was *target mean encoding*, and trees still like it: replace a category by the mean of the target over its rows. But a row's own target must not be among them, or the answer stands in the question. Nor may any row of the same week or of a later one, for on that day nobody knew them. So the encoding of a row is
#
# - the mean target of its category over all **earlier weeks**,
# - if its category has no rows there, the mean target of all rows of earlier weeks,
# - if there are no such rows at all, `start`.
#
# The rows come in no particular order, and weeks may be missing.


# %% nbgrader={"grade_id": "target_mean", "solution": true}
# Exercise 6.9 · target_mean (4 points)
# Two functions: time_split and target_mean.
def time_split(weeks, held_out):
    """Rows to train on, and rows of the last weeks.

    weeks : int array (n,). held_out : int, 1 or more: how many of the weeks that occur to hold out.
    Returns (train, last), two int arrays of row numbers, each in rising order.
    """
    ### BEGIN SOLUTION
    first = np.unique(weeks)[-held_out]
    return np.flatnonzero(weeks < first), np.flatnonzero(weeks >= first)
    ### END SOLUTION


def target_mean(ids, target, weeks, start=0.0):
    """Target mean encoding from earlier weeks only.

    ids, weeks : int arrays (n,). target : float or int array (n,). start : float.
    Returns a float array (n,). The inputs are not changed.
    """
    ### BEGIN SOLUTION
    encoded = np.full(len(ids), start, dtype=float)
    for week in np.unique(weeks)[1:]:
        now, before = weeks == week, weeks < week
        encoded[now] = target[before].mean()
        for i in np.intersect1d(ids[now], ids[before]):
            encoded[now & (ids == i)] = target[before & (ids == i)].mean()
    return encoded
    ### END SOLUTION


# %% [markdown]
# *Try it.* Weeks 1 to 3, two categories. The first line should be `[0 1 2 4] [3 5]`. Then the encoding should be −1, −1, 10, 15, 15 and 20: in week 2, category 0 knows its 10 of week 1, and category 1 its 20; in week 3 a new category takes the mean of all.

# %%
week = np.array([1, 1, 2, 3, 2, 3])
shop, sold = np.array([0, 1, 0, 2, 7, 1]), np.array([10, 20, 30, 40, 0, 60])
print(*time_split(week, 1))
print(target_mean(shop, sold, week, start=-1))

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "target_mean-check", "points": 1}
def _check():
    weeks = np.array([7, 2, 9, 2, 5, 9, 7])
    for held_out, last in [(1, [2, 5]), (2, [0, 2, 5, 6]), (3, [0, 2, 4, 5, 6])]:
        train, answer = (list(rows) for rows in time_split(weeks, held_out))
        hint = f"the last {held_out} of the weeks 2, 5, 7, 9"
        assert answer == last, f"{answer}, not {last}: {hint}"
        assert train == sorted(set(range(7)) - set(last)), f"{train}: the other rows, each once"
    ids, target = np.array([4, 4, 4, 4, 4, 0, 0]), np.array([8, 1, 50, 2, 6, 70, 9])
    kept = target.copy()
    answer = np.asarray(target_mean(ids, target, weeks, start=-5))
    assert (target == kept).all(), "leave the target as it is"
    assert answer.shape == (7,), f"one number for each row, not {answer.shape}"
    hint = "nothing is known in the first week, not even from its other rows"
    assert_allclose(answer[[1, 3]], -5, err_msg=hint)
    hint = "weeks 2 to 7, category 4: the mean of its targets in the weeks before"
    assert_allclose(answer[[4, 0]], [1.5, 3], err_msg=hint)
    assert_allclose(answer[6], 3, err_msg="a new category: the mean of all rows before this week")
    hint = "week 9: category 4 had 1, 2, 6 and 8, and category 0 had 9"
    assert_allclose(answer[[2, 5]], [4.25, 9], err_msg=hint)


_check()


# %% nbgrader={"grade_id": "target_mean-hidden", "points": 1}
# Hidden tests of exercise 6.9: splits of other weeks (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(69)
    for weeks, held_out in [(rng.integers(0, 40, 90), 6), (np.array([3, -1, 3, 8]), 2)]:
        kept = weeks.copy()
        train, last = (np.asarray(rows) for rows in time_split(weeks, held_out))
        assert (weeks == kept).all() and train.dtype.kind == last.dtype.kind == "i"
        assert len(set(weeks[last])) == held_out
        assert weeks[train].max() < weeks[last].min()
        assert sorted([*train, *last]) == list(range(len(weeks)))
        assert (np.diff(train) > 0).all() and (np.diff(last) > 0).all()


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "target_mean-hidden-2", "points": 2}
# Hidden tests of exercise 6.9: other rows in any order, row by row, and no future (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(690)
    for n, categories, top in [(60, 5, 9), (80, 30, 6), (12, 3, 40), (5, 2, 1)]:
        ids, weeks = rng.integers(0, categories, n) * 7, rng.integers(0, top, n)
        target = rng.normal(size=n) + ids
        kept = ids.copy(), target.copy(), weeks.copy()
        expected = []
        for i, week in zip(ids, weeks, strict=True):
            before = [row for row in range(n) if weeks[row] < week]
            own = [target[row] for row in before if ids[row] == i]
            everything = own or [target[row] for row in before] or [2.5]
            expected.append(sum(everything) / len(everything))
        assert_allclose(target_mean(ids, target, weeks, 2.5), expected, atol=1e-4)
        assert all((a == b).all() for a, b in zip(kept, (ids, target, weeks), strict=True))
        future = target + np.where(weeks >= np.median(weeks), 1000, 0)
        same = weeks <= np.median(weeks)
        assert_allclose(
            target_mean(ids, future, weeks, 2.5)[same], np.array(expected)[same], atol=1e-4
        )
    halves = target_mean(np.array([0, 0, 0]), np.array([1, 2, 0]), np.array([0, 0, 1]))
    assert_allclose(halves, [0, 0, 1.5])
    weeks = np.array([0, 0, 1])
    assert_allclose(target_mean(np.array([0, 1, 0]), np.array([0, 8, 5]), weeks, 3.0), [3, 3, 0])
    assert_allclose(target_mean(np.array([0, 1, 2]), np.array([-8, 8, 5]), weeks, 3.0), [3, 3, 0])


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# ## 6.10 Stations that open tomorrow (5 points)
#
# A city hires out bicycles. Each row of the data is one hour at one station: the week, the station's name, the weekday, the hour, and `y`, the logarithm of the number of trips, up to a constant. The city is made up, by this cell. Read it: what decides how many trips there are? Near offices people ride on workdays at 8 and at 18, near parks at other times. How much of each a station has is its hidden place.


# %% nbgrader={"grade_id": "city", "locked": true}
DAYS = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])


def peak(hour, at, width):
    """A bump over the hours of a day, 1 at its top."""
    return np.exp(-(((hour - at) / width) ** 2))


def bike_trips():
    """A dict of columns, and the hidden places: a dict station → (offices, parks)."""
    rng = np.random.default_rng(0)
    names = np.array([f"S{number}" for number in rng.permutation(np.arange(100, 1000))[:50]])
    places = rng.uniform(-1, 1, size=(50, 2))
    early, late = np.repeat([1, 0.05, 0], [40, 6, 4]), np.repeat([1, 0.3, 0.5], [40, 6, 4])
    week, weekday, hour = (rng.integers(0, top, 24_000) for top in (30, 7, 24))
    draws = [rng.choice(50, week.size, p=shares / shares.sum()) for shares in (early, late)]
    station = np.where(week < 24, *draws)  # 6 are rare at first, 4 open in week 24
    work = weekday < 5
    offices = np.where(work, peak(hour, 8, 2) + peak(hour, 18, 2.5), 0)
    parks = np.where(work, 0.4 * peak(hour, 20, 3), peak(hour, 14, 4))
    y = 1.5 * peak(hour, 14, 7) + 2 * (places[station] * np.stack([offices, parks], 1)).sum(axis=1)
    y = (y + rng.normal(0, 0.25, y.shape)).astype("float32")
    columns = {"week": week, "station": names[station], "weekday": DAYS[weekday], "hour": hour}
    return columns | {"y": y}, dict(zip(names, places, strict=True))


# %% [markdown]
# The model shall learn from weeks 0 to 23 and forecast weeks 24 to 29, in which four new stations open. Write
#
# - `prepare`, which makes IDs of all columns. All that it knows of categories comes from the rows of the training. Whatever is rare there, or not there at all, is ID 0.
# - `build_model`, for the sizes that `prepare` found. It has **3,000 parameters at most**. After a given training its **root mean squared error on the last weeks is 0.39 or less**. The noise alone makes 0.25, so do not hope for less.
#
# Your functions from above are yours to use. Before you build, think: could a model that adds up one number for the station, one for the weekday and one for the hour reach that? What would it say about Sunday at 8?


# %% nbgrader={"grade_id": "build_model", "solution": true}
# Exercise 6.10 · build_model (5 points)
# Two functions: prepare and build_model.
def prepare(train, last, min_count):
    """IDs of all columns, for two parts of the same data.

    train, last : dicts name → array (rows,) of strings or ints, with the same names.
    min_count : int. A category with fewer rows in train is out of vocabulary.
    Returns (train_ids, last_ids, sizes): two dicts name → int array (rows,), and a dict name →
    int, how many IDs the column has. ID 0 is out of vocabulary, and always one of them; the others
    are 1, 2 … sizes[name] − 1, in any order. The inputs are not changed.
    """
    ### BEGIN SOLUTION
    known = {name: vocabulary(column, min_count) for name, column in train.items()}
    train_ids = {name: encode(column, known[name]) for name, column in train.items()}
    last_ids = {name: encode(column, known[name]) for name, column in last.items()}
    return train_ids, last_ids, {name: len(ids) + 1 for name, ids in known.items()}
    ### END SOLUTION


def build_model(sizes):
    """A new model for columns of the given sizes, not trained.

    sizes : dict name → int, how many IDs the column has.
    Returns a model: dict name → int array (batch,) becomes floats (batch, 1).
    """
    ### BEGIN SOLUTION
    return embedding_model({name: (n, 4) for name, n in sizes.items()}, 32)
    ### END SOLUTION


# %% [markdown]
# *Try it.* Two days are known here, one of them rare, and Sunday is new. This should print `[1 1 0] [0 1] 2`. Then: how many parameters do you have?

# %%
days = {"day": np.array(["Mon", "Mon", "Tue"])}, {"day": np.array(["Sun", "Mon"])}
first_ids, second_ids, found = prepare(*days, min_count=2)
print(first_ids["day"], second_ids["day"], found["day"])
city_model = build_model({"station": 41, "weekday": 8, "hour": 25})
city_model({name: np.zeros(1, "int32") for name in ("station", "weekday", "hour")})
city_model.count_params()

# %% [markdown]
# *Training.* Some seconds on a laptop. Look at the second error, too: it is that of the new stations, about which the model knows nothing but that they are not well known. And the third is that of the mean, for comparison.


# %% nbgrader={"grade_id": "train", "locked": true}
def rmse(error):
    return float(np.sqrt(np.mean(np.square(error))))


keras.utils.set_random_seed(0)
trips, places = bike_trips()
is_late, names = trips["week"] >= 24, ("station", "weekday", "hour")
train, last = ({name: trips[name][part] for name in names} for part in (~is_late, is_late))
goal, truth = trips["y"][~is_late], trips["y"][is_late]
train_ids, last_ids, sizes = prepare(train, last, min_count=50)
model = build_model(sizes)
untrained = model.predict(last_ids, batch_size=512, verbose=0)
model.compile(keras.optimizers.Adam(5e-3), "mse")
model.fit(train_ids, goal, batch_size=256, epochs=12, verbose=progress())
forecast = model.predict(last_ids, batch_size=512, verbose=0)
error = np.reshape(forecast, (len(truth), -1))[:, 0] - truth
new = ~np.isin(last["station"], train["station"])
print(f"error on the last weeks ≈ {rmse(error):.3f}")
print(f"at stations that opened since ≈ {rmse(error[new]):.3f}")
print(f"of the mean ≈ {rmse(truth - goal.mean()):.3f}")

# %% [markdown]
# *Check.*


# %% nbgrader={"grade_id": "build_model-check", "points": 2}
def _check():
    first = {"x": np.array(["a", "b", "a", "c"]), "z": np.array([5, 5, 9, 9])}
    second = {"x": np.array(["d", "a", "b"]), "z": np.array([9, 4, 5])}
    one, two, found = prepare(first, second, 1)
    assert found == {"x": 4, "z": 3}, f"{found}: three letters and ID 0, two numbers and ID 0"
    assert sorted(set(one["x"])) == [1, 2, 3], f"{one['x']}: with min_count 1, all are known"
    hint = f"{one['x']} and {two['x']}: a category has the same ID in both parts, a new one has 0"
    assert list(two["x"]) == [0, one["x"][0], one["x"][1]], hint
    assert list(two["z"]) == [one["z"][2], 0, one["z"][0]], "each column has IDs of its own"
    one, two, found = prepare(first, second, 2)
    assert found["x"] == 2 and list(one["x"]) == [1, 0, 1, 0], "only a comes twice in train"
    used = model.count_params()
    assert used <= 3000, f"{used:,} parameters; 3,000 are allowed"
    shape = np.shape(forecast)
    assert shape == (len(truth), 1), f"{len(truth)} rows make ({len(truth)}, 1), not {shape}"
    size = rmse(error)
    assert size <= 0.39, f"an error of {size:.3f} on the last weeks; 0.39 is allowed"


_check()


# %% nbgrader={"grade_id": "build_model-hidden", "points": 1}
# Hidden tests of exercise 6.10: IDs of other columns (1 point).
### BEGIN HIDDEN TESTS
def _hidden():
    rng = np.random.default_rng(610)
    first = {"p": rng.integers(0, 30, 200), "q": np.array(list("vwxy"))[rng.integers(0, 4, 200)]}
    second = {"p": rng.integers(10, 60, 150), "q": np.array(list("xyz"))[rng.integers(0, 3, 150)]}
    kept = repr(first), repr(second)
    for min_count in (1, 7):
        one, two, found = prepare(first, second, min_count)
        for name in first:
            known = {v for v in first[name] if (first[name] == v).sum() >= min_count}
            pairs = set(zip([*first[name], *second[name]], [*one[name], *two[name]], strict=True))
            assert {v: i for v, i in pairs if i}.keys() <= known
            assert all((i == 0) == (v not in known) for v, i in pairs)
            assert len(pairs) == len({v for v, _ in pairs})
            assert found[name] == len(known) + 1
            assert {i for v, i in pairs if v in known} == set(range(1, found[name]))
            assert np.shape(one[name]) == (200,)
            assert all(np.asarray(part[name]).dtype.kind in "iu" for part in (one, two))
    assert kept == (repr(first), repr(second))


_hidden()
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "build_model-hidden-2", "points": 2}
# Hidden tests of exercise 6.10: the last three weeks; the model began untrained (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    assert model.count_params() <= 3000
    assert np.shape(forecast) == (len(truth), 1)
    assert rmse(error[trips["week"][is_late] >= 27]) <= 0.41
    assert rmse(np.ravel(untrained) - truth) > 0.7, "build_model gave a trained model"

    def closed(*_, **__):
        raise AssertionError("build_model trains the model")

    big = sizes | {"station": 71}
    fit, keras.Model.fit = keras.Model.fit, closed
    try:
        other = build_model(big)
    finally:
        keras.Model.fit = fit
    batch = {name: np.full(71, size - 1) for name, size in big.items()}
    batch["station"] = np.arange(71)
    answers = to_numpy(other(batch))
    assert answers.shape == (71, 1), "one answer for each row"
    assert len(np.unique(answers)) > 60, "build_model ignores the sizes that it is given"


_hidden()
### END HIDDEN TESTS

# %% [markdown]
# **Play.** Which stations are like which? The slider picks a well-known one, and *your* `nearest` finds three others in the table that the model learned, after its mean is taken out. The map shows the hidden places, which the model has never seen. Are the three close by, or only in the same direction from the middle? Below the map stands your `recovery`, and what it gives when the stations are shuffled: chance. (The cell needs a table with a row for each station. If your model has none, it says so.)

# %% mystnb={"image": {"alt": "A map of the stations' hidden places, offices across and parks upwards. One station is marked, and so are three others that are nearest to it in the learned table."}}
tables = [weight for weight in model.get_weights() if weight.shape[:1] == (sizes["station"],)]
ids_of = dict(zip(train["station"], train_ids["station"], strict=True))
known_stations = [name for name, i in ids_of.items() if i]
spots = np.array([places[name] for name in known_stations])


def look(station=0):
    """Mark a station on the hidden map, and its three nearest in the learned table."""
    learned = tables[0][[ids_of[name] for name in known_stations]]
    learned = learned - learned.mean(axis=0)
    friends, _ = nearest(learned, station, 3)
    _, axis = plt.subplots(figsize=(0.65 * figures.WIDTH, 4))
    for part, style in [(slice(None), "C7."), (friends, "C0o"), ([station], "C1s")]:
        axis.plot(*spots[part].T, style)
    axis.set(title=f"station {known_stations[station]}", xlabel="offices", ylabel="parks")
    plt.show()
    shuffled = np.random.default_rng(0).permutation(spots)
    print(f"recovery ≈ {recovery(learned, spots):.2f}")
    print(f"recovery of shuffled stations ≈ {recovery(learned, shuffled):.2f}")


interact(look, station=(0, len(known_stations) - 1)) if tables else print("no table of stations")

# %% [markdown]
# One more question to try. The training sent six rare stations to ID 0, with `min_count=50`. Set it to 1 in a copy of the training cell: each rare station then has a row of its own, and row 0 is never trained. What happens to the error on the last weeks, and at the new stations? Think of where an untrained row lies, and where the mean of all the others.
#
# ## Before you hand in
#
# Restart the kernel and run all cells from top to bottom. An answer that works only because of a cell you have deleted since will not work for the grader either. On your own machine, `convbook grade 06_embeddings.ipynb` shows the points that you have.
