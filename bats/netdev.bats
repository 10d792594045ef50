#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# linux.netDevices. Every kernel that containers run on has veth pairs; hullt0 is moved, its peer stays.

load helpers

setup() {
	setup_bundle
	ip link add hullt0 type veth peer name hullt1 2>/dev/null || skip "no veth devices"
}

teardown() {
	teardown_bundle
	ip link del hullt0 2>/dev/null || true
	ip link del hullt2 2>/dev/null || true
	# A device whose network namespace is gone goes when the kernel comes to it.
	wait_for 5 not ip link show hullt1 2>/dev/null
}

devices() { update_config ".linux.netDevices = $1"; }

inside() {
	set_args sh -c "$1"
	hull run test_box
}

# bats test_tags=vm
@test "run moves a network device and brings it up" {
	devices '{hullt0: {}}'
	ip link set hullt1 up
	inside 'ip -o link show hullt0'
	[ "$status" -eq 0 ]
	[[ $output = *[\<,]UP[,\>]* && $output = *LOWER_UP* ]]
}

@test "run renames a network device, to a name or by a template" {
	devices '{hullt0: {name: "eth0"}}'
	inside 'ls /sys/class/net'
	[ "${lines[*]}" = "eth0 lo" ]
}

@test "run takes the first free name of a template" {
	ip link add hullt2 type veth peer name hullt3
	devices '{hullt0: {name: "net%dx"}, hullt2: {name: "net%dx"}}'
	inside 'ls /sys/class/net'
	[ "${lines[*]}" = "lo net0x net1x" ]
}

# bats test_tags=vm-board
@test "run keeps MAC address, MTU and the permanent global addresses, and no others" {
	devices '{hullt0: {name: "eth7"}}'
	ip link set hullt0 address 00:11:22:33:44:55 mtu 1789
	ip addr add 192.0.2.7/24 brd 192.0.2.255 dev hullt0
	ip addr add 192.0.2.8/32 peer 198.51.100.1 dev hullt0 label hullt0:x
	ip addr add 127.0.0.33/32 scope host dev hullt0
	ip addr add 192.0.2.9/24 valid_lft 1000 preferred_lft 1000 dev hullt0
	inside 'ip -4 addr show eth7; cat /sys/class/net/eth7/address /sys/class/net/eth7/mtu'
	[[ $output = *"inet 192.0.2.7/24 brd 192.0.2.255 scope global eth7"* ]]
	[[ $output = *"inet 192.0.2.8 peer 198.51.100.1/32 scope global eth7"* ]]
	[[ $output != *127.0.0.33* && $output != *192.0.2.9* ]]
	[ "${lines[-2]} ${lines[-1]}" = "00:11:22:33:44:55 1789" ]
}

# bats test_tags=vm
@test "run keeps the addresses of IPv6" {
	[ -e /proc/net/if_inet6 ] || skip "no IPv6"
	devices '{hullt0: {}}'
	ip link set hullt0 up
	ip link set hullt1 up
	ip addr add 2001:db8::7/64 nodad dev hullt0
	inside 'ip -6 addr show hullt0'
	[[ $output = *"inet6 2001:db8::7/64 scope global"* ]]
}

@test "run moves a device into a network namespace of another container" {
	quietly create test_other
	pid=$(state_of test_other .pid)
	devices '{hullt0: {}}'
	update_config '(.linux.namespaces[] | select(.type == "network")).path = "/proc/\($pid)/ns/net"' --arg pid "$pid"
	inside 'ls /sys/class/net'
	[ "${lines[*]}" = "hullt0 lo" ]
	# Whose namespace it is, he keeps it.
	must exec test_other ls /sys/class/net
	[ "${lines[*]}" = "hullt0 lo" ]
}

@test "sysctls and hooks find the device" {
	devices '{hullt0: {name: "eth0"}}'
	update_config '.linux.sysctl = {"net.ipv4.conf.eth0.forwarding": "1"}
		| .hooks.createContainer = [{path: "/bin/sh", args: ["sh", "-c", "ip link show eth0 >\($f)"]}]' --arg f "$BUNDLE/seen"
	inside 'cat /proc/sys/net/ipv4/conf/eth0/forwarding'
	[ "$output" = 1 ]
	grep -q 'eth0.*UP' seen
}

@test "exec sees the device in its container" {
	devices '{hullt0: {}}'
	quietly create test_box
	must exec test_box ls /sys/class/net
	[ "${lines[*]}" = "hullt0 lo" ]
}

@test "create names the device that the host has not" {
	devices '{hullt9: {}}'
	refused 'the host has no network device \"hullt9\" (/linux/netDevices/hullt9)' create test_box
	nothing_left test_box
}

@test "create names the device that the container has already, and gives back what was moved" {
	ip link add hullt2 type veth peer name hullt3
	ip addr add 192.0.2.7/24 dev hullt0
	ip link set hullt0 up
	devices '{hullt0: {name: "eth0"}, hullt2: {name: "lo"}}'
	refused 'the container has a network device \"lo\" already (/linux/netDevices/hullt2)' create test_box
	nothing_left test_box
	ip -o addr show hullt0 | grep -qF 'inet 192.0.2.7/24'
	ip -o link show hullt0 | grep -q '[<,]UP[,>]'
	ip link show hullt2
}

@test "create that fails later gives the device back" {
	ip addr add 192.0.2.7/24 dev hullt0
	devices '{hullt0: {name: "eth0"}}'
	set_args /not/there
	refused "no such file or directory" create test_box
	nothing_left test_box
	ip -o addr show hullt0 | grep -qF 'inet 192.0.2.7/24'
	[ -z "$(ip -o link show dev hullt0 up)" ]
	# With its hooks, too, which come after it.
	set_args true
	update_config '.hooks.createRuntime = [{path: "/bin/false"}]'
	hull run test_box
	[ "$status" -eq 1 ]
	ip -o addr show hullt0 | grep -qF 'inet 192.0.2.7/24'
}

@test "create refuses a device that the kernel does not move" {
	devices '{lo: {name: "lo5"}}'
	hull create test_box
	[ "$status" -eq 1 ]
	[[ $output = *'move the network device \"lo\" to the container: '*"invalid argument (/linux/netDevices/lo)"* ]]
	nothing_left test_box
}

@test "create refuses devices without a network namespace of the container's own" {
	devices '{hullt0: {}}'
	update_config '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
	refused "unable to move network devices without a private NET namespace (/linux/netDevices)" create test_box
	nothing_left test_box
	ip link show hullt0
}

# bats test_tags=vm
@test "run in a user namespace moves a device" {
	devices '{hullt0: {name: "eth0"}}'
	ip addr add 192.0.2.7/24 dev hullt0
	update_config '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]'
	chown -R 100000:100000 rootfs
	open_way "$BUNDLE"
	inside 'ip addr show eth0'
	[[ $output = *"inet 192.0.2.7/24"* ]]
}
