/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.hull.landlock.*: the kernel takes paths and ports from the program and all that it starts, for good
 * (landlock(7)). The rules are made when the container is created, of paths resolved below its root,
 * and apply from `start` on, to startContainer hooks, too; exec makes the same rules of its own.
 */
#include "init/init.h"
#include "init/base/inside.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/spec/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <unistd.h>

static int add_file(int rules, int fd, uint64_t access, uint64_t handled, struct err *e)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access & handled,
						   .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= landlock_file_rights();
	if (!rule.allowed_access || sys_landlock_add(rules, LANDLOCK_RULE_PATH_BENEATH, &rule) == 0)
		return 0;
	return err_sys(e, "landlock_add_rule");
}

static int add_path(const struct init *in, int rules, const struct landlock_rule *r,
		    uint64_t handled, struct err *e)
{
	auto_close int fd = inside_open(in->root_fd, r->path, 0);

	if (fd < 0 && errno == ENOENT && r->optional)
		return 0;
	if (fd >= 0 && add_file(rules, fd, r->access, handled, e) == 0)
		return 0;
	if (fd < 0)
		err_sys(e, "open");
	return err_wrap(e, "\"%.200s\"", r->path);
}

static int add_ports(int rules, const struct landlock_rule *r, uint64_t handled, struct err *e)
{
	struct sys_landlock_port rule = { .access = r->access & handled };

	for (unsigned p = r->first; rule.access && p <= r->last; p++) {
		rule.port = p;
		if (sys_landlock_add(rules, SYS_LANDLOCK_RULE_PORT, &rule) < 0)
			return err_sys(e, "landlock_add_rule: port %u", p);
	}
	return 0;
}

/* What this kernel does not know is left out: whether that may be, hull has looked (state/lsm.c). */
static void limit_to(struct sys_landlock_ruleset *set, const struct landlock *l, int abi)
{
	*set = (struct sys_landlock_ruleset){ .fs = l->fs & landlock_fs_of(abi),
					      .net = abi >= 4 ? l->net : 0,
					      .scoped = abi >= 6 ? l->scoped : 0 };
}

static int add_rules(const struct init *in, const struct landlock *l,
		     const struct sys_landlock_ruleset *set, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct landlock_rule *r = &l->rules[i];

		if (r->path ? add_path(in, in->landlock_fd, r, set->fs, e) < 0 :
			      add_ports(in->landlock_fd, r, set->net, e) < 0) {
			err_at_key(e, r->key);
			return err_at_key(e, "annotations");
		}
	}
	/* The handler is a file of the host, which no path of the container leads to. */
	if (set->fs && in->handled)
		return add_file(in->landlock_fd, in->a->handler_fd,
				LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE, set->fs,
				e);
	return 0;
}

int landlock_make_rules(struct init *in, struct err *e)
{
	struct sys_landlock_ruleset set;
	struct landlock l;
	const char *what;
	int abi, needs, r = 0;

	if (landlock_read(in->a->spec, &l, e) < 0)
		return -1;
	needs = landlock_needs(&l, &what);
	abi = needs ? sys_landlock_abi() : 0;
	limit_to(&set, &l, abi);
	if (abi < needs && !l.best_effort)
		r = err_set(e, ENOTSUP, "Landlock: this kernel cannot restrict %s", what);
	else if (set.fs || set.net || set.scoped) {
		in->landlock_fd = sys_landlock_create(&set);
		r = in->landlock_fd < 0 ? err_sys(e, "landlock_create_ruleset") :
					  add_rules(in, &l, &set, e);
	}
	landlock_done(&l);
	return r;
}

int landlock_enter(struct init *in, struct err *e)
{
	if (in->landlock_fd < 0)
		return 0;
	if (sys_landlock_restrict(in->landlock_fd) < 0)
		return err_sys(e, "landlock_restrict_self");
	cleanup_close(&in->landlock_fd);
	in->landlock_fd = -1;
	in->landlocked = true;
	return 0;
}
