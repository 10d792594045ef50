/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp agent for the tests: agent SOCKET [ONE]. For each connection it prints the container
 * process state, on one line, and then answers for that listener: mkdir(2) and mkdirat(2) get EDOM,
 * all others go on. With ONE it ends after the first connection, and its listeners with it.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int receive(int sock)
{
	static char text[1 << 16];
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &mh, 0);
	int fd = -1;

	if (n <= 0 || !CMSG_FIRSTHDR(&mh) || CMSG_FIRSTHDR(&mh)->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(fd));
	text[n] = '\0';
	/* Exactly one state to a connection. */
	if (read(sock, text + n, sizeof(text) - (size_t)n) != 0)
		return -1;
	puts(text);
	fflush(stdout);
	return fd;
}

static void serve(int fd)
{
	struct seccomp_notif n;
	struct seccomp_notif_resp r;

	for (;;) {
		memset(&n, 0, sizeof(n));
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			_exit(0);
		}
		r = (struct seccomp_notif_resp){ .id = n.id };
		if (n.data.nr == SYS_mkdirat
#ifdef SYS_mkdir
		    || n.data.nr == SYS_mkdir
#endif
		)
			r.error = -EDOM;
		else
			r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, sock;

	alarm(60); /* a test that fails leaves nobody behind */
	/* Who sees the name finds somebody who listens. */
	snprintf(a.sun_path, sizeof(a.sun_path), "%s.new", argc > 1 ? argv[1] : "");
	if (bind(l, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(l, 10) < 0 ||
	    rename(a.sun_path, argc > 1 ? argv[1] : "") < 0)
		return 1;
	while ((sock = accept(l, NULL, NULL)) >= 0) {
		fd = receive(sock);
		if (fd < 0)
			return 1;
		if (argc > 2)
			return 0;
		if (fork() == 0) {
			alarm(60);
			close(l);
			serve(fd);
		}
		close(fd);
		close(sock);
	}
	return 1;
}
