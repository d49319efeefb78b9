/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of an action of the server, from the first sight to the answer that closes it. It is
 * kept as JSON in a file of the data partition, which a power cut leaves as it was or as it is to
 * be. What cannot be read counts as none: the server offers its action again.
 */
#pragma once

#include "fleet/ddi.h"
#include "fleet/http.h"
#include "fleet/rest.h"

#include <json-c/json.h>

#define ACTION_VERSION_MAX 63
#define ACTION_RELEASE_LEN 64 /* hexadecimal digits */
#define ACTION_WHY_MAX	   480
#define ACTION_UNTOLD_MAX  255
#define ACTION_BOOT_LEN	   36 /* of a boot's id */
#define ACTION_KNOWN_LEN   176
#define ACTION_TEXT_MAX	   16384u
/* contacts in a row: that are refused something, until it is given up; that bring nothing */
#define ACTION_TRIES_MAX   8
#define ACTION_WAITS_MAX   288 /* a day of one each five minutes */
/* contacts of an action at which the server had another file than the one that was begun */
#define ACTION_OTHERS_MAX  8

/* In this order; names of it are in the file. */
enum action_phase {
	ACTION_NONE,
	ACTION_SEEN,	/* being fetched */
	ACTION_FETCHED, /* the bundle is here, and waits until it may be staged */
	ACTION_STAGED,	/* the next boot installs it */
	ACTION_TRIAL,	/* it is in a slot, on trial */
	ACTION_GOOD,	/* it is good: closed with success */
	ACTION_FAILED,	/* it fell back, or was refused: closed with failure */
	ACTION_PHASES,
};

/* What the server learns within a phase, each once for each action. */
enum action_news {
	ACTION_NO_NEWS = 0,
	ACTION_NEWS_BOOTS = 1 << 0, /* boots did not install what is staged */
	ACTION_NEWS_SKIP = 1 << 1,  /* the next boot skips it */
	ACTION_NEWS_WAITS = 1 << 2, /* it waits until another release is done with */
	ACTION_NEWS_LIMIT = 1 << 3, /* its download waits for another day */
};

/* What the file that is here is, or becomes. */
enum action_form {
	ACTION_WHOLE = 0,    /* the bundle */
	ACTION_PARTS = 1,    /* a partial one (parts.h) */
	ACTION_NO_PARTS = 2, /* the bundle, since no parts of it can be had */
};

/* A release that was staged for an action. */
struct action_staged {
	/* "": none */
	char release[ACTION_RELEASE_LEN + 1];
	/* of the action */
	char id[URL_ID_MAX + 1];
	/* the slots that were half written before (judge_half_written()) */
	uint64_t half;
	/* "" and 0: an older program staged it */
	char version[ACTION_VERSION_MAX + 1];
	uint64_t sequence;
	/* why it is to be unstaged, since a channel withdrew it, until that is reported; "": it is
	 * not */
	char withdrawn[ACTION_WHY_MAX + 1];
};

struct action {
	/* whose ids these are: of server, tenant and device (client.h); 0: an older program did not
	 * say it */
	uint64_t server;
	/* the server's; "" with ACTION_NONE */
	char id[URL_ID_MAX + 1];
	enum action_phase phase;
	/* the last one that the server took; ACTION_NONE: none */
	enum action_phase reported;
	/* what the server calls the bundle; its size and digest tell whether a file that is here is
	 * that one */
	char name[OFFER_NAME_MAX + 1];
	uint64_t size;
	char digest[OFFER_DIGEST_LEN + 1];
	/* of the file that is here, or a part of it; "": it cannot be resumed */
	char etag[HTTP_ETAG_MAX + 1];
	/* of that file, the bytes that a power cut leaves as they are */
	uint64_t durable;
	/* an enum action_form */
	uint64_t parts;
	/* contacts in a row at which it could not be fetched or staged, and how many of these there
	 * may be */
	uint64_t tries, tries_max;
	/* bytes that the data partition lacked room for, when they were to come; 0: it had it */
	uint64_t room;
	/* how often it was fetched anew: since a slot had changed; since it was found damaged */
	uint64_t anew, damaged;
	/* contacts in a row at which it was not understood */
	uint64_t unclear;
	/* contacts of this action at which a download could not go on, since the server had another
	 * file than the one that was begun */
	uint64_t others;
	/* contacts in a row at which the server did not offer it any more */
	uint64_t missed;
	/* how often it was begun again: ids of a server that come again */
	uint64_t again;
	/* contacts in a row at which the server showed it, whose end it had taken, and got that
	 * once more */
	uint64_t repeats;
	/* name, size, digest and etag are those of a file that an earlier action brought: this one
	 * was not understood yet, and has none */
	uint64_t kept;
	/* the server wants nothing but the download */
	uint64_t only_download;
	/* the last action whose confirmation was denied here */
	char denied[URL_ID_MAX + 1];
	/* the last one that was confirmed, or is to be, though it cannot be installed: confirm= was
	 * not asked */
	char unasked[URL_ID_MAX + 1];
	/* the last one that waited for a confirmation and was not understood; contacts in a row at
	 * which it was not */
	char unread[URL_ID_MAX + 1];
	uint64_t unread_times;
	/* of the cancellation that the server shows, which was answered with "rejected"; "": none
	 */
	char too_late[URL_ID_MAX + 1];
	/* it is forced: nobody is asked before a reboot; of what the server said last */
	uint64_t forced;
	/* its maintenance window is not open, as the server said last: no reboot is asked for */
	uint64_t window_closed;
	char edition[OFFER_EDITION_MAX + 1];
	/* what the bundle holds, as it says itself; "" before it was read */
	char release[ACTION_RELEASE_LEN + 1];
	char version[ACTION_VERSION_MAX + 1];
	uint64_t sequence;
	/* the last one, named here before it is staged; what was staged then, as long as it is not
	 * known whether own took its place (action_settle()) */
	struct action_staged own, before;
	/* why it failed, or how it stands */
	char why[ACTION_WHY_MAX + 1];
	/* an enum action_news that the server does not know yet; and those that it knows */
	uint64_t news, old_news;
	/* the last boot in which a reboot was asked for; in how many boots that was */
	char boot[ACTION_BOOT_LEN + 1];
	uint64_t boots;
	/* the day, counted from 1970, whose bytes are counted, 0: none that the clock knew; how
	 * many bundles took in it, or may have. The uptime, in seconds, when that began, or was
	 * noted last; for how long the device had run in it then, boots together. */
	uint64_t day, day_bytes, day_uptime, day_ran;
	/* why the last contact did not bring an end to the server, "": it did, or none was due;
	 * with which status, 0: no answer. Since when the end of this action is due, in seconds
	 * since 1970; 0: not known */
	char untold[ACTION_UNTOLD_MAX + 1];
	uint64_t untold_status, ended;
	/* between polls, as the server wanted it last, in seconds; 0: it never said */
	uint64_t interval;
	/* of the attributes that the server has; of the release that it was said to run */
	uint64_t attributes;
	/* attributes_sent(), of those that are bounded (tell.c) */
	uint64_t attributes_due;
	char installed[ACTION_VERSION_MAX + 1];
	/* what whoever gets reports knows of the device (known.h); "": nothing */
	char device_known[ACTION_KNOWN_LEN + 1];
	/* in how many boots a contact went well, and the last of them */
	uint64_t device_boots;
	char device_boot[ACTION_BOOT_LEN + 1];
	/* when the server was reached last, in seconds since 1970, as far as that was known when
	 * the record was written; 0: not known */
	uint64_t reached;
	/* of a PIN that a token refused (token_mark()); 0: none */
	uint64_t pin;
	/* keys of a newer program; those of the device outlive an action, as device_boots does */
	char rest[REST_MAX + 1];
};

/* "seen", "fetched", …; ACTION_PHASES: no such name. */
const char *action_phase_name(enum action_phase phase);

/* The server is to know this, unless it does. */
void action_note(struct action *a, enum action_news news);
/* It knows the phase and the news. */
void action_told(struct action *a);

/* An answer is due: the server does not know this phase yet, or not its news. */
bool action_owes(const struct action *a);
/* It is closed, and the server knows it. */
bool action_is_closed(const struct action *a);
/* It was this action that staged its release last, and not another one. */
bool action_has_staged(const struct action *a);

/* From here on, its release is the one that was staged last. staged: what is staged now; half:
 * judge_half_written(). */
void action_own(struct action *a, const char *staged, uint64_t half);
/* Whether that was staged was not seen, or it failed: from here on, own is what is here, staged or
 * in a slot. own_here, before_here: that one is. true: the record has changed. */
bool action_settle(struct action *a, bool own_here, bool before_here);

/* Of the bundle that the server offers for it; 0 and "" where it was not understood. */
uint64_t action_size(const struct action *a);
const char *action_digest(const struct action *a);

/* It is the action that is offered, with the bundle that it had then: ids come again where a server
 * lost its memory. */
bool action_is_for(const struct action *a, const struct offer *o);

/* A new one of this id; what is known of file and server stays. */
void action_begin(struct action *a, const char *id);
/* From here on, ids are of this server. true: they were another one's, and mean nothing here: of
 * the record, the file, the day, and what was staged last stay. */
bool action_bind(struct action *a, uint64_t server);

/* false: it is none; *a is zero then. */
bool action_read(struct action *a, const char *text, size_t len);
/* The record, to be released. */
json_object *action_json(const struct action *a);
/* The same as text, to be freed; NULL: no memory, or action_read() would refuse it. */
char *action_write(const struct action *a);
