"""What a person at a live kernel sees and a build does not: sliders and progress bars."""

import inspect
import os


def building() -> bool:
    """True while the book is built or tested, with nobody watching."""
    return os.environ.get("CONVBOOK_BUILD") == "1"


def progress() -> int | str:
    """What ``verbose=`` of ``fit`` takes: a progress bar for a person, silence for a build."""
    return 0 if building() else "auto"


def interact(function, **sliders):
    """``ipywidgets.interact``; when the book is built, one call with the sliders' first values.

    A stored notebook has no kernel behind it, so its page shows that one call's output.

    Parameters
    ----------
    function : callable; it takes the sliders' names as keyword arguments and prints or plots.
    **sliders : what ``ipywidgets.interact`` takes: a range ``(low, high)`` or
        ``(low, high, step)``, a list of choices, a bool, a text, or a widget.
    """
    import ipywidgets

    if not building():
        ipywidgets.interact(function, **sliders)
        return
    defaults = {p.name: p.default for p in inspect.signature(function).parameters.values()}
    make = ipywidgets.interactive.widget_from_abbrev
    function(**{name: make(slider, defaults[name]).value for name, slider in sliders.items()})
