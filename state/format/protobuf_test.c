/* SPDX-License-Identifier: Apache-2.0 */
#include "state/format/protobuf.h"
#include "state/base/tap.h"

#include <string.h>

static bool holds(const struct str *s, const char *want, size_t n)
{
	return s->n == n && !memcmp(s->s, want, n);
}
#define HOLDS(s, want) holds(s, want, sizeof(want) - 1)

/* The examples of protobuf.dev, "Encoding", and the edges. */
static void writes(void)
{
	auto_str struct str a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };

	pb_add_int(&a, 1, 150);
	ok(HOLDS(&a, "\x08\x96\x01"), "a number");
	pb_add_string(&b, 2, "testing");
	pb_add_string(&b, 16, "");
	ok(HOLDS(&b, "\x12\x07testing\x82\x01\x00"),
	   "strings, an empty one and a number of two bytes");
	pb_add_message(&c, 3, &a);
	pb_add_bool(&c, 4, true);
	pb_add_bool(&c, 5, false);
	ok(HOLDS(&c, "\x1a\x03\x08\x96\x01\x20\x01\x28\x00"), "a message inside, and booleans");
	pb_add_int(&d, 1, -1);
	ok(HOLDS(&d, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	   "a negative number has ten bytes");
}

static void reads(void)
{
	static const char text[] =
		"\x08\x96\x01\x12\x07testing\x0d\1\2\3\4\x11\1\2\3\4\5\6\7\x08\x1a\x00";
	struct pb m = { text, text + sizeof(text) - 1 }, inside;
	struct pb_field f;

	ok(pb_next(&m, &f) == 1 && f.number == 1 && f.v == 150 && !f.s, "a number");
	ok(pb_next(&m, &f) == 1 && f.number == 2 && f.n == 7 && !memcmp(f.s, "testing", 7),
	   "a string");
	ok(pb_next(&m, &f) == 1 && f.number == 1 && f.n == 4, "four bytes are passed over");
	ok(pb_next(&m, &f) == 1 && f.number == 2 && f.n == 8, "eight, too");
	ok(pb_next(&m, &f) == 1 && f.number == 3 && f.n == 0, "an empty message");
	inside = pb_inside(&f);
	ok(pb_next(&inside, &f) == 0 && pb_next(&m, &f) == 0 && pb_next(&m, &f) == 0, "the end");
}

static void refuses(const char *text, size_t n, const char *why)
{
	struct pb m = { text, text + n };
	struct pb_field f;
	int r;

	while ((r = pb_next(&m, &f)) == 1)
		;
	ok(r == -1, "%s is refused", why);
}
#define REFUSES(text, why) refuses(text, sizeof(text) - 1, why)

struct inner {
	uint64_t n;
};
struct outer {
	uint64_t n;
	bool b;
	double d;
	struct pb_bytes s;
	struct inner in;
	struct pb each;
};
static const struct pb_row inner_rows[] = { PB_ROW(inner, n, 1, PB_NUMBER),
					    { 0, PB_NUMBER, 0, NULL } };
static const struct pb_row outer_rows[] = {
	PB_ROW(outer, n, 1, PB_NUMBER),
	PB_ROW(outer, b, 2, PB_BOOL),
	PB_ROW(outer, d, 3, PB_DOUBLE),
	PB_ROW(outer, s, 4, PB_STRING),
	PB_INNER_ROW(outer, in, 5, inner_rows),
	PB_ROW(outer, each, 6, PB_EACH),
	{ 0, PB_NUMBER, 0, NULL },
};

static bool read_text(const char *text, size_t n, struct outer *o)
{
	*o = (struct outer){ 0 };
	return pb_read((struct pb_bytes){ text, n }, outer_rows, o);
}
#define READ(text, o) read_text(text, sizeof(text) - 1, o)

static void tables(void)
{
	auto_str struct str out = { 0 }, list = { 0 };
	struct outer o = { .n = 300, .b = true, .d = 0.5, .s = pb_text("hi"), .in = { 7 } };
	struct outer back = { 0 };
	struct pb_bytes one;

	pb_add_string(&list, 6, "a");
	pb_add_string(&list, 6, "bc");
	o.each = pb_of(&list);
	pb_write(&out, outer_rows, &o);
	ok(pb_read((struct pb_bytes){ out.s, out.n }, outer_rows, &back) && back.n == 300 &&
		   back.b && back.d == 0.5 && pb_is(back.s, "hi") && back.in.n == 7,
	   "what a table has written it reads");
	ok(pb_each(&back.each, 6, &one) && pb_is(one, "a") && pb_each(&back.each, 6, &one) &&
		   pb_is(one, "bc") && !pb_each(&back.each, 6, &one),
	   "a repeated field, in turn");
	str_done(&out);
	pb_write(&out, outer_rows, &(struct outer){ 0 });
	ok(out.n == 0, "what is zero is not written");
	ok(READ("\x08\x01\x08\x02", &o) && o.n == 2,
	   "of a field that is there twice the last counts");
	ok(READ("\x7a\x01x\x08\x05", &o) && o.n == 5, "unknown fields are passed over");
	ok(!READ("\x0a\x01x", &o), "a string for a number is refused");
	ok(!READ("\x20\x01", &o), "a number for a string is refused");
	ok(!READ("\x22\x02x\0", &o), "a string with a NUL is refused");
	ok(!READ("\x2a\x02\x08\x80", &o), "a message inside that is cut is refused");
	ok(!READ("\x1d\1\2\3\4", &o), "four bytes for a double are refused");
}

int main(void)
{
	struct pb none = pb_inside(&(struct pb_field){ .number = 1, .v = 7 });
	struct pb_field f;

	writes();
	reads();
	tables();
	ok(pb_next(&none, &f) == 0, "a number has nothing inside");
	REFUSES("\x08", "a number that is cut");
	REFUSES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "a number of eleven bytes");
	REFUSES("\x12\x07test", "a string that is cut");
	REFUSES("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"a string longer than all there is");
	REFUSES("\x0d\1\2\3", "four bytes that are three");
	REFUSES("\x00\x01", "field 0");
	REFUSES("\x0b", "a group");
	return done_testing();
}
