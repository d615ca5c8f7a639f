"""What every test runs with: the build's environment, and no downloads."""

import os

from convbook import environment

temporary = environment.CACHE / "tests"
temporary.mkdir(parents=True, exist_ok=True)
os.environ.update(environment.build(), CONVBOOK_OFFLINE="1", PYTEST_DEBUG_TEMPROOT=str(temporary))
