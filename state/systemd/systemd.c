/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few calls of systemd's manager that a container needs. systemd has one thread for a whole
 * machine: so no property is ever read, and a container's life is Hello, AddMatch and
 * StartTransientUnit, then Hello, AddMatch, StopUnit and ResetFailedUnit.
 */
#include "state/systemd/systemd.h"

#include "state/systemd/bus.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/systemd/unit.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE	  "org.freedesktop.systemd1"
#define PATH	  "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"

#define SYSTEM_BUS     "/run/dbus/system_bus_socket"
#define PRIVATE_SOCKET "/run/systemd/private" /* systemd itself; for root alone */

static int timeout_ms = 30000;

void systemd_set_timeout(int ms)
{
	timeout_ms = ms;
}

/* --- Which systemd ---------------------------------------------------------------------------- */

int systemd_check(struct err *e)
{
	struct stat st;

	if (lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_set(e, ENOTSUP,
		       "systemd not running on this host, cannot use systemd cgroups manager");
}

/* Of the caller's environment, which is as trusted as the caller. */
static int open_session(struct bus *b, struct err *e)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS"), *dir = getenv("XDG_RUNTIME_DIR");
	auto_free char *name = str_empty(address) ? NULL : bus_socket_name(address);

	if (!name && !str_empty(address))
		return err_set(e, EINVAL,
			       "DBUS_SESSION_BUS_ADDRESS is \"%.200s\": expected the address of a "
			       "Unix socket, unix:path=...",
			       address);
	if (!name && dir && *dir == '/')
		name = path_join(dir, "bus");
	if (!name)
		return err_set(e, ENOENT,
			       "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR says where "
			       "the user's bus is");
	return bus_open(b, name, false, timeout_ms, e);
}

static int open_system(struct bus *b, struct err *e)
{
	struct err second;

	if (bus_open(b, SYSTEM_BUS, false, timeout_ms, e) == 0)
		return 0;
	/* No bus, or one that has as many connections as it takes (dbus-daemon(1): 256 of a user). */
	if (e->code == ETIMEDOUT || geteuid() != 0)
		return -1;
	bus_close(b);
	return bus_open(b, PRIVATE_SOCKET, true, timeout_ms, &second);
}

static int open_bus(struct bus *b, bool user, struct err *e)
{
	int64_t began = log_debugging ? sys_now_ms() : 0;

	if ((user ? open_session(b, e) : open_system(b, e)) < 0) {
		bus_close(b);
		return err_wrap(e, "cannot talk to %s", user ? "the user's systemd" : "systemd");
	}
	log_debug("systemd: connected%s in %lld ms", b->direct ? " to its private socket" : "",
		  (long long)(sys_now_ms() - began));
	return 0;
}

int systemd_reach(bool user, struct err *e)
{
	auto_bus struct bus b = BUS_INIT;

	return systemd_check(e) < 0 || open_bus(&b, user, e) < 0 ? -1 : 0;
}

/* --- Messages --------------------------------------------------------------------------------- */

static DBusMessage *method(const char *name)
{
	return dbus_message_new_method_call(SERVICE, PATH, INTERFACE, name);
}

static bool append_paths(DBusMessageIter *i, const struct systemd_property *p)
{
	DBusMessageIter array, pair;
	bool ok = dbus_message_iter_open_container(i, DBUS_TYPE_ARRAY,
						   p->type == 'D' ? "(ss)" : "(st)", &array);

	for (size_t k = 0; ok && k < p->n; k++) {
		dbus_uint64_t value = p->paths[k].value;

		ok = dbus_message_iter_open_container(&array, DBUS_TYPE_STRUCT, NULL, &pair) &&
		     dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &p->paths[k].path) &&
		     (p->type == 'D' ?
			      dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING,
							     &p->paths[k].access) :
			      dbus_message_iter_append_basic(&pair, DBUS_TYPE_UINT64, &value)) &&
		     dbus_message_iter_close_container(&array, &pair);
	}
	return ok && dbus_message_iter_close_container(i, &array);
}

static bool append_strings(DBusMessageIter *i, const struct systemd_property *p)
{
	DBusMessageIter array;
	bool ok = dbus_message_iter_open_container(i, DBUS_TYPE_ARRAY, "s", &array);

	for (size_t k = 0; ok && k < p->n; k++)
		ok = dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &p->list[k]);
	return ok && dbus_message_iter_close_container(i, &array);
}

static bool append_fixed(DBusMessageIter *i, int type, const char *signature, const void *v, int n)
{
	DBusMessageIter array;

	return dbus_message_iter_open_container(i, DBUS_TYPE_ARRAY, signature, &array) &&
	       dbus_message_iter_append_fixed_array(&array, type, &v, n) &&
	       dbus_message_iter_close_container(i, &array);
}

static bool append_value(DBusMessageIter *i, const struct systemd_property *p)
{
	union {
		dbus_bool_t b;
		dbus_int32_t i;
		dbus_uint32_t u;
		dbus_int64_t x;
		dbus_uint64_t t;
	} v;

	switch (p->type) {
	case 'D':
	case 'L':
		return append_paths(i, p);
	case 'a':
		return append_strings(i, p);
	case 'y':
		return append_fixed(i, DBUS_TYPE_BYTE, "y", p->bytes, (int)p->n);
	case 'U':
		v.u = (dbus_uint32_t)p->u;
		return append_fixed(i, DBUS_TYPE_UINT32, "u", &v.u, 1);
	case 's':
		return dbus_message_iter_append_basic(i, DBUS_TYPE_STRING, &p->s);
	case 'b':
		v.b = p->i != 0;
		break;
	case 'i':
		v.i = (dbus_int32_t)p->i;
		break;
	case 'u':
		v.u = (dbus_uint32_t)p->u;
		break;
	case 'x':
		v.x = p->i;
		break;
	default:
		v.t = p->u;
	}
	return dbus_message_iter_append_basic(i, p->type, &v);
}

static const char *signature(const struct systemd_property *p, char buf[2])
{
	switch (p->type) {
	case 'D':
		return "a(ss)";
	case 'L':
		return "a(st)";
	case 'a':
		return "as";
	case 'y':
		return "ay";
	case 'U':
		return "au";
	default:
		buf[0] = p->type;
		buf[1] = '\0';
		return buf;
	}
}

/* a(sv) */
static bool append_properties(DBusMessageIter *i, const struct unit_properties *l)
{
	DBusMessageIter array, pair, variant;
	bool ok = dbus_message_iter_open_container(i, DBUS_TYPE_ARRAY, "(sv)", &array);
	char buf[2];

	for (size_t k = 0; ok && k < l->n; k++) {
		const struct systemd_property *p = &l->v[k];

		ok = dbus_message_iter_open_container(&array, DBUS_TYPE_STRUCT, NULL, &pair) &&
		     dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &p->name) &&
		     dbus_message_iter_open_container(&pair, DBUS_TYPE_VARIANT, signature(p, buf),
						      &variant) &&
		     append_value(&variant, p) &&
		     dbus_message_iter_close_container(&pair, &variant) &&
		     dbus_message_iter_close_container(&array, &pair);
	}
	return ok && dbus_message_iter_close_container(i, &array);
}

/* Two strings, as most calls begin; NULL ends them. */
static bool append_texts(DBusMessageIter *i, const char *first, const char *second)
{
	return dbus_message_iter_append_basic(i, DBUS_TYPE_STRING, &first) &&
	       (!second || dbus_message_iter_append_basic(i, DBUS_TYPE_STRING, &second));
}

/* Send m and take its reply; the time that it took goes to the debug log. */
static int call(struct bus *b, DBusMessage *m, const char *unit, DBusMessage **ret, struct err *e)
{
	trace_here("systemd", dbus_message_get_member(m));
	int64_t began = log_debugging ? sys_now_ms() : 0;
	int r = bus_call(b, m, ret, e);

	log_debug("systemd: %s %s: %lld ms%s%s", dbus_message_get_member(m), unit,
		  (long long)(sys_now_ms() - began), r < 0 ? ": " : "", r < 0 ? e->chain : "");
	return r;
}

/* org.freedesktop.DBus.Properties: Get(s interface, s name), answered by v */
static int get_property(struct bus *b, const char *object, const char *kind, const char *name,
			const char *unit, DBusMessage **ret, struct err *e)
{
	auto_message DBusMessage *m =
		dbus_message_new_method_call(SERVICE, object, DBUS_INTERFACE_PROPERTIES, "Get");
	auto_free char *interface = xasprintf(SERVICE ".%s", kind);
	DBusMessageIter i;

	if (!m)
		return err_set(e, ENOMEM, "out of memory");
	dbus_message_iter_init_append(m, &i);
	if (!append_texts(&i, interface, name))
		return err_set(e, ENOMEM, "out of memory");
	return call(b, m, unit, ret, e);
}

static bool is_error(DBusMessage *m, const char *name)
{
	return m && dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR &&
	       !strcmp(dbus_message_get_error_name(m), name);
}

/* --- Jobs ------------------------------------------------------------------------------------- */

/* The job that a call has begun, and its end, which may be told before the call's reply. */
struct job {
	const char *unit;
	char path[80],
		ended[80]; /* of the job, "" until the reply has come; and of the last to end */
	char result[32];   /* "done", "failed", ... */
	bool over;
	bool asked; /* systemd may be at it, or have done it */
};

/* JobRemoved(u id, o job, s unit, s result) */
static void on_signal(void *arg, DBusMessage *m)
{
	struct job *j = arg;
	const char *path, *unit, *result;
	dbus_uint32_t id;

	if (!dbus_message_is_signal(m, INTERFACE, "JobRemoved") ||
	    !dbus_message_get_args(m, NULL, DBUS_TYPE_UINT32, &id, DBUS_TYPE_OBJECT_PATH, &path,
				   DBUS_TYPE_STRING, &unit, DBUS_TYPE_STRING, &result,
				   DBUS_TYPE_INVALID) ||
	    strcmp(unit, j->unit) != 0)
		return;
	snprintf(j->ended, sizeof(j->ended), "%s", path);
	snprintf(j->result, sizeof(j->result), "%s", result);
	j->over = !strcmp(j->ended, j->path);
}

/*
 * Be told of the jobs of one unit alone: a busy machine has many. systemd sends the signal to whom
 * began the job, subscribed or not; the private socket carries it without a match.
 */
static int watch(struct bus *b, struct job *j, struct err *e)
{
	auto_message DBusMessage *m = NULL;
	auto_free char *rule = NULL;
	const char *text;
	DBusMessageIter i;

	b->on_signal = on_signal;
	b->arg = j;
	if (b->direct)
		return 0;
	rule = xasprintf("type='signal',sender='" SERVICE "',path='" PATH "',interface='" INTERFACE
			 "',member='JobRemoved',arg2='%s'",
			 j->unit);
	text = rule;
	m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
					 "AddMatch");
	if (!m)
		return err_set(e, ENOMEM, "out of memory");
	dbus_message_iter_init_append(m, &i);
	if (!append_texts(&i, text, NULL))
		return err_set(e, ENOMEM, "out of memory");
	return bus_send(b, m, e);
}

/* After so many milliseconds without a word of a job, systemd is asked whether it still knows of it. */
#define PATIENCE 2000

static int wait_end(struct bus *b, const struct job *j, struct err *e)
{
	int patience = b->timeout_ms < PATIENCE ? b->timeout_ms : PATIENCE;
	auto_message DBusMessage *reply = NULL;

	if (bus_wait(b, &j->over, patience, e) == 0)
		return 0;
	if (e->code != ETIMEDOUT || b->timeout_ms == patience)
		return -1;
	/* Of a job that is forgotten systemd says so; of a systemd that is gone the bus does. */
	if (get_property(b, j->path, "Job", "State", j->unit, &reply, e) < 0)
		return j->over ? 0 : -1;
	return bus_wait(b, &j->over, b->timeout_ms - patience, e);
}

/* The job that the reply to a call is about. */
static int wait_job(struct bus *b, struct job *j, DBusMessage *reply, struct err *e)
{
	trace_here("systemd's job of", j->unit);
	int64_t began = log_debugging ? sys_now_ms() : 0;
	const char *path;

	if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID))
		return err_set(e, EBADMSG, "its answer does not name a job");
	snprintf(j->path, sizeof(j->path), "%s", path);
	j->over = !strcmp(j->ended, j->path);
	if (wait_end(b, j, e) < 0)
		return -1;
	log_debug("systemd: the job of %s: %s in %lld ms", j->unit, j->result,
		  (long long)(sys_now_ms() - began));
	return 0;
}

/* --- Starting --------------------------------------------------------------------------------- */

/* StartTransientUnit(s name, s mode, a(sv) properties, a(sa(sv)) aux) */
static DBusMessage *start_message(const char *unit, const struct unit_properties *l)
{
	DBusMessage *m = method("StartTransientUnit");
	DBusMessageIter i, aux;

	if (!m)
		return NULL;
	dbus_message_iter_init_append(m, &i);
	if (append_texts(&i, unit, "fail") && append_properties(&i, l) &&
	    dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "(sa(sv))", &aux) &&
	    dbus_message_iter_close_container(&i, &aux))
		return m;
	dbus_message_unref(m);
	return NULL;
}

/* A call whose only argument is the unit; nobody waits for what comes of it. */
static void tell(struct bus *b, const char *name, const char *unit, const char *mode)
{
	auto_message DBusMessage *m = method(name);
	struct err ignored;
	DBusMessageIter i;

	if (!m)
		return;
	dbus_message_iter_init_append(m, &i);
	if (append_texts(&i, unit, mode) && bus_send(b, m, &ignored) < 0)
		log_debug("systemd: %s %s: %s", name, unit, ignored.chain);
}

/*
 * An older systemd refuses a call for one property that it does not know, or a value of it, and
 * names it. If the container has it by its cgroup as well, leave it out.
 */
static bool drop_refused(struct unit_properties *l, DBusMessage *reply, const struct err *e)
{
	if (!is_error(reply, DBUS_ERROR_PROPERTY_READ_ONLY) &&
	    !is_error(reply, DBUS_ERROR_INVALID_ARGS) &&
	    !is_error(reply, DBUS_ERROR_UNKNOWN_PROPERTY))
		return false;
	for (size_t i = 0; i < l->n; i++) {
		const char *name = l->v[i].name, *at = strstr(e->chain, name);
		size_t n = strlen(name);

		if (!l->v[i].droppable || !at ||
		    (at > e->chain && at[-1] != ' ' && at[-1] != '"') ||
		    (at[n] && !strchr(" ,.=\":", at[n])))
			continue;
		log_debug("systemd: without %s: %s", name, e->chain);
		memmove(&l->v[i], &l->v[i + 1], (l->n - i - 1) * sizeof(*l->v));
		l->n--;
		return true;
	}
	return false;
}

static int start_once(struct bus *b, const char *unit, const struct unit_properties *l,
		      DBusMessage **reply, struct err *e)
{
	auto_message DBusMessage *m = start_message(unit, l);

	bus_unref(reply);
	return m ? call(b, m, unit, reply, e) : err_set(e, ENOMEM, "out of memory");
}

/* The process is in the unit's cgroup. */
static bool is_inside(pid_t pid, const char *unit)
{
	char path[PROC_PATH_SIZE];
	auto_free char *end = xasprintf("/%s\n", unit);
	auto_free char *text = NULL;
	struct err ignored;

	proc_path(path, pid, "cgroup");
	return fd_read_file(AT_FDCWD, path, 65536, &text, NULL, &ignored) == 0 && strstr(text, end);
}

static int start(struct bus *b, struct job *j, struct unit_properties *l, pid_t pid, struct err *e)
{
	auto_message DBusMessage *reply = NULL;
	bool cleared = false;

	while (start_once(b, j->unit, l, &reply, e) < 0) {
		if (is_error(reply, "org.freedesktop.systemd1.UnitExists") && !cleared) {
			/* One that failed keeps its name until this. */
			tell(b, "ResetFailedUnit", j->unit, NULL);
			cleared = true;
		} else if (!drop_refused(l, reply, e)) {
			/* And not refused; whose systemd ended before it had an answer is not, either. */
			j->asked = !reply || is_error(reply, DBUS_ERROR_NO_REPLY);
			return -1;
		}
	}
	j->asked = true;
	if (wait_job(b, j, reply, e) < 0) {
		/* A busy systemd may not have come to tell us, or the bus may have ended on the way. */
		if (e->code == EBADMSG || !is_inside(pid, j->unit))
			return -1;
		log_warn("systemd has started %s, but did not say so: %s", j->unit, e->chain);
		return 0;
	}
	if (strcmp(j->result, "done") != 0)
		return err_set(e, EREMOTEIO, "its job ended with \"%s\"", j->result);
	return 0;
}

int systemd_start(const char *unit, bool user, struct unit_properties *l, pid_t pid, struct err *e)
{
	auto_bus struct bus b = BUS_INIT;
	struct job j = { .unit = unit };

	if (open_bus(&b, user, e) < 0 || watch(&b, &j, e) < 0)
		return -1;
	if (start(&b, &j, l, pid, e) == 0)
		return 0;
	/* A unit that was refused is another's, if there is one; ours may yet come into being. */
	if (j.asked)
		tell(&b, "StopUnit", unit, "replace");
	return err_wrap(e, "systemd cannot start %s", unit);
}

/* --- Stopping, changing ----------------------------------------------------------------------- */

/* KillUnit(s name, s whom, i signal); what comes of it is StopUnit's to say. */
static void kill_all(struct bus *b, const char *unit)
{
	auto_message DBusMessage *m = method("KillUnit");
	dbus_int32_t sig = SIGKILL;
	struct err ignored;
	DBusMessageIter i;

	if (!m)
		return;
	dbus_message_iter_init_append(m, &i);
	if (append_texts(&i, unit, "all") &&
	    dbus_message_iter_append_basic(&i, DBUS_TYPE_INT32, &sig) &&
	    bus_send(b, m, &ignored) < 0)
		log_debug("systemd: KillUnit %s: %s", unit, ignored.chain);
}

int systemd_stop(const char *unit, bool user, bool kill, struct err *e)
{
	auto_message DBusMessage *m = method("StopUnit"), *reply = NULL;
	auto_bus struct bus b = BUS_INIT;
	struct job j = { .unit = unit };
	DBusMessageIter i;

	if (!m)
		return err_set(e, ENOMEM, "out of memory");
	dbus_message_iter_init_append(m, &i);
	if (!append_texts(&i, unit, "replace"))
		return err_set(e, ENOMEM, "out of memory");
	if (open_bus(&b, user, e) < 0 || watch(&b, &j, e) < 0)
		return -1;
	if (kill)
		kill_all(&b, unit);
	if (call(&b, m, unit, &reply, e) < 0) {
		/* Nobody has been in its cgroup for long enough: systemd has forgotten it. */
		if (is_error(reply, "org.freedesktop.systemd1.NoSuchUnit"))
			return 0;
		return err_wrap(e, "systemd cannot stop %s", unit);
	}
	if (wait_job(&b, &j, reply, e) < 0)
		return err_wrap(e, "systemd cannot stop %s", unit);
	tell(&b, "ResetFailedUnit", unit, NULL);
	return 0;
}

/* SetUnitProperties(s name, b runtime, a(sv) properties) */
static DBusMessage *set_message(const char *unit, const struct unit_properties *l)
{
	DBusMessage *m = method("SetUnitProperties");
	dbus_bool_t runtime = TRUE;
	DBusMessageIter i;

	if (!m)
		return NULL;
	dbus_message_iter_init_append(m, &i);
	if (append_texts(&i, unit, NULL) &&
	    dbus_message_iter_append_basic(&i, DBUS_TYPE_BOOLEAN, &runtime) &&
	    append_properties(&i, l))
		return m;
	dbus_message_unref(m);
	return NULL;
}

int systemd_set(const char *unit, bool user, struct unit_properties *l, struct err *e)
{
	auto_bus struct bus b = BUS_INIT;
	int r = l->n ? open_bus(&b, user, e) : 0;

	while (r == 0 && l->n) {
		auto_message DBusMessage *m = set_message(unit, l), *reply = NULL;

		r = m ? call(&b, m, unit, &reply, e) : err_set(e, ENOMEM, "out of memory");
		if (r == 0)
			break;
		r = drop_refused(l, reply, e) ? 0 : err_wrap(e, "systemd cannot change %s", unit);
	}
	return r;
}

/* An object path has letters, digits and "_"; all else of a name is "_" and two digits (systemd). */
static void add_unit_object(struct str *out, const char *unit)
{
	str_add(out, PATH "/unit/");
	for (const char *u = unit; *u; u++) {
		if ((*u >= 'a' && *u <= 'z') || (*u >= 'A' && *u <= 'Z') ||
		    (*u >= '0' && *u <= '9' && u > unit))
			str_add_n(out, u, 1);
		else
			str_addf(out, "_%02x", (unsigned char)*u);
	}
}

int systemd_cgroup_of(const char *unit, bool user, char **ret, struct err *e)
{
	auto_message DBusMessage *reply = NULL;
	auto_str struct str object = { 0 };
	auto_bus struct bus b = BUS_INIT;
	DBusMessageIter i, value;
	const char *path;

	add_unit_object(&object, unit);
	if (open_bus(&b, user, e) < 0)
		return -1;
	if (get_property(&b, str_get(&object), "Scope", "ControlGroup", unit, &reply, e) < 0)
		return err_wrap(e, "systemd does not say where %s is", unit);
	if (!dbus_message_iter_init(reply, &i) ||
	    dbus_message_iter_get_arg_type(&i) != DBUS_TYPE_VARIANT)
		return err_set(e, EBADMSG, "systemd does not say where %s is", unit);
	dbus_message_iter_recurse(&i, &value);
	if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_STRING)
		return err_set(e, EBADMSG, "systemd does not say where %s is", unit);
	dbus_message_iter_get_basic(&value, &path);
	if (*path != '/')
		return err_set(e, ENOENT, "systemd gave %s no cgroup", unit);
	*ret = xstrdup(path);
	return 0;
}

/* AttachProcessesToUnit(s name, s subcgroup, au pids) */
int systemd_attach(const char *unit, bool user, const char *below, pid_t pid, struct err *e)
{
	auto_message DBusMessage *m = method("AttachProcessesToUnit"), *reply = NULL;
	auto_bus struct bus b = BUS_INIT;
	dbus_uint32_t id = (dbus_uint32_t)pid;
	DBusMessageIter i;

	if (!m)
		return err_set(e, ENOMEM, "out of memory");
	dbus_message_iter_init_append(m, &i);
	if (!append_texts(&i, unit, below) || !append_fixed(&i, DBUS_TYPE_UINT32, "u", &id, 1))
		return err_set(e, ENOMEM, "out of memory");
	if (open_bus(&b, user, e) < 0)
		return -1;
	if (call(&b, m, unit, &reply, e) < 0)
		return err_wrap(e, "systemd cannot move process %d into %s", (int)pid, unit);
	return 0;
}
