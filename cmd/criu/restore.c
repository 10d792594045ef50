/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull restore`: a container from the files that `hull checkpoint` wrote, made by criu(8) in the
 * place of the stage machine. What goes around it, cgroups, record, hooks, undo, is create's.
 */
#include "cmd/line/cmd.h"

#include "cmd/attach/attach.h"
#include "cmd/criu/images.h"
#include "cmd/criu/request.h"
#include "cmd/launch/create.h"
#include "cmd/line/options.h"
#include "init/restore.h"
#include "cmd/launch/notify.h"
#include "nsexec/process/criu.h"
#include "state/spec/annotations.h"
#include "state/base/fd.h"
#include "state/format/json.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/format/protobuf.h"
#include "state/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESTORE_LOG "restore.log"
#define CRIU_ROOT   "criu-root"	 /* in the container's directory: where criu finds the rootfs */
#define CRIU_EMPTY  "criu-empty" /* and what is seen at masked directories */

struct options {
	struct launch_options launch;
	struct criu_options criu;
};

#define ROW(m, name, alias, kind, help) OPTION(options, m, name, alias, kind, help)

static const struct option_row options[] = {
	CRIU_ROWS(options),
	ROW(criu.tcp_close, "tcp-close", NULL, OPT_FLAG, "restore open tcp connections as closed"),
	ROW(criu.lsm_profile, "lsm-profile", NULL, OPT_STRING,
	    "Specify an LSM profile to be used during restore in the form of TYPE:NAME."),
	ROW(criu.lsm_mount_context, "lsm-mount-context", NULL, OPT_STRING,
	    "Specify an LSM mount context to be used during restore."),
	BUNDLE_ROW(options, launch.bundle),
	CONSOLE_SOCKET_ROW(options, launch.console_socket),
	DETACH_ROW(options, launch.detach),
	PID_FILE_ROW(options, launch.pid_file),
	NO_SUBREAPER_ROW(options, launch.no_subreaper),
	TRACE_ROW(options, launch.trace),
	ROW(launch.no_pivot, "no-pivot", NULL, OPT_FLAG,
	    "accepted for engines that give it to create; criu changes the root by itself"),
	{ 0 },
};

#define PASS_FDS_MAX 4

/* One restore under way. */
struct restore {
	struct launch l;
	const struct criu_options *o;
	struct criu criu;
	struct criu_dirs dirs;
	int console_fd;	   /* where the terminal's master goes; -1 */
	char *target;	   /* the path of CRIU_ROOT; allocated */
	char *empty;	   /* that of CRIU_EMPTY, if it is wanted; allocated */
	struct str mounts; /* criu_opts, those fields that tell of mounts */
	size_t n_pass_fds;
	int pass_fds[PASS_FDS_MAX]; /* namespaces that are there already, and the directories */
};

/* --- What criu is asked for ------------------------------------------------------------------- */

static const struct {
	int type;
	const char *name; /* CRIU's */
	int min_version;  /* as one that stays outside of the images; 0: it is joined */
} namespaces[] = {
	{ CLONE_NEWNET, "net", 31100 }, { CLONE_NEWPID, "pid", 31500 },
	{ CLONE_NEWNS, "mnt", 0 },	{ CLONE_NEWUTS, "uts", 0 },
	{ CLONE_NEWIPC, "ipc", 0 },	{ CLONE_NEWUSER, "user", 0 },
	{ CLONE_NEWTIME, "time", 0 },
};

/* criu is to find those that have a path at this descriptor, under the name that the dump gave them. */
static int open_external_ns(struct restore *r, size_t i, struct err *e)
{
	const struct spec_namespace *ns = spec_namespace(r->l.p.spec, namespaces[i].type);
	int fd;

	if (!ns || str_empty(ns->path) || !namespaces[i].min_version)
		return 0;
	fd = fd_open(AT_FDCWD, ns->path, O_RDONLY, 0, e);
	if (fd < 0)
		return err_wrap(e, "%s namespace", namespaces[i].name);
	r->pass_fds[r->n_pass_fds++] = fd;
	return 0;
}

static void add_inherited(struct str *opts, const char *key, int fd)
{
	auto_str struct str m = { 0 };

	pb_add_string(&m, 1, key);
	pb_add_int(&m, 2, fd);
	pb_add_message(opts, CRIU_OPT_INHERIT_FD, &m);
}

static int add_namespaces(struct restore *r, struct str *opts, struct err *e)
{
	const struct spec_namespace *ns;
	size_t n = 0;

	ns = spec_namespace(r->l.p.spec, CLONE_NEWCGROUP);
	if (ns && !str_empty(ns->path))
		return err_set(e, ENOTSUP, "criu cannot restore into a given cgroup namespace: %s",
			       ns->path);
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		ns = spec_namespace(r->l.p.spec, namespaces[i].type);
		if (!ns || str_empty(ns->path))
			continue;
		if (!namespaces[i].min_version) {
			criu_add_pair(opts, CRIU_OPT_JOIN_NS, namespaces[i].name, ns->path);
			continue;
		}
		if (r->criu.version < namespaces[i].min_version)
			return err_set(e, ENOTSUP,
				       "criu lacks support for external %s namespace during the "
				       "restoration process (version %d, it needs %d)",
				       namespaces[i].name, r->criu.version,
				       namespaces[i].min_version);
		add_inherited(opts, criu_external_ns(namespaces[i].type), r->pass_fds[n++]);
	}
	return 0;
}

/* The cgroups that criu's process was put into take the place of those in the images. */
static int add_cgroups(struct restore *r, struct str *opts, struct err *e)
{
	char path[PROC_PATH_SIZE];
	auto_free char *text = NULL;
	char *save = NULL;

	if (!r->l.made_cgroup)
		return 0;
	proc_path(path, r->criu.pid, "cgroup");
	if (fd_read_file(AT_FDCWD, path, 65536, &text, NULL, e) < 0)
		return -1;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *where = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!where)
			continue;
		*where = '\0';
		criu_add_pair(opts, CRIU_OPT_CG_ROOT, controllers + 1, where + 1);
	}
	return 0;
}

/* Our standard streams take the place of the pipes that the container had. */
static int add_descriptors(struct restore *r, struct str *opts, struct err *e)
{
	auto_free char *text = NULL;
	auto_json struct json j = { 0 };
	const cJSON *v;
	size_t n;
	int fd = 0;

	if (fd_read_file(r->dirs.images_fd, CRIU_DESCRIPTORS, JSON_FILE_MAX, &text, &n, e) < 0 ||
	    json_read(text, n, &j, e) < 0)
		return err_wrap(e, "%s/%s", r->dirs.images, CRIU_DESCRIPTORS);
	if (!cJSON_IsArray(j.root))
		return err_set(e, EINVAL, "%s/%s: expected an array of strings", r->dirs.images,
			       CRIU_DESCRIPTORS);
	for (v = j.root->child; v && fd < 3; v = v->next, fd++) {
		if (cJSON_IsString(v) && strstr(v->valuestring, "pipe:"))
			add_inherited(opts, v->valuestring, fd);
	}
	return 0;
}

static int add_lsm(struct restore *r, struct str *opts, struct err *e)
{
	static const int min_version = 31600; /* which can set another one than the images have */
	const struct criu_options *o = r->o;

	if (!str_empty(o->lsm_profile) && r->criu.version < min_version)
		return err_set(e, ENOTSUP, "--lsm-profile requires at least CRIU 3.16");
	if (!str_empty(o->lsm_mount_context) && r->criu.version < min_version)
		return err_set(e, ENOTSUP, "--lsm-mount-context requires at least CRIU 3.16");
	if (!str_empty(o->lsm_profile))
		pb_add_string(opts, CRIU_OPT_LSM_PROFILE, o->lsm_profile);
	if (!str_empty(o->lsm_mount_context))
		pb_add_string(opts, CRIU_OPT_LSM_MOUNT_CONTEXT, o->lsm_mount_context);
	return 0;
}

static int make_options(struct restore *r, struct str *opts, struct err *e)
{
	const struct spec *s = r->l.p.spec;

	criu_add_common(r->o, s, &r->l.rec.cgroup, &r->dirs, RESTORE_LOG, opts);
	/* Else as the images say. */
	if (r->o->network_lock)
		criu_add_network_lock(r->o, r->criu.version, opts);
	pb_add_bool(opts, CRIU_OPT_EVASIVE_DEVICES, true);
	pb_add_bool(opts, CRIU_OPT_RST_SIBLING, true); /* init is to be a child of ours */
	pb_add_string(opts, CRIU_OPT_ROOT, r->target);
	if (r->o->tcp_close)
		pb_add_bool(opts, CRIU_OPT_TCP_CLOSE, true);
	if (add_lsm(r, opts, e) < 0 || add_namespaces(r, opts, e) < 0 ||
	    add_cgroups(r, opts, e) < 0 || add_descriptors(r, opts, e) < 0)
		return -1;
	str_add_n(opts, r->mounts.s, r->mounts.n);
	return 0;
}

/* --- What criu tells -------------------------------------------------------------------------- */

/* Its namespaces are there, and nothing in them yet. */
static int set_up_namespaces(struct restore *r, pid_t pid, struct err *e)
{
	const struct spec *s = r->l.p.spec;
	const struct spec_namespace *net = spec_namespace(s, CLONE_NEWNET);

	r->l.rec.pid = pid;
	/* In a namespace that was there before, they have stayed. */
	if (s->linux_->net_devices.n && net && str_empty(net->path) &&
	    netdev_move(&s->linux_->net_devices, pid, &r->l.devices, e) < 0)
		return -1;
	if (!s->hooks)
		return 0;
	r->l.hooks_begun = true;
	if (launch_hooks(&s->hooks->prestart, "prestart", s, &r->l.rec, "creating", e) < 0)
		return -1;
	return launch_hooks(&s->hooks->create_runtime, "createRuntime", s, &r->l.rec, "creating",
			    e);
}

/* criu may have made a time namespace, for the clocks to go on where they stood. */
static bool has_own_time(pid_t pid)
{
	char path[PROC_PATH_SIZE];
	struct stat own, its;

	return stat("/proc/self/ns/time", &own) == 0 &&
	       stat(proc_path(path, pid, "ns/time"), &its) == 0 && own.st_ino != its.st_ino;
}

/* All processes are there and stand still: from here on it is a container. */
static int write_record(struct restore *r, pid_t pid, struct err *e)
{
	struct record *rec = &r->l.rec;

	r->l.n.init = pid;
	if (criu_check_mounts(r->l.p.spec, pid, e) < 0)
		return -1;
	if (record_note_pid(rec, pid) < 0)
		return err_sys(e, "read the start time of process %d", (int)pid);
	rec->in_time_ns = !spec_namespace(r->l.p.spec, CLONE_NEWTIME) && has_own_time(pid);
	rec->phase = RECORD_CREATED;
	/* Whom exec had put there came back with the others. */
	if (record_note_tracer(r->l.c.dir_fd, e) < 0)
		return -1;
	return record_write(r->l.c.dir_fd, rec, e);
}

/* As init sends it (init/console.c). */
static int send_terminal(struct restore *r, int master, struct err *e)
{
	char name[32];
	int number;

	if (master < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return err_set(e, EPROTO, "criu sent no terminal");
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	if (r->console_fd < 0)
		return err_set(e, EINVAL,
			       "the container has a terminal, which config.json does not "
			       "ask for: nobody takes it");
	return fd_send(r->console_fd, name, master) < 0 ?
		       err_sys(e, "send the terminal to the console socket") :
		       0;
}

static int tell(void *arg, const char *script, pid_t pid, int fd, struct err *e)
{
	struct restore *r = arg;
	int ret = 0;

	if (!strcmp(script, "setup-namespaces"))
		ret = set_up_namespaces(r, pid, e);
	else if (!strcmp(script, "post-restore"))
		ret = write_record(r, pid, e);
	else if (!strcmp(script, "orphan-pts-master"))
		ret = send_terminal(r, fd, e);
	cleanup_close(&fd);
	return ret;
}

/* --- The command ------------------------------------------------------------------------------ */

/* criu's process goes where its children are to be. */
static int place(struct restore *r, struct err *e)
{
	struct launch *l = &r->l;

	if (l->g->systemd_cgroup && launch_make_unit(l, r->criu.pid, e) < 0)
		return -1;
	if (!l->g->systemd_cgroup && l->made_cgroup &&
	    cgroup_add(&l->rec.cgroup, r->criu.pid, e) < 0)
		return -1;
	if (l->p.spec->linux_->intel_rdt && rdt_join(&l->rdt, r->criu.pid, e) < 0)
		return launch_at_rdt(e);
	return 0;
}

static int apply_limits(struct restore *r, struct err *e)
{
	return launch_apply_limits(&r->l, false, e) < 0 || launch_apply_limits(&r->l, true, e) < 0 ?
		       -1 :
		       0;
}

static int open_console(struct restore *r, struct err *e)
{
	const char *socket = r->l.o->console_socket;

	if (!r->l.p.spec->process->terminal)
		return 0;
	if (str_empty(socket))
		return terminal_prepare(&r->l.t, &r->console_fd, e);
	r->console_fd = attach_connect(socket, "--console-socket", e);
	return r->console_fd < 0 ? -1 : 0;
}

/* A directory for criu; its real path: criu compares it with what the kernel says of mounts. */
static char *make_directory(struct restore *r, const char *name, struct err *e)
{
	auto_free char *dir = xasprintf("/proc/self/fd/%d", r->l.c.dir_fd);
	auto_free char *real = realpath(dir, NULL);

	if (!real || (mkdirat(r->l.c.dir_fd, name, 0700) < 0 && errno != EEXIST)) {
		err_sys(e, "make the directory %s", name);
		return NULL;
	}
	return path_join(real, name);
}

static void remove_directories(struct restore *r)
{
	unlinkat(r->l.c.dir_fd, CRIU_ROOT, AT_REMOVEDIR);
	if (r->empty)
		unlinkat(r->l.c.dir_fd, CRIU_EMPTY, AT_REMOVEDIR);
}

static int find_mounts(struct restore *r, struct err *e)
{
	/* Images may have its mount, whether or not somebody is notified now. */
	auto_free char *notify = notify_directory(r->l.g, &r->l.c, true), *empty = NULL;
	int masks;

	if (criu_add_mounts(r->l.p.spec, &r->l.rec, -1, notify, &r->mounts, e) < 0)
		return -1;
	empty = make_directory(r, CRIU_EMPTY, e);
	if (!empty)
		return -1;
	masks = criu_add_masks(r->l.p.spec, r->dirs.images_fd, empty, &r->mounts, e);
	if (masks > 0)
		r->empty = take_ptr(&empty);
	else
		unlinkat(r->l.c.dir_fd, CRIU_EMPTY, AT_REMOVEDIR);
	return masks < 0 ? err_wrap(e, "%s", r->dirs.images) : 0;
}

/* In the process that becomes criu, which may mount in directories only of its own mount namespace. */
static int prepare(void *arg, struct err *e)
{
	struct restore *r = arg;
	struct restore_root root = { r->l.p.spec, r->l.bundle, r->l.rootfs, r->target, r->empty };

	return restore_prepare_root(&root, e) < 0 ? -1 : criu_reopen_dirs(&r->dirs, e);
}

static int start_criu(struct restore *r, struct err *e)
{
	struct criu_setup setup = { .prepare = prepare, .arg = r, .pass_fds = r->pass_fds };

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (open_external_ns(r, i, e) < 0)
			return -1;
	}
	r->target = make_directory(r, CRIU_ROOT, e);
	if (!r->target || find_mounts(r, e) < 0)
		return -1;
	setup.n_pass_fds = r->n_pass_fds;
	r->pass_fds[setup.n_pass_fds++] = r->dirs.images_fd;
	r->pass_fds[setup.n_pass_fds++] = r->dirs.work_fd;
	return criu_start(&r->criu, &setup, e);
}

static int work(struct restore *r, struct err *e)
{
	const struct criu_notify notify = { tell, r };
	bool tight = launch_is_tight(&r->l);
	auto_str struct str opts = { 0 };

	if (open_console(r, e) < 0 || start_criu(r, e) < 0 || place(r, e) < 0)
		return -1;
	/* criu needs more than such limits allow, and has to be in there. */
	if (!tight && apply_limits(r, e) < 0)
		return -1;
	if (make_options(r, &opts, e) < 0 || notify_open(&r->l.c, &r->l.notify, e) < 0)
		return -1;
	if (criu_work(&r->criu, CRIU_RESTORE, &opts, &notify, e) < 0)
		return criu_explain(&r->criu, &r->dirs, RESTORE_LOG, e);
	remove_directories(r);
	if (tight && apply_limits(r, e) < 0)
		return -1;
	if (r->l.rec.phase != RECORD_CREATED)
		return err_set(e, EPROTO, "criu did not tell of the restored init");
	if (r->l.o->detach || r->l.t.sock >= 0)
		launch_leave_notify(&r->l.notify, &r->l.rec);
	return str_empty(r->l.o->pid_file) ?
		       0 :
		       attach_write_pid_file(r->l.o->pid_file, r->l.rec.pid, e);
}

/* Everything that needs ROOT/ID; on failure nothing of it is left. */
static int restore_in_root(struct restore *r, struct err *e)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct launch *l = &r->l;
	int ret;

	if (launch_find_rdt(l, e) < 0 || launch_heed_signals(l, e) < 0 ||
	    container_create(&l->g->root, l->o->id, &l->c, e) < 0)
		return -1;
	ret = launch_write_journal(l, e) < 0 ? -1 : launch_write_snapshot(l, e);
	if (ret == 0)
		ret = launch_make_rdt(l, e);
	if (ret == 0)
		ret = launch_make_cgroup(l, &join, e);
	if (ret == 0)
		ret = launch_cgroup_rules(l, e);
	cgroup_join_close(&join);
	if (ret == 0)
		ret = work(r, e);
	criu_end(&r->criu);
	cleanup_close(&r->console_fd);
	if (ret < 0)
		launch_undo(l, e);
	return ret;
}

static int begin(struct restore *r, struct err *e)
{
	struct launch *l = &r->l;

	if (launch_check_fds(0, e) < 0 || root_check_id(l->o->id, e) < 0 ||
	    prepare_init(&l->p, e) < 0 || launch_read_config(l, e) < 0)
		return -1;
	if (launch_check_terminal(l->p.spec->process->terminal, l->o->detach, l->o->console_socket,
				  e) < 0 ||
	    criu_check_spec(l->p.spec, e) < 0 || launch_find_rootfs(l, e) < 0 ||
	    launch_find_unit(l, e) < 0 || criu_open_dirs(r->o, false, &r->dirs, e) < 0 ||
	    criu_check_images(l->p.spec, r->dirs.images, r->dirs.images_fd, e) < 0)
		return -1;
	annotations_warn(l->p.spec, l->g->systemd_cgroup, log_warn_text);
	return restore_in_root(r, e);
}

static int run(struct invocation *inv, struct err *e)
{
	struct options *o = inv->options;
	struct restore r = { .l = LAUNCH_INIT(inv->globals, &o->launch),
			     .o = &o->criu,
			     .criu = CRIU_INIT,
			     .dirs = CRIU_DIRS_INIT,
			     .console_fd = -1 };
	int ret, code = 0;

	o->launch.id = inv->args[0];
	r.l.foreground = true;
	if (criu_check_user("restore", e) < 0 || criu_check_options(r.o, e) < 0)
		return -1;
	if (o->launch.no_pivot)
		log_debug("--no-pivot is not for restore: criu changes the root by itself");
	ret = begin(&r, e);
	if (ret == 0 && !o->launch.detach)
		ret = launch_wait_and_destroy(&r.l, &code, e);
	launch_end(&r.l);
	return ret < 0 ? err_wrap(e, "%s restore failed", program_name) : code;
}

const struct command restore_command = {
	.name = "restore",
	.args = "<container-id>",
	.usage = "restore a container from a previous checkpoint",
	.description = "Restores the saved state of the container instance that was previously "
		       "saved\n"
		       "   using the hull checkpoint command.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
