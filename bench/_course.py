"""The course's networks whose training is timed, in Keras; ``_torch_trainer.py`` has them, too."""

from itertools import count

import keras
import numpy as np
from keras import layers

from bench import networks

SHAPES = {  # name: an image
    "conv64-pool-dense32": (32, 32, 3),
    "two-blocks": (32, 32, 3),
    "fashion": (28, 28, 1),
    "lenet-5": (32, 32, 1),
    "residual": (32, 32, 3),
}
BACKWARD = 2  # a backward pass takes about twice the multiply-adds of a forward pass


def lenet5() -> keras.Model:
    """LeNet-5 as chapter 04 builds it."""
    pairs = []
    for filters in (6, 16):
        pairs.append(layers.Conv2D(filters, 5, activation="tanh"))
        pairs.append(layers.AveragePooling2D(2))
    dense = [layers.Dense(units, activation="tanh") for units in (120, 84)]
    head = [layers.Flatten(), *dense, layers.Dense(10, activation="softmax")]
    return keras.Sequential([layers.Input(SHAPES["lenet-5"]), *pairs, *head])


def residual() -> keras.Model:
    """Nine residual blocks with 16, 32 and 64 filters, as in a ResNet-20 for CIFAR-10.

    Pooling halves the maps, not strides: with those, Keras and PyTorch pad differently.
    """
    number = count()  # the names say in which order layers were made

    def conv(x, filters, kernel_size=3):
        options = {"padding": "same", "use_bias": False, "name": f"{next(number):02}_conv"}
        x = layers.Conv2D(filters, kernel_size, **options)(x)
        return layers.BatchNormalization(name=f"{next(number):02}_norm")(x)

    image = keras.Input(SHAPES["residual"])
    x = layers.ReLU()(conv(image, 16))
    for filters in (16, 32, 64):
        if filters > 16:
            x = layers.AveragePooling2D(2)(x)
        for _ in range(3):
            inner = conv(layers.ReLU()(conv(x, filters)), filters)
            shortcut = x if x.shape[-1] == filters else conv(x, filters, 1)
            x = layers.ReLU()(layers.Add()([inner, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    head = layers.Dense(10, activation="softmax", name=f"{next(number):02}_dense")
    return keras.Model(image, head(x))


def build(name: str) -> keras.Model:
    """A network, not compiled."""
    own = {"lenet-5": lenet5, "residual": residual}
    return own[name]() if name in own else networks.network(name)


def multiply_adds(model: keras.Model) -> int:
    """Of one forward pass of one image: those of convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            total += int(np.prod(layer.output.shape[1:-1])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def weights_for_torch(model: keras.Model) -> list[np.ndarray]:
    """All weights, layer by layer as they were made, in PyTorch's order of axes."""
    found, maps = [], None
    made = sorted(model.layers, key=lambda layer: layer.name if layer.name[0].isdigit() else "")
    for layer in made:
        if isinstance(layer, layers.Flatten):
            maps = layer.input.shape[1:]
            continue
        values = layer.get_weights()
        if isinstance(layer, layers.Conv2D):
            values[0] = values[0].transpose(3, 2, 0, 1)
        elif isinstance(layer, layers.Dense):
            kernel = values[0]
            if maps:  # PyTorch flattens channels first
                kernel = kernel.reshape(*maps, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
            values[0], maps = kernel.T, None
        found += values
    return found
