/* SPDX-License-Identifier: Apache-2.0 */
/* All faults of all stories, each in a process of its own, and what came of them. */
#pragma once

int ioerr_sweep_main(int argc, char **argv);
