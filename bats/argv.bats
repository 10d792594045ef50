#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2
#
# The words that engines call hull with, one life of a container for each, and what they read from it. bats/clients has
# the engines themselves.

load helpers

setup() {
	setup_bundle
	# go-runc (containerd, BuildKit) reads errors from the log, and stdout and stderr of most commands as one.
	GO_RUNC=(--log "$BUNDLE/log.json" --log-format json)
}
teardown() { teardown_bundle; }

# process_file FILE ARG...: what engines give to exec --process.
process_file() {
	local file=$1
	shift
	jq '.process | .args = $ARGS.positional | .terminal = false' config.json --args -- "$@" >"$file"
}

@test "containerd's shim: a task from create to delete" {
	local init
	quietly "${GO_RUNC[@]}" create --bundle "$BUNDLE" --pid-file "$BUNDLE/init.pid" --no-pivot --no-new-keyring test_task
	init=$(<init.pid)
	must "${GO_RUNC[@]}" state test_task
	[ "$(jq -r '"\(.id) \(.status) \(.pid) \(.bundle)"' <<<"$output")" = "test_task created $init $BUNDLE" ]
	quietly "${GO_RUNC[@]}" start test_task
	process_file exec.json sh -c 'exec sleep 1001'
	quietly "${GO_RUNC[@]}" exec --process "$BUNDLE/exec.json" --detach --pid-file "$BUNDLE/e1.pid" test_task
	must "${GO_RUNC[@]}" ps --format json test_task
	[ "$(jq -c sort <<<"$output")" = "$(jq -nc '$ARGS.positional | map(tonumber) | sort' --args "$init" "$(<e1.pid)")" ]
	quietly "${GO_RUNC[@]}" pause test_task
	is_status test_task paused
	quietly "${GO_RUNC[@]}" resume test_task
	quietly "${GO_RUNC[@]}" update --resources=- test_task <<<'{}'
	# What fails must be said in one line of the log, and leave the container as it is.
	hull "${GO_RUNC[@]}" checkpoint --image-path "$BUNDLE/i" --work-path "$BUNDLE/w" --page-server nowhere --leave-running test_task
	[ "$status" = 1 ]
	grep -q 'Use --page-server ADDRESS:PORT' log.json
	: >log.json
	is_status test_task running
	quietly "${GO_RUNC[@]}" kill --all test_task 9
	wait_for 5 gone "$init" "$(<e1.pid)"
	quietly "${GO_RUNC[@]}" delete test_task
	[ ! -s log.json ]
	# After a shim that died: there may be nothing to delete.
	hull "${GO_RUNC[@]}" delete --force test_task
	[ "$status" -eq 0 ]
	hull "${GO_RUNC[@]}" state test_task
	[ "$status" -ne 0 ]
	[[ $(jq -r 'select(.level == "error").msg' log.json) == *"container does not exist"* ]]
}

@test "containerd's CRI plugin: a pod sandbox, a container in its namespaces, execSync and its timeout" {
	local cgroup=/test_kubepods/burstable/pod1 ns sandbox main
	jq '.linux.cgroupsPath = "'$cgroup'/sandbox" | .process.args = ["sleep", "1000"] | .root.readonly = true
		| .hostname = "pod" | .process.oomScoreAdj = 100 | .linux.resources.cpu.shares = 2
		| .annotations["io.kubernetes.cri.container-type"] = "sandbox"' config.json >new && mv new config.json
	is_v1 || update_config 'del(.linux.resources.cpu)'
	quietly "${GO_RUNC[@]}" create --bundle "$BUNDLE" --pid-file "$BUNDLE/sandbox.pid" test_sandbox
	quietly "${GO_RUNC[@]}" start test_sandbox
	sandbox=$(<sandbox.pid)
	# Network, IPC and UTS are the sandbox's; files for names come from the kubelet.
	echo "127.0.0.1 pod" >hosts
	jq --arg p "/proc/$sandbox/ns" '.linux.cgroupsPath = "'$cgroup'/main" | del(.hostname)
		| .annotations["io.kubernetes.cri.container-type"] = "container"
		| .linux.namespaces |= map(if .type == "network" then .path = $p + "/net"
			elif .type == "ipc" then .path = $p + "/ipc" elif .type == "uts" then .path = $p + "/uts" else . end)' \
		config.json >new && mv new config.json
	add_mount /etc/hosts bind "$BUNDLE/hosts" rbind rprivate ro
	quietly "${GO_RUNC[@]}" create --bundle "$BUNDLE" --pid-file "$BUNDLE/main.pid" test_main
	quietly "${GO_RUNC[@]}" start test_main
	main=$(<main.pid)
	for ns in net ipc uts; do
		[ "$(readlink "/proc/$main/ns/$ns")" = "$(readlink "/proc/$sandbox/ns/$ns")" ]
	done
	for ns in pid mnt; do
		[ "$(readlink "/proc/$main/ns/$ns")" != "$(readlink "/proc/$sandbox/ns/$ns")" ]
	done
	must exec test_main sh -c 'hostname; cat /etc/hosts'
	[ "$output" = $'pod\n127.0.0.1 pod' ]
	# execSync: a process of its own, whose PID the shim has; at the timeout the shim kills that.
	process_file exec.json sleep 1001
	quietly "${GO_RUNC[@]}" exec --process "$BUNDLE/exec.json" --detach --pid-file "$BUNDLE/e1.pid" test_main
	kill -KILL "$(<e1.pid)"
	wait_for 5 gone "$(<e1.pid)"
	is_status test_main running
	# The kubelet's update, then the pod's end in its order.
	if is_v1; then
		quietly "${GO_RUNC[@]}" update --resources=- test_main \
			<<<'{"cpu": {"shares": 512, "quota": 50000, "period": 100000}, "memory": {"limit": 67108864}}'
		[ "$(cat "/sys/fs/cgroup/memory$cgroup/main/memory.limit_in_bytes")" = 67108864 ]
		[ "$(cat "/sys/fs/cgroup/cpu$cgroup/main/cpu.shares")" = 512 ]
	fi
	for id in test_main test_sandbox; do
		quietly "${GO_RUNC[@]}" kill "$id" 15
		quietly "${GO_RUNC[@]}" kill "$id" 9
		wait_status "$id" stopped
		quietly "${GO_RUNC[@]}" delete "$id"
	done
	# The kubelet removes its own directories.
	find /sys/fs/cgroup -depth -path '*/test_kubepods*' -type d -exec rmdir {} +
	[ ! -s log.json ]
}

@test "dockerd asks for version and features when it starts" {
	"$HULL" --version | grep -x 'hull version [0-9.]*'
	"$HULL" features | jq -e '.ociVersionMin and (.linux.namespaces | length == 8)'
}

@test "CRI-O: start, state, kill, update, exec and delete of what conmon has made" {
	quietly "--root=$ROOT" "--log-format=json" "--log=$BUNDLE/log.json" create --bundle "$BUNDLE" --pid-file pid test_crio
	quietly start test_crio
	must state test_crio
	[ "$(jq -r .status <<<"$output")" = running ]
	process_file exec.json sh -c 'echo in; exit 4'
	hull exec --process "$BUNDLE/exec.json" test_crio
	[ "$status $output" = "4 in" ]
	quietly update --resources - test_crio <<<'{}'
	quietly pause test_crio
	quietly resume test_crio
	# How CRI-O and podman find out what can be done.
	must checkpoint --help
	hull restore --lsm-mount-context
	[[ $status = 1 && $output = *"flag needs an argument: -lsm-mount-context"* ]]
	quietly kill -a test_crio KILL
	wait_status test_crio stopped
	quietly delete --force test_crio
	hull state test_crio
	[ "$status" -ne 0 ]
	[[ $output == *"container does not exist"* ]]
}

@test "conmon: the container's init is handed to the subreaper that called" {
	# conmon marks its own descriptors close-on-exec and names LISTEN_PID for a hull that it starts itself.
	cat >reaper.pl <<-'END'
		my %prctl = (x86_64 => 157, aarch64 => 167, riscv64 => 167);
		syscall($prctl{shift()}, 36, 1, 0, 0, 0) == 0 or die "PR_SET_CHILD_SUBREAPER: $!";
		system(@ARGV) == 0 or die "failed";
		open(my $f, "<", "pid") or die; my $pid = <$f>;
		open($f, "<", "/proc/$pid/stat") or die; <$f> =~ /\) \S (\d+)/ or die;
		print $1 == $$ ? "mine\n" : "of $1\n";
	END
	perl reaper.pl "$(uname -m)" "$HULL" "--root=$ROOT" --log-format=json --log "$BUNDLE/log.json" create --bundle "$BUNDLE" \
		--pid-file pid test_conmon >out 2>&1 </dev/null 3>&-
	[ "$(<out)" = mine ]
}

@test "podman: start, kill, update from a file and delete" {
	quietly --log-format=json --log "$BUNDLE/log.json" create --bundle "$BUNDLE" --pid-file pid test_podman
	quietly start test_podman
	process_file exec.json true
	quietly --log-format=json --log "$BUNDLE/log.json" exec --pid-file e.pid --process "$BUNDLE/exec.json" --detach test_podman
	echo '{}' >resources
	quietly update "--resources=$BUNDLE/resources" test_podman
	quietly kill test_podman 10
	quietly kill --all test_podman 9
	wait_status test_podman stopped
	quietly delete --force test_podman
}

@test "BuildKit: run --keep, exec beside it, delete" {
	local pid='' result=0
	set_args sh -c 'echo step; exit 3'
	hull "${GO_RUNC[@]}" run --bundle "$BUNDLE" --no-pivot --keep test_step
	[ "$status $output" = "3 step" ]
	quietly delete test_step
	set_args sleep 1000
	hull_bg "${GO_RUNC[@]}" run --bundle "$BUNDLE" --keep test_step
	wait_status test_step running
	process_file exec.json sh -c 'echo beside'
	must exec --process "$BUNDLE/exec.json" --pid-file e.pid test_step
	[ "$output" = beside ]
	quietly kill test_step 9
	wait "$pid" || result=$?
	[ "$result" = 137 ]
	quietly delete test_step
}

@test "buildah: create, start, state until stopped, delete" {
	set_args sh -c 'exit 0'
	quietly create --bundle "$BUNDLE" --pid-file pid --no-new-keyring test_buildah
	quietly start test_buildah
	wait_status test_buildah stopped
	quietly delete test_buildah
}

@test "conmon-rs: exec -d with words after the id" {
	quietly "--root=$ROOT" create --bundle "$BUNDLE" --pid-file pid test_rs
	quietly start test_rs
	quietly "--root=$ROOT" exec -d --pid-file=e.pid test_rs sleep 1001
	[ "$(tr '\0' ' ' <"/proc/$(<e.pid)/cmdline")" = "sleep 1001 " ]
}
