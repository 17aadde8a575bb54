#include "syndrome.h"

#include "registers.h"

struct syndrome read_syndrome(void)
{
    switch (current_el()) {
    case 1:
        return (struct syndrome){READ(esr_el1), READ(elr_el1), READ(spsr_el1), READ(far_el1)};
    case 2:
        return (struct syndrome){READ(esr_el2), READ(elr_el2), READ(spsr_el2), READ(far_el2)};
    default:
        return (struct syndrome){READ(esr_el3), READ(elr_el3), READ(spsr_el3), READ(far_el3)};
    }
}

void set_return(uint64_t pc, uint64_t spsr)
{
    switch (current_el()) {
    case 1:
        WRITE(elr_el1, pc);
        WRITE(spsr_el1, spsr);
        break;
    case 2:
        WRITE(elr_el2, pc);
        WRITE(spsr_el2, spsr);
        break;
    default:
        WRITE(elr_el3, pc);
        WRITE(spsr_el3, spsr);
    }
}

enum kind kind_of(unsigned vector)
{
    return vector >> 7 & 3;
}

/* IRQ and FIQ leave ESR_ELx as it was. */
bool has_esr(unsigned vector)
{
    return kind_of(vector) == SYNCHRONOUS || kind_of(vector) == SERROR;
}

/* FAR_ELx holds an address for aborts, unless FnV says otherwise, for a misaligned PC, and for watchpoints. */
bool has_far(unsigned vector, uint64_t esr)
{
    if (!has_esr(vector))
        return false;
    switch (exception_class(esr)) {
    case 0x20: case 0x21: case 0x24: case 0x25:
        return !(esr >> 10 & 1);
    case 0x22: case 0x34: case 0x35:
        return true;
    default:
        return false;
    }
}

bool is_done(unsigned vector, const struct syndrome *s)
{
    const uint64_t svc_done = 0x15u << 26 | 1u << 25 | 0x600d;
    return has_esr(vector) && s->esr == svc_done;
}
