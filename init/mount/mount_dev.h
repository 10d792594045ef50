/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's /dev: what has to be in every one (config-linux.md, Default Devices and Default File Systems),
 * and a whole one that hull makes, detached, while the stages make the namespaces: init only has to put it in
 * its place.
 */
#ifndef INIT_MOUNT_DEV_H
#define INIT_MOUNT_DEV_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount_dev_node {
	const char *name;
	unsigned major, minor;
};
#define MOUNT_DEV_NODES 6
extern const struct mount_dev_node mount_dev_nodes[MOUNT_DEV_NODES];

/* The links, with core where there is a /proc/kcore. What has such a name may stay, as with runc, but ptmx. */
must_check int mount_dev_links(int dev_fd, bool core, struct err *e);

/* What a detached /dev holds; bit i is mounts[i], the lowest one /dev itself. 0: there is none. */
struct mount_dev {
	uint64_t mounts;
	bool complete; /* with the default nodes and links; nothing of linux.devices is asked for */
};
#define MOUNT_DEV_MAX 64 /* bits of mounts */
static inline bool mount_dev_has(const struct mount_dev *d, size_t i)
{
	return i < MOUNT_DEV_MAX && d->mounts >> i & 1;
}
/* The entry of /dev itself among n, or n. */
size_t mount_dev_first(const struct mount_dev *d, size_t n);

/*
 * Not without a mount namespace of the container's own, nor with a user namespace, whose file systems are not
 * the host's.
 */
bool mount_dev_possible(const struct spec *s);
/*
 * Which of mounts[] hull then makes ahead of init: a tmpfs at /dev, and what of tmpfs and devpts is mounted in
 * it, as far as no other of mounts[] could notice. rootfs as mount_destination() wants it.
 */
void mount_dev_plan(const struct spec *s, const char *rootfs, struct mount_dev *ret);

/*
 * Make it: a descriptor of the detached mount, or -1 where that is not to be had, and then init makes everything
 * and finds the words. What of the plan could not be made is not in it any more. Clears the umask meanwhile.
 */
int mount_dev_make(const struct spec *s, struct mount_dev *plan);

#endif
