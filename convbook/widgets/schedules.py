"""The explorer of learning-rate schedules."""

from convbook.widgets.explorer import Explorer, check_choice, check_id, check_number, check_whole

KINDS = ("power", "exponential", "piecewise", "performance", "one_cycle", "cosine", "warm_up")


class Schedules(Explorer):
    """Made by :func:`schedules`."""

    name = "schedules"


def schedules(
    *,
    schedule="power",
    compare="exponential",
    learning_rate=0.3,
    steps=400,
    id="schedules",
):
    """Show the learning rate at each step of a training, and the Keras code for it.

    Args:
        schedule: ``"power"``, ``"exponential"``, ``"piecewise"``, ``"performance"``,
            ``"one_cycle"``, ``"cosine"`` or ``"warm_up"``.
        compare: another of these to draw beside it, or ``"none"``.
        learning_rate: where the schedule begins, or the highest rate that it rises to; 0.001 to 1.
        steps: the length of the training; 10 to 2000.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    steps = check_whole("steps", steps, 10, 2000)
    return Schedules(
        state={
            "id": check_id(id),
            "s": check_choice("schedule", schedule, KINDS),
            "v": check_choice("compare", compare, ("none", *KINDS)),
            "lr": check_number("learning_rate", learning_rate, 0.001, 1),
            "T": steps,
            "pd": 100,
            "c": 1,
            "ed": 200,
            "er": 0.1,
            "a": max(1, steps // 2),
            "b": steps * 3 // 4,
            "f": 10,
            "up": steps * 2 // 5,
            "down": steps // 2,
            "div": 10,
            "w": steps // 4,
            "p": 3,
            "g": 0.3,
            "e": max(5, steps // 40),
            "ripple": 0.1,
            "seed": 0,
            "log": False,
            "n": steps // 4,
        }
    )
