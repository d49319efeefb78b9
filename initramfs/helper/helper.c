/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper programs of the boot in one file, distinguished by the name that they are started
 * under: one static program with OpenSSL, zstd and libblkid is a quarter of the size of four.
 */
#include "initramfs/data/data_verbs.h"
#include "initramfs/kexec/kexec_main.h"
#include "initramfs/prober/prober.h"
#include "initramfs/tpm/tpm_main.h"
#include "lib/bootlog.h"
#include "selector/loader/loader_main.h"
#include "update/apply/apply.h"
#include "update/apply/apply_cage.h"
#include "update/apply/apply_lend.h"
#include "update/decoder/decoder_main.h"
#include "update/crypto/ossl.h"
#include "update/verify/verify_slot.h"

#include <stdio.h>
#include <string.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int apply_program(int argc, char **argv)
{
	apply_lend_begin(argc, argv);
	if (apply_cage_enter() != KB_OK || !ossl_alone())
		return APPLY_FAILED;
	return apply_main(argc, argv);
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? base_name(argv[0]) : "";

	if (strcmp(name, "keelboot-apply") == 0 || strcmp(name, "keelboot-verify") == 0)
		bootlog_inherit();
	if (strcmp(name, "keelboot-apply") == 0)
		return apply_program(argc, argv);
	if (strcmp(name, "keelboot-decoder") == 0)
		return decoder_main();
	if (strcmp(name, "keelboot-data") == 0)
		return data_verbs_main(argc, argv);
	if (strcmp(name, "keelboot-prober") == 0)
		return prober_main(argc, argv);
	if (strcmp(name, "keelboot-verify") == 0)
		return ossl_alone() ? verify_slot_main(argc, argv) : VERIFY_SLOT_FAILED;
	if (strcmp(name, "keelboot-loader") == 0)
		return loader_main(argc, argv);
	if (strcmp(name, "keelboot-kexec") == 0)
		return kexec_main(argc, argv);
	if (strcmp(name, "keelboot-tpm") == 0)
		return tpm_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "loader") == 0)
		return loader_main(argc - 1, argv + 1);
	fprintf(stderr,
		"keelboot-helper: started as \"%s\"; it is keelboot-apply, keelboot-data, keelboot-decoder, keelboot-kexec, keelboot-loader, keelboot-prober, keelboot-tpm or keelboot-verify, and process 1 or the keelboot command starts it\n",
		name);
	return 3;
}
