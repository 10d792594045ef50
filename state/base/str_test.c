/* SPDX-License-Identifier: Apache-2.0 */
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/tap.h"

#include <stdlib.h>
#include <string.h>

static void cleans(const char *path, const char *want)
{
	auto_free char *got = path_clean(path);

	ok(!strcmp(got, want), "clean %s is %s, expected %s", path, got, want);
}

static void joins(const char *dir, const char *name, const char *want)
{
	auto_free char *got = path_join(dir, name);

	ok(!strcmp(got, want), "%s and %s is %s, expected %s", dir, name, got, want);
}

static void prints(const char *text, const char *want)
{
	auto_str struct str s = { 0 };

	str_add_json(&s, text);
	ok(!strcmp(s.s, want), "JSON %s", s.s);
}

static void numbers(void)
{
	uint64_t u = 7;
	int64_t i = 7;

	ok(str_to_u64("18446744073709551615", &u) && u == UINT64_MAX, "the largest number");
	ok(!str_to_u64("18446744073709551616", &u) && u == UINT64_MAX,
	   "one more is refused and nothing written");
	ok(!str_to_u64("", &u) && !str_to_u64("-1", &u) && !str_to_u64(" 1", &u) &&
		   !str_to_u64("1 ", &u) && !str_to_u64("0x1", &u) && !str_to_u64("+1", &u),
	   "what is no plain number is refused");
	ok(str_to_i64("-9223372036854775808", &i) && i == INT64_MIN, "the smallest number");
	ok(!str_to_i64("-9223372036854775809", &i) && !str_to_i64("9223372036854775808", &i),
	   "out of range");
	ok(str_to_i64("-0", &i) && i == 0, "minus zero");
}

static void adds(int64_t v, const char *want)
{
	auto_str struct str s = { 0 };

	str_add_i64(&s, v);
	is(s.s, want, "a number as text");
}

static void texts(void)
{
	auto_str struct str s = { 0 };

	adds(0, "0");
	adds(-1, "-1");
	adds(INT64_MAX, "9223372036854775807");
	adds(INT64_MIN, "-9223372036854775808");
	str_add_u64(&s, UINT64_MAX);
	str_add_u64(&s, 10);
	is(s.s, "1844674407370955161510", "the largest number, and another behind it");
	ok(str_equal("", "") && str_equal("ab", "ab") && !str_equal("ab", "ac") &&
		   !str_equal("", "a") && !str_equal("a", ""),
	   "what is equal");
}

static void mount_points(void)
{
	char line[] = "28 1 0:25 / /a\\040b/c\\134 rw,nosuid shared:4 - tmpfs tmpfs rw",
	     bad[] = "28 1 0:25 /";
	const char *path = path_of_mount(line);

	ok(path && !strcmp(path, "/a b/c\\"), "a mount point with a blank and a backslash");
	ok(!path_of_mount(bad), "a line without a mount point");
}

int main(void)
{
	cleans("/", "/");
	cleans("", ".");
	cleans("//a//b/./c/", "/a/b/c");
	cleans("/../..", "/");
	cleans("/a/../../b", "/b");
	cleans("a/../..", "..");
	cleans("../../a/..", "../..");
	cleans("./a", "a");
	cleans("/a/b/..", "/a");
	ok(path_is_below("/a/b", "/a") && path_is_below("/a", "/a") && path_is_below("/a", "/") &&
		   !path_is_below("/ab", "/a") && !path_is_below("/", "/a"),
	   "at or below a directory");
	cleans("/a..b/...", "/a..b/...");
	joins("/bundle", "rootfs", "/bundle/rootfs");
	joins("/bundle", "/else/where/", "/else/where");
	joins("/bundle", "../x", "/x");
	joins("/", "proc", "/proc");
	prints("plain", "\"plain\"");
	prints("", "\"\"");
	prints("\x7f\x80"
	       "a\xc3\xa4",
	       "\"\\u007f\xef\xbf\xbd"
	       "a\xc3\xa4\"");
	prints("a\"b\\c\n\x01", "\"a\\\"b\\\\c\\n\\u0001\"");
	prints("\xc3\xa4\xff", "\"\xc3\xa4\xef\xbf\xbd\"");
	numbers();
	texts();
	mount_points();
	return done_testing();
}
