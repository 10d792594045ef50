#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# A PID namespace that is joined by path: others are in it, and may have CAP_SYS_PTRACE. What they can see of a container in
# the making has no right that its program has not; the work is done outside of the namespace (nsexec/PROTOCOL.md).

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has its own variables; helpers.bash uses and sets others

load helpers

setup() {
	setup_bundle
	quietly create test_pod
	quietly start test_pod
	update_config ".process.user = {uid: 5, gid: 6} | (.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$(state_of test_pod .pid)/ns/pid\""
}
teardown() { teardown_bundle; }

# The kernel can make a proc of another PID namespace (Linux 6.18).
needs_late() {
	mkdir probe
	mount -t proc -o "pidns=/proc/self/ns/pid" proc probe || skip "the kernel has no proc with pidns="
	umount probe
}

# of FIELD: what the status of test_member's process says.
of() { sed -n "s/^$1:\t//p" "/proc/$(state_of test_member .pid)/status"; }

# order ARG...: hull ARG... makes these calls, among others: P(ermitted set), S(eccomp), C(lone of the last stage), W(ait).
order() {
	strace -D -f -qq -o trace -e trace=clone,capset,seccomp,accept4 "$HULL" --root "$ROOT" "$@" >out 2>&1 3>&- </dev/null ||
		{ cat out && return 1; }
	wait_for 10 grep -q accept4 trace
	calls=$(sed -n 's/.* clone(child_stack=NULL, flags=CLONE_PARENT.*/C/p; s/.* capset(.*/P/p; s/.* accept4(.*/W/p
		s/.* seccomp(SECCOMP_SET_MODE_FILTER, [^,]*, {.*/S/p' trace | uniq | tr -d '\n')
	echo "$calls"
}

@test "a container in a joined PID namespace waits with the rights of its program" {
	needs_late
	set_args sh -c 'ps >/tmp/ps; grep -E "^(Cap|NoNew|Uid|Gid)" /proc/self/status >/tmp/status; exec sleep 1000'
	update_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 100}] | .process.oomScoreAdj = 77
		| .mounts += [{destination: "/tmp", type: "bind", source: "rootfs/tmp", options: ["rbind", "rw"]}]'
	chmod 1777 rootfs/tmp
	must --debug create --pid-file pid test_member </dev/null >out 2>&1
	[[ $output == *"container setup: join pid, "*", fork last"* ]]
	is_status test_member created
	[ "$(<pid)" = "$(state_of test_member .pid)" ]
	[ "$(cat "/proc/$(<pid)/comm")" = "hull:[2:INIT]" ]
	[ "$(of Uid)" = $'5\t5\t5\t5' ]
	[ "$(of CapPrm)" = 0000000020000420 ]
	[ "$(of CapBnd)" = 0000000020000420 ]
	[ "$(of NoNewPrivs)" = 1 ]
	[ "$(of NSpid)" != "$(of NSsid)" ] || [ "$(of NSpid | wc -w)" = 2 ]
	[ "$(readlink "/proc/$(<pid)/ns/pid")" = "$(readlink "/proc/$(state_of test_pod .pid)/ns/pid")" ]
	# Nothing of the host is open but what its program gets, and the socket that start comes to.
	[ "$(find "/proc/$(<pid)/fd" -mindepth 1 | wc -l)" = 4 ]
	[ "$(cat "/proc/$(<pid)/oom_score_adj")" = 77 ]
	grep -q "^Max open files *100 *100 " "/proc/$(<pid)/limits"
	quietly start test_member
	wait_for 10 test -s rootfs/tmp/status
	grep -qx $'CapBnd:\t0000000020000420' rootfs/tmp/status
	grep -qx $'Gid:\t6\t6\t6\t6' rootfs/tmp/status
	# proc is that of the namespace: the sandbox's program is process 1.
	grep -q "^ *1 .*sleep" rootfs/tmp/ps
	quietly delete --force test_member
	nothing_left test_member
}

@test "a container in a joined PID namespace is forked behind the filter, or before it, or first" {
	needs_late
	set_args true
	order create test_member
	[ "$calls" = PCW ]
	quietly delete --force test_member
	# With no_new_privs the filter is the program's alone.
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["accept4", "clone"], action: "SCMP_ACT_ERRNO"}]}'
	order create test_member
	[ "$calls" = PCW ]
	quietly start test_member
	quietly delete --force test_member
	# It needs CAP_SYS_ADMIN, so it is in force when the container waits.
	update_config '.process.noNewPrivileges = false'
	order create test_member
	[ "$calls" = CW ]
	quietly start test_member
	quietly delete --force test_member
	update_config '.linux.seccomp.syscalls[0].names = ["swapon", "recvmsg", "sendmsg", "sendto", "recvfrom"]'
	order create test_member
	[ "$calls" = SPCW ]
	quietly start test_member
	quietly delete --force test_member
	nothing_left test_member
}

@test "a container in a joined PID namespace has one PID for its hooks and afterwards" {
	cat >hook.sh <<-'END'
		#!/bin/sh
		exec cat >>"$0.states"
	END
	chmod 755 hook.sh
	update_config ".hooks = {createRuntime: [{path: \"$BUNDLE/hook.sh\"}], poststart: [{path: \"$BUNDLE/hook.sh\"}]}"
	quietly create test_member
	pid=$(state_of test_member .pid)
	quietly start test_member
	[ "$(jq .pid hook.sh.states | sort -u)" = "$pid" ]
	quietly delete --force test_member
	nothing_left test_member
}

@test "a container in a joined PID namespace is set up in there if the kernel makes no proc of it from outside" {
	set_args cat /proc/self/status
	strace -D -qq -o trace -e trace=fsconfig -e inject=fsconfig:error=EINVAL:when=1 "$HULL" --root "$ROOT" --debug run test_member \
		>out 2>&1 3>&- </dev/null
	cat out
	grep -q INJECTED trace
	grep -q "container setup: join pid, .*, fork\"" out
	grep -q $'^NSpid:\t[0-9]*$' out
	nothing_left test_member
}

@test "a container that joins a user namespace, too, makes its proc in there as every kernel can" {
	quietly delete --force test_pod
	set_args sleep 1000
	update_config '.process.user = {uid: 0, gid: 0} | (.linux.namespaces[] | select(.type == "pid")) |= {type: "pid"}
		| .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	quietly run -d test_pod
	pod=$(state_of test_pod .pid)
	set_args cat /proc/1/cmdline
	update_config "del(.linux.uidMappings, .linux.gidMappings) | (.linux.namespaces[] | select(.type == (\"pid\", \"user\"))) |= . + {path: \"/proc/$pod/ns/\(.type)\"}"
	strace -D -f -qq -o trace -e trace=fsconfig "$HULL" --root "$ROOT" run test_member >out 2>&1 3>&- </dev/null
	grep -q sleep out
	not grep pidns trace
	quietly delete --force test_pod
}

@test "run in a joined PID namespace: exit code, terminal, limits, an error, a missing program" {
	! is_v1 || update_config '.linux.resources = {pids: {limit: 2}, memory: {limit: 8388608}}'
	set_args sh -c 'exit 42'
	hull run test_member
	[ "$status" -eq 42 ]
	set_args nonesuch
	hull run test_member
	[ "$status" -eq 1 ]
	[[ $output = *"executable file not found"*"(/process/args/0)"* && ${#lines[@]} -eq 1 ]]
	set_args sh -c 'tty; :</dev/tty && echo controlled'
	update_config '.process.terminal = true'
	script -qec "'$HULL' --root '$ROOT' run test_member" /dev/null >out 2>&1 </dev/null 3>&-
	cat out
	grep -q /dev/pts/ out
	grep -q controlled out
	nothing_left test_member
}

@test "a PID namespace whose first process has ended takes nobody in" {
	: >ns
	mount --bind "/proc/$(state_of test_pod .pid)/ns/pid" ns
	update_config "(.linux.namespaces[] | select(.type == \"pid\")).path = \"$PWD/ns\""
	quietly delete --force test_pod
	hull create test_member
	umount ns
	[ "$status" -eq 1 ]
	[[ $output == *"the first process of the PID namespace has ended: clone: cannot allocate memory"* && ${#lines[@]} -eq 1 ]]
	nothing_left test_member
}

@test "exec into a container with a joined PID namespace has no more rights than its program" {
	quietly create test_member
	quietly start test_member
	must --debug exec test_member sh -c 'ps; cat /proc/self/status'
	[[ $output == *"container setup: join "*"pid"*", fork last"* ]]
	[[ $output == *$'Uid:\t5\t5\t5\t5'* && $output == *$'CapBnd:\t0000000020000420'* ]]
	quietly delete --force test_member
	nothing_left test_member
}
