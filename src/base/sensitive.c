#include <whittle/sensitive.h>

#include <string.h>

static const char *const places[] = { "/boot/", "/dev/",  "/etc/", "/home/",
				      "/proc/", "/root/", "/sys/" };
static const char *const secrets[] = { "/.ssh/", "/.aws/", "/.kube/", "/.gnupg/" };
static const char shared_memory[] = "/dev/shm/";

bool path_is_sensitive(const char *path)
{
	if (strncmp(path, shared_memory, sizeof(shared_memory) - 1) == 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		if (strstr(path, secrets[i]))
			return true;
	return false;
}
