/*
 * A stack with a guard page: below its lowest page lies one that is never mapped. A recursion that is too deep faults
 * there, and does not write over whatever comes next in memory.
 *
 * The thread runs at EL1 on SP_EL0 (PSTATE.SP is 0); its exceptions are handled on SP_EL1. With one stack for both,
 * saving registers for the handler would fault again at the same place, and so on for ever.
 */

#include "runtime/exceptions.h"
#include "runtime/io.h"
#include "runtime/paging.h"

#define GUARD 0x80000000ul
#define STACK (GUARD + PAGE_SIZE)
#define STACK_SIZE (2 * PAGE_SIZE)
#define CALL_SIZE 32 /* bytes of stack that one call of descend takes */

/* --- the thread, at EL1 on SP_EL0 */

/*
 * A recursion of that many calls, then SVC. In assembly, so that a call takes as much stack however the compiler is
 * told to optimize.
 */
void descend(uint64_t calls);
asm("       .text                       \n"
    "descend:                           \n"
    "       stp     x29, x30, [sp, #-32]!\n"
    "       mov     x29, sp             \n"
    "       str     x0, [sp, #16]       \n"
    "       subs    x0, x0, #1          \n"
    "       b.eq    1f                  \n"
    "       bl      descend             \n"
    "       ldp     x29, x30, [sp], #32 \n"
    "       ret                         \n"
    "1:     svc     #0                  \n");

/* --- the handler, at EL1 on SP_EL1 */

static uint64_t calls = STACK_SIZE / CALL_SIZE;

_Noreturn static void start_thread(void)
{
    print_decimal(calls);
    print(" calls: ");
    enter(EL1t, descend, STACK + STACK_SIZE, calls);
}

void on_exception(struct frame *frame)
{
    if (exception_class(frame) == SYSTEM_CALL) {
        print("SP at the end ");
        print_address(frame->sp);
        print(", lowest address of the stack ");
        print_address(STACK);
        print("\n");
        calls++; /* the same again, and one more */
        start_thread();
    } else if (exception_class(frame) == DATA_ABORT_SAME && frame->far - GUARD < PAGE_SIZE) {
        print("stack overflow at ");
        print_address(frame->far);
        print(", guard page ");
        print_address(GUARD);
        print(" to ");
        print_address(GUARD + PAGE_SIZE - 1);
        print("\n");
        print_abort(frame);
        print("\n");
        exit(0);
    } else {
        unexpected(frame);
    }
}

int main(void)
{
    uint64_t *root = new_page();
    set_vectors();
    map_kernel(root);
    for (uint64_t address = STACK; address < STACK + STACK_SIZE; address += PAGE_SIZE)
        map(root, address, (uint64_t)new_page(), KERNEL_DATA);
    enable_mmu(root);
    start_thread();
}
