#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# Bad input: each gets one sentence and leaves nothing behind. Those of bats/bad are in bad.bats.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has its own variables; helpers.bash uses and sets others

load helpers

setup() { setup_bundle; }
teardown() {
	if [ -n "${mounted:-}" ]; then
		"$HULL" --root "$ROOT" delete --force test_bad 3>&- || true
		umount "$mounted"
	fi
	teardown_bundle
}

# sentence TEXT ARG...: it must fail with exit code 1, with this text in the one line that it prints.
sentence() {
	local text=$1
	shift
	hull --log-format json "$@"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	mapfile -t message < <(jq -r '.level, .msg' <<<"$output")
	[ "${message[0]}" = error ]
	[[ ${message[*]:1} = *"$text"* ]] || {
		echo "not in the message: $text"
		return 1
	}
}

# bad TEXT: create must fail with it and leave nothing.
bad() {
	sentence "$1" create test_bad
	nothing_left test_bad
	[ -z "$(find /sys/fs/cgroup -type d -name test_bad)" ]
	# But what hull keeps for containers to come.
	[ -z "$(find "$ROOT" -mindepth 1 -maxdepth 1 -not -name '.@*' 2>/dev/null)" ]
}

# --- config.json ---------------------------------------------------------------------------------------------------------

@test "create without a config.json says so" {
	rm config.json
	bad "JSON specification file config.json not found"
	mkdir config.json
	bad "config.json"
	rmdir config.json
	ln -s loop loop
	ln -s loop config.json
	bad "too many levels of symbolic links"
}

@test "create reads a config.json of any kind of file to its end, or refuses it" {
	mv config.json real.json
	ln -s real.json config.json
	quietly create test_bad
	quietly delete --force test_bad
	rm config.json
	ln -s /dev/zero config.json
	bad "config.json"
	rm config.json
	head -c 5000000 /dev/zero | tr '\0' ' ' >config.json
	bad "config.json"
}

@test "create of a relative mount destination takes it from the root" {
	update_config '.mounts[0].destination = "proc"'
	set_args cat /proc/self/mounts
	must run test_bad
	[[ $output = *"proc /proc proc "* ]]
}

@test "create goes on with an unknown capability, and refuses an unknown namespace" {
	update_config '.process.capabilities.bounding += ["CAP_OF_TOMORROW"]'
	hull create test_bad
	[ "$status" -eq 0 ]
	quietly delete --force test_bad
	update_config '.linux.namespaces += [{"type": "tomorrow"}]'
	bad 'unknown namespace type "tomorrow"'
}

# --- the bundle ----------------------------------------------------------------------------------------------------------

@test "create without a root file system names the path" {
	rm -rf rootfs
	bad "rootfs $BUNDLE/rootfs: no such file or directory (/root/path)"
	echo file >rootfs
	bad "rootfs $BUNDLE/rootfs: not a directory (/root/path)"
	update_config '.root.path = "/nonexistent"'
	bad "rootfs /nonexistent: no such file or directory (/root/path)"
	update_config '.root.path = "/"'
	bad "must not be the root of the host (/root/path)"
	ln -s / link
	update_config '.root.path = "link"'
	bad "rootfs is the host's own root (/root/path)"
}

@test "create follows a root file system that is a symbolic link" {
	mv rootfs real
	ln -s real rootfs
	set_args sh -c 'cat /etc/passwd'
	must run test_bad
	[ "$output" = "$(cat real/etc/passwd)" ]
	rm rootfs
	ln -s "$BUNDLE/real" "$BATS_TEST_TMPDIR/link"
	update_config '.root.path = $p' --arg p "$BATS_TEST_TMPDIR/link"
	must run test_bad
	rm "$BATS_TEST_TMPDIR/link"
	ln -s rootfs rootfs
	update_config '.root.path = "rootfs"'
	bad "rootfs $BUNDLE/rootfs: too many levels of symbolic links (/root/path)"
}

@test "create names the mount whose source is missing" {
	update_config '.mounts += [{destination: "/mnt", type: "bind", source: "/nonexistent", options: ["bind"]}]'
	bad "/nonexistent: no such file or directory (/mounts/7/source)"
	[ ! -e rootfs/mnt ]
	update_config '.mounts[7].source = "not/here"'
	bad "$BUNDLE/not/here: no such file or directory (/mounts/7/source)"
}

@test "create names the namespace whose path is missing" {
	update_config '.linux.namespaces[0].path = "/nonexistent"'
	bad "/nonexistent: no such file or directory (/linux/namespaces/0/path)"
}

# --- ids -----------------------------------------------------------------------------------------------------------------

@test "every command refuses an id that is no name, before anything is made" {
	long=$(printf 'x%.0s' {1..256})
	for id in a/b ../x / . .. 'a b' "a'b" $'a\nb' ä "$long"; do
		for command in create run start state kill delete pause resume ps; do
			sentence "invalid container ID format" "$command" "$id"
		done
		hull exec "$id" true
		[ "$status" -eq 255 ]
	done
	sentence "container id cannot be empty" create ""
	[ ! -e "$ROOT" ]
	[ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "create of an id of 255 characters works" {
	long=test_$(printf 'x%.0s' {1..250})
	quietly create "$long"
	quietly start "$long"
	quietly delete --force "$long"
}

@test "create refuses an id in use, and does its owner no harm" {
	quietly create test_bad
	for command in create run; do
		sentence "container with given ID already exists" "$command" --pid-file pid test_bad
	done
	[ ! -e pid ]
	quietly start test_bad
	is_status test_bad running
	sentence "container with given ID already exists" create test_bad
	is_status test_bad running
	# Its files of before are none of the second create's to remove.
	quietly delete --force test_bad
	nothing_left test_bad
}

@test "create of two of one id at once: exactly one makes it" {
	for _ in 1 2 3 4 5; do
		hull_bg create test_bad
		hull create test_bad
		other=0
		wait "$pid" || other=$?
		[ $((status + other)) -eq 1 ]
		cat "$BATS_TEST_TMPDIR/output" "$BATS_TEST_TMPDIR/bg" >both
		[ "$(wc -l <both)" -eq 1 ]
		grep -qF "container with given ID already exists" both
		is_status test_bad created
		quietly delete test_bad
	done
}

@test "create refuses a cgroup that has processes" {
	quietly create test_bad
	update_config '.linux.cgroupsPath = "/test_bad_shared"'
	quietly create test_bad1
	sentence "container's cgroup is not empty" create test_bad2
	nothing_left test_bad2
	is_status test_bad1 created
	is_status test_bad created
}

# --- the state directory -------------------------------------------------------------------------------------------------

@test "create where the state directory cannot be made says so" {
	echo file >"$BATS_TEST_TMPDIR/file"
	run -1 "$HULL" --root "$BATS_TEST_TMPDIR/file" create test_bad 3>&-
	[ "${#lines[@]}" -eq 1 ]
	[[ $output = *"$BATS_TEST_TMPDIR/file: not a directory"* ]]
	run -1 "$HULL" --root "$BATS_TEST_TMPDIR/file/sub" create test_bad 3>&-
	[ "${#lines[@]}" -eq 1 ]
	[[ $output = *"not a directory"* ]]
}

@test "create in a full state directory leaves nothing" {
	mkdir -p "$ROOT"
	mount -t tmpfs -o size=64k none "$ROOT"
	mounted=$ROOT
	dd if=/dev/zero of="$ROOT/@fill" bs=1k 2>/dev/null || true
	sentence "no space left on device" create test_bad
	[ ! -e "$ROOT/test_bad" ]
	[ -z "$(find /sys/fs/cgroup -type d -name test_bad)" ]
	# One page: the record, but not the copy of config.json.
	for kib in 4 8 12; do
		rm "$ROOT/@fill"
		dd if=/dev/zero of="$ROOT/@fill" bs=1k count=$((64 - kib)) 2>/dev/null || true
		hull create test_bad
		if [ "$status" -ne 0 ]; then
			[ "${#lines[@]}" -eq 1 ]
			[[ $output = *"no space left on device"* ]]
			[ ! -e "$ROOT/test_bad" ]
		fi
		quietly delete --force test_bad
		[ -z "$(find /sys/fs/cgroup -type d -name test_bad)" ]
	done
	# Work in a directory that has become full goes on.
	rm "$ROOT/@fill"
	quietly create test_bad
	dd if=/dev/zero of="$ROOT/@fill" bs=1k 2>/dev/null || true
	quietly start test_bad
	is_status test_bad running
	quietly delete --force test_bad
	[ ! -e "$ROOT/test_bad" ]
}

@test "create in a state directory without inodes leaves nothing" {
	mkdir -p "$ROOT"
	mount -t tmpfs -o size=1m,nr_inodes=8 none "$ROOT"
	mounted=$ROOT
	for used in 7 6 5 4 3 2; do
		rm -f "$ROOT"/@*
		for ((i = 1; i <= used; i++)); do
			: >"$ROOT/@$i"
		done
		hull create test_bad
		if [ "$status" -ne 0 ]; then
			[ "${#lines[@]}" -eq 1 ]
			[[ $output = *"no space left on device"* ]]
			[ ! -e "$ROOT/test_bad" ]
			[ -z "$(find /sys/fs/cgroup -type d -name test_bad)" ]
		fi
		quietly delete --force test_bad
	done
	[ "$status" -eq 0 ]
}

@test "create in a read-only state directory leaves nothing" {
	mkdir -p "$ROOT"
	mount -t tmpfs -o ro none "$ROOT"
	mounted=$ROOT
	sentence "read-only file system" create test_bad
	[ -z "$(find /sys/fs/cgroup -type d -name test_bad)" ]
}

@test "delete refuses what runs, with the status in the sentence" {
	quietly create test_bad
	quietly start test_bad
	sentence "cannot delete container test_bad that is not stopped: running" delete test_bad
	is_status test_bad running
}

@test "every command says one sentence of a damaged record, and delete --force works" {
	quietly create test_bad
	CGROUPS=$(cgroups_of test_bad)
	init=$(state_of test_bad .pid)
	cp "$ROOT/test_bad/record.json" saved
	size=$(stat -c %s saved)
	damage() {
		case $1 in
		empty) : ;;
		cut) head -c $((size / 2)) saved ;;
		object) echo '{}' ;;
		array) echo '[]' ;;
		zeros) head -c "$size" /dev/zero ;;
		noise) head -c "$size" saved | tr '"{' '{"' ;;
		types) jq '.pid = "1"' saved ;;
		esac >"$ROOT/test_bad/record.json"
	}
	for how in empty cut object array zeros noise types; do
		damage "$how"
		for command in state start pause resume kill delete ps; do
			sentence "the container's record.json is damaged: " "$command" test_bad
		done
		hull exec test_bad true
		[ "$status" -eq 255 ]
		[[ $output = *"record.json is damaged"* ]]
		must list -q
		[ "${#lines[@]}" -eq 1 ]
		[[ $output = *"load container test_bad: the container's record.json is damaged"* ]]
	done
	kill -0 "$init"
	quietly delete --force test_bad
	nothing_left test_bad
	wait_for 10 gone "$init"
	refused "container does not exist" state test_bad
}

@test "delete --force of a damaged record without the copy of config.json removes the directory" {
	quietly create test_bad
	CGROUPS=$(cgroups_of test_bad)
	cp "$ROOT/test_bad/record.json" saved
	cp "$ROOT/test_bad/config.json" copy
	rm "$ROOT/test_bad/config.json"
	quietly kill test_bad KILL
	wait_status test_bad stopped
	: >"$ROOT/test_bad/record.json"
	quietly delete --force test_bad
	[ ! -e "$ROOT/test_bad" ]
	# What nobody could know of any more.
	for path in $CGROUPS; do
		rmdir "$path"
	done
}

@test "start and delete of a damaged copy of config.json say one sentence or work" {
	quietly create test_bad
	CGROUPS=$(cgroups_of test_bad)
	echo '{"hooks": ' >"$ROOT/test_bad/config.json"
	hull start test_bad
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	wait_status test_bad stopped
	quietly delete test_bad
	nothing_left test_bad
}

# --- the log -------------------------------------------------------------------------------------------------------------

@test "create that fails says it once in the log and bare on stderr" {
	rm config.json
	run --separate-stderr -1 "$HULL" --root "$ROOT" --log log --log-format json create test_bad 3>&-
	[ -z "$output" ]
	[ "$stderr" = "hull create failed: JSON specification file config.json not found" ]
	[ "$(jq -r .msg log)" = "$stderr" ]
	[ "$(wc -l <log)" -eq 1 ]
}

@test "a log or a hook's output that is a FIFO that nobody reads is an error, and no wait; one whose reader goes is none" {
	mkfifo fifo
	for args in "run" "--debug run" "create"; do
		# shellcheck disable=SC2086 # words
		run timeout -s KILL 10 "$HULL" --root "$ROOT" --log "$PWD/fifo" $args test_box 3>&-
		[ "$status" = 1 ]
		[[ $output == *"unable to open the log file: nobody reads $PWD/fifo"* ]]
	done
	update_config '.annotations = {"run.oci.hooks.stdout": $f} | .hooks.createRuntime = [{path: "/bin/true"}]' --arg f "$PWD/fifo"
	run timeout -s KILL 10 "$HULL" --root "$ROOT" create test_box 3>&-
	[ "$status" = 1 ]
	[[ $output == *"output of hooks: nobody reads $PWD/fifo"* ]]
	nothing_left test_box
	update_config 'del(.annotations, .hooks) | .process.args = ["true"]'
	# Opened for both, so that the open waits for nobody, and can be waited for.
	head -c 1 <>fifo >/dev/null 3>&- &
	wait_for 5 test "/proc/$!/fd/0" -ef fifo
	run timeout -s KILL 10 "$HULL" --root "$ROOT" --debug --log "$PWD/fifo" run test_box 3>&-
	[ "$status" = 0 ]
	wait $!
}

@test "too few descriptors: the error says so, and nothing is left" {
	for n in 8 15 16 18 20; do
		run sh -c 'ulimit -n $1; shift; exec "$@"' sh $n "$HULL" --root "$ROOT" create test_box 3>&-
		[ "$status" = 0 ] || [[ $output == *"descriptors, and may have $n (RLIMIT_NOFILE)"* ]] ||
			[[ $output == *"too many open files (hull may have $n, see RLIMIT_NOFILE)"* ]]
		"$HULL" --root "$ROOT" delete --force test_box 3>&-
		[ ! -e "$ROOT/test_box" ]
		nothing_left test_box
	done
}

@test "a very long error keeps its beginning and its end" {
	long=$(printf 'a%.0s' {1..200})
	update_config '.mounts += [{destination: "/mnt", type: "bind", source: ($l | [., ., ., ., ., .] | join("/") | "/" + .), options: ["bind"]}]' --arg l "$long"
	refused "unable to start container process: error during container init: error mounting" create test_box
	[[ $output == *"no such file or directory (/mounts/7/source)"* ]]
}
