/* A thread that interrupts another one when descriptors can be read. */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <trace/waker.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { LONG = 10000, SHORT = 50 }; /* ms */

static int event; /* what can be read */
static volatile sig_atomic_t woken;

static void note(int number)
{
	eventfd_t value;

	(void)number;
	eventfd_read(event, &value);
	woken++;
}

static void catch (void (*handler)(int))
{
	sigaction(SIGIO, &(struct sigaction){ .sa_handler = handler }, NULL);
}

static void a_wait_is_interrupted(void **state)
{
	(void)state;
	woken = 0;
	event = eventfd(0, EFD_NONBLOCK);
	catch (note);
	struct waker *waker = waker_start(&event, 1, SIGIO);
	assert_non_null(waker);
	assert_int_equal(poll(NULL, 0, SHORT), 0); /* by nothing */
	assert_int_equal(eventfd_write(event, 1), 0);
	while (!woken)
		poll(NULL, 0, LONG);
	waker_end(waker);
	catch (SIG_DFL); /* would end the test */
	assert_int_equal(eventfd_write(event, 1), 0);
	assert_int_equal(poll(NULL, 0, SHORT), 0);
	close(event);
}

/* Of a descriptor that has ended it tells once. */
static void an_end_is_told_once(void **state)
{
	int ends[2], before;

	(void)state;
	woken = 0;
	event = eventfd(0, EFD_NONBLOCK);
	catch (note);
	assert_int_equal(pipe(ends), 0);
	struct waker *waker = waker_start(ends, 1, SIGIO);
	assert_non_null(waker);
	close(ends[1]);
	while (!woken)
		poll(NULL, 0, LONG);
	before = woken;
	while (poll(NULL, 0, SHORT) < 0)
		assert_true(woken < before + 2);
	waker_end(waker);
	catch (SIG_DFL);
	close(ends[0]);
	close(event);
}

/* poll(2) fails while there are more descriptors than RLIMIT_NOFILE. */
static void it_ends_where_it_cannot_wait(void **state)
{
	struct rlimit before, none;

	(void)state;
	event = eventfd(0, EFD_NONBLOCK);
	catch (note);
	struct waker *waker = waker_start(&event, 1, SIGIO);
	assert_non_null(waker);
	woken = 0;
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(eventfd_write(event, 1), 0); /* it waits no more as it did */
	while (woken < 3)
		poll(NULL, 0, LONG); /* and so it tells now and then */
	waker_end(waker);
	setrlimit(RLIMIT_NOFILE, &before);
	catch (SIG_DFL);
	close(event);
}

static void what_is_none_cannot_be_waited_for(void **state)
{
	int none = -1;

	(void)state;
	assert_null(waker_start(&none, 1, SIGIO));
	waker_end(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_is_interrupted),
		cmocka_unit_test(an_end_is_told_once),
		cmocka_unit_test(it_ends_where_it_cannot_wait),
		cmocka_unit_test(what_is_none_cannot_be_waited_for),
	};

	alarm(60);
	return cmocka_run_group_tests_name("trace, waker", tests, NULL, NULL);
}
