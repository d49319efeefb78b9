/* SPDX-License-Identifier: Apache-2.0 */
/* What a boot loader was set up with: grub.cfg, a boot script, variables of U-Boot, loader.conf and
 * config.txt. A first line says which. What is printed of them goes to a terminal. */
#include "cli/doctor/doctor_order.h"
#include "cli/doctor/doctor_setting.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static struct doctor_script script;
static struct doctor_steps steps;

static void check_text(void)
{
	FUZZ_CHECK(script.len <= DOCTOR_SCRIPT_MAX && script.text[script.len] == '\0');
	FUZZ_CHECK(strlen(script.text) == script.len);
}

static bool is_in(const char *p, const char *room, size_t size)
{
	return p >= room && p < room + size;
}

static void check_steps(void)
{
	FUZZ_CHECK(steps.n <= DOCTOR_STEPS_MAX && steps.nbodies <= DOCTOR_STEPS_BODIES);
	FUZZ_CHECK(steps.room.used <= sizeof(steps.room.text));
	for (unsigned i = 0; i < steps.n; i++) {
		const struct doctor_step *step = &steps.step[i];

		FUZZ_CHECK(strcmp(step->text, "boot") == 0 ||
			   is_in(step->text, steps.room.text, steps.room.used));
		FUZZ_CHECK(step->leads_to_start || !step->starts);
		FUZZ_CHECK(step->doubtful || !step->in_menu);
		FUZZ_CHECK(!step->in_menu || steps.language == DOCTOR_GRUB);
	}
}

/* Right is only what surely saves before it starts. */
static bool saves_something(void)
{
	for (unsigned i = 0; i < steps.n; i++)
		if (!steps.step[i].doubtful &&
		    (doctor_script_line_has(steps.step[i].text, "save_env") ||
		     doctor_script_line_has(steps.step[i].text, "saveenv") ||
		     doctor_script_line_has(steps.step[i].text, "save") ||
		     doctor_script_line_has(steps.step[i].text, "keelboot_save")))
			return true;
	return false;
}

static void check_rules(void)
{
	const struct doctor_fault trial = doctor_order_of_trial(&steps);
	const struct doctor_fault count = doctor_order_of_count(&steps);

	FUZZ_CHECK((trial.is == DOCTOR_ORDER_RIGHT) == (trial.says[0] == '\0'));
	FUZZ_CHECK((trial.is == DOCTOR_ORDER_RIGHT) == (trial.fix[0] == '\0'));
	FUZZ_CHECK(trial.is != DOCTOR_ORDER_RIGHT || saves_something());
	FUZZ_CHECK(count.is != DOCTOR_ORDER_UNCLEAR);
	FUZZ_CHECK((count.is == DOCTOR_ORDER_RIGHT) == (count.says[0] == '\0'));
	if (doctor_order_arms_watchdog(&steps))
		FUZZ_CHECK(doctor_steps_have(&steps, "wdt"));
}

static void check_grub(const char *text, size_t len)
{
	const char *rest = memchr(text, '\f', len); /* custom.cfg */
	size_t own = rest != NULL ? (size_t)(rest - text) : len, end;
	char value[32];

	doctor_steps_begin(&steps, DOCTOR_GRUB);
	doctor_script_add(&script, DOCTOR_SCRIPT_SHELL, text, own);
	end = script.len;
	if (rest != NULL) {
		doctor_script_add(&script, DOCTOR_SCRIPT_SHELL, rest + 1, len - own - 1);
		doctor_steps_name(&steps, DOCTOR_STEPS_INCLUDE, script.text + end,
				  script.len - end);
	}
	check_text();
	doctor_steps_add(&steps, script.text, end);
	if (doctor_script_value(&script, "timeout", value, sizeof(value)))
		FUZZ_CHECK(fuzz_ended(value, sizeof(value)) &&
			   doctor_script_has(&script, "timeout"));
	check_steps();
	check_rules();
}

/* "name=value" in each line but the last, which is the script. */
static void check_uboot(char *text)
{
	char *line, *rest = text;
	size_t from;

	doctor_steps_begin(&steps, DOCTOR_UBOOT);
	while ((line = strsep(&rest, "\f")) != NULL && rest != NULL) {
		char *value = strchr(line, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		from = script.len;
		doctor_script_add(&script, DOCTOR_SCRIPT_SHELL, value, strlen(value));
		doctor_steps_name(&steps, line, script.text + from, script.len - from);
	}
	if (doctor_steps_run(&steps, "bootcmd"))
		check_steps();
	doctor_steps_again(&steps);
	FUZZ_CHECK(steps.n == 0);
	from = script.len;
	if (line != NULL)
		doctor_script_add(&script, DOCTOR_SCRIPT_SHELL, line, strlen(line));
	check_text();
	doctor_steps_add(&steps, script.text + from, script.len - from);
	check_steps();
	check_rules();
}

static void check_settings(const char *text, size_t len)
{
	char value[DOCTOR_SETTING_MAX];

	doctor_script_add(&script, DOCTOR_SCRIPT_LINES, text, len);
	check_text();
	if (doctor_setting_word(&script, "timeout", value))
		FUZZ_CHECK(fuzz_ended(value, sizeof(value)) && value[0] != '\0');
	if (doctor_setting_filtered(&script, "kernel_watchdog_timeout", value) !=
	    DOCTOR_SETTING_NONE)
		FUZZ_CHECK(fuzz_ended(value, sizeof(value)));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t kind = fuzz_u8(&in);
	char *text = fuzz_string(in.p, in.left);

	doctor_script_clear(&script);
	if (kind == 'g')
		check_grub((const char *)in.p, in.left);
	else if (kind == 'u')
		check_uboot(text);
	else
		check_settings((const char *)in.p, in.left);
	free(text);
}
