/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every property of config.json, from the list of pointers, with values of a wrong type, out of
 * range and of no meaning: each is refused at its own pointer, with the sentence that
 * bats/bad/properties.txt has for it. "accepted" there are free texts, and what the specification
 * says is to be ignored. With UPDATE=1 the file is written anew, to be looked at in the diff.
 */
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"
#include "state/base/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct str found;

static char *list; /* of the pointers, as it was read */

/* A good value for a property that must not be missing. */
static const char *sample(const char *pointer, const char *type)
{
	static const struct {
		const char *end, *value;
	} samples[] = {
		{ "/ociVersion", "\"1.3.0\"" },
		{ "/cwd", "\"/\"" },
		{ "path", "\"/dev/x\"" },
		{ "/destination", "\"/d\"" },
		{ "devices/*/type", "\"c\"" },
		{ "namespaces/*/type", "\"network\"" },
		{ "rlimits/*/type", "\"RLIMIT_CORE\"" },
		{ "Action", "\"SCMP_ACT_ALLOW\"" },
		{ "/action", "\"SCMP_ACT_ALLOW\"" },
		{ "/op", "\"SCMP_CMP_EQ\"" },
		{ "/policy", "\"SCHED_OTHER\"" },
		{ "/class", "\"IOPRIO_CLASS_BE\"" },
		{ "/pageSize", "\"2MB\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		if (str_ends(pointer, samples[i].end))
			return samples[i].value;
	}
	return *type == 'b' ? "true" : *type == 's' ? "\"x\"" : "1";
}

/* What the object at the first n bytes of pointer must have beside the member that comes next. */
static void add_required(const char *pointer, size_t n, struct str *json)
{
	const char *own = pointer + n + 1, *line, *rest, *type, *word;
	size_t n_own = strcspn(own, "/");

	for (line = list; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		auto_free char *other = xstrndup(line, strcspn(line, " \n"));

		if (strncmp(other, pointer, n) || other[n] != '/' || strchr(other + n + 1, '/'))
			continue;
		rest = line + strlen(other);
		type = rest + strspn(rest, " ");
		word = type + strcspn(type, " \n");
		if (strncmp(word + strspn(word, " "), "required", 8))
			continue;
		if (strlen(other + n + 1) != n_own || strncmp(other + n + 1, own, n_own))
			str_addf(json, "\"%s\":%s,", other + n + 1, sample(other, type));
	}
	if (n >= 10 && !strncmp(pointer + n - 10, "syscalls/*", 10) && strncmp(own, "names", 5))
		str_add(json, "\"names\":[\"read\"],");
	if (n == 0 && strncmp(own, "root", 4))
		str_add(json, "\"root\":{\"path\":\"r\"},");
	if (n == 0 && strncmp(own, "process", 7))
		str_add(json, "\"process\":{\"cwd\":\"/\",\"args\":[\"x\"]},");
	if (n == 8 && !strncmp(pointer, "/process", 8) && strncmp(own, "args", 4))
		str_add(json, "\"args\":[\"x\"],");
}

/* "/a/#/b" with a star for # becomes {"a":[{"b":VALUE}]}, and the pointer "/a/0/b". */
static void nest(const char *pointer, const char *value, struct str *json, struct str *exact)
{
	struct str close = { 0 };

	for (const char *p = pointer; *p == '/'; p += strcspn(p, "/")) {
		size_t n = strcspn(p + 1, "/");

		if (n == 1 && p[1] == '*') {
			str_add(json, "[");
			str_add(&close, "]");
			str_add(exact, "/0");
		} else {
			str_add(json, "{");
			add_required(pointer, (size_t)(p - pointer), json);
			str_addf(json, "\"%.*s\":", (int)n, p + 1);
			str_add(&close, "}");
			str_addf(exact, "/%.*s", (int)n, p + 1);
		}
		p++;
	}
	str_add(json, value);
	for (size_t i = close.n; i > 0; i--)
		str_add_n(json, &close.s[i - 1], 1);
	str_done(&close);
}

/* Is the error about this place, or something in it? */
static bool is_at(const struct err *e, const char *pointer)
{
	size_t n = strlen(pointer);

	return !strncmp(e->pointer, pointer, n) && (!e->pointer[n] || e->pointer[n] == '/');
}

static void try(const char *pointer, const char *value)
{
	auto_str struct str json = { 0 }, exact = { 0 };
	struct spec *s = NULL;
	struct arena arena;
	struct err e = { 0 };

	nest(pointer, value, &json, &exact);
	arena_init(&arena);
	if (spec_read(json.s, json.n, &arena, &s, &e) == 0)
		str_addf(&found, "%s %s accepted\n", exact.s, value);
	else if (is_at(&e, exact.s))
		str_addf(&found, "%s %s: %s\n", e.pointer, value, e.chain);
	else
		str_addf(&found, "%s %s: %s (%s)\n", exact.s, value, e.chain, e.pointer);
}

/* One more than the decimal number of a bound, or one less than a negative one. */
static void step(const char *bound, char *buf, size_t size)
{
	size_t n = strspn(bound, "-0123456789");

	snprintf(buf, size, "%.*s", (int)n, bound);
	while (n > 0 && buf[n - 1] == '9')
		buf[--n] = '0';
	if (n > 0 && buf[n - 1] != '-')
		buf[n - 1]++;
}

static void try_all(char *line)
{
	const char *max = strstr(line, "max="), *min = strstr(line, "min=");
	const char *type = line + strcspn(line, " ");
	char bound[32];

	type += strspn(type, " ");
	line[strcspn(line, " \n")] = '\0';
	if (!strncmp(type, "string", 6)) {
		try(line, "7");
		try(line, "[\"x\"]");
		try(line, "\"no such thing\"");
	} else if (!strncmp(type, "integer", 7)) {
		try(line, "\"7\"");
		try(line, "7.5");
		try(line, "1e99");
		if (max) {
			step(max + 4, bound, sizeof(bound));
			try(line, bound);
		}
		if (min && min[4] == '-') {
			step(min + 4, bound, sizeof(bound));
			try(line, bound);
		} else if (min) {
			try(line, min[4] == '0' ? "-1" : "0");
		}
	} else if (!strncmp(type, "boolean", 7)) {
		try(line, "1");
		try(line, "\"true\"");
	} else {
		try(line, "7");
		try(line, "{\"x\":7}");
	}
}

int main(void)
{
	const char *file = getenv("POINTERS") ? getenv("POINTERS") :
						"bats/oci-1.3-linux-pointers.txt";
	const char *golden = "bats/bad/properties.txt";
	auto_free char *text = NULL, *want = NULL;
	char *line, *next, *w, *f;
	unsigned n = 0, bad = 0;
	struct err e = { 0 };
	int fd;

	if (fd_read_file(AT_FDCWD, file, 1 << 20, &text, NULL, &e) < 0) {
		skip(1, "no list of pointers: %s", e.chain);
		return done_testing();
	}
	list = xstrdup(text);
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (*line != '/')
			continue;
		try_all(line);
		n++;
	}
	ok(n == 179, "%u properties are tried", n);
	if (getenv("UPDATE")) {
		fd = open(golden, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		ok(fd >= 0 && fd_write_all(fd, found.s, found.n) == 0, "%s is written", golden);
		return done_testing();
	}
	ok(fd_read_file(AT_FDCWD, golden, 1 << 20, &want, NULL, &e) == 0, "%s", e.chain);
	w = want;
	f = found.s;
	while (w && f && (*w || *f)) {
		size_t nw = strcspn(w, "\n"), nf = strcspn(f, "\n");

		if (nw != nf || strncmp(w, f, nw)) {
			bad++;
			note("found \"%.*s\", expected \"%.*s\"", (int)nf, f, (int)nw, w);
		}
		w += nw + (w[nw] == '\n');
		f += nf + (f[nf] == '\n');
	}
	ok(!bad, "%u sentences are not those of %s", bad, golden);
	str_done(&found);
	free(list);
	return done_testing();
}
