/* From the level a program starts at to a case, which runs at any level, and back. */

#pragma once

#include <stdbool.h>
#include <stdint.h>

extern unsigned starting_el; /* which `main` finds out */

/* Execute from `pc` with that PSTATE and stack pointer, until `go_home`. */
void travel(uint64_t pc, uint64_t spsr, uint64_t sp);

/* Have `travel` return. From a lower level that takes an exception, whose vector is to call this again. */
_Noreturn void go_home(void);

/* Whether the exception just taken is that one. */
bool is_homebound(void);
