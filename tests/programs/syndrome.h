/* What an exception leaves in the registers of the level it is taken to, and what to return with. */

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct syndrome {
    uint64_t esr, elr, spsr, far;
};

/* Of the level this runs at. */
struct syndrome read_syndrome(void);
void set_return(uint64_t pc, uint64_t spsr);

static inline unsigned exception_class(uint64_t esr)
{
    return esr >> 26 & 0x3f;
}

/* The vectors of one group. */
enum kind { SYNCHRONOUS, IRQ, FIQ, SERROR };
enum kind kind_of(unsigned vector);

/* Whether ESR_ELx and FAR_ELx say something about the exception. */
bool has_esr(unsigned vector);
bool has_far(unsigned vector, uint64_t esr);

/* Whether it is the SVC that ends a case. */
bool is_done(unsigned vector, const struct syndrome *s);
