/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cage of a process that reads what a stranger wrote: first every right goes, for good, then
 * every system call but those of a list. A process enters it by itself, when it holds open what it
 * works on.
 */
#pragma once

#include "lib/cage_calls.h"
#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

/* The sanitizers reserve terabytes of addresses, and use none of them; and they make calls of their
 * own, for which there is a rule. */
#if defined(__SANITIZE_ADDRESS__)
#define CAGE_MEMORY(bytes) UINT64_MAX
#define CAGE_SANITIZER	   { SYS_sigaltstack, CAGE_ALWAYS, 0, 0 },
#define CAGE_TRACED	   true /* at its end, by the one that looks for leaks */
#else
#define CAGE_MEMORY(bytes) (bytes)
#define CAGE_SANITIZER
#define CAGE_TRACED false
#endif

/* Users of their own, which nobody else has: what one of them is taken over for cannot even send a
 * signal to another. */
#define CAGE_USER_DECODER 65532u
#define CAGE_USER_PROBER  65533u

#define CAGE_KEEP_MAX  6u
#define CAGE_RULES_MAX 96u

struct cage {
	/* begins the messages: "decoder" */
	const char *who;
	/* that root becomes; its group has the same number */
	unsigned user;
	/* bytes of addresses: CAGE_MEMORY() */
	uint64_t memory;
	unsigned cpu_s;
	/* of this user, this one included; 0: it cannot fork */
	unsigned processes;
	/* descriptors must be below this number from now on */
	unsigned files;
	unsigned nkeep;
	/* the descriptors that stay open, ascending */
	int keep[CAGE_KEEP_MAX];
};

/*
 * Gives up, for good: all descriptors but some; the file system (the root becomes a folder that is
 * deleted already). Also new privileges, capabilities (the bounding set too), and user and groups
 * when root. Also files to write, core dumps, locked memory, and what struct cage bounds. The
 * process cannot be traced, and dies with its parent. Logs what cannot be given up: KB_EPERM;
 * nothing may be read then.
 */
enum kb_err cage_enter(const struct cage *c) KB_MUST_CHECK;

/* A looser one, for a process that cannot do without rights. */
struct cage_open {
	const char *who;
	/* 1 << CAP_*: those that it keeps, if it has them */
	uint64_t capabilities;
	/* bytes of addresses: CAGE_MEMORY() */
	uint64_t memory;
	/* descriptors must be below this number from now on */
	unsigned files;
};

/*
 * Gives up, for good: new privileges, all other capabilities (in the bounding set too, so that no
 * program that it starts gets them back), core dumps, locked memory, and what struct cage_open
 * bounds; cannot be traced. User, file system and descriptors stay. The number of processes is
 * bounded for no root, and a size of files for no disk, so they are not here. Logs what cannot be
 * given up: KB_EPERM.
 */
enum kb_err cage_enter_open(const struct cage_open *c) KB_MUST_CHECK;

enum cage_when {
	CAGE_ALWAYS,
	CAGE_EQUAL,   /* if the argument is the value; several such rules for a call are an "or" */
	CAGE_WITHOUT, /* if the argument has none of the value's bits */
	CAGE_ABSENT,  /* not made, but answered: by the errno `value`, or ENOENT if that is 0 */
	CAGE_NEVER,   /* kills, whatever follows */
};

struct cage_rule {
	/* SYS_* */
	long call;
	enum cage_when when;
	/* from 0; its lower half, which is all that an int is */
	unsigned arg;
	uint32_t value;
};

/*
 * From now on the kernel kills this process for every system call that no rule allows. To be called
 * after cage_enter(). KB_ENOENT: this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER);
 * KB_EPERM: it has them, and refuses. Logs nothing: there may be no descriptor to log to.
 */
enum kb_err cage_filter(const struct cage_rule *rules, size_t n) KB_MUST_CHECK;

/* The other way round: a call that no rule is about is allowed. Those of another calling convention
 * of this processor kill nevertheless: they have other numbers; and those that are younger than the
 * rules (Linux 6.1) are absent, ENOSYS, since they may be another way to what is forbidden. */
enum kb_err cage_forbid(const struct cage_rule *rules, size_t n) KB_MUST_CHECK;
