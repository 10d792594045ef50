#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hull doctor: what a machine can do, on this one and on poorer ones, as far as those can be made of it.

load helpers

setup() {
	mkdir -p "$ROOT"
	REAL=$HULL
	dir=$BATS_TEST_TMPDIR/user
}
teardown() {
	[ "$EUID" != 0 ] || umount "$ROOT" 2>/dev/null || true
	rm -rf --one-file-system "$ROOT" "$dir"
}

# line NAME: of the text.
line() { grep -E "^  [a-z]+ +$1  " <<<"$output"; }

# says NAME WORD TEXT: the finding, and a part of its line.
says() {
	line "$1" || { echo "nothing about $1" && return 1; }
	[[ $(line "$1") == "  $2 "*"$3"* ]]
}

# A hull that is not static (make SAN=1) cannot be the program of its own trial.
trial_ran() { says "a container" works "made, run and deleted in " || says "a container" unseen "not a static program"; }

# as_user VARIABLE=VALUE...: from now on hull is run by an ordinary user who has a copy of it.
as_user() {
	mkdir -p "$dir/run"
	cp "$HULL" "$dir/hull"
	chown -R 64077:64077 "$dir"
	open_way
	chmod 755 "$dir" "$dir/hull"
	runs setpriv --reuid 64077 --regid 64077 --clear-groups env -u XDG_RUNTIME_DIR "$@" "$dir/hull"
}

# runs COMMAND...: what runs hull from now on. Its last word is hull.
runs() {
	{
		echo '#!/bin/sh'
		printf 'exec'
		printf " '%s'" "$@"
		echo ' "$@"'
	} >"$BATS_TEST_TMPDIR/hull"
	chmod 755 "$BATS_TEST_TMPDIR/hull"
	HULL=$BATS_TEST_TMPDIR/hull
}

# poor SCRIPT: hull runs behind this script, in a mount namespace of its own.
poor() { runs unshare -m --propagation private sh -c "$1"' && exec "$0" "$@"' "$HULL"; }

no_trace() {
	[ -z "$(find /sys/fs/cgroup -maxdepth 4 -name 'hull-doctor*')" ]
	[ -z "$(find "${ROOT%/*}" -maxdepth 1 -name '*.doctor-*')" ]
	[ -z "$(ls "$ROOT")" ]
}

# bats test_tags=vm,vm-user,vm-initramfs,vm-board,vm-old
@test "doctor finds that a default container runs here, and leaves nothing" {
	must doctor
	says "mount namespace" works made
	says "own /proc" works mounted
	trial_ran
	says filter works errno
	[[ $output == *": a default container runs here" ]]
	no_trace
}

# bats test_tags=vm-old
@test "doctor as JSON says the same" {
	must doctor
	text=$output
	must doctor --format json
	jq -e '.works and .uid == 0 and (.findings | length) > 50' <<<"$output"
	jq -e 'all(.findings[]; .group and .name and (.status | IN("works", "limited", "missing", "unseen")) and (.needed | type) == "boolean")' <<<"$output"
	# What does not work costs something, and says so.
	jq -e 'all(.findings[] | select(.status == "missing" or .status == "limited"); .cost)' <<<"$output"
	[ "$(jq -r '.findings[] | [.status, .name] | join(" ")' <<<"$output")" = "$(sed -nE 's/^  ([a-z]+) +(.{24}) .*/\1 \2/p' <<<"$text" | sed 's/ *$//')" ]
}

@test "doctor takes no other format" {
	refused 'invalid --format: \"xml\" is not text or json' doctor --format xml
}

@test "doctor tells an ordinary user what he lacks" {
	as_user X=1
	hull --root /nonexistent/hull doctor
	[ "$status" = 1 ]
	says "state directory" missing "-> set XDG_RUNTIME_DIR"
	[[ $output == *"a default container does not run here" ]]
	must --root "$dir/run/hull" doctor
	trial_ran
	says newuidmap missing ""
	says "making one" limited "Delegate=yes"
	[ -z "$(ls "$dir/run")" ]
}

@test "doctor says which limit of namespaces is too small" {
	runs unshare -U --map-root-user sh -c 'echo 0 >/proc/sys/user/max_time_namespaces && exec "$0" "$@"' "$HULL"
	hull doctor
	says "time namespace" missing "no space left on device; linux.timeOffsets does not work"
	says "time namespace" missing "-> sysctl user.max_time_namespaces is 0: raise it"
	says "uts namespace" works made
	says ids limited "-> 65536 ids for the user namespace"
}

@test "doctor sees a /proc that is covered" {
	poor 'mount -t tmpfs none /proc/sys && exec unshare -U --map-root-user "$0" "$@"'
	hull doctor
	[ "$status" = 1 ]
	says "own /proc" missing "systempaths=unconfined"
}

@test "doctor sees a /proc that hides" {
	poor 'mount -t proc -o hidepid=2 proc /proc'
	must doctor
	says "hidden processes" works "hidepid="
}

@test "doctor names the capabilities that root lacks" {
	runs setpriv --bounding-set -mknod,-sys_nice --inh-caps -all "$HULL"
	hull doctor
	says CAP_MKNOD limited "device nodes are bound from the host"
	says CAP_SYS_NICE limited "real-time schedulers"
	says "device nodes" limited "operation not permitted"
	runs setpriv --bounding-set -sys_admin "$REAL"
	hull doctor
	[ "$status" = 1 ]
	says CAP_SYS_ADMIN missing "hull can make no container"
	says "mount namespace" missing "hull has no CAP_SYS_ADMIN: is this inside of a container?"
	[[ $output == *": a default container does not run here" ]]
}

@test "doctor tells of a state directory that is full, on a disk, or read-only" {
	mount -t tmpfs -o size=64k none "$ROOT"
	must doctor
	says "state directory" limited "make room"
	umount "$ROOT"
	mount -t tmpfs none "$ROOT"
	must doctor
	says "state directory" works "on a tmpfs"
	mount -o remount,ro "$ROOT"
	hull --root "$ROOT/hull" doctor
	[ "$status" = 1 ]
	says "state directory" missing "read-only file system"
	umount "$ROOT"
	mount -t ramfs none "$ROOT"
	must --root "$ROOT/hull" doctor
	umount "$ROOT"
}

@test "doctor goes on without cgroups" {
	poor 'mount -t tmpfs none /sys/fs/cgroup'
	must doctor
	says layout limited "nothing is mounted at /sys/fs/cgroup; containers have no limits"
	trial_ran
}

@test "doctor tells of cgroups that are read-only" {
	poor 'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do ! mountpoint -q "$d" || mount -o remount,bind,ro "$d"; done'
	hull doctor
	[ "$status" = 1 ]
	says "making one" missing "is read-only: is this inside of a container?"
	[[ $(line "a container") == *"read-only file system"* || $(line "a container") == *unseen* ]]
}

# bats test_tags=vm
@test "doctor sees all controllers, and AppArmor (v2, all controllers)" {
	[[ " $(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null) " == *" memory "* ]] || skip "cgroup v2 has not all controllers here"
	must doctor
	for c in cpu memory pids cpuset io; do says $c works "cgroup v2"; done
	says "processor quota" works cpu.max
	says "device rules" works eBPF
	[ ! -d /run/systemd/system ] || says systemd works answers
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || says AppArmor works on
}

# bats test_tags=vm-selinux
@test "doctor sees SELinux (SELinux)" {
	grep -q selinuxfs /proc/mounts || skip "no SELinux"
	must doctor
	says SELinux works enforcing
}

# bats test_tags=vm-old
@test "doctor names what an old kernel lacks (Linux 5.10)" {
	[[ $(uname -r) == 5.10.* ]] || skip "a newer kernel"
	must doctor
	says mount_setattr limited "function not implemented; options \"rro\""
	says "id-mapped mounts" missing "Linux 6.3 or later for tmpfs"
	says "killed as a whole" missing "Linux 5.14"
	says "hull's own binary" limited "by a copy"
}
