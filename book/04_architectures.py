# %% [markdown]
# # 04 · Architectures
#
# Which needs more multiplications to look at one image: a network of 2014 with 16 layers, or one of 2015 with 152? Decide now, and write it down. In this chapter every famous network is built in a few lines, and counted.
#
# After this chapter you can
#
# - **tell** the story from the perceptron to the residual network, with its dates, its numbers and its errors;
# - **build** LeNet-5, AlexNet, VGG A–E, GoogLeNet and ResNet-18 to 152, each from one table;
# - **count** parameters, multiply-adds, memory and receptive field of any network without building it;
# - **find** a wiring mistake that no error message shows;
# - **explain** and measure why a deep plain network trains badly, and what a shortcut changes;
# - **show** which part of an image spoke for a class (Grad-CAM).
#
# Reading, running and answering take about three hours. The lab takes two hours more. You should know the chapters on [convolution](02_convolution.ipynb) and [pooling](03_pooling.ipynb).

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %%
import time

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
# ## Sixty years on one page
#
# Begin with a date. A lecture slide says that AlexNet, in 2012, was the "first use of ReLU". **Question:** was it?

# %%
quiz("04", "first-relu")

# %% [markdown]
# - **1957.** Frank Rosenblatt describes the *perceptron*, a unit that learns its weights from examples {cite}`rosenblatt1957,rosenblatt1958`. By 1960 it stands as a machine, the Mark I {cite}`hay1960`.
# - **1960.** Widrow and Hoff train *Adaline*, one linear unit, by descent on the squared error {cite}`widrow1960`. *Madaline* is many of them.
# - **1969.** Fukushima uses units that block negative sums and pass on positive ones {cite}`fukushima1969`. **1980.** His *neocognitron* shares weights over places {cite}`fukushima1980`.
# - **1986.** Rumelhart, Hinton and Williams show what *backpropagation* can learn {cite}`rumelhart1986`.
# - **1998.** *LeNet-5* reads digits {cite}`lecun1998`.
# - **2006.** Hinton and Salakhutdinov train *deep autoencoders*, layer after layer, then as a whole {cite}`hinton2006`.
# - **2012.** *AlexNet* wins the ImageNet challenge {cite}`krizhevsky2012`. **2014.** *VGG* {cite}`simonyan2014` and *GoogLeNet* {cite}`szegedy2015`. **2015.** *ResNet* {cite}`he2016`.

# %% mystnb={"image": {"alt": "A timeline from 1955 to 2021 with ten marks. Up to 2006 they lie 3 to 12 years apart; three of them lie between 2012 and 2015."}}
HISTORY = {
    1957: "perceptron",
    1960: "Adaline, Mark I",
    1969: "ReLU",
    1980: "neocognitron",
    1986: "backpropagation",
    1998: "LeNet-5",
    2006: "deep autoencoder",
    2012: "AlexNet",
    2014: "VGG, GoogLeNet",
    2015: "ResNet",
}
_, axis = plt.subplots(figsize=(figures.WIDTH, 2.8))
heights = [3, 2, 1, 2, 1, 1, 2, 1, 3, 2]
axis.vlines(list(HISTORY), 0, heights, color="0.7", linewidth=1)
axis.plot(list(HISTORY), np.zeros(len(HISTORY)), "o", color="C0")
for (year, name), height in zip(HISTORY.items(), heights, strict=True):
    side = "right" if year in (2006, 2012, 2014) else "left"
    axis.text(year, height, f"{name}\n{year}", ha=side, va="bottom", fontsize=9)
axis.set(xlabel="year", xlim=(1955, 2021), ylim=(-0.3, 4), yticks=[])
axis.spines[["left", "top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# The unit came to deep learning in 2010 {cite}`nair2010`, and AlexNet made it the standard.
#
# ### The equations of 1986
#
# A unit $j$ receives $x_j = \sum_i y_i w_{ji}$ and answers $y_j = 1/(1+e^{-x_j})$. The error is $E = \frac12\sum_j (y_j - d_j)^2$, with the wanted answers $d_j$. The paper's equations 4 to 7 go backwards, from the output to the weights and to the layer below {cite}`rumelhart1986`:
#
# $$
# \begin{aligned}
# \frac{∂E}{∂y_j} &= y_j - d_j & (4) \qquad
# \frac{∂E}{∂x_j} &= \frac{∂E}{∂y_j}\, y_j (1-y_j) & (5) \\
# \frac{∂E}{∂w_{ji}} &= \frac{∂E}{∂x_j}\, y_i & (6) \qquad
# \frac{∂E}{∂y_i} &= \sum_j \frac{∂E}{∂x_j}\, w_{ji} & (7)
# \end{aligned}
# $$
#
# Equation 7 gives a lower layer what equation 4 gives the top: then 5, 6 and 7 again. Here they are for three layers, checked by moving one weight a little:

# %%
rng = np.random.default_rng(0)
w1, w2 = rng.normal(size=(2, 4, 4))
start, wanted = rng.normal(size=4), np.array([0, 1, 1, 0])


def forward():
    y1 = 1 / (1 + np.exp(-(w1 @ start)))
    y2 = 1 / (1 + np.exp(-(w2 @ y1)))
    return y1, y2, ((y2 - wanted) ** 2).sum() / 2


y1, y2, _ = forward()
dx2 = (y2 - wanted) * y2 * (1 - y2)  # equations 4 and 5
dx1 = (w2.T @ dx2) * y1 * (1 - y1)  # equations 7 and 5
dw1 = np.outer(dx1, start)  # equation 6
w1[2, 3] += 1e-5
up = forward()[2]
w1[2, 3] -= 2e-5
down = forward()[2]
claim("the equations give the slope of E", np.isclose(dw1[2, 3], (up - down) / 2e-5))

# %% [markdown]
# Look at the factor $y_j(1-y_j)$ in equation 5. It is never above ¼. Each layer multiplies by such a factor once, so in 10 layers the product is at most $4^{-10}$, below a millionth. The weights can make up for it, or not. Keep it in mind for the deep networks below: ReLU's factor is 1 or 0.
#
# ### ImageNet
#
# What is it all good for? Four tasks return again and again: **classification** (what is in the image?), **retrieval** (which images are like it?), **detection** (what is where, as boxes?) and **segmentation** (which pixel belongs to what?). The same networks are the base of all four. What is built on top differs. Classification drove the progress. The ImageNet challenge had 1,000 classes, 1.2 million training images and 100,000 test images {cite}`russakovsky2015`. An answer is five guesses, and wrong if none of them is right: the *top-5 error*.

# %% mystnb={"image": {"alt": "Bars of the top-5 error: 28.2 in 2010, 25.8 in 2011, 16.4 in 2012, 11.7 in 2013, 7.3 and 6.7 in 2014, 3.57 in 2015. A dashed line marks a person at 5.1; only the last bar ends below it."}}
IMAGENET = {  # per cent: Russakovsky et al. 2015, He et al. 2016
    "2010\nLin et al.": 28.2,
    "2011\nXRCE": 25.8,
    "2012\nAlexNet": 16.4,
    "2013\nClarifai": 11.7,
    "2014\nVGG": 7.3,
    "2014\nGoogLeNet": 6.7,
    "2015\nResNet": 3.57,
}
_, axis = plt.subplots(figsize=(figures.WIDTH, 3.2))
colours = ["0.7", "0.7", *["C0"] * 5]
labels = axis.bar_label(axis.bar(list(IMAGENET), list(IMAGENET.values()), color=colours))
labels[-1].set(position=(0, -13), color="white")  # below the dashed line
axis.axhline(5.1, color="C1", linestyle="--", label="a person: 5.1")
axis.set(
    xlabel="year and entry (grey: no convolutional network)", ylabel="top-5 error (%)", ylim=(0, 32)
)
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# Between 2011 and 2012 the error fell by a third, and from then on nearly everybody used convolutional networks. ResNet is said to be "better than a person". Which person? One annotator, trained for it, who labelled 1,500 of the 100,000 test images and was wrong on 5.1 %. A second one, with less practice, labelled 258 and was wrong on 12.0 % {cite}`russakovsky2015`. **Question:** how exact is that 5.1?

# %%
quiz("04", "human-interval")

# %%
for images, error in [(1500, 5.1), (258, 12.0), (100_000, 3.57)]:
    half = 1.96 * np.sqrt(error / 100 * (1 - error / 100) / images) * 100
    print(f"{error:5.2f} % of {images:7,} images: 95 % interval ±{half:.1f} points")

# %% [markdown]
# The person's number is ten times less exact than the networks'. It excludes 3.57 all the same. But it is one person, at a task (120 breeds of dogs) that people do not practise.
#
# Another thing the bars hide: nearly all are **ensembles**, averages over several networks.
#
# | error (%) | one network | ensemble |
# | --- | --- | --- |
# | AlexNet, validation {cite}`krizhevsky2012` | 18.2 | 16.4 (five), 15.4 (seven; two of them pre-trained on more data) |
# | VGG, test {cite}`simonyan2014` | 7.0 | 6.8 (two; the entry of 2014 had seven: 7.3) |
# | GoogLeNet, validation {cite}`szegedy2015` | 10.07 (one crop), 7.89 (144 crops) | 6.67 (seven, 144 crops) |
# | ResNet {cite}`he2016` | 4.49 (152 layers, validation) | 3.57 (six, test) |
#
# Crops are a second average: the network sees many cut-outs of one image. AlexNet used ten. (AlexNet's winning entry was the seven: 15.3 on the test set. The bar shows the five, without extra data.)
#
# The slide's "7 CNN ensemble: 18.2 % → 15.4 %" compares one network with seven that had seen more data. With the same data the step is from 18.2 to 16.4.
#
# ## Counting without building
#
# VGG-E has 144 million weights, or 575 MB. To count them we need not have them. When Keras builds a layer inside a `StatelessScope`, it notes each weight's *shape* and puts off making the numbers. We use that to make a plan of a network:


# %%
def blueprint(build, *arguments, **options):
    """The network that build(…) makes: every shape, and no number is ever made."""
    with keras.StatelessScope(initialize_variables=False):
        model = build(*arguments, **options)
    keras.utils.clear_session(free_memory=False)  # Keras forgets what it has put off
    return model


def huge():
    return keras.Sequential([keras.Input((10**6,)), layers.Dense(10**6)])


weights = blueprint(huge).count_params()
print(f"{weights:,} parameters, {4 * weights / 1e12:.0f} TB in float32")

# %% [markdown]
# Four terabytes, on a machine that has nothing like it. A blueprint cannot be trained. It can be *counted*.
#
# For each layer we want four numbers.
#
# - **Parameters:** the sizes of its weights.
# - **Multiply-adds:** a convolution or dense layer uses each number of its kernel once for each output *position*. (Biases, activations and pooling are left out, as in the papers.)
# - **Outputs:** numbers that the layer makes. In training most of them are kept for the backward pass: the activation memory.
# - **Receptive field:** with the field $r$ and the jump $j$ of the [convolution chapter](02_convolution.ipynb): $r \leftarrow r + (k-1)j$, then $j \leftarrow js$. Where branches meet, the largest field counts.


# %%
def account(model):
    """One row for each layer of a functional or sequential model."""
    rows, reach = [], {}
    for layer in model.layers:
        inputs = [reach.get(id(x), (1, 1)) for x in keras.tree.flatten(layer.input)]
        field, jump = max(inputs, default=(1, 1))
        window = getattr(layer, "kernel_size", getattr(layer, "pool_size", (1, 1)))
        field += (window[0] - 1) * jump
        jump *= getattr(layer, "strides", (1, 1))[0]
        reach[id(layer.output)] = field, jump
        *positions, channels = layer.output.shape[1:]
        weights = [w.shape for w in layer.weights]
        kernels = sum(int(np.prod(shape)) for shape in weights if len(shape) > 1)
        row = {"layer": layer.name, "shape": (*positions, channels)}
        row["parameters"] = sum(int(np.prod(shape)) for shape in weights)
        row["multiply_adds"] = int(np.prod(positions)) * kernels
        row["outputs"] = int(np.prod(positions)) * channels
        rows.append(row | {"field": field})
    return rows


# %%
def total(rows):
    sums = {key: sum(r[key] for r in rows) for key in ("parameters", "multiply_adds", "outputs")}
    return sums | {"field": max(row["field"] for row in rows)}


def show(rows):
    print(f"{'layer':14}{'output':>14}{'parameters':>14}{'multiply-adds':>16}{'field':>7}")
    for row in rows:
        shape = "×".join(map(str, row["shape"]))
        count = f"{row['parameters']:14,}{row['multiply_adds']:16,}"
        print(f"{row['layer']:14}{shape:>14}{count}{row['field']:7}")
    sums = total(rows)
    print(f"{'total':28}{sums['parameters']:14,}{sums['multiply_adds']:16,}")


# %% [markdown]
# ## LeNet-5
#
# Digits of 28×28 stand in a field of 32×32. Two pairs of convolution and averaging, and three dense layers. The activation is tanh.


# %%
def lenet5(shape=(32, 32, 1), padding="valid"):
    image = x = keras.Input(shape)
    x = layers.Conv2D(6, 5, padding=padding, activation="tanh", name="C1")(x)
    x = layers.AveragePooling2D(2, name="S2")(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="C3")(x)
    x = layers.AveragePooling2D(2, name="S4")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(120, activation="tanh", name="C5")(x)
    x = layers.Dense(84, activation="tanh", name="F6")(x)
    return keras.Model(image, layers.Dense(10, name="output")(x))


show(account(blueprint(lenet5)))

# %% [markdown]
# The shapes are those of the paper: 6@28×28, 6@14×14, 16@10×10, 16@5×5, 120, 84, 10. More than three quarters of all parameters stand in one layer, C5. (The paper calls it a convolution: its 5×5 window covers all of its 5×5 input, so it is both.)
#
# Is the column *field* right? Do not believe it: change one pixel after another, and see which ones reach the first unit of S4.

# %%
lenet = lenet5()
below = keras.Model(lenet.input, lenet.get_layer("S4").output)
pixels = np.eye(32 * 32, dtype="float32").reshape(-1, 32, 32, 1)
answers = to_numpy(below.predict(pixels, verbose=0))[:, 0, 0, :]
blank = to_numpy(below(np.zeros((1, 32, 32, 1), "float32")))[0, 0, 0]
reached = (abs(answers - blank) > 1e-7).any(axis=1).reshape(32, 32)
rows_reached, columns_reached = reached.any(axis=1).sum(), reached.any(axis=0).sum()
print(f"pixels that reach it: {rows_reached}×{columns_reached}")
claim("the account's field of S4 is what pixels say", rows_reached == 16)

# %% [markdown]
# The network of 1998 differed from this one. Its pooling layers learned a coefficient and a bias for each map. And in C3 not every map saw every map: the first six looked at 3 neighbouring maps of S2, the next six at 4 neighbours, three at 4 maps that are not all neighbours, and the last at all 6. **Count first:**

# %%
quiz("04", "lenet-c3")

# %%
TABLE = [[(i + k) % 6 for k in range(3)] for i in range(6)]
TABLE += [[(i + k) % 6 for k in range(4)] for i in range(6)]
TABLE += [[(i + k) % 6 for k in (0, 1, 3, 4)] for i in range(3)]
TABLE += [list(range(6))]
connections = sum(map(len, TABLE))
c3 = connections * 25 + 16
parts = {"C1": 156, "S2": 12, "C3": c3, "S4": 32, "C5": 48_120, "F6": 10_164}
print(f"C3: {connections} connections, {c3:,} parameters in place of 2,416")
print("1998:", " + ".join(f"{n:,}" for n in parts.values()), f"= {sum(parts.values()):,}")
claim("no two maps of C3 see the same inputs", len({tuple(sorted(row)) for row in TABLE}) == 16)

# %% [markdown]
# 60,000 exactly, as the paper says. The gaps saved work, and they **broke the symmetry**: maps with different inputs must find different features {cite}`lecun1998`.
#
# But where are the output layer's weights? It has none to learn. Each of the ten outputs is a *radial basis function*, the squared distance $y_i = \sum_j (x_j - w_{ij})^2$ between the 84 numbers of F6 and a fixed code $w_i$ of −1 and +1. The codes were drawn by hand, as little bitmaps of the characters, 7 wide and 12 high. That is why F6 has 84 units. The smallest output is the answer.
#
# ## AlexNet
#
# Fourteen years later: the same plan, a thousand times the size.


# %%
def conv(x, filters, kernel_size=3, strides=1, padding="same", **options):
    options = {"activation": "relu", "padding": padding} | options
    return layers.Conv2D(filters, kernel_size, strides, **options)(x)


def alexnet(groups=1):
    image = x = keras.Input((227, 227, 3))
    x = conv(x, 96, 11, 4, "valid", name="conv1")
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    x = conv(x, 256, 5, groups=groups, name="conv2")
    x = layers.MaxPooling2D(3, 2, name="pool2")(x)
    x = conv(x, 384, name="conv3")
    x = conv(x, 384, groups=groups, name="conv4")
    x = conv(x, 256, groups=groups, name="conv5")
    x = layers.MaxPooling2D(3, 2, name="pool3")(x)
    x = layers.Flatten()(x)
    for name in ("fc6", "fc7"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
        x = layers.Dropout(0.5)(x)
    return keras.Model(image, layers.Dense(1000, name="fc8")(x))


# %% [markdown]
# The paper's text and its figure say that the input is 224×224. Here it is 227×227. **Question:** why?

# %%
quiz("04", "alexnet-input")

# %%
for side in (224, 227):
    shape = layers.Conv2D(96, 11, strides=4).compute_output_shape((None, side, side, 3))
    print(f"{side}×{side}: conv1 gives {shape[1]}×{shape[2]}×{shape[3]}")

# %% [markdown]
# With 227 the paper's 55 come out. (After conv1 and conv2, and before their pooling, came a *local response normalization*. It divides each number by $(2 + 10^{-4} S)^{0.75}$, with $S$ the sum of squares over five neighbouring channels. It has no parameters, brought 1.2 points in top-5 error, and later networks dropped it.)
#
# **Predict:** where do the parameters stand, and where is the work done?

# %%
quiz("04", "alexnet-dense")

# %%
rows = account(blueprint(alexnet))
show(rows)
dense = [row for row in rows if row["layer"].startswith("fc")]
for key in ("parameters", "multiply_adds", "outputs"):
    share = sum(row[key] for row in dense) / sum(row[key] for row in rows)
    print(f"{key:14} in the three dense layers: {share:5.1%}")

# %% [markdown]
# 62,378,344 parameters in all. Nearly all the *weights* are dense, nearly all the *work* is convolution. Remember it whenever somebody calls a network "small" or "fast" and names its parameters.
#
# The network did not fit into one graphics card of 3 GB, so it was cut in two. conv2, conv4 and conv5 read only the half of the maps that is on their own card. Keras calls it `groups=2`:

# %%
quiz("04", "alexnet-groups")

# %%
for groups in (1, 2):
    sums = total(account(blueprint(alexnet, groups)))
    print(f"groups={groups}: {sums['parameters']:,} parameters,", end=" ")
    print(f"{sums['multiply_adds'] / 1e9:.2f}·10⁹ multiply-adds")

# %% [markdown]
# The paper's "60 million" are these 60,965,224. It was trained with ReLU, dropout 0.5, heavy data augmentation (shifted and mirrored crops, changed colours), batches of 128, SGD with momentum 0.9, weight decay 5·10⁻⁴ and a learning rate of 0.01, divided by 10 whenever the validation error stopped falling {cite}`krizhevsky2012`.
#
# ## VGG: one table
#
# What if the kernels are all 3×3, and only the depth changes? {cite:t}`simonyan2014` wrote five networks into one table. As a string, `M` is a max pooling of 2×2, and `/1` marks the 1×1 kernels of network C:

# %%
VGG = {
    "A": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "B": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "C": "64 64 M 128 128 M 256 256 256/1 M 512 512 512/1 M 512 512 512/1 M",
    "D": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "E": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def vgg(plan, shape=(224, 224, 3), dense=(4096, 4096), classes=1000):
    image = x = keras.Input(shape)
    for step in plan.split():
        if step == "M":
            x = layers.MaxPooling2D(2)(x)
        else:
            filters, _, kernel_size = step.partition("/")
            x = conv(x, int(filters), int(kernel_size or 3))
    x = layers.Flatten()(x)
    for units in dense:
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(image, layers.Dense(classes)(x))


# %% [markdown]
# The first dense layer of D reads the last map, 7×7×512. **Predict:**

# %%
quiz("04", "vgg-dense")

# %%
PAPER = {"A": 133, "B": 133, "C": 134, "D": 138, "E": 144}  # millions
VGGS = {name: total(account(blueprint(vgg, plan))) for name, plan in VGG.items()}
print("    parameters   paper  10⁹ multiply-adds  field")
for name, sums in VGGS.items():
    work = sums["multiply_adds"] / 1e9
    print(f"{name} {sums['parameters']:13,} {PAPER[name]:5} M {work:13.2f} {sums['field']:10}")
    assert round(sums["parameters"] / 1e6) == PAPER[name]

# %% [markdown]
# All five agree with the paper. Keras has D and E, as VGG16 and VGG19. Our function counts those as well:

# %%
for name, theirs in [("D", keras.applications.VGG16), ("E", keras.applications.VGG19)]:
    sums = total(account(blueprint(theirs, weights=None)))
    print(f"{theirs.__name__}: {sums['parameters']:,} parameters")
    claim(f"in all four numbers it equals {name}", sums == VGGS[name])

# %% [markdown]
# Two surprises. From A to E the depth goes from 11 to 19 layers and the work from 7.6 to 19.6, while the *parameters* grow by only 8 %: the dense layers outweigh everything. And from D on, the receptive field (212) is nearly the whole image (224).
#
# C and D differ by three layers: 1×1 in C, 3×3 in D. Both are equally deep. D was the better, so depth alone is not it: those layers must also *look around* {cite}`simonyan2014`.
#
# ## Inception: several looks at once
#
# Which kernel is right, 1×1, 3×3 or 5×5? GoogLeNet's answer: all of them. A module has four towers, and joins their maps along the channels. 1×1 layers come before the costly kernels, to reduce the channels.


# %%
def inception(x, n1, r3, n3, r5, n5, pooled, name):
    """Towers: 1×1; 1×1 to 3×3; 1×1 to 5×5; pooling to 1×1. The numbers are filters."""
    one = conv(x, n1, 1, name=f"{name}_1x1")
    three = conv(conv(x, r3, 1, name=f"{name}_3x3_reduce"), n3, 3, name=f"{name}_3x3")
    five = conv(conv(x, r5, 1, name=f"{name}_5x5_reduce"), n5, 5, name=f"{name}_5x5")
    pool = layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
    pool = conv(pool, pooled, 1, name=f"{name}_pool_1x1")
    return layers.Concatenate(name=f"{name}_join")([one, three, five, pool])


def module():
    image = keras.Input((112, 112, 3))
    return keras.Model(image, inception(image, *[64] * 6, name="m"))


# %% [markdown]
# On 112×112×3, with 64 filters everywhere, how many parameters is that?

# %%
quiz("04", "inception-parameters")

# %%
rows = account(blueprint(module))
counts = [row["parameters"] for row in rows if row["parameters"]]
print(" + ".join(f"{n:,}" for n in sorted(counts)), f"= {sum(counts):,}")

# %% [markdown]
# ### A puzzle
#
# Here is the same module from a set of lecture slides, line for line the same idea, in our words. It runs. Its output has the right shape, 112×112×256. It trains. **It is wrong. Find the mistake before you read on.**


# %%
def module_of_the_slides():
    image = keras.Input((112, 112, 3))
    tower_1 = conv(image, 64, 1, name="tower_1")
    tower_2 = conv(image, 64, 1, name="tower_2_reduce")
    tower_2 = conv(tower_1, 64, 3, name="tower_2")
    tower_3 = conv(image, 64, 1, name="tower_3_reduce")
    tower_3 = conv(tower_2, 64, 5, name="tower_3")
    tower_4 = layers.MaxPooling2D(3, 1, padding="same", name="tower_4_pool")(image)
    tower_4 = conv(tower_3, 64, 1, name="tower_4")
    joined = layers.Concatenate(name="join")([tower_1, tower_2, tower_3, tower_4])
    return keras.Model(image, joined)


wrong = blueprint(module_of_the_slides)
print(f"output {wrong.output_shape[1:]}, {wrong.count_params():,} parameters")

# %% [markdown]
# The right module has 140,416. One look at a count that you know beforehand, and you are warned. Which layers did not make it into the network?

# %%
quiz("04", "miswired")


# %% [markdown]
# Ask the model who reads whom:


# %%
def wiring(model):
    """Print the sources of each layer."""
    names = {id(layer.output): layer.name for layer in model.layers}
    names[id(model.input)] = "image"
    for layer in model.layers[1:]:
        print(
            f"{layer.name:10} ← {', '.join(names[id(x)] for x in keras.tree.flatten(layer.input))}"
        )


wiring(wrong)
show(account(wrong))

# %% [markdown]
# Each tower reads the *finished tower before it*, where it should read its own first layer. So the four towers are one chain: 1×1, 3×3, 5×5, 1×1. Three layers were made and left hanging: both reductions and the pooling. A functional model keeps only what lies on a path from its input to its output, and drops the rest without a word.
#
# The sum explains itself: the two lost reductions take 2·256 parameters away, and the last 1×1 layer reads 64 channels in place of 3: $64·64+64 = 4{,}160$ in place of 256. Hence $140{,}416 - 512 + 3{,}904 = 143{,}808$. Such a mistake is found by a *count*, by a *diagram*, or by the *field*: 7 here, 5 in the right module. It is not found by training.

# %%
fields = [total(account(blueprint(build)))["field"] for build in (module, module_of_the_slides)]
print("fields:", *fields)
claim("143,808 = 140,416 − 512 + 3,904", wrong.count_params() == 140_416 - 512 + 3_904)

# %% [markdown]
# ### What the reduction saves
#
# In GoogLeNet's first module (*3a*) the 5×5 tower reads 192 channels and makes 32 maps, with a reduction to 16 between.

# %%
quiz("04", "reduction")

# %% [markdown]
# ### GoogLeNet, and a table that does not add up
#
# The whole network, from the table in the paper: 1×1, reduction and 3×3, reduction and 5×5, projection after the pooling.

# %%
GOOGLENET = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet():
    image = keras.Input((224, 224, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(conv(image, 64, 7, 2, name="conv1_7x7"))
    x = conv(conv(x, 64, 1, name="conv2_reduce"), 192, 3, name="conv2_3x3")
    for name, filters in GOOGLENET.items():
        if name in ("3a", "4a", "5a"):
            x = layers.MaxPooling2D(3, 2, padding="same")(x)
        x = inception(x, *filters, name=name)
    x = layers.Dropout(0.4)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(1000, name="linear_1000")(x))


# %% [markdown]
# The paper's table gives parameters "in K" and operations "in M" for every row. Is K 1,000 or 1,024? Are biases counted? Was the number rounded, or cut off? We allow **every** combination, and see which rows fit any of them.

# %%
PRINTED = {  # parameters in K, operations in M
    **{"conv1": (2.7, 34), "conv2": (112, 360), "3a": (159, 128), "3b": (380, 304)},
    **{"4a": (364, 73), "4b": (437, 88), "4c": (463, 100), "4d": (580, 119)},
    **{"4e": (840, 170), "5a": (1072, 54), "5b": (1388, 71), "linear": (1000, 1)},
}
rows = account(blueprint(googlenet))
GOOGLE = total(rows)


def stage(name):
    """Output shape, weights, biases and multiply-adds of one row of the table."""
    own = [row for row in rows if row["layer"].startswith(f"{name}_")]
    biases = sum(row["shape"][-1] for row in own if row["parameters"])
    weights = sum(row["parameters"] for row in own) - biases
    shape = "×".join(map(str, own[-1]["shape"]))
    return shape, weights, biases, sum(row["multiply_adds"] for row in own)


# %%
misfits = {"parameters": [], "operations": []}
print("row          output    weights  /1,024 printed   10⁶ operations printed")
for name, (kilo, mega) in PRINTED.items():
    shape, weights, biases, work = stage(name)
    readings = [(weights + b) / k for b in (0, biases) for k in (1000, 1024)]
    fits = any(kilo in (int(value), round(value), round(value, 1)) for value in readings)
    works = mega in (int(work / 1e6), round(work / 1e6))
    mark, mark_2 = " " if fits else "✗", " " if works else "✗"
    print(f"{name:6} {shape:>12} {weights:10,} {weights / 1024:7.1f} {kilo:7} {mark}", end="")
    print(f" {work / 1e6:13.1f} {mega:7} {mark_2}")
    misfits["parameters"] += [] if fits else [name]
    misfits["operations"] += [] if works else [name]
print("parameters fit no reading:", *misfits["parameters"])
print("operations fit no reading:", *misfits["operations"])

# %% [markdown]
# Eight of twelve rows of a famous table do not follow from its own filter counts. K is 1,024 (see *linear*). The operations are nearly all right, so the *filters* are right, and the parameters are not: the operations of *4c* need 497 K, not 463 K.
#
# Two rows disagree in both columns, and there the printed columns agree with *each other*: another layer was counted. For *conv1* a guess fits both: a **separable** 7×7 convolution with 8 filters a channel, then 1×1 to 64.

# %%
separable = 7 * 7 * 3 * 8 + 3 * 8 * 64
work = separable * 112 * 112
print(f"{separable:,} weights, {work / 1e6:.1f}·10⁶ multiply-adds")
claim("1,072 K at 7×7 positions make 54 M", round(1072 * 1024 * 7 * 7 / 1e6) == 54)
claim("the guess gives 2.7 K and 34 M", (round(separable / 1e3, 1), round(work / 1e6)) == (2.7, 34))
ratio = total(account(blueprint(alexnet, 2)))["parameters"] / GOOGLE["parameters"]
print(f"GoogLeNet: {GOOGLE['parameters']:,} parameters, {ratio:.1f} times fewer than AlexNet")
print(f"multiply-adds: {GOOGLE['multiply_adds'] / 1e9:.2f}·10⁹")

# %% [markdown]
# The same group's next paper indeed used such a first layer, with a depth multiplier of 8 {cite}`ioffe2015`. That does not prove it for this table. (It also needs a K of 1,000, and $(7+7)·3·64 = 2{,}688$ would come near, too.) And the paper's "12 times fewer parameters" than AlexNet is a factor of 8.7, by its own filters. Few parameters, yet more multiply-adds than AlexNet.
#
# Why so few? Its last map is not flattened but averaged: a dense layer on 7×7×1024 would alone have 50 million weights. That *global average pooling* comes from {cite:t}`lin2013`.
#
# ## ResNet: what do more layers bring?
#
# Add layers to a network. It can only get better: the new layers could learn to copy their input, and then nothing would be lost. So much for theory. {cite:t}`he2016` trained plain networks with 20 and with 56 layers on CIFAR-10. **Question:** what happened?

# %%
quiz("04", "degradation")

# %% [markdown]
# A copy is *possible*, but gradient descent does not find it. If copying is so useful, make it the starting point: let the layers learn only what to **add**,
#
# $$y = x + F(x).$$
#
# To copy, $F$ only has to be zero. And backwards, the gradient of $y$ with respect to $x$ is $1 + F'(x)$: one part bypasses $F$. (In the paper a ReLU follows the sum, and blocks it where the sum is negative. The version of 2016 below moves it.)


# %%
def conv_bn(x, filters, kernel_size=3, strides=1):
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, kernel_size, strides, **options)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def shortcut(x, filters, strides):
    """The input itself, or where its shape must change, a 1×1 convolution of it."""
    same = strides == 1 and x.shape[-1] == filters
    return x if same else conv_bn(x, filters, 1, strides)


def basic(x, filters, strides=1):
    y = layers.ReLU()(conv_bn(x, filters, 3, strides))
    y = conv_bn(y, filters)
    return layers.ReLU()(layers.Add()([shortcut(x, filters, strides), y]))


def bottleneck(x, filters, strides=1):
    y = layers.ReLU()(conv_bn(x, filters, 1, strides))
    y = layers.ReLU()(conv_bn(y, filters, 3))
    y = conv_bn(y, 4 * filters, 1)
    return layers.ReLU()(layers.Add()([shortcut(x, 4 * filters, strides), y]))


# %% [markdown]
# A block whose shortcut is the input itself is an *identity block*. The *basic* block has two 3×3 layers. The *bottleneck* is for the deep ones: 1×1 down, 3×3, 1×1 up again. On 256 channels:

# %%
quiz("04", "bottleneck")

# %% [markdown]
# All five networks of the paper are one table: which block, and how many in each stage. After every convolution comes batch normalization, so biases would do nothing. There is no dropout.

# %%
RESNET = {
    18: (basic, (2, 2, 2, 2)),
    34: (basic, (3, 4, 6, 3)),
    50: (bottleneck, (3, 4, 6, 3)),
    101: (bottleneck, (3, 4, 23, 3)),
    152: (bottleneck, (3, 8, 36, 3)),
}


def resnet(block, blocks):
    image = keras.Input((224, 224, 3))
    x = layers.ReLU()(conv_bn(image, 64, 7, 2))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage, count in enumerate(blocks):
        for i in range(count):
            x = block(x, 64 * 2**stage, strides=2 if stage > 0 and i == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(1000)(x))


# %%
PAPER = {18: 1.8, 34: 3.6, 50: 3.8, 101: 7.6, 152: 11.3}  # 10⁹ multiply-adds
RESNETS = {depth: total(account(blueprint(resnet, *plan))) for depth, plan in RESNET.items()}
print("layers  parameters  10⁹ multiply-adds  paper  field")
for depth, sums in RESNETS.items():
    work = sums["multiply_adds"] / 1e9
    print(f"{depth:5} {sums['parameters']:12,} {work:13.2f} {PAPER[depth]:10} {sums['field']:6}")
    assert abs(work / PAPER[depth] - 1) < 0.02

# %% [markdown]
# Within 2 % of the paper. Its 3.6 for 34 layers holds without projections; ours has them. Its 3.8 for 50 layers is cut off, not rounded (see the [errata](errata.ipynb)). The depth in the name counts convolutions and the dense layer, without the shortcuts' own. Look at the last column: ResNet-101's field is over 1,000 pixels, on images of 224. Every unit of its last maps can see the whole image, and a great deal of padding. And ResNet-34 sees further than ResNet-50: a basic block has two 3×3 layers, a bottleneck has one.
#
# Keras has three of them:

# %%
for depth in (50, 101, 152):
    theirs = blueprint(getattr(keras.applications, f"ResNet{depth}"), weights=None)
    sums, ours = total(account(theirs)), RESNETS[depth]
    biases = sum(layer.filters for layer in theirs.layers if hasattr(layer, "filters"))
    print(f"ResNet{depth}: {sums['parameters']:,} parameters = ours + {biases:,} biases")
    claim("so it is", sums["parameters"] == ours["parameters"] + biases)
    claim("with the same multiply-adds", sums["multiply_adds"] == ours["multiply_adds"])

# %% [markdown]
# Keras keeps a bias in each convolution, though the batch normalization after it takes it away again. (Both counts include the normalization's moving averages, which are kept, not learned.)
#
# Now the question from the beginning:

# %%
quiz("04", "which-costs-more")

# %% [markdown]
# All networks of this chapter but LeNet-5 in one map. If parameters told the work, they would lie on a line:

# %% mystnb={"image": {"alt": "Parameters against multiply-adds for ten networks, on logarithmic axes. The VGG networks lie far out to the upper right. ResNet-152 has as many parameters as AlexNet and about 16 times its multiply-adds. GoogLeNet has the fewest parameters and more multiply-adds than AlexNet."}}
EVERY = {"AlexNet": total(account(blueprint(alexnet, 2))), "GoogLeNet": GOOGLE}
EVERY |= {f"VGG {name}": sums for name, sums in VGGS.items() if name in "ADE"}
EVERY |= {f"ResNet-{depth}": sums for depth, sums in RESNETS.items()}
_, axis = plt.subplots(figsize=(6, 3.6))
for name, sums in EVERY.items():
    x, y = sums["parameters"] / 1e6, sums["multiply_adds"] / 1e9
    axis.plot(x, y, {"R": "s", "V": "^"}.get(name[0], "o"), color=f"C{'AGVR'.index(name[0])}")
    side = "right" if name in ("GoogLeNet", "ResNet-34", "VGG D") else "left"
    offset = (-6 if side == "right" else 6, -2)
    axis.annotate(name, (x, y), offset, textcoords="offset points", fontsize=8, ha=side)
axis.set(xscale="log", yscale="log", xlabel="parameters (10⁶)", ylabel="multiply-adds (10⁹)")
axis.set(xlim=(3, 350), ylim=(0.5, 35))
plt.show()

# %%
for name, sums in EVERY.items():
    memory = 4 * sums["outputs"] / 1e6
    print(f"{name:11} {sums['parameters'] / 1e6:6.1f}·10⁶ parameters,", end="")
    print(f" {sums['multiply_adds'] / 1e9:5.2f}·10⁹ multiply-adds, {memory:4.0f} MB of outputs")
longest, alex = EVERY["ResNet-152"], EVERY["AlexNet"]
claim("152 layers cost less than VGG's 16", longest["multiply_adds"] < VGGS["D"]["multiply_adds"])
claim(
    "their weights are AlexNet's, ± 2 %", 0.98 < longest["parameters"] / alex["parameters"] < 1.02
)

# %% [markdown]
# ResNet-152 costs less than VGG-16, and has as many parameters as AlexNet. What it needs more of is *memory*: five times VGG-16's outputs in our count. **Question:** is that count fair? In ResNet normalization and ReLU are layers of their own. In VGG the ReLU is part of its convolution. Count only layers that multiply:

# %%
for name, plan in {"VGG D": (vgg, VGG["D"]), "ResNet-152": (resnet, *RESNET[152])}.items():
    working = [row for row in account(blueprint(*plan)) if row["multiply_adds"]]
    print(f"{name:10} {4 * sum(row['outputs'] for row in working) / 1e6:3.0f} MB")

# %% [markdown]
# So it is more memory in any case: 1.6 times or five times, by what must be kept.
#
# The networks were trained with the initialization of {cite:t}`he2015`, which keeps the variance under ReLU (the slide calls it "Xavier/2"), batches of 256, momentum 0.9, a learning rate of 0.1 divided by 10 at plateaus, and a weight decay of 10⁻⁴ {cite}`he2016`. A slide that says 10⁻⁵ is off by ten.
#
# ### Plain against residual
#
# Now with our own hands. The networks below read digits: a 4×4 convolution with stride 4, then a number of convolutions of 3×3 with 16 filters, in pairs, with or without shortcuts. All else is the same.


# %%
def deep(depth, residual, normalize=True, initializer="he_normal"):
    def step(x, kernel_size=3, strides=1):
        options = {"padding": "same", "kernel_initializer": initializer, "use_bias": not normalize}
        x = layers.Conv2D(16, kernel_size, strides, **options)(x)
        return layers.BatchNormalization(momentum=0.9)(x) if normalize else x

    image = keras.Input((28, 28, 1))
    x = layers.ReLU()(step(image, 4, 4))
    for _ in range(depth // 2):
        y = step(layers.ReLU()(step(x)))
        x = layers.ReLU()(layers.Add()([x, y]) if residual else y)
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


digits = data.load("mnist", train=2000, test=1000)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

# %% [markdown]
# First the gradients, before any training. One step of `SGD(1.0)` moves each weight by exactly its gradient, so *old minus new* is the gradient, on every back end. We take its length in each layer, at depth 32, for four networks: plain with Keras' usual initialization (Glorot); plain with He's; that with batch normalization; and that with shortcuts.
#
# **Predict:** in which of the four is the gradient far too small, and in which layers? In which one is it far too large for the first layers?


# %%
def gradient_norms(model):
    """The length of the loss' gradient in each 3×3 layer, first to last."""
    model.compile(keras.optimizers.SGD(1.0), LOSS, run_eagerly=True)
    kernels = [w for w in model.trainable_weights if len(w.shape) == 4][1:]
    before = [to_numpy(kernel) for kernel in kernels]
    model.train_on_batch(digits.x_train[:128], digits.y_train[:128])
    pairs = zip(before, kernels, strict=True)
    return [np.linalg.norm(old - to_numpy(new)) for old, new in pairs]


KINDS = {
    "plain, Glorot": {"residual": False, "normalize": False, "initializer": "glorot_uniform"},
    "plain, He": {"residual": False, "normalize": False},
    "plain, He, batch norm": {"residual": False},
    "residual, He, batch norm": {"residual": True},
}

# %% mystnb={"image": {"alt": "Length of the gradient over 32 layers on a logarithmic scale. Plain with Glorot: many powers of ten below the others, at every layer. Plain with He: nearly level. With batch norm: rising steeply towards the first layers. Residual: rising gently towards the first layers."}}
norms = {}
for name, options in KINDS.items():
    keras.utils.set_random_seed(0)
    norms[name] = gradient_norms(deep(32, **options))
shown = {name: np.maximum(values, 1e-12) for name, values in norms.items()}
figures.curves(shown, "layer, from the input", "length of the gradient", log=True)

# %% [markdown]
# The ends of the lines, as numbers:

# %%
for name, values in norms.items():
    print(f"{name:25} first layer ≈ {values[0]:.0e}, last layer {values[-1]:.0e}")
ratio = {name: values[0] / max(values[-1], 1e-30) for name, values in norms.items()}
batch_norm, residual = ratio["plain, He, batch norm"], ratio["residual, He, batch norm"]
claim(
    "Glorot under ReLU: less than a thousandth of He",
    norms["plain, Glorot"][0] < 1e-3 * norms["plain, He"][0],
)
claim("batch norm: the first layer gets over 15 times the last one's", batch_norm > 15)
claim("shortcuts: less than 12 times", residual < 12)

# %% [markdown]
# With Glorot's initialization hardly anything arrives at all: under ReLU each layer halves the variance, forwards and backwards. Why is the line level? A kernel's gradient is the forward signal times the backward one. Early layers have a strong signal and a weak echo, late ones the reverse: the product is equally tiny everywhere. He's factor 2 repairs that. Batch normalization keeps the *forward* numbers in order, and so it is often said to cure the gradients, too. In a plain ReLU network it does the opposite: they *grow* by a factor in each layer on the way back, exponentially with depth {cite}`yang2019`. What fits the last layer is far too long a step for the first. Shortcuts keep the growth small, as part of the gradient bypasses every block.
#
# Now train: plain networks of 4, 12 and 24 layers, and 4 and 24 layers with shortcuts. **Predict** the order of their training losses.

# %%
losses = {}
runs = [("plain", 4), ("plain", 12), ("plain", 24), ("residual", 4), ("residual", 24)]
for kind, depth in runs:
    keras.utils.set_random_seed(0)
    model = deep(depth, residual=kind == "residual")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
    options = {"batch_size": 64, "epochs": 3, "verbose": progress()}
    history = model.fit(digits.x_train, digits.y_train, **options)
    losses[kind, depth] = history.history["loss"][-1]
    print(f"{kind:8} {depth:2} layers, training loss ≈ {losses[kind, depth]:.2f}")
claim("plain: 24 layers are worse than 4", losses["plain", 24] > losses["plain", 4] + 0.2)
deep_gain = losses["residual", 24] / losses["plain", 24]
claim("with shortcuts the loss at 24 is less than two thirds", deep_gain < 2 / 3)

# %% [markdown]
# The deeper plain network is worse *on the images it is trained on*. That is no overfitting. The optimization does not get there: **degradation**. The same layers with shortcuts have no trouble. Three epochs cannot tell slow from stuck. The paper trained to the end, and the gap stayed. On CIFAR-10 the paper's plain network of 56 layers stayed behind that of 20, while a residual one of 110 layers reached 6.43 % error {cite}`he2016`.

# %% [markdown]
# ## Four styles, one budget
#
# Which style is best? Papers compare networks of different sizes. We give each the same budget, LeNet-5's 61,706 parameters ± 2 %, the same 2,000 digits, the same optimizer and the same four epochs.


# %%
def small_inception(shape=(28, 28, 1)):
    image = keras.Input(shape)
    x = conv(image, 16, strides=2)
    x = inception(x, 16, 16, 32, 8, 8, 8, name="a")
    x = inception(x, 16, 16, 32, 8, 8, 8, name="b")
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = inception(x, 24, 24, 48, 8, 16, 16, name="c")
    x = inception(x, 24, 24, 64, 8, 16, 16, name="d")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10)(x))


def small_resnet(shape=(28, 28, 1)):
    image = keras.Input(shape)
    x = layers.ReLU()(conv_bn(image, 16, 3, 2))
    for filters, strides in [(16, 1), (16, 1), (32, 2), (32, 1), (32, 1)]:
        x = basic(x, filters, strides)
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


STYLES = {
    "LeNet-5": lambda: lenet5((28, 28, 1), padding="same"),
    "VGG": lambda: vgg("8 8 M 16 16 M 32 32 M", (28, 28, 1), (146,), 10),
    "Inception": small_inception,
    "ResNet": small_resnet,
}

# %% [markdown]
# **Predict** two orders before you run: who needs the most multiply-adds, and who makes the fewest mistakes.

# %%
trained, table = {}, {}
for name, build in STYLES.items():
    keras.utils.set_random_seed(0)
    model = build()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, decay_steps=4 * 63)  # falls to 0
    model.compile(keras.optimizers.Adam(rate), LOSS, metrics=["accuracy"])
    start = time.perf_counter()
    options = {"batch_size": 32, "epochs": 4, "verbose": progress()}
    model.fit(digits.x_train, digits.y_train, **options)
    seconds = time.perf_counter() - start
    accuracy = model.evaluate(digits.x_test, digits.y_test, verbose=0)[1]
    trained[name], table[name] = model, total(account(model)) | {"accuracy": accuracy}
    sums = table[name]
    print(f"{name:10} {sums['parameters']:6,} parameters, {sums['multiply_adds']:9,}", end="")
    print(f" multiply-adds, field {sums['field']:2} ≈ {accuracy:.1%} after {seconds:.0f} s")

# %% mystnb={"image": {"alt": "Test accuracy against multiply-adds on a logarithmic axis: four points of equal parameter count. LeNet-5 is the cheapest, VGG and ResNet are the most accurate, and Inception, the dearest, is below both."}}
_, axis = plt.subplots(figsize=(6, 3.2))
for name, sums in table.items():
    axis.plot(sums["multiply_adds"] / 1e6, 100 * sums["accuracy"], "o")
    where = (sums["multiply_adds"] / 1e6, 100 * sums["accuracy"])
    axis.annotate(name, where, (6, -4), textcoords="offset points")
axis.set(xscale="log", xlabel="multiply-adds (10⁶)", ylabel="test accuracy (%)", xlim=(0.3, 12))
plt.show()
least = min(sums["parameters"] for sums in table.values())
most = max(sums["parameters"] for sums in table.values())
claim("the budgets differ by less than 3 %", most < 1.03 * least)
work = {name: sums["multiply_adds"] for name, sums in table.items()}
claim(
    "Inception does over 12 times LeNet-5's multiply-adds", work["Inception"] > 12 * work["LeNet-5"]
)
score = {name: sums["accuracy"] for name, sums in table.items()}
claim(
    "VGG and ResNet beat LeNet-5 by a point and more",
    min(score["VGG"], score["ResNet"]) > score["LeNet-5"] + 0.01,
)
claim("ResNet beats Inception by a point and more", score["ResNet"] > score["Inception"] + 0.01)

# %% [markdown]
# Equal parameters, and a factor of over 12 in multiply-adds: Inception and ResNet keep their maps large, reuse each weight at more places, and average at the end in place of a dense layer. So "equal budget" must say *which* budget.
#
# And the most work does not buy the best score. The Inception-style network is nine convolutions deep, with neither normalization nor shortcuts, and four epochs are too few for it. GoogLeNet had the same trouble: its authors hung two auxiliary classifiers on middle layers, to bring them a gradient {cite}`szegedy2015`. The ResNet is deeper still, and learns quickly. (Put `conv_bn` into the modules, and train again.) The order of VGG and ResNet changes from seed to seed: call no winner from one run.
#
# ## Grad-CAM: what did it look at?
#
# A network says "7". Which part of the image made it say so? Take the last feature maps, $A_k$ for channel $k$. Ask how much the score $S_c$ of class $c$ would rise if channel $k$ rose a little, *everywhere*; that is channel $k$'s weight. Add up the maps with these weights, and keep what is positive {cite}`selvaraju2017`:
#
# $$α_k = \frac1{hw} \sum_{i,j} \frac{∂S_c}{∂A_{ijk}}, \qquad \text{heat} = \mathrm{ReLU}\Big(\sum_k α_k A_k\Big).$$
#
# $S_c$ is the score before the softmax. The sum of gradients over all places is the slope of $S_c$ when the whole channel is raised. So we need no gradient function: raise each channel, lower it, and compare.


# %%
def grad_cam(model, image, class_index, layer, step=0.1):
    """Where one image (height, width, channels) speaks for a class: a map of numbers ≥ 0."""
    body = keras.Model(model.input, layer.output)
    head = keras.Model(layer.output, model.output)
    maps = to_numpy(body(image[None]))
    nudges = step * np.eye(maps.shape[-1], dtype="float32")[:, None, None, :]
    rise = to_numpy(head(maps + nudges)) - to_numpy(head(maps - nudges))
    slopes = rise[:, class_index] / (2 * step)  # of the score, for each channel
    weights = slopes / (maps.shape[1] * maps.shape[2])
    return np.maximum((maps[0] * weights).sum(axis=-1), 0)


# %% [markdown]
# How do we know that it is right? Where the head is an average and a dense layer, the slope is known: raise a channel by 1, and its average rises by 1, and the score by the dense weight.

# %%
model, digit = trained["ResNet"], digits.x_test[0]
last = model.layers[-3]  # the ReLU before the average
heat = grad_cam(model, digit, 7, last)
maps = to_numpy(keras.Model(model.input, last.output)(digit[None]))[0]
dense_weights = model.layers[-1].get_weights()[0][:, 7]
by_hand = np.maximum((maps * dense_weights).sum(axis=-1) / maps[..., 0].size, 0)
claim("the same as with the weights of the dense layer", np.allclose(heat, by_hand, atol=1e-3))

# %% [markdown]
# To test what it *shows*, we need images where the answer is known. Our small ResNet was trained on single digits. It averages over places at the end, so it reads images of any size: we put two different digits side by side, and ask for each in turn. A map that ignored the question would give the same share of heat, and half of it on the right digit on average.

# %%
wide = small_resnet((None, None, 1))
wide.set_weights(trained["ResNet"].get_weights())
last = wide.layers[-3]  # the ReLU before the average
first, second = digits.x_test[:60:2], digits.x_test[1:60:2]
left, right = digits.y_test[:60:2], digits.y_test[1:60:2]
different = left != right
pairs = np.concatenate([first, second], axis=2)[different]
left, right = left[different], right[different]

shares = []
for pair, *classes in zip(pairs, left, right, strict=True):
    for side, class_index in enumerate(classes):
        heat = grad_cam(wide, pair, class_index, last)
        halves = np.split(heat, 2, axis=1)
        shares.append(halves[side].sum() / max(heat.sum(), 1e-9))
print(f"heat on the digit asked for ≈ {np.mean(shares):.0%}, mean over {len(pairs)} pairs")
claim("over 65 % of the heat lies on the digit asked for", np.mean(shares) > 0.65)

# %% mystnb={"image": {"alt": "Two digits side by side, and two heat maps of the same image. Asked for the left digit's class, the left half is brighter; asked for the right one's, the right half."}}
pair, classes = pairs[0], (left[0], right[0])
heats = [grad_cam(wide, pair, class_index, last) for class_index in classes]
scale = 28 // heats[0].shape[0]
heats = [np.kron(heat / heat.max(), np.ones((scale, scale))) for heat in heats]
titles = ["the image", *(f"heat for {digits.class_names[c]}" for c in classes)]
figures.images([pair[:, :, 0], *heats], titles, cmap="magma")

# %% [markdown]
# The same image, the same maps, another question, another place. Before you trust such a map, remember what it is: coarse (one number for 4×4 pixels here), a first-order answer at one point, and silent about *why*.

# %%
quiz("04", "grad-cam")

# %% [markdown]
# ## What came after, in a page
#
# - **Identity all the way** (2016). Put normalization and ReLU *before* the convolutions, so that nothing stands on the shortcut: 1,001 layers train {cite}`he2016b`.
# - **DenseNet** (2017). Each layer reads the maps of *all* layers before it in its block, joined, not added {cite}`huang2017`.
# - **Depthwise separable layers.** Space and channels in two steps {cite}`chollet2017`. MobileNet is built of them, for telephones {cite}`howard2017`.
# - **Squeeze and excitation** (2018). A tiny network looks at the average of each channel, and turns channels up or down. It won the last ImageNet challenge, in 2017, with 2.25 % {cite}`hu2018`.
# - **EfficientNet** (2019). Depth, width and resolution grow *together*, in fixed proportion {cite}`tan2019`.
# - **Vision Transformer** (2021). No convolution: patches of 16×16 pixels are read like words. With "only" ImageNet's images to learn from it stays behind a ResNet; with 300 million it overtakes {cite}`dosovitskiy2021`.
# - **ConvNeXt** (2022). A ResNet with the habits of transformers (large depthwise kernels, fewer activations, layer normalization) keeps up with them {cite}`liu2022`.
#
# The idea that saves most is the third. Count it:

# %%
quiz("04", "separable")

# %% [markdown]
# Our accounting function has never seen these networks. Does it agree with their papers?

# %%
PAPERS = {"MobileNet": (4.2, 0.569), "EfficientNetB0": (5.3, 0.39), "ConvNeXtTiny": (29, 4.5)}
print("                parameters (10⁶)   paper   multiply-adds (10⁹)   paper")
for name, (millions, billions) in PAPERS.items():
    sums = total(account(blueprint(getattr(keras.applications, name), weights=None)))
    parameters, work = sums["parameters"] / 1e6, sums["multiply_adds"] / 1e9
    print(f"{name:16} {parameters:15.2f} {millions:7} {work:21.3f} {billions:7}")
    assert abs(parameters / millions - 1) < 0.02
    assert abs(work / billions - 1) < 0.02

# %% [markdown]
# It does. (ConvNeXt holds models inside the model. Each counts as one layer here, and what it sees is left out of the field.) ConvNeXt-Tiny is a little larger than ResNet-50, in size and work. MobileNet does with 569 million multiply-adds, less than AlexNet.
#
# ## Summary
#
# - A network is a table. Written as one, it is short, and a count checks it against the paper.
# - **Parameters, multiply-adds and memory are three different things.** AlexNet: 94 % of the weights and 5 % of the work are in dense layers. ResNet-152: AlexNet's parameters, less work than VGG-16, and more memory (1.6 to 5 times, by what is counted).
# - A blueprint (shapes without numbers) counts a network of any size in no memory.
# - Published tables have errors: eight of twelve rows of GoogLeNet's, AlexNet's 224, slides with a mis-wired module. Compute.
# - A wiring mistake runs and trains. A known count, a diagram or a field finds it.
# - Deep plain networks are worse *on the training data*. Initialization and normalization alone do not cure it; a shortcut, $x + F(x)$, does.
# - Grad-CAM: weigh each map by how much the score would rise with it.
#
# ## Exercises
#
# The [lab of this chapter](../labs/04_architectures.ipynb) has you write the builders, the accounting and the repairs yourself.
