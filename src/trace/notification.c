#include <trace/notification.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

int notification_init(struct notification *notification, struct error *err)
{
	struct seccomp_notif_sizes sizes;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
		fail(err, ERROR_SYSTEM, errno, "cannot use seccomp's notifications");
		return fail_hint(err, "the notify engine needs Linux 5.9 or newer");
	}
	/* A newer kernel's are longer, an older one's shorter than those of the headers. */
	notification->size = sizes.seccomp_notif > sizeof(*notification->request)
				     ? sizes.seccomp_notif
				     : sizeof(*notification->request);
	notification->request = xcalloc(1, notification->size);
	notification->response =
		xcalloc(1, sizes.seccomp_notif_resp + sizeof(*notification->response));
	return 0;
}

void notification_release(struct notification *notification)
{
	free(notification->request);
	free(notification->response);
	*notification = (struct notification){ NULL, NULL, 0 };
}

int notification_receive(struct notification *notification, int listener)
{
	memset(notification->request, 0, notification->size);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification->request) < 0)
		return errno == ENOENT ? 0 : -1;
	return 1;
}

static void answer(struct notification *notification, int listener, unsigned int flags,
		   int64_t result)
{
	*notification->response =
		(struct seccomp_notif_resp){ .id = notification->request->id,
					     .val = result > 0 ? result : 0,
					     .error = result < 0 ? (int)result : 0,
					     .flags = flags };
	/* ENOENT: it was killed meanwhile. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, notification->response);
}

void notification_continue(struct notification *notification, int listener)
{
	answer(notification, listener, SECCOMP_USER_NOTIF_FLAG_CONTINUE, 0);
}

void notification_refuse(struct notification *notification, int listener, int64_t result)
{
	answer(notification, listener, 0, result);
}

bool notification_is_valid(const struct notification *notification, int listener)
{
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification->request->id) == 0;
}

void notification_entry(const struct notification *notification, pid_t tgid,
			struct event *ret_event)
{
	const struct seccomp_data *data = &notification->request->data;

	*ret_event = (struct event){ .kind = EVENT_ENTRY,
				     .tid = (pid_t)notification->request->pid,
				     .tgid = tgid,
				     .audit = data->arch,
				     .nr = (uint32_t)data->nr,
				     .ip = data->instruction_pointer,
				     .result_mode = RESULT_NEVER };
	ret_event->abi = abi_of_call(data->arch, ret_event->nr);
	for (size_t i = 0; i < ARRAY_SIZE(ret_event->args); i++)
		ret_event->args[i] = data->args[i];
}

int notification_check_listener(int fd, struct error *err)
{
	char link[32], target[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return fail(err, ERROR_SYSTEM, errno, "cannot look at the listener");
	target[length] = '\0';
	if (strcmp(target, "anon_inode:seccomp notify") != 0) /* init_listener() */
		return fail(err, ERROR_INPUT, 0, "a descriptor came that is no seccomp listener");
	return 0;
}
