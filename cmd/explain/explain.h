/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull explain`: a container as it is now, for a person. Runs in hull with its caller's rights and
 * reads /proc and the container's cgroups; it changes nothing. What may not be read is said.
 */
#ifndef CMD_EXPLAIN_EXPLAIN_H
#define CMD_EXPLAIN_EXPLAIN_H

#include "cmd/line/cmd.h"
#include "cmd/line/json_out.h"
#include "state/record.h"
#include "state/root.h"
#include "state/status.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* One account in both forms: text as it is read, and json. */
struct explain {
	struct str text;
	struct json_out json;
	const struct globals *g;
	const struct container *c;
	const struct record *r;
	enum status status;
	pid_t init;		      /* 0 when it has ended */
	struct str trouble;	      /* lines; told first in the text */
	struct json_out trouble_json; /* the elements of an array */
};

/* "processes": an object of json, a heading of text; explain_end() closes it. */
void explain_begin(struct explain *x, const char *name);
void explain_end(struct explain *x);
/* "  key   words" and "key": "words". */
void explain_row(struct explain *x, const char *key, const char *fmt, ...) printf_like(3, 4);
/* The same with a number in json. */
void explain_number(struct explain *x, const char *key, int64_t n, const char *fmt, ...)
	printf_like(4, 5);
/* Something that is wrong, or will be. */
void explain_trouble(struct explain *x, const char *fmt, ...) printf_like(2, 3);
/* "12.3 MiB" */
const char *explain_bytes(char buf[static 32], uint64_t n);

/* The value of key ("Uid") in the text of /proc/PID/status, to the end of its line and beyond; "" without. */
const char *explain_status(const char *status, const char *key);

void explain_processes(struct explain *x);  /* processes.c */
void explain_namespaces(struct explain *x); /* namespaces.c */
void explain_mounts(struct explain *x);	    /* namespaces.c */
void explain_cgroup(struct explain *x);	    /* cgroup.c */
void explain_rights(struct explain *x);	    /* rights.c */

#endif
