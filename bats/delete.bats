#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

# shellcheck disable=SC2030,SC2031 # each test has its own variables

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

running() {
	quietly create test_box
	quietly start test_box
	CGROUPS=$(cgroups_of test_box)
	[ -n "$CGROUPS" ]
	for path in $CGROUPS; do
		[ -d "$path" ]
	done
}

# bats test_tags=vm-initramfs
@test "delete of a stopped container leaves nothing" {
	running
	quietly kill test_box KILL
	wait_status test_box stopped
	quietly delete test_box
	nothing_left test_box
	refused "container does not exist" delete test_box
}

@test "delete refuses a container that runs or is paused" {
	running
	refused "cannot delete container test_box that is not stopped: running" delete test_box
	quietly pause test_box
	refused "cannot delete container test_box that is not stopped: paused" delete test_box
	is_status test_box paused
}

@test "delete ends a created container" {
	quietly create test_box
	CGROUPS=$(cgroups_of test_box)
	pid=$(state_of test_box .pid)
	quietly delete test_box
	nothing_left test_box
	gone "$pid"
}

# bats test_tags=vm,vm-systemd
@test "delete --force ends a running and a paused container" {
	running
	pid=$(state_of test_box .pid)
	quietly delete --force test_box
	nothing_left test_box
	gone "$pid"
	running
	quietly pause test_box
	quietly delete -f test_box
	nothing_left test_box
}

@test "delete --force of a container that does not exist succeeds" {
	quietly delete --force test_nothing
	mkdir "$ROOT"
	quietly delete --force test_nothing
}

# bats test_tags=vm,vm-initramfs,vm-systemd
@test "delete removes what a container without a PID namespace leaves" {
	for force in "" --force; do
		set_args sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000'
		update_config '.linux.namespaces -= [{"type": "pid"}]'
		running
		wait_for 5 has_processes test_box 3
		mapfile -t pids < <("$HULL" --root "$ROOT" ps -f json test_box | jq '.[]')
		kill -9 "$(state_of test_box .pid)"
		wait_status test_box stopped
		# shellcheck disable=SC2086
		quietly delete $force test_box
		nothing_left test_box
		gone "${pids[@]}"
	done
}

# bats test_tags=vm-old
@test "delete --force of a container without a PID namespace ends everybody" {
	set_args sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000'
	update_config '.linux.namespaces -= [{"type": "pid"}]'
	running
	wait_for 5 has_processes test_box 3
	mapfile -t pids < <("$HULL" --root "$ROOT" ps -f json test_box | jq '.[]')
	quietly delete --force test_box
	nothing_left test_box
	gone "${pids[@]}"
}

# Freezing and thawing them first (v1) takes longer than all the rest.
@test "delete --force kills init alone where everybody is in its PID namespace" {
	set_args sh -c 'sleep 1001 & exec sleep 1000'
	running
	strace -o trace "$HULL" --root "$ROOT" delete --force test_box 3>&-
	nothing_left test_box
	not grep 'cgroup\.procs\|cgroup\.kill\|freezer\.state' trace
	[ "$(grep -c boot_id trace)" -eq 1 ]
}

@test "delete runs all poststop hooks; failures are no errors" {
	update_config '.hooks.poststop = [
		{"path": "/bin/sh", "args": ["sh", "-c", "echo first; exit 3"]},
		{"path": "/bin/sh", "args": ["sh", "-c", $script]},
		{"path": "/nonexistent"}]' --arg script "cat >$BUNDLE/state"
	running
	quietly --log log delete --force test_box
	[ ! -s log ]
	nothing_left test_box
	[ "$(jq -r '[.id, .status, .pid, .bundle] | join(" ")' state)" = "test_box stopped 0 $BUNDLE" ]
}

@test "delete tells of failed poststop hooks" {
	update_config '.hooks.poststop = [{"path": "/bin/sh", "args": ["sh", "-c", "exit 3"]}]'
	running
	must delete --force test_box
	[[ $output = *"level=warning"*"error running poststop hook #0: exit status 3"* ]]
}

@test "delete of a directory without a record removes it" {
	mkdir -p "$ROOT/test_early"
	refused "container does not exist" delete test_early
	[ ! -e "$ROOT/test_early" ]
	mkdir -p "$ROOT/test_early"
	quietly delete --force test_early
	[ ! -e "$ROOT/test_early" ]
}

@test "delete --force of a container with a damaged record ends it" {
	running
	pid=$(state_of test_box .pid)
	echo '{"id":' >"$ROOT/test_box/record.json"
	refused "the container's record.json is damaged" delete test_box
	quietly delete --force test_box
	nothing_left test_box
	wait_for 5 gone "$pid"
}

# bats test_tags=vm
@test "delete after a reboot leaves the processes and cgroups of others alone" {
	mkdir -p "$ROOT"
	mount -t ramfs none "$ROOT" # a tmpfs is never found after a reboot
	running
	pid=$(state_of test_box .pid)
	cp -r "$ROOT/test_box" saved
	sed -i 's/^"bootId":"./"bootId":"x/' "$ROOT/test_box/record.json"
	quietly delete test_box
	kill -0 "$pid"
	for path in $CGROUPS; do
		[ -d "$path" ]
	done
	cp -r saved "$ROOT/test_box"
	is_status test_box running
	quietly delete --force test_box
	umount "$ROOT"
}

@test "delete of two at once: one does it" {
	running
	hull_bg delete --force test_box
	hull delete --force test_box
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	wait "$pid"
	[ ! -s "$BATS_TEST_TMPDIR/bg" ]
	nothing_left test_box
}

@test "delete --force cleans up after a create that was killed at any moment" {
	local i killed=0
	mkfifo never
	exec 7<>never # a wait without a process, which a slow machine makes slowly
	for i in {1..30}; do
		hull_bg create test_box
		read -rt "0.00$((i % 10))$((i * 7 % 10))" -u 7 || true
		! kill -9 "$pid" 2>/dev/null || killed=$((killed + 1))
		wait "$pid" 2>/dev/null || true
		CGROUPS=
		[ ! -s "$ROOT/test_box/record.json" ] || CGROUPS=$(cgroups_of test_box)
		quietly delete --force test_box
		nothing_left test_box
	done
	exec 7>&-
	[ "$killed" -gt 0 ]
}

# bats test_tags=vm,vm-systemd
@test "delete --force cleans up after a create that was killed in a hook" {
	update_config '.hooks.createRuntime = [{"path": "/bin/sh", "args": ["sh", "-c", $script]}]' \
		--arg script "echo \$\$ >$BUNDLE/hook; exec sleep 1000"
	hull_bg create test_box
	wait_for 5 test -s hook
	is_status test_box creating
	CGROUPS=$(cgroups_of test_box)
	kill -9 "$pid" "$(<hook)"
	wait "$pid" || true
	is_status test_box stopped
	quietly delete --force test_box
	nothing_left test_box
}

@test "delete --force of a create that was killed early spares whoever is in the cgroup it named" {
	dir=/sys/fs/cgroup/test_strangers
	is_v1 && dir=/sys/fs/cgroup/pids/test_strangers
	mkdir "$dir"
	sleep 1000 3>&- &
	stranger=$!
	echo $stranger >"$dir/cgroup.procs"
	sleep 0.05 # a clock tick, by which the start times differ
	quietly create test_box
	# What the journal of such a create says.
	jq --arg d "$dir" '.phase = "creating" | .pid = 0 | .cgroup.dirs = [.cgroup.dirs[] | select(.path | test("pids|/fs/cgroup/test_box$")) | .path = $d]' \
		"$ROOT/test_box/record.json" >record && CGROUPS=$(cgroups_of test_box) && init=$(state_of test_box .pid)
	kill -KILL "$init"
	wait_for 10 gone "$init"
	# shellcheck disable=SC2086
	rmdir $CGROUPS
	cp record "$ROOT/test_box/record.json"
	quietly delete --force test_box
	kill -0 $stranger
	kill -KILL $stranger
	wait $stranger || true
	rmdir "$dir"
}

@test "ps and delete --force reach who sits in cgroups that are nested deeper than hull has descriptors" {
	quietly create test_delete
	dir=$(cgroups_of test_delete | grep /freezer/ || cgroups_of test_delete | head -n 1)
	sleep 1000 3>&- &
	deep=$!
	(
		cd "$dir"
		for _ in $(seq 80); do
			mkdir d
			cd d
		done
		echo "$deep" >cgroup.procs
	)
	ulimit -S -n 64
	must ps --format json test_delete
	[[ $output == *"$deep"* ]]
	quietly delete --force test_delete
	gone "$deep"
	nothing_left test_delete
}

@test "create takes nothing over that delete and another create have put in its place" {
	strace -o trace -e trace=mkdirat -e inject=mkdirat:delay_exit=1500000:when=1 \
		"$HULL" --root "$ROOT" create test_delete >out 2>&1 </dev/null 3>&- &
	first=$!
	wait_for 5 test -d "$ROOT/test_delete"
	quietly delete --force test_delete
	quietly create test_delete
	wait "$first" && false
	grep -F "container with given ID already exists" out
	is_status test_delete created
	quietly delete --force test_delete
	nothing_left test_delete
}
