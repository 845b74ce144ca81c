/* whittle lint: what is wrong with seccomp profiles. */
#include <cli/cli.h>

#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <whittle/escape.h>
#include <whittle/file.h>
#include <whittle/finding.h>

struct run {
	struct lint_options options;
	json_t *files; /* --json: one object a profile; else NULL */
	size_t count[SEVERITIES];
	int status;
};

static void worsen(struct run *run, int status)
{
	if (status > run->status)
		run->status = status;
}

/* FILE: LOCATION: SEVERITY: TEXT; ADVICE [ID]. Notes are for who is not in a hurry: -q. */
static void print_finding(const char *path, const struct finding *finding)
{
	AUTO_BUF struct buf line = BUF_INIT;
	AUTO_FREE char *text = xasprintf("%s: %s: %s: %s; %s [%s]", path, finding->location,
					 severity_name(finding->severity), finding->text,
					 finding->advice, finding->id);

	if (verbosity() < 1 && finding->severity == SEVERITY_NOTE)
		return;
	escape_terminal(&line, text, strlen(text));
	puts(buf_text(&line));
}

/* A file name need not be UTF-8; JSON must be. */
static json_t *json_text(const char *text)
{
	AUTO_BUF struct buf safe = BUF_INIT;
	json_t *plain = json_string(text);

	if (plain)
		return plain;
	escape_text(&safe, text, strlen(text));
	return json_string(buf_text(&safe));
}

static json_t *finding_json(const struct finding *finding)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:s}", "id", finding->id, "severity",
			 severity_name(finding->severity), "location", finding->location, "text",
			 json_text(finding->text), "advice", finding->advice);
}

static void add_file(struct run *run, const char *path, const struct findings *findings,
		     const struct error *err)
{
	json_t *list = json_array();

	for (size_t i = 0; findings && i < findings->count; i++)
		json_array_append_new(list, finding_json(&findings->item[i]));
	json_t *file = json_pack("{s:o, s:s?, s:o}", "file", json_text(path), "form",
				 findings ? findings->form : NULL, "findings", list);
	if (err)
		json_object_set_new(file, "error", json_text(err->text));
	json_array_append_new(run->files, file);
}

static void take_findings(struct run *run, const char *path, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->item[i];

		run->count[finding->severity]++;
		if (finding->severity != SEVERITY_NOTE)
			worsen(run, 1);
		if (!run->files)
			print_finding(path, finding);
	}
	if (run->files)
		add_file(run, path, findings, NULL);
}

static void take_failure(struct run *run, const char *path, struct error *err)
{
	AUTO_FREE char *text = xstrdup(err->text);

	worsen(run, 2);
	if (err->kind == ERROR_INPUT)
		fail(err, err->kind, err->number, "%s: %s", path, text);
	report_error(err);
	if (run->files)
		add_file(run, path, NULL, err);
}

static void lint_file(struct run *run, const char *path)
{
	struct findings findings = { 0 };
	struct error err = { .kind = ERROR_NONE };
	AUTO_FREE char *text = NULL;
	size_t length;
	bool standard_input = strcmp(path, "-") == 0;

	if (file_read(AT_FDCWD, standard_input ? "/dev/stdin" : path, PROFILE_MAX, &text, &length,
		      &err) < 0 ||
	    lint_profile(text, length, &run->options, &findings, &err) < 0) {
		take_failure(run, path, &err);
		return;
	}
	take_findings(run, path, &findings);
	findings_free(&findings);
}

enum { OPTION_TARGET = 256, OPTION_RUNTIME, OPTION_NNP, OPTION_JSON };

static const struct option long_options[] = {
	{ "target", required_argument, NULL, OPTION_TARGET },
	{ "runtime", required_argument, NULL, OPTION_RUNTIME },
	{ "no-new-privileges", optional_argument, NULL, OPTION_NNP },
	{ "json", no_argument, NULL, OPTION_JSON },
	COMMON_OPTIONS,
};

/* Returns -1 to go on, else the exit status; what is left at argv[optind] are profiles. */
static int parse(int argc, char **argv, struct lint_options *options, bool *ret_json)
{
	int option;

	while ((option = next_option("lint", argc, argv, "qvh", long_options)) != -1) {
		if (option == 'h' || option == '?')
			return option == 'h' ? 0 : 2;
		if (option == 'o')
			return usage_error("lint", "there is no output but standard output");
		if (option == OPTION_TARGET)
			options->target = optarg;
		else if (option == OPTION_RUNTIME)
			options->runtime = optarg;
		else if (option == OPTION_NNP)
			options->no_new_privileges = optarg ? optarg : "on";
		else if (option == OPTION_JSON)
			*ret_json = true;
	}
	return optind < argc ? -1 : usage_error("lint", "which profile?");
}

static void print_end(const struct run *run)
{
	if (run->files) {
		json_dumpf(run->files, stdout, JSON_INDENT(2));
		puts("");
		return;
	}
	say("%zu error%s, %zu warning%s, %zu note%s", run->count[SEVERITY_ERROR],
	    run->count[SEVERITY_ERROR] == 1 ? "" : "s", run->count[SEVERITY_WARNING],
	    run->count[SEVERITY_WARNING] == 1 ? "" : "s", run->count[SEVERITY_NOTE],
	    run->count[SEVERITY_NOTE] == 1 ? "" : "s");
}

int cmd_lint(int argc, char **argv)
{
	struct run run = { .status = 0 };
	bool json = false;
	int status = parse(argc, argv, &run.options, &json);

	if (status >= 0)
		return status;
	run.files = json ? json_array() : NULL;
	for (int i = optind; i < argc; i++)
		lint_file(&run, argv[i]);
	print_end(&run);
	json_decref(run.files);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		warn("cannot write standard output");
		return 2;
	}
	return run.status;
}
