/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/state_init.h"

#include "cli/output/output.h"
#include "cli/state/state_bundle.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES "/dev/"

enum { SLOTS = 1, GOOD, TRIAL, VERSION, SEQUENCE, FLOOR, FORCE, BUNDLE };

static const struct args_option table[] = {
	{ "slots", 0, true, SLOTS },
	{ "good", 0, true, GOOD },
	{ "trial", 0, true, TRIAL },
	{ "version", 0, true, VERSION },
	{ "sequence", 0, true, SEQUENCE },
	{ "floor", 0, true, FLOOR },
	{ "force", 0, false, FORCE },
	{ "bundle", 0, true, BUNDLE },
	{ .name = NULL },
};

static void fill_slot(struct state_slot *slot, const struct state_init *in, bool good)
{
	slot->st = good ? STATE_GOOD : STATE_TRIAL;
	slot->tries = good ? 0 : in->tries != 0 ? in->tries : STATE_TRIES;
	slot->grace = STATE_GRACE;
	slot->ever_good = good;
	if (!in->known)
		return;
	slot->has_release = true;
	slot->sequence = in->release.sequence;
	memcpy(slot->release, in->release.id, STATE_ID_LEN);
	memcpy(slot->version, in->release.version, sizeof(slot->version));
}

enum kb_err state_init_make(struct state *s, const struct state_init *in)
{
	if (in->slots < 1 || in->slots > STATE_SLOTS_MAX || (in->good & in->trial) != 0 ||
	    ((in->good | in->trial) >> in->slots) != 0)
		return KB_EINVAL;
	if (in->known && in->release.sequence < in->floor)
		return KB_EINVAL;
	state_init(s, in->slots);
	for (unsigned i = 0; i < in->slots; i++) {
		bool good = in->good >> i & 1;

		if (!good && !(in->trial >> i & 1))
			continue;
		fill_slot(&s->slot[i], in, good);
		if (good && s->last == STATE_NONE)
			s->last = (int8_t)i;
	}
	if (in->first != STATE_NONE)
		s->pref = (int8_t)in->first;
	s->floor = in->floor;
	return KB_OK;
}

/* What the command line says, beside what goes into the record. */
struct init_args {
	struct state_init in;
	const char *bundle, *version;
	/* --sequence was given */
	bool numbered;
	uint64_t sequence;
};

static enum kb_err take_slot(struct state_init *in, uint8_t *mask, const struct args *a)
{
	const char *name = a->value;

	if (name[0] < 'a' || name[0] >= 'a' + STATE_SLOTS_MAX || name[1] != '\0') {
		log_err("--%s %s: expected a slot, a to h", a->option, name);
		return KB_EINVAL;
	}
	*mask |= (uint8_t)(1u << (name[0] - 'a'));
	if (in->first == STATE_NONE)
		in->first = name[0] - 'a';
	return KB_OK;
}

static enum kb_err take_number(uint64_t *out, const struct args *a, uint64_t min, uint64_t max)
{
	if (bytes_decimal(out, a->value, max) == KB_OK && *out >= min)
		return KB_OK;
	log_err("--%s %s: expected a number from %" PRIu64 " to %" PRIu64, a->option, a->value, min,
		max);
	return KB_EINVAL;
}

static enum kb_err take_version(struct init_args *in, const struct args *a)
{
	in->version = a->value;
	if (a->value[0] != '\0' && strlen(a->value) <= STATE_STR_MAX)
		return KB_OK;
	log_err("--version: expected 1 to %d bytes", STATE_STR_MAX);
	return KB_EINVAL;
}

static enum kb_err take_init_option(struct init_args *in, int id, const struct args *a)
{
	uint64_t slots = 0;

	switch (id) {
	case SLOTS:
		TRY(take_number(&slots, a, 1, STATE_SLOTS_MAX));
		in->in.slots = (unsigned)slots;
		return KB_OK;
	case GOOD:
		return take_slot(&in->in, &in->in.good, a);
	case TRIAL:
		return take_slot(&in->in, &in->in.trial, a);
	case VERSION:
		return take_version(in, a);
	case SEQUENCE:
		in->numbered = true;
		return take_number(&in->sequence, a, 0, INT64_MAX);
	case FLOOR:
		return take_number(&in->in.floor, a, 0, INT64_MAX);
	case BUNDLE:
		in->bundle = a->value;
		return KB_OK;
	default:
		in->in.force = true;
		return KB_OK;
	}
}

static int read_init_args(struct args *a, struct device_options *o, struct init_args *in)
{
	bool file = false;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == ARGS_OPERAND && !file) {
			o->state = a->value;
			file = true;
		} else if (id <= ARGS_END) {
			return args_wrong(a, id, "state");
		} else if (take_init_option(in, id, a) != KB_OK) {
			return OUTPUT_USAGE;
		}
	}
	if (in->bundle != NULL && (in->version != NULL || in->numbered)) {
		log_err("--bundle sets version and sequence; remove --version and --sequence");
		return OUTPUT_USAGE;
	}
	if (in->in.first == STATE_NONE &&
	    (in->bundle != NULL || in->version != NULL || in->numbered)) {
		log_err("missing option: --good SLOT or --trial SLOT, the slot that holds this release");
		return OUTPUT_USAGE;
	}
	return OUTPUT_OK;
}

static enum kb_err find_release(struct init_args *in)
{
	in->in.known = true;
	if (in->bundle != NULL)
		return state_bundle_read(in->bundle, &in->in.release);
	if (in->version != NULL || in->numbered)
		return state_bundle_invent(&in->in.release, in->version != NULL ? in->version : "",
					   in->sequence);
	in->in.known = false;
	return KB_OK;
}

/* The second region goes to the end of the partition: where that is must be certain. */
static enum kb_err check_range(const struct device_options *o)
{
	if (o->offset == 0 || o->size != 0)
		return KB_OK;
	log_err("--offset needs --size, the size of the state partition: its end is written, too");
	return KB_EINVAL;
}

/* A file that does not exist yet, made in full: the state may be all that is in it. */
static enum kb_err make_file(const struct device_options *o, bool *made)
{
	uint64_t end, size = o->size != 0 ? o->size : STORE_MIN_SIZE;
	KB_CLEANUP_FD int fd = -1;

	if (o->state == NULL || access(o->state, F_OK) == 0)
		return KB_OK;
	if (__builtin_add_overflow(o->offset, size, &end) || end > INT64_MAX) {
		log_err("%s: no file is that long: --offset and --size are too large", o->state);
		return KB_EINVAL;
	}
	if (strncmp(o->state, DEVICES, strlen(DEVICES)) == 0) {
		log_err("%s: there is no such device (lsblk -o NAME,PARTLABEL names those that are there)",
			o->state);
		return KB_ENOENT;
	}
	fd = open(o->state, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	*made = fd >= 0;
	if (fd < 0 || ftruncate(fd, (off_t)end) < 0) {
		log_err("%s: cannot be made: %s", o->state, strerror(errno));
		return err_errno(errno);
	}
	return KB_OK;
}

/* --force is for a state that is not wanted any more. It costs nobody a file system. */
static enum kb_err may_overwrite(struct device *d, bool force)
{
	device_content_find(&d->content, d->dev);
	if (d->content.what != NULL) {
		device_report_content(d, "; if it is the right one, erase it first: wipefs --all");
		return KB_EINVAL;
	}
	if (d->finding == STORE_BLANK || force)
		return KB_OK;
	if (d->finding == STORE_FOUND)
		log_err("%s: holds a valid state (record %" PRIu64
			"); --force replaces it, and all that it knows is lost",
			d->state_path, d->state.seq);
	else
		log_err("%s: is neither empty nor a state; check that it is the right partition; --force overwrites it",
			d->state_path);
	return KB_EINVAL;
}

/* What an earlier device left beside the record would come back after a loss of the new one. */
static enum kb_err clear_manifests(struct device *d)
{
	struct store_manifest m;

	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (store_manifest_read(&d->store, i, &m, NULL, 0) != KB_EBLANK)
			TRY(store_manifest_clear(&d->store, i));
	return KB_OK;
}

/* The manifests first: when the state is there, all of it is. Twice cleared: where they were, and
 * where they are to be. */
static enum kb_err write_manifests(struct device *d, const struct init_args *in)
{
	enum kb_err err = clear_manifests(d);

	if (err == KB_OK)
		err = store_erase(&d->store);
	if (err == KB_OK)
		err = clear_manifests(d);
	for (int i = 0; err == KB_OK && in->bundle != NULL && i < d->state.nslots; i++)
		if (d->state.slot[i].st != STATE_EMPTY)
			err = state_bundle_store(d, i);
	return err;
}

/* The first thing that makes it impossible. */
static void report_impossible(const struct state_init *in)
{
	unsigned both = in->good & in->trial, all = in->good | in->trial, i = 0;

	if (in->known && in->release.sequence < in->floor) {
		log_err("--floor %" PRIu64 ": above the sequence %" PRIu64
			" of what is in the slots, which this device would refuse",
			in->floor, in->release.sequence);
		return;
	}
	while (both != 0 && i < STATE_SLOTS_MAX && !(both >> i & 1))
		i++;
	if (both != 0) {
		log_err("slot %c is both --good and --trial; choose one",
			state_slot_letter((int)i));
		return;
	}
	for (i = in->slots; i < STATE_SLOTS_MAX && !(all >> i & 1);)
		i++;
	log_err("slot %c: this state has only %u slot%s, from a on; for more: --slots %u",
		state_slot_letter((int)i), in->slots, in->slots == 1 ? "" : "s", i + 1);
}

static enum kb_err write_state(struct device *d, const struct init_args *in)
{
	enum kb_err err;

	TRY(may_overwrite(d, in->in.force));
	err = state_init_make(&d->state, &in->in);
	if (err != KB_OK) {
		report_impossible(&in->in);
		return err;
	}
	err = write_manifests(d, in);
	if (err == KB_OK)
		err = store_save_both(&d->store, &d->state);
	if (err != KB_OK) {
		log_err("%s: unable to write the state: %s", d->state_path, err_text(err));
		return err;
	}
	device_history(d, HISTORY_STATE, STATE_NONE, "the first state was written", "");
	return KB_OK;
}

static enum kb_err open_and_write(struct device *d, const struct init_args *in)
{
	enum kb_err err;

	TRY(device_open_to_write(d));
	err = write_state(d, in);
	device_close(d);
	return err;
}

int state_init_cmd(struct args *a, struct device_options *o)
{
	static struct device d;
	bool made = false;
	struct init_args in = { .in.first = STATE_NONE };
	int code = read_init_args(a, o, &in);
	enum kb_err err;

	if (code != OUTPUT_OK)
		return code;
	err = find_release(&in);
	if (err != KB_OK)
		return output_exit_code(err);
	device_init(&d, o);
	if (in.in.slots == 0)
		in.in.slots = d.conf.nslots;
	in.in.tries = (uint8_t)d.conf.tries;
	err = check_range(o);
	if (err == KB_OK)
		err = make_file(o, &made);
	if (err == KB_OK)
		err = open_and_write(&d, &in);
	/* A file without a state would be in the way of the next try. */
	if (err != KB_OK && made)
		unlink(o->state);
	if (err != KB_OK)
		return output_exit_code(err);
	if (in.in.good == 0 && in.in.trial == 0)
		log_warn(
			"%s: every slot is empty, so a boot trusts none; name the one that has an image: --good SLOT or --trial SLOT",
			d.state_path);
	printf("%s: first state written, %u slot%s, record %" PRIu64 ".\n", d.state_path,
	       in.in.slots, in.in.slots == 1 ? "" : "s", d.state.seq);
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}
