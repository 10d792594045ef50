/* SPDX-License-Identifier: Apache-2.0 */
/* The relay of sd_notify(3). Runs in hull, and in the process that it leaves behind. */
#include "cmd/launch/notify.h"

#include "cmd/attach/attach.h"
#include "nsexec/process/process.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "notify"
#define SOCKET	  "notify.sock"

/*
 * The address of the service manager; false without one. systemd.exec(5): a path, or abstract with
 * '@'; that of a virtual machine's host (vsock:) is none that a container could stand behind.
 */
static bool find_host(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t size = name ? strlen(name) : 0;

	if ((size && *name != '/' && *name != '@') || size == 1 ||
	    size >= sizeof(n->host.sun_path)) {
		log_warn("NOTIFY_SOCKET=%s is ignored: it is no path or abstract name of a socket",
			 name);
		return false;
	}
	if (!size)
		return false;
	n->n_host = fd_unix_name(&n->host, name);
	return true;
}

int notify_prepare(const struct globals *g, const struct container *c, struct prepared *p,
		   struct err *e)
{
	static const char *const options[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
	struct spec *s = p->spec;
	struct spec_mounts *m = &s->mounts;
	struct arena *a = &p->arena;
	struct spec_mount *mounts;
	struct notify n;
	char **v;

	/* On the host's own mounts it would stay for ever. */
	if (!find_host(&n) || !spec_namespace(s, CLONE_NEWNS))
		return 0;
	/* Its users may be any of the container's; nobody else comes through ROOT. */
	if (mkdirat(c->dir_fd, DIRECTORY, 0755) < 0 || fchmodat(c->dir_fd, DIRECTORY, 0755, 0) < 0)
		return err_sys(e, "make the directory for notifications");
	mounts = arena_zalloc(a, (m->n + 1) * sizeof(*mounts));
	if (m->n)
		memcpy(mounts, m->v, m->n * sizeof(*mounts));
	v = arena_zalloc(a, ARRAY_SIZE(options) * sizeof(*v));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		v[i] = arena_strdup(a, options[i]);
	mounts[m->n++] = (struct spec_mount){
		.destination = arena_strdup(a, NOTIFY_INSIDE),
		.type = arena_strdup(a, "bind"),
		.source = arena_printf(a, "%s/%s/" DIRECTORY, g->root.path, c->id),
		.options = { ARRAY_SIZE(options), v },
	};
	m->v = mounts;
	prepare_set_env(p, s->process, "NOTIFY_SOCKET=" NOTIFY_INSIDE "/" SOCKET);
	return 0;
}

char *notify_directory(const struct globals *g, const struct container *c, bool make)
{
	struct stat st;

	if (make && mkdirat(c->dir_fd, DIRECTORY, 0755) == 0)
		(void)!fchmodat(c->dir_fd, DIRECTORY, 0755, 0);
	if (fstatat(c->dir_fd, DIRECTORY, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return NULL;
	return xasprintf("%s/%s/" DIRECTORY, g->root.path, c->id);
}

int notify_open(const struct container *c, struct notify *n, struct err *e)
{
	auto_close int dir = -1;

	if (!getenv("NOTIFY_SOCKET") || !find_host(n))
		return 0;
	dir = openat(c->dir_fd, DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Created without the variable: nothing is mounted inside. */
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", DIRECTORY);
	unlinkat(dir, SOCKET, 0);
	n->sock = fd_bind_unix(dir, SOCKET, SOCK_DGRAM, 0777, e);
	if (n->sock < 0)
		return -1;
	/* The umask has had its say. */
	return fchmodat(dir, SOCKET, 0777, 0) < 0 ? err_sys(e, "chmod %s", SOCKET) : 0;
}

/* sd_notify(3), but for what names processes, descriptors, and who may notify. */
static bool may_pass(const char *line)
{
	static const char *const names[] = {
		"READY=",	   "RELOADING=",
		"STOPPING=",	   "STATUS=",
		"ERRNO=",	   "BUSERROR=",
		"WATCHDOG=",	   "WATCHDOG_USEC=",
		"MONOTONIC_USEC=", "EXTEND_TIMEOUT_USEC=",
		"EXIT_STATUS=",	   "X_",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_starts(line, names[i]))
			return true;
	}
	return false;
}

void notify_filter(const char *message, size_t size, struct str *out)
{
	auto_free char *text = xstrndup(message, size);
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (may_pass(line))
			str_addf(out, "%s%s", out->n ? "\n" : "", line);
	}
}

/* Whoever does not listen any more is not waited for. */
static void tell(const struct notify *n, const char *text, size_t size)
{
	const struct sockaddr *to = (const struct sockaddr *)&n->host;

	(void)!sendto(n->sock, text, size, MSG_DONTWAIT | MSG_NOSIGNAL, to, n->n_host);
}

/*
 * The messages that are there, but no more than a flood has to wait for. Descriptors with them are
 * closed by the kernel: nobody takes them.
 */
static void pass_on(const struct notify *n)
{
	char message[4096];

	for (int i = 0; i < 512; i++) {
		ssize_t size = recv(n->sock, message, sizeof(message), MSG_DONTWAIT);
		auto_str struct str text = { 0 };

		if (size < 0)
			return;
		notify_filter(message, (size_t)size, &text);
		if (text.n)
			tell(n, text.s, text.n);
	}
}

/* Until the file is readable: a pidfd when its process has ended, a signalfd. */
static int relay_until(const struct notify *n, int fd)
{
	struct pollfd p[] = { { .fd = n->sock, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (p[0].revents)
			pass_on(n);
		if (p[1].revents)
			return 0;
	}
}

struct relay {
	const struct notify *n;
	int pidfd;
};

static int relay(const void *arg)
{
	const struct relay *r = arg;

	return relay_until(r->n, r->pidfd) < 0 ? 1 : 0;
}

void notify_leave(struct notify *n, int init_pidfd, pid_t init)
{
	struct relay r = { n, init_pidfd };
	int keep[] = { n->sock, init_pidfd };
	char text[32];
	struct err e;
	int size;

	if (n->sock < 0)
		return;
	size = snprintf(text, sizeof(text), "MAINPID=%d", (int)init);
	tell(n, text, (size_t)size);
	if (process_leave("hull: notify", relay, &r, keep, ARRAY_SIZE(keep), &e) < 0)
		log_warn("nobody passes on the container's notifications: %s", e.chain);
	notify_close(n);
}

int notify_wait(struct notify *n, pid_t pid, struct err *e)
{
	struct signalfd_siginfo s;
	auto_close int signals = attach_open_signals(e);
	int code;

	if (signals < 0)
		return -1;
	for (;;) {
		if (relay_until(n, signals) < 0)
			return err_sys(e, "poll");
		while (read(signals, &s, sizeof(s)) == sizeof(s)) {
			if (!attach_handle_signal((int)s.ssi_signo, pid, &code))
				continue;
			pass_on(n); /* the last words */
			return code;
		}
	}
}

void notify_close(struct notify *n)
{
	cleanup_close(&n->sock);
	n->sock = -1;
}
