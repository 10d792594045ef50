#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# File systems of their own, and where mounts go: mounts.bats has the plain cases.

load helpers

setup() {
	setup_bundle
	SRC=$BATS_TEST_TMPDIR/src
	mkdir "$SRC"
}

teardown() {
	umount -R "$SRC/sub" 2>/dev/null || true
	teardown_bundle
}

inside() {
	set_args sh -c "$1"
	hull run test_box
}

# --- where -------------------------------------------------------------------------------------------------------------

@test "run gives a tmpfs whose directory was missing the kernel's mode" {
	add_mount /not/there tmpfs tmpfs
	inside 'stat -c %a /not/there'
	[ "$output" = 1777 ]
	[ "$(stat -c %a rootfs/not)" = 755 ]
}

@test "run makes missing directories with the group of a setgid directory" {
	mkdir rootfs/setgid && chgrp 77 rootfs/setgid && chmod 7755 rootfs/setgid
	add_mount /setgid/a/b tmpfs tmpfs
	inside true
	[ "$(stat -c '%a %g' rootfs/setgid/a/b)" = "2755 77" ]
}

@test "run takes a source that an earlier mount made, in a user namespace too" {
	mkdir -p "$SRC/a/x" "$SRC/b" && echo b >"$SRC/b/file" && chmod 700 "$SRC"
	add_mount /mnt bind "$SRC/a" rbind
	add_mount /mnt/x bind "$SRC/b" rbind
	add_mount /copy bind "$BUNDLE/rootfs/mnt" rbind
	add_mount /mapped bind "$BUNDLE/rootfs/mnt/x" rbind
	inside 'cat /copy/x/file /mapped/file'
	[ "${lines[*]}" = "b b" ]
	user_namespace
	update_config '.mounts[-1].options += ["idmap"]'
	inside 'cat /copy/x/file; stat -c %u /copy/x/file /mapped/file'
	[ "${lines[*]}" = "b 65534 0" ]
}

@test "run takes a destination that begins with the path of the root on the host" {
	echo word >"$SRC/file"
	add_mount "$BUNDLE/rootfs/mnt" bind "$SRC" bind
	inside 'cat /mnt/file'
	[ "$output" = word ]
}

@test "run in a user namespace binds a source without what the host has mounted below it" {
	mkdir "$SRC/sub" && touch "$SRC/sub/below"
	mount -t tmpfs none "$SRC/sub"
	user_namespace
	add_mount /mnt bind "$SRC" bind
	inside 'ls /mnt/sub'
	[ "$output" = below ]
}

@test "create refuses a directory on a file and a file on a directory" {
	touch rootfs/file "$SRC/file"
	add_mount /file bind "$SRC" bind
	refused "a directory cannot be mounted on a file: not a directory (/mounts/7)" create test_box
	update_config '.mounts[7] = {destination: "/var", source: $s, options: ["bind"]}' --arg s "$SRC/file"
	refused "a file cannot be mounted on a directory: not a directory (/mounts/7)" create test_box
	nothing_left test_box
}

@test "run with src-nofollow binds the link itself" {
	echo word >"$SRC/file" && ln -s nowhere "$SRC/link"
	ln -s elsewhere rootfs/link
	add_mount /link bind "$SRC/link" bind src-nofollow dest-nofollow
	inside 'readlink /link'
	[ "$output" = nowhere ]
}

@test "run with dest-nofollow covers a link instead of following it" {
	echo word >"$SRC/file" && echo target >rootfs/target && ln -s target rootfs/link
	add_mount /link bind "$SRC/file" bind dest-nofollow
	inside 'cat /link /target'
	[ "${lines[*]}" = "word target" ]
	ln -s /proc/sys/kernel/hostname rootfs/bad
	add_mount /proc/self/attr bind "$SRC/file" bind dest-nofollow
	refused "it is inside /proc" create test_box
}

@test "run binds through dangling links" {
	echo word >"$SRC/file"
	ln -s /tmp/foo rootfs/jump && ln -s /jump/baz/hosts rootfs/etc/hosts && ln -s /tmp/last rootfs/etc/last
	add_mount /etc/hosts bind "$SRC/file" bind
	add_mount /etc/last bind "$SRC" bind
	inside 'cat /tmp/foo/baz/hosts /tmp/last/file'
	[ "${lines[*]}" = "word word" ]
}

@test "run takes a relative destination as one from the root, with a warning" {
	echo word >"$SRC/file"
	add_mount var/mnt bind "$SRC" bind
	set_args cat /var/mnt/file
	quietly --log log create test_quiet
	hull --debug run test_box
	[ "$status" -eq 0 ]
	[[ $output == *"level=warning"*"relative destination path is deprecated"*"(/mounts/7/destination)"* ]]
	[[ $output == *word* ]]
}

# --- what --------------------------------------------------------------------------------------------------------------

@test "run passes flags of the file system on" {
	add_mount /flags tmpfs tmpfs sync dirsync lazytime mand size=1m
	add_mount /plain tmpfs tmpfs sync dirsync lazytime async nolazytime nomand loud noiversion
	inside 'grep -E " /(flags|plain) " /proc/self/mountinfo'
	[[ ${lines[0]} =~ " - tmpfs tmpfs rw,sync,dirsync,"(mand,)?"lazytime,size=1024k" ]]
	[[ ${lines[1]} =~ " - tmpfs tmpfs rw,dirsync" ]]
}

@test "run passes silent and iversion on by mount(2)" {
	echo word >rootfs/var/file
	add_mount /silent tmpfs tmpfs silent iversion nosuid ro size=1m
	add_mount /silent/inner tmpfs tmpfs
	add_mount /var tmpfs tmpfs silent tmpcopyup shared rnodev
	set_args sh -c 'grep -E " /(silent|var) " /proc/self/mountinfo; cat /var/file; touch /silent/x'
	status=0
	strace -f -e trace=mount -o trace "$HULL" --root "$ROOT" run test_box >out 2>&1 3>&- </dev/null || status=$?
	cat out trace
	[ "$status" -eq 1 ]
	[[ $(<trace) =~ \"tmpfs\",\ [A-Z_|]*"MS_SILENT"[A-Z_|]*"MS_I_VERSION"[^,]*", \"size=1m" ]]
	grep -q " /silent ro,nosuid" out
	[[ $(grep " /var " out) =~ " rw,nodev,relatime shared:" ]]
	grep -qx word out
	grep -q "/silent/x: Read-only" out
}

@test "run mounts a simple file system by one call, and it is as by fsopen" {
	add_mount /once tmpfs tmpfs nosuid nodev noexec strictatime mode=1770 size=1m
	add_mount /steps tmpfs tmpfs nosuid nodev noexec strictatime mode=1770 size=1m rnodev
	add_mount /once-ro tmpfs tmpfs ro
	add_mount /steps-ro tmpfs tmpfs ro rdev
	add_mount /steps-link tmpfs tmpfs nosymfollow
	set_args sh -c 'stat -c "%a %n" /once /steps; grep -E " /(once|steps)" /proc/self/mountinfo'
	strace -D -f -qq -e trace=mount,fsopen,fsconfig -o trace "$HULL" --root "$ROOT" run test_box >out 2>&1 3>&- </dev/null
	cat out trace
	[ "$(head -n 2 out)" = "1770 /once
1770 /steps" ]
	same() { [ "$(sed -n "s|.* /$1 ||p" out)" = "$(sed -n "s|.* /$2 ||p" out)" ]; }
	same once steps
	same once-ro steps-ro
	[[ $(grep " /once " out) == *" rw,nosuid,nodev,noexec - tmpfs tmpfs rw,size=1024k,mode=1770"* ]]
	[[ $(grep " /once-ro " out) == *" ro,relatime - tmpfs tmpfs "* ]]
	[ "$(grep -c 'mount("tmpfs"' trace)" = 3 ] # and dev
	not grep -q 'fsopen("devpts"\|fsopen("mqueue"' trace
}

@test "create passes on the kernel's words about an option" {
	add_mount /mnt tmpfs tmpfs size=abc
	refused "tmpfs: Bad value for 'size': option size=abc: invalid argument (/mounts/7)" create test_box
	update_config '.mounts[7].options = ["nr_inodes=5", "huge=sometimes"]'
	refused "option huge=sometimes: " create test_box
	update_config '.mounts[7] = {destination: "/mnt", type: "ext4", source: "/nothing"}'
	refused "(/mounts/7)" create test_box
	update_config '.mounts[7] = {destination: "/mnt", options: ["nosuid"]}'
	refused "a mount that is no bind mount needs a type (/mounts/7)" create test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "run mounts overlay with more layers than one option can hold" {
	local layers="" i
	for i in $(seq 20); do
		mkdir -p "$SRC/layer$i" && echo "$i" >"$SRC/layer$i/file$i" && echo "$i" >"$SRC/layer$i/all"
		layers+=:$SRC/layer$i
	done
	mkdir "$SRC/up" "$SRC/work" "$SRC/with:colon" && echo colon >"$SRC/with:colon/colon"
	[ ${#layers} -gt 600 ]
	add_mount /mnt overlay overlay "lowerdir=${layers#:}:$SRC/with\\:colon" "upperdir=$SRC/up" "workdir=$SRC/work"
	add_mount /ro overlay overlay "lowerdir=${layers#:}"
	inside 'cat /mnt/all /mnt/file20 /mnt/colon /ro/all; echo new >/mnt/new'
	[ "${lines[*]}" = "1 20 colon 1" ]
	[ "$(cat "$SRC/up/new")" = new ]
}

# bats test_tags=vm
@test "run mounts overlay on directories whose names have a comma, or more than 255 bytes" {
	local long=$SRC/with,comma i
	mkdir -p "$long/low" "$long/up" "$long/work" && echo word >"$long/low/file"
	add_mount /mnt overlay overlay "lowerdir=${long/,/\\,}/low" "upperdir=${long/,/\\,}/up" "workdir=${long/,/\\,}/work"
	long=$SRC
	for i in 1 2 3; do long+=/$(printf 'n%.0s' {1..100}); done
	mkdir -p "$long/low" "$long/up" "$long/work" && echo long >"$long/low/file"
	add_mount /long overlay overlay "lowerdir=$long/low" "upperdir=$long/up" "workdir=$long/work"
	inside 'cat /mnt/file /long/file'
	[ "${lines[*]}" = "word long" ]
}

@test "run mounts fuse, with its descriptor among those that are preserved" {
	[ -c /dev/fuse ] || skip "no /dev/fuse"
	add_mount /mnt fuse.hulltest somewhere fd=3 rootmode=40000 user_id=0 group_id=0 nosuid nodev
	set_args grep /mnt /proc/mounts
	"$HULL" --root "$ROOT" run --preserve-fds 1 test_box >out 2>&1 </dev/null 3<>/dev/fuse
	cat out
	[[ $(<out) == "somewhere /mnt fuse.hulltest rw,nosuid,nodev,"*"user_id=0,group_id=0"* ]]
}

# bats test_tags=vm
@test "run mounts a message queue file system of the container's own" {
	inside 'touch /dev/mqueue/q && ls /dev/mqueue'
	[ "$output" = q ]
	[ ! -e /dev/mqueue/q ]
}

@test "run in a user namespace with the host's network binds the host's /sys, read-only" {
	user_namespace
	update_config '.linux.namespaces |= map(select(.type != "network")) | del(.linux.maskedPaths, .linux.readonlyPaths)
		| .mounts |= map(select(.destination != "/sys/fs/cgroup"))'
	inside 'ls /sys/class/net; awk "\$5 ~ \"^/sys\" { print \$6 }" /proc/self/mountinfo; touch /sys/fs/cgroup/x'
	[[ $output == *lo* && $output == *ro,* ]]
	[[ $output != *rw,* ]]
	[[ $output == *"Read-only file system"* ]]
}

@test "create in a user namespace says what keeps the kernel from giving a new proc" {
	user_namespace
	status=0
	unshare -m sh -c 'mount --bind /dev/null /proc/version && exec "$0" --root "$1" run test_box' \
		"$HULL" "$ROOT" >out 2>&1 3>&- </dev/null || status=$?
	cat out
	[ "$status" -eq 1 ]
	[[ $(<out) == *"the kernel refuses a new proc in a user namespace while other mounts cover parts of the present one ("*"/proc/version"*"operation not permitted (/mounts/0)"* ]]
	nothing_left test_box
}

@test "create in a user namespace explains a file system that only the host's root may mount" {
	user_namespace
	add_mount /mnt ext4 /dev/null
	refused "the kernel may not let a user namespace mount this type" create test_box
}

# --- cgroups -----------------------------------------------------------------------------------------------------------

# What is mounted at and below /sys/fs/cgroup: "directory type flags" lines.
CGROUPS_SEEN='awk "\$2 ~ \"^/sys/fs/cgroup\" { sub(\",.*\", \"\", \$4); print \$2, \$3, \$4 }" /proc/mounts'

# bats test_tags=vm,vm-initramfs
@test "run mounts cgroups with and without a cgroup namespace" {
	for ns in 'map(select(.type != "cgroup"))' '. + [{type: "cgroup"}] | unique'; do
		update_config ".linux.namespaces |= ($ns)"
		inside "$CGROUPS_SEEN"
		[ "$status" -eq 0 ]
		if is_v1; then
			[ "${lines[0]}" = "/sys/fs/cgroup tmpfs ro" ]
			[[ $output == *"/sys/fs/cgroup/memory cgroup ro"* && $output == *"/sys/fs/cgroup/cpuset cgroup ro"* ]]
			[ ! -d /sys/fs/cgroup/unified/cgroup.procs ] || [[ $output == *"/sys/fs/cgroup/unified cgroup2 ro"* ]]
		else
			[ "$output" = "/sys/fs/cgroup cgroup2 ro" ]
		fi
		[[ $output != *" rw"* ]]
		# Its own cgroup is the root of what is mounted; v2 without a namespace shows all of the host's.
		inside "grep -x 1 /sys/fs/cgroup/$(is_v1 && echo pids/)cgroup.procs"
		[ "$output" = 1 ] || { [[ $ns == map* ]] && not is_v1; }
	done
}

@test "run mounts the links of combined v1 controllers" {
	is_v1 || skip "v1"
	grep -q "cpu,cpuacct" /proc/mounts || skip "this host combines no controllers"
	inside 'readlink /sys/fs/cgroup/cpu'
	[ "$output" = cpu,cpuacct ]
}

# bats test_tags=vm
@test "run lets a container write to its own cgroups when they are mounted rw" {
	update_config '(.mounts[] | select(.destination == "/sys/fs/cgroup")).options = ["rw", "nosuid"]
		| .linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique'
	inside "mkdir /sys/fs/cgroup/$(is_v1 && echo pids/)sub && echo made"
	[ "$output" = made ]
}

# bats test_tags=vm
@test "run of type cgroup2 mounts the unified hierarchy, whatever else the host has" {
	update_config '(.mounts[] | select(.destination == "/sys/fs/cgroup")) += {type: "cgroup2"}'
	for ns in 'map(select(.type != "cgroup"))' '. + [{type: "cgroup"}] | unique'; do
		update_config ".linux.namespaces |= ($ns)"
		inside "$CGROUPS_SEEN"
		[ "$output" = "/sys/fs/cgroup cgroup2 ro" ]
	done
}

# bats test_tags=vm
@test "run in a user namespace without a cgroup namespace shows the container its own cgroup alone" {
	user_namespace
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))'
	inside "ls -d /sys/fs/cgroup/$(is_v1 && echo pids/)test_box; $CGROUPS_SEEN"
	[[ $output == *"No such file"* && $output != *" rw"* ]]
}

# bats test_tags=vm
@test "create passes on what the kernel says of an option of cgroup2" {
	update_config '(.mounts[] | select(.destination == "/sys/fs/cgroup")) += {type: "cgroup2", options: ["nonsense"]}
		| .linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique'
	refused "option nonsense" create test_box
	nothing_left test_box
}
