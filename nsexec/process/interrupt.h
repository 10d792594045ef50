/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGTERM, SIGINT and SIGHUP while hull makes something of which nothing may be left: they are not
 * delivered, but end what hull waits for at that moment, and what was made is taken back. One
 * that the caller ignores stays ignored. Runs in hull; in a stage and in init nothing of this is open.
 */
#ifndef NSEXEC_PROCESS_INTERRUPT_H
#define NSEXEC_PROCESS_INTERRUPT_H

#include "state/base/err.h"

#include <stdbool.h>

/* From here on; they stay blocked for good. Once only. */
must_check int interrupt_open(struct err *e);
/* They are somebody else's from here on: those that came stay pending. */
void interrupt_close(void);

/* For a poll(2) of one's own: readable when one has come; -1 while not open. */
int interrupt_fd(void);
/* It is readable: take the signal. Always -1, with EINTR and a sentence. */
int interrupt_take(struct err *e);

/*
 * Wait for events of fd (poll(2); 0: for its end alone). -1, with EINTR and a sentence, when a signal
 * comes first. Where nothing is open it does not wait for events, since whoever reads next does.
 */
must_check int interrupt_wait(int fd, short events, struct err *e);

#endif
