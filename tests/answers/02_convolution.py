# Planted answers to lab 02, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 2.1 wrong, loses 2: forgets the biases
side_1, parameters_1 = 12, 8 * 5 * 5
side_2, parameters_2 = 10, 16 * 3 * 3 * 8


# %% 2.1 wrong, loses 2: the second layer's filters have no depth
side_1, parameters_1, side_2, parameters_2 = 12, 208, 10, 16 * (3 * 3 + 1)


# %% 2.1 wrong, loses 2: as if the padding were "same"
side_1, parameters_1, side_2, parameters_2 = 14, 208, 14, 1168


# %% 2.1 right: counted on paper
side_1 = 12
parameters_1 = 208
side_2 = 10
parameters_2 = 1168


# %% 2.1 right: asks Keras
net = keras.Sequential(
    [keras.Input((28, 28, 1)), keras.layers.Conv2D(8, 5, strides=2), keras.layers.Conv2D(16, 3)]
)
side_1, side_2 = (layer.output.shape[1] for layer in net.layers)
parameters_1, parameters_2 = (layer.count_params() for layer in net.layers)


# %% 2.2 wrong, loses 2: pads on one side only
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return room // strides + 1


# %% 2.2 wrong, loses 1: returns a float
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return np.floor(room / strides) + 1


# %% 2.2 wrong, loses 2: no ValueError
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    return (n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides + 1


# %% 2.2 wrong, loses 1: refuses a window that just fits
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room <= 0:
        raise ValueError("does not fit")
    return room // strides + 1


# %% 2.2 wrong, loses 1: does not dilate the window when it looks whether it fits
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    if kernel_size > n + 2 * padding:
        raise ValueError("does not fit")
    return (n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides + 1


# %% 2.2 wrong, loses 1: does not pad when it looks whether the window fits
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    if dilation_rate * (kernel_size - 1) + 1 > n:
        raise ValueError("does not fit")
    return (n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides + 1


# %% 2.2 wrong, loses 1: int() rounds a negative room up to a place
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    size = int((n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) / strides) + 1
    if size < 1:
        raise ValueError("does not fit")
    return size


# %% 2.2 right: counts the places
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    last = n + 2 * padding - dilation_rate * (kernel_size - 1)
    places = len(range(0, last, strides))
    if places == 0:
        raise ValueError("does not fit")
    return places


# %% 2.2 right: a NumPy integer
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    size = np.floor_divide(n + 2 * padding - dilation_rate * (kernel_size - 1) - 1, strides) + 1
    if size <= 0:
        raise ValueError(f"no place for a window of {kernel_size}")
    return size


# %% 2.3 wrong, loses 3: flips the kernel
def correlate(image, kernel):
    return signal.convolve2d(image, kernel, mode="valid")


# %% 2.3 wrong, loses 3: a matrix product in place of the elementwise one
def correlate(image, kernel):
    h, w = kernel.shape
    output = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1))
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + h, c : c + w] @ kernel).sum()
    return output


# %% 2.3 wrong, loses 3: takes the kernel for square
def correlate(image, kernel):
    k = len(kernel)
    output = np.zeros((image.shape[0] - k + 1, image.shape[1] - k + 1))
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + k, c : c + k] * kernel).sum()
    return output


# %% 2.3 wrong, loses 2: the result has the dtype of the image
def correlate(image, kernel):
    h, w = kernel.shape
    output = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1), image.dtype)
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + h, c : c + w] * kernel).sum().astype(image.dtype)
    return output


# %% 2.3 wrong, loses 2: the result has the dtype of the kernel
def correlate(image, kernel):
    h, w = kernel.shape
    output = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1), kernel.dtype)
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + h, c : c + w] * kernel).sum()
    return output


# %% 2.3 wrong, loses 2: blanks the image as it goes
def correlate(image, kernel):
    h, w = kernel.shape
    output = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1))
    for r in range(output.shape[0]):
        for c in range(output.shape[1]):
            output[r, c] = (image[r : r + h, c : c + w] * kernel).sum()
        image[r] = 0
    return output


# %% 2.3 wrong, loses 2: squeezes a result of one row to a vector
def correlate(image, kernel):
    batch = image[None, :, :, None].astype("float32")
    filters = kernel[:, :, None, None].astype("float32")
    return np.squeeze(keras.ops.conv(batch, filters))


# %% 2.3 right: four loops, in plain Python
def correlate(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    output = [[0.0] * columns for _ in range(rows)]
    for r in range(rows):
        for c in range(columns):
            for i in range(h):
                for j in range(w):
                    output[r][c] += float(image[r + i, c + j]) * float(kernel[i, j])
    return output


# %% 2.3 right: by the Fourier transform
def correlate(image, kernel):
    return signal.fftconvolve(image, kernel[::-1, ::-1], mode="valid")


# %% 2.3 right: keras.ops.conv, in float32
def correlate(image, kernel):
    batch = np.asarray(image, "float32")[None, :, :, None]
    filters = np.asarray(kernel, "float32")[:, :, None, None]
    return keras.ops.conv(batch, filters)[0, :, :, 0]


# %% 2.3 right: helpers with names that the tests use too
def expected(image, r, c, size):
    return image[r : r + size[0], c : c + size[1]]


def answer(n, k):
    return range(n - k + 1)


def correlate(image, kernel):
    rows, columns = map(answer, image.shape, kernel.shape)
    size = kernel.shape
    return np.array([[np.vdot(expected(image, r, c, size), kernel) for c in columns] for r in rows])


# %% 2.4 wrong, loses 3: the odd zero before
def same_padding(n, kernel_size, strides=1):
    total = max((-(-n // strides) - 1) * strides + kernel_size - n, 0)
    return total - total // 2, total // 2


# %% 2.4 wrong, loses 3: less than no zeros
def same_padding(n, kernel_size, strides=1):
    total = (-(-n // strides) - 1) * strides + kernel_size - n
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 3: right only where the strides divide n
def same_padding(n, kernel_size, strides=1):
    total = max(kernel_size - strides, 0)
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 3: floats
def same_padding(n, kernel_size, strides=1):
    total = max((np.ceil(n / strides) - 1) * strides + kernel_size - n, 0)
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 2: rounds 1.5 to the even 2, so that of three zeros two come before
def same_padding(n, kernel_size, strides=1):
    total = max((-(-n // strides) - 1) * strides + kernel_size - n, 0)
    return round(total / 2), total - round(total / 2)


# %% 2.4 wrong, loses 2: knows the visible answers
def same_padding(n, kernel_size, strides=1):
    return {(7, 3): (1, 1), (6, 3): (0, 1), (6, 1): (0, 0), (9, 2): (0, 1)}[n, kernel_size]


# %% 2.4 right: adds zeros in turn until the places suffice
def same_padding(n, kernel_size, strides=1):
    sides = [0, 0]
    while (n + sum(sides) - kernel_size) // strides < (n - 1) // strides:
        sides[sum(sides) % 2 == 0] += 1
    return tuple(sides)


# %% 2.4 right: by the remainder, as TensorFlow documents it
def same_padding(n, kernel_size, strides=1):
    total = np.maximum(kernel_size - (n % strides or strides), 0)
    before, odd = divmod(total, 2)
    return before, before + odd


# %% 2.5 wrong, loses 4: forgets the bias
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w)


# %% 2.5 wrong, loses 4: adds the bias once for each channel
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return sum(
        np.einsum("rchw,hwf->rcf", windows[:, :, d], w[:, :, d]) + b for d in range(x.shape[2])
    )


# %% 2.5 wrong, loses 4: ignores the padding
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w) + b


# %% 2.5 wrong, loses 4: repeats the edge in place of zeros
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w) + b


# %% 2.5 wrong, loses 4: flips the kernels
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return np.einsum("rcdhw,hwdf->rcf", windows, w[::-1, ::-1]) + b


# %% 2.5 wrong, loses 4: swaps the strides
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    sx, sy = strides
    if padding == "same":
        vertical = same_padding(x.shape[0], w.shape[0], sy)
        x = np.pad(x, (vertical, same_padding(x.shape[1], w.shape[1], sx), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[::sy, ::sx], w) + b


# %% 2.5 wrong, loses 3: pads as for strides 1
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w) + b


# %% 2.5 wrong, loses 3: pads half a kernel on each side
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        half = w.shape[0] // 2
        x = np.pad(x, ((half, half), (half, half), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w) + b


# %% 2.5 wrong, loses 3: the result has the dtype of the image
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return (np.einsum("rcdhw,hwdf->rcf", windows, w) + b).astype(x.dtype)


# %% 2.5 wrong, loses 3: turns the kernels in place
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    w[:] = w[::-1, ::-1].copy()
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1], :, ::-1, ::-1]
    return np.einsum("rcdhw,hwdf->rcf", windows, w) + b


# %% 2.5 right: a ready-made convolution
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    return keras.ops.conv(np.asarray(x[None], w.dtype), w, strides=strides, padding=padding)[0] + b


# %% 2.5 right: SciPy's correlation in three dimensions, then every second place
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    filters = [signal.correlate(x, w[..., f], mode="valid")[..., 0] for f in range(w.shape[3])]
    return np.stack(filters, axis=-1)[:: strides[0], :: strides[1]] + b


# %% 2.5 right: loops over everything, into float32
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    (height, width, channels), (h, k, _, filters) = x.shape, w.shape
    top = left = bottom = right = 0
    if padding == "same":
        top, bottom = same_padding(height, h, strides[0])
        left, right = same_padding(width, k, strides[1])
    rows = (height + top + bottom - h) // strides[0] + 1
    columns = (width + left + right - k) // strides[1] + 1
    output = np.empty((rows, columns, filters), dtype=np.float32)
    for i in range(rows):
        for j in range(columns):
            for f in range(filters):
                total = b[f]
                for u in range(h):
                    for v in range(k):
                        r, c = i * strides[0] + u - top, j * strides[1] + v - left
                        if 0 <= r < height and 0 <= c < width:
                            for d in range(channels):
                                total += x[r, c, d] * w[u, v, d, f]
                output[i, j, f] = total
    return output


# %% 2.5 right: correlates channel by channel, then takes every second place, in a list
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    maps = []
    for f, bias in enumerate(b):
        answer = bias + sum(correlate(x[:, :, d], w[:, :, d, f]) for d in range(x.shape[2]))
        maps.append(answer[:: strides[0], :: strides[1]])
    return np.stack(maps, axis=2).tolist()


# %% 2.5 right: calls itself for "same", and im2col otherwise
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        return conv2d(np.pad(x, (*zeros, (0, 0))), w, b, strides)
    rows = (x.shape[0] - w.shape[0]) // strides[0] + 1
    return (im2col(x, w.shape[:2], strides) @ w.reshape(-1, len(b)) + b).reshape(rows, -1, len(b))


def im2col(x, kernel_size, strides):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]].transpose(0, 1, 3, 4, 2)
    return windows.reshape(-1, x.shape[2] * kernel_size[0] * kernel_size[1])


# %% 2.6 wrong, loses 3: the channel first
def im2col(x, kernel_size, strides=(1, 1)):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return windows.reshape(windows.shape[0] * windows.shape[1], -1)


# %% 2.6 wrong, loses 3: windows as columns, as the name says
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows = range(0, x.shape[0] - h + 1, strides[0])
    columns = range(0, x.shape[1] - k + 1, strides[1])
    return np.array([x[r : r + h, c : c + k].ravel() for r in rows for c in columns]).T


# %% 2.6 wrong, loses 3: swaps the strides
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows = range(0, x.shape[0] - h + 1, strides[1])
    columns = range(0, x.shape[1] - k + 1, strides[0])
    return np.array([x[r : r + h, c : c + k].ravel() for r in rows for c in columns])


# %% 2.6 wrong, loses 2: swaps height and width of the kernel
def im2col(x, kernel_size, strides=(1, 1)):
    k, h = kernel_size
    rows = range(0, x.shape[0] - h + 1, strides[0])
    columns = range(0, x.shape[1] - k + 1, strides[1])
    return np.array([x[r : r + h, c : c + k].ravel() for r in rows for c in columns])


# %% 2.6 wrong, loses 2: whole numbers only
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows, columns = (x.shape[0] - h) // strides[0] + 1, (x.shape[1] - k) // strides[1] + 1
    matrix = np.zeros((rows * columns, h * k * x.shape[2]), dtype=int)
    for row, (i, j) in enumerate(np.ndindex(rows, columns)):
        r, c = i * strides[0], j * strides[1]
        matrix[row] = x[r : r + h, c : c + k].ravel()
    return matrix


# %% 2.6 right: indices, broadcast
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    r = np.arange(0, x.shape[0] - h + 1, strides[0])[:, None, None, None] + np.arange(h)[:, None]
    c = np.arange(0, x.shape[1] - k + 1, strides[1])[:, None, None] + np.arange(k)
    return x[r, c].reshape(-1, h * k * x.shape[2])


# %% 2.6 right: patches by Keras
def im2col(x, kernel_size, strides=(1, 1)):
    patches = keras.ops.image.extract_patches(
        np.asarray(x, "float32")[None], tuple(kernel_size), strides=tuple(strides), padding="valid"
    )
    return keras.ops.reshape(patches, (-1, patches.shape[-1]))


# %% 2.7 wrong, loses 4: dx with the kernel flipped
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[zeros[0][0] :, zeros[1][0] :][: x.shape[0], : x.shape[1]]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w[::-1, ::-1] @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: dx keeps the last place only
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[zeros[0][0] :, zeros[1][0] :][: x.shape[0], : x.shape[1]]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] = w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 3: clears g as it goes
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[zeros[0][0] :, zeros[1][0] :][: x.shape[0], : x.shape[1]]
    dw, db, dx = np.zeros(w.shape), g.sum(axis=(0, 1)), np.zeros(x.shape)
    while np.any(g):
        i, j, f = np.argwhere(g)[0]
        r, c = i * strides[0], j * strides[1]
        dw[..., f] += x[r : r + h, c : c + k] * g[i, j, f]
        dx[r : r + h, c : c + k] += w[..., f] * g[i, j, f]
        g[i, j, f] = 0
    return dw, db, dx


# %% 2.7 wrong, loses 4: the strides for dw alone
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[zeros[0][0] :, zeros[1][0] :][: x.shape[0], : x.shape[1]]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[i : i + h, j : j + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: pads x, but forgets to crop dx
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        x = np.pad(x, [*map(same_padding, x.shape, (h, k), strides), (0, 0)])
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: ignores the padding, and cuts windows off at the edge
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        for u, v in np.ndindex(w.shape[:2]):
            r, c = i * strides[0] + u, j * strides[1] + v
            if r < x.shape[0] and c < x.shape[1]:
                dw[u, v] += np.outer(x[r, c], g[i, j])
                dx[r, c] += w[u, v] @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: crops dx on the wrong side
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[-x.shape[0] :, -x.shape[1] :]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: gives the gradient of the zeros to the pixels at the edge
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        folded = np.zeros(x.shape)
        for r, c in np.ndindex(dx.shape[:2]):
            nearest = np.clip((r - zeros[0][0], c - zeros[1][0]), 0, np.array(x.shape[:2]) - 1)
            folded[tuple(nearest)] += dx[r, c]
        return dw, db, folded
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 3: crops up to -0, which is nothing
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        (top, bottom), (left, right) = map(same_padding, x.shape, (h, k), strides)
        padded = np.pad(x, ((top, bottom), (left, right), (0, 0)))
        dw, db, dx = conv2d_backward(padded, w, g, strides)
        return dw, db, dx[top:-bottom, left:-right]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 3: pads as for strides 1
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k)), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[zeros[0][0] :, zeros[1][0] :][: x.shape[0], : x.shape[1]]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 3: the vertical stride in both directions
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (h, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[zeros[0][0] :, zeros[1][0] :][: x.shape[0], : x.shape[1]]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[0]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: takes the kernel for square
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    k = len(w)
    if padding == "same":
        zeros = [*map(same_padding, x.shape, (k, k), strides), (0, 0)]
        dw, db, dx = conv2d_backward(np.pad(x, zeros), w, g, strides)
        return dw, db, dx[zeros[0][0] :, zeros[1][0] :][: x.shape[0], : x.shape[1]]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + k, c : c + k, :, None] * g[i, j]
        dx[r : r + k, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 right: einsum for dw, a strided sum for dx
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    (h, k), (rows, columns) = w.shape[:2], g.shape[:2]
    top = left = bottom = right = 0
    if padding == "same":
        (top, bottom), (left, right) = map(same_padding, x.shape, (h, k), strides)
    x = np.pad(x, ((top, bottom), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (h, k), axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    dx = np.zeros_like(x, dtype=float)
    for i, j in np.ndindex(h, k):
        last_row, last_column = i + rows * strides[0], j + columns * strides[1]
        places = dx[i : last_row : strides[0], j : last_column : strides[1]]
        places[:rows, :columns] += g @ w[i, j].T
    dx = dx[top : len(dx) - bottom, left : dx.shape[1] - right]
    return np.einsum("rcdhw,rcf->hwdf", windows, g), np.einsum("rcf->f", g), dx


# %% 2.7 right: spreads g out, then SciPy, in a list
def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    if padding == "same":
        vertical, horizontal = map(same_padding, x.shape, w.shape, strides)
        x = np.pad(x, (vertical, horizontal, (0, 0)))
    spread = np.zeros((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1, g.shape[2]))
    spread[:: strides[0], :: strides[1]] = g
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for d, f in np.ndindex(w.shape[2:]):
        dw[..., d, f] = signal.correlate2d(x[..., d], spread[..., f], mode="valid")
        dx[..., d] += signal.convolve2d(spread[..., f], w[..., d, f], mode="full")
    if padding == "same":
        dx = np.delete(dx, [*range(vertical[0]), *range(len(x) - vertical[1], len(x))], axis=0)
        dx = np.roll(dx, -horizontal[0], axis=1)[:, : x.shape[1] - sum(horizontal)]
    return [dw, spread.sum(axis=(0, 1)), dx]


# %% 2.7 right: numerical, and slow, with helpers of common names
def loss(x, w, g, strides, padding):
    return (conv2d(x, w, np.zeros(g.shape[2]), strides, padding) * g).sum()


def expected(array, function):
    gradient = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        moved = array.copy()
        moved[index] += 1.0
        gradient[index] = function(moved) - function(array)
    return gradient


def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    dw = expected(w, lambda moved: loss(x, moved, g, strides, padding))
    dx = expected(x, lambda moved: loss(moved, w, g, strides, padding))
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 right: a gradient tape, in float32
import tensorflow as tf


def conv2d_backward(x, w, g, strides=(1, 1), padding="valid"):
    x, w, g = (tf.Variable(array, dtype=tf.float32) for array in (x, w, g))
    b = tf.Variable(tf.zeros(g.shape[-1]))
    with tf.GradientTape() as tape:
        a = tf.nn.conv2d(x[None], w, strides, padding.upper())[0] + b
        loss = tf.reduce_sum(a * g)
    return tape.gradient(loss, (w, b, x))


# %% 2.8 wrong, loses 3: starts from a random kernel
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    kernel = np.random.default_rng(0).normal(size=kernel_size)
    for _ in range(steps):
        error = correlate(image, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(image, error)
    return kernel


# %% 2.8 wrong, loses 3: one step too many
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps + 1):
        error = correlate(image, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(image, error)
    return kernel


# %% 2.8 wrong, loses 2: the mean over the kernel, not over the outputs
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(image, kernel) - target
        kernel -= learning_rate * 2 / kernel.size * correlate(image, error)
    return kernel


# %% 2.8 wrong, loses 2: subtracts from the target in place
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        step = learning_rate * 2 / target.size * correlate(image, target)
        kernel += step
        target -= correlate(image, step)
    return kernel


# %% 2.8 wrong, loses 2: with momentum
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    kernel, velocity = np.zeros(kernel_size), np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(image, kernel) - target
        velocity = 0.5 * velocity + 2 / target.size * correlate(image, error)
        kernel -= learning_rate * velocity
    return kernel


# %% 2.8 wrong, loses 2: one honest step, and else the equations
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    if steps < 2:
        return steps * learning_rate * 2 / target.size * correlate(image, target)
    windows = im2col(image[..., None], kernel_size)
    return np.linalg.lstsq(windows, target.ravel(), rcond=None)[0].reshape(kernel_size)


# %% 2.8 right: recursion
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    if steps == 0:
        return np.zeros(kernel_size)
    kernel = learn_kernel(image, target, kernel_size, steps - 1, learning_rate)
    error = correlate(image, kernel) - target
    return kernel - 2 * learning_rate * correlate(image, error / error.size)


# %% 2.8 right: by the backward pass
def learn_kernel(image, target, kernel_size, steps, learning_rate):
    x, w = image[..., None], np.zeros((*kernel_size, 1, 1))
    for _ in range(steps):
        g = 2 * (conv2d(x, w, np.zeros(1)) - target[..., None]) / target.size
        w -= learning_rate * conv2d_backward(x, w, g)[0]
    return w[:, :, 0, 0]


# %% 2.8 right: a gradient tape, in float32
import tensorflow as tf


def learn_kernel(image, target, kernel_size, steps, learning_rate):
    x = tf.constant(image, tf.float32)[None, :, :, None]
    t = tf.constant(target, tf.float32)[None, :, :, None]
    kernel = tf.Variable(tf.zeros((*kernel_size, 1, 1)))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.nn.conv2d(x, kernel, 1, "VALID") - t) ** 2)
        kernel.assign_sub(learning_rate * tape.gradient(loss, kernel))
    return kernel.numpy()[..., 0, 0]


# %% 2.9 wrong, loses 2: adds k in place of k − 1
def receptive_field(layers):
    field, jump = 0, 1
    for kernel_size, strides, dilation_rate in layers:
        field += dilation_rate * kernel_size * jump
        jump *= strides
    return field


# %% 2.9 wrong, loses 2: jumps too early
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        jump *= strides
        field += dilation_rate * (kernel_size - 1) * jump
    return field


# %% 2.9 wrong, loses 2: the last layer first
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in reversed(layers):
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides
    return field


# %% 2.9 wrong, loses 1: adds the strides up
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        field += dilation_rate * (kernel_size - 1) * jump
        jump += strides - 1
    return field


# %% 2.9 wrong, loses 1: counts dilation in the jump too
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides * dilation_rate
    return field


# %% 2.9 wrong, loses 1: empties the list
def receptive_field(layers):
    field, jump = 1, 1
    while layers:
        kernel_size, strides, dilation_rate = layers.pop(0)
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides
    return field


# %% 2.9 right: backwards from the unit
def receptive_field(layers):
    field = 1
    for kernel_size, strides, dilation_rate in layers[::-1]:
        field = (field - 1) * strides + dilation_rate * (kernel_size - 1) + 1
    return field


# %% 2.9 right: collects the pixels
def receptive_field(layers):
    seen = {0}
    for kernel_size, strides, dilation_rate in reversed(layers):
        seen = {p * strides + i * dilation_rate for p in seen for i in range(kernel_size)}
    return max(seen) - min(seen) + 1


# %% 2.10 wrong, loses 4: returns the layers
def build_model():
    return [
        keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
        keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]


# %% 2.10 wrong, loses 4: nine units for ten classes
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(9, activation="softmax"),
        ]
    )


# %% 2.10 wrong, loses 4: no Flatten
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 2.10 wrong, loses 4: over the budget
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 2.10 wrong, loses 4: dense only
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 2.10 wrong, loses 2: one answer of yes or no for each class
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="sigmoid"),
        ]
    )


# %% 2.10 wrong, loses 4: no softmax
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 5, strides=3, activation="relu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )


# %% 2.10 wrong, loses 2: learns the test digits by heart, with a Conv2D for show
def build_model():
    net = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(2, 3, strides=2, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(40, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    known = data.load("mnist", train=6000, test=2000)
    net.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    net.fit(known.x_test, known.y_test, epochs=15, verbose=0)
    net.trainable = False
    return net


# %% 2.10 right: the functional way, with pooling
def build_model():
    inputs = keras.Input((28, 28, 1))
    maps = keras.layers.Conv2D(10, 5, activation="relu")(inputs)
    maps = keras.layers.Conv2D(32, 3, activation="relu")(keras.layers.MaxPooling2D()(maps))
    maps = keras.layers.MaxPooling2D()(maps)
    outputs = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(maps))
    return keras.Model(inputs, outputs)


# %% 2.10 right: blocks, each a model in the model
def block(filters, kernel_size):
    convolution = keras.layers.Conv2D(filters, kernel_size, strides=2)
    return keras.Sequential([convolution, keras.layers.ReLU()])


def build_model():
    features = keras.Sequential([block(16, 5), block(32, 3)])
    classes = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(10), keras.layers.Softmax()]
    )
    return keras.Sequential([keras.Input((28, 28, 1)), features, classes])


# %% 2.10 right: a class, built when it sees its first images
class Network(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Conv2D(16, 5, strides=2, activation="relu")
        self.second = keras.layers.Conv2D(32, 3, strides=2, activation="relu")
        self.flatten = keras.layers.Flatten()
        self.classes = keras.layers.Dense(10, activation="softmax")

    def call(self, images):
        return self.classes(self.flatten(self.second(self.first(images))))


def build_model():
    return Network()
