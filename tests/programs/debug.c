/*
 * Runs the cases of debug.S and prints of each its name and its exceptions, one a line: where it went, and what it left
 * in the registers. A case goes on after an exception, until the SVC at its end.
 */

#include "runtime/io.h"

#include "journey.h"
#include "registers.h"
#include "syndrome.h"

#define CPTR_TCPAC (1u << 31)
#define MDSCR_SS (1u << 0)
#define CONTROL_E (1u << 0)

#define PSTATE_SS (1u << 21)
#define PSTATE_IL (1u << 20)
#define PSTATE_D (1u << 9)
#define PSTATE_I (1u << 7)
#define PSTATE_F (1u << 6)

#define TAG (0xffull << 56)

/* What the handler does about a debug exception other than BRK. The numbers are those of debug.S. */
enum answer {
    GO_ON,     /* step again; mask D so that nothing hits again, or STOP where D masks nothing */
    STOP,      /* clear MDSCR_EL1.SS; disable all breakpoints, or all watchpoints, whichever hit */
    NOTHING,   /* return to what was interrupted as it was, a few times */
    STEP_OVER, /* disable what hit, step, enable it again */
};

/* What the macro `attempt` lays down. `from` is the lowest starting level at which the case can run. */
struct test {
    const char *name;
    uint64_t from, pc, end, spsr, answer;
    void (*configure)(void);
};

/* The registers that a procedure call does not preserve. */
struct frame {
    uint64_t x[20], x30;
};

/* debug.S */
extern const struct test tests[], tests_end[];
extern const struct {
    uint64_t sctlr_el1, sctlr_el2, hcr_el2, cptr_el2, scr_el3;
} usual;
extern const char vectors[];
extern uint64_t buffer[], buffer_end[], identity_map[];

enum { VECTORS_SIZE = 0x800, LEVELS = 4, STACK_SIZE = 4096 };

static _Alignas(16) char stacks[LEVELS][STACK_SIZE];
static const struct test *current;
static unsigned exceptions;

static uint64_t stack_of(unsigned el)
{
    return (uint64_t)stacks[el + 1];
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* What is printed. */

static bool print_within(const char *name, uint64_t address, const void *start, uint64_t size)
{
    if (address - (uint64_t)start >= size)
        return false;
    print(name);
    print("+");
    print_hex(address - (uint64_t)start, 3);
    return true;
}

/* So as not to depend on where the linker puts things. */
static void print_address(const char *name, uint64_t address)
{
    print(name);
    if (address & TAG) {
        print("tagged-");
        address &= ~TAG;
    }
    if (print_within("", address, (const void *)current->pc, current->end + 8 - current->pc))
        return;
    if (print_within("buffer", address, buffer, (uint64_t)buffer_end - (uint64_t)buffer))
        return;
    if (print_within("vectors", address, vectors, VECTORS_SIZE))
        return;
    print_hex(address, 16);
}

/* Of a watchpoint in the buffer, what is there before the access. */
static void print_data(unsigned vector, const struct syndrome *s)
{
    bool watchpoint = kind_of(vector) == SYNCHRONOUS && (exception_class(s->esr) & ~1u) == 0x34;
    if (!watchpoint || s->far < (uint64_t)buffer || s->far >= (uint64_t)buffer_end)
        return;
    print(" data=");
    print_hex(*(const uint64_t *)(s->far & ~7ull), 16);
}

static void report(unsigned vector, const struct syndrome *s)
{
    print("  EL");
    print_decimal(current_el());
    print("+");
    print_hex(vector, 3);
    if (has_esr(vector)) {
        print(" ec=");
        print_hex(exception_class(s->esr), 2);
        print(" il=");
        print_decimal(s->esr >> 25 & 1);
        print(" iss=");
        print_hex(s->esr & 0x1ffffff, 7);
    }
    print_address(" elr=", s->elr);
    print(" spsr=");
    print_hex(s->spsr, 8);
    if (has_far(vector, s->esr))
        print_address(" far=", s->far);
    print_data(vector, s);
    print("\n");
}

static void report_done(const struct frame *f, const struct syndrome *s)
{
    print("  done x0=");
    print_hex(f->x[0], 16);
    print(" spsr=");
    print_hex(s->spsr, 8);
    print("\n");
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* The handler. */

#define SET_BIT(reg, bit, on) WRITE(reg, (on) ? READ(reg) | (bit) : READ(reg) & ~(uint64_t)(bit))

static void set_step(bool on)
{
    SET_BIT(mdscr_el1, MDSCR_SS, on);
}

#define DISABLE(kind, n) \
    WRITE(dbg##kind##vr##n##_el1, 0); \
    WRITE(dbg##kind##cr##n##_el1, 0)

static void disable_breakpoints(void)
{
    DISABLE(b, 0);
    DISABLE(b, 1);
    DISABLE(b, 2);
    DISABLE(b, 3);
    DISABLE(b, 4);
    DISABLE(b, 5);
}

static void disable_watchpoints(void)
{
    DISABLE(w, 0);
    DISABLE(w, 1);
    DISABLE(w, 2);
    DISABLE(w, 3);
}

/* Of the first breakpoint and the first watchpoint, of which a case has one; the other, enabled, does not match. */
static void set_armed(bool on)
{
    SET_BIT(dbgbcr0_el1, CONTROL_E, on);
    SET_BIT(dbgwcr0_el1, CONTROL_E, on);
}

static void answer_step(struct syndrome *s)
{
    switch ((enum answer)current->answer) {
    case GO_ON:
        s->spsr |= PSTATE_SS;
        if (s->elr == current->end) /* so that the handler of the SVC is not stepped in its turn */
            set_step(false);
        break;
    case STOP:
        set_step(false);
        break;
    case NOTHING:
        break;
    case STEP_OVER:
        set_step(false);
        set_armed(true);
        break;
    }
}

static void disable_what_hit(const struct syndrome *s)
{
    if (exception_class(s->esr) < 0x34)
        disable_breakpoints();
    else
        disable_watchpoints();
}

static bool is_from_lower_level(const struct syndrome *s)
{
    return !(exception_class(s->esr) & 1);
}

static void answer_match(struct syndrome *s)
{
    switch ((enum answer)current->answer) {
    case GO_ON:
        if (is_from_lower_level(s))
            disable_what_hit(s);
        else
            s->spsr |= PSTATE_D;
        break;
    case STOP:
        disable_what_hit(s);
        break;
    case NOTHING:
        break;
    case STEP_OVER:
        set_armed(false);
        set_step(true);
        s->spsr |= PSTATE_SS;
        break;
    }
}

/* Change what to return with, so that the case goes on. */
static void answer(unsigned vector, struct syndrome *s, const struct frame *f)
{
    if (kind_of(vector) != SYNCHRONOUS) {
        s->spsr |= PSTATE_I | PSTATE_F;
        return;
    }
    switch (exception_class(s->esr)) {
    case 0x32: case 0x33:
        answer_step(s);
        break;
    case 0x30: case 0x31: case 0x34: case 0x35:
        answer_match(s);
        break;
    case 0x15: case 0x16: /* SVC, HVC */
        break;
    case 0x17: /* SMC, which HCR_EL2.TSC may have trapped */
        s->elr += current_el() == 2 ? 4 : 0;
        break;
    case 0x0e: /* illegal execution state */
        s->spsr &= ~(uint64_t)PSTATE_IL;
        break;
    case 0x20: case 0x21: case 0x22: /* a branch to nowhere */
        s->elr = f->x30;
        break;
    default: /* do without the instruction */
        s->elr += 4;
    }
}

/* What goes on is the case, not a handler that was itself stepped. */
static bool is_in_vectors(uint64_t pc)
{
    return pc - (uint64_t)vectors < VECTORS_SIZE;
}

static unsigned most_exceptions(void)
{
    return current->answer == NOTHING ? 3 : 24;
}

/* Called by every vector, with the registers of what it interrupted. */
void caught(const struct frame *f, unsigned vector)
{
    if (is_homebound())
        go_home();
    struct syndrome s = read_syndrome();
    exceptions++;
    if (is_done(vector, &s)) {
        report_done(f, &s);
        go_home();
    }
    report(vector, &s);
    if (is_in_vectors(s.elr) || exceptions == most_exceptions())
        go_home();
    answer(vector, &s, f);
    set_return(s.elr, s.spsr);
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* The state a case begins with. */

static void configure_el1(void)
{
    WRITE(vbar_el1, vectors);
    WRITE(sctlr_el1, usual.sctlr_el1);
    WRITE(cpacr_el1, 0);
    WRITE(contextidr_el1, 0);
    WRITE(mdscr_el1, 0);
    WRITE(oslar_el1, 0);
    WRITE(osdlr_el1, 0);
    disable_breakpoints();
    disable_watchpoints();
    WRITE(sp_el0, stack_of(0));
}

static void configure_el2(void)
{
    WRITE(vbar_el2, vectors);
    WRITE(sctlr_el2, usual.sctlr_el2);
    WRITE(hcr_el2, usual.hcr_el2);
    WRITE(mdcr_el2, 0);
    WRITE(vttbr_el2, 0);
    WRITE(cptr_el2, usual.cptr_el2 | (starting_el == 2 ? CPTR_TCPAC : 0));
    WRITE(sp_el1, stack_of(1));
}

static void configure_el3(void)
{
    WRITE(vbar_el3, vectors);
    WRITE(sctlr_el3, usual.sctlr_el2);
    WRITE(scr_el3, usual.scr_el3);
    WRITE(mdcr_el3, 0);
    WRITE(cptr_el3, CPTR_TCPAC);
    WRITE(sp_el2, stack_of(2));
}

static void fill_buffer(void)
{
    for (uint64_t *word = buffer; word != buffer_end; word++)
        *word = 0x1111111111111111;
}

static void run(const struct test *t)
{
    current = t;
    exceptions = 0;
    print(t->name);
    print("\n");
    if (starting_el >= 3)
        configure_el3();
    ISB(); /* SCR_EL3 decides whether EL2 is there */
    if (starting_el >= 2)
        configure_el2();
    configure_el1();
    ISB();
    fill_buffer();
    t->configure();
    travel(t->pc, t->spsr, stack_of(starting_el));
}

/* Device memory for the UART, Normal memory for RAM: 1 GiB each, as seen from EL1. */
static void make_identity_map(void)
{
    identity_map[0] = 0x401;
    identity_map[1] = 0x40000705;
}

static void print_resources(void)
{
    uint64_t dfr0 = READ(id_aa64dfr0_el1);
    print("ID_AA64DFR0_EL1\n  breakpoints=");
    print_decimal((dfr0 >> 12 & 15) + 1);
    print(" watchpoints=");
    print_decimal((dfr0 >> 20 & 15) + 1);
    print(" context-aware=");
    print_decimal((dfr0 >> 28 & 15) + 1);
    print("\n");
}

int main(void)
{
    starting_el = current_el();
    make_identity_map();
    print_resources();
    for (const struct test *t = tests; t != tests_end; t++)
        if (t->from <= starting_el)
            run(t);
    return 0;
}
