#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
# by turns: v2 host
#
# The systemd cgroup driver. On a machine with systemd the tests ask that; elsewhere bats/fakes/systemd.c plays systemd,
# on a bus of its own in a mount namespace of the test's own. What only messages show, and what no systemd does when it
# is asked to, is tested there alone.

# shellcheck disable=SC2030,SC2031,SC2034 # CGROUPS is for nothing_left
load helpers
load fakes/systemd

UNIT=hull-test_box.scope

needs_fake() { ! real || skip "systemd itself does not do this at will"; }

setup() {
	setup_bundle
	update_config '.linux.cgroupsPath = "test.slice:hull:test_box"'
	real || start_fake
}

teardown() {
	teardown_bundle
	real || stop_fake
}

# --- The stand-in ------------------------------------------------------------------------------------------------------

# calls [MEMBER]: how often the stand-in was called.
calls() { grep -c "^${1:-.}" "$FAKE/log" || true; }

# said PROPERTY: SIGNATURE:VALUE as the last call of its kind told the stand-in, or nothing.
said() {
	grep -E '^(StartTransientUnit|SetUnitProperties)' "$FAKE/log" | tail -n 1 |
		NAME=$1 perl -ne 'print "$1:$2\n" if / $ENV{NAME}=([a-z()]+):(\[.*?\](?= \w+=|$)|[^=]*(?= \w+=|$))/'
}

# has_property NAME VALUE [SIGNATURE]: the unit has it, as systemctl prints it.
has_property() {
	local found
	if real; then
		found=$(systemctl show --value -p "$1" "$UNIT")
	else
		found=$(said "$1")
		[[ $found = "${3:-t}:"* ]] || { echo "$1 is \"$found\", not of type ${3:-t}" && return 1; }
		found=${found#*:}
	fi
	[ "$found" = "$2" ] || { echo "$1 is \"$found\", not \"$2\"" && return 1; }
}

# no_unit: systemd does not have the container's unit.
no_unit() {
	if real; then
		[ "$(systemctl show --value -p LoadState "$UNIT")" = not-found ]
	else
		[ -z "$(find /sys/fs/cgroup -name "$UNIT")" ]
	fi
}

# in_unit PID: it is in the container's unit.
in_unit() { grep -q "/test.slice/$UNIT\$" "/proc/$1/cgroup"; }

dir_of() {
	jq -r --arg c "$1" '.cgroup.dirs[] | select(.controllers == $c or (.controllers | split(",") | index($c))) | .path' \
		"$ROOT/test_box/record.json"
}
resources() { update_config ".linux.resources += $1"; }

# --- A life ------------------------------------------------------------------------------------------------------------

# bats test_tags=vm,vm-hybrid
@test "a container lives in a scope of its slice, and only create asks for it" {
	quietly --systemd-cgroup create test_box
	in_unit "$(state_of test_box .pid)"
	for dir in $(cgroups_of test_box); do
		[[ $dir == */test.slice/$UNIT ]]
		[ -n "$(cat "$dir/cgroup.procs")" ] || { echo "nobody is in $dir" && return 1; }
	done
	CGROUPS=$(cgroups_of test_box)
	quietly start test_box
	is_status test_box running
	must exec test_box true
	quietly exec --detach test_box sleep 1000
	must ps test_box
	[ "$(grep -c sleep <<<"$output")" = 2 ]
	quietly pause test_box
	is_status test_box paused
	quietly resume test_box
	quietly kill test_box KILL
	wait_status test_box stopped
	quietly delete test_box
	nothing_left test_box
	no_unit
}

@test "a life costs systemd three calls" {
	needs_fake
	quietly --systemd-cgroup create test_box
	[ "$(calls)" = 1 ]
	quietly start test_box
	must exec test_box true
	must state test_box
	must events --stats test_box
	quietly pause test_box
	quietly resume test_box
	[ "$(calls)" = 1 ]
	quietly delete --force test_box
	[ "$(sed 's/ .*//' "$FAKE/log" | paste -sd' ')" = "StartTransientUnit StopUnit ResetFailedUnit" ]
}

# bats test_tags=vm,vm-hybrid
@test "run ends with its unit, and with the program's exit code" {
	set_args sh -c 'cat /proc/self/cgroup; exit 7'
	hull --systemd-cgroup run test_box
	[ "$status" -eq 7 ]
	nothing_left test_box
	no_unit
}

# bats test_tags=vm
@test "the unit is what every container's is" {
	quietly --systemd-cgroup create test_box
	has_property Slice test.slice s
	has_property Description "hull container test_box" s
	has_property CollectMode inactive-or-failed s
	if real; then
		has_property Delegate yes
		has_property DefaultDependencies no
		has_property TasksAccounting yes
	else
		has_property Delegate true b
		has_property DefaultDependencies false b
		has_property TasksAccounting true b
		has_property PIDs "[$(state_of test_box .pid)]" au
		[[ $(said MemoryAccounting)$(said CPUAccounting) = b:trueb:true ]]
		[[ $(said IOAccounting)$(said BlockIOAccounting) = b:true ]]
		grep -q "^StartTransientUnit s:$UNIT s:fail " "$FAKE/log"
	fi
}

# bats test_tags=vm
@test "a private cgroup namespace begins at the unit" {
	set_args cat /proc/self/cgroup
	update_config '.linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique_by(.type)'
	must --systemd-cgroup run test_box
	not grep -v ':/$' <<<"$output"
}

# --- Names -------------------------------------------------------------------------------------------------------------

# unit_at CGROUPSPATH PATH: where it puts a container.
unit_at() {
	update_config ".linux.cgroupsPath = $1"
	quietly --systemd-cgroup create test_box
	grep -q ":$2\$" "/proc/$(state_of test_box .pid)/cgroup" || { cat "/proc/$(state_of test_box .pid)/cgroup" && return 1; }
	quietly delete --force test_box
}

# bats test_tags=vm
@test "cgroupsPath says slice, prefix and name, and has defaults" {
	unit_at '"test-a-b.slice:pod:test_box"' /test.slice/test-a.slice/test-a-b.slice/pod-test_box.scope
	unit_at '":pod:test_box"' /system.slice/pod-test_box.scope
	unit_at '"-.slice:pod:test_box"' /pod-test_box.scope
	unit_at '"-:pod:test_box"' /pod-test_box.scope
	unit_at null /system.slice/runc-test_box.scope
	unit_at '""' /system.slice/runc-test_box.scope
}

# bats test_tags=vm
@test "a name that ends in .slice is a slice, and the container's cgroup" {
	unit_at '"test.slice:pod:test-box.slice"' /test.slice/test-box.slice
}

# bats test_tags=vm
@test "create refuses a cgroupsPath that names no unit, and leaves nothing" {
	while read -r path text; do
		update_config '.linux.cgroupsPath = $p' --arg p "$path"
		refused "$text" --systemd-cgroup create test_box
		[[ $output == *"(/linux/cgroupsPath)"* ]]
		nothing_left test_box
	done <<-'END'
		/test/box expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/test/box\" instead
		a:b expected cgroupsPath to be of format
		a:b:c:d expected cgroupsPath to be of format
		test.slice:pod: expected cgroupsPath to be of format
		test:pod:x invalid slice name: test
		test/a.slice:pod:x invalid slice name: test/a.slice
		-a.slice:pod:x invalid slice name: -a.slice
		a--b.slice:pod:x invalid slice name: a--b.slice
		a-.slice:pod:x invalid slice name: a-.slice
		.slice:pod:x invalid slice name: .slice
		test.slice:pod:a/b \"pod-a/b.scope\" is not the name of a systemd unit
		test.slice:../pod:x \"../pod-x.scope\" is not the name of a systemd unit
		test.slice:pod:-a.slice invalid slice name: -a.slice
	END
	real || [ "$(calls)" = 0 ]
}

# bats test_tags=vm
@test "without systemd --systemd-cgroup says so" {
	if real; then
		HULL_IN() { unshare -m sh -c 'mount -t tmpfs none /run/systemd && exec "$@"' - "$@"; }
	else
		in_fake rmdir /run/systemd/system
		HULL_IN() { "$@"; }
	fi
	output=$(HULL_IN "$HULL" --root "$ROOT" --systemd-cgroup create test_box 2>&1 3>&-) && return 1
	[[ $output == *"systemd not running on this host, cannot use systemd cgroups manager"* ]]
	nothing_left test_box
	mkdir "$ROOT"
	quietly --systemd-cgroup list -q
}

# bats test_tags=vm
@test "--systemd-timeout is a number of seconds" {
	for value in 0 -1 x 1.5 100000; do
		refused "invalid --systemd-timeout: \\\"$value\\\"" --systemd-timeout "$value" list
	done
	mkdir "$ROOT"
	must --systemd-timeout 5 list
}

# --- Limits ------------------------------------------------------------------------------------------------------------

# bats test_tags=vm-hybrid
@test "limits are properties of the unit (v1)" {
	is_v1 || skip "this machine has v2"
	resources '{memory: {limit: 33554432, reservation: 16777216}, cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0"},
		pids: {limit: 17}}'
	quietly --systemd-cgroup create test_box
	has_property MemoryLimit 33554432
	has_property CPUShares 512
	has_property TasksMax 17
	real || has_property CPUQuotaPerSecUSec 500000
	[ "$(cat "$(dir_of memory)/memory.limit_in_bytes")" = 33554432 ]
	[ "$(cat "$(dir_of memory)/memory.soft_limit_in_bytes")" = 16777216 ]
	[ "$(cat "$(dir_of cpu)/cpu.shares")" = 512 ]
	[ "$(cat "$(dir_of cpu)/cpu.cfs_quota_us")" = 50000 ]
	[ "$(cat "$(dir_of cpuset)/cpuset.cpus")" = 0 ]
	[ "$(cat "$(dir_of pids)/pids.max")" = 17 ]
}

# bats test_tags=vm
@test "limits are properties of the unit (v2)" {
	! is_v1 || skip "this machine has v1"
	real || skip "this view has not the controllers"
	resources '{memory: {limit: 33554432, reservation: 16777216, swap: 50331648}, cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0"},
		pids: {limit: 17}, unified: {"memory.high": "25165824"}}'
	quietly --systemd-cgroup create test_box
	has_property MemoryMax 33554432
	has_property MemoryLow 16777216
	has_property MemoryHigh 25165824
	has_property MemorySwapMax 16777216
	has_property CPUWeight 59
	has_property CPUQuotaPerSecUSec 500ms
	has_property TasksMax 17
	has_property AllowedCPUs 0
	has_property AllowedMemoryNodes 0
	dir=$(dir_of '')
	[ "$(cat "$dir/memory.max" "$dir/memory.low" "$dir/memory.high" "$dir/pids.max" "$dir/cpuset.cpus" | paste -sd' ')" = "33554432 16777216 25165824 17 0" ]
	[ "$(cat "$dir/cpu.max")" = "50000 100000" ]
}

# bats test_tags=vm,vm-hybrid
@test "limits that keep a container from being born come after its birth" {
	if real || is_v1; then
		resources '{memory: {limit: 524288}, pids: {limit: 1}}'
	else
		skip "this view has not the controllers"
	fi
	set_args echo here
	must --systemd-cgroup run test_box
	[ "$output" = here ]
}

# bats test_tags=vm
@test "a quota is in whole percents of a CPU, for systemd and for the kernel" {
	real || is_v1 || skip "this view has not the controllers"
	resources '{cpu: {quota: 12345, period: 100000}}'
	quietly --systemd-cgroup create test_box
	if real; then
		has_property CPUQuotaPerSecUSec 130ms
	else
		has_property CPUQuotaPerSecUSec 130000
	fi
	if is_v1; then
		[ "$(cat "$(dir_of cpu)/cpu.cfs_quota_us")" = 13000 ]
	else
		[ "$(cat "$(dir_of '')/cpu.max")" = "13000 100000" ]
	fi
}

# bats test_tags=vm,vm-hybrid
@test "systemd is told the rules for devices" {
	resources '{devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "r"},
		{allow: true, type: "b", major: 7, access: "rw"}]}'
	mknod rootfs/bin/kmsg c 1 11
	update_config '.process.capabilities |= map_values(. + ["CAP_SYSLOG"])'
	mknod rootfs/bin/sda b 8 0
	quietly --systemd-cgroup create test_box
	if real; then
		[ "$(systemctl show --value -p DevicePolicy "$UNIT")" = strict ]
		systemctl daemon-reload
	else
		has_property DevicePolicy strict s
		for rule in 'char-* m' 'block-* m' '/dev/char/1:3 rwm' 'char-136 rwm' '/dev/char/1:11 r' 'block-7 rw'; do
			[[ $(said DeviceAllow) = 'a(ss):['*"($rule)"* ]] || { said DeviceAllow && return 1; }
		done
		[[ $(said DeviceAllow) != *'/dev/block'* ]]
	fi
	quietly start test_box
	must exec test_box sh -c 'exec 3</bin/kmsg; exec 4</dev/null'
	hull exec test_box sh -c 'exec 3>/bin/kmsg'
	[[ $output == *"peration not permitted"* ]]
	hull exec test_box sh -c 'exec 3</bin/sda'
	[[ $output == *"peration not permitted"* ]]
}

@test "rules for devices that systemd has no words for are the cgroup's alone" {
	needs_fake
	resources '{devices: [{allow: true, access: "rwm"}, {allow: false, type: "c", major: 1, minor: 11, access: "rwm"}]}'
	quietly --systemd-cgroup create test_box
	[ -z "$(said DevicePolicy)$(said DeviceAllow)" ]
}

# bats test_tags=vm
@test "annotations are properties, and win" {
	update_config '.annotations = {"org.systemd.property.TimeoutStopSec": "5", "org.systemd.property.CollectMode": "\u0027inactive\u0027",
		"org.systemd.property.After": "[\u0027a.service\u0027, \u0027b.service\u0027]"}'
	must --debug --systemd-cgroup create test_box
	[[ $output != *"has no effect"* ]]
	has_property CollectMode inactive s
	if real; then
		has_property TimeoutStopUSec 5s
		[[ $(systemctl show --value -p After "$UNIT") = *a.service* ]]
	else
		has_property TimeoutStopUSec 5000000
		has_property After '[a.service,b.service]' as
		[ "$(grep -o CollectMode= "$FAKE/log" | wc -l)" = 1 ]
	fi
}

# --- Updates -----------------------------------------------------------------------------------------------------------

# bats test_tags=vm,vm-hybrid
@test "update changes properties and files, and tells systemd only what changes" {
	real || is_v1 || skip "this view has not the controllers"
	resources '{pids: {limit: 17}, cpu: {shares: 512}}'
	quietly --systemd-cgroup create test_box
	quietly update --pids-limit 18 --cpu-share 512 test_box
	has_property TasksMax 18
	if is_v1; then
		[ "$(cat "$(dir_of pids)/pids.max")" = 18 ]
	else
		[ "$(cat "$(dir_of '')/pids.max")" = 18 ]
	fi
	if ! real; then
		[ "$(tail -n 1 "$FAKE/log")" = "SetUnitProperties s:$UNIT b:true TasksMax=t:18" ]
		quietly update --pids-limit 18 test_box
		[ "$(calls)" = 2 ]
	fi
}

@test "an update that systemd refuses changes nothing" {
	needs_fake
	is_v1 || skip "this view has not the controllers"
	resources '{pids: {limit: 17}}'
	quietly --systemd-cgroup create test_box
	echo "not today" >"$FAKE/denied"
	refused "systemd cannot change $UNIT: not today" update --pids-limit 18 test_box
	rm "$FAKE/denied"
	[ "$(cat "$(dir_of pids)/pids.max")" = 17 ]
	quietly update --pids-limit 18 test_box
	[ "$(said TasksMax)" = t:18 ]
}

# --- What goes wrong ---------------------------------------------------------------------------------------------------

@test "a unit that failed earlier is cleared away" {
	needs_fake
	echo "$UNIT" >"$FAKE/failed"
	quietly --systemd-cgroup create test_box
	[ "$(sed 's/ .*//' "$FAKE/log" | paste -sd' ')" = "StartTransientUnit ResetFailedUnit StartTransientUnit" ]
}

# bats test_tags=vm
@test "a unit of this name that runs is left alone" {
	quietly --systemd-cgroup create test_box
	refused "$UNIT: container's cgroup is not empty: 1 process(es) found" --systemd-cgroup create test_other
	nothing_left test_other
	is_status test_box created
	in_unit "$(state_of test_box .pid)"
}

# bats test_tags=vm,vm-hybrid
@test "create refuses a unit whose cgroup is frozen, and leaves it as it is" {
	local dir=/sys/fs/cgroup/test.slice/$UNIT file=cgroup.freeze word=1
	! is_v1 || dir=/sys/fs/cgroup/freezer/test.slice/$UNIT file=freezer.state word=FROZEN
	mkdir -p "$dir"
	echo "$word" >"$dir/$file"
	for _ in 1 2; do
		refused "$UNIT: container's cgroup unexpectedly frozen" --systemd-cgroup create test_box
		nothing_left test_box
		[ -d "$dir" ]
	done
	real || [ "$(calls)" = 0 ]
	rmdir "$dir"
}

@test "a limit that an older systemd does not know is the cgroup's alone" {
	needs_fake
	is_v1 || skip "this view has not the controllers"
	resources '{pids: {limit: 17}, cpu: {quota: 50000, period: 100000}}'
	echo CPUQuotaPeriodUSec >"$FAKE/unknown"
	quietly --systemd-cgroup create test_box
	[ "$(calls)" = 2 ]
	[ "$(said CPUQuotaPeriodUSec)$(said TasksMax)" = t:17 ]
	[ "$(cat "$(dir_of cpu)/cpu.cfs_quota_us")" = 50000 ]
}

@test "a property of an annotation that systemd does not know is an error" {
	needs_fake
	update_config '.annotations = {"org.systemd.property.MemoryZSwapMax": "5"}'
	echo MemoryZSwapMax >"$FAKE/unknown"
	refused "systemd cannot start $UNIT: Cannot set property MemoryZSwapMax, or unknown property." --systemd-cgroup create test_box
	nothing_left test_box
}

@test "what systemd refuses is one sentence, and leaves nothing" {
	needs_fake
	echo "Access denied as the sun is down" >"$FAKE/denied"
	refused "systemd cannot start $UNIT: Access denied as the sun is down" --systemd-cgroup create test_box
	nothing_left test_box
	rm "$FAKE/denied"
	echo failed >"$FAKE/result"
	refused "systemd cannot start $UNIT: its job ended with \\\"failed\\\"" --systemd-cgroup create test_box
	nothing_left test_box
	rm "$FAKE/result"
	: >"$FAKE/odd"
	refused "systemd cannot start $UNIT: its answer does not name a job" --systemd-cgroup create test_box
	nothing_left test_box
}

@test "a systemd that leaves the process where it was is an error" {
	needs_fake
	: >"$FAKE/leave"
	refused "systemd has started $UNIT, and left its process in the cgroup /" --systemd-cgroup create test_box
	nothing_left test_box
	no_unit
}

@test "a systemd that does not answer has a deadline" {
	needs_fake
	: >"$FAKE/silent"
	began=$SECONDS
	refused "systemd cannot start $UNIT: no answer in 1 seconds" --systemd-timeout 1 --systemd-cgroup create test_box
	[ $((SECONDS - began)) -le 3 ]
	nothing_left test_box
	# Should it come to life yet.
	[ "$(sed 's/ .*//' "$FAKE/log" | paste -sd' ')" = "StartTransientUnit StopUnit" ]
}

@test "a systemd that is too busy to say that it has done it is believed by what it did" {
	needs_fake
	: >"$FAKE/unsaid"
	must --debug --systemd-timeout 3 --systemd-cgroup create test_box
	[[ $output == *"systemd: Get $UNIT: "* ]] # after 2 s it was asked, and was at it
	[[ $output == *"level=warning msg=\"systemd has started $UNIT, but did not say so: no answer in 3 seconds"* ]]
	in_unit "$(state_of test_box .pid)"
	rm "$FAKE/unsaid"
}

@test "a systemd that ends before it has told of the job is asked, and believed by what it did" {
	needs_fake
	: >"$FAKE/last"
	began=$SECONDS
	must --debug --systemd-cgroup create test_box
	[[ $output == *"level=warning msg=\"systemd has started $UNIT, but did not say so: "*"org.freedesktop.systemd1"* ]]
	[ $((SECONDS - began)) -le 15 ]
	in_unit "$(state_of test_box .pid)"
}

@test "a systemd that ends before it has answered has perhaps done it: it is told to stop the unit" {
	needs_fake
	: >"$FAKE/lost"
	run strace -f -qq -e trace=sendto -s 4000 -o "$FAKE/calls" "$HULL" --root "$ROOT" --systemd-cgroup create test_box
	[ "$status" = 1 ]
	[[ $output == *"systemd cannot start $UNIT"* ]]
	grep -q 'StartTransientUnit' "$FAKE/calls"
	grep -q 'StopUnit' "$FAKE/calls"
	nothing_left test_box
	no_unit
}

@test "without a bus, and with one that is dead or mad, create says so" {
	needs_fake
	in_fake mv /run/dbus/system_bus_socket /run/dbus/kept
	refused "cannot talk to systemd: /run/dbus/system_bus_socket: connect: no such file or directory" --systemd-cgroup create test_box
	nothing_left test_box
	for words in '' 'REJECTED EXTERNAL\r\n' 'HTTP/1.1 400\r\n' 'OK 00\r\nfour hundred bytes of nonsense that nobody wants to read' 'close'; do
		in_fake rm -f /run/dbus/system_bus_socket
		# shellcheck disable=SC2016 # perl's
		in_fake perl -MIO::Socket::UNIX -e '$| = 1; my $s = IO::Socket::UNIX->new(Local => "/run/dbus/new", Listen => 1);
			rename "/run/dbus/new", "/run/dbus/system_bus_socket";
			my $c = $s->accept; my $w = shift; exit if $w eq "close"; $w =~ s/\\r\\n/\r\n/g; print $c $w; $c->flush; sleep 100' \
			"$words" >/dev/null 2>&1 3>&- &
		listener=$!
		wait_for 5 in_fake test -S /run/dbus/system_bus_socket
		hull --systemd-timeout 1 --systemd-cgroup create test_box
		kill "$listener" 2>/dev/null || true
		wait "$listener" 2>/dev/null || true
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		case $words in
		'') [[ $output == *"system_bus_socket: no answer in 1 seconds"* ]] ;;
		REJECTED*) [[ $output == *"system_bus_socket: we were not let in"* ]] ;;
		HTTP*) [[ $output == *"system_bus_socket: it does not speak D-Bus"* ]] ;;
		OK*) [[ $output == *"system_bus_socket: what came is no message of D-Bus"* ]] ;;
		close) [[ $output == *"system_bus_socket: the connection was closed"* || $output == *"broken pipe"* || $output == *"reset"* ]] ;;
		esac
		nothing_left test_box
	done
}

@test "delete cleans up without systemd, too" {
	needs_fake
	quietly --systemd-cgroup create test_box
	quietly start test_box
	CGROUPS=$(cgroups_of test_box)
	: >"$FAKE/silent"
	began=$SECONDS
	must --systemd-timeout 1 delete --force test_box
	[[ $output == *"level=warning msg=\"systemd cannot stop $UNIT: no answer in 1 seconds"* ]]
	[ $((SECONDS - began)) -le 3 ]
	nothing_left test_box
}

@test "what a killed create leaves, delete --force finds by the unit" {
	needs_fake
	: >"$FAKE/unsaid"
	hull_bg --systemd-timeout 60 --systemd-cgroup create test_box
	wait_for 5 grep -q StartTransientUnit "$FAKE/log"
	kill -KILL "$pid"
	wait "$pid" || true
	rm "$FAKE/unsaid"
	quietly delete --force test_box
	nothing_left test_box
	no_unit
	grep -q "^StopUnit s:$UNIT" "$FAKE/log"
}

@test "delete --force of a container with a damaged record finds the unit" {
	update_config 'del(.linux.cgroupsPath)'
	UNIT=runc-test_box.scope
	quietly --systemd-cgroup create test_box
	pid=$(state_of test_box .pid)
	CGROUPS=$(cgroups_of test_box)
	echo '{' >"$ROOT/test_box/record.json"
	quietly delete --force test_box
	nothing_left test_box
	gone "$pid"
	no_unit
}

# bats test_tags=vm,vm-hybrid
@test "a create that fails after its unit was made takes it along" {
	set_args sh
	update_config '.mounts += [{destination: "/x", type: "bind", source: "/nonexistent", options: ["bind"]}]'
	refused "/nonexistent" --systemd-cgroup create test_box
	nothing_left test_box
	no_unit
}

# --- A user's systemd --------------------------------------------------------------------------------------------------

# session_of_user: from now on hull is run by user 1000, from outside of what is his, with the bus of his session.
session_of_user() {
	! is_v1 || skip "v1 cannot be delegated"
	if real; then
		[ -S /run/user/1000/bus ] || skip "user 1000 has no session here"
		open_way
		# shellcheck disable=SC2016 # for the script
		printf '#!/bin/sh\nexec $AS "%s" "$@"\n' "$REAL_HULL" >"$BATS_TEST_TMPDIR/hull"
		chmod 755 "$BATS_TEST_TMPDIR/hull"
		HULL=$BATS_TEST_TMPDIR/hull
		mkdir -p "$FAKE"
		as_user unix:path=/run/user/1000/bus
	else
		as_user unix:path=/run/dbus/system_bus_socket,guid=00
	fi
}

as_user() {
	export AS="setpriv --reuid 1000 --regid 1000 --clear-groups env -u XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS=$1"
	[ ! -e "$FAKE/owner" ] || return 0
	echo 1000 >"$FAKE/owner"
	update_config '.linux.namespaces += [{type: "user"}] | .linux.namespaces |= map(select(.type != "network"))
		| .linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}]
		| .linux.gidMappings = [{containerID: 0, hostID: 1000, size: 1}]
		| .mounts |= map(select(.type != "sysfs" and .destination != "/dev/mqueue") | .options = ((.options // []) | map(select(startswith("gid=") | not))))'
	mkdir -p "$ROOT"
	chown -R 1000:1000 "$ROOT" "$BUNDLE"
}

@test "a user's container is a unit of the user's systemd (v2)" {
	session_of_user
	update_config '.linux.cgroupsPath = ":hull:test_box"'
	quietly --systemd-cgroup create test_box
	[[ $(cgroups_of test_box) == /sys/fs/cgroup/*user.slice/$UNIT ]]
	[ "$(stat -c %u "$(cgroups_of test_box)")" = 1000 ]
	quietly start test_box
	# A user may not move processes into the unit from where he is: systemd does.
	must exec test_box cat /proc/self/cgroup
	[[ $output == *"/user.slice/$UNIT" || $'\n'$output == *$'\n0::/' ]]
	CGROUPS=$(cgroups_of test_box)
	if ! real; then
		[ "$(said Slice)$(said DevicePolicy)" = s:user.slice ]
		[ "$(calls AttachProcessesToUnit)" = 1 ]
	fi
	quietly delete --force test_box
	nothing_left test_box
	real || [ "$(calls StopUnit)" = 1 ]
}

# bats test_tags=vm
@test "a user whose /proc hides what is not his has a unit, too (v2)" {
	session_of_user
	local hidden=$BATS_TEST_TMPDIR/hidden
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\nexec unshare -m sh -c '\''mount -t proc -o hidepid=2 proc /proc && exec "$@"'\'' - "$@"\n' >"$hidden"
	chmod 755 "$hidden"
	AS="$hidden $AS"
	update_config '.linux.cgroupsPath = ":hull:test_box"'
	quietly --systemd-cgroup create test_box
	[[ $(cgroups_of test_box) == /sys/fs/cgroup/*user.slice/$UNIT ]]
	CGROUPS=$(cgroups_of test_box)
	real || [ "$(calls Get)" = 1 ]
	quietly start test_box
	must exec test_box cat /proc/self/cgroup
	[[ $output == *"/user.slice/$UNIT" || $'\n'$output == *$'\n0::/' ]]
	quietly delete --force test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "delete --force of a user's container with a damaged record does not wait for its program (v2)" {
	session_of_user
	update_config '.linux.cgroupsPath = ":hull:test_box"'
	quietly --systemd-cgroup create test_box
	quietly start test_box
	CGROUPS=$(cgroups_of test_box)
	echo '{' >"$ROOT/test_box/record.json"
	began=$SECONDS
	quietly delete --force test_box
	[ $((SECONDS - began)) -le 60 ]
	nothing_left test_box
	real || [ "$(sed 's/ .*//' "$FAKE/log" | paste -sd' ')" = "StartTransientUnit KillUnit StopUnit ResetFailedUnit" ]
}

@test "a user without a bus is told what is missing (v2)" {
	needs_fake
	! is_v1 || skip "v1 cannot be delegated"
	as_user 'tcp:host=127.0.0.1,port=1'
	refused 'DBUS_SESSION_BUS_ADDRESS is \"tcp:host=127.0.0.1,port=1\": expected the address of a Unix socket' --systemd-cgroup create test_box
	nothing_left test_box
	as_user ''
	refused "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR says where the user's bus is" --systemd-cgroup create test_box
	nothing_left test_box
	export AS="$AS XDG_RUNTIME_DIR=/run/dbus/none"
	refused "cannot talk to the user's systemd: /run/dbus/none/bus: connect: no such file or directory" --systemd-cgroup create test_box
	nothing_left test_box
}
