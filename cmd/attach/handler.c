/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/attach/handler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "nsexec/process/selfexe.h"
#include "state/spec/annotations.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/str.h"

static const char *const dirs[] = { "/etc/hull/handlers", "/usr/libexec/hull/handlers" };

/* config.md does not know it; Kubernetes' and Docker's images of WebAssembly do, as crun has it. */
static bool wants_wasm(const struct spec *s, bool *ret_smart)
{
	const char *variant = spec_annotation(s, ANNOTATION_WASM);

	*ret_smart = variant && !strcmp(variant, "compat-smart");
	return variant && (*ret_smart || !strcmp(variant, "compat"));
}

struct handler handler_wish(const struct spec *s, const char *option, const struct globals *g)
{
	const char *named = spec_annotation(s, ANNOTATION_HANDLER);
	struct handler h = { 0 };

	if (!str_empty(option))
		h.name = option;
	else if (!str_empty(named))
		h.name = named;
	else if (wants_wasm(s, &h.smart))
		h.name = "wasm";
	else
		h = (struct handler){ .name = g->handler, .by_name = true };
	return h;
}

static int at_annotation(const struct spec *s, const struct handler *h, struct err *e)
{
	const char *named = spec_annotation(s, ANNOTATION_HANDLER);
	bool smart;

	if (named == h->name)
		err_at_key(e, ANNOTATION_HANDLER);
	else if (!wants_wasm(s, &smart) || strcmp(h->name, "wasm") != 0)
		return -1;
	else
		err_at_key(e, ANNOTATION_WASM);
	return err_at_key(e, "annotations");
}

static bool is_name(const char *name)
{
	return *name && *name != '.' &&
	       !name[strspn(name,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

/* Who may change it decides what runs in containers with the rights of their root. */
static int check_file(int fd, const char *path, struct err *e)
{
	char head[2] = "";
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s is not a file", path);
	if (st.st_uid != 0 || (st.st_mode & 022))
		return err_set(
			e, EPERM,
			"%s (owner %u, mode %03o) must be root's, and nobody else may write to it",
			path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
	if (!(st.st_mode & 0111))
		return err_set(e, EACCES, "%s is not executable (mode %03o)", path,
			       (unsigned)st.st_mode & 07777);
	if (pread(fd, head, sizeof(head), 0) == sizeof(head) && !memcmp(head, "#!", 2))
		return err_set(
			e, ENOEXEC,
			"%s is a script: its interpreter would be looked for in the container",
			path);
	return 0;
}

static int open_in(const char *dir, const char *name, struct err *e)
{
	auto_free char *path = path_join(dir, name);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "open %s", path);
	return check_file(fd, path, e) < 0 ? -1 : selfexe_protect(fd, path, e);
}

static int find(const char *name, struct err *e)
{
	if (!is_name(name))
		return err_set(
			e, EINVAL,
			"\"%s\" is no handler's name: letters, digits and the characters . _ -",
			name);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int fd = open_in(dirs[i], name, e);

		if (fd >= 0 || (e->code != ENOENT && e->code != ENOTDIR))
			return fd;
	}
	return err_set(e, ENOENT, "there is no handler \"%s\" in %s or %s", name, dirs[0], dirs[1]);
}

int handler_open(const struct spec *s, const struct handler *h, struct err *e)
{
	int fd = find(h->name, e);

	if (fd >= 0)
		return fd;
	if (h->by_name && (e->code == ENOENT || e->code == EINVAL)) {
		log_debug("called by a name that is no handler's: %s", e->chain);
		return -2;
	}
	return at_annotation(s, h, e);
}

void handler_add_devices(struct spec *s, const struct handler *h, struct arena *a)
{
	struct spec_linux *l = s->linux_;
	struct spec_device *all;
	struct spec_device_rule *rules;
	struct stat st;

	if (!h->name || !str_starts(h->name, "krun") || stat("/dev/kvm", &st) < 0 ||
	    !S_ISCHR(st.st_mode))
		return;
	all = arena_zalloc(a, (l->devices.n + 2) * sizeof(*all));
	if (l->devices.n)
		memcpy(all, l->devices.v, l->devices.n * sizeof(*all));
	all[l->devices.n++] = (struct spec_device){
		.type = 'c',
		.path = arena_strdup(a, "/dev/kvm"),
		.major = { true, (int64_t)major(st.st_rdev) },
		.minor = { true, (int64_t)minor(st.st_rdev) },
		.file_mode = { true, 0666 },
	};
	l->devices.v = all;
	if (!l->resources)
		return;
	rules = arena_zalloc(a, (l->resources->devices.n + 2) * sizeof(*rules));
	if (l->resources->devices.n)
		memcpy(rules, l->resources->devices.v, l->resources->devices.n * sizeof(*rules));
	rules[l->resources->devices.n++] = (struct spec_device_rule){
		.allow = true,
		.type = 'c',
		.major = { true, (int64_t)major(st.st_rdev) },
		.minor = { true, (int64_t)minor(st.st_rdev) },
		.access = arena_strdup(a, "rwm"),
	};
	l->resources->devices.v = rules;
}
