#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: vm-user
# bats file_tags=vm-user
#
# Containers of an ordinary user whose own systemd has given him a cgroup with all controllers; rootless.bats has the
# rest of a user's life.

load helpers
setup() {
	setup_bundle
	# The cgroup above this shell's, where his containers are.
	own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	DIR=/sys/fs/cgroup${own%/*}/test_box
}
teardown() { teardown_bundle; }

resources() { update_config ".linux.resources += $1"; }

# All of the user's ids: his own as root, and the others from 1 on.
many_ids() {
	update_config '.linux.uidMappings = [{containerID: 0, hostID: $u, size: 1}, {containerID: 1, hostID: $s, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: $g, size: 1}, {containerID: 1, hostID: $t, size: 65536}]' \
		--argjson u "$(id -u)" --argjson g "$(id -g)" \
		--argjson s "$(sed -n "s/^$(id -un):\(.*\):.*/\1/p" /etc/subuid)" \
		--argjson t "$(sed -n "s/^$(id -un):\(.*\):.*/\1/p" /etc/subgid)"
}

@test "a user's container has the limits of all controllers that he was given" {
	resources '{memory: {limit: 33554432, swap: 33554432}, pids: {limit: 17}, cpu: {shares: 1024, quota: 50000, cpus: "0"},
		unified: {"memory.high": "30000000"}}'
	quietly create test_box
	for row in "memory.max 33554432" "memory.swap.max 0" "memory.high 29999104" "pids.max 17" "cpu.weight 100" \
		"cpu.max 50000 100000" "cpuset.cpus 0"; do
		[ "$(cat "$DIR/${row%% *}")" = "${row#* }" ] || { echo "$row" && return 1; }
	done
	quietly start test_box
	quietly update --memory 64M --memory-swap 64M --pids-limit 5 --cpu-quota 20000 test_box
	[ "$(cat "$DIR/memory.max" "$DIR/pids.max")" = $'67108864\n5' ]
	must events --stats test_box
	[ "$(jq '.data.pids.limit' <<<"$output")" = 5 ]
	quietly delete --force test_box
	nothing_left test_box
}

@test "a user's container lives the whole life" {
	quietly create test_box
	[ "$(cat "$DIR/cgroup.procs")" = "$(state_of test_box .pid)" ]
	quietly start test_box
	must exec test_box sh -c 'id -u; cat /proc/self/cgroup'
	[ "${lines[0]}" = 0 ]
	quietly pause test_box
	is_status test_box paused
	[[ $(cat "$DIR/cgroup.events") = *"frozen 1"* ]]
	quietly resume test_box
	must ps -f json test_box
	[ "$output" = "[$(state_of test_box .pid)]" ]
	must list -q
	[ "$output" = test_box ]
	quietly kill test_box KILL
	wait_status test_box stopped
	quietly delete test_box
	nothing_left test_box
}

@test "a user's container ends with all its processes, without a PID namespace too" {
	update_config '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.type != "proc"))
		| .linux.maskedPaths = [] | .linux.readonlyPaths = []'
	add_mount /proc bind /proc rbind
	set_args sh -c 'sleep 1000 & sleep 1000'
	quietly create test_box
	quietly start test_box
	three() { [ "$(wc -l <"$DIR/cgroup.procs")" = 2 ]; }
	wait_for 20 three
	mapfile -t pids <"$DIR/cgroup.procs"
	quietly delete --force test_box
	wait_for 10 gone "${pids[@]}"
	[ ! -e "$DIR" ]
}

@test "events tells a user of memory that has run out" {
	set_args sh -c 'x=$(dd if=/dev/zero bs=1M count=64 | tr "\0" x); echo survived'
	resources '{memory: {limit: 16777216, swap: 16777216}}'
	hull run test_box
	[ "$status" -ne 0 ]
	[[ $output != *survived* ]]
	nothing_left test_box
}

@test "a user has all ids of /etc/subuid and /etc/subgid by newuidmap and newgidmap" {
	many_ids
	update_config '.root.readonly = false | .process.user = {uid: 5, gid: 7, additionalGids: [100, 65000]}'
	set_args sh -c 'id -u; id -g; id -G; touch /tmp/file; cat /proc/self/setgroups'
	must run test_box
	[ "${lines[*]}" = "5 7 7 100 65000 allow" ]
	[ "$(stat -c %u:%g rootfs/tmp/file)" = "$(awk -F: -v u="$(id -un)" '$1 == u { print $2 + 4 }' /etc/subuid):$(awk -F: -v u="$(id -un)" '$1 == u { print $2 + 6 }' /etc/subgid)" ]
	set_args sleep 1000
	quietly create test_box
	quietly start test_box
	hull exec --user 9:9 test_box sh -c 'id -u; chown 9:9 /tmp 2>&1'
	[ "${lines[0]}" = 9 ]
	[[ $output = *"not permitted"* ]]
	must exec --user 0 --cap CAP_CHOWN test_box chown 1000:1000 /tmp/file
	must exec --user 0 --cap CAP_FOWNER --cap CAP_DAC_OVERRIDE test_box rm /tmp/file
}

@test "a cgroup that is not the user's is refused, with limits or with a path" {
	update_config '.linux.cgroupsPath = "/test_user_outside"'
	refused "permission denied" create test_box
	nothing_left test_box
	resources '{pids: {limit: 5}}'
	refused "permission denied" create test_box
	nothing_left test_box
	update_config '.linux.cgroupsPath = $p' --arg p "${own%/*}/test_sub/deep"
	quietly create test_box
	[ "$(cat "${DIR%/*}/test_sub/deep/pids.max")" = 5 ]
	quietly delete --force test_box
	[ ! -e "${DIR%/*}/test_sub/deep" ]
	rmdir "${DIR%/*}/test_sub"
}

@test "a user's container has a terminal" {
	set_args sh -c 'tty; stat -c %t:%T /dev/console'
	update_config '.process.terminal = true'
	run -0 script -qec "$HULL --root $ROOT run test_box" /dev/null </dev/null
	[[ $output = *"/dev/"*"88:"* ]]
}

@test "device rules that a user cannot enforce do not keep his container from running" {
	resources '{devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"}]}'
	set_args sh -c 'echo x >/dev/null && echo written'
	must run test_box
	[ "${lines[1]}" = written ]
	[[ ${lines[0]} = *"level=warning"*"device rules are not enforced: load the eBPF program for devices: operation not permitted"* ]]
}

@test "a network namespace and sysctls of it are the user's" {
	set_args sh -c 'cat /sys/class/net/lo/flags /proc/sys/net/ipv4/ip_forward'
	update_config '.linux.namespaces += [{type: "network"}] | .linux.namespaces |= unique | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	must run test_box
	[ "${lines[*]}" = "0x9 1" ]
}

@test "with --systemd-cgroup a user's container is a scope of his own systemd" {
	local unit=hull-test_box.scope
	resources '{memory: {limit: 33554432}, pids: {limit: 17}, cpu: {quota: 50000, period: 100000}}'
	update_config '.linux.cgroupsPath = "test.slice:hull:test_box"'
	quietly --systemd-cgroup create test_box
	DIR=$(cgroups_of test_box)
	[[ $DIR = */user@"$UID".service/test.slice/$unit ]]
	[ "$(cat "$DIR/memory.max" "$DIR/pids.max" "$DIR/cpu.max")" = $'33554432\n17\n50000 100000' ]
	[ "$(systemctl --user show -P MemoryMax -P TasksMax -P CPUQuotaPerSecUSec $unit)" = $'500ms\n33554432\n17' ]
	[ "$(cat "$DIR/cgroup.procs")" = "$(state_of test_box .pid)" ]
	quietly start test_box
	must exec test_box sh -c 'cat /proc/self/cgroup'
	[ "$output" = 0::/ ]
	quietly --systemd-cgroup update --pids-limit 5 test_box
	[ "$(cat "$DIR/pids.max") $(systemctl --user show -P TasksMax $unit)" = "5 5" ]
	# What systemd does for others leaves the container's limits alone.
	systemctl --user daemon-reload
	[ "$(cat "$DIR/pids.max" "$DIR/memory.max")" = $'5\n33554432' ]
	quietly pause test_box
	is_status test_box paused
	quietly resume test_box
	quietly delete --force test_box
	[ ! -e "$DIR" ]
	[ "$(systemctl --user show -P ActiveState $unit)" = inactive ]
}
