/*
 * What a program at EL0 is made of. Its functions are in pages of their own; it can neither read the kernel's
 * constants nor call the kernel's functions: all it has is system calls.
 */

#pragma once

#include <stdint.h>

/* Where functions, constants and variables of a user's program belong. */
#define USER_CODE __attribute__((noinline, section(".user_text")))
#define USER_CONSTANT __attribute__((section(".user_rodata")))
#define USER_VARIABLE __attribute__((section(".user_data")))

/* A string literal the user can read. */
#define USER_STRING(literal)                                     \
    ({                                                           \
        static const char user_string[] USER_CONSTANT = literal; \
        user_string;                                             \
    })

enum system_call {
    CALL_EXIT,
    CALL_PRINT,         /* a string */
    CALL_PRINT_DECIMAL, /* a number */
    CALL_YIELD,         /* let the other process run */
};

/* By SVC: the number in x8, the argument in x0. */
__attribute__((always_inline)) static inline void system_call(enum system_call number, uint64_t argument)
{
    register uint64_t x0 asm("x0") = argument;
    register uint64_t x8 asm("x8") = number;
    asm volatile("svc #0" : "+r"(x0) : "r"(x8) : "memory");
}

#define user_print(literal) system_call(CALL_PRINT, (uint64_t)USER_STRING(literal))
#define user_print_decimal(number) system_call(CALL_PRINT_DECIMAL, number)
