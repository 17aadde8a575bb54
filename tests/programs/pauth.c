/* Pointer authentication codes with known keys: every key, addresses of both halves, several TCR_EL1. */

#include "runtime/io.h"

#define WRITE(reg, value) __asm__ volatile("msr " #reg ", %0" : : "r"((uint64_t)(value)))
#define WRITE_KEY(key, high, low) \
    WRITE(ap##key##keyhi_el1, high); \
    WRITE(ap##key##keylo_el1, low)

#define SCTLR_RES1 0x30d00800ull
#define SCTLR_KEYS (1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13) /* EnIA, EnIB, EnDA, EnDB */

#define T0SZ(bits) ((uint64_t)(bits))
#define T1SZ(bits) ((uint64_t)(bits) << 16)
#define TG1_4K (2ull << 30)
#define TBI0 (1ull << 37)
#define TBI1 (1ull << 38)
#define TBID0 (1ull << 51)

typedef uint64_t operation(uint64_t pointer, uint64_t modifier);

#define OPERATION(name)                                                           \
    static uint64_t name(uint64_t pointer, uint64_t modifier)                     \
    {                                                                             \
        __asm__(#name " %0, %1" : "+r"(pointer) : "r"(modifier));                 \
        return pointer;                                                           \
    }
#define STRIP(name)                                                               \
    static uint64_t name(uint64_t pointer)                                        \
    {                                                                             \
        __asm__(#name " %0" : "+r"(pointer));                                     \
        return pointer;                                                           \
    }

OPERATION(pacia)
OPERATION(pacib)
OPERATION(pacda)
OPERATION(pacdb)
OPERATION(autia)
OPERATION(autib)
OPERATION(autda)
OPERATION(autdb)
STRIP(xpaci)
STRIP(xpacd)

static uint64_t pacga(uint64_t value, uint64_t modifier)
{
    uint64_t code;
    __asm__("pacga %0, %1, %2" : "=r"(code) : "r"(value), "r"(modifier));
    return code;
}

static const struct {
    const char *name;
    operation *sign, *authenticate;
} KEYS[] = {{"ia", pacia, autia}, {"ib", pacib, autib}, {"da", pacda, autda}, {"db", pacdb, autdb}};

static const uint64_t TRANSLATIONS[] = {
    T0SZ(16) | T1SZ(16) | TG1_4K,
    T0SZ(25) | T1SZ(39) | TG1_4K,
    T0SZ(16) | T1SZ(16) | TG1_4K | TBI0 | TBI1,
    T0SZ(25) | T1SZ(16) | TG1_4K | TBI0 | TBID0,
};

/* In the lower half, in the upper half, with a tag, and two that are not canonical. */
static const uint64_t POINTERS[] = {
    0x0000000040100000, 0xffffffffff081234, 0x5a00007fffff0008, 0x0123456789abcdef, 0xfbe23599da6e8127,
};

static const uint64_t MODIFIERS[] = {0, 0x477d469dec0b8762};

static void print_value(const char *name, uint64_t value)
{
    print(" ");
    print(name);
    print("=");
    print_hex(value, 16);
}

/* Sign; then authenticate what was signed, the same with one bit of the address changed, and for another modifier. */
static void print_case(unsigned key, uint64_t pointer, uint64_t modifier)
{
    uint64_t code = KEYS[key].sign(pointer, modifier);
    print(KEYS[key].name);
    print_value("pointer", pointer);
    print_value("modifier", modifier);
    print_value("signed", code);
    print_value("good", KEYS[key].authenticate(code, modifier));
    print_value("moved", KEYS[key].authenticate(code ^ 16, modifier));
    print_value("other", KEYS[key].authenticate(code, modifier ^ 1));
    print_value("stripped", key < 2 ? xpaci(code) : xpacd(code));
    print("\n");
}

#define FOR_EACH(index, table) for (unsigned index = 0; index < sizeof(table) / sizeof((table)[0]); index++)

int main(void)
{
    WRITE_KEY(ia, 0x84be85ce9804e94b, 0xec2802d4e0a488e9);
    WRITE_KEY(ib, 0x0123456789abcdef, 0xfedcba9876543210);
    WRITE_KEY(da, 0x0000000000000000, 0xffffffffffffffff);
    WRITE_KEY(db, 0xd15ea5e5ca1ab1e5, 0x0badc0ffee0ddf00);
    WRITE_KEY(ga, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa);
    WRITE(sctlr_el1, SCTLR_RES1 | SCTLR_KEYS);

    FOR_EACH(t, TRANSLATIONS) {
        WRITE(tcr_el1, TRANSLATIONS[t]);
        __asm__ volatile("isb" : : : "memory");
        print_value("tcr", TRANSLATIONS[t]);
        print("\n");
        FOR_EACH(key, KEYS)
            FOR_EACH(p, POINTERS)
                FOR_EACH(m, MODIFIERS)
                    print_case(key, POINTERS[p], MODIFIERS[m]);
    }
    FOR_EACH(p, POINTERS)
        FOR_EACH(m, MODIFIERS) {
            print_value("pacga", pacga(POINTERS[p], MODIFIERS[m]));
            print("\n");
        }
    return 0;
}
