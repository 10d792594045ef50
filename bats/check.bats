#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hull check: what is wrong with a bundle, what is legal and surprising, and that nothing is made.

load helpers
setup() { setup_bundle true; }
teardown() { teardown_bundle; }

# finds STATUS SEVERITY TEXT: the command ends so, and one line begins with the severity and has the text.
finds() {
	hull check -b "$BUNDLE"
	[ "$status" -eq "$1" ]
	grep -F "$3" <<<"$output" | grep -q "^$2  "
}

# silent TEXT: no line has it.
silent() {
	hull check -b "$BUNDLE"
	not grep -qF "$1" <<<"$output"
}

@test "check finds no error in what hull spec makes, makes nothing, and create agrees" {
	before=$(find "$BUNDLE" | sort)
	must check
	[[ ${lines[-1]} == "$BUNDLE: 0 errors, "*" warnings" ]]
	[ "$(find "$BUNDLE" | sort)" = "$before" ]
	[ ! -e "$ROOT" ]
	[ -z "$(find /sys/fs/cgroup -maxdepth 4 -name 'hull-check*')" ]
	must run test_box
}

@test "check tells of all bad properties at once" {
	update_config '.process.cwd = 5 | .mounts[2].type = 7 | .linux.namespaces[0].type = "foo" | .root = {}'
	hull check
	[ "$status" -eq 1 ]
	[ "$(grep -c ^error <<<"$output")" -eq 4 ]
	for line in "/process/cwd: expected a string, found the number 5" "/root/path: is required" \
		"/mounts/2/type: expected a string" '/linux/namespaces/0/type: unknown namespace type "foo"'; do
		grep -qF "error    $line" <<<"$output"
	done
	[[ $output == *"unseen   $BUNDLE: programs, mounts and the machine are looked at when these are right"* ]]
}

@test "check tells of all rules between properties at once" {
	update_config '.linux.sysctl = {"kernel.a": "1", "kernel.b": "1"} | .linux.timeOffsets = {boottime: {secs: 1}}'
	hull check
	[ "$status" -eq 1 ]
	[ "$(grep -c "^error" <<<"$output")" -eq 3 ]
}

@test "check says what is no JSON, and no bundle" {
	echo '{"a": tru}' >config.json
	finds 1 error "/"
	refused "open /nonexistent/config.json: no such file or directory" check -b /nonexistent
	refused 'invalid --format: \"xml\" is not text or json' check --format xml
}

@test "check looks for the program as create does" {
	set_args nope
	finds 1 error '/process/args/0: "nope" is in no directory of the container'\''s PATH'
	refused 'exec: \"nope\": executable file not found in $PATH' run test_box
	set_args /etc/nope
	finds 1 error '/process/args/0: "/etc/nope": no such file or directory'
	mkdir -p rootfs/etc && echo x >rootfs/etc/plain
	set_args /etc/plain
	finds 1 error 'it is not executable (mode '
	printf '#!/bin/nosuch\n' >rootfs/etc/script && chmod 755 rootfs/etc/script
	set_args /etc/script
	finds 1 error '/bin/nosuch'
	refused '/bin/nosuch' run test_box
	# One that a bind mount brings.
	mkdir -p "$BUNDLE/tools" rootfs/opt && cp rootfs/bin/busybox tools/true
	set_args /opt/true
	finds 1 error '"/opt/true": no such file'
	add_mount /opt bind tools bind
	silent /process/args
	must run test_box
}

@test "check looks at the root file system, and at programs of hooks" {
	update_config '.hooks = {prestart: [{path: "/nope"}], poststop: [{path: "/etc/passwd"}], startContainer: [{path: "/only/inside"}]}'
	finds 1 error "/hooks/prestart/0/path: /nope: no such file or directory"
	finds 1 error "/hooks/poststop/0/path: /etc/passwd: it is not executable"
	silent only/inside
	update_config 'del(.hooks) | .root.path = "nowhere"'
	finds 1 error "/root/path: $BUNDLE/nowhere: no such file or directory"
}

@test "check sees what mounts cover, what is masked, and what has no source" {
	add_mount /x bind /nonexistent bind
	finds 1 error "/source: /nonexistent: no such file or directory"
	update_config '.mounts |= map(select(.destination != "/x"))'
	n=$(jq '.mounts | length' config.json)
	add_mount /dev tmpfs tmpfs
	finds 0 warning "what is mounted at /dev/pts is covered by /mounts/$n at /dev, which comes later"
	update_config '.mounts |= .[:-1]'
	add_mount /proc/acpi tmpfs tmpfs
	finds 0 warning "/mounts/$n: what is mounted at /proc/acpi is masked by /linux/maskedPaths/"
	add_mount /f nosuchfs x
	finds 0 warning 'the kernel knows no file system "nosuchfs" now'
}

@test "check names what is legal and surprising" {
	silent "no pid namespace"
	update_config '.linux.namespaces |= map(select(.type != "pid" and .type != "network"))
		| .linux.readonlyPaths -= ["/proc/sys"] | .process.capabilities.bounding += ["CAP_SYS_ADMIN"]
		| .process.oomScoreAdj = -1000 | .process.noNewPrivileges = false'
	add_mount /h bind / rbind rshared
	add_mount /run/docker.sock bind /run/docker.sock bind
	cp rootfs/bin/busybox rootfs/bin/su2 && chmod 4755 rootfs/bin/su2
	hull check
	for text in "no pid namespace" "no network namespace" "/proc/sys is not among them" "CAP_SYS_ADMIN in the host's user" \
		"no seccomp profile" "-1000: the OOM killer" "shared propagation" "the host's whole file system" \
		"who has it is root on the host" "/linux/resources/memory: no limit" "1 setuid program (/bin/su2)"; do
		grep -F -- "$text" <<<"$output" | grep -q ^warning || { echo "no $text" && return 1; }
	done
}

@test "check --strict fails with 2 for warnings alone" {
	hull check --strict
	[ "$status" -eq 2 ]
	update_config '.root.path = "nowhere"'
	hull check --strict
	[ "$status" -eq 1 ]
}

@test "check as JSON" {
	update_config '.root.path = "nowhere"'
	hull check --format json
	[ "$status" -eq 1 ]
	[ "$(jq -r .errors <<<"$output")" = "$(jq '[.findings[] | select(.severity == "error")] | length' <<<"$output")" ]
	[ "$(jq -r '.findings[] | select(.severity == "error") | .pointer' <<<"$output")" = /root/path ]
}

@test "check reads another configuration, and follows its bundle" {
	jq '.process.args = ["nope"]' config.json >other.json
	cd /
	hull check -b "$BUNDLE" --config other.json
	[ "$status" -eq 1 ]
	[[ $output == *'"nope" is in no directory'* ]]
}

@test "check names what this machine lacks" {
	update_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1, hard: 999999999}]
		| .linux.namespaces[0].path = "/etc/passwd" | .linux.netDevices = {nosuch0: {}}'
	hull check
	[ "$status" -eq 1 ]
	[[ $output == *"/linux/namespaces/0/path: /etc/passwd is no namespace"* ]]
	[[ $output == *"/linux/netDevices/nosuch0: there is no such network device"* ]]
	[ "$(setpriv -d | grep -c '^Capability bounding set:.*sys_resource')" = 1 ] ||
		[[ $output == *"RLIMIT_NOFILE: a hard limit of 999999999 is above hull's own"* ]]
}

# Most views have no rdma.
@test "check names the controller that a limit lacks, in the words of create" {
	[ ! -e /sys/fs/cgroup/rdma ] && ! grep -qs rdma /sys/fs/cgroup/cgroup.controllers || skip "rdma is here"
	update_config '.linux.resources.rdma = {mlx5_0: {hcaHandles: 3}}'
	finds 1 error '/linux/resources/rdma: the "rdma" cgroup controller is not available'
	refused 'the \"rdma\" cgroup controller is not available' run test_box
}

# bats test_tags=vm-selinux
@test "check knows the labels of this machine" {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || skip "AppArmor is enabled"
	update_config '.process.apparmorProfile = "x"'
	finds 1 error "/process/apparmorProfile: unable to apply apparmor profile"
}

@test "check as an ordinary user" {
	open_way
	cp "$HULL" "$BATS_TEST_TMPDIR/hull2"
	chmod 755 "$BATS_TEST_TMPDIR/hull2"
	chmod -R a+rX "$BUNDLE"
	as_user() { setpriv --reuid 64077 --regid 64077 --clear-groups "$BATS_TEST_TMPDIR/hull2" "$@"; }
	as_user check -b "$BUNDLE" >out && return 1
	grep -qF "error    /linux/namespaces: an ordinary user's container needs a user namespace" out
	mkdir users && chown 64077 users && cp -a rootfs users/rootfs
	(cd users && as_user spec --rootless && as_user check) >out
	grep -q ": 0 errors" out
}
