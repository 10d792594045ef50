#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
# by turns: v2 host
# shellcheck disable=SC2154 # pid and receiver are set by helpers.bash
# checkpoint and restore, with a real criu, and what hull asks criu for, of one that only writes it down.

load helpers
setup() {
	setup_bundle sh -c 'i=0; while :; do i=$((i+1)); echo $i >/count.new; mv /count.new /count; sleep 0.05; done'
	update_config '.root.readonly = false'
	PATH=$BATS_TEST_DIRNAME/../build/deps/criu:$PATH
}
teardown() {
	[ ! -v NETNS ] || ip netns delete "$NETNS"
	teardown_bundle
}

# A criu that works on this kernel, and root.
real_criu() {
	[ "$EUID" = 0 ] || skip "criu needs root"
	command -v criu >/dev/null || skip "no criu that works on this kernel"
}

# fake [WORD...]: criu is bats/fakes/criu.pl, which answers with the words.
fake() {
	mkdir -p fake
	ln -sf "$BATS_TEST_DIRNAME/fakes/criu.pl" fake/criu
	PATH=$PWD/fake:$PATH
	export FAKE_CRIU_LOG=$PWD/asked FAKE_CRIU_DO="$*"
	rm -f asked
}

run_detached() {
	"$HULL" --root "$ROOT" run -d "$1" </dev/null >/dev/null 2>&1 3>&-
	wait_for 5 test -s rootfs/count
}

# hull restore -d as conmon and containerd call it: with standard streams of its own.
restore() {
	status=0
	"$HULL" --root "$ROOT" restore -d "$@" </dev/null >restored 2>&1 3>&- || status=$?
	output=$(<restored)
	echo "restore $*: $output (status $status)"
}

count() { cat rootfs/count 2>/dev/null || echo 0; }
counts_on() { [ "$(count)" -gt "$1" ]; }

# Nothing is to be seen or made at what is masked.
masks_hold() {
	must exec test_box sh -c 'cat /proc/timer_list | wc -c; ls -A /proc/acpi | wc -l; touch /proc/acpi/x 2>&1 || :'
	[ "${lines[0]}${lines[1]}" = 00 ]
	[[ ${lines[2]} = *[Rr]"ead-only"* ]]
}

# --- With criu -----------------------------------------------------------------------------------

# bats test_tags=vm,vm-systemd
@test "a restored container goes on where it was checkpointed" {
	real_criu
	# It does not begin anew with a file that says so.
	set_args sh -c 'touch /began$(ls / | grep -c began); i=0; while :; do i=$((i+1)); echo $i >/count.new; mv /count.new /count; sleep 0.05; done'
	run_detached test_box
	CGROUPS=$(cgroups_of test_box)
	wait_for 5 counts_on 3
	quietly checkpoint --image-path img --work-path work test_box
	nothing_left test_box
	[ -s work/dump.log ] && [ -s img/descriptors.json ] && [ "$(stat -c %a img)" = 700 ]
	at=$(count)
	sleep 0.2
	[ "$(count)" = "$at" ]
	restore --image-path img --work-path work --pid-file pid test_box
	[ "$status" = 0 ] && [ -z "$output" ]
	is_status test_box running
	[ "$(cat pid)" = "$(state_of test_box .pid)" ]
	wait_for 5 counts_on "$at"
	[ "$(find rootfs -name 'began*' | wc -l)" = 1 ]
	must exec test_box sh -c '(readlink /proc/1/ns/time; readlink /proc/self/ns/time) | uniq | wc -l; cut -d: -f3 /proc/self/cgroup | sort -u'
	[ "${lines[0]}" = 1 ]
	# Nothing of hull's or criu's is open in it, and its own file not for long.
	has_stdio_only() { [ "$(ls "/proc/$(cat pid)/fd")" = $'0\n1\n2' ]; }
	wait_for 5 has_stdio_only
	# Its processes are in the cgroups of its record, and nothing is mounted on the host.
	must ps --format json test_box
	[[ $output = *"$(cat pid)"* ]]
	not grep -F "$ROOT" /proc/mounts
	CGROUPS=$(cgroups_of test_box)
	quietly delete --force test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "checkpoint --print-stats tells what it took, and restore --trace where the time went" {
	real_criu
	set_args sh -c 'echo 1 >/count; exec sleep 1000'
	run_detached test_box
	must checkpoint --print-stats --image-path img --work-path work test_box
	for name in "freezing: [0-9]* us" "frozen: [0-9]* us" "memory dump: [0-9]* us" "pages scanned: [0-9]*" "pages written: [0-9]*"; do
		grep -qx "$name" <<<"$output"
	done
	[ "$(sed -n 's/^pages written: //p' <<<"$output")" -gt 10 ]
	restore --image-path img --work-path work --trace "$BATS_TEST_TMPDIR/trace.json" test_box
	[ "$status" = 0 ]
	for name in "hull restore test_box" "start criu" criu "make cgroups"; do
		jq -e --arg n "$name" 'any(.traceEvents[]; .name == $n and .dur > 0)' "$BATS_TEST_TMPDIR/trace.json"
	done
	quietly delete --force test_box
}

# bats test_tags=vm
@test "a container that notifies its service manager can be checkpointed, and notifies whoever restores it" {
	real_criu
	local listeners=()
	cp "$(compiled notify.c)" rootfs/bin/notify
	for host in first second; do
		"$(compiled notify.c)" listen "$BATS_TEST_TMPDIR/$host.sock" >"$host" 2>&1 </dev/null 3>&- &
		listeners+=($!)
		wait_for 5 test -S "$BATS_TEST_TMPDIR/$host.sock"
	done
	set_args sh -c 'i=0; while :; do i=$((i+1)); notify send "STATUS=turn $i"; echo $i >/count.new; mv /count.new /count; sleep 0.2; done'
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/first.sock run_detached test_box
	wait_for 5 grep -q "STATUS=turn 3$" first
	quietly checkpoint --image-path img --work-path work test_box
	at=$(count)
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/second.sock restore --image-path img --work-path work test_box
	[ "$status" = 0 ] && [ -z "$output" ]
	wait_for 5 counts_on "$at"
	wait_for 5 grep -q "STATUS=turn $((at + 3))$" second
	grep -q "MAINPID=$(state_of test_box .pid)" second
	quietly delete --force test_box
	# And where nobody is to be notified any more.
	restore --image-path img --work-path work test_box
	[ "$status" = 0 ]
	wait_for 5 counts_on "$at"
	quietly delete --force test_box
	kill "${listeners[@]}"
}

# bats test_tags=vm
@test "a container without a cgroup namespace can be restored" {
	real_criu
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))'
	run_detached test_box
	quietly checkpoint --image-path img test_box
	restore --image-path img test_box
	[ "$status" = 0 ]
	must exec test_box ls /sys/fs/cgroup
	[ -n "$output" ]
}

@test "it can be checkpointed and restored again, under another id" {
	real_criu
	local id=test_box
	run_detached "$id"
	for n in 1 2; do
		quietly checkpoint --image-path "img$n" "$id"
		at=$(count)
		id=test_cr$n
		restore --image-path "img$n" "$id"
		[ "$status" = 0 ]
		wait_for 5 counts_on "$at"
	done
	must list -q
	[ "$output" = test_cr2 ]
}

@test "checkpoint --leave-running leaves it running; a paused one can be checkpointed" {
	real_criu
	run_detached test_box
	quietly checkpoint --leave-running --image-path img test_box
	is_status test_box running
	at=$(count)
	wait_for 5 counts_on "$at"
	quietly pause test_box
	at=$(count)
	quietly checkpoint --image-path img2 test_box
	nothing_left test_box
	restore --image-path img2 test_box
	[ "$status" = 0 ]
	is_status test_box running
	wait_for 5 counts_on "$at"
}

# bats test_tags=vm
@test "checkpoint --pre-dump saves memory first, and --parent-path what has changed since" {
	real_criu
	run_detached test_box
	hull checkpoint --pre-dump --image-path before test_box
	tracks=$status
	is_status test_box running
	refused "--parent-path must be relative" checkpoint --parent-path "$PWD/before" --image-path img test_box
	refused "invalid --parent-path: nowhere: no such file or directory" checkpoint --parent-path ../nowhere --image-path img test_box
	is_status test_box running
	[ "$tracks" = 0 ] || skip "this kernel does not track dirty memory"
	quietly checkpoint --parent-path ../before --image-path img test_box
	[ -e img/parent ]
	restore --image-path img test_box
	[ "$status" = 0 ]
}

@test "pipes of the caller of restore take the place of those of run" {
	real_criu
	set_args sh -c 'while read line; do echo "got $line"; done; echo end >&2'
	# Anonymous ones, open on both sides here: nobody sees an end of file.
	exec {in}<> <(:) {out}<> <(:)
	"$HULL" --root "$ROOT" run -d test_box <&"$in" >&"$out" 2>&1 3>&-
	echo one >&"$in"
	read -r -t 5 line <&"$out"
	[ "$line" = "got one" ]
	quietly checkpoint --image-path img test_box
	exec {in2}<> <(:) {out2}<> <(:)
	"$HULL" --root "$ROOT" restore -d --image-path img test_box <&"$in2" >&"$out2" 2>&1 3>&-
	echo two >&"$in2"
	read -r -t 5 line <&"$out2"
	[ "$line" = "got two" ]
	# And once more: the record has the new ones.
	quietly checkpoint --image-path img2 test_box
	exec {in3}<> <(:) {out3}<> <(:)
	"$HULL" --root "$ROOT" restore -d --image-path img2 test_box <&"$in3" >&"$out3" 2>&1 3>&-
	echo three >&"$in3"
	read -r -t 5 line <&"$out3"
	[ "$line" = "got three" ]
	quietly delete --force test_box
}

# bats test_tags=vm
@test "restore hands the terminal to the console socket" {
	real_criu
	update_config '.process.terminal = true'
	set_args sh -c 'while read line; do echo "got $line"; done'
	receive_tty $'one\n'
	quietly run -d --console-socket tty.sock test_box
	wait_for 5 grep -q "got one" tty.out
	quietly checkpoint --image-path img test_box
	wait "$receiver"
	receive_tty $'two\n'
	restore --image-path img --console-socket tty.sock test_box
	[ "$status" = 0 ]
	wait_for 5 grep -q "got two" tty.out
	grep -q '^message /dev/pts/0' tty.out
	quietly delete --force test_box
	wait "$receiver" || true
}

@test "restore in the foreground ends as the program does, and deletes the container" {
	real_criu
	set_args sh -c 'touch /ready; while [ ! -e /leave ]; do sleep 0.05; done; echo last words; exit 7'
	"$HULL" --root "$ROOT" run -d test_box </dev/null >/dev/null 2>&1 3>&-
	wait_for 5 test -e rootfs/ready
	quietly checkpoint --image-path img test_box
	touch rootfs/leave
	hull restore --image-path img test_box </dev/null
	[ "$status" = 7 ]
	nothing_left test_box
	# With a terminal of our own.
	update_config '.process.terminal = true'
	rm rootfs/leave rootfs/ready
	receive_tty
	quietly run -d --console-socket tty.sock test_box
	wait_for 5 test -e rootfs/ready
	quietly checkpoint --image-path img2 test_box
	touch rootfs/leave
	output=$(script -qefc "$HULL --root $ROOT restore --image-path img2 test_box; echo status \$?" /dev/null </dev/null 2>&1 3>&-)
	[[ $output = *"last words"*"status 7"* ]]
	nothing_left test_box
}

@test "restore makes nothing writable that config.json has read-only" {
	real_criu
	mkdir -p rootfs/{a,b}/m fixed free
	add_mount /a/m bind "$PWD/fixed" bind ro
	add_mount /b/m bind "$PWD/free" bind rw
	# The mounts go with the directories that they are in.
	set_args sh -c 'mv /a /t && mv /b /a && mv /t /b && touch /ready; sleep 1000'
	update_config '.root.readonly = false'
	"$HULL" --root "$ROOT" run -d test_box </dev/null >/dev/null 2>&1 3>&-
	wait_for 5 test -e rootfs/ready
	quietly checkpoint --image-path img test_box
	refused "the mount at /a/m is read-only in config.json, and came back writable" restore -d --image-path img test_box
	nothing_left test_box
}

@test "restore makes the mount points again, of binds in binds and behind links" {
	real_criu
	mkdir -p outer inner rootfs/real/conf
	echo kept >inner/file
	ln -s /real/conf rootfs/conf
	add_mount /conf "" . bind
	add_mount /outer bind outer bind rw
	add_mount /outer/deep/inner bind inner bind ro
	add_mount /etc/one bind config.json bind ro
	add_mount /dev/shm/deeper bind inner bind ro
	run_detached test_box
	quietly checkpoint --image-path img test_box
	rm -r outer/* rootfs/etc/one
	restore --image-path img test_box
	[ "$status" = 0 ]
	hull exec test_box sh -c 'cat /outer/deep/inner/file /dev/shm/deeper/file; ls /conf; grep -c args /etc/one; touch /outer/new /outer/deep/inner/no'
	[[ ${lines[0]} = kept && ${lines[1]} = kept && $output = *config.json*$'\n1\n'*"Read-only file system"* ]]
	[ -e outer/new ]
	not grep -F "$BUNDLE" /proc/mounts
}

# bats test_tags=vm
@test "restore puts it into the cgroup of its config.json, with its limits" {
	real_criu
	local limit=64
	if ! is_v1 && ! grep -qw pids /sys/fs/cgroup/cgroup.controllers; then limit=''; fi
	update_config '.linux.cgroupsPath = "/test_cr_old"'
	[ -z "$limit" ] || update_config '.linux.resources.pids.limit = 64'
	run_detached test_box
	CGROUPS=$(cgroups_of test_box)
	quietly checkpoint --manage-cgroups-mode ignore --image-path img test_box
	nothing_left test_box
	update_config '.linux.cgroupsPath = "/test_cr_new"'
	[ -z "$limit" ] || update_config '.linux.resources.pids.limit = 5'
	restore --manage-cgroups-mode ignore --image-path img test_box
	[ "$status" = 0 ]
	grep -q "/test_cr_new$" "/proc/$(state_of test_box .pid)/cgroup"
	if [ -n "$limit" ]; then
		dir=$(jq -r '.cgroup.dirs[] | select(.controllers == "pids" or .controllers == "") | .path' "$ROOT/test_box/record.json" | grep -v unified | head -n 1)
		[ "$(cat "$dir/pids.max")" = 5 ]
	fi
	CGROUPS+=$'\n'$(cgroups_of test_box)
	quietly delete --force test_box
	nothing_left test_box
}

@test "the cgroups of others are no part of a container that has none" {
	real_criu
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))'
	"$HULL" --root "$ROOT" --cgroup-manager disabled run --detach test_box </dev/null >/dev/null 2>&1 3>&-
	# Somebody else calls checkpoint, from a cgroup of his own.
	local dir=/sys/fs/cgroup/freezer/test_cr_caller
	is_v1 || dir=/sys/fs/cgroup/test_cr_caller
	mkdir "$dir"
	(echo "$BASHPID" >"$dir/cgroup.procs" && exec "$HULL" --root "$ROOT" checkpoint --image-path img test_box 3>&-)
	rmdir "$dir"
	[ ! -e img/cgroup.img ] || not grep -q test_cr_caller img/cgroup.img
	restore --image-path img test_other
	[ "$status" = 0 ]
	[ ! -e "$dir" ]
	quietly delete --force test_other
}

@test "a container with a cgroup namespace and one with a user namespace can be restored" {
	real_criu
	update_config '.linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}])'
	run_detached test_box
	quietly checkpoint --image-path img test_box
	restore --image-path img test_box
	[ "$status" = 0 ]
	at=$(count)
	wait_for 5 counts_on "$at"
	quietly delete --force test_box
	rm rootfs/count
	user_namespace
	run_detached test_box
	quietly checkpoint --image-path img2 test_box
	# criu reads them as the one root and as the other.
	chmod -R a+rX img2
	restore --image-path img2 test_box
	[ "$status" = 0 ]
	at=$(count)
	wait_for 5 counts_on "$at"
	must exec test_box cat /proc/self/uid_map
	[[ $output = *100000* ]]
}

@test "images that the container's root may not read are named before criu begins" {
	real_criu
	user_namespace
	run_detached test_box
	quietly checkpoint --image-path img test_box
	restore --image-path img test_box
	[[ $status = 1 && $output = *"the container's root, user 100000 of the host, cannot read its images: img (mode 0700)"* ]]
	chmod a+x img
	chmod 600 img/core-1.img
	restore --image-path img test_box
	[[ $status = 1 && $output = *"cannot read its images: img/core-1.img (mode 0600)"* ]]
	[ ! -e "$ROOT/test_box" ]
	chmod a+r img/*.img
	at=$(count)
	restore --image-path img test_box
	[ "$status" = 0 ]
	wait_for 5 counts_on "$at"
}

# crun has its masks, binds of the host's, left out of the images.
@test "images of crun: what masks a file or a directory is brought, and saved again by hull" {
	real_criu
	masks=(/proc/timer_list /proc/acpi /proc/scsi)
	[ -e /proc/timer_list ] && [ -d /proc/acpi ] || skip "this kernel has nothing to mask"
	update_config '.linux.maskedPaths = ["/proc/timer_list", "/proc/acpi", "/proc/scsi"] | del(.mounts[] | select(.type == "cgroup"))'
	run_detached test_box
	mkdir img
	external=(--external 'mnt[/proc/timer_list]:/proc/timer_list')
	for m in "${masks[@]:1}"; do
		[ ! -d "$m" ] || external+=(--external "mnt[$m]:/run/crun/.empty-directory")
	done
	for m in null zero full tty random urandom; do external+=(--external "mnt[/dev/$m]:/dev/$m"); done
	criu dump -t "$(state_of test_box .pid)" -D img -o log -v4 --root rootfs --manage-cgroups=ignore --network-lock skip "${external[@]}" ||
		{ grep Error img/log && false; }
	echo '["/dev/null", "/dev/null", "/dev/null"]' >img/descriptors.json
	quietly delete --force test_box
	at=$(count)
	restore --image-path img test_box
	[ "$status" = 0 ]
	wait_for 5 counts_on "$at"
	masks_hold
	not grep -F "$ROOT" /proc/mounts
	[ ! -e "$ROOT/test_box/criu-empty" ]
	quietly checkpoint --image-path img2 test_box
	restore --image-path img2 test_box
	[ "$status" = 0 ]
	masks_hold
	quietly delete --force test_box
	# What nobody brings is named.
	update_config '.linux.maskedPaths = ["/proc/acpi", "/proc/scsi"]'
	restore --image-path img test_box
	[[ $status = 1 && $output = *"image mountpoints-"*".img: the images leave the mount at /proc/timer_list ("*") to be brought: config.json has none there"* ]]
	nothing_left test_box
	update_config '.linux.maskedPaths = ["/proc/timer_list", "/proc/acpi", "/proc/scsi"]'
	# Whatever is cut off is no reason to fail in another way.
	for f in img/mountpoints-*.img; do truncate -s -3 "$f"; done
	restore --image-path img test_box
	[[ $status = 1 && $output = *"image mountpoints-"*".img: it is cut off or damaged"* ]]
	nothing_left test_box
}

@test "a network namespace given by path is found again; devices of an own one are moved again" {
	real_criu
	NETNS=test_cr_$$
	ip netns add "$NETNS"
	inode=$(stat -L -c %i "/run/netns/$NETNS")
	update_config '(.linux.namespaces[] | select(.type == "network")).path = $p' --arg p "/run/netns/$NETNS"
	run_detached test_box
	quietly checkpoint --image-path img test_box
	restore --image-path img test_box
	[ "$status" = 0 ]
	[ "$(stat -L -c %i "/proc/$(state_of test_box .pid)/ns/net")" = "$inode" ]
	quietly delete --force test_box
	update_config '(.linux.namespaces[] | select(.type == "network")) |= {type: "network"}
		| .linux.netDevices = {test_cr0: {name: "eth0"}}'
	ip link add test_cr0 type veth peer test_cr1 netns "$NETNS"
	run_detached test_box
	quietly checkpoint --image-path img2 test_box
	wait_for 5 not ip -n "$NETNS" link show test_cr1 2>/dev/null
	ip link add test_cr0 type veth peer test_cr1 netns "$NETNS"
	restore --image-path img2 test_box
	[ "$status" = 0 ]
	must exec test_box ip link
	[[ $output = *eth0* ]]
}

@test "restore runs the hooks that make a container, checkpoint those of its end" {
	real_criu
	update_config '.hooks = {
		prestart: [{path: "/bin/sh", args: ["sh", "-c", "cat >>\($b)/hooks; echo >>\($b)/hooks"]}],
		createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "echo createRuntime >>\($b)/hooks"]}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", "echo poststop >>\($b)/hooks"]}]}' --arg b "$BUNDLE"
	run_detached test_box
	rm hooks
	quietly checkpoint --image-path img test_box
	[ "$(cat hooks)" = poststop ]
	rm hooks
	restore --image-path img test_box
	[ "$status" = 0 ]
	[[ $(head -n 1 hooks) = *'"status":"creating","pid":'[1-9]* ]]
	[ "$(tail -n 1 hooks)" = createRuntime ]
	quietly delete --force test_box
	update_config '.hooks.createRuntime[0].args[2] = "echo no >&2; exit 3"'
	restore --image-path img test_box
	[ "$status" = 1 ]
	[[ $output = *"restore failed: error running createRuntime hook #0: exit status 3, stdout: , stderr: no"* ]]
	nothing_left test_box
	not grep -F "$ROOT" /proc/mounts
}

@test "what criu cannot save is said in criu's words, and the container goes on" {
	real_criu
	set_args sh -c 'touch /count; echo x >/count; sleep 1000'
	"$HULL" --root "$ROOT" run -d test_box </dev/null >of_the_host 2>&1 3>&-
	hull checkpoint --image-path img test_box
	[ "$status" = 1 ]
	[[ ${lines[-1]} = *"criu failed: type DUMP errno "*": Error ("*"of_the_host (img/dump.log)"* ]]
	is_status test_box running
	must exec test_box true
}

@test "images that are damaged or missing leave nothing behind" {
	real_criu
	run_detached test_box
	quietly checkpoint --image-path img test_box
	restore --image-path nowhere test_box
	[[ $status = 1 && $output = *"restore failed: image directory: open nowhere: no such file or directory"* ]]
	nothing_left test_box
	cp -r img img2
	rm img2/descriptors.json
	restore --image-path img2 test_box
	[[ $status = 1 && $output = *"img2/descriptors.json: "*"no such file or directory"* ]]
	echo '{"a": 1}' >img2/descriptors.json
	restore --image-path img2 test_box
	[[ $status = 1 && $output = *"img2/descriptors.json: expected an array of strings"* ]]
	cp img/descriptors.json img2/
	for f in img2/pages-*.img img2/core-*.img; do
		truncate -s 100 "$f"
	done
	restore --image-path img2 test_box
	[[ $status = 1 && $output = *"criu failed: type RESTORE errno "* ]]
	nothing_left test_box
	restore --image-path img test_box
	[ "$status" = 0 ]
}

@test "a restored container has its capabilities, limits and filter" {
	real_criu
	update_config '.process.user.additionalGids = [7, 8] | .process.noNewPrivileges = true
		| .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}] | .process.oomScoreAdj = 300
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
			syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}'
	run_detached test_box
	local now before
	look() { grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' "/proc/$1/status" && cat "/proc/$1/limits" "/proc/$1/oom_score_adj"; }
	before=$(look "$(state_of test_box .pid)")
	quietly checkpoint --image-path img test_box
	restore --image-path img test_box
	[ "$status" = 0 ]
	now=$(look "$(state_of test_box .pid)")
	[ "$now" = "$before" ]
	[[ $now = *"Seccomp:	2"* ]]
}

@test "a checkpoint that is killed leaves the container as it was" {
	real_criu
	run_detached test_box
	for delay in 0.02 0.05 0.08 0.11; do
		hull_bg checkpoint --leave-running --image-path "img$delay" test_box
		sleep "$delay"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		wait_for 5 is_status test_box running
		at=$(count)
		wait_for 5 counts_on "$at"
	done
	quietly checkpoint --image-path img test_box
	nothing_left test_box
}

@test "a restore that was killed is cleaned up by delete --force" {
	real_criu
	run_detached test_box
	quietly checkpoint --image-path img test_box
	update_config '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "touch \($b)/here; exec sleep 1000"]}]' --arg b "$BUNDLE"
	hull_bg restore -d --image-path img test_box
	wait_for 10 test -e here
	CGROUPS=$(cgroups_of test_box)
	kill -KILL "$pid"
	quietly delete --force test_box
	nothing_left test_box
	pkill -f -x 'sleep 1000' -P 1 || true
	at=$(count)
	sleep 0.2
	[ "$(count)" = "$at" ]
}

# --- What hull asks for ----------------------------------------------------------------------------

# asked LINE...: these lines are in what criu was asked for.
asked() {
	local line
	for line; do
		grep -qxF -- "$line" asked || {
			echo "not asked for: $line"
			cat asked
			return 1
		}
	done
}

@test "the options of checkpoint become those of criu" {
	[ "$EUID" = 0 ] || skip "criu needs root"
	run_detached test_box
	fake pre-dump status-ready
	export FAKE_CRIU_FEATURES=1
	exec {ready}<> <(:)
	hull checkpoint --image-path img --work-path work --leave-running --tcp-established --tcp-skip-in-flight --link-remap --ext-unix-sk \
		--shell-job --lazy-pages --status-fd "$ready" --page-server '[::1]:27277' --file-locks --manage-cgroups-mode strict \
		--empty-ns network --auto-dedup --network-lock nftables test_box
	[ "$status" = 0 ]
	# criu_req: VERSION, FEATURE_CHECK of lazy_pages, DUMP.
	asked "1: 10" "4: 1" "1: 9" "5.2: 1" "1: 1"
	asked "2.2: $(state_of test_box .pid)" "2.13: $BUNDLE/rootfs" "2.10: dump.log" "2.9: 4" "2.12: 1" "2.50: 1" "2.24: 1"
	asked "2.3: 1" "2.4: 1" "2.5: 1" "2.7: 1" "2.8: 1" "2.16: 1" "2.18: 1" "2.46: 1" "2.48: 1" "2.34: 5" "2.38: 1073741824" "2.64: 2"
	asked "2.11.1: ::1" "2.11.2: 27277" "2.51: /etc/criu/runc.conf"
	# Notifications are answered; the descriptor got its byte and is closed.
	asked "1: 6" "3: 1"
	[ "$(timeout 5 dd bs=1 count=1 status=none <&"$ready" | od -An -tx1)" = " 00" ]
	# Without any of them.
	fake
	must checkpoint --image-path img test_box
	asked "2.3: 0" "2.4: 0" "2.5: 0" "2.7: 0" "2.8: 0" "2.16: 0" "2.18: 0" "2.46: 0" "2.48: 0" "2.34: 6"
	not grep -q -e '^2\.11' -e '^2\.14' -e '^2\.17' asked
	nothing_left test_box
}

@test "the network is kept silent by what the host has" {
	[ "$EUID" = 0 ] || skip "criu needs root"
	run_detached test_box
	fake
	local perl=$PWD/perl
	mkdir "$perl"
	ln -s "$(command -v perl)" "$perl/perl"
	printf '#!/bin/sh\nexec %s/perl %s "$@"\n' "$perl" "$BATS_TEST_DIRNAME/fakes/criu.pl" >"$perl/criu"
	chmod 755 "$perl/criu"
	# lock ARG...: what is asked for with these.
	lock() {
		rm -f asked
		PATH=$perl "$HULL" --root "$ROOT" checkpoint --leave-running --image-path img "$@" test_box 3>&-
		grep '^2\.64:' asked || true
	}
	[ "$(lock)" = "2.64: 3" ]
	[ "$(lock --tcp-established)" = "2.64: 2" ]
	[ "$(FAKE_CRIU_VERSION=31701 lock)" = "2.64: 2" ]
	[ "$(lock --network-lock iptables)" = "2.64: 1" ]
	ln -s "$(type -P true)" "$perl/iptables-restore"
	[ -z "$(lock)" ]
}

@test "criu's own configuration: of the annotation, none, or hull's" {
	[ "$EUID" = 0 ] || skip "criu needs root"
	update_config '.annotations["org.criu.config"] = "/some/where.conf"'
	run_detached test_box
	fake
	must checkpoint --leave-running --image-path img test_box
	asked "2.51: /some/where.conf"
	quietly delete --force test_box
	update_config '.annotations["org.criu.config"] = ""'
	run_detached test_box
	rm asked
	must checkpoint --image-path img test_box
	not grep -q '^2\.51' asked
}

@test "what is wrong with the options of checkpoint and restore is said first" {
	[ "$EUID" = 0 ] || skip "criu needs root"
	fake
	refused 'container does not exist' checkpoint test_none
	quietly create test_box
	refused 'Container cannot be checkpointed in created state' checkpoint test_box
	for command in checkpoint restore; do
		refused 'invalid manage-cgroups-mode value: \"firm\" is not soft, full, strict or ignore' "$command" --manage-cgroups-mode firm test_box
		refused 'invalid --network-lock: \"gate\" is not iptables, nftables or skip' "$command" --network-lock gate test_box
		refused 'namespace \"uts\" is not supported' "$command" --empty-ns uts test_box
	done
	refused 'Use --page-server ADDRESS:PORT to specify page server' checkpoint --page-server 127.0.0.1 test_box
	refused 'Invalid port number: --page-server 127.0.0.1:http' checkpoint --page-server 127.0.0.1:http test_box
	quietly start test_box
	refused 'invalid --status-fd: \"x\" is not a descriptor' checkpoint --lazy-pages --status-fd x test_box
	refused 'invalid --status-fd argument 77: it is not open' checkpoint --lazy-pages --status-fd 77 test_box
	refused 'invalid --status-fd argument 9: not writable' checkpoint --lazy-pages --status-fd 9 test_box 9</dev/null
	refused '--status-fd goes with --lazy-pages' checkpoint --status-fd 9 test_box 9>/dev/null
	not test -e asked
	refused 'container with given ID already exists' restore -d --image-path . test_box
	update_config '.process.terminal = true'
	refused 'cannot allocate tty if hull will detach without setting console socket' restore -d --image-path . test_other
	not test -e asked
}

@test "a criu that is missing, old, mute, confused or unwilling is named" {
	[ "$EUID" = 0 ] || skip "criu needs root"
	run_detached test_box
	mkdir none
	PATH=$PWD/none refused "criu, which saves and restores processes, is not in PATH ($PWD/none)" checkpoint test_box
	fake die
	refused "criu ended without an answer" checkpoint test_box
	fake garbage
	refused "criu's answer is damaged" checkpoint test_box
	fake no
	refused "criu failed: type DUMP errno 12: out of paper" checkpoint test_box
	not grep -q ink "$BATS_TEST_TMPDIR/output"
	fake
	FAKE_CRIU_VERSION=20600 refused "CRIU version 20600 must be 30000 or higher" checkpoint test_box
	refused "criu is missing features: [MemTrack]" checkpoint --pre-dump test_box
	refused "criu is missing features: [LazyPages]" checkpoint --lazy-pages test_box
	is_status test_box running
	mkdir img
	echo '["/dev/null", "pipe:[1]", "pipe:[1]"]' >img/descriptors.json
	fake die
	refused "restore failed: criu ended without an answer" restore -d --image-path img test_other
	FAKE_CRIU_TYPE=2 fake
	export FAKE_CRIU_TYPE=2
	refused "restore failed: criu did not tell of the restored init" restore -d --image-path img test_other
	FAKE_CRIU_VERSION=31400 refused "--lsm-profile requires at least CRIU 3.16" restore -d --lsm-profile apparmor:x --image-path img test_other
	asked "2.13: $ROOT/test_other/criu-root" "2.27.1: pipe:[1]" "2.27.2: 1" "2.27.2: 2" "2.26: 1" "2.6: 1"
	nothing_left test_other
}

@test "an ordinary user is told that checkpoint and restore need root" {
	for command in checkpoint restore; do
		if [ "$EUID" = 0 ]; then
			chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" 2>/dev/null || true
			run -1 setpriv --reuid 65534 --regid 65534 --clear-groups "$HULL" --root /tmp "$command" test_box
		else
			run -1 "$HULL" --root "$ROOT" "$command" test_box
		fi
		[[ $output = *"$command requires root, as criu does"* ]]
	done
}
