/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error, as a plain value: no pointers inside, so it can be copied, kept on the stack, and
 * sent whole as one datagram between the stages of a container's birth (nsexec/PROTOCOL.md).
 */
#ifndef STATE_ERR_H
#define STATE_ERR_H

struct err {
	int code;	   /* an errno value; never 0 once set */
	char pointer[256]; /* RFC 6901 pointer into the configuration; "" if not about it */
	char chain[1024];  /* "outermost: ...: innermost" */
};

#define must_check	       __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* All of these return -1, so that a failing function can say `return err_...(e, ...)`. */

/* A failure that hull found by itself; code is the errno value that fits best. */
int err_set(struct err *e, int code, const char *fmt, ...) printf_like(3, 4);
/* A failed system call: errno's text is appended after ": ". */
int err_sys(struct err *e, const char *fmt, ...) printf_like(2, 3);
/* Put context before the chain; when it is full the context is lost, never the cause. */
int err_wrap(struct err *e, const char *fmt, ...) printf_like(2, 3);
/* Put one step (RFC 6901, escaped) before the JSON pointer. */
int err_at_key(struct err *e, const char *key);
int err_at_index(struct err *e, unsigned long index);

/*
 * The text of an errno value in lower case, as Go prints it ("no such file or directory"):
 * CRI-O, containerd and Docker match these words. Never NULL, static storage.
 */
const char *errno_text(int code);

#endif
