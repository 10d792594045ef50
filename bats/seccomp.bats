#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers
setup() { setup_bundle; }
teardown() { teardown_bundle; }

inside() {
	set_args sh -c "$1"
	hull run test_box
}
profile() { update_config ".linux.seccomp = $1"; }

@test "run answers a filtered call with the errno of its rule" {
	profile '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [
		{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38},
		{names: ["chmod", "fchmodat"], action: "SCMP_ACT_ERRNO"}]}'
	inside 'grep Seccomp: /proc/self/status; mkdir /dev/shm/x; touch /dev/shm/y; chmod 1 /dev/shm/y'
	[[ $output == *"Seccomp:	2"* ]]
	[[ $output == *"'/dev/shm/x': Function not implemented"* ]]
	[[ $output == *"/dev/shm/y: Operation not permitted"* ]]
}

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
	file=$(echo "$ROOT"/@seccomp/*)
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
	profile '{defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/run/x", syscalls: [{names: ["read"], action: "SCMP_ACT_NOTIFY"}]}'
	refused "not supported yet" create test_box
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
