/* SPDX-License-Identifier: Apache-2.0 */
/* The root file system, the program in it, and the programs of hooks. */
#include "cmd/check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/line/try.h"
#include "init/init.h"
#include "nsexec/process/why.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/* --- Programs --------------------------------------------------------------------------------- */

/*
 * What is wrong with a program by this name here, or false. The user is who asks; execve(2) has the
 * last word, which is only asked when a container is made.
 */
static bool wrong_program(const char *path, char *buf, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == EACCES && access(path, X_OK) == 0)
		return false; /* it may be executed, and not read */
	if (fd < 0) {
		snprintf(buf, size, "%s", errno_text(errno));
		return true;
	}
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		snprintf(buf, size, "it is %s", S_ISDIR(st.st_mode) ? "a directory" : "no file");
	else if (!(st.st_mode & 0111))
		snprintf(buf, size, "it is not executable (mode %03o)", st.st_mode & 07777);
	else
		return why_not_executable(fd, ENOENT, buf, size) ||
		       why_not_executable(fd, ENOEXEC, buf, size);
	return true;
}

struct program {
	const struct check *c;
	const char *rootfs;
	int report_fd; /* of a pipe: the text of what is wrong, nothing when all is well */
};

/* The directories of PATH in the environment of the process, as init looks for programs. */
static const char *path_of(const struct spec_process *p)
{
	const char *found = "";

	for (size_t i = 0; i < p->env.n; i++) {
		if (str_starts(p->env.v[i], "PATH="))
			found = p->env.v[i] + strlen("PATH=");
	}
	return found;
}

/* Bind what the configuration binds, where its place is there already; the others are said to be unseen. */
static void bind_mounts(const struct program *p)
{
	for (size_t i = 0; i < p->c->spec->mounts.n; i++) {
		const struct spec_mount *m = &p->c->spec->mounts.v[i];
		auto_free char *source = NULL;
		auto_close int at = -1, root = -1;
		char fd[40];

		if (!spec_mount_is_bind(m) || str_empty(m->source))
			continue;
		source = check_path(p->c, m->source);
		root = open(p->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
		at = root < 0 ? -1 : fd_open_in_root(root, m->destination, O_PATH, 0);
		snprintf(fd, sizeof(fd), "/proc/self/fd/%d", at);
		if (at >= 0 && mount(source, fd, NULL, MS_BIND | MS_REC, NULL) < 0)
			continue; /* told of by check_mounts() */
	}
}

/* Runs where the bundle's root is /. */
static void look_for_program(const struct program *p)
{
	const struct spec_process *proc = p->c->spec->process;
	const char *name = proc->args.v[0];
	auto_free char *path = NULL;
	char why[512];

	if (chdir(proc->cwd) < 0 && errno != ENOENT)
		dprintf(p->report_fd, "/process/cwd\n\"%s\": %s\n", proc->cwd, errno_text(errno));
	if (strchr(name, '/')) {
		path = xstrdup(name);
	} else if (start_search(path_of(proc), name, &path) != 0) {
		dprintf(p->report_fd,
			"/process/args/0\n\"%s\" is in no directory of the container's PATH (%.300s)\n",
			name, path_of(proc));
		return;
	}
	if (wrong_program(path, why, sizeof(why)))
		dprintf(p->report_fd, "/process/args/0\n\"%s\": %s\n", path, why);
}

static int in_root(void *arg)
{
	const struct program *p = arg;

	if (mount(p->rootfs, p->rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno;
	bind_mounts(p);
	if (chroot(p->rootfs) < 0 || chdir("/") < 0)
		return errno;
	look_for_program(p);
	return 0;
}

/* What a child says about the program, as pairs of lines. */
static void read_report(struct check *c, int fd)
{
	auto_free char *text = NULL;
	char *line, *rest;
	struct err e;

	if (fd_read_all(fd, 65536, &text, NULL, &e) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n")) && *line && rest) {
		const char *said = strsep(&rest, "\n");
		const struct spec_mount *m;

		/* In a mount that is made only in the container it may still be. */
		m = str_starts(line, "/process/args") ?
			    check_mount_of(c, c->spec->process->args.v[0]) :
			    NULL;
		check_say(c, m && !spec_mount_is_bind(m) ? CHECK_UNSEEN : CHECK_ERROR, line, "%s",
			  said);
	}
}

static void check_program(struct check *c, const char *rootfs)
{
	int ends[2], code;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		check_say(c, CHECK_UNSEEN, "/process/args/0", "%s", errno_text(errno));
		return;
	}
	struct program p = { c, rootfs, ends[1] };

	code = try_keeping(CLONE_NEWNS, in_root, &p, ends[1]);
	close(ends[1]);
	if (code)
		check_say(c, CHECK_UNSEEN, "/process/args/0",
			  "the program could not be looked for in %s: %s", rootfs,
			  errno_text(code));
	else
		read_report(c, ends[0]);
	close(ends[0]);
}

/* --- Root ------------------------------------------------------------------------------------- */

void check_root(struct check *c)
{
	auto_free char *rootfs = check_path(c, c->spec->root->path);
	struct stat st;

	if (stat(rootfs, &st) < 0)
		check_say(c, CHECK_ERROR, "/root/path", "%s: %s", rootfs, errno_text(errno));
	else if (!S_ISDIR(st.st_mode))
		check_say(c, CHECK_ERROR, "/root/path", "%s is not a directory", rootfs);
	else if (access(rootfs, R_OK | X_OK) < 0)
		check_say(c, CHECK_ERROR, "/root/path", "%s: %s", rootfs, errno_text(errno));
	else
		check_program(c, rootfs);
}

/* --- Hooks ------------------------------------------------------------------------------------ */

static void check_list(struct check *c, const char *name, const struct spec_hook_list *l,
		       bool inside)
{
	char pointer[64], why[512];

	for (size_t i = 0; i < l->n; i++) {
		snprintf(pointer, sizeof(pointer), "/hooks/%s/%zu/path", name, i);
		/* startContainer hooks are programs of the container. */
		if (!inside && wrong_program(l->v[i].path, why, sizeof(why)))
			check_say(c, CHECK_ERROR, pointer, "%s: %s", l->v[i].path, why);
	}
}

void check_hooks(struct check *c)
{
	const struct spec_hooks *h = c->spec->hooks;

	if (!h)
		return;
	check_list(c, "prestart", &h->prestart, false);
	check_list(c, "createRuntime", &h->create_runtime, false);
	check_list(c, "createContainer", &h->create_container, false);
	check_list(c, "startContainer", &h->start_container, true);
	check_list(c, "poststart", &h->poststart, false);
	check_list(c, "poststop", &h->poststop, false);
}
