/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the strict JSON reader: what it takes, what it refuses and with which sentence. */
#include "state/format/json.h"

#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/tap.h"

#include <stdlib.h>

static void good(const char *text)
{
	struct json j auto_json = { 0 };
	struct err e = { 0 };

	if (!ok(json_read(text, strlen(text), &j, &e) == 0, "takes %s", text))
		note("%s", e.chain);
}

static void bad(const char *text, size_t len, const char *wanted)
{
	struct json j auto_json = { 0 };
	struct err e = { 0 };
	char *copy =
		memcpy(xmalloc(len), text, len); /* of the exact size: ASan sees an over-read */

	ok(json_read(copy, len, &j, &e) < 0 && !j.root, "refuses %s", text);
	is(e.chain, wanted, "... and says why");
	free(copy);
}
#define BAD(text, wanted) bad(text, sizeof(text) - 1, wanted)

static void test_syntax(void)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		" [ ] ",
		"0",
		"-0",
		"1.5e+3",
		"1E-2",
		"\"\"",
		"true",
		"false",
		"null",
		"\t[1,\n2]\r\n",
		"{\"\":{\"\":0}}",
		"[[[]],{}]",
		"\"\\u0041\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
		"\"\x7f\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		good(texts[i]);
	BAD("", "line 1, column 1: expected a value, found the end of the text");
	BAD(" \n ", "line 2, column 2: expected a value, found the end of the text");
	BAD("{\"a\" 1}", "line 1, column 6: expected ':', found '1'");
	BAD("{a:1}", "line 1, column 2: expected a property's name in quotes, found 'a'");
	BAD("{\"a\":1,}", "line 1, column 8: expected a property's name in quotes, found '}'");
	BAD("[1,]", "line 1, column 4: expected a value, found ']'");
	BAD("[1 2]", "line 1, column 4: expected ',' or ']', found '2'");
	BAD("{\"a\":1", "line 1, column 7: expected ',' or '}', found the end of the text");
	BAD("{}x", "line 1, column 3: expected nothing more, found 'x'");
	BAD("{}\0", "line 1, column 3: expected nothing more, found the byte 0x00");
	BAD("\xef\xbb\xbf{}", "line 1, column 1: expected a value, found the byte 0xef");
	BAD("nul", "line 1, column 1: expected a value, found 'n'");
	BAD("'a'", "line 1, column 1: expected a value, found '''");
	BAD("[\"\xc3\xa9\",x]", "line 1, column 6: expected a value, found 'x'");
	BAD("/* */ {}", "line 1, column 1: expected a value, found '/'");
}

static void test_numbers(void)
{
	struct json j auto_json = { 0 };
	struct err e = { 0 };
	const char *text = "[18446744073709551615,-12,123456789,9007199254740993]";

	BAD("01", "line 1, column 2: expected nothing more, found '1'");
	BAD("-", "line 1, column 2: expected a digit, found the end of the text");
	BAD("+1", "line 1, column 1: expected a value, found '+'");
	BAD("1.", "line 1, column 3: expected a digit after the point, found the end of the text");
	BAD(".5", "line 1, column 1: expected a value, found '.'");
	BAD("1e", "line 1, column 3: expected a digit in the exponent, found the end of the text");
	BAD("0x10", "line 1, column 2: expected nothing more, found 'x'");
	BAD("NaN", "line 1, column 1: expected a value, found 'N'");
	if (!ok(json_read(text, strlen(text), &j, &e) == 0, "reads numbers"))
		return;
	is(cJSON_GetArrayItem(j.root, 0)->valuestring, "18446744073709551615", "2^64-1 is exact");
	ok(cJSON_GetArrayItem(j.root, 1)->valueint == -12, "valueint of a small number");
	ok(cJSON_GetArrayItem(j.root, 2)->valuedouble == 123456789,
	   "valuedouble of a small number");
	is(cJSON_GetArrayItem(j.root, 3)->valuestring, "9007199254740993", "2^53+1 is exact");
	ok(j.root->child->prev == cJSON_GetArrayItem(j.root, 3),
	   "the first child's prev is the last, as cJSON has it");
}

static void test_strings(void)
{
	struct json j auto_json = { 0 };
	struct err e = { 0 };
	const char *text = "{\"k\\u00e9y\":\"\\ud83d\\ude00\\u20ac\\u00e9a\\n\"}";

	BAD("\"a\\u0000b\"", "line 1, column 9: \\u0000 is not allowed");
	BAD("\"a\nb\"", "line 1, column 3: control character in a string");
	BAD("[\n\"abc", "line 2, column 1: the string that begins here does not end");
	BAD("\"\\",
	    "line 1, column 3: expected an escape (one of \"\\/bfnrtu), found the end of the text");
	BAD("\"\\x\"", "line 1, column 3: expected an escape (one of \"\\/bfnrtu), found 'x'");
	BAD("\"\\u12\"", "line 1, column 6: expected four hexadecimal digits, found '\"'");
	BAD("\"\\ud800\"", "line 1, column 8: unpaired surrogate");
	BAD("\"\\udc00\"", "line 1, column 8: unpaired surrogate");
	BAD("\"\\ud800\\u0041\"", "line 1, column 14: unpaired surrogate");
	BAD("\"\xc0\x80\"", "line 1, column 2: invalid UTF-8");
	BAD("\"\xed\xa0\x80\"", "line 1, column 2: invalid UTF-8");
	BAD("\"\xe0\x80\x80\"", "line 1, column 2: invalid UTF-8");
	BAD("\"\xf4\x90\x80\x80\"", "line 1, column 2: invalid UTF-8");
	BAD("\"\xf0\x80\x80\x80\"", "line 1, column 2: invalid UTF-8");
	BAD("\"\xe2\x82", "line 1, column 2: invalid UTF-8");
	BAD("\"\x80\"", "line 1, column 2: invalid UTF-8");
	if (!ok(json_read(text, strlen(text), &j, &e) == 0, "reads escapes"))
		return;
	is(j.root->child->string, "k\xc3\xa9y", "an escape in a key");
	is(j.root->child->valuestring,
	   "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9"
	   "a\n",
	   "escapes of one to four bytes");
}

/* {"k0":0,...,"kN-1":0} and then more */
static char *object(size_t n, const char *more)
{
	struct str b = { 0 };

	for (size_t i = 0; i < n; i++)
		str_addf(&b, "%s\"k%zu\":0", i ? "," : "{", i);
	str_add(&b, more);
	return b.s;
}

static void test_objects(void)
{
	static const size_t counts[] = { 1, 31, 32, 33, 64, 65, 1000, 9999 };
	struct err e = { 0 };

	BAD("{\"a\":1,\"b\":2,\"a\":3}", "line 1, column 14: duplicate property \"a\"");
	BAD("{\"a\":{\"a\":1,\"\\u0061\":2}}", "line 1, column 13: duplicate property \"a\"");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		auto_free char *once = object(counts[i], "}"),
			       *first = object(counts[i], ",\"k0\":0}");
		struct json j auto_json = { 0 }, j2 auto_json = { 0 };

		ok(json_read(once, strlen(once), &j, &e) == 0, "takes %zu properties", counts[i]);
		ok((size_t)cJSON_GetArraySize(j.root) == counts[i], "... and keeps them");
		ok(json_read(first, strlen(first), &j2, &e) < 0 &&
			   strstr(e.chain, "duplicate property \"k0\""),
		   "... and sees one more that was there");
	}
}

/* The room for values is counted before they are read: wherever a text begins and ends, and what its strings hold. */
static void test_room(void)
{
	static const char *const parts[] = { "0",	  "[]", "{}", "[[0]]", "{\"a\":[0,{}]}",
					     "\",,[[{{\"" };
	struct err e = { 0 };
	int taken = 0, all = 0;

	for (size_t blanks = 0; blanks < 9; blanks++) {
		for (size_t n = 1; n < 40; n++) {
			auto_str struct str text = { 0 };
			struct json j auto_json = { 0 };

			str_add_n(&text, "         ", blanks);
			for (size_t i = 0; i < n; i++) {
				str_add(&text, i ? "," : "[");
				str_add(&text, parts[(i + n) % ARRAY_SIZE(parts)]);
			}
			str_add(&text, "]");
			taken += json_read(text.s, text.n, &j, &e) == 0 &&
				 cJSON_GetArraySize(j.root) == (int)n;
			all++;
		}
	}
	ok(taken == all, "%d of %d arrays are taken", taken, all);
}

static void test_limits(void)
{
	auto_free char *much = object(JSON_MEMBERS_MAX, "}"),
		       *too_much = object(JSON_MEMBERS_MAX + 1, "}");
	auto_free char *deep = xzalloc(4 * JSON_DEPTH_MAX), *large = xzalloc(JSON_FILE_MAX + 1);
	struct json j auto_json = { 0 };
	struct err e = { 0 };

	ok(json_read(much, strlen(much), &j, &e) == 0, "takes %d properties", JSON_MEMBERS_MAX);
	json_done(&j);
	ok(json_read(too_much, strlen(too_much), &j, &e) < 0 &&
		   strstr(e.chain, "too many properties"),
	   "and no more");
	memset(deep, '[', JSON_DEPTH_MAX);
	memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	ok(json_read(deep, strlen(deep), &j, &e) == 0, "takes %d levels", JSON_DEPTH_MAX);
	json_done(&j);
	memset(deep, '[', JSON_DEPTH_MAX + 1);
	ok(json_read(deep, strlen(deep), &j, &e) < 0 && strstr(e.chain, "nested too deeply"),
	   "and no more");
	memset(large, ' ', JSON_FILE_MAX + 1);
	large[0] = '0';
	ok(json_read(large, JSON_FILE_MAX, &j, &e) == 0, "takes 4 MiB");
	json_done(&j);
	ok(json_read(large, JSON_FILE_MAX + 1, &j, &e) < 0, "and no more");
	is(e.chain, "is larger than 4194304 bytes", "... and says so");
}

int main(void)
{
	test_syntax();
	test_numbers();
	test_strings();
	test_objects();
	test_room();
	test_limits();
	return done_testing();
}
