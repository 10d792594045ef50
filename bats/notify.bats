#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host
#
# NOTIFY_SOCKET: bats/notify.c is the service manager on the host, and the program inside.

load helpers

setup() {
	setup_bundle
	cp "$(compiled notify.c)" rootfs/bin/notify
	"$(compiled notify.c)" listen "$BATS_TEST_TMPDIR/host.sock" >heard 2>&1 </dev/null 3>&- &
	listener=$!
	wait_for 5 test -S "$BATS_TEST_TMPDIR/host.sock"
	export NOTIFY_SOCKET=$BATS_TEST_TMPDIR/host.sock
}

teardown() {
	unset NOTIFY_SOCKET
	[ -z "$listener" ] || kill "$listener"
	teardown_bundle
}

# The process that hull has left for a container's notifications.
relay_of() {
	local pid
	for pid in $(pgrep -f "^$HULL .* $1"); do
		[ "$(cat "/proc/$pid/comm")" = "hull: notify" ] && echo "$pid"
	done
	return 0
}

heard() { grep -q -- "$1" heard; }

@test "start names init, does not wait, and leaves a relay that ends with the container" {
	mkfifo rootfs/go
	set_args sh -c 'read -r x </go; notify send READY=1 STATUS=up; exec sleep 1000'
	quietly create test_box
	quietly start test_box
	pid=$(state_of test_box .pid)
	wait_for 5 heard "^[0-9]* MAINPID=$pid$"
	not heard READY
	relay=$(relay_of test_box)
	[ "$(wc -w <<<"$relay")" = 1 ]
	# It has nothing of its caller's, and is nobody's to interrupt.
	[ "$(readlink /proc/"$relay"/fd/{0,1,2} | sort -u)" = /dev/null ]
	[ "$(find "/proc/$relay/fd" -mindepth 1 | wc -l)" = 5 ]
	[ "$(ps -o sid= -p "$relay" | tr -d ' ')" = "$relay" ]
	[ "$(readlink "/proc/$relay/cwd")" = / ]
	echo go >rootfs/go
	wait_for 5 heard "^$relay READY=1$"
	wait_for 5 heard "^$relay STATUS=up$"
	quietly kill test_box KILL
	wait_for 5 test ! -e "/proc/$relay"
	quietly delete test_box
}

@test "the relay passes on what speaks of the service, and no processes and descriptors" {
	set_args notify send $'READY=1\nMAINPID=1\nSTATUS=two words' FDSTORE=1 BARRIER=1 $'NOTIFYACCESS=all\nX_OWN=1' STOPPING=1
	must run test_box
	wait_for 5 heard STOPPING
	[ "$(cut -d ' ' -f 2- heard)" = $'READY=1|STATUS=two words\nX_OWN=1\nSTOPPING=1' ]
}

@test "a foreground run is the sender itself, and needs no relay" {
	set_args sh -c 'notify send READY=1; exec sleep 1000'
	"$HULL" --root "$ROOT" run test_box >out 2>&1 </dev/null 3>&- &
	pid=$!
	wait_for 5 heard "^$pid READY=1$"
	not heard MAINPID
	[ -z "$(relay_of test_box)" ]
	quietly kill test_box KILL
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 137 ]
	[ ! -s out ]
}

@test "run --detach leaves a relay" {
	set_args sh -c 'notify send READY=1; exec sleep 1000'
	quietly run --detach test_box
	wait_for 5 heard READY
	heard "MAINPID=$(state_of test_box .pid)$"
	[ "$(heard READY && sed -n 's/ READY=1//p' heard)" = "$(relay_of test_box)" ]
}

@test "a program in a user namespace, as any user, reaches the socket" {
	user_namespace
	update_config '.process.user = {uid: 1000, gid: 1000} | .process.capabilities = {}'
	set_args notify send READY=1
	must run test_box
	wait_for 5 heard READY
}

@test "the variable is the container's own, and exec has none" {
	update_config '.process.env += ["NOTIFY_SOCKET=/other"]'
	set_args sh -c 'echo "$NOTIFY_SOCKET"; grep " /run/notify " /proc/mounts | cut -d " " -f 4'
	must run test_box
	[ "${lines[0]}" = /run/notify/notify.sock ]
	[[ ${lines[1]} = ro,nosuid,nodev,noexec* ]]
	update_config '.process.env |= map(select(startswith("NOTIFY") | not))'
	set_args sleep 1000
	quietly run -d test_box
	must exec test_box sh -c 'echo "=$NOTIFY_SOCKET"'
	[ "$output" = = ]
}

@test "an abstract address is reached, a wrong one is ignored with a warning" {
	NOTIFY_SOCKET=@test-hull-$BASHPID
	"$(compiled notify.c)" listen "$NOTIFY_SOCKET" >heard 2>&1 </dev/null 3>&- &
	other=$!
	wait_for 5 grep -q "$NOTIFY_SOCKET" /proc/net/unix
	set_args notify send READY=1
	must run test_box
	wait_for 5 heard READY
	kill "$other"
	# Nobody is there any more: the program does not care.
	must run test_box
	set_args sh -c 'echo "=$NOTIFY_SOCKET"'
	NOTIFY_SOCKET=vsock:2:1234
	must run test_box
	[[ ${lines[0]} = *"level=warning msg=\"NOTIFY_SOCKET=vsock:2:1234 is ignored: it is no path or abstract name of a socket\"" ]]
	[ "${lines[-1]}" = = ]
}

@test "a container that fails to start leaves no relay, and one without the variable no directory" {
	printf '#!/nowhere\n' >rootfs/bin/broken
	chmod 755 rootfs/bin/broken
	set_args broken
	hull run -d test_box
	[ "$status" -eq 1 ]
	[ -z "$(relay_of test_box)" ]
	[ ! -s heard ]
	unset NOTIFY_SOCKET
	set_args sleep 1000
	quietly create test_box
	[ ! -e "$ROOT/test_box/notify" ]
	# Who has it only at start has come too late.
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/host.sock quietly start test_box
	[ -z "$(relay_of test_box)" ]
}
