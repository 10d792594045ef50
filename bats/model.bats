#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host v1 v2
# by turns: host v1 v2

# Random commands and configurations against a model of a container's life, by another seed each day; MODEL_SECONDS for more.

# shellcheck disable=SC2154 # run sets output, lines and status

load helpers

@test "hull does what a model of a container's life says, with configurations of all kinds, right and wrong" {
	[ "$EUID" = 0 ] || skip "configurations of root"
	run python3 "$BATS_TEST_DIRNAME/model.py" "${MODEL_SECONDS:-4}" "${MODEL_SEED:-$(day)}" 3>&-
	echo "# $HULL_LANE, ${lines[0]}" >&3
	echo "$output"
	[ "$status" = 0 ]
}
