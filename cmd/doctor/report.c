/* SPDX-License-Identifier: Apache-2.0 */
/* The findings, as text and as JSON. */
#include "cmd/doctor/doctor.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/line/help.h"
#include "cmd/line/json_out.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

static const char *const words[] = {
	[DOCTOR_WORKS] = "works",
	[DOCTOR_LIMITED] = "limited",
	[DOCTOR_MISSING] = "missing",
	[DOCTOR_UNSEEN] = "unseen",
};

void doctor_say(struct doctor *d, enum verdict v, const char *name, const char *seen,
		const char *cost, const char *advice)
{
	d->v = xrealloc(d->v, (d->n + 1) * sizeof(*d->v));
	d->v[d->n++] = (struct finding){
		.group = d->group,
		.name = name,
		.verdict = v,
		.needed = d->needed,
		.seen = xstrdup(seen),
		.cost = cost ? xstrdup(cost) : NULL,
		.advice = advice ? xstrdup(advice) : NULL,
	};
	d->needed = false;
}

void doctor_works(struct doctor *d, const char *name, const char *seen, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, seen);
	vsnprintf(text, sizeof(text), seen, ap);
	va_end(ap);
	doctor_say(d, DOCTOR_WORKS, name, text, NULL, NULL);
}

bool doctor_fails(const struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].needed && d->v[i].verdict == DOCTOR_MISSING)
			return true;
	}
	return false;
}

long long doctor_sysctl(const char *path, long long missing)
{
	char text[64];
	int64_t v;

	if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) < 0 || !str_to_i64(text, &v))
		return missing;
	return v;
}

static void add_line(const struct finding *f, struct str *out)
{
	str_addf(out, "  %-7s  %-24s %s", words[f->verdict], f->name, f->seen);
	if (f->cost)
		str_addf(out, "%s%s", *f->seen ? "; " : "", f->cost);
	if (f->advice)
		str_addf(out, " -> %s", f->advice);
	str_add(out, "\n");
}

void doctor_text(const struct doctor *d, struct str *out)
{
	size_t count[ARRAY_SIZE(words)] = { 0 };
	const char *group = "";
	struct utsname u;

	if (uname(&u) == 0)
		str_addf(out, "hull %s on %s %s %s, as %s\n", hull_version, u.sysname, u.release,
			 u.machine, d->root ? "root" : "an ordinary user");
	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->v[i];

		if (strcmp(group, f->group) != 0)
			str_addf(out, "\n%s\n", f->group);
		group = f->group;
		add_line(f, out);
		count[f->verdict]++;
	}
	str_addf(out, "\n%zu work, %zu with a limit, %zu missing, %zu not to be looked at: %s\n",
		 count[DOCTOR_WORKS], count[DOCTOR_LIMITED], count[DOCTOR_MISSING],
		 count[DOCTOR_UNSEEN],
		 doctor_fails(d) ? "a default container does not run here" :
				   "a default container runs here");
}

void doctor_json(const struct doctor *d, struct str *out)
{
	struct json_out o = { 0 };
	struct utsname u = { 0 };

	uname(&u);
	json_begin(&o, NULL, "{");
	json_add_text(&o, "hull", hull_version);
	json_add_text(&o, "kernel", u.release);
	json_add_text(&o, "machine", u.machine);
	json_add_number(&o, "uid", geteuid());
	json_add_bool(&o, "works", !doctor_fails(d));
	json_begin(&o, "findings", "[");
	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->v[i];

		json_begin(&o, NULL, "{");
		json_add_text(&o, "group", f->group);
		json_add_text(&o, "name", f->name);
		json_add_text(&o, "status", words[f->verdict]);
		json_add_bool(&o, "needed", f->needed);
		json_add_text_if(&o, "seen", f->seen);
		json_add_text_if(&o, "cost", f->cost);
		json_add_text_if(&o, "advice", f->advice);
		json_end(&o, "}");
	}
	json_end(&o, "]");
	json_end(&o, "}");
	str_add(&o.s, "\n");
	*out = o.s;
}
