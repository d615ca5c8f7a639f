# %% [markdown]
# # 06 · Embeddings
#
# A shop, a product, a weekday: names, not numbers. A network multiplies numbers. This chapter gives each name a few numbers of its own, and lets training find them.
#
# After this chapter you can
#
# - **turn** a categorical variable into IDs, and IDs into rows of a trained table;
# - **prove** that a lookup is a matrix product, and derive its gradient;
# - **tell** which rows of the table an optimizer moves, how far, and why;
# - **build** a network with several categorical inputs, and **measure** whether its table has found what is hidden in the data;
# - **choose** the length $d$ of the rows, and handle categories that are unknown, rare or ordered;
# - **reuse** the table in a random forest, and **judge** all of it with a split that fits its use.
#
# Reading, running and answering take about two hours, the lab two more. You should know dense layers and gradient descent; the chapter on [reading networks](01_reading_networks.ipynb) is where we first read a gradient off one step of SGD. All data here come from a few lines of our own code, so that we know what there is to find.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from numpy.testing import assert_allclose

from convbook import figures
from convbook.claims import claim
from convbook.widgets import embedding, progress, quiz

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## From categories to a table
#
# How does a categorical variable enter a network? Here is a column with eight entries and four categories. The first step gives each category an integer, its **ID**. The second lists the IDs that occur, once each; their number is $n$.

# %%
column = ["cat 1", "cat 2", "cat 1", "cat 3", "cat 4", "cat 2", "cat 1", "cat 4"]
names, ids = np.unique(column, return_inverse=True)  # the categories, sorted
print("IDs:       ", ids)
print("unique IDs:", np.unique(ids))

# %% [markdown]
# It is tempting to stop here: these are numbers, and a network accepts them. What would go wrong?

# %%
quiz("06", "ids-as-numbers")

# %% [markdown]
# The third step: decide how many numbers shall describe each category. Call it $d$; here $d = 5$. With $n = 4$ categories this is a table of $n × d$ weights, one row for each ID. The table starts at random, as all weights do, and is trained as all weights are.

# %% mystnb={"image": {"alt": "A table of four rows and five columns of numbers between 0 and 1, each row being one ID."}}
table = np.array(
    [
        [0.04, 0.78, 0.09, 0.63, 0.01],
        [0.94, 0.43, 0.25, 0.19, 0.41],
        [0.01, 0.65, 0.87, 0.61, 0.81],
        [0.83, 0.27, 0.84, 0.28, 0.14],
    ],
    "float32",
)
figures.numbers([table], ["the table"], "number", "ID")

# %% [markdown]
# What turns the IDs into these numbers? No arithmetic at all: the table is a **lookup table**. Entry by entry:

# %%
rows = np.zeros((8, 5), "float32")
for position, category in enumerate(ids):
    rows[position] = table[category]
print(rows)

layer = keras.layers.Embedding(input_dim=4, output_dim=5)
layer.build()
layer.set_weights([table])
claim("Keras' Embedding layer gives these rows", np.array_equal(to_numpy(layer(ids)), rows))

# %% [markdown]
# That is the whole forward pass. The row of a category is called its **embedding**: it *embeds* a set of names into a space of $d$ dimensions, where names can be near each other or far apart. A well-known neural language model learned such rows for words {cite}`bengio2003`. For columns of a database it is called *entity embedding* {cite}`guo2016`.
#
# ## A lookup is a matrix product
#
# The other classic way to write a category is **one-hot**: $n$ numbers, all 0 but for a 1 at the ID. Multiply such a row by the table. (Below, $e_i$ is the one-hot row of ID $i$, and $[k = i]$ is 1 if $k = i$, else 0.) Each row of the table is taken zero times, but for one, which is taken once:
#
# $$e_i^\top W = \sum_{k} [k = i]\, W_k = W_i .$$

# %%
one_hot = (ids[:, None] == np.arange(4)).astype("float32")
print(one_hot.astype(int))
claim("one-hot × table is the lookup, to the last bit", np.array_equal(one_hot @ table, rows))

dense = keras.layers.Dense(5, use_bias=False)
dense.build((None, 4))
dense.set_weights([table])
assert_allclose(to_numpy(dense(one_hot)), rows, atol=1e-3)
print("and a Dense layer without bias, on one-hot inputs, gives the same")

# %% [markdown]
# Exact in NumPy, although it is floating point: neither multiplying by 1 nor adding zeros rounds anything. (A GPU may round the inputs of a matrix product first, so the Dense layer is compared with a tolerance.) So **an embedding is a dense layer on one-hot inputs**, computed the cheap way.
#
# Are the two really the same function? **Predict:** one row of the table has gone to NaN, say after a step too large. The column holds only *other* categories. What do the two ways give?

# %%
quiz("06", "nan-row")

# %%
broken = table.copy()
broken[3] = np.nan
others = np.array([0, 1, 2])
by_product = (others[:, None] == np.arange(4)).astype("float32") @ broken
print("the lookup has NaN: ", bool(np.isnan(broken[others]).any()))
print("the product has NaN:", bool(np.isnan(by_product).all()), "everywhere")

# %% [markdown]
# $0 · \text{NaN}$ is NaN: the product *reads* every row, the lookup reads one. "Equal" holds for finite numbers.
#
# A lookup has a trap of its own. What if an ID is not in the table?

# %%
print("NumPy, ID −1, is the last row:", np.array_equal(table[np.array(-1)], table[3]))
try:
    answer = to_numpy(layer(np.array([4])))[0]
    print("Keras, ID 4 of 4 rows ≈", answer)
except Exception as error:
    print("Keras, ID 4 of 4 rows ≈", type(error).__name__)

# %% [markdown]
# NumPy takes −1 for the last row and says nothing. An ID beyond the end is refused by TensorFlow on a CPU; its documentation says that on a GPU the answer is a row of zeros, and other back ends have answers of their own. Check your IDs before they reach the table.
#
# ## The gradient of a lookup
#
# With the one-hot matrix $E$, the forward pass is $A = E W$. So if $G = ∂L/∂A$ is what comes back to the output, then
#
# $$\frac{∂L}{∂W} = E^\top G, \qquad \frac{∂L}{∂W_i} = \sum_{p \,:\, \text{ID}_p = i} G_p .$$
#
# Read it aloud: *row $i$ collects the errors of all positions where it was used.* Take the first three entries of the column, IDs 0, 1, 0.

# %%
quiz("06", "numbers-touched", "repeated-id")

# %% [markdown]
# Measure it. As the loss take the sum of output times $G$, with given numbers $G$: then $∂L/∂A$ is exactly $G$. After one step of `SGD(1.0)`, old minus new weights are the gradient.


# %%
def weighted_sum(g, output):
    return keras.ops.sum(g * output)


def embedding_model(optimizer, table=table):
    """IDs in, rows of the table out; the loss is the sum of output times given numbers."""
    model = keras.Sequential([keras.Input((), dtype="int32"), keras.layers.Embedding(*table.shape)])
    model.set_weights([table])
    model.compile(optimizer, weighted_sum, run_eagerly=True)  # no compiling for two steps
    return model


batch = np.array([0, 1, 0])
g = np.array([[1, 1, 1, 1, 1], [10, 20, 30, 40, 50], [2, 2, 2, 2, 2]], "float32")
model = embedding_model(keras.optimizers.SGD(1.0))
model.train_on_batch(batch, g)
gradient = table - model.get_weights()[0]
print(np.round(gradient).astype(int))

# %%
expected = (batch[:, None] == np.arange(4)).astype("float32").T @ g
assert_allclose(gradient, expected, atol=1e-4)
claim("the gradient is one-hot, transposed, times G", np.allclose(gradient, expected, atol=1e-4))
claim("rows 2 and 3 have not moved by a bit", not gradient[2:].any())

# %% [markdown]
# Row 0 was used twice, and its two errors are *added*: 1 + 2 = 3. Rows 2 and 3 were not used and their gradient is zero.
#
# So an embedding learns a row only from the examples that hold its category. For a table of a million rows and a batch of 256, it would be a waste to store a gradient of a million rows; TensorFlow keeps only the used rows and their numbers (an *IndexedSlices*). That is what "sparse gradient" means.
#
# Three words for what follows. *Momentum* steps along a running sum of past gradients. *Adam* {cite}`kingma2015` divides a running mean $m$ of the gradient by the root of a running mean $v$ of its square. *Weight decay* takes a small share off each weight in each step.
#
# **Question:** so, do rows that a batch does not use stay where they are?

# %%
quiz("06", "who-moves")

# %% [markdown]
# Test it with two batches. The first uses rows 0 and 1, the second only row 2. In the *second* step: which rows move?


# %%
def moved(optimizer):
    """Whether each row moves in a step that uses only row 2, after one that used 0 and 1."""
    model = embedding_model(optimizer)
    model.train_on_batch(np.array([0, 1]), np.ones((2, 5), "float32"))
    before = model.get_weights()[0]
    model.train_on_batch(np.array([2, 2]), np.ones((2, 5), "float32"))
    return (model.get_weights()[0] != before).any(axis=1)


optimizers = {
    "SGD": keras.optimizers.SGD(0.1),
    "SGD, momentum 0.9": keras.optimizers.SGD(0.1, momentum=0.9),
    "Adam": keras.optimizers.Adam(0.1),
    "SGD, weight decay": keras.optimizers.SGD(0.1, weight_decay=0.01),
    "AdamW": keras.optimizers.AdamW(0.1, weight_decay=0.01),
}
print(f"{'':18}    0     1     2     3   (row)")
for name, optimizer in optimizers.items():
    print(f"{name:18}", *(f"{'moves' if m else '-':>5}" for m in moved(optimizer)))

# %% [markdown]
# A zero gradient is not a zero step. Momentum and Adam remember: rows 0 and 1 go on moving, on the strength of a batch that is past. Weight decay shrinks *all* rows in each step, even row 3, which no example has ever used. A rare category is then pulled towards zero between its appearances.
#
# How far does Adam carry a rare row? In each step $m ← 0.9\,m + 0.1\,g$ and $v ← 0.999\,v + 0.001\,g^2$; the weight moves by $m/\sqrt{v}$ learning rates. (A correction for the empty start has faded after thousands of steps.) **Predict.** A category appears *once*, in step 10,001. In all steps before and after, its gradient is zero. Adam's learning rate is 0.001, its other settings are the defaults. How far does each weight of its row travel in all?

# %%
quiz("06", "adam-travel")

# %%
adam = keras.optimizers.Adam(0.001)
row = keras.Variable(np.zeros(2, "float32"))
adam.build([row])
adam.iterations.assign(10_000)  # as many steps with a zero gradient leave its memory at 0
adam.apply([keras.ops.convert_to_tensor(np.array([5.0, 0.05], "float32"))], [row])
path = [to_numpy(row)]
for _ in range(80):
    adam.apply([keras.ops.zeros(2)], [row])
    path.append(to_numpy(row))
for name, weight in (("gradient 5", 0), ("gradient 0.05", 1)):
    print(f"{name}, first step, in learning rates ≈ {-path[0][weight] / 0.001:.1f}")
    print(f"{name}, after 80 more steps, in learning rates ≈ {-path[-1][weight] / 0.001:.1f}")
claim("one example moves a weight by 30 learning rates and more", (path[-1] < -0.03).all())
claim(
    "a gradient a hundred times larger moves it no further",
    np.isclose(path[-1][0], path[-1][1], rtol=0.01),
)

# %% [markdown]
# Adam divides by the root of its long memory $v$, which the zeros have kept near 0, while its short memory $m$ needs some ten steps to forget. By hand: the first step is $0.1 g / \sqrt{0.001 g^2} ≈ 3.2$ learning rates, and each next one is $0.9/\sqrt{0.999}$ times the one before. Their sum is about 32. The size of the gradient drops out. So under Adam a single example of a rare category moves its row far, and noise moves it as far as signal.
#
# And a row that a batch uses *twice*? Under SGD its two errors are added, and a lookup is a product with one-hot rows to the last digit. **Predict** for the first step of Adam, with IDs 3, 1, 3 and a gradient of 1 everywhere: does row 3 move as far by a lookup as by one-hot and `Dense`?

# %%
ids = np.array([3, 1, 3])
pairs = [
    ("lookup", keras.layers.Embedding(4, 5), ids),
    ("one-hot, Dense", keras.layers.Dense(5, use_bias=False), np.eye(4, dtype="float32")[ids]),
]
moves = {}
for name, layer, x in pairs:
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype.name), layer])
    before = model.get_weights()[0]
    model.compile(keras.optimizers.Adam(0.1), weighted_sum, run_eagerly=True)
    model.train_on_batch(x, np.ones((3, 5), "float32"))
    moves[name] = np.abs(model.get_weights()[0] - before)[:, 0] / 0.1
    print(f"{name:15} rows 1 and 3 move, in learning rates ≈ {moves[name][[1, 3]].round(2)}")
expected = 2**0.5 if keras.backend.backend() == "tensorflow" else 1
claim("one-hot: one learning rate each", np.allclose(moves["one-hot, Dense"][[1, 3]], 1, rtol=0.01))
claim("lookup: the row used once, too", np.isclose(moves["lookup"][1], 1, rtol=0.01))
claim("the row used twice: √2 on TensorFlow", np.isclose(moves["lookup"][3], expected, rtol=0.01))

# %% [markdown]
# On TensorFlow it does not. The optimizer is handed the used rows as they were used: row 3 twice. For $m$ that is right, since adding twice adds both errors: 2. But $v$ then gets the sum of the two *squares*, 1 + 1 = 2, where the square of the sum is 4. So the row moves by $2/\sqrt2$ learning rates and not by $2/\sqrt4$. (On JAX, whose gradient is a whole table, both give 1.) With Adam, "a lookup is a product" holds forwards, and for the gradient; the training differs where IDs repeat, and in real batches they do.
#
# The lookup, the product and a step of training, side by side. **Predict**: the IDs are 3, 1, 3. After one step, which rows have changed? And how does the row that occurs twice move, compared with the one that occurs once?

# %%
embedding()

# %% [markdown]
# ## What is saved
#
# Compare two ways from a column of 10,000 products into a hidden layer of 64 units: one-hot into `Dense(64)`, or an embedding with $d = 8$, and then `Dense(64)`. Count first:

# %%
quiz("06", "saved-parameters")


# %%
def count(n, units, d=None):
    """Parameters from n one-hot numbers, or from an embedding of d, into a dense layer."""
    if d is None:
        inputs = keras.Input((n,))
        outputs = keras.layers.Dense(units)(inputs)
    else:
        inputs = keras.Input((), dtype="int32")
        outputs = keras.layers.Dense(units)(keras.layers.Embedding(n, d)(inputs))
    return keras.Model(inputs, outputs).count_params()


for n in (10_000, 7):
    print(f"{n:6,} categories, one-hot:    {count(n, 64):7,} parameters")
    print(f"{n:6,} categories, embedding: {count(n, 64, 8):8,} parameters")

# %% [markdown]
# About eight times fewer for the products, and *more* for the weekdays. Without the biases it is $nm$ against $d(n + m)$ weights for $m$ units, so the embedding is smaller only if $d < nm/(n + m)$. For seven weekdays there is little to save.
#
# What is given up? Between table and dense layer stands no activation: their product is one $n × m$ matrix, as the one-hot layer has. But its rank is $d$ at most.

# %%
long_table = np.random.default_rng(0).normal(size=(100, 8))
kernel = np.random.default_rng(1).normal(size=(8, 64))
print("100 × 64 weights, rank", np.linalg.matrix_rank(long_table @ kernel))

# %% [markdown]
# That is the bet of a short embedding: a hundred products differ in eight ways, not in 64. Whatever is learned about one direction is learned for all of them.
#
# ## A problem with a secret
#
# Now let us see if training finds anything. We invent a chain of 24 shops that sells 40 products for a year. What the network sees of each sale is three names: shop, weekday and product. What we know:
#
# - each product has two hidden **coordinates**, say *how sweet* and *how fresh*, and a level of its own;
# - each shop has two coordinates, too: what its customers like. A product sells well where the two agree (an inner product);
# - weekends favour the sweet;
# - products drift slowly, each **week** has its own luck for all of them, and each sale has noise. All of these add up to the *logarithm* of the sales, our target.


# %%
SHOPS, DAYS, PRODUCTS, WEEKS = SIZES = (24, 7, 40, 52)


def chain(rng, rows=5_000):
    """A year of sales: IDs (rows, 3), week and log sales of each, and the hidden truth."""
    taste, sweet_fresh = rng.uniform(-1, 1, (SHOPS, 2)), rng.uniform(-1, 1, (PRODUCTS, 2))
    weekend = np.array([-0.4, -0.5, -0.4, -0.3, 0.1, 0.8, 0.7])  # Monday to Sunday
    shop_level, level = rng.normal(0, 0.5, SHOPS), rng.normal(0, 0.5, PRODUCTS)
    drift = rng.normal(0, 0.03, (PRODUCTS, WEEKS)).cumsum(axis=1)
    luck = rng.normal(0, 0.6, WEEKS)
    day = np.sort(rng.integers(0, 7 * WEEKS, rows))
    shop, product = rng.integers(0, SHOPS, rows), rng.integers(0, PRODUCTS, rows)
    week, weekday = day // 7, day % 7
    y = shop_level[shop] + level[product] + drift[product, week] + luck[week]
    y += 2 * (taste[shop] * sweet_fresh[product]).sum(axis=1)
    y += sweet_fresh[product, 0] * weekend[weekday] + rng.normal(0, 0.3, rows)
    ids = np.stack([shop, weekday, product], axis=1)
    return ids, week, y.astype("float32"), (sweet_fresh, taste, weekend)


ids, week, y, (sweet_fresh, taste, weekend) = chain(np.random.default_rng(0))
past, future = week < 39, week >= 39  # nine months to learn from, three to predict
print("IDs:", ids.shape, "of", " × ".join(map(str, SIZES[:3])), "categories")

# %% [markdown]
# The split is by **time**: we train on the first nine months, and test on the last three. Why not at random? Keep the question; there is a whole section on it below.
#
# The network: an embedding for each column, side by side, then dense layers. Before you read it, count:

# %%
quiz("06", "model-inputs")


# %%
def network(sizes, dims):
    """One embedding for each column, joined, then two hidden layers and one number."""
    inputs = [keras.Input((), dtype="int32") for _ in sizes]
    layers = [keras.layers.Embedding(n, d) for n, d in zip(sizes, dims, strict=True)]
    joined = [layer(column) for layer, column in zip(layers, inputs, strict=True)]
    hidden = keras.layers.Concatenate()(joined)
    for units in (64, 32):
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    return keras.Model(inputs, keras.layers.Dense(1)(hidden))


model = network(SIZES[:3], dims=(8, 1, 8))
print(f"{model.count_params():,} parameters")


# %% [markdown]
# Four helpers: train, predict, measure, and take the tables out.


# %%
def fit(ids, y, sizes=SIZES[:3], dims=(8, 1, 8), epochs=30, batch_size=512):
    """A trained network."""
    model = network(sizes, dims)
    model.compile(keras.optimizers.Adam(0.006), "mse")
    model.fit(list(ids.T), y, batch_size=batch_size, epochs=epochs, verbose=progress())
    return model


def predict(model, ids):
    return to_numpy(model(list(ids.T)))[:, 0]


def unexplained(prediction, y):
    """Mean squared error as a share of the target's variance: 0 is perfect, 1 knows the mean."""
    return ((prediction - y) ** 2).mean() / y.var()


def tables(model):
    return [w.get_weights()[0] for w in model.layers if isinstance(w, keras.layers.Embedding)]


# %% [markdown]
# Trained twice, from two random starts. The error is given as a share of the variance.

# %%
keras.utils.set_random_seed(0)
model, again = fit(ids[past], y[past]), fit(ids[past], y[past])
error = unexplained(predict(model, ids[future]), y[future])
residual = predict(model, ids[future]) - y[future]
weekly = [residual[week[future] == w].mean() for w in np.unique(week[future])]
luck = np.mean(np.square(weekly)) / np.mean(residual**2)
print(f"unexplained in the last three months ≈ {error:.3f}")
print(f"share of the squared error that is common to all sales of a week ≈ {luck:.2f}")
claim("the names explain over half of the future's variance", error < 0.5)
claim("over a third of the error is the luck of the weeks", luck > 0.33)

# %% [markdown]
# Some of the error is out of reach, as we know from the data's recipe: no name tells the luck of a future week, nor the noise of a single sale. The first kind alone is over a third of what is left.

# %% [markdown]
# ## Has it found the secret?
#
# Start with the smallest table, the weekdays: $d = 1$, one number for each day. **Predict:** which days will lie near each other? Nobody told the network; it only saw IDs 5 and 6.

# %%
days = tables(model)[1][:, 0]
print(f"distance Saturday to Sunday ≈ {abs(days[5] - days[6]):.2f}")
print(f"distance Saturday to Monday ≈ {abs(days[5] - days[0]):.2f}")
closeness = abs(np.corrcoef(days, weekend)[0, 1])
print(f"correlation with the hidden effect, sign aside ≈ {closeness:.2f}")
claim(
    "Sunday lies nearer to Saturday than Monday does",
    2 * abs(days[5] - days[6]) < abs(days[5] - days[0]),
)
claim("the seven numbers follow the hidden weekend effect", closeness > 0.85)

# %% [markdown]
# Now the products. Each has 8 learned numbers, and two hidden ones that the network never saw. Where in the table should we look for these two?

# %%
quiz("06", "rotation")

# %% [markdown]
# Turn the product table with a random rotation $Q$, and turn the weights that read it the other way: $(WQ)(Q^\top K) = WK$.

# %%
rotated = keras.models.clone_model(model)
rotated.set_weights(model.get_weights())
turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
embeddings = [w for w in rotated.layers if isinstance(w, keras.layers.Embedding)]
embeddings[2].set_weights([tables(model)[2] @ turn])
reader = next(w for w in rotated.layers if isinstance(w, keras.layers.Dense))
kernel, bias = reader.get_weights()
kernel[9:] = turn.T @ kernel[9:]  # inputs 0–7 are the shop, 8 is the weekday
reader.set_weights([kernel, bias])
sample = ids[:1000]
same = np.allclose(predict(rotated, sample), predict(model, sample), atol=1e-2)
claim("a rotated table, with its reader turned back, predicts the same", same)

# %% [markdown]
# So the loss cannot tell a table from its rotations. Nor from any other invertible linear map of it. **The axes of an embedding mean nothing**; what can mean something is the configuration of the points. Thus we ask: is there a *linear map* that takes the 8 learned numbers to the 2 hidden ones?
#
# How good is a good fit? **Predict:** with $d = 39$ random numbers for each of 40 products, how well does a linear map (with intercept) fit the hidden coordinates?

# %%
quiz("06", "recovery-chance")

# %% [markdown]
# It fits perfectly, and proves nothing; 8 random columns explain 8/39 of the variance on average, too. The remedy is the usual one: predict points that the map has not seen. Leave out one product, fit the map on the other 39, predict the one, and so on for each. (Then $R^2$ can be negative: worse than the mean.)

# %%
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict


def mapped(table, hidden):
    """Each row's hidden coordinates, from a linear map fitted on all other rows."""
    return cross_val_predict(LinearRegression(), table, hidden, cv=LeaveOneOut())


noise = np.random.default_rng(0).normal(size=(PRODUCTS, 39))
fitted = LinearRegression().fit(noise, sweet_fresh).score(noise, sweet_fresh)
print(f"random table, d = 39, rows that the map has seen: R² = {fitted:.3f}")
chance = r2_score(sweet_fresh, mapped(noise[:, :8], sweet_fresh))
print(f"random table, d = 8, rows left out: R² ≈ {chance:.2f}")
for name, trained in (("first", model), ("second", again)):
    found = r2_score(sweet_fresh, mapped(tables(trained)[2], sweet_fresh))
    print(f"{name} network's products, left out: R² ≈ {found:.2f}")
    claim(f"the {name} table holds the hidden map: over 80 % explained", found > 0.8)
claim("on rows left out, a random table does no better than the mean", chance <= 0)

# %% mystnb={"image": {"alt": "A plane with axes sweet and fresh. Forty circles show the hidden coordinates of the products, and a short line leads from each to a dot, where the learned table puts it. Most lines are short beside the width of the cloud; a few are long."}}
guess = mapped(tables(model)[2], sweet_fresh)
_, axis = plt.subplots(figsize=(5.2, 4.4))
axis.plot(*np.stack([sweet_fresh, guess]).transpose(2, 0, 1), color="0.7", linewidth=1)
axis.scatter(*sweet_fresh.T, facecolors="none", edgecolors="tab:blue", label="hidden")
axis.scatter(*guess.T, s=12, color="tab:orange", label="from the learned table")
axis.set(xlabel="sweet", ylabel="fresh", aspect="equal")
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# The circles are the truth that we planted; the dots come from a table that was trained on sales alone, through a map that had not seen the product in question. Products that customers treat alike land near each other on this map.
#
# And the two networks? Both tables hold the hidden map. **Predict:** are the tables themselves alike, number by number?

# %%
first, second = tables(model)[2], tables(again)[2]
raw = np.corrcoef(first.ravel(), second.ravel())[0, 1]
print(f"correlation of the two tables, number by number ≈ {raw:.2f}")
agreement = np.corrcoef(guess.ravel(), mapped(second, sweet_fresh).ravel())[0, 1]
print(f"correlation of their maps, number by number ≈ {agreement:.2f}")
claim("the numbers differ", abs(raw) < 0.8)
claim("the maps agree", agreement > 0.9)

# %% [markdown]
# (The maps had to agree, as both come close to the same truth. The news is that the tables do not.) A consequence for practice: rows from two trainings must not be mixed or averaged.
#
# ## How many dimensions?
#
# We know what there is to learn about a product: a level, sweet, fresh. **Predict** which $d$ is too small, which is enough, and what more of it does.

# %%
quiz("06", "choose-d")

# %%
keras.utils.set_random_seed(0)
results = {}
for d in (1, 2, 4, 8, 32):
    trial = model if d == 8 else fit(ids[past], y[past], dims=(d, 1, d))
    results[d] = unexplained(predict(trial, ids[future]), y[future])
    print(f"d = {d:2}, {trial.count_params():6,} parameters, unexplained ≈ {results[d]:.3f}")
claim("d = 1 is too small: half as much error again as d = 8", results[1] > 1.5 * results[8])
claim("d = 4 does nearly as well as 8", results[4] < 1.25 * results[8])
claim("d = 32 is not better than d = 8", results[32] > 0.95 * results[8])

# %% [markdown]
# Three hidden numbers, and four dimensions carry nearly all of it.  Eight times as many cost parameters and bring nothing,, with about 94 sales for each product (three quarters of 5,000, over 40). A long row has room to learn the noise.
#
# A row with $d = 1$ could tell forty products apart, but gradient descent did not find such a code here; a short row is a limit on what is *easy* to learn. In practice $d$ is a hyperparameter: try a few values on a validation split, from 2 up to a few dozen. No formula knows how many ways your categories differ.
#
# ## Unknown and rare categories
#
# In the tenth month the chain will sell a product that nobody has seen. It has no ID. The custom is to keep a row for all such cases: **out of vocabulary**, OOV. Keras' `StringLookup` makes IDs from strings, and by default gives number 0 to the unknown. (It is TensorFlow's: with other back ends it still needs TensorFlow installed, and should run before the model, on the data.)

# %%
lookup = keras.layers.StringLookup(vocabulary=["apple", "bread", "cake"])
print(to_numpy(lookup(np.array(["cake", "apple", "durian", "Bread"]))))
print([str(name) for name in lookup.get_vocabulary()])

# %% [markdown]
# *Durian* is unknown, and so is *Bread*, with a capital: for a lookup, other letters are another category. What does row 0 hold after training?

# %%
quiz("06", "oov-row")

# %% [markdown]
# Try two ways. In both, eight products are new in the last three months. In the first, row 0 is never trained. In the second, 5 % of the training rows have their product replaced by 0, at random in each row, so that row 0 learns what to expect of a product about which nothing is known. And eight more products are made **rare**: ten sales each, spread over the nine months. **Predict:** will training row 0 help, and is a row learned from ten sales better than row 0?

# %%
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
product = ids[:, 2]
is_new, is_rare = product >= 32, (product >= 24) & (product < 32)
kept = np.zeros(len(ids), bool)
for rare in range(24, 32):
    sales = np.flatnonzero(past & (product == rare))
    kept[sales[np.linspace(0, len(sales) - 1, 10).astype(int)]] = True
train = past & ~is_new & (~is_rare | kept)

with_oov = ids.copy()
with_oov[:, 2] = np.where(is_new, 0, product + 1)
hidden_ids = with_oov[train].copy()
hidden_ids[rng.random(train.sum()) < 0.05, 2] = 0
sizes = (SHOPS, DAYS, PRODUCTS + 1)
untrained_row = fit(with_oov[train], y[train], sizes)
trained_row = fit(hidden_ids, y[train], sizes)

# %%
new, rare = future & is_new, future & is_rare
unknown_rare = with_oov[rare].copy()
unknown_rare[:, 2] = 0
scale = y[future].var()


def share(model, ids, y):
    return ((predict(model, ids) - y) ** 2).mean() / scale


errors = [share(m, with_oov[new], y[new]) for m in (untrained_row, trained_row)]
own, as_unknown = (
    share(trained_row, with_oov[rare], y[rare]),
    share(trained_row, unknown_rare, y[rare]),
)
print(f"new products, row 0 never trained ≈ {errors[0]:.2f}")
print(f"new products, row 0 trained ≈ {errors[1]:.2f}")
constant = ((y[kept & ~is_new].mean() - y[new]) ** 2).mean() / y[future].var()
print(f"new products, one constant for all ≈ {constant:.2f}")
print(f"rare products, as unknown ≈ {as_unknown:.2f}")
print(f"rare products, their own rows from ten sales ≈ {own:.2f}")
starts = [abs(tables(m)[2][0]).max() for m in (untrained_row, trained_row)]
claim(
    "the row 0 that was never trained still lies within ±0.05, where Keras' rows begin",
    starts[0] <= 0.05,
)
claim(
    "new products are predicted worse than known ones by half, at least", min(errors) > 1.5 * error
)
claim("ten sales make a row that is better than none", own < as_unknown)

# %% [markdown]
# A new product is hard in any case: the network knows shop and weekday, but not what they meet. Compare with the constant: a network that does not know the product can do worse than no network. The trained row 0 answers with what fits an *average* product. The untrained one is a point at random, close to zero, that no dense layer has ever had to read.
#
# With eight new products, chance decides whether they are like the average, and a point near zero can by luck be a fair guess. So take the modest lesson: train row 0, because then its answer is one that you *chose*. It does not make the unknown known.
#
# And the rare ones? The custom says: send categories with few examples to OOV. Here ten sales are enough to make an own row better than row 0. That is a matter of signal against noise: how much products differ, against what ten noisy sales can tell about one. Where the noise of so few examples hides the differences, lumping wins. Measure before you throw names away.
#
# ## Ordinal or nominal?
#
# Weekday, product and shop are **nominal**: names without order. A shirt's size is **ordinal**: S < M < L. Such a column can enter as one number, or as an embedding that ignores the order. **Question:** what does the order buy?

# %%
quiz("06", "ordinal")

# %% [markdown]
# The smallest embedding shows it: $d = 1$, read by one linear unit, is simply a number for each category. With squared error the best such number is the category's mean. Compare it with a straight line through the IDs, for 12 categories whose effects are either in order or not:


# %%
def errors_of_fits(effect, examples, rng, repeats=200):
    """Mean squared error of the effects: one line through the IDs; one number for each ID."""
    x = np.repeat(np.arange(len(effect)), examples)
    error = np.zeros(2)
    for _ in range(repeats):
        y = effect[x] + rng.normal(size=len(x))
        line = np.polyval(np.polyfit(x, y, 1), np.arange(len(effect)))
        own = y.reshape(len(effect), examples).mean(axis=1)
        error += [((fit - effect) ** 2).mean() / repeats for fit in (line, own)]
    return error


rng = np.random.default_rng(0)
ordered, unordered = 0.3 * np.arange(12), 0.3 * (5 * np.arange(12) % 12)
for label, effect in (("in order", ordered), ("not in order", unordered)):
    line, own = errors_of_fits(effect, 2, rng)
    print(f"{label:12}, two examples each, error of the line ≈ {line:.2f}")
    print(f"{label:12}, two examples each, error of own numbers ≈ {own:.2f}")
    claim(
        f"{label}: {'the line is' if label == 'in order' else 'own numbers are'} better",
        (line < own) == (label == "in order"),
    )

# %% [markdown]
# With an order that is real, and effects that follow it steadily, two examples of *each* size teach about *all* sizes. An embedding must learn each row by itself. If the order says nothing about the target, the line is plain wrong, however many examples it gets. Between the two: an ordered column with enough examples of each category can be embedded, and its table will show the order if there is one. (Or give the network both, number and embedding.)
#
# ## The table in another model
#
# The table is a by-product that can be carried away: replace each ID by its row, and give these numbers to any model.
#
# We ask the same of our chain. Three inputs for one forest (and, for comparison, boosted trees that know which columns are categories): plain IDs, one-hot, and the network's rows. **Predict** the order, and whether any beats the network:

# %%
quiz("06", "forest-order")

# %%
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor


def one_hot_columns(ids, sizes):
    return np.concatenate([np.eye(n)[ids[:, k]] for k, n in enumerate(sizes)], axis=1)


def embedded(ids, tables):
    return np.concatenate([table[ids[:, k]] for k, table in enumerate(tables)], axis=1)


def forest_error(x, y, train, test):
    forest = RandomForestRegressor(25, min_samples_leaf=2, random_state=0)
    return unexplained(forest.fit(x[train], y[train]).predict(x[test]), y[test])


inputs = {"IDs": ids, "one-hot": one_hot_columns(ids, SIZES[:3])}
inputs["embeddings"] = embedded(ids, tables(model))

# %% [markdown]
# Each forest learns from the first nine months, and so does one ensemble of *boosted* trees. All predict the last three.

# %%
scores = {name: forest_error(x, y, past, future) for name, x in inputs.items()}
for name, value in scores.items():
    print(f"forest on {name}: unexplained ≈ {value:.3f}")
boosting = HistGradientBoostingRegressor(categorical_features=[0, 1, 2], random_state=0)
boosting.fit(ids[past], y[past])
boosted = unexplained(boosting.predict(ids[future]), y[future])
print(f"boosted trees, told that IDs are categories: unexplained ≈ {boosted:.3f}")
print(f"the network itself: unexplained ≈ {error:.3f}")
better = min(scores["IDs"], scores["one-hot"])
claim("embeddings beat IDs and one-hot in a forest", scores["embeddings"] < 0.9 * better)
claim("their network beats the forest that borrows them", error < scores["embeddings"])
claim("boosted trees, without a network, beat IDs and one-hot, too", boosted < 0.95 * better)

# %% [markdown]
# The learned rows help the forest a good deal. Guo and Berkhahn found the same after a competition on the sales of 1,115 shops: all methods they tried became better with the network's embeddings as inputs, random forests too {cite}`guo2016`. But look at the other lines. The network itself is ahead of the forest that borrows its table: the secret is a sum of products, which stairs copy poorly. And before you train a network for the sake of a forest, try boosted trees {cite}`friedman2001` that are told which columns are categories: they, too, beat the two forests without learned rows, and no network was needed.
#
# How much the rows help depends on how *few* examples there are. With many thousand sales more, a forest on plain IDs can cut out each pair of shop and product by itself. **Predict** what happens to the gap, then try it: `chain(rng, rows=20_000)`.
#
# ### Fees by rule
#
# Now another table of the same chain: the fee of a delivery. The columns are the zone (120, numbered outwards from the centre), the driver and the hour. The driver does not count. The rules have *steps*: zones below 40 pay 3, those below 88 pay 5, the others 9; rush hours cost 2 more; late at night there are 3 more outside the centre. We have 300 deliveries to learn from, in order of time, and 300 later ones to predict.

# %%
quiz("06", "who-wins-fees")

# %%
rng = np.random.default_rng(0)
zone, driver, hour = (rng.integers(0, n, 600) for n in (120, 5, 24))
fee = np.select([zone < 40, zone < 88], [3.0, 5.0], 9.0)
fee += 2.0 * np.isin(hour, [7, 8, 9, 16, 17, 18]) + 3.0 * ((hour >= 22) & (zone >= 40))
fee = (fee + rng.normal(0, 0.3, 600)).astype("float32")
deliveries, fee_sizes = np.stack([zone, driver, hour], axis=1), (120, 5, 24)
early, late = np.arange(600) < 300, np.arange(600) >= 300

keras.utils.set_random_seed(0)
fee_model = fit(deliveries[early], fee[early], fee_sizes, (4, 2, 4), epochs=60, batch_size=32)
fee_error = unexplained(predict(fee_model, deliveries[late]), fee[late])

# %% [markdown]
# The same three inputs for a forest as before:

# %%
fee_inputs = {
    "IDs": deliveries,
    "one-hot": one_hot_columns(deliveries, fee_sizes),
    "embeddings": embedded(deliveries, tables(fee_model)),
}
fees = {name: forest_error(x, fee, early, late) for name, x in fee_inputs.items()}
print(f"network: unexplained ≈ {fee_error:.3f}")
for name, value in fees.items():
    print(f"forest on {name}: unexplained ≈ {value:.3f}")
claim(
    "a forest on plain IDs makes under 60 % of the network's error", fees["IDs"] < 0.6 * fee_error
)
claim("a forest on the network's rows does not lose to it", fees["embeddings"] < 1.15 * fee_error)
claim("one-hot is behind by far", fees["IDs"] < 0.5 * fees["one-hot"])

# %% [markdown]
# The network must learn each zone from two or three examples of its own, and it makes slopes where the truth has steps.
#
# A surprise is in the line of the embeddings: in a forest, the *network's* rows do no worse than the network they come from, and often better. A likely reason: the table has learned which zones are alike, and the forest can put steps where the network has slopes. So the forest with borrowed rows lost to the network on sales, and does not lose on fees. What decides is the shape of the truth, not the fashion.
#
# ## At random, or by time?
#
# Back to the sales, and to the question of the split. We give the forest one more column, the number of the week. Does it help? Ask twice: once with a quarter of all rows drawn at **random** as the test, once with the last quarter of the **year**. (The embeddings are learned anew for each split, from its training rows only. A table that has seen the test rows would carry their answers into the forest.)

# %%
quiz("06", "which-split")

# %%
keras.utils.set_random_seed(0)
drawn = np.random.default_rng(0).random(len(ids)) < 0.75
shuffled_tables = tables(fit(ids[drawn], y[drawn]))
gain = {}
for split, train, test, found in (
    ("random split", drawn, ~drawn, shuffled_tables),
    ("split by time", past, future, tables(model)),
):
    x = embedded(ids, found)
    without = forest_error(x, y, train, test)
    with_week = forest_error(np.column_stack([x, week]), y, train, test)
    gain[split] = 1 - with_week / without
    print(f"{split}, without the week ≈ {without:.3f}")
    print(f"{split}, with the week ≈ {with_week:.3f}")
promised, kept = gain["random split"], gain["split by time"]
claim("at random, the week lowers the error", promised > 0.02)
claim("by time, less than half of that gain is left", kept < promised / 2)

# %% [markdown]
# Under the random split, each test row has neighbours of the *same week* among the training rows, and they give away the week's luck. The forest looks up an answer that in use nobody will have: next week's luck has not happened. Worse: for a week beyond the last one it knows, the forest answers as for the last weeks that it knows. The split by time asks what we want to know. A column can look useful in one split, and be of little use or harmful in the other; the same holds for comparing models. So Guo and Berkhahn show both: their network's mean absolute percentage error is larger when the split respects time {cite}`guo2016`.
#
# The rule: **test as you will use.** If the model will predict the future, hold out the future. If it will meet new shops, hold out whole shops.
#
# ## Summary
#
# - A categorical column becomes IDs, and each ID a row of an $n × d$ table: random at first, trained like any weight, read as a lookup table.
# - A lookup is one-hot × table, exactly. Its gradient, $E^\top G$, adds up the errors of a row's uses, and is zero for rows not used.
# - A zero gradient is not a zero step: momentum and Adam go on moving rows of earlier batches, weight decay shrinks all of them, and Adam carries a row far on a single example.
# - Before a dense layer of $m$ units an embedding saves weights if $d < nm/(n+m)$. What it gives up is rank.
# - The axes of a table mean nothing, as any rotation predicts the same. Judge the configuration: with a linear map, on rows that the map has not seen.
# - $d$ too small hurts. Enough is as many as the ways in which categories matter; more did little here.
# - A row is trained only by its examples: an OOV row that never occurs stays random. Order that is real is worth telling the model.
# - Embeddings can help a forest. Where steps and order rule, and examples are few, plain IDs and trees won. Split by time if you will predict the future.
#
# Trees are still hard to beat on many tables of middling size; {cite:t}`grinsztajn2022` ask why.
#
# ## Exercises
#
# The [lab of this chapter](../labs/06_embeddings.ipynb) has you build all of it: IDs and their vocabulary, the lookup and its gradient, counts, a model with several categorical inputs, neighbours in the table, a score for what it has recovered, and a split that does not flatter.
