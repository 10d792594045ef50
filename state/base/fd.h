/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: opening below a root, whole files, sockets. Every descriptor is CLOEXEC at birth. */
#ifndef STATE_FD_H
#define STATE_FD_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

/* openat(2) with O_CLOEXEC; dirfd may be AT_FDCWD. */
must_check int fd_open(int dirfd, const char *path, int flags, mode_t mode, struct err *e);

/*
 * Open path as if rootfd were "/": neither "..", nor absolute links, nor magic links lead out
 * (openat2(2), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | more). Returns -1 with errno and no
 * error text: callers know what the path is for.
 */
int fd_open_in_root(int rootfd, const char *path, int flags, uint64_t more);

/*
 * The whole of a file, NUL-terminated for convenience; the caller frees it. Longer than max
 * bytes is EFBIG. ret_n may be NULL.
 */
must_check int fd_read_all(int fd, size_t max, char **ret, size_t *ret_n, struct err *e);
must_check int fd_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_n,
			    struct err *e);
/* A small /proc or /sys file into buf, NUL-terminated, one trailing newline removed; length or -1 and errno. */
ssize_t fd_read_small(int dirfd, const char *path, char *buf, size_t size);

/* All n bytes, through short writes and EINTR; -1 and errno. */
int fd_write_all(int fd, const void *data, size_t n);
/* Write to an existing file with one write(2) (procfs, sysfs, cgroupfs); -1 and errno. */
int fd_write_file(int dirfd, const char *path, const char *text);
/* Make name whole or not at all: a temporary file beside it, then rename(2). One writer at a time. */
must_check int fd_write_atomic(int dirfd, const char *name, const void *data, size_t n, mode_t mode,
			       struct err *e);

/* Give up or regain FD_CLOEXEC, to hand a descriptor to the program about to be executed. */
void fd_set_cloexec(int fd, bool on);
/* Close every descriptor from first on but those of keep, which may be -1 or below first; it gets sorted. */
void fd_close_all_but(int first, int *keep, size_t n);
/* Close every descriptor from first on at the next execve(2), and not before. */
void fd_cloexec_from(unsigned first);

/* statfs(2) of fd says this file system type (linux/magic.h). */
bool fd_is_on(int fd, long magic);
bool fd_is_directory(int fd);
/* "28": the id of the mount that fd is on, as mountinfo has it (proc(5)). False and errno without it. */
bool fd_mount_id(int fd, char ret[static 16]);

/*
 * Bind to, or connect to, the socket name in dirfd: not limited to 107 bytes of path. mode is
 * subject to the umask; that of a listening socket is 0600.
 */
must_check int fd_bind_unix(int dirfd, const char *name, int type, mode_t mode, struct err *e);
must_check int fd_listen_unix(int dirfd, const char *name, int type, struct err *e);
/* The address of a path, or of an abstract name after '@': its length, 0 for one that is too long. */
socklen_t fd_unix_name(struct sockaddr_un *ret, const char *name);
/* -1 and errno; ETIMEDOUT when a SOCK_STREAM peer takes no connection, or nothing more, for so long. */
int fd_connect_unix(int dirfd, const char *name, int type);
#define FD_PEER_SECONDS 10

/*
 * To be appended to, made if it is not there, with more flags of open(2): O_NONBLOCK is set, so that a FIFO that nobody reads is an
 * error (ENXIO) and not a wait.
 */
must_check int fd_open_output(const char *path, int flags, mode_t mode, struct err *e);

/* Send a descriptor with a text beside it over a connected AF_UNIX socket; -1 and errno, never SIGPIPE. */
int fd_send(int sock, const char *text, int fd);
/*
 * What recvmsg(2) returns; *ret_fd is the descriptor that came with it, or -1. With NULL it is closed.
 * EMSGSIZE: a packet longer than size.
 */
ssize_t fd_receive(int sock, void *buf, size_t size, int *ret_fd);
/* The same for as many as *n, at most FD_PASS_MAX, of which there are then *n, all the caller's. EMSGSIZE: or more of them. */
#define FD_PASS_MAX 40
ssize_t fd_receive_all(int sock, void *buf, size_t size, int *fds, size_t *n);

/*
 * "fd:3", which options that name a file or a socket take for a descriptor that the caller has left
 * open: its number, or -1 for any other name.
 */
int fd_number(const char *name);

/* The same inode. */
static inline bool fd_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The directories above path, 0700 where they are missing. */
must_check int fd_make_parents(const char *path, struct err *e);
/* The first file of this name in the absolute directories of $PATH that may be executed, or NULL. The caller frees it. */
char *fd_find_program(const char *name);

#endif
