/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recvtty SOCKET [INPUT]: what a caller of hull has at the other end of --console-socket and
 * --pidfd-socket. Takes one message with one descriptor. Of a terminal it prints the message, types
 * INPUT, and prints what comes back until nobody has the other side open; of a pidfd it prints the
 * message and the PID. SOCKET appears when it can be connected to.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s.new", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0 ||
	    rename(a.sun_path, path) < 0)
		err(1, "listen at %s", path);
	return fd;
}

static int receive(int sock, char *text, size_t size)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { text, size - 1 };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	int fd;

	if (n < 0)
		err(1, "recvmsg");
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		errx(1, "no descriptor in a message of %zd bytes", n);
	text[n] = '\0';
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void print_pid(int fd)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Pid:", 4))
			fputs(line, stdout);
	}
}

static void copy(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		fwrite(buf, 1, (size_t)n, stdout);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	char text[256];
	int sock, fd;

	if (argc < 2)
		errx(1, "usage: recvtty SOCKET [INPUT]");
	alarm(50);
	sock = accept4(listen_at(argv[1]), NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0)
		err(1, "accept");
	fd = receive(sock, text, sizeof(text));
	printf("message %s\n", text);
	fflush(stdout);
	if (!isatty(fd)) {
		print_pid(fd);
		return 0;
	}
	if (argc > 2 && write(fd, argv[2], strlen(argv[2])) < 0)
		err(1, "type");
	copy(fd);
	return 0;
}
