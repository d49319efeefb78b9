/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A passphrase that a person types, or a server that has the key, takes longer than a watchdog
 * counts. Where the initramfs may ask for one, a process of its own feeds the watchdog between the
 * calls, until [initramfs] unlock-timeout= has passed since the kernel's start. So a hang of the
 * kernel is ended as soon as ever, and one of the initramfs at the end of that time.
 */
#pragma once

#include "initramfs/boot_data.h"
#include "initramfs/export.h"

/* Of pack.sh: this initramfs may ask. */
#define UNLOCK_FILE	  "/etc/keelboot/unlock"
#define UNLOCK_PROGRAM	  "/usr/lib/keelboot/keelboot-select"
/* The process is there, and has the watchdog; it removes the file when it has closed it. */
#define UNLOCK_FEEDS_FILE EXPORT_DIR "/feeds"
/* It is to end. */
#define UNLOCK_STOP_FILE  EXPORT_DIR "/feeds.stop"

/* A call begins, and is going to open the watchdog: that process ends. Waits 3 s at most. */
void unlock_begin(void);

/* A call is over: the watchdog counts on, fed by that process if something may be asked for. */
void unlock_leave(struct boot *b);

/* That process: feeds until it is to end, or the time is over; then the watchdog counts on. */
void unlock_feed(struct boot *b);

/*
 * Waits for the slots that somebody has to open, and feeds the watchdog: to the end of that time
 * where none is open, and [system] timeout= after the last that was opened.
 */
void unlock_await(struct boot *b);
