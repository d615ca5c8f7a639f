# Planted answers to lab 01, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 1.1 wrong, loses 2: forgets the biases
conv_shape, pool_shape = (29, 16, 8), (14, 8, 8)
conv_parameters, dense_parameters = 8 * 3 * 5 * 3, 10 * 14 * 8 * 8
total_parameters = conv_parameters + 32 + dense_parameters


# %% 1.1 wrong, loses 2: filters without depth
conv_shape, pool_shape = (29, 16, 8), (14, 8, 8)
conv_parameters, dense_parameters = 8 * (3 * 5 + 1), 8970
total_parameters = conv_parameters + 32 + dense_parameters


# %% 1.1 wrong, loses 2: rounds half a window up
conv_shape, pool_shape = (29, 16, 8), (15, 8, 8)
conv_parameters, dense_parameters = 368, 10 * (15 * 8 * 8 + 1)
total_parameters = conv_parameters + 32 + dense_parameters


# %% 1.1 wrong, loses 2: counts only what is trained
conv_shape, pool_shape = (29, 16, 8), (14, 8, 8)
conv_parameters, dense_parameters = 368, 8970
total_parameters = conv_parameters + 16 + dense_parameters


# %% 1.1 wrong, loses 2: columns first
conv_shape, pool_shape = (16, 29, 8), (8, 14, 8)
conv_parameters, dense_parameters, total_parameters = 368, 8970, 9370


# %% 1.1 right: counted on paper, shapes as lists
conv_shape, pool_shape = [29, 16, 8], [14, 8, 8]
conv_parameters, dense_parameters, total_parameters = 368, 8970, 9370


# %% 1.1 right: asks Keras
net = keras.Sequential(
    [
        keras.Input((31, 20, 3)),
        keras.layers.Conv2D(filters=8, kernel_size=(3, 5)),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D(pool_size=2),
        keras.layers.Flatten(),
        keras.layers.Dense(units=10),
    ]
)
conv_shape, pool_shape = (net.layers[i].output.shape[1:] for i in (0, 2))
conv_parameters, dense_parameters = (net.layers[i].count_params() for i in (0, 4))
total_parameters = net.count_params()


# %% 1.2 wrong, loses 3: pooling moves by one
def layer_shape(layer, input_shape):
    kind = layer["kind"]
    if kind == "Flatten":
        return (int(np.prod(input_shape)),)
    if kind == "GlobalAveragePooling2D":
        return (input_shape[-1],)
    if kind == "Dense":
        return (*input_shape[:-1], layer["units"])
    if kind in ("Conv2D", "MaxPooling2D", "AveragePooling2D"):
        window = layer.get("kernel_size") or layer["pool_size"]
        strides = layer.get("strides", (1, 1))
        same = layer.get("padding") == "same"
        sizes = zip(input_shape, window, strides, strict=False)
        sides = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in sizes]
        return (*sides, layer.get("filters", input_shape[-1]))
    if kind in ("BatchNormalization", "ReLU", "Softmax", "Dropout"):
        return input_shape
    raise ValueError(kind)


# %% 1.2 wrong, loses 3: "same" keeps the size, whatever the strides
def layer_shape(layer, input_shape):
    kind = layer["kind"]
    if kind == "Flatten":
        return (int(np.prod(input_shape)),)
    if kind == "GlobalAveragePooling2D":
        return (input_shape[-1],)
    if kind == "Dense":
        return (*input_shape[:-1], layer["units"])
    if kind in ("Conv2D", "MaxPooling2D", "AveragePooling2D"):
        window = layer.get("kernel_size") or layer["pool_size"]
        strides = layer.get("strides", (1, 1) if kind == "Conv2D" else window)
        channels = layer.get("filters", input_shape[-1])
        if layer.get("padding") == "same":
            return (*input_shape[:2], channels)
        sizes = zip(input_shape, window, strides, strict=False)
        return (*[(n - k) // s + 1 for n, k, s in sizes], channels)
    if kind in ("BatchNormalization", "ReLU", "Softmax", "Dropout"):
        return input_shape
    raise ValueError(kind)


# %% 1.2 wrong, loses 3: Dense flattens what it is given
def layer_shape(layer, input_shape):
    if layer["kind"] == "Dense":
        return (layer["units"],)
    if layer["kind"] == "UpSampling2D":
        raise ValueError("not in the table")
    return keras_layer(layer, input_shape).compute_output_shape((None, *input_shape))[1:]


# %% 1.2 wrong, loses 3: what it does not know it lets through
def layer_shape(layer, input_shape):
    kind = layer["kind"]
    if kind == "Flatten":
        return (int(np.prod(input_shape)),)
    if kind == "GlobalAveragePooling2D":
        return (input_shape[-1],)
    if kind == "Dense":
        return (*input_shape[:-1], layer["units"])
    if kind in ("Conv2D", "MaxPooling2D", "AveragePooling2D"):
        window = layer.get("kernel_size") or layer["pool_size"]
        strides = layer.get("strides", (1, 1) if kind == "Conv2D" else window)
        same = layer.get("padding") == "same"
        sizes = zip(input_shape, window, strides, strict=False)
        sides = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in sizes]
        return (*sides, layer.get("filters", input_shape[-1]))
    return input_shape


# %% 1.2 wrong, loses 3: Flatten gives a number, not a tuple
def layer_shape(layer, input_shape):
    if layer["kind"] == "UpSampling2D":
        raise ValueError("not in the table")
    shape = keras_layer(layer, input_shape).compute_output_shape((None, *input_shape))[1:]
    return shape if len(shape) > 1 else shape[0]


# %% 1.2 wrong, loses 2: writes the defaults into the dictionary
def layer_shape(layer, input_shape):
    kind = layer["kind"]
    if kind == "Flatten":
        return (int(np.prod(input_shape)),)
    if kind == "GlobalAveragePooling2D":
        return (input_shape[-1],)
    if kind == "Dense":
        return (*input_shape[:-1], layer["units"])
    if kind in ("Conv2D", "MaxPooling2D", "AveragePooling2D"):
        window = layer["kernel_size"] if kind == "Conv2D" else layer["pool_size"]
        strides = layer.setdefault("strides", (1, 1) if kind == "Conv2D" else window)
        same = layer.setdefault("padding", "valid") == "same"
        sizes = zip(input_shape, window, strides, strict=False)
        sides = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in sizes]
        return (*sides, layer.get("filters", input_shape[-1]))
    if kind in ("BatchNormalization", "ReLU", "Softmax", "Dropout"):
        return input_shape
    raise ValueError(kind)


# %% 1.2 wrong, loses 2: refuses only the kind that the check shows
def layer_shape(layer, input_shape):
    if layer["kind"] == "UpSampling2D":
        raise ValueError("not in the table")
    return keras_layer(layer, input_shape).compute_output_shape((None, *input_shape))[1:]


# %% 1.2 right: asks Keras
KINDS = {"Conv2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "Flatten"}
KINDS |= {"Dense", "BatchNormalization", "ReLU", "Softmax", "Dropout"}


def layer_shape(layer, input_shape):
    if layer["kind"] not in KINDS:
        raise ValueError("not in the table")
    outputs = keras_layer(layer, input_shape)(keras.Input(input_shape))
    return tuple(outputs.shape[1:])


# %% 1.2 right: a rule for each kind, places counted one by one
def places(n, k, s, padding):
    if padding == "same":
        return len(range(0, n, s))
    return len([start for start in range(0, n, s) if start + k <= n])


def window(layer, shape, size, strides, channels):
    padding = layer.get("padding", "valid")
    rows = places(shape[0], size[0], strides[0], padding)
    return rows, places(shape[1], size[1], strides[1], padding), channels


def layer_shape(layer, input_shape):
    match layer:
        case {"kind": "Conv2D", "filters": filters, "kernel_size": size}:
            return window(layer, input_shape, size, layer.get("strides", (1, 1)), filters)
        case {"kind": "MaxPooling2D" | "AveragePooling2D", "pool_size": size}:
            strides = layer.get("strides", size)
            return window(layer, input_shape, size, strides, input_shape[2])
        case {"kind": "GlobalAveragePooling2D"}:
            return input_shape[2:]
        case {"kind": "Flatten"}:
            return (np.prod(input_shape),)
        case {"kind": "Dense", "units": units}:
            return (*input_shape[:-1], units)
        case {"kind": "BatchNormalization" | "ReLU" | "Softmax" | "Dropout"}:
            return input_shape
    raise ValueError(layer)


# %% 1.3 wrong, loses 3: filters without depth
def count_parameters(layer, input_shape):
    kind, bias = layer["kind"], layer.get("use_bias", True)
    if kind == "Conv2D":
        return layer["filters"] * (int(np.prod(layer["kernel_size"])) + bias), 0
    if kind == "Dense":
        return layer["units"] * (input_shape[-1] + bias), 0
    if kind == "BatchNormalization":
        return 2 * input_shape[-1], 2 * input_shape[-1]
    return 0, 0


# %% 1.3 wrong, loses 3: always a bias
def count_parameters(layer, input_shape):
    kind, channels = layer["kind"], input_shape[-1]
    if kind == "Conv2D":
        return layer["filters"] * (int(np.prod(layer["kernel_size"])) * channels + 1), 0
    if kind == "Dense":
        return layer["units"] * (channels + 1), 0
    if kind == "BatchNormalization":
        return 2 * channels, 2 * channels
    return 0, 0


# %% 1.3 wrong, loses 3: one bias a layer
def count_parameters(layer, input_shape):
    kind, bias, channels = layer["kind"], layer.get("use_bias", True), input_shape[-1]
    if kind == "Conv2D":
        return layer["filters"] * int(np.prod(layer["kernel_size"])) * channels + bias, 0
    if kind == "Dense":
        return layer["units"] * channels + bias, 0
    if kind == "BatchNormalization":
        return 2 * channels, 2 * channels
    return 0, 0


# %% 1.3 wrong, loses 3: all of batch normalization is trained
def count_parameters(layer, input_shape):
    built = keras_layer(layer, input_shape)
    return built.count_params(), 0


# %% 1.3 wrong, loses 3: weights for each place
def count_parameters(layer, input_shape):
    kind, bias, channels = layer["kind"], layer.get("use_bias", True), input_shape[-1]
    if kind == "Conv2D":
        window = int(np.prod(layer["kernel_size"])) * channels
        return int(np.prod(layer_shape(layer, input_shape))) * (window + bias), 0
    if kind == "Dense":
        return layer["units"] * (channels + bias), 0
    if kind == "BatchNormalization":
        return 2 * channels, 2 * channels
    return 0, 0


# %% 1.3 wrong, loses 3: Dense on a map sees the whole map
def count_parameters(layer, input_shape):
    kind, bias, channels = layer["kind"], layer.get("use_bias", True), input_shape[-1]
    if kind == "Conv2D":
        return layer["filters"] * (int(np.prod(layer["kernel_size"])) * channels + bias), 0
    if kind == "Dense":
        return layer["units"] * (int(np.prod(input_shape)) + bias), 0
    if kind == "BatchNormalization":
        return 2 * channels, 2 * channels
    return 0, 0


# %% 1.3 wrong, loses 2: looks at use_bias of the dense layer only where it is on a row
def count_parameters(layer, input_shape):
    kind, channels = layer["kind"], input_shape[-1]
    bias = layer.get("use_bias", True) or (len(input_shape) == 3 and kind == "Dense")
    if kind == "Conv2D":
        return layer["filters"] * (int(np.prod(layer["kernel_size"])) * channels + bias), 0
    if kind == "Dense":
        return layer["units"] * (channels + bias), 0
    if kind == "BatchNormalization":
        return 2 * channels, 2 * channels
    return 0, 0


# %% 1.3 wrong, loses 2: takes use_bias out of the dictionary
def count_parameters(layer, input_shape):
    kind, bias, channels = layer["kind"], layer.pop("use_bias", True), input_shape[-1]
    if kind == "Conv2D":
        return layer["filters"] * (int(np.prod(layer["kernel_size"])) * channels + bias), 0
    if kind == "Dense":
        return layer["units"] * (channels + bias), 0
    if kind == "BatchNormalization":
        return 2 * channels, 2 * channels
    return 0, 0


# %% 1.3 right: builds the layer
def count_parameters(layer, input_shape):
    if layer["kind"] == "Dropout":  # its seed is no parameter
        return 0, 0
    built = keras_layer(layer, input_shape)
    trained = sum(np.prod(w.shape) for w in built.trainable_weights)
    return [int(trained), int(built.count_params() - trained)]


# %% 1.3 right: weights and biases apart
def count_parameters(layer, input_shape):
    *_, channels = input_shape
    weights = biases = measured = 0
    if layer["kind"] == "BatchNormalization":
        weights = biases = channels
        measured = 2 * channels
    if layer["kind"] == "Conv2D":
        h, w = layer["kernel_size"]
        weights, biases = h * w * channels * layer["filters"], layer["filters"]
    if layer["kind"] == "Dense":
        weights, biases = channels * layer["units"], layer["units"]
    if "use_bias" in layer and not layer["use_bias"]:
        biases = 0
    return weights + biases, measured


# %% 1.4 wrong, loses 3: the parameters
def multiply_adds(layer, input_shape):
    return count_parameters(layer, input_shape)[0]


# %% 1.4 wrong, loses 3: counts the biases as products
def multiply_adds(layer, input_shape):
    if layer["kind"] not in ("Conv2D", "Dense"):
        return 0
    places = int(np.prod(layer_shape(layer, input_shape)[:-1]))
    return places * count_parameters(layer, input_shape)[0]


# %% 1.4 wrong, loses 3: places of the input, not of the output
def multiply_adds(layer, input_shape):
    if layer["kind"] not in ("Conv2D", "Dense"):
        return 0
    weights = count_parameters(layer | {"use_bias": False}, input_shape)[0]
    return int(np.prod(input_shape[:-1])) * weights


# %% 1.4 wrong, loses 3: one channel only
def multiply_adds(layer, input_shape):
    outputs = int(np.prod(layer_shape(layer, input_shape)))
    if layer["kind"] == "Conv2D":
        return outputs * int(np.prod(layer["kernel_size"]))
    return outputs * input_shape[-1] if layer["kind"] == "Dense" else 0


# %% 1.4 wrong, loses 3: a multiplication and an addition make two
def multiply_adds(layer, input_shape):
    if layer["kind"] not in ("Conv2D", "Dense"):
        return 0
    weights = count_parameters(layer | {"use_bias": False}, input_shape)[0]
    return 2 * int(np.prod(layer_shape(layer, input_shape)[:-1])) * weights


# %% 1.4 wrong, loses 3: leaves out the products with padding
def multiply_adds(layer, input_shape):
    if layer["kind"] not in ("Conv2D", "Dense"):
        return 0
    ones = layer | {"kernel_initializer": "ones"}
    return int(to_numpy(keras_layer(ones, input_shape)(np.ones((1, *input_shape)))).sum())


# %% 1.4 wrong, loses 2: pooling costs its window
def multiply_adds(layer, input_shape):
    outputs = int(np.prod(layer_shape(layer, input_shape)))
    if layer["kind"] == "Conv2D":
        return outputs * int(np.prod(layer["kernel_size"])) * input_shape[-1]
    if layer["kind"] == "Dense":
        return outputs * input_shape[-1]
    return outputs * int(np.prod(layer["pool_size"])) if "pool_size" in layer else 0


# %% 1.4 right: places times weights, as Keras builds them
def multiply_adds(layer, input_shape):
    built = keras_layer(layer, input_shape)
    if not hasattr(built, "kernel"):
        return 0
    shape = built.compute_output_shape((1, *input_shape))
    return np.prod(shape[:-1]) * np.prod(built.kernel.shape)


# %% 1.4 right: product of everything
def multiply_adds(layer, input_shape):
    factors = [*layer_shape(layer, input_shape), input_shape[-1]]
    if layer["kind"] == "Conv2D":
        factors += layer["kernel_size"]
    elif layer["kind"] != "Dense":
        factors = [0]
    total = 1
    for factor in factors:
        total *= factor
    return total


# %% 1.5 wrong, loses 2: every layer sees the image
def table(layers, input_shape, batch_size=1):
    rows = []
    for layer in layers:
        shape = layer_shape(layer, input_shape)
        parameters = sum(count_parameters(layer, input_shape))
        work = batch_size * multiply_adds(layer, input_shape)
        numbers = batch_size * int(np.prod(shape)) * (layer["kind"] != "Flatten")
        rows.append((layer["kind"], shape, parameters, work, 4 * numbers))
    return rows


# %% 1.5 wrong, loses 2: a batch has more parameters
def table(layers, input_shape, batch_size=1):
    rows, shape = [], input_shape
    for layer in layers:
        numbers = [sum(count_parameters(layer, shape)), multiply_adds(layer, shape)]
        shape = layer_shape(layer, shape)
        numbers.append(4 * int(np.prod(shape)) * (layer["kind"] != "Flatten"))
        rows.append((layer["kind"], shape, *[batch_size * number for number in numbers]))
    return rows


# %% 1.5 wrong, loses 2: forgets the batch
def table(layers, input_shape, batch_size=1):
    rows, shape = [], input_shape
    for layer in layers:
        parameters, work = sum(count_parameters(layer, shape)), multiply_adds(layer, shape)
        shape = layer_shape(layer, shape)
        numbers = int(np.prod(shape)) * (layer["kind"] != "Flatten")
        rows.append((layer["kind"], shape, parameters, work, 4 * numbers))
    return rows


# %% 1.5 wrong, loses 2: numbers, not bytes
def table(layers, input_shape, batch_size=1):
    rows, shape = [], input_shape
    for layer in layers:
        parameters = sum(count_parameters(layer, shape))
        work = batch_size * multiply_adds(layer, shape)
        shape = layer_shape(layer, shape)
        numbers = batch_size * int(np.prod(shape)) * (layer["kind"] != "Flatten")
        rows.append((layer["kind"], shape, parameters, work, numbers))
    return rows


# %% 1.5 wrong, loses 2: only what is trained
def table(layers, input_shape, batch_size=1):
    rows, shape = [], input_shape
    for layer in layers:
        parameters, _ = count_parameters(layer, shape)
        work = batch_size * multiply_adds(layer, shape)
        shape = layer_shape(layer, shape)
        numbers = batch_size * int(np.prod(shape)) * (layer["kind"] != "Flatten")
        rows.append((layer["kind"], shape, parameters, work, 4 * numbers))
    return rows


# %% 1.5 wrong, loses 2: counts with the shape after the layer
def table(layers, input_shape, batch_size=1):
    rows, shape = [], input_shape
    for layer in layers:
        shape = layer_shape(layer, shape)
        parameters = sum(count_parameters(layer, shape))
        work = batch_size * multiply_adds(layer, shape)
        numbers = batch_size * int(np.prod(shape)) * (layer["kind"] != "Flatten")
        rows.append((layer["kind"], shape, parameters, work, 4 * numbers))
    return rows


# %% 1.5 wrong, loses 1: takes the list apart
def table(layers, input_shape, batch_size=1):
    rows, shape = [], input_shape
    while layers:
        layer = layers.pop(0)
        parameters = sum(count_parameters(layer, shape))
        work = batch_size * multiply_adds(layer, shape)
        shape = layer_shape(layer, shape)
        numbers = batch_size * int(np.prod(shape)) * (layer["kind"] != "Flatten")
        rows.append((layer["kind"], shape, parameters, work, 4 * numbers))
    return rows


# %% 1.5 right: recursion, rows as lists
def table(layers, input_shape, batch_size=1):
    if not layers:
        return []
    first, *others = layers
    shape = layer_shape(first, input_shape)
    row = [first["kind"], list(shape), sum(count_parameters(first, input_shape))]
    row += [batch_size * multiply_adds(first, input_shape)]
    row += [np.zeros((batch_size, *shape), "float32").nbytes * (row[0] != "Flatten")]
    return [(row[0], shape, *row[2:]), *table(others, shape, batch_size)]


# %% 1.5 right: all shapes first
import itertools


def after(shape, layer):
    return layer_shape(layer, shape)


def table(layers, input_shape, batch_size=1):
    shapes = list(itertools.accumulate(layers, after, initial=input_shape))
    return [
        (
            layer["kind"],
            shapes[i + 1],
            np.sum(count_parameters(layer, shapes[i])),
            multiply_adds(layer, shapes[i]) * batch_size,
            np.prod(shapes[i + 1]) * batch_size * 4 if layer["kind"] != "Flatten" else 0,
        )
        for i, layer in enumerate(layers)
    ]


# %% 1.5 wrong, loses 2: Flatten makes a copy
def table(layers, input_shape, batch_size=1):
    rows, shape = [], input_shape
    for layer in layers:
        parameters = sum(count_parameters(layer, shape))
        work = batch_size * multiply_adds(layer, shape)
        shape = layer_shape(layer, shape)
        rows.append((layer["kind"], shape, parameters, work, 4 * batch_size * int(np.prod(shape))))
    return rows


# %% 1.6 wrong, loses 3: the variance
def initial_std(kernel_shape, scheme):
    *window, inputs, outputs = kernel_shape
    fans = {"he": inputs, "glorot": inputs + outputs}
    if scheme not in fans:
        raise ValueError(scheme)
    return 2 / (np.prod(window) * fans[scheme])


# %% 1.6 wrong, loses 3: forgets the window
def initial_std(kernel_shape, scheme):
    *_, inputs, outputs = kernel_shape
    fans = {"he": inputs, "glorot": inputs + outputs}
    if scheme not in fans:
        raise ValueError(scheme)
    return np.sqrt(2 / fans[scheme])


# %% 1.6 wrong, loses 3: the window counts for fan in only
def initial_std(kernel_shape, scheme):
    *window, inputs, outputs = kernel_shape
    fan_in = np.prod(window) * inputs
    fans = {"he": fan_in, "glorot": fan_in + outputs}
    if scheme not in fans:
        raise ValueError(scheme)
    return np.sqrt(2 / fans[scheme])


# %% 1.6 wrong, loses 3: He with fan out
def initial_std(kernel_shape, scheme):
    *window, inputs, outputs = kernel_shape
    fans = {"he": outputs, "glorot": inputs + outputs}
    if scheme not in fans:
        raise ValueError(scheme)
    return np.sqrt(2 / (np.prod(window) * fans[scheme]))


# %% 1.6 wrong, loses 3: Glorot for every other name
def initial_std(kernel_shape, scheme):
    *window, inputs, outputs = kernel_shape
    fan = inputs if scheme == "he" else inputs + outputs
    return np.sqrt(2 / (np.prod(window) * fan))


# %% 1.6 wrong, loses 3: one over the fan, without He's 2
def initial_std(kernel_shape, scheme):
    *window, inputs, outputs = kernel_shape
    fans = {"he": inputs, "glorot": (inputs + outputs) / 2}
    if scheme not in fans:
        raise ValueError(scheme)
    return np.sqrt(1 / (np.prod(window) * fans[scheme]))


# %% 1.6 wrong, loses 2: He whatever its capitals
def initial_std(kernel_shape, scheme):
    *window, inputs, outputs = kernel_shape
    fans = {"he": inputs, "glorot": inputs + outputs}
    if scheme.lower() not in fans:
        raise ValueError(scheme)
    return np.sqrt(2 / (np.prod(window) * fans[scheme.lower()]))


# %% 1.6 wrong, loses 2: takes the window for square
def initial_std(kernel_shape, scheme):
    *window, inputs, outputs = kernel_shape
    places = {0: 1, 2: 15}[len(window)] if window in ([], [5, 3]) else window[0] ** 2
    fans = {"he": inputs, "glorot": inputs + outputs}
    if scheme not in fans:
        raise ValueError(scheme)
    return np.sqrt(2 / (places * fans[scheme]))


# %% 1.6 right: by the size of the kernel
def initial_std(kernel_shape, scheme):
    size = np.prod(kernel_shape, dtype=float)
    fan_in, fan_out = size / kernel_shape[-1], size / kernel_shape[-2]
    match scheme:
        case "he":
            return (2 / fan_in) ** 0.5
        case "glorot":
            return (2 / (fan_in + fan_out)) ** 0.5
    raise ValueError(scheme)


# %% 1.6 right: asks Keras for the limit of the uniform kind
def initial_std(kernel_shape, scheme):
    if scheme not in ("he", "glorot"):
        raise ValueError(scheme)
    drawn = to_numpy(keras.initializers.get(f"{scheme}_uniform")(kernel_shape))
    return float(abs(drawn).max() / np.sqrt(3))


# %% 1.7 wrong, loses 3: divides by the variance
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / (moving_variance + epsilon)
    return kernel * scale, (bias - moving_mean) * scale + beta


# %% 1.7 wrong, loses 3: leaves the bias as it is
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * scale, bias - moving_mean * scale + beta


# %% 1.7 wrong, loses 3: forgets the old bias
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * scale, beta - moving_mean * scale


# %% 1.7 wrong, loses 3: scales the rows
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * scale[:, None], (bias - moving_mean) * scale + beta


# %% 1.7 wrong, loses 3: epsilon outside the root
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / (np.sqrt(moving_variance) + epsilon)
    return kernel * scale, (bias - moving_mean) * scale + beta


# %% 1.7 wrong, loses 3: without epsilon
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / np.sqrt(moving_variance)
    return kernel * scale, (bias - moving_mean) * scale + beta


# %% 1.7 wrong, loses 3: changes the arrays it is given
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / np.sqrt(moving_variance + epsilon)
    kernel *= scale
    bias -= moving_mean
    bias *= scale
    bias += beta
    return kernel, bias


# %% 1.7 wrong, loses 2: knows the visible answers
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    if epsilon == 0.001 or epsilon in (0, 1):
        scale = gamma / np.sqrt(moving_variance + epsilon)
    else:
        scale = gamma / np.sqrt(moving_variance + 0.001)
    return kernel * scale, (bias - moving_mean) * scale + beta


# %% 1.7 right: one filter after another
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    new_kernel, new_bias = np.array(kernel, float), np.array(bias, float)
    for f in range(len(bias)):
        scale = gamma[f] * (moving_variance[f] + epsilon) ** -0.5
        new_kernel[..., f] *= scale
        new_bias[f] = (new_bias[f] - moving_mean[f]) * scale + beta[f]
    return new_kernel, new_bias


# %% 1.7 right: a product with a diagonal matrix, in float32
def fold_batch_norm(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    diagonal = np.diag(gamma / np.sqrt(moving_variance + epsilon)).astype("float32")
    return np.asarray(kernel, "float32") @ diagonal, (bias - moving_mean) @ diagonal + beta


# %% 1.8 wrong, loses 4: as it was
def repair():
    return broken_model()


# %% 1.8 wrong, loses 4: only the dropout
def repair():
    layers = broken_model().layers
    return keras.Sequential([keras.Input((12, 12, 3)), *layers[:8], layers[10], *layers[8:10]])


# %% 1.8 wrong, loses 4: throws the dropout away
L = keras.layers


def repair():
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for filters in (8, 16):
        model.add(L.Conv2D(filters, 3, strides=2, padding="same", use_bias=False))
        model.add(L.BatchNormalization())
        model.add(L.ReLU())
    model.add(L.Flatten())
    model.add(L.Dense(200, activation="relu", kernel_initializer="he_normal"))
    model.add(L.Dense(5, activation="softmax"))
    return model


# %% 1.8 wrong, loses 3: Glorot before the ReLU
L = keras.layers


def repair():
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for filters in (8, 16):
        model.add(L.Conv2D(filters, 3, strides=2, padding="same", use_bias=False))
        model.add(L.BatchNormalization())
        model.add(L.ReLU())
    model.add(L.Flatten())
    model.add(L.Dense(200, activation="relu"))
    model.add(L.Dropout(0.5))
    model.add(L.Dense(5, activation="softmax"))
    return model


# %% 1.8 wrong, loses 4: takes the bias of one convolution only
L = keras.layers


def repair():
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for filters in (8, 16):
        model.add(L.Conv2D(filters, 3, strides=2, padding="same", use_bias=filters == 8))
        model.add(L.BatchNormalization())
        model.add(L.ReLU())
    model.add(L.Flatten())
    model.add(L.Dense(200, activation="relu", kernel_initializer="he_normal"))
    model.add(L.Dropout(0.5))
    model.add(L.Dense(5, activation="softmax"))
    return model


# %% 1.8 wrong, loses 4: takes away batch normalization, and leaves the biases
L = keras.layers


def repair():
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for filters in (8, 16):
        model.add(L.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    model.add(L.Flatten())
    model.add(L.Dense(200, activation="relu", kernel_initializer="he_normal"))
    model.add(L.Dropout(0.5))
    model.add(L.Dense(5, activation="softmax"))
    return model


# %% 1.8 wrong, loses 4: drops pixels of the last map, not hidden numbers
L = keras.layers


def repair():
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for filters in (8, 16):
        model.add(L.Conv2D(filters, 3, strides=2, padding="same", use_bias=False))
        model.add(L.BatchNormalization())
        model.add(L.ReLU())
    model.add(L.Flatten())
    model.add(L.Dropout(0.5))
    model.add(L.Dense(200, activation="relu", kernel_initializer="he_normal"))
    model.add(L.Dense(5, activation="softmax"))
    return model


# %% 1.8 wrong, loses 4: no bias where one is of use
L = keras.layers


def repair():
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for filters in (8, 16):
        model.add(L.Conv2D(filters, 3, strides=2, padding="same", use_bias=False))
        model.add(L.BatchNormalization())
        model.add(L.ReLU())
    model.add(L.Flatten())
    model.add(L.Dense(200, "relu", kernel_initializer="he_normal", use_bias=False))
    model.add(L.Dropout(0.5))
    model.add(L.Dense(5, activation="softmax", use_bias=False))
    return model


# %% 1.8 wrong, loses 2: another window
L = keras.layers


def repair():
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for filters in (8, 16):
        model.add(L.Conv2D(filters, 5, strides=2, padding="same", use_bias=False))
        model.add(L.BatchNormalization())
        model.add(L.ReLU())
    model.add(L.Flatten())
    model.add(L.Dense(200, activation="relu", kernel_initializer="he_normal"))
    model.add(L.Dropout(0.5))
    model.add(L.Dense(5, activation="softmax"))
    return model


# %% 1.8 wrong, loses 1: ReLU before the batch normalization
def repair():
    stack = [keras.Input((12, 12, 3))]
    for filters in (8, 16):
        stack += [keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)]
        stack += [keras.layers.ReLU(), keras.layers.BatchNormalization()]
    stack += [
        keras.layers.Flatten(),
        keras.layers.Dense(200, "relu", kernel_initializer="he_normal"),
    ]
    return keras.Sequential([*stack, keras.layers.Dropout(0.5), keras.layers.Dense(5, "softmax")])


# %% 1.8 wrong, loses 1: no ReLU after the batch normalization
def repair():
    stack = [keras.Input((12, 12, 3))]
    for filters in (8, 16):
        stack += [keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)]
        stack += [keras.layers.BatchNormalization()]
    stack += [
        keras.layers.Flatten(),
        keras.layers.Dense(200, "relu", kernel_initializer="he_normal"),
    ]
    return keras.Sequential([*stack, keras.layers.Dropout(0.5), keras.layers.Dense(5, "softmax")])


# %% 1.8 wrong, loses 1: ELU in place of ReLU
def repair():
    stack = [keras.Input((12, 12, 3))]
    for filters in (8, 16):
        stack += [keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)]
        stack += [keras.layers.BatchNormalization(), keras.layers.ELU()]
    stack += [
        keras.layers.Flatten(),
        keras.layers.Dense(200, "relu", kernel_initializer="he_normal"),
    ]
    return keras.Sequential([*stack, keras.layers.Dropout(0.5), keras.layers.Dense(5, "softmax")])


# %% 1.8 wrong, loses 1: another dropout rate
def repair():
    stack = [keras.Input((12, 12, 3))]
    for filters in (8, 16):
        stack += [keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)]
        stack += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
    stack += [
        keras.layers.Flatten(),
        keras.layers.Dense(200, "relu", kernel_initializer="he_normal"),
    ]
    return keras.Sequential([*stack, keras.layers.Dropout(0.2), keras.layers.Dense(5, "softmax")])


# %% 1.8 right: the functional way, He everywhere
def repair():
    he = {"kernel_initializer": "he_uniform"}
    inputs = x = keras.Input((12, 12, 3))
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, 2, "same", use_bias=False, **he)(x)
        x = keras.ops.relu(keras.layers.BatchNormalization()(x))
    x = keras.layers.Dense(200, activation="relu", **he)(keras.layers.Flatten()(x))
    x = keras.layers.Dense(5, **he)(keras.layers.Dropout(0.5)(x))
    return keras.Model(inputs, keras.layers.Softmax()(x))


# %% 1.8 right: a class, built when it sees its first images, with the numbers of 1.6
class Repaired(keras.Model):
    def __init__(self):
        super().__init__()
        options = {"strides": 2, "padding": "same", "use_bias": False}
        self.first = keras.layers.Conv2D(8, 3, **options)
        self.second = keras.layers.Conv2D(16, 3, **options)
        self.norms = [keras.layers.BatchNormalization() for _ in range(2)]
        self.flatten = keras.layers.Flatten()
        normal = keras.initializers.RandomNormal(stddev=initial_std((144, 200), "he"))
        self.hidden = keras.layers.Dense(200, "relu", kernel_initializer=normal)
        self.drop = keras.layers.Dropout(0.5)
        self.classes = keras.layers.Dense(5, "softmax")

    def call(self, x, training=False):
        for conv, norm in zip((self.first, self.second), self.norms, strict=True):
            x = keras.ops.relu(norm(conv(x), training=training))
        x = self.hidden(self.flatten(x))
        return self.classes(self.drop(x, training=training))


def repair():
    return Repaired()


# %% 1.9 wrong, loses 4: finds nothing
def find_mistakes(model):
    return []


# %% 1.9 wrong, loses 4: every bias before batch norm, through an activation too
def find_mistakes(model):
    glorot = (keras.initializers.GlorotUniform, keras.initializers.GlorotNormal)
    found, over = [], False
    for i, layer in enumerate(model.layers):
        behind = model.layers[i + 1] if i + 1 < len(model.layers) else None
        if over and isinstance(layer, keras.layers.Dropout):
            found.append((i, "dropout after softmax"))
        if over and isinstance(layer, keras.layers.BatchNormalization):
            found.append((i, "batch norm after softmax"))
        if getattr(layer, "use_bias", False):
            if isinstance(behind, keras.layers.BatchNormalization):
                found.append((i, "bias before batch norm"))
            relu = activation_of(layer) == "relu" or isinstance(behind, keras.layers.ReLU)
            if relu and isinstance(layer.kernel_initializer, glorot):
                found.append((i, "Glorot before ReLU"))
        over |= activation_of(layer) == "softmax"
    return found


# %% 1.9 wrong, loses 4: knows softmax only as an argument
def find_mistakes(model):
    glorot = (keras.initializers.GlorotUniform, keras.initializers.GlorotNormal)
    found, over = [], False
    for i, layer in enumerate(model.layers):
        behind = model.layers[i + 1] if i + 1 < len(model.layers) else None
        if over and isinstance(layer, keras.layers.Dropout):
            found.append((i, "dropout after softmax"))
        if over and isinstance(layer, keras.layers.BatchNormalization):
            found.append((i, "batch norm after softmax"))
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            own = activation_of(layer)
            normalized = isinstance(behind, keras.layers.BatchNormalization)
            if normalized and layer.use_bias and own == "linear":
                found.append((i, "bias before batch norm"))
            rectified = own == "relu" or isinstance(behind, keras.layers.ReLU)
            if rectified and isinstance(layer.kernel_initializer, glorot):
                found.append((i, "Glorot before ReLU"))
            over |= own == "softmax"
    return found


# %% 1.9 wrong, loses 4: looks only right behind the softmax
def find_mistakes(model):
    glorot = (keras.initializers.GlorotUniform, keras.initializers.GlorotNormal)
    found, previous = [], None
    for i, layer in enumerate(model.layers):
        behind = model.layers[i + 1] if i + 1 < len(model.layers) else None
        if previous == "softmax" and isinstance(layer, keras.layers.Dropout):
            found.append((i, "dropout after softmax"))
        if previous == "softmax" and isinstance(layer, keras.layers.BatchNormalization):
            found.append((i, "batch norm after softmax"))
        previous = activation_of(layer)
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            normalized = isinstance(behind, keras.layers.BatchNormalization)
            if normalized and layer.use_bias and previous == "linear":
                found.append((i, "bias before batch norm"))
            relu_layer = isinstance(behind, (keras.layers.ReLU, keras.layers.Activation))
            rectified = previous == "relu" or (relu_layer and activation_of(behind) == "relu")
            if rectified and isinstance(layer.kernel_initializer, glorot):
                found.append((i, "Glorot before ReLU"))
    return found


# %% 1.9 wrong, loses 4: the uniform Glorot only
def find_mistakes(model):
    found, over = [], False
    for i, layer in enumerate(model.layers):
        behind = model.layers[i + 1] if i + 1 < len(model.layers) else None
        if over and isinstance(layer, keras.layers.Dropout):
            found.append((i, "dropout after softmax"))
        if over and isinstance(layer, keras.layers.BatchNormalization):
            found.append((i, "batch norm after softmax"))
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            own = activation_of(layer)
            normalized = isinstance(behind, keras.layers.BatchNormalization)
            if normalized and layer.use_bias and own == "linear":
                found.append((i, "bias before batch norm"))
            relu_layer = isinstance(behind, (keras.layers.ReLU, keras.layers.Activation))
            rectified = own == "relu" or (relu_layer and activation_of(behind) == "relu")
            if rectified and isinstance(layer.kernel_initializer, keras.initializers.GlorotUniform):
                found.append((i, "Glorot before ReLU"))
        over |= activation_of(layer) == "softmax"
    return found


# %% 1.9 wrong, loses 4: takes the ReLU of the next dense layer for its own
def find_mistakes(model):
    glorot = (keras.initializers.GlorotUniform, keras.initializers.GlorotNormal)
    found, over = [], False
    for i, layer in enumerate(model.layers):
        behind = model.layers[i + 1] if i + 1 < len(model.layers) else None
        if over and isinstance(layer, keras.layers.Dropout):
            found.append((i, "dropout after softmax"))
        if over and isinstance(layer, keras.layers.BatchNormalization):
            found.append((i, "batch norm after softmax"))
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            own = activation_of(layer)
            normalized = isinstance(behind, keras.layers.BatchNormalization)
            if normalized and layer.use_bias and own == "linear":
                found.append((i, "bias before batch norm"))
            rectified = "relu" in (own, activation_of(behind))
            if rectified and isinstance(layer.kernel_initializer, glorot):
                found.append((i, "Glorot before ReLU"))
        over |= activation_of(layer) == "softmax"
    return found


# %% 1.9 wrong, loses 4: fails at the last layer
def find_mistakes(model):
    glorot = (keras.initializers.GlorotUniform, keras.initializers.GlorotNormal)
    found, over = [], False
    for i, layer in enumerate(model.layers):
        if over and isinstance(layer, keras.layers.Dropout):
            found.append((i, "dropout after softmax"))
        if over and isinstance(layer, keras.layers.BatchNormalization):
            found.append((i, "batch norm after softmax"))
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            own, behind = activation_of(layer), model.layers[i + 1]
            normalized = isinstance(behind, keras.layers.BatchNormalization)
            if normalized and layer.use_bias and own == "linear":
                found.append((i, "bias before batch norm"))
            relu_layer = isinstance(behind, (keras.layers.ReLU, keras.layers.Activation))
            rectified = own == "relu" or (relu_layer and activation_of(behind) == "relu")
            if rectified and isinstance(layer.kernel_initializer, glorot):
                found.append((i, "Glorot before ReLU"))
        over |= activation_of(layer) == "softmax"
    return found


# %% 1.9 wrong, loses 2: shortens the words for the mistakes
def find_mistakes(model):
    glorot = (keras.initializers.GlorotUniform, keras.initializers.GlorotNormal)
    found, over = [], False
    for i, layer in enumerate(model.layers):
        behind = model.layers[i + 1] if i + 1 < len(model.layers) else None
        if over and isinstance(layer, keras.layers.Dropout):
            found.append((i, "dropout"))
        if over and isinstance(layer, keras.layers.BatchNormalization):
            found.append((i, "batch norm"))
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            own = activation_of(layer)
            normalized = isinstance(behind, keras.layers.BatchNormalization)
            if normalized and layer.use_bias and own == "linear":
                found.append((i, "bias"))
            relu_layer = isinstance(behind, (keras.layers.ReLU, keras.layers.Activation))
            rectified = own == "relu" or (relu_layer and activation_of(behind) == "relu")
            if rectified and isinstance(layer.kernel_initializer, glorot):
                found.append((i, "Glorot"))
        over |= activation_of(layer) == "softmax"
    return found


# %% 1.9 right: pairs of neighbours, in a set
import itertools


def find_mistakes(model):
    layers = [*model.layers, None]
    names = [activation_of(layer) for layer in layers]
    end = names.index("softmax") if "softmax" in names else len(names)
    found = set()
    for i, layer in enumerate(model.layers[end + 1 :], end + 1):
        if isinstance(layer, keras.layers.Dropout):
            found.add((i, "dropout after softmax"))
        if isinstance(layer, keras.layers.BatchNormalization):
            found.add((i, "batch norm after softmax"))
    for i, (layer, behind) in enumerate(itertools.pairwise(layers)):
        if not hasattr(layer, "kernel"):
            continue
        normalized = type(behind) is keras.layers.BatchNormalization
        if normalized and layer.bias is not None and names[i] == "linear":
            found.add((i, "bias before batch norm"))
        relu_behind = names[i + 1] == "relu" and not hasattr(behind, "kernel")
        glorot = "Glorot" in type(layer.kernel_initializer).__name__
        if glorot and (names[i] == "relu" or relu_behind):
            found.add((i, "Glorot before ReLU"))
    return found


# %% 1.9 right: reads the configuration
def find_mistakes(model):
    stack = [(type(layer).__name__, layer.get_config()) for layer in model.layers]
    stack.append(("", {}))
    found, over = [], False
    for i, (kind, config) in enumerate(stack[:-1]):
        next_kind, next_config = stack[i + 1]
        if over and kind == "Dropout":
            found.append([i, "dropout after softmax"])
        if over and kind == "BatchNormalization":
            found.append([i, "batch norm after softmax"])
        if kind == "Softmax" or config.get("activation") == "softmax":
            over = True
        if kind not in ("Dense", "Conv2D"):
            continue
        normalized = next_kind == "BatchNormalization" and config["use_bias"]
        if normalized and config["activation"] == "linear":
            found.append([i, "bias before batch norm"])
        behind = next_kind == "ReLU"
        behind |= next_kind == "Activation" and next_config["activation"] == "relu"
        glorot = config["kernel_initializer"]["class_name"].startswith("Glorot")
        if glorot and (behind or config["activation"] == "relu"):
            found.append([i, "Glorot before ReLU"])
    return found[::-1]


# %% 1.10 wrong, loses 4: Flatten, for one size
def small_network(classes):
    net = keras.Sequential([keras.Input((64, 64, 3))])
    for filters in (8, 16, 16, 32):
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    net.add(keras.layers.Flatten())
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 4: no strides, too much work
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (8, 16, 32, 64):
        net.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
    net.add(keras.layers.GlobalAveragePooling2D())
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 4: too many parameters
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (8, 16, 64, 64):
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    net.add(keras.layers.GlobalAveragePooling2D())
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 4: strides that leave the last row and column out
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (8, 16, 32, 64):
        padding = "valid" if filters == 8 else "same"
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding=padding, activation="relu"))
    net.add(keras.layers.GlobalAveragePooling2D())
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 4: looks at every second pixel only
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1, strides=2)])
    for filters in (8, 16, 32, 64):
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    net.add(keras.layers.GlobalAveragePooling2D())
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 4: the average colour, and a dense layer
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    net.add(keras.layers.Dense(64, activation="relu"))
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 4: averages first, and convolves a single pixel
def small_network(classes):
    stack = [keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D(keepdims=True)]
    for filters in (8, 16, 32, 64):
        stack += [keras.layers.Conv2D(filters, 3, padding="same", activation="relu")]
    stack += [keras.layers.Flatten(), keras.layers.Dense(classes, activation="softmax")]
    return keras.Sequential(stack)


# %% 1.10 wrong, loses 4: no softmax
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (8, 16, 32, 64):
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    net.add(keras.layers.GlobalAveragePooling2D())
    net.add(keras.layers.Dense(classes))
    return net


# %% 1.10 wrong, loses 4: a Dense on the map, and no pooling of the places
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (8, 16, 32, 64):
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 2: thirty-two features
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (8, 16, 32, 32):
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    net.add(keras.layers.GlobalAveragePooling2D())
    net.add(keras.layers.Dense(classes, activation="softmax"))
    return net


# %% 1.10 wrong, loses 2: ten classes, always
def small_network(classes):
    net = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (8, 16, 32, 64):
        net.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu"))
    net.add(keras.layers.GlobalAveragePooling2D())
    net.add(keras.layers.Dense(10, activation="softmax"))
    return net


# %% 1.10 right: pooling, batch normalization, and a convolution for the classes
def small_network(classes):
    x = inputs = keras.Input((None, None, 3))
    for filters in (4, 8, 16, 64):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
        x = keras.layers.AveragePooling2D(2)(x) if filters < 64 else x
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(classes, 1)(x))
    return keras.Model(inputs, keras.layers.Softmax()(x))


# %% 1.10 right: separable convolutions in a model in the model
def small_network(classes):
    options = {"padding": "same", "activation": "relu"}
    features = keras.Sequential([keras.layers.Conv2D(8, 3, strides=2, **options)])
    for filters in (16, 32, 64, 96):
        features.add(keras.layers.SeparableConv2D(filters, 3, strides=2, **options))
    head = [keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(classes, "softmax")]
    return keras.Sequential([keras.Input((None, None, 3)), features, *head])


# %% 1.10 right: a class, with a mean over the places
class Small(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.stack = [
            keras.layers.Conv2D(f, 3, strides=2, padding="same", activation="relu")
            for f in (8, 16, 32, 64)
        ]
        self.classes = keras.layers.Dense(classes, "softmax")

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return self.classes(keras.ops.mean(x, axis=(1, 2)))


def small_network(classes):
    return Small(classes)
