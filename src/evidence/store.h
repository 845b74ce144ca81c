/* What the writer and the reader of evidence.json share. */
#ifndef EVIDENCE_STORE_H
#define EVIDENCE_STORE_H

#include <evidence/table.h>

/* "SIGTERM", "SIGRTMIN+3", "SIG32"; the caller frees it. */
char *signal_to_name(int signal);
/* The signal of such a name, 1 to 64, or 0. */
int signal_of_name(const char *name);

/* What a run says of its filters: "none", "learned", "known" or "learned+known"; constant. */
const char *filter_to_name(bool learned, bool known);

/* What a peak was measured of: "cgroup" or "processes"; constant. */
const char *peak_to_name(const struct evidence_peak *peak);

#endif
