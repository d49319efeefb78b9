/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/verify.h"

#include "initramfs/slot.h"
#include "lib/bootlog.h"
#include "lib/os.h"
#include "update/wire/verify_answer.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define DEADLINE_MS 15000u
#define STEP_MS	    500u
#define EXIT_MS	    1000u

static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));

/* Not a reader of manifests: only whether the helper, which is one, must be asked. */
static bool names_root_hash(size_t len)
{
	static const char key[] = "\nverity-root-hash=";

	return memmem(blob, len, key, sizeof(key) - 1) != NULL;
}

/* Reads the answer, up to the end of the pipe. True: it has the right length. */
static bool receive_answer(struct boot *b, int fd)
{
	uint64_t end = os_now_ms() + DEADLINE_MS;
	char *at = (char *)&b->manifest;
	size_t used = 0, len;
	bool ready;

	while (os_now_ms() < end) {
		enum kb_err err = os_poll(&fd, &ready, 1, STEP_MS);

		wdt_feed(&b->wdt);
		if (err == KB_ETIMEDOUT)
			continue;
		if (err == KB_OK && used == sizeof(b->manifest)) {
			char more;

			err = os_read(fd, &more, 1, &len);
			if (err == KB_OK)
				return len == 0;
		} else if (err == KB_OK) {
			err = os_read(fd, at + used, sizeof(b->manifest) - used, &len);
			used += err == KB_OK ? len : 0;
			if (err == KB_OK && len == 0)
				return false;
		}
		if (err != KB_OK && err != KB_EBUSY)
			return false;
	}
	return false;
}

/* Runs the helper. Its exit code; -1: it did not end well, or its answer is not one. */
static int run_verify(struct boot *b, int slot)
{
	const char name[2] = { state_slot_letter(slot), '\0' };
	const char *const argv[] = { "keelboot-verify", "--state", b->dev.state,
				     "--slot",		name,	   NULL };
	struct os_spawn sp = { .path = BOOT_HELPER,
			       .argv = argv,
			       .envp = bootlog_env(),
			       .cpu_s = DEADLINE_MS / 1000 };
	int fds[2], status = 0;
	enum kb_err err;
	bool whole;
	pid_t pid;

	if (os_pipe(fds) != KB_OK)
		return -1;
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err != KB_OK) {
		os_close(&fds[0]);
		log_err("slot %s: unable to start %s: %m", name, BOOT_HELPER);
		return -1;
	}
	whole = receive_answer(b, fds[0]);
	os_close(&fds[0]);
	if (os_wait(pid, EXIT_MS, &status) != KB_OK) {
		log_err("slot %s: keelboot-verify does not exit", name);
		if (os_kill(pid) != KB_OK)
			log_warn("slot %s: keelboot-verify cannot be killed; it is left running",
				 name);
		return -1;
	}
	if (!WIFEXITED(status))
		return -1;
	if (WEXITSTATUS(status) != VERIFY_SLOT_OK)
		return WEXITSTATUS(status);
	return whole && verify_answer_check(&b->manifest) == KB_OK ? VERIFY_SLOT_OK : -1;
}

static const char *reason_of_exit(const struct boot *b, const struct state_slot *s, int code)
{
	switch (code) {
	case VERIFY_SLOT_OK:
		if (memcmp(b->manifest.release, s->release, sizeof(s->release)) != 0)
			return "manifest of another release";
		return NULL;
	case VERIFY_SLOT_UNVERIFIED:
		return "manifest not verified";
	case VERIFY_SLOT_FOREIGN:
		return "manifest for another device";
	default:
		return "manifest cannot be verified";
	}
}

/* Before the slot is chosen: else accepts_rejected() of slot.c asks what it was chosen as. */
static bool may_boot_despite(const struct boot *b, int slot)
{
	return b->accept_rejected || choose_is_last_resort(&b->rec.s, slot);
}

static enum kb_err reject_manifest(struct boot *b, int slot, const char *why, bool despite,
				   char *reason)
{
	if (despite) {
		slot_despite(b, slot, why);
		return KB_OK;
	}
	b->some_rejected = true;
	log_err("slot %c: %s", state_slot_letter(slot), why);
	snprintf(reason, STATE_STR_MAX + 1, "%s", why);
	/* As a last resort it may be booted all the same. */
	return b->conf.verify_slot == CONF_VERIFY_ALWAYS ? KB_EFORMAT : KB_ECHECK;
}

enum kb_err verify_manifest(struct boot *b, int slot, char *reason)
{
	const struct state_slot *s = &b->rec.s.slot[slot];
	bool always = b->conf.verify_slot == CONF_VERIFY_ALWAYS;
	bool wanted = always || (b->conf.verify_slot == CONF_VERIFY_BOOT && s->st == STATE_TRIAL);
	struct store_manifest m = { .len = 0 };
	enum kb_err err = KB_EBLANK;
	const char *why;
	bool despite = !always && may_boot_despite(b, slot);

	memset(&b->manifest, 0, sizeof(b->manifest));
	if (s->has_release && b->rec.health != RECORD_MISSING)
		err = store_manifest_read(&b->rec.store, slot, &m, blob, sizeof(blob));
	if (err == KB_OK && !state_holds(s, m.release))
		return reject_manifest(b, slot, "manifest of another release", despite, reason);
	/* It may have named a root hash. */
	if (err != KB_OK && err != KB_EBLANK && store_manifest_lost(&b->rec.store, slot))
		return reject_manifest(b, slot, "manifest lost", despite, reason);
	if (!wanted && (err != KB_OK || !names_root_hash(m.len)))
		return KB_OK;
	why = err == KB_OK ? reason_of_exit(b, s, run_verify(b, slot)) : "no manifest to verify";
	if (why == NULL && always && b->manifest.verity == 0)
		why = "no root hash in its manifest";
	if (why == NULL)
		return KB_OK;
	memset(&b->manifest, 0, sizeof(b->manifest));
	/* An unsigned root hash is ignored: an attacker could have left it out. */
	return reject_manifest(b, slot, why, despite, reason);
}
