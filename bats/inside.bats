#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2
# What a process finds inside its container.

# shellcheck disable=SC2030,SC2031 # each test has its own variables

load helpers
setup() { setup_bundle; }
teardown() {
	umount -l rootfs 2>/dev/null || true
	teardown_bundle
}

# inside SCRIPT: run it in the container.
inside() {
	set_args sh -c "$1"
	hull run test_box
}

caps() { update_config ".process.capabilities.$1 = $2"; }

# bats test_tags=vm,vm-initramfs
@test "run makes the default devices and links" {
	inside 'cd /dev; stat -c "%n %F %t:%T %a" null zero full random urandom tty; for l in fd stdin stdout stderr ptmx; do readlink $l; done'
	[ "${lines[0]}" = "null character special file 1:3 666" ]
	[ "${lines[1]}" = "zero character special file 1:5 666" ]
	[ "${lines[2]}" = "full character special file 1:7 666" ]
	[ "${lines[3]}" = "random character special file 1:8 666" ]
	[ "${lines[4]}" = "urandom character special file 1:9 666" ]
	[ "${lines[5]}" = "tty character special file 5:0 666" ]
	[ "${lines[*]:6}" = "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx" ]
}

# bats test_tags=vm-board
@test "run makes configured devices, their directories, owners and modes" {
	update_config '.linux.devices = [
		{path: "/dev/net/tun", type: "c", major: 10, minor: 200, fileMode: 432, uid: 3, gid: 4},
		{path: "/dev/sdx", type: "b", major: 8, minor: 1},
		{path: "/dev/pipe", type: "p"},
		{path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 292}]'
	inside 'cd /dev; stat -c "%F %t:%T %a %u %g" net/tun sdx null; stat -c %F pipe'
	[ "${lines[0]}" = "character special file a:c8 660 3 4" ]
	[ "${lines[1]}" = "block special file 8:1 666 0 0" ]
	[ "${lines[2]}" = "character special file 1:3 444 0 0" ]
	[ "${lines[3]}" = fifo ]
}

@test "run makes configured devices in a user namespace, whatever the host has of that name" {
	user_namespace
	update_config '.linux.devices = [
			{path: "/dev/mine/", type: "c", major: 1, minor: 5, fileMode: 416, uid: 5, gid: 7},
			{path: "/dev//null//", type: "c", major: 1, minor: 3, fileMode: 438},
			{path: "/dev/disk/loop9", type: "b", major: 7, minor: 9, gid: 3},
			{path: "/dev/mine2", type: "c", major: 1, minor: 5},
			{path: "/dev/pipe", type: "p", fileMode: 384}]'
	set_args sh -c 'stat -c "%n %F %t:%T %a %u:%g" /dev/mine /dev/null /dev/disk/loop9 /dev/pipe
		head -c 3 /dev/mine2 | od -An -c; echo x >/dev/null; chmod 600 /dev/mine2; stat -c %a /dev/mine2'
	must run test_box
	diff - <(echo "$output") <<-'END'
		/dev/mine character special file 1:5 640 5:7
		/dev/null character special file 1:3 666 0:0
		/dev/disk/loop9 block special file 7:9 666 0:3
		/dev/pipe fifo 0:0 600 0:0
		  \0  \0  \0
		600
	END
	# The host's are as they were, and nothing is mounted.
	[ "$(stat -c %u:%g:%t:%T /dev/null)" = 0:0:1:3 ]
	[ ! -e /dev/mine ]
	not grep -q test_box /proc/mounts
	update_config '.linux.devices[0].uid = 70000'
	refused "70000 is not mapped in the container's user namespace (/linux/devices/0/uid)" run test_box
	nothing_left test_box
}

@test "run makes a device whose path ends in a slash" {
	update_config '.linux.devices = [{path: "/dev/mine//", type: "c", major: 1, minor: 5}]'
	set_args ls -l /dev/mine
	must run test_box
	[[ $output == c*" 1,"*" 5 "*/dev/mine ]]
}

@test "a configured /dev/ptmx is the container's own, in a user namespace, too" {
	update_config '.linux.devices = [{path: "/dev/ptmx", type: "c", major: 5, minor: 2}]'
	inside 'readlink /dev/ptmx'
	[ "$output" = pts/ptmx ]
	user_namespace
	inside 'readlink /dev/ptmx'
	[ "$output" = pts/ptmx ]
}

@test "create refuses a device where the image has another file" {
	update_config 'del(.mounts[] | select(.destination | startswith("/dev")))'
	echo image >rootfs/dev/null
	refused "/dev/null exists and is another file" create test_box
	[ "$(cat rootfs/dev/null)" = image ]
	nothing_left test_box
}

@test "create touches nothing on the host through a link at /dev (CVE-2026-41579)" {
	mkdir -p evil && echo keep >evil/null && ln -s x evil/ptmx
	update_config 'del(.mounts[] | select(.destination | startswith("/dev")))'
	rm -rf rootfs/dev && ln -s "$BUNDLE/evil" rootfs/dev
	refused "/dev in the container's root is not a directory" create test_box
	[ "$(ls evil)" = "$(printf 'null\nptmx')" ]
	[ "$(cat evil/null)" = keep ]
}

@test "run leaves a /dev alone that is bound" {
	mkdir -p mydev && mknod mydev/null c 1 3
	update_config '.mounts = [.mounts[0], {destination: "/dev", source: "mydev", options: ["bind"]}] |
		.linux.maskedPaths = [] | .linux.readonlyPaths = []'
	inside 'ls /dev'
	[ "$output" = null ]
}

@test "run makes nothing in what is bound at /dev by a link of the image, or by the path on the host" {
	mkdir -p mydev && mknod mydev/null c 1 3 && echo keep >mydev/ptmx
	ln -s dev rootfs/volume
	ln -s . rootfs/up
	for dest in /volume /up/dev "$BUNDLE/rootfs/dev"; do
		update_config '.mounts = [.mounts[0], {destination: $d, source: "mydev", options: ["bind"]}] |
			.linux.maskedPaths = [] | .linux.readonlyPaths = []' --arg d "$dest"
		inside 'ls /dev'
		[ "$output" = $'null\nptmx' ]
		[ "$(cat mydev/ptmx)" = keep ]
	done
}

# bats test_tags=vm-initramfs,vm-old
@test "run masks files and directories" {
	mkdir -p rootfs/secret rootfs/sub && echo word >rootfs/secret/file && echo word >rootfs/sub/file
	update_config '.linux.maskedPaths += ["/secret", "/sub/file", "/missing"]'
	inside 'ls -A /secret; cat /sub/file /proc/timer_list; touch /secret/x; mount | grep -c " /secret "'
	[ "${lines[0]}" = "touch: /secret/x: Read-only file system" ]
	[ "${lines[1]}" = 1 ]
}

@test "run masks a file whose path ends as that of a directory" {
	echo word >rootfs/a && echo word >rootfs/b
	update_config '.root.readonly = false | .linux.maskedPaths += ["/a/", "/b/.", "/a/missing"] | .linux.readonlyPaths += ["/etc/x/"]'
	mkdir -p rootfs/etc && echo word >rootfs/etc/x
	inside 'cat /a /b; echo y >/etc/x'
	[[ $output =~ "can't create /etc/x: Read-only file system" ]]
	not grep word <<<"$output"
}

# move DIRECTORY: somebody who shares the root renames it when all is mounted, and puts a fake in its place.
move() {
	update_config '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", $s]}]' \
		--arg s "cd $BUNDLE/rootfs && mv $1 real && mkdir -p $1/firmware && touch $1/kcore $1/keys"
}

@test "create refuses to mask in a directory that is put in the place of /proc or /sys" {
	for dir in proc sys; do
		move $dir
		refused "what was mounted at /$dir is not there any more" create test_box
		nothing_left test_box
		rm -r rootfs/$dir && mv rootfs/real rootfs/$dir
	done
}

@test "run masks what is on top where two are mounted at one place" {
	mkdir -p fake/firmware && echo secret >fake/firmware/key
	add_mount /sys bind "$PWD/fake" bind
	update_config '.process.args = ["ls", "/sys/firmware"]'
	must run test_box
	[ -z "$output" ]
	# By the way of a link.
	ln -s sys rootfs/link
	update_config '.mounts[-1].destination = "/link"'
	refused "what was mounted at /sys is not there any more" run test_box
	update_config '.mounts[-1] = {destination: "/proc", type: "proc", source: "proc"} | .linux.readonlyPaths = [] | .process.args = ["sh", "-c", "cat /proc/keys; cat /proc/uptime"]'
	must run test_box
	[[ $output =~ ^[0-9.]+\ [0-9.]+$ ]]
}

@test "run masks a path once that is listed twice" {
	mkdir -p rootfs/twice
	update_config '.linux.maskedPaths += ["/twice", "/twice"]'
	inside 'grep -c " /twice " /proc/mounts'
	[ "$output" = 1 ]
}

@test "create refuses to mask with a /dev/null of the image (CVE-2025-31133)" {
	mkdir -p mydev && ln -s /proc/sys/kernel/core_pattern mydev/null
	update_config '.mounts += [{destination: "/dev", source: "mydev", options: ["bind"]}]'
	refused "/dev/null" create test_box
	rm mydev/null && echo x >mydev/null
	refused "/dev/null in the container is not the null device" create test_box
	nothing_left test_box
}

@test "run makes paths read-only with all that is mounted below" {
	mkdir -p rootfs/ro/sub
	update_config '.root.readonly = false | .linux.readonlyPaths += ["/ro", "/missing"] |
		.mounts += [{destination: "/ro/sub", type: "tmpfs", source: "tmpfs"}]'
	inside 'touch /ro/x; touch /ro/sub/y; echo 1 >/proc/sys/kernel/domainname; touch /free'
	[ "${lines[0]}" = "touch: /ro/x: Read-only file system" ]
	[ "${lines[1]}" = "touch: /ro/sub/y: Read-only file system" ]
	[[ ${lines[2]} == *"Read-only file system"* ]]
	[ -e rootfs/free ]
}

@test "run sets capabilities, all five sets" {
	caps bounding '["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"]'
	caps permitted '["CAP_CHOWN", "CAP_KILL"]'
	caps effective '["CAP_CHOWN"]'
	caps inheritable '["CAP_KILL"]'
	caps ambient '["CAP_KILL"]'
	update_config '.process.user = {uid: 1000, gid: 1000}'
	inside 'grep ^Cap /proc/self/status'
	[ "${lines[0]}" = "CapInh:	0000000000000020" ]
	[ "${lines[1]}" = "CapPrm:	0000000000000020" ]
	[ "${lines[4]}" = "CapAmb:	0000000000000020" ]
	[ "${lines[3]}" = "CapBnd:	0000000000002021" ]
}

@test "run without capabilities has none" {
	update_config 'del(.process.capabilities)'
	inside 'grep ^Cap /proc/self/status | cut -f2 | sort -u'
	[ "$output" = 0000000000000000 ]
}

@test "run with an unknown capability goes on without it, with a warning" {
	caps effective '["CAP_KILL", "CAP_FROM_THE_FUTURE"]'
	caps ambient '["CAP_KILL", "CAP_CHOWN"]'
	set_args true
	hull --debug run test_box
	[[ $output == *"CAP_FROM_THE_FUTURE"*"/process/capabilities/effective"* ]]
	[[ $output == *"can't raise ambient capabilities that are not in inheritable and permitted: CAP_CHOWN, CAP_KILL"* ]]
	caps effective '["CAP_KILL"]'
	caps inheritable '["CAP_KILL"]'
	hull run test_box
	[[ $output == *"can't raise ambient capability CAP_CHOWN: it is not in inheritable and permitted"* ]]
	inside 'grep CapEff /proc/self/status'
	[ "$status" -eq 0 ]
}

@test "run sets user, group, groups and umask" {
	update_config '.process.user = {uid: 12, gid: 34, umask: 7, additionalGids: [56, 78]}'
	inside 'id -u; id -g; id -G; umask'
	[ "${lines[*]}" = "12 34 34 56 78 0007" ]
}

@test "run has umask 0022, no groups and no_new_privs by default" {
	inside 'id -G; umask; grep NoNewPrivs /proc/self/status'
	[ "${lines[*]}" = "0 0022 NoNewPrivs:	1" ]
	update_config '.process.noNewPrivileges = false'
	inside 'grep NoNewPrivs /proc/self/status'
	[ "$output" = "NoNewPrivs:	0" ]
}

# bats test_tags=vm-board
@test "run sets rlimits exactly, up to what 64 bits hold" {
	update_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200},
		{type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_FSIZE", soft: 9007199254740993, hard: 9007199254740993}]'
	set_args grep -E "open files|core|Max file size" /proc/self/limits
	sed -i 's/9007199254740992/9007199254740993/g' config.json # jq rounds
	must run test_box
	[[ $output =~ "Max open files"\ +100\ +200 ]]
	[[ $output =~ "Max core file size"\ +0\ +0 ]]
	# A kernel of 32 bits has limits of 32, and takes more for none.
	[[ $output =~ "Max file size"\ +9007199254740993\ +9007199254740993 ]] ||
		[[ $(uname -m) = armv7l && $output =~ "Max file size"\ +unlimited ]]
}

@test "run sets oomScoreAdj" {
	update_config '.process.oomScoreAdj = 321'
	inside 'cat /proc/self/oom_score_adj'
	[ "$output" = 321 ]
}

@test "run sets hostname and domainname in a UTS namespace of its own" {
	before=$(hostname)
	update_config '.hostname = "inside" | .domainname = "example"'
	inside 'hostname; cat /proc/sys/kernel/domainname'
	[ "$output" = "$(printf 'inside\nexample')" ]
	[ "$(hostname)" = "$before" ]
}

@test "run writes sysctls of its own namespaces, with dots or slashes" {
	update_config '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "123456", "net/ipv4/conf/lo/forwarding": "0",
		"fs.mqueue.msg_max": "11"}'
	inside 'cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax net/ipv4/conf/lo/forwarding fs/mqueue/msg_max'
	[ "${lines[*]}" = "1 123456 0 11" ]
}

@test "create names the sysctl that the kernel refuses" {
	update_config '.linux.sysctl = {"net.ipv4.nothing": "1"}'
	refused "/linux/sysctl/net.ipv4.nothing" create test_box
	nothing_left test_box
}

@test "create sets nothing in a namespace of the host that is given by its path" {
	before=$(hostname)
	update_config '.linux.namespaces |= map(if .type == "uts" then .path = "/proc/self/ns/uts" else . end)'
	refused "unable to set hostname without a private UTS namespace (/hostname)" create test_box
	update_config 'del(.hostname) | .domainname = "d"'
	refused "unable to set domainname without a private UTS namespace (/domainname)" create test_box
	update_config 'del(.domainname) | .linux.sysctl = {"kernel.domainname": "d"}'
	refused 'sysctl \"kernel.domainname\" not allowed in host uts namespace (/linux/sysctl/kernel.domainname)' create test_box
	update_config '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/net" else . end)
		| .linux.sysctl = {"net.core.somaxconn": "1"}'
	refused 'sysctl \"net.core.somaxconn\" not allowed in host network namespace (/linux/sysctl/net.core.somaxconn)' create test_box
	update_config '.linux.namespaces |= map(if .type == "ipc" then .path = "/proc/self/ns/ipc" else . end)
		| .linux.sysctl = {"kernel.shmmax": "1"}'
	refused 'sysctl \"kernel.shmmax\" not allowed in host ipc namespace (/linux/sysctl/kernel.shmmax)' create test_box
	nothing_left test_box
	[ "$(hostname)" = "$before" ]
	# Those of another container are not the host's.
	update_config '.linux.namespaces |= map(del(.path)) | del(.linux.sysctl) | .hostname = "x"'
	quietly create test_other
	pid=$(state_of test_other .pid)
	update_config '(.linux.namespaces[] | select(.type == "network")).path = "/proc/\($pid)/ns/net"
		| .linux.sysctl = {"net.core.somaxconn": "77"}' --arg pid "$pid"
	inside 'cat /proc/sys/net/core/somaxconn'
	[ "$output" = 77 ]
}

# bats test_tags=vm,vm-initramfs
@test "a /dev that hull has made is the one that init makes" {
	update_config '.mounts += [{destination: "/dev/two", type: "tmpfs", options: ["mode=700", "nosuid", "size=8k"]},
		{destination: "/dev/file", type: "bind", source: "/dev/null", options: ["bind", "ro"]}]'
	look='umask; ls -la /dev /dev/two /dev/shm | sed -E "s/ [A-Z][a-z]{2} +[0-9]+ [0-9:]+ / /"
		sed -E "s/^[0-9]+ [0-9]+ [0-9:]+ //; s/ master:[0-9]+//" /proc/self/mountinfo | grep " /dev" | sort'
	inside "$look"
	by_init=$output
	[[ $by_init == *"/dev/two"*"size=8k"* && $by_init == *"ptmx -> pts/ptmx"* && $by_init == *" 1,"*"3 "*null* ]]
	update_config '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
	(umask 077 && inside "$look" && [ "$output" = "$by_init" ])
}

# bats test_tags=vm
@test "mounts on nodes and links of /dev are what is there, whoever makes it" {
	update_config '.mounts += [{destination: "/dev/full", type: "bind", source: "/dev/full", options: ["bind", "ro"]},
		{destination: "/dev/shm/in", type: "tmpfs", options: ["mode=711"]},
		{destination: "/dev/shm", type: "tmpfs", options: ["mode=733"]}]'
	look='head -c 3 /dev/full | wc -c; ls -A /dev/shm | wc -l; stat -c %a /dev/shm; ls /dev | wc -l; grep -c " /dev/" /proc/mounts'
	inside "$look"
	by_init=$output
	[ "${lines[*]:0:3}" = "3 0 733" ]
	update_config '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
	inside "$look"
	[ "$output" = "$by_init" ]
	# What is no node of this name is an error, as ever.
	update_config '(.mounts[] | select(.destination == "/dev/full")).source = "/dev/zero"'
	refused "/dev/full exists and is another file than device 1:7" create test_box
	update_config 'del(.linux.namespaces[] | select(.type == "network").path)'
	refused "/dev/full exists and is another file than device 1:7" create test_box
}

@test "run brings the loopback interface up" {
	inside 'ip addr show lo'
	[[ $output == *"127.0.0.1"* && $output == *UP* ]]
}

@test "run gives each namespace anew" {
	for ns in pid net ipc uts mnt; do
		readlink "/proc/self/ns/$ns"
	done >host
	inside 'for ns in pid net ipc uts mnt; do readlink /proc/self/ns/$ns; done'
	[ "${#lines[@]}" -eq 5 ]
	for line in "${lines[@]}"; do
		not grep -qF "$line" host
	done
}

@test "run without a namespace stays in the host's" {
	update_config '.linux.namespaces |= map(select(.type != "network" and .type != "ipc"))
		| del(.mounts[] | select(.type == "mqueue"))'
	inside 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc'
	[ "$output" = "$(readlink /proc/self/ns/net /proc/self/ns/ipc)" ]
}

# bats test_tags=vm-initramfs
@test "run joins namespaces of another container by path, pid and user too" {
	quietly create test_other
	pid=$(state_of test_other .pid)
	update_config '.linux.namespaces |= map(if .type == "network" or .type == "ipc" or .type == "pid" or .type == "uts"
		then . + {path: "/proc/\($pid)/ns/\(if .type == "network" then "net" else .type end)"} else . end) | del(.hostname)' \
		--arg pid "$pid"
	inside 'for ns in pid net ipc uts; do readlink /proc/self/ns/$ns; done'
	[ "$output" = "$(for ns in pid net ipc uts; do readlink "/proc/$pid/ns/$ns"; done)" ]
}

@test "create refuses a path that is no namespace, or of another type" {
	update_config '.linux.namespaces[1].path = "/etc/passwd"'
	refused "/etc/passwd is not a namespace (/linux/namespaces/1/path)" create test_box
	update_config '.linux.namespaces[1].path = "/proc/self/ns/uts"'
	refused "is a uts namespace, not a network namespace" create test_box
	nothing_left test_box
}

# bats test_tags=vm,vm-board
@test "run makes a time namespace with offsets" {
	[ -e /proc/self/ns/time ] || skip "no time namespaces"
	update_config '.linux.namespaces += [{type: "time"}] |
		.linux.timeOffsets = {boottime: {secs: 100000, nanosecs: 5}, monotonic: {secs: 7}}'
	inside 'cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime'
	[[ ${lines[0]} =~ monotonic\ +7\ +0 ]]
	[[ ${lines[1]} =~ boottime\ +100000\ +5 ]]
	[ "${lines[2]}" -ge 100000 ]
}

@test "run leaves the program no descriptor but its stdio" {
	inside 'for f in /proc/self/fd/*; do readlink $f; done | sort >/dev/null; ls /proc/self/fd'
	# ls itself has the directory open.
	[ "${lines[*]}" = "0 1 2 3" ]
}

# bats test_tags=vm
@test "create joins a session keyring of its own, unless told not to" {
	grep -q . /proc/keys || skip "no keyrings"
	id=test_keyring_$$
	quietly create "$id"
	grep -q "_ses.$id" /proc/keys
	quietly create --no-new-keyring "${id}x"
	not grep -q "_ses.${id}x" /proc/keys
}

@test "run sets the personality" {
	update_config '.linux.personality = {domain: "LINUX32"}'
	inside 'uname -m'
	[ "$output" != "$(uname -m)" ] || [[ $(uname -m) == i686 || $(uname -m) == armv7l ]]
}

@test "run refuses a cwd outside of the root (CVE-2024-21626)" {
	for n in 3 4 5 6 7 8 9 10 11 12; do
		update_config ".process.cwd = \"/proc/self/fd/$n\""
		set_args ls -a . /
		hull run test_box
		# Refused, or a directory of the container.
		[[ $output == *"/process/cwd"* || $output != *boot* ]]
		[[ $output == *"/process/cwd"* || $output == *proc* ]]
	done
}

@test "run of a user finds its own stdio open to it" {
	update_config '.process.user = {uid: 1000, gid: 1000}'
	set_args sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'
	"$HULL" --root "$ROOT" run test_box 2>err 3>&- | cat >out
	[ "$(cat out)" = out ]
}

# bats test_tags=vm-initramfs
@test "run needs no pivot_root with --no-pivot" {
	set_args sh -c 'cat /proc/mounts; ls /'
	must run --no-pivot test_box
	[[ $output == *busybox* || $output == *bin* ]]
	not grep -F "$BUNDLE/" /proc/mounts
}

on_host_mounts() {
	update_config '.linux.namespaces |= map(select(.type != "mount")) | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
}

# bats test_tags=vm-initramfs
@test "without a mount namespace the mounts are the host's, and go with the container" {
	on_host_mounts
	cp /proc/mounts before
	set_args sh -c 'ls -d /bin/busybox; readlink /proc/self/ns/mnt; stat -f -c %T /proc /dev; echo x >/dev/null; touch /x 2>&1'
	hull run test_box
	[ "${lines[0]}" = /bin/busybox ]
	[ "${lines[1]}" = "$(readlink /proc/self/ns/mnt)" ]
	[ "${lines[2]} ${lines[3]}" = "proc tmpfs" ]
	[[ ${lines[4]} = *"Read-only file system"* ]]
	cmp before /proc/mounts
	# In steps; what is mounted is nobody else's.
	set_args sleep 1000
	quietly create test_box
	not cmp -s before /proc/mounts
	unshare -m grep -F " $BUNDLE/rootfs/proc " /proc/self/mountinfo | not grep -E "shared:|master:"
	must exec test_box ls /proc/self/exe
	quietly delete --force test_box
	cmp before /proc/mounts
	# A create that fails.
	update_config '.mounts += [{destination: "/mnt", source: "/no/such", options: ["bind"]}]'
	refused "/no/such" create test_box
	cmp before /proc/mounts
	nothing_left test_box
}

@test "without a mount namespace, what the root was mounted on stays" {
	on_host_mounts
	mount --bind rootfs rootfs
	# A shared one goes with any mount on it: that is on the mount of which it is a part, too.
	mount --make-private rootfs
	cp /proc/mounts before
	set_args true
	must run test_box
	cmp before /proc/mounts
	# The container's has been removed by somebody else.
	set_args sleep 1000
	quietly create test_box
	umount -l rootfs
	cmp before /proc/mounts
	quietly delete --force test_box
	cmp before /proc/mounts
	umount rootfs
}

@test "without a mount namespace and without mounts nothing is mounted" {
	on_host_mounts
	update_config '.mounts = [] | .root.readonly = false'
	cp /proc/mounts before
	set_args sleep 1000
	quietly create test_box
	cmp before /proc/mounts
	must exec test_box ls -d /bin/busybox
}

# --- What a review found ------------------------------------------------------------------------------------------------

@test "neither init nor hooks nor the program see a descriptor that the caller left open" {
	mkdir -p secret
	update_config '.hooks = {createContainer: [{path: "/bin/sh", args: ["sh", "-c", "ls -l /proc/self/fd >>\($b)/seen"]}],
		startContainer: [{path: "/bin/sh", args: ["sh", "-c", "ls -l /proc/self/fd"]}]} | .root.readonly = false' --arg b "$BUNDLE"
	set_args sleep 1000
	exec 9<secret
	quietly create test_box
	exec 9<&-
	not grep secret seen
	ls -l "/proc/$(state_of test_box .pid)/fd" >fds
	not grep secret fds
	exec 9<secret
	must exec test_box ls -l /proc/self/fd
	exec 9<&-
	[[ $output != *secret* ]]
}

# runs_by NAME PID: a child of PID runs the script of this name.
runs_by() { [ "$(cat "/proc/$(pgrep -P "$2")/comm")" = "$1" ]; }

@test "hull's own binary cannot be made writable by who finds it as a program in the container (CVE-2019-5736)" {
	[[ $HULL != */san/* ]] || skip "a sanitizer's hull is linked dynamically, and cannot be a container's program"
	# It stands still in there, and does not hide, while nobody reads what it prints.
	printf '#!/proc/self/exe --help\n' >rootfs/bin/evil
	chmod 755 rootfs/bin/evil
	mkfifo full
	quietly create test_box
	quietly start test_box
	exec 9<>full
	timeout 1 dd if=/dev/zero bs=4096 status=none >&9 || true
	"$HULL" --root "$ROOT" exec test_box /bin/evil >&9 2>&9 3>&- 9>&- </dev/null &
	local pid=$!
	wait_for 5 runs_by evil "$pid"
	# mount_setattr(2) with MOUNT_ATTR_RDONLY to be cleared; AT_EMPTY_PATH.
	perl -e 'my ($name, $attr) = ("", pack("Q4", 0, 1, 0, 0));
		sysopen(F, "/proc/$ARGV[0]/exe", 010000000) or die "open: $!";
		die "writable" if syscall(442, fileno(F), $name, 0x1000, $attr, 32) == 0;
		print "$!\n"' "$(pgrep -P "$pid")"
	quietly delete --force test_box
	exec 9>&-
}

@test "hull on a file system that nobody can write to is executed as it is, and nobody writes to it there" {
	[[ $HULL != */san/* ]] || skip "a sanitizer's hull is linked dynamically, and cannot be a container's program"
	mkdir image mnt
	cp "$HULL" image/hull
	mksquashfs image squash -quiet -no-progress >/dev/null
	printf '#!/proc/self/exe --help\n' >rootfs/bin/evil
	chmod 755 rootfs/bin/evil
	set_args /bin/evil
	# hull in a mount namespace that has the image, which ends with it
	squashed=(unshare -m --propagation private sh -c 'mount -o loop squash mnt && exec mnt/hull "$@"' hull --root "$ROOT")
	strace -D -f -qq -e trace=open_tree,memfd_create -o trace "${squashed[@]}" --debug run test_box >out 2>&1 3>&- </dev/null
	grep -q "nobody in a container can write to hull's binary" out
	grep -q "^USAGE\|^Usage\|^NAME" out
	not grep -q '/proc/self/exe\|hull-exe' trace
	mkfifo full
	exec 9<>full
	timeout 1 dd if=/dev/zero bs=4096 status=none >&9 || true
	"${squashed[@]}" run test_box >&9 2>&9 3>&- 9>&- </dev/null &
	wait_for 5 eval '[ "$(state_of test_box)" = running ]'
	local pid
	pid=$(state_of test_box .pid)
	wait_for 5 eval '[ "$(cat /proc/$pid/comm)" = evil ]'
	perl -e 'sysopen(F, "/proc/$ARGV[0]/exe", 1) and die "writable"; die "$!" unless $!{EROFS}' "$pid"
	exec 9>&-
	quietly delete --force test_box
}

@test "a waiting init holds nothing but its stdio and the start socket" {
	quietly create test_box
	for fd in /proc/"$(state_of test_box .pid)"/fd/*; do
		[[ $fd == */[012] || $(readlink "$fd") == socket:* ]]
	done
}

@test "create finds no program through a descriptor of init's" {
	for n in 3 4 5 6 7 8; do
		set_args "/proc/self/fd/$n/$$/root/bin/sh" -c 'echo out'
		hull run test_box
		[ "$status" -ne 0 ]
		[[ $output != *out* || $output == *"level=error"* ]]
	done
}

# bats test_tags=vm-initramfs
@test "exec enters the root of a container without a mount namespace" {
	update_config '.linux.namespaces |= map(select(.type != "mount")) | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
	must create test_box
	must exec test_box ls /
	[[ $output != *boot* && $output == *tmp* ]]
}

@test "exec does not run startContainer hooks again" {
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo ran >>/tmp/hook"]}] | .root.readonly = false'
	quietly create test_box
	quietly start test_box
	must exec test_box true
	[ "$(cat rootfs/tmp/hook)" = ran ]
}

@test "exec has the container's personality" {
	update_config '.linux.personality = {domain: "LINUX32"}'
	quietly create test_box
	must exec test_box uname -m
	[ "$output" != x86_64 ]
}

@test "create refuses hull's own mount namespace by path" {
	update_config '(.linux.namespaces[] | select(.type == "mount")).path = "/proc/self/ns/mnt"'
	refused "hull's own mount namespace (/linux/namespaces/" create test_box
	nothing_left test_box
}

# bats test_tags=vm-initramfs
@test "run --no-pivot refuses a propagation that would hold on to the host's mounts" {
	for propagation in private rprivate unbindable runbindable; do
		update_config '.linux.rootfsPropagation = $p' --arg p $propagation
		refused "not safe without pivot_root (/linux/rootfsPropagation)" run --no-pivot test_box
		nothing_left test_box
	done
}

@test "run --no-pivot leaves no complete proc of the host behind" {
	update_config '.process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"]) | .process.noNewPrivileges = true'
	set_args sh -c 'unshare -Urmpf sh -c "mount -t proc proc /proc && echo mounted" 2>&1'

	hull run --no-pivot test_box
	[[ $output != *mounted* ]]
}

@test "run works for a caller that ignores SIGCHLD, and gives its exit code" {
	set_args sh -c 'exit 6'
	update_config '.hooks.createRuntime = [{path: "/bin/true"}]'
	status=0
	(trap '' CHLD && exec timeout 20 "$HULL" --root "$ROOT" run test_box) >/dev/null 2>&1 3>&- || status=$?
	[ "$status" = 6 ]
}

@test "hooks have the caller's umask" {
	update_config ".hooks.createContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"umask >$BUNDLE/umask\"]}]"
	(umask 027 && exec "$HULL" --root "$ROOT" create test_box) >/dev/null 2>&1 </dev/null 3>&-
	[ "$(cat umask)" = 0027 ]
}

@test "ambient capabilities of the caller stay outside" {
	update_config '.process.capabilities |= map_values(. + ["CAP_NET_BIND_SERVICE"] | unique) | del(.process.capabilities.ambient)'
	set_args grep CapAmb /proc/self/status
	output=$(setpriv --inh-caps +net_bind_service --ambient-caps +net_bind_service "$HULL" --root "$ROOT" run test_box 3>&-)
	[ "$output" = "CapAmb:	0000000000000000" ]
}

@test "start.sock is its owner's alone, whatever the umask" {
	(umask 0 && exec "$HULL" --root "$ROOT" create test_box) >/dev/null 2>&1 </dev/null 3>&-
	[ "$(stat -c %a "$ROOT/test_box/start.sock")" = 600 ]
}

@test "what the caller ignores and blocks is default and open in the program, an exec and all hooks" {
	look="grep -h '^Sig[BI]' /proc/self/status"
	for kind in prestart createRuntime createContainer poststart poststop; do
		update_config '.hooks[$k] = [{path: "/bin/sh", args: ["sh", "-c", $s]}]' --arg k $kind --arg s "$look >>$BUNDLE/seen"
	done
	# Not by busybox's sh, which ignores SIGQUIT by itself.
	look=(grep -h '^Sig[BI]' /proc/self/status)
	update_config '.hooks.startContainer = [{path: "/bin/cp", args: ["cp", "/proc/self/status", "/seen"]}] | .root.readonly = false'
	deaf() { env --ignore-signal --block-signal "$HULL" --root "$ROOT" "$@" 3>&-; }
	[[ $(env --ignore-signal --block-signal grep SigIgn /proc/self/status) == *[1-9a-f]* ]]
	set_args "${look[@]}"
	deaf run test_run >>seen
	update_config '.hooks = {}'
	set_args sleep 1000
	quietly create test_box
	quietly start test_box
	{
		deaf exec test_box "${look[@]}"
		deaf exec --pid-file pid test_box "${look[@]}"
		grep '^Sig[BI]' rootfs/seen
	} >>seen
	[ "$(sort seen | uniq -c | tr -s ' \n\t' ' ')" = " 9 SigBlk: 0000000000000000 9 SigIgn: 0000000000000000 " ]
}
