/* SPDX-License-Identifier: Apache-2.0 */
#include "nsexec/process/why.h"

#include "state/base/mem.h"
#include "state/base/sys.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define HEAD 256 /* BINPRM_BUF_SIZE of the kernel: what it looks at, too */

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "i386" },	   { EM_X86_64, "x86_64" }, { EM_ARM, "arm" },
		{ EM_AARCH64, "aarch64" }, { EM_RISCV, "riscv" },   { EM_S390, "s390x" },
		{ EM_PPC64, "ppc64" },	   { EM_MIPS, "mips" },	    { 258, "loongarch" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	return "another architecture";
}

/* The image chose these bytes: nothing but printable ones go into a message. */
static void clean(char *s)
{
	for (; *s; s++) {
		if (*s < ' ' || *s > '~')
			*s = '?';
	}
}

/* Whether the interpreter is what was missing, or not permitted. */
static bool blame(const char *kind, char *name, int code, char *buf, size_t size)
{
	struct stat st;
	const char *what = NULL;

	if (stat(name, &st) < 0)
		what = errno == ENOENT || errno == ENOTDIR ? "does not exist" : NULL;
	else if (code == EACCES && (S_ISDIR(st.st_mode) || access(name, X_OK) < 0))
		what = "is not executable";
	clean(name);
	if (what)
		snprintf(buf, size, "its %s \"%s\" %s", kind, name, what);
	return what;
}

/* "#! INTERPRETER [ARGUMENT]", as binfmt_script reads it (execve(2), Interpreter scripts). */
static bool script(char *head, int code, char *buf, size_t size)
{
	char *name = head + 2 + strspn(head + 2, " \t");
	size_t line = strcspn(name, "\n"), n = strcspn(name, " \t\n");

	if (n > 0 && name[n - 1] == '\r') {
		name[n - 1] = '\0';
		clean(name);
		snprintf(
			buf, size,
			"the #! line of the script ends in a carriage return (CRLF line ends), so its "
			"interpreter is \"%s\\r\"",
			name);
		return true;
	}
	if (n == 0 || line == 0) {
		snprintf(buf, size, "the #! line of the script names no interpreter");
		return true;
	}
	name[n] = '\0';
	return blame("interpreter", name, code, buf, size);
}

/* A program header (elf(5)) of either class */
struct segment {
	uint32_t type;
	uint64_t offset, size; /* in the file, bytes */
};

static bool read_segment(int fd, bool wide, uint64_t at, struct segment *s)
{
	union {
		Elf64_Phdr of64;
		Elf32_Phdr of32;
	} ph = { 0 };
	size_t size = wide ? sizeof(ph.of64) : sizeof(ph.of32);

	if (at > INT64_MAX || pread(fd, &ph, size, (off_t)at) != (ssize_t)size)
		return false;
	if (wide)
		*s = (struct segment){ ph.of64.p_type, ph.of64.p_offset, ph.of64.p_filesz };
	else
		*s = (struct segment){ ph.of32.p_type, ph.of32.p_offset, ph.of32.p_filesz };
	return true;
}

/* The dynamic loader that a program asks for (PT_INTERP), of our own class or, where the kernel runs such, of the other. */
static bool read_loader(int fd, const char *head, char *name, size_t size)
{
	bool wide = head[EI_CLASS] == ELFCLASS64;
	Elf64_Ehdr e64;
	Elf32_Ehdr e32;
	struct segment s;

	memcpy(&e64, head, sizeof(e64));
	memcpy(&e32, head, sizeof(e32));
	uint64_t start = wide ? e64.e_phoff : e32.e_phoff;
	unsigned n = wide ? e64.e_phnum : e32.e_phnum,
		 each = wide ? e64.e_phentsize : e32.e_phentsize;

	if (each != (wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return false;
	for (unsigned i = 0; i < n && i < 64; i++) {
		if (!read_segment(fd, wide, start + i * each, &s))
			return false;
		if (s.type != PT_INTERP)
			continue;
		ssize_t got = s.offset <= INT64_MAX ? pread(fd, name, size - 1, (off_t)s.offset) :
						      -1;

		if (got <= 0)
			return false;
		name[(uint64_t)got < s.size ? (uint64_t)got : s.size] = '\0';
		return name[0];
	}
	return false;
}

static bool program(int fd, const char *head, size_t n, int code, char *buf, size_t size)
{
	bool big = head[EI_DATA] == ELFDATA2MSB;
	unsigned machine, low = (unsigned char)head[18], high = (unsigned char)head[19];
	char loader[HEAD];

	if (n < sizeof(Elf64_Ehdr)) {
		snprintf(buf, size, "it is cut off after %zu bytes", n);
		return true;
	}
	machine = big ? low << 8 | high : high << 8 | low;
	if (machine != SYS_ELF_MACHINE && code == ENOEXEC) {
		snprintf(buf, size, "it is a program for %s, this machine is %s",
			 machine_name(machine), machine_name(SYS_ELF_MACHINE));
		return true;
	}
	/* Of another machine's kind that this kernel knows, 32-bit programs mostly, it missed the loader and no more. */
	if (big != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ||
	    (machine != SYS_ELF_MACHINE && code != ENOENT) ||
	    !read_loader(fd, head, loader, sizeof(loader)))
		return false;
	return blame("dynamic loader", loader, code, buf, size);
}

static bool is_text(const char *head, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)head[i] < ' ' && !strchr("\t\n\r\f\b\033", head[i]))
			return false;
	}
	return true;
}

bool why_not_executable(int fd, int code, char *buf, size_t size)
{
	char head[HEAD + 1];
	struct statvfs vfs;
	ssize_t n;

	if (code != ENOENT && code != ENOEXEC && code != EACCES)
		return false;
	if (code == EACCES && fstatvfs(fd, &vfs) == 0 && (vfs.f_flag & ST_NOEXEC)) {
		snprintf(buf, size, "it is on a file system that is mounted noexec");
		return true;
	}
	n = pread(fd, head, HEAD, 0);
	if (n < 0)
		return false;
	head[n] = '\0';
	if (n >= 2 && !memcmp(head, "#!", 2))
		return script(head, code, buf, size);
	if (n >= 20 && !memcmp(head, ELFMAG, SELFMAG))
		return program(fd, head, (size_t)n, code, buf, size);
	if (code != ENOEXEC)
		return false;
	if (n == 0)
		snprintf(buf, size, "the file is empty");
	else if (is_text(head, (size_t)n))
		snprintf(buf, size, "it is a script without a #! line");
	else
		snprintf(buf, size, "it is neither a program nor a script");
	return true;
}
