/* SPDX-License-Identifier: Apache-2.0 */
/* The prober's two cages: its own, and the narrower one of the worker that reads the disk. */
#pragma once

#include "lib/err.h"

/*
 * For the prober, which holds open what it looks at (dev) and where it answers: from here on a
 * stranger's bytes decide what happens. It may still start workers. KB_EPERM after a message.
 */
enum kb_err prober_cage_enter(int dev, int answer, unsigned budget_ms) KB_MUST_CHECK;

/*
 * For a worker: it may read dev, ask how large it is, take memory, write to `say`, and end; the
 * kernel kills it for anything else. On a kernel without seccomp filters only the rights are gone:
 * a device has to boot on it nevertheless. KB_EPERM.
 */
enum kb_err prober_cage_worker(int dev, int say, unsigned budget_ms) KB_MUST_CHECK;
