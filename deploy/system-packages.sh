#!/usr/bin/env bash
# Install the system packages that a target needs, as root on Debian; elsewhere name them in one line.
#   deploy/system-packages.sh runtime|test
set -euo pipefail

packages=(gcc make python3-dev python3-venv)
if [ "${1:-runtime}" = test ]; then
  packages=(chromium chromium-driver debootstrap docker-compose fonts-noto-cjk git mosquitto nats-server openssl
    systemd gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-ugly python3-gi)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Install these packages first, then run the same command again: ${missing[*]}" >&2
  exit 1
fi
echo "Installing system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
