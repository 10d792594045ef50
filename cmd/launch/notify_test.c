/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines of sd_notify(3) pass. */
#include "cmd/launch/notify.h"

#include "state/base/tap.h"

static void passes(const char *message, const char *wanted)
{
	auto_str struct str out = { 0 };

	notify_filter(message, strlen(message), &out);
	is(out.s ? out.s : "", wanted, message);
}

int main(void)
{
	auto_str struct str out = { 0 };

	passes("READY=1", "READY=1");
	passes("READY=1\n", "READY=1");
	passes("STATUS=a = b\nERRNO=2\nBUSERROR=org.x", "STATUS=a = b\nERRNO=2\nBUSERROR=org.x");
	passes("RELOADING=1\nMONOTONIC_USEC=12", "RELOADING=1\nMONOTONIC_USEC=12");
	passes("WATCHDOG=1\nWATCHDOG_USEC=1\nEXTEND_TIMEOUT_USEC=1\nEXIT_STATUS=3\nX_A=b\nSTOPPING=1",
	       "WATCHDOG=1\nWATCHDOG_USEC=1\nEXTEND_TIMEOUT_USEC=1\nEXIT_STATUS=3\nX_A=b\nSTOPPING=1");
	passes("MAINPID=1\nREADY=1\nMAINPIDFDID=1", "READY=1");
	passes("FDSTORE=1\nFDNAME=x\nFDPOLL=0\nFDSTOREREMOVE=1\nBARRIER=1\nNOTIFYACCESS=all", "");
	passes("", "");
	passes("\n\n", "");
	passes("READY", "");
	passes(" READY=1", "");
	notify_filter("READY=1\0MAINPID=1", 17, &out);
	is(out.s, "READY=1", "what follows a NUL is not seen");
	return done_testing();
}
