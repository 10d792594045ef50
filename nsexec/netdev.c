/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving network devices between network namespaces by rtnetlink(7). Runs in hull, which has one
 * thread and may visit the container's network namespace for as long as it takes to open a socket
 * there; what is asked of that socket is answered for that namespace from then on.
 */
#include "nsexec/netdev.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX   32768 /* the kernel's own limit for one datagram of a dump */
#define TEMPLATE_MAX 32768 /* as __dev_alloc_name() of the kernel tries */
#define DUMP_TRIES   8
#define KEPT_FLAGS                                                                      \
	(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | \
	 IFA_F_MCAUTOJOIN)

/* An address, as it is asked for again. */
struct address {
	struct ifaddrmsg head;
	char attrs[128];
	size_t n;
};

struct netdev {
	char host[IFNAMSIZ], container[IFNAMSIZ];
	bool up, moved;
	struct address *addresses;
	size_t n;
};

/* --- messages --------------------------------------------------------------------------------- */

struct request {
	struct nlmsghdr h;
	char body[512];
};

static void put(struct request *r, const void *data, size_t n)
{
	size_t at = r->h.nlmsg_len - sizeof(r->h);

	/* All that is put is bounded: names of 16 bytes, addresses of 128. */
	if (n > sizeof(r->body) - at)
		abort();
	memcpy(r->body + at, data, n);
	r->h.nlmsg_len += (uint32_t)NLMSG_ALIGN(n);
}

static struct request begin(unsigned type, unsigned flags, const void *head, size_t n)
{
	struct request r = { .h = { .nlmsg_len = sizeof(r.h),
				    .nlmsg_type = (uint16_t)type,
				    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) } };

	put(&r, head, n);
	return r;
}

static void put_attr(struct request *r, unsigned type, const void *data, size_t n)
{
	struct rtattr a = { .rta_len = (uint16_t)RTA_LENGTH(n), .rta_type = (uint16_t)type };

	put(r, &a, sizeof(a));
	put(r, data, n);
}

/* The kernel's own words about a refusal (NETLINK_EXT_ACK), where it has some. */
static int refused(const struct nlmsghdr *h, struct err *e)
{
	const char *p = (const char *)h;
	size_t at = NLMSG_HDRLEN + sizeof(struct nlmsgerr);
	struct nlmsgerr m;
	struct nlattr a;

	memcpy(&m, p + NLMSG_HDRLEN, sizeof(m));
	if (!m.error)
		return 0;
	errno = -m.error;
	err_sys(e, "rtnetlink");
	for (; (h->nlmsg_flags & NLM_F_ACK_TLVS) && at + sizeof(a) <= h->nlmsg_len;
	     at += NLA_ALIGN((size_t)a.nla_len)) {
		memcpy(&a, p + at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > h->nlmsg_len - at)
			break;
		if (a.nla_type == NLMSGERR_ATTR_MSG)
			err_wrap(e, "%.*s", (int)strnlen(p + at + sizeof(a), a.nla_len - sizeof(a)),
				 p + at + sizeof(a));
	}
	return -1;
}

/* What a dump answers is given to take(), one message at a time. 1: it changed meanwhile. */
typedef void taker(void *arg, const struct nlmsghdr *h);

static int receive(int sock, bool dump, taker *take, void *arg, struct err *e)
{
	auto_free char *buf = xmalloc(ANSWER_MAX);
	int interrupted = 0;

	for (;;) {
		ssize_t n = recv(sock, buf, ANSWER_MAX, MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || n > ANSWER_MAX)
			return n < 0 ? err_sys(e, "rtnetlink") : err_set(e, EMSGSIZE, "rtnetlink");
		for (size_t at = 0; (size_t)n - at >= sizeof(struct nlmsghdr);) {
			struct nlmsghdr *h = (void *)(buf + at);

			if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > (size_t)n - at)
				return err_set(e, EBADMSG, "rtnetlink: a message of %u bytes",
					       h->nlmsg_len);
			interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)) ?
					       err_set(e, EBADMSG, "rtnetlink: a short answer") :
					       refused(h, e);
			if (dump && h->nlmsg_type == NLMSG_DONE)
				return interrupted;
			if (dump)
				take(arg, h);
			at += NLMSG_ALIGN(h->nlmsg_len);
			if (at > (size_t)n)
				break;
		}
	}
}

/* One question after the other on a socket, so that answers need no sequence numbers. */
static int ask(int sock, const struct request *r, taker *take, void *arg, struct err *e)
{
	if (send(sock, r, r->h.nlmsg_len, 0) < 0)
		return err_sys(e, "rtnetlink");
	return receive(sock, take != NULL, take, arg, e);
}

/* --- addresses -------------------------------------------------------------------------------- */

struct collection {
	struct netdev *d;
	unsigned index;
};

static bool is_kept_attr(unsigned type)
{
	return type == IFA_ADDRESS || type == IFA_LOCAL || type == IFA_BROADCAST ||
	       type == IFA_RT_PRIORITY;
}

static void keep_attr(struct address *a, unsigned type, const void *data, size_t n)
{
	struct rtattr attr = { .rta_len = (uint16_t)RTA_LENGTH(n), .rta_type = (uint16_t)type };

	if (RTA_SPACE(n) > sizeof(a->attrs) - a->n)
		return;
	memcpy(a->attrs + a->n, &attr, sizeof(attr));
	memcpy(a->attrs + a->n + sizeof(attr), data, n);
	a->n += RTA_SPACE(n);
}

/*
 * config-linux.md, Network Devices: "all permanent IP addresses ... of any family with global scope".
 * The label goes with the old name.
 */
static void take_address(void *arg, const struct nlmsghdr *h)
{
	struct collection *c = arg;
	struct address a = { 0 };
	size_t at = NLMSG_LENGTH(sizeof(a.head));
	uint32_t flags;
	struct rtattr attr;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < at)
		return;
	memcpy(&a.head, NLMSG_DATA(h), sizeof(a.head));
	if (a.head.ifa_index != c->index || a.head.ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	flags = a.head.ifa_flags;
	for (at = NLMSG_ALIGN(at); at + sizeof(attr) <= h->nlmsg_len;
	     at += RTA_ALIGN((size_t)attr.rta_len)) {
		const char *p = (const char *)h + at;

		memcpy(&attr, p, sizeof(attr));
		if (attr.rta_len < sizeof(attr) || attr.rta_len > h->nlmsg_len - at)
			return;
		if (attr.rta_type == IFA_FLAGS && attr.rta_len == RTA_LENGTH(sizeof(flags)))
			memcpy(&flags, p + sizeof(attr), sizeof(flags));
		else if (is_kept_attr(attr.rta_type))
			keep_attr(&a, attr.rta_type, p + sizeof(attr), attr.rta_len - sizeof(attr));
	}
	if (!(flags & IFA_F_PERMANENT))
		return;
	flags &= KEPT_FLAGS;
	keep_attr(&a, IFA_FLAGS, &flags, sizeof(flags));
	a.head.ifa_flags = (uint8_t)flags;
	c->d->addresses = xrealloc(c->d->addresses, (c->d->n + 1) * sizeof(a));
	c->d->addresses[c->d->n++] = a;
}

static int read_addresses(int sock, struct netdev *d, unsigned index, struct err *e)
{
	const struct ifaddrmsg head = { 0 };
	struct request r = begin(RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head));
	struct collection c = { d, index };
	int more = 1;

	for (int i = 0; more == 1 && i < DUMP_TRIES; i++) {
		d->n = 0;
		more = ask(sock, &r, take_address, &c, e);
	}
	return more < 0 ? err_wrap(e, "read the addresses") : 0;
}

static int add_addresses(int sock, const struct netdev *d, unsigned index, struct err *e)
{
	for (size_t i = 0; i < d->n; i++) {
		struct ifaddrmsg head = d->addresses[i].head;
		struct request r;

		head.ifa_index = index;
		r = begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
		put(&r, d->addresses[i].attrs, d->addresses[i].n);
		/* The kernel may have made it by itself when it saw the device. */
		if (ask(sock, &r, NULL, NULL, e) < 0 && e->code != EEXIST)
			return err_wrap(e, "keep the address %zu of the device", i);
	}
	return 0;
}

/* --- devices ---------------------------------------------------------------------------------- */

/* Interface calls of netdevice(7) work on a socket of any family. */
static int device_call(int sock, unsigned long call, const char *name, struct ifreq *r)
{
	snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", name);
	return ioctl(sock, call, r);
}

static int move_as(int sock, unsigned index, const char *name, int ns_fd, struct err *e)
{
	const struct ifinfomsg head = { .ifi_index = (int)index };
	struct request r = begin(RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));

	put_attr(&r, IFLA_IFNAME, name, strlen(name) + 1);
	put_attr(&r, IFLA_NET_NS_FD, &ns_fd, sizeof(ns_fd));
	return ask(sock, &r, NULL, NULL, e);
}

static bool is_taken(int sock, const char *name)
{
	struct ifreq r = { 0 };

	return device_call(sock, SIOCGIFINDEX, name, &r) == 0;
}

/* "eth%d" is the first name that is free: the kernel would choose the same, and not say which. */
static int choose_name(int container, const char *name, char ret[IFNAMSIZ], struct err *e)
{
	const char *percent = strchr(name, '%');

	snprintf(ret, IFNAMSIZ, "%s", name);
	if (!percent && !is_taken(container, name))
		return 0;
	for (int i = 0; percent && i < TEMPLATE_MAX; i++) {
		char full[2 * IFNAMSIZ];

		snprintf(full, sizeof(full), "%.*s%d%s", (int)(percent - name), name, i,
			 percent + 2);
		if (strlen(full) >= IFNAMSIZ)
			break;
		snprintf(ret, IFNAMSIZ, "%.15s", full);
		if (!is_taken(container, ret))
			return 0;
	}
	return err_set(e, EEXIST, "the container has a network device \"%s\" already", name);
}

/* The device is in the other namespace now: what it lost on the way, and up. */
static int settle(int sock, const struct netdev *d, const char *name, bool up, struct err *e)
{
	struct ifreq r = { 0 };

	if (device_call(sock, SIOCGIFINDEX, name, &r) < 0)
		return err_sys(e, "find the device %s", name);
	if (add_addresses(sock, d, (unsigned)r.ifr_ifindex, e) < 0)
		return -1;
	if (!up)
		return 0;
	if (device_call(sock, SIOCGIFFLAGS, name, &r) < 0)
		return err_sys(e, "read the flags of the device %s", name);
	r.ifr_flags |= IFF_UP;
	return device_call(sock, SIOCSIFFLAGS, name, &r) < 0 ?
		       err_sys(e, "bring up the device %s", name) :
		       0;
}

/* --- namespaces ------------------------------------------------------------------------------- */

static int open_netlink(struct err *e)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), on = 1;

	if (fd < 0)
		return err_sys(e, "open an rtnetlink socket");
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

static int open_netlink_in(const struct netdevs *d, struct err *e)
{
	auto_close int fd = -1;

	if (setns(d->container_fd, CLONE_NEWNET) < 0)
		return err_sys(e, "visit the container's network namespace");
	fd = open_netlink(e);
	if (setns(d->host_fd, CLONE_NEWNET) < 0)
		return err_sys(e, "return from the container's network namespace");
	return take_fd(&fd);
}

static int open_namespaces(pid_t pid, struct netdevs *d, struct err *e)
{
	struct stat host, container;
	char path[PROC_PATH_SIZE];

	proc_path(path, pid, "ns/net");
	d->host_fd = fd_open(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0, e);
	d->container_fd = d->host_fd < 0 ? -1 : fd_open(AT_FDCWD, path, O_RDONLY, 0, e);
	if (d->container_fd < 0)
		return -1;
	if (fstat(d->host_fd, &host) < 0 || fstat(d->container_fd, &container) < 0)
		return err_sys(e, "stat %s", path);
	if (fd_same_file(&host, &container))
		return err_set(e, EINVAL,
			       "unable to move network devices without a private NET namespace");
	return 0;
}

void netdev_done(struct netdevs *d)
{
	if (!d->v)
		return;
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i].addresses);
	free(d->v);
	cleanup_close(&d->host_fd);
	cleanup_close(&d->container_fd);
	*d = (struct netdevs){ 0 };
}

/* --- all of it -------------------------------------------------------------------------------- */

static int find_host_device(int host, struct netdev *d, unsigned *ret_index, struct err *e)
{
	struct ifreq r = { 0 };

	if (device_call(host, SIOCGIFINDEX, d->host, &r) < 0)
		return errno == ENODEV ? err_set(e, ENODEV, "the host has no network device \"%s\"",
						 d->host) :
					 err_sys(e, "find the network device \"%s\"", d->host);
	*ret_index = (unsigned)r.ifr_ifindex;
	d->up = device_call(host, SIOCGIFFLAGS, d->host, &r) == 0 && (r.ifr_flags & IFF_UP);
	/* Before the move, which takes it down and with it the addresses of IPv6. */
	return read_addresses(host, d, *ret_index, e);
}

static int move_one(const struct spec_net_device *s, int host, int container, struct netdevs *all,
		    struct err *e)
{
	struct netdev *d = &all->v[all->n++];
	unsigned index = 0;

	snprintf(d->host, sizeof(d->host), "%s", s->key);
	if (find_host_device(host, d, &index, e) < 0 ||
	    choose_name(container, str_empty(s->name) ? s->key : s->name, d->container, e) < 0)
		return -1;
	/*
	 * One call for the move and the name. The kernel moves first: where somebody else takes the
	 * name meanwhile, the device is in there as it was called before.
	 */
	if (move_as(host, index, d->container, all->container_fd, e) < 0) {
		snprintf(d->container, sizeof(d->container), "%s", d->host);
		return err_wrap(e, "move the network device \"%s\" to the container", s->key);
	}
	d->moved = true;
	return settle(container, d, d->container, true, e);
}

int netdev_move(const struct spec_net_devices *list, pid_t pid, struct netdevs *ret, struct err *e)
{
	struct netdevs d = { .host_fd = -1, .container_fd = -1 };
	auto_close int host = -1, container = -1;

	if (open_namespaces(pid, &d, e) < 0)
		goto fail;
	host = open_netlink(e);
	container = host < 0 ? -1 : open_netlink_in(&d, e);
	if (container < 0)
		goto fail;
	d.v = xzalloc(list->n * sizeof(*d.v));
	for (size_t i = 0; i < list->n; i++) {
		if (move_one(&list->v[i], host, container, &d, e) < 0) {
			err_at_key(e, list->v[i].key);
			netdev_restore(&d);
			goto fail_there;
		}
	}
	*ret = d;
	return 0;
fail:
	cleanup_close(&d.host_fd);
	cleanup_close(&d.container_fd);
fail_there:
	err_at_key(e, "netDevices");
	return err_at_key(e, "linux");
}

void netdev_restore(struct netdevs *d)
{
	struct err e;
	auto_close int host = d->n ? open_netlink(&e) : -1;
	auto_close int container = host < 0 ? -1 : open_netlink_in(d, &e);

	for (size_t i = d->n; container >= 0 && i > 0; i--) {
		const struct netdev *v = &d->v[i - 1];
		struct ifreq r = { 0 };

		/* Not moved, and there is one of that name in there: that is another's. */
		if (!v->moved && is_taken(host, v->host))
			continue;
		if (device_call(container, SIOCGIFINDEX, v->container, &r) == 0 &&
		    move_as(container, (unsigned)r.ifr_ifindex, v->host, d->host_fd, &e) == 0)
			(void)!settle(host, v, v->host, v->up, &e);
	}
	netdev_done(d);
}
