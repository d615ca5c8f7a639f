"""The trainer: a network that trains in the browser while its reader watches."""

import base64
import functools
import json
import zlib

from convbook.widgets.explorer import (
    HERE,
    Explorer,
    check_choice,
    check_id,
    check_number,
    check_whole,
    read,
)

NETWORKS = ("softmax", "dense", "conv", "blocks", "norm", "dropout", "sigmoid")
OPTIMIZERS = ("sgd", "nesterov", "adagrad", "rmsprop", "adam")
MOST_TEXT = 2000  # characters of a network's description


class Trainer(Explorer):
    """Made by :func:`trainer`."""

    name = "trainer"

    @classmethod
    def source(cls) -> str:
        """The page's module, and all that it needs: the digits, and what its worker runs."""
        constants = {
            "DIGITS": digits(),
            "ENGINE": read("trainer_engine.js"),
            "WORKER": read("trainer_worker.js"),
            "GEMM": base64.b64encode((HERE / "gemm.wasm").read_bytes()).decode(),
        }
        lines = [f"const {name} = {literal(text)};\n" for name, text in constants.items()]
        parts = ("trainer_mosaic", "trainer_ink", "trainer_views", "trainer")
        return "".join(lines + [read(f"{part}.js") for part in parts])


def literal(text: str) -> str:
    """The text as a literal of JavaScript that may stand in a ``<script>`` of a page."""
    return json.dumps(text).replace("</", "<\\/")


@functools.cache
def digits() -> str:
    """scikit-learn's digits, compressed, in base64: all pixels (0 to 16), then all labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "The trainer's images are scikit-learn's digits: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    parts = (bunch.images.astype("uint8"), bunch.target.astype("uint8"))
    return base64.b64encode(zlib.compress(b"".join(p.tobytes() for p in parts), 9)).decode()


def trainer(
    *,
    network="conv",
    optimizer="adam",
    learning_rate=0.003,
    momentum=0.9,
    batch_size=32,
    weight_decay=0,
    epochs=20,
    speed="full",
    split="shuffled",
    seed=0,
    id="train",
):
    """Train a network on 8×8 digits in the browser, with the layers of Keras.

    Args:
        network: ``"softmax"``, ``"dense"``, ``"conv"``, ``"blocks"``, ``"norm"``, ``"dropout"``
            or ``"sigmoid"``; or the layers in Keras' words, one on each line, such as
            ``Conv2D(8, 3, activation="relu")``.
        optimizer: ``"sgd"``, ``"nesterov"``, ``"adagrad"``, ``"rmsprop"`` or ``"adam"``.
        learning_rate: from 0.00001 to 1000.
        momentum: of ``"sgd"`` and ``"nesterov"``; from 0 to 0.99.
        batch_size: a whole number from 1 to 256.
        weight_decay: as in Keras' optimizers; from 0 to 1.
        epochs: how many each run takes; a whole number from 1 to 1000.
        speed: ``"full"``, or ``"slow"``: 10 steps a second, to watch.
        split: ``"shuffled"``, or ``"writers"``: validated and tested on other writers' digits.
        seed: of the first weights, the shuffling, the split and dropout; 0 to 999.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    own = check_text(network)
    return Trainer(
        state={
            "id": check_id(id),
            "net": "own" if own else check_choice("network", network, NETWORKS),
            "own": own,
            "o": check_choice("optimizer", optimizer, OPTIMIZERS),
            "r": check_number("learning_rate", learning_rate, 1e-5, 1000),
            "m": check_number("momentum", momentum, 0, 0.99),
            "b": check_whole("batch_size", batch_size, 1, 256),
            "d": check_number("weight_decay", weight_decay, 0, 1),
            "e": check_whole("epochs", epochs, 1, 1000),
            "v": check_choice("speed", speed, ("full", "slow")),
            "p": check_choice("split", split, ("shuffled", "writers")),
            "s": check_whole("seed", seed, 0, 999),
            "i": 0,
            "g": False,
            "w": False,
        }
    )


def check_text(network) -> str:
    """The text, if it describes layers; nothing, if it has to be the name of a network."""
    if not (isinstance(network, str) and "(" in network):
        return ""
    if len(network) <= MOST_TEXT:
        return network.strip()
    raise ValueError(f"network must have at most {MOST_TEXT:,} characters; got {len(network):,}")
