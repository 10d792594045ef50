# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # status, output and lines are for the tests
#
# What the bats files share. A file begins with
#
#   load helpers
#   setup() { setup_bundle; }
#   teardown() { teardown_bundle; }
#
# Each test has a state directory $ROOT and a bundle $BUNDLE of its own, is in the bundle, and names its containers
# test..., by which leftovers are found. make check sets HULL and HULL_LANE.

bats_require_minimum_version 1.5.0
: "${HULL:=${BATS_TEST_DIRNAME:-bats}/../build/hull}" "${HULL_LANE:=host}"
HULL=$(realpath "$HULL")
ROOT=$BATS_TEST_TMPDIR/state
BUNDLE=$BATS_TEST_TMPDIR/bundle

# --- Bundles -----------------------------------------------------------------------------------------------------------

# All of busybox' 269 are 20 ms more for each test.
APPLETS="[ ash awk basename cat chgrp chmod chown chroot clear cmp cp cut date dd df dirname echo env expr false
	find grep groups head hostname httpd id ifconfig init ionice ip kill ln ls mkdir mkfifo mknod mktemp more mount mv nc
	nproc nsenter od pidof ping ps pwd readlink realpath renice rm rmdir sed seq setpriv setsid sh sha256sum sleep sort
	stat stty sync sysctl tail tar taskset tee test time timeout top touch tr true truncate tty umount uname uniq
	unshare uptime usleep wc wget which whoami xargs yes"

# A busybox root, prepared once in a run of bats.
rootfs_template() {
	local template=$BATS_RUN_TMPDIR/rootfs
	if [ ! -d "$template" ]; then
		mkdir -p "$template.new"/{bin,dev,etc,proc,root,sys,tmp,usr/bin,var}
		chmod 1777 "$template.new/tmp"
		cp "$(command -v busybox)" "$template.new/bin/busybox"
		# shellcheck disable=SC2086 # many words
		(cd "$template.new/bin" && perl -e 'symlink "busybox", $_ for @ARGV' $APPLETS)
		echo 'root:x:0:0:root:/root:/bin/sh' >"$template.new/etc/passwd"
		echo 'root:x:0:' >"$template.new/etc/group"
		mv "$template.new" "$template"
	fi
	echo "$template"
}

# setup_bundle [ARG...]: hull's own config.json without a terminal, with these process.args (default: sleep 1000). It is
# a rootless one for an ordinary user.
setup_bundle() {
	[ $# -gt 0 ] || set -- sleep 1000
	mkdir -p "$BUNDLE"
	cp -a "$(rootfs_template)" "$BUNDLE/rootfs"
	cd "$BUNDLE" || return 1
	if [ "$EUID" = 0 ]; then "$HULL" spec; else "$HULL" spec --rootless; fi
	update_config '.process.terminal = false | .process.args = $ARGS.positional' --args -- "$@"
}

# It begins in a sixth of the time, and has keys in the order of the alphabet; "command jq" keeps theirs.
jq() { gojq "$@"; }

# day: of those since 1970; make check's, in CI, or today. What is too much for each day is sampled by it.
day() { echo "${DAY:-$(($(date +%s) / 86400))}"; }

# update_config FILTER [JQ OPTION...]
update_config() {
	local filter=$1
	shift
	jq "$filter" "$BUNDLE/config.json" "$@" >"$BUNDLE/config.json.new"
	mv "$BUNDLE/config.json.new" "$BUNDLE/config.json"
}

set_args() { update_config '.process.args = $ARGS.positional' --args -- "$@"; }

# add_mount DESTINATION TYPE SOURCE OPTION...
add_mount() {
	local dest=$1 type=$2 source=$3 options
	shift 3
	options=$(jq -nc '$ARGS.positional' --args -- "$@")
	update_config '.mounts += [{destination: $d, type: $t, source: $s, options: $o}]' \
		--arg d "$dest" --arg t "$type" --arg s "$source" --argjson o "$options"
}

# open_way [DIRECTORY...]: an ordinary user may pass through the test's directories, and these.
open_way() { chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR" "$@"; }

# The bundle in a user namespace, whose root is the host's user 100000 and group 200000.
user_namespace() {
	update_config '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]'
	chown -R 100000:200000 rootfs
	# The way to the bundle must be open to that user.
	open_way "$BUNDLE"
}

# Ends everything that a test may have left.
teardown_bundle() {
	local dir
	for dir in "$ROOT"/[!@]*/; do
		[ ! -d "$dir" ] || "$HULL" --root "$ROOT" delete --force "$(basename "$dir")" 3>&- || true
	done
	cd / || return 1
	rm -rf --one-file-system "$BUNDLE" "$ROOT"
}

# --- Running hull ------------------------------------------------------------------------------------------------------

# hull ARG...: run it, and set status, output and lines as bats' run does. The output goes to a file: a container that
# inherits it keeps nobody waiting; descriptor 3 is bats' own.
hull() {
	local file=$BATS_TEST_TMPDIR/output
	status=0
	"$HULL" --root "$ROOT" "$@" >"$file" 2>&1 3>&- || status=$?
	output=$(<"$file")
	mapfile -t lines <"$file"
	printf '$ hull %s\n%s\n(status %d)\n' "$*" "$output" "$status"
}

# It must succeed.
must() {
	hull "$@"
	[ "$status" -eq 0 ]
}

# It must succeed without a word.
quietly() {
	must "$@"
	[ -z "$output" ]
}

# refused TEXT ARG...: it must fail, with one line of log, besides warnings, that contains the text.
refused() {
	local text=$1 line n=0
	shift
	hull "$@"
	[ "$status" -ne 0 ]
	for line in "${lines[@]}"; do
		[[ $line = *level=warning* ]] || n=$((n + 1))
	done
	[ "$n" -eq 1 ]
	[[ $output == *"$text"* ]]
}

# hull_bg ARG...: in the background; its PID is in $pid, its output in $BATS_TEST_TMPDIR/bg.
hull_bg() {
	"$HULL" --root "$ROOT" "$@" >"$BATS_TEST_TMPDIR/bg" 2>&1 </dev/null 3>&- &
	pid=$!
}

# compiled NAME.c [FLAG...]: the path of the static program made from bats/NAME.c, once in a run of bats,
# or before it.
compiled() {
	local name=${1##*/} source=$BATS_TEST_DIRNAME/$1 deps=$BATS_TEST_DIRNAME/../build/deps
	local program=${HULL_PROGRAMS:-$BATS_RUN_TMPDIR}/${name%.c}
	shift
	[ -x "$program" ] || musl-gcc -static -Os -isystem "$deps/include" -idirafter "$deps/include-linux" -L"$deps/lib" \
		-o "$program" "$source" "$@"
	echo "$program"
}

# receive_tty [INPUT]: in the background, on the socket tty.sock; its PID is in $receiver, its output in tty.out.
receive_tty() {
	rm -f tty.sock
	"$(compiled recvtty.c)" tty.sock "$@" >tty.out 2>&1 </dev/null 3>&- &
	receiver=$!
	wait_for 10 test -S tty.sock
}

# not COMMAND...: it must fail. A plain ! does not end a test.
not() { ! "$@"; }

# --- Looking at containers ---------------------------------------------------------------------------------------------

# state_of ID [.FIELD]
state_of() { "$HULL" --root "$ROOT" state "$1" 3>&- | jq -r "${2:-.status}"; }

# is_status ID STATUS
is_status() {
	local found
	found=$(state_of "$1")
	[ "$found" = "$2" ] || {
		echo "$1 is $found, not $2"
		return 1
	}
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -le "$end" ] || {
			echo "still not so: $*"
			return 1
		}
		sleep 0.02
	done
}

wait_status() { wait_for 5 is_status "$1" "$2" >/dev/null || is_status "$1" "$2"; }

# has_processes ID N: so many in its cgroups.
has_processes() { [ "$("$HULL" --root "$ROOT" ps -f json "$1" 3>&- | jq length)" = "$2" ]; }

# gone PID...: dead, though perhaps its parent does not care.
gone() {
	local pid
	for pid; do
		! kill -0 "$pid" 2>/dev/null || [[ $(cat "/proc/$pid/stat" 2>/dev/null) = *") Z "* ]] || return 1
	done
}

# cgroups_path NAME: a linux.cgroupsPath for this lane's cgroup driver.
cgroups_path() {
	if [ "$HULL_LANE" = vm-systemd ]; then
		echo "test.slice:hull:$1"
	else
		echo "/$1"
	fi
}

# The directories of a container's cgroups, from its record.
cgroups_of() { jq -r '.cgroup.dirs[].path' "$ROOT/$1/record.json"; }

# nothing_left ID: neither state nor cgroups nor mounts. CGROUPS may hold what cgroups_of said before.
nothing_left() {
	local path
	[ ! -e "$ROOT/$1" ] || { echo "there is $ROOT/$1" && return 1; }
	for path in ${CGROUPS:-}; do
		[ ! -e "$path" ] || { echo "there is $path" && return 1; }
	done
	! grep -F " $BUNDLE/" /proc/mounts
}

is_v1() { [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; }
