#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers
setup() { setup_bundle true; }
teardown() { teardown_bundle; }

annotate() { update_config '.annotations = {($k): $v}' --arg k "$1" --arg v "$2"; }

@test "create refuses annotations that hull does not do, with a pointer" {
	while read -r key value; do
		annotate "$key" "$value"
		refused "$value\\\" is not supported" create test_box
		[[ $output == *"/annotations/${key//\//~1}"* ]]
	done <<-END
		run.oci.handler krun
		run.oci.seccomp.plugins /lib/x.so
		run.oci.seccomp_bpf_data AAAA
		run.oci.systemd.force_cgroup_v1 /sys/fs/cgroup/systemd
		run.oci.delegate-cgroup inner
	END
	annotate run.oci.mount_context_type nonsense
	refused 'nonsense\" is not one of context, fscontext, defcontext and rootcontext' create test_box
	annotate run.oci.handler ''
	quietly run test_box
}

@test "annotations without an effect are warned of" {
	while read -r key value; do
		annotate "$key" "$value"
		must --debug run test_box
		[[ $output == *"level=warning msg=\"annotation $key has no effect: "* ]]
	done <<-END
		run.oci.systemd.subgroup x
		module.wasm.image/variant compat
		krun.cpus 2
		org.systemd.property.TimeoutStopUSec uint64 5000000
	END
}

@test "annotations of the engines pass into the state" {
	update_config '.annotations = {"io.podman.x": "1", "io.kubernetes.y": "2", "org.opencontainers.z": "3"}'
	set_args sleep 1000
	quietly create test_box
	[ "$(state_of test_box '.annotations | tojson')" = '{"io.podman.x":"1","io.kubernetes.y":"2","org.opencontainers.z":"3"}' ]
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
