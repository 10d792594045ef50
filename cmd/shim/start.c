/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `start`: find the shim of this pod or leave a new one behind, and say where it listens. Runs in
 * the bundle, as a child of containerd, which waits for its output to end.
 */
#include "cmd/shim/shim.h"

#include "cmd/wire/messages.h"
#include "cmd/shim/task.h"
#include "nsexec/process/fork.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/format/json.h"
#include "state/base/mem.h"
#include "state/format/sha256.h"
#include "state/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* linux/prctl.h, Linux 5.14 */
#define SCHED_CORE	  62
#define SCHED_CORE_CREATE 1
#define SCHED_CORE_PGRP	  2

struct start {
	const struct shim_flags *f;
	const char *self;
	char *input; /* stdin */
	size_t n_input;
	bool bootstrap; /* it is a BootstrapParams, and so will be the answer */
	struct shim_params params;
	struct shim_any options;
	char *group, *dir, *address; /* address: unix:///... */
	int sock;		     /* listening; -1: there is a shim already */
};

/* --- What is asked for ------------------------------------------------------------------------ */

/* Of runc, or generic ones. */
static bool is_options(struct pb_bytes url)
{
	const char end[] = ".Options";
	const size_t n = sizeof(end) - 1;

	return url.n > n && !memcmp(url.s + url.n - n, end, n);
}

/* Options could be read as parameters, too: those name who they are for. */
static void read_input(struct start *s)
{
	struct pb_bytes in = { s->input, s->n_input };
	struct shim_extension ext;
	struct pb_bytes m;
	struct pb list;

	s->bootstrap = in.n && pb_read(in, shim_params_rows, &s->params) &&
		       pb_is(s->params.id, s->f->id) && pb_is(s->params.ns, s->f->ns);
	if (!s->bootstrap) {
		s->params = (struct shim_params){ 0 };
		if (!pb_read(in, shim_any_rows, &s->options))
			s->options = (struct shim_any){ 0 };
		return;
	}
	list = s->params.extensions;
	while (pb_each(&list, PARAMS_EXTENSIONS, &m)) {
		ext = (struct shim_extension){ 0 };
		if (pb_read(m, shim_extension_rows, &ext) && is_options(ext.value.url))
			s->options = ext.value;
	}
}

/* Containers of one pod have one shim, for which these annotations stand, the first that is there. */
static int find_group(struct start *s, struct err *e)
{
	static const char *const labels[] = { "io.containerd.runc.v2.group",
					      "io.kubernetes.cri.sandbox-id" };
	auto_json struct json j = { 0 };
	auto_free char *text = NULL;
	const cJSON *annotations, *v;
	size_t n;

	if (fd_read_file(AT_FDCWD, "config.json", JSON_FILE_MAX, &text, &n, e) < 0 ||
	    json_read(text, n, &j, e) < 0)
		return err_wrap(e, "config.json");
	annotations = cJSON_GetObjectItemCaseSensitive(j.root, "annotations");
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		v = cJSON_GetObjectItemCaseSensitive(annotations, labels[i]);
		if (cJSON_IsString(v)) {
			s->group = xstrdup(v->valuestring);
			return 0;
		}
	}
	s->group = xstrdup(s->f->id);
	return 0;
}

/* --- The socket ------------------------------------------------------------------------------- */

/*
 * A name of its own for each containerd, namespace and pod, short enough for a socket whatever they
 * are. Not that of Go's shim for the same pod: who finds a shim there finds hull.
 */
static void name_socket(struct start *s)
{
	auto_free char *text =
		xasprintf("hull/%s/%s/%s", s->f->address ? s->f->address : "", s->f->ns, s->group);
	char hex[65];

	sha256_hex(text, strlen(text), hex);
	s->dir = s->params.socket_dir.n ? pb_dup(s->params.socket_dir) : xstrdup(SHIM_STATE "/s");
	s->address = xasprintf("unix://%s/%s", s->dir, hex);
}

static const char *path_of(const struct start *s)
{
	return s->address + strlen("unix://");
}

static bool is_alive(const char *path)
{
	auto_close int fd = fd_connect_unix(AT_FDCWD, path, SOCK_STREAM);

	return fd >= 0;
}

/* Another start for the same pod may be under way: the directory's lock keeps us apart. */
static int bind_socket(struct start *s, struct err *e)
{
	auto_close int dir = -1;

	if (mkdir(s->dir, 0700) < 0 && errno != EEXIST &&
	    (fd_make_parents(path_of(s), e) < 0 || (mkdir(s->dir, 0700) < 0 && errno != EEXIST)))
		return err_sys(e, "mkdir %s", s->dir);
	dir = fd_open(AT_FDCWD, s->dir, O_RDONLY | O_DIRECTORY, 0, e);
	if (dir < 0)
		return -1;
	if (flock(dir, LOCK_EX) < 0)
		return err_sys(e, "lock %s", s->dir);
	s->sock = -1;
	if (is_alive(path_of(s)))
		return 0;
	/* Of a shim that was killed. */
	if (unlink(path_of(s)) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", path_of(s));
	s->sock = fd_bind_unix(AT_FDCWD, path_of(s), SOCK_STREAM, 0600, e);
	if (s->sock < 0)
		return -1;
	return listen(s->sock, 128) < 0 ? err_sys(e, "listen on %s", path_of(s)) : 0;
}

/* --- The process that stays ------------------------------------------------------------------- */

/* In its child. Executed anew it has nothing in its memory but what it needs. */
static int become_server(void *arg)
{
	const struct start *s = arg;
	const char *argv[] = { SHIM_PROGRAM,
			       "-namespace",
			       s->f->ns,
			       "-id",
			       s->f->id,
			       "-address",
			       s->f->address ? s->f->address : "",
			       s->f->debug ? "-debug" : NULL,
			       NULL };

	(void)setsid();
	if (getenv("SCHED_CORE"))
		(void)prctl(SCHED_CORE, SCHED_CORE_CREATE, 0, SCHED_CORE_PGRP, 0);
	if (s->sock != SHIM_SOCKET && dup3(s->sock, SHIM_SOCKET, 0) < 0)
		return 127;
	fd_set_cloexec(SHIM_SOCKET, false);
	execv("/proc/self/exe", (char **)(uintptr_t)argv);
	return 127;
}

/* The kernel's OOM killer shall take a shim rather than containerd (as Go's shim does it). */
static void adjust_oom_score(void)
{
	auto_free char *path = xasprintf("/proc/%d/oom_score_adj", (int)getppid());
	char text[24];
	long score;

	if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return;
	score = strtol(text, NULL, 10) + 1;
	snprintf(text, sizeof(text), "%ld", score > 1000 ? 1000 : score);
	(void)fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", text);
}

static int join_cgroup(const struct start *s, pid_t pid, struct err *e)
{
	auto_free char *path = task_shim_cgroup(&s->options);
	auto_free char *absolute = path ? xasprintf("/%s", path) : NULL;
	struct cgroup cg;
	int r;

	if (!path)
		return 0;
	if (cgroup_locate(&cg, absolute, s->f->id, e) < 0)
		return -1;
	r = cgroup_add(&cg, pid, e);
	cgroup_done(&cg);
	return r < 0 ? err_wrap(e, "failed to join cgroup %s", path) : 0;
}

static int leave_server(struct start *s, struct err *e)
{
	auto_close int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e);
	struct fork_request r = { .work = become_server,
				  .arg = s,
				  .stdio = { null, null, null },
				  .keep = &s->sock,
				  .n_keep = 1 };
	const char *ttrpc;
	pid_t pid;

	if (null < 0)
		return -1;
	/* The server finds it in its environment, as with containerd before 2.3. */
	if (s->params.ttrpc_address.n) {
		ttrpc = pb_dup(s->params.ttrpc_address);
		setenv("TTRPC_ADDRESS", ttrpc, 1);
	}
	adjust_oom_score();
	pid = fork_work(&r, e);
	return pid < 0 ? -1 : join_cgroup(s, pid, e);
}

/* --- The answer ------------------------------------------------------------------------------- */

/*
 * containerd 2.3 and later are answered as they ask, those since 1.7 with JSON, older ones with the
 * address alone; and those find a shim again by the file "address" in the bundle.
 */
static int say(const struct start *s, struct err *e)
{
	struct shim_result r = { .version = 3,
				 .address = pb_text(s->address),
				 .protocol = pb_text("ttrpc") };
	auto_close int here = fd_open(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0, e);
	auto_str struct str out = { 0 };

	if (here < 0 ||
	    fd_write_atomic(here, "address", s->address, strlen(s->address), 0600, e) < 0)
		return -1;
	if (s->bootstrap) {
		pb_write(&out, shim_result_rows, &r);
	} else if (getenv("MAX_SHIM_VERSION")) {
		str_add(&out, "{\"version\":2,\"address\":");
		str_add_json(&out, s->address);
		str_add(&out, ",\"protocol\":\"ttrpc\"}");
	} else {
		str_add(&out, s->address);
	}
	return fd_write_all(STDOUT_FILENO, out.s, out.n) < 0 ? err_sys(e, "write to stdout") : 0;
}

int shim_start(const struct shim_flags *f, const char *self, struct err *e)
{
	struct start s = { .f = f, .self = self, .sock = -1 };

	if (str_empty(f->id))
		return err_set(e, EINVAL, "start needs -id");
	if (shim_read_stdin(&s.input, &s.n_input, e) < 0)
		return -1;
	read_input(&s);
	if (find_group(&s, e) < 0)
		return -1;
	name_socket(&s);
	if (bind_socket(&s, e) < 0)
		return -1;
	if (s.sock >= 0 && leave_server(&s, e) < 0) {
		unlink(path_of(&s));
		return -1;
	}
	return say(&s, e);
}
