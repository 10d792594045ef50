#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a runtime is worth through an engine: run of /bin/true by podman and containerd with hull, crun and runc in turn,
# and the CPU time of everything while a probe enters a container every 100 ms. Run by "make bench-clients" as root, in a
# room (bats/clients/room.sh), whose cpuacct cgroup counts engine, shim, client, runtime and program. Then hull under Go's
# shim and under its own: ctr run, what an exec costs shim and hull, and the memory of each. Prints tables, and what misses
# its target.
#
#   HULL      the binary       BENCH_N         runs of each (20)       BENCH_SECONDS   of probes for each runtime (60)
set -euo pipefail
: "${HULL:?}" "${BENCH_N:=20}" "${BENCH_SECONDS:=60}"
[ -d /run/room ] || { echo "bench-clients: only in a room (make bench-clients)" >&2 && exit 2; }
PATH=/usr/sbin:/usr/bin:/sbin:/bin
TOP=/run/room/bench
IMAGE=localhost/busybox:bench
export CONTAINERD_ADDRESS=$TOP/containerd.sock HOME=/root
RUNTIMES=("$HULL" "$(command -v crun)" "$(command -v runc)")

prepare() {
	mkdir -p "$TOP/bin"
	PATH=$TOP/bin:$PATH
	mkdir -p "$TOP/rootfs"/{bin,dev,etc,proc,sys,tmp} /etc/containers/containers.conf.d
	cp "$(command -v busybox)" "$TOP/rootfs/bin/busybox"
	ln -s busybox "$TOP/rootfs/bin/true"
	ln -s busybox "$TOP/rootfs/bin/sleep"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[containers]\nlog_driver = "k8s-file"\n' \
		>/etc/containers/containers.conf.d/bench.conf
	tar -C "$TOP/rootfs" -c . | podman import --quiet - "$IMAGE" >/dev/null
	podman save --quiet --format oci-archive --output "$TOP/image.tar" "$IMAGE"
	printf 'version = 2\nroot = "%s/lib"\nstate = "%s/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s"\n' \
		"$TOP" "$TOP" "$CONTAINERD_ADDRESS" >"$TOP/config.toml"
	containerd --config "$TOP/config.toml" >"$TOP/log" 2>&1 &
	until ctr version >/dev/null 2>&1; do sleep 0.1; done
	ctr image import --base-name "${IMAGE%:*}" "$TOP/image.tar" >/dev/null
	IMAGE_REF=$(ctr image ls -q | head -n 1)
}

podman_run() { podman --runtime "$1" run --rm --network none "$IMAGE" /bin/true; }
ctr_run() { ctr run --rm --runc-binary "$1" "$IMAGE_REF" "bench-$2" /bin/true; }

# --- Both shims ----------------------------------------------------------------------------------------------------------

# The words for ctr that choose one: go, own.
shim_options() {
	if [ "$1" = own ]; then
		options=(--runtime io.containerd.hull.v2)
	else
		options=(--runc-binary "$HULL")
	fi
}

shim_run() {
	local options
	shim_options "$1"
	ctr run --rm "${options[@]}" "$IMAGE_REF" "bench-$2" /bin/true
}

# exec_cost ID: microseconds of CPU time of shim and hull for one exec, in a cgroup of their own
exec_cost() {
	local group=/sys/fs/cgroup/cpuacct/shim-$1 n begin
	mkdir -p "$group"
	pgrep -f "containerd-shim.* -id $1 " >"$group/cgroup.procs"
	ctr task exec --exec-id warm "$1" /bin/true </dev/null
	begin=$(<"$group/cpuacct.usage")
	for ((n = 0; n < 100; n++)); do ctr task exec --exec-id "x$n" "$1" /bin/true </dev/null; done
	echo $((($(<"$group/cpuacct.usage") - begin) / 100000))
}

# shims: a row for each; three pods of each, of which the first has had its execs.
shims() {
	local kind options n pid cost own go
	ln -sf "$HULL" "$TOP/bin/containerd-shim-hull-v2"
	mount -o remount,rw /sys/fs/cgroup
	local RUNTIMES=(own go)
	echo
	echo "| hull under | \`ctr run --rm\`, median ms | exec: CPU of shim and hull, us | private KB | resident KB | threads |"
	echo "|---|--:|--:|--:|--:|--:|"
	medians shim_run >/dev/null
	for kind in own go; do
		shim_options "$kind"
		for n in 1 2 3; do ctr run --detach "${options[@]}" "$IMAGE_REF" "$kind$n" /bin/sleep 100000; done
		cost=$(exec_cost "${kind}1")
		pid=$(pgrep -f "containerd-shim.* -id ${kind}1 ")
		printf '%s %s %s %s %s %s\n' "$kind" "$(median "$TOP/times.$kind")" "$cost" \
			"$(awk '/^Private/ { n += $2 } END { print n }' "/proc/$pid/smaps_rollup")" \
			"$(awk '/^Rss/ { print $2 }' "/proc/$pid/smaps_rollup")" "$(awk '/^Threads/ { print $2 }' "/proc/$pid/status")"
	done >"$TOP/shims"
	for kind in own go; do
		for n in 1 2 3; do ctr task rm --force "$kind$n" && ctr container rm "$kind$n"; done
	done >/dev/null 2>&1
	sed -E 's/^own/its own shim/; s/^go/containerd-shim-runc-v2/; s/ ([0-9.]+)/ | \1/g; s/^/| /; s/$/ |/' "$TOP/shims"
	own=$(grep ^own "$TOP/shims") go=$(grep ^go "$TOP/shims")
	awk -v own="$own" -v go="$go" 'BEGIN { split(own, o); split(go, g)
		if (o[2] > 0.7 * g[2]) print "missed: ctr run " o[2] / g[2] " of Go'"'"'s shim, not 0.7"
		if (o[3] > 0.35 * g[3]) print "missed: exec " o[3] / g[3] " of Go'"'"'s shim, not 0.35"
		if (o[4] > 512 || o[5] > 1536 || o[6] != 1) print "missed: memory or threads of the shim" }'
}

# medians FUNCTION: each runtime in turn, BENCH_N times; a cell of the table for each.
medians() {
	local n rt begin
	rm -f "$TOP"/times.*
	for ((n = 0; n <= BENCH_N; n++)); do
		for rt in "${RUNTIMES[@]}"; do
			begin=${EPOCHREALTIME/./}
			"$1" "$rt" "$n" </dev/null >/dev/null 2>"$TOP/error" || { cat "$TOP/error" >&2 && exit 1; }
			# The first is there to warm up.
			[ "$n" = 0 ] || echo "$((${EPOCHREALTIME/./} - begin))" >>"$TOP/times.${rt##*/}"
		done
	done
	for rt in "${RUNTIMES[@]}"; do
		printf ' %s |' "$(median "$TOP/times.${rt##*/}")"
	done
}

# median FILE: of microseconds, in milliseconds
median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.1f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2000 }'
}

# Nanoseconds of CPU time of all that has run in the room
cpu_time() { cat /sys/fs/cgroup/cpuacct/cpuacct.usage; }

# probe RUNTIME: CPU seconds of BENCH_SECONDS with an exec every 100 ms
probe() {
	local id=probe-${1##*/} n=0 begin next now
	ctr run --detach --runc-binary "$1" "$IMAGE_REF" "$id" /bin/sleep 100000
	begin=$(cpu_time) next=${EPOCHREALTIME/./}
	for ((n = 0; n < BENCH_SECONDS * 10; n++)); do
		ctr task exec --exec-id "e$n" "$id" /bin/true </dev/null
		next=$((next + 100000)) now=${EPOCHREALTIME/./}
		[ "$next" -le "$now" ] || sleep "$(((next - now) / 1000000)).$(printf %06d $(((next - now) % 1000000)))"
	done
	awk -v a="$begin" -v b="$(cpu_time)" 'BEGIN { printf " %.1f |", (b - a) / 1e9 }'
	ctr task rm --force "$id" >/dev/null 2>&1
	ctr container rm "$id"
}

prepare
echo "| through | hull | crun | runc |"
echo "|---|--:|--:|--:|"
echo "| \`podman run --rm\` of /bin/true, median ms |$(medians podman_run)"
echo "| \`ctr run --rm\` of /bin/true, median ms |$(medians ctr_run)"
row="| exec by \`ctr\` every 100 ms for $BENCH_SECONDS s, CPU seconds of everything |"
for rt in "${RUNTIMES[@]}"; do
	row+=$(probe "$rt")
done
echo "$row"
shims
