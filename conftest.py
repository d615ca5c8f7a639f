"""What every test runs with: the build's environment, and no downloads."""

import os

from convbook import environment

os.environ.update(environment.build(), CONVBOOK_OFFLINE="1")
