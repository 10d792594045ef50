#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host v1 v2 vm-systemd
# by turns: host v1 v2

# A moment of "make torture", by another seed each day.

# shellcheck disable=SC2154 # run sets output, lines and status

load helpers
load fakes/systemd

torture() {
	[ "$EUID" = 0 ] || skip "kills of every process are meant"
	PATH=$BATS_TEST_DIRNAME/../build/deps/criu:$PATH
	run "$@" python3 "$BATS_TEST_DIRNAME/torture.py" "${TORTURE_SECONDS:-3}" "${TORTURE_SEED:-$(day)}" 3>&-
	echo "# $HULL_LANE, ${lines[0]}" >&3
	echo "$output"
	[ "$status" = 0 ]
}

teardown() { real || stop_fake; }

# bats test_tags=vm-systemd
@test "commands race, and hull, its stages and init are killed at random: nothing hangs, and nothing is left" {
	torture
}

@test "they race, and systemd is killed, too, and comes again: nothing hangs, and nothing is left" {
	! real || skip "systemd itself is not killed"
	start_fake
	: >"$FAKE/sweeps"
	kill -KILL "$fake"
	wait "$fake" || true
	torture in_fake env HULL="$REAL_HULL" DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket \
		SYSTEMD="$(compiled fakes/systemd.c) $FAKE $(fake_bases | paste -sd' ')"
}
