/*
 * What the analysers cannot know, included before every file that they read: fail() always gives
 * -1, and a deleted entry is the only one that leaves an uthash table (they take every deletion in
 * a loop for a use after free).
 */
#ifdef CPPCHECK
#define HASH_ITER(hh, head, el, tmp) for ((tmp) = (el) = (head); (el); (el) = (tmp))
#else
#include <uthash.h>
#include <whittle/base.h>

#undef HASH_DEL
#define HASH_DEL(head, el) ((head) = (head) == (el) ? (el)->hh.next : (head))
#ifndef ANALYSES_FAIL
#define fail(...) (fail(__VA_ARGS__), -1)
#endif
#endif
