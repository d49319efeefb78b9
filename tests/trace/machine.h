/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device that the traces boot: one disk vda with state, two good slots and data, an i6300esb,
 *and the whole shipped boot on top. A test changes `machine` or the simulation, boots, and looks.
 *
 *	machine.disk.part[2].fstype = NULL;
 *	machine_put(machine_trial());
 *	machine_boots_as("name", 'a');
 */
#pragma once

#include "tests/unit/states.h"

#include "lib/log.h"
#include "selector/store.h"
#include "tests/sim/bdev_sim.h"
#include "tests/sim/board.h"
#include "tests/sim/trace.h"

#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB	   (1ull << 20)
#define STATE_DEV  "/dev/vda1"
#define SLOT_A_DEV "/dev/vda2"
#define SLOT_B_DEV "/dev/vda3"
#define VDA_PATH   "/devices/pci0000:00/0000:00:04.0/virtio1/block/vda"
#define STICK_PATH "/devices/pci0000:00/0000:00:05.0/usb1/1-1/1-1:1.0/host0/block/sda"

static struct machine {
	const char *cmdline, *conf; /* conf NULL: no system.conf */
	bool no_pstore, no_disk, no_watchdog, no_state_bdev, no_helper;
	bool has_state;	     /* else machine_boot() puts machine_good() */
	const char *init[2]; /* of the slots; NULL: none */
	struct os_wdt_info watchdog;
	struct os_sim_disk disk;
	struct cut_disk state; /* the state partition; stays through machine_restart() */
	struct boot boot;
} machine;

static inline void machine_defaults(void)
{
	machine.cmdline = "console=ttyS0 quiet\n";
	machine.conf = "[system]\ncompatible=trace\n";
	machine.init[0] = machine.init[1] = "/sbin/init";
	machine.watchdog = board_watchdog();
	machine.disk = board_disk("vda", 64 * MIB);
	machine.disk.part[0].size = 16 * MIB;
	machine.disk.part[machine.disk.nparts++] =
		(struct os_sim_part){ .partlabel = "data", .size = 64 * MIB, .fstype = "ext4" };
}

static inline void machine_set_up(void)
{
	memset(&machine, 0, sizeof(machine));
	machine_defaults();
	bdev_sim_init(&machine.state, STORE_MIN_SIZE);
	os_sim_reset();
}

static inline void machine_tear_down(void)
{
	cut_disk_free(&machine.state);
}

/* The same device, reset: what was not durable is gone, the next machine_boot() traces anew. */
static inline void machine_restart(void)
{
	bdev_sim_cut(&machine.state, 0);
	os_sim_reset();
}

/* Another device, as machine_set_up() leaves it. */
static inline void machine_anew(void)
{
	machine_tear_down();
	machine_set_up();
}

/* Makes s the newest record of both regions, as an earlier boot would have left it. */
static inline void machine_put(struct state s)
{
	enum store_finding found;
	struct state old;
	struct store st;

	OK(store_load(&st, &machine.state.bdev, &old, &found));
	OK(store_save_both(&st, &s));
	bdev_sim_cut(&machine.state, 1);
	machine.has_state = true;
}

/* Its state partition stays blank. */
static inline void machine_blank(void)
{
	machine.has_state = true;
}

/* As a program on the device reads it. */
static inline struct state machine_load(struct store *st)
{
	enum store_finding found;
	struct state s;

	OK(store_load(st, &machine.state.bdev, &s, &found));
	assert_int_equal(found, STORE_FOUND);
	return s;
}

/* What is durable on the state partition. */
static inline struct state machine_get(void)
{
	static struct cut_disk after;
	enum store_finding found;
	struct state s;
	struct store st;

	bdev_sim_init(&after, STORE_MIN_SIZE);
	bdev_sim_copy(&after, &machine.state);
	OK(store_load(&st, &after.bdev, &s, &found));
	assert_int_equal(found, STORE_FOUND);
	cut_disk_free(&after);
	return s;
}

/* Slot a is good, preferred, 1.0; slot b is good, 0.9. */
static inline struct state machine_good(void)
{
	struct state s;

	states_fresh(&s);
	states_set(&s, 0, STATE_GOOD, 10);
	states_set(&s, 1, STATE_GOOD, 9);
	state_set_text(s.slot[0].version, "1.0");
	state_set_text(s.slot[1].version, "0.9");
	return s;
}

/* Slot a is good, 1.0; slot b is on trial, preferred, 2.0. */
static inline struct state machine_trial(void)
{
	struct state s = machine_good();

	states_set(&s, 1, STATE_TRIAL, 20);
	state_set_text(s.slot[1].version, "2.0");
	s.pref = 1;
	return s;
}

/* Its boot ended without a verdict, and left it so many tries. */
static inline struct state machine_trial_ended(uint8_t tries)
{
	struct state s = machine_trial();

	s.slot[1].tries = tries;
	s.open = 1;
	s.open_token = 7;
	return s;
}

/* As machine_good(); but neither slot boots by itself. */
static inline struct state machine_both_bad(void)
{
	struct state s = machine_good();

	s.slot[0].st = s.slot[1].st = STATE_BAD;
	return s;
}

/* As machine_good(), and an update is staged. */
static inline struct state machine_staged(void)
{
	struct state s = machine_good();

	s.staged.source = STATE_SRC_DATA;
	return s;
}

static inline void machine_lay_out(void)
{
	const struct board d = {
		.cmdline = machine.cmdline,
		.conf = machine.conf,
		.disk = machine.disk,
		.slot = { SLOT_A_DEV, SLOT_B_DEV },
		.init = { machine.init[0], machine.init[1] },
		.watchdog = machine.watchdog,
		.no_pstore = machine.no_pstore,
		.no_disk = machine.no_disk,
		.no_watchdog = machine.no_watchdog,
	};

	os_sim_file("/proc/sys/kernel/panic_on_oops", "0\n");
	/* others start it, whether it is there or not */
	if (machine.conf != NULL && strstr(machine.conf, "kind=kexec") != NULL &&
	    !machine.no_helper)
		os_sim_exec(BOOT_HELPER);
	board_lay_out(&d);
	if (!machine.no_state_bdev)
		os_sim_bdev(STATE_DEV, &machine.state.bdev);
}

static inline enum os_sim_end machine_boot(void)
{
	static char *argv[] = { (char *)"/init", (char *)"single", NULL };
	static char *envp[] = { (char *)"HOME=/", (char *)"TERM=linux", NULL };

	if (!machine.has_state)
		machine_put(machine_good());
	machine_lay_out();
	memset(&machine.boot, 0, sizeof(machine.boot));
	machine.boot.argv = argv;
	machine.boot.envp = envp;
	return board_boot(&machine.boot);
}

/* It boots, and this slot runs. */
static inline void machine_boots(char slot)
{
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_int_equal(os_sim_text("/run/keelboot/slot")[0], slot);
}

/* The same, and the trace is this golden one. */
static inline void machine_boots_as(const char *golden, char slot)
{
	machine_boots(slot);
	trace_expect(golden);
}

static inline void machine_reboots_as(const char *golden)
{
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	trace_expect(golden);
}

/* Where in the trace the first line that begins with prefix stands; fails without one. */
static inline size_t machine_line(const char *prefix)
{
	const char *trace = os_sim_trace(), *at = trace;

	for (; *at != '\0'; at = strchr(at, '\n') + 1) {
		if (strncmp(at, prefix, strlen(prefix)) == 0)
			return (size_t)(at - trace);
	}
	print_error("%s", trace);
	fail_msg("the trace has no line \"%s…\"", prefix);
	return 0;
}

#define assert_order(a, b)  assert_true(machine_line(a) < machine_line(b))
#define assert_absent(line) assert_int_equal(os_sim_count(line), 0)
#define assert_once(line)   assert_int_equal(os_sim_count(line), 1)

/* That boot.json has this text in it. */
static inline void machine_told(const char *text)
{
	const char *json = os_sim_text("/run/keelboot/boot.json");

	assert_non_null(json);
	if (strstr(json, text) == NULL)
		fail_msg("boot.json has no %s: %s", text, json);
}

/* A stick on USB: a bare vfat, or with the labels of the device. */
static inline struct os_sim_disk machine_stick(void)
{
	return (struct os_sim_disk){
		.name = "sda",
		.path = STICK_PATH,
		.size = 64 * MIB,
		.removable = true,
		.fstype = "vfat",
	};
}

/* Into a port that is there from the start. */
static inline void machine_plug(struct os_sim_disk stick)
{
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_disk(&stick);
}

/* Programs that the boot starts do this. */
static inline void machine_child(struct os_sim_child c)
{
	os_sim_child(&c);
}

/* One with this word among its own, or with any (NULL), says a text, and ends. */
static inline void machine_child_says(const char *argv0, const char *arg, const char *text,
				      int exit_code)
{
	machine_child((struct os_sim_child){ .argv0 = argv0,
					     .arg = arg,
					     .say = { { 10, text, 0 } },
					     .duration_ms = 20,
					     .status = exit_code << 8 });
}
