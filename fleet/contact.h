/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of one contact with the server share. */
#pragma once

#include "fleet/client.h"
#include "fleet/facts.h"
#include "fleet/feed_record.h"
#include "fleet/files.h"
#include "fleet/wait_note.h"

struct way;

struct contact {
	const struct conf *conf;
	struct monitor monitor;
	/* set by each contact */
	const struct way *way;
	struct client client;
	/* between two contacts: what was said is not said again */
	bool looks;
	/* a timer began it: when the next one is due is noted; a person did, who waits for nothing
	 */
	bool by_timer, by_hand;
	/* of a timer: what the contact before noted, or this one */
	struct wait_note wait;
	/* nothing is written, fetched, staged or answered */
	bool dry_run;

	/* of the PIN of this contact, and of the last one that was refused (token_mark()); 0: none
	 */
	uint64_t pin, bad_pin;

	/* What the contact found, and left. */
	struct files files;
	struct action a;
	struct facts facts;
	struct feed_record feed;
	/* what the server was said of this action in this contact: once */
	enum action_phase told;
	/* the record cannot be written; it does not have this boot yet */
	bool unsaved, uncounted;
	/* something must be mended or tried again: why, for whoever asks for the status
	 * (outcome.h), or ""; why the last request failed that did, or "" */
	bool failed;
	char wrong[CLIENT_TROUBLE_MAX + 1], asked[CLIENT_TROUBLE_MAX + 1];
	/* when the poll or the channel file came, and was believed: by the uptime, and since 1970,
	 * in seconds; 0: it did not, and where the clock is not set */
	uint64_t reached, reached_s;
	/* what the last contact came to could not be noted */
	bool unnoted;
	/* the poll or the channel file was answered: with this status, 4xx, or 0 where it was not
	 * refused */
	bool answered;
	unsigned refused;
	/* a download was ended, so that the server is asked: the next contact follows at once */
	bool goes_on;
	/* an orderly reboot installs what is staged, and is asked for, or waits for permission */
	bool reboot, reboot_waits;
	/* what the server wants; 0: it says nothing */
	unsigned sleep_s;
	uint64_t retry_after_s;
};

/* Makes the record durable; without that, nothing more is done or sent in this contact. */
bool contact_save(struct contact *c);
/* What may be lost, as on a full disk: that is no failure, and no bundle gives way. */
bool contact_note(struct contact *c);
/* Like contact_save(), where nothing is sent before contact_save() has shown that the disk takes
 * what is answered: a record that is there as it is costs no write. */
bool contact_keep(struct contact *c);
/* A bundle that is not staged yet is worth less than a record: it can be fetched again. On a full
 * disk (err, of a write) it is removed. Returns whether that made room. */
bool contact_make_room(struct contact *c, enum kb_err err);
/* Something must be mended or tried again: a line, which is also why this contact failed. */
void contact_fail(struct contact *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The server was reached: its answer to the first request is understood, and believed. */
void contact_reached(struct contact *c);
/* How the first request of this contact ended: the poll, or that for the channel file. */
void contact_asked(struct contact *c, enum client_end end);
/* Asks the server for a path of this device (client_get()); how long it wants not to be asked is
 * noted. */
enum client_end contact_get(struct contact *c, const char *path);
/* A line for the person who watches. */
void contact_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
