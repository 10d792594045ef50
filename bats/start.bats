#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has its own variables; helpers.bash uses and sets others

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# hook KIND SCRIPT: add a hook.
hook() {
	update_config '.hooks[$kind] += [{path: "/bin/sh", args: ["sh", "-c", $script]}]' --arg kind "$1" --arg script "$2"
}

@test "start runs the program, and returns when it runs" {
	set_args sleep 1000
	quietly create test_start
	pid=$(state_of test_start .pid)
	quietly start test_start
	# execve is done: no stage's name is seen any more.
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "sleep 1000 " ]
	is_status test_start running
	[ "$(state_of test_start .pid)" = "$pid" ]
	[ ! -e "$ROOT/test_start/start.sock" ]
}

@test "start of a running container is refused, and does it no harm" {
	quietly create test_start
	quietly start test_start
	refused "cannot start an already running container" start test_start
	[ "$status" -eq 1 ]
	is_status test_start running
}

@test "start of a stopped container is refused" {
	set_args true
	quietly create test_start
	quietly start test_start
	wait_status test_start stopped
	refused "cannot start a container that has stopped" start test_start
	quietly create test_start2
	quietly kill test_start2 KILL
	wait_status test_start2 stopped
	refused "cannot start a container that has stopped" start test_start2
}

@test "start of a paused container is refused" {
	quietly create test_start
	quietly pause test_start
	refused "cannot start a container in the paused state" start test_start
	quietly resume test_start
	is_status test_start created
	quietly start test_start
}

@test "start of two at once: exactly one does it" {
	for _ in 1 2 3 4 5; do
		quietly create test_start
		hull_bg start test_start
		hull start test_start
		other=0
		wait "$pid" || other=$?
		[ $((status + other)) -eq 1 ]
		grep -qF "cannot start an already running container" "$BATS_TEST_TMPDIR/output" "$BATS_TEST_TMPDIR/bg"
		is_status test_start running
		quietly delete --force test_start
	done
}

@test "start says why execve failed, and stops the container" {
	printf 'no program' >rootfs/bin/garbage
	printf '#!/nonexistent\n' >rootfs/bin/script
	chmod +x rootfs/bin/garbage rootfs/bin/script
	while IFS='|' read -r name text; do
		set_args "$name"
		quietly create test_start
		CGROUPS=$(cgroups_of test_start)
		refused "unable to start container process: exec $text" start test_start
		[ "$status" -eq 1 ]
		wait_status test_start stopped
		quietly delete test_start
		nothing_left test_start
	done <<-'END'
		garbage|/bin/garbage: exec format error
		/bin/script|/bin/script: no such file or directory
	END
	# Away since create.
	cp rootfs/bin/busybox rootfs/bin/gone
	set_args gone
	quietly create test_start
	rm rootfs/bin/gone
	refused "exec /bin/gone: no such file or directory" start test_start
}

@test "start of a program that the user may not execute says permission denied" {
	cp rootfs/bin/busybox rootfs/bin/private
	chmod 700 rootfs/bin/private
	set_args private
	update_config '.process.user = {uid: 1000, gid: 1000}'
	quietly create test_start
	refused "exec /bin/private: permission denied" start test_start
	wait_status test_start stopped
}

# bats test_tags=vm
@test "start runs startContainer hooks inside and poststart hooks outside" {
	update_config '.root.readonly = false'
	hook startContainer 'cat >/in'
	hook poststart "cat >$BUNDLE/out"
	quietly create test_start
	[ ! -e rootfs/in ]
	quietly start test_start
	[ "$(jq -r .status rootfs/in)" = created ]
	[ "$(jq -r .status out)" = running ]
	[ "$(jq -r .pid out)" = "$(state_of test_start .pid)" ]
	is_status test_start running
}

@test "start without init says so" {
	quietly create test_start
	pid=$(state_of test_start .pid)
	hull_bg start test_nothing
	wait "$pid" 2>/dev/null || true
	grep -q "container does not exist" "$BATS_TEST_TMPDIR/bg"
	kill -9 "$(state_of test_start .pid)"
	wait_status test_start stopped
	refused "cannot start a container that has stopped" start test_start
}

@test "start whose init is killed while it waits for hooks names the stage" {
	update_config '.root.readonly = false'
	hook startContainer 'echo >/began; exec sleep 1000'
	quietly create test_start
	hull_bg start test_start
	wait_for 10 test -e rootfs/began
	kill -9 "$(state_of test_start .pid)"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 1 ]
	cat "$BATS_TEST_TMPDIR/bg"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/bg")" -eq 1 ]
	grep -qF "unable to start container process: " "$BATS_TEST_TMPDIR/bg"
	wait_status test_start stopped
}
