/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers on the wire: written and read without knowing what the fields are for. Pure. */
#include "state/format/protobuf.h"

#include "state/base/mem.h"

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

/* --- By tables -------------------------------------------------------------------------------- */

static bool read_double(const struct pb_field *f, double *ret)
{
	uint64_t bits = 0;

	if (!f->s || f->n != sizeof(bits))
		return false;
	for (int i = 7; i >= 0; i--)
		bits = bits << 8 | (unsigned char)f->s[i];
	memcpy(ret, &bits, sizeof(bits));
	return true;
}

static bool read_member(const struct pb_field *f, const struct pb_row *row, char *dst)
{
	struct pb_bytes b = { f->s, f->n };
	void *m = dst + row->offset;

	switch (row->kind) {
	case PB_NUMBER:
		*(uint64_t *)m = f->v;
		return !f->s;
	case PB_BOOL:
		*(bool *)m = f->v;
		return !f->s;
	case PB_DOUBLE:
		return read_double(f, m);
	case PB_STRING:
	case PB_BYTES:
		*(struct pb_bytes *)m = b;
		return f->s && (row->kind == PB_BYTES || !f->n || !memchr(f->s, 0, f->n));
	case PB_INNER:
		return f->s && pb_read(b, row->rows, m);
	case PB_EACH:
		return f->s;
	}
	return false;
}

bool pb_read(struct pb_bytes message, const struct pb_row *rows, void *dst)
{
	struct pb m = { message.s, message.s ? message.s + message.n : NULL };
	struct pb_field f;
	int got;

	for (const struct pb_row *row = rows; row->number; row++) {
		if (row->kind == PB_EACH)
			*(struct pb *)((char *)dst + row->offset) = m;
	}
	while ((got = pb_next(&m, &f)) == 1) {
		const struct pb_row *row = rows;

		while (row->number && row->number != f.number)
			row++;
		if (row->number && !read_member(&f, row, dst))
			return false;
	}
	return got == 0;
}

bool pb_each(struct pb *m, unsigned number, struct pb_bytes *ret)
{
	struct pb_field f;

	while (pb_next(m, &f) == 1) {
		if (f.number != number || !f.s)
			continue;
		*ret = (struct pb_bytes){ f.s, f.n };
		return true;
	}
	return false;
}

static void add_double(struct str *out, unsigned field, double v)
{
	char buf[8];
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	for (int i = 0; i < 8; i++)
		buf[i] = (char)(bits >> 8 * i);
	add_key(out, field, WIRE_64);
	str_add_n(out, buf, sizeof(buf));
}

static void write_inner(struct str *out, const struct pb_row *row, const void *src)
{
	auto_str struct str inner = { 0 };

	pb_write(&inner, row->rows, src);
	if (inner.n)
		pb_add_message(out, row->number, &inner);
}

void pb_write(struct str *out, const struct pb_row *rows, const void *src)
{
	for (const struct pb_row *row = rows; row->number; row++) {
		const void *m = (const char *)src + row->offset;
		const struct pb_bytes *b = m;
		const struct pb *each = m;

		switch (row->kind) {
		case PB_NUMBER:
			if (*(const uint64_t *)m)
				pb_add_int(out, row->number, (int64_t) * (const uint64_t *)m);
			break;
		case PB_BOOL:
			if (*(const bool *)m)
				pb_add_bool(out, row->number, true);
			break;
		case PB_DOUBLE:
			if (*(const double *)m != 0)
				add_double(out, row->number, *(const double *)m);
			break;
		case PB_STRING:
		case PB_BYTES:
			if (b->n)
				add_bytes(out, row->number, b->s, b->n);
			break;
		case PB_INNER:
			write_inner(out, row, m);
			break;
		case PB_EACH:
			if (each->p < each->end)
				str_add_n(out, each->p, (size_t)(each->end - each->p));
			break;
		}
	}
}

bool pb_is(struct pb_bytes b, const char *s)
{
	return strlen(s) == b.n && !memcmp(s, b.n ? b.s : "", b.n);
}

char *pb_dup(struct pb_bytes b)
{
	return xstrndup(b.n ? b.s : "", b.n);
}
