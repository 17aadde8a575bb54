/* Every C atomic operation of every size: loops of exclusives before Armv8.1, single instructions after. */

#include "runtime/io.h"

static void print_result(const char *operation, unsigned size, uint64_t before, uint64_t after)
{
    print(operation);
    print(" ");
    print_decimal(size * 8);
    print(": ");
    print_hex(before, 2 * (int)size);
    print(" -> ");
    print_hex(after, 2 * (int)size);
    print("\n");
}

#define LOAD(order) __atomic_load_n(&value, order)

#define FETCH(type, operation, order, operand)                                      \
    before = __atomic_fetch_##operation(&value, (type)(operand), order);            \
    print_result(#operation, sizeof(type), before, LOAD(__ATOMIC_RELAXED));

/* `before` is what a failing exchange found, and what a successful one replaced. */
#define COMPARE_EXCHANGE(type, guess, order)                                        \
    before = (type)(guess);                                                         \
    done = __atomic_compare_exchange_n(&value, &before, (type)0x5a, 0, order, __ATOMIC_RELAXED); \
    print_result(done ? "exchanged" : "kept", sizeof(type), before, LOAD(__ATOMIC_ACQUIRE));

#define OPERATIONS(type)                                                            \
    static void operate_on_##type(void)                                             \
    {                                                                               \
        static type value = (type)0x8081828384858687;                               \
        type before;                                                                \
        int done;                                                                   \
        FETCH(type, add, __ATOMIC_RELAXED, 0xfedcba9876543278)                      \
        FETCH(type, sub, __ATOMIC_ACQUIRE, 0x0102030405060708)                      \
        FETCH(type, and, __ATOMIC_RELEASE, 0xf0f0f0f0f0f0f03f)                      \
        FETCH(type, or, __ATOMIC_ACQ_REL, 0x1111111111111111)                       \
        FETCH(type, xor, __ATOMIC_SEQ_CST, 0xffffffff00000055)                      \
        FETCH(type, nand, __ATOMIC_SEQ_CST, 0x00ff00ff00ff00ff)                     \
        before = __atomic_exchange_n(&value, (type)0x33, __ATOMIC_ACQ_REL);         \
        print_result("exchange", sizeof(type), before, LOAD(__ATOMIC_SEQ_CST));     \
        COMPARE_EXCHANGE(type, 0x34, __ATOMIC_SEQ_CST)                              \
        COMPARE_EXCHANGE(type, 0x33, __ATOMIC_RELAXED)                              \
        COMPARE_EXCHANGE(type, 0x5a, __ATOMIC_ACQ_REL)                              \
        __atomic_store_n(&value, 1, __ATOMIC_RELEASE);                              \
        __atomic_fetch_add(&value, 1, __ATOMIC_RELAXED); /* result unused */        \
        print_result("store", sizeof(type), 1, LOAD(__ATOMIC_SEQ_CST));             \
    }

OPERATIONS(uint8_t)
OPERATIONS(uint16_t)
OPERATIONS(uint32_t)
OPERATIONS(uint64_t)

int main(void)
{
    operate_on_uint8_t();
    operate_on_uint16_t();
    operate_on_uint32_t();
    operate_on_uint64_t();
    return 0;
}
