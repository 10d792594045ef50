/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON document for people, indented, written front to back into a struct str. */
#ifndef CMD_LINE_JSON_OUT_H
#define CMD_LINE_JSON_OUT_H

#include "state/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed at first; s is the document, which its owner frees. */
struct json_out {
	struct str s;
	int depth;
	bool more; /* something stands before in this object or array */
};

/* The value of --format: NULL or "text", or "json"; else an error. */
must_check int json_wanted(const char *format, bool *ret, struct err *e);

/* key is NULL in an array, and for the document itself. */
void json_begin_item(struct json_out *o, const char *key);
/* bracket is "{" or "[", and of json_end() the same closing. */
void json_begin(struct json_out *o, const char *key, const char *bracket);
void json_end(struct json_out *o, const char *bracket);
void json_add_text(struct json_out *o, const char *key, const char *value);
/* Nothing for NULL and for "". */
void json_add_text_if(struct json_out *o, const char *key, const char *value);
void json_add_bool(struct json_out *o, const char *key, bool value);
void json_add_number(struct json_out *o, const char *key, int64_t value);

#endif
