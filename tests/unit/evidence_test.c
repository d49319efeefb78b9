/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/os_sim_here.h"

#include "initramfs/evidence.h"
#include "tests/unit/states.h"

#include <linux/watchdog.h>

#define BACKEND	       "/sys/module/pstore/parameters/backend"
#define PANIC	       "Panic#1 Part1\n<0>[    4.2] Kernel panic - not syncing: sysrq triggered crash\n"
#define OOPS	       "Oops#1 Part1\n<1>[    4.2] BUG: kernel NULL pointer dereference\n"
#define COOKIE	       "Keelboot was here\n"
#define RECORD	       EVIDENCE_PSTORE "/dmesg-ramoops-0"
#define MTD	       "/dev/mtd0"
#define PMSG_RECORD    EVIDENCE_PSTORE "/pmsg-ramoops-0"
#define CONSOLE_RECORD EVIDENCE_PSTORE "/console-ramoops-0"

static struct evidence e;
static struct state s;
static const struct wdt no_watchdog;
static struct conf conf;
static const char *line; /* keelboot.reset= */

static void set_up(void)
{
	os_sim_reset();
	line = "";
	os_sim_log_level(LOG_LEVEL_NOTICE);
	os_sim_file(BACKEND, "ramoops\n");
	os_sim_file(EVIDENCE_PSTORE "/.there", "");
	states_fresh(&s);
	conf_defaults(&conf);
}

static void gather_with(const struct wdt *w, const char *cookie)
{
	snprintf(conf.cookie, sizeof(conf.cookie), "%s", cookie);
	evidence_gather(&e, w, &conf, line);
	evidence_weigh(&e, &s);
}

static void gather(const char *cookie)
{
	gather_with(&no_watchdog, cookie);
}

/* ---------------------------------------------------------------- pstore */

TEST(only_the_newest_part_of_a_panic_tells)
{
	static const char *const other[] = { OOPS,
					     "Emergency#1 Part1\n",
					     "Shutdown#1 Part1\n",
					     "",
					     "Panic#",
					     "Panic# Part1\n",
					     "\nPanic#1 Part1\n",
					     "Panic#1 Part\n",
					     "Panic#1 Part1",
					     "Panic#1 Part1x\n",
					     "Panic#1 Partial\n" };

	assert_int_equal(evidence_panic_part(PANIC), 1);
	assert_int_equal(evidence_panic_part("Panic#12 Part1\n"), 1);
	assert_int_equal(evidence_panic_part("Panic#1 Part2\n"), 2);
	assert_int_equal(evidence_panic_part("Panic#1 Part10\n"), 10);
	for (unsigned i = 0; i < KB_ARRAY_LEN(other); i++)
		assert_int_equal(evidence_panic_part(other[i]), 0);
}

static void has_text(const struct tail *t, const char *text)
{
	assert_int_equal(t->len, strlen(text));
	assert_memory_equal(t->text, text, t->len);
}

TEST(last_lines_of_a_panic_are_put_together_from_its_parts)
{
	os_sim_file(RECORD, "Panic#1 Part1\n<0>[    4.2] Kernel panic\n<0>[    4.3] end");
	os_sim_file(EVIDENCE_PSTORE "/dmesg-ramoops-1", "Panic#1 Part3\n<6>[    4.0] one\n");
	os_sim_file(EVIDENCE_PSTORE "/dmesg-ramoops-2", "Panic#1 Part2\n<1>[    4.1] BUG\n");
	os_sim_file(EVIDENCE_PSTORE "/dmesg-ramoops-3", "Panic#1 Part5\n<6>[    0.0] old\n");
	os_sim_file(EVIDENCE_PSTORE "/dmesg-ramoops-4", OOPS);
	gather("auto");
	has_text(&e.panic, "[    4.0] one\n[    4.1] BUG\n[    4.2] Kernel panic\n[    4.3] end");
	gather("auto");
	has_text(&e.panic, "[    4.0] one\n[    4.1] BUG\n[    4.2] Kernel panic\n[    4.3] end");
	os_sim_remove(RECORD);
	os_sim_file(RECORD, "Panic#1 Part1");
	gather("auto");
	has_text(&e.panic, "[    4.0] one\n[    4.1] BUG\n");
}

TEST(no_back_end_no_mount)
{
	os_sim_file(BACKEND, "(null)\n");
	os_sim_file(RECORD, PANIC);
	gather("auto");
	EQUAL((e.ev.can_report_panic, false), (e.ev.crash_record, false), (e.ev.orderly, true));
	assert_string_equal(os_sim_trace(), "");
	os_sim_remove(BACKEND);
	gather("auto");
	assert_false(e.ev.can_report_panic);
}

TEST(panic_is_a_crash_once)
{
	os_sim_file(RECORD, PANIC);
	gather("auto");
	assert_true(e.ev.can_report_panic && e.ev.crash_record && !e.ev.orderly);
	assert_true(s.ps != 0 && s.ps == e.ps);
	/* It could not be deleted: a firmware that keeps its variables. */
	gather("auto");
	assert_true(e.ev.can_report_panic && !e.ev.crash_record && e.ev.orderly);
	os_sim_file(RECORD, "Panic#1 Part1\n<0>[    9.9] Kernel panic - another\n");
	gather("auto");
	assert_true(e.ev.crash_record);
}

TEST(records_are_deleted_and_copies_stay)
{
	os_sim_file(RECORD, PANIC);
	os_sim_file(EVIDENCE_PSTORE "/dmesg-ramoops-1", OOPS);
	os_sim_file(EVIDENCE_PSTORE "/pmsg-ramoops-0", "somebody's");
	gather("auto");
	assert_int_equal(e.nrecords, 2);
	assert_non_null(os_sim_text(RECORD)); /* not before what it means is written */
	evidence_forget(&e);
	assert_null(os_sim_text(RECORD));
	assert_null(os_sim_text(EVIDENCE_PSTORE "/dmesg-ramoops-1"));
	assert_non_null(os_sim_text(EVIDENCE_PSTORE "/pmsg-ramoops-0"));
	assert_string_equal(os_sim_text(EVIDENCE_KEEP "/dmesg-ramoops-0"), PANIC);
	assert_string_equal(os_sim_text(EVIDENCE_KEEP "/dmesg-ramoops-1"), OOPS);
	gather("auto");
	assert_false(e.ev.crash_record);
	assert_true(s.ps != 0); /* and nothing is written for that */
}

TEST(oops_that_was_survived_is_no_crash)
{
	os_sim_file(RECORD, OOPS);
	gather("auto");
	assert_true(e.ev.can_report_panic && !e.ev.crash_record && s.ps == 0);
	os_sim_file(EVIDENCE_PSTORE "/dmesg-ramoops-1", "Panic#2 Part1\nfatal after all\n");
	gather("auto");
	assert_true(e.ev.crash_record);
}

TEST(parts_of_one_panic_count_once_in_any_order)
{
	uint64_t once;

	os_sim_file(EVIDENCE_PSTORE "/dmesg-efi_pstore-170001", PANIC);
	os_sim_file(EVIDENCE_PSTORE "/dmesg-efi_pstore-170002", "Panic#1 Part2\nolder\n");
	gather("auto");
	assert_int_equal(e.nrecords, 2);
	once = s.ps;
	os_sim_remove(EVIDENCE_PSTORE "/dmesg-efi_pstore-170002");
	gather("auto");
	EQUAL((e.ev.crash_record, false), (s.ps, once));
}

TEST(records_of_any_size_and_number_stay_within_bounds)
{
	static char big[90000];

	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, PANIC, strlen(PANIC));
	for (int i = 0; i < 200; i++)
		os_sim_file(strf(EVIDENCE_PSTORE "/dmesg-erst-%03d", i),
			    i == 0 ? big : "Panic#1 Part2\n");
	os_sim_log_level(LOG_LEVEL_WARNING);
	gather("auto");
	assert_true(e.ev.crash_record);
	assert_in_range(e.nrecords, 100, EVIDENCE_RECORDS_MAX);
	assert_in_range(strlen(os_sim_text(EVIDENCE_KEEP "/dmesg-erst-000")), 65000, 65535);
	evidence_forget(&e);
	gather("auto"); /* the rest */
	assert_false(e.ev.crash_record);
}

/* Where a zone has 128 KiB, the last words are behind the first 64. */
TEST(of_a_long_record_the_end_counts)
{
	static char big[131072], *const end = big + sizeof(big) - 10;

	memset(big, 'x', sizeof(big) - 1);
	memcpy(end, "\nthe last", 9);
	os_sim_file(CONSOLE_RECORD, big);
	gather("auto");
	has_text(&e.console, "the last");
	memcpy(big, PANIC, strlen(PANIC));
	os_sim_file(RECORD, big);
	gather("auto");
	assert_true(e.ev.crash_record);
	has_text(&e.panic, "the last");
}

TEST(pstore_that_cannot_be_mounted_says_nothing)
{
	os_sim_file(RECORD, PANIC);
	os_sim_fail("mount pstore", 1, KB_EPERM);
	gather("auto");
	assert_false(e.ev.can_report_panic || e.ev.crash_record);
	os_sim_fail("mount pstore", 0, KB_EBUSY); /* somebody mounted it before us */
	gather("auto");
	assert_true(e.ev.crash_record);
}

/* ---------------------------------------------------------------- the cookie */

TEST(cookie_tells_only_where_it_was_seen_to_outlive_a_reset)
{
	os_sim_file("/dev/pmsg0", "");
	gather("auto"); /* the first boot */
	assert_true(e.cookie_there && !e.cookie_found && !e.ev.cookie_lost && !s.warm);
	assert_int_equal(os_sim_count("write /dev/pmsg0 Keelboot was here"), 1);
	os_sim_file(EVIDENCE_PSTORE "/pmsg-ramoops-0", COOKIE); /* a warm reset */
	gather("auto");
	assert_true(e.cookie_found && !e.ev.cookie_lost && s.warm);
	os_sim_remove(EVIDENCE_PSTORE "/pmsg-ramoops-0"); /* power was gone */
	gather("auto");
	EQUAL((e.ev.cookie_lost, true), (s.warm, true), (reset_classify(&s, &e.ev), RESET_POWER));
	os_sim_remove("/dev/pmsg0"); /* a kernel without it */
	gather("auto");
	assert_false(e.ev.cookie_lost);
}

static size_t line_of(const char *prefix)
{
	const char *at = strstr(os_sim_trace(), prefix);

	if (at == NULL)
		fail_msg("no \"%s\" in\n%s", prefix, os_sim_trace());
	return (size_t)(at - os_sim_trace());
}

/* ramoops: whoever deletes the old record also empties the zone that is written to now. */
TEST(old_record_goes_before_the_new_cookie_is_left)
{
	os_sim_file("/dev/pmsg0", "");
	os_sim_file(PMSG_RECORD, COOKIE "and what the system said");
	gather("auto");
	assert_true(e.cookie_found);
	assert_null(os_sim_text(PMSG_RECORD)); /* nothing is left for systemd-pstore */
	EQUAL((os_sim_text(EVIDENCE_KEEP "/pmsg-ramoops-0"), COOKIE "and what the system said"));
	assert_true(line_of("unlink " PMSG_RECORD) < line_of("write /dev/pmsg0"));
	/* Somebody else's words are in the way as well. */
	os_sim_file(PMSG_RECORD, "somebody's");
	gather("auto");
	assert_false(e.cookie_found);
	assert_null(os_sim_text(PMSG_RECORD));
}

TEST(old_record_that_stays_is_told)
{
	os_sim_file("/dev/pmsg0", "");
	os_sim_file(PMSG_RECORD, COOKIE);
	os_sim_fail("unlink " PMSG_RECORD, 0, KB_EIO);
	gather("auto");
	EQUAL((e.cookie_found, true), (os_sim_count("# cookie: unable to delete " PMSG_RECORD), 1));
	assert_int_equal(os_sim_count("write /dev/pmsg0"), 1);
}

/* Nothing was read: that no cookie was found says nothing. */
TEST(no_cookie_is_missed_where_pstore_cannot_be_read)
{
	s.warm = true;
	os_sim_file("/dev/pmsg0", "");
	os_sim_fail("mount pstore", 0, KB_EPERM);
	gather("auto");
	assert_false(e.cookie_there || e.ev.cookie_lost);
}

TEST(console_of_the_kernel_does_as_well)
{
	os_sim_file(CONSOLE_RECORD, "[    0.0] Linux version");
	gather("auto");
	assert_true(e.cookie_there && e.cookie_found && s.warm && e.nrecords == 0);
	has_text(&e.console, "[    0.0] Linux version");
	/* Deleting it empties the memory: a line of this boot goes there. */
	assert_null(os_sim_text(CONSOLE_RECORD));
	assert_non_null(os_sim_text(EVIDENCE_KEEP "/console-ramoops-0"));
	assert_true(line_of("unlink " CONSOLE_RECORD) < line_of("# cookie: this line"));
}

TEST(records_are_left_alone_where_the_cookie_is_elsewhere)
{
	os_sim_file("/dev/pmsg0", "");
	os_sim_file(PMSG_RECORD, "somebody's");
	os_sim_file(CONSOLE_RECORD, "[    0.0] Linux version");
	gather("off");
	os_sim_file(MTD, "");
	os_sim_file("/sys/class/mtd/mtd0/type", "ram\n");
	gather(MTD);
	assert_non_null(os_sim_text(PMSG_RECORD));
	assert_non_null(os_sim_text(CONSOLE_RECORD));
	assert_int_equal(os_sim_count("write /dev/pmsg0"), 0);
}

TEST(memory_of_its_own)
{
	os_sim_file(MTD, "\xa5\x5a garbage");
	os_sim_file("/sys/class/mtd/mtd0/type", "ram\n");
	gather(MTD);
	assert_true(e.cookie_there && !e.cookie_found && !e.ev.cookie_lost);
	assert_string_equal(os_sim_text(MTD), COOKIE);
	gather(MTD);
	assert_true(e.cookie_found && s.warm);
	os_sim_file(MTD, "\xa5\x5a garbage");
	gather(MTD);
	assert_true(e.ev.cookie_lost);
}

TEST(nothing_but_memory_is_written_to)
{
	s.warm = true;
	os_sim_file(MTD, "the boot loader");
	os_sim_file("/sys/class/mtd/mtd0/type", "nor\n");
	gather(MTD);
	assert_string_equal(os_sim_text(MTD), "the boot loader");
	assert_int_equal(os_sim_count("# cookie: /dev/mtd0 is not memory"), 1);
	os_sim_file("/dev/vda", "disk");
	gather("/dev/vda");
	assert_string_equal(os_sim_text("/dev/vda"), "disk");
	gather("off");
	EQUAL((e.cookie_there, false), (e.ev.cookie_lost, false), (os_sim_count("write /dev"), 0));
}

TEST(command_line_names_the_cause_where_no_device_tree_does)
{
	line = "POR";
	gather("off");
	EQUAL((e.ev.power_cause, true), (e.ev.loader_watchdog, false));
	line = "WDG";
	gather("off");
	EQUAL((e.ev.power_cause, false), (e.ev.loader_watchdog, true));
	line = "";
	gather("off");
	EQUAL((e.ev.power_cause, false), (e.ev.loader_watchdog, false));
}

/* A word on the line may have been written there for good; the tree is made in each boot. */
TEST(device_tree_goes_before_the_command_line)
{
	os_sim_file(EVIDENCE_LOADER, "WDG");
	line = "POR";
	gather("off");
	EQUAL((e.ev.power_cause, false), (e.ev.loader_watchdog, true));
}

/* ---------------------------------------------------------------- the tables of STATE.md */

enum {
	W = 1,
	P = 2,
	C = 4,
	HARDWARE = 8,
	L = 8
}; /* tells of watchdog, of panic, of power; loader */

static const struct happened {
	const char *name, *loader; /* what that calls it */
	bool clean, panic, fired, power;
	const char *cause; /* a letter by what the hardware tells, and then the loader too */
} happened[] = {
	{ "power cut", "POR", .power = true, .cause = "???? PPPP PPPP PPPP" },
	{ "hang, then the plug is pulled", "POR", .power = true, .cause = "???? PPPP PPPP PPPP" },
	{ "hang, the watchdog fires", "WDG", .fired = true, .cause = "?C?C ?C?C CCCC CCCC" },
	{ "panic, the kernel restarts", "RST", .panic = true, .cause = "??CC ??CC ??CC ??CC" },
	{ "panic, the watchdog fires", "WDG", .panic = true, .fired = true,
	  .cause = "?CCC ?CCC CCCC CCCC" },
	{ "panic, then the plug is pulled", "POR", .panic = true, .power = true,
	  .cause = "??CC PPCC PPCC PPCC" },
	{ "orderly reboot, announced (`mark clean`)", "RST", .clean = true,
	  .cause = "---- ---- ---- ----" },
	{ "the same, but it hangs, the watchdog fires", "WDG", .clean = true, .fired = true,
	  .cause = "---- ---- ---- ----" },
	{ "the same, but the kernel panics", "RST", .clean = true, .panic = true,
	  .cause = "--CC --CC --CC --CC" },
	{ "orderly shutdown, announced, and power off", "POR", .clean = true, .power = true,
	  .cause = "---- ---- ---- ----" },
	{ "reset button, or a reboot that was not announced", "RST",
	  .cause = "???? ???? ???? ????" },
};

/* ? unknown, C crash, P power, - clean; in groups of four. */
static const char *cause_in(const struct happened *h, int hardware)
{
	switch (h->cause[hardware + hardware / 4]) {
	case 'C':
		return "crash";
	case 'P':
		return "power";
	case '-':
		return "clean";
	default:
		return "unknown";
	}
}

/* What such hardware would show of it; a panic's record in a memory that lost its power is the
 * case of a firmware's variables. */
static enum reset_cause cause_of(const struct happened *h, int hardware)
{
	struct evidence seen = {
		.ps = h->panic && hardware & P ? 0x1234 : 0,
		.cookie_there = hardware & C,
		.cookie_found = hardware & C && !h->power,
		.ev = { .watchdog_fired = h->fired && hardware & W,
			.can_report_watchdog = hardware & W,
			.can_report_panic = hardware & P },
	};

	if (hardware & L)
		evidence_boot_loader(&seen.ev, h->loader);
	states_open(&s);
	s.warm = hardware & C;
	s.clean = h->clean;
	evidence_weigh(&seen, &s);
	return reset_classify(&s, &seen.ev);
}

static void doc_has(const char *row)
{
	if (strstr(states_page(), row) == NULL)
		fail_msg("docs/STATE.md has no row\n%s", row);
}

static void check_row(const struct happened *h, int loader)
{
	char row[256];
	int n = snprintf(row, sizeof(row), "| %s |", h->name);

	for (int hw = loader; hw < loader + HARDWARE; hw++) {
		const char *cause = cause_in(h, hw);

		if (strcmp(reset_name(cause_of(h, hw)), cause) != 0)
			fail_msg("%s, hardware %d: not %s", h->name, hw, cause);
		n += snprintf(row + n, sizeof(row) - (size_t)n, " %s |", cause);
	}
	doc_has(row);
}

TEST(every_reset_on_every_hardware_is_a_row_of_the_page)
{
	for (unsigned i = 0; i < sizeof(happened) / sizeof(happened[0]); i++) {
		check_row(&happened[i], 0);
		check_row(&happened[i], L);
	}
}

TEST(every_word_of_the_boot_loader_is_a_row_of_the_page)
{
	static const struct {
		const char *word, *open, *closed;
	} words[] = {
		{ "POR", "power", "power" },	     { "BROWNOUT", "power", "power" },
		{ "THERM", "power", "power" },	     { "WDG", "crash", "unknown" },
		{ "RST", "unknown", "unknown" },     { "EXT", "unknown", "unknown" },
		{ "JTAG", "unknown", "unknown" },    { "WKE", "unknown", "unknown" },
		{ "unknown", "unknown", "unknown" },
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		os_sim_file(EVIDENCE_LOADER, words[i].word);
		states_open(&s);
		gather("off");
		assert_string_equal(reset_name(reset_classify(&s, &e.ev)), words[i].open);
		s.open = STATE_NONE;
		assert_string_equal(reset_name(reset_classify(&s, &e.ev)), words[i].closed);
		doc_has(strf("| `%s` | %s | %s |", words[i].word, words[i].open, words[i].closed));
	}
}

/* The boot loader, or whoever took its place, says what it likes. */
TEST(what_is_no_word_of_the_boot_loader_says_nothing)
{
	static const char *const noise[] = {
		"", "por", "POR ", "WDGX", "PORPORPORPORPORPORPORPOR", "\x01\x02%n%s", "\n"
	};

	for (unsigned i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		os_sim_file(EVIDENCE_LOADER, noise[i]);
		gather("off");
		assert_false(e.ev.power_cause || e.ev.loader_watchdog);
	}
}

/* A SoC that reboots by its watchdog: orderly reboots, as many as you like, cost nobody anything.
 */
TEST(boot_loader_that_calls_each_reboot_a_watchdogs_costs_no_slot_anything)
{
	struct state before;

	os_sim_file(EVIDENCE_LOADER, "WDG");
	states_set(&s, 0, STATE_GOOD, 10);
	s.last = 0;
	before = s;
	gather("off");
	reset_settle(&s, reset_classify(&s, &e.ev), true);
	assert_memory_equal(&s, &before, sizeof(s));
	states_open(&s);
	s.clean = true;
	gather("off");
	assert_int_equal(reset_classify(&s, &e.ev), RESET_CLEAN);
}

TEST(power_bits_of_the_watchdog_are_a_power_cut)
{
	struct evidence seen = { .ev = { .power_cause = true } };

	states_open(&s);
	evidence_weigh(&seen, &s);
	assert_int_equal(reset_classify(&s, &seen.ev), RESET_POWER);
	seen.ev.watchdog_fired = true;
	assert_int_equal(reset_classify(&s, &seen.ev), RESET_CRASH);
}

/* qcom and others: each restart is the watchdog's. A panic is one all the same. */
TEST(clean_beside_a_watchdog_that_fired_is_clean)
{
	struct evidence seen = { .ev = { .watchdog_fired = true, .can_report_watchdog = true } };

	states_open(&s);
	s.clean = true;
	evidence_weigh(&seen, &s);
	assert_int_equal(reset_classify(&s, &seen.ev), RESET_CLEAN);
	assert_true(evidence_is_doubtful(&seen, &s)); /* it may have hung: that is told */
	seen.ps = 7;
	evidence_weigh(&seen, &s);
	assert_int_equal(reset_classify(&s, &seen.ev), RESET_CRASH);
	assert_false(evidence_is_doubtful(&seen, &s));
	seen.ps = 0;
	s.clean = false; /* and without the flag a hang is a hang */
	evidence_weigh(&seen, &s);
	assert_int_equal(reset_classify(&s, &seen.ev), RESET_CRASH);
	assert_false(evidence_is_doubtful(&seen, &s));
	s.clean = true;
	s.open = STATE_NONE;
	evidence_weigh(&seen, &s);
	assert_false(evidence_is_doubtful(&seen, &s));
	states_open(&s);
	s.clean = true;
	seen.ev.watchdog_fired = false;
	evidence_weigh(&seen, &s);
	assert_false(evidence_is_doubtful(&seen, &s));
}

/* Shutdowns that hang give a trial its try back no more often than any other. */
TEST(shutdowns_that_hang_are_forgiven_while_there_is_grace)
{
	struct evidence seen = { .ev = { .watchdog_fired = true, .can_report_watchdog = true } };
	unsigned boots = 0;

	states_fresh(&s);
	states_set(&s, 0, STATE_GOOD, 1);
	states_set(&s, 1, STATE_TRIAL, 2);
	while (s.slot[1].st == STATE_TRIAL && boots < 100) {
		boots++;
		s.slot[1].tries--;
		s.open = 1;
		s.clean = true;
		evidence_weigh(&seen, &s);
		reset_settle(&s, reset_classify(&s, &seen.ev), true);
	}
	assert_int_equal(boots, STATE_TRIES + STATE_GRACE);
}

TEST(a_watchdog_that_is_not_believed_tells_nothing)
{
	struct wdt w = { .info = { .options = WDIOF_CARDRESET, .bootstatus = WDIOF_CARDRESET } };

	gather_with(&w, "off");
	assert_true(e.ev.watchdog_fired && e.ev.can_report_watchdog);
	conf.bootstatus = CONF_BOOTSTATUS_IGNORE;
	w.info.bootstatus |= WDIOF_POWERUNDER;
	gather_with(&w, "off");
	assert_false(e.ev.watchdog_fired || e.ev.can_report_watchdog || e.ev.power_cause);
	/* So auto counts. */
	assert_true(reset_charges_good_slots(CONF_COUNT_AUTO, &e.ev));
	assert_int_equal(os_sim_count("# watchdog: its report of the reset is ignored"), 1);
}

TEST(every_way_to_count_is_a_row_of_the_page)
{
	static const char *const names[] = { "auto", "always", "never" };
	static const bool want[3][4] = { { true, true, true, false },
					 { true, true, true, true },
					 { false, false, false, false } };

	for (int count = CONF_COUNT_AUTO; count <= CONF_COUNT_NEVER; count++) {
		char row[128];
		int n = snprintf(row, sizeof(row), "| `count=%s` |", names[count]);

		for (int hw = 0; hw < 4; hw++) {
			const struct reset_evidence ev = { .can_report_watchdog = hw & W,
							   .can_report_panic = hw & P };

			assert_int_equal(reset_charges_good_slots((enum conf_count)count, &ev),
					 want[count][hw]);
			n += snprintf(row + n, sizeof(row) - (size_t)n, " %s |",
				      want[count][hw] ? "counted" : "not");
		}
		doc_has(row);
	}
}

TEST_MAIN("evidence", .set_up = set_up)
