/* SPDX-License-Identifier: Apache-2.0 */
/* AppArmor and SELinux as the host's kernel has them. Runs in hull, before anything is made. */
#include "state/lsm.h"

#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/spec/landlock.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>

static bool has_apparmor(void)
{
	char buf[8];

	return fd_read_small(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", buf,
			     sizeof(buf)) > 0 &&
	       buf[0] == 'Y';
}

static bool has_selinux(void)
{
	struct statfs st;

	return (statfs("/sys/fs/selinux", &st) == 0 && (uint32_t)st.f_type == SELINUX_MAGIC) ||
	       (statfs("/selinux", &st) == 0 && (uint32_t)st.f_type == SELINUX_MAGIC);
}

int lsm_check(const struct spec_process *p, struct err *e)
{
	if (!str_empty(p->apparmor_profile) && !has_apparmor()) {
		err_set(e, ENOTSUP,
			"unable to apply apparmor profile \"%.200s\": apparmor: config provided but apparmor not supported",
			p->apparmor_profile);
		return err_at_key(e, "apparmorProfile");
	}
	if (!str_empty(p->selinux_label) && !has_selinux()) {
		err_set(e, ENOTSUP,
			"selinux label is specified in config, but selinux is disabled or not supported (\"%.200s\")",
			p->selinux_label);
		return err_at_key(e, "selinuxLabel");
	}
	return 0;
}

/* Not every file system would complain of a context that it does not know. */
int lsm_check_mounts(const struct spec_linux *l, struct err *e)
{
	if (str_empty(l->mount_label) || has_selinux())
		return 0;
	err_set(e, ENOTSUP,
		"mount label is specified in config, but selinux is disabled or not supported (\"%.200s\")",
		l->mount_label);
	return err_at_key(e, "mountLabel");
}

int lsm_check_landlock(const struct spec *s, struct err *e)
{
	struct landlock l;
	const char *what;
	int needs, abi, r = 0;

	if (landlock_read(s, &l, e) < 0)
		return -1;
	needs = landlock_needs(&l, &what);
	abi = needs ? sys_landlock_abi() : 0;
	if (abi >= needs) {
		landlock_done(&l);
		return 0;
	}
	err_set(e, ENOTSUP,
		"Landlock for %s needs version %d of its ABI, and this kernel has %d%s (" LANDLOCK_PREFIX
		"best-effort does without)",
		what, needs, abi, abi ? "" : ", or it is off: boot parameter lsm=landlock,...");
	if (l.best_effort)
		log_warn("%s", e->chain);
	else
		r = err_at_key(e, "annotations");
	landlock_done(&l);
	return r;
}
