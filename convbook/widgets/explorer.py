"""The base class of all explorers: one module, two hosts."""

import json
from html import escape
from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__).parent


def styles(name: str) -> str:
    """The CSS of an explorer: what all share (``base.css``), then its own."""
    return (HERE / "base.css").read_text() + (HERE / f"{name}.css").read_text()


class Explorer(anywidget.AnyWidget):
    """What all explorers share. A subclass states ``name``, ``_esm`` and ``_css``.

    All that its module reads is in ``state``, a dict of JSON values: ``model.get("state")`` in
    JavaScript.
    """

    name: str
    state = traitlets.Dict().tag(sync=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"  # the default holds a memory address

    def _repr_mimebundle_(self, **kwargs):
        """The live widget, and the same ``<div>`` every time for the static site."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        state = escape(json.dumps(self.state, ensure_ascii=False, sort_keys=True))
        data["text/plain"] = repr(self)
        data["text/html"] = (
            f'<div class="convbook-widget" data-widget="{self.name}" data-state="{state}">'
            "This explorer runs in the book's site, and in a notebook after its cell is run.</div>"
        )
        return data, metadata
