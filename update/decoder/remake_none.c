/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the compressors: see RECOMPRESS in the Makefile. */
#include "update/decoder/remake_pack.h"

const struct remake_library *const remake_libraries[REMAKE_PACKERS] = { 0 };
