#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits and places of cgroups; what each file gets is tested in state/cgroup_limits_test.c.

load helpers
setup() { setup_bundle; }
teardown() { teardown_bundle; }

# dir_of CONTROLLER: the container's directory there.
dir_of() {
	jq -r --arg c "$1" '.cgroup.dirs[] | select(.controllers == $c or (.controllers | split(",") | index($c))) | .path' \
		"$ROOT/test_box/record.json"
}
resources() { update_config ".linux.resources += $1"; }

@test "create sets limits of memory, cpu, cpuset and pids (v1)" {
	is_v1 || skip "this machine has these controllers in v1 only"
	resources '{memory: {limit: 33554432, reservation: 16777216}, cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0"},
		pids: {limit: 17}}'
	quietly create test_box
	[ "$(cat "$(dir_of memory)/memory.limit_in_bytes")" = 33554432 ]
	[ "$(cat "$(dir_of memory)/memory.soft_limit_in_bytes")" = 16777216 ]
	[ "$(cat "$(dir_of cpu)/cpu.shares")" = 512 ]
	[ "$(cat "$(dir_of cpu)/cpu.cfs_quota_us")" = 50000 ]
	[ "$(cat "$(dir_of cpuset)/cpuset.cpus")" = 0 ]
	[ "$(cat "$(dir_of pids)/pids.max")" = 17 ]
}

@test "the container's processes are in all its cgroups, those of exec too" {
	quietly create test_box
	quietly start test_box
	quietly exec --detach test_box sleep 1000
	for dir in $(cgroups_of test_box); do
		[ "$(wc -l <"$dir/cgroup.procs")" = 2 ] || { echo "$dir" && return 1; }
	done
}

@test "limits that ask for nothing are no limits" {
	resources '{memory: {limit: -1, swap: -1}, pids: {limit: -1}, cpu: {quota: -1}}'
	set_args true
	must run test_box
}

@test "create with a limit whose controller is missing says which" {
	is_v1 && skip "all controllers are here"
	resources '{memory: {limit: 33554432}}'
	refused '\"memory\" cgroup controller is not available' create test_box
	[[ $output == *"/linux/resources/memory/limit"* ]]
	nothing_left test_box
}

@test "create sets hugetlb limits" {
	grep -qs . /sys/fs/cgroup/unified/cgroup.controllers /sys/fs/cgroup/cgroup.controllers || skip "no hugetlb controller"
	resources '{hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	quietly create test_box
	[ "$(cat "$(dir_of '')/hugetlb.2MB.max")" = 4194304 ]
}

@test "device rules are enforced, and the default devices work" {
	mknod rootfs/bin/kmsg c 1 11
	update_config '.process.capabilities |= map_values(. + ["CAP_SYSLOG"])'
	set_args sh -c 'echo x >/dev/null && head -c1 /dev/zero | wc -c; : </bin/kmsg && echo opened'
	hull run test_box
	[ "${lines[0]}" = 1 ]
	[[ $output == *"Operation not permitted"* && $output != *opened* ]]
	resources '{devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "r"}]}'
	hull run test_box
	[[ $output == *opened* ]]
	update_config 'del(.linux.resources.devices)'
	hull run test_box
	[[ $output == *"Operation not permitted"* && $output != *opened* ]]
	update_config '.linux.resources.devices = [{allow: true, access: "rwm"}]'
	hull run test_box
	[[ $output == *opened* ]]
}

@test "exec is under the same device rules" {
	mknod rootfs/bin/kmsg c 1 11
	update_config '.process.capabilities |= map_values(. + ["CAP_SYSLOG"])'
	quietly create test_box
	hull exec test_box sh -c ': </bin/kmsg'
	[[ $output == *"Operation not permitted"* ]]
}

@test "cgroupsPath absolute is below the mount, relative below hull's own" {
	update_config '.linux.cgroupsPath = "/test_abs_\($p)"' --arg p $$
	quietly create test_box
	[[ $(dir_of '') == /sys/fs/cgroup/*test_abs_$$ || $(dir_of '') == /sys/fs/cgroup/test_abs_$$ ]] || [ -z "$(dir_of '')" ]
	is_v1 && [ "$(dir_of pids)" = "/sys/fs/cgroup/pids/test_abs_$$" ]
	CGROUPS=$(cgroups_of test_box)
	quietly delete --force test_box
	nothing_left test_box
	update_config '.linux.cgroupsPath = "../../test_up_\($p)"' --arg p $$
	quietly create test_box
	for dir in $(cgroups_of test_box); do
		[[ $dir == /sys/fs/cgroup/*test_up_$$ ]] && [ -d "$dir" ]
	done
}

@test "create refuses a cgroup that is not empty" {
	update_config '.linux.cgroupsPath = "/test_shared_\($p)"' --arg p $$
	quietly create test_box
	refused "container's cgroup is not empty" create test_other
	nothing_left test_other
	is_status test_box created
}

@test "delete removes cgroups that the container made inside its own" {
	is_v1 && skip "v2: the container can make them in its own mount"
	update_config '.linux.namespaces += [{type: "cgroup"}] | (.mounts[] | select(.type == "cgroup")).options -= ["ro"]
		| .linux.namespaces |= unique_by(.type)'
	set_args sh -c 'mkdir -p /sys/fs/cgroup/a/b/c && sleep 1000'
	quietly create test_box
	quietly start test_box
	CGROUPS=$(cgroups_of test_box)
	wait_for 10 test -d "$CGROUPS/a/b/c"
	quietly delete --force test_box
	nothing_left test_box
}

@test "delete kills what the container left in its cgroup without a PID namespace" {
	update_config '.linux.namespaces |= map(select(.type != "pid"))'
	set_args sh -c 'sleep 1000 & sleep 1000 & wait'
	quietly create test_box
	quietly start test_box
	CGROUPS=$(cgroups_of test_box)
	dir=$(echo "$CGROUPS" | head -1)
	wait_for 10 sh -c "[ \$(wc -l <$dir/cgroup.procs) = 3 ]"
	pids=$(cat "$dir/cgroup.procs")
	kill -KILL "$(state_of test_box .pid)"
	wait_status test_box stopped
	quietly delete test_box
	# shellcheck disable=SC2086
	wait_for 10 gone $pids
	nothing_left test_box
}

@test "20 containers made and deleted at once leave nothing" {
	one() {
		"$HULL" --root "$ROOT" create "test_many_$1" </dev/null >/dev/null 2>&1 3>&- &&
			"$HULL" --root "$ROOT" start "test_many_$1" 3>&- && "$HULL" --root "$ROOT" delete --force "test_many_$1" 3>&-
	}
	pids=
	for n in $(seq 4); do
		(for i in 1 2 3 4 5; do one "$n$i" || echo "$n$i" >>failed; done) 3>&- &
		pids+=" $!"
	done
	# bats has a background process of its own, its clock.
	# shellcheck disable=SC2086
	wait $pids
	[ ! -e failed ]
	[ -z "$(ls "$ROOT")" ]
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -name 'test_many*')" ]
}

@test "exec follows an init that has moved to another cgroup" {
	is_v1 && skip "the unified hierarchy alone can be left by one write"
	update_config '.linux.namespaces |= map(select(.type != "cgroup")) | .root.readonly = false
		| (.mounts[] | select(.type == "cgroup")).options -= ["ro"]'
	mkdir /sys/fs/cgroup/test_moved
	set_args sh -c 'echo 1 >/sys/fs/cgroup/test_moved/cgroup.procs; exec sleep 1000'
	quietly create test_box
	dir=$(cgroups_of test_box)
	quietly start test_box
	wait_for 10 rmdir "$dir"
	must exec test_box cat /proc/self/cgroup
	[[ $output == *"0::/test_moved"* ]]
	quietly delete --force test_box
	wait_for 10 rmdir /sys/fs/cgroup/test_moved
}

@test "run works in a cgroup to which cgroup.kill was written" {
	unified=/sys/fs/cgroup
	is_v1 && unified=/sys/fs/cgroup/unified
	[ -e "$unified/cgroup.procs" ] || skip "no unified hierarchy"
	mkdir "$unified/test_killed"
	[ -e "$unified/test_killed/cgroup.kill" ] || skip "no cgroup.kill"
	echo 1 >"$unified/test_killed/cgroup.kill"
	update_config '.linux.cgroupsPath = "/test_killed"'
	set_args true
	must run test_box
}
