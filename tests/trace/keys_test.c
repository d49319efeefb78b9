/* SPDX-License-Identifier: Apache-2.0 */
/* What process 1 says of the keys that its image has. */
#include "lib/util.h"
#include "tests/trace/kexecs.h"
#include "tests/trace/machine.h"
#include "update/wire/keyring_pem.h"

#define KEYS	  "/etc/keelboot/keys/"
#define PEM(text) "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA" text "\n-----END PUBLIC KEY-----\n"

/* docs/examples/keys/development.pem; and two that nobody has published. */
static const char development[] = PEM("8g2FincI2OSb79FBSzON32KwhfUJizzIbB4eBsupHhs=");
static const char one[] = PEM("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
static const char two[] = PEM("AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

static void boot_good(void)
{
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
}

static unsigned marks(const char *which)
{
	const char *json = os_sim_text("/run/keelboot/boot.json"), *at = strstr(json, which), *end;
	unsigned quotes = 0;

	assert_non_null(at);
	at = strchr(at, '[');
	end = strchr(at, ']');
	for (; at < end; at++)
		quotes += *at == '"';
	return quotes / 2;
}

/* Threat 10: a device that anybody can update says so on its console at each boot. */
TEST(published_key_is_an_error_on_the_console_and_a_warning_for_the_system)
{
	os_sim_file(KEYS "release.pem", development);
	boot_good();
	assert_once(
		"# INSECURE: anybody can sign updates for this device: its key release.pem is the development key of Keelboot's examples");
	machine_told("\"published\":\"the development key of Keelboot's examples\"");
	machine_told(
		"\"warnings\":[{\"id\":\"key-published\",\"text\":\"the initramfs trusts release.pem, which is the development "
		"key");
	assert_int_equal(marks("\"trusted\""), 1);
}

TEST(one_of_two_signatures_is_not_an_update)
{
	os_sim_file(KEYS "release.pem", development);
	machine.conf = "[keyring]\nsignatures-required=2\n";
	boot_good();
	assert_once(
		"# INSECURE: anybody can make one of the signatures that this device requires: its key release.pem is the development key");
	machine_told(
		"it is published, and anybody can make one of the signatures that this device requires\"");
}

TEST(keys_of_ones_own_are_told_by_their_marks)
{
	os_sim_file(KEYS "a.pem", one);
	os_sim_file(KEYS "b.pem", two);
	os_sim_file(KEYS "same-again.pem", one);
	os_sim_file(KEYS "notes.txt", two);
	os_sim_file(KEYS "junk.pem", "no key");
	boot_good();
	assert_absent("# INSECURE");
	EQUAL((marks("\"trusted\""), 2), (marks("\"retired\""), 0));
	machine_told("\"warnings\":[]");
}

/* A healthy boot verifies nothing, so nobody else would notice. */
TEST(file_that_should_be_a_key_and_is_none_is_told_at_each_boot)
{
	os_sim_file(KEYS "a.pem", one);
	os_sim_file(KEYS "torn.pem", "-----BEGIN PUBLIC KEY-----\nMCow\n");
	boot_good();
	assert_once("# keyring: torn.pem is not " KEYRING_PEM_WANTED
		    ": what that key signed is not installed; replace it");
	machine_anew();
	os_sim_file(KEYS "torn.pem", "-----BEGIN PUBLIC KEY-----\nMCow\n");
	boot_good();
	assert_once("# keyring: torn.pem is not " KEYRING_PEM_WANTED ": no update is installed");
}

/* One that is retired is trusted by nobody, wherever it also lies, however its file is called; and
 * what is no key there leaves none trusted: see keyring_load(). */
TEST(all_that_is_among_the_retired_counts)
{
	static const char *const retired[] = { "retired.d/old.pem", "retired.d/old.pub" };
	static const char *const spoil[] = { "retired.d/why.txt", "retired.d/.keep" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(retired); i++) {
		machine_anew();
		os_sim_file(KEYS "a.pem", one);
		os_sim_file(KEYS "old.pem", development);
		os_sim_file(strf(KEYS "%s", retired[i]), development);
		boot_good();
		assert_absent("# INSECURE");
		EQUAL((marks("\"trusted\""), 1), (marks("\"retired\""), 1));
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(spoil); i++) {
		machine_anew();
		os_sim_file(KEYS "a.pem", one);
		os_sim_file(strf(KEYS "%s", spoil[i]), "lost in 2020");
		boot_good();
		assert_null(strstr(os_sim_text("/run/keelboot/boot.json"), "\"keys\""));
	}
}

TEST(image_without_keys_says_nothing_of_them)
{
	boot_good();
	assert_null(strstr(os_sim_text("/run/keelboot/boot.json"), "\"keys\""));
}

/* By kexec it is the first kernel that judges bundles, and no file of it outlives the start of the
 * second: the command line does. */
TEST(first_kernel_says_on_the_line_of_the_second_which_keys_it_trusts)
{
	static const struct {
		const char *key, *conf, *says;
	} cases[] = {
		{ one, CONF, "bbe25807,864488cc" },
		{ NULL, CONF, "none" },
		{ one, CONF "[system]\ncommand-line=keelboot.pair,panic\n", "" },
		{ one, CONF "[system]\ncommand-line=keelboot.pair,keelboot.base-keys\n",
		  "bbe25807,864488cc" },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		machine_anew();
		machine.conf = cases[i].conf;
		if (cases[i].key != NULL) {
			os_sim_file(KEYS "a.pem", cases[i].key);
			os_sim_file(KEYS "b.pem", two);
		}
		machine_child_says(CHILD, NULL, "", KEXEC_LOADED);
		machine_put(machine_good());
		assert_int_equal(machine_boot(), OS_SIM_KEXEC);
		assert_once(strf(LOADS " a    %s\n", cases[i].says));
	}
}

TEST_MAIN("trace of the keys", .set_up = machine_set_up, .tear_down = machine_tear_down)
