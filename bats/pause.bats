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
