/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation as part of the file that includes this. Unit tests are linked with the real kernel
 * seam in front; those that want the simulated one bring it themselves.
 */
#pragma once

#include "tests/sim/os_sim.c"
#include "tests/sim/os_sim_bdev.c"
#include "tests/sim/os_sim_calls.c"
#include "tests/sim/os_sim_dev.c"
#include "tests/sim/os_sim_files.c"
#include "tests/sim/os_sim_label.c"
#include "tests/sim/os_sim_room.c"
#include "tests/sim/os_sim_module.c"
#include "tests/sim/os_sim_proc.c"
