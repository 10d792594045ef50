#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host v2
#
# hull is replaced while containers run. bats/records has what older ones kept of a container, a directory for each form
# that was ever released: a record.json and a config.bin.
# shellcheck disable=SC2030,SC2031 # each test has a HULL of its own

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# as_of DIRECTORY: the record of test_box as that hull would have written it: its rows alone, in its order, and its
# config.bin, whose form may be another.
as_of() {
	local dir=$ROOT/test_box
	[ -s "$1/record.json" ]
	command jq -c --slurpfile now "$dir/record.json" '. as $old | reduce keys_unsorted[] as $k ({}; .[$k] = (if $now[0] | has($k) then $now[0][$k] else $old[$k] end))' \
		"$1/record.json" >record.new
	# One row a line, as hull writes it.
	jq -r '"{" + ([to_entries[] | "\(.key | tojson):\(.value | tojson)"] | join(",\n")) + "}"' record.new >"$dir/record.json"
	cp "$1/config.bin" "$dir/config.bin"
}

# The life of a container from here on.
lives() {
	is_status test_box created
	quietly start test_box
	must exec test_box sh -c 'cat /proc/1/comm; id -u'
	[ "$output" = $'sleep\n0' ]
	hull exec test_box sh -c 'exit 7'
	[ "$status" -eq 7 ]
	quietly pause test_box
	is_status test_box paused
	quietly resume test_box
	quietly update --pids-limit max test_box 2>/dev/null || quietly --missing-controllers ignore update --pids-limit 77 test_box
	must ps --format json test_box
	[ "$output" = "[$(state_of test_box .pid)]" ]
	must list -q
	[ "$output" = test_box ]
	quietly kill test_box KILL
	wait_status test_box stopped
	quietly delete test_box
	nothing_left test_box
}

@test "a container of an older hull is entered, updated, killed and deleted by this one" {
	local dir
	set_args sleep 1000
	for dir in "$BATS_TEST_DIRNAME"/records/*/; do
		echo "$dir"
		quietly create test_box
		as_of "$dir"
		lives
	done
}

@test "a container of a newer hull, whose record has more and whose config.bin is of another form, too" {
	set_args sleep 1000
	quietly create test_box
	sed -i '1s/{/{"later":{"a":[1,"}"]},\n"laterStill":7,\n/' "$ROOT/test_box/record.json"
	jq -e .laterStill "$ROOT/test_box/record.json"
	printf '\377' | dd of="$ROOT/test_box/config.bin" bs=1 seek=4 conv=notrunc status=none
	lives
}

@test "what this hull writes is read by the oldest that wrote the kept records: no row has gone" {
	local dir
	quietly create test_box
	for dir in "$BATS_TEST_DIRNAME"/records/*/; do
		[ "$(jq -c --slurpfile now "$ROOT/test_box/record.json" 'keys - ($now[0] | keys)' "$dir/record.json")" = "[]" ]
		[ "$(jq -c 'map_values(type) | del(.cgroup, .annotations)' "$dir/record.json")" = "$(jq -c --slurpfile old "$dir/record.json" \
			'with_entries(select(.key as $k | $old[0] | has($k))) | map_values(type) | del(.cgroup, .annotations)' "$ROOT/test_box/record.json")" ]
	done
}

@test "replacing the file while a container runs disturbs neither it nor a hull that waits" {
	local this=$HULL
	HULL=$BATS_TEST_TMPDIR/hull
	cp "$this" "$HULL"
	set_args sh -c 'while [ ! -e /tmp/end ]; do sleep 0.1; done; exit 5'
	update_config '.mounts += [{destination: "/tmp", type: "bind", source: $s, options: ["bind"]}]' --arg s "$BUNDLE/tmp"
	mkdir tmp
	"$HULL" --root "$ROOT" run test_box >out 2>&1 </dev/null 3>&- &
	local waiting=$! old
	wait_status test_box running
	old=$(stat -c %i "$HULL")
	cp "$this" "$HULL.new"
	mv "$HULL.new" "$HULL"
	[ "$(stat -c %i "$HULL")" != "$old" ]
	must exec test_box echo hello
	[ "$output" = hello ]
	: >tmp/end
	local rc=0
	wait "$waiting" || rc=$?
	[ "$rc" = 5 ]
	[ ! -s out ]
	nothing_left test_box
}
