"""``python -m bench [NAME …]``: run every measurement, or those named, one after another."""

import runpy
import sys
from pathlib import Path

KNOWN = sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))

names = sys.argv[1:] or KNOWN
if unknown := set(names) - set(KNOWN):
    sys.exit(f"no measurement named {', '.join(sorted(unknown))}; there are {', '.join(KNOWN)}")
for name in names:
    print(f"bench.{name}", flush=True)
    sys.argv = [name]
    runpy.run_module(f"bench.{name}", run_name="__main__")
