/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine and its CNI plugins make networks of. hull itself needs none of it: it moves devices
 * that are there (linux.netDevices).
 */
#include "cmd/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/line/try.h"
#include "state/base/mem.h"

static const struct kind {
	const char *name, *kind, *option, *cost;
} kinds[] = {
	{ "veth", "veth", "VETH", "no pair of devices between container and host: most networks" },
	{ "bridge", "bridge", "BRIDGE", "no bridge networks (docker0, cni0, podman0)" },
	{ "vxlan", "vxlan", "VXLAN", "no overlay networks (flannel, Docker Swarm)" },
	{ "macvlan", "macvlan", "MACVLAN", "no macvlan networks" },
	{ "ipvlan", "ipvlan", "IPVLAN", "no ipvlan networks" },
	{ "vlan", "vlan", "VLAN_8021Q", "no vlan networks" },
	{ "dummy", "dummy", "DUMMY", "no dummy devices (node-local DNS of Kubernetes)" },
};

struct link_request {
	struct nlmsghdr h;
	struct ifinfomsg i;
	char attrs[128];
};

static struct rtattr *add_attr(struct link_request *q, unsigned short type, const void *data,
			       size_t n)
{
	struct rtattr *a = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	if (n)
		memcpy(RTA_DATA(a), data, n);
	q->h.nlmsg_len = NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

/*
 * Ask for a device of this kind in a network namespace that ends with us: EOPNOTSUPP is a kind that
 * the kernel does not know; all else that is wrong with the request it finds only after that.
 */
static int ask_for_device(void *arg)
{
	const struct kind *k = arg;
	struct link_request q = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
					 .nlmsg_type = RTM_NEWLINK,
					 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
							NLM_F_EXCL } };
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct rtattr *info = add_attr(&q, IFLA_LINKINFO, NULL, 0);
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[512];
	} answer;

	add_attr(&q, IFLA_INFO_KIND, k->kind, strlen(k->kind));
	info->rta_len = (unsigned short)((char *)&q + q.h.nlmsg_len - (char *)info);
	if (fd < 0 || send(fd, &q, q.h.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		return errno ? errno : EIO;
	return answer.e.error == -EOPNOTSUPP ? EOPNOTSUPP : 0;
}

static int open_nftables(void *arg)
{
	/* NFT_MSG_GETGEN of linux/netfilter/nf_tables.h, and struct nfgenmsg */
	struct {
		struct nlmsghdr h;
		uint8_t family, version;
		uint16_t id;
	} q = { .h = { .nlmsg_len = sizeof(q),
		       .nlmsg_type = 10 << 8 | 16,
		       .nlmsg_flags = NLM_F_REQUEST } };
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[512];
	} answer;

	(void)arg;
	if (fd < 0 || send(fd, &q, sizeof(q), 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(struct nlmsghdr))
		return errno ? errno : EIO;
	return answer.h.nlmsg_type == NLMSG_ERROR ? -answer.e.error : 0;
}

static int open_iptables(void *arg)
{
	/* struct ipt_getinfo of linux/netfilter_ipv4/ip_tables.h; IPT_SO_GET_INFO */
	struct {
		char name[32];
		unsigned numbers[13];
	} info = { .name = "filter" };
	auto_close int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	socklen_t n = sizeof(info);

	(void)arg;
	return fd < 0 || getsockopt(fd, IPPROTO_IP, 64, &info, &n) < 0 ? errno : 0;
}

/* IP_VS_SO_GET_VERSION of linux/ip_vs.h */
static int open_ipvs(void *arg)
{
	auto_close int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	char text[64];
	socklen_t n = sizeof(text);

	(void)arg;
	return fd < 0 || getsockopt(fd, IPPROTO_IP, 64 + 1024 + 64, text, &n) < 0 ? errno : 0;
}

static int open_xfrm(void *arg)
{
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_XFRM);

	(void)arg;
	return fd < 0 ? errno : 0;
}

static void add_kind(struct doctor *d, const struct kind *k)
{
	int code = try_in(CLONE_NEWNET, ask_for_device, (void *)(uintptr_t)k);
	char advice[96];

	if (!code) {
		doctor_works(d, k->name, "devices of this kind can be made");
		return;
	}
	snprintf(advice, sizeof(advice), "modprobe %s, or a kernel with CONFIG_%s",
		 strcmp(k->kind, "vlan") ? k->kind : "8021q", k->option);
	doctor_say(d, DOCTOR_MISSING, k->name, errno_text(code), k->cost,
		   code == EOPNOTSUPP ? advice : NULL);
}

static void add_filters(struct doctor *d)
{
	int nft = try_in(CLONE_NEWNET, open_nftables, NULL);
	int legacy = try_in(CLONE_NEWNET, open_iptables, NULL);

	if (!nft || !legacy)
		doctor_works(d, "packet filter", "%s%s%s", nft ? "" : "nftables",
			     nft || legacy ? "" : ", ", legacy ? "" : "iptables (legacy)");
	else
		doctor_say(
			d, DOCTOR_MISSING, "packet filter", errno_text(nft),
			"no published ports, no masquerading, no network policies",
			"modprobe nf_tables, or a kernel with CONFIG_NF_TABLES and CONFIG_NFT_NAT");
}

static void add_module(struct doctor *d, const char *name, int (*work)(void *), const char *cost,
		       const char *advice)
{
	int code = try_in(CLONE_NEWNET, work, NULL);

	if (!code)
		doctor_works(d, name, "it answers");
	else
		doctor_say(d, DOCTOR_MISSING, name, errno_text(code), cost, advice);
}

static void add_sysctls(struct doctor *d)
{
	if (doctor_sysctl("/proc/sys/net/ipv4/ip_forward", 0) == 1)
		doctor_works(d, "forwarding", "net.ipv4.ip_forward is 1");
	else
		doctor_say(d, DOCTOR_LIMITED, "forwarding", "net.ipv4.ip_forward is 0",
			   "containers on a bridge reach nothing beyond this machine",
			   "sysctl net.ipv4.ip_forward=1 (engines mostly set it)");
	if (doctor_sysctl("/proc/sys/net/bridge/bridge-nf-call-iptables", 0) == 1)
		doctor_works(d, "bridged filter", "net.bridge.bridge-nf-call-iptables is 1");
	else
		doctor_say(d, DOCTOR_LIMITED, "bridged filter", "not set",
			   "packets between containers of one bridge pass by iptables: Kubernetes' "
			   "services fail on the same node",
			   "modprobe br_netfilter, sysctl net.bridge.bridge-nf-call-iptables=1");
	if (access("/proc/net/if_inet6", F_OK) == 0)
		doctor_works(d, "IPv6", "on");
	else
		doctor_say(d, DOCTOR_MISSING, "IPv6", "", "containers have IPv4 alone",
			   "boot parameter ipv6.disable=0, or a kernel with CONFIG_IPV6");
}

void doctor_network(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_kind(d, &kinds[i]);
	add_filters(d);
	add_module(d, "IPVS", open_ipvs,
		   "no kube-proxy in ipvs mode, no service mesh of Docker Swarm",
		   "modprobe ip_vs, or a kernel with CONFIG_IP_VS");
	add_module(d, "IPsec", open_xfrm, "no encrypted overlay networks",
		   "modprobe xfrm_user, or a kernel with CONFIG_XFRM_USER");
	add_sysctls(d);
	if (access("/dev/net/tun", F_OK) == 0)
		doctor_works(d, "tun", "/dev/net/tun");
	else
		doctor_say(d, DOCTOR_MISSING, "tun", "no /dev/net/tun",
			   "no VPN in containers, and no slirp4netns or pasta for users",
			   "modprobe tun, or a kernel with CONFIG_TUN");
}
