/* SPDX-License-Identifier: Apache-2.0 */
/* What a text says of a file, as systemd-boot 252 reads it (src/boot/efi/boot.c). */
#include "lib/bls.h"
#include "tests/unit/test.h"

#include <string.h>

#define KERNEL "/keelboot-a/vmlinuz"
#define INITRD "/keelboot-a/initrd.img"

static struct bls is;

static void look(const char *text, const char *path)
{
	is = bls_look(text, strlen(text), path);
}

TEST(text_names_what_is_started_and_what_is_loaded)
{
	static const char text[] = "title A system\n"
				   "linux /keelboot-a/vmlinuz\n"
				   "initrd /keelboot-a/microcode.img\n"
				   "initrd /keelboot-a/initrd.img\n"
				   "options root=/keelboot-b/vmlinuz panic=10\n";

	look(text, KERNEL);
	EQUAL((is.starts, true), (is.starts_other, false), (is.loads, false));
	look(text, INITRD);
	EQUAL((is.starts, false), (is.starts_other, true), (is.loads, true));
	look(text, "/keelboot-b/vmlinuz");
	EQUAL((is.starts, false), (is.starts_other, true), (is.loads, false));
	look(text, "/keelboot-a/microcode.img");
	assert_true(is.loads);
}

TEST(line_is_read_as_by_the_loader)
{
	static const char *const same[] = {
		"linux /keelboot-a/vmlinuz",
		"linux\t/keelboot-a/vmlinuz\n",
		"\r\n  linux \t /keelboot-a/vmlinuz \t\r\n",
		"efi /keelboot-a/vmlinuz\n",
		"uki /keelboot-a/vmlinuz\n",
		"linux keelboot-a/vmlinuz\n",
		"linux \\keelboot-a\\vmlinuz\n",
		"linux //keelboot-a//vmlinuz\n",
		"linux /KEELBOOT-A/VmLinuz\n",
		"linux \"/keelboot-a/vmlinuz\"\n",
	};
	static const char *const others[] = {
		"",
		"\n",
		"linux",
		"linux\n/keelboot-a/vmlinuz\n",
		"#linux /keelboot-a/vmlinuz\n",
		"# linux /keelboot-a/vmlinuz\n",
		"linux=/keelboot-a/vmlinuz\n",
		"Linux /keelboot-a/vmlinuz\n",
		"linuxx /keelboot-a/vmlinuz\n",
		"initrd /keelboot-a/vmlinuz\n",
		"linux /keelboot-a/vmlinuz2\n",
		"linux /keelboot-a/vmlinu\n",
		"linux /keelboot-a/\n",
		"linux /keelboot-avmlinuz\n",
		"linux /x/keelboot-a/vmlinuz\n",
		"linux /keelboot-a/vmlinuz x\n",
		"linux /keelboot-a/vmlinuz/\n",
		"linux \"\n",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(same); i++) {
		look(same[i], KERNEL);
		if (!is.starts || is.starts_other)
			fail_msg("%s", same[i]);
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++) {
		look(others[i], KERNEL);
		if (is.starts)
			fail_msg("%s", others[i]);
	}
}

TEST(other_kernel_is_seen_beside_ours)
{
	look("linux /keelboot-a/vmlinuz\nefi /shell.efi\n", KERNEL);
	EQUAL((is.starts, true), (is.starts_other, true));
}

TEST(what_is_behind_a_zero_or_the_end_is_not_read)
{
	static const char text[] = "title x\n\0linux /keelboot-a/vmlinuz\n";
	static const char whole[] = "linux /keelboot-a/vmlinuz";

	assert_false(bls_look(text, sizeof(text) - 1, KERNEL).starts);
	for (size_t len = 0; len <= strlen(whole); len++)
		EQUAL((bls_look(whole, len, KERNEL).starts, len == strlen(whole)));
}

TEST_MAIN("bls")
