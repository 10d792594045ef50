#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# lanes: host
#
# Each config.json of bats/bad gets the sentence beside it. state/spec_test.c reads them, too.

load helpers

setup() { setup_bundle; }
teardown() { teardown_bundle; }

@test "create refuses each config.json of bats/bad with its sentence" {
	local n=0 file line
	for file in "$BATS_TEST_DIRNAME"/bad/*.json; do
		cp "$file" config.json
		run -1 "$HULL" --root "$ROOT" --log log --log-format json create test_bad 3>&-
		line=$(<"${file%.json}.err")
		# POINTER: SENTENCE
		[[ $line != /* ]] || line="${line#*: } (${line%%: *})"
		echo "hull create failed: config.json: $line" >>wanted
		n=$((n + 1))
	done
	[ "$n" -ge 170 ]
	jq -r .msg log | diff wanted -
	[ ! -e "$ROOT" ] || [ -z "$(ls "$ROOT")" ]
	nothing_left test_bad
}
