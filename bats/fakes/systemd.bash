# SPDX-License-Identifier: Apache-2.0
#
# Starts and stops systemd.c on a bus of its own, in a mount namespace in which systemd seems to run; for systemd.bats and
# torture.bats.

# shellcheck shell=bash disable=SC2034,SC2154 # variables of helpers.bash and of the tests

REAL_HULL=$HULL
FAKE=$BATS_TEST_TMPDIR/systemd

real() { [ -d /run/systemd/system ]; }

# $fake and $bus are the PIDs of systemd and of its bus, who outlives it; $HULL is hull in their namespace.
start_fake() {
	local program
	[ -f "$BATS_TEST_DIRNAME/../build/deps/lib/libdbus-1.a" ] || "$BATS_TEST_DIRNAME/deps.sh" libdbus-1
	program=$(compiled fakes/systemd.c -ldbus-1)
	mkdir -p "$FAKE"
	open_way "$FAKE"
	cat >"$FAKE/bus.conf" <<-END
		<busconfig>
		  <listen>unix:path=/run/dbus/system_bus_socket</listen>
		  <policy context="default">
		    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
		  </policy>
		</busconfig>
	END
	chmod 644 "$FAKE/bus.conf"
	cat >"$FAKE/run" <<-'END'
		mkdir -p /run/systemd /run/dbus
		mount -t tmpfs -o mode=755 none /run/systemd
		mkdir /run/systemd/system
		mount -t tmpfs -o mode=755,uid=65534 none /run/dbus
		# As root it would want to raise its limits, which a container may forbid.
		setpriv --reuid 65534 --clear-groups dbus-daemon --config-file="$1/bus.conf" --nofork --nopidfile \
			--print-address=9 9>"$1/address" &
		echo $! >"$1/bus.pid"
		# It says so when it listens; the socket is there before that.
		until [ -s "$1/address" ]; do sleep 0.01; done
		export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket
		exec "${@:2}"
	END
	# shellcheck disable=SC2046 # a list
	unshare -m --propagation private -- bash "$FAKE/run" "$FAKE" "$program" "$FAKE" $(fake_bases) \
		>"$FAKE/out" 2>&1 </dev/null 3>&- &
	fake=$!
	wait_for 10 test -s "$FAKE/log" || cat "$FAKE/out"
	bus=$(cat "$FAKE/bus.pid")
	: >"$FAKE/log"
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\nexec nsenter --mount=/proc/%d/ns/mnt -- env -C "$PWD" $AS "%s" "$@"\n' "$bus" "$REAL_HULL" \
		>"$FAKE/hull"
	chmod +x "$FAKE/hull"
	HULL=$FAKE/hull
}

# The hierarchies that systemd has: on v1 its own and those of the controllers that it knows.
fake_bases() {
	local d
	is_v1 || { echo /sys/fs/cgroup && return; }
	for d in systemd unified cpu cpuacct cpu,cpuacct blkio memory devices pids; do
		if mountpoint -q "/sys/fs/cgroup/$d"; then
			echo "/sys/fs/cgroup/$d"
		fi
	done
}

stop_fake() {
	local pid
	for pid in "${fake:-}" "${bus:-}"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	done
	HULL=$REAL_HULL
	# The slices in hierarchies that systemd does not know.
	find /sys/fs/cgroup -depth -type d \( -name 'test*.slice' -o -name system.slice -o -name user.slice \) \
		-exec rmdir {} + 2>/dev/null || true
}

# in_fake COMMAND...: in its mount namespace.
in_fake() { nsenter --mount="/proc/$bus/ns/mnt" -- "$@"; }
