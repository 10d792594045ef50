/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passing on a seccomp listener (config-linux.md, The Container Process State). Runs in hull: in
 * start, run and exec, whichever let the process go on. The path is the host's, and the agent is
 * connected only now: many of them serve one connection after the other.
 */
#include "cmd/attach/listener.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define NO_AGENT "failed to connect with seccomp agent specified in the seccomp profile"

static int at_path(struct err *e)
{
	err_at_key(e, "listenerPath");
	err_at_key(e, "seccomp");
	return err_at_key(e, "linux");
}

static char *path_of(const struct spec *s, const char *bundle)
{
	return path_join(bundle, s->linux_->seccomp->listener_path);
}

int listener_check(const struct spec *s, const char *bundle, struct err *e)
{
	auto_free char *path = NULL;
	struct stat st;

	if (!spec_notifies(s->linux_->seccomp))
		return 0;
	path = path_of(s, bundle);
	if (stat(path, &st) < 0)
		err_sys(e, NO_AGENT ": %s", path);
	else if (!S_ISSOCK(st.st_mode))
		err_set(e, ENOTSOCK, NO_AGENT ": %s is not a socket", path);
	else
		return 0;
	return at_path(e);
}

static void describe(const struct listener *l, const struct spec *s, struct str *out)
{
	const char *metadata = s->linux_->seccomp->listener_metadata;

	str_add(out, "{\"ociVersion\":");
	str_add_json(out, OCI_VERSION);
	str_addf(out, ",\"fds\":[\"seccompFd\"],\"pid\":%d", (int)*l->pid);
	if (!str_empty(metadata)) {
		str_add(out, ",\"metadata\":");
		str_add_json(out, metadata);
	}
	str_add(out, ",\"state\":");
	record_hook_state(l->rec, l->status, l->rec->pid, out);
	str_add(out, "}");
}

static int fetch(const struct listener *l, int fd, struct err *e)
{
	auto_close int pidfd = sys_pidfd_open(*l->pid, 0);
	int r = pidfd < 0 ? -1 : sys_pidfd_getfd(pidfd, fd);

	return r < 0 ? err_sys(e, "fetch the seccomp listener from process %d", (int)*l->pid) : r;
}

static int deliver(const struct listener *l, const struct spec *s, int fd, struct err *e)
{
	auto_close int listener = fetch(l, fd, e);
	auto_free char *path = path_of(s, l->rec->bundle);
	auto_str struct str doc = { 0 };
	auto_close int sock = -1;

	if (listener < 0)
		return -1;
	describe(l, s, &doc);
	sock = fd_connect_unix(AT_FDCWD, path, SOCK_STREAM);
	if (sock < 0)
		err_sys(e, NO_AGENT ": %s", path);
	else if (fd_send(sock, doc.s, listener) < 0)
		err_sys(e, "send the seccomp listener to %s", path);
	else
		return 0;
	return at_path(e);
}

int listener_pass_on(void *arg, int fd, struct err *e)
{
	const struct listener *l = arg;
	auto_free char *text = NULL;
	struct arena arena;
	struct spec *s;
	size_t n;

	if (l->spec)
		return deliver(l, l->spec, fd, e);
	if (fd_read_file(l->dir_fd, RECORD_CONFIG, SPEC_FILE_MAX, &text, &n, e) < 0)
		return -1;
	arena_init(&arena);
	return spec_read(text, n, &arena, &s, e) < 0 ? -1 : deliver(l, s, fd, e);
}
