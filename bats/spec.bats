#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

@test "spec writes config.json into the current directory, without a word" {
	quietly spec
	[ "$(jq -r .ociVersion config.json)" = 1.3.0 ]
	[ "$(jq -c .process.args config.json)" = '["sh"]' ]
	[ "$(jq -c .root config.json)" = '{"path":"rootfs","readonly":true}' ]
	[ "$(jq -c .process.noNewPrivileges config.json)" = true ]
	[ "$(jq -r .hostname config.json)" = hull ]
	[ "$(jq '.linux.maskedPaths | length' config.json)" = 10 ]
	[ "$(jq '.mounts | length' config.json)" = 7 ]
}

@test "spec looks as Go would write it" {
	quietly spec
	cmp <(command jq --tab . config.json) <(cat config.json && echo)
}

@test "spec has a cgroup namespace on v2 only" {
	quietly spec
	if is_v1; then
		[ "$(jq -c '[.linux.namespaces[].type]' config.json)" = '["pid","network","ipc","uts","mount"]' ]
	else
		[ "$(jq -c '[.linux.namespaces[].type]' config.json)" = '["pid","network","ipc","uts","mount","cgroup"]' ]
	fi
}

@test "spec --bundle writes into the bundle" {
	mkdir b
	quietly spec --bundle b
	[ -s b/config.json ]
	[ ! -e config.json ]
	refused "open nowhere: no such file or directory" spec -b nowhere
}

@test "spec refuses to overwrite a file" {
	echo mine >config.json
	refused "File config.json exists. Remove it first" spec
	[ "$(<config.json)" = mine ]
	rm config.json
	ln -s nowhere config.json
	refused "File config.json exists. Remove it first" spec
}

@test "spec obeys the umask" {
	umask 027
	quietly spec
	[ "$(stat -c %a config.json)" = 640 ]
}

@test "spec --rootless has a user namespace and no resources" {
	quietly spec --rootless
	[ "$(jq -c '[.linux.namespaces[].type] - ["cgroup"]' config.json)" = '["pid","ipc","uts","mount","user"]' ]
	[ "$(jq -c .linux.uidMappings config.json)" = "[{\"containerID\":0,\"hostID\":$(id -u),\"size\":1}]" ]
	[ "$(jq -c .linux.gidMappings config.json)" = "[{\"containerID\":0,\"hostID\":$(id -g),\"size\":1}]" ]
	[ "$(jq .linux.resources config.json)" = null ]
	[ "$(jq -c '[.mounts[].options[]?|select(startswith("gid="))]' config.json)" = '[]' ]
	[ "$(jq -r '.mounts[]|select(.destination == "/sys").options[0]' config.json)" = rbind ]
}

@test "spec takes no arguments" {
	hull spec x
	[ "$status" -eq 1 ]
	[[ $output = *'hull: \"spec\" requires exactly 0 argument(s)'* ]]
}

@test "spec makes a bundle that runs" {
	setup_bundle echo hello
	hull run test_spec
	teardown_bundle
	[ "$status" -eq 0 ]
	[ "$output" = hello ]
}
