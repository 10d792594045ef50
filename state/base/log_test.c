/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the log, in both formats. */
#include "state/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/tap.h"

static char file[] = "/tmp/hull-log-test.XXXXXX";

/* What was written since the last call, with every digit as 0. */
static char *written(void)
{
	struct err e;
	char *text = NULL;

	if (fd_read_file(AT_FDCWD, file, 65536, &text, NULL, &e) < 0)
		return xstrdup("");
	if (truncate(file, 0) < 0)
		perror(file);
	for (char *p = text; *p; p++)
		*p = *p >= '0' && *p <= '9' ? '0' : *p;
	return text;
}

static void wrote(const char *wanted, const char *what)
{
	auto_free char *text = written();

	is(text, wanted, what);
}

static int saved; /* the stderr of the test */

/* log_error with fd as stderr. */
static void log_with_stderr(int fd, const struct err *e)
{
	dup3(fd, STDERR_FILENO, 0);
	log_error(e);
	dup3(saved, STDERR_FILENO, 0);
}

int main(void)
{
	struct err e = { 0 }, other;
	char text[2048];
	int null;

	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (close(mkstemp(file)) < 0 || saved < 0 || null < 0)
		return 1;
	ok(log_open("/nonexistent/x", false, false, NULL, &e) < 0, "no such folder");
	is(e.chain, "unable to open the log file: open /nonexistent/x: no such file or directory",
	   "the sentence");

	ok(log_open("", false, false, NULL, &e) == 0 && log_warning, "on stderr there are, too");
	ok(log_open(file, false, false, NULL, &e) == 0, "text");
	log_debug("x");
	log_warn("x");
	wrote("", "nothing is said without --debug");
	dup3(null, STDERR_FILENO, 0);
	err_set(&e, EINVAL, "a \"b\" \\ \t\n\x01 \xc3\xa9");
	log_error(&e);
	dup3(saved, STDERR_FILENO, 0);
	wrote("time=\"0000-00-00T00:00:00Z\" level=error msg=\"a \\\"b\\\" \\\\ \\t\\n\\x00 "
	      "\xc3\xa9\"\n",
	      "quoting");

	ok(log_open(file, false, true, NULL, &e) == 0, "text, --debug");
	log_debug("plain");
	log_warn_text("two words");
	wrote("time=\"0000-00-00T00:00:00Z\" level=debug msg=plain\n"
	      "time=\"0000-00-00T00:00:00Z\" level=warning msg=\"two words\"\n",
	      "only what needs quotes has them");

	ok(log_open(file, true, false, NULL, &e) == 0, "JSON");
	err_set(&other, ENOENT, "is\nnot \"there\"");
	err_at_key(&other, "root");
	log_with_stderr(null, &other);
	wrote("{\"level\":\"error\",\"msg\":\"is\\nnot \\\"there\\\" (/root)\","
	      "\"time\":\"0000-00-00T00:00:00Z\",\"pointer\":\"/root\",\"errno\":0}\n",
	      "an error with a pointer");
	/* On stderr, which may be a terminal, while the file takes the log: here it is the same. */
	err_set(&other, ENOSPC, "copy a\033[2J\177\n\tb");
	log_with_stderr(open(file, O_WRONLY | O_APPEND | O_CLOEXEC), &other);
	wrote("{\"level\":\"error\",\"msg\":\"copy a\\u000b[0J\\u000f\\n\\tb\","
	      "\"time\":\"0000-00-00T00:00:00Z\",\"errno\":00}\ncopy a?[0J?\n\tb\n",
	      "nothing that a terminal would obey");
	err_set(&other, ENOENT, "is\nnot \"there\"");
	err_at_key(&other, "root");
	err_wrap(&other, "config.json: /root");
	is(log_error_text(&other, text, sizeof(text)), "config.json: /root: is\nnot \"there\"",
	   "a pointer that is in the text is not repeated");
	unlink(file);
	return done_testing();
}
