#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

load helpers
setup() { setup_bundle; }
teardown() {
	[ -z "${agent:-}" ] || kill "$agent" 2>/dev/null || true
	teardown_bundle
}

inside() {
	set_args sh -c "$1"
	hull run test_box
}
profile() { update_config ".linux.seccomp = $1"; }

# bats test_tags=vm-old
@test "run answers a filtered call with the errno of its rule" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [
		{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38},
		{names: ["chmod", "fchmodat"], action: "SCMP_ACT_ERRNO"}]}'
	inside 'grep Seccomp: /proc/self/status; mkdir /dev/shm/x; touch /dev/shm/y; chmod 1 /dev/shm/y'
	[[ $output == *"Seccomp:	2"* ]]
	[[ $output == *"'/dev/shm/x': Function not implemented"* ]]
	[[ $output == *"/dev/shm/y: Operation not permitted"* ]]
}

# bats test_tags=vm
@test "run kills for a killing rule, and looks at arguments" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [
		{names: ["kill"], action: "SCMP_ACT_KILL_PROCESS", args: [{index: 1, value: 10, op: "SCMP_CMP_EQ"}]}]}'
	inside 'kill -USR2 1000000; kill -USR1 1000000; echo survived'
	[ "$status" -eq 159 ]
	[[ $output != *survived* ]]
}

@test "run with a filter works without no_new_privs" {
	update_config '.process.noNewPrivileges = false'
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
	inside 'grep -E "Seccomp:|NoNewPrivs" /proc/self/status; mkdir /dev/shm/x'
	[ "${lines[0]}" = "NoNewPrivs:	0" ]
	[ "${lines[1]}" = "Seccomp:	2" ]
	[[ ${lines[2]} == *"Operation not permitted"* ]]
}

@test "exec has the container's filter" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
	set_args sleep 1000
	quietly create test_box
	hull exec test_box mkdir /dev/shm/x
	[ "$status" -eq 1 ]
	[[ $output == *"Operation not permitted"* ]]
}

@test "the compiled filter is kept, and a damaged one is made anew" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
	inside 'mkdir /dev/shm/x'
	[ "$status" -eq 1 ]
	file=$(echo "$ROOT"/.@seccomp/*)
	[ -s "$file" ]
	[ "$(stat -c %a "$file")" = 600 ]
	echo nonsense >"$file"
	hull run test_box
	[[ $output == *"Operation not permitted"* ]]
	quietly list -q
}

@test "create refuses what the profile gets wrong, with a pointer" {
	profile '{defaultAction: "SCMP_ACT_NONSENSE"}'
	refused "/linux/seccomp/defaultAction" create test_box
	profile '{defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_ABACUS"]}'
	refused "/linux/seccomp/architectures/0" create test_box
	nothing_left test_box
}

@test "a call newer than the profile is answered with ENOSYS" {
	command -v gcc >/dev/null || skip "no compiler"
	printf '#include <errno.h>\n#include <stdio.h>\n#include <unistd.h>\n%s' \
		'int main(void) { long r = syscall(9999); printf("%ld %d\n", r, r < 0 ? errno : 0); }' >call.c
	gcc -static -O1 -o rootfs/bin/call call.c
	profile '{defaultAction: "SCMP_ACT_ERRNO", syscalls: [{names: ["read", "write", "writev", "open", "openat", "close", "stat",
		"fstat", "newfstatat", "lstat", "mmap", "munmap", "mprotect", "brk", "execve", "exit", "exit_group", "arch_prctl", "ioctl",
		"set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlink", "readlinkat", "getrandom", "fcntl", "prctl", "capset",
		"sendmsg", "setuid", "setresuid", "setresgid", "setgroups", "access", "uname", "rt_sigaction", "clone3"],
		action: "SCMP_ACT_ALLOW"}]}'
	set_args call
	must run test_box
	[ "$output" = "-1 38" ]
}

@test "a profile need not allow the calls of sockets" {
	for calls in '"sendmsg"' '"sendmsg", "recvmsg", "sendto", "recvfrom", "socket", "connect", "poll", "fcntl", "close"'; do
		for nnp in true false; do
			update_config ".process.noNewPrivileges = $nnp"
			profile "{defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [$calls], action: \"SCMP_ACT_KILL_PROCESS\"}]}"
			set_args true
			quietly run test_box
			quietly create test_box
			quietly start test_box
			hull delete --force test_box
		done
	done
	set_args sleep 1000
	quietly create test_box
	quietly start test_box
	quietly exec test_box true
}

@test "a program that the filter keeps from being executed is an error of start" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["execve", "sendmsg"], action: "SCMP_ACT_ERRNO", errnoRet: 34}]}'
	quietly create test_box
	refused "exec /bin/sleep: " start test_box
	wait_status test_box stopped
}

@test "startContainer hooks have no right that the program has not" {
	update_config '.process.user = {uid: 5, gid: 6} | .process.capabilities.bounding = ["CAP_KILL"]
		| .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "id -u; grep -E \"CapEff|CapBnd|Seccomp:\" /proc/self/status; mkdir /tmp/x; exit 1"]}]'
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38}]}'
	refused "error running startContainer hook #0: exit status 1, stdout: 5" run test_box
	[[ $output == *"CapEff:"*"0000000000000000"*"CapBnd:"*"0000000000000020"*"Seccomp:"*"2"*"Function not implemented"* ]]
}

@test "to run a startContainer hook no call is made that its shell does not need" {
	[ "$(uname -m)" = x86_64 ] || skip "dup2 is called by that name on older architectures only"
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["dup3", "clone3", "pipe", "pidfd_open", "execveat"],
		action: "SCMP_ACT_KILL_PROCESS"}]}'
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo begun; exit 7"]}]'
	refused "error running startContainer hook #0: exit status 7, stdout: begun" run test_box
}

@test "a startContainer hook that the filter kills is an error" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS"}]}'
	update_config '.hooks.startContainer = [{path: "/bin/mkdir", args: ["mkdir", "/tmp/x"]}] | .process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}]'
	refused "error running startContainer hook #0: signal: bad system call" run test_box
}

# notify CALLS: the listener at agent.sock decides these calls.
notify() {
	profile "{defaultAction: \"SCMP_ACT_ALLOW\", listenerPath: \"$BUNDLE/agent.sock\", listenerMetadata: \"some words\",
		syscalls: [{names: [$1], action: \"SCMP_ACT_NOTIFY\"}]}"
}

# start_agent [ONE]: what it gets is in states; its PID is in $agent.
start_agent() {
	local program
	program=$(compiled agent.c)
	rm -f agent.sock
	"$program" agent.sock "$@" >>states 2>/dev/null </dev/null 3>&- &
	agent=$!
	wait_for 10 test -S agent.sock
}

# bats test_tags=vm,vm-board,vm-old
@test "run gives the agent the listener and the state, and it answers" {
	[ "$HULL_LANE" != host-386 ] || skip "the programs in the container are another processor's, and no filter's that names none"
	start_agent
	update_config '.annotations = {color: "blue"}'
	for nnp in true false; do
		: >states
		notify '"mkdir", "mkdirat"'
		update_config ".process.noNewPrivileges = $nnp"
		inside 'mkdir /dev/shm/x; ls /proc/self/fd | wc -l'
		[[ $output == *"/dev/shm/x': Numerical argument out of domain"* ]] || [[ $output == *"/dev/shm/x': Domain error"* ]]
		[ "${lines[1]}" = 4 ]
		[ "$(jq -c '[.fds, .metadata, .ociVersion, .state.id, .state.status, .state.bundle, .state.annotations.color]' states)" = \
			"[[\"seccompFd\"],\"some words\",\"1.3.0\",\"test_box\",\"creating\",\"$BUNDLE\",\"blue\"]" ]
		[ "$(jq '.pid == .state.pid and .pid > 1' states)" = true ]
	done
}

# bats test_tags=vm
@test "start and exec give the agent their listeners, too" {
	start_agent
	notify '"mkdir", "mkdirat"'
	set_args sh -c 'mkdir /dev/shm/x 2>/dev/null || touch /dev/shm/refused; exec sleep 1000'
	quietly create test_box
	[ ! -s states ]
	quietly start test_box
	[ "$(jq .pid states)" = "$(state_of test_box .pid)" ]
	[ "$(jq -r .state.status states)" = creating ]
	wait_for 5 "$HULL" --root "$ROOT" exec test_box test -e /dev/shm/refused
	hull exec test_box sh -c 'mkdir /dev/shm/y'
	[ "$status" -eq 1 ]
	# Every exec has told the agent, who may still be writing down an earlier one.
	tail -n 1 states >last
	[ "$(jq -r .state.status last)" = running ]
	[ "$(jq -r .state.pid last)" = "$(state_of test_box .pid)" ]
	[ "$(jq '.pid != .state.pid' last)" = true ]
}

# bats test_tags=vm
@test "the agent may be asked about all that init does but write" {
	start_agent
	for nnp in true false; do
		notify '"execve","openat","open","read","close","fcntl","sendmsg","recvmsg","sendto","prctl","capset","setresuid","setgroups","umask","mkdir","mkdirat"'
		update_config ".process.noNewPrivileges = $nnp"
		inside 'echo good'
		[ "$output" = good ]
	done
	set_args sleep 1000
	quietly create test_box
	quietly start test_box
	must exec test_box echo good
	[ "$output" = good ]
	notify '"read", "write"'
	refused "SCMP_ACT_NOTIFY cannot be used for the write syscall" create test_other
	[[ $output == *"/linux/seccomp/syscalls/0/names/1"* ]]
}

@test "startContainer hooks are asked about, too, and do not see the listener" {
	start_agent
	notify '"mkdir", "mkdirat"'
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "ls /proc/self/fd | wc -l; mkdir /tmp/x; exit 1"]}]'
	refused "exit status 1, stdout: 4, stderr: mkdir" run test_box
	[[ $output == *"omain"* ]]
}

# bats test_tags=vm
@test "WAIT_KILLABLE_RECV goes with a listener" {
	start_agent
	notify '"mkdir"'
	update_config '.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]'
	set_args true
	must --debug run test_box
	[[ $output == *'"seccomp filter flags: 40"'* ]]
	update_config '.linux.seccomp.syscalls[0].action = "SCMP_ACT_ERRNO"'
	must --debug run test_box
	[[ $output == *'"seccomp filter flags: 0"'* ]]
}

# bats test_tags=vm
@test "without an agent create and start say so, and nothing runs" {
	notify '"mkdir"'
	refused "failed to connect with seccomp agent specified in the seccomp profile: $BUNDLE/agent.sock: no such file or directory" create test_box
	[[ $output == *"/linux/seccomp/listenerPath"* ]]
	touch agent.sock
	refused "agent.sock is not a socket" create test_box
	nothing_left test_box
	start_agent
	set_args sh -c 'echo ran'
	quietly create test_box
	kill "$agent"
	wait "$agent" || true
	refused "failed to connect with seccomp agent" start test_box
	wait_status test_box stopped
	refused "failed to connect with seccomp agent" run test_two
	nothing_left test_two
}

# bats test_tags=vm
@test "when the agent is gone, its calls are not implemented" {
	start_agent ONE
	notify '"mkdir", "mkdirat"'
	inside 'sleep 0.3; mkdir /dev/shm/x'
	[[ $output == *"Function not implemented"* ]]
}

# bats test_tags=vm
@test "a listenerPath without SCMP_ACT_NOTIFY is ignored" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/no/such/path", listenerMetadata: "x"}'
	inside 'echo good'
	[ "$output" = good ]
}

@test "crun's annotations name the receiver, and make unknown calls an error" {
	start_agent
	notify '"mkdir", "no_such_call"'
	update_config "del(.linux.seccomp.listenerPath, .linux.seccomp.listenerMetadata)"
	refused "seccomp listenerPath is not set" run test_box
	update_config ".annotations[\"run.oci.seccomp.receiver\"] = \"$BUNDLE/agent.sock\""
	set_args true
	quietly run test_box
	[ "$(jq 'has("metadata")' states)" = false ]
	update_config '.annotations["run.oci.seccomp_fail_unknown_syscall"] = "1"'
	refused "unknown system call no_such_call" run test_box
	[[ $output == *"/linux/seccomp/syscalls/0/names/1"* ]]
}

@test "a kernel without seccomp filters is told of" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
	for code in EINVAL ENOSYS; do
		strace -f -qq -o trace -e trace=seccomp -e inject=seccomp:error=$code "$HULL" --root "$ROOT" run test_box >out 2>&1 </dev/null 3>&- && return 1
		cat out
		grep -F "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER): load the seccomp filter" out
		nothing_left test_box
	done
}
