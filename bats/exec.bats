#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # scripts for the container; helpers.bash uses and sets variables

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

running() {
	quietly create test_exec
	quietly start test_exec
}

with() { update_config "$1"; }

# cap SET: the mask in the output of "cat /proc/self/status".
cap() { sed -n "s/^Cap$1:\t//p" <<<"$output"; }

# --- exit codes, stdio, signals ------------------------------------------------------------------------------------------

@test "exec returns the exit code of its program, 128 and a signal" {
	running
	for code in 0 1 42 255; do
		hull exec test_exec sh -c "exit $code"
		[ "$status" -eq "$code" ]
		[ -z "$output" ]
	done
	for sig in 1 9 15; do
		hull exec test_exec sh -c "kill -$sig \$\$"
		[ "$status" -eq $((128 + sig)) ]
	done
	is_status test_exec running
}

@test "exec passes stdin, stdout and stderr through" {
	running
	printf 'one\ntwo' | "$HULL" --root "$ROOT" exec test_exec sh -c 'cat; echo error >&2' >out 2>err 3>&-
	[ "$(cat out)" = $'one\ntwo' ]
	[ "$(cat err)" = error ]
}

# bats test_tags=vm,vm-initramfs,vm-systemd,vm-board,vm-old
@test "exec is in the container's namespaces and cgroups" {
	running
	init=$(state_of test_exec .pid)
	must exec test_exec sh -c 'for n in cgroup ipc mnt net pid uts; do readlink /proc/self/ns/$n; done'
	for n in cgroup ipc mnt net pid uts; do
		[[ $output = *"$(readlink "/proc/$init/ns/$n")"* ]]
	done
	hull_bg exec test_exec sleep 1001
	wait_for 10 has_processes test_exec 2
	other=$("$HULL" --root "$ROOT" ps -f json test_exec | jq ".[] | select(. != $init)")
	# A stage enters the memory cgroup of v1 last.
	wait_for 10 grep -q '^sleep$' "/proc/$other/comm"
	cmp "/proc/$other/cgroup" "/proc/$init/cgroup"
	kill -9 "$other"
	wait "$pid" 2>/dev/null || true
}

@test "exec is born in the PID namespace only where nobody in it may trace" {
	running
	must --debug exec test_exec true
	[[ $output == *"container setup: born in its pid"* ]]
	quietly delete --force test_exec
	update_config '.process.capabilities.bounding += ["CAP_SYS_PTRACE"]'
	running
	must --debug exec test_exec true
	[[ $output == *"container setup: join "*"pid"*", fork last"* && $output != *"born in"* ]]
}

@test "exec: the stage lets go of the mount of hull's binary before it is that, and hull dissolves it" {
	local caller fd
	running
	strace -f -qq -e trace=open_tree,close,execveat -o trace "$HULL" --root "$ROOT" exec test_exec true 3>&-
	read -r caller fd < <(sed -n 's/^\([0-9]*\) *open_tree(.*OPEN_TREE_CLONE.* = \([0-9]*\)$/\1 \2/p' trace)
	cat trace
	[ "$fd" ]
	# Of the stage: another process.
	[ "$(grep -v "^$caller " trace | grep -m1 -nE "close\($fd\) += 0" | cut -d: -f1)" -lt \
		"$(grep -v "^$caller " trace | grep -m1 -n "execveat(" | cut -d: -f1)" ]
	not grep -E "execveat\($fd," trace
	sed -n "/execveat/,\$p" trace | grep -E "^$caller .*close\($fd"
}

# forked ARG...: hull exec test_exec ARG... works, and in the list of calls in $order the fork of stage 2 is C, what gives up
# rights is U, G, B and P (user, group, bounding set, permitted), S loads the filter.
forked() {
	strace -D -f -qq -o trace -e trace=clone,setresuid,setresgid,capset,seccomp,prctl,setsid \
		"$HULL" --root "$ROOT" exec "$@" >out 2>&1 3>&- </dev/null || { cat out && return 1; }
	order=$(sed -n 's/.* clone(child_stack=NULL, flags=CLONE_PARENT.*/C/p; s/.* setresuid(.*/U/p; s/.* setresgid(.*/G/p
		s/.* capset(.*/P/p; s/.* prctl(PR_CAPBSET_DROP.*/B/p; s/.* seccomp(SECCOMP_SET_MODE_FILTER, [^,]*, {.*/S/p
		s/.* setsid() .*/L/p' trace | uniq | tr -d '\n')
	echo "$order"
}

traced_with() {
	with '.process.capabilities.bounding += ["CAP_SYS_PTRACE"] | .process.user = {uid: 5, gid: 6}'" | $1"
	running
}

@test "exec where somebody may trace forks who is seen when he has no more rights than the program" {
	traced_with '.process.noNewPrivileges = false'
	forked test_exec cat /proc/self/status
	[ "$order" = LBGUPCL ]
	hull --debug exec --cap CAP_KILL test_exec cat /proc/self/status
	[ "$status" -eq 0 ]
	[ $((0x$(cap Bnd) & 1 << 19)) -ne 0 ]
	[ "$(cap Eff)" = "$(printf %016x $((0x$(cap Prm))))" ]
	[[ $output == *$'Uid:\t5\t5\t5\t5'* && $output == *$'NSsid:\t'*$'\t'* ]]
	# It leads its session and its group.
	[ "$(sed -n 's/^NSpid:.*\t//p' <<<"$output")" = "$(sed -n 's/^NSsid:.*\t//p' <<<"$output")" ]
	quietly delete --force test_exec
	nothing_left test_exec
}

@test "exec where somebody may trace forks behind the filter, or where that does not allow it, before it" {
	traced_with '.process.noNewPrivileges = true | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"}'
	forked test_exec true
	[ "$order" = LBGUPSCL ]
	quietly delete --force test_exec
	with '.linux.seccomp.syscalls = [{names: ["setsid"], action: "SCMP_ACT_KILL_PROCESS"}]'
	running
	forked test_exec true
	[ "$order" = LBGUPCLS ]
	# The filter must be loaded before the user changes, and the fork not behind it.
	quietly delete --force test_exec
	with '.process.noNewPrivileges = false'
	running
	forked test_exec true
	[ "$order" = CLBSGUP ]
	quietly delete --force test_exec
	with '.linux.seccomp.syscalls[0].names = ["swapon"]'
	running
	forked test_exec true
	[ "$order" = LBSGUPCL ]
	quietly delete --force test_exec
	nothing_left test_exec
}

@test "exec where somebody may trace forks early where fork(2) would lose what the process is to have" {
	traced_with '.process.rlimits = [{type: "RLIMIT_NPROC", soft: 100, hard: 100}]'
	forked test_exec true
	[ "$order" = CLBGUP ]
	quietly delete --force test_exec
	with '.process.rlimits = [] | .process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
	running
	forked test_exec true
	[ "$order" = CLBGUP ]
	quietly delete --force test_exec
	nothing_left test_exec
}

# bats test_tags=vm
@test "exec where somebody may trace: exit code, terminal, pid file, an error, a missing program" {
	traced_with '.process.user = {uid: 0, gid: 0}'
	hull exec test_exec sh -c 'exit 42'
	[ "$status" -eq 42 ]
	hull exec test_exec sh -c 'kill -9 $$'
	[ "$status" -eq 137 ]
	hull exec test_exec nonesuch
	[ "$status" -eq 255 ]
	[[ $output = *'nonesuch'*'executable file not found in $PATH (/process/args/0)'* ]]
	echo 'no program' >rootfs/bin/notexec
	chmod 755 rootfs/bin/notexec
	hull exec test_exec /bin/notexec
	[ "$status" -eq 255 ]
	[[ $output = *"exec format error"* && ${#lines[@]} -eq 1 ]]
	must exec --detach --pid-file pid test_exec sleep 1001 </dev/null >out 2>&1
	wait_for 10 has_processes test_exec 2
	[ "$(tr '\0' ' ' <"/proc/$(<pid)/cmdline")" = "sleep 1001 " ]
	kill -9 "$(<pid)"
	script -qec "'$HULL' --root '$ROOT' exec -t test_exec sh -c 'tty; ps -o pid,tty; :</dev/tty && echo controlled'" /dev/null \
		>out 2>&1 </dev/null 3>&-
	cat out
	grep -q /dev/pts/ out
	grep -q controlled out
	quietly delete --force test_exec
	nothing_left test_exec
}

@test "exec after one that may trace is not born in the PID namespace" {
	running
	must exec test_exec true
	[ ! -e "$ROOT/test_exec/tracer" ]
	quietly exec --cap CAP_SYS_PTRACE test_exec true
	must --debug exec test_exec true
	[[ $output == *"container setup: join "*"pid"*", fork last"* && $output != *"born in"* ]]
	quietly delete --force test_exec
	nothing_left test_exec
}

@test "exec forwards signals to its program" {
	with '.root.readonly = false'
	running
	env --default-signal=INT,QUIT "$HULL" --root "$ROOT" exec test_exec \
		sh -c 'trap "exit 5" INT; echo >/tmp/ready; while :; do sleep 0.02; done' 3>&- &
	pid=$!
	wait_for 10 test -e rootfs/tmp/ready
	kill -s INT "$pid"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 5 ]
}

# bats test_tags=vm
sleeps() { "$HULL" --root "$ROOT" ps test_exec | grep -q "sleep 1001"; }

@test "exec ends with the container" {
	running
	hull_bg exec test_exec sleep 1001
	# Not before its program runs: what ends earlier is an exec that failed.
	wait_for 10 sleeps
	quietly delete --force test_exec
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 137 ]
	nothing_left test_exec
}

@test "exec of a hundred one after the other leaves one process" {
	running
	for _ in {1..100}; do
		"$HULL" --root "$ROOT" exec test_exec true 3>&-
	done
	has_processes test_exec 1
}

# bats test_tags=vm
@test "exec of many at once works" {
	running
	pids=()
	for i in {1..10}; do
		"$HULL" --root "$ROOT" exec test_exec sh -c "exit $i" 3>&- &
		pids+=($!)
	done
	sum=0
	for p in "${pids[@]}"; do
		code=0
		wait "$p" || code=$?
		sum=$((sum + code))
	done
	[ "$sum" -eq 55 ]
}

# --- when ----------------------------------------------------------------------------------------------------------------

# bats test_tags=vm-initramfs
@test "exec works in a created container" {
	quietly create test_exec
	must exec test_exec cat /proc/self/status
	[ "$(cap Eff)" != 0000000000000000 ]
	is_status test_exec created
	quietly start test_exec
	is_status test_exec running
}

@test "exec is refused where nothing runs" {
	refused "container does not exist" exec test_exec true
	[ "$status" -eq 255 ]
	running
	quietly kill test_exec KILL
	wait_status test_exec stopped
	refused "exec failed: cannot exec in a stopped container" exec test_exec true
	[ "$status" -eq 255 ]
}

# bats test_tags=vm,vm-systemd
@test "exec in a paused container waits with --ignore-paused and is refused without" {
	running
	quietly pause test_exec
	refused "cannot exec in a paused container (use --ignore-paused to override)" exec test_exec true
	[ "$status" -eq 255 ]
	hull_bg exec --ignore-paused test_exec sh -c 'exit 7'
	[ -d "/proc/$pid" ]
	is_status test_exec paused
	quietly resume test_exec
	code=0
	wait "$pid" || code=$?
	cat "$BATS_TEST_TMPDIR/bg"
	[ "$code" -eq 7 ]
}

# --- failures ------------------------------------------------------------------------------------------------------------

@test "exec says what is wrong with its program, in the words that clients match" {
	printf 'no program' >rootfs/bin/garbage
	printf '#!/nonexistent\n' >rootfs/bin/script
	chmod +x rootfs/bin/garbage rootfs/bin/script
	running
	while IFS='|' read -r name text; do
		refused "exec failed: $text" exec test_exec "$name" arg
		[ "$status" -eq 255 ]
	done <<-'END'
		missing|exec: \"missing\": executable file not found in $PATH
		/missing|exec: \"/missing\": stat /missing: no such file or directory
		/etc/passwd/x|exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory
		/etc/passwd|exec: \"/etc/passwd\": permission denied
		/tmp|exec: \"/tmp\": is a directory
		garbage|exec /bin/garbage: exec format error
		/bin/script|exec /bin/script: no such file or directory
	END
	refused "exec" exec test_exec ""
	[ "$status" -eq 255 ]
	is_status test_exec running
	has_processes test_exec 1
}

@test "exec without a command says so" {
	running
	refused "exec args cannot be empty" exec test_exec
	[ "$status" -eq 255 ]
}

@test "exec that fails leaves no pid file" {
	running
	refused "executable file not found" exec --pid-file pid test_exec missing
	[ ! -e pid ]
	refused "pid file $BUNDLE/no/pid: " exec --pid-file "$BUNDLE/no/pid" test_exec true
	[ "$status" -eq 255 ]
	has_processes test_exec 1
}

# --- options -------------------------------------------------------------------------------------------------------------

@test "exec takes user, cwd, environment and capabilities of the container" {
	with '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 6], umask: 27}
		| .process.cwd = "/tmp" | .process.env += ["FROM=config"]'
	running
	must exec test_exec sh -c 'id -u; id -g; id -G; umask; pwd; echo $FROM $HOME; cat /proc/self/status'
	[ "${lines[*]:0:6}" = "1000 1001 1001 5 6 0033 /tmp config /" ]
	mapfile -t caps < <(grep ^Cap "/proc/$(state_of test_exec .pid)/status")
	for line in "${caps[@]}" "NoNewPrivs:	1"; do
		[[ $output = *"$line"* ]] || { echo "no $line" && return 1; }
	done
}

@test "exec --user sets uid and gid, by numbers alone" {
	with '.process.user = {uid: 7, gid: 8}'
	running
	must exec --user 1000:1001 test_exec sh -c 'id -u; id -g'
	[ "$output" = $'1000\n1001' ]
	must exec -u 1000 test_exec sh -c 'id -u; id -g'
	[ "$output" = $'1000\n8' ]
	for user in root root:root 1000:root 1000: : -1 4294967295 "" 1:2:3; do
		refused "--user $user: expected UID or UID:GID, numbers from 0 to 4294967294" exec --user "$user" test_exec true
		[ "$status" -eq 255 ]
	done
}

@test "exec --user takes that user's HOME" {
	printf 'root:x:0:0::/the/root:/bin/sh\nuser:x:1000:1000::/the/user:/bin/sh\n' >rootfs/etc/passwd
	running
	must exec --user 1000 test_exec sh -c 'echo $HOME'
	[ "$output" = /the/user ]
	must exec --user 1000 --env HOME=/mine test_exec sh -c 'echo $HOME'
	[ "$output" = /mine ]
}

@test "exec --additional-gids adds groups" {
	with '.process.user.additionalGids = [5]'
	running
	must exec --additional-gids 100 -g 200 --user 1000:1000 test_exec id -G
	[ "$output" = "1000 5 100 200" ]
	refused "--additional-gids staff: expected a number" exec -g staff test_exec true
	[ "$status" -eq 255 ]
}

@test "exec --cwd starts elsewhere, in a directory that is there" {
	with '.root.readonly = false'
	running
	must exec --cwd /proc/sys test_exec pwd
	[ "$output" = /proc/sys ]
	# An engine's user has mistyped it; for create it is made, as it is the image's.
	refused 'chdir to cwd (\"/not/there\") set in config.json failed: no such file or directory' \
		exec --cwd /not/there test_exec pwd
	[ "$status" -eq 255 ]
	[ ! -e rootfs/not ]
	refused "/etc/passwd" exec --cwd /etc/passwd test_exec pwd
	[ "$status" -eq 255 ]
	refused "--cwd relative: Cwd must be an absolute path" exec --cwd relative test_exec pwd
	[ "$status" -eq 255 ]
}

@test "exec --env adds and replaces variables" {
	with '.process.env += ["A=1", "B=2"]'
	running
	must exec --env A=new -e C=x=y -e C=last -e EMPTY= test_exec env
	[ "$(grep -v -e ^PATH= -e ^TERM= <<<"$output" | sort | tr '\n' ' ')" = "A=new B=2 C=last EMPTY= HOME=/root " ]
	must exec -e PATH=/nothing test_exec /bin/sh -c 'echo $PATH'
	[ "$output" = /nothing ]
	refused "--env A: expected NAME=VALUE" exec --env A test_exec true
	[ "$status" -eq 255 ]
}

@test "exec --cap adds to bounding, effective and permitted, never to inheritable" {
	with '.process.noNewPrivileges = false'
	running
	must exec --cap CAP_NET_RAW test_exec cat /proc/self/status
	[ "$(cap Bnd)" = 0000000020002420 ]
	[ "$(cap Eff)" = 0000000020002420 ]
	[ "$(cap Prm)" = 0000000020002420 ]
	[ "$(cap Inh)" = 0000000000000000 ]
	[ "$(cap Amb)" = 0000000000000000 ]
	must exec -c CAP_NET_RAW -c CAP_CHOWN test_exec cat /proc/self/status
	[ "$(cap Eff)" = 0000000020002421 ]
	must exec --cap NONSENSE --cap CAP_NET_RAW test_exec grep CapEff /proc/self/status
	[[ ${lines[0]} == *"level=warning"*"ignoring unknown or unavailable capabilities: [NONSENSE] (--cap)"* ]]
	[ $((0x${lines[1]##*[[:space:]]} & 1 << 13)) -ne 0 ]
}

@test "exec --cap of a container with inheritable capabilities makes them ambient" {
	with '.process.capabilities.inheritable = ["CAP_KILL"]'
	running
	must exec --cap CAP_NET_RAW --cap CAP_KILL test_exec cat /proc/self/status
	[ "$(cap Inh)" = 0000000000000020 ]
	[ "$(cap Amb)" = 0000000000000020 ]
}

@test "exec --no-new-privs sets the bit" {
	with '.process.noNewPrivileges = false'
	running
	must exec test_exec grep NoNewPrivs /proc/self/status
	[[ $output = *0 ]]
	must exec --no-new-privs test_exec grep NoNewPrivs /proc/self/status
	[[ $output = *1 ]]
	must exec --no-new-privs=false test_exec grep NoNewPrivs /proc/self/status
	[[ $output = *0 ]]
}

@test "exec --process takes a whole process from a file" {
	running
	cat >process.json <<-'END'
		{"args": ["sh", "-c", "id -u; id -g; id -G; pwd; echo $A; umask; cat /proc/self/status"], "cwd": "/tmp",
		 "env": ["A=b", "PATH=/bin"], "user": {"uid": 3, "gid": 4, "additionalGids": [5], "umask": 63},
		 "capabilities": {"bounding": ["CAP_KILL"]}, "noNewPrivileges": true,
		 "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100}]}
	END
	for option in --process -p; do
		must exec $option process.json test_exec
		[ "${lines[*]:0:6}" = "3 4 4 5 /tmp b 0077" ]
		[ "$(cap Bnd)" = 0000000000000020 ]
		[ "$(cap Eff)" = 0000000000000000 ]
	done
	echo '{"args": ["sh", "-c", "ulimit -n; ulimit -Hn"], "cwd": "/", "env": ["PATH=/bin"],
		"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100}]}' >process.json
	must exec --process process.json test_exec
	[ "$output" = $'99\n100' ]
}

@test "exec --process refuses a bad file with a pointer from its root" {
	running
	echo '{"args": ["true"], "cwd": "tmp"}' >process.json
	refused 'exec failed: process.json: \"tmp\" is not an absolute path (/cwd)' exec --process process.json test_exec
	[ "$status" -eq 255 ]
	echo 'x' >process.json
	refused "exec failed: process.json: line 1, column 1: expected a value, found 'x'" exec --process process.json test_exec
	refused "no such file or directory" exec --process nothing.json test_exec
	[ "$status" -eq 255 ]
}

@test "exec --detach returns when its program runs" {
	running
	for option in -d --detach; do
		quietly exec $option --pid-file pid test_exec sleep 1001
		other=$(cat pid)
		[ "$(tr '\0' ' ' <"/proc/$other/cmdline")" = "sleep 1001 " ]
		kill -9 "$other"
		wait_for 10 gone "$other"
	done
	refused "executable file not found" exec -d test_exec missing
	[ "$status" -eq 255 ]
	quietly exec -d test_exec sh -c 'exit 3'
}

@test "exec --pid-file has the pid while its program runs" {
	running
	hull_bg exec --pid-file pid test_exec sleep 1001
	wait_for 10 test -s pid
	other=$(cat pid)
	wait_for 10 has_processes test_exec 2
	"$HULL" --root "$ROOT" ps -f json test_exec | jq -e "index($other)"
	kill -9 "$other"
	wait "$pid" || true
}

@test "exec --preserve-fds passes descriptors" {
	running
	run -0 sh -c '"$1" --root "$2" exec --preserve-fds 2 test_exec sh -c "cat <&3; cat <&4"' sh "$HULL" "$ROOT" 3<<<three 4<<<four
	[ "$output" = $'three\nfour' ]
	refused "unable to stat preserved-fd 0 (of 1): bad file descriptor" exec --preserve-fds 1 test_exec true
	[ "$status" -eq 255 ]
	refused "--preserve-fds -1" exec --preserve-fds -1 test_exec true
}

@test "exec passes LISTEN_FDS on when LISTEN_PID is hull" {
	running
	run -0 sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$1" --root "$2" exec test_exec sh -c "echo \$LISTEN_FDS \$LISTEN_PID; cat <&3"' \
		sh "$HULL" "$ROOT" 3<<<three
	[ "$output" = $'1 1\nthree' ]
	run -0 env LISTEN_PID=1 LISTEN_FDS=1 "$HULL" --root "$ROOT" exec test_exec sh -c 'echo "$LISTEN_FDS:$LISTEN_PID"' 3>&-
	[ "$output" = : ]
}

# bats test_tags=vm-initramfs
@test "exec --tty with --console-socket gets a terminal of the container" {
	running
	receive_tty $'typed\n'
	quietly exec --tty -d --console-socket tty.sock test_exec sh -c 'tty; read -r word; echo "read $word"'
	wait "$receiver"
	[ "$(sed '/^typed$/d' tty.out)" = $'message /dev/pts/0\n/dev/pts/0\nread typed' ]
	refused "cannot allocate tty if hull will detach without setting console socket" exec -t -d test_exec true
	[ "$status" -eq 255 ]
	refused "cannot use console socket if hull will not detach or allocate tty" \
		exec --console-socket tty.sock test_exec true
}

@test "exec --process with a terminal uses --console-socket, and its size" {
	running
	echo '{"args": ["/bin/stty", "size"], "cwd": "/", "terminal": true, "consoleSize": {"height": 11, "width": 22}}' >process.json
	receive_tty
	quietly exec --process process.json --console-socket tty.sock -d test_exec
	wait "$receiver"
	[ "$(cat tty.out)" = $'message /dev/pts/0\n11 22' ]
}

@test "exec --pidfd-socket sends a pidfd of its program" {
	running
	receive_tty
	quietly exec -d --pid-file pid --pidfd-socket tty.sock test_exec sleep 1001
	wait "$receiver"
	[ "$(cat tty.out)" = "message setns"$'\n'"Pid:	$(cat pid)" ]
}

@test "exec takes options before the id alone; what follows is the program's" {
	running
	must exec test_exec sh -c 'echo "$@"' sh --detach -d --cwd /tmp --
	[ "$output" = "--detach -d --cwd /tmp --" ]
	must exec -- test_exec echo -n word
	[ "$output" = word ]
}

@test "exec uses the decoded configuration that create kept, and the text where that is missing or damaged" {
	running
	if [[ $HULL != */san/* ]]; then # its addresses change
		[ -e "$ROOT/test_exec/config.bin" ]
		strace -o trace "$HULL" --root "$ROOT" exec test_exec true 3>&-
		not grep -q 'O_RDONLY.*"config.json"\|"config.json", O_RDONLY' trace
		printf 'x' | dd of="$ROOT/test_exec/config.bin" bs=1 seek=600 conv=notrunc status=none
	fi
	hull exec test_exec sh -c 'echo $PWD $TERM'
	[ "$status" -eq 0 ]
	[ "$output" = "/ xterm" ]
	rm -f "$ROOT/test_exec/config.bin"
	hull exec test_exec sh -c 'echo $PWD $TERM'
	[ "$output" = "/ xterm" ]
	quietly delete --force test_exec
	nothing_left test_exec
}

@test "exec knows init by the number of its pidfd, and reads no process's files in /proc for that" {
	running
	case $(uname -r)-$(uname -m) in
	[0-5].* | 6.[0-8].* | *-armv7l | *-i?86) skip "no pidfs, or no room for its numbers" ;;
	esac
	[ "$(jq .inode "$ROOT/test_exec/record.json")" -gt 0 ]
	strace -o trace "$HULL" --root "$ROOT" exec test_exec true 3>&-
	grep -q pidfd_open trace
	not grep -q '"/proc/[0-9]*/stat"\|"/proc/self"' trace
	sed -i 's/^"inode":/&1/' "$ROOT/test_exec/record.json"
	refused "cannot exec in a stopped container" exec test_exec true
	sed -i '/^"inode":/d' "$ROOT/test_exec/record.json" # of an older hull
	hull exec test_exec echo here
	[ "$output" = here ]
}

# In the arguments of init: 64 KiB are sent, a larger configuration lies in a memfd (state/base/mem.h). A text of 15 KiB of small
# things is more than it looks.
@test "create and exec take configurations of every size" {
	local n
	jq -c '.process.env += ["LAST=word"]' config.json >small
	for n in 0 1300 1301 1302 1303 3000; do
		jq -c --argjson n "$n" '.annotations = ([range($n) | {("a\(.)"): ""}] | add // {})' small >config.json
		running
		[ "$(state_of test_exec '.annotations | length')" = "$n" ]
		[[ $HULL == */san/* || $n == 130* ]] || [ -e "$ROOT/test_exec/config.bin" ]
		strace -o trace "$HULL" --root "$ROOT" exec test_exec sh -c 'echo $LAST' 3>&- >out
		[ "$(cat out)" = word ]
		if [[ $HULL != */san/* ]]; then
			[ "$n" != 0 ] || not grep -q memfd_create trace
			[ "$n" != 3000 ] || grep -q memfd_create trace
			[[ $n == 130* ]] || not grep -q 'O_RDONLY.*"config.json"\|"config.json", O_RDONLY' trace
		fi
		hull exec test_exec sh -c 'ls /proc/self/fd | wc -l'
		[ "$output" = 4 ]
		quietly delete --force test_exec
		nothing_left test_exec
	done
}

@test "exec finds what has changed in the snapshot" {
	running
	[ "$(jq -r .process.cwd "$ROOT/test_exec/config.json")" = / ]
	jq '.process.cwd = "/bin"' "$ROOT/test_exec/config.json" >changed
	cp changed "$ROOT/test_exec/config.json"
	hull exec test_exec pwd
	[ "$output" = /bin ]
}

# bats test_tags=vm-initramfs
@test "exec applies the container's seccomp filter" {
	with '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}
		| .root.readonly = false'
	running
	hull exec test_exec mkdir /tmp/x
	[ "$status" -eq 1 ]
	[[ $output = *"not supported"* ]]
	[ ! -e rootfs/tmp/x ]
}

@test "exec does not change the owner of a device that is its stdio" {
	mknod "$BATS_TEST_TMPDIR/null" c 1 3 && chown 4242:4243 "$BATS_TEST_TMPDIR/null"
	quietly create test_exec
	quietly start test_exec
	"$HULL" --root "$ROOT" exec --user 1000:1000 test_exec true <>"$BATS_TEST_TMPDIR/null" >&0 2>&0 3>&-
	[ "$(stat -c %u:%g "$BATS_TEST_TMPDIR/null")" = 4242:4243 ]
	quietly delete --force test_exec
	user_namespace
	update_config '.process.user = {uid: 1000, gid: 1000} | .process.args = ["true"]'
	"$HULL" --root "$ROOT" run test_exec <>"$BATS_TEST_TMPDIR/null" >&0 2>&0 3>&- || true
	[ "$(stat -c %u:%g "$BATS_TEST_TMPDIR/null")" = 4242:4243 ]
}
