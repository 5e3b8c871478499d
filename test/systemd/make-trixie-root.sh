#!/bin/bash
# make-trixie-root.sh: a root of Debian 13, whose systemd is 257, for the tests that run on both.
#
# It goes to $SESSIOND_TEST_CACHE, else /var/cache/sessiond-test, as `trixie`; 400 MB and some minutes. Needs root,
# the Debian package debootstrap, and Debian's package archive within reach. Where it is there, nothing is done.
set -euo pipefail
cache=${SESSIOND_TEST_CACHE:-/var/cache/sessiond-test}
root=$cache/trixie
if [ -e "$root/usr/lib/systemd/systemd" ]; then
  echo "$root is there."
  exit 0
fi
command -v debootstrap >/dev/null || { echo 'Install debootstrap first: apt-get install debootstrap' >&2; exit 1; }
mkdir -p "$cache"
# Under another name until it is whole, so that what was cut short is not taken for a root.
making=$(mktemp -d "$cache/making.XXXXXX")
trap 'rm -rf "$making"' EXIT
chmod 755 "$making"
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,libnss-systemd,iproute2,procps \
  trixie "$making" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
rm -rf "$making"/var/cache/apt/archives/*.deb "$making"/var/lib/apt/lists/*
mv "$making" "$root"
echo "$root is there: $("$root/usr/lib/systemd/systemd" --version 2>/dev/null | head -1 || chroot "$root" systemctl --version | head -1)"
