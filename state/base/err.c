/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error value. Runs in every process of hull, so it does not allocate and calls nothing
 * that could fail.
 */
#include "state/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define CUT " ... " /* stands for the middle of what is too long */

/* text + tail in size bytes: both ends are kept, the beginning of text and the end of tail. */
static void join(char *buf, size_t size, size_t n, const char *tail)
{
	size_t t = strlen(tail), room = size - 1;

	if (t > room / 2)
		tail += t - room / 2, t = room / 2;
	if (n + t > room) {
		n = room - t - strlen(CUT);
		memcpy(buf + n, CUT, strlen(CUT));
		n += strlen(CUT);
	}
	memcpy(buf + n, tail, t + 1);
}

/*
 * Put prefix and sep before what buf holds. When that is too much the middle goes: the cause, which is
 * the end, and what is outermost are kept.
 */
static void prepend(char *buf, size_t size, const char *prefix, const char *sep)
{
	size_t p = strlen(prefix), s = strlen(sep), have = strlen(buf);
	size_t keep = (size - 1) / 2, head = size - 1 - keep - strlen(CUT);

	if (have == 0)
		s = 0;
	if (p + s + have < size) {
		memmove(buf + p + s, buf, have + 1);
		memcpy(buf, prefix, p);
		memcpy(buf + p, sep, s);
		return;
	}
	if (have < keep)
		return;
	p = p + s > head ? head - s : p;
	memmove(buf + head + strlen(CUT), buf + have - keep, keep + 1);
	memmove(buf + p + s, buf, head - p - s);
	memcpy(buf, prefix, p);
	memcpy(buf + p, sep, s);
	memcpy(buf + head, CUT, strlen(CUT));
}

static void fill(struct err *e, int code, const char *fmt, va_list ap)
{
	e->code = code ? code : EIO;
	e->pointer[0] = '\0';
	vsnprintf(e->chain, sizeof(e->chain), fmt, ap);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(e, code, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	char text[128];
	int code = errno;
	struct rlimit r;
	va_list ap;

	va_start(ap, fmt);
	fill(e, code, fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), ": %s", errno_text(code));
	if (code == EMFILE && getrlimit(RLIMIT_NOFILE, &r) == 0)
		snprintf(text, sizeof(text), ": %s (hull may have %llu, see RLIMIT_NOFILE)",
			 errno_text(code), (unsigned long long)r.rlim_cur);
	join(e->chain, sizeof(e->chain), strlen(e->chain), text);
	errno = code;
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char ctx[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ctx, sizeof(ctx), fmt, ap);
	va_end(ap);
	prepend(e->chain, sizeof(e->chain), ctx, ": ");
	return -1;
}

int err_at_key(struct err *e, const char *key)
{
	char esc[128] = "/";
	size_t n = 1;

	/* RFC 6901 section 3: "~" is written ~0 and "/" is written ~1. */
	for (; *key && n < sizeof(esc) - 3; key++) {
		if (*key == '~' || *key == '/') {
			esc[n++] = '~';
			esc[n++] = *key == '~' ? '0' : '1';
		} else {
			esc[n++] = *key;
		}
	}
	esc[n] = '\0';
	prepend(e->pointer, sizeof(e->pointer), esc, "");
	return -1;
}

int err_at_index(struct err *e, unsigned long index)
{
	char num[24];

	snprintf(num, sizeof(num), "/%lu", index);
	prepend(e->pointer, sizeof(e->pointer), num, "");
	return -1;
}

/*
 * musl's texts differ from Go's in capitals and often in words ("Not a tty"), and clients match
 * Go's (FEATURES.md A5): carry those of the Linux errors that a runtime can meet.
 */
static const struct {
	int code;
	const char *text;
} errno_texts[] = {
	{ EPERM, "operation not permitted" },
	{ ENOENT, "no such file or directory" },
	{ ESRCH, "no such process" },
	{ EINTR, "interrupted system call" },
	{ EIO, "input/output error" },
	{ ENXIO, "no such device or address" },
	{ E2BIG, "argument list too long" },
	{ ENOEXEC, "exec format error" },
	{ EBADF, "bad file descriptor" },
	{ ECHILD, "no child processes" },
	{ EAGAIN, "resource temporarily unavailable" },
	{ ENOMEM, "cannot allocate memory" },
	{ EACCES, "permission denied" },
	{ EFAULT, "bad address" },
	{ ENOTBLK, "block device required" },
	{ EBUSY, "device or resource busy" },
	{ EEXIST, "file exists" },
	{ EXDEV, "invalid cross-device link" },
	{ ENODEV, "no such device" },
	{ ENOTDIR, "not a directory" },
	{ EISDIR, "is a directory" },
	{ EINVAL, "invalid argument" },
	{ ENFILE, "too many open files in system" },
	{ EMFILE, "too many open files" },
	{ ENOTTY, "inappropriate ioctl for device" },
	{ ETXTBSY, "text file busy" },
	{ EFBIG, "file too large" },
	{ ENOSPC, "no space left on device" },
	{ ESPIPE, "illegal seek" },
	{ EROFS, "read-only file system" },
	{ EMLINK, "too many links" },
	{ EPIPE, "broken pipe" },
	{ EDOM, "numerical argument out of domain" },
	{ ERANGE, "numerical result out of range" },
	{ EDEADLK, "resource deadlock avoided" },
	{ ENAMETOOLONG, "file name too long" },
	{ ENOLCK, "no locks available" },
	{ ENOSYS, "function not implemented" },
	{ ENOTEMPTY, "directory not empty" },
	{ ELOOP, "too many levels of symbolic links" },
	{ ENOMSG, "no message of desired type" },
	{ ENODATA, "no data available" },
	{ EPROTO, "protocol error" },
	{ EBADMSG, "bad message" },
	{ EOVERFLOW, "value too large for defined data type" },
	{ ELIBBAD, "accessing a corrupted shared library" },
	{ EUSERS, "too many users" },
	{ ENOTSOCK, "socket operation on non-socket" },
	{ EMSGSIZE, "message too long" },
	{ EPROTOTYPE, "protocol wrong type for socket" },
	{ EOPNOTSUPP, "operation not supported" },
	{ EAFNOSUPPORT, "address family not supported by protocol" },
	{ EADDRINUSE, "address already in use" },
	{ ECONNRESET, "connection reset by peer" },
	{ ENOTCONN, "transport endpoint is not connected" },
	{ ETIMEDOUT, "connection timed out" },
	{ ECONNREFUSED, "connection refused" },
	{ EALREADY, "operation already in progress" },
	{ ESTALE, "stale file handle" },
	{ EDQUOT, "disk quota exceeded" },
	{ ENOKEY, "required key not available" },
	{ EKEYEXPIRED, "key has expired" },
	{ EKEYREVOKED, "key has been revoked" },
};

const char *errno_text(int code)
{
	for (size_t i = 0; i < sizeof(errno_texts) / sizeof(errno_texts[0]); i++) {
		if (errno_texts[i].code == code)
			return errno_texts[i].text;
	}
	return strerror(code);
}
