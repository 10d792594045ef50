#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hull under containerd, through ctr: as the runtime of Go's shim io.containerd.runc.v2 and, called containerd_shim.bats,
# as its own shim io.containerd.hull.v2.
# shellcheck disable=SC2153,SC2154 # HULL, pid and id are the helpers'

load helpers

export CONTAINERD_ADDRESS=$ENGINE/containerd.sock
export CLI=ctr
IMAGE=docker.io/library/busybox:test

setup_file() {
	needs containerd ctr containerd-shim-runc-v2
	shim_link
	config_toml <<<'disabled_plugins = ["io.containerd.grpc.v1.cri"]'
	start_containerd
	oci_image "$ENGINE/busybox.tar"
	ctr image import "$ENGINE/busybox.tar"
}

teardown_file() { end_daemon containerd; }

teardown() {
	local id
	for id in $(ctr container ls -q); do
		timeout 10 ctr task rm -f "$id" >/dev/null 2>&1 || true
		timeout 10 ctr container rm "$id" || true
	done
}

RUN=(ctr run --rm "${RUNTIME[@]}")

pid_of() { ctr task ls | awk -v id="$1" '$1 == id { print $2 }'; }
id_of() { echo "$1"; }

task_is() { [ "$(ctr task ls | awk -v id="$1" '$1 == id { print $3 }')" = "$2" ]; }

# removed ID STATUS: its task, which has ended so.
removed() {
	works ctr task rm "$1"
	[[ $output == *"exit code $2"* ]]
}

@test "containerd takes the runtime class of README's configuration" {
	(echo "version = 2" && readme_config containerd) >"$ENGINE/cri.toml"
	works containerd --config "$ENGINE/cri.toml" config dump
	grep -A 10 'containerd.runtimes.hull\]$' <<<"$output" | grep 'runtime_type = "io.containerd.runc.v2"'
	grep -A 10 'containerd.runtimes.hull.options\]$' <<<"$output" | grep "BinaryName = \"$HULL\""
}

# bats test_tags=clients-v2
@test "ctr run passes output and exit code on, and leaves nothing" {
	says hello "${RUN[@]}" "$IMAGE" test-run echo hello
	fails 5 "" "${RUN[@]}" "$IMAGE" test-run sh -c 'exit 5'
	wait_gone test-run
}

@test "ctr run with a terminal gives one" {
	with_tty works ctr run --rm --tty "${RUNTIME[@]}" "$IMAGE" test-tty tty
	[[ $output == */dev/pts/0* ]]
}

@test "ctr run of a program that is not there tells which" {
	fails 1 'exec: "nosuch": executable file not found in $PATH' \
		"${RUN[@]}" "$IMAGE" test-nosuch nosuch
	wait_gone test-nosuch
}

# bats test_tags=clients-v2
@test "a task is seen, signalled, paused, resumed, measured and deleted" {
	run_service test-life
	task_is test-life RUNNING
	ctr task ps test-life | grep -qw "$pid"

	works ctr task pause test-life
	task_is test-life PAUSED
	is_frozen "$pid"
	works ctr task resume test-life
	task_is test-life RUNNING

	works ctr task metrics --format json test-life
	! is_v1 || jq -e '.pids.current >= 1 and .memory.usage.usage > 0' <<<"$output"

	works ctr task kill --signal USR1 test-life
	wait_for 5 grep -qs usr1 "/proc/$pid/root/signals"
	works ctr task kill test-life
	wait_for 5 task_is test-life STOPPED
	removed test-life 7
	works ctr container rm test-life
	wait_gone test-life
}

# bats test_tags=clients-v2
@test "exec has its own exit code, user, directory and terminal" {
	run_detached test-exec -- sleep 1000
	says ex ctr task exec --exec-id e1 test-exec echo ex
	fails 4 "" ctr task exec --exec-id e2 test-exec sh -c 'exit 4'
	fails 1 'exec: "nosuch": executable file not found in $PATH' ctr task exec --exec-id e3 test-exec nosuch
	says "1000 /tmp" ctr task exec --exec-id e4 --user 1000 --cwd /tmp test-exec sh -c 'echo $(id -u) $(pwd)'
	with_tty works ctr task exec --exec-id e5 --tty test-exec tty
	[[ $output == */dev/pts/0* ]]
	# What a detached one leaves running ends with the container.
	works ctr task exec --detach --exec-id e6 test-exec sleep 1001
	ctr task ps test-exec | grep -qw e6
	works ctr task kill --signal KILL test-exec
	wait_for 5 task_is test-exec STOPPED
	works ctr task rm -f test-exec
	wait_gone test-exec
}

# bats test_tags=clients-v2
@test "kill --all reaches what the container started" {
	run_detached test-all --pid-file "$ENGINE/all.pid" -- sh -c 'sleep 1000 & sleep 1000 & wait'
	[ "$(cat "$ENGINE/all.pid")" = "$pid" ]
	works ctr task kill --all --signal KILL test-all
	wait_for 5 task_is test-all STOPPED
	removed test-all 137
	wait_gone test-all
}

@test "a container that exits at once has its exit code" {
	run_detached test-short -- sh -c 'exit 3'
	wait_for 5 task_is test-short STOPPED
	removed test-short 3
	wait_gone test-short
}

@test "memory that runs out is an event, and limits are where they belong" {
	wants_v1
	(alone ctr events) >"$ENGINE/events" 2>&1 </dev/null &
	local events=$!
	run_detached test-oom --memory-limit 20971520 -- sh -c 'until [ -e /go ]; do sleep 0.05; done; exec tail /dev/zero'
	[ "$(cat "$(cgroup_file "$pid" memory memory.limit_in_bytes)")" = 20971520 ]
	touch "/proc/$pid/root/go"
	wait_for 10 task_is test-oom STOPPED
	wait_for 5 grep -q '/tasks/oom.*test-oom' "$ENGINE/events"
	grep -q '/tasks/exit.*test-oom' "$ENGINE/events"
	kill "$events"
	removed test-oom 137
}

# bats test_tags=clients-v2
@test "options of ctr that are made into config.json take effect" {
	fails 1 "Read-only file system" "${RUN[@]}" --read-only "$IMAGE" test-ro touch /x
	says "NoNewPrivs:	1" "${RUN[@]}" "$IMAGE" test-nnp grep NoNewPrivs /proc/self/status
	says "NoNewPrivs:	0" "${RUN[@]}" --allow-new-privs "$IMAGE" test-anp grep NoNewPrivs /proc/self/status
	says "Seccomp:	2" "${RUN[@]}" --seccomp "$IMAGE" test-sec grep Seccomp: /proc/self/status
	says b "${RUN[@]}" --env A=b "$IMAGE" test-env sh -c 'echo $A'
	# With --uidmap ctr forgets the options of a runtime.
	[ -e "$ENGINE/shim.toml" ] || says "         0     100000      65536" "${RUN[@]}" --uidmap 0:100000:65536 --gidmap 0:100000:65536 "$IMAGE" \
		test-map cat /proc/self/uid_map
	echo bound >"$ENGINE/bound"
	says bound "${RUN[@]}" --mount "type=bind,src=$ENGINE,dst=/mnt,options=rbind:ro" "$IMAGE" test-mnt cat /mnt/bound
	! is_v1 || says 50000 "${RUN[@]}" --cpus 0.5 --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro "$IMAGE" \
		test-cpu cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	works "${RUN[@]}" --privileged "$IMAGE" test-priv grep CapEff /proc/self/status
	[ "${output#*:?}" != 00000000a80425fb ]
	[ -e "$ENGINE/shim.toml" ] || wait_gone test-map
}

@test "containers of 50, 8 at a time" {
	local i failed=0
	for i in {1..50}; do
		[ "$i" -le 8 ] || wait -n || failed=$((failed + 1))
		(alone timeout 30 "${RUN[@]}" "$IMAGE" "test-many$i" true) >>"$ENGINE/many.log" 2>&1 </dev/null &
	done
	for i in {1..8}; do
		wait -n || failed=$((failed + 1))
	done
	cat "$ENGINE/many.log"
	[ "$failed" = 0 ]
	wait_gone test-many
}

# bats test_tags=clients-v2
@test "a network of CNI plugins: loopback and a bridge" {
	cni_network /etc/cni/net.d
	works ctr run --rm --cni "${RUNTIME[@]}" "$IMAGE" test-cni \
		sh -c 'ip -4 -o addr; ping -c 1 -W 5 10.99.0.1'
	[[ $output == *"lo "*127.0.0.1* ]]
	[[ $output == *"eth0 "*10.99.0.* ]]
	[[ $output == *"1 packets received"* ]]
	wait_gone test-cni
}

@test "a container is checkpointed to an image, and restored from it" {
	command -v criu >/dev/null || skip "no criu that works on this kernel"
	local at
	run_detached test-cp -- "${COUNT[@]}"
	wait_for 5 counts_on "$pid" 3
	works ctr container checkpoint --task --rw --image test-cp checkpoint:test
	task_is test-cp RUNNING
	at=$(count_of "$pid")
	wait_for 5 counts_on "$pid" "$at"
	works ctr task rm -f test-cp
	works ctr container rm test-cp
	works ctr container restore --live test-cp2 checkpoint:test
	wait_for 5 counts_on "$(pid_of test-cp2)" "$at"
	works ctr task exec --exec-id x test-cp2 true
	works ctr task rm -f test-cp2
	works ctr container rm test-cp2
	works ctr image rm checkpoint:test
	wait_gone test-cp2
}

@test "a checkpoint that fails is told of, and the container goes on" {
	! own_shim || skip "ctr has no --image-path for a runtime that is not runc's"
	command -v criu >/dev/null || skip "no criu that works on this kernel"
	run_detached test-cp -- sleep 1000
	mkdir -p "$ENGINE/cp"
	mount -t tmpfs -o size=16k tmpfs "$ENGINE/cp"
	fails 1 "criu failed: type DUMP" ctr task checkpoint --image-path "$ENGINE/cp" test-cp
	umount "$ENGINE/cp"
	task_is test-cp RUNNING
	works ctr task exec --exec-id x test-cp true
}

# bats test_tags=clients-v2
@test "containerd started anew finds its containers" {
	run_service test-restart
	end_daemon containerd
	start_containerd
	[ "$(pid_of test-restart)" = "$pid" ]
	says again ctr task exec --exec-id e1 test-restart echo again
	works ctr task kill test-restart
	wait_for 5 task_is test-restart STOPPED
	removed test-restart 7
	wait_gone test-restart
}

# blocked_create ID: ctr run in the background, whose hull waits for a hook; their PIDs in $client and $hull.
blocked_create() {
	local id=$1
	fifo=$ENGINE/$id.fifo
	mkfifo "$fifo"
	rm -f "$ENGINE/config.json"
	"$HULL" spec --bundle "$ENGINE"
	jq --arg fifo "$fifo" --arg root "$(rootfs_template)" '.process.terminal = false | .process.args = ["sleep", "1000"]
		| .root = {path: $root} | .linux.cgroupsPath = "/test/'"$id"'"
		| .hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo $PPID >\($fifo).hull; exec cat \($fifo)"]}]' \
		"$ENGINE/config.json" >"$ENGINE/$id.json"
	(alone ctr run --detach "${RUNTIME[@]}" --config "$ENGINE/$id.json" "$id") >"$ENGINE/$id.out" 2>&1 </dev/null &
	client=$!
	wait_for 10 test -s "$fifo.hull"
	hull=$(<"$fifo.hull")
	if own_shim; then
		[[ $(tr '\0' ' ' <"/proc/$hull/cmdline") == containerd-shim-hull-v2* ]]
	else
		[[ $(tr '\0' ' ' <"/proc/$hull/cmdline") == *"$HULL "*" create "* ]]
	fi
}

@test "containerd killed in the middle of a create and started anew can remove the container" {
	blocked_create test-killed
	local shim
	shim=$(parent_of "$hull")
	end_daemon containerd KILL
	wait "$client" || true
	wait_for 10 gone "$hull"
	release_hook
	start_containerd
	# containerd 1.6 finds the shim and no task, and removes the container without a word to the shim (with runc, too).
	works ctr container rm test-killed
	kill -KILL "$shim"
	wait_gone test-killed
}

nothing_but_shim() { ! left_of "$1" | grep -v "^process [0-9]* \(/usr/bin/\)\?containerd-shim"; }

@test "a create whose client goes away leaves nothing" {
	blocked_create test-client
	local shim
	shim=$(parent_of "$hull")
	kill -KILL "$client"
	wait_for 10 gone "$hull"
	release_hook
	works ctr container rm test-client
	wait_for 15 nothing_but_shim test-client
	# containerd 1.6 sometimes forgets the shim (with runc, too).
	kill -KILL "$shim" 2>/dev/null || true
	wait_gone test-client
}

# bats test_tags=clients-v2
@test "hull killed in the middle of a create is an error, and leaves nothing" {
	blocked_create test-hull
	kill -KILL "$hull"
	local result=0
	wait "$client" || result=$?
	[ "$result" = 1 ]
	release_hook
	works ctr container rm test-hull
	wait_gone test-hull
}

@test "a shim that is killed takes its container along" {
	run_detached test-shim -- sleep 1000
	local shim
	shim=$(parent_of "$pid")
	[[ $(tr '\0' ' ' <"/proc/$shim/cmdline") == *containerd-shim* ]]
	kill -KILL "$shim"
	wait_for 10 gone "$pid"
	try ctr task rm -f test-shim
	works ctr container rm test-shim
	wait_gone test-shim
}
