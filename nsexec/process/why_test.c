/* SPDX-License-Identifier: Apache-2.0 */
#include "nsexec/process/why.h"

#include "state/base/mem.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void says(const char *name, const void *data, size_t n, int code, const char *want)
{
	int fd = memfd_create("program", MFD_CLOEXEC);
	char buf[400] = "";
	bool told;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		ok(false, "%s: no file", name);
	told = why_not_executable(fd, code, buf, sizeof(buf));
	ok(told == (want != NULL), "%s: %s", name, told ? "explained" : "not explained");
	if (want)
		is(buf, want, name);
	close(fd);
}

static void text(const char *s, int code, const char *want)
{
	says(s, s, strlen(s), code, want);
}

/* "this machine is" whatever the test runs on. */
static void foreign(const char *name, const void *data, size_t n, const char *machine)
{
	int fd = memfd_create("program", MFD_CLOEXEC);
	char buf[400] = "";
	auto_free char *want = xasprintf("it is a program for %s, this machine is ", machine);

	ok(fd >= 0 && write(fd, data, n) == (ssize_t)n &&
		   why_not_executable(fd, ENOEXEC, buf, sizeof(buf)) &&
		   !strncmp(buf, want, strlen(want)),
	   "%s: %s", name, buf);
	close(fd);
}

int main(void)
{
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph[2];
		char loader[32];
	} p = { .eh = { .e_ident = ELFMAG }, .loader = "/no/such/ld" };

	text("#!/no/such/sh -e\n", ENOENT, "its interpreter \"/no/such/sh\" does not exist");
	text("#!  /no/such/sh", ENOENT, "its interpreter \"/no/such/sh\" does not exist");
	text("#!/no/\033[2Jsuch\n", ENOENT, "its interpreter \"/no/?[2Jsuch\" does not exist");
	text("#!/bin/sh\r\necho\r\n", ENOENT,
	     "the #! line of the script ends in a carriage return (CRLF line ends), so its interpreter "
	     "is \"/bin/sh\\r\"");
	text("#!\n/bin/sh\n", ENOEXEC, "the #! line of the script names no interpreter");
	text("#!/dev\n", EACCES, "its interpreter \"/dev\" is not executable");
	text("#!/dev/null\n", EACCES, "its interpreter \"/dev/null\" is not executable");
	text("#!/dev/null\n", ENOENT, NULL);
	text("echo hello\n", ENOEXEC, "it is a script without a #! line");
	text("echo hello\n", EACCES, NULL);
	text("", ENOEXEC, "the file is empty");
	says("bytes", "\1\2\3\4", 4, ENOEXEC, "it is neither a program nor a script");
	says("cut", "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0", 20, ENOEXEC,
	     "it is cut off after 20 bytes");
	text("#!/no/such/sh\n", E2BIG, NULL);

	p.eh.e_ident[EI_CLASS] = ELFCLASS64;
	p.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	p.eh.e_machine = SYS_ELF_MACHINE == EM_AARCH64 ? EM_RISCV : EM_AARCH64;
	foreign("another machine's", &p, sizeof(p),
		p.eh.e_machine == EM_RISCV ? "riscv" : "aarch64");
	p.eh.e_ident[EI_DATA] = ELFDATA2MSB;
	p.eh.e_machine = EM_S390 << 8;
	foreign("s390x", &p, sizeof(p), "s390x");
	p.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	p.eh.e_machine = SYS_ELF_MACHINE;
	says("static", &p, sizeof(p), ENOENT, NULL);
	p.eh.e_phoff = offsetof(__typeof__(p), ph);
	p.eh.e_phentsize = sizeof(Elf64_Phdr);
	p.eh.e_phnum = 2;
	p.ph[0].p_type = PT_LOAD;
	p.ph[1].p_type = PT_INTERP;
	p.ph[1].p_offset = offsetof(__typeof__(p), loader);
	p.ph[1].p_filesz = 12;
	says("dynamic", &p, sizeof(p), ENOENT, "its dynamic loader \"/no/such/ld\" does not exist");
	p.ph[1].p_filesz = UINT64_MAX;
	says("a huge name", &p, sizeof(p), ENOENT,
	     "its dynamic loader \"/no/such/ld\" does not exist");
	p.ph[1].p_offset = UINT64_MAX;
	says("a name nowhere", &p, sizeof(p), ENOENT, NULL);
	p.eh.e_phoff = UINT64_MAX - 3;
	says("headers nowhere", &p, sizeof(p), ENOENT, NULL);
	p.eh.e_phoff = 0;
	p.eh.e_phentsize = 1;
	says("headers of another size", &p, sizeof(p), ENOENT, NULL);

	/* Of 32 bits: armv7's own, and what a kernel of 64 bits runs beside its own */
	struct {
		Elf32_Ehdr eh;
		Elf32_Phdr ph[2];
		char loader[32];
	} q = {
		.eh = { .e_ident = ELFMAG,
			.e_machine = SYS_ELF_MACHINE == EM_386 ? EM_ARM : EM_386,
			.e_phoff = offsetof(__typeof__(q), ph),
			.e_phentsize = sizeof(Elf32_Phdr),
			.e_phnum = 2 },
		.ph = { { .p_type = PT_LOAD },
			{ .p_type = PT_INTERP,
			  .p_offset = offsetof(__typeof__(q), loader),
			  .p_filesz = 14 } },
		.loader = "/no/ld-linux.2",
	};
	q.eh.e_ident[EI_CLASS] = ELFCLASS32;
	q.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	says("32 bits", &q, sizeof(q), ENOENT,
	     "its dynamic loader \"/no/ld-linux.2\" does not exist");
	foreign("32 bits of a foreign machine", &q, sizeof(q),
		SYS_ELF_MACHINE == EM_386 ? "arm" : "i386");
	q.eh.e_machine = SYS_ELF_MACHINE;
	says("32 bits of our own", &q, sizeof(q), ENOENT,
	     "its dynamic loader \"/no/ld-linux.2\" does not exist");
	q.eh.e_phoff = UINT32_MAX;
	says("headers of 32 bits nowhere", &q, sizeof(q), ENOENT, NULL);
	return done_testing();
}
