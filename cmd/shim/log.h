/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's own log: lines for the FIFO "log" in its bundle, which containerd copies to its own.
 * It is opened for each line: nobody is waited for, and without a reader the line is lost.
 */
#ifndef CMD_SHIM_LOG_H
#define CMD_SHIM_LOG_H

#include "state/base/err.h"

/* The bundle, absolute; kept. */
void shim_log_init(const char *bundle);
/* level: "info", "warning", "error", as of logrus. */
void shim_log(const char *level, const char *fmt, ...) printf_like(2, 3);

#endif
