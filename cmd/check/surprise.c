/* SPDX-License-Identifier: Apache-2.0 */
/* What is legal, and may not be what was meant. */
#include "cmd/check/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/str.h"
#include "state/base/sys.h"

static bool lists(const struct str_array *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->v[i], path))
			return true;
	}
	return false;
}

static void host_namespaces(struct check *c)
{
	static const struct {
		int type;
		const char *text;
	} rows[] = {
		{ CLONE_NEWPID,
		  "no pid namespace: the container sees and may signal the host's processes, and its own "
		  "live on when its first one ends" },
		{ CLONE_NEWNET,
		  "no network namespace: the container has the host's network, abstract sockets included" },
		{ CLONE_NEWIPC,
		  "no ipc namespace: System V IPC and message queues are the host's" },
		{ CLONE_NEWNS, "no mount namespace: its mounts are the host's" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!spec_namespace(c->spec, rows[i].type))
			check_say(c, CHECK_WARNING, "/linux/namespaces", "%s", rows[i].text);
	}
}

static void rights(struct check *c)
{
	static const int strong[] = { CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_SYS_PTRACE,
				      CAP_SYS_RAWIO, CAP_BPF,	     CAP_DAC_READ_SEARCH,
				      CAP_SYS_BOOT };
	const struct spec_process *p = c->spec->process;
	bool user_ns = spec_namespace(c->spec, CLONE_NEWUSER) != NULL;

	for (size_t i = 0; p->capabilities && !user_ns && i < ARRAY_SIZE(strong); i++) {
		if (p->capabilities->bounding.mask >> strong[i] & 1)
			check_say(
				c, CHECK_WARNING, "/process/capabilities/bounding",
				"%s in the host's user namespace: with it a program can leave the "
				"container",
				name_of(cap_names, strong[i]));
	}
	if (!c->spec->linux_->seccomp)
		check_say(c, CHECK_WARNING, "/linux/seccomp",
			  "no seccomp profile: every system call of the kernel is in reach");
	if (p->oom_score_adj.set && p->oom_score_adj.v == -1000)
		check_say(c, CHECK_WARNING, "/process/oomScoreAdj",
			  "-1000: the OOM killer ends anything but this container");
}

static void writable_proc(struct check *c)
{
	const struct spec_linux *l = c->spec->linux_;
	const struct spec_mount *proc = NULL;
	bool user_ns = spec_namespace(c->spec, CLONE_NEWUSER) != NULL;

	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		if (spec_mount_is(&c->spec->mounts.v[i], "proc"))
			proc = &c->spec->mounts.v[i];
	}
	if (!proc || user_ns || spec_mount_has(proc, "ro"))
		return;
	if (!lists(&l->readonly_paths, "/proc/sys"))
		check_say(c, CHECK_WARNING, "/linux/readonlyPaths",
			  "/proc/sys is not among them: root inside changes the host's kernel");
	if (!lists(&l->readonly_paths, "/proc/sysrq-trigger") &&
	    !lists(&l->masked_paths, "/proc/sysrq-trigger"))
		check_say(c, CHECK_WARNING, "/linux/readonlyPaths",
			  "/proc/sysrq-trigger is not among them: root inside may reboot the host");
	if (!lists(&l->masked_paths, "/proc/kcore"))
		check_say(c, CHECK_WARNING, "/linux/maskedPaths",
			  "/proc/kcore is not among them: root inside reads the host's memory");
}

static void mounts(struct check *c)
{
	char pointer[64];

	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct spec_mount *m = &c->spec->mounts.v[i];
		auto_free char *source =
			spec_mount_is_bind(m) && m->source ? check_path(c, m->source) : NULL;

		check_at(pointer, "mounts", i);
		if (spec_mount_has(m, "rshared") || spec_mount_has(m, "shared"))
			check_say(c, CHECK_WARNING, pointer,
				  "shared propagation: what is mounted inside appears on the host");
		if (source && !strcmp(source, "/"))
			check_say(c, CHECK_WARNING, pointer, "the host's whole file system");
		if (source &&
		    (str_ends(source, "/docker.sock") || str_ends(source, "/containerd.sock") ||
		     str_ends(source, "/crio.sock") || str_ends(source, "/podman.sock")))
			check_say(c, CHECK_WARNING, pointer,
				  "the socket of an engine: who has it is root on the host");
		if (m->destination[0] != '/')
			check_say(
				c, CHECK_WARNING, pointer,
				"the destination is relative, which is deprecated: it is taken as "
				"relative to /");
	}
}

static void limits(struct check *c)
{
	const struct spec_resources *r = c->spec->linux_->resources;
	bool all = true;

	if (!r || !r->memory || !r->memory->limit.set || r->memory->limit.v <= 0)
		check_say(c, CHECK_WARNING, "/linux/resources/memory",
			  "no limit: the container may take all of the machine's memory");
	if (!r || !r->pids || !r->pids->limit.set || r->pids->limit.v <= 0)
		check_say(c, CHECK_WARNING, "/linux/resources/pids",
			  "no limit: a fork bomb inside takes the machine");
	for (size_t i = 0; r && i < r->devices.n; i++)
		all = r->devices.v[i].type == 'a' ? r->devices.v[i].allow : all;
	if (all)
		check_say(c, CHECK_WARNING, "/linux/resources/devices",
			  "every device of the host may be opened, if its node is there");
}

/* Programs that run as their owner, in the usual directories of the root file system. */
static size_t count_setuid(int root_fd, const char *dir, char *first, size_t size)
{
	int fd = fd_open_in_root(root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *de;
	struct stat st;
	size_t n = 0;

	while (d && (de = readdir(d))) {
		if (fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		    !(st.st_mode & S_ISUID))
			continue;
		if (!n++ && !*first)
			snprintf(first, size, "/%s/%s", dir, de->d_name);
	}
	if (d)
		closedir(d);
	return n;
}

static void setuid_programs(struct check *c)
{
	static const char *const dirs[] = { "bin",	"sbin",		 "usr/bin",
					    "usr/sbin", "usr/local/bin", "usr/local/sbin" };
	auto_free char *rootfs = check_path(c, c->spec->root->path);
	auto_close int root_fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char first[300] = "";
	struct stat st;
	size_t n = 0;

	if (c->spec->process->no_new_privileges || root_fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		/* /bin is a link to /usr/bin mostly. */
		if (fstatat(root_fd, dirs[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			n += count_setuid(root_fd, dirs[i], first, sizeof(first));
	}
	if (n)
		check_say(c, CHECK_WARNING, "/process/noNewPrivileges",
			  "it is off, and the image has %zu setuid program%s (%s)", n,
			  n > 1 ? "s" : "", first);
}

void check_surprise(struct check *c)
{
	host_namespaces(c);
	rights(c);
	writable_proc(c);
	mounts(c);
	limits(c);
	setuid_programs(c);
}
