/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL as these programs want it: what it does is decided when they are built. It reads no
 * configuration, neither the file that $OPENSSL_CONF names nor the host's openssl.cnf: such a file
 * can load code into the process that checks signatures, or take SHA-256 away from it.
 */
#pragma once

#include <stdbool.h>

/* To be called before anything else of OpenSSL, by every program that links it. */
bool ossl_alone(void); /* false: out of memory */
