/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for init/seccomp/seccomp.c and init/seccomp/seccomp_stub.c. */
#include "init/seccomp/seccomp_tables.h"

#include "state/base/names.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <string.h>

#define X32_BIT	    0x40000000 /* __X32_SYSCALL_BIT of asm/unistd.h, which other architectures lack */
#define ARM_PRIVATE 0x0f0000   /* __ARM_NR_BASE: cacheflush, set_tls, ... */

/*
 * AUDIT_ARCH_* where libseccomp 2.5 lacks the SCMP_ARCH_*: the values are the same, and
 * seccomp_arch_add() says what the library that hull is linked with cannot do.
 */
/* clang-format off: a table, one row to an architecture. */
const struct seccomp_abi seccomp_abis[SECCOMP_N_ABIS] = {
	[SC_ARCH_X86] = { SCMP_ARCH_X86, AUDIT_ARCH_I386 },
	[SC_ARCH_X86_64] = { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, .bit_clear = X32_BIT },
	[SC_ARCH_X32] = { SCMP_ARCH_X32, AUDIT_ARCH_X86_64, .base = X32_BIT, .bit_set = X32_BIT },
	[SC_ARCH_ARM] = { SCMP_ARCH_ARM, AUDIT_ARCH_ARM, .private_nr = ARM_PRIVATE },
	[SC_ARCH_AARCH64] = { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64 },
	[SC_ARCH_LOONGARCH64] = { AUDIT_ARCH_LOONGARCH64, AUDIT_ARCH_LOONGARCH64 },
	[SC_ARCH_M68K] = { AUDIT_ARCH_M68K, AUDIT_ARCH_M68K },
	[SC_ARCH_MIPS] = { SCMP_ARCH_MIPS, AUDIT_ARCH_MIPS, .base = 4000 },
	[SC_ARCH_MIPS64] = { SCMP_ARCH_MIPS64, AUDIT_ARCH_MIPS64, .base = 5000 },
	[SC_ARCH_MIPS64N32] = { SCMP_ARCH_MIPS64N32, AUDIT_ARCH_MIPS64N32, .base = 6000 },
	[SC_ARCH_MIPSEL] = { SCMP_ARCH_MIPSEL, AUDIT_ARCH_MIPSEL, .base = 4000 },
	[SC_ARCH_MIPSEL64] = { SCMP_ARCH_MIPSEL64, AUDIT_ARCH_MIPSEL64, .base = 5000 },
	[SC_ARCH_MIPSEL64N32] = { SCMP_ARCH_MIPSEL64N32, AUDIT_ARCH_MIPSEL64N32, .base = 6000 },
	[SC_ARCH_PARISC] = { SCMP_ARCH_PARISC, AUDIT_ARCH_PARISC },
	[SC_ARCH_PARISC64] = { SCMP_ARCH_PARISC64, AUDIT_ARCH_PARISC64 },
	[SC_ARCH_PPC] = { SCMP_ARCH_PPC, AUDIT_ARCH_PPC },
	[SC_ARCH_PPC64] = { SCMP_ARCH_PPC64, AUDIT_ARCH_PPC64 },
	[SC_ARCH_PPC64LE] = { SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE },
	[SC_ARCH_RISCV64] = { SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64 },
	/* System call 0 tells that the number is in a register; it stays 0 if the kernel lacks that one. */
	[SC_ARCH_S390] = { SCMP_ARCH_S390, AUDIT_ARCH_S390, .multiplex = true },
	[SC_ARCH_S390X] = { SCMP_ARCH_S390X, AUDIT_ARCH_S390X, .multiplex = true },
	[SC_ARCH_SH] = { AUDIT_ARCH_SHEL, AUDIT_ARCH_SHEL },
	[SC_ARCH_SHEB] = { AUDIT_ARCH_SH, AUDIT_ARCH_SH },
};
/* clang-format on */

static const struct name new_syscalls[] = {
	{ "cachestat", 451 },	      { "fchmodat2", 452 },	   { "map_shadow_stack", 453 },
	{ "futex_wake", 454 },	      { "futex_wait", 455 },	   { "futex_requeue", 456 },
	{ "statmount", 457 },	      { "listmount", 458 },	   { "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 }, { "mseal", 462 },
	{ "setxattrat", 463 },	      { "getxattrat", 464 },	   { "listxattrat", 465 },
	{ "removexattrat", 466 },     { "open_tree_attr", 467 },   { "file_getattr", 468 },
	{ "file_setattr", 469 },      { "listns", 470 },	   { NULL, 0 },
};

int seccomp_new_syscall(const char *name)
{
	int nr;

	return name_lookup(new_syscalls, name, &nr) ? nr : -1;
}
