/* SPDX-License-Identifier: Apache-2.0 */
/* Rules into a program for the kernel's filter of system calls. */
#include "lib/cage.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define AROUND_LEN 9u /* instructions before and behind all rules */
#define RULE_LEN   5u /* of one rule, at most */

#define NR			offsetof(struct seccomp_data, nr)
#define ARCH			offsetof(struct seccomp_data, arch)
#define LOAD(at)		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define RETURN(v)		BPF_STMT(BPF_RET | BPF_K, v)
/* Goes on with the next instruction if the condition holds, else behind `n` of them. */
#define ELSE_SKIP(op, value, n) BPF_JUMP(BPF_JMP | (op) | BPF_K, value, 0, n)
#define IF_SKIP(op, value, n)	BPF_JUMP(BPF_JMP | (op) | BPF_K, value, n, 0)

/* The numbers of x32, on the same processor and by the same AUDIT_ARCH_*. */
#define OTHER_CALLS 0x40000000u

/* The last one of Linux 6.1 is 450, on all processors: what came later nobody could put on a list
 * of what kills, and every libc does without it. */
#define LATER_CALLS 451u

struct program {
	unsigned short len;
	struct sock_filter code[AROUND_LEN + CAGE_RULES_MAX * RULE_LEN];
};

static void add_code(struct program *p, struct sock_filter f)
{
	p->code[p->len++] = f;
}

static uint32_t answer_of(const struct cage_rule *r)
{
	if (r->when == CAGE_ALWAYS)
		return SECCOMP_RET_ALLOW;
	if (r->when == CAGE_NEVER)
		return SECCOMP_RET_KILL_PROCESS;
	return SECCOMP_RET_ERRNO | (r->value != 0 ? r->value : ENOENT);
}

/* The number of the call is loaded before each rule, and behind it. */
static void add_rule(struct program *p, const struct cage_rule *r)
{
	const struct sock_filter equal = ELSE_SKIP(BPF_JEQ, r->value, 1);
	const struct sock_filter without = IF_SKIP(BPF_JSET, r->value, 1);

	if (r->when == CAGE_ALWAYS || r->when == CAGE_ABSENT || r->when == CAGE_NEVER) {
		add_code(p, (struct sock_filter)ELSE_SKIP(BPF_JEQ, (uint32_t)r->call, 1));
		add_code(p, (struct sock_filter)RETURN(answer_of(r)));
		return;
	}
	add_code(p, (struct sock_filter)ELSE_SKIP(BPF_JEQ, (uint32_t)r->call, RULE_LEN - 1));
	add_code(p, (struct sock_filter)LOAD(CAGE_ARG(r->arg)));
	add_code(p, r->when == CAGE_EQUAL ? equal : without);
	add_code(p, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
	add_code(p, (struct sock_filter)LOAD(NR));
}

static enum kb_err install_filter(const struct cage_rule *rules, size_t n, uint32_t otherwise)
{
	struct program p = { .len = 0 };
	struct sock_fprog prog = { .filter = p.code };

	if (n > CAGE_RULES_MAX)
		return KB_EPERM;
	add_code(&p, (struct sock_filter)LOAD(ARCH));
	add_code(&p, (struct sock_filter)IF_SKIP(BPF_JEQ, CAGE_ARCH, 1));
	add_code(&p, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
	add_code(&p, (struct sock_filter)LOAD(NR));
	add_code(&p, (struct sock_filter)ELSE_SKIP(BPF_JGE, OTHER_CALLS, 1));
	add_code(&p, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
	for (size_t i = 0; i < n; i++)
		add_rule(&p, &rules[i]);
	if (otherwise == SECCOMP_RET_ALLOW) {
		add_code(&p, (struct sock_filter)ELSE_SKIP(BPF_JGE, LATER_CALLS, 1));
		add_code(&p, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | ENOSYS));
	}
	add_code(&p, (struct sock_filter)RETURN(otherwise));
	prog.len = p.len;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0)
		return KB_OK;
	return errno == EINVAL || errno == ENOSYS ? KB_ENOENT : KB_EPERM;
}

enum kb_err cage_filter(const struct cage_rule *rules, size_t n)
{
	return install_filter(rules, n, SECCOMP_RET_KILL_PROCESS);
}

enum kb_err cage_forbid(const struct cage_rule *rules, size_t n)
{
	return install_filter(rules, n, SECCOMP_RET_ALLOW);
}
