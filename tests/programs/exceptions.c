/* Takes every exception of exceptions.S and prints where it went and what it left in the registers, one a line. */

#include "runtime/io.h"

#include <stdbool.h>
#include <stddef.h>

#define READ(reg) ({ uint64_t value_; __asm__ volatile("mrs %0, " #reg : "=r"(value_)); value_; })
#define WRITE(reg, value) __asm__ volatile("msr " #reg ", %0" : : "r"((uint64_t)(value)))
#define ISB() __asm__ volatile("isb" : : : "memory")

#define SCTLR_EL3_RES1 0x30c50830
#define CPTR_TCPAC (1u << 31)

/* What the macro `try` lays down. `from` is the lowest starting level at which the case can run. */
struct test {
    const char *name;
    uint64_t from, pc, spsr, sp;
    uint64_t sctlr_el1, cpacr_el1, mdscr_el1, cntkctl_el1;
    uint64_t sctlr_el2, hcr_el2, cptr_el2, mdcr_el2, cnthctl_el2;
    uint64_t scr_el3, cptr_el3, mdcr_el3;
};

/* exceptions.S */
extern const struct test tests[], tests_end[];
extern const char vectors[];
void enter(uint64_t sp); /* ERET, and come back through `leave` */
_Noreturn void leave(void);

static unsigned starting_el;
static bool homebound; /* the exception has been reported: the one now taken only leads back */

static unsigned current_el(void)
{
    return READ(CurrentEL) >> 2;
}

struct syndrome {
    uint64_t esr, elr, spsr, far;
};

static struct syndrome read_syndrome(unsigned el)
{
    switch (el) {
    case 1:
        return (struct syndrome){READ(esr_el1), READ(elr_el1), READ(spsr_el1), READ(far_el1)};
    case 2:
        return (struct syndrome){READ(esr_el2), READ(elr_el2), READ(spsr_el2), READ(far_el2)};
    default:
        return (struct syndrome){READ(esr_el3), READ(elr_el3), READ(spsr_el3), READ(far_el3)};
    }
}

static unsigned exception_class(uint64_t esr)
{
    return esr >> 26 & 0x3f;
}

/* IRQ and FIQ leave ESR_ELx as it was. */
static bool has_esr(unsigned vector)
{
    unsigned kind = vector >> 7 & 3;
    return kind == 0 || kind == 3;
}

/* FAR_ELx holds an address for aborts, unless FnV says otherwise, for a misaligned PC, and for watchpoints. */
static bool has_far(unsigned vector, uint64_t esr)
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

static void print_field(const char *name, bool valid, uint64_t value)
{
    print(name);
    if (valid)
        print_hex(value, 16);
    else
        print("-");
}

static void report(unsigned vector, const struct syndrome *s)
{
    print(" vector=EL");
    print_decimal(current_el());
    print("+");
    print_hex(vector, 3);
    print_field(" esr=", has_esr(vector), s->esr);
    print_field(" elr=", true, s->elr);
    print_field(" spsr=", true, s->spsr);
    print_field(" far=", has_far(vector, s->esr), s->far);
    print("\n");
}

static bool is_done(unsigned vector, const struct syndrome *s)
{
    const uint64_t svc_done = 0x15u << 26 | 1u << 25 | 0x600d;
    return has_esr(vector) && s->esr == svc_done;
}

/* Called by every vector, with x0 as the test left it. The way home from a lower level must not depend on HVC or SMC,
 * which some tests disable: it is CPACR_EL1, whose accesses CPTR_ELx.TCPAC traps to the starting level. */
_Noreturn void caught(uint64_t x0, unsigned vector)
{
    if (!homebound) {
        struct syndrome s = read_syndrome(current_el());
        if (is_done(vector, &s)) {
            print_field(" no exception x0=", true, x0);
            print("\n");
        } else {
            report(vector, &s);
        }
    }
    if (current_el() == starting_el)
        leave();
    if (homebound) {
        print("lost below the starting level\n");
        exit(1);
    }
    homebound = true;
    READ(cpacr_el1);
    exit(2);
}

static void configure_el1(const struct test *t)
{
    WRITE(vbar_el1, vectors);
    WRITE(sctlr_el1, t->sctlr_el1);
    WRITE(cpacr_el1, t->cpacr_el1);
    WRITE(mdscr_el1, t->mdscr_el1);
    WRITE(cntkctl_el1, t->cntkctl_el1);
    WRITE(pmuserenr_el0, 0);
    WRITE(sp_el0, t->sp);
}

static void configure_el2(const struct test *t)
{
    WRITE(vbar_el2, vectors);
    WRITE(sctlr_el2, t->sctlr_el2);
    WRITE(hcr_el2, t->hcr_el2);
    WRITE(mdcr_el2, t->mdcr_el2);
    WRITE(cnthctl_el2, t->cnthctl_el2);
    WRITE(cptr_el2, t->cptr_el2 | (starting_el == 2 ? CPTR_TCPAC : 0));
    WRITE(sp_el1, t->sp);
}

static void configure_el3(const struct test *t)
{
    WRITE(vbar_el3, vectors);
    WRITE(sctlr_el3, SCTLR_EL3_RES1);
    WRITE(scr_el3, t->scr_el3);
    WRITE(mdcr_el3, t->mdcr_el3);
    WRITE(cptr_el3, t->cptr_el3 | CPTR_TCPAC);
    WRITE(sp_el2, t->sp);
}

static void set_return(uint64_t pc, uint64_t spsr)
{
    switch (starting_el) {
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

static void run(const struct test *t)
{
    print(t->name);
    print(":");
    homebound = false;
    if (starting_el >= 3)
        configure_el3(t);
    ISB(); /* SCR_EL3 decides whether EL2 is there */
    if (starting_el >= 2)
        configure_el2(t);
    configure_el1(t);
    set_return(t->pc, t->spsr);
    ISB();
    enter(t->sp);
}

int main(void)
{
    starting_el = current_el();
    for (const struct test *t = tests; t != tests_end; t++)
        if (t->from <= starting_el)
            run(t);
    return 0;
}
