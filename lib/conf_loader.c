/* SPDX-License-Identifier: Apache-2.0 */
/* Where the boot loader keeps what it is asked, and what it counts. */
#include "lib/conf.h"

#define FW_ENV_CONFIG "/etc/fw_env.config"

bool conf_loader_has_partition(const struct conf *c)
{
	return c->loader == CONF_LOADER_GRUB || c->loader == CONF_LOADER_TRYBOOT ||
	       c->loader == CONF_LOADER_BAREBOX;
}

static const char *fw_env_config(const struct conf *c)
{
	return c->loader_environment[0] == '\0' ? FW_ENV_CONFIG : c->loader_environment;
}

const char *conf_loader_environment(const struct conf *c)
{
	if (conf_loader_has_partition(c))
		return c->loader_environment;
	return c->loader == CONF_LOADER_UBOOT ? fw_env_config(c) : "";
}

const char *conf_loader_counter(const struct conf *c)
{
	return conf_loader_has_partition(c) ? FW_ENV_CONFIG : fw_env_config(c);
}

bool conf_loader_has_counter(const struct conf *c)
{
	return c->loader == CONF_LOADER_UBOOT || c->loader_counter == CONF_COUNTER_UBOOT ||
	       (!conf_loader_has_partition(c) && c->loader_environment[0] != '\0');
}
