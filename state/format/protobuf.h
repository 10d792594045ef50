/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of Protocol Buffers (protobuf.dev, "Encoding"), as much of it as CRIU's RPC and
 * containerd's shim protocol need: a message is a row of fields, each a number or a run of bytes,
 * which may be a message itself. A message that is known is read into a struct, and written from
 * one, by a table of its fields; nothing is allocated for what is read. Pure.
 */
#ifndef STATE_PROTOBUF_H
#define STATE_PROTOBUF_H

#include "state/base/str.h"

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

/* A run of bytes of somebody else's, not ended by a NUL. */
struct pb_bytes {
	const char *s;
	size_t n;
};

/* What a member of a struct is. */
enum pb_kind {
	PB_NUMBER, /* uint64_t: int32, int64, uint32, uint64, an enum */
	PB_BOOL,   /* bool */
	PB_DOUBLE, /* double */
	PB_STRING, /* struct pb_bytes; a string with a NUL in it is no message */
	PB_BYTES,  /* struct pb_bytes: bytes, or a message left for later */
	PB_INNER,  /* a struct with rows of its own, in place */
	PB_EACH, /* repeated, struct pb: read, the message that it is in, for pb_each(); written, a
		      whole run of fields that was made before */
};

struct pb_row {
	unsigned number; /* of the field; the last row has 0 */
	enum pb_kind kind;
	size_t offset;
	const struct pb_row *rows; /* PB_INNER */
};
#define PB_ROW(S, m, number, kind)                        \
	{                                                 \
		number, kind, offsetof(struct S, m), NULL \
	}
#define PB_INNER_ROW(S, m, number, more)                      \
	{                                                     \
		number, PB_INNER, offsetof(struct S, m), more \
	}

/*
 * Fill the members of dst that are there; the others stay as they are, unknown fields are passed
 * over, of a field that is there twice the last counts. False for what is no message, or a field
 * of another wire type than its row's.
 */
bool pb_read(struct pb_bytes message, const struct pb_row *rows, void *dst);
/* Add the members of src to the message in out; what is zero or empty is left out (proto3). */
void pb_write(struct str *out, const struct pb_row *rows, const void *src);
/* The next field of this number in a PB_EACH. */
bool pb_each(struct pb *m, unsigned number, struct pb_bytes *ret);
/* The fields written in s, for a PB_EACH. */
static inline struct pb pb_of(const struct str *s)
{
	return (struct pb){ s->s, s->s ? s->s + s->n : NULL };
}

static inline struct pb_bytes pb_text(const char *s)
{
	return (struct pb_bytes){ s, s ? __builtin_strlen(s) : 0 };
}
bool pb_is(struct pb_bytes b, const char *s);
/* With a NUL at the end; the caller frees it. */
char *pb_dup(struct pb_bytes b);

#endif
