/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoder and decoder of the bootstrap messages. Pure. The encoder runs in hull, the decoder in
 * stage 0 (and for the PIDs the other way round).
 */
#include "nsexec/bootstrap.h"

#include "state/base/mem.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>

enum { MSG_BOOTSTRAP = 0x4855, MSG_PIDS };

/* Attribute types; the numbers are in PROTOCOL.md. */
enum {
	ATTR_PLAN = 1,
	ATTR_UID_MAP,
	ATTR_GID_MAP,
	ATTR_NEWUIDMAP,
	ATTR_NEWGIDMAP,
	ATTR_OOM_SCORE_ADJ,
	ATTR_TIME_OFFSETS,
	ATTR_FLAGS,
	ATTR_ARENA,
	ATTR_CHILD_PID,
	ATTR_INIT_PID,
	ATTR_STAGES,
	ATTR_COUNT,
};

enum { FLAG_DENY_SETGROUPS = 1, FLAG_DEBUG = 2, FLAG_TRACE = 4 };

static int put_attr(struct str *out, unsigned type, const void *data, size_t n, struct err *e)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = (uint16_t)type };
	static const char pad[NLA_ALIGNTO];

	if (n > UINT16_MAX - NLA_HDRLEN)
		return err_set(e, EMSGSIZE,
			       "bootstrap attribute %u has %zu bytes, more than fit a message",
			       type, n);
	str_add_n(out, (const char *)&a, sizeof(a));
	str_add_n(out, data, n);
	str_add_n(out, pad, NLA_ALIGN(n) - n);
	return 0;
}

static int put_string(struct str *out, unsigned type, const char *s, struct err *e)
{
	return s ? put_attr(out, type, s, strlen(s) + 1, e) : 0;
}

int bootstrap_encode(const struct bootstrap *b, struct str *out, struct err *e)
{
	uint32_t flags = (b->deny_setgroups ? FLAG_DENY_SETGROUPS : 0u) |
			 (b->debug ? FLAG_DEBUG : 0u) | (b->trace ? FLAG_TRACE : 0u);
	struct nlmsghdr h = { .nlmsg_type = MSG_BOOTSTRAP };

	str_add_n(out, (const char *)&h, sizeof(h));
	if (put_attr(out, ATTR_PLAN, b->plan.steps, b->plan.n * sizeof(b->plan.steps[0]), e) < 0 ||
	    put_attr(out, ATTR_STAGES, &b->plan.stages, sizeof(b->plan.stages), e) < 0 ||
	    put_string(out, ATTR_UID_MAP, b->uid_map, e) < 0 ||
	    put_string(out, ATTR_GID_MAP, b->gid_map, e) < 0 ||
	    put_string(out, ATTR_NEWUIDMAP, b->newuidmap, e) < 0 ||
	    put_string(out, ATTR_NEWGIDMAP, b->newgidmap, e) < 0 ||
	    put_string(out, ATTR_OOM_SCORE_ADJ, b->oom_score_adj, e) < 0 ||
	    put_string(out, ATTR_TIME_OFFSETS, b->time_offsets, e) < 0 ||
	    put_attr(out, ATTR_FLAGS, &flags, sizeof(flags), e) < 0 ||
	    put_attr(out, ATTR_ARENA, &b->arena_fd, sizeof(b->arena_fd), e) < 0)
		return -1;
	if (out->n > BOOTSTRAP_MAX)
		return err_set(e, EMSGSIZE, "bootstrap message of %zu bytes, more than %d", out->n,
			       BOOTSTRAP_MAX);
	h.nlmsg_len = (uint32_t)out->n;
	memcpy(out->s, &h, sizeof(h));
	return 0;
}

/* The attributes of a message by type, each with its length checked. */
struct attrs {
	const char *data[ATTR_COUNT];
	size_t n[ATTR_COUNT];
};

static int parse(const char *buf, size_t n, unsigned type, struct attrs *ret, struct err *e)
{
	struct nlmsghdr h;
	struct nlattr a;
	size_t at = sizeof(h);

	if (n < sizeof(h))
		return err_set(e, EBADMSG,
			       "bootstrap message of %zu bytes is shorter than its header", n);
	memcpy(&h, buf, sizeof(h));
	if (h.nlmsg_type != type || h.nlmsg_len != n)
		return err_set(
			e, EBADMSG,
			"bootstrap message has type %u and length %u, expected type %u and length %zu",
			h.nlmsg_type, h.nlmsg_len, type, n);
	while (at < n) {
		if (n - at < sizeof(a))
			return err_set(e, EBADMSG, "bootstrap attribute at byte %zu is cut", at);
		memcpy(&a, buf + at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > n - at ||
		    NLA_ALIGN((size_t)a.nla_len) > n - at)
			return err_set(e, EBADMSG, "bootstrap attribute at byte %zu has length %u",
				       at, a.nla_len);
		if (a.nla_type == 0 || a.nla_type >= ATTR_COUNT || ret->data[a.nla_type])
			return err_set(e, EBADMSG, "bootstrap attribute %u is unknown or repeated",
				       a.nla_type);
		ret->data[a.nla_type] = buf + at + NLA_HDRLEN;
		ret->n[a.nla_type] = (size_t)a.nla_len - NLA_HDRLEN;
		at += NLA_ALIGN((size_t)a.nla_len);
	}
	return 0;
}

static int get_string(const struct attrs *a, unsigned type, const char **ret, struct err *e)
{
	*ret = a->data[type];
	if (*ret && (a->n[type] == 0 || memchr(*ret, '\0', a->n[type]) != *ret + a->n[type] - 1))
		return err_set(e, EBADMSG, "bootstrap attribute %u is not a string", type);
	return 0;
}

static int get_u32(const struct attrs *a, unsigned type, void *ret, struct err *e)
{
	if (!a->data[type] || a->n[type] != sizeof(uint32_t))
		return err_set(e, EBADMSG, "bootstrap attribute %u is missing or not four bytes",
			       type);
	memcpy(ret, a->data[type], sizeof(uint32_t));
	return 0;
}

static int get_plan(const struct attrs *a, struct plan *ret, struct err *e)
{
	size_t n = a->n[ATTR_PLAN];

	if (!a->data[ATTR_PLAN] || n % sizeof(ret->steps[0]) || n > sizeof(ret->steps))
		return err_set(e, EBADMSG, "bootstrap plan of %zu bytes is missing or malformed",
			       n);
	if (get_u32(a, ATTR_STAGES, &ret->stages, e) < 0)
		return -1;
	if (ret->stages < PLAN_ONE || ret->stages > PLAN_LATE)
		return err_set(e, EBADMSG, "bootstrap plan of %u stages", ret->stages);
	memcpy(ret->steps, a->data[ATTR_PLAN], n);
	ret->n = (uint32_t)(n / sizeof(ret->steps[0]));
	return 0;
}

int bootstrap_decode(const char *buf, size_t n, struct bootstrap *ret, struct err *e)
{
	struct bootstrap b = { 0 };
	struct attrs a = { 0 };
	uint32_t flags = 0;

	if (parse(buf, n, MSG_BOOTSTRAP, &a, e) < 0 || get_plan(&a, &b.plan, e) < 0 ||
	    get_string(&a, ATTR_UID_MAP, &b.uid_map, e) < 0 ||
	    get_string(&a, ATTR_GID_MAP, &b.gid_map, e) < 0 ||
	    get_string(&a, ATTR_NEWUIDMAP, &b.newuidmap, e) < 0 ||
	    get_string(&a, ATTR_NEWGIDMAP, &b.newgidmap, e) < 0 ||
	    get_string(&a, ATTR_OOM_SCORE_ADJ, &b.oom_score_adj, e) < 0 ||
	    get_string(&a, ATTR_TIME_OFFSETS, &b.time_offsets, e) < 0 ||
	    get_u32(&a, ATTR_FLAGS, &flags, e) < 0 || get_u32(&a, ATTR_ARENA, &b.arena_fd, e) < 0)
		return -1;
	b.deny_setgroups = flags & FLAG_DENY_SETGROUPS;
	b.debug = flags & FLAG_DEBUG;
	b.trace = flags & FLAG_TRACE;
	*ret = b;
	return 0;
}

void bootstrap_encode_pids(const struct bootstrap_pids *p, char buf[BOOTSTRAP_PIDS_SIZE])
{
	struct {
		struct nlmsghdr h;
		struct nlattr child_attr;
		int32_t child;
		struct nlattr init_attr;
		int32_t init;
	} m = {
		.h = { .nlmsg_len = sizeof(m), .nlmsg_type = MSG_PIDS },
		.child_attr = { .nla_len = NLA_HDRLEN + 4, .nla_type = ATTR_CHILD_PID },
		.child = p->child,
		.init_attr = { .nla_len = NLA_HDRLEN + 4, .nla_type = ATTR_INIT_PID },
		.init = p->init,
	};

	_Static_assert(sizeof(m) == BOOTSTRAP_PIDS_SIZE, "the PID report has 32 bytes");
	memcpy(buf, &m, sizeof(m));
}

int bootstrap_decode_pids(const char *buf, size_t n, struct bootstrap_pids *ret, struct err *e)
{
	struct bootstrap_pids p;
	struct attrs a = { 0 };

	if (parse(buf, n, MSG_PIDS, &a, e) < 0 || get_u32(&a, ATTR_CHILD_PID, &p.child, e) < 0 ||
	    get_u32(&a, ATTR_INIT_PID, &p.init, e) < 0)
		return -1;
	if (p.child < 0 || p.init < 0)
		return err_set(e, EBADMSG, "stage 0 reported PIDs %d and %d", (int)p.child,
			       (int)p.init);
	*ret = p;
	return 0;
}
