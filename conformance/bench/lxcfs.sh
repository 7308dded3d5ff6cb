#!/bin/sh
# lxcfs.sh: installs lxcfs for the bench where it is missing, as root on Debian.
# Where it can't be had, it says so, and the bench goes on without. (With
# systemd, Debian's package also starts it on /var/lib/lxcfs. The bench runs
# one of its own.)
command -v lxcfs >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
	export DEBIAN_FRONTEND=noninteractive
	echo "installing: lxcfs"
	apt-get -qq update && apt-get -qq install --no-install-recommends lxcfs </dev/null >/dev/null && exit 0
fi
echo "SKIP: lxcfs is missing and can't be installed here: the bench goes without"
