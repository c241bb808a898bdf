#!/usr/bin/env bash
# The whole suite: static gates, then every test once per kernel implementation, on embedded
# PostgreSQL and on a real TimescaleDB, with a floor under the coverage of both runs together.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

deploy/lint.sh

timescale=${SEAMLINE_TIMESCALE_DIR:-/var/tmp/seamline-timescale}
if [ "$(id -u)" -eq 0 ]; then
  SEAMLINE_TIMESCALE_DSN=$(deploy/timescale.sh start "$timescale" "${SEAMLINE_TIMESCALE_PORT:-55432}" | tail -n 1)
  export SEAMLINE_TIMESCALE_DSN
  trap 'deploy/timescale.sh stop "$timescale"' EXIT
else
  echo "Not root: the tests on TimescaleDB are skipped."
fi

# Everything with the compiled kernels that a plant runs; then, with their twins, the rooms that call a kernel,
# but for what wears decoders and servers out: the twins are compared with each other, bit for bit, beside it.
calling=(tests/{kernels,vision,streams} tests/engine/test_{ingest,shard,station,store,store_copy,writer}.py)
rm -f .coverage .coverage.*
for kernels in c python; do
  echo "== kernels: $kernels"
  rooms=(tests)
  [ "$kernels" = c ] || rooms=("${calling[@]}" --ignore tests/streams/test_fuzz.py --ignore tests/streams/test_jetstream.py)
  # Two processes, a file of tests at a time: many tests wait for other processes, not for the processor.
  SEAMLINE_KERNELS=$kernels "$bin/python" -m pytest -n 2 --dist loadfile --durations 15 \
    --cov --cov-append --cov-report= "${rooms[@]}" "$@"
done
"$bin/python" -m coverage report --fail-under=85
