#!/usr/bin/env bash
# The whole suite: static gates, then every test once per kernel implementation, on embedded
# PostgreSQL and on a real TimescaleDB, with a floor under what the tests' own processes cover of the house.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

timescale=${SEAMLINE_TIMESCALE_DIR:-/var/tmp/seamline-timescale}
if [ "$(id -u)" -eq 0 ]; then # its installation waits for the network, so the gates are looked at beside it
  told=$(mktemp)
  deploy/timescale.sh start "$timescale" "${SEAMLINE_TIMESCALE_PORT:-55432}" >"$told" &
  server=$!
  trap 'wait "$server" || :; deploy/timescale.sh stop "$timescale"; rm -f "$told"' EXIT
  deploy/lint.sh
  wait "$server"
  SEAMLINE_TIMESCALE_DSN=$(tail -n 1 "$told")
  export SEAMLINE_TIMESCALE_DSN
else
  deploy/lint.sh
  echo "Not root: the tests on TimescaleDB are skipped."
fi

# Everything with the compiled kernels that a plant runs; then, with their twins, the rooms that call a kernel,
# but for what wears decoders and servers out and what measures models: the twins are compared with each other,
# bit for bit, beside it.
calling=(tests/{kernels,vision,streams} tests/engine/test_{ingest,shard,station,store,store_copy,writer}.py)
without=(tests/streams/test_{fuzz,jetstream}.py tests/vision/test_{battery_settings,shipped_detector}.py)
rm -f .coverage .coverage.*
for kernels in c python; do
  echo "== kernels: $kernels"
  # Three processes for two cores, as tests wait much for the plants that they start; the second round starts none.
  asked=(tests -n 3 --cov --cov-report=) # of those plants nothing is traced: that halves their speed
  [ "$kernels" = c ] || asked=("${calling[@]}" "${without[@]/#/--ignore=}" -n 2)
  # A file of tests at a time as they come: files of one long test do not all come last.
  SEAMLINE_KERNELS=$kernels "$bin/python" -m pytest "${asked[@]}" --dist loadfile --no-loadscope-reorder --durations 15 "$@"
done
"$bin/python" -m coverage report --fail-under=85
