#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

@test "list has a table, JSON and ids" {
	quietly create test_box2
	quietly create test_box1
	quietly start test_box1

	must list
	[[ ${lines[0]} =~ ^ID\ {10}PID\ {9}STATUS\ {6}BUNDLE\ +CREATED\ +OWNER$ ]]
	[[ ${lines[1]} =~ ^test_box1\ +[0-9]+\ +running\ +"$BUNDLE"\ +20[0-9TZ:.-]+\ +root$ ]]
	[[ ${lines[2]} =~ ^test_box2\ +[0-9]+\ +created\ +"$BUNDLE"\ +20[0-9TZ:.-]+\ +root$ ]]
	[ "${#lines[@]}" -eq 3 ]
	must list -f table
	[ "${#lines[@]}" -eq 3 ]

	must list -q
	[ "$output" = $'test_box1\ntest_box2' ]

	must list --format json
	[ "${#lines[@]}" -eq 1 ]
	[ "$(command jq -r '.[0] | keys_unsorted | join(" ")' <<<"$output")" = \
		"ociVersion id pid status bundle rootfs created owner" ]
	[ "$(jq -c '[.[] | [.id, .status, .owner]]' <<<"$output")" = \
		'[["test_box1","running","root"],["test_box2","created","root"]]' ]
}

@test "list has a line for each container, whatever the path of its bundle" {
	mkdir "$BATS_TEST_TMPDIR/a"$'\n\t'"b"
	update_config '.root.path = $p' --arg p "$BUNDLE/rootfs"
	cp config.json "$BATS_TEST_TMPDIR/a"$'\n\t'"b"
	quietly create --bundle "$BATS_TEST_TMPDIR/a"$'\n\t'"b" test_lines
	must list
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[1]} == "test_lines "*"/a\x0a\x09b "* ]]
	must list --format json
	[ "$(jq -r '.[].bundle' <<<"$output")" = "$BATS_TEST_TMPDIR/a"$'\n\t'"b" ]
}

@test "the state directory shows containers only, and hides what is hull's own" {
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["acct"], action: "SCMP_ACT_ERRNO"}]}'
	quietly create test_one
	[ "$(ls "$ROOT")" = test_one ]
	[ -d "$ROOT/.@seccomp" ]
}

@test "list of nothing" {
	refused "no such file or directory" list
	mkdir "$ROOT"
	must list -q
	[ -z "$output" ]
	must list -f json
	[ "$output" = null ]
	must list
	[ "$output" = "ID          PID         STATUS      BUNDLE      CREATED     OWNER" ]
}

@test "list of a default state directory that is not there is empty" {
	# shellcheck disable=SC2016
	run -0 unshare -m env -u XDG_RUNTIME_DIR sh -c 'mount -t tmpfs none /run && "$0" list && [ ! -e /run/hull ]' "$HULL"
	[ "${#lines[@]}" -eq 1 ]
}

@test "list for a user looks in XDG_RUNTIME_DIR" {
	mkdir "$BATS_TEST_TMPDIR/xdg"
	cp "$HULL" /tmp/hull-list-test
	chmod 755 /tmp/hull-list-test
	run -0 setpriv --reuid 65534 --clear-groups env XDG_RUNTIME_DIR=/tmp/nothing /tmp/hull-list-test list -q
	rm /tmp/hull-list-test
	[ -z "$output" ]
}

@test "list goes on after a container that it cannot read" {
	quietly create test_box1
	quietly create test_box2
	mkdir "$ROOT/test_early" "$ROOT/no id"
	echo x >"$ROOT/file"
	cp "$ROOT/test_box1/record.json" saved
	echo '{' >"$ROOT/test_box1/record.json"
	run --separate-stderr "$HULL" --root "$ROOT" list -q
	cp saved "$ROOT/test_box1/record.json"
	[ "$status" -eq 0 ]
	[ "$output" = test_box2 ]
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr = "load container test_box1: the container's record.json is damaged: "* ]]
	rm -r "$ROOT/no id" "$ROOT/file"
}

@test "list refuses an unknown format" {
	mkdir "$ROOT"
	refused "invalid format option" list -f xml
	must list -q -f xml
}
