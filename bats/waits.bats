#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
# by turns: host v2
#
# No wait without a way out: whatever hull, its stages or init wait for, an end of the other side or a signal ends it, and
# nothing is left (nsexec/PROTOCOL.md has the table).
# shellcheck disable=SC2030,SC2031,SC2034 # each test has its own pid; CGROUPS is for nothing_left

load helpers

setup() {
	setup_bundle
	set_args sleep 1000
}

teardown() { teardown_bundle; }

# ended PID SECONDS: a background hull has ended; its exit code is in $status.
ended() {
	wait_for "$2" gone "$1"
	status=0
	wait "$1" || status=$?
}

# A shell's background jobs ignore SIGINT.
begin() {
	env --default-signal=INT "$HULL" --root "$ROOT" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null 3>&- &
	pid=$!
}

@test "create and run end when any step between READY and PROCEED fails, and leave nothing" {
	update_config '.process.rlimits = [{type: "RLIMIT_CORE", hard: 0, soft: 0}]'
	# Of hull alone, from the moment that it has received READY, the first recvmsg, to the last step before PROCEED.
	strace -o all "$HULL" --root "$ROOT" create --pid-file pid --pidfd-socket /no/such test_box >out 2>&1 </dev/null 3>&- || true
	grep -q 'connect to --pidfd-socket' out
	calls=$(sed -n '0,/^recvmsg/d; s/^\([a-z0-9_]*\)(.*/\1/p' all | sed '/^connect$/q' | sort -u)
	[[ $calls == *renameat*write* ]]
	for verb in create run; do
		for call in $calls; do
			for error in ESRCH EPIPE EPERM; do
				# The last one of all that there are, so that it is one after READY.
				n=$(sed '/^connect(/q' all | grep -c "^$call(")
				code=0
				timeout --foreground -s KILL 20 strace -o trace -e trace="$call" -e inject="$call:error=$error:when=$n" \
					"$HULL" --root "$ROOT" $verb --pid-file pid --pidfd-socket /no/such test_box >out 2>&1 </dev/null 3>&- || code=$?
				[ "$code" = 1 ] || { echo "$verb $call $error: exit code $code" && cat out && return 1; }
				[ ! -e "$ROOT/test_box" ] || "$HULL" --root "$ROOT" delete --force test_box 3>&-
			done
		done
	done
	nothing_left test_box
}

@test "SIGTERM, SIGINT and SIGHUP end a create or run that waits for a hook, and leave nothing" {
	for kind in prestart createRuntime createContainer; do
		update_config '.hooks = {($k): [{path: "/bin/sh", args: ["sh", "-c", $s]}]}' --arg k "$kind" \
			--arg s "echo >$BUNDLE/hook; exec sleep 1000.$$"
		for sig in TERM INT HUP; do
			for verb in create run "run --detach"; do
				rm -f hook
				# shellcheck disable=SC2086 # two words
				begin $verb test_box
				wait_for 5 test -e hook
				kill -$sig "$pid"
				ended "$pid" 5
				[ "$status" = 1 ]
				grep -q "interrupted by signal [0-9]* (SIG$sig)" "$BATS_TEST_TMPDIR/out"
				wait_for 5 not pgrep -f "sleep 1000.$$"
				nothing_left test_box
			done
		done
	done
}

@test "a signal that the caller ignores does not interrupt" {
	update_config '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", $s]}]}' \
		--arg s "echo >$BUNDLE/hook; until [ -e $BUNDLE/go ]; do sleep 0.02; done"
	for sig in TERM INT HUP; do
		rm -f hook go
		(trap '' $sig && exec "$HULL" --root "$ROOT" create test_box >out 2>&1 </dev/null 3>&-) &
		pid=$!
		wait_for 5 test -e hook
		kill -$sig $pid
		touch go
		ended $pid 5
		[ "$status" = 0 ]
		quietly delete --force test_box
	done
}

@test "a signal while the program runs is the program's" {
	set_args sh -c 'trap "exit 7" TERM; echo ready; while :; do sleep 0.1; done'
	begin run test_box
	wait_for 5 grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM "$pid"
	ended "$pid" 5
	[ "$status" = 7 ]
}

@test "SIGTERM ends an exec whose process is about to execute the program, of which hull has not read yet" {
	for change in '.linux.namespaces += [{type: "time"}]' '.process.capabilities.bounding += ["CAP_SYS_PTRACE"]'; do
		cp config.json before.json
		update_config "$change"
		quietly create test_box
		quietly start test_box
		rm -f trace
		strace -D -f -qq -o trace -e trace=execve,execveat -e inject=execve:delay_enter=3000000 "$HULL" --root "$ROOT" exec test_box \
			sleep 1001 >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null 3>&- &
		pid=$!
		# The program's, not hull's: that has been executed when the stages are.
		wait_for 20 grep -q 'execve("/bin/sleep"' trace
		kill -TERM "$pid"
		ended "$pid" 5
		[ "$status" = 255 ]
		grep -q "interrupted by signal 15 (SIGTERM)" "$BATS_TEST_TMPDIR/out"
		wait_for 5 has_processes test_box 1
		sleep 3.5 # what was to be executed then is not
		has_processes test_box 1
		quietly delete --force test_box
		mv before.json config.json
	done
}

@test "SIGTERM ends an exec that waits, for ever in a paused container, and its process" {
	[ -d /sys/fs/cgroup/freezer ] || [ -e /sys/fs/cgroup/cgroup.controllers ] || skip "no freezer here"
	update_config '.linux.cgroupsPath = $p' --arg p "$(cgroups_path test_waits)"
	quietly create test_box
	quietly start test_box
	quietly pause test_box
	begin exec --ignore-paused test_box sleep "1000.$$"
	two_there() { hull ps --format json test_box && [ "$(jq length <<<"$output")" = 2 ]; }
	wait_for 5 two_there
	kill -TERM "$pid"
	ended "$pid" 10
	[ "$status" = 255 ]
	grep -q "interrupted by signal 15 (SIGTERM)" "$BATS_TEST_TMPDIR/out"
	quietly resume test_box
	is_status test_box running
	one_left() { hull ps --format json test_box && [ "$(jq length <<<"$output")" = 1 ]; }
	wait_for 5 one_left
}

@test "a socket of the caller's that takes nothing is an error after ten seconds, for all at once" {
	python3 - "$BATS_TEST_TMPDIR/full" <<-'END' 3>&- &
		import socket, sys, time
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(0)
		keep = []
		while True:
		    c = socket.socket(socket.AF_UNIX)
		    c.setblocking(False)
		    try:
		        c.connect(sys.argv[1])
		    except BlockingIOError:
		        break
		    keep.append(c)
		open(sys.argv[1] + ".full", "w").close()
		time.sleep(60)
	END
	server=$!
	wait_for 5 test -e "$BATS_TEST_TMPDIR/full.full"
	begin create --pidfd-socket "$BATS_TEST_TMPDIR/full" test_one
	one=$pid
	"$HULL" --root "$ROOT" exec --help >/dev/null
	update_config '.process.terminal = true'
	"$HULL" --root "$ROOT" create --console-socket "$BATS_TEST_TMPDIR/full" test_two >two 2>&1 </dev/null 3>&- &
	two=$!
	ended $one 15
	[ "$status" = 1 ]
	grep -q "connect to --pidfd-socket $BATS_TEST_TMPDIR/full: connection timed out" "$BATS_TEST_TMPDIR/out"
	ended $two 5
	[ "$status" = 1 ]
	grep -q "console-socket $BATS_TEST_TMPDIR/full: connection timed out" two
	kill $server
	nothing_left test_one
	nothing_left test_two
}

# In a PID namespace of its own, with the host's /proc.
foreign() { unshare --pid --fork sh -ec 'hull() { '"$HULL --root $ROOT"' "$@" 3>&-; }
	'"$1"; }

@test "hull runs where /proc is of another PID namespace" {
	quietly create test_other
	for ns in host own; do
		[ $ns = host ] || user_namespace
		must_be='created running 1 7'
		output=$(foreign 'hull create test_box >&2 </dev/null
			state() { hull state test_box | jq -r .status; }
			echo $(state); hull start test_box
			echo $(state); hull exec test_box sh -c "echo \$(wc -l </proc/self/uid_map)"
			hull exec test_box sh -c "exit 7" || echo $?
			hull kill test_box KILL; until [ "$(state)" = stopped ]; do sleep 0.02; done
			hull delete test_box; hull run test_run >&2 & until [ "$(hull state test_run 2>/dev/null | jq -r .status)" = running ]; do sleep 0.02; done
			hull kill test_run KILL; wait $!' | tr '\n' ' ' || true)
		[ "$output" = "$must_be " ] || { echo "$ns: $output" && return 1; }
	done
	is_status test_other created
	nothing_left test_box
}

@test "delete --force ends a create that hangs" {
	update_config '.hooks.createRuntime = [{"path": "/bin/sh", "args": ["sh", "-c", $script]}]' \
		--arg script "echo \$\$ >$BUNDLE/hook; exec sleep 1000"
	hull_bg create test_box
	wait_for 5 test -s hook
	CGROUPS=$(cgroups_of test_box)
	# It waits ten seconds for the lock first.
	quietly delete --force test_box
	nothing_left test_box
	wait_for 5 gone "$pid"
	kill -9 "$(<hook)"
}

@test "delete of a container whose init waits for somebody to be reaped says for whom, and by whom" {
	cat >lazy.py <<-'END'
		import ctypes, subprocess, sys, time
		def hull(*args, out=subprocess.DEVNULL):
		    subprocess.run([*sys.argv[1:], *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out)
		ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as a monitor; which reaps nobody
		hull("run", "-d", "test_box")
		hull("exec", "-d", "test_box", "true")
		time.sleep(0.2)
		hull("delete", "--force", "test_box", out=open("said", "w"))
	END
	python3 lazy.py "$HULL" --root "$ROOT" 3>&-
	grep -qE 'init still running: it waits for process [0-9]+ \([a-z]+\), which has ended, to be reaped by its parent [0-9]+ \(python3[0-9.]*\)' said
	wait_for 5 "$HULL" --root "$ROOT" delete --force test_box
}
