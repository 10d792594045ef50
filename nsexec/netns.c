/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in hull, or in stage 2 in its new network namespace. */
#include "nsexec/netns.h"

#include "nsexec/plan.h"
#include "state/base/fd.h"
#include "state/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWN "/proc/self/ns/net"

int netns_loopback(struct err *e)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK };
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* A kernel without IPv4 has none to bring up that way. */
	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		return err_sys(e, "bring up the loopback interface");
	return take_fd(&fd);
}

/* Of the caller's, with its loopback interface up. */
static int prepare(struct err *e)
{
	auto_close int sock = netns_loopback(e);
	int fd;

	if (sock < 0)
		return -1;
	fd = ioctl(sock, SIOCGSKNS);
	/* Before Linux 4.10. */
	return fd >= 0 ? fd : fd_open(AT_FDCWD, OWN, O_RDONLY, 0, e);
}

int netns_make(struct err *e)
{
	auto_close int back = fd_open(AT_FDCWD, OWN, O_RDONLY, 0, e), made = -1;

	if (back < 0)
		return -1;
	if (unshare(CLONE_NEWNET) < 0) {
		err_sys(e, "unshare");
		return plan_ns_lacking(CLONE_NEWNET, "/proc/self/ns", e);
	}
	made = prepare(e);
	if (setns(back, CLONE_NEWNET) < 0)
		return err_sys(e, "return to hull's own network namespace");
	return made < 0 ? -1 : take_fd(&made);
}
