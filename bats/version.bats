#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host

load helpers

@test "version has the lines that clients look for" {
	for args in --version -v; do
		must $args
		[[ ${lines[0]} =~ ^hull\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		[[ ${lines[1]} =~ ^commit:\ [0-9a-f]{40}$ ]]
		[ "${lines[2]}" = "spec: 1.3.0" ]
		[[ ${lines[3]} =~ ^libseccomp:\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		[ "${#lines[@]}" -eq 4 ]
	done
}

@test "called as runc or crun, hull calls itself so" {
	local runc=$BATS_TEST_TMPDIR/runc crun=$BATS_TEST_TMPDIR/crun other=$BATS_TEST_TMPDIR/youki
	ln -s "$HULL" "$runc"
	run -0 "$runc" --version
	[[ ${lines[0]} =~ ^runc\ version\ [0-9.]+\ \(hull\)$ ]]
	run -0 "$runc" --help
	[[ ${lines[1]} = "   runc - "* && $output = *"# runc run [ -b bundle ]"* && $output = *"   runc [global options]"* ]]
	run -0 "$runc" run --help
	[[ $output = *"   runc run - "* && $output = *"   runc run [command options] <container-id>"* ]]
	run -1 "$runc" state
	[[ $output = *'"runc: \"state\" requires exactly 1 argument(s)"'* ]]
	run -1 "$runc" --root "$ROOT" run --bundle /nowhere test_box
	[[ $output = *'"runc run failed: bundle /nowhere: '* ]]
	run -1 "$runc" --root "$ROOT" create --bundle /nowhere test_box
	[[ $output = *'"runc create failed: bundle /nowhere: '* ]]
	ln -s "$HULL" "$crun"
	run -0 "$crun" --version
	[[ ${lines[0]} =~ ^crun\ version\ [0-9.]+\ \(hull\)$ ]]
	# No other name changes anything.
	ln -s "$HULL" "$other"
	run -0 "$other" --version
	[[ ${lines[0]} =~ ^hull\ version\ [0-9.]+$ ]]
}

@test "version --verbose has the notices of what is linked in" {
	must --version --verbose
	for name in musl libseccomp libcap cJSON libdbus MIT LGPL BSD AFL; do
		[[ $output = *"$name"* ]]
	done
}

@test "version is printed whatever the state directory" {
	"$HULL" --root /nonexistent --log-format json --version
}

@test "version in an empty root file system" {
	mkdir "$BATS_TEST_TMPDIR/empty"
	cp "$HULL" "$BATS_TEST_TMPDIR/empty/hull"
	run -0 chroot "$BATS_TEST_TMPDIR/empty" /hull --version
	[[ ${lines[0]} = "hull version "* ]]
}
