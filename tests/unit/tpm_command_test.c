/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and answers of a TPM, as "TPM 2.0 Library, Part 3" has them. */
#include "initramfs/tpm/tpm_command.h"
#include "initramfs/tpm/tpm_log.h"
#include "lib/bytes.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static uint8_t command[TPM_COMMAND_MAX], answer[TPM_ANSWER_MAX];
static size_t len;
static uint32_t rc;
static struct tpm_banks banks;

static void answer_is(const char *hex)
{
	len = strlen(hex) / 2;
	OK(bytes_unhex(answer, len, hex));
	rc = 0;
	memset(&banks, 0xa5, sizeof(banks));
}

static void assert_bytes(const uint8_t *bytes, size_t n, const char *hex)
{
	char found[2 * TPM_COMMAND_MAX + 1];

	bytes_hex(found, bytes, n);
	assert_string_equal(found, hex);
}

#define D20 "0101010101010101010101010101010101010101"
#define D32 "0202020202020202020202020202020202020202020202020202020202020202"
TEST(event_is_measured_with_the_empty_password_of_a_pcr)
{
	size_t n = tpm_command_event(command, 13, "abc", 3);

	assert_bytes(command, n,
		     "8002" /* with a session */
		     "00000020"
		     "0000013c"
		     "0000000d"
		     "00000009"
		     "40000009"
		     "0000"
		     "00"
		     "0000"
		     "0003"
		     "616263");
}

TEST(longest_event_fits)
{
	static uint8_t text[TPM_EVENT_MAX];

	assert_int_equal(tpm_command_event(command, 13, text, sizeof(text)), 29 + TPM_EVENT_MAX);
	assert_int_equal(command[27] << 8 | command[28], TPM_EVENT_MAX);
}

TEST(banks_are_asked_for_at_once)
{
	size_t n = tpm_command_banks(command);

	assert_bytes(command, n,
		     "8001"
		     "00000016"
		     "0000017a"
		     "00000005"
		     "00000000"
		     "00000001");
}

TEST(digests_of_each_bank_are_read)
{
	answer_is("8002"
		  "00000053"
		  "00000000"
		  "00000040"
		  "00000002"
		  "0004" D20 "000b" D32 "0000"
		  "01"
		  "0000"
		  "00");
	/* its own length is wrong: */
	assert_int_equal(tpm_command_read_event(answer, len, &rc, &banks), KB_EFORMAT);
	answer_is("8002"
		  "0000004f"
		  "00000000"
		  "0000003c"
		  "00000002"
		  "0004" D20 "000b" D32 "0000"
		  "01"
		  "0000");
	OK(tpm_command_read_event(answer, len, &rc, &banks));
	EQUAL((banks.n, 2), (banks.bank[0].algorithm, 4), (banks.bank[1].algorithm, 11));
	EQUAL((banks.bank[0].digest[19], 1), (banks.bank[1].digest[31], 2));
}

/* Each byte less, and each length that is not that of the bytes. */
TEST(answer_that_is_cut_anywhere_is_none)
{
	static const char whole[] = "8002"
				    "0000004f"
				    "00000000"
				    "0000003c"
				    "00000002"
				    "0004" D20 "000b" D32 "0000"
				    "01"
				    "0000";

	answer_is(whole);
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n + 1);

		memcpy(copy, answer, n);
		if (n >= 6)
			copy[5] = (uint8_t)n;
		/* Only what answers the authorization may be missing. */
		if (n < 14 + 0x3c)
			assert_int_equal(tpm_command_read_event(copy, n, &rc, &banks), KB_EFORMAT);
		free(copy);
	}
	answer[5]--;
	assert_int_equal(tpm_command_read_event(answer, len, &rc, &banks), KB_EFORMAT);
}

TEST(error_of_the_tpm_is_told)
{
	answer_is("8001"
		  "0000000a"
		  "00000922");
	assert_int_equal(tpm_command_read_event(answer, len, &rc, &banks), KB_EIO);
	assert_int_equal(rc, TPM_RC_RETRY);
	answer_is("00c4"
		  "0000000a"
		  "0000001e"); /* a TPM 1.2 */
	assert_int_equal(tpm_command_read_banks(answer, len, 13, &rc, &banks), KB_EIO);
	assert_int_equal(rc, 0x1e);
}

static const char *const not_events[] = {
	"",
	"8001"
	"0000000a"
	"00000000", /* success, and nothing */
	"8001"
	"00000012"
	"00000000"
	"00000004"
	"00000000", /* without a session */
	"8002"
	"00000012"
	"00000000"
	"00000005"
	"00000000", /* more than there is */
	"8002"
	"00000012"
	"00000000"
	"00000003"
	"00000000", /* the count is cut */
	"8002"
	"00000012"
	"00000000"
	"00000004"
	"00000009", /* too many */
	"8002"
	"00000012"
	"00000000"
	"00000004"
	"ffffffff",
	"8002"
	"00000014"
	"00000000"
	"00000006"
	"00000001"
	"0099", /* not known */
	"8002"
	"00000014"
	"00000000"
	"00000006"
	"00000001"
	"0004", /* no digest */
	"8002"
	"00000013"
	"00000000"
	"00000005"
	"00000000"
	"00", /* one byte more */
	"8002"
	"0000003e"
	"00000000"
	"00000030"
	"00000002"
	"0004" D20 "0004" D20, /* twice */
};

TEST(what_is_no_answer_to_an_event_is_refused)
{
	for (unsigned i = 0; i < sizeof(not_events) / sizeof(not_events[0]); i++) {
		answer_is(not_events[i]);
		assert_int_equal(tpm_command_read_event(answer, len, &rc, &banks), KB_EFORMAT);
		assert_int_equal(banks.n, 0xa5a5a5a5);
	}
}

TEST(bank_counts_where_it_has_the_pcr)
{
	/* sha1 is switched off, sha384 lacks 13, sha512 has few. */
	answer_is("8001"
		  "00000029"
		  "00000000"
		  "00"
		  "00000005"
		  "00000004"
		  "0004"
		  "03"
		  "000000"
		  "000b"
		  "03"
		  "ffffff"
		  "000c"
		  "03"
		  "ffdfff"
		  "000d"
		  "01"
		  "ff");
	OK(tpm_command_read_banks(answer, len, 13, &rc, &banks));
	EQUAL((banks.n, 1), (banks.bank[0].algorithm, 0xb));
	OK(tpm_command_read_banks(answer, len, 7, &rc, &banks));
	assert_int_equal(banks.n, 3);
}

static const char *const not_banks[] = {
	"8001"
	"0000000a"
	"00000000",
	"8002"
	"00000013"
	"00000000"
	"00"
	"00000005"
	"00000000",
	"8001"
	"00000013"
	"00000000"
	"00"
	"00000006"
	"00000000", /* of something else */
	"8001"
	"00000013"
	"00000000"
	"00"
	"00000005"
	"00000001", /* it ends */
	"8001"
	"00000013"
	"00000000"
	"00"
	"00000005"
	"ffffffff",
	"8001"
	"00000014"
	"00000000"
	"00"
	"00000005"
	"00000000"
	"00",
	"8001"
	"00000017"
	"00000000"
	"00"
	"00000005"
	"00000001"
	"000b"
	"03"
	"ff",
	"8001"
	"0000001f"
	"00000000"
	"00"
	"00000005"
	"00000002"
	"000b"
	"03"
	"ffffff"
	"000b"
	"03"
	"ffffff",
};

TEST(what_is_no_list_of_banks_is_refused)
{
	for (unsigned i = 0; i < sizeof(not_banks) / sizeof(not_banks[0]); i++) {
		answer_is(not_banks[i]);
		assert_int_equal(tpm_command_read_banks(answer, len, 13, &rc, &banks), KB_EFORMAT);
	}
}

TEST(more_banks_than_are_known_are_refused)
{
	char hex[512] = "8001"
			"00000049"
			"00000000"
			"00"
			"00000005"
			"00000009";

	for (unsigned i = 0; i < TPM_BANKS_MAX + 1; i++)
		snprintf(hex + strlen(hex), 16, "%04x03ffffff", 0x10 + i);
	answer_is(hex);
	assert_int_equal(tpm_command_read_banks(answer, len, 13, &rc, &banks), KB_ENOSPC);
}

TEST(algorithms_have_names_and_lengths)
{
	EQUAL((tpm_command_digest_len(0xb), 32), (tpm_command_digest_len(0xd), TPM_DIGEST_MAX));
	EQUAL((tpm_command_algorithm(0xc), "sha384"), (tpm_command_algorithm(0x99), ""));
	EQUAL((tpm_command_digest_len(0), 0));
}

/* ---------------------------------------------------------------- the log */

TEST(log_is_what_firmware_writes)
{
	static uint8_t out[TPM_LOG_EVENT_MAX];
	struct tpm_banks b = { .n = 1, .bank = { { .algorithm = 0xb } } };

	assert_bytes(out, tpm_log_header(out, &b),
		     "00000000"
		     "03000000"
		     "0000000000000000000000000000000000000000"
		     "21000000"
		     "53706563204944204576656e74303300"
		     "00000000"
		     "00"
		     "02"
		     "00"
		     "02"
		     "01000000"
		     "0b00"
		     "2000"
		     "00");
	memset(b.bank[0].digest, 2, 32);
	assert_bytes(out, tpm_log_event(out, 13, &b, "abc", 3),
		     "0d000000"
		     "0d000000"
		     "01000000"
		     "0b00" D32 "03000000"
		     "616263");
}

TEST(largest_log_fits)
{
	static uint8_t out[TPM_LOG_EVENT_MAX], text[TPM_EVENT_MAX];
	struct tpm_banks b = { .n = TPM_BANKS_MAX };

	for (unsigned i = 0; i < b.n; i++)
		b.bank[i].algorithm = 0xd;
	assert_int_equal(tpm_log_event(out, 13, &b, text, sizeof(text)), sizeof(out));
	assert_int_equal(tpm_log_header(out, &b), TPM_LOG_HEADER_MAX);
}

TEST_MAIN("tpm_command")
