#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host

load helpers

# The parser itself is tested by cmd/line/options_test.c.

@test "options of a command that are unknown print its help and fail" {
	hull state --foo id
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "Incorrect Usage: flag provided but not defined: -foo" ]
	[ "${lines[2]}" = "NAME:" ]
	[[ ${lines[3]} = "   hull state - "* ]]
	[[ $output = *'level=error msg="flag provided but not defined: -foo"'* ]]
}

@test "options before the command that are unknown print hull's help and fail" {
	hull --foo state id
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "Incorrect Usage. flag provided but not defined: -foo" ]
	[ "${lines[3]}" = "   hull - Open Container Initiative runtime" ]
}

@test "an option without its value says so in Go's words" {
	for args in "create --bundle" "run -b" "--root" "exec --process"; do
		# shellcheck disable=SC2086
		hull $args
		[ "$status" -eq 1 ]
		[[ $output = *"flag needs an argument: -"* ]]
	done
}

@test "a wrong number of arguments prints the help and says how many" {
	local -A wanted=(
		[start]="requires exactly 1 argument(s)"
		[create]="requires exactly 1 argument(s)"
		[run]="requires exactly 1 argument(s)"
		[delete]="requires exactly 1 argument(s)"
		[state]="requires exactly 1 argument(s)"
		[pause]="requires exactly 1 argument(s)"
		[resume]="requires exactly 1 argument(s)"
		[kill]="requires a minimum of 1 argument(s)"
		[exec]="requires a minimum of 1 argument(s)"
		[ps]="requires a minimum of 1 argument(s)"
		["kill a b c"]="requires a maximum of 2 argument(s)"
		["list a"]="requires exactly 0 argument(s)"
		["features a"]="requires exactly 0 argument(s)"
	)
	for args in "${!wanted[@]}"; do
		# shellcheck disable=SC2086
		hull $args
		[ "$status" -eq 1 ]
		[ "${lines[0]}" = "Incorrect Usage." ]
		[[ $output = *"msg=\"hull: \\\"${args%% *}\\\" ${wanted[$args]}\""* ]]
	done
}

@test "--systemd-cgroup is for create and run, and may be switched off" {
	must --systemd-cgroup --systemd-cgroup --root "$BATS_TEST_TMPDIR" list
	must --systemd-cgroup=false --root "$BATS_TEST_TMPDIR" list
}

@test "--log-format and --rootless know their values" {
	refused "invalid log-format: xml" --log-format xml list
	refused 'invalid --rootless: \"maybe\" is not true, false or auto' --rootless maybe list
	mkdir "$ROOT"
	for value in auto true false; do
		must --rootless=$value list
	done
	must --criu=/usr/sbin/criu list
}

@test "--root must not be / and may be relative" {
	refused "Option --root argument should not be set to /" --root / list
	refused "Option --root argument should not be set to /" --root //../ list
	mkdir "$BATS_TEST_TMPDIR/r"
	cd "$BATS_TEST_TMPDIR"
	must --root r list
}

@test "--log takes the error as one line, stderr has it bare" {
	local log=$BATS_TEST_TMPDIR/log
	run --separate-stderr "$HULL" --root "$ROOT" --log "$log" state nothing
	[ "$status" -eq 1 ]
	# shellcheck disable=SC2154 # run sets it
	[ "$stderr" = "container does not exist" ]
	[ -z "$output" ]
	[[ $(<"$log") =~ ^time=\"[0-9T:-]+Z\"\ level=error\ msg=\"container\ does\ not\ exist\"$ ]]
}

@test "--log-format json writes one object that podman and containerd understand" {
	local log=$BATS_TEST_TMPDIR/log
	hull --log "$log" --log-format json state nothing
	[ "$(wc -l <"$log")" -eq 1 ]
	[ "$(jq -r .level "$log")" = error ]
	[ "$(jq -r .msg "$log")" = "container does not exist" ]
	date -d "$(jq -r .time "$log")" >/dev/null
	[ "$(command jq -r 'keys_unsorted[:3] | join(" ")' "$log")" = "level msg time" ]
}

@test "--log appends and says nothing when nothing fails" {
	local log=$BATS_TEST_TMPDIR/log
	mkdir "$ROOT"
	echo before >"$log"
	quietly --log "$log" list -q
	[ "$(<"$log")" = before ]
	refused "no such file or directory" --log "$BATS_TEST_TMPDIR/no/log" list
}

@test "descriptors that the caller has closed are not given to others" {
	mkdir "$ROOT"
	"$HULL" --root "$ROOT" list <&- >"$BATS_TEST_TMPDIR/out" 2>&1
	"$HULL" --root "$ROOT" list -q >&- 2>&-
}

@test "an id is refused before anything is made" {
	for id in a/b .. . "a b" ""; do
		hull create "$id"
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output = *"container ID format"* || $output = *"container id cannot be empty"* ]]
	done
	refused "invalid container ID format" create "$(printf 'x%.0s' {1..300})"
	[ ! -e "$ROOT" ]
}

@test "features says what works" {
	must features
	jq -e '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0"' <<<"$output"
	jq -e '.hooks | length == 6' <<<"$output"
	jq -e '.mountOptions == (.mountOptions | unique) and (.mountOptions | index("rro"))' <<<"$output"
	jq -e '.linux.namespaces == ["cgroup","ipc","mount","network","pid","time","user","uts"]' <<<"$output"
	jq -e '.linux.capabilities | length == 41' <<<"$output"
	jq -e '.linux.cgroup | .v1 and .v2 and .systemd and .systemdUser' <<<"$output"
	jq -e '.linux.seccomp.enabled and (.linux.seccomp.archs | index("SCMP_ARCH_X86_64"))' <<<"$output"
	jq -e '.linux.mountExtensions.idmap.enabled' <<<"$output"
	jq -e '.linux | .apparmor.enabled and .selinux.enabled and .netDevices.enabled' <<<"$output"
	jq -e '.linux.memoryPolicy | (.modes | length == 7) and (.flags | length == 3)' <<<"$output"
	cmp <(command jq --indent 4 . <<<"$output") <(echo "$output")
}

@test "features lists what seccomp can do" {
	must features
	jq -e '.linux.seccomp | (.actions | length == 9) and (.operators | length == 7)' <<<"$output"
}

@test "every command with an unknown id says that it does not exist" {
	for cmd in state start kill delete pause resume ps; do
		refused "container does not exist" $cmd test_nothing
		[ "$status" -eq 1 ]
	done
	refused "container does not exist" exec test_nothing true
	[ "$status" -eq 255 ]
	quietly delete --force test_nothing
	[ ! -e "$ROOT" ]
}
