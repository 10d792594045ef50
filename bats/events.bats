#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The numbers are tested in state/cgroup_stats_test.c.

# shellcheck disable=SC2154 # helpers.bash sets pid

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# bats test_tags=vm
@test "events --stats prints one object that has runc's members" {
	quietly create test_box
	quietly start test_box
	must events --stats test_box
	[ "${#lines[@]}" -eq 1 ]
	[[ $output = '{"type":"stats","id":"test_box","data":{"cpu":'* ]]
	jq -e '.data | .pids.current == 1 and .network_interfaces == null and .intel_rdt == {}
		and .cpuset.sched_relax_domain_level != null' <<<"$output"
	[ "$(command jq -c '.data | keys_unsorted' <<<"$output")" = \
		'["cpu","cpuset","memory","pids","blkio","hugetlb","intel_rdt","network_interfaces"]' ]
	# PSI and huge pages are cgroup2's, which a hybrid host has, too.
	if [ -e /sys/fs/cgroup/unified/cgroup.controllers ] || ! is_v1; then
		jq -e '.data.cpu.psi | .some.avg10 != null and .full.total != null' <<<"$output"
		jq -e '.data.hugetlb."2MB".failcnt == 0' <<<"$output"
	fi
	is_v1 || return 0
	jq -e '.data | .memory.usage.usage > 0 and .memory.raw.rss != null and .cpu.usage.total > 0
		and (.cpu.usage.percpu | length) > 0' <<<"$output"
}

# bats test_tags=vm,vm-systemd
@test "events prints statistics at each interval and ends with the container" {
	quietly create test_box
	quietly start test_box
	hull_bg events --interval 50ms test_box
	three() { [ "$(wc -l <"$BATS_TEST_TMPDIR/bg")" -ge 3 ]; }
	wait_for 10 three
	kill -0 "$pid"
	quietly delete --force test_box
	wait "$pid"
	jq -e 'select(.type != "stats" or .id != "test_box" or .data == null) | halt_error' <"$BATS_TEST_TMPDIR/bg" || [ $? -eq 4 ]
}

# bats test_tags=vm
@test "events by default prints nothing for some seconds" {
	quietly create test_box
	hull_bg events test_box
	sleep 0.5
	kill -0 "$pid"
	[ ! -s "$BATS_TEST_TMPDIR/bg" ]
	quietly kill test_box KILL
	wait "$pid"
}

@test "events tells of memory that has run out (v1)" {
	is_v1 || skip "the v2 view has no memory controller where v1 has it"
	set_args sh -c 'while ! [ -e /tmp/go ]; do sleep 0.05; done; (x=$(dd if=/dev/zero bs=1M count=64 | tr "\0" x); echo "$x") >/dev/null;
		sleep 1000'
	update_config '.linux.resources.memory = {limit: 16777216, swap: 16777216}'
	quietly create test_box
	must start test_box
	hull_bg events --interval 1h test_box
	watched() { find "/proc/$pid/fd" -lname '*eventfd*' | grep -q .; }
	wait_for 10 watched
	touch rootfs/tmp/go
	wait_for 10 grep -q oom "$BATS_TEST_TMPDIR/bg"
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/bg")" = '{"type":"oom","id":"test_box"}' ]
	is_status test_box running
	quietly delete --force test_box
	wait "$pid"
	# The end of the cgroup was no OOM.
	not grep -v '^{"type":"oom","id":"test_box"}$' "$BATS_TEST_TMPDIR/bg"
}

# bats test_tags=vm
@test "events refuses intervals that are none, and containers that do not run" {
	refused "container does not exist" events test_box
	quietly create test_box
	refused "duration interval must be greater than 0" events --interval 0 test_box
	refused "duration interval must be greater than 0" events --interval -1s test_box
	hull events --interval soon test_box
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = 'Incorrect Usage: invalid value "soon" for flag -interval: parse error' ]
	quietly kill test_box KILL
	wait_status test_box stopped
	refused "container with id test_box is not running" events test_box
	refused "container with id test_box is not running" events --stats test_box
}
