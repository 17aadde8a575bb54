/*
 * Copy on write: two processes, each with its own tables and its own ASID, begin with the same pages, read-only for
 * both. The first to write to a page makes a permission fault and gets a copy; the last one left with the original
 * needs none: it only gets the right to write. Pages that nobody writes to stay shared.
 */

#include "runtime/exceptions.h"
#include "runtime/io.h"
#include "runtime/paging.h"
#include "runtime/user.h"

#define PROCESSES 2
#define PAGES 2
#define PER_PAGE (PAGE_SIZE / sizeof(uint64_t))

/* Where each process has these; the kernel is below. */
#define MEMORY 0x80000000ul
#define STACK 0x80100000ul

/* --- a process, at EL0 */

USER_CODE static void say(uint64_t self, const char *what, uint64_t value)
{
    user_print("process ");
    user_print_decimal(self);
    system_call(CALL_PRINT, (uint64_t)what);
    user_print_decimal(value);
    user_print("\n");
}

USER_CODE static void process(uint64_t self)
{
    volatile uint64_t *memory = (volatile uint64_t *)MEMORY;
    say(self, USER_STRING(" reads "), memory[0]);
    system_call(CALL_YIELD, 0);
    say(self, USER_STRING(" still reads "), memory[0]);
    memory[0] = 100 + self; /* the fault */
    system_call(CALL_YIELD, 0);
    say(self, USER_STRING(" reads its own "), memory[0]);
    say(self, USER_STRING(" reads what nobody wrote to: "), memory[PER_PAGE]);
    system_call(CALL_EXIT, 0);
}

/* --- the kernel, at EL1 */

static struct process {
    uint64_t *root; /* level 1 table */
    struct frame frame;
} processes[PROCESSES];

static unsigned current, running = PROCESSES;

static struct page {
    uint64_t *original;
    unsigned owners;
} pages[PAGES];

static uint64_t asid_of(unsigned number)
{
    return number + 1;
}

static void switch_process(struct frame *frame)
{
    processes[current].frame = *frame;
    current = (current + 1) % PROCESSES;
    *frame = processes[current].frame;
    use_tables(processes[current].root, asid_of(current));
}

static void make_writable(const struct frame *frame)
{
    uint64_t number = (frame->far - MEMORY) / PAGE_SIZE;
    struct page *page = &pages[number];
    uint64_t *own = page->original;

    if (page->owners > 1) {
        own = new_page();
        for (unsigned i = 0; i < PER_PAGE; i++)
            own[i] = page->original[i];
        print(": copied\n");
    } else {
        print(": not shared any more\n");
    }
    page->owners--;
    remap(processes[current].root, asid_of(current), MEMORY + number * PAGE_SIZE, (uint64_t)own,
          USER_DATA | NOT_GLOBAL);
}

static void report(void)
{
    for (unsigned number = 0; number < PAGES; number++) {
        print("page ");
        print_decimal(number);
        print(pages[number].owners ? ": shared\n" : ": one for each\n");
    }
}

static void serve(struct frame *frame)
{
    switch (frame->x[8]) {
    case CALL_PRINT:
        print_user((const char *)frame->x[0]);
        break;
    case CALL_PRINT_DECIMAL:
        print_decimal(frame->x[0]);
        break;
    case CALL_EXIT:
        if (--running == 0) {
            report();
            exit(0);
        }
        /* fall through */
    case CALL_YIELD:
        switch_process(frame);
        break;
    default:
        unexpected(frame);
    }
}

void on_exception(struct frame *frame)
{
    if (exception_class(frame) == SYSTEM_CALL) {
        serve(frame);
    } else if (exception_class(frame) == DATA_ABORT_LOWER && fault(frame) == PERMISSION_FAULT && is_write(frame) &&
               frame->far - MEMORY < PAGES * PAGE_SIZE) {
        print("  ");
        print_abort(frame);
        make_writable(frame);
    } else {
        unexpected(frame);
    }
}

static void add_process(unsigned number, const uint64_t *kernel_root)
{
    uint64_t *root = new_page();
    for (unsigned gigabyte = 0; gigabyte < MEMORY >> 30; gigabyte++)
        root[gigabyte] = kernel_root[gigabyte]; /* the kernel's level 2 tables, in every process */
    for (unsigned page = 0; page < PAGES; page++)
        map(root, MEMORY + page * PAGE_SIZE, (uint64_t)pages[page].original, USER_RODATA | NOT_GLOBAL);
    map(root, STACK, (uint64_t)new_page(), USER_DATA | NOT_GLOBAL);

    processes[number].root = root;
    processes[number].frame = (struct frame){
        .x[0] = number + 1,
        .sp = STACK + PAGE_SIZE,
        .pc = (uint64_t)process,
        .pstate = EL0t,
    };
}

int main(void)
{
    uint64_t *kernel_root = new_page();
    set_vectors();
    map_kernel(kernel_root);
    for (unsigned page = 0; page < PAGES; page++) {
        pages[page] = (struct page){.original = new_page(), .owners = PROCESSES};
        pages[page].original[0] = 42 + page;
    }
    for (unsigned number = 0; number < PROCESSES; number++)
        add_process(number, kernel_root);
    enable_mmu(kernel_root);

    use_tables(processes[0].root, asid_of(0));
    enter(EL0t, process, STACK + PAGE_SIZE, 1);
}
