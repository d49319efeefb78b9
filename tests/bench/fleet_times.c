/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the devices of a fleet ask their server, by the client's own timing code (fleet/polling.c),
 * in simulated time: as fleet_run() does it. Prints how many contacts each second has; or with
 * --list each contact of some seconds: second and device.
 *
 * All devices start at second 0 and have run for as long: a region got its power back. From AWAY
 * on, the server is away until BACK. WAIT: it answers 429 then, with that Retry-After; "date": with
 * the time when it is back, for all devices. SLEEP is
 * what the server says, and has said before; system.conf says 300.
 *
 * fleet_times DEVICES SLEEP SECONDS AWAY BACK WAIT [--list FROM TO]
 */
#include "fleet/polling.h"
#include "lib/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_MS 10000u /* since the kernel began */
#define POLL_S	300u   /* of system.conf */

struct run {
	unsigned devices, sleep_s, seconds, away, back, wait_s;
	bool dated;
	/* which seconds are listed; both 0: none */
	unsigned from, to;
	/* of each second */
	unsigned *contacts;
};

static void count(struct run *r, unsigned second, unsigned device)
{
	r->contacts[second]++;
	if (second >= r->from && second < r->to)
		printf("%u %u\n", second, device);
}

static unsigned wait_of(struct polling *p)
{
	unsigned wait = polling_wait(p);

	p->first = false;
	return wait;
}

static void play(struct run *r, unsigned device)
{
	char id[32];
	struct polling p = { .sleep_s = polling_interval(POLL_S, r->sleep_s, 0),
			     .first = true,
			     .n = BOOT_MS };
	unsigned second;

	snprintf(id, sizeof(id), "device-%u", device);
	p.seed = bytes_hash(BYTES_HASH_START, id, strlen(id));
	for (second = polling_first(&p); second < r->seconds; second += wait_of(&p)) {
		bool away = second >= r->away && second < r->back;

		count(r, second, device);
		p.failures = away ? p.failures + 1 : 0;
		p.sleep_s = polling_interval(POLL_S, r->sleep_s, away ? 0 : r->sleep_s);
		p.retry_after_s = !away ? 0 : r->dated ? r->back - second : r->wait_s;
		p.n++;
	}
}

int main(int argc, char **argv)
{
	unsigned *values[6];
	struct run r = { 0 };

	if (argc != 7 && (argc != 10 || strcmp(argv[7], "--list") != 0)) {
		fprintf(stderr,
			"fleet_times DEVICES SLEEP SECONDS AWAY BACK WAIT [--list FROM TO]\n");
		return 3;
	}
	values[0] = &r.devices, values[1] = &r.sleep_s, values[2] = &r.seconds;
	values[3] = &r.away, values[4] = &r.back, values[5] = &r.wait_s;
	for (int i = 0; i < 6; i++)
		*values[i] = (unsigned)strtoul(argv[i + 1], NULL, 10);
	r.dated = strcmp(argv[6], "date") == 0;
	if (argc == 10) {
		r.from = (unsigned)strtoul(argv[8], NULL, 10);
		r.to = (unsigned)strtoul(argv[9], NULL, 10);
	}
	r.contacts = calloc(r.seconds, sizeof(*r.contacts));
	if (r.contacts == NULL)
		return 1;
	for (unsigned i = 1; i <= r.devices; i++)
		play(&r, i);
	for (unsigned i = 0; i < r.seconds && r.to == 0; i++)
		printf("%u\n", r.contacts[i]);
	free(r.contacts);
	return 0;
}
