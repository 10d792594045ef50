/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles are compiled and their programs run by an interpreter of classic BPF, for all system
 * call numbers; one is loaded for true, in a child.
 */
#include "init/seccomp/seccomp.h"
#include "init/seccomp/seccomp_cache.h"
#include "init/seccomp/seccomp_run.h"
#include "init/seccomp/seccomp_tables.h"
#include "state/format/json.h"
#include "state/base/mem.h"
#include "state/spec/spec_types.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW	SECCOMP_RET_ALLOW
#define ERR(n)	(SECCOMP_RET_ERRNO | (n))
#define X32_BIT 0x40000000u
#define NR_MAX	1000 /* above every number there is, but for private ones */
#define N_MSEAL 462

static struct arena arena;

static struct spec_seccomp *profile(const char *text)
{
	struct spec_seccomp *s = arena_zalloc(&arena, sizeof(*s));
	auto_json struct json j = { 0 };
	struct err e = { 0 };

	if (json_read(text, strlen(text), &j, &e) < 0 ||
	    decode(&t_seccomp, j.root, s, &arena, &e) < 0) {
		note("%s: %s", text, e.chain);
		abort();
	}
	return s;
}

static const struct sock_fprog *compile(const char *text)
{
	const struct sock_fprog *prog = NULL;
	struct err e = { 0 };
	unsigned flags;

	if (seccomp_compile(profile(text), &arena, &prog, &flags, &e) < 0)
		note("%s: %s", e.pointer, e.chain);
	return prog;
}

static uint32_t native_audit(void)
{
	for (size_t i = 0; i < SECCOMP_N_ABIS; i++) {
		if (seccomp_abis[i].token == seccomp_arch_native())
			return seccomp_abis[i].audit;
	}
	return 0;
}

static uint32_t call(const struct sock_fprog *p, uint32_t nr)
{
	return run(p, &(struct seccomp_data){ .nr = (int)nr, .arch = native_audit() });
}

static uint32_t call_arg(const struct sock_fprog *p, uint32_t nr, unsigned arg, uint64_t v)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = native_audit() };

	d.args[arg] = v;
	return run(p, &d);
}

/* Numbers of arch from 0 to NR_MAX: those in list have the action listed, then rest, then above. */
static bool sweep(const struct sock_fprog *p, uint32_t arch, uint32_t base, const uint32_t *list,
		  size_t n, uint32_t listed, uint32_t rest, uint32_t above)
{
	uint32_t max = 0, want, got;
	size_t bad = 0;

	for (size_t i = 0; i < n; i++)
		max = list[i] > max ? list[i] : max;
	for (uint32_t nr = 0; nr <= NR_MAX; nr++) {
		want = nr > max ? above : rest;
		for (size_t i = 0; i < n; i++)
			want = list[i] == nr ? listed : want;
		got = run(p, &(struct seccomp_data){ .nr = (int)(base + nr), .arch = arch });
		if (got != want && bad++ < 3)
			note("%u: found %#x, wanted %#x", nr, got, want);
	}
	return !bad;
}

/* --- actions --- */

static void test_default(const char *action, const char *ret, uint32_t rest, uint32_t above)
{
	uint32_t list[] = { SYS_read, SYS_openat2 };
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"defaultAction\": \"%s\"%s, \"syscalls\": [{\"names\": [\"read\", \"openat2\"],"
		 " \"action\": \"SCMP_ACT_TRAP\"}]}",
		 action, ret);
	ok(sweep(compile(text), native_audit(), 0, list, 2, SECCOMP_RET_TRAP, rest, above),
	   "default action %s%s: of calls without a rule, and of new ones", action, ret);
}

static void test_defaults(void)
{
	const uint32_t enosys = ERR(ENOSYS);

	test_default("SCMP_ACT_ERRNO", "", ERR(EPERM), enosys);
	test_default("SCMP_ACT_ERRNO", ", \"defaultErrnoRet\": 13", ERR(EACCES), enosys);
	test_default("SCMP_ACT_ERRNO", ", \"defaultErrnoRet\": 38", enosys, enosys);
	test_default("SCMP_ACT_KILL", "", SECCOMP_RET_KILL_THREAD, enosys);
	test_default("SCMP_ACT_KILL_THREAD", "", SECCOMP_RET_KILL_THREAD, enosys);
	test_default("SCMP_ACT_KILL_PROCESS", "", SECCOMP_RET_KILL_PROCESS, enosys);
	test_default("SCMP_ACT_ALLOW", "", ALLOW, ALLOW);
	test_default("SCMP_ACT_LOG", "", SECCOMP_RET_LOG, SECCOMP_RET_LOG);
	test_default("SCMP_ACT_TRACE", ", \"defaultErrnoRet\": 7", SECCOMP_RET_TRACE | 7,
		     SECCOMP_RET_TRACE | 7);
}

static void test_actions(void)
{
	const struct sock_fprog *p = compile(
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
		"{\"names\": [\"write\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 5},"
		"{\"names\": [\"close\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 1},"
		"{\"names\": [\"fstat\"], \"action\": \"SCMP_ACT_KILL\"},"
		"{\"names\": [\"lseek\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"},"
		"{\"names\": [\"mremap\"], \"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 258},"
		"{\"names\": [\"munmap\"], \"action\": \"SCMP_ACT_LOG\"},"
		"{\"names\": [\"brk\"], \"action\": \"SCMP_ACT_NOTIFY\"},"
		"{\"names\": [\"ppoll\"], \"action\": \"SCMP_ACT_TRAP\"},"
		"{\"names\": [\"no_such_call\", \"mseal\"], \"action\": \"SCMP_ACT_ALLOW\"}]}");

	ok(call(p, SYS_write) == ERR(5), "errnoRet of a rule");
	ok(call(p, SYS_close) == ERR(EPERM), "the default action as a rule");
	ok(call(p, SYS_fstat) == SECCOMP_RET_KILL_THREAD, "SCMP_ACT_KILL");
	ok(call(p, SYS_lseek) == SECCOMP_RET_KILL_PROCESS, "SCMP_ACT_KILL_PROCESS");
	ok(call(p, SYS_mremap) == (SECCOMP_RET_TRACE | 258), "SCMP_ACT_TRACE and its data");
	ok(call(p, SYS_munmap) == SECCOMP_RET_LOG, "SCMP_ACT_LOG");
	ok(call(p, SYS_brk) == SECCOMP_RET_USER_NOTIF, "SCMP_ACT_NOTIFY");
	ok(call(p, SYS_ppoll) == SECCOMP_RET_TRAP, "SCMP_ACT_TRAP");
	ok(call(p, N_MSEAL) == ALLOW && call(p, N_MSEAL - 1) == ERR(EPERM) &&
		   call(p, N_MSEAL + 1) == ERR(ENOSYS),
	   "a call that libseccomp may not know, after one that nobody knows");
	p = compile("{\"defaultAction\": \"SCMP_ACT_KILL\"}");
	ok(p && call(p, 0) == SECCOMP_RET_KILL_THREAD && call(p, 999) == SECCOMP_RET_KILL_THREAD,
	   "no rules at all: nothing is new");
}

/* --- arguments: the same for a call that libseccomp compiles and for one of the stub --- */

static bool holds(const char *op, uint64_t x, uint64_t a, uint64_t b)
{
	return !strcmp(op, "NE") ? x != a :
	       !strcmp(op, "LT") ? x < a :
	       !strcmp(op, "LE") ? x <= a :
	       !strcmp(op, "EQ") ? x == a :
	       !strcmp(op, "GE") ? x >= a :
	       !strcmp(op, "GT") ? x > a :
				   (x & a) == (b & a);
}

static void test_op(const char *op, const char *name, uint32_t nr)
{
	static const uint64_t v[] = { 0,
				      1,
				      7,
				      8,
				      0x80000000,
				      0xffffffff,
				      0x100000000,
				      0x100000007,
				      0x700000001,
				      0x7fffffffffffffff,
				      0xffffffffffffffff };
	const struct sock_fprog *p;
	size_t bad = 0;
	char text[512];

	/* Of 32 bits on a processor of 32 bits: libseccomp compares no more there. */
	size_t n = sizeof(long) < 8 ? 6 : ARRAY_SIZE(v);

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text),
			 "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": "
			 "[\"%s\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": %zu, "
			 "\"value\": %llu, \"valueTwo\": %llu, \"op\": \"SCMP_CMP_%s\"}]}]}",
			 name, i % 6, (unsigned long long)v[i], (unsigned long long)v[(i + 3) % n],
			 op);
		p = compile(text);
		for (size_t j = 0; j < n; j++) {
			bool yes = holds(op, v[j], v[i], v[(i + 3) % n]);

			if (call_arg(p, nr, i % 6, v[j]) != (yes ? ALLOW : ERR(EPERM)) && !bad++)
				note("%s: %#llx and %#llx", op, (unsigned long long)v[j],
				     (unsigned long long)v[i]);
		}
	}
	ok(!bad, "SCMP_CMP_%s of arguments of %s", op, name);
}

static void test_several_args(const char *name, uint32_t nr)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = native_audit() };
	const struct sock_fprog *p;
	char text[1024];

	snprintf(
		text, sizeof(text),
		"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
		"{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
		"{\"index\": 0, \"value\": 3, \"op\": \"SCMP_CMP_GE\"},"
		"{\"index\": 2, \"value\": 9, \"op\": \"SCMP_CMP_NE\"}]},"
		"{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 22, \"args\": ["
		"{\"index\": 1, \"value\": 5, \"op\": \"SCMP_CMP_EQ\"},"
		"{\"index\": 1, \"value\": 6, \"op\": \"SCMP_CMP_EQ\"}]}]}",
		name, name);
	p = compile(text);
	d.args[0] = 3;
	ok(run(p, &d) == ALLOW, "%s: two arguments hold", name);
	d.args[2] = 9;
	ok(run(p, &d) == ERR(EPERM), "%s: one of two is not enough", name);
	d.args[1] = 5;
	ok(run(p, &d) == ERR(EINVAL), "%s: one argument compared twice, the first holds", name);
	d.args[1] = 6;
	ok(run(p, &d) == ERR(EINVAL), "%s: one argument compared twice, the second holds", name);
	d.args[1] = 7;
	ok(run(p, &d) == ERR(EPERM), "%s: neither holds", name);
}

static void test_unconditional(const char *name, uint32_t nr)
{
	const struct sock_fprog *p;
	char text[1024];

	snprintf(text, sizeof(text),
		 "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
		 "{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_TRAP\", \"args\": ["
		 "{\"index\": 0, \"value\": 3, \"op\": \"SCMP_CMP_EQ\"}]},"
		 "{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_ALLOW\"},"
		 "{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_LOG\"}]}",
		 name, name, name);
	p = compile(text);
	ok(call_arg(p, nr, 0, 3) == ALLOW && call_arg(p, nr, 0, 4) == ALLOW,
	   "%s: the first rule without arguments wins", name);
}

static void test_args(void)
{
	static const char *const ops[] = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		test_op(ops[i], "read", SYS_read);
		test_op(ops[i], "mseal", N_MSEAL);
	}
	test_several_args("read", SYS_read);
	test_several_args("mseal", N_MSEAL);
	test_unconditional("read", SYS_read);
	test_unconditional("mseal", N_MSEAL);
}

/* --- architectures --- */

#define ARCHS_PROFILE(archs)                                                             \
	"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [" archs "],"        \
	" \"syscalls\": [{\"names\": [\"read\", \"faccessat2\", \"socket\", \"mseal\"]," \
	" \"action\": \"SCMP_ACT_ALLOW\"}]}"

static void test_archs(void)
{
	const uint32_t x86_64[] = { 0, 41, 439, N_MSEAL };
	const struct sock_fprog *p;

	if (seccomp_arch_native() != SCMP_ARCH_X86_64) {
		skip(7, "the numbers are those of x86_64");
		return;
	}
	p = compile(ARCHS_PROFILE("\"SCMP_ARCH_X86\", \"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", "
				  "\"SCMP_ARCH_X32\""));
	ok(sweep(p, AUDIT_ARCH_X86_64, 0, x86_64, 4, ALLOW, ERR(EPERM), ERR(ENOSYS)), "x86_64");
	ok(sweep(p, AUDIT_ARCH_X86_64, X32_BIT, x86_64, 4, ALLOW, ERR(EPERM), ERR(ENOSYS)), "x32");
	ok(run(p, &(struct seccomp_data){ .nr = 3, .arch = AUDIT_ARCH_I386 }) == ALLOW &&
		   run(p, &(struct seccomp_data){ .nr = 0, .arch = AUDIT_ARCH_I386 }) == ERR(EPERM),
	   "x86");
	ok(run(p, &(struct seccomp_data){ .nr = N_MSEAL, .arch = AUDIT_ARCH_I386 }) == ALLOW &&
		   run(p, &(struct seccomp_data){ .nr = N_MSEAL + 1, .arch = AUDIT_ARCH_I386 }) ==
			   ERR(ENOSYS),
	   "x86, a new call");
	ok(run(p, &(struct seccomp_data){ .nr = 63, .arch = AUDIT_ARCH_AARCH64 }) ==
		   SECCOMP_RET_KILL_THREAD,
	   "an architecture that the profile lacks");
	p = compile(ARCHS_PROFILE("\"SCMP_ARCH_X86\""));
	ok(sweep(p, AUDIT_ARCH_X86_64, 0, x86_64, 4, ALLOW, ERR(EPERM), ERR(ENOSYS)),
	   "the native architecture, without being named");
	ok(sweep(p, AUDIT_ARCH_X86_64, X32_BIT, x86_64, 4, SECCOMP_RET_KILL_THREAD,
		 SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_THREAD),
	   "x32 when it is not named");
}

/* A call of x32 that nobody asked for is killed; -1 is what a tracer made of a call to be left out. */
static void test_left_out(void)
{
	const struct sock_fprog *p = compile("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}");

	ok(call(p, X32_BIT) == SECCOMP_RET_KILL_THREAD && call(p, UINT32_MAX) == ALLOW,
	   "without x32: %#x, %#x", call(p, X32_BIT), call(p, UINT32_MAX));
	p = compile(
		"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X32\"]}");
	ok(call(p, X32_BIT) == ALLOW && call(p, UINT32_MAX) == ALLOW, "with x32: %#x, %#x",
	   call(p, X32_BIT), call(p, UINT32_MAX));
	ok(run(p, &(struct seccomp_data){ .nr = 1, .arch = AUDIT_ARCH_I386 }) ==
		   SECCOMP_RET_KILL_THREAD,
	   "an architecture that is not listed");
}

/* More rules than the limit above which libseccomp makes a tree. */
static void test_many(void)
{
	const char *other = seccomp_arch_native() == SCMP_ARCH_X86_64 ? "X86" : "AARCH64";
	uint32_t list[400];
	char *names = xstrdup("\"no_such_call\""), *more, *text;
	size_t n = 0;

	for (int nr = 0; nr < 460 && n < ARRAY_SIZE(list); nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

		if (name && nr % 5) {
			more = xasprintf("%s, \"%s\"", names, name);
			free(names);
			names = more;
			list[n++] = (uint32_t)nr;
		}
		free(name);
	}
	text = xasprintf("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": "
			 "[\"SCMP_ARCH_%s\"], \"syscalls\": [{\"names\": [%s], \"action\": "
			 "\"SCMP_ACT_ALLOW\"}]}",
			 other, names);
	ok(sweep(compile(text), native_audit(), 0, list, n, ALLOW, ERR(EPERM), ERR(ENOSYS)),
	   "%zu names", n);
	free(names);
	free(text);
}

/* --- flags and errors --- */

#define NOTIFY "\"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_NOTIFY\"}]"

static void test_flags(void)
{
	static const struct {
		const char *flags;
		unsigned want;
	} rows[] = {
		{ "", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ ", \"flags\": []", 0 },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_TSYNC\"]", 0 },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]", SECCOMP_FILTER_FLAG_LOG },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\", \"SECCOMP_FILTER_FLAG_LOG\"]",
		  SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_LOG },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]", 0 },
		{ ", \"flags\": [\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]," NOTIFY,
		  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER },
		{ ", \"flags\": []," NOTIFY, SECCOMP_FILTER_FLAG_NEW_LISTENER },
	};
	const struct sock_fprog *p;
	unsigned flags;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };

		flags = ~0U;
		snprintf(text, sizeof(text), "{\"defaultAction\": \"SCMP_ACT_ALLOW\"%s}",
			 rows[i].flags);
		if (seccomp_compile(profile(text), &arena, &p, &flags, &e) < 0 && e.code == ENOTSUP)
			skip(1, "%s", e.chain);
		else
			ok(flags == rows[i].want, "flags%s: %#x", rows[i].flags, flags);
	}
}

static void test_errors(void)
{
	static const struct {
		const char *text, *pointer;
	} rows[] = {
		{ "{\"defaultAction\": \"SCMP_ACT_NOTIFY\"}", "/linux/seccomp/defaultAction" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\","
		  " \"SCMP_ARCH_S390X\"]}",
		  "/linux/seccomp/architectures/1" },
		{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"read\"],"
		  " \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0, \"value\": 1, \"op\":"
		  " \"SCMP_CMP_EQ\"}]}, {\"names\": [\"write\", \"read\"], \"action\":"
		  " \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": 1, \"op\":"
		  " \"SCMP_CMP_EQ\"}]}]}",
		  "/linux/seccomp/syscalls/1/names/1" },
	};
	const struct sock_fprog *p = NULL;
	unsigned flags;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };

		ok(seccomp_compile(profile(rows[i].text), &arena, &p, &flags, &e) < 0 && e.code,
		   "refused: %s", e.chain);
		is(e.pointer, rows[i].pointer, "and where");
	}
	struct err e = { 0 };

	flags = 1;
	ok(!seccomp_compile(NULL, &arena, &p, &flags, &e) && !p && !flags, "no profile, no filter");
}

/* --- the kernel --- */

static void test_load(void)
{
	const unsigned long arg = sizeof(arg) < 8 ? 0x80000007UL : (unsigned long)0x100000007ULL;
	char text[512];
	const struct sock_fprog *p;
	int status = 0;
	pid_t pid;

	snprintf(text, sizeof(text),
		 "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [], \"syscalls\": ["
		 "{\"names\": [\"getppid\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 71},"
		 "{\"names\": [\"mseal\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 72,"
		 " \"args\": [{\"index\": 0, \"value\": %lu, \"op\": \"SCMP_CMP_EQ\"}]}]}",
		 arg);
	p = compile(text);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p) < 0)
			_exit(1);
		if (syscall(SYS_getppid) != -1 || errno != 71)
			_exit(2);
		if (syscall(N_MSEAL, arg, 0, 0) != -1 || errno != 72)
			_exit(3);
		errno = 0;
		syscall(N_MSEAL, 7UL, 0, 0);
		_exit(errno == 72 ? 4 : 0);
	}
	ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
	   "the kernel takes the filter and does what it says (%#x)", (unsigned)status);
}

/* --- the cache --- */

static int cache_dir;

#define CACHED                                                                                      \
	"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"read\", \"mseal\"]," \
	" \"action\": \"SCMP_ACT_ALLOW\"}]}"

static bool same(const struct sock_fprog *a, const struct sock_fprog *b)
{
	return a && b && a->len == b->len &&
	       !memcmp(a->filter, b->filter, a->len * sizeof(*a->filter));
}

/* How many files there are, and the name and number of the last one seen. */
static size_t files(char name[static 256], struct stat *st)
{
	DIR *dir = fdopendir(openat(cache_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *d;
	size_t n = 0;

	if (!dir)
		abort();
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(name, 256, "%s", d->d_name);
		n++;
	}
	closedir(dir);
	if (n && fstatat(cache_dir, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		n = 0;
	return n;
}

/* Compile, and say whether the file was left alone. */
static bool hit(const struct sock_fprog *want, bool *ret_same)
{
	struct stat before, after;
	char name[256];

	files(name, &before);
	*ret_same = same(compile(CACHED), want);
	files(name, &after);
	return before.st_ino == after.st_ino;
}

static void test_damage(const struct sock_fprog *want)
{
	struct stat st;
	char name[256], c;
	size_t bad = 0, hits = 0;
	bool equal;
	int fd;

	files(name, &st);
	for (off_t at = 0; at < st.st_size; at += 3) {
		fd = openat(cache_dir, name, O_RDWR | O_CLOEXEC);
		if (pread(fd, &c, 1, at) != 1)
			bad++;
		c ^= 0x10;
		if (pwrite(fd, &c, 1, at) != 1)
			bad++;
		close(fd);
		hits += hit(want, &equal);
		bad += !equal;
	}
	ok(!bad && !hits, "a changed byte, wherever it is: compiled again");
	fd = openat(cache_dir, name, O_RDWR | O_CLOEXEC);
	ok(!ftruncate(fd, st.st_size - 8) && !hit(want, &equal) && equal, "a short file");
	close(fd);
	fd = openat(cache_dir, name, O_RDWR | O_CLOEXEC);
	ok(!ftruncate(fd, 0) && !hit(want, &equal) && equal, "an empty file");
	close(fd);
	ok(!fchmodat(cache_dir, name, 0620, 0) && !hit(want, &equal) && equal,
	   "a file that others may write");
	if (geteuid() == 0)
		ok(!fchownat(cache_dir, name, 12345, 0, 0) && !hit(want, &equal) && equal,
		   "a file of someone else");
	else
		skip(1, "needs root");
	ok(!renameat(cache_dir, name, cache_dir, ".there") &&
		   !symlinkat(".there", cache_dir, name) && !hit(want, &equal) && equal,
	   "a symbolic link");
	unlinkat(cache_dir, ".there", 0);
	unlinkat(cache_dir, name, 0);
	ok(!mkfifoat(cache_dir, name, 0600) && !hit(want, &equal) && equal, "a FIFO");
	ok(hit(want, &equal) && equal, "and whole again");
}

static void test_cache(void)
{
	const struct sock_fprog *want = compile(CACHED);
	char path[] = "/tmp/seccomp-test.XXXXXX", name[256], text[512];
	struct stat st;
	bool equal;

	cache_dir = open(mkdtemp(path) ? path : "", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!ok(cache_dir >= 0, "a directory for the cache"))
		return;
	seccomp_set_cache(cache_dir);
	ok(same(compile(CACHED), want) && files(name, &st) == 1 && (st.st_mode & 07777) == 0600,
	   "the first time makes a file");
	ok(hit(want, &equal) && equal, "the second time reads it");
	test_damage(want);
	for (unsigned i = 1; i <= SECCOMP_CACHE_MAX + 6; i++) {
		snprintf(text, sizeof(text),
			 "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "
			 "[\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": %u}]}",
			 i);
		if (call(compile(text), SYS_read) != ERR(i) ||
		    call(compile(text), SYS_read) != ERR(i))
			break;
		if (i == SECCOMP_CACHE_MAX + 6)
			ok(files(name, &st) == SECCOMP_CACHE_MAX, "no more than %d files",
			   SECCOMP_CACHE_MAX);
	}
	seccomp_set_cache(-1);
	while (files(name, &st))
		unlinkat(cache_dir, name, 0);
	ok(!rmdir(path), "nothing else is left");
	close(cache_dir);
}

/* Whether a process behind it could fork, and lead a session with or without a terminal. */
static void test_fork(void)
{
#define FORK_CALLS	    "\"clone\", \"setsid\", \"read\", \"write\", \"close\""
#define FORK_PROFILE(calls) "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [" calls "]}"
#define FORK_ALLOWED(names) "{\"names\": [" names "], \"action\": \"SCMP_ACT_ALLOW\"}"
	static const struct {
		const char *name, *text;
		bool without, with;
	} cases[] = {
		{ "all is allowed", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", true, true },
		{ "all is logged", "{\"defaultAction\": \"SCMP_ACT_LOG\"}", true, true },
		{ "what is needed", FORK_PROFILE(FORK_ALLOWED(FORK_CALLS ", \"exit_group\"")), true,
		  false },
		{ "... and ioctl",
		  FORK_PROFILE(FORK_ALLOWED(FORK_CALLS ", \"exit_group\", \"ioctl\"")), true,
		  true },
		{ "all but exit_group", FORK_PROFILE(FORK_ALLOWED(FORK_CALLS ", \"ioctl\"")), false,
		  false },
		{ "no clone",
		  "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"clone\"], "
		  "\"action\": \"SCMP_ACT_ERRNO\"}]}",
		  false, false },
		{ "no clone of namespaces",
		  "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"clone\"], "
		  "\"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": 2114060288, "
		  "\"valueTwo\": 2114060288, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}]}",
		  true, true },
		{ "no reading from descriptor 7",
		  "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"read\"], "
		  "\"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"value\": 7, "
		  "\"op\": \"SCMP_CMP_EQ\"}]}]}",
		  false, false },
		{ "no terminal for a session",
		  "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"ioctl\"], "
		  "\"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 1, \"value\": 21518, "
		  "\"op\": \"SCMP_CMP_EQ\"}]}]}",
		  true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct sock_fprog *p = compile(cases[i].text);

		ok(seccomp_allows_fork(p, false, false) == cases[i].without &&
			   seccomp_allows_fork(p, true, false) == cases[i].with,
		   "fork behind it: %s", cases[i].name);
	}
	ok(seccomp_allows_fork(compile("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}"), true, true),
	   "and wait to be started");
	ok(!seccomp_allows_fork(
		   compile(FORK_PROFILE(FORK_ALLOWED(FORK_CALLS ", \"exit_group\", \"ioctl\""))),
		   false, true),
	   "that takes accept4");
}

int main(void)
{
	arena_init(&arena);
	test_defaults();
	test_actions();
	test_args();
	test_archs();
	test_many();
	if (SYS_ELF_MACHINE == EM_X86_64)
		test_left_out();
	test_flags();
	test_errors();
	test_load();
	test_fork();
	test_cache();
	return done_testing();
}
