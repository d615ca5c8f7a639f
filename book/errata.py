# %% [markdown]
# # Errata of the slides
#
# This course grew from five decks of lecture slides in Spanish. We read them line by line and ran what they print. Here is what did not hold: what the slide says, what is right, why, and a run that shows it.
#
# Finding a mistake teaches more than reading a correct line. So **predict before you run:** each section says what the slide claims, and you decide what the cell will print.
#
# Three notes on reading this page:
#
# - We have the decks as text, taken from the slides by software that also loses superscripts, underscores and strike-throughs. Where it may be to blame, we say *reads*. [The end of the page](#what-is-not-an-error) lists what only looks wrong.
# - Where a run can decide, there is a run. Names and dates are decided by the papers, which are cited.
# - Many of the errors come from older lectures, and some from the papers themselves. They have been copied for years, which is why it pays to recompute.
#
# Reading and running take about an hour. You should have read the chapter that each section names.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %%
import itertools
import warnings

import keras
import numpy as np
from keras import layers

from convbook.claims import claim

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## Reading a network
#
# The chapter behind these: [Reading a network](01_reading_networks.ipynb).
#
# ### A second convolution with `input_shape=(14,14,16)`
#
# **The slide says:** after `Conv2D(16, 3)` on 28×28×1 and a max pooling, the next layer is `Conv2D(32, 3, input_shape=(14,14,16))`.
#
# **Right:** 13×13×16. Without padding, a 3×3 kernel turns 28 into 26, and pooling halves 26, not 28. The later slides of the same deck drop the argument.
#
# **Predict:** what does Keras do with the wrong shape: an error, a layer that expects 14×14, or nothing?


# %%
def network(second):
    """The slide's network, with a given ``input_shape`` in its second convolution."""
    return keras.Sequential(
        [
            layers.Conv2D(16, 3, activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPool2D(),
            layers.Conv2D(32, 3, activation="relu", input_shape=second),
            layers.MaxPool2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    slide, absurd = network((14, 14, 16)), network((500, 2, 99))
print("input of the second convolution:", slide.layers[2].input.shape[1:])
print(f"parameters: {slide.count_params():,}, and with (500, 2, 99): {absurd.count_params():,}")
said = {str(w.message) for w in caught}
claim("Keras warns about the habit", any("input_shape" in text for text in said))
claim("and not about the wrong numbers", not any("14" in text or "99" in text for text in said))

# %% [markdown]
# Nothing happens. A layer is built from what really reaches it, and in a `Sequential` only the first layer's shape is read. Even 500×2×99 passes. So the argument is not a check, and a wrong number in it stays unseen. Write one `keras.Input` at the top, and none below.
#
# Another deck does the same in its deeper model for CIFAR-10: a second `Conv2D` with the *image's* `input_shape`, and `Dense(128, input_dim=d_in)` after `Flatten`. **Predict** the size of that dense layer if `d_in` were 7.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    deeper = keras.Sequential(
        [
            layers.Conv2D(64, 3, activation="relu", padding="same", input_shape=(32, 32, 3)),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu", padding="same", input_shape=(32, 32, 3)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu", input_dim=7),
            layers.Dense(10, activation="softmax"),
        ]
    )
print("rows in the dense layer's weights:", f"{deeper.layers[5].kernel.shape[0]:,}")
print(f"parameters: {deeper.count_params():,}")

# %% [markdown]
# 4,096 rows, and the slide's total of 564,426. Both arguments are ignored.
#
# ### `use_bias=False`, but with a ReLU in between
#
# **The slide says:** use `Dense(200, activation='relu', use_bias=False)`, then `BatchNormalization()`.
#
# **Right:** a bias is useless when batch normalization comes *directly* after the sum. Here a ReLU stands between them, and the bias decides which inputs the ReLU lets through. Batch normalization subtracts a mean. It cannot undo a ReLU.
#
# **Predict:** we add a random bias to each unit. Which of the two orders notices?


# %%
def effect_of_a_bias(order):
    """The largest change of the output in training mode when random biases are added."""
    rng = np.random.default_rng(0)
    steps = {"relu": layers.ReLU(), "bn": layers.BatchNormalization(), "dense": layers.Dense(50)}
    model = keras.Sequential([keras.Input((20,)), *(steps[name] for name in order)])
    x = rng.normal(size=(256, 20)).astype("float32")
    before = to_numpy(model(x, training=True))
    steps["dense"].bias.assign(rng.normal(size=50).astype("float32"))
    return np.abs(to_numpy(model(x, training=True)) - before).max()


direct = effect_of_a_bias(["dense", "bn", "relu"])
slide = effect_of_a_bias(["dense", "relu", "bn"])
print(f"dense, batch norm, ReLU: largest change ≈ {direct:.1e}")
print(f"dense, ReLU, batch norm: largest change ≈ {slide:.1e}")
claim("directly before batch normalization a bias changes nothing", direct < 1e-3)
claim("with a ReLU in between it does", slide > 0.3)

# %% [markdown]
# To drop the bias with good reason, write `Dense(200, use_bias=False)`, `BatchNormalization()`, `Activation('relu')`. In the slide's order `use_bias=False` removes parameters that do something. Such a network may still train well, but the usual reason does not apply.
#
# ### Batch normalization after the softmax
#
# **The slide reads:** the corrected version, with `use_bias=False`, still ends in `Dense(10, activation='softmax')` and `BatchNormalization()`. (That last line is garbled in our text. It may be crossed out on the slide.)
#
# **Right:** nothing comes after the softmax. Its rows are probabilities, and batch normalization moves each column to mean 0.
#
# **Predict:** to what do the ten "probabilities" of an image add up, on average over the batch, in training mode?

# %%
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(256, 20)).astype("float32")
softmax, norm = layers.Dense(10, activation="softmax"), layers.BatchNormalization()
rows = to_numpy(softmax(x))
normalized = to_numpy(norm(rows, training=True))
print(f"sum of a row after the softmax, average ≈ {rows.sum(axis=1).mean():.4f}")
print(f"after batch normalization, average ≈ {abs(normalized.sum(axis=1).mean()):.4f}")
print(f"share of negative values ≈ {(normalized < 0).mean():.2f}")
claim("the rows now add up to 0 on average", abs(normalized.sum(axis=1).mean()) < 1e-3)
claim("and many 'probabilities' are negative", (normalized < 0).mean() > 0.3)
model = keras.Sequential([keras.Input((20,)), softmax, norm])
model.compile("sgd", "sparse_categorical_crossentropy")
loss = model.train_on_batch(x, np.arange(256) % 10)
claim("Keras trains it, and the loss is a number", bool(np.isfinite(loss)))

# %% [markdown]
# To 0. No error is raised, and that makes the mistake dangerous: the loss is computed from numbers that are no probabilities.
#
# ### "Like every weight, it starts from random numbers"
#
# **The slide says:** an embedding table starts random, "como todo peso que se define en una red neuronal": like every weight in a neural network.
#
# **Right:** not every weight. **Predict:** which of these start random, and which at a constant?

# %%
for layer, shape in [
    (layers.Embedding(4, 5), (None,)),
    (layers.Dense(5), (None, 3)),
    (layers.BatchNormalization(), (None, 3)),
]:
    layer.build(shape)
    for weight in layer.weights:
        values = np.unique(to_numpy(weight))
        start = "random" if len(values) > 1 else f"{values[0]:.0f}"
        print(f"{type(layer).__name__:19} {weight.name:16} {start}")

# %% [markdown]
# Tables and kernels start random, because equal units would get equal gradients and stay equal. Nothing of the kind is needed for a bias or for the scale of batch normalization. They start at 0 and at 1.
#
# ## Convolution and pooling
#
# The chapters behind these: [Convolution](02_convolution.ipynb) and [Pooling, and the first whole networks](03_pooling.ipynb).
#
# ### A filter's depth is that "of the image"
#
# **The slide says:** a convolutional layer is many filters of size K×K×C, with C the channels of the image.
#
# **Right:** C is the number of channels of *the layer's input*. That is the image for the first layer only. **Predict** the filters of the second convolution above, on CIFAR-10:

# %%
for number, index in enumerate([0, 2], 1):
    k1, k2, depth, filters = deeper.layers[index].kernel.shape
    print(f"convolution {number}: {filters} filters of {k1}×{k2}×{depth}")

# %% [markdown]
# Each filter of the second layer reads all 64 maps of the first.
#
# ### Convolution "forces invariances"
#
# **The slide says:** convolutional networks reduce the number of parameters "forzando invarianzas".
#
# **Right:** a convolution is *equivariant*. Move the input, and the output moves with it. Invariant means that the output stays the same. **Predict:** which of the two does each line below show?

# %%
rng = np.random.default_rng(0)
image = np.zeros((1, 16, 16, 1), "float32")
image[0, 5:9, 5:9, 0] = rng.normal(size=(4, 4))
moved = np.roll(image, 2, axis=2)
conv = layers.Conv2D(3, 3)
first, second = (to_numpy(conv(x)) for x in (image, moved))
claim("the output changes: not invariant", not np.allclose(first, second, atol=1e-5))
claim("it moves with the input", np.allclose(first[:, :, :-2], second[:, :, 2:], atol=1e-5))
first, second = (to_numpy(layers.GlobalAveragePooling2D()(x)) for x in (first, second))
claim("a global average is invariant here", np.allclose(first, second, atol=1e-5))

# %% [markdown]
# Sharing weights gives equivariance. Invariance has to be added, by pooling, and the global average has it only while nothing leaves the image.
#
# ### Pooling layers "are basically convolutions"
#
# **The slide says:** "básicamente son convoluciones con un stride igual al tamaño del kernel", with a function such as the maximum, the minimum or the average.
#
# **Right:** average pooling is a convolution. Maximum and minimum are not linear, and a convolution is. The stride need not equal the size either: AlexNet, in another deck, pools 3×3 at stride 2.
#
# **Predict:** for two images $a$ and $b$, which pooling of $a + b$ is the sum of the poolings?

# %%
rng = np.random.default_rng(0)
a, b = rng.normal(size=(2, 1, 4, 4, 1)).astype("float32")
conv = layers.Conv2D(1, 2, strides=2, use_bias=False)
conv.build(a.shape)
conv.set_weights([np.full((2, 2, 1, 1), 0.25)])
for layer in (layers.AveragePooling2D(2), conv, layers.MaxPooling2D(2)):
    pool_a, pool_b, pool_sum = (to_numpy(layer(x)) for x in (a, b, a + b))
    adds_up = np.allclose(pool_sum, pool_a + pool_b, atol=1e-5)
    print(f"{type(layer).__name__:17} adds up: {adds_up!s:5}  on image a ≈ {pool_a.ravel()}")

# %% [markdown]
# The convolution whose weights are all 1/4 prints the same as average pooling. Max pooling does not add up, so it is no convolution with any weights at all.
#
# ### "17 layers, 7000 parameters"
#
# **The slide says:** (conv-relu-conv-relu-pool)×3-fc-softmax, 17 layers, 7,000 parameters, 3×3 filters. It does not print how many filters a layer has.
#
# **Predict:** for which number of filters would the network, on CIFAR-10, have 7,000 parameters?


# %%
def seventeen(filters):
    """The slide's network, with a given number of filters in each convolution."""
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for _ in range(3):
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same"))
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D(2))
    for layer in (layers.Flatten(), layers.Dense(10), layers.Softmax()):
        model.add(layer)
    return model


print("layers, without Flatten:", len(seventeen(10).layers) - 1)
for filters in (9, 10, 11):
    print(f"{filters:2} filters: {seventeen(filters).count_params():,} parameters")

# %% [markdown]
# 17 layers, yes. But no number of filters gives 7,000. Ten comes nearest, with 6,440.
#
# ## Architectures
#
# The chapter behind these: [Architectures](04_architectures.ipynb).
#
# ### LeNet-5 is one layer short
#
# **The slide says:** "architecture is [CONV-POOL-CONV-POOL-CONV-FC]".
#
# **Right:** two layers follow the last convolution: F6 with 84 units, and the output with 10 {cite}`lecun1998`. Another deck's table has both. **Predict** how many parameters the short version loses.


# %%
def lenet(dense):
    """LeNet-5 as usually built today, with the given sizes of its dense layers."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(120, 5, activation="tanh"),
            layers.Flatten(),
            *(layers.Dense(units) for units in dense),
        ]
    )


print(f"as on the slide, one dense layer: {lenet([10]).count_params():,}")
print(f"with F6 and the output:           {lenet([84, 10]).count_params():,}")

# %% [markdown]
# ### AlexNet normalizes before it pools
#
# **The slide says:** CONV1, then MAX POOL1, then NORM1; the same for 2.
#
# **Right:** in the paper the normalization follows the convolution's ReLU, and the pooling comes after it {cite}`krizhevsky2012`. The shapes hide this, because a normalization keeps its input's shape. **Predict:** does the order change the result, or only the work?


# %%
def normalize(x, k=2, n=5, alpha=1e-4, beta=0.75):
    """AlexNet's response normalization: divide by the energy of n neighbouring channels."""
    padded = np.pad(x**2, [(0, 0), (0, 0), (0, 0), (n // 2, n // 2)])
    energy = sum(padded[..., i : i + x.shape[-1]] for i in range(n))
    return x / (k + alpha * energy) ** beta


def pool(x):
    """Max pooling, 3×3 at stride 2."""
    return to_numpy(layers.MaxPooling2D(3, 2)(x.astype("float32")))


x = np.random.default_rng(0).exponential(100, size=(1, 55, 55, 96))
gap = np.abs(pool(normalize(x)) - normalize(pool(x))).max() / pool(normalize(x)).max()
print(f"numbers to normalize, as in the paper: {x.size:,}")
print(f"numbers to normalize, as on the slide: {pool(x).size:,}")
print(f"largest difference, relative to the largest output ≈ {gap:.2f}")
claim("the two orders are different functions", gap > 0.05)

# %% [markdown]
# Both change. The slide's order does about a quarter of the work, and CaffeNet, a well-known variant, has it, but it is not the network of the paper.
#
# ### AlexNet: "first use of ReLU"
#
# **Right:** Fukushima used the function in 1969 {cite}`fukushima1969`, and Nair and Hinton brought rectified linear units to deep networks two years before AlexNet {cite}`nair2010`. The AlexNet paper itself cites them for it. AlexNet's authors showed how much faster it learns: a small network on CIFAR-10 reached 25 % training error six times sooner than with tanh. Then they won ImageNet with it. No run can settle a date. But the reason can be run: **predict** the slope of each function at 5.

# %%
x = 5.0
print(f"slope of ReLU at 5: {float(x > 0):.0f}")
print(f"slope of tanh at 5 ≈ {1 - np.tanh(x) ** 2:.1e}")
claim("tanh passes back less than a thousandth of ReLU's gradient", 1 - np.tanh(x) ** 2 < 1e-3)

# %% [markdown]
# ### AlexNet: "7 CNN ensemble: 18.2 % → 15.4 %"
#
# **The slide says:** an ensemble of seven networks takes the error from 18.2 % to 15.4 %.
#
# **Right:** the figures are top-5 errors on the validation set, and the step has two parts. Five networks like the first reach 16.4 %. The other two were pre-trained on more data, the whole ImageNet release of autumn 2011; with them, seven reach 15.4 % {cite}`krizhevsky2012`. **Predict:** how much of the gain is the ensemble, and how much comes with the pre-trained two?

# %%
one, five, seven = 18.2, 16.4, 15.4  # top-5 validation errors in per cent, from the paper
print(f"five networks instead of one:  {one - five:.1f} points")
print(f"two more, with more data:      {five - seven:.1f} points")

# %% [markdown]
# About a third of the gain comes with networks that saw more data. To credit all of it to averaging is to compare unlike things.
#
# ### VGG: "only 3×3", and "best model 7.3 %"
#
# **The slide says:** "Only 3x3 CONV stride 1, pad 1". Its own table shows `conv1-256` and `conv1-512` in column C: those are 1×1. **Predict** what the three 1×1 layers add to the parameters of column B.

# %%
channels = [3, 64, 64, 128, 128, 256, 256, 512, 512, 512, 512]  # of B's input and convolutions
dense = [7 * 7 * 512, 4096, 4096, 1000]
b = sum(9 * m * n + n for m, n in itertools.pairwise(channels))
b += sum(m * n + n for m, n in itertools.pairwise(dense))
ones, threes = (sum(k * k * n * n + n for n in (256, 512, 512)) for k in (1, 3))
print(f"B:                           {b:,}")
print(f"C, with three 1×1 layers:    {b + ones:,}")
print(f"D, with 3×3 in their place:  {b + threes:,}")

# %% [markdown]
# These are the totals of the chapter's table. Networks B and D use only 3×3, network C does not.
#
# The slide also reads "best model 7.3% top 5 error". In the paper 7.3 % is the test error of the submission, an ensemble of *seven* networks. The best single network reached 7.0 %, and two together 6.8 %, after the contest {cite}`simonyan2014`.
#
# ### The Inception module is wired wrongly
#
# **The slide says** (we keep its layers and its wiring, and write the rest anew): the second layer of each tower takes the tower *before* it as its input.
#
# **Right:** it takes the first layer of its *own* tower. **Predict:** which layers drop out of the model, and does the parameter count go up or down?


# %%
def inception(as_on_the_slide):
    """The module with 64 filters a branch; ``as_on_the_slide`` wires it wrongly."""

    def conv(size, name):
        return layers.Conv2D(64, size, padding="same", activation="relu", name=name)

    image = keras.Input((112, 112, 3), name="input")
    one = conv(1, "tower_1")(image)
    two = conv(1, "tower_2_first")(image)
    two = conv(3, "tower_2_second")(one if as_on_the_slide else two)
    three = conv(1, "tower_3_first")(image)
    three = conv(5, "tower_3_second")(two if as_on_the_slide else three)
    four = layers.MaxPool2D(3, strides=1, padding="same", name="tower_4_first")(image)
    four = conv(1, "tower_4_second")(three if as_on_the_slide else four)
    return keras.Model(image, layers.Concatenate(name="join")([one, two, three, four]))


slide, right = inception(True), inception(False)
print(f"as on the slide: {slide.count_params():,} parameters, output {slide.output.shape[1:]}")
print(f"wired rightly:   {right.count_params():,} parameters, output {right.output.shape[1:]}")

# %% [markdown]
# The same output shape, so nothing fails. Which layers are gone, and where does each number come from?

# %%
kept = {layer.name for layer in slide.layers}
print("dropped:", ", ".join(layer.name for layer in right.layers if layer.name not in kept))
for model in (slide, right):
    counts = [layer.count_params() for layer in model.layers if layer.count_params()]
    print(f"{sum(counts):,} =", " + ".join(f"{count:,}" for count in counts))

# %% [markdown]
# The slide's code is one chain: 1×1, 3×3, 5×5, 1×1, with taps along the way. The first layers of towers 2 and 3 and the pooling feed nothing, so Keras leaves them out. The last 1×1 reads 64 channels instead of 3, and costs 4,160 instead of 256.
#
# **The summary on the next slide** lists all eight layers, with 256, 36,928 and 102,464 parameters, and connects each to its own tower. Its total is 140,416: **it was printed from other code than the slide shows.**
#
# The example also hides what a 1×1 is for here. With three input channels it *expands*. **Predict:** is the 5×5 tower cheaper with its 1×1, or without?

# %%
for channels in (3, 192):
    reduced = channels * 64 + 64 + 25 * 64 * 64 + 64
    print(f"{channels:3} channels: {reduced:,} with the 1×1, {25 * channels * 64 + 64:,} without")

# %% [markdown]
# On an image, 21 times dearer. The 1×1 pays where there are many channels to reduce, as inside GoogLeNet.
#
# `concatenate(…, axis = 3)` is right only while channels come last. With `channels_first` the channels are axis 1, as the ResNet code in the same deck knows.
#
# ### GoogLeNet's table does not follow from itself
#
# **The slide says** what the paper's Table 1 says {cite}`szegedy2015`: filters for each row, and their parameters and operations. **Predict:** if we recompute the last two columns from the others, how many of the nine inception rows agree?

# %%
# side, channels in, 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool proj, params (K), ops (M)
INCEPTION = {
    "3a": (28, 192, 64, 96, 128, 16, 32, 32, 159, 128),
    "3b": (28, 256, 128, 128, 192, 32, 96, 64, 380, 304),
    "4a": (14, 480, 192, 96, 208, 16, 48, 64, 364, 73),
    "4b": (14, 512, 160, 112, 224, 24, 64, 64, 437, 88),
    "4c": (14, 512, 128, 128, 256, 24, 64, 64, 463, 100),
    "4d": (14, 512, 112, 144, 288, 32, 64, 64, 580, 119),
    "4e": (14, 528, 256, 160, 320, 32, 128, 128, 840, 170),
    "5a": (7, 832, 256, 160, 320, 32, 128, 128, 1072, 54),
    "5b": (7, 832, 384, 192, 384, 48, 128, 128, 1388, 71),
}


def weights_and_biases(c, p1, r3, p3, r5, p5, proj):
    """Count the weights and the biases of one inception module with c input channels."""
    weights = c * (p1 + r3 + r5 + proj) + 9 * r3 * p3 + 25 * r5 * p5
    return weights, p1 + r3 + p3 + r5 + p5 + proj


# %% [markdown]
# To be fair to the table we count in its favour: with or without biases, K as 1,024 (its own "1000K" for the last layer is 1024·1000 = 1,024,000 weights), and rounded either down or to the nearest.

# %%
print("row  params K  counted   with biases  ops M  counted")
wrong = {"params": [], "ops": []}
for row, (side, *shape, params, ops) in INCEPTION.items():
    w, b = weights_and_biases(*shape)
    k, kb, m = w / 1024, (w + b) / 1024, w * side**2 / 1e6
    for column, printed, counts in [("params", params, (k, kb)), ("ops", ops, (m,))]:
        if not any(printed in (int(n), round(n)) for n in counts):
            wrong[column].append(row)
    print(f"{row:4} {params:8} {k:8.1f} {kb:13.1f} {ops:6} {m:8.1f}")
print("parameters that do not follow:", ", ".join(wrong["params"]))
print("operations that do not follow:", ", ".join(wrong["ops"]))
pairs = itertools.pairwise(INCEPTION.values())
fits = all(a[2] + a[4] + a[6] + a[7] == b[1] for a, b in pairs)
claim("each row's outputs add up to the next row's input", fits)

# %% [markdown]
# Seven of nine. The shapes are sound: the branches of each row add up to the next row's channels. The operations follow from the filters in every row but 5a. So the parameter column is the odd one out. It may belong to an earlier version of the network. Only the authors could say.
#
# The first row is further off. **Predict** the parameters of a 7×7 convolution from 3 to 64 channels. The slide, and the paper, say 2.7K, and 34M operations at 112×112.

# %%
full = 7 * 7 * 3 * 64
separable = 7 * 7 * 3 * 8 + 3 * 8 * 64  # eight 7×7 kernels for each channel, then 1×1 to 64
pair = (7 + 7) * 3 * 64
for name, count in [("7×7", full), ("separable 7×7", separable), ("7×1 and 1×7", pair)]:
    print(f"{name:13} {count:5,} weights, {count * 112**2 / 1e6:6.2f} M operations")
claim("34M operations are 2.7K weights at each place", round(34e6 / 112**2 / 1000, 1) == 2.7)
conv2 = 64 * 64 + 9 * 64 * 192
print(f"the second convolution: {conv2 / 1024:.0f}K, {conv2 * 56**2 / 1e6:.0f}M")

# %% [markdown]
# A 7×7 needs 9,408 weights, 9,472 with biases. The printed 2.7K and 34M agree with each other, and with a *separable* 7×7: $7·7·3·8 + 24·64 = 2{,}712$ weights. (K is 1,000 here, where the other rows have 1,024.) The same group's next paper describes such a first layer {cite}`ioffe2015`. A column and a row of seven, 2,688 weights, would come near, too. The paper does not say. It is our reading of the numbers. The second convolution, the reduction included, is as printed.
#
# ### ResNet: "Xavier/2 initialization"
#
# **The slide says:** "Xavier/2 initialization from He et al."
#
# **Right:** He's initialization has *twice* the variance of Xavier's (also called Glorot's): $2/n$ against $1/n$ in a layer with $n$ inputs and $n$ outputs {cite}`he2015`. ReLU sets half of its inputs to zero, and the 2 makes up for it. The slash probably stands for $n/2$ in the denominator. **Predict** what happens to a signal after 20 ReLU layers if you do halve Xavier's variance.


# %%
def signal_after(scale, depth=20, n=256):
    """The mean square after ``depth`` ReLU layers whose weights have the variance scale / n."""
    x = np.random.default_rng(0).normal(size=(64, n))
    start = (x**2).mean()
    for _ in range(depth):  # a new initializer each time: one alone repeats its values
        initializer = keras.initializers.VarianceScaling(scale, mode="fan_avg")
        x = np.maximum(x @ to_numpy(initializer((n, n))), 0)
    return (x**2).mean() / start


keras.utils.set_random_seed(0)
for name, scale in [("He, 2/n", 2), ("Xavier, 1/n", 1), ("Xavier halved, 1/2n", 0.5)]:
    expected, measured = (scale / 2) ** 20, signal_after(scale)
    print(f"{name:20} expected {expected:.0e}, measured ≈ {measured:.0e}")
    claim("as expected, within a factor of 20", 1 / 20 < measured / expected < 20)

# %% [markdown]
# Each layer multiplies the mean square by half the scale. Xavier's loses a factor of about a million in 20 layers, its half the square of that, and He's keeps the signal.
#
# ### ResNet: "weight decay of 1e-5"
#
# **Right:** 1e-4 {cite}`he2016`. **Predict:** does a factor of ten matter? Leave the data out, and let the decay alone shrink a weight, at the paper's learning rate of 0.1 and for its 600,000 steps. (The paper divides the rate on the way, so this is the most that decay can do.)

# %%
for decay in (1e-4, 1e-5):
    halved = np.log(0.5) / np.log(1 - 0.1 * decay)
    print(f"weight decay {decay:.0e}: a weight halves in {halved:,.0f} steps")
claim("at 1e-5 no weight would halve in 600,000 steps", (1 - 0.1 * 1e-5) ** 600_000 > 0.5)

# %% [markdown]
# At 1e-4 the decay halves an unused weight every 69,314 steps. At 1e-5 it would not manage it once in the whole training.
#
# ### ResNet's FLOPs
#
# **The slide says** what the paper's Table 1 says {cite}`he2016`: 1.8, 3.6, 3.8, 7.6 and 11.3 ·10⁹ for 18, 34, 50, 101 and 152 layers. By "FLOPs" the paper means multiply-adds. Counted in the usual way, as one multiplication and one addition, all would double. **Predict:** do they follow from the table's own layers? We count with and without projections, the 1×1 convolutions on shortcuts that change size.


# %%
def multiply_adds(blocks, bottleneck, projections):
    """Multiply-adds of a ResNet on 224×224; stride in a block's first convolution."""
    total, channels, side = 49 * 3 * 64 * 112**2, 64, 56
    for stage, count in enumerate(blocks):
        width, side = 64 * 2**stage, 56 // 2**stage
        out = 4 * width if bottleneck else width
        for _ in range(count):
            inner = 9 * width**2 + width * out if bottleneck else 9 * width**2
            total += (channels * width * (1 if bottleneck else 9) + inner) * side**2
            total += channels * out * side**2 * (projections and channels != out)
            channels = out
    return total + channels * 1000


NETS = {
    18: [2, 2, 2, 2],
    34: [3, 4, 6, 3],
    50: [3, 4, 6, 3],
    101: [3, 4, 23, 3],
    152: [3, 8, 36, 3],
}
TABLE = [1.8, 3.6, 3.8, 7.6, 11.3]  # 10⁹, as printed
for (depth, blocks), printed in zip(NETS.items(), TABLE, strict=True):
    with_, without = (multiply_adds(blocks, depth >= 50, p) / 1e9 for p in (True, False))
    print(f"{depth:3} layers: printed {printed:4}, with {with_:5.2f}, without {without:5.2f}")

# %% [markdown]
# The figures for 18 and 34 layers hold without projections, where shortcuts have no weights. The deep ones hold with projections, except one: the 50-layer network has 3.86·10⁹, so 3.8 is cut off, not rounded. Code that moves the stride from the 1×1 to the 3×3 convolution, as much of today's does, needs more again: for such figures, always ask which variant was counted.
#
# ## Training
#
# ### Vanishing gradients: "GD does not update the first layers"
#
# The slides say that the gradient shrinks on its way back, so that the *first* layers are not updated. For sigmoids that is right. Is it right for ReLU with small weights? Thirty layers of 100 units, and the length of each kernel's gradient, first layer and last:


# %%
def gradient_norms(value, slope, std, depth=30, width=100):
    """The length of each kernel's gradient, first layer to last."""
    rng = np.random.default_rng(0)
    kernels = rng.normal(scale=std, size=(depth, width, width))
    h, a = [rng.normal(size=(32, width))], []
    for kernel in kernels:
        a.append(h[-1] @ kernel)
        h.append(value(a[-1]))
    g, norms = rng.normal(size=(32, width)), []
    for kernel, below, total in reversed(list(zip(kernels, h[:-1], a, strict=True))):
        g = g * slope(total)
        norms.insert(0, np.linalg.norm(below.T @ g))
        g = g @ kernel.T
    return norms


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


smooth = gradient_norms(sigmoid, lambda a: sigmoid(a) * (1 - sigmoid(a)), std=0.1)
small = gradient_norms(lambda a: np.maximum(a, 0), lambda a: 1.0 * (a > 0), std=0.01)
for name, norms in [("sigmoid, Glorot", smooth), ("ReLU, std 0.01", small)]:
    print(f"{name:15} first and last ≈ {norms[0]:.0e}, {norms[-1]:.0e}")
claim("sigmoids: the last layer has a gradient, the first has none", smooth[0] < 1e-12 * smooth[-1])
claim("ReLU, small weights: the last layer has none either", max(small) < 1e-25)

# %% [markdown]
# A kernel's gradient is the forward signal times the backward one. With small weights both shrink, from opposite ends, and *no* layer learns. [Training tricks](07_training_tricks.ipynb) has the whole table.
#
# ## Names and dates
#
# No run can show these. The papers can.
#
# | the slide reads | right |
# | --- | --- |
# | Mark I Perceptron, ~1957 | 1957 is the year of Rosenblatt's report {cite}`rosenblatt1957`, 1958 that of the paper {cite}`rosenblatt1958`. The Mark I *machine* came later: it stood by 1960 {cite}`hay1960`. |
# | Adeline/Madeline | Adaline (from *adaptive linear*) and Madaline (many of them) {cite}`widrow1960` |
# | Hubel & Weisel | Wiesel. Other slides of the same deck have it right. |
# | Hubel y Wiesel 1961, on the visual cortex | 1959 and 1962 {cite}`hubel1959,hubel1962`. Their 1961 paper is on the lateral geniculate body, a stage before the cortex {cite}`hubel1961`. |
# | Neurocognitron | Neocognitron {cite}`fukushima1980` |
#
# ## What is not an error
#
# These look wrong in our text, and are not, or not the slide's.
#
# - **"3D + D parameters".** The next line reads "3 x(322)2 + 322", which is $3·(32^2)^2 + 32^2$. The superscripts were lost, and the first line is $3D^2 + D$ with $D = 32^2$: three inputs a pixel to $D$ outputs. With one channel it would be $D^2 + D$.
# - **Missing underscores, a missing `else:`, a missing quotation mark** in code: lost on the way from slide to text.
# - **AlexNet's 227×227.** The paper says 224, the slide 227. The slide is right, as the cell below shows.
# - **A ResNet error of 3.6 %.** The paper says 3.57 % {cite}`he2016`. It is rounded, and it is that of an ensemble.
# - **"A quarter of the parameters".** Pooling takes the model from 1,845,354 to 462,954. The cell has the ratio.
# - **Dropout after the softmax, Glorot before ReLU, batch normalization with a bias.** The review slides show these on purpose: find the mistake.

# %%
for side in (224, 227):
    print(f"{side}: (side − 11) / 4 + 1 = {(side - 11) / 4 + 1}")
print(f"462,954 / 1,845,354 = {462954 / 1845354:.3f}")

# %% [markdown]
# A quarter of a step does not exist: 224 would need padding that the paper does not mention.
#
# ## Summary
#
# - Keras checks shapes where data flows. It does not check arguments that it ignores.
# - The same output shape proves little: the wrong Inception module, the wrong order in AlexNet and batch normalization after the softmax all run.
# - A printed summary proves something only together with the code that printed it.
# - A table in a famous paper can contradict itself. Recompute it from its own columns.
# - Whoever finds another error on these slides, or in this course, can report it in the repository.
