/* SPDX-License-Identifier: Apache-2.0 */
/* CRIU's criu_opts, from the options of the command line and from what the container is. */
#include "cmd/criu/request.h"

#include "cmd/launch/notify.h"

#include "init/mount.h"
#include "init/mount/mount_options.h"
#include "state/spec/annotations.h"
#include "state/spec/landlock.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/proc.h"
#include "state/format/protobuf.h"
#include "state/root.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	OPT_IMAGES_DIR_FD = 1,
	OPT_EXT_UNIX_SK = 4,
	OPT_TCP_ESTABLISHED = 5,
	OPT_SHELL_JOB = 7,
	OPT_FILE_LOCKS = 8,
	OPT_LOG_LEVEL = 9,
	OPT_LOG_FILE = 10,
	OPT_NOTIFY_SCRIPTS = 12,
	OPT_AUTO_DEDUP = 16,
	OPT_WORK_DIR_FD = 17,
	OPT_MANAGE_CGROUPS = 24,
	OPT_MANAGE_CGROUPS_MODE = 34,
	OPT_EMPTY_NS = 38,
	OPT_LAZY_PAGES = 48,
	OPT_ORPHAN_PTS_MASTER = 50,
	OPT_CONFIG_FILE = 51,
	OPT_NETWORK_LOCK = 64,
};
enum { PAGE_SERVER_ADDRESS = 1, PAGE_SERVER_PORT = 2 };

#define LOG_LEVEL 4 /* with what criu found: without it a failure says little */

/* criu_cg_mode; "" is CRIU's default, soft. */
static const struct name cgroups_modes[] = {
	{ "", 6 }, { "soft", 3 }, { "full", 4 }, { "strict", 5 }, { "ignore", 0 }, { NULL, 0 },
};

/* criu_network_lock_method */
static const struct name network_locks[] = {
	{ "iptables", 1 },
	{ "nftables", 2 },
	{ "skip", 3 },
	{ NULL, 0 },
};

/* --- Options ---------------------------------------------------------------------------------- */

static int check_page_server(const char *text, struct err *e)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || colon == text || !colon[1])
		return err_set(e, EINVAL, "Use --page-server ADDRESS:PORT to specify page server");
	if (!str_to_u64(colon + 1, &port) || !port || port > UINT16_MAX)
		return err_set(e, EINVAL, "Invalid port number: --page-server %s", text);
	return 0;
}

static int check_parent(const struct criu_options *o, struct err *e)
{
	auto_free char *path = NULL;
	struct stat st;

	if (str_empty(o->parent_path))
		return 0;
	if (o->parent_path[0] == '/')
		return err_set(e, EINVAL, "--parent-path must be relative");
	path = path_join(str_empty(o->image_path) ? "checkpoint" : o->image_path, o->parent_path);
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	else if (stat(path, &st) == 0)
		return 0;
	err_sys(e, "%s", path);
	return err_wrap(e, "invalid --parent-path");
}

int criu_check_options(const struct criu_options *o, struct err *e)
{
	int ignored;

	if (o->cgroups_mode && !name_lookup(cgroups_modes, o->cgroups_mode, &ignored))
		return err_set(
			e, EINVAL,
			"invalid manage-cgroups-mode value: \"%s\" is not soft, full, strict "
			"or ignore",
			o->cgroups_mode);
	if (o->network_lock && !name_lookup(network_locks, o->network_lock, &ignored))
		return err_set(e, EINVAL,
			       "invalid --network-lock: \"%s\" is not iptables, nftables or skip",
			       o->network_lock);
	for (size_t i = 0; i < o->empty_ns.n; i++) {
		if (strcmp(o->empty_ns.v[i], "network") != 0)
			return err_set(e, EINVAL, "namespace \"%s\" is not supported",
				       o->empty_ns.v[i]);
	}
	if (!str_empty(o->page_server) && check_page_server(o->page_server, e) < 0)
		return -1;
	return check_parent(o, e);
}

int criu_check_spec(const struct spec *s, struct err *e)
{
	struct landlock l;
	const char *what;
	int needs;

	if (landlock_read(s, &l, e) < 0)
		return -1;
	needs = landlock_needs(&l, &what);
	landlock_done(&l);
	if (!needs)
		return 0;
	err_set(e, ENOTSUP,
		"criu does not know of Landlock: the programs would not be confined any more");
	return err_at_key(e, "annotations");
}

int criu_check_user(const char *command, struct err *e)
{
	if (geteuid() != 0)
		return err_set(e, EPERM, "%s requires root, as criu does", command);
	if (root_is_of_user_ns())
		log_warn("%s is untested in a user namespace", command);
	return 0;
}

/* --- Directories ------------------------------------------------------------------------------ */

static int open_dir(const char *path, bool make, struct err *e)
{
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make the directory %s", path);
	return fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, e);
}

int criu_open_dirs(const struct criu_options *o, bool make, struct criu_dirs *ret, struct err *e)
{
	ret->images = path_clean(str_empty(o->image_path) ? "checkpoint" : o->image_path);
	if (make && fd_make_parents(ret->images, e) < 0)
		return -1;
	ret->images_fd = open_dir(ret->images, make, e);
	if (ret->images_fd < 0)
		return err_wrap(e, "image directory");
	ret->log = ret->images;
	if (str_empty(o->work_path))
		return 0;
	ret->log = o->work_path;
	ret->work_fd = open_dir(o->work_path, true, e);
	return ret->work_fd < 0 ? err_wrap(e, "work directory") : 0;
}

static int reopen_dir(const char *path, int number, struct err *e)
{
	auto_close int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, e);

	return fd < 0 ? -1 : dup3(fd, number, O_CLOEXEC) < 0 ? err_sys(e, "dup3") : 0;
}

int criu_reopen_dirs(const struct criu_dirs *d, struct err *e)
{
	if (reopen_dir(d->images, d->images_fd, e) < 0)
		return -1;
	return d->work_fd < 0 ? 0 : reopen_dir(d->log, d->work_fd, e);
}

void criu_dirs_done(struct criu_dirs *d)
{
	cleanup_close(&d->images_fd);
	cleanup_close(&d->work_fd);
	free(d->images);
	*d = (struct criu_dirs)CRIU_DIRS_INIT;
}

/* --- criu_opts -------------------------------------------------------------------------------- */

/*
 * The annotation names a file of more settings; an empty one means none. Without the annotation it
 * is that of hull, or, for who comes from runc, runc's. criu does not mind that there is none.
 */
static void add_config_file(const struct spec *s, struct str *out)
{
	const char *file = spec_annotation(s, ANNOTATION_CRIU_CONFIG);

	if (!file)
		file = access("/etc/criu/hull.conf", F_OK) == 0 ? "/etc/criu/hull.conf" :
								  "/etc/criu/runc.conf";
	if (*file)
		pb_add_string(out, OPT_CONFIG_FILE, file);
}

void criu_add_common(const struct criu_options *o, const struct spec *s, const struct cgroup *cg,
		     const struct criu_dirs *d, const char *log_file, struct str *out)
{
	/* Without cgroups of its own the container is in its caller's, which are no part of it. */
	const char *cgroups_mode = cg->n ? "" : "ignore";
	int mode = 0;

	(void)name_lookup(cgroups_modes, o->cgroups_mode ? o->cgroups_mode : cgroups_mode, &mode);
	pb_add_int(out, OPT_IMAGES_DIR_FD, d->images_fd);
	if (d->work_fd >= 0)
		pb_add_int(out, OPT_WORK_DIR_FD, d->work_fd);
	pb_add_int(out, OPT_LOG_LEVEL, LOG_LEVEL);
	pb_add_string(out, OPT_LOG_FILE, log_file);
	pb_add_bool(out, OPT_NOTIFY_SCRIPTS, true);
	pb_add_bool(out, OPT_ORPHAN_PTS_MASTER, true);
	pb_add_bool(out, OPT_MANAGE_CGROUPS, true);
	pb_add_int(out, OPT_MANAGE_CGROUPS_MODE, mode);
	pb_add_bool(out, OPT_TCP_ESTABLISHED, o->tcp_established);
	pb_add_bool(out, OPT_EXT_UNIX_SK, o->ext_unix_sk);
	pb_add_bool(out, OPT_SHELL_JOB, o->shell_job);
	pb_add_bool(out, OPT_FILE_LOCKS, o->file_locks);
	pb_add_bool(out, OPT_LAZY_PAGES, o->lazy_pages);
	pb_add_bool(out, OPT_AUTO_DEDUP, o->auto_dedup);
	/* Who made the network of the container makes it again (--empty-ns network, too). */
	pb_add_int(out, OPT_EMPTY_NS, CLONE_NEWNET);
	add_config_file(s, out);
}

/*
 * A minimal host has no iptables, and criu would fail for nothing. Without --tcp-established there
 * is no connection that could be hurt.
 */
void criu_add_network_lock(const struct criu_options *o, int version, struct str *out)
{
	auto_free char *iptables = fd_find_program("iptables-restore");
	const char *method = o->network_lock;
	int lock = 0;

	if (!method && !iptables) {
		method = version >= 31800 && !o->tcp_established ? "skip" : "nftables";
		log_debug("there is no iptables-restore: --network-lock %s", method);
	}
	if (method && name_lookup(network_locks, method, &lock))
		pb_add_int(out, OPT_NETWORK_LOCK, lock);
}

void criu_add_pair(struct str *out, unsigned field, const char *first, const char *second)
{
	auto_str struct str pair = { 0 };

	pb_add_string(&pair, 1, first);
	pb_add_string(&pair, 2, second);
	pb_add_message(out, field, &pair);
}

void criu_add_page_server(struct str *out, const char *page_server)
{
	const char *colon = strrchr(page_server, ':');
	bool bracketed = page_server[0] == '[' && colon[-1] == ']'; /* of IPv6 */
	auto_free char *address =
		xstrndup(page_server + bracketed, (size_t)(colon - page_server) - 2 * bracketed);
	auto_str struct str m = { 0 };
	uint64_t port = 0;

	(void)str_to_u64(colon + 1, &port);
	pb_add_string(&m, PAGE_SERVER_ADDRESS, address);
	pb_add_int(&m, PAGE_SERVER_PORT, (int64_t)port);
	pb_add_message(out, CRIU_OPT_PAGE_SERVER, &m);
}

const char *criu_external_ns(int type)
{
	return type == CLONE_NEWNET ? "extRootNetNS" : "extRootPidNS";
}

/* --- Mounts ----------------------------------------------------------------------------------- */

/* Where a descriptor's file is, as its own mount namespace has it; NULL and errno. */
static char *path_of_fd(int fd)
{
	char link[32], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	return n < 0 ? NULL : xstrndup(path, (size_t)n);
}

/*
 * path with its links resolved inside the root, as seen from there. What is not there (it may be on
 * another mount) stays as it is written. The caller frees it.
 */
static char *resolve(int root_fd, const char *path)
{
	auto_free char *head = path_clean(path), *root = path_of_fd(root_fd), *found = NULL;
	auto_str struct str tail = { 0 };
	size_t n = root ? strlen(root) : 0;

	n = root && !strcmp(root, "/") ? 0 : n;
	for (;;) {
		auto_close int fd = fd_open_in_root(root_fd, head, O_PATH, 0);
		char *slash = strrchr(head, '/');
		char *rest;

		if (fd >= 0) {
			found = path_of_fd(fd);
			break;
		}
		if (!slash || slash == head)
			break;
		rest = xasprintf("%s%s", slash, str_get(&tail));
		str_done(&tail);
		tail = (struct str){ 0 };
		str_add(&tail, rest);
		free(rest);
		*slash = '\0';
	}
	if (!found || !root || strncmp(found, root, n) != 0)
		return path_clean(path);
	return xasprintf("%s%s", strcmp(found + n, "/") ? found + n : "", str_get(&tail));
}

/* What add_mount() needs of the container. */
struct places {
	int rootfs_fd, live_fd;
	struct str *out;
};

static void add_mount(const struct places *p, const char *destination, const char *source)
{
	auto_free char *name = resolve(p->rootfs_fd, destination);
	auto_free char *live = p->live_fd < 0 ? NULL : resolve(p->live_fd, destination);

	criu_add_pair(p->out, CRIU_OPT_EXT_MNT, live ? live : name, live ? name : source);
}

/* A cgroup mount is criu's to make only if it was a new one in a cgroup namespace (init/mount_cgroup.c). */
static void add_cgroups(const struct places *p, const struct spec *s, const struct record *r,
			const struct spec_mount *m)
{
	bool user_ns = spec_namespace_flags(s) & CLONE_NEWUSER;
	const struct cgroup *cg = &r->cgroup;

	if (spec_namespace_flags(s) & CLONE_NEWCGROUP)
		return;
	/* All of cgroup2 can be mounted anew, a part of it cannot. */
	if (cg->layout == CGROUP_V2 && user_ns)
		add_mount(p, m->destination, cg->n ? cg->dirs[0].path : "/sys/fs/cgroup");
	for (size_t i = 0; cg->layout == CGROUP_V1 && i < cg->n; i++) {
		auto_free char *path =
			path_join(m->destination, mount_cgroup_directory(cg->dirs[i].controllers));

		add_mount(p, path, cg->dirs[i].path);
	}
}

static bool is_bind(const struct spec_mount *m, bool *ret_readonly)
{
	struct mount_work w = { .m = m };
	bool bind;

	mount_options_parse(&m->options, &w.o);
	bind = mount_is_bind(&w);
	*ret_readonly = !w.o.remount &&
			((w.o.ms_set & MS_RDONLY) || (w.o.rec_attr_set & MOUNT_ATTR_RDONLY));
	mount_options_done(&w.o);
	return bind;
}

static void add_devices(const struct places *p, const struct spec *s)
{
	static const char *const defaults[] = { "/dev/null", "/dev/zero",   "/dev/full",
						"/dev/tty",  "/dev/random", "/dev/urandom" };

	/* In a user namespace those that could not be made are bound. */
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		add_mount(p, defaults[i], defaults[i]);
	for (size_t i = 0; i < s->linux_->devices.n; i++)
		add_mount(p, s->linux_->devices.v[i].path, s->linux_->devices.v[i].path);
}

/*
 * Masks of the container's own /dev/null are criu's to make. Those that another runtime's restore has
 * left (criu_images.c) are the host's.
 */
static void add_masks(const struct places *p, const struct spec *s)
{
	struct stat dev, st;

	if (p->live_fd < 0 || fstatat(p->live_fd, "dev/null", &dev, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	for (size_t i = 0; i < s->linux_->masked_paths.n; i++) {
		const char *path = s->linux_->masked_paths.v[i];
		auto_close int fd = fd_open_in_root(p->live_fd, path, O_PATH | O_NOFOLLOW, 0);

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
		    st.st_dev != dev.st_dev)
			add_mount(p, path, path);
	}
}

int criu_add_mounts(const struct spec *s, const struct record *r, int live_fd, const char *notify,
		    struct str *out, struct err *e)
{
	auto_close int rootfs = fd_open(AT_FDCWD, r->rootfs, O_PATH | O_DIRECTORY, 0, e);
	struct places p = { rootfs, live_fd, out };

	if (rootfs < 0)
		return -1;
	for (size_t i = 0; i < s->mounts.n; i++) {
		const struct spec_mount *m = &s->mounts.v[i];
		bool readonly;

		if (m->type && str_starts(m->type, "cgroup")) {
			add_cgroups(&p, s, r, m);
		} else if (is_bind(m, &readonly) && m->source) {
			auto_free char *source = path_join(r->bundle, m->source);

			add_mount(&p, m->destination, source);
		}
	}
	if (notify)
		add_mount(&p, NOTIFY_INSIDE, notify);
	add_devices(&p, s);
	add_masks(&p, s);
	return 0;
}

/* Something is mounted there again, later in the list. */
static bool is_covered(const struct spec_mounts *m, size_t i)
{
	for (size_t k = i + 1; k < m->n; k++) {
		if (!strcmp(m->v[i].destination, m->v[k].destination))
			return true;
	}
	return false;
}

int criu_check_mounts(const struct spec *s, pid_t init, struct err *e)
{
	char root[PROC_PATH_SIZE];
	auto_close int root_fd = -1;

	root_fd = fd_open(AT_FDCWD, proc_path(root, init, "root"), O_PATH | O_DIRECTORY, 0, e);
	if (root_fd < 0)
		return -1;
	for (size_t i = 0; i < s->mounts.n; i++) {
		const struct spec_mount *m = &s->mounts.v[i];
		auto_close int fd = -1;
		struct statvfs st;
		bool readonly;

		if (!is_bind(m, &readonly) || !readonly || is_covered(&s->mounts, i))
			continue;
		fd = fd_open_in_root(root_fd, m->destination, O_PATH, 0);
		if (fd < 0 || fstatvfs(fd, &st) < 0) {
			err_sys(e, "look at the mount at %s", m->destination);
		} else if (st.f_flag & ST_RDONLY) {
			continue;
		} else {
			err_set(e, EPERM,
				"the mount at %s is read-only in config.json, and came back writable",
				m->destination);
		}
		err_at_index(e, i);
		return err_at_key(e, "mounts");
	}
	return 0;
}

/* --- The log ---------------------------------------------------------------------------------- */

#define CRIU_LOG_MAX ((size_t)64 << 20)

/* A limit that criu would like to raise for itself fails nothing. */
static bool is_failure(const char *line)
{
	return strstr(line, "Error (") && !strstr(line, "rlimit: Can't setup");
}

#define CONTEXT 5 /* lines before the first failure: what criu was at */

/* All failures to the warnings; the first one, without its time, to first. */
static void quote_failures(const char *path, char *text, char *first, size_t size)
{
	const char *before[CONTEXT] = { 0 };
	char *save = NULL;
	size_t n = 0;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!is_failure(line)) {
			before[n++ % CONTEXT] = line;
			continue;
		}
		for (size_t i = 0; !first[0] && i < CONTEXT; i++) {
			if (before[(n + i) % CONTEXT])
				log_warn("%s: %s", path, before[(n + i) % CONTEXT]);
		}
		if (!first[0])
			snprintf(first, size, "%s", strstr(line, "Error ("));
		log_warn("%s: %s", path, line);
	}
}

int criu_explain(const struct criu *c, const struct criu_dirs *d, const char *log_file,
		 struct err *e)
{
	auto_free char *path = path_join(d->log, log_file), *text = NULL;
	struct err ignored, cause = *e;
	char first[256] = "";

	if (c->refused)
		return -1;
	if (fd_read_file(AT_FDCWD, path, CRIU_LOG_MAX, &text, NULL, &ignored) == 0)
		quote_failures(path, text, first, sizeof(first));
	if (first[0])
		return err_set(e, cause.code, "%s: %s (%s)", cause.chain, first, path);
	return c->message[0] ? err_set(e, cause.code, "%s: %s", cause.chain, c->message) : -1;
}
