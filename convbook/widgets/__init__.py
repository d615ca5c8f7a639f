"""Explorers that run in a notebook and, without a kernel, in the static site.

One explorer is one ES module with no imports, ``export default { render({ model, el }) }``,
beside one small Python class. In a notebook anywidget runs the module; in the site ``host.js``
mounts the same module on the ``<div>`` that the class stores as its HTML output.
"""

from convbook.widgets.audio import audio
from convbook.widgets.convolution import convolution
from convbook.widgets.embedding import embedding
from convbook.widgets.image_kernels import image_kernels
from convbook.widgets.live import interact, progress
from convbook.widgets.optimizer_race import optimizer_race
from convbook.widgets.pooling import pooling
from convbook.widgets.quiz import quiz
from convbook.widgets.receptive_field import receptive_field
from convbook.widgets.schedules import schedules
from convbook.widgets.signal_flow import signal_flow
from convbook.widgets.trainer import trainer

__all__ = [
    "audio",
    "convolution",
    "embedding",
    "image_kernels",
    "interact",
    "optimizer_race",
    "pooling",
    "progress",
    "quiz",
    "receptive_field",
    "schedules",
    "signal_flow",
    "trainer",
]
