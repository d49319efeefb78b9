/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `keelboot fleet …`: keelboot-fleet(8), a program of its own, which alone knows of networks;
 * argv[0] is "fleet". Returns the exit code; on success that has taken the place of this program.
 */
int fleet_verb_main(int argc, char **argv);
