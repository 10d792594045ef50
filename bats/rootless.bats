#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
#
# hull run by an ordinary user, who has an account, ranges in /etc/subuid and /etc/subgid, and newuidmap(1). Account
# and ranges are in an /etc that only his processes see.

load helpers

USER_ID=64077

setup() {
	setup_bundle
	dir=$BATS_TEST_TMPDIR/user
	mkdir -p "$dir"/{etc,run,bundle}
	echo "box:x:$USER_ID:$USER_ID::$dir:/bin/sh" >"$dir/etc/passwd"
	echo "box:x:$USER_ID:" >"$dir/etc/group"
	printf 'box:200000:1000\nbox:300000:64536\n' | tee "$dir/etc/subuid" >"$dir/etc/subgid"
	mv rootfs "$dir/bundle/rootfs"
	cp "$HULL" "$dir/hull"
	open_way
	chown -R "$USER_ID:$USER_ID" "$dir"
	chmod 755 "$dir" "$dir/hull"
	# The functions of helpers.bash are his from here on.
	BUNDLE=$dir/bundle ROOT=$dir/run/hull HULL=$BATS_TEST_TMPDIR/as_user
	printf '%s\n' '#!/bin/sh' "cd '$dir/bundle' && exec unshare -m --propagation private sh -c '
		mount --bind \"\$0/etc\" /etc && \${BOX_HIDE:-:} && exec setpriv --reuid $USER_ID --regid $USER_ID --clear-groups \
			env -i PATH=\"\${BOX_PATH:-\$PATH}\" HOME=\"\$0\" XDG_RUNTIME_DIR=\"\$0/run\" \
			ASAN_OPTIONS=\"\$ASAN_OPTIONS\" \${BOX_COMMAND:-\"\$0/hull\"} \"\$@\"' '$dir' \"\$@\"" >"$HULL"
	chmod 755 "$HULL"
	cd "$BUNDLE" || return 1
	"$HULL" spec --rootless
	update_config '.process.terminal = false | .process.args = ["sleep", "1000"]'
}

teardown() { teardown_bundle; }

# As the user, but not hull.
as_user() { BOX_COMMAND=/usr/bin/env "$HULL" "$@"; }

# Root inside is the user, 1 to 1000 are his first range, the rest are of the second.
ranges() {
	update_config '[{containerID: 0, hostID: $u, size: 1}, {containerID: 1, hostID: 200000, size: 1000},
		{containerID: 1001, hostID: 300000, size: 64535}] as $map
		| .linux.uidMappings = $map | .linux.gidMappings = $map' --argjson u "$USER_ID"
}

inside() {
	set_args sh -c "$1"
	must run test_box
}

@test "a user's hull is sealed against his container if it is his own, and need not be if it is root's" {
	update_config '.process.args = ["true"]'
	# sealed: a run copies the program into memory.
	sealed() {
		strace -f -qq -e trace=memfd_create -o trace "$HULL" run test_box 3>&- </dev/null
		grep -q hull-exe trace
	}
	sealed
	chown 0:0 "$dir/hull"
	not sealed
	chmod g+w "$dir/hull"
	sealed
	chmod g-w "$dir/hull"
	# Root inside finds it as a program, and may not open it for writing.
	printf '#!/proc/self/exe --help\n' >rootfs/bin/evil
	chmod 755 rootfs/bin/evil
	mkfifo -m 666 full
	update_config '.process.args = ["sleep", "1000"]'
	quietly create test_box
	quietly start test_box
	exec 9<>full
	timeout 1 dd if=/dev/zero bs=4096 status=none >&9 || true
	"$HULL" exec test_box /bin/evil >&9 2>&9 3>&- 9>&- </dev/null &
	evil_runs() { "$HULL" exec test_box pidof evil >/dev/null 3>&- 9>&- </dev/null; }
	wait_for 5 evil_runs
	hull exec test_box sh -c 'id -u; echo word >>"/proc/$(pidof evil)/exe"'
	[ "${lines[0]}" = 0 ]
	[[ $output == *"ermission denied"* ]]
	exec 9>&-
	quietly delete --force test_box
}

@test "a user's container has his id as root, and no groups but his" {
	inside 'id -u; cat /proc/self/setgroups; tr -s " " </proc/self/uid_map; grep -c "Groups:.*[0-9]" /proc/self/status; ls /dev/null; hostname'
	[ "${lines[*]}" = "0 deny  0 $USER_ID 1 0 /dev/null hull" ]
	# Nothing is left, and his state is where XDG_RUNTIME_DIR says.
	must list -q
	[ -z "$output" ]
	quietly create test_box
	[ -d "$dir/run/hull/test_box" ]
}

@test "a user's devices are the host's of the same name, which must be there" {
	update_config '.linux.devices = [{path: "/dev/fuse2", type: "u", major: 1, minor: 5}]'
	refused "/dev/fuse2: no such file or directory (/linux/devices/0)" run test_box
	update_config '.linux.devices[0].path = "/dev/zero/"'
	inside 'stat -c "%F %t:%T" /dev/zero'
	[ "$output" = "character special file 1:5" ]
	update_config '.linux.devices[0].path = "/dev/null"'
	refused "the host's /dev/null is not device 1:5 (/linux/devices/0)" run test_box
}

@test "a user may have a /proc that hides what is not his" {
	ranges
	for hide in 1 2 4; do
		export BOX_HIDE="mount -t proc -o hidepid=$hide proc /proc"
		update_config ".process.args = [\"true\"]"; must run test_run; set_args sleep 1000
		quietly create test_box
		is_status test_box created
		quietly start test_box
		is_status test_box running
		must exec test_box echo inside
		[ "$output" = inside ]
		quietly kill test_box KILL
		wait_status test_box stopped
		quietly delete test_box
	done
}

@test "a user may set oomScoreAdj to what is not below his own" {
	own=$(cat /proc/self/oom_score_adj)
	for n in $((own + 0)) $((own + 100)) 1000; do
		update_config '.process.oomScoreAdj = ($n | tonumber)' --arg n $n
		inside "cat /proc/self/oom_score_adj"
		[ "$output" = $n ]
	done
	quietly create test_box
	must exec test_box cat /proc/self/oom_score_adj
	[ "$output" = 1000 ]
}

@test "a user who was given v1 cgroups has limits there, without one in the unified hierarchy" {
	is_v1 || skip "the hierarchies are v1's"
	local given=test_given_$$ d
	for d in /sys/fs/cgroup/*/cgroup.clone_children; do
		d=${d%/*}/$given
		mkdir "$d"
		[ ! -e "$d/cpuset.cpus" ] || for f in cpus mems; do cat "${d%/*}/cpuset.$f" >"$d/cpuset.$f"; done
		chown "$USER_ID" "$d" "$d/cgroup.procs" "$d/tasks"
	done
	update_config '.linux.cgroupsPath = $p | .linux.resources = {pids: {limit: 17}}' --arg p "/$given/box"
	must create test_box
	[ "$(cat "/sys/fs/cgroup/pids/$given/box/pids.max")" = 17 ]
	[ "$(grep ^0:: "/proc/$(state_of test_box .pid)/cgroup")" = "$(grep ^0:: /proc/self/cgroup)" ]
	must exec test_box grep -c ":/$given/box\$" /proc/self/cgroup
	[ "$output" = "$(cgroups_of test_box | wc -l)" ]
	quietly delete --force test_box
	update_config '.linux.resources = {unified: {"cgroup.max.depth": "3"}}'
	hull create test_box
	[ "$status" -eq 1 ]
	nothing_left test_box
	for d in /sys/fs/cgroup/*/"$given"; do rmdir "$d"; done
}

@test "a user's container without a cgroup of its own sees on v1 those that it is in, read-only" {
	is_v1 || skip "v1"
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))
		| .mounts |= map(if .destination == "/sys/fs/cgroup" then {destination, type: "cgroup", source: "cgroup", options: ["rw", "nosuid"]} else . end)'
	[ "$(jq '.mounts | map(select(.type == "cgroup")) | length' config.json)" = 1 ]
	inside 'grep -x $$ /sys/fs/cgroup/pids/tasks /sys/fs/cgroup/memory/tasks | wc -l; grep " /sys/fs/cgroup/pids " /proc/mounts | tail -n 1 | cut -d" " -f4 | cut -c1-3'
	[ "${lines[*]}" = "2 ro," ]
}

@test "a user's container with neither a cgroup nor a PID namespace is made with a warning" {
	set_args true
	must run test_box
	[ -z "$output" ]
	update_config '.linux.namespaces |= map(select(.type != "pid"))
		| .mounts |= map(if .type == "proc" then {destination, type: "none", source: "/proc", options: ["rbind", "nosuid"]} else . end)'
	must run test_box
	[[ ${lines[0]} = *"level=warning"*"with no cgroup and no private pid namespace. Such configuration is strongly discouraged"* ]]
}

@test "the life of a user's container" {
	quietly create test_box
	is_status test_box created
	pid=$(state_of test_box .pid)
	[ "$(stat -c %u "/proc/$pid")" = "$USER_ID" ]
	must exec test_box id -u
	[ "$output" = 0 ]
	quietly start test_box
	is_status test_box running
	must ps --format json test_box
	[ "$(jq -c . <<<"$output")" = "[$pid]" ]
	must exec test_box sh -c 'for ns in user pid mnt; do readlink /proc/self/ns/$ns; done'
	[ "$output" = "$(readlink /proc/"$pid"/ns/{user,pid,mnt})" ]
	quietly kill test_box KILL
	wait_status test_box stopped
	quietly delete test_box
	gone "$pid"
}

@test "ranges of several lines are mapped by newuidmap" {
	ranges
	update_config '.root.readonly = false | .process.capabilities |= map_values(["CAP_CHOWN"])'
	inside 'tr -s " " </proc/self/uid_map; tr -s " " </proc/self/gid_map; cat /proc/self/setgroups; touch /tmp/a && chown 5:1001 /tmp/a'
	[ "${lines[*]}" = " 0 $USER_ID 1  1 200000 1000  1001 300000 64535  0 $USER_ID 1  1 200000 1000  1001 300000 64535 allow" ]
	[ "$(stat -c %u:%g rootfs/tmp/a)" = 200004:300000 ]
}

@test "with ranges the program has any user and groups of them" {
	ranges
	update_config '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 70]} | .process.capabilities = {}'
	inside 'id -u; id -g; grep Groups /proc/self/status | tr -s " \t" " "; cat /proc/self/status | grep CapEff'
	[ "${lines[0]} ${lines[1]}" = "1000 1001" ]
	[[ ${lines[2]} = "Groups: 5 70"* ]]
	[[ ${lines[3]} = *0000000000000000 ]]
	set_args sleep 1000
	quietly create test_box
	must exec test_box id -u
	[ "$output" = 1000 ]
	must exec --user 7:8 --additional-gids 9 test_box sh -c 'id -u; id -g; grep Groups /proc/self/status | tr -s " \t" " "'
	[[ "${lines[*]}" = "7 8 Groups: 5 9 70"* ]]
}

@test "what newuidmap refuses is said in its words" {
	update_config '.linux.uidMappings = [{containerID: 0, hostID: $u, size: 1}, {containerID: 1, hostID: 400000, size: 10}]' --argjson u "$USER_ID"
	refused "newuidmap" create test_box
	[[ $output = *"uid range [1-11) -> [400000-400010) not allowed"*"(/linux/uidMappings)"* ]]
	nothing_left test_box
	# Without the program, too.
	BOX_PATH=/nowhere
	export BOX_PATH
	refused "not allowed, and no newuidmap is in PATH" create test_box
	nothing_left test_box
}

@test "additional groups without a range for them are kept off, with a warning" {
	update_config '.process.user.additionalGids = [5]'
	inside 'grep Groups /proc/self/status'
	[[ ${lines[0]} = *"level=warning"*"the additional groups are kept off"*"(/process/user/additionalGids)"* ]]
	[[ ${lines[1]} != *[0-9]* ]]
	update_config '.process.user |= del(.additionalGids)'
	set_args sleep 1000
	quietly create test_box
	must exec --additional-gids 5 test_box true
	[[ $output = *"the additional groups are kept off"* ]]
}

@test "what only the host's root may do is refused, each in one sentence" {
	cp config.json saved.json
	update_config '.linux.netDevices = {lo: {}} | .linux.namespaces += [{type: "network"}] | .linux.namespaces |= unique'
	refused "network devices are not supported for rootless containers (/linux/netDevices)" create test_box
	cp saved.json config.json
	update_config '.mounts += [{destination: "/mnt", source: "/tmp", options: ["bind", "idmap"]}]'
	refused "id-mapped mounts are not supported for rootless containers (/mounts/" create test_box
	cp saved.json config.json
	update_config '.linux.resources = {pids: {limit: 5}}'
	refused "permission denied" create test_box
	[[ $output = *"unable to apply cgroup configuration: rootless needs no limits + no cgrouppath when no permission is granted for cgroups: create cgroup /"* ]]
	cp saved.json config.json
	update_config '.process.oomScoreAdj = -1000'
	hull create test_box
	[ "$status" -eq 1 ]
	[[ $output = *"oomScoreAdj"* ]]
	nothing_left test_box
}

@test "mounts of a user: binds of what is his, tmpfs, mqueue, a devpts of his own, and none of others' files" {
	mkdir -p "$dir/own" "$dir/closed" && echo word >"$dir/own/file" && echo x >"$dir/closed/file"
	chown -R "$USER_ID" "$dir/own" && chmod 700 "$dir/own" "$dir/closed"
	update_config '.mounts += [{destination: "/mnt", source: $s, options: ["rbind", "ro"]},
		{destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["size=64k", "mode=0700"]}]' --arg s "$dir/own"
	inside 'cat /mnt/file; ! touch /mnt/x 2>/dev/null && echo ro; touch /scratch/y && stat -c %a /scratch; stat -f -c %T /dev/pts /dev/mqueue /dev/shm | tr "\n" " "; echo; echo x >/dev/null && head -c 3 /dev/zero | wc -c'
	[ "${lines[*]:0:3}" = "word ro 700" ]
	[ "${lines[4]}" = 3 ]
	update_config '.mounts += [{destination: "/mnt2", source: $s, options: ["rbind"]}]' --arg s "$dir/closed/file"
	refused "$dir/closed/file" create test_box
	[[ $output = *"permission denied"*"/mounts/"* ]]
	nothing_left test_box
}

@test "a gid of devpts without a mapping is explained" {
	update_config '.mounts |= map(if .type == "devpts" then .options += ["gid=5"] else . end)'
	hull create test_box
	[ "$status" -eq 1 ]
	[[ $output = *"devpts"*"gid=5"* ]]
	nothing_left test_box
}

@test "another user sees and ends nothing of it" {
	quietly create test_box
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/hull" --root "$dir/run/hull" delete --force test_box
	[ "$status" -ne 0 ]
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/hull" --root "$dir/run/hull" state test_box
	[ "$status" -ne 0 ]
	is_status test_box created
}

@test "a terminal of a user's container" {
	update_config '.process.terminal = true'
	set_args sh -c 'tty; stat -c %u /dev/console; echo ended'
	rm -f tty.sock
	receive_tty
	chmod 777 tty.sock
	must run --detach --console-socket "$BUNDLE/tty.sock" test_box
	wait_for 5 grep -q ended tty.out
	grep -q /dev/pts/0 tty.out
	# shellcheck disable=SC2154 # receive_tty sets it
	wait "$receiver"
}

@test "seccomp, hooks and sysctls of a user's container" {
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 33}]}
		| .linux.sysctl = {"kernel.shmmax": "12345"} | .root.readonly = false
		| .hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "id -u >hooked"]}], poststop: [{path: "/bin/sh", args: ["sh", "-c", "id -u >>hooked"]}]}'
	inside 'cat /proc/sys/kernel/shmmax; mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status'
	[ "${lines[0]}" = 12345 ]
	[[ ${lines[1]} = *"argument out of domain"* || ${lines[1]} = *"Numerical argument"* || ${lines[1]} = *"out of domain"* ]]
	[ "${lines[2]}" = "Seccomp:	2" ]
	[ "$(cat hooked)" = "$USER_ID"$'\n'"$USER_ID" ]
}

@test "a container inside a user's container" {
	ranges
	cp "$dir/hull" rootfs/bin/hull
	mkdir -p rootfs/inner rootfs/run
	cp -a rootfs/bin "$dir/bin" && mkdir -p rootfs/inner/rootfs && mv "$dir/bin" rootfs/inner/rootfs/bin
	mkdir -p rootfs/inner/rootfs/{proc,dev,sys,tmp,etc}
	chown -R "$USER_ID:$USER_ID" rootfs
	update_config '.root.readonly = false | .linux.maskedPaths = [] | .linux.readonlyPaths = []
		| .process.capabilities |= map_values(["CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_SYS_CHROOT",
			"CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN", "CAP_SETPCAP", "CAP_KILL", "CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE",
			"CAP_SETFCAP"])
		| .process.noNewPrivileges = false'
	set_args sh -c 'cd /inner && rm -f config.json && hull spec --rootless && sed -i "s/\"terminal\": true/\"terminal\": false/; s/\"sh\"/\"id\"/" config.json && hull --root /run/h run test_inner'
	must run test_box
	[[ $output = *"uid=0"* ]]
	# The kernel wants a right for that which nobody expects.
	update_config '.process.capabilities |= map_values(map(select(. != "CAP_SETFCAP")))'
	hull run test_box
	[[ $output = *"user 0 may be mapped only with CAP_SETFCAP, which hull has not"*"(/linux/uidMappings)"* ]]
}

@test "root of a user namespace is a user, too" {
	update_config 'del(.linux.uidMappings) | del(.linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'
	set_args sh -c 'id -u; cat /proc/self/uid_map | tr -s " "'
	BOX_COMMAND="unshare -Urm $dir/hull" run "$HULL" --root "$ROOT" run test_box 3>&-
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = " 0 $USER_ID 1" ]
}

@test "a user's user namespace is joined by path" {
	quietly create test_other
	pid=$(state_of test_other .pid)
	update_config '(.linux.namespaces[] | select(.type == "user")) += {path: "/proc/\($pid)/ns/user"}
		| del(.linux.uidMappings) | del(.linux.gidMappings)' --arg pid "$pid"
	inside 'id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/mnt'
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = "$(readlink "/proc/$pid/ns/user")" ]
	[ "${lines[2]}" != "$(readlink "/proc/$pid/ns/mnt")" ]
}

@test "without XDG_RUNTIME_DIR a user is told where his state cannot be" {
	run as_user env -u XDG_RUNTIME_DIR "$dir/hull" create test_box 3>&-
	[ "$status" -eq 1 ]
	[[ $output = *"/run/hull"*"permission denied"* ]]
	[[ $output = *"XDG_RUNTIME_DIR"* ]]
}
