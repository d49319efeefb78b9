/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot measure`: for who seals a secret to a release, before its first boot. */
#include "cli/measure/measure_value.h"

#include "cli/device/device_manifest.h"
#include "cli/stage/incoming.h"
#include "cli/verbs.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"
#include "update/bundle/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TIER = 1, TEXT, JSON, PCR, COMPATIBLE };

static const struct args_option table[] = {
	{ "tier", 0, true, TIER },
	{ "text", 0, false, TEXT },
	{ "json", 0, false, JSON },
	{ "pcr", 0, true, PCR },
	{ "compatible", 0, true, COMPATIBLE },
	{ .name = NULL },
};

/* The first two are those that a data key is for. */
static const char *const tiers[] = { "good", "trial", "bad", "last-resort", "forced" };
#define TIERS_USUAL 2

struct measuring {
	/* a file, or a slot by its name */
	const char *what;
	/* NULL: the usual ones */
	const char *tier;
	const char *compatible;
	bool text, json;
	/* 0: as system.conf says */
	uint64_t pcr;
	struct measure_release release;
};

static int read_pcr(struct measuring *m, const char *value)
{
	if (bytes_decimal(&m->pcr, value, 15) == KB_OK && m->pcr >= 8)
		return OUTPUT_OK;
	log_err("--pcr %s: expected a number from 8 to 15", value);
	return OUTPUT_USAGE;
}

static int read_tier(struct measuring *m, const char *value)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(tiers); i++) {
		if (strcmp(value, tiers[i]) == 0) {
			m->tier = tiers[i];
			return OUTPUT_OK;
		}
	}
	log_err("--tier %s: expected good, trial, bad, last-resort or forced", value);
	return OUTPUT_USAGE;
}

static int take_measure_arg(struct measuring *m, const struct args *a, int id)
{
	switch (id) {
	case TIER:
		return read_tier(m, a->value);
	case PCR:
		return read_pcr(m, a->value);
	case TEXT:
		m->text = true;
		return OUTPUT_OK;
	case JSON:
		m->json = true;
		return OUTPUT_OK;
	case COMPATIBLE:
		m->compatible = a->value;
		return OUTPUT_OK;
	default:
		if (id != ARGS_OPERAND || m->what != NULL)
			return args_wrong(a, id, "measure");
		m->what = a->value;
		return OUTPUT_OK;
	}
}

static int read_measure_args(struct args *a, struct device_options *o, struct measuring *m)
{
	int id, code = OUTPUT_OK;

	a->tables[0] = table;
	while (code == OUTPUT_OK && (id = device_options_next(a, o)) != ARGS_END)
		code = take_measure_arg(m, a, id);
	if (code == OUTPUT_OK && m->text && m->tier == NULL) {
		log_err("--text needs --tier: each has a text of its own");
		code = OUTPUT_USAGE;
	}
	if (m->what == NULL)
		m->what = "booted";
	return code;
}

/* ---------------------------------------------------------------- which release */

static void take_root(struct measure_release *r, const struct manifest *m)
{
	for (unsigned i = 0; i < m->nimages; i++) {
		const struct manifest_verity *v = &m->image[i].verity;

		if (strcmp(m->image[i].name, "root") != 0 || !v->present)
			continue;
		snprintf(r->root, sizeof(r->root), "%.15s:", v->algorithm);
		bytes_hex(r->root + strlen(r->root), v->root_hash, v->root_hash_len);
	}
}

/* What the device that it is for calls itself. */
static enum kb_err take_name(struct measuring *m, const struct device *d, const struct manifest *of)
{
	const char *name = m->compatible != NULL		? m->compatible
			   : d->conf.compatible[0] != '\0'	? d->conf.compatible
			   : of != NULL && of->ncompatible == 1 ? of->compatible[0]
								: "";

	if (name[0] == '\0' || strlen(name) > CONF_NAME_MAX) {
		log_err("%s: which device is it for? name it: --compatible NAME", m->what);
		return KB_EINVAL;
	}
	snprintf(m->release.compatible, sizeof(m->release.compatible), "%.31s", name);
	return KB_OK;
}

/* A device has keys, and seals for nothing that they do not vouch for. */
static enum kb_err open_bundle(struct reader *r, const struct measuring *m, const struct device *d,
			       int fd, uint64_t size)
{
	struct keyring keys;
	enum kb_err err;

	if (d->conf_found) {
		TRY(incoming_keys(d, &keys));
		err = incoming_look(r, d, &keys, fd, size, m->what);
		keyring_free(&keys);
		return err;
	}
	log_warn("%s: no system.conf, so its signature is not checked", m->what);
	err = reader_open(r, fd, false, size, NULL);
	if (err != KB_OK)
		log_err("%s: %s", m->what, r->why[0] != '\0' ? r->why : err_text(err));
	return err;
}

static enum kb_err describe_bundle(struct measuring *m, const struct device *d)
{
	static struct reader r;
	KB_CLEANUP_FD int fd = -1;
	uint64_t size;
	enum kb_err err;

	TRY(incoming_open(m->what, &fd, &size));
	TRY(open_bundle(&r, m, d, fd, size));
	m->release.slot.has_release = true;
	m->release.slot.sequence = r.release.sequence;
	memcpy(m->release.slot.release, r.release.id, STATE_ID_LEN);
	state_set_text(m->release.slot.version, r.release.version);
	take_root(&m->release, &r.m);
	err = take_name(m, d, &r.m);
	reader_close(&r);
	return err;
}

static enum kb_err describe_slot(struct measuring *m, struct device *d)
{
	const struct manifest *manifest = NULL;
	enum kb_err err;
	int slot;

	TRY(device_open_to_read(d));
	err = device_need_state(d);
	if (err == KB_OK)
		err = device_slot(d, m->what, &slot);
	if (err == KB_OK) {
		m->release.slot = d->state.slot[slot];
		if (device_manifest_read(d, slot, &manifest) == KB_OK)
			take_root(&m->release, manifest);
		err = take_name(m, d, manifest);
	}
	device_close(d);
	return err;
}

static bool is_slot(const char *what)
{
	return strcmp(what, "booted") == 0 || strcmp(what, "other") == 0 ||
	       (what[0] >= 'a' && what[0] < 'a' + STATE_SLOTS_MAX && what[1] == '\0');
}

static enum kb_err describe(struct measuring *m, struct device *d)
{
	TRY(is_slot(m->what) ? describe_slot(m, d) : describe_bundle(m, d));
	if (m->pcr == 0)
		m->pcr = d->conf.measure_pcr != 0 ? d->conf.measure_pcr : MEASURE_PCR;
	if (d->conf_found && d->conf.measure_pcr == 0)
		log_warn("system.conf has no [measure] pcr=: the boot measures nothing");
	if (m->release.root[0] == '\0')
		log_warn(
			"nothing checks the blocks of its root, so another root has the same value; make it by: keelboot bundle create --verity");
	return KB_OK;
}

/* ---------------------------------------------------------------- what comes of it */

static enum kb_err value_of(const struct measuring *m, const char *tier,
			    char hex[2 * DIGEST_LEN + 1])
{
	char text[MEASURED_MAX];
	uint8_t value[DIGEST_LEN];

	TRY(measure_value_of(value, text, measure_value_text(text, &m->release, tier)));
	bytes_hex(hex, value, sizeof(value));
	return KB_OK;
}

static enum kb_err print_json(const struct measuring *m)
{
	const struct state_slot *s = &m->release.slot;
	json_object *o = output_json_new(), *values = json_object_new_object();
	char hex[2 * DIGEST_LEN + 1];

	output_json_text(o, "compatible", m->release.compatible);
	if (s->has_release)
		output_json_hex(o, "release", s->release, sizeof(s->release));
	output_json_text(o, "version", s->version);
	output_json_number(o, "sequence", s->sequence);
	output_json_text(o, "root", m->release.root[0] != '\0' ? m->release.root : NULL);
	output_json_number(o, "pcr", m->pcr);
	output_json_text(o, "bank", "sha256");
	for (unsigned i = 0; i < KB_ARRAY_LEN(tiers); i++) {
		if (m->tier != NULL && strcmp(m->tier, tiers[i]) != 0)
			continue;
		if (value_of(m, tiers[i], hex) == KB_OK)
			output_json_text(values, tiers[i], hex);
	}
	output_json_add(o, "values", values);
	return output_json_print(o, false);
}

/* "13:sha256=…": as systemd-cryptenroll and tpm2-tools read it. */
static enum kb_err print_values(const struct measuring *m)
{
	char hex[2 * DIGEST_LEN + 1];

	if (m->tier != NULL) {
		TRY(value_of(m, m->tier, hex));
		printf("%" PRIu64 ":sha256=%s\n", m->pcr, hex);
		return output_flush();
	}
	for (unsigned i = 0; i < TIERS_USUAL; i++) {
		TRY(value_of(m, tiers[i], hex));
		printf("%-6s %" PRIu64 ":sha256=%s\n", tiers[i], m->pcr, hex);
	}
	return output_flush();
}

static enum kb_err print_text(const struct measuring *m)
{
	char text[MEASURED_MAX];

	measure_value_text(text, &m->release, m->tier);
	fputs(text, stdout);
	return output_flush();
}

int measure_cmd(struct args *a, struct device_options *o)
{
	static struct measuring m;
	static struct device d;
	enum kb_err err;
	int code = read_measure_args(a, o, &m);

	if (code != OUTPUT_OK)
		return code;
	device_init(&d, o);
	err = describe(&m, &d);
	if (err == KB_OK)
		err = m.text ? print_text(&m) : m.json ? print_json(&m) : print_values(&m);
	return output_exit_code(err);
}
