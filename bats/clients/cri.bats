#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hull under containerd's CRI plugin, with the runtime class of README's configuration: what the kubelet does with pods.
# Called cri_shim.bats, with hull's own shim.

load helpers

export CONTAINERD_ADDRESS=$ENGINE/containerd.sock
IMAGE=docker.io/library/busybox:test
PODS=/test-kubepods

setup_file() {
	needs containerd ctr containerd-shim-runc-v2
	/usr/bin/python3 -c 'import grpc' || skip "no python3-grpcio"
	cni_network "$ENGINE/cni"
	shim_link
	config_toml <<-END
		$(readme_config "containerd$(! own_shim || echo ", own shim")")
		$([ ! -e "$ENGINE/shim.toml" ] || printf '  options = { ConfigPath = "%s" }' "$ENGINE/shim.toml")
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$IMAGE"
		  restrict_oom_score_adj = true # not everyone may lower it
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$ENGINE/cni"
	END
	start_cri
	oci_image "$ENGINE/busybox.tar"
	ctr -n k8s.io image import "$ENGINE/busybox.tar"
}

teardown_file() { end_daemon containerd; }

teardown() {
	local pod
	for pod in $("${CRI[@]}" ListPodSandbox | jq -r '.items[].id'); do
		"${CRI[@]}" StopPodSandbox "{\"pod_sandbox_id\": \"$pod\"}" >/dev/null || true
		"${CRI[@]}" RemovePodSandbox "{\"pod_sandbox_id\": \"$pod\"}" >/dev/null || true
	done
	# The kubelet's own.
	find /sys/fs/cgroup -depth -path "*$PODS*" -type d -exec rmdir {} +
}

start_cri() {
	start_containerd
	wait_for 20 "${CRI[@]}" Version >/dev/null 2>&1
}

CRI=("$BATS_TEST_DIRNAME/cri.py")

# call METHOD [FILTER [JQ OPTION...]]: the request is what jq makes of the filter, of which $pod and $container are the ids.
call() {
	local method=$1 filter=${2:-.}
	shift $(($# < 2 ? $# : 2))
	works "${CRI[@]}" "$method" "$(jq -nc --arg pod "${pod:-}" --arg container "${container:-}" "$filter" "$@")"
}

# answer FILTER TEXT: what there is in the last answer, without newlines at the end.
answer() {
	local found
	found=$(jq -r "$1" <<<"$output")
	[ "$found" = "$2" ] || {
		echo "$1 is $found, not $2"
		return 1
	}
}

# make_pod NAME [FILTER]: its configuration changed by the filter; its id in $pod, its PID in $sandbox.
make_pod() {
	pod_config=$(jq -nc --arg name "$1" --arg parent "$PODS/$1" --arg logs "$ENGINE/logs" '{
		metadata: {name: $name, uid: "uid-\($name)", namespace: "default"}, hostname: $name, log_directory: $logs,
		linux: {cgroup_parent: $parent, security_context: {namespace_options: {pid: 1}}}} | '"${2:-.}")
	call RunPodSandbox '{config: $config, runtime_handler: "hull"}' --argjson config "$pod_config"
	pod=$(jq -r .pod_sandbox_id <<<"$output")
	sandbox=$("${CRI[@]}" PodSandboxStatus "{\"pod_sandbox_id\": \"$pod\", \"verbose\": true}" | jq '.info.info | fromjson.pid')
}

pod_is() {
	call PodSandboxStatus '{pod_sandbox_id: $pod}' >/dev/null
	answer .status.state "$1"
}
READY=0 NOT_READY=1

# make_container NAME FILTER COMMAND...: created in $pod; its id in $container.
make_container() {
	local name=$1 filter=$2
	shift 2
	call CreateContainer '{pod_sandbox_id: $pod, sandbox_config: $config, config: ({
		metadata: {name: $name}, image: {image: $image}, command: $ARGS.positional, log_path: "\($name).log",
		linux: {security_context: {namespace_options: {pid: 1}}}} | '"$filter"')}' \
		--arg name "$name" --arg image "$IMAGE" --arg target "${container:-}" --arg volume "$ENGINE/volume" \
		--argjson config "$pod_config" --args -- "$@"
	container=$(jq -r .container_id <<<"$output")
}

# run_container NAME FILTER COMMAND...: and started; its PID in $pid, 0 if it has ended already.
run_container() {
	make_container "$@"
	call StartContainer '{container_id: $container}'
	pid=$(status_of '.info.info | fromjson.pid')
}

# status_of FILTER
status_of() {
	"${CRI[@]}" ContainerStatus "{\"container_id\": \"$container\", \"verbose\": true}" | jq -r "$1"
}

# ended FILTER TEXT: the container ends, and its status is this then.
ended() {
	wait_for 15 eval '[ "$(status_of .status.state)" = 2 ]'
	call ContainerStatus '{container_id: $container}'
	answer "$1" "$2"
}

# exec_sync TEXT COMMAND...: it must work, and say this.
exec_sync() {
	local text=$1
	shift
	call ExecSync '{container_id: $container, cmd: $ARGS.positional}' --args -- "$@"
	answer .exit_code 0
	answer .stdout "$text"
}

remove_pod() {
	call StopPodSandbox '{pod_sandbox_id: $pod}'
	call RemovePodSandbox '{pod_sandbox_id: $pod}'
	wait_gone "$pod"
}

# same_namespaces PID PID NAME...
same_namespaces() {
	local one=$1 other=$2 name
	shift 2
	for name; do
		[ "$(readlink "/proc/$one/ns/$name")" = "$(readlink "/proc/$other/ns/$name")" ] || return 1
	done
}

# bats test_tags=clients-v2
@test "a pod is run, looked into, stopped and removed, and leaves nothing" {
	make_pod test-life
	pod_is $READY
	answer .status.runtime_handler hull
	[ -n "$(find /run -path "*/k8s.io/$pod/record.json")" ]
	run_container main . sh -c 'echo out; echo err >&2; trap "exit 7" TERM; while :; do sleep 0.05; done'
	same_namespaces "$pid" "$sandbox" net ipc uts
	not same_namespaces "$pid" "$sandbox" pid
	not same_namespaces "$pid" "$sandbox" mnt
	call ExecSync '{container_id: $container, cmd: ["sh", "-c", "echo in; echo no >&2; exit 4"]}'
	answer '"\(.exit_code) \(.stdout) \(.stderr)"' $'4 in\n no'
	exec_sync test-life hostname
	wait_for 5 grep -q 'stdout F out$' "$ENGINE/logs/main.log"
	wait_for 5 grep -q 'stderr F err$' "$ENGINE/logs/main.log"
	call StopContainer '{container_id: $container, timeout: 10}'
	ended '.status | "\(.exit_code) \(.reason)"' "7 Error"
	call RemoveContainer '{container_id: $container}'
	wait_gone "$container"
	remove_pod
	[ -z "$("${CRI[@]}" ListPodSandbox | jq '.items[]')" ]
}

@test "containers end with their codes and reasons, by themselves and by force" {
	make_pod test-ends
	run_container good . true
	ended '.status | "\(.exit_code) \(.reason)"' "0 Completed"
	run_container bad . sh -c 'exit 3'
	ended '.status | "\(.exit_code) \(.reason)"' "3 Error"
	# One that does not listen is killed after its grace period, not before.
	run_container deaf . sh -c 'trap "" TERM; touch /ready; while :; do sleep 0.05; done'
	wait_for 5 test -e "/proc/$pid/root/ready"
	local start=$EPOCHREALTIME
	call StopContainer '{container_id: $container, timeout: 1}'
	[ $((${EPOCHREALTIME/./} - ${start/./})) -ge 1000000 ]
	ended '.status | "\(.exit_code) \(.reason)"' "137 Error"
	remove_pod
}

@test "a program that is not there, or cannot be run, is told of in the status" {
	make_pod test-nosuch
	local program text
	for program in "nosuch:executable file not found in \$PATH" "/no/such:no such file or directory" \
		"/etc/passwd:permission denied"; do
		text=${program#*:}
		make_container "no${#text}" . "${program%%:*}"
		fails 1 "exec: \"${program%%:*}\"" "${CRI[@]}" StartContainer "{\"container_id\": \"$container\"}"
		[[ $output == *"$text"* ]]
		ended '.status | "\(.exit_code) \(.reason)"' "128 StartError"
		[[ $(jq -r .status.message <<<"$output") == *"$text"* ]]
	done
	remove_pod
}

@test "a probe every 100 ms has the right exit code each time, and may take too long" {
	make_pod test-probe
	run_container main . sleep 1000
	works "${CRI[@]}" --times 20 --every 0.1 ExecSync "$(jq -nc --arg c "$container" '{container_id: $c, timeout: 10,
		cmd: ["sh", "-c", "n=$(cat /n || echo 0); echo $((n + 1)) >/n; echo $n; exit $((n % 3))"]}')"
	[ "$(jq -r '"\(.exit_code) \(.stdout | rtrimstr("\n"))"' <<<"$output")" = "$(seq 0 19 | awk '{ print $1 % 3, $1 }')" ]
	fails 1 DEADLINE_EXCEEDED "${CRI[@]}" ExecSync \
		"{\"container_id\": \"$container\", \"cmd\": [\"sleep\", \"1001\"], \"timeout\": 1}"
	exec_sync "" sh -c 'ps -o args | grep "[s]leep 1001" || true'
	fails 1 "executable file not found in \$PATH" "${CRI[@]}" ExecSync \
		"{\"container_id\": \"$container\", \"cmd\": [\"nosuch\"]}"
	remove_pod
}

@test "usage is measured, and limits are changed while a container runs" {
	wants_v1
	make_pod test-usage
	run_container main '.linux.resources = {cpu_period: 100000, cpu_quota: 20000, cpu_shares: 102,
		memory_limit_in_bytes: 52428800, oom_score_adj: 500}' sh -c 'x=$(seq 100000); sleep 1000'
	[ "$(cat "$(cgroup_file "$pid" memory memory.limit_in_bytes)")" = 52428800 ]
	[ "$(cat "$(cgroup_file "$pid" cpu cpu.cfs_quota_us)")" = 20000 ]
	[ "$(cat "$(cgroup_file "$pid" cpu cpu.shares)")" = 102 ]
	[ "$(cat "/proc/$pid/oom_score_adj")" = 500 ]
	[[ $(cgroup_file "$pid" memory .) == *"$PODS/test-usage/$container/." ]]
	call ContainerStats '{container_id: $container}'
	answer '.stats | .attributes.metadata.name == "main" and .cpu.usage_core_nano_seconds.value > 0
		and .memory.working_set_bytes.value > 0' true
	call ListContainerStats '{filter: {pod_sandbox_id: $pod}}'
	answer '.stats | length' 1
	call PodSandboxStats '{pod_sandbox_id: $pod}'
	answer '.stats.linux | .cpu.usage_core_nano_seconds.value > 0 and .memory.working_set_bytes.value > 0' true
	call UpdateContainerResources '{container_id: $container, linux: {cpu_period: 50000, cpu_quota: 25000, cpu_shares: 512,
		memory_limit_in_bytes: 104857600, cpuset_cpus: "0"}}'
	[ "$(cat "$(cgroup_file "$pid" memory memory.limit_in_bytes)")" = 104857600 ]
	[ "$(cat "$(cgroup_file "$pid" cpu cpu.cfs_quota_us)")" = 25000 ]
	[ "$(cat "$(cgroup_file "$pid" cpu cpu.cfs_period_us)")" = 50000 ]
	[ "$(cat "$(cgroup_file "$pid" cpu cpu.shares)")" = 512 ]
	[ "$(cat "$(cgroup_file "$pid" cpuset cpuset.cpus)")" = 0 ]
	remove_pod
}

@test "a container whose memory runs out is OOMKilled" {
	wants_v1
	make_pod test-oom
	# containerd's shim listens when the container has started, and tells of it before or after the end.
	run_container main '.linux.resources.memory_limit_in_bytes = 20971520' sh -c 'sleep 0.5; exec tail /dev/zero'
	ended .status.exit_code 137
	wait_for 10 eval '[ "$(status_of .status.reason)" = OOMKilled ]'
	# A program of the container, not its first.
	run_container child '.linux.resources.memory_limit_in_bytes = 20971520' sh -c 'tail /dev/zero; sleep 0.5; exit 5'
	ended .status.exit_code 5
	remove_pod
}

@test "containers of a pod may share a PID namespace, and a debugger joins another's" {
	make_pod test-shared '.linux.security_context.namespace_options.pid = 0'
	run_container one '.linux.security_context.namespace_options.pid = 0' sleep 1001
	run_container two '.linux.security_context.namespace_options.pid = 0' sleep 1002
	same_namespaces "$pid" "$sandbox" pid
	call ExecSync '{container_id: $container, cmd: ["ps", "-o", "args"]}'
	[[ $(jq -r .stdout <<<"$output") == *"sleep 1000"*"sleep 1001"*"sleep 1002"* ]]
	# With no PID namespace of its own, all that it started ends with it.
	run_container three '.linux.security_context.namespace_options.pid = 0' sh -c 'sleep 1003 & echo $! >/child; exec sleep 1004'
	wait_for 5 test -s "/proc/$pid/root/child"
	local children
	mapfile -t children <"$(cgroup_file "$pid" pids cgroup.procs)"
	[ ${#children[@]} = 2 ]
	call StopContainer '{container_id: $container}'
	wait_for 5 gone "${children[@]}"
	ended .status.exit_code 137

	run_container alone . sleep 1005
	local target=$pid
	not same_namespaces "$pid" "$sandbox" pid
	run_container debugger '.linux.security_context.namespace_options = {pid: 3, target_id: $target}' sleep 1006
	same_namespaces "$pid" "$target" pid
	exec_sync $'sleep 1005\nsleep 1006' sh -c 'ps -o args | grep "^sleep"'
	remove_pod
}

# bats test_tags=clients-v2
@test "the security context of a container takes effect" {
	make_pod test-secure '.linux.security_context.seccomp = {profile_type: 0} | .linux.sysctls = {"net.ipv4.ip_forward": "1"}'
	run_container strict '.linux.security_context += {run_as_user: {value: 1000}, run_as_group: {value: 1001},
		supplemental_groups: [2000, 2001], capabilities: {drop_capabilities: ["ALL"]}, readonly_rootfs: true, no_new_privs: true,
		seccomp: {profile_type: 0}, masked_paths: ["/proc/kcore", "/proc/timer_list"], readonly_paths: ["/proc/sys"]}' sleep 1000
	exec_sync "1000 1001 1001 2000 2001" sh -c 'echo $(id -u) $(id -g) $(id -G)'
	exec_sync $'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2' \
		grep -e CapPrm -e CapEff -e CapBnd -e NoNewPrivs -e Seccomp: /proc/self/status
	exec_sync 1 cat /proc/sys/net/ipv4/ip_forward
	call ExecSync '{container_id: $container, cmd: ["touch", "/x"]}'
	answer '"\(.exit_code) \(.stderr)"' "1 touch: /x: Read-only file system"
	run_container bound '.linux.security_context += {
		capabilities: {drop_capabilities: ["ALL"], add_capabilities: ["NET_BIND_SERVICE"]}, seccomp: {profile_type: 1}}' sleep 1000
	exec_sync $'CapEff:\t0000000000000400\nSeccomp:\t0' grep -e CapEff -e Seccomp: /proc/self/status
	remove_pod
}

# bats test_tags=clients-v2
@test "a privileged container has all devices and capabilities, and the node's namespaces where asked for" {
	local all='.linux.security_context += {privileged: true, namespace_options: {network: 2, pid: 2, ipc: 2}}'
	make_pod test-privileged '.hostname = "" | '"$all"
	same_namespaces "$sandbox" self net ipc pid
	run_container main "$all" sleep 1000
	same_namespaces "$pid" self net ipc pid uts
	exec_sync "$(awk '/^CapEff/' /proc/self/status)" grep CapEff /proc/self/status
	exec_sync "" mount -t tmpfs none /tmp
	exec_sync "" test -c /dev/fuse
	remove_pod
}

@test "volumes, devices and variables reach a container" {
	mkdir -p "$ENGINE/volume"
	echo volume >"$ENGINE/volume/f"
	make_pod test-volumes
	run_container main '. += {working_dir: "/tmp", envs: [{key: "A", value: "b c"}],
		devices: [{container_path: "/dev/myfuse", host_path: "/dev/fuse", permissions: "rw"}],
		mounts: [{container_path: "/v", host_path: $volume},
			{container_path: "/ro", host_path: $volume, readonly: true},
			{container_path: "/seen", host_path: $volume, propagation: 1}]}' sleep 1000
	exec_sync "volume b c /tmp" sh -c 'echo $(cat /v/f) $A $(pwd) && test -c /dev/myfuse && touch /v/g'
	call ExecSync '{container_id: $container, cmd: ["touch", "/ro/x"]}'
	answer '"\(.exit_code) \(.stderr)"' "1 touch: /ro/x: Read-only file system"
	# What is mounted on the node later is seen where HostToContainer says so.
	mkdir "$ENGINE/volume/later"
	mount -t tmpfs none "$ENGINE/volume/later"
	touch "$ENGINE/volume/later/x"
	exec_sync "x" sh -c 'ls /v/later; ls /seen/later'
	umount "$ENGINE/volume/later"
	remove_pod
}

# bats test_tags=clients-v2
@test "a sandbox that dies is seen, and its pod can be removed" {
	make_pod test-dies
	run_container main . sleep 1000
	kill -KILL "$sandbox"
	wait_for 10 pod_is $NOT_READY
	gone "$sandbox"
	remove_pod
	wait_gone "$container"
}

@test "containerd started anew finds its pods" {
	make_pod test-restart
	run_container main . sleep 1000
	end_daemon containerd KILL
	start_cri
	pod_is $READY
	[ "$(status_of '.info.info | fromjson.pid')" = "$pid" ]
	exec_sync again echo again
	call StopContainer '{container_id: $container}'
	ended .status.exit_code 137
	remove_pod
}
