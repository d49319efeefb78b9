/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's disks, uevents and watchdog. */
#include "tests/sim/os_sim_int.h"

#include "initramfs/prober/prober.h"

#include <linux/watchdog.h>
#include <stdarg.h>

#define UEVENTS_MAX 64
#define DISKS_MAX   32
#define SOCKETS	    8
#define WDT_OWN_S   15 /* what a driver begins with */
#define MIB	    (1ull << 20)

struct uevent {
	char text[512];
	size_t len;
};

struct disk {
	struct os_sim_disk d;
	struct prober_answer answer;
	char name[32], path[128];
};

static struct uevent uevent[UEVENTS_MAX];
static unsigned uevent_first, nuevents, sockets;
static struct disk *disks[DISKS_MAX];
static unsigned ndisks;
static struct {
	char dev[64];
	struct os_wdt_info info;
	int fd;			    /* -1: closed */
	bool held;		    /* by another process, which has it as fd */
	unsigned timeout_s, told_s; /* that it counts; that its driver says */
	uint64_t fed;
	struct os_sim_wdt_quirks quirks;
	uint64_t pause; /* the longest between two feeds */
} wdt;

void os_sim_dev_reset(void)
{
	for (unsigned i = 0; i < ndisks; i++)
		free(disks[i]);
	ndisks = uevent_first = nuevents = 0;
	sockets = SOCKETS;
	memset(&wdt, 0, sizeof(wdt));
	wdt.fd = -1;
}

/* ---------------------------------------------------------------- uevents */
void os_sim_uevent_sockets(unsigned n)
{
	sockets = n;
}

static struct uevent *next_uevent(void)
{
	if (nuevents == UEVENTS_MAX)
		abort();
	return &uevent[(uevent_first + nuevents++) % UEVENTS_MAX];
}

void os_sim_uevent_device(const char *devpath, const char *modalias)
{
	struct uevent *u = next_uevent();

	u->len = (size_t)snprintf(u->text, sizeof(u->text),
				  "add@%s%cACTION=add%cDEVPATH=%s%cMODALIAS=%s%c", devpath, 0, 0,
				  devpath, 0, modalias, 0);
}

void os_sim_uevent(const char *action, const char *devpath, const char *type)
{
	struct uevent *u = next_uevent();

	u->len = (size_t)snprintf(u->text, sizeof(u->text),
				  "%s@%s%cACTION=%s%cDEVPATH=%s%cSUBSYSTEM=block%cDEVTYPE=%s%c",
				  action, devpath, 0, action, 0, devpath, 0, 0, type, 0);
}

bool os_sim_uevent_pending(void)
{
	return nuevents > 0;
}

enum kb_err os_uevent_open(int *fd)
{
	*fd = -1;
	TRY(os_sim_turn("uevent_open"));
	if (sockets == 0) {
		errno = EPROTONOSUPPORT;
		return KB_EIO;
	}
	sockets--;
	*fd = os_sim_fd_new(OS_SIM_FD_UEVENT);
	return KB_OK;
}

enum kb_err os_uevent_read(int fd, char *buf, size_t size, size_t *len)
{
	const struct uevent *u = &uevent[uevent_first % UEVENTS_MAX];

	*len = 0;
	TRY(os_sim_turn("uevent_read"));
	if (os_sim_fd_get(fd) == NULL || os_sim_over())
		return KB_EIO;
	if (nuevents == 0)
		return KB_EBUSY;
	if (u->len >= size)
		return KB_ENOSPC;
	memcpy(buf, u->text, u->len);
	buf[u->len] = '\0';
	*len = u->len;
	uevent_first++;
	nuevents--;
	return KB_OK;
}

/* ---------------------------------------------------------------- disks */
/* Good for the next three. */
__attribute__((format(printf, 1, 2))) static const char *text(const char *fmt, ...)
{
	static char texts[4][256];
	static unsigned n;
	va_list ap;

	n = (n + 1) % 4;
	va_start(ap, fmt);
	vsnprintf(texts[n], sizeof(texts[n]), fmt, ap);
	va_end(ap);
	return texts[n];
}

static void put_number(const char *dir, const char *attr, uint64_t n)
{
	os_sim_file(text("%s/%s", dir, attr), text("%llu\n", (unsigned long long)n));
}

static void put_part(const struct disk *k, unsigned i)
{
	const struct prober_part *p = &k->answer.part[i];
	const char *name = p->dev + 5;
	char dir[128];

	os_sim_file(p->dev, "");
	snprintf(dir, sizeof(dir), "/sys/class/block/%s", name);
	os_sim_link(dir, text("../..%s/%s", k->path, name));
	put_number(dir, "partition", p->number);
	snprintf(dir, sizeof(dir), "/sys/class/block/%s/%s", k->name, name);
	put_number(dir, "partition", p->number);
	put_number(dir, "start", p->start / 512);
	put_number(dir, "size", p->size / 512);
	os_sim_file(text("%s/uevent", dir),
		    text("DEVTYPE=partition\nPARTN=%u\nPARTNAME=%s\n", p->number, p->partlabel));
}

/* It is there from now on. */
static void appear(void *ctx)
{
	const struct disk *k = ctx;
	char dir[96];

	os_sim_file(k->answer.whole.dev, "");
	snprintf(dir, sizeof(dir), "/sys/class/block/%s", k->name);
	os_sim_link(dir, text("../..%s", k->path));
	os_sim_link(text("/sys/block/%s", k->name), text("..%s", k->path));
	put_number(dir, "size", k->d.size / 512);
	put_number(dir, "removable", k->d.removable);
	if (k->d.wwid != NULL)
		os_sim_file(text("%s/wwid", dir), k->d.wwid);
	for (unsigned i = 0; i < k->answer.n; i++)
		put_part(k, i);
	if (os_sim_now() == 0)
		return;
	os_sim_uevent("add", k->path, "disk");
	for (unsigned i = 0; i < k->answer.n; i++)
		os_sim_uevent("add", text("%s/%s", k->path, k->answer.part[i].dev + 5),
			      "partition");
}

static void set(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text != NULL ? text : "");
}

static void build_part(struct disk *k, unsigned i, uint64_t *at)
{
	const struct os_sim_part *from = &k->d.part[i];
	struct prober_part *p = &k->answer.part[i];
	char last = k->name[strlen(k->name) - 1];

	snprintf(p->dev, sizeof(p->dev), "/dev/%.14s%s%u", k->name,
		 last >= '0' && last <= '9' ? "p" : "", i + 1);
	set(p->partlabel, sizeof(p->partlabel), from->partlabel);
	set(p->partuuid, sizeof(p->partuuid), from->partuuid);
	set(p->fstype, sizeof(p->fstype), from->ambiguous ? NULL : from->fstype);
	set(p->label, sizeof(p->label), from->label);
	set(p->uuid, sizeof(p->uuid), from->uuid);
	set(p->pin, sizeof(p->pin), from->pin);
	p->flags = from->pin != NULL ? PROBER_PART_STATE : 0;
	p->flags |= from->ambiguous ? PROBER_PART_AMBIGUOUS : 0;
	p->number = i + 1;
	p->start = *at;
	p->size = from->size;
	*at += from->size;
	if (from->fstype != NULL)
		os_sim_fs(p->dev, from->fstype);
}

static void build_answer(struct disk *k)
{
	struct prober_answer *a = &k->answer;
	uint64_t at = MIB;

	a->magic = PROBER_MAGIC;
	a->size = k->d.size;
	a->flags = k->d.gpt_backup ? PROBER_GPT_BACKUP : 0;
	a->flags |= k->d.member ? PROBER_MEMBER : 0;
	a->n = k->d.nparts;
	set(a->table, sizeof(a->table), a->n > 0 ? "gpt" : "");
	snprintf(a->whole.dev, sizeof(a->whole.dev), "/dev/%.20s", k->name);
	a->whole.size = a->size;
	set(a->whole.fstype, sizeof(a->whole.fstype), k->d.fstype);
	if (k->d.fstype != NULL)
		os_sim_fs(a->whole.dev, k->d.fstype);
	for (unsigned i = 0; i < a->n; i++)
		build_part(k, i, &at);
}

void os_sim_disk(const struct os_sim_disk *d)
{
	struct disk *k = calloc(1, sizeof(*k));

	if (k == NULL || ndisks == DISKS_MAX || d->nparts > 8)
		abort();
	disks[ndisks++] = k;
	k->d = *d;
	snprintf(k->name, sizeof(k->name), "%s", d->name);
	snprintf(k->path, sizeof(k->path), "%s%s",
		 d->path != NULL ? d->path : "/devices/pci0000:00/block/",
		 d->path != NULL ? "" : d->name);
	build_answer(k);
	if (!d->no_answer) {
		struct os_sim_child c = { .argv0 = "keelboot-prober",
					  .arg = k->answer.whole.dev,
					  .duration_ms = d->prober_ms };

		c.say[0] = (struct os_sim_say){ d->prober_ms, &k->answer,
						PROBER_ANSWER_LEN(k->answer.n) };
		os_sim_child(&c);
	}
	if (d->at_ms == 0)
		appear(k);
	else
		os_sim_at(d->at_ms, appear, k);
}

static struct disk *find_disk(const char *name)
{
	for (unsigned i = 0; i < ndisks; i++)
		if (strcmp(disks[i]->name, name) == 0)
			return disks[i];
	abort();
}

void os_sim_disk_type(const char *name, unsigned part, const char *fstype)
{
	struct prober_part *p = &find_disk(name)->answer.part[part];

	set(p->fstype, sizeof(p->fstype), fstype);
}

static void vanish(void *ctx)
{
	const struct disk *k = ctx;

	os_sim_remove(text("/sys/class/block/%s", k->name));
	os_sim_remove(text("/sys/block/%s", k->name));
	os_sim_remove(k->answer.whole.dev);
	for (unsigned i = 0; i < k->answer.n; i++) {
		os_sim_remove(text("/sys/class/block/%s", k->answer.part[i].dev + 5));
		os_sim_remove(k->answer.part[i].dev);
	}
	os_sim_uevent("remove", k->path, "disk");
}

void os_sim_disk_gone(const char *name, unsigned at_ms)
{
	os_sim_at(at_ms, vanish, find_disk(name));
}

/* ---------------------------------------------------------------- watchdog */
void os_sim_watchdog(const char *dev, const struct os_wdt_info *info)
{
	snprintf(wdt.dev, sizeof(wdt.dev), "%s", dev);
	wdt.info = *info;
	os_sim_file(dev, "");
}

void os_sim_watchdog_quirks(const struct os_sim_wdt_quirks *q)
{
	wdt.quirks = *q;
}

/* What the hardware makes of a time. */
static unsigned wdt_takes(unsigned timeout_s)
{
	unsigned step = wdt.quirks.step_s;

	if (step != 0)
		timeout_s = (timeout_s + step - 1) / step * step;
	return wdt.info.timeout_s != 0 && timeout_s > wdt.info.timeout_s ? wdt.info.timeout_s
									 : timeout_s;
}

/* What it counts of a time that its driver says it took; 0 is a reset. */
static void wdt_set(unsigned timeout_s)
{
	wdt.told_s = timeout_s;
	wdt.timeout_s = wdt.quirks.register_s != 0 ? timeout_s & wdt.quirks.register_s : timeout_s;
	wdt.fed = os_sim_now();
}

enum kb_err os_wdt_open(const char *dev, unsigned timeout_s, int *fd, struct os_wdt_info *info)
{
	*fd = -1;
	memset(info, 0, sizeof(*info));
	TRY(OS_SIM_CALL("wdt_open", strcmp(dev, wdt.dev) == 0 ? KB_OK : KB_ENODEV,
			"watchdog %s %u s", dev, timeout_s));
	*fd = wdt.fd = os_sim_fd_new(OS_SIM_FD_WDT);
	*info = wdt.info;
	info->tells_left = wdt.quirks.tells_left;
	if (wdt.quirks.fixed_s != 0)
		timeout_s = wdt.quirks.fixed_s;
	else if (wdt.quirks.tells_left ||
		 (wdt.quirks.longest_s != 0 && timeout_s > wdt.quirks.longest_s))
		timeout_s = WDT_OWN_S;
	else
		timeout_s = wdt_takes(timeout_s);
	wdt_set(timeout_s);
	info->timeout_s = wdt.quirks.tells_nothing ? 0 : wdt.told_s;
	return KB_OK;
}

enum kb_err os_wdt_left(int fd, unsigned *left_s)
{
	unsigned gone_s = (unsigned)((os_sim_now() - wdt.fed) / 1000), counts_s = wdt.timeout_s;

	TRY(os_sim_turn("wdt_left"));
	if (fd != wdt.fd || !wdt.quirks.tells_left) {
		errno = EOPNOTSUPP;
		return KB_EINVAL;
	}
	if (wdt.quirks.feeds_s != 0 && counts_s > wdt.quirks.feeds_s)
		counts_s = wdt.quirks.feeds_s;
	/* Some of the first second is gone already. */
	*left_s = counts_s > gone_s + 1 ? counts_s - gone_s - 1 : 0;
	return KB_OK;
}

void os_wdt_ping(int fd)
{
	if (fd != wdt.fd)
		return;
	if (os_sim_now() - wdt.fed > wdt.pause)
		wdt.pause = os_sim_now() - wdt.fed;
	wdt.fed = os_sim_now();
}

void os_sim_watchdog_held(int fd)
{
	wdt.fd = fd;
	wdt.held = true;
	wdt.fed = os_sim_now();
}

uint64_t os_sim_watchdog_pause(void)
{
	return wdt.pause;
}

enum kb_err os_wdt_timeout(int fd, unsigned *timeout_s)
{
	TRY(OS_SIM_CALL("wdt_timeout", KB_OK, "watchdog timeout %u s", *timeout_s));
	if (fd != wdt.fd)
		return KB_EIO;
	if (wdt.quirks.fixed_s != 0 ||
	    (wdt.quirks.longest_s != 0 && *timeout_s > wdt.quirks.longest_s)) {
		errno = wdt.quirks.fixed_s != 0 ? EOPNOTSUPP : EINVAL;
		return KB_EINVAL;
	}
	*timeout_s = wdt_takes(*timeout_s);
	wdt_set(*timeout_s);
	return KB_OK;
}

void os_wdt_release(int *fd)
{
	if (os_sim_call(KB_OK, "watchdog release") == KB_OK && *fd == wdt.fd) {
		wdt.fd = -1;
		wdt.held = false;
	}
	*fd = -1;
}

/* A closed one goes on, but whoever opens it next is not part of the simulation. */
static bool wdt_counts(void)
{
	return wdt.held || (wdt.fd >= 0 && os_sim_fd_get(wdt.fd) != NULL &&
			    os_sim_fd_get(wdt.fd)->kind == OS_SIM_FD_WDT);
}

uint64_t os_sim_wdt_next(void)
{
	return wdt_counts() ? wdt.fed + wdt.timeout_s * 1000ull : UINT64_MAX;
}

void os_sim_wdt_check(void)
{
	if (!wdt_counts() || os_sim_now() < os_sim_wdt_next() || os_sim_over())
		return;
	if (os_sim_call(KB_OK, "WATCHDOG FIRES") == KB_OK)
		os_sim_finish(OS_SIM_WATCHDOG);
}
