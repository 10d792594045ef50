/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create, run and restore, hull's side: the configuration, and the record of what is about to be
 * made (state/record.h), by which `delete --force` finds what a killed hull leaves.
 */
#include "cmd/launch/create.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/spec/spec_cache.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/systemd/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

bool launch_is_rootless(const char *option)
{
	if (str_empty(option) || !strcmp(option, "auto"))
		return geteuid() != 0 || root_is_of_user_ns();
	return !strcmp(option, "true") || !strcmp(option, "1");
}

/*
 * realpath(3) of a directory, and the directory itself; one call for a path without links, which
 * is most of them. NULL and errno without it.
 */
static char *real_directory(const char *path, int *ret_fd)
{
	char *clean = NULL, *real;
	int fd = -1;

	if (*path == '/' && !strstr(path, "..")) {
		clean = path_clean(path);
		fd = sys_openat2(AT_FDCWD, clean, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
	}
	if (fd >= 0) {
		*ret_fd = fd;
		return clean;
	}
	free(clean);
	real = realpath(path, NULL);
	*ret_fd = real ? open(real, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	return *ret_fd < 0 ? NULL : real;
}

/* --config is relative to where hull was called, not to the bundle, as with crun. */
static int read_file(struct launch *l, int bundle, struct err *e)
{
	const char *file = l->o->config_file;

	if (str_empty(file))
		return prepare_config(&l->p, bundle, "config.json", e);
	return prepare_config(&l->p, AT_FDCWD, file, e);
}

int launch_read_config(struct launch *l, struct err *e)
{
	const char *path = str_empty(l->o->bundle) ? "." : l->o->bundle;
	auto_close int dir = -1;

	/* The configuration is kept in ROOT/ID, which is bundle enough. */
	if (l->o->config.n) {
		l->bundle = path_join(l->g->root.path, l->o->id);
		return prepare_text(&l->p, &l->o->config, e);
	}
	l->bundle = real_directory(path, &dir);
	if (!l->bundle)
		return err_sys(e, "bundle %s", path);
	return read_file(l, dir, e);
}

/* A link to the root file system is followed once, here, and its end is what counts from then on. */
int launch_find_rootfs(struct launch *l, struct err *e)
{
	auto_free char *path = path_join(l->bundle, l->p.spec->root->path);
	auto_close int dir = -1;

	l->rootfs = real_directory(path, &dir);
	if (!l->rootfs)
		err_sys(e, "rootfs %s", path);
	else if (!strcmp(l->rootfs, "/"))
		err_set(e, EINVAL, "rootfs is the host's own root");
	else
		return 0;
	err_at_key(e, "path");
	return err_at_key(e, "root");
}

static int state_failed(const struct launch *l, struct err *e)
{
	if (e->code == ENOSPC || e->code == EDQUOT)
		err_wrap(e, "the state directory %s is full", l->g->root.path);
	return -1;
}

int launch_write_snapshot(struct launch *l, struct err *e)
{
	auto_close int fd =
		fd_open(l->c.dir_fd, RECORD_CONFIG, O_WRONLY | O_CREAT | O_EXCL, 0600, e);

	if (fd < 0)
		return state_failed(l, e);
	if (fd_write_all(fd, l->p.config, l->p.n_config) < 0) {
		err_sys(e, "write %s", RECORD_CONFIG);
		return state_failed(l, e);
	}
	/* For the exec probes. */
	if (launch_stays(l))
		spec_cache_write(l->c.dir_fd, RECORD_DECODED, fd, &l->p.arena, l->p.decoded,
				 l->p.spec);
	return 0;
}

int launch_at_rdt(struct err *e)
{
	err_at_key(e, "intelRdt");
	return err_at_key(e, "linux");
}

int launch_find_rdt(struct launch *l, struct err *e)
{
	const struct spec_intel_rdt *s = l->p.spec->linux_->intel_rdt;

	if (!s)
		return 0;
	l->rdt.root_fd = rdt_open_root(e);
	return l->rdt.root_fd < 0 || rdt_locate(&l->rdt, s, l->o->id, e) < 0 ? launch_at_rdt(e) : 0;
}

int launch_make_rdt(struct launch *l, struct err *e)
{
	const struct spec_intel_rdt *s = l->p.spec->linux_->intel_rdt;

	if (!s || (rdt_make(&l->rdt, s, e) == 0 && rdt_configure(&l->rdt, s, e) == 0))
		return 0;
	return launch_at_rdt(e);
}

/*
 * Where the cgroups will be. Those of a user's systemd are below its own, which nobody knows who
 * has not asked: they are read when they are there, and until then the unit says what to clean.
 */
static int locate_cgroup(struct launch *l, struct err *e)
{
	struct record *r = &l->rec;
	const char *path = l->g->systemd_cgroup ? l->unit.path : l->p.spec->linux_->cgroups_path;

	if (l->g->no_cgroup && !str_empty(path)) {
		err_set(e, EINVAL, "--cgroup-manager disabled makes no cgroup %s", path);
		err_at_key(e, "cgroupsPath");
		return err_at_key(e, "linux");
	}
	if (l->g->no_cgroup)
		return 0;
	if (cgroup_locate(&r->cgroup, path, l->c.id, e) < 0)
		return -1;
	if (!l->g->systemd_cgroup)
		return 0;
	l->v2 = r->cgroup.layout == CGROUP_V2;
	r->unit = (char *)l->unit.name;
	if (r->unit_of_user)
		cgroup_done(&r->cgroup);
	return 0;
}

/* With config.json that says which unit, should the record be damaged one day. */
static int write_whose_unit(struct launch *l, struct err *e)
{
	const char *text = l->rec.unit_of_user ? "user" : "system";

	return fd_write_atomic(l->c.dir_fd, RECORD_UNIT, text, strlen(text), 0600, e);
}

/*
 * A checkpoint needs to know which pipes are the caller's, however the program moves them; and it can
 * hold no file of the host.
 */
static void note_stdio(struct launch *l)
{
	struct stat st;

	if (l->p.spec->process->terminal)
		return;
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0)
			continue;
		if (S_ISFIFO(st.st_mode))
			l->rec.stdio_pipes[fd] = st.st_ino;
		else if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
			l->p.args->null_stdio |= 1u << fd;
	}
}

/* What create is about to make, before any of it exists. */
int launch_write_journal(struct launch *l, struct err *e)
{
	struct record *r = &l->rec;
	const struct spec *s = l->p.spec;
	int all = spec_namespace_flags(s);

	r->oci_version = s->oci_version;
	r->id = l->c.id;
	r->bundle = l->bundle;
	r->rootfs = l->rootfs;
	r->phase = RECORD_CREATING;
	r->creator = getpid();
	r->created = sys_clock_ns(CLOCK_REALTIME);
	r->owner = (uid_t)getauxval(AT_EUID);
	r->in_user_ns = all & CLONE_NEWUSER;
	r->in_pid_ns = (all & CLONE_NEWPID) && str_empty(spec_namespace(s, CLONE_NEWPID)->path);
	note_stdio(l);
	r->has_listener = spec_notifies(s->linux_->seccomp);
	r->annotations = s->annotations;
	r->rdt_group = l->rdt.owned ? l->rdt.group : NULL;
	r->rdt_monitor = l->rdt.monitor;
	if (!(all & CLONE_NEWNS) && record_find_mount(l->rootfs, &r->host_mount, e) < 0)
		return -1;
	if (proc_start_time(r->creator, &r->creator_start) < 0)
		return err_sys(e, "read /proc/self/stat");
	/* On a file system that ends with the kernel nobody asks for it (record_same_boot()). */
	r->in_memory = fd_is_on(l->c.dir_fd, TMPFS_MAGIC);
	if ((!r->in_memory && boot_id_read(r->boot_id, e) < 0) || locate_cgroup(l, e) < 0)
		return -1;
	if ((r->unit && write_whose_unit(l, e) < 0) || record_write(l->c.dir_fd, r, e) < 0)
		return state_failed(l, e);
	return 0;
}

int launch_find_unit(struct launch *l, struct err *e)
{
	const struct spec_linux *s = l->p.spec->linux_;

	if (!l->g->systemd_cgroup)
		return 0;
	if (systemd_check(e) < 0)
		return -1;
	l->rec.unit_of_user = launch_is_rootless(l->g->rootless);
	if (unit_parse(s->cgroups_path, l->o->id, l->rec.unit_of_user, &l->p.arena, &l->unit, e) <
	    0) {
		err_at_key(e, "cgroupsPath");
		return err_at_key(e, "linux");
	}
	if (s->resources && s->resources->cpu)
		unit_round_quota(s->resources->cpu);
	return 0;
}
