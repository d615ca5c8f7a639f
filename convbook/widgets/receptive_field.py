"""The receptive-field explorer."""

import re

from convbook.widgets.explorer import Explorer, check_choice, check_id, check_whole

SIZE = "(?:[1-9]|1[01])"
LAYER = rf"(?:{SIZE}(?:s{SIZE}|d{SIZE})?|p{SIZE}(?:s{SIZE})?)"  # Keras has no strides with dilation
MOST = 24  # layers
NETWORKS = {  # what the list calls it, the input's size, the padding, the layers
    "two": ("two 3×3", 9, "valid", "3-3"),
    "five": ("one 5×5", 9, "valid", "5"),
    "three": ("three 3×3", 11, "valid", "3-3-3"),
    "ten": ("ten 3×3", 31, "valid", "3-3-3-3-3-3-3-3-3-3"),
    "lenet": ("LeNet-5 up to its dense layers", 32, "valid", "5-p2-5-p2"),
    "deep": ("chapter 03: two blocks", 32, "same", "3-p2-3-p2"),
    "course": ("chapter 03: three blocks of two", 32, "same", "3-3-p2-3-3-p2-3-3-p2"),
    "vgg": ("VGG-16", 224, "same", "3-3-p2-3-3-p2-3-3-3-p2-3-3-3-p2-3-3-3-p2"),
    "resnet": ("ResNet, first two layers", 64, "same", "7s2-p3s2"),
    "dilated": ("dilations 1, 2, 4, 8", 41, "valid", "3-3d2-3d4-3d8"),
    "holes": ("dilations 2, 2, 2", 19, "valid", "3d2-3d2-3d2"),
}


class ReceptiveField(Explorer):
    """Made by :func:`receptive_field`."""

    name = "receptive_field"


def receptive_field(*, network="three", layers=None, input_size=None, padding=None, id="field"):
    """Show how far the outputs of a stack of layers see, and by how many paths.

    Args:
        network: what to show first: ``"two"`` 3×3 layers, ``"three"``, ``"ten"``, one 5×5
            (``"five"``), ``"lenet"``, the ``"deep"`` network and the three blocks (``"course"``)
            of chapter 03, ``"vgg"``, ``"resnet"`` (its first two layers), ``"dilated"`` (by 1, 2,
            4, 8), or ``"holes"`` (dilated by 2, 2, 2).
        layers: other layers than the network's: 1 to 24, joined by ``-``. ``3`` is a convolution
            with ``kernel_size=3``, ``3s2`` has ``strides=2``, ``3d2`` has ``dilation_rate=2``;
            ``p2`` is a pooling with ``pool_size=2``, ``p3s2`` has other strides than its size.
            The numbers are 1 to 11.
        input_size: another input size than the network's, in cells, 1 to 256.
        padding: another padding than the network's: ``"valid"`` or ``"same"``.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    _, size, pad, stack = NETWORKS[check_choice("network", network, NETWORKS)]
    return ReceptiveField(
        state={
            "id": check_id(id),
            "n": size if input_size is None else check_whole("input_size", input_size, 1, 256),
            "p": pad if padding is None else check_choice("padding", padding, ("valid", "same")),
            "l": stack if layers is None else check_layers(layers),
            "u": -1,
            "networks": list(map(list, NETWORKS.values())),
        }
    )


def check_layers(layers) -> str:
    """The layers, if they are a text as described above; else ValueError."""
    if (
        isinstance(layers, str)
        and re.fullmatch(rf"{LAYER}(?:-{LAYER})*", layers)
        and layers.count("-") < MOST
    ):
        return layers
    raise ValueError(
        f"layers must be 1 to {MOST} layers such as '3-3s2-3d4-p2', numbers 1 to 11; got {layers!r}"
    )
