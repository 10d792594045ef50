/* SPDX-License-Identifier: Apache-2.0 */
/* Against the C library's. */
#include "state/format/regex.h"

#include <regex.h>
#include <stdlib.h>

#include "state/base/tap.h"

static const char *const texts[] = { "",      "a",	"b",	"ab",  "abc",  "aab",	   "ba",
				     "web-1", "web-12", "db.2", "a.b", "axb",  "[x]",	   "a+b",
				     "aaaa",  "x_y",	"A",	"]",   "caab", "abcabcab", "-" };

static void agrees(const char *expression)
{
	struct err e = { 0 };
	struct regex *re = regex_compile(expression, &e);
	bool same = true;
	regex_t theirs;

	if (!ok(re && regcomp(&theirs, expression, REG_EXTENDED | REG_NOSUB) == 0, "%s: %s",
		expression, e.chain))
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		bool wanted = regexec(&theirs, texts[i], 0, NULL, 0) == 0;

		if (regex_matches(re, texts[i]) == wanted)
			continue;
		note("\"%s\" should%s match", texts[i], wanted ? "" : " not");
		same = false;
	}
	ok(same, "%s matches as it should", expression);
	regfree(&theirs);
	regex_free(re);
}

static void refused(const char *expression, const char *why)
{
	struct err e = { 0 };
	struct regex *re = regex_compile(expression, &e);

	ok(!re && strstr(e.chain, why), "%s: %s", expression, e.chain);
	regex_free(re);
}

int main(void)
{
	static const char *const good[] = {
		"a",
		"^a",
		"a$",
		"^a$",
		"^$",
		"a*b",
		"a+b",
		"a?b",
		"^a?b$",
		"a|b",
		"^(a|b)$",
		"^(ab|abc)*$",
		"web-[0-9]+",
		"^web-[0-9]$",
		"[^a]",
		"^[^a-z]+$",
		"[]x]",
		"[a-]",
		"^[-a]$",
		"a\\.b",
		"a.b",
		"a\\+b",
		"^(a|ab)(c|bcd)?$",
		"(a*)*b",
		"(a*)+",
		"(^a|b$)",
		"^((a)|(b))+$",
		"x|y|z|A",
		"\\[x\\]",
		".",
		"..*",
		"(a|)b",
		"a**",
		"^(abc)+ab$",
		"db\\.2|web",
	};
	char deep[300];
	struct regex *re;
	struct err e;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		agrees(good[i]);
	refused("(a", "a ( without its )");
	refused("a)", "a ) without its (");
	refused("[a", "a [ without its ]");
	refused("[z-a]", "ends before it begins");
	refused("*a", "nothing to repeat");
	refused("a{2}", "bounds");
	refused("[[:alpha:]]", "classes");
	refused("a\\", "means nothing");
	refused("(a)\\1", "means nothing");
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	refused(deep, "too deep");
	/* What takes others exponential time. */
	re = regex_compile("^(a*)*(a*)*(a*)*b$", &e);
	memset(deep, 'a', sizeof(deep) - 1);
	ok(re && !regex_matches(re, deep), "a long text that does not match ends");
	regex_free(re);
	return done_testing();
}
