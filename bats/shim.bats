#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1
# by turns: v2 host
#
# containerd's shim by its protocol alone, with a client of our own (shim.py): what containerd does with it is in
# clients/*_shim.bats.
# shellcheck disable=SC2030,SC2031,SC2154 # ID is what a test says; status, output and lines are the helpers'

load helpers

setup() {
	[ "$EUID" = 0 ] || skip "containerd's shim is root's"
	command -v python3 >/dev/null || skip "no python3"
	setup_bundle
	SHIM=$BATS_TEST_TMPDIR/containerd-shim-hull-v2
	ln -s "$HULL" "$SHIM"
	PY=$BATS_TEST_DIRNAME/shim.py
	EVENTS=$BATS_TEST_TMPDIR/events
	export TTRPC_ADDRESS=$BATS_TEST_TMPDIR/containerd.sock
	ID=test_box
	OPTIONS="{\"1\":\"containerd.runc.v1.Options\",\"2\":{\"7\":\"$ROOT\"}}"
	update_config '.linux.cgroupsPath = $p' --arg p "$(cgroups_path test_box)"
	start_events
}

teardown() {
	local pid
	[ -n "${BUNDLE:-}" ] || return 0
	for pid in "$BATS_TEST_TMPDIR"/*.pid; do
		kill -KILL "$(<"$pid")" 2>/dev/null || true
	done
	if [ -e "$ROOT/test/$ID" ]; then
		"$HULL" --root "$ROOT/test" delete --force "$ID" 3>&-
	fi
	while umount "$BUNDLE/rootfs" 2>/dev/null; do :; done
	teardown_bundle
}

start_events() {
	"$PY" events "$TTRPC_ADDRESS" "$EVENTS" >/dev/null 2>&1 </dev/null 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/events.pid"
	wait_for 5 test -S "$TTRPC_ADDRESS"
}

end_events() {
	kill "$(<"$BATS_TEST_TMPDIR/events.pid")"
	rm "$TTRPC_ADDRESS"
}

# A BootstrapParams with a directory for sockets of our own
params() { "$PY" encode "{\"1\":\"$ID\",\"2\":\"test\",\"9\":\"$BATS_TEST_TMPDIR/s\"}"; }

# shim ACTION [FLAG...]: called as containerd does it
shim() {
	local action=$1
	shift
	"$SHIM" -namespace test -address /test.sock -publish-binary /bin/true -id "$ID" "$@" "$action" 3>&-
}

# begin: a shim; its socket in $SOCKET, its PID in $pid.
begin() {
	SOCKET=$(params | shim start | "$PY" decode | jq -r '."2"')
	[[ $SOCKET == unix://$BATS_TEST_TMPDIR/s/* ]]
	pid=$(rpc Connect '{"1":"x"}' | jq '."1"')
	echo "$pid" >"$BATS_TEST_TMPDIR/shim.pid"
}

rpc() { "$PY" call "$SOCKET" "$@" 3>&-; }

# works METHOD [MESSAGE]: the answer is in $output.
works() {
	output=$(rpc "$@") || { echo "$* -> $output" | cut -c 1-1000 && return 1; }
}

# fails CODE TEXT METHOD [MESSAGE]
fails() {
	local code=$1 text=$2
	shift 2
	output=$(rpc "$@") && return 1
	[[ $output == "error $code "*"$text"* ]] || { echo "$* -> $output" | cut -c 1-1000 && return 1; }
}

answers() {
	[ "$(jq -c "$1" <<<"$output")" = "$2" ] || { echo "$1 of $output is not $2" && return 1; }
}

# create [FIELDS]: the bundle's container, with these fields besides
create() {
	works Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS${1:+,$1}}"
}

# fifos NAME...: in the test's directory, each read into a file NAME.txt
fifos() {
	local name
	for name; do
		mkfifo "$BATS_TEST_TMPDIR/$name"
		cat "$BATS_TEST_TMPDIR/$name" >"$BATS_TEST_TMPDIR/$name.txt" 3>&- &
		echo $! >"$BATS_TEST_TMPDIR/$name.pid"
	done
}

# exec_process ID FIELDS ARG...: added, not started
exec_process() {
	local exec=$1 fields=$2 spec
	shift 2
	spec=$(jq -c '.process | .args = $ARGS.positional' "$BUNDLE/config.json" --args -- "$@")
	works Exec "{\"1\":\"$ID\",\"2\":\"$exec\"${fields:+,$fields},\"7\":{\"1\":\"x/Process\",\"2\":$(jq -R . <<<"$spec")}}"
}

status_is() { [ "$(rpc State "{\"1\":\"$ID\"${2:+,\"2\":\"$2\"}}" | jq '."4"')" = "$1" ]; }
CREATED=1 RUNNING=2 STOPPED=3 PAUSED=4

# topics: of the events so far, on one line
topics() { sed 's,^/tasks/\([^ ]*\) .*,\1,' "$EVENTS" | tr '\n' ' '; }
topics_are() { [ "$(topics)" = "$1 " ]; }

# finish: the container is killed and deleted, the shim ends.
finish() {
	works Kill "{\"1\":\"$ID\",\"3\":9}"
	wait_for 5 status_is "$STOPPED"
	works Delete "{\"1\":\"$ID\"}"
	works Shutdown "{\"1\":\"$ID\",\"2\":true}"
	wait_for 5 gone "$pid"
	[ ! -e "${SOCKET#unix://}" ]
	[ ! -e "$ROOT/test/$ID" ]
}

# --- Calls that end at once ----------------------------------------------------------------------------------------------

@test "shim start answers each containerd as it asks, and a pod's containers have one shim" {
	update_config '.annotations = {"io.kubernetes.cri.sandbox-id": "test_pod"}'
	begin
	local first=$SOCKET
	[ "$(<"$BUNDLE/address")" = "$first" ]
	ID=test_second
	[ "$(params | shim start | "$PY" decode | jq -c .)" = "{\"1\":3,\"2\":\"$first\",\"3\":\"ttrpc\"}" ]
	# Without parameters the socket is in containerd's own directory, and a shim of its own.
	local address json
	address=$(shim start </dev/null)
	[[ $address == unix:///run/containerd/s/* ]]
	json=$(MAX_SHIM_VERSION=2 shim start </dev/null)
	[ "$(command jq -c . <<<"$json")" = "{\"version\":2,\"address\":\"$address\",\"protocol\":\"ttrpc\"}" ]
	SOCKET=$address rpc Shutdown '{"1":"x"}'
	wait_for 5 test ! -e "${address#unix://}"
}

@test "shim: its socket is a file, and root's alone (CVE-2020-15257)" {
	begin
	local path=${SOCKET#unix://} inode
	[ "$(stat -c '%a %u' "${path%/*}" "$path")" = $'700 0\n600 0' ]
	# Also where somebody has opened the way to it.
	open_way "${path%/*}"
	# shellcheck disable=SC2016 # perl's
	run setpriv --reuid 65534 --regid 65534 --clear-groups perl -MSocket -e \
		'socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) and exit; print "$!"' "$path"
	[ "$output" = "Permission denied" ]
	for inode in $(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n'); do
		not grep -qE " $inode @" /proc/net/unix
	done
	works Shutdown '{"1":"x"}'
}

@test "shim -v and -info say what it is" {
	[[ $("$SHIM" -v) == *containerd-shim-hull-v2:*Version:* ]]
	"$SHIM" -info </dev/null | "$PY" decode >"$BATS_TEST_TMPDIR/info"
	jq -e '."1" == "io.containerd.hull.v2" and (."4"."1" | endswith("/features/Features"))' "$BATS_TEST_TMPDIR/info" ||
		grep -q io.containerd.hull.v2 "$BATS_TEST_TMPDIR/info"
	grep -q ociVersionMax "$BATS_TEST_TMPDIR/info"
}

@test "shim refuses a command line that it does not understand" {
	run "$SHIM" -namespace test -nosuch start
	[ "$status" = 1 ]
	[[ $output == *"unknown flag -nosuch"* ]]
	run "$SHIM" -id x start
	[[ $output == *"namespace cannot be empty"* ]]
}

@test "shim delete cleans all that a killed shim has left, and says so" {
	begin
	create
	works Start "{\"1\":\"$ID\"}"
	answers '."1" > 0' true
	local init
	init=$(jq '."1"' <<<"$output")
	CGROUPS=$(jq -r '.cgroup.dirs[].path' "$ROOT/test/$ID/record.json")
	kill -KILL "$pid"
	wait_for 5 gone "$pid"
	[ -S "${SOCKET#unix://}" ]
	output=$(shim delete -bundle "$BUNDLE" | "$PY" decode)
	answers '[."1", ."2"]' "[$init,137]"
	gone "$init"
	[ ! -e "$ROOT/test/$ID" ]
	[ ! -e "${SOCKET#unix://}" ]
	for dir in $CGROUPS; do [ ! -e "$dir" ]; done
}

# --- A container's life --------------------------------------------------------------------------------------------------

@test "shim: a container is created, run, waited for and deleted, and events tell of it in order" {
	set_args sh -c 'exit 5'
	begin
	create
	answers '."1" > 0' true
	status_is "$CREATED"
	fails 6 "already exists" Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS}"
	rpc Wait "{\"1\":\"$ID\"}" >"$BATS_TEST_TMPDIR/waited" 3>&- &
	local waiter=$!
	works Start "{\"1\":\"$ID\"}"
	wait "$waiter"
	output=$(<"$BATS_TEST_TMPDIR/waited")
	answers '[."1", (."2"."1" > 1700000000)]' '[5,true]'
	status_is "$STOPPED"
	works Wait "{\"1\":\"$ID\"}"
	answers '."1"' 5
	works Delete "{\"1\":\"$ID\"}"
	answers '."2"' 5
	wait_for 5 topics_are "create start exit delete"
	fails 5 "container not created" State "{\"1\":\"$ID\"}"
	works Shutdown "{\"1\":\"$ID\"}"
	wait_for 5 gone "$pid"
}

@test "shim serves v2 of the task service as well as v3, and no other" {
	begin
	SERVICE=containerd.task.v2.Task works Connect '{"1":"x"}'
	SERVICE=containerd.nosuch.Service fails 12 "service containerd.nosuch.Service" Connect '{"1":"x"}'
	fails 12 "method Nosuch" Nosuch '{"1":"x"}'
	fails 5 "container not created" Start '{"1":"x"}'
}

@test "shim: what does not fit a status is a failed precondition" {
	begin
	create
	fails 9 "cannot pause a created container" Pause "{\"1\":\"$ID\"}"
	works Start "{\"1\":\"$ID\"}"
	fails 9 "cannot start a running process" Start "{\"1\":\"$ID\"}"
	fails 9 "cannot delete a running process" Delete "{\"1\":\"$ID\"}"
	fails 9 "cannot resume a running container" Resume "{\"1\":\"$ID\"}"
	fails 5 "process does not exist" Start "{\"1\":\"$ID\",\"2\":\"nosuch\"}"
	works Kill "{\"1\":\"$ID\",\"3\":9}"
	wait_for 5 status_is "$STOPPED"
	fails 5 "process already finished" Kill "{\"1\":\"$ID\",\"3\":15}"
	fails 9 "cannot exec in a stopped state" Exec "{\"1\":\"$ID\",\"2\":\"e\",\"7\":{\"1\":\"x\",\"2\":\"{}\"}}"
	works Delete "{\"1\":\"$ID\"}"
}

@test "shim: a container that cannot be created is an error with hull's words, and leaves nothing" {
	set_args /no/such
	begin
	fails 2 'OCI runtime create failed: hull create failed: unable to start container process: exec: "/no/such"' \
		Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS}"
	set_args sleep 1000
	# It is found out only when it is executed: its end is told of, too.
	printf '#!/no/interpreter\n' >rootfs/bin/script
	chmod +x rootfs/bin/script
	set_args /bin/script
	create
	fails 2 "OCI runtime start failed: " Start "{\"1\":\"$ID\"}"
	wait_for 5 status_is "$STOPPED"
	works Delete "{\"1\":\"$ID\"}"
	wait_for 5 topics_are "create exit delete"
	# A hook that fails has start destroy the container itself.
	set_args sleep 1000
	update_config '.hooks.poststart = [{path: "/bin/false"}]'
	create
	fails 2 "OCI runtime start failed: error running poststart hook #0: exit status 1" Start "{\"1\":\"$ID\"}"
	wait_for 5 status_is "$STOPPED"
	works Delete "{\"1\":\"$ID\"}"
	update_config 'del(.hooks)'
	update_config '.linux.namespaces += [{type: "pid", path: "/no/such"}]'
	fails 2 "OCI runtime create failed: " Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS}"
	fails 5 "container not created" State "{\"1\":\"$ID\"}"
	[ ! -e "$ROOT/test/$ID" ]
}

@test "shim pauses, resumes, updates, measures and lists" {
	begin
	create
	works Start "{\"1\":\"$ID\"}"
	works Pause "{\"1\":\"$ID\"}"
	status_is "$PAUSED"
	fails 9 "cannot exec in a paused state" Exec "{\"1\":\"$ID\",\"2\":\"e\",\"7\":{\"1\":\"x\",\"2\":\"{}\"}}"
	works Resume "{\"1\":\"$ID\"}"
	status_is "$RUNNING"
	works Pids "{\"1\":\"$ID\"}"
	answers '."1"."1" > 0' true
	works Stats "{\"1\":\"$ID\"}"
	answers '."1"."1" | startswith("io.containerd.cgroups.v")' true
	if [ -d /sys/fs/cgroup/pids ]; then
		works Update "{\"1\":\"$ID\",\"2\":{\"1\":\"x\",\"2\":\"{\\\"pids\\\":{\\\"limit\\\":77}}\"}}"
		works Stats "{\"1\":\"$ID\"}"
		answers '[."1"."2"."2"."1", ."1"."2"."2"."2"]' '[1,77]'
	fi
	finish
	topics_are "create start paused resumed exit delete"
}

@test "shim takes options of containerd's generic kind, as text and as a file" {
	OPTIONS="{\"1\":\"runtimeoptions.v1.Options\",\"3\":\"x\",\"2\":{\"3\":\"Root = \\\"$ROOT/body\\\"\\nSystemdCgroup = false\\n\"}}"
	OPTIONS=$(jq -c 'del(."3")' <<<"$OPTIONS")
	begin
	create
	[ -d "$ROOT/body/test/$ID" ]
	works Delete "{\"1\":\"$ID\"}"
	printf '# ours\nIoUid = 0\nRoot = "%s" # here\n' "$ROOT/file" >"$BATS_TEST_TMPDIR/shim.toml"
	OPTIONS="{\"1\":\"runtimeoptions.v1.Options\",\"2\":{\"2\":\"$BATS_TEST_TMPDIR/shim.toml\"}}"
	create
	[ -d "$ROOT/file/test/$ID" ]
	works Delete "{\"1\":\"$ID\"}"
	echo "MissingControllers = 'perhaps'" >"$BATS_TEST_TMPDIR/shim.toml"
	fails 2 '"perhaps" is not error, warn or ignore' Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS}"
	if ! has_controller rdma; then
		update_config '.linux.resources.rdma = {"mlx5_1": {"hcaHandles": 3}}'
		echo "MissingControllers = 'ignore'" >"$BATS_TEST_TMPDIR/shim.toml"
		create
		works Delete "{\"1\":\"$ID\"}"
	fi
	echo "SystemdCgroup = perhaps" >"$BATS_TEST_TMPDIR/shim.toml"
	fails 3 "SystemdCgroup cannot be perhaps" Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS}"
	fails 3 "are a x.Options" Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":{\"1\":\"x.Options\",\"2\":\"y\"}}"
}

# --- Execs ---------------------------------------------------------------------------------------------------------------

@test "shim: an exec has its own output, exit code and end, which comes before that of init" {
	begin
	fifos out
	create
	works Start "{\"1\":\"$ID\"}"
	exec_process e1 "\"5\":\"$BATS_TEST_TMPDIR/out\"" sh -c 'echo from exec; exit 4'
	fails 6 "id e1" Exec "{\"1\":\"$ID\",\"2\":\"e1\",\"7\":{\"1\":\"x\",\"2\":\"{}\"}}"
	status_is "$CREATED" e1
	works Start "{\"1\":\"$ID\",\"2\":\"e1\"}"
	works Wait "{\"1\":\"$ID\",\"2\":\"e1\"}"
	answers '."1"' 4
	works Delete "{\"1\":\"$ID\",\"2\":\"e1\"}"
	answers '."2"' 4
	wait_for 5 gone "$(<"$BATS_TEST_TMPDIR/out.pid")"
	[ "$(<"$BATS_TEST_TMPDIR/out.txt")" = "from exec" ]
	exec_process e2 "" sleep 1000
	works Start "{\"1\":\"$ID\",\"2\":\"e2\"}"
	works Pids "{\"1\":\"$ID\"}"
	answers '[."1"[]."2" | select(.)] | length' 1
	works Kill "{\"1\":\"$ID\",\"3\":9}"
	wait_for 5 status_is "$STOPPED"
	wait_for 5 topics_are "create start exec-added exec-started exit exec-added exec-started exit exit"
	tail -n 2 "$EVENTS" | head -n 1 | grep -q '"2": "e2"'
	works Delete "{\"1\":\"$ID\",\"2\":\"e2\"}"
	works Delete "{\"1\":\"$ID\"}"
}

@test "shim: an exec that cannot be started is an error, and can be deleted" {
	begin
	create
	works Start "{\"1\":\"$ID\"}"
	exec_process e1 "" nosuch
	fails 2 'OCI runtime exec failed: exec failed: exec: "nosuch": executable file not found in $PATH' \
		Start "{\"1\":\"$ID\",\"2\":\"e1\"}"
	works Delete "{\"1\":\"$ID\",\"2\":\"e1\"}"
	finish
}

@test "shim: all it starts is executed by one descriptor of hull, through which nobody can write to it (CVE-2019-5736)" {
	local exe
	begin
	create
	works Start "{\"1\":\"$ID\"}"
	exe=$(find -L "/proc/$pid/fd" -samefile "$HULL")
	[ -e "$exe" ]
	# Its mount is read-only, and is not to be made anything else: mount_setattr(2), AT_EMPTY_PATH, MOUNT_ATTR_RDONLY cleared.
	python3 -c 'import ctypes, os, struct, sys
fd = os.open(sys.argv[1], os.O_PATH)
is_readonly = lambda: os.fstatvfs(fd).f_flag & os.ST_RDONLY
assert is_readonly(), "writable"
attr = ctypes.create_string_buffer(struct.pack("4Q", 0, 1, 0, 0))
assert ctypes.CDLL(None).syscall(442, fd, b"", 0x1000, attr, ctypes.c_size_t(32)) < 0, "made writable"
assert is_readonly(), "writable"' "$exe"
	strace -f -qq -e trace=open_tree,execveat -o trace -p "$pid" >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/strace.pid"
	wait_for 5 grep -q "TracerPid:.[1-9]" "/proc/$pid/status"
	exec_process e1 "" true
	works Start "{\"1\":\"$ID\",\"2\":\"e1\"}"
	works Wait "{\"1\":\"$ID\",\"2\":\"e1\"}"
	answers '."1"' null
	kill "$(<"$BATS_TEST_TMPDIR/strace.pid")"
	rm "$BATS_TEST_TMPDIR/strace.pid"
	wait_for 5 grep -q "TracerPid:.0" "/proc/$pid/status"
	grep -q execveat trace
	not grep -q open_tree trace
	works Delete "{\"1\":\"$ID\",\"2\":\"e1\"}"
	finish
}

@test "shim: two thousand calls and three hundred execs leave no descriptor and no memory behind" {
	local i before after
	begin
	create
	works Start "{\"1\":\"$ID\"}"
	one_exec() {
		exec_process "e$1" "" true
		works Start "{\"1\":\"$ID\",\"2\":\"e$1\"}"
		works Wait "{\"1\":\"$ID\",\"2\":\"e$1\"}"
		works Delete "{\"1\":\"$ID\",\"2\":\"e$1\"}"
	}
	measure() {
		find "/proc/$pid/fd" -type l | wc -l
		awk '/^Private_Dirty/ { print $2 }' "/proc/$pid/smaps_rollup"
	}
	one_exec 1
	# As one connection, a file of calls.
	local spec
	spec=$(jq -c '.process | .args = ["true"]' "$BUNDLE/config.json" | jq -R .)
	for i in {1..300}; do
		echo "Exec {\"1\":\"$ID\",\"2\":\"m$i\",\"7\":{\"1\":\"x\",\"2\":$spec}}"
		echo "Start {\"1\":\"$ID\",\"2\":\"m$i\"}"
		echo "Wait {\"1\":\"$ID\",\"2\":\"m$i\"}"
		echo "State {\"1\":\"$ID\",\"2\":\"m$i\"}"
		echo "Stats {\"1\":\"$ID\"}"
		echo "Pids {\"1\":\"$ID\"}"
		echo "Delete {\"1\":\"$ID\",\"2\":\"m$i\"}"
	done >"$BATS_TEST_TMPDIR/calls"
	# The first hundred find the memory that the work needs.
	head -n 700 "$BATS_TEST_TMPDIR/calls" | "$PY" calls "$SOCKET" >"$BATS_TEST_TMPDIR/answers" 3>&-
	sleep 0.2
	mapfile -t before < <(measure)
	"$PY" calls "$SOCKET" <"$BATS_TEST_TMPDIR/calls" >>"$BATS_TEST_TMPDIR/answers" 3>&-
	not grep -q error "$BATS_TEST_TMPDIR/answers"
	wait_for 10 eval '[ "$(grep -c "^/tasks/exit" "$EVENTS")" = 401 ]'
	sleep 0.2
	mapfile -t after < <(measure)
	echo "${before[*]} -> ${after[*]}"
	[ "${before[0]}" = "${after[0]}" ]
	[ "${after[1]}" -le $((before[1] + 16)) ]
	finish
}

# --- Streams -------------------------------------------------------------------------------------------------------------

@test "shim: input ends when it is closed, and not when a client goes" {
	set_args cat
	begin
	fifos out
	mkfifo "$BATS_TEST_TMPDIR/in"
	create "\"5\":\"$BATS_TEST_TMPDIR/in\",\"6\":\"$BATS_TEST_TMPDIR/out\""
	works Start "{\"1\":\"$ID\"}"
	echo one >"$BATS_TEST_TMPDIR/in"
	echo two >"$BATS_TEST_TMPDIR/in"
	wait_for 5 grep -q two "$BATS_TEST_TMPDIR/out.txt"
	status_is "$RUNNING"
	works CloseIO "{\"1\":\"$ID\",\"3\":true}"
	wait_for 5 status_is "$STOPPED"
	works Delete "{\"1\":\"$ID\"}"
	[ "$(<"$BATS_TEST_TMPDIR/out.txt")" = one$'\n'two ]
}

@test "shim: a reader that is slow, late or gone for a while loses no byte, and hangs nobody" {
	set_args sh -c 'seq 200000; echo end >&2'
	begin
	mkfifo "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
	create "\"6\":\"$BATS_TEST_TMPDIR/out\",\"7\":\"$BATS_TEST_TMPDIR/err\""
	works Start "{\"1\":\"$ID\"}"
	sleep 0.3
	# It writes more than there is room for, and waits.
	status_is "$RUNNING"
	head -c 1000 "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/first" 3>&-
	status_is "$RUNNING"
	cat "$BATS_TEST_TMPDIR/err" >"$BATS_TEST_TMPDIR/err.txt" 3>&- &
	local reader=$!
	cat "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/rest" 3>&-
	wait_for 5 status_is "$STOPPED"
	works Delete "{\"1\":\"$ID\"}"
	wait "$reader"
	[ "$(<"$BATS_TEST_TMPDIR/err.txt")" = end ]
	# What head had read beyond is head's.
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/rest")" = 200000 ]
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/first")" = 1 ]
}

@test "shim: the last output has reached its reader when Delete answers" {
	set_args sh -c 'seq 20000'
	begin
	fifos out
	create "\"6\":\"$BATS_TEST_TMPDIR/out\""
	works Start "{\"1\":\"$ID\"}"
	works Wait "{\"1\":\"$ID\"}"
	works Delete "{\"1\":\"$ID\"}"
	wait_for 5 gone "$(<"$BATS_TEST_TMPDIR/out.pid")"
	seq 20000 | cmp - "$BATS_TEST_TMPDIR/out.txt"
}

@test "shim writes output to a file" {
	set_args sh -c 'echo to out; echo to err >&2'
	begin
	create "\"6\":\"file://$BATS_TEST_TMPDIR/dir/a%20log\""
	works Start "{\"1\":\"$ID\"}"
	works Wait "{\"1\":\"$ID\"}"
	works Delete "{\"1\":\"$ID\"}"
	[ "$(sort "$BATS_TEST_TMPDIR/dir/a log" | tr '\n' ,)" = "to err,to out," ]
}

@test "shim hands output to a logging program, and waits for it to be ready" {
	cat >"$BATS_TEST_TMPDIR/logger" <<-END
		#!/bin/bash
		echo "\$CONTAINER_ID \$CONTAINER_NAMESPACE \$*" >"$BATS_TEST_TMPDIR/logger.args"
		sleep 0.2
		echo ready >"$BATS_TEST_TMPDIR/logger.ready"
		exec 5>&-
		cat <&3 >"$BATS_TEST_TMPDIR/logger.out"
		cat <&4 >"$BATS_TEST_TMPDIR/logger.err"
	END
	chmod +x "$BATS_TEST_TMPDIR/logger"
	set_args sh -c 'echo to out; echo to err >&2'
	begin
	create "\"6\":\"binary://$BATS_TEST_TMPDIR/logger?a=b&c=d%20e\""
	[ -e "$BATS_TEST_TMPDIR/logger.ready" ]
	works Start "{\"1\":\"$ID\"}"
	works Wait "{\"1\":\"$ID\"}"
	wait_for 5 grep -q "to err" "$BATS_TEST_TMPDIR/logger.err"
	works Delete "{\"1\":\"$ID\"}"
	[ "$(<"$BATS_TEST_TMPDIR/logger.args")" = "$ID test a b c d e" ]
	[ "$(<"$BATS_TEST_TMPDIR/logger.out")" = "to out" ]
	fails 5 "failed to start binary process" Create \
		"{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS,\"6\":\"binary:///no/such\"}"
	fails 2 "did not call ready" Create \
		"{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS,\"6\":\"binary-v2:///bin/true\"}"
}

@test "shim: a terminal is passed on both ways, and can be resized" {
	update_config '.process.terminal = true'
	set_args sh -c 'read x; stty size; echo "got $x"; exit 3'
	begin
	fifos out
	mkfifo "$BATS_TEST_TMPDIR/in"
	create "\"4\":true,\"5\":\"$BATS_TEST_TMPDIR/in\",\"6\":\"$BATS_TEST_TMPDIR/out\""
	works Start "{\"1\":\"$ID\"}"
	works ResizePty "{\"1\":\"$ID\",\"3\":77,\"4\":33}"
	echo hello >"$BATS_TEST_TMPDIR/in"
	works Wait "{\"1\":\"$ID\"}"
	answers '."1"' 3
	works Delete "{\"1\":\"$ID\"}"
	wait_for 5 gone "$(<"$BATS_TEST_TMPDIR/out.pid")"
	tr -d '\r' <"$BATS_TEST_TMPDIR/out.txt" | grep -qx "33 77"
	tr -d '\r' <"$BATS_TEST_TMPDIR/out.txt" | grep -qx "got hello"
}

# --- The root file system ------------------------------------------------------------------------------------------------

@test "shim mounts the root that it is given, and unmounts it: bind, overlay, more layers than a page names" {
	local layers="" i
	mv rootfs lower
	begin
	create "\"3\":[{\"1\":\"bind\",\"2\":\"$BUNDLE/lower\",\"4\":[\"rbind\",\"ro\"]}]"
	grep -q " $BUNDLE/rootfs ro," /proc/self/mountinfo
	works Delete "{\"1\":\"$ID\"}"
	not grep -q " $BUNDLE/rootfs " /proc/self/mountinfo
	mkdir -p upper work
	for i in {1..100}; do
		mkdir -p "layers/a_layer_with_a_name_that_is_longer_than_most_of_them_are_$i"
		layers+="$BUNDLE/layers/a_layer_with_a_name_that_is_longer_than_most_of_them_are_$i:"
	done
	mv lower layers/lower
	set_args sh -c 'echo hi >/written'
	update_config '.root.readonly = false'
	create "\"3\":[{\"1\":\"overlay\",\"2\":\"overlay\",\"4\":[\"upperdir=$BUNDLE/upper\",\"workdir=$BUNDLE/work\",\"lowerdir=${layers}$BUNDLE/layers/lower\"]}]" ||
		[[ $output == *"so many layers need Linux 6.5"* ]]
	[[ $output == *"so many"* ]] || works Delete "{\"1\":\"$ID\"}"
	# As many as fit when they are named from the directory that they are in.
	layers=
	for i in {1..30}; do
		layers+="$BUNDLE/layers/a_layer_with_a_name_that_is_longer_than_most_of_them_are_$i:"
	done
	create "\"3\":[{\"1\":\"overlay\",\"2\":\"overlay\",\"4\":[\"upperdir=$BUNDLE/upper\",\"workdir=$BUNDLE/work\",\"lowerdir=${layers}$BUNDLE/layers/lower\"]}]"
	works Start "{\"1\":\"$ID\"}"
	works Wait "{\"1\":\"$ID\"}"
	answers '."1"' null
	[ "$(<upper/written)" = hi ]
	works Delete "{\"1\":\"$ID\"}"
	not grep -q " $BUNDLE/rootfs " /proc/self/mountinfo
	fails 2 "failed to mount rootfs component" Create \
		"{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS,\"3\":[{\"1\":\"nosuchfs\",\"2\":\"x\"}]}"
	not grep -q " $BUNDLE/rootfs " /proc/self/mountinfo
}

@test "shim maps the ids of a root where its options say so" {
	mv rootfs lower
	mkdir -p upper work
	set_args stat -c '%u %g' /etc/passwd
	begin
	fifos out
	create "\"6\":\"$BATS_TEST_TMPDIR/out\",\"3\":[{\"1\":\"bind\",\"2\":\"$BUNDLE/lower\",\"4\":[\"rbind\",\"ro\",\"uidmap=0:5000:65536\",\"gidmap=0:6000:65536\"]}]" ||
		skip "no id-mapped mounts here: $output"
	works Start "{\"1\":\"$ID\"}"
	works Wait "{\"1\":\"$ID\"}"
	works Delete "{\"1\":\"$ID\"}"
	wait_for 5 gone "$(<"$BATS_TEST_TMPDIR/out.pid")"
	[ "$(<"$BATS_TEST_TMPDIR/out.txt")" = "5000 6000" ]
	rm "$BATS_TEST_TMPDIR/out"
	fifos out
	create "\"6\":\"$BATS_TEST_TMPDIR/out\",\"3\":[{\"1\":\"overlay\",\"2\":\"overlay\",\"4\":[\"upperdir=$BUNDLE/upper\",\"workdir=$BUNDLE/work\",\"lowerdir=$BUNDLE/lower\",\"uidmap=0:5000:65536\",\"gidmap=0:6000:65536\"]}]"
	works Start "{\"1\":\"$ID\"}"
	works Wait "{\"1\":\"$ID\"}"
	works Delete "{\"1\":\"$ID\"}"
	wait_for 5 gone "$(<"$BATS_TEST_TMPDIR/out.pid")"
	[ "$(<"$BATS_TEST_TMPDIR/out.txt")" = "5000 6000" ]
	not grep -q " $BUNDLE/" /proc/self/mountinfo
}

# --- Faults --------------------------------------------------------------------------------------------------------------

@test "shim: events are kept while containerd is away, and sent when it is back" {
	set_args sh -c 'read x </go; exit 0'
	mkfifo rootfs/go
	begin
	create
	works Start "{\"1\":\"$ID\"}"
	wait_for 5 topics_are "create start"
	end_events
	: >rootfs/go
	wait_for 5 status_is "$STOPPED"
	works Delete "{\"1\":\"$ID\"}"
	topics_are "create start"
	start_events
	# A containerd that is back connects to its shims.
	works Connect '{"1":"x"}'
	wait_for 10 topics_are "create start exit delete"
}

# A createRuntime hook that waits in the FIFO $hook, when $hook.begun is there.
waiting_hook() {
	hook=$BATS_TEST_TMPDIR/hook
	mkfifo "$hook"
	update_config '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "touch \($f).begun; exec cat \($f)"]}]' --arg f "$hook"
}

# It may not have opened the FIFO yet, or be gone.
end_hook() { timeout 5 sh -c ': >"$0"' "$hook" >/dev/null 2>&1 </dev/null 3>&- & }

@test "shim: a create that takes longer than its caller would wait is given up, and leaves nothing" {
	waiting_hook
	begin
	TIMEOUT_NS=500000000 fails 4 "deadline exceeded" Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS}"
	end_hook
	wait_for 20 test ! -e "$ROOT/test/$ID"
	fails 5 "container not created" State "{\"1\":\"$ID\"}"
	works Shutdown '{"1":"x"}'
	wait_for 5 gone "$pid"
}

@test "shim: a client that goes away in the middle of a create leaves nothing" {
	waiting_hook
	begin
	rpc Create "{\"1\":\"$ID\",\"2\":\"$BUNDLE\",\"10\":$OPTIONS}" >/dev/null 2>&1 &
	local client=$!
	wait_for 5 test -e "$hook.begun"
	fails 5 "container not created" State "{\"1\":\"$ID\"}"
	# The shell ends when its program does, whose socket is closed then: the hook may go on.
	pkill -KILL -P "$client"
	wait "$client" || true
	end_hook
	wait_for 20 test ! -e "$ROOT/test/$ID"
}

@test "shim: bad frames and messages are refused, and hurt nobody else" {
	begin
	create
	local s=${SOCKET#unix://}
	# Half a header; half a frame; a frame of 4 MB that never comes.
	"$PY" raw "$s" 0000
	RAW_SECONDS=0.2 "$PY" raw "$s" 000000100000000101000a0b
	RAW_SECONDS=0.2 "$PY" raw "$s" 00400000000000010100
	# Longer than is allowed: said so. An even stream. A request that is none. Streaming. An unknown type: nothing.
	[ "$(RAW_SECONDS=0.3 "$PY" raw "$s" 00400001000000010100)" = "1 2 70 8" ] ||
		[[ $(RAW_SECONDS=0.3 "$PY" raw "$s" 00400001000000010100) == "1 2 "*" 8" ]]
	[[ $(RAW_SECONDS=0.3 "$PY" raw "$s" 00000000000000020100) == "2 2 "*" 3" ]]
	[[ $(RAW_SECONDS=0.3 "$PY" raw "$s" 00000002000000010100ffff) == "1 2 "*" 3" ]]
	[[ $(RAW_SECONDS=0.3 "$PY" raw "$s" 00000000000000010102) == "1 2 "*" 12" ]]
	[ -z "$(RAW_SECONDS=0.3 "$PY" raw "$s" 00000000000000010900)" ]
	# A field of the wrong type; unknown fields; a string with a NUL in it.
	fails 3 damaged State '{"1":7}'
	works State "{\"1\":\"$ID\",\"99\":\"new\",\"100\":5}"
	fails 3 damaged State '{"1":"a\u0000b"}'
	# Many requests of whom nobody reads the answers.
	TIMES=20000 RAW_SECONDS=0.5 "$PY" raw "$s" 00000000000000010100 >/dev/null
	status_is "$CREATED"
	[ "$(find "/proc/$pid/fd" -type l | wc -l)" -lt 30 ]
	works Delete "{\"1\":\"$ID\"}"
}
