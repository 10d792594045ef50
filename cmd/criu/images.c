/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/criu/images.h"

#include "cmd/criu/request.h"
#include "init/mount/mount_idmap.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/format/protobuf.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- External mounts -------------------------------------------------------------------------- */

#define IMAGE_MAX   ((size_t)16 << 20)
#define IMAGE_MAGIC 0x54564319u /* criu's magic.h: IMG_COMMON_MAGIC, then */
#define MNTS_MAGIC  0x55563928u

/* mnt_entry */
struct mount_image {
	struct pb_bytes root, mountpoint, key;
};
static const struct pb_row mount_rows[] = {
	PB_ROW(mount_image, root, 6, PB_STRING),
	PB_ROW(mount_image, mountpoint, 7, PB_STRING),
	PB_ROW(mount_image, key, 18, PB_STRING),
	{ 0 },
};
/* ext_mount_map */
struct mapping {
	struct pb_bytes key;
};
static const struct pb_row mapping_rows[] = {
	PB_ROW(mapping, key, 1, PB_STRING),
	{ 0 },
};

static uint32_t number_at(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

/* An image is two magic numbers and messages, each behind its size. The next: 1, the end: 0, neither: -1. */
static int next_message(struct pb_bytes *rest, struct pb_bytes *ret)
{
	uint32_t n;

	if (rest->n == 0)
		return 0;
	if (rest->n < sizeof(n))
		return -1;
	n = number_at(rest->s);
	if (n > rest->n - sizeof(n))
		return -1;
	*ret = (struct pb_bytes){ rest->s + sizeof(n), n };
	rest->s += sizeof(n) + n;
	rest->n -= sizeof(n) + n;
	return 1;
}

static bool is_mapped(const struct str *opts, const char *key)
{
	struct pb all = pb_of(opts);
	struct pb_bytes one;

	while (pb_each(&all, CRIU_OPT_EXT_MNT, &one)) {
		struct mapping m = { 0 };

		if (pb_read(one, mapping_rows, &m) && pb_is(m.key, key))
			return true;
	}
	return false;
}

static bool is_masked(const struct spec *s, struct pb_bytes path)
{
	for (size_t i = 0; i < s->linux_->masked_paths.n; i++) {
		auto_free char *clean = path_clean(s->linux_->masked_paths.v[i]);

		if (pb_is(path, clean))
			return true;
	}
	return false;
}

static bool ends_with(struct pb_bytes b, const char *end)
{
	size_t n = strlen(end);

	return b.n >= n && memcmp(b.s + b.n - n, end, n) == 0;
}

/* 1: with the empty directory, 0: without, -1. */
static int add_mask(const struct spec *s, const struct mount_image *m, const char *empty_dir,
		    struct str *opts, struct err *e)
{
	auto_free char *key = pb_dup(m->key), *at = pb_dup(m->mountpoint);
	bool file = ends_with(m->root, "/null");

	/* What criu has found by itself, it brings back by itself. */
	if (!m->key.n || !strcmp(key, "AUTODETECTED_MOUNT") || is_mapped(opts, key))
		return 0;
	if (!is_masked(s, m->mountpoint))
		return err_set(
			e, EINVAL,
			"the images leave the mount at %s (\"%s\") to be brought: config.json has none there",
			at, key);
	criu_add_pair(opts, CRIU_OPT_EXT_MNT, key, file ? "/dev/null" : empty_dir);
	return !file;
}

static int add_masks_of(const struct spec *s, struct pb_bytes image, const char *empty_dir,
			struct str *opts, struct err *e)
{
	struct pb_bytes one;
	int ret = 0, found;

	if (image.n < 8 || number_at(image.s) != IMAGE_MAGIC ||
	    number_at(image.s + 4) != MNTS_MAGIC)
		return err_set(e, EINVAL, "it does not begin as an image of mounts does");
	image.s += 8;
	image.n -= 8;
	while ((found = next_message(&image, &one)) > 0) {
		struct mount_image m = { 0 };
		int r;

		if (!pb_read(one, mount_rows, &m))
			break;
		r = add_mask(s, &m, empty_dir, opts, e);
		if (r < 0)
			return -1;
		ret |= r;
	}
	return found ? err_set(e, EINVAL, "it is cut off or damaged") : ret;
}

int criu_add_masks(const struct spec *s, int images_fd, const char *empty_dir, struct str *opts,
		   struct err *e)
{
	int fd = openat(images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0, r;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		cleanup_close(&fd);
		return err_sys(e, "read the image directory");
	}
	for (struct dirent *d; ret >= 0 && (d = readdir(dir));) {
		auto_free char *text = NULL;
		size_t n;

		if (!str_starts(d->d_name, "mountpoints-"))
			continue;
		r = fd_read_file(images_fd, d->d_name, IMAGE_MAX, &text, &n, e);
		if (r == 0)
			r = add_masks_of(s, (struct pb_bytes){ text, n }, empty_dir, opts, e);
		ret = r < 0 ? err_wrap(e, "image %s", d->d_name) : ret | r;
	}
	closedir(dir);
	return ret;
}

/* --- A user namespace ------------------------------------------------------------------------- */

/* The host's ID of the container's root; none: UINT64_MAX. */
static uint64_t root_of(const struct spec_id_maps *maps)
{
	auto_str struct str text = { 0 };
	uint64_t id;

	mount_idmap_text(maps, &text);
	return mount_idmap_to_host(str_get(&text), 0, &id) ? id : UINT64_MAX;
}

/* No capability counts on what belongs to nobody in the container's user namespace. */
static bool may(const struct stat *st, uint64_t uid, uint64_t gid, unsigned bits)
{
	unsigned shift = st->st_uid == uid ? 6 : st->st_gid == gid ? 3 : 0;

	return st->st_uid == uid || (st->st_mode >> shift & bits) == bits;
}

static int check_each(DIR *dir, const char *path, uint64_t uid, uint64_t gid, struct err *e)
{
	struct stat st;

	if (fstat(dirfd(dir), &st) < 0)
		return err_sys(e, "%s", path);
	if (!may(&st, uid, gid, 1))
		return err_set(e, EACCES, "%s (mode %04o)", path, st.st_mode & 07777);
	for (struct dirent *d; (d = readdir(dir));) {
		if (str_ends(d->d_name, ".img") && fstatat(dirfd(dir), d->d_name, &st, 0) == 0 &&
		    !may(&st, uid, gid, 4))
			return err_set(e, EACCES, "%s/%s (mode %04o)", path, d->d_name,
				       st.st_mode & 07777);
	}
	return 0;
}

int criu_check_images(const struct spec *s, const char *path, int images_fd, struct err *e)
{
	const struct spec_namespace *ns = spec_namespace(s, CLONE_NEWUSER);
	uint64_t uid = root_of(&s->linux_->uid_mappings), gid = root_of(&s->linux_->gid_mappings);
	DIR *dir;
	int fd, ret;

	if (!ns || !str_empty(ns->path) || uid == UINT64_MAX)
		return 0;
	fd = openat(images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		cleanup_close(&fd);
		return err_sys(e, "read the image directory %s", path);
	}
	ret = check_each(dir, path, uid, gid, e);
	closedir(dir);
	return ret < 0 ?
		       err_wrap(
			       e,
			       "the container's root, user %llu of the host, cannot read its images",
			       (unsigned long long)uid) :
		       0;
}
