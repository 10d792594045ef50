#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hull under a dockerd of its own, with Docker's configuration from README.md.
# shellcheck disable=SC2153,SC2154 # HULL, pid and id are the helpers'

load helpers

export DOCKER_HOST=unix://$ENGINE/docker.sock
export CLI=docker
IMAGE=busybox:test

setup_file() {
	needs dockerd docker containerd-shim-runc-v2
	readme_config Docker >"$ENGINE/daemon.json"
	start_docker
	docker import --change "ENV PATH=/bin" "$IMAGE_TAR" "$IMAGE" 3>&-
}

teardown_file() { end_daemon dockerd; }

teardown() {
	local ids
	mapfile -t ids < <(docker ps --all --quiet 3>&-)
	[ ${#ids[@]} = 0 ] || docker rm --force "${ids[@]}" >/dev/null 3>&-
}

# start_docker [OPTION...]
start_docker() {
	daemon dockerd dockerd --config-file "$ENGINE/daemon.json" --default-runtime hull --data-root "$ENGINE/data" \
		--exec-root "$ENGINE/exec" --pidfile "$ENGINE/docker.pid" --host "$DOCKER_HOST" "${@:---live-restore}"
	wait_for 30 docker version >/dev/null
}

@test "docker takes hull from README's configuration" {
	works docker info --format '{{.DefaultRuntime}} {{json .Runtimes}}'
	[[ $output == "hull "*"\"path\":\"$HULL\""* ]]
	# Chosen by name as well as by default, next to runc.
	run_detached test-which --runtime hull -- sleep 1000
	[ -n "$(find "$ENGINE/exec" -path "*/moby/$id/record.json")" ]
}

# bats test_tags=clients-v2
@test "docker run passes output and exit code on, and leaves nothing" {
	runs_and_leaves_nothing
}

@test "docker knows a program that is not there, or cannot be run, by what hull says" {
	fails 127 'executable file not found in $PATH' docker run --rm "$IMAGE" nosuch
	fails 127 "no such file or directory" docker run --rm "$IMAGE" /no/such
	fails 126 "permission denied" docker run --rm "$IMAGE" /etc/passwd
	wait_gone moby
}

# bats test_tags=clients-v2
@test "a container is seen, signalled, paused, updated, restarted and stopped" {
	run_service test-life --memory 60m
	works docker top test-life
	grep -qw "$pid" <<<"$output"
	says test-life docker stats --no-stream --format '{{.Name}}' test-life
	works docker pause test-life
	is_frozen "$pid"
	works docker unpause test-life
	if is_v1; then
		works docker update --memory 100m --memory-swap 200m --cpus 0.5 test-life
		[ "$(cat "$(cgroup_file "$pid" memory memory.limit_in_bytes)")" = 104857600 ]
		[ "$(cat "$(cgroup_file "$pid" memory memory.memsw.limit_in_bytes)")" = 209715200 ]
		[ "$(cat "$(cgroup_file "$pid" cpu cpu.cfs_quota_us)")" = 50000 ]
	fi
	is_signalled_and_restarted
	works docker rm --force test-life
	wait_gone "$id"
}

@test "exec has its own exit code, user, directory, environment and terminal" {
	run_detached test-exec -- sleep 1000
	execs_in 126
	works docker exec --detach test-exec sleep 1001
	docker top test-exec 3>&- | grep -q 'sleep 1001'
	works docker run --rm --privileged "$IMAGE" grep CapEff /proc/self/status
	says "$output" docker exec --privileged test-exec grep CapEff /proc/self/status
}

@test "limits are in the files of their controllers" {
	wants_v1
	says 20971520 docker run --rm --memory 20m "$IMAGE" cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	says 50000 docker run --rm --cpus 0.5 "$IMAGE" cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	says 9 docker run --rm --pids-limit 9 "$IMAGE" cat /sys/fs/cgroup/pids/pids.max
}

# bats test_tags=clients-v2
@test "options take effect" {
	says "NoNewPrivs:	1" docker run --rm --security-opt no-new-privileges "$IMAGE" grep NoNewPrivs /proc/self/status
	says "Seccomp:	2" docker run --rm "$IMAGE" grep Seccomp: /proc/self/status
	says "Seccomp:	0" docker run --rm --security-opt seccomp=unconfined "$IMAGE" grep Seccomp: /proc/self/status
	says "CapEff:	0000000000000000" docker run --rm --cap-drop all "$IMAGE" grep CapEff /proc/self/status
	works docker run --rm --privileged "$IMAGE" mount -t tmpfs none /tmp
	fails 1 "Operation not permitted" docker run --rm --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
		"$IMAGE" sh -c 'mknod /x b 8 0 && head -c 1 /x'
	fails 1 "/x: Read-only file system" docker run --rm --read-only --tmpfs /t "$IMAGE" sh -c 'touch /t/x && touch /x'
	says hi docker run --rm --volume test-vol:/d "$IMAGE" sh -c 'echo hi >/d/f; cat /d/f'
	works docker volume rm test-vol
	says /sbin/docker-init docker run --rm --init "$IMAGE" sh -c 'tr "\0" "\n" </proc/1/cmdline | head -n 1'
	says "200 100" docker run --rm --ulimit nofile=100:200 "$IMAGE" sh -c 'echo $(ulimit -H -n) $(ulimit -n)'
	says "1 host" docker run --rm --sysctl net.ipv4.ip_forward=1 --hostname host "$IMAGE" \
		sh -c 'echo $(cat /proc/sys/net/ipv4/ip_forward) $(hostname)'
	works docker run --rm --device /dev/fuse "$IMAGE" test -c /dev/fuse
	fails 1 "Operation not supported" docker run --rm --security-opt "$(no_mkdir)" "$IMAGE" mkdir /x
}

@test "a terminal is attached to, and its size arrives" {
	run_detached test-attach --interactive --tty -- sh
	typing "${WHEN_RESIZED}4" docker attach test-attach
	[ "$status" = 4 ]
	run_detached test-it -- sleep 1000
	typing "${WHEN_RESIZED}5" docker exec --interactive --tty test-it sh
	[ "$status" = 5 ]
}

@test "services find each other by name, and share a volume" {
	works docker network create test-front
	run_detached test-web --network test-front --network-alias web --volume test-data:/data -- httpd -f -p 8080 -h /data
	works docker run --rm --volume test-data:/data "$IMAGE" sh -c 'echo shared >/data/f'
	says shared docker run --rm --network test-front "$IMAGE" wget -q -O - http://web:8080/f
	works docker rm --force test-web
	works docker network rm test-front
	works docker volume rm test-data
}

@test "files go in and out, and a container becomes an image" {
	run_detached test-cp -- sleep 1000
	echo in >"$ENGINE/in"
	works docker cp "$ENGINE/in" test-cp:/in
	works docker exec test-cp sh -c 'cat /in >/tmp/out'
	works docker cp test-cp:/tmp/out "$ENGINE/out"
	cmp "$ENGINE/in" "$ENGINE/out"
	works docker commit test-cp test-committed
	says in docker run --rm test-committed cat /in
	works docker image rm test-committed
}

# bats test_tags=clients-v2
@test "containers have a bridge, the host's network, another's, or none" {
	run_detached test-net -- sleep 1000
	works docker run --rm "$IMAGE" ping -c 1 -W 5 "$(inspect test-net .NetworkSettings.IPAddress)"
	[[ $output == *"1 packets received"* ]]
	says "$(readlink "/proc/$pid/ns/net")" docker run --rm --network container:test-net "$IMAGE" readlink /proc/self/ns/net
	says "$(readlink /proc/self/ns/net)" docker run --rm --network host "$IMAGE" readlink /proc/self/ns/net
	fails 2 "can't find device 'eth0'" docker run --rm --network none "$IMAGE" ip link show eth0
}

@test "memory that runs out is known" {
	wants_v1
	fails 137 "" docker run --name test-oom --memory 20m "$IMAGE" tail /dev/zero
	wait_for 5 field_is test-oom .State.OOMKilled true
}

@test "a restart policy is kept" {
	run_detached test-again --restart on-failure:2 -- sh -c 'exit 3'
	wait_for 20 field_is test-again .RestartCount 2
	wait_for 20 field_is test-again .State.Status exited
	field_is test-again .State.ExitCode 3
}

@test "a health check runs in the container" {
	run_detached test-health --health-cmd 'test -f /ok' --health-interval 200ms --health-retries 1 -- sleep 1000
	wait_for 10 field_is test-health .State.Health.Status unhealthy
	works docker exec test-health touch /ok
	wait_for 10 field_is test-health .State.Health.Status healthy
}

@test "docker build runs RUN steps, with its builder and with BuildKit" {
	mkdir -p "$ENGINE/build"
	printf 'FROM %s\nRUN echo built >/f && test "$(id -u)" = 0\nRUN cat /f\nCMD ["cat","/f"]\n' "$IMAGE" \
		>"$ENGINE/build/Dockerfile"
	works docker build --no-cache --tag test-built "$ENGINE/build"
	says built docker run --rm test-built
	works env DOCKER_BUILDKIT=1 docker build --no-cache --tag test-built2 "$ENGINE/build"
	says built docker run --rm test-built2
	printf 'FROM %s\nRUN exit 5\n' "$IMAGE" >"$ENGINE/build/Dockerfile"
	fails 5 "returned a non-zero code: 5" docker build --no-cache "$ENGINE/build"
	fails 1 "exit code: 5" env DOCKER_BUILDKIT=1 docker build --no-cache "$ENGINE/build"
}

# bats test_tags=clients-v2
@test "dockerd killed and started anew finds its containers" {
	run_service test-restart
	end_daemon dockerd KILL
	start_docker
	field_is test-restart .State.Pid "$pid"
	says again docker exec test-restart echo again
	works docker stop test-restart
	field_is test-restart .State.ExitCode 7
	works docker rm test-restart
	wait_gone "$id"
}

@test "with --userns-remap containers have other ids" {
	end_daemon dockerd
	echo remapped:400000:65536 | tee -a /etc/subuid >>/etc/subgid
	echo "remapped:x:4000:4000::/:/bin/false" >>/etc/passwd
	echo "remapped:x:4000:" >>/etc/group
	start_docker --userns-remap remapped
	docker import --change "ENV PATH=/bin" "$IMAGE_TAR" "$IMAGE" 3>&-
	run_detached test-remap -- sleep 1000
	[ "$(awk '{ print $2 }' "/proc/$pid/uid_map")" = 400000 ]
	says 0 docker exec test-remap id -u
	says hi docker run --rm --volume test-remapped:/d "$IMAGE" sh -c 'echo hi >/d/f; cat /d/f'
	[ "$(docker run --rm --userns host "$IMAGE" awk '{ print $2 }' /proc/self/uid_map 3>&-)" = 0 ]
	works docker rm --force test-remap
	end_daemon dockerd
	start_docker
	wait_gone "$id"
}

@test "a shim that is killed takes its container along" {
	run_detached test-shim -- sleep 1000
	kill -KILL "$(parent_of "$pid")"
	wait_for 10 gone "$pid"
	wait_for 10 field_is test-shim .State.Status exited
	works docker rm test-shim
	wait_gone "$id"
}
