/* What a run lost or could not do, said to the user as soon as it ends. */
#include <cli/cli.h>
#include <cli/record.h>

#include <string.h>

static const struct {
	const char *kind;
	const char *text;
} texts[] = {
	{ "capability-events", "checks of capabilities came faster than they could be read" },
	{ "engine-failed", "whittle could not follow the workload to its end" },
	{ "filter-failed",
	  "no filter could be installed in a process: it was recorded the slow way, in full" },
	{ "filter-refused", "the kernel refused a filter to a process without privileges: it was "
			    "recorded the slow way, "
			    "in full (setpriv --no-new-privs whittle record ... is fast, where no "
			    "set-id program has to "
			    "gain any)" },
	{ "foretold",
	  "opens for reading were not followed to their end: what was there and could be read "
	  "counts as opened (--exact follows all)" },
	{ "foreign-abi",
	  "a process made calls of another ABI, which no filter lets run: it was recorded the slow "
	  "way, in full" },
	{ "interrupted-calls",
	  "a signal interrupted calls before whittle saw them: those that were not made again are "
	  "missing (--engine ptrace sees all)" },
	{ "io-uring",
	  "the workload used io_uring: files and sockets that it reached through the ring were not "
	  "seen (--deny-io-uring has it do without)" },
	{ "io-uring-denied",
	  "the workload was told that there is no io_uring (--deny-io-uring): what it does where "
	  "there is one was not seen, and its profiles do not grant it" },
	{ "known-by-name",
	  "runtimes take names of calls, not numbers: what is known of the native ABI runs "
	  "unseen in every ABI (a process that shows another one is a loss)" },
	{ "known-elsewhere",
	  "the container's filter lets calls run unseen that another recording knew: "
	  "make the container anew" },
	{ "known-foreign",
	  "a process of the container made calls of another ABI: calls of it that are known of the "
	  "native one were not seen (record without --known)" },
	{ "links-unwatched", "a process went through /proc when its looks at names were no longer "
			     "looked at: whether it "
			     "looked at other processes by links there (/proc/PID/fd/N) was not "
			     "seen (--exact sees it)" },
	{ "measured-partly",
	  "checks of capabilities came faster than they could be read: those that no rule of "
	  "whittle's knows may be missing" },
	{ "netlink-unwatched",
	  "a process made a netlink socket when some of its calls were no longer looked at: "
	  "capabilities that sending on it needs may be missing (--exact looks at all)" },
	{ "no-new-privs",
	  "no_new_privs was set in the workload, as an unprivileged user's filter requires: a "
	  "set-id program would not have gained its privileges (--exact needs no filter)" },
	{ "outer-filter",
	  "whittle itself runs under a seccomp filter, whose refusals another filter would hide: "
	  "the workload was recorded the slow way, in full" },
	{ "outer-refused",
	  "calls were refused by the seccomp filter that whittle itself runs under (a "
	  "container's): "
	  "what the workload does where they are allowed was not seen (the evidence says "
	  "\"filtered\")" },
	{ "outer-unseen",
	  "whittle itself runs under a seccomp filter (a container's): calls that it refuses were "
	  "not seen (--engine ptrace sees them)" },
	{ "outer-untold",
	  "whittle itself runs under a seccomp filter (a container's), and which of the refusals "
	  "are its could not be told" },
	{ "own-filter",
	  "a process installs seccomp filters itself: it was recorded the slow way, in full" },
	{ "own-listener", "a process asked for a seccomp listener of its own, which it cannot have "
			  "beside whittle's "
			  "(--engine ptrace)" },
	{ "own-refusals", "a process installs seccomp filters itself: calls that these refuse were "
			  "not seen (--exact sees them)" },
	{ "ptrace-refused",
	  "the workload wanted to trace a process itself (as strace and gdb do); the "
	  "kernel refuses that while whittle traces it, and what it would have done "
	  "then is not in the evidence (--engine notify traces nothing)" },
	{ "read-implies-exec",
	  "a process that had some of its calls no longer looked at asked that what it maps to "
	  "read "
	  "can be executed (personality(2)): rules for these files may lack \"m\" (--exact sees "
	  "all)" },
	{ "recording-failed", "the recording of another container of this run failed" },
	{ "runtime-unseen",
	  "of what the container's runtime does in the container only the start of "
	  "the program was seen: the floors of profiles grant the rest" },
	{ "served-files",
	  "the workload serves files itself (FUSE): from then on whittle did not look up the names "
	  "in its calls, for that would have waited for the workload" },
	{ "set-id-ignored",
	  "a set-id program ran without its privileges, as the kernel has it while "
	  "an unprivileged user traces it: record as root to see what it does" },
	{ "strict-mode-refused",
	  "a process asked for the strict mode of seccomp, which it cannot have beside whittle's "
	  "filter (--engine ptrace)" },
	{ "too-many-paths",
	  "the workload used more paths than whittle keeps; the others are not in the evidence" },
	{ "undecoded-syscall", "a system call was recorded whose arguments whittle cannot decode" },
	{ "unknown-abi", "calls of an ABI that whittle does not know were not recorded" },
	{ "unknown-outcome",
	  "how the container's process ended is not known: the kernel tells that only its parent "
	  "(Linux 6.15 tells others too)" },
	{ "unknown-syscall",
	  "a system call was recorded by its number: whittle has no name for it" },
	{ "unreadable-path", "a path could not be read or resolved, and is not in the evidence" },
	{ "unreadable-program", "the executable of a process could not be told" },
	{ "unresolved-stat",
	  "a path that was only looked at was gone before its name could be resolved" },
	{ "unseen-process",
	  "calls came from a process that whittle cannot see: it must run in the pid namespace of "
	  "the host, or in one that the container's is below" },
	{ "unstorable-fact", "a fact was too long to be kept" },
	{ "untraced-child", "a process was started with CLONE_UNTRACED, and was not followed" },
};

static const char *text_of(const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strcmp(texts[i].kind, kind) == 0)
			return texts[i].text;
	return kind;
}

/* Said with -v only: it is so in most runs. */
static bool is_detail(const char *kind)
{
	return strcmp(kind, "foretold") == 0;
}

static void say_list(const char *word, const struct evidence_note *notes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_detail(notes[i].kind) || verbosity() > 1)
			say("%s: %s (%s, %llu times)", word, text_of(notes[i].kind), notes[i].kind,
			    (unsigned long long)notes[i].count);
}

void notes_say(const struct evidence_run *run)
{
	say_list("lost", run->losses, run->loss_count);
	say_list("limitation", run->limitations, run->limitation_count);
}
