/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

#include "initramfs/guardian/guardian.h"
#include "tests/sim/board.h"
#include "tests/sim/command.h"
#include "update/apply/apply.h"
#include "update/decoder/decoder_main.h"

#include <fnmatch.h>
#include <openssl/crypto.h>
#include <sys/wait.h>

#define CALLS_MAX  400000u  /* of process 1: then it loops */
#define BOOT_MS	   7200000u /* of virtual time: no wait is longer, all of them together */
#define FAULT_MS   1	    /* that a call takes which fails: nothing is for nothing */
#define TIMEOUT_MS 100	    /* or one that waits */

enum ioerr_fault_target ioerr_world_process = IOERR_FAULT_TARGETS;

static struct ioerr_world *world;
static unsigned calls;

/* ---------------------------------------------------------------- calls that fail */

/* What the kernel's word for it becomes behind the seam, as the functions in lib/os_*.c have it: by
 * the call's name; num 0: whatever it is. The first that fits; else
 * err_errno() has it. */
static const struct {
	const char *call;
	int num;
	enum kb_err err;
} seam_errors[] = {
	{ "mount", ENOENT, KB_ENOENT },
	{ "mount", EPERM, KB_EPERM },
	{ "mount", EBUSY, KB_EBUSY },
	{ "mount", 0, KB_EMOUNT },
	{ "exec", 0, KB_EEXEC },
	{ "detach", 0, KB_EEXEC },
	{ "spawn", EBUSY, KB_EBUSY },
	{ "spawn", 0, KB_EEXEC },
	{ "wait", ETIMEDOUT, KB_ETIMEDOUT },
	{ "wait", 0, KB_ECHILD },
	{ "uevent_read", ENOMEM, KB_ENOSPC }, /* ENOBUFS */
	{ "worker_start", EAGAIN, KB_EEXEC },
	{ "worker_start", 0, KB_EIO },
	{ "worker_memory", 0, KB_EIO },
	{ "worker_reply", 0, KB_EIO },
	{ "worker_take", ENOENT, KB_ENOENT },
	{ "worker_take", 0, KB_EIO },
	{ "worker_receive", ENOENT, KB_EEXEC },
	{ "worker_send", 0, KB_ECHILD },
	{ "worker_*", ETIMEDOUT, KB_ETIMEDOUT },
	{ "worker_*", 0, KB_ECHILD },
};

static enum kb_err seam_error(const char *call, int errnum)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(seam_errors); i++)
		if (fnmatch(seam_errors[i].call, call, 0) == 0 &&
		    (seam_errors[i].num == 0 || seam_errors[i].num == errnum))
			return seam_errors[i].err;
	return err_errno(errnum);
}

/* That uevents were lost the kernel says once. */
static bool is_told_already(const char *call, int errnum)
{
	static bool told;
	bool was = told;

	if (errnum != ENOSPC || strcmp(call, "uevent_read") != 0)
		return false;
	told = true;
	return was;
}

static enum kb_err on_call(const char *call)
{
	int errnum;

	if (ioerr_world_process == IOERR_FAULT_TARGETS)
		return KB_OK;
	if (++calls > CALLS_MAX) {
		ioerr_world_fail(world, "loops: %u calls, the last one is %s", calls, call);
		_exit(1);
	}
	errnum = ioerr_fault_call(ioerr_world_process, call);
	if (errnum == 0 || is_told_already(call, errnum))
		return KB_OK;
	if (ioerr_world_process == IOERR_FAULT_INIT)
		os_sim_advance(errnum == ETIMEDOUT ? TIMEOUT_MS : FAULT_MS);
	errno = errnum;
	return seam_error(call, errnum);
}

/* ---------------------------------------------------------------- processes */

pid_t ioerr_process_begin(struct ioerr_world *w, enum ioerr_fault_target who)
{
	pid_t pid = report_fork(IOERR_WORLD_HANG_S);

	if (pid > 0)
		return pid;
	world = w;
	ioerr_world_process = who;
	calls = 0;
	return 0;
}

int ioerr_process_end(struct ioerr_world *w, pid_t pid)
{
	int status = report_wait(pid);
	const char *name;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGKILL && w->fault.pid == (int)pid) {
		w->fault.pid = 0;
		return -1;
	}
	name = WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status));
	ioerr_world_fail(w, "a process crashed or hangs: %s", name);
	return 128;
}

void ioerr_world_boot(struct ioerr_world *w)
{
	const char *trace;
	size_t len;
	pid_t pid;
	int code;

	w->boots++;
	w->boot = (struct ioerr_world_boot){ .slot = STATE_NONE, .pair = STATE_NONE };
	w->boot.apply = w->boot.command = IOERR_WORLD_NOT_RUN;
	w->fault.wear = (struct wear_table_counts){ 0 };
	pid = ioerr_process_begin(w, IOERR_FAULT_INIT);
	if (pid == 0) {
		os_sim_on_call(on_call);
		ioerr_process_init(w);
		trace = os_sim_trace();
		len = strlen(trace);
		if (len >= sizeof(w->boot.trace))
			trace += len - sizeof(w->boot.trace) + 1;
		snprintf(w->boot.trace, sizeof(w->boot.trace), "%s", trace);
		_exit(0);
	}
	code = ioerr_process_end(w, pid);
	w->boot.died = code < 0;
	if (code > 0)
		ioerr_world_fail(w, "process 1 ended with %d", code);
	if (w->boot.ms > BOOT_MS)
		ioerr_world_fail(w, "the boot took %llu s", (unsigned long long)w->boot.ms / 1000);
}

/* ---------------------------------------------------------------- apply and the command */

static void *failing_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (ioerr_world_process != IOERR_FAULT_TARGETS &&
	    ioerr_fault_turn(ioerr_world_process, IOERR_FAULT_ALLOC) != IOERR_FAULT_NONE)
		return NULL;
	return realloc(p, n);
}

static void *failing_malloc(size_t n, const char *file, int line)
{
	return failing_realloc(NULL, n, file, line);
}

static void plain_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static int be_decoder(void)
{
	alarm(IOERR_WORLD_HANG_S);
	ioerr_world_process = IOERR_FAULT_DECODER;
	return decoder_main();
}

void ioerr_process_hooks(void)
{
	if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1)
		abort();
	os_sim_worker(be_decoder);
	os_sim_on_signal(ioerr_guardian_kill);
}

static int apply_status;

/* A program beside process 1; 0: this is it. */
static pid_t begin_program(struct ioerr_world *w, enum ioerr_fault_target who)
{
	pid_t pid = ioerr_process_begin(w, who);

	if (pid > 0)
		return pid;
	os_sim_bdev_quiet();
	os_sim_copy(bundles_path("keys/key.pem"));
	return 0;
}

/* Its status, as from waitpid(). */
static int run_program(enum ioerr_fault_target who, int (*fn)(int argc, char **argv),
		       const char *const *argv)
{
	pid_t pid = begin_program(world, who);
	int argc = 0, code;

	if (pid == 0) {
		while (argv[argc] != NULL)
			argc++;
		_exit(fn(argc, (char **)argv));
	}
	code = ioerr_process_end(world, pid);
	return code < 0 ? SIGKILL : code << 8;
}

static void run_apply(void *ctx, const char *const *argv)
{
	struct ioerr_world *w = ctx;

	apply_status = run_program(IOERR_FAULT_APPLY, apply_main, argv);
	w->boot.apply = apply_status == SIGKILL ? IOERR_WORLD_NOT_RUN : apply_status >> 8;
	board_look();
}

static int run_loader(int (*fn)(int argc, char **argv), const char *const *argv)
{
	return run_program(IOERR_FAULT_LOADER, fn, argv);
}

void ioerr_process_children(struct ioerr_world *w)
{
	board_apply(run_apply, w, &apply_status);
	if (w->story->pairs)
		grub_board_child(run_loader);
}

const char *const ioerr_process_commands[] = {
	[IOERR_WORLD_IDLE] = "",
	[IOERR_WORLD_GOOD] = "mark good",
	[IOERR_WORLD_BAD] = "mark bad",
	[IOERR_WORLD_CLEAN] = "mark clean",
	[IOERR_WORLD_SWITCH] = "switch other",
	[IOERR_WORLD_INSTALL] = "install --progress=none",
};

void ioerr_process_command(struct ioerr_world *w)
{
	static struct device_options o;
	char line[512];
	pid_t pid;
	int code;

	if (w->boot.act == IOERR_WORLD_IDLE)
		return;
	pid = begin_program(w, IOERR_FAULT_COMMAND);
	if (pid == 0) {
		dup2(3, 1); /* which is nowhere: see main() */
		device_options_default(&o);
		o.lock_wait_ms = 50;
		snprintf(line, sizeof(line), "%s %s", ioerr_process_commands[w->boot.act],
			 w->boot.act == IOERR_WORLD_INSTALL ? ioerr_content_bundle : "");
		code = command_run(line, &o);
		w->guard.reported |= os_sim_text("/run/keelboot/" GUARDIAN_REPORT_FILE) != NULL;
		_exit(code);
	}
	w->boot.command = ioerr_process_end(w, pid);
	w->boot.commanded = true;
}
