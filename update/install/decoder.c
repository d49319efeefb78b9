/* SPDX-License-Identifier: Apache-2.0 */
#include "update/install/decoder.h"
#include "update/wire/decoder_wire.h"
#include "lib/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define DECODER_HELLO_MS 10000u
#define DECODER_END_MS	 500u
#define DECODER_LEN	 ((size_t)DECODER_SLOTS * DECODER_WIRE_AREA)

/* Says how the child ended, if it did. */
static void explain_death(struct decoder *d)
{
	int status;

	if (os_worker_wait(&d->worker, DECODER_END_MS, &status) != KB_OK)
		return;
	if (WIFSIGNALED(status))
		log_err("the decoder was killed by signal %d (%s)%s", WTERMSIG(status),
			strsignal(WTERMSIG(status)),
			WTERMSIG(status) == SIGSYS ? ": it made a forbidden system call" : "");
	else
		log_err("the decoder ended with status %d", WEXITSTATUS(status));
}

static enum kb_err note_loss(struct decoder *d, enum kb_err err)
{
	if (err == KB_ETIMEDOUT)
		log_err("the decoder does not answer");
	else
		explain_death(d);
	return KB_ECHILD;
}

static enum kb_err await_hello(struct decoder *d, const char *helper)
{
	struct decoder_answer a;
	enum kb_err err = os_worker_receive(&d->worker, &a, sizeof(a), DECODER_HELLO_MS);

	if (err == KB_OK && a.status == DECODER_WIRE_HELLO)
		return KB_OK;
	if (err == KB_EEXEC) {
		log_err("unable to run %s as decoder: %s", helper, strerror(errno));
		return KB_EEXEC;
	}
	explain_death(d);
	log_err("unable to run %s as decoder: it is not Keelboot's helper, or the kernel lacks CONFIG_SECCOMP_FILTER",
		helper);
	return KB_EEXEC;
}

enum kb_err decoder_start(struct decoder *d, const char *helper, const struct decoder_seed *seed,
			  unsigned slots)
{
	enum kb_err err;

	*d = (struct decoder){
		.area = DECODER_WIRE_AREA, .fresh = true, .seed = seed, .slots = slots
	};
	err = os_worker_start(&d->worker, helper, "keelboot-decoder", DECODER_LEN,
			      seed != NULL ? seed->fd : -1);
	if (err != KB_OK)
		log_err("unable to start the decoder: %s", strerror(errno));
	else
		err = await_hello(d, helper);
	if (err != KB_OK)
		decoder_stop(d);
	return err;
}

uint8_t *decoder_input(struct decoder *d)
{
	return d->worker.shared + (d->asked % d->slots) * d->area;
}

enum kb_err decoder_ask(struct decoder *d, enum reader_form form, uint32_t stored, uint32_t plain)
{
	struct decoder_ask q = {
		(uint32_t)(d->asked % d->slots),    form, stored, plain, d->fresh, d->at,
		d->seed != NULL ? d->seed->size : 0
	};

	if (d->asked - d->answered >= d->slots || stored > DECODER_WIRE_STORED_MAX ||
	    plain > MANIFEST_CHUNK_MAX)
		return KB_EINVAL;
	if (os_worker_send(&d->worker, &q, sizeof(q)) != KB_OK)
		return note_loss(d, KB_ECHILD);
	d->asked++;
	d->fresh = false;
	return KB_OK;
}

enum kb_err decoder_get(struct decoder *d, uint8_t *out, uint32_t plain, unsigned timeout_ms)
{
	uint32_t slot = (uint32_t)(d->answered % d->slots);
	struct decoder_answer a;
	enum kb_err err;

	if (d->asked == d->answered || plain > MANIFEST_CHUNK_MAX)
		return KB_EINVAL;
	err = os_worker_receive(&d->worker, &a, sizeof(a), timeout_ms);
	if (err != KB_OK)
		return note_loss(d, err);
	if (a.slot != slot || a.status > DECODER_NO_SEED) {
		log_err("the decoder broke its protocol");
		return KB_ECHILD;
	}
	d->answered++;
	if (a.status != DECODER_DONE)
		return a.status == DECODER_NO_SEED ? KB_EIO : KB_EFORMAT;
	if (out != NULL)
		memcpy(out, d->worker.shared + slot * d->area + DECODER_WIRE_STORED_MAX, plain);
	return KB_OK;
}

void decoder_stop(struct decoder *d)
{
	os_worker_stop(&d->worker);
}
