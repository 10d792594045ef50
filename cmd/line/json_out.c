/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/line/json_out.h"

#include <errno.h>
#include <string.h>

#define INDENT "    "

int json_wanted(const char *format, bool *ret, struct err *e)
{
	*ret = format && !strcmp(format, "json");
	if (!format || *ret || !strcmp(format, "text"))
		return 0;
	return err_set(e, EINVAL, "invalid --format: \"%s\" is not text or json", format);
}

static void break_line(struct json_out *o)
{
	str_add(&o->s, "\n");
	for (int i = 0; i < o->depth; i++)
		str_add(&o->s, INDENT);
}

void json_begin_item(struct json_out *o, const char *key)
{
	str_add(&o->s, o->more ? "," : "");
	if (o->depth)
		break_line(o);
	if (key) {
		str_add_json(&o->s, key);
		str_add(&o->s, ": ");
	}
	o->more = true;
}

void json_begin(struct json_out *o, const char *key, const char *bracket)
{
	json_begin_item(o, key);
	str_add(&o->s, bracket);
	o->depth++;
	o->more = false;
}

void json_end(struct json_out *o, const char *bracket)
{
	o->depth--;
	if (o->more)
		break_line(o);
	str_add(&o->s, bracket);
	o->more = true;
}

void json_add_text(struct json_out *o, const char *key, const char *value)
{
	json_begin_item(o, key);
	str_add_json(&o->s, value);
}

void json_add_text_if(struct json_out *o, const char *key, const char *value)
{
	if (!str_empty(value))
		json_add_text(o, key, value);
}

void json_add_bool(struct json_out *o, const char *key, bool value)
{
	json_begin_item(o, key);
	str_add(&o->s, value ? "true" : "false");
}

void json_add_number(struct json_out *o, const char *key, int64_t value)
{
	json_begin_item(o, key);
	str_addf(&o->s, "%lld", (long long)value);
}
