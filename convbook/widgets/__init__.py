"""Explorers that run in a notebook and, without a kernel, in the static site.

One explorer is one ES module with no imports, ``export default { render({ model, el }) }``,
beside one small Python class. In a notebook anywidget runs the module; in the site ``host.js``
mounts the same module on the ``<div>`` that the class stores as its HTML output.
"""

from convbook.widgets.convolution import convolution
from convbook.widgets.live import interact, progress
from convbook.widgets.pooling import pooling
from convbook.widgets.quiz import quiz

__all__ = ["convolution", "interact", "pooling", "progress", "quiz"]
