# SPDX-License-Identifier: Apache-2.0
# Keelboot. `make help` lists the targets.

VERSION := 0.1.0
B       := build
CC      := gcc
AR      := ar
NM      := nm
OBJCOPY := objcopy
PREFIX  := /usr
SYSCONFDIR := /etc
SHELL   := /bin/sh
PKG_CONFIG := pkg-config

# A recipe would take "a b" for two names, and remove the first.
$(foreach name,CURDIR DESTDIR PREFIX,$(if $(word 2,$($(name))),$(error $(name)=$($(name)): a name with a blank does not work; use one without)))
$(if $(CROSS_COMPILE),$(if $(MUSL),$(error MUSL=1 builds for this processor only: leave CROSS_COMPILE out)))

# `make CROSS_COMPILE=aarch64-linux-gnu-` builds for another processor, in a folder of its own: build/aarch64. Libraries are Debian's,
# unpacked by qemu/sysroot; SYSROOT=FOLDER takes another folder of them, SYSROOT= what the compiler itself finds. Debian's name of
# their folder may differ from the compiler's: i386-linux-gnu, i686-linux-gnu.
ifdef CROSS_COMPILE
TRIPLET := $(patsubst %-,%,$(notdir $(CROSS_COMPILE)))
B       := build/$(firstword $(subst -, ,$(TRIPLET)))
ifeq ($(origin SYSROOT),undefined)
ifeq ($(filter clean help lint,$(MAKECMDGOALS)),)
SYSROOT := $(shell qemu/sysroot $(TRIPLET))
$(if $(SYSROOT),,$(error no libraries for $(TRIPLET): see above, or name a folder that has them: SYSROOT=FOLDER))
endif
endif
MULTIARCH := $(or $(shell $(CROSS_COMPILE)gcc -print-multiarch 2>/dev/null),$(TRIPLET))
# -B: the C library of that folder, and not that of the package of the compiler, which gets no security updates.
CC      := $(CROSS_COMPILE)gcc $(if $(SYSROOT),--sysroot=$(SYSROOT) -B$(SYSROOT)/usr/lib/$(MULTIARCH)/)
AR      := $(CROSS_COMPILE)ar
NM      := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
PKG_CONFIG := $(if $(SYSROOT),PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
            PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(MULTIARCH)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig) pkg-config
endif

# `make MUSL=1` builds what wants no library but the C library with musl (package musl-tools), in build/musl: the guardian, which stays
# in memory, and the overlay's process. musl brings no headers of the kernel, and none of inih.
ifdef MUSL
B       := $(B)/musl
KERNEL_HEADERS := $(B)/include
CC      := musl-gcc -isystem $(KERNEL_HEADERS)
$(KERNEL_HEADERS):
	@mkdir -p $@
	@ln -sfn $(addprefix /usr/include/,linux asm-generic $(shell gcc -print-multiarch)/asm ini.h) $@/
endif

# ---------------------------------------------------------------- flags
# Warnings are errors only under `make lint`: a newer compiler must not stop somebody's build.
WARN     := -Wall -Wextra -Wshadow -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
            -Wwrite-strings
HARDEN   := -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero \
            -fno-strict-overflow -fno-delete-null-pointer-checks
# Nothing is unwound at run time; a debugger has its own tables. no_unwind.ld drops those of the static libraries.
HARDEN   += -fno-asynchronous-unwind-tables
# Landing pads for indirect jumps: they cost nothing, and work where the C library and the kernel bring theirs too.
comma    := ,
MACHINE  := $(shell $(CC) -dumpmachine)
HARDEN   += $(if $(findstring x86_64,$(MACHINE)),-fcf-protection=full,$(if $(findstring aarch64,$(MACHINE)),\
            -mbranch-protection=standard))
CFLAGS   := -O2 -g
CPPFLAGS := -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DKB_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=gnu11 $(WARN) $(HARDEN) -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)=. $(CFLAGS) $(UNOPTIMIZED)
# Debian 12 has no RISC-V, and its linker crashes on the static C library of Debian 13: LLVM's takes its place (package lld-19).
LLD      := $(if $(findstring riscv64,$(MACHINE)),$(shell t=$$(mktemp); echo 'int main(void) { return 0; }' | \
            $(CC) -static -x c -o $$t - 2>/dev/null || echo -B/usr/lib/llvm-19/bin -fuse-ld=lld; rm -f $$t))
# Where a static program cannot be relocated (armhf: no rcrt1.o; i386, musl: no __memset_chk(); riscv64: gcc 12 links a dynamic one), it
# lies at a fixed place, and its first object wants its tables.
PIE_TRY  := extern void *__memset_chk(void *, int, unsigned long, unsigned long); void *volatile p = __memset_chk; int main(void) { return 0; }
STATIC   := $(if $(CROSS_COMPILE)$(MUSL),$(shell t=$$(mktemp); echo '$(PIE_TRY)' | $(CC) -fPIE -static-pie -w -x c -o $$t - 2>/dev/null && \
            ! readelf -lW $$t | grep -q INTERP || echo fixed; rm -f $$t))
STATIC   := $(if $(STATIC),-static -no-pie,-static-pie -Wl$(comma)-T$(comma)lib/no_unwind.ld)
LDFLAGS  := $(LLD) $(STATIC) -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack,-z,separate-code,-z,text \
            -Wl,--build-id=none -Wl,--no-eh-frame-hdr
# Relocations take a twentieth of the helper; packed, next to nothing. A C library before glibc 2.36 starts no such program.
LDFLAGS  += $(shell printf '\043include <features.h>\n\043if __GLIBC_PREREQ(2, 36)\n-Wl,-z,pack-relative-relocs\n\043endif\n' | \
            $(CC) -E -P - 2>/dev/null | grep -e -Wl,)
# Old tags: what a library itself wants (libubootenv: zlib) is found there, too.
TEST_LDFLAGS := -pie -Wl,-z,relro,-z,now $(if $(SYSROOT),-Wl$(comma)--disable-new-dtags \
                -Wl$(comma)-rpath$(comma)$(SYSROOT)/usr/lib/$(MULTIARCH):$(SYSROOT)/lib/$(MULTIARCH))

# `make SAN=1 …` builds everything a second time with the sanitizers, in a folder of its own.
ifdef SAN
B        := $(B)/san
HARDEN   := -fPIE
CFLAGS   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS  := -pie -fsanitize=address,undefined
TEST_LDFLAGS := -pie
endif

# `make DYNAMIC=1 …` links against the distribution's libraries, for its initramfs, which has them anyway. Programs are in a folder of
# their own; the objects are the same.
O        := $(B)
ifdef DYNAMIC
B        := $(B)/dynamic
LDFLAGS  := -pie -Wl,-T,lib/no_unwind.ld $(filter-out $(STATIC),$(LDFLAGS))
endif

# `make RECOMPRESS=yes …` packs the compressors that make blocks of squashfs and erofs again, into the helper and the command: the
# same objects, too.
ifeq ($(RECOMPRESS),yes)
B        := $(B)/recompress
endif

# `make UBOOTENV=no …` wants no libubootenv, of which Buildroot has no static library and none for the host. Such programs refuse
# [loader] kind=u-boot and counter=u-boot.
ifeq ($(UBOOTENV),no)
B        := $(B)/no-ubootenv
endif

# ---------------------------------------------------------------- what is built from what
# A folder is a library: its objects are one archive. A program is linked from the archives of its folders, each of which may want
# only those behind it. OpenSSL, zstd and libblkid are on no line of process 1, so the linker refuses what wants them. The mains, and
# the real ends of the two seams, stand apart; every other object goes unchanged into both the products and the tests.
OF_UPDATE   := update/apply update/install update/decoder update/bundle update/keys update/crypto update/wire selector/loader selector lib
OF_INIT     := initramfs initramfs/disks initramfs/watchdog initramfs/overlay hooks update/wire kernel-cmdline selector lib
OF_PROBER   := initramfs/prober selector lib
OF_HELPER   := initramfs/helper initramfs/data initramfs/prober initramfs/kexec initramfs/tpm kernel-cmdline update/verify $(OF_UPDATE)
OF_SELECT   := initramfs/select $(OF_INIT)
OF_GUARDIAN := initramfs/guardian selector lib
OF_OVERLAY  := initramfs/overlay lib
OF_DATA     := initramfs/data update/wire selector lib
OF_COMMAND  := cli cli/adopt cli/doctor cli/status cli/health cli/guard cli/check cli/state cli/failure cli/measure cli/loader cli/stage cli/device cli/fleet cli/image cli/channel cli/bundle cli/key cli/output channel kernel-cmdline initramfs/data initramfs/watchdog initramfs/prober $(OF_UPDATE)
OF_LIBRARY  := libkeelboot
OF_FLEET    := fleet channel libkeelboot update/wire lib
FOLDERS     := $(sort $(OF_LIBRARY) $(OF_FLEET) $(OF_SELECT) $(OF_HELPER) $(OF_GUARDIAN) $(OF_OVERLAY) $(OF_DATA) $(OF_COMMAND))
MAINS   := initramfs/init.c initramfs/select/select_main.c initramfs/helper/helper.c initramfs/guardian/guardian_main.c initramfs/prober/prober_main.c initramfs/overlay/overlay_main.c initramfs/data/data_main.c fleet/fleet_main.c cli/main.c
REAL    := lib/bdev_boot.c lib/bdev_file.c lib/bdev_ranges.c lib/os_clock.c lib/os_adopt.c lib/os_command.c lib/os_efivar.c lib/os_emmc.c lib/os_file.c lib/os_inside.c lib/os_kexec.c lib/os_label.c lib/os_lend.c lib/os_memory.c lib/os_module.c lib/os_mounts.c lib/os_linux.c lib/os_owner.c lib/os_processor.c lib/os_room.c lib/os_proc.c lib/os_detach.c lib/os_console.c lib/os_dev.c lib/os_dm.c lib/os_restart.c lib/os_root.c lib/os_select.c lib/os_tree.c lib/os_tree_meta.c lib/os_worker.c lib/os_worker_child.c \
           initramfs/guardian/guardian_os.c
LEAN    := initramfs/helper/algorithms.c initramfs/helper/left_out.c
SRC     := $(sort $(wildcard $(addsuffix /*.c,$(FOLDERS))))
# Before the archives, they take the place of what wants the compressors.
WITHOUT := update/bundle/manifest_forms_none.c update/decoder/remake_none.c
# It wants libcurl, which not each machine has that builds the rest: a program and tests of its own.
FLEETSRC := $(filter-out $(MAINS),$(wildcard fleet/*.c))
NO_UBOOT := $(if $(filter no,$(UBOOTENV)),selector/loader/loader_uboot.c,selector/loader/loader_uboot_none.c)
LIBSRC  := $(filter-out $(MAINS) $(REAL) $(LEAN) $(WITHOUT) $(NO_UBOOT) $(FLEETSRC),$(SRC))
obj      = $(patsubst %.c,$(O)/obj/%.o,$(1))
PLAIN   := $(if $(filter yes,$(RECOMPRESS)),,$(call obj,$(WITHOUT)))
archive  = $(foreach folder,$(1),$(B)/archives/$(subst /,-,$(folder)).a)
LIBKB   := $(B)/libkb.a
LIBREAL := $(B)/libreal.a
# For programs of others: docs/man/keelboot.3. The first number of ABI is raised when one that was built before would not run
# any more, the second when there is a function more.
ABI     := 0.0
SONAME  := libkeelboot.so.$(firstword $(subst ., ,$(ABI)))
LIBRARY := $(B)/libkeelboot.so.$(ABI) $(call archive,$(OF_LIBRARY))
PROGS   := $(B)/init $(B)/keelboot-select $(B)/keelboot-helper $(B)/keelboot-guardian $(B)/keelboot-overlay $(B)/keelboot
# keelboot-fleet talks to servers: its libraries are the distribution's, which keeps them mended. FLEET=no: it is not built.
# For another processor, where its compiler finds libcurl.
HAS_CURL = $(shell printf '\043include <curl/curl.h>\n' | $(CC) -E - >/dev/null 2>&1 && echo yes || echo no)
FLEET   := $(if $(DYNAMIC)$(MUSL),no,$(if $(CROSS_COMPILE),$(HAS_CURL),yes))
PROGS   += $(if $(filter yes,$(FLEET)),$(B)/keelboot-fleet)

# What a static library wants beside it differs between distributions: OpenSSL 3.5 of Debian 13 wants zlib and zstd. So
# pkg-config is asked; where it does not know the module, the library alone has to do.
libs_of  = $(or $(shell $(PKG_CONFIG) --static --libs $(1) 2>/dev/null),$(2))
INIH    := $(call libs_of,inih,-linih)
BLKID   := $(call libs_of,blkid,-lblkid)
CRYPTO  := $(call libs_of,libcrypto,-lcrypto -ldl -pthread)
ZSTD    := $(call libs_of,libzstd,-lzstd)
INIT_LIBS    = $(INIH)
PACKERS := $(call libs_of,liblzma,-llzma) $(call libs_of,liblz4,-llz4) $(call libs_of,zlib,-lz)
# From 0.3.5 on it wants libyaml, which it does not name.
UBOOT   := $(if $(filter no,$(UBOOTENV)),,$(call libs_of,libubootenv,-lubootenv -lz) $(shell $(PKG_CONFIG) --static --libs yaml-0.1 2>/dev/null))
HELPER_LIBS := $(INIH) $(BLKID) $(CRYPTO) $(UBOOT) $(PACKERS) $(ZSTD)
CLI_LIBS    := $(INIH) $(call libs_of,json-c,-ljson-c) $(BLKID) $(CRYPTO) $(UBOOT) $(PACKERS) $(ZSTD)
CURL        := $(or $(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null),-lcurl)
JSON        := $(or $(shell $(PKG_CONFIG) --libs json-c 2>/dev/null),-ljson-c)
TEST_LIBS   := $(call libs_of,cmocka,-lcmocka) $(CLI_LIBS)

ifdef DYNAMIC
INIH     := -Wl,-Bstatic -linih -Wl,-Bdynamic
BLKID    := -lblkid
PROGS    := $(B)/keelboot-select $(B)/keelboot-prober $(B)/keelboot-guardian $(B)/keelboot-data
endif

ifdef MUSL
PROGS    := $(B)/keelboot-guardian $(B)/keelboot-overlay
endif

all: $(PROGS) $(if $(SAN)$(DYNAMIC)$(MUSL),,$(LIBRARY)) $(if $(SAN)$(DYNAMIC)$(MUSL)$(CROSS_COMPILE),,compile_commands.json) ## build init, keelboot-helper, keelboot-guardian, keelboot-overlay, keelboot and keelboot-fleet

# One short line for each step; V=1: the commands instead; make -s: nothing.
Q    := $(if $(V),,@)
step  = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-3s %s\n' $(1) $@)

$(O)/obj/%.o: %.c | $(KERNEL_HEADERS)
	@mkdir -p $(@D)
	$(call step,CC)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define archive_rule
$(call archive,$(1)): $(call obj,$(filter $(wildcard $(1)/*.c),$(LIBSRC) $(FLEETSRC)))
	@mkdir -p $$(@D)
	$$(call step,AR)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $$^
endef
$(foreach folder,$(FOLDERS),$(eval $(call archive_rule,$(folder))))

# All folders in one, for the tests.
$(LIBKB): $(call obj,$(LIBSRC))
	$(call step,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(LIBREAL): $(call obj,$(REAL))
	$(call step,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# The real ends log, and a log ends in them: lib stands on both sides. Linking libcrypto statically warns of dlopen and getaddrinfo,
# which we never reach: shown only on failure. A part of that ld says on its standard output.
linked = $(CC) $(LDFLAGS) -Wl,-Map=$@.map -o $@ $(1) $(call archive,lib) $(2) >$@.log 2>&1 || { cat $@.log >&2; exit 1; }
link   = $(Q)$(call linked,$^,$(1))

$(B)/init: $(O)/obj/initramfs/init.o $(call archive,$(OF_INIT)) $(LIBREAL)
	$(call step,LD)
	$(call link,$(INIT_LIBS))

$(B)/keelboot-select: $(O)/obj/initramfs/select/select_main.o $(call archive,$(OF_SELECT)) $(LIBREAL)
	$(call step,LD)
	$(call link,$(INIT_LIBS))

$(B)/keelboot-prober: $(O)/obj/initramfs/prober/prober_main.o $(call archive,$(OF_PROBER)) $(LIBREAL)
	$(call step,LD)
	$(call link,$(BLKID))

# LEAN takes the place of parts of OpenSSL by their names, which another release of it may change. The sanitizers want it shared.
helper   = $(O)/obj/initramfs/helper/helper.o $(PLAIN) $(1) $(call archive,$(OF_HELPER)) $(LIBREAL)
$(B)/keelboot-helper: $(call helper,$(if $(SAN),,$(call obj,$(LEAN))))
	$(call step,LD)
	$(Q)($(call linked,$^,$(HELPER_LIBS))) 2>$@.lean || \
		{ echo "  $@: linked with all of OpenSSL, as $(LEAN) does not fit this release of it: $@.lean says why"; \
		  $(call linked,$(call helper,),$(HELPER_LIBS)); }

$(B)/keelboot-guardian: $(O)/obj/initramfs/guardian/guardian_main.o $(call archive,$(OF_GUARDIAN)) $(LIBREAL)
	$(call step,LD)
	$(call link,)

$(B)/keelboot-overlay: $(O)/obj/initramfs/overlay/overlay_main.o $(call archive,$(OF_OVERLAY)) $(LIBREAL)
	$(call step,LD)
	$(call link,)

$(B)/keelboot-data: $(O)/obj/initramfs/data/data_main.o $(call archive,$(OF_DATA)) $(LIBREAL)
	$(call step,LD)
	$(call link,$(INIT_LIBS))

$(B)/keelboot: $(O)/obj/cli/main.o $(PLAIN) $(call archive,$(OF_COMMAND)) $(LIBREAL)
	$(call step,LD)
	$(call link,$(CLI_LIBS))

FLEET_LINK = $(CC) -pie $(filter-out $(STATIC),$(LDFLAGS)) -o $@ $(1) $(CURL) $(JSON) -Wl,-Bstatic -linih -Wl,-Bdynamic
$(B)/keelboot-fleet: $(O)/obj/fleet/fleet_main.o $(call archive,$(OF_FLEET)) $(LIBREAL)
	$(call step,LD)
	$(Q)$(call FLEET_LINK,$^ $(call archive,lib))

# In the process of another: at any place, and nothing of it is seen but what keelboot.h declares.
$(call obj,$(wildcard libkeelboot/*.c)): HARDEN += -fPIC -fvisibility=hidden

$(B)/libkeelboot.so.$(ABI): $(call archive,$(OF_LIBRARY)) libkeelboot/libkeelboot.map
	$(call step,LD)
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=libkeelboot/libkeelboot.map -Wl,-z,defs,-z,relro,-z,now,-z,noexecstack \
		$(CFLAGS) -Wl,--build-id=none -o $@ -Wl,--whole-archive $< -Wl,--no-whole-archive $(JSON)

# ---------------------------------------------------------------- tests
UNIT     := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(sort $(wildcard tests/unit/*_test.c)))
TRACE    := $(patsubst tests/trace/%.c,$(B)/tests/trace/%,$(sort $(wildcard tests/trace/*_test.c)))
SIMSRC   := $(sort $(wildcard tests/sim/*.c))
# keelboot-fleet's, only where that is built.
SIMMAINS := $(filter-out $(if $(filter yes,$(FLEET)),,tests/sim/fleetcut_%),$(wildcard tests/sim/*_sim_main.c))
SIMLIB   := $(B)/libsim.a
SIMUBOOT := $(if $(filter no,$(UBOOTENV)),,$(B)/libubootenv_sim.a)
SIMS     := $(patsubst tests/sim/%_main.c,$(B)/tests/sim/%,$(SIMMAINS))
# What those simulations share that take the kernel seam from libreal.
SIMBASE  := $(wildcard tests/sim/cut_*.c) $(addprefix tests/sim/,bdev_sim.c bundles.c check.c command.c report.c set.c)
FILECUT  := $(B)/tests/sim/filecut_sim
FLEETCUT := $(B)/tests/sim/fleetcut_sim
DATACUT  := $(B)/tests/sim/datacut_sim
KEPTLVM  := $(B)/tests/unit/kept_lvm_test
LINEAR   := $(B)/tests/sim/linear_sim

# A real end by other names, for the simulated one that stands in front of it; and what a worker becomes is the simulation's.
real = $(patsubst %.c,$(O)/obj/tests/sim/real_%.o,$(notdir $(1)))
define real_rule
$(call real,$(1)): $(call obj,$(1))
	@mkdir -p $$(@D)
	$$(Q)$$(NM) -g --defined-only $$< | sed 's/.* T \(.*\)/\1 real_\1/' >$$@.names
	$$(Q)echo execve os_sim_worker_exec >>$$@.names
	$$(Q)$$(OBJCOPY) --redefine-syms=$$@.names $$< $$@
endef
$(foreach end,$(REAL),$(eval $(call real_rule,$(end))))
REALENDS := $(call real,os_file.c os_worker.c os_worker_child.c)

$(SIMLIB): $(call obj,$(filter-out $(SIMMAINS) $(wildcard $(addprefix tests/sim/,filecut_*.c fleetcut_*.c datacut_*.c)),$(SIMSRC))) $(REALENDS)
	$(call step,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

FILTER   := $(O)/obj/tests/unit/filter.o

# These run once: to optimize them would take longer than that saves. What they test is optimized as it ships.
$(call obj,$(wildcard $(addprefix tests/,unit/*.c trace/*.c fleet/*.c hostile/*.c))): UNOPTIMIZED := -O0 -U_FORTIFY_SOURCE

# The linker takes the kernel seam from libreal for unit tests, from the simulation for traces.
$(filter-out $(KEPTLVM),$(UNIT)): $(B)/tests/unit/%: $(O)/obj/tests/unit/%.o $(FILTER) $(LIBKB) $(LIBREAL) $(SIMLIB)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $< $(FILTER) $(LIBKB) $(LIBREAL) $(SIMLIB) $(LIBKB) $(LIBREAL) $(TEST_LIBS)

$(TRACE): $(B)/tests/trace/%: $(O)/obj/tests/trace/%.o $(FILTER) $(LIBKB) $(LIBREAL) $(SIMLIB)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $< $(FILTER) $(SIMLIB) $(LIBKB) $(SIMLIB) $(LIBREAL) $(LIBKB) $(TEST_LIBS)

$(filter-out $(FILECUT) $(FLEETCUT) $(DATACUT) $(LINEAR),$(SIMS)): $(B)/tests/sim/%: $(O)/obj/tests/sim/%_main.o $(LIBKB) $(LIBREAL) $(SIMLIB) $(SIMUBOOT)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $< -Wl,--start-group $(SIMLIB) $(LIBKB) $(SIMUBOOT) -Wl,--end-group $(LIBREAL) $(LIBKB) $(TEST_LIBS)

# In simulations, the calls of libubootenv itself are those of the simulated device (tests/sim/uboot_lib.c).
UBOOT_CALLS := open close read write lseek fsync stat fopen realpath flock access
$(SIMUBOOT):
	@mkdir -p $(@D)
	$(call step,OBJCOPY)
	$(Q)$(OBJCOPY) $(foreach c,$(UBOOT_CALLS),--redefine-sym $(c)=uboot_lib_$(c)) $(or $(wildcard $(SYSROOT)/usr/lib/$(MULTIARCH)/libubootenv.a),$(shell $(CC) -print-file-name=libubootenv.a)) $@

# These take the kernel seam from libreal: one starts decoders, one has ends of its own for files and the state.
$(LINEAR): $(call obj,tests/sim/linear_sim_main.c $(SIMBASE)) $(LIBKB) $(LIBREAL)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBKB) $(LIBREAL) $(TEST_LIBS)

# The command with all forms, for deltas. Simulations that make some run it.
TOOL := $(B)/tests/sim/keelboot
$(TOOL): $(call obj,cli/main.c) $(LIBKB) $(LIBREAL)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBKB) $(TEST_LIBS)
$(B)/tests/sim/powercut_sim $(B)/tests/sim/ioerr_sim: | $(TOOL)

# Its own ends of the seams take the place of the real ones.
WEAK := $(B)/libweak.a
$(WEAK): $(LIBREAL)
	$(Q)$(OBJCOPY) --weaken $< $@

$(FILECUT): $(call obj,$(wildcard tests/sim/filecut_*.c) tests/sim/wear_table.c tests/sim/host_files.c $(SIMBASE)) \
            $(call obj,fleet/folder.c) $(call real,os_file.c bdev_file.c) $(LIBKB) $(WEAK)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBKB) $(WEAK) $(TEST_LIBS)

# keelboot-fleet on the same file system; its server is a function. Of libcurl it takes the parser of addresses.
FILECUTFS := $(addprefix tests/sim/,$(addprefix filecut_,image.c rec.c fs.c cut.c world.c show.c) host_files.c)
$(FLEETCUT): $(call obj,$(wildcard tests/sim/fleetcut_*.c) $(FILECUTFS) $(SIMBASE)) \
             $(call real,os_file.c bdev_file.c) $(call archive,$(OF_FLEET)) $(LIBKB) $(WEAK)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(CURL) $(JSON) $(TEST_LIBS)

# Simulated children, on that simulation's file system.
$(KEPTLVM): $(call obj,tests/unit/kept_lvm_test.c tests/sim/datacut_fs.c tests/sim/datacut_calls.c) $(FILTER) $(LIBKB) $(WEAK)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBKB) $(WEAK) $(TEST_LIBS)

$(DATACUT): $(call obj,$(wildcard tests/sim/datacut_*.c) $(SIMBASE)) $(LIBKB) $(WEAK)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBKB) $(WEAK) $(TEST_LIBS)

FLEETTESTS := $(if $(filter yes,$(FLEET)),$(patsubst tests/fleet/%.c,$(B)/tests/fleet/%,$(sort $(wildcard tests/fleet/*_test.c))))
$(FLEETTESTS): $(B)/tests/fleet/%: $(O)/obj/tests/fleet/%.o $(FILTER) $(call archive,$(OF_FLEET)) $(LIBREAL)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $^ $(call archive,lib) $(CURL) $(TEST_LIBS)

# The client's own timing code, in simulated time.
FLEETTIMES := $(B)/tests/bench/fleet_times
$(FLEETTIMES): $(O)/obj/tests/bench/fleet_times.o $(call obj,fleet/polling.c) $(call archive,lib)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) -o $@ $^

-include $(patsubst %.o,%.d,$(call obj,$(SRC) $(SIMSRC) $(wildcard tests/unit/*.c tests/trace/*.c tests/fleet/*.c) tests/bench/fleet_times.c))

-include tests/hostile/hostile.mk

tests: all test-programs $(if $(SAN),,tests-san tests-dynamic tests-recompress) ## build all test programs

# Side by side: no processor waits for the last step of one of them. Two have their objects from `all`.
tests-san:
	$(Q)$(MAKE) --no-print-directory SAN=1 test-programs
tests-dynamic: all
	$(Q)$(MAKE) --no-print-directory DYNAMIC=1 all
tests-recompress: all
	$(Q)$(MAKE) --no-print-directory RECOMPRESS=yes all
tests-arm64:
	$(Q)$(MAKE) --no-print-directory CROSS_COMPILE=aarch64-linux-gnu- all
tests-kernels:
	@qemu/kernel
	@qemu/kernel --arch arm64
.PHONY: tests-san tests-dynamic tests-recompress tests-arm64 tests-kernels

test-programs: $(UNIT) $(TRACE) $(SIMS) $(HOSTILE) $(FLEETTESTS)

unit-programs: $(UNIT) $(TRACE)

check: ## install what is missing, build, run every test; ends with "N passed, N failed"
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) tests-kernels tests-arm64 tests fuzz-programs fuzz-coverage-programs
	@tests/run $(SUITES)

ARM64 = $(MAKE) --no-print-directory -j$$(nproc) CROSS_COMPILE=aarch64-linux-gnu-

check-arm64: ## the tests of AArch64: unit tests on its kernel in QEMU; traces, simulations and the command by qemu-user; boots, U-Boot, UEFI
	@qemu/deps arm64
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(ARM64) all test-programs
	@qemu/kernel --arch arm64
	@tests/run boot-arm64 arm64-unit arm64-trace arm64-sim arm64-host arm64-boot
.PHONY: check-arm64

check-boards: ## boards of QEMU with the drivers of real chips, from Debian's kernels: build/report/boards.json
	@qemu/deps processors
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(ARM64) all
	@$(MAKE) --no-print-directory -j$$(nproc) CROSS_COMPILE=arm-linux-gnueabihf- all
	@qemu/kernel --arch arm64
	@qemu/kernel --arch armhf
	@tests/run boards
.PHONY: check-boards

check-processors: ## build for every other processor of qemu/processors.py, and run its unit tests and traces; takes an hour
	@qemu/deps processors
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@for machine in $$(qemu/sysroot --list | grep -v ^aarch64); do \
		$(MAKE) --no-print-directory -j$$(nproc) CROSS_COMPILE=$$machine- all unit-programs || exit 1; done
	@qemu/kernel --arch armhf
	@qemu/kernel --arch riscv64
	@qemu/kernel --arch s390x
	@tests/run --processors
.PHONY: check-processors unit-programs

# One of 32 bits, the 32 bits of this kernel, and one that is big-endian. What needs musl or riscv64 is built, and not run.
check-processors-ci: ## of check-processors, what fits into CI: builds for armhf, i386, riscv64 and s390x, and unit tests of three; builds for musl; 6 min
	@qemu/deps processors
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@for machine in arm-linux-gnueabihf i686-linux-gnu riscv64-linux-gnu s390x-linux-gnu; do \
		$(MAKE) --no-print-directory -j$$(nproc) CROSS_COMPILE=$$machine- all unit-programs || exit 1; done
	@$(MAKE) --no-print-directory -j$$(nproc) MUSL=1 all
	@tests/run armhf-unit i386-unit i386-trace s390x-unit
.PHONY: check-processors-ci

check-long: ## make check, and the scenarios that take minutes: for a release
	@qemu/deps long
	@$(MAKE) --no-print-directory check SUITES=--long

check-distro: ## systems started by the initramfs of each distribution: build/report/distro.json; takes hours, as root; fails where sources are missing (KEELBOOT_MKINITCPIO=, _BUILDROOT=, _YOCTO=: tests/README.md)
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(MAKE) --no-print-directory -j$$(nproc) DYNAMIC=1 all
	@qemu/kernel
	@tests/run distro
.PHONY: check-distro

check-health: ## what comes behind the switch of the root: health, last words, data, guard, image test: build/report/health.json; as root
	@qemu/deps long
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@qemu/kernel
	@tests/run health
.PHONY: check-health

check-loaders: ## a kernel for each slot, started by GRUB, UEFI, systemd-boot, EFI Boot Guard, U-Boot, a Raspberry Pi and barebox (models), and by kexec: build/report/loaders.json
	@qemu/deps arm64
	@$(MAKE) --no-print-directory -j$$(nproc) all build/tests/unit/loader_tryboot_test build/tests/unit/loader_barebox_test
	@$(ARM64) all
	@qemu/kernel
	@qemu/kernel --arch arm64
	@qemu/u-boot >/dev/null
	@tests/run loaders
.PHONY: check-loaders

check-fleet: ## hawkBit and others themselves, devices in QEMU, and keelboot-fleet: build/report/fleet.json; fails where one was left out (KEELBOOT_HAWKBIT_SOURCE=, KEELBOOT_RAPTOR=: tests/README.md)
	@qemu/deps fleet
	$(if $(KEELBOOT_HAWKBIT_SOURCE),@qemu/hawkbit >/dev/null || true)
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@qemu/kernel
	@tests/run servers
.PHONY: check-fleet

check-debian13: ## does it build and pass on a fresh Debian 13? Makes one below build/debian; as root
	@qemu/deps check
	@tests/debian13

check-deb: ## are the Debian packages complete, the same from two builds, and without a complaint of lintian?
	@qemu/deps deb
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tests/deb $(B)/deb-check
.PHONY: check-deb

check-autopkgtest: ## do the Debian packages work where they are installed? autopkgtest in a Debian of its own; as root
	@qemu/deps autopkgtest
	@$(MAKE) --no-print-directory deb
	@tests/autopkgtest
.PHONY: check-autopkgtest

mutants: ## plant bugs in the sources, one by one: each must turn a test red (FRESH=1: also what is known, for a release)
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all test-programs
	@nice -n 10 tests/mutants/mutants.py $(if $(FRESH),--fresh)
	@nice -n 10 tests/mutants/sweep.py $(if $(FRESH),--fresh)

-include tests/fuzz/fuzz.mk

N    := 100
SEED :=

powercut-qemu: ## boot IMAGES=240 disks that power cuts in recorded updates leave, in QEMU, chosen by SEED=1
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all $(B)/tests/sim/cutlog_sim
	@qemu/kernel
	@tests/boot/powercut_qemu.py $(addprefix --images ,$(IMAGES)) $(addprefix --seed ,$(SEED))
.PHONY: powercut-qemu

soak: ## N=100 cycles of updates, cuts, crashes and pulled sticks on one device in QEMU, from SEED=
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@qemu/kernel
	@tests/soak/soak -n $(N) $(addprefix --seed ,$(SEED))

# The closure over power cuts, in a geometry; the smallest is the suite `powercut` of make check.
POWERCUT = @$(MAKE) --no-print-directory -j$$(nproc) $(B)/tests/sim/powercut_sim && mkdir -p $(B)/report && \
	$(B)/tests/sim/powercut_sim --jobs $$(nproc) --report $(B)/report/powercut.json --size

powercut: ## cut whole life stories before and after each write, as often as they like: build/report/powercut.json
	$(POWERCUT) middle

powercut-long: ## the same in a larger geometry, for a night
	$(POWERCUT) long
.PHONY: powercut powercut-long

powercut-real: ## cut one install of 512 MiB at each flush; writes build/report/powercut-real.json
	@$(MAKE) --no-print-directory -j$$(nproc) $(LINEAR)
	@mkdir -p $(B)/report
	@$(LINEAR) --report $(B)/report/powercut-real.json

ioerr: ## fail each operation of each story, once and for ever: build/report/ioerr.json (EVERY=10 SEED=3: a part)
	@$(MAKE) --no-print-directory -j$$(nproc) $(B)/tests/sim/ioerr_sim
	@mkdir -p $(B)/report
	@$(B)/tests/sim/ioerr_sim --jobs $$((4 * $$(nproc))) --report $(B)/report/ioerr.json $(addprefix --every ,$(EVERY)) \
		$(addprefix --seed ,$(SEED))
.PHONY: ioerr

# GROUP=installs SIZE=64 RUNS=1 is a look in minutes.
bench: ## Keelboot and its peers side by side: build/report/bench.html; takes hours (GROUP=, SIZE=, RUNS=: less), as root
	@qemu/deps run
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(MAKE) --no-print-directory -j$$(nproc) RECOMPRESS=yes all
	@/usr/bin/python3 tests/bench/compare.py $(addprefix --group ,$(GROUP)) $(addprefix --size ,$(SIZE)) $(addprefix --runs ,$(RUNS))

bench-quick: ## is anything that Keelboot costs 3 % more than tests/bench/quick.json says? A suite of make check, too
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@qemu/kernel
	@tests/bench/quick.py

bench-fleet: ## 10,000 devices on hawkBit and on a channel of nginx, herds, bytes, memory and speed: build/report/bench-fleet.json (KEELBOOT_HAWKBIT_SOURCE=)
	@qemu/deps fleet
	$(if $(KEELBOOT_HAWKBIT_SOURCE),@qemu/hawkbit >/dev/null)
	@$(MAKE) --no-print-directory -j$$(nproc) all $(FLEETTIMES)
	@tests/bench/fleet_load.py
.PHONY: bench bench-quick bench-fleet

proof: ## prove the record's codec and the arithmetic of chunks (build/report/proof.json)
	@qemu/deps proof
	@tests/proof/prove.py
.PHONY: proof

# ---------------------------------------------------------------- style
lint: ## hold the sources to the style guide (ONLY=check: only that check)
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tests/lint/lint.py $(addprefix --only ,$(ONLY))

print-cflags:
	$(info $(CPPFLAGS) $(ALL_CFLAGS))@:

# What clangd and the like read: how each source is compiled.
COMMANDS = $(SRC) $(sort $(wildcard tests/*/*.c))
quoted   = $(subst ",\",$(subst \,\\,$(1)))
entry    = {"directory": "$(CURDIR)", "file": "$(1)", "command": "$(call quoted,$(CC) $(CPPFLAGS) $(ALL_CFLAGS)) -c $(1)"}
compile_commands.json: Makefile $(COMMANDS)
	@$(file >$@,[)$(foreach c,$(COMMANDS),$(file >>$@,$(call entry,$(c))$(if $(filter-out $(lastword $(COMMANDS)),$(c)),$(comma))))$(file >>$@,]):

# ---------------------------------------------------------------- the demo
DEMO :=

demo: ## play a good, a broken and a damaged update in QEMU (DEMO=manual: you at the console, DEMO=readme: puts it into README.md, DEMO=check: compares)
	@qemu/deps run
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@qemu/kernel
	@qemu/demo $(if $(filter manual,$(DEMO)),--manual) $(if $(filter readme,$(DEMO)),--update-readme) $(if $(filter check,$(DEMO)),--check-readme)

demo-debian: ## a fresh Debian in QEMU, with the packages on a stick: docs/DEBIAN.md adopts it (KVM=yes; KEELBOOT_DEMO=: a folder for its disks); as root
	@qemu/deps check deb
	@$(MAKE) --no-print-directory -j$$(nproc) all deb
	@qemu/demo-debian $(if $(KVM),--kvm) $(KEELBOOT_DEMO)
.PHONY: demo-debian

demo-fleet: ## hawkBit and five devices in QEMU: a rollout that stops by itself (KEELBOOT_HAWKBIT_SOURCE=: its sources, until the jar is built)
	@qemu/deps fleet
	@qemu/hawkbit >/dev/null
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@qemu/kernel
	@tests/boot/fleet_demo.py
.PHONY: demo-fleet

# ---------------------------------------------------------------- install
INSTALL         := install
INSTALL_PROGRAM  = $(INSTALL) -m 755
STRIP           := $(CROSS_COMPILE)strip
LIBDIR     := $(PREFIX)/lib/keelboot
MANDIR     := $(PREFIX)/share/man
DOCDIR     := $(PREFIX)/share/doc/keelboot
COMPLETION := $(PREFIX)/share/bash-completion/completions/keelboot
# Debian's zsh reads vendor-completions, and leaves site-functions to the administrator.
ZSHDIR     := $(PREFIX)/share/zsh/$(if $(wildcard /etc/debian_version),vendor-completions,site-functions)
FISHDIR    := $(PREFIX)/share/fish/vendor_completions.d
MANPAGES   := $(wildcard docs/man/*.[13578])
# What a device has no use for.
HOSTPAGES  := $(addprefix docs/man/,keelboot-channel.1 keelboot-image-test.1 keelboot-mkinitramfs.8)
BOOTPAGES  := docs/man/keelboot-select.8
DEVPAGES   := docs/man/keelboot.3
FLEETPAGES := docs/man/keelboot-fleet.8
LIBFOLDERS := checks dynamic health mkinitramfs.d qemu
pages       = for page in $(1); do \
	$(INSTALL) -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page\#\#*.}/$${page\#\#*/} || exit 1; done

install: install-device install-host install-library install-dev $(if $(filter yes,$(FLEET)),install-fleet) ## install all below DESTDIR and PREFIX (default /usr)

install-both: all
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)
	$(INSTALL_PROGRAM) $(B)/keelboot $(DESTDIR)$(PREFIX)/bin/keelboot
	$(INSTALL_PROGRAM) $(B)/keelboot-helper $(DESTDIR)$(LIBDIR)/keelboot-helper
	$(INSTALL_PROGRAM) $(B)/keelboot-overlay $(DESTDIR)$(LIBDIR)/keelboot-overlay
	$(INSTALL_PROGRAM) $(B)/keelboot-guardian $(DESTDIR)$(LIBDIR)/keelboot-guardian
	$(INSTALL) -D -m 644 cli/completion.bash $(DESTDIR)$(COMPLETION)
	$(INSTALL) -D -m 644 cli/completion.zsh $(DESTDIR)$(ZSHDIR)/_keelboot
	$(INSTALL) -D -m 644 cli/completion.fish $(DESTDIR)$(FISHDIR)/keelboot.fish
	@$(call pages,$(filter-out $(HOSTPAGES) $(BOOTPAGES) $(DEVPAGES) $(FLEETPAGES),$(MANPAGES)))

# What `systemctl preset` would do, which a build host may not have (ENABLE=no: a package does it). $(1): with $folder and $unit.
for-each-link = for unit in hooks/system/*.service; do \
		for target in $$(sed -n 's/^WantedBy=\(.*\)/\1/p' $$unit | sed 's/[^ ]*/&.wants/g') $$(sed -n 's/^RequiredBy=\(.*\)/\1.requires/p' $$unit); do \
			folder=$(DESTDIR)$(SYSCONFDIR)/systemd/system/$$target; $(1) || exit 1; done; done

# Checks of the running system; those whose failure never is the network's run unless something of their name is in /etc.
HEALTH := 20-failed-units 30-free-space 40-memory 50-kernel 60-readonly-root
install-device: install-both ## install what a device's root needs: the command, helper, overlay, checks, systemd's unit
	$(INSTALL) -d $(addprefix $(DESTDIR)$(LIBDIR)/,health check.d) $(addprefix $(DESTDIR)$(SYSCONFDIR)/keelboot/,keys check.d health)
	$(INSTALL) -m 755 hooks/health/* $(DESTDIR)$(LIBDIR)/health/
	chmod 644 $(DESTDIR)$(LIBDIR)/health/common.sh
	@for name in $(HEALTH); do ln -sf ../health/$${name#*-} $(DESTDIR)$(LIBDIR)/check.d/$$name; done
	$(INSTALL) -m 755 hooks/system/*.init $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system hooks/system/*.service
	$(INSTALL) -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system-preset hooks/system/*.preset
	@$(if $(filter no,$(ENABLE)),:,$(call for-each-link,$(INSTALL) -d $$folder && ln -sf $(PREFIX)/lib/systemd/system/$${unit##*/} $$folder/))

install-fleet: all ## install keelboot-fleet, which asks a server for updates, its units and start script
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin
	$(INSTALL_PROGRAM) $(B)/keelboot-fleet $(DESTDIR)$(PREFIX)/bin/keelboot-fleet
	$(INSTALL) -D -m 755 -t $(DESTDIR)$(LIBDIR) hooks/fleet/*.init
	$(INSTALL) -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system hooks/fleet/*.service hooks/fleet/*.timer
	@$(call pages,$(FLEETPAGES))

# Below PREFIX; where Debian's packages have it, by LIBARCH=lib/x86_64-linux-gnu.
LIBARCH := lib
install-library: all ## install the library that programs of others are linked with (LIBARCH=lib64: not into lib)
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/$(LIBARCH)
	$(INSTALL_PROGRAM) -m 644 $(B)/libkeelboot.so.$(ABI) $(DESTDIR)$(PREFIX)/$(LIBARCH)/libkeelboot.so.$(ABI)
	ln -sf libkeelboot.so.$(ABI) $(DESTDIR)$(PREFIX)/$(LIBARCH)/$(SONAME)

install-dev: install-library ## install what one needs to compile such a program: header, static library, pkg-config file
	$(INSTALL) -D -m 644 libkeelboot/keelboot.h $(DESTDIR)$(PREFIX)/include/keelboot.h
	$(INSTALL) -D -m 644 $(call archive,$(OF_LIBRARY)) $(DESTDIR)$(PREFIX)/$(LIBARCH)/libkeelboot.a
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/$(LIBARCH)/pkgconfig
	sed -e 's,@PREFIX@,$(PREFIX),; s,@LIBARCH@,$(LIBARCH),; s,@VERSION@,$(VERSION),' libkeelboot/libkeelboot.pc.in \
		>$(DESTDIR)$(PREFIX)/$(LIBARCH)/pkgconfig/libkeelboot.pc
	chmod 644 $(DESTDIR)$(PREFIX)/$(LIBARCH)/pkgconfig/libkeelboot.pc
	ln -sf $(SONAME) $(DESTDIR)$(PREFIX)/$(LIBARCH)/libkeelboot.so
	@$(call pages,$(DEVPAGES))

# What the initramfs of a distribution is made of, and the glue of its generator.
BOOTPROGS := $(addprefix $(B)/keelboot-,select guardian $(if $(DYNAMIC),data prober,helper))
BOOTDIR   := $(LIBDIR)$(if $(DYNAMIC),/dynamic)
# Always without symbols (STRIP=true: somebody else takes them away): an initramfs packs them as they are. It prefers those in
# dynamic/, which would hide newer ones.
install-boot: all
	$(if $(DYNAMIC),,rm -rf $(DESTDIR)$(LIBDIR)/dynamic)
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/mkinitramfs.d $(DESTDIR)$(BOOTDIR)
	$(INSTALL) -m 755 -s --strip-program=$(STRIP) $(BOOTPROGS) $(DESTDIR)$(BOOTDIR)/
	$(INSTALL) -m 644 hooks/lib/pack.sh hooks/lib/call.sh hooks/lib/modules.awk hooks/lib/drivers.awk $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 755 hooks/lib/say-missing hooks/lib/root-remains $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 644 initramfs/mkinitramfs.d/module-sets.ini $(DESTDIR)$(LIBDIR)/mkinitramfs.d/
	@$(call pages,$(BOOTPAGES))

INITRAMFS_TOOLS := $(PREFIX)/share/initramfs-tools
install-initramfs-tools: install-boot ## install what Debian's initramfs-tools puts into its initramfs
	$(INSTALL) -D -m 755 hooks/initramfs-tools/hook $(DESTDIR)$(INITRAMFS_TOOLS)/hooks/keelboot
	$(INSTALL) -D -m 644 hooks/initramfs-tools/conf-hook $(DESTDIR)$(INITRAMFS_TOOLS)/conf-hooks.d/keelboot
	for point in init-top local-top init-bottom panic; do \
		$(INSTALL) -D -m 755 hooks/initramfs-tools/$$point $(DESTDIR)$(INITRAMFS_TOOLS)/scripts/$$point/keelboot || exit 1; done

# For an initramfs in which systemd runs, whoever makes it.
SYSTEMDDIR := $(PREFIX)/lib/systemd
install-systemd-initrd: install-boot
	$(INSTALL) -d $(DESTDIR)$(SYSTEMDDIR)/system $(DESTDIR)$(SYSTEMDDIR)/system-generators
	$(INSTALL) -m 644 hooks/systemd/*.service $(DESTDIR)$(SYSTEMDDIR)/system/
	ln -sf $(if $(DYNAMIC),../../keelboot/dynamic,../../keelboot)/keelboot-select $(DESTDIR)$(SYSTEMDDIR)/system-generators/keelboot-generator

DRACUTDIR := $(PREFIX)/lib/dracut
install-dracut: install-systemd-initrd ## install what dracut puts into its initramfs, with systemd in it or without
	$(INSTALL) -d $(DESTDIR)$(DRACUTDIR)/dracut.conf.d $(addprefix $(DESTDIR)$(DRACUTDIR)/modules.d/,50keelboot 91keelboot-slots)
	for module in 50keelboot 91keelboot-slots; do \
		$(INSTALL) -m 755 hooks/dracut/$$module/*.sh $(DESTDIR)$(DRACUTDIR)/modules.d/$$module/ || exit 1; done
	$(INSTALL) -m 644 hooks/dracut/50-keelboot.conf $(DESTDIR)$(DRACUTDIR)/dracut.conf.d/
	$(INSTALL) -m 755 hooks/dracut/renew $(DESTDIR)$(LIBDIR)/dracut-renew

INITCPIO := $(PREFIX)/lib/initcpio
install-mkinitcpio: install-systemd-initrd ## install what mkinitcpio puts into its initramfs: the hook keelboot
	$(INSTALL) -d $(DESTDIR)$(INITCPIO)/install $(DESTDIR)$(INITCPIO)/hooks
	$(INSTALL) -m 755 hooks/mkinitcpio/install/* $(DESTDIR)$(INITCPIO)/install/
	$(INSTALL) -m 755 hooks/mkinitcpio/hooks/keelboot $(DESTDIR)$(INITCPIO)/hooks/

MKOSI_INITRD := $(PREFIX)/lib/mkosi-initrd/mkosi.conf.d/50-keelboot
install-mkosi-initrd: install-systemd-initrd ## install what mkosi-initrd puts into its initrd
	$(INSTALL) -d $(DESTDIR)$(MKOSI_INITRD)/mkosi.conf.d
	$(INSTALL) -m 755 hooks/mkosi-initrd/mkosi.postinst hooks/mkosi-initrd/mkosi.finalize $(DESTDIR)$(MKOSI_INITRD)/
	$(INSTALL) -m 644 hooks/mkosi-initrd/mkosi.conf.d/*.conf $(DESTDIR)$(MKOSI_INITRD)/mkosi.conf.d/

install-host: install-both ## install what a build host needs: also mkinitramfs, what it packs, and the tools for QEMU
	$(INSTALL) -d $(addprefix $(DESTDIR)$(LIBDIR)/,$(filter-out dynamic,$(LIBFOLDERS)) qemu/imagetest.d) $(addprefix $(DESTDIR)$(DOCDIR)/,examples loaders)
	$(INSTALL_PROGRAM) $(B)/init $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 755 initramfs/mkinitramfs cli/keelboot-pkcs11 $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 644 initramfs/mkinitramfs.d/*.* $(DESTDIR)$(LIBDIR)/mkinitramfs.d/
	$(INSTALL) -m 755 qemu/run qemu/bootloop qemu/imagetest qemu/kernel qemu/mkdisk $(DESTDIR)$(LIBDIR)/qemu/
	$(INSTALL) -m 644 qemu/*.py $(DESTDIR)$(LIBDIR)/qemu/
	$(INSTALL) -m 644 qemu/imagetest.d/*.* $(DESTDIR)$(LIBDIR)/qemu/imagetest.d/
	$(INSTALL) -m 755 hooks/checks/* $(DESTDIR)$(LIBDIR)/checks/
	$(INSTALL) -m 644 docs/examples/*.conf docs/examples/*.py $(DESTDIR)$(DOCDIR)/examples/
	$(INSTALL) -m 644 kernel-cmdline/loaders/* $(DESTDIR)$(DOCDIR)/loaders/
	@$(call pages,$(HOSTPAGES))

install-strip: ## install all, without symbols (STRIP= of another machine); so install-device-strip, install-host-strip
install-strip install-device-strip install-host-strip install-fleet-strip:
	@$(MAKE) --no-print-directory $(@:-strip=) \
		INSTALL_PROGRAM='$(INSTALL_PROGRAM) -s --strip-program=$(STRIP)'

# The packages of debian/, in build/deb: built from a copy, so that nothing else lies beside them.
deb: ## build the Debian packages into build/deb
	@qemu/deps deb
	rm -rf $(B)/deb && mkdir -p $(B)/deb/keelboot
	if [ -e .git ]; then git -c safe.directory='*' ls-files -z; else find . -path ./$(B) -prune -o -type f -print0; fi | \
		xargs -0 cp --parents -t $(B)/deb/keelboot
	cd $(B)/deb/keelboot && dpkg-buildpackage -us -uc -b >../build.log 2>&1 || { tail -n 30 ../build.log >&2; exit 1; }
	rm -rf $(B)/deb/keelboot
	@ls $(B)/deb/*.deb
.PHONY: deb

uninstall: ## remove what install put there (configuration, keys and checks of your own stay)
	rm -f $(DESTDIR)$(PREFIX)/bin/keelboot $(DESTDIR)$(PREFIX)/bin/keelboot-fleet $(DESTDIR)$(COMPLETION) $(DESTDIR)$(ZSHDIR)/_keelboot $(DESTDIR)$(FISHDIR)/keelboot.fish
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,init keelboot-helper keelboot-guardian keelboot-overlay keelboot-data keelboot-pkcs11 mkinitramfs)
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,keelboot-select keelboot.init keelboot-early.init keelboot-fleet.init pack.sh call.sh modules.awk drivers.awk say-missing root-remains dracut-renew)
	rm -f $(addprefix $(DESTDIR)$(INITRAMFS_TOOLS)/,hooks/keelboot conf-hooks.d/keelboot scripts/*/keelboot)
	rm -f $(addprefix $(DESTDIR)$(SYSTEMDDIR)/system/,$(notdir $(wildcard hooks/systemd/* hooks/system/* hooks/fleet/*))) \
		$(addprefix $(DESTDIR)$(SYSTEMDDIR)/system-preset/,$(notdir $(wildcard hooks/system/*.preset))) \
		$(DESTDIR)$(SYSTEMDDIR)/system-generators/keelboot-generator
	@$(call for-each-link,rm -f $$folder/$${unit##*/}; rmdir $$folder 2>/dev/null || true)
	rm -f $(addprefix $(DESTDIR)$(INITCPIO)/,install/keelboot hooks/keelboot)
	rm -rf $(DESTDIR)$(MKOSI_INITRD) $(DESTDIR)$(DRACUTDIR)/modules.d/*keelboot* $(DESTDIR)$(DRACUTDIR)/dracut.conf.d/50-keelboot.conf
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/$(LIBARCH)/,libkeelboot.so.$(ABI) $(SONAME) libkeelboot.so libkeelboot.a pkgconfig/libkeelboot.pc) \
		$(DESTDIR)$(PREFIX)/include/keelboot.h
	rm -rf $(addprefix $(DESTDIR)$(LIBDIR)/,$(LIBFOLDERS)) $(DESTDIR)$(DOCDIR)
	@for page in $(MANPAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/check.d/,$(HEALTH))
	@rmdir $(DESTDIR)$(LIBDIR)/check.d $(DESTDIR)$(LIBDIR) $(addprefix $(DESTDIR)$(SYSCONFDIR)/keelboot,/keys /check.d /health /) 2>/dev/null || true

dist: ## pack what is committed: build/dist/keelboot-VERSION.tar.xz and its SHA-256 (docs/RELEASE.md)
	@tests/dist $(VERSION)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove what was built (kernels, libraries of other processors, Debian roots that were unpacked, servers of others, and what fuzzing has found out stay)
	[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name kernel ! -name sysroot ! -name debian ! -name fuzz ! -name fleet ! -name hawkbit -exec rm -rf {} +
	rm -rf build/fuzz/bin build/fuzz/cov

.PHONY: powercut-real all tests test-programs check check-debian13 check-long mutants soak lint print-cflags dist demo install uninstall help clean
.PHONY: install-both install-device install-host install-library install-dev install-fleet install-strip install-device-strip install-host-strip install-fleet-strip
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
