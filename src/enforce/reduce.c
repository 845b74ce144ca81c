#include <enforce/reduce.h>

#include <sys/capability.h>

static const cap_flag_t flags[] = { CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE };

static bool is_kept(uint64_t kept, cap_value_t cap)
{
	return cap < 64 && (kept >> cap & 1);
}

static bool is_set(cap_t caps, cap_value_t cap)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		cap_flag_value_t value = CAP_CLEAR;

		if (cap_get_flag(caps, cap, flags[i], &value) == 0 && value == CAP_SET)
			return true;
	}
	return false;
}

uint64_t capabilities_reachable(void)
{
	uint64_t mask = 0;
	cap_t caps = cap_get_proc();

	for (cap_value_t cap = 0; cap < 64 && cap < cap_max_bits(); cap++)
		if (cap_get_bound(cap) > 0 || (caps && is_set(caps, cap)))
			mask |= (uint64_t)1 << cap;
	cap_free(caps);
	return mask;
}

static int keep_own(uint64_t kept)
{
	cap_t caps = cap_get_proc();
	int result = caps ? 0 : -1;

	for (cap_value_t cap = 0; result == 0 && cap < cap_max_bits(); cap++)
		for (size_t i = 0; !is_kept(kept, cap) && i < ARRAY_SIZE(flags); i++)
			result |= cap_set_flag(caps, flags[i], 1, &cap, CAP_CLEAR);
	if (result == 0)
		result = cap_set_proc(caps);
	cap_free(caps);
	return result;
}

/*
 * The bounding set first, since that takes CAP_SETPCAP. execve(2) gives root I | bounding, a
 * capable file its own & bounding, others what is ambient: none of them what is in none of the
 * sets, so that securebits(7) need no change, which the command could see
 * (cap_bprm_creds_from_file()).
 */
int capabilities_keep(uint64_t kept)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (is_kept(kept, cap))
			continue;
		if (cap_get_bound(cap) > 0 && cap_drop_bound(cap) < 0)
			return -1;
		if (cap_get_ambient(cap) > 0 && cap_set_ambient(cap, CAP_CLEAR) < 0)
			return -1;
	}
	return keep_own(kept);
}
