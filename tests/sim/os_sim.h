/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel seam, simulated: a small fixture of files, devices, children and time instead of a
 * machine, and a trace of what was done to it.
 *
 * A golden trace test reads
 *
 *	os_sim_reset();
 *	os_sim_disk(&disk); os_sim_bdev("/dev/vda1", &mem); os_sim_child(&apply); …
 *	boot(&b);
 *	trace_expect("update-from-data");            (tests/sim/trace.h)
 *
 * Calls that change something are lines ("mount /dev/vda2 /sysroot ext4 ro", with " = why" behind
 *one that failed); calls that only ask are not. Log lines stand between them ("# slot b, …"). Time
 *is virtual and passes only in waits. The watchdog is real enough to fire: who opens it has to feed
 * it. After the end (exec, reboot, watchdog) every call fails and nothing is traced any more.
 *
 * Everything given by pointer here is copied, if not said otherwise.
 */
#pragma once

#include "lib/bdev.h"
#include "lib/os.h"

/* ---------------------------------------------------------------- the run */
enum os_sim_end { OS_SIM_RUNS, OS_SIM_EXEC, OS_SIM_REBOOT, OS_SIM_WATCHDOG, OS_SIM_KEXEC };

/* A bare machine at time 0: no files, no devices, no watchdog. Logging goes to the trace. */
void os_sim_reset(void);
enum os_sim_end os_sim_ended(void);
/* What was done so far, a line for each call. */
const char *os_sim_trace(void);
/* Log lines up to this level are in the trace; default LOG_LEVEL_NOTICE. */
void os_sim_log_level(int level);
/* The kernel shows levels below this one on its consoles, as loglevel= has it; default: all. What
 * is written to the consoles is "> slot b, …" in the trace. */
void os_sim_loglevel(int level);
/* Times that something has been done: lines that begin with prefix. */
unsigned os_sim_count(const char *prefix);
/* Lets time pass. */
void os_sim_advance(unsigned ms);
/* Calls fn at that time, from inside of whatever waits then. */
void os_sim_at(unsigned at_ms, void (*fn)(void *ctx), void *ctx);
/* The nth call (from 1; 0: each) whose line begins with prefix fails with err. */
void os_sim_fail(const char *prefix, unsigned nth, enum kb_err err);
/* Asked at the beginning of each call that can fail, those that only ask included, by the name that
 * it has in lib/os.h without "os_": another answer than KB_OK is what it returns (false, where it
 * returns bool), and nothing happens. fn sets errno. Stays through os_sim_reset(); NULL: none. */
void os_sim_on_call(enum kb_err (*fn)(const char *call));
/* Where the command's signals go; NULL: nowhere. */
void os_sim_on_signal(void (*fn)(pid_t pid, int sig));
/* What a worker becomes, whatever its path; NULL: the program there. */
void os_sim_worker(int (*run)(void));
/* After OS_SIM_EXEC: the system that was started goes on in the same world. */
void os_sim_resume(void);

/* ---------------------------------------------------------------- files */
void os_sim_file(const char *path, const char *text);
void os_sim_copy(const char *path); /* the text that this machine has there */
void os_sim_exec(const char *path); /* an executable file */
void os_sim_link(const char *path, const char *target);
void os_sim_remove(const char *path); /* with all that is below it */
/* What a file holds now, also of those that were written; NULL: no such file. */
const char *os_sim_text(const char *path);
/* A file system on a device: mounting it as another type fails. */
void os_sim_fs(const char *dev, const char *fstype);
/* An executable (text NULL) or a file that is there while dev is mounted. path as from the root. */
void os_sim_fs_file(const char *dev, const char *path, const char *text);

/* ---------------------------------------------------------------- devices */
struct os_sim_part {
	const char *partlabel, *partuuid, *fstype, *label, *uuid; /* NULL: "" */
	uint64_t size;	 /* bytes; they follow each other from 1 MiB on */
	const char *pin; /* of a state partition: what the prober says that it is bound to */
	bool ambiguous;	 /* the prober sees several file systems, so none */
};

struct os_sim_disk {
	const char *name; /* "vda" */
	const char *path; /* "/devices/…/block/vda"; NULL makes one up */
	const char *wwid; /* NULL: none */
	uint64_t size;
	bool removable;
	const char *fstype; /* on the bare disk, when there are no partitions */
	unsigned nparts;
	struct os_sim_part part[8];
	unsigned at_ms;	    /* appears then, with uevents; 0: is there from the start */
	unsigned prober_ms; /* that its prober takes */
	bool gpt_backup;    /* the prober sees a damaged table, and a copy that is whole */
	bool member;	    /* of an array, in which its partitions lie */
	bool no_answer;	    /* no prober child is made for it: os_sim_child() does that */
};

/* Its nodes, its /sys, its uevents, its file systems, and what a prober says of it. */
void os_sim_disk(const struct os_sim_disk *d);
struct os_room;
/* What each file system has room for from now on; 1 of 2 GiB, any files. */
void os_sim_room(const struct os_room *room);
/* What its prober says from now on of the file system of a partition (from 0). */
void os_sim_disk_type(const char *name, unsigned part, const char *fstype);
/* Pulled out at that time. */
void os_sim_disk_gone(const char *name, unsigned at_ms);
/* A uevent as the kernel sends it. type "disk" or "partition". */
void os_sim_uevent(const char *action, const char *devpath, const char *type);
/* The same of a device for which no driver may be loaded yet. */
void os_sim_uevent_device(const char *devpath, const char *modalias);
/* How many uevent sockets may be opened; default 8. 0: the kernel has none. */
void os_sim_uevent_sockets(unsigned n);
/* What bdev_file_open(path) opens. Borrowed. Reads are not traced; writes and flushes are. */
void os_sim_bdev(const char *path, struct bdev *dev);
/* What it opens instead with BDEV_FILE_DIRECT, after os_sim_bdev() for the same path. */
void os_sim_bdev_direct(const char *path, struct bdev *dev);
/* What bdev_file_from_fd(fd) opens, for writing and past the page cache: the same as by that path.
 */
void os_sim_bdev_fd(int fd, const char *path);
/* This process is another one than the one that is traced: a copy of it after fork(). Its devices
 * are not traced, so it may have threads. */
void os_sim_bdev_quiet(void);
/* Asked whether what is on a device mounts at all, before its type is looked at. NULL: it does. */
void os_sim_mounts(bool (*fn)(const char *dev));
/* A watchdog with these properties; also makes its node. */
void os_sim_watchdog(const char *dev, const struct os_wdt_info *info);

/* Somebody else has it open now, as fd, and has just fed it. */
void os_sim_watchdog_held(int fd);
/* The longest time, in milliseconds, for which it was not fed since os_sim_reset(). */
uint64_t os_sim_watchdog_pause(void);

/* ---------------------------------------------------------------- modules */
/* How many processors there are; default 1. */
void os_sim_processors(unsigned n);
/* The init of this module takes so long, and its end is a line: "loaded PATH", or "left PATH" when
 * nobody waits for it any longer. 0: it never ends. */
void os_sim_module_takes(const char *path, unsigned ms);
/* Once this module is loaded, its device is there: fn makes it. */
void os_sim_module_brings(const char *path, void (*fn)(void));

/* ---------------------------------------------------------------- children */
/* After that: how it is odd. A limit is info's timeout_s. */
struct os_sim_wdt_quirks {
	unsigned step_s;     /* rounds up to multiples of it */
	unsigned fixed_s;    /* refuses every timeout; 0: does not */
	bool tells_nothing;  /* nor says what it has */
	unsigned longest_s;  /* refuses what is longer */
	bool tells_left;     /* how much it still counts; open leaves it with 15 s then */
	unsigned register_s; /* a mask: its register holds these bits of a time, the driver says all
			      */
	unsigned feeds_s;    /* the hardware counts no more, and the kernel feeds it between */
};
void os_sim_watchdog_quirks(const struct os_sim_wdt_quirks *q);
struct os_sim_say {
	unsigned at_ms; /* after the start */
	const void *text;
	size_t len; /* 0: strlen(text) */
};

struct os_sim_child {
	const char *argv0;	  /* of the program; required */
	const char *arg;	  /* one of its arguments; NULL: any */
	struct os_sim_say say[6]; /* on descriptor 3; up to the first NULL; texts are borrowed */
	unsigned duration_ms;
	int status;	    /* as from waitpid(): exit code << 8, or a signal */
	bool hangs;	    /* never ends by itself */
	unsigned closes_ms; /* closes descriptor 3 then; 0: when it ends */
	bool stuck;	    /* cannot even be killed */
	unsigned times;	    /* that many starts; 0: any number */
	/* Called when it ends by itself, with its arguments: does to the fixture what it is for. */
	void (*run)(void *ctx, const char *const *argv);
	void *ctx;
	const int *result; /* read after run(): its status instead of `status`; NULL: none */
};

/* The first that fits and has times left is taken. Without one, a program cannot be started. */
void os_sim_child(const struct os_sim_child *c);
