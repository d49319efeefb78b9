/* SPDX-License-Identifier: Apache-2.0 */
/* What each status means, to each who asks. */
#include "fleet/answer_rules.h"
#include "tests/unit/test.h"

/* 0 ends them. */
static bool is_among(const int *list, int status)
{
	while (*list != 0 && *list != status)
		list++;
	return *list != 0;
}

TEST(a_bundle_that_is_refused_is_no_bundle_that_comes_later)
{
	static const int later[] = { 407, 408, 425, 429, 0 };

	for (int status = 0; status < 1000; status++) {
		bool error = status >= 400 && status <= 499 && !is_among(later, status);
		enum answer_bundle means = !error	   ? BUNDLE_LATER
					   : status == 410 ? BUNDLE_NEVER
					   : status == 416 ? BUNDLE_ANEW
							   : BUNDLE_REFUSED;

		if (answer_rules_of(status)->bundle != means)
			fail_msg("%d", status);
	}
}

TEST(a_report_is_kept_unless_it_was_taken_or_never_will_be)
{
	static const int kept[] = { 401, 403, 404, 407, 408, 425, 429, 0 };

	for (int status = 0; status < 1000; status++) {
		bool error = status >= 400 && status <= 499 && !is_among(kept, status);
		enum answer_report means = status / 100 == 2 ? REPORT_TAKEN
					   : error	     ? REPORT_DROPPED
							     : REPORT_KEPT;

		if (answer_rules_of(status)->report != means)
			fail_msg("%d", status);
	}
}

TEST(behind_some_answers_nothing_else_is_asked)
{
	static const int all[] = { 401, 407, 408, 425, 429, 503, 0 }, either[] = { 502, 504, 0 };

	for (int status = 0; status < 1000; status++) {
		enum answer_about about = ABOUT_THIS;

		if (status / 100 == 3 || is_among(all, status))
			about = ABOUT_ALL;
		else if (status == 0 || is_among(either, status))
			about = ABOUT_EITHER;
		if (answer_rules_of(status)->about != about)
			fail_msg("%d", status);
	}
}

TEST(a_message_is_taken_is_over_is_refused_or_waits)
{
	static const int later[] = { 401, 407, 408, 409, 425, 0 };
	static const struct {
		int status;
		enum client_end end;
	} own[] = { { 403, CLIENT_FORBIDDEN },
		    { 404, CLIENT_MISSING },
		    { 410, CLIENT_OVER },
		    { 429, CLIENT_FULL } };

	for (int status = 0; status < 1000; status++) {
		enum client_end end = CLIENT_LATER;

		if (status / 100 == 2)
			end = CLIENT_OK;
		else if (status / 100 == 4 && !is_among(later, status))
			end = CLIENT_REFUSED;
		for (size_t i = 0; i < KB_ARRAY_LEN(own); i++)
			end = own[i].status == status ? own[i].end : end;
		if (answer_rules_of(status)->end != end)
			fail_msg("%d", status);
	}
}

TEST(what_is_taken_or_over_is_no_trouble)
{
	for (int status = 0; status < 1000; status++)
		if ((answer_rules_of(status)->text == NULL) != (status / 100 == 2 || status == 410))
			fail_msg("%d", status);
}

TEST(a_status_that_is_none_waits)
{
	assert_int_equal(answer_rules_of(-1)->bundle, BUNDLE_LATER);
	assert_int_equal(answer_rules_of(1000)->end, CLIENT_LATER);
}

TEST_MAIN("answer-rules")
