/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_LINE_HELP_H
#define CMD_LINE_HELP_H

#include "cmd/line/cmd.h"

struct str;

/* What `hull --help` and `hull COMMAND --help` print. */
void help_app(struct str *out);
void help_command(const struct command *c, struct str *out);

/* --version: four lines; verbose adds the notices of the libraries that are linked in. */
void version_text(bool verbose, struct str *out);
extern const char hull_version[], hull_commit[];

#endif
