#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

load helpers
setup() { setup_bundle true; }
teardown() { teardown_bundle; }

# add_hook KIND SCRIPT [MORE]: a hook that runs the script; MORE are further members, as JSON.
add_hook() {
	update_config ".hooks.$1 += [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \$s]} + (\$m | fromjson)]" \
		--arg s "$2" --arg m "${3:-{\}}"
}

# bats test_tags=vm,vm-initramfs,vm-systemd
@test "run calls all six kinds of hooks in order, each with the state on stdin" {
	for kind in prestart createRuntime createContainer poststart poststop; do
		add_hook $kind "echo $kind \$(jq -r '.status + \" \" + .id + \" \" + .bundle') >>$BUNDLE/log"
	done
	update_config '.root.readonly = false'
	add_hook startContainer 'echo startContainer $(cat) >>/log'
	must run test_box
	cat log rootfs/log
	[ "$(cut -d' ' -f1,2 log)" = "$(printf '%s\n' 'prestart creating' 'createRuntime creating' \
		'createContainer creating' 'poststart running' 'poststop stopped')" ]
	[ "$(cut -d' ' -f3,4 log | sort -u)" = "test_box $BUNDLE" ]
	[[ $(cat rootfs/log) == *'"status":"created"'* ]]
}

@test "hooks run in the namespaces that the specification names" {
	host=$(readlink /proc/self/ns/uts /proc/self/ns/net)
	update_config '.root.readonly = false'
	for kind in prestart createRuntime createContainer poststart poststop; do
		add_hook $kind "readlink /proc/self/ns/uts /proc/self/ns/net >$BUNDLE/$kind"
	done
	set_args sh -c 'readlink /proc/self/ns/uts; readlink /proc/self/ns/net'
	must run test_box
	for kind in prestart createRuntime poststart poststop; do
		[ "$(cat $kind)" = "$host" ]
	done
	[ "$(cat createContainer)" = "$output" ]
	for ns in $host; do
		[[ $output != *"$ns"* ]]
	done
}

# bats test_tags=vm
@test "createContainer hooks have hull's rights, and a network whose loopback interface is up" {
	add_hook createContainer "grep CapBnd /proc/self/status >$BUNDLE/bnd; cat /sys/class/net/lo/flags /proc/self/net/dev >$BUNDLE/net"
	set_args grep CapBnd /proc/self/status
	must run test_box
	[ "$(cat bnd)" = "$(grep CapBnd /proc/self/status)" ]
	[ "$output" != "$(cat bnd)" ]
	grep -q 'lo:' net
	[ "$(grep -c : net)" = 1 ]
}

@test "a hook has the pid of init, which lives" {
	add_hook createRuntime "pid=\$(jq .pid) && readlink /proc/\$pid/ns/mnt >$BUNDLE/ns"
	must run test_box
	[[ $(cat ns) == mnt:* ]]
	[ "$(cat ns)" != "$(readlink /proc/self/ns/mnt)" ]
}

# bats test_tags=vm-initramfs
@test "createRuntime sees the mounts of the container, before pivot_root" {
	add_hook createRuntime "pid=\$(jq .pid) && grep -c $BUNDLE/rootfs/proc /proc/\$pid/mounts >$BUNDLE/seen"
	must run test_box
	[ "$(cat seen)" -ge 1 ]
}

@test "a failing hook destroys the container and says what it wrote" {
	for kind in prestart createRuntime createContainer startContainer; do
		update_config 'del(.hooks)'
		add_hook $kind 'echo some words; echo more words >&2; exit 3'
		refused "error running $kind hook #0: exit status 3, stdout: some words, stderr: more words" run test_box
		[[ $output == *"/hooks/$kind/0"* ]]
		nothing_left test_box
	done
}

@test "a poststart or startContainer hook that fails ends start, the container and all of it, with poststop hooks" {
	set_args sleep 1000
	for kind in poststart startContainer; do
		update_config 'del(.hooks)'
		add_hook $kind 'exit 4'
		add_hook poststop "cat >>$BUNDLE/log"
		quietly create test_box
		refused "error running $kind hook #0: exit status 4" start test_box
		[ "$(jq -r .status log)" = stopped ]
		nothing_left test_box
		refused "container does not exist" delete test_box
		quietly delete --force test_box
		rm log
	done
}

@test "the first failure ends the list, but for poststop" {
	add_hook poststop "echo 1 >>$BUNDLE/log; exit 1"
	add_hook poststop "echo 2 >>$BUNDLE/log"
	must run test_box
	[ "$(cat log)" = "$(printf '1\n2')" ]
	add_hook createRuntime "echo a >>$BUNDLE/log; exit 1"
	add_hook createRuntime "echo b >>$BUNDLE/log"
	hull run test_box
	[ "$(cat log)" = "$(printf '1\n2\na\n1\n2')" ]
}

@test "a hook that is too slow is killed" {
	add_hook createRuntime 'sleep 1000' '{"timeout": 1}'
	refused "hook ran past specified timeout of 1.0s" run test_box
	nothing_left test_box
}

@test "a hook that leaves a daemon behind holds nobody up" {
	add_hook createRuntime 'sleep 5 & exit 0'
	start=$SECONDS
	must run test_box
	[ $((SECONDS - start)) -lt 4 ]
}

@test "a hook has its own environment, or hull's, or in startContainer the container's" {
	add_hook createRuntime "env >$BUNDLE/own" '{"env": ["A=1", "B=2"]}'
	add_hook createRuntime "env >$BUNDLE/inherited"
	add_hook createContainer "env >$BUNDLE/inherited2"
	update_config '.process.env += ["C=3"] | .root.readonly = false'
	add_hook startContainer 'env >/env'
	FROM_CALLER=yes must run test_box
	grep -q '^A=1$' own && not grep -q FROM_CALLER own
	grep -q '^FROM_CALLER=yes$' inherited
	grep -q '^FROM_CALLER=yes$' inherited2 && not grep -q _HULL inherited2
	grep -q '^C=3$' rootfs/env && not grep -q FROM_CALLER rootfs/env
	# Without a hook that would inherit it, the caller's stays with hull.
	set_args sleep 1000
	update_config 'del(.hooks)'
	FROM_CALLER=yes quietly create test_box
	[ "$(tr '\0' '\n' <"/proc/$(state_of test_box .pid)/environ" | sed 's/=.*//' | sort | xargs)" = "_HULL_INITPIPE _HULL_SYNCPIPE" ]
}

@test "hooks may use every CPU that hull may" {
	cpus='sed -n "s/^Cpus_allowed_list:.//p" /proc/self/status'
	add_hook createRuntime "$cpus >$BUNDLE/runtime"
	add_hook createContainer "$cpus >$BUNDLE/container"
	add_hook poststart "$cpus >$BUNDLE/poststart"
	must run test_box
	cat runtime container poststart
	[ "$(cat runtime container poststart | sort -u)" = "$(sh -c "$cpus")" ]
}

@test "a hook that does not exist is named" {
	update_config '.hooks.prestart = [{path: "/no/such/hook"}]'
	refused "error running prestart hook #0: exec /no/such/hook: no such file or directory" create test_box
	nothing_left test_box
}

@test "prestart hooks find the limits set" {
	is_v1 || skip "this machine has no memory controller in v2"
	update_config '.linux.resources.memory = {limit: 33554432}'
	add_hook prestart "pid=\$(jq .pid); sed -n 's/^[0-9]*:pids:/P /p' /proc/\$pid/cgroup >$BUNDLE/path
		cat /sys/fs/cgroup/memory\$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/test_box/memory.limit_in_bytes >$BUNDLE/limit"
	must run test_box
	[ "$(cat limit)" = 33554432 ]
}

@test "delete runs poststop hooks" {
	add_hook poststop "jq -r .status >$BUNDLE/log"
	set_args sleep 1000
	quietly create test_box
	quietly delete --force test_box
	[ "$(cat log)" = stopped ]
}

@test "hooks run in the bundle, and createContainer hooks in the root file system" {
	for kind in prestart createRuntime createContainer poststart poststop; do
		add_hook $kind "pwd >$BUNDLE/$kind"
	done
	cd /
	hull run --bundle "$BUNDLE" test_box
	cd "$BUNDLE"
	[ "$status" -eq 0 ]
	[ "$(cat prestart createRuntime poststart poststop | sort -u)" = "$BUNDLE" ]
	[ "$(cat createContainer)" = "$BUNDLE/rootfs" ]
}

@test "the end of what a failing hook wrote is in the error" {
	add_hook createRuntime 'seq 1 1000; seq 2001 3000 >&2; echo the reason >&2; exit 1'
	refused "exit status 1, stdout: ... " run test_box
	[[ $output == *"1000, stderr: ... "*"3000"*"the reason"* ]]
	[[ $output != *"2001"* ]]
}

@test "a hook that is too slow says what it has written, and its children die with it" {
	add_hook createRuntime "echo some words; sleep 997 & sleep 998" '{"timeout": 1}'
	refused "hook ran past specified timeout of 1.0s, stdout: some words, stderr:" run test_box
	not pgrep -f 'sleep 99[78]'
}

@test "annotations send the output of hooks to files" {
	update_config ".annotations = {\"run.oci.hooks.stdout\": \"$BUNDLE/out\", \"run.oci.hooks.stderr\": \"$BUNDLE/err\"}"
	for kind in prestart createContainer poststart poststop; do
		add_hook $kind "echo $kind; echo not $kind >&2"
	done
	quietly run test_box
	[ "$(cat out)" = "$(printf '%s\n' prestart createContainer poststart poststop)" ]
	[ "$(cat err)" = "$(printf 'not %s\n' prestart createContainer poststart poststop)" ]
	add_hook createRuntime 'exit 1'
	refused "error running createRuntime hook #0: exit status 1" run test_box
	rm out
	ln -s "$BUNDLE/elsewhere" out
	refused "output of hooks: open $BUNDLE/out" run test_box
	[ ! -e elsewhere ]
	update_config '.annotations = {"run.oci.hooks.stdout": "out"}'
	refused 'is not an absolute path' run test_box
	[[ $output == *"/annotations/run.oci.hooks.stdout"* ]]
}

@test "a poststart hook that fails in run has poststop hooks run" {
	add_hook poststart 'exit 1'
	add_hook poststop "echo poststop >>$BUNDLE/log"
	hull run test_box
	[ "$status" -ne 0 ]
	[ "$(cat log)" = poststop ]
}

@test "a failing poststop hook is a warning, and delete goes on" {
	add_hook poststop 'exit 3'
	set_args sleep 1000
	quietly create test_box
	must --debug delete --force test_box
	[[ $output == *"error running poststop hook #0: exit status 3"* ]]
	nothing_left test_box
}

@test "hooks whose keys are written otherwise run all the same, as runc runs them" {
	update_config '.Hooks = {PostStart: [{Path: "/bin/sh", args: ["sh", "-c", "echo started >>said"]}],
		POSTSTOP: [{path: "/bin/sh", Args: ["sh", "-c", "echo stopped >>said"]}]}'
	quietly create test_box
	quietly start test_box
	quietly delete --force test_box
	[ "$(cat said)" = $'started\nstopped' ]
}

@test "hooks of the host do not get the descriptors of --preserve-fds" {
	echo secret >secret
	add_hook createRuntime "ls -l /proc/self/fd >>$BUNDLE/seen"
	add_hook poststop "ls -l /proc/self/fd >>$BUNDLE/seen"
	set_args cat /proc/self/fd/3
	"$HULL" --root "$ROOT" run --preserve-fds 1 test_hooks 3<secret >out
	[ "$(cat out)" = secret ]
	grep pipe: seen
	not grep secret seen
}

KINDS="prestart createRuntime createContainer startContainer poststart poststop"

@test "the stdio of all six kinds of hooks are pipes" {
	update_config '.root.readonly = false'
	for kind in $KINDS; do
		log=$BUNDLE/rootfs/log
		[ "$kind" != startContainer ] || log=/log
		add_hook "$kind" "for i in 0 1 2; do [ -p /proc/self/fd/\$i ] && echo $kind \$i >>$log; done
			echo again >/dev/stderr; case \$(cat /dev/stdin) in '{'*) echo $kind read >>$log; esac"
	done
	must run test_box
	diff <(sort rootfs/log) <(for kind in $KINDS; do printf "$kind %s\n" 0 1 2 read; done | sort)
}

@test "a failing hook that opens its stderr again does not lose what it said before" {
	for kind in createRuntime createContainer startContainer; do
		update_config 'del(.hooks)'
		add_hook $kind 'echo first >&2; echo second >/dev/stderr; echo third >&2; exit 1'
		refused "exit status 1, stdout: , stderr: first"$'\\n'"second"$'\\n'"third" run test_box
	done
}

@test "a hook that does not read the state, or writes without end, holds nobody up" {
	update_config '.annotations = {big: ("x" * 300000)}'
	for kind in createRuntime createContainer poststop; do
		add_hook $kind 'exec <&-; head -c 5000000 /dev/zero | tr "\0" x; head -c 5000000 /dev/zero | tr "\0" y >&2'
		add_hook $kind "exit 0"
		add_hook $kind "wc -c >>$BUNDLE/sizes"
	done
	add_hook startContainer 'head -c 3000000 /dev/zero; exec sleep 0.1'
	timeout 20 "$HULL" --root "$ROOT" run test_box 3>&- >out 2>&1
	[ ! -s out ]
	[ "$(wc -l <sizes)" -eq 3 ]
	while read -r size; do [ "$size" -gt 300000 ]; done <sizes
}

@test "a daemon that a hook leaves behind finds nobody at its pipe" {
	for kind in createRuntime createContainer; do
		add_hook $kind "trap '' PIPE; exec 9>>$BUNDLE/log; (while echo x 2>/dev/null; do :; done; echo $kind >&9) & exit 0"
	done
	set_args sleep 1000
	quietly run --detach test_box
	wait_for 10 grep -q createRuntime log
	wait_for 10 grep -q createContainer log
}

@test "a hook that leaves its process group is killed when it is too slow" {
	update_config '.hooks.createRuntime = [{path: "/usr/bin/perl", timeout: 1,
		args: ["perl", "-e", "my $p = fork // die; if (!$p) { setpgrp; sleep 9; exit } select undef, undef, undef, 0.3; setpgrp(0, $p) or die; sleep 20"]}]'
	start=$SECONDS
	refused "hook ran past specified timeout of 1.0s" run test_box
	[ $((SECONDS - start)) -lt 8 ]
}

@test "a hook that cannot be executed is explained as the program is" {
	printf '#!/no/interpreter\n' >hook
	chmod +x hook
	for kind in createRuntime createContainer; do
		update_config '.hooks = {($k): [{path: ($b + "/hook")}]}' --arg k $kind --arg b "$BUNDLE"
		refused "error running $kind hook #0: exec $BUNDLE/hook: no such file or directory: its interpreter \\\"/no/interpreter\\\" does not exist" run test_box
	done
	printf '#!/bin/sh\r\n' >hook
	refused "carriage return" run test_box
	printf 'echo\n' >hook
	refused "exec format error: it is a script without a #! line" run test_box
	printf '#!/no/interpreter\n' >rootfs/hook
	chmod +x rootfs/hook
	update_config '.hooks = {startContainer: [{path: "/hook"}]}'
	refused "its interpreter \\\"/no/interpreter\\\" does not exist" run test_box
}
