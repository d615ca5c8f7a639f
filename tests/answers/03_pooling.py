# Planted answers to lab 03, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 3.1 wrong, loses 1: zeros at the border take part in the maximum
maximum, average = [[4, 3], [-1, 5]], [[1.5, -0.5], [-2.5, 2.5]]
minimum, corner, left = [[-1, -3], [-4, 1]], 2, 0
side_valid, side_same, side_overlapping = 6, 7, 6


# %% 3.1 wrong, loses 1: the largest in size, without its sign
maximum, average = [[4, 3], [-4, 5]], [[1.5, -0.5], [-2.5, 2.5]]
minimum, corner, left = [[-1, -3], [-4, 1]], 2, -1
side_valid, side_same, side_overlapping = 6, 7, 6


# %% 3.1 wrong, loses 1: the smallest in size for the minimum
maximum, average = [[4, 3], [-1, 5]], [[1.5, -0.5], [-2.5, 2.5]]
minimum, corner, left = [[-1, 0], [-1, 1]], 2, -1
side_valid, side_same, side_overlapping = 6, 7, 6


# %% 3.1 wrong, loses 1: rounds up for "valid"
maximum, average = [[4, 3], [-1, 5]], [[1.5, -0.5], [-2.5, 2.5]]
minimum, corner, left = [[-1, -3], [-4, 1]], 2, -1
side_valid, side_same, side_overlapping = 7, 7, 6


# %% 3.1 wrong, loses 1: "same" keeps the side, whatever the strides
maximum, average = [[4, 3], [-1, 5]], [[1.5, -0.5], [-2.5, 2.5]]
minimum, corner, left = [[-1, -3], [-4, 1]], 2, -1
side_valid, side_same, side_overlapping = 6, 13, 6


# %% 3.1 wrong, loses 1: divides by the window's side where the strides differ from it
maximum, average = [[4, 3], [-1, 5]], [[1.5, -0.5], [-2.5, 2.5]]
minimum, corner, left = [[-1, -3], [-4, 1]], 2, -1
side_valid, side_same, side_overlapping = 6, 7, 4


# %% 3.1 right: arrays
image = np.array([[2, -1, 0, 3], [1, 4, -2, -3], [-4, -2, 5, 1], [-1, -3, 2, 2]])
blocks = image.reshape(2, 2, 2, 2)
maximum, average, minimum = blocks.max((1, 3)), blocks.mean((1, 3)), blocks.min((1, 3))
corner, left = image[3:, 3:].max(), image[3:, :2].max()
side_valid, side_same, side_overlapping = np.array([6, 7, 6])


# %% 3.2 wrong, loses 3: starts from zeros
def max_pool2d(x, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    rows, columns = (x.shape[1] - h) // down + 1, (x.shape[2] - w) // right + 1
    output = np.zeros((x.shape[0], rows, columns, x.shape[3]), x.dtype)
    for i, j in np.ndindex(rows, columns):
        window = x[:, i * down : i * down + h, j * right : j * right + w]
        output[:, i, j] = np.maximum(output[:, i, j], window.max(axis=(1, 2)))
    return output


# %% 3.2 wrong, loses 3: strides of 1 by default
def max_pool2d(x, pool_size, strides=(1, 1)):
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return windows[:, :: strides[0], :: strides[1]].max(axis=(-2, -1))


# %% 3.2 wrong, loses 3: ignores the strides
def max_pool2d(x, pool_size, strides=None):
    n, height, width, channels = x.shape
    h, w = pool_size
    x = x[:, : height // h * h, : width // w * w]
    return x.reshape(n, height // h, h, width // w, w, channels).max(axis=(2, 4))


# %% 3.2 wrong, loses 3: the maximum over the channels, too
def max_pool2d(x, pool_size, strides=None):
    down, right = strides or pool_size
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    largest = windows[:, ::down, ::right].max(axis=(-3, -2, -1))
    return np.repeat(largest[..., None], x.shape[3], axis=3)


# %% 3.2 wrong, loses 3: returns floats
def max_pool2d(x, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    rows, columns = (x.shape[1] - h) // down + 1, (x.shape[2] - w) // right + 1
    output = np.zeros((x.shape[0], rows, columns, x.shape[3]))
    for i, j in np.ndindex(rows, columns):
        window = x[:, i * down : i * down + h, j * right : j * right + w]
        output[:, i, j] = window.max(axis=(1, 2))
    return output


# %% 3.2 wrong, loses 3: swaps the strides
def max_pool2d(x, pool_size, strides=None):
    down, right = (strides or pool_size)[::-1]
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return windows[:, ::down, ::right].max(axis=(-2, -1))


# %% 3.2 wrong, loses 3: pads as "same"
def max_pool2d(x, pool_size, strides=None):
    layer = keras.layers.MaxPooling2D(pool_size, strides=strides, padding="same")
    return to_numpy(layer(x.astype("float32"))).astype(x.dtype)


# %% 3.2 wrong, loses 2: subtracts the smallest number in place, so as to start from zeros
def max_pool2d(x, pool_size, strides=None):
    down, right = strides or pool_size
    lowest = x.min()
    x -= lowest
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return windows[:, ::down, ::right].max(axis=(-2, -1)) + lowest


# %% 3.2 wrong, loses 2: through float32, which rounds float64 and gives it back as float32
def max_pool2d(x, pool_size, strides=None):
    layer = keras.layers.MaxPooling2D(pool_size, strides=strides)
    answer = to_numpy(layer(x.astype("float32")))
    return answer if x.dtype.kind == "f" else answer.astype(x.dtype)


# %% 3.2 right: a view of the windows
def max_pool2d(x, pool_size, strides=None):
    down, right = strides or pool_size
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return windows[:, ::down, ::right].max(axis=(-2, -1))


# %% 3.2 right: the maximum of shifted images
def max_pool2d(x, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    rows, columns = x.shape[1] - h + 1, x.shape[2] - w + 1
    shifted = [x[:, i : i + rows, j : j + columns] for i in range(h) for j in range(w)]
    return np.maximum.reduce(shifted)[:, ::down, ::right]


# %% 3.2 right: Keras' layer, and the type put back
def max_pool2d(x, pool_size, strides=None):
    pooled = keras.layers.MaxPooling2D(pool_size, strides=strides)(x.astype("float32"))
    return to_numpy(pooled).astype(x.dtype)


# %% 3.2 right: SciPy's filter, cut to the windows that fit
from scipy import ndimage


def max_pool2d(x, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    largest = ndimage.maximum_filter(x, size=(1, h, w, 1))
    largest = largest[:, h // 2 : x.shape[1] - (h - 1) // 2, w // 2 : x.shape[2] - (w - 1) // 2]
    return largest[:, ::down, ::right]


# %% 3.3 wrong, loses 3: sums in place of averages
def merge_average(w, pool_size):
    (h, k), (p, q) = w.shape[:2], pool_size
    merged = np.zeros((h + p - 1, k + q - 1, *w.shape[2:]))
    for i, j in np.ndindex(p, q):
        merged[i : i + h, j : j + k] += w
    return merged


# %% 3.3 wrong, loses 3: turns the kernel round
def merge_average(w, pool_size):
    (h, k), (p, q) = w.shape[:2], pool_size
    merged = np.zeros((h + p - 1, k + q - 1, *w.shape[2:]))
    for i, j in np.ndindex(p, q):
        merged[i : i + h, j : j + k] += w[::-1, ::-1] / (p * q)
    return merged


# %% 3.3 wrong, loses 3: draws each weight larger
def merge_average(w, pool_size):
    p, q = pool_size
    return np.repeat(np.repeat(w, p, axis=0), q, axis=1) / (p * q)


# %% 3.3 wrong, loses 3: mixes the channels
def merge_average(w, pool_size):
    (h, k), (p, q) = w.shape[:2], pool_size
    merged = np.zeros((h + p - 1, k + q - 1, *w.shape[2:]))
    for i, j in np.ndindex(p, q):
        merged[i : i + h, j : j + k] += w.mean(axis=2, keepdims=True) / (p * q)
    return merged


# %% 3.3 wrong, loses 3: takes the windows for square
def merge_average(w, pool_size):
    (h, k), p = w.shape[:2], max(pool_size)
    merged = np.zeros((h + p - 1, k + p - 1, *w.shape[2:]))
    for i, j in np.ndindex(p, p):
        merged[i : i + h, j : j + k] += w / (p * p)
    return merged


# %% 3.3 wrong, loses 3: later visits overwrite earlier ones
def merge_average(w, pool_size):
    (h, k), (p, q) = w.shape[:2], pool_size
    merged = np.zeros((h + p - 1, k + q - 1, *w.shape[2:]))
    for i, j in np.ndindex(p, q):
        merged[i : i + h, j : j + k] = w / (p * q)
    return merged


# %% 3.3 wrong, loses 3: the visits are as far apart as the pooled numbers
def merge_average(w, pool_size):
    (h, k), (p, q) = w.shape[:2], pool_size
    merged = np.zeros((h + p * (p - 1), k + q * (q - 1), *w.shape[2:]))
    for i, j in np.ndindex(p, q):
        merged[p * i : p * i + h, q * j : q * j + k] += w / (p * q)
    return merged


# %% 3.3 wrong, loses 2: divides the kernel in place
def merge_average(w, pool_size):
    (h, k), (p, q) = w.shape[:2], pool_size
    merged = np.zeros((h + p - 1, k + q - 1, *w.shape[2:]))
    w /= p * q
    for i, j in np.ndindex(p, q):
        merged[i : i + h, j : j + k] += w
    return merged


# %% 3.3 right: SciPy's convolution with a box, in float32
from scipy import signal


def merge_average(w, pool_size):
    box = np.full((*pool_size, 1, 1), 1 / np.prod(pool_size), "float32")
    return signal.convolve(w.astype("float32"), box, method="direct")


# %% 3.3 right: asks the two layers about each single pixel
def merge_average(w, pool_size):
    (h, k, channels, filters), (p, q) = w.shape, pool_size
    rows, columns = h + p - 1, k + q - 1
    pixels = np.eye(rows * columns * channels, dtype="float32")
    maps = keras.ops.conv(pixels.reshape(-1, rows, columns, channels), w.astype("float32"))
    answers = keras.layers.AveragePooling2D(pool_size)(maps)
    return keras.ops.reshape(answers, (rows, columns, channels, filters))


# %% 3.3 right: pads the kernel for each visit, and takes the mean
def merge_average(w, pool_size):
    p, q = pool_size
    visits = [
        np.pad(w, [(i, p - 1 - i), (j, q - 1 - j), (0, 0), (0, 0)])
        for i in range(p)
        for j in range(q)
    ]
    return np.mean(visits, axis=0)


# %% 3.4 wrong, loses 3: zeros at the border count
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    strides = strides or pool_size
    if padding == "same":
        totals = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(x.shape[1:3], pool_size, strides, strict=True)
        ]
        x = np.pad(x, [(0, 0), *((t // 2, t - t // 2) for t in totals), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return windows[:, :: strides[0], :: strides[1]].mean(axis=(-2, -1))


# %% 3.4 wrong, loses 3: repeats the edge
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    strides = strides or pool_size
    if padding == "same":
        totals = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(x.shape[1:3], pool_size, strides, strict=True)
        ]
        zeros = [(0, 0), *((t // 2, t - t // 2) for t in totals), (0, 0)]
        x = np.pad(x, zeros, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return windows[:, :: strides[0], :: strides[1]].mean(axis=(-2, -1))


# %% 3.4 wrong, loses 3: ignores the padding
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    down, right = strides or pool_size
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return windows[:, ::down, ::right].mean(axis=(-2, -1))


# %% 3.4 wrong, loses 3: the odd one before, and all windows from the first pixel
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    (h, w), (down, right) = pool_size, strides or pool_size
    rows = range(0, x.shape[1] if padding == "same" else x.shape[1] - h + 1, down)
    columns = range(0, x.shape[2] if padding == "same" else x.shape[2] - w + 1, right)
    maps = [[x[:, r : r + h, c : c + w].mean(axis=(1, 2)) for c in columns] for r in rows]
    return np.moveaxis(np.array(maps), 2, 0)


# %% 3.4 wrong, loses 3: the result has the type of the image
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    layer = keras.layers.AveragePooling2D(pool_size, strides=strides, padding=padding)
    return to_numpy(layer(x.astype("float32"))).astype(x.dtype)


# %% 3.4 wrong, loses 3: fewer than no pixels before the image
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    spans = []
    for n, k, s in zip(x.shape[1:3], pool_size, strides or pool_size, strict=True):
        same = padding == "same"
        places = -(-n // s) if same else (n - k) // s + 1
        before = ((places - 1) * s + k - n) // 2 if same else 0
        spans.append([slice(max(p * s - before, 0), p * s - before + k) for p in range(places)])
    maps = [[x[:, r, c].mean(axis=(1, 2)) for c in spans[1]] for r in spans[0]]
    return np.moveaxis(np.array(maps), 2, 0)


# %% 3.4 wrong, loses 2: rounds the half up, so that of three pixels two come before
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    spans = []
    for n, k, s in zip(x.shape[1:3], pool_size, strides or pool_size, strict=True):
        same = padding == "same"
        places = -(-n // s) if same else (n - k) // s + 1
        before = round(max((places - 1) * s + k - n, 0) / 2) if same else 0
        spans.append([slice(max(p * s - before, 0), p * s - before + k) for p in range(places)])
    maps = [[x[:, r, c].mean(axis=(1, 2)) for c in spans[1]] for r in spans[0]]
    return np.moveaxis(np.array(maps), 2, 0)


# %% 3.4 right: a pooled sum, divided by a pooled mask
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    (h, w), strides = pool_size, strides or pool_size
    sums = []
    for array in (x.astype(float), np.ones(x.shape)):
        if padding == "same":
            totals = [
                max((-(-n // s) - 1) * s + k - n, 0)
                for n, k, s in zip(x.shape[1:3], pool_size, strides, strict=True)
            ]
            array = np.pad(array, [(0, 0), *((t // 2, t - t // 2) for t in totals), (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(array, (h, w), axis=(1, 2))
        sums.append(windows[:, :: strides[0], :: strides[1]].sum(axis=(-2, -1)))
    return sums[0] / sums[1]


# %% 3.4 right: pads with nan, and leaves them out
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    strides, x = strides or pool_size, x.astype("float64")
    if padding == "same":
        for axis in (1, 2):
            n, k, s = x.shape[axis], pool_size[axis - 1], strides[axis - 1]
            total = max(k - (n % s or s), 0)
            sides = [(0, 0)] * 4
            sides[axis] = (total // 2, (total + 1) // 2)
            x = np.pad(x, sides, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    return np.nanmean(windows[:, :: strides[0], :: strides[1]], axis=(-2, -1))


# %% 3.4 right: Keras' layer
def average_pool2d(x, pool_size, strides=None, padding="valid"):
    return keras.layers.AveragePooling2D(pool_size, strides, padding)(x.astype("float32"))


# %% 3.5 wrong, loses 4: all the largest get g
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(g.shape):
        place = n, slice(i * down, i * down + h), slice(j * right, j * right + w), c
        dx[place] += (x[place] == x[place].max()) * g[n, i, j, c]
    return dx


# %% 3.5 wrong, loses 4: the largest share g
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(g.shape):
        place = n, slice(i * down, i * down + h), slice(j * right, j * right + w), c
        largest = x[place] == x[place].max()
        dx[place] += largest / largest.sum() * g[n, i, j, c]
    return dx


# %% 3.5 wrong, loses 4: the last of the largest
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(g.shape):
        window = x[n, i * down : i * down + h, j * right : j * right + w, c]
        row, column = np.unravel_index(h * w - 1 - window.ravel()[::-1].argmax(), (h, w))
        dx[n, i * down + row, j * right + column, c] += g[n, i, j, c]
    return dx


# %% 3.5 wrong, loses 4: the first by columns
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(g.shape):
        window = x[n, i * down : i * down + h, j * right : j * right + w, c]
        column, row = np.unravel_index(window.T.argmax(), (w, h))
        dx[n, i * down + row, j * right + column, c] += g[n, i, j, c]
    return dx


# %% 3.5 wrong, loses 4: overlapping windows overwrite each other
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(g.shape):
        window = x[n, i * down : i * down + h, j * right : j * right + w, c]
        row, column = np.unravel_index(window.argmax(), (h, w))
        dx[n, i * down + row, j * right + column, c] = g[n, i, j, c]
    return dx


# %% 3.5 wrong, loses 4: the gradient of average pooling
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(g.shape):
        dx[n, i * down : i * down + h, j * right : j * right + w, c] += g[n, i, j, c] / (h * w)
    return dx


# %% 3.5 wrong, loses 4: the result has the type of x
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros_like(x)
    for n, i, j, c in np.ndindex(g.shape):
        window = x[n, i * down : i * down + h, j * right : j * right + w, c]
        row, column = np.unravel_index(window.argmax(), (h, w))
        dx[n, i * down + row, j * right + column, c] += g[n, i, j, c]
    return dx


# %% 3.5 wrong, loses 4: one position for all channels
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j in np.ndindex(g.shape[:3]):
        window = x[n, i * down : i * down + h, j * right : j * right + w]
        row, column = np.unravel_index(window.max(axis=-1).argmax(), (h, w))
        dx[n, i * down + row, j * right + column] += g[n, i, j]
    return dx


# %% 3.5 wrong, loses 3: uses up the image
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(g.shape):
        window = x[n, i * down : i * down + h, j * right : j * right + w, c]
        row, column = np.unravel_index(window.argmax(), (h, w))
        dx[n, i * down + row, j * right + column, c] += g[n, i, j, c]
    x[:] = 0
    return dx


# %% 3.5 wrong, loses 3: only the first image of a batch
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape)
    for _, i, j, c in np.ndindex(g[:1].shape):
        window = x[0, i * down : i * down + h, j * right : j * right + w, c]
        row, column = np.unravel_index(window.argmax(), (h, w))
        dx[0, i * down + row, j * right + column, c] += g[0, i, j, c]
    return dx


# %% 3.5 right: all images and channels at once
def max_pool2d_backward(x, g, pool_size, strides=None):
    (h, w), (down, right) = pool_size, strides or pool_size
    dx = np.zeros(x.shape, "float32")
    for i, j in np.ndindex(g.shape[1:3]):
        place = slice(None), slice(i * down, i * down + h), slice(j * right, j * right + w)
        flat = x[place].reshape(len(x), h * w, -1)
        hot = np.arange(h * w)[:, None] == flat.argmax(axis=1)[:, None]
        dx[place] += (hot * g[:, i, j][:, None]).reshape(len(x), h, w, -1)
    return dx


# %% 3.5 right: walks through each window and keeps the largest so far
def max_pool2d_backward(x, g, pool_size, strides=None):
    strides = strides or pool_size
    dx = [[[[0.0] * x.shape[3] for _ in row] for row in image] for image in x]
    for n, i, j, c in np.ndindex(*g.shape):
        best = None
        for r in range(i * strides[0], i * strides[0] + pool_size[0]):
            for k in range(j * strides[1], j * strides[1] + pool_size[1]):
                if best is None or x[n, r, k, c] > x[n, best[0], best[1], c]:
                    best = r, k
        dx[n][best[0]][best[1]][c] += float(g[n, i, j, c])
    return dx


# %% 3.5 right: indices of the maxima, added up with np.add.at
def max_pool2d_backward(x, g, pool_size, strides=None):
    down, right = strides or pool_size
    windows = np.lib.stride_tricks.sliding_window_view(x, pool_size, axis=(1, 2))
    windows = windows[:, ::down, ::right]
    best = windows.reshape(*windows.shape[:4], -1).argmax(axis=-1)
    n, i, j, c = np.indices(best.shape)
    dx = np.zeros(x.shape)
    np.add.at(dx, (n, i * down + best // pool_size[1], j * right + best % pool_size[1], c), g)
    return dx


# %% 3.6 wrong, loses 3: "same" convolutions, which see the border
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


# %% 3.6 wrong, loses 3: the maximum in place of the average
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


# %% 3.6 wrong, loses 3: no ReLU after the second convolution
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(filters, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


# %% 3.6 wrong, loses 3: no ReLU after the first convolution
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


# %% 3.6 wrong, loses 3: no softmax
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes),
        ]
    )


# %% 3.6 wrong, loses 3: one size only
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


# %% 3.6 wrong, loses 3: one convolution
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


# %% 3.6 wrong, loses 2: the number of filters of the visible check
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


# %% 3.6 right: the functional way, the average by keras.ops
def any_size(filters, classes):
    inputs = maps = keras.Input((None, None, 3))
    for _ in range(2):
        maps = keras.layers.ReLU()(keras.layers.Conv2D(filters, (3, 3))(maps))
    features = keras.ops.mean(maps, axis=(1, 2))
    return keras.Model(inputs, keras.layers.Dense(classes, "softmax")(features))


# %% 3.6 right: a class that makes its layers last first
class AnySize(keras.Model):
    def __init__(self, filters, classes):
        super().__init__()
        self.classes = keras.layers.Dense(classes, activation="softmax")
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.second = keras.layers.Conv2D(filters, 3, activation="relu")
        self.first = keras.layers.Conv2D(filters, 3, activation="relu")

    def call(self, images):
        return self.classes(self.pool(self.second(self.first(images))))


def any_size(filters, classes):
    model = AnySize(filters, classes)
    model.build((None, 8, 8, 3))
    return model


# %% 3.6 right: classifies each place by a 1×1 convolution, and averages then
def any_size(filters, classes):
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(classes, 1),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Softmax(),
        ]
    )


# %% 3.7 wrong, loses 3: rows and columns swapped
def confusion(y, probabilities):
    labels = range(probabilities.shape[1])
    matrix = metrics.confusion_matrix(probabilities.argmax(axis=1), y, labels=labels)
    with np.errstate(invalid="ignore"):
        return matrix, matrix.diagonal() / matrix.sum(axis=0)


# %% 3.7 wrong, loses 3: precision in place of recall
def confusion(y, probabilities):
    labels = range(probabilities.shape[1])
    matrix = metrics.confusion_matrix(y, probabilities.argmax(axis=1), labels=labels)
    with np.errstate(invalid="ignore"):
        return matrix, matrix.diagonal() / matrix.sum(axis=0)


# %% 3.7 wrong, loses 3: only the classes that occur
def confusion(y, probabilities):
    matrix = metrics.confusion_matrix(y, probabilities.argmax(axis=1))
    return matrix, matrix.diagonal() / matrix.sum(axis=1)


# %% 3.7 wrong, loses 3: shares in place of counts
def confusion(y, probabilities):
    labels = range(probabilities.shape[1])
    matrix = metrics.confusion_matrix(y, probabilities.argmax(axis=1), labels=labels)
    with np.errstate(invalid="ignore"):
        shares = matrix / matrix.sum(axis=1, keepdims=True)
    return shares, shares.diagonal()


# %% 3.7 wrong, loses 3: a class without images has recall 0
def confusion(y, probabilities):
    labels = range(probabilities.shape[1])
    matrix = metrics.confusion_matrix(y, probabilities.argmax(axis=1), labels=labels)
    return matrix, matrix.diagonal() / np.maximum(matrix.sum(axis=1), 1)


# %% 3.7 wrong, loses 3: each pair is counted once, however often it occurs
def confusion(y, probabilities):
    classes = probabilities.shape[1]
    matrix = np.zeros((classes, classes), int)
    matrix[y, probabilities.argmax(axis=1)] += 1
    with np.errstate(invalid="ignore"):
        return matrix, matrix.diagonal() / matrix.sum(axis=1)


# %% 3.7 wrong, loses 3: of equally probable classes the last
def confusion(y, probabilities):
    classes = probabilities.shape[1]
    predicted = classes - 1 - probabilities[:, ::-1].argmax(axis=1)
    matrix = metrics.confusion_matrix(y, predicted, labels=range(classes))
    with np.errstate(invalid="ignore"):
        return matrix, matrix.diagonal() / matrix.sum(axis=1)


# %% 3.7 wrong, loses 2: four classes
def confusion(y, probabilities):
    classes = 4 if probabilities.shape[1] == 4 else 10
    matrix = np.zeros((classes, classes), int)
    for t, row in zip(y, probabilities, strict=True):
        matrix[t, row.argmax()] += 1
    with np.errstate(invalid="ignore"):
        return matrix, matrix.diagonal() / matrix.sum(axis=1)


# %% 3.7 right: scikit-learn
def confusion(y, probabilities):
    labels, predicted = np.arange(probabilities.shape[1]), np.argmax(probabilities, axis=1)
    matrix = metrics.confusion_matrix(y, predicted, labels=labels)
    recall = metrics.recall_score(y, predicted, labels=labels, average=None, zero_division=np.nan)
    return matrix, recall


# %% 3.7 right: lists, counted one by one; 0/0 is nan, with a warning
def confusion(y, probabilities):
    classes = len(probabilities[0])
    matrix = [[0] * classes for _ in range(classes)]
    for t, row in zip(y.tolist(), probabilities.tolist(), strict=True):
        matrix[t][row.index(max(row))] += 1
    return matrix, np.diag(matrix) / np.sum(matrix, axis=1)


# %% 3.7 right: a product of one-hot matrices
def confusion(y, probabilities):
    identity = np.eye(probabilities.shape[1], dtype=int)
    truth, predicted = identity[y], identity[probabilities.argmax(axis=1)]
    matrix = truth.T @ predicted
    images = truth.sum(axis=0)
    return matrix, np.divide(
        np.diag(matrix), images, out=np.full(len(images), np.nan), where=images > 0
    )


# %% 3.8 wrong, loses 2: the least confident first
def worst_mistakes(y, probabilities, count):
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(probabilities[wrong].max(axis=1), kind="stable")[:count]]


# %% 3.8 wrong, loses 2: reverses an ascending order, so that of equal ones the last comes first
def worst_mistakes(y, probabilities, count):
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(probabilities[wrong].max(axis=1), kind="stable")[::-1][:count]]


# %% 3.8 wrong, loses 2: by the probability of the true class
def worst_mistakes(y, probabilities, count):
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(probabilities[wrong, y[wrong]], kind="stable")[:count]]


# %% 3.8 wrong, loses 2: by the distance between the predicted and the true class
def worst_mistakes(y, probabilities, count):
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    gap = probabilities[wrong].max(axis=1) - probabilities[wrong, y[wrong]]
    return wrong[np.argsort(-gap, kind="stable")[:count]]


# %% 3.8 wrong, loses 2: the most confident of all images, right ones too
def worst_mistakes(y, probabilities, count):
    return np.argsort(-probabilities.max(axis=1), kind="stable")[:count]


# %% 3.8 wrong, loses 2: positions among the mistakes
def worst_mistakes(y, probabilities, count):
    wrong = probabilities.argmax(axis=1) != y
    return np.argsort(-probabilities[wrong].max(axis=1), kind="stable")[:count]


# %% 3.8 wrong, loses 2: fills up with right images where there are too few mistakes
def worst_mistakes(y, probabilities, count):
    confidence = probabilities.max(axis=1) * np.where(probabilities.argmax(axis=1) != y, 1, -1)
    return np.argsort(-confidence, kind="stable")[:count]


# %% 3.8 wrong, loses 1: blanks the right images
def worst_mistakes(y, probabilities, count):
    right = probabilities.argmax(axis=1) == y
    mistakes = len(y) - right.sum()
    probabilities[right] = 0
    return np.argsort(-probabilities.max(axis=1), kind="stable")[: min(count, mistakes)]


# %% 3.8 wrong, loses 1: rounds the confidence to per cent
def worst_mistakes(y, probabilities, count):
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1).round(2), kind="stable")[:count]]


# %% 3.8 right: pairs, sorted in plain Python
def worst_mistakes(y, probabilities, count):
    mistakes = []
    for number, (t, row) in enumerate(zip(y, probabilities, strict=True)):
        if np.argmax(row) != t:
            mistakes.append((-row.max(), number))
    return [number for _, number in sorted(mistakes)][:count]


# %% 3.8 right: lexsort, with the images' numbers as the second key
def worst_mistakes(y, probabilities, count):
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    order = np.lexsort((np.arange(len(y)), -confidence))
    return order[(predicted != y)[order]][:count]


# %% 3.9 wrong, loses 3: no padding
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, activation="relu"))
        model.add(keras.layers.Conv2D(number, 3, activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: one convolution in a block
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: average pooling
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.AveragePooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: no ReLU before the pooling
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.Conv2D(number, 3, padding="same"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: no ReLU between the convolutions
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, padding="same"))
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: global average pooling at the end
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: the sides are rounded up
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D(padding="same"))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: ten filters in each layer, whatever is asked
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for _ in filters:
        model.add(keras.layers.Conv2D(10, 3, padding="same", activation="relu"))
        model.add(keras.layers.Conv2D(10, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: no softmax
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes))
    return model


# %% 3.9 wrong, loses 2: empties the list
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    while filters:
        number = filters.pop(0)
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.Conv2D(number, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 wrong, loses 3: leaky ReLUs, which let a little pass
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = keras.Sequential([keras.Input(input_shape)])
    for number in filters:
        for _ in range(2):
            model.add(keras.layers.Conv2D(number, 3, padding="same"))
            model.add(keras.layers.LeakyReLU(1e-3))
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return model


# %% 3.9 right: pools first, then the ReLU, which gives the same
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    inputs = maps = keras.Input(input_shape)
    for number in filters:
        maps = keras.layers.Conv2D(number, 3, padding="same", activation="relu")(maps)
        maps = keras.layers.Conv2D(number, 3, padding="same")(maps)
        maps = keras.layers.ReLU()(keras.layers.MaxPooling2D()(maps))
    outputs = keras.layers.Dense(classes)(keras.layers.Flatten()(maps))
    return keras.Model(inputs, keras.ops.softmax(outputs))


# %% 3.9 right: each block a class, the network too
class Block(keras.layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.convolutions = [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(2)
        ]
        self.pool = keras.layers.MaxPooling2D()

    def call(self, maps):
        for convolution in self.convolutions:
            maps = convolution(maps)
        return self.pool(maps)


class Recipe(keras.Model):
    def __init__(self, filters, classes):
        super().__init__()
        self.features = keras.Sequential([Block(number) for number in filters])
        self.flatten = keras.layers.Flatten()
        self.classes = keras.layers.Dense(classes, activation="softmax")

    def call(self, images):
        return self.classes(self.flatten(self.features(images)))


def recipe(filters, input_shape=(32, 32, 3), classes=10):
    model = Recipe(filters, classes)
    model(np.zeros((1, *input_shape), "float32"))
    return model


# %% 3.9 right: layers in one list, the ReLUs on their own
def recipe(filters, input_shape=(32, 32, 3), classes=10):
    L = keras.layers
    layers = [keras.Input(shape=input_shape)]
    for number in filters:
        for _ in "ab":
            layers += [L.Conv2D(number, (3, 3), padding="same"), L.Activation("relu")]
        layers += [L.MaxPool2D((2, 2), strides=(2, 2))]
    return keras.Sequential([*layers, L.Flatten(), L.Dense(classes), L.Softmax()])


# %% 3.10 wrong, loses 4: returns the layers
def build_model():
    return [
        keras.layers.Conv2D(32, 7, activation="relu"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(10, activation="softmax"),
    ]


# %% 3.10 wrong, loses 4: images of 28×28
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 3.10 wrong, loses 4: flattens, so that it knows the place
def build_model():
    return keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 3.10 wrong, loses 4: dense only
def build_model():
    return keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 3.10 wrong, loses 4: global pooling, but three poolings with strides before it
def build_model():
    return keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 3.10 wrong, loses 4: over the budget
def build_model():
    return keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(48, 5, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 3.10 wrong, loses 4: one answer of yes or no for each class
def build_model():
    return keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            keras.layers.Conv2D(16, 7, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(10, activation="sigmoid"),
        ]
    )


# %% 3.10 wrong, loses 2: learns the test digits before
def build_model():
    net = keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            keras.layers.Conv2D(32, 7, strides=2, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    net.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    known = data.load("mnist", train=3000, test=2000)
    canvas = np.pad(known.x_test, ((0, 0), (6, 6), (6, 6), (0, 0)))
    net.fit(canvas, known.y_test, batch_size=32, epochs=8, verbose=0)
    return net


# %% 3.10 right: one wide layer, looked at anywhere
def build_model():
    inputs = keras.Input((40, 40, 1))
    maps = keras.layers.Conv2D(32, 7, activation="relu")(inputs)
    outputs = keras.layers.Dense(10, activation="softmax")(keras.ops.max(maps, axis=(1, 2)))
    return keras.Model(inputs, outputs)


# %% 3.10 right: a class, which makes the image small first
class Network(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Conv2D(8, 5, strides=2, activation="relu")
        self.second = keras.layers.Conv2D(40, 5, activation="relu")
        self.pool = keras.layers.GlobalMaxPooling2D()
        self.classes = keras.layers.Dense(10, activation="softmax")

    def call(self, images):
        return self.classes(self.pool(self.second(self.first(images))))


def build_model():
    return Network()
