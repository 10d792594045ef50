#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# Id-mapped mounts: mounts[].uidMappings and gidMappings, idmap and ridmap.

load helpers

setup() {
	setup_bundle
	# Not in the bundle, where nothing_left finds no mount.
	SRC=$BATS_TEST_TMPDIR/src
	# A mount below it, of a file system that can be id-mapped wherever this one can (tmpfs: since Linux 6.3).
	mkdir -p "$SRC/sub" "$BATS_TEST_TMPDIR/other"
	mount --bind "$BATS_TEST_TMPDIR/other" "$SRC/sub"
	touch "$SRC/file" "$SRC/sub/file"
	chown 100:211 "$SRC/file"
	chown 5:7 "$SRC/sub/file"
}

teardown() {
	umount "$SRC/sub"
	teardown_bundle
}

# bind DESTINATION MAPS OPTION...: src there, MAPS being "containerID hostID size" for uids, then for gids, or "".
bind() {
	local dest=$1 maps=$2
	shift 2
	local options
	options=$(jq -nc '$ARGS.positional' --args -- "$@")
	update_config '($m | split(" ") | map(select(. != "") | tonumber)) as $n
		| .mounts += [{destination: $d, source: $s, options: $o}
			+ (if $n == [] then {} else {
				uidMappings: [{containerID: $n[0], hostID: $n[1], size: $n[2]}],
				gidMappings: [{containerID: $n[3], hostID: $n[4], size: $n[5]}]} end)]' \
		--arg d "$dest" --arg s "$SRC" --arg m "$maps" --argjson o "$options"
}

# owners PATH...: "uid:gid" of each, in the container.
owners() {
	set_args stat -c %u:%g "$@"
	hull run test_box
	[ "$status" -eq 0 ]
}

# bats test_tags=vm
@test "run id-maps a bind mount with mappings of its own" {
	bind /mnt "100 1000 10 200 5000 20" bind
	owners /mnt/file
	[ "$output" = 1000:5011 ]
}

@test "run in a user namespace id-maps to the host's ids, which the container sees as its own" {
	user_namespace
	bind /mnt "100 101000 10 200 205000 20" bind
	bind /plain "" bind
	owners /mnt/file /plain/file
	[ "${lines[*]}" = "1000:5011 65534:65534" ]
}

@test "run writes through an id-mapped mount with the file system's ids" {
	user_namespace
	bind /mnt "0 100000 65536 0 200000 65536" bind
	set_args touch /mnt/made
	must run test_box
	[ "$(stat -c %u:%g "$SRC/made")" = 0:0 ]
}

@test "run cannot write through an id-mapped mount whose mapping its user is not in" {
	bind /mnt "100 1000 10 200 5000 20" bind
	set_args touch /mnt/made
	hull run test_box
	[ "$status" -ne 0 ]
	[[ $output == *"Value too large"* ]]
}

# bats test_tags=vm
@test "run maps the mount alone with mappings or idmap, and all below with ridmap" {
	user_namespace
	for option in "" idmap ridmap; do
		bind "/mnt$option" "0 100000 1000 0 200000 1000" rbind $option
	done
	owners /mnt/file /mnt/sub/file /mntidmap/file /mntidmap/sub/file /mntridmap/file /mntridmap/sub/file
	[ "${lines[*]}" = "100:211 65534:65534 100:211 65534:65534 100:211 5:7" ]
}

@test "run takes the container's own mappings for idmap and ridmap without any" {
	user_namespace
	bind /top "" rbind idmap
	bind /all "" rbind ridmap
	owners /top/file /top/sub/file /all/file /all/sub/file
	[ "${lines[*]}" = "100:211 65534:65534 100:211 5:7" ]
}

@test "run takes the mappings of a user namespace that it joins" {
	user_namespace
	quietly create test_other
	pid=$(state_of test_other .pid)
	update_config '(.linux.namespaces[] | select(.type == "user")) += {path: "/proc/\($pid)/ns/user"}
		| del(.linux.uidMappings, .linux.gidMappings)' --arg pid "$pid"
	bind /mnt "" bind idmap
	bind /rel "" bind "idmap=uids=@100-7-1;gids=@211-8-1"
	owners /mnt/file /rel/file
	[ "${lines[*]}" = "100:211 7:8" ]
}

# bats test_tags=vm
@test "run takes mappings in crun's idmap option" {
	bind /mnt "" rbind "idmap=uids=0-10-1#100-2000-5;gids=200-3000-100"
	bind /all "" rbind "ridmap=uids=0-10-50;gids=0-20-50"
	owners /mnt/file /mnt/sub/file /all/sub/file
	[ "${lines[*]}" = "2000:3011 5:7 15:27" ]
	bind /bad "" bind "idmap=uids=0-x-1;gids=0-0-1"
	refused 'is not a range such as 0-100000-65536' create test_box
	[[ $output == *"(/mounts/9)"* ]]
	update_config '.mounts[9].options = ["bind", "idmap=uids=@0-0-1;gids=0-0-1"]'
	refused 'is relative to a user namespace, and the container has none of its own' create test_box
	nothing_left test_box
}

@test "run takes different mappings of one source, and many of one kind" {
	bind /a "100 1000 1 211 1000 1" bind
	bind /b "100 2000 1 211 3000 1" bind
	for i in $(seq 20); do bind "/many/$i" "100 4000 1 211 4000 1" bind; done
	owners /a/file /b/file /many/1/file /many/20/file
	[ "${lines[*]}" = "1000:1000 2000:3000 4000:4000 4000:4000" ]
	# One user namespace to a mapping.
	strace -f -e trace=clone -o trace "$HULL" --root "$ROOT" run test_box 3>&- >/dev/null
	[ "$(grep -c CLONE_NEWUSER trace)" = 3 ]
	[ -z "$(pgrep -P $$ hull)" ]
}

@test "run id-maps with the other options of a bind mount" {
	user_namespace
	bind /mnt "0 100000 1000 0 200000 1000" rbind ro nosuid shared
	set_args grep ' /mnt ' /proc/self/mountinfo
	must run test_box
	[[ $output =~ " /mnt ro,nosuid,"[^-]*shared: && $output == *idmapped* ]]
}

# bats test_tags=vm
@test "create says which file system cannot be id-mapped" {
	update_config '.mounts += [{destination: "/mnt", source: "/sys/kernel", options: ["bind"],
		uidMappings: [{containerID: 0, hostID: 1, size: 1}], gidMappings: [{containerID: 0, hostID: 1, size: 1}]}]'
	refused '/sys/kernel is on a file system that cannot be id-mapped (sysfs): mount_setattr: invalid argument (/mounts/7)' \
		create test_box
	nothing_left test_box
}

@test "create does not say that an overlay could be id-mapped since some Linux: only its layers can" {
	mkdir -p "$BUNDLE/o/"{lower,upper,work,all}
	mount -t overlay -o "lowerdir=$BUNDLE/o/lower,upperdir=$BUNDLE/o/upper,workdir=$BUNDLE/o/work" overlay "$BUNDLE/o/all" ||
		skip "no overlay here"
	update_config '.mounts += [{destination: "/mnt", source: $s, options: ["bind"],
		uidMappings: [{containerID: 0, hostID: 1, size: 1}], gidMappings: [{containerID: 0, hostID: 1, size: 1}]}]' --arg s "$BUNDLE/o/all"
	hull create test_box
	umount "$BUNDLE/o/all"
	[ "$status" = 1 ]
	[[ $output == *"/o/all is on a file system that cannot be id-mapped (overlay, of which only layers can be): mount_setattr"* ]]
}

@test "create says that a source is id-mapped already" {
	bind /first "100 1000 10 200 5000 20" bind
	bind /second "100 1000 10 200 5000 20" bind
	update_config '.mounts[-1].source = $s' --arg s "$BUNDLE/rootfs/first"
	refused "cannot be id-mapped: it is already, or" create test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "create says which mount below the source cannot be id-mapped" {
	mkdir "$SRC/a mount"
	mount --bind /sys/kernel "$SRC/a mount"
	bind /mnt "0 100000 1000 0 200000 1000" rbind ridmap
	hull create test_box
	umount "$SRC/a mount"
	[ "$status" -eq 1 ]
	[[ $output = *"$SRC/a mount is on a file system that cannot be id-mapped (sysfs): mount_setattr: invalid argument (/mounts/7)"* ]]
	nothing_left test_box
}

# bats test_tags=vm
@test "create of an ordinary user refuses id-mapped mounts" {
	dir=$BATS_TEST_TMPDIR/user
	mkdir -p "$dir" && cp -a rootfs "$dir/rootfs" && chown -R 65534:65534 "$dir"
	open_way
	cp "$HULL" "$dir/bin" && chmod 755 "$dir/bin"
	user() {
		(cd "$dir" && setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$PATH" ASAN_OPTIONS="${ASAN_OPTIONS:-}" XDG_RUNTIME_DIR="$dir" "$@")
	}
	user ./bin spec --rootless
	jq '.process.terminal = false | .mounts += [{destination: "/mnt", source: "/tmp", options: ["bind", "idmap"]}]' \
		"$dir/config.json" >"$dir/c" && mv "$dir/c" "$dir/config.json"
	run user ./bin run test_user 3>&-
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"id-mapped mounts are not supported for rootless containers (/mounts/"* ]]
	rm -rf "$dir"
}
