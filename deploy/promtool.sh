#!/usr/bin/env bash
# Put Debian's promtool into a folder and print its path; nothing is installed, no server is started.
#   deploy/promtool.sh DIR
set -euo pipefail
dir=${1:?usage: promtool.sh DIR}
mkdir -p "$dir"
cd "$dir"
if [ ! -x promtool ]; then
  {
    apt-get download -q prometheus || { apt-get update -qq && apt-get download -q prometheus; }
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components=3 ./usr/bin/promtool
    rm prometheus_*.deb
  } >&2
fi
echo "$PWD/promtool"
