#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

load helpers
teardown() { teardown_bundle; }

setup() {
	setup_bundle
	user_namespace
}

inside() {
	set_args sh -c "$1"
	hull run test_box
}

# bats test_tags=vm-initramfs
@test "run in a user namespace maps the ids" {
	inside 'cat /proc/self/uid_map /proc/self/gid_map; id -u; stat -c "%u %g" /bin/busybox'
	[ "$status" -eq 0 ]
	[ "$(awk '{print $1, $2, $3}' <<<"${lines[0]}")" = "0 100000 65536" ]
	[ "$(awk '{print $1, $2, $3}' <<<"${lines[1]}")" = "0 200000 65536" ]
	[ "${lines[*]:2}" = "0 0 0" ]
}

@test "run in a user namespace takes maps of many lines" {
	update_config '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1}] +
		[range(1; 30) | {containerID: (. * 10), hostID: (100000 + . * 10), size: 5}]'
	inside 'wc -l </proc/self/uid_map'
	[ "$output" = 30 ]
}

@test "run in a user namespace binds the devices" {
	inside 'echo x >/dev/null && head -c 3 /dev/zero | wc -c && grep -c " /dev/null " /proc/mounts'
	[ "$output" = "$(printf '3\n1')" ]
}

@test "run in a user namespace binds a source that its root cannot reach" {
	mkdir -p private/data && echo word >private/data/file && chmod 700 private
	update_config '.mounts += [{destination: "/mnt", source: $s, options: ["rbind", "ro"]}]' --arg s "$BUNDLE/private/data"
	inside 'cat /mnt/file'
	[ "$output" = word ]
}

@test "create in a user namespace names the mount whose source does not exist" {
	update_config '.mounts += [{destination: "/mnt", source: "/nothing/here", options: ["rbind"]}]'
	refused "/nothing/here: no such file or directory" create test_box
	[[ $output == *"/mounts/7"* ]]
	nothing_left test_box
}

# bats test_tags=vm-initramfs,vm-board,vm-old
@test "exec enters the user namespace" {
	quietly create test_box
	must exec test_box sh -c 'id -u; cat /proc/self/uid_map; readlink /proc/self/ns/user'
	[ "${lines[0]}" = 0 ]
	[ "${lines[2]}" = "$(readlink "/proc/$(state_of test_box .pid)/ns/user")" ]
	hull exec -u 70000 test_box id
	[ "$status" -eq 255 ]
	[[ $output == *"cannot setuid to unmapped uid 70000 in user namespace"* ]]
}

@test "create of an unmapped user says so" {
	update_config '.process.user.uid = 70000'
	hull run test_box
	[ "$status" -eq 1 ]
	[[ $output == *"unmapped"*"70000"* ]]
	nothing_left test_box
}

@test "run joins a user namespace by path, with the others new" {
	quietly create test_other
	pid=$(state_of test_other .pid)
	update_config '(.linux.namespaces[] | select(.type == "user")) += {path: "/proc/\($pid)/ns/user"}
		| del(.linux.uidMappings) | del(.linux.gidMappings)' --arg pid "$pid"
	inside 'id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/mnt'
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = "$(readlink "/proc/$pid/ns/user")" ]
	[ "${lines[2]}" != "$(readlink "/proc/$pid/ns/mnt")" ]
}

@test "run joins user, network and ipc namespaces of another container" {
	quietly create test_other
	pid=$(state_of test_other .pid)
	update_config '.linux.namespaces |= map(if .type == "user" or .type == "ipc" then .path = "/proc/\($pid)/ns/\(.type)"
		elif .type == "network" then .path = "/proc/\($pid)/ns/net" else . end)
		| del(.linux.uidMappings) | del(.linux.gidMappings)' --arg pid "$pid"
	inside 'for ns in user net ipc; do readlink /proc/self/ns/$ns; done'
	[ "$output" = "$(for ns in user net ipc; do readlink "/proc/$pid/ns/$ns"; done)" ]
}

# bats test_tags=vm,vm-initramfs,vm-board,vm-old
@test "an ordinary user runs a container of his own" {
	dir=$BATS_TEST_TMPDIR/user
	mkdir -p "$dir" && cp -a "$BUNDLE/rootfs" "$dir/rootfs" && chown -R 65534:65534 "$dir"
	cp "$HULL" "$dir/bin" && chmod 755 "$dir/bin"
	user() {
		(cd "$dir" && setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$PATH" XDG_RUNTIME_DIR="$dir" "$@")
	}
	user ./bin spec --rootless
	jq '.process.terminal = false | .process.args = ["sh", "-c", "id -u; cat /proc/self/setgroups; ls /dev/null"]' \
		"$dir/config.json" >"$dir/c" && mv "$dir/c" "$dir/config.json"
	run user ./bin run test_user 3>&-
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "$(printf '0\ndeny\n/dev/null')" ]
	[ -z "$(user ./bin list -q)" ]
	# The same, in steps.
	jq '.process.args = ["sleep", "1000"]' "$dir/config.json" >"$dir/c" && mv "$dir/c" "$dir/config.json"
	user ./bin create test_user </dev/null >/dev/null 2>&1 3>&-
	[ "$(user ./bin exec test_user id -u 3>&-)" = 0 ]
	user ./bin start test_user 3>&-
	[ "$(user ./bin exec test_user readlink /proc/self/ns/pid 3>&-)" = "$(user readlink "/proc/$(user ./bin state test_user | jq .pid)/ns/pid")" ]
	user ./bin delete --force test_user 3>&-
	[ -z "$(user ./bin list -q)" ]
	rm -rf "$dir"
}

@test "run in a user namespace takes the 340 lines of a map that the kernel takes" {
	update_config '.linux.uidMappings = [range(340) | {containerID: ., hostID: (10000 + 2 * .), size: 1}]
		| .linux.gidMappings = [range(340) | {containerID: ., hostID: (20000 + 3 * .), size: 1}]'
	inside 'wc -l </proc/self/uid_map; wc -l </proc/self/gid_map; tail -n 1 /proc/self/gid_map | tr -s " "'
	[ "${lines[*]}" = "340 340  339 21017 1" ]
	set_args sleep 1000
	quietly create test_box
	must exec --user 339:338 test_box id -u
	[ "$output" = 339 ]
}

@test "create in a user namespace says that a map has too many bytes for the kernel" {
	update_config '.linux.uidMappings = [range(340) | {containerID: (1000000 * .), hostID: (1000000 * .), size: 1}]'
	refused "the map has 7248 bytes, more than the kernel takes: write /proc/" create test_box
	[[ $output = *"/uid_map: invalid argument (/linux/uidMappings)"* ]]
	nothing_left test_box
	update_config '.linux.uidMappings = [range(341) | {containerID: ., hostID: ., size: 1}]'
	refused "has 341 lines, the kernel takes at most 340 (/linux/uidMappings)" create test_box
}

@test "create in a user namespace names the group that is not mapped" {
	update_config '.process.user.additionalGids = [5, 70000, 6]'
	refused "cannot setgroups to unmapped gid 70000 in user namespace (/process/user/additionalGids/1)" run test_box
	nothing_left test_box
}

@test "groups are left out where setgroups is denied" {
	# A user namespace of one, as an ordinary user makes it.
	setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Ur sleep 1000 3>&- &
	denied=$!
	wait_for 5 grep -q deny "/proc/$denied/setgroups"
	update_config '(.linux.namespaces[] | select(.type == "user")) += {path: "/proc/\($pid)/ns/user"}
		| del(.linux.uidMappings) | del(.linux.gidMappings) | .process.user.additionalGids = [5]
		| .process.capabilities = {} | .process.rlimits = [] | del(.mounts[].options)' --arg pid "$denied"
	chown -R 65534:65534 rootfs
	inside 'id -u; id -G | wc -w; cat /proc/self/setgroups'
	kill "$denied"
	wait "$denied" || true
	[ "${lines[*]}" = "0 1 deny" ]
}

# bats test_tags=vm
@test "run in a user namespace sets time offsets" {
	[ -e /proc/self/ns/time ] || skip "no time namespaces"
	update_config '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: -1, nanosecs: 3}}'
	inside 'cat /proc/self/timens_offsets'
	[[ ${lines[0]} =~ ^monotonic\ +-1\ +3$ ]]
}

@test "run in a user namespace makes FIFOs, with owner and mode" {
	update_config '.linux.devices = [{path: "/dev/pipe", type: "p", fileMode: 416, uid: 7, gid: 8}]'
	inside 'stat -c "%F %a %u %g" /dev/pipe'
	[ "${lines[*]}" = "fifo 640 7 8" ]
}
