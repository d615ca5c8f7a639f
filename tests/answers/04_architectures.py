# Planted answers to lab 04, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.


# %% 4.1 wrong, loses 2: the groups are forgotten
side_1, side_2 = 29, 14
parameters_1, parameters_2, parameters_3 = 7104, 96 * (25 * 48 + 1), 1881700


# %% 4.1 wrong, loses 2: rounds up
side_1, side_2 = 29, 15
parameters_1, parameters_2, parameters_3 = 7104, 57696, 100 * (15 * 15 * 96 + 1)


# %% 4.1 wrong, loses 2: two groups, two biases a filter
side_1, side_2 = 29, 14
parameters_1, parameters_2, parameters_3 = 7104, 96 * (25 * 24 + 2), 1881700


# %% 4.1 right: asks Keras
net = [layers.Conv2D(48, 7, strides=2), layers.MaxPooling2D(3, strides=2)]
net += [layers.Conv2D(96, 5, padding="same", groups=2), layers.Flatten(), layers.Dense(100)]
net = keras.Sequential([keras.Input((64, 64, 3)), *net])
side_1, side_2 = (layer.output.shape[1] for layer in net.layers[:2])
parameters_1, parameters_2, parameters_3 = (net.layers[i].count_params() for i in (0, 2, 4))


# %% 4.2 wrong, loses 3: ReLU and maxima, as one would do it today
def lenet5(input_shape=(32, 32, 1), classes=10):
    stack = [layers.Conv2D(6, 5, activation="relu"), layers.MaxPooling2D(2)]
    stack += [layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    stack += [layers.Dense(120, activation="relu"), layers.Dense(84, activation="relu")]
    stack += [layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), *stack])


# %% 4.2 wrong, loses 3: only the pooling is a maximum
def lenet5(input_shape=(32, 32, 1), classes=10):
    stack = [layers.Conv2D(6, 5, activation="tanh"), layers.MaxPooling2D(2)]
    stack += [layers.Conv2D(16, 5, activation="tanh"), layers.MaxPooling2D(2), layers.Flatten()]
    stack += [layers.Dense(120, activation="tanh"), layers.Dense(84, activation="tanh")]
    stack += [layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), *stack])


# %% 4.2 wrong, loses 3: F6 has no tanh
def lenet5(input_shape=(32, 32, 1), classes=10):
    stack = [layers.Conv2D(6, 5, activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Flatten(), layers.Dense(120, activation="tanh"), layers.Dense(84)]
    stack += [layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), *stack])


# %% 4.2 wrong, loses 3: padding "same"
def lenet5(input_shape=(32, 32, 1), classes=10):
    stack = [layers.Conv2D(6, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Conv2D(16, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Flatten(), layers.Dense(120, activation="tanh")]
    stack += [layers.Dense(84, activation="tanh"), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), *stack])


# %% 4.2 wrong, loses 3: a sigmoid for each class
def lenet5(input_shape=(32, 32, 1), classes=10):
    stack = [layers.Conv2D(6, 5, activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Flatten(), layers.Dense(120, activation="tanh")]
    stack += [layers.Dense(84, activation="tanh"), layers.Dense(classes, activation="sigmoid")]
    return keras.Sequential([keras.Input(input_shape), *stack])


# %% 4.2 wrong, loses 3: C5 is a 5×5 convolution, which fits 32×32 only
def lenet5(input_shape=(32, 32, 1), classes=10):
    stack = [layers.Conv2D(6, 5, activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2)]
    stack += [layers.Conv2D(120, 5, activation="tanh"), layers.Flatten()]
    stack += [layers.Dense(84, activation="tanh"), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input(input_shape), *stack])


# %% 4.2 wrong, loses 3: returns a tensor
def lenet5(input_shape=(32, 32, 1), classes=10):
    x = layers.AveragePooling2D(2)(layers.Conv2D(6, 5, activation="tanh")(keras.Input(input_shape)))
    x = layers.Flatten()(layers.AveragePooling2D(2)(layers.Conv2D(16, 5, activation="tanh")(x)))
    x = layers.Dense(84, activation="tanh")(layers.Dense(120, activation="tanh")(x))
    return layers.Dense(classes, activation="softmax")(x)


# %% 4.2 right: functional, C5 as a convolution as large as its maps, F6 as one of 1×1
def lenet5(input_shape=(32, 32, 1), classes=10):
    image = keras.Input(input_shape)
    x = ops.tanh(layers.Conv2D(6, 5)(image))
    x = layers.AveragePooling2D(2)(x)
    x = ops.tanh(layers.Conv2D(16, 5)(x))
    x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(120, x.shape[1:3], activation="tanh")(x)
    x = layers.Conv2D(84, 1, activation="tanh")(x)
    x = layers.Softmax()(layers.Flatten()(layers.Conv2D(classes, 1)(x)))
    return keras.Model(image, x)


# %% 4.2 right: a class, its layers in no particular order
class LeNet(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.output_layer = layers.Dense(classes, activation="softmax")
        self.f6 = layers.Dense(84, activation="tanh")
        self.c5 = layers.Dense(120, activation="tanh")
        self.c3 = layers.Conv2D(16, 5, activation="tanh")
        self.c1 = layers.Conv2D(6, 5, activation="tanh")
        self.pool = layers.AveragePooling2D(2)

    def call(self, x):
        x = self.pool(self.c3(self.pool(self.c1(x))))
        return self.output_layer(self.f6(self.c5(ops.reshape(x, (len(x), -1)))))


def lenet5(input_shape=(32, 32, 1), classes=10):
    return LeNet(classes)


# %% 4.3 wrong, loses 2: a pair's kernel size is ignored
def vgg(configuration, input_shape, dense=(), classes=10):
    stack = [keras.Input(input_shape)]
    for entry in configuration:
        if entry == "M":
            stack.append(layers.MaxPooling2D(2))
        elif isinstance(entry, int | tuple):
            filters = entry if isinstance(entry, int) else entry[0]
            stack.append(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        else:
            raise ValueError(entry)
    stack += [layers.Flatten(), *[layers.Dense(units, activation="relu") for units in dense]]
    return keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])


# %% 4.3 wrong, loses 2: no padding
def vgg(configuration, input_shape, dense=(), classes=10):
    stack = [keras.Input(input_shape)]
    for entry in configuration:
        if entry == "M":
            stack.append(layers.MaxPooling2D(2))
        elif isinstance(entry, int | tuple):
            filters, size = (entry, 3) if isinstance(entry, int) else entry
            stack.append(layers.Conv2D(filters, size, activation="relu"))
        else:
            raise ValueError(entry)
    stack += [layers.Flatten(), *[layers.Dense(units, activation="relu") for units in dense]]
    return keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])


# %% 4.3 wrong, loses 2: averages
def vgg(configuration, input_shape, dense=(), classes=10):
    stack = [keras.Input(input_shape)]
    for entry in configuration:
        if entry == "M":
            stack.append(layers.AveragePooling2D(2))
        elif isinstance(entry, int | tuple):
            filters, size = (entry, 3) if isinstance(entry, int) else entry
            stack.append(layers.Conv2D(filters, size, padding="same", activation="relu"))
        else:
            raise ValueError(entry)
    stack += [layers.Flatten(), *[layers.Dense(units, activation="relu") for units in dense]]
    return keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])


# %% 4.3 wrong, loses 2: the convolutions are linear
def vgg(configuration, input_shape, dense=(), classes=10):
    stack = [keras.Input(input_shape)]
    for entry in configuration:
        if entry == "M":
            stack.append(layers.MaxPooling2D(2))
        elif isinstance(entry, int | tuple):
            filters, size = (entry, 3) if isinstance(entry, int) else entry
            stack.append(layers.Conv2D(filters, size, padding="same"))
        else:
            raise ValueError(entry)
    stack += [layers.Flatten(), *[layers.Dense(units, activation="relu") for units in dense]]
    return keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])


# %% 4.3 wrong, loses 2: whatever is no number is a maximum
def vgg(configuration, input_shape, dense=(), classes=10):
    stack = [keras.Input(input_shape)]
    for entry in configuration:
        if isinstance(entry, int | tuple):
            filters, size = (entry, 3) if isinstance(entry, int) else entry
            stack.append(layers.Conv2D(filters, size, padding="same", activation="relu"))
        else:
            stack.append(layers.MaxPooling2D(2))
    stack += [layers.Flatten(), *[layers.Dense(units, activation="relu") for units in dense]]
    return keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])


# %% 4.3 wrong, loses 2: takes "m" and "64" for "M" and 64
def vgg(configuration, input_shape, dense=(), classes=10):
    stack = [keras.Input(input_shape)]
    for entry in configuration:
        if str(entry).upper() == "M":
            stack.append(layers.MaxPooling2D(2))
        else:
            filters, size = entry if isinstance(entry, tuple) else (int(entry), 3)
            stack.append(layers.Conv2D(filters, size, padding="same", activation="relu"))
    stack += [layers.Flatten(), *[layers.Dense(units, activation="relu") for units in dense]]
    return keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])


# %% 4.3 wrong, loses 3: uses up the recipe
def vgg(configuration, input_shape, dense=(), classes=10):
    stack = [keras.Input(input_shape)]
    while configuration:
        entry = configuration.pop(0)
        if entry == "M":
            stack.append(layers.MaxPooling2D(2))
        elif isinstance(entry, int | tuple):
            filters, size = (entry, 3) if isinstance(entry, int) else entry
            stack.append(layers.Conv2D(filters, size, padding="same", activation="relu"))
        else:
            raise ValueError(entry)
    stack += [layers.Flatten(), *[layers.Dense(units, activation="relu") for units in dense]]
    return keras.Sequential([*stack, layers.Dense(classes, activation="softmax")])


# %% 4.3 right: functional, by pattern matching
def vgg(configuration, input_shape, dense=(), classes=10):
    x = image = keras.Input(input_shape)
    for entry in configuration:
        match entry:
            case "M":
                x = ops.max_pool(x, 2, strides=2)
            case int(filters):
                x = ops.relu(layers.Conv2D(filters, 3, padding="same")(x))
            case (int(filters), int(size)):
                x = ops.relu(layers.Conv2D(filters, size, padding="same")(x))
            case _:
                raise ValueError(f"what is {entry!r}?")
    x = layers.Flatten()(x)
    for units in dense:
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))


# %% 4.3 right: a class that is built when it sees its first images
class VGG(keras.Model):
    def __init__(self, configuration, dense, classes):
        super().__init__()
        self.steps = [self.step(entry) for entry in configuration]
        self.dense = [layers.Dense(units, activation="relu") for units in dense]
        self.classes = layers.Dense(classes, activation="softmax")
        self.flatten = layers.Flatten()

    @staticmethod
    def step(entry):
        if entry == "M":
            return layers.MaxPooling2D(2)
        if not isinstance(entry, int | tuple):
            raise ValueError("no entry of a recipe")
        filters, size = entry if isinstance(entry, tuple) else (entry, 3)
        return layers.Conv2D(filters, size, padding="same", activation="relu")

    def call(self, x):
        for step in self.steps:
            x = step(x)
        x = self.flatten(x)
        for layer in self.dense:
            x = layer(x)
        return self.classes(x)


def vgg(configuration, input_shape, dense=(), classes=10):
    return VGG(configuration, dense, classes)


# %% 4.4 wrong, loses 4: each tower feeds from the tower before, as on the slide
def inception_module(input_shape, filters):
    def conv(x, units, size):
        return layers.Conv2D(units, size, padding="same", activation="relu")(x)

    image = keras.Input(input_shape)
    tower_1 = conv(image, filters[0], 1)
    tower_2 = conv(image, filters[1], 1)
    tower_2 = conv(tower_1, filters[2], 3)
    tower_3 = conv(image, filters[3], 1)
    tower_3 = conv(tower_2, filters[4], 5)
    tower_4 = layers.MaxPooling2D(3, strides=1, padding="same")(image)
    tower_4 = conv(tower_3, filters[5], 1)
    return keras.Model(image, layers.concatenate([tower_1, tower_2, tower_3, tower_4]))


# %% 4.4 wrong, loses 4: the naive module, without reductions
def inception_module(input_shape, filters):
    image = keras.Input(input_shape)
    branches = [
        layers.Conv2D(filters[i], size, padding="same", activation="relu")(image)
        for i, size in [(0, 1), (2, 3), (4, 5)]
    ]
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(image)
    branches.append(layers.Conv2D(filters[5], 1, activation="relu")(pooled))
    return keras.Model(image, layers.concatenate(branches))


# %% 4.4 wrong, loses 4: pools after the projection, not before
def inception_module(input_shape, filters):
    def conv(x, units, size):
        return layers.Conv2D(units, size, padding="same", activation="relu")(x)

    a, b, c, d, e, f = filters
    image = keras.Input(input_shape)
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(conv(image, f, 1))
    branches = [conv(image, a, 1), conv(conv(image, b, 1), c, 3), conv(conv(image, d, 1), e, 5)]
    return keras.Model(image, layers.concatenate([*branches, pooled]))


# %% 4.4 wrong, loses 4: averages
def inception_module(input_shape, filters):
    def conv(x, units, size):
        return layers.Conv2D(units, size, padding="same", activation="relu")(x)

    a, b, c, d, e, f = filters
    image = keras.Input(input_shape)
    pooled = layers.AveragePooling2D(3, strides=1, padding="same")(image)
    branches = [conv(image, a, 1), conv(conv(image, b, 1), c, 3), conv(conv(image, d, 1), e, 5)]
    return keras.Model(image, layers.concatenate([*branches, conv(pooled, f, 1)]))


# %% 4.4 wrong, loses 4: the reductions are linear
def inception_module(input_shape, filters):
    def conv(x, units, size, activation="relu"):
        return layers.Conv2D(units, size, padding="same", activation=activation)(x)

    a, b, c, d, e, f = filters
    image = keras.Input(input_shape)
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(image)
    branches = [conv(image, a, 1), conv(conv(image, b, 1, None), c, 3)]
    branches += [conv(conv(image, d, 1, None), e, 5), conv(pooled, f, 1)]
    return keras.Model(image, layers.concatenate(branches))


# %% 4.4 wrong, loses 4: another order of the branches
def inception_module(input_shape, filters):
    def conv(x, units, size):
        return layers.Conv2D(units, size, padding="same", activation="relu")(x)

    a, b, c, d, e, f = filters
    image = keras.Input(input_shape)
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(image)
    branches = [conv(pooled, f, 1), conv(image, a, 1)]
    branches += [conv(conv(image, b, 1), c, 3), conv(conv(image, d, 1), e, 5)]
    return keras.Model(image, layers.concatenate(branches))


# %% 4.4 right: a class
class Inception(keras.Model):
    def __init__(self, filters):
        super().__init__()
        sizes = [1, 1, 3, 1, 5, 1]
        self.convolutions = [
            layers.Conv2D(units, size, padding="same", activation="relu")
            for units, size in zip(filters, sizes, strict=True)
        ]
        self.pool = layers.MaxPooling2D(3, strides=1, padding="same")

    def call(self, x):
        one, reduce_three, three, reduce_five, five, projection = self.convolutions
        branches = [one(x), three(reduce_three(x)), five(reduce_five(x)), projection(self.pool(x))]
        return ops.concatenate(branches, axis=-1)


def inception_module(input_shape, filters):
    return Inception(filters)


# %% 4.4 right: each branch a Sequential
def inception_module(input_shape, filters):
    def branch(*parts):
        made = [
            layers.Conv2D(*part, padding="same", activation="relu")
            if isinstance(part, tuple)
            else part
            for part in parts
        ]
        return keras.Sequential([keras.Input(input_shape), *made])

    a, b, c, d, e, f = filters
    pool = layers.MaxPooling2D(3, strides=1, padding="same")
    branches = [
        branch((a, 1)),
        branch((b, 1), (c, 3)),
        branch((d, 1), (e, 5)),
        branch(pool, (f, 1)),
    ]
    image = keras.Input(input_shape)
    return keras.Model(image, layers.Concatenate()([part(image) for part in branches]))


# %% 4.4 right: a layer, with dense layers in place of the 1×1 convolutions
class InceptionLayer(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        a, b, c, d, e, f = filters
        self.dense = [layers.Dense(units, activation="relu") for units in (a, b, d, f)]
        self.three = layers.Conv2D(c, 3, padding="same", activation="relu")
        self.five = layers.Conv2D(e, 5, padding="same", activation="relu")

    def call(self, x):
        first, second, third, fourth = self.dense
        pooled = fourth(ops.max_pool(x, 3, strides=1, padding="same"))
        branches = [first(x), self.three(second(x)), self.five(third(x)), pooled]
        return ops.concatenate(branches, axis=-1)


def inception_module(input_shape, filters):
    return InceptionLayer(filters)


# %% 4.5 wrong, loses 3: as it was
def mended_module(input_shape):
    return broken_module(input_shape)


# %% 4.5 wrong, loses 3: mends the reading of the 5×5 layer only
def mended_module(input_shape):
    image = keras.Input(input_shape)
    reduce = layers.Conv2D(6, 1, activation="relu")
    near = layers.Conv2D(8, 3, padding="same", activation="relu")(reduce(image))
    far = layers.Conv2D(8, 5, padding="same", activation="relu")(reduce(image))
    x = layers.Conv2D(12, 1)(layers.concatenate([near, far]))
    shortcut = layers.Conv2D(12, 1)(x)
    return keras.Model(image, layers.ReLU()(layers.add([x, shortcut])))


# %% 4.5 wrong, loses 3: both branches still share their reduction
def mended_module(input_shape):
    image = keras.Input(input_shape)
    reduce = layers.Conv2D(6, 1, activation="relu")
    near = layers.Conv2D(8, 3, padding="same", activation="relu")(reduce(image))
    far = layers.Conv2D(8, 5, padding="same", activation="relu")(reduce(image))
    x = layers.Conv2D(12, 1)(layers.concatenate([near, far]))
    return keras.Model(image, layers.ReLU()(layers.add([x, layers.Conv2D(12, 1)(image)])))


# %% 4.5 wrong, loses 3: a ReLU in the main path before the sum
def mended_module(input_shape):
    image = keras.Input(input_shape)
    near = layers.Conv2D(6, 1, activation="relu")(image)
    near = layers.Conv2D(8, 3, padding="same", activation="relu")(near)
    far = layers.Conv2D(6, 1, activation="relu")(image)
    far = layers.Conv2D(8, 5, padding="same", activation="relu")(far)
    x = layers.Conv2D(12, 1, activation="relu")(layers.concatenate([near, far]))
    return keras.Model(image, layers.ReLU()(layers.add([x, layers.Conv2D(12, 1)(image)])))


# %% 4.5 wrong, loses 3: concatenated the wrong way round
def mended_module(input_shape):
    image = keras.Input(input_shape)
    near = layers.Conv2D(6, 1, activation="relu")(image)
    near = layers.Conv2D(8, 3, padding="same", activation="relu")(near)
    far = layers.Conv2D(6, 1, activation="relu")(image)
    far = layers.Conv2D(8, 5, padding="same", activation="relu")(far)
    x = layers.Conv2D(12, 1)(layers.concatenate([far, near]))
    return keras.Model(image, layers.ReLU()(layers.add([x, layers.Conv2D(12, 1)(image)])))


# %% 4.5 right: a class
class Mended(keras.Model):
    def __init__(self):
        super().__init__()
        self.shortcut, self.join = layers.Conv2D(12, 1), layers.Conv2D(12, 1)
        self.reduces = [layers.Conv2D(6, 1) for _ in range(2)]
        self.wide = [layers.Conv2D(8, size, padding="same") for size in (3, 5)]

    def call(self, x):
        pairs = zip(self.reduces, self.wide, strict=True)
        branches = [ops.relu(wide(ops.relu(reduce(x)))) for reduce, wide in pairs]
        return ops.relu(self.join(ops.concatenate(branches, axis=-1)) + self.shortcut(x))


def mended_module(input_shape):
    return Mended()


# %% 4.5 right: branches that are Sequentials
def mended_module(input_shape):
    def branch(size):
        reduce = layers.Conv2D(6, 1, activation="relu")
        return keras.Sequential([reduce, layers.Conv2D(8, size, padding="same", activation="relu")])

    image = keras.Input(input_shape)
    main = layers.Conv2D(12, 1)(layers.Concatenate()([branch(3)(image), branch(5)(image)]))
    return keras.Model(image, ops.relu(layers.Conv2D(12, 1)(image) + main))


# %% 4.6 wrong, loses 3: a projection even where the shape stays
def residual_block(input_shape, filters, strides=1):
    x = keras.Input(input_shape)
    main = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    main = layers.ReLU()(layers.BatchNormalization()(main))
    main = layers.Conv2D(filters, 3, padding="same", use_bias=False)(main)
    main = layers.BatchNormalization()(main)
    shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
    shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, layers.ReLU()(layers.add([main, shortcut])))


# %% 4.6 wrong, loses 3: no projection where only the strides change the shape
def residual_block(input_shape, filters, strides=1):
    x = shortcut = keras.Input(input_shape)
    main = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    main = layers.ReLU()(layers.BatchNormalization()(main))
    main = layers.Conv2D(filters, 3, padding="same", use_bias=False)(main)
    main = layers.BatchNormalization()(main)
    if input_shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, layers.ReLU()(layers.add([main, shortcut])))


# %% 4.6 wrong, loses 3: convolutions with a bias
def residual_block(input_shape, filters, strides=1):
    x = shortcut = keras.Input(input_shape)
    main = layers.Conv2D(filters, 3, strides=strides, padding="same")(x)
    main = layers.ReLU()(layers.BatchNormalization()(main))
    main = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(main))
    if strides != 1 or input_shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides)(x)
        shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, layers.ReLU()(layers.add([main, shortcut])))


# %% 4.6 wrong, loses 4: the ReLU before the sum, none after it
def residual_block(input_shape, filters, strides=1):
    x = shortcut = keras.Input(input_shape)
    main = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    main = layers.ReLU()(layers.BatchNormalization()(main))
    main = layers.Conv2D(filters, 3, padding="same", use_bias=False)(main)
    main = layers.ReLU()(layers.BatchNormalization()(main))
    if strides != 1 or input_shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, layers.add([main, shortcut]))


# %% 4.6 wrong, loses 3: no ReLU between the convolutions
def residual_block(input_shape, filters, strides=1):
    x = shortcut = keras.Input(input_shape)
    main = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    main = layers.BatchNormalization()(main)
    main = layers.Conv2D(filters, 3, padding="same", use_bias=False)(main)
    main = layers.BatchNormalization()(main)
    if strides != 1 or input_shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, layers.ReLU()(layers.add([main, shortcut])))


# %% 4.6 wrong, loses 3: the second convolution has the strides
def residual_block(input_shape, filters, strides=1):
    x = shortcut = keras.Input(input_shape)
    main = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    main = layers.ReLU()(layers.BatchNormalization()(main))
    main = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(main)
    main = layers.BatchNormalization()(main)
    if strides != 1 or input_shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, layers.ReLU()(layers.add([main, shortcut])))


# %% 4.6 wrong, loses 3: a class that does not normalize by the batch in training
class Frozen(keras.Model):
    def __init__(self, filters, strides, change):
        super().__init__()
        self.first = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)
        self.second = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.norms = [layers.BatchNormalization() for _ in range(2 + change)]
        self.side = layers.Conv2D(filters, 1, strides=strides, use_bias=False) if change else None

    def call(self, x):
        y = ops.relu(self.norms[0](self.first(x), training=False))
        y = self.norms[1](self.second(y), training=False)
        return ops.relu(y + (self.norms[2](self.side(x), training=False) if self.side else x))


def residual_block(input_shape, filters, strides=1):
    return Frozen(filters, strides, strides > 1 or input_shape[-1] != filters)


# %% 4.6 right: a class of its own
class Block(keras.Model):
    def __init__(self, filters, strides, change):
        super().__init__()
        self.first = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)
        self.second = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.norms = [layers.BatchNormalization() for _ in range(2 + change)]
        self.side = layers.Conv2D(filters, 1, strides=strides, use_bias=False) if change else None

    def call(self, x, training=None):
        y = ops.relu(self.norms[0](self.first(x), training=training))
        y = self.norms[1](self.second(y), training=training)
        if self.side:
            x = self.norms[2](self.side(x), training=training)
        return ops.relu(y + x)


def residual_block(input_shape, filters, strides=1):
    return Block(filters, strides, strides > 1 or input_shape[-1] != filters)


# %% 4.6 right: a layer, its second convolution made first
class BlockLayer(layers.Layer):
    def __init__(self, input_shape, filters, strides):
        super().__init__()

        def conv(size, strides=1):
            layer = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)
            return keras.Sequential([layer, layers.BatchNormalization()])

        same = strides == 1 and input_shape[-1] == filters
        self.second, self.first = conv(3), conv(3, strides)
        self.side = layers.Identity() if same else conv(1, strides)

    def call(self, x):
        return ops.relu(self.second(ops.relu(self.first(x))) + self.side(x))


def residual_block(input_shape, filters, strides=1):
    return BlockLayer(input_shape, filters, strides)


# %% 4.6 right: a Sequential inside, and a shortcut that picks pixels before its 1×1
def residual_block(input_shape, filters, strides=1):
    x = keras.Input(input_shape)
    main = keras.Sequential(
        [
            layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
        ]
    )
    shortcut = x
    if (input_shape[-1], strides) != (filters, 1):
        picked = x[:, ::strides, ::strides]
        shortcut = layers.Conv2D(filters, 1, use_bias=False)(picked)
        shortcut = layers.BatchNormalization()(shortcut)
    return keras.Model(x, ops.relu(main(x) + shortcut))


# %% 4.7 wrong, loses 3: no batch normalization
def resnet_parameters(blocks, bottleneck=False, classes=1000):
    total, channels = 7 * 7 * 3 * 64, 64
    for stage, number in enumerate(blocks):
        width = 64 * 2**stage
        output = 4 * width if bottleneck else width
        for _ in range(number):
            if bottleneck:
                total += channels * width + 9 * width * width + width * output
            else:
                total += 9 * channels * width + 9 * width * width
            total += channels * output if channels != output else 0
            channels = output
    return total + (channels + 1) * classes


# %% 4.7 wrong, loses 3: a projection in each stage's first block, needed or not
def resnet_parameters(blocks, bottleneck=False, classes=1000):
    total, channels = 9408 + 128, 64
    for stage, number in enumerate(blocks):
        width = 64 * 2**stage
        output = 4 * width if bottleneck else width
        for block in range(number):
            shapes = [(9, channels, width), (9, width, width)]
            if bottleneck:
                shapes = [(1, channels, width), (9, width, width), (1, width, output)]
            if block == 0:
                shapes.append((1, channels, output))
            total += sum(k * c * f + 2 * f for k, c, f in shapes)
            channels = output
    return total + (channels + 1) * classes


# %% 4.7 wrong, loses 3: no projections
def resnet_parameters(blocks, bottleneck=False, classes=1000):
    total, channels = 9408 + 128, 64
    for stage, number in enumerate(blocks):
        width = 64 * 2**stage
        output = 4 * width if bottleneck else width
        for _ in range(number):
            shapes = [(9, channels, width), (9, width, width)]
            if bottleneck:
                shapes = [(1, channels, width), (9, width, width), (1, width, output)]
            total += sum(k * c * f + 2 * f for k, c, f in shapes)
            channels = output
    return total + (channels + 1) * classes


# %% 4.7 wrong, loses 3: the dense layer always reads 512 or 2048 channels
def resnet_parameters(blocks, bottleneck=False, classes=1000):
    total, channels = 9408 + 128, 64
    for stage, number in enumerate(blocks):
        width = 64 * 2**stage
        output = 4 * width if bottleneck else width
        for _ in range(number):
            shapes = [(9, channels, width), (9, width, width)]
            if bottleneck:
                shapes = [(1, channels, width), (9, width, width), (1, width, output)]
            if channels != output:
                shapes.append((1, channels, output))
            total += sum(k * c * f + 2 * f for k, c, f in shapes)
            channels = output
    return total + ((2048 if bottleneck else 512) + 1) * classes


# %% 4.7 wrong, loses 3: counts the moving averages, too
def resnet_parameters(blocks, bottleneck=False, classes=1000):
    total, channels = 9408 + 256, 64
    for stage, number in enumerate(blocks):
        width = 64 * 2**stage
        output = 4 * width if bottleneck else width
        for _ in range(number):
            shapes = [(9, channels, width), (9, width, width)]
            if bottleneck:
                shapes = [(1, channels, width), (9, width, width), (1, width, output)]
            if channels != output:
                shapes.append((1, channels, output))
            total += sum(k * c * f + 4 * f for k, c, f in shapes)
            channels = output
    return total + (channels + 1) * classes


# %% 4.7 right: a list of all kernels, then one sum
def resnet_parameters(blocks, bottleneck=False, classes=1000):
    kernels, last = [(7, 3, 64)], 64
    for width, number in zip([64 << s for s in range(len(blocks))], blocks, strict=True):
        for _ in range(number):
            if bottleneck:
                kernels += [(1, last, width), (3, width, width), (1, width, 4 * width)]
            else:
                kernels += [(3, last, width), (3, width, width)]
            if kernels[-1][2] != last:
                kernels.append((1, last, kernels[-1][2]))
            last = kernels[-1][2]
    k, c, f = np.array(kernels).T
    return (k * k * c * f + 2 * f).sum() + (last + 1) * classes


# %% 4.8 wrong, loses 3: the strides of a layer already count for the layer itself
def receptive_field(network):
    first, last, jump = 0, 0, 1
    for layer in network:
        if isinstance(layer, list):
            starts, ends, steps = zip(*map(receptive_field, layer), strict=True)
            if len(set(steps)) > 1:
                raise ValueError(steps)
            first, last = first + min(starts) * jump, last + max(ends) * jump
            jump *= steps[0]
        else:
            k, s, d, p = layer
            jump *= s
            first, last = first - p * jump, last + (d * (k - 1) - p) * jump
    return first, last, jump


# %% 4.8 wrong, loses 3: the padding is not multiplied by the jump
def receptive_field(network):
    first, last, jump = 0, 0, 1
    for layer in network:
        if isinstance(layer, list):
            starts, ends, steps = zip(*map(receptive_field, layer), strict=True)
            if len(set(steps)) > 1:
                raise ValueError(steps)
            first, last = first + min(starts) * jump, last + max(ends) * jump
            jump *= steps[0]
        else:
            k, s, d, p = layer
            first, last = first - p, last + d * (k - 1) * jump - p
            jump *= s
    return first, last, jump


# %% 4.8 wrong, loses 3: the largest branch only
def receptive_field(network):
    first, last, jump = 0, 0, 1
    for layer in network:
        if isinstance(layer, list):
            fields = [receptive_field(branch) for branch in layer]
            if len({step for *_, step in fields}) > 1:
                raise ValueError("jumps")
            low, high, step = max(fields, key=lambda field: field[1] - field[0])
        else:
            k, step, d, p = layer
            low, high = -p, d * (k - 1) - p
        first, last, jump = first + low * jump, last + high * jump, jump * step
    return first, last, jump


# %% 4.8 wrong, loses 2: no ValueError
def receptive_field(network):
    first, last, jump = 0, 0, 1
    for layer in network:
        if isinstance(layer, list):
            starts, ends, steps = zip(*map(receptive_field, layer), strict=True)
            low, high, step = min(starts), max(ends), max(steps)
        else:
            k, step, d, p = layer
            low, high = -p, d * (k - 1) - p
        first, last, jump = first + low * jump, last + high * jump, jump * step
    return first, last, jump


# %% 4.8 wrong, loses 3: dilation makes k · d pixels
def receptive_field(network):
    first, last, jump = 0, 0, 1
    for layer in network:
        if isinstance(layer, list):
            starts, ends, steps = zip(*map(receptive_field, layer), strict=True)
            if len(set(steps)) > 1:
                raise ValueError(steps)
            low, high, step = min(starts), max(ends), steps[0]
        else:
            k, step, d, p = layer
            low, high = -p, k * d - 1 - p
        first, last, jump = first + low * jump, last + high * jump, jump * step
    return first, last, jump


# %% 4.8 wrong, loses 4: empties the branches as it goes
def receptive_field(network):
    first, last, jump = 0, 0, 1
    while network:
        layer = network.pop(0)
        if isinstance(layer, list):
            starts, ends, steps = zip(*map(receptive_field, layer), strict=True)
            if len(set(steps)) > 1:
                raise ValueError(steps)
            low, high, step = min(starts), max(ends), steps[0]
        else:
            k, step, d, p = layer
            low, high = -p, d * (k - 1) - p
        first, last, jump = first + low * jump, last + high * jump, jump * step
    return first, last, jump


# %% 4.8 right: backwards, from the last map to the image
def receptive_field(network):
    low, high, jump = 0, 0, 1
    for layer in reversed(network):
        if isinstance(layer, tuple):
            kernel_size, strides, dilation_rate, padding = layer
            low = low * strides - padding
            high = high * strides - padding + dilation_rate * (kernel_size - 1)
            jump *= strides
            continue
        fields = [receptive_field(branch) for branch in layer]
        if len({field[2] for field in fields}) != 1:
            raise ValueError("branches with different jumps")
        step = fields[0][2]
        low = low * step + min(field[0] for field in fields)
        high = high * step + max(field[1] for field in fields)
        jump *= step
    return low, high, jump


# %% 4.8 right: traces the pixels
def pixels(network, units):
    for layer in network[::-1]:
        if isinstance(layer, list):
            traced = [pixels(branch, units) for branch in layer]
            jumps = [pixels(branch, {1}) for branch in layer], [pixels(b, {0}) for b in layer]
            if len({min(a) - min(b) for a, b in zip(*jumps, strict=True)}) > 1:
                raise ValueError("jumps")
            units = set().union(*traced)
        else:
            k, s, d, p = layer
            units = {u * s + i * d - p for u in units for i in range(k)}
    return units


def receptive_field(network):
    zero, one = pixels(network, {0}), pixels(network, {1})
    return np.array([min(zero), max(zero), min(one) - min(zero)])


# %% 4.9 wrong, loses 3: counts parameters
def multiply_adds(model):
    return model.count_params()


# %% 4.9 wrong, loses 3: the channels in place of the groups
def multiply_adds(model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D):
            _, height, width, filters = layer.output.shape
            k, q = layer.kernel_size
            total += height * width * filters * k * q * layer.input.shape[-1]
        elif isinstance(layer, layers.DepthwiseConv2D):
            _, height, width, channels = layer.output.shape
            total += height * width * channels * layer.kernel_size[0] * layer.kernel_size[1]
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.output.shape[1:-1])) * layer.kernel.shape[0] * layer.units
    return total


# %% 4.9 wrong, loses 3: places of the input, not of the output
def multiply_adds(model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense):
            places = np.prod(layer.input.shape[1:-1], dtype=int)
            total += int(places * np.prod(layer.kernel.shape, dtype=int))
    return total


# %% 4.9 wrong, loses 3: does not look into a model in the model
def multiply_adds(model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense):
            places = np.prod(layer.output.shape[1:-1], dtype=int)
            total += int(places * np.prod(layer.kernel.shape, dtype=int))
    return total


# %% 4.9 wrong, loses 3: with the biases
def multiply_adds(model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense):
            total += int(np.prod(layer.output.shape[1:-1], dtype=int)) * layer.count_params()
    return total


# %% 4.9 wrong, loses 3: takes maps for square
def multiply_adds(model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense):
            side = layer.output.shape[1] if len(layer.output.shape) == 4 else 1
            total += side * side * int(np.prod(layer.kernel.shape))
    return total


# %% 4.9 wrong, loses 2: in 32 bits, which overflow
def multiply_adds(model):
    total = np.int32(0)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense):
            places = np.prod(layer.output.shape[1:-1], dtype=np.int32)
            total += places * np.prod(layer.kernel.shape, dtype=np.int32)
    return total


# %% 4.9 right: case by case, from the layers' settings
def multiply_adds(model):
    total = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.DepthwiseConv2D):
            _, height, width, channels = layer.output.shape
            total += height * width * channels * layer.kernel_size[0] * layer.kernel_size[1]
        elif isinstance(layer, layers.Conv2D):
            _, height, width, filters = layer.output.shape
            k, q = layer.kernel_size
            total += height * width * filters * k * q * (layer.input.shape[-1] // layer.groups)
        elif isinstance(layer, layers.Dense):
            outputs = 1
            for size in layer.output.shape[1:]:
                outputs *= size
            total += outputs * layer.input.shape[-1]
    return total


# %% 4.9 right: whatever has a kernel, with a list of models to look into
def multiply_adds(model):
    total, models = 0, [model]
    while models:
        for layer in models.pop().layers:
            if isinstance(layer, keras.Model):
                models.append(layer)
            elif hasattr(layer, "kernel"):
                shape = layer.compute_output_shape(layer.input.shape)
                total += np.prod(shape[1:-1], dtype="int64") * to_numpy(layer.kernel).size
    return total


# %% 4.10 wrong, loses 2: the row of a class in place of its column
def class_activation_map(model, image, label):
    average, dense = model.layers[-2:]
    maps = to_numpy(keras.Model(model.inputs[0], average.input)(image[None]))[0]
    return maps @ np.resize(to_numpy(dense.kernel)[label], maps.shape[-1])


# %% 4.10 wrong, loses 2: with the bias at each place
def class_activation_map(model, image, label):
    average, dense = model.layers[-2:]
    maps = to_numpy(keras.Model(model.inputs[0], average.input)(image[None]))[0]
    return maps @ to_numpy(dense.kernel)[:, label] + to_numpy(dense.bias)[label]


# %% 4.10 wrong, loses 2: keeps the batch
def class_activation_map(model, image, label):
    average, dense = model.layers[-2:]
    maps = to_numpy(keras.Model(model.inputs[0], average.input)(image[None]))
    return maps @ to_numpy(dense.kernel)[:, label]


# %% 4.10 wrong, loses 2: only what speaks for the class
def class_activation_map(model, image, label):
    average, dense = model.layers[-2:]
    maps = to_numpy(keras.Model(model.inputs[0], average.input)(image[None]))[0]
    return np.maximum(maps @ to_numpy(dense.kernel)[:, label], 0)


# %% 4.10 wrong, loses 2: the third layer from the end, which need not be the one that is averaged
def class_activation_map(model, image, label):
    x = image[None]
    for layer in model.layers[:-2]:
        x = layer(x)
    return to_numpy(x)[0] @ model.get_weights()[-2][:, label]


# %% 4.10 wrong, loses 2: leaves the image scaled
def class_activation_map(model, image, label):
    average, dense = model.layers[-2:]
    maps = to_numpy(keras.Model(model.inputs[0], average.input)(image[None]))[0]
    image /= abs(image).max()
    return maps @ to_numpy(dense.kernel)[:, label]


# %% 4.10 right: a sum over the maps
def class_activation_map(model, image, label):
    extractor = keras.Model(model.inputs[0], model.layers[-2].input)
    maps = extractor.predict(image[None], verbose=0)[0]
    weights = model.get_weights()[-2]
    total = 0
    for c in range(maps.shape[-1]):
        total = total + weights[c, label] * maps[:, :, c]
    return total


# %% 4.10 right: the dense layer at each place, less its bias
def class_activation_map(model, image, label):
    average, dense = model.layers[-2:]
    maps = keras.Model(model.inputs[0], average.input)(ops.convert_to_tensor(image[None]))
    return ops.matmul(maps, dense.kernel)[0, ..., label]
