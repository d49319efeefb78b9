/* SPDX-License-Identifier: Apache-2.0 */
/* The folder as the root of a device that trusts one key, and a key that it does not know. */
#pragma once

#include "cli/key/key_file.h"
#include "tests/unit/folder.h"

static struct key_file key, stranger;

static inline void make_keys(void)
{
	folder_make();
	folder_run("mkdir -p etc/keelboot/keys");
	OK(key_file_generate(folder_at("k"), KEYRING_ED25519, &key));
	OK(key_file_generate(folder_at("s"), KEYRING_ED25519, &stranger));
	folder_run("mv k.pem etc/keelboot/keys");
}

static inline void remove_keys(void)
{
	key_file_free(&key);
	key_file_free(&stranger);
	folder_remove();
}
