# %% [markdown]
# # 02 · Convolution
#
# A photograph is a grid of numbers. A network that reads it needs one idea: look at small patches, and look at all of them with the same eyes.
#
# After this chapter you can
#
# - **count** the parameters that a dense layer would need for an image, and say why that fails;
# - **compute** a convolution by hand, with loops, as one matrix product, and with Keras, and show that all four agree;
# - **predict** the output shape and the number of parameters of any convolutional layer;
# - **derive** its backward pass, and check it with numerical gradients;
# - **explain** what padding, stride, dilation, 1×1 kernels and stacked layers do to what a unit can see.
#
# Reading, running and answering take about two and a half hours. The lab takes two hours more. You should have met dense layers, activations (ReLU, softmax) and gradient descent. In the code, `claim(text, fact)` prints ✓ if the fact holds, and stops if it does not.

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
from convbook.widgets import convolution, image_kernels, interact, progress, quiz

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## The trouble with dense layers
#
# Take a small colour image: 32×32 pixels, 3 channels. We want one new 32×32 map computed from it. A dense layer gives every output pixel its own weight for every input number.
#
# **Predict first,** with a pencil:

# %%
quiz("02", "dense-parameters")

# %% [markdown]
# The sum, for this size and for others:


# %%
def dense_parameters(inputs, outputs):
    """Weights and biases of a dense layer."""
    return inputs * outputs + outputs


print(f"D = 1,024 inputs to 1,024 outputs: D² + D = {dense_parameters(1024, 1024):,}")
for side in (32, 64, 224):
    count = dense_parameters(3 * side**2, side**2)
    print(f"{side:3}×{side:<3} RGB to one {side}×{side} map: {count:,} parameters")

# %% [markdown]
# Three million parameters for one map of a thumbnail, and more than 7.5 billion for one map of an ordinary 224×224 image. The weights must also be *found*, and that is hard in two ways. The more inputs a unit has, the smaller its weights must start, so initialization becomes delicate. And with more weights than examples, a layer can learn anything by heart.

# %%
rng = np.random.default_rng(0)
seen, unseen = rng.normal(size=(2, 500, 32 * 32 * 3))  # 500 images of noise, twice
labels = rng.choice([-1, 1], size=500)  # and a coin tossed for each
weights = np.linalg.lstsq(seen, labels, rcond=None)[0]
by_heart = (np.sign(seen @ weights) == labels).mean()
new_labels = rng.choice([-1, 1], size=500)
guessing = (np.sign(unseen @ weights) == new_labels).mean()
print(f"one dense unit, 3,072 weights, on what it has seen: {by_heart:.0%}")
print(f"on new images ≈ {guessing:.0%}")
claim("one dense unit learns 500 coin tosses by heart", by_heart == 1)
claim("and has learned nothing from them", abs(guessing - 0.5) < 0.1)

# %% [markdown]
# A perfect score on noise. Nothing stops a large dense layer from fitting whatever it is shown: that is overfitting.
#
# There is a deeper trouble. **Question:** suppose we shuffle the pixels of every image, always in the same way. A person sees only noise. What does a dense layer see?

# %%
rng = np.random.default_rng(0)
pictures = rng.normal(size=(5, 32 * 32 * 3))
weights = rng.normal(size=(32 * 32 * 3, 10))
shuffle = rng.permutation(32 * 32 * 3)

before = pictures @ weights
after = pictures[:, shuffle] @ weights[shuffle]
claim("with its weights shuffled too, it answers as before", np.allclose(after, before))

# %% [markdown]
# It sees no difference at all. For each set of weights there is a shuffled set that does the same on shuffled images, and random initialization likes both equally. **A dense layer does not know which pixels are neighbours.** It has to learn from data what we knew from the start.
#
# What did we know from the start? Two things:
#
# 1. **Local:** an edge, a corner or an eye is a matter of nearby pixels.
# 2. **The same everywhere:** an edge in the top left corner looks like an edge in the bottom right one.
#
# So connect each output only to a small patch, and use *the same weights* for every patch. That is a convolutional layer. With a 3×3 patch of an RGB image, one map costs this much:

# %%
layer = keras.layers.Conv2D(filters=1, kernel_size=3, padding="same")  # more on padding soon
layer.build((None, 32, 32, 3))
print(f"convolution, 3×3×3 weights and a bias: {layer.count_params()} parameters")

dense = keras.layers.Dense(32 * 32)
dense.build((None, 32 * 32 * 3))
print(f"dense, the same input and output:      {dense.count_params():,} parameters")

# %% [markdown]
# 28 against 3,146,752.
#
# ## Where the idea comes from
#
# In 1959 David Hubel and Torsten Wiesel recorded single cells in a cat's visual cortex. Each cell answered only to light in one small region of the view, its **receptive field**, and many wanted a bar or an edge of one **orientation** there {cite}`hubel1959`. The fields of neighbouring cells **overlap**; together they cover the view.
#
# In 1962 they told *simple* cells, which want their edge in an exact place, from *complex* cells, which accept it anywhere nearby {cite}`hubel1962`. In 1965 they described *hypercomplex* cells, which also want the edge to end {cite}`hubel1965`, and in 1968 they found the same plan in a monkey {cite}`hubel1968`. They proposed a **hierarchy**: simple cells feed complex cells, and these feed hypercomplex ones. In the words of networks: low-level features (edges), mid-level features (corners, ends of lines), high-level features (whole shapes), each made of those below.
#
# Fukushima built such a hierarchy as a network in 1980, the neocognitron, and added what biology does not have: exact copies of the same weights at every place {cite}`fukushima1980`. LeCun and colleagues trained a network of this kind by backpropagation in 1989, on handwritten digits {cite}`lecun1989`. (The complex cells will come back in the next chapter, as pooling.)
#
# ## A window that slides
#
# Now the operation itself, small enough to do by hand. Here are a 5×5 image and a 3×3 **kernel** (also called *filter*).

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
# That is the top left output. Slide one pixel to the right, and do it again. **Your turn,** at another place:

# %%
quiz("02", "by-hand")

# %% [markdown]
# **Predict:** at how many places does the kernel fit? As a loop:


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
# Nine places, so a 3×3 output. Here is the same image to play with (leave its settings for later). Point at an output to see where it comes from, then point at an *input*, and see how many outputs it reaches.

# %%
convolution(input=image, kernel=kernel, id="by-hand")

# %% [markdown]
# The corner pixel reaches one output, the middle pixel reaches nine. What stands at the border counts less. We come back to that.
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
answer = to_numpy(conv(image[None, :, :, None].astype("float32")))
print("Keras' Conv2D:       ", answer[0, 0, :, 0].astype(int))

# %% [markdown]
# Keras does not flip. The name *convolution* stuck, the flip did not. Does that harm a layer that *learns* its kernel? Think before you answer:

# %%
quiz("02", "cross-correlation")

# %% [markdown]
# The flip matters when you bring a kernel from elsewhere: `scipy.signal.convolve2d` flips it, as you just saw, and `correlate2d` does not.
#
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
photo = photo[:426].reshape(213, 2, 320, 2).mean(axis=(1, 3))  # half the size
photo = photo[:, 40:280]
filtered = [signal.correlate2d(photo, k, mode="valid") for k in BANK.values()]
shown = [np.clip(picture, 0, 1) for picture in filtered]
figures.images(shown, list(BANK), columns=3, limits=(0, 1))

# %% [markdown]
# Negative answers are shown black. So the two Sobels of a pair show different lines: where one is positive, the other is negative.
#
# Two numbers tell a good deal about a kernel. Its **sum** says what becomes of a flat area: a sum of 1 keeps it, a sum of 0 turns it black. Its **rank** says whether it is a column times a row: then the rank is 1, and the kernel is called *separable*. For such a kernel, two one-dimensional passes do the work of one two-dimensional pass: 3 + 3 products a pixel in place of 9.
#
# **Predict:** which of the nine have rank 1?

# %%
print("kernel        sum  rank")
for name, k in BANK.items():
    print(f"{name:13} {k.sum():3g} {np.linalg.matrix_rank(k):5}")

# %% [markdown]
# Blur, the Sobels and the identity are separable. A Sobel kernel is a blur along the edge, $[1, 2, 1]$, times a difference across it, $[1, 0, -1]$: it smooths and differentiates at once.
#
# The left Sobel is the right one with its sign changed. Followed by ReLU, each sees edges of one sign only, from dark to light or from light to dark. A network needs both.
#
# Now every number of it. Point at a pixel, or walk there with the arrow keys: the explorer writes its sum out. The kernels grow to 7×7, the images have colours, and you may bring your own. What it computes is what Keras computes.
#
# **Predict**, before you choose *outline*: what does it make of a flat area, where all nine pixels are equal? What of the outermost row of the image, with zeros beyond it? And which is further from the truth, to clamp its negative answers or to take their absolute values?

# %%
image_kernels()

# %% [markdown]
# A flat area turns black, since the weights add up to 0. Yet the outermost row may shine: zeros beyond the border are an edge, too. The image has no line there; the padding drew it. Choose another border rule, and it is gone. What is shown is a choice as well: clamping hides half of the edges, and absolute values merge two kinds of them. A network does neither. It hands the signed numbers on.
#
# Kernels for other directions lie between these. The slider below turns one. (It needs Python behind it: run the notebook to move it.)


# %% mystnb={"image": {"alt": "A Sobel kernel turned to the chosen angle, and the photograph filtered by it, negative answers dark, positive ones light."}}
def turned_edges(angle=90):
    """Filter the photo with an edge kernel turned to an angle in degrees."""
    radians = np.deg2rad(angle)
    turned = np.cos(radians) * BANK["right Sobel"] + np.sin(radians) * BANK["top Sobel"]
    answer = signal.correlate2d(photo, turned, mode="valid")
    figures.images([turned, answer], [f"kernel at {angle}°", "its answer"], limits=(-2, 2))


interact(turned_edges, angle=(0, 345, 15))

# %% [markdown]
# Two Sobel kernels, mixed with cosine and sine, give nearly every direction. Such a pair is called *steerable* {cite}`freeman1991`. It would be exact for derivatives of a Gaussian, and more sharply tuned filters need more than two.
#
# ## Learn the kernel
#
# Do not design the kernel, **learn** it. We show pairs of images, before and after a Sobel filter, and search for the nine numbers that turn one into the other.
#
# The loss is the mean squared error over all $n$ places $p$ of the image, with $x_p$ the patch at $p$ (nine numbers) and $t_p$ the target there:
#
# $$L(w) = \frac1n \sum_p (w·x_p - t_p)^2, \qquad \frac{∂L}{∂w} = \frac2n \sum_p (w·x_p - t_p)\, x_p .$$
#
# Read the gradient aloud: *the error at each place times the patch it came from, averaged*. It is itself a correlation, of the error with the image.


# %%
def learn_kernel(picture, target_kernel, steps, learning_rate, seed=0):
    """Find a 3×3 kernel; return it, and (loss, worst error) at each step."""
    patches = sliding_window_view(picture, (3, 3)).reshape(-1, 9)
    target = patches @ target_kernel.ravel()
    w = np.random.default_rng(seed).normal(scale=0.1, size=9)
    history = []
    for _ in range(steps):
        error = patches @ w - target
        loss = (error**2).mean() / target.var()  # as a share of the target's variance
        history.append((loss, abs(w - target_kernel.ravel()).max()))
        w = w - learning_rate * 2 * patches.T @ error / len(patches)
    return w.reshape(3, 3), np.array(history)


noise = np.random.default_rng(1).normal(size=(64, 64))
learned, on_noise = learn_kernel(noise, BANK["left Sobel"], steps=100, learning_rate=0.2)
print(np.round(learned, 3) + 0.0)  # adding 0 turns −0 into 0

# %% [markdown]
# From random numbers to the Sobel kernel, to three decimals, in a hundred steps. It saw nothing but *before* and *after*, and both were pure noise.
#
# **Predict:** a real photograph is full of edges. Does it teach the kernel faster than noise, or slower?

# %% mystnb={"image": {"alt": "On a logarithmic scale, the worst error of the kernel learned from noise falls to zero within thirty steps. Learned from the photograph it is still large after a thousand steps, while the loss on the photograph falls far sooner than the kernel's error."}}
_, on_photo = learn_kernel(photo, BANK["left Sobel"], steps=1000, learning_rate=0.15)
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
claim("30 steps on noise beat 1,000 on the photograph", on_noise[30, 1] < on_photo[-1, 1] / 3)
claim(
    "on the photograph, over 98 % is explained while a weight is off by over 0.2",
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
claim("the photograph's is over 500 times that", condition(photo) > 500 * condition(noise))

# %% [markdown]
# The loss of the photograph is a long, narrow valley. Gradient descent soon stands on its floor, and then creeps. Longer steps would help there, but along the steepest direction they would diverge. That steepest direction is mostly the *mean*, which all pixels share. **Predict:** what does it bring to standardize the photograph (mean 0, variance 1), and then to take longer steps?

# %%
centred = (photo - photo.mean()) / photo.std()
print(f"steepest over flattest direction, standardized ≈ {condition(centred):.0f}")
_, on_centred = learn_kernel(centred, BANK["left Sobel"], steps=1000, learning_rate=0.1)
print(f"its step, in the photograph's units ≈ {0.1 / photo.var():.2f} in place of 0.15")
print(f"worst error of a weight after 1,000 steps ≈ {on_centred[-1, 1]:.2f}")
claim("the valley is over 3 times as round", condition(centred) < condition(photo) / 3)
claim("and the kernel over 3 times as exact", on_centred[-1, 1] < on_photo[-1, 1] / 3)

# %% [markdown]
# The flat directions are as flat as before: with the old step, little would have changed. But the steepest direction is less steep, so a step can be several times as long without diverging. This is one reason why inputs are standardized. And keep the other lesson: a low loss says that the *answers* are right on data like yours. It does not say that the *weights* are.

# %% [markdown]
# ## Channels
#
# A colour image has three numbers at every pixel. How does a filter read them? **Predict:**

# %%
quiz("02", "inner-product")

# %% [markdown]
# It gets weights for all of them: **a filter is always as deep as its input.** A "5×5" filter on a 32×32×3 image holds 5·5·3 = 75 weights. At each place it takes the inner product of its 75 weights with the 75 numbers under it, and adds a bias:
#
# $$a = w·x + b$$
#
# So one filter gives **one** map, however many channels come in. Let us check one place against Keras:

# %%
rng = np.random.default_rng(0)
colour = rng.normal(size=(1, 32, 32, 3)).astype("float32")
layer = keras.layers.Conv2D(filters=6, kernel_size=5, bias_initializer="random_normal")
maps = to_numpy(layer(colour))
kernels, biases = layer.get_weights()

row, column, f = 7, 12, 4
patch = colour[0, row : row + 5, column : column + 5, :]
by_hand = patch.ravel() @ kernels[..., f].ravel() + biases[f]
print("numbers in the patch:", patch.size)
print("kernels:", kernels.shape, "= height, width, channels in, filters")
print("maps:   ", maps.shape)
theirs = maps[0, row, column, f]
claim("w·x + b is what Keras gives there", np.isclose(by_hand, theirs, atol=1e-5))

# %% [markdown]
# Such a map is called a **feature map**: it says, for each place, how much of the filter's feature is there. One 5×5×3 filter turns 32×32×3 into 28×28×1. Six filters give 28×28×6: their maps are stacked, and become the channels of the next layer's input. In general, an $M×N$ image and $m$ filters of size $k×k$ give
#
# $$(M-k+1)×(N-k+1)×m .$$
#
# Then each number goes through the activation, $h = φ(a)$, just as in a dense layer.
#
# With a kernel of $k_1$ rows and $k_2$ columns, and strides $s_1$ and $s_2$ (how far the window jumps, down and to the right), the feature map $f$ at place $(i, j)$ is
#
# $$
# \begin{aligned}
# a_{i,j,f} &= b_f + \sum_{u=0}^{k_1-1} \sum_{v=0}^{k_2-1} \sum_{c} x_{\,i s_1+u,\; j s_2+v,\; c}\; w_{u,v,c,f} \\
# h_{i,j,f} &= φ(a_{i,j,f})
# \end{aligned}
# $$
#
# As a loop. The three sums over $u$, $v$ and $c$ are the `.sum()` of one window:


# %%
def conv2d_loop(x, w, b, strides=(1, 1), activation=lambda a: a):
    """An image (H, W, channels) and kernels (k1, k2, channels, filters): feature maps."""
    k1, k2, _, filters = w.shape
    s1, s2 = strides
    rows = (x.shape[0] - k1) // s1 + 1
    columns = (x.shape[1] - k2) // s2 + 1
    a = np.zeros((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = x[i * s1 : i * s1 + k1, j * s2 : j * s2 + k2, :]
            for f in range(filters):
                a[i, j, f] = (window * w[..., f]).sum() + b[f]
    return activation(a)


# %%
def relu(a):
    return np.maximum(a, 0)


for strides in [(1, 1), (2, 2), (3, 1)]:
    layer = keras.layers.Conv2D(filters=6, kernel_size=5, strides=strides, activation="relu")
    layer.build(colour.shape)
    layer.set_weights([kernels, biases])
    ours = conv2d_loop(colour[0], kernels, biases, strides, relu)
    assert_allclose(ours, to_numpy(layer(colour))[0], atol=1e-4)
    print(f"strides {strides}: {ours.shape}, equal to Keras")

# %% [markdown]
# ### Counting parameters
#
# What does such a layer cost? Count before you run.

# %%
quiz("02", "conv-parameters")

# %%
layer = keras.layers.Conv2D(filters=64, kernel_size=3)
print("output shape:", layer.compute_output_shape((None, 32, 32, 3)))
for side in (32, 224):
    layer = keras.layers.Conv2D(filters=64, kernel_size=3)
    layer.build((None, side, side, 3))
    print(f"{side}×{side}×3: {layer.count_params():,} = 64·(3·3·3 + 1) = {64 * (3 * 3 * 3 + 1):,}")

# %% [markdown]
# 64 filters of 3·3·3 weights and a bias each. The image's size does not occur in that sum, so the same layer reads images of any size.

# %% [markdown]
# ## How large is the output?
#
# The layer above turned 32×32 into 30×30. **Question:** why?

# %%
quiz("02", "why-30")

# %% [markdown]
# With a window of $k$ on a row of $n$ there are $n-k+1$ places: the first starts at 0, the last at $n-k$. Three settings change that number.
#
# - **Padding** $p$ adds $p$ rows and columns of zeros on each side.
# - **Stride** $s$ moves the window $s$ pixels at a time.
# - **Dilation** $d$ spreads the window's $k$ weights $d$ pixels apart, so that it covers $d(k-1)+1$.
#
# $$\text{output} = \Big\lfloor \frac{n + 2p - d(k-1) - 1}{s} \Big\rfloor + 1$$
#
# Now predict:

# %%
quiz("02", "output-size", "output-floor")


# %%
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    """Side of the output of a convolution, after the formula above."""
    covered = dilation_rate * (kernel_size - 1) + 1
    return (n + 2 * padding - covered) // strides + 1


print("32, kernel 3:            ", output_size(32, 3))
print("7, kernel 3:             ", output_size(7, 3))
print("7, kernel 3, padding 1:  ", output_size(7, 3, padding=1))
print("7, kernel 3, strides 2:  ", output_size(7, 3, strides=2))
print("8, kernel 3, strides 2:  ", output_size(8, 3, strides=2))
print("9, kernel 3, dilation 2: ", output_size(9, 3, dilation_rate=2))

# %% [markdown]
# The floor hides something. On 8 pixels, a window of 3 with stride 2 starts at pixels 0, 2 and 4, and covers up to pixel 6. **Pixel 7 is never read.** No error, no warning: a row and a column of the image are thrown away. That is why 7 and 8 give the same size.
#
# The formula against Keras' own layers, for all combinations of these values that Keras allows (padding is added to the input's side, as Keras has no number for it):

# %%
from itertools import product

checked = 0
for n, k, s, p, d in product(range(5, 14), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
    if d * (k - 1) + 1 > n + 2 * p or (s > 1 and d > 1):
        continue  # it does not fit, or has strides and dilation, which Keras refuses
    layer = keras.layers.Conv2D(filters=1, kernel_size=k, strides=s, dilation_rate=d)
    keras_size = layer.compute_output_shape((None, n + 2 * p, n + 2 * p, 1))[1]
    assert output_size(n, k, s, p, d) == keras_size, (n, k, s, p, d)
    checked += 1
print(f"{checked} settings, all equal to Keras")

# %% [markdown]
# Two uses are worth a name. With stride 1 and an odd kernel, **zero padding of** $(k-1)/2$ keeps the size ("same" padding), so that layers can be stacked without the image shrinking away. **A stride** connects a large layer to a small one: stride 2 leaves a quarter of the outputs.
#
# Try it: input 7, kernel 3, padding 1, stride 2. Then input 8 and padding 0, and watch which pixels no window reaches. Last, input 3 and kernel 5, still without padding: read what the explorer answers.

# %%
convolution(input_size=7, kernel_size=3, strides=2, padding=1, id="sizes")

# %%
quiz("02", "what-changes-parameters")

# %% [markdown]
# ## What happens at the border
#
# Padding has a price. The zeros are not part of the image, but the kernel cannot know that. Take an image that is the same everywhere, and blur it. **Predict:** what should a blur do to it?

# %%
flat = np.ones((1, 6, 6, 1), "float32")
blur = keras.layers.Conv2D(filters=1, kernel_size=3, padding="same", use_bias=False)
blur.build(flat.shape)
blur.set_weights([BANK["blur"][:, :, None, None]])
print(to_numpy(blur(flat))[0, :, :, 0])

# %% [markdown]
# A blur should leave it alone. With zero padding the edges fall to ¾ and the corners to 9⁄16. The network can *see* the border, even on a blank image, and each further 3×3 layer carries the news one pixel inward. Networks make use of it: they learn to tell *where* in the image they are, though a convolution alone could not know {cite}`islam2020`.
#
# And there is a second surprise, for those who use stride 2. On an even side, a kernel of 3 needs only one zero in all. On which side does `padding="same"` put it?

# %%
quiz("02", "same-stride")

# %%
ramp = np.arange(1, 7, dtype="float32").reshape(1, 1, 6, 1)
taps = np.array([100, 10, 1], "float32").reshape(1, 3, 1, 1)
layer = keras.layers.Conv2D(
    filters=1, kernel_size=(1, 3), strides=2, padding="same", use_bias=False
)
layer.build(ramp.shape)
layer.set_weights([taps])
print("row 1 2 3 4 5 6, weights 100 10 1, same, strides 2:")
print(to_numpy(layer(ramp)).astype(int).ravel())

# %% [markdown]
# The first output is 123: the window starts *on* the image. The last is 560: the zero stands on the **right**. PyTorch's `padding=1` puts a zero on both sides, and would read 012, 234, 456. Same weights, same size, but every window stands one pixel off. Weights carried from one library to the other give wrong answers for no visible reason. The remedy is to pad by hand, with `ZeroPadding2D(1)` and `padding="valid"`:

# %%
padded = keras.layers.ZeroPadding2D((0, 1))(ramp)  # no row; one column on either side
layer = keras.layers.Conv2D(filters=1, kernel_size=(1, 3), strides=2, use_bias=False)
layer.build(padded.shape)
layer.set_weights([taps])
print("zeros on both sides:", [f"{v:03.0f}" for v in to_numpy(layer(padded)).ravel()])
# %% [markdown]
# ## Shift the input, shift the output
#
# The same weights everywhere mean: if the image moves, the map moves with it. This is called **translation equivariance**. **Question:** does it still hold with stride 2?

# %%
quiz("02", "shift", "shift-stride")

# %% [markdown]
# Put a spot into an image, move it, and compare the maps:

# %%
spot = np.zeros((1, 16, 16, 1), "float32")
spot[0, 6:9, 6:9, 0] = 1


def map_shift(strides, by):
    """How far the feature maps move when the image moves by some pixels; None if they change."""
    layer = keras.layers.Conv2D(filters=4, kernel_size=3, strides=strides)
    before, after = to_numpy(layer(spot)), to_numpy(layer(np.roll(spot, by, axis=2)))
    fits = [n for n in range(4) if np.allclose(np.roll(before, n, axis=2), after, atol=1e-6)]
    return fits[0] if fits else None


for strides in (1, 2):
    for by in (1, 2):
        print(f"strides {strides}: image moved by {by}, maps moved by {map_shift(strides, by)}")

# %% [markdown]
# With stride 1 the maps move as the image does. With stride 2, a move by two pixels is a move by one in the map. But a move by *one* pixel would be half a step in the map, which does not exist: the result is other maps altogether. A network that halves its maps is equivariant only to moves by whole strides, and a single pixel can change its answer {cite}`zhang2019`.
# %% [markdown]
# ## Convolution as a matrix product
#
# The loop above goes round 28·28·6 = 4,704 times for one small image. But each turn does the same: an inner product of a patch with a kernel. Many inner products at once are a *matrix product*, which processors do best. So lay each patch out as a row of a matrix; the kernels are the columns of another; and the whole layer is one product. The trick is known as **im2col**; Chellapilla and colleagues described it for convolutional networks {cite}`chellapilla2006`.


# %%
def im2col(x, kernel_size, strides=(1, 1)):
    """Each patch of an image (H, W, channels) as a row: (rows, columns, k1·k2·channels)."""
    windows = sliding_window_view(x, kernel_size, axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
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
print(f"numbers in the image:  {colour[0].size:,}")
print(f"numbers in the matrix: {patches.size:,}")

# %% [markdown]
# Each pixel is copied into up to 25 patches. That memory is the price of a single product.
#
# ## Convolution *is* a dense layer, with most weights missing
#
# There is another matrix, which explains more than it speeds up. Any linear map is a matrix, and we can read off its columns: put in an image with a single 1, and see what comes out. Do it for all 25 pixels of the 5×5 example.

# %% mystnb={"image": {"alt": "A matrix of 9 rows and 25 columns. Each row holds the kernel's numbers in three short runs, and each row is the one above it moved to the right."}}
numbered = np.arange(1, 10).reshape(3, 3)
columns = [slide(pixel.reshape(5, 5), numbered).ravel() for pixel in np.eye(25)]
matrix = np.array(columns).T.astype(int)
figures.numbers([matrix], ["the kernel 1 … 9 as a matrix"], "input pixel", "output")

# %%
print(f"{matrix.size} weights, {np.count_nonzero(matrix)} of them not zero,")
print(f"with {len(np.unique(matrix[matrix > 0]))} different values")
assert_allclose(matrix @ image.ravel(), slide(image, numbered).ravel())

# %% [markdown]
# A dense layer would have 225 free weights here. **Local** sets 144 of them to zero. **The same everywhere** makes the other 81 into 9 numbers that repeat.
#
# Now turn the matrix around. It maps 25 numbers to 9. **Predict:** how many numbers does its transpose take, and how many does it give? What does a single input number become?

# %%
transposed = keras.layers.Conv2DTranspose(filters=1, kernel_size=3, use_bias=False)
transposed.build((None, 3, 3, 1))
transposed.set_weights([numbered[:, :, None, None]])
one = np.zeros((1, 3, 3, 1), "float32")
one[0, 1, 2, 0] = 1
stamped = to_numpy(transposed(one))[0, :, :, 0]
print(stamped.astype(int))
assert_allclose(stamped.ravel(), matrix.T @ one.ravel())

# %% [markdown]
# From 9 numbers to 25: each input number *stamps* a copy of the kernel, times itself, onto the output. Keras' `Conv2DTranspose` is exactly the transpose of the matrix, hence its name. It is no inverse: it brings back a shape, not the numbers. And with a stride not even the shape is certain, since 7 and 8 pixels both became 3. So the layer must be told which one is meant:

# %%
for output_padding in (0, 1):
    up = keras.layers.Conv2DTranspose(1, 3, strides=2, output_padding=output_padding)
    print(
        f"3 back to {up.compute_output_shape((None, 3, 3, 1))[1]}: output_padding={output_padding}"
    )

# %% [markdown]
# **Predict:** what does an image of ones become, with a 3×3 kernel of ones and stride 2? Each number stamps nine ones, two pixels apart.

# %%
ones = np.ones((1, 4, 4, 1), "float32")
up = keras.layers.Conv2DTranspose(
    filters=1, kernel_size=3, strides=2, kernel_initializer="ones", use_bias=False
)
print(to_numpy(up(ones))[0, :, :, 0].astype(int))

# %% [markdown]
# Where stamps overlap they add up: 1, 2 and 4 in a regular pattern, from a blank image. This is the checkerboard seen in many generated images. A kernel size that is a multiple of the stride avoids the uneven overlap, though learned weights can still make a pattern {cite}`odena2016`.
#
# ## The backward pass
#
# Training needs the gradients of the loss $L$ with respect to weights, bias and input. Begin with the smallest case: a row of three pixels and a kernel of two weights.
#
# $$
# \begin{aligned}
# a_0 &= x_0 w_0 + x_1 w_1 + b \\
# a_1 &= x_1 w_0 + x_2 w_1 + b
# \end{aligned}
# $$
#
# Suppose that we know how the loss depends on the outputs, $g_0 = ∂L/∂a_0$ and $g_1 = ∂L/∂a_1$. **Ask each number where it was used.** The weight $w_0$ was used twice: it met $x_0$ on its way to $a_0$, and $x_1$ on its way to $a_1$. So the chain rule gives
#
# $$
# \begin{aligned}
# ∂L/∂w_0 &= g_0 x_0 + g_1 x_1 & ∂L/∂b &= g_0 + g_1 \\
# ∂L/∂w_1 &= g_0 x_1 + g_1 x_2 & ∂L/∂x_1 &= g_0 w_1 + g_1 w_0
# \end{aligned}
# $$
#
# In general, with the patches as the rows of a matrix $P$ (row $p$ is the patch at place $p$, column $q$ one number in it), the forward pass is $a_{pf} = \sum_q P_{pq} W_{qf} + b_f$. Hence
#
# - $∂L/∂W_{qf} = \sum_p P_{pq}\, g_{pf}$: *error times the input it met*, over all places;
# - $∂L/∂b_f = \sum_p g_{pf}$;
# - $∂L/∂P_{pq} = \sum_f g_{pf} W_{qf}$: *error times the weight it met*. Each row of it belongs to one patch; a pixel adds up what comes back from all patches it was part of.


# %%
def conv2d_backward(x, w, g, strides=(1, 1)):
    """Gradients of conv2d with respect to w, b and x, from the gradient g of its output."""
    k1, k2 = w.shape[:2]
    patches = im2col(x, (k1, k2), strides)
    dw = np.einsum("ijq,ijf->qf", patches, g).reshape(w.shape)
    db = g.sum(axis=(0, 1))
    dx = np.zeros_like(x)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dx[r : r + k1, c : c + k2] += w @ g[i, j]
    return dw, db, dx


# %% [markdown]
# Do not trust a gradient that you have not checked. The check is simple: move one number $θ$ a little to both sides, see how much the loss changes, and compare with $\frac{L(θ+ε) - L(θ-ε)}{2ε}$.


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

# %% [markdown]
# As the loss take the sum of $a·g$, with random numbers $g$: then $∂L/∂a$ is exactly $g$.

# %%
for strides in [(1, 1), (2, 1), (2, 2)]:
    g = rng.normal(size=conv2d(x, w, b, strides).shape)

    def loss(strides=strides, g=g):
        return (conv2d(x, w, b, strides) * g).sum()

    gradients = conv2d_backward(x, w, g, strides)
    for name, array, gradient in zip("wbx", (w, b, x), gradients, strict=True):
        worst = abs(gradient - numerical_gradient(loss, array)).max()
        print(f"strides {strides}, gradient of {name}: worst difference ≈ {worst:.0e}")
        assert worst < 1e-7

# %% [markdown]
# Equal to many decimals, in float64. Networks compute in float32. **Predict:** does the same check pass there?

# %%
x32, w32, b32 = (array.astype("float32") for array in (x, w, b))
g32 = rng.normal(size=conv2d(x, w, b).shape).astype("float32")
dw = conv2d_backward(x32, w32, g32)[0]
for epsilon in (1e-5, 1.0):
    numerical = numerical_gradient(lambda: (conv2d(x32, w32, b32) * g32).sum(), w32, epsilon)
    error = abs(dw - numerical).max()
    print(f"float32, ε = {epsilon:g}: worst difference ≈ {error:.0e}")
    claim(
        "the check fails" if epsilon < 1 else "the check passes",
        (error > 1e-3) == (epsilon < 1),
    )

# %% [markdown]
# The gradient is right, and the check says that it is wrong. With $ε = 10^{-5}$ the loss changes only in its last few float32 digits, and dividing by $2ε$ blows the rounding up. Here a *huge* step is the better one, as this loss is linear in each weight: a straight line has the same slope at any distance. A loss that bends needs a small step, so check in float64.
#
# One thing is left. The forward pass is a matrix product, so the gradient of the input is the *transposed* matrix times $g$. That should be the transposed convolution from above:

# %%
x = rng.normal(size=(7, 7, 2))
for strides in [(1, 1), (2, 2)]:
    g = rng.normal(size=conv2d(x, w, b, strides).shape)
    layer = keras.layers.Conv2DTranspose(2, 3, strides=strides, use_bias=False)
    layer.build((None, *g.shape))
    layer.set_weights([w])
    dx = conv2d_backward(x, w, g, strides)[2]
    same = np.allclose(to_numpy(layer(g[None]))[0], dx, atol=1e-4)
    claim(f"strides {strides}: the gradient of the input is Conv2DTranspose", same)

# %% [markdown]
# ## 1×1 kernels
#
# A 1×1 kernel looks at a single pixel. That sounds useless, until you remember that a filter is as deep as its input. It mixes the *channels* of each pixel, and nothing else: 32 filters of 1×1 turn 56×56×64 into 56×56×32.
#
# Count again:

# %%
quiz("02", "one-by-one")

# %%
pointwise = keras.layers.Conv2D(filters=128, kernel_size=1)
pointwise.build((None, 1, 1, 64))
dense = keras.layers.Dense(128)
dense.build((None, 64))
print(f"by hand 64·128 + 128 = {64 * 128 + 128:,}")
print(f"Conv2D {pointwise.count_params():,}, Dense {dense.count_params():,}")

kernels, biases = pointwise.get_weights()
dense.set_weights([kernels[0, 0], biases])
shape = keras.layers.Conv2D(filters=32, kernel_size=1).compute_output_shape((None, 56, 56, 64))
print("56×56×64 through 32 filters:", shape)

# %% [markdown]
# Equal counts prove little. Which layers are really the same?

# %%
quiz("02", "same-as-one-by-one")

# %% [markdown]
# Equal *outputs* are a proof. On a larger map, too: a dense layer of Keras acts on the last axis, so it can be laid over every pixel.

# %%
rng = np.random.default_rng(2)
for side in (1, 8):
    features = rng.normal(size=(3, side, side, 64)).astype("float32")
    assert_allclose(to_numpy(pointwise(features)), to_numpy(dense(features)), atol=1e-5)
    print(f"{side}×{side}×64: 1×1 convolution and dense layer give the same numbers")

# %% [markdown]
# So a 1×1 convolution is one dense layer that visits every pixel; several in a row are a small dense network {cite}`lin2013`. It is the cheap way to change the number of channels. The usual sizes of kernels are 3×3, 5×5 and 1×1.
# %% [markdown]
# ## Layers on layers: the receptive field
#
# A 3×3 layer on top of a 3×3 layer: each of its nine inputs has itself seen 3×3 pixels. How far does a unit at the top see?

# %%
quiz("02", "receptive-field", "receptive-stride")

# %% [markdown]
# The rule carries two numbers from layer to layer: $r$, the side of the field, at first 1; and $j$, the *jump*: how many input pixels one step of the current map is, at first 1, too. A layer with kernel $k$, stride $s$ and dilation $d$ changes them to
#
# $$r \leftarrow r + d\,(k-1)\,j, \qquad j \leftarrow j·s .$$


# %%
def receptive_field(layers):
    """Side of the field after each layer (kernel_size, strides), without dilation."""
    field, jump, fields = 1, 1, []
    for kernel_size, strides in layers:
        field += (kernel_size - 1) * jump
        jump *= strides
        fields.append(field)
    return fields


print("three 3×3 layers:            ", receptive_field([(3, 1)] * 3))
print("the same, strides 2, 1 and 1:", receptive_field([(3, 2), (3, 1), (3, 1)]))

# %% [markdown]
# Test it. Put a single 1 into each pixel of an image in turn (a batch of images does it at once), and see which of them reach one output. All weights are 1, so the output also *counts the paths* from that pixel.


# %%
def paths_from(side, dilations):
    """Paths from each pixel to the middle output of 3×3 layers with these dilation rates."""
    x = np.eye(side * side, dtype="float32").reshape(-1, side, side, 1)
    for rate in dilations:
        layer = keras.layers.Conv2D(
            1, 3, dilation_rate=rate, kernel_initializer="ones", use_bias=False
        )
        x = to_numpy(layer(x))
    middle = x.shape[1] // 2
    return x[:, middle, middle, 0].reshape(side, side).astype(int)


paths = paths_from(7, dilations=(1, 1, 1))
print(paths)

# %% [markdown]
# Seven by seven, as the rule says: three layers of 9 weights each see what one layer of 49 weights sees, with two more activations between. It is the argument that the VGG networks made for 3×3 {cite}`simonyan2014`.
#
# But look at the numbers. **Question:** what share of all paths begins in the nine pixels in the middle?

# %%
print(f"paths from a corner {paths[0, 0]}, from the middle {paths[3, 3]}")
print(f"the middle 9 of 49 pixels have {paths[2:5, 2:5].sum() / paths.sum():.0%} of the paths")
for depth in (3, 10, 40):
    spread = np.sqrt(depth * 2 / 3)  # each layer moves a path by −1, 0 or 1, at random
    print(f"{depth:2} layers: field {2 * depth + 1:2} pixels, paths spread over ±{spread:.1f}")

# %% [markdown]
# One path from a corner against 49 from the middle. The receptive field is a hill, not a box. The field grows with the depth, the hill only with its square root: this is the *effective* receptive field. So it is for plain stacks at the start of training; training, strides and dilation widen it {cite}`luo2016`.
#
# Dilation widens the field at no cost in weights. **Predict** for three 3×3 layers with dilation 2 each; with dilations 1, 2 and 4; and with 1, 3 and 9: how wide is the field, and does it have holes?

# %%
for dilations in [(2, 2, 2), (1, 2, 4), (1, 3, 9)]:
    side = 1 + 2 * sum(dilations)
    paths = paths_from(side, dilations)
    print(
        f"dilations {dilations}: {side}×{side}, {np.count_nonzero(paths)} of {paths.size} ",
        end="",
    )
    print(f"pixels reached, by {paths.min()} to {paths.max()} paths")

# %% [markdown]
# The same dilation three times reads only every other row and column: most pixels of its field do not exist for it. Dilations 1, 2, 4 leave no hole. And 1, 3, 9 reach each of 729 pixels by *exactly one* path: no hill at all. Each layer chooses −1, 0 or 1 times its dilation. These are the digits of *balanced* base 3 (−1, 0, 1 in place of 0, 1, 2), where every whole number has just one way to be written.
#
# ## A cheaper relative
#
# A full 3×3 layer from 64 to 128 channels looks at space and channels at once. A *depthwise separable* one does it in two steps: one 3×3 kernel for each channel, then a 1×1 layer that mixes them {cite}`chollet2017`. **Predict** how much that saves.

# %%
for layer in (keras.layers.Conv2D(128, 3), keras.layers.SeparableConv2D(128, 3)):
    layer.build((None, 32, 32, 64))
    print(f"{type(layer).__name__:16} {layer.count_params():7,} parameters")
print(f"by hand: {128 * (64 * 9 + 1):,} and {64 * 9 + 64 * 128 + 128:,}")

# %% [markdown]
# Eight times fewer. What is given up for that? Each separable layer equals a full one, whose weights are products, $w_{u,v,c,f} = w'_{u,v,c}\; w''_{c,f}$ (depthwise times 1×1):

# %%
depthwise, pointwise, biases = layer.get_weights()  # of the last layer above, the separable one
full = keras.layers.Conv2D(filters=128, kernel_size=3)
full.build((None, 32, 32, 64))
full.set_weights([depthwise * pointwise[0, 0], biases])
features = rng.normal(size=(1, 8, 8, 64)).astype("float32")
same = np.allclose(to_numpy(full(features)), to_numpy(layer(features)), atol=1e-4)
claim("a separable layer is a full layer whose weights are products", same)

# %% [markdown]
# So within one input channel, all 128 filters share *one* spatial pattern, and differ only in how much of it they take. It is the trick of the Sobel kernel, along other axes: there, rows times columns; here, space times channels.
#
# ## What a layer learns
#
# Last, a real layer on real digits: 16 filters of 5×5 with stride 2, then a softmax.
#
# **Predict.** We train three networks, each from three seeds: a softmax on the raw pixels; one with 16 **random** filters that are never trained; and one whose filters learn. How far apart are they?

# %%
digits = data.load("mnist", train=6000, test=1000)


def digit_model(seed, filters=16, trainable=True):
    """A softmax on the pixels, or on the maps of one layer; the model and its accuracy."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((28, 28, 1))])
    if filters:
        layer = keras.layers.Conv2D(filters, kernel_size=5, strides=2, activation="relu")
        layer.trainable = trainable
        model.add(layer)
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(10, activation="softmax"))
    adam = keras.optimizers.Adam(2e-3)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(digits.x_train, digits.y_train, batch_size=64, epochs=5, verbose=progress())
    return model, model.evaluate(digits.x_test, digits.y_test, verbose=0)[1]


# %%
seeds = (0, 1, 2)
pixels = [digit_model(seed, filters=0)[1] for seed in seeds]
random_models = [digit_model(seed, trainable=False) for seed in seeds]
learned_models = [digit_model(seed) for seed in seeds]
random_maps = [accuracy for _, accuracy in random_models]
learned_maps = [accuracy for _, accuracy in learned_models]
print("softmax on raw pixels ≈", *(f"{a:.1%}" for a in pixels))
print("16 random filters ≈", *(f"{a:.1%}" for a in random_maps))
print("16 learned filters ≈", *(f"{a:.1%}" for a in learned_maps))
claim("random filters do not hurt", np.mean(random_maps) > np.mean(pixels) - 0.01)
claim("learned ones win by 2 points and more", min(learned_maps) > max(pixels) + 0.02)

# %% [markdown]
# Filters that nobody trained do no harm. They give the softmax more numbers to choose from (12·12·16 = 2,304 in place of 784), each a nonlinear look at a neighbourhood. So a network that trains *somewhat* is no proof that its first layer learns. Look at the filters:


# %% mystnb={"image": {"alt": "Three rows of six images. First, six random 5 by 5 filters, which look like noise. Second, six learned filters, several with a dark and a light side. Third, the maps that the learned filters make of one digit, each bright along other strokes of it."}}
def filters_of(model):
    return np.moveaxis(model.layers[0].get_weights()[0][:, :, 0, :], -1, 0)


digit = digits.x_test[:1]
untrained, trained = filters_of(random_models[0][0]), filters_of(learned_models[0][0])
maps = np.moveaxis(to_numpy(learned_models[0][0].layers[0](digit))[0], -1, 0)
titles = [f"{name} {i}" for name in ("random", "learned", "map") for i in range(6)]
figures.images([*untrained[:6], *trained[:6], *maps[:6]], titles, columns=6)

# %% [markdown]
# Some learned filters have a light side and a dark side, as an edge detector has. Is that more than wishful looking? Measure it: how much of a filter's variation does the best tilted plane explain?


# %%
def tilt(filters):
    """Share of each filter's variance that a plane over its 5×5 weights explains."""
    rows, columns = np.mgrid[-2:3, -2:3]
    plane = np.stack([rows.ravel(), columns.ravel()]) / np.sqrt(50)
    flat = filters.reshape(len(filters), 25)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return ((flat @ plane.T) ** 2).sum(axis=1) / (flat**2).sum(axis=1)


random_tilt = np.median([tilt(filters_of(model)) for model, _ in random_models])
learned_tilt = np.median([tilt(filters_of(model)) for model, _ in learned_models])
print(f"explained by a plane, median of 48 random filters ≈ {random_tilt:.0%}")
print(f"explained by a plane, median of 48 learned filters ≈ {learned_tilt:.0%}")
claim("learned filters are edge-like over twice as much", learned_tilt > 2 * random_tilt)

# %% [markdown]
# Nobody asked for edges. The loss made them, out of noise, because they help to tell digits apart.
#
# And a second layer? It does not see the digit. It sees the 16 maps of the first, and its filters are 16 channels deep:

# %%
second = keras.layers.Conv2D(filters=32, kernel_size=5, strides=2, activation="relu")
first_maps = learned_models[0][0].layers[0](digit)
print("first maps: ", first_maps.shape)
print("second maps:", second(first_maps).shape)
print("its kernels:", second.get_weights()[0].shape)

# %% [markdown]
# This one is not trained; only its shapes count here. Once trained, such a layer can find patterns *in feature maps*: edges that meet, strokes that end. That is the idea of Hubel and Wiesel's hierarchy, and the reason why layers are stacked.

# %%
quiz("02", "what-is-learned")

# %% [markdown]
# ## Summary
#
# - A dense layer treats pixels as a list without order: millions of weights, and no idea of neighbourhood. A convolutional layer is the same matrix with two beliefs built in: **local** connections, and **the same weights everywhere**.
# - Each filter is as deep as its input, and gives one map: $k·k·C + 1$ parameters with $C$ input channels, whatever the size of the image.
# - Output side: $\lfloor (n + 2p - d(k-1) - 1)/s \rfloor + 1$. The floor can drop pixels silently, zeros at the border leave a trace, and a stride breaks equivariance.
# - Deep-learning libraries compute cross-correlation. Loop, im2col, Keras and one big matrix give the same numbers.
# - Backward: the gradient of a kernel is *error times input*, added over all places; the gradient of the input is the transposed convolution.
# - A 1×1 convolution is a dense layer at each pixel. Three 3×3 layers see 7×7, mostly its middle; dilation widens the view.
# - What is learned are the filters. The feature maps are what they answer.
#
# For the arithmetic of all cases with drawings, read {cite:t}`dumoulin2016`. For receptive fields of whole networks, {cite:t}`araujo2019`.
#
# ## Exercises
#
# The [lab of this chapter](../labs/02_convolution.ipynb) has you build all of it yourself: shapes, the sliding window, channels, strides, im2col, the backward pass, an edge kernel from your own gradient descent, and a small network that must reach a stated accuracy.
