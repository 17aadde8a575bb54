/* Takes every exception of exceptions.S and prints where it went and what it left in the registers, one a line. */

#include "runtime/io.h"

#include "journey.h"
#include "registers.h"
#include "syndrome.h"

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

/* Called by every vector, with x0 as the test left it. */
_Noreturn void caught(uint64_t x0, unsigned vector)
{
    if (is_homebound())
        go_home();
    struct syndrome s = read_syndrome();
    if (is_done(vector, &s)) {
        print_field(" no exception x0=", true, x0);
        print("\n");
    } else {
        report(vector, &s);
    }
    go_home();
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

static void run(const struct test *t)
{
    print(t->name);
    print(":");
    if (starting_el >= 3)
        configure_el3(t);
    ISB(); /* SCR_EL3 decides whether EL2 is there */
    if (starting_el >= 2)
        configure_el2(t);
    configure_el1(t);
    travel(t->pc, t->spsr, t->sp);
}

int main(void)
{
    starting_el = current_el();
    for (const struct test *t = tests; t != tests_end; t++)
        if (t->from <= starting_el)
            run(t);
    return 0;
}
