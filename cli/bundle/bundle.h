/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `keelboot bundle …`; argv[0] is "bundle". Returns the exit code. */
int bundle_main(int argc, char **argv);

/* Its verbs; argv[0] is the verb. */
int bundle_create_main(int argc, char **argv);
int bundle_sign_main(int argc, char **argv);
int bundle_verify_main(int argc, char **argv);
int bundle_inspect_main(int argc, char **argv);
int bundle_extract_main(int argc, char **argv);
