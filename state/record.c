/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a container and the identity of its processes. Runs in hull. One table says what
 * is in the file; it is both written and read by it.
 */
#include "state/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/proc.h"
#include "state/rdt.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#define RECORD_MAX ((size_t)8 << 20) /* annotations are as large as config.json allows */

enum row_kind { R_STR, R_TEXT40, R_PID, R_UID, R_U64, R_I64, R_BOOL, R_PHASE };

/* clang-format off: a table */
static const struct row {
	const char *key;
	enum row_kind kind;
	size_t offset;
	bool later; /* older hulls did not write it: zero without */
} rows[] = {
#define ROW(key, kind, member)                                    \
	{                                                         \
		key, kind, offsetof(struct record, member), false \
	}
#define LATER(key, kind, member)                                 \
	{                                                        \
		key, kind, offsetof(struct record, member), true \
	}
	ROW("ociVersion", R_STR, oci_version),
	ROW("id", R_STR, id),
	ROW("bundle", R_STR, bundle),
	ROW("rootfs", R_STR, rootfs),
	ROW("phase", R_PHASE, phase),
	ROW("pid", R_PID, pid),
	ROW("startTime", R_U64, start_time),
	ROW("creator", R_PID, creator),
	ROW("creatorStart", R_U64, creator_start),
	ROW("bootId", R_TEXT40, boot_id),
	ROW("created", R_I64, created),
	ROW("owner", R_UID, owner),
	ROW("rdtGroup", R_STR, rdt_group),
	ROW("rdtMonitor", R_STR, rdt_monitor),
	ROW("unit", R_STR, unit),
	ROW("unitOfUser", R_BOOL, unit_of_user),
	ROW("inUserNs", R_BOOL, in_user_ns),
	ROW("inPidNs", R_BOOL, in_pid_ns),
	ROW("hostMount", R_U64, host_mount),
	ROW("hasListener", R_BOOL, has_listener),
	LATER("stdinPipe", R_U64, stdio_pipes[0]),
	LATER("stdoutPipe", R_U64, stdio_pipes[1]),
	LATER("stderrPipe", R_U64, stdio_pipes[2]),
	LATER("inTimeNs", R_BOOL, in_time_ns),
	LATER("inode", R_U64, inode),
};
/* clang-format on */

static const struct name phase_names[] = {
	{ "creating", RECORD_CREATING },
	{ "created", RECORD_CREATED },
	{ NULL, 0 },
};

static const struct name layout_names[] = {
	{ "none", CGROUP_NONE },
	{ "v1", CGROUP_V1 },
	{ "v2", CGROUP_V2 },
	{ NULL, 0 },
};

/* --- Writing ---------------------------------------------------------------------------------- */

static void add_text(struct str *out, const char *s)
{
	str_add_json(out, s ? s : "");
}

static void add_row(struct str *out, const struct row *row, const struct record *r)
{
	const void *p = (const char *)r + row->offset;

	str_add(out, "\"");
	str_add(out, row->key);
	str_add(out, "\":");
	switch (row->kind) {
	case R_STR:
		return add_text(out, *(char *const *)p);
	case R_TEXT40:
		return add_text(out, p);
	case R_PID:
		return str_add_i64(out, *(const pid_t *)p);
	case R_UID:
		return str_add_u64(out, *(const uid_t *)p);
	case R_U64:
		return str_add_u64(out, *(const uint64_t *)p);
	case R_I64:
		return str_add_i64(out, *(const int64_t *)p);
	case R_BOOL:
		return str_add(out, *(const bool *)p ? "true" : "false");
	case R_PHASE:
		return add_text(out, name_of(phase_names, *(const enum record_phase *)p));
	}
}

static void add_map(struct str *out, const struct str_map *m, const char *newline, const char *sep)
{
	str_add(out, "{");
	for (size_t i = 0; i < m->n; i++) {
		str_add(out, i ? "," : "");
		str_add(out, newline);
		str_add_json(out, m->v[i].key);
		str_add(out, sep);
		str_add_json(out, m->v[i].value);
	}
}

int record_write(int dir_fd, const struct record *r, struct err *e)
{
	trace_here("write the record", NULL);
	auto_str struct str out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		str_add(&out, i ? ",\n" : "{");
		add_row(&out, &rows[i], r);
	}
	str_addf(&out, ",\n\"cgroup\":{\"layout\":\"%s\",\"dirs\":[",
		 name_of(layout_names, (int)r->cgroup.layout));
	for (size_t i = 0; i < r->cgroup.n; i++) {
		str_add(&out, i ? ",\n{\"controllers\":" : "\n{\"controllers\":");
		add_text(&out, r->cgroup.dirs[i].controllers);
		str_add(&out, ",\"path\":");
		add_text(&out, r->cgroup.dirs[i].path);
		str_add(&out, "}");
	}
	str_add(&out, "]},\n\"annotations\":");
	add_map(&out, &r->annotations, "\n", ":");
	str_add(&out, "}}\n");
	return fd_write_atomic(dir_fd, RECORD_FILE, out.s, out.n, 0600, e);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int damaged(struct err *e, const char *key, const char *what)
{
	return err_set(e, EBADMSG, "\"%s\" %s", key, what);
}

static bool read_number(const cJSON *v, int64_t min, int64_t max, int64_t *ret)
{
	return cJSON_IsNumber(v) && str_to_i64(v->valuestring, ret) && *ret >= min && *ret <= max;
}

static int read_row(const struct row *row, const cJSON *v, struct record *r, struct err *e)
{
	void *p = (char *)r + row->offset;
	int64_t n = 0;
	bool ok = false;
	int name;

	if (!v && row->later)
		return 0;
	switch (row->kind) {
	case R_STR:
		ok = cJSON_IsString(v);
		*(char **)p = ok ? v->valuestring : NULL;
		break;
	case R_TEXT40:
		ok = cJSON_IsString(v) && strlen(v->valuestring) < 40;
		if (ok)
			snprintf(p, 40, "%s", v->valuestring);
		break;
	case R_PID:
		ok = read_number(v, 0, INT32_MAX, &n);
		*(pid_t *)p = (pid_t)n;
		break;
	case R_UID:
		ok = read_number(v, 0, UINT32_MAX, &n);
		*(uid_t *)p = (uid_t)n;
		break;
	case R_U64:
		ok = cJSON_IsNumber(v) && str_to_u64(v->valuestring, p);
		break;
	case R_I64:
		ok = read_number(v, INT64_MIN, INT64_MAX, p);
		break;
	case R_BOOL:
		ok = cJSON_IsBool(v);
		*(bool *)p = cJSON_IsTrue(v);
		break;
	case R_PHASE:
		ok = cJSON_IsString(v) && name_lookup(phase_names, v->valuestring, &name);
		if (ok)
			*(enum record_phase *)p = (enum record_phase)name;
		break;
	}
	return ok ? 0 : damaged(e, row->key, "is missing or not what hull writes there");
}

static size_t count(const cJSON *v)
{
	size_t n = 0;

	for (v = v->child; v; v = v->next)
		n++;
	return n;
}

static int read_annotations(const cJSON *v, struct str_map *ret, struct err *e)
{
	if (!cJSON_IsObject(v))
		return damaged(e, "annotations", "is not an object");
	ret->v = xzalloc((count(v) + 1) * sizeof(*ret->v));
	for (v = v->child; v; v = v->next) {
		if (!cJSON_IsString(v))
			return damaged(e, "annotations", "has a value that is no string");
		ret->v[ret->n++] = (struct map_entry){ v->string, v->valuestring };
	}
	return 0;
}

static const char *text_of(const cJSON *object, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static int read_cgroup(const cJSON *v, struct cgroup *ret, struct err *e)
{
	const char *layout = text_of(v, "layout"), *controllers, *path;
	const cJSON *dirs = cJSON_GetObjectItemCaseSensitive(v, "dirs");
	int value;

	if (!layout || !name_lookup(layout_names, layout, &value) || !cJSON_IsArray(dirs))
		return damaged(e, "cgroup", "is missing or not what hull writes there");
	ret->layout = (enum cgroup_layout)value;
	ret->dirs = xzalloc((count(dirs) + 1) * sizeof(*ret->dirs));
	for (v = dirs->child; v; v = v->next) {
		controllers = text_of(v, "controllers");
		path = text_of(v, "path");
		if (!controllers || !path || *path != '/')
			return damaged(e, "cgroup", "has a directory without an absolute path");
		ret->dirs[ret->n++] = (struct cgroup_dir){
			.controllers = xstrdup(controllers),
			.path = xstrdup(path),
		};
	}
	return 0;
}

/* The member of this name; looked for at *next first, where it is in a record that we have written. */
static const cJSON *member(const cJSON *root, const cJSON **next, const char *key)
{
	const cJSON *v = *next;

	if (!v || !str_equal(v->string, key))
		v = cJSON_GetObjectItemCaseSensitive(root, key);
	if (v)
		*next = v->next;
	return v;
}

static int read_tree(const cJSON *root, struct record *r, struct err *e)
{
	const cJSON *next;

	if (!cJSON_IsObject(root))
		return err_set(e, EBADMSG, "is not an object");
	next = root->child;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (read_row(&rows[i], member(root, &next, rows[i].key), r, e) < 0)
			return -1;
	}
	if (read_cgroup(member(root, &next, "cgroup"), &r->cgroup, e) < 0)
		return -1;
	return read_annotations(member(root, &next, "annotations"), &r->annotations, e);
}

int record_read(int dir_fd, struct record *ret, struct err *e)
{
	auto_record struct record r = { 0 };
	auto_free char *text = NULL;
	char boot_id[40];
	size_t n;

	r.in_memory = fd_is_on(dir_fd, TMPFS_MAGIC);
	/* Once it is known, record_same_boot() cannot err: what cannot be read is no other boot. */
	if (!r.in_memory && boot_id_read(boot_id, e) < 0) {
		e->code = e->code == ENOENT ? EOPNOTSUPP : e->code;
		return -1;
	}
	if (fd_read_file(dir_fd, RECORD_FILE, RECORD_MAX, &text, &n, e) < 0)
		return -1;
	if (json_read(text, n, &r.json, e) < 0 || read_tree(r.json.root, &r, e) < 0) {
		err_wrap(e, "the container's %s is damaged", RECORD_FILE);
		e->code = EBADMSG;
		return -1;
	}
	*ret = r;
	r = (struct record){ 0 };
	return 0;
}

void record_done(struct record *r)
{
	if (r->json.mem)
		free(r->annotations.v);
	cgroup_done(&r->cgroup);
	json_done(&r->json);
	*r = (struct record){ 0 };
}

int record_find_mount(const char *path, uint64_t *ret, struct err *e)
{
	auto_close int fd = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, e);
	char id[16];

	if (fd < 0)
		return -1;
	return fd_mount_id(fd, id) && str_to_u64(id, ret) ?
		       0 :
		       err_sys(e, "find the mount of %s", path);
}

int record_unmount_root(const struct record *r, struct err *e)
{
	uint64_t now;

	if (!r->host_mount || !record_same_boot(r))
		return 0;
	if (record_find_mount(r->rootfs, &now, e) < 0)
		return e->code == ENOENT ? 0 : -1;
	/* It never came to be, or somebody has removed it: what is there is not ours. */
	if (now == r->host_mount)
		return 0;
	return umount2(r->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ?
		       err_sys(e, "unmount %s", r->rootfs) :
		       0;
}

int record_remove_rdt(const struct record *r, struct err *e)
{
	auto_close int root = -1;

	if (str_empty(r->rdt_group) && str_empty(r->rdt_monitor))
		return 0;
	root = rdt_open_root(e);
	/* Unmounted: there is nothing that could be removed. */
	if (root < 0)
		return 0;
	/* The one may be inside the other. */
	return rdt_remove(root, r->rdt_monitor, e) < 0 || rdt_remove(root, r->rdt_group, e) < 0 ?
		       -1 :
		       0;
}

/* --- The state document ----------------------------------------------------------------------- */

const char *record_time(int64_t ns, char buf[static 40])
{
	time_t secs = (time_t)(ns / 1000000000);
	int64_t rest = ns % 1000000000;
	struct tm tm = { 0 };
	size_t n;

	gmtime_r(&secs, &tm);
	n = strftime(buf, 24, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest > 0) {
		n += (size_t)snprintf(buf + n, 12, ".%09d", (int)rest);
		while (buf[n - 1] == '0')
			n--;
	}
	snprintf(buf + n, 2, "Z");
	return buf;
}

void record_hook_state(const struct record *r, const char *status, pid_t pid, struct str *out)
{
	str_add(out, "{\"ociVersion\":");
	add_text(out, r->oci_version);
	str_add(out, ",\"id\":");
	add_text(out, r->id);
	str_addf(out, ",\"status\":\"%s\",\"pid\":%d,\"bundle\":", status, (int)pid);
	add_text(out, r->bundle);
	if (r->annotations.n) {
		str_add(out, ",\"annotations\":");
		add_map(out, &r->annotations, "", ":");
		str_add(out, "}");
	}
	str_add(out, "}");
}

static void add_key(struct str *out, const char *key, bool indent)
{
	str_addf(out, indent ? "%s\n  \"%s\": " : "%s\"%s\":", out->s[out->n - 1] == '{' ? "" : ",",
		 key);
}

void record_state(const struct record *r, const char *status, pid_t pid, const char *owner,
		  bool indent, struct str *out)
{
	char when[40];

	str_add(out, "{");
	add_key(out, "ociVersion", indent);
	add_text(out, r->oci_version);
	add_key(out, "id", indent);
	add_text(out, r->id);
	add_key(out, "pid", indent);
	str_addf(out, "%d", (int)pid);
	add_key(out, "status", indent);
	add_text(out, status);
	add_key(out, "bundle", indent);
	add_text(out, r->bundle);
	add_key(out, "rootfs", indent);
	add_text(out, r->rootfs);
	add_key(out, "created", indent);
	add_text(out, record_time(r->created, when));
	if (r->annotations.n) {
		add_key(out, "annotations", indent);
		add_map(out, &r->annotations, indent ? "\n    " : "", indent ? ": " : ":");
		str_add(out, indent ? "\n  }" : "}");
	}
	add_key(out, "owner", indent);
	add_text(out, owner);
	str_add(out, indent ? "\n}" : "}");
}

/* --- Processes -------------------------------------------------------------------------------- */

int record_note_tracer(int dir_fd, struct err *e)
{
	auto_close int fd = openat(dir_fd, RECORD_TRACER, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(e, "create %s", RECORD_TRACER) : 0;
}

bool record_has_tracer(int dir_fd)
{
	return faccessat(dir_fd, RECORD_TRACER, F_OK, 0) == 0;
}

int boot_id_read(char buf[static 40], struct err *e)
{
	static char known[40];

	if (!*known && fd_read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", known, 40) < 0)
		return err_sys(e, "read /proc/sys/kernel/random/boot_id");
	memcpy(buf, known, sizeof(known));
	return 0;
}

bool record_same_boot(const struct record *r)
{
	char boot_id[40];
	struct err ignored;

	return r->in_memory ||
	       (boot_id_read(boot_id, &ignored) == 0 && !strcmp(boot_id, r->boot_id));
}

/*
 * 1: it is, 0: it has ended, -1 and errno: nobody knows. With hidepid=1 (proc(5)) a user is refused what
 * is another's; those of his own containers he sees (init/start.c).
 */
static int is_process(const struct record *r, pid_t pid, uint64_t start_time)
{
	uint64_t started;

	if (!record_same_boot(r))
		return 0;
	if (proc_start_time(pid, &started) == 0)
		return started == start_time;
	return errno == ESRCH || errno == EPERM || errno == EACCES ? 0 : -1;
}

int record_note_pid(struct record *r, pid_t pid)
{
	auto_close int fd = sys_pidfd_open(pid, 0);

	r->pid = pid;
	r->inode = fd < 0 ? 0 : pidfd_inode(fd);
	return proc_start_time(pid, &r->start_time);
}

bool record_alive(const struct record *r, pid_t pid, uint64_t start_time)
{
	return is_process(r, pid, start_time) != 0;
}

/* As is_process(). What pidfd_inode() has once found is pidfs'. */
static int is_of_inode(int pidfd, uint64_t inode)
{
	struct stat st;

	if (fstat(pidfd, &st) < 0)
		return -1;
	return st.st_ino == inode && !pidfd_wait(pidfd, 0);
}

int record_pidfd_of(const struct record *r, pid_t pid, uint64_t start_time)
{
	auto_close int fd = -1;
	int is;

	errno = ESRCH;
	if (pid <= 0)
		return -1;
	fd = sys_pidfd_open(pid, 0);
	if (fd < 0)
		return -1;
	/*
	 * By the inode of a pidfd, a twentieth of what a look into /proc costs. Otherwise the descriptor was
	 * there first: if it is the right process now, it is what fd means.
	 */
	if (r->inode && pid == r->pid)
		is = record_same_boot(r) ? is_of_inode(fd, r->inode) : 0;
	else
		is = is_process(r, pid, start_time);
	if (is == 0)
		errno = ESRCH;
	return is > 0 ? take_fd(&fd) : -1;
}

int record_pidfd(const struct record *r, struct err *e)
{
	int fd = record_pidfd_of(r, r->pid, r->start_time);

	if (fd >= 0)
		return fd;
	if (errno == ESRCH)
		return err_set(e, ESRCH, "container not running");
	err_sys(e, "open a pidfd of process %d", (int)r->pid);
	return e->code == ENOSYS ? err_wrap(e, "hull needs Linux 5.3 or later") : -1;
}

uint64_t pidfd_inode(int pidfd)
{
	struct statfs fs;
	struct stat st;

	if (sizeof(st.st_ino) < sizeof(uint64_t) || sizeof(void *) < sizeof(uint64_t) ||
	    fstatfs(pidfd, &fs) < 0 || fs.f_type != PIDFS_MAGIC || fstat(pidfd, &st) < 0)
		return 0;
	return st.st_ino;
}

int pidfd_wait(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	/* The first look into the vDSO costs more than poll(2). */
	int64_t end = timeout_ms > 0 ? sys_now_ms() + timeout_ms : 0, left = timeout_ms;
	int n;

	while ((n = poll(&p, 1, timeout_ms < 0 ? -1 : (int)left)) < 0 && errno == EINTR) {
		left = end - sys_now_ms();
		left = left < 0 ? 0 : left;
	}
	return n > 0;
}
