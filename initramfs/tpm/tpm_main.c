/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/tpm/tpm_main.h"

#include "initramfs/tpm/tpm_log.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/wire/tpm_end.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define STDOUT	    1
#define STEP_MS	    100u
#define APPEAR_MS   2000u /* a driver that was just loaded has no device yet */
#define BUSY_MS	    5000u /* it tests itself */
#define RC_BAD_TAG  0x1eu
#define LOG_MAX	    16384
#define TPM1_DEVICE "/dev/tpm0"
#define VALUES	    "/sys/class/tpm/tpm0/"

struct talk {
	int fd;
	unsigned pcr;
	uint8_t command[TPM_COMMAND_MAX], answer[TPM_ANSWER_MAX];
	size_t len;
	uint32_t rc;
};

static enum tpm_end open_tpm(struct talk *t)
{
	/* The first is shared; the other is all that a TPM 1.2 has, which answers with an error. */
	static const char *const devices[] = { "/dev/tpmrm0", TPM1_DEVICE };

	for (unsigned waited = 0;; waited += STEP_MS) {
		for (unsigned i = 0; i < KB_ARRAY_LEN(devices); i++)
			if (os_open(devices[i], O_RDWR, &t->fd) == KB_OK)
				return TPM_DONE;
		if (os_exists(TPM1_DEVICE)) {
			log_err("unable to open " TPM1_DEVICE ": %m");
			return TPM_FAILED;
		}
		if (waited >= APPEAR_MS)
			break;
		os_sleep_ms(STEP_MS);
	}
	log_err("no TPM: " TPM1_DEVICE " is missing; is its driver in the initramfs?");
	return TPM_NONE;
}

static bool is_busy(uint32_t rc)
{
	return rc == TPM_RC_RETRY || rc == TPM_RC_YIELDED || rc == TPM_RC_TESTING;
}

/* Sends the command, and has its answer parsed. */
static enum kb_err ask(struct talk *t, size_t command_len,
		       enum kb_err (*parse)(struct talk *t, struct tpm_banks *b),
		       struct tpm_banks *b)
{
	enum kb_err err = KB_EIO;

	for (unsigned waited = 0; waited < BUSY_MS; waited += STEP_MS) {
		TRY(os_file_write(t->fd, t->command, command_len));
		TRY(os_read(t->fd, t->answer, sizeof(t->answer), &t->len));
		t->rc = TPM_RC_SUCCESS;
		err = parse(t, b);
		if (err != KB_EIO || !is_busy(t->rc))
			break;
		os_sleep_ms(STEP_MS);
	}
	return err;
}

static enum kb_err parse_banks(struct talk *t, struct tpm_banks *b)
{
	return tpm_command_read_banks(t->answer, t->len, t->pcr, &t->rc, b);
}

static enum kb_err parse_event(struct talk *t, struct tpm_banks *b)
{
	return tpm_command_read_event(t->answer, t->len, &t->rc, b);
}

static enum tpm_end report_failed(const struct talk *t, const char *what, enum kb_err err)
{
	if (err == KB_EFORMAT || err == KB_ENOSPC)
		log_err("%s: the TPM answers with what is no answer (%u bytes)", what,
			(unsigned)t->len);
	else if (t->rc != TPM_RC_SUCCESS)
		log_err("%s: the TPM answers with error 0x%03x%s", what, (unsigned)t->rc,
			t->rc == RC_BAD_TAG ? ": it is none of version 2.0" : "");
	else
		log_err("%s: %m", what);
	return TPM_FAILED;
}

static enum tpm_end find_banks(struct talk *t, struct tpm_banks *active)
{
	enum kb_err err = ask(t, tpm_command_banks(t->command), parse_banks, active);

	if (err != KB_OK)
		return report_failed(t, "banks", err);
	if (active->n > 0)
		return TPM_DONE;
	log_err("PCR %u is in no bank of the TPM that is switched on", t->pcr);
	return TPM_FAILED;
}

/* A TPM also hashes for banks that are switched off. */
static enum kb_err keep_active(struct tpm_banks *active, const struct tpm_banks *digests)
{
	for (unsigned i = 0; i < active->n; i++) {
		const struct tpm_bank *d = tpm_command_find(digests, active->bank[i].algorithm);

		if (d == NULL)
			return KB_EFORMAT;
		active->bank[i] = *d;
	}
	return KB_OK;
}

static enum tpm_end extend_pcr(struct talk *t, const char *text, struct tpm_banks *active)
{
	struct tpm_banks digests = { .n = 0 };
	enum kb_err err = ask(t, tpm_command_event(t->command, t->pcr, text, strlen(text)),
			      parse_event, &digests);

	if (err == KB_OK)
		err = keep_active(active, &digests);
	return err == KB_OK ? TPM_DONE : report_failed(t, "measuring", err);
}

/* Whether anything has extended it. The kernel shows its value, from 5.12 on. */
static enum tpm_end check_extended(const struct talk *t, const struct tpm_banks *active)
{
	char path[64], value[2 * TPM_DIGEST_MAX + 2];
	bool has_zeroes = false;

	for (unsigned i = 0; i < active->n; i++) {
		snprintf(path, sizeof(path), VALUES "pcr-%s/%u",
			 tpm_command_algorithm(active->bank[i].algorithm), t->pcr);
		if (os_read_file(path, value, sizeof(value), NULL) != KB_OK)
			continue;
		value[strcspn(value, "\n")] = '\0';
		if (value[strspn(value, "0")] != '\0')
			return TPM_DONE;
		has_zeroes = true;
	}
	if (!has_zeroes)
		return TPM_DONE;
	log_err("nothing has extended it");
	return TPM_FAILED;
}

/* Behind what is there. It is of use to verifiers, and decides nothing. */
static void add_to_log(const struct talk *t, const char *text, const struct tpm_banks *digests)
{
	static char buf[LOG_MAX];
	size_t len = 0;
	enum kb_err err = os_read_file(TPM_LOG, buf, sizeof(buf), &len);

	if (err != KB_OK || len == 0)
		len = tpm_log_header((uint8_t *)buf, digests);
	err = KB_ENOSPC;
	if (len <= sizeof(buf) - TPM_LOG_EVENT_MAX) {
		len += tpm_log_event((uint8_t *)buf + len, t->pcr, digests, text, strlen(text));
		err = os_mkdir("/run/keelboot", 0755);
	}
	if (err == KB_OK)
		err = os_write_file(TPM_LOG, buf, len);
	if (err != KB_OK)
		log_err(TPM_LOG ": %s", err_text(err));
}

/* "sha1,sha256" */
static void print_banks(const struct tpm_banks *b)
{
	char line[TPM_BANKS_MAX * 10 + 1] = "";

	for (unsigned i = 0; i < b->n; i++) {
		const char *name = tpm_command_algorithm(b->bank[i].algorithm);

		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i > 0 ? "," : "",
			 name[0] != '\0' ? name : "unknown");
	}
	(void)!os_file_write(STDOUT, line, strlen(line)); /* who asked sees the exit code */
}

static bool read_pcr(const char *text, unsigned *pcr)
{
	uint64_t v;

	if (bytes_decimal(&v, text, TPM_PCR_MAX) != KB_OK)
		return false;
	*pcr = (unsigned)v;
	return true;
}

int tpm_main(int argc, char **argv)
{
	static struct talk t = { .fd = -1 };
	bool measures = argc == 4 && strcmp(argv[1], "measure") == 0;
	bool checks = argc == 3 && strcmp(argv[1], "check") == 0;
	struct tpm_banks active = { .n = 0 };
	enum tpm_end end;

	log_set_name("keelboot-tpm");
	if (!(measures && strlen(argv[3]) <= TPM_EVENT_MAX) && !checks &&
	    !(argc == 3 && strcmp(argv[1], "look") == 0)) {
		log_err("usage: keelboot-tpm look PCR | check PCR | measure PCR TEXT");
		return TPM_USAGE;
	}
	if (!read_pcr(argv[2], &t.pcr)) {
		log_err("%s: no PCR", argv[2]);
		return TPM_USAGE;
	}
	end = open_tpm(&t);
	if (end == TPM_DONE)
		end = find_banks(&t, &active);
	if (end == TPM_DONE && measures)
		end = extend_pcr(&t, argv[3], &active);
	if (end == TPM_DONE && checks)
		end = check_extended(&t, &active);
	if (end == TPM_DONE)
		print_banks(&active);
	if (end == TPM_DONE && measures)
		add_to_log(&t, argv[3], &active);
	return end;
}
