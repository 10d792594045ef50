#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits and places of cgroups; what each file gets is tested in state/cgroup_limits_test.c.

# shellcheck disable=SC2154 # helpers.bash sets pid

load helpers
setup() { setup_bundle; }
teardown() {
	# What a test that failed has left so would keep its processes from dying.
	[ -z "${frozen:-}" ] || echo "$thaw" >"$frozen/$file" || true
	teardown_bundle
}

# dir_of CONTROLLER: the container's directory there.
dir_of() {
	jq -r --arg c "$1" '.cgroup.dirs[] | select(.controllers == $c or (.controllers | split(",") | index($c))) | .path' \
		"$ROOT/test_box/record.json"
}
resources() { update_config ".linux.resources += $1"; }

@test "create sets limits of memory, cpu, cpuset and pids (v1)" {
	is_v1 || skip "this machine has these controllers in v1 only"
	resources '{memory: {limit: 33554432, reservation: 16777216}, cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0"},
		pids: {limit: 17}}'
	quietly create test_box
	[ "$(cat "$(dir_of memory)/memory.limit_in_bytes")" = 33554432 ]
	[ "$(cat "$(dir_of memory)/memory.soft_limit_in_bytes")" = 16777216 ]
	[ "$(cat "$(dir_of cpu)/cpu.shares")" = 512 ]
	[ "$(cat "$(dir_of cpu)/cpu.cfs_quota_us")" = 50000 ]
	[ "$(cat "$(dir_of cpuset)/cpuset.cpus")" = 0 ]
	[ "$(cat "$(dir_of pids)/pids.max")" = 17 ]
}

# bats test_tags=vm
@test "the container's processes are in all its cgroups, those of exec too" {
	quietly create test_box
	quietly start test_box
	quietly exec --detach test_box sleep 1000
	for dir in $(cgroups_of test_box); do
		[ "$(wc -l <"$dir/cgroup.procs")" = 2 ] || { echo "$dir" && return 1; }
	done
}

# bats test_tags=vm
@test "limits that ask for nothing are no limits" {
	resources '{memory: {limit: -1, swap: -1}, pids: {limit: -1}, cpu: {quota: -1}}'
	set_args true
	must run test_box
}

@test "create with a limit whose controller is missing says which" {
	[ ! -e /sys/fs/cgroup/memory ] && ! grep -qsw memory /sys/fs/cgroup/cgroup.controllers || skip "the controller is here"
	resources '{memory: {limit: 33554432}}'
	refused '\"memory\" cgroup controller is not available' create test_box
	[[ $output == *"/linux/resources/memory/limit"* ]]
	nothing_left test_box
}

# bats test_tags=vm
@test "create sets hugetlb limits" {
	grep -qs . /sys/fs/cgroup/unified/cgroup.controllers /sys/fs/cgroup/cgroup.controllers || skip "no hugetlb controller"
	resources '{hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	quietly create test_box
	[ "$(cat "$(dir_of '')/hugetlb.2MB.max")" = 4194304 ]
}

@test "create with a limit whose controller the cgroup above keeps for itself says so (hybrid)" {
	grep -qsw hugetlb /sys/fs/cgroup/unified/cgroup.controllers || skip "no controller in the unified hierarchy beside v1"
	above=/sys/fs/cgroup/unified/hull-test-$$
	mkdir -p "$above/in"
	resources '{hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	# shellcheck disable=SC2016 # the inner shell's
	hull_in='echo 0 >"$1/in/cgroup.procs"; shift; exec "$@"'
	run sh -c "$hull_in" - "$above" "$HULL" --root "$ROOT" create test_box 3>&-
	echo "$output"
	rmdir "$above/in" "$above"
	[ "$status" -eq 1 ]
	[[ $output == *'"hugetlb\" cgroup controller is not available: the cgroup above does not pass it on'* ]]
	nothing_left test_box
}

# bats test_tags=vm,vm-board,vm-old
@test "device rules are enforced, and the default devices work" {
	mknod rootfs/bin/kmsg c 1 11
	update_config '.process.capabilities |= map_values(. + ["CAP_SYSLOG"])'
	set_args sh -c 'echo x >/dev/null && head -c1 /dev/zero | wc -c; : </bin/kmsg && echo opened'
	hull run test_box
	[ "${lines[0]}" = 1 ]
	[[ $output == *"Operation not permitted"* && $output != *opened* ]]
	resources '{devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "r"}]}'
	hull run test_box
	[[ $output == *opened* ]]
	update_config 'del(.linux.resources.devices)'
	hull run test_box
	[[ $output == *"Operation not permitted"* && $output != *opened* ]]
	update_config '.linux.resources.devices = [{allow: true, access: "rwm"}]'
	hull run test_box
	[[ $output == *opened* ]]
}

@test "device access with letters beside r, w and m means those, with a warning" {
	mknod rootfs/bin/kmsg c 1 11
	update_config '.process.capabilities |= map_values(. + ["CAP_SYSLOG"])'
	set_args sh -c ': </bin/kmsg && echo opened'
	resources '{devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "ra"}]}'
	must run test_box
	[[ $output == *"\\\"ra\\\" is more than the letters r, w and m, the rest is ignored (/linux/resources/devices/1/access)"* ]]
	[ "${lines[-1]}" = opened ]
	update_config '.linux.resources.devices[1].access = "wa"'
	hull run test_box
	[[ $output == *"Operation not permitted"* && $output != *opened* ]]
}

# program_ids CONTAINER: of what is attached for devices to its cgroup (bpf(2), BPF_PROG_QUERY).
program_ids() {
	python3 - "$(cgroups_of "$1" | head -n 1)" <<-'EOF'
		import ctypes, os, platform, struct, sys
		number = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "armv7l": 386, "i686": 357}[platform.machine()]
		ids = (ctypes.c_uint32 * 8)()
		fd = os.open(sys.argv[1], os.O_RDONLY)
		query = struct.pack("=IIIIQI", fd, 6, 0, 0, ctypes.addressof(ids), 8)  # BPF_CGROUP_DEVICE
		attr = ctypes.create_string_buffer(query, 128)
		if ctypes.CDLL(None).syscall(number, 16, attr, len(attr)) < 0:
		    sys.exit("BPF_PROG_QUERY")
		print(*ids[: struct.unpack_from("=I", attr, 24)[0]])
	EOF
}

# bats test_tags=vm
@test "containers with the same device rules share a program, and believe no number of one (v2)" {
	is_v1 && skip "v1 has files for the rules"
	links() { find "$ROOT" -maxdepth 1 -name '.@devices-*'; }
	update_config '.linux.devices = [{path: "/dev/rtc", type: "c", major: 1, minor: 11}]'
	quietly create test_box
	one=$(program_ids test_box)
	[[ $one =~ ^[0-9]+$ ]]
	[ "$(readlink "$(links)")" = "$one" ]
	quietly create test_other
	[ "$(program_ids test_other)" = "$one" ]
	# What has been left there is another program, none, or no number.
	cp config.json usual.json
	update_config '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "r"}]'
	quietly create test_third
	third=$(program_ids test_third)
	[ "$third" != "$one" ]
	cp usual.json config.json
	for number in "$third" 4294967295 99999999999 x/y; do
		for link in $(links); do
			ln -sfn "$number" "$link"
		done
		quietly create test_fourth
		[[ $(program_ids test_fourth) != "$third" && $(program_ids test_fourth) =~ ^[0-9]+$ ]]
		quietly start test_fourth
		hull exec test_fourth cat /dev/rtc
		[[ $output == *"Operation not permitted"* ]]
		quietly delete --force test_fourth
	done
	# The cgroup of others may have it already.
	quietly delete --force test_box
	quietly create test_box
	[[ $(program_ids test_box) =~ ^[0-9]+$ ]]
	quietly delete --force test_third
	quietly delete --force test_other
	hull list -q
	[ "$output" = test_box ]
}

# bats test_tags=vm
@test "exec is under the same device rules" {
	mknod rootfs/bin/kmsg c 1 11
	update_config '.process.capabilities |= map_values(. + ["CAP_SYSLOG"])'
	quietly create test_box
	hull exec test_box sh -c ': </bin/kmsg'
	[[ $output == *"Operation not permitted"* ]]
}

# bats test_tags=vm
@test "cgroupsPath absolute is below the mount, relative below hull's own" {
	update_config '.linux.cgroupsPath = "/test_abs_\($p)"' --arg p $$
	quietly create test_box
	[[ $(dir_of '') == /sys/fs/cgroup/*test_abs_$$ || $(dir_of '') == /sys/fs/cgroup/test_abs_$$ ]] || [ -z "$(dir_of '')" ]
	is_v1 && [ "$(dir_of pids)" = "/sys/fs/cgroup/pids/test_abs_$$" ]
	CGROUPS=$(cgroups_of test_box)
	quietly delete --force test_box
	nothing_left test_box
	update_config '.linux.cgroupsPath = "../../test_up_\($p)"' --arg p $$
	quietly create test_box
	for dir in $(cgroups_of test_box); do
		[[ $dir == /sys/fs/cgroup/*test_up_$$ ]] && [ -d "$dir" ]
	done
}

# bats test_tags=vm
@test "create refuses a cgroup that is not empty" {
	update_config '.linux.cgroupsPath = "/test_shared_\($p)"' --arg p $$
	quietly create test_box
	refused "container's cgroup is not empty" create test_other
	nothing_left test_other
	is_status test_box created
}

# bats test_tags=vm
@test "delete removes cgroups that the container made inside its own" {
	is_v1 && skip "v2: the container can make them in its own mount"
	update_config '.linux.namespaces += [{type: "cgroup"}] | (.mounts[] | select(.type == "cgroup")).options -= ["ro"]
		| .linux.namespaces |= unique_by(.type)'
	set_args sh -c 'mkdir -p /sys/fs/cgroup/a/b/c && sleep 1000'
	quietly create test_box
	quietly start test_box
	CGROUPS=$(cgroups_of test_box)
	wait_for 10 test -d "$CGROUPS/a/b/c"
	quietly delete --force test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "delete kills what the container left in its cgroup without a PID namespace" {
	update_config '.linux.namespaces |= map(select(.type != "pid"))'
	set_args sh -c 'sleep 1000 & sleep 1000 & wait'
	quietly create test_box
	quietly start test_box
	CGROUPS=$(cgroups_of test_box)
	dir=$(echo "$CGROUPS" | head -1)
	wait_for 10 sh -c "[ \$(wc -l <$dir/cgroup.procs) = 3 ]"
	pids=$(cat "$dir/cgroup.procs")
	kill -KILL "$(state_of test_box .pid)"
	wait_status test_box stopped
	quietly delete test_box
	# shellcheck disable=SC2086
	wait_for 10 gone $pids
	nothing_left test_box
}

@test "200 containers made and deleted, 8 at a time, leave nothing" {
	one() {
		"$HULL" --root "$ROOT" create "test_many_$1" </dev/null >/dev/null 2>&1 3>&- &&
			"$HULL" --root "$ROOT" start "test_many_$1" 3>&- && "$HULL" --root "$ROOT" delete --force "test_many_$1" 3>&-
	}
	update_config '.linux.cgroupsPath = ""'
	pids=
	for n in $(seq 8); do
		(for i in $(seq 25); do one "$n.$i" || echo "$n.$i" >>failed; done) 3>&- &
		pids+=" $!"
	done
	# bats has a background process of its own, its clock.
	# shellcheck disable=SC2086
	wait $pids
	[ ! -e failed ]
	[ -z "$(ls "$ROOT")" ]
	[ -z "$(find /sys/fs/cgroup -name 'test_many*')" ]
}

# sub DIR: a cgroup below the container's in each hierarchy. A v1 cpuset begins without CPUs and lets nobody in.
sub() {
	for dir in $(cgroups_of test_box); do
		mkdir -p "$dir/$1"
		[ ! -e "$dir/cpuset.cpus" ] || ! is_v1 || {
			cat "$dir/cpuset.cpus" >"$dir/$1/cpuset.cpus"
			cat "$dir/cpuset.mems" >"$dir/$1/cpuset.mems"
		}
	done
}

# bats test_tags=vm
@test "exec --cgroup enters a cgroup below the container's" {
	update_config '.linux.cgroupsPath = "/test_sub" | .linux.namespaces |= map(select(.type != "cgroup"))'
	quietly create test_box
	quietly start test_box
	sub below
	must exec --cgroup below test_box cat /proc/self/cgroup
	[ "$(grep -c ':/test_sub/below$' <<<"$output")" = "$(cgroups_of test_box | wc -l)" ]
	must exec --cgroup /below/../below test_box cat /proc/self/cgroup
	[[ $output = *:/test_sub/below* ]]
	must exec --cgroup / test_box cat /proc/self/cgroup
	not grep below <<<"$output"
	for path in .. ../test_sub2 /../.. below/../..; do
		refused "bad sub cgroup path: $path" exec --cgroup "$path" test_box true
	done
	refused "no such file or directory" exec --cgroup nonexistent test_box true
	[[ $output = *"adding pid of exec to cgroups: "* ]]
	refused "unknown controller whaaat" exec --cgroup whaaat:/ test_box true
	refused "invalid --cgroup argument: :/below (empty <controller> prefix)" exec --cgroup :/below test_box true
	refused "invalid --cgroup argument: below (missing <controller>: prefix)" exec --cgroup below --cgroup below test_box true
	must delete --force test_box
}

@test "exec --cgroup with controllers enters only their cgroups (v1)" {
	is_v1 || skip "the controllers are v1's"
	update_config '.linux.cgroupsPath = "/test_sub" | .linux.namespaces |= map(select(.type != "cgroup"))'
	quietly create test_box
	quietly start test_box
	sub cpus
	sub mem
	sub cpus/cpu,deeper
	must exec --cgroup memory:mem --cgroup cpu,cpuacct:/cpus test_box cat /proc/self/cgroup
	[[ $output = *:memory:/test_sub/mem* && $output = *:cpu:/test_sub/cpus* && $output = *:cpuacct:/test_sub/cpus* ]]
	[[ $output = *$':pids:/test_sub\n'* ]]
	must exec --cgroup pids:cpus/cpu,deeper test_box cat /proc/self/cgroup
	[[ $output = *:pids:/test_sub/cpus/cpu,deeper* && $output = *$':memory:/test_sub\n'* ]]
	refused "controller cpu specified multiple times" exec --cgroup cpu:cpus --cgroup memory,cpu:cpus test_box true
	refused "bad sub cgroup path: ../x" exec --cgroup memory:mem --cgroup cpu:../x test_box true
	refused "no such file or directory" exec --cgroup cpu:nonexistent test_box true
}

# bats test_tags=vm,vm-old
@test "create gives the cgroup to a container that has it writable in its own namespace (v2)" {
	is_v1 && skip "v1 cannot be delegated"
	dir=/sys/fs/cgroup/test_own
	chown -R 100000:100000 rootfs
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$BUNDLE"
	update_config '.linux.cgroupsPath = "/test_own" | .linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	quietly create test_box
	[ "$(stat -c %u $dir $dir/cgroup.procs | sort -u)" = 0 ]
	quietly delete --force test_box
	update_config '(.mounts[] | select(.type == "cgroup")).options -= ["ro"]'
	set_args sh -c 'mkdir /sys/fs/cgroup/mine && echo $$ >/sys/fs/cgroup/mine/cgroup.procs && exec sleep 1000'
	quietly create test_box
	[ "$(stat -c %u $dir $dir/cgroup.procs $dir/cgroup.threads $dir/cgroup.subtree_control | sort -u)" = 100000 ]
	[ "$(stat -c %u $dir/cgroup.freeze)" = 0 ]
	quietly start test_box
	inside() { [ -e "$dir/mine/cgroup.procs" ] && [ -n "$(cat "$dir/mine/cgroup.procs")" ]; }
	wait_for 10 inside
	# Another user of the container gets it when the program is his.
	quietly delete --force test_box
	update_config '.process.user.uid = 33'
	quietly create test_box
	[ "$(stat -c %u $dir)" = 100033 ]
	quietly delete --force test_box
	# Not without a namespace of its own: the mount would be the host's.
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))'
	quietly create test_box
	[ "$(stat -c %u $dir)" = 0 ]
}

# freezer: the directory of the hierarchy that freezes is in $top.
freezer() {
	top=/sys/fs/cgroup/freezer file=freezer.state freeze=FROZEN thaw=THAWED
	[ "$(stat -fc %T $top 2>/dev/null)" != cgroupfs ] || return 0
	top=/sys/fs/cgroup file=cgroup.freeze freeze=1 thaw=0
}
freeze() { frozen=$1 && echo "$freeze" >"$frozen/$file"; }
thaw() { echo "$thaw" >"$frozen/$file"; }

# bats test_tags=vm
@test "create refuses a cgroup that is frozen" {
	freezer
	mkdir "$top/test_frozen"
	freeze "$top/test_frozen"
	update_config '.linux.cgroupsPath = "/test_frozen"'
	refused "container's cgroup unexpectedly frozen by $top/test_frozen" create test_box
	nothing_left test_box
	rmdir "$top/test_frozen"
	frozen=
}

# bats test_tags=vm,vm-old
@test "create, start and exec say which cgroup above is frozen, and exec waits for it with --ignore-paused" {
	freezer
	update_config '.linux.cgroupsPath = "/test_above/box"'
	quietly create test_box
	quietly start test_box
	update_config '.linux.cgroupsPath = "/test_above/later"'
	quietly create test_later
	freeze "$top/test_above"
	refused "cannot start a container that is frozen by $top/test_above" start test_later
	is_status test_later created
	refused "cannot exec in a cgroup that is frozen by $top/test_above (use --ignore-paused to override)" exec test_box true
	[ "$status" -eq 255 ]
	hull_bg exec --ignore-paused test_box sh -c 'exit 7'
	update_config '.linux.cgroupsPath = "/test_above/other"'
	for command in create run; do
		refused "container's cgroup unexpectedly frozen by $top/test_above" $command test_other
		nothing_left test_other
		[ ! -e "$top/test_above/other" ]
	done
	[ -d "/proc/$pid" ]
	thaw
	code=0
	wait "$pid" || code=$?
	cat "$BATS_TEST_TMPDIR/bg"
	[ "$code" -eq 7 ]
	quietly exec test_box true
	quietly start test_later
	quietly delete --force test_later
	quietly delete --force test_box
	# It is nobody's who has been deleted.
	[ -d "$top/test_above" ]
	rmdir /sys/fs/cgroup/{,*/}test_above 2>/dev/null || [ ! -e "$top/test_above" ]
	frozen=
}

@test "exec --cgroup says that the one it is to enter is frozen" {
	freezer
	update_config '.linux.cgroupsPath = "/test_sub"'
	quietly create test_box
	quietly start test_box
	sub below
	freeze "$top/test_sub/below"
	refused "cannot exec in a cgroup that is frozen by $top/test_sub/below" exec --cgroup below test_box true
	hull_bg exec --ignore-paused --cgroup below test_box sh -c 'exit 7'
	[ -d "/proc/$pid" ]
	thaw
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 7 ]
}

# bats test_tags=vm
@test "create below a threaded cgroup with limits says that it cannot be (v2)" {
	is_v1 && skip "v1 has no types"
	mkdir -p /sys/fs/cgroup/test_thr/a
	echo threaded >/sys/fs/cgroup/test_thr/a/cgroup.type
	update_config '.linux.cgroupsPath = "/test_thr/a/b" | .linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 0}]'
	refused 'cannot enter cgroupv2 \"/sys/fs/cgroup/test_thr/a/b\" with domain controllers -- it is in an invalid state' create test_box
	nothing_left test_box
	[ ! -e /sys/fs/cgroup/test_thr/a/b ]
	rmdir /sys/fs/cgroup/test_thr/a /sys/fs/cgroup/test_thr
}

# bats test_tags=vm
@test "a user with a delegated subtree has limits there, and none elsewhere (v2)" {
	is_v1 && skip "v1 cannot be delegated"
	dir=$BATS_TEST_TMPDIR/user top=/sys/fs/cgroup/test_user
	mkdir -p "$top/own" "$dir"
	echo +hugetlb >/sys/fs/cgroup/cgroup.subtree_control
	chown 65534 $top $top/own $top/{,own/}cgroup.{procs,subtree_control,threads}
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$BUNDLE" 2>/dev/null || true
	cp "$HULL" "$dir/bin"
	cp -a rootfs "$dir/rootfs"
	chown -R 65534:65534 "$dir"
	as_user() (
		[ "$1" = outside ] || echo "$BASHPID" >$top/own/cgroup.procs
		shift
		cd "$dir" && setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$PATH" XDG_RUNTIME_DIR="$dir" "$@" 3>&-
	)
	as_user inside ./bin spec --rootless
	jq '.process.terminal = false | .process.args = ["sleep", "1000"]
		| .linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 2097152}]' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
	as_user inside ./bin create test_box </dev/null >/dev/null 2>&1
	[ "$(cat $top/test_box/hugetlb.2MB.max)" = 2097152 ]
	[ "$(wc -l <$top/test_box/cgroup.procs)" = 1 ]
	as_user inside ./bin update -r - test_box <<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}'
	[ "$(cat $top/test_box/hugetlb.2MB.max)" = 0 ]
	as_user inside ./bin delete --force test_box
	[ ! -e $top/test_box ]
	# Device rules take a privilege: there is a warning. The same for root of a user namespace.
	jq '.linux.resources = {devices: [{allow: false, access: "rwm"}]} | .process.args = ["true"]' "$dir/config.json" >"$dir/rules"
	mkdir "$dir/ruled"
	jq --arg r "$dir/rootfs" '.root.path = $r' "$dir/rules" >"$dir/ruled/config.json"
	run -0 as_user inside ./bin run -b ruled test_box
	[[ $output = *"level=warning"*"device rules are not enforced: load the eBPF program for devices: operation not permitted"* ]]
	jq --arg r "$dir/rootfs" '.root.path = $r | .linux.uidMappings[0].hostID = 0 | .linux.gidMappings[0].hostID = 0' "$dir/rules" >"$dir/ruled/config.json"
	run -0 as_user inside unshare -Ur ./bin run -b ruled test_box
	[[ $output = *"device rules are not enforced"* ]]
	# Where he may not, it is an error with limits, and none without.
	run -1 as_user outside ./bin create test_box
	[[ $output = *"unable to apply cgroup configuration"*"permission denied"* ]]
	jq 'del(.linux.resources)' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
	as_user outside ./bin create test_box </dev/null >/dev/null 2>&1
	as_user outside ./bin delete --force test_box
	rmdir $top/own $top
}

# bats test_tags=vm,vm-systemd
@test "exec follows an init that has moved to another cgroup" {
	is_v1 && skip "the unified hierarchy alone can be left by one write"
	update_config '.linux.namespaces |= map(select(.type != "cgroup")) | .root.readonly = false
		| (.mounts[] | select(.type == "cgroup")).options -= ["ro"]'
	mkdir /sys/fs/cgroup/test_moved
	set_args sh -c 'echo 1 >/sys/fs/cgroup/test_moved/cgroup.procs; exec sleep 1000'
	quietly create test_box
	dir=$(cgroups_of test_box)
	quietly start test_box
	# Nobody is in the old one; systemd removes its own.
	empty() { [ ! -e "$dir" ] || rmdir "$dir"; }
	wait_for 10 empty
	must exec test_box cat /proc/self/cgroup
	[[ $output == *"0::/test_moved"* ]]
	quietly delete --force test_box
	wait_for 10 rmdir /sys/fs/cgroup/test_moved
}

# bats test_tags=vm
@test "run works in a cgroup to which cgroup.kill was written" {
	unified=/sys/fs/cgroup
	is_v1 && unified=/sys/fs/cgroup/unified
	[ -e "$unified/cgroup.procs" ] || skip "no unified hierarchy"
	mkdir "$unified/test_killed"
	[ -e "$unified/test_killed/cgroup.kill" ] || skip "no cgroup.kill"
	echo 1 >"$unified/test_killed/cgroup.kill"
	update_config '.linux.cgroupsPath = "/test_killed"'
	set_args true
	must run test_box
}

@test "--cgroup-manager disabled: a container without a cgroup, and what needs one says so" {
	update_config '.linux.namespaces |= map(select(.type != "cgroup"))'
	set_args cat /proc/self/cgroup
	must --cgroup-manager disabled run test_box
	[ "$output" = "$(cat /proc/self/cgroup)" ]
	set_args sleep 1000
	quietly --cgroup-manager=disabled create test_box
	[ -z "$(cgroups_of test_box)" ]
	quietly start test_box
	must exec test_box echo in
	[ "$output" = in ]
	must ps --format json test_box
	[ "$output" = "[$(state_of test_box .pid)]" ]
	refused "cannot update limits: the container has no cgroup" update --pids-limit 30 test_box
	refused "cannot freeze: the container has no cgroup" pause test_box
	quietly kill --all test_box KILL
	wait_status test_box stopped
	quietly delete test_box
	resources '{pids: {limit: 17}}'
	refused "--cgroup-manager disabled: cannot set pids.limit" --cgroup-manager disabled create test_box
	[[ $output == *"/linux/resources/pids/limit"* ]]
	update_config '.linux.cgroupsPath = "/test_here" | del(.linux.resources.pids)'
	refused "--cgroup-manager disabled makes no cgroup /test_here (/linux/cgroupsPath)" --cgroup-manager disabled create test_box
	nothing_left test_box
}

@test "--cgroup-manager is cgroupfs, systemd or disabled, and does not contradict --systemd-cgroup" {
	quietly --cgroup-manager cgroupfs create test_box
	[ -n "$(cgroups_of test_box)" ]
	refused 'invalid --cgroup-manager: \"none\" is not cgroupfs, systemd or disabled' --cgroup-manager none list
	refused "--systemd-cgroup excludes --cgroup-manager disabled" --systemd-cgroup --cgroup-manager disabled list
	must --systemd-cgroup --cgroup-manager systemd list
	[ -d /run/systemd/system ] || refused "systemd not running on this host" --cgroup-manager systemd create test_other
}
