/* Private to the room: one notification of a seccomp listener at a time (seccomp_unotify(2)). */
#ifndef TRACE_NOTIFICATION_H
#define TRACE_NOTIFICATION_H

#include <linux/seccomp.h>
#include <whittle/event.h>

struct notification {
	struct seccomp_notif *request; /* size bytes */
	struct seccomp_notif_resp *response;
	size_t size;
};

/* Room for one, as large as this kernel's are; notification_release() frees it. */
int notification_init(struct notification *notification, struct error *err);
void notification_release(struct notification *notification);

/* 1 with a request, 0 if its caller is gone already, -1 with errno. May wait. */
int notification_receive(struct notification *notification, int listener);
/*
 * The call is made (SECCOMP_USER_NOTIF_FLAG_CONTINUE), or not: then it returns result, a value or
 * -errno. Nothing if its caller was killed meanwhile.
 */
void notification_continue(struct notification *notification, int listener);
void notification_refuse(struct notification *notification, int listener, int64_t result);
/* Does the caller still wait for its answer? */
bool notification_is_valid(const struct notification *notification, int listener);

/* The request as EVENT_ENTRY of a thread of that process; its result never comes. */
void notification_entry(const struct notification *notification, pid_t tgid,
			struct event *ret_event);

/* Is it what seccomp(2) gives with SECCOMP_FILTER_FLAG_NEW_LISTENER? */
int notification_check_listener(int fd, struct error *err);

#endif
