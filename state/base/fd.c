/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and whole files. Runs in every process of hull. */
#include "state/base/fd.h"

#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

int fd_open(int dirfd, const char *path, int flags, mode_t mode, struct err *e)
{
	int fd = openat(dirfd, path, flags | O_CLOEXEC, mode);

	return fd < 0 ? err_sys(e, "open %s", path) : fd;
}

/* One component, which must be no link. */
static int open_plain(int dirfd, const char *name, int flags)
{
	auto_close int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	if ((flags & O_PATH) && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		errno = ELOOP;
		return -1;
	}
	return take_fd(&fd);
}

/* RESOLVE_NO_SYMLINKS before openat2(2): a component at a time, and none that leads up. */
static int open_stepwise(int rootfd, const char *path, int flags)
{
	auto_close int dir = fcntl(rootfd, F_DUPFD_CLOEXEC, 3);
	auto_free char *copy = xstrdup(path);
	char *save = NULL, *next, *name = strtok_r(copy, "/", &save);

	for (; dir >= 0 && name; name = next) {
		int fd;

		next = strtok_r(NULL, "/", &save);
		if (!strcmp(name, "..")) {
			errno = EXDEV;
			return -1;
		}
		fd = open_plain(dir, name, next ? O_PATH | O_DIRECTORY : flags);
		if (!next || fd < 0)
			return fd;
		close(dir);
		dir = fd;
	}
	return take_fd(&dir);
}

int fd_open_in_root(int rootfd, const char *path, int flags, uint64_t more)
{
	int fd;

	/* EAGAIN: a rename or mount raced with ".." (openat2(2)); the kernel asks to try again. */
	for (int i = 0; i < 32; i++) {
		fd = sys_openat2(rootfd, path, (uint64_t)flags, 0,
				 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | more);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	/* Before Linux 5.6. */
	if (fd < 0 && errno == ENOSYS && more == RESOLVE_NO_SYMLINKS)
		fd = open_stepwise(rootfd, path, flags);
	return fd;
}

int fd_read_all(int fd, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	auto_free char *buf = NULL;
	size_t n = 0, size = 0;
	struct stat st = { 0 };
	ssize_t r;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uint64_t)st.st_size <= max)
		size = (size_t)st.st_size + 2;
	else
		size = 4096;
	buf = xmalloc(size);
	for (;;) {
		r = read(fd, buf + n, size - n - 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(e, "read");
		n += (size_t)r;
		if (n > max)
			return err_set(e, EFBIG, "is larger than %zu bytes", max);
		if (r == 0 || (size_t)st.st_size == n)
			break;
		if (n + 1 >= size) {
			size *= 2;
			buf = xrealloc(buf, size);
		}
	}
	buf[n] = '\0';
	*ret = take_ptr(&buf);
	if (ret_n)
		*ret_n = n;
	return 0;
}

int fd_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	auto_close int fd = fd_open(dirfd, path, O_RDONLY, 0, e);

	if (fd < 0)
		return -1;
	if (fd_read_all(fd, max, ret, ret_n, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

ssize_t fd_read_small(int dirfd, const char *path, char *buf, size_t size)
{
	auto_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	do {
		n = read(fd, buf, size - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

int fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	ssize_t r;

	while (n) {
		r = write(fd, p, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int fd_write_file(int dirfd, const char *path, const char *text)
{
	auto_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	ssize_t r;

	if (fd < 0)
		return -1;
	do {
		r = write(fd, text, strlen(text));
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : 0;
}

/* Never a file that somebody else has put there: an old one of ours is removed first. */
static int create_new(int dirfd, const char *name, mode_t mode)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int fd = openat(dirfd, name, flags | O_CLOEXEC, mode);

	if (fd < 0 && errno == EEXIST && unlinkat(dirfd, name, 0) == 0)
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
	return fd;
}

int fd_write_atomic(int dirfd, const char *name, const void *data, size_t n, mode_t mode,
		    struct err *e)
{
	auto_free char *tmp = xasprintf(".%s.new", name);
	auto_close int fd = create_new(dirfd, tmp, mode);

	if (fd < 0)
		return err_sys(e, "create %s", name);
	if (fd_write_all(fd, data, n) < 0 || renameat(dirfd, tmp, dirfd, name) < 0) {
		err_sys(e, "write %s", name);
		unlinkat(dirfd, tmp, 0);
		return -1;
	}
	return 0;
}

int fd_number(const char *name)
{
	uint64_t n;

	return str_starts(name, "fd:") && str_to_u64(name + 3, &n) && n < INT_MAX ? (int)n : -1;
}

void fd_set_cloexec(int fd, bool on)
{
	fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

bool fd_is_on(int fd, long magic)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && (long)st.f_type == magic;
}

static void close_between(int from, int to)
{
	if (from > to || sys_close_range((unsigned)from, (unsigned)to, 0) == 0)
		return;
	/* Before Linux 5.9. */
	for (long fd = from, n = sysconf(_SC_OPEN_MAX); fd < n && fd <= to; fd++)
		close((int)fd);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void fd_close_all_but(int first, int *keep, size_t n)
{
	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < first)
			continue;
		close_between(first, keep[i] - 1);
		first = keep[i] + 1;
	}
	close_between(first, INT_MAX);
}

void fd_cloexec_from(unsigned first)
{
	const unsigned cloexec = 4; /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */

	if (sys_close_range(first, ~0u, cloexec) == 0)
		return;
	for (long fd = first, n = sysconf(_SC_OPEN_MAX); fd < n; fd++)
		fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

socklen_t fd_unix_name(struct sockaddr_un *ret, const char *name)
{
	size_t n = strlen(name);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n >= sizeof(ret->sun_path))
		return 0;
	memcpy(ret->sun_path, name, n);
	if (*name == '@')
		ret->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*name != '@'));
}

/* sun_path holds 108 bytes, so the name goes through the directory's descriptor. */
static int unix_address(struct sockaddr_un *sa, int dirfd, const char *name)
{
	int n;

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(sa->sun_path, sizeof(sa->sun_path),
		     dirfd == AT_FDCWD ? "%.0d%s" : "/proc/self/fd/%d/%s",
		     dirfd == AT_FDCWD ? 0 : dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(sa->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int fd_bind_unix(int dirfd, const char *name, int type, mode_t mode, struct err *e)
{
	auto_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;

	/* Before bind(2) this is the mode of the file to be, but for the umask. */
	if (fd < 0 || fchmod(fd, mode) < 0 || unix_address(&sa, dirfd, name) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_sys(e, "bind a socket to %s", name);
	return take_fd(&fd);
}

int fd_listen_unix(int dirfd, const char *name, int type, struct err *e)
{
	auto_close int fd = fd_bind_unix(dirfd, name, type, 0600, e);

	if (fd < 0)
		return -1;
	return listen(fd, 8) < 0 ? err_sys(e, "listen on %s", name) : take_fd(&fd);
}

int fd_connect_unix(int dirfd, const char *name, int type)
{
	auto_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = FD_PEER_SECONDS };
	struct sockaddr_un sa;

	if (fd < 0 || unix_address(&sa, dirfd, name) < 0)
		return -1;
	/* Whoever listens there may have stopped to take anything. */
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		if (errno == EAGAIN && type == SOCK_STREAM)
			errno = ETIMEDOUT;
		return -1;
	}
	return take_fd(&fd);
}

int fd_open_output(const char *path, int flags, mode_t mode, struct err *e)
{
	int fd = fd_open(AT_FDCWD, path,
			 O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK | flags, mode, e);

	return fd < 0 && e->code == ENXIO ? err_set(e, ENXIO, "nobody reads %s", path) : fd;
}

int fd_send(int sock, const char *text, int fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };

	control.h.cmsg_len = CMSG_LEN(sizeof(int));
	control.h.cmsg_level = SOL_SOCKET;
	control.h.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
	if (sendmsg(sock, &mh, MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN)
		errno = ETIMEDOUT;
	return -1;
}

/* What came, in *fds: their number. */
static size_t passed(struct msghdr *mh, int fds[FD_PASS_MAX])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(mh);
	size_t size;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len < CMSG_LEN(0))
		return 0;
	size = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), size);
	return size / sizeof(*fds);
}

ssize_t fd_receive_all(int sock, void *buf, size_t size, int *fds, size_t *n)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control = { 0 };
	struct iovec iov = { buf, size };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	int came[FD_PASS_MAX];
	size_t max = *n, k;
	ssize_t r;

	do {
		r = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -1;
	*n = 0;
	k = passed(&mh, came);
	if (k <= max && !(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		memcpy(fds, came, k * sizeof(*fds));
		*n = k;
		return r;
	}
	while (k-- > 0)
		close(came[k]);
	errno = EMSGSIZE;
	return -1;
}

ssize_t fd_receive(int sock, void *buf, size_t size, int *ret_fd)
{
	auto_close int fd = -1;
	size_t n = 1;
	ssize_t r = fd_receive_all(sock, buf, size, &fd, &n);

	if (ret_fd)
		*ret_fd = take_fd(&fd);
	return r;
}

int fd_make_parents(const char *path, struct err *e)
{
	auto_free char *p = xstrdup(path);

	for (char *s = p + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		if (mkdir(p, 0700) < 0 && errno != EEXIST)
			return err_sys(e, "mkdir %s", p);
		*s = '/';
	}
	return 0;
}

char *fd_find_program(const char *name)
{
	const char *path = getenv("PATH"), *end;

	for (path = path ? path : "/usr/bin:/bin"; path; path = *end ? end + 1 : NULL) {
		auto_free char *file = NULL;

		end = path + strcspn(path, ":");
		file = xasprintf("%.*s/%s", (int)(end - path), path, name);
		if (*path == '/' && access(file, X_OK) == 0)
			return take_ptr(&file);
	}
	return NULL;
}

bool fd_is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fd_mount_id(int fd, char ret[static 16])
{
	char name[40], text[512], *line;
	size_t n;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (fd_read_small(AT_FDCWD, name, text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "mnt_id:");
	errno = EPROTO;
	if (!line)
		return false;
	line += strcspn(line, "0123456789");
	n = strspn(line, "0123456789");
	if (!n || n >= 16)
		return false;
	memcpy(ret, line, n);
	ret[n] = '\0';
	return true;
}
