/* SPDX-License-Identifier: Apache-2.0 */
#include "nsexec/process/interrupt.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/names.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int signal_fd = -1;

int interrupt_open(struct err *e)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction act;
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (sigaction(signals[i], NULL, &act) == 0 && act.sa_handler != SIG_IGN)
			sigaddset(&mask, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd < 0 ? err_sys(e, "signalfd") : 0;
}

void interrupt_close(void)
{
	cleanup_close(&signal_fd);
	signal_fd = -1;
}

int interrupt_fd(void)
{
	return signal_fd;
}

int interrupt_take(struct err *e)
{
	struct signalfd_siginfo info = { 0 };
	char name[32];

	if (read(signal_fd, &info, sizeof(info)) < 0)
		return err_sys(e, "read a signal");
	return err_set(e, EINTR, "interrupted by signal %u (%s)", info.ssi_signo,
		       signal_name((int)info.ssi_signo, name));
}

int interrupt_wait(int fd, short events, struct err *e)
{
	struct pollfd p[] = { { .fd = fd, .events = events },
			      { .fd = signal_fd, .events = POLLIN } };

	if (signal_fd < 0 && events)
		return 0;
	while (poll(p, ARRAY_SIZE(p), -1) < 0) {
		if (errno != EINTR)
			return err_sys(e, "poll");
	}
	return p[1].revents ? interrupt_take(e) : 0;
}
