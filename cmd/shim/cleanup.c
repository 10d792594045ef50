/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `delete`, behind a shim that is no more: the container, its mounts, its socket; and -info. Both run
 * as children of containerd, which reads a message from their stdout.
 */
#include "cmd/shim/shim.h"

#include "cmd/shim/job.h"
#include "cmd/wire/messages.h"
#include "cmd/shim/mounts.h"
#include "cmd/shim/task.h"
#include "nsexec/process/fork.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int write_message(const struct pb_row *rows, const void *m, struct err *e)
{
	auto_str struct str out = { 0 };

	pb_write(&out, rows, m);
	return fd_write_all(STDOUT_FILENO, str_get(&out), out.n) < 0 ?
		       err_sys(e, "write to stdout") :
		       0;
}

/* hull in a child, so that whatever becomes of it the rest is done. Its exit code, or -1. */
struct command {
	const char **argv;
	int argc;
};

static int run_command(void *arg)
{
	const struct command *c = arg;

	return job_hull(c->argc, (char **)(uintptr_t)c->argv);
}

static int hull(const char **argv, int out, struct err *e)
{
	auto_close int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e);
	auto_close int err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	struct command c = { argv, 0 };
	struct fork_request r = { .work = run_command, .arg = &c };
	int status = -1;
	pid_t pid;

	while (argv[c.argc])
		c.argc++;
	r.stdio[0] = null;
	r.stdio[1] = out < 0 ? null : out;
	r.stdio[2] = err < 0 ? null : err;
	pid = null < 0 ? -1 : fork_work(&r, e);
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* --- delete ----------------------------------------------------------------------------------- */

static char *find_root(const char *bundle, const char *ns)
{
	auto_free char *path = xasprintf("%s/" TASK_ROOT_FILE, bundle);
	char text[4096];

	if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) > 0)
		return xstrdup(text);
	return xasprintf(SHIM_ROOT "/%s", ns);
}

static pid_t read_pid(const char *bundle)
{
	auto_free char *path = xasprintf("%s/init.pid", bundle);
	char text[16];

	return fd_read_small(AT_FDCWD, path, text, sizeof(text)) > 0 ?
		       (pid_t)strtol(text, NULL, 10) :
		       0;
}

/* That of a shim that lives serves the pod's other containers. */
static void remove_socket(const char *bundle)
{
	auto_free char *file = xasprintf("%s/address", bundle);
	char text[256];
	int fd;

	if (fd_read_small(AT_FDCWD, file, text, sizeof(text)) <= 0 || !str_starts(text, "unix://"))
		return;
	fd = fd_connect_unix(AT_FDCWD, text + strlen("unix://"), SOCK_STREAM);
	if (fd >= 0)
		close(fd);
	else if (errno == ECONNREFUSED)
		unlink(text + strlen("unix://"));
}

int shim_delete(const struct shim_flags *f, struct err *e)
{
	auto_free char *bundle = f->bundle ? xstrdup(f->bundle) : getcwd(NULL, 0);
	auto_free char *root = bundle ? find_root(bundle, f->ns) : NULL;
	auto_free char *rootfs = bundle ? xasprintf("%s/rootfs", bundle) : NULL;
	const char *argv[] = { "hull", "--root", root, "delete", "--force", f->id, NULL };
	struct task_response r = { .exit_status = 128 + SIGKILL };
	struct err failed;

	if (!bundle || str_empty(f->id))
		return err_set(e, EINVAL, "delete needs -id and a bundle");
	if (hull(argv, -1, &failed) < 0)
		fprintf(stderr, "%s\n", failed.chain);
	if (mounts_undo(rootfs, &failed) < 0)
		fprintf(stderr, "failed to cleanup rootfs mount: %s\n", failed.chain);
	remove_socket(bundle);
	r.pid = (uint64_t)read_pid(bundle);
	r.exited_at = shim_time_of((int64_t)time(NULL) * 1000000000);
	return write_message(task_deleted_rows, &r, e);
}

/* --- -info ------------------------------------------------------------------------------------ */

int shim_info(const struct shim_host *host, struct err *e)
{
	const char *argv[] = { "hull", "features", NULL };
	auto_close int file = memfd_create("features", MFD_CLOEXEC);
	auto_free char *input = NULL, *features = NULL;
	struct shim_info info = { .name = pb_text(SHIM_NAME) };
	size_t n;

	if (file < 0)
		return err_sys(e, "memfd_create");
	if (shim_read_stdin(&input, &n, e) < 0 || hull(argv, file, e) < 0)
		return -1;
	if (n && !pb_read((struct pb_bytes){ input, n }, shim_any_rows, &info.options))
		return err_set(e, EINVAL, "the options on stdin are damaged");
	if (lseek(file, 0, SEEK_SET) < 0 || fd_read_all(file, JOB_TEXT_MAX, &features, &n, e) < 0)
		return -1;
	info.version.version = pb_text(host->version);
	info.version.revision = pb_text(host->commit);
	info.features.url =
		pb_text("types.containerd.io/opencontainers/runtime-spec/1/features/Features");
	info.features.value = (struct pb_bytes){ features, n };
	return write_message(shim_info_rows, &info, e);
}
