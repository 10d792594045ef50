/* SPDX-License-Identifier: Apache-2.0 */
/* What init/seccomp/seccomp*.c know about architectures, and about system calls younger than libseccomp. */
#ifndef INIT_SECCOMP_TABLES_H
#define INIT_SECCOMP_TABLES_H

#include "state/base/names.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * An architecture of the specification: libseccomp's name for it, the value that the kernel shows
 * the filter, and what tells it from another one of the same value.
 */
struct seccomp_abi {
	uint32_t token;	     /* SCMP_ARCH_* */
	uint32_t audit;	     /* AUDIT_ARCH_*, seccomp_data.arch */
	uint32_t base;	     /* where its numbers begin */
	uint32_t bit_set;    /* a bit that all of its numbers have, */
	uint32_t bit_clear;  /* or none */
	uint32_t private_nr; /* the numbers from here on are in no order; 0: there are none */
	bool multiplex;	     /* has number 0 for a number that the kernel does not know */
};

/* By enum seccomp_arch. */
#define SECCOMP_N_ABIS (SC_ARCH_SHEB + 1)
extern const struct seccomp_abi seccomp_abis[SECCOMP_N_ABIS];

/*
 * The number of a system call that libseccomp 2.5 may not know, or -1; add the architecture's
 * base. From 403 on all architectures have the same numbers.
 */
int seccomp_new_syscall(const char *name);

#endif
