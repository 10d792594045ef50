#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host
#
# What was once a hole in a runtime, tried here. bats/cve.txt names the test of each; those that belong to a subject are in
# its file. Races are tried RACE times (40; by hand 10000).
# shellcheck disable=SC2030,SC2031,SC2154 # status, output and lines are the helpers'

load helpers

setup() { setup_bundle; }
teardown() {
	[ -z "${swapping:-}" ] || kill -KILL "$swapping" 2>/dev/null || true
	teardown_bundle
}

inside() {
	set_args sh -c "$1"
	hull run test_box
}

# swap A B: exchanged in the background until end_swap.
swap() {
	"$(compiled swap.c)" "$1" "$2" 2>swap.err 3>&- &
	swapping=$!
}

end_swap() {
	kill -0 "$swapping" || { cat swap.err && return 1; } # it has swapped to the end
	kill -KILL "$swapping"
	wait "$swapping" 2>/dev/null || true
	swapping=
}

@test "the table names a test for each, and the tests are there" {
	local cve runtimes needed file title n=0
	while IFS='|' read -r cve runtimes needed file title; do
		[[ $cve && $cve != \#* ]] || continue
		[[ $cve =~ ^CVE-[0-9]{4}-[0-9]+\ *$ && $runtimes && $needed ]] || { echo "$cve" && return 1; }
		file=${file// /} title=${title# }
		grep -qF -e "@test \"$title\"" -e "$title" "$BATS_TEST_DIRNAME/../$file" || { echo "$cve: no \"$title\" in $file" && return 1; }
		n=$((n + 1))
	done <"$BATS_TEST_DIRNAME/cve.txt"
	[ "$n" -ge 40 ]
}

@test "what a container of hull spec sees in /proc tells nothing of the host's keys and timers, and takes nothing (CVE-2015-3630)" {
	inside 'for f in acpi asound kcore keys latency_stats sched_debug scsi timer_list timer_stats; do
		if [ -d /proc/$f ]; then seen=$(ls -A /proc/$f); else seen=$(head -c 1 /proc/$f 2>/dev/null); fi
		[ -z "$seen" ] || echo "$f can be read"
	done
	for f in bus fs irq sys; do
		grep -q " /proc/$f [a-z]* ro," /proc/self/mounts || [ ! -e /proc/$f ] || echo "$f can be written to"
	done
	! (: >/proc/sysrq-trigger) 2>/dev/null || echo "sysrq-trigger can be written to"
	was=$(cat /proc/sys/kernel/core_pattern)
	! (echo "$was" >/proc/sys/kernel/core_pattern) 2>/dev/null || echo "core_pattern can be written to"'
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "exec --user takes a number for a number, though the image has a user of that name (CVE-2016-3697)" {
	printf 'root:x:0:0::/root:/bin/sh\n1000:x:0:0::/root:/bin/sh\n' >rootfs/etc/passwd
	quietly create test_box
	must exec --user 1000 test_box sh -c 'id -u; id -g'
	[ "$output" = $'1000\n0' ]
}

@test "exec --user without a group keeps the container's, and is never root for it (CVE-2026-30892)" {
	update_config '.process.user = {uid: 5, gid: 7}'
	quietly create test_box
	for user in 1 0001; do
		must exec --user $user test_box id -u
		[ "$output" = 1 ]
	done
	for bad in 1x x '' ' 1' -1 4294967295 1: :1 1:x; do
		hull exec --user "$bad" test_box id -u
		[ "$status" -ne 0 ] || [ "$output" != 0 ]
	done
}

@test "the capabilities of hull spec are not inheritable (CVE-2022-24769)" {
	inside 'grep CapInh /proc/self/status'
	[ "$output" = "CapInh:	0000000000000000" ]
}

@test "a sysctl's value is one value, whatever is in it (CVE-2022-0811)" {
	update_config '.linux.sysctl = {"kernel.domainname": "1+kernel.core_pattern=|/bin/x", "net.ipv4.ip_forward": "1"}'
	before=$(</proc/sys/kernel/core_pattern)
	inside 'cat /proc/sys/kernel/domainname'
	[ "$status" -ne 0 ] || [ "$output" = "1+kernel.core_pattern=|/bin/x" ]
	update_config '.linux.sysctl = {"net/ipv4/../../kernel/core_pattern": "|/bin/x"}'
	hull create test_other
	[ "$status" -ne 0 ]
	update_config '.linux.sysctl = {"kernel.core_pattern": "|/bin/x"}'
	refused "kernel.core_pattern" create test_other
	[ "$before" = "$(</proc/sys/kernel/core_pattern)" ]
}

@test "the terminal is not mounted on what a link of the image names (CVE-2025-52565, CVE-2026-88264)" {
	mkdir outside
	update_config '.process.terminal = true'
	set_args sh -c 'exit 0'
	for with_dev in true false; do
		for target in "$BUNDLE/outside/x" /proc/sysrq-trigger ../outside/x; do
			rm -rf rootfs/dev && mkdir rootfs/dev
			ln -s "$target" rootfs/dev/console
			$with_dev || update_config '.mounts |= map(select(.destination | startswith("/dev") | not))'
			"$HULL" --root "$ROOT" run test_box </dev/null >out 2>&1 3>&- || true
			cat out
			[ -z "$(ls -A outside)" ]
			nothing_left test_box
		done
	done
}

@test "stdio is not opened through a link of the image at /dev/null, and no host file changes its owner (CVE-2026-88265)" {
	echo content >victim && chown 12:34 victim && chmod 600 victim
	update_config '.mounts |= map(select(.destination | startswith("/dev") | not)) | .process.user = {uid: 5, gid: 5}'
	for target in "$BUNDLE/victim" ../../victim /etc/victim; do
		rm -rf rootfs/dev && mkdir rootfs/dev
		cp victim rootfs/etc/victim && chown 12:34 rootfs/etc/victim
		ln -s "$target" rootfs/dev/null
		set_args sh -c 'cat; ls -l /proc/self/fd/0'
		"$HULL" --root "$ROOT" run test_box </dev/null >out 2>&1 3>&- || true
		cat out
		not grep content out
		[ "$(stat -c %u:%g victim)" = 12:34 ]
		[ "$(stat -c %u:%g rootfs/etc/victim)" = 12:34 ]
		nothing_left test_box
	done
}

@test "a container without a cgroup namespace writes to no cgroup but its own (CVE-2023-25809)" {
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))'
	inside 'for f in $(find /sys/fs/cgroup -name cgroup.procs 2>/dev/null); do (echo 0 >$f) 2>/dev/null && echo "$f"; done; echo end'
	[ "$output" = end ]
}

# What is mounted and made below a directory that the image exchanges with a link to the host, while that happens.
@test "a path that is exchanged with a link while mounts are made leads nowhere else (CVE-2021-30465, CVE-2024-45310)" {
	local i ran=0
	mkdir -p outside rootfs/vol/a src
	ln -s ../../outside rootfs/vol/b
	echo secret >outside/file
	ln -s "$BUNDLE/outside" rootfs/vol/c
	update_config '.root.readonly = false'
	add_mount /vol/a/deep/er tmpfs tmpfs size=64k
	add_mount /vol/a/bound/file bind "$BUNDLE/config.json" bind
	add_mount /vol/a/dir bind "$BUNDLE/src" rbind
	set_args sh -c 'cat /vol/a/file /vol/b/file 2>/dev/null; grep -c " /vol/[ab]" /proc/self/mountinfo'
	for link in b c; do
		swap "rootfs/vol/a" "rootfs/vol/$link"
		for ((i = 0; i < ${RACE:-40} / 2; i++)); do
			hull run test_box >/dev/null
			[[ $output != *secret* ]]
			[ "$status" -ne 0 ] || ran=$((ran + 1))
			[ "$(ls -A outside)" = file ]
		done
		end_swap
		grep -F "$BUNDLE/" /proc/mounts && return 1
		# As they were, whichever way round.
		[ -L "rootfs/vol/$link" ] || { mv rootfs/vol/a t && mv "rootfs/vol/$link" rootfs/vol/a && mv t "rootfs/vol/$link"; }
	done
	echo "$ran of ${RACE:-40} ran"
	nothing_left test_box
}

@test "a /proc that is exchanged with a link while it is mounted is no other's (CVE-2019-19921, CVE-2025-52881)" {
	local i ran=0
	mkdir -p rootfs/elsewhere/sys/kernel rootfs/elsewhere/self/attr
	ln -s /elsewhere rootfs/link
	before=$(</proc/sys/kernel/core_pattern)
	update_config '.linux.sysctl = {"kernel.domainname": "raced"} | .root.readonly = false'
	# What is mounted goes along with the name that it is mounted on, so each is looked at when it has its own again.
	for ((i = 0; i < ${RACE:-40} / 4; i++)); do
		swap rootfs/proc rootfs/link
		hull create test_box >/dev/null
		end_swap
		[ ! -L rootfs/proc ] || { mv rootfs/proc t && mv rootfs/link rootfs/proc && mv t rootfs/link; }
		[ "$status" = 0 ] || continue
		ran=$((ran + 1))
		must exec test_box sh -c 'stat -fc %T /proc; cat /proc/sys/kernel/domainname; cat /proc/keys | wc -c
			(echo x >/proc/sys/kernel/core_pattern) 2>/dev/null && echo written; exit 0'
		[ "${lines[*]}" = "proc raced 0" ]
		quietly delete --force test_box
	done
	echo "$ran ran"
	[ "$before" = "$(</proc/sys/kernel/core_pattern)" ]
	[ -z "$(find rootfs/elsewhere -type f)" ]
	nothing_left test_box
}

@test "a device that is exchanged with a link while hull makes it is made nowhere else (CVE-2026-41579)" {
	local i
	mkdir -p outside rootfs/dev
	ln -s ../outside rootfs/link
	update_config '.mounts |= map(select(.destination | startswith("/dev") | not)) | .root.readonly = false
		| .linux.devices = [{path: "/dev/made", type: "c", major: 1, minor: 3}]'
	set_args true
	swap rootfs/dev rootfs/link
	for ((i = 0; i < ${RACE:-40}; i++)); do
		hull run test_box >/dev/null
		[ -z "$(ls -A outside)" ]
	done
	end_swap
	nothing_left test_box
}

@test "what exec looks up in a root whose names are exchanged with links stays inside" {
	local i pair ran=0
	mkdir -p outside rootfs/work rootfs/etc
	echo root:x:0:0:root:/secret:/bin/sh | tee outside/passwd >outside/file
	echo root:x:0:0:root:/home/of/root:/bin/sh >rootfs/etc/passwd
	# To the host by its path, and by what a descriptor that was left open would be.
	ln -s "$BUNDLE/outside" rootfs/link1
	ln -s "/proc/self/fd/../root/../../../../../..$BUNDLE/outside" rootfs/link2
	ln -s "/proc/1/cwd/../../../../../..$BUNDLE/outside" rootfs/link3
	update_config '.root.readonly = false | .process.user = {uid: 0, gid: 0}'
	quietly create test_box
	quietly start test_box
	for pair in "work link1" "work link2" "etc link3" "etc link1"; do
		swap "rootfs/${pair% *}" "rootfs/${pair#* }"
		for ((i = 0; i < ${RACE:-40} / 4; i++)); do
			hull exec --cwd /work test_box sh -c 'pwd -P; ls ../../../../..; cat file 2>/dev/null; echo "$HOME"' >/dev/null
			[[ $output != *secret* ]]
			[ "$status" -eq 0 ] || continue
			ran=$((ran + 1))
			[[ ${lines[0]} = /* && $output = *link2* ]]
		done
		end_swap
		[ ! -L "rootfs/${pair% *}" ] || { mv "rootfs/${pair% *}" t && mv "rootfs/${pair#* }" "rootfs/${pair% *}" && mv t "rootfs/${pair#* }"; }
	done
	echo "$ran of ${RACE:-40} ran"
	[ "$ran" -gt 0 ]
	quietly delete --force test_box
	nothing_left test_box
}
