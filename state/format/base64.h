/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 with padding, RFC 4648 section 4. */
#ifndef STATE_BASE64_H
#define STATE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The bytes of text into out, which has room for 3 of every 4 characters; *ret_n: how many. False
 * when it is not base64: another character, a length that is no multiple of 4, padding elsewhere.
 */
bool base64_decode(const char *text, unsigned char *out, size_t *ret_n);

#endif
