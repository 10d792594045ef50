/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull check`: all that create would find wrong with a bundle, and what is legal but surprising,
 * without making anything. Runs in hull with its caller's rights; the program and the mounts are looked
 * at in a child with a mount namespace of its own, in which the bundle's root is /.
 */
#ifndef CMD_CHECK_CHECK_H
#define CMD_CHECK_CHECK_H

#include "cmd/line/cmd.h"
#include "state/base/err.h"
#include "state/spec/spec.h"

#include <stdbool.h>
#include <stddef.h>

enum severity { CHECK_ERROR, CHECK_WARNING, CHECK_UNSEEN };

struct check_finding {
	enum severity severity;
	char *pointer; /* RFC 6901; "" for the bundle as a whole */
	char *text;
};

struct check {
	struct check_finding *v;
	size_t n, count[3]; /* by severity */
	const struct globals *g;
	const char *bundle;	 /* absolute */
	const struct spec *spec; /* NULL until config.json is right by itself */
	bool root;		 /* the caller is user 0 */
};

/* pointer is copied. */
void check_say(struct check *c, enum severity s, const char *pointer, const char *fmt, ...)
	printf_like(4, 5);
/* What *e says, below prefix ("/linux"). */
void check_err(struct check *c, enum severity s, const char *prefix, const struct err *e);
/* "/mounts/3": into buf, which is returned. */
const char *check_at(char buf[static 64], const char *list, size_t i);
/* path as the bundle's config.json means it: absolute, or below the bundle. The caller frees it. */
char *check_path(const struct check *c, const char *path);

/* Each adds what it finds. */
void check_root(struct check *c);     /* root.c: root, program, working directory */
void check_mounts(struct check *c);   /* mounts.c */
void check_hooks(struct check *c);    /* root.c */
void check_machine(struct check *c);  /* machine.c: what this machine lacks */
void check_surprise(struct check *c); /* surprise.c: what is legal */

/* The mount of the configuration at path in the container, or above it; the last one counts. NULL: the root. */
const struct spec_mount *check_mount_of(const struct check *c, const char *path);

#endif
