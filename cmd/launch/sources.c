/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create and run: what init may not get at by itself and asks hull for, sources of mounts and device
 * nodes, each answered with the descriptor of a detached mount.
 */
#include "cmd/launch/create.h"

#include "cmd/attach/device.h"
#include "init/mount/mount_idmap.h"
#include "init/mount/mount_options.h"
#include "nsexec/channel.h"
#include "nsexec/source.h"
#include "state/base/fd.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The maps of init's user namespace; NULL when it is hull's own. The caller frees them. */
static char *read_own_map(const struct launch *l, const char *name)
{
	char path[PROC_PATH_SIZE];
	struct err ignored;
	char *text;

	if (!((l->p.args->new_ns | l->p.args->joined_ns) & CLONE_NEWUSER))
		return NULL;
	proc_path(path, nsexec_inside(&l->n), name);
	return fd_read_file(AT_FDCWD, path, 65536, &text, NULL, &ignored) < 0 ? NULL : text;
}

/* uidMappings and gidMappings come first, then idmap=..., then the container's own (config.md). */
static int source_maps(const struct launch *l, const struct spec_mount *m,
		       const struct mount_options *o, struct str *uids, struct str *gids,
		       struct err *e)
{
	auto_free char *own_uids = NULL, *own_gids = NULL;

	if (m->uid_mappings.n) {
		mount_idmap_text(&m->uid_mappings, uids);
		mount_idmap_text(&m->gid_mappings, gids);
		return 0;
	}
	if (!o->idmap_spec)
		return 0;
	own_uids = read_own_map(l, "uid_map");
	own_gids = read_own_map(l, "gid_map");
	return mount_idmap_parse(o->idmap_spec, own_uids, own_gids, uids, gids, e);
}

static int open_source(const struct launch *l, const struct spec_mount *m,
		       const struct mount_options *o, struct err *e)
{
	auto_free char *path = path_join(l->bundle, m->source);
	auto_str struct str uids = { 0 }, gids = { 0 };
	struct source_request r = {
		.path = path,
		.recursive = o->recursive_bind,
		.nofollow = o->src_nofollow || o->copy_symlink,
		.mapped = o->idmap || m->uid_mappings.n,
		.mapped_recursive = o->idmap == IDMAP_RECURSIVE,
	};

	if (r.mapped && geteuid() != 0)
		return err_set(e, EPERM,
			       "id-mapped mounts are not supported for rootless containers");
	if (r.mapped && source_maps(l, m, o, &uids, &gids, e) < 0)
		return -1;
	r.uid_map = uids.s;
	r.gid_map = gids.s;
	return source_open_for(nsexec_inside(&l->n), &r, e);
}

/* What init asks for by its number among n. */
static bool read_index(const struct msg *m, size_t n, uint32_t *ret)
{
	memcpy(ret, m->body, sizeof(*ret));
	return m->n == sizeof(*ret) && *ret < n;
}

int launch_send_source(struct launch *l, const struct msg *m, struct err *e)
{
	const struct spec_mounts *mounts = &l->p.spec->mounts;
	auto_close int fd = -1;
	struct mount_options o;
	uint32_t i;

	if (!read_index(m, mounts->n, &i) || !mounts->v[i].source)
		return err_set(e, EPROTO, "init asked for the source of a mount that has none");
	trace_here("open the source", mounts->v[i].source);
	mount_options_parse(&mounts->v[i].options, &o);
	fd = open_source(l, &mounts->v[i], &o, e);
	mount_options_done(&o);
	if (fd < 0) {
		err_wrap(e,
			 "error during container init: error mounting \"%s\" to rootfs at \"%s\"",
			 mounts->v[i].source, mounts->v[i].destination);
		if (e->code == ENOENT)
			err_at_key(e, "source");
		err_at_index(e, i);
		return err_at_key(e, "mounts");
	}
	return nsexec_send(&l->n, MSG_SOURCE_FD, fd, e);
}

/* The host's id of an id in the container; map is of its own user namespace, or NULL: the same. */
static int map_id(const char *map, uint64_t id, const char *key, uint64_t *ret, struct err *e)
{
	*ret = id;
	if (!map || mount_idmap_to_host(map, id, ret))
		return 0;
	err_set(e, EINVAL, "%" PRIu64 " is not mapped in the container's user namespace", id);
	return err_at_key(e, key);
}

static int open_device(const struct launch *l, const struct spec_device *d, struct err *e)
{
	auto_free char *uids = read_own_map(l, "uid_map"), *gids = read_own_map(l, "gid_map");
	struct device_node n = { .path = d->path,
				 .mode = d->type == 'b' ? S_IFBLK : S_IFCHR,
				 .rdev = makedev((unsigned)d->major.v, (unsigned)d->minor.v) };
	uint64_t uid, gid;

	n.mode |= d->file_mode.set ? (mode_t)d->file_mode.v & 07777 : 0666;
	if (map_id(uids, d->uid.v, "uid", &uid, e) < 0 ||
	    map_id(gids, d->gid.v, "gid", &gid, e) < 0)
		return -1;
	n.uid = (uid_t)uid;
	n.gid = (gid_t)gid;
	return device_open(&n, e);
}

int launch_send_device(struct launch *l, const struct msg *m, struct err *e)
{
	const struct spec_devices *devices = &l->p.spec->linux_->devices;
	auto_close int fd = -1;
	uint32_t i;

	if (!read_index(m, devices->n, &i))
		return err_set(e, EPROTO, "init asked for a device that there is none of");
	fd = open_device(l, &devices->v[i], e);
	/* As root of a user namespace, or in a container, hull can do no more than init. */
	if (fd < 0 && e->code != EPERM && e->code != ENOSYS) {
		err_at_index(e, i);
		err_at_key(e, "devices");
		return err_at_key(e, "linux");
	}
	return nsexec_send(&l->n, MSG_SOURCE_FD, fd, e);
}
