#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
	setup_bundle sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000'
	quietly create test_box
	quietly start test_box
	init=$(state_of test_box .pid)
	wait_for 5 has_processes test_box 3
}
teardown() { teardown_bundle; }

@test "ps shows the host's ps for the container's processes" {
	must ps test_box
	[[ ${lines[0]} =~ ^UID\ +PID\ +PPID\ +C\ +STIME\ +TTY\ +TIME\ +CMD$ ]]
	[ "${#lines[@]}" -eq 4 ]
	[[ $output =~ root\ +$init\  ]]
	[[ $output = *"sleep 1001"* ]]
}

@test "ps passes options on to ps" {
	must ps test_box -e -o ppid,pid,args
	[[ ${lines[0]} =~ PPID\ +PID\ COMMAND ]]
	[ "${#lines[@]}" -eq 4 ]
	refused "couldn't find PID field in ps output" ps test_box -e -o args
	refused "ps: exit status 1: " ps test_box --nonsense
	PATH=/nonexistent refused 'exec: \"ps\": executable file not found in $PATH' ps test_box
}

# bats test_tags=vm
@test "ps --format json has numbers" {
	must ps --format json test_box
	[ "${#lines[@]}" -eq 1 ]
	jq -e "length == 3 and index($init)" <<<"$output"
	must ps -f table test_box
	[ "${#lines[@]}" -eq 4 ]
	refused "invalid format option" ps -f xml test_box
}

@test "ps of a stopped container is empty" {
	quietly kill test_box KILL
	wait_status test_box stopped
	must ps test_box
	[ "${#lines[@]}" -eq 1 ]
	must ps -f json test_box
	[ "$output" = null ]
}
