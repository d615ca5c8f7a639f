"""The embedding explorer."""

from convbook.widgets.explorer import Explorer, check_choice, check_id, check_number

TABLE = (  # that of the slides, and of chapter 06
    (0.04, 0.78, 0.09, 0.63, 0.01),
    (0.94, 0.43, 0.25, 0.19, 0.41),
    (0.01, 0.65, 0.87, 0.61, 0.81),
    (0.83, 0.27, 0.84, 0.28, 0.14),
)


class Embedding(Explorer):
    """Made by :func:`embedding`."""

    name = "embedding"


def embedding(
    *,
    ids=(3, 1, 3),
    table=TABLE,
    target=None,
    optimizer="sgd",
    learning_rate=0.5,
    id="embedding",
):
    """Show that a lookup is a product with a one-hot matrix, and which rows a step moves.

    Args:
        ids: 1 to 8 IDs, whole numbers from 0 to the number of rows − 1.
        table: 1 to 8 rows of 1 to 8 numbers from −100 to 100.
        target: the numbers to which the loss pulls each row looked up, as many as columns;
            ``None`` for 1, 0, 1, 0 and so on.
        optimizer: ``"sgd"``, ``"momentum"`` (SGD with momentum 0.9) or ``"adam"``.
        learning_rate: a number from 0 to 2.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    rows = [check_row("table", row) for row in table]
    width = len(rows[0]) if rows else 0
    if not 1 <= len(rows) <= 8 or any(len(row) != width for row in rows):
        raise ValueError(f"table must have 1 to 8 rows of equal length; got {table!r}")
    pull = check_row("target", [1.0, 0.0] * 4 if target is None else target)
    if target is not None and len(pull) != width:
        raise ValueError(f"target must have {width} numbers, one for each column; got {target!r}")
    chosen = [int(i) for i in ids]
    if not 1 <= len(chosen) <= 8 or any(i != j for i, j in zip(ids, chosen, strict=True)):
        raise ValueError(f"ids must be 1 to 8 whole numbers; got {ids!r}")
    if not all(0 <= i < len(rows) for i in chosen):
        raise ValueError(f"ids must lie in the table, from 0 to {len(rows) - 1}; got {ids!r}")
    return Embedding(
        state={
            "id": check_id(id),
            "V": len(rows),
            "D": width,
            "i": ", ".join(map(str, chosen)),
            "o": check_choice("optimizer", optimizer, ("sgd", "momentum", "adam")),
            "r": check_number("learning_rate", learning_rate, 0, 2),
            "w": rows,
            "t": [pull],
            "h": [],
        }
    )


def check_row(name: str, row) -> list[float]:
    """The row as floats, if it is 1 to 8 numbers from −100 to 100; else ValueError."""
    numbers = [check_number(f"each number of {name}", value, -100, 100) for value in row]
    if not 1 <= len(numbers) <= 8:
        raise ValueError(f"{name} must have 1 to 8 columns; got {row!r}")
    return numbers
