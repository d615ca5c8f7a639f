"""Claims: sentences of the text that a cell proves."""

import numpy as np


def claim(text: str, holds: bool) -> None:
    """Print ``✓ text`` if the claim holds, else raise.

    Parameters
    ----------
    text : the claim, as a sentence that a reader can check. It quotes no measured value.
    holds : bool, or a NumPy bool: the comparison that proves it.

    Raises
    ------
    AssertionError : the claim does not hold here.
    TypeError : ``holds`` is not a single bool (an array, a number or None proves nothing).
    """
    if not isinstance(holds, bool | np.bool_):
        raise TypeError(f"claim({text!r}, …) needs True or False, not {holds!r}")
    if not holds:
        raise AssertionError(f"this claim does not hold here: {text}")
    print(f"✓ {text}")
