/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around libseccomp's programs: the choice of the one for an architecture, ENOSYS for
 * system calls younger than the profile, and the rules for those that the profile knows and
 * libseccomp does not. Used by init/seccomp/seccomp.c.
 */
#ifndef INIT_SECCOMP_STUB_H
#define INIT_SECCOMP_STUB_H

#include "init/seccomp/seccomp_tables.h"
#include "state/spec/spec.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When all args hold, action: a SECCOMP_RET_* value. */
struct stub_rule {
	uint32_t nr; /* seccomp_new_syscall() */
	uint32_t action;
	const struct spec_syscall_arg *args;
	size_t n_args;
};

struct stub_abi {
	const struct seccomp_abi *abi;
	uint32_t max_nr;		 /* above it: ENOSYS; 0: nothing is */
	const struct sock_filter *insns; /* libseccomp's program for this architecture alone */
	size_t n_insns;
};

struct stub {
	struct stub_abi abis[SECCOMP_N_ABIS]; /* the native one first */
	size_t n_abis;
	struct stub_rule *rules; /* in the order of the profile */
	size_t n_rules;
	uint32_t default_action; /* for a call that has rules, none of which holds */

	struct sock_filter *insns; /* the result */
	size_t n_insns;
};

/* Frees what it points at. */
void stub_done(struct stub *s);
void stub_add_rule(struct stub *s, const struct stub_rule *rule);
void stub_make(struct stub *s);

#endif
