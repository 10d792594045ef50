#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a runtime is worth through an engine: run of /bin/true by podman and containerd with hull, crun and runc in turn,
# and the CPU time of everything while a probe enters a container every 100 ms. Run by "make bench-clients" as root, in a
# room (bats/clients/room.sh), whose cpuacct cgroup counts engine, shim, client, runtime and program. Prints tables.
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
		sort -n "$TOP/times.${rt##*/}" | awk '{ v[NR] = $1 } END { printf " %.1f |", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2000 }'
	done
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
