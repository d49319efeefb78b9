/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_ask.h"

#include "initramfs/boot_data.h"
#include "initramfs/follow.h"
#include "lib/bootlog.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define ASK_LIMIT_MS 60000u /* a firmware writes its flash; a kernel is read and checked */

static uint64_t ask_limit_ms(const void *ctx, uint64_t stall_ms)
{
	(void)ctx;
	(void)stall_ms;
	return ASK_LIMIT_MS;
}

static enum follow_taken take_text(void *ctx, const char *buf, size_t len)
{
	struct pairs_said *s = ctx;

	if (len > sizeof(s->text) - 1 - s->len)
		return FOLLOW_REFUSED;
	memcpy(s->text + s->len, buf, len);
	s->len += len;
	return FOLLOW_MOVED;
}

static void report_ask_stopped(const void *ctx, uint64_t idle_ms)
{
	(void)idle_ms;
	log_err("boot loader: %s does not end; stopped", ((const struct pairs_said *)ctx)->name);
}

static enum kb_err follow_loader(struct boot *b, pid_t pid, int fd, struct pairs_said *said,
				 int *code)
{
	static const struct follow_ops ops = { ask_limit_ms, take_text, report_ask_stopped };
	int status = 0;

	if (follow_child(b, pid, fd, &ops, said, &status) != FOLLOW_ENDED)
		return KB_ETIMEDOUT;
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return *code < 0 ? KB_ECHILD : KB_OK;
}

enum kb_err pairs_ask_child(struct boot *b, const char *const *argv, struct pairs_said *said,
			    int *code)
{
	struct os_spawn sp = {
		.path = BOOT_HELPER, .argv = argv, .capture = true, .own_mounts = true
	};
	enum kb_err err;
	int fds[2];
	pid_t pid;

	*said = (struct pairs_said){ .name = argv[0] };
	TRY(os_pipe(fds));
	sp.envp = bootlog_env();
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err == KB_OK)
		err = follow_loader(b, pid, fds[0], said, code);
	os_close(&fds[0]);
	said->text[strcspn(said->text, "\n")] = '\0';
	return err;
}

/* slot NULL: the verb takes none. */
static enum kb_err run_loader(struct boot *b, const char *verb, const char *slot,
			      struct pairs_said *said)
{
	const char *const argv[] = { "keelboot-loader",
				     conf_loader_word(b->conf.loader),
				     b->pairs.where,
				     verb,
				     slot,
				     NULL };
	int code = 0;
	enum kb_err err = pairs_ask_child(b, argv, said, &code);

	if (err == KB_OK && code != 0)
		err = KB_ECHILD;
	if (err != KB_OK)
		log_err("boot loader: %s: %s", verb,
			said->text[0] != '\0' ? said->text : err_text(err));
	return err;
}

static enum kb_err run_with_slot(struct boot *b, const char *verb, int slot)
{
	const char letter[2] = { state_slot_letter(slot), '\0' };
	struct pairs_said said;

	return run_loader(b, verb, letter, &said);
}

/* What stands behind the word: "a", or "-" for none. NULL: another word. */
static const char *slot_behind(const char *text, const char *word, int8_t *slot)
{
	size_t len = strlen(word);
	char letter = strncmp(text, word, len) == 0 ? text[len] : '\0';

	*slot = letter >= 'a' && letter < 'a' + STATE_SLOTS_MAX ? (int8_t)(letter - 'a')
								: STATE_NONE;
	return letter == '\0' ? NULL : text + len + 1;
}

enum kb_err pairs_ask(struct boot *b, struct pairs_answer *is)
{
	struct pairs_said said;
	const char *at;

	*is = (struct pairs_answer){ STATE_NONE, STATE_NONE };
	TRY(run_loader(b, "get", NULL, &said));
	at = slot_behind(said.text, "default=", &is->preset);
	if (at != NULL && slot_behind(at, " once=", &is->once) != NULL)
		return KB_OK;
	log_err("boot loader: get: not an answer: %s", said.text);
	return KB_EFORMAT;
}

enum kb_err pairs_ask_once(struct boot *b, int slot)
{
	return run_with_slot(b, "once", slot);
}

enum kb_err pairs_ask_preset(struct boot *b, int slot)
{
	return run_with_slot(b, "default", slot);
}

enum kb_err pairs_ask_came_up(struct boot *b)
{
	struct pairs_said said;

	return run_loader(b, "came-up", NULL, &said);
}

int pairs_ask_booted(struct boot *b)
{
	struct pairs_said said;
	int8_t slot = STATE_NONE;

	if (run_loader(b, "booted", NULL, &said) == KB_OK)
		(void)slot_behind(said.text, "booted=", &slot);
	return slot;
}
