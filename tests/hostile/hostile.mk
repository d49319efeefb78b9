# SPDX-License-Identifier: Apache-2.0
# Hostile bundles. Each program bends the shipped objects' way to the outside: calls that lie or fail.
HOSTILE := $(patsubst tests/hostile/%_main.c,$(B)/tests/hostile/%,$(sort $(wildcard tests/hostile/*_main.c)))
WRAP_lie  := pread64 __pread64_chk
WRAP_stick := os_mount EVP_DigestVerify
WRAP_fail := $(shell sed -n 's/^WRAP.[^,]*, \([A-Za-z0-9_]*\),.*/\1/p' tests/hostile/fail_main.c)

$(HOSTILE): $(B)/tests/hostile/%: $(call obj,tests/hostile/world.c) $(B)/obj/tests/hostile/%_main.o $(LIBKB) $(LIBREAL)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_LDFLAGS) $(CFLAGS) $(addprefix -Wl$(comma)--wrap=,$(WRAP_$*)) -o $@ $^ $(LIBKB) $(TEST_LIBS)

-include $(patsubst %.o,%.d,$(call obj,$(wildcard tests/hostile/*.c)))

hostile: ## hostile bundles, sticks and media, by the number of the threat: build/report/hostile.json
	@qemu/deps check
	@$(MAKE) --no-print-directory -j$$(nproc) all $(HOSTILE) \
		$(addprefix $(B)/,$(shell tests/hostile/threats.py --programs))
	@tests/run hostile -- --no-skips

hostile-programs: $(HOSTILE)
.PHONY: hostile hostile-programs
