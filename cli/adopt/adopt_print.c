/* SPDX-License-Identifier: Apache-2.0 */
/* What there is, what is missing, and what will be done. */
#include "cli/adopt/adopt.h"

#include "cli/output/output.h"
#include "lib/os.h"
#include "selector/store.h"

#include <stdio.h>
#include <string.h>

static const char *const roles[] = {
	[ADOPT_ROOT] = "slot a: the system that runs",
	[ADOPT_STATE] = "the state",
	[ADOPT_SLOT_B] = "slot b",
	[ADOPT_DATA] = "data: updates, and what has to last",
	[ADOPT_OVERLAY] = "the overlay above the slot that runs",
	[ADOPT_BOOT] = "kernel and initramfs, of both slots",
};

static void print_guess(const struct adopt *ad, const struct prober_part *p)
{
	bool room = p->size >= adopt_image_size(ad);
	char words[ADOPT_WORDS_LEN];

	if (adopt_in_use(ad, p, words))
		printf("in use\n");
	else if (adopt_content(p) == ADOPT_OTHER || adopt_content(p) == ADOPT_RECORD) {
		adopt_content_words(p, words);
		printf("not used: it %s\n", words);
	} else if (strcmp(p->fstype, "ext4") == 0)
		printf("could be data (--data %s)%s\n", p->dev,
		       room ? ", or be overwritten as slot b" : "");
	else if (adopt_content(p) == ADOPT_BLANK && room)
		printf("could be slot b (--slot b:root=%s)\n", p->dev);
	else if (adopt_content(p) == ADOPT_BLANK && p->size >= STORE_MIN_SIZE)
		printf("could be the state (--state %s)\n", p->dev);
	else
		printf("not used\n");
}

static void print_part(const struct adopt *ad, const struct prober_part *p)
{
	struct adopt_mount m = { .place = "" };
	bool mounted = adopt_mount_of(ad, p, &m);
	char size[OUTPUT_TIME_LEN];

	output_size(size, p->size);
	printf("  %-15s %10s  %-6s %-8s  ", p->dev, size, p->fstype[0] != '\0' ? p->fstype : "-",
	       mounted ? m.place : "-");
	for (int r = 0; r < ADOPT_ROLES; r++) {
		if (ad->role[r] == p) {
			puts(roles[r]);
			return;
		}
	}
	print_guess(ad, p);
}

static void print_problem(FILE *out, const struct adopt_problem *p)
{
	const char *fix = p->fix;

	fprintf(out, "- %s\n", p->text);
	for (size_t n; *fix != '\0'; fix += n + (fix[n] == '\n')) {
		n = strcspn(fix, "\n");
		fprintf(out, "    %.*s\n", (int)n, fix);
	}
}

static void print_problems(const struct adopt *ad)
{
	bool commands = true;

	printf("\nWhat is missing:\n");
	for (unsigned i = 0; i < ad->n; i++) {
		print_problem(stdout, &ad->problem[i]);
		commands = commands && ad->problem[i].commands;
	}
	if (commands)
		puts("With --commands, adopt prints these as a script for sh.");
}

/* A kernel that apt installs lands in /boot, which both slots have, and its modules in the overlay
 * of one. Above an overlay, GRUB's update-grub fails, and leaves the package that called it half
 * configured. */
static void print_hold(const struct adopt *ad, const char *before)
{
	char grub[DEVICE_PATH_MAX];

	adopt_path(ad, grub, "/usr/sbin/update-grub");
	printf("%sdpkg-query -Wf '${db:Status-Abbrev} ${Package}\\n' 'linux-image-*'%s | "
	       "sed -n 's/^ii *//p' | xargs -r apt-mark hold\n",
	       before, os_exists(grub) ? " 'grub-*'" : "");
}

bool adopt_print_commands(const struct adopt *ad)
{
	bool all = true;

	for (unsigned i = 0; i < ad->n; i++) {
		if (ad->problem[i].commands)
			continue;
		if (all)
			fprintf(stderr, "No script can make what is missing:\n");
		all = false;
		print_problem(stderr, &ad->problem[i]);
	}
	if (!all)
		return false;
	puts("set -e");
	for (unsigned i = 0; i < ad->n; i++)
		printf("# %s\n%s\n", ad->problem[i].text, ad->problem[i].fix);
	print_hold(ad, "# apt must leave the kernel alone; a new one comes with a release\n");
	return true;
}

static void print_step(unsigned *n, bool done, const char *text)
{
	printf("  %u. %s%s\n", ++*n, text, done ? " (is done)" : "");
}

static void print_plan(const struct adopt *ad)
{
	const struct prober_part *b = ad->role[ADOPT_SLOT_B];
	char bundle[DEVICE_PATH_MAX], text[2 * DEVICE_PATH_MAX];
	unsigned n = 0;

	adopt_bundle_path(ad, bundle);
	printf("\nWhat adopt does:\n");
	print_step(&n, ad->configured, "it writes /etc/keelboot/system.conf and the public key");
	snprintf(text, sizeof(text), "it makes %s of the system that runs: %s, %s", bundle,
		 ad->compatible, ad->version);
	print_step(&n, ad->has_bundle, text);
	snprintf(text, sizeof(text), "it writes the first state to %s", ad->role[ADOPT_STATE]->dev);
	print_step(&n, ad->has_state, text);
	snprintf(text, sizeof(text), "it installs that bundle into slot b, %s%s%s", b->dev,
		 b->fstype[0] != '\0' && !ad->has_bundle ? ", and overwrites its " : "",
		 !ad->has_bundle ? b->fstype : "");
	print_step(&n, ad->has_bundle, text);
	snprintf(text, sizeof(text), "it makes the initramfs: %s", ad->generator->make[0]);
	print_step(&n, ad->in_initramfs, text);
	if (ad->role[ADOPT_OVERLAY] == NULL)
		puts("What the system writes to its root goes into memory: there is no partition keelboot-overlay.");
	print_hold(
		ad,
		"Keep apt from the kernel, if the script of --commands has not done it; a new one comes with a release:\n"
		"    ");
	puts("Nothing in slot a changes but /etc/keelboot. Until step 5 the machine boots as before.");
}

void adopt_print(const struct adopt *ad)
{
	if (ad->disk.n > 0)
		printf("Partitions of %s:\n", ad->disk_path);
	for (unsigned i = 0; i < ad->disk.n; i++)
		print_part(ad, &ad->disk.part[i]);
	if (ad->n > 0)
		print_problems(ad);
	else
		print_plan(ad);
}
