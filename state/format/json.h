/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict RFC 8259 reader that makes a cJSON tree.
 *
 * cJSON's own reader takes what a runtime must not: duplicate keys, bytes after the end, 01 and
 * 1e400, \u0000 (which cuts a path), bad UTF-8; and it keeps numbers as doubles, which loses
 * integers above 2^53.
 */
#ifndef STATE_JSON_H
#define STATE_JSON_H

#include "state/base/err.h"

#include <cJSON.h>
#include <stddef.h>

#define JSON_FILE_MAX	 ((size_t)4 << 20) /* bytes */
#define JSON_DEPTH_MAX	 64
#define JSON_MEMBERS_MAX 10000 /* in one object */

/* All of a tree is one piece of memory: never cJSON_Delete it or a part of it. */
struct json {
	cJSON *root;
	void *mem;
};

#define auto_json __attribute__((cleanup(json_done)))
void json_done(struct json *j);

/*
 * Read text. A number's text is in valuestring, which is the truth; valueint and valuedouble are
 * filled for integers of up to nine digits and are 0 for any other, so print no tree that was read.
 * Errors are of the form "line 3, column 7: expected ':'".
 */
must_check int json_read(const char *text, size_t len, struct json *ret, struct err *e);

#endif
