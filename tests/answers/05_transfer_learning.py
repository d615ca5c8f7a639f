# Planted answers to lab 05, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 5.1 wrong, loses 2: numbers the classes by size, not by the order given
def split_classes(x, y, classes):
    if len(set(classes)) < len(classes):
        raise ValueError("twice")
    kept = np.isin(y, classes)
    return x[kept], np.unique(y[kept], return_inverse=True)[1]


# %% 5.1 wrong, loses 2: replaces one label after another, in the same array
def split_classes(x, y, classes):
    if len(set(classes)) < len(classes):
        raise ValueError("twice")
    kept = np.isin(y, classes)
    labels = y[kept].copy()
    for place, label in enumerate(classes):
        labels[labels == label] = place
    return x[kept], labels


# %% 5.1 wrong, loses 2: subtracts the smallest label
def split_classes(x, y, classes):
    if len(set(classes)) < len(classes):
        raise ValueError("twice")
    kept = np.isin(y, classes)
    return x[kept], y[kept] - min(classes)


# %% 5.1 wrong, loses 2: one class after the other
def split_classes(x, y, classes):
    if len(set(classes)) < len(classes):
        raise ValueError("twice")
    parts = [x[y == label] for label in classes]
    labels = [np.full(len(part), place) for place, part in enumerate(parts)]
    return np.concatenate(parts), np.concatenate(labels)


# %% 5.1 wrong, loses 2: no ValueError
def split_classes(x, y, classes):
    kept = np.isin(y, classes)
    return x[kept], np.array([list(classes).index(label) for label in y[kept]])


# %% 5.1 wrong, loses 2: changes y
def split_classes(x, y, classes):
    if len(set(classes)) < len(classes):
        raise ValueError("twice")
    kept = np.isin(y, classes)
    old = y.copy()
    for place, label in enumerate(classes):
        y[old == label] = place
    return x[kept], y[kept]


# %% 5.1 wrong, loses 1: a table of ten places
def split_classes(x, y, classes):
    if len(set(classes)) < len(classes):
        raise ValueError("twice")
    table = np.full(10, -1)
    for place, label in enumerate(classes):
        table[label % 10] = place
    labels = table[y % 10]
    return x[labels >= 0], labels[labels >= 0]


# %% 5.1 right: compares all labels with all classes
def split_classes(x, y, classes):
    same = np.asarray(y)[:, None] == np.array(classes)
    if len(np.unique(classes)) != len(classes):
        raise ValueError("a class stands there twice")
    kept = same.any(axis=1)
    return x[kept], same[kept].argmax(axis=1)


# %% 5.1 right: sorts the classes and searches
def split_classes(x, y, classes):
    order = np.argsort(classes)
    ordered = np.array(classes)[order]
    if (np.diff(ordered) == 0).any():
        raise ValueError("twice")
    place = np.searchsorted(ordered, y).clip(max=len(classes) - 1)
    kept = ordered[place] == y
    return x[kept], order[place[kept]].astype("int32")


# %% 5.2 wrong, loses 2: always the first k
def few_shot(x, y, k, seed):
    rows = []
    for label in np.unique(y):
        mine = np.flatnonzero(y == label)
        if len(mine) < k:
            raise ValueError("too few")
        rows.extend(mine[:k])
    return x[rows], y[rows]


# %% 5.2 wrong, loses 2: draws anew for each k, so that the draws are not nested
def few_shot(x, y, k, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for label in np.unique(y):
        mine = np.flatnonzero(y == label)
        if len(mine) < k:
            raise ValueError("too few")
        rows.extend(rng.choice(mine, k, replace=False))
    return x[rows], y[rows]


# %% 5.2 wrong, loses 3: with repeats
def few_shot(x, y, k, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for label in np.unique(y):
        mine = np.flatnonzero(y == label)
        if len(mine) < k:
            raise ValueError("too few")
        rows.extend(rng.choice(mine, k))
    return x[rows], y[rows]


# %% 5.2 wrong, loses 2: k · classes examples, of whichever class
def few_shot(x, y, k, seed):
    count = k * len(np.unique(y))
    if min(np.unique(y, return_counts=True)[1]) < k:
        raise ValueError("too few")
    rows = np.random.default_rng(seed).permutation(len(y))[:count]
    return x[rows], y[rows]


# %% 5.2 wrong, loses 2: ignores the seed
def few_shot(x, y, k, seed):
    order = np.random.permutation(len(y))
    rows = []
    for label in np.unique(y):
        mine = order[y[order] == label]
        if len(mine) < k:
            raise ValueError("too few")
        rows.extend(mine[:k])
    return x[rows], y[rows]


# %% 5.2 wrong, loses 2: takes what there is
def few_shot(x, y, k, seed):
    order = np.random.default_rng(seed).permutation(len(y))
    rows = np.concatenate([order[y[order] == label][:k] for label in np.unique(y)])
    return x[rows], y[rows]


# %% 5.2 wrong, loses 3: shuffles y in place, and x by itself
def few_shot(x, y, k, seed):
    rng = np.random.default_rng(seed)
    rng.shuffle(x)
    rng.shuffle(y)
    rows = []
    for label in np.unique(y):
        mine = np.flatnonzero(y == label)
        if len(mine) < k:
            raise ValueError("too few")
        rows.extend(mine[:k])
    return x[rows], y[rows]


# %% 5.2 wrong, loses 2: a random place to begin, then k in a row
def few_shot(x, y, k, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for label in np.unique(y):
        mine = np.flatnonzero(y == label)
        if len(mine) < k:
            raise ValueError("too few")
        rows.extend(mine[(rng.integers(2) + np.arange(k)) % len(mine)])
    return x[rows], y[rows]


# %% 5.2 right: a random number for each example; the k smallest of each class
def few_shot(x, y, k, seed):
    numbers = np.random.default_rng(seed).random(len(y))
    if np.unique(y, return_counts=True)[1].min() < k:
        raise ValueError("a class is too small")
    rank = np.array(
        [((y == label) & (numbers < own)).sum() for label, own in zip(y, numbers, strict=True)]
    )
    return x[rank < k], y[rank < k]


# %% 5.2 right: NumPy's old generator, each class by itself, all labels mixed in the end
def few_shot(x, y, k, seed):
    state = np.random.RandomState(seed)
    rows = []
    for label in sorted(set(y.tolist())):
        mine = state.permutation(np.where(y == label)[0])[:k]
        if len(mine) != k:
            raise ValueError(label)
        rows.append(mine)
    rows = state.permutation(np.concatenate(rows))
    return x[rows], y[rows]


# %% 5.3 wrong, loses 3: the last twin, not the first
def leakage(x_train, x_test):
    place = {(image + 0).tobytes(): i for i, image in enumerate(x_train)}
    return np.array([place.get((image + 0).tobytes(), -1) for image in x_test])


# %% 5.3 wrong, loses 2: compares bytes, in which −0.0 is not 0.0
def leakage(x_train, x_test):
    first = {}
    for i, image in enumerate(x_train):
        first.setdefault(image.tobytes(), i)
    return np.array([first.get(image.tobytes(), -1) for image in x_test])


# %% 5.3 wrong, loses 3: equal sums are taken for equal images
def leakage(x_train, x_test):
    first = {}
    for i, image in enumerate(x_train):
        first.setdefault(float(image.sum()), i)
    return np.array([first.get(float(image.sum()), -1) for image in x_test])


# %% 5.3 wrong, loses 3: nearly equal is taken for equal
def leakage(x_train, x_test):
    flat = x_train.reshape(len(x_train), -1).astype("float64")
    answer = []
    for image in x_test:
        near = abs(flat - image.ravel()).max(axis=1) < 1e-3
        answer.append(near.argmax() if near.any() else -1)
    return np.array(answer)


# %% 5.3 wrong, loses 3: whether, not where
def leakage(x_train, x_test):
    seen = {(image + 0).tobytes() for image in x_train}
    return np.array([(image + 0).tobytes() in seen for image in x_test])


# %% 5.3 wrong, loses 2: also twins within the test set
def leakage(x_train, x_test):
    both = np.concatenate([x_train, x_test]) + 0
    flat = both.reshape(len(both), -1)
    _, first, inverse = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    place = first[inverse.ravel()][len(x_train) :]
    own = np.arange(len(x_train), len(both))
    return np.where(place == own, -1, place)


# %% 5.3 wrong, loses 3: a rounded hash
def leakage(x_train, x_test):
    first = {}
    for i, image in enumerate(x_train):
        first.setdefault(np.rint(image).astype("int64").tobytes(), i)
    return np.array([first.get(np.rint(image).astype("int64").tobytes(), -1) for image in x_test])


# %% 5.3 right: one test image after another, against all training images
def leakage(x_train, x_test):
    flat = x_train.reshape(len(x_train), -1)
    answer = np.full(len(x_test), -1)
    for j, image in enumerate(x_test.reshape(len(x_test), -1)):
        rows = np.flatnonzero(flat[:, 0] == image[0])
        for pixel in range(1, flat.shape[1]):
            rows = rows[flat[rows, pixel] == image[pixel]]
            if len(rows) == 0:
                break
        if len(rows):
            answer[j] = rows[0]
    return answer


# %% 5.3 right: sorts all images together
def leakage(x_train, x_test):
    flat = np.concatenate([x_train, x_test]).reshape(len(x_train) + len(x_test), -1)
    _, first, inverse = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    place = first[inverse.ravel()][len(x_train) :]
    return np.where(place < len(x_train), place, -1)


# %% 5.3 right: a dictionary of tuples
def leakage(x_train, x_test):
    first = {}
    for i in range(len(x_train) - 1, -1, -1):
        first[tuple(x_train[i].ravel().tolist())] = i
    return np.array([first.get(tuple(image.ravel().tolist()), -1) for image in x_test], "int32")


# %% 5.4 wrong, loses 2: a copy of the weights
def feature_extractor(model, layer_names):
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    features = []
    for name in layer_names:
        x = twin.get_layer(name).output
        features.append(layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x)
    return keras.Model(twin.inputs[0], ops.concatenate(features, axis=-1))


# %% 5.4 wrong, loses 3: in the order of the model
def feature_extractor(model, layer_names):
    features = []
    for layer in model.layers:
        if layer.name in layer_names:
            x = layer.output
            features.append(layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x)
    if len(features) < len(layer_names):
        raise ValueError("no such layer")
    return keras.Model(model.inputs[0], ops.concatenate(features, axis=-1))


# %% 5.4 wrong, loses 3: the first layer only
def feature_extractor(model, layer_names):
    x = model.get_layer(layer_names[0]).output
    x = layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x
    return keras.Model(model.inputs[0], x)


# %% 5.4 wrong, loses 3: maxima
def feature_extractor(model, layer_names):
    features = []
    for name in layer_names:
        x = model.get_layer(name).output
        features.append(layers.GlobalMaxPooling2D()(x) if len(x.shape) == 4 else x)
    return keras.Model(model.inputs[0], ops.concatenate(features, axis=-1))


# %% 5.4 wrong, loses 3: flattens the maps
def feature_extractor(model, layer_names):
    features = [layers.Flatten()(model.get_layer(name).output) for name in layer_names]
    return keras.Model(model.inputs[0], ops.concatenate(features, axis=-1))


# %% 5.4 wrong, loses 3: expects maps everywhere
def feature_extractor(model, layer_names):
    maps = [model.get_layer(name).output for name in layer_names]
    features = [layers.GlobalAveragePooling2D()(x) for x in maps]
    return keras.Model(model.inputs[0], ops.concatenate(features, axis=-1))


# %% 5.4 wrong, loses 3: one layer after the other, as if there were no branches
def feature_extractor(model, layer_names):
    x, found = model.inputs[0], {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer | layers.Add):
            x = layer(x)
        found[layer.name] = x
    if not set(layer_names) <= set(found):
        raise ValueError("no such layer")
    features = [found[name] for name in layer_names]
    pooled = [layers.GlobalAveragePooling2D()(f) if len(f.shape) == 4 else f for f in features]
    return keras.Model(model.inputs[0], ops.concatenate(pooled, axis=-1))


# %% 5.4 wrong, loses 2: freezes the model
def feature_extractor(model, layer_names):
    model.trainable = False
    features = []
    for name in layer_names:
        x = model.get_layer(name).output
        features.append(layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x)
    return keras.Model(model.inputs[0], ops.concatenate(features, axis=-1))


# %% 5.4 wrong, loses 3: drops names that are not there
def feature_extractor(model, layer_names):
    features = []
    for name in [layer.name for layer in model.layers]:
        if name in layer_names:
            x = model.get_layer(name).output
            features.append(layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x)
    return keras.Model(model.inputs[0], ops.concatenate(features, axis=-1))


# %% 5.4 right: means by hand, and a list of outputs that a second model joins
def feature_extractor(model, layer_names):
    taps = [model.get_layer(name).output for name in layer_names]
    joined = [ops.mean(x, axis=(1, 2)) if len(x.shape) == 4 else x for x in taps]
    joined = layers.Concatenate()(joined) if len(joined) > 1 else joined[0]
    return keras.Model(inputs=model.inputs, outputs=joined)


# %% 5.4 right: a class around the model
class Extractor(keras.Model):
    def __init__(self, model, names):
        super().__init__()
        self.taps = keras.Model(model.inputs[0], [model.get_layer(n).output for n in names])

    def call(self, images):
        maps = self.taps(images)
        maps = maps if isinstance(maps, list | tuple) else [maps]
        return ops.concatenate(
            [ops.mean(m, axis=(1, 2)) if len(m.shape) == 4 else m for m in maps], axis=1
        )


def feature_extractor(model, layer_names):
    return Extractor(model, layer_names)


# %% 5.5 wrong, loses 2: Keras' function, which writes into its argument
def preprocess(images, mode):
    return keras.applications.imagenet_utils.preprocess_input(images, mode=mode)


def restore(inputs, mode):
    black, white = preprocess(np.array([0.0, 255])[:, None, None, None] * np.ones((1, 1, 3)), mode)
    x = 255 * (inputs - black) / (white - black)
    return np.clip(np.rint(x[..., ::-1] if mode == "caffe" else x), 0, 255).astype("uint8")


# %% 5.5 wrong, loses 2: Keras' function on a copy, and no way back
def preprocess(images, mode):
    return keras.applications.imagenet_utils.preprocess_input(images.astype("float32"), mode=mode)


def restore(inputs, mode):
    return keras.applications.imagenet_utils.preprocess_input(inputs, mode=mode)


# %% 5.5 wrong, loses 3: "caffe" without the change of channels
def preprocess(images, mode):
    x = images.astype("float32")
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "caffe":
        return (x - [123.68, 116.779, 103.939]).astype("float32")
    if mode == "torch":
        return ((x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    raise ValueError(mode)


def restore(inputs, mode):
    black, white = preprocess(np.array([0.0, 255])[:, None, None, None] * np.ones((1, 1, 3)), mode)
    return np.clip(np.rint(255 * (inputs - black) / (white - black)), 0, 255).astype("uint8")


# %% 5.5 wrong, loses 2: restore cuts off the fraction
def preprocess(images, mode):
    x = images.astype("float32")
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "caffe":
        return (x[..., ::-1] - [103.939, 116.779, 123.68]).astype("float32")
    if mode == "torch":
        return ((x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    raise ValueError(mode)


def restore(inputs, mode):
    black, white = preprocess(np.array([0.0, 255])[:, None, None, None] * np.ones((1, 1, 3)), mode)
    x = 255 * (inputs - black) / (white - black)
    return np.clip(x[..., ::-1] if mode == "caffe" else x, 0, 255).astype("uint8")


# %% 5.5 wrong, loses 2: restore does not cut to 0 … 255
def preprocess(images, mode):
    x = images.astype("float32")
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "caffe":
        return (x[..., ::-1] - [103.939, 116.779, 123.68]).astype("float32")
    if mode == "torch":
        return ((x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    raise ValueError(mode)


def restore(inputs, mode):
    black, white = preprocess(np.array([0.0, 255])[:, None, None, None] * np.ones((1, 1, 3)), mode)
    x = np.rint(255 * (inputs - black) / (white - black)).astype("int64")
    return (x[..., ::-1] if mode == "caffe" else x).astype("uint8")


# %% 5.5 wrong, loses 2: float64
def preprocess(images, mode):
    x = images.astype("float64")
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "caffe":
        return x[..., ::-1] - [103.939, 116.779, 123.68]
    if mode == "torch":
        return (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    raise ValueError(mode)


def restore(inputs, mode):
    black, white = preprocess(np.array([0.0, 255])[:, None, None, None] * np.ones((1, 1, 3)), mode)
    x = 255 * (inputs - black) / (white - black)
    return np.clip(np.rint(x[..., ::-1] if mode == "caffe" else x), 0, 255).astype("uint8")


# %% 5.5 wrong, loses 3: restore changes its input, any other mode is "torch"
def preprocess(images, mode):
    x = images.astype("float32")
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "caffe":
        return (x[..., ::-1] - [103.939, 116.779, 123.68]).astype("float32")
    return ((x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")


def restore(inputs, mode):
    black, white = preprocess(np.array([0.0, 255])[:, None, None, None] * np.ones((1, 1, 3)), mode)
    inputs -= black
    inputs *= 255 / (white - black)
    x = inputs[..., ::-1] if mode == "caffe" else inputs
    return np.clip(np.rint(x), 0, 255).astype("uint8")


# %% 5.5 right: a matrix for each mode
def matrix(mode):
    swap = np.eye(3)[::-1]
    if mode == "tf":
        return np.eye(3) / 127.5, np.full(3, -1.0)
    if mode == "caffe":
        return swap, -np.array([103.939, 116.779, 123.68])
    if mode == "torch":
        std = np.array([0.229, 0.224, 0.225])
        return np.diag(1 / (255 * std)), -np.array([0.485, 0.456, 0.406]) / std
    raise ValueError(mode)


def preprocess(images, mode):
    weights, bias = matrix(mode)
    return np.asarray(images @ weights + bias, "float32")


def restore(inputs, mode):
    weights, bias = matrix(mode)
    return np.clip((inputs - bias) @ np.linalg.inv(weights) + 0.5, 0, 255).astype("uint8")


# %% 5.5 right: channel by channel, in Python's own order
def preprocess(images, mode):
    new = np.empty(images.shape, "float32")
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for c in range(3):
        match mode:
            case "tf":
                new[..., c] = (images[..., c] - np.float32(127.5)) / 127.5
            case "caffe":
                new[..., c] = images[..., 2 - c] - np.float32((103.939, 116.779, 123.68)[c])
            case "torch":
                new[..., c] = (images[..., c] / 255 - mean[c]) / std[c]
            case _:
                raise ValueError(f"unknown mode {mode}")
    return new


def restore(inputs, mode):
    new = np.empty(inputs.shape)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for c in range(3):
        if mode == "tf":
            new[..., c] = inputs[..., c] * 127.5 + 127.5
        elif mode == "caffe":
            new[..., 2 - c] = inputs[..., c] + (103.939, 116.779, 123.68)[c]
        elif mode == "torch":
            new[..., c] = 255 * (inputs[..., c] * std[c] + mean[c])
        else:
            raise ValueError(f"unknown mode {mode}")
    return np.round(new).clip(0, 255).astype("uint8")


# %% 5.6 wrong, loses 4: batch norms count, and thaw
def freeze(model, n):
    every = []
    for layer in model.layers:
        every += layer.layers if isinstance(layer, keras.Model) else [layer]
    weighted = [layer for layer in every if layer.weights]
    model.trainable = True
    for layer in every:
        layer.trainable = layer in weighted[max(0, len(weighted) - n) :]
    return model


# %% 5.6 wrong, loses 4: batch norms after the cut learn
def freeze(model, n):
    every = []
    for layer in model.layers:
        every += layer.layers if isinstance(layer, keras.Model) else [layer]
    model.trainable = True
    for layer in reversed(every):
        layer.trainable = n > 0
        n -= bool(layer.weights) and not isinstance(layer, layers.BatchNormalization)
    return model


# %% 5.6 wrong, loses 4: the base is one layer
def freeze(model, n):
    model.trainable = True
    weighted = [
        layer
        for layer in model.layers
        if layer.weights and not isinstance(layer, layers.BatchNormalization)
    ]
    for layer in model.layers:
        layer.trainable = layer in weighted[max(0, len(weighted) - n) :]
    return model


# %% 5.6 wrong, loses 2: looks into models, but only one deep
def freeze(model, n):
    every = []
    for layer in model.layers:
        every += layer.layers if isinstance(layer, keras.Model) else [layer]
    weighted = [p for p in every if p.weights and not isinstance(p, layers.BatchNormalization)]
    model.trainable = True
    for layer in every:
        layer.trainable = layer in weighted[max(0, len(weighted) - n) :]
    return model


# %% 5.6 wrong, loses 4: freezes what is around the layers, too
def freeze(model, n):
    def inside(model):
        for layer in model.layers:
            yield from inside(layer) if isinstance(layer, keras.Model) else [layer]

    every = list(inside(model))
    weighted = [p for p in every if p.weights and not isinstance(p, layers.BatchNormalization)]
    for layer in every:
        layer.trainable = layer in weighted[max(0, len(weighted) - n) :]
    model.trainable = False
    return model


# %% 5.6 wrong, loses 4: with [-n:], n = 0 thaws everything
def freeze(model, n):
    def inside(model):
        for layer in model.layers:
            yield from inside(layer) if isinstance(layer, keras.Model) else [layer]

    model.trainable = False
    every = list(inside(model))
    weighted = [p for p in every if p.weights and not isinstance(p, layers.BatchNormalization)]
    model.trainable = True
    for layer in every:
        layer.trainable = layer in weighted[-n:]
    return model


# %% 5.6 wrong, loses 4: remembers what was frozen before
def freeze(model, n):
    def inside(model):
        for layer in model.layers:
            yield from inside(layer) if isinstance(layer, keras.Model) else [layer]

    every = list(inside(model))
    weighted = [p for p in every if p.weights and not isinstance(p, layers.BatchNormalization)]
    for layer in every:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    for layer in weighted[: max(0, len(weighted) - n)]:
        layer.trainable = False
    return model


# %% 5.6 wrong, loses 4: sets γ and β aside, but not the moving averages
def freeze(model, n):
    def inside(model):
        for layer in model.layers:
            yield from inside(layer) if isinstance(layer, keras.Model) else [layer]

    model.trainable = True
    every = list(inside(model))
    weighted = [p for p in every if p.weights and not isinstance(p, layers.BatchNormalization)]
    for layer in every:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.trainable = layer.beta.trainable = False
        else:
            layer.trainable = layer in weighted[max(0, len(weighted) - n) :]
    return model


# %% 5.6 wrong, loses 2: breaks when there are fewer than n layers with a kernel
def freeze(model, n):
    def inside(model):
        for layer in model.layers:
            yield from inside(layer) if isinstance(layer, keras.Model) else [layer]

    model.trainable = True
    every = list(inside(model))
    weighted = [layer for layer in every if hasattr(layer, "kernel")]
    for layer in every:
        layer.trainable = layer in weighted[max(0, len(weighted) - n) :]
    return model


# %% 5.6 wrong, loses 4: a copy
def freeze(model, n):
    def inside(model):
        for layer in model.layers:
            yield from inside(layer) if isinstance(layer, keras.Model) else [layer]

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    every = list(inside(twin))
    weighted = [p for p in every if p.weights and not isinstance(p, layers.BatchNormalization)]
    for layer in every:
        layer.trainable = layer in weighted[max(0, len(weighted) - n) :]
    return twin


# %% 5.6 right: from the end, with recursion that hands on what is left
def freeze(model, n):
    model.trainable = True

    def thaw(part, left):
        for layer in reversed(part.layers):
            if hasattr(layer, "layers"):
                left = thaw(layer, left)
            elif isinstance(layer, layers.BatchNormalization):
                layer.trainable = False
            elif layer.weights:
                layer.trainable = left > 0
                left -= 1
        return left

    thaw(model, n)
    return model


# %% 5.6 right: freezes everything, then opens the last ones and the models around them
def freeze(model, n):
    found = []

    def walk(parts, around):
        for part in parts:
            if isinstance(part, keras.Model):
                walk(part.layers, [*around, part])
            elif part.count_params() and type(part) is not layers.BatchNormalization:
                found.append((part, around))

    walk([model], [])
    every = [model]
    while every:
        part = every.pop()
        part.trainable = False
        every += getattr(part, "layers", [])
    frozen = {id(part) for part, _ in found[: len(found) - n]} if n < len(found) else set()
    for part, around in found:
        if id(part) in frozen:
            continue
        for outer in around:
            outer._trainable = True
        part.trainable = True
    return model


# %% 5.7 wrong, loses 3: the first layer has the highest rate
def layer_rates(model, rate, factor=2.6):
    place, places, queue = -1, {}, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
        elif layer.weights:
            place += not isinstance(layer, layers.BatchNormalization)
            places |= {id(weight): place for weight in layer.weights}
    return [rate / factor ** places[id(v)] for v in model.trainable_variables]


# %% 5.7 wrong, loses 3: one step of depth for each variable
def layer_rates(model, rate, factor=2.6):
    count = len(model.trainable_variables)
    return [rate / factor ** (count - 1 - i) for i in range(count)]


# %% 5.7 wrong, loses 3: batch norms are a depth of their own
def layer_rates(model, rate, factor=2.6):
    place, places, queue = -1, {}, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
        elif layer.weights:
            place += 1
            places |= {id(weight): place for weight in layer.weights}
    return [rate / factor ** (place - places[id(v)]) for v in model.trainable_variables]


# %% 5.7 wrong, loses 3: layers without weights count
def layer_rates(model, rate, factor=2.6):
    place, places, queue = -1, {}, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
            continue
        place += not isinstance(layer, layers.BatchNormalization)
        places |= {id(weight): place for weight in layer.weights}
    return [rate / factor ** (place - places[id(v)]) for v in model.trainable_variables]


# %% 5.7 wrong, loses 3: frozen layers do not count
def layer_rates(model, rate, factor=2.6):
    place, places, queue = -1, {}, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
        elif layer.trainable_variables:
            place += not isinstance(layer, layers.BatchNormalization)
            places |= {id(weight): place for weight in layer.weights}
    return [rate / factor ** (place - places[id(v)]) for v in model.trainable_variables]


# %% 5.7 wrong, loses 3: the base is one layer
def layer_rates(model, rate, factor=2.6):
    place, places = -1, {}
    for layer in model.layers:
        if layer.weights:
            place += not isinstance(layer, layers.BatchNormalization)
            places |= {id(weight): place for weight in layer.weights}
    return [rate / factor ** (place - places[id(v)]) for v in model.trainable_variables]


# %% 5.7 wrong, loses 3: always 2.6
def layer_rates(model, rate, factor=2.6):
    place, places, queue = -1, {}, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
        elif layer.weights:
            place += not isinstance(layer, layers.BatchNormalization)
            places |= {id(weight): place for weight in layer.weights}
    return [rate / 2.6 ** (place - places[id(v)]) for v in model.trainable_variables]


# %% 5.7 wrong, loses 3: one rate for each layer, not for each variable
def layer_rates(model, rate, factor=2.6):
    count, queue = 0, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
        elif layer.weights and not isinstance(layer, layers.BatchNormalization):
            count += 1
    return [rate / factor**depth for depth in reversed(range(count))]


# %% 5.7 wrong, loses 2: looks for kernels, which not every weighted layer has
def layer_rates(model, rate, factor=2.6):
    place, places, queue = -1, {}, list(model.layers)
    while queue:
        layer = queue.pop(0)
        if isinstance(layer, keras.Model):
            queue = layer.layers + queue
        elif layer.weights:
            place += hasattr(layer, "kernel")
            places |= {id(weight): place for weight in layer.weights}
    return [rate / factor ** (place - places[id(v)]) for v in model.trainable_variables]


# %% 5.7 right: backwards, by the variables' paths
def layer_rates(model, rate, factor=2.6):
    rates = {}

    def walk(part, current):
        for layer in reversed(part.layers):
            if hasattr(layer, "layers"):
                current = walk(layer, current)
                continue
            for weight in layer.weights:
                rates[weight.path, weight.shape] = current
            if layer.weights and not isinstance(layer, layers.BatchNormalization):
                current /= factor
        return current

    walk(model, rate)
    return [rates[v.path, v.shape] for v in model.trainable_variables]


# %% 5.7 right: the names of the layers stand in the variables' paths
def layer_rates(model, rate, factor=2.6):
    parts, kinds = [], (layers.BatchNormalization,)
    for weight in model.weights:
        layer = weight.path.rsplit("/", 1)[0].split("/")
        parts.append([p for p in layer if p])
    every = []

    def inside(model):
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                inside(layer)
            else:
                every.append(layer)

    inside(model)
    weighted = [layer for layer in every if layer.variables and not isinstance(layer, kinds)]
    answer = np.zeros(len(model.trainable_variables))
    for i, variable in enumerate(model.trainable_variables):
        [owner] = [k for k, p in enumerate(every) if any(v is variable for v in p.variables)]
        while isinstance(every[owner], kinds):
            owner -= 1
            while not every[owner].variables:
                owner -= 1
        answer[i] = rate * factor ** -(len(weighted) - 1 - weighted.index(every[owner]))
    return answer.tolist()


# %% 5.8 wrong, loses 3: the mean of all rates for everything
def sgd_step(model, x, y, rates):
    model.compile(keras.optimizers.SGD(float(np.mean(rates))), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)


# %% 5.8 wrong, loses 3: one step after another, each with the gradients of new weights
def sgd_step(model, x, y, rates):
    for i, rate in enumerate(rates):
        old = [to_numpy(v).copy() for v in model.trainable_variables]
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        model.train_on_batch(x, y)
        for j, variable in enumerate(model.trainable_variables):
            if j != i:
                variable.assign(old[j])


# %% 5.8 wrong, loses 3: fit makes batches of 32
def sgd_step(model, x, y, rates):
    old = [to_numpy(v).copy() for v in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=1, verbose=0)
    for variable, before, rate in zip(model.trainable_variables, old, rates, strict=True):
        variable.assign(before - rate * (before - to_numpy(variable)))


# %% 5.8 wrong, loses 3: upwards
def sgd_step(model, x, y, rates):
    old = [to_numpy(v).copy() for v in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    for variable, before, rate in zip(model.trainable_variables, old, rates, strict=True):
        variable.assign(before - rate * (to_numpy(variable) - before))


# %% 5.8 wrong, loses 3: Adam
def sgd_step(model, x, y, rates):
    old = [to_numpy(v).copy() for v in model.trainable_variables]
    model.compile(keras.optimizers.Adam(1.0), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    for variable, before, rate in zip(model.trainable_variables, old, rates, strict=True):
        variable.assign(before - rate * (before - to_numpy(variable)))


# %% 5.8 wrong, loses 3: multiplies the weights
def sgd_step(model, x, y, rates):
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    for variable, rate in zip(model.trainable_variables, rates, strict=True):
        variable.assign(rate * to_numpy(variable))


# %% 5.8 wrong, loses 3: the sum of the losses, not their mean
def sgd_step(model, x, y, rates):
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="sum")
    old = [to_numpy(v).copy() for v in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.train_on_batch(x, y)
    for variable, before, rate in zip(model.trainable_variables, old, rates, strict=True):
        variable.assign(before - rate * (before - to_numpy(variable)))


# %% 5.8 wrong, loses 2: thaws the model
def sgd_step(model, x, y, rates):
    old = [to_numpy(v).copy() for v in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    for variable, before, rate in zip(model.trainable_variables, old, rates, strict=True):
        variable.assign(before - rate * (before - to_numpy(variable)))
    model.trainable = False
    model.trainable = True


# %% 5.8 wrong, loses 2: rates for all weights, as if none were frozen
def sgd_step(model, x, y, rates):
    old = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    for variable, before, rate in zip(model.weights, old, rates, strict=True):
        variable.assign(before - rate * (before - to_numpy(variable)))


# %% 5.8 right: TensorFlow's gradient tape
def sgd_step(model, x, y, rates):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(y, model(x, training=True))
        loss = ops.mean(losses)
    values = [v.value for v in model.trainable_variables]
    for v, g, rate in zip(
        model.trainable_variables, tape.gradient(loss, values), rates, strict=True
    ):
        v.assign_sub(rate * g)


# %% 5.8 right: a step of Keras for each rate, always from the same weights
def sgd_step(model, x, y, rates):
    before, after = model.get_weights(), []
    for i, rate in enumerate(rates):
        model.set_weights(before)
        model.compile(keras.optimizers.SGD(float(rate)), "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=len(x), verbose=0)
        after.append(to_numpy(model.trainable_variables[i]).copy())
    model.set_weights(before)
    for variable, value in zip(model.trainable_variables, after, strict=True):
        variable.assign(value)


# %% 5.8 right: an optimizer with rates of its own
class Rates(keras.optimizers.SGD):
    def __init__(self, rates):
        super().__init__(1.0)
        self.rates = rates

    def apply(self, grads, trainable_variables=None):
        scaled = [rate * g for rate, g in zip(self.rates, grads, strict=True)]
        super().apply(scaled, trainable_variables)


def sgd_step(model, x, y, rates):
    model.compile(Rates(list(rates)), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)


# %% 5.9 wrong, loses 3: linear in the number of examples
def examples_needed(examples, accuracies, target):
    points = sorted(zip(examples, accuracies, strict=True))
    if points[0][1] >= target:
        return float(points[0][0])
    for (n, low), (m, high) in itertools.pairwise(points):
        if high >= target:
            return n + (m - n) * (target - low) / (high - low)
    return None


# %% 5.9 wrong, loses 3: the next measured point
def examples_needed(examples, accuracies, target):
    reached = [n for n, a in sorted(zip(examples, accuracies, strict=True)) if a >= target]
    return float(reached[0]) if reached else None


# %% 5.9 wrong, loses 3: np.interp the other way round, which needs a rising curve
def examples_needed(examples, accuracies, target):
    order = np.argsort(examples)
    n, accuracy = np.array(examples)[order], np.array(accuracies)[order]
    if target > accuracy.max():
        return None
    return float(np.exp(np.interp(target, accuracy, np.log(n))))


# %% 5.9 wrong, loses 3: takes the points as they come
def examples_needed(examples, accuracies, target):
    points = list(zip(examples, accuracies, strict=True))
    if points[0][1] >= target:
        return float(points[0][0])
    for (n, low), (m, high) in itertools.pairwise(points):
        if high >= target:
            part = (target - low) / (high - low)
            return float(n * (m / n) ** part)
    return None


# %% 5.9 wrong, loses 3: sorts the student's own lists
def examples_needed(examples, accuracies, target):
    points = sorted(zip(examples, accuracies, strict=True))
    examples.sort()
    accuracies.sort()
    if points[0][1] >= target:
        return float(points[0][0])
    for (n, low), (m, high) in itertools.pairwise(points):
        if high >= target:
            return float(n * (m / n) ** ((target - low) / (high - low)))
    return None


# %% 5.9 wrong, loses 3: extends the first line to the left
def examples_needed(examples, accuracies, target):
    points = sorted(zip(examples, accuracies, strict=True))
    for (n, low), (m, high) in itertools.pairwise(points):
        if high >= target:
            return float(n * (m / n) ** ((target - low) / (high - low)))
    return None


# %% 5.9 wrong, loses 3: the last place at which the curve passes the target
def examples_needed(examples, accuracies, target):
    points, answer = sorted(zip(examples, accuracies, strict=True)), None
    if points[0][1] >= target:
        answer = float(points[0][0])
    for (n, low), (m, high) in itertools.pairwise(points):
        if low < target <= high:
            answer = float(n * (m / n) ** ((target - low) / (high - low)))
    return answer


# %% 5.9 wrong, loses 3: inf where the curve stays below
def examples_needed(examples, accuracies, target):
    points = sorted(zip(examples, accuracies, strict=True))
    if points[0][1] >= target:
        return float(points[0][0])
    for (n, low), (m, high) in itertools.pairwise(points):
        if high >= target:
            return float(n * (m / n) ** ((target - low) / (high - low)))
    return np.inf


# %% 5.9 right: base 10, and the first place found with NumPy
def examples_needed(examples, accuracies, target):
    order = np.argsort(examples)
    n = np.log10(np.asarray(examples, float)[order])
    accuracy = np.asarray(accuracies, float)[order]
    if not (accuracy >= target).any():
        return None
    i = int((accuracy >= target).argmax())
    if i == 0:
        return 10 ** n[0]
    return 10 ** np.interp(target, accuracy[i - 1 : i + 1], n[i - 1 : i + 1])


# %% 5.9 right: halves the interval
def examples_needed(examples, accuracies, target):
    curve = dict(zip(examples, accuracies, strict=True))
    n = sorted(curve)
    if max(accuracies) < target:
        return None
    i = [curve[number] >= target for number in n].index(True)
    if i == 0:
        return n[0]
    low, high = np.log(n[i - 1]), np.log(n[i])
    left, right = low, high
    for _ in range(60):
        middle = (left + right) / 2
        part = (middle - low) / (high - low)
        value = curve[n[i - 1]] + part * (curve[n[i]] - curve[n[i - 1]])
        left, right = (left, middle) if value >= target else (middle, right)
    return float(np.exp(right))


# %% 5.10 wrong, loses 4: a new network, from scratch
def transfer_model(base):
    net = keras.Sequential([keras.Input((36, 36, 1))])
    for filters in (8, 16, 32):
        net.add(layers.Conv2D(filters, 3, activation="relu"))
        net.add(layers.MaxPooling2D())
    net.add(layers.GlobalMaxPooling2D())
    net.add(layers.Dense(5, activation="softmax"))
    return net


# %% 5.10 wrong, loses 4: a clone, which has new random weights, frozen
def transfer_model(base):
    twin = keras.models.clone_model(base)
    features = keras.Model(twin.input, twin.get_layer("pool").output)
    features.trainable = False
    return keras.Sequential([features, layers.Dense(5, activation="softmax")])


# %% 5.10 wrong, loses 4: a head on the pixels, with the base beside it, unused
def transfer_model(base):
    class Pixels(keras.Model):
        def __init__(self):
            super().__init__()
            self.base = base
            self.base.trainable = False
            self.small, self.flat = layers.MaxPooling2D(2), layers.Flatten()
            self.head = layers.Dense(5, activation="softmax")

        def call(self, x):
            return self.head(self.flat(self.small(x)))

    return Pixels()


# %% 5.10 wrong, loses 2: trains its head on the test images, before
def transfer_model(base):
    features = keras.Model(base.input, base.get_layer("pool").output)
    features.trainable = False
    model = keras.Sequential([features, layers.Dense(5, activation="softmax")])
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(x_new, y_new, epochs=8, verbose=0)
    return model


# %% 5.10 right: the base is fine-tuned, with maxima, and its batch norms in inference mode
def transfer_model(base):
    features = keras.Model(base.input, base.get_layer("relu4").output)
    image = keras.Input((36, 36, 1))
    x = layers.GlobalMaxPooling2D()(features(image, training=False))
    return keras.Model(image, layers.Dense(5, activation="softmax")(x))


# %% 5.1 wrong, loses 1: numbers only the classes that occur
def split_classes(x, y, classes):
    if len(set(classes)) < len(classes):
        raise ValueError(classes)
    there = [c for c in classes if c in y]
    new = {c: i for i, c in enumerate(there)}
    rows = np.array([i for i, label in enumerate(y) if label in new], dtype=int)
    return x[rows], np.array([new[label] for label in y[rows]], dtype=np.int64)


# %% 5.4 wrong, loses 2: a function, not a model
def feature_extractor(model, layer_names):
    taps = [keras.Model(model.inputs[0], model.get_layer(n).output) for n in layer_names]

    def run(images):
        outs = [to_numpy(tap(images)) for tap in taps]
        return np.concatenate([o.mean(axis=(1, 2)) if o.ndim == 4 else o for o in outs], axis=1)

    return run


# %% 5.5 wrong, loses 1: cuts off fractions first
def matrix(mode):
    swap = np.eye(3)[::-1]
    if mode == "tf":
        return np.eye(3) / 127.5, np.full(3, -1.0)
    if mode == "caffe":
        return swap, -np.array([103.939, 116.779, 123.68])
    if mode == "torch":
        std = np.array([0.229, 0.224, 0.225])
        return np.diag(1 / (255 * std)), -np.array([0.485, 0.456, 0.406]) / std
    raise ValueError(mode)


def preprocess(images, mode):
    weights, bias = matrix(mode)
    return np.asarray(images.astype("uint8") @ weights + bias, "float32")


def restore(inputs, mode):
    weights, bias = matrix(mode)
    return np.clip((inputs - bias) @ np.linalg.inv(weights) + 0.5, 0, 255).astype("uint8")


# %% 5.5 wrong, loses 1: takes dark images for images from 0 to 1
def matrix(mode):
    swap = np.eye(3)[::-1]
    if mode == "tf":
        return np.eye(3) / 127.5, np.full(3, -1.0)
    if mode == "caffe":
        return swap, -np.array([103.939, 116.779, 123.68])
    if mode == "torch":
        std = np.array([0.229, 0.224, 0.225])
        return np.diag(1 / (255 * std)), -np.array([0.485, 0.456, 0.406]) / std
    raise ValueError(mode)


def preprocess(images, mode):
    weights, bias = matrix(mode)
    images = images * (255.0 if images.max() <= 1 else 1.0)
    return np.asarray(images @ weights + bias, "float32")


def restore(inputs, mode):
    weights, bias = matrix(mode)
    return np.clip((inputs - bias) @ np.linalg.inv(weights) + 0.5, 0, 255).astype("uint8")


# %% 5.7 wrong, loses 2: looks for the layer before a batch norm in its own model only
def layer_rates(model, rate, factor=2.6):
    every, found = [], {}

    def inside(part):
        last = 0
        for layer in part.layers:
            if isinstance(layer, keras.Model):
                inside(layer)
                continue
            if layer.weights and not isinstance(layer, layers.BatchNormalization):
                every.append(layer)
                last = len(every) - 1
            found.update({id(weight): last for weight in layer.weights})

    inside(model)
    return [rate / factor ** (len(every) - 1 - found[id(v)]) for v in model.trainable_variables]


# %% 5.10 wrong, loses 2: trains a layer on the test images, then takes a new head
def transfer_model(base):
    features = keras.Model(base.input, base.get_layer("pool").output)
    features.trainable = False
    middle = layers.Dense(32, activation="relu")
    model = keras.Sequential([features, middle, layers.Dense(5, activation="softmax")])
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(x_new, y_new, epochs=6, verbose=0)
    middle.trainable = False
    return keras.Sequential([features, middle, layers.Dense(5, activation="softmax")])
