/* SPDX-License-Identifier: Apache-2.0 */
/* A slot's kernel is found inside of the slot, and what is none is refused. */
#include "initramfs/kexec/kexec_main.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_kexec.h"
#include "tests/unit/folder.h"
#include "tests/unit/syscall.h"
#include "update/wire/kexec_end.h"

static int fd;
static uint64_t size;

/* What a kernel says to openat2(), and to kexec_file_load(); 0: it is asked. */
static int opening, loading;
static bool asked; /* to load; some processors of 32 bits have no such call */
static long flags;

static bool syscall_answers(long number, const long arg[6], long *result)
{
	int errnum = number == SYS_openat2 ? opening : loading;

	if (errnum == 0)
		return false;
	asked = asked || number != SYS_openat2;
	flags = number != SYS_openat2 ? arg[4] : flags;
	errno = errnum;
	*result = -1;
	return true;
}

static void set_up(void)
{
	loading = opening = 0;
	folder_make();
	folder_run("mkdir boot");
	folder_put("boot/vmlinuz", "kernel");
	folder_put("boot/initramfs.img", "initramfs");
}

static void tear_down(void)
{
	folder_remove();
}

static enum kb_err opens(const char *path)
{
	enum kb_err err = os_kexec_open(folder, path, &fd, &size);

	os_close(&fd);
	return err;
}

TEST(file_is_opened_with_its_size)
{
	OK(opens("/boot/vmlinuz"));
	assert_true(size == strlen("kernel"));
	assert_int_equal(opens("/boot/none"), KB_ENOENT);
}

/* As Debian has it: /vmlinuz leads to boot/vmlinuz-6.1. */
TEST(link_leads_to_what_is_below_the_root)
{
	folder_put("secret", "1234");
	folder_run(
		"mkdir slot && mkdir slot/boot && echo ok > slot/boot/k && ln -s boot/k slot/relative"
		" && ln -s /boot/k slot/absolute && ln -s ../secret slot/up && ln -s %s/secret slot/out",
		folder);
	folder_run("ln -s /proc/self/exe slot/magic");
	OK(os_kexec_open(folder_at("slot"), "/relative", &fd, &size));
	os_close(&fd);
	OK(os_kexec_open(folder_at("slot"), "/absolute", &fd, &size));
	os_close(&fd);
	assert_true(size == 3);
	assert_int_equal(os_kexec_open(folder_at("slot"), "/up", &fd, &size), KB_ENOENT);
	assert_int_equal(os_kexec_open(folder_at("slot"), "/out", &fd, &size), KB_ENOENT);
	assert_int_equal(os_kexec_open(folder_at("slot"), "/magic", &fd, &size), KB_ENOENT);
}

TEST(what_is_no_file_is_refused_and_not_waited_for)
{
	folder_run("mkfifo pipe && ln -s loop loop");
	assert_int_equal(opens("/pipe"), KB_EINVAL);
	assert_int_equal(opens("/boot"), KB_EINVAL);
	assert_int_not_equal(opens("/loop"), KB_OK);
}

/* The program, which comes up to the kernel's own refusal. */
static int loads(const char *kernel, const char *initramfs, const char *words)
{
	const char *const argv[] = {
		"keelboot-kexec", folder, "", "b", kernel, initramfs, words, ""
	};

	return kexec_main(8, (char **)(uintptr_t)argv);
}

TEST(slot_that_lacks_a_file_is_at_fault)
{
	assert_int_equal(loads("/boot/none", "", ""), KEXEC_OF_SLOT);
	assert_int_equal(loads("", "/boot/none", ""), KEXEC_OF_SLOT);
	folder_run("rm boot/initramfs.img");
	assert_int_equal(loads("", "", ""), KEXEC_OF_SLOT);
	folder_run("rm boot/vmlinuz");
	assert_int_equal(loads("", "", ""), KEXEC_OF_SLOT);
}

TEST(garbage_is_never_loaded)
{
	assert_int_not_equal(loads("", "", ""), KEXEC_LOADED);
	assert_int_not_equal(loads("", "", "/boot/no-words"), KEXEC_LOADED);
}

TEST(files_that_are_too_large_are_refused_before_they_are_read)
{
	folder_run("truncate -s 129M boot/vmlinuz");
	assert_int_equal(loads("", "", ""), KEXEC_OF_SLOT);
	folder_run("truncate -s 1M boot/vmlinuz && truncate -s 513M boot/initramfs.img");
	assert_int_equal(loads("", "", ""), KEXEC_OF_SLOT);
}

TEST(words_that_are_no_text_are_refused)
{
	folder_run("truncate -s 1024 words");
	assert_int_equal(loads("", "", "/words"), KEXEC_OF_SLOT);
	folder_bytes("words", "a\0b", 3);
	assert_int_equal(loads("", "", "/words"), KEXEC_OF_SLOT);
	folder_put("words", "a=\"b");
	assert_int_equal(loads("", "", "/words"), KEXEC_OF_SLOT);
}

TEST(device_that_is_none_is_no_slot)
{
	const char *const argv[] = { "keelboot-kexec", folder, "/dev/null", "b", "", "", "", "" };

	assert_int_equal(kexec_main(8, (char **)(uintptr_t)argv), KEXEC_OF_SLOT);
}

/* Else releases are installed that this kernel can never start. */
TEST(kernel_that_opens_nothing_inside_a_slot_starts_no_other)
{
	static const struct {
		int loading, opening;
		enum kb_err is;
	} cases[] = { { EINVAL, EINVAL, KB_OK },
		      { EINVAL, 0, KB_OK },
		      { EINVAL, ENOSYS, KB_ENOENT },
		      { ENOSYS, EINVAL, KB_ENOENT },
		      { EPERM, EINVAL, KB_EPERM } };
	enum kb_err err;

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		loading = cases[i].loading;
		opening = cases[i].opening;
		asked = false;
		err = os_can_kexec();
		assert_int_equal(err, asked ? cases[i].is : KB_ENOENT);
	}
}

/* Linux counts what is asked for a restart, and for a crash, apart; and before it looks at flags.
 */
TEST(kernel_that_counts_is_asked_as_if_for_a_crash)
{
	static const struct {
		int loading, opening;
		bool is;
	} cases[] = { { EINVAL, EINVAL, true },
		      { EPERM, EINVAL, true },
		      { ENOSYS, EINVAL, false },
		      { EINVAL, ENOSYS, false } };
	bool is;

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		loading = cases[i].loading;
		opening = cases[i].opening;
		asked = false;
		flags = 0x02;
		is = os_has_kexec();
		assert_int_equal(is, asked && cases[i].is);
		assert_true((flags & 0x02) != 0);
	}
}

TEST(program_wants_all_its_arguments)
{
	const char *const argv[] = { "keelboot-kexec", folder };

	assert_int_equal(kexec_main(2, (char **)(uintptr_t)argv), KEXEC_USAGE);
}

TEST_MAIN("os_kexec", .set_up = set_up, .tear_down = tear_down)
