/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull checkpoint`: criu(8) writes a running container to files, from which `hull restore` makes
 * it again. Unless it goes on running, it is deleted then.
 */
#include "cmd/line/cmd.h"

#include "cmd/criu/request.h"
#include "cmd/launch/destroy.h"
#include "cmd/launch/notify.h"
#include "cmd/line/options.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/format/protobuf.h"
#include "state/record.h"
#include "state/status.h"
#include "state/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DUMP_LOG "dump.log"

struct options {
	struct criu_options criu;
};

#define ROW(m, name, kind, help) CRIU_ROW(options, m, name, kind, help)

static const struct option_row options[] = {
	CRIU_ROWS(options),
	ROW(parent_path, "parent-path", OPT_STRING,
	    "path for previous criu image files in pre-dump, from the image path"),
	ROW(leave_running, "leave-running", OPT_FLAG,
	    "leave the process running after checkpointing"),
	ROW(tcp_skip_in_flight, "tcp-skip-in-flight", OPT_FLAG, "skip in-flight tcp connections"),
	ROW(link_remap, "link-remap", OPT_FLAG,
	    "allow one to link unlinked files back when possible"),
	ROW(status_fd, "status-fd", OPT_STRING,
	    "hull writes \\0 to this FD once lazy-pages is ready"),
	ROW(page_server, "page-server", OPT_STRING, "ADDRESS:PORT of the page server"),
	ROW(pre_dump, "pre-dump", OPT_FLAG,
	    "dump container's memory information only, leave the container running after this"),
	ROW(print_stats, "print-stats", OPT_FLAG,
	    "print how long criu took for what, and how many pages of memory it saw and wrote"),
	{ 0 },
};

/* One checkpoint under way. */
struct dump {
	const struct criu_options *o;
	const struct record *rec;
	const struct spec *s;
	struct criu criu;
	struct criu_dirs dirs;
	char *notify;  /* where its NOTIFY_SOCKET is, on the host; NULL */
	int root_fd;   /* the root as init has it */
	int status_fd; /* -1: nobody is to be told that the pages can be fetched */
};

/* --- What criu is asked for ------------------------------------------------------------------- */

/* A namespace that is not the container's own stays, and is named for the restore. */
static int add_external_ns(struct dump *d, int type, const char *name, int min_version,
			   struct str *opts, struct err *e)
{
	const struct spec_namespace *ns = spec_namespace(d->s, type);
	auto_free char *text = NULL;
	struct stat st;

	if (!ns || str_empty(ns->path))
		return 0;
	if (d->criu.version < min_version)
		return err_set(e, ENOTSUP,
			       "criu lacks support for external %s namespace during checkpointing "
			       "process (version %d, it needs %d)",
			       name, d->criu.version, min_version);
	if (stat(ns->path, &st) < 0)
		return err_sys(e, "%s namespace %s", name, ns->path);
	text = xasprintf("%s[%llu]:%s", name, (unsigned long long)st.st_ino,
			 criu_external_ns(type));
	pb_add_string(opts, CRIU_OPT_EXTERNAL, text);
	return 0;
}

/* The freezer is kinder than ptrace(2); criu knows that of v2 since 3.14. */
static void add_freezer(const struct dump *d, struct str *opts)
{
	const struct cgroup *cg = &d->rec->cgroup;
	const struct cgroup_dir *dir = cgroup_find(cg, cg->layout == CGROUP_V1 ? "freezer" : "");

	if (dir && (cg->layout == CGROUP_V1 || d->criu.version >= 31400))
		pb_add_string(opts, CRIU_OPT_FREEZE_CGROUP, dir->path);
}

static int add_lazy_pages(struct dump *d, struct str *opts, struct err *e)
{
	if (!d->o->lazy_pages)
		return 0;
	if (criu_check_feature(&d->criu, CRIU_FEATURE_LAZY_PAGES, "LazyPages", e) < 0)
		return -1;
	/* Later ones tell us, and we tell whoever is there. */
	if (d->status_fd >= 0 && d->criu.version < 31500)
		pb_add_int(opts, CRIU_OPT_STATUS_FD, d->status_fd);
	return 0;
}

static int make_options(struct dump *d, struct str *opts, struct err *e)
{
	const struct criu_options *o = d->o;

	criu_add_common(o, d->s, &d->rec->cgroup, &d->dirs, DUMP_LOG, opts);
	criu_add_network_lock(o, d->criu.version, opts);
	pb_add_int(opts, CRIU_OPT_PID, d->rec->pid);
	pb_add_string(opts, CRIU_OPT_ROOT, d->rec->rootfs);
	pb_add_bool(opts, CRIU_OPT_LEAVE_RUNNING, o->leave_running);
	pb_add_bool(opts, CRIU_OPT_LINK_REMAP, o->link_remap);
	pb_add_bool(opts, CRIU_OPT_TCP_SKIP_IN_FLIGHT, o->tcp_skip_in_flight);
	if (!str_empty(o->page_server))
		criu_add_page_server(opts, o->page_server);
	if (!str_empty(o->parent_path)) {
		pb_add_string(opts, CRIU_OPT_PARENT_IMG, o->parent_path);
		pb_add_bool(opts, CRIU_OPT_TRACK_MEM, true);
	}
	add_freezer(d, opts);
	if (add_external_ns(d, CLONE_NEWNET, "net", 31100, opts, e) < 0 ||
	    add_external_ns(d, CLONE_NEWPID, "pid", 31500, opts, e) < 0 ||
	    add_lazy_pages(d, opts, e) < 0)
		return -1;
	if (o->pre_dump)
		return criu_check_feature(&d->criu, CRIU_FEATURE_MEM_TRACK, "MemTrack", e);
	return criu_add_mounts(d->s, d->rec, d->root_fd, d->notify, opts, e);
}

/* --- descriptors.json ------------------------------------------------------------------------- */

/* What init's descriptors 0 to 2 are now, where they did not come as pipes. */
static void add_link(const struct dump *d, int fd, struct str *out)
{
	auto_free char *path = xasprintf("/proc/%d/fd/%d", (int)proc_number(d->rec->pid), fd);
	char link[4096];
	ssize_t n = readlink(path, link, sizeof(link));

	str_add_json_n(out, link, n < 0 ? 0 : (size_t)n);
}

/*
 * The pipes that the container was given as its standard streams: those of the caller of `restore`
 * take their places. runc and crun write, and read, the same file.
 */
static int write_descriptors(const struct dump *d, struct err *e)
{
	auto_str struct str out = { 0 };

	str_add(&out, "[");
	for (int fd = 0; fd < 3; fd++) {
		str_add(&out, fd ? "," : "");
		if (d->rec->stdio_pipes[fd])
			str_addf(&out, "\"pipe:[%llu]\"",
				 (unsigned long long)d->rec->stdio_pipes[fd]);
		else
			add_link(d, fd, &out);
	}
	str_add(&out, "]");
	return fd_write_atomic(d->dirs.images_fd, CRIU_DESCRIPTORS, out.s, out.n, 0600, e);
}

/* --- The command ------------------------------------------------------------------------------ */

/* Its number is the caller's: it is to be open, and nobody is to inherit it. */
static int take_status_fd(struct dump *d, struct err *e)
{
	const char *text = d->o->status_fd;
	uint64_t n;
	int flags;

	if (!text)
		return 0;
	if (!str_to_u64(text, &n) || n > INT32_MAX)
		return err_set(e, EINVAL, "invalid --status-fd: \"%s\" is not a descriptor", text);
	flags = fcntl((int)n, F_GETFL);
	if (flags < 0)
		return err_set(e, errno, "invalid --status-fd argument %s: it is not open", text);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return err_set(e, EBADF, "invalid --status-fd argument %s: not writable", text);
	if (!d->o->lazy_pages)
		return err_set(e, EINVAL, "--status-fd goes with --lazy-pages");
	d->status_fd = (int)n;
	fd_set_cloexec(d->status_fd, true);
	return 0;
}

static int tell(void *arg, const char *script, pid_t pid, int fd, struct err *e)
{
	struct dump *d = arg;

	(void)pid;
	(void)e;
	cleanup_close(&fd);
	if (strcmp(script, "status-ready") != 0 || d->status_fd < 0)
		return 0;
	if (write(d->status_fd, "", 1) != 1)
		log_warn("can't write \\0 to status fd: %s", strerror(errno));
	close(take_fd(&d->status_fd));
	return 0;
}

static int dump(struct dump *d, struct err *e)
{
	const struct criu_notify notify = { tell, d };
	auto_str struct str opts = { 0 };
	const int fds[] = { d->dirs.images_fd, d->dirs.work_fd };
	const struct criu_setup setup = { .own_stdio = true,
					  .pass_fds = fds,
					  .n_pass_fds = ARRAY_SIZE(fds) };

	if (criu_start(&d->criu, &setup, e) < 0 || make_options(d, &opts, e) < 0)
		return -1;
	if (!d->o->pre_dump && write_descriptors(d, e) < 0)
		return err_wrap(e, "%s", CRIU_DESCRIPTORS);
	if (criu_work(&d->criu, d->o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP, &opts, &notify, e) < 0)
		return criu_explain(&d->criu, &d->dirs, DUMP_LOG, e);
	return 0;
}

/* --- What it took ----------------------------------------------------------------------------- */

#define STATS_FILE  "stats-dump"
#define STATS_MAGIC 0x57093306u /* "Ostashkov", and images/magic.h of criu */

/* DumpStatsEntry of criu's images/stats.proto: times are in microseconds. */
static const struct {
	unsigned field;
	const char *name, *unit;
} stats_rows[] = {
	{ 1, "freezing", "us" },     { 2, "frozen", "us" },	 { 3, "memory dump", "us" },
	{ 4, "memory write", "us" }, { 5, "pages scanned", "" }, { 6, "pages of the parent", "" },
	{ 7, "pages written", "" },  { 9, "pages lazy", "" },	 { 8, "inotify paths", "us" },
};

/* An image of criu: a number for all of them, one for the kind, then messages behind their lengths. */
static bool find_stats(const char *image, size_t n, struct pb *ret)
{
	struct pb_field f;
	uint32_t head[3];

	if (n < sizeof(head))
		return false;
	memcpy(head, image, sizeof(head));
	if (head[1] != STATS_MAGIC || head[2] > n - sizeof(head))
		return false;
	*ret = (struct pb){ image + sizeof(head), image + sizeof(head) + head[2] };
	/* StatsEntry: 1 is of a dump. */
	while (pb_next(ret, &f) == 1) {
		if (f.number == 1 && f.s) {
			*ret = pb_inside(&f);
			return true;
		}
	}
	return false;
}

static int print_stats(const struct criu_dirs *d, struct err *e)
{
	int dir = d->work_fd >= 0 ? d->work_fd : d->images_fd;
	auto_free char *image = NULL;
	auto_str struct str out = { 0 };
	struct pb stats;
	struct pb_field f;
	size_t n;

	if (fd_read_file(dir, STATS_FILE, 65536, &image, &n, e) < 0)
		return -1;
	if (!find_stats(image, n, &stats))
		return err_set(e, EBADMSG, STATS_FILE " of this criu is not understood");
	while (pb_next(&stats, &f) == 1) {
		for (size_t i = 0; i < ARRAY_SIZE(stats_rows) && !f.s; i++) {
			if (stats_rows[i].field == f.number)
				str_addf(&out, "%s: %llu%s%s\n", stats_rows[i].name,
					 (unsigned long long)f.v, *stats_rows[i].unit ? " " : "",
					 stats_rows[i].unit);
		}
	}
	return cmd_print(&out, e);
}

static int open_root(struct dump *d, struct err *e)
{
	auto_close int pidfd = record_pidfd(d->rec, e);
	char path[PROC_PATH_SIZE];

	if (pidfd < 0)
		return -1;
	d->root_fd =
		fd_open(AT_FDCWD, proc_path(path, d->rec->pid, "root"), O_PATH | O_DIRECTORY, 0, e);
	if (d->root_fd < 0)
		return -1;
	/* It was still that process when its root was opened. */
	return record_alive(d->rec, d->rec->pid, d->rec->start_time) ?
		       0 :
		       err_set(e, ESRCH, "container not running");
}

static int check_status(enum status status, struct err *e)
{
	if (status == STATUS_RUNNING || status == STATUS_PAUSED)
		return 0;
	return err_set(e, EINVAL, "Container cannot be checkpointed in %s state",
		       status_name(status));
}

static int checkpoint(const struct record *rec, const struct spec *s, const struct criu_options *o,
		      char *notify, struct err *e)
{
	struct dump d = { .o = o,
			  .rec = rec,
			  .s = s,
			  .notify = notify,
			  .criu = CRIU_INIT,
			  .dirs = CRIU_DIRS_INIT,
			  .root_fd = -1,
			  .status_fd = -1 };
	struct err second;
	int r = take_status_fd(&d, e) < 0 ? -1 : open_root(&d, e);

	if (r == 0)
		r = criu_open_dirs(o, true, &d.dirs, e);
	if (r == 0)
		r = dump(&d, e);
	/* The images are there: what cannot be told of them is no failure. */
	if (r == 0 && o->print_stats && print_stats(&d.dirs, &second) < 0)
		log_warn("--print-stats: %s", second.chain);
	criu_end(&d.criu);
	criu_dirs_done(&d.dirs);
	cleanup_close(&d.root_fd);
	return r;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct criu_options *o = &((const struct options *)inv->options)->criu;
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record rec = { 0 };
	enum status status;
	struct arena arena;
	const struct spec *s;
	auto_free char *notify = NULL;

	if (criu_check_user("checkpoint", e) < 0 || criu_check_options(o, e) < 0)
		return -1;
	if (status_load(&inv->globals->root, inv->args[0], CONTAINER_LOCK_MS, &c, &rec, &status,
			e) < 0 ||
	    check_status(status, e) < 0)
		return -1;
	s = destroy_read_config(&c, NULL, &arena);
	if (!s)
		return err_set(e, EBADMSG, "the container's %s cannot be read", RECORD_CONFIG);
	notify = notify_directory(inv->globals, &c, false);
	if (criu_check_spec(s, e) < 0 || checkpoint(&rec, s, o, notify, e) < 0)
		return -1;
	return o->leave_running || o->pre_dump ? 0 : destroy_container(&c, &rec, e);
}

const struct command checkpoint_command = {
	.name = "checkpoint",
	.args = "<container-id>",
	.usage = "checkpoint a running container",
	.description =
		"The checkpoint command saves the state of the running container instance "
		"to files,\n"
		"   with the help of criu(8), which must be installed. The container is "
		"deleted then,\n"
		"   unless --leave-running or --pre-dump is given; \"hull restore\" makes it "
		"again.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
