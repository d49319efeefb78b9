/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_await.h"

#include "initramfs/boot_data.h"
#include "initramfs/child_ask.h"
#include "initramfs/hardware.h"
#include "initramfs/pairs_finding.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/loader_end.h"

#define STEP_MS	   200u
#define MISSING_MS 5000u /* then its driver may be one that nothing asked for */

/* Nobody hears uevents any more. */
static void let_it_come(struct boot *b, uint64_t waited, bool *all)
{
	uint64_t half = b->conf.timeout_s * UINT64_C(500);

	os_sleep_ms(STEP_MS);
	if (!*all && waited >= (half < MISSING_MS ? half : MISSING_MS)) {
		*all = true;
		hardware_load_all(b, "a device with the boot loader's store is missing");
	}
	(void)!hardware_look(b);
}

static void note_absent(struct boot *b, const struct child_said *said)
{
	struct pairs *p = &b->pairs;

	p->absent_s = b->conf.timeout_s;
	if (p->finding[0] == '\0')
		pairs_finding(p, "it cannot be asked (%s)", said->text);
}

enum kb_err pairs_await(struct boot *b, const char *const *argv, unsigned limit_ms,
			struct child_said *said, int *code)
{
	uint64_t start = os_now_ms(), waited = 0;
	uint64_t limit = b->pairs.absent_s > 0 ? 0 : b->conf.timeout_s * UINT64_C(1000);
	enum kb_err err = child_ask(b, argv, limit_ms, said, code);
	bool all = false;

	if (err == KB_OK && *code == LOADER_ABSENT && limit > 0)
		log_notice("boot loader: waiting up to %u s for a device with its store: %s",
			   (unsigned)b->conf.timeout_s, said->text);
	while (err == KB_OK && *code == LOADER_ABSENT && waited < limit) { /* bound: limit */
		let_it_come(b, waited, &all);
		err = child_ask(b, argv, limit_ms, said, code);
		waited = os_now_ms() - start;
	}
	if (err == KB_OK && *code == LOADER_ABSENT)
		note_absent(b, said);
	else if (err == KB_OK)
		b->pairs.absent_s = 0;
	return err;
}
