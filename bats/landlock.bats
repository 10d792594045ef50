#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2
# org.hull.landlock.*: what a program gives up is out of its reach, and of exec's, whoever it is.

# shellcheck disable=SC2154 # helpers.bash sets status and output

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# landlock ABI: this kernel has at least that.
landlock() {
	abi=$("$HULL" features | jq -r '.annotations["org.hull.landlock.abi"]')
	[ "$abi" -ge "$1" ] || skip "Landlock of this kernel: ABI $abi"
}

# must_fail ARG...: hull with them does.
must_fail() {
	hull "$@"
	[ "$status" -ne 0 ]
}

# annotate KEY VALUE...: of Landlock
annotate() {
	while [ $# -gt 0 ]; do
		update_config ".annotations[\"org.hull.landlock.$1\"] = \"$2\""
		shift 2
	done
}

# What a program below can do: a word for each thing that works.
probe='cat /etc/one >/dev/null && echo read
	ls / >/dev/null && echo list
	/opt/true && echo execute
	echo x >/tmp/new && echo write
	mkdir /tmp/dir && rmdir /tmp/dir && echo make
	mv /tmp/new /tmp/d/newer && echo move
	(: >>/etc/one) && echo append
	echo no >/dev/full; truncate -s 0 /etc/two && echo truncate'

files() {
	mkdir -p rootfs/etc rootfs/opt rootfs/tmp/d
	echo 1 >rootfs/etc/one
	echo 2 >rootfs/etc/two
	cp rootfs/bin/busybox rootfs/opt/true
	chmod -R a+rwX rootfs/etc rootfs/tmp
	update_config '.root.readonly = false'
}

@test "a program has the files that it is given, and no others" {
	landlock 3
	files
	set_args sh -c "$probe"
	must run test_box
	[[ ${output//$'\n'/ } = *"read list execute write make move append "*truncate* ]]
	echo 2 >rootfs/etc/two
	annotate execute /bin read /etc write /tmp:/dev/null
	must_fail run test_box
	words=$(grep -xE '[a-z]+' <<<"$output")
	[ "${words//$'\n'/ }" = "read write make move" ]
	[[ $output = *"/etc/one: Permission denied"* && $output = *"/opt/true: Permission denied"* && $output = *"/dev/full: Permission denied"* ]]
	[ "$(<rootfs/etc/two)" = 2 ]
	nothing_left test_box
}

@test "it is so for a user without capabilities, with and without noNewPrivileges, and for whoever is root" {
	landlock 3
	files
	annotate execute /bin read /etc/one write /tmp
	set_args sh -c 'cat /etc/one; cat /etc/two || echo refused'
	for who in '{uid: 7, gid: 7}' '{uid: 0, gid: 0}'; do
		for nnp in true false; do
			for caps in '{}' '{bounding: ["CAP_DAC_OVERRIDE"], permitted: ["CAP_DAC_OVERRIDE"], effective: ["CAP_DAC_OVERRIDE"]}'; do
				update_config ".process.user = $who | .process.noNewPrivileges = $nnp | .process.capabilities = $caps"
				must run test_box
				[ "${lines[0]}" = 1 ] && [ "${lines[-1]}" = refused ]
			done
		done
	done
}

@test "exec has what the container's programs have, from its first program on" {
	landlock 3
	files
	annotate execute /bin read /etc
	quietly create test_box
	quietly start test_box
	must exec test_box sh -c 'cat /etc/one; echo x >/tmp/new || echo refused'
	[ "${lines[0]}" = 1 ] && [ "${lines[-1]}" = refused ]
	must_fail exec test_box /opt/true
	[[ $output = *"exec /opt/true: permission denied: Landlock: it, or the interpreter that it names, is not below any path of org.hull.landlock.execute"* ]]
}

@test "ports may be bound and connected to when they are named" {
	landlock 4
	annotate bind 80,8000-8001 connect 81
	# In the background, for one that may be bound waits for somebody.
	set_args sh -c 'for p in 79 80 7999 8001; do (timeout 0.2 nc -l -p $p 2>&1 | sed "s/^.*: //;s/^/$p /") ; done
		for p in 80 81; do nc 127.0.0.1 $p 2>&1 | sed "s/^.*: //;s/^/to $p /"; done; echo end'
	must run test_box
	[[ $output = *"79 Permission denied"* && $output = *"7999 Permission denied"* ]]
	[[ $output != *$'\n'"80 Permission"* && $output != *"8001 Permission"* ]]
	[[ $output = *"to 80 Permission denied"* && $output = *"to 81 Connection refused"* ]]
	annotate bind "" connect ""
	must run test_box
	[ "$(grep -c 'Permission denied' <<<"$output")" = 6 ]
}

@test "a scope keeps signals from those outside" {
	landlock 6
	set_args sh -c 'sleep 1000 & kill -0 $! && touch /own; wait'
	update_config '.root.readonly = false'
	annotate scope signal,abstract-unix-socket
	quietly create test_box
	quietly start test_box
	wait_for 5 test -e rootfs/own
	must_fail exec test_box kill -0 1
	[[ $output = *"not permitted"* ]]
	must exec test_box sh -c 'sleep 5 & kill $! && echo its own'
}

@test "a path that is not there is an error of create, but for one that may be missing" {
	landlock 3
	set_args echo yes
	annotate execute /bin read /none
	must_fail create test_box
	[[ $output = *'\"/none\": open: no such file or directory (/annotations/org.hull.landlock.read)'* ]]
	nothing_left test_box
	annotate read -/none
	must run test_box
	[ "$output" = yes ]
	# A link leads inside the root, and is not seen by who is given something else.
	ln -s /etc rootfs/none
	must run test_box
	[ "$output" = yes ]
}

# bats test_tags=vm-old
@test "annotations of Landlock that are wrong, or that do not exist, are errors" {
	annotate execute bin
	must_fail run test_box
	[[ $output = *'\"bin\" is not a list of absolute paths with \":\" between them (/annotations/org.hull.landlock.execute)'* ]]
	update_config 'del(.annotations)'
	annotate exec /bin
	must_fail run test_box
	[[ $output = *'there is no such annotation: those of Landlock are read, execute, '*'(/annotations/org.hull.landlock.exec)'* ]]
}

# bats test_tags=vm,vm-old
@test "a kernel that cannot do it is an error, or a warning with best-effort" {
	local inject=()
	set_args echo yes
	annotate scope signal
	# Linux 6.12 has it.
	[ "$("$HULL" features | jq -r '.annotations["org.hull.landlock.abi"]')" -lt 6 ] ||
		inject=(strace -D -f -o /dev/null -e trace=landlock_create_ruleset -e inject=landlock_create_ruleset:error=EOPNOTSUPP)
	run -1 "${inject[@]}" "$HULL" --root "$ROOT" run test_box 3>&-
	[[ $output = *"Landlock for org.hull.landlock.scope needs version 6 of its ABI, and this kernel has "*"(org.hull.landlock.best-effort does without) (/annotations)"* ]]
	annotate best-effort true
	run -0 "${inject[@]}" "$HULL" --root "$ROOT" run test_box 3>&-
	[[ $output = *"level=warning"*"needs version 6"*yes ]]
}

@test "a checkpoint, after which it would be gone, is refused" {
	landlock 3
	[ "$EUID" = 0 ] || skip "criu needs root"
	set_args sleep 1000
	annotate execute /bin
	quietly create test_box
	quietly start test_box
	must_fail checkpoint --image-path img test_box
	[[ $output = *"criu does not know of Landlock: the programs would not be confined any more (/annotations)"* ]]
	is_status test_box running
}

@test "a startContainer hook, which is the image's, has it, too" {
	landlock 3
	files
	annotate execute /bin write /tmp
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat /etc/one 2>/tmp/said"]}]'
	set_args true
	must_fail run test_box
	grep -q "Permission denied" rootfs/tmp/said
}
