/* Exceptions taken to EL1, and the way to EL0. */

#pragma once

#include <stdint.h>

/* What vectors.s saves of the interrupted program, and restores when on_exception returns. */
struct frame {
    uint64_t x[31];
    uint64_t sp;     /* SP_EL0 */
    uint64_t pc;     /* ELR_EL1 */
    uint64_t pstate; /* SPSR_EL1 */
    uint64_t esr;
    uint64_t far;
};

/* ESR_EL1.EC, the exception class. "Lower" is EL0, "same" is EL1. */
enum exception_class {
    SYSTEM_CALL = 0x15,
    FETCH_ABORT_LOWER = 0x20,
    FETCH_ABORT_SAME = 0x21,
    DATA_ABORT_LOWER = 0x24,
    DATA_ABORT_SAME = 0x25,
};

/* ISS.DFSC and ISS.IFSC of an abort, the fault status code, without the level in its bits 1:0. */
enum fault {
    TRANSLATION_FAULT = 0x04,
    ACCESS_FLAG_FAULT = 0x08,
    PERMISSION_FAULT = 0x0c,
};

static inline enum exception_class exception_class(const struct frame *frame)
{
    return frame->esr >> 26 & 63;
}

static inline enum fault fault(const struct frame *frame)
{
    return frame->esr & 0x3c;
}

static inline int is_write(const struct frame *frame)
{
    return frame->esr >> 6 & 1; /* ISS.WnR, of a data abort */
}

static inline int is_abort(const struct frame *frame)
{
    enum exception_class class = exception_class(frame);
    return class == FETCH_ABORT_LOWER || class == FETCH_ABORT_SAME || class == DATA_ABORT_LOWER ||
           class == DATA_ABORT_SAME;
}

/* The modes the examples run in, as SPSR_EL1 holds them, interrupts masked. */
enum mode {
    EL0t = 0x3c0,
    EL1t = 0x3c4, /* EL1 with SP_EL0: exceptions are still handled on SP_EL1 */
};

/* The program's own: called on SP_EL1 for every synchronous exception. */
void on_exception(struct frame *frame);

/* Let exceptions arrive at on_exception. */
void set_vectors(void);

/* Begin at `pc` in that mode with SP_EL0 and one argument. The kernel's own stack is empty then. */
_Noreturn void enter(enum mode mode, void (*pc)(uint64_t), uint64_t sp, uint64_t argument);

/* Print the characters at a user's address, up to a zero, with no more rights than the user has. */
void print_user(const char *text);

/* "write to 0x80000000 from EL0: translation fault, level 3" and the like, of an abort. */
void print_abort(const struct frame *frame);
void print_address(uint64_t address);

/* What an exception ends in that the program has no answer to. */
_Noreturn void unexpected(const struct frame *frame);
