#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has its own variables; helpers.bash uses and sets others

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# Programs that cannot be executed, each for a reason of its own.
broken_programs() {
	printf '#!/no/such/interpreter\n' >rootfs/bin/nointerp
	printf '#!/bin/sh\r\necho\r\n' >rootfs/bin/crlf
	printf 'echo hello\n' >rootfs/bin/noshebang
	: >rootfs/bin/empty
	# An ELF header of 64 bits for AArch64 (183), and one for nothing that there is.
	printf '\x7fELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\xb7\0%0100d' 0 >rootfs/bin/foreign
	cp "$(command -v cat)" rootfs/bin/dynamic

	chmod +x rootfs/bin/{nointerp,crlf,noshebang,empty,foreign,dynamic}
}

# inside SCRIPT [OPTION...]: run it in the container.
inside() {
	set_args sh -c "$1"
	shift
	hull run "$@" test_run
}

# --- exit codes and stdio ------------------------------------------------------------------------------------------------

# bats test_tags=vm,vm-initramfs,vm-systemd
@test "run returns the exit code of the program" {
	for code in 0 1 7 127 128 254 255; do
		inside "exit $code"
		[ "$status" -eq "$code" ]
		[ -z "$output" ]
		nothing_left test_run
	done
}

@test "run returns 128 and the signal that killed the program" {
	# Init of a PID namespace is deaf to signals from inside.
	update_config '.linux.namespaces -= [{"type": "pid"}]'
	for sig in 1 6 9 11 15 31 34; do
		# shellcheck disable=SC2016 # the container's own shell
		inside "kill -$sig \$\$"
		[ "$status" -eq $((128 + sig)) ]
		nothing_left test_run
	done
}

# bats test_tags=vm-initramfs
@test "run passes stdin, stdout and stderr through" {
	set_args sh -c 'cat; echo error >&2'
	printf 'one\ntwo' | "$HULL" --root "$ROOT" run test_run >out 2>err 3>&-
	[ "$(cat out)" = $'one\ntwo' ]
	[ "$(cat err)" = error ]
	nothing_left test_run
}

@test "run passes much data through pipes, and their ends" {
	set_args cat
	head -c 3000000 /dev/zero | "$HULL" --root "$ROOT" run test_run 3>&- | wc -c >count
	[ "$(cat count)" -eq 3000000 ]
	# A reader that goes away is the program's business.
	set_args sh -c 'trap "" PIPE; while echo word 2>/dev/null; do :; done; exit 3'
	code=0
	"$HULL" --root "$ROOT" run test_run 3>&- > >(head -n 1 >/dev/null) || code=$?
	[ "$code" -eq 3 ]
}

# --- environment and directory -------------------------------------------------------------------------------------------

@test "run takes HOME from the container's passwd, unless it is set" {
	printf 'root:x:0:0::/the/root:/bin/sh\nuser:x:1000:1000::/the/user:/bin/sh\n' >rootfs/etc/passwd
	inside 'echo $HOME'
	[ "$output" = /the/root ]
	update_config '.process.user = {uid: 1000, gid: 1000}'
	inside 'echo $HOME'
	[ "$output" = /the/user ]
	update_config '.process.user = {uid: 1001, gid: 1000}'
	inside 'echo $HOME'
	[ "$output" = / ]
	update_config '.process.env += ["HOME=/mine"]'
	inside 'echo $HOME'
	[ "$output" = /mine ]
	update_config '.process.env -= ["HOME=/mine"] | .process.env += ["HOME="]'
	inside 'echo $HOME'
	[ "$output" = / ]
	rm rootfs/etc/passwd
	inside 'echo $HOME'
	[ "$output" = / ]
}

@test "run takes the last of several values of a variable" {
	update_config '.process.env += ["A=1", "B=1", "A=2", "AB=3", "A=", "B=x=y"]'
	set_args env
	hull run test_run
	[ "$(sort <<<"$output")" = "$(sort <<-'END'
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		TERM=xterm
		AB=3
		A=
		B=x=y
		HOME=/root
	END
	)" ]
}

@test "run gives the program nothing of hull's own environment" {
	update_config '.process.env = []'
	set_args /bin/env
	export SECRET=1 LISTEN_FDS=3 LISTEN_PID=1
	hull run test_run
	[ "$output" = HOME=/root ]
}

@test "run starts in cwd" {
	update_config '.process.cwd = "/made/here"'
	inside 'pwd; stat -c %a .'
	[ "$output" = $'/made/here\n755' ]
}

@test "run enters cwd as root, which the user may not enter" {
	mkdir -p rootfs/private
	chmod 700 rootfs/private
	update_config '.process.cwd = "/private" | .process.user = {uid: 1000, gid: 1000}'
	inside 'pwd'
	[ "$output" = /private ]
}

# --- descriptors ---------------------------------------------------------------------------------------------------------

# fds OPTION... VARIABLE=VALUE... : run in a shell with descriptors 3 and 4, whose PID is then hull's.
fds() {
	status=0
	# shellcheck disable=SC2016
	output=$(sh -c 'LISTEN_PID=$(($$ + $1)) LISTEN_FDS=$2 exec "$3" --root "$4" run --preserve-fds "$5" test_run' \
		sh "$1" "$2" "$HULL" "$ROOT" "$3" 3<<<three 4<<<four 2>&1) || status=$?
	echo "$output"
}

@test "run passes LISTEN_FDS on when LISTEN_PID is hull" {
	set_args sh -c 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3; cat <&4'
	fds 0 2 0
	[ "$output" = $'2 1\nthree\nfour' ]
	set_args sh -c 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3; [ -e /proc/self/fd/4 ] || echo none'
	fds 0 1 0
	[ "$output" = $'1 1\nthree\nnone' ]
}

@test "run and exec pass the names of LISTEN_FDS on with them, and not without" {
	set_args sh -c 'echo "$LISTEN_FDS:$LISTEN_FDNAMES"'
	with_names() { sh -c 'LISTEN_PID=$(($$ + $1)) LISTEN_FDS=1 LISTEN_FDNAMES=web; export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES; shift
		exec "$@"' sh "$1" "$HULL" --root "$ROOT" "${@:2}" 3</dev/null; }
	[ "$(with_names 0 run test_run)" = 1:web ]
	[ "$(with_names 1 run test_run)" = : ]
	update_config '.process.args = ["sleep", "1000"]'
	quietly run --detach test_run
	[ "$(with_names 0 exec test_run sh -c 'echo "$LISTEN_FDS:$LISTEN_FDNAMES"')" = 1:web ]
}

@test "run ignores LISTEN_FDS that is meant for another" {
	set_args sh -c 'echo "$LISTEN_FDS:$LISTEN_PID"; [ -e /proc/self/fd/3 ] || echo none'
	fds 1 2 0
	[ "$output" = $':\nnone' ]
}

@test "run passes --preserve-fds after those of LISTEN_FDS" {
	set_args sh -c 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3; cat <&4'
	fds 0 1 1
	[ "$output" = $'1 1\nthree\nfour' ]
	fds 1 2 2
	[ "$output" = $' \nthree\nfour' ]
	fds 0 1 2
	[ "$status" -eq 1 ]
	[[ $output = *"unable to stat preserved-fd 2 (of 3): bad file descriptor"* ]]
	nothing_left test_run
}

# --- foreground ----------------------------------------------------------------------------------------------------------

got() { grep -qs "^$1\$" rootfs/tmp/got; }

@test "run forwards signals to the program" {
	update_config '.root.readonly = false'
	set_args sh -c 'for s in HUP INT QUIT USR1 USR2 TERM CONT ALRM 40; do trap "echo $s >>/tmp/got" $s; done
		trap "exit 9" PIPE; echo ready >>/tmp/got; while :; do sleep 0.02; done'
	# What runs in the background of a shell ignores INT and QUIT, and so would the container's shell.
	env --default-signal=INT,QUIT "$HULL" --root "$ROOT" run test_run 3>&- &
	pid=$!
	wait_for 10 got ready
	for sig in HUP INT QUIT USR1 USR2 TERM CONT ALRM 40; do
		kill -s "$sig" "$pid"
		wait_for 10 got "$sig"
	done
	kill -s PIPE "$pid"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 9 ]
	nothing_left test_run
}

@test "run passes on a signal that came while it was at its beginning" {
	update_config '.root.readonly = false
		| .hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", $script]}]' \
		--arg script "echo >$BUNDLE/hook; until [ -e $BUNDLE/sent ]; do sleep 0.02; done"
	set_args sh -c 'trap "exit 5" USR1; echo >/tmp/ready; while :; do sleep 0.02; done'
	hull_bg run test_run
	wait_for 10 test -e hook
	kill -s CHLD "$pid"
	echo >sent
	wait_for 10 test -e rootfs/tmp/ready
	kill -s USR1 "$pid"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 5 ]
}

# bats test_tags=vm-initramfs
@test "run forgets the container when the program has ended, --keep keeps it" {
	inside 'exit 3'
	[ "$status" -eq 3 ]
	nothing_left test_run
	inside 'exit 3' --keep
	[ "$status" -eq 3 ]
	is_status test_run stopped
	refused "container with given ID already exists" run test_run
	quietly delete test_run
	nothing_left test_run
}

@test "run ends with its program, and leaves nothing, whichever signal ends both" {
	# Without a PID namespace the program is nobody's first process, which most signals do not end.
	update_config '.linux.namespaces |= map(select(.type != "pid"))'
	set_args sh -c 'echo ready; exec sleep 1000'
	for sig in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO PWR SYS 34 64; do
		hull_bg run test_box
		wait_for 5 grep -qs ready "$BATS_TEST_TMPDIR/bg"
		kill -s "$sig" "$pid"
		status=0
		wait "$pid" || status=$?
		[ "$status" -eq $((128 + $(kill -l "$sig" | grep -E '^[0-9]+$' || echo "$sig"))) ]
		nothing_left test_box
		: >"$BATS_TEST_TMPDIR/bg"
	done
}

@test "run sees what reboot(2) is in a container: the end of its first process" {
	update_config '.process.capabilities |= map_values(["CAP_SYS_BOOT"])'
	set_args sh -c 'reboot -f & wait; sleep 1000'
	hull run test_box
	[ "$status" -eq 129 ]
	set_args sh -c 'halt -f & wait; sleep 1000'
	hull run test_box
	[ "$status" -eq 130 ]
	nothing_left test_box
}

@test "run sees a container that was deleted under it" {
	hull_bg run test_run
	wait_status test_run running
	quietly delete --force test_run
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 137 ]
	[ ! -s "$BATS_TEST_TMPDIR/bg" ]
	nothing_left test_run
}

# bats test_tags=vm
@test "run ends what the program has left, without a PID namespace too" {
	update_config '.root.readonly = false | .linux.namespaces -= [{"type": "pid"}]'
	inside 'sleep 1000 & echo $! >/pid'
	[ "$status" -eq 0 ]
	gone "$(cat rootfs/pid)"
	nothing_left test_run
}

parent_of() { sed -n 's/^PPid:\t//p' "/proc/$1/status"; }

@test "run adopts the container's orphans, but not with --no-subreaper" {
	update_config '.root.readonly = false | .linux.namespaces -= [{"type": "pid"}]'
	set_args sh -c '(sleep 1000 & echo $! >/pid); while :; do sleep 0.02; done'
	for option in "" --no-subreaper; do
		rm -f rootfs/pid
		# shellcheck disable=SC2086
		hull_bg run $option test_run
		wait_for 10 test -s rootfs/pid
		orphan=$(cat rootfs/pid)
		wait_for 10 has_other_parent "$orphan" "$(state_of test_run .pid)"
		if [ -z "$option" ]; then
			[ "$(parent_of "$orphan")" = "$pid" ]
			# ... and reaps them.
			kill -9 "$orphan"
			wait_for 10 test ! -e "/proc/$orphan"
		else
			[ "$(parent_of "$orphan")" != "$pid" ]
		fi
		quietly kill test_run KILL
		wait "$pid" || true
		nothing_left test_run
	done
}

# The shell between the program and the orphan has gone.
has_other_parent() { [ "$(parent_of "$1")" != "$2" ] && [[ $(cat "/proc/$(parent_of "$1")/cgroup") != *test_run* ]]; }

@test "run without a word when nothing goes wrong" {
	set_args true
	quietly run test_run
	quietly run --no-pivot test_run
	quietly run --no-new-keyring test_run
}

@test "run --pid-file has the pid while the program runs" {
	hull_bg run --pid-file pid test_run
	wait_for 10 test -s pid
	wait_for 10 has_pid
	quietly kill test_run KILL
	wait "$pid" || true
}

has_pid() { [ "$(cat pid)" = "$(state_of test_run .pid)" ]; }

# --- detached ------------------------------------------------------------------------------------------------------------

@test "run --detach returns when the program runs" {
	for option in -d --detach --detach=true; do
		quietly run $option --pid-file pid test_run
		is_status test_run running
		[ "$(cat pid)" = "$(state_of test_run .pid)" ]
		[ "$(tr '\0' ' ' <"/proc/$(cat pid)/cmdline")" = "sleep 1000 " ]
		quietly delete --force test_run
		nothing_left test_run
	done
}

@test "run --detach leaves a stopped container when the program ends" {
	set_args sh -c 'exit 3'
	quietly run -d test_run
	wait_status test_run stopped
	quietly delete test_run
}

# bats test_tags=vm-initramfs
@test "run --detach --console-socket gives the container a terminal" {
	set_args sh -c 'tty; echo end'
	update_config '.process.terminal = true'
	refused "cannot allocate tty if hull will detach without setting console socket" run -d test_run
	receive_tty
	quietly run -d --console-socket tty.sock test_run
	wait "$receiver"
	[ "$(cat tty.out)" = $'message /dev/pts/0\n/dev/pts/0\nend' ]
	wait_status test_run stopped
}

@test "run --pidfd-socket sends a pidfd of init" {
	receive_tty
	quietly run -d --pidfd-socket tty.sock test_run
	wait "$receiver"
	[ "$(cat tty.out)" = "message standard"$'\n'"Pid:	$(state_of test_run .pid)" ]
}

# --- failures ------------------------------------------------------------------------------------------------------------

# bats test_tags=vm-initramfs
@test "run that fails leaves nothing, whenever it fails" {
	printf 'no program' >rootfs/bin/garbage
	chmod +x rootfs/bin/garbage
	for option in "" -d --keep; do
		set_args nothing
		# shellcheck disable=SC2086
		refused 'hull run failed: unable to start container process: exec: \"nothing\": executable file not found in $PATH' \
			run $option --pid-file pid test_run
		[ "$status" -eq 1 ]
		nothing_left test_run
		set_args garbage
		# shellcheck disable=SC2086
		refused "hull run failed: unable to start container process: exec /bin/garbage: exec format error" \
			run $option --pid-file pid test_run
		[ "$status" -eq 1 ]
		nothing_left test_run
		[ ! -e pid ]
	done
}

needs() {
	[ -d "/sys/fs/cgroup/$1" ] || grep -qsw "$1" /sys/fs/cgroup/cgroup.controllers || skip "no $1 controller"
}

@test "run starts a program in 512 KiB of memory" {
	needs memory
	cp "$(compiled tiny.c)" rootfs/bin/tiny
	set_args tiny
	update_config '.linux.resources.memory = {limit: 524288}'
	for _ in 1 2 3 4 5; do
		hull run test_run
		[ "$status" -eq 42 ]
	done
	nothing_left test_run
}

# bats test_tags=vm
@test "run starts a program with a pids limit of 1" {
	needs pids
	update_config '.linux.resources.pids = {limit: 1}'
	set_args sh -c 'exec cat /proc/self/status'
	must run test_run
	[[ $output = *"Name:	cat"* ]]
	inside '(true); echo survived'
	[[ $output = *"can't fork"* ]]
	nothing_left test_run
}

@test "run with both limits at their least starts" {
	needs memory
	needs pids
	cp "$(compiled tiny.c)" rootfs/bin/tiny
	set_args tiny
	update_config '.linux.resources = {memory: {limit: 524288}, pids: {limit: 1}}'
	hull run test_run
	[ "$status" -eq 42 ]
	nothing_left test_run
}

# bats test_tags=vm,vm-systemd
# With two pages in use the kernel refuses the limit, else it kills.
@test "run in too little memory says so" {
	needs memory
	update_config '.linux.resources.memory = {limit: 4096}'
	hull run test_run
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"container init was OOM-killed (memory limit too low?)"* ||
		$output == *"unable to set memory limit to 4096 (current usage: 8192, "*"(/linux/resources/memory/limit)"* ]]
	nothing_left test_run
	# What processors hold in advance is not in use.
	update_config '.linux.resources.memory = {limit: 131072} | .process.args = ["true"]'
	for _ in {1..8}; do
		hull run test_run
		[[ $output != *"unable to set"* ]]
	done
}

# bats test_tags=vm-board
@test "run, start and exec say why a program cannot be executed" {
	broken_programs
	set_args sleep 1000
	quietly create test_run
	quietly start test_run
	while IFS='|' read -r name text; do
		[ "$name" != foreign ] || [ "$(uname -m)" != aarch64 ] || continue
		set_args "/bin/$name"
		refused "unable to start container process: exec /bin/$name: $text" run test_why
		nothing_left test_why
		quietly create test_why
		refused "exec /bin/$name: $text" start test_why
		quietly delete --force test_why
		refused "exec failed: exec /bin/$name: $text" exec test_run "/bin/$name"
		[ "$status" -eq 255 ]
	done <<-'END'
		nointerp|no such file or directory: its interpreter \"/no/such/interpreter\" does not exist
		crlf|no such file or directory: the #! line of the script ends in a carriage return
		noshebang|exec format error: it is a script without a #! line
		empty|exec format error: the file is empty
		foreign|exec format error: it is a program for aarch64, this machine is
		dynamic|no such file or directory: its dynamic loader \"/lib
	END
}

@test "run says only what the kernel says where its filter could kill it for looking" {
	broken_programs
	set_args /bin/noshebang
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_KILL_PROCESS", syscalls: [{action: "SCMP_ACT_ALLOW", names: [
		"execve", "exit_group", "sendmsg", "write", "writev", "umask", "prctl", "close_range", "chdir", "getcwd"]}]}'
	hull run test_run
	[[ $output = *"exec /bin/noshebang: exec format error\""* ]]
}

@test "run --debug tells on stderr or in the log what the stages do, up to the end" {
	local log=$BATS_TEST_TMPDIR/log line on_stderr
	set_args true
	must --debug run test_box
	on_stderr=$output
	must --debug --log "$log" --log-format json run test_box
	[ -z "$output" ]
	for line in "nsexec container setup: " "child process in init()" "init: closing the pipe to signal completion" \
		"runc exeseal: using /proc/self/exe clone"; do
		[[ $on_stderr = *"level=debug msg=\"$line"* ]]
		jq -es --arg l "$line" 'any(.level == "debug" and (.msg | startswith($l)))' "$log" >/dev/null
	done
}

@test "run by the root of a user namespace that has all IDs works as any user's" {
	mkfifo go
	set_args sh -c 'cat /proc/self/uid_map; ls /sys/class/net; ls /dev/null'
	# shellcheck disable=SC2016 # the inner shell's
	unshare --user sh -c 'read -r x <go; exec "$@"' sh "$HULL" --root "$ROOT" --cgroup-manager disabled run test_box >out 2>&1 3>&- &
	pid=$!
	is_there() { [ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]; }
	wait_for 5 is_there
	for map in uid_map gid_map; do
		echo "0 0 4294967295" >"/proc/$pid/$map"
	done
	echo >go
	wait "$pid" || { cat out && return 1; }
	read -r -d '' -a words <out || :
	[ "${words[*]}" = "0 0 4294967295 lo /dev/null" ] || { cat out && return 1; }
}
