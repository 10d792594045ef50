#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# What a process is given by the kernel: scheduler, CPUs, I/O priority, memory policy, limits.

load helpers
setup() { setup_bundle; }
teardown() { teardown_bundle; }

# inside SCRIPT: run it in the container.
inside() {
	set_args sh -c "$1"
	hull run test_box
}

pid_of() { state_of "$1" .pid; }

# exec_process JQ-FILTER: exec of a process.json that is `true` in / with what the filter adds.
exec_process() {
	jq -n '{args: ["true"], cwd: "/", env: ["PATH=/bin"]} | '"$1" >process.json
	hull exec --process process.json test_box
}

cpus_of() { sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/status"; }
two_cpus() { [ "$(nproc --all)" -ge 2 ] || skip "one CPU"; }

# --- ioPriority ----------------------------------------------------------------------------------------------------------

@test "create sets ioPriority, and exec has it, or its own" {
	update_config '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 3}'
	quietly create test_box
	[ "$(ionice -p "$(pid_of test_box)")" = "best-effort: prio 3" ]
	must exec test_box ionice -p 0
	[ "$output" = "best-effort: prio 3" ]
	exec_process '.args = ["ionice", "-p", "0"]'
	[ "$output" = "best-effort: prio 3" ]
	exec_process '.args = ["ionice", "-p", "0"] | .ioPriority = {class: "IOPRIO_CLASS_IDLE"}'
	[ "$output" = idle ]
	exec_process '.args = ["ionice", "-p", "0"] | .ioPriority = {class: "IOPRIO_CLASS_RT", priority: 7}'
	[ "$output" = "realtime: prio 7" ]
}

@test "create explains an ioPriority that a user namespace does not grant" {
	update_config '.process.ioPriority = {class: "IOPRIO_CLASS_RT", priority: 1} | .linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]'
	chown -R 100000:100000 rootfs
	open_way "$BUNDLE"
	refused "needs CAP_SYS_NICE or CAP_SYS_ADMIN of the host: set the I/O priority IOPRIO_CLASS_RT 1: operation not permitted (/process/ioPriority)" \
		create test_box
	nothing_left test_box
}

# --- scheduler -----------------------------------------------------------------------------------------------------------

# policy_of PID: as chrt prints it, without the PID.
policy_of() { chrt -p "$1" | sed "s/.*scheduling //; s/.*current runtime/runtime/"; }

@test "create sets the scheduler of policies without real time" {
	for policy in OTHER BATCH IDLE; do
		update_config '.process.scheduler = {policy: $p, nice: 7}' --arg p "SCHED_$policy"
		quietly create test_box
		[ "$(policy_of "$(pid_of test_box)" | head -n 1)" = "policy: SCHED_$policy" ]
		[ "$(cut -d' ' -f18 "/proc/$(pid_of test_box)/stat")" = 27 ]
		quietly delete --force test_box
	done
}

@test "create sets the scheduler's flags" {
	update_config '.process.scheduler = {policy: "SCHED_BATCH", nice: -5, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
	quietly create test_box
	[ "$(policy_of "$(pid_of test_box)" | head -n 1)" = "policy: SCHED_BATCH|SCHED_RESET_ON_FORK" ]
	# Its children are ordinary again.
	quietly delete --force test_box
	inside 'cut -d" " -f19 /proc/self/stat; exec cut -d" " -f19,41 /proc/self/stat'
	[ "${lines[*]}" = "0 -5 3" ]
}

@test "create keeps the policy, and the parameters, if asked" {
	update_config '.process.scheduler = {policy: "SCHED_IDLE", nice: 3, flags: ["SCHED_FLAG_KEEP_POLICY"]}'
	quietly create test_box
	[ "$(policy_of "$(pid_of test_box)" | head -n 1)" = "policy: SCHED_OTHER" ]
	[ "$(cut -d' ' -f19 "/proc/$(pid_of test_box)/stat")" = 3 ]
	quietly delete --force test_box
	update_config '.process.scheduler.flags = ["SCHED_FLAG_KEEP_PARAMS"]'
	quietly create test_box
	[ "$(cut -d' ' -f19 "/proc/$(pid_of test_box)/stat")" = 0 ]
}

# bats test_tags=vm
@test "create sets a deadline, and exec another" {
	update_config '.process.scheduler = {policy: "SCHED_DEADLINE", nice: 19, runtime: 1000000, deadline: 10000000,
		period: 20000000, flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"]}'
	hull create test_box
	[[ $output != *"operation not permitted"* ]] || skip "no deadlines on this machine"
	[ "$status" -eq 0 ]
	[ "$(policy_of "$(pid_of test_box)" | grep -c 'SCHED_DEADLINE')" = 1 ]
	[[ $(policy_of "$(pid_of test_box)") = *"1000000/10000000/20000000"* ]]
	exec_process '.args = ["grep", "^policy", "/proc/self/sched"] | .scheduler = {policy: "SCHED_IDLE"}'
	[[ $output =~ :\ +5$ ]]
}

@test "create refuses a deadline that keeps startContainer hooks from being run" {
	update_config '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 10000000}
		| .hooks.startContainer = [{path: "/bin/true"}]'
	refused "SCHED_DEADLINE needs SCHED_FLAG_RESET_ON_FORK where there are startContainer hooks" create test_box
	[[ $output == *"/process/scheduler"* ]]
}

@test "create explains a scheduler that the kernel refuses" {
	update_config '.process.scheduler = {policy: "SCHED_ISO"}'
	refused "the kernel has no SCHED_ISO: set the scheduling policy SCHED_ISO: invalid argument (/process/scheduler)" create test_box
	nothing_left test_box
	update_config '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1, deadline: 2}'
	refused "set the scheduling policy SCHED_DEADLINE: invalid argument (/process/scheduler)" create test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "create sets a real-time policy, or says what it takes" {
	for policy in FIFO RR; do
		update_config '.process.scheduler = {policy: $p, priority: 42}' --arg p "SCHED_$policy"
		hull create test_box
		if [ "$status" -eq 0 ]; then
			[ "$(policy_of "$(pid_of test_box)" | head -n 1)" = "policy: SCHED_$policy" ]
			[ "$(policy_of "$(pid_of test_box)" | tail -n 1)" = "priority: 42" ]
			quietly delete --force test_box
		else
			[[ $output = *"needs CAP_SYS_NICE of the host, and where the kernel divides real-time time among cgroups, linux.resources.cpu.realtimeRuntime: set the scheduling policy SCHED_$policy: operation not permitted (/process/scheduler)"* ]]
			nothing_left test_box
		fi
	done
}

# bats test_tags=vm
@test "create of a deadline with a cpuset says that they exclude each other" {
	two_cpus
	is_v1 || grep -qw cpuset /sys/fs/cgroup/cgroup.controllers || skip "no cpuset controller"
	update_config '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 42000, deadline: 1000000, period: 1000000}
		| .linux.resources.cpu = {cpus: "0", mems: "0"}'
	refused "process scheduler can't be used together with AllowedCPUs" create test_box
	[[ $output = *"(/process/scheduler)"* ]]
	nothing_left test_box
}

@test "exec without a scheduler of its own has the container's" {
	update_config '.process.scheduler = {policy: "SCHED_BATCH", nice: 2}'
	quietly create test_box
	must exec test_box grep ^policy /proc/self/sched
	[[ $output =~ :\ +3$ ]]
	exec_process '.args = ["grep", "^policy", "/proc/self/sched"]'
	[[ $output =~ :\ +3$ ]]
}

# --- CPUs ----------------------------------------------------------------------------------------------------------------

# bats test_tags=vm
@test "neither init nor exec is bound to the CPUs of its caller" {
	two_cpus
	all=$(cpus_of self)
	output=$(set_args grep Cpus_allowed_list /proc/self/status && taskset -c 0 "$HULL" --root "$ROOT" run test_box 3>&-)
	[ "$output" = "Cpus_allowed_list:	$all" ]
	set_args sleep 1000
	quietly create test_box
	output=$(taskset -c 0 "$HULL" --root "$ROOT" exec test_box grep Cpus_allowed_list /proc/self/status 3>&-)
	[ "$output" = "Cpus_allowed_list:	$all" ]
}

# bats test_tags=vm
@test "run has the CPUs of its cpuset, whatever its caller's" {
	two_cpus
	is_v1 || grep -qw cpuset /sys/fs/cgroup/cgroup.controllers || skip "no cpuset controller"
	update_config '.linux.resources.cpu = {cpus: "1", mems: "0"}'
	set_args grep Cpus_allowed_list /proc/self/status
	output=$(taskset -c 0 "$HULL" --root "$ROOT" run test_box 3>&-)
	[ "$output" = "Cpus_allowed_list:	1" ]
	set_args sleep 1000
	quietly create test_box
	output=$(taskset -c 0 "$HULL" --root "$ROOT" exec test_box grep Cpus_allowed_list /proc/self/status 3>&-)
	[ "$output" = "Cpus_allowed_list:	1" ]
}

# bats test_tags=vm
@test "a hull that stays with exec has its own CPUs again" {
	two_cpus
	quietly create test_box
	"$HULL" --root "$ROOT" exec --pid-file "$BATS_TEST_TMPDIR/pid" test_box sleep 1000 3>&- &
	wait_for 5 test -s "$BATS_TEST_TMPDIR/pid"
	[ "$(cpus_of $!)" = "$(cpus_of self)" ]
	[ "$(cpus_of "$(cat "$BATS_TEST_TMPDIR/pid")")" = "$(cpus_of self)" ]
	"$HULL" --root "$ROOT" kill test_box KILL
	wait $! || true
}

# bats test_tags=vm
@test "exec begins on execCPUAffinity.initial and ends on final, of the container or its own" {
	two_cpus
	update_config '.process.execCPUAffinity = {initial: "0", final: "1"}'
	quietly create test_box
	# Not for init.
	[ "$(cpus_of "$(pid_of test_box)")" = "$(cpus_of self)" ]
	must --debug exec test_box grep Cpus_allowed_list /proc/self/status
	[[ $output = *": affinity: 0x1\""* && $output = *"Cpus_allowed_list:	1"* ]]
	exec_process '.args = ["grep", "Cpus_allowed_list", "/proc/self/status"] | .execCPUAffinity.final = "0"'
	[ "$output" = "Cpus_allowed_list:	0" ]
	exec_process '.args = ["grep", "Cpus_allowed_list", "/proc/self/status"] | .execCPUAffinity.initial = "1"'
	[ "$output" = "Cpus_allowed_list:	1" ]
	exec_process '.args = ["grep", "Cpus_allowed_list", "/proc/self/status"] | .execCPUAffinity = {initial: "0", final: "0-1"}'
	[ "$output" = "Cpus_allowed_list:	0-1" ]
}

# bats test_tags=vm
@test "exec names the CPUs that are not there" {
	quietly create test_box
	exec_process '.execCPUAffinity.final = "8000"'
	[ "$status" -eq 255 ]
	[[ $output = *'8000\": set the CPU affinity: invalid argument (/process/execCPUAffinity/final)'* ]]
	exec_process '.execCPUAffinity.initial = "8000"'
	[ "$status" -eq 255 ]
	[[ $output = *'8000\": set the CPU affinity: invalid argument (/process/execCPUAffinity/initial)'* ]]
	exec_process '.execCPUAffinity.initial = "0:1"'
	[ "$status" -eq 255 ]
	[[ $output = *'process.json: \"0:1\" is not a list such as 0-3,7 of numbers below 8192 (/execCPUAffinity/initial)'* ]]
}

# --- memoryPolicy --------------------------------------------------------------------------------------------------------

numa() {
	[ -e /proc/self/numa_maps ] || skip "a kernel without NUMA"
}

# bats test_tags=vm
@test "run and exec have the memory policy" {
	numa
	for case in MPOL_INTERLEAVE:interleave:0 MPOL_BIND:bind:0 MPOL_PREFERRED:prefer:0 MPOL_PREFERRED_MANY:"prefer (many)":0; do
		IFS=: read -r mode name nodes <<<"$case"
		update_config '.linux.memoryPolicy = {mode: $m, nodes: $n}' --arg m "$mode" --arg n "$nodes"
		inside 'cat /proc/self/numa_maps'
		[[ ${lines[0]} = *" $name:$nodes"* ]]
	done
	set_args sleep 1000
	quietly create test_box
	must exec test_box cat /proc/self/numa_maps
	[[ ${lines[0]} = *" prefer (many):0"* ]]
}

@test "run has a memory policy without nodes" {
	numa
	update_config '.linux.memoryPolicy = {mode: "MPOL_DEFAULT"}'
	inside 'cat /proc/self/numa_maps'
	[[ ${lines[0]} = *" default"* ]]
	update_config '.linux.memoryPolicy = {mode: "MPOL_LOCAL"}'
	inside 'cat /proc/self/numa_maps'
	[[ ${lines[0]} = *" local"* ]]
}

# bats test_tags=vm
@test "run has the flags of the memory policy" {
	numa
	update_config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	inside 'cat /proc/self/numa_maps'
	[[ ${lines[0]} = *" bind=static:0"* ]]
	update_config '.linux.memoryPolicy = {mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"]}'
	inside 'cat /proc/self/numa_maps'
	[[ ${lines[0]} = *" prefer=relative:0"* ]]
	update_config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"]}'
	inside 'cat /proc/self/numa_maps'
	[[ ${lines[0]} = *" bind=balancing:0"* || ${lines[0]} = *" bind:0"* ]]
}

@test "create explains a memory policy that the kernel refuses" {
	numa
	update_config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "999"}'
	refused "the kernel has no such mode or flag, or none of these nodes is there: set the memory policy MPOL_BIND of the nodes 999: invalid argument (/linux/memoryPolicy)" \
		create test_box
	nothing_left test_box
}

# --- intelRdt ------------------------------------------------------------------------------------------------------------

@test "create with intelRdt where resctrl is not mounted is refused" {
	! grep -q ' resctrl ' /proc/mounts || skip "resctrl is mounted"
	update_config '.linux.intelRdt = {}'
	refused "intelRdt is specified in config, but Intel RDT is not enabled (/linux/intelRdt)" create test_box
	nothing_left test_box
	update_config '.linux.intelRdt = {closID: "/", enableMonitoring: true}'
	refused "intelRdt is specified in config, but Intel RDT is not enabled (/linux/intelRdt)" create test_box
	nothing_left test_box
}

# --- limits and rights ---------------------------------------------------------------------------------------------------

@test "create explains a hard limit that may not be raised" {
	update_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 300, hard: 300}]'
	output=$(prlimit --nofile=200:200 setpriv --bounding-set -sys_resource "$HULL" --root "$ROOT" create test_box \
		2>&1 </dev/null 3>&-) || status=$?
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output = *"the hard limit is 200, and to raise it takes CAP_SYS_RESOURCE (and no more than fs.nr_open): set RLIMIT_NOFILE to 300:300: operation not permitted (/process/rlimits/0)"* ]]
	nothing_left test_box
	update_config '.process.rlimits = [{type: "RLIMIT_NPROC", soft: 5, hard: 300}]'
	output=$(prlimit --nproc=200:200 setpriv --bounding-set -sys_resource "$HULL" --root "$ROOT" create test_box \
		2>&1 </dev/null 3>&-) || status=$?
	[[ $output = *"the hard limit is 200, and to raise it takes CAP_SYS_RESOURCE: set RLIMIT_NPROC to 5:300: operation not permitted (/process/rlimits/0)"* ]]
	# Up to what there is, it needs no right.
	update_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]'
	set_args grep "open files" /proc/self/limits
	output=$(prlimit --nofile=200:200 setpriv --bounding-set -sys_resource "$HULL" --root "$ROOT" run test_box 3>&-)
	[[ $output =~ \ 100\ +200\  ]]
}

@test "run goes on without a capability that cannot be granted, with a warning" {
	update_config '.process.capabilities = (["bounding", "effective", "permitted", "inheritable", "ambient"]
		| map({key: ., value: ["CAP_SYS_TIME", "CAP_KILL"]}) | from_entries)'
	set_args grep ^Cap /proc/self/status
	run -0 setpriv --bounding-set -sys_time "$HULL" --root "$ROOT" run test_box 3>&-
	[[ $output = *"level=warning msg=\"capability CAP_SYS_TIME cannot be granted: hull itself does not have it"* ]]
	[[ $output != *"capability CAP_KILL cannot be granted"* ]]
	for set in Inh Prm Eff Bnd Amb; do
		[[ $output = *"Cap$set:	0000000000000020"* ]]
	done
	# Clients give a log file, and some read all of it as the error.
	run -0 setpriv --bounding-set -sys_time "$HULL" --root "$ROOT" --log log run test_box 3>&-
	[[ $output != *"cannot be granted"* && ! -s log ]]
	# In a user namespace of its own the container has them all.
	update_config '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]'
	chown -R 100000:100000 rootfs
	open_way "$BUNDLE"
	run -0 setpriv --bounding-set -sys_time "$HULL" --root "$ROOT" run test_box 3>&-
	[[ $output != *"cannot be granted"* ]]
}

# bats test_tags=vm-board
@test "exec of a process file has the container's limits, capabilities and umask, or its own" {
	update_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 88}] | .process.user.umask = 63
		| .process.capabilities |= map_values(["CAP_KILL"])'
	quietly create test_box
	exec_process '.args = ["sh", "-c", "ulimit -n; ulimit -Hn; umask; grep CapBnd /proc/self/status"]'
	[ "${lines[*]}" = "77 88 0077 CapBnd:	0000000000000020" ]
	exec_process '.args = ["sh", "-c", "ulimit -n; ulimit -Hn; umask; grep CapBnd /proc/self/status"]
		| .rlimits = [{type: "RLIMIT_NOFILE", soft: 5, hard: 66}] | .user.umask = 7 | .capabilities = {}'
	[ "${lines[*]}" = "5 66 0007 CapBnd:	0000000000000000" ]
}
