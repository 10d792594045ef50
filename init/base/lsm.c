/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppArmor and SELinux. The kernel takes the label of the next program from whoever is going to
 * execute it, by a file of its own /proc directory (proc_pid_attr(5)). An image may have something
 * else there (CVE-2019-16884, CVE-2023-28642, CVE-2025-52881), so the files are opened on a proc
 * that is surely one, without links that lead elsewhere, and nothing mounted in between.
 *
 * Runs in stage 2. Opened before init gives up its descriptors, written when the container is
 * started: a startContainer hook inherits the label, and is the image's own program, too.
 */
#include "init/base/lsm.h"

#include "init/mount/mount_new.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define APPARMOR_EXEC	  "attr/apparmor/exec"
#define APPARMOR_EXEC_OLD "attr/exec" /* before Linux 5.8 */
#define SELINUX_EXEC	  "attr/exec"
#define SELINUX_KEYS	  "attr/keycreate"

int lsm_open_attr(int proc_fd, const char *name, struct err *e)
{
	auto_free char *path = xasprintf("thread-self/%s", name);
	auto_close int fd = sys_openat2(proc_fd, path, O_WRONLY, 0,
					RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);

	if (fd < 0 && errno == ENOSYS)
		fd = openat(proc_fd, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	/* In backquotes: podman looks for that. */
	if (fd < 0 && errno == EXDEV)
		return err_set(e, EXDEV, "something is mounted on `/proc/%s`", path);
	if (fd < 0)
		return err_sys(e, "open `/proc/%s`", path);
	if (!fd_is_on(fd, PROC_SUPER_MAGIC))
		return err_set(e, EINVAL, "`/proc/%s` is not on procfs", path);
	return take_fd(&fd);
}

int lsm_write_attr(int fd, const char *name, const char *text, struct err *e)
{
	if (write(fd, text, strlen(text)) < 0)
		return err_sys(e, "write \"%.200s\" to `/proc/thread-self/%s`", text, name);
	return 0;
}

/*
 * create has the host's. In a container the /proc that is there may be covered, or none: a new one of
 * its PID namespace, attached nowhere, is better, where the kernel lets us make it.
 */
static int open_proc(const struct init *in, struct err *e)
{
	int fd;

	if (in->proc_fd >= 0)
		return fcntl(in->proc_fd, F_DUPFD_CLOEXEC, 3);
	fd = in->a->exec ? mount_new_fs("proc", "proc", 0, "subset=pid", e) : -1;
	return fd >= 0 ? fd : fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0, e);
}

static int open_own(const struct init *in, const char *name, struct err *e)
{
	auto_close int proc = open_proc(in, e);

	return proc < 0 ? -1 : lsm_open_attr(proc, name, e);
}

static int at_process(struct err *e, const char *key)
{
	err_at_key(e, key);
	return err_at_key(e, "process");
}

int lsm_open(struct init *in, struct err *e)
{
	const struct spec_process *p = in->a->process;

	if (!str_empty(p->apparmor_profile)) {
		in->apparmor = APPARMOR_EXEC;
		in->apparmor_fd = open_own(in, in->apparmor, e);
		if (in->apparmor_fd < 0 && e->code == ENOENT) {
			in->apparmor = APPARMOR_EXEC_OLD;
			in->apparmor_fd = open_own(in, in->apparmor, e);
		}
		if (in->apparmor_fd < 0)
			return at_process(e, "apparmorProfile");
	}
	if (!str_empty(p->selinux_label)) {
		in->selinux_fd = open_own(in, SELINUX_EXEC, e);
		if (in->selinux_fd < 0)
			return at_process(e, "selinuxLabel");
	}
	return 0;
}

static int apply_apparmor(struct init *in, struct err *e)
{
	auto_free char *text = xasprintf("exec %s", in->a->process->apparmor_profile);
	int r = lsm_write_attr(in->apparmor_fd, in->apparmor, text, e);

	cleanup_close(&in->apparmor_fd);
	if (r == 0)
		return 0;
	if (e->code == ENOENT)
		err_wrap(e, "the profile is not loaded");
	err_wrap(e, "apparmor failed to apply profile");
	return at_process(e, "apparmorProfile");
}

static int at_label(struct err *e)
{
	if (e->code == EINVAL)
		err_wrap(e, "the policy has no such label");
	return at_process(e, "selinuxLabel");
}

static int apply_selinux(struct init *in, struct err *e)
{
	int r = lsm_write_attr(in->selinux_fd, SELINUX_EXEC, in->a->process->selinux_label, e);

	cleanup_close(&in->selinux_fd);
	return r == 0 ? 0 : at_label(e);
}

int lsm_apply(struct init *in, struct err *e)
{
	if (in->apparmor_fd >= 0 && apply_apparmor(in, e) < 0)
		return -1;
	return in->selinux_fd >= 0 ? apply_selinux(in, e) : 0;
}

int lsm_label_keys(const struct init *in, bool on, struct err *e)
{
	const char *label = in->a->process->selinux_label;
	auto_close int fd = -1;

	if (str_empty(label))
		return 0;
	fd = open_own(in, SELINUX_KEYS, e);
	if (fd < 0 || lsm_write_attr(fd, SELINUX_KEYS, on ? label : "", e) < 0)
		return at_label(e);
	return 0;
}

/* --- mounts ----------------------------------------------------------------------------------- */

/* Their files have labels of their own, by the policy. */
static bool takes_context(const char *type)
{
	return strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0 &&
	       strcmp(type, "mqueue") != 0;
}

const char *lsm_mount_data(const struct init *in, const char *type, const char *data,
			   struct str *buf)
{
	const char *label = in->a->spec->linux_->mount_label;
	const char *kind = spec_annotation(in->a->spec, "run.oci.mount_context_type");
	const char *have = strstr(data, "context=");

	/* What the engine has written there itself is more to the point. */
	if (str_empty(label) || !takes_context(type) || have)
		return data;
	if (buf->n == 0)
		str_add(buf, data);
	str_addf(buf, "%s%s=\"%s\"", *data ? "," : "", kind ? kind : "context", label);
	return buf->s;
}
