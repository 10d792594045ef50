/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default profiles of podman and Docker (bats/deps.sh profiles): what hull's program answers
 * for every number and every argument that a rule looks at is compared with the profile's own
 * words, with libseccomp's program of the same rules, and for x86_64 with the running kernel.
 */
#include "init/seccomp/seccomp.h"
#include "init/seccomp/seccomp_run.h"
#include "init/seccomp/seccomp_tables.h"
#include "state/base/fd.h"
#include "state/format/json.h"
#include "state/base/mem.h"
#include "state/spec/spec_types.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <unistd.h>

#define NR_MAX 600

static struct arena arena = { .fd = -1 };

static struct spec_seccomp *read_profile(const char *file)
{
	struct spec_seccomp *s = arena_zalloc(&arena, sizeof(*s));
	auto_json struct json j = { 0 };
	auto_free char *text = NULL;
	struct err e = { 0 };
	size_t n;

	if (fd_read_file(AT_FDCWD, file, 1 << 20, &text, &n, &e) < 0)
		return NULL;
	if (json_read(text, n, &j, &e) < 0 || decode(&t_seccomp, j.root, s, &arena, &e) < 0) {
		note("%s: %s", file, e.chain);
		return NULL;
	}
	return s;
}

/* --- the profile's own words --- */

static uint32_t action_of(int action, const struct opt_uint *ret)
{
	uint32_t value = ret->set ? (uint32_t)ret->v : EPERM;

	return action == SC_ACT_ALLOW ? SECCOMP_RET_ALLOW :
	       action == SC_ACT_ERRNO ? SECCOMP_RET_ERRNO | value :
					BAD;
}

static int number(const struct seccomp_abi *abi, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(abi->token, name), new_nr;

	if (nr != __NR_SCMP_ERROR)
		return nr;
	new_nr = seccomp_new_syscall(name);
	return new_nr < 0 ? -1 : (int)abi->base + new_nr;
}

static bool names_it(const struct spec_syscall *c, const struct seccomp_abi *abi, uint32_t nr)
{
	/* On x86 a name like socket has a number of its own, besides that of socketcall. */
	char *name = seccomp_syscall_resolve_num_arch(abi->token, (int)nr);
	bool yes = false;

	for (size_t i = 0; i < c->names.n && !yes; i++)
		yes = number(abi, c->names.v[i]) == (int)nr ||
		      (name && !strcmp(name, c->names.v[i]));
	free(name);
	return yes;
}

/* Calls of 32-bit architectures, and as libseccomp sees them those of x32, have 32-bit arguments. */
static bool holds(const struct spec_syscall_arg *a, const uint64_t *args, bool wide)
{
	uint64_t mask = wide ? UINT64_MAX : UINT32_MAX;
	uint64_t x = args[a->index.v] & mask, v = a->value.v & mask;

	switch (a->op) {
	case SC_OP_NE:
		return x != v;
	case SC_OP_LT:
		return x < v;
	case SC_OP_LE:
		return x <= v;
	case SC_OP_EQ:
		return x == v;
	case SC_OP_GE:
		return x >= v;
	case SC_OP_GT:
		return x > v;
	default:
		return (x & v) == (a->value_two.v & mask);
	}
}

static bool all_hold(const struct spec_syscall *c, const uint64_t *args, bool wide)
{
	for (size_t i = 0; i < c->args.n; i++) {
		if (!holds(&c->args.v[i], args, wide))
			return false;
	}
	return true;
}

/* A rule without arguments wins; then any that holds. */
static uint32_t words_say(const struct spec_seccomp *s, const struct seccomp_abi *abi, uint32_t nr,
			  const uint64_t *args)
{
	uint32_t normal = action_of(s->default_action, &s->default_errno_ret), want = normal;
	bool wide = (abi->audit & __AUDIT_ARCH_64BIT) && !abi->bit_set;

	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_syscall *c = &s->syscalls.v[i];
		uint32_t action = action_of(c->action, &c->errno_ret);

		if (action == normal || !names_it(c, abi, nr))
			continue;
		if (!c->args.n)
			return action;
		if (want == normal && all_hold(c, args, wide))
			want = action;
	}
	return want;
}

static uint32_t highest(const struct spec_seccomp *s, const struct seccomp_abi *abi)
{
	int max = 0, nr;

	for (size_t i = 0; i < s->syscalls.n; i++) {
		for (size_t k = 0; k < s->syscalls.v[i].names.n; k++) {
			nr = number(abi, s->syscalls.v[i].names.v[k]);
			max = nr > max ? nr : max;
		}
	}
	return (uint32_t)max;
}

/* --- libseccomp's program of the same rules, without hull's stub and without a tree --- */

static const enum scmp_compare ops[] = {
	[SC_OP_NE] = SCMP_CMP_NE,
	[SC_OP_LT] = SCMP_CMP_LT,
	[SC_OP_LE] = SCMP_CMP_LE,
	[SC_OP_EQ] = SCMP_CMP_EQ,
	[SC_OP_GE] = SCMP_CMP_GE,
	[SC_OP_GT] = SCMP_CMP_GT,
	[SC_OP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static void add_rules(scmp_filter_ctx ctx, const struct spec_syscall *c, uint32_t action)
{
	struct scmp_arg_cmp cmp[6];

	for (size_t i = 0; i < c->args.n; i++)
		cmp[i] = (struct scmp_arg_cmp){ (unsigned)c->args.v[i].index.v,
						ops[c->args.v[i].op], c->args.v[i].value.v,
						c->args.v[i].value_two.v };
	for (size_t i = 0; i < c->names.n; i++) {
		int nr = seccomp_syscall_resolve_name(c->names.v[i]);

		if (nr != __NR_SCMP_ERROR)
			(void)!seccomp_rule_add_array(ctx, action, nr, (unsigned)c->args.n, cmp);
	}
}

static struct sock_fprog reference(const struct spec_seccomp *s)
{
	uint32_t normal = action_of(s->default_action, &s->default_errno_ret);
	scmp_filter_ctx ctx = seccomp_init(normal);
	int fd = memfd_create("reference", MFD_CLOEXEC);
	struct sock_fprog p = { 0 };
	off_t size;

	for (size_t i = 0; i < s->architectures.n; i++)
		(void)!seccomp_arch_add(ctx, seccomp_abis[s->architectures.v[i]].token);
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_syscall *c = &s->syscalls.v[i];
		uint32_t action = action_of(c->action, &c->errno_ret);

		if (action != normal)
			add_rules(ctx, c, action);
	}
	if (seccomp_export_bpf(ctx, fd) == 0 && (size = lseek(fd, 0, SEEK_CUR)) > 0) {
		p.len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
		p.filter = arena_zalloc(&arena, (size_t)size);
		if (pread(fd, p.filter, (size_t)size, 0) != size)
			p.len = 0;
	}
	seccomp_release(ctx);
	close(fd);
	return p;
}

/* --- comparing --- */

struct compare {
	const struct spec_seccomp *s;
	const struct sock_fprog *ours, *lib;
	const struct seccomp_abi *abi;
	uint32_t max;
	bool enosys; /* above max */
	size_t n, bad;
};

static void compare_one(struct compare *c, uint32_t nr, const uint64_t *args)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = c->abi->audit };
	uint32_t got, want = words_say(c->s, c->abi, nr, args), lib;
	const char *known;

	memcpy(d.args, args, sizeof(d.args));
	got = run(c->ours, &d);
	lib = run(c->lib, &d);
	known = seccomp_syscall_resolve_num_arch(c->abi->token, (int)nr);
	if (nr > c->max && c->enosys)
		want = lib = SECCOMP_RET_ERRNO | ENOSYS;
	else if (!known)
		lib = want; /* what libseccomp has no name for can only be a rule of the stub */
	free((void *)(uintptr_t)known);
	c->n++;
	if ((got != want || got != lib) && c->bad++ < 5)
		note("%u (%#llx, %#llx): %#x, the profile says %#x, libseccomp %#x", nr,
		     (unsigned long long)args[0], (unsigned long long)args[1], got, want, lib);
}

/* Every value that some rule of this call compares with, and its neighbours. */
static void compare_number(struct compare *c, uint32_t nr)
{
	uint64_t args[6] = { 0 };

	compare_one(c, nr, args);
	memset(args, 0xff, sizeof(args));
	compare_one(c, nr, args);
	for (size_t i = 0; i < c->s->syscalls.n; i++) {
		const struct spec_syscall *call = &c->s->syscalls.v[i];

		if (!call->args.n || !names_it(call, c->abi, nr))
			continue;
		for (size_t k = 0; k < call->args.n; k++) {
			const struct spec_syscall_arg *a = &call->args.v[k];
			const uint64_t v[] = {
				a->value.v - 1,		 a->value.v,  a->value.v + 1,
				a->value.v | 1ULL << 32, ~a->value.v, a->value_two.v
			};

			for (size_t m = 0; m < ARRAY_SIZE(v); m++) {
				memset(args, 0, sizeof(args));
				args[a->index.v] = v[m];
				compare_one(c, nr, args);
			}
		}
	}
}

static void compare_abi(struct compare *c, const char *name, int arch)
{
	c->abi = &seccomp_abis[arch];
	c->max = highest(c->s, c->abi);
	c->enosys = action_of(c->s->default_action, &c->s->default_errno_ret) !=
		    (SECCOMP_RET_ERRNO | ENOSYS);
	c->n = c->bad = 0;
	for (uint32_t nr = 0; nr <= NR_MAX; nr++)
		compare_number(c, c->abi->base + nr);
	ok(!c->bad, "%s, %s: %zu calls", name, name_of(seccomp_arch_names, arch), c->n);
}

/* --- the kernel --- */

#define ALLOWED \
	4000 /* an errno that no call gives: nothing is done that the profile lets through */

/* uretprobe and uprobe: the kernel's own, which it takes before any filter (since Linux 6.14). */
static bool is_kernels_own(int nr)
{
	return nr == 335 || nr == 336;
}

static int raw_call(int nr)
{
	return is_kernels_own(nr) ? 0 : syscall(nr, 0, 0, 0, 0, 0, 0) == -1 ? errno : 0;
}

/* Nothing but stores to shared memory and the calls that are asked about. */
static _Noreturn void ask_kernel(const struct sock_fprog *p, volatile int *answers)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p) < 0)
		_exit(1);
	for (int nr = 0; nr <= NR_MAX; nr++)
		answers[nr] = raw_call(nr);
	for (int nr = 0; nr <= NR_MAX; nr++)
		answers[NR_MAX + 1 + nr] = raw_call((int)seccomp_abis[SC_ARCH_X32].base + nr);
	answers[2 * NR_MAX + 2] = 1;
	for (;;)
		; /* exit(2) is not let through, either */
}

static bool is_answer(const struct sock_fprog *p, uint32_t nr, int got)
{
	uint32_t want = run(p, &(struct seccomp_data){ .nr = (int)nr, .arch = AUDIT_ARCH_X86_64 });

	if (is_kernels_own((int)nr) || got == (int)(want & SECCOMP_RET_DATA))
		return true;
	note("%#x: the kernel answers %d, and not %#x", nr, got, want);
	return false;
}

static void compare_kernel(const char *name, const struct sock_fprog *ours)
{
	const size_t size = (2 * NR_MAX + 3) * sizeof(int);
	volatile int *answers =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sock_fprog p = { ours->len, arena_zalloc(&arena, ours->len * sizeof(*p.filter)) };
	int status = 0, patience = 10000;
	size_t bad = 0;
	pid_t pid;

	memcpy(p.filter, ours->filter, p.len * sizeof(*p.filter));
	for (size_t i = 0; i < p.len; i++) {
		if (p.filter[i].code == (BPF_RET | BPF_K) && p.filter[i].k == SECCOMP_RET_ALLOW)
			p.filter[i].k = SECCOMP_RET_ERRNO | ALLOWED;
	}
	pid = fork();
	if (pid == 0)
		ask_kernel(&p, answers);
	while (pid > 0 && !answers[2 * NR_MAX + 2] && patience-- &&
	       waitpid(pid, &status, WNOHANG) == 0)
		poll(NULL, 0, 1); /* it has no call left to tell us by */
	if (!ok(answers[2 * NR_MAX + 2], "%s: the kernel takes the program (%#x)", name, status)) {
		kill(pid, SIGKILL);
		return;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	for (uint32_t nr = 0; nr <= NR_MAX; nr++) {
		bad += !is_answer(&p, nr, answers[nr]);
		bad += !is_answer(&p, seccomp_abis[SC_ARCH_X32].base + nr,
				  answers[NR_MAX + 1 + nr]);
	}
	ok(!bad, "%s: and answers as the interpreter does", name);
}

static void test_profile(const char *name)
{
	auto_free char *file = xasprintf("build/deps/profiles/%s.json", name);
	struct compare c = { .s = read_profile(file) };
	const struct sock_fprog *ours = NULL;
	struct sock_fprog lib;
	struct err e = { 0 };
	unsigned flags;

	if (!c.s) {
		skip(1, "no %s's profile here", name);
		return;
	}
	if (!ok(seccomp_compile(c.s, &arena, &ours, &flags, &e) == 0, "%s: compiled%s%s", name,
		e.chain[0] ? ": " : "", e.chain))
		return;
	lib = reference(c.s);
	ok(lib.len > 0, "libseccomp makes a program of it: %u instructions, and hull's has %u",
	   (unsigned)lib.len, (unsigned)ours->len);
	c.ours = ours;
	c.lib = &lib;
	for (size_t i = 0; i < c.s->architectures.n; i++)
		compare_abi(&c, name, c.s->architectures.v[i]);
	if (SYS_ELF_MACHINE == EM_X86_64)
		compare_kernel(name, ours);
}

int main(void)
{
	test_profile("podman");
	test_profile("docker");
	return done_testing();
}
