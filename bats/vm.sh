#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# vm.sh OUT LANE...: boots Debian under qemu and has bats/vm/guest.sh run these lanes there; called by run-tests.sh.
#
#   vm-initramfs   a boot of its own, whose root is the initramfs
#   vm-hybrid      one of its own, whose controllers are v1's
#   vm             under systemd;   vm-user, vm-systemd   likewise, another one
#   vm-selinux     like vm-initramfs, with SELinux in the place of AppArmor
#   vm-arm64, vm-armv7, vm-riscv64   other processors, with build/ARCH/hull; all that they have is their initramfs
#   vm-arm64-16k, vm-386   pages of 16 KiB, and a processor of 32 bits, by hand only
#   vm-old         likewise, with the oldest kernel that Debian still has: Linux 5.10
#   vm-small       80 MB, of which this kernel leaves 45; hull, busybox, and what a boot parameter can take away taken
#
# All else is cgroup v2 with all of the kernel's controllers, and AppArmor is on. qemu translates (TCG): that runs
# everywhere, at a tenth of the speed. The disk is only read; what a guest writes to it is dropped. OUT gets what the
# guests say: BOOT.results, BOOT.console. Exit status 77: this machine cannot do it, and the one line says why.
#
#   GUEST_TIMEOUT   seconds for a boot with its tests (4500; a third of it for a guest without a disk)
#   DAY             a number: what can run elsewhere as well does so every third day (vm/pick.awk)
#   TESTS, FILE_TIMEOUT, BATS_TEST_TIMEOUT   as in run-tests.sh
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
shift
: "${HULL:=$PWD/build/hull}" "${CC:=musl-gcc}" "${TESTS:=}" "${DAY:=}" "${GUEST_TIMEOUT:=4500}"
vm=build/deps/vm
work=build/vm

cannot() {
	echo "$*"
	exit 77
}

[ "$(uname -m)" = x86_64 ] || cannot "the virtual machine is an x86_64 one, and this machine is $(uname -m)"
command -v qemu-system-x86_64 >/dev/null || cannot "no qemu-system-x86_64 here (package qemu-system-x86)"

mkdir -p "$work/tree/programs" "$out"

# programs CC DIRECTORY: the tests' own
programs() {
	local c
	for c in bats/*.c; do
		"$1" -static -Os -idirafter build/deps/include-linux -o "$2/$(basename "$c" .c)" "$c"
	done
}

# settings LANE...: what the guest is to do, as shell.
settings() {
	printf '%s=%q\n' GUEST_LANES "$*" TESTS "$TESTS" FILE_TIMEOUT "${FILE_TIMEOUT:-600}" \
		BATS_TEST_TIMEOUT "${BATS_TEST_TIMEOUT:-180}" TORTURE_SECONDS "${TORTURE_SECONDS:-}" TORTURE_SEED "${TORTURE_SEED:-}"
}

# tests_of DIRECTORY TAG...: what tests with these tags need of bats/, in DIRECTORY/bats
tests_of() {
	local dir=$1 file
	shift
	mkdir -p "$dir"
	rm -rf "$dir/bats"
	cp -r bats "$dir/bats"
	[ -z "$TESTS" ] || return 0
	for file in "$dir"/bats/*.bats; do
		awk -v "tags=$*" -v "day=$DAY" -f bats/vm/pick.awk "$file" >"$dir/picked"
		mv "$dir/picked" "$file"
	done
}

# test_disk NAME LANE...: the tests travel on a disk that holds a tar archive and no file system.
test_disk() {
	local name=$1
	shift
	settings "$@" >"$work/tree/vm.env"
	mkdir -p "$work/tree/build"
	cp "$HULL" "$work/tree/build/hull"
	checkpolicy -M -U allow -c 33 -o "$work/tree/selinux.policy" bats/vm/selinux.conf
	tests_of "$work/tree" "$@"
	tar -cf "$work/$name.tar" cmd init nsexec state Makefile README.md -C "$work/tree" bats vm.env build programs selinux.policy
}

# guest_tests LANE HULL CC: the same for a guest without a disk, as a second archive behind that of its root.
guest_tests() {
	local lane=$1 dir=$work/$1
	rm -rf "$dir"
	mkdir -p "$dir/hull/build" "$dir/hull/programs" "$dir/etc"
	echo "nameserver 192.0.2.1" >"$dir/etc/resolv.conf"
	echo "127.0.0.1 localhost" >"$dir/etc/hosts"
	settings "$lane" >"$dir/hull/vm.env"
	cp "$2" "$dir/hull/build/hull"
	programs "$3" "$dir/hull/programs"
	tests_of "$dir/hull" "$lane" vm-board
	cp bats/vm/init "$dir/init"
	{
		cat "build/deps/$lane/root.cpio"
		(cd "$dir" && find hull init etc | busybox cpio -o -H newc 2>/dev/null)
	} >"$dir.initrd"
}

# The whole of a small machine
small() {
	local dir=$work/small
	rm -rf "$dir"
	mkdir -p "$dir"/dev "$dir"/proc "$dir"/sys "$dir"/run "$dir"/tmp "$dir"/bin "$dir"/box/rootfs/bin
	cp -r "$vm/modules" "$dir/modules"
	cp "$(command -v busybox)" "$dir/bin/busybox"
	cp "$HULL" "$dir/hull"
	ln "$dir/bin/busybox" "$dir/box/rootfs/bin/busybox"
	for name in sh cat echo true sleep; do
		ln -s busybox "$dir/box/rootfs/bin/$name"
	done
	cp bats/vm/small.sh "$dir/small.sh"
	cat >"$dir/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t devtmpfs dev /dev
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		mount -t tmpfs run /run
		while read -r module; do insmod "/modules/$module"; done </modules/order
		sh /small.sh
		poweroff -f
	END
	chmod 755 "$dir/init"
	(cd "$dir" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/small.initrd"
}

initramfs() {
	local dir=$work/initramfs
	rm -rf "$dir"
	mkdir -p "$dir"
	cp -r "$vm/modules" "$dir/modules"
	cp "$(command -v busybox)" "$dir/busybox"
	cp bats/vm/init "$dir/init"
	chmod 755 "$dir/init"
	(cd "$dir" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd"
}

# qemu NAME COMMAND_LINE PROGRAM ARGUMENT...: in the background; its process goes into boots.
declare -A boots=()
trap '[ ${#boots[@]} = 0 ] || kill -TERM "${boots[@]}" 2>/dev/null; exit 143' INT TERM
qemu() {
	local name=$1 line=$2
	shift 2
	timeout -k 5 "${limit:-$GUEST_TIMEOUT}" nice -n 5 "$@" -smp 2 -m "${memory:-2048}" -nodefaults -display none -no-reboot -monitor none \
		-append "panic=-1 mitigations=off init_on_alloc=0 randomize_kstack_offset=0 quiet $line" \
		-serial "file:$out/$name.console" -device virtio-serial \
		-chardev "file,id=results,path=$out/$name.results" -device virtserialport,chardev=results \
		</dev/null >"$out/$name.qemu" 2>&1 &
	boots[$name]=$!
}

# What newer processors have is slow to translate, and so is what Debian's kernel does for hardening.
pc=(qemu-system-x86_64 -M q35 -accel "tcg,thread=multi" -cpu "Nehalem,+pdpe1gb")

# boot NAME COMMAND_LINE LANE...: with the disks
boot() {
	local name=$1 line=$2
	shift 2
	test_disk "$name" "$@"
	rm -f "$out/$name".*
	qemu "$name" "console=ttyS0 systemd.mask=serial-getty@ttyS0.service systemd.mask=getty.target root=/dev/vda rw $line" \
		"${pc[@]}" -snapshot -kernel "$vm/vmlinuz" -initrd "$work/initrd" \
		-drive "file=$vm/root.ext4,format=raw,if=virtio,cache=unsafe" \
		-drive "file=$work/$name.tar,format=raw,if=virtio,readonly=on"
}

# boot_guest NAME: of another processor or kernel
boot_guest() {
	local name=$1 hull=$PWD/build/${1%-16k}/hull cc=$PWD/build/${1%-16k}/deps/musl/bin/musl-gcc console=ttyAMA0 machine=()
	case $name in
	arm64) machine=(qemu-system-aarch64 -M virt -cpu cortex-a57) ;;
	arm64-16k) machine=(qemu-system-aarch64 -M virt -cpu neoverse-n1) ;;
	armv7) machine=(qemu-system-arm -M "virt,highmem=off" -cpu cortex-a15) ;;
	riscv64) machine=(qemu-system-riscv64 -M virt) console=ttyS0 ;;
	386) machine=(qemu-system-i386 -M q35 -accel "tcg,thread=multi" -cpu pentium3) console=ttyS0 ;;
	old) machine=("${pc[@]}") hull=$HULL cc=$CC console=ttyS0 ;;
	esac
	bats/deps.sh guest "$name"
	guest_tests "vm-$name" "$hull" "$cc"
	truncate -s 1M "$work/blank" # some disk, for throttles
	rm -f "$out/$name".*
	limit=$((GUEST_TIMEOUT / 3)) qemu "$name" "console=$console hull.stay" "${machine[@]}" -kernel "build/deps/vm-$name/vmlinuz" \
		-initrd "$work/vm-$name.initrd" -drive "file=$work/blank,format=raw,if=virtio"
}

finish() {
	local name=$1 rc=0
	wait "${boots[$name]}" || rc=$?
	unset "boots[$name]"
	case $rc in
	0) ;;
	124 | 137)
		echo "# no end after ${2:-$GUEST_TIMEOUT} s: killed" >>"$out/$name.results"
		return 1
		;;
	*) echo "# qemu: status $rc, $(cat "$out/$name.qemu")" >>"$out/$name.results" ;;
	esac
}

# boot and finish, if there is a lane for it.
to_its_end() {
	[ $# -gt 2 ] || return 0
	boot "$@"
	finish "$1" || true
}

with_systemd=() users=() hybrid=() bare=() selinux=() others=() small=()
for lane; do
	case $lane in
	vm-initramfs) bare+=("$lane") ;;
	vm-hybrid) hybrid+=("$lane") ;;
	vm-selinux) selinux+=("$lane") ;;
	vm-small) small+=("$lane") ;;
	vm-arm64* | vm-armv7 | vm-riscv64 | vm-386 | vm-old) others+=("${lane#vm-}") ;;
	vm-user | vm-systemd) users+=("$lane") ;;
	*) with_systemd+=("$lane") ;;
	esac
done
if [ ${#others[@]} -lt $# ]; then
	bats/deps.sh vm
	initramfs
	programs "$CC" "$work/tree/programs"
fi
# Two machines at a time: the longest, and beside it the others one by one. What runs beside them uses one processor, and
# goes first.
[ ${#with_systemd[@]} = 0 ] || boot systemd "systemd.show_status=0 audit=0" "${with_systemd[@]}"
to_its_end users "systemd.show_status=0 audit=0" "${users[@]}"
to_its_end hybrid "systemd.show_status=0 audit=0 systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=0" \
	"${hybrid[@]}"
to_its_end initramfs hull.stay "${bare[@]}"
to_its_end selinux "hull.stay lsm=selinux selinux=1" "${selinux[@]}"
if [ ${#small[@]} -gt 0 ]; then
	small
	rm -f "$out"/small.*
	memory=80 qemu small "console=ttyS0 cgroup_disable=memory" "${pc[@]}" -kernel "$vm/vmlinuz" -initrd "$work/small.initrd"
	finish small || true
fi
# Tests have time limits of their own, so it is its kernel or qemu that stands still in a guest that does not end (seen
# once, of vm-old, on a busy machine): it may boot a second time.
for name in "${others[@]}"; do
	boot_guest "$name"
	finish "$name" $((GUEST_TIMEOUT / 3)) || {
		echo "the guest $name has come to no end, and boots again: $(tail -n 5 "$out/$name.console" "$out/$name.results")"
		boot_guest "$name"
		finish "$name" $((GUEST_TIMEOUT / 3)) || true
	}
done
[ ${#with_systemd[@]} = 0 ] || finish systemd || true
