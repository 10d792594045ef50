#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host v2
# by turns: host v2

# Every system call of hull may fail: strace makes the Nth of each kind in each process of hull fail, up to the execve of
# the program, which is a probe of all that config.json asks for. However it ends: within seconds, by no signal, with a
# sentence or with the probe's answers as they were without the failure, and with nothing left after delete --force.
#
# A run takes a share of them that changes with the day; INJECT_ALL=1 (make inject) takes them all.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has its own variables; helpers.bash uses and sets others

load helpers

SHARES=37 # prime: every share has all errors
ERRORS=(EPERM ENOMEM EIO EINTR EAGAIN EMFILE ENOSPC EINVAL)

setup() {
	[ "$EUID" = 0 ] || skip "hull's calls as root are meant"
	setup_bundle sh /probe
	cat >rootfs/probe <<-'END'
		grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|SigIgn|SigBlk|SigCgt|CoreDumping)' /proc/self/status
		grep -E 'open files|core file' /proc/self/limits
		cut -d ' ' -f 4-6 /proc/self/mountinfo | sed 's|/bats-run[^ ]*|/|' | sort
		for f in /proc/self/fd/*; do [ "${f##*/}" -gt 9 ] || echo "${f##*/}"; done
		hostname; umask; pwd; env | sort; cat /proc/self/oom_score_adj
		cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null
		cat /proc/self/cgroup | grep -c test_fault
		wc -c </proc/timer_list; ls -A /proc/acpi 2>/dev/null | wc -l
		cat /proc/sys/net/ipv4/ip_unprivileged_port_start
		for f in /x /proc/sys/kernel/domainname /sys/x /dev/x; do (echo >$f) 2>&1; done
		(echo x >/dev/full) 2>&1; (: </dev/kmsg) 2>&1; ls -l /dev | cut -d ' ' -f 1 | sort | uniq -c
	END
	update_config '.process.user = {uid: 5, gid: 6, additionalGids: [7, 8], umask: 23} | .process.noNewPrivileges = true
		| .process.oomScoreAdj = 300 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]
		| .linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "99"} | .root.readonly = true
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["reboot"], action: "SCMP_ACT_ERRNO"}]}'
	# With Landlock /dev/full cannot be opened.
	[ "$("$HULL" features | jq -r '.annotations["org.hull.landlock.abi"]')" -lt 3 ] ||
		update_config '.annotations["org.hull.landlock.execute"] = "/" | .annotations["org.hull.landlock.write"] = "/dev/null:/proc"'
	[ "$HULL_LANE" = v2 ] || update_config '.linux.resources.pids = {limit: 99}'
	"$HULL" --root "$ROOT" run test_fault >wanted 2>errors 3>&- </dev/null
	[ "$(wc -l <wanted)" -gt 40 ] && [ ! -s errors ]
}
teardown() { teardown_bundle; }

# How often the process of hull that makes most of them makes each call: "NAME COUNT".
calls_of() {
	strace -D -f -b execve -o trace "$HULL" --root "$ROOT" "$@" >/dev/null 2>&1 3>&- </dev/null || return 1
	sed -nE 's/^([0-9]+) +([a-z0-9_]+)\(.*/\1 \2/p' trace | sort | uniq -c |
		awk '$1 > n[$3] { n[$3] = $1 } END { for (c in n) print c, n[c] }' | sort
}

# fail_at CALL ERROR N ARG...
fail_at() {
	local call=$1 error=$2 n=$3
	shift 3
	status=0
	timeout -k 1 20 strace -D -f -b execve -o trace -e trace="$call" -e inject="$call:error=$error:when=$n" "$HULL" --root "$ROOT" "$@" \
		>output 2>errors 3>&- </dev/null || status=$?
}

# ended CALL ERROR N: what every end has to be; with 0 it has done all of its work.
ended() {
	[ "$status" -lt 124 ] || [ "$status" = 255 ] || { echo "$*: status $status" && return 1; }
	# The sentence, too, is written by write(2).
	[[ $1 != "write "* ]] || [ -s errors ] || return 0
	[ "$status" = 0 ] || grep -qE 'level=error msg=|^out of memory' errors ||
		{ echo "$*: status $status without a sentence: $(cat errors)" && return 1; }
}

answered() {
	# Where nothing is to be set in the unified hierarchy of a hybrid layout, hull does without a cgroup there.
	[[ $1 != "mkdir EPERM "* ]] || return 0
	[ "$status" != 0 ] || diff wanted output || { echo "$*: not as it was wanted: $(cat errors)" && return 1; }
}

nothing_of_it() {
	[ ! -e "$ROOT/test_fault" ] || "$HULL" --root "$ROOT" delete --force test_fault 2>errors ||
		{ echo "$*: delete: $(cat errors)" && return 1; }
	if [ -e "$ROOT/test_fault" ] || [ -n "$(find /sys/fs/cgroup -type d -name test_fault)" ]; then
		echo "$*: something is left"
		return 1
	fi
}

# sweep BEFORE CHECK ARG...: hull ARG... with each call failing in each way, after BEFORE; then CHECK CALL ERROR N.
sweep() {
	local before=$1 check=$2 call most n error i=0 bad=0 tried=0 day shares all
	day=$(day)
	shift 2
	"$before"
	calls_of "$@" >calls
	"$check" at the beginning
	# Of a command with few calls a larger share.
	all=$(($(awk '{ n += $2 } END { print n }' calls) * ${#ERRORS[@]}))
	shares=$((all / 10 < SHARES ? all / 10 : SHARES))
	while read -r call most; do
		case $call in
		# They do not return, or belong to strace's own start.
		exit_group | exit | execve | rt_sigreturn | arch_prctl | set_tid_address) continue ;;
		# Whatever close(2) says, the descriptor is closed; strace would leave it open.
		close) continue ;;
		# It refuses signals that do not exist, and nothing else.
		rt_sigaction) continue ;;
		esac
		for ((n = 1; n <= most; n++)); do
			for error in "${ERRORS[@]}"; do
				i=$((i + 1))
				[ -v INJECT_ALL ] || [ $(((i * 7919 + day) % shares)) = 0 ] || continue
				tried=$((tried + 1))
				"$before"
				fail_at "$call" "$error" "$n" "$@"
				if ! ended "$call $error $n" || ! "$check" "$call $error $n"; then bad=$((bad + 1)); fi
			done
		done
	done <calls
	echo "$*: $tried of $i"
	[ "$tried" -gt 5 ]
	[ "$bad" = 0 ]
}

probed() { answered "$@" && nothing_of_it "$@"; }

@test "whatever call of run fails, the program runs as it was asked for, or a sentence says why not" {
	sweep : probed run test_fault
}

# The program that is there must not notice, and exec's is as create's would be.
exec_probed() {
	answered "$@" || return 1
	is_status test_fault running || { echo "$*: it does not run any more" && return 1; }
}

exec_sweep() {
	set_args sleep 1000
	"$HULL" --root "$ROOT" run -d test_fault </dev/null >/dev/null 2>&1 3>&-
	"$HULL" --root "$ROOT" exec test_fault sh /probe >wanted 2>errors 3>&- </dev/null
	[ "$(wc -l <wanted)" -gt 40 ] && [ ! -s errors ]
	sweep : exec_probed exec test_fault sh /probe
	nothing_of_it
}

@test "whatever call of exec fails, the program runs as it was asked for, or a sentence says why not" {
	exec_sweep
}

# Stage 2 is forked when all else is done (nsexec/PROTOCOL.md): the answers have to be the same.
@test "whatever call of exec among tracers fails, the program runs as it was asked for, or a sentence says why not" {
	update_config '.process.capabilities.bounding += ["CAP_SYS_PTRACE"]'
	exec_sweep
}

@test "whatever call of run into a joined PID namespace fails, the program runs as it was asked for, or a sentence says why not" {
	cp config.json before.json
	set_args sleep 1000
	"$HULL" --root "$ROOT" run -d test_pod </dev/null >/dev/null 2>&1 3>&-
	cp before.json config.json
	update_config "(.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$(state_of test_pod .pid)/ns/pid\""
	"$HULL" --root "$ROOT" run test_fault >answers 2>errors 3>&- </dev/null
	diff wanted answers
	sweep : probed run test_fault
	is_status test_pod running
	"$HULL" --root "$ROOT" delete --force test_pod
}

# --- Less than was asked for ------------------------------------------------------------------------------------------

# shorten BEFORE CHECK ARG...: hull ARG... with each of its reads and writes short by turns; it has to do its work.
shorten() {
	local before=$1 check=$2 n bad=0 strike
	shift 2
	strike=$(compiled strike.c)
	for ((n = 1; ; n++)); do
		"$before"
		status=0
		"$strike" report short "$n" "$HULL" --root "$ROOT" "$@" >output 2>errors 3>&- </dev/null || status=$?
		[ "$status" = 0 ] || { echo "$* $n: status $status: $(cat errors)" && bad=$((bad + 1)); }
		"$check" "short $n" || bad=$((bad + 1))
		grep -q ^shortened report || break
	done
	echo "$*: $n"
	[ "$n" -gt 1 ]
	[ "$bad" = 0 ]
}

@test "a read or write that does less than it is asked for is gone on with" {
	shorten : probed run test_fault
	set_args sleep 1000
	shorten : says_created create test_fault
	shorten created says_running start test_fault
	shorten started deleted delete --force test_fault
	shorten started says_running state test_fault
	[ "$HULL_LANE" = v2 ] || shorten started says_updated update --pids-limit 50 test_fault
	started
	"$HULL" --root "$ROOT" exec test_fault sh /probe >wanted 2>errors 3>&- </dev/null
	shorten : exec_probed exec test_fault sh /probe
	nothing_of_it
}

# --- What these found, each by itself --------------------------------------------------------------------------------

@test "a cgroup hierarchy that cannot be looked at is not taken for one that is not there" {
	[ "$HULL_LANE" != v2 ] || skip "cgroup v2 is one hierarchy"
	for n in 2 4 6 8; do
		fail_at statfs EIO "$n" run test_fault
		[ "$status" = 1 ] && grep -q 'statfs /sys/fs/cgroup/.*: input/output error' errors
		nothing_of_it statfs
	done
}

@test "a container is not taken for one of another boot, or for stopped, when that cannot be read" {
	set_args sleep 1000
	started
	inode=$(jq .inode "$ROOT/test_fault/record.json")
	for file in /proc/sys/kernel/random/boot_id "/proc/$(state_of test_fault .pid)/stat"; do
		for command in "delete test_fault" "state test_fault" "kill test_fault KILL"; do
			# It finds init by the number of its pidfd where the kernel has pidfs (Linux 6.9).
			[[ $command != kill* || $file != */stat || $inode = 0 ]] || continue
			# shellcheck disable=SC2086 # words
			strace -D -f -o trace -P "$file" -e trace=openat -e inject=openat:error=EMFILE "$HULL" --root "$ROOT" $command \
				>output 2>errors 3>&- </dev/null || :
			grep -q INJECTED trace
			not grep -q stopped output
			is_status test_fault running
		done
	done
	nothing_of_it
}

@test "a namespace that cannot be compared with the host's is not taken for another" {
	update_config '.linux.namespaces |= map(if .type == "uts" then .path = "/proc/self/ns/uts" else . end) | .hostname = "inject"'
	before=$(hostname)
	strace -D -f -o trace -P /proc/self/ns/uts -e trace=stat,newfstatat -e inject=stat,newfstatat:error=EIO "$HULL" --root "$ROOT" run test_fault \
		>output 2>errors 3>&- </dev/null || :
	grep -q INJECTED trace
	grep -q 'compare a namespace with /proc/self/ns/uts: input/output error' errors
	[ "$(hostname)" = "$before" ]
	nothing_of_it
}

# --- create, start, pause, resume, kill and delete: after whatever has failed, delete --force leaves nothing -------------

quiet() { "$HULL" --root "$ROOT" "$@" </dev/null >/dev/null 2>&1 3>&-; }
created() { quiet create test_fault; }
started() { quiet run -d test_fault; }
paused() { started && quiet pause test_fault; }
# says STATUS: the command did what it says it did.
says() {
	[ "$status" != 0 ] || is_status test_fault "$1" || { echo "$*: exit 0, and it is not $1" && return 1; }
	shift
	nothing_of_it "$@"
}
says_created() { says created "$@"; }
says_running() { says running "$@"; }
says_paused() { says paused "$@"; }
says_updated() {
	[ "$status" != 0 ] || [ "$(cat /sys/fs/cgroup/pids/test_fault/pids.max)" = 50 ] || { echo "$*: exit 0, and it is not updated" && return 1; }
	nothing_of_it "$@"
}
deleted() {
	[ "$status" != 0 ] || [ ! -e "$ROOT/test_fault" ] || { echo "$*: exit 0, and it is there" && return 1; }
	nothing_of_it "$@"
}

@test "whatever call of create, start, pause, resume, kill, update and delete fails, delete --force leaves nothing" {
	set_args sleep 1000
	sweep : says_created create test_fault
	sweep created says_running start test_fault
	sweep started says_paused pause test_fault
	sweep paused says_running resume test_fault
	sweep started nothing_of_it kill test_fault KILL
	[ "$HULL_LANE" = v2 ] || sweep started says_updated update --pids-limit 50 test_fault
	sweep started deleted delete --force test_fault
}

# --- checkpoint and restore ----------------------------------------------------------------------------------------------

# Either it is saved and has ended, or it goes on.
saved() {
	if [ -s img/descriptors.json ]; then
		[ ! -e "$ROOT/test_fault" ] || is_status test_fault stopped || is_status test_fault running ||
			{ echo "$*: saved, and $("$HULL" --root "$ROOT" state test_fault | jq -r .status)" && return 1; }
	else
		[ "$status" != 0 ] || { echo "$*: exit 0, and it is not saved" && return 1; }
		is_status test_fault running || { echo "$*: neither saved nor running" && return 1; }
	fi
	nothing_of_it "$@"
}
to_be_saved() { rm -rf img work && started; }

@test "whatever call of checkpoint and restore fails, a container is saved or goes on, and delete --force leaves nothing" {
	PATH=$BATS_TEST_DIRNAME/../build/deps/criu:$PATH
	command -v criu >/dev/null || skip "no criu that works on this kernel"
	# criu reads limits, of another user with CAP_SYS_RESOURCE, which not every machine gives; and knows no Landlock.
	update_config '.process.user = {uid: 0, gid: 0} | del(.annotations)'
	set_args sleep 1000
	SHARES=113 # criu is slow
	sweep to_be_saved saved checkpoint --image-path img --work-path work test_fault
	to_be_saved
	quiet checkpoint --image-path img --work-path work test_fault
	[ -s img/descriptors.json ]
	sweep : says_running restore --detach --image-path img --work-path work test_fault
}
