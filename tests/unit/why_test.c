/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/why.h"
#include "tests/unit/states.h"
#include "tests/unit/test.h"

TEST(a_slot_that_may_boot_has_no_reason)
{
	struct state s;

	states_fresh(&s);
	states_set(&s, 0, STATE_GOOD, 1);
	states_set(&s, 1, STATE_TRIAL, 2);
	state_set_text(s.slot[1].reason, "reset before");
	EQUAL((why_not(&s, 0), ""), (why_not(&s, 1), ""));
}

TEST(each_other_slot_has_one)
{
	struct state s;

	states_fresh(&s);
	states_set(&s, 0, STATE_EMPTY, 0);
	states_set(&s, 1, STATE_WRITING, 2);
	EQUAL((why_not(&s, 0), "nothing is installed there"),
	      (why_not(&s, 1), "its install was interrupted"));
	states_set(&s, 0, STATE_TRIAL, 2);
	s.slot[0].tries = 0;
	states_set(&s, 1, STATE_BAD, 2);
	EQUAL((why_not(&s, 0), "no tries left"), (why_not(&s, 1), "rejected"));
	state_set_text(s.slot[0].reason, "it hangs");
	state_set_text(s.slot[1].reason, "bad disk");
	EQUAL((why_not(&s, 0), "it hangs"), (why_not(&s, 1), "bad disk"));
}

TEST_MAIN("why")
