#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has its own variables; helpers.bash uses and sets others

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

@test "create makes a container that waits for start" {
	set_args sh -c 'echo >/began; exec sleep 1000'
	update_config '.root.readonly = false'
	quietly create test_create
	is_status test_create created
	[ "$(cat "/proc/$(state_of test_create .pid)/comm")" = "hull:[2:INIT]" ]
	[ ! -e rootfs/began ]
	quietly start test_create
	wait_for 10 test -e rootfs/began
}

@test "create that fails leaves alone what children its caller had" {
	update_config '.linux.namespaces += [{type: "time"}] | .linux.resources.pids = {limit: 1000} |
		.linux.timeOffsets = {monotonic: {secs: -999999999}}'
	bash -c 'sleep 1000 >/dev/null 2>&1 3>&- & echo $! >child; exec "$@"' - "$HULL" --root "$ROOT" create test_create \
		>out 2>&1 3>&- && false
	cat out
	kill "$(cat child)"
	nothing_left test_create
}

@test "create takes a bundle by --bundle and -b, absolute or relative" {
	cd /
	quietly create --bundle "$BUNDLE/" test_create
	[ "$(state_of test_create .bundle)" = "$BUNDLE" ]
	quietly delete test_create
	cd "$(dirname "$BUNDLE")"
	ln -s "$(basename "$BUNDLE")" link
	quietly create -b ./link test_create
	[ "$(state_of test_create .bundle)" = "$BUNDLE" ]
	[ "$(state_of test_create .rootfs)" = "$BUNDLE/rootfs" ]
	refused "bundle /nonexistent: no such file or directory" create --bundle /nonexistent test_create2
	refused "not a directory" create --bundle "$BUNDLE/config.json" test_create2
	nothing_left test_create2
}

@test "create keeps to the config.json that it has read" {
	set_args sh -c 'echo before >/word; exec sleep 1000'
	update_config '.root.readonly = false'
	quietly create test_create
	set_args sh -c 'echo after >/word'
	quietly start test_create
	wait_for 10 test -s rootfs/word
	[ "$(cat rootfs/word)" = before ]
}

@test "create takes --detach, which engines may send" {
	quietly create --detach test_create
	quietly create -d test_create2
	is_status test_create2 created
}

@test "create writes the pid file before it returns" {
	quietly create --pid-file pid test_create
	[ "$(cat pid)" = "$(state_of test_create .pid)" ]
	[ "$(wc -l <pid)" = 0 ]
	[ "$(stat -c %a pid)" = 644 ]
	quietly delete test_create
	# An older one is replaced.
	echo 12345678901234567890 >"$BATS_TEST_TMPDIR/pid"
	quietly create --pid-file "$BATS_TEST_TMPDIR/pid" test_create
	[ "$(cat "$BATS_TEST_TMPDIR/pid")" = "$(state_of test_create .pid)" ]
}

@test "create without a place for the pid file leaves nothing" {
	refused "pid file $BUNDLE/no/pid: " create --pid-file "$BUNDLE/no/pid" test_create
	[ "$status" -eq 1 ]
	nothing_left test_create
	mkdir dir
	refused "pid file dir: " create --pid-file dir test_create
	nothing_left test_create
	[ -d dir ]
	[ -z "$(ls -A dir)" ]
}

@test "create that fails leaves no pid file" {
	set_args /nonexistent
	refused "no such file" create --pid-file pid test_create
	[ ! -e pid ]
	# What stood there before is somebody else's.
	echo 4242 >pid
	refused "no such file" create --pid-file pid test_create
	[ "$(cat pid)" = 4242 ]
}

@test "create says what is wrong with args[0], in the words that clients match" {
	echo 'echo' >rootfs/bin/plain
	ln -s loop rootfs/bin/loop
	ln -s nowhere rootfs/bin/dangling
	while IFS='|' read -r name text; do
		set_args "$name" arg
		refused "exec: $text (/process/args/0)" create test_create
		[ "$status" -eq 1 ]
		nothing_left test_create
	done <<-'END'
		missing|\"missing\": executable file not found in $PATH
		dangling|\"dangling\": executable file not found in $PATH
		/missing|\"/missing\": stat /missing: no such file or directory
		./bin/missing|\"./bin/missing\": stat ./bin/missing: no such file or directory
		/bin/dangling|\"/bin/dangling\": stat /bin/dangling: no such file or directory
		/etc/passwd/x|\"/etc/passwd/x\": stat /etc/passwd/x: not a directory
		/etc/passwd|\"/etc/passwd\": permission denied: nobody may execute it (mode 644)
		plain|\"plain\": permission denied
		/tmp|\"/tmp\": is a directory
		/bin/loop|\"/bin/loop\": too many levels of symbolic links
	END
	set_args "" arg
	refused "the program's name must not be empty (/process/args/0)" create test_create
}

@test "create finds args[0] with the PATH of the container" {
	mkdir rootfs/own
	cp rootfs/bin/busybox rootfs/own/sleeper
	set_args sleeper
	refused 'executable file not found in $PATH' create test_create
	update_config '.process.env = ["PATH=/nonexistent:/own", "PATH=/own:/bin"]'
	quietly create test_create
	quietly delete test_create
	# Without PATH nothing is found but by a path, relative ones from cwd.
	update_config '.process.env = []'
	refused 'executable file not found in $PATH' create test_create
	update_config '.process.cwd = "/own"'
	set_args ./sleeper
	quietly create test_create
}

@test "create makes a missing cwd and refuses one that is a file" {
	update_config '.process.cwd = "/made/for/it"'
	quietly create test_create
	[ "$(stat -c '%F %a' rootfs/made/for/it)" = "directory 755" ]
	quietly delete test_create
	update_config '.process.cwd = "/etc/passwd"'
	refused 'chdir to cwd (\"/etc/passwd\") set in config.json failed: not a directory (/process/cwd)' \
		create test_create
	nothing_left test_create
}

@test "create makes no cwd outside of the root" {
	ln -s "$BATS_TEST_TMPDIR/outside" rootfs/link
	ln -s ../../../.."$BATS_TEST_TMPDIR/outside" rootfs/up
	for cwd in /link/dir /up/dir; do
		update_config '.process.cwd = $c' --arg c "$cwd"
		hull create test_create
		[ ! -e "$BATS_TEST_TMPDIR/outside" ]
		quietly delete --force test_create
	done
}

@test "create passes the descriptors of --preserve-fds, and no others" {
	set_args sh -c 'cat <&3 >/three; cat <&4 >/four; ls /proc/self/fd >/all; exec sleep 1000'
	update_config '.root.readonly = false'
	"$HULL" --root "$ROOT" create --preserve-fds 2 test_create 3<<<three 4<<<four 5</dev/null
	quietly start test_create
	wait_for 10 grep -qs 4 rootfs/all
	[ "$(cat rootfs/three rootfs/four)" = $'three\nfour' ]
	# 5 is that of the directory, which ls has opened.
	[ "$(tr '\n' ' ' <rootfs/all)" = "0 1 2 3 4 5 " ]
}

@test "create refuses --preserve-fds of descriptors that are not open" {
	refused "unable to stat preserved-fd 0 (of 2): bad file descriptor" create --preserve-fds 2 test_create
	nothing_left test_create
	refused "--preserve-fds -1" create --preserve-fds -1 test_create
	nothing_left test_create
}

@test "create --no-new-keyring leaves the caller's session keyring" {
	[ -e /proc/keys ] || skip "no /proc/keys"
	set_args sh -c 'cat /proc/keys >/keys; echo end >>/keys; exec sleep 1000'
	update_config '.root.readonly = false | .linux.maskedPaths -= ["/proc/keys"]'
	quietly create --no-new-keyring test_without_key
	quietly start test_without_key
	wait_for 10 grep -qs end rootfs/keys
	run -1 grep _ses.test_without_key rootfs/keys
	rm rootfs/keys
	quietly create test_with_key
	quietly start test_with_key
	wait_for 10 grep -qs end rootfs/keys
	grep _ses.test_with_key rootfs/keys
}

# --- terminals and sockets -----------------------------------------------------------------------------------------------

# bats test_tags=vm-systemd
@test "create --console-socket gives the container a terminal" {
	set_args sh -c 'tty; stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stat -c "%t:%T %n" /dev/console
		cat /proc/self/stat >/stat; read -r word; echo "read $word"'
	update_config '.process.terminal = true | .process.consoleSize = {height: 33, width: 99} | .root.readonly = false'
	receive_tty $'typed\n'
	quietly create --console-socket tty.sock test_create
	wait_for 10 grep -q message tty.out
	quietly start test_create
	wait "$receiver"
	cat tty.out
	[ "$(sed '/^typed$/d' tty.out)" = "$(printf '%s\n' 'message /dev/pts/0' /dev/pts/0 '33 99' '88:0 /dev/console' 'read typed')" ]
	# It is the leader of a session whose terminal this is: fields 6 and 7, session and tty_nr.
	read -ra stat <rootfs/stat
	[ "${stat[5]}" = 1 ]
	[ "${stat[6]}" = $((136 << 8)) ]
}

@test "create refuses a terminal without --console-socket, and the reverse" {
	update_config '.process.terminal = true'
	refused "cannot allocate tty if hull will detach without setting console socket" create test_create
	refused "connect to --console-socket $BUNDLE/nothing: no such file or directory" \
		create --console-socket "$BUNDLE/nothing" test_create
	nothing_left test_create
	touch file
	refused "connect to --console-socket file: connection refused" create --console-socket file test_create
	nothing_left test_create
	update_config '.process.terminal = false'
	refused "cannot use console socket if hull will not detach or allocate tty" \
		create --console-socket "$BUNDLE/nothing" test_create
	nothing_left test_create
}

@test "create refuses a terminal where there is no devpts" {
	update_config '.process.terminal = true | .mounts |= map(select(.destination != "/dev/pts"))'
	receive_tty
	refused "/dev/pts/ptmx: no such file or directory (/process/terminal)" create --console-socket tty.sock test_create
	nothing_left test_create
	wait "$receiver" || true
}

# bats test_tags=vm
@test "create --pidfd-socket sends a pidfd of init" {
	receive_tty
	quietly create --pidfd-socket tty.sock test_create
	wait "$receiver"
	[ "$(cat tty.out)" = "message standard"$'\n'"Pid:	$(state_of test_create .pid)" ]
	refused "connect to --pidfd-socket nothing: no such file or directory" create --pidfd-socket nothing test_create2
	nothing_left test_create2
	# crun's way to ask for it
	update_config '.annotations["run.oci.pidfd_receiver"] = $p' --arg p "$PWD/tty.sock"
	receive_tty
	quietly delete --force test_create
	quietly create test_create
	wait "$receiver"
	[ "$(cat tty.out)" = "message standard"$'\n'"Pid:	$(state_of test_create .pid)" ]
	update_config '.annotations["run.oci.pidfd_receiver"] = "/nothing"'
	refused "connect to run.oci.pidfd_receiver /nothing: no such file or directory" create test_create2
	update_config '.annotations["run.oci.pidfd_receiver"] = "nothing"'
	refused "nothing\\\" is not an absolute path" create test_create2
	nothing_left test_create2
}
