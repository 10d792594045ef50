/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) for the tests. notify listen SOCKET: prints each message with the PID of its sender,
 * one a line, its lines joined by '|', for ever. notify send TEXT...: each argument is a message to
 * NOTIFY_SOCKET, sent with a descriptor, as FDSTORE= and BARRIER= are.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t address(struct sockaddr_un *sa, const char *name)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!name || strlen(name) >= sizeof(sa->sun_path))
		errx(1, "no address");
	memcpy(sa->sun_path, name, strlen(name));
	if (*name == '@')
		sa->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static void show(int sock)
{
	char text[8192];
	union {
		struct cmsghdr h;
		char space[256];
	} control;
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &mh, 0);
	struct ucred from = { 0 };
	int fds = 0;

	if (n < 0)
		err(1, "recvmsg");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&from, CMSG_DATA(c), sizeof(from));
		else
			fds++;
	}
	text[n] = '\0';
	for (char *p = text; *p; p++)
		*p = *p == '\n' ? '|' : *p;
	printf("%d %s%s\n", (int)from.pid, text, fds ? " with descriptors" : "");
	fflush(stdout);
}

static void put(int sock, const struct sockaddr_un *to, socklen_t n, char *text)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { text, strlen(text) };
	struct msghdr mh = { .msg_name = (void *)to,
			     .msg_namelen = n,
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };

	control.h.cmsg_len = CMSG_LEN(sizeof(int));
	control.h.cmsg_level = SOL_SOCKET;
	control.h.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.h), &sock, sizeof(sock));
	if (sendmsg(sock, &mh, 0) < 0)
		err(1, "send \"%s\"", text);
}

int main(int argc, char **argv)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_un sa;
	socklen_t n;

	if (sock < 0 || argc < 3)
		err(1, "socket");
	if (!strcmp(argv[1], "listen")) {
		n = address(&sa, argv[2]);
		if (setsockopt(sock, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0 ||
		    bind(sock, (struct sockaddr *)&sa, n) < 0)
			err(1, "bind");
		for (;;)
			show(sock);
	}
	n = address(&sa, getenv("NOTIFY_SOCKET"));
	for (int i = 2; i < argc; i++)
		put(sock, &sa, n, argv[i]);
	return 0;
}
