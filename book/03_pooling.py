# %% [markdown]
# # 03 · Pooling, and the first whole networks
#
# A convolution says *where* a feature is, to the pixel. Often we only want to know whether it is about here. Pooling asks that question, at no cost in weights; and with it the first whole networks can be built.
#
# After this chapter you can
#
# - **compute** max, average and min pooling by hand, with a loop and with Keras, and send a gradient back through them;
# - **prove** which kinds of pooling are convolutions, and which are not;
# - **measure** how far pooling really makes a network indifferent to shifts;
# - **count** the parameters of a whole network, and find the layer that takes nearly all of them;
# - **train** the four classic first networks, and **look inside**: feature maps, confusion matrix, most confident mistakes.
#
# Reading, running and answering take about two and a half hours. The lab takes two hours more. You should know [convolution](02_convolution.ipynb), and how to [read a network](01_reading_networks.ipynb).

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
from keras import layers
from numpy.testing import assert_allclose

from convbook import data, figures
from convbook.claims import claim
from convbook.widgets import pooling, progress, quiz, receptive_field, trainer

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## The largest number of each window
#
# Hubel and Wiesel's *complex* cells accept an edge anywhere in a small region {cite}`hubel1962`. The same idea in a network: lay a window over a feature map, keep **one** number for the whole window, and move on. The windows usually stand side by side, 2×2 with stride 2.
#
# Keep the largest number, and it is **max pooling**. Here is a map of 4×4:

# %% mystnb={"image": {"alt": "A 4 by 4 grid of numbers: 1 1 2 4, 5 6 7 8, 3 2 1 0, 1 2 3 4."}}
first = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
figures.numbers([first], ["a feature map"])

# %% [markdown]
# The top left window holds 1, 1, 5 and 6, so 6 is kept. **Your turn:**

# %%
quiz("03", "by-hand-max")

# %% [markdown]
# As a loop, for any way to make one number of a window:


# %%
def pool(x, size=2, strides=2, keep=np.max):
    """One number for each window of a map (rows, columns)."""
    rows = (x.shape[0] - size) // strides + 1
    columns = (x.shape[1] - size) // strides + 1
    output = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            top, left = r * strides, c * strides
            output[r, c] = keep(x[top : top + size, left : left + size])
    return output


print(pool(first))

# %% [markdown]
# Each side is halved. What else could be kept of a window? The mean: **average pooling**. A second map, with negative numbers and a zero:

# %% mystnb={"image": {"alt": "A 4 by 4 grid of numbers: 3 4 −2 −1, −2 0 1 2, 1 −2 2 6, 0 8 3 5."}}
second = np.array([[3, 4, -2, -1], [-2, 0, 1, 2], [1, -2, 2, 6], [0, 8, 3, 5]])
figures.numbers([second], ["another feature map"])

# %% [markdown]
# **Your turn** again. Mind the signs:

# %%
quiz("03", "by-hand-average")

# %%
for name, keep in [("max", np.max), ("average", np.mean), ("min", np.min)]:
    print(f"{name}:")
    print(pool(second, keep=keep))

# %% [markdown]
# The largest number of the top right window is 2, and its mean is 0: average pooling lets −2 and −1 cancel 1 and 2. After a ReLU there are no negative numbers to cancel, but the many zeros still pull the mean down. Max pooling asks *is the feature here at all?*, average pooling *how much of it is here?*
#
# Keras has layers for the first two. For min pooling there is none. **Question:** how do you get it from max pooling?

# %%
x = second[None, :, :, None].astype("float32")  # one image, one channel
maximum = layers.MaxPooling2D()
average = layers.AveragePooling2D(2)  # here Keras wants the size to be given
assert_allclose(to_numpy(maximum(x))[0, :, :, 0], pool(second))
assert_allclose(to_numpy(average(x))[0, :, :, 0], pool(second, keep=np.mean))
assert_allclose(-to_numpy(maximum(-x))[0, :, :, 0], pool(second, keep=np.min))
print("Keras' max and average pooling agree with the loop")
print("min pooling is −max(−x)")

# %% [markdown]
# ## Each channel on its own
#
# A filter of a convolution is as deep as its input, and mixes all channels. Pooling does not: each map is pooled on its own. So how much is left? And what if the side is odd?

# %%
quiz("03", "what-remains", "odd-side")

# %%
rng = np.random.default_rng(0)
maps = rng.normal(size=(1, 30, 30, 64)).astype("float32")
pooled = to_numpy(maximum(maps))
print("shape:", maps.shape, "to", pooled.shape)
print(f"numbers: {maps.size:,} to {pooled.size:,}")
print("parameters:", maximum.count_params())
order = rng.permutation(64)
claim(
    "shuffle the channels and pool, or pool and shuffle: the same",
    np.array_equal(to_numpy(maximum(maps[..., order])), pooled[..., order]),
)

# %% [markdown]
# Without parameters there is nothing to learn, so pooling cannot overfit. What it saves is not in its own layer but in the next one, as we shall count below.
#
# On an odd side the last row and column are thrown away silently, as with any stride:

# %%
for side in (30, 13, 11):
    spot = np.zeros((1, side, side, 1), "float32")
    spot[0, -1, -1, 0] = 1  # the last pixel
    valid = to_numpy(maximum(spot))
    same = to_numpy(layers.MaxPooling2D(padding="same")(spot))
    print(f"{side}: valid {valid.shape[1]}, same {same.shape[1]}; the last pixel is ", end="")
    print("seen by", "both" if valid.max() else "same only")

# %% [markdown]
# What does `same` put into the windows that hang over the border? In the last chapter it was zeros. **Predict** for pooling: a map that is −1 everywhere, 3×3, pooled with `same`. Do zeros win the maximum? Do they spoil the mean?

# %%
minus = -np.ones((1, 3, 3, 1), "float32")
for layer in (layers.MaxPooling2D, layers.AveragePooling2D):
    print(f"{layer.__name__}:", to_numpy(layer(2, padding="same")(minus)).ravel())

# %% [markdown]
# Neither. Pooling leaves out what is not there: a mean at the border divides by the number of *real* pixels. In a convolution, zeros at the border leave a trace; in pooling they do not.
#
# ## Is pooling a convolution?
#
# Both operations slide a window and make one number of it. **Question:** which kinds of pooling are just convolutions with a special kernel?

# %%
quiz("03", "which-are-convolutions")

# %% [markdown]
# The mean of four numbers is $\tfrac14 a + \tfrac14 b + \tfrac14 c + \tfrac14 d$: a sum of products, with the same weights everywhere. So the kernel is full of quarters, and the stride is 2. *Each channel on its own* is a **depthwise** convolution: one flat kernel for each channel. As an ordinary convolution, it is a kernel that is zero wherever the channel of the input is not that of the output:

# %%
depthwise = layers.DepthwiseConv2D(2, strides=2, use_bias=False)
ordinary = layers.Conv2D(filters=64, kernel_size=2, strides=2, use_bias=False)
for layer in (depthwise, ordinary):
    layer.build(maps.shape)
depthwise.set_weights([np.full((2, 2, 64, 1), 1 / 4)])
ordinary.set_weights([np.tile(np.eye(64) / 4, (2, 2, 1, 1))])

for layer in (depthwise, ordinary):
    assert_allclose(to_numpy(layer(maps)), to_numpy(average(maps)), atol=1e-6)
    zeros = sum((w == 0).sum() for w in layer.get_weights())
    print(f"{type(layer).__name__:15} {layer.count_params():6,} weights, {zeros:6,} of them 0")
print("both give what AveragePooling2D gives")

# %% [markdown]
# ## A proof for the maximum
#
# Every convolution without a bias is *linear*: the answer to a sum is the sum of the answers. **Predict** both sums for two images, with one bright pixel each: for the mean, and for the maximum.

# %%
a = np.array([[1, 0], [0, 0]])
b = np.array([[0, 0], [0, 1]])
for name, keep in [("average", np.mean), ("max", np.max)]:
    print(f"{name:8}f(a) + f(b) = {keep(a) + keep(b):g}, f(a + b) = {keep(a + b):g}")

# %% [markdown]
# The mean passes, the maximum fails: two bright pixels in one window count once. So **no kernel can do it**, and the proof is short. Suppose that there were four weights. On an image with a single 1 the convolution gives the weight under that 1, and the maximum is 1. So all four weights are 1. But then four ones would give 4, and their maximum is 1. A bias does not help: it has to be 0, since the maximum of four zeros is 0.
#
# How near can a kernel come? Let least squares find the best four weights and a bias for the maximum of four random numbers. **Guess** the weights first.

# %%
windows = rng.normal(size=(200_000, 4))
design = np.column_stack([windows, np.ones(len(windows))])
target = windows.max(axis=1)
best = np.linalg.lstsq(design, target, rcond=None)[0]
explained = 1 - (target - design @ best).var() / target.var()
print("the best weights ≈", np.round(best[:4], 2))
print(f"share of the maximum's variance that they explain ≈ {explained:.0%}")
claim("they are quarters, within 0.01", abs(best[:4] - 1 / 4).max() < 0.01)
claim("they explain about half", 0.45 < explained < 0.55)

# %% [markdown]
# For independent random numbers, the best linear stand-in for max pooling is *average pooling* plus a constant, and it explains only half. (In maps of images, neighbours are alike, and it explains more.) There is a reason for the quarters: when one number grows by a little, the maximum grows with it if that number is the largest, which happens a quarter of the time.
#
# So a convolution alone cannot take a maximum. And now the surprise: a convolution with a **ReLU** can. **Think:** how do you write $\max(a, b)$ with a ReLU and sums?
#
# $$\max(a, b) = a + \mathrm{relu}(b - a)$$


# %%
def relu(a):
    return np.maximum(a, 0)


def max_by_relu(window):
    """The largest of four numbers: twice a layer of differences and a ReLU."""
    a, b, c, d = window
    left, right = a + relu(b - a), c + relu(d - c)
    return left + relu(right - left)


assert_allclose([max_by_relu(w) for w in windows[:1000]], target[:1000])
print("1,000 maxima out of sums and ReLUs, all right")

# %% [markdown]
# So a network could *learn* max pooling from convolutions, if that served it. With pooling we save it the trouble.
#
# Max pooling also gets on well with ReLU itself:

# %%
quiz("03", "relu-order")

# %%
for name, layer in [("max", maximum), ("average", average)]:
    relu_first = to_numpy(layer(relu(maps)))
    pool_first = relu(to_numpy(layer(maps)))
    print(f"{name:8}ReLU first or pooling first, equal: {np.array_equal(relu_first, pool_first)}")

# %% [markdown]
# ## The way back
#
# Pooling has no weights to train, but the gradient must pass through it to the layers below. Ask, as always, each number *where it was used*. In average pooling, each of the four has a share of ¼ in one output, so it gets ¼ of that output's gradient. In max pooling, the largest number *is* the output. Move it, and the output moves just as much; move another one a little, and nothing happens. **So the largest takes the whole gradient, and the others get nothing.**


# %%
def pool_backward(x, g, size=2, strides=2):
    """Gradient of max pooling's input, from the gradient g of its output."""
    dx = np.zeros(x.shape)
    for r, c in np.ndindex(g.shape):
        top, left = r * strides, c * strides
        window = x[top : top + size, left : left + size]
        i, j = np.unravel_index(window.argmax(), window.shape)
        dx[top + i, left + j] += g[r, c]
    return dx


g = np.array([[10, 20], [30, 40]])
print(pool_backward(second, g).astype(int))

# %% [markdown]
# Four gradients went to the four largest numbers: max pooling *routes*. Twelve of sixteen numbers learn nothing from this image. The next image will choose others.
#
# The `+=` matters where windows overlap. Predict:

# %%
quiz("03", "routing")

# %%
print("max pooling, 3×3, stride 1:")
print(pool(second, 3, 1).astype(int))
print("its gradient, where each output has 1:")
print(pool_backward(second, np.ones((2, 2)), 3, 1).astype(int))

# %% [markdown]
# Check it against Keras. A layer whose weights *are* the image, then the pooling, then a loss that adds up the outputs: one step of plain gradient descent with learning rate 1 subtracts the gradient from the weights, so we can read it off.


# %%
class Image(layers.Layer):
    """A layer that returns its weights: an image that can be trained."""

    def build(self, shape):
        self.image = self.add_weight(shape=shape[1:], initializer="zeros")

    def call(self, like):
        return keras.ops.zeros_like(like) + self.image


def gradient(pooling, image):
    """Gradient of the sum of the pooled image, read off one SGD step."""
    start = image[None, :, :, None].astype("float32")
    shown = Image()
    model = keras.Sequential([keras.Input(start.shape[1:]), shown, pooling, layers.Flatten()])
    shown.set_weights([start[0]])
    model.compile(
        keras.optimizers.SGD(1.0),
        loss=lambda _, y: keras.ops.sum(y, axis=-1),
        run_eagerly=True,  # one step is not worth compiling
    )
    model.train_on_batch(start, np.zeros(1))
    return (start[0] - shown.get_weights()[0])[:, :, 0]


# %%
for size, strides in [(2, 2), (3, 1)]:
    keras_max = gradient(layers.MaxPooling2D(size, strides), second)
    ours = pool_backward(second, np.ones(pool(second, size, strides).shape), size, strides)
    claim(f"max pooling {size}×{size}: Keras agrees", np.allclose(keras_max, ours))
keras_average = gradient(layers.AveragePooling2D(2), second)
claim("average pooling: each number gets ¼", np.allclose(keras_average, 1 / 4))

# %% [markdown]
# There is one case that we have stepped over. What if the largest number of a window occurs more than once?

# %%
quiz("03", "ties")

# %%
tied = np.full((2, 2), 3.0)
by_max = gradient(layers.MaxPooling2D(), tied)
by_global = gradient(layers.GlobalMaxPooling2D(), tied)
print("MaxPooling2D ≈", by_max.ravel() + 0.0)
print("GlobalMaxPooling2D ≈", by_global.ravel() + 0.0)
claim("the first gives all to one of four", sorted(np.round(by_max.ravel(), 3)) == [0, 0, 0, 1])
claim("the second gives a quarter to each", np.allclose(by_global, 1 / 4))

# %% [markdown]
# Two layers of one library, the same maximum of the same four numbers, two gradients. Neither is wrong: at a tie the maximum has a kink, and no derivative. In both cases the shares add up to 1. A numerical check is no judge here, either. **Predict** what central differences say at a tie, added up over the four:

# %%
epsilon = 1e-3
slopes = []
for k in range(4):
    step = epsilon * np.eye(4)[k].reshape(2, 2)
    slopes.append((np.max(tied + step) - np.max(tied - step)) / (2 * epsilon))
print("central differences:", np.round(slopes, 3), "sum", round(sum(slopes), 3))

# %% [markdown]
# Up, the maximum follows; down, the three others hold it. Half and none: ½ for each of four, 2 in all. Neither of the two layers returns that. So keep ties out of a gradient check.
#
# ## Does it survive a shift?
#
# Pooling is often praised for one thing: it makes a network *invariant to small shifts*. Let us not believe it before we have tried.

# %%
quiz("03", "shift-one")

# %% [markdown]
# A single bright pixel in a row of eight, moved one step at a time:

# %%
before = None
for place in range(8):
    row = np.zeros((1, 8))
    row[0, place] = 1
    after = row.reshape(4, 2).max(axis=1).astype(int)
    note = "" if before is None else ("  as before" if (after == before).all() else "  changed")
    print(f"{row.astype(int)[0]} pooled {after}{note}")
    before = after

# %% [markdown]
# Every second step changes nothing, every other step moves the result by one. Invariant *inside a window*, and not across its border. That is the good case. Now a pattern that repeats:

# %%
quiz("03", "signal")


# %%
def pairs(row):
    """Max pooling of a row: windows of 2, stride 2."""
    return row.reshape(-1, 2).max(axis=1)


def blurred_pairs(row):
    """The maximum at every place, then a blur [1, 2, 1]/4, then every second value."""
    dense = np.maximum(row, np.roll(row, -1))
    blurred = (np.roll(dense, 1) + 2 * dense + np.roll(dense, -1)) / 4
    return blurred[::2]


signal = np.array([0, 0, 1, 1, 0, 0, 1, 1])
moved = np.roll(signal, -1)
for row in (signal, moved):
    print(f"{row} max pooling {pairs(row)}, blurred {blurred_pairs(row)}")

# %% [markdown]
# Moved by one pixel, the pattern is gone: `0 1 0 1` has become `1 1 1 1`. This is **aliasing**, known to everybody who has sampled a sound: to keep every second value of something that changes fast gives nonsense. The example, and the remedy, are from {cite:t}`zhang2019`: take the maximum at *every* place, blur, and only then keep every second value. Where max pooling jumps by 1 or not at all, the blurred values move by ¼.
#
# How bad is it on real digits? We measure how far an image's features move when it is shifted, and divide by how far apart the features of two *different* digits are. 0 means that the shift goes unnoticed; 1 means that the shifted digit is as strange as another digit. **Predict** the curves for raw pixels, for the maps of a convolution, for the same maps after max pooling, and after a mean over each whole map.

# %%
digits = data.load("mnist", train=3000, test=1000)
some = digits.x_test[:200]
keras.utils.set_random_seed(0)
sixteen = layers.Conv2D(filters=16, kernel_size=3, padding="same", activation="relu")
FEATURES = {
    "raw pixels": lambda x: x,
    "convolution": sixteen,
    "and 2×2 max pooling": lambda x: maximum(sixteen(x)),
    "and global average pooling": lambda x: layers.GlobalAveragePooling2D()(sixteen(x)),
}


def distance(a, b):
    """Mean distance between rows of numbers."""
    return np.linalg.norm((a - b).reshape(len(a), -1), axis=1).mean()


def strangeness(features, shift):
    """How far a shift moves the features, against how far apart two digits are."""
    here, there = to_numpy(features(some)), to_numpy(features(np.roll(some, shift, axis=2)))
    return distance(here, there) / distance(here, np.roll(here, 1, axis=0))


# %% mystnb={"image": {"alt": "Four lines over a shift of 1 to 4 pixels. Raw pixels, convolution and max pooling rise close together from about a half to about one. Global average pooling stays at zero."}}
moves = {name: [strangeness(f, s) for s in (1, 2, 3, 4)] for name, f in FEATURES.items()}
figures.curves(moves, xlabel="shift (pixels)", ylabel="change, as a share of another digit")
for name, values in moves.items():
    print(f"{name} ≈", *(f"{v:.2f}" for v in values))
raw, maps_moved, max_moved, mean_moved = moves.values()
claim("pooling takes off less than a third of the change", max_moved[0] > 0.67 * maps_moved[0])
claim("after 3 pixels, pooled maps are nearly as strange as another digit", max_moved[2] > 0.75)
claim("global averages hardly move", max(mean_moved) < 0.1)

# %% [markdown]
# One pooling changes little. After a shift by three pixels, even pooled maps look nearly as if another digit were there. What *is* indifferent to shifts is the mean over the whole map: when the map moves, its mean stays. (It changes a little where a digit comes near the border.)
#
# So say it more carefully: pooling forgives moves inside its windows, and no others. *Global* pooling, whose window is the whole map, forgives nearly all moves *of its map*, at the price of not knowing where anything is. But the map must move as a whole. After three poolings with stride 2, only shifts by multiples of 8 pixels do that. Other shifts change the map itself, and global pooling cannot mend it. In the lab you can measure what that costs.
#
# Window, shift and gradient in one place. **Predict**: the input moves right by 1. How many of the four outputs change, and how many of the sixteen inputs? What if it moves by 2? The explorer counts. Then ask for the average, and see where the gradient goes.

# %%
pooling()

# %% [markdown]
# ## Two relatives
#
# **A stride instead of pooling.** A convolution with stride 2 halves the map just as well. Springenberg and colleagues replaced all pooling by such layers, and lost nothing on CIFAR-10 {cite}`springenberg2014`. What does it cost?

# %%
quiz("03", "strided-cost")

# %%
strided = layers.Conv2D(filters=64, kernel_size=3, strides=2, padding="valid")
strided.build(maps.shape)
every = layers.Conv2D(filters=64, kernel_size=3, padding="valid")
every.build(maps.shape)
every.set_weights(strided.get_weights())
thinned = to_numpy(every(maps))[:, ::2, ::2]
print(f"strided convolution: {strided.count_params():,} parameters; pooling: 0")
claim(
    "a strided convolution computes all places and keeps every second one",
    np.allclose(to_numpy(strided(maps)), thinned, atol=1e-4),
)

# %% [markdown]
# Seen so, a strided convolution is *also* a pooling: of each window of its maps it keeps the top left number, whatever it is. (It does not compute the others, so it is four times cheaper than convolution and pooling.) It makes up for the crude choice with filters that learn what to put there.
#
# **Global average pooling.** A network must come from maps to classes somehow. `Flatten` gives each number of each map a weight of its own. Or take the mean of each map {cite}`lin2013`:

# %%
quiz("03", "global-average")

# %%
for head in (layers.Flatten(), layers.GlobalAveragePooling2D()):
    model = keras.Sequential([keras.Input((8, 8, 64)), head, layers.Dense(10)])
    print(f"{type(head).__name__:23}{model.count_params():7,} parameters")

classify = model.layers[-1]
features = rng.normal(size=(1, 8, 8, 64)).astype("float32")
map_of_scores = to_numpy(classify(features))  # Dense works on the last axis: on each pixel
print("scores at each place:", map_of_scores.shape)
claim(
    "the scores of the mean are the mean of the scores",
    np.allclose(to_numpy(model(features)), map_of_scores.mean(axis=(1, 2)), atol=1e-5),
)

# %% [markdown]
# 63 times fewer parameters, for maps of any size. And since a mean and a dense layer are both linear, they can be swapped: the network has an opinion *at each place*, and averages them. So it can be asked which places spoke for *cat*.
#
# ## First network: does a convolution help?
#
# Now whole networks. The first task is MNIST, 28×28 grey digits. The simplest classifier is a softmax on the raw pixels. The challenger puts one layer of 64 filters before it.


# %%
def mnist_network(*hidden):
    """Layers between a 28×28 image and ten classes."""
    output = layers.Dense(10, activation="softmax")
    return keras.Sequential([keras.Input((28, 28, 1)), *hidden, layers.Flatten(), output])


def conv(filters, padding="valid"):
    return layers.Conv2D(filters, kernel_size=3, activation="relu", padding=padding)


print(f"softmax on raw pixels: {mnist_network().count_params():,} parameters")
print(f"64 filters, softmax:   {mnist_network(conv(64)).count_params():,} parameters")
print(f"by hand: {784 * 10 + 10:,} and {64 * (3 * 3 + 1) + 26 * 26 * 64 * 10 + 10:,}")

# %% [markdown]
# The convolution itself has 640 of those 433,290. **Predict:** how many points of accuracy does it bring? We train on 3,000 digits, so that it takes seconds; the results on more data come below.


# %%
def train(model, images, epochs, seed=0):
    """Train with Adam; return the accuracies in training and on the test images."""
    keras.utils.set_random_seed(seed)  # the order of the images; weights were drawn before
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        *(images.x_train, images.y_train),
        **{"batch_size": 64, "epochs": epochs, "verbose": progress()},
    )
    test = model.evaluate(images.x_test, images.y_test, verbose=0)[1]
    return history.history["accuracy"][-1], test


# %%
keras.utils.set_random_seed(0)
softmax, with_conv = mnist_network(), mnist_network(conv(64))
start = softmax.get_weights()[0]  # the weights before training
_, softmax_test = train(softmax, digits, epochs=4)
_, conv_test = train(with_conv, digits, epochs=4)
print(f"softmax on raw pixels ≈ {softmax_test:.1%}")
print(f"64 filters, softmax ≈ {conv_test:.1%}")
claim("the convolution brings 3 points and more", conv_test > softmax_test + 0.03)

# %% [markdown]
# The softmax on raw pixels has one weight for each pixel and class, so we can look at all it knows:

# %% mystnb={"image": {"alt": "Ten images of 28 by 28 weights, one for each digit: red where ink speaks for the digit, blue where it speaks against it. Broad shapes show in the middle, among noise; the border is noise alone."}}
weights = softmax.get_weights()[0]
weight_images = weights.T.reshape(10, 28, 28)
bound = abs(weight_images).max()
figures.images(weight_images, list("0123456789"), columns=5, limits=(-bound, bound), cmap="seismic")
claim("ink in the very middle speaks against a 0", weight_images[0, 12:16, 12:16].mean() < 0)

# %% [markdown]
# For the 0, ink in the middle counts against it, and ink on the ring counts for it. **But what is the noise at the border?** Think of the gradient of a weight: *error times the input it met*.

# %%
never = (digits.x_train == 0).all(axis=0).ravel()  # pixels without ink in all training images
print(f"pixels that are never lit ≈ {never.sum()} of 784")
claim("there are more than 50 of them", never.sum() > 50)
claim(
    "their weights are exactly what they were before training",
    np.array_equal(weights[never], start[never]),
)

# %% [markdown]
# Where the input was always 0, the gradient was always 0: the noise is that of the first moment. It does no harm until one day an image has ink there. Then random numbers have their say.
#
# A convolution has no such weights: its 3×3 weights meet ink in every image. But the softmax *behind* it still has one weight for each place. So **predict:** how does each network do on test digits that are shifted, by up to four pixels?


# %% mystnb={"image": {"alt": "Accuracy on shifted digits against the shift, from 0 to 4 pixels: both networks fall steeply, the one with a convolution from a higher start."}}
def shifted_accuracy(model, by):
    """Accuracy on the test digits, moved left and right by some pixels."""
    found = []
    for shift in {by, -by}:
        answers = model.predict(np.roll(digits.x_test, shift, axis=2), verbose=0)
        found.append((answers.argmax(axis=1) == digits.y_test).mean())
    return np.mean(found)


falls = {}
for name, model in [("softmax", softmax), ("64 filters, softmax", with_conv)]:
    falls[name] = [shifted_accuracy(model, by) for by in range(5)]
    plt.plot(range(5), falls[name], "o-", label=name)
    print(f"{name}, shifted by 0 to 4 pixels ≈", *(f"{a:.0%}" for a in falls[name]))
plt.gcf().set_size_inches(6, 3.2)
plt.gca().set(xlabel="shift (pixels)", ylabel="test accuracy", xticks=range(5), ylim=(0, 1))
plt.legend(frameon=False)
plt.show()
for name, (centred, *_, by_four) in falls.items():
    claim(f"{name}: a shift by 4 pixels costs half of the accuracy", by_four < centred / 2)

# %% [markdown]
# Both fall together. The maps move with the digit, as a convolution's should; but then `Flatten` asks *which place* a number comes from, and each place has a weight of its own. **A network that ends in `Flatten` knows places, whatever comes before.** It learned digits in the middle, and knows them in the middle.
#
# ## Second network: where the weights are
#
# CIFAR-10 has small colour photographs, 32×32×3, of ten classes {cite}`krizhevsky2009`. The next network adds a hidden layer of only 32 units: `Conv2D(64, 3)` → `Flatten` → `Dense(32)` → `Dense(10)`. **Count** its dense layer:

# %%
quiz("03", "dense32")


# %%
def cifar_network(*hidden):
    """Layers between a 32×32×3 image and ten classes."""
    output = layers.Dense(10, activation="softmax")
    return keras.Sequential([keras.Input((32, 32, 3)), *hidden, output])


def flat(filters=64):
    dense = layers.Dense(32, activation="relu")
    return cifar_network(conv(filters), layers.Flatten(), dense)


def show_parameters(model):
    """Each layer with weights: what comes out of it, its parameters, and their share."""
    for layer in model.layers:
        if layer.count_params():
            share = layer.count_params() / model.count_params()
            shape = "×".join(map(str, layer.output.shape[1:]))
            print(f"{type(layer).__name__:8}{shape:10}{layer.count_params():10,} {share:8.2%}")
    print(f"{'sum':18}{model.count_params():10,}")


show_parameters(flat())

# %% [markdown]
# Almost two million parameters, and 99.89 % of them sit between the maps and a mere 32 units. What we call a convolutional network is, by weight, a dense layer with a small convolution in front.
#
# ## Third network: pooling
#
# Put one max pooling between convolution and `Flatten`. Count again:

# %%
quiz("03", "dense32-pooled")


# %%
def pooled_network(filters=64):
    dense = layers.Dense(32, activation="relu")
    return cifar_network(conv(filters), layers.MaxPooling2D(), layers.Flatten(), dense)


show_parameters(pooled_network())
print(f"share of the weights that are left: {462_954 / 1_845_354:.1%}")

# %% [markdown]
# A quarter of the weights. Does accuracy pay for that? **Predict,** then wait for the measurement: first one more network.
#
# ## Fourth network: deeper
#
# The usual recipe goes on: convolution and pooling, again convolution and pooling, then dense. With `padding="same"`, only the pooling makes maps smaller. The hidden layer now has 128 units instead of 32.

# %%
quiz("03", "deeper-dense")


# %%
def deep(filters=64):
    return cifar_network(
        *[conv(filters, "same"), layers.MaxPooling2D()],
        *[conv(filters, "same"), layers.MaxPooling2D()],
        *[layers.Flatten(), layers.Dense(128, activation="relu")],
    )


show_parameters(deep())

# %% [markdown]
# Twice the convolutions, four times the units, and still less than a third of the second network's weights.
#
# ## The race
#
# Now train all three. To stay within a minute, we halve the filters to 32, and take 5,000 of the 50,000 photographs. **Write down your order** before you run this.

# %%
photos = data.load("cifar10", train=5000, test=2000)
networks, accuracies = {}, {}
for name, build in [("flat", flat), ("pooled", pooled_network), ("deep", deep)]:
    keras.utils.set_random_seed(0)
    networks[name] = build(filters=32)
    accuracies[name] = train(networks[name], photos, epochs=5)

# %%
for name, (seen, unseen) in accuracies.items():
    count = networks[name].count_params()
    print(f"{name:7} {count:8,} parameters; in training and on test ≈ {seen:.1%} {unseen:.1%}")
tests = {name: test for name, (_, test) in accuracies.items()}
others = max(tests["flat"], tests["pooled"])
claim("deep beats both of the others by a point and more", tests["deep"] > others + 0.01)

# %% [markdown]
# The deep network wins, with less than a third of the flat one's weights. Between flat and pooled, trust no single run: with other seeds we saw the one ahead, and the other.
#
# One reason is hidden in the very first step of training: with an unlucky seed, the flat network (and now and then the pooled one) hardly learns at all. **Think:** each of its hidden units adds up 28,800 numbers, none of them negative, after the ReLU. Adam's first step moves each weight by about the learning rate, 0.001, up or down. Where all the weights of a unit move the same way, what becomes of its sum?


# %%
def hidden_sums(model):
    """What the hidden units add up, before their ReLU, for 200 photographs."""
    below = keras.Model(model.inputs[0], model.layers[-3].output)
    weights, biases = model.layers[-2].get_weights()
    return to_numpy(below(photos.x_train[:200])) @ weights + biases


moved = {}
for name, build in [("flat", flat), ("pooled", pooled_network), ("deep", deep)]:
    keras.utils.set_random_seed(0)
    model = build(filters=32)
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    start = hidden_sums(model)
    model.train_on_batch(photos.x_train[:64], photos.y_train[:64])  # one step
    moved[name] = abs(hidden_sums(model) - start).mean() / abs(start).mean()
    print(f"{name}: one step moves a hidden sum, as a multiple of its size ≈ {moved[name]:.1f}")
claim("flat: by over 5 times its size", moved["flat"] > 5)
claim("deep: by less than twice its size", moved["deep"] < 2)

# %% [markdown]
# One step of a thousandth, and the sums of the flat network are thrown to many times their size. A unit that is thrown far below zero for every image is dead: its ReLU gives 0, and no gradient comes back. If all 32 die, so does the network. The fewer numbers a unit adds up, the calmer its start. It is one more reason to pool before `Flatten`, and to pool twice.
#
# Is it the *depth* that wins, though? The deep network also pools twice, and has 128 hidden units in place of 32: several changes at once. And one training of each, on a tenth of the photographs, is no measurement. Does pooling keep the accuracy? For that we need more.
#
# ## With more data
#
# This takes an hour and more, so it was done once, by a command that you can run, too. It writes a file, and we read it:

# %%
report = data.results("networks")
print("command:", report["command"])
print("device: ", report["device"], "on", report["date"])
print("versions:", ", ".join(f"{name} {version}" for name, version in report["versions"].items()))
SLIDES = {  # network: accuracies in training and on test, as on the slides of this course
    "softmax": ("0.93", "0.93"),
    "conv64": ("1.00", "0.98"),
    "conv64-pool-dense32": ("0.78", "0.65"),
    "two-blocks": ("–", "0.70"),
}
groups = {}  # data set and epochs: network: its trainings
for row in report["rows"]:
    setting = f"{row['data']}: {row['train']:,} training and {row['test']:,} test images"
    group = groups.setdefault(f"{setting}, {row['epochs']} epochs", {})
    group.setdefault(row["network"], []).append(row)


# %%
def mean_and_range(values):
    return f"{np.mean(values):.3f} {min(values):.3f}–{max(values):.3f}"


whole = {}
for setting, trainings in groups.items():
    print(f"\n{setting}")
    print(f"{'network':20}seeds {'train':18} {'slides':7}{'test':18} slides")
    for network, rows in trainings.items():
        trains = [row["train_accuracy"] for row in rows]
        tests = whole[network] = [row["test_accuracy"][-1] for row in rows]
        slide_train, slide_test = SLIDES.get(network, ("–", "–"))
        print(f"{network:20}{len(rows):3}   {mean_and_range(trains):18} {slide_train:7}", end="")
        print(f"{mean_and_range(tests):18} {slide_test}")

# %% [markdown]
# Each line gives the mean over the seeds, and the range from the worst to the best. We take the accuracy after the *last* epoch. To pick the best epoch by its test accuracy would be to learn from the test.
#
# Look at the number of images before you compare with the slides. They trained on all 60,000 of MNIST; at hand here were only those that the table states (and the copy of CIFAR-10 had been saved as JPEG once, which loses a little). With fewer images, expect less on test. A network that is not in the table could not be measured here.

# %%
by = min(whole["conv64"]) - max(whole["softmax"])
claim("MNIST: the convolution wins by 4 points, for all seeds", by > 0.04)
flats, pools = whole["conv64-dense32"], whole["conv64-pool-dense32"]
claim("CIFAR-10: pooled beats flat, for all seeds", min(pools) > max(flats))
ahead = np.mean(whole["two-blocks"]) - np.mean(pools)
claim("CIFAR-10: deep beats pooled by a point and more on average", ahead > 0.01)

# %% [markdown]
# With ten times the photographs, pooling wins clearly over the flat network: a quarter of the weights does not merely *keep* the accuracy. And depth helps on top of that. (*deep* is the slides' network, with its 128 hidden units. To credit the depth alone, one would change one thing at a time.)
#
# **Predict:** would more epochs help?

# %% mystnb={"image": {"alt": "Test accuracy on CIFAR-10 by epoch, on all 50,000 training images: the flat network is lowest, the pooled one higher, the deep one highest. All rise steeply at first, then slowly or not at all."}}
CIFAR = {"conv64-dense32": "flat", "conv64-pool-dense32": "pooled", "two-blocks": "deep"}
lines, gaps = {}, {}
for network, name in CIFAR.items():
    rows = [row for row in report["rows"] if row["network"] == network]
    lines[name] = np.mean([row["test_accuracy"] for row in rows], axis=0)
    gaps[name] = np.mean([row["train_accuracy"] for row in rows]) - lines[name][-1]
figures.curves(lines, xlabel="epoch", ylabel="test accuracy, mean of the seeds")

# %%
for name, line in lines.items():
    late, early = line[-1] - line[len(line) // 2 - 1], line[len(line) // 2 - 1] - line[0]
    print(f"{name:7} first half {early:+.3f}, second half {late:+.3f}; ", end="")
    print(f"training is ahead of test by {gaps[name]:.3f}")
    claim(f"{name}: the first half brings over twice as much", early > 2 * late)
claim(
    "the pooled network learns less by heart than the flat one",
    gaps["pooled"] < gaps["flat"] - 0.01,
)

# %% [markdown]
# Less and less. What they go on learning is their training images: the accuracy there runs ahead of the accuracy on new ones, and less so for the pooled network than for the flat one. More epochs are no remedy for that; more data, augmentation and dropout are, and later chapters come to them.
#
# ## Looking inside: what it confuses
#
# An accuracy is one number. The **confusion matrix** says where the errors are: row by row the true class, column by column the prediction. First:

# %%
quiz("03", "confusion-row")

# %% [markdown]
# Now the matrix of our deep network. **Guess** before you look: which two of the ten classes does it confuse most?

# %% mystnb={"image": {"alt": "A 10 by 10 table of counts, true class against predicted class. The diagonal is dark; outside it, some pairs of classes are confused often and most are confused rarely."}}
probabilities = networks["deep"].predict(photos.x_test, verbose=0)
predicted = probabilities.argmax(axis=1)
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (photos.y_test, predicted), 1)

names = photos.class_names
figure, axis = plt.subplots(figsize=(5.6, 4.9))
axis.imshow(confusion, cmap="Blues", vmax=1.6 * confusion.max())
for (row, column), count in np.ndenumerate(confusion):
    axis.text(column, row, count, ha="center", va="center", fontsize=8)
axis.set(xlabel="predicted class", ylabel="true class", yticks=range(10), yticklabels=names)
axis.set_xticks(range(10), names, rotation=45, ha="right")
plt.show()

# %%
assert_allclose(confusion.sum(axis=1), np.bincount(photos.y_test))
errors = confusion - np.diag(confusion.diagonal())
true, wrong = np.unravel_index(errors.argmax(), errors.shape)
found = confusion.diagonal() / confusion.sum(axis=1)
print(f"most common error ≈ {names[true]} taken for {names[wrong]}")
print(f"easiest and hardest class ≈ {names[found.argmax()]}, {names[found.argmin()]}")
claim("the worst pair has over 3 times the mean of all", errors.max() > 3 * errors.sum() / 90)
claim("classes differ by over 15 points", found.max() - found.min() > 0.15)

# %% [markdown]
# The mistakes are not spread evenly. They gather where classes look alike, and the accuracy of a class can be far from the accuracy of the whole. Reading down a column tells another story: a class that the network *says* too often.
#
# ## Looking inside: the most confident mistakes
#
# For each photograph the softmax gives ten numbers that add up to 1, and we take the largest as the network's confidence. **Predict:** of the test images that it is over 90 % sure of, are any wrong?

# %% mystnb={"image": {"alt": "Eight photographs that the network took for another class with the highest confidence, each titled with its true class and with the prediction."}}
confidence = probabilities.max(axis=1)
mistakes = np.flatnonzero(predicted != photos.y_test)
worst = mistakes[np.argsort(-confidence[mistakes])[:8]]
titles = [f"{names[photos.y_test[i]]}:\n{names[predicted[i]]}?" for i in worst]
figures.images(photos.x_test[worst], titles, columns=4)

# %%
accuracy = (predicted == photos.y_test).mean()
rate_of_sure = (predicted != photos.y_test)[confidence > 0.9].mean()
print(f"confidence in these eight, at least ≈ {confidence[worst].min():.0%}")
print(f"mean confidence and accuracy ≈ {confidence.mean():.1%} {accuracy:.1%}")
print(f"wrong where it is over 90 % sure ≈ {rate_of_sure:.0%}")
claim("all eight are mistakes with over 70 % confidence", confidence[worst].min() > 0.7)
claim("of its surest answers, more than 2 in 100 are wrong", rate_of_sure > 0.02)

# %% [markdown]
# In these eight the network is sure of itself, and wrong. On the whole it may still be nearly honest: of the answers over 90 %, up to one in ten *may* be wrong. Softmax outputs add up to 1, as probabilities do. Whether they are *true* probabilities must be measured, on new images, as here. Always look at these images. Some errors you will understand at once, some images are hard for you, too, and some may be labelled wrongly: even much-used test sets have such labels {cite}`northcutt2021`.
#
# ## Looking inside: feature maps through all layers
#
# Last, follow one photograph through the deep network. A model that returns the output of *every* layer takes two lines:

# %%
model = networks["deep"]
inside = keras.Model(model.inputs[0], [layer.output for layer in model.layers])
photo = photos.x_test[:1]
outputs = [to_numpy(output)[0] for output in inside(photo)]
for layer, output in zip(model.layers, outputs, strict=True):
    print(
        f"{type(layer).__name__:13} {'×'.join(map(str, output.shape)):9} {output.size:6,} numbers"
    )

# %% [markdown]
# After the first convolution there are ten times as many numbers as in the photograph with its 3,072; from there on never more, and in the end ten. Here are the six strongest maps of each convolution, each above its pooled version:

# %% mystnb={"image": {"alt": "Four rows of six feature maps of one photograph: after the first convolution the object is plain to see; after its pooling the same at half the size; after the second convolution it is hard to make out, and after its pooling only coarse blocks are left."}}
maps, titles = [], []
for number in (0, 2):  # the two convolutions; each is followed by its pooling
    strongest = np.argsort(-outputs[number].mean(axis=(0, 1)))[:6]
    for kind, place in [("conv", number), ("pool", number + 1)]:
        maps += [outputs[place][:, :, f] for f in strongest]
        titles += [f"{kind} {number // 2 + 1}: {f}" for f in strongest]
figures.images(maps, titles, columns=6)

# %%
dark = [float((output == 0).mean()) for output in outputs[:4]]
print("share of zeros after each of the four ≈", *(f"{share:.0%}" for share in dark))
claim("each pooling leaves fewer zeros", dark[1] < dark[0] and dark[3] < dark[2])
print("prediction ≈", names[outputs[-1].argmax()], "for a", names[photos.y_test[0]])

# %% [markdown]
# The first maps still look like the photograph, redrawn by edge and colour. Pooling keeps the drawing and halves both sides of the paper. The second layer's maps are hard to read for us: each mixes 32 maps of the first. From layer to layer, *where* is given up for *what*.
#
# ## Watch one learn
#
# A small network does not need Python. This one trains in your browser, on scikit-learn's 1,797 handwritten digits of 8×8 pixels, and all that is inside it can be looked at while it learns. Nothing leaves the page. Its layers are Keras' own, and so are its optimizers: the tests compare its forward and backward pass with Keras.
#
# **Predict**, then run:
#
# 1. How many passes over the digits until nine in ten of the *validation* images are right? One, five, twenty?
# 2. The learning rate ten times as high, and a hundred times. At which does it break, and what do the activations look like then?
# 3. Train *Two convolutions* and press *Test once*. Then let it be examined on *other writers' images*, train again, and test again. Which falls, the validation accuracy or the test accuracy?
# 4. Draw a digit yourself. Then untick *Crop and scale it*, and draw it at the edge of the field. Where in the layers does it go wrong?

# %%
trainer()

# %% [markdown]
# The third question is about honesty. The digits come from thirteen writers, says scikit-learn's description of them, and images drawn at random put each writer on both sides of the split. The network has then seen the hands it is examined on. With other writers the test accuracy falls, by several points. The validation accuracy falls less, and with some seeds it even rises: it rests on two writers, the test on two others, and writers differ. So a single curve does not give it away.
#
# ## The recipe, and two networks more
#
# For a first network, the pattern has hardly changed since 1998 {cite}`lecun1998`: convolution and activation, now and then a pooling, and dense layers at the end. One step further: three blocks of *convolution, ReLU, convolution, ReLU, pooling*, with ten 3×3 filters in each convolution, then a dense layer and a softmax. **Count its layers, and guess its parameters.**

# %%
blocks = []
for _ in range(3):
    for _ in range(2):
        blocks += [layers.Conv2D(10, kernel_size=3, padding="same"), layers.ReLU()]
    blocks += [layers.MaxPooling2D()]
head = [layers.Flatten(), layers.Dense(10), layers.Softmax()]
slim = keras.Sequential([keras.Input((32, 32, 3)), *blocks, *head])
print("layers, without Flatten:", len(slim.layers) - 1)
print(f"parameters: {slim.count_params():,}")
print(f"by hand: {10 * (27 + 1)} + 5·{10 * (90 + 1)} + {4 * 4 * 10 * 10 + 10:,}", end=" = ")
print(f"{10 * 28 + 5 * 910 + 1610:,}")

# %% [markdown]
# 17 layers, and 6,440 parameters: less than the softmax on raw MNIST pixels. Depth costs few weights here, 910 for each further convolution. Wide maps into dense layers cost many.
#
# And how much of the photograph does *one* unit of its last map see? The rule for the [receptive field](02_convolution.ipynb) counts a pooling like any other window. **Predict**: is it more or less than the 32 pixels of a side?

# %%
field, jump = 1, 1
for layer in blocks:
    if isinstance(layer, layers.Conv2D):
        field += (3 - 1) * jump
    elif isinstance(layer, layers.MaxPooling2D):
        field, jump = field + (2 - 1) * jump, jump * 2
    print(f"{type(layer).__name__:13} sees {field:2} × {field:2} pixels")
print("six convolutions alone:", 1 + 6 * (3 - 1))

# %% [markdown]
# More than there are. The six convolutions alone would see 13 pixels. Each pooling doubles what every layer behind it adds.
#
# That is the field on paper. Build the network below, or another one, and look at how many *paths* lead from each pixel to the unit: **is the border of the field worth as much as its middle?**

# %%
receptive_field(network="course")

# %% [markdown]
# And a larger one, as it is used on Fashion-MNIST (28×28 grey images of clothes): maps get smaller and more numerous from block to block, and two dense layers with dropout follow. **Where are most of its weights** this time?

# %%
fashion = keras.Sequential(
    [
        *[keras.Input((28, 28, 1))],
        *[layers.Conv2D(64, 7, activation="relu", padding="same"), layers.MaxPooling2D()],
        *[conv(128, "same"), conv(128, "same"), layers.MaxPooling2D()],
        *[conv(256, "same"), conv(256, "same"), layers.MaxPooling2D(), layers.Flatten()],
        *[layers.Dense(128, activation="relu"), layers.Dropout(0.5)],
        *[layers.Dense(64, activation="relu"), layers.Dropout(0.5)],
        layers.Dense(10, activation="softmax"),
    ]
)
show_parameters(fashion)

# %% [markdown]
# 1,413,834 parameters, and again most of them are in convolutions: three poolings have brought the maps down to 3×3 before the dense layers see them. (28 → 14 → 7 → 3: the last pooling drops a row and a column.)
#
# ## Summary
#
# - Pooling makes one number of each window, for each channel on its own. It has no parameters. 2×2 with stride 2 leaves a quarter of the numbers; an odd side loses its last row and column.
# - Average pooling is a convolution with equal weights. Max pooling is not linear, so no kernel does it; a convolution with ReLU can.
# - Backward, average pooling shares the gradient out, and max pooling gives it all to the largest number. At a tie, layers differ.
# - A pooling forgives shifts *inside* its windows. It can alias. Global pooling is nearly indifferent to shifts of its map; the strides before it are not. `Flatten` gives each place its own weights again.
# - Where wide maps are flattened, most weights sit in the dense layer behind them. Pooling makes that layer small and its start calm, and accuracy does not suffer.
# - Convolution beats softmax on raw pixels; pooling keeps the accuracy with a quarter of the weights; depth helps; to be sure of it takes enough data and several seeds.
# - Look inside: a confusion matrix, the most confident mistakes, the feature maps. One accuracy hides all of that.
#
# ## Exercises
#
# The [lab of this chapter](../labs/03_pooling.ipynb) has you build it yourself. How the recipe grew from LeNet-5 to residual networks is the matter of [chapter 04](04_architectures.ipynb).
