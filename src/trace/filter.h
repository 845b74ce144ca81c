/* Private to the room: filters that let known calls run and report the rest. */
#ifndef TRACE_FILTER_H
#define TRACE_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <whittle/event.h>

/* SECCOMP_RET_DATA of whittle's own filters, which tells their stops from those of others'. */
#define FILTER_MAGIC 0x5748
#define FILTER_TRACE (SECCOMP_RET_TRACE | FILTER_MAGIC)

/*
 * Builds the program that allows the calls listed and answers action to everything else, also to
 * every call of another ABI. The instructions are freed by filter_release(). A call with more
 * combinations of values than a filter should hold is left out: it reports.
 */
int filter_build(const struct free_call *calls, size_t count, uint32_t action,
		 struct sock_fprog *ret_program, struct error *err);
/*
 * Likewise, but the calls of notified.h notify a listener, unless pass is their sixth argument; all
 * else that reports is stopped.
 */
int filter_build_notified(const struct free_call *calls, size_t count, uint64_t pass,
			  struct sock_fprog *ret_program, struct error *err);
void filter_release(struct sock_fprog *program);

/*
 * filter_build_notified(), or without a listener if pass is 0, but what was built before of the
 * same is not built again: processes of one program mostly get the same. The program stays
 * *built's, until the next one; filters_free() frees all.
 */
struct built;
int filter_kept(struct built **built, const struct free_call *calls, size_t count, uint64_t pass,
		struct sock_fprog *ret_program, struct error *err);
void filters_free(struct built *built);

#endif
