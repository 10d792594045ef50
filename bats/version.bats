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

@test "version --verbose has the notices of what is linked in" {
	must --version --verbose
	for name in musl libseccomp libcap cJSON MIT LGPL BSD; do
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
