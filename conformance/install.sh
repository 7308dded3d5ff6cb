#!/bin/sh
# install.sh: what the tests need beyond Go, make, git and gcc. As root on
# Debian it installs what is missing and fails when it cannot; elsewhere it
# says what is missing and which tests are skipped. Silent when all is there.
set -u
cd "$(dirname "$0")/.." || exit

missing='' without=''

# need PROGRAM PACKAGE WHAT_IS_SKIPPED_WITHOUT_IT
need() {
	command -v "$1" >/dev/null && return
	missing="$missing $2"
	without="$without
  $1 (package $2): $3"
}

programs='the tests that run this program in a container'
need free procps "$programs, and the VM"
need lscpu util-linux "$programs, and the VM"
need /usr/bin/python3 python3-minimal "$programs, and the VM"
need shellcheck shellcheck 'the check of shell scripts'
need gcc gcc 'the cluster: runc is C'
need /sbin/mke2fs e2fsprogs 'the cluster: the disk of its VM'
need ip iproute2 'the cluster'
need pkg-config pkg-config 'the cluster: runc is built with libseccomp'
[ -e /usr/include/seccomp.h ] || need 'header seccomp.h' libseccomp-dev 'the cluster: runc is built with it'
if [ "$(uname -m)" = x86_64 ]; then
	need qemu-system-x86_64 qemu-system-x86 'the VM: all of cgroup v2'
	need cpio cpio 'the VM: all of cgroup v2'
	need busybox busybox-static 'the VM: all of cgroup v2'
fi

fetch_kernel() { [ "$(uname -m)" != x86_64 ] || conformance/vm/kernel.sh >/dev/null; }

if [ -z "$missing" ] && fetch_kernel; then
	exit 0
fi
if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
	echo "installing:$missing${missing:+,} the VM's kernel"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update &&
		{ [ -z "$missing" ] || apt-get -qq install --no-install-recommends $missing </dev/null >/dev/null; } &&
		fetch_kernel
	exit
fi
[ -z "$missing" ] || echo "missing, and this script installs only as root on Debian:$without"
fetch_kernel || echo "missing: a kernel for the VM: all of cgroup v2 is skipped"
