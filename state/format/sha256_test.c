/* SPDX-License-Identifier: Apache-2.0 */
#include "state/format/sha256.h"
#include "state/base/tap.h"

#include <string.h>

static void hashes(const char *text, const char *digest, const char *what)
{
	char hex[65];

	sha256_hex(text, strlen(text), hex);
	ok(!strcmp(hex, digest), "%s: %s", what, hex);
}

/* The examples of FIPS 180-4, and lengths at the edges of a block. */
int main(void)
{
	char million[1001], hex[65];

	hashes("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	       "one block");
	hashes("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "nothing");
	hashes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "56 bytes");
	memset(million, 'a', sizeof(million));
	sha256_hex(million, 64, hex);
	ok(!strcmp(hex, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
	   "64 bytes");
	sha256_hex(million, 55, hex);
	ok(!strcmp(hex, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
	   "55 bytes");
	return done_testing();
}
