# %% [markdown]
# # 05 · Transfer learning
#
# A network has learned to tell 0, 1, 2, 3 and 4 apart. It has never seen a 7. Is what it knows worth anything when you have ten 7s and need to read them by tonight?
#
# After this chapter you can
#
# - **use** a part of a trained network again, and **train** the rest anew;
# - **fine-tune** the base with a smaller learning rate than the head, with an optimizer of your own that works on every back end of Keras;
# - **draw** the curve of accuracy against the number of examples, and say from it what pre-training was worth;
# - **look** at what the layers of a base respond to;
# - **keep** batch normalization from spoiling a base, and feed a base what it was trained on;
# - **decide** what to train, given how much data you have and how similar it is;
# - **find** leaks between training and test images.
#
# Reading, running and answering take about two hours. The lab takes two hours more. You should know the chapters on [convolution](02_convolution.ipynb) and [pooling](03_pooling.ipynb).

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %%
import os
import socket

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from convbook import data, figures
from convbook.claims import claim
from convbook.widgets import progress, quiz

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## Old classes, new classes
#
# Usually the first network is trained by somebody else, for a long time, on more than a million images: ImageNet {cite}`russakovsky2015`. To see every part of the story we play both roles. The digits 0 to 4 are the **old** classes, with all the images there are. The digits 5 to 9 are the **new** ones. Of these we pretend to have few.
#
# Neat digits are too easy to tell much. So we make all of them, old and new, a little as they come from a bad scanner: up to 4 pixels off their place, and half of them as a negative, black on white.

# %%
digits = data.load("mnist", train=8000, test=2000)
rng = np.random.default_rng(0)


def scanned(images):
    """Each image moved by −4 to 4 pixels down and to the right; half of them as negatives."""
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    corners = rng.integers(0, 9, size=(len(images), 2))
    moved = [p[r : r + 28, c : c + 28] for p, (r, c) in zip(padded, corners, strict=True)]
    negative = rng.random((len(images), 1, 1, 1)) < 0.5
    return np.where(negative, 1 - np.array(moved), moved)


order = rng.permutation(len(digits.y_train))
x_all, y_all = scanned(digits.x_train[order]), digits.y_train[order]
x_all_test, y_all_test = scanned(digits.x_test), digits.y_test

# %%
old, old_test = y_all < 5, y_all_test < 5
x_old, y_old = x_all[old], y_all[old]
x_new, y_new = x_all[~old], y_all[~old] - 5  # the labels of a softmax begin at 0
x_test, y_test = x_all_test[~old_test], y_all_test[~old_test] - 5
print("old classes:", np.unique(y_old), " new classes:", np.unique(y_new) + 5)
print("images to pre-train with ≈", len(x_old))
claim("no class is both old and new", not set(y_old) & set(y_new + 5))

# %% [markdown]
# The base is the convolutional part of a network: here three layers, flattened. The head is one softmax. **Question** before you read on: which part of a network can be used again for other classes?

# %%
quiz("05", "what-is-kept")

# %%
SHAPE, CLASSES = (28, 28, 1), 5


def make_base(normalize=False):
    """Three convolutions; the last maps, 3×3×64, become 576 features."""
    base = keras.Sequential([keras.Input(SHAPE)])
    for filters, kernel_size, strides in [(16, 5, 2), (32, 3, 2), (64, 3, 1)]:
        base.add(layers.Conv2D(filters, kernel_size, strides, use_bias=not normalize))
        if normalize:
            base.add(layers.BatchNormalization(momentum=0.9))
        base.add(layers.ReLU())
    base.add(layers.Flatten())
    return base


def make_head():
    return layers.Dense(CLASSES, activation="softmax")


def compiled(model, optimizer):
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% [markdown]
# Now the first training, on the old classes. The head of the old task is thrown away afterwards; `base` stays.


# %%
def pretrain(base, x, y, epochs=8):
    model = compiled(keras.Sequential([base, make_head()]), keras.optimizers.Adam(2e-3))
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=progress())
    return model


base = make_base()
old_model = pretrain(base, x_old, y_old)
old_accuracy = old_model.evaluate(x_all_test[old_test], y_all_test[old_test], verbose=0)
print(f"base: {base.count_params():,} parameters, gives {base.output_shape[1]} features an image")
print(f"accuracy on the old classes ≈ {old_accuracy[1]:.1%}")
claim("the old task is learned", old_accuracy[1] > 0.9)

# %% [markdown]
# ## What does a base know?
#
# In 2013 Zeiler and Fergus asked a trained network which parts of which images excite a unit most, and drew them layer by layer. The first layers answered to edges and colours, then came textures, then parts of things (wheels, faces of dogs), and in the last layers whole objects in many poses {cite}`zeiler2013`. Let us do the same with ours. A unit of the last layer sees 17×17 pixels, one of the first 5×5 (the *receptive fields* of [chapter 02](02_convolution.ipynb)). To cut out what a unit has seen, one must know where its field begins:

# %%
quiz("05", "where-it-looks")

# %%
names = ["first layer", "second layer", "third layer"]
fields, jumps = [5, 9, 17], [2, 4, 4]
looked_at, labels = x_all_test[:1000], y_all_test[:1000]
maps, x = [], looked_at
for layer in base.layers[:-1]:
    x = to_numpy(layer(x))
    if isinstance(layer, layers.ReLU):
        maps.append(x)  # (images, rows, columns, filters)
        print(f"{names[len(maps) - 1]:12} maps {x.shape[1]}×{x.shape[2]}×{x.shape[3]}")

# %% [markdown]
# For two filters of each layer, the three images that excite them most, cut to what the unit saw:

# %% mystnb={"image": {"alt": "Three rows of six cut-outs of digits. In the first row, 5 by 5 pixels with an edge or a piece of a stroke. In the second, 9 by 9 pixels with pieces of strokes. In the third, 17 by 17 pixels with larger parts of a digit, some white on black, some black on white."}}
shown, titles = [], []
for name, layer_maps, field, jump in zip(names, maps, fields, jumps, strict=True):
    strongest = layer_maps.max(axis=(1, 2))  # each filter's best answer to each image
    for f in np.argsort(strongest.mean(axis=0))[-2:]:
        for n in np.argsort(strongest[:, f])[-3:]:
            row, column = np.argwhere(layer_maps[n, :, :, f] == strongest[n, f])[0] * jump
            shown.append(looked_at[n, row : row + field, column : column + field, 0])
            titles.append(f"{name.split()[0]}, {f}")
figures.images(shown, titles, columns=6, limits=(0, 1))

# %% [markdown]
# Each title is a layer and a filter; each filter has its three strongest cut-outs, from three images. Cut-outs grow with depth since fields do. What else changes? Take the 30 images (of 1,000, all ten digits) that excite a filter most: how many show the same digit?


# %%
def loyalty(layer_maps, top=30):
    """For each filter: the share of its strongest images that show their commonest digit."""
    strongest = layer_maps.max(axis=(1, 2))
    best = np.argsort(strongest, axis=0)[-top:]
    counts = [np.bincount(labels[best[:, f]]).max() for f in range(best.shape[1])]
    return np.mean(counts) / top


loyalties = [loyalty(layer_maps) for layer_maps in maps]
for name, value in zip(names, loyalties, strict=True):
    print(f"{name:12} same digit, mean over its filters ≈ {value:.0%}")
claim("filters of the third layer keep to a digit more", loyalties[2] > loyalties[0] + 0.05)

# %% [markdown]
# The first layers are *general*, the last are *specific* to what the network was trained for. {cite:t}`yosinski2014` found it on ImageNet in another way: they moved the first n layers to a new task and measured what was lost. It is the reason for all that follows: the lower a layer, the safer it is to keep.
#
# There is a second way to ask. Do not search for an image, **make** one. Training usually holds the image fixed and moves the weights. Turn it round: a layer whose only weight *is* an image, under a base that does not move. The output of the third layer on 17×17 pixels is 1×1×64, so each image meets each filter just once.


# %%
class Images(layers.Layer):
    """Ignores its input. Its weights are six images, noise before training."""

    def build(self, input_shape):
        self.images = self.add_weight(
            shape=(6, 17, 17, 1), initializer=keras.initializers.RandomNormal(stddev=1)
        )

    def call(self, inputs):
        return keras.ops.sigmoid(self.images)  # between 0 and 1, as pixels are


canvas = Images()
dreamer = keras.Sequential([keras.Input((64,)), canvas])
for layer in base.layers[:-2]:  # without the last ReLU, which would stop the gradient
    dreamer.add(layer)
dreamer.add(layers.Reshape((64,)))

# %% [markdown]
# The loss is minus the answer of one filter, a different one for each of the six images. **Predict:** what will an image look like that the filter loves above all?

# %% mystnb={"image": {"alt": "Six made images of 17 by 17 pixels, with hard black and white blobs and stripes, and grey noise left in places. They have pieces of strokes in them but are no digits."}}
strongest = maps[2].max(axis=(1, 2, 0))
chosen = np.argsort(strongest)[-6:]
wanted = np.eye(64, dtype="float32")[chosen]
base.trainable = False
dreamer.compile(keras.optimizers.Adam(0.1), lambda want, got: -keras.ops.sum(want * got))
for _ in range(250):
    dreamer.train_on_batch(wanted, wanted)
base.trainable = True
made = to_numpy(canvas(wanted))
answers = to_numpy(dreamer(wanted))[range(6), chosen]
figures.images(made[..., 0], [f"third, {f}" for f in chosen], columns=6, limits=(0, 1))

# %%
print("answer to the made image ≈", *(f"{a:.1f}" for a in answers))
print("to the best of 1,000 real ones ≈", *(f"{a:.1f}" for a in strongest[chosen]))
claim("each made image excites its filter more", (answers > strongest[chosen]).all())

# %% [markdown]
# They are not digits. A filter answers to much that never occurs in an image. What it says about images is shown by the real cut-outs; what it *would* say elsewhere is another matter. (And note that we needed no gradient tape: any optimizer of Keras will move whatever is a weight.)
#
# ## A frozen base
#
# Now the first way to use the base: leave it as it is. Each image gives 576 **features**. **Count first:**

# %%
quiz("05", "work-of-the-base")

# %% [markdown]
# So compute them once, and train the head on the table of features alone.


# %%
def features_of(images):
    """The base's answer to all the images, 576 numbers each."""
    return to_numpy(base(images))


feature_table, test_features = features_of(x_new), features_of(x_test)
base_work = 12 * 12 * 16 * 5 * 5 + 5 * 5 * 32 * 3 * 3 * 16 + 3 * 3 * 64 * 3 * 3 * 32
print(f"an image: {x_new[0].size} numbers; its features: {feature_table.shape[1]}")
print(f"base: {base_work:,} multiply-adds an image; head: {576 * 5:,}")

head = compiled(keras.Sequential([keras.Input((576,)), make_head()]), keras.optimizers.SGD(0.1))
whole = keras.Sequential([base, *head.layers])
answers = to_numpy(whole(x_test[:50])), to_numpy(head(test_features[:50]))
claim("the head on features is the whole network", np.allclose(*answers, atol=1e-5))

# %% [markdown]
# How few images are few? We shall use the first 2, 10 or 50 of each new class. `place` says for each image how many of its class stand before it. So the small sets lie inside the larger ones, and every class has equally many.


# %%
place = np.zeros(len(y_new), int)
for c in range(CLASSES):
    place[y_new == c] = np.arange((y_new == c).sum())


def few(k):
    """Where the first k images of each new class are."""
    return np.flatnonzero(place < k)


print("images of each class in few(5):", np.bincount(y_new[few(5)]))

# %% [markdown]
# Unless we say otherwise, a training on new images is 200 steps of plain SGD with batches of 32, drawn with replacement from the few. One call of `fit` sees all 200 batches.


# %%
def train(model, weights, x, y, chosen, seed=0, steps=200, batch=32):
    """Start at these weights, take 200 steps on the chosen images."""
    model.set_weights(weights)
    batches = np.random.default_rng(seed).choice(chosen, size=steps * batch)
    model.fit(x[batches], y[batches], batch_size=batch, shuffle=False, verbose=progress())


def accuracy(model, x, y):
    return model.evaluate(x, y, batch_size=500, verbose=0)[1]


new_head = head.get_weights()
train(head, new_head, feature_table, y_new, few(20))
on_new = accuracy(head, test_features, y_test)
print(f"100 images of new digits, a head of 2,885 parameters ≈ {on_new:.1%}")
claim("twice as good as guessing, and more", on_new > 0.4)

# %% [markdown]
# Filters that have never seen a 5 or a 7 tell them apart. Edges and bends of strokes are common to all digits.
#
# ## A smaller learning rate for the base
#
# The second way: train the base too. But carefully. The head starts at random, and its first gradients are large and nearly meaningless. They run down into the base and may spoil what it knows. So the slides of this course give the base a learning rate of 0.01 and the head one of 0.1. Keras' optimizers have one learning rate for all. We need **learning-rate multipliers**.
#
# Two ideas come to mind. One: multiply the *gradient* of a base weight by 0.1. Two: let the optimizer do its step, and take nine tenths of it *back*.


# %%
class Multipliers:
    """Added to an optimizer: ``multipliers`` maps the path of a weight to its factor."""

    def __init__(self, *arguments, multipliers=None, **options):
        super().__init__(*arguments, **options)
        self.multipliers = dict(multipliers or {})

    def factors(self, variables):
        return [self.multipliers.get(v.path, 1.0) for v in variables]


class ScaledGradient(Multipliers):
    def apply(self, grads, trainable_variables=None):
        variables = list(trainable_variables or self._trainable_variables)
        factors = self.factors(variables)
        grads = [g * factor for g, factor in zip(grads, factors, strict=True)]
        super().apply(grads, trainable_variables)


# %%
class ScaledUpdate(Multipliers):
    def apply(self, grads, trainable_variables=None):
        variables = list(trainable_variables or self._trainable_variables)
        before = [keras.ops.copy(v) for v in variables]
        super().apply(grads, trainable_variables)
        for v, old, factor in zip(variables, before, self.factors(variables), strict=True):
            if factor != 1:
                v.assign(old + factor * (v - old))


class GradientSGD(ScaledGradient, keras.optimizers.SGD):
    pass


class UpdateSGD(ScaledUpdate, keras.optimizers.SGD):
    pass


# %% [markdown]
# `apply` is the one method that every back end calls, with Keras' own variables, and each of these has a `path` such as `sequential/conv2d/kernel`. (The method below it, `update_step`, looks simpler to override. But on TensorFlow it receives TensorFlow's variables, which have no path: code that works on JAX fails there.) The classes are added in front of an optimizer, and `super()` is that optimizer, whichever it is.
#
# The same two for Adam. Then the proof: does a base weight move by 0.1 of what it would move? We take one step with the multiplier and one without, from the same weights and on the same batch.


# %%
class GradientAdam(ScaledGradient, keras.optimizers.Adam):
    pass


class UpdateAdam(ScaledUpdate, keras.optimizers.Adam):
    pass


model = keras.Sequential([make_base(), make_head()])
variables = model.trainable_variables  # six of the base, then two of the head
slow = {v.path: 0.1 for v in variables[:6]}
start = base.get_weights() + new_head
model.set_weights(start)
compiled(model, keras.optimizers.SGD(1.0)).train_on_batch(x_new[:32], y_new[:32])
gradients = [old - new for old, new in zip(start, model.get_weights(), strict=True)]


def moves(optimizer):
    """How far one step takes each weight: the length of the difference."""
    model.set_weights(start)
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    return np.array(
        [np.linalg.norm(new - old) for new, old in zip(model.get_weights(), start, strict=True)]
    )


# %% [markdown]
# **Predict** all four rows: the two ideas, each with SGD and with Adam.

# %%
quiz("05", "sgd-move", "scaled-gradient-adam")

# %%
plain_moves = {
    "SGD": moves(keras.optimizers.SGD(0.1)),
    "Adam": moves(keras.optimizers.Adam(0.1)),
}
kinds = [(GradientSGD, "SGD"), (UpdateSGD, "SGD"), (GradientAdam, "Adam"), (UpdateAdam, "Adam")]
ratios = {}
for kind, name in kinds:
    ratio = moves(kind(0.1, multipliers=slow)) / plain_moves[name]
    ratios[kind.__name__] = ratio
    print(f"{kind.__name__:13} base, head ≈ {ratio[:6].mean():.3f}, {ratio[6:].mean():.3f}")
for name in ("GradientSGD", "UpdateSGD", "UpdateAdam"):
    exact = np.allclose(ratios[name], [0.1] * 6 + [1, 1], atol=1e-3)
    claim(f"{name}: base weights move exactly a tenth, the head as before", exact)
claim("GradientAdam: base weights move nearly as far as before", ratios["GradientAdam"].min() > 0.6)

# %% [markdown]
# Under Adam, a tenth of the gradient makes next to no difference to the step. No message tells you. Adam divides a running mean of the gradient by a running root mean square of the same gradient. A factor $c > 0$ stands above and below, and goes:
#
# $$\frac{c\,m}{\sqrt{c^2 v} + ε} ≈ \frac{m}{\sqrt{v}} .$$
#
# The same happens with RMSProp and other optimizers that divide by the gradient's size (with Keras' AdaGrad only once its sum of squares has outgrown its start of 0.1) ([chapter 07](07_training_tricks.ipynb) has them all). For plain SGD the step is $-η\,g$, so it makes no difference which of the two factors is made smaller. From here we use `ScaledUpdate`, which is right for each of them, with momentum and with weight decay, as it looks only at where the weight was and where it is.
#
# ## The curve
#
# Four ways, from 2 to 50 images a class:
#
# 1. **head only**, on cached features;
# 2. **fine-tuned, base at a tenth**: 0.01 for the base, 0.1 for the head;
# 3. **from scratch**: the very same network, with random weights in the base, and 0.1 for all;
# 4. **fine-tuned, one rate**: the trained base, and 0.1 for all.

# %%
quiz("05", "head-or-scratch")

# %% [markdown]
# One compiled model serves ways 3 and 4: they differ in nothing but the weights that they start from.


# %%
def network_head():
    layer = make_head()
    layer.build((None, 576))
    return layer


def network(factor):
    model = keras.Sequential([make_base(), make_head()])
    slow = {v.path: factor for v in model.layers[0].trainable_variables}
    return compiled(model, UpdateSGD(0.1, multipliers=slow))


tuned, plain = network(0.1), network(1.0)


def four_ways(x, y, table, x_test, y_test, test_table, chosen, seed=0, ways=4):
    """Accuracies on the test images; the head starts at the same random weights each time."""
    keras.utils.set_random_seed(seed)
    scratch = [w for layer in (make_base(), network_head()) for w in layer.get_weights()]
    head_weights, kept = scratch[-2:], base.get_weights()
    results = {}
    for way, model, weights, inputs, test_inputs in [
        ("head only", head, head_weights, table, test_table),
        ("fine-tuned, base at a tenth", tuned, kept + head_weights, x, x_test),
        ("from scratch", plain, scratch, x, x_test),
        ("fine-tuned, one rate", plain, kept + head_weights, x, x_test),
    ][:ways]:
        train(model, weights, inputs, y, chosen, seed)
        results[way] = accuracy(model, test_inputs, y_test)
    return results


# %% [markdown]
# Three sizes:

# %%
SIZES = (2, 10, 50)
tasks = x_new, y_new, feature_table, x_test, y_test, test_features
curve = {k: four_ways(*tasks, few(k)) for k in SIZES}
print("images of each class:     ", *(f"{k:5}" for k in SIZES))
for way in curve[10]:
    print(f"{way:27} ≈", *(f"{curve[k][way]:6.1%}" for k in SIZES))

# %% mystnb={"image": {"alt": "Accuracy on the new digits against images per class, on a logarithmic axis, for the four ways. Head only and fine-tuned with the base at a tenth lie close together and highest at every size; from scratch and fine-tuned with one rate lie far below."}}
_, axis = plt.subplots(figsize=(figures.WIDTH, 3.4))
for way, style in zip(curve[10], ["o-", "s--", "^-.", "x:"], strict=True):
    axis.plot(SIZES, [curve[k][way] for k in SIZES], style, label=way)
axis.set(xscale="log", xlabel="images of each new class", ylabel="accuracy on the new classes")
axis.set_xticks(SIZES, [str(k) for k in SIZES])
axis.minorticks_off()
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# What of this we dare to claim:

# %%
scratch = {k: curve[k]["from scratch"] for k in SIZES}
slow_base = "fine-tuned, base at a tenth"
for way in ("head only", slow_base):
    better = min(curve[k][way] - scratch[k] for k in (10, 50)) > 0.04
    claim(f"{way}: over 4 points better than from scratch, with 10 and with 50", better)
not_worse = np.mean([curve[k][slow_base] - curve[k]["fine-tuned, one rate"] for k in SIZES])
claim("a tenth of the rate is no loss for the base", not_worse > -0.02)

# %% [markdown]
#
#
# **The base makes up for images.** Is the comparison fair? Perhaps the network from scratch only needs more time. Give it three times the steps, and Adam:

# %%
patient = compiled(keras.Sequential([make_base(), make_head()]), keras.optimizers.Adam(1e-3))
train(patient, patient.get_weights(), x_new, y_new, few(10), steps=600)
with_patience = accuracy(patient, x_test, y_test)
by_heart = accuracy(patient, x_new[few(10)], y_new[few(10)])
print(f"from scratch, 10 a class, 600 steps of Adam ≈ {with_patience:.1%}")
claim("it knows its 50 images by heart", by_heart > 0.95)
claim(
    "and is still over 3 points behind the head alone",
    with_patience < curve[10]["head only"] - 0.03,
)

# %% [markdown]
# It knows its 50 images by heart, and more steps would have little left to correct. Think of what the base *cannot* have brought: it has never seen a 5, a 6, a 7, an 8 or a 9. Some of what it brings must be what does **not** matter. Thousands of digits have shown it strokes at many places, white and black. Fifty images show little of that.
#
# **The full learning rate throws it away.** With 0.1 for all, fine-tuning can lose most of its start: look at the dotted and the dash-dotted line. (How much, depends on the data.) How much does the base itself lose? Put the *old* head back on each of the two fine-tuned bases, and ask for 0 to 4 again:

# %%
x_check, y_check = x_all_test[old_test], y_all_test[old_test]
old_head = old_model.layers[1].get_weights()
print(f"old digits, before ≈ {old_accuracy[1]:.1%}")
still = {}
for name, model in [("base at a tenth", tuned), ("one rate", plain)]:
    train(model, base.get_weights() + new_head, x_new, y_new, few(10))
    model.set_weights(model.get_weights()[:6] + old_head)
    still[name] = accuracy(model, x_check, y_check)
    print(f"old digits, after fine-tuning, {name} ≈ {still[name]:.1%}")
claim(
    "one rate forgets more, by 3 points and more",
    still["base at a tenth"] > still["one rate"] + 0.03,
)

# %% [markdown]
# Fifty images of other digits, 200 steps, and the old digits are partly forgotten: this is called *catastrophic forgetting*. (The rate of 0.1 may be too high for these kernels altogether: from scratch it does badly too.) The slides' 0.01 for the base keeps more. With few images, do not expect it to beat the head alone: there is little data to improve a base with.
#
# ## Which regime?
#
# How much is to be trained depends on two things: **how much** data the new task has, and **how similar** it is to the old one. Digits for digits is similar. For the other end we give the same base, which knows nothing but strokes, photographs: five classes of CIFAR-10, in grey. **Predict:**

# %%
quiz("05", "regime")

# %%
objects = data.load("cifar10", train=4000, test=1500)


def as_digits(images):
    """The middle 28×28 pixels, in grey."""
    return images[:, 2:30, 2:30].mean(axis=-1, keepdims=True)


first, first_test = objects.y_train < 5, objects.y_test < 5
x_far, y_far = as_digits(objects.x_train[first]), objects.y_train[first]
x_far_test, y_far_test = as_digits(objects.x_test[first_test]), objects.y_test[first_test]
few_far = np.concatenate([np.flatnonzero(y_far == c)[:10] for c in range(CLASSES)])
far = x_far, y_far, features_of(x_far), x_far_test, y_far_test, features_of(x_far_test)
regimes = {
    "digits, 10 a class": dict(curve[10]),
    "digits, all": four_ways(*tasks, np.arange(len(x_new)), ways=3),
    "photographs, 10 a class": four_ways(*far, few_far, ways=3),
    "photographs, all": four_ways(*far, np.arange(len(x_far)), ways=3),
}
worth = {}
for name, results in regimes.items():
    scratch = results.pop("from scratch")
    worth[name] = max(results.values()) - scratch
    print(f"{name:24} best with a base, from scratch ≈ {max(results.values()):.1%}, {scratch:.1%}")

few_worth = worth["digits, 10 a class"], worth["photographs, 10 a class"]
claim("with few images, the base is worth more on digits", few_worth[0] > few_worth[1])
all_worth = worth["digits, all"], worth["photographs, all"]
claim("with all images it is 2 points ahead on both, after 200 steps", min(all_worth) > 0.02)

# %% [markdown]
# Ten photographs of each class and a base of strokes: there is less to gain. (Photographs are also harder in themselves, and "best" is picked on the test images: read this as a tendency.) With all images the base is still ahead, as it also saves *steps*: 200 steps of plain SGD at this rate are not enough to train the network from scratch. The usual advice follows from the two questions, and is a place to begin, not a law:
#
# | you have | similar to the old data | different |
# | --- | --- | --- |
# | **few images** | head only, on cached features | the hardest case: features of a *lower* layer, or a better base |
# | **many images** | fine-tune all, base at a smaller rate | fine-tune all, or from scratch; the base is often the better start |
#
# When in doubt, draw the curve: it takes minutes on cached features.
#
# ## Batch normalization: the trap in the base
#
# Most bases from the shelf contain batch normalization. Such a layer works in one of two modes. In *training* mode it normalizes with the mean and variance of the batch at hand, and lets its moving averages follow them. In *inference* mode it uses the moving averages, and leaves them alone. Two switches act on it: the attribute `trainable`, and the argument `training` of the call. **Predict** what each pair does:

# %%
quiz("05", "bn-switches", "bn-learns")

# %%
batch = np.random.default_rng(0).normal(3, 2, size=(64, 4)).astype("float32")
print("trainable  training  by the batch  averages move  weights that learn")
for trainable in (True, False):
    for training in (True, False):
        layer = layers.BatchNormalization()
        layer.build(batch.shape)
        layer.trainable = trainable
        out = to_numpy(layer(batch, training=training))
        by_batch = bool(abs(out.mean()) < 1e-3)
        moved = bool(abs(to_numpy(layer.moving_mean)).max() > 0)
        print(f"{trainable!s:9}  {training!s:8}  {by_batch!s:12}  {moved!s:13}  ", end="")
        print(len(layer.trainable_weights))

# %% [markdown]
# Two surprises. With `trainable = False` the layer works in inference mode *even if* it is called with `training=True`. For other layers of Keras `trainable` only says whether weights are updated; for this one it changes what comes out. And the other way round: `training=False` holds the averages, not the learning. γ and β are still trained.
#
# So a widely printed recipe, in [Keras' own guide](https://keras.io/guides/transfer_learning/) too, is this: call the base with `training=False` when you build the model, and unfreeze its weights later. **Does it hold?** Here is a base with batch normalization in three models: built with `training=False`; wrapped in a layer that says `training=False` each time it is called; and with its normalization layers frozen. Each is trained for 4 steps.


# %%
class InInference(layers.Layer):
    """Calls a base with training=False."""

    def __init__(self, base, **options):
        super().__init__(**options)
        self.base = base

    def call(self, inputs):
        return self.base(inputs, training=False)


def built_with(base):
    image = keras.Input(base.input_shape[1:])
    return keras.Model(image, layers.Dense(1)(base(image, training=False)))


def wrapped(base):
    return keras.Sequential([keras.Input(base.input_shape[1:]), InInference(base), layers.Dense(1)])


# %% [markdown]
# **Predict** which of the three leave the averages alone:

# %%
quiz("05", "bn-recipe")


# %%
def frozen(base):
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    return keras.Sequential([base, layers.Dense(1)])


for build in (built_with, wrapped, frozen):
    small = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.BatchNormalization()])
    model = build(small)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = {w.name: to_numpy(w).copy() for w in small.weights}
    model.fit(batch, batch[:, :1] ** 2, batch_size=16, verbose=progress())
    changed = [w.name for w in small.weights if (to_numpy(w) != before[w.name]).any()]
    print(f"{build.__name__:10} changed:", *changed)

# %% [markdown]
# The first recipe does **not** hold. `fit` calls the model with `training=True`, and a functional model hands this down to its layers, over the `False` that was written when it was built. It is [a known question](https://github.com/convbook/convbook/issues/20285) about Keras 3. The wrapper does what the recipe promised: kernels, γ and β learn, the averages stay. Freezing the normalization layers holds γ and β, too, and is the simplest. (While the *whole* base is frozen there is no danger: frozen means inference mode.)
#
# What does it cost to fall for it? Our base again, with batch normalization after each convolution, in two models that share it: as `fit` calls it, and wrapped.


# %%
bn_base = make_base(normalize=True)
bn_old_model = pretrain(bn_base, x_old, y_old, epochs=4)
bn_kept, bn_old_head = bn_base.get_weights(), bn_old_model.layers[1].get_weights()
slow = {v.path: 0.1 for v in bn_base.trainable_variables}
bn_models = {}
for mode, part in [("training mode", bn_base), ("inference mode", InInference(bn_base))]:
    model = keras.Sequential([keras.Input(SHAPE), part, make_head()])
    bn_models[mode] = compiled(model, UpdateSGD(0.1, multipliers=slow))

# %% [markdown]
# First, the strangest experiment of this chapter: **train with a learning rate of 0.** So nothing can be learned, and nothing forgotten? We show the models 50 batches of digits that they know. But the folder is sorted, and somebody forgot to shuffle: they are all ones, all negatives. Then we ask about all old digits.

# %%
quiz("05", "rate-zero")

# %%
bn_before, bn_after = accuracy(bn_old_model, x_check, y_check), {}
ones = np.flatnonzero((y_old == 1) & (x_old[:, 0, 0, 0] > 0.5))
print(f"old digits, before ≈ {bn_before:.1%}")
for mode, model in bn_models.items():
    model.optimizer.learning_rate = 0.0
    train(model, bn_kept + bn_old_head, x_old, y_old, ones, steps=50)
    bn_after[mode] = accuracy(model, x_check, y_check)
    print(f"after 50 steps at rate 0, {mode} ≈ {bn_after[mode]:.1%}")
claim("in inference mode nothing has changed", abs(bn_after["inference mode"] - bn_before) < 1e-3)
claim("in training mode 5 points and more are gone", bn_after["training mode"] < bn_before - 0.05)

# %% [markdown]
# The moving averages are no weights of the optimizer. They follow whatever goes through. (This also makes cached features wrong: the base that made them is no longer there.)
#
# Second, a fine-tuning that is meant seriously. Base and head learn, with 0.001 and 0.01. (With batch normalization we choose smaller rates.) Once 100 images, 20 of each new digit, as they come; once about as many, only the negatives among the first 40 of each, as if all came from one scanner. The test images are of both kinds. **Predict:** where does training mode do harm?

# %%
negatives = np.flatnonzero(x_new[:, 0, 0, 0] > 0.5)
samples = {"both kinds": few(20), "negatives only": negatives[np.isin(negatives, few(40))]}
bn_tuned = {}
for sample, indices in samples.items():
    for mode, model in bn_models.items():
        model.optimizer.learning_rate = 0.01
        train(model, bn_kept + new_head, x_new, y_new, indices)
        bn_tuned[sample, mode] = accuracy(model, x_test, y_test)
        print(f"{sample:14} {mode:14} ≈ {bn_tuned[sample, mode]:.1%}")
both = [bn_tuned["both kinds", mode] for mode in bn_models]
one = [bn_tuned["negatives only", mode] for mode in bn_models]
claim("both kinds: the mode hardly matters", abs(both[0] - both[1]) < 0.06)
claim("negatives only: training mode costs accuracy", one[0] < one[1])

# %% [markdown]
# The averages have followed the few images that were shown. Where these were of one kind, the base has been refitted to that kind. In inference mode it keeps what it had learned from thousands of images of both.
#
# And where the few images were like those of the test, it made hardly any difference. So training mode is not always wrong: on many images of the very kind that you will meet later, new averages may be just what is needed. With few, you do not know that they are of that kind.
#
# ## Feed it what it was trained on
#
# A base expects its pixels in the form in which it learned. For the models of `keras.applications` that form differs from one to the next. Each module has its own `preprocess_input`. **Compute one** by hand:

# %%
quiz("05", "caffe-orange")

# %% [markdown]
# Ask some of them about that orange pixel:

# %%
from keras.applications import densenet, efficientnet, mobilenet_v2, resnet50, vgg16
from keras.applications.imagenet_utils import preprocess_input

orange = np.array([[[[255, 128, 0]]]], "float32")  # one image of one pixel
for module in (vgg16, resnet50, mobilenet_v2, densenet, efficientnet):
    answer = module.preprocess_input(orange.copy()).ravel()
    name = module.__name__.split(".")[-1]
    print(f"{name:13}", *(f"{value + 0:9.3f}" for value in answer))

# %% [markdown]
# Four different answers. They have names, after the libraries that the weights come from:
#
# - **`tf`** (MobileNet, Inception, Xception): from −1 to 1. Orange: 255/127.5 − 1 = 1, 128/127.5 − 1 = 0.004, 0/127.5 − 1 = −1.
# - **`torch`** (DenseNet): to 0–1, minus a mean, divided by a standard deviation, each channel its own. Red: (255/255 − 0.485)/0.229 = 2.249.
# - **`caffe`** (VGG, ResNet, but not ResNetV2, which takes `tf`): minus a mean, *not* scaled, and the channels in the order blue, green, red.
# - **nothing** (EfficientNet, ConvNeXt, MobileNetV3): the function returns what it gets, because the model has a layer of its own that scales.
#
# Now read the whole recipe off the library. Whatever else it is, each mode treats every pixel alike, and does nothing but multiply and add: $y = x A + b$ with a 3×3 matrix $A$. Four colours are enough to find it out: black gives $b$, and pure red, green and blue give the rows of $A$.

# %%
probes = np.vstack([np.zeros(3), 255 * np.eye(3)]).reshape(4, 1, 1, 3).astype("float32")
recipes = {}
for mode in ("tf", "caffe", "torch"):
    black, *pure = preprocess_input(probes.copy(), mode=mode).reshape(4, 3)
    recipes[mode] = (np.array(pure) - black) / 255, black
print("caffe: A =", *recipes["caffe"][0].astype(int).tolist(), " b =", recipes["caffe"][1])

images = np.random.default_rng(0).uniform(0, 255, size=(5, 8, 6, 3)).astype("float32")
for mode, (matrix, offset) in recipes.items():
    same = np.allclose(
        preprocess_input(images.copy(), mode=mode), images @ matrix + offset, atol=1e-4
    )
    claim(f"{mode}: multiply by a 3×3 matrix and add is all it does", same)

# %% [markdown]
# The matrix of `caffe` swaps red and blue. And $x A + b$ at every pixel is a 1×1 convolution ([chapter 02](02_convolution.ipynb)): preprocessing can be the first layer of the model, where nobody can forget it. EfficientNet begins with layers that scale (`Rescaling` and `Normalization`).
#
# Why `.copy()`, everywhere? **Predict** what the second line prints:

# %%
quiz("05", "preprocess-twice")

# %%
once = orange.copy()
vgg16.preprocess_input(once)  # we do not even keep the result
print("float array afterwards:", once.ravel().round(3))
once = orange.astype("uint8")
vgg16.preprocess_input(once)
print("uint8 array afterwards:", once.ravel())

# %% [markdown]
# A float array is changed *in place*. Run such a cell of a notebook twice, and your images are preprocessed twice, without a word.
#
# What does a wrong form cost? Our base learned on pixels from 0 to 1. The head that was trained on all new images now gets features of the same test images in other forms. **Predict** the order:

# %%
quiz("05", "wrong-scale")

# %%
train(head, new_head, feature_table, y_new, np.arange(len(x_new)), steps=400)
forms = {
    "0 to 1, as in training": x_test,
    "0 to 255": 255 * x_test,
    "−1 to 1": 2 * x_test - 1,
    "black and white swapped": 1 - x_test,
}
in_form = {n: accuracy(head, features_of(x), y_test) for n, x in forms.items()}
for name, value in in_form.items():
    print(f"{name:24} ≈ {value:.1%}")
right = in_form["0 to 1, as in training"]
claim("−1 to 1 costs over 2 points", in_form["−1 to 1"] < right - 0.02)
lost = {name: right - value for name, value in in_form.items()}
claim("255 times too bright costs less than that", lost["0 to 255"] < lost["−1 to 1"])
claim("so does black for white", lost["black and white swapped"] < lost["−1 to 1"])

# %% [markdown]
# The order may surprise you. White for black costs less, because the base has seen both in its training. So does 255 times too bright: a network of ReLUs whose biases are small answers to 255 times the input with about 255 times the output, and the largest of the five outputs stays the largest. (The loss is another matter, and so are a network with other activations, or training on from here.) But −1 to 1, which looks so harmless, moves all that is black: the background of a white digit, the strokes of a black one. The base has never seen a negative pixel.
#
# So the accuracy alone is no proof that the form is right: it may be wrong and cost just a few points that you will never miss.
#
# ## From the shelf
#
# Now the same with a network that others trained, on ImageNet. One of the smallest of Keras will do: MobileNetV2 {cite}`sandler2018` with 0.35 of its filters, without its head. Its weights must be downloaded once (2 MB). Where they cannot be had, the same network stands there with random weights, and the line after `≈` says so.


# %%
def mobilenet():
    """MobileNetV2 without its head, and where its weights come from."""
    options = {"input_shape": (96, 96, 3), "alpha": 0.35, "include_top": False, "pooling": "avg"}
    patience = socket.getdefaulttimeout()
    keras.utils.disable_interactive_logging()  # no progress bar among the outputs
    try:
        if os.environ.get("CONVBOOK_OFFLINE", "0") not in ("", "0"):
            raise OSError("CONVBOOK_OFFLINE is set")
        socket.setdefaulttimeout(3)
        socket.create_connection(("storage.googleapis.com", 443), timeout=2).close()
        model = keras.applications.MobileNetV2(weights="imagenet", **options)
        return model, "trained on ImageNet, from keras.applications"
    except Exception as error:  # Keras raises a plain Exception where a download fails
        model = keras.applications.MobileNetV2(weights=None, **options)
        return model, f"random, as ImageNet's are out of reach here ({type(error).__name__})"
    finally:
        socket.setdefaulttimeout(patience)
        keras.utils.enable_interactive_logging()


shelf, path = mobilenet()
print("weights ≈", path)

# %% [markdown]
# **Count** before you look: the last convolution has 1,280 filters, and `pooling="avg"` follows.

# %%
quiz("05", "mobilenet-head")

# %%
normalizations = [x for x in shelf.layers if isinstance(x, layers.BatchNormalization)]
print(f"{len(shelf.layers)} layers, {len(normalizations)} of them batch normalization")
print(f"{shelf.count_params():,} parameters; an image of 96×96×3 gives {shelf.output_shape[1:]}")
shelf.trainable = False
ten = keras.Sequential([shelf, layers.Dense(10, activation="softmax")])
learned = sum(int(np.prod(w.shape)) for w in ten.trainable_weights)
print(f"to learn, with a head for ten classes: {learned:,}")

# %% [markdown]
# 12,810 weights to learn, as many as in the small network of [chapter 01](01_reading_networks.ipynb), on top of 410,208 that stay. And 52 layers of batch normalization: with the base frozen, Keras keeps them in inference mode. When you unfreeze the rest, leave these frozen, or wrap the base.
#
# Use it on colour photographs: enlarge them from 32×32 to 96×96, bring them into the form that MobileNetV2 wants, compute the features once, and fit a linear head.

# %%
from sklearn.linear_model import LogisticRegression


def shelf_features(images):
    large = to_numpy(keras.ops.image.resize(255 * images, (96, 96)))
    return shelf.predict(mobilenet_v2.preprocess_input(large.copy()), verbose=0)


train_features, other_features = map(shelf_features, (objects.x_train[:300], objects.x_test[:300]))
linear = LogisticRegression(C=0.01, max_iter=300).fit(train_features, objects.y_train[:300])
score = linear.score(other_features, objects.y_test[:300])
print("features:", train_features.shape)
print(f"accuracy on ten classes of photographs, 300 images to learn from ≈ {score:.1%}")
print("with weights ≈", path)

# %% [markdown]
# Read the accuracy only together with the line below it. With ImageNet's weights it is the value of a base from the shelf. With random ones it is what guessing gives, or little more: one layer of random filters did no harm ([chapter 02](02_convolution.ipynb)), but through all the untrained layers of this network the features shrink to almost nothing, and a linear head with C = 0.01 cannot use them.
#
# ## Caching and augmentation
#
# Features computed once make training cheap. Augmentation (a random shift, turn or flip of each image in each epoch, as in [chapter 07](07_training_tricks.ipynb)) makes few images go further. Many tutorials put the random layers in front of the base. **Question:** can you have both?

# %%
quiz("05", "cache-or-augment")

# %%
shift = layers.RandomTranslation(0.1, 0.1, fill_mode="constant")
shifting = keras.Sequential([keras.Input(SHAPE), shift, base])
some = x_new[:100]
one, two = (to_numpy(shifting(some, training=True)) for _ in range(2))
changed = (abs(one - two) > 1e-6).any(axis=1).mean()
claim("in training, features of one image differ from pass to pass", changed > 0.8)
alike = np.allclose(shifting.predict(some, verbose=0), features_of(some), atol=1e-5)
claim("with predict they are those of the image that was not shifted", alike)

print(f"500 images, 20 epochs: {500 * 20:,} passes through the base if augmented")
for copies in (1, 5):
    print(f"fixed versions of each image that are cached: {copies}; passes: {500 * copies:,}")

# %% [markdown]
# There is a trap: `predict` switches random layers off. Whoever caches with `predict` through a model that augments gets features without any augmentation, and no warning.
#
# Between the two lies a third way: cache a fixed number of shifted versions of each image. You pay once for each version.
#
# ## Leaks
#
# With few images, everybody is tempted to make more of them. Take 10 images of each new class, make ten versions of each, shifted and with noise, and *then* split into training and test images at random. It looks harmless. **Predict:**

# %%
quiz("05", "versions")

# %%
from sklearn.neighbors import KNeighborsClassifier

rng = np.random.default_rng(0)
originals = np.repeat(few(10), 10)  # which image each version is made from
shifts = rng.integers(-2, 3, size=(500, 2))
versions = [np.roll(x_new[i], s, axis=(0, 1)) for i, s in zip(originals, shifts, strict=True)]
versions = np.array(versions) + rng.normal(scale=0.1, size=(500, *SHAPE))


def nearest_neighbour(chosen):
    """Learn from the chosen versions, test on the others."""
    knn = KNeighborsClassifier(1).fit(versions[chosen].reshape(-1, 784), y_new[originals[chosen]])
    return knn.score(versions[~chosen].reshape(-1, 784), y_new[originals[~chosen]])


by_version = rng.permutation(500) < 400
by_image = np.isin(originals, rng.permutation(few(10))[:40])
leaky, honest = nearest_neighbour(by_version), nearest_neighbour(by_image)
print(f"split after the versions were made ≈ {leaky:.1%}")
print(f"split before, by image ≈ {honest:.1%}")
claim("the wrong order adds 10 points and more", leaky > honest + 0.1)

# %% [markdown]
# In the wrong order, nearly every test image has a sister among the training images. **Split first, then make versions.**
#
# The second leak sits in the data before you get it. In CIFAR-10, 3.3 % of the test images have a near-duplicate among the training images, and in CIFAR-100 10 % {cite}`barz2020`. Whoever looks for equal arrays finds exact copies only. We plant 20 training images among 200 test images, each moved by one pixel and with a little noise, and search for the nearest training image: as they are, and after moves by a pixel in each direction.

# %%
from sklearn.neighbors import NearestNeighbors

planted = np.roll(x_new[:20], (1, -1), axis=(1, 2)) + rng.normal(scale=0.03, size=(20, *SHAPE))
suspects = np.concatenate([x_test[:200], planted])
search = NearestNeighbors(n_neighbors=1).fit(x_new.reshape(-1, 784))


def nearest(images):
    return search.kneighbors(images.reshape(-1, 784))[0][:, 0]


as_they_are = nearest(suspects) < 1.5
moves_by_one = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
moved = np.min([nearest(np.roll(suspects, m, axis=(1, 2))) for m in moves_by_one], axis=0) < 1.5
print(f"near as they are: planted, others ≈ {as_they_are[200:].sum()}, {as_they_are[:200].sum()}")
print(f"near after a move: planted, others ≈ {moved[200:].sum()}, {moved[:200].sum()}")
claim("the search that allows for moves finds all 20", moved[200:].all())

# %% [markdown]
# A check finds the duplicates that it was told to look for, and no others. What it finds must be looked at by a person.
#
# The third leak belongs to transfer alone. **The base may have seen your test.** "ImageNet's weights on CIFAR-10" is no transfer to *new* classes: ImageNet has trucks, frogs and airliners, and many kinds of dogs and cats. If you want to know how a base does on classes that it has never met, compare the lists of classes first, as we did at the beginning. If you only want the best classifier, be glad of the overlap, but do not call it something else.
#
# ## Summary
#
# - Of a trained network, the **base** is kept and the head is made anew. The lower a layer, the more general it is.
# - With a frozen base, compute the **features once**. Then a head costs next to nothing.
# - When the base learns too, give it a **smaller rate**. Scale the *update*, not the gradient: Adam and its relatives divide a scaled gradient by its own size.
# - The worth of a base shows in the **curve**: accuracy against examples, from scratch beside it. What is transferred cannot be the new classes. A part of it is what does *not* matter: the place and the colour of a digit.
# - It is smaller for less similar data. And a base saves steps as well as images.
# - **Batch normalization:** in training mode its averages follow whatever passes, even at a learning rate of 0. Freeze these layers, or wrap the base; `training=False` in a functional model is not enough in Keras 3.
# - Feed a base **what it was trained on**. `preprocess_input` differs from model to model, and changes float arrays in place.
# - **Split first**, then make versions. Look for near-duplicates, and ask whether the base has seen your classes, or your test images.
#
# ## Exercises
#
# The [lab of this chapter](../labs/05_transfer_learning.ipynb) has you build the whole chain yourself: splitting by classes, few images of each, a check for leaks, features of any layer, cached in batches, preprocessing by hand, freezing with batch normalization kept in inference mode, learning rates that fall with depth, and how many images a target needs.
