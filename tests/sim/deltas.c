/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/deltas.h"

#include "lib/util.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <sys/stat.h>

#define LARGE  (160u << 10) /* an image with so much has a file that fills what the seal covers */
#define NOISE  (133u << 10)
#define WORDS  300u
#define TEXT   (24u << 10)
#define LITTLE (10u << 10) /* text of a small image */

/* ---------------------------------------------------------------- programs */

/* Runs a command line in the folder of the bundles; what it prints is shown when it fails. */
static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *fmt, ...)
{
	char line[2048], command[3072];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	snprintf(command, sizeof(command),
		 "cd '%s' && { %s; } >log 2>&1 || { cat log >&2; exit 1; }", bundles_path("."),
		 line);
	if (system(command) != 0) {
		fprintf(stderr, "deltas: failed: %s\n", line);
		exit(1);
	}
}

/* The command with all forms, which is built beside the simulations; where this kernel does not
 * start that, what does is named. */
static const char *tool(void)
{
	static char path[512];
	const char *named = getenv("KEELBOOT_SIM_TOOL");
	ssize_t n;

	if (named != NULL)
		return named;
	n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/keelboot"));

	bundles_must(n > 0, "/proc/self/exe");
	path[n] = '\0';
	return strcat(dirname(path), "/keelboot");
}

static void read_whole(const char *name, uint8_t *data, uint64_t size)
{
	KB_CLEANUP_FD int fd = open(bundles_path(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, data, size);
	uint8_t more;

	bundles_must(n > 0, name);
	if (read(fd, &more, 1) != 0) {
		fprintf(stderr, "deltas: an image has more than %llu bytes\n",
			(unsigned long long)size);
		exit(1);
	}
	memset(data + n, 0, size - (size_t)n);
}

/* ---------------------------------------------------------------- images */

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Of each version, some letters in the text are others; the noise stays. */
static void make_tree(unsigned version, uint64_t size)
{
	static uint8_t noise[NOISE];
	static char text[TEXT];
	size_t len = 0, most = size < LARGE ? LITTLE : TEXT;
	uint32_t seed = 7;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)next(&seed);
	for (unsigned i = 0; len + 32 < most; i++)
		len += (size_t)snprintf(text + len, most - len, "%x ",
					(next(&seed) % WORDS + 3) * 0x9e3779b9u);
	for (size_t at = 50; at < len; at += 97)
		text[at] = (char)('g' + version * 5 + at % 5);
	mkdir(bundles_path("tree"), 0755);
	bundles_put("tree/a", noise, size < LARGE ? 1 : sizeof(noise));
	bundles_put("tree/b", text, len);
}

void deltas_image(enum deltas_kind kind, unsigned version, uint8_t *data, uint64_t size)
{
	make_tree(version, size);
	if (kind == DELTAS_SQUASHFS)
		shell("rm -f image; mksquashfs tree image -quiet -no-progress -noappend -all-root "
		      "-all-time 0 -mkfs-time %u -processors 1 -comp gzip -b 4K",
		      version + 1);
	else
		shell("rm -f image; mkfs.erofs --quiet -T0 -U%08x-0000-4000-8000-000000000000 "
		      "-zlz4hc image tree",
		      version + 1);
	read_whole("image", data, size);
}

/* ---------------------------------------------------------------- bundles */

static unsigned forms_of(enum deltas_kind kind)
{
	const unsigned copies = 1u << READER_COPY | 1u << READER_PATCH;

	switch (kind) {
	case DELTAS_SQUASHFS:
		return 1u << READER_REMAKE_ZLIB;
	case DELTAS_EROFS:
		return 1u << READER_REMAKE_LZ4;
	case DELTAS_PLAIN:
	case DELTAS_NONE:
		break;
	}
	return copies;
}

static void check_forms(const struct bundles_release *r, enum deltas_kind kind)
{
	static struct reader reader;
	unsigned forms;

	fixture_ok(reader_open(&reader, r->bundle, false, (uint64_t)lseek(r->bundle, 0, SEEK_END),
			       &bundles_key.ring));
	forms = reader.m.encoding[reader.m.nencodings - 1].forms;
	if ((forms & forms_of(kind)) != forms_of(kind)) {
		fprintf(stderr, "deltas: the bundle has forms %x, and not all of %x\n", forms,
			forms_of(kind));
		exit(1);
	}
	reader_close(&reader);
}

void deltas_make(struct bundles_release *r, const struct bundles_release *older,
		 enum deltas_kind kind, uint32_t chunk, bool whole)
{
	int fd;

	bundles_put("new", r->data, r->size);
	bundles_put("old", older->data, older->size);
	shell("key=key.key; [ -f $key ] || key=keys/key.key; SOURCE_DATE_EPOCH=0 '%s' bundle create "
	      "-o delta --compatible box --version %s --sequence %llu --image root=new,fs=ext4 "
	      "--from old,version=%s --key $key --chunk-size %u --full %s --recompress %s "
	      "--threads 1 --level 3 --sig-capacity 1K",
	      tool(), r->version, (unsigned long long)r->sequence, older->version, chunk,
	      whole ? "yes" : "no", kind == DELTAS_PLAIN ? "no" : "yes");
	fd = open(bundles_path("delta"), O_RDONLY | O_CLOEXEC);
	r->bundle = memfd_create("bundle", MFD_CLOEXEC);
	bundles_must(fd >= 0 && r->bundle >= 0, "delta");
	bundles_append(fd, r->bundle);
	close(fd);
	bundles_take(r);
	check_forms(r, kind);
}
