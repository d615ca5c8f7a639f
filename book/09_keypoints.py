# %% [markdown]
# # 09 · Project: facial keypoints
#
# So far a network was asked *what* it sees. Now it is asked *where*. The labels are not classes but places, and two things change at once: some labels are missing, and whatever you do to an image you must do to its labels.
#
# After this chapter you can
#
# - **build** a network that answers with coordinates, and say what its last layer must not be;
# - **train** with missing labels, and say how one of them can ruin every weight;
# - **measure** an error in pixels, by point, and against two baselines;
# - **write** augmentation that moves the points together with the image, and test that it does;
# - **explain** a spatial softmax, and what global average pooling throws away;
# - **align** an object by two landmarks, and measure what that is worth.
#
# Reading, running and answering take about two and a half hours. The lab takes two and a half more. You should have trained a small network in Keras ([chapter 04](04_architectures.ipynb)), and know pooling ([chapter 03](03_pooling.ipynb)) and augmentation of photographs ([chapter 07](07_training_tricks.ipynb)).

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
from keras import layers, ops
from scipy import ndimage

from convbook import data, figures
from convbook.claims import claim
from convbook.widgets import quiz

keras.utils.set_random_seed(0)
to_numpy = keras.ops.convert_to_numpy  # the same on every back end of Keras

# %% [markdown]
# ## Fifteen points
#
# The task is Kaggle's *Facial Keypoints Detection* {cite}`kaggle2013`: grey images of 96×96 pixels, each with one face, and fifteen named points to find. Kaggle's images may not be passed on. If you have an account there, put its `training.csv` into a folder that the variable `CONVBOOK_DATA` names. Without it, the cell below draws faces: heads in various poses and light, some with glasses or a beard. Their points are known exactly.

# %%
faces = data.load("faces", train=1500, test=400)
NAMES = faces.point_names
print("images:", faces.x_train.shape[1:], "points:", faces.y_train.shape[1:])

# %% [markdown]
# A point is a pair, x to the right and y downwards, in the space of pixel indices: (0, 0) is the *centre* of the upper left pixel, and (95, 95) that of the lower right one. Remember this. It decides, in a moment, where a mirrored point lies.
#
# Before you look at the faces:

# %%
quiz("09", "whose-left")


# %% mystnb={"image": {"alt": "Ten grey drawn faces of various poses and light, two rows of five. The upper five have dots on the eyes, brows, nose and mouth, the lower five only on the pupils, the nose and the lower lip."}}
def show(axis, image, *points, size=6):
    """An image, and sets of points on it, each in a colour of its own."""
    axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
    for places, colour in zip(points, ("tab:orange", "tab:cyan"), strict=False):
        axis.scatter(*places.T, s=size, c=colour)
    axis.axis("off")


complete = ~np.isnan(faces.y_train).any(axis=(1, 2))
some = np.concatenate([np.flatnonzero(complete)[:5], np.flatnonzero(~complete)[:5]])
figure, axes = plt.subplots(2, 5, figsize=(figures.WIDTH, 3))
for axis, i in zip(axes.flat, some, strict=True):
    show(axis, faces.x_train[i], faces.y_train[i])
plt.show()

left, right = (NAMES.index(f"{side}_eye_center") for side in ("left", "right"))
sides = faces.y_train[:, left, 0] > faces.y_train[:, right, 0]
known = ~np.isnan(faces.y_train[:, [left, right], 0]).any(axis=1)
claim(
    "left_eye_center is at the image's right, on over 99 % of the faces", sides[known].mean() > 0.99
)

# %% [markdown]
# Left is the *person's* left. And most rows are not complete: in Kaggle's file {cite}`kaggle2013` fewer than a third have all fifteen points. How often is each marked?

# %%
marked = ~np.isnan(faces.y_train).any(axis=2)
for name, share in zip(NAMES, marked.mean(axis=0), strict=True):
    print(f"{name:26} marked ≈ {share:.0%}")
claim("four points are marked on over 90 % of the faces", (marked.mean(axis=0) > 0.9).sum() == 4)
claim("the others on fewer than half", (marked.mean(axis=0) < 0.5).sum() == 11)

# %% [markdown]
# Two easy ways out come to mind: use complete rows only, or fill the gaps with zeros. The first throws most faces away. What the second does we shall measure.
#
# ## How far off is no network at all?
#
# First the measure. Kaggle's score is the **root of the mean squared error** (RMSE) over all coordinates that are known. A person thinks of the **distance** between a point and where it was said to be. They are not the same number:

# %%
quiz("09", "rmse-or-distance")


# %%
def rmse(points, answer):
    """Kaggle's score: over the known coordinates, in pixels."""
    return np.sqrt(np.nanmean((answer - points) ** 2))


def distances(points, answer):
    """How far off each point of each image is, in pixels; NaN where it was not marked."""
    return np.linalg.norm(answer - points, axis=-1)


one, off = np.zeros((1, 1, 2)), np.array([[[3.0, 4.0]]])
print(f"distance {distances(one, off).item():g}, RMSE {rmse(one, off):.3f}")

# %% [markdown]
# The distance is 5; the RMSE shares its square between two coordinates. A squared error also weighs one bad miss more than several small ones.
#
# Now the weakest competitor. It does not look at the image. It answers with the same fifteen points for everyone. **Question:** which points should it choose, so that its RMSE on the training faces is as small as possible?

# %%
quiz("09", "best-constant")

# %% [markdown]
# **Predict:** a face is some 60 pixels wide here. By how many pixels does this answer miss, on average?

# %%
mean_face = np.nanmean(faces.y_train, axis=0)
truth = faces.y_test
by_mean = rmse(truth, mean_face)
eyes_apart = np.linalg.norm(truth[:, left] - truth[:, right], axis=-1)
print(f"mean face, RMSE in pixels ≈ {by_mean:.2f}")
print(f"mean distance in pixels ≈ {np.nanmean(distances(truth, mean_face)):.2f}")
print(f"distance between the eyes, mean ≈ {np.nanmean(eyes_apart):.1f}")
relative = distances(truth, mean_face) / eyes_apart[:, None]
print(f"mean distance, as a share of the eyes' distance ≈ {np.nanmean(relative):.1%}")
claim("the mean face has an RMSE below 6 pixels", by_mean < 6)

# %% [markdown]
# A few pixels. The images have been cropped around the face, so the answer was half given. An error of "only 3 pixels" would sound good to someone who does not know this number. **State a baseline before you state a result.** Papers divide by the distance between the eyes, so that a face twice as large does not count as twice as wrong; that number does not depend on the size of the image.
#
# The second competitor is linear: each coordinate is a weighted sum of pixels. To keep it small it sees 24×24 pixels, each the mean of 4×4. From each image we take away its mean, and divide by its standard deviation, which removes much of the light. Least squares with 576 weights for a coordinate would fit noise as well. So we use *ridge regression*: to the squared error it adds a `penalty` times the sum of the squared weights, which keeps them small. The best weights solve one system of linear equations; its matrix, `gram`, holds the products of each two pixels, summed over the images, with the penalty on the diagonal.


# %%
def shrink(images, k):
    """Average pooling, k×k; then each image gets mean 0 and standard deviation 1."""
    side = images.shape[1] // k
    small = images.reshape(len(images), side, k, side, k, 1).mean(axis=(2, 4))
    spread = small.std(axis=(1, 2, 3), keepdims=True)
    return (small - small.mean(axis=(1, 2, 3), keepdims=True)) / (spread + 1e-3)


def linear(x, y, penalty=100.0):
    """Ridge regression from flat images to flat points; each column uses the rows that have it."""
    columns = []
    for t in y.T:
        rows = ~np.isnan(t)
        a, centre = x[rows], t[rows].mean()
        gram = a.T @ a + penalty * np.eye(x.shape[1])
        columns.append((np.linalg.solve(gram, a.T @ (t[rows] - centre)), centre))
    return columns


flat_train, flat_test = (shrink(x, 4).reshape(len(x), -1) for x in (faces.x_train, faces.x_test))
fitted = linear(flat_train, faces.y_train.reshape(-1, 30))
by_linear = rmse(truth, np.stack([flat_test @ w + b for w, b in fitted], 1).reshape(truth.shape))
print(f"linear model, RMSE in pixels ≈ {by_linear:.2f}")
claim("the linear model beats the mean face", by_linear < 0.95 * by_mean)

# %% [markdown]
# That is the number to beat.
#
# ## A network that answers with numbers
#
# What changes, compared with a classifier? Only the end of the network.

# %%
quiz("09", "last-layer", "output-units")

# %% [markdown]
# Thirty numbers, any numbers: a `Dense(30)` **without activation**. A softmax would make thirty shares of one whole. A sigmoid could be used after scaling, but it flattens out towards the border, and a point may even lie beyond it.
#
# The numbers themselves are scaled, so that targets are small and centred: $t = (p - 47.5)/48$. The middle of the image is 0, its edges are ±1 (the *edges*: half a pixel beyond the outermost centres). There is a second reason for this scale. The network will see images of 48×48 pixels, each the mean of 2×2. **Question:** where in the small image is a point that is at (10, 10) in the large one?

# %%
quiz("09", "half-size")

# %% [markdown]
# Not at 5. Small pixel $k$ covers the large pixels $2k$ and $2k+1$, and its centre is at $2k + ½$. So $p$ goes to $(p - ½)/2$. A quarter of a small pixel: half a large one, in every coordinate, always in the same direction. Such a bias never shows as a crash. In scaled coordinates it cannot happen: $t$ is the same in both images.


# %%
def scaled(points):
    """Pixels of a 96×96 image to −1 … 1, flat."""
    return ((points - 47.5) / 48).reshape(len(points), -1).astype("float32")


def pixels(t):
    """Back to pixels of the 96×96 image, (n, points, 2)."""
    return t.reshape(len(t), -1, 2) * 48 + 47.5


x_train, x_test = shrink(faces.x_train, 2), shrink(faces.x_test, 2)
t_train = scaled(faces.y_train)
place = 10.0
print("in the small image:", ((place - 47.5) / 48) * 24 + 23.5)

# %% [markdown]
# ## One missing label
#
# A label that is missing is stored as NaN, *not a number*. **Predict:** a batch of 8 faces, 30 coordinates each, has one single NaN among its 240 targets. We take one step on the mean squared error. How many weights of this little network become NaN?

# %%
quiz("09", "one-nan")


# %%
def nan_shares(loss, steps):
    """The loss before each step, and the share of NaN in each layer's kernel after it."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            layers.Conv2D(4, 5, strides=4, activation="tanh"),
            layers.Flatten(),
            layers.Dense(16, activation="tanh"),
            layers.Dense(30),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), loss)
    targets = np.zeros((8, 30), "float32")
    targets[2, 21] = np.nan
    for step in range(steps):
        value = model.train_on_batch(x_train[:8], targets)
        kernels = [w for w in model.get_weights() if w.ndim > 1]
        shares = [f"{np.isnan(w).mean():.0%}" for w in kernels]
        finite = "a number" if np.isfinite(value) else "NaN"
        print(f"step {step + 1}: loss {finite}; NaN in each kernel: {', '.join(shares)}")


nan_shares("mse", steps=2)

# %% [markdown]
# Look at the first step. The last layer has survived, but for the thirtieth part of it: the column of the one output that had no target. The gradient of the other 29 outputs is as it should be. But everything **below** is gone: the error of a hidden unit is a sum over all outputs, and a sum with a NaN in it is NaN. In the second step the hidden units are NaN themselves, and so is all the rest. One label of 240 has ended the training.
#
# So the loss must leave that output out. The obvious way is to multiply by a mask of ones and zeros. **Question:** what is NaN times 0?

# %%
quiz("09", "nan-times-zero")

# %%
print("NaN × 0 =", np.nan * 0)


def masked_late(y_true, y_pred):
    """The squared errors, and zeros where the target is missing."""
    squares = ops.square(y_true - y_pred)
    return ops.mean(ops.where(ops.isnan(y_true), 0.0, squares))


nan_shares(masked_late, steps=2)

# %% [markdown]
# So multiplying does not help, and we choose with `where` instead. The first loss **is** a number now. And still the weights are gone. Why?
#
# Forwards, `where` picks the zero. Backwards, it sends the gradient 0 to the branch that was not picked. There it meets the derivative of the square, $2(t - p)$, which is NaN, and is multiplied by it: $0 · \text{NaN}$ again. Every framework that differentiates step by step behaves like this. The way out: **replace the NaN before you compute with it.**


# %%
def masked_mse(y_true, y_pred):
    """The mean squared error over the targets that are known."""
    known = ops.logical_not(ops.isnan(y_true))
    target = ops.where(known, y_true, y_pred)  # an error of exactly 0
    count = ops.sum(ops.cast(known, "float32"))
    return ops.sum(ops.square(target - y_pred)) / ops.maximum(count, 1.0)


nan_shares(masked_mse, steps=2)
guess = np.random.default_rng(0).normal(size=(200, 30)).astype("float32")
by_hand = np.nanmean((guess - t_train[:200]) ** 2)
ours = float(to_numpy(masked_mse(t_train[:200], guess)))
claim("it is the mean over the known, and nothing else", np.isclose(ours, by_hand, rtol=1e-5))

# %% [markdown]
# The division deserves a look. We divide by the number of *known* targets. To divide by all 30, as a plain mean does, would count every gap as a perfect answer: the loss looks better the more is missing.
#
# ## Zeros in the gaps
#
# Now the other easy way: replace each missing coordinate by 0, and train as usual. **Predict,** for a network that does not look at the image at all:

# %%
quiz("09", "zeros-in-gaps")

# %% [markdown]
# Does a network that does look fall for it? It cannot know whether a face was marked in full. Here is the network for the rest of the chapter: three convolutions with `strides=2`, `Flatten`, a hidden layer, thirty outputs.


# %%
def network(outputs=30):
    stack = [keras.Input((48, 48, 1))]
    for filters, size in ((8, 5), (16, 3), (32, 3)):
        stack.append(layers.Conv2D(filters, size, 2, padding="same", activation="relu"))
    stack += [layers.Flatten(), layers.Dense(96, activation="relu"), layers.Dense(outputs)]
    return keras.Sequential(stack)


def train(model, x, t, epochs, change=None, seed=0):
    """Train with the masked loss; ``change`` makes a new version of the data for each epoch."""
    rng = np.random.default_rng(seed)
    if change is not None:  # one long epoch of all versions, which saves time
        versions = [change(x, t, rng) for _ in range(epochs)]
        x, t = (np.concatenate(parts) for parts in zip(*versions, strict=True))
        epochs = 1
    steps = epochs * -(-len(x) // 32)  # batches in all; -(-a // b) is a / b, rounded up
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), masked_mse)
    model.fit(x, t, batch_size=32, epochs=epochs, verbose=0)
    return model


def found(model, x):
    """The points that a network finds, in pixels."""
    return pixels(to_numpy(model(x, training=False)))


# %% [markdown]
# Two copies of it, from the same initial weights, with the same labels but for the gaps:

# %%
keras.utils.set_random_seed(0)
plain = train(network(), x_train, t_train, epochs=14)
keras.utils.set_random_seed(0)
in_gaps = np.where(np.isnan(t_train), scaled(np.zeros((1, 15, 2))), t_train)
with_zeros = train(network(), x_train, in_gaps, epochs=5)

# %% [markdown]
# Both are measured on test faces, and only where their points are known. (Five epochs are enough to see where the second one goes.)

# %%
answers = {"masked": found(plain, x_test), "zeros": found(with_zeros, x_test)}
by_cnn = rmse(truth, answers["masked"])
by_zeros = rmse(truth, answers["zeros"])
print(f"RMSE in pixels, masked loss ≈ {by_cnn:.2f}")
print(f"RMSE in pixels, zeros in the gaps ≈ {by_zeros:.2f}")
rare = marked.mean(axis=0) < 0.5
for name, answer in answers.items():
    x, y = np.nanmean((answer - truth)[:, rare], axis=(0, 1))
    print(f"{name:6} rarely marked points are said to be off, on average ≈ ({x:+.1f}, {y:+.1f})")
way = (by_mean - by_linear) / (by_mean - by_cnn)
print(f"of the way from the mean face to the network, the linear model has come ≈ {way:.0%}")
claim("the network's error is less than two thirds of the mean face's", by_cnn < 0.66 * by_mean)
claim("the linear model has come over 60 % of the way", way > 0.6)
claim("with zeros it is worse than the mean face, by far", by_zeros > 3 * by_mean)

# %% mystnb={"image": {"alt": "Four test faces. The points found with the masked loss lie near eyes, brows, nose and mouth. Of those found with zeros in the gaps, four lie near the pupils, the nose and the lip, and all the others near the upper left corner."}}
figure, axes = plt.subplots(1, 4, figsize=(figures.WIDTH, 2))
for i, axis in enumerate(axes):
    show(axis, faces.x_test[i], answers["masked"][i], answers["zeros"][i])
figure.suptitle("orange: masked loss, cyan: zeros in the gaps", fontsize=9)
plt.show()

# %% [markdown]
# The network is better than the mean face by far, and better than the linear model by little. That is no misprint: on faces that have been cropped alike, most of what moves a point also moves grey values, nearly in proportion. Without the linear model we might have been proud of any number here.
#
# The eleven rarely marked points are drawn towards the upper left corner: some seven tenths of the way, since some seven tenths of their labels say so. The network has learned the data we gave it, and nothing has raised an error. **A number that stands for "unknown" is a label like any other.**
#
# ## Which points are hard?
#
# One number hides fifteen. Before you look: which points are hardest, and which are easiest?

# %%
per_point = np.nanmean(distances(truth, answers["masked"]), axis=0)
moves = np.nanmean(distances(truth, mean_face), axis=0)
for p in np.argsort(per_point):
    print(f"off by ≈ {per_point[p]:.2f} pixels, the mean face by {moves[p]:.2f}: {NAMES[p]}")
eyes = per_point[[left, right]]
tips = per_point[[i for i, name in enumerate(NAMES) if name.endswith("outer_end")]]
nose = per_point[NAMES.index("nose_tip")]
claim("the eyes' centres are found better than the brows' outer ends", eyes.max() < tips.min())
claim("and than the nose tip, which is marked as often as they are", eyes.max() < nose)

# %% [markdown]
# An eye's centre is dark and sharp. The outer end of a brow is far from the axis that a head turns about, so every turn and tilt moves it most (see the mean face's error); and a brow fades out. The surprise is the nose tip. It is marked as often as the eyes, and it is hard all the same. It stands out from the face, so it moves sideways when the head turns, and has no sharp edge of its own. More labels would help the nose, too; but with as many as the eyes have, it is still harder than they are. One mean would not have told.
#
# Nor does it tell which *faces* are hard. Here are the best and the worst answers of the same network:

# %% mystnb={"image": {"alt": "Eight test faces with true points in orange and found points in cyan. In the upper row, the four best, they touch; in the lower row, the four worst, most of them heads that lean to a side, they are clearly apart."}}
error = np.sqrt(np.nanmean((answers["masked"] - truth) ** 2, axis=(1, 2)))
order = np.argsort(error)
figure, axes = plt.subplots(2, 4, figsize=(figures.WIDTH, 3.8))
for axis, i in zip(axes.flat, [*order[:4], *order[-4:]], strict=True):
    show(axis, faces.x_test[i], truth[i], answers["masked"][i])
figure.suptitle("orange: true, cyan: found. Above the best four, below the worst", fontsize=9)
plt.show()

# %% [markdown]
# Look at the worst before you look at the best: they say what to work on next.
#
# ## Augmentation that moves the points
#
# In [chapter 07](07_training_tricks.ipynb) a flipped photograph kept its label. Here the label is a *place*, and it must be flipped as well. `keras.layers.RandomFlip` gets images and returns images; it knows nothing of points. So we write our own.
#
# **Question:** a point is at x = 20 in an image of 96 pixels. Where is it after a flip from left to right?

# %%
quiz("09", "flip-x")

# %% [markdown]
# Pixel 0 becomes pixel 95, and so $x → 95 - x$. (If (0, 0) were the *corner* of the first pixel, it would be 96 − x. Half of the programs on this subject differ from the other half by one pixel. Know your convention.) In scaled coordinates it is $t_x → -t_x$, in either.
#
# Is that all? Take three points and do it by hand. **Predict,** with a pencil, before you open the answer:

# %%
quiz("09", "flip-three")

# %% [markdown]
# In the mirror, the left eye has become a right eye. The place that *was* called left_eye_center must now be called right_eye_center, or the label is wrong: the network would be told that the eye at the image's left is the left eye, on every second image. So left and right are swapped **by name**, as rows of the array:

# %%
other = {"left": "right", "right": "left"}
SWAP = [NAMES.index("_".join(other.get(word, word) for word in name.split("_"))) for name in NAMES]


def flip(x, t):
    """Mirror images and scaled points, and swap the names of left and right."""
    points = t.reshape(len(t), -1, 2)[:, SWAP] * np.float32([-1, 1])
    return x[:, :, ::-1], points.reshape(t.shape)


def flip_without_swap(x, t):
    """The classic bug."""
    points = t.reshape(len(t), -1, 2) * np.float32([-1, 1])
    return x[:, :, ::-1], points.reshape(t.shape)


print("the partner of each point:", SWAP)


def undone_by_itself(flipping):
    """Whether two flips give back images and points."""
    x, t = flipping(*flipping(x_train, t_train))
    return np.array_equal(x, x_train) and np.array_equal(t, t_train, equal_nan=True)


claim("two flips change nothing", undone_by_itself(flip))
claim("and neither do two of the wrong flips", undone_by_itself(flip_without_swap))

# %% [markdown]
# The second line is there as a warning. A test that the bug passes, too, is no test of the bug. And if you *draw* the points in one colour, both flips look right: the same fifteen dots on the same face. Only their names are wrong.
#
# What does the bug do to training? **Predict** before you run: where will the network say that the two eyes are?

# %%
quiz("09", "bug-eyes")


# %%
def half_flipped(flipping):
    """Flip every image with probability ½, anew in each epoch."""

    def change(x, t, rng):
        x, t, mine = x.copy(), t.copy(), rng.random(len(x)) < 0.5
        x[mine], t[mine] = flipping(x[mine], t[mine])
        return x, t

    return change


keras.utils.set_random_seed(0)
change = half_flipped(flip_without_swap)
bugged = found(train(network(), x_train, t_train, epochs=5, change=change), x_test)
apart_wrong = np.linalg.norm(bugged[:, left] - bugged[:, right], axis=-1).mean()
print(f"with the wrong flip, RMSE in pixels ≈ {rmse(truth, bugged):.2f}")
print(f"its eyes are apart, in pixels, by ≈ {apart_wrong:.1f}")
print(f"the true eyes by ≈ {np.nanmean(eyes_apart):.1f}")
claim("the eyes move together, to under half", apart_wrong < 0.5 * np.nanmean(eyes_apart))
claim("and the network is worse than the mean face", rmse(truth, bugged) > by_mean)

# %% [markdown]
# The two eyes have met in the middle of the face. On half of the images the network was told that the left eye is at the image's right, on the other half the opposite, and nothing in an image says which half it belongs to. The answer with the smallest squared error lies halfway. An average over all points says *that* something is wrong; **the error by point, or the distance of the eyes, says what.**
#
# ## Turn, scale, shift
#
# Heads also tilt, and stand nearer or further. For a point it is one matrix. With y *downwards*, a turn by a positive angle φ in
#
# $$\begin{pmatrix} x' \\ y' \end{pmatrix} = s \begin{pmatrix} \cos φ & -\sin φ \\ \sin φ & \cos φ \end{pmatrix} \begin{pmatrix} x \\ y \end{pmatrix} + \begin{pmatrix} d_x \\ d_y \end{pmatrix}$$
#
# looks different from the one in a geometry book. **Question:**

# %%
quiz("09", "turn-direction")

# %% [markdown]
# The point (1, 0), to the right of the centre, goes to (cos φ, sin φ): down. That is clockwise. In scaled coordinates the centre is 0, so the matrix turns about the centre of the image, as it should. Turned about the corner (0, 0) of pixel coordinates, the face would swing out of the image.
#
# The image needs the **opposite** direction. To draw it we ask for each *output* pixel where it comes from, so we use the inverse. SciPy's `affine_transform` does, and it counts row before column:


# %%
def warp(image, t, angle=0.0, scale=1.0, shift=(0.0, 0.0)):
    """Turn an image (side, side, 1) by radians, scale and shift it, and its flat scaled points."""
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    there = np.array([[cos, -sin], [sin, cos]])
    points = t.reshape(-1, 2) @ there.T + shift
    back = np.linalg.inv(there)[::-1, ::-1]  # from (x, y) to (row, column)
    centre = (image.shape[0] - 1) / 2
    moved = np.array(shift)[::-1] * image.shape[0] / 2
    offset = centre - back @ (centre + moved)
    drawn = ndimage.affine_transform(image[..., 0], back, offset, order=1, mode="nearest")
    return drawn[..., None], points.reshape(t.shape).astype("float32")


# %% [markdown]
# There are a dozen ways to get this wrong (a sign, the order of x and y, half a pixel), and none raises an error. So test it: **draw a dot under a point, warp, and look whether the dot is still under the point.**

# %%
dot, at = np.zeros((48, 48, 1)), np.array([[0.25, -0.4]])
row, column = np.indices((48, 48))
x, y = at[0] * 24 + 23.5
dot[..., 0] = np.exp(-((column - x) ** 2 + (row - y) ** 2) / 8)
for change in ({"angle": 0.4}, {"scale": 0.8}, {"shift": (0.2, -0.1)}):
    drawn, (point,) = warp(dot, at, **change)
    middle = ndimage.center_of_mass(drawn[..., 0])[::-1]
    miss = np.abs(np.array(middle) - (point * 24 + 23.5)).max()
    print(f"{next(iter(change)):6} the dot's centre is beside its point by ≈ {miss:.3f} pixels")
    claim("less than a tenth of a pixel", miss < 0.1)

# %% [markdown]
# All three together, with the flip, at random for each image and each epoch. (Brightness needs no care: `shrink` removes it from each image, and no point moves.)


# %%
def augmented(x, t, rng):
    """A new version of each image: half of them mirrored, all turned, scaled and shifted."""
    x, t = half_flipped(flip)(x, t, rng)
    for i in range(len(x)):
        shift = rng.uniform(-0.06, 0.06, 2)
        x[i], t[i] = warp(x[i], t[i], rng.uniform(-0.25, 0.25), rng.uniform(0.9, 1.1), shift)
    return x, t


# %% [markdown]
# What does it buy? Augmentation stands in for data that one does not have. So take few: the first 300 faces, most of which have four points only, and show a network equally many images with and without. **Predict:** how close do 300 faces with augmentation come to 1,500 without?

# %%
few = slice(300)
for name, change in (("300 faces", None), ("300, augmented", augmented)):
    keras.utils.set_random_seed(0)
    model = train(network(), x_train[few], t_train[few], epochs=32, change=change)
    answers[name] = found(model, x_test)
    seen = rmse(faces.y_train[few], found(model, x_train[few]))
    print(f"{name:14} on the faces it was trained with, RMSE ≈ {seen:.2f}")
by_few, by_augmented = rmse(truth, answers["300 faces"]), rmse(truth, answers["300, augmented"])
print(f"test: 300 faces ≈ {by_few:.2f}")
print(f"test: 300 faces, augmented ≈ {by_augmented:.2f}")
print(f"test: 1,500 faces, not augmented ≈ {by_cnn:.2f}")
claim("augmentation makes the error on test smaller by over 8 %", by_augmented < 0.92 * by_few)

# %% [markdown]
# A good part of the way, without one more label. Is it always a gain? Try it with all 1,500 faces and 14 epochs, compare with the first network, and look at the error on the *training* faces before you explain what you find.
#
# ## Where "where" gets lost
#
# Our network ends in `Flatten` and a dense layer with a weight for every place. Modern classifiers end in global average pooling ([chapter 04](04_architectures.ipynb)), which needs far fewer weights. **Question:** why not here?

# %%
quiz("09", "average-where")

# %%
keras.utils.set_random_seed(0)
eye = keras.layers.Conv2D(6, 5, activation="relu")
spots = np.zeros((2, 48, 48, 1), "float32")
spots[0, 12, 20] = spots[1, 40, 31] = 1  # one in each image
maps = to_numpy(eye(spots))
for one in maps.sum(axis=-1):
    row, column = np.unravel_index(one.argmax(), one.shape)
    print(f"the maps' largest value is at row and column ≈ {row}, {column}")
means = maps.mean(axis=(1, 2))
claim("two places, the same averages", np.allclose(means[0], means[1], atol=1e-6))

# %% [markdown]
# The mean of a map says *how much*, not *where*. But a map does know where: its largest value is there. Taking the position of the maximum (argmax) has no useful gradient. So take a softer one: turn the map into shares that add up to 1, by a softmax over all *places*, and take the **average position** under these shares. This is the *spatial softmax*, or soft-argmax; Nibali and others compare ways to train such layers {cite}`nibali2018`.
#
# By hand, along one line of three places:

# %%
quiz("09", "soft-argmax")


# %%
def expected_place(scores):
    """Softmax over all places of each map (n, h, w, k), then the mean x and y: (n, 2k)."""
    _, h, w, k = scores.shape
    shares = ops.softmax(ops.reshape(scores, (-1, h * w, k)), axis=1)
    y, x = np.indices((h, w)).reshape(2, -1, 1).astype("float32")
    x, y = (x + 0.5) * 2 / w - 1, (y + 0.5) * 2 / h - 1  # scaled, as our points are
    places = ops.stack([ops.sum(shares * x, axis=1), ops.sum(shares * y, axis=1)], axis=-1)
    return ops.reshape(places, (-1, 2 * k))


scores = np.zeros((1, 3, 3, 1), "float32")
scores[0, 1] = np.log([[1], [2], [7]])  # middle row: one, two and seven parts
scores[0, [0, 2]] = -1e9
x, y = to_numpy(expected_place(scores))[0]
print(
    f"x in columns: {round(float((x + 1) * 1.5 - 0.5), 4):g}, y in rows: {round(float((y + 1) * 1.5 - 0.5), 4):g}"
)

# %% [markdown]
# It has no weights, it has a gradient, it is more exact than a pixel, and it moves with its object: shift the maps, and the answer shifts. One weakness remains. **Question:**

# %%
quiz("09", "two-peaks")

# %% [markdown]
# An average of two places is a place where neither is. The loss pushes the weaker peak down in training; but a network in doubt answers in the middle, and nobody sees the doubt.
#
# ## Which whale is it?
#
# Places are seldom the goal. They are a step towards it. In 2015 Kaggle asked to recognize right whales in photographs from the air, 447 individuals of them. A right whale is told by the rough light patches on its head, the *callosities*. The winners, of deepsense.ai, trained one network to find the head, another to find two points on it, the tip (*bonnet*) and the *blowhole*; turned and scaled each head into the same position; and classified the result {cite}`deepsense2016`. Is that much trouble worth it? We measure it on ten drawn whales.

# %% mystnb={"image": {"alt": "Ten drawn whales from above, dark, in grey water, each turned another way, large or small, with light patches on its head. The upper five are one individual and the lower five another, which is hard to tell. Dots mark the tip of the head and the blowhole."}}
whales = data.load("whales", train=1500, test=400)
figure, axes = plt.subplots(2, 5, figsize=(figures.WIDTH, 3))
for axes_row, individual in zip(axes, (3, 6), strict=True):
    mine = np.flatnonzero(whales.y_train == individual)[:5]
    for axis, i in zip(axes_row, mine, strict=True):
        points = whales.points_train[i]
        show(axis, whales.x_train[i], points[:1], points[1:], size=12)
figure.suptitle("one individual above, another below", fontsize=9)
plt.show()

# %% [markdown]
# Upper and lower row: two individuals. Can you tell by what? Both have a bonnet (orange) and a blowhole (cyan); the patches between and beside them differ. But a whale may point anywhere, and be near or far.
#
# **Predict:** ten whales, 1,500 training images. A network of three convolutions with pooling, ten outputs and a softmax: what accuracy? Guessing has 10 %.


# %%
def classifier(side):
    stack = [keras.Input((side, side, 1))]
    for filters in (16, 32, 64):
        stack.append(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        stack.append(layers.MaxPooling2D())
    stack += [layers.Flatten(), layers.Dropout(0.3), layers.Dense(10, activation="softmax")]
    return keras.Sequential(stack)


def classify(images, epochs=8):
    """Train on images whose whales are known; return the trained network."""
    keras.utils.set_random_seed(0)
    model = classifier(images.shape[1])
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(images, whales.y_train, batch_size=32, epochs=epochs, verbose=0)
    return model


def accuracy(model, images, labels=whales.y_test):
    answer = to_numpy(model(images, training=False)).argmax(axis=-1)
    return (answer == labels).mean()


whole_train, whole_test = shrink(whales.x_train, 2), shrink(whales.x_test, 2)
whole = classify(whole_train)
print(
    f"whole image, on the first 400 training images ≈ {accuracy(whole, whole_train[:400], whales.y_train[:400]):.0%}"
)
print(f"whole image, on test images ≈ {accuracy(whole, whole_test):.0%}")
claim("the whole image gives under 50 %", accuracy(whole, whole_test) < 0.5)

# %% [markdown]
# ## Two points fix a pose
#
# Turned, scaled, shifted: such a map is called a *similarity*. It has four numbers: an angle, a scale, two shifts. Two points are four numbers. So two points before and two points after determine it. **With complex numbers it is one line.** Write a point as $z = x + iy$. To multiply by a complex number $a$ is to turn by its angle and to scale by its size. So every similarity is
#
# $$z → a z + b, \qquad a = \frac{q_1 - q_0}{p_1 - p_0}, \quad b = q_0 - a p_0,$$
#
# and it takes $p_0$ to $q_0$ and $p_1$ to $q_1$. (Try it: put $z = p_1$.) What it cannot do is to mirror. **Your turn:**

# %%
quiz("09", "similarity")

# %% [markdown]
# We use it backwards, as in `warp`: for each pixel of the crop, where in the photograph does it come from? In the crop, 32×32 pixels, the bonnet shall be at (15.5, 4) and the blowhole at (15.5, 21).
#
# Such a place lies between pixels. *Bilinear* interpolation mixes the four around it, by how near each is:


# %%
def bilinear(image, x, y):
    """The grey value between pixels of an image (h, w), for arrays of places."""
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - column, y - row
    top = image[row, column] * (1 - u) + image[row, column + 1] * u
    bottom = image[row + 1, column] * (1 - u) + image[row + 1, column + 1] * u
    return top * (1 - v) + bottom * v


x, y = np.random.default_rng(0).uniform(1, 90, (2, 500))
photo = whales.x_train[0, ..., 0]
theirs = ndimage.map_coordinates(photo, [y, x], order=1)
claim(
    "it is what SciPy's map_coordinates does", np.allclose(bilinear(photo, x, y), theirs, atol=1e-5)
)

# %% [markdown]
# SciPy's also says what lies beyond the border, so we use that one.

# %%
BONNET, BLOWHOLE = 15.5 + 4j, 15.5 + 21j  # where they shall be, as x + iy
GRID = np.arange(32)[None, :] + 1j * np.arange(32)[:, None]


def align(images, points):
    """Crops (n, 32, 32, 1) in which the two points of every image are at the same places."""
    crops = np.zeros((len(images), 32, 32, 1), "float32")
    p = points[..., 0] + 1j * points[..., 1]
    for crop, image, (bonnet, blowhole) in zip(crops, images, p, strict=True):
        a = (blowhole - bonnet) / (BLOWHOLE - BONNET)
        z = a * (GRID - BONNET) + bonnet
        crop[..., 0] = ndimage.map_coordinates(
            image[..., 0], [z.imag, z.real], order=1, mode="nearest"
        )
    return shrink(crops, 1)


aligned_train = align(whales.x_train, whales.points_train)

# %% mystnb={"image": {"alt": "The same ten whale heads, now all upright and of one size with the tip at the top. The five of a row have their light patches in the same places, and the two rows differ."}}
mine = [i for k in (3, 6) for i in np.flatnonzero(whales.y_train == k)[:5]]
figure, axes = plt.subplots(2, 5, figsize=(figures.WIDTH, 3))
for axis, i in zip(axes.flat, mine, strict=True):
    axis.imshow(aligned_train[i, ..., 0], cmap="gray")
    axis.axis("off")
figure.suptitle("the same ten, aligned by their two points", fontsize=9)
plt.show()

# %% [markdown]
# The same ten images. Now anyone can tell the rows apart, and a network of the same kind, trained in the same way?

# %%
by_points = classify(aligned_train)
with_true = accuracy(by_points, align(whales.x_test, whales.points_test))
print(f"aligned by the true points ≈ {with_true:.0%}")
claim("aligned, over 80 % of the whales are recognized", with_true > 0.8)
claim(
    "at least 30 points more than in the whole image", with_true > accuracy(whole, whole_test) + 0.3
)

# %% [markdown]
# Nothing was added to the pixels. The crops even hold fewer pixels than the whole images did, and they come from the same photographs. What is gone is the pose, which the first network would have had to see through by itself.
#
# Three doubts are in order. In use, nobody marks the points. Perhaps the gain comes from zooming in, not from the points? And perhaps the first network was only stopped too early? The first two we test now. The third is yours: give `classify` more epochs, until it knows every whole training image, and look at the test images.
#
# ### Points that a network found
#
# For the landmarks the maps fit well: four convolutions, two maps of 12×12 places, and `expected_place`. For augmentation there is a gift: an image seen from above has no up. Turned by 90° or mirrored it is still such an image, nothing is interpolated, and the points move exactly. **Question:** may we mirror whales here, where patterns are never mirrored?

# %%
quiz("09", "mirror-whales")


# %%
def quarter_turns(x, t, rng):
    """Turn all images by the same random number of quarters, and mirror them at random."""
    x, points = x.copy(), t.reshape(len(t), -1, 2)
    if rng.random() < 0.5:
        x, points = x[:, :, ::-1], points * np.float32([-1, 1])
    for _ in range(rng.integers(4)):
        x, points = np.rot90(x, axes=(1, 2)), points[..., ::-1] * np.float32([1, -1])
    return np.ascontiguousarray(x), points.reshape(t.shape)


def pointer():
    inputs = h = keras.Input((48, 48, 1))
    for filters, size, strides in ((12, 5, 2), (24, 3, 2), (32, 3, 1), (32, 3, 1)):
        layer = layers.Conv2D(filters, size, strides, padding="same", activation="relu")
        h = layer(h)
    maps = layers.Conv2D(2, 3, padding="same")(h)
    return keras.Model(inputs, layers.Lambda(expected_place, output_shape=(4,))(maps))


keras.utils.set_random_seed(0)
finder = train(pointer(), whole_train, scaled(whales.points_train), epochs=10, change=quarter_turns)
found_points = found(finder, whole_test)
miss = distances(whales.points_test, found_points)
print(f"bonnet off by ≈ {np.median(miss[:, 0]):.1f} pixels (median)")
print(f"blowhole off by ≈ {np.median(miss[:, 1]):.1f} pixels (median)")

# %% [markdown]
# The control: points that are good points of *other* whales, shuffled. They zoom in as much, and turn as much, on nothing in particular.

# %%
with_found = accuracy(by_points, align(whales.x_test, found_points))
rng = np.random.default_rng(0)
strangers = [p[rng.permutation(len(p))] for p in (whales.points_train, whales.points_test)]
control = classify(align(whales.x_train, strangers[0]))
with_wrong = accuracy(control, align(whales.x_test, strangers[1]))
rows = {
    "whole image": accuracy(whole, whole_test),
    "aligned by other whales' points": with_wrong,
    "aligned by the points found": with_found,
    "aligned by the true points": with_true,
}
for name, value in rows.items():
    print(f"{name:32} ≈ {value:.0%}")
claim(
    "most of the gain remains with the points found",
    with_found - rows["whole image"] > 0.5 * (with_true - rows["whole image"]),
)
claim("nothing of it with other whales' points", with_wrong < rows["whole image"] + 0.1)

# %% [markdown]
# The points do it, and a network can find them. How exact must they be? Split the test whales by the worse of their two points:

# %%
answer = to_numpy(by_points(align(whales.x_test, found_points), training=False)).argmax(axis=-1)
right_whale, near = answer == whales.y_test, miss.max(axis=1) < 4
print(f"both points within 4 pixels ≈ {right_whale[near].mean():.0%} recognized")
print(f"one further off ≈ {right_whale[~near].mean():.0%} recognized")
claim(
    "whales whose points are near are recognized more often",
    right_whale[near].mean() > right_whale[~near].mean(),
)

# %% [markdown]
# A small miss turns the crop a little, and the classifier forgives it; what is left to gain lies with the points that are further off. A better finder would help now, a better classifier hardly.
#
# Could one network learn all of it, pose and pattern, from the individual's label alone? We have not measured it. One would expect that it needs many more images, which show every pattern in many poses. Four numbers for each image, the two points, come much more cheaply. **When you know what does not matter, take it out before the network has to learn it.**
#
# ## Summary
#
# - Regression ends in plain numbers: a dense layer **without activation**, on scaled targets, with a squared error.
# - One NaN makes every weight below it NaN in one step. NaN · 0 is NaN, and `where` *after* the computation hides it from the loss, not from the gradient: **replace first, then compute**, and divide by the number of known targets.
# - A zero in a gap is a label. The network learns the corner.
# - **Baseline first.** The mean face is off by a few pixels, since the faces were cropped. Report an error by point, too.
# - Augmentation must move the points, and **a flip must swap the names of left and right**. Two flips give back the original with the bug as well as without; test with a drawn dot, and with names.
# - In pixel indices a mirrored point is at $95 - x$, and half the size means $(p - ½)/2$.
# - Global average pooling forgets *where*. A spatial softmax keeps it, without a weight; of two peaks it gives the middle.
# - Two landmarks fix a similarity, $z → az + b$. Aligning by them gave a small network what the whole image did not.
#
# ## Exercises
#
# The [lab of this chapter](../labs/09_keypoints.ipynb) has you read Kaggle's rows, write the masked loss with weights, mend the flip bugs of given code, warp images with their points, train within a budget, and align by two and by more points.
