/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INIT_BASE_COPYUP_H
#define INIT_BASE_COPYUP_H

#include "state/base/err.h"

/* Fill the directory to_fd with what is in from_fd (tmpcopyup). */
must_check int copyup(int from_fd, int to_fd, struct err *e);

#endif
