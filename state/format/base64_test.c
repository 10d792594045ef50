/* SPDX-License-Identifier: Apache-2.0 */
#include "state/format/base64.h"
#include "state/base/tap.h"

#include <string.h>

static void is_text(const char *text, const char *want)
{
	unsigned char out[64];
	size_t n = 0;

	ok(base64_decode(text, out, &n) && n == strlen(want) && !memcmp(out, want, n),
	   "\"%s\" is \"%s\"", text, want);
}

static void refuses(const char *text, const char *why)
{
	unsigned char out[64];
	size_t n = 0;

	ok(!base64_decode(text, out, &n), "%s: \"%s\"", why, text);
}

int main(void)
{
	static const unsigned char all[] = { 0xfb, 0xff, 0xbe, 0x00 };
	unsigned char out[8];
	size_t n;

	/* The vectors of RFC 4648, section 10 */
	is_text("", "");
	is_text("Zg==", "f");
	is_text("Zm8=", "fo");
	is_text("Zm9v", "foo");
	is_text("Zm9vYg==", "foob");
	is_text("Zm9vYmE=", "fooba");
	is_text("Zm9vYmFy", "foobar");
	ok(base64_decode("+/++AA==", out, &n) && n == sizeof(all) && !memcmp(out, all, n),
	   "all digits");
	refuses("Zg=", "a length that is no multiple of four");
	refuses("Zg", "no padding");
	refuses("Z===", "too much padding");
	refuses("====", "padding alone");
	refuses("Zg==Zg==", "padding in the middle");
	refuses("Zm9\n", "a line end");
	refuses("Zm-_", "the other alphabet");
	refuses("Zh==", "bits that are lost");
	return done_testing();
}
