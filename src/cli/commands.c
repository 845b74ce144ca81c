/* The command table and the help that it holds. */
#include <cli/cli.h>

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
	{ "record", cmd_record, "[OPTION...] -- COMMAND [ARG...]",
	  "Runs COMMAND, learns what it and its descendants use, and writes evidence.json,\n"
	  "policy.json, seccomp.json, capabilities.txt and apparmor.profile.\n\n"
	  "  -o, --output DIR       where to write (whittle-out)\n"
	  "      --run NAME         a label for this run (run)\n"
	  "      --append           add this run to the evidence in DIR\n"
	  "      --replace          replace the evidence in DIR\n"
	  "      --exercise COMMAND once the workload listens and shows nothing new, run this "
	  "shell\n"
	  "                         command untraced; its status is the outcome; then stop the "
	  "workload\n"
	  "      --ready COMMAND    wait until this shell command succeeds instead of for a "
	  "listener\n"
	  "      --timeout SECONDS  stop the workload (TERM, then KILL 5 seconds later)\n"
	  "      --wait WHICH       main: stop what still runs once COMMAND ends; all: wait (all)\n"
	  "      --expect STATUS    exit status of a good run (0)\n"
	  "      --facets LIST      what to learn: seccomp, caps, paths, stat (paths that were "
	  "only\n"
	  "                         looked at), with ',' between (seccomp,caps,paths)\n"
	  "      --known EVIDENCE   calls that it knows run unseen where they teach nothing "
	  "new;\n"
	  "                         --append does so with the evidence in DIR\n"
	  "      --recheck NAMES    but look at these calls again (with ',' between, or all)\n"
	  "      --exact            no filter: look at every call; slow\n"
	  "      --deny-io-uring    io_uring_setup answers ENOSYS: programs that fall back are "
	  "seen "
	  "in full\n"
	  "      --engine ENGINE    ptrace, notify (the workload may use ptrace itself) or auto "
	  "(auto)\n"
	  "      --host             record a container engine itself\n"
	  "      --no-stacks        do not record call sites\n"
	  "      --no-argv          do not record the command's arguments\n\n"
	  "If COMMAND starts a container (podman, docker or buildah run, podman or docker start, "
	  "runc "
	  "or\n"
	  "crun run), the container is recorded, by whittle-runtime; a filter that reports its "
	  "calls "
	  "takes\n"
	  "the place of its seccomp profile meanwhile. auto is notify there; ptrace traces the "
	  "container's\n"
	  "processes and sees results too.\n\n"
	  "The exit status is COMMAND's; 125 if whittle failed, 126 if COMMAND cannot be "
	  "executed,\n"
	  "127 if it is not found.\n" },
	{ "emit", cmd_emit, "TARGET [OPTION...] EVIDENCE...",
	  "Renders evidence as a profile for TARGET (see `whittle emit` for the list).\n\n"
	  "  -o, --output FILE      where to write (-: standard output)\n"
	  "      --runtime R        whose own calls a container profile allows: any, runc, crun,\n"
	  "                         docker, podman, kubernetes, none (any)\n"
	  "      --no-new-privileges WHEN  any, on, off: how the container is started (any)\n"
	  "      --name NAME        name of the AppArmor profile, and of the service or Pod\n"
	  "      --attach PATH      attach the AppArmor profile to this executable\n"
	  "      --exec HOW         other programs run under the same AppArmor profile (ix), child "
	  "profiles\n"
	  "                         in it (cx), separate ones in the same file (child-profiles), "
	  "or "
	  "ones\n"
	  "                         made of their own evidence, called whittle-PROGRAM (px) (ix)\n"
	  "      --keep-environment where the profile changes, LD_PRELOAD and its like are kept\n"
	  "      --complain         the AppArmor profile refuses nothing: the kernel logs only\n"
	  "      --abi ABI          3.0, or 4.0: the AppArmor profile has its newer classes too "
	  "(3.0)\n"
	  "      --form FORM        the AppArmor profile is for a container or this host "
	  "(container)\n"
	  "      --seccomp FILE     the filter as the target names it; docker-flags and podman "
	  "write it\n"
	  "                         there (seccomp.json beside the evidence)\n"
	  "      --apparmor         name the AppArmor profile too: it must be loaded there\n"
	  "      --proven FILE      the capabilities that this verified.json proves, and no "
	  "others\n"
	  "      --spo-api VERSION  of spo: v1, or v1beta1 for operators before 1.0 (v1)\n"
	  "      --allow-incomplete render also what failed or lost something\n\n"
	  "Exit status: 0, or 2 if it could not be done.\n" },
	{ "merge", cmd_merge, "-o FILE EVIDENCE...",
	  "Unites evidence of several runs.\n\n"
	  "  -o, --output FILE      where to write (-: standard output)\n\n"
	  "Exit status: 0, or 2 if it could not be done.\n" },
	{ "verify", cmd_verify, "[OPTION...] [EVIDENCE...] -- COMMAND [ARG...]",
	  "Proves which capabilities COMMAND needs: takes them away, runs it again, and sees "
	  "whether it\n"
	  "still does its work: the same exit status and output. With EVIDENCE (a directory "
	  "stands for\n"
	  "the evidence.json in it), what it lists is tried; else all that there is. Needs "
	  "root.\n\n"
	  "      --ablate WHAT      what to take away: caps (caps)\n"
	  "      --setup COMMAND    before each run: makes anew what COMMAND starts from\n"
	  "      --check COMMAND    after each run: its status 0 means that the work was done\n"
	  "      --exercise COMMAND COMMAND is a server, this its client; its status is the "
	  "outcome\n"
	  "      --ready COMMAND    with --exercise: the server is ready once this succeeds\n"
	  "      --expect STATUS    exit status of a good run (0)\n"
	  "      --compare WHAT     auto: standard output too, if it is the same in two runs;\n"
	  "                         output: it must be; status: not (auto)\n"
	  "      --timeout SECONDS  for each run (ten times what the first took, and 3)\n"
	  "  -o, --output DIR       write verified.json and capabilities.txt, the proven list, "
	  "there\n"
	  "      --json             print verified.json instead of the table\n\n"
	  "Shell commands run with all capabilities; what a run leaves running is killed.\n"
	  "Exit status: 0; 1 if another list is proven than EVIDENCE has; 2 if it could not be "
	  "decided.\n" },
	{ "lint", cmd_lint, "[OPTION...] PROFILE...",
	  "Says what is wrong with seccomp profiles in the form of OCI (also a whole config.json), "
	  "Docker\n"
	  "or containers/common (Podman, CRI-O); -: standard input. One finding a line.\n\n"
	  "      --target TARGET    who is to read it: oci, docker, containers-common, kubernetes\n"
	  "                         (told by its fields)\n"
	  "      --runtime R        whose own calls it must allow: any, runc, crun, docker,\n"
	  "                         podman, kubernetes, none (any)\n"
	  "      --no-new-privileges WHEN  any, on, off: how the container is started (any, or as\n"
	  "                         config.json says)\n"
	  "      --json             print JSON instead\n\n"
	  "-q leaves notes out. Exit status: 0; 1 if there are errors or warnings; 2 if a file "
	  "could not\n"
	  "be judged.\n" },
	{ "explain", cmd_explain, "--syscalls|--paths [OPTION...] EVIDENCE...",
	  "Says whom the seccomp profile of EVIDENCE grants each call for: the program, which may "
	  "make it\n"
	  "(implied), or the container's runtime; which argument rules are void, since the call is "
	  "granted\n"
	  "with any arguments; and how many calls are there for the runtime only. Or how much more "
	  "the\n"
	  "AppArmor profile grants than was used: for each rule whose name is a pattern, how many "
	  "files and\n"
	  "directories of this system it matches, whoever owns them; then the over-grant: names "
	  "granted for\n"
	  "each name used.\n\n"
	  "      --syscalls         the seccomp profile\n"
	  "      --runtime R, --no-new-privileges WHEN  as for emit\n"
	  "      --paths            the AppArmor profile\n"
	  "      --root DIR         look there instead of /: an image's root\n\n"
	  "-q prints the last line only, -v the reasons of each rule. Exit status: 0, or 2 if it "
	  "could not\n"
	  "be done.\n" },
	{ "agent", cmd_agent, "--socket PATH [OPTION...]",
	  "Records the containers whose runtimes connect to a socket, each in DIR/NAME: the "
	  "engine, "
	  "or\n"
	  "whittle-runtime, names it as \"listenerPath\" of the seccomp profile, which notifies "
	  "of all\n"
	  "calls. NAME is the container's, or its id; further runs of it are added, those of "
	  "another\n"
	  "image in DIR/NAME@IMAGE.\n\n"
	  "      --socket PATH      where to listen; only the own user can connect\n"
	  "  -o, --output DIR       where to write (whittle-out)\n"
	  "      --run NAME         a label for the runs (run)\n"
	  "      --expect STATUS    exit status of a good run (0)\n"
	  "      --facets LIST      what to learn, as for record (seccomp,caps,paths)\n"
	  "      --engine ENGINE    what whittle-runtime is told: notify, or ptrace, which sees "
	  "results\n"
	  "                         too (auto: notify)\n"
	  "      --exact            ptrace, and no filter: look at every call; slow\n"
	  "      --deny-io-uring    as for record\n"
	  "      --no-stacks        do not record call sites\n"
	  "      --no-argv          do not record the arguments of commands\n\n"
	  "SIGTERM or SIGINT: no more containers; ends when those that are recorded have ended, or "
	  "ends\n"
	  "them if told so again. An agent that is killed takes its containers with it.\n" },
	{ "floor", cmd_floor, "measure --runtime PATH [OPTION...]",
	  "Starts containers by a runtime (runc, crun, or another with their command line), finds "
	  "out\n"
	  "which calls it makes itself after it loaded the filter, and prints them in the form of\n"
	  "profiles/floors. As root; a minute or two.\n\n"
	  "      --runtime PATH     the runtime\n"
	  "      --runs N           how many starts of each kind are watched (5)\n"
	  "      --no-bisect        do not find out what becomes of a start without each call\n"
	  "      --timeout SECONDS  for each start (30)\n"
	  "  -o, --output FILE      where to write (-: standard output)\n\n"
	  "Exit status: 0, or 2 if it could not be done.\n" },
};

const struct command *command_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void print_help(const struct command *command)
{
	printf("usage: whittle %s %s\n\n%s", command->name, command->usage, command->help);
	printf("\n  -q, --quiet   -v, --verbose   -h, --help\n");
}

void print_general_help(FILE *out)
{
	fprintf(out,
		"usage: whittle COMMAND [OPTION...]\n\n"
		"Learns the least privilege that a program needs and writes it as profiles.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  whittle %s %s\n", commands[i].name, commands[i].usage);
	fprintf(out, "\n`whittle COMMAND --help` says more. For example:\n"
		     "  whittle record -- ls -l\n");
}
