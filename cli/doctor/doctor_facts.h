/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of the boot loader, whether anything is wrong with it or not. */
#pragma once

#include "cli/doctor/doctor.h"
#include "cli/output/output.h"

/* One line; nothing where there is nothing to say. */
void doctor_facts_print(const struct doctor_facts *facts);

/* The object "loader"; NULL where there is nothing to say. */
json_object *doctor_facts_json(const struct doctor_facts *facts);
