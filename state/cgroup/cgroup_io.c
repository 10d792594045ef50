/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources.blockIO, network and rdma written into cgroup files: controllers whose files
 * have a line for each device. Runs in hull itself.
 */
#include "state/cgroup/cgroup_put.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

/* --- blockIO: weights ------------------------------------------------------------------------- */

/* io.weight ([1, 10000]) for blkio's [10, 1000]; the defaults, 100 and 500, do not meet. */
uint64_t cgroup_io_weight(uint64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

/* The kernel's schedulers name their files differently: the first of the two that is there. */
static int put_either(const struct target *t, const char *property, const char *first,
		      const char *text, const char *second, const char *second_text, struct err *e)
{
	if (put_try(t, first, text) == 0)
		return 0;
	if (errno != ENOENT)
		return put_failed(t, property, first, text, e);
	return put(t, property, second, second_text, MISSING_FAILS, e);
}

static int put_weight(const struct target *t, bool v2, const char *property, const char *device,
		      uint64_t weight, struct err *e)
{
	auto_free char *text = xasprintf("%s%" PRIu64, device, weight), *converted = NULL;

	if (!weight)
		return 0;
	if (!v2)
		return put_either(t, property, *device ? "blkio.weight_device" : "blkio.weight",
				  text, *device ? "blkio.bfq.weight_device" : "blkio.bfq.weight",
				  text, e);
	/* BFQ has the range of v1. */
	converted = xasprintf("%s%" PRIu64, device, cgroup_io_weight(weight));
	return put_either(t, property, "io.bfq.weight", text, "io.weight", converted, e);
}

static int put_leaf_weight(const struct target *t, bool v2, const char *property,
			   const char *device, uint64_t weight, struct err *e)
{
	auto_free char *text = xasprintf("%s%" PRIu64, device, weight);

	if (!weight)
		return 0;
	if (!v2)
		return put(t, property, *device ? "blkio.leaf_weight_device" : "blkio.leaf_weight",
			   text, MISSING_FAILS, e);
	err_set(e, EOPNOTSUPP, "cannot set leafWeight: cgroup v2 has no leaf weights");
	put_at(e, property);
	return put_missing(e);
}

static int put_weights(const struct target *t, bool v2, struct err *e)
{
	const struct spec_block_io *io = t->res->block_io;

	if (put_weight(t, v2, "blockIO/weight", "", io->weight.v, e) < 0 ||
	    put_leaf_weight(t, v2, "blockIO/leafWeight", "", io->leaf_weight.v, e) < 0)
		return -1;
	for (size_t i = 0; i < io->weight_device.n; i++) {
		const struct spec_weight_device *d = &io->weight_device.v[i];
		auto_free char *device =
			xasprintf("%" PRId64 ":%" PRId64 " ", d->major.v, d->minor.v);
		auto_free char *weight = xasprintf("blockIO/weightDevice/%zu/weight", i);
		auto_free char *leaf = xasprintf("blockIO/weightDevice/%zu/leafWeight", i);

		if (put_weight(t, v2, weight, device, d->weight.v, e) < 0 ||
		    put_leaf_weight(t, v2, leaf, device, d->leaf_weight.v, e) < 0)
			return -1;
	}
	return 0;
}

/* --- blockIO: throttles ----------------------------------------------------------------------- */

struct throttle {
	const char *property, *file, *key; /* on v1 a file, on v2 a key of io.max */
	const struct spec_throttle_devices *devices;
};

static int put_throttle(const struct target *t, bool v2, const struct throttle *row, size_t i,
			struct err *e)
{
	const struct spec_throttle_device *d = &row->devices->v[i];
	auto_free char *property = xasprintf("blockIO/%s/%zu/rate", row->property, i);
	auto_free char *device = xasprintf("%" PRId64 ":%" PRId64, d->major.v, d->minor.v);
	auto_free char *text = NULL;

	if (!v2)
		text = xasprintf("%s %" PRIu64, device, d->rate.v);
	else if (d->rate.v)
		text = xasprintf("%s %s=%" PRIu64, device, row->key, d->rate.v);
	else /* v1's word for it */
		text = xasprintf("%s %s=max", device, row->key);
	return put(t, property, v2 ? "io.max" : row->file, text,
		   d->rate.v ? MISSING_FAILS : MISSING_IS_FINE, e);
}

static int put_throttles(const struct target *t, bool v2, struct err *e)
{
	const struct spec_block_io *io = t->res->block_io;
	const struct throttle rows[] = {
		{ "throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps",
		  &io->throttle_read_bps_device },
		{ "throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps",
		  &io->throttle_write_bps_device },
		{ "throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops",
		  &io->throttle_read_iops_device },
		{ "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops",
		  &io->throttle_write_iops_device },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t k = 0; k < rows[i].devices->n; k++) {
			if (put_throttle(t, v2, &rows[i], k, e) < 0)
				return -1;
		}
	}
	return 0;
}

int limit_io_v1(const struct target *t, struct err *e)
{
	return put_weights(t, false, e) < 0 ? -1 : put_throttles(t, false, e);
}

int limit_io_v2(const struct target *t, struct err *e)
{
	return put_weights(t, true, e) < 0 ? -1 : put_throttles(t, true, e);
}

/* --- network: v1 only, where the controllers are mounted ------------------------------------------ */

int limit_net_class(const struct target *t, struct err *e)
{
	char text[NUMBER_MAX];

	return put(t, "network/classID", "net_cls.classid",
		   put_unsigned(text, t->res->network->class_id.v), MISSING_FAILS, e);
}

int limit_net_priorities(const struct target *t, struct err *e)
{
	const struct spec_network *n = t->res->network;

	for (size_t i = 0; i < n->priorities.n; i++) {
		const struct spec_interface_priority *p = &n->priorities.v[i];
		auto_free char *property = xasprintf("network/priorities/%zu", i);
		auto_free char *text = xasprintf("%s %" PRIu64, p->name, p->priority.v);

		if (put(t, property, "net_prio.ifpriomap", text, MISSING_FAILS, e) < 0)
			return -1;
	}
	return 0;
}

/* --- rdma --------------------------------------------------------------------------------------- */

int limit_rdma(const struct target *t, struct err *e)
{
	for (size_t i = 0; i < t->res->rdma.n; i++) {
		const struct spec_rdma *r = &t->res->rdma.v[i];
		auto_str struct str text = { 0 };

		if (!r->hca_handles.set && !r->hca_objects.set)
			continue;
		str_add(&text, r->key);
		if (r->hca_handles.set)
			str_addf(&text, " hca_handle=%" PRIu64, r->hca_handles.v);
		if (r->hca_objects.set)
			str_addf(&text, " hca_object=%" PRIu64, r->hca_objects.v);
		if (strpbrk(r->key, " \t\n") || !*r->key)
			err_set(e, EINVAL, "\"%.200s\" is not a device's name", r->key);
		else if (put(t, "rdma", "rdma.max", text.s, MISSING_FAILS, e) == 0)
			continue;
		e->pointer[0] = '\0';
		err_at_key(e, r->key);
		return err_at_key(e, "rdma");
	}
	return 0;
}
