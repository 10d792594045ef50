/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull --version`. Clients read the lines "hull version ", "commit: " and "spec: ". The only file
 * that is compiled again when the commit changes.
 */
#include "cmd/line/help.h"

#include <seccomp.h>
#include <string.h>

#include "state/record.h"
#include "state/base/str.h"

const char hull_version[] = HULL_VERSION, hull_commit[] = HULL_COMMIT;

/* What the licences ask for in a binary. */
static const char notices[] =
	"\n"
	"hull is licensed under the Apache License 2.0. It contains, linked in:\n"
	"\n"
	"musl, Copyright (c) 2005-2020 Rich Felker, et al. (MIT)\n"
	"libseccomp, Copyright (c) 2012-2022 Red Hat, Paul Moore and others (LGPL-2.1: hull's source\n"
	"    and Makefile let you link hull with another version of it)\n"
	"libcap, Copyright (c) 1997-2022 Andrew G. Morgan (BSD-3-Clause)\n"
	"cJSON, Copyright (c) 2009-2017 Dave Gamble and cJSON contributors (MIT)\n"
	"libdbus, Copyright (c) 2002-2022 Red Hat, Inc., Havoc Pennington and others (AFL-2.1;\n"
	"    its source: dbus.freedesktop.org, or the source package that hull's Makefile fetches)\n"
	"\n"
	"MIT: Permission is hereby granted, free of charge, to any person obtaining a copy of this\n"
	"software and associated documentation files (the \"Software\"), to deal in the Software without\n"
	"restriction, including without limitation the rights to use, copy, modify, merge, publish,\n"
	"distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the\n"
	"Software is furnished to do so, subject to the following conditions: The above copyright notice\n"
	"and this permission notice shall be included in all copies or substantial portions of the\n"
	"Software. THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,\n"
	"INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR\n"
	"PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR\n"
	"ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,\n"
	"ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE\n"
	"SOFTWARE.\n"
	"\n"
	"BSD-3-Clause: Redistribution and use in source and binary forms of libcap, with or without\n"
	"modification, are permitted provided that the following conditions are met: 1. Redistributions\n"
	"of source code must retain any existing copyright notice, and this entire permission notice in\n"
	"its entirety, including the disclaimer of warranties. 2. Redistributions in binary form must\n"
	"reproduce all prior and current copyright notices, this list of conditions, and the following\n"
	"disclaimer in the documentation and/or other materials provided with the distribution. 3. The\n"
	"name of any author may not be used to endorse or promote products derived from this software\n"
	"without their specific prior written permission. THIS SOFTWARE IS PROVIDED \"AS IS\" AND ANY\n"
	"EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF\n"
	"MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE\n"
	"AUTHOR(S) BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL\n"
	"DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF\n"
	"USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,\n"
	"WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN\n"
	"ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.\n";

void version_text(bool verbose, struct str *out)
{
	const struct scmp_version *v = seccomp_version();

	str_addf(out, "%s version %s%s\n", program_name, hull_version,
		 strcmp(program_name, "hull") ? " (hull)" : "");
	if (*hull_commit)
		str_addf(out, "commit: %s\n", hull_commit);
	str_add(out, "spec: " OCI_VERSION "\n");
	if (v)
		str_addf(out, "libseccomp: %u.%u.%u\n", v->major, v->minor, v->micro);
	if (verbose)
		str_add(out, notices);
}
