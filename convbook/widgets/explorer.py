"""The base class of all explorers: one module, two hosts."""

import json
import re
from html import escape
from pathlib import Path

import anywidget
import numpy as np
import traitlets

HERE = Path(__file__).parent


class Explorer(anywidget.AnyWidget):
    """What all explorers share. A subclass states its ``name``: that of its ``.js`` and ``.css``.

    All that its module reads is in ``state``, a dict of JSON values: ``model.get("state")`` in
    JavaScript.
    """

    name: str
    state = traitlets.Dict().tag(sync=True)

    @classmethod
    def source(cls) -> str:
        """The explorer's own JavaScript, without the controls that all share."""
        return read(f"{cls.name}.js")

    @property
    def _esm(self) -> str:
        return read("controls.js") + self.source()

    @property
    def _css(self) -> str:
        return read("base.css") + read(f"{self.name}.css")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"  # the default holds a memory address

    def _repr_mimebundle_(self, **kwargs):
        """The live widget, and the same ``<div>`` every time for the static site."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        state = escape(json.dumps(self.state, ensure_ascii=False, sort_keys=True))
        data["text/plain"] = repr(self)
        anchor = f' id="{self.state["id"]}"' if "id" in self.state else ""
        data["text/html"] = (
            f'<div class="convbook-widget"{anchor} data-widget="{self.name}" data-state="{state}">'
            "This explorer runs in the book's site, and in a notebook after its cell is run.</div>"
        )
        return data, metadata


def read(name: str) -> str:
    """A file of this folder."""
    return (HERE / name).read_text(encoding="utf-8")


def check_id(id: str) -> str:
    """The id, if a link can name it; else ValueError."""
    if not (isinstance(id, str) and re.fullmatch(r"[A-Za-z][\w-]*", id, re.ASCII)):
        raise ValueError(f"id must be a letter, then letters, digits, - or _; got {id!r}")
    return id


def check_whole(name: str, value, low: int, high: int) -> int:
    """The value as an int, if it is a whole number from low to high; else ValueError."""
    if (
        isinstance(value, (int, np.integer))
        and not isinstance(value, bool)
        and low <= value <= high
    ):
        return int(value)
    raise ValueError(f"{name} must be a whole number from {low} to {high}; got {value!r}")


def check_number(name: str, value, low: float, high: float) -> float:
    """The value as a float, if it is a number from low to high; else ValueError."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if is_number and low <= value <= high:
        return float(value)
    raise ValueError(f"{name} must be a number from {low} to {high}; got {value!r}")


def check_choice(name: str, value, choices) -> str:
    """The value, if it is one of the choices; else ValueError."""
    if value in choices:
        return value
    raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")
