/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"

#include "cli/bundle/bundle.h"
#include "cli/channel/channel_cmd.h"
#include "cli/fleet/fleet_verb.h"
#include "cli/image/image.h"
#include "cli/key/key.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/crypto/ossl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	int (*run)(struct args *a, struct device_options *o);
	int (*main)(int argc,
		    /* a verb with verbs of its own, which reads all itself */
		    char **argv);
	/* in the list of verbs */
	const char *what;
	const char *usage;
};

static int version_cmd(struct args *a, struct device_options *o);
static int help_cmd(struct args *a, struct device_options *o);

static const char global_usage[] =
	"\nAnywhere on the line:\n"
	"  --state PATH           state partition or an image of it\n"
	"  --offset N, --size N   where in PATH it lies: bytes, or with K, M, G\n"
	"  --slot a:root=PATH     partition of a slot; may be repeated\n"
	"  --conf-root DIR        read system.conf and keys below DIR\n"
	"  --run-dir DIR          what the boot left; default " DEVICE_RUN_DIR "\n"
	"  --wait SECONDS         how long to wait for another command; default 10\n"
	"  -v, --verbose          print more on standard error\n";

static const struct verb verbs[] = {
	{ "status", status_cmd, NULL, "which slot runs, is it good, what happened last and why",
	  "Usage: keelboot status [--json]\n\n"
	  "Which slot runs, whether it is good, what happened last and why; then all slots,\n"
	  "what is staged, and how well the state record is. Writes nothing.\n\n"
	  "Example:  keelboot status --json | jq -r .booted.slot\n" },
	{ "mark", mark_cmd, NULL, "mark a slot as good or bad",
	  "Usage: keelboot mark good|bad [booted|other|SLOT] [--reason TEXT]\n"
	  "       keelboot mark clean\n\n"
	  "good  keeps the slot: ends its trial, commits its release, raises the floor.\n"
	  "bad   rejects the slot and its release; the next boot uses another slot.\n"
	  "clean reports that an orderly shutdown begins: a trial then has no deadline.\n"
	  "If nothing changes, that is no failure. The history keeps 200 letters of the reason.\n\n"
	  "Example:  keelboot mark bad --reason \"modem does not register\"\n" },
	{ "stage", stage_cmd, NULL, "check a bundle and leave it for the next boot to install",
	  "Usage: keelboot stage FILE [--by-fleet] [--progress=auto|bar|plain|json|none]\n"
	  "       keelboot stage --ranges|--index FILE\n\n"
	  "Verifies FILE, copies it to the data partition, reads the copy back, and has the\n"
	  "next boot install it. Only one bundle is staged at a time: a later call replaces it.\n"
	  "With --by-fleet, which keelboot-fleet says, its server may take back what it staged.\n"
	  "--ranges prints, as JSON, which bytes of it this device has to fetch, since its slots\n"
	  "have the rest. FILE may be a partial bundle that ends before the payload. --index says\n"
	  "whether FILE would be staged, which may still be coming: it has its manifest, at least,\n"
	  "and its tables are checked once they are here. Both stage nothing.\n\n"
	  "Example:  keelboot stage /tmp/release-2.0.keel && reboot\n" },
	{ "unstage", unstage_cmd, NULL, "forget what is staged",
	  "Usage: keelboot unstage [--by-fleet]\n\n"
	  "The next boot installs nothing from the data partition; the file is removed.\n"
	  "With --by-fleet, which keelboot-fleet says, what a person staged stays.\n\n"
	  "Example:  keelboot unstage\n" },
	{ "install", install_cmd, NULL, "install a bundle now, into the slot that is not in use",
	  "Usage: keelboot install FILE [--reboot] [--again]\n"
	  "                        [--progress=auto|bar|plain|json|none]\n\n"
	  "Verifies FILE and writes it to the slot that is neither running nor needed to fall\n"
	  "back to. The next boot tries it. --reboot restarts the machine at once;\n"
	  "--again installs a release that failed on this device before, or could not be written.\n\n"
	  "Example:  keelboot install release-2.0.keel --reboot\n" },
	{ "switch", switch_cmd, NULL, "choose the slot for the next boots",
	  "Usage: keelboot switch [SLOT|other] [--once] [--force]\n\n"
	  "Without SLOT, the other one of two. --once is for the next boot alone. A slot that\n"
	  "failed here needs --force: a bad one gets a new trial, a good one is trusted again;\n"
	  "with --once, it boots as it is. Nothing is rebooted.\n\n"
	  "Example:  keelboot switch --once && reboot\n" },
	{ "reset-data", reset_data_cmd, NULL, "make the data partition anew at the next boot",
	  "Usage: keelboot reset-data [--cancel]\n\n"
	  "The next boot deletes what is on the data partition, except what [data] keep= of\n"
	  "system.conf names and what is staged, and copies template= of the slot to it.\n"
	  "Slots stay as they are. --cancel takes that back, before it is done.\n\n"
	  "Example:  keelboot reset-data && reboot\n" },
	{ "history", history_cmd, NULL, "what happened, newest first",
	  "Usage: keelboot history [-n N] [--json]\n\n"
	  "Installs, verdicts, and the boots that changed something; newest first.\n\n"
	  "Example:  keelboot history -n 5\n" },
	{ "why", why_cmd, NULL, "why the last trial failed, with its last words",
	  "Usage: keelboot why [N] [--json]\n\n"
	  "What failed last, and what is kept of it: the check that failed, failed units, the\n"
	  "kernel's last lines. N: the Nth failure, 1 is the newest. Writes nothing.\n\n"
	  "Example:  keelboot why\n" },
	{ "check", check_cmd, NULL, "run the health checks of this device",
	  "Usage: keelboot check [--timeout SECONDS] [--json]\n\n"
	  "Runs each program in /usr/lib/keelboot/check.d and /etc/keelboot/check.d, in the order\n"
	  "of their names, then greenboot's in check/required.d and check/wanted.d of\n"
	  "/usr/lib/greenboot and /etc/greenboot. It fails if one does that is not only wanted.\n"
	  "A link to /dev/null switches its namesake off. It gives no verdict on the slot.\n\n"
	  "Example:  keelboot check && keelboot mark good\n" },
	{ "health", health_cmd, NULL, "check this boot, and mark it good or bad",
	  "Usage: keelboot health [migrate|check|commit|watch]\n\n"
	  "Runs the programs of a trial that migrate data, then the health checks. If they pass, it\n"
	  "waits for commit-after= of a trial, and marks the running slot good. If one fails, it\n"
	  "rejects a trial and restarts the machine. migrate, check and commit are its parts, which\n"
	  "systemd runs as services of their own; watch keeps what systemd knows for `keelboot why`,\n"
	  "shortly before the deadline of a trial.\n\n"
	  "Example:  keelboot health\n" },
	{ "guard", guard_cmd, NULL, "trials of a system whose images are not Keelboot's",
	  "Usage: keelboot guard [status] [--json]\n"
	  "       keelboot guard why\n"
	  "       keelboot guard begin|clean\n"
	  "       keelboot guard good\n"
	  "       keelboot guard bad [--reason TEXT]\n\n"
	  "For bootc, ostree and the like, with [guard] in system.conf. A deployment that was not\n"
	  "good yet is on trial. status says how the trial stands; why prints the last words of\n"
	  "the deployment that was rejected last. Services call begin, early in the boot, health,\n"
	  "and clean at a shutdown. good and bad are verdicts by hand; bad runs [guard] bad=.\n\n"
	  "Example:  keelboot guard status\n" },
	{ "measure", measure_cmd, NULL, "what a TPM will hold once a release has booted",
	  "Usage: keelboot measure [FILE|SLOT] [--tier TIER [--text]] [--pcr N]\n"
	  "                        [--compatible NAME] [--json]\n\n"
	  "With [measure] pcr= of system.conf, the boot measures what it chose. Prints the value\n"
	  "that the PCR has then, of the bundle FILE, or of what is in SLOT (default: booted), as\n"
	  "systemd-cryptenroll --tpm2-pcrs= takes it: when it runs as good, and on trial. TIER is\n"
	  "good, trial, bad, last-resort or forced. --text prints what is measured. --compatible\n"
	  "is for a FILE that is made for several kinds of devices. Writes nothing.\n\n"
	  "Example:  keelboot measure next.keel --tier good\n" },
	{ "loader", loader_cmd, NULL, "the boot loader itself, where there are two copies of it",
	  "Usage: keelboot loader [status] [--json]\n"
	  "       keelboot loader install FILE\n"
	  "       keelboot loader keep\n\n"
	  "For an eMMC with two copies of the boot loader, which copies= of system.conf names.\n"
	  "Status says which one it is set to, and which one runs. To install checks the bundle\n"
	  "FILE, whose only image is the loader. It writes the copy that does not run, reads it\n"
	  "back, and then sets the eMMC to it. To keep sets the eMMC to the copy that runs: the\n"
	  "other one did not start, or shall not.\n\n"
	  "Example:  keelboot loader install u-boot-2025.10.keel && reboot\n" },
	{ "doctor", doctor_cmd, NULL, "find what makes this device unsafe",
	  "Usage: keelboot doctor [--json] [--sys-root DIR]\n\n"
	  "Checks watchdog, kernel, state, slots, keys and staging, and says how to fix what it\n"
	  "finds. Fails if one of the findings is an error. Writes nothing.\n\n"
	  "Example:  keelboot doctor\n" },
	{ "check-config", check_config_cmd, NULL, "look for mistakes in system.conf",
	  "Usage: keelboot check-config [FILE] [--json]\n\n"
	  "Without FILE, it checks what the boot would read: system.conf and its drop-ins.\n"
	  "An unknown key or value is an error here; a boot only warns and ignores it.\n\n"
	  "Example:  keelboot check-config ./system.conf\n" },
	{ "adopt", adopt_cmd, NULL, "make an installed Debian a device with slots",
	  "Usage: keelboot adopt --key FILE [--dry-run | --commands | --yes] [--data DEVICE]\n"
	  "                      [--from DIR] [--compatible NAME] [--version V] [--sequence N]\n"
	  "                      [--sys-root DIR]\n\n"
	  "Says which partitions can be state, slot b and data, what is missing, and how to get\n"
	  "it. Then it makes configuration, state, the first bundle of the system that runs, and\n"
	  "the initramfs; the next boot tries that bundle in slot b. It writes nothing before you\n"
	  "have agreed (--yes: at once; --dry-run: never). --commands prints a script for sh that\n"
	  "makes what is missing. --from DIR is a snapshot of the root.\n\n"
	  "Example:  keelboot adopt --dry-run\n" },
	{ "state", state_cmd, NULL,
	  "show or export the state record, or write a factory's first one",
	  "Usage: keelboot state show [--json]\n"
	  "       keelboot state export [FILE] [--text]\n"
	  "       keelboot state init [FILE] [--slots N] [--good SLOT]... [--trial SLOT]...\n"
	  "                           [--bundle FILE | --version V --sequence N]\n"
	  "                           [--floor N] [--force]\n\n"
	  "show  prints the record as it is on the medium.\n"
	  "export  writes all that the partition holds into FILE, for support: record, history,\n"
	  "      stored manifests and how this boot went. It writes JSON, or lines with --text.\n"
	  "init  writes the first state into FILE (or --state PATH): a partition, its image, or\n"
	  "      the part of a disk image at --offset, --size bytes long. It creates a missing\n"
	  "      FILE with --size bytes (default 16M). It overwrites a valid state only with\n"
	  "      --force. --bundle FILE is the bundle of the images in the slots of --good and\n"
	  "      --trial; without it, --version and --sequence describe them.\n\n"
	  "Example:  keelboot state init disk.img --offset 1M --size 16M \\\n"
	  "              --good a --version 1.0 --sequence 10\n" },
	{ "fleet", NULL, fleet_verb_main, "ask a server for updates (package keelboot-fleet)",
	  NULL },
	{ "bundle", NULL, bundle_main, "make, sign, check and take apart bundles (host)", NULL },
	{ "channel", NULL, channel_cmd_main, "say which devices may take which bundles (host)",
	  NULL },
	{ "key", NULL, key_main, "make keys to sign bundles with (host)", NULL },
	{ "image", NULL, image_main, "make an initramfs, and run it in QEMU (host)", NULL },
	{ "version", version_cmd, NULL, "the version of this program",
	  "Usage: keelboot version\n" },
	{ "help", help_cmd, NULL, "this list, or the help of a verb",
	  "Usage: keelboot help [VERB [VERB OF IT]]\n" },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int unknown_verb(const char *name)
{
	const char *names[KB_ARRAY_LEN(verbs)], *near;

	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++)
		names[i] = verbs[i].name;
	near = args_nearest(name, names, KB_ARRAY_LEN(names));
	if (near != NULL)
		log_err("no verb \"%s\"; did you mean \"keelboot %s\"?", name, near);
	else
		log_err("no verb \"%s\"; `keelboot help` lists the verbs", name);
	return OUTPUT_USAGE;
}

static void print_list(void)
{
	puts("Usage: keelboot [VERB] [OPTIONS]\n\n"
	     "Updates this device and chooses what it boots. Without a verb: status.\n");
	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++)
		printf("  %-13s %s\n", verbs[i].name, verbs[i].what);
	fputs(global_usage, stdout);
	puts("\nfleet, bundle, channel, key and image take options of their own, behind the verb.");
	puts("\nExit: 0 ok, 1 failure, 2 nothing to do, 3 usage, 4 reboot needed,\n"
	     "      5 verification failed, 6 incompatible, 7 busy. More: man keelboot");
}

/* Of a verb with verbs of its own, or of that one of them which argv names. */
static int print_help_below(const struct verb *v, int argc, char **argv)
{
	char *words[] = { (char *)v->name, (char *)"--help", NULL, NULL };

	if (argc > 0) {
		words[2] = words[1];
		words[1] = argv[0];
	}
	return v->main(argc > 0 ? 3 : 2, words);
}

static int print_help(const struct verb *v)
{
	if (v == NULL) {
		print_list();
	} else {
		fputs(v->usage, stdout);
		if (v->run != version_cmd && v->run != help_cmd)
			fputs(global_usage, stdout);
	}
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

static int help_cmd(struct args *a, struct device_options *o)
{
	const struct verb *v = NULL;
	int id = device_options_next(a, o);

	if (id == ARGS_OPERAND) {
		v = find_verb(a->value);
		if (v == NULL)
			return unknown_verb(a->value);
	} else if (id != ARGS_END) {
		return args_wrong(a, id, "help");
	}
	if (v != NULL && v->main != NULL)
		return print_help_below(v, a->argc - a->at, a->argv + a->at);
	return print_help(v);
}

static int version_cmd(struct args *a, struct device_options *o)
{
	int id = device_options_next(a, o);

	if (id != ARGS_END)
		return args_wrong(a, id, "version");
	puts("keelboot " KB_VERSION);
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

static bool wants_help(const struct args *a)
{
	for (int i = a->at; i < a->argc && strcmp(a->argv[i], "--") != 0; i++)
		if (strcmp(a->argv[i], "--help") == 0 || strcmp(a->argv[i], "-h") == 0)
			return true;
	return false;
}

/* A verb with verbs of its own reads what stands behind it. Before it, --conf-root would be
 * dropped, and keelboot-fleet would ask the device's own server. */
static int refuse_before(const char *option, const char *verb)
{
	log_err("%.*s: \"%s\" takes no option in front of it; `keelboot help %s` lists what may stand behind it",
		(int)strcspn(option, "="), option, verb, verb);
	return OUTPUT_USAGE;
}

static int run_verb(struct args *a, struct device_options *o, const struct verb *v)
{
	/* lint: -Wanalyzer-null-dereference: "status", which is run by default, is in the table */
	if (v->main != NULL && a->at > 2 && strcmp(a->argv[1], "--") != 0)
		return refuse_before(a->argv[1], v->name);
	if (v->main != NULL)
		return v->main(a->argc - a->at + 1, a->argv + a->at - 1);
	if (wants_help(a))
		return print_help(v);
	return v->run(a, o);
}

/* Before any verb, it is one of "status". */
enum { JSON = 1 };

static const struct args_option of_status[] = {
	{ "json", 0, false, JSON },
	{ .name = NULL },
};

/* Else the first file that is opened would be one of these, and take what is printed. */
static bool has_standard_descriptors(void)
{
	for (int fd = 0, at; fd <= 2; fd++)
		if (os_file_kind(fd) == OS_FILE_CLOSED &&
		    (os_open("/dev/null", O_RDWR, &at) != KB_OK || at != fd))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	static struct device_options options;
	struct args args = { .argc = argc, .argv = argv, .at = 1 };
	int id;

	if (!has_standard_descriptors())
		return OUTPUT_FAILURE;
	log_to(2, 0);
	log_set_level(LOG_LEVEL_WARNING);
	/* A reader that went away shall be an error of a write, not the death of a half-done verb.
	 */
	signal(SIGPIPE, SIG_IGN);
	device_options_default(&options);
	if (!ossl_alone()) {
		log_err("no memory for OpenSSL");
		return OUTPUT_FAILURE;
	}
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		argv[1] = (char *)"help";
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		argv[1] = (char *)"version";
	args.tables[0] = of_status;
	id = device_options_next(&args, &options);
	if (id == JSON)
		args.at--;
	if (id == ARGS_END || id == JSON)
		return run_verb(&args, &options, find_verb("status"));
	if (id != ARGS_OPERAND)
		return OUTPUT_USAGE;
	if (find_verb(args.value) == NULL)
		return unknown_verb(args.value);
	return run_verb(&args, &options, find_verb(args.value));
}
