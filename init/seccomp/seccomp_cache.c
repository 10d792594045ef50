/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of compiled filters: ROOT/.@seccomp. Runs in hull, with the rights of its user.
 *
 * A hit has to be cheap: four system calls, no parsing. What is read goes to the kernel as a
 * filter, so a file counts only if it is ours and nobody else could have written it; the sum is
 * against broken disks and half-written files, not against people.
 */
#include "init/seccomp/seccomp_cache.h"

#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Followed by the key and the instructions. In this machine's byte order: the key says which. */
struct header {
	char magic[8];
	uint64_t n_key;	  /* bytes */
	uint64_t n_insns; /* instructions */
	uint64_t sum;	  /* of the instructions */
};

static const char magic[8] = "hullbpf";

#define NAME_SIZE 32

/* --- keys --- */

static void append(struct cache_key *k, const void *data, size_t n)
{
	if (k->size - k->n < n) {
		k->size = 2 * (k->n + n) + 8192;
		k->data = xrealloc(k->data, k->size);
	}
	memcpy(k->data + k->n, data, n);
	k->n += n;
}

void cache_key_number(struct cache_key *k, uint64_t v)
{
	append(k, &v, sizeof(v));
}

void cache_key_string(struct cache_key *k, const char *s)
{
	append(k, s, strlen(s) + 1);
}

static void add_opt(struct cache_key *k, const struct opt_uint *v)
{
	cache_key_number(k, v->set);
	cache_key_number(k, v->v);
}

static void add_call(struct cache_key *k, const struct spec_syscall *call)
{
	cache_key_number(k, (uint64_t)call->action);
	add_opt(k, &call->errno_ret);
	cache_key_number(k, call->names.n);
	for (size_t i = 0; i < call->names.n; i++)
		cache_key_string(k, call->names.v[i]);
	cache_key_number(k, call->args.n);
	for (size_t i = 0; i < call->args.n; i++) {
		cache_key_number(k, call->args.v[i].index.v);
		cache_key_number(k, call->args.v[i].value.v);
		add_opt(k, &call->args.v[i].value_two);
		cache_key_number(k, (uint64_t)call->args.v[i].op);
	}
}

/* Flags and the listener are not in it: they do not change the program. */
void cache_key_profile(struct cache_key *k, const struct spec_seccomp *s)
{
	cache_key_number(k, (uint64_t)s->default_action);
	add_opt(k, &s->default_errno_ret);
	cache_key_number(k, s->architectures.n);
	for (size_t i = 0; i < s->architectures.n; i++)
		cache_key_number(k, (uint64_t)s->architectures.v[i]);
	cache_key_number(k, s->syscalls.n);
	for (size_t i = 0; i < s->syscalls.n; i++)
		add_call(k, &s->syscalls.v[i]);
}

/* Eight bytes at a time: a profile's key has some ten thousand. */
static uint64_t hash(const void *data, size_t n)
{
	const char *p = data;
	uint64_t h = n, w;

	for (size_t left = n, step; left; left -= step, p += step) {
		step = left < sizeof(w) ? left : sizeof(w);
		w = 0;
		memcpy(&w, p, step);
		h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

static const char *name_for(const struct cache_key *k, char buf[static NAME_SIZE])
{
	snprintf(buf, NAME_SIZE, "%016" PRIx64, hash(k->data, k->n));
	return buf;
}

/* --- reading --- */

/* The number of instructions in the file, or 0. */
static size_t check_file(int fd, const struct cache_key *k)
{
	const size_t before = sizeof(struct header) + k->n;
	struct stat st;
	size_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 077 || st.st_size <= (off_t)before)
		return 0;
	n = ((size_t)st.st_size - before) / sizeof(struct sock_filter);
	if (n > BPF_MAXINSNS || before + n * sizeof(struct sock_filter) != (size_t)st.st_size)
		return 0;
	return n;
}

const struct sock_fprog *cache_read(int dir_fd, const struct cache_key *k, struct arena *a)
{
	char name[NAME_SIZE];
	auto_close int fd =
		openat(dir_fd, name_for(k, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	size_t n = fd < 0 ? 0 : check_file(fd, k);
	size_t bytes = n * sizeof(struct sock_filter);
	auto_free char *key = NULL;
	struct sock_fprog *prog;
	struct header h;
	struct iovec iov[3];

	if (!n)
		return NULL;
	key = xmalloc(k->n);
	prog = arena_zalloc(a, sizeof(*prog));
	prog->len = (unsigned short)n;
	prog->filter = arena_zalloc(a, bytes);
	iov[0] = (struct iovec){ &h, sizeof(h) };
	iov[1] = (struct iovec){ key, k->n };
	iov[2] = (struct iovec){ prog->filter, bytes };
	if (readv(fd, iov, 3) != (ssize_t)(sizeof(h) + k->n + bytes) ||
	    memcmp(h.magic, magic, sizeof(magic)) || h.n_key != k->n || h.n_insns != n ||
	    memcmp(key, k->data, k->n) || h.sum != hash(prog->filter, bytes))
		return NULL;
	return prog;
}

/* --- writing --- */

/* Returns how many files there are, and the name of the oldest. */
static size_t find_oldest(int dir_fd, char oldest[static NAME_MAX + 1])
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct timespec t = { 0 };
	struct dirent *d;
	struct stat st;
	size_t n = 0;

	if (!dir) {
		cleanup_close(&fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!n++ || st.st_mtim.tv_sec < t.tv_sec ||
		    (st.st_mtim.tv_sec == t.tv_sec && st.st_mtim.tv_nsec < t.tv_nsec)) {
			t = st.st_mtim;
			snprintf(oldest, NAME_MAX + 1, "%s", d->d_name);
		}
	}
	closedir(dir);
	return n;
}

void cache_write(int dir_fd, const struct cache_key *k, const struct sock_fprog *prog)
{
	const size_t bytes = prog->len * sizeof(struct sock_filter);
	struct header h = { .n_key = k->n, .n_insns = prog->len, .sum = hash(prog->filter, bytes) };
	const size_t n = sizeof(h) + k->n + bytes;
	auto_free char *data = xmalloc(n);
	char name[NAME_SIZE], oldest[NAME_MAX + 1];
	struct err e = { 0 };

	memcpy(h.magic, magic, sizeof(magic));
	memcpy(data, &h, sizeof(h));
	memcpy(data + sizeof(h), k->data, k->n);
	memcpy(data + sizeof(h) + k->n, prog->filter, bytes);
	if (fd_write_atomic(dir_fd, name_for(k, name), data, n, 0600, &e) < 0) {
		log_debug("seccomp cache: %s", e.chain);
		return;
	}
	while (find_oldest(dir_fd, oldest) > SECCOMP_CACHE_MAX) {
		if (unlinkat(dir_fd, oldest, 0) < 0 && errno != ENOENT)
			return;
	}
}
