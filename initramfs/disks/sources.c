/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/sources.h"

#include "initramfs/disks/deferred.h"
#include "initramfs/disks/probe_sysfs.h"
#include "initramfs/disks/probe_table.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

/* What the bus knows, but what is no disk yet, gets so much longer than settle=. */
#define STICK_MS  5000
#define MMC_HOSTS "/sys/class/mmc_host"
#define SCSI	  "/sys/bus/scsi/devices"
#define SCSI_CD	  "5\n" /* in a device's file "type" */

unsigned sources_allowed(const struct conf *conf, unsigned sources)
{
	if (!conf->data_enabled)
		sources &= ~(unsigned)CMDLINE_SOURCE_DATA;
	if (!conf->raw_enabled)
		sources &= ~(unsigned)CMDLINE_SOURCE_RAW;
	if (!(conf->media_enabled & CONF_MEDIA_SD))
		sources &= ~(unsigned)CMDLINE_SOURCE_SD;
	if (!(conf->media_enabled & CONF_MEDIA_USB))
		sources &= ~(unsigned)CMDLINE_SOURCE_USB;
	return sources;
}

/* The kernel reads the table of a new disk before it announces it: till then it is in sysfs alone.
 * A drive without a medium is no disk yet. */
static bool is_untold(const struct probe *p, const char *name)
{
	char path[128], size[24];

	snprintf(path, sizeof(path), PROBE_SYSFS_DISKS "/%s/size", name);
	return !probe_sysfs_ignored(name) && !probe_table_settled(p, name) &&
	       os_read_file(path, size, sizeof(size), NULL) == KB_OK && strcmp(size, "0\n") != 0;
}

/* Where the disks on USB are in sysfs, those of an empty card reader included. */
struct usb_disks {
	char path[64][256];
	unsigned n;
	bool untold;
};

static void list_usb_disks(const struct probe *p, struct usb_disks *d)
{
	static char names[PROBE_SYSFS_DISKS_MAX][64];
	char path[128];
	unsigned n;

	d->n = 0;
	d->untold = false;
	if (os_list(PROBE_SYSFS_DISKS, names, KB_ARRAY_LEN(names), &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n && d->n < KB_ARRAY_LEN(d->path); i++) {
		char *target = d->path[d->n];

		snprintf(path, sizeof(path), PROBE_SYSFS_DISKS "/%s", names[i]);
		if (os_readlink(path, target, sizeof(d->path[0])) != KB_OK ||
		    strstr(target, "/usb") == NULL)
			continue;
		d->n++;
		d->untold = d->untold || is_untold(p, names[i]);
	}
}

/* interface: "1-1:1.0". A reader of cards has a disk for each of its slots. */
static bool has_disk(const struct usb_disks *d, const char *interface)
{
	char part[72];

	snprintf(part, sizeof(part), "/%s/", interface);
	for (unsigned i = 0; i < d->n; i++) {
		if (strstr(d->path[i], part) != NULL)
			return true;
	}
	return false;
}

/* SCSI has named what lies behind the interface, and that is drives for CDs alone: without sr_mod
 * there comes no disk of these. */
static bool has_cds_alone(const char *interface)
{
	static char names[256][64];
	char path[128], target[256], part[72], type[8];
	unsigned n = 0, cds = 0;

	snprintf(part, sizeof(part), "/%s/", interface);
	if (os_list(SCSI, names, KB_ARRAY_LEN(names), &n) != KB_OK)
		return false;
	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof(path), SCSI "/%s", names[i]);
		if (os_readlink(path, target, sizeof(target)) != KB_OK ||
		    strstr(target, part) == NULL)
			continue;
		snprintf(path, sizeof(path), SCSI "/%s/type", names[i]);
		if (os_read_file(path, type, sizeof(type), NULL) != KB_OK)
			continue; /* a host, or a target */
		if (strcmp(type, SCSI_CD) != 0)
			return false;
		cds++;
	}
	return cds > 0;
}

/* A driver for USB storage is bound to it, and it has no disk yet. */
static bool has_bound_stick(const struct usb_disks *d)
{
	static const char *const drivers[] = { "/sys/bus/usb/drivers/usb-storage",
					       "/sys/bus/usb/drivers/uas" };
	static char names[16][64];
	unsigned n;

	for (unsigned k = 0; k < KB_ARRAY_LEN(drivers); k++) {
		if (os_list(drivers[k], names, KB_ARRAY_LEN(names), &n) != KB_OK)
			continue;
		for (unsigned i = 0; i < n; i++) {
			/* not "bind", "uevent", "module" */
			if (strchr(names[i], ':') != NULL && !has_disk(d, names[i]) &&
			    !has_cds_alone(names[i]))
				return true;
		}
	}
	return false;
}

/* One of mass storage that has no driver yet, where udev loads it. */
static bool has_stick_without_driver(void)
{
	static char names[256][64];
	char path[160], text[8];
	unsigned n;

	if (!os_executable("/sbin/modprobe") ||
	    os_list("/sys/bus/usb/devices", names, KB_ARRAY_LEN(names), &n) != KB_OK)
		return false;
	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s/bInterfaceClass", names[i]);
		if (os_read_file(path, text, sizeof(text), NULL) != KB_OK ||
		    strncmp(text, "08", 2) != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s/driver", names[i]);
		if (!os_exists(path))
			return true;
	}
	return false;
}

static bool has_stick_to_come(const struct probe *p)
{
	static struct usb_disks disks;

	list_usb_disks(p, &disks);
	return disks.untold || has_bound_stick(&disks) || has_stick_without_driver();
}

/* A card in a reader on USB is a stick. */
static bool is_medium(const struct probe_disk *disk, unsigned sources)
{
	if (disk->usb)
		return sources & CMDLINE_SOURCE_USB;
	return disk->sd && sources & CMDLINE_SOURCE_SD;
}

/* Media that a prober still looks at. */
static bool is_probing_media(const struct probe *p, unsigned sources)
{
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		if (p->disk[i].state == PROBE_WAITING && is_medium(&p->disk[i], sources))
			return true;
	}
	return false;
}

static bool has_usb_host(void)
{
	static char names[1][64];
	unsigned n = 0;

	return os_list("/sys/bus/usb/devices", names, KB_ARRAY_LEN(names), &n) == KB_OK && n > 0;
}

/* A host may be there that waits for its phy or its clock, or for the bus on which it is. It is
 * asked once: what comes by then has uevents. */
static bool usb_may_come(struct sources_wait *w)
{
	if (has_usb_host())
		return true;
	if (!w->asked)
		w->deferred = deferred_has_usb();
	w->asked = true;
	return w->deferred;
}

/* Why a stick is still waited for; NULL: it is not. Hubs are asked one after the other, and each
 * device that answers is a uevent. */
static const char *stick_awaited(const struct probe *p, const struct conf *conf,
				 struct sources_wait *w, uint64_t waited_ms)
{
	if (!usb_may_come(w) || waited_ms >= conf->media_wait_ms + STICK_MS)
		return NULL;
	if (os_now_ms() - p->usb_ms < conf->media_wait_ms)
		return w->deferred && !has_usb_host()
			       ? "the host of USB, whose driver waits for another"
			       : "USB, which is not yet quiet";
	if (is_probing_media(p, CMDLINE_SOURCE_USB) || has_stick_to_come(p))
		return "a stick that is not yet a disk";
	return NULL;
}

static bool is_card_without_disk(const char *host, const char *card)
{
	char path[192], type[16];

	snprintf(path, sizeof(path), MMC_HOSTS "/%.60s/%.60s/type", host, card);
	if (os_read_file(path, type, sizeof(type), NULL) != KB_OK || strncmp(type, "SD\n", 3) != 0)
		return false;
	snprintf(path, sizeof(path), MMC_HOSTS "/%.60s/%.60s/block", host, card);
	return !os_exists(path);
}

/* Where something is soldered, or lies in the slot already, nothing more comes. NULL: so here. */
static const char *slot_awaited(const char *host)
{
	static char names[64][64];
	char path[128];
	unsigned n = 0;

	snprintf(path, sizeof(path), MMC_HOSTS "/%.60s/device/of_node/non-removable", host);
	if (os_exists(path))
		return NULL;
	snprintf(path, sizeof(path), MMC_HOSTS "/%.60s", host);
	if (os_list(path, names, KB_ARRAY_LEN(names), &n) != KB_OK)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		if (strncmp(names[i], host, strlen(host)) == 0 && names[i][strlen(host)] == ':')
			return is_card_without_disk(host, names[i])
				       ? "a card that is not yet a disk"
				       : NULL;
	}
	return "an empty slot for cards";
}

static const char *card_awaited(const struct probe *p, const struct conf *conf, uint64_t waited_ms)
{
	static char hosts[16][64];
	const char *why = NULL;
	unsigned n = 0;

	if (waited_ms >= conf->media_wait_ms + STICK_MS ||
	    os_list(MMC_HOSTS, hosts, KB_ARRAY_LEN(hosts), &n) != KB_OK)
		return NULL;
	if (is_probing_media(p, CMDLINE_SOURCE_SD))
		return "a card that is looked at";
	for (unsigned i = 0; i < n && why == NULL && waited_ms < conf->media_wait_ms; i++)
		why = slot_awaited(hosts[i]);
	return why;
}

/* The kernel is not asked yet: what it drives may be one of the hosts. */
static const char *driver_awaited(const struct conf *conf, unsigned sources, uint64_t waited_ms)
{
	return sources & (CMDLINE_SOURCE_USB | CMDLINE_SOURCE_SD) &&
			       waited_ms < conf->media_wait_ms + STICK_MS
		       ? "a driver that loads"
		       : NULL;
}

/* What did not come, and why. */
static void report_end(const struct probe *p, struct sources_wait *w, unsigned sources)
{
	bool host = has_usb_host();

	if (w->over)
		return;
	w->over = true;
	if (host && sources & CMDLINE_SOURCE_USB && has_stick_to_come(p))
		log_warn("media: a stick on USB is no disk yet; it is not waited for any longer");
	else if (!host && w->deferred)
		deferred_report();
	else if (w->why == NULL && host)
		log_info(
			"media: nothing is waited for: USB is quiet, and no slot for cards is empty");
	else if (w->why == NULL)
		log_info(
			"media: nothing is waited for: there is no host of USB, and no empty slot for cards");
}

const char *sources_awaited(const struct probe *p, const struct conf *conf, unsigned sources,
			    struct sources_wait *w, uint64_t waited_ms)
{
	const char *why = NULL;

	if (w->loading)
		return driver_awaited(conf, sources, waited_ms);
	if (sources & CMDLINE_SOURCE_USB)
		why = stick_awaited(p, conf, w, waited_ms);
	if (why == NULL && sources & CMDLINE_SOURCE_SD)
		why = card_awaited(p, conf, waited_ms);
	if (why != NULL && why != w->why)
		log_info("media: waiting for %s", why);
	if (why == NULL && sources & (CMDLINE_SOURCE_USB | CMDLINE_SOURCE_SD))
		report_end(p, w, sources);
	w->why = why;
	return why;
}

static void add_medium(struct devices *d, const char *dev, bool sd)
{
	if (d->nmedia >= DEVICES_MEDIA_MAX) {
		if (!d->media_full)
			log_warn("media: more than %d; %s and further ones are ignored",
				 DEVICES_MEDIA_MAX, dev);
		d->media_full = true;
		return;
	}
	d->medium_is_sd[d->nmedia] = sd;
	snprintf(d->media[d->nmedia++], DEVICES_NAME, "%s", dev);
}

/*
 * A partition that begins where the bare disk does (what mkfs.vfat makes of a whole stick), or
 * where another one does, is the same file system under a second name: the larger one is looked at.
 */
static bool is_second_name(const struct probe_disk *disk, unsigned n)
{
	const struct prober_part *part = &disk->part[n];

	if (part->start == 0)
		return true;
	for (unsigned i = 0; i < disk->n; i++) {
		const struct prober_part *other = &disk->part[i];

		if (i != n && other->start == part->start &&
		    (other->size > part->size || (other->size == part->size && i < n)))
			return true;
	}
	return false;
}

void sources_take(struct devices *d, const struct probe *p, unsigned sources)
{
	d->nmedia = 0;
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *disk = &p->disk[i];

		if (disk->state != PROBE_READY && disk->state != PROBE_UNREADABLE)
			continue;
		if (!is_medium(disk, sources) || strcmp(disk->dev, d->disk) == 0)
			continue;
		add_medium(d, disk->dev, !disk->usb);
		for (unsigned n = 0; n < disk->n; n++) {
			if (!is_second_name(disk, n))
				add_medium(d, disk->part[n].dev, !disk->usb);
		}
	}
	if (d->nmedia < DEVICES_MEDIA_MAX)
		d->media_full = false;
}

unsigned sources_count(const struct devices *d, enum state_source src)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->nmedia; i++)
		n += d->medium_is_sd[i] == (src == STATE_SRC_SD);
	return n;
}
