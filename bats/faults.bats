#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# Death and refusal at any moment: bats/strike.c kills hull or one of its stages as it enters its Nth system call, strace
# makes single calls fail. What hull survives is one sentence that names the stage, and leaves nothing; what it does not
# survive, delete --force cleans up.

# FAULTS_STEP=1 strikes at each call of the long-lived processes, too, not only at every few of them. In CI at a third of
# those, other ones each day.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has its own variables; helpers.bash uses and sets others

load helpers

setup() {
	setup_bundle
	STRIKE=$(compiled strike.c)
}
teardown() { teardown_bundle; }

# struck WHO N ARG...: as hull ARG..., with WHO killed at its Nth call. False when it does not make so many.
struck() {
	local who=$1 n=$2 file=$BATS_TEST_TMPDIR/output
	shift 2
	status=0
	"$STRIKE" report "$who" "$n" "$HULL" --root "$ROOT" "$@" >"$file" 2>&1 </dev/null 3>&- || status=$?
	output=$(<"$file")
	mapfile -t lines <"$file"
	{
		read -r word call
		read -ra processes
	} <report
	[ "$word" != struck ] || echo "call $n (number $call) of $who: status $status: $output"
	[ "$word" = struck ]
}

# Nothing of test_fault: directory, cgroups, mounts, processes of the last struck.
all_gone() {
	nothing_left test_fault
	[ -z "$(find /sys/fs/cgroup -type d -name test_fault)" ]
	wait_for 10 gone "${processes[@]}"
}

# each WHO STEP FUNCTION ARG...: strike at every STEPth call of hull ARG..., and call the function after it.
each() {
	local who=$1 step=${FAULTS_STEP:-$2} check=$3 n=1
	shift 3
	if [ -n "${DAY:-}" ] && [ "$step" -lt 10 ]; then
		step=$((step * 3))
		n=$((1 + DAY % step))
	fi
	for (( ; ; n += step)); do
		struck "$who" "$n" "$@" || break
		"$check"
	done
	# Not by an accident: it did its work when it was not struck.
	[ "$status" -eq 0 ]
	[ "$n" -gt 4 ]
}

hull_died() {
	[ "$status" -eq 137 ]
	[ -z "$output" ]
	quietly delete --force test_fault
	all_gone
}

# stage_died SENTENCE: hull says so and leaves nothing, or all of the stage's work had been done.
stage_died() {
	if [ "$status" -eq 0 ]; then
		late=$((late + 1))
		quietly delete --force test_fault
	else
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output = *"failed: "*"$1 was killed by signal 9 (SIGKILL) before"* ]]
		[ ! -e pid ]
	fi
	all_gone
}
parent_died() { stage_died "stage 0 (PARENT)"; }
child_died() { stage_died "stage 1 (CHILD)"; }
init_died() { stage_died "stage 2 (INIT)"; }
# Where stage 1 waits for stage 2's PID to be known, its death is what hull sees.
last_died() {
	if [[ $output = *"stage 1 (CHILD)"* ]]; then
		child_died
	else
		init_died
	fi
}

# --- create --------------------------------------------------------------------------------------------------------------

@test "create killed at any call leaves what delete --force removes" {
	each 0 4 hull_died create --pid-file pid test_fault
	quietly delete --force test_fault
}

# A plan with a fork in it has three stages when one has to write maps or offsets, and two otherwise; see PROTOCOL.md.
three_stages() { update_config '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: 100}}'; }
two_stages() { update_config '.linux.namespaces += [{type: "time"}]'; }

@test "create names stage 0 when it is killed at any call, and leaves nothing" {
	three_stages
	late=0
	each 1 1 parent_died create --pid-file pid test_fault
	[ "$late" -le 1 ]
	quietly delete --force test_fault
}

@test "create names stage 1 when it is killed at any call, and leaves nothing" {
	three_stages
	late=0
	each 2 1 child_died create --pid-file pid test_fault
	[ "$late" -le 1 ]
	quietly delete --force test_fault
}

@test "create names stage 1, which was stage 0, when it is killed at any call, and leaves nothing" {
	two_stages
	late=0
	each 1 1 child_died create --pid-file pid test_fault
	[ "$late" -le 1 ]
	quietly delete --force test_fault
}

@test "create names stage 2 when it is killed at any call, and leaves nothing" {
	late=0
	each 1 11 init_died create --pid-file pid test_fault
	quietly delete --force test_fault
}

@test "create names a stage 2 that was forked when it is killed at any call, and leaves nothing" {
	late=0
	two_stages
	each 2 31 init_died create --pid-file pid test_fault
	quietly delete --force test_fault
}

@test "create into a joined PID namespace names a stage that is killed at any call, and leaves nothing" {
	quietly create test_pod
	update_config "(.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$(state_of test_pod .pid)/ns/pid\""
	late=0
	each 1 7 child_died create --pid-file pid test_fault
	quietly delete --force test_fault
	rm pid
	each 2 1 last_died create --pid-file pid test_fault
	quietly delete --force test_fault
}

@test "create names stage 2 when it is killed at its first calls" {
	late=0
	for n in {1..20}; do
		struck 1 "$n" create test_fault
		init_died
	done
	[ "$late" -eq 0 ]
}

@test "create with maps and offsets to ask for names the stage, and leaves nothing" {
	update_config '.linux.namespaces += [{type: "user"}, {type: "time"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings
		| .linux.timeOffsets = {monotonic: {secs: 100}}'
	late=0
	each 1 1 parent_died create test_fault
	quietly delete --force test_fault
	each 2 1 child_died create test_fault
	[ "$late" -le 2 ]
	quietly delete --force test_fault
}

# --- start, run, delete, exec --------------------------------------------------------------------------------------------

start_died() {
	[ "$status" -eq 137 ]
	processes+=("$(jq .pid "$ROOT/test_fault/record.json")")
	[[ $(state_of test_fault) =~ ^(created|running|stopped)$ ]]
	quietly delete --force test_fault
	all_gone
	quietly create test_fault
}

@test "start killed at any call leaves a container that can be deleted" {
	quietly create test_fault
	each 0 3 start_died start test_fault
	is_status test_fault running
}

@test "run killed at any call leaves what delete --force removes" {
	set_args true
	each 0 4 hull_died run test_fault
	nothing_left test_fault
}

@test "run names a stage that was killed" {
	set_args true
	three_stages
	for who in 1 2 3; do
		names=(x "stage 0 (PARENT)" "stage 1 (CHILD)" "stage 2 (INIT)")
		struck "$who" 5 run test_fault
		stage_died "${names[who]}"
	done
}

@test "run killed in the foreground leaves a container that delete --force ends" {
	hull_bg run test_fault
	wait_for 10 is_status test_fault running
	init=$(state_of test_fault .pid)
	CGROUPS=$(cgroups_of test_fault)
	kill -9 "$pid"
	wait "$pid" || true
	is_status test_fault running
	quietly delete --force test_fault
	nothing_left test_fault
	wait_for 10 gone "$init"
}

delete_died() {
	[ "$status" -eq 137 ]
	quietly delete --force test_fault
	all_gone
	quietly create test_fault
}

@test "delete killed at any call can be done again" {
	quietly create test_fault
	each 0 3 delete_died delete test_fault
	all_gone
}

exec_died() {
	[ "$status" -eq 137 ] || [ "$status" -eq 0 ]
	wait_for 10 has_processes test_fault 1
}

exec_stage_died() {
	if [ "$status" -ne 0 ] && [ "$status" -ne 137 ]; then
		[ "$status" -eq 255 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output = *"exec failed: stage "[012]" ("*") was killed by signal 9 (SIGKILL) before"* ]]
	fi
	wait_for 10 has_processes test_fault 1
}

@test "exec killed at any call leaves the container as it was" {
	quietly create test_fault
	quietly start test_fault
	each 0 4 exec_died exec test_fault true
	is_status test_fault running
}

@test "exec into a time namespace names a stage that was killed at any call, and leaves no process" {
	two_stages
	quietly create test_fault
	quietly start test_fault
	each 1 1 exec_stage_died exec test_fault true
	each 2 5 exec_stage_died exec test_fault true
	is_status test_fault running
}

@test "exec where somebody may trace names a stage that was killed at any call, and leaves no process" {
	update_config '.process.capabilities.bounding += ["CAP_SYS_PTRACE"]'
	quietly create test_fault
	quietly start test_fault
	each 1 1 exec_stage_died exec test_fault true
	each 2 1 exec_stage_died exec test_fault true
	is_status test_fault running
}

@test "exec names a stage that was killed at any call, and leaves no process" {
	quietly create test_fault
	quietly start test_fault
	each 1 3 exec_stage_died exec test_fault true
	is_status test_fault running
}

# --- calls that fail -----------------------------------------------------------------------------------------------------

# inject CALL ERROR N ARG...: as hull ARG..., with the Nth such call of each process failing. With -D hull is our child,
# not strace, which ends with the last process that it traces.
inject() {
	local call=$1 error=$2 n=$3 file=$BATS_TEST_TMPDIR/output
	shift 3
	status=0
	strace -D -f -o trace -e trace="$call" -e inject="$call:error=$error:when=$n" "$HULL" --root "$ROOT" "$@" \
		>"$file" 2>&1 </dev/null 3>&- || status=$?
	output=$(<"$file")
	mapfile -t lines <"$file"
	echo "$call $error $n: status $status: $output"
	grep -q INJECTED trace
}

@test "create says which call failed, for what, and leaves nothing" {
	two_stages
	while IFS='|' read -r call error n text; do
		inject "$call" "$error" "$n" create --pid-file pid test_fault
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output = *"$text"* ]] || { echo "not in it: $text" && return 1; }
		[ ! -e pid ]
		processes=()
		all_gone
	done <<-'END'
		mkdirat|EACCES|1|mkdir
		flock|ENOLCK|1|lock the new container: lock the directory of container test_fault: no locks available
		renameat|ENOSPC|1|no space left on device
		renameat|ENOSPC|2|no space left on device
		mkdir|EROFS|1+|read-only file system
		listen|ENOMEM|1|cannot allocate memory
		socketpair|EMFILE|1|socketpair: too many open files
		socketpair|EMFILE|2|socketpair: too many open files
		execveat|EACCES|1|execute hull again: permission denied
		clone3|ENOMEM|1|clone3 into the container's cgroup: cannot allocate memory
		clone|EAGAIN|1|stage 1 (CHILD): no more processes are allowed: by RLIMIT_NPROC
		unshare|ENOSPC|1|stage 1 (CHILD): unshare: no space left on device
		fsopen|EPERM|1|operation not permitted (/mounts/0)
		fsopen|EPERM|2|operation not permitted (/mounts/5)
		pivot_root|EPERM|1|operation not permitted
		mknodat|EIO|1|input/output error
		sethostname|EPERM|1|operation not permitted (/hostname)
		prlimit64|EPERM|2|set RLIMIT_NOFILE to 1024:1024: operation not permitted (/process/rlimits/0)
	END
}

@test "whatever call about rights fails, the program runs with those that config.json has, or not at all" {
	set_args grep -E 'Cap|NoNewPrivs|Groups' /proc/self/status
	update_config '.process.capabilities.ambient = .process.capabilities.permitted | .process.capabilities.inheritable = .process.capabilities.permitted
		| .process.user = {uid: 5, gid: 6, additionalGids: [7, 8]} | .process.noNewPrivileges = true'
	"$HULL" --root "$ROOT" run test_fault >wanted 3>&- </dev/null
	[ "$(grep -c Cap wanted)" = 5 ]
	for call in prctl capset setgroups setresuid setresgid; do
		for error in EPERM EINVAL; do
			for ((n = 1; n < 80; n++)); do
				inject $call $error $n run test_fault || break
				[ "$status" -ne 0 ] || diff wanted <(grep -E '^(Cap|NoNewPrivs|Groups)' <<<"$output")
			done
			echo "$call $error: $n"
		done
	done
}

@test "create says so when any mount fails, and leaves nothing" {
	for call in move_mount mount_setattr open_tree fsconfig fsmount openat2; do
		for n in 1 2 3 5 8 13; do
			inject "$call" EIO "$n" create test_fault || n=last
			processes=()
			if [ "$status" -ne 0 ]; then
				[ "$status" -eq 1 ]
				[ "${#lines[@]}" -eq 1 ]
				[[ $output = *"input/output error"* ]]
			else
				quietly delete --force test_fault
			fi
			all_gone
			[ "$n" != last ] || break
		done
	done
}

@test "create goes on without what older kernels lack" {
	for call in clone3 close_range keyctl; do
		inject "$call" ENOSYS 1+ create test_fault
		[ "$status" -eq 0 ]
		[ -z "$output" ]
		inject "$call" ENOSYS 1+ start test_fault || true
		[ "$status" -eq 0 ]
		is_status test_fault running
		quietly delete --force test_fault
		processes=()
		all_gone
	done
}

@test "exec refuses a paused container where a kernel lacks clone3, too" {
	quietly create test_fault
	quietly start test_fault
	quietly pause test_fault
	inject clone3 ENOSYS 1+ exec test_fault true || is_v1
	[ "$status" -eq 255 ]
	[[ $output == *"cannot exec in a paused container (use --ignore-paused to override)"* ]]
	quietly resume test_fault
	inject clone3 ENOSYS 1+ exec test_fault true
	[ "$status" -eq 0 ]
}

# --- hooks ---------------------------------------------------------------------------------------------------------------

# hook KIND SCRIPT: add a hook.
hook() {
	update_config '.hooks[$kind] += [{path: "/bin/sh", args: ["sh", "-c", $script]}]' --arg kind "$1" --arg script "$2"
}

@test "create destroys the container when a hook fails, and runs the poststop hooks" {
	for kind in prestart createRuntime createContainer; do
		update_config '.hooks = {}'
		hook "$kind" 'echo words >&2; exit 3'
		hook poststop "cat >$BUNDLE/stopped"
		refused "error running $kind hook #0: exit status 3" create --pid-file pid test_fault
		[[ $output = *"words"*"(/hooks/$kind/0)"* ]]
		[ "$status" -eq 1 ]
		processes=()
		all_gone
		[ ! -e pid ]
		[ "$(jq -r .status stopped)" = stopped ]
		rm stopped
	done
}

@test "run destroys the container when a hook of any kind fails" {
	for kind in prestart createRuntime createContainer startContainer poststart; do
		update_config '.hooks = {}'
		hook "$kind" 'exit 3'
		hook poststop "echo >$BUNDLE/stopped"
		for option in "" -d --keep; do
			# shellcheck disable=SC2086
			refused "error running $kind hook #0: exit status 3" run $option test_fault
			[ "$status" -eq 1 ]
			processes=()
			all_gone
			[ -e stopped ]
			rm stopped
		done
	done
}

@test "create killed while a hook runs leaves what delete --force removes" {
	hook createRuntime "echo \$\$ >$BUNDLE/hook; exec sleep 1000"
	hull_bg create test_fault
	wait_for 10 test -s hook
	kill -9 "$pid"
	wait "$pid" || true
	quietly delete --force test_fault
	processes=("$pid")
	all_gone
	kill -9 "$(cat hook)"
}
