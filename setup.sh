#!/bin/sh
# Make .venv with the pinned requirements; `make` calls this when .venv is missing or out of date.
set -eu
cd "$(dirname "$0")"

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

if ! [ -x .venv/bin/python ] || ! suits .venv/bin/python; then
  for python in python3 python3.13 python3.12 python3.11; do
    if suits "$python"; then break; else python=; fi
  done
  if [ -z "$python" ]; then
    echo "convbook needs Python 3.11, 3.12 or 3.13, and found none on the PATH." >&2
    exit 1
  fi
  free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
  if [ "$free" -lt 4 ]; then
    echo "convbook needs 4 GB of free disk for its packages; there are $free GB here." >&2
    exit 1
  fi
  echo "Making .venv with $("$python" --version) …"
  rm -rf .venv
  "$python" -m venv .venv || {
    rm -rf .venv
    echo "Python could not make a virtual environment; on Debian: apt-get install python3-venv" >&2
    exit 1
  }
fi
echo "Installing the pinned requirements (some minutes the first time) …"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt || {
  echo "The packages could not be installed: see pip's message above, then run make again." >&2
  exit 1
}
