"""What every test runs with: the build's environment, and no downloads."""

import os
import re

from xdist.scheduler import LoadFileScheduling

from convbook import environment

temporary = environment.CACHE / "tests"
temporary.mkdir(parents=True, exist_ok=True)
os.environ.update(environment.build(), CONVBOOK_OFFLINE="1", PYTEST_DEBUG_TEMPROOT=str(temporary))


def pytest_xdist_make_scheduler(config, log):
    return FileByFile(config, log) if config.getoption("dist") == "loadfile" else None


class FileByFile(LoadFileScheduling):
    """A process runs a whole file, for a notebook's cells need one another; of labs, a lab each."""

    def _split_scope(self, nodeid: str) -> str:
        lab = re.search(r"test_labs\.py::\w+\[(\d\d_\w+)", nodeid)
        return lab[1] if lab else super()._split_scope(nodeid)
