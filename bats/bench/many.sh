#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `hull create`, `exec` and `delete` cost while many containers are there, as root; the last thing in "make bench":
#
#   bats/bench/many.sh [CONTAINERS]           1000 without a number
#
# The containers are created and not started. Prints the mean of 20 calls in ms, with one and with all of them there, and
# fails when a create needs more than 1.2 times as long with all of them.
set -eu

many=${1:-1000} times=20
hull=$(realpath "${HULL:-$(dirname "$0")/../../build/hull}")
top=$(mktemp -d /tmp/hull-many.XXXXXX)
hull() { "$hull" --root "$top/state" "$@"; }
clean() {
	cd / && hull list -q 2>/dev/null | xargs -r -P 4 -n 1 "$hull" --root "$top/state" delete --force
	rm -rf --one-file-system "$top"
}
trap clean EXIT

mkdir -p "$top/bundle/rootfs"/{bin,dev,proc,sys}
cp "$(command -v busybox)" "$top/bundle/rootfs/bin/busybox"
ln -s busybox "$top/bundle/rootfs/bin/sleep"
ln -s busybox "$top/bundle/rootfs/bin/true"
cd "$top/bundle"
hull spec
jq '.process.terminal = false | .process.args = ["sleep", "100000"]' config.json >new
mv new config.json

# mean COMMAND: of its calls with 1, 2, ... as the argument.
mean() {
	local begin=$EPOCHREALTIME
	for ((i = 1; i <= times; i++)); do
		"$1" "$i"
	done
	awk -v a="$begin" -v b="$EPOCHREALTIME" -v n="$times" 'BEGIN { printf "%.2f", (b - a) * 1000 / n }'
}
create_one() { hull create "timed$1" </dev/null >/dev/null 2>&1; }
delete_one() { hull delete --force "timed$1"; }
exec_one() { hull exec first true; }

row() {
	create=$(mean create_one)
	printf '| %6d | %7s | %7s | %7s |\n' "$1" "$create" "$(mean exec_one)" "$(mean delete_one)"
}

hull run --detach first </dev/null >/dev/null 2>&1
printf '| others |  create |    exec |  delete | ms\n|-------:|--------:|--------:|--------:|\n'
row 1
alone=$create
# What a container inherits must not be xargs' pipe, nor what says why one failed.
seq "$many" | xargs -P 4 -I N sh -c '"$0" --root "$1" create other-N </dev/null >/dev/null 2>"$1/../why" || { cat "$1/../why"; exit 255; }' \
	"$hull" "$top/state"
row "$(hull list -q | wc -l)"
awk -v a="$alone" -v b="$create" 'BEGIN { exit b > 1.2 * a }'
