/* SPDX-License-Identifier: Apache-2.0 */
/* Shared between the files of the simulation only. */
#pragma once

#include "tests/sim/os_sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OS_SIM_FD  1000 /* descriptors from here on are ours */
#define OS_SIM_FDS 64

enum os_sim_fd_kind {
	OS_SIM_FD_FREE,
	OS_SIM_FD_FILE,
	OS_SIM_FD_READ,	 /* of a pipe */
	OS_SIM_FD_WRITE, /* of a pipe */
	OS_SIM_FD_UEVENT,
	OS_SIM_FD_WDT,
	OS_SIM_FD_MODULE,
};

struct os_sim_fd {
	enum os_sim_fd_kind kind;
	int peer;    /* of a pipe, as long as it is open */
	int proc;    /* of a pipe's reading end: the child that writes; -1 */
	size_t told; /* bytes that were read of what that child says */
	/* Of a module that is being loaded: when it is through, and how. */
	uint64_t due;
	enum kb_err result;
	int errnum;
	char what[96];
};

/* One line of the trace; applies os_sim_fail(). Returns that error, or `natural`; sets errno. */
enum kb_err os_sim_call(enum kb_err natural, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What os_sim_on_call() has to say about a call. */
enum kb_err os_sim_turn(const char *call);
/* Its turn, and then its line of the trace. */
#define OS_SIM_CALL(call, ...)                                     \
	__extension__({                                            \
		enum kb_err turn_ = os_sim_turn(call);             \
		turn_ != KB_OK ? turn_ : os_sim_call(__VA_ARGS__); \
	})
/* Words behind each other, each behind a space, in one line. */
void os_sim_join(char *out, size_t size, const char *const *words);
int os_sim_log_fd(void); /* a new descriptor of what stands for /dev/kmsg */
/* Levels that the kernel shows; a line that Keelboot writes to the consoles. */
extern int os_sim_console_below;
void os_sim_console_take(const char *line, size_t len);
bool os_sim_over(void);
void os_sim_finish(enum os_sim_end how);
uint64_t os_sim_now(void);
/* Goes to the next thing that happens, at most to `end`. */
void os_sim_pass(uint64_t end);

int os_sim_fd_new(enum os_sim_fd_kind kind);
struct os_sim_fd *os_sim_fd_get(int fd); /* NULL: not ours */

/* Files. */
enum os_sim_file_kind { OS_SIM_TEXT, OS_SIM_EXECUTABLE, OS_SIM_LINK_TO, OS_SIM_FOLDER };
void os_sim_put(const char *path, enum os_sim_file_kind kind, const char *text);
enum kb_err os_sim_check_mount(const char *source, const char *fstype);
void os_sim_do_mount(const char *source, const char *target);
void os_sim_do_switch_root(const char *target);
void os_sim_files_reset(void);

/* Modules. */
void os_sim_modules_reset(void);

/* Children. */
void os_sim_procs_reset(void);
uint64_t os_sim_procs_next(void); /* time of the next thing that one of them does */
void os_sim_procs_run(void);	  /* what is due */
bool os_sim_procs_readable(struct os_sim_fd *f);
void os_sim_wdt_check(void);
uint64_t os_sim_wdt_next(void);
void os_sim_dev_reset(void);
bool os_sim_uevent_pending(void);
void os_sim_bdev_reset(void);
void os_sim_room_reset(void);
/* What stands behind the descriptor of one that is open; NULL: nothing. */
struct bdev *os_sim_bdev_of(int fd);
