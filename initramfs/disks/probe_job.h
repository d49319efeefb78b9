/* SPDX-License-Identifier: Apache-2.0 */
/* The prober processes of a struct probe: started, read, held to their deadline, reaped. Only
 * probe.c uses this. */
#pragma once

#include "initramfs/disks/probe.h"

/* Starts probers for the disks that want one, as long as there is room: for what may be the
 * device's own first. */
void probe_job_start(struct probe *p);

/* The disk wants a prober; where none can be had for three times the deadline it is unreadable. */
void probe_job_queue(struct probe_disk *d);

/* wait_ms, or less: until the next of these deadlines. */
unsigned probe_job_wait(const struct probe *p, unsigned wait_ms);

/* Reads what a prober has sent; takes in the answer when it is complete. */
void probe_job_read(struct probe *p, struct probe_job *j);

/* Gives up probers that are beyond their deadline; reaps those that have ended. */
void probe_job_expire(struct probe *p);

/* Whatever is under way for this disk is of no interest any more. */
void probe_job_cancel(struct probe *p, const struct probe_disk *d);

/* Kills and reaps all that are left, within a bound. */
void probe_job_end(struct probe *p);
