#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host v1 v2 vm-systemd

# A moment of "make torture", by another seed each day.

# shellcheck disable=SC2154 # run sets output, lines and status

load helpers

# bats test_tags=vm-systemd
@test "commands race, and hull, its stages and init are killed at random: nothing hangs, and nothing is left" {
	[ "$EUID" = 0 ] || skip "kills of every process are meant"
	PATH=$BATS_TEST_DIRNAME/../build/deps/criu:$PATH
	run python3 "$BATS_TEST_DIRNAME/torture.py" "${TORTURE_SECONDS:-3}" "${TORTURE_SEED:-$(($(date +%s) / 86400))}" 3>&-
	echo "# $HULL_LANE, ${lines[0]}" >&3
	echo "$output"
	[ "$status" = 0 ]
}
