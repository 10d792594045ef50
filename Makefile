# SPDX-License-Identifier: Apache-2.0
#
#   make                build/hull, one static binary        make demo     a container's life, explained
#   make check          build, unit tests, lint, bats        make bench    against crun and runc
#   make lint format unit analyze fuzz dist install clean distclean
#   make dist           build/dist: the binaries for all five processors, texts, licences, hashes, SPDX
#   make check-boards   build for arm64, armv7, riscv64 and 386, unit tests by qemu-user
#   make check-clients bench-clients    hull under containerd, podman and Docker, which they install
#   make inject         every system call failing in every way, of which make check takes a share
#   make torture        random kills while commands race, SECONDS=120 in each view of cgroups and with systemd; make check takes a moment of it
#   make check-vm       bats in virtual machines: Debian with systemd, all of cgroup v2, AppArmor, SELinux; an initramfs
#
#   V=1           show every command            CI=true or WERROR=1   warnings are errors
#   SAN=1         build/san/hull for glibc with ASan and UBSan (also: make SAN=1 check)
#   ARCH=arm64    build/arm64/hull, by Debian's cross compilers (also armv7, riscv64, 386, amd64)
#   CC, AR, STRIP the tools, of Yocto or Buildroot, say, with DEPS=system
#   DEPS=system   link the system's static libraries (a musl distribution) instead of building them
#   LANES="host v2" TESTS="bats/create.bats"    what make check runs
#   DAY=N (since 1970)                           which sample CI takes of what does not fit into its time
#   PREFIX, DESTDIR, FUZZ_TIME (seconds for each fuzzer; 6, and 30 for config.json)

VERSION   := 0.1.0
PREFIX    := /usr/local
DEPS      := build
Q         := $(if $(filter 1,$(V)),,@)

ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
.DELETE_ON_ERROR:
.SUFFIXES:

# --- Sources, in layer order: a folder may use itself and those to its left -------------------------------------------

LAYERS := state nsexec init cmd
# Sanitizers need the malloc that they know.
FILES  := $(filter-out $(if $(filter 1,$(SAN)),state/base/malloc%.c),$(foreach l,$(LAYERS),$(wildcard $(l)/*.c $(l)/*/*.c)))
TESTS_C := $(filter %_test.c,$(FILES))
FUZZ_C := $(filter %_fuzz.c,$(FILES))
SRCS   := $(filter-out $(TESTS_C) $(FUZZ_C) cmd/docs_gen.c,$(FILES))

upto_state  := state
upto_nsexec := nsexec state
upto_init   := init nsexec state
upto_cmd    := cmd init nsexec state
# A folder within a layer links the layer; bats/lint/source.pl knows who may know whom there.
$(foreach f,$(patsubst %/,%,$(sort $(dir $(FILES)))),$(eval upto_$(f) ?= $(upto_$(firstword $(subst /, ,$(f))))))
# $(call archives,folder,x.c): the archives that a test or fuzzer in the folder of x.c links, its own first
archives = $(patsubst %,$(1)/lib%.a,$(upto_$(patsubst %/,%,$(dir $(2)))))

# --- Flags ------------------------------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wswitch-enum -Wundef \
	-Wwrite-strings
ifneq ($(filter true 1,$(CI) $(WERROR)),)
WARN += -Werror
endif

CPPFLAGS := -D_GNU_SOURCE -I.
# Where the system's libdbus has its headers, as on Debian and on Alpine
DBUS     := $(addprefix -idirafter /usr/,include/dbus-1.0 lib/dbus-1.0/include \
	lib/$(shell gcc -print-multiarch 2>/dev/null)/dbus-1.0/include)
COMMON   := -std=gnu11 $(WARN)

D        := build/deps
ifeq ($(SAN),1)
CC       := gcc
B        := build/san
CPPFLAGS += -idirafter /usr/include/cjson
CFLAGS   := $(COMMON) -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS  := -fsanitize=address,undefined
CPPFLAGS += $(DBUS)
LIBS     := -lseccomp -lcap -lcjson -ldbus-1
READY     = packages-san
export ASAN_OPTIONS := detect_leaks=0:abort_on_error=1
else
ifneq ($(ARCH),)
TRIPLE_amd64   := x86_64-linux-gnu
TRIPLE_arm64   := aarch64-linux-gnu
TRIPLE_armv7   := arm-linux-gnueabihf
TRIPLE_riscv64 := riscv64-linux-gnu
TRIPLE_386     := i686-linux-gnu
CROSS    := $(or $(TRIPLE_$(ARCH)),$(error ARCH=$(ARCH) is not amd64, arm64, armv7, riscv64 or 386))-
B        := build/$(ARCH)
D        := $(B)/deps
MUSL     := $(D)/musl/bin/musl-gcc
CC       := $(MUSL)
unexport CC # of an environment that has one, to the make that makes the texts
else
ifeq ($(origin CC),default)
CC       := $(if $(filter system,$(DEPS)),cc,musl-gcc)
endif
B        := build
endif
# Not PIE: Debian's musl-gcc turns -static-pie into a dynamic program without a word.
CFLAGS   := $(COMMON) -O2 -g -fno-pie -ffunction-sections -fdata-sections -fstack-protector-strong \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -ffile-prefix-map=$(CURDIR)=.
LDFLAGS  := -static -no-pie -Wl,--gc-sections,-T,cmd/layout.ld,-z,noexecstack,--build-id=sha1
LIBS     := -lseccomp -lcap -lcjson -ldbus-1
ifeq ($(DEPS),system)
CPPFLAGS += -idirafter /usr/include/cjson $(DBUS)
else
CPPFLAGS += -isystem $(D)/include -idirafter $(D)/include-linux
LDFLAGS  += -L$(D)/lib
DEP_LIBS := $(addprefix $(D)/lib/,libseccomp.a libcap.a libcjson.a libdbus-1.a)
READY    := $(DEP_LIBS)
endif
endif

STRIP    ?= $(CROSS)strip
ifeq ($(origin AR),default)
AR       := $(CROSS)ar
endif

# --- The program ------------------------------------------------------------------------------------------------------

OBJS := $(SRCS:%.c=$(B)/obj/%.o)

# Of another architecture the program alone: the texts are the same, and made by running a program.
all: $(B)/hull $(if $(ARCH),,$(B)/hull.8 $(B)/hull.bash)

ifeq ($(SAN),1)
$(B)/hull: $(OBJS)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
else
$(B)/hull: $(B)/hull.debug
	$(Q)$(STRIP) -s -R .comment -o $@ $<

$(B)/hull.debug: $(OBJS) cmd/layout.ld $(DEP_LIBS)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(OBJS) $(LIBS)
endif

$(B)/obj/%.o: %.c Makefile | $(READY)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# One archive for each folder: tests and fuzzers link just what they use.
define archive
$(1)/lib$(2).a: $(patsubst %.c,$(1)/obj/%.o,$(filter-out cmd/main.c $(if $(filter build/fuzz,$(1)),state/base/malloc.c),$(filter $(2)/%,$(SRCS))))
	$$(Q)rm -f $$@; mkdir -p $$(@D); $(AR) rcsD $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call archive,$(B),$(l))))

# Version and commit reach one file only, and that is compiled again when they change.
COMMIT := $(shell git rev-parse HEAD 2>/dev/null)
VERSION_FLAGS := -DHULL_VERSION='"$(VERSION)"' -DHULL_COMMIT='"$(COMMIT)"'
%/cmd/version.o: CPPFLAGS += $(VERSION_FLAGS)
$(B)/obj/cmd/version.o: build/version
build/version: FORCE
	@mkdir -p $(@D); echo "$(VERSION) $(COMMIT)" | cmp -s - $@ || echo "$(VERSION) $(COMMIT)" >$@

# --- Manual page and completion, from the tables of options -----------------------------------------------------------

$(B)/docs_gen: $(B)/obj/cmd/docs_gen.o $(call archives,$(B),cmd/docs_gen.c)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/hull.8: cmd/manual.8 $(B)/docs_gen
	$(Q)$(B)/docs_gen man <$< >$@

$(B)/hull.bash: cmd/completion.bash $(B)/docs_gen
	$(Q)$(B)/docs_gen bash <$< >$@

# --- Dependencies and packages: bats/deps.sh --------------------------------------------------------------------------

$(D)/include-linux:
	$(Q)V=$(V) ARCH=$(ARCH) bats/deps.sh linux-headers

$(D)/musl/bin/musl-gcc: | $(D)/include-linux
	$(Q)V=$(V) ARCH=$(ARCH) bats/deps.sh musl

$(D)/lib/%.a: | $(D)/include-linux $(MUSL)
	$(Q)V=$(V) ARCH=$(ARCH) bats/deps.sh $*

profiles: | packages-test
	$(Q)V=$(V) bats/deps.sh profiles

criu: | packages-test
	$(Q)V=$(V) bats/deps.sh criu

packages-%:
	$(Q)V=$(V) bats/deps.sh packages $*

# --- Tests ------------------------------------------------------------------------------------------------------------

UNITS   := $(TESTS_C:%.c=$(B)/test/%)
FUZZERS := $(FUZZ_C:%.c=build/fuzz/%)

define unit
$(B)/test/$(1:.c=): $(B)/obj/$(1:.c=.o) $(call archives,$(B),$(1))
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach t,$(TESTS_C),$(eval $(call unit,$(t))))

RUN = HULL='$(CURDIR)/$(B)/hull' UNITS='$(UNITS)' LANES='$(LANES)' TESTS='$(TESTS)' V='$(V)' \
	CC='$(CC)' DEPS='$(DEPS)' SAN='$(SAN)' FUZZERS='$(FUZZERS)' FUZZ_TIME='$(FUZZ_TIME)' DAY='$(DAY)' OTHER='$(OTHER)' \
	bats/run-tests.sh

# The fuzzers when all is checked, or they are asked for.
check: packages-test $(if $(filter vm%,$(LANES)),packages-vm) profiles criu all $(UNITS) $(if $(filter fuzz,$(LANES) $(if $(LANES)$(TESTS)$(filter 1,$(SAN)),,fuzz)),$(FUZZERS))
	@$(RUN)

# In CI these two are a part of check; elsewhere check takes the engines that are there.
check-vm: LANES := vm vm-user vm-systemd vm-hybrid vm-initramfs vm-selinux
check-vm: packages-test packages-vm all
	@$(RUN)
check-clients: LANES := clients clients-v2
check-clients: packages-test packages-clients all
	@$(RUN)
# The other boards: built with warnings as errors, their unit tests run by qemu-user.
BOARDS := arm64 armv7 riscv64 386
board-%: | packages-boards build/deps/include-linux
	$(Q)$(MAKE) --no-print-directory ARCH=$* WERROR=1 all units
units: $(UNITS)
check-boards: LANES := $(BOARDS:%=unit-%)
check-boards: packages-test all $(BOARDS:%=board-%)
	@$(RUN)
check: $(foreach b,$(BOARDS),$(if $(filter unit-$(b) host-$(b) vm-$(b)%,$(LANES)),board-$(b)))
ifeq ($(CI),true)
# One of the other machines a day, and 386 on each.
DAY   := $(or $(DAY),$(shell expr $$(date +%s) / 86400))
OTHER := $(word $(shell expr $(DAY) % 4 + 1),arm64 armv7 riscv64 old)
check: packages-guests packages-clients $(if $(filter 1,$(SAN)),,$(patsubst %,board-%,$(filter-out old,$(OTHER)) 386) packages-vm)
endif

unit: LANES := unit
unit: profiles all $(UNITS)
	@$(RUN)

lint: LANES := lint
lint: packages-test all
	@$(RUN)

demo: packages-test all
	@HULL='$(CURDIR)/$(B)/hull' bats/demo.sh

bench: packages-bench all
	@HULL='$(CURDIR)/$(B)/hull' bats/bench/run.sh

# Each system call failing in each way (bats/inject.bats), of which make check takes a share; half an hour.
inject:
	@INJECT_ALL=1 FILE_TIMEOUT=14400 BATS_TEST_TIMEOUT=7200 $(MAKE) --no-print-directory check LANES="host v2" TESTS=bats/inject.bats

# Random kills while commands race, in each view; SECONDS is the shell's own variable, and make's here.
torture:
	@TORTURE_SECONDS=$(or $(SECONDS),120) FILE_TIMEOUT=86400 BATS_TEST_TIMEOUT=86400 $(MAKE) --no-print-directory check \
		LANES="$(or $(LANES),host v1 v2 vm-systemd)" TESTS=bats/torture.bats

# Through the engines; some minutes.
bench-clients: packages-clients all
	@HULL='$(CURDIR)/$(B)/hull' bats/clients/room.sh bats/bench/clients.sh

format:
	clang-format -i $(FILES) $(wildcard $(LAYERS:%=%/*.h) $(LAYERS:%=%/*/*.h))

# gcc's analyzer; the objects only remember which files were clean. bats/lint.sh runs this, and cppcheck.
# -O1 sees fewer paths than the build's -O2: whether something may be uninitialized is left to that. malloc has what it gives
# out, which is not lost.
ANALYZER := -Werror -Wno-maybe-uninitialized $(if $(filter 1,$(V)),,-fdiagnostics-path-format=none)
ANALYZED := $(patsubst %.c,build/lint/analyzed/%.o,$(filter-out state/base/malloc.c,$(SRCS)))
analyze: $(ANALYZED)
build/lint/analyzed/%.o: %.c Makefile | $(READY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(COMMON) -O1 -fanalyzer $(ANALYZER) -MMD -MP -c -o $@ $<

# --- Fuzzers: x_fuzz.c beside the code, corpus in bats/fuzz/x ---------------------------------------------------------

FUZZ_FLAGS := -std=gnu11 -D_GNU_SOURCE -I. -idirafter /usr/include/cjson $(DBUS) -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined

build/fuzz/obj/%.o: %.c Makefile | packages-fuzz
	@mkdir -p $(@D)
	@echo "  CLANG   $<"
	$(Q)clang $(FUZZ_FLAGS) $(if $(filter cmd/version.c,$<),$(VERSION_FLAGS)) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(foreach l,$(LAYERS),$(eval $(call archive,build/fuzz,$(l))))

define fuzzer
build/fuzz/$(1:.c=): build/fuzz/obj/$(1:.c=.o) $(call archives,build/fuzz,$(1))
	@mkdir -p $$(@D)
	$$(Q)clang $$(FUZZ_FLAGS) -fsanitize=fuzzer -o $$@ $$^ -lseccomp -lcap -lcjson -ldbus-1
endef
$(foreach f,$(FUZZ_C),$(eval $(call fuzzer,$(f))))

fuzz: LANES := fuzz
fuzz: $(FUZZERS)
	@$(RUN)

# --- Releases, installing, cleaning -----------------------------------------------------------------------------------

TEXTS := $(if $(ARCH),build,$(B))
DIST  := amd64 arm64 armv7 riscv64 386
dist-%: | build/deps/include-linux
	$(Q)$(MAKE) --no-print-directory ARCH=$* all
dist: packages-dist all $(DIST:%=dist-%)
	$(Q)bats/dist.sh '$(VERSION)' '$(COMMIT)' $(DIST)

# With ARCH a second make runs the program that prints them.
ifneq ($(ARCH),)
texts: | all
	$(Q)$(MAKE) --no-print-directory ARCH= build/hull.8 build/hull.bash
else
texts: all
endif

install: all texts
	$(Q)install -D -m 755 $(B)/hull $(DESTDIR)$(PREFIX)/bin/hull
	$(Q)ln -sfn hull $(DESTDIR)$(PREFIX)/bin/containerd-shim-hull-v2
	$(Q)install -D -m 644 $(TEXTS)/hull.8 $(DESTDIR)$(PREFIX)/share/man/man8/hull.8
	$(Q)install -D -m 644 $(TEXTS)/hull.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/hull

clean:
	$(Q)rm -rf $(filter-out build/deps,$(wildcard build/*))

distclean:
	$(Q)rm -rf build

FORCE:
.PHONY: all profiles criu check check-boards units check-clients check-vm unit lint format analyze demo bench bench-clients inject torture fuzz dist texts install clean distclean FORCE
-include $(shell find build -name deps -prune -o -name '*.d' -print 2>/dev/null)
