#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# room.sh COMMAND...: a container engine's world of its own for a command; called by run-tests.sh as root. Inside it
#
#   - processes, mounts, network, IPC and cgroups are in new namespaces; what is left of them goes with the command
#   - the cgroups that can be seen begin at a child of the caller's own: v1 controllers alone (ROOM_VIEW=v1, the
#     default; an engine takes a hybrid for v1 or refuses it), or cgroup2 alone (ROOM_VIEW=v2)
#   - /run and the engines' directories are empty, and /etc is an overlay: nothing of the machine's changes
#
# The exit code is the command's; 77 says that this machine cannot have the room.
set -uo pipefail

CANNOT=77

cannot() {
	echo "$*" >&2
	exit "$CANNOT"
}

# --- Inside: PID 1 of the new namespaces, until it becomes catatonit -----------------------------------------------------

mount_cgroups() {
	local controllers dir
	umount -R -l /sys/fs/cgroup || cannot "cannot unmount /sys/fs/cgroup"
	if [ "$1" = v2 ]; then
		mount -t cgroup2 none /sys/fs/cgroup || cannot "cannot mount cgroup2"
		return
	fi
	mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup || cannot "cannot mount a tmpfs"
	while IFS=: read -r _ controllers _; do
		[ -n "$controllers" ] || continue
		dir=/sys/fs/cgroup/${controllers#name=}
		mkdir "$dir"
		[[ $controllers != name=* ]] || controllers=none,$controllers
		mount -t cgroup -o "$controllers" cgroup "$dir" || cannot "cannot mount the cgroups of $controllers"
	done </proc/self/cgroup
	mount -o remount,ro /sys/fs/cgroup
}

private_folders() {
	local dir
	for dir in /run /var/lib/cni /var/lib/containerd /var/lib/containers /var/lib/docker; do
		[ -d "$dir" ] || continue # its package is missing; to make it would change the machine
		mount -t tmpfs -o mode=755 tmpfs "$dir" || cannot "cannot mount a tmpfs at $dir"
	done
	mkdir -p /run/room/etc/upper /run/room/etc/work /run/lock
	mount -t overlay -o lowerdir=/etc,upperdir=/run/room/etc/upper,workdir=/run/room/etc/work overlay /etc ||
		cannot "cannot mount an overlay at /etc"
}

# In the new cgroup namespace, before the others. Below cgroup2 one that has controllers for its children has no processes:
# its root is left to what the engines make.
if [ "${1:-}" = --enter ]; then
	view=$2 dir=$3
	shift 3
	if [ "$view" = v2 ]; then
		mkdir "$dir/room" || cannot "cannot make $dir/room"
		echo $$ >"$dir/room/cgroup.procs" || cannot "cannot enter $dir/room"
	fi
	exec unshare --mount --net --pid --ipc --uts --fork --kill-child --mount-proc --propagation private \
		-- "$0" --inside "$view" "$@"
fi

if [ "${1:-}" = --inside ]; then
	view=$2
	shift 2
	mount --make-rshared / # as systemd makes it, and podman expects it
	mount_cgroups "$view"
	private_folders
	ip link set lo up || cannot "no loopback interface"
	# It reaps what the engines orphan, and passes signals and the exit code on.
	exec catatonit -- "$@"
fi

# --- Outside -------------------------------------------------------------------------------------------------------------

view=${ROOM_VIEW:-v1}
name=hull-room.$$
groups=$(</proc/self/cgroup)
dirs=()

# A child of each of the caller's cgroups, into $dirs.
make_cgroups() {
	local controllers own dir
	while IFS=: read -r _ controllers own; do
		dir=/sys/fs/cgroup/${controllers#name=}
		if [ -z "$controllers" ]; then
			dir=/sys/fs/cgroup
			[ ! -e /sys/fs/cgroup/unified/cgroup.procs ] || dir=/sys/fs/cgroup/unified
		fi
		dir=${dir}${own%/}
		[ -e "$dir/cgroup.procs" ] || continue # a hierarchy that is mounted nowhere
		mkdir "$dir/$name" || cannot "cannot make $dir/$name"
		dirs+=("$dir/$name")
		if [ "$controllers" = cpuset ]; then
			cat "$dir/cpuset.cpus" >"$dir/$name/cpuset.cpus"
			cat "$dir/cpuset.mems" >"$dir/$name/cpuset.mems"
		fi
	done <<<"$groups"
}

# They are empty: the end of a PID namespace waits for its last process. The kernel may need a moment to believe it.
remove_cgroups() {
	local dir
	for dir in "${dirs[@]}"; do
		for _ in {1..100}; do
			find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null
			[ -d "$dir" ] || break
			sleep 0.05
		done
		[ ! -d "$dir" ] || echo "room.sh: $dir stays" >&2
	done
}

enter() {
	local dir
	for dir in "${dirs[@]}"; do
		echo "$BASHPID" >"$dir/cgroup.procs" || cannot "cannot enter $dir"
	done
	exec unshare --cgroup -- "$0" --enter "$view" "${dirs[-1]}" "$@"
}

command -v catatonit >/dev/null || cannot "the engines' packages are missing (make check-clients installs them)"
if [ "$view" = v1 ] && [[ $groups != *:memory:* ]]; then
	cannot "this machine has no v1 memory controller"
fi
trap remove_cgroups EXIT
make_cgroups
enter "$@" <&0 &
job=$!
# unshare ignores SIGTERM; with it go PID 1 and all the others.
trap 'kill -KILL "$job" 2>/dev/null' INT TERM
while :; do
	wait "$job"
	status=$?
	kill -0 "$job" 2>/dev/null || break # a signal that was passed on has ended the wait
done
exit "$status"
