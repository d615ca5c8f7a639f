# %% [markdown]
# # Convolution
#
# A photograph is a grid of numbers. A network that reads it needs one idea: look at small patches, and look at all of them with the same eyes.
#
# After this chapter you can
#
# - **count** the parameters that a dense layer would need for a picture, and say why that fails;
# - **compute** a convolution by hand, with loops, as one matrix product, and with Keras, and show that all four agree;
# - **predict** the output shape and the number of parameters of any convolutional layer;
# - **derive** its backward pass, and check it with numerical gradients;
# - **explain** what padding, stride, dilation, 1×1 kernels and stacked layers do to what a unit can see.
#
# Reading and running take about 90 minutes. The lab takes two hours more.

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
try:
    import google.colab  # noqa: F401
except ImportError:
    pass
else:
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/convbook/convbook")

# %%
import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose

from convbook import data, figures
from convbook.claims import claim
from convbook.widgets import convolution, interact, quiz

keras.utils.set_random_seed(0)

# %% [markdown]
# ## The trouble with dense layers
#
# Take a small colour picture: 32×32 pixels, 3 channels. We want one new 32×32 map computed from it. A dense layer gives every output pixel its own weight for every input number.
#
# **Predict first.** How many parameters is that? Thousands, tens of thousands, millions?


# %%
def dense_parameters(inputs, outputs):
    """Weights and biases of a dense layer."""
    return inputs * outputs + outputs


print(f"D = 1,024 inputs to 1,024 outputs: D² + D = {dense_parameters(1024, 1024):,}")
for side in (32, 64, 224):
    count = dense_parameters(3 * side**2, side**2)
    print(f"{side:3}×{side:<3} RGB to one {side}×{side} map: {count:,} parameters")

# %% [markdown]
# Three million parameters for one map of a thumbnail, and 7.5 billion for one map of an ordinary 224×224 picture. So many weights take memory, but that is the smaller problem. They must also be *found*: with more weights than examples the layer can learn every training picture by heart, and each of the thousands of inputs of a unit adds its own noise to what the unit starts from.
#
# There is a deeper trouble. **Question:** suppose we shuffle the pixels of every picture, always in the same way. A person sees only noise. What does a dense layer see?

# %%
rng = np.random.default_rng(0)
pictures = rng.normal(size=(5, 32 * 32 * 3))
weights = rng.normal(size=(32 * 32 * 3, 10))
shuffle = rng.permutation(32 * 32 * 3)

before = pictures @ weights
after = pictures[:, shuffle] @ weights[shuffle]
claim("with its weights shuffled too, a dense layer answers as before", np.allclose(after, before))

# %% [markdown]
# It sees no difference at all. For each set of weights there is a shuffled set that does the same on shuffled pictures, and random initialization likes both equally. **A dense layer does not know which pixels are neighbours.** It has to learn from data what we knew from the start.
#
# What did we know from the start? Two things:
#
# 1. **Local:** an edge, a corner or an eye is a matter of nearby pixels.
# 2. **The same everywhere:** an edge in the top left corner looks like an edge in the bottom right one.
#
# So connect each output only to a small patch, and use *the same weights* for every patch. That is a convolutional layer. With a 3×3 patch of an RGB picture, one map costs this much:

# %%
layer = keras.layers.Conv2D(filters=1, kernel_size=3)
layer.build((None, 32, 32, 3))
print(f"convolution, 3×3×3 weights and a bias: {layer.count_params()} parameters")

dense = keras.layers.Dense(32 * 32)
dense.build((None, 32 * 32 * 3))
print(f"dense, the same input and output:      {dense.count_params():,} parameters")

# %% [markdown]
# 28 against 3,146,752. Try it with the pencil before you go on:

# %%
quiz("02", "dense-parameters")

# %% [markdown]
# ## Where the idea comes from
#
# The idea is older than computers that could run it. In 1959 David Hubel and Torsten Wiesel recorded single cells in a cat's visual cortex. Each cell answered only to light in one small region of the view, its **receptive field**, and many wanted a bar or an edge of one **orientation** there {cite}`hubel1959`. The fields of neighbouring cells **overlap**, and together they tile the view.
#
# In 1962 they told *simple* cells, which want their edge in an exact place, from *complex* cells, which accept it anywhere nearby {cite}`hubel1962`. In 1965 they described *hypercomplex* cells, which also want the edge to end {cite}`hubel1965`, and in 1968 they found the same plan in a monkey {cite}`hubel1968`. They proposed a **hierarchy**: simple cells feed complex cells, and these feed hypercomplex ones.
#
# Fukushima built that hierarchy as a network, the neocognitron, in 1980 {cite}`fukushima1980`. LeCun and colleagues trained one by backpropagation in 1989, on handwritten digits {cite}`lecun1989`. Today's layers still have the three parts: a local receptive field, the same weights everywhere, and maps that feed maps.
#
# ## A window that slides
#
# Now the operation itself, small enough to do by hand. Here are a 5×5 picture and a 3×3 **kernel** (also called *filter*).

# %% mystnb={"image": {"alt": "A 5 by 5 grid of zeros and ones, and a 3 by 3 kernel with ones in the corners and the centre."}}
image = np.array(
    [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
)
kernel = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
figures.numbers([image, kernel], ["image", "kernel"])

# %% [markdown]
# Lay the kernel over the top left 3×3 pixels. Multiply each pair of numbers, and add up the nine products:
#
# $$1·1 + 1·0 + 1·1 \;+\; 0·0 + 1·1 + 1·0 \;+\; 0·1 + 0·0 + 1·1 \;=\; 4$$
#
# That is the top left output. Slide one pixel to the right, and do it again. **Predict:** how many places does the kernel have? What is the number in the middle of the output?
#
# As a loop:


# %%
def slide(image, kernel):
    """The sum of products at every place where the kernel fits."""
    k = len(kernel)
    rows, columns = image.shape[0] - k + 1, image.shape[1] - k + 1
    output = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            output[r, c] = (image[r : r + k, c : c + k] * kernel).sum()
    return output


print(slide(image, kernel).astype(int))

# %% [markdown]
# Nine places, so a 3×3 output, with 4 in the middle. Check one more number by hand: it takes a minute, and you will not forget the operation again. Here is the same picture to play with. Point at an output to see where it comes from, then point at an *input*, and see how many outputs it reaches.

# %%
convolution(input=image, kernel=kernel, id="by-hand")

# %% [markdown]
# The corner pixel reaches one output, the middle pixel reaches nine. Without padding, what stands at the border counts less. We come back to that.
#
# ## Convolution, or cross-correlation?
#
# A mathematician's **convolution** flips the kernel, top to bottom and left to right, before it slides. What we did above, without the flip, is called **cross-correlation**. **Question:** which one does Keras' `Conv2D` do? Our example cannot tell:

# %%
print("flipping changes this kernel:", bool((np.flip(kernel) != kernel).any()))

# %% [markdown]
# The kernel looks the same after a half turn, so both operations give the same numbers. A test that cannot tell two answers apart proves nothing. Take a kernel without symmetry, and ask SciPy for both:

# %%
from scipy import signal

corner = np.array([[1, 2, 0], [0, 0, 0], [0, 0, 0]])
print("correlate2d, no flip:", signal.correlate2d(image, corner, mode="valid")[0])
print("convolve2d,  a flip: ", signal.convolve2d(image, corner, mode="valid")[0])

conv = keras.layers.Conv2D(filters=1, kernel_size=3, use_bias=False)
conv.build((None, 5, 5, 1))
conv.set_weights([corner[:, :, None, None]])
answer = conv(image[None, :, :, None].astype("float32"))
print("Keras' Conv2D:       ", answer[0, 0, :, 0].numpy().astype(int))

# %% [markdown]
# Keras does not flip. Neither does any other deep-learning library: the name *convolution* stuck, the flip did not. It does no harm, since a layer *learns* its kernel. If the flip were there, training would find the flipped kernel.
#
# It matters when you bring a kernel from elsewhere. `scipy.signal.convolve2d` flips, and so do many image programs.

# %%
quiz("02", "cross-correlation")

# %% [markdown]
# ## A bank of kernels
#
# Before kernels were learned they were designed. These nine are classics. Read the numbers first and **predict** what each does to a photograph. Then look.

# %%
BANK = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "blur": [[1 / 16, 1 / 8, 1 / 16], [1 / 8, 1 / 4, 1 / 8], [1 / 16, 1 / 8, 1 / 16]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "left Sobel": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "right Sobel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "top Sobel": [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    "bottom Sobel": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
}
BANK = {name: np.array(values, float) for name, values in BANK.items()}

# %% mystnb={"image": {"alt": "A photograph of a Chinese temple after each of the nine kernels: identity leaves it, blur softens it, sharpen and emboss bring out its texture, outline and the four Sobels leave bright or dark lines along its edges."}}
from sklearn.datasets import load_sample_image

photo = load_sample_image("china.jpg").mean(axis=-1) / 255
photo = photo[:426].reshape(213, 2, 320, 2).mean(axis=(1, 3))[:, 40:280]  # half size, cropped
filtered = [signal.correlate2d(photo, k, mode="valid") for k in BANK.values()]
shown = [np.clip(picture, 0, 1) for picture in filtered]
figures.images(shown, list(BANK), columns=3, limits=(0, 1))

# %% [markdown]
# Two numbers tell most of what a kernel does. Its **sum** says what becomes of a flat area: a sum of 1 keeps it, a sum of 0 turns it black. Its **rank** says whether it is a column times a row. If so, two one-dimensional passes do the work of one two-dimensional pass: 3 + 3 products a pixel in place of 9.
#
# **Predict:** which of the nine have rank 1?

# %%
print("kernel        sum  rank")
for name, k in BANK.items():
    print(f"{name:13} {k.sum():3g} {np.linalg.matrix_rank(k):5}")

# %% [markdown]
# Blur, the Sobels and the identity are separable. A Sobel kernel is a blur along the edge, $[1, 2, 1]$, times a difference across it, $[1, 0, -1]$: it smooths and differentiates at once. We meet the same saving again as the *separable convolution*.
#
# Notice also that the left Sobel is the right one with its sign changed. An edge detector that is followed by ReLU sees edges of one direction only; a network needs both.
#
# Kernels for other directions lie between these. The next slider turns one. It needs Python behind it: run the notebook to move it.


# %% mystnb={"image": {"alt": "The photograph filtered by a Sobel kernel turned to the chosen angle, negative answers dark, positive ones light."}}
def turned_edges(angle=90):
    """Filter the photo with an edge kernel turned to an angle in degrees."""
    radians = np.deg2rad(angle)
    turned = np.cos(radians) * BANK["right Sobel"] + np.sin(radians) * BANK["top Sobel"]
    answer = signal.correlate2d(photo, turned, mode="valid")
    figures.images([answer], [f"light increases towards {angle}°"], limits=(-2, 2))
    print(np.round(turned, 2) + 0.0)


interact(turned_edges, angle=(0, 345, 15))

# %% [markdown]
# Two Sobel kernels, mixed with cosine and sine, give *every* direction. The pair is called *steerable*. Hubel and Wiesel's cells come in all orientations; here two kernels are enough for all of them.
#
# ## Learn the kernel
#
# Now the step that made the field: do not design the kernel, **learn** it. We show pairs of pictures, before and after a Sobel filter, and search for the nine numbers that turn one into the other.
#
# The loss is the mean squared error over all places $p$ of the picture, with $x_p$ the patch at $p$ (nine numbers) and $t_p$ the target there:
#
# $$L(w) = \frac1n \sum_p (w·x_p - t_p)^2, \qquad \frac{∂L}{∂w} = \frac2n \sum_p (w·x_p - t_p)\, x_p .$$
#
# Read the gradient aloud: *the error at each place times the patch it came from, averaged*. It is itself a correlation, of the error with the picture.


# %%
def learn_kernel(picture, target_kernel, steps, learning_rate, seed=0):
    """Find a 3×3 kernel by gradient descent; return it, and (loss, worst error) at each step."""
    patches = sliding_window_view(picture, (3, 3)).reshape(-1, 9)
    target = patches @ target_kernel.ravel()
    w = np.random.default_rng(seed).normal(scale=0.1, size=9)
    history = []
    for _ in range(steps):
        error = patches @ w - target
        loss = (error**2).mean() / target.var()
        history.append((loss, abs(w - target_kernel.ravel()).max()))
        w = w - learning_rate * 2 * patches.T @ error / len(patches)
    return w.reshape(3, 3), np.array(history)


noise = np.random.default_rng(1).normal(size=(64, 64))
learned, on_noise = learn_kernel(noise, BANK["left Sobel"], steps=100, learning_rate=0.2)
print(np.round(learned, 3) + 0.0)

# %% [markdown]
# From random numbers to the exact Sobel kernel in a hundred steps, and nobody told it what an edge is. The pictures it learned from were pure noise.
#
# **Predict:** a real photograph is full of edges. Does it teach the kernel faster than noise, or slower?

# %% mystnb={"image": {"alt": "On a logarithmic scale, the worst error of the kernel learned from noise falls to zero within thirty steps. Learned from the photograph it falls slowly over thousands of steps, while the loss on the photograph falls far sooner than the kernel's error."}}
from_photo, on_photo = learn_kernel(photo, BANK["left Sobel"], steps=1000, learning_rate=0.15)
figures.curves(
    {
        "loss, photograph": on_photo[:, 0],
        "worst error of the kernel, photograph": on_photo[:, 1],
        "worst error of the kernel, noise": np.maximum(on_noise[:, 1], 1e-6),
    },
    xlabel="gradient step",
    ylabel="loss, or worst error of a weight",
    log=True,
)

# %%
print("after 1,000 steps on the photograph:")
print(f"loss, as a share of the target's variance ≈ {on_photo[-1, 0]:.4f}")
print(f"worst error of a weight ≈ {on_photo[-1, 1]:.2f}")
claim("30 steps on noise beat 1,000 steps on the photograph", on_noise[30, 1] < on_photo[-1, 1] / 3)
claim(
    "on the photograph over 98 % of the task is solved while a weight is still off by over 0.2",
    on_photo[-1, 0] < 0.02 and on_photo[-1, 1] > 0.2,
)

# %% [markdown]
# Slower, by far. And look at the two errors on the photograph: the loss is nearly gone, and the kernel is still wrong. How can a wrong kernel give right answers?
#
# In a photograph, neighbouring pixels are nearly equal. So the nine inputs of a patch move together, and many kernels give nearly the same answer on every patch that occurs. The gradient in those directions is tiny. The eigenvalues of $\frac1n\sum_p x_p x_p^\top$ say it in numbers:


# %%
def condition(picture):
    """Largest over smallest eigenvalue of the mean patch product."""
    patches = sliding_window_view(picture, (3, 3)).reshape(-1, 9)
    eigenvalues = np.linalg.eigvalsh(patches.T @ patches / len(patches))
    return eigenvalues[-1] / eigenvalues[0]


print(f"steepest over flattest direction, noise ≈ {condition(noise):.1f}")
print(f"steepest over flattest direction, photograph ≈ {condition(photo):.0f}")
claim(
    "the photograph's loss is over 500 times as elongated",
    condition(photo) > 500 * condition(noise),
)

# %% [markdown]
# The loss of the photograph is a long, narrow valley. Gradient descent runs down its steep sides at once and then creeps along its floor. A low loss tells you that the *answers* are right on data like yours. It does not tell you that the *weights* are. This is one reason why inputs are normalized and optimizers are not plain gradient descent.

# %% [markdown]
# ## Channels
#
# A colour picture has three numbers at every pixel. How does a filter read them? It gets weights for all of them: **a filter is always as deep as its input.** A "5×5" filter on a 32×32×3 picture holds 5·5·3 = 75 weights. At each place it takes the inner product of its 75 weights with the 75 numbers under it, and adds a bias:
#
# $$a = w·x + b$$
#
# So one filter gives **one** map, however many channels come in. Let us check one place against Keras:

# %%
rng = np.random.default_rng(0)
colour = rng.normal(size=(1, 32, 32, 3)).astype("float32")
layer = keras.layers.Conv2D(filters=6, kernel_size=5, bias_initializer="random_normal")
maps = layer(colour).numpy()
kernels, biases = (np.array(values) for values in layer.get_weights())

row, column, f = 7, 12, 4
patch = colour[0, row : row + 5, column : column + 5, :]
by_hand = patch.ravel() @ kernels[..., f].ravel() + biases[f]
print("numbers in the patch:", patch.size)
print("shape of the kernels:", kernels.shape, "= height, width, channels in, filters")
print("shape of the maps:   ", maps.shape)
claim("w·x + b is what Keras gives there", np.isclose(by_hand, maps[0, row, column, f], atol=1e-5))

# %% [markdown]
# One 5×5×3 filter turns 32×32×3 into 28×28×1. Six filters give 28×28×6: the maps are stacked, and become the channels of the next layer's input. In general, an $M×N$ picture and $m$ filters of size $d×d$ give
#
# $$(M-d+1)×(N-d+1)×m .$$
#
# Then each number goes through the activation, $h = g(a)$, just as in a dense layer.
#
# Written out in full, with strides $s_1$ and $s_2$ (how far the window jumps), map $f$ at place $(i, j)$ is
#
# $$h_{i,j,f} = g\Big(b_f + \sum_{u=0}^{d_1-1} \sum_{v=0}^{d_2-1} \sum_{c=0}^{C-1} x_{\,i s_1+u,\; j s_2+v,\; c}\; w_{u,v,c,f}\Big).$$
#
# Every symbol of that equation is one line or one index of this loop:


# %%
def conv2d_loop(x, w, b, strides=(1, 1)):
    """Convolve a picture (height, width, channels) with kernels (d1, d2, channels, filters)."""
    d1, d2, _, filters = w.shape
    s1, s2 = strides
    rows = (x.shape[0] - d1) // s1 + 1
    columns = (x.shape[1] - d2) // s2 + 1
    a = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = x[i * s1 : i * s1 + d1, j * s2 : j * s2 + d2, :]
            for f in range(filters):
                a[i, j, f] = (window * w[..., f]).sum() + b[f]
    return a


for strides in [(1, 1), (2, 2), (3, 1)]:
    layer = keras.layers.Conv2D(filters=6, kernel_size=5, strides=strides)
    layer.build(colour.shape)
    layer.set_weights([kernels, biases])
    ours = conv2d_loop(colour[0], kernels, biases, strides)
    assert_allclose(ours, layer(colour)[0], atol=1e-4)
    print(f"strides {strides}: {ours.shape}, equal to Keras")

# %% [markdown]
# ### Why 1,792?
#
# `Conv2D(64, 3)` on CIFAR-10's 32×32×3 pictures has 1,792 parameters. **Say why before you run.**

# %%
layer = keras.layers.Conv2D(filters=64, kernel_size=3)
print("output shape:", layer.compute_output_shape((None, 32, 32, 3)))
for side in (32, 224):
    layer = keras.layers.Conv2D(filters=64, kernel_size=3)
    layer.build((None, side, side, 3))
    print(
        f"on {side}×{side}×3: 64·(3·3·3 + 1) = {64 * (3 * 3 * 3 + 1):,} = {layer.count_params():,}"
    )

# %% [markdown]
# 64 filters of 3·3·3 weights and a bias each. The picture's size does not occur in that sum, so the same layer reads pictures of any size.

# %%
quiz("02", "inner-product", "conv-parameters", "what-changes-parameters")

# %% [markdown]
# ## How large is the output?
#
# Why does 32 become 30? A window of 3 on a row of 32 fits at places 0, 1, …, 29: thirty of them. With a window of $k$ on a row of $n$ there are $n-k+1$.
#
# Three settings change that number.
#
# - **Padding** $p$ adds $p$ rows and columns of zeros on each side.
# - **Stride** $s$ moves the window $s$ pixels at a time.
# - **Dilation** $d$ spreads the window's $k$ taps $d$ pixels apart, so that it covers $d(k-1)+1$.
#
# $$\text{output} = \Big\lfloor \frac{n + 2p - d(k-1) - 1}{s} \Big\rfloor + 1$$
#
# **Predict** three: 7×7 with a 3×3 kernel; the same with padding 1; and 8×8 with a 3×3 kernel and stride 2.


# %%
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    """Side of the output of a convolution, after the formula above."""
    covered = dilation_rate * (kernel_size - 1) + 1
    return (n + 2 * padding - covered) // strides + 1


print("7, kernel 3:           ", output_size(7, 3))
print("7, kernel 3, padding 1:", output_size(7, 3, padding=1))
print("8, kernel 3, strides 2:", output_size(8, 3, strides=2))
print("32, kernel 3:          ", output_size(32, 3))

# %% [markdown]
# The floor in the formula hides something. With 8 pixels, a window of 3 and stride 2 the window stops at pixels 0, 2 and 4, and covers up to pixel 6. **Pixel 7 is never read.** No error, no warning: a row and a column of the picture are thrown away.
#
# One formula against Keras' own layers, for every combination that Keras allows:

# %%
from itertools import product

checked = 0
for n, k, s, p, d in product(range(5, 14), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
    if d * (k - 1) + 1 > n + 2 * p or (s > 1 and d > 1):
        continue  # the window does not fit; or strides and dilation together, which Keras refuses
    layer = keras.layers.Conv2D(filters=1, kernel_size=k, strides=s, dilation_rate=d)
    keras_size = layer.compute_output_shape((None, n + 2 * p, n + 2 * p, 1))[1]
    assert output_size(n, k, s, p, d) == keras_size, (n, k, s, p, d)
    checked += 1
print(f"{checked} settings, all equal to Keras")

# %% [markdown]
# Two uses are worth a name. **Zero padding of** $(k-1)/2$ keeps the size ("same" padding), so that layers can be stacked without the picture shrinking away. **A stride** connects a large layer to a small one: stride 2 quarters the number of outputs.
#
# Set up each case in the explorer and count. Then make the kernel larger than the picture, and see what is wrong with that.

# %%
convolution(input_size=7, kernel_size=3, strides=2, padding=1, id="sizes")

# %%
quiz("02", "why-30", "output-size", "output-floor", "same-stride")

# %% [markdown]
# ## What happens at the border
#
# Padding has a price. The zeros are not part of the picture, but the kernel cannot know that. Take a picture that is the same everywhere, and blur it. **Predict:** what should a blur do to it?

# %%
flat = np.ones((1, 6, 6, 1), "float32")
blur = keras.layers.Conv2D(filters=1, kernel_size=3, padding="same", use_bias=False)
blur.build(flat.shape)
blur.set_weights([BANK["blur"][:, :, None, None]])
print(blur(flat)[0, :, :, 0].numpy())

# %% [markdown]
# A blur should leave it alone. With zero padding the edges fall to ¾ and the corners to 9⁄16. The network can *see* the border, even on a blank picture, and each further 3×3 layer carries the news one pixel inward. Networks make use of it: they learn to tell *where* in the picture they are, though a convolution alone could not know {cite}`islam2020`.
#
# And there is a second surprise, for those who use stride 2. On an even side, `padding="same"` needs one zero in all. On which side does it go?

# %%
ramp = np.arange(1, 7, dtype="float32").reshape(1, 1, 6, 1)
taps = np.array([100, 10, 1], "float32").reshape(1, 3, 1, 1)
layer = keras.layers.Conv2D(
    filters=1, kernel_size=(1, 3), strides=2, padding="same", use_bias=False
)
layer.build(ramp.shape)
layer.set_weights([taps])
print("row 1 2 3 4 5 6, taps 100 10 1, same, strides 2:")
print(layer(ramp).numpy().astype(int).ravel())

# %% [markdown]
# The first output is 123: the window starts *on* the picture. The last is 560: the zero stands on the **right**. PyTorch's `padding=1` puts a zero on both sides, and would read 012, 234, 456. Same formula, same size, but every window stands one pixel off. Weights carried from one library to the other give wrong answers for no visible reason. The remedy is to pad by hand, with `ZeroPadding2D(1)` and `padding="valid"`:

# %%
padded = keras.layers.ZeroPadding2D((0, 1))(ramp)
layer = keras.layers.Conv2D(filters=1, kernel_size=(1, 3), strides=2, use_bias=False)
layer.build(padded.shape)
layer.set_weights([taps])
print("zeros on both sides:", [f"{value:03.0f}" for value in layer(padded).numpy().ravel()])

# %% [markdown]
# ## Shift the input, shift the output
#
# The same weights everywhere mean: if the picture moves, the map moves with it. This is called **translation equivariance**. **Question:** does it still hold with stride 2?

# %%
spot = np.zeros((1, 16, 16, 1), "float32")
spot[0, 6:9, 6:9, 0] = 1
moved = np.roll(spot, 1, axis=2)  # one pixel to the right

for strides in (1, 2):
    layer = keras.layers.Conv2D(filters=4, kernel_size=3, strides=strides)
    before, after = layer(spot).numpy(), layer(moved).numpy()
    shifts = [bool(np.allclose(np.roll(before, by, axis=2), after, atol=1e-6)) for by in (0, 1, 2)]
    print(f"strides {strides}: the map moved by 0, 1 or 2 pixels? {shifts}")

# %% [markdown]
# With stride 1 the map moves by exactly one pixel. With stride 2 it moves by *half* a pixel, which does not exist: the result is another map altogether. Every network that halves its maps loses equivariance that way, and a shift by one pixel can change its answer {cite}`zhang2019`.
#
# ## Convolution as a matrix product
#
# Loops in Python are slow. Processors are fastest at one thing, the product of two matrices. So lay every patch out as a row of a matrix; the kernels are the columns of another; and the whole layer is one product. This is called **im2col** {cite}`chellapilla2006`.


# %%
def im2col(x, kernel_size, strides=(1, 1)):
    """Every patch of a picture (height, width, channels) as a row: (rows, columns, k1·k2·channels)."""
    windows = sliding_window_view(x, kernel_size, axis=(0, 1))[:: strides[0], :: strides[1]]
    windows = np.moveaxis(windows, 2, -1)  # rows, columns, k1, k2, channels
    return windows.reshape(*windows.shape[:2], -1)


def conv2d(x, w, b, strides=(1, 1)):
    """The same numbers as conv2d_loop, as one matrix product."""
    patches = im2col(x, w.shape[:2], strides)
    return patches @ w.reshape(-1, w.shape[-1]) + b


# %%
for strides in [(1, 1), (2, 2), (3, 1)]:
    fast = conv2d(colour[0], kernels, biases, strides)
    assert_allclose(fast, conv2d_loop(colour[0], kernels, biases, strides), atol=1e-4)
    print(f"strides {strides}: {fast.shape}, equal to the loop")
patches = im2col(colour[0], (5, 5))
print(f"numbers in the picture: {colour[0].size:,}")
print(
    f"numbers in the matrix:  {patches.size:,}, {patches.size / colour[0].size:.1f} times as many"
)

# %% [markdown]
# Each pixel is copied into up to 25 patches. Memory is traded for speed. (Libraries today avoid the copy, or cut it into tiles that fit a fast memory, but the product is still at the heart.)
#
# ## Convolution *is* a dense layer, with most weights missing
#
# There is another matrix, which explains more than it speeds up. Any linear map is a matrix, and we can read off its columns: put in a picture with a single 1, and see what comes out. Do it for all 25 pixels of the 5×5 example.

# %% mystnb={"image": {"alt": "A matrix of 9 rows and 25 columns. Each row holds the kernel's numbers in three short runs, and each row is the one above it moved to the right."}}
corner = np.arange(1, 10).reshape(3, 3)
columns = [slide(pixel.reshape(5, 5), corner).ravel() for pixel in np.eye(25)]
matrix = np.array(columns).T
figures.numbers([matrix.astype(int)], ["from 25 pixels to 9 outputs, with the kernel 1 … 9"])

# %%
print(
    f"{matrix.size} weights, {np.count_nonzero(matrix)} not zero, "
    f"{len(np.unique(matrix)) - 1} different ones"
)
assert_allclose(matrix @ image.ravel(), slide(image, corner).ravel())

# %% [markdown]
# That picture is the whole chapter. A dense layer would have 225 free weights here. **Local** sets 144 of them to zero. **The same everywhere** makes the other 81 into 9 numbers that repeat.
#
# Now turn the matrix around. **Predict:** the matrix $C$ maps 25 numbers to 9. What does its transpose $C^\top$ do, and which layer of Keras is it?

# %%
transposed = keras.layers.Conv2DTranspose(filters=1, kernel_size=3, use_bias=False)
transposed.build((None, 3, 3, 1))
transposed.set_weights([corner[:, :, None, None]])
small = np.arange(9.0).reshape(1, 3, 3, 1)
assert_allclose(transposed(small).numpy().ravel(), matrix.T @ small.ravel(), rtol=1e-6)
print(
    "Conv2DTranspose from",
    small.shape[1:3],
    "to",
    transposed(small).shape[1:3],
    "is the transpose of C",
)

# %% [markdown]
# `Conv2DTranspose` is exactly that, hence its name. It is not an inverse (a "deconvolution"): it brings back the *shape*, not the numbers. It has a second life a few lines below: a layer's gradient flows back through the transpose of its matrix, so **the backward pass of a convolution is a transposed convolution**.
#
# ## The backward pass
#
# Training needs the gradients of the loss with respect to the weights, the bias and the input. Suppose we are given $g$, the gradient with respect to the outputs $a$. With the patches as rows, the forward pass is $a = P\,W + b$. So:
#
# - $∂L/∂W = P^\top g$: each weight collects *error times the input it met*, over all places, because it was used at all places;
# - $∂L/∂b = \sum g$: the bias was used everywhere too;
# - $∂L/∂x$: each pixel collects *error times the weight it met*, from each patch it was part of.


# %%
def conv2d_backward(x, w, g, strides=(1, 1)):
    """Gradients of conv2d with respect to w, b and x, from the gradient g of its output."""
    d1, d2, channels, filters = w.shape
    patches = im2col(x, (d1, d2), strides)
    dw = np.einsum("ijp,ijf->pf", patches, g).reshape(w.shape)
    db = g.sum(axis=(0, 1))
    dx = np.zeros_like(x)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dx[r : r + d1, c : c + d2] += w @ g[i, j]
    return dw, db, dx


# %% [markdown]
# Do not trust a gradient that you have not checked. The check is simple: move one number a little, see how much the loss changes, and compare. Central differences, $\frac{L(θ+ε) - L(θ-ε)}{2ε}$, are off by a multiple of $ε^2$ only.


# %%
def numerical_gradient(loss, array, epsilon=1e-5):
    """Central differences of loss() with respect to each number of an array, in place."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + epsilon
        up = loss()
        array[index] = kept - epsilon
        down = loss()
        array[index] = kept
        gradient[index] = (up - down) / (2 * epsilon)
    return gradient


rng = np.random.default_rng(1)
x, w, b = rng.normal(size=(7, 6, 2)), rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4)

# %%
for strides in [(1, 1), (2, 1), (2, 2)]:
    g = rng.normal(size=conv2d(x, w, b, strides).shape)

    def loss(strides=strides, g=g):
        return (conv2d(x, w, b, strides) * g).sum()

    for name, array, gradient in zip(
        "wbx", (w, b, x), conv2d_backward(x, w, g, strides), strict=True
    ):
        worst = abs(gradient - numerical_gradient(loss, array)).max()
        print(f"strides {strides}, gradient of {name}: worst difference ≈ {worst:.0e}")
        assert worst < 1e-7

# %% [markdown]
# Seven decimals, in float64. In float32 the same check would fail at random: $ε$ would drown in rounding. And the claim from above, that the gradient of the input is a transposed convolution:

# %%
g = rng.normal(size=conv2d(x, w, b).shape)
transposed = keras.layers.Conv2DTranspose(filters=2, kernel_size=3, use_bias=False, dtype="float64")
transposed.build((None, *g.shape))
transposed.set_weights([w])
_, _, dx = conv2d_backward(x, w, g)
same = np.allclose(transposed(g[None])[0], dx)
claim("the gradient of the input is Conv2DTranspose with the same kernels", same)

# %% [markdown]
# ## 1×1 kernels
#
# A 1×1 kernel looks at a single pixel. That sounds useless, until you remember that a filter is as deep as its input. It mixes the *channels* of each pixel, and nothing else: 32 filters of 1×1 turn 56×56×64 into 56×56×32.
#
# **Predict:** how many parameters do 128 filters of 1×1 have on a 1×1×64 input? Which other layer has as many?

# %%
pointwise = keras.layers.Conv2D(filters=128, kernel_size=1)
pointwise.build((None, 1, 1, 64))
dense = keras.layers.Dense(128)
dense.build((None, 64))
print(
    f"64·128 + 128 = {64 * 128 + 128:,}; Conv2D {pointwise.count_params():,}, Dense {dense.count_params():,}"
)

kernels, biases = pointwise.get_weights()
dense.set_weights([kernels[0, 0], biases])
print(
    "56×56×64 through 32 filters:",
    keras.layers.Conv2D(32, 1).compute_output_shape((None, 56, 56, 64)),
)

# %% [markdown]
# Equal counts prove little. Equal *outputs* do. On a larger map, too: a dense layer of Keras acts on the last axis, so it can be laid over every pixel.

# %%
rng = np.random.default_rng(2)
for side in (1, 8):
    features = rng.normal(size=(3, side, side, 64)).astype("float32")
    assert_allclose(pointwise(features), dense(features), atol=1e-5)
    print(f"{side}×{side}×64: the 1×1 convolution and the dense layer give the same numbers")

# %% [markdown]
# So a 1×1 convolution is a small dense network that visits every pixel {cite}`lin2013`. It is the cheap way to change the number of channels. The sizes in use today are 3×3, 1×1 and, mostly in the first layer, 5×5 or 7×7.

# %%
quiz("02", "one-by-one", "same-as-one-by-one")

# %% [markdown]
# ## Layers on layers: the receptive field
#
# A 3×3 layer on top of a 3×3 layer: each of its nine inputs has itself seen 3×3 pixels. So the second layer sees 5×5, though no kernel is larger than 3. In general, with $j$ the *jump* (how many input pixels one step of the current map is), a layer with kernel $k$ and stride $s$ changes
#
# $$r \leftarrow r + (k-1)\,j, \qquad j \leftarrow j·s .$$


# %%
def receptive_field(layers):
    """Side of the receptive field after each (kernel_size, strides)."""
    field, jump, fields = 1, 1, []
    for kernel_size, strides in layers:
        field += (kernel_size - 1) * jump
        jump *= strides
        fields.append(field)
    return fields


print("three 3×3 layers:               ", receptive_field([(3, 1)] * 3))
print("the same, the first with stride 2:", receptive_field([(3, 2), (3, 1), (3, 1)]))

# %% [markdown]
# A formula is a claim, so test it. Put a single 1 into each pixel of a picture in turn (a batch of pictures does it at once), and see which of them reach the output in the middle. All weights are 1, so the output also *counts the paths* from that pixel.

# %%
side = 11
impulses = np.eye(side * side, dtype="float32").reshape(-1, side, side, 1)
stack = keras.Sequential(
    [keras.layers.Conv2D(1, 3, kernel_initializer="ones", use_bias=False) for _ in range(3)]
)
reached = stack(impulses)[:, 2, 2, 0].numpy().reshape(side, side)
print(reached.astype(int)[1:10, 1:10])

# %% [markdown]
# Seven by seven, as the formula says: three layers of 9 weights each see what one layer of 49 weights sees. That is why 3×3 won.
#
# But look at the numbers. **Question:** what share of the influence do the nine pixels in the middle have?

# %%
paths = reached / reached.sum()
middle = paths[4:7, 4:7].sum()
print(f"paths: corner {reached[2, 2]:.0f}, middle {reached[5, 5]:.0f}")
print(f"the middle 9 of 49 pixels hold {middle:.0%} of the paths")

# %% [markdown]
# One corner path against 49 in the middle. The receptive field is a hill, not a box: the *effective* field is much smaller than the theoretical one, and grows only with the square root of the depth {cite}`luo2016`. "The unit sees 7×7" is true, and misleading.

# %%
quiz("02", "receptive-field", "receptive-stride")

# %% [markdown]
# ## Two relatives in brief
#
# **Separable convolution.** A full 3×3 layer from 64 to 128 channels looks at space and channels at once. A *depthwise separable* one does it in two steps: one 3×3 kernel for each channel, then a 1×1 layer that mixes them {cite}`chollet2017`. **Predict** how much that saves.

# %%
for layer in (keras.layers.Conv2D(128, 3), keras.layers.SeparableConv2D(128, 3)):
    layer.build((None, 32, 32, 64))
    print(f"{type(layer).__name__:16} {layer.count_params():7,} parameters")
print(f"by hand: {128 * (64 * 9 + 1):,} and {64 * 9 + 64 * 128 + 128:,}")

# %% [markdown]
# Eight times fewer. It is the two-dimensional cousin of "Sobel is a column times a row".
#
# **Transposed convolution.** With a stride it makes pictures larger: each input number stamps a copy of the kernel onto the output. **Predict** what a picture of ones becomes, with a 3×3 kernel of ones and stride 2.

# %%
ones = np.ones((1, 4, 4, 1), "float32")
up = keras.layers.Conv2DTranspose(1, 3, strides=2, kernel_initializer="ones", use_bias=False)
print(up(ones)[0, :, :, 0].numpy().astype(int))

# %% [markdown]
# Where stamps overlap they add up: 1, 2 and 4 in a regular pattern, from a blank picture. This is the checkerboard seen in many generated pictures {cite}`odena2016`. A kernel size that is a multiple of the stride avoids it.
#
# ## What a layer learns
#
# Last, a real layer on real digits: 16 filters of 5×5 with stride 2, then a softmax. What is learned in it are the *filters*. The maps are only what they answer.
#
# **Predict.** We train three networks: a softmax on the raw pixels, one with 16 **random** filters that are never trained, and one whose filters learn. How far apart are they?

# %%
digits = data.load("mnist", train=6000, test=1000)


def digit_model(filters, trainable, seed):
    """A softmax on the pixels, or on the maps of one convolutional layer."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((28, 28, 1))])
    if filters:
        model.add(keras.layers.Conv2D(filters, 5, 2, activation="relu", trainable=trainable))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(10, activation="softmax"))
    adam = keras.optimizers.Adam(2e-3)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(digits.x_train, digits.y_train, batch_size=64, epochs=5, verbose=0)
    return model, model.evaluate(digits.x_test, digits.y_test, verbose=0)[1]


# %%
_, pixels = digit_model(0, False, seed=0)
_, random_filters = digit_model(16, False, seed=0)
model, learned_filters = digit_model(16, True, seed=0)
print(f"softmax on raw pixels ≈ {pixels:.1%}")
print(f"16 random filters, frozen ≈ {random_filters:.1%}")
print(f"16 learned filters ≈ {learned_filters:.1%}")
claim("random filters do not hurt", random_filters > pixels - 0.01)
claim("learned filters beat raw pixels by over 2 points", learned_filters - pixels > 0.02)

# %% [markdown]
# Filters that nobody trained do no harm, and more often than not they even help: a random filter, followed by ReLU, is still a nonlinear look at a neighbourhood, and the softmax can pick what is useful. (So a network that trains *somewhat* is no proof that its first layer learns. Look at the filters.) Learning them is what makes the step.

# %% [markdown]
# Look at the filters, and at what they make of one digit:

# %% mystnb={"image": {"alt": "Two rows of six pictures. The upper row shows six of the learned 5 by 5 filters, most of them with a dark and a light side. The lower row shows the maps that they make of one digit, each bright along other strokes of it."}}
filters = model.layers[0].get_weights()[0][:, :, 0, :6]
digit = digits.x_test[:1]
maps = model.layers[0](digit).numpy()[0, :, :, :6]
shown = [*np.moveaxis(filters, -1, 0), *np.moveaxis(maps, -1, 0)]
titles = [f"filter {i}" for i in range(6)] + [f"map {i}" for i in range(6)]
figures.images(shown, titles, columns=6)

# %% [markdown]
# Many filters have a light side and a dark side, like the Sobels that people designed, and like Hubel and Wiesel's simple cells. Nobody asked for edges. They are what helps to tell digits apart.
#
# One thing the maps show that a table of shapes does not: **layers stack**. The next layer would not see the digit any more. It would see these maps, and look in *them* for patterns: edges that meet, ends of lines. Its filters would be 16 channels deep.

# %%
quiz("02", "shift", "shift-stride", "what-is-learned")

# %% [markdown]
# ## Summary
#
# - A dense layer treats pixels as a list without order: millions of weights, and no idea of neighbourhood. A convolutional layer is the same matrix with two beliefs built in: **local** connections, and **the same weights everywhere**.
# - Each filter is as deep as its input, and gives one map: $k·k·C + 1$ parameters, whatever the size of the picture.
# - Output side: $\lfloor (n + 2p - d(k-1) - 1)/s \rfloor + 1$. The floor can drop pixels silently, zeros at the border leave a trace, and a stride breaks equivariance.
# - Deep-learning libraries compute cross-correlation. Loop, im2col, Keras and one big matrix give the same numbers.
# - Backward: the gradient of a kernel is *error times input*, added over all places; the gradient of the input is the transposed convolution.
# - 1×1 convolution is a dense layer at each pixel. Three 3×3 layers see 7×7, mostly its middle.
#
# For the arithmetic of all cases with drawings, read {cite:t}`dumoulin2016`. For receptive fields of whole networks, {cite:t}`araujo2019`.
#
# ## Exercises
#
# The [lab of this chapter](../labs/02_convolution.ipynb) has you build all of it yourself: shapes, the sliding window, channels, strides, im2col, the backward pass, an edge kernel from your own gradient descent, and a small network that must reach a stated accuracy.
