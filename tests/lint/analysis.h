/*
 * What the analysers cannot know, included before every file that they read: fail() always gives
 * -1 and usage_error() 2; a deleted entry is the only one that leaves an uthash table (clang takes
 * every deletion in a loop for a use after free). cppcheck knows no statement expressions, and
 * reads no system headers.
 */
#include <whittle/base.h>

#ifdef CPPCHECK
#undef STEAL
#define STEAL(p)                     (p)
#define HASH_ITER(hh, head, el, tmp) for ((tmp) = (el) = (head); (el); (el) = (tmp))
#define json_array_foreach(array, index, value)                                                    \
	for ((index) = 0; ((value) = json_array_get(array, index)); (index)++)
#define json_object_foreach(object, key, value)                                                    \
	for ((key) = first_key(object); ((value) = json_object_get(object, key)); (key)++)
#else
#ifdef ANALYSES_CLI
#include <cli/cli.h>
#define usage_error(...) (usage_error(__VA_ARGS__), 2)
#endif
#include <uthash.h>

#undef HASH_DEL
#define HASH_DEL(head, el) ((head) = (head) == (el) ? (el)->hh.next : (head))
#ifndef DEFINES_FAIL
#define fail(...) (fail(__VA_ARGS__), -1)
#endif
#endif
