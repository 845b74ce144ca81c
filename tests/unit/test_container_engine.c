/* Which command lines start a container, and what whittle makes of them. */
#include <whittle/container.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { WORDS = 24 };

static void split(char *line, char **argv)
{
	size_t count = 0;
	char *rest = line, *word;

	while ((word = strsep(&rest, " ")) && count < WORDS)
		argv[count++] = word;
	argv[count] = NULL;
}

static void same(const char *got, const char *wanted)
{
	assert_string_equal(got ? got : "-", wanted);
}

/* The words that are put in are between "[" and "]". */
static const struct {
	const char *line, *argv, *image, *container;
	bool detached;
} command_lines[] = {
	{ "podman run alpine id", "podman [P] run alpine id", "alpine", "-", false },
	{ "/usr/bin/podman --log-level debug --root=/r container run -it --rm -v /a:/b "
	  "--name web -eA=b nginx -d",
	  "/usr/bin/podman --log-level debug --root=/r [P] container run -it --rm -v /a:/b "
	  "--name web -eA=b nginx -d",
	  "nginx", "web", false },
	{ "podman --remote run -dit --env A nginx", "podman --remote [P] run -dit --env A nginx",
	  "nginx", "-", true },
	{ "podman run --detach=false --rm=true nginx",
	  "podman [P] run --detach=false --rm=true nginx", "nginx", "-", false },
	{ "podman run --rootfs /:O sh", "podman [P] run --rootfs /:O sh", "-", "-", false },
	{ "podman run --detach -- nginx sh", "podman [P] run --detach -- nginx sh", "nginx", "-",
	  true },
	{ "podman start -a web", "podman [P] start -a web", "-", "web", false },
	{ "podman exec -it web sh", "podman [P] exec -it web sh", "-", "web", false },
	{ "docker -H unix:///s run --network none busybox ls",
	  "docker -H unix:///s run --network none [D] busybox ls", "busybox", "-", false },
	{ "docker run --runtime x busybox", "docker run --runtime x [D] busybox", "busybox", "-",
	  false },
	{ "docker run -ti -p 1:2 -- busybox", "docker run -ti -p 1:2 [D] -- busybox", "busybox",
	  "-", false },
	{ "docker start -a web", "docker start -a web[-]", "-", "web", false },
	{ "buildah run -v /a:/b c -- make", "buildah run -v /a:/b [B] c -- make", "-", "c", false },
	{ "runc --root /r run -b /x id", "[R] --root /r run -b /x id", "-", "id", false },
	{ "crun run --bundle=/x -d id", "[R] run --bundle=/x -d id", "-", "id", true },
	{ "env -- A=b podman run x", "env -- A=b podman [P] run x", "x", "-", false },
	{ "env -u A --unset=C B=1 podman --root /r run -d x",
	  "env -u A --unset=C B=1 podman --root /r [P] run -d x", "x", "-", true },
	{ "/usr/bin/sudo -E A=b timeout -s KILL 5 docker run x y",
	  "/usr/bin/sudo -E A=b timeout -s KILL 5 docker run [D] x y", "x", "-", false },
	{ "nice -n 5 nohup runc run -b /x id", "nice -n 5 nohup [R] run -b /x id", "-", "id",
	  false },
};

static void parses(void **state)
{
	static const char podman[] = "--runtime=/l --runtime-flag=whittle-socket=/s "
				     "--runtime-flag=whittle-runtime=/r";
	static const char docker[] = "--runtime=whittle";
	static const char buildah[] =
		"--isolation=oci --runtime=/l --runtime-flag=whittle-socket=/s "
		"--runtime-flag=whittle-runtime=/r";
	static const char runtime[] = "/l --whittle-socket=/s --whittle-runtime=/r";
	static const struct container_words words = { "/l", "/s", "/r", "whittle" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(command_lines); i++) {
		AUTO_FREE char *line = xstrdup(command_lines[i].line);
		AUTO_BUF struct buf wanted = BUF_INIT, got = BUF_INIT;
		struct container_command command;
		char *argv[WORDS + 1];

		split(line, argv);
		assert_true(container_parse(argv, &command));
		same(command.image, command_lines[i].image);
		same(command.container, command_lines[i].container);
		assert_int_equal(command.detached, command_lines[i].detached);
		char **made = container_argv(&command, argv, &words);
		for (size_t k = 0; made[k]; k++)
			buf_addf(&got, "%s%s", k ? " " : "", made[k]);
		container_argv_free(made);
		const char *mark = strchr(command_lines[i].argv, '[');
		buf_add(&wanted, command_lines[i].argv, (size_t)(mark - command_lines[i].argv));
		buf_adds(&wanted, mark[1] == 'P'   ? podman
				  : mark[1] == 'D' ? docker
				  : mark[1] == 'B' ? buildah
				  : mark[1] == '-' ? ""
						   : runtime);
		buf_adds(&wanted, mark + 3);
		assert_string_equal(buf_text(&got), buf_text(&wanted));
	}
}

static void says_who_gives_rights(void **state)
{
	static const char *const rows[][2] = {
		{ "podman run x", "-" },
		{ "env A=b podman run x", "-" },
		{ "env A=b sudo podman run x", "sudo" },
		{ "nice /usr/bin/doas env sudo docker run x", "/usr/bin/doas" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *line = xstrdup(rows[i][0]);
		struct container_command command;
		char *argv[WORDS + 1];

		split(line, argv);
		assert_true(container_parse(argv, &command));
		same(command.gains, rows[i][1]);
	}
}

static void takes_no_other(void **state)
{
	static const char *const rows[] = {
		"ls",
		"podman",
		"podman ps",
		"podman run",
		"podman run -d",
		"podman --root run ps",
		"docker build .",
		"docker-compose run x",
		"mypodman run x",
		"runc list",
		"runc run -b /x",
		"buildah start x",
		"podman run --name",
		"container run x",
		"env",
		"env A=b",
		"env -C / podman run x",
		"sudo -u me podman run x",
		"timeout podman run",
		"sudo ls",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *line = xstrdup(rows[i]);
		struct container_command command;
		char *argv[WORDS + 1];

		split(line, argv);
		assert_false(container_parse(argv, &command));
	}
}

static void keeps(void **state)
{
	char *podman[] = { "podman", "--runtime", "crun", "--runtime=/r/runc", "run", "x", NULL };
	char *docker[] = { "docker", "run", "--runtime", "kata", "x", NULL };
	char *runc[] = { "runc", "run", "-b", "/b", "x", NULL };
	char *crun[] = { "crun", "run", "-f", "other.json", "x", NULL };
	struct container_command command;

	(void)state;
	assert_true(container_parse(podman, &command));
	same(command.runtime, "/r/runc");
	assert_true(container_parse(docker, &command));
	same(command.runtime, "kata");
	assert_true(container_parse(runc, &command));
	same(command.bundle, "/b");
	same(command.config, "config.json");
	assert_true(container_parse(crun, &command));
	same(command.bundle, ".");
	same(command.config, "other.json");
}

/* A word whose value is not known is left out; a question keeps the engine's own options. */
static void words_and_questions(void **state)
{
	char *argv[] = { "podman", "--root", "/r", "run", "-d", "x", NULL };
	const struct container_words words = { "/l", "/s", NULL, NULL };
	const char *const ask[] = { "image", "inspect", NULL };
	struct container_command command;

	(void)state;
	assert_true(container_parse(argv, &command));
	char **made = container_argv(&command, argv, &words);
	same(made[4], "--runtime-flag=whittle-socket=/s");
	same(made[5], "run");
	container_argv_free(made);
	made = container_ask(&command, argv, ask, "x");
	same(made[2], "/r");
	same(made[4], "inspect");
	same(made[5], "x");
	assert_null(made[6]);
	container_argv_free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parses),
					    cmocka_unit_test(says_who_gives_rights),
					    cmocka_unit_test(takes_no_other),
					    cmocka_unit_test(keeps),
					    cmocka_unit_test(words_and_questions) };

	return cmocka_run_group_tests_name("container engine", tests, NULL, NULL);
}
