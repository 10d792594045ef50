#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the virtual machine, as root, when it has booted. The results go as TAP to the port that bats/vm.sh reads,
# each lane between "# lane NAME begins" and "# lane NAME ends". bats/vm.sh wrote the settings.
set -u
export LC_ALL=C.UTF-8 GUEST=1 FILE_TIMEOUT BATS_TEST_TIMEOUT TESTS TORTURE_SECONDS TORTURE_SEED

# tests LANE [DIRECTORY [HULL]]
tests() {
	local dir=${2:-/hull}
	LANES=$1 HULL=${3:-$dir/build/hull} HULL_PROGRAMS=$dir/programs "$dir/bats/run-tests.sh"
}

# Every hull of the tests has --systemd-cgroup.
systemd_lane() {
	printf '#!/bin/sh\nexec /hull/build/hull --systemd-cgroup "$@"\n' >/hull/hull-systemd
	chmod 755 /hull/hull-systemd
	tests "$1" /hull /hull/hull-systemd
}

# An ordinary user's lane, in a unit of his own systemd to which all controllers are delegated. He has his own copy.
user_lane() {
	local dir=/home/hull/tests settings=() name
	cp -r /hull "$dir"
	chown -R hull:hull "$dir"
	systemctl start user@1000.service
	for name in LC_ALL GUEST FILE_TIMEOUT BATS_TEST_TIMEOUT TESTS; do
		settings+=(--setenv="$name=${!name}")
	done
	systemd-run --machine=hull@.host --user --quiet --wait --pipe --property=Delegate=yes "${settings[@]}" \
		bash "$dir/bats/vm/guest.sh" --user "$1" "$dir"
}

# Processes keep a cgroup from giving controllers to those below: go one down.
own_cgroup() {
	local dir
	dir=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
	mkdir "$dir/tests"
	echo 0 >"$dir/tests/cgroup.procs"
}

if [ "${1:-}" = --user ]; then
	own_cgroup
	tests "$2" "$3"
	exit
fi

# What a hull took at most that waits for its program: a figure for the README.
memory() {
	local dir=/tmp/memory hull
	mkdir -p "$dir/bin"
	cp /busybox "$dir/bin/busybox"
	/hull/build/hull run --rootfs "$dir" memory busybox sleep 60 &
	hull=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(/hull/build/hull state memory 2>/dev/null | jq -r .status)" != running ] || break
		sleep 0.5
	done
	echo "# $(uname -rm), a waiting hull: $(grep VmHWM "/proc/$hull/status")"
	/hull/build/hull delete --force memory
	wait "$hull"
}

exec >/dev/vport0p1 2>&1 </dev/null
# shellcheck disable=SC1091 # bats/vm.sh wrote it
. /hull/vm.env
for lane in $GUEST_LANES; do
	echo "# lane $lane begins"
	case $lane in
	vm-user) user_lane "$lane" ;;
	vm-systemd) systemd_lane "$lane" ;;
	*) tests "$lane" ;;
	esac
	[ ! -e /busybox ] || memory
	grep -ahs "^# .*seed" "/hull/build/check/$lane"/*.tap # how much torture.bats did
	echo "# lane $lane ends"
done
