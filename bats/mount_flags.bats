#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2

# The flags of bind mounts: those asked for, those of the source, and those that the host has locked.

load helpers

setup() {
	setup_bundle
	SRC=$BATS_TEST_TMPDIR/src
	mkdir "$SRC"
	mount -t tmpfs -o strictatime none "$SRC"
}

teardown() {
	umount -R "$SRC"
	teardown_bundle
}

# flags HOST OPTION...: the source has these flags (for mount -o remount,bind), the mount these options; the flags of
# the mount in the container, without those of the file system, are in $output.
flags() {
	local host=$1 options
	shift
	mount -o remount,bind,rw,suid,dev,exec,symfollow,diratime,strictatime "$SRC"
	mount -o "remount,bind,$host" "$SRC"
	options=$(jq -nc '$ARGS.positional' --args -- bind "$@")
	update_config '.mounts |= map(select(.destination != "/mnt")) + [{destination: "/mnt", source: $s, options: $o}]' \
		--arg s "$SRC" --argjson o "$options"
	set_args awk '$5 == "/mnt" { print $6 }' /proc/self/mountinfo
	hull run test_box
}

# are FLAGS HOST OPTION...
are() {
	local want=$1
	shift
	flags "$@"
	echo "wanted $want"
	[ "$status" -eq 0 ]
	[ "$output" = "$want" ]
}

# locked NAMES HOST OPTION...: it fails, for these cannot be cleared.
locked() {
	local names=$1
	shift
	flags "$@"
	[ "$status" -eq 1 ]
	[[ $output == *"error mounting"*"locked"*"$names"*"operation not permitted"*"(/mounts/7)"* ]]
}

@test "a bind without flags keeps those of its source" {
	are ro,nodev,noexec,noatime ro,nodev,noexec,noatime rprivate
	are rw,nosymfollow nosymfollow
	user_namespace
	are ro,nodev,noexec,noatime ro,nodev,noexec,noatime
}

@test "a bind with a flag has just those that it names" {
	are rw,nosuid ro,nodev,noexec nosuid
	are rw ro,nodev,noexec,nosuid dev
	are ro ro,nodev ro
	are rw,nodev ro,nodev rw nodev
	are rw,noexec,nosymfollow nodev noexec nosymfollow
}

@test "a later option takes back an earlier one" {
	are rw ro ro rw
	are ro rw rw ro
	are rw,nosuid nodev nosuid nodev dev noexec exec nosymfollow symfollow
}

@test "access times stay unless a flag of theirs is asked for" {
	are ro,noatime noatime ro
	are rw,noatime noatime atime
	are rw,noatime noatime norelatime
	are rw,relatime noatime relatime
	are rw noatime strictatime
	are rw,nodiratime,relatime noatime nodiratime
	are rw,nodiratime noatime nodiratime strictatime
	are rw,nodiratime,relatime nodiratime diratime
	are rw nodiratime strictatime
	are rw,relatime rw noatime relatime
}

@test "a user namespace keeps flags that are locked and not named" {
	user_namespace
	are ro,nosuid,nodev ro nosuid nodev
	are ro,nosuid,nodev,noexec,noatime nosuid,nodev,noexec,noatime ro
	are ro,nosuid,nodev nodev,nosuid ro exec
	are rw,nodev nodev,nosymfollow rw
	are ro,noexec,nodiratime ro,noexec,nodiratime,strictatime symfollow
}

@test "a user namespace keeps flags that are locked though others are asked for, but for ro" {
	user_namespace
	locked ro ro rw nosuid
	are rw,nosuid,nodev,noatime nosuid,nodev,noatime dev suid exec
	are rw,noexec noexec exec
	are rw,nodev,noexec noexec exec nodev
	for pair in "nodiratime strictatime" "relatime strictatime" "noatime strictatime" "relatime noatime" \
		"strictatime relatime" "strictatime noatime" "strictatime nodiratime" "noatime relatime" "relatime nodiratime"; do
		kept=,${pair% *}
		kept=${kept/,nodiratime/,nodiratime,relatime}
		are "rw${kept/,strictatime/}" "${pair% *}" "${pair#* }"
	done
	flags noexec exec
	must --debug run test_box
	[[ $output == *"the host's flags of the source are locked, noexec stay(s)"* ]]
	update_config '.mounts[7].options = ["rbind", "rrw"]'
	mount -o remount,bind,ro "$SRC"
	refused "a flag that is locked by the host cannot be changed" create test_box
}

@test "recursive options reach what is mounted below" {
	mkdir "$SRC/sub" && mount -t tmpfs none "$SRC/sub"
	recursive() {
		local want=$1
		shift
		update_config '.mounts |= map(select(.destination != "/mnt")) + [{destination: "/mnt", source: $s,
			options: (["rbind"] + $o)}]' --arg s "$SRC" --argjson o "$(jq -nc '$ARGS.positional' --args -- "$@")"
		set_args awk '$5 ~ "^/mnt" { print $6 }' /proc/self/mountinfo
		must run test_box
		[ "${lines[*]}" = "$want" ] || { echo "wanted $want" && return 1; }
	}
	mount -o remount,bind,nosuid,nodev,noexec,nodiratime,nosymfollow,ro "$SRC"
	mount -o remount,bind,nosuid,nodev,noexec,nodiratime,nosymfollow,ro,noatime "$SRC/sub"
	recursive "ro,nosuid,nodev,noexec,nosymfollow ro,nosuid,nodev,noexec,nosymfollow" rstrictatime rdiratime
	recursive "rw,relatime rw,relatime" rrw rsuid rdev rexec ratime rdiratime rsymfollow
	recursive "rw,noatime rw,noatime" rrw rsuid rdev rexec rnoatime rdiratime rsymfollow
	recursive "rw,relatime rw,relatime" rrw rsuid rdev rexec rrelatime rdiratime rsymfollow
	recursive "rw,relatime rw,relatime" rrw rsuid rdev rexec rnorelatime rdiratime rsymfollow
	recursive "rw,relatime rw,relatime" rrw rsuid rdev rexec rnostrictatime rdiratime rsymfollow
	mount -o remount,bind,rw,suid,dev,exec,diratime,symfollow,strictatime "$SRC"
	mount -o remount,bind,rw,suid,dev,exec,diratime,symfollow,strictatime "$SRC/sub"
	recursive "rw rw" rrw
	recursive "ro,nosuid,nodev,noexec,nosymfollow ro,nosuid,nodev,noexec,nosymfollow" rro rnosuid rnodev rnoexec rnosymfollow
	recursive "rw,nodiratime rw,nodiratime" rnodiratime
	recursive "ro ro" ro rro
	recursive "ro rw" ro
}

@test "propagation options are applied in their order" {
	propagation() {
		local want=$1
		shift
		update_config '.mounts |= map(select(.destination != "/mnt")) + [{destination: "/mnt", source: $s,
			options: (["rbind"] + $o)}]' --arg s "$SRC" --argjson o "$(jq -nc '$ARGS.positional' --args -- "$@")"
		set_args awk '$5 == "/mnt" { s = "private"; for (i = 7; $i != "-"; i++) { sub(":.*", "", $i); s = s " " $i }; print s }' \
			/proc/self/mountinfo
		must run test_box
		[ "$output" = "$want" ] || { echo "wanted $want" && return 1; }
	}
	for r in "" r; do
		propagation "private" "${r}private"
		propagation "private shared" "${r}private" "${r}shared"
		propagation "private" "${r}shared" "${r}private"
		propagation "private unbindable" "${r}private" "${r}unbindable"
		propagation "private unbindable" "${r}shared" "${r}unbindable"
	done
	propagation "private shared" rprivate shared
	propagation "private" private shared slave private
	mount --make-shared "$SRC"
	propagation "private master" rslave
	propagation "private shared master" slave shared
	mount --make-private "$SRC"
}

@test "remount changes what it names" {
	update_config '.mounts += [{destination: "/mnt", source: $s, options: ["bind", "nosuid", "nodev"]},
		{destination: "/mnt", options: ["bind", "remount", "ro", "dev"]},
		{destination: "/new", type: "tmpfs", source: "tmpfs", options: ["size=1m", "nosuid"]},
		{destination: "/new", type: "tmpfs", source: "tmpfs", options: ["remount", "ro", "size=2m"]}]' --arg s "$SRC"
	set_args sh -c 'awk "\$5 == \"/mnt\" || \$5 == \"/new\" { print \$6 }" /proc/self/mountinfo; df -k /new | tail -1'
	must run test_box
	[ "${lines[0]}" = ro,nosuid ]
	[[ ${lines[1]} == ro* && ${lines[2]} == *" 2048 "* ]]
}
