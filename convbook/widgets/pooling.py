"""The pooling explorer."""

from convbook.widgets.explorer import Explorer, check_choice, check_id, check_whole


class Pooling(Explorer):
    """Made by :func:`pooling`."""

    name = "pooling"


def pooling(
    *,
    kind="max",
    input_size=4,
    pool_size=2,
    strides=2,
    padding="valid",
    numbers="example",
    id="pool",
):
    """Show what a pooling layer computes and where its gradient goes, as Keras does.

    Args:
        kind: ``"max"``, ``"average"`` or ``"min"``.
        input_size, pool_size, strides: whole numbers, in cells; 1 to 10, 1 to 5, 1 to 5.
        padding: ``"valid"`` or ``"same"``, as in Keras.
        numbers: what the input holds first: ``"example"``, ``"signed"``, ``"dot"``, ``"edge"``
            or ``"equal"``.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    return Pooling(
        state={
            "id": check_id(id),
            "m": check_choice("kind", kind, ("max", "average", "min")),
            "n": check_whole("input_size", input_size, 1, 10),
            "k": check_whole("pool_size", pool_size, 1, 5),
            "s": check_whole("strides", strides, 1, 5),
            "p": check_choice("padding", padding, ("valid", "same")),
            "x": check_choice("numbers", numbers, ("example", "signed", "dot", "edge", "equal")),
            "d": 0,
            "own": [],
        }
    )
