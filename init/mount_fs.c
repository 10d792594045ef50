/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New file systems of mounts[]. Runs in stage 2, see mount.c. Made with fsopen(2), which takes options
 * one by one and says which one is wrong; what that call cannot express, or an old kernel, goes
 * through mount(2), and so do first the simple ones, of which every container has some.
 */
#include "init/base/lsm.h"
#include "init/mount.h"
#include "init/base/copyup.h"
#include "init/mount/mount_new.h"

#include "nsexec/source.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_MAX 4095 /* of all of them, mount(2) */

/* Of the pseudo file systems one superblock serves all mounts: "ro" is for the mount alone. */
static unsigned long super_flags(const struct mount_work *w)
{
	bool device = w->m->source && w->m->source[0] == '/';

	return device ? w->o.ms_set : w->o.ms_set & ~(unsigned long)MS_RDONLY;
}

bool mount_readonly_later(const struct mount_work *w)
{
	return mount_is_type(w, "tmpfs") && !mount_is_bind(w) && (w->o.ms_set & MS_RDONLY);
}

/* --- mount(2) --------------------------------------------------------------------------------- */

static bool has_long_value(const struct mount_work *w, const char *data)
{
	bool overlay = mount_is_type(w, "overlay");
	auto_free char *copy = xstrdup(data);
	char *rest = copy, *opt;

	while ((opt = mount_next_option(&rest, overlay))) {
		const char *value = strchr(opt, '=');

		if (value && strlen(value + 1) > MOUNT_VALUE_MAX &&
		    !(overlay && str_starts(opt, "lowerdir=")))
			return true;
	}
	return false;
}

static unsigned long classic_flags(const struct mount_work *w)
{
	return mount_readonly_later(w) ? w->o.ms_set & ~(unsigned long)MS_RDONLY : w->o.ms_set;
}

static int mount_onto(const struct mount_work *w, int target, const char *data)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
	return mount(w->m->source, path, w->m->type, classic_flags(w), data);
}

/*
 * The mount ends up on what the descriptor stands for, whatever its path leads to by now. What is
 * on top there afterwards is found by the path, and has to be another mount than before.
 */
static int mount_classic(struct init *in, const struct mount_work *w, int target, const char *data,
			 struct err *e)
{
	auto_close int fd = -1;
	struct stat was, is;

	if (strlen(data) > DATA_MAX)
		return err_set(e, E2BIG, "the options are longer than %d bytes", DATA_MAX);
	if (mount_onto(w, target, data) < 0)
		return err_sys(e, "mount");
	fd = inside_open(in->root_fd, w->dest, 0);
	if (fd < 0 || fstat(fd, &is) < 0 || fstat(target, &was) < 0)
		return err_sys(e, "open %s", w->dest);
	if (fd_same_file(&is, &was))
		return err_set(e, EAGAIN, "%s changed while it was mounted", w->dest);
	return take_fd(&fd);
}

/* --- one entry -------------------------------------------------------------------------------- */

/* CVE-2019-19921, CVE-2023-27561: a link at /proc or /sys of the image is not followed. */
static int open_ordinary_directory(int root_fd, const char *type, const char *dest, struct err *e)
{
	int fd = fd_open_in_root(root_fd, dest, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);

	if (fd >= 0)
		return fd;
	if (errno == ELOOP || errno == ENOTDIR)
		return err_set(e, errno, "filesystem \"%s\" must be mounted on ordinary directory",
			       type);
	return inside_make(root_fd, dest, INSIDE_DIR, e);
}

static bool is_plain(const struct mount_work *w)
{
	return mount_is_type(w, "proc") || mount_is_type(w, "sysfs");
}

static int open_target(struct init *in, const struct mount_work *w, bool *ret_made, struct err *e)
{
	auto_close int fd = -1;

	if (!is_plain(w))
		return mount_open_target(in, w->dest, INSIDE_DIR, false, ret_made, e);
	fd = open_ordinary_directory(in->root_fd, w->m->type, w->dest, e);
	if (fd < 0 || mount_check_not_in_proc(w->dest, fd, mount_is_type(w, "proc"), false, e) < 0)
		return -1;
	return take_fd(&fd);
}

/* tmpfs without mode=: as the directory that it covers, if there was one. */
static const char *data_of(const struct init *in, const struct mount_work *w, int target, bool made,
			   struct str *buf)
{
	const char *data = str_get(&w->o.data);
	struct stat st;

	if (mount_is_type(w, "proc") && in->a->pid_ns_fd >= 0) {
		str_addf(buf, "%s%spidns=/proc/self/fd/%d", data, *data ? "," : "",
			 in->a->pid_ns_fd);
		data = buf->s;
	}
	if (mount_is_type(w, "tmpfs") && !made && !mount_has_mode(data) &&
	    fstat(target, &st) == 0) {
		str_add(buf, data);
		str_addf(buf, "%smode=%o", *data ? "," : "", st.st_mode & 07777);
		data = buf->s;
	}
	return lsm_mount_data(in, w->m->type, data, buf);
}

static int tmpcopyup(int fd, int target, struct err *e)
{
	auto_close int from = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int to = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from < 0 || to < 0)
		return err_sys(e, "tmpcopyup");
	return copyup(from, to, e);
}

/* The mounts on top of parts of the host's /proc or /sys, a few of them: "/proc/acpi, /proc/kcore". */
static void add_covers(const char *root, struct str *out)
{
	auto_free char *text = NULL;
	struct err ignored;
	char *rest, *line;
	int n = 0;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL, &ignored) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *path = path_of_mount(line);

		if (!path || !str_starts(path, root) || path[strlen(root)] != '/')
			continue;
		if (++n <= 4)
			str_addf(out, "%s%s", out->n ? ", " : "", path);
	}
	if (n > 4)
		str_addf(out, " and %d more", n - 4);
}

/* fs/namespace.c, mount_too_revealing(); fs/super.c, mount_capable(). */
static int explain(const struct init *in, const struct mount_work *w, struct err *e)
{
	bool proc = mount_is_type(w, "proc");
	auto_str struct str covers = { 0 };

	if (e->code != EPERM)
		return -1;
	if (!is_plain(w))
		return init_in_user_ns(in) ?
			       err_wrap(e,
					"the kernel may not let a user namespace mount this type") :
			       -1;
	add_covers(proc ? "/proc" : "/sys", &covers);
	if (covers.n)
		err_wrap(
			e,
			"the kernel refuses a new %s in a user namespace while other mounts cover parts of the present one (%s), or if its %s namespace is not the container's",
			w->m->type, covers.s, proc ? "pid" : "network");
	else
		err_wrap(e,
			 "the kernel refuses a new %s if its %s namespace is not the container's",
			 w->m->type, proc ? "pid" : "network");
	return -1;
}

/*
 * Whoever does not own the network namespace gets no sysfs of it. The host's, bound, shows the same;
 * all of it read-only, for what is mounted below is the host's (CVE-2023-25809).
 */
static int bind_sys(const struct init *in, struct err *e)
{
	struct source_request r = { .path = "/sys", .recursive = true };
	auto_close int fd = source_open(&r, rootfs_cut(in), e);

	if (fd < 0 || mount_set_attr(fd, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, e) < 0)
		return -1;
	return take_fd(&fd);
}

static int make_detached(struct init *in, const struct mount_work *w, const char *data,
			 struct err *e)
{
	uint64_t attrs = mount_options_new(&w->o);
	struct err second;
	int fd;

	if (mount_readonly_later(w))
		attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	fd = mount_new_super(w->m->type, w->m->source, super_flags(w), attrs, data, e);
	if (fd >= 0)
		return fd;
	if (e->code == EPERM && mount_is_type(w, "sysfs") && init_in_user_ns(in)) {
		fd = bind_sys(in, &second);
		if (fd >= 0)
			return fd;
	}
	return explain(in, w, e);
}

/*
 * Before Linux 6.5 overlay makes one text of what fsconfig(2) gives it, where a comma always ends
 * an option, and before 6.7 "lowerdir+" means nothing; mount(2) takes "\," and a page of layers. The kernel's
 * words about the first attempt are better than none about the second.
 */
static int retry_classic(struct init *in, const struct mount_work *w, int target, const char *data,
			 struct err *e)
{
	struct err first = *e;
	int fd = mount_classic(in, w, target, data, e);

	if (fd < 0 && first.code == EINVAL && e->code == EINVAL)
		*e = first;
	return fd;
}

static bool is_for_classic(const struct mount_work *w, const struct err *e)
{
	return e->code == ENOSYS || (e->code == EINVAL && mount_is_type(w, "overlay"));
}

static bool is_simple_type(const struct mount_work *w)
{
	return mount_is_type(w, "tmpfs") || mount_is_type(w, "devpts") ||
	       mount_is_type(w, "mqueue");
}

/*
 * One call in place of nine, for what both ways do alike. What it refuses is make_detached()'s to explain. As in
 * mount_classic(), it is mounted on what the descriptor stands for.
 */
static bool mount_at_once(const struct mount_work *w, int target, const char *data)
{
	if (!is_simple_type(w) || !mount_options_simple(&w->o, classic_flags(w)) ||
	    strlen(data) > DATA_MAX)
		return false;
	return mount_onto(w, target, data) == 0;
}

/* sysfs shows the network namespace, and others may use it. */
static int wait_for_network(struct init *in, const struct mount_work *w, struct err *e)
{
	return is_simple_type(w) || mount_is_type(w, "proc") ? 0 : init_take_prepared(in, e);
}

int mount_fs(struct init *in, const struct mount_work *w, struct err *e)
{
	auto_close int fd = -1, target = -1;
	auto_str struct str buf = { 0 };
	bool made = false, classic;
	const char *data;

	if (str_empty(w->m->type))
		return err_set(e, EINVAL, "a mount that is no bind mount needs a type");
	target = open_target(in, w, &made, e);
	if (target < 0 || wait_for_network(in, w, e) < 0)
		return -1;
	data = data_of(in, w, target, made, &buf);
	classic = (w->o.ms_set & MOUNT_CLASSIC) || has_long_value(w, data);
	if (!classic && mount_at_once(w, target, data))
		return 0;
	fd = classic ? mount_classic(in, w, target, data, e) : make_detached(in, w, data, e);
	if (fd < 0 && !classic && is_for_classic(w, e)) {
		classic = true;
		fd = retry_classic(in, w, target, data, e);
	}
	if (fd < 0)
		return -1;
	if (w->o.tmpcopyup && tmpcopyup(fd, target, e) < 0)
		return -1;
	if (mount_set_attr(fd, AT_RECURSIVE, w->o.rec_attr_set, w->o.rec_attr_clr, e) < 0 ||
	    (!classic && mount_attach(fd, target, e) < 0) ||
	    mount_apply_propagation(fd, &w->o, e) < 0)
		return -1;
	if (is_plain(w))
		mask_remember(in, w->dest, take_fd(&fd));
	return 0;
}

int mount_remount_fs(struct init *in, const struct mount_work *w, struct err *e)
{
	auto_close int target = inside_open(in->root_fd, w->dest, 0);
	char path[40];

	if (target < 0)
		return err_sys(e, "open %s", w->dest);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
	if (mount(w->m->source, path, w->m->type, w->o.ms_set | MS_REMOUNT, str_get(&w->o.data)) <
	    0)
		return err_sys(e, "remount");
	return mount_apply_propagation(target, &w->o, e);
}
