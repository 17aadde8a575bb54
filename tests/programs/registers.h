/* System registers, by name. */

#pragma once

#include <stdint.h>

#define READ(reg) ({ uint64_t value_; __asm__ volatile("mrs %0, " #reg : "=r"(value_)); value_; })
#define WRITE(reg, value) __asm__ volatile("msr " #reg ", %0" : : "r"((uint64_t)(value)))
#define ISB() __asm__ volatile("isb" : : : "memory")

static inline unsigned current_el(void)
{
    return READ(CurrentEL) >> 2;
}
