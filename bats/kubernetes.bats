#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
#
# What the newer kubelets ask of a runtime, as CRI-O and containerd write it into config.json; README has the table.

load helpers
setup() { setup_bundle sleep 1000; }
teardown() {
	teardown_bundle
	umount -R "$BATS_TEST_TMPDIR/image" 2>/dev/null || true
	rmdir /sys/fs/cgroup/test_pod /sys/fs/cgroup/*/test_pod 2>/dev/null || true
}

all_controllers() { [[ " $(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null) " == *" memory "* ]] || skip "cgroup v2 has not all controllers here"; }

# bats test_tags=vm
@test "a container is bounded by the limits of its pod, which stays when it goes" {
	local base=/sys/fs/cgroup
	[ ! -d $base/pids ] || base=$base/pids
	POD=$base/test_pod
	mkdir "$POD"
	[ ! -e $base/cgroup.subtree_control ] || echo +pids >$base/cgroup.subtree_control || skip "no pids controller here"
	[ -e "$POD/pids.max" ] || skip "no pids controller here"
	echo 20 >"$POD/pids.max"
	update_config '.linux.cgroupsPath = "/test_pod/box" | .linux.resources += {pids: {limit: 100}}'
	set_args sh -c 'i=0; while [ $i -lt 50 ]; do sleep 100 & i=$((i + 1)); done; echo all'
	hull run test_box
	[[ $output == *"can't fork"* && $output != *all* ]]
	[ -d "$POD" ] && [ ! -d "$POD/box" ]
	[ "$(cat "$POD/pids.max")" = 20 ]
	echo max >"$POD/pids.max"
	must run test_box
	[ "$output" = all ]
	[ -d "$POD" ] && [ ! -d "$POD/box" ]
}

# bats test_tags=vm
@test "events --stats has the pressure of processors, memory and disks (v2, all controllers)" {
	all_controllers
	quietly create test_box
	must events --stats test_box
	jq -e '[.data.cpu.psi, .data.memory.psi, .data.blkio.psi] | all(.[]; .some.avg10 != null and .full.total != null)' <<<"$output"
}

# bats test_tags=vm
@test "memory.min, memory.high and memory.oom.group come by unified (v2, all controllers)" {
	all_controllers
	update_config '.linux.resources.memory = {limit: 67108864} | .linux.resources.unified = {"memory.min": "8388608", "memory.high": "50331648", "memory.oom.group": "1"}'
	quietly create test_box
	dir=$(cgroups_of test_box)
	[ "$(cat "$dir/memory.min") $(cat "$dir/memory.high") $(cat "$dir/memory.max") $(cat "$dir/memory.oom.group")" = "8388608 50331648 67108864 1" ]
	# A resize in place takes them along.
	echo '{"memory": {"limit": 50331648}, "unified": {"memory.high": "40000000"}}' >resize.json
	quietly update --resources resize.json test_box
	[ "$(cat "$dir/memory.max")" = 50331648 ]
	[ "$(cat "$dir/memory.high")" -le 40000000 ] && [ "$(cat "$dir/memory.high")" -gt 39990000 ]
}

# bats test_tags=vm
@test "swap is what a pod may have beside its memory, or none (v2, all controllers)" {
	all_controllers
	for swap in "67108864 0" "70000000 2891136"; do
		read -r both want <<<"$swap"
		update_config '.linux.resources.memory = {limit: 67108864, swap: ($b | tonumber)}' --arg b "$both"
		hull create test_box
		[ "$status" -eq 0 ] || skip "no swap accounting here"
		[ "$(cat "$(cgroups_of test_box)/memory.swap.max")" -le "$want" ]
		quietly delete --force test_box
	done
}

# bats test_tags=vm
@test "an image volume is a part of a mounted image, read-only with all that is mounted in it" {
	local image=$BATS_TEST_TMPDIR/image
	mkdir "$image"
	mount -t tmpfs image "$image"
	mkdir -p "$image/models/large" "$image/models/inner" && echo weights >"$image/models/large/file"
	mount -t tmpfs inner "$image/models/inner"
	add_mount /models bind "$image/models" rbind rro nosuid nodev
	set_args sh -c 'cat /models/large/file; echo x >/models/new; echo x >/models/inner/new; grep -c " /models" /proc/mounts'
	hull run test_box
	[ "${lines[0]}" = weights ]
	[ "$(grep -c "Read-only file system" <<<"$output")" -eq 2 ]
	[ "${lines[-1]}" -eq 2 ]
}

# bats test_tags=vm
@test "a pod with a user namespace has the groups that its policy left" {
	user_namespace
	update_config '.process.user = {uid: 1000, gid: 3000, additionalGids: [2000, 4000]}'
	set_args id
	must run test_box
	[[ $output == *"uid=1000"*"gid=3000"*"groups="*2000*4000* ]]
	update_config '.process.user = {uid: 1000, gid: 3000}'
	must run test_box
	[[ $output != *2000* ]]
}
