#include "exceptions.h"

#include "io.h"

void print_address(uint64_t address)
{
    print("0x");
    print_hex(address, 8);
}

static const char *access_of(const struct frame *frame)
{
    switch (exception_class(frame)) {
    case FETCH_ABORT_LOWER:
    case FETCH_ABORT_SAME:
        return "fetch from ";
    default:
        return is_write(frame) ? "write to " : "read of ";
    }
}

static const char *name_of(enum fault fault)
{
    switch (fault) {
    case TRANSLATION_FAULT:
        return "translation fault";
    case ACCESS_FLAG_FAULT:
        return "Access flag fault";
    case PERMISSION_FAULT:
        return "permission fault";
    default:
        return "another fault";
    }
}

void print_abort(const struct frame *frame)
{
    enum exception_class class = exception_class(frame);
    print(access_of(frame));
    print_address(frame->far);
    print(class == FETCH_ABORT_LOWER || class == DATA_ABORT_LOWER ? " from EL0: " : " from EL1: ");
    print(name_of(fault(frame)));
    print(", level ");
    print_decimal(frame->esr & 3);
}

_Noreturn void unexpected(const struct frame *frame)
{
    print("unexpected exception: ESR ");
    print_address(frame->esr);
    print(", FAR ");
    print_address(frame->far);
    print(", ELR ");
    print_address(frame->pc);
    print("\n");
    exit(255);
}

/* LDTRB reads as EL0 would: where EL0 may not read, it faults, although EL1 might. */
static char read_user(const char *address)
{
    char c;
    asm volatile("ldtrb %w0, [%1]" : "=r"(c) : "r"(address) : "memory");
    return c;
}

void print_user(const char *text)
{
    for (char c; (c = read_user(text)) != 0; text++)
        print_char(c);
}
