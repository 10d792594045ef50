/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices a container may use: devices.allow and devices.deny on v1, an eBPF program on v2.
 * Runs in hull itself; needs CAP_SYS_ADMIN (v1), CAP_BPF and CAP_NET_ADMIN or CAP_SYS_ADMIN (v2).
 */
#include "state/cgroup/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/sys.h"

#define ANY (-1)

/* One rule, with numbers in place of letters. */
struct rule {
	bool allow;
	uint32_t types;	 /* BPF_DEVCG_DEV_BLOCK | BPF_DEVCG_DEV_CHAR */
	uint32_t access; /* BPF_DEVCG_ACC_* */
	int64_t major, minor;
};
struct rules {
	size_t n;
	struct rule *v;
};

#define BLOCK	  BPF_DEVCG_DEV_BLOCK
#define CHAR	  BPF_DEVCG_DEV_CHAR
#define ALL_TYPES (BLOCK | CHAR)
#define MKNOD	  BPF_DEVCG_ACC_MKNOD
#define RWM	  (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | MKNOD)

/* What config-linux.md wants in every /dev works whatever the rules say; runc appends these. */
static const struct rule default_rules[] = {
	{ true, CHAR, MKNOD, ANY, ANY }, /* a node that cannot be opened harms nobody */
	{ true, BLOCK, MKNOD, ANY, ANY }, { true, CHAR, RWM, 1, 3 }, /* null */
	{ true, CHAR, RWM, 1, 8 },				     /* random */
	{ true, CHAR, RWM, 1, 7 },				     /* full */
	{ true, CHAR, RWM, 5, 0 },				     /* tty */
	{ true, CHAR, RWM, 1, 5 },				     /* zero */
	{ true, CHAR, RWM, 1, 9 },				     /* urandom */
	{ true, CHAR, RWM, 136, ANY },				     /* pts/N */
	{ true, CHAR, RWM, 5, 2 },				     /* ptmx */
	{ true, CHAR, RWM, 10, 200 },				     /* net/tun */
};

static uint32_t access_bits(const char *letters)
{
	return (strchr(letters, 'r') ? BPF_DEVCG_ACC_READ : 0) |
	       (strchr(letters, 'w') ? BPF_DEVCG_ACC_WRITE : 0) |
	       (strchr(letters, 'm') ? BPF_DEVCG_ACC_MKNOD : 0);
}

static bool covers_all(const struct rule *r)
{
	return r->types == ALL_TYPES && r->access == RWM && r->major == ANY && r->minor == ANY;
}

/* The decoder has checked the ranges, and that there is a letter of ours. */
static struct rule from_spec(const struct spec_device_rule *s)
{
	return (struct rule){
		.allow = s->allow,
		.types = s->type == 'b' ? BLOCK :
			 s->type == 'c' ? CHAR :
					  ALL_TYPES,
		.access = s->access ? access_bits(s->access) : RWM,
		.major = s->major.set ? s->major.v : ANY,
		.minor = s->minor.set ? s->minor.v : ANY,
	};
}

/* The rules and the default ones, from the last that covers everything: those before it are void. */
static void collect(const struct spec_device_rule *spec, size_t n, struct rules *ret)
{
	ret->v = xmalloc((n + ARRAY_SIZE(default_rules)) * sizeof(*ret->v));
	ret->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct rule r = from_spec(&spec[i]);

		if (covers_all(&r))
			ret->n = 0;
		ret->v[ret->n++] = r;
	}
	memcpy(ret->v + ret->n, default_rules, sizeof(default_rules));
	ret->n += ARRAY_SIZE(default_rules);
}

/* --- v1 --------------------------------------------------------------------------------------- */

/*
 * A v1 cgroup has a default and exceptions to it, where the order does not count. This is what
 * the rules amount to in these terms.
 */
struct state {
	bool allow;
	struct rules except; /* of one type each */
};

static bool overlaps(int64_t a, int64_t b)
{
	return a == ANY || b == ANY || a == b;
}

/* r agrees with the default: take it out of the exceptions. */
static int drop_exceptions(struct state *s, const struct rule *r, struct err *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->except.n; i++) {
		struct rule *x = &s->except.v[i];

		if (x->types == r->types && overlaps(x->major, r->major) &&
		    overlaps(x->minor, r->minor) && (x->access & r->access)) {
			/* The kernel ignores such a line in silence (security/device_cgroup.c): say no. */
			if ((r->major != ANY && x->major == ANY) ||
			    (r->minor != ANY && x->minor == ANY))
				return err_set(
					e, EINVAL,
					"cgroup v1 cannot make an exception for device %" PRId64
					":%" PRId64 " to a rule for a group of devices",
					r->major, r->minor);
			x->access &= ~r->access;
		}
		if (x->access)
			s->except.v[kept++] = *x;
	}
	s->except.n = kept;
	return 0;
}

static void add_exception(struct state *s, const struct rule *r)
{
	for (size_t i = 0; i < s->except.n; i++) {
		struct rule *x = &s->except.v[i];

		if (x->types == r->types && x->major == r->major && x->minor == r->minor) {
			x->access |= r->access;
			return;
		}
	}
	s->except.v[s->except.n++] = *r;
}

/* The state before the first rule is "nothing is allowed", as in runc and as on v2. */
static int amount_to(const struct rules *rules, struct state *s, struct err *e)
{
	s->except.v = xmalloc((2 * rules->n + 1) * sizeof(*s->except.v));
	for (size_t i = 0; i < rules->n; i++) {
		struct rule r = rules->v[i];

		if (covers_all(&r)) {
			s->allow = r.allow;
			s->except.n = 0;
			continue;
		}
		for (uint32_t type = BLOCK; type <= CHAR; type <<= 1) {
			r.types = rules->v[i].types & type;
			if (r.types && r.allow != s->allow)
				add_exception(s, &r);
			else if (r.types && drop_exceptions(s, &r, e) < 0)
				return -1;
		}
	}
	return 0;
}

static char *exception_line(const struct rule *r)
{
	char major[24] = "*", minor[24] = "*";

	if (r->major != ANY)
		snprintf(major, sizeof(major), "%" PRId64, r->major);
	if (r->minor != ANY)
		snprintf(minor, sizeof(minor), "%" PRId64, r->minor);
	return xasprintf("%c %s:%s %s%s%s", r->types == BLOCK ? 'b' : 'c', major, minor,
			 r->access & BPF_DEVCG_ACC_READ ? "r" : "",
			 r->access & BPF_DEVCG_ACC_WRITE ? "w" : "",
			 r->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
}

int device_lines(const struct spec_device_rule *spec, size_t n, struct device_lines *ret,
		 struct err *e)
{
	struct state s = { 0 };
	struct rules rules;
	int r;

	collect(spec, n, &rules);
	r = amount_to(&rules, &s, e);
	*ret = (struct device_lines){ .allows_all = s.allow && !s.except.n,
				      .default_allow = s.allow };
	if (r == 0) {
		ret->v = xmalloc((s.except.n + 1) * sizeof(*ret->v));
		for (size_t i = 0; i < s.except.n; i++)
			ret->v[ret->n++] = exception_line(&s.except.v[i]);
	}
	free(rules.v);
	free(s.except.v);
	return r;
}

void device_lines_done(struct device_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct device_lines){ 0 };
}

/* The kernel takes one line at a write. */
static int write_lines(const char *path, const struct device_lines *l, struct err *e)
{
	auto_close int fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open %s", path);
	for (size_t i = 0; i < l->n; i++) {
		if (write(fd, l->v[i], strlen(l->v[i])) < 0)
			return err_sys(e, "write \"%s\" to %s", l->v[i], path);
	}
	return 0;
}

/* A new cgroup allows what its parent allows: where all is allowed there is nothing to write. */
static int apply_v1(const struct cgroup_dir *d, const struct spec_resources *res, struct err *e)
{
	struct device_lines l = { 0 };
	auto_free char *path = NULL;
	int r;

	if (device_lines(res->devices.v, res->devices.n, &l, e) < 0)
		return -1;
	path = xasprintf("%s/devices.%s", d->path, l.default_allow ? "deny" : "allow");
	if (l.allows_all)
		r = 0;
	else if (cgroup_write(d->path, l.default_allow ? "devices.allow" : "devices.deny", "a") < 0)
		r = err_sys(e, "write \"a\" to %s/devices.%s", d->path,
			    l.default_allow ? "allow" : "deny");
	else
		r = l.n ? write_lines(path, &l, e) : 0;
	device_lines_done(&l);
	return r;
}

/* --- v2: the program -------------------------------------------------------------------------- */

/*
 * The rules from the last to the first, so that the first match decides. Each right asked for is
 * decided by itself: R_WANTED holds those that no rule has allowed yet. To read and to write may
 * come from two rules, and a rule that denies writing also denies "read and write".
 *
 * The verifier follows both sides of every jump, and each costs microseconds on the way to every
 * container: so character and block devices are parted once, and an ordinary rule is one
 * comparison of both numbers, which jumps to a common end. (With one jump each for type, major
 * and minor, and an end for each rule, loading the default rules took 0.37 ms, not 0.07.)
 *
 * Verifiers before Linux 5.3 refuse loops, those before 5.2 more than 4096 instructions, and
 * old ones code that nothing reaches: hence forward jumps only, and no end that nobody jumps to.
 */
enum { R_NUMBERS, R_CTX, R_TYPE, R_WANTED, R_MAJOR, R_MINOR };
#define R_RESULT R_NUMBERS

/* In place of an offset until the program is complete. */
enum { TO_ALLOW = -1, TO_DENY = -2 };

/* dev_t in the kernel (linux/kdev_t.h): what is larger matches no device. */
#define MINOR_BITS 20
#define MAJOR_BITS 12

static void emit(struct device_program *p, uint8_t code, int dst, int src, int16_t off, int32_t imm)
{
	if (p->n == p->size) {
		p->size = p->size ? 2 * p->size : 64;
		p->insns = xrealloc(p->insns, p->size * sizeof(*p->insns));
	}
	p->insns[p->n] = (struct bpf_insn){ .code = code, .off = off, .imm = imm };
	p->insns[p->n].dst_reg = dst & 0xf;
	p->insns[p->n++].src_reg = src & 0xf;
}

static void emit_alu(struct device_program *p, uint8_t op, int reg, int32_t imm)
{
	emit(p, BPF_ALU64 | op | BPF_K, reg, 0, 0, imm);
}

static void emit_return(struct device_program *p, bool allow)
{
	emit_alu(p, BPF_MOV, R_RESULT, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_start(struct device_program *p)
{
	static const struct {
		uint8_t reg;
		size_t offset;
	} loads[] = {
		{ R_TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type) },
		{ R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major) },
		{ R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		emit(p, BPF_LDX | BPF_MEM | BPF_W, loads[i].reg, R_CTX, (int16_t)loads[i].offset,
		     0);
	/* access_type is (access << 16) | type */
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R_WANTED, R_TYPE, 0, 0);
	emit_alu(p, BPF_RSH, R_WANTED, 16);
	emit_alu(p, BPF_AND, R_TYPE, 0xffff);
	/* Both numbers in 32 bits, with the sign that a comparison gives to its immediate. */
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R_NUMBERS, R_MAJOR, 0, 0);
	emit_alu(p, BPF_LSH, R_NUMBERS, 64 - MAJOR_BITS);
	emit_alu(p, BPF_ARSH, R_NUMBERS, 64 - MAJOR_BITS - MINOR_BITS);
	emit(p, BPF_ALU64 | BPF_OR | BPF_X, R_NUMBERS, R_MINOR, 0, 0);
}

static bool can_match(const struct rule *r)
{
	return r->major < 1 << MAJOR_BITS && r->minor < 1 << MINOR_BITS;
}

/* A jump taken when the numbers are (BPF_JEQ) or are not (BPF_JNE) those of r, one of which is set. */
static void emit_compare(struct device_program *p, uint8_t op, const struct rule *r, int16_t off)
{
	uint32_t both = (uint32_t)r->major << MINOR_BITS | (uint32_t)r->minor;

	if (r->major != ANY && r->minor != ANY)
		emit(p, BPF_JMP | op | BPF_K, R_NUMBERS, 0, off, (int32_t)both);
	else if (r->major != ANY)
		emit(p, BPF_JMP | op | BPF_K, R_MAJOR, 0, off, (int32_t)r->major);
	else
		emit(p, BPF_JMP | op | BPF_K, R_MINOR, 0, off, (int32_t)r->minor);
}

/* Returns true when no rule before r matters. */
static bool emit_rule(struct device_program *p, const struct rule *r)
{
	bool any = r->major == ANY && r->minor == ANY;
	size_t skip = p->n;

	if (r->access == RWM && any) {
		emit_return(p, r->allow);
		return true;
	}
	if (r->access == RWM) {
		emit_compare(p, BPF_JEQ, r, r->allow ? TO_ALLOW : TO_DENY);
		return false;
	}
	if (!any)
		emit_compare(p, BPF_JNE, r, 0);
	if (r->allow) {
		emit_alu(p, BPF_AND, R_WANTED, (int32_t)~r->access & RWM);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, R_WANTED, 0, TO_ALLOW, 0);
	} else {
		emit(p, BPF_JMP | BPF_JSET | BPF_K, R_WANTED, 0, TO_DENY, (int32_t)r->access);
	}
	if (!any)
		p->insns[skip].off = (int16_t)(p->n - skip - 1);
	return false;
}

static void emit_rules(struct device_program *p, const struct rules *rules, uint32_t type)
{
	for (size_t i = rules->n; i-- > 0;) {
		if ((rules->v[i].types & type) && can_match(&rules->v[i]) &&
		    emit_rule(p, &rules->v[i]))
			return;
	}
	emit_return(p, false);
}

static void emit_end(struct device_program *p, int16_t which, bool allow)
{
	size_t end = p->n;

	for (size_t i = 0; i < end; i++) {
		if (p->insns[i].off != which)
			continue;
		p->insns[i].off = (int16_t)(end - i - 1);
		if (p->n == end)
			emit_return(p, allow);
	}
}

void device_program(const struct spec_device_rule *spec, size_t n, struct device_program *ret)
{
	struct rules rules;
	size_t part;

	*ret = (struct device_program){ 0 };
	collect(spec, n, &rules);
	ret->allows_all = covers_all(&rules.v[0]);
	for (size_t i = 0; i < rules.n; i++)
		ret->allows_all &= rules.v[i].allow;
	emit_start(ret);
	part = ret->n;
	emit(ret, BPF_JMP | BPF_JEQ | BPF_K, R_TYPE, 0, 0, BLOCK);
	emit_rules(ret, &rules, CHAR);
	ret->insns[part].off = (int16_t)(ret->n - part - 1);
	emit_rules(ret, &rules, BLOCK);
	emit_end(ret, TO_ALLOW, true);
	emit_end(ret, TO_DENY, false);
	free(rules.v);
}

/* --- v2: attaching ---------------------------------------------------------------------------- */

static int attach(int cgroup_fd, int prog_fd, int replace_fd)
{
	union bpf_attr attr = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)prog_fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};

	if (replace_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)replace_fd;
	}
	return sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
}

static int detach(int cgroup_fd, int prog_fd)
{
	union bpf_attr attr = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)prog_fd,
		.attach_type = BPF_CGROUP_DEVICE,
	};

	return sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
}

#define OLD_MAX 64 /* BPF_CGROUP_MAX_PROGS */

/* Descriptors of the programs attached to the cgroup itself; their number, or -1 and errno. */
static int open_attached(int cgroup_fd, int fds[OLD_MAX])
{
	uint32_t ids[OLD_MAX] = { 0 };
	union bpf_attr attr = {
		.query = { .target_fd = (uint32_t)cgroup_fd,
			   .attach_type = BPF_CGROUP_DEVICE,
			   .prog_ids = (uintptr_t)ids,
			   .prog_cnt = OLD_MAX },
	};
	int n = 0;

	if (sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)) < 0)
		return -1;
	for (uint32_t i = 0; i < attr.query.prog_cnt && n < OLD_MAX; i++) {
		fds[n] = device_program_open(ids[i]);
		n += fds[n] >= 0; /* detached meanwhile */
	}
	return n;
}

/*
 * All programs of a cgroup must agree, so the old ones go, and only after the new one has come:
 * there is no moment without rules. BPF_F_REPLACE (Linux 5.6) does both in one.
 */
static int attach_over(int cgroup_fd, int prog_fd, const int *old, int n)
{
	int r = 0;

	if (n == 1 && attach(cgroup_fd, prog_fd, old[0]) == 0)
		return 0;
	if (attach(cgroup_fd, prog_fd, -1) < 0)
		return -1;
	for (int i = 0; i < n; i++)
		r |= detach(cgroup_fd, old[i]);
	return r;
}

static int install(const struct cgroup_dir *d, int prog_fd, struct err *e)
{
	auto_close int dir = fd_open(AT_FDCWD, d->path, O_RDONLY | O_DIRECTORY, 0, e);
	int old[OLD_MAX], n = 0, r;

	if (dir < 0)
		return -1;
	/* The cgroup that we have just made has none. */
	if (!d->made)
		n = open_attached(dir, old);
	if (n < 0)
		return err_sys(e, "query the device programs of %s", d->path);
	r = attach_over(dir, prog_fd, old, n);
	if (r < 0)
		err_sys(e, "attach the device program to %s", d->path);
	for (int i = 0; i < n; i++)
		close(old[i]);
	return r;
}

/* All is allowed: a program that an earlier user of the directory has left must go, if we may. */
static void uninstall(const struct cgroup_dir *d)
{
	auto_close int dir = openat(AT_FDCWD, d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int old[OLD_MAX], n = dir < 0 ? 0 : open_attached(dir, old);

	for (int i = 0; i < n; i++) {
		(void)detach(dir, old[i]);
		close(old[i]);
	}
}

static int load_failed(struct err *e)
{
	if (errno != EINVAL && errno != ENOSYS)
		return err_sys(e, "load the eBPF program for devices");
	return err_sys(e, "load the eBPF program for devices (is CONFIG_CGROUP_BPF set?)");
}

static int apply_v2(const struct cgroup_dir *d, const struct spec_resources *res, int shared_fd,
		    struct err *e)
{
	auto_close int fd = -1;
	auto_free struct bpf_insn *insns = NULL;
	struct device_program p;

	device_program(res->devices.v, res->devices.n, &p);
	insns = p.insns;
	if (p.allows_all) {
		if (!d->made)
			uninstall(d);
		return 0;
	}
	/* None can be attached twice, and who knows what is attached to a cgroup of others. */
	fd = device_program_get(&p, d->made ? shared_fd : -1);
	return fd < 0 ? load_failed(e) : install(d, fd, e);
}

/* Without the right, or without the kernel's part: what nobody asked for is not worth an error. */
static bool may_go_without(const struct err *e)
{
	return e->code == EPERM || e->code == EACCES || e->code == EROFS || e->code == ENOSYS ||
	       e->code == EINVAL;
}

/* A configuration without rules means the default ones alone, as with runc: closed, not open. */
int cgroup_apply_devices(const struct cgroup *cg, const struct spec_resources *res, int shared_fd,
			 struct err *e)
{
	static const struct spec_resources none;
	bool asked = res && res->devices.n;
	const struct cgroup_dir *d;
	bool v2;
	int r;

	d = cgroup_serving(cg, "devices", &v2);
	if (!d && !asked)
		return 0;
	res = res ? res : &none;
	if (!d)
		r = err_set(
			e, EOPNOTSUPP,
			"cannot set devices: the \"devices\" cgroup controller is not available");
	else
		r = v2 ? apply_v2(d, res, shared_fd, e) : apply_v1(d, res, e);
	if (r == 0 || (!asked && may_go_without(e)))
		return 0;
	return err_at_key(e, "devices");
}
