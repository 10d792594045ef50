/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new file system as a detached mount, by fsopen(2), which takes options one by one and says which one
 * is wrong. Where it comes to be is the caller's.
 */
#include "init/mount/mount_new.h"

#include "init/mount/mount_options.h"
#include "nsexec/tree.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel explains a failure of a new file system on its context descriptor (fsopen(2)). */
static void add_kernel_words(int fs_fd, struct err *e)
{
	char words[256];
	ssize_t n = read(fs_fd, words, sizeof(words) - 1);

	if (n <= 0)
		return;
	while (n > 0 && words[n - 1] == '\n')
		n--;
	words[n] = '\0';
	/* "e text": the level and the text. */
	err_wrap(e, "%s", n > 2 && words[1] == ' ' ? words + 2 : words);
}

static int set_option(int fs_fd, const char *key, const char *value, struct err *e)
{
	if (sys_fsconfig(fs_fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) ==
	    0)
		return 0;
	err_sys(e, "option %s%s%s", key, value ? "=" : "", value ? value : "");
	add_kernel_words(fs_fd, e);
	return -1;
}

/*
 * The layers of an overlay one by one, since Linux 6.7: together they are often longer than the
 * value of one option may be. "a:b::c": c is a layer of data alone; "\:" is part of a name.
 */
static int add_layers(int fs_fd, const char *value, struct err *e)
{
	auto_free char *name = xmalloc(strlen(value) + 1);
	const char *key = "lowerdir+";
	size_t n = 0;

	for (const char *p = value;; p++) {
		if (*p == '\\' && p[1])
			name[n++] = *++p;
		else if (*p && *p != ':')
			name[n++] = *p;
		else {
			name[n] = '\0';
			if (n && set_option(fs_fd, key, name, e) < 0)
				return -1;
			if (!*p)
				return 0;
			n = 0;
			if (p[1] == ':') {
				key = "datadir+";
				p++;
			}
		}
	}
}

/* The next option of data, which is cut there; overlay has "\," for a comma in a name. */
char *mount_next_option(char **data, bool escapes)
{
	char *start = *data, *p = start ? mount_skip_context(start) : NULL;

	if (!start)
		return NULL;
	while (*p && *p != ',')
		p += escapes && *p == '\\' && p[1] ? 2 : 1;
	*data = *p ? p + 1 : NULL;
	*p = '\0';
	return start;
}

static int configure(int fs_fd, const char *type, const char *data, struct err *e)
{
	bool overlay = !strcmp(type, "overlay");
	auto_free char *copy = xstrdup(data);
	char *rest = copy, *opt;

	while ((opt = mount_next_option(&rest, overlay))) {
		char *value = strchr(opt, '=');

		if (!*opt)
			continue;
		if (value)
			*value++ = '\0';
		if (value && mount_is_context(opt))
			value = mount_unquote(value);
		if (overlay && value && strlen(value) > MOUNT_VALUE_MAX &&
				    !strcmp(opt, "lowerdir") ?
			    add_layers(fs_fd, value, e) < 0 :
			    set_option(fs_fd, opt, value, e) < 0)
			return -1;
	}
	return 0;
}

/* "fuse.sshfs" is fuse, with the rest as a name for /proc/mounts. */
static int set_subtype(int fs_fd, const char *type, struct err *e)
{
	const char *dot = strchr(type, '.');

	return dot ? set_option(fs_fd, "subtype", dot + 1, e) : 0;
}

static int set_super_flags(int fs_fd, unsigned long ms, struct err *e)
{
	const char *name;
	unsigned long bit;

	for (unsigned i = 0; (name = mount_super_name(i, &bit)); i++) {
		if ((ms & bit) && set_option(fs_fd, name, NULL, e) < 0)
			return -1;
	}
	return 0;
}

bool mount_takes_pid_ns(int fd)
{
	auto_close int fs = fd >= 0 ? sys_fsopen("proc", 0) : -1;

	return fs >= 0 && sys_fsconfig(fs, FSCONFIG_SET_FD, "pidns", NULL, fd) == 0;
}

int mount_new_super(const char *type, const char *source, unsigned long ms, uint64_t attrs,
		    const char *data, struct err *e)
{
	auto_close int fs = sys_fsopen(type, 0);
	int fd;

	if (fs < 0 && errno == ENODEV)
		return err_set(
			e, ENODEV,
			"file system type \"%s\" is unknown to the kernel, and no module of it could be "
			"loaded: no such device",
			type);
	if (fs < 0)
		return err_sys(e, "fsopen %s", type);
	if (!str_empty(source) && set_option(fs, "source", source, e) < 0)
		return -1;
	if (set_subtype(fs, type, e) < 0 || set_super_flags(fs, ms, e) < 0 ||
	    configure(fs, type, data, e) < 0)
		return -1;
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		err_sys(e, "create the file system");
		add_kernel_words(fs, e);
		return -1;
	}
	fd = sys_fsmount(fs, 0, (unsigned)attrs);
	return fd < 0 ? err_sys(e, "fsmount") : fd;
}

int mount_new_fs(const char *type, const char *source, uint64_t attrs, const char *data,
		 struct err *e)
{
	int fd = mount_new_super(type, source, 0, attrs, data, e);

	if (fd >= 0 || e->code != ENOSYS)
		return fd;
	fd = tree_new(type, source, attrs, data);
	return fd < 0 ? err_sys(e, "mount a new %s", type) : fd;
}
