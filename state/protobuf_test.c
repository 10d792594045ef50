/* SPDX-License-Identifier: Apache-2.0 */
#include "state/protobuf.h"
#include "state/tap.h"

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

int main(void)
{
	struct pb none = pb_inside(&(struct pb_field){ .number = 1, .v = 7 });
	struct pb_field f;

	writes();
	reads();
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
