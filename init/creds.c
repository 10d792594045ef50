/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the program is: groups, ids, capabilities, no_new_privs, umask, the owner of its stdio.
 * Runs in stage 2, just before execve; the order is the table's in init.c.
 */
#include "init/init.h"
#include "state/spec/annotations.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int creds_no_new_privs(struct init *in, struct err *e)
{
	if (in->a->process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "set no_new_privs");
	return 0;
}

int creds_umask(struct init *in, struct err *e)
{
	const struct spec_user *u = in->a->process->user;

	(void)e;
	umask(u->umask.set ? (mode_t)u->umask.v & 0777 : 0022);
	return 0;
}

/*
 * The program must be able to open its own stdio again through /dev/stdout. Only what is a pipe or
 * a terminal is given away: a file or a device belongs to somebody else (CVE-2026-88265).
 */
int creds_stdio(struct init *in, struct err *e)
{
	uid_t uid = (uid_t)in->a->process->user->uid.v;
	struct stat st;

	(void)e;
	/* The host's root opens them all. */
	if (uid == 0 && !init_in_user_ns(in))
		return 0;
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || st.st_uid == uid)
			continue;
		if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd)))
			(void)!fchown(fd, uid, (gid_t)-1);
	}
	return 0;
}

static int explain_id(const char *what, uint64_t id, struct err *e)
{
	if (errno == EINVAL)
		return err_set(e, EINVAL, "cannot set%s to unmapped %s %llu in user namespace",
			       what, what, (unsigned long long)id);
	return err_sys(e, "set%s %llu", what, (unsigned long long)id);
}

/* Which one the kernel does not take; it says so of all at once only. */
static void explain_groups(const gid_t *list, size_t n, struct err *e)
{
	err_sys(e, "setgroups");
	for (size_t i = 0; e->code == EINVAL && i < n; i++) {
		if (sys_setgroups(1, &list[i]) == 0)
			continue;
		err_set(e, EINVAL, "cannot setgroups to unmapped gid %u in user namespace",
			list[i]);
		err_at_index(e, i);
		return;
	}
}

/*
 * user_namespaces(7): "deny" in /proc/PID/setgroups, in a namespace of the container's own or in
 * that of a hull which has been put into one. Elsewhere the caller's groups must not stay.
 */
static bool is_denied(const struct init *in)
{
	auto_close int fd = open("/proc/self/setgroups", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	char word[8] = "";

	if (fd < 0 || !fd_is_on(fd, PROC_SUPER_MAGIC) || read(fd, word, sizeof(word) - 1) <= 0)
		return init_in_user_ns(in); /* no /proc in the container that would say it */
	return str_starts(word, "deny");
}

static int set_groups(struct init *in, struct err *e)
{
	const struct spec_user *u = in->a->process->user;
	auto_free gid_t *list = xmalloc(u->additional_gids.n * sizeof(*list));
	int code;

	if (in->a->deny_setgroups || spec_annotation(in->a->spec, ANNOTATION_KEEP_GROUPS))
		return 0;
	for (size_t i = 0; i < u->additional_gids.n; i++)
		list[i] = (gid_t)u->additional_gids.v[i].v;
	if (sys_setgroups(u->additional_gids.n, list) == 0)
		return 0;
	code = errno;
	if (code == EPERM && is_denied(in))
		return 0;
	errno = code;
	explain_groups(list, u->additional_gids.n, e);
	return err_at_key(e, "additionalGids");
}

static int set_ids(struct init *in, struct err *e)
{
	const struct spec_user *u = in->a->process->user;

	if (set_groups(in, e) < 0)
		return -1;
	if (sys_setresgid((gid_t)u->gid.v) < 0) {
		explain_id("gid", u->gid.v, e);
		return err_at_key(e, "gid");
	}
	if (sys_setresuid((uid_t)u->uid.v) < 0) {
		explain_id("uid", u->uid.v, e);
		return err_at_key(e, "uid");
	}
	return 0;
}

/* libcap's constructor, which bats/deps.sh makes a plain function: it may be called twice. */
extern void _libcap_initialize(void);

#define CAPS_MIN 38 /* every kernel that hull runs on has so many (CAP_AUDIT_READ, Linux 3.16) */

/*
 * Until the kernel knows no more of them. That a number is too high is asked twice, and not believed of
 * one that has always been there: an error must not leave the rest of the set as it is.
 */
static int drop_bounding(uint64_t keep, struct err *e)
{
	for (int c = 0; c < 64; c++) {
		if (keep & 1ULL << c || prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL && c >= CAPS_MIN && prctl(PR_CAPBSET_READ, c, 0, 0, 0) < 0 &&
		    errno == EINVAL)
			return 0;
		return err_sys(e, "drop capability %d from the bounding set", c);
	}
	return 0;
}

static int at_capabilities(struct err *e)
{
	err_at_key(e, "capabilities");
	return err_at_key(e, "process");
}

static const struct spec_capabilities *capabilities(const struct init *in)
{
	static const struct spec_capabilities none;

	return in->a->process->capabilities ? in->a->process->capabilities : &none;
}

int creds_drop_bounding(struct init *in, struct err *e)
{
	if (in->bounded)
		return 0;
	in->bounded = true;
	return drop_bounding(capabilities(in)->bounding.mask, e) < 0 ? at_capabilities(e) : 0;
}

static void set_flag(cap_t caps, cap_flag_t flag, uint64_t mask)
{
	cap_value_t list[64];
	int n = 0;

	/* What the kernel does not know is left out (config.md, Linux Process: a warning). */
	for (cap_value_t c = 0; c < cap_max_bits() && c < 64; c++) {
		if (mask & 1ULL << c)
			list[n++] = c;
	}
	if (n)
		cap_set_flag(caps, flag, n, list, CAP_SET);
}

static int set_process(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	cap_t caps = cap_init();
	int r;

	if (!caps)
		return -1;
	set_flag(caps, CAP_EFFECTIVE, effective);
	set_flag(caps, CAP_PERMITTED, permitted);
	set_flag(caps, CAP_INHERITABLE, inheritable);
	r = cap_set_proc(caps);
	cap_free(caps);
	return r;
}

/* What we have ourselves: all that we can give. */
static uint64_t grantable(void)
{
	cap_t caps = cap_get_proc();
	uint64_t mask = 0;

	for (cap_value_t c = 0; caps && c < cap_max_bits() && c < 64; c++) {
		cap_flag_value_t on = CAP_CLEAR;

		if (cap_get_flag(caps, c, CAP_PERMITTED, &on) == 0 && on == CAP_SET)
			mask |= 1ULL << c;
	}
	cap_free(caps);
	return mask;
}

/*
 * config.md, Linux Process: "Runtimes SHOULD NOT fail if the container configuration requests
 * capabilities that cannot be granted". hull has warned of them.
 */
static int set_sets(const struct spec_capabilities *c, uint64_t *ret_have, struct err *e)
{
	uint64_t have;

	*ret_have = UINT64_MAX;
	if (set_process(c->effective.mask, c->permitted.mask, c->inheritable.mask) == 0)
		return 0;
	*ret_have = have = grantable();
	if (set_process(c->effective.mask & have, c->permitted.mask & have,
			c->inheritable.mask & have) == 0)
		return 0;
	return err_sys(e, "set the capabilities");
}

/*
 * Each is permitted and inheritable, or the kernel would refuse it (capabilities(7)); it does refuse
 * all of them to whom a caller has forbidden it for good.
 */
static int set_ambient(uint64_t mask, struct err *e)
{
	for (cap_value_t c = 0; mask && c < cap_max_bits(); c++) {
		if (!(mask & 1ULL << c) || cap_set_ambient(c, CAP_SET) == 0)
			continue;
		err_sys(e, "raise the ambient capability %d", c);
		return prctl(PR_GET_SECUREBITS) & SECBIT_NO_CAP_AMBIENT_RAISE ? 0 : -1;
	}
	return 0;
}

/*
 * In this order: the bounding set while CAP_SETPCAP is there; the ids with the capabilities kept,
 * which the change of user would clear; then the sets; the ambient set last, since each of it must
 * be permitted and inheritable by then (capabilities(7)).
 */
int creds_apply(struct init *in, struct err *e)
{
	const struct spec_capabilities *c = capabilities(in);
	uint64_t have;

	_libcap_initialize();
	if (cap_max_bits() < CAPS_MIN) {
		err_set(e, EIO, "the kernel does not say which capabilities it has");
		return at_capabilities(e);
	}
	if (creds_drop_bounding(in, e) < 0)
		return -1;
	if (in->a->process->user->uid.v && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) {
		err_sys(e, "keep capabilities");
		return at_capabilities(e);
	}
	if (set_ids(in, e) < 0) {
		err_at_key(e, "user");
		return err_at_key(e, "process");
	}
	/* The caller's own. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
		err_sys(e, "clear the ambient capabilities");
		return at_capabilities(e);
	}
	if (set_sets(c, &have, e) == 0 &&
	    set_ambient(c->ambient.mask & c->inheritable.mask & c->permitted.mask & have, e) == 0)
		return 0;
	return at_capabilities(e);
}
