# %% [markdown]
# # 07 · Training tricks
#
# A network can have the right layers, the right data and the right loss, and learn nothing. The gradient that should move its first layer has been multiplied by thirty numbers on the way. Most tricks of training are about those factors, and about the length of a step.
#
# After this chapter you can
#
# - **measure** how gradients shrink or grow on their way back, and name the factor that does it;
# - **derive** the initializations of LeCun, Glorot and He, and choose one for an activation;
# - **write** batch normalization, gradient clipping and every common optimizer in a few lines of NumPy, each equal to Keras;
# - **find** a learning rate by a test, and **draw** and run a schedule;
# - **compare** regularizers by what they do to the gap between training and test;
# - **say** which defaults of a few years ago still hold, which do not, and why;
# - **decide** what makes training faster on your machine, by measuring it.
#
# Reading, running and answering take about three hours. The lab takes two hours more. You should know gradient descent, the backward pass of a layer ([chapter 02](02_convolution.ipynb)) and what depth did to plain and residual networks ([chapter 04](04_architectures.ipynb)).

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
from convbook.widgets import optimizer_race, quiz, schedules, signal_flow

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## The chain rule, backwards
#
# Take the smallest deep network: three layers of one unit each, without biases. Each unit multiplies by its weight and applies the sigmoid $σ(a) = 1/(1+e^{-a})$, whose slope is $σ'(a) = σ(a)\,(1-σ(a))$:
#
# $$a_l = w_l\, h_{l-1}, \qquad h_l = σ(a_l), \qquad L = \tfrac12 (h_3 - t)^2 .$$
#
# Backpropagation starts at the loss and walks back. Write $δ_l = ∂L/∂a_l$. Then
#
# $$δ_3 = (h_3 - t)\,σ'(a_3), \qquad δ_{l} = δ_{l+1}\; w_{l+1}\; σ'(a_{l}), \qquad \frac{∂L}{∂w_l} = δ_l\, h_{l-1} .$$
#
# Each step back multiplies by a weight and by a slope. With $x = h_0 = 1$, target $t = 0$ and all weights 1, by hand and by a small change of each weight:


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def loss(w, h=1.0):
    for weight in w:
        h = sigmoid(weight * h)
    return h**2 / 2


w, h = np.ones(3), [1.0]
for weight in w:
    h.append(sigmoid(weight * h[-1]))
delta, gradient = h[3], np.zeros(3)  # h₃ − t, on its way back
for layer in (2, 1, 0):
    delta = delta * h[layer + 1] * (1 - h[layer + 1])
    gradient[layer] = delta * h[layer]
    print(f"layer {layer + 1}: δ = {delta:.4f}, gradient of the weight {gradient[layer]:.4f}")
    delta = delta * w[layer]

numerical = [(loss(w + e) - loss(w - e)) / 2e-5 for e in 1e-5 * np.eye(3)]
claim("a small change of each weight says the same", np.allclose(gradient, numerical))

# %% [markdown]
# From one layer to the one before it, δ falls to about a fifth. That is the slope of the sigmoid, which is never above ¼: $s(1-s)$ is largest at $s = ½$. Where the sigmoid is flat, its slope is nearly 0. There it is called **saturated**.
#
# Now think of a longer chain.

# %%
quiz("07", "chain-factor")

# %% [markdown]
# An obvious cure: larger weights. A weight of 4 makes up for the ¼. A weight of 16 should make the gradient *explode*. **Predict** what happens in a chain of ten such units:

# %%
print("weight  ten factors, no bias   ten factors, bias −w/2")
for weight in (1, 2, 4, 8, 16):
    plain = centred = 1.0
    h = 0.5
    for _ in range(10):
        h = sigmoid(weight * h)
        plain *= weight * h * (1 - h)
        middle = sigmoid(weight * 0.5 - weight / 2)  # 0.5 again: this unit stays in the middle
        centred *= weight * middle * (1 - middle)
    print(f"{weight:6} {plain:22.1e} {centred:24.1e}")

a = np.linspace(0, 20, 20001)
largest = (a * sigmoid(-a)).max()
print(f"the largest factor of a settled chain without biases: {largest:.3f}")

# %% [markdown]
# Without biases, a weight of 2 is a little better than 1, and from there larger weights make it *worse*. A sigmoid's output is positive, so a large weight makes a large $a$, and the slope there is gone before the weight can pay for it. Once the chain has settled at some $h = σ(wh)$, its factor is $w\,h(1-h) = a\,σ(-a)$, and that is below 0.28 for any positive weight.
#
# With a bias that puts $a$ back to 0, the factor is $w/4$: gone for small weights, level at 4, and exploding at 8. So both diseases of the slides come from one product:
#
# - **vanishing gradient**: the factors are below 1, and the first layers hardly move;
# - **exploding gradient**: the factors are above 1, and the steps of the first layers are so long that training diverges.
#
# The trouble with the sigmoid is not only its slope. Its output is not centred. Hochreiter described the vanishing product in 1991 {cite}`hochreiter1991`, and Bengio and others in 1994 {cite}`bengio1994`.
#
# ## Depth × activation × initialization
#
# In a real layer the weight is a matrix, the slopes are a vector, and the factor is different in each direction. On average, is it above or below 1? Measure it. First the activations, each with its slope:

# %%
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772  # the two numbers of SELU


def elu(a):
    return np.where(a > 0, a, np.expm1(np.minimum(a, 0)))


ACTIVATIONS = {
    "sigmoid": (sigmoid, lambda a: sigmoid(a) * (1 - sigmoid(a))),
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "relu": (lambda a: np.maximum(a, 0), lambda a: 1.0 * (a > 0)),
    "leaky_relu": (lambda a: np.maximum(a, 0.2 * a), lambda a: np.where(a > 0, 1, 0.2)),
    "elu": (elu, lambda a: np.where(a > 0, 1, elu(a) + 1)),
    "selu": (
        lambda a: LAMBDA * np.where(a > 0, a, ALPHA * elu(a)),
        lambda a: LAMBDA * np.where(a > 0, 1, ALPHA * (elu(a) + 1)),
    ),
}
a = np.linspace(-4, 4, 80)
for name, (value, slope) in ACTIVATIONS.items():
    theirs = to_numpy(keras.activations.get(name)(a.astype("float32")))
    assert_allclose(value(a), theirs, atol=1e-6)
    assert_allclose((value(a + 1e-6) - value(a - 1e-6)) / 2e-6, slope(a), atol=1e-5)
print(f"{len(ACTIVATIONS)} activations equal Keras' own, and each slope is right")

# %% [markdown]
# Then the passes of a dense network without biases. The last layer gets random numbers as its gradient, as if from some loss. The result says how long each layer's gradient is, as a multiple of what it would be if both signals, the one coming forward and the one coming back, had arrived there at full strength.


# %%
def gradient_norms(activation, std, depth, width=128, examples=32, seed=0):
    """The length of each kernel's gradient, first layer to last; 1 is full strength."""
    rng = np.random.default_rng(seed)
    value, slope = ACTIVATIONS[activation]
    kernels = rng.normal(scale=std, size=(depth, width, width))
    h, a = [rng.normal(size=(examples, width))], []
    for kernel in kernels:
        a.append(h[-1] @ kernel)
        h.append(value(a[-1]))
    g = rng.normal(size=(examples, width))
    full, norms = np.linalg.norm(h[0].T @ g), np.zeros(depth)
    for layer in reversed(range(depth)):
        g = g * slope(a[layer])  # δ of this layer
        norms[layer] = np.linalg.norm(h[layer].T @ g) / full
        g = g @ kernels[layer].T
    return norms


# %% [markdown]
# Four ways to draw the weights: normal numbers with a standard deviation of 0.01; Glorot's; He's (both in a moment; LeCun's is the same as Glorot's where a layer is as wide as the one before); and standard normal numbers.
#
# **Predict.** The slides say that it is the *first* layers that do not learn. Take ReLU and weights of size 0.01:

# %%
quiz("07", "where-vanishes")

# %% mystnb={"image": {"alt": "Three tables of colours, six activations by four initializations, with the power of ten of a gradient. In three layers most are near 0. In thirty layers, the first layer's gradient is far below for small weights and for the sigmoid, and far above for standard normal weights. The last layer's gradient is as far off for ReLU, but near 0 for the sigmoid."}}
width = 128
STD = {"0.01": 0.01, "Glorot": (1 / width) ** 0.5, "He": (2 / width) ** 0.5, "1": 1.0}
measured = np.zeros((2, len(ACTIVATIONS), len(STD), 2))  # depth, activation, std, first and last
for (d, i, j), _ in np.ndenumerate(measured[..., 0]):
    activation, std = list(ACTIVATIONS)[i], list(STD.values())[j]
    norms = gradient_norms(activation, std, depth=(3, 30)[d])
    measured[d, i, j] = np.log10(norms[[0, -1]])

figure, axes = plt.subplots(1, 3, figsize=(figures.WIDTH, 3.1), sharey=True)
panels = [measured[0, ..., 0], measured[1, ..., 0], measured[1, ..., 1]]
titles = ["3 layers, the first", "30 layers, the first", "30 layers, the last"]
for axis, powers, title in zip(axes, panels, titles, strict=True):
    axis.imshow(powers, cmap="RdBu_r", vmin=-15, vmax=15, aspect="auto")
    for (i, j), power in np.ndenumerate(powers):
        color = "white" if abs(power) > 9 else "black"
        axis.text(j, i, f"{np.round(power) + 0.0:.0f}", ha="center", va="center", color=color)
    axis.set(title=title, xlabel="standard deviation", xticks=range(4), yticks=range(6))
    axis.set_xticklabels(STD, fontsize=8)
    axis.set_yticklabels(ACTIVATIONS)
axes[0].set_ylabel("activation")
figure.suptitle("powers of ten: length of a kernel's gradient", fontsize=10)
plt.show()

# %% [markdown]
# Red explodes, blue vanishes, and 0 is full strength. The same, as claims:

# %%
power = {
    (depth, name, std, layer): measured[d, i, j, k]
    for d, depth in enumerate((3, 30))
    for i, name in enumerate(ACTIVATIONS)
    for j, std in enumerate(STD)
    for k, layer in enumerate(("first", "last"))
}
for key in [(30, "sigmoid", "Glorot"), (30, "relu", "0.01"), (30, "relu", "He"), (30, "tanh", "1")]:
    ends = [power[(*key, layer)] for layer in ("first", "last")]
    print("{} layers, {}, {}: first and last layer, powers of ten".format(*key), end=" ")
    print(f"≈ {ends[0]:.1f} and {ends[1]:.1f}")
usual = [power[3, n, s, "first"] for n in ACTIVATIONS if n != "sigmoid" for s in ("Glorot", "He")]
claim("3 layers, Glorot or He, no sigmoid: within a factor of 10", max(np.abs(usual)) < 1)
sigmoid_ends = power[30, "sigmoid", "Glorot", "first"], power[30, "sigmoid", "Glorot", "last"]
claim("30 sigmoids: the first is under 10⁻¹⁵", sigmoid_ends[0] < -15)
claim("and their last one nearly whole", sigmoid_ends[1] > -1.5)
tiny = [power[30, "relu", "0.01", layer] for layer in ("first", "last")]
claim("30 ReLUs, 0.01: the first and the last are under 10⁻³⁰", max(tiny) < -30)
he = [power[30, "relu", "He", layer] for layer in ("first", "last")]
claim("30 ReLUs, He: both within a factor of 30", max(np.abs(he)) < 1.5)
claim("30 ReLUs, Glorot: under a thousandth", power[30, "relu", "Glorot", "first"] < -3)
claim("30 ReLUs, std 1: over 10²⁰", power[30, "relu", "1", "first"] > 20)
claim("30 sigmoids, std 1: within a factor of 100", power[30, "sigmoid", "1", "first"] > -2)
saturated = [power[30, "tanh", "1", layer] for layer in ("first", "last")]
claim("30 tanhs, std 1: the first explodes", saturated[0] > 6)
claim("and the last is nearly whole", abs(saturated[1]) < 1.5)

# %% [markdown]
# Read the three panels side by side.
#
# - **Depth is the disease.** With three layers, Glorot's weights are fine for every activation here but the sigmoid. Whoever trains shallow networks seldom meets the trouble.
# - **Sigmoid:** the slides are right. The forward signal stays near ½, so the last layer learns, and the first does not.
# - **ReLU with small weights:** the slides are wrong. *No* layer learns. As [chapter 04](04_architectures.ipynb) found for convolutions, a kernel's gradient is the forward signal times the backward one. Here both shrink, from opposite ends, and every layer has all the layers of the network against it.
# - **tanh with weights that are too large:** its last layer is nearly whole, and its first explodes. A saturated unit holds the forward signal in bounds. That does not bound the gradient.
#
# Are these gradients Keras' own? Read them off one step of `SGD(1.0)`, old weights minus new:


# %%
def sum_of_products(g, out):
    return keras.ops.sum(g * out)  # a loss whose gradient with respect to out is g


rng = np.random.default_rng(3)
x, g = rng.normal(size=(2, 16, 20)).astype("float32")
model = keras.Sequential([keras.Input((20,))])
for _ in range(5):
    model.add(layers.Dense(20, activation="elu", use_bias=False))
before = model.get_weights()
model.compile(keras.optimizers.SGD(1.0), sum_of_products, run_eagerly=True)
model.train_on_batch(x, g)

value, slope = ACTIVATIONS["elu"]
h, a = [x], []
for kernel in before:
    a.append(h[-1] @ kernel)
    h.append(value(a[-1]))
for layer in reversed(range(5)):
    g = g * slope(a[layer])
    theirs = before[layer] - model.get_weights()[layer]
    assert_allclose(theirs, h[layer].T @ g, atol=2e-4)
    g = g @ before[layer].T
print("five layers: our gradients are those of Keras")

# %% [markdown]
# ## Initialization, from two lines of algebra
#
# Where do the numbers under "Glorot" and "He" come from? Follow the variance through one layer, $a = \sum_{i=1}^{n_\text{in}} w_i h_i$, with independent weights of mean 0 and variance $v$. Each product has variance $v\,E[h_i^2]$, and there are $n_\text{in}$ of them. Backwards, $g_i = \sum_{j=1}^{n_\text{out}} w_{ij} δ_j$ is a sum of $n_\text{out}$ terms:
#
# $$\text{forward: } \operatorname{Var}(a) = n_\text{in}\, v\, E[h^2], \qquad \text{backward: } \operatorname{Var}(δ) = n_\text{out}\, v\, E[φ'(a)^2]\, \operatorname{Var}(δ_\text{next}).$$
#
# $n_\text{in}$ and $n_\text{out}$ are called **fan-in** and **fan-out**. Now ask that nothing change from layer to layer:
#
# | name | the wish | variance $v$ |
# | --- | --- | --- |
# | LeCun {cite}`lecun1998b` | level forwards, activation like $φ(a) = a$ near 0 | $1/n_\text{in}$ |
# | Glorot {cite}`glorot2010` | level forwards *and* backwards: a compromise | $2/(n_\text{in} + n_\text{out})$ |
# | He {cite}`he2015` | level for ReLU, where half of all $h$ and half of all slopes are 0 | $2/n_\text{in}$ |
#
# ReLU keeps half of a symmetric $a$, so $E[h^2] = \operatorname{Var}(a)/2$ and $E[φ'^2] = ½$: He's 2 pays for that half. **Predict** for a layer from 300 to 100 without activation: by which factor does each of the three change the variance, forwards and backwards?

# %%
rng = np.random.default_rng(0)
signal, back = rng.normal(size=(500, 300)), rng.normal(size=(500, 100))
for name, v in {"lecun_normal": 1 / 300, "glorot_uniform": 2 / 400, "he_normal": 2 / 300}.items():
    kernel = to_numpy(keras.initializers.get(name)((300, 100)))
    assert_allclose(kernel.std(), v**0.5, rtol=0.03)
    forwards, backwards = (signal @ kernel).var(), (back @ kernel.T).var()
    assert_allclose([forwards, backwards], [300 * v, 100 * v], rtol=0.2)
    print(f"{name:14} forwards 300 v = {300 * v:.2f}, backwards 100 v = {100 * v:.2f}, ", end="")
    print(f"measured ≈ {forwards:.2f}, {backwards:.2f}")

# %% [markdown]
# No number can be level both ways, unless the layer is as wide as the one before. Glorot's is off by 1.5 one way and by 2 the other.
#
# Two details of Keras. The initializer of `Dense` and `Conv2D` is Glorot's *uniform* one, whatever the activation. If you want He's under your ReLUs you must ask for it. And `he_normal` is not a normal distribution:

# %%
kernel = to_numpy(keras.initializers.HeNormal(seed=0)((300, 1000)))
largest = abs(kernel).max() / (2 / 300) ** 0.5
print(f"largest of 300,000 weights, in standard deviations ≈ {largest:.2f}")
claim("it is cut at 2 / 0.8796 standard deviations", largest < 2 / 0.8796 + 0.001)

# %% [markdown]
# Numbers beyond two standard deviations are thrown away and drawn anew. That would make the spread 0.8796 of what was asked, so Keras starts with a larger one.
#
# ### One curve for each activation
#
# The two equations hold for any activation, if the averages are taken over $a$. With many inputs $a$ is nearly normal, being a sum of many small terms, so they are integrals over a bell curve. Let `scale` be the weights' standard deviation times $\sqrt n$: 1 for LeCun, $\sqrt 2$ for He. Let the forward variance settle, then ask for the gradient's factor per layer:


# %%
def per_layer(activation, scale):
    """The factor by which a layer changes the length of the gradient, once it has settled."""
    value, slope = ACTIVATIONS[activation]
    z = np.linspace(-8, 8, 2001)
    bell = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    std = scale
    for _ in range(30):  # layers
        std = np.clip(scale * np.sqrt((bell * value(std * z) ** 2).sum()), 1e-9, 1e9)
    return scale * np.sqrt((bell * slope(std * z) ** 2).sum())


scales = np.geomspace(0.3, 16, 40)
factors = {name: [per_layer(name, s) for s in scales] for name in ACTIVATIONS}

# %% mystnb={"image": {"alt": "Factor per layer against the scale of the weights, one curve for each activation, on logarithmic axes. ReLU crosses 1 at the square root of 2, tanh lies flat along 1 from scale 1 on before it rises, selu crosses a little before 1, and the sigmoid stays below 1 until the scale is about 10."}}
_, axis = plt.subplots(figsize=(figures.WIDTH, 3.2))
styles = ["-", "--", "-", ":", "-.", "-."]
for (name, values), style in zip(factors.items(), styles, strict=True):
    axis.loglog(scales, values, style, label=name)
axis.axhline(1, color="gray", linewidth=0.8)
axis.set(xlabel="standard deviation of the weights × √n", ylabel="gradient's factor per layer")
axis.set(ylim=(0.05, 10), xticks=[0.5, 1, 2**0.5, 4, 10])
axis.set_xticklabels(["0.5", "1", "√2", "4", "10"])
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# Read off where each curve crosses the line, and put the theory to the test of the table above:

# %%
for name in ACTIVATIONS:
    crossing = np.interp(1, factors[name], scales)
    glorot, he = per_layer(name, 1), per_layer(name, 2**0.5)
    print(f"{name:10} factor at LeCun {glorot:.2f}, at He {he:.2f}", end="; ")
    print(f"reaches 1 at a scale of about {crossing:.1f}")
predicted = 29 * np.log10(per_layer("sigmoid", 1))
claim(
    "the curve foretells the sigmoid's loss over 29 layers to a factor of 10",
    abs(predicted - (sigmoid_ends[0] - sigmoid_ends[1])) < 1,
)

# %% [markdown]
# Where a curve crosses 1 is that activation's initialization. ReLU crosses at $\sqrt2$: He. tanh, ELU and SELU are close to the line between about 1 and $\sqrt2$: LeCun, or Glorot. And the sigmoid? It has an initialization that keeps its gradients level: a scale of about 10, ten times LeCun's. (The table has it, too: with 128 units, a standard deviation of 1 is a scale of $\sqrt{128}$, about 11, and the sigmoid's first layer was hardly worse off than its last.) There most units are saturated, and a few steep ones carry everything. (A level gradient is needed for learning, and it is not enough. That such a network learns is not shown here.)
#
# All three choices are yours below: depth, activation, initialization. **Predict** for twenty layers of sigmoids with Glorot's initialization: are the activations of the last layer spread out, or all alike? And how much does one of them change from *example* to example?

# %%
signal_flow()

# %% [markdown]
# Spread out they are, from unit to unit. But each unit says nearly the same of every example: forwards, too, the signal has died, and a histogram of all activations does not show it.
#
# ## ReLU and its relatives
#
# | activation | for $a<0$ | slope there | note |
# | --- | --- | --- | --- |
# | ReLU {cite}`nair2010` | 0 | 0 | cheap; can die |
# | leaky ReLU {cite}`maas2013` | $0.01a$ in the paper | small, constant | cannot die |
# | ELU {cite}`clevert2016` | $e^a - 1$ | $e^a$ | mean closer to 0; costs an exponential |
# | SELU {cite}`klambauer2017` | $λα(e^a-1)$ | $λα\,e^a$ | its own fixed point, with LeCun's weights |
# | SiLU, GELU {cite}`hendrycks2016` | small and negative | both signs | smooth; usual in today's networks |
#
# Leaky ReLU has two names in Keras, and two slopes:

# %%
minus_one = np.array([-1.0], "float32")
as_string = float(to_numpy(keras.activations.get("leaky_relu")(minus_one))[0])
as_layer = float(to_numpy(layers.LeakyReLU()(minus_one))[0])
print(f'activation="leaky_relu" of −1: {as_string:.1f}')
print(f"LeakyReLU() of −1:             {as_layer:.1f}")

# %% [markdown]
# State the slope where it matters to you. Next, SELU. Its two odd numbers are chosen so that mean 0 and variance 1 are a fixed point that *attracts* {cite}`klambauer2017`. **Predict:** start with inputs of mean 2 and standard deviation 3. What becomes of them in 30 layers of SELU, and what in ELU, tanh and ReLU?

# %%
start = np.random.default_rng(0).normal(2, 3, size=(200, 256))
ends = {}
for name, scale in [("selu", 1), ("elu", 1), ("tanh", 1), ("relu", 2**0.5)]:
    rng, h = np.random.default_rng(1), start
    for _ in range(30):
        h = ACTIVATIONS[name][0](h @ rng.normal(scale=scale / 16, size=(256, 256)))
    ends[name] = h.mean(), h.std()
    print(f"{name:5} after 30 layers: mean and standard deviation ≈ {h.mean():.2f}, {h.std():.2f}")
claim("SELU: mean within 0.3 of 0", abs(ends["selu"][0]) < 0.3)
claim("SELU: standard deviation within 0.3 of 1", abs(ends["selu"][1] - 1) < 0.3)
size = np.hypot(*ends["relu"]) / np.hypot(2, 3)
claim("ReLU with He's weights: root mean square within a factor of 4", 0.25 < size < 4)
claim("ELU and tanh: standard deviation below 0.3", max(ends["elu"][1], ends["tanh"][1]) < 0.3)

# %% [markdown]
# SELU forgets where it came from. ReLU keeps whatever it got, and ELU and tanh fade slowly. SELU's promise holds for plain stacks of dense layers with LeCun's weights; with shortcuts or ordinary dropout its argument no longer applies.
#
# ### Dead units
#
# A ReLU whose sum $a$ is negative for *every* example passes on nothing: its output is 0, its slope is 0, the gradient of its weights is 0. It is **dead**. How many are there, and what kills them? A small network in NumPy, two hidden layers of 100 units on scikit-learn's 8×8 digits, that can switch between ReLU (`slope=0`) and leaky ReLU:

# %%
from sklearn.datasets import load_digits

small = load_digits()
images, labels = (small.data / 16)[:1000], small.target[:1000]


def forward(network, x, slope=0.0):
    """The sums a of every layer, and the inputs h of every layer."""
    a, h = [], [x]
    for kernel, bias in network:
        a.append(h[-1] @ kernel + bias)
        h.append(np.where(a[-1] > 0, a[-1], slope * a[-1]))
    return a, h


def dead(network, slope=0.0):
    """For each hidden unit: is it negative on all images?"""
    return [(a <= 0).all(axis=0) for a in forward(network, images, slope)[0][:-1]]


# %%
def train_small(network, learning_rate, epochs, slope=0.0):
    """Plain gradient descent with softmax and cross-entropy, 50 images a batch; a new list."""
    network = [(kernel.copy(), bias.copy()) for kernel, bias in network]
    for batch in list(range(0, 1000, 50)) * epochs:
        x, y = images[batch : batch + 50], labels[batch : batch + 50]
        a, h = forward(network, x, slope)
        shares = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
        g = (shares / shares.sum(axis=1, keepdims=True) - np.eye(10)[y]) / 50
        for i in reversed(range(3)):
            kernel, bias = network[i]
            back = g @ kernel.T
            network[i] = kernel - learning_rate * h[i].T @ g, bias - learning_rate * g.sum(axis=0)
            g = back * np.where(a[i - 1] > 0, 1, slope) if i else None
    return network


def accuracy(network, slope=0.0):
    return (forward(network, images, slope)[0][-1].argmax(axis=1) == labels).mean()


# %% [markdown]
# **Predict:** of 100 ReLUs in the first layer, how many are dead before training, after training with a learning rate of 0.1, and after a short training with 1.5?

# %%
rng = np.random.default_rng(0)
sizes = [(64, 100), (100, 100), (100, 10)]
fresh = [(rng.normal(scale=(2 / n) ** 0.5, size=(n, m)), np.zeros(m)) for n, m in sizes]
gentle, rough = train_small(fresh, 0.1, epochs=8), train_small(fresh, 1.5, epochs=3)
for name, network in [("fresh", fresh), ("rate 0.1", gentle), ("rate 1.5", rough)]:
    first, second = (d.sum() for d in dead(network))
    print(f"{name:9} dead in layers 1 and 2, accuracy ≈ {first}, {second}, {accuracy(network):.0%}")
few = [dead(network)[0].sum() < 15 for network in (fresh, gentle)]
claim("layer 1, fresh and after 0.1: under 15 of 100", all(few))
claim("after 1.5: over 50", dead(rough)[0].sum() > 50)

# %% [markdown]
# Long steps kill. One long step can throw a unit's bias and weights so far into the negative that no image brings it back. Before training a few are dead by chance (the inputs are all positive here, so a unit with mostly negative weights never fires).
#
# Now rescue the network. Which of these can help?

# %%
quiz("07", "dead-relu")

# %%
with_relu = train_small(rough, 0.05, epochs=15)
with_leaky = train_small(rough, 0.05, epochs=15, slope=0.1)
before, relu_now, leaky_now = dead(rough), dead(with_relu), dead(with_leaky, 0.1)
kept = with_relu[0][0][:, before[0]] == rough[0][0][:, before[0]]
claim("ReLU, layer 1: the weights of its dead units have not changed by one bit", kept.all())
for name, now in [("ReLU", relu_now), ("leaky ReLU", leaky_now)]:
    back = [(was & ~is_dead).sum() for was, is_dead in zip(before, now, strict=True)]
    print(f"{name:10} revived in layers 1 and 2 ≈ {back[0]} and {back[1]}")
claim("leaky ReLU revives some of layer 1", (before[0] & ~leaky_now[0]).any())
claim("ReLU wakes some of layer 2", (before[1] & ~relu_now[1]).any())

# %% [markdown]
# A dead unit of the first layer sees the same images for ever, so plain gradient descent cannot bring it back: its weights are equal to the last bit. In layer 2 some wake up even so: their inputs, the outputs of layer 1, still change. A slope of 0.1 lets a little gradient through, enough to bring some of layer 1 back. The better cure is not to kill: a smaller learning rate, a warm-up, or the next trick.
#
# ## Batch normalization, by hand
#
# A good initialization sets the variances once. Batch normalization sets them anew at every step {cite}`ioffe2015`. For each feature, over a batch of $N$ examples:
#
# $$μ = \frac1N\sum_i x_i, \qquad s = \sqrt{\frac1N\sum_i (x_i-μ)^2 + ε}, \qquad \hat x_i = \frac{x_i-μ}{s}, \qquad y_i = γ\,\hat x_i + β .$$
#
# γ and β are learned: the layer may undo what was done. In **inference** there may be only one example, so μ and $s$ come from **moving averages** kept during training. With Keras' `momentum` of 0.99, each step sets *average* ← 0.99 · *average* + 0.01 · *batch*.

# %%
quiz("07", "bn-moving")

# %% [markdown]
# Forward, in both modes, and equal to Keras over three batches:


# %%
class BatchNorm:
    """Batch normalization of a matrix, examples × features."""

    def __init__(self, gamma, beta, epsilon=1e-3, momentum=0.99):
        self.gamma, self.beta = gamma, beta
        self.epsilon, self.momentum = epsilon, momentum
        self.mean, self.variance = np.zeros_like(gamma), np.ones_like(gamma)

    def __call__(self, x, training):
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            self.mean = self.momentum * self.mean + (1 - self.momentum) * mean
            self.variance = self.momentum * self.variance + (1 - self.momentum) * variance
        self.s = np.sqrt(variance + self.epsilon)
        self.normal = (x - mean) / self.s
        return self.gamma * self.normal + self.beta


# %%
rng = np.random.default_rng(5)
gamma, beta = rng.normal(1, 0.3, size=(2, 4)).astype("float32")
layer = layers.BatchNormalization()
layer.build((None, 4))
layer.set_weights([gamma, beta, np.zeros(4), np.ones(4)])
ours = BatchNorm(gamma, beta)
for _ in range(3):
    batch = rng.normal(5, 2, size=(32, 4)).astype("float32")
    assert_allclose(ours(batch, True), to_numpy(layer(batch, training=True)), atol=1e-5)
assert_allclose(ours.mean, layer.get_weights()[2], rtol=1e-5)
assert_allclose(ours.variance, layer.get_weights()[3], rtol=1e-5)
assert_allclose(ours(batch, False), to_numpy(layer(batch, training=False)), atol=1e-4)
spread = [to_numpy(layer(batch, training=mode)).std() for mode in (True, False)]
print(f"the same batch, standard deviation in training ≈ {spread[0]:.1f}")
print(f"and in inference, after three steps ≈ {spread[1]:.1f}")
print("outputs, moving mean and moving variance equal Keras'")
claim("in inference the same batch comes out over 1.5 times as wide", spread[1] > 1.5 * spread[0])

# %% [markdown]
# Three steps in, the moving averages know next to nothing of the data, and the same batch comes out far too wide. After 100 steps they still hold $0.99^{100}$, more than a third, of their starting values. So a *validation* score after a short first epoch can be terrible while the training score is good. Nothing is wrong with the network. Lower `momentum`, or wait.
#
# ### Backward
#
# The mean and $s$ depend on every example, so each example's gradient depends on all the others. With $g_i = ∂L/∂y_i$:
#
# $$\frac{∂L}{∂γ} = \sum_i g_i\,\hat x_i, \qquad \frac{∂L}{∂β} = \sum_i g_i, \qquad \frac{∂L}{∂x_i} = \frac{γ}{s}\Big(g_i - \overline{g} - \hat x_i\,\overline{g\hat x}\Big),$$
#
# where the bar is the mean over the batch. Read the bracket: the gradient, minus its mean, minus its part along $\hat x$. Both are directions in which moving the batch changes nothing: adding a constant to all $x_i$, and stretching all $x_i$ (but for ε).


# %%
def batch_norm_backward(norm, g):
    """Gradients of x, gamma and beta, after norm was called with training=True."""
    dgamma, dbeta = (g * norm.normal).sum(axis=0), g.sum(axis=0)
    within = g - g.mean(axis=0) - norm.normal * (g * norm.normal).mean(axis=0)
    return norm.gamma / norm.s * within, dgamma, dbeta


x, g = rng.normal(size=(2, 8, 4)).astype("float32")
model = keras.Sequential(
    [
        keras.Input((8,)),
        layers.Dense(4, use_bias=False),  # fed with the unit matrix: its output is its kernel
        layers.BatchNormalization(),
    ]
)
model.set_weights([x, gamma, beta, np.zeros(4), np.ones(4)])
model.compile(keras.optimizers.SGD(1.0), sum_of_products, run_eagerly=True)
_ = model.train_on_batch(np.eye(8, dtype="float32"), g)

# %% [markdown]
# To read the gradient of $x$ off a step of `SGD(1.0)`, $x$ must be a weight. So it is the kernel of a dense layer that is fed with the unit matrix.

# %%
norm = BatchNorm(gamma, beta)
norm(x, training=True)
by_hand = batch_norm_backward(norm, g)
theirs = [old - new for old, new in zip([x, gamma, beta], model.get_weights()[:3], strict=True)]
for name, mine, keras_gradient in zip(["x", "gamma", "beta"], by_hand, theirs, strict=True):
    assert_allclose(mine, keras_gradient, atol=1e-5)
    print(f"the gradient of {name} is that of Keras")
dx = by_hand[0]
claim("the gradient of x adds up to 0 in each feature", np.allclose(dx.sum(axis=0), 0, atol=1e-5))

# %% [markdown]
# What does the last claim mean for a bias that stands just before?

# %%
quiz("07", "bn-bias")

# %% [markdown]
# Stretching does nothing, either. **Predict:** all weights before a batch normalization are multiplied by 10. What becomes of the output, and of the weights' gradient?

# %%
inputs, kernel = rng.normal(size=(64, 20)), rng.normal(size=(20, 4))
g = rng.normal(size=(64, 4))
outputs, lengths = [], []
for factor in (1, 10):
    norm = BatchNorm(np.ones(4), np.zeros(4), epsilon=0)
    outputs.append(norm(inputs @ (factor * kernel), training=True))
    lengths.append(np.linalg.norm(inputs.T @ batch_norm_backward(norm, g)[0]))
claim("ten times the weights: the same output", np.allclose(outputs[0], outputs[1]))
claim("and a tenth of the gradient", np.isclose(lengths[1], lengths[0] / 10))

# %% [markdown]
# So weights ten times as large change a hundred times more slowly, relative to their size. Batch normalization makes the network blind to the scale of the weights and sensitive to it in its learning rate. That is one reason why bad initializations are forgiven after it. (It is not a cure for depth: in plain ReLU networks gradients *grow* on the way back through it, as [chapter 04](04_architectures.ipynb) measured.)
#
# ## Gradient clipping
#
# When a gradient explodes once in a while, cut it. There are two ways {cite}`pascanu2013`: **by value**, each number for itself, and **by norm**, the whole vector at once.

# %%
quiz("07", "clip-angle")

# %%
gradient = np.array([1.0, 100.0])
by_value = np.clip(gradient, -1, 1)
by_norm = gradient * min(1, 1 / np.linalg.norm(gradient))


def angle(u, v):
    cosine = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


print(f"by value: {by_value}, turned by {angle(gradient, by_value):.1f}°")
print(f"by norm:  {by_norm.round(3)}, turned by {angle(gradient, by_norm):.1f}°")

# %% [markdown]
# Clipping by value turns the gradient. A direction that hardly mattered now counts as much as the steepest one. By norm, the direction stays and only the length changes.
#
# Keras has three arguments for it: `clipvalue`, `clipnorm`, `global_clipnorm`. Here is a network with two variables, whose gradients together are $(3, 4, 0, 0.6, 0.8, 0)$: one of length 5, one of length 1. **Predict:** we ask for a norm of 1. How long is the step of `clipnorm=1`, and does it point where the gradient points?


# %%
def step_of(gradients, **options):
    """What SGD(1.0) with these options takes away from two variables at 0, as one vector."""
    variables = [keras.Variable(np.zeros(3, "float32")) for _ in gradients]
    arrays = [keras.ops.convert_to_tensor(np.array(g, "float32")) for g in gradients]
    keras.optimizers.SGD(1.0, **options).apply(arrays, variables)
    return -np.concatenate([to_numpy(v) for v in variables])


pair = [(3, 4, 0), (0.6, 0.8, 0)]
whole = step_of(pair)
for options in [{}, {"clipvalue": 1.0}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}]:
    step = step_of(pair, **options)
    name = next(iter(options), "no clipping")
    length, turn = np.linalg.norm(step), angle(step.astype(float), whole.astype(float))
    print(f"{name:16} length {length:.2f}, turned by {turn:.0f}°")

# %% [markdown]
# `clipnorm` clips **each variable for itself**. The first is cut to 1, the second is left at 1: a step of length $\sqrt2$, with another direction. In a network of 100 variables it can be 10 long. The paper cited above, and PyTorch's `clip_grad_norm_`, mean the norm over all variables together: in Keras that is `global_clipnorm`.
#
# One more question. A gradient with an infinity in it, or a NaN: does clipping rescue the step?

# %%
for bad in (np.inf, np.nan):
    broken = [(bad, 1, 1), (1, 1, 1)]
    for options in [{"clipvalue": 1.0}, {"global_clipnorm": 1.0}]:
        good = np.isfinite(step_of(broken, **options)).sum()
        print(f"{bad} in one of 6 places, {next(iter(options))}: {good} of 6 weights survive")

# %% [markdown]
# By value, an infinity becomes 1 and all is well. By global norm it ruins *every* weight: where the norm is not finite, Keras makes the whole step NaN, on purpose. A NaN is not repaired by either. Clipping limits long steps; it does not replace a look at why they happen.
#
# ## Optimizers, by hand
#
# Every optimizer takes the gradient $g$ and decides on a step. We write each as a function of the weights `w`, the gradient `g`, a dictionary `s` for what it remembers, the number `t` of the step (from 1), and the learning rate. First the family that averages *directions*:


# %%
def sgd(w, g, s, t, lr):
    return w - lr * g


def momentum(w, g, s, t, lr):  # SGD(momentum=0.9)
    s["m"] = 0.9 * s.get("m", 0) - lr * g
    return w + s["m"]


def nesterov(w, g, s, t, lr):  # SGD(momentum=0.9, nesterov=True)
    s["m"] = 0.9 * s.get("m", 0) - lr * g
    return w + 0.9 * s["m"] - lr * g


# %% [markdown]
# **Momentum** {cite}`polyak1964` keeps 0.9 of its last step and adds the new one, like a ball that rolls. If the gradient stays the same, how fast does it get?

# %%
quiz("07", "momentum-speed")

# %% [markdown]
# **Nesterov** {cite}`nesterov1983` takes the gradient not where the ball is, but where it will be if it rolls on: at $θ + 0.9\,m$ {cite}`sutskever2013`. The code above takes the gradient at `w`, as every optimizer does. How can that be the same? Its `w` *is* the point ahead. Check it on $f(θ) = θ^2$:

# %%
theta, m, w, state = 5.0, 0.0, 5.0, {}
for t in range(1, 11):
    m = 0.9 * m - 0.1 * 2 * (theta + 0.9 * m)  # the gradient of θ², taken ahead
    theta = theta + m
    w = nesterov(w, 2 * w, state, t, 0.1)
claim("Keras' weights are the point ahead, θ + 0.9 m", np.isclose(w, theta + 0.9 * m))

# %% [markdown]
# So with `nesterov=True` the weights that Keras evaluates and saves are, strictly, the point ahead. Near the end of training, when $m$ is small, nobody sees a difference.
#
# Next, the family that divides by *sizes*. **AdaGrad** {cite}`duchi2011` divides each weight's gradient by the root of the sum of all its squares so far. That sum only grows, so its steps only shrink. **RMSProp** {cite}`tieleman2012` forgets old squares:


# %%
def adagrad(w, g, s, t, lr):
    s["v"] = s.get("v", 0.1) + g**2  # Keras starts at 0.1, not at 0
    return w - lr * g / np.sqrt(s["v"] + 1e-7)


def rmsprop(w, g, s, t, lr):
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g**2
    return w - lr * g / np.sqrt(s["v"] + 1e-7)


# %% [markdown]
# **Adam** {cite}`kingma2015` does both: a running mean $m$ of the gradients over the root of a running mean $v$ of their squares. Both start at 0, so both are divided by what they lack, $1 - 0.9^t$ and $1 - 0.999^t$. **AdaMax** replaces the mean of squares by a slowly fading maximum. **Nadam** {cite}`dozat2016` looks ahead, as Nesterov does, with a momentum $u_t$ that rises from about half of 0.9 towards 0.9.


# %%
def adam(w, g, s, t, lr):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    rate = lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * s["m"] / (np.sqrt(s["v"]) + 1e-7)


def adamax(w, g, s, t, lr):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = np.maximum(0.999 * s.get("v", 0), abs(g))
    return w - lr * s["m"] / (1 - 0.9**t) / (s["v"] + 1e-7)


def nadam(w, g, s, t, lr):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    now, ahead = (0.9 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))  # u at this step, and the next
    s["u"] = s.get("u", 1) * now
    mean = ahead * s["m"] / (1 - s["u"] * ahead) + (1 - now) * g / (1 - s["u"])
    return w - lr * mean / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-7)


# %% [markdown]
# Eight functions. The test: 20 steps on the same random gradients, in ten weights whose gradients range from a millionth to a thousand, so that a wrong place of ε or a wrong start cannot hide.

# %%
OPTIMIZERS = {
    sgd: lambda lr: keras.optimizers.SGD(lr),
    momentum: lambda lr: keras.optimizers.SGD(lr, momentum=0.9),
    nesterov: lambda lr: keras.optimizers.SGD(lr, momentum=0.9, nesterov=True),
    adagrad: keras.optimizers.Adagrad,
    rmsprop: keras.optimizers.RMSprop,
    adam: keras.optimizers.Adam,
    adamax: keras.optimizers.Adamax,
    nadam: keras.optimizers.Nadam,
}


def keras_path(make, gradients, lr):
    """The weights after each of Keras' steps from 0."""
    variable, path = keras.Variable(np.zeros(gradients.shape[1], "float32")), []
    optimizer = make(lr)
    for g in gradients.astype("float32"):
        optimizer.apply([keras.ops.convert_to_tensor(g)], [variable])
        path.append(to_numpy(variable))
    return np.array(path)


# %%
def our_path(rule, gradients, lr):
    w, state, path = np.zeros(gradients.shape[1]), {}, []
    for t, g in enumerate(gradients, start=1):
        w = rule(w, g, state, t, lr)
        path.append(w)
    return np.array(path)


rng = np.random.default_rng(4)
gradients = rng.normal(size=(20, 10)) * np.geomspace(1e-6, 1e3, 10)
for rule, make in OPTIMIZERS.items():
    ours, theirs = our_path(rule, gradients, 0.01), keras_path(make, gradients, 0.01)
    travelled = abs(np.diff(ours, axis=0, prepend=0)).sum(axis=0)
    assert (abs(ours - theirs) < 1e-4 * travelled).all(), rule.__name__
    print(f"{rule.__name__:9} equals Keras' in 20 steps")

# %% [markdown]
# ### What the small print does
#
# Now use them. The first step of Adam:

# %%
quiz("07", "adam-first")

# %% [markdown]
# All eight, one step with a learning rate of 0.001, for gradients of five sizes:

# %%
sizes = np.array([[1e-5, 1e-2, 1.0, 1e2, 5e3]])
print("step ÷ 0.001, for g =", *(f"{size:8g}" for size in sizes[0]))
for rule in OPTIMIZERS:
    first = abs(our_path(rule, sizes, 0.001)[0]) / 0.001
    print(f"{rule.__name__:21}", *(f"{f:8.4g}" for f in first))
uncorrected = 0.1 / np.sqrt(0.001)
print(f"Adam, without its corrections: {uncorrected:.2f}")

# %% [markdown]
# Three things to see.
#
# - **Adam's first step is the learning rate**, for a gradient of 0.01 as for one of 5,000. It divides a gradient by itself, and only the sign is left.
# - The corrections make the first step *smaller*, not larger. Without them it would be 3.16 times as long: $m$ starts at a tenth of its value, but $v$ at a thousandth, and $0.1/\sqrt{0.001} = 3.16$. RMSProp has no corrections, and takes just such a first step ($1/\sqrt{0.1}$, the same number by chance).
# - **ε is not only a guard against 0.** Keras' RMSProp adds $10^{-7}$ *inside* the root, so gradients well below $10^{-3}$ get shorter steps: at $10^{-5}$, a hundred times shorter. Adam adds it outside the root, and loses a quarter there. AdaGrad's start at 0.1 does the same to gradients below 0.3.
#
# **Predict:** multiply the loss by 1,000 (someone used `sum` in place of `mean`). Which optimizers end at another place?

# %%
rng = np.random.default_rng(6)
gradients, ratios = rng.normal(size=(50, 30)), {}
for rule in OPTIMIZERS:
    end, scaled = (our_path(rule, c * gradients, 0.001)[-1] for c in (1, 1000))
    ratio = np.linalg.norm(scaled) / np.linalg.norm(end)
    print(f"{rule.__name__:9} goes this many times as far ≈ {ratio:.2f}")
    ratios[rule.__name__] = ratio
directions = [ratios[name] for name in ("sgd", "momentum", "nesterov")]
claim("SGD and its two relatives go 1,000 times as far", np.allclose(directions, 1000))
sized = [ratios[name] for name in ("rmsprop", "adam", "adamax", "nadam")]
claim("RMSProp, Adam, AdaMax and Nadam go as far as before", np.allclose(sized, 1, atol=1e-3))

# %% [markdown]
# (AdaGrad changes a little: its sum starts at 0.1.) So a learning rate of SGD belongs to one loss and one scale of the data. A learning rate of Adam is in the units of the *weights*. That is why 0.001 is a usable default for Adam, and why no number is right for SGD in general (Keras' 0.01 is only a place to begin).
#
# ### Paths on a long bowl
#
# The loss of the photograph in chapter 02 was a long, narrow valley. Its simplest model is $f(w) = ½(w_1^2 + 100\,w_2^2)$: a hundred times steeper in one direction than in the other. Plain gradient descent must keep its rate below $2/100$, or it diverges across the valley. Along the floor, such steps are tiny.
#
# To be fair to all, each gets the best learning rate of 41 between 0.001 and 10. The rules above also work on a whole column of learning rates at once, one run in each row. We count steps until the loss stays below a ten-thousandth of its start, in a valley along an axis, and in the same valley turned by 45°.

# %%
quiz("07", "tilted")


# %%
def race(rule, degrees, steps=600):
    """The best run: steps needed (inf: never), its learning rate, its path in the valley's axes."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, s], [-s, c]])
    curvature = turn.T @ np.diag([1.0, 100.0]) @ turn
    rates = np.geomspace(1e-3, 10, 41)[:, None]
    w, state, path = np.tile(np.array([-4.0, 1.0]) @ turn, (41, 1)), {}, []
    with np.errstate(all="ignore"):  # some rates diverge
        for t in range(1, steps + 1):
            path.append(w)
            w = rule(w, w @ curvature, state, t, rates)
        path = np.array(path)
        losses = np.einsum("tri,ij,trj->tr", path, curvature, path) / 2
        outside = ~(losses < 1e-4 * losses[0])
    needed = np.where(outside[-1], np.inf, steps - outside[::-1].argmax(axis=0))
    best = needed.argmin()
    return needed[best], rates[best, 0], path[:, best] @ turn.T


# %% [markdown]
# Each of the eight runs in both valleys:

# %%
runs = {(rule, degrees): race(rule, degrees) for rule in OPTIMIZERS for degrees in (0, 45)}
print("           steps needed: along an axis, turned by 45°, best rates")
for rule in OPTIMIZERS:
    (straight, rate, _), (turned, turned_rate, _) = runs[rule, 0], runs[rule, 45]
    print(f"{rule.__name__:9} ≈ {straight:4.0f} {turned:4.0f}   {rate:.3g} {turned_rate:.3g}")
steps = {(rule.__name__, degrees): run[0] for (rule, degrees), run in runs.items()}

# %% [markdown]
# And the ways they took in the turned valley:

# %% mystnb={"image": {"alt": "Eight small maps of the long bowl, one for each optimizer, with its path from the left to the minimum in the middle. Plain gradient descent and AdaGrad zigzag at first, then creep along the floor. Momentum, Adam and AdaMax weave across the floor all the way. Nesterov and Nadam soon follow the floor. RMSProp goes straight down to it, in very short steps."}}
figure, axes = plt.subplots(2, 4, figsize=(figures.WIDTH, 3.4), sharex=True, sharey=True)
along, across = np.meshgrid(np.linspace(-4.8, 1.5, 80), np.linspace(-1.6, 1.6, 60))
for axis, rule in zip(axes.flat, OPTIMIZERS, strict=True):
    needed, _, path = runs[rule, 45]
    bowl = (along**2 + 100 * across**2) / 2
    axis.contour(
        along, across, bowl, levels=np.geomspace(0.5, 130, 6), colors="silver", linewidths=0.8
    )
    axis.plot(*path[: int(min(needed, 599)) + 1].T, ".-", markersize=3, linewidth=0.8)
    axis.plot(0, 0, "x", color="black")
    axis.set(title=rule.__name__, xlim=(-4.8, 1.5), ylim=(-1.6, 1.6))
figure.supxlabel("along the valley", fontsize=9)
figure.supylabel("across the valley", fontsize=9)
plt.show()

# %% [markdown]
# The maps are drawn in the axes of the valley; for the optimizers it is turned by 45°. What they say, as claims:

# %%
overshoot = runs[momentum, 45][2][:, 0].max()
print(f"momentum swings past the minimum, along the valley, by ≈ {overshoot:.2f}")
claim("momentum overshoots", overshoot > 0.1)
half = steps["sgd", 0] / 2
claim(
    "and still needs less than half of plain gradient descent's steps", steps["momentum", 0] < half
)
claim("Nesterov needs fewer than momentum", steps["nesterov", 0] < steps["momentum", 0])
same = all(steps[name, 0] == steps[name, 45] for name in ("sgd", "momentum", "nesterov"))
claim("turned by 45°: the same number of steps for these three", same)
claim("AdaGrad: over ten times as many", steps["adagrad", 45] > 10 * steps["adagrad", 0])
claim("and more than plain gradient descent", steps["adagrad", 45] > steps["sgd", 45])

# %% [markdown]
# Adam is a mean of gradients over a root of a mean of squares. Which of the two carries it through the turned valley? Take the first away:


# %%
def adam_without_momentum(w, g, s, t, lr):
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    return w - lr * g / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-7)


bare = [race(adam_without_momentum, degrees)[0] for degrees in (0, 45)]
print(f"Adam without momentum, straight and turned ≈ {bare[0]:.0f} and {bare[1]:.0f}")
claim(
    "Adam: turned, less than half as many steps again", steps["adam", 45] < 1.5 * steps["adam", 0]
)
claim("without momentum: over five times as many", bare[1] > 5 * bare[0])
worse = [steps[name, 45] / steps[name, 0] for name in ("adamax", "nadam")]
claim("AdaMax and Nadam: over twice as many", min(worse) > 2)
rest = {rule: (runs[rule, 0][2][-1] ** 2 @ [1, 100]) / 2 for rule in (sgd, rmsprop)}
for rule, value in rest.items():
    print(f"{rule.__name__:7} loss after 600 steps ≈ {value:.0e}")
claim("RMSProp's is over 10,000 times as large", rest[rmsprop] > 1e4 * rest[sgd])

# %% [markdown]
# - **Momentum** is the one that looks bad, swinging past the goal, and is fast. Across the valley the pushes alternate and cancel; along the floor they add up.
# - **Methods that divide each weight's gradient by its size see the axes.** If the valley lies along one, they rescale it to a round bowl. AdaGrad is there in a handful of steps (with a little luck: its best rate is about the distance to the goal). If the valley is turned, each weight has the same mixture of steep and flat, and there is nothing to rescale: AdaGrad needs more steps than plain gradient descent. Adam minds less here, once its rate is chosen anew. What carries it is the momentum: without it, Adam minds a lot. AdaMax and Nadam do mind. Real losses have no reason to lie along the axes.
# - **RMSProp** never comes to rest. Its steps stay about as long as the learning rate, however small the gradient. It needs a rate that *falls*: hence schedules, below.
#
# One bowl without noise is not a network. It shows *mechanisms*, and no ranking.
#
# More surfaces, and your own start and rates. **Predict** for the saddle, with a start exactly on its ridge: which optimizers leave it?

# %%
optimizer_race()

# %% [markdown]
# None of the eight. On the ridge the gradient has no part across it, and a rule that only rescales gradients cannot invent one. Add a little noise, and all of them begin to leave: the noise of mini-batches is good for something.
#
# ## Two checks before a long training
#
# ### The update-to-weight ratio
#
# How long is one step, compared with the weights it changes? A rule of thumb wants about $10^{-3}$ per step for a kernel {cite}`karpathy2015`. Much more, and the initialization is being destroyed; much less, and nothing happens. One step of three optimizers on a small network:


# %%
def classifier(last="linear", initializer="he_normal", seed=0):
    """Two hidden layers for 8×8 digits; the ten outputs are taken as logits."""
    keras.utils.set_random_seed(seed)
    hidden = [
        layers.Dense(100, activation="relu", kernel_initializer=initializer) for _ in range(2)
    ]
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(10, activation=last)])


FROM_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
ratios = {}
for optimizer in (keras.optimizers.SGD(0.01), keras.optimizers.SGD(1.0), keras.optimizers.Adam()):
    model = classifier()
    model.compile(optimizer, FROM_LOGITS, run_eagerly=True)
    old = model.get_weights()[::2]
    model.train_on_batch(images[:100], labels[:100])
    new = model.get_weights()[::2]
    name = f"{type(optimizer).__name__}, rate {float(optimizer.learning_rate):.3g}"
    ratios[name] = [
        np.linalg.norm(n - o) / np.linalg.norm(o) for o, n in zip(old, new, strict=True)
    ]
    print(f"{name:16}, three kernels ≈", *(f"{r:.1e}" for r in ratios[name]))

# %%
adams = ratios["Adam, rate 0.001"]
claim("Adam at its default: each kernel by 0.2 to 2 %", all(2e-3 < r < 2e-2 for r in adams))
claim("SGD at 1: each by over 2 %", min(ratios["SGD, rate 1"]) > 0.02)
claim("SGD at 0.01: each by 0.02 to 1 %", all(2e-4 < r < 1e-2 for r in ratios["SGD, rate 0.01"]))

# %% [markdown]
# For Adam you can know it beforehand. Its first step moves every weight that gets a gradient by the learning rate, and He's weights have a standard deviation of $\sqrt{2/n}$: the ratio is $0.001\,\sqrt{n/2}$, for 64 inputs about 0.6 % (a little less here: some pixels are 0 in every image). It *grows* with the width of the layer. That is above the rule of thumb, and one reason for a warm-up.
#
# ### Overfit one batch
#
# Take 32 images and train on nothing else. A network with thousands of weights must learn them by heart, down to a loss near 0. If it cannot, there is a bug (or a hopeless learning rate), and you know in seconds. **Which** bugs does it find?

# %%
quiz("07", "one-batch")


# %%
def one_batch(targets, **options):
    """The mean loss of steps 81 to 100, all on the same 32 images."""
    model = classifier(**options)
    model.compile(keras.optimizers.Adam(0.01), FROM_LOGITS)
    x, y = np.tile(images[:32], (20, 1)), np.tile(targets, 20)  # an epoch: 20 times the batch
    history = model.fit(x, y, batch_size=32, epochs=5, shuffle=False, verbose=0)
    return history.history["loss"][-1]


shuffled = np.random.default_rng(0).permutation(labels[:32])
final = {
    "as it should be": one_batch(labels[:32]),
    "labels shuffled": one_batch(shuffled),
    "a tanh left on the output": one_batch(labels[:32], last="tanh"),
    "weights all zero": one_batch(labels[:32], initializer="zeros"),
}
for name, value in final.items():
    print(f"{name:27} loss ≈ {value:.3f}")

# %% [markdown]
# The least that is possible behind a tanh:

# %%
floor = np.log(1 + 9 / np.exp(2))
print(f"the least loss with logits between −1 and 1: ln(1 + 9/e²) = {floor:.3f}")
claim("as it should be: below 0.02", final["as it should be"] < 0.02)
claim("shuffled labels pass the test as well", final["labels shuffled"] < 0.02)
claim("a tanh on the output is found", final["a tanh left on the output"] > floor - 0.001)
claim("zero weights are found", final["weights all zero"] > 1)

# %% [markdown]
# The test finds what stops the *optimization*: outputs that cannot reach the target, gradients that do not arrive, layers that are frozen. It does not look at the data: 32 wrong labels are learned by heart as gladly as right ones. For those, look at the images with their labels.
#
# ## The learning rate
#
# If only one number can be tuned, tune this one. The slides draw four curves of the loss: *way too high* diverges, *too small* is slow, *too high* comes down fast and stays too high, and *just right*. Let us see whether real curves look like that.
#
# A small network on 1,000 digits is enough. We compile it once and set its weights back before each run, so that all runs begin at the same place.

# %%
digits = data.load("mnist", train=1300, test=1000)
x, y = digits.x_train[:1000], digits.y_train[:1000]
held_out = digits.x_train[1000:], digits.y_train[1000:]
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
start = model.get_weights()


# %%
def train(*callbacks, learning_rate=None, **settings):
    """Eight epochs of 50 steps from the same start; the mean loss of each epoch."""
    keras.utils.set_random_seed(0)  # the same order of the images
    model.set_weights(start)
    if learning_rate:
        model.optimizer.learning_rate = float(learning_rate)
    settings = {"epochs": 8, "batch_size": 20, "verbose": 0} | settings
    return model.fit(x, y, callbacks=list(callbacks), **settings).history["loss"]


# %% [markdown]
# **Predict:** with a rate of 10, where does the loss end? A network that knows nothing and says so, ten times 10 %, has a loss of $\ln 10 = 2.303$.

# %% mystnb={"image": {"alt": "Loss over eight epochs, on a logarithmic scale. With a learning rate of 10 it begins far above the others and ends above the loss of guessing. With 0.001 it has hardly moved. With 1 it hardly falls. With 0.1 it ends lowest."}}
losses = {f"rate {rate}": train(learning_rate=rate) for rate in (0.001, 0.1, 1, 10)}
figures.curves(losses, "epoch", "loss in training", log=True)
for name, values in losses.items():
    print(f"{name}: last epoch ≈ {values[-1]:.3f}")
slow, right, too_high, diverged = (values[-1] for values in losses.values())
claim("10: worse than knowing nothing", diverged > np.log(10) + 0.05)
claim("0.001: after 400 steps the loss is still above 1", slow > 1)
claim("1 ends far above 0.1", too_high > right + 0.5)

# %% [markdown]
# Nearly the slides' four curves (*too high* does not come down fast here), and one surprise: the rate of 10 does not send the loss to infinity. The first steps throw it far up, and then it *stands still*, a little above 2.303. What has become of the 32 hidden units?


# %%
def dead_units():
    """How many of the 32 hidden units answer to no image at all."""
    hidden = to_numpy(model.layers[1](x.reshape(1000, 784)))
    return int((hidden <= 0).all(axis=0).sum())


print(f"hidden units that answer to no image ≈ {dead_units()} of 32")
claim("all of them are dead", dead_units() == 32)

# %% [markdown]
# A few long steps have thrown them below zero for every image, and a dead ReLU passes no gradient back. Only the biases of the last layer still learn, with steps that are far too long. A flat loss curve can be a corpse.
#
# ## Find a rate without trying ten
#
# Train for a hundred steps while the rate grows from tiny to absurd, and write down the loss at each step {cite}`smith2017`. This **range test** costs about two epochs. By hand:


# %% mystnb={"image": {"alt": "Loss against the learning rate, both on logarithmic scales: flat on the left, then falling, lowest near a few tenths, then rising steeply."}}
def range_test(low, high, steps=100):
    """The loss at each step while the learning rate grows from low to high."""
    model.set_weights(start)
    rates, found = np.geomspace(low, high, steps), []
    batches = np.random.default_rng(0).integers(0, len(x), size=(steps, 20))
    for rate, batch in zip(rates, batches, strict=True):
        model.optimizer.learning_rate = rate
        found.append(float(model.train_on_batch(x[batch], y[batch])[0]))
        model.reset_metrics()  # else train_on_batch gives the mean so far
    return rates, np.convolve(found, np.ones(9) / 9, mode="same")  # smoothed


rates, smooth = range_test(1e-4, 30)
rates, smooth = rates[5:-5], smooth[5:-5]  # the ends of the smoothing
_, axis = plt.subplots(figsize=(figures.WIDTH, 2.8))
axis.loglog(rates, smooth)
axis.set(xlabel="learning rate", ylabel="loss, smoothed")
axis.set_yticks([2, 3, 5, 10], ["2", "3", "5", "10"])
axis.tick_params(axis="y", which="minor", labelleft=False)
plt.show()

# %% [markdown]
# Where in this curve is the rate to use? Not at the lowest point: there, growth is just beginning to win. The custom is to take a rate where the loss still falls clearly, a few times smaller.

# %%
lowest = rates[smooth.argmin()]
print(f"lowest loss at a rate of ≈ {lowest:.2f}")
print(f"a third of it ≈ {lowest / 3:.2f}")
claim("the test points between the slow and the diverging rate", 0.01 < lowest / 3 < 0.7)
claim("at the end of the test the loss is above its start", smooth[-1] > smooth[0])

# %% [markdown]
# The test has a weakness. It looks at the *first* steps only, and the loss lags behind the rate. It finds the right decade, not the right number.
#
# ## Let the rate change
#
# The slides' fifth curve begins high and then goes down: "perfect!" Far from a minimum, long steps are worth their noise. Near it, the noise is all that is left. A schedule is nothing but a function from the step to the rate. First one of them by hand:

# %%
quiz("07", "power-schedule")


# %%
def power(step, rate=0.3, decay=100):
    return rate / (1 + step / decay)


def exponential(step, rate=0.3, decay=200):
    return rate * 0.1 ** (step / decay)


def piecewise(step):
    return 0.3 if step < 200 else 0.03 if step < 300 else 0.003


def one_cycle(step, peak=0.3):
    """Straight lines for 400 steps: up for 160, down for 200, and a tail."""
    return float(np.interp(step, [0, 160, 360, 400], [peak / 10, peak, peak / 10, peak / 100]))


def warm_up(step, rate=0.4):
    return rate * min(1, (step + 1) / 100)


# %% [markdown]
# **Predict:** draw the five curves, then look. Two of them Keras has ready-made, under other names.

# %% mystnb={"image": {"alt": "The learning rate over 400 steps: power and exponential fall from the start, piecewise falls in two jumps, 1cycle rises to its peak at step 160 and falls, warm-up rises for 100 steps and stays."}}
SCHEDULES = {f.__name__: f for f in (power, exponential, piecewise, one_cycle, warm_up)}
steps = range(0, 400, 10)
figures.curves({name: [f(s) for s in range(400)] for name, f in SCHEDULES.items()}, "step", "rate")
keras_power = keras.optimizers.schedules.InverseTimeDecay(0.3, decay_steps=100, decay_rate=1)
keras_exponential = keras.optimizers.schedules.ExponentialDecay(0.3, 200, decay_rate=0.1)
print("rate at step:  ", *(f"{s:7}" for s in (0, 100, 200, 300)))
for name, f in SCHEDULES.items():
    print(f"{name:15}", *(f"{f(s):7.3f}" for s in (0, 100, 200, 300)))
for mine, theirs in [(power, keras_power), (exponential, keras_exponential)]:
    same = all(np.isclose(mine(s), float(theirs(s)), rtol=1e-4) for s in steps)
    claim(f"{mine.__name__}: Keras has it, and agrees", same)

# %% [markdown]
# **Power** falls fast and then ever more slowly (here with exponent 1). **Exponential** loses a factor of ten every 200 steps. **Piecewise constant** is a table. **1cycle** goes *up* first, to a rate that would be too high to begin with, and ends far below its start {cite}`smith2019`. It must know the number of steps beforehand. **Warm-up** is its climb alone, put before any other schedule.
#
# **Performance scheduling** needs no table: it watches a validation loss, and lowers the rate when that stops falling. In Keras it is `ReduceLROnPlateau`.
#
# Two things in Keras are called nearly alike. A `LearningRateScheduler` is a *callback*, asked once an epoch. A `LearningRateSchedule` is given to the *optimizer*, and asked at each step.

# %%
quiz("07", "schedule-unit")

# %% [markdown]
# So we write a callback of our own, asked at each step. All five start at, or rise to, the same 0.3; one keeps it. **Predict:** which has the lowest loss on the *training* images at the end, and which on the *test* images?


# %%
class AtEachStep(keras.callbacks.Callback):
    """Sets the rate before each step."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule, self.step = schedule, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.schedule(self.step)
        self.step += 1


final = {}
for schedule in (lambda step: 0.3, power, exponential, piecewise, one_cycle):
    train(AtEachStep(schedule))
    name = schedule.__name__.replace("<lambda>", "constant")
    final[name] = (
        model.evaluate(x, y, verbose=0)[0],
        *model.evaluate(digits.x_test, digits.y_test, verbose=0),
    )
    trained, tested, accuracy = final[name]
    print(
        f"{name:12} ≈ training loss {trained:.3f}, test loss {tested:.3f}, accuracy {accuracy:.3f}"
    )

# %%
tested = {name: values[1] for name, values in final.items()}
for name in ("power", "exponential", "piecewise", "one_cycle"):
    claim(f"{name} has a lower test loss than the constant rate", tested[name] < tested["constant"])

# %% [markdown]
# All four end below the constant rate on *test*, with the same number of steps. In training that need not be so: look at the first column, where the constant rate may even be ahead. A high rate at the end leaves the weights where the last batches threw them. That is not the same as a high training loss.
#
# One seed cannot name a winner among the four. When somebody reports that one schedule beats another, ask for the seeds.
#
# Draw your own, two at a time, and copy the call. **Predict** first: of power, exponential, piecewise and 1cycle, which has the highest *mean* rate over the 400 steps? One that only falls, or the one that has to climb first?

# %%
schedules()

# %% [markdown]
# Now the plateau, and the warm-up. Warm-up must change the rate *within* the first epochs, so it goes into the optimizer:

# %%
plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=1)
train(plateau, learning_rate=0.3, validation_data=held_out)
rate = float(to_numpy(model.optimizer.learning_rate))
print(f"performance schedule: the rate went from 0.3 to ≈ {rate:.3f}")
claim("it was lowered once or more", rate < 0.1)


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):  # a tensor: so keras.ops, and no `if`
        return 0.4 * keras.ops.minimum(1.0, (keras.ops.cast(step, "float32") + 1) / 100)


# %%
cold, killed = train(learning_rate=0.4), dead_units()
model.compile(keras.optimizers.SGD(WarmUp()), "sparse_categorical_crossentropy")
warm = train()
print(f"0.4 from the first step on: loss and dead units ≈ {cold[-1]:.3f}, {killed} of 32")
print(f"0.4 after 100 steps of warm-up ≈ {warm[-1]:.3f}, {dead_units()} of 32")
claim("with warm-up, at most one more unit has died", dead_units() <= killed + 1)
claim("the class does as the function", np.isclose(float(WarmUp()(30)), warm_up(30), rtol=1e-4))

# %% [markdown]
# The same final rate, the same number of steps, and only the first hundred were shorter. At random weights the gradients are large and say little. A long step there can kill units for good; a little later it does less harm. How much that is worth depends on how near the rate is to too high: at 0.4 it is a matter of a few units. Try 0.2 and 0.6. Training with large batches {cite}`goyal2017` and of transformers {cite}`vaswani2017` usually begins with a warm-up.
#
# ## Regularization
#
# Slides: networks have from $10^4$ to $10^9$ parameters, they can learn anything by heart, and must be kept from it. Before the tools, a question about the goal:

# %%
quiz("07", "narrower-gap")

# %% [markdown]
# ### Small weights: L1, L2, max-norm
#
# An **L2** penalty adds $λ\sum w^2$ to the loss, an **L1** penalty $λ\sum |w|$. Mind the factor in the gradient of a square:

# %%
quiz("07", "l2-step")

# %% [markdown]
# To see what each does alone, take three weights, and data that say nothing: a gradient of zero. **Predict** which rule makes a weight exactly 0, and which treats large and small weights alike.


# %%
def one_step(optimizer, gradient):
    weights = keras.Variable(np.array([2.0, 0.05, -0.01], "float32"))
    optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [weights])
    return to_numpy(weights)


SGD, Adam, AdamW = keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.AdamW
w, penalty = np.array([2.0, 0.05, -0.01]), 0.05
RULES = {
    "L2 with SGD": one_step(SGD(0.1), 2 * penalty * w),
    "L1 with SGD": one_step(SGD(0.1), penalty * np.sign(w)),
    "L2 with Adam": one_step(Adam(0.1), 2 * penalty * w),
    "AdamW": one_step(AdamW(0.1, weight_decay=2 * penalty), 0 * w),
    "max-norm 1": to_numpy(keras.constraints.MaxNorm(1.0)(w.astype("float32"))),
}
print(f"{'before':13}", w)
for name, after in RULES.items():
    print(f"{name:13}", np.round(after, 4) + 0.0)

# %% [markdown]
# - **L2** takes off one *percent* of each weight. It hurts the large ones and forgets the small ones.
# - **L1** takes the same *amount*, 0.005, off each. The smallest weight will be at 0 in two steps (with plain SGD it then jumps around 0; methods that stop there make it exactly 0).
# - **Max-norm** is no penalty: after each step, a vector of weights that is too long is cut to the given length. Vectors that are shorter are left alone.
# - **L2 with Adam** is the surprise: it moves *every* weight by 0.1, and even throws two of them across zero. Adam divides each gradient by its own size, so the size of the penalty is lost. The remedy is to leave the penalty out of the gradient, and to shrink the weights beside it: **decoupled weight decay**, AdamW {cite}`loshchilov2019`. Its row equals that of L2 with SGD.

# %%
claim("L2 with Adam moves all by 0.1", np.allclose(abs(RULES["L2 with Adam"] - w), 0.1, rtol=0.01))
claim("AdamW does what L2 does with SGD", np.allclose(RULES["AdamW"], RULES["L2 with SGD"]))

# %% [markdown]
# (Here Adam saw nothing but the penalty. With gradients from data the effect is milder: weights with large gradients are shrunk too little.)
#
# ### Noise: dropout
#
# **Dropout** sets units to 0 at random in training, so that no unit can rely on one other {cite}`srivastava2014`. For the next layer, the sum must stay the same on average:

# %%
quiz("07", "dropout-scale")

# %%
ones = np.ones((1, 10_000), "float32")
for training in (False, True):
    dropped = to_numpy(layers.Dropout(0.2)(ones, training=training))
    print(f"training={training}: values {np.unique(dropped)}")
    print(f"mean ≈ {dropped.mean():.2f}")
claim("the mean stays near 1", abs(dropped.mean() - 1) < 0.03)

# %% [markdown]
# Does it help? We live through it once: 300 digits, a network with far more weights than that, with and without dropout, and the loss on 300 digits that are held out. **Predict** both curves.


# %% mystnb={"image": {"alt": "Loss on held-out digits over 25 epochs. Without dropout it falls fast and then slowly rises again. With dropout it falls more slowly and ends lower."}}
def wide(rate):
    drop = [layers.Dropout(rate)] if rate else []
    hidden = [layers.Dense(128, activation="relu") for _ in range(2)]
    body = [layers.Flatten(), hidden[0], *drop, hidden[1], *drop]
    return keras.Sequential([keras.Input((28, 28, 1)), *body, layers.Dense(10, "softmax")])


curves, nets = {}, {}
for name, rate in [("no dropout", 0), ("dropout 0.5", 0.5)]:
    keras.utils.set_random_seed(0)
    nets[name] = net = wide(rate)
    net.compile(
        keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    settings = {"epochs": 25, "batch_size": 30, "verbose": 0, "validation_data": held_out}
    curves[name] = net.fit(x[:300], y[:300], **settings).history["val_loss"]
figures.curves(curves, "epoch", "loss on held-out digits")

# %%
measured = {}
for name, net in nets.items():
    (_, trained), (loss, tested) = (
        net.evaluate(*part, verbose=0)
        for part in [(x[:300], y[:300]), (digits.x_test, digits.y_test)]
    )
    print(
        f"{name:12} ≈ accuracy in training {trained:.3f}, on test {tested:.3f}, test loss {loss:.3f}"
    )
    measured[name] = loss, tested
(plain_loss, plain_accuracy), (loss, tested) = measured.values()
claim("dropout lowers the test loss", loss < plain_loss)
claim("and changes the accuracy by less than 4 points", abs(tested - plain_accuracy) < 0.04)
plain = curves["no dropout"]
claim("without dropout, the held-out loss has been lower before", min(plain) < plain[-1] - 0.02)

# %% [markdown]
# Compare the lowest points of the curves as well, not only their ends. The last claim is all there is to **early stopping**: hold some images out, watch their loss, stop when it has not improved for a while (`patience`), and *go back to the best weights* (`EarlyStopping(restore_best_weights=True)`; without this argument Keras keeps the last ones). Note also what hardly changed: the accuracy. The network makes about as many errors as before, and pays less for them. **The loss and the accuracy are two different questions.**
#
# ### Ask the noise for an opinion: Monte Carlo dropout
#
# Keep dropout on while *predicting*, ask fifty times, and look at how far the answers lie apart {cite}`gal2016`. A wide spread should mean "I do not know". **Predict:** is the spread larger where the network errs? And does it find errors better than the plain softmax, asked once?

# %%
from sklearn.metrics import roc_auc_score

net = nets["dropout 0.5"]
some, truth = digits.x_test[:500], digits.y_test[:500]
once = to_numpy(net(some))  # dropout off
many = to_numpy(net(np.tile(some, (50, 1, 1, 1)), training=True)).reshape(50, 500, 10)
answer = once.argmax(axis=1)
wrong = answer != truth
spread = many.std(axis=0)[np.arange(500), answer]  # of the probability of its answer
print(f"spread where it is right ≈ {spread[~wrong].mean():.2f}")
print(f"spread where it is wrong ≈ {spread[wrong].mean():.2f}")
claim("the spread is larger where it is wrong", spread[wrong].mean() > 1.15 * spread[~wrong].mean())

# %%
by_spread = roc_auc_score(wrong, spread)
by_softmax = roc_auc_score(wrong, -once.max(axis=1))
print(f"errors found by the spread (1 is perfect, ½ is chance) ≈ {by_spread:.2f}")
print(f"errors found by one plain softmax ≈ {by_softmax:.2f}")
sure, mean_sure = once.max(axis=1)[wrong].mean(), many.mean(axis=0).max(axis=1)[wrong].mean()
print(f"how sure it is of its errors, asked once ≈ {sure:.0%}")
print(f"mean of fifty answers ≈ {mean_sure:.0%}")
claim("one plain softmax finds errors better than the spread", by_softmax > by_spread + 0.02)
claim("the mean of fifty is less sure of its errors", mean_sure < sure - 0.05)
right, mean_right = (p.max(axis=1)[~wrong].mean() for p in (once, many.mean(axis=0)))
claim("and less sure where it is right, too", mean_right < right)

# %% [markdown]
# Yes to the first, no to the second. The spread tells something, but here one plain answer tells more, at a fiftieth of the price. What fifty answers do buy is modesty: their *mean* is less sure where it is wrong. Where it is right, it is less sure, too. (`training=True` switches *every* layer to training. In a network with batch norm this also normalizes by the batch. Then the answer for an image depends on its neighbours in the batch.)
#
# ### Softer targets, other images
#
# **Label smoothing** tells the network that its targets are not certain: mix each one-hot target with a uniform one {cite}`szegedy2016`.

# %%
quiz("07", "smooth-target")

# %%
hard, soft = (keras.losses.CategoricalCrossentropy(label_smoothing=s) for s in (0, 0.1))
target = np.eye(10, dtype="float32")[:1]
print("probability of the right class, hard loss, soft loss:")
for p in (0.5, 0.91, 0.99, 0.9999):
    answer = np.full((1, 10), (1 - p) / 9, "float32")
    answer[0, 0] = p
    print(f"{p:7}  {float(hard(target, answer)):.3f}  {float(soft(target, answer)):.3f}")

# %% [markdown]
# The hard loss rewards every further 9. The soft one is lowest at 0.91, and *punishes* more certainty. Scores need not run off to infinity.
#
# **Augmentation** shows each image a little changed: flipped, shifted, turned, as long as its class stays what it is (a mirrored cat is a cat, a mirrored 2 is no digit). And **batch normalization**, from the first half of this chapter, adds noise of its own: each image is normalized with the others of its batch.
#
# ### All of them, on the same few photographs
#
# 500 images of CIFAR-10, a network of two strided convolutions and a hidden layer, 30 epochs. One remedy at a time, at a common strength that was set beforehand and not tuned, with several seeds, on real photographs and on the stand-in. It takes too long for this page, so it was measured by a command:

# %%
report = data.results("regularizers")
print("command:", report["command"])
print("device: ", report["device"], "on", report["date"])


def table(part, source):
    """Print a line for each name; return {name: {"train_accuracy": values of all seeds, …}}."""
    found = {}
    for row in report["rows"]:
        if (row["part"], row["source"]) == (part, source):
            values = found.setdefault(row["name"], {})
            for key in ("train_accuracy", "test_accuracy", "test_loss"):
                values.setdefault(key, []).append(row[key])
    print(f"\n{source:26}seeds  train   test  (range)         gap  test loss")
    for name, values in found.items():
        trained, tested, loss = (np.mean(v) for v in values.values())
        low, high = min(values["test_accuracy"]), max(values["test_accuracy"])
        print(f"{name:26}{len(values['test_loss']):4}  {trained:6.3f} {tested:6.3f}", end="")
        print(f"  {low:.3f}–{high:.3f}  {trained - tested:6.3f}  {loss:6.2f}")
    return found


# %% [markdown]
# **Predict** before you look: which of them narrow the gap, which raise the accuracy on test, and which do both? The last line is no regularizer, and there for comparison.

# %%
real, made = (table("regularizers", source) for source in ("real", "stand-in"))

# %% mystnb={"image": {"alt": "One line for each remedy, from its accuracy on test to its accuracy in training. All lines but those of batch norm and label smoothing are shorter than without a remedy. Only with dropout, augmentation, both, and four times the images does the left end move clearly to the right."}}
_, axis = plt.subplots(figsize=(figures.WIDTH, 3.6))
for place, values in enumerate(real.values()):
    ends = np.mean(values["test_accuracy"]), np.mean(values["train_accuracy"])
    axis.plot(ends, [place, place], color="0.7")
    axis.plot(
        values["test_accuracy"], [place] * len(values["test_accuracy"]), "o", ms=4, color="C0"
    )
    axis.plot(
        values["train_accuracy"], [place] * len(values["test_accuracy"]), "x", ms=5, color="C1"
    )
axis.axvline(np.mean(real["none"]["test_accuracy"]), color="C0", lw=0.8, ls=":")
axis.set(yticks=range(len(real)), yticklabels=list(real))
axis.set(xlabel="accuracy (dots: test, crosses: training; one for each seed)", ylabel="remedy")
axis.invert_yaxis()
plt.show()


# %% [markdown]
# In words, by two rules that leave no room for taste: a *narrower* gap is narrower by 3 points and more on average, and *better* means that the worst seed beats the best one without a remedy.


# %%
def mean(found, name, key="test_accuracy"):
    return np.mean(found[name][key])


def gap(found, name):
    return mean(found, name, "train_accuracy") - mean(found, name)


for found, where in [(real, "real"), (made, "stand-in")]:
    narrower = [n for n in found if gap(found, n) < gap(found, "none") - 0.03]
    better = [
        n for n in found if min(found[n]["test_accuracy"]) > max(found["none"]["test_accuracy"])
    ]
    only_narrower = [n for n in narrower if mean(found, n) < mean(found, "none") + 0.01]
    print(f"{where}\n  narrow the gap by 3 points: {', '.join(narrower)}")
    print(f"  better on test, every seed than any without: {', '.join(better)}")
    print(f"  narrow the gap, and gain less than a point: {', '.join(only_narrower)}")

# %% [markdown]
# The claims below hold for both kinds of images:

# %%
for found, where in [(real, "real"), (made, "stand-in")]:
    both = all(
        gap(found, n) < gap(found, "none") - 0.1 and mean(found, n) > mean(found, "none") + 0.02
        for n in ("dropout 0.5", "augmentation")
    )
    claim(f"{where}: dropout and augmentation do both", both)
    narrow = gap(found, "L2 0.01") < gap(found, "none") - 0.1
    level = mean(found, "L2 0.01") < mean(found, "none") + 0.02
    claim(f"{where}: a strong L2 narrows the gap and raises nothing", narrow and level)
    halved = mean(found, "early stopping", "test_loss") < 0.75 * mean(found, "none", "test_loss")
    claim(f"{where}: early stopping cuts the test loss by a quarter and more", halved)
    stopped = [gap(found, "none") - gap(found, n) for n in ("early stopping", "max-norm 1")]
    claim(f"{where}: early stopping and max-norm narrow the gap by 5 points", min(stopped) > 0.05)
    claim(f"{where}: batch norm raises nothing", mean(found, "batch norm") < mean(found, "none"))
    four = mean(found, "4 times the images", "test_loss") - mean(found, "none", "test_loss")
    claim(f"{where}: four times the images do not lower the test loss", four > 0)

# %% [markdown]
# **Some remedies narrow the gap from the wrong side.** A strong L2, max-norm and early stopping take accuracy away in *training*, and the accuracy on test stays about where it was, or falls with it. (Early stopping also pays for the fifth of the images that it holds out.) The weaker L1 and L2 do less. A gap that shrinks this way is no success: a network that knows nothing has no gap at all.
#
# What these three do repair is the *loss* on test. Cross-entropy punishes a network that is sure of its errors. If you need probabilities, this counts. If you only need the class, it does not.
#
# Dropout and augmentation raise the accuracy. Batch norm is listed among regularizers on the slides; on so few images it learned everything by heart all the same, and was no better on test. Compare all with the last line, four times the images (and so four times the steps). Its accuracy is higher, and augmentation gets near it, or past it, without one new photograph. Its test *loss* is no better than without a remedy: more images, too, can be learned by heart.
#
# ## The slides' table of defaults, put to the test
#
# The slides end with a table for deep networks: He initialization; ELU; batch norm if the network is deep; early stopping, and L2 if needed; momentum (or RMSProp or Nadam); 1cycle. A good test changes one row at a time. Ten convolutions, 1,500 photographs, 8 epochs, several seeds. ("today's habits" changes several rows at once; it and "no early stopping" hold no images out, so they train on more.)
#
# **Predict:** which row costs most when it alone is changed? And which initialization is better here, He's or Glorot's?

# %%
slides, slides_made = (table("defaults", source) for source in ("real", "stand-in"))

# %%
base = slides["the slides' table"]["test_accuracy"]
print("against the slides' table, real photographs, same seeds:")
for name, values in list(slides.items())[1:]:
    difference = np.array(values["test_accuracy"]) - base[: len(values["test_accuracy"])]
    verdict = "better" if (difference > 0).all() else "worse" if (difference < 0).all() else "open"
    print(f"{name:26}{100 * difference.mean():+5.1f} points, {verdict}")

# %% [markdown]
# "Better" and "worse" stand only where *all* seeds agree. Everything else is open: with this few images and seeds, it cannot be told from chance.
#
# A row of such a table is worth more or less according to the others. Does the initialization count, if batch norm puts every layer right again?

# %%
for found, where in [(slides, "real"), (slides_made, "stand-in")]:
    table_, bare = mean(found, "the slides' table"), mean(found, "no batch norm")
    with_norm = table_ - mean(found, "Glorot")
    without = bare - mean(found, "no batch norm, Glorot")
    print(f"{where}: He minus Glorot, with batch norm {100 * with_norm:+.1f} points,", end="")
    print(f" without {100 * without:+.1f} points")
    claim(f"{where}: without batch norm He is over 3 points better", without > 0.03)
    claim(f"{where}: with it He is no better", with_norm < 0.01)
    worst_of_table = min(found["the slides' table"]["test_accuracy"])
    constant = np.mean(found["constant rate"]["test_accuracy"])
    claim(
        f"{where}: a constant rate falls below the worst seed of the table",
        constant < worst_of_table,
    )

# %% [markdown]
# - **The schedule** counts. On the real photographs a constant rate costs more than any other single change, batch norm's absence included. (On the stand-in some optimizers cost as much. Their rates are common values, and were not tuned.)
# - **He or Glorot?** Without batch norm He's weights are worth some points. With it they are not, and Glorot's did even better on one of the two kinds of images. The activation here is ELU, whose curve in the first half of this chapter crosses 1 near Glorot's scale; and behind a batch norm, larger weights only make each step smaller beside them.
# - **Early stopping and 1cycle.** We expected these two to quarrel: under a high rate the loss may stand still in the middle of training, and a short patience would end it there. What came out?

# %%
for found, where in [(slides, "real"), (slides_made, "stand-in")]:
    same = found["patience of 3 epochs"] == found["the slides' table"]
    claim(f"{where}: a patience of 3 epochs gives the same weights as one that never ends", same)
    gain = mean(found, "no early stopping") - mean(found, "the slides' table")
    claim(f"{where}: no early stopping, and all images to train on, is better on average", gain > 0)
    habits = mean(found, "today's habits") - mean(found, "the slides' table")
    print(f"{where}: today's habits against the table {100 * habits:+.1f} points")
    claim(f"{where}: today's habits bring nothing here", habits < 0.01)

# %% [markdown]
# The quarrel did not take place: three epochs of patience out of eight never ran out to any effect. What early stopping costs here is the tenth of the images that it must hold out. With 1,500 images that is felt.
#
# And today's habits, untuned, are no better on this small network than the table of 2018. They come from long trainings on large sets. **A recipe belongs to a size of data, a length of training and a network.** First the learning rate and the end of its schedule, then the images, then the rest.
#
# ### What has changed since
#
# | the slides | today | why |
# | --- | --- | --- |
# | He initialization | still so, with ReLU and leaky ReLU; LeCun's or Glorot's with tanh, ELU, SELU | The argument of {cite:t}`he2015` has not aged. With normalization it matters less. |
# | ELU | ReLU in convolutional networks; GELU {cite}`hendrycks2016` in transformers, and in convolutional networks built after them {cite}`liu2022` | With batch norm, the mean of an activation is corrected anyway, and ReLU is cheap. |
# | batch norm if deep | still the default in convolutional networks; layer norm {cite}`ba2016` in transformers | Layer norm needs no batch: it is the same in training and in use, and for any batch size. |
# | early stopping, L2 if needed | a fixed number of epochs, with augmentation, label smoothing and weight decay {cite}`he2019,wightman2021` | A schedule that ends near 0 has to reach its end. |
# | momentum, RMSProp or Nadam | momentum for convolutional networks; AdamW {cite}`loshchilov2019` for transformers, and more and more elsewhere | Decoupled decay can be tuned apart from the rate. |
# | 1cycle | warm-up {cite}`goyal2017`, then a cosine {cite}`loshchilov2017` down to 0 {cite}`he2019`; 1cycle where training must be short {cite}`smith2019` | Both go up, then down to nearly 0. The shape in between matters less. |
# | no row | mixed precision {cite}`micikevicius2018` | About half the memory for activations, and up to several times the speed on GPUs made for it. |
#
# A cosine goes from rate $η$ to 0 over $T$ steps as $\tfrac{η}{2}\,(1 + \cos(π t/T))$. You will write it, with its warm-up, in the lab.
#
# *Super-convergence* is the name that {cite:t}`smith2019` gave to what they saw with 1cycle and very high rates: some networks train in a fraction of the usual steps.
#
# ## Precision
#
# A number in a network usually has 32 bits: a sign, 8 bits of exponent, 23 of fraction. With 16 bits, memory and traffic halve. There are two ways to spend 16 bits:
#
# | format | exponent bits | fraction bits |
# | --- | --- | --- |
# | float32 | 8 | 23 |
# | float16 | 5 | 10 |
# | bfloat16 | 8 | 7 |
#
# **float16** is finer, **bfloat16** reaches as far as float32. The number after 1 is $1 + 2^{-\text{fraction bits}}$. Now a sum, by hand:

# %%
quiz("07", "bfloat16-sum")


# %%
def rounded(value, dtype):
    """A number as this format can hold it."""
    return float(to_numpy(keras.ops.cast(keras.ops.cast(value, dtype), "float32")))


for dtype in ("float32", "float16", "bfloat16"):
    total = 1.0
    for _ in range(1000):
        total = rounded(total + 0.001, dtype)
    print(f"{dtype:9} 1 + 0.001 = {rounded(1.001, dtype):.6f}, a thousand times: {total:.3f}")

# %% [markdown]
# In bfloat16 the sum never moves. Now read 1 as a weight and 0.001 as learning rate times gradient: *the network does not learn, and no error is raised*. Therefore **mixed** precision: activations and gradients in 16 bits, but the weights, and the sums that change them, in 32.
#
# The other end of the scale is just as dangerous. **Predict** which of these numbers survive in float16, and which in bfloat16:

# %%
print("number      float16       bfloat16")
for value in (1e-4, 1e-7, 1e-8, 1e5):
    print(f"{value:<10g}  {rounded(value, 'float16'):<12.4g}  {rounded(value, 'bfloat16'):.4g}")
scale = 2.0**15
scaled = rounded(1e-8 * scale, "float16")
print(f"\n1e-8, scaled, in float16, and scaled back: {scaled / scale:.3g}")
claim("float16 loses a gradient of 1e-8", rounded(1e-8, "float16") == 0)
claim("scaled before and after, it survives", abs(scaled / scale / 1e-8 - 1) < 1e-3)

# %% [markdown]
# In float16 small gradients become 0, and numbers above 65,504 infinite. Just before they vanish they lose their digits: 1e-7 has become 1.192e-7. The remedy is **loss scaling**: multiply the *loss* by a large number, so that the chain rule multiplies every gradient by it; then divide in float32, before the optimizer uses them {cite}`micikevicius2018`. bfloat16 has float32's exponent and needs no scaling.
#
# In Keras it is one word, a dtype policy. It can be given to each layer, so the last one can stay exact:

# %%
mixed = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(8, 3, dtype="mixed_float16"),
        layers.Flatten(dtype="mixed_float16"),
        layers.Dense(10, "softmax", dtype="float32"),  # the softmax in full precision
    ]
)
conv = mixed.layers[0]
print(f"computes in {conv.compute_dtype}, keeps its weights in {conv.variable_dtype}")
print("its maps:", keras.backend.standardize_dtype(conv(x[:1]).dtype))
print("the answer:", keras.backend.standardize_dtype(mixed(x[:1]).dtype))

# %% [markdown]
# (`keras.config.set_dtype_policy("mixed_bfloat16")` does it for all layers made afterwards. Where the model itself has the policy `mixed_float16`, `compile` also puts a `LossScaleOptimizer` around the optimizer.)
#
# ## Speed
#
# Four settings promise speed, and all but the batch size leave the result alone, or nearly: precision, the batch size, compilation with XLA (`jit_compile`), and the way images come in. The last is easy to reason about:

# %%
quiz("07", "prefetch")

# %% [markdown]
# `tf.data` is TensorFlow's (Keras takes its data sets on every back end). With sleeping in place of work, we can see the overlap on any machine:

# %%
import time

import tensorflow as tf

prepared = 0


def prepare():
    global prepared
    for number in range(30):
        time.sleep(0.02)  # 20 ms of "loading"
        prepared += 1
        yield number


def go_through(images):
    """Seconds, and how far the loading was ahead at most, with 20 ms of "training" an image."""
    global prepared
    prepared, lead, begin = 0, 0, time.perf_counter()
    for used, _ in enumerate(images, start=1):
        time.sleep(0.02)
        lead = max(lead, prepared - used)
    return time.perf_counter() - begin, lead


# %% [markdown]
# A plain generator prepares the next image when it is asked for it. `prefetch(2)` lets a thread of its own keep two ready. **Predict** how far ahead of the training each of the two ever is.

# %%
signature = tf.TensorSpec((), tf.int32)
prefetched = tf.data.Dataset.from_generator(prepare, output_signature=signature).prefetch(2)
leads = {}
for name, images in [("Python generator", prepare()), ("tf.data", prefetched)]:
    seconds, lead = go_through(images)
    print(f"{name:16} seconds and images ahead ≈ {seconds:.2f}, {lead}")
    leads[name] = lead
claim("the generator is never ahead", leads["Python generator"] == 0)
claim("with prefetch, images are ready while another one is used", leads["tf.data"] > 0)

# %% [markdown]
# **Predict** for the rest, on a machine *without* a GPU: what do 16 bits, XLA, and larger batches bring? Measured with the network with two blocks of [chapter 03](03_pooling.ipynb), images a second:

# %%
speed = data.results("speed")
devices = {}
for row in speed["rows"]:
    where = f"{row.get('device', speed.get('device'))}, {row.get('backend', 'tensorflow')}"
    devices.setdefault(where, {})[row["setting"]] = row
for where, settings in devices.items():
    print(f"{where}\n{next(iter(settings.values()))['command']}")
    for setting, row in settings.items():
        low, high = row.get("range", [row["images_per_second"]] * 2)
        print(f"{setting:28}batch {row['batch_size']:4}", end="")
        print(f"{row['images_per_second']:8.0f} images/s ({low}–{high})")
gpus = [where for where in devices if "CPU" not in where]
print("\nmeasured on a GPU:", ", ".join(gpus) or "nothing yet")

# %%
by = next(
    s
    for where, s in devices.items()
    if "CPU" in where and "without" not in where and "jit_compile" in s
)
by = {setting: row["images_per_second"] for setting, row in by.items()}
claim("on this CPU, XLA is slower than no XLA", by["jit_compile"] < 0.9 * by["float32"])
claim("16 bits of one kind are faster than 32", by["mixed_bfloat16"] > 1.2 * by["float32"])
claim("16 bits of the other kind are slower", by["mixed_float16"] < 0.8 * by["float32"])
plain = next(s for where, s in devices.items() if "without oneDNN" in where)
plain = {setting: row["images_per_second"] for setting, row in plain.items()}
claim("without oneDNN, TensorFlow is as slow as with XLA", plain["float32"] < 0.8 * by["float32"])
claim("and bfloat16 is slower than float32", plain["mixed_bfloat16"] < plain["float32"])

# %% [markdown]
# **XLA makes it slower.** It compiles the whole training step, fuses what can be fused, and yet loses. Why? The likely reason is the convolutions, most of this network's arithmetic. Without XLA, TensorFlow hands them to oneDNN, a library of kernels written and tuned for exactly this processor. XLA does not use them. It saves trips to memory between the *small* operations, which were never the problem. The block "without oneDNN" shows that the kernels make the difference: `TF_ENABLE_ONEDNN_OPTS=0` switches them off, and TensorFlow falls to about XLA's speed without any XLA. On a GPU, XLA calls the vendor's convolutions and fuses the rest around them; there it can win. Keras' default, `jit_compile="auto"`, leaves XLA off under TensorFlow on a machine that has only a CPU.
#
# The same holds for the other lines. A larger batch spreads the fixed cost of a step over more images, until the arithmetic fills the machine. These two cores are full with 8 images: with oneDNN, 64 and 512 are no faster. A larger batch also takes fewer steps in an epoch, so the learning rate must follow {cite}`goyal2017`. 16 bits win where the chip has units *and* a library that uses them: this CPU has some for bfloat16 and emulates float16, and without oneDNN bfloat16, too, is lost. **"Faster" is a statement about a device.** Measure yours: `python -m bench.speed`.
#
# ## More than one device
#
# The plainest way to use several devices is **data parallelism**: each holds a copy of the weights, takes a part of the batch, and computes its gradients; they are averaged; all make the same step. For parts of equal size, the mean of the means is the mean. So the result should be that of one device. In Keras it takes one line, `keras.distribution.set_distribution(keras.distribution.DataParallel())`.

# %%
quiz("07", "data-parallel")

# %% [markdown]
# It works on the JAX back end. (On TensorFlow it is not for use: the file behind it in Keras begins with `!!!DO NOT USE!!!`. No error is raised, and one device does all the work.) A back end cannot be changed in a running notebook, so we write a small program and run it beside this one. JAX can pretend that a CPU is four devices, which is enough to test the arithmetic.

# %%
PROGRAM = """
import json, sys
sys.modules["tensorflow"] = None  # not needed here, and slow to import
try:
    import jax
except ImportError:
    sys.exit("This cell needs JAX: pip install jax")
import keras, numpy as np
from keras import layers

def weights_after_training(count):
    devices = keras.distribution.list_devices()[:count]
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((16, 16, 1)), layers.Conv2D(8, 3), layers.BatchNormalization(),
        layers.ReLU(), layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(256, 16, 16, 1)), rng.integers(0, 10, 256)
    model.fit(x, y, batch_size=64, epochs=5, shuffle=False, verbose=0)
    used = len(model.weights[0].value.sharding.device_set)
    return used, [w.path.split("/", 1)[-1] for w in model.weights], model.get_weights()

(one, names, a), (four, _, b) = map(weights_after_training, (1, 4))
worst = {n: float(abs(u - v).max()) for n, u, v in zip(names, a, b)}
print(json.dumps({"devices": [one, four], "worst": worst}))
"""

# %%
import json
import os
import subprocess
import sys

pretend = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
}
run = subprocess.run(
    [sys.executable, "-c", PROGRAM], env=os.environ | pretend, capture_output=True, text=True
)
if run.returncode:
    raise RuntimeError(run.stderr.strip().splitlines()[-1])
result = json.loads(run.stdout.splitlines()[-1])
print("devices that hold the weights:", result["devices"])
for name, difference in result["worst"].items():
    print(f"{name:36} largest difference ≈ {difference:.1e}")
claim(
    "after 20 steps, four devices have one device's weights", max(result["worst"].values()) < 1e-4
)

# %% [markdown]
# Equal, up to the rounding of float32: sums in another order. Look at the lines of the batch normalization, too. Each device saw 16 images, and yet the moving averages are those of 64. JAX compiles *one* program for the whole batch and then divides it, so the statistics are those of the whole batch. That is not so everywhere: in PyTorch's `DistributedDataParallel`, batch norm normalizes each part by itself, unless one asks for `SyncBatchNorm`.
#
# ## Summary
#
# - A gradient on its way back is multiplied by a weight and a slope at each layer. Over many layers it **vanishes or explodes**, unless the factors are near 1 on average. Initialization (LeCun, Glorot, He), activations with slope 1 and residual connections keep them there; clipping bounds what is left. Batch norm makes a network forgive a bad scale of the weights; in a plain ReLU network it does not stop the growth.
# - **Batch norm** uses the batch in training and moving averages in use. It is two formulas, and most of its bugs come from confusing them.
# - Momentum, Nesterov, AdaGrad, RMSProp, Adam, AdaMax and Nadam are **a few lines each**: an average of gradients, an average of their squares, or both.
# - Before anything else: overfit one batch, look at the ratio of update to weight, and count dead units.
# - **The learning rate** is the first number to tune. A range test finds its decade. Here every schedule that came down beat the constant rate on test; which is best, one seed cannot say.
# - **A smaller gap is not the goal.** On few photographs, a strong L2, max-norm and early stopping narrowed it by making training worse; dropout and augmentation raised the accuracy. Early stopping, label smoothing and dropout improve the *loss*.
# - L2 inside Adam is not weight decay. AdamW is.
# - Weights and their sums need 32 bits. Activations and gradients can do with 16: bfloat16 as it is, float16 with loss scaling.
# - What makes training faster depends on the device: XLA can help on GPUs, and slowed this CPU down. Data parallelism gives the weights of one device.
#
# ## Exercises
#
# The [lab of this chapter](../labs/07_training_tricks.ipynb) has you write schedules, early stopping, max-norm, dropout and its Monte Carlo prediction, smoothed targets, AdamW and clipping by yourself, and repair a deep network that does not train.
