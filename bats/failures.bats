#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The commonest failures of containers, as the issue trackers of runtimes and engines have them, and the words by which
# hull says what to do (numbers are issues that were read); words that engines match come last in the sentence, or first.

load helpers
setup() { setup_bundle true; }
teardown() {
	teardown_bundle
	umount "$BATS_TEST_TMPDIR/small" 2>/dev/null || true
}

# fails FILTER TEXT...: with config.json so changed, run fails, and says all of these texts.
fails() {
	local filter=$1 text
	shift
	cp config.json config.json.good
	update_config "$filter"
	hull run test_box
	mv config.json.good config.json
	[ "$status" -ne 0 ]
	for text; do
		[[ $output == *"$text"* ]] || { echo "not a word of: $text" && return 1; }
	done
}

MAPPED='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'

@test "a program that is missing, is not executable, is for another machine, or lies on noexec" {
	# getsentry/self-hosted 1658, docker-ocserv 52 and hundreds more: a mode without x
	echo x >rootfs/bin/data && chmod 644 rootfs/bin/data
	fails '.process.args = ["/bin/data"]' 'exec: \"/bin/data\": permission denied' "nobody may execute it (mode 644)"
	# what is not in PATH
	fails '.process.args = ["nope"]' 'exec: \"nope\": executable file not found in $PATH'
	# "no such file or directory" for a script with CRLF, or whose interpreter is not there
	printf '#!/bin/sh\r\n' >rootfs/bin/crlf && chmod 755 rootfs/bin/crlf
	fails '.process.args = ["/bin/crlf"]' "no such file or directory" "carriage return"
	printf '#!/bin/bash\n' >rootfs/bin/bash-script && chmod 755 rootfs/bin/bash-script
	fails '.process.args = ["/bin/bash-script"]' '\"/bin/bash\" does not exist'
	# an image for another processor
	printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\363\000\001\000\000\000' >rootfs/bin/alien
	head -c 100 /dev/zero >>rootfs/bin/alien && chmod 755 rootfs/bin/alien
	fails '.process.args = ["/bin/alien"]' "exec format error" "it is a program for riscv"
	# a volume mounted noexec
	add_mount /mnt bind "$BUNDLE/rootfs/bin" bind noexec
	fails '.process.args = ["/mnt/busybox", "true"]' "permission denied" "it is on a file system that is mounted noexec"
}

@test "mounts: what is missing, what does not fit, what the kernel does not know" {
	# what Docker answers with "Are you trying to mount a directory onto a file (or vice-versa)?"
	fails '.mounts += [{destination: "/bin", type: "bind", source: "/etc/passwd", options: ["bind"]}]' "a file cannot be mounted on a directory"
	fails '.mounts += [{destination: "/bin/busybox", type: "bind", source: "/etc", options: ["bind"]}]' "a directory cannot be mounted on a file"
	fails '.mounts += [{destination: "/mnt", type: "bind", source: "/nope", options: ["bind"]}]' "open /nope: no such file or directory (/mounts/"
	# an option of a file system that is misspelt
	fails '.mounts += [{destination: "/mnt", type: "tmpfs", source: "x", options: ["siz=1"]}]' "Unknown parameter 'siz'"
	fails '.mounts += [{destination: "/mnt", type: "nofs", source: "x"}]' 'file system type \"nofs\" is unknown to the kernel'
	# layers that are gone
	fails '.mounts += [{destination: "/mnt", type: "overlay", source: "x", options: ["lowerdir=/nope"]}]' "option lowerdir=/nope: no such file or directory"
}

@test "user namespaces: what they may not mount, reach or write" {
	[ "$EUID" = 0 ] || skip "as root"
	chown -R 100000:100000 rootfs && open_way "$BUNDLE"
	# runc 225, 807: mqueue without an IPC namespace
	fails "$MAPPED"' | .linux.namespaces |= map(select(.type != "ipc"))' "the kernel may not let a user namespace mount this type" "operation not permitted"
	# the way to the root file system is closed
	chmod 700 "$BUNDLE"
	fails "$MAPPED" "who is root in the container's user namespace may not search $BUNDLE" "permission denied"
	chmod 711 "$BUNDLE"
	# the image was unpacked without the mapping
	chown -R 0:0 rootfs
	fails "$MAPPED"' | .mounts += [{destination: "/made/here", type: "tmpfs", source: "x"}]' "do its files belong to ids that the user namespace does not map?"
	# a user who is not mapped
	fails "$MAPPED"' | .process.user.uid = 70000' "cannot setuid to unmapped uid 70000 in user namespace"
	fails '.linux.namespaces += [{type: "user"}]' "user namespaces enabled, but no namespace path to join nor mappings to apply specified"
}

@test "limits: what the machine has not, and what the kernel takes" {
	# kubernetes 23113, runc 651: quotas
	if is_v1; then
		fails '.linux.resources.cpu = {quota: 100, period: 100000}' "a quota is 1000 us or more" "cpu.cfs_quota_us: invalid argument (/linux/resources/cpu/quota)"
		fails '.linux.resources.cpu = {quota: 1000, period: 100}' "a period is 1000 to 1000000 us"
		# moby 11821: processors and memory nodes that are not there
		fails '.linux.resources.cpu = {cpus: "900"}' "there are the processors 0" "numerical result out of range"
		fails '.linux.resources.cpu = {mems: "900"}' "there are the memory nodes 0"
		# moby 41167, runc 2812, crun 635: a limit that nothing fits in
		# (the kernel refuses such a limit, or kills who is in it)
		fails '.linux.resources.memory = {limit: 4096}' "memory limit"
	fi
	# sizes of huge pages
	hull doctor
	[[ $output == *"works    hugetlb "* ]] &&
		fails '.linux.resources.hugepageLimits = [{pageSize: "3MB", limit: 1}]' "the kernel has no hugetlb.3MB." "its huge pages are of "
	# Raspberry Pis, and all that have cgroup_disable=memory, are in vm/small.sh
	[ -e /sys/fs/cgroup/rdma ] || fails '.linux.resources.rdma = {mlx: {hcaHandles: 1}}' 'the \"rdma\" cgroup controller is not available'
	# hard limits above the daemon's own
	setpriv -d | grep -q "^Capability bounding set:.*sys_resource" ||
		fails '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1, hard: 99999999}]' "to raise it takes CAP_SYS_RESOURCE" "operation not permitted"
	fails '.linux.resources.memory = {limit: 100000000, swap: 1000}' "memory+swap limit should be >= memory limit"
}

# bats test_tags=vm
@test "a cgroup above that allows no more is named (v2)" {
	# moby 29638: "no space left on device" though no disk is full
	root=/sys/fs/cgroup
	[ -e $root/cgroup.controllers ] || root=/sys/fs/cgroup/unified
	[ -e $root/cgroup.controllers ] || skip "no cgroup v2"
	mkdir "$root/test_full"
	echo 0 >"$root/test_full/cgroup.max.descendants"
	fails '.linux.cgroupsPath = "/test_full/box"' "create cgroup $root/test_full/box" "cgroup.max.descendants" || failed=1
	rmdir "$root/test_full"
	[ -z "${failed:-}" ]
}

@test "namespaces and sysctls that are not there, or the host's" {
	# the pod's sandbox has gone
	fails '.linux.namespaces |= map(if .type == "network" then .path = "/run/netns/gone" else . end)' "the namespace is gone, with who held it" "no such file or directory"
	fails '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/pid" else . end)' "is a pid namespace, not a network namespace"
	# sysctls
	fails '.linux.sysctl = {"kernel.pid_max": "1"}' "is not in a separate kernel namespace"
	fails '.linux.sysctl = {"net.nosuch": "1"}' "/proc/sys/net/nosuch: no such file or directory (/linux/sysctl/net.nosuch)"
	fails '.linux.timeOffsets = {boottime: {secs: 1}}' "time namespace isn't enabled"
}

@test "labels of security modules that are not there" {
	# a profile where AppArmor is off
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] ||
		fails '.process.apparmorProfile = "docker-default"' 'unable to apply apparmor profile \"docker-default\"' "apparmor not supported"
	grep -q selinuxfs /proc/mounts || fails '.process.selinuxLabel = "a:b:c:s0"' "selinux is disabled or not supported"
}

@test "a state directory that is full, a process that is one too many, descriptors that are too few" {
	[ "$EUID" = 0 ] || skip "as root"
	# a full /run
	mkdir "$BATS_TEST_TMPDIR/small"
	mount -t tmpfs -o size=4k none "$BATS_TEST_TMPDIR/small"
	refused "the state directory $BATS_TEST_TMPDIR/small/hull is full" --root "$BATS_TEST_TMPDIR/small/hull" run test_box
	umount "$BATS_TEST_TMPDIR/small"
	# "resource temporarily unavailable"
	mkdir -p "$BATS_TEST_TMPDIR/user/run" && cp "$HULL" "$BATS_TEST_TMPDIR/user/hull"
	open_way "$BUNDLE"
	chown -R 64078:64078 "$BATS_TEST_TMPDIR/user"
	out=$(setpriv --reuid 64078 --regid 64078 --clear-groups prlimit --nproc=1:1 env "XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/user/run" \
		"$BATS_TEST_TMPDIR/user/hull" run --rootfs "$BUNDLE/rootfs" test_box true 2>&1) && return 1
	[[ $out == *"no more processes are allowed: by RLIMIT_NPROC of the user"*"resource temporarily unavailable"* ]]
	# "too many open files"
	(ulimit -n 12 && refused "hull needs 16 descriptors, and may have 12" run test_box)
}

@test "bundles and ids: what is not there, and what is" {
	# every first try
	(cd / && refused "JSON specification file config.json not found" run test_box)
	fails '.root.path = "nowhere"' "rootfs $BUNDLE/nowhere: no such file or directory (/root/path)"
	echo '{"ociVersion": ' >broken.json
	refused "expected a value, found the end of the text" run --config broken.json test_box
	set_args sleep 1000
	quietly create test_box
	refused "container with given ID already exists" create test_box
	quietly kill test_box KILL
	wait_status test_box stopped
	refused "cannot exec in a stopped container" exec test_box true
	refused "cannot start a container that has stopped" start test_box
	quietly delete test_box
	refused "container does not exist" state test_box
}
