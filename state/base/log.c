/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log, in the two formats of logrus, which runc's clients read. Runs in hull; what the stages
 * have to say comes to it as messages. A line is written by one write(2), so that those of several
 * processes do not mix.
 */
#include "state/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

bool log_debugging;
bool log_warning = true;

#define JOURNAL "/run/systemd/journal/socket"
#define SYSLOG	"/dev/log"

static int log_fd = STDERR_FILENO;
static bool log_json, log_alone;
static enum { TO_FILE, TO_JOURNAL, TO_SYSLOG } log_kind;
static const char *log_name; /* what a message of a daemon's is of: the caller's word for it */

/* "journald:ID" and "syslog:ID", as crun takes them: true when path is one of these. */
static bool is_daemon(const char *path)
{
	log_kind = str_starts(path, "journald:") ? TO_JOURNAL :
		   str_starts(path, "syslog:")	 ? TO_SYSLOG :
						   TO_FILE;
	if (log_kind == TO_FILE)
		return false;
	log_name = strchr(path, ':') + 1;
	return true;
}

static int connect_daemon(struct err *e)
{
	const char *path = log_kind == TO_JOURNAL ? JOURNAL : SYSLOG;
	int fd = fd_connect_unix(AT_FDCWD, path, SOCK_DGRAM | SOCK_NONBLOCK);

	if (!*log_name)
		err_set(e, EINVAL, "a name is missing behind the colon");
	else if (fd < 0)
		err_sys(e, "%s", path);
	else
		return fd;
	cleanup_close(&fd);
	return -1;
}

static int open_path(const char *path, struct err *e)
{
	int fd = is_daemon(path) ? connect_daemon(e) : -1;

	if (log_kind == TO_FILE)
		/* Not blocking: a FIFO whose reader stops to read loses lines, and nobody waits. */
		fd = fd_open_output(str_starts(path, "file:") ? path + strlen("file:") : path, 0,
				    0644, e);
	if (fd >= 0)
		return fd;
	log_kind = TO_FILE; /* stderr, which is told of it */
	return err_wrap(e, "unable to open the log file");
}

/* "error", "warning", "info", "debug", or NULL. */
static int set_level(const char *level, bool *debug, struct err *e)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };

	for (size_t i = 0; level && i < ARRAY_SIZE(levels); i++) {
		if (strcmp(level, levels[i]) != 0)
			continue;
		*debug |= i == 3;
		log_warning = *debug || i > 0;
		return 0;
	}
	return !level ? 0 :
			err_set(e, EINVAL,
				"invalid log-level: \"%s\" is not error, warning, info or debug",
				level);
}

int log_open(const char *path, bool json, bool debug, const char *level, struct err *e)
{
	int fd;

	log_json = json;
	log_warning = debug || str_empty(path);
	if (set_level(level, &debug, e) < 0)
		return -1;
	log_debugging = debug;
	if (str_empty(path))
		return 0;
	/* Who has opened it reads it: nothing is said on stderr, which may be the container's. */
	log_alone = fd_number(path) >= 0;
	if (log_alone) {
		log_fd = fd_number(path);
		return 0;
	}
	fd = open_path(path, e);
	if (fd < 0)
		return -1;
	log_fd = fd;
	/* A reader that goes does not end hull in the middle of its work. */
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	return 0;
}

/* As Go's %q: in double quotes, with backslashes; text that is not UTF-8 stays as it is. */
static void quote(struct str *out, const char *s)
{
	static const char from[] = "\"\\\a\b\f\n\r\t\v", to[] = "\"\\abfnrtv";
	const char *which;

	str_add(out, "\"");
	for (; *s; s++) {
		which = strchr(from, *s);
		if (which)
			str_addf(out, "\\%c", to[which - from]);
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			str_addf(out, "\\x%02x", (unsigned)*s);
		else
			str_add_n(out, s, 1);
	}
	str_add(out, "\"");
}

/* logrus quotes only what needs it. */
static void value(struct str *out, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._/@^+";

	if (s[strspn(s, plain)])
		quote(out, s);
	else
		str_add(out, s);
}

static int priority(const char *level)
{
	/* syslog(3) */
	return !strcmp(level, "error") ? 3 : !strcmp(level, "warning") ? 4 : 7;
}

/* systemd's "Native Journal Protocol": a value with newlines comes with its length before it. */
static void add_field(struct str *out, const char *name, const char *value)
{
	uint64_t n = strlen(value);

	if (!strchr(value, '\n')) {
		str_addf(out, "%s=%s\n", name, value);
		return;
	}
	str_addf(out, "%s\n", name);
	for (int i = 0; i < 8; i++)
		str_add_n(out, (const char[]){ (char)(n >> 8 * i) }, 1);
	str_addf(out, "%s\n", value);
}

static void journal_line(struct str *line, const char *level, const char *msg, const struct err *e)
{
	add_field(line, "MESSAGE", msg);
	str_addf(line, "PRIORITY=%d\nSYSLOG_IDENTIFIER=hull\n", priority(level));
	add_field(line, "ID", log_name);
	if (e)
		str_addf(line, "ERRNO=%d\n", e->code);
	if (e && e->pointer[0])
		add_field(line, "JSON_POINTER", e->pointer);
}

/* RFC 3164, as daemons read it at /dev/log, who know the time themselves; facility 1 is "user". */
static void syslog_line(struct str *line, const char *level, const char *msg)
{
	str_addf(line, "<%d>hull[%d]: %s: %s", 1 << 3 | priority(level), (int)getpid(), log_name,
		 msg);
}

/* e, when not NULL, gives the JSON line keys for programs, after those that everybody knows. */
static void write_line(const char *level, const char *msg, const struct err *e)
{
	auto_str struct str line = { 0 };
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (log_kind == TO_JOURNAL) {
		journal_line(&line, level, msg, e);
	} else if (log_kind == TO_SYSLOG) {
		syslog_line(&line, level, msg);
	} else if (log_json) {
		str_addf(&line, "{\"level\":\"%s\",\"msg\":", level);
		str_add_json(&line, msg);
		str_addf(&line, ",\"time\":\"%s\"", when);
		if (e && e->pointer[0]) {
			str_add(&line, ",\"pointer\":");
			str_add_json(&line, e->pointer);
		}
		if (e)
			str_addf(&line, ",\"errno\":%d", e->code);
		str_add(&line, "}\n");
	} else {
		str_addf(&line, "time=\"%s\" level=%s msg=", when, level);
		value(&line, msg);
		str_add(&line, "\n");
	}
	(void)fd_write_all(log_fd, line.s, line.n);
}

void log_write(const char *level, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(level, text, NULL);
}

void log_warn_text(const char *text)
{
	log_warn("%s", text);
}

const char *log_error_text(const struct err *e, char *buf, size_t size)
{
	if (e->pointer[0] && !strstr(e->chain, e->pointer))
		snprintf(buf, size, "%s (%s)", e->chain, e->pointer);
	else
		snprintf(buf, size, "%s", e->chain);
	return buf;
}

/* An image's name of a file, say, must not give orders to a terminal. Lines are hooks' own. */
static void disarm(char *s)
{
	for (; *s; s++) {
		if (((unsigned char)*s < ' ' && *s != '\n' && *s != '\t') || *s == 0x7f)
			*s = '?';
	}
}

void log_error(const struct err *e)
{
	char text[sizeof(e->chain) + sizeof(e->pointer) + 8];
	size_t n;

	log_error_text(e, text, sizeof(text) - 1);
	write_line("error", text, e);
	if (log_fd == STDERR_FILENO || log_alone)
		return;
	n = strlen(text);
	disarm(text);
	text[n] = '\n';
	(void)fd_write_all(STDERR_FILENO, text, n + 1);
}
