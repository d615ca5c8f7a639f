"""The explorer of signals and gradients in a deep network."""

from convbook.widgets.explorer import Explorer, check_choice, check_id, check_number, check_whole

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "linear")
INITIALIZERS = (
    "random_normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_normal",
    "orthogonal",
    "constant",
    "zeros",
)


class SignalFlow(Explorer):
    """Made by :func:`signal_flow`."""

    name = "signal_flow"


def signal_flow(
    *,
    layers=20,
    units=128,
    activation="sigmoid",
    kernel_initializer="glorot_uniform",
    stddev=0.01,
    value=0.01,
    batch_norm=False,
    id="flow",
):
    """Show what arrives at each layer of a deep dense network, forwards and backwards.

    Args:
        layers, units: whole numbers; 2 to 30 layers of 8 to 128 units.
        activation: ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"`` (slope 0.2, as the
            name means in Keras), ``"elu"``, ``"selu"`` or ``"linear"``.
        kernel_initializer: ``"random_normal"``, ``"glorot_uniform"``, ``"glorot_normal"``,
            ``"he_uniform"``, ``"he_normal"``, ``"lecun_normal"``, ``"orthogonal"``,
            ``"constant"`` or ``"zeros"``.
        stddev: of ``"random_normal"``; 0.001 to 2.
        value: of ``"constant"``; 0.001 to 2.
        batch_norm: whether each activation comes after a batch normalization.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    return SignalFlow(
        state={
            "id": check_id(id),
            "depth": check_whole("layers", layers, 2, 30),
            "n": check_whole("units", units, 8, 128),
            "act": check_choice("activation", activation, ACTIVATIONS),
            "init": check_choice("kernel_initializer", kernel_initializer, INITIALIZERS),
            "stddev": check_number("stddev", stddev, 0.001, 2),
            "value": check_number("value", value, 0.001, 2),
            "bn": bool(batch_norm),
            "seed": 0,
        }
    )
