/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller may do, and what the kernel lets hull do with processes: rights, limits, keys, seccomp. */
#include "cmd/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/line/try.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/* --- Calls ------------------------------------------------------------------------------------ */

static int call_pidfd(void *arg)
{
	auto_close int fd = sys_pidfd_open(getpid(), 0);

	(void)arg;
	return fd < 0 || sys_pidfd_send_signal(fd, 0) < 0 ? errno : 0;
}

static int call_close_range(void *arg)
{
	(void)arg;
	return sys_close_range(100, 100, 0) < 0 ? errno : 0;
}

static int call_keyring(void *arg)
{
	(void)arg;
	return sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0) < 0 ? errno : 0;
}

static int call_mempolicy(void *arg)
{
	(void)arg;
	return syscall(SYS_set_mempolicy, 0, NULL, 0) < 0 ? errno : 0;
}

static int call_sched_core(void *arg)
{
	unsigned long long cookie;

	(void)arg;
	return prctl(PR_SCHED_CORE, 0 /* PR_SCHED_CORE_GET */, 0, 0, &cookie) < 0 ? errno : 0;
}

static const struct call {
	const char *name;
	int (*work)(void *);
	const char *seen, *cost, *advice;
} calls[] = {
	{ "pidfd", call_pidfd, "processes are signalled without a race",
	  "kill and delete name processes by number", "Linux 5.3 or later" },
	{ "close_range", call_close_range, "descriptors are closed at once",
	  "each start reads /proc/self/fd", "Linux 5.9 or later" },
	{ "memory policy", call_mempolicy, "of NUMA nodes", "linux.memoryPolicy is refused",
	  "a kernel with CONFIG_NUMA=y" },
	{ "core scheduling", call_sched_core,
	  "cores are shared by one pod alone if it is asked for",
	  "containerd's SCHED_CORE has no effect: processes of two pods may share a core",
	  "a kernel with CONFIG_SCHED_CORE=y, on a processor with SMT" },
};

/* --- Keys ------------------------------------------------------------------------------------- */

/* /proc/key-users (keyrings(7)): "    0:    42 41/41 12/1000000 300/25000000", of one user. */
static bool read_quota(unsigned uid, unsigned long *used, unsigned long *most)
{
	auto_free char *text = NULL;
	char *line, *rest, *end;
	struct err ignored;

	if (fd_read_file(AT_FDCWD, "/proc/key-users", 1 << 20, &text, NULL, &ignored) < 0)
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (strtoul(line, &end, 10) != uid || *end != ':')
			continue;
		strtoul(end + 1, &end, 10); /* usage */
		end += strspn(end, " ");
		end += strcspn(end, " "); /* nkeys/nikeys */
		*used = strtoul(end, &end, 10);
		*most = *end == '/' ? strtoul(end + 1, NULL, 10) : 0;
		return *most > 0;
	}
	return false;
}

static void add_keys(struct doctor *d)
{
	static const char advice[] = "sysctl kernel.keys.maxkeys and kernel.keys.maxbytes, or "
				     "--no-new-keyring";
	unsigned long used = 0, most = 0;
	int code = try_in(0, call_keyring, NULL);
	bool known = read_quota(getuid(), &used, &most);
	char seen[96];

	if (code == ENOSYS) {
		doctor_works(d, "session keyring", "this kernel has no keys, and none can leak");
		return;
	}
	snprintf(seen, sizeof(seen), known ? "%lu of %lu keys of this user" : "made", used, most);
	if (code)
		doctor_say(d, DOCTOR_LIMITED, "session keyring", errno_text(code),
			   "containers have the session keyring of who made them",
			   code == EDQUOT ? advice :
					    "a filter (seccomp) around hull refuses keyctl(2)");
	else if (known && used > most / 5 * 4)
		doctor_say(d, DOCTOR_LIMITED, "session keyring", seen,
			   "each container takes one; at the limit they have that of who made them",
			   advice);
	else
		doctor_works(d, "session keyring", "%s", seen);
}

/* --- Rights ----------------------------------------------------------------------------------- */

static const struct right {
	int cap;
	const char *cost;
} rights[] = {
	{ CAP_SYS_ADMIN, "no mounts and no namespaces: hull can make no container" },
	{ CAP_SETUID, "processes stay user 0" },
	{ CAP_SETGID, "processes stay in group 0" },
	{ CAP_SETPCAP, "bounding sets cannot be made smaller" },
	{ CAP_SETFCAP, "user 0 cannot be mapped into a user namespace" },
	{ CAP_CHOWN, "terminals and cgroups cannot be given away" },
	{ CAP_DAC_OVERRIDE, "files of other users are out of reach" },
	{ CAP_KILL, "processes of other users cannot be ended" },
	{ CAP_MKNOD, "device nodes are bound from the host" },
	{ CAP_NET_ADMIN, "network devices cannot be moved, loopback stays down" },
	{ CAP_SYS_CHROOT, "no root file system can be entered" },
	{ CAP_SYS_PTRACE, "namespaces of other users' processes cannot be joined" },
	{ CAP_SYS_RESOURCE,
	  "hard rlimits cannot be raised above hull's own, nor oomScoreAdj set below it" },
	{ CAP_SYS_NICE, "real-time schedulers and priorities are refused" },
	{ CAP_AUDIT_WRITE, "programs that write to the audit log (sshd, login) cannot" },
};

static void add_rights(struct doctor *d)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3] = { 0 };
	size_t lacking = 0;

	if (!d->root) {
		doctor_works(d, "capabilities", "those of a user namespace of his own");
		return;
	}
	if (capget(&header, own) < 0) {
		doctor_say(d, DOCTOR_UNSEEN, "capabilities", errno_text(errno), NULL, NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
		const struct right *r = &rights[i];

		if (own[r->cap / 32].effective & 1u << r->cap % 32)
			continue;
		lacking++;
		d->needed = r->cap == CAP_SYS_ADMIN;
		doctor_say(d, d->needed ? DOCTOR_MISSING : DOCTOR_LIMITED,
			   name_of(cap_names, r->cap), "hull has it not", r->cost,
			   "the container or service that hull is in has to be given it");
	}
	if (!lacking)
		doctor_works(d, "capabilities", "all that hull uses");
}

static void add_limits(struct doctor *d)
{
	struct rlimit files = { 0 }, procs = { 0 };
	char seen[96];

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		doctor_say(d, DOCTOR_LIMITED, "no_new_privs", "set for hull",
			   "setuid programs have no effect in containers, nor newuidmap outside",
			   "NoNewPrivileges=no of the service that hull is in");
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2)
		doctor_say(d, DOCTOR_LIMITED, "filter (seccomp)", "hull is under one",
			   "what it refuses works in no container", NULL);
	getrlimit(RLIMIT_NOFILE, &files);
	snprintf(seen, sizeof(seen), "%llu, and at most %llu", (unsigned long long)files.rlim_cur,
		 (unsigned long long)files.rlim_max);
	if (files.rlim_cur < 256)
		doctor_say(d, DOCTOR_LIMITED, "open files", seen,
			   "configurations with many mounts do not start", "ulimit -n 1024");
	else
		doctor_works(d, "open files", "%s", seen);
	if (getrlimit(RLIMIT_NPROC, &procs) == 0 && !d->root && procs.rlim_cur < 1024) {
		snprintf(seen, sizeof(seen), "at most %llu", (unsigned long long)procs.rlim_cur);
		doctor_say(d, DOCTOR_LIMITED, "processes of the user", seen,
			   "all containers of this user count together", "ulimit -u");
	}
}

void doctor_processes(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int code = try_in(0, calls[i].work, NULL);

		if (!code)
			doctor_works(d, calls[i].name, "%s", calls[i].seen);
		else
			doctor_say(d, DOCTOR_LIMITED, calls[i].name, errno_text(code),
				   calls[i].cost, calls[i].advice);
	}
	add_keys(d);
	add_rights(d);
	add_limits(d);
}

/* --- seccomp ---------------------------------------------------------------------------------- */

static int call_filter(void *arg)
{
	struct sock_filter_like {
		uint16_t code;
		uint8_t jt, jf;
		uint32_t k;
	} allow = { 0x06 /* BPF_RET | BPF_K */, 0, 0, SECCOMP_RET_ALLOW };
	struct {
		unsigned short len;
		void *filter;
	} program = { 1, &allow };

	(void)arg;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? errno : 0;
}

/* The kernel reads the filter only after it has taken the flags: EFAULT is a yes. */
static bool takes_flag(unsigned flag)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

static const struct {
	const char *name;
	uint32_t action;
} actions[] = {
	{ "kill process", 0x80000000 }, { "kill thread", 0 },	  { "trap", 0x00030000 },
	{ "errno", 0x00050000 },	{ "notify", 0x7fc00000 }, { "trace", 0x7ff00000 },
	{ "log", 0x7ffc0000 },		{ "allow", 0x7fff0000 },
};

static const struct {
	const char *name;
	unsigned flag;
} flags[] = {
	{ "tsync", 1 },
	{ "log", 2 },
	{ "spec_allow", 4 },
	{ "wait_killable_recv", 8 | 32 },
};

/* The names with and without a yes, as two lists. */
struct lists {
	char works[160], lacks[160];
};

static void add_name(struct lists *l, bool works, const char *name)
{
	char *list = works ? l->works : l->lacks;

	snprintf(list + strlen(list), sizeof(l->works) - strlen(list), "%s%s", *list ? ", " : "",
		 name);
}

static void add_actions(struct doctor *d)
{
	struct lists l = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		uint32_t a = actions[i].action;

		add_name(&l, syscall(SYS_seccomp, 2 /* SECCOMP_GET_ACTION_AVAIL */, 0, &a) == 0,
			 actions[i].name);
	}
	doctor_works(d, "filter", "%s", l.works);
	if (*l.lacks)
		doctor_say(d, DOCTOR_LIMITED, "actions", l.lacks, "profiles with these do not load",
			   "notify: Linux 5.0; log: Linux 4.14");
}

void doctor_seccomp(struct doctor *d)
{
	int code = try_in(0, call_filter, NULL);
	struct lists l = { 0 };

	if (code) {
		doctor_say(
			d, DOCTOR_MISSING, "filter", errno_text(code),
			"containers with a profile, which an engine's have, do not start",
			"a kernel with CONFIG_SECCOMP_FILTER=y, or the engine's option that leaves "
			"the profile out (Docker: --security-opt seccomp=unconfined)");
		return;
	}
	add_actions(d);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		add_name(&l, takes_flag(flags[i].flag), flags[i].name);
	if (*l.lacks)
		doctor_say(d, DOCTOR_LIMITED, "flags", l.lacks,
			   "profiles with these flags do not load",
			   "wait_killable_recv: Linux 5.19; spec_allow: Linux 4.17");
	else
		doctor_works(d, "flags", "%s", l.works);
}
