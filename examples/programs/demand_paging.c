/*
 * Memory on demand: a process at EL0 uses an array of 4 MiB, none of which is mapped. Each page it touches for the
 * first time makes a translation fault; the kernel maps a page of zeros there and lets the process try again.
 */

#include "runtime/exceptions.h"
#include "runtime/io.h"
#include "runtime/paging.h"
#include "runtime/user.h"

#define ARRAY 0x80000000ul
#define ARRAY_SIZE 0x400000ul
#define PER_PAGE (PAGE_SIZE / sizeof(uint64_t))

static uint64_t user_stack[PAGE_SIZE / sizeof(uint64_t)] USER_VARIABLE;

/* --- the process, at EL0 */

USER_CODE static void use_the_array(uint64_t address)
{
    volatile uint64_t *array = (volatile uint64_t *)address;
    for (unsigned page = 0; page < 4; page++)
        array[page * PER_PAGE] = page + 1; /* a fault each */
    uint64_t sum = 0;
    for (unsigned page = 0; page < 4; page++)
        sum += array[page * PER_PAGE]; /* none */
    user_print("  1 + 2 + 3 + 4 = ");
    user_print_decimal(sum);
    user_print("\n");

    uint64_t untouched = array[600 * PER_PAGE + 7]; /* a fault: reading is using, too */
    user_print("  never written: ");
    user_print_decimal(untouched);
    user_print("\n");

    array[ARRAY_SIZE / sizeof *array] = 1; /* one too far */
    user_print("not printed\n");
}

/* --- the kernel, at EL1 */

static uint64_t *root;
static unsigned pages_mapped;

static void serve(struct frame *frame)
{
    switch (frame->x[8]) {
    case CALL_PRINT:
        print_user((const char *)frame->x[0]);
        break;
    case CALL_PRINT_DECIMAL:
        print_decimal(frame->x[0]);
        break;
    default:
        unexpected(frame);
    }
}

/* ELR_EL1 is the instruction that faulted: to return is to try again. */
static void page_in(const struct frame *frame)
{
    uint64_t address = frame->far & -PAGE_SIZE;
    map(root, address, (uint64_t)new_page(), USER_DATA);
    pages_mapped++;
    print(": page ");
    print_decimal(pages_mapped);
    print(" mapped\n");
}

void on_exception(struct frame *frame)
{
    if (exception_class(frame) == SYSTEM_CALL) {
        serve(frame);
    } else if (exception_class(frame) == DATA_ABORT_LOWER) {
        print_abort(frame);
        if (fault(frame) == TRANSLATION_FAULT && frame->far - ARRAY < ARRAY_SIZE) {
            page_in(frame);
        } else {
            print(": process killed\n");
            print("pages mapped: ");
            print_decimal(pages_mapped);
            print(" of ");
            print_decimal(ARRAY_SIZE / PAGE_SIZE);
            print("\n");
            exit(0);
        }
    } else {
        unexpected(frame);
    }
}

int main(void)
{
    root = new_page();
    set_vectors();
    map_kernel(root);
    enable_mmu(root);
    enter(EL0t, use_the_array, (uint64_t)user_stack + sizeof user_stack, ARRAY);
}
