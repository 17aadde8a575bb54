#include "journey.h"

#include "registers.h"
#include "runtime/io.h"
#include "syndrome.h"

/* enter.S */
void enter(uint64_t sp); /* ERET, and come back through `leave` */
_Noreturn void leave(void);

unsigned starting_el;
static bool homebound;

void travel(uint64_t pc, uint64_t spsr, uint64_t sp)
{
    homebound = false;
    set_return(pc, spsr);
    ISB();
    enter(sp);
}

bool is_homebound(void)
{
    return homebound;
}

/* The way home must not depend on HVC or SMC, which some cases disable: it is CPACR_EL1, whose accesses
 * CPTR_ELx.TCPAC traps to the starting level. */
_Noreturn void go_home(void)
{
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
