/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's machine for seccomp programs: what does this program answer for that call? */
#ifndef INIT_SECCOMP_RUN_H
#define INIT_SECCOMP_RUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What the kernel's checker would not have let through, or asks for what is not known of the call. */
#define BAD 0xdead

/* Only the first `known` bytes of *d are. */
static inline uint32_t run_knowing(const struct sock_fprog *p, const struct seccomp_data *d,
				   size_t known)
{
	uint32_t a = 0;
	bool yes;

	for (size_t pc = 0; p && pc < p->len; pc++) {
		const struct sock_filter *f = &p->filter[pc];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k % 4 || f->k + sizeof(a) > known)
				return BAD;
			memcpy(&a, (const char *)d + f->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a & f->k;
			break;
		default:
			return BAD;
		}
		pc += yes ? f->jt : f->jf;
	}
	return BAD;
}

static inline uint32_t run(const struct sock_fprog *p, const struct seccomp_data *d)
{
	return run_knowing(p, d, sizeof(*d));
}

#endif
