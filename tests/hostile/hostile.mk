# SPDX-License-Identifier: Apache-2.0
# Hostile bundles. Each program bends the shipped objects' way to the outside: calls that lie or fail.
HOSTILE := $(patsubst tests/hostile/%_main.c,$(B)/tests/hostile/%,$(sort $(wildcard tests/hostile/*_main.c)))
WRAP_lie  := pread64 __pread64_chk
WRAP_stick := os_mount EVP_DigestVerify
# $(1): WRAP or CALL; $(2): the program
hostile_names = $(shell sed -n 's/^$(1).[^,]*, \([A-Za-z0-9_]*\),.*/\1/p' tests/hostile/$(2)_main.c)
WRAP_skip := $(call hostile_names,WRAP,skip)
CALLS_skip := $(call hostile_names,CALL,skip)
WRAP_fail := $(call hostile_names,WRAP,fail)

$(HOSTILE): $(B)/tests/hostile/%: $(call obj,tests/hostile/world.c) $(O)/obj/tests/hostile/%_main.o $(LIBKB) $(LIBREAL)
	@mkdir -p $(@D)
	$(call step,LD)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) $(addprefix -Wl$(comma)--wrap=,$(WRAP_$*)) -o $@ $(filter %.o,$^) $(LIB_$*) \
		$(LIBKB) $(LIBREAL) $(LIBKB) $(TEST_LIBS)

# For skip: the files that decide, in which each comparison is a call, too.
SKIPPED := $(patsubst %.c,$(B)/tests/hostile/skipped/%.o,$(filter update/apply/apply_file.c update/install/% \
	update/bundle/reader% update/keys/keyring.c,$(LIBSRC)))
LIB_skip := $(B)/tests/hostile/skipped.a
$(SKIPPED): $(B)/tests/hostile/skipped/%.o: %.c
	@mkdir -p $(@D)
	$(call step,CC)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fno-builtin-memcmp $(foreach name,$(CALLS_skip),-D$(name)=skip_$(name)) \
		-MMD -MP -c -o $@ $<
$(LIB_skip): $(SKIPPED)
	$(call step,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
$(B)/tests/hostile/skip: $(LIB_skip)

-include $(SKIPPED:.o=.d) $(patsubst %.o,%.d,$(call obj,$(wildcard tests/hostile/*.c)))

hostile: ## hostile bundles, sticks and media, by the number of the threat: build/report/hostile.json
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all $(HOSTILE) \
		$(addprefix $(B)/,$(shell tests/hostile/threats.py --programs))
	@tests/run hostile -- --no-skips

hostile-programs: $(HOSTILE)
.PHONY: hostile hostile-programs
