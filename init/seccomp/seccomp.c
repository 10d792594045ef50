/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.seccomp to a program for the kernel, by libseccomp. Runs in hull, before the container
 * exists: compiling a large profile takes 15 ms and memory that would count against the
 * container's limit. Nothing is loaded here, so libseccomp's attributes for that stay unset.
 */
#include "init/seccomp/seccomp.h"

#include "init/seccomp/seccomp_cache.h"
#include "init/seccomp/seccomp_stub.h"
#include "init/seccomp/seccomp_tables.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/names.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define N_ARGS 6

/* libseccomp up to 2.5.4 makes a wrong tree of no rules at all; a tree of few gains nothing. */
#define TREE_MIN 32

/* Part of the cache's key: raise it when hull makes other instructions than before of a profile. */
#define GENERATOR 2

struct compile {
	const struct spec_seccomp *s;
	scmp_filter_ctx ctx;
	uint32_t default_action;
	struct stub stub;
	bool first; /* the first architecture: what is the same for all is done for this one */
};

static int cache_fd = -1;

static void cleanup_compile(struct compile *c)
{
	if (c->ctx)
		seccomp_release(c->ctx);
	stub_done(&c->stub);
}
#define auto_compile __attribute__((cleanup(cleanup_compile)))

/* A failure of libseccomp, which returns negative errno values. */
#define lib_err(e, rc, ...) (errno = -(rc), err_sys(e, __VA_ARGS__))

static uint32_t action_of(int action, const struct opt_uint *errno_ret)
{
	/* config-linux.md, errnoRet: "The default is EPERM". */
	uint32_t data = errno_ret->set ? (uint32_t)errno_ret->v : EPERM;

	switch ((enum seccomp_action)action) {
	case SC_ACT_KILL_THREAD:
		return SCMP_ACT_KILL_THREAD;
	case SC_ACT_KILL_PROCESS:
		return SCMP_ACT_KILL_PROCESS;
	case SC_ACT_TRAP:
		return SCMP_ACT_TRAP;
	case SC_ACT_ERRNO:
		return SCMP_ACT_ERRNO(data);
	case SC_ACT_TRACE:
		return SCMP_ACT_TRACE(data);
	case SC_ACT_ALLOW:
		return SCMP_ACT_ALLOW;
	case SC_ACT_LOG:
		return SCMP_ACT_LOG;
	case SC_ACT_NOTIFY:
		return SCMP_ACT_NOTIFY;
	}
	return SCMP_ACT_KILL_PROCESS;
}

/* --- flags --- */

/* The kernel knows the flag when it gets as far as reading the program, which is not there. */
static bool kernel_has(unsigned flag)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

/* clang-format off: a table, one row to a flag. */
static const struct {
	enum seccomp_flag flag;
	unsigned pass;	/* goes to seccomp(2) */
	unsigned probe; /* asks the kernel */
} flag_table[] = {
	/* TSYNC is for programs with threads; init has one, so it is known and does nothing. */
	{ SC_FLAG_TSYNC, 0, 0 },
	{ SC_FLAG_LOG, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_LOG },
	{ SC_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	/* About the listener of SCMP_ACT_NOTIFY: without one the kernel refuses it. */
	{ SC_FLAG_WAIT_KILLABLE_RECV, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
	  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER },
};
/* clang-format on */

static int flags_of(const struct spec_seccomp *s, unsigned *ret, struct err *e)
{
	const struct name_set *flags = &s->flags;
	unsigned all = 0;

	/* As runc: its clients expect a profile without flags not to slow the program down. */
	if (!flags->set)
		all = kernel_has(SECCOMP_FILTER_FLAG_SPEC_ALLOW) ? SECCOMP_FILTER_FLAG_SPEC_ALLOW :
								   0;
	for (size_t i = 0; i < ARRAY_SIZE(flag_table); i++) {
		if (!(flags->mask & (UINT64_C(1) << flag_table[i].flag)))
			continue;
		if (flag_table[i].probe && !kernel_has(flag_table[i].probe)) {
			err_set(e, ENOTSUP, "%s: the kernel does not support it",
				name_of(seccomp_flag_names, flag_table[i].flag));
			return err_at_key(e, "flags");
		}
		all |= flag_table[i].pass;
	}
	if (spec_notifies(s))
		all |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	else
		all &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	*ret = all;
	return 0;
}

/* --- architectures --- */

/* The context, which has the native architecture by itself, becomes one for this alone. */
static int set_arch(struct compile *c, const struct seccomp_abi *abi, struct err *e)
{
	const char *name = name_of(seccomp_arch_names, (int)(abi - seccomp_abis));
	int rc = seccomp_arch_add(c->ctx, abi->token);

	if (rc == 0)
		rc = seccomp_arch_remove(c->ctx, seccomp_arch_native());
	switch (rc) {
	case 0:
	case -EEXIST: /* it is the native one */
		return 0;
	case -EINVAL:
		return err_set(e, ENOTSUP, "libseccomp %u.%u.%u does not know %s",
			       seccomp_version()->major, seccomp_version()->minor,
			       seccomp_version()->micro, name);
	case -EDOM:
		return err_set(e, EINVAL, "%s has another byte order than this machine", name);
	default:
		return lib_err(e, rc, "libseccomp: add %s", name);
	}
}

/* --- rules --- */

static const enum scmp_compare ops[] = {
	[SC_OP_NE] = SCMP_CMP_NE,
	[SC_OP_LT] = SCMP_CMP_LT,
	[SC_OP_LE] = SCMP_CMP_LE,
	[SC_OP_EQ] = SCMP_CMP_EQ,
	[SC_OP_GE] = SCMP_CMP_GE,
	[SC_OP_GT] = SCMP_CMP_GT,
	[SC_OP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static bool has_arg_twice(const struct spec_syscall *call)
{
	unsigned seen = 0;

	for (size_t i = 0; i < call->args.n; i++) {
		if (seen >> call->args.v[i].index.v & 1)
			return true;
		seen |= 1U << call->args.v[i].index.v;
	}
	return false;
}

/* The action for calls of name whose args all hold, each index at most once. */
static int add_rule(struct compile *c, const char *name, uint32_t action,
		    const struct spec_syscall_arg *args, size_t n, struct err *e)
{
	int nr = seccomp_syscall_resolve_name(name), new_nr = seccomp_new_syscall(name), rc;
	struct scmp_arg_cmp cmp[N_ARGS];

	if (nr == __NR_SCMP_ERROR) {
		if (new_nr < 0 && c->s->fail_unknown)
			return err_set(e, EINVAL, "unknown system call %s", name);
		if (!c->first)
			return 0;
		if (new_nr < 0)
			log_debug("seccomp: unknown system call %s ignored", name);
		else
			stub_add_rule(&c->stub,
				      &(struct stub_rule){ (uint32_t)new_nr, action, args, n });
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		cmp[i] = (struct scmp_arg_cmp){
			.arg = (unsigned)args[i].index.v,
			.op = ops[args[i].op],
			.datum_a = args[i].value.v,
			.datum_b = args[i].value_two.v,
		};
	rc = seccomp_rule_add_array(c->ctx, action, nr, (unsigned)n, cmp);
	if (rc == -EEXIST)
		return err_set(e, EINVAL, "%s: there is another action for the same arguments",
			       name);
	return rc < 0 ? lib_err(e, rc, "libseccomp: add the rule for %s", name) : 0;
}

/*
 * One argument compared twice is what libseccomp cannot do. As in runc, each comparison then is a
 * rule of its own, so that one that holds is enough.
 */
static int add_name(struct compile *c, const struct spec_syscall *call, const char *name,
		    uint32_t action, struct err *e)
{
	if (!has_arg_twice(call))
		return add_rule(c, name, action, call->args.v, call->args.n, e);
	for (size_t i = 0; i < call->args.n; i++) {
		if (add_rule(c, name, action, &call->args.v[i], 1, e) < 0)
			return -1;
	}
	return 0;
}

static int add_call(struct compile *c, const struct spec_syscall *call, struct err *e)
{
	uint32_t action = action_of(call->action, &call->errno_ret);

	if (action == c->default_action)
		return 0;
	for (size_t i = 0; i < call->names.n; i++) {
		if (add_name(c, call, call->names.v[i], action, e) < 0) {
			err_at_index(e, i);
			return err_at_key(e, "names");
		}
	}
	return 0;
}

static int add_calls(struct compile *c, struct err *e)
{
	for (size_t i = 0; i < c->s->syscalls.n; i++) {
		if (add_call(c, &c->s->syscalls.v[i], e) < 0) {
			err_at_index(e, i);
			return err_at_key(e, "syscalls");
		}
	}
	return 0;
}

/* --- the stub --- */

/* As in runc: a tracer answers for new system calls by itself, and the others let them through. */
static bool wants_enosys(const struct compile *c)
{
	switch ((enum seccomp_action)c->s->default_action) {
	case SC_ACT_ALLOW:
	case SC_ACT_LOG:
	case SC_ACT_TRACE:
	case SC_ACT_NOTIFY:
		return false;
	case SC_ACT_KILL_THREAD:
	case SC_ACT_KILL_PROCESS:
	case SC_ACT_TRAP:
	case SC_ACT_ERRNO:
		break;
	}
	return c->default_action != SCMP_ACT_ERRNO(ENOSYS);
}

/* The highest number that the profile, in any rule, has a name for. */
static uint32_t max_nr(const struct spec_seccomp *s, const struct seccomp_abi *abi)
{
	const struct spec_syscall *call;
	uint32_t max = 0;
	int nr;

	for (size_t i = 0; i < s->syscalls.n; i++) {
		call = &s->syscalls.v[i];
		for (size_t j = 0; j < call->names.n; j++) {
			nr = seccomp_syscall_resolve_name_arch(abi->token, call->names.v[j]);
			if (nr == __NR_SCMP_ERROR) {
				nr = seccomp_new_syscall(call->names.v[j]);
				nr = nr < 0 ? nr : (int)abi->base + nr;
			}
			/* Below 0 are libseccomp's numbers for what the architecture lacks. */
			if (nr > 0 && (uint32_t)nr > max &&
			    (!abi->private_nr || (uint32_t)nr < abi->private_nr))
				max = (uint32_t)nr;
		}
	}
	return max;
}

static void stub_add_abi(struct compile *c, const struct seccomp_abi *abi)
{
	struct stub *s = &c->stub;

	for (size_t i = 0; i < s->n_abis; i++) {
		if (s->abis[i].abi == abi)
			return;
	}
	s->abis[s->n_abis++] = (struct stub_abi){
		.abi = abi,
		.max_nr = wants_enosys(c) ? max_nr(c->s, abi) : 0,
	};
}

static void choose_abis(struct compile *c)
{
	for (size_t i = 0; i < SECCOMP_N_ABIS; i++) {
		if (seccomp_abis[i].token == seccomp_arch_native())
			stub_add_abi(c, &seccomp_abis[i]);
	}
	for (size_t i = 0; i < c->s->architectures.n; i++)
		stub_add_abi(c, &seccomp_abis[c->s->architectures.v[i]]);
	c->stub.default_action = c->default_action;
}

/* --- the program --- */

static size_t count_names(const struct spec_seccomp *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->syscalls.n; i++)
		n += s->syscalls.v[i].names.n;
	return n;
}

static int begin_filter(struct compile *c, struct err *e)
{
	if (c->ctx)
		seccomp_release(c->ctx);
	c->ctx = seccomp_init(c->default_action);
	if (!c->ctx) {
		err_set(e, ENOTSUP, "the kernel does not support %s",
			name_of(seccomp_action_names, c->s->default_action));
		return err_at_key(e, "defaultAction");
	}
	/* A library that cannot makes a list, which is only slower. */
	if (count_names(c->s) > TREE_MIN &&
	    seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
		log_debug("seccomp: libseccomp makes no binary tree");
	return 0;
}

/* What libseccomp made, into the arena. */
static int export_filter(const struct compile *c, struct arena *a, struct stub_abi *sa,
			 struct err *e)
{
	auto_close int fd = memfd_create("hull-seccomp", MFD_CLOEXEC);
	struct sock_filter *insns;
	off_t size;
	int rc;

	if (fd < 0)
		return err_sys(e, "memfd_create");
	rc = seccomp_export_bpf(c->ctx, fd); /* to memory: only from 2.6 on */
	if (rc < 0)
		return lib_err(e, rc, "libseccomp: export the filter");
	size = lseek(fd, 0, SEEK_CUR);
	if (size < 0)
		return err_sys(e, "lseek");
	insns = arena_zalloc(a, (size_t)size);
	if (pread(fd, insns, (size_t)size, 0) != size)
		return err_sys(e, "read the filter");
	sa->insns = insns;
	sa->n_insns = (size_t)size / sizeof(struct sock_filter);
	return 0;
}

/* The error of an architecture that the profile lists, where it lists it. */
static int at_arch(const struct compile *c, const struct seccomp_abi *abi, struct err *e)
{
	for (size_t i = 0; i < c->s->architectures.n; i++) {
		if (&seccomp_abis[c->s->architectures.v[i]] == abi) {
			err_at_index(e, i);
			return err_at_key(e, "architectures");
		}
	}
	return -1;
}

static int compile_abi(struct compile *c, struct arena *a, struct stub_abi *sa, struct err *e)
{
	if (begin_filter(c, e) < 0)
		return -1;
	if (set_arch(c, sa->abi, e) < 0)
		return at_arch(c, sa->abi, e);
	if (add_calls(c, e) < 0)
		return -1;
	return export_filter(c, a, sa, e);
}

static int make_program(const struct stub *s, struct arena *a, const struct sock_fprog **ret,
			struct err *e)
{
	struct sock_fprog *prog;

	if (s->n_insns > BPF_MAXINSNS)
		return err_set(e, E2BIG,
			       "the filter has %zu instructions and the kernel takes at most %d",
			       s->n_insns, BPF_MAXINSNS);
	prog = arena_zalloc(a, sizeof(*prog));
	prog->len = (unsigned short)s->n_insns;
	prog->filter = arena_zalloc(a, s->n_insns * sizeof(struct sock_filter));
	memcpy(prog->filter, s->insns, s->n_insns * sizeof(struct sock_filter));
	*ret = prog;
	return 0;
}

static int compile(const struct spec_seccomp *s, struct arena *a, const struct sock_fprog **ret,
		   struct err *e)
{
	auto_compile struct compile c = { .s = s };

	c.default_action = action_of(s->default_action, &s->default_errno_ret);
	if (c.default_action == SCMP_ACT_NOTIFY) {
		err_set(e, EINVAL, "SCMP_ACT_NOTIFY cannot be used as default action");
		return err_at_key(e, "defaultAction");
	}
	choose_abis(&c);
	for (size_t i = 0; i < c.stub.n_abis; i++) {
		c.first = i == 0;
		if (compile_abi(&c, a, &c.stub.abis[i], e) < 0)
			return -1;
	}
	stub_make(&c.stub);
	return make_program(&c.stub, a, ret, e);
}

/* --- the cache --- */

void seccomp_set_cache(int dir_fd)
{
	cache_fd = dir_fd;
}

/* What the program depends on besides the profile: the kernel's release for the actions it knows. */
static void make_key(struct cache_key *k, const struct spec_seccomp *s)
{
	const struct scmp_version *v = seccomp_version();
	struct utsname u = { 0 };

	uname(&u);
	cache_key_number(k, GENERATOR);
	cache_key_number(k, (uint64_t)v->major << 32 | v->minor << 16 | v->micro);
	cache_key_number(k, seccomp_arch_native());
	cache_key_string(k, u.release);
	cache_key_number(k, s->fail_unknown);
	cache_key_profile(k, s);
}

static int compile_cached(const struct spec_seccomp *s, struct arena *a,
			  const struct sock_fprog **ret, struct err *e)
{
	struct cache_key key = { 0 };
	auto_free char *data = NULL;

	if (cache_fd < 0)
		return compile(s, a, ret, e);
	make_key(&key, s);
	data = key.data;
	*ret = cache_read(cache_fd, &key, a);
	if (*ret)
		return 0;
	if (compile(s, a, ret, e) < 0)
		return -1;
	cache_write(cache_fd, &key, *ret);
	return 0;
}

int seccomp_compile(const struct spec_seccomp *s, struct arena *a, const struct sock_fprog **ret,
		    unsigned *ret_flags, struct err *e)
{
	const struct sock_fprog *prog = NULL;
	unsigned flags = 0;

	if (s && (flags_of(s, &flags, e) < 0 || compile_cached(s, a, &prog, e) < 0)) {
		err_at_key(e, "seccomp");
		return err_at_key(e, "linux");
	}
	*ret = prog;
	*ret_flags = flags;
	return 0;
}
