#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What each file gets is tested in state/cgroup_limits_test.c, merging in state/spec_merge_test.c.

load helpers

setup() {
	setup_bundle
	update_config '.linux.cgroupsPath = $p' --arg p "$(cgroups_path test_update)"
}
teardown() { teardown_bundle; }

# file CONTROLLER NAME: what a file of the container's cgroup holds.
file() {
	local dir
	dir=$(jq -r --arg c "$1" '.cgroup.dirs[] | select(.controllers == $c or (.controllers | split(",") | index($c))) | .path' \
		"$ROOT/test_box/record.json")
	cat "$dir/$2"
}
# config FILTER: from the container's copy of config.json.
config() { jq -c "$1" "$ROOT/test_box/config.json"; } # with sorted keys
needs_v1() { is_v1 || skip "this machine has these controllers in v1 only"; }

@test "update with each option sets its limit (v1)" {
	needs_v1
	quietly create test_box
	for row in \
		"memory=64M memory memory.limit_in_bytes 67108864" \
		"memory=1.5g memory memory.limit_in_bytes 1610612736" \
		"memory-swap=2gb memory memory.memsw.limit_in_bytes 2147483648" \
		"memory-reservation=32MiB memory memory.soft_limit_in_bytes 33554432" \
		"cpu-share=2048 cpu cpu.shares 2048" \
		"cpu-period=50000 cpu cpu.cfs_period_us 50000" \
		"cpu-quota=20000 cpu cpu.cfs_quota_us 20000" \
		"cpu-burst=1000 cpu cpu.cfs_burst_us 1000" \
		"cpu-idle=1 cpu cpu.idle 1" \
		"cpu-idle=0 cpu cpu.shares 2048" \
		"cpu-idle=1 cpu cpu.idle 1" \
		"cpu-share=512 cpu cpu.shares 512" \
		"cpuset-cpus=1 cpuset cpuset.cpus 1" \
		"cpuset-mems=0 cpuset cpuset.mems 0" \
		"pids-limit=17 pids pids.max 17" \
		"pids-limit=-1 pids pids.max max" \
		"pids-limit=0 pids pids.max 1" \
		"blkio-weight=321 blkio blkio.bfq.weight 321"; do
		read -r option controller name value <<<"$row"
		quietly update "--$option" test_box
		[ "$(file "$controller" "$name")" = "$value" ]
	done
	# The others are as the options before left them.
	[ "$(file memory memory.limit_in_bytes)" = 1610612736 ]
	[ "$(file cpu cpu.cfs_period_us)" = 50000 ]
}

@test "update sets real-time shares where the parent has some (v1)" {
	needs_v1
	[ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ] || skip "no real-time groups"
	update_config '.linux.cgroupsPath = "/test_rt/test_update"'
	quietly create test_box
	echo 500000 >/sys/fs/cgroup/cpu/test_rt/cpu.rt_runtime_us
	quietly update --cpu-rt-period 900000 --cpu-rt-runtime 100000 test_box
	[ "$(file cpu cpu.rt_runtime_us)" = 100000 ]
	[ "$(file cpu cpu.rt_period_us)" = 900000 ]
	refused "cannot set cpu.realtimeRuntime: " update --cpu-rt-runtime 899999 test_box
	[ "$(file cpu cpu.rt_runtime_us)" = 100000 ]
	quietly delete --force test_box
	for dir in /sys/fs/cgroup/*/test_rt; do
		rmdir "$dir"
	done
}

@test "update reads resources from a file, from stdin, and by either form of the option" {
	needs_v1
	quietly create test_box
	echo '{"pids": {"limit": 21}, "cpu": {"shares": 300, "cpus": "0"}}' >limits
	quietly update --resources limits test_box
	[ "$(file pids pids.max)" = 21 ]
	[ "$(file cpu cpu.shares)" = 300 ]
	quietly update --resources=- test_box <<<'{"pids": {"limit": 22}}'
	[ "$(file pids pids.max)" = 22 ]
	quietly update -r - test_box <<<'{"pids": {"limit": 23}, "devices": [{"allow": true, "access": "rwm"}]}'
	[ "$(file pids pids.max)" = 23 ]
	[ "$(config .linux.resources.devices)" = '[{"access":"rwm","allow":false}]' ]
	[ "$(config .linux.resources.cpu)" = '{"cpus":"0","shares":300}' ]
	[ "$(config .process.args)" = '["sleep","1000"]' ]
}

@test "update makes memory and swap larger and smaller in the order that the kernel takes (v1)" {
	needs_v1
	update_config '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	quietly create test_box
	quietly update --memory 60M --memory-swap 80M test_box
	[ "$(file memory memory.memsw.limit_in_bytes)" = 83886080 ]
	quietly update --memory 30M --memory-swap 50M test_box
	[ "$(file memory memory.limit_in_bytes)" = 31457280 ]
	[ "$(file memory memory.memsw.limit_in_bytes)" = 52428800 ]
	# Swap counts memory, too, so an older limit of it still holds.
	refused "memory+swap limit should be >= memory limit, and 52428800 is less than 62914560" update --memory 60M test_box
	refused "memory+swap limit should be >= memory limit (/memory/swap)" update --memory -1 --memory-swap 300m test_box
	[ "$(file memory memory.limit_in_bytes)" = 31457280 ]
	quietly update --memory -1 test_box
	[ "$(file memory memory.memsw.limit_in_bytes)" = 9223372036854771712 ]
	quietly update --memory 60M test_box
	[ "$(file memory memory.limit_in_bytes)" = 62914560 ]
}

@test "update that fails half way leaves all as it was (v1)" {
	needs_v1
	device=$(lsblk -dno MAJ:MIN | tail -n 1 | tr -d ' ')
	update_config '.linux.resources += {memory: {limit: 33554432}, pids: {limit: 20}, cpu: {shares: 512},
		blockIO: {weight: 200}}'
	quietly create test_box
	before=$(config .)
	for last in '"cpu": {"cpus": "777"}' '"cpu": {"mems": "x"}' '"unified": {"misc.max": "1"}' \
		'"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]' '"cpu": {"shares": 5, "quota": 1}'; do
		echo "{\"memory\": {\"limit\": 67108864}, \"pids\": {\"limit\": 5}, \"blockIO\": {\"weight\": 700,
			\"throttleReadBpsDevice\": [{\"major\": ${device%:*}, \"minor\": ${device#*:}, \"rate\": 1000}]}, $last}" >limits
		refused "can" update -r limits test_box
		[ "$(file memory memory.limit_in_bytes)" = 33554432 ]
		[ "$(file pids pids.max)" = 20 ]
		[ "$(file cpu cpu.shares)" = 512 ]
		[ "$(file blkio blkio.bfq.weight)" = 200 ]
		[ -z "$(file blkio blkio.throttle.read_bps_device)" ]
		[ "$(config .)" = "$before" ]
	done
}

@test "update to less memory than is used is refused, and all stays (v1)" {
	needs_v1
	set_args sh -c 'dd if=/dev/zero of=/dev/shm/fill bs=1M count=20 && exec sleep 1000'
	update_config '.linux.resources += {memory: {limit: 67108864, swap: 67108864}, pids: {limit: 20}}'
	quietly create test_box
	must start test_box
	used() { [ "$(file memory memory.usage_in_bytes)" -gt 20000000 ]; }
	wait_for 5 used
	refused "unable to set memory limit to 10485760 (current usage: " update --pids-limit 5 --memory 10M test_box
	[ "$(file memory memory.limit_in_bytes)" = 67108864 ]
	[ "$(file pids pids.max)" = 20 ]
	is_status test_box running
}

@test "update changes the throttle of one device only, and 0 removes it (v1)" {
	needs_v1
	device=$(lsblk -dno MAJ:MIN | tail -n 1 | tr -d ' ')
	limit() { echo "{\"blockIO\": {\"$1\": [{\"major\": ${device%:*}, \"minor\": ${device#*:}, \"rate\": $2}]}}"; }
	[ -n "$device" ] || skip "no block device"
	quietly create test_box
	quietly update -r - test_box <<<"$(limit throttleReadBpsDevice 1048576)"
	quietly update -r - test_box <<<"$(limit throttleWriteIOPSDevice 100)"
	[ "$(file blkio blkio.throttle.read_bps_device)" = "$device 1048576" ]
	[ "$(file blkio blkio.throttle.write_iops_device)" = "$device 100" ]
	quietly update -r - test_box <<<"$(limit throttleReadBpsDevice 5242880)"
	[ "$(file blkio blkio.throttle.read_bps_device)" = "$device 5242880" ]
	[ "$(config '.linux.resources.blockIO.throttleReadBpsDevice | length')" = 1 ]
	quietly update -r - test_box <<<"$(limit throttleReadBpsDevice 0)"
	[ -z "$(file blkio blkio.throttle.read_bps_device)" ]
	refused "cannot set blockIO.throttleReadBpsDevice.0.rate: " update -r - test_box \
		<<<'{"blockIO": {"throttleReadBpsDevice": [{"major": 99, "minor": 99, "rate": 1}]}}'
}

# bats test_tags=vm,vm-systemd
@test "update of a paused container leaves it paused" {
	quietly create test_box
	quietly pause test_box
	quietly --missing-controllers ignore update --pids-limit 30 test_box
	is_status test_box paused
	quietly resume test_box
}

# bats test_tags=vm,vm-systemd
@test "update sets hugetlb limits, and files of the unified hierarchy" {
	grep -qs hugetlb /sys/fs/cgroup/unified/cgroup.controllers /sys/fs/cgroup/cgroup.controllers || skip "no hugetlb controller"
	quietly create test_box
	quietly update -r - test_box <<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
	[ "$(file '' hugetlb.2MB.max)" = 4194304 ]
	[ "$(file '' hugetlb.2MB.rsvd.max)" = 4194304 ]
	quietly update -r - test_box <<<'{"unified": {"hugetlb.1GB.max": "0", "cgroup.max.depth": "3"}}'
	[ "$(file '' hugetlb.1GB.max)" = 0 ]
	[ "$(file '' cgroup.max.depth)" = 3 ]
	! is_v1 || refused 'cannot use unified on cgroup v1, which has the controller \"memory\" of \"memory.high\"' \
		update -r - test_box <<<'{"unified": {"memory.high": "1"}}'
	# A failure takes all of it back.
	refused 'unable to set unified resource \"cgroup.max.depth\"' update -r - test_box \
		<<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 0}], "unified": {"hugetlb.1GB.max": "max", "cgroup.max.depth": "x"}}'
	[ "$(file '' hugetlb.2MB.max)" = 4194304 ]
	[ "$(file '' hugetlb.2MB.rsvd.max)" = 4194304 ]
	[ "$(file '' hugetlb.1GB.max)" = 0 ]
	[ "$(file '' cgroup.max.depth)" = 3 ]
}

# bats test_tags=vm
@test "update says what is wrong with a value, and where" {
	quietly create test_box
	refused 'invalid value for memory: invalid size: '"'12Q'" update --memory 12Q test_box
	refused 'invalid value for memory-swap: invalid size: '"'-5'" update --memory-swap -5 test_box
	refused 'invalid value for cpu-quota: \"fast\" is not a number' update --cpu-quota fast test_box
	refused 'invalid value for pids-limit: \"1.5\" is not a number' update --pids-limit 1.5 test_box
	refused "9 is out of range (10 to 1000) (/blockIO/weight)" update --blkio-weight 9 test_box
	refused "-1 is out of range (0 to 18446744073709551615) (/cpu/shares)" update --cpu-share -1 test_box
	refused "99999999999999999999" update --cpu-period 99999999999999999999 test_box
	refused "invalid size: '99999999999p'" update --memory 99999999999p test_box
	echo '{"pids": {"limit": "5"}}' >limits
	refused 'limits: expected an integer, found the string \"5\" (/pids/limit)' update -r limits test_box
	echo '{"pids": ' >limits
	refused "limits: line 2, column 1" update -r limits test_box
	refused "standard input: " update -r - test_box </
	refused "nonexistent: no such file or directory" update -r nonexistent test_box
	refused "--resources excludes --memory" update -r limits --memory 5M test_box
	refused "Intel RDT/CAT: l3 cache schema is not enabled" update --l3-cache-schema x test_box
	refused "Intel RDT/MBA: memory bandwidth schema is not enabled" update --mem-bw-schema x test_box
	must update --kernel-memory 5M --kernel-memory-tcp 5M test_box
}

# bats test_tags=vm
@test "update of a limit whose controller is missing says which, unless it is to be ignored" {
	limits='{"network": {"classID": 7}}'
	quietly create test_box
	[ ! -e /sys/fs/cgroup/net_cls ] || skip "the controller is here"
	message='cannot set network.classID: the \"net_cls\" cgroup controller is not available'
	refused "$message: " update -r - test_box <<<"$limits"
	refused "$message" --missing-controllers error update -r - test_box <<<"$limits"
	quietly --missing-controllers=ignore update -r - test_box <<<"$limits"
	must --missing-controllers=warn update -r - test_box <<<"$limits"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output = *"level=warning"*"$message: "*" (/network/classID)"* ]]
	refused 'invalid --missing-controllers: \"no\" is not error, warn or ignore' --missing-controllers no state test_box
	# The same of create.
	update_config '.linux.cgroupsPath = $p | .linux.resources.network.classID = 7' --arg p "$(cgroups_path test_update2)"
	refused "$message: " create test_other
	[[ $output = *"(/linux/resources/network/classID)"* ]]
	nothing_left test_other
	quietly --missing-controllers ignore create test_other
}

# bats test_tags=vm
@test "update refuses a container that has stopped or does not exist" {
	refused "container does not exist" update --pids-limit 5 test_box
	quietly create test_box
	quietly kill test_box KILL
	wait_status test_box stopped
	refused "container not running" update --pids-limit 5 test_box
}

@test "update of unified limits on pure v1 says that there is no v2" {
	is_v1 || skip "there is v2"
	[ ! -e /sys/fs/cgroup/unified/cgroup.procs ] || skip "there is v2, too"
	quietly create test_box
	refused "cannot use unified on cgroup v1" update -r - test_box <<<'{"unified": {"memory.high": "1"}}'
}

# bats test_tags=vm,vm-systemd
@test "exec and events work after an update" {
	quietly create test_box
	quietly start test_box
	must --missing-controllers ignore update --pids-limit 30 --cpu-share 100 test_box
	must exec test_box echo works
	[ "$output" = works ]
	must events --stats test_box
	is_v1 || return 0
	[ "$(jq .data.pids.limit <<<"$output")" = 30 ]
}
