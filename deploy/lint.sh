#!/usr/bin/env bash
# Every static gate: style, types, Cython, the arrows between the rooms.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
export PATH="$PWD/$bin:$PATH" # cython-lint calls pycodestyle by its name
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
"$bin/cython-lint" kernels
"$bin/lint-imports"
