/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and their numbers: what the configuration and the command line call things, and what the
 * kernel (or, for seccomp, this program) calls them. Each table ends with a row whose name is
 * NULL. Where a number has several names the first is the canonical one.
 */
#ifndef STATE_NAMES_H
#define STATE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct name {
	const char *name;
	int value;
};

extern const struct name cap_names[];	      /* "CAP_CHOWN" -> number of the capability */
extern const struct name rlimit_names[];      /* "RLIMIT_CORE" -> RLIMIT_CORE */
extern const struct name namespace_names[];   /* "pid" -> CLONE_NEWPID */
extern const struct name signal_names[];      /* "HUP" -> SIGHUP; real-time signals are not in it */
extern const struct name propagation_names[]; /* "rslave" -> MS_SLAVE | MS_REC */
extern const struct name personality_names[]; /* "LINUX32" -> PER_LINUX32 */
extern const struct name ioprio_class_names[];	 /* "IOPRIO_CLASS_RT" -> 1, as in ioprio_set(2) */
extern const struct name sched_policy_names[];	 /* "SCHED_FIFO" -> SCHED_FIFO */
extern const struct name sched_flag_names[];	 /* -> bit number in sched_attr.sched_flags */
extern const struct name mempolicy_mode_names[]; /* "MPOL_BIND" -> as in set_mempolicy(2) */
extern const struct name mempolicy_flag_names[]; /* -> bit number in set_mempolicy's mode */
extern const struct name device_type_names[]; /* "c", "u", "b", "p" -> the letter 'c', 'b', 'p' */
extern const struct name device_rule_names[]; /* "a", "b", "c" -> the same letter */
extern const struct name seccomp_action_names[]; /* -> enum seccomp_action */
extern const struct name seccomp_op_names[];	 /* -> enum seccomp_op */
extern const struct name seccomp_arch_names[];	 /* -> enum seccomp_arch */
extern const struct name seccomp_flag_names[];	 /* -> enum seccomp_flag, a bit number */

/*
 * hull's own numbers: the wire format between hull and its init, and independent of libseccomp,
 * which only init/seccomp/seccomp.c knows.
 */
enum seccomp_action {
	SC_ACT_KILL_THREAD, /* also "SCMP_ACT_KILL" */
	SC_ACT_KILL_PROCESS,
	SC_ACT_TRAP,
	SC_ACT_ERRNO,
	SC_ACT_TRACE,
	SC_ACT_ALLOW,
	SC_ACT_LOG,
	SC_ACT_NOTIFY,
};

enum seccomp_op {
	SC_OP_NE,
	SC_OP_LT,
	SC_OP_LE,
	SC_OP_EQ,
	SC_OP_GE,
	SC_OP_GT,
	SC_OP_MASKED_EQ, /* value is the mask, value_two what must be left */
};

enum seccomp_arch {
	SC_ARCH_X86,
	SC_ARCH_X86_64,
	SC_ARCH_X32,
	SC_ARCH_ARM,
	SC_ARCH_AARCH64,
	SC_ARCH_LOONGARCH64,
	SC_ARCH_M68K,
	SC_ARCH_MIPS,
	SC_ARCH_MIPS64,
	SC_ARCH_MIPS64N32,
	SC_ARCH_MIPSEL,
	SC_ARCH_MIPSEL64,
	SC_ARCH_MIPSEL64N32,
	SC_ARCH_PARISC,
	SC_ARCH_PARISC64,
	SC_ARCH_PPC,
	SC_ARCH_PPC64,
	SC_ARCH_PPC64LE,
	SC_ARCH_RISCV64,
	SC_ARCH_S390,
	SC_ARCH_S390X,
	SC_ARCH_SH,
	SC_ARCH_SHEB,
};

/* Bit numbers in struct name_set. */
enum seccomp_flag {
	SC_FLAG_TSYNC,
	SC_FLAG_LOG,
	SC_FLAG_SPEC_ALLOW,
	SC_FLAG_WAIT_KILLABLE_RECV,
};

/* linux/mempolicy.h: modes, and bit numbers of flags. */
enum {
	MEMPOLICY_DEFAULT,
	MEMPOLICY_PREFERRED,
	MEMPOLICY_BIND,
	MEMPOLICY_INTERLEAVE,
	MEMPOLICY_LOCAL,
	MEMPOLICY_PREFERRED_MANY,
	MEMPOLICY_WEIGHTED_INTERLEAVE,
};
enum { MEMPOLICY_NUMA_BALANCING = 13, MEMPOLICY_RELATIVE_NODES, MEMPOLICY_STATIC_NODES };

/* linux/sched.h: policies, as not every C library has them, and bit numbers of flags. */
enum {
	POLICY_OTHER,
	POLICY_FIFO,
	POLICY_RR,
	POLICY_BATCH,
	POLICY_ISO, /* reserved there and not implemented */
	POLICY_IDLE,
	POLICY_DEADLINE,
};
enum {
	SCHED_BIT_RESET_ON_FORK,
	SCHED_BIT_RECLAIM,
	SCHED_BIT_DL_OVERRUN,
	SCHED_BIT_KEEP_POLICY,
	SCHED_BIT_KEEP_PARAMS,
	SCHED_BIT_UTIL_CLAMP_MIN,
	SCHED_BIT_UTIL_CLAMP_MAX,
};

/* The number of name, by exact match. */
bool name_lookup(const struct name *table, const char *name, int *ret);
/* The canonical name of value, or NULL. */
const char *name_of(const struct name *table, int value);

/*
 * A signal as the user writes it: "SIGTERM", "term", "15", "SIGRTMIN+3", "RTMAX-1". -1 when it is
 * none. 0 is accepted as a number, as kill(2) does. SIGRTMIN is 34, as for glibc and for Docker's
 * and podman's tables, whatever the C library that hull is linked with reserves for itself.
 */
int signal_parse(const char *text);
/* "SIGTERM", "SIGRTMIN+3", or "signal 77": into buf, which is returned. */
const char *signal_name(int sig, char buf[static 32]);

#endif
