#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: -v1

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

# bats test_tags=vm,vm-initramfs
@test "state follows a container through its life" {
	refused "container does not exist" state test_box
	quietly create test_box
	is_status test_box created
	kill -0 "$(state_of test_box .pid)"
	quietly start test_box
	is_status test_box running
	quietly pause test_box
	is_status test_box paused
	quietly resume test_box
	is_status test_box running
	quietly kill test_box KILL
	wait_status test_box stopped
	[ "$(state_of test_box .pid)" = 0 ]
	quietly delete test_box
	refused "container does not exist" state test_box
}

@test "state has the fields of runc's in their order" {
	update_config '.annotations = {"b": "2", "a<>&\"": "é"}'
	quietly create test_box
	must state test_box
	[ "$(command jq -r 'keys_unsorted | join(" ")' <<<"$output")" = \
		"ociVersion id pid status bundle rootfs created annotations owner" ]
	[ "$(jq -r .id <<<"$output")" = test_box ]
	[ "$(jq -r .bundle <<<"$output")" = "$BUNDLE" ]
	[ "$(jq -r .rootfs <<<"$output")" = "$BUNDLE/rootfs" ]
	[ "$(jq -r '.annotations.b' <<<"$output")" = 2 ]
	[ "$(jq -r '.annotations["a<>&\""]' <<<"$output")" = é ]
	[[ $(jq -r .created <<<"$output") =~ ^20[0-9-]+T[0-9:]+\.[0-9]{1,9}Z$ ]]
	cmp <(command jq --indent 2 . <<<"$output") <(echo "$output")
	# No newline at its end.
	[ "$("$HULL" --root "$ROOT" state test_box | wc -l)" = 10 ] || [ "$("$HULL" --root "$ROOT" state test_box | wc -l)" = 13 ]
}

@test "state without annotations has none" {
	quietly create test_box
	[ "$(state_of test_box 'has("annotations")')" = false ]
}

@test "state can be asked often while init waits" {
	quietly create test_box
	for _ in {1..50}; do
		is_status test_box created
	done
	quietly start test_box
	is_status test_box running
}

@test "state of a container whose init has stopped taking connections" {
	quietly create test_box
	kill -STOP "$(state_of test_box .pid)"
	for _ in {1..20}; do
		[ "$(timeout 5 "$HULL" --root "$ROOT" state test_box | jq -r .status)" = created ]
	done
	kill -CONT "$(state_of test_box .pid)"
}

@test "state knows a process that has only the pid of init" {
	quietly create test_box
	quietly start test_box
	cp "$ROOT/test_box/record.json" saved
	sed -i 's/^"startTime":[0-9]*/"startTime":1/; s/^"inode":[1-9][0-9]*/"inode":1/' "$ROOT/test_box/record.json"
	is_status test_box stopped
	refused "container not running" kill test_box
	cp saved "$ROOT/test_box/record.json"
	is_status test_box running
}

# another_boot: the record of test_box becomes one of another boot.
another_boot() { sed -i 's/^"bootId":"[^"]*/"bootId":"x/' "$ROOT/test_box/record.json"; }

@test "state knows a record of another boot, which cannot be on a tmpfs" {
	mkdir -p "$ROOT"
	mount -t ramfs none "$ROOT"
	quietly create test_box
	quietly start test_box
	cp "$ROOT/test_box/record.json" saved
	another_boot
	is_status test_box stopped
	refused "container not running" kill test_box
	cp saved "$ROOT/test_box/record.json"
	is_status test_box running
	quietly delete --force test_box
	umount "$ROOT"
	mount -t tmpfs none "$ROOT"
	quietly create test_box
	quietly start test_box
	another_boot
	is_status test_box running
	strace -qq -e trace=openat -o trace "$HULL" --root "$ROOT" state test_box 3>&- >out
	not grep boot_id trace
	quietly delete --force test_box
	umount "$ROOT"
}

@test "state of a damaged record is one sentence" {
	quietly create test_box
	cp "$ROOT/test_box/record.json" saved
	head -c 100 saved >"$ROOT/test_box/record.json"
	refused "the container's record.json is damaged: line" state test_box
	: >"$ROOT/test_box/record.json"
	refused "the container's record.json is damaged: line 1, column 1" state test_box
	echo '{}' >"$ROOT/test_box/record.json"
	refused 'record.json is damaged: \"ociVersion\" is missing' state test_box
	cp saved "$ROOT/test_box/record.json"
	is_status test_box created
}

@test "state of another user's directory is refused" {
	mkdir -p "$ROOT/test_evil"
	chown 1:1 "$ROOT/test_evil"
	refused "the directory of container test_evil belongs to user 1, not to user 0" state test_evil
	rmdir "$ROOT/test_evil"
	ln -s /etc "$ROOT/test_evil"
	refused "open the directory of container test_evil: not a directory" state test_evil
	rm "$ROOT/test_evil"
}
