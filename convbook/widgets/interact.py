"""Sliders over a Python function, for what needs a live kernel."""

import os


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

    if os.environ.get("CONVBOOK_BUILD") != "1":
        ipywidgets.interact(function, **sliders)
        return
    first = {child._kwarg: child.value for child in _children(ipywidgets, function, sliders)}
    function(**first)


def _children(ipywidgets, function, sliders):
    """The slider widgets that ``interact`` would show, without showing them."""
    return ipywidgets.interactive(function, **sliders).kwargs_widgets
