#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
#
# Containers whose processes somebody else's freezer holds.

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# A v1 freezer holds even whom SIGKILL was sent to.
v1_freezer() { [ -e /sys/fs/cgroup/freezer/cgroup.procs ] || skip "no freezer of v1"; }

@test "kill and delete say what holds an init that does not die, and delete goes on when it is let go" {
	v1_freezer
	quietly create test_box
	local dir=/sys/fs/cgroup/freezer/test_holder_$$ pid
	mkdir -p $dir/below
	pid=$(state_of test_box .pid)
	echo "$pid" >$dir/below/cgroup.procs
	echo FROZEN >$dir/freezer.state
	must kill test_box KILL
	[[ $output == *"level=warning"*"container init does not die yet: it is frozen by $dir, which is not the container's, and dies when that is thawed"* ]]
	"$HULL" --root "$ROOT" delete --force test_box >out 2>&1 </dev/null 3>&- &
	local failed=0
	wait $! || failed=$?
	echo THAWED >$dir/freezer.state
	wait_for 5 gone "$pid"
	rmdir $dir/below $dir
	[ $failed = 1 ]
	grep -q "container init still running: it is frozen by $dir, which" out
	quietly delete --force test_box
	nothing_left test_box
}

@test "delete --force lets go whom the container itself has frozen" {
	v1_freezer
	update_config '.linux.cgroupsPath = $p' --arg p "$(cgroups_path test_own)"
	quietly create test_box
	local dir
	dir=$(cgroups_of test_box | grep /freezer/)/own
	mkdir "$dir"
	state_of test_box .pid >"$dir/cgroup.procs"
	echo FROZEN >"$dir/freezer.state"
	quietly delete --force test_box
	nothing_left test_box
	[ ! -e "$dir" ]
}

@test "a container whose init is dead has stopped, whoever has frozen its cgroup" {
	update_config 'del(.linux.namespaces[] | select(.type == "pid")) | .linux.cgroupsPath = $p' --arg p "$(cgroups_path test_dead)"
	set_args sh -c 'sleep 1000.3 & exec sleep 1000.4'
	quietly create test_box
	quietly start test_box
	local pid dir file=freezer.state word=FROZEN
	pid=$(state_of test_box .pid)
	wait_for 5 pgrep -f "sleep 1000.3"
	kill -KILL "$pid"
	wait_for 5 gone "$pid"
	dir=$(cgroups_of test_box | grep /freezer/) || {
		dir=$(cgroups_of test_box | head -n 1)
		file=cgroup.freeze word=1
	}
	echo $word >"$dir/$file"
	is_status test_box stopped
	refused "container not running" kill test_box
	quietly delete test_box
	nothing_left test_box
	not pgrep -f "sleep 1000.3"
}
