/* whittle agent: record the containers whose runtimes connect to a socket. */
#include <cli/agent.h>
#include <cli/cli.h>
#include <cli/container.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <whittle/file.h>

enum {
	OPTION_SOCKET = 256,
	OPTION_RUN,
	OPTION_EXPECT,
	OPTION_FACETS,
	OPTION_NO_STACKS,
	OPTION_NO_ARGV,
	OPTION_ENGINE,
	OPTION_EXACT,
	OPTION_DENY_URING
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "run", required_argument, NULL, OPTION_RUN },
	{ "expect", required_argument, NULL, OPTION_EXPECT },
	{ "facets", required_argument, NULL, OPTION_FACETS },
	{ "no-stacks", no_argument, NULL, OPTION_NO_STACKS },
	{ "no-argv", no_argument, NULL, OPTION_NO_ARGV },
	{ "engine", required_argument, NULL, OPTION_ENGINE },
	{ "exact", no_argument, NULL, OPTION_EXACT },
	{ "deny-io-uring", no_argument, NULL, OPTION_DENY_URING },
	COMMON_OPTIONS,
};

struct service {
	struct record_options options;
	const char *socket;
	int signals; /* signalfd(2) */
	int asked;   /* how often it was told to end */
	struct agent *agent;
	bool failed; /* some evidence could not be kept */
};

/* Takes one option; 0, or the exit code of a mistake. */
static int take_option(int option, struct service *service)
{
	switch (option) {
	case 'o':
		service->options.directory = optarg;
		return 0;
	case OPTION_SOCKET:
		service->socket = optarg;
		return 0;
	case OPTION_RUN:
		service->options.run = optarg;
		return 0;
	case OPTION_EXPECT:
		if (parse_status(optarg, &service->options.expect) < 0)
			return usage_error("agent", "'%s' is no exit status (0-255)", optarg);
		return 0;
	case OPTION_FACETS:
		if (!facets_parse(optarg, &service->options.facets))
			return usage_error("agent",
					   "--facets takes seccomp, caps, paths and stat with ',' "
					   "between, not '%s'",
					   optarg);
		return 0;
	case OPTION_NO_STACKS:
		service->options.stacks = false;
		return 0;
	case OPTION_NO_ARGV:
		service->options.argv = false;
		return 0;
	case OPTION_EXACT:
		service->options.exact = true;
		return 0;
	case OPTION_DENY_URING:
		service->options.deny_uring = true;
		return 0;
	case OPTION_ENGINE:
		if (parse_engine(optarg, &service->options.engine) < 0)
			return usage_error("agent",
					   "--engine takes auto, ptrace or notify, not '%s'",
					   optarg);
		return 0;
	default:
		return 2;
	}
}

/* 0 to go on; -1 if help was given; else the exit code of a mistake. */
static int parse_options(int argc, char **argv, struct service *service)
{
	int option;

	while ((option = next_option("agent", argc, argv, COMMON_LETTERS, long_options)) != -1) {
		if (option == 'h')
			return -1;
		int code = take_option(option, service);
		if (code)
			return code;
	}
	if (optind < argc)
		return usage_error("agent", "'%s' is one word too many", argv[optind]);
	if (!service->socket)
		return usage_error("agent", "--socket PATH is missing: where runtimes connect");
	return 0;
}

/* ---- what was recorded ---- */

/* The image of the runs in the directory; "" if there are none, or none is known. Freed. */
static char *image_in(const char *directory)
{
	AUTO_FREE char *path = xasprintf("%s/evidence.json", directory);
	struct evidence *old = NULL;
	struct error err;
	char *image = NULL;

	if (access(path, F_OK) < 0 || evidence_load(path, &old, &err) < 0)
		return xstrdup("");
	for (size_t i = 0; i < evidence_run_count(old) && !image; i++) {
		const char *of_run = evidence_run_at(old, i)->container[CONTAINER_IMAGE];

		if (of_run && *of_run)
			image = xstrdup(of_run);
	}
	evidence_free(old);
	return image ? image : xstrdup("");
}

/* Another image than this one that has the directory already, or "". Freed. */
static char *other_image_in(const char *directory, const char *image)
{
	char *other = image_in(directory);

	if (strcmp(other, image) == 0)
		*other = '\0';
	return other;
}

/* The first of the label's directories for images that is no other image's. */
static char *directory_apart(const struct service *service, const char *label, const char *image)
{
	for (unsigned int number = 1;; number++) {
		AUTO_FREE char *name = container_label_apart(label, image, number);
		AUTO_FREE char *apart = xasprintf("%s/%s", service->options.directory, name);
		AUTO_FREE char *other = other_image_in(apart, image);

		if (!*other)
			return STEAL(apart);
	}
}

/* DIR/NAME, or if that is another image's DIR/NAME@IMAGE: a profile is one program's. */
static char *directory_for(const struct service *service, const char *label,
			   const struct evidence *evidence)
{
	AUTO_FREE char *directory = xasprintf("%s/%s", service->options.directory, label);
	const char *image = evidence_run_at(evidence, 0)->container[CONTAINER_IMAGE];

	if (!image || !*image)
		return STEAL(directory);
	AUTO_FREE char *other = other_image_in(directory, image);
	if (!*other)
		return STEAL(directory);
	char *apart = directory_apart(service, label, image);
	say("%s is of another image (%s): what %s did goes into %s", directory, other, image,
	    apart);
	return apart;
}

static int keep(const struct service *service, const char *label, struct evidence *evidence,
		struct error *err)
{
	AUTO_FREE char *directory = directory_for(service, label, evidence);
	struct record_options options = service->options;
	AUTO_CLOSE int fd = -1;

	options.directory = directory;
	options.append = true;
	notes_say(evidence_run(evidence, 0));
	if (output_open(&options, &fd, err) < 0)
		return -1;
	return output_write(&options, fd, evidence, err);
}

static void keep_all(struct service *service)
{
	struct evidence *evidence = NULL;
	char *label = NULL;
	struct error err;

	while (agent_take(service->agent, &label, &evidence)) {
		bool kept = evidence && keep(service, label, evidence, &err) == 0;

		if (evidence && !kept)
			report_error(&err);
		/* A connection that was refused is not a container's. */
		service->failed |= !kept && *label;
		evidence_free(evidence);
		free(label);
	}
}

/* ---- the loop ---- */

static void ask_to_end(struct service *service)
{
	AUTO_BUF struct buf names = BUF_INIT;

	agent_close(service->agent);
	agent_names(service->agent, &names);
	if (++service->asked > 1)
		agent_kill(service->agent);
	else if (agent_active(service->agent))
		say("waiting for what still runs: %s (once more ends it)", buf_text(&names));
}

static int serve(struct service *service, struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = agent_fd(service->agent), .events = POLLIN },
		{ .fd = service->signals, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	while (!service->asked || agent_active(service->agent)) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return fail(err, ERROR_SYSTEM, errno, "cannot wait for containers");
		agent_step(service->agent);
		keep_all(service);
		if (read(service->signals, &info, sizeof(info)) == sizeof(info))
			ask_to_end(service);
	}
	return 0;
}

static int catch_signals(struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : fail(err, ERROR_SYSTEM, errno, "cannot wait for signals");
}

static int run(struct service *service, struct error *err)
{
	AUTO_CLOSE int directory = -1;

	if (file_open_dir(service->options.directory, &directory, err) < 0)
		return -1;
	service->signals = catch_signals(err);
	if (service->signals < 0 ||
	    agent_new(&service->options, service->socket, &service->agent, err) < 0)
		return -1;
	say("waiting for containers at %s", service->socket);
	int result = serve(service, err);
	agent_free(service->agent);
	return result;
}

int cmd_agent(int argc, char **argv)
{
	struct service service = { .options = { .directory = "whittle-out",
						.run = "run",
						.stacks = true,
						.argv = true,
						.facets = FACETS_DEFAULT },
				   .signals = -1 };
	struct error err = { .kind = ERROR_NONE };
	int code = parse_options(argc, argv, &service);

	if (code)
		return code < 0 ? 0 : code;
	if (run(&service, &err) < 0) {
		report_error(&err);
		return EXIT_WHITTLE;
	}
	return service.failed ? EXIT_WHITTLE : 0;
}
