/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hawkBit's Direct Device Integration says, and what it wants to hear. Reads answers of a
 * server that may be hostile; knows nothing of connections. docs/FLEET.md has the protocol as it is
 * used here.
 */
#pragma once

#include "fleet/offer.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DDI_SLEEP_MIN	 30u /* seconds; hawkBit's own bounds */
#define DDI_SLEEP_MAX	 86399u
#define DDI_SIZE_MAX	 (UINT64_C(1) << 40) /* of an artifact */
#define DDI_MESSAGES_MAX 16		     /* of one feedback; hawkBit takes 50 */
#define DDI_MESSAGE_MAX	 500		     /* hawkBit takes 512 */

/* An answer to the poll: what waits. "" where nothing does. */
struct ddi_poll {
	/* 0: the server says none that can be understood */
	unsigned sleep_s;
	char deployment[URL_ID_MAX + 1], cancel[URL_ID_MAX + 1], confirmation[URL_ID_MAX + 1];
	/* behind the '?' of the deployment's link: another one says that the deployment changed */
	char edition[OFFER_EDITION_MAX + 1];
	/* the server wants attributes */
	bool config_data;
};

/* KB_EFORMAT: why says what is wrong with the answer. What it is read into is zero then. */
enum kb_err ddi_read_poll(struct ddi_poll *p, const char *text, size_t len,
			  const char **why) KB_MUST_CHECK;
enum kb_err ddi_read_deployment(struct offer *d, const char *text, size_t len,
				const char **why) KB_MUST_CHECK;
/* The same of an action that wants a confirmation. */
enum kb_err ddi_read_confirmation(struct offer *d, const char *text, size_t len,
				  const char **why) KB_MUST_CHECK;
/* stop: the action that is to be stopped. */
enum kb_err ddi_read_cancel(char stop[URL_ID_MAX + 1], const char *text, size_t len,
			    const char **why) KB_MUST_CHECK;

/* What is said about an action. */
struct ddi_feedback {
	/* "proceeding", "closed", "rejected", "downloaded" */
	const char *execution;
	/* "none", "success", "failure" */
	const char *finished;
	unsigned messages;
	char message[DDI_MESSAGES_MAX][DDI_MESSAGE_MAX + 1];
};

/* Adds a message, printable and cut to its length; drops it when there are too many. */
void ddi_say(struct ddi_feedback *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As JSON, to be freed; NULL: no memory. */
char *ddi_write_feedback(const struct ddi_feedback *f, const char *id);

char *ddi_write_confirmation(bool given, const char *says);

/* Names and values of attributes; and of the distribution set that runs. To be freed; NULL: no
 * memory. */
char *ddi_write_attributes(const char *const (*pairs)[2], size_t n);
char *ddi_write_installed(const char *name, const char *version);
