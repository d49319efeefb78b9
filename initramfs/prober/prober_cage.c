/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/prober/prober_cage.h"

#include "lib/cage.h"
#include "lib/util.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/cdrom.h>
#include <linux/fd.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY	  (64ull << 20)
#define PROCESSES 64u /* all probers of a boot, and their workers, have one user */
#define FILES	  64u

/* Descriptors as struct cage wants them: ascending, none twice, negative ones left out. */
static void keep_descriptor(struct cage *c, int fd)
{
	unsigned at = c->nkeep;

	for (unsigned i = 0; i < c->nkeep; i++) {
		if (c->keep[i] == fd)
			return;
	}
	if (fd < 0)
		return;
	for (; at > 0 && c->keep[at - 1] > fd; at--)
		c->keep[at] = c->keep[at - 1];
	c->keep[at] = fd;
	c->nkeep++;
}

static struct cage cage_for(unsigned budget_ms)
{
	return (struct cage){
		.who = "prober",
		.user = CAGE_USER_PROBER,
		.memory = CAGE_MEMORY(MEMORY),
		.cpu_s = budget_ms / 1000 + 1,
	};
}

enum kb_err prober_cage_enter(int dev, int answer, unsigned budget_ms)
{
	struct cage c = cage_for(budget_ms);

	c.processes = geteuid() == 0 ? PROCESSES : UINT_MAX; /* a person has others, too */
	c.files = FILES;
	for (int fd = 0; fd <= 2; fd++)
		keep_descriptor(&c, fd);
	keep_descriptor(&c, dev);
	keep_descriptor(&c, answer);
	return cage_enter(&c);
}

enum kb_err prober_cage_worker(int dev, int say, unsigned budget_ms)
{
	static const struct cage_rule rules[] = {
		{ CAGE_LSEEK, CAGE_ALWAYS, 0, 0 },
		{ SYS_read, CAGE_ALWAYS, 0, 0 },
		{ SYS_pread64, CAGE_ALWAYS, 0, 0 },
		{ CAGE_FADVISE, CAGE_ALWAYS, 0, 0 },
		CAGE_STAT, /* also of nothing but the descriptor */
		{ SYS_write, CAGE_ALWAYS, 0, 0 },
		{ SYS_brk, CAGE_ALWAYS, 0, 0 },
		{ SYS_munmap, CAGE_ALWAYS, 0, 0 },
		{ SYS_madvise, CAGE_ALWAYS, 0, 0 },
		{ SYS_getrandom, CAGE_ALWAYS, 0, 0 }, /* malloc() guards its lists with it */
		CAGE_CLOCK,
		{ SYS_close, CAGE_ALWAYS, 0, 0 },
		{ SYS_exit_group, CAGE_ALWAYS, 0, 0 },
		{ SYS_exit, CAGE_ALWAYS, 0, 0 },
		{ SYS_rt_sigreturn, CAGE_ALWAYS, 0, 0 },
		CAGE_MAPS,
		{ SYS_mremap, CAGE_ALWAYS, 0, 0 },
		{ SYS_mprotect, CAGE_WITHOUT, 2, PROT_EXEC },
		/* What libblkid asks of a device. */
		{ SYS_ioctl, CAGE_EQUAL, 1, BLKGETSIZE64 },
		{ SYS_ioctl, CAGE_EQUAL, 1, BLKSSZGET },
		{ SYS_ioctl, CAGE_EQUAL, 1, BLKGETSIZE },
		{ SYS_ioctl, CAGE_EQUAL, 1, _IOR(0x12, 132, uint32_t) }, /* BLKGETZONESZ */
		{ SYS_ioctl, CAGE_EQUAL, 1, FDGETFDCSTAT },
		{ SYS_ioctl, CAGE_EQUAL, 1, CDROM_GET_CAPABILITY },
		{ SYS_ioctl, CAGE_EQUAL, 1, CDROM_LAST_WRITTEN },
		{ SYS_ioctl, CAGE_EQUAL, 1, CDROMREADTOCENTRY },
		{ SYS_ioctl, CAGE_EQUAL, 1, CDROMREADTOCHDR },
		{ SYS_ioctl, CAGE_EQUAL, 1, CDROMMULTISESSION },
		{ CAGE_FCNTL, CAGE_EQUAL, 1, F_GETFL },
		/* What it, or a newer one, asks that can be done without: sysfs, other commands. */
		{ SYS_ioctl, CAGE_ABSENT, 0, 0 },
		{ SYS_openat, CAGE_ABSENT, 0, 0 },
		{ SYS_readlinkat, CAGE_ABSENT, 0, 0 },
		{ SYS_faccessat, CAGE_ABSENT, 0, 0 },
		{ SYS_faccessat2, CAGE_ABSENT, 0, 0 },
		CAGE_SANITIZER
	};
	struct cage c = cage_for(budget_ms);
	enum kb_err err;

	keep_descriptor(&c, dev);
	keep_descriptor(&c, say);
	TRY(cage_enter(&c));
	err = cage_filter(rules, KB_ARRAY_LEN(rules));
	return err == KB_ENOENT ? KB_OK : err;
}
