#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=vm,vm-systemd

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# bats test_tags=vm-old
@test "pause stops the processes and resume lets them go on" {
	set_args sh -c 'while :; do echo x >>/tmp/log; sleep 0.02; done'
	update_config '.root.readonly = false'
	quietly create test_box
	quietly start test_box
	wait_for 5 test -s rootfs/tmp/log
	quietly pause test_box
	is_status test_box paused
	size=$(stat -c %s rootfs/tmp/log)
	sleep 0.2
	[ "$size" = "$(stat -c %s rootfs/tmp/log)" ]
	quietly resume test_box
	is_status test_box running
	wait_for 5 [ "$size" != "$(stat -c %s rootfs/tmp/log)" ]
}

# bats test_tags=vm-old
@test "pause and resume refuse where there is nothing to do" {
	quietly create test_box
	refused "container not paused" resume test_box
	quietly pause test_box
	is_status test_box paused
	refused "container not running" pause test_box
	refused "cannot start a container in the paused state" start test_box
	quietly resume test_box
	is_status test_box created
	quietly kill test_box 9
	wait_status test_box stopped
	refused "container not running" pause test_box
	refused "container not paused" resume test_box
}

# without_init: what a container that shares its PID namespace leaves when its init ends; its freezer's file is in $freezer.
without_init() {
	set_args sh -c 'sleep 1001 & exec sleep 1000'
	update_config '.linux.namespaces -= [{"type": "pid"}]'
	quietly create test_box
	quietly start test_box
	wait_for 5 has_processes test_box 2
	freezer=$(cgroups_of test_box | grep /freezer/ || cgroups_of test_box | tail -n 1)
	if [ -e "$freezer/freezer.state" ]; then freezer+=/freezer.state; else freezer+=/cgroup.freeze; fi
}
is_frozen() { grep -qE '^(FROZEN|1)' "$freezer"; }

@test "resume thaws what a container without its init has left" {
	without_init
	kill -9 "$(state_of test_box .pid)"
	wait_status test_box stopped
	if [[ $freezer = *.state ]]; then echo FROZEN >"$freezer"; else echo 1 >"$freezer"; fi
	wait_for 5 is_frozen
	quietly resume test_box
	not is_frozen
	refused "container not paused" resume test_box
}

@test "pause of a container whose init ends meanwhile leaves nobody frozen" {
	without_init
	init=$(state_of test_box .pid)
	strace -o trace -P "$freezer" -e trace=write -e inject=write:delay_enter=500000:when=1 \
		"$HULL" --root "$ROOT" pause test_box >out 2>&1 3>&- &
	pid=$!
	sleep 0.2
	kill -9 "$init"
	wait "$pid" && false
	grep -q "container not running" out
	not is_frozen
}
