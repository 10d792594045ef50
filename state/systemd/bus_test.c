/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses; what a bus does wrong is in bats/systemd.bats. */
#include "state/systemd/bus.h"

#include "state/base/mem.h"
#include "state/base/tap.h"

#include <stdlib.h>

static void names(const char *addresses, const char *wanted)
{
	auto_free char *name = bus_socket_name(addresses);

	is(name, wanted, *addresses ? addresses : "nothing");
}

int main(void)
{
	names("unix:path=/run/user/1000/bus", "/run/user/1000/bus");
	names("unix:path=/run/user/1000/bus,guid=00112233", "/run/user/1000/bus");
	names("unix:guid=00112233,path=/run/bus", "/run/bus");
	names("unix:abstract=/tmp/dbus-x,guid=0", "@/tmp/dbus-x");
	names("unix:path=/a%20b%2fc", "/a b/c");
	names("tcp:host=localhost,port=1;unix:path=/b", "/b");
	names("unix:path=/a;unix:path=/b", "/a");
	/* Addresses that would start a program or leave the machine, and what is none. */
	names("autolaunch:", NULL);
	names("unixexec:path=/bin/sh,argv1=-c", NULL);
	names("tcp:host=localhost,port=1", NULL);
	names("unix:tmpdir=/tmp", NULL);
	names("unix:path=relative", NULL);
	names("unix:path=/a%", NULL);
	names("unix:path=/a%0", NULL);
	names("unix:path=/a%zz", NULL);
	names("unix:path=/a%00b", NULL);
	names("unix:", NULL);
	names("/run/bus", NULL);
	names("", NULL);
	names(";;;", NULL);
	return done_testing();
}
