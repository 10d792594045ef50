/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers on the wire: written and read without knowing what the fields are for. Pure. */
#include "state/protobuf.h"

#include <string.h>

/* The low three bits of a field's key. Groups (3 and 4) are no more in use. */
enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void add_varint(struct str *out, uint64_t v)
{
	char buf[10];
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		buf[n++] = (char)(v | 0x80);
	buf[n++] = (char)v;
	str_add_n(out, buf, n);
}

static void add_key(struct str *out, unsigned field, enum wire_type type)
{
	add_varint(out, (uint64_t)field << 3 | type);
}

void pb_add_int(struct str *out, unsigned field, int64_t v)
{
	add_key(out, field, WIRE_VARINT);
	add_varint(out, (uint64_t)v);
}

void pb_add_bool(struct str *out, unsigned field, bool v)
{
	pb_add_int(out, field, v);
}

static void add_bytes(struct str *out, unsigned field, const char *s, size_t n)
{
	add_key(out, field, WIRE_BYTES);
	add_varint(out, n);
	if (n)
		str_add_n(out, s, n);
}

void pb_add_string(struct str *out, unsigned field, const char *s)
{
	add_bytes(out, field, s, strlen(s));
}

void pb_add_message(struct str *out, unsigned field, const struct str *m)
{
	add_bytes(out, field, m->s, m->n);
}

static bool read_varint(struct pb *m, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; shift < 64 && m->p < m->end; shift += 7) {
		unsigned char c = (unsigned char)*m->p++;

		*ret |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

static bool take(struct pb *m, uint64_t n, struct pb_field *f)
{
	if (n > (uint64_t)(m->end - m->p))
		return false;
	f->s = m->p;
	f->n = (size_t)n;
	m->p += n;
	return true;
}

int pb_next(struct pb *m, struct pb_field *ret)
{
	uint64_t key, n;

	*ret = (struct pb_field){ 0 };
	if (m->p >= m->end)
		return 0;
	if (!read_varint(m, &key) || !(key >> 3) || key >> 3 > 0x1fffffff)
		return -1;
	ret->number = (unsigned)(key >> 3);
	switch (key & 7) {
	case WIRE_VARINT:
		return read_varint(m, &ret->v) ? 1 : -1;
	case WIRE_64:
		return take(m, 8, ret) ? 1 : -1;
	case WIRE_BYTES:
		return read_varint(m, &n) && take(m, n, ret) ? 1 : -1;
	case WIRE_32:
		return take(m, 4, ret) ? 1 : -1;
	default:
		return -1;
	}
}
