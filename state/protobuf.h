/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of Protocol Buffers (protobuf.dev, "Encoding"), as much of it as CRIU's RPC needs:
 * a message is a row of fields, each a number or a run of bytes, which may be a message itself. Pure.
 */
#ifndef STATE_PROTOBUF_H
#define STATE_PROTOBUF_H

#include "state/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Add a field to the message in out. Numbers below zero are written as int32 and int64 want them. */
void pb_add_int(struct str *out, unsigned field, int64_t v);
void pb_add_bool(struct str *out, unsigned field, bool v);
void pb_add_string(struct str *out, unsigned field, const char *s);
void pb_add_message(struct str *out, unsigned field, const struct str *m);

/* What is still to be read of a message that lies elsewhere. */
struct pb {
	const char *p, *end;
};

struct pb_field {
	unsigned number;
	uint64_t v;    /* of a number */
	const char *s; /* n bytes, not ended by a NUL; NULL for a number */
	size_t n;
};

/* The next field: 1, the end: 0, what is no message: -1. */
int pb_next(struct pb *m, struct pb_field *ret);

/* A field that is a message. */
static inline struct pb pb_inside(const struct pb_field *f)
{
	return (struct pb){ f->s, f->s ? f->s + f->n : NULL };
}

#endif
