/* SPDX-License-Identifier: Apache-2.0 */
/* Processors by name: what a kernel says, and what it starts. */
#include "lib/os_processor.h"
#include "lib/pe_machine.h"
#include "lib/processor.h"
#include "tests/unit/test.h"

static const char *const all[] = { "x86_64", "i386", "aarch64", "arm", "riscv64", "s390x" };

TEST(kernel_says_of_which_family_it_is)
{
	static const struct {
		const char *machine, *name;
	} say[] = {
		{ "i386", "i386" },	  { "i486", "i386" },	    { "i686", "i386" },
		{ "x86_64", "x86_64" },	  { "aarch64", "aarch64" }, { "armv6l", "arm" },
		{ "armv7l", "arm" },	  { "armv8l", "arm" },	    { "armv5tejl", "arm" },
		{ "riscv64", "riscv64" }, { "s390x", "s390x" },
	};
	static const char *const others[] = { "",	    "i286",    "i786",	 "i6866",
					      "i",	    "armv",    "armv7b", "armv5teb",
					      "aarch64_be", "riscv32", "s390",	 "ppc64le",
					      "mips",	    "X86_64",  "x86-64" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(say); i++)
		assert_string_equal(processor_of_kernel(say[i].machine), say[i].name);
	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++)
		if (processor_of_kernel(others[i]) != NULL)
			fail_msg("%s", others[i]);
}

/* Each by each: its own, and those of 32 bits beside it. */
TEST(kernel_starts_its_own_programs_and_those_of_32_bits)
{
	for (unsigned k = 0; k < KB_ARRAY_LEN(all); k++)
		for (unsigned p = 0; p < KB_ARRAY_LEN(all); p++) {
			bool wider = (k == 0 && p == 1) || (k == 2 && p == 3);

			if (processor_runs(all[k], all[p]) != (k == p || wider))
				fail_msg("%s, %s", all[k], all[p]);
		}
	assert_false(processor_runs("hexagon", "hexagon"));
	assert_false(processor_runs("x86_64", "hexagon"));
	assert_false(processor_runs("x86_64", ""));
	assert_false(processor_runs("x86_64", "x86_64-v9"));
}

TEST(list_says_all_and_no_other)
{
	char text[128] = "";
	size_t len = 0;

	for (unsigned i = 0; i < KB_ARRAY_LEN(all); i++) {
		assert_true(processor_is_known(all[i]));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i == 0			     ? ""
					: i == KB_ARRAY_LEN(all) - 1 ? " or "
								     : ", ",
					all[i]);
	}
	assert_string_equal(text, PROCESSOR_NAMES);
	assert_false(processor_is_known("armv7l"));
	assert_false(processor_is_known(""));
}

TEST(program_of_UEFI_has_the_same_names)
{
	assert_string_equal(processor_of_pe(PE_X86_64), "x86_64");
	assert_string_equal(processor_of_pe(PE_I386), "i386");
	assert_string_equal(processor_of_pe(PE_AARCH64), "aarch64");
	assert_string_equal(processor_of_pe(PE_ARM), "arm");
	assert_string_equal(processor_of_pe(PE_RISCV64), "riscv64");
	assert_null(processor_of_pe(0));
	assert_null(processor_of_pe(0x1234));
}

TEST(device_is_what_its_kernel_says_or_at_least_what_runs)
{
	assert_string_equal(processor_of_device("x86_64", "i386"), "x86_64");
	assert_string_equal(processor_of_device("i686", "i386"), "i386");
	assert_string_equal(processor_of_device("aarch64", "arm"), "aarch64");
	assert_string_equal(processor_of_device("i686", "x86_64"), "x86_64"); /* by setarch */
	assert_string_equal(processor_of_device("armv8l", "aarch64"), "aarch64");
	assert_string_equal(processor_of_device("", "s390x"), "s390x");
	assert_string_equal(processor_of_device("aarch64_be", "aarch64"), "aarch64");
}

TEST(this_one_has_a_name)
{
	char machine[OS_PROCESSOR_MAX];
	const char *own = os_processor_program();

	os_processor_kernel(machine);
	assert_true(processor_is_known(own));
	assert_true(processor_runs(processor_of_device(machine, own), own));
	if (os_processor() != 0)
		assert_string_equal(processor_of_pe(os_processor()), own);
}

TEST_MAIN("processor")
