#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2
#
# --trace: where the time of a command goes.

load helpers
setup() {
	setup_bundle sh -c 'echo out; exit 3'
	trace=$BATS_TEST_TMPDIR/trace.json
}
teardown() { teardown_bundle; }

# has NAME: one span of this name, at least.
has() {
	jq -e --arg n "$1" 'any(.traceEvents[]; .ph == "X" and .name == $n)' "$trace" >/dev/null || {
		echo "no $1 among" && jq -r '.traceEvents[].name' "$trace" && return 1
	}
}

# whole NAME: the command's own span, which all others lie in, as far as clocks tell.
whole() {
	jq -e --arg n "$1" '[.traceEvents[] | select(.ph == "X")] | (map(select(.name == $n)) | first) as $all
		| length > 3 and all(.[]; .ts >= $all.ts and .dur >= 0 and .ts + .dur <= $all.ts + $all.dur + 1)' "$trace"
}

# bats test_tags=vm,vm-board,vm-old
@test "run --trace writes the steps of all processes as trace events" {
	hull run --trace "$trace" test_box
	[ "$status" -eq 3 ]
	[ "${lines[0]}" = out ]
	for name in "hull run test_box" "read the configuration" "start stage 0" "mounts" "mount /proc" "enter root" \
		credentials "the program runs" delete; do
		has "$name"
	done
	jq -e 'any(.traceEvents[]; .name | startswith("unshare "))' "$trace"
	[ "$(jq -r '.traceEvents[] | select(.name == "thread_name") | .args.name' "$trace" | paste -sd,)" = "hull,stage 0,stage 1,init" ]
	whole "hull run test_box"
}

@test "run --trace - is text on stderr, and the program's output is its own" {
	"$HULL" --root "$ROOT" run --trace - test_box >out 2>err 3>&- || [ $? -eq 3 ]
	[ "$(cat out)" = out ]
	grep -qE '^hull run test_box: [0-9.]+ ms$' err
	grep -qE '^ +[0-9.]+ +[0-9.]+  #{32}  hull     hull run test_box$' err
	grep -qE '^ +[0-9.]+ +[0-9.]+  [.#]{32}  init     mounts$' err
}

# spans NAME: of which processes.
spans() { jq -r --arg n "$1" '(reduce (.traceEvents[] | select(.name == "thread_name")) as $t ({}; .["\($t.tid)"] = $t.args.name)) as $who
	| .traceEvents[] | select(.ph == "X" and .name == $n) | $who["\(.tid)"]' "$trace"; }

# bats test_tags=vm
@test "hull makes the network namespace while the stages make the others, or else /dev" {
	set_args true
	must run --trace "$trace" test_box
	[ "$(spans "make the network namespace")" = hull ]
	[ -z "$(spans "make /dev")" ]
	[ "$(spans "mount /dev/pts")" = init ]
	update_config '.linux.namespaces |= map(select(.type != "network")) | .mounts |= map(select(.type != "sysfs"))'
	must run --trace "$trace" test_box
	[ -z "$(spans "make the network namespace")" ]
	[ "$(spans "make /dev")" = hull ]
}

@test "create, start, exec and delete have traces of their own" {
	set_args sleep 1000
	quietly create --trace "$trace" test_box
	has "find program"
	whole "hull create test_box"
	quietly start --trace "$trace" test_box
	has "wait until the program runs"
	has credentials
	not grep -q '"mounts"' "$trace"
	whole "hull start test_box"
	must exec --trace "$trace" test_box true
	has "find program"
	has "the program runs"
	whole "hull exec test_box"
	quietly --trace "$trace" delete --force test_box
	has "remove the state directory"
	whole "hull delete test_box"
}

@test "start is traced whether or not create was, and not when nobody asks" {
	set_args sleep 1000
	quietly create test_box
	quietly start --trace "$trace" test_box
	has credentials
	quietly delete --force test_box
	quietly create --trace "$trace" test_box
	quietly start test_box
	is_status test_box running
}

@test "a trace names hooks, and init's steps when its clock is another" {
	update_config '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "sleep 0.2"]}]}'
	if [ -e /proc/self/ns/time ]; then
		update_config '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: 86400}}'
	fi
	hull run --trace "$trace" test_box
	[ "$status" -eq 3 ]
	has "hook /bin/sh"
	jq -e 'any(.traceEvents[]; .name == "hook /bin/sh" and .dur > 190000)' "$trace"
	jq -e 'any(.traceEvents[]; .name == "host hooks" and .dur > 190000)' "$trace"
	whole "hull run test_box"
}

@test "a command that fails has a trace of how far it came" {
	set_args nope
	refused "executable file not found" run --trace "$trace" test_box
	has "find program"
	not grep -q credentials "$trace"
}

@test "a trace that cannot be written is a warning" {
	hull run --trace /nonexistent/trace test_box
	[ "$status" -eq 3 ]
	[[ $output == *level=warning*"--trace: open /nonexistent/trace: no such file or directory"* ]]
	hull run test_box
	[ "$output" = out ]
}
