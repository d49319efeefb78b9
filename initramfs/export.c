/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/export.h"

#include "initramfs/overlay/overlay_report.h"
#include "initramfs/pairs_look.h"
#include "lib/conf_place.h"
#include "lib/conf_keys.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
	size_t len;
	/* boot.json with all that can be wrong; who reads it takes 16384 */
	char buf[15360];
};

static void put_text(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put_text(struct text *t, const char *fmt, ...)
{
	size_t room = sizeof(t->buf) - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* A JSON string of text that may have any bytes: quotes are escaped, what is not printable ASCII is
 * replaced. */
static void put_string(struct text *t, const char *value)
{
	put_text(t, "\"");
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			put_text(t, "\\%c", *value);
		else
			put_text(t, "%c", *value >= 0x20 && *value < 0x7f ? *value : '?');
	}
	put_text(t, "\"");
}

static void save_file(const char *name, const struct text *t)
{
	char path[64];
	enum kb_err err;

	snprintf(path, sizeof(path), EXPORT_DIR "/%s", name);
	err = os_write_file(path, t->buf, t->len);
	if (err != KB_OK)
		log_warn("export: unable to write %s: %s", path, err_text(err));
}

static void write_devices(const struct boot *b, struct text *t)
{
	const char *word = pairs_look_word(b);

	t->len = 0;
	put_text(t, "disk %s\n", b->dev.disk);
	put_text(t, "diskid %s\n", b->dev.diskid);
	if (b->dev.equal[0] != '\0')
		put_text(t, "ambiguous %s\n", b->dev.equal);
	if (b->dev.state[0] != '\0')
		put_text(t, "state %s\n", b->dev.state);
	if (b->dev.data[0] != '\0')
		put_text(t, "data %s\n", b->dev.data);
	if (b->pairs.asked)
		put_text(t, "loader %s %s\npair %c%s%s\n", conf_loader_word(b->conf.loader),
			 b->pairs.where, state_slot_letter(b->pairs.running),
			 word[0] != '\0' ? " " : "", word);
	for (unsigned i = 0; i < b->conf.nslots; i++) {
		for (unsigned c = 0; c < b->conf.slot[i].nclasses; c++) {
			if (b->dev.slot[i].part[c][0] != '\0')
				put_text(t, "slot %c %s %s%s\n", state_slot_letter((int)i),
					 b->conf.slot[i].cls[c].name, b->dev.slot[i].part[c],
					 conf_place_tail(b->conf.slot[i].cls[c].part));
		}
	}
	save_file("devices", t);
}

static const char *tier_name(const struct boot *b)
{
	return b->attempt.forced == b->attempt.chosen.slot
		       ? "forced"
		       : choose_tier_name(b->attempt.chosen.tier);
}

/* id: as in `keelboot doctor`, which does not report twice what it finds itself. */
static void put_warning(struct text *t, const char *id, const char *what)
{
	put_text(t, "%s{\"id\":\"%s\",\"text\":", t->buf[t->len - 1] == '[' ? "" : ",", id);
	put_string(t, what);
	put_text(t, "}");
}

/* A finding whose text begins with what it is of on the console, too. */
static void put_finding(struct text *t, const char *id, const char *of, const char *finding)
{
	char line[320];

	if (finding[0] == '\0')
		return;
	snprintf(line, sizeof(line), "%s: %s", of, finding);
	put_warning(t, id, line);
}

static void put_despite(const struct boot *b, const char *why, struct text *t)
{
	char line[STATE_STR_MAX + 48];

	snprintf(line, sizeof(line), "slot %c: %s; it was booted anyway",
		 state_slot_letter(b->attempt.chosen.slot), why);
	put_warning(t, "slot-despite", line);
}

/* Their marks: `keelboot doctor` compares them with the keys of the running system. */
static void put_marks(struct text *t, const char *what, const struct keyring_survey_key *key,
		      unsigned n)
{
	put_text(t, "\"%s\":[", what);
	for (unsigned i = 0; i < n; i++)
		put_text(t, "%s\"%08x\"", i > 0 ? "," : "", key[i].mark);
	put_text(t, "]");
}

static void put_keys(const struct boot *b, struct text *t)
{
	const struct keyring_survey *k = &b->keys;

	if (k->ntrusted + k->nretired == 0)
		return;
	put_text(t, "\"keys\":{");
	put_marks(t, "trusted", k->trusted, k->ntrusted);
	put_text(t, ",");
	put_marks(t, "retired", k->retired, k->nretired);
	if (keyring_survey_published(k) != NULL) {
		put_text(t, ",\"published\":");
		put_string(t, keyring_survey_published(k)->published);
	}
	put_text(t, "},");
}

/* What this initramfs does with the data; `keelboot` compares it with the running system's. null:
 * it could not be read. */
static void put_data(const struct boot *b, struct text *t)
{
	const char *before = "\"data\":{", *value;

	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		if (key->stops == NULL)
			continue;
		value = (const char *)&b->conf + key->offset;
		put_text(t, "%s\"%s\":", before, key->key);
		if (conf_is_bad(&b->conf, value))
			put_text(t, "null");
		else
			put_string(t, value);
		before = ",";
	}
	put_text(t, "},");
}

static void put_published(const struct boot *b, struct text *t)
{
	const struct keyring_survey_key *key = keyring_survey_published(&b->keys);
	char line[256];

	if (key == NULL)
		return;
	snprintf(line, sizeof(line),
		 "the initramfs trusts %s, which is %s: it is published, and %s", key->name,
		 key->published, keyring_pem_published_means(b->conf.signatures_required));
	put_warning(t, "key-published", line);
}

static void put_not_measured(const struct boot *b, struct text *t)
{
	char line[160];

	if (b->measure.finding[0] != '\0')
		put_warning(t, "measure", b->measure.finding);
	if (!b->measure.spoiled)
		return;
	snprintf(
		line, sizeof(line),
		"PCR %u has two texts, or that of no slot: no secret that is sealed to PCR %u opens in this boot",
		(unsigned)b->conf.measure_pcr, (unsigned)b->conf.measure_pcr);
	put_warning(t, "measure", line);
}

static void put_warnings(const struct boot *b, struct text *t)
{
	put_published(b, t);
	for (unsigned i = 0; i < b->cmd.nwarnings; i++)
		put_warning(t, "command-line", b->cmd.warning[i]);
	for (unsigned i = 0; i < b->wdt.nfindings; i++)
		put_warning(t, b->wdt.finding[i].id, b->wdt.finding[i].text);
	for (unsigned i = 0; i < b->dev.nwarnings; i++)
		put_warning(t, b->dev.warning[i].id, b->dev.warning[i].text);
	if (shell_finding(b) != NULL)
		put_warning(t, "shell-missing", shell_finding(b));
	for (unsigned i = 0; i < b->ndespite; i++)
		put_despite(b, b->despite[i], t);
	if (b->overlay.finding[0] != '\0')
		put_warning(t, OVERLAY_REPORT_ID, b->overlay.finding);
	put_finding(t, "loader", "boot loader", b->pairs.finding);
	if (b->pairs.foreign[0] != '\0')
		put_warning(t, "loader", b->pairs.foreign);
	put_not_measured(b, t);
	put_finding(t, "data", "data", b->data.finding);
	if (b->guard.failed)
		put_warning(
			t, "guardian-gone",
			"guardian: not started: nothing enforces the deadline of a trial, or records that a good slot has proved itself");
}

/* Nothing where nothing is to be measured. */
static void put_measured(const struct boot *b, struct text *t)
{
	if (b->conf.measure_pcr == 0)
		return;
	put_text(t, "\"measured\":{\"pcr\":%u,\"banks\":", (unsigned)b->conf.measure_pcr);
	put_string(t, b->measure.done ? b->measure.banks : "");
	put_text(t, ",\"by\":\"%s\"%s},", measure_by(b),
		 b->measure.spoiled ? ",\"spoiled\":true" : "");
}

static void put_watchdog(const struct boot *b, struct text *t)
{
	put_text(t, "\"watchdog\":{\"device\":");
	put_string(t, b->wdt.dev);
	put_text(t, ",\"timeout\":%u,\"handover\":\"%s\",\"feeder\":\"%s\"}",
		 wdt_timeout_s(&b->wdt), wdt_handover_name(b->wdt.handover), wdt_feeder(&b->wdt));
}

/* "due" is in seconds of CLOCK_MONOTONIC, which has not stood still yet. */
static void put_guardian(const struct boot *b, struct text *t)
{
	const struct guard *g = &b->guard;

	if (g->pid == 0)
		put_text(t, "\"guardian\":null");
	else if (g->deadline_s == 0)
		put_text(
			t,
			"\"guardian\":{\"pid\":%d,\"mode\":\"%s\",\"deadline\":null,\"due\":null,\"stable\":%u}",
			(int)g->pid, g->mode, g->stable_s);
	else
		put_text(
			t,
			"\"guardian\":{\"pid\":%d,\"mode\":\"%s\",\"deadline\":%u,\"due\":%llu,\"stable\":%u}",
			(int)g->pid, g->mode, g->deadline_s, (unsigned long long)g->due_ms / 1000,
			g->stable_s);
}

static void write_json(const struct boot *b, struct text *t)
{
	int slot = b->attempt.chosen.slot;
	const struct state_slot *s = &b->rec.s.slot[slot];
	char why[SKIPPED_TEXT_MAX + 1];

	t->len = 0;
	put_text(t, "{\"schema\":1,\"slot\":\"%c\",\"tier\":\"%s\",\"status\":\"%s\",\"tries\":%u,",
		 state_slot_letter(slot), tier_name(b), state_st_name(s->st), s->tries);
	put_text(t, "\"token\":%llu,\"counted\":%s,\"cause\":\"%s\",",
		 (unsigned long long)b->attempt.token, b->attempt.counted ? "true" : "false",
		 reset_name(b->rec.cause));
	put_text(t, "\"version\":");
	put_string(t, s->version);
	put_text(t, ",\"reason\":");
	skipped_text(&b->skipped, why, sizeof(why));
	put_string(t, why);
	put_text(t, ",\"state\":\"%s\",", record_health_name(b->rec.health));
	put_watchdog(b, t);
	put_text(t, ",");
	put_guardian(b, t);
	put_text(t, ",");
	put_keys(b, t);
	put_data(b, t);
	if (b->pairs.paired != 0)
		put_text(t, "\"pair\":\"%c\",", state_slot_letter(b->pairs.running));
	put_measured(b, t);
	put_text(t, "\"ambiguous\":%s,%s%s\"warnings\":[",
		 b->dev.equal[0] != '\0' ? "true" : "false",
		 b->shell.packed ? "\"shell\":true," : "",
		 b->conf.slots == CONF_SLOTS_WRITABLE ? "\"writable\":true," : "");
	put_warnings(b, t);
	put_text(t, "]}\n");
	save_file("boot.json", t);
}

void export_write(const struct boot *b)
{
	static struct text t;
	char slot = state_slot_letter(b->attempt.chosen.slot);
	enum kb_err err = os_mkdir(EXPORT_DIR, 0755);

	if (err != KB_OK)
		log_warn("export: unable to make %s: %s", EXPORT_DIR, err_text(err));
	t.len = 0;
	put_text(&t, "%c\n", slot);
	save_file("slot", &t);
	t.len = 0;
	put_text(&t, "%c %llu\n", slot, (unsigned long long)b->attempt.token);
	save_file("token", &t);
	write_devices(b, &t);
}

void export_boot(const struct boot *b)
{
	static struct text t;

	write_json(b, &t);
}
