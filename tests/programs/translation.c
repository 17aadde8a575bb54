/*
 * Stage 1 address translation: what AT leaves in PAR_EL1 for pseudo-random translation tables, then real accesses with
 * the MMU on. Every line is "name: what happened", and no two lines have the same name.
 *
 * Nothing here depends on what an ID register says. Addresses stay within 48 bits, TCR_ELx.DS is 0, the EL2&0 regime is
 * not used, and no stale TLB entry is ever relied on.
 */

#include "runtime/io.h"

#include "registers.h"

#include <stdbool.h>
#include <stddef.h>

#define DSB() __asm__ volatile("dsb sy" : : : "memory")
#define TLBI(operation) __asm__ volatile("tlbi " #operation : : : "memory")
#define TLBI_BY(operation, value) __asm__ volatile("tlbi " #operation ", %0" : : "r"((uint64_t)(value)) : "memory")

#define BIT(n) (1ull << (n))
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* SCTLR_ELx: the bits that are RES1, the caches on, SPAN; and what the program varies. */
#define SCTLR_EL1_USUAL (0x30d00800ull | C | I | DZE)
#define SCTLR_EL23_USUAL (0x30c50830ull | C | I)
#define M BIT(0)
#define A BIT(1)
#define C BIT(2)
#define I BIT(12)
#define DZE BIT(14)
#define WXN BIT(19)
#define BT0 BIT(35)
#define BT1 BIT(36)
#define BT BIT(36)

/* TCR_EL1; TCR_EL2 and TCR_EL3, which are alike while HCR_EL2.E2H is 0. */
#define WALKS_EL1 0x35003500ull /* inner shareable, write-back */
#define EPD0 BIT(7)
#define A1 BIT(22)
#define EPD1 BIT(23)
#define IPS(value) ((uint64_t)(value) << 32)
#define AS BIT(36)
#define TBI0 BIT(37)
#define TBI1 BIT(38)
#define HA BIT(39)
#define HD BIT(40)
#define HPD0 BIT(41)
#define HPD1 BIT(42)
#define E0PD0 BIT(55)
#define E0PD1 BIT(56)
#define TCR_EL23_RES1 (BIT(31) | BIT(23))
#define WALKS_EL23 0x3500ull
#define PS(value) ((uint64_t)(value) << 16)
#define TBI BIT(20)
#define HA_EL23 BIT(21)
#define HD_EL23 BIT(22)
#define HPD BIT(24)

/* Descriptors. */
#define VALID BIT(0)
#define TABLE_OR_PAGE BIT(1)
#define ATTR_INDEX(n) ((uint64_t)(n) << 2)
#define NS BIT(5)
#define AP(n) ((uint64_t)(n) << 6)
#define AP_USER BIT(6) /* RES1 in regimes without EL0 */
#define AP_READ_ONLY BIT(7)
#define SH(n) ((uint64_t)(n) << 8)
#define AF BIT(10)
#define NG BIT(11)
#define GP BIT(50)
#define DBM BIT(51)
#define CONTIGUOUS BIT(52)
#define PXN BIT(53)
#define UXN BIT(54)
#define XN UXN
#define PXN_TABLE BIT(59)
#define UXN_TABLE BIT(60)
#define AP_TABLE(n) ((uint64_t)(n) << 61)
#define NS_TABLE BIT(63)

#define SCR_USUAL 0x531ull /* NS, RES1, HCE, RW */
#define SCR_NS BIT(0)
#define HCR_RW BIT(31)

/* PSTATE as SPSR holds it, DAIF masked. */
#define EL0t 0x3c0ull
#define EL1h 0x3c5ull
#define EL2h 0x3c9ull
#define EL3h 0x3cdull
#define PSTATE_PAN BIT(22)
#define PSTATE_UAO BIT(23)

#define NOWHERE 0x60000000ull   /* neither RAM nor a device */
#define FAR_AWAY 0x2000000000ull /* likewise, beyond 36 bits */
#define UART 0x09000000ull

/* translation.S */
typedef void prober(const uint64_t *addresses, const uint64_t *end, uint64_t *results, uint64_t sctlr);
extern prober probe_el10_at_el1, probe_el10_at_el2, probe_el10_at_el3, probe_el2_at_el2, probe_el2_at_el3,
    probe_el3_at_el3;
extern const char mapped[], probe_vectors[], access_vectors[], image_data[], hop[], landed[], guarded_code[],
    guarded_code_end[], __stack_top[];

enum access_kind { LOAD, FETCH, ALIGNED, ATOMIC, ZERO };

struct access {
    const char *name;
    uint64_t pc, kind;
};
extern const struct access accesses[], accesses_end[];

struct entry {
    uint64_t x0, x1, vector;
};
void enter(struct entry *e);
void set_pan(bool on);

static unsigned starting_el;

static uint64_t address_of(const void *symbol)
{
    return (uint64_t)symbol;
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Pseudo-random numbers: xorshift64*, begun again for every table. */

static uint64_t random_state;

static void seed(uint64_t value)
{
    random_state = (value + 1) * 0x9e3779b97f4a7c15;
}

static uint64_t random64(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1d;
}

static unsigned below(unsigned limit)
{
    return (unsigned)((random64() >> 32) % limit);
}

static bool once_in(unsigned n)
{
    return below(n) == 0;
}

/* Random, of the bits set in `mask`. */
static uint64_t some_of(uint64_t mask)
{
    return random64() & mask;
}

static uint64_t low_bits(unsigned n)
{
    return n >= 64 ? ~0ull : BIT(n) - 1;
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Translation tables. They come from a pool, and what is written into it is remembered, so as to be erased. */

enum { TABLES = 40, ENTRIES = 8192, NOTED = 6, WRITTEN = 6144 };

static _Alignas(65536) uint64_t pool[TABLES][ENTRIES];
static unsigned pool_used;

/* Of each table, its level and some of the entries that are in use. */
static struct {
    unsigned level, count, index[NOTED];
} noted[TABLES];

static uint64_t *written[WRITTEN];
static unsigned written_count;

static const unsigned ps_bits[] = {32, 36, 40, 42, 44, 48};

/* One range of addresses translated by one tree of tables. */
struct space {
    unsigned granule; /* log2 of the page size */
    unsigned txsz;
    unsigned ps; /* log2 of the largest output address + 1 */
    bool upper;  /* the range of TTBR1_ELx */
    bool single; /* a regime without EL0: EL2, EL3 */
    bool secure; /* descriptors have an NS bit */
    uint64_t *root;
};

static unsigned stride(const struct space *s)
{
    return s->granule - 3;
}

/* The lowest address bit that selects an entry at that level. */
static unsigned level_shift(const struct space *s, unsigned level)
{
    return s->granule + (3 - level) * stride(s);
}

static unsigned start_level(const struct space *s)
{
    return 3 - (64 - s->txsz - 1 - s->granule) / stride(s);
}

/* How many entries a table has at that level: the first may be smaller than a granule. */
static unsigned entry_count(const struct space *s, unsigned level)
{
    unsigned bits = level == start_level(s) ? 64 - s->txsz - level_shift(s, level) : stride(s);
    return 1u << bits;
}

static bool blocks_allowed(const struct space *s, unsigned level)
{
    return level == 2 || (level == 1 && s->granule == 12);
}

static void erase_tables(void)
{
    while (written_count)
        *written[--written_count] = 0;
    pool_used = 0;
}

static uint64_t *new_table(unsigned level)
{
    if (pool_used == TABLES) {
        print("out of tables\n");
        exit(1);
    }
    noted[pool_used].level = level;
    noted[pool_used].count = 0;
    return pool[pool_used++];
}

static unsigned pool_index(const uint64_t *table)
{
    return (unsigned)((table - pool[0]) / ENTRIES);
}

static void put(uint64_t *at, uint64_t descriptor)
{
    if (written_count == WRITTEN) {
        print("too many descriptors\n");
        exit(1);
    }
    written[written_count++] = at;
    *at = descriptor;
}

static void note(uint64_t *table, unsigned index)
{
    unsigned t = pool_index(table);
    if (noted[t].count < NOTED)
        noted[t].index[noted[t].count++] = index;
}

/* The table a descriptor points to, if it is one of the pool's. */
static uint64_t *table_at(const struct space *s, uint64_t descriptor)
{
    uint64_t address = descriptor & low_bits(48) & ~low_bits(s->granule);
    if ((descriptor & 3) != 3 || address < (uint64_t)pool || address >= (uint64_t)(pool + TABLES))
        return NULL;
    return (uint64_t *)address;
}

/* The entry for an address at that level, with tables made on the way. Tables made get those attributes. */
static uint64_t *entry_at(const struct space *s, uint64_t va, unsigned level, uint64_t table_attributes)
{
    uint64_t *table = s->root;
    for (unsigned l = start_level(s);; l++) {
        unsigned index = (unsigned)(va >> level_shift(s, l)) & (entry_count(s, l) - 1);
        if (l == level)
            return &table[index];
        uint64_t *next = table_at(s, table[index]);
        if (!next) {
            next = new_table(l + 1);
            put(&table[index], (uint64_t)next | table_attributes | VALID | TABLE_OR_PAGE);
            note(table, index);
        }
        table = next;
    }
}

static void map_page(const struct space *s, uint64_t va, uint64_t descriptor)
{
    put(entry_at(s, va, 3, 0), descriptor);
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Random tables. */

/* MAIR_ELx's bytes are drawn from these; none needs an optional feature. The last of the eight is always 0xff. */
static const uint8_t memory_types[] = {
    0x00, 0x04, 0x08, 0x0c,                         /* Device */
    0x44, 0x4f, 0xf4, 0x4a, 0xb4,                   /* Non-cacheable, inner or outer or both */
    0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, /* write-back, write-through */
    0x77, 0x66, 0x55, 0x33, 0x22, 0x11,             /* transient */
    0xfb, 0xbf, 0x7f, 0xf3, 0x39, 0xc5,
};
#define NORMAL ATTR_INDEX(7)
#define DEVICE ATTR_INDEX(6) /* while the MMU is on for more than AT */

static uint64_t random_mair(void)
{
    uint64_t mair = 0xff;
    for (int i = 0; i < 7; i++)
        mair = mair << 8 | memory_types[below(COUNT(memory_types))];
    return mair;
}

static uint64_t random_shareability(void)
{
    static const uint8_t allowed[] = {0, 2, 3};
    return SH(allowed[below(3)]);
}

static uint64_t random_address(const struct space *s, unsigned alignment)
{
    unsigned bits = once_in(12) ? 48 : s->ps;
    return some_of(low_bits(bits) & ~low_bits(alignment));
}

static uint64_t beyond_ps(const struct space *s)
{
    return s->ps == 48 ? NOWHERE : BIT(s->ps + below(48 - s->ps));
}

static uint64_t random_leaf_attributes(const struct space *s)
{
    uint64_t d = some_of(ATTR_INDEX(7) | AP(3) | GP | DBM | UXN | BIT(55) | BIT(56) | BIT(57) | BIT(58));
    d |= random_shareability();
    if (!once_in(10))
        d |= AF;
    if (s->secure)
        d |= some_of(NS);
    return s->single ? d | AP_USER : d | some_of(NG | PXN);
}

static uint64_t random_table_attributes(const struct space *s)
{
    uint64_t d = some_of(BIT(51) | BIT(52) | BIT(53) | BIT(54) | BIT(55) | BIT(56) | BIT(57) | BIT(58));
    d |= some_of(low_bits(12) & ~low_bits(2));
    if (once_in(3))
        d |= some_of(UXN_TABLE | AP_TABLE(2));
    if (!s->single && once_in(3))
        d |= some_of(PXN_TABLE | AP_TABLE(1));
    if (s->secure && once_in(4))
        d |= NS_TABLE;
    return d | VALID | TABLE_OR_PAGE;
}

/* How many neighbouring entries the Contiguous bit speaks for, as a power of two. */
static unsigned contiguous_bits(const struct space *s, unsigned level)
{
    switch (s->granule) {
    case 12:
        return 4;
    case 14:
        return level == 3 ? 7 : 5;
    default:
        return 5;
    }
}

static void fill_contiguous(const struct space *s, uint64_t *table, unsigned level, unsigned index)
{
    unsigned shift = level_shift(s, level), bits = contiguous_bits(s, level), first = index & ~(unsigned)low_bits(bits);
    uint64_t d = random_leaf_attributes(s) | CONTIGUOUS | VALID | (level == 3 ? TABLE_OR_PAGE : 0);
    d |= random_address(s, shift + bits);
    for (unsigned i = 0; i < 1u << bits; i++)
        put(&table[first + i], d + ((uint64_t)i << shift));
    note(table, index);
}

static bool can_be_contiguous(const struct space *s, const uint64_t *table, unsigned level, unsigned index)
{
    unsigned count = 1u << contiguous_bits(s, level), first = index & ~(count - 1);
    if (entry_count(s, level) < count)
        return false;
    for (unsigned i = first; i < first + count; i++)
        if (table[i])
            return false;
    return true;
}

static void fill(const struct space *s, uint64_t *table, unsigned table_limit);

static void fill_entry(const struct space *s, uint64_t *table, unsigned level, unsigned index, unsigned table_limit)
{
    bool leaf_allowed = level == 3 || blocks_allowed(s, level);
    unsigned choice = below(32);
    uint64_t descriptor;
    if (choice == 0) {
        descriptor = random64() & ~VALID;
    } else if (choice == 1 && level == 3) {
        descriptor = random_leaf_attributes(s) | random_address(s, s->granule) | VALID; /* reserved */
    } else if (choice == 1) {
        descriptor = random_table_attributes(s) | beyond_ps(s);
    } else if (choice == 2 && level < 3) {
        descriptor = random_table_attributes(s) | (once_in(2) ? NOWHERE : FAR_AWAY);
    } else if (leaf_allowed && (choice == 3 || choice == 4) && can_be_contiguous(s, table, level, index)) {
        fill_contiguous(s, table, level, index);
        return;
    } else if (level < 3 && pool_used < table_limit && (!leaf_allowed || choice >= 14)) {
        uint64_t *next = new_table(level + 1);
        descriptor = random_table_attributes(s) | (uint64_t)next;
        fill(s, next, table_limit);
    } else if (leaf_allowed) {
        descriptor = random_leaf_attributes(s) | random_address(s, level_shift(s, level)) | VALID;
        descriptor |= level == 3 ? TABLE_OR_PAGE : 0;
    } else {
        descriptor = random_table_attributes(s) | NOWHERE;
    }
    put(&table[index], descriptor);
    note(table, index);
}

static void fill(const struct space *s, uint64_t *table, unsigned table_limit)
{
    unsigned level = noted[pool_index(table)].level, index = 0, count = entry_count(s, level);
    for (int i = 0; i < 5; i++) {
        index = once_in(2) ? index + 1 : below(count);
        index &= count - 1;
        if (!table[index])
            fill_entry(s, table, level, index, table_limit);
    }
}

/* An address whose walk goes through entries in use, most of the time. */
static uint64_t inside(const struct space *s)
{
    uint64_t va = 0;
    const uint64_t *table = s->root;
    unsigned level = start_level(s);
    for (;; level++) {
        unsigned t = pool_index(table), index = below(entry_count(s, level));
        if (t < TABLES && noted[t].count && !once_in(20))
            index = noted[t].index[below(noted[t].count)];
        va |= (uint64_t)index << level_shift(s, level);
        const uint64_t *next = level < 3 ? table_at(s, table[index]) : NULL;
        if (!next)
            break;
        table = next;
    }
    return va | some_of(low_bits(level_shift(s, level)));
}

static uint64_t near_the_limit(const struct space *s)
{
    static const int64_t steps[] = {-1, 0, 1, -0x1000, 0x1000};
    uint64_t limit = BIT(64 - s->txsz);
    return (s->upper ? -limit : limit) + (uint64_t)steps[below(COUNT(steps))];
}

static uint64_t random_va(const struct space *s)
{
    if (once_in(32))
        return near_the_limit(s);
    uint64_t va = inside(s);
    if (s->upper)
        va |= ~low_bits(64 - s->txsz);
    if (once_in(32))
        va ^= BIT(64 - s->txsz + below(s->txsz));
    if (once_in(10))
        va = (va & low_bits(56)) | random64() << 56;
    return va;
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Registers of the level the program runs at. */

static void write_sctlr(unsigned el, uint64_t value)
{
    if (el == 1)
        WRITE(sctlr_el1, value);
    else if (el == 2)
        WRITE(sctlr_el2, value);
    else
        WRITE(sctlr_el3, value);
}

static void write_vbar(const char *vectors)
{
    if (starting_el == 1)
        WRITE(vbar_el1, vectors);
    else if (starting_el == 2)
        WRITE(vbar_el2, vectors);
    else
        WRITE(vbar_el3, vectors);
}

static void write_ttbr0(unsigned el, uint64_t value)
{
    if (el == 1)
        WRITE(ttbr0_el1, value);
    else if (el == 2)
        WRITE(ttbr0_el2, value);
    else
        WRITE(ttbr0_el3, value);
}

static void write_tcr(unsigned el, uint64_t value)
{
    if (el == 1)
        WRITE(tcr_el1, value);
    else if (el == 2)
        WRITE(tcr_el2, value);
    else
        WRITE(tcr_el3, value);
}

static void write_mair(unsigned el, uint64_t value)
{
    if (el == 1)
        WRITE(mair_el1, value);
    else if (el == 2)
        WRITE(mair_el2, value);
    else
        WRITE(mair_el3, value);
}

static uint64_t usual_sctlr(unsigned el)
{
    return el == 1 ? SCTLR_EL1_USUAL : SCTLR_EL23_USUAL;
}

static void invalidate_tlbs(void)
{
    DSB();
    if (starting_el == 1) {
        TLBI(vmalle1);
    } else {
        TLBI(alle1);
        TLBI(alle2);
    }
    if (starting_el == 3)
        TLBI(alle3);
    DSB();
    ISB();
}

static unsigned granule_field(unsigned granule, bool upper)
{
    static const uint8_t tg0[] = {[12] = 0, [14] = 2, [16] = 1}, tg1[] = {[12] = 2, [14] = 1, [16] = 3};
    return upper ? tg1[granule] : tg0[granule];
}

static uint64_t tcr_lower(const struct space *s)
{
    return s->txsz | (uint64_t)granule_field(s->granule, false) << 14;
}

static uint64_t tcr_upper(const struct space *s)
{
    return (uint64_t)s->txsz << 16 | (uint64_t)granule_field(s->granule, true) << 30;
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Output. */

static void print_name(const char *group, unsigned set)
{
    print(group);
    print_char('.');
    print_hex(set, 2);
}

static void print_short_hex(uint64_t value)
{
    int digits = 1;
    while (digits < 16 && value >> 4 * digits)
        digits++;
    print_hex(value, digits);
}

static void print_field(const char *name, uint64_t value)
{
    print(name);
    print_short_hex(value);
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Section 1: AT. */

enum { ADDRESSES = 24, RESULTS = 6 };

/* What the code in `mapped` reads and writes, within 4 KiB. */
static _Alignas(65536) struct {
    uint64_t addresses[ADDRESSES];
    uint64_t results[ADDRESSES * RESULTS];
    _Alignas(65536) char end[];
} probed;

#define IN_PLACE_OF_PAR BIT(52)
#define WRONG_FAR BIT(53)
#define SH_IN_PAR (3ull << 7)

/* Device memory, or Non-cacheable. */
static bool is_uncached(uint64_t par)
{
    return par >> 60 == 0 || par >> 56 == 0x44;
}

/* PAR_EL1 without what the architecture leaves open: IMPLEMENTATION DEFINED bits, and NS of a Non-secure regime. */
static uint64_t comparable(uint64_t par, bool secure)
{
    if (par & IN_PLACE_OF_PAR)
        return par;
    if (par & 1)
        return par & low_bits(48);
    return par & ~(BIT(10) | (secure ? 0 : BIT(9)));
}

/* And without PAR_EL1.SH where it does not depend on the tables. A set of its own shows that. */
static uint64_t without_fixed_sh(uint64_t par)
{
    return par & (IN_PLACE_OF_PAR | 1) || !is_uncached(par) ? par : par & ~SH_IN_PAR;
}

/* Results are PAR_EL1, or "=" if it is the one before, or "abort" and the syndrome. */
static void print_result(uint64_t result, uint64_t previous)
{
    print_char(' ');
    if (result == previous) {
        print_char('=');
    } else if (result & IN_PLACE_OF_PAR) {
        print("abort/");
        print_short_hex(result & low_bits(52));
        if (result & WRONG_FAR)
            print("/far");
    } else {
        print_short_hex(result);
    }
}

/* One group of lines: AT for one regime, from the starting level. */
struct at_group {
    const char *name;
    unsigned from, regime; /* the starting level, and the level whose registers control the translation */
    bool secure;
    unsigned sets;
    prober *probe;
};

static const struct at_group at_groups[] = {
    {"E1", 1, 1, false, 36, probe_el10_at_el1},
    {"E1", 2, 1, false, 32, probe_el10_at_el2},
    {"E2", 2, 2, false, 18, probe_el2_at_el2},
    {"E1", 3, 1, false, 8, probe_el10_at_el3},
    {"S1", 3, 1, true, 14, probe_el10_at_el3},
    {"E2", 3, 2, false, 10, probe_el2_at_el3},
    {"E3", 3, 3, true, 18, probe_el3_at_el3},
};

static void print_results(const struct at_group *g, unsigned set, unsigned count, uint64_t (*without)(uint64_t))
{
    const uint64_t *result = probed.results;
    for (unsigned i = 0; i < count; i++) {
        print_name(g->name, set);
        print_char('.');
        print_hex(i, 2);
        print_char(' ');
        print_hex(probed.addresses[i], 16);
        print_char(':');
        uint64_t previous = ~0ull;
        for (unsigned j = 0; j < (g->regime == 1 ? 6 : 2); j++, result++) {
            uint64_t value = comparable(*result, g->secure);
            if (without)
                value = without(value);
            print_result(value, previous);
            previous = value;
        }
        print_char('\n');
    }
}

static const uint8_t granules[] = {12, 14, 16};

/* Whether the program's own instructions and data go through the tables that are tried. */
static bool is_own(const struct at_group *g)
{
    return g->regime == starting_el;
}

static void map_probe(const struct space *s)
{
    uint64_t user = s->single ? AP_USER : 0;
    map_page(s, address_of(mapped), address_of(mapped) | NORMAL | AP(3) | SH(3) | AF | VALID | TABLE_OR_PAGE);
    map_page(s, address_of(&probed),
             address_of(&probed) | NORMAL | user | SH(3) | AF | XN | VALID | TABLE_OR_PAGE);
}

/* The first table of a range; sometimes it is not there, or beyond the largest physical address. */
static uint64_t build(struct space *s, bool own, unsigned table_limit)
{
    s->root = new_table(start_level(s));
    if (own && !s->upper)
        map_probe(s);
    for (unsigned t = pool_index(s->root), end = pool_used; t < end; t++)
        fill(s, pool[t], table_limit);
    if ((own && !s->upper) || !once_in(12))
        return (uint64_t)s->root;
    return once_in(3) ? NOWHERE : once_in(2) ? FAR_AWAY : beyond_ps(s);
}

/* TnSZ is between 16 and 39; the program is to be found below 2 GiB if it is mapped. */
static struct space random_space(const struct at_group *g, bool upper, unsigned ps)
{
    struct space s = {.upper = upper, .ps = ps_bits[ps], .single = g->regime != 1, .secure = g->secure};
    s.granule = granules[below(3)];
    s.txsz = 16 + below(is_own(g) && !upper ? 18 : 24);
    return s;
}

static uint64_t optional(uint64_t bits)
{
    return once_in(2) ? 0 : some_of(bits);
}

static uint64_t random_tcr_el1(const struct at_group *g)
{
    uint64_t tcr = WALKS_EL1 | optional(TBI0 | TBI1) | optional(HPD0 | HPD1);
    if (once_in(6))
        tcr |= some_of(E0PD0 | E0PD1);
    if (once_in(8))
        tcr |= some_of(EPD1 | (is_own(g) ? 0 : EPD0));
    return tcr;
}

/* Control registers and tables of the regime; what SCTLR_ELx is to be. */
static uint64_t random_regime(const struct at_group *g, struct space spaces[2])
{
    unsigned ps = below(COUNT(ps_bits));
    uint64_t tcr, mair = random_mair();
    spaces[0] = random_space(g, false, ps);
    spaces[1] = random_space(g, true, ps);
    write_ttbr0(g->regime, build(&spaces[0], is_own(g), 20));
    if (g->regime == 1) {
        WRITE(ttbr1_el1, build(&spaces[1], is_own(g), 40));
        tcr = random_tcr_el1(g) | IPS(ps) | tcr_lower(&spaces[0]) | tcr_upper(&spaces[1]);
    } else {
        tcr = TCR_EL23_RES1 | WALKS_EL23 | PS(ps) | optional(TBI | HPD) | tcr_lower(&spaces[0]);
    }
    write_tcr(g->regime, tcr);
    write_mair(g->regime, mair);
    print_field(" tcr=", tcr);
    print_field(" mair=", mair);
    return usual_sctlr(g->regime) | M | optional(WXN);
}

static void run_probe(const struct at_group *g, uint64_t sctlr, unsigned count)
{
    if (!is_own(g)) {
        write_sctlr(g->regime, sctlr);
        sctlr = usual_sctlr(starting_el);
    }
    invalidate_tlbs();
    g->probe(probed.addresses, probed.addresses + count, probed.results, sctlr);
    if (!is_own(g))
        write_sctlr(g->regime, usual_sctlr(g->regime));
}

static void run_at_set(const struct at_group *g, unsigned set)
{
    struct space spaces[2];
    seed(set * 16 + g->regime + 4 * g->secure + 8 * starting_el * 256);
    print_name(g->name, set);
    print(" set:");
    erase_tables();
    uint64_t sctlr = random_regime(g, spaces);
    bool pan = once_in(2);
    print_field(" sctlr=", sctlr);
    print_field(" pan=", pan);
    print_char('\n');
    for (unsigned i = 0; i < ADDRESSES; i++)
        probed.addresses[i] = random_va(&spaces[g->regime == 1 && i % 2]);
    set_pan(pan);
    run_probe(g, sctlr, ADDRESSES);
    set_pan(false);
    print_results(g, set, ADDRESSES, without_fixed_sh);
}

/* With the MMU of the regime off. */
static void run_at_off(const struct at_group *g, unsigned set)
{
    static const uint64_t addresses[] = {0, 0x12345678, 0xffffffffffff, 0x10000000000000, 0x80000000000000,
                                         0xff80000000000000, 0xab00000012345678, 0xffffffffffffffff};
    uint64_t tbi = set & 1 ? (g->regime == 1 ? TBI0 | TBI1 : TBI) : 0;
    print_name(g->name, set);
    print(" set: MMU off");
    print_field(" tbi=", tbi);
    print_char('\n');
    for (unsigned i = 0; i < COUNT(addresses); i++)
        probed.addresses[i] = addresses[i];
    write_tcr(g->regime, tbi | IPS(0) | (g->regime == 1 ? 0 : TCR_EL23_RES1));
    run_probe(g, usual_sctlr(g->regime), COUNT(addresses));
    print_results(g, set, COUNT(addresses), without_fixed_sh);
}

/* A regime with tables made for the occasion: an address in the range that is tried. At EL1 it is the upper one. */
static uint64_t begin_directed(const struct at_group *g, struct space *s, unsigned granule, unsigned txsz)
{
    struct space own = {.granule = 12, .txsz = 25};
    *s = (struct space){.granule = granule, .txsz = txsz, .upper = g->regime == 1, .single = g->regime != 1};
    erase_tables();
    s->root = new_table(start_level(s));
    own.root = new_table(start_level(&own));
    map_probe(&own);
    write_mair(g->regime, 0xffbb4f440c080400);
    if (g->regime == 1) {
        WRITE(ttbr0_el1, own.root);
        WRITE(ttbr1_el1, s->root);
        WRITE(tcr_el1, WALKS_EL1 | IPS(5) | tcr_lower(&own) | tcr_upper(s));
    } else {
        if (is_own(g))
            map_probe(s);
        write_ttbr0(g->regime, (uint64_t)s->root);
        write_tcr(g->regime, TCR_EL23_RES1 | WALKS_EL23 | PS(5) | tcr_lower(s));
    }
    return (s->upper ? ~low_bits(64 - txsz) : 0) | BIT(63 - txsz);
}

/* What would be a block where there are none: with the 4 KiB granule at level 0, with 16 KiB at levels 0 and 1. */
static void run_at_reserved(const struct at_group *g, unsigned set)
{
    static const struct {
        uint8_t granule, txsz, level;
    } cases[] = {{12, 16, 0}, {14, 16, 0}, {14, 20, 1}};
    struct space s;
    uint64_t va = begin_directed(g, &s, cases[set].granule, cases[set].txsz);
    put(entry_at(&s, va, cases[set].level, 0), AP_USER | SH(3) | NORMAL | AF | VALID);
    probed.addresses[0] = va | 0x1234567;
    run_probe(g, usual_sctlr(g->regime) | M, 1);
    print_results(g, 0xa0 + set, 1, NULL);
}

/* PAR_EL1.SH of each type of memory: Device and Non-cacheable are always outer shareable. */
static void run_at_shareability(const struct at_group *g)
{
    struct space s;
    uint64_t va = begin_directed(g, &s, 12, 25);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t page = va + ((uint64_t)i << 12);
        map_page(&s, page, ATTR_INDEX(i) | AP_USER | SH(i & 1 ? 3 : 0) | AF | VALID | TABLE_OR_PAGE);
        probed.addresses[i] = page;
    }
    run_probe(g, usual_sctlr(g->regime) | M, 8);
    print_results(g, 0xb0, 8, NULL);
}

/* The Access flag is clear, at each level that has leaves. */
static void run_at_old(const struct at_group *g)
{
    struct space s;
    uint64_t va = begin_directed(g, &s, 12, 25);
    for (unsigned level = 1; level <= 3; level++) {
        uint64_t leaf = va + ((uint64_t)level << level_shift(&s, level));
        put(entry_at(&s, leaf, level, 0), NORMAL | AP_USER | SH(3) | VALID | (level == 3 ? TABLE_OR_PAGE : 0));
        probed.addresses[level - 1] = leaf;
    }
    run_probe(g, usual_sctlr(g->regime) | M, 3);
    print_results(g, 0xd0, 3, NULL);
}

/* The first table is where nothing answers, for each level that can be the first. */
static void run_at_nowhere(const struct at_group *g, unsigned set)
{
    static const struct {
        uint8_t granule, txsz;
    } cases[] = {{12, 16}, {12, 25}, {12, 34}, {14, 16}, {14, 17}, {14, 28}, {14, 39}, {16, 16}, {16, 22}, {16, 35}};
    struct space s;
    uint64_t va = begin_directed(g, &s, cases[set].granule, cases[set].txsz);
    WRITE(ttbr1_el1, NOWHERE);
    probed.addresses[0] = va | 0x1234;
    run_probe(g, usual_sctlr(g->regime) | M, 1);
    print_results(g, 0xc0 + set, 1, NULL);
}

static void run_at_group(const struct at_group *g)
{
    if (starting_el == 3) {
        WRITE(scr_el3, g->regime == 1 && g->secure ? SCR_USUAL & ~SCR_NS : SCR_USUAL);
        ISB();
    }
    for (unsigned set = 0; set < g->sets; set++)
        run_at_set(g, set);
    for (unsigned set = 0; set < 2; set++)
        run_at_off(g, 0x90 + set);
    for (unsigned set = 0; set < 3; set++)
        run_at_reserved(g, set);
    run_at_shareability(g);
    run_at_old(g);
    for (unsigned set = 0; set < 10 && g->regime == 1; set++)
        run_at_nowhere(g, set);
    if (starting_el == 3) {
        WRITE(scr_el3, SCR_USUAL);
        ISB();
    }
}

static void run_at(void)
{
    write_vbar(probe_vectors);
    for (const struct at_group *g = at_groups; g != at_groups + COUNT(at_groups); g++)
        if (g->from == starting_el)
            run_at_group(g);
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Section 2: accesses with the MMU on. The image is mapped where it is, a window of pages elsewhere. */

enum { PAGES = 8 };

/* What the window shows. In every page: a branch target at LANDING, bytes to write at 0x200, DC ZVA at 0x800. */
static _Alignas(65536) struct page {
    _Alignas(65536) uint64_t words[ENTRIES];
} pages[PAGES];

enum { LANDING = 0x100, DATA = 0x200, ZEROED = 0x800, GUARDED = 0xc00 };

#define WINDOW 0x2000000000ull                   /* in the range of TTBR0_ELx */
#define UPPER_RANGE 0xffffff8000000000ull        /* T1SZ is 25 too */
#define TXSZ 25
#define REAL_PS 2                                /* 40 bits */
#define PAGE (AF | SH(3) | VALID | TABLE_OR_PAGE)
#define USER_RW AP(1)
#define KERNEL_RO AP(2)
#define USER_RO AP(3)

/* Stand-ins for level 2 descriptors that depend on the granule. */
#define NO_TABLE BIT(63)
#define BLOCK BIT(62)
#define BLOCK_NO_AF BIT(61)
#define BLOCK_RO BIT(60)
#define ANY_BLOCK (BLOCK | BLOCK_NO_AF | BLOCK_RO)

/* One kind of page. Where there is something about the level 2 descriptor, it has one of its own. */
struct kind {
    const char *name;
    uint64_t leaf;    /* attributes, and bits 1:0 */
    uint64_t to;      /* what it maps, if not a page of ours */
    uint64_t table;   /* attributes of the level 2 descriptor */
    uint64_t instead; /* of the level 2 descriptor: another one, or a stand-in */
    bool device;
};

static const struct kind kinds[] = {
    {"rw-el1", PAGE | NORMAL | UXN, 0, 0, 0, false},
    {"rw-all", PAGE | NORMAL | USER_RW, 0, 0, 0, false},
    {"ro-el1", PAGE | NORMAL | KERNEL_RO, 0, 0, 0, false},
    {"ro-all", PAGE | NORMAL | USER_RO, 0, 0, 0, false},
    {"ro-pxn", PAGE | NORMAL | USER_RO | PXN, 0, 0, 0, false},
    {"ro-uxn", PAGE | NORMAL | USER_RO | UXN, 0, 0, 0, false},
    {"rw-xn", PAGE | NORMAL | USER_RW | UXN | PXN, 0, 0, 0, false},
    {"non-global", PAGE | NORMAL | USER_RW | NG, 0, 0, 0, false},
    {"no-af", (PAGE & ~AF) | NORMAL | USER_RW, 0, 0, 0, false},
    {"device", PAGE | DEVICE | USER_RW | UXN | PXN, 0, 0, 0, true},
    {"invalid", (PAGE & ~VALID) | NORMAL | USER_RW, 0, 0, 0, false},
    {"reserved", (PAGE & ~TABLE_OR_PAGE) | NORMAL | USER_RW, 0, 0, 0, false},
    {"nowhere", PAGE | NORMAL | USER_RW, NOWHERE, 0, 0, false},
    {"nowhere-ro", PAGE | NORMAL | USER_RO, NOWHERE, 0, 0, false},
    {"too-far", PAGE | NORMAL | USER_RW, BIT(41), 0, 0, false},
    {"table-ro", PAGE | NORMAL | USER_RW, 0, AP_TABLE(2), 0, false},
    {"table-el1", PAGE | NORMAL | USER_RW, 0, AP_TABLE(1), 0, false},
    {"table-ro-el1", PAGE | NORMAL | USER_RW, 0, AP_TABLE(3), 0, false},
    {"table-uxn", PAGE | NORMAL | USER_RO, 0, UXN_TABLE, 0, false},
    {"table-pxn", PAGE | NORMAL | USER_RO, 0, PXN_TABLE, 0, false},
    {"no-table", 0, 0, 0, NO_TABLE, false},
    {"table-nowhere", 0, 0, 0, NOWHERE | VALID | TABLE_OR_PAGE, false},
    {"table-too-far", 0, 0, 0, BIT(42) | VALID | TABLE_OR_PAGE, false},
    {"block", 0, 0, 0, BLOCK, false},
    {"block-no-af", 0, 0, 0, BLOCK_NO_AF, false},
    {"block-ro", 0, 0, 0, BLOCK_RO, false},
    {"block-too-far", 0, 0, 0, BIT(41) | NORMAL | USER_RW | AF | SH(3) | VALID, false},
};

/* Every kind of page has a level 2 entry of its own where it needs one, and two pages: a good one, and itself. */
static uint64_t window_va(const struct space *s, unsigned kind)
{
    const struct kind *k = &kinds[kind];
    uint64_t base = s->upper ? UPPER_RANGE + WINDOW : WINDOW;
    uint64_t in_own_table = (uint64_t)(1 + kind) << level_shift(s, 2);
    uint64_t page = ((uint64_t)2 * kind + 1) << s->granule;
    if (k->instead & ANY_BLOCK)
        return base + in_own_table + (address_of(pages) & low_bits(level_shift(s, 2)));
    return base + (k->table || k->instead ? in_own_table : 0) + page;
}

/* The descriptor as the regime wants it. */
static uint64_t in_regime(const struct space *s, uint64_t leaf)
{
    return s->single ? (leaf | AP_USER) & ~(PXN | NG) : leaf;
}

/* The level 2 descriptor a kind of page has instead of one that points to a table of pages. */
static uint64_t level_2_descriptor(const struct space *s, uint64_t instead)
{
    uint64_t d = (address_of(pages) & ~low_bits(level_shift(s, 2))) | NORMAL | SH(3) | VALID;
    switch (instead) {
    case NO_TABLE:
        return 0;
    case BLOCK:
        return in_regime(s, d | AF | USER_RW);
    case BLOCK_NO_AF:
        return in_regime(s, d | USER_RW);
    case BLOCK_RO:
        return in_regime(s, d | AF | USER_RO);
    default:
        return instead & TABLE_OR_PAGE ? instead : in_regime(s, instead);
    }
}

/* Which of `pages` a kind of page shows; 0 is what the good page before it shows, and what blocks begin with. */
static uint64_t backing(unsigned kind)
{
    return address_of(&pages[1 + kind % (PAGES - 1)]);
}

static void map_kind(const struct space *s, unsigned kind)
{
    const struct kind *k = &kinds[kind];
    uint64_t va = window_va(s, kind);
    if (k->instead) {
        put(entry_at(s, va, 2, 0), level_2_descriptor(s, k->instead));
        return;
    }
    uint64_t table = s->single ? k->table & (UXN_TABLE | AP_TABLE(2)) : k->table;
    put(entry_at(s, va, 3, table), in_regime(s, k->leaf) | (k->to ? k->to : backing(kind)));
    uint64_t *before = entry_at(s, va - (1ull << s->granule), 3, table);
    put(before, in_regime(s, PAGE | NORMAL | USER_RW) | address_of(&pages[0]));
}

/* `attributes` are those for EL1: where there is no EL0, what EL1 must not execute is XN. */
static void map_range(const struct space *s, uint64_t from, uint64_t to, uint64_t attributes)
{
    if (s->single)
        attributes = (attributes & ~UXN) | (attributes & PXN ? XN : 0);
    for (uint64_t page = from & ~low_bits(s->granule); page < to; page += 1ull << s->granule)
        map_page(s, page, page | in_regime(s, attributes));
}

static void map_image(const struct space *s)
{
    uint64_t text = 0x40100000, user = address_of(mapped), data = address_of(image_data);
    uint64_t after_user = user + ENTRIES * 8;
    map_range(s, text, user, PAGE | NORMAL | KERNEL_RO | UXN);
    map_range(s, user, after_user, PAGE | NORMAL | USER_RO);
    map_range(s, after_user, data, PAGE | NORMAL | KERNEL_RO | UXN);
    map_range(s, data, address_of(__stack_top), PAGE | NORMAL | UXN | PXN);
    map_range(s, UART, UART + 1, PAGE | DEVICE | UXN | PXN);
}

static struct space real_space(unsigned granule, bool upper)
{
    struct space s = {.granule = granule, .txsz = TXSZ, .ps = ps_bits[REAL_PS], .upper = upper};
    s.single = starting_el != 1;
    s.root = new_table(start_level(&s));
    return s;
}

static uint64_t real_tcr(const struct space *s)
{
    if (starting_el == 1)
        return WALKS_EL1 | IPS(REAL_PS) | TBI0 | tcr_lower(s) | tcr_upper(s);
    return TCR_EL23_RES1 | WALKS_EL23 | PS(REAL_PS) | TBI | tcr_lower(s);
}

static void mmu_on(uint64_t tcr, uint64_t ttbr0, uint64_t ttbr1, uint64_t sctlr)
{
    write_mair(starting_el, 0xff04ffffffffffff);
    write_tcr(starting_el, tcr);
    write_ttbr0(starting_el, ttbr0);
    if (starting_el == 1)
        WRITE(ttbr1_el1, ttbr1);
    ISB();
    invalidate_tlbs();
    write_sctlr(starting_el, usual_sctlr(starting_el) | M | sctlr);
    ISB();
}

static void mmu_off(void)
{
    DSB();
    write_sctlr(starting_el, usual_sctlr(starting_el));
    ISB();
    invalidate_tlbs();
}

/* What is in the pages at the beginning: a pattern, and code. Only the first 4 KiB and the last 16 bytes are used. */
static void prepare_pages(void)
{
    const uint32_t *code = (const uint32_t *)guarded_code;
    for (unsigned p = 0; p < PAGES; p++) {
        for (unsigned i = 0; i < 512; i++)
            pages[p].words[i] = (uint64_t)p << 60 | (uint64_t)i << 32 | i * 0x01010101u;
        uint32_t *instructions = (uint32_t *)pages[p].words;
        instructions[LANDING / 4] = *(const uint32_t *)landed;
        for (unsigned i = 0; i < (unsigned)(guarded_code_end - guarded_code) / 4; i++)
            instructions[GUARDED / 4 + i] = code[i];
    }
    DSB();
    __asm__ volatile("ic iallu" : : : "memory");
    DSB();
    ISB();
}

struct outcome {
    uint64_t vector, esr, elr, far, spsr, x0, x1;
};

static struct outcome go(uint64_t pc, uint64_t spsr, uint64_t x0, uint64_t x1)
{
    struct entry e = {x0, x1, 0};
    struct outcome o;
    if (starting_el == 1) {
        WRITE(elr_el1, pc);
        WRITE(spsr_el1, spsr);
        enter(&e);
        o = (struct outcome){.esr = READ(esr_el1), .elr = READ(elr_el1), .far = READ(far_el1), .spsr = READ(spsr_el1)};
    } else if (starting_el == 2) {
        WRITE(elr_el2, pc);
        WRITE(spsr_el2, spsr);
        enter(&e);
        o = (struct outcome){.esr = READ(esr_el2), .elr = READ(elr_el2), .far = READ(far_el2), .spsr = READ(spsr_el2)};
    } else {
        WRITE(elr_el3, pc);
        WRITE(spsr_el3, spsr);
        enter(&e);
        o = (struct outcome){.esr = READ(esr_el3), .elr = READ(elr_el3), .far = READ(far_el3), .spsr = READ(spsr_el3)};
    }
    o.vector = e.vector;
    o.x0 = e.x0;
    o.x1 = e.x1;
    return o;
}

static unsigned exception_class(uint64_t esr)
{
    return esr >> 26 & 0x3f;
}

static bool is_abort(uint64_t esr)
{
    unsigned ec = exception_class(esr);
    return ec == 0x20 || ec == 0x21 || ec == 0x24 || ec == 0x25;
}

/* ESR_ELx without the instruction syndrome of an abort: that is for stage 2, and exceptions.S has cases of its own. */
static uint64_t comparable_esr(uint64_t esr)
{
    return is_abort(esr) ? esr & ~(low_bits(11) << 14) : esr;
}

static bool is_external(uint64_t esr)
{
    unsigned status = esr & 0x3f;
    return is_abort(esr) && (status == 0x10 || (status >= 0x14 && status <= 0x17));
}

/* "ok" and x0 and x1 if SVC was reached; else the syndrome, and where the exception came from. */
static void print_outcome(const struct outcome *o)
{
    print(": ");
    if (exception_class(o->esr) == 0x15) {
        print_field("ok svc=", o->esr & 0xffff);
        print_field(" x0=", o->x0);
        print_field(" x1=", o->x1);
    } else {
        print_field("vector=", o->vector);
        print_field(" esr=", comparable_esr(o->esr));
        print_field(" elr=", o->elr);
        if (is_abort(o->esr))
            print_field(" far=", o->far);
        print_field(" x0=", o->x0);
    }
    print_char('\n');
}

static uint64_t own_pstate(void)
{
    return starting_el == 1 ? EL1h : starting_el == 2 ? EL2h : EL3h;
}

/* Where and how an access is tried. */
struct attempt {
    const struct access *access;
    unsigned kind;
    uint64_t spsr, offset, tag;
};

static void print_attempt(const char *group, unsigned number, const struct space *s, const struct attempt *a)
{
    print(group);
    print(s->upper ? "1." : "0.");
    print_decimal(1u << (s->granule - 10));
    print("K.");
    print_decimal(number);
    print(a->spsr & 15 ? "" : " EL0");
    print(a->spsr & PSTATE_PAN ? " PAN" : "");
    print(a->spsr & PSTATE_UAO ? " UAO" : "");
    print_char(' ');
    print(a->access->name);
    print_char(' ');
    print(kinds[a->kind].name);
}

static void try_access(const char *group, unsigned number, const struct space *s, const struct attempt *a)
{
    uint64_t va = window_va(s, a->kind) + a->offset;
    print_attempt(group, number, s, a);
    if (a->tag)
        va = (va & low_bits(56)) | a->tag << 56;
    print_field(" ", va);
    struct outcome o = go(a->access->pc, a->spsr, va, 0);
    if (a->access->kind == ATOMIC && is_external(o.esr))
        o.esr &= ~BIT(6); /* WnR is UNKNOWN */
    print_outcome(&o);
}

static uint64_t usual_offset(const struct access *a)
{
    switch (a->kind) {
    case FETCH:
        return LANDING;
    case ZERO:
        return ZEROED;
    default:
        return DATA + 16 * below(64);
    }
}

/* Every kind of page by the three simple accesses. */
static void run_every_kind(const char *group, const struct space *s)
{
    unsigned number = 0;
    for (unsigned kind = 0; kind < COUNT(kinds); kind++)
        for (const struct access *access = accesses; access != accesses + 3; access++)
            for (int user = starting_el == 1; user >= 0; user--, number++) {
                struct attempt a = {access, kind, user ? EL0t : own_pstate(), usual_offset(access), 0};
                if (!(access->kind == FETCH && kinds[kind].device))
                    try_access(group, number, s, &a);
            }
}

/* Only plain accesses where more is IMPLEMENTATION DEFINED: to Device memory, and to where nothing answers. */
static bool is_tried(const struct attempt *a)
{
    if (kinds[a->kind].device)
        return a->access->kind == LOAD;
    return kinds[a->kind].to != NOWHERE || a->access->kind == LOAD || a->access->kind == FETCH;
}

static void run_random(const char *group, const struct space *s, unsigned count)
{
    const unsigned total = (unsigned)(accesses_end - accesses);
    for (unsigned number = 0; number < count;) {
        struct attempt a = {.access = &accesses[below(total)], .kind = below(COUNT(kinds)), .spsr = own_pstate()};
        bool user = starting_el == 1 && once_in(3);
        a.spsr = user ? EL0t : a.spsr | (starting_el == 1 ? some_of(PSTATE_PAN | PSTATE_UAO) : 0);
        a.offset = usual_offset(a.access);
        a.tag = once_in(4) && !s->upper ? below(256) : 0;
        if (a.access->kind == LOAD && !kinds[a.kind].device && kinds[a.kind].to != NOWHERE && once_in(3))
            a.offset += 1 + below(7);
        if (!is_tried(&a))
            continue;
        try_access(group, number++, s, &a);
    }
}

/* A store that faults in its second page may have written to its first. */
static void restore_end(const struct space *s)
{
    uint64_t *end = &pages[0].words[BIT(s->granule) / 8];
    end[-1] = 0x0f1e2d3c4b5a6978;
    end[-2] = 0x8796a5b4c3d2e1f0;
}

/* Across the boundary between a good page and the one that is tried, which comes after it. */
static void run_crossing(const char *group, const struct space *s)
{
    static const char *const names[] = {"ldr", "str", "ldp", "stp", "ldtr", "sttr", "ldr-post", "strh", "ldpsw"};
    unsigned number = 0;
    for (const struct access *access = accesses; access != accesses_end; access++) {
        bool wanted = false;
        for (unsigned i = 0; i < COUNT(names); i++) {
            const char *left = names[i], *right = access->name;
            while (*left && *left == *right)
                left++, right++;
            wanted |= *left == *right;
        }
        if (!wanted)
            continue;
        for (unsigned kind = 0; kind < COUNT(kinds); kind++, number++) {
            bool shown = !kinds[kind].instead && !kinds[kind].device && once_in(4);
            if (!shown)
                continue;
            uint64_t spsr = starting_el == 1 && once_in(3) ? EL0t : own_pstate();
            struct attempt a = {access, kind, spsr, -(uint64_t)(1 + below(access->name[3] == 'h' ? 1 : 7)), 0};
            restore_end(s);
            try_access(group, number, s, &a);
        }
    }
}

/* WXN: what is writable is not executable. */
static void run_wxn(const char *group, const struct space *s)
{
    unsigned number = 0;
    for (unsigned kind = 0; kind < COUNT(kinds); kind++)
        for (int user = starting_el == 1; user >= 0; user--, number++) {
            struct attempt a = {&accesses[2], kind, user ? EL0t : own_pstate(), LANDING, 0};
            if (!kinds[kind].device)
                try_access(group, number, s, &a);
        }
}

/* SCTLR_ELx.A; and accesses that must be aligned whatever it says. Alignment is checked before anything else. */
static void run_alignment(const char *group, const struct space *s)
{
    unsigned number = 0;
    for (const struct access *access = accesses; access != accesses_end; access++)
        for (unsigned kind = 1; kind < COUNT(kinds); kind += 9, number++) {
            struct attempt a = {access, kind, own_pstate(), DATA + 1, 0};
            if (access->kind == LOAD || access->kind == ALIGNED || access->kind == ATOMIC)
                try_access(group, number, s, &a);
        }
}

/* To Device memory an access must be aligned, and DC ZVA must not be. */
static void run_device(const char *group, const struct space *s)
{
    unsigned number = 0, device = 0;
    while (!kinds[device].device)
        device++;
    for (const struct access *access = accesses; access != accesses_end; access++, number++) {
        struct attempt a = {access, device, own_pstate(), DATA + 4 + 32 * number, 0};
        if (access->kind == ZERO)
            a.offset = ZEROED;
        if (access->kind == LOAD || access->kind == ZERO)
            try_access(group, number, s, &a);
    }
    prepare_pages(); /* an unaligned store may have been done */
}

/* Addresses of no range, or of one but with nothing near. At EL2 and EL3 there is no upper range. */
static void run_wild(void)
{
    static const uint64_t addresses[] = {
        0x0000000000000000, 0x0000001000000000, 0x0000007ffffff000, 0x0000008000000000, 0x0000800000000000,
        0x0080000000000000, 0x1200001000000000, 0x1280000000000000, 0xff7fff8000000000, 0xff80000000000000,
        0xffff800000000000, 0xffffff7ffffffff0, 0xffffff8000000000, 0xfffffffffffff000, 0x12ffffa000000000,
    };
    unsigned number = 0;
    for (unsigned i = 0; i < COUNT(addresses); i++)
        for (const struct access *access = accesses; access != accesses + 3; access++, number++) {
            print("Z.");
            print_decimal(number);
            print_char(' ');
            print(access->name);
            print_field(" ", addresses[i]);
            struct outcome o = go(access->pc, own_pstate(), addresses[i], 0);
            print_outcome(&o);
        }
}

static void run_accesses(unsigned granule)
{
    erase_tables();
    struct space lower = real_space(granule, false), upper = real_space(granule, true);
    map_image(&lower);
    for (unsigned kind = 0; kind < COUNT(kinds); kind++) {
        map_kind(&lower, kind);
        if (starting_el == 1)
            map_kind(&upper, kind);
    }
    const struct space *const ranges[] = {&lower, &upper};
    for (unsigned r = 0; r < (starting_el == 1 ? 2 : 1); r++) {
        bool everything = granule == 12 && r == 0;
        seed(1000 + granule * 2 + r);
        mmu_on(real_tcr(&lower), (uint64_t)lower.root, (uint64_t)upper.root, 0);
        run_random("R", ranges[r], 50);
        run_crossing("X", ranges[r]);
        if (everything) {
            run_every_kind("K", ranges[r]);
            run_device("D", ranges[r]);
            run_wild();
            mmu_on(real_tcr(&lower), (uint64_t)lower.root, (uint64_t)upper.root, WXN);
            run_wxn("W", ranges[r]);
            mmu_on(real_tcr(&lower), (uint64_t)lower.root, (uint64_t)upper.root, A);
            run_alignment("A", ranges[r]);
        }
        mmu_off();
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Section 3: branch target identification. A line is a way to branch, its results are those of each landing. */

enum { LANDINGS = 10 }; /* NOP, BTI, BTI c, BTI j, BTI jc, PACIASP, PACIBSP, BRK, UDF, B */
static const char *const branches[] = {"br x16", "br x17", "br x1", "blr x16", "blr x1", "ret x1", "directly"};

enum { DIRECTLY = COUNT(branches) - 1, SLOT = 16 };

/* "ok" if SVC was reached; else the syndrome, and for a Branch Target exception PSTATE.BTYPE, and where it happened. */
static void print_landing(const struct outcome *o, uint64_t target)
{
    print_char(' ');
    if (exception_class(o->esr) == 0x15) {
        print("ok");
        return;
    }
    print_short_hex(o->esr);
    if (exception_class(o->esr) == 0x0d) {
        print_char('/');
        print_decimal(o->spsr >> 10 & 3);
    }
    if (o->elr != target)
        print("/elsewhere");
}

static void branch_to_every_landing(unsigned branch, uint64_t spsr, uint64_t source_page, uint64_t target_page)
{
    uint64_t source = source_page + GUARDED + SLOT * (LANDINGS + branch);
    for (unsigned landing = 0; landing < LANDINGS; landing++) {
        uint64_t target = target_page + GUARDED + SLOT * landing;
        struct outcome o = go(address_of(hop), spsr, branch == DIRECTLY ? target : source, target);
        print_landing(&o, target);
    }
    print_char('\n');
}

static void run_branches(const char *name, uint64_t spsr, uint64_t guarded, uint64_t plain)
{
    const uint64_t sources[] = {plain, guarded}, targets[] = {guarded, plain};
    for (unsigned t = 0; t < 2; t++)
        for (unsigned s = 0; s < 2; s++)
            for (unsigned branch = 0; branch < COUNT(branches); branch++) {
                if (t == 1 && s == 0)
                    continue;
                if (branch == DIRECTLY && s == 1)
                    continue;
                print(name);
                print(spsr & 15 ? " " : " EL0 ");
                print(s ? "guarded " : "plain ");
                print(branches[branch]);
                print(t ? " plain:" : " guarded:");
                branch_to_every_landing(branch, spsr, sources[s], targets[t]);
            }
}

static void run_bti(void)
{
    static const uint64_t sctlr[] = {0, BT0 | BT1};
    erase_tables();
    struct space s = real_space(12, false);
    map_image(&s);
    map_page(&s, WINDOW, in_regime(&s, PAGE | NORMAL | USER_RO | GP) | address_of(&pages[1]));
    map_page(&s, WINDOW + 0x1000, in_regime(&s, PAGE | NORMAL | USER_RO) | address_of(&pages[2]));
    for (unsigned bt = 0; bt < 2; bt++) {
        mmu_on(real_tcr(&s), (uint64_t)s.root, 0, starting_el == 1 ? sctlr[bt] : bt ? BT : 0);
        if (starting_el == 1)
            run_branches(bt ? "B.BT" : "B", EL0t, WINDOW, WINDOW + 0x1000);
        run_branches(bt ? "B.BT" : "B", own_pstate(), WINDOW, WINDOW + 0x1000);
        mmu_off();
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Section 4: TLB maintenance. After an entry is taken away and invalidated, an access faults. */

#define INVALIDATION(operation) \
    static void invalidate_##operation(uint64_t x) { (void)x; TLBI(operation); }
#define INVALIDATION_BY(operation) \
    static void invalidate_##operation(uint64_t x) { TLBI_BY(operation, x); }
INVALIDATION(vmalle1) INVALIDATION(vmalle1is)
INVALIDATION_BY(aside1) INVALIDATION_BY(aside1is)
INVALIDATION_BY(vae1) INVALIDATION_BY(vae1is) INVALIDATION_BY(vaae1) INVALIDATION_BY(vaae1is)
INVALIDATION_BY(vale1) INVALIDATION_BY(vale1is) INVALIDATION_BY(vaale1) INVALIDATION_BY(vaale1is)
INVALIDATION(alle2) INVALIDATION(alle2is)
INVALIDATION_BY(vae2) INVALIDATION_BY(vae2is) INVALIDATION_BY(vale2) INVALIDATION_BY(vale2is)
INVALIDATION(alle3) INVALIDATION(alle3is)
INVALIDATION_BY(vae3) INVALIDATION_BY(vae3is) INVALIDATION_BY(vale3) INVALIDATION_BY(vale3is)

struct invalidation {
    const char *name;
    unsigned el;
    void (*execute)(uint64_t x);
    bool global;    /* it works on global entries */
    bool last_only; /* it leaves what was learnt of the levels before the last */
};

static const struct invalidation invalidations[] = {
    {"vmalle1", 1, invalidate_vmalle1, true, false},  {"vmalle1is", 1, invalidate_vmalle1is, true, false},
    {"aside1", 1, invalidate_aside1, false, false},   {"aside1is", 1, invalidate_aside1is, false, false},
    {"vae1", 1, invalidate_vae1, true, false},        {"vae1is", 1, invalidate_vae1is, true, false},
    {"vaae1", 1, invalidate_vaae1, true, false},      {"vaae1is", 1, invalidate_vaae1is, true, false},
    {"vale1", 1, invalidate_vale1, true, true},       {"vale1is", 1, invalidate_vale1is, true, true},
    {"vaale1", 1, invalidate_vaale1, true, true},     {"vaale1is", 1, invalidate_vaale1is, true, true},
    {"alle2", 2, invalidate_alle2, true, false},      {"alle2is", 2, invalidate_alle2is, true, false},
    {"vae2", 2, invalidate_vae2, true, false},        {"vae2is", 2, invalidate_vae2is, true, false},
    {"vale2", 2, invalidate_vale2, true, true},       {"vale2is", 2, invalidate_vale2is, true, true},
    {"alle3", 3, invalidate_alle3, true, false},      {"alle3is", 3, invalidate_alle3is, true, false},
    {"vae3", 3, invalidate_vae3, true, false},        {"vae3is", 3, invalidate_vae3is, true, false},
    {"vale3", 3, invalidate_vale3, true, true},       {"vale3is", 3, invalidate_vale3is, true, true},
};

#define ASID(n) ((uint64_t)(n) << 48)

static void load_and_print(const char *group, const char *name, const char *step, uint64_t va)
{
    print(group);
    print(name);
    print(step);
    struct outcome o = go(accesses[0].pc, own_pstate(), va, 0);
    print_outcome(&o);
}

/* Change an entry that is not valid: nothing is to be invalidated. */
static void fill_in(uint64_t *entry, uint64_t descriptor)
{
    *entry = descriptor;
    DSB();
    ISB();
}

static void take_away(uint64_t *entry, const struct invalidation *i, uint64_t by)
{
    *entry = 0;
    DSB();
    i->execute(by);
    DSB();
    ISB();
}

static void run_invalidation(const struct invalidation *i, const struct space *s, const char *group, uint64_t leaf)
{
    uint64_t va = WINDOW + DATA, by = ASID(5) | WINDOW >> 12;
    uint64_t *page = entry_at(s, WINDOW, 3, 0), *table = entry_at(s, WINDOW, 2, 0), to_page = *table;
    fill_in(page, leaf | address_of(&pages[1]));
    load_and_print(group, i->name, " mapped", va);
    take_away(page, i, by);
    load_and_print(group, i->name, " unmapped", va);
    fill_in(page, leaf | address_of(&pages[2]));
    load_and_print(group, i->name, " remapped", va);
    if (!i->last_only) {
        take_away(table, i, by);
        load_and_print(group, i->name, " without table", va);
        fill_in(table, to_page);
        load_and_print(group, i->name, " with table", va);
    }
    take_away(page, i, by);
    load_and_print(group, i->name, " unmapped again", va);
}

static void run_tlbi(void)
{
    erase_tables();
    struct space s = real_space(12, false);
    uint64_t leaf = in_regime(&s, PAGE | NORMAL);
    map_image(&s);
    put(entry_at(&s, WINDOW, 3, 0), 0);
    mmu_on(real_tcr(&s), (uint64_t)s.root | (starting_el == 1 ? ASID(5) : 0), 0, 0);
    for (const struct invalidation *i = invalidations; i != invalidations + COUNT(invalidations); i++) {
        if (i->el != starting_el)
            continue;
        if (i->global)
            run_invalidation(i, &s, "T.", leaf);
        if (i->el == 1)
            run_invalidation(i, &s, "T.nG.", leaf | NG);
    }
    mmu_off();
    if (starting_el == 1) { /* the ASID of TTBR1_EL1 counts */
        mmu_on(real_tcr(&s) | A1, (uint64_t)s.root | ASID(9), ASID(5), 0);
        run_invalidation(&invalidations[2], &s, "T.A1.", leaf | NG);
        mmu_off();
    }
}

/* Two address spaces that differ in one page, which is not global. */
static void run_asids(void)
{
    static const struct {
        const char *name;
        uint64_t tcr, asid[2];
    } cases[] = {{"8 bits", 0, {ASID(1), ASID(2)}}, {"16 bits", AS, {ASID(0x101), ASID(0x201)}}};
    erase_tables();
    struct space spaces[2] = {real_space(12, false), real_space(12, false)};
    for (unsigned i = 0; i < 2; i++) {
        map_image(&spaces[i]);
        map_page(&spaces[i], WINDOW, PAGE | NORMAL | NG | address_of(&pages[1 + i]));
    }
    for (unsigned c = 0; c < COUNT(cases); c++) {
        mmu_on(real_tcr(&spaces[0]) | cases[c].tcr, (uint64_t)spaces[0].root | cases[c].asid[0], 0, 0);
        for (unsigned step = 0; step < 4; step++) {
            static const char *const steps[] = {" first", " second", " first again", " second again"};
            WRITE(ttbr0_el1, (uint64_t)spaces[step & 1].root | cases[c].asid[step & 1]);
            ISB();
            load_and_print("T.ASID ", cases[c].name, steps[step], WINDOW + DATA);
        }
        mmu_off();
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */
/* Section 5: hardware management of the Access flag and of dirty state (FEAT_HAFDBS). */

static void update_and_print(const char *mode, const char *leaf, const char *order, const struct access *access,
                             const uint64_t *entry)
{
    print("H.");
    print(mode);
    print_char(' ');
    print(leaf);
    print(order);
    print(access->name);
    struct outcome o = go(access->pc, own_pstate(), WINDOW + (access->kind == FETCH ? LANDING : DATA), 0);
    bool ok = exception_class(o.esr) == 0x15;
    print(": ");
    if (ok)
        print("ok");
    else
        print_field("esr=", comparable_esr(o.esr));
    /* After a fault it is UNPREDICTABLE whether the Access flag has been set. */
    print_field(" after=", *entry & (low_bits(12) | DBM) & (ok ? ~0ull : ~AF));
    print_char('\n');
}

static void run_updates(void)
{
    static const struct {
        const char *name;
        uint64_t tcr_el1, tcr_el23;
    } modes[] = {{"none", 0, 0}, {"HA", HA, HA_EL23}, {"HA+HD", HA | HD, HA_EL23 | HD_EL23}, {"HD", HD, HD_EL23}};
    static const struct {
        const char *name;
        uint64_t leaf;
    } leaves[] = {
        {"old", (PAGE & ~AF) | NORMAL},
        {"old ro", (PAGE & ~AF) | NORMAL | KERNEL_RO},
        {"old clean", (PAGE & ~AF) | NORMAL | KERNEL_RO | DBM},
        {"clean", PAGE | NORMAL | KERNEL_RO | DBM},
        {"dirty", PAGE | NORMAL | DBM},
        {"ro", PAGE | NORMAL | KERNEL_RO},
    };
    static const uint8_t orders[][3] = {{0, 1, 0}, {1, 0, 2}, {2, 1, 1}}; /* of ldr, str, br */
    static const char *const order_names[][3] = {
        {" A1 ", " A2 ", " A3 "},
        {" B1 ", " B2 ", " B3 "},
        {" C1 ", " C2 ", " C3 "},
    };
    erase_tables();
    struct space s = real_space(12, false);
    map_image(&s);
    uint64_t *entry = entry_at(&s, WINDOW, 3, 0);
    for (unsigned mode = 0; mode < COUNT(modes); mode++)
        for (unsigned leaf = 0; leaf < COUNT(leaves); leaf++)
            for (unsigned order = 0; order < COUNT(orders); order++) {
                put(entry, in_regime(&s, leaves[leaf].leaf) | address_of(&pages[3]));
                mmu_on(real_tcr(&s) | (starting_el == 1 ? modes[mode].tcr_el1 : modes[mode].tcr_el23),
                       (uint64_t)s.root, 0, 0);
                for (unsigned i = 0; i < 3; i++)
                    update_and_print(modes[mode].name, leaves[leaf].name, order_names[order][i],
                                     &accesses[orders[order][i]], entry);
                mmu_off();
            }
}

/* ------------------------------------------------------------------------------------------------------------------ */

int main(void)
{
    starting_el = current_el();
    if (starting_el == 3) {
        WRITE(scr_el3, SCR_USUAL);
        ISB();
    }
    if (starting_el >= 2) {
        WRITE(hcr_el2, HCR_RW);
        WRITE(sctlr_el2, SCTLR_EL23_USUAL);
    }
    WRITE(sctlr_el1, SCTLR_EL1_USUAL);
    write_sctlr(starting_el, usual_sctlr(starting_el));
    ISB();
    run_at();
    write_vbar(access_vectors);
    prepare_pages();
    for (unsigned g = 0; g < COUNT(granules); g++)
        run_accesses(granules[g]);
    run_bti();
    run_tlbi();
    if (starting_el == 1)
        run_asids();
    run_updates();
    return 0;
}
