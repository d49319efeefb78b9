/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time a watchdog really counts. A driver may take a time that its hardware has not: bcm2835
 * writes seconds into a register of 4 bits, so that 60 s are 12, and 64 s are a reset at once.
 * Drivers that tell how much is left are asked.
 */
#pragma once

/*
 * The longest time up to (about) wanted_s of a hardware whose register cuts off what it cannot
 * hold; 0: nothing is cut off, as far as can be seen. Only for drivers that tell how much is left.
 * Another time is set afterwards: the caller sets the one that it wants. No time that is set here
 * is one of which such a register would make 0.
 */
unsigned wdt_time_cut(int fd, unsigned wanted_s);

/*
 * The longest time up to wanted_s, or what the driver rounds it to, that it takes; now_s, which it
 * has, where it takes none. At most 20 calls. Another time may be set afterwards.
 */
unsigned wdt_time_longest(int fd, unsigned now_s, unsigned wanted_s);
