#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1

load helpers
setup() { setup_bundle true; }
teardown() { teardown_bundle; }

annotate() { update_config '.annotations = {($k): $v}' --arg k "$1" --arg v "$2"; }

@test "create refuses annotations that hull does not do, with a pointer" {
	while read -r key value; do
		annotate "$key" "$value"
		refused "$value\\\" is not supported: " create test_box
		[[ $output == *"/annotations/${key//\//~1}"* ]]
	done <<-END
		run.oci.seccomp.plugins /lib/x.so
		run.oci.systemd.force_cgroup_v1 /sys/fs/cgroup/systemd
		run.oci.delegate-cgroup inner
	END
	annotate run.oci.seccomp.plugins /lib/x.so
	refused "an agent that listens at linux.seccomp.listenerPath (run.oci.seccomp.receiver)" create test_box
	annotate run.oci.mount_context_type nonsense
	refused 'nonsense\" is not one of context, fscontext, defcontext and rootcontext' create test_box
	for key in run.oci.handler run.oci.seccomp.plugins; do
		annotate "$key" ''
		quietly run test_box
	done
}

@test "annotations without an effect are warned of" {
	while read -r key value; do
		annotate "$key" "$value"
		must --debug run test_box
		[[ $output == *"level=warning msg=\"annotation $key has no effect: "* ]]
	done <<-END
		run.oci.systemd.subgroup x
		krun.cpus 2
		org.systemd.property.TimeoutStopUSec uint64 5000000
	END
}

@test "annotations of the engines pass into the state" {
	update_config '.annotations = {"io.podman.x": "1", "io.kubernetes.y": "2", "org.opencontainers.z": "3"}'
	set_args sleep 1000
	quietly create test_box
	[ "$(state_of test_box '.annotations | tojson')" = '{"io.kubernetes.y":"2","io.podman.x":"1","org.opencontainers.z":"3"}' ]
}

@test "a systemd property that reaches beyond the unit is refused (CVE-2024-3154)" {
	for name in ExecStart ExecStartPre SuccessAction FailureAction OnFailure Requires Conflicts Slice Delegate; do
		annotate "org.systemd.property.$name" "'poweroff-force'"
		refused "systemd property $name may not be set by an annotation" create test_box
		[[ $output == *"/annotations/org.systemd.property.$name"* ]]
	done
	annotate org.systemd.property.Kill-Signal 9
	refused 'Kill-Signal\" is not the name of a systemd property' create test_box
	annotate org.systemd.property.KillSignal "'KILL'"
	refused "is not a 32-bit number, which systemd property KillSignal is" create test_box
}

@test "keep_original_groups leaves the caller's groups" {
	update_config '.process.user.additionalGids = [7]'
	set_args grep ^Groups: /proc/self/status
	must run test_box
	[ "${output// /}" = "Groups:	7" ]
	update_config '.annotations = {"run.oci.keep_original_groups": "1"}'
	status=0
	output=$(setpriv --groups 42,43 "$HULL" --root "$ROOT" run test_box 3>&-) || status=$?
	[ "$status" -eq 0 ]
	[ "${output// /}" = "Groups:	4243" ]
}

@test "features lists the annotations that reach the host" {
	must features
	[[ $(jq -c .potentiallyUnsafeConfigAnnotations <<<"$output") == *'"org.systemd.property."'*'"run.oci.hooks.stdout"'* ]]
	[[ $(jq -c .linux.seccomp <<<"$output") == *SCMP_ACT_NOTIFY*WAIT_KILLABLE_RECV*WAIT_KILLABLE_RECV* ]]
}

# insn CODE JT JF K: a struct sock_filter, of bytes in this machine's order
insn() { perl -e 'print pack "SCCL", map { oct } @ARGV' "$@"; }

@test "a ready filter is loaded as it is, in the place of linux.seccomp's, by exec, too" {
	[ "$(uname -m)" = x86_64 ] || skip "the numbers of the calls are x86_64's"
	# mkdir (83) and mkdirat (258): ENOSYS, all else may be.
	local filter
	filter=$({ insn 0x20 0 0 0 && insn 0x15 2 0 0x53 && insn 0x15 1 0 0x102 && insn 0x06 0 0 0x7fff0000 && insn 0x06 0 0 0x00050026; } | base64 -w0)
	annotate run.oci.seccomp_bpf_data "$filter"
	for seccomp in null '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["uname"], "action": "SCMP_ACT_KILL_PROCESS"}]}'; do
		for nnp in true false; do
			update_config ".linux.seccomp = $seccomp | .process.noNewPrivileges = $nnp"
			set_args sh -c 'grep Seccomp: /proc/self/status; uname -s; mkdir /dev/shm/x; echo $?'
			must run test_box
			[ "$output" = "Seccomp:	2"$'\n'"Linux"$'\n'"mkdir: can't create directory '/dev/shm/x': Function not implemented"$'\n'1 ]
		done
	done
	set_args sleep 1000
	quietly create test_box
	must exec test_box sh -c 'mkdir /dev/shm/y || uname -s'
	[ "$output" = "mkdir: can't create directory '/dev/shm/y': Function not implemented"$'\n'Linux ]
}

@test "create says what is wrong with a ready filter" {
	while IFS='|' read -r value text; do
		annotate run.oci.seccomp_bpf_data "$value"
		refused "$text (/annotations/run.oci.seccomp_bpf_data)" create test_box
	done <<-END
		no base64!|the value is not base64
		|a filter has at least one instruction of 8 bytes, and no part of one: these are 0 bytes
		AAAA|a filter has at least one instruction of 8 bytes, and no part of one: these are 3 bytes
		$(head -c 32776 /dev/zero | base64 -w0)|the filter has 4097 instructions and the kernel takes at most 4096
	END
	annotate run.oci.seccomp_bpf_data "$(insn 0x20 0 0 0 | base64 -w0)"
	refused "load the seccomp filter of 1 instructions: invalid argument" run test_box
	annotate run.oci.seccomp_bpf_data "$(insn 0x06 0 0 0x7fff0000 | base64 -w0)"
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/run/agent", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
	refused "a ready filter excludes SCMP_ACT_NOTIFY in linux.seccomp (/annotations/run.oci.seccomp_bpf_data)" create test_box
	nothing_left test_box
}
