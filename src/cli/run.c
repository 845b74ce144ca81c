/* One run in evidence: where its facts go, and what it says of itself. */
#include <cli/record.h>

#include <gnu/libc-version.h>
#include <sys/capability.h>
#include <sys/utsname.h>
#include <unistd.h>

static void take_fact(void *context, const struct fact *fact)
{
	const struct run_target *to = context;

	evidence_add(to->evidence, to->run, fact);
}

static void take_loss(void *context, const char *kind)
{
	const struct run_target *to = context;

	evidence_add_loss(to->evidence, to->run, kind);
}

static void take_limitation(void *context, const char *kind)
{
	const struct run_target *to = context;

	evidence_add_limitation(to->evidence, to->run, kind);
}

struct fact_sink run_sink(struct run_target *to)
{
	return (struct fact_sink){ to, take_fact, take_loss, take_limitation };
}

struct evidence_peak run_peak(const struct trace *trace)
{
	return (struct evidence_peak){ .memory = trace_peak_memory(trace),
				       .tasks = trace_peak_tasks(trace) };
}

bool run_is_exit(const struct event *event)
{
	return event->kind == EVENT_ENTRY && event->abi && event->nr == event->abi->exit_group;
}

void run_describe(const struct record_options *options, char **argv, struct evidence_run *run)
{
	struct utsname here;
	char *no_arguments[] = { argv[0], NULL };

	uname(&here);
	run->command = secrets_mask(options->argv ? argv : no_arguments);
	run->facets = options->facets;
	run->kernel = xstrdup(here.release);
	run->machine = xstrdup(here.machine);
	run->user = xasprintf("%u:%u", geteuid(), getegid());
	run->libc = xasprintf("glibc %s", gnu_get_libc_version());
	/* set-id programs keep their privilege under it */
	run->privileged = has_capability(CAP_SYS_PTRACE);
}
