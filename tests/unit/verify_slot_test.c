/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-verify as a process, on the manifest that a slot's install left in the state. */
#include "tests/unit/trusted_key.h"
#include "tests/unit/child.h"
#include "tests/unit/install_fixture.h"
#include "update/verify/verify_slot.h"

#define SIZE (256u * 1024)

static uint8_t image[SIZE];
static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
static struct store_manifest cell;
static struct reader reader;
static struct state state;
static struct verify_answer answer;
static ssize_t answered;

/* ---------------------------------------------------------------- the state */

static void with_store(void (*fn)(struct store *st))
{
	enum store_finding found;
	struct bdev_file dev;
	struct store st;

	OK(bdev_file_open(&dev, folder_at("state"), BDEV_FILE_WRITE));
	OK(store_load(&st, &dev.bdev, &state, &found));
	fn(&st);
	bdev_file_close(&dev);
}

/* Slot b holds the release of the manifest. */
static void begin(struct store *st)
{
	state_init(&state, 2);
	state.slot[1].st = STATE_GOOD;
	state.slot[1].has_release = true;
	memcpy(state.slot[1].release, reader.release.id, STATE_ID_LEN);
	OK(store_save(st, &state));
}

static void put_manifest(struct store *st)
{
	OK(store_manifest_write(st, 1, &cell, blob));
}

static void forget_release(struct store *st)
{
	state.slot[1].release[0] ^= 1;
	OK(store_save(st, &state));
}

static void make_manifest(const char *compatible, const struct key_file *k)
{
	struct fixture_image im = { "root", image, SIZE, 64 * 1024, false };
	struct fixture_bundle b = { .image = &im,
				    .nimages = 1,
				    .version = "2.0",
				    .compatible = compatible,
				    .sequence = 2,
				    .key = k };
	int fd = fixture_make(&b);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	OK(reader_open(&reader, fd, false, (uint64_t)st.st_size, NULL));
	cell = (struct store_manifest){ .sequence = 2 };
	cell.len = (size_t)reader.h.manifest_off + reader.h.manifest_len;
	memcpy(cell.release, reader.release.id, sizeof(cell.release));
	assert_int_equal(pread(fd, blob, cell.len, 0), (ssize_t)cell.len);
	reader_close(&reader);
	close(fd);
}

static void set_up(void)
{
	folder_blank("state", STORE_MIN_SIZE);
	folder_put("etc/keelboot/system.conf", "[system]\ncompatible = box\n");
	make_manifest("box", &key);
	with_store(begin);
}

/* ---------------------------------------------------------------- running it */

static int run(const char *slot, bool heard)
{
	const char *argv[] = { "keelboot-verify", "--state", folder_at("state"), "--slot", slot,
			       "--root",	  folder };
	int fds[2];
	pid_t pid = fork_with_pipe(fds);

	if (pid == 0) {
		close(fds[0]);
		dup2(fds[1], 100);
		dup2(100, 3);
		close(100);
		if (!heard)
			close(3);
		exit(verify_slot_main(7, (char **)argv));
	}
	memset(&answer, 0, sizeof(answer));
	answered = read(fds[0], &answer, sizeof(answer));
	close(fds[0]);
	return test_exit_code(pid);
}

static void assert_refused(int code)
{
	EQUAL((run("b", true), code), (answered, 0));
}

TEST(what_is_signed_for_this_device_is_answered)
{
	with_store(put_manifest);
	EQUAL((run("b", true), VERIFY_SLOT_OK), (answered, sizeof(answer)));
	OK(verify_answer_check(&answer));
	assert_memory_equal(answer.release, cell.release, sizeof(answer.release));
	assert_int_equal(answer.verity, 0);
}

TEST(what_a_stranger_signed_is_not_verified)
{
	make_manifest("box", &stranger);
	with_store(put_manifest);
	assert_refused(VERIFY_SLOT_UNVERIFIED);
	make_manifest("box", NULL);
	with_store(put_manifest);
	assert_refused(VERIFY_SLOT_UNVERIFIED);
}

/* Written so by somebody who may write the state: its own checksum is right. */
TEST(what_was_changed_is_not_verified)
{
	size_t at[] = { 100, cell.len - 2 };

	for (unsigned i = 0; i < 2; i++) {
		blob[at[i]] ^= 1;
		with_store(put_manifest);
		blob[at[i]] ^= 1;
		assert_refused(VERIFY_SLOT_UNVERIFIED);
	}
}

TEST(what_is_for_another_device_is_foreign)
{
	make_manifest("another-box", &key);
	with_store(begin);
	with_store(put_manifest);
	assert_refused(VERIFY_SLOT_FOREIGN);
}

/* One that was signed once, put under another slot's name. */
TEST(what_is_of_another_release_is_not_verified)
{
	with_store(put_manifest);
	with_store(forget_release);
	assert_refused(VERIFY_SLOT_UNVERIFIED);
}

TEST(what_is_not_there_fails)
{
	assert_refused(VERIFY_SLOT_FAILED);
	unlink(folder_at("state"));
	assert_refused(VERIFY_SLOT_FAILED);
}

TEST(without_keys_nothing_is_verified)
{
	with_store(put_manifest);
	folder_put("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[keyring]\npath = /nowhere\n");
	assert_refused(VERIFY_SLOT_UNVERIFIED);
}

TEST(an_answer_that_nobody_takes_is_a_failure)
{
	with_store(put_manifest);
	assert_int_equal(run("b", false), VERIFY_SLOT_FAILED);
}

TEST(a_slot_that_cannot_be_is_refused)
{
	with_store(put_manifest);
	assert_int_equal(run("z", true), VERIFY_SLOT_USAGE);
	EQUAL((run("bb", true), VERIFY_SLOT_USAGE), (answered, 0));
}

/* ---------------------------------------------------------------- main */

static void make_world(void)
{
	make_keys();
	for (size_t i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * i >> 7 | 1);
}

TEST_MAIN("verify_slot", .set_up = set_up, .first = make_world, .last = remove_keys, .quiet = true)
