/*
 * A kernel at EL1 and processes at EL0, with translation on. Every address is mapped to itself; what the tables add is
 * permissions. Each process but the first tries something it may not do, and is killed for it.
 */

#include "runtime/exceptions.h"
#include "runtime/io.h"
#include "runtime/paging.h"
#include "runtime/user.h"

static uint64_t user_stack[PAGE_SIZE / sizeof(uint64_t)] USER_VARIABLE;
extern char kernel_text[], kernel_rodata[], kernel_data[], user_text[], user_data[]; /* symbols of the link script */

/* --- the processes, at EL0 */

USER_CODE static void well_behaved(uint64_t number)
{
    user_print("hello from process ");
    user_print_decimal(number);
    user_print("\n");
    system_call(CALL_EXIT, 0);
}

USER_CODE static void reads_the_kernel(uint64_t number)
{
    (void)number;
    *(volatile char *)kernel_data;
    user_print("not printed\n");
}

/* It cannot read the kernel's memory, so it asks the kernel to. */
USER_CODE static void lets_the_kernel_read(uint64_t number)
{
    (void)number;
    system_call(CALL_PRINT, (uint64_t)kernel_data);
    user_print("not printed\n");
}

USER_CODE static void writes_its_own_code(uint64_t number)
{
    (void)number;
    *(volatile char *)user_text = 0;
    user_print("not printed\n");
}

USER_CODE static void executes_its_stack(uint64_t number)
{
    ((void (*)(uint64_t))user_stack)(number);
    user_print("not printed\n");
}

USER_CODE static void calls_the_kernel(uint64_t number)
{
    ((void (*)(uint64_t))kernel_text)(number);
    user_print("not printed\n");
}

static void (*const processes[])(uint64_t) = {
    well_behaved, reads_the_kernel, lets_the_kernel_read, writes_its_own_code, executes_its_stack, calls_the_kernel,
};

/* --- the kernel, at EL1 */

static unsigned started;

_Noreturn static void start_next_process(void)
{
    if (started == sizeof processes / sizeof *processes)
        exit(0);
    void (*process)(uint64_t) = processes[started++];
    enter(EL0t, process, (uint64_t)user_stack + sizeof user_stack, started);
}

static void serve(struct frame *frame)
{
    switch (frame->x[8]) {
    case CALL_PRINT:
        print_user((const char *)frame->x[0]); /* may fault, and end the process, not the kernel */
        break;
    case CALL_PRINT_DECIMAL:
        print_decimal(frame->x[0]);
        break;
    default: /* CALL_EXIT, and what we do not know */
        start_next_process();
    }
}

void on_exception(struct frame *frame)
{
    if (exception_class(frame) == SYSTEM_CALL) {
        serve(frame);
    } else if (is_abort(frame)) {
        print("process ");
        print_decimal(started);
        print(" killed: ");
        print_abort(frame);
        print("\n");
        start_next_process();
    } else {
        unexpected(frame);
    }
}

static void print_rights(uint64_t *root, uint64_t address, const char *what)
{
    uint64_t descriptor = *descriptor_of(root, address);
    print_address(address);
    print("  r");
    print(descriptor & READ_ONLY ? "-" : "w");
    print(descriptor & PXN ? "-" : "x");
    print(descriptor & EL0_TOO ? "  r" : "  -");
    print(descriptor & EL0_TOO && !(descriptor & READ_ONLY) ? "w" : "-");
    print(descriptor & UXN ? "-" : "x");
    print("  ");
    print(what);
    print("\n");
}

int main(void)
{
    uint64_t *root = new_page();
    set_vectors();
    map_kernel(root);
    enable_mmu(root);

    print("address     EL1  EL0\n");
    print_rights(root, 0x09000000, "UART");
    print_rights(root, (uint64_t)kernel_text, "kernel code");
    print_rights(root, (uint64_t)kernel_rodata, "kernel constants");
    print_rights(root, (uint64_t)user_text, "user code and constants");
    print_rights(root, (uint64_t)user_data, "user stack");
    print_rights(root, (uint64_t)kernel_data, "kernel variables");
    start_next_process();
}
