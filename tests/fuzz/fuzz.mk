# SPDX-License-Identifier: Apache-2.0
# The fuzz targets: tests/fuzz/NAME_fuzz.c, each with the shipped parsers, compiled by clang with libFuzzer's
# instrumentation and the sanitizers; and once more for coverage. Their state (grown corpora, totals) is in build/fuzz.

FUZZ_CC     := clang
FUZZ_DIR    := build/fuzz
FUZZ_NAMES  := $(patsubst tests/fuzz/%_fuzz.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
# Those that repair what they mutate.
FUZZ_FIXING := $(patsubst tests/fuzz/%_fuzz.c,%,$(shell grep -ls '^size_t fuzz_fix' tests/fuzz/*_fuzz.c))

# The parsers, and what they need: nothing that starts processes, mounts, or writes to devices.
FUZZ_SRC := $(addprefix lib/,bdev.c bls.c bytes.c conf.c conf_fleet.c conf_keys.c conf_load.c conf_loader.c conf_paths.c conf_place.c conf_use.c conf_value.c daily.c err.c log.c os_clock.c os_file.c os_inside.c os_linux.c os_worker.c os_worker_child.c tail.c util.c) \
            $(wildcard kernel-cmdline/*.c) \
            $(addprefix selector/,cell.c history.c state.c state_decode.c state_keys.c \
              state_encode.c store_erase.c store_history.c store_load.c store_manifest.c store_rebuild.c store_save.c store_scan.c store_words.c text.c words.c) \
            $(addprefix selector/loader/loader_,autoboot.c bbcopy.c bbvars.c bgenv.c bgplan.c block.c list.c option.c why.c) \
            $(filter-out update/decoder/decoder_limits.c $(WITHOUT),$(wildcard update/decoder/*.c update/bundle/*.c)) \
            $(wildcard update/keys/*.c update/wire/*.c) update/crypto/digest.c $(addprefix update/install/,install_gap.c install_lack.c install_pipe.c decoder.c) \
            $(addprefix initramfs/,alias_table.c kexec/kexec_line.c modules.c modules_load.c tpm/tpm_command.c tpm/tpm_log.c disks/probe_answer.c disks/probe_uevent.c guardian/guardian_words.c progress.c) \
            $(addprefix cli/bundle/bundle_,block.c blocks.c erofs.c erofs_index.c squash.c table.c) \
            $(addprefix cli/channel/channel_,file.c) \
            $(addprefix cli/doctor/doctor_,command.c order.c report.c script.c setting.c steps.c) \
            $(addprefix fleet/,action.c answer_rules.c clock.c ddi.c ddi_write.c ends.c facts.c feed_record.c http.c http_answer.c http_head.c http_session.c keep.c known.c last_contact.c monitor_link.c pace.c page.c polling.c refusal.c report.c rest.c token.c url.c wait_note.c) $(wildcard channel/*.c) \
            $(filter-out %_fuzz.c tests/fuzz/fuzz.c tests/fuzz/fuzz_mutate.c,$(wildcard tests/fuzz/*.c))

FUZZ_CFLAGS   = -std=gnu11 $(CPPFLAGS) $(WARN) -g -fno-omit-frame-pointer -MMD -MP
FUZZ_SANITIZE := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_COVERAGE := -O0 -fprofile-instr-generate -fcoverage-mapping
FUZZ_LINK     := -fsanitize=fuzzer,address,undefined
FUZZ_LIBS     := $(INIH) $(CRYPTO) $(PACKERS) $(ZSTD)

# $(1): folder below build/fuzz; $(2): flags to compile with; $(3): to link with
define fuzz_rules
$(FUZZ_DIR)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call step,CC)
	$$(Q)$(FUZZ_CC) $$(FUZZ_CFLAGS) $(2) -c -o $$@ $$<

# The decoder's main() runs inside of its target: its end and its memory are the target's.
$(FUZZ_DIR)/$(1)/update/decoder/decoder_main.o: update/decoder/decoder_main.c
	@mkdir -p $$(@D)
	$$(call step,CC)
	$$(Q)$(FUZZ_CC) $$(FUZZ_CFLAGS) $(2) -c -o $$@ $$<
	$$(Q)objcopy --redefine-sym _exit=fuzz_exit --redefine-sym os_worker_memory=fuzz_memory \
		--redefine-sym os_worker_given=fuzz_given $$@

# What is asked over libcurl gets the answers of its target.
$(FUZZ_DIR)/$(1)/fleet/http.o: fleet/http.c
	@mkdir -p $$(@D)
	$$(call step,CC)
	$$(Q)$(FUZZ_CC) $$(FUZZ_CFLAGS) $(2) -c -o $$@ $$<
	$$(Q)objcopy --redefine-sym curl_easy_perform=fuzz_perform $$@

$(FUZZ_DIR)/$(1)/libfuzz.a: $$(patsubst %.c,$(FUZZ_DIR)/$(1)/%.o,$$(FUZZ_SRC))
	$$(call step,AR)
	$$(Q)rm -f $$@ && ar rcsD $$@ $$^

$$(FUZZ_NAMES:%=$(FUZZ_DIR)/$(1)/%_fuzz): $(FUZZ_DIR)/$(1)/%_fuzz: $(FUZZ_DIR)/$(1)/tests/fuzz/%_fuzz.o \
		$(FUZZ_DIR)/$(1)/tests/fuzz/fuzz.o $(FUZZ_DIR)/$(1)/tests/fuzz/fuzz_mutate.o $(FUZZ_DIR)/$(1)/libfuzz.a
	$$(call step,LD)
	$$(Q)$(FUZZ_CC) $(3) -o $$@ $$< $(FUZZ_DIR)/$(1)/tests/fuzz/fuzz.o \
		$$(if $$(filter $$*,$$(FUZZ_FIXING)),$(FUZZ_DIR)/$(1)/tests/fuzz/fuzz_mutate.o) \
		$(FUZZ_DIR)/$(1)/libfuzz.a $$(FUZZ_LIBS) $$(if $$(filter channel ddi envelope http notes orders queue,$$*),$$(CURL) $$(JSON))

-include $$(patsubst %.c,$(FUZZ_DIR)/$(1)/%.d,$$(FUZZ_SRC) $$(wildcard tests/fuzz/*.c))
endef

$(eval $(call fuzz_rules,bin,$$(FUZZ_SANITIZE),$$(FUZZ_LINK)))
$(eval $(call fuzz_rules,cov,$$(FUZZ_COVERAGE),-fsanitize=fuzzer -fprofile-instr-generate))

fuzz-programs: $(FUZZ_NAMES:%=$(FUZZ_DIR)/bin/%_fuzz)
fuzz-coverage-programs: $(FUZZ_NAMES:%=$(FUZZ_DIR)/cov/%_fuzz)

SECONDS := 60
TARGETS :=

fuzz: ## fuzz each parser for SECONDS=60 of processor time (TARGETS="conf state": only these); build/report/fuzz.json
	@qemu/deps check
	@nice -n 15 $(MAKE) --no-print-directory -j$$(nproc) fuzz-programs
	@nice -n 15 tests/fuzz/run --seconds $(SECONDS) $(TARGETS)

fuzz-coverage: ## lines of the parsers that the committed corpora reach: above 95 % of each; build/report/fuzz-coverage.json
	@qemu/deps check
	@nice -n 15 $(MAKE) --no-print-directory -j$$(nproc) fuzz-coverage-programs
	@tests/fuzz/coverage

.PHONY: fuzz fuzz-programs fuzz-coverage fuzz-coverage-programs
