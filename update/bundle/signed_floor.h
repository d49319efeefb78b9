/* SPDX-License-Identifier: Apache-2.0 */
/* What the manifests in the state partition vouch for, of which only they are signed. */
#pragma once

#include "selector/store.h"
#include "update/keys/keyring.h"
#include "update/bundle/reader.h"

/*
 * As reader_open(), of a slot's manifest cell that store_manifest_read() gave. Close it in any
 * case.
 */
enum kb_err signed_floor_open(struct reader *r, const void *blob, size_t len,
			      const struct keyring *keys) KB_MUST_CHECK;

/*
 * What a floor that this device has learned cannot exceed: the highest sequence of the slots'
 * manifests, of those that a trusted or retired key signed for it, one of them whatever
 * keys->required says; 0: of none. A release names no floor above its own sequence, and below the
 * floor nothing is installed.
 */
uint64_t signed_floor_bound(struct store *st, const struct keyring *keys, const char *compatible);
