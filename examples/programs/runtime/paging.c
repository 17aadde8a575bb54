#include "paging.h"

#include "io.h"

#define UART 0x09000000ul
#define ENTRIES (PAGE_SIZE / sizeof(uint64_t))
#define POOL_PAGES 32

static uint64_t pool[POOL_PAGES][ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static int used;

void *new_page(void)
{
    if (used == POOL_PAGES) {
        print("out of memory\n");
        exit(255);
    }
    uint64_t *page = pool[used++];
    for (unsigned i = 0; i < ENTRIES; i++)
        page[i] = 0;
    return page;
}

/* First DSB: the table walk sees what was written before. Second: it sees the descriptor, and, by ISB, so do we. */
static void write_descriptor(uint64_t *descriptor, uint64_t value)
{
    asm volatile("dsb ishst" ::: "memory");
    *(volatile uint64_t *)descriptor = value;
    asm volatile("dsb ishst\n\tisb" ::: "memory");
}

static uint64_t *next_table(uint64_t *descriptor)
{
    if (!(*descriptor & VALID))
        write_descriptor(descriptor, (uint64_t)new_page() | TABLE | VALID);
    return (uint64_t *)(*descriptor & OUTPUT_ADDRESS);
}

uint64_t *descriptor_of(uint64_t *root, uint64_t address)
{
    uint64_t *level2 = next_table(&root[address >> 30 & 511]);
    uint64_t *level3 = next_table(&level2[address >> 21 & 511]);
    return &level3[address >> 12 & 511];
}

/* No TLB maintenance: an invalid descriptor is never in the TLB, so there is none to throw out. */
void map(uint64_t *root, uint64_t address, uint64_t page, uint64_t attributes)
{
    write_descriptor(descriptor_of(root, address), page | attributes | PAGE | VALID);
}

/*
 * Two different valid descriptors of one address must never be in the TLB together. So the old one is made invalid
 * and thrown out of the TLB before the new one is written (Arm ARM, "Using break-before-make when updating
 * translation table entries").
 */
void remap(uint64_t *root, uint64_t asid, uint64_t address, uint64_t page, uint64_t attributes)
{
    uint64_t *descriptor = descriptor_of(root, address);
    uint64_t entry = asid << 48 | address >> 12; /* TLBI VAE1 takes the ASID in bits 63:48, VA[55:12] in 43:0 */

    write_descriptor(descriptor, 0);
    asm volatile("tlbi vae1, %0\n\t"
                 "dsb ish\n\t" /* the TLB has forgotten it */
                 "isb" ::"r"(entry) : "memory");
    write_descriptor(descriptor, page | attributes | PAGE | VALID);
}

/* Symbols of the link script. */
extern char kernel_text[], kernel_text_end[], kernel_rodata[], kernel_rodata_end[], kernel_data[], kernel_data_end[];
extern char user_text[], user_text_end[], user_data[], user_data_end[];

static void map_identity(uint64_t *root, char *from, char *end, uint64_t attributes)
{
    for (uint64_t page = (uint64_t)from; page < (uint64_t)end; page += PAGE_SIZE)
        map(root, page, page, attributes);
}

void map_kernel(uint64_t *root)
{
    map(root, UART, UART, DEVICE_REGISTERS);
    map_identity(root, kernel_text, kernel_text_end, KERNEL_TEXT);
    map_identity(root, kernel_rodata, kernel_rodata_end, KERNEL_RODATA);
    map_identity(root, kernel_data, kernel_data_end, KERNEL_DATA);
    map_identity(root, user_text, user_text_end, USER_TEXT);
    map_identity(root, user_data, user_data_end, USER_DATA);
}
