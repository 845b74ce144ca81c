/* Private to the room: shared by observe.c and the decoders in args.c. */
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include <observe/capable.h>

#endif
