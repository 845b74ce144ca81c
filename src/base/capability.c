#include <whittle/base.h>

#include <ctype.h>
#include <sys/capability.h>

bool has_capability(int cap)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (caps) {
		cap_get_flag(caps, cap, CAP_EFFECTIVE, &value);
		cap_free(caps);
	}
	return value == CAP_SET;
}

char *capability_name(int cap)
{
	char *lower = cap_to_name(cap);
	char *name = xstrdup(lower ? lower : "");

	cap_free(lower);
	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return name;
}
