/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr_content.h"

#include "tests/sim/ioerr_world.h"
#include "tests/unit/install_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CHUNK	  (16u << 10)
#define PATH_SIZE 256

static uint8_t image[3][IOERR_CONTENT_IMAGE];
static char top[] = "/tmp/keelboot-ioerr-XXXXXX";
static char conf[512], bundle[PATH_SIZE];
static uint8_t release[STATE_ID_LEN];
static char mounted[PATH_SIZE]; /* what was opened as a medium last */

static const char *path(const char *name)
{
	static char p[4][PATH_SIZE];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(p[n], sizeof(p[n]), "%s/%s", top, name);
	return p[n];
}

const uint8_t *ioerr_content_image(unsigned sequence)
{
	return image[sequence == IOERR_WORLD_OLD ? 0 : sequence == IOERR_WORLD_NOW ? 1 : 2];
}

const char *ioerr_content_conf(void)
{
	return conf;
}

const char *ioerr_content_bundle(void)
{
	return bundle;
}

const uint8_t *ioerr_world_release(void)
{
	return release;
}

/* The new image shares half of its chunks with the old one, and some chunks are zero. */
static void make_images(void)
{
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < IOERR_CONTENT_IMAGE; i++) {
			unsigned chunk = i / CHUNK, same = chunk % 2 == 1 && k == 2 ? 0 : k;

			image[k][i] = (uint8_t)(i * 31 + i / 251 + same * 77 + chunk);
		}
		memset(image[k] + (5 + 2 * k) * CHUNK, 0, CHUNK);
	}
	memset(image[2] + 12 * CHUNK, 0, CHUNK);
}

static void make_folder(const char *name)
{
	if (mkdir(path(name), 0755) < 0)
		abort();
}

static void copy_to(int from, const char *to)
{
	int fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static uint8_t buf[65536];
	ssize_t n;
	off_t at = 0;

	while ((n = pread(from, buf, sizeof(buf), at)) > 0) {
		if (write(fd, buf, (size_t)n) != n)
			abort();
		at += n;
	}
	close(fd);
}

static void make_bundle(void)
{
	static struct fixture_image im = { "root", NULL, IOERR_CONTENT_IMAGE, CHUNK, true };
	static struct key_file key;
	struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "2.0", .sequence = IOERR_WORLD_NEW
	};
	static struct reader r;
	char name[64];
	struct stat st;
	int fd;

	im.data = image[2];
	fixture_ok(key_file_generate(path("keys/key"), KEYRING_ED25519, &key));
	b.key = &key;
	fd = fixture_make(&b);
	if (fstat(fd, &st) < 0)
		abort();
	fixture_ok(reader_open(&r, fd, false, (uint64_t)st.st_size, &key.ring));
	memcpy(release, r.release.id, sizeof(release));
	reader_close(&r);
	bytes_hex(name, release, 8);
	snprintf(bundle, sizeof(bundle), "%s/data/keelboot/stage/%s.keel", top, name);
	copy_to(fd, bundle);
	copy_to(fd, path("stick/keelboot/update.keel"));
	close(fd);
	key_file_free(&key);
}

void ioerr_world_make(void)
{
	static const char *const folders[] = { "keys",		"data",
					       "data/keelboot", "data/keelboot/stage",
					       "stick",		"stick/keelboot" };
	int fd;

	if (mkdtemp(top) == NULL)
		abort();
	for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		make_folder(folders[i]);
	fd = open(path("node"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		abort();
	close(fd);
	snprintf(
		conf, sizeof(conf),
		"[system]\ncompatible=box\n[keyring]\npath=%s/keys\n[source.data]\nmount=%s/none\n",
		top, top);
	make_images();
	make_bundle();
}

void ioerr_world_remove(void)
{
	char command[PATH_SIZE];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", top);
}

const char *ioerr_world_path(const char *name)
{
	if (strcmp(name, IOERR_CONTENT_DATA) == 0 ||
	    strcmp(name, "/dev/" IOERR_CONTENT_STICK) == 0) {
		snprintf(mounted, sizeof(mounted), "%s", name);
		return path("node");
	}
	if (strcmp(name, "/run/keelboot/media") == 0)
		return path(strcmp(mounted, IOERR_CONTENT_DATA) == 0 ? "data" : "stick");
	return strcmp(name, "/dev/kmsg") == 0 ? path("none") : name;
}
