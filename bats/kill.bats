#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers

# A shell that writes down what it gets.
catcher() {
	setup_bundle sh -c 'for s in HUP USR1 TERM WINCH; do trap "echo $s >>/tmp/got" $s; done; echo ready >>/tmp/got
		while :; do sleep 0.02; done'
	update_config '.root.readonly = false'
	quietly create test_box
	quietly start test_box
	wait_for 5 got ready
}
teardown() { teardown_bundle; }

got() { grep -qs "^$1\$" rootfs/tmp/got; }

@test "kill takes names and numbers, and TERM when there is none" {
	catcher
	for sig in HUP sigusr1 28; do
		quietly kill test_box $sig
	done
	quietly kill test_box
	for sig in HUP USR1 WINCH TERM; do
		wait_for 5 got $sig
	done
	quietly kill test_box 0
	is_status test_box running
	refused 'unknown signal \"NONE\"' kill test_box NONE
	refused 'unknown signal \"SIG\"' kill test_box SIG
	refused 'unknown signal \"99\"' kill test_box 99
}

@test "kill knows real-time signals and the aliases" {
	setup_bundle sh -c 'for s in 34 35 63 64 29 6; do trap "echo $s >>/tmp/got" $s; done; echo ready >>/tmp/got
		while :; do sleep 0.02; done'
	update_config '.root.readonly = false'
	quietly create test_box
	quietly start test_box
	wait_for 5 got ready
	for sig in RTMIN SIGRTMIN+1 rtmax-1 64 POLL iot; do
		quietly kill test_box $sig
	done
	for sig in 34 35 63 64 29 6; do
		wait_for 5 got $sig
	done
	for sig in RTMIN-1 RTMAX+1 RTMIN+ RTMIN+31 65 -1 1x; do
		refused "unknown signal" kill test_box "$sig"
	done
}

@test "kill TERM, INT, HUP or QUIT ends a container that waits to be started" {
	setup_bundle
	for sig in TERM INT HUP QUIT; do
		quietly create test_box
		quietly kill test_box "$sig"
		wait_status test_box stopped
		quietly delete test_box
	done
}

# strace: each of the 64 to 70 calls takes so long, so that init has yet to take TERM, its last, where it does so too late.
@test "kill TERM is not lost if it comes as soon as create has ended" {
	setup_bundle
	strace -D -f -qq -o /dev/null -e trace=rt_sigaction -e inject=rt_sigaction:delay_enter=20000 \
		"$HULL" --root "$ROOT" create test_box >out 2>&1 3>&- </dev/null
	quietly kill test_box TERM
	wait_status test_box stopped
	quietly delete test_box
}

@test "kill of a stopped container says that it is not running" {
	setup_bundle
	quietly create test_box
	quietly kill test_box KILL
	wait_status test_box stopped
	refused "container not running" kill test_box 0
	refused "container not running" kill test_box KILL
	quietly kill -a test_box 0
	quietly kill --all test_box KILL
}

# bats test_tags=vm
@test "kill KILL ends a paused container" {
	setup_bundle
	quietly create test_box
	quietly start test_box
	quietly pause test_box
	quietly kill test_box KILL
	wait_status test_box stopped
	quietly delete test_box
}

@test "kill TERM of a paused container arrives after it is resumed" {
	catcher
	quietly pause test_box
	quietly kill test_box TERM
	is_status test_box paused
	quietly resume test_box
	wait_for 5 got TERM
}

host_pid_container() {
	setup_bundle sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000'
	update_config '.linux.namespaces -= [{"type": "pid"}]'
	quietly create test_box
	quietly start test_box
	wait_for 5 has_processes test_box 3
	mapfile -t pids < <("$HULL" --root "$ROOT" ps -f json test_box | jq '.[]')
}

# bats test_tags=vm,vm-systemd
@test "kill KILL without a PID namespace ends all processes" {
	host_pid_container
	quietly kill test_box KILL
	wait_for 5 gone "${pids[@]}"
	wait_status test_box stopped
	quietly delete test_box
}

# Killed itself in between, hull would leave a frozen cgroup, in which the next create hangs.
@test "kill KILL of all processes does not freeze them on v1, though they make others all the time" {
	is_v1 || skip "v2 has cgroup.kill"
	host_pid_container
	quietly update --pids-limit 60 test_box
	must exec -d test_box sh -c 'while :; do (while :; do sleep 0.01 & done) 2>/dev/null; done'
	# shellcheck disable=SC2034 # nothing_left reads it
	CGROUPS=$(cgroups_of test_box)
	sleep 0.1
	strace -f -o trace "$HULL" --root "$ROOT" kill test_box KILL 3>&-
	not grep -q FROZEN trace
	wait_status test_box stopped
	quietly delete test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "kill KILL without a PID namespace ends those that init has left behind" {
	host_pid_container
	kill -9 "$(state_of test_box .pid)"
	wait_status test_box stopped
	quietly kill test_box KILL
	wait_for 5 gone "${pids[@]}"
	refused "container not running" kill test_box KILL
}

# bats test_tags=vm,vm-systemd
@test "kill --all reaches every process, init alone the others" {
	host_pid_container
	quietly kill test_box TERM
	wait_status test_box stopped
	has_processes test_box 2
	quietly kill --all test_box TERM
	wait_for 5 gone "${pids[@]}"
}

# bats test_tags=vm
@test "kill does not wait for a command that holds the lock" {
	setup_bundle
	quietly create test_box
	flock --no-fork "$ROOT/test_box" sleep 1000 3>&- &
	locker=$!
	wait_for 5 locked
	timeout 5 "$HULL" --root "$ROOT" kill test_box KILL
	is_status test_box stopped || wait_status test_box stopped
	kill "$locker"
	wait "$locker" || true
}

locked() { ! flock -n "$ROOT/test_box" true; }
