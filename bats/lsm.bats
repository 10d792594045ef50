#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# AppArmor and SELinux. Many kernels that tests run on have neither, so this is about refusals, about what is written
# where, and where AppArmor or SELinux is (virtual machines), about what it enforces; init/base/lsm_test.c has the pieces.

load helpers
setup() { setup_bundle; }
teardown() { teardown_bundle; }

no_apparmor() { [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || skip "AppArmor is enabled"; }
no_selinux() { ! grep -q selinuxfs /proc/mounts || skip "SELinux is enabled"; }

# From here on hull believes that the kernel has AppArmor.
pretend_apparmor() {
	no_apparmor
	[ -e /proc/self/attr/exec ] || skip "a kernel without security modules"
	real=$HULL
	cat >"$BATS_TEST_TMPDIR/pretend" <<-END
		#!/bin/sh
		exec unshare -m sh -c 'mount -t tmpfs none /sys/module && mkdir -p /sys/module/apparmor/parameters &&
			echo Y >/sys/module/apparmor/parameters/enabled && exec "\$@"' sh $real "\$@"
	END
	chmod +x "$BATS_TEST_TMPDIR/pretend"
	HULL=$BATS_TEST_TMPDIR/pretend
}

@test "create with an AppArmor profile where there is no AppArmor is refused" {
	no_apparmor
	update_config '.process.apparmorProfile = "docker-default"'
	refused 'unable to apply apparmor profile \"docker-default\": apparmor: config provided but apparmor not supported (/process/apparmorProfile)' \
		create test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "create with a SELinux label where there is no SELinux is refused" {
	no_selinux
	update_config '.process.selinuxLabel = "system_u:system_r:container_t:s0:c4,c5"'
	refused 'selinux label is specified in config, but selinux is disabled or not supported (\"system_u:system_r:container_t:s0:c4,c5\") (/process/selinuxLabel)' \
		create test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "empty labels ask for nothing" {
	update_config '.process += {apparmorProfile: "", selinuxLabel: ""} | .linux.mountLabel = ""'
	quietly create test_box
	must exec --apparmor "" --process-label "" test_box true
}

@test "exec with --apparmor, --process-label or a process of such is refused" {
	no_apparmor
	no_selinux
	quietly create test_box
	refused 'unable to apply apparmor profile \"x\": apparmor: config provided' exec --apparmor x test_box true
	[ "$status" -eq 255 ]
	refused "selinux label is specified in config, but selinux is disabled" exec --process-label x:y test_box true
	[ "$status" -eq 255 ]
	jq -n '{args: ["true"], cwd: "/", apparmorProfile: "p"}' >process.json
	refused 'unable to apply apparmor profile \"p\": apparmor: config provided' exec --process process.json test_box
}

@test "the profile is what the kernel is asked for, before the hooks and the program" {
	pretend_apparmor
	update_config '.process.apparmorProfile = "docker-default" | .root.readonly = false
		| .hooks.startContainer = [{path: "/bin/touch", args: ["touch", "/tmp/hook"]}]'
	set_args touch /tmp/program
	hull run test_box
	[ "$status" -eq 1 ]
	[[ $output = *'apparmor failed to apply profile: write \"exec docker-default\" to `/proc/thread-self/attr/exec`: invalid argument (/process/apparmorProfile)'* ]]
	[ ! -e rootfs/tmp/hook ]
	[ ! -e rootfs/tmp/program ]
}

@test "exec writes the profile through a proc of its own, whatever covers the container's" {
	pretend_apparmor
	update_config '.root.readonly = false | .linux.maskedPaths = ["/proc"] | .linux.readonlyPaths = []
		| .process.capabilities = {}'
	quietly create test_box
	refused 'write \"exec x\" to `/proc/thread-self/attr/exec`: invalid argument (/process/apparmorProfile)' \
		exec --apparmor x test_box touch /tmp/program
	[ ! -e rootfs/tmp/program ]
}

@test "a waiting init has nothing more open than the file of its label" {
	pretend_apparmor
	update_config '.process.apparmorProfile = "docker-default"'
	quietly create test_box
	for fd in /proc/"$(state_of test_box .pid)"/fd/*; do
		[[ $fd == */[012] || $(readlink "$fd") == socket:* || $(readlink "$fd") == */attr/exec ]]
	done
	refused 'write \"exec docker-default\" to `/proc/thread-self/attr/exec`' start test_box
	wait_status test_box stopped
}

# bats test_tags=vm
@test "create with a mount label where there is no SELinux is refused" {
	no_selinux
	update_config '.linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"'
	refused 'mount label is specified in config, but selinux is disabled or not supported (\"system_u:object_r:container_file_t:s0:c1,c2\") (/linux/mountLabel)' \
		create test_box
	nothing_left test_box
}

# bats test_tags=vm
@test "a context with commas among the options of a mount is one option" {
	no_selinux
	update_config '.mounts = [{destination: "/tmp", type: "tmpfs", source: "none",
		options: ["mode=700", "context=\"u:r:t:s0:c1,c2\"", "size=4k"]}] | .linux.maskedPaths = []'
	refused "option context=u:r:t:s0:c1,c2: invalid argument (/mounts/0)" create test_box
}

# --- Where the kernel has AppArmor ---------------------------------------------------------------------------------------

# profile NAME RULE...: into the kernel, with leave to do what the rules do not deny.
profile() {
	local name=$1
	shift
	printf 'profile %s flags=(attach_disconnected,mediate_deleted) {\nfile,\ncapability,\nnetwork,\nsignal,\nunix,\nmount,\nptrace,\n%s\n}\n' \
		"$name" "$(printf '%s,\n' "$@")" | apparmor_parser --replace --skip-cache
}

needs_apparmor() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip "no AppArmor"
	profile test-hull 'deny /etc/passwd r' 'deny /tmp/** w'
	profile test-hull-other 'deny /etc/group r'
	update_config '.process.apparmorProfile = "test-hull" | .root.readonly = false'
}

# bats test_tags=vm
@test "the program, hooks inside and exec are confined by the profile (AppArmor)" {
	needs_apparmor
	set_args sh -c 'cat /proc/self/attr/current; head -n 1 /etc/group; cat /etc/passwd; echo x >/tmp/file; sleep 1000'
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat /proc/self/attr/current >/etc/hook"]}]'
	"$HULL" --root "$ROOT" create test_box >out 2>&1 </dev/null 3>&-
	must start test_box
	wait_for 20 grep -q "/tmp/file" out
	[ "$(head -n 2 out)" = $'test-hull (enforce)\nroot:x:0:' ]
	grep -q "can't open '/etc/passwd': Permission denied" out
	grep -q "can't create /tmp/file: Permission denied" out
	[ "$(cat rootfs/etc/hook)" = "test-hull (enforce)" ]
	[ ! -e rootfs/tmp/file ]
	hull exec test_box cat /proc/self/attr/current /etc/passwd
	[ "$status" -eq 1 ]
	[[ $output = "test-hull (enforce)"* && $output = *"Permission denied"* ]]
	hull exec --apparmor test-hull-other test_box cat /proc/self/attr/current /etc/passwd /etc/group
	[[ $output = "test-hull-other (enforce)"*root:x:0:0* && $output = *"'/etc/group': Permission denied"* ]]
	jq -n '{args: ["cat", "/proc/self/attr/current"], cwd: "/", env: ["PATH=/bin"], apparmorProfile: "unconfined"}' >process.json
	must exec --process process.json test_box
	[ "$output" = unconfined ]
}

# bats test_tags=vm
@test "exec that forks last hands the profile on (AppArmor)" {
	needs_apparmor
	update_config '.process.capabilities.bounding += ["CAP_SYS_PTRACE"]'
	quietly create test_box
	quietly start test_box
	hull --debug exec --apparmor test-hull-other test_box cat /proc/self/attr/current /etc/passwd /etc/group
	[[ $output == *", fork last"* ]]
	[[ $output == *"test-hull-other (enforce)"*root:x:0:0*"'/etc/group': Permission denied"* ]]
}

# bats test_tags=vm
@test "a user of the container without capabilities is confined, and cannot change it (AppArmor)" {
	needs_apparmor
	update_config '.process.user = {uid: 33, gid: 33} | .process.capabilities = {}'
	set_args sh -c 'echo "changeprofile unconfined" >/proc/self/attr/current; cat /proc/self/attr/current /etc/passwd'
	hull run test_box
	[ "$status" -eq 1 ]
	[[ $output = *"ermission denied"*"test-hull (enforce)"*"'/etc/passwd': Permission denied"* ]]
}

# bats test_tags=vm
@test "a profile that the kernel does not have is named (AppArmor)" {
	needs_apparmor
	update_config '.process.apparmorProfile = "test-hull-missing"'
	refused 'apparmor failed to apply profile: the profile is not loaded: write \"exec test-hull-missing\" to `/proc/thread-self/attr/apparmor/exec`: no such file or directory (/process/apparmorProfile)' \
		run test_box
	nothing_left test_box
	update_config '.process.apparmorProfile = "test-hull"'
	quietly create test_box
	refused '\"exec test-hull-missing\"' exec --apparmor test-hull-missing test_box true
	[ "$status" -eq 255 ]
	is_status test_box created
}

# bats test_tags=vm
@test "features says that there is AppArmor (AppArmor)" {
	needs_apparmor
	must features
	[ "$(jq .linux.apparmor.enabled <<<"$output")" = true ]
}

# --- Where the kernel enforces bats/vm/selinux.conf ----------------------------------------------------------------------

needs_selinux() {
	grep -q selinuxfs /proc/mounts || skip "no SELinux"
	update_config '.process.selinuxLabel = "system_u:system_r:container_t:s0:c1,c2" | .root.readonly = false
		| .linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"'
}

# said ARG...: hull exec, whose program may write to a pipe, and to no file of bats.
said() {
	output=$("$HULL" --root "$ROOT" exec "$@" 2>&1 </dev/null 3>&- | tr -d '\0')
	echo "exec $*: $output"
}

# bats test_tags=vm-selinux
@test "the program, hooks inside and exec have the label, and keep to its categories (SELinux)" {
	needs_selinux
	set_args sh -c 'cat /proc/self/attr/current >/dev/shm/init; echo >>/dev/shm/init; cat /dev/shm/hook >>/dev/shm/init; sleep 1000'
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat /proc/self/attr/current >/dev/shm/hook"]}]'
	quietly run -d test_box
	said test_box sh -c 'until grep -q container /dev/shm/init; do sleep 0.05; done; cat /dev/shm/init; echo; cat /proc/self/attr/current'
	[ "$(sort -u <<<"$output")" = system_u:system_r:container_t:s0:c1,c2 ]
	# The root is not of these categories, and has its own label.
	said test_box sh -c 'echo x >/file'
	[[ $output == *"Permission denied"* ]]
	said --process-label system_u:system_r:container_t:s0:c3,c4 test_box sh -c 'cat /proc/self/attr/current; echo; echo x >/dev/shm/init'
	[[ $output == *container_t:s0:c3,c4*"can't create /dev/shm/init: Permission denied"* ]]
	said test_box cat /proc/1/attr/keycreate
	[ -z "$output" ]
}

# bats test_tags=vm-selinux
@test "exec that forks last hands the label on (SELinux)" {
	needs_selinux
	update_config '.process.capabilities.bounding += ["CAP_SYS_PTRACE"]'
	quietly run -d test_box
	said --process-label system_u:system_r:container_t:s0:c3,c4 test_box cat /proc/self/attr/current
	[ "$output" = system_u:system_r:container_t:s0:c3,c4 ]
	output=$("$HULL" --root "$ROOT" --debug exec test_box true 2>&1 </dev/null 3>&-)
	[[ $output == *", fork last"* ]]
}

# bats test_tags=vm-selinux
@test "labels that the policy does not have are named (SELinux)" {
	needs_selinux
	update_config '.process.selinuxLabel = "system_u:system_r:other_t:s0"'
	refused 'the policy has no such label: write \"system_u:system_r:other_t:s0\" to `/proc/thread-self/attr/' create test_box
	[[ $output = *"(/process/selinuxLabel)"* ]]
	nothing_left test_box
	needs_selinux
	update_config '.linux.mountLabel = "system_u:object_r:other_file_t:s0"'
	refused "other_file_t" create test_box
	nothing_left test_box
	needs_selinux
	quietly create test_box
	refused 'the policy has no such label' exec --process-label system_u:system_r:other_t:s0 test_box true
	[ "$status" = 255 ]
}

# bats test_tags=vm-selinux
@test "a program that the policy does not allow is refused with its label (SELinux)" {
	needs_selinux
	update_config '.process.noNewPrivileges = true | .process.selinuxLabel = "system_u:system_r:bounded_t:s0"'
	refused 'SELinux does not allow it with the label \"system_u:system_r:bounded_t:s0\" and noNewPrivileges (the policy'"'s nnp_transition)" run test_box
	nothing_left test_box
	update_config '.process.noNewPrivileges = false'
	set_args cat /proc/self/attr/current
	must run test_box
	[ "$(tr -d '\0' <<<"$output")" = system_u:system_r:bounded_t:s0 ]
}

# bats test_tags=vm-selinux
@test "features says that there is SELinux (SELinux)" {
	needs_selinux
	must features
	[ "$(jq .linux.selinux.enabled <<<"$output")" = true ]
}
