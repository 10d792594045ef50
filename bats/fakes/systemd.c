/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A systemd for the tests, as far as a container runtime knows it: systemd DIR BASE...
 *
 * On the system bus it makes, changes and stops transient units: it makes their directories below
 * each BASE (a cgroup hierarchy) and moves their processes. Each call goes to DIR/log as a line:
 *
 *   StartTransientUnit s:runc-x.scope s:fail Slice=s:system.slice PIDs=au:[17] ...
 *
 * These files in DIR change what it does: silent (never answers), unsaid (does it, but does not say
 * that the job has ended), lost (does it, and ends before it answers), last (ends when it has
 * answered), result (of the jobs, instead of "done"), leave (processes stay where they are), failed
 * (a unit of this name is there until ResetFailedUnit), unknown (the name of a property that it does
 * not know), sweeps (stops a scope when the last of its processes has gone), denied (all is answered
 * with this sentence), odd (answers without a job), owner (the number of the user who gets the
 * directories, as of a user's systemd).
 */
#define _GNU_SOURCE
#include <dbus/dbus.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH	  "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"

static const char *dir;
static char **bases;
static const char *adopting; /* a base */
static char line[1 << 16];
static char units[64][512]; /* paths */

/* The text of DIR/name; NULL when there is no such file. */
static char *setting(const char *name)
{
	static char text[512];
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void say(const char *fmt, ...)
{
	size_t n = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
}

static void end_line(void)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", dir);
	f = fopen(path, "ae");
	if (f) {
		fprintf(f, "%s\n", line);
		fclose(f);
	}
	line[0] = '\0';
}

/* --- Arguments as text ------------------------------------------------------------------------ */

static void print(DBusMessageIter *i);

static void print_all(DBusMessageIter *i, const char *sep)
{
	for (const char *s = ""; dbus_message_iter_get_arg_type(i); dbus_message_iter_next(i)) {
		say("%s", s);
		print(i);
		s = sep;
	}
}

static void print_array(DBusMessageIter *i)
{
	DBusMessageIter sub;

	say("[");
	dbus_message_iter_recurse(i, &sub);
	print_all(&sub, ",");
	say("]");
}

static void print(DBusMessageIter *i)
{
	DBusMessageIter sub;
	DBusBasicValue v;

	switch (dbus_message_iter_get_arg_type(i)) {
	case DBUS_TYPE_ARRAY:
		print_array(i);
		return;
	case DBUS_TYPE_STRUCT:
		say("(");
		dbus_message_iter_recurse(i, &sub);
		print_all(&sub, " ");
		say(")");
		return;
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
		dbus_message_iter_get_basic(i, &v);
		say("%s", v.str);
		return;
	case DBUS_TYPE_BOOLEAN:
		dbus_message_iter_get_basic(i, &v);
		say("%s", v.bool_val ? "true" : "false");
		return;
	case DBUS_TYPE_BYTE:
		dbus_message_iter_get_basic(i, &v);
		say("%02x", v.byt);
		return;
	case DBUS_TYPE_INT32:
		dbus_message_iter_get_basic(i, &v);
		say("%d", v.i32);
		return;
	case DBUS_TYPE_UINT32:
		dbus_message_iter_get_basic(i, &v);
		say("%u", v.u32);
		return;
	default:
		dbus_message_iter_get_basic(i, &v);
		say("%llu", (unsigned long long)v.u64);
	}
}

/* a(sv) as " NAME=SIGNATURE:VALUE" each. */
static void print_properties(DBusMessageIter *i)
{
	DBusMessageIter array, pair, variant;
	const char *name;
	char *signature;

	dbus_message_iter_recurse(i, &array);
	for (; dbus_message_iter_get_arg_type(&array); dbus_message_iter_next(&array)) {
		dbus_message_iter_recurse(&array, &pair);
		dbus_message_iter_get_basic(&pair, &name);
		dbus_message_iter_next(&pair);
		dbus_message_iter_recurse(&pair, &variant);
		signature = dbus_message_iter_get_signature(&variant);
		say(" %s=%s:", name, signature);
		dbus_free(signature);
		print(&variant);
	}
}

static void print_call(DBusMessage *m)
{
	DBusMessageIter i;
	char *signature;

	say("%s", dbus_message_get_member(m));
	dbus_message_iter_init(m, &i);
	for (; dbus_message_iter_get_arg_type(&i); dbus_message_iter_next(&i)) {
		signature = dbus_message_iter_get_signature(&i);
		if (!strcmp(signature, "a(sv)")) {
			print_properties(&i);
		} else if (strcmp(signature, "a(sa(sv))") != 0) {
			say(" %s:", signature);
			print(&i);
		}
		dbus_free(signature);
	}
}

/* The value of a property in the line, up to the next blank. */
static int property(const char *name, char *value, size_t size)
{
	char key[128], *at;

	snprintf(key, sizeof(key), " %s=", name);
	at = strstr(line, key);
	at = at ? strchr(at, ':') : NULL;
	if (!at)
		return 0;
	snprintf(value, size, "%.*s", (int)strcspn(at + 1, " "), at + 1);
	return 1;
}

/* --- Units ------------------------------------------------------------------------------------ */

/* "a-b.slice" is in a.slice. */
static void slice_path(const char *slice, char *out, size_t size)
{
	size_t n = strlen(slice) - strlen(".slice"), len = 0;

	out[0] = '\0';
	if (!strcmp(slice, "-.slice"))
		return;
	for (size_t i = 1; i <= n; i++) {
		if (i == n || slice[i] == '-')
			len += (size_t)snprintf(out + len, size - len, "/%.*s.slice", (int)i,
						slice);
	}
}

static char *find(const char *unit)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		const char *name = strrchr(units[i], '/');

		if (!unit ? !units[i][0] : name && !strcmp(name + 1, unit))
			return units[i];
	}
	return NULL;
}

static void give(const char *path, const char *file)
{
	char full[1100], *owner = setting("owner");

	snprintf(full, sizeof(full), "%s%s", path, file);
	if (owner && chown(full, (uid_t)atoi(owner), (gid_t)-1) < 0)
		perror(full);
}

static void make_dir(const char *base, const char *path, const char *pid)
{
	char full[1024], *p;
	int fd;

	snprintf(full, sizeof(full), "%s%s", base, path);
	for (p = full + strlen(base) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(full, 0755) == 0)
			give(full, "");
	}
	mkdir(full, 0755);
	give(full, "");
	give(full, "/cgroup.procs");
	give(full, "/cgroup.subtree_control");
	snprintf(full, sizeof(full), "%s%s/cgroup.procs", base, path);
	fd = *pid && !setting("leave") ? open(full, O_WRONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		if (write(fd, pid, strlen(pid)) < 0)
			perror(full);
		close(fd);
	}
}

/* On any of the hierarchies the same processes are in it. */
static void kill_all(const char *slot)
{
	char path[1024];
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "%s%s/cgroup.procs", bases[0], slot);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (f)
		fclose(f);
}

/* Its directory, and the slices that are empty then. */
static void remove_dirs(const char *base, const char *path)
{
	char full[1024];

	snprintf(full, sizeof(full), "%s%s", base, path);
	/* Who was killed may still be on his way out. */
	for (int i = 0; i < 200 && rmdir(full) < 0 && errno == EBUSY; i++)
		usleep(10000);
	while (strlen(full) > strlen(base)) {
		rmdir(full);
		*strrchr(full, '/') = '\0';
	}
}

static void start(const char *unit)
{
	char slice[256] = "-.slice", path[400], pid[32] = "", *slot = find(NULL);

	if (property("PIDs", pid, sizeof(pid))) {
		memmove(pid, pid + 1, strlen(pid));
		pid[strcspn(pid, ",]")] = '\0';
	}
	property("Slice", slice, sizeof(slice));
	if (strstr(unit, ".slice"))
		slice_path(unit, path, sizeof(path));
	else
		slice_path(slice, path, sizeof(path));
	snprintf(slot, sizeof(*units), "%s%s%s", path, strstr(unit, ".slice") ? "" : "/",
		 strstr(unit, ".slice") ? "" : unit);
	for (char **base = bases; *base; base++)
		make_dir(*base, slot, pid);
}

static void stop(char *slot)
{
	for (char **base = bases; *base; base++)
		remove_dirs(*base, slot);
	slot[0] = '\0';
}

static void attach(const char *unit, char *pid)
{
	pid[strcspn(pid, ",]")] = '\0';
	for (char **base = bases; *base; base++)
		make_dir(*base, find(unit), pid);
}

/* --- Answers ---------------------------------------------------------------------------------- */

static void answer(DBusConnection *c, DBusMessage *reply)
{
	dbus_connection_send(c, reply, NULL);
	dbus_message_unref(reply);
	dbus_connection_flush(c);
}

static void answer_job(DBusConnection *c, DBusMessage *m, const char *unit)
{
	static dbus_uint32_t id;
	char path[64];
	const char *job = path, *result;
	DBusMessage *reply = dbus_message_new_method_return(m), *s;

	snprintf(path, sizeof(path), PATH "/job/%u", ++id);
	if (!setting("odd"))
		dbus_message_append_args(reply, DBUS_TYPE_OBJECT_PATH, &job, DBUS_TYPE_INVALID);
	if (setting("lost"))
		exit(0);
	answer(c, reply);
	if (setting("last"))
		exit(0);
	if (setting("unsaid"))
		return;
	s = dbus_message_new_signal(PATH, INTERFACE, "JobRemoved");
	result = setting("result") ? setting("result") : "done";
	dbus_message_append_args(s, DBUS_TYPE_UINT32, &id, DBUS_TYPE_OBJECT_PATH, &job,
				 DBUS_TYPE_STRING, &unit, DBUS_TYPE_STRING, &result,
				 DBUS_TYPE_INVALID);
	answer(c, s);
}

/* The error that a call is to get, or NULL. */
static DBusMessage *refuse(DBusMessage *m, const char *unit)
{
	const char *member = dbus_message_get_member(m);
	char value[256], *s;

	s = setting("denied");
	if (s)
		return dbus_message_new_error(m, DBUS_ERROR_ACCESS_DENIED, s);
	s = setting("unknown");
	if (s && property(s, value, sizeof(value)))
		return dbus_message_new_error_printf(m, DBUS_ERROR_PROPERTY_READ_ONLY,
						     "Cannot set property %s, or unknown property.",
						     s);
	s = setting("failed");
	if (!strcmp(member, "StartTransientUnit") && (find(unit) || (s && !strcmp(s, unit))))
		return dbus_message_new_error_printf(
			m, "org.freedesktop.systemd1.UnitExists",
			"Unit %s was already loaded or has a fragment file.", unit);
	if (strcmp(member, "StartTransientUnit") != 0 && !find(unit))
		return dbus_message_new_error_printf(m, "org.freedesktop.systemd1.NoSuchUnit",
						     "Unit %s not loaded.", unit);
	return NULL;
}

static int hex(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* A job has ended when it was answered, but for one whose end is not told. */
static void answer_state(DBusConnection *c, DBusMessage *m)
{
	if (setting("unsaid"))
		answer(c, dbus_message_new_method_return(m));
	else
		answer(c, dbus_message_new_error_printf(m, DBUS_ERROR_UNKNOWN_OBJECT,
							"Unknown object '%s'.",
							dbus_message_get_path(m)));
}

/* Get ControlGroup of /org/freedesktop/systemd1/unit/NAME, in which "_2e" is ".". */
static void answer_cgroup(DBusConnection *c, DBusMessage *m)
{
	const char *p = strrchr(dbus_message_get_path(m), '/') + 1, *path;
	DBusMessage *reply = dbus_message_new_method_return(m);
	char name[256], *n = name;
	DBusMessageIter i, value;

	for (; *p; p += *p == '_' ? 3 : 1)
		*n++ = *p == '_' ? (char)(hex(p[1]) << 4 | hex(p[2])) : *p;
	*n = '\0';
	path = find(name) ? find(name) : "";
	dbus_message_iter_init_append(reply, &i);
	dbus_message_iter_open_container(&i, DBUS_TYPE_VARIANT, "s", &value);
	dbus_message_iter_append_basic(&value, DBUS_TYPE_STRING, &path);
	dbus_message_iter_close_container(&i, &value);
	answer(c, reply);
}

static void serve(DBusConnection *c, DBusMessage *m)
{
	const char *member = dbus_message_get_member(m), *unit = "";
	DBusMessage *error;
	DBusMessageIter i;
	char path[600], pid[32] = "";

	if (dbus_message_has_interface(m, DBUS_INTERFACE_PROPERTIES)) {
		print_call(m);
		end_line();
		if (strstr(dbus_message_get_path(m), "/job/"))
			answer_state(c, m);
		else
			answer_cgroup(c, m);
		return;
	}
	if (dbus_message_iter_init(m, &i))
		dbus_message_iter_get_basic(&i, &unit);
	print_call(m);
	error = refuse(m, unit);
	if (!strcmp(member, "ResetFailedUnit")) {
		snprintf(path, sizeof(path), "%s/failed", dir);
		unlink(path);
	}
	if (!error && dbus_message_get_no_reply(m) && !strcmp(member, "StopUnit"))
		stop(find(unit));
	if (!error && !strcmp(member, "KillUnit"))
		kill_all(find(unit));
	if (setting("silent") || error || dbus_message_get_no_reply(m)) {
		end_line();
		if (error && !dbus_message_get_no_reply(m) && !setting("silent"))
			answer(c, error);
		return;
	}
	/* What does not start is not there. */
	if (!strcmp(member, "StartTransientUnit") && !setting("result"))
		start(unit);
	else if (!strcmp(member, "StopUnit"))
		stop(find(unit));
	else if (!strcmp(member, "AttachProcessesToUnit"))
		snprintf(pid, sizeof(pid), "%s", strrchr(line, '[') + 1);
	end_line();
	if (*pid)
		attach(unit, pid);
	if (!strcmp(member, "StartTransientUnit") || !strcmp(member, "StopUnit"))
		answer_job(c, m, unit);
	else
		answer(c, dbus_message_new_method_return(m));
}

/* What one that was killed has left, perhaps while it was removing it: in some hierarchies only. */
static int adopt(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *end = strrchr(path, '.');
	char *slot = find(NULL);

	(void)st;
	if (type == FTW_D && end && !strcmp(end, ".scope") && slot && !find(path + at->base))
		snprintf(slot, sizeof(*units), "%s", path + strlen(adopting));
	return 0;
}

/* A scope ends with the last of its processes. */
static void sweep(void)
{
	char full[1024];

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		snprintf(full, sizeof(full), "%s%s", bases[0], units[i]);
		if (units[i][0] && (rmdir(full) == 0 || errno == ENOENT))
			stop(units[i]);
	}
}

int main(int argc, char **argv)
{
	DBusConnection *c;
	DBusMessage *m;
	DBusError e;

	if (argc < 3)
		return 2;
	dir = argv[1];
	bases = argv + 2;
	umask(022);
	for (char **base = bases; *base; base++) {
		adopting = *base;
		nftw(adopting, adopt, 16, FTW_PHYS);
	}
	dbus_error_init(&e);
	c = dbus_bus_get_private(DBUS_BUS_SYSTEM, &e);
	if (!c || dbus_bus_request_name(c, "org.freedesktop.systemd1", 0, &e) < 0) {
		fprintf(stderr, "%s\n", e.message);
		return 1;
	}
	/* Whoever waits for us knows by the log that we are there. */
	end_line();
	while (dbus_connection_read_write(c, setting("sweeps") ? 200 : -1)) {
		if (setting("sweeps"))
			sweep();
		while ((m = dbus_connection_pop_message(c))) {
			if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_CALL)
				serve(c, m);
			dbus_message_unref(m);
		}
	}
	return 0;
}
