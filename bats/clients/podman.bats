#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hull under podman and conmon, rootful and as an ordinary user, with podman's configuration from README.md.
# shellcheck disable=SC2153,SC2154 # HULL, pid and id are the helpers'

load helpers

export CLI=podman
IMAGE=localhost/busybox:test
USER_ID=4242

setup() { cd "$ENGINE" || return 1; } # conmon drops files where it is

setup_file() {
	needs podman conmon
	mkdir -p /etc/containers/containers.conf.d
	readme_config podman >/etc/containers/containers.conf.d/hull.conf
	# No journald in here.
	printf '[engine]\nevents_logger = "file"\n[containers]\nlog_driver = "k8s-file"\n' \
		>/etc/containers/containers.conf.d/test.conf
	podman import --quiet --change ENV=PATH=/bin "$IMAGE_TAR" "$IMAGE" 3>&-
	make_user
}

teardown() {
	podman pod rm --all --force --time 0 >/dev/null 2>&1 3>&- || true
	podman rm --all --force --time 0 >/dev/null 2>&1 3>&- || true
}

# bats test_tags=clients-v2
@test "podman takes hull from README's configuration" {
	says "hull $HULL cgroupfs" podman info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}} {{.Host.CgroupManager}}'
	run_detached test-which -- sleep 1000
	[ "$(inspect test-which .OCIRuntime)" = hull ]
	[ "$("$HULL" state "$id" | jq -r .status)" = running ]
}

# bats test_tags=clients-v2
@test "podman run passes output and exit code on, and leaves nothing" {
	runs_and_leaves_nothing
}

@test "podman knows a program that is not there, or cannot be run, by what hull says" {
	fails 127 'executable file not found in $PATH' podman run --rm "$IMAGE" nosuch
	[[ $output == *"OCI runtime attempted to invoke a command that was not found"* ]]
	fails 127 "OCI runtime attempted to invoke a command that was not found" podman run --rm "$IMAGE" /no/such
	fails 126 "OCI permission denied" podman run --rm "$IMAGE" /etc/passwd
	fails 126 "is a directory" podman run --rm "$IMAGE" /etc
}

# bats test_tags=clients-v2
@test "a container is seen, signalled, paused, resumed, updated, restarted and stopped" {
	run_service test-life --memory 60m
	says running podman inspect test-life --format '{{.State.Status}}'
	works podman top test-life hpid comm
	grep -qw "$pid" <<<"$output"
	! is_v1 || says "test-life 2" podman stats --no-stream --format '{{.Name}} {{.PIDs}}' test-life

	works podman pause test-life
	is_frozen "$pid"
	says paused podman inspect test-life --format '{{.State.Status}}'
	works podman unpause test-life

	works podman update --memory 100m --cpus 0.5 test-life
	if is_v1; then
		[ "$(cat "$(cgroup_file "$pid" memory memory.limit_in_bytes)")" = 104857600 ]
		[ "$(cat "$(cgroup_file "$pid" cpu cpu.cfs_quota_us)")" = 50000 ]
	fi

	is_signalled_and_restarted
	works podman rm --force --time 0 test-life
	wait_gone "$id"
}

# bats test_tags=clients-v2
@test "exec has its own exit code, user, directory, environment and terminal" {
	run_detached test-exec -- sleep 1000
	execs_in 127
	works podman exec --detach test-exec sh -c 'echo $$ >/tmp/detached; exec sleep 1001'
	wait_for 5 test -s "/proc/$pid/root/tmp/detached"
	podman top test-exec args 3>&- | grep -q 'sleep 1001'
	says in podman exec --privileged test-exec sh -c 'echo in'
}

@test "a health check runs in the container" {
	try podman run --detach --name test-health --health-cmd 'test -f /tmp/ok' --health-interval disable \
		--health-retries 1 "$IMAGE" sleep 1000
	fails 1 unhealthy podman healthcheck run test-health
	works podman exec test-health touch /tmp/ok
	works podman healthcheck run test-health
	says healthy podman inspect test-health --format '{{.State.Health.Status}}'
}

@test "limits are in the files of their controllers" {
	wants_v1
	says 20971520 podman run --rm --memory 20m "$IMAGE" cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	says 10 podman run --rm --pids-limit 10 "$IMAGE" cat /sys/fs/cgroup/pids/pids.max
	says 50000 podman run --rm --cpus 0.5 "$IMAGE" cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	fails 137 "" podman run --rm --memory 20m "$IMAGE" tail /dev/zero
}

@test "options take effect" {
	fails 1 "Read-only file system" podman run --rm --read-only "$IMAGE" touch /x
	works podman run --rm --read-only "$IMAGE" touch /tmp/x
	says "CapEff:	0000000000000000" podman run --rm --cap-drop all "$IMAGE" grep CapEff /proc/self/status
	says "NoNewPrivs:	1" podman run --rm --security-opt no-new-privileges "$IMAGE" grep NoNewPrivs /proc/self/status
	says "Seccomp:	2" podman run --rm "$IMAGE" grep Seccomp: /proc/self/status
	says "Seccomp:	0" podman run --rm --security-opt seccomp=unconfined "$IMAGE" grep Seccomp: /proc/self/status
	says "         0     300000      65536" podman run --rm --uidmap 0:300000:65536 "$IMAGE" cat /proc/self/uid_map
	says "1 host" podman run --rm --sysctl net.ipv4.ip_forward=1 --hostname host "$IMAGE" \
		sh -c 'echo $(cat /proc/sys/net/ipv4/ip_forward) $(hostname)'
	works podman run --rm --privileged "$IMAGE" mount -t tmpfs none /tmp
	says "/run/podman-init" podman run --rm --init "$IMAGE" sh -c 'tr "\0" "\n" </proc/1/cmdline | head -n 1'
	works podman run --rm --device /dev/fuse "$IMAGE" test -c /dev/fuse
	says "200 100" podman run --rm --ulimit nproc=1000 --ulimit nofile=100:200 "$IMAGE" \
		sh -c 'echo $(ulimit -H -n) $(ulimit -n)'
	fails 1 "Operation not supported" podman run --rm --security-opt "$(no_mkdir)" "$IMAGE" mkdir /x
	says "1000 1001 2000" podman run --rm --user 1000:1001 --group-add 2000 "$IMAGE" sh -c 'echo $(id -u) $(id -G)'
	says root podman run --rm --rootfs "$(rootfs_template)" /bin/id -un
}

@test "each container of --userns=auto has ids of its own" {
	echo containers:500000:200000 >>/etc/subuid
	echo containers:500000:200000 >>/etc/subgid
	run_detached test-auto1 --userns auto:size=1024 -- sleep 1000
	local first=$pid
	run_detached test-auto2 --userns auto:size=1024 -- sleep 1000
	[ "$(awk '{ print $3 }' "/proc/$pid/uid_map")" = 1024 ]
	[ "$(awk '{ print $2 }' "/proc/$first/uid_map")" != "$(awk '{ print $2 }' "/proc/$pid/uid_map")" ]
}

@test "containers may go without a cgroup, and conmon as well" {
	works podman run --rm --cgroups disabled --cgroupns host "$IMAGE" cat /proc/self/cgroup
	[ "$output" = "$(cat /proc/self/cgroup)" ]
	says hi podman run --rm --cgroups no-conmon "$IMAGE" echo hi
}

@test "a terminal is attached to, and its size arrives" {
	run_detached test-attach --interactive --tty -- sh
	typing "${WHEN_RESIZED}4" podman attach test-attach
	says 4 podman wait test-attach
	run_detached test-it -- sleep 1000
	typing "${WHEN_RESIZED}5" podman exec --interactive --tty test-it sh
	[ "$status" = 5 ]
}

@test "an init finds in a container what systemd wants" {
	printf '::sysinit:/bin/touch /run/booted\n::respawn:/bin/sleep 1000\n' >"$ENGINE/inittab"
	run_detached test-init --systemd always --volume "$ENGINE/inittab:/etc/inittab:ro" -- init
	wait_for 10 test -e "/proc/$pid/root/run/booted"
	works podman exec test-init sh -c 'grep -E " (/run|/run/lock|/tmp) tmpfs rw" /proc/mounts | wc -l
		cd /sys/fs/cgroup/systemd 2>/dev/null || cd /sys/fs/cgroup
		mkdir test-made && rmdir test-made && echo $container'
	[ "$output" = $'3\npodman' ]
}

@test "files go in and out, and a container becomes an image" {
	run_detached test-cp -- sleep 1000
	echo in >"$ENGINE/in"
	works podman cp "$ENGINE/in" test-cp:/in
	works podman exec test-cp sh -c 'cat /in >/tmp/out'
	works podman cp test-cp:/tmp/out "$ENGINE/out"
	cmp "$ENGINE/in" "$ENGINE/out"
	works podman commit --quiet test-cp test-committed
	says in podman run --rm test-committed cat /in
	works podman image rm test-committed
}

@test "volumes, tmpfs and secrets are mounted" {
	mkdir -p "$ENGINE/owned"
	touch "$ENGINE/owned/f"
	chown 5:6 "$ENGINE/owned/f"
	says "5 6" podman run --rm --uidmap 0:300000:65536 --volume "$ENGINE/owned:/v:idmap" "$IMAGE" stat -c '%u %g' /v/f
	says hi podman run --rm --volume test-vol:/data "$IMAGE" sh -c 'echo hi >/data/f; cat /data/f'
	fails 1 "Read-only file system" podman run --rm --volume test-vol:/data:ro "$IMAGE" touch /data/g
	works podman run --rm --tmpfs /t:size=1m "$IMAGE" grep ' /t .*size=1024k' /proc/mounts
	echo hidden | podman secret create test-secret - 3>&-
	says hidden podman run --rm --secret test-secret "$IMAGE" cat /run/secrets/test-secret
	works podman secret rm test-secret
	works podman volume rm test-vol
}

# bats test_tags=clients-v2
@test "containers have a bridge, the host's network, or none" {
	works podman run --rm --network bridge --cap-add NET_RAW "$IMAGE" sh -c 'ip -4 -o addr show eth0; ping -c 1 -W 5 10.88.0.1'
	[[ $output == *"1 packets received"* ]]
	says "$(readlink /proc/self/ns/net)" podman run --rm --network host "$IMAGE" readlink /proc/self/ns/net
	says lo podman run --rm --network none "$IMAGE" sh -c 'ls /sys/class/net | grep -v -e tunl -e sit -e gre -e ip6'
}

# bats test_tags=clients-v2
@test "stop of a container without a PID namespace reaches all of it" {
	run_detached test-host --pid host -- sh -c 'trap "" TERM; sleep 1000 & sleep 1000 & wait; wait'
	wait_for 5 eval "[ \$(wc -l <$(cgroup_file "$pid" pids cgroup.procs)) = 3 ]"
	local pids
	mapfile -t pids <"$(cgroup_file "$pid" pids cgroup.procs)"
	works podman stop --time 1 test-host
	wait_for 5 gone "${pids[@]}"
	works podman rm test-host
	wait_gone "$id"
}

# The infra container is our image: podman's own wants a pause program.
make_pod() {
	works podman pod create --name "$1" --infra-image "$IMAGE" --infra-command "sleep 1000" --share net,ipc,uts,pid
}

# bats test_tags=clients-v2
@test "a pod has one infra container, whose namespaces the others share" {
	make_pod test-pod
	run_detached test-a --pod test-pod -- sleep 1000
	local ns infra
	infra=$(podman pod inspect test-pod --format '{{.InfraContainerID}}' 3>&-)
	infra=$(inspect "$infra" .State.Pid)
	for ns in net ipc uts pid; do
		[ "$(readlink "/proc/$pid/ns/$ns")" = "$(readlink "/proc/$infra/ns/$ns")" ]
	done
	[ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink "/proc/$infra/ns/mnt")" ]
	says test-pod podman run --rm --pod test-pod "$IMAGE" hostname
	works podman pod pause test-pod
	works podman pod unpause test-pod
	works podman pod stop --time 0 test-pod
	wait_for 5 gone "$pid" "$infra"
	works podman pod rm --force test-pod
	wait_gone "$id"
}

@test "a pod is played back from what podman generates for Kubernetes" {
	make_pod test-kube
	run_detached test-k --pod test-kube -- sh -c 'exec sleep 1000'
	podman generate kube test-kube >"$ENGINE/kube.yaml" 2>/dev/null 3>&-
	works podman pod rm --force --time 0 test-kube
	works podman play kube "$ENGINE/kube.yaml"
	[ "$(podman ps --format '{{.Names}} {{.Status}}' 3>&- | grep -c 'test-.* Up')" -ge 1 ]
	works podman play kube --down "$ENGINE/kube.yaml"
	wait_gone libpod-
}

@test "a Deployment of Kubernetes is played with its limits and its security context" {
	cat >"$ENGINE/deployment.yaml" <<-END
		apiVersion: apps/v1
		kind: Deployment
		metadata: { name: test-app }
		spec:
		  selector: { matchLabels: { app: test } }
		  template:
		    metadata: { labels: { app: test } }
		    spec:
		      containers:
		      - name: web
		        image: $IMAGE
		        command: [sleep, "1000"]
		        env: [{ name: A, value: b }]
		        resources: { limits: { memory: 64Mi, cpu: 500m }, requests: { memory: 32Mi } }
		        securityContext: { runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
	END
	works podman play kube "$ENGINE/deployment.yaml"
	local name web
	name=$(podman ps --format '{{.Names}}' 3>&- | grep web)
	web=$(pid_of "$name")
	says $'1000 b\nCapEff:\t0000000000000000' podman exec "$name" sh -c 'echo $(id -u) $A; grep CapEff /proc/self/status'
	fails 1 "Read-only file system" podman exec "$name" touch /x
	if is_v1; then
		[ "$(cat "$(cgroup_file "$web" memory memory.limit_in_bytes)")" = 67108864 ]
		[ "$(cat "$(cgroup_file "$web" cpu cpu.cfs_quota_us)")" = 50000 ]
	fi
	works podman play kube --down "$ENGINE/deployment.yaml"
	wait_gone libpod-
}

@test "podman build runs RUN steps" {
	mkdir -p "$ENGINE/build"
	printf 'FROM %s\nRUN echo built >/f && test "$(id -u)" = 0\nRUN cat /f\nCMD ["cat","/f"]\n' "$IMAGE" \
		>"$ENGINE/build/Dockerfile"
	works podman build --no-cache --tag test-built "$ENGINE/build"
	says built podman run --rm test-built
	printf 'FROM %s\nRUN exit 5\n' "$IMAGE" >"$ENGINE/build/Dockerfile"
	try podman build --no-cache "$ENGINE/build"
	[ "$status" -ne 0 ]
	[[ $output == *"exit status 5"* ]]
	works podman image rm test-built
}

# --- Kills ---------------------------------------------------------------------------------------------------------------

# blocked_run NAME: podman run in the background, whose hull waits for a hook; PIDs in $client, $conmon and $hull, the
# container's id in $id.
blocked_run() {
	fifo=$ENGINE/$1.fifo
	mkfifo "$fifo"
	mkdir -p "$ENGINE/hooks"
	jq -n --arg f "$fifo" '{version: "1.0.0", when: {always: true}, stages: ["createRuntime"],
		hook: {path: "/bin/sh", args: ["sh", "-c", "echo $PPID >\($f).hull; exec cat \($f)"]}}' \
		>"$ENGINE/hooks/block.json"
	(alone podman --hooks-dir "$ENGINE/hooks" run --detach --name "$1" "$IMAGE" sleep 1000) \
		>"$ENGINE/$1.out" 2>&1 </dev/null &
	client=$!
	wait_for 10 test -s "$fifo.hull"
	hull=$(<"$fifo.hull")
	conmon=$(parent_of "$hull")
	[ "$(cat "/proc/$conmon/comm")" = conmon ]
	id=$(tr '\0' '\n' <"/proc/$conmon/cmdline" | awk 'last == "-c" { print; exit } { last = $0 }') # podman ps would wait, too
}

# podman 4.3 thinks that what its conmon has not reported was never made (with runc, too): it removes its own part, and
# leaves the container to the runtime.
removed_by_both() {
	works podman rm --force --time 0 "$1"
	works "$HULL" delete --force "$id"
	wait_gone "$id"
}

@test "hull killed in the middle of a create is an error, and podman removes what is left" {
	blocked_run test-khull
	kill -KILL "$hull"
	release_hook
	local result=0
	wait "$client" || result=$?
	[ "$result" -ne 0 ]
	works podman rm --force --time 0 test-khull
	wait_gone "$id"
}

# bats test_tags=clients-v2
@test "podman killed in the middle of a create: what is left can be removed" {
	blocked_run test-kpodman
	kill -KILL "$client"
	release_hook
	wait_for 10 gone "$hull"
	removed_by_both test-kpodman
}

@test "podman and conmon killed in the middle of a create: what is left can be removed" {
	blocked_run test-kconmon
	kill -KILL "$client" "$conmon"
	release_hook
	wait_for 10 gone "$hull"
	removed_by_both test-kconmon
}

@test "a container whose conmon was killed can be removed" {
	run_detached test-orphan -- sleep 1000
	kill -KILL "$(inspect test-orphan .State.ConmonPid)"
	removed_by_both test-orphan
	gone "$pid"
}

# --- An ordinary user ----------------------------------------------------------------------------------------------------

U=(setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --reset-env env HOME=/run/room/home "PATH=$PATH"
	"XDG_RUNTIME_DIR=/run/user/$USER_ID" TMPDIR=/run/room/home)

# The user, with subordinate ids and the image; in setup_file, as more than one test needs them.
make_user() {
	echo "test:x:$USER_ID:$USER_ID::/run/room/home:/bin/sh" >>/etc/passwd
	echo "test:x:$USER_ID:" >>/etc/group
	echo "test:700000:65536" >>/etc/subuid
	echo "test:700000:65536" >>/etc/subgid
	mkdir -p /run/user
	install -d -o "$USER_ID" -g "$USER_ID" -m 700 /run/room/home "/run/user/$USER_ID"
	chmod 755 "$ENGINE"
	chmod 644 "$IMAGE_TAR"
	cd "$ENGINE" || return 1
	"${U[@]}" podman import --quiet --change ENV=PATH=/bin "$IMAGE_TAR" "$IMAGE" 3>&-
}

# bats test_tags=clients-v2
@test "an ordinary user runs containers, with exit codes and errors" {
	says "hull $HULL" "${U[@]}" podman info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
	says 0 "${U[@]}" podman run --rm --network none "$IMAGE" id -u
	says "$USER_ID" "${U[@]}" podman run --rm --network none --userns keep-id "$IMAGE" id -u
	fails 5 "" "${U[@]}" podman run --rm --network none "$IMAGE" sh -c 'exit 5'
	fails 127 'executable file not found in $PATH' "${U[@]}" podman run --rm --network none "$IMAGE" nosuch
	with_tty works "${U[@]}" podman run --rm --tty --network none "$IMAGE" tty
	[[ $output == */dev/pts/0* ]]
	works "${U[@]}" podman run --rm --network none "$IMAGE" awk '$1 == 1 { print $2 }' /proc/self/uid_map
	[ "$output" = 700000 ] || [ "$output" = 1 ]
}

# bats test_tags=clients-v2
@test "an ordinary user's container is entered, paused, stopped and removed" {
	works "${U[@]}" podman run --detach --name test-user --network none "$IMAGE" "${SERVICE[@]}"
	id=$output
	works "${U[@]}" podman inspect test-user --format '{{.State.Pid}}'
	pid=$output
	wait_for 5 test -e "/proc/$pid/root/ready"
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" = "$USER_ID" ]
	says ex "${U[@]}" podman exec test-user echo ex
	fails 9 "" "${U[@]}" podman exec test-user sh -c 'exit 9'
	works "${U[@]}" podman stop test-user
	says "exited 7" "${U[@]}" podman inspect test-user --format '{{.State.Status}} {{.State.ExitCode}}'
	works "${U[@]}" podman rm test-user
	wait_gone "$id"
}

@test "an ordinary user builds an image" {
	install -d -o "$USER_ID" "$ENGINE/user"
	printf 'FROM %s\nRUN echo built >/f\nCMD ["cat","/f"]\n' "$IMAGE" >"$ENGINE/user/Dockerfile"
	works "${U[@]}" podman build --network none --no-cache --tag test-built "$ENGINE/user"
	says built "${U[@]}" podman run --rm --network none test-built
}

@test "podman checkpoints a container, restores it, and takes it elsewhere in a file" {
	command -v criu >/dev/null || skip "no criu that works on this kernel"
	local at
	run_detached test-cp -- "${COUNT[@]}"
	wait_for 5 counts_on "$(inspect test-cp .State.Pid)" 3
	works podman container checkpoint test-cp
	[ "$(inspect test-cp .State.Checkpointed)" = true ]
	works podman container restore test-cp
	at=$(count_of "$(inspect test-cp .State.Pid)")
	[ "$at" -gt 3 ]
	wait_for 5 counts_on "$(inspect test-cp .State.Pid)" "$at"
	works podman container checkpoint --export "$ENGINE/cp.tar.gz" test-cp
	works podman rm test-cp
	works podman container restore --import "$ENGINE/cp.tar.gz" --name test-cp2
	wait_for 5 counts_on "$(inspect test-cp2 .State.Pid)" "$at"
	works podman exec test-cp2 true
	works podman rm --force --time 0 test-cp2
}
