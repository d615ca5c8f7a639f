# %% [markdown]
# # 01 · Reading a network
#
# A network can be read before it is run. Its listing and a pencil say what it costs, and often where it is wrong.
#
# After this chapter you can
#
# - **follow** a shape through a convolutional network, layer by layer, by hand;
# - **count** the parameters, multiply-adds and bytes of each layer, and say which layer dominates which;
# - **tell** the mistakes that Keras refuses from those it lets pass in silence;
# - **find** four classic mistakes in listings, and **measure** what each of them costs.
#
# Reading, running and answering take about two hours. The lab takes two hours more. You should have met dense layers, activations (ReLU, softmax) and gradient descent. In the code, `claim(text, fact)` prints ✓ if the fact holds, and stops if it does not. What stands after ≈ was measured, and may differ a little on your machine.

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
from keras.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
)

from convbook import data, figures
from convbook.claims import claim
from convbook.widgets import progress, quiz

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## Six layers, six sentences
#
# This is the network that we shall read. It takes a grey image of 28×28 pixels and gives ten probabilities.
#
# ```python
# Conv2D(16, 3, activation="relu")
# MaxPooling2D()
# Conv2D(32, 3, activation="relu")
# MaxPooling2D()
# Flatten()
# Dense(10, activation="softmax")
# ```
#
# To count, you need to know only what a layer does to a **shape**: height × width × channels. A grey image is 28×28×1.
#
# - **`Conv2D(filters, kernel_size)`** slides small windows of weights over its input. Each filter is as deep as the input has channels, has one bias, and gives one new channel. A window of 3 fits into a row of 28 at 26 places: without padding, a side $n$ becomes $n - 3 + 1$. [Chapter 02](02_convolution.ipynb) is about this layer.
# - **`MaxPooling2D()`** cuts each channel into 2×2 blocks and keeps the largest number of each. A side $n$ becomes $n/2$, rounded **down**. It has no weights. [Chapter 03](03_pooling.ipynb) says what it is good for.
# - **`Flatten()`** writes all numbers in one row. It has no weights.
# - **`Dense(units)`** you know: a weight for each pair of input and output, and a bias for each output.
#
# Two more appear later. They leave the shape as it is.
#
# - **`Dropout(rate)`**, in training only, sets each number to 0 with that probability and divides the others by $1 - \text{rate}$ {cite}`srivastava2014`. It has no weights.
# - **`BatchNormalization()`** brings each channel to mean 0 and variance 1 over the batch, then multiplies it by a learned $γ$ and adds a learned $β$ {cite}`ioffe2015`.
#
# ## The sides, by hand
#
# Take the pencil. **Predict** how the side of the maps shrinks, from 28 to the last pooling:

# %%
quiz("01", "sides")

# %%
side = 28
for step in ("Conv2D 3", "MaxPooling2D", "Conv2D 3", "MaxPooling2D"):
    before = side
    side = side - 3 + 1 if step == "Conv2D 3" else side // 2
    print(f"{step:13} {before} → {side}")

# %% [markdown]
# Did you write 5.5 somewhere? The second pooling meets 11 rows. It makes five pairs, and one row is left over. Keep it in mind: it will come back.
#
# ## The parameters, by hand
#
# **Predict** the three layers that have any. They are the review questions of the slides behind this course.

# %%
quiz("01", "first-convolution", "second-convolution", "dense")

# %% [markdown]
# The sums, written out:

# %%
conv_1 = 16 * (3 * 3 * 1 + 1)  # filters · (height · width · channels in + bias)
conv_2 = 32 * (3 * 3 * 16 + 1)
dense = (5 * 5 * 32) * 10 + 10  # inputs · outputs + biases
print(f"Conv2D(16, 3): {conv_1:6,}")
print(f"Conv2D(32, 3): {conv_2:6,}")
print(f"Dense(10):     {dense:6,} from {5 * 5 * 32} inputs")
print(f"total:         {conv_1 + conv_2 + dense:6,}")

# %% [markdown]
# Only now do we ask Keras.


# %%
def review_network(side=28, padding="valid", head=Flatten):
    """The network of the review questions, for square grey images."""
    return keras.Sequential(
        [
            keras.Input((side, side, 1)),
            Conv2D(16, 3, padding=padding, activation="relu"),
            MaxPooling2D(),
            Conv2D(32, 3, padding=padding, activation="relu"),
            MaxPooling2D(),
            head(),
            Dense(10, activation="softmax"),
        ]
    )


model = review_network()
for layer in model.layers:
    shape = "×".join(str(n) for n in layer.output.shape[1:])
    print(f"{type(layer).__name__:13} {shape:9} {layer.count_params():6,}")
claim("Keras counts 12,810 too", model.count_params() == conv_1 + conv_2 + dense == 12_810)

# %% [markdown]
# `model.summary()` prints the same. But a summary can only confirm or contradict an expectation. If you have none, it says nothing.
#
# ## Three prices
#
# Parameters are one price of a layer. There are two more:
#
# - **multiply-adds**: how often it multiplies a weight by a number and adds the product. This is the work. (Papers count *FLOPs*; some mean multiply-adds, some count the two operations one by one and get twice as many. Ask which.)
# - **memory**: how many numbers it puts out. In training they must all be kept for the backward pass, for each image of the batch.
#
# A convolution puts out rows × columns × filters numbers. Each of them costs one product for each weight of its filter. **Predict:**

# %%
quiz("01", "multiply-adds", "where")

# %% [markdown]
# Draw a table with a pencil: *layer, output shape, parameters, multiply-adds, memory*. Six rows. Fill it before you go on; with 4 bytes to a number, the last column of the first row is 26·26·16·4. Here is ours, sum by sum:

# %%
table = [  # layer, output shape, parameters, multiply-adds, numbers put out
    ("Conv2D(16, 3)", (26, 26, 16), 16 * (3 * 3 * 1 + 1), 26 * 26 * 16 * 3 * 3 * 1, 26 * 26 * 16),
    ("MaxPooling2D", (13, 13, 16), 0, 0, 13 * 13 * 16),
    ("Conv2D(32, 3)", (11, 11, 32), 32 * (3 * 3 * 16 + 1), 11 * 11 * 32 * 3 * 3 * 16, 11 * 11 * 32),
    ("MaxPooling2D", (5, 5, 32), 0, 0, 5 * 5 * 32),
    ("Flatten", (800,), 0, 0, 0),  # the same 800 numbers under another shape
    ("Dense(10)", (10,), 800 * 10 + 10, 800 * 10, 10),
]
print("layer          output shape  parameters  multiply-adds  bytes")
for name, shape, parameters, products, put_out in table:
    shape = "×".join(map(str, shape))
    print(f"{name:14} {shape:12} {parameters:11,} {products:14,} {4 * put_out:6,}")
totals = np.array([row[2:] for row in table]).sum(axis=0)
print(f"{'together':14} {'':12} {totals[0]:11,} {totals[1]:14,} {4 * totals[2]:6,}")

# %% [markdown]
# (A pooling compares, and multiplies nothing. A bias costs an addition, which we leave out.)
#
# Keras tells shapes and parameters, but not multiply-adds. A trick makes it count them. Set every weight to 1, leave out bias and activation, and put in an image of ones. Then every product is 1, and each output is the *number* of its products. Their sum is the number of multiply-adds:


# %%
def count_products(layer, shape):
    """Multiply-adds of a linear layer without bias: let it add up ones."""
    layer.build((None, *shape))
    layer.set_weights([np.ones_like(w) for w in layer.get_weights()])
    return int(to_numpy(layer(np.ones((1, *shape), "float32"))).sum(dtype=float))


counted = [
    count_products(Conv2D(16, 3, use_bias=False), (28, 28, 1)),
    count_products(Conv2D(32, 3, use_bias=False), (13, 13, 16)),
    count_products(Dense(10, use_bias=False), (800,)),
]
print("counted by Keras:", *(f"{n:,}" for n in counted))
claim("they are ours", counted == [row[3] for row in table if row[3]])
claim(
    "and so are Keras' shapes",
    [row[1] for row in table] == [x.output.shape[1:] for x in model.layers],
)
claim("and its parameters", [row[2] for row in table] == [x.count_params() for x in model.layers])

# %% [markdown]
# Now the shares. **Which layer is the largest?** It depends on the price:

# %% mystnb={"image": {"alt": "Bars for the share of each layer in three prices. The dense layer has most of the parameters, the second convolution most of the multiply-adds, and the first convolution most of the memory."}}
names = ["Conv2D(16)", "pooling", "Conv2D(32)", "pooling ", "Flatten", "Dense(10)"]
shares = np.array([row[2:] for row in table]) / totals
_, axis = plt.subplots(figsize=(6.5, 2.8))
for i, price in enumerate(("parameters", "multiply-adds", "memory")):
    axis.bar(np.arange(6) + 0.27 * (i - 1), 100 * shares[:, i], width=0.25, label=price)
    largest = shares[:, i].argmax()
    print(f"{price:13} {names[largest]:10} {shares[largest, i]:4.0%}")
axis.set(xticks=range(6), xticklabels=names, xlabel="layer", ylabel="share (%)")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# Three prices, three different layers. **Parameters sit in the dense layer, the work in the convolutions, the memory in the first layer.** The reason is weight sharing. A convolution uses each weight at every place: 4,608 weights, 121 places. A dense layer uses each weight once, so its multiply-adds equal its weights. And the maps are largest where the image has not shrunk yet.
#
# **Question:** a batch of 64 images is trained. What takes more memory, the parameters or the maps?

# %%
print(f"the parameters:           {4 * totals[0]:9,} bytes")
print(f"the maps, for one image:  {4 * totals[2]:9,} bytes")
print(f"the maps, for 64 images:  {64 * 4 * totals[2]:9,} bytes")

# %% [markdown]
# The maps, by a factor of 90. So in a convolutional network a smaller batch is the first remedy when memory runs out. (Prediction needs far less: a map may go as soon as the next layer has read it.)
#
# ## The row that nobody reads
#
# Back to the pooling that met 11 rows. It computes five, and drops the eleventh row and column of every map, without a word. So the second convolution has done some of its work for nothing:

# %%
dropped = 11 * 11 - 10 * 10
print(f"{dropped} of {11 * 11} places: {dropped / 11**2:.0%} of the layer's multiply-adds")

# %% [markdown]
# And the image? If an edge of the *map* is thrown away, some pixels may reach nothing else. **Follow it back with a pencil:**

# %%
quiz("01", "never-read")

# %%
digits = data.load("mnist", train=4000, test=1000)
model = review_network()
x = digits.x_test[:100]


def answers_change(rows):
    """Whether the answers change when the last rows and columns are painted white."""
    painted = x.copy()
    painted[:, 28 - rows :] = painted[:, :, 28 - rows :] = 1
    return not np.allclose(to_numpy(model(painted)), to_numpy(model(x)), atol=1e-6)


for rows in (1, 2, 3):
    changed = "some answer changes" if answers_change(rows) else "no answer changes"
    print(f"{rows} at the bottom and at the right: {changed}")

# %% [markdown]
# Two rows at the bottom and two columns at the right could hold anything: the network is blind there. On digits it does no harm, as their border is black. On photographs it may.
#
# It follows that this network, built for 28×28, also takes 26×26. **Predict:** which sides have the same number of parameters?

# %%
for side in range(25, 31):
    print(f"{side}×{side}: {review_network(side=side).count_params():,} parameters")
cropped = to_numpy(model(x[:, :26, :26]))
claim("images cut to 26×26: the same answers", np.allclose(cropped, to_numpy(model(x)), atol=1e-6))

# %% [markdown]
# Four sides, one number. A right parameter count does not prove that the shape is right. And the model said `Input((28, 28, 1))`, got 26×26, and did not complain.
#
# ## A wrong `input_shape`
#
# One slide writes the second convolution so:
#
# ```python
# Conv2D(32, 3, activation="relu", input_shape=(14, 14, 16))
# ```
#
# The pencil says 13×13×16. (Half of 28 is 14: the first convolution was forgotten.) **Predict** what Keras 3 does with it:

# %%
quiz("01", "input-shape")


# %%
from warnings import catch_warnings, simplefilter


def slide_network(first, second):
    """The slide's network, with two input_shapes; and the warnings that Keras gave."""
    with catch_warnings(record=True) as caught:
        simplefilter("always")
        network = keras.Sequential(
            [
                Conv2D(16, 3, activation="relu", input_shape=first),
                MaxPooling2D(),
                Conv2D(32, 3, activation="relu", input_shape=second),
                MaxPooling2D(),
                Flatten(),
                Dense(10, activation="softmax"),
            ]
        )
    return network, [str(w.message) for w in caught if "input_shape" in str(w.message)]


# %% [markdown]
# The slide's shape, the right one, and one that is pure nonsense:

# %%
for second in ((14, 14, 16), (13, 13, 16), (5, 5, 7)):
    network, caught = slide_network((28, 28, 1), second)
    reads, count = network.layers[2].input.shape[1:], network.count_params()
    print(f"{second}: reads {reads}, {count:,} parameters, {len(caught)} warnings")
print()
print("the warnings are all the same:", len(set(caught)) == 1)
print(caught[0].replace(". ", ".\n"))

# %% [markdown]
# No error, and no trace: the layer reads 13×13×16 whatever we write. There is a warning, but it says nothing about the number. Keras 3 dislikes `input_shape` on *any* layer, and warns about the right one too. After the first layer, the argument is **ignored**.
#
# On the first layer it counts: Keras turns it into an `Input`. **Predict** which of these wrong first shapes is refused, when real digits of 28×28×1 come in:


# %%
def verdict(function, *arguments):
    """What Keras says to a function's call."""
    try:
        function(*arguments)
    except Exception:  # each back end has error types of its own
        return "refused"
    return "accepted"


for first in ((29, 29, 1), (30, 30, 1), (28, 28, 3)):
    network, _ = slide_network(first, (13, 13, 16))
    print(f"{first}: {verdict(network, x)}")

# %% [markdown]
# 29 is accepted: it ends in the same 5×5. 30 ends in 6×6, and the *dense* layer refuses the 800 numbers that come. Three channels are refused by the first convolution, as its filters are three deep. So there is no check of "the shape" as such. **Here an array is refused only where a weight does not fit.**
#
# ## `same` or `valid`?
#
# With `padding="same"`, a convolution adds zeros around its input, and a side keeps its length. Then 28 → 28 → 14 → 14 → 7, and the slide's 14×14×16 would have been right. **Predict** what this costs:

# %%
quiz("01", "same")


# %%
def multiply_adds(network):
    """Outputs × weights of one output, added over all layers that have a kernel."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, Conv2D | Dense):
            weights_of_one = layer.kernel.shape[:-1]  # all axes but the last: filters or units
            total += int(np.prod(layer.output.shape[1:]) * np.prod(weights_of_one))
    return total


for padding in ("valid", "same"):
    network = review_network(padding=padding)
    maps, count = network.layers[3].output.shape[1:], network.count_params()
    print(
        f"{padding:5} last maps {maps}: {count:,} parameters, {multiply_adds(network):,} multiply-adds"
    )

# %% [markdown]
# Padding has no weights, and the two convolutions keep theirs: 160 and 4,640. The whole difference is in the dense layer, which now reads 7·7·32 numbers. The multiply-adds grow in all layers. (Some of them are products with a padded zero. The usual count does not mind, and neither do most libraries.)

# %% [markdown]
# ### A window of one
#
# One more review of the slides: 128 filters of **1×1**, on an input of 1×1×64. What can a window of a single pixel do? **Count:**

# %%
quiz("01", "one-by-one")

# %%
for shape in ((1, 1, 64), (56, 56, 64)):
    layer = Conv2D(128, 1)
    layer.build((None, *shape))
    output = layer.compute_output_shape((None, *shape))[1:]
    print(f"{shape} → {output}: {layer.count_params():,} = 128·(1·1·64 + 1) parameters")
dense = Dense(128)
dense.build((None, 64))
claim("a dense layer from 64 to 128 has as many", dense.count_params() == layer.count_params())

# %% [markdown]
# A filter is as deep as its input, so even the smallest window has 64 weights. The layer mixes channels and leaves places alone: a dense layer at each pixel, as [chapter 02](02_convolution.ipynb) proves.
#
# ## `Flatten` or global average pooling?
#
# Most parameters are in the dense layer because `Flatten` hands it every place of every map. `GlobalAveragePooling2D` hands it one number a map, its mean {cite}`lin2013`. **Predict:**

# %%
quiz("01", "global-pooling")


# %%
def train(network, epochs=3, optimizer="adam"):
    """Train on the digits: the loss that fit reports last, test loss, test accuracy."""
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = network.fit(
        digits.x_train, digits.y_train, batch_size=64, epochs=epochs, verbose=progress()
    )
    return history.history["loss"][-1], *network.evaluate(digits.x_test, digits.y_test, verbose=0)


heads = {}
for head in (Flatten, GlobalAveragePooling2D):
    keras.utils.set_random_seed(0)
    network = review_network(head=head)
    heads[head.__name__] = train(network)[2]
    print(
        f"{head.__name__}: {network.count_params():,} parameters, {multiply_adds(network):,} multiply-adds"
    )
    print(f"   test accuracy ≈ {heads[head.__name__]:.1%}")
claim(
    "after three epochs the mean is over 20 points behind",
    heads["Flatten"] > heads["GlobalAveragePooling2D"] + 0.2,
)

# %% [markdown]
# The mean saves three fifths of the parameters and next to nothing of the work. After three epochs it is far behind. It forgets *where* a feature was, and it learns more slowly: given many more epochs, it makes up for a large part of the gap. Large networks can afford it, as they end in hundreds of maps, each of which says *what* in a way that needs no *where*. And this head takes images of any size.
#
# ## What batch normalization keeps
#
# Put a `BatchNormalization()` after the first convolution, and Keras lists some of its parameters as *non-trainable*. **Predict** how many:

# %%
quiz("01", "batch-norm")

# %%
normal = BatchNormalization()
normal.build((None, 26, 26, 16))
print("trainable:    ", {w.name: tuple(w.shape) for w in normal.trainable_weights})
print("non-trainable:", {w.name: tuple(w.shape) for w in normal.non_trainable_weights})
print("together:     ", normal.count_params())

# %% [markdown]
# Not trainable does not mean constant. In training, the layer uses the mean and variance *of the batch*, and keeps a running average of both: 99 % old value, 1 % new one. At prediction it uses that average, so that an image's answer does not depend on its neighbours.
#
# Two layers in one, then. **Question:** what happens when they are mixed up, and a single row is sent through in training mode?

# %%
quiz("01", "one-row")

# %%
rows = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
for row in rows:
    print(
        "row:",
        np.round(row, 1),
        " after:",
        to_numpy(BatchNormalization()(row[None], training=True))[0],
    )

# %% [markdown]
# All zeros. A number that is its own mean has nothing left after the mean is taken away. Every row gives the same answer, $β$. (After a convolution it is less bad: one image has 26·26 numbers in each channel, and the mean is taken over all of them.)
#
# ## Spot the mistake
#
# Now the slides' second game. The networks have three hidden layers of 200, 100 and 100 units on the pixels of a digit, then ten classes. Each of the four listings below has a mistake. None of them stops the program. For each one: **find it, predict the damage, run.**


# %%
def pixels_to(*layers):
    """A network on the pixels of a digit."""
    return keras.Sequential([keras.Input((28, 28, 1)), Flatten(), *layers])


damage = {}  # name: loss in training, test loss, test accuracy


def report(name):
    """Print what was measured for a network."""
    loss, test_loss, accuracy = damage[name]
    print(
        f"{name} ≈ loss {loss:.2f} in training, {test_loss:.2f} in the test; {accuracy:.1%} right"
    )


# %% [markdown]
# ### 1 · The first listing
#
# ```python
# Dense(200, activation="relu")
# Dropout(0.2)
# Dense(100, activation="relu")
# Dropout(0.2)
# Dense(100, activation="relu")
# Dropout(0.2)
# Dense(10, activation="softmax")
# Dropout(0.2)
# ```

# %%
quiz("01", "dropout-softmax")

# %% [markdown]
# The last line is one too many. First by hand: three probabilities, the true class is the first, and the loss is $-\ln p_\text{true}$.

# %%
from keras.losses import sparse_categorical_crossentropy as cross_entropy

cases = {
    "no dropout:          ": [0.7, 0.2, 0.1],
    "a wrong one dropped: ": [0.7 / 0.8, 0.2 / 0.8, 0],
    "the true one dropped:": [0, 0.2 / 0.8, 0.1 / 0.8],
}
for name, p in cases.items():
    keras_loss = cross_entropy(np.array([0]), np.array([p], "float32"))
    print(f"{name} sum {sum(p):.3f}, loss of Keras ≈ {float(keras_loss[0]):.2f}")
claim("with the true class dropped it exceeds 10", float(keras_loss[0]) > 10)

# %% [markdown]
# The rows no longer sum to 1. And where the true class is dropped, $-\ln 0$ is infinite. Keras avoids that: it raises each probability to at least $10^{-7}$, so the loss stops near $-\ln 10^{-7} = 16$. (It also divides by the row's sum, some back ends before the clipping and some after it: hence the ≈.) A dropped *wrong* class makes the loss smaller than it should be.
#
# Now a whole network, untrained, in training mode:

# %%
softmax = pixels_to(
    Dense(200, "relu"), Dense(100, "relu"), Dense(100, "relu"), Dense(10, "softmax")
)
p = to_numpy(softmax(digits.x_test))
after = to_numpy(Dropout(0.2)(p, training=True))
zero = (after[np.arange(1000), digits.y_test] == 0).mean()
print(f"row sums, smallest ≈ {after.sum(axis=1).min():.2f}")
print(f"row sums, largest ≈ {after.sum(axis=1).max():.2f}")
print(f"true class at zero ≈ {zero:.0%} of the images")
claim("about one true class in five is gone", 0.14 < zero < 0.26)

# %% [markdown]
# The largest possible sum is 1/0.8 = 1.25: nothing dropped, all divided. On *average* the sum is right, but hardly any single row is.
#
# **Predict:** will such a network train? And what will it score in the test?


# %%
def dropout_network(after_softmax):
    layers = []
    for units in (200, 100, 100):
        layers += [Dense(units, activation="relu"), Dropout(0.2)]
    layers += [Dense(10, activation="softmax")] + [Dropout(0.2)] * after_softmax
    return pixels_to(*layers)


for name, after_softmax in (("dropout between layers", False), ("and after softmax", True)):
    keras.utils.set_random_seed(0)
    damage[name] = train(dropout_network(after_softmax))
    report(name)
wrong, right = damage["and after softmax"], damage["dropout between layers"]
claim("in training, its loss is over 3 times the right one's", wrong[0] > 3 * right[0])
claim("and yet it is less than 10 points behind in the test", wrong[2] > right[2] - 0.1)

# %% [markdown]
# It trains. The loss that `fit` reports is terrible, and yet it has learned most of what the right one has: prediction drops nothing, so the fault vanishes just when we look at it. A loss in training far *above* the one in the test is the trace that it leaves. (A little above is normal: the other three dropouts, too, work in training only.)
#
# The gain of dropout is lost as well. It makes a layer rely on no single input. The softmax's outputs are nobody's input.
#
# ### 2 · The second listing
#
# ```python
# Dense(200, activation="relu", kernel_initializer="glorot_normal")
# Dense(100, activation="relu", kernel_initializer="glorot_normal")
# Dense(100, activation="relu", kernel_initializer="glorot_normal")
# Dense(10, activation="softmax", kernel_initializer="glorot_normal")
# ```

# %%
quiz("01", "initialization")

# %% [markdown]
# A unit adds up $n$ products, $a = \sum_i w_i x_i$, with weights drawn independently around 0. Over the draws,
#
# $$E[a^2] = n · \operatorname{Var}(w) · \overline{x^2} .$$
#
# $a$ is as often negative as positive, and ReLU sets the negative half to 0. So **ReLU halves the mean square**: $E[\text{relu}(a)^2] = \tfrac12 E[a^2]$. One layer multiplies it by
#
# $$\tfrac12 \, n · \operatorname{Var}(w) .$$
#
# - **He** takes $\operatorname{Var}(w) = 2/n$, and the factor is 1 {cite}`he2015`.
# - **Glorot** takes $\operatorname{Var}(w) = 2/(n + m)$, with $m$ outputs, from a derivation for activations that are linear around 0 {cite}`glorot2010`. Between equal layers this is $1/n$, and the factor with ReLU is ½.
#
# **Predict** with these: what is left of the signal after 20 layers of 100 units? We draw it on digits, with Keras' own initializers.


# %%
def mean_squares(initializer, x, layers=20, units=100):
    """The mean square of the activations after each layer, as a share of the input's."""
    squares = [(x**2).mean()]
    for _ in range(layers):
        weights = to_numpy(keras.initializers.get(initializer)((x.shape[1], units)))
        x = np.maximum(x @ weights, 0)
        squares.append((x**2).mean())
    return np.array(squares[1:]) / squares[0]


# %% mystnb={"image": {"alt": "On a logarithmic scale over 20 layers, the mean square of the activations stays within a factor of a few of 1 with He's initialization and falls in a nearly straight line to less than a millionth with Glorot's."}}
keras.utils.set_random_seed(0)
pixels = digits.x_test.reshape(1000, 784)
he, glorot = (mean_squares(name, pixels) for name in ("he_normal", "glorot_normal"))
figures.curves(
    {"He": he, "Glorot": glorot, "½ each layer": 0.5 ** np.arange(1, 21)},
    xlabel="layer",
    ylabel="mean square, share of the input's",
    log=True,
)

# %% [markdown]
# A straight line on a logarithmic scale: the same factor in each layer. In numbers:

# %%
print(f"one half, 20 times: 1/{2**20:,}")
print(f"left after 20 layers, Glorot ≈ {glorot[-1]:.1e}")
print(f"left after 20 layers, He ≈ {he[-1]:.2f}")
claim("Glorot leaves less than 1/10,000", glorot[-1] < 1e-4)
claim("He stays within a factor of 30", 1 / 30 < he[-1] < 30)

# %% [markdown]
# Now the slides' network. Its layers are not equal, and there are only three of them. The factors, exactly:

# %%
from itertools import pairwise

widths = [784, 200, 100, 100]
factors = [0.5 * n * 2 / (n + m) for n, m in pairwise(widths)]
print("Glorot, layer by layer:", *(f"{factor:.3f}" for factor in factors))
print(f"together {np.prod(factors):.3f}; with He 1")
print(f"softmax layer, variance of a weight: Glorot 2/{100 + 10}, He 2/{100}")

# %% [markdown]
# So the famous mistake costs a factor of about 4 here, and about a million in the deep stack. **Predict:** what does training make of the one, and of the other? (The deep one is trained by plain gradient descent, for five epochs. Adam rescales small gradients, and would hide a part of the damage.)


# %%
def initialized(initializer, units):
    layers = [Dense(n, activation="relu", kernel_initializer=initializer) for n in units]
    return pixels_to(*layers, Dense(10, activation="softmax", kernel_initializer="glorot_normal"))


for initializer in ("glorot_normal", "he_normal"):
    for name, units in (("3 layers", (200, 100, 100)), ("20 layers", [100] * 20)):
        keras.utils.set_random_seed(0)
        epochs, optimizer = (5, keras.optimizers.SGD(0.05)) if len(units) > 3 else (3, "adam")
        name = f"{initializer}, {name}"
        damage[name] = train(initialized(initializer, units), epochs, optimizer)
        report(name)

# %%
shallow = abs(damage["he_normal, 3 layers"][2] - damage["glorot_normal, 3 layers"][2])
deep = damage["glorot_normal, 20 layers"][0] - damage["he_normal, 20 layers"][0]
claim("with 3 layers, less than 5 points of accuracy between them", shallow < 0.05)
claim("with 20, Glorot's loss stays above He's by 0.3 and more", deep > 0.3)
claim("Glorot's is above 1.9, not far from ln 10", damage["glorot_normal, 20 layers"][0] > 1.9)

# %% [markdown]
# With three layers nobody would notice. With twenty, one network learns and the other hardly moves: $\ln 10 = 2.3$ is the loss of a guess. The rule is right, and the slide's example is too shallow to show it.
#
# And the **softmax** layer? No ReLU follows, so nothing is halved and there is no reason for He's factor 2. So the correct listing is `he_normal` three times, then `glorot_normal`, as in the slides. How large is the difference in the last layer? A variance of 2/110 against 2/100, a tenth. With only ten outputs, $n + m$ is hardly more than $n$.
#
# ### 3 · The third listing
#
# ```python
# Dense(200, activation="relu", kernel_initializer="he_normal")
# BatchNormalization()
# Dense(100, activation="relu", kernel_initializer="he_normal")
# BatchNormalization()
# ...
# ```
#
# The slides correct it with `use_bias=False`. The usual reason: batch normalization takes the mean away, and with it whatever a bias has added. **Read the listing again, slowly,** before you agree:

# %%
quiz("01", "useless-bias")

# %% [markdown]
# Test it. If a bias has no effect, then adding 1 to all hidden biases changes no answer. We try the slides' order, and one with the ReLU *behind* the normalization.


# %%
def normalized(order, use_bias=True, after_softmax=False):
    """The slides' network with batch normalization, before or after the ReLU."""
    layers = []
    for units in (200, 100, 100):
        dense = Dense(units, kernel_initializer="he_normal", use_bias=use_bias)
        if order == "Dense, ReLU, BN":  # as in the slides: Dense(…, activation="relu"), then BN
            layers += [dense, ReLU(), BatchNormalization()]
        else:
            layers += [dense, BatchNormalization(), ReLU()]
    layers += [Dense(10, activation="softmax")] + [BatchNormalization()] * after_softmax
    return pixels_to(*layers)


# %%
changes = {}
for order in ("Dense, ReLU, BN", "Dense, BN, ReLU"):
    keras.utils.set_random_seed(0)
    network = normalized(order)
    before = to_numpy(network(x, training=True))
    for layer in network.layers[1:-1]:
        if isinstance(layer, Dense):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, bias + 1])
    changes[order] = abs(to_numpy(network(x, training=True)) - before).max()
    print(f"{order}: largest change of a probability ≈ {changes[order]:.1e}")
claim("Dense, BN, ReLU: no change but rounding", changes["Dense, BN, ReLU"] < 1e-4)
claim("Dense, ReLU, BN: other answers", changes["Dense, ReLU, BN"] > 0.1)

# %% [markdown]
# In the slides' order the bias is **not** useless. $\text{relu}(a + b)$ is not $\text{relu}(a)$ plus a constant: the bias decides which inputs pass the ReLU, and no mean taken away later can undo that. The rule holds where the normalization follows *directly* on the weights.
#
# The gradient says the same. One step of `SGD(1.0)` subtracts exactly the gradient, so we read it off: old weights minus new ones.


# %%
def gradients(network, x, y):
    """The gradient of the loss for each trainable array, from one step of SGD(1.0)."""
    old = [np.array(to_numpy(v)) for v in network.trainable_variables]
    network.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    network.train_on_batch(x, y)
    new = [to_numpy(v) for v in network.trainable_variables]
    return {v.path: o - n for v, o, n in zip(network.trainable_variables, old, new, strict=True)}


largest = {}
for order in ("Dense, ReLU, BN", "Dense, BN, ReLU"):
    keras.utils.set_random_seed(0)
    gradient = gradients(normalized(order), digits.x_train[:200], digits.y_train[:200])
    biases = [g for path, g in gradient.items() if path.endswith("bias")][:3]  # the hidden ones
    largest[order] = [abs(g).max() for g in biases]
    print(f"{order}: largest gradient of each bias ≈", *(f"{g:.0e}" for g in largest[order]))
claim("Dense, BN, ReLU: zero but for rounding", max(largest["Dense, BN, ReLU"]) < 1e-5)
gap = min(largest["Dense, ReLU, BN"]) / max(largest["Dense, BN, ReLU"])
claim("Dense, ReLU, BN: over 1,000 times that", gap > 1000)

# %% [markdown]
# A bias with gradient 0 stays where it began, and does no work. (The normalization has a $β$ of its own, which does a bias's.) So the listing that may drop the biases is
#
# ```python
# Dense(200, kernel_initializer="he_normal", use_bias=False)
# BatchNormalization()
# ReLU()
# ...
# ```

# %%
order = "Dense, BN, ReLU"
saved = normalized(order).count_params() - normalized(order, use_bias=False).count_params()
kept = normalized(order, use_bias=False).count_params()
print(f"saved: {saved} = 200 + 100 + 100 parameters, of {saved + kept:,}")

# %% [markdown]
# A small gain, and a listing that says what it means.
#
# In the slides' order, `use_bias=False` makes *another* network. Does that hurt? Each normalization's $β$ passes through the next layer's weights and shifts its sums, as a bias would. So only the first layer really loses something. We measure it together with the last mistake.
#
# ### 4 · How it ends
#
# In the slide's corrected version of the third listing, the biases are gone. In its text, as we have it, it still ends like this (see the [errata](errata.ipynb)):
#
# ```python
# Dense(10, activation="softmax")
# BatchNormalization()
# ```

# %%
quiz("01", "batch-norm-softmax")

# %% [markdown]
# A normalization after the softmax: two mistakes on one slide. Feed it the probabilities of an untrained network, first in prediction mode, then in training mode.

# %%
keras.utils.set_random_seed(0)
p = to_numpy(normalized("Dense, ReLU, BN")(digits.x_test))
for training in (False, True):
    q = to_numpy(BatchNormalization()(p, training=training))
    true = q[np.arange(1000), digits.y_test]
    print(f"training={training}")
    print(f"   row sums ≈ {q.sum(axis=1).min():.4f} to {q.sum(axis=1).max():.4f}")
    print(f"   negative ≈ {(q < 0).mean():.0%}")
    print(f"   true class negative ≈ {(true < 0).mean():.0%}")
    print(f"   cross-entropy ≈ {float(np.mean(to_numpy(cross_entropy(digits.y_test, q)))):.2f}")

# %%
claim("each class has mean 0 over the batch", bool(abs(q.mean(axis=0)).max() < 1e-4))
claim("so the average row sums to 0, not to 1", abs(q.sum(axis=1).mean()) < 1e-3)
claim("over a third of the true classes are negative", (true < 0).mean() > 1 / 3)

# %% [markdown]
# Before training, in prediction mode, the fault is invisible: the running mean is still 0 and the running variance 1, and rows sum to 0.9995. (Why not 1? Keras divides by $\sqrt{1 + 0.001}$, so that it never divides by zero.) In training mode these are no probabilities. Each *class* has mean 0, whatever the rows do, and to have mean 0 it must go below it.
#
# The logarithm of a negative number does not exist. Keras' clipping hides that, too: every negative number becomes $10^{-7}$, at a loss of about 16. And a clipped number has gradient 0, so nothing tells the network to raise *it*. **Predict** how it trains:

# %%
ORDER = "Dense, ReLU, BN"
versions = {
    "slide, corrected": {"use_bias": False, "after_softmax": True},
    "without the last line": {"use_bias": False},
    "and with biases": {},
}
for name, options in versions.items():
    keras.utils.set_random_seed(0)
    damage[name] = train(normalized(ORDER, **options))
    report(name)

# %%
wrong, right = damage["slide, corrected"], damage["without the last line"]
claim("in training, the loss is over 4 times the right one's", wrong[0] > 4 * right[0])
claim("the test loss is higher, too", wrong[1] > 1.2 * right[1])
claim("and the accuracy is lower", wrong[2] < right[2] - 0.01)
gap = abs(right[2] - damage["and with biases"][2])
claim("the biases make less than 3 points", gap < 0.03)

# %% [markdown]
# It learns, in a fashion: each normalization has a $γ$ and a $β$, and uses them to pull the numbers back to where a probability might be. But the loss stays high, and the accuracy suffers, more or less by the luck of the seed. That would not look like a *bug*, only like a poor model. And the biases of the slides' order: with or without, we could measure no difference.
#
# ## Loud and silent
#
# You have met mistakes that Keras refuses, and mistakes that it accepts. **Sort these** before you run them:

# %%
quiz("01", "loud")

# %% [markdown]
# Each of them, on 64 digits, for a single step of training:

# %%
small, labels = digits.x_train[:64], digits.y_train[:64]


def fit(*layers, x=small):
    """Build for images of 28×28, and train for one step."""
    network = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    network.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    network.fit(x, labels, batch_size=64, verbose=0)


def softmax_10():
    return Dense(10, activation="softmax")


review = review_network().layers
larger = np.pad(small, [(0, 0), (1, 1), (1, 1), (0, 0)])
attempts = {
    "images of 30×30": lambda: fit(*review, x=larger),
    "images of 27×27": lambda: fit(*review, x=small[:, :27, :27]),
    "pixels from 0 to 255": lambda: fit(*review, x=255 * small),
    "no Flatten": lambda: fit(Conv2D(16, 3), MaxPooling2D(), softmax_10()),
    "softmax twice": lambda: fit(Flatten(), softmax_10(), keras.layers.Softmax()),
    "softmax forgotten": lambda: fit(Flatten(), Dense(10)),
    "five poolings": lambda: fit(*[MaxPooling2D() for _ in range(5)], Flatten(), softmax_10()),
}

# %%
for name, action in attempts.items():
    print(f"{name:20} {verdict(action)}")

# %% [markdown]
# Keras refuses what it *cannot compute*: a weight without a partner (30×30), a loss whose shapes do not fit (no `Flatten`), a map of side 0 (the fifth pooling, on 1×1). It accepts whatever has a result, right or wrong. **No error means only that the shapes fit.** For the rest there are your pencil, the row sums, the first loss (near $\ln 10 = 2.3$ for ten classes), and the eyes with which you now read a listing.
#
# The damage, in one table:

# %%
print(f"{'network':29} training loss, test loss, test accuracy")
for name, (loss, test_loss, accuracy) in damage.items():
    print(f"{name:29} ≈ {loss:.2f}, {test_loss:.2f}, {accuracy:.1%}")

# %% [markdown]
# ## Summary
#
# - Sides: a 3×3 convolution without padding takes 2 away, `padding="same"` nothing; a pooling halves and rounds down.
# - Parameters: `Conv2D` filters · (height · width · channels in + 1), `Dense` inputs · outputs + outputs, batch normalization 4 a channel (two trained, two running averages), pooling, `Flatten` and dropout none. The review network: 160 + 4,640 + 8,010 = 12,810.
# - Multiply-adds: outputs × weights of one output. In this network, parameters sit in the dense layer, the work in the second convolution, the memory in the first layer.
# - The floor of a pooling drops rows in silence: images of 26×26 to 29×29 give the same count, and pixels at the edge may reach nothing.
# - After the first layer, Keras 3 ignores `input_shape`. It refuses an array only where a weight does not fit.
# - Dropout and batch normalization do not belong after a softmax: its rows must sum to 1. Neither is reported, both are seen in the loss.
# - ReLU halves the mean square: He's factor 2 makes up for it, which decides deep networks and hardly touches shallow ones. No ReLU follows the softmax layer, so Glorot's will do.
# - A bias is useless where batch normalization follows *directly*. With a ReLU between them, as in the slides, it is not.
#
# ## Exercises
#
# The [lab of this chapter](../labs/01_reading_networks.ipynb) has you write the accounting yourself, and find mistakes in networks that you have not seen. Then [chapter 02](02_convolution.ipynb) opens the layer that did most of the work here.
