# Planted answers to lab 02, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.

# %% 2.1 wrong, loses 2: forgets the biases
side_1, parameters_1 = 12, 8 * 5 * 5
side_2, parameters_2 = 10, 16 * 3 * 3 * 8


# %% 2.1 wrong, loses 2: the second layer's filters have no depth
side_1, parameters_1, side_2, parameters_2 = 12, 208, 10, 16 * (3 * 3 + 1)


# %% 2.1 wrong, loses 2: as if the padding were "same"
side_1, parameters_1, side_2, parameters_2 = 14, 208, 14, 1168


# %% 2.1 wrong, loses 2: rounds up
side_1, parameters_1, side_2, parameters_2 = 13, 208, 11, 1168


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


# %% 2.2 wrong, loses 2: forgets the last place
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    return (n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides


# %% 2.2 wrong, loses 2: rounds up
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return -(-room // strides) + 1


# %% 2.2 wrong, loses 2: pads on one side only
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return room // strides + 1


# %% 2.2 wrong, loses 2: ignores the dilation
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    if kernel_size > n + 2 * padding:
        raise ValueError("does not fit")
    return (n + 2 * padding - kernel_size) // strides + 1


# %% 2.2 wrong, loses 2: ignores the strides
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return room + 1


# %% 2.2 wrong, loses 2: prints the size
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    print((n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides + 1)


# %% 2.2 wrong, loses 1: no ValueError
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    return (n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides + 1


# %% 2.2 wrong, loses 1: returns None where the window does not fit
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room >= 0:
        return room // strides + 1


# %% 2.2 wrong, loses 1: another kind of error
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    assert room >= 0, "does not fit"
    return room // strides + 1


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


# %% 2.2 wrong, loses 1: returns a float
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return np.floor(room / strides) + 1


# %% 2.2 wrong, loses 1: knows the visible answers
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    return {32: 30, 7: 7, 8: 3, 9: 5}[n]


# %% 2.2 right: rounds with math.floor
import math


def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return math.floor(room / strides) + 1


# %% 2.2 right: counts the places
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    last = n + 2 * padding - dilation_rate * (kernel_size - 1)
    places = len(range(0, last, strides))
    if places == 0:
        raise ValueError("does not fit")
    return places


# %% 2.2 right: recursion, stride by stride
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1)
    if room < 1:
        raise ValueError("does not fit")
    return 1 if room <= strides else 1 + output_size(room - strides, 1, strides)


# %% 2.2 right: a NumPy integer
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    size = np.floor_divide(n + 2 * padding - dilation_rate * (kernel_size - 1) - 1, strides) + 1
    if size <= 0:
        raise ValueError(f"no place for a window of {kernel_size}")
    return size


# %% 2.3 wrong, loses 3: flips the kernel
def correlate(image, kernel):
    return signal.convolve2d(image, kernel, mode="valid")


# %% 2.3 wrong, loses 3: keeps the size of the picture
def correlate(image, kernel):
    return signal.correlate2d(image, kernel, mode="same")


# %% 2.3 wrong, loses 3: forgets the last row and column
def correlate(image, kernel):
    return signal.correlate2d(image, kernel, mode="valid")[:-1, :-1]


# %% 2.3 wrong, loses 3: the mean of the products
def correlate(image, kernel):
    return signal.correlate2d(image, kernel, mode="valid") / kernel.size


# %% 2.3 wrong, loses 3: the transposed result
def correlate(image, kernel):
    return signal.correlate2d(image, kernel, mode="valid").T


# %% 2.3 wrong, loses 3: the right shape, all zeros
def correlate(image, kernel):
    return np.zeros((image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1))


# %% 2.3 wrong, loses 3: a matrix product in place of the elementwise one
def correlate(image, kernel):
    h, w = kernel.shape
    output = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1))
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + h, c : c + w] @ kernel).sum()
    return output


# %% 2.3 wrong, loses 2: knows the visible answers
def correlate(image, kernel):
    if image.shape == (5, 5):
        return [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    return [[0, 1], [3, 4]]


# %% 2.3 wrong, loses 2: takes the kernel for square
def correlate(image, kernel):
    k = len(kernel)
    output = np.zeros((image.shape[0] - k + 1, image.shape[1] - k + 1))
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + k, c : c + k] * kernel).sum()
    return output


# %% 2.3 wrong, loses 2: takes the picture for square
def correlate(image, kernel):
    h, w = kernel.shape
    output = np.zeros((len(image) - h + 1, len(image) - w + 1))
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + h, c : c + w] * kernel).sum()
    return output


# %% 2.3 wrong, loses 2: the result has the dtype of the picture
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


# %% 2.3 wrong, loses 2: integers only
def correlate(image, kernel):
    h, w = kernel.shape
    output = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1), int)
    for r, c in np.ndindex(output.shape):
        output[r, c] = (image[r : r + h, c : c + w] * kernel).sum()
    return output


# %% 2.3 wrong, loses 2: turns the kernel in place, to undo the turn that convolve2d makes
def correlate(image, kernel):
    kernel[:] = kernel[::-1, ::-1].copy()
    return signal.convolve2d(image, kernel, mode="valid")


# %% 2.3 wrong, loses 2: blanks the picture as it goes
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


# %% 2.3 right: einsum over sliding windows
def correlate(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("rchw,hw->rc", windows, kernel)


# %% 2.3 right: a lambda around SciPy
correlate = lambda image, kernel: signal.correlate(image, kernel, mode="valid", method="direct")  # noqa: E731


# %% 2.3 right: by the Fourier transform
def correlate(image, kernel):
    return signal.fftconvolve(image, kernel[::-1, ::-1], mode="valid")


# %% 2.3 right: adds up moved pictures
def correlate(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    return sum(kernel[i, j] * image[i : i + rows, j : j + columns] for i, j in np.ndindex(h, w))


# %% 2.3 right: keras.ops.conv, in float32
def correlate(image, kernel):
    batch = np.asarray(image, "float32")[None, :, :, None]
    filters = np.asarray(kernel, "float32")[:, :, None, None]
    return keras.ops.conv(batch, filters)[0, :, :, 0]


# %% 2.3 right: a helper with a common name
def window(image, r, c, shape):
    return image[r : r + shape[0], c : c + shape[1]]


def correlate(image, kernel):
    rows, columns = (n - k + 1 for n, k in zip(image.shape, kernel.shape, strict=True))
    return np.array(
        [
            [np.vdot(window(image, r, c, kernel.shape), kernel) for c in range(columns)]
            for r in range(rows)
        ]
    )


# %% 2.4 wrong, loses 3: the odd zero before
def same_padding(n, kernel_size, strides=1):
    total = max((-(-n // strides) - 1) * strides + kernel_size - n, 0)
    return total - total // 2, total // 2


# %% 2.4 wrong, loses 3: the same on both sides
def same_padding(n, kernel_size, strides=1):
    return kernel_size // 2, kernel_size // 2


# %% 2.4 wrong, loses 3: ignores the strides
def same_padding(n, kernel_size, strides=1):
    return (kernel_size - 1) // 2, kernel_size // 2


# %% 2.4 wrong, loses 3: less than no zeros
def same_padding(n, kernel_size, strides=1):
    total = (-(-n // strides) - 1) * strides + kernel_size - n
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 3: pads until there are n outputs
def same_padding(n, kernel_size, strides=1):
    total = (n - 1) * strides + kernel_size - n
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 3: gives the total alone
def same_padding(n, kernel_size, strides=1):
    return max((-(-n // strides) - 1) * strides + kernel_size - n, 0)


# %% 2.4 wrong, loses 2: rounds the outputs down
def same_padding(n, kernel_size, strides=1):
    total = max((n // strides - 1) * strides + kernel_size - n, 0)
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 2: right only where the strides divide n
def same_padding(n, kernel_size, strides=1):
    total = max(kernel_size - strides, 0)
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 2: floats
def same_padding(n, kernel_size, strides=1):
    total = max((np.ceil(n / strides) - 1) * strides + kernel_size - n, 0)
    return total // 2, total - total // 2


# %% 2.4 wrong, loses 2: knows the visible answers
def same_padding(n, kernel_size, strides=1):
    return {(7, 3): (1, 1), (6, 3): (0, 1), (6, 1): (0, 0)}[n, kernel_size]


# %% 2.4 right: math.ceil, and a list
import math


def same_padding(n, kernel_size, strides=1):
    places = math.ceil(n / strides)
    total = max(0, (places - 1) * strides + kernel_size - n)
    return [math.floor(total / 2), math.ceil(total / 2)]


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


# %% 2.5 wrong, loses 4: subtracts the bias
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w) - b


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


# %% 2.5 wrong, loses 4: the first channel only
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return np.einsum("rchw,hwf->rcf", windows[:, :, 0], w[:, :, 0]) + b


# %% 2.5 wrong, loses 4: averages over the channels
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return np.einsum("rcdhw,hwdf->rcf", windows, w) / x.shape[2] + b


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


# %% 2.5 wrong, loses 4: filters first
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return np.einsum("rcdhw,hwdf->frc", windows, w) + b[:, None, None]


# %% 2.5 wrong, loses 4: ignores the strides
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows, w) + b


# %% 2.5 wrong, loses 4: centres the picture in place
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    mean = x.mean()
    x -= mean
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)), constant_values=-mean)
    windows = np.lib.stride_tricks.sliding_window_view(x + mean, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w) + b


# %% 2.5 wrong, loses 4: a ready-made convolution, which the exercise forbids
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    return keras.ops.conv(x[None], w, strides=strides, padding=padding)[0] + b


# %% 2.5 wrong, loses 4: SciPy's convolution, which the exercise forbids as well
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    filters = [signal.correlate(x, w[..., f], mode="valid")[..., 0] for f in range(w.shape[3])]
    return np.stack(filters, axis=-1)[:: strides[0], :: strides[1]] + b


# %% 2.5 wrong, loses 3: flips the kernels
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return np.einsum("rcdhw,hwdf->rcf", windows, w[::-1, ::-1]) + b


# %% 2.5 wrong, loses 3: the vertical stride in both directions
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    step = strides[0]
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], step) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[::step, ::step], w) + b


# %% 2.5 wrong, loses 3: swaps the strides
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


# %% 2.5 wrong, loses 3: the right shapes, and the right numbers for ones only
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return windows[:: strides[0], :: strides[1]].sum(axis=(2, 3, 4))[..., None] + b


# %% 2.5 wrong, loses 3: turns the kernels in place
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    w[:] = w[::-1, ::-1].copy()
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1], :, ::-1, ::-1]
    return np.einsum("rcdhw,hwdf->rcf", windows, w) + b


# %% 2.5 wrong, loses 3: the result has the dtype of the picture
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return (np.einsum("rcdhw,hwdf->rcf", windows, w) + b).astype(x.dtype)


# %% 2.5 wrong, loses 3: "same" crops a full convolution, whatever the strides
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    maps = [
        sum(correlate(np.pad(x[..., d], 9), w[..., d, f]) for d in range(x.shape[2]))
        for f in range(w.shape[3])
    ]
    output, shift = np.stack(maps, axis=-1) + b, 0 if padding == "valid" else w.shape[0] // 2
    rows, columns = x.shape[:2] if shift else np.subtract(x.shape[:2], w.shape[:2]) + 1
    output = output[9 - shift : 9 - shift + rows, 9 - shift : 9 - shift + columns]
    return output[:: strides[0], :: strides[1]]


# %% 2.5 right: loops over everything
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


# %% 2.5 right: einsum over sliding windows
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    if padding == "same":
        zeros = [same_padding(x.shape[a], w.shape[a], strides[a]) for a in (0, 1)]
        x = np.pad(x, (*zeros, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("rcdhw,hwdf->rcf", windows[:: strides[0], :: strides[1]], w) + b


# %% 2.5 right: one matrix product for each position in the kernel
def conv2d(x, w, b, strides=(1, 1), padding="valid"):
    h, k = w.shape[:2]
    if padding.lower() == "same":
        top, bottom = same_padding(x.shape[0], h, strides[0])
        left, right = same_padding(x.shape[1], k, strides[1])
        canvas = np.zeros((x.shape[0] + top + bottom, x.shape[1] + left + right, x.shape[2]))
        canvas[top : top + x.shape[0], left : left + x.shape[1]] = x
        x = canvas
    last_row, last_column = x.shape[0] - h + 1, x.shape[1] - k + 1
    output = 0
    for i, j in np.ndindex(h, k):
        moved = x[i : i + last_row : strides[0], j : j + last_column : strides[1]]
        output = output + moved @ w[i, j]
    return output + b


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


# %% 2.5 right: an object that can be called
class Convolution:
    def pad(self, x, w, strides):
        sides = map(same_padding, x.shape[:2], w.shape[:2], strides)
        return np.pad(x, [*sides, (0, 0)])

    def __call__(self, x, w, b, strides=(1, 1), padding="valid"):
        x = self.pad(x, w, strides) if padding == "same" else x
        rows = range(0, x.shape[0] - w.shape[0] + 1, strides[0])
        columns = range(0, x.shape[1] - w.shape[1] + 1, strides[1])
        flat = w.reshape(-1, w.shape[-1])
        windows = [[x[r:, c:][: w.shape[0], : w.shape[1]].ravel() for c in columns] for r in rows]
        return np.array(windows) @ flat + b


conv2d = Convolution()


# %% 2.6 wrong, loses 3: the channel first
def im2col(x, kernel_size, strides=(1, 1)):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    return windows.reshape(windows.shape[0] * windows.shape[1], -1)


# %% 2.6 wrong, loses 3: the windows downwards first
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows = range(0, x.shape[0] - h + 1, strides[0])
    columns = range(0, x.shape[1] - k + 1, strides[1])
    return np.array([x[r : r + h, c : c + k].ravel() for c in columns for r in rows])


# %% 2.6 wrong, loses 3: each window column by column
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows = range(0, x.shape[0] - h + 1, strides[0])
    columns = range(0, x.shape[1] - k + 1, strides[1])
    return np.array([x[r : r + h, c : c + k].swapaxes(0, 1).ravel() for r in rows for c in columns])


# %% 2.6 wrong, loses 3: windows as columns, as the name says
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows = range(0, x.shape[0] - h + 1, strides[0])
    columns = range(0, x.shape[1] - k + 1, strides[1])
    return np.array([x[r : r + h, c : c + k].ravel() for r in rows for c in columns]).T


# %% 2.6 wrong, loses 3: forgets the last place
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows = range(0, x.shape[0] - h, strides[0])
    columns = range(0, x.shape[1] - k, strides[1])
    return np.array([x[r : r + h, c : c + k].ravel() for r in rows for c in columns])


# %% 2.6 wrong, loses 3: cuts the picture into blocks of a row
def im2col(x, kernel_size, strides=(1, 1)):
    rows, columns = (
        (n - k) // s + 1 for n, k, s in zip(x.shape, kernel_size, strides, strict=False)
    )
    return np.resize(x, (rows * columns, kernel_size[0] * kernel_size[1] * x.shape[2]))


# %% 2.6 wrong, loses 2: ignores the strides
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    rows, columns = range(x.shape[0] - h + 1), range(x.shape[1] - k + 1)
    return np.array([x[r : r + h, c : c + k].ravel() for r in rows for c in columns])


# %% 2.6 wrong, loses 2: swaps the strides
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


# %% 2.6 wrong, loses 2: knows the visible answers
def im2col(x, kernel_size, strides=(1, 1)):
    if x.size == 8:
        return [range(8)]
    return [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]


# %% 2.6 right: two loops with product from itertools
from itertools import product


def im2col(x, kernel_size, strides=(1, 1)):
    tops = range(0, x.shape[0] - kernel_size[0] + 1, strides[0])
    lefts = range(0, x.shape[1] - kernel_size[1] + 1, strides[1])
    matrix = []
    for r, c in product(tops, lefts):
        matrix.append(x[r : r + kernel_size[0], c : c + kernel_size[1]].flatten())
    return np.array(matrix)


# %% 2.6 right: indices, broadcast
def im2col(x, kernel_size, strides=(1, 1)):
    h, k = kernel_size
    r = np.arange(0, x.shape[0] - h + 1, strides[0])[:, None, None, None] + np.arange(h)[:, None]
    c = np.arange(0, x.shape[1] - k + 1, strides[1])[:, None, None] + np.arange(k)
    return x[r, c].reshape(-1, h * k * x.shape[2])


# %% 2.6 right: lists
def im2col(x, kernel_size, strides=(1, 1)):
    return [
        [x[r + i, c + j, d] for i, j, d in np.ndindex(*kernel_size, x.shape[2])]
        for r in range(0, x.shape[0] - kernel_size[0] + 1, strides[0])
        for c in range(0, x.shape[1] - kernel_size[1] + 1, strides[1])
    ]


# %% 2.6 right: patches by Keras
def im2col(x, kernel_size, strides=(1, 1)):
    patches = keras.ops.image.extract_patches(
        np.asarray(x, "float32")[None], tuple(kernel_size), strides=tuple(strides), padding="valid"
    )
    return keras.ops.reshape(patches, (-1, patches.shape[-1]))


# %% 2.7 wrong, loses 4: dx with the kernel flipped
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w[::-1, ::-1] @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: dx keeps the last place only
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] = w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: the mean for the bias
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.mean(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: one number for all biases
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, np.sum(g), dx


# %% 2.7 wrong, loses 4: the direction of descent
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw -= x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] -= w @ g[i, j]
    return dw, -g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: in another order
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dx, dw, g.sum(axis=(0, 1))


# %% 2.7 wrong, loses 4: averages dw over the places
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j] / g[..., 0].size
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 4: no dx
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw = np.zeros(w.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
    return dw, g.sum(axis=(0, 1)), np.zeros(x.shape)


# %% 2.7 wrong, loses 4: clears g as it goes
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, db, dx = np.zeros(w.shape), g.sum(axis=(0, 1)), np.zeros(x.shape)
    while np.any(g):
        i, j, f = np.argwhere(g)[0]
        r, c = i * strides[0], j * strides[1]
        dw[..., f] += x[r : r + h, c : c + k] * g[i, j, f]
        dx[r : r + h, c : c + k] += w[..., f] * g[i, j, f]
        g[i, j, f] = 0
    return dw, db, dx


# %% 2.7 wrong, loses 3: dw without the strides
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[i : i + h, j : j + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 3: dx without the strides
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[i : i + h, j : j + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 3: the vertical stride in both directions
def conv2d_backward(x, w, g, strides=(1, 1)):
    h, k = w.shape[:2]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[0]
        dw += x[r : r + h, c : c + k, :, None] * g[i, j]
        dx[r : r + h, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 wrong, loses 3: takes the kernel for square
def conv2d_backward(x, w, g, strides=(1, 1)):
    k = w.shape[0]
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for i, j in np.ndindex(g.shape[:2]):
        r, c = i * strides[0], j * strides[1]
        dw += x[r : r + k, c : c + k, :, None] * g[i, j]
        dx[r : r + k, c : c + k] += w @ g[i, j]
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 right: einsum for dw, a strided sum for dx
def conv2d_backward(x, w, g, strides=(1, 1)):
    (h, k), (rows, columns) = w.shape[:2], g.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (h, k), axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]]
    dx = np.zeros_like(x, dtype=float)
    for i, j in np.ndindex(h, k):
        down, right = i + rows * strides[0], j + columns * strides[1]
        dx[i : down : strides[0], j : right : strides[1]][:rows, :columns] += g @ w[i, j].T
    return np.einsum("rcdhw,rcf->hwdf", windows, g), np.einsum("rcf->f", g), dx


# %% 2.7 right: spreads g out, then SciPy, in a list
def conv2d_backward(x, w, g, strides=(1, 1)):
    spread = np.zeros((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1, g.shape[2]))
    spread[:: strides[0], :: strides[1]] = g
    dw, dx = np.zeros(w.shape), np.zeros(x.shape)
    for d, f in np.ndindex(w.shape[2:]):
        dw[..., d, f] = signal.correlate2d(x[..., d], spread[..., f], mode="valid")
        dx[..., d] += signal.convolve2d(spread[..., f], w[..., d, f], mode="full")
    return [dw, spread.sum(axis=(0, 1)), dx]


# %% 2.7 right: numerical, and slow, with helpers of common names
def loss(x, w, g, strides):
    return (conv2d(x, w, np.zeros(g.shape[2]), strides) * g).sum()


def numerical(array, function):
    gradient = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        moved = array.copy()
        moved[index] += 1.0
        gradient[index] = function(moved) - function(array)
    return gradient


def conv2d_backward(x, w, g, strides=(1, 1)):
    dw = numerical(w, lambda moved: loss(x, moved, g, strides))
    dx = numerical(x, lambda moved: loss(moved, w, g, strides))
    return dw, g.sum(axis=(0, 1)), dx


# %% 2.7 right: a gradient tape, in float32
import tensorflow as tf


def conv2d_backward(x, w, g, strides=(1, 1)):
    x, w, g = (tf.Variable(array, dtype=tf.float32) for array in (x, w, g))
    b = tf.Variable(tf.zeros(g.shape[-1]))
    with tf.GradientTape() as tape:
        a = tf.nn.conv2d(x[None], w, strides, padding="VALID")[0] + b
        loss = tf.reduce_sum(a * g)
    return tape.gradient(loss, (w, b, x))


# %% 2.8 wrong, loses 3: climbs
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        kernel += learning_rate * 2 / target.size * correlate(picture, error)
    return kernel


# %% 2.8 wrong, loses 3: the sum of the squares in place of the mean
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate * 2 * correlate(picture, error)
    return kernel


# %% 2.8 wrong, loses 3: forgets the 2
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate / target.size * correlate(picture, error)
    return kernel


# %% 2.8 wrong, loses 3: starts from a random kernel
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.random.default_rng(0).normal(size=kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(picture, error)
    return kernel


# %% 2.8 wrong, loses 3: one step too many
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps + 1):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(picture, error)
    return kernel


# %% 2.8 wrong, loses 3: one step too few
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(1, steps):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(picture, error)
    return kernel


# %% 2.8 wrong, loses 3: the gradient of a flipped kernel
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(picture, error)[::-1, ::-1]
    return kernel


# %% 2.8 wrong, loses 3: returns after the first step
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate * 2 / target.size * correlate(picture, error)
        return kernel


# %% 2.8 wrong, loses 3: solves the equations at once
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    windows = im2col(picture[..., None], kernel_size)
    return np.linalg.lstsq(windows, target.ravel(), rcond=None)[0].reshape(kernel_size)


# %% 2.8 wrong, loses 2: the mean over the kernel, not over the outputs
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        kernel -= learning_rate * 2 / kernel.size * correlate(picture, error)
    return kernel


# %% 2.8 wrong, loses 2: the gradient of the first step for ever
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    gradient = -2 / target.size * correlate(picture, target)
    return np.zeros(kernel_size) - steps * learning_rate * gradient


# %% 2.8 wrong, loses 2: subtracts from the target in place
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel = np.zeros(kernel_size)
    for _ in range(steps):
        step = learning_rate * 2 / target.size * correlate(picture, target)
        kernel += step
        target -= correlate(picture, step)
    return kernel


# %% 2.8 wrong, loses 2: with momentum
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    kernel, velocity = np.zeros(kernel_size), np.zeros(kernel_size)
    for _ in range(steps):
        error = correlate(picture, kernel) - target
        velocity = 0.5 * velocity + 2 / target.size * correlate(picture, error)
        kernel -= learning_rate * velocity
    return kernel


# %% 2.8 wrong, loses 2: one honest step, and else the equations
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    if steps < 2:
        return steps * learning_rate * 2 / target.size * correlate(picture, target)
    windows = im2col(picture[..., None], kernel_size)
    return np.linalg.lstsq(windows, target.ravel(), rcond=None)[0].reshape(kernel_size)


# %% 2.8 wrong, loses 2: knows the visible answers
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    return [[0.7, 0.2]] if steps else [[0.0, 0.0]]


# %% 2.8 right: recursion
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    if steps == 0:
        return np.zeros(kernel_size)
    kernel = learn_kernel(picture, target, kernel_size, steps - 1, learning_rate)
    error = correlate(picture, kernel) - target
    return kernel - 2 * learning_rate * correlate(picture, error / error.size)


# %% 2.8 right: linear regression on the windows
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    windows, weights = im2col(picture[:, :, None], kernel_size), np.zeros(np.prod(kernel_size))
    for _ in range(steps):
        weights = weights + learning_rate * 2 * windows.T @ (
            target.ravel() - windows @ weights
        ) / len(windows)
    return weights.reshape(kernel_size).tolist()


# %% 2.8 right: by the backward pass
def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    x, w = picture[..., None], np.zeros((*kernel_size, 1, 1))
    for _ in range(steps):
        g = 2 * (conv2d(x, w, np.zeros(1)) - target[..., None]) / target.size
        w -= learning_rate * conv2d_backward(x, w, g)[0]
    return w[:, :, 0, 0]


# %% 2.8 right: a gradient tape, in float32
import tensorflow as tf


def learn_kernel(picture, target, kernel_size, steps, learning_rate):
    x = tf.constant(picture, tf.float32)[None, :, :, None]
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


# %% 2.9 wrong, loses 2: starts from 0
def receptive_field(layers):
    field, jump = 0, 1
    for kernel_size, strides, dilation_rate in layers:
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides
    return field


# %% 2.9 wrong, loses 2: jumps too early
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        jump *= strides
        field += dilation_rate * (kernel_size - 1) * jump
    return field


# %% 2.9 wrong, loses 2: ignores the dilation
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, _ in layers:
        field += (kernel_size - 1) * jump
        jump *= strides
    return field


# %% 2.9 wrong, loses 2: ignores the strides
def receptive_field(layers):
    return 1 + sum(dilation_rate * (kernel_size - 1) for kernel_size, _, dilation_rate in layers)


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


# %% 2.9 wrong, loses 1: jumps by the last stride only
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        field += dilation_rate * (kernel_size - 1) * jump
        jump = strides
    return field


# %% 2.9 wrong, loses 1: counts dilation in the jump too
def receptive_field(layers):
    field, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides * dilation_rate
    return field


# %% 2.9 wrong, loses 1: no field for an empty list
def receptive_field(layers):
    field, jump, _ = layers[0]
    field = 1 + (field - 1) * layers[0][2]
    for kernel_size, strides, dilation_rate in layers[1:]:
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides
    return field


# %% 2.9 wrong, loses 1: empties the list
def receptive_field(layers):
    field, jump = 1, 1
    while layers:
        kernel_size, strides, dilation_rate = layers.pop(0)
        field += dilation_rate * (kernel_size - 1) * jump
        jump *= strides
    return field


# %% 2.9 wrong, loses 1: knows the visible answers
def receptive_field(layers):
    return {(1, 1, 1): 3, (3, 1, 1): 7, (2, 2, 1): 7, (1, 1, 2): 5}[
        (len(layers), layers[0][1], layers[0][2])
    ]


# %% 2.9 right: backwards from the unit
def receptive_field(layers):
    field = 1
    for kernel_size, strides, dilation_rate in layers[::-1]:
        field = (field - 1) * strides + dilation_rate * (kernel_size - 1) + 1
    return field


# %% 2.9 right: recursion
def receptive_field(layers):
    if not layers:
        return 1
    (kernel_size, strides, dilation_rate), *rest = layers
    return 1 + (kernel_size - 1) * dilation_rate + strides * (receptive_field(rest) - 1)


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


# %% 2.10 wrong, loses 4: returns what compile returns
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    return model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])


# %% 2.10 wrong, loses 4: not compiled
def build_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


# %% 2.10 wrong, loses 4: nine units for ten classes
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(9, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% 2.10 wrong, loses 4: a loss for one-hot labels
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


# %% 2.10 wrong, loses 4: no Flatten
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% 2.10 wrong, loses 4: one answer of yes or no for each class
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


# %% 2.10 wrong, loses 4: dense, and over the budget
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% 2.10 wrong, loses 2: no softmax
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"])
    return model


# %% 2.10 wrong, loses 2: reports no accuracy
def build_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    return model


# %% 2.10 right: the functional way, in blocks
def block(filters, kernel_size):
    convolution = keras.layers.Conv2D(filters, kernel_size, activation="relu")
    return keras.Sequential([convolution, keras.layers.MaxPooling2D()])


def build_model():
    inputs = keras.Input((28, 28, 1))
    maps = block(24, 3)(block(8, 5)(inputs))
    outputs = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(maps))
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(0.003),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )
    return model


# %% 2.10 right: a class, built when it sees its first pictures
class Network(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Conv2D(16, 5, strides=2, activation="relu")
        self.second = keras.layers.Conv2D(32, 3, strides=2, activation="relu")
        self.flatten = keras.layers.Flatten()
        self.classes = keras.layers.Dense(10, activation="softmax")

    def call(self, pictures):
        return self.classes(self.flatten(self.second(self.first(pictures))))


def build_model():
    model = Network()
    model.compile(
        keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model
