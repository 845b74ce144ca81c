/* capabilities.txt: one name a line, with the cause as a comment. */
#include <emit/emit.h>

int emit_caps(const struct policy *policy, struct buf *out, struct error *err)
{
	(void)err;
	emit_warnings(policy, "# ", out);
	if (!policy->capability_count)
		buf_adds(out, "# No capability was needed: all can be dropped.\n");
	for (size_t i = 0; i < policy->capability_count; i++) {
		const struct capability_rule *rule = &policy->capabilities[i];

		buf_adds(out, rule->name);
		if (rule->why.count)
			buf_addf(out, "  # %s", rule->why.line[0]);
		if (rule->why.count > 1)
			buf_addf(out, " and %zu more", rule->why.count - 1);
		if (*rule->others)
			buf_addf(out, " (would do too: %s)", rule->others);
		buf_addc(out, '\n');
	}
	return 0;
}
