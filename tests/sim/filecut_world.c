/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os.h"
#include "lib/os_clock.h"
#include "tests/sim/filecut.h"

#include <fcntl.h>
#include <ftw.h>

#define IMAGE FILECUT_WORLD_IMAGE
#define SLOT  (2u << 20)

struct filecut_world_release filecut_world_release[2] = {
	{ .r = { .version = "3.0", .sequence = 3 } },
	{ .r = { .version = "2.0", .sequence = 2 } },
};

static void put_file(const char *name, const void *p, size_t len, uint64_t size)
{
	bundles_put(name, p, len);
	bundles_must(size == 0 || truncate(bundles_path(name), (off_t)size) == 0, name);
}

/* ---------------------------------------------------------------- making it */

static void make_release(struct filecut_world_release *r, bool other)
{
	static uint8_t buf[FILECUT_FS_FILE];
	ssize_t len;

	for (unsigned i = 0; i < IMAGE; i++)
		r->image[i] = (uint8_t)(i * i >> 5 | 1) ^ (uint8_t)(other ? 0x20 : 0);
	r->r.data = r->image;
	r->r.size = IMAGE;
	bundles_make(&r->r, 16384, true);
	len = pread(r->r.bundle, buf, sizeof(buf), 0);
	bundles_must(len > 0 && len < (ssize_t)sizeof(buf), "bundle");
	put_file(other ? "other.keel" : "new.keel", buf, (size_t)len, 0);
	r->bundle = filecut_image_blob(buf, (size_t)len);
	snprintf(r->path, sizeof(r->path), "keelboot/stage/%s", r->r.file);
}

/* In front of the real one: this system starts with the simulation, whenever the machine did. */
uint64_t os_now_ms(void)
{
	static uint64_t began;

	began = began == 0 ? os_clock_ms() : began;
	return os_clock_ms() - began;
}

void filecut_world_report(unsigned stable_after, bool reported)
{
	char conf[600];

	snprintf(conf, sizeof(conf),
		 "[system]\ncompatible=box\nstable-after=%u\n[source.data]\nmount=%s\n",
		 stable_after, bundles_path("data"));
	put_file("root/etc/keelboot/system.conf", conf, strlen(conf), 0);
	if (reported)
		put_file("run/good", "", 0, 0);
	else
		unlink(bundles_path("run/good"));
}

void filecut_world_begin(void)
{
	static const char *const folders[] = { "root", "root/etc", "root/etc/keelboot", "run",
					       "root/etc/keelboot/keys" };

	bundles_begin("filecut", true, folders, KB_ARRAY_LEN(folders));
	atexit(bundles_end);
	filecut_world_report(0, false);
	make_release(&filecut_world_release[0], false);
	make_release(&filecut_world_release[1], true);
	put_file("a", "", 0, SLOT);
}

void filecut_world_fresh(struct state *s)
{
	state_init(s, 2);
	s->slot[0].st = STATE_GOOD;
	s->slot[0].ever_good = s->slot[0].has_release = true;
	s->slot[0].sequence = 1;
	state_set_text(s->slot[0].version, "1.0");
	s->last = s->pref = 0;
}

void filecut_world_stage(struct state *s, bool other)
{
	s->staged = (struct state_staged){ .source = STATE_SRC_DATA };
	memcpy(s->staged.release, filecut_world_release[other].r.id, STATE_ID_LEN);
}

void filecut_world_in_b(struct state *s, enum state_st st)
{
	bundles_slot(&s->slot[1], &filecut_world_release[0].r, st);
	s->slot[1].tries = st == STATE_TRIAL ? STATE_TRIES - 1 : 0;
}

static void get_cells(struct filecut_image *im)
{
	int fd = open(bundles_path("state"), O_RDONLY | O_CLOEXEC);
	off_t at = 0;

	bundles_must(fd >= 0, "state");
	im->ncells = 0;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		uint8_t buf[STORE_CELL];

		at -= at % (off_t)STORE_CELL;
		bundles_must(pread(fd, buf, sizeof(buf), at) == sizeof(buf), "state");
		if (!bytes_all(buf, sizeof(buf), 0))
			filecut_image_put_cell(im, (uint64_t)at,
					       filecut_image_blob(buf, sizeof(buf)));
		at += (off_t)STORE_CELL;
	}
	close(fd);
}

/* Of slot b: its install knew of no floor. */
static void put_manifest_cell(struct store *st)
{
	const struct bundles_release *r = &filecut_world_release[0].r;
	struct store_manifest m = { .sequence = r->sequence, .len = r->blob_len };

	memcpy(m.release, r->id, STATE_ID_LEN);
	fixture_ok(store_manifest_write(st, 1, &m, r->blob));
}

void filecut_world_state(struct filecut_image *im, struct state *s)
{
	enum store_finding found;
	struct bdev_file dev;
	struct state old;
	struct store st;

	/* As filecut_world_booted() has it. */
	s->open_token = s->open != STATE_NONE ? 1 : 0;
	put_file("state", "", 0, STORE_MIN_SIZE);
	fixture_ok(bdev_file_open(&dev, bundles_path("state"), BDEV_FILE_WRITE));
	fixture_ok(store_load(&st, &dev.bdev, &old, &found));
	filecut_world_fresh(&old);
	fixture_ok(store_save_both(&st, &old));
	fixture_ok(store_save(&st, s));
	if (s->floor > 0)
		put_manifest_cell(&st);
	bdev_file_close(&dev);
	get_cells(im);
}

/* ---------------------------------------------------------------- an image of it */

void filecut_world_add_folder(struct filecut_image *im, const struct state *s)
{
	filecut_image_add_file(im, "keelboot", true, 0);
	filecut_image_add_file(im, "keelboot/stage", true, 0);
	for (unsigned i = 0; s != NULL && s->staged.source == STATE_SRC_DATA && i < 2; i++)
		if (memcmp(s->staged.release, filecut_world_release[i].r.id, STATE_ID_LEN) == 0)
			filecut_image_add_file(im, filecut_world_release[i].path, false,
					       filecut_world_release[i].bundle);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level == 0 ? 0 : remove(path);
}

static int data_folder(void)
{
	int dir = open(bundles_path("data"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	bundles_must(dir >= 0, "data");
	return dir;
}

/* Another name for a file. */
static void link_file(const char *path, const char *other)
{
	int dir = data_folder();

	bundles_must(linkat(dir, path, dir, other, 0) == 0, other);
	close(dir);
}

void filecut_world_put(const struct filecut_image *im)
{
	const uint8_t *p;
	size_t len;
	int fd;

	bundles_must(mkdir(bundles_path("data"), 0755) == 0 || errno == EEXIST, "data");
	bundles_must(nftw(bundles_path("data"), remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "data");
	for (unsigned i = 0; i < im->nfiles; i++) {
		char full[FILECUT_IMAGE_PATH + 8];

		snprintf(full, sizeof(full), "data/%s", im->file[i].path);
		if (im->file[i].dir) {
			bundles_must(mkdir(bundles_path(full), 0755) == 0, full);
			continue;
		}
		if (im->file[i].same > 0) {
			link_file(im->file[im->file[i].same].path, im->file[i].path);
			continue;
		}
		p = filecut_image_bytes(im->file[i].blob, &len);
		put_file(full, p, len, 0);
	}
	put_file("state", "", 0, STORE_MIN_SIZE);
	fd = open(bundles_path("state"), O_WRONLY | O_CLOEXEC);
	bundles_must(fd >= 0, "state");
	for (unsigned i = 0; i < im->ncells; i++) {
		p = filecut_image_bytes(im->cell[i].blob, &len);
		bundles_must(pwrite(fd, p, len, (off_t)im->cell[i].off) == (ssize_t)len, "state");
	}
	close(fd);
}

static struct filecut_image *image; /* that is made */

static int get_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *below = path + strlen(bundles_path("data")) + 1;
	static uint8_t buf[FILECUT_FS_FILE];
	ssize_t len;
	int fd;

	(void)type;
	if (at->level == 0)
		return 0;
	if (S_ISDIR(st->st_mode)) {
		filecut_image_add_file(image, below, true, 0);
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = read(fd, buf, sizeof(buf));
	bundles_must(fd >= 0 && len >= 0, path);
	close(fd);
	filecut_image_add_file(image, below, false, filecut_image_blob(buf, (size_t)len));
	return 0;
}

static void get_same(struct filecut_image *im)
{
	struct stat st[FILECUT_IMAGE_FILES];
	int dir = data_folder();

	for (unsigned i = 0; i < im->nfiles; i++) {
		bundles_must(fstatat(dir, im->file[i].path, &st[i], 0) == 0, im->file[i].path);
		for (unsigned k = 0; k < i; k++)
			if (st[k].st_ino == st[i].st_ino)
				filecut_image_same(im, im->file[k].path, im->file[i].path);
	}
	close(dir);
}

void filecut_world_get(struct filecut_image *im)
{
	memset(im, 0, sizeof(*im));
	image = im;
	bundles_must(nftw(bundles_path("data"), get_one, 8, FTW_PHYS) == 0, "data");
	get_same(im);
	get_cells(im);
}

void filecut_world_booted(uint64_t token)
{
	char text[32];

	put_file("b", "", 0, SLOT);
	snprintf(text, sizeof(text), "%c\n", token != 0 ? 'b' : 'a');
	put_file("run/slot", text, strlen(text), 0);
	snprintf(text, sizeof(text), "%c %llu\n", token != 0 ? 'b' : 'a',
		 (unsigned long long)token);
	put_file("run/token", text, strlen(text), 0);
}

void filecut_world_fill_b(bool other)
{
	put_file("b", filecut_world_release[other].image, IMAGE, SLOT);
}

bool filecut_world_slot_b(bool other)
{
	uint8_t buf[IMAGE];
	int fd = open(bundles_path("b"), O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && pread(fd, buf, sizeof(buf), 0) == sizeof(buf) &&
		    memcmp(buf, filecut_world_release[other].image, sizeof(buf)) == 0;

	close(fd);
	return same;
}
