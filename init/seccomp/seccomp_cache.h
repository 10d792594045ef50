/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled filters in a directory. A file is found by the hash of its key and taken only when the
 * whole key is the same, so what it holds is what compiling would give. Nothing here fails: a file
 * that is not as it should be is one that is not there.
 */
#ifndef INIT_SECCOMP_CACHE_H
#define INIT_SECCOMP_CACHE_H

#include "state/spec/spec.h"

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define SECCOMP_CACHE_MAX 64 /* files in the directory */

/* All that a compiled filter depends on, in one piece. */
struct cache_key {
	char *data; /* the caller frees it */
	size_t n, size;
};

void cache_key_number(struct cache_key *k, uint64_t v);
void cache_key_string(struct cache_key *k, const char *s);
void cache_key_profile(struct cache_key *k, const struct spec_seccomp *s);

/* NULL: not there. */
const struct sock_fprog *cache_read(int dir_fd, const struct cache_key *k, struct arena *a);
/* Removes the oldest file when there are too many. */
void cache_write(int dir_fd, const struct cache_key *k, const struct sock_fprog *prog);

#endif
