#include <cli/handover.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PATIENCE = 10, /* seconds for the whole message */
	PIECE = 16384,
	FDS_AT_ONCE = 253 /* SCM_MAX_FD, include/net/scm.h */
};

struct message {
	struct buf text;
	struct state_scan scan;
	int fds[STATE_FDS_MAX];
	size_t fd_count;
	bool too_many;
};

static void take_fds(struct message *message, const struct cmsghdr *header)
{
	size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		if (message->fd_count < STATE_FDS_MAX) {
			message->fds[message->fd_count++] = fd;
		} else {
			message->too_many = true;
			close(fd);
		}
	}
}

/* As recvmsg(2): the size of the piece, 0 at the end, -1 with errno. */
static ssize_t receive_piece(int socket, struct message *message)
{
	char bytes[PIECE];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * FDS_AT_ONCE)];
	} control;
	struct iovec data = { bytes, sizeof(bytes) };
	struct msghdr how = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t size = recvmsg(socket, &how, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (size < 0)
		return -1;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&how); header;
	     header = CMSG_NXTHDR(&how, header))
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
			take_fds(message, header);
	buf_add(&message->text, bytes, (size_t)size);
	state_scan(&message->scan, bytes, (size_t)size);
	return size;
}

/* Until the text is whole, or ends. */
static int receive_all(int socket, struct message *message, struct error *err)
{
	double deadline = monotonic_now() + PATIENCE;
	struct pollfd ready = { .fd = socket, .events = POLLIN };

	while (!message->scan.whole) {
		double left = deadline - monotonic_now();

		if (left <= 0)
			return fail(err, ERROR_INPUT, 0,
				    "a connection sent no whole state within %d seconds", PATIENCE);
		if (poll(&ready, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		ssize_t got = receive_piece(socket, message);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return fail(err, ERROR_SYSTEM, errno, "cannot read a container's state");
		if (got == 0 && !message->text.length)
			return -1;
		if (got == 0)
			return fail(err, ERROR_INPUT, 0,
				    "a connection ended before it had sent a whole state");
		if (message->text.length > STATE_MAX || message->too_many)
			return fail(
				err, ERROR_INPUT, 0,
				"a container's state is too large, or has too many descriptors");
	}
	return 0;
}

/* A listener among what came, by its state, or the only descriptor if there is no state. */
static int take_listener(struct message *message, size_t index)
{
	int fd = -1;

	for (size_t i = 0; i < message->fd_count; i++) {
		if (i == index)
			fd = message->fds[i];
		else
			close(message->fds[i]);
	}
	return fd;
}

int handover_receive(int socket, struct container_state *ret_state, int *ret_listener,
		     struct error *err)
{
	struct message message = { .text = BUF_INIT };
	struct container_state state = { .listener = 0 };
	int result = receive_all(socket, &message, err);

	if (result == 0)
		result = container_state_parse(buf_text(&message.text), message.text.length, &state,
					       err);
	*ret_listener = take_listener(&message, state.listener);
	buf_free(&message.text);
	if (result < 0)
		return -1;
	if (*ret_listener < 0 && !state.asks) {
		container_state_release(&state);
		return fail(err, ERROR_INPUT, 0, "no listener came with a container's state");
	}
	*ret_state = state;
	return 0;
}
