"""Run one measurement in a process of its own, and write down why it failed, if it does.

``python -m bench._one NAME FILE``
"""

import runpy
import sys
import traceback
from pathlib import Path

INTERRUPTED = 130


def main() -> None:
    name, file = sys.argv[1:]
    sys.argv = [name]
    try:
        runpy.run_module(f"bench.{name}", run_name="__main__")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if isinstance(end.code, str):
            Path(file).write_text(end.code, encoding="utf-8")
        elif end.code:
            Path(file).write_text(f"it ended with status {end.code}", encoding="utf-8")
        raise
    except Exception as error:
        traceback.print_exc()
        Path(file).write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        sys.exit(1)


if __name__ == "__main__":
    main()
