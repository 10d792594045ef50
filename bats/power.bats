#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host

# The power fails: the state directory is on a disk, of which copies are taken at any moment while containers are made and
# deleted on it. In each of them, after a "boot", list, state and delete work, and nobody of now is taken for one of then.

# shellcheck disable=SC2154 # helpers.bash sets status and output

load helpers

setup() {
	[ "$EUID" = 0 ] || skip "it takes a disk"
	setup_bundle sleep 1000
	OLD_ROOT=$ROOT
	mkdir /dev/shm/hull-power.$$ && DISK=/dev/shm/hull-power.$$
	truncate -s 8M "$DISK/image"
	mkfs.ext4 -q -F "$DISK/image"
	mkdir "$DISK/now" "$DISK/then"
	mount -o loop,commit=1 "$DISK/image" "$DISK/now"
	ROOT=$DISK/now/hull
}

teardown() {
	[ -v DISK ] || return 0
	teardown_bundle
	umount "$DISK/now"
	rm -rf --one-file-system "$DISK" "$OLD_ROOT"
}

# Commands one after the other, and what they have written goes to the disk now and then.
live() {
	local i
	for ((i = 0; ; i++)); do
		"$HULL" --root "$ROOT" create "test_$((i % 3))" || :
		[ $((i % 2)) = 0 ] || sync -f "$ROOT"
		"$HULL" --root "$ROOT" start "test_$((i % 3))" || :
		[ $((i % 3)) = 0 ] || "$HULL" --root "$ROOT" delete --force "test_$(((i + 1) % 3))" || :
		[ $((i % 5)) != 0 ] || sync -f "$ROOT"
	done
}

# In a mount namespace of its own: the machine has booted since.
after_boot() {
	local dir id copy=$1
	echo 00000000-0000-0000-0000-000000000000 >"$DISK/boot_id"
	mount --bind "$DISK/boot_id" /proc/sys/kernel/random/boot_id
	mount -o loop "$copy" "$DISK/then"
	ROOT=$DISK/then/hull
	[ -d "$ROOT" ] || { echo "nothing of it" && return 0; }
	hull list
	[ "$status" = 0 ] && [[ $output != *running* ]]
	for dir in "$ROOT"/[!.@]*/; do
		[ -d "$dir" ] || continue
		id=$(basename "$dir")
		hull state "$id"
		[[ $output = *'"status": "stopped"'* || $output = *level=error* ]]
		must delete --force "$id"
	done
	must create test_new
	must delete --force test_new
	[ -z "$(find "$ROOT" -mindepth 1 -maxdepth 1 -type d -name 'test*')" ]
}

@test "after a power failure at any moment list, state and delete work" {
	local n=25 i seen=0 live_pid
	quietly create test_alive
	live >/dev/null 2>&1 3>&- &
	live_pid=$!
	for ((i = 0; i < n; i++)); do
		sleep 0.0$((RANDOM % 9 + 1))
		cp "$DISK/image" "$DISK/copy$i"
	done
	kill "$live_pid"
	wait "$live_pid" || :
	export -f after_boot hull must
	export DISK ROOT
	for ((i = 0; i < n; i++)); do
		output=$(unshare -m --propagation private bash -ec "after_boot $DISK/copy$i" 3>&- 2>&1) || { echo "copy $i: $output" && false; }
		[[ $output = "nothing of it" || $output != *state* ]] || seen=$((seen + 1))
		rm "$DISK/copy$i"
	done
	echo "$seen of $n with containers"
	[ "$seen" -gt 3 ]
	# Whose record was deleted on another boot's disk is none of ours.
	is_status test_alive created
}
