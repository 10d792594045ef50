/* SPDX-License-Identifier: Apache-2.0 */
/* `hull state`: the state document of a container. */
#include "cmd/line/cmd.h"

#include "state/base/mem.h"
#include "state/record.h"
#include "state/status.h"
#include "state/base/str.h"

static int run(struct invocation *inv, struct err *e)
{
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record r = { 0 };
	auto_str struct str out = { 0 };
	enum status status;
	pid_t pid;

	if (status_load(&inv->globals->root, inv->args[0], STATUS_NO_LOCK, &c, &r, NULL, e) < 0)
		return -1;
	status = status_of(&c, &r, &pid);
	record_state(&r, status_name(status), pid, "", true, &out);
	return cmd_print(&out, e);
}

const struct command state_command = {
	.name = "state",
	.args = "<container-id>",
	.usage = "output the state of a container",
	.description = "The state command outputs current state information for the instance of a "
		       "container.",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
