"""The optimizer race."""

from convbook.widgets.explorer import (
    Explorer,
    check_choice,
    check_id,
    check_number,
    check_whole,
    read,
)

SURFACES = ("bowl", "rosenbrock", "saddle", "himmelblau", "cliff")
BEST = [0.0158, 0.00501, 0.00501, 5.01, 0.0251, 0.0794, 0.316, 3.16]  # of 41, on the bowl


class OptimizerRace(Explorer):
    """Made by :func:`optimizer_race`."""

    name = "optimizer_race"

    @classmethod
    def source(cls) -> str:
        """The module, and before it what it shows: surfaces and optimizers."""
        return read("optimizers.js") + super().source()


def optimizer_race(*, surface="bowl", turn=0, steps=200, noise=0, id="race"):
    """Show which way Keras' optimizers take on a surface over two weights.

    Args:
        surface: ``"bowl"``, ``"rosenbrock"``, ``"saddle"``, ``"himmelblau"`` or ``"cliff"``.
        turn: by how many degrees the bowl's valley is turned; 0 to 90.
        steps: how many steps each optimizer takes; 10 to 600.
        noise: the standard deviation of what is added to each gradient; 0 to 20.
        id: names this explorer in links; must differ between those of a page.

    Returns:
        The explorer, to be the last value of a cell.

    Raises:
        ValueError: if an argument is out of its limits.
    """
    steps = check_whole("steps", steps, 10, 600)
    return OptimizerRace(
        state={
            "id": check_id(id),
            "s": check_choice("surface", surface, SURFACES),
            "turn": check_whole("turn", turn, 0, 90),
            "steps": steps,
            "noise": check_number("noise", noise, 0, 20),
            "seed": 0,
            "mo": 0.9,
            "rho": 0.9,
            "b1": 0.9,
            "b2": 0.999,
            "rates": BEST,
            "at": None,
            "n": steps,
        }
    )
