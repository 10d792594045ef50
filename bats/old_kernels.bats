#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031 # each test has a HULL of its own
# lanes: host v2
#
# Linux 5.10 and 5.4, as far as bats/old.c can make this kernel look like them.

load helpers

setup() {
	setup_bundle
	new=$HULL
}

teardown() {
	HULL=$new
	teardown_bundle
}

# on VERSION: hull is run on that Linux from here on.
on() {
	printf '#!/bin/sh\nexec %s %s %s "$@"\n' "$(compiled old.c)" "$1" "$new" >"$BATS_TEST_TMPDIR/hull-$1"
	chmod 755 "$BATS_TEST_TMPDIR/hull-$1"
	HULL=$BATS_TEST_TMPDIR/hull-$1
}

# What a container sees of its mounts: the place, the type and the flags of each.
mounts_of() {
	set_args awk '{ sub(/[0-9]+ [0-9]+ [0-9]+:[0-9]+ [^ ]* /, ""); print $1, $2, $(NF - 2) }' /proc/self/mountinfo
	must run test_box
	sort <<<"$output" | sed 's/ shared:[0-9]*//; s/ master:[0-9]*//'
}

@test "on older kernels a container has the same mounts with the same flags" {
	mkdir -p src/sub && touch src/file
	update_config '.mounts += [
		{destination: "/b1", source: $s, options: ["rbind", "ro", "nosuid", "nodev", "noexec"]},
		{destination: "/b2", source: ($s + "/file"), options: ["bind", "noatime"]},
		{destination: "/b3", source: $s, options: ["bind", "rshared", "strictatime"]},
		{destination: "/t1", type: "tmpfs", source: "tmpfs", options: ["ro", "size=64k", "noexec"]}]
		| .linux.maskedPaths += ["/b1/file", "/b1/sub"] | .linux.readonlyPaths += ["/proc/sys", "/b1"]' --arg s "$BUNDLE/src"
	mounts_of >here
	[ "$(wc -l <here)" -gt 20 ]
	for version in 5.10 5.4; do
		on $version
		mounts_of >there
		diff here there
	done
}

@test "on older kernels nothing of how it is done is seen, inside or on the host" {
	update_config '.mounts += [{destination: "/host", source: "/", options: ["rbind", "ro"]}] | .process.terminal = false'
	cp /proc/self/mountinfo before
	for version in 5.10 5.4; do
		on $version
		set_args sh -c 'grep -c " /host.* - tmpfs tmpfs .*mode=700" /proc/self/mountinfo; ls -d /host/proc; ! touch /host/x 2>/dev/null && echo ro'
		must run test_box
		[ "$output" = $'0\n/host/proc\nro' ]
		cmp before /proc/self/mountinfo
	done
}

@test "on older kernels exec enters, with and without a user namespace" {
	for version in 5.10 5.4; do
		on $version
		quietly create test_box
		pid=$(state_of test_box .pid)
		for ns in pid mnt net uts ipc; do
			must exec test_box readlink /proc/self/ns/$ns
			[ "$output" = "$(readlink "/proc/$pid/ns/$ns")" ]
		done
		hull exec test_box sh -c 'exit 7'
		[ "$status" -eq 7 ]
		quietly start test_box
		quietly kill test_box KILL
		wait_status test_box stopped
		quietly delete test_box
	done
	HULL=$new
	user_namespace
	for version in 5.10 5.4; do
		on $version
		quietly create test_box
		must exec test_box sh -c 'id -u; readlink /proc/self/ns/user; echo x >/dev/null'
		[ "$output" = "0"$'\n'"$(readlink "/proc/$(state_of test_box .pid)/ns/user")" ]
		quietly delete --force test_box
	done
}

@test "on older kernels a terminal, and a path with links" {
	update_config '.process.terminal = true | .root.readonly = false'
	mkdir -p rootfs/real src && ln -s /real rootfs/link && echo word >src/file
	update_config '.mounts += [{destination: "/link/in", source: $s, options: ["bind"]}]' --arg s "$BUNDLE/src"
	set_args sh -c 'tty; cat /real/in/file; echo $HOME; stat -c %t /dev/console'
	for version in 5.10 5.4; do
		on $version
		"$HULL" --root "$ROOT" run test_box </dev/null >out 2>&1 3>&-
		[[ $(<out) = *"/dev/pts/0"*word*/root*88* ]]
		rm -rf rootfs/real/in
	done
}

@test "what older kernels cannot do is said with the version that can" {
	mkdir src
	for version in 5.10 5.4; do
		on $version
		update_config '.mounts |= map(select(.destination != "/mnt")) + [{destination: "/mnt", source: $s, options: ["rbind", "rro"]}]' --arg s "$BUNDLE/src"
		refused "a recursive attribute needs Linux 5.12" create test_box
		update_config '.mounts[-1] |= (.options = ["bind", "idmap"] | .uidMappings = [{containerID: 0, hostID: 1000, size: 10}] | .gidMappings = .uidMappings)'
		refused "id-mapped mounts need Linux 5.12" create test_box
		update_config '.mounts |= map(select(.destination != "/mnt")) | .linux.rootfsPropagation = "shared"'
		refused "a rootfsPropagation of shared takes Linux 5.12" create test_box
		update_config 'del(.linux.rootfsPropagation)'
		nothing_left test_box
	done
}
