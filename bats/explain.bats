#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
#
# hull explain: a container as it is now.

load helpers
setup() { setup_bundle sh -c 'sleep 1000 & exec sleep 2000'; }
teardown() { teardown_bundle; }

# tells TEXT: explain's text has it.
tells() {
	must explain test_box
	[[ $output == *"$1"* ]] || { echo "not a word of: $1" && return 1; }
}

# told FILTER VALUE: of the JSON.
told() {
	must explain --format json test_box
	[ "$(jq -r "$1" <<<"$output")" = "$2" ] || { jq "$1" <<<"$output" && return 1; }
}

start_box() {
	quietly create test_box
	quietly start test_box
}

# bats test_tags=vm,vm-initramfs,vm-old
@test "explain shows the processes as a tree, init first" {
	start_box
	wait_for 10 sh -c "'$HULL' --root '$ROOT' explain test_box 3>&- | grep -c ' sleep [12]000' | grep -q 2"
	pid=$(state_of test_box .pid)
	must explain test_box
	[[ $output == *" sleep 2000   <- init"* ]]
	[[ $output == *"    sleep 1000"* ]]
	told '.processes | length' 2
	told .pid "$pid"
	told '.processes[0] | "\(.pid) \(.command)"' "$pid sleep 2000"
	told '.processes[1] | "\(.parent) \(.command)"' "$pid sleep 1000"
	told '.trouble | length' 0
}

@test "explain names namespaces, and the containers that share them" {
	start_box
	tells "  pid              its own, "
	tells "  user             the host's"
	jq '.linux.namespaces |= map(if .type == "network" then .path = $p else . end)' --arg p "/proc/$(state_of test_box .pid)/ns/net" \
		config.json >other.json
	quietly create --config other.json test_other
	[ "$(tells "" >/dev/null && "$HULL" --root "$ROOT" explain --format json test_box 3>&- | jq -r .namespaces.net)" = \
		"$(stat -Lc %i "/proc/$(state_of test_box .pid)/ns/net"), with test_other" ]
	tells "  pid              its own, "
}

# bats test_tags=vm
@test "explain holds limits against use" {
	update_config '.linux.resources += {pids: {limit: 30}}'
	hull create test_box
	[ "$status" -eq 0 ] || skip "no pids controller here"
	quietly start test_box
	wait_for 10 sh -c "'$HULL' --root '$ROOT' explain test_box 3>&- | grep -q '2 of 30'"
	told '.cgroup.layout' "$(is_v1 && echo cgroup v1 || echo cgroup v2)"
}

@test "explain tells how long it waited for processors, memory and disks" {
	start_box
	dir=$(cgroups_of test_box | grep -E '/unified/|^/sys/fs/cgroup/[^/]*$' | head -n 1)
	[ -n "$dir" ] && [ -e "$dir/cpu.pressure" ] || skip "no pressure in cgroups here"
	told '.cgroup | [.cpuPressure, .memoryPressure, .ioPressure] | map(test("^[0-9.]+ % of the last 10 s$")) | all' true
}

@test "explain says what it may do" {
	update_config '.process.capabilities = {bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"]}
		| .process.noNewPrivileges = false | .process.oomScoreAdj = 300'
	start_box
	told '.rights | [.effective, .bounding, .noNewPrivileges, .oomScoreAdj] | join(" ")' "KILL KILL no 300"
	tells "seccomp          none: every system call is allowed"
}

@test "explain lists the mounts" {
	mkdir -p src
	add_mount /mnt/here bind src bind ro
	start_box
	told '.mounts[] | select(.destination == "/mnt/here") | .options | split(",")[0]' ro
	tells "  /mnt/here "
}

# bats test_tags=vm
@test "explain says that it is paused, stopped, traced or held" {
	start_box
	pid=$(state_of test_box .pid)
	kill -STOP "$pid"
	wait_for 10 grep -q "^State:.T" "/proc/$pid/status"
	tells "process $pid is stopped: SIGCONT lets it go on"
	kill -CONT "$pid"
	quietly pause test_box
	told .status paused
	told '.trouble | length' 1
	tells '"resume" lets it go on'
	quietly resume test_box
	quietly kill test_box KILL
	wait_status test_box stopped
	tells 'its first process has ended; "delete" removes what is left'
	told .processes null
}

@test "explain says that the OOM killer came, as far as a limit can be set" {
	update_config '.linux.resources += {memory: {limit: 8000000}} | .process.args = ["sh", "-c", "tail /dev/zero; exec sleep 1000"]'
	hull create test_box
	[ "$status" -eq 0 ] || skip "no memory controller here"
	quietly start test_box
	wait_for 20 sh -c "'$HULL' --root '$ROOT' explain test_box 3>&- | grep -q 'the OOM killer has ended 1 of its'"
}

@test "explain of what is not there" {
	refused "container does not exist" explain test_box
	refused 'invalid --format: \"xml\"' explain --format xml test_box
}
