/* SPDX-License-Identifier: Apache-2.0 */
/* Name tables and their lookup, both ways. No system calls; used by every process of hull. */
#include "state/base/names.h"

#include "state/base/str.h"
#include "state/base/sys.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/personality.h>
#include <sys/resource.h>

/* linux/capability.h; the numbers are kernel ABI. */
const struct name cap_names[] = {
	{ "CAP_CHOWN", 0 },
	{ "CAP_DAC_OVERRIDE", 1 },
	{ "CAP_DAC_READ_SEARCH", 2 },
	{ "CAP_FOWNER", 3 },
	{ "CAP_FSETID", 4 },
	{ "CAP_KILL", 5 },
	{ "CAP_SETGID", 6 },
	{ "CAP_SETUID", 7 },
	{ "CAP_SETPCAP", 8 },
	{ "CAP_LINUX_IMMUTABLE", 9 },
	{ "CAP_NET_BIND_SERVICE", 10 },
	{ "CAP_NET_BROADCAST", 11 },
	{ "CAP_NET_ADMIN", 12 },
	{ "CAP_NET_RAW", 13 },
	{ "CAP_IPC_LOCK", 14 },
	{ "CAP_IPC_OWNER", 15 },
	{ "CAP_SYS_MODULE", 16 },
	{ "CAP_SYS_RAWIO", 17 },
	{ "CAP_SYS_CHROOT", 18 },
	{ "CAP_SYS_PTRACE", 19 },
	{ "CAP_SYS_PACCT", 20 },
	{ "CAP_SYS_ADMIN", 21 },
	{ "CAP_SYS_BOOT", 22 },
	{ "CAP_SYS_NICE", 23 },
	{ "CAP_SYS_RESOURCE", 24 },
	{ "CAP_SYS_TIME", 25 },
	{ "CAP_SYS_TTY_CONFIG", 26 },
	{ "CAP_MKNOD", 27 },
	{ "CAP_LEASE", 28 },
	{ "CAP_AUDIT_WRITE", 29 },
	{ "CAP_AUDIT_CONTROL", 30 },
	{ "CAP_SETFCAP", 31 },
	{ "CAP_MAC_OVERRIDE", 32 },
	{ "CAP_MAC_ADMIN", 33 },
	{ "CAP_SYSLOG", 34 },
	{ "CAP_WAKE_ALARM", 35 },
	{ "CAP_BLOCK_SUSPEND", 36 },
	{ "CAP_AUDIT_READ", 37 },
	{ "CAP_PERFMON", 38 },
	{ "CAP_BPF", 39 },
	{ "CAP_CHECKPOINT_RESTORE", 40 },
	{ 0 },
};

const struct name rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
	{ 0 },
};

const struct name namespace_names[] = {
	{ "pid", CLONE_NEWPID },       { "network", CLONE_NEWNET }, { "mount", CLONE_NEWNS },
	{ "ipc", CLONE_NEWIPC },       { "uts", CLONE_NEWUTS },	    { "user", CLONE_NEWUSER },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },   { 0 },
};

/* clang-format off */
/* The first of several names of a number is the one that signal_name gives. */
const struct name signal_names[] = {
	{ "HUP", SIGHUP },	 { "INT", SIGINT },   { "QUIT", SIGQUIT },     { "ILL", SIGILL },
	{ "TRAP", SIGTRAP },	 { "ABRT", SIGABRT }, { "IOT", SIGABRT },      { "BUS", SIGBUS },
	{ "FPE", SIGFPE },	 { "KILL", SIGKILL }, { "USR1", SIGUSR1 },     { "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 },	 { "PIPE", SIGPIPE }, { "ALRM", SIGALRM },     { "TERM", SIGTERM },
	{ "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD }, { "CLD", SIGCHLD },      { "CONT", SIGCONT },
	{ "STOP", SIGSTOP },	 { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN },     { "TTOU", SIGTTOU },
	{ "URG", SIGURG },	 { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },     { "VTALRM", SIGVTALRM },
	{ "PROF", SIGPROF },	 { "WINCH", SIGWINCH }, { "IO", SIGIO },       { "POLL", SIGIO },
	{ "PWR", SIGPWR },	 { "SYS", SIGSYS },   { 0 },
};
/* clang-format on */

const struct name propagation_names[] = {
	{ "shared", MS_SHARED },
	{ "rshared", MS_SHARED | MS_REC },
	{ "slave", MS_SLAVE },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "private", MS_PRIVATE },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "unbindable", MS_UNBINDABLE },
	{ "runbindable", MS_UNBINDABLE | MS_REC },
	{ 0 },
};

const struct name personality_names[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
	{ 0 },
};

/* linux/ioprio.h */
const struct name ioprio_class_names[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
	{ 0 },
};

const struct name sched_policy_names[] = {
	{ "SCHED_OTHER", POLICY_OTHER },
	{ "SCHED_FIFO", POLICY_FIFO },
	{ "SCHED_RR", POLICY_RR },
	{ "SCHED_BATCH", POLICY_BATCH },
	{ "SCHED_ISO", POLICY_ISO },
	{ "SCHED_IDLE", POLICY_IDLE },
	{ "SCHED_DEADLINE", POLICY_DEADLINE },
	{ 0 },
};

const struct name sched_flag_names[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_BIT_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_BIT_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_BIT_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_BIT_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_BIT_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_BIT_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_BIT_UTIL_CLAMP_MAX },
	{ 0 },
};

const struct name mempolicy_mode_names[] = {
	{ "MPOL_DEFAULT", MEMPOLICY_DEFAULT },
	{ "MPOL_PREFERRED", MEMPOLICY_PREFERRED },
	{ "MPOL_BIND", MEMPOLICY_BIND },
	{ "MPOL_INTERLEAVE", MEMPOLICY_INTERLEAVE },
	{ "MPOL_LOCAL", MEMPOLICY_LOCAL },
	{ "MPOL_PREFERRED_MANY", MEMPOLICY_PREFERRED_MANY },
	{ "MPOL_WEIGHTED_INTERLEAVE", MEMPOLICY_WEIGHTED_INTERLEAVE },
	{ 0 },
};

const struct name mempolicy_flag_names[] = {
	{ "MPOL_F_NUMA_BALANCING", MEMPOLICY_NUMA_BALANCING },
	{ "MPOL_F_RELATIVE_NODES", MEMPOLICY_RELATIVE_NODES },
	{ "MPOL_F_STATIC_NODES", MEMPOLICY_STATIC_NODES },
	{ 0 },
};

/* config-linux.md, Devices: "u" is an unbuffered character device, which Linux does not tell from "c". */
const struct name device_type_names[] = {
	{ "c", 'c' }, { "b", 'b' }, { "u", 'c' }, { "p", 'p' }, { 0 },
};

const struct name device_rule_names[] = {
	{ "a", 'a' },
	{ "c", 'c' },
	{ "b", 'b' },
	{ 0 },
};

const struct name seccomp_action_names[] = {
	{ "SCMP_ACT_KILL", SC_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SC_ACT_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", SC_ACT_KILL_THREAD },
	{ "SCMP_ACT_TRAP", SC_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SC_ACT_ERRNO },
	{ "SCMP_ACT_TRACE", SC_ACT_TRACE },
	{ "SCMP_ACT_ALLOW", SC_ACT_ALLOW },
	{ "SCMP_ACT_LOG", SC_ACT_LOG },
	{ "SCMP_ACT_NOTIFY", SC_ACT_NOTIFY },
	{ 0 },
};

const struct name seccomp_op_names[] = {
	{ "SCMP_CMP_NE", SC_OP_NE },
	{ "SCMP_CMP_LT", SC_OP_LT },
	{ "SCMP_CMP_LE", SC_OP_LE },
	{ "SCMP_CMP_EQ", SC_OP_EQ },
	{ "SCMP_CMP_GE", SC_OP_GE },
	{ "SCMP_CMP_GT", SC_OP_GT },
	{ "SCMP_CMP_MASKED_EQ", SC_OP_MASKED_EQ },
	{ 0 },
};

const struct name seccomp_arch_names[] = {
	{ "SCMP_ARCH_X86", SC_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SC_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SC_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SC_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SC_ARCH_AARCH64 },
	{ "SCMP_ARCH_LOONGARCH64", SC_ARCH_LOONGARCH64 },
	{ "SCMP_ARCH_M68K", SC_ARCH_M68K },
	{ "SCMP_ARCH_MIPS", SC_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SC_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SC_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SC_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SC_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SC_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PARISC", SC_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SC_ARCH_PARISC64 },
	{ "SCMP_ARCH_PPC", SC_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SC_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SC_ARCH_PPC64LE },
	{ "SCMP_ARCH_RISCV64", SC_ARCH_RISCV64 },
	{ "SCMP_ARCH_S390", SC_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SC_ARCH_S390X },
	{ "SCMP_ARCH_SH", SC_ARCH_SH },
	{ "SCMP_ARCH_SHEB", SC_ARCH_SHEB },
	{ 0 },
};

const struct name seccomp_flag_names[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SC_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SC_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SC_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SC_FLAG_WAIT_KILLABLE_RECV },
	{ 0 },
};

bool name_lookup(const struct name *table, const char *name, int *ret)
{
	for (; table->name; table++) {
		if (str_equal(table->name, name)) {
			*ret = table->value;
			return true;
		}
	}
	return false;
}

const char *name_of(const struct name *table, int value)
{
	for (; table->name; table++) {
		if (table->value == value)
			return table->name;
	}
	return NULL;
}

#define RT_MIN 34
#define RT_MAX 64

/* At most two digits and nothing else; -1 otherwise. */
static int number(const char *s)
{
	uint64_t v;

	return strlen(s) <= 2 && str_to_u64(s, &v) ? (int)v : -1;
}

/* "RTMIN", "RTMIN+3", "RTMAX", "RTMAX-3" */
static int realtime(const char *s)
{
	bool from_min = !strncasecmp(s, "RTMIN", 5);
	int base = from_min ? RT_MIN : RT_MAX, n;

	if (!from_min && strncasecmp(s, "RTMAX", 5) != 0)
		return -1;
	if (!s[5])
		return base;
	n = s[5] == (from_min ? '+' : '-') ? number(s + 6) : -1;
	return n < 0 || n > RT_MAX - RT_MIN ? -1 : from_min ? base + n : base - n;
}

int signal_parse(const char *text)
{
	int n = number(text);

	if (n >= 0)
		return n <= RT_MAX ? n : -1;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (const struct name *s = signal_names; s->name; s++) {
		if (!strcasecmp(s->name, text))
			return s->value;
	}
	return realtime(text);
}

const char *signal_name(int sig, char buf[static 32])
{
	const char *name = name_of(signal_names, sig);

	if (name)
		snprintf(buf, 32, "SIG%s", name);
	else if (sig == RT_MIN)
		snprintf(buf, 32, "SIGRTMIN");
	else if (sig > RT_MIN && sig <= RT_MAX)
		snprintf(buf, 32, "SIGRTMIN+%d", sig - RT_MIN);
	else
		snprintf(buf, 32, "signal %d", sig);
	return buf;
}
