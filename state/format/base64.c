/* SPDX-License-Identifier: Apache-2.0 */
#include "state/format/base64.h"

#include <stdint.h>
#include <string.h>

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

bool base64_decode(const char *text, unsigned char *out, size_t *ret_n)
{
	size_t len = strlen(text), n = 0, pad = 0;

	if (len % 4)
		return false;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t bits = 0;
		size_t missing = i + 4 == len ? pad : 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < 4 - missing ? digit(text[i + k]) : 0;

			if (d < 0)
				return false;
			bits = bits << 6 | (uint32_t)d;
		}
		for (size_t k = 0; k < 3 - missing; k++)
			out[n++] = (unsigned char)(bits >> (16 - 8 * k));
		/* Bits that are lost must be zero: one text for one content. */
		if (missing && (bits & ((1U << (8 * missing)) - 1)))
			return false;
	}
	*ret_n = n;
	return true;
}
