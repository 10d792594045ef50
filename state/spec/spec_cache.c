/* SPDX-License-Identifier: Apache-2.0 */
#include "state/spec/spec_cache.h"

#include "state/base/fd.h"
#include "state/base/sys.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC 0x6863656c6c7568ULL /* "hullech" */

struct header {
	uint64_t magic;
	unsigned char build[24]; /* the binary: layouts and the addresses of its constants */
	uint64_t here;		 /* where one of them is: another one in every PIE process */
	uint64_t from, n, spec;	 /* addresses, and bytes that follow */
	uint64_t text[4];	 /* inode, size and time of last change of the text */
	uint64_t sum;
};

/* The linker's hash over the whole binary (ld(1), --build-id). False when it was left out. */
static bool read_build_id(unsigned char ret[24])
{
	const ElfW(Phdr) *ph = (const void *)(uintptr_t)getauxval(AT_PHDR);
	size_t n = getauxval(AT_PHNUM);
	uintptr_t base = 0; /* of a PIE */
	const char *p, *end;
	ElfW(Nhdr) h;

	for (; ph && n; n--, ph++) {
		if (ph->p_type == PT_PHDR) /* comes first if it is there (elf(5)) */
			base = (uintptr_t)ph - ph->p_vaddr;
		if (ph->p_type != PT_NOTE)
			continue;
		p = (const char *)(base + ph->p_vaddr);
		for (end = p + ph->p_memsz; (size_t)(end - p) >= sizeof(h);
		     p += sizeof(h) + ((h.n_namesz + 3) & ~3u) + ((h.n_descsz + 3) & ~3u)) {
			memcpy(&h, p, sizeof(h));
			if (h.n_type != NT_GNU_BUILD_ID || h.n_namesz != 4 || h.n_descsz > 24)
				continue;
			memset(ret, 0, 24);
			memcpy(ret, p + sizeof(h) + 4, h.n_descsz);
			return true;
		}
	}
	return false;
}

/* FNV-1a by words: against a torn or rotten file, not against who may write in our directory. */
static uint64_t sum(uint64_t spec, const char *p, size_t n)
{
	uint64_t h = (0xcbf29ce484222325ULL ^ spec) * 0x100000001b3ULL, word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0x100000001b3ULL;
		h ^= h >> 29;
	}
	for (; n; n--)
		h = (h ^ (unsigned char)*p++) * 0x100000001b3ULL;
	return h;
}

static bool make_header(const struct stat *text, const char *from, size_t n, const struct spec *s,
			struct header *ret)
{
	*ret = (struct header){ .magic = MAGIC,
				.here = (uintptr_t)read_build_id,
				.from = (uintptr_t)from,
				.n = n,
				.spec = (uintptr_t)s,
				.text = { text->st_ino, (uint64_t)text->st_size,
					  (uint64_t)text->st_mtim.tv_sec,
					  (uint64_t)text->st_mtim.tv_nsec } };
	return read_build_id(ret->build);
}

void spec_cache_write(int dir_fd, const char *file, int text_fd, const struct arena *a,
		      const char *from, const struct spec *s)
{
	auto_close int fd = -1;
	size_t n = (size_t)(a->p - from);
	struct header h;
	struct iovec v[] = { { &h, sizeof(h) }, { (char *)(uintptr_t)from, n } };
	struct stat st;

	/* One that began in the arena's first part and had no room there is in two. */
	if (from < a->base || fstat(text_fd, &st) < 0 || !make_header(&st, from, n, s, &h))
		return;
	h.sum = sum(h.spec, from, n);
	fd = openat(dir_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && writev(fd, v, 2) != (ssize_t)(sizeof(h) + n))
		unlinkat(dir_fd, file, 0);
}

/* Does what follows h fit it, and h this process, this binary and the text? */
static bool fits(int dir_fd, const char *text, const struct header *h, const char *p, size_t n)
{
	struct header want;
	struct stat st;

	if (fstatat(dir_fd, text, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !make_header(&st, p, n, NULL, &want))
		return false;
	want.spec = h->spec;
	want.sum = sum(h->spec, p, n);
	return !memcmp(h, &want, sizeof(want)) && n >= sizeof(struct spec) && h->spec >= h->from &&
	       h->spec - h->from <= n - sizeof(struct spec);
}

struct spec *spec_cache_read(int dir_fd, const char *file, const char *text, struct arena *a)
{
	auto_close int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct header h;
	struct err ignored;
	ssize_t n;

	if (fd < 0 || read(fd, &h, sizeof(h)) != (ssize_t)sizeof(h))
		return NULL;
	/* Large ones are not in the arena's first part (arena_expect()). */
	if (h.from == (uintptr_t)ARENA_ADDR && a->shared && arena_go_far(a, &ignored) < 0)
		return NULL;
	n = read(fd, a->p, (size_t)(a->end - a->p));
	if (n > 0 && fits(dir_fd, text, &h, a->p, (size_t)n)) {
		a->p += n;
		return (struct spec *)(uintptr_t)h.spec;
	}
	/* What arena_zalloc() gives out is zero. */
	if (n > 0)
		memset(a->p, 0, (size_t)n);
	return NULL;
}
