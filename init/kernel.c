/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel keeps for a process or a namespace and is set by one call each: session,
 * keyring, loopback, names, sysctls, personality. Runs in stage 2.
 */
#include "init/init.h"
#include "init/base/lsm.h"
#include "nsexec/channel.h"
#include "nsexec/netns.h"
#include "nsexec/nsexec.h"
#include "nsexec/process/rlimits.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

int kernel_session(struct init *in, struct err *e)
{
	(void)in;
	return setsid() < 0 && errno != EPERM ? err_sys(e, "setsid") : 0;
}

/*
 * A session keyring of its own, so that the container cannot use the caller's keys. What a kernel,
 * a quota or an engine around us refuses is not worth the container's life (podman 13363): without
 * a name of ours an anonymous one is tried, and then none.
 */
int kernel_keyring(struct init *in, struct err *e)
{
	auto_free char *name = NULL;
	long key;
	int code;

	if (in->a->no_new_keyring)
		return 0;
	if (lsm_label_keys(in, true, e) < 0)
		return -1;
	name = xasprintf("_ses.%s", in->a->id);
	key = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)name, 0, 0);
	if (key < 0 && errno != ENOSYS)
		key = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0);
	code = errno;
	if (lsm_label_keys(in, false, e) < 0)
		return -1;
	if (key < 0) {
		if (nsexec_boot()->debug)
			channel_log(in->sync, "no session keyring: %s", errno_text(code));
		return 0;
	}
	/*
	 * What the kernel gives a session keyring (security/keys/process_keys.c), and for its owner
	 * the right to search: without it exec would not find it by name and get one of its own.
	 */
	sys_keyctl(KEYCTL_SETPERM, (unsigned long)key, 0x3f130000 | 0x080000, 0);
	return 0;
}

int kernel_loopback(struct init *in, struct err *e)
{
	auto_close int sock = -1;

	if (!(in->a->new_ns & CLONE_NEWNET) || in->a->net_by_hull)
		return 0;
	sock = netns_loopback(e);
	return sock < 0 ? -1 : 0;
}

int kernel_names(struct init *in, struct err *e)
{
	const struct spec *s = in->a->spec;

	if (!str_empty(s->hostname) && sethostname(s->hostname, strlen(s->hostname)) < 0) {
		err_sys(e, "sethostname \"%s\"", s->hostname);
		return err_at_key(e, "hostname");
	}
	if (!str_empty(s->domainname) && setdomainname(s->domainname, strlen(s->domainname)) < 0) {
		err_sys(e, "setdomainname \"%s\"", s->domainname);
		return err_at_key(e, "domainname");
	}
	return 0;
}

/*
 * Through the descriptor of the host's /proc, taken before the container's mounts, and without
 * crossing into another file system or following a link (CVE-2025-52881).
 */
static int write_sysctl(struct init *in, const struct map_entry *s, struct err *e)
{
	auto_free char *key = spec_sysctl_path(s->key);
	auto_free char *path = xasprintf("sys/%s", key);
	auto_close int fd = sys_openat2(in->proc_fd, path, O_WRONLY, 0,
					RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);

	if (fd < 0 && errno == ENOSYS)
		fd = openat(in->proc_fd, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open /proc/%s", path);
	if (!fd_is_on(fd, PROC_SUPER_MAGIC))
		return err_set(e, EINVAL, "/proc/%s is not on procfs", path);
	if (write(fd, s->value, strlen(s->value)) < 0)
		return err_sys(e, "write \"%s\" to /proc/%s", s->value, path);
	return 0;
}

int kernel_sysctl(struct init *in, struct err *e)
{
	const struct str_map *m = &in->a->spec->linux_->sysctl;

	for (size_t i = 0; i < m->n; i++) {
		if (write_sysctl(in, &m->v[i], e) < 0) {
			err_at_key(e, m->v[i].key);
			err_at_key(e, "sysctl");
			return err_at_key(e, "linux");
		}
	}
	return 0;
}

int kernel_personality(struct init *in, struct err *e)
{
	const struct spec_personality *p = in->a->spec->linux_->personality;

	if (!p)
		return 0;
	if (personality((unsigned long)p->domain) < 0) {
		err_sys(e, "personality");
		err_at_key(e, "personality");
		return err_at_key(e, "linux");
	}
	return 0;
}

/*
 * Into the v1 memory cgroup, last of all: half a megabyte of namespaces, mounts and stages is then
 * not charged to a container whose limit may be smaller than that.
 */
int kernel_memory_cgroup(struct init *in, struct err *e)
{
	if (in->memory_fd < 0)
		return 0;
	if (write(in->memory_fd, "0", 1) < 0)
		return err_sys(e, "join the memory cgroup");
	cleanup_close(&in->memory_fd);
	return 0;
}

int kernel_rlimits(struct init *in, struct err *e)
{
	return in->a->set_rlimits ? rlimits_set(&in->a->process->rlimits, 0, e) : 0;
}
