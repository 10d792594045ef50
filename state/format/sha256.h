/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), for names that must not be made to collide. Pure. */
#ifndef STATE_SHA256_H
#define STATE_SHA256_H

#include <stddef.h>

/* The digest of n bytes as 64 hexadecimal digits and a NUL. */
void sha256_hex(const void *data, size_t n, char ret[static 65]);

#endif
