/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two JSON trees written as one text. Numbers are written as they were read (state/format/json.h), so
 * nothing is lost on the way. Pure; runs in `hull update`.
 */
#include "state/spec/spec_merge.h"

#include "state/format/json.h"
#include "state/base/mem.h"

#include <string.h>

/* NULL also for null, which in config.json is the same as absent (state/spec/decode.h). */
static const cJSON *member(const cJSON *object, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNull(v) ? NULL : v;
}

static void add_key(struct str *out, const char *key)
{
	if (out->s[out->n - 1] != '{')
		str_add(out, ",");
	str_add_json(out, key);
	str_add(out, ":");
}

static void add_value(struct str *out, const cJSON *v)
{
	if (cJSON_IsString(v)) {
		str_add_json(out, v->valuestring);
	} else if (cJSON_IsNumber(v)) {
		str_add(out, v->valuestring);
	} else if (cJSON_IsObject(v)) {
		str_add(out, "{");
		for (const cJSON *c = v->child; c; c = c->next) {
			add_key(out, c->string);
			add_value(out, c);
		}
		str_add(out, "}");
	} else if (cJSON_IsArray(v)) {
		str_add(out, "[");
		for (const cJSON *c = v->child; c; c = c->next) {
			add_value(out, c);
			str_add(out, c->next ? "," : "");
		}
		str_add(out, "]");
	} else {
		str_add(out, cJSON_IsNull(v) ? "null" : cJSON_IsTrue(v) ? "true" : "false");
	}
}

static bool same_text(const cJSON *a, const cJSON *b)
{
	if (!a || !b)
		return !a && !b;
	return a->valuestring && b->valuestring && !strcmp(a->valuestring, b->valuestring);
}

/* Entries of lists that mean the same thing: a device, a page size, an interface. */
static bool same_thing(const cJSON *a, const cJSON *b)
{
	static const char *const keys[] = { "major", "minor", "pageSize", "name" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!same_text(member(a, keys[i]), member(b, keys[i])))
			return false;
	}
	return true;
}

static const cJSON *find_thing(const cJSON *list, const cJSON *thing)
{
	const cJSON *v = list->child;

	while (v && !same_thing(v, thing))
		v = v->next;
	return v;
}

static void add_merged(struct str *out, const cJSON *old, const cJSON *new);

static void add_merged_list(struct str *out, const cJSON *old, const cJSON *new)
{
	str_add(out, "[");
	for (const cJSON *v = old->child; v; v = v->next) {
		str_add(out, v == old->child ? "" : ",");
		add_merged(out, v, find_thing(new, v));
	}
	for (const cJSON *v = new->child; v; v = v->next) {
		if (find_thing(old, v))
			continue;
		str_add(out, out->s[out->n - 1] == '[' ? "" : ",");
		add_value(out, v);
	}
	str_add(out, "]");
}

/* Lists hold objects everywhere in linux.resources. */
static void add_merged(struct str *out, const cJSON *old, const cJSON *new)
{
	if (!new)
		return add_value(out, old);
	if (cJSON_IsArray(old) && cJSON_IsArray(new))
		return add_merged_list(out, old, new);
	if (!cJSON_IsObject(old) || !cJSON_IsObject(new))
		return add_value(out, new);
	str_add(out, "{");
	for (const cJSON *v = old->child; v; v = v->next) {
		add_key(out, v->string);
		add_merged(out, v, member(new, v->string));
	}
	for (const cJSON *v = new->child; v; v = v->next) {
		if (cJSON_IsNull(v) || cJSON_GetObjectItemCaseSensitive(old, v->string))
			continue;
		add_key(out, v->string);
		add_value(out, v);
	}
	str_add(out, "}");
}

static void add_resources(struct str *out, const cJSON *old, const cJSON *update)
{
	str_add(out, "{");
	for (const cJSON *v = old ? old->child : NULL; v; v = v->next) {
		add_key(out, v->string);
		add_merged(out, v, strcmp(v->string, "devices") ? member(update, v->string) : NULL);
	}
	for (const cJSON *v = update->child; v; v = v->next) {
		if (cJSON_IsNull(v) || !strcmp(v->string, "devices") ||
		    (old && cJSON_GetObjectItemCaseSensitive(old, v->string)))
			continue;
		add_key(out, v->string);
		add_value(out, v);
	}
	str_add(out, "}");
}

/* object with path[0]/path[1]/... changed; object may be absent. path ends with NULL. */
static void add_changed(struct str *out, const cJSON *object, const char *const *path,
			const cJSON *update)
{
	if (!*path)
		return add_resources(out, object, update);
	str_add(out, "{");
	for (const cJSON *v = object ? object->child : NULL; v; v = v->next) {
		if (!strcmp(v->string, *path))
			continue;
		add_key(out, v->string);
		add_value(out, v);
	}
	add_key(out, *path);
	add_changed(out, object ? member(object, *path) : NULL, path + 1, update);
	str_add(out, "}");
}

int spec_merge_resources(const char *config, size_t n_config, const char *update, size_t n_update,
			 struct str *out, struct err *e)
{
	static const char *const path[] = { "linux", "resources", NULL };
	auto_json struct json old = { 0 }, new = { 0 };

	if (json_read(config, n_config, &old, e) < 0 || json_read(update, n_update, &new, e) < 0)
		return -1;
	add_changed(out, old.root, path, new.root);
	return 0;
}
