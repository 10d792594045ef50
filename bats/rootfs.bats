#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1 -v2
#
# hull run --rootfs: a container without a bundle, by root and by an ordinary user.

# shellcheck disable=SC2153,SC2154,SC2034 # helpers.bash sets and reads them

load helpers

USER_ID=64078

setup() {
	TREE=$BATS_TEST_TMPDIR/tree
	mkdir -p "$BUNDLE"
	cp -a "$(rootfs_template)" "$TREE"
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
	teardown_bundle
	rm -rf --one-file-system "$TREE" "$BATS_TEST_TMPDIR/user"
}

# box ARG...: a container of that tree must run.
box() { must run --rootfs tree "$@"; }

# What differs from the host, or by an option, seen from inside.
LOOK='id; pwd; hostname; env | sort; awk "{ print \$2, \$3, \$4 }" /proc/mounts; cat /proc/self/status | grep -e Cap -e NoNew
	ls /sys/class/net; ulimit -n; readlink /proc/self/fd/0; wc -l </proc/self/uid_map; touch /x 2>&1; echo "$@"'

@test "run --rootfs runs a command in a directory, and leaves nothing" {
	box test_box -- sh -c 'echo "$0 $1"; ls /bin/sh; hostname; pwd' one -d
	[ "$output" = "$(printf 'one -d\n/bin/sh\nhull\n/')" ]
	nothing_left test_box
	box test_box sh -c 'exit 0' -b --help
	[ -z "$output" ]
	hull run --rootfs "$TREE" test_box sh -c 'exit 7'
	[ "$status" -eq 7 ]
	[ -w tree/bin ]
	box test_box touch /made
	[ -e tree/made ]
}

@test "run --rootfs without a command is a shell" {
	output=$(echo 'echo "I am $0, $$"' | "$HULL" --root "$ROOT" run --rootfs tree test_box 3>&-)
	[ "$output" = "I am sh, 1" ]
}

@test "run --rootfs -t has a terminal, and says so where there is none" {
	script -qefc "'$HULL' --root '$ROOT' run --rootfs tree -t test_box -- tty" /dev/null >tty.out 2>&1 </dev/null 3>&-
	# script(1) itself may write the end of its own input.
	[[ $(<tty.out) = */dev/pts/0* ]]
	hull run --rootfs tree -t test_box </dev/null
	[ "$status" -eq 1 ]
	[[ $output = *"--tty: stdin is not a terminal"* ]]
	nothing_left test_box
	# Given away, it needs none here.
	receive_tty
	quietly run --rootfs tree -t -d --console-socket tty.sock test_box -- tty </dev/null
	wait "$receiver"
	[[ $(<tty.out) = *$'\n/dev/pts/0' ]]
	[ "$(jq .process.terminal "$ROOT/test_box/config.json")" = true ]
}

@test "run --rootfs has the environment, user, directory and name of the options" {
	printf '# comment\nF=file\nA=file\n' >vars
	HERE=caller UNUSED=1 must run --rootfs tree -e A=b -e HERE -e NOWHERE --env-file vars -w /tmp -u 5:6 --hostname other \
		test_box -- sh -c 'env | sort | grep -v -e PATH -e SHLVL -e HOME; id; pwd; hostname'
	[ "$output" = "$(printf 'A=b\nF=file\nHERE=caller\nPWD=/tmp\nTERM=xterm\nuid=5 gid=6\n/tmp\nother')" ]
}

@test "run --rootfs --ro has a root that is read-only" {
	hull run --rootfs tree --ro test_box touch /x
	[ "$status" -eq 1 ]
	[ "$output" = "touch: /x: Read-only file system" ]
}

@test "run --rootfs -v binds files and directories" {
	mkdir -p data/below && echo word >data/file && echo one >one && ln -s data link
	box -v data:/mnt -v "$PWD/one:/etc/one:ro" -v ./link:/linked:ro,noexec test_box -- \
		sh -c 'cat /mnt/file /etc/one /linked/file; echo new >/mnt/new; echo x >/etc/one || echo x >/linked/x || grep -c "linked.*ro,noexec" /proc/mounts'
	[ "${lines[*]:0:3}" = "word one word" ]
	[[ $output = *"create /etc/one: Read-only"*"create /linked/x: Read-only"*1 ]]
	[ "$(<data/new)" = new ]
}

@test "run --rootfs -v with ro covers what is mounted below" {
	mkdir -p data/below
	cat >inner <<-END
		mount -t tmpfs none data/below
		exec "$HULL" --root "$ROOT" run --rootfs tree -v data:/mnt:ro test_box touch /mnt/below/x
	END
	run -1 unshare -m sh inner 3>&-
	[ "$output" = "touch: /mnt/below/x: Read-only file system" ]
}

@test "run --rootfs -v does not make a source that is missing" {
	refused "--volume nowhere: no such file or directory" run --rootfs tree -v nowhere:/mnt test_box
	[ ! -e nowhere ]
	nothing_left test_box
}

@test "run --rootfs --memory and --cpus are limits of the cgroup" {
	must spec --rootfs tree -m 64m --cpus 0.5
	[ "$(jq -c .linux.resources.memory <<<"$output")" = '{"limit":67108864}' ]
	[ "$(jq -c .linux.resources.cpu <<<"$output")" = '{"period":100000,"quota":50000}' ]
	if is_v1; then
		files=(memory.limit_in_bytes cpu.cfs_quota_us) limits="67108864 50000"
	else
		grep -qw memory /sys/fs/cgroup/cgroup.controllers || skip "the v2 view has no memory controller where v1 has it"
		files=(memory.max cpu.max) limits="67108864 50000 100000"
	fi
	quietly run --rootfs tree -m 64m --cpus 0.5 -d test_box sleep 1000 </dev/null
	for file in "${files[@]}"; do
		for dir in $(cgroups_of test_box); do
			[ ! -e "$dir/$file" ] || cat "$dir/$file"
		done
	done >found
	[ "$(uniq found | xargs)" = "$limits" ]
}

@test "run --rootfs --net none has loopback alone, host has the host's" {
	box test_box sh -c 'ls /sys/class/net; ip addr show lo | grep -c "127.0.0.1/8"; ls /etc/resolv.conf; readlink /proc/self/ns/net'
	[ "${lines[*]:0:2}" = "lo 1" ]
	[[ ${lines[2]} = *"No such file"* ]]
	[ "${lines[3]}" != "$(readlink /proc/self/ns/net)" ]
	box --net host test_box sh -c 'readlink /proc/self/ns/net; cat /etc/resolv.conf /etc/hosts'
	[ "$output" = "$(readlink /proc/self/ns/net; cat /etc/resolv.conf /etc/hosts)" ]
}

@test "run --rootfs --net host follows a name server link no further than the root" {
	ln -s ../run/systemd/resolve/stub-resolv.conf tree/etc/resolv.conf
	box --net host test_box cat /etc/resolv.conf
	[ "$output" = "$(cat /etc/resolv.conf)" ]
	[ ! -s tree/run/systemd/resolve/stub-resolv.conf ]
}

@test "spec --rootfs prints what runs" {
	mkdir data
	flags=(--rootfs tree -e A=b -e "Q=it's \"quoted\" [x], {y}: z" -v data:/mnt:ro -w /tmp -u 7:8 --hostname other --ro)
	for more in "" "--net host" "--rootless -u 0"; do
		# shellcheck disable=SC2086
		must spec "${flags[@]}" $more -- sh -c "$LOOK" look 'a "b"' -c
		echo "$output" >"$BUNDLE/config.json"
		cmp <(command jq --tab . "$BUNDLE/config.json") "$BUNDLE/config.json"
		must run --bundle "$BUNDLE" test_box </dev/null
		bundle=$output
		# shellcheck disable=SC2086
		must run "${flags[@]}" $more test_box -- sh -c "$LOOK" look 'a "b"' -c </dev/null
		[ -n "$output" ]
		[ "$output" = "$bundle" ]
		[[ $output = *"Q=it's \"quoted\" [x], {y}: z"*'a "b" -c' ]]
	done
	[ ! -e config.json ]
}

@test "the commands work on a container without a bundle" {
	quietly run --rootfs tree -d --pid-file pid -e A=b test_box sleep 1000 </dev/null
	is_status test_box running
	[ "$(state_of test_box .pid)" = "$(<pid)" ]
	# Its directory is its bundle, and has its configuration.
	[ "$(state_of test_box .bundle)" = "$ROOT/test_box" ]
	[ "$(jq -c .process.args "$(state_of test_box .bundle)/config.json")" = '["sleep","1000"]' ]
	[ "$(jq -r .root.path "$ROOT/test_box/config.json")" = "$TREE" ]
	cd / && must exec test_box sh -c 'echo $A; hostname'
	[ "$output" = "$(printf 'b\nhull')" ]
	must ps --format json test_box
	[ "$(jq -c . <<<"$output")" = "[$(<"$BATS_TEST_TMPDIR/pid")]" ]
	must events --stats test_box
	must list
	[[ $output = *"test_box"*"running"*"$ROOT/test_box"* ]]
	echo '{"pids": {"limit": 20}}' >"$BATS_TEST_TMPDIR/limits"
	is_v1 && quietly update -r "$BATS_TEST_TMPDIR/limits" test_box
	quietly pause test_box
	is_status test_box paused
	quietly resume test_box
	CGROUPS=$(cgroups_of test_box)
	quietly kill test_box KILL
	wait_status test_box stopped
	quietly delete test_box
	nothing_left test_box
}

@test "run --rootfs --keep leaves a container to look at" {
	box --keep test_box true
	is_status test_box stopped
	quietly delete test_box
}

@test "an ordinary user runs a command in a directory of his" {
	dir=$BATS_TEST_TMPDIR/user
	mkdir -p "$dir/data" && mv tree "$dir/tree" && cp "$HULL" "$dir/bin" && echo word >"$dir/data/file"
	mkdir -m 700 "$dir/closed"
	chown "$USER_ID:$USER_ID" "$dir" "$dir/data" && chown -R "$USER_ID:$USER_ID" "$dir/tree"
	open_way
	chmod 755 "$dir" "$dir/bin"
	user() {
		(cd "$dir" && setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups env -i PATH="$PATH" \
			ASAN_OPTIONS="${ASAN_OPTIONS:-}" XDG_RUNTIME_DIR="$dir" ./bin "$@") 3>&-
	}
	run -0 user run --rootfs tree -v data:/mnt test_box -- \
		sh -c 'id -u; cat /mnt/file; ls /sys/class/net; echo more >/mnt/more; awk "{ print \$1, \$2, \$3 }" /proc/self/uid_map'
	[ "$output" = "$(printf '0\nword\nlo\n0 %d 1' "$USER_ID")" ]
	[ "$(stat -c %u "$dir/data/more")" = "$USER_ID" ]
	run -0 user run --rootfs tree --net host test_box -- sh -c 'readlink /proc/self/ns/net; cat /etc/resolv.conf; ls /sys/class/net'
	[ "$output" = "$(readlink /proc/self/ns/net; cat /etc/resolv.conf; ls /sys/class/net)" ]
	run -0 user spec --rootfs tree
	[ "$(jq -c '[.linux.namespaces[].type] - ["cgroup"]' <<<"$output")" = '["pid","network","ipc","uts","mount","user"]' ]
	# What he may not do is said.
	run -1 user run --rootfs closed test_box
	[[ $output = *"--rootfs closed: permission denied"* ]]
	run -1 user run --rootfs tree -v /root/x:/mnt test_box
	[[ $output = *"--volume /root/x: permission denied"* ]]
	run -1 user run --rootfs tree -u 5 test_box
	[[ $output = *"--user 5:0: a container without root's rights has no user but 0:0"* ]]
	run -1 user run --rootfs tree -m 64m test_box
	[[ $output = *"permission denied"* || $output = *"memory"* ]]
	# In steps.
	user run --rootfs tree -d test_box sleep 1000 </dev/null >/dev/null 2>&1
	[ "$(user exec test_box hostname)" = hull ]
	user delete --force test_box
	[ -z "$(user list -q)" ]
}

@test "run --rootfs --rootless is in a user namespace for root, too" {
	box --rootless test_box sh -c 'readlink /proc/self/ns/user; cat /proc/self/setgroups'
	[ "${lines[0]}" != "$(readlink /proc/self/ns/user)" ]
}

@test "run --rootfs refuses what cannot be, in one sentence" {
	touch file
	refused "--rootfs nowhere: no such file or directory" run --rootfs nowhere test_box
	refused "--rootfs file: not a directory" run --rootfs file test_box
	refused "--rootfs needs the name of a directory" run --rootfs '' test_box
	refused "must not be the root of the host" run --rootfs / test_box
	refused "--rootfs and --bundle exclude each other" run --rootfs tree --bundle bundle test_box
	refused "the container's id is missing before the" run --rootfs tree -- ls
	refused "not UTF-8" run --rootfs tree -e $'A=\xff' test_box
	refused "(/hostname)" run --rootfs tree --hostname "$(printf 'a%.0s' {1..65})" test_box
	refused "--user 5:0: a container without root's rights" run --rootfs tree --rootless -u 5 test_box
	refused '\"nothing\": executable file not found' run --rootfs tree test_box nothing
	refused "--rootfs and --bundle exclude each other" spec --rootfs tree --bundle bundle
	refused "--rootfs nowhere: no such file or directory" spec --rootfs nowhere
	nothing_left test_box
	hull run --rootfs tree
	[ "$status" -eq 1 ]
	[[ $output = *'requires exactly 1 argument(s)'* ]]
}

@test "the options of --rootfs are refused without it" {
	for option in --tty --ro "--env A=b" "--env-file f" "--volume a:/b" "--memory 64m" "--cpus 1" "--net host" \
		"--workdir /tmp" "--user 5" "--hostname x"; do
		for command in "run test_box" spec; do
			# shellcheck disable=SC2086
			refused "${option%% *} goes with --rootfs only" $command $option
		done
	done
	refused "--rootless goes with --rootfs only" run --rootless test_box
	hull run test_box ls
	[ "$status" -eq 1 ]
	[[ $output = *'requires exactly 1 argument(s)'* ]]
}
