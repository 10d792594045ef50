#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# vm.sh OUT LANE...: boots Debian under qemu and has bats/vm/guest.sh run these lanes there; called by run-tests.sh.
#
#   vm-initramfs   a boot of its own, whose root is the initramfs
#   vm-hybrid      one of its own, whose controllers are v1's
#   vm...          the others, under systemd
#   vm-selinux     like vm-initramfs, with SELinux in the place of AppArmor
#
# All else is cgroup v2 with all of the kernel's controllers, and AppArmor is on. qemu translates (TCG): that runs
# everywhere, at a tenth of the speed. The disk is only read; what a guest writes to it is dropped. OUT gets what the
# guests say: BOOT.results, BOOT.console. Exit status 77: this machine cannot do it, and the one line says why.
#
#   GUEST_TIMEOUT   seconds for a boot with its tests (3000)     TESTS, FILE_TIMEOUT, BATS_TEST_TIMEOUT   as in run-tests.sh
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
shift
: "${HULL:=$PWD/build/hull}" "${CC:=musl-gcc}" "${TESTS:=}" "${GUEST_TIMEOUT:=3000}"
vm=build/deps/vm
work=build/vm

cannot() {
	echo "$*"
	exit 77
}

[ "$(uname -m)" = x86_64 ] || cannot "the virtual machine is an x86_64 one, and this machine is $(uname -m)"
command -v qemu-system-x86_64 >/dev/null || cannot "no qemu-system-x86_64 here (package qemu-system-x86)"

bats/deps.sh vm
mkdir -p "$work/tree/programs" "$out"
for c in bats/*.c; do
	"$CC" -static -Os -idirafter build/deps/include-linux -o "$work/tree/programs/$(basename "$c" .c)" "$c"
done

# settings LANE...: what the guest is to do, as shell.
settings() {
	printf '%s=%q\n' GUEST_LANES "$*" TESTS "$TESTS" FILE_TIMEOUT "${FILE_TIMEOUT:-300}" \
		BATS_TEST_TIMEOUT "${BATS_TEST_TIMEOUT:-180}"
}

# test_disk NAME LANE...: the tests travel on a disk that holds a tar archive and no file system.
test_disk() {
	local name=$1
	shift
	settings "$@" >"$work/tree/vm.env"
	mkdir -p "$work/tree/build"
	cp "$HULL" "$work/tree/build/hull"
	checkpolicy -M -U allow -c 33 -o "$work/tree/selinux.policy" bats/vm/selinux.conf
	tar -cf "$work/$name.tar" bats cmd init nsexec state Makefile README.md -C "$work/tree" vm.env build programs selinux.policy
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

# boot NAME COMMAND_LINE LANE...: in the background; its process goes into boots. What newer processors have is slow to
# translate, and so is what Debian's kernel does for hardening.
declare -A boots=()
trap '[ ${#boots[@]} = 0 ] || kill -TERM "${boots[@]}" 2>/dev/null; exit 143' INT TERM
boot() {
	local name=$1 line=$2
	shift 2
	test_disk "$name" "$@"
	rm -f "$out/$name".*
	timeout -k 5 "$GUEST_TIMEOUT" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu Nehalem,+pdpe1gb -smp 2 \
		-m 2048 -nodefaults -display none -no-reboot -monitor none -snapshot \
		-kernel "$vm/vmlinuz" -initrd "$work/initrd" -append "console=ttyS0 panic=-1 mitigations=off init_on_alloc=0 randomize_kstack_offset=0 systemd.mask=serial-getty@ttyS0.service systemd.mask=getty.target root=/dev/vda rw quiet $line" \
		-drive "file=$vm/root.ext4,format=raw,if=virtio,cache=unsafe" \
		-drive "file=$work/$name.tar,format=raw,if=virtio,readonly=on" \
		-serial "file:$out/$name.console" -device virtio-serial \
		-chardev "file,id=results,path=$out/$name.results" -device virtserialport,chardev=results \
		</dev/null >"$out/$name.qemu" 2>&1 &
	boots[$name]=$!
}

finish() {
	local name=$1 rc=0
	wait "${boots[$name]}" || rc=$?
	unset "boots[$name]"
	case $rc in
	0) ;;
	124 | 137) echo "# no end after $GUEST_TIMEOUT s: killed" >>"$out/$name.results" ;;
	*) echo "# qemu: status $rc, $(cat "$out/$name.qemu")" >>"$out/$name.results" ;;
	esac
}

# boot and finish, if there is a lane for it.
to_its_end() {
	[ $# -gt 2 ] || return 0
	boot "$@"
	finish "$1"
}

initramfs
with_systemd=() hybrid=() bare=() selinux=()
for lane; do
	case $lane in
	vm-initramfs) bare+=("$lane") ;;
	vm-hybrid) hybrid+=("$lane") ;;
	vm-selinux) selinux+=("$lane") ;;
	*) with_systemd+=("$lane") ;;
	esac
done
# Two machines at a time: the longest, and beside it the others one by one.
[ ${#with_systemd[@]} = 0 ] || boot systemd "systemd.show_status=0 audit=0" "${with_systemd[@]}"
to_its_end hybrid "systemd.show_status=0 audit=0 systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=0" \
	"${hybrid[@]}"
to_its_end initramfs hull.stay "${bare[@]}"
to_its_end selinux "hull.stay lsm=selinux selinux=1" "${selinux[@]}"
[ ${#with_systemd[@]} = 0 ] || finish systemd
