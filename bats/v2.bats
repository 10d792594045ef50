#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=vm,vm-systemd
#
# Limits where cgroup v2 has all controllers, as on most machines of today; update.bats and cgroups.bats have v1's. In
# the lane vm-systemd hull has --systemd-cgroup, and systemd sets what it knows of.

# shellcheck disable=SC2154 # helpers.bash sets pid
load helpers

DIR=/sys/fs/cgroup/test_v2 CGROUPS_PATH=/test_v2
if [ "$HULL_LANE" = vm-systemd ]; then
	DIR=/sys/fs/cgroup/test.slice/hull-test_v2.scope CGROUPS_PATH=test.slice:hull:test_v2
fi
setup() {
	local c
	for c in memory cpu cpuset io pids hugetlb; do
		grep -qsw $c /sys/fs/cgroup/cgroup.controllers || skip "cgroup v2 has not all controllers here"
	done
	setup_bundle
	update_config '.linux.cgroupsPath = $p' --arg p "$CGROUPS_PATH"
}
teardown() { teardown_bundle; }

file() { cat "$DIR/$1"; }
# resources OBJECT [JQ OPTION...]
resources() {
	local object=$1
	shift
	update_config ".linux.resources += $object" "$@"
}
config() { jq -c "$1" "$ROOT/test_box/config.json"; }
# A disk: the one that / is on, or any.
disk() { lsblk -dno MAJ:MIN | tail -n 1 | tr -d ' '; }

# bats test_tags=vm-board
@test "create sets limits of every controller (v2, all controllers)" {
	local disk page=2MB
	disk=$(disk)
	[ -d /sys/kernel/mm/hugepages/hugepages-2048kB ] || page=4MB # of 32 bits without PAE
	resources '{memory: {limit: 33554432, swap: 50331648, reservation: 16777216}, pids: {limit: 17},
		cpu: {shares: 512, quota: 50000, period: 100000, burst: 1000, cpus: "0", mems: "0"},
		blockIO: {weight: 505, throttleReadBpsDevice: [{major: $major, minor: $minor, rate: 1048576}],
			throttleWriteIOPSDevice: [{major: $major, minor: $minor, rate: 100}]},
		hugepageLimits: [{pageSize: $page, limit: 4194304}],
		unified: {"memory.high": "30000000", "memory.oom.group": "1", "pids.max": "18"}}
		' --arg page "$page" --argjson major "${disk%:*}" --argjson minor "${disk#*:}"
	quietly create test_box
	[ "$(file memory.max)" = 33554432 ]
	[ "$(file memory.swap.max)" = 16777216 ]
	[ "$(file memory.low)" = 16777216 ]
	[ "$(file memory.high)" = 29999104 ]
	[ "$(file memory.oom.group)" = 1 ]
	[ "$(file pids.max)" = 18 ]
	[ "$(file cpu.weight)" = 59 ]
	[ "$(file cpu.max)" = "50000 100000" ]
	[ "$(file cpu.max.burst)" = 1000 ]
	[ "$(file cpuset.cpus)" = 0 ]
	[ "$(file cpuset.mems)" = 0 ]
	[ "$(file io.max)" = "$disk rbps=1048576 wbps=max riops=max wiops=100" ]
	[ "$(file "hugetlb.$page.max")" = 4194304 ]
	weight=$(file io.bfq.weight 2>/dev/null) || weight=$(file io.weight)
	[[ $weight = "default 505" || $weight = "default 5000" ]]
}

@test "create makes the controllers reach a cgroup deep below (v2, all controllers)" {
	[ "$HULL_LANE" != vm-systemd ] || skip "a scope is below slices"
	update_config '.linux.cgroupsPath = "/test_v2/a/b/box" | .linux.resources.pids = {limit: 5}
		| .linux.resources.memory = {limit: 33554432}'
	quietly create test_box
	[ "$(file a/b/box/pids.max)" = 5 ]
	[ "$(file a/b/box/memory.max)" = 33554432 ]
	quietly delete --force test_box
	[ ! -e $DIR/a/b/box ]
	rmdir $DIR/a/b $DIR/a $DIR
}

@test "update with each option sets its limit (v2, all controllers)" {
	quietly create test_box
	for row in \
		"memory=64M memory.max 67108864" \
		"memory-swap=2gb memory.swap.max 2080374784" \
		"memory-reservation=32MiB memory.low 33554432" \
		"cpu-share=1024 cpu.weight 100" \
		"cpu-share=2 cpu.weight 1" \
		"cpu-share=262144 cpu.weight 10000" \
		"cpu-quota=20000 cpu.max 20000 100000" \
		"cpu-period=50000 cpu.max 20000 50000" \
		"cpu-burst=1000 cpu.max.burst 1000" \
		"cpu-quota=-1 cpu.max max 50000" \
		"cpu-idle=1 cpu.idle 1" \
		"cpuset-cpus=0-1 cpuset.cpus 0-1" \
		"cpuset-mems=0 cpuset.mems 0" \
		"pids-limit=17 pids.max 17" \
		"pids-limit=-1 pids.max max" \
		"pids-limit=0 pids.max 1"; do
		read -r option name value <<<"$row"
		quietly update "--$option" test_box
		[ "$(file "$name")" = "$value" ] || { echo "$row: $(file "$name")" && return 1; }
	done
	[ "$(file memory.max)" = 67108864 ]
	# The kernel lets an idle group have no weight.
	must update --cpu-share 200 --cpu-idle 1 test_box
	[[ $output = *"level=warning"*"unable to apply both"* && $(file cpu.idle) = 1 ]]
	quietly update --cpu-share 2048 test_box
	[ "$(file cpu.idle) $(file cpu.weight)" = "0 174" ]
	echo '{"unified": {"cpu.idle": "1", "cpu.weight": "8"}}' >both
	must update --resources both test_box
	[[ $output = *"level=warning"*"unable to apply both"* && $(file cpu.idle) = 1 ]]
	quietly update --resources - test_box <<<'{"unified": {"cpu.weight": "8"}}'
	[ "$(file cpu.idle) $(file cpu.weight)" = "0 8" ]
}

@test "create gives all controllers to a container that manages its own cgroup (v2, all controllers)" {
	update_config '.linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique_by(.type)
		| (.mounts[] | select(.type == "cgroup")).options -= ["ro"]'
	quietly create test_box
	if [ "$HULL_LANE" = vm-systemd ]; then
		[[ $(file cgroup.controllers) = *cpuset* ]]
	else
		[ "$(file cgroup.controllers)" = "$(cat /sys/fs/cgroup/cgroup.controllers)" ]
	fi
}

@test "update makes memory and swap larger and smaller (v2, all controllers)" {
	resources '{memory: {limit: 33554432, swap: 33554432}}'
	quietly create test_box
	[ "$(file memory.swap.max)" = 0 ]
	quietly update --memory 60M --memory-swap 80M test_box
	[ "$(file memory.max) $(file memory.swap.max)" = "62914560 20971520" ]
	quietly update --memory 30M --memory-swap 50M test_box
	[ "$(file memory.max) $(file memory.swap.max)" = "31457280 20971520" ]
	quietly update --memory -1 --memory-swap -1 test_box
	[ "$(file memory.max) $(file memory.swap.max)" = "max max" ]
	refused "memory+swap limit should be >= memory limit" update --memory 60M --memory-swap 50M test_box
	[ "$(file memory.max)" = max ]
}

@test "update that fails half way leaves all as it was (v2, all controllers)" {
	disk=$(disk)
	resources '{memory: {limit: 33554432}, pids: {limit: 20}, cpu: {shares: 1024}}'
	quietly create test_box
	before=$(config .)
	for last in '"cpu": {"cpus": "777"}' '"cpu": {"mems": "x"}' '"unified": {"memory.high": "x"}' \
		'"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]' '"cpu": {"shares": 5, "quota": 1}'; do
		# With systemd a quota is in whole percents.
		[ "$HULL_LANE" != vm-systemd ] || [[ $last != *quota* ]] || continue
		echo "{\"memory\": {\"limit\": 67108864}, \"pids\": {\"limit\": 5},
			\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"rate\": 1000}]}, $last}" >limits
		refused "" update -r limits test_box
		[ "$(file memory.max)" = 33554432 ]
		[ "$(file pids.max)" = 20 ]
		[ "$(file cpu.weight)" = 100 ]
		[ -z "$(file io.max)" ]
		[ "$(config .)" = "$before" ]
	done
}

@test "update with checkBeforeUpdate refuses less memory than is used (v2, all controllers)" {
	set_args sh -c 'dd if=/dev/zero of=/dev/shm/fill bs=1M count=20 && exec sleep 1000'
	resources '{memory: {limit: 67108864, swap: 67108864}, pids: {limit: 20}}'
	quietly create test_box
	must start test_box
	used() { [ "$(file memory.current)" -gt 20000000 ]; }
	wait_for 20 used
	refused "rejecting memory limit 10485760 <= usage " update -r - test_box \
		<<<'{"memory": {"limit": 10485760, "checkBeforeUpdate": true}, "pids": {"limit": 5}}'
	[ "$(file memory.max)" = 67108864 ]
	[ "$(file pids.max)" = 20 ]
	is_status test_box running
}

@test "update changes the throttle of one device only, and 0 removes it (v2, all controllers)" {
	disk=$(disk)
	limit() { echo "{\"blockIO\": {\"$1\": [{\"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"rate\": $2}]}}"; }
	quietly create test_box
	quietly update -r - test_box <<<"$(limit throttleReadBpsDevice 1048576)"
	quietly update -r - test_box <<<"$(limit throttleWriteIOPSDevice 100)"
	[ "$(file io.max)" = "$disk rbps=1048576 wbps=max riops=max wiops=100" ]
	quietly update -r - test_box <<<"$(limit throttleReadBpsDevice 0)"
	[ "$(file io.max)" = "$disk rbps=max wbps=max riops=max wiops=100" ]
	quietly update --blkio-weight 505 test_box
	weight=$(file io.bfq.weight 2>/dev/null) || weight=$(file io.weight)
	[[ $weight = "default 505" || $weight = "default 5000" ]]
	refused "cannot set blockIO.throttleReadBpsDevice.0.rate: " update -r - test_box \
		<<<'{"blockIO": {"throttleReadBpsDevice": [{"major": 99, "minor": 99, "rate": 1}]}}'
}

@test "events --stats has the numbers of all controllers (v2, all controllers)" {
	resources '{memory: {limit: 67108864, swap: 67108864}, pids: {limit: 20}, cpu: {quota: 50000, period: 100000}}'
	quietly create test_box
	quietly start test_box
	must events --stats test_box
	jq -e '.data | .pids.current == 1 and .pids.limit == 20 and .memory.usage.limit == 67108864
		and .memory.usage.usage > 0 and .memory.raw.anon != null and .cpu.usage.total > 0
		and .cpu.throttling.periods != null and .hugetlb."2MB".failcnt == 0' <<<"$output"
}

@test "events tells of memory that has run out (v2, all controllers)" {
	set_args sh -c 'while ! [ -e /tmp/go ]; do sleep 0.05; done; (x=$(dd if=/dev/zero bs=1M count=64 | tr "\0" x); echo "$x") >/dev/null;
		sleep 1000'
	resources '{memory: {limit: 16777216, swap: 16777216}}'
	quietly create test_box
	must start test_box
	hull_bg events --interval 1h test_box
	watched() { find "/proc/$pid/fd" -lname '*/memory.events' | grep -q .; }
	wait_for 20 watched
	touch rootfs/tmp/go
	wait_for 60 grep -q oom "$BATS_TEST_TMPDIR/bg"
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/bg")" = '{"type":"oom","id":"test_box"}' ]
	is_status test_box running
	quietly delete --force test_box
	wait "$pid"
	not grep -v '^{"type":"oom","id":"test_box"}$' "$BATS_TEST_TMPDIR/bg"
}

@test "exec goes where init is when the cgroup has cgroups of its own (v2, all controllers)" {
	resources '{memory: {limit: 67108864}, pids: {limit: 20}}'
	update_config '(.mounts[] | select(.type == "cgroup")).options -= ["ro"]'
	set_args sh -c 'cd /sys/fs/cgroup && mkdir init other && echo 0 >init/cgroup.procs && echo "+memory +pids" >cgroup.subtree_control &&
		echo 3 >other/pids.max && exec sleep 1000'
	quietly create test_box
	quietly start test_box
	three() { [ "$(file other/pids.max 2>/dev/null)" = 3 ]; }
	wait_for 20 three
	must exec test_box cat /proc/self/cgroup
	[ "$output" = "0::/init" ]
	must exec --cgroup other test_box cat /proc/self/cgroup
	[ "$output" = "0::/other" ]
	must ps -f json test_box
	quietly update --pids-limit 30 test_box
	[ "$(file pids.max)" = 30 ]
	quietly pause test_box
	is_status test_box paused
	[ "$(file cgroup.events | grep frozen)" = "frozen 1" ]
	quietly resume test_box
	quietly delete --force test_box
	[ ! -e $DIR ]
}

@test "a fork bomb and a memory hog stay within their limits (v2, all controllers)" {
	resources '{memory: {limit: 16777216, swap: 16777216}, pids: {limit: 8}}'
	set_args sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done; echo "$(jobs | wc -l)"'
	hull run test_box
	[[ $output = *"can't fork"* ]]
	set_args sh -c 'x=$(dd if=/dev/zero bs=1M count=64 | tr "\0" x); echo survived'
	hull run test_box
	[ "$status" -ne 0 ]
	[[ $output != *survived* ]]
	nothing_left test_box
}
