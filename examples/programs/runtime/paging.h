/*
 * Address translation, stage 1 of EL1&0: pages of 4 KiB, virtual addresses of 39 bits, three levels of tables below
 * TTBR0_EL1. A table is one page of 512 descriptors; each level takes nine bits of the address:
 *
 *    38      30 29      21 20      12 11          0
 *   +----------+----------+----------+-------------+
 *   | level 1  | level 2  | level 3  | byte in page|
 *   +----------+----------+----------+-------------+
 *
 * The kernel maps itself at its physical addresses ("identity"), so it goes on when translation is turned on, and
 * reads and writes tables and pages without thinking of which kind of address it has.
 */

#pragma once

#include <stdint.h>

#define PAGE_SIZE 4096ul

/* A descriptor (Arm ARM, "VMSAv8-64 translation table format descriptors"). */
enum descriptor {
    VALID = 1ul << 0,
    TABLE = 1ul << 1,           /* levels 1 and 2: the next table, not a block */
    PAGE = 1ul << 1,            /* level 3: always */
    DEVICE = 0ul << 2,          /* AttrIndx: which byte of MAIR_EL1, set up in mmu.s */
    NORMAL = 1ul << 2,
    EL0_TOO = 1ul << 6,         /* AP[1]: EL0 has access, too */
    READ_ONLY = 1ul << 7,       /* AP[2]: no level may write */
    INNER_SHAREABLE = 3ul << 8, /* SH */
    ACCESSED = 1ul << 10,       /* AF: an access while it is 0 is an Access flag fault */
    NOT_GLOBAL = 1ul << 11,     /* nG: holds for the current ASID only */
    PXN = 1ul << 53,            /* EL1 may not execute */
    UXN = 1ul << 54,            /* EL0 may not execute */

    MEMORY = NORMAL | INNER_SHAREABLE | ACCESSED,
    KERNEL_TEXT = MEMORY | READ_ONLY | UXN,
    KERNEL_RODATA = MEMORY | READ_ONLY | PXN | UXN,
    KERNEL_DATA = MEMORY | PXN | UXN,
    USER_TEXT = MEMORY | EL0_TOO | READ_ONLY | PXN,
    USER_RODATA = MEMORY | EL0_TOO | READ_ONLY | PXN | UXN,
    USER_DATA = MEMORY | EL0_TOO | PXN | UXN,
    DEVICE_REGISTERS = DEVICE | ACCESSED | PXN | UXN,
};

#define OUTPUT_ADDRESS 0x0000fffffffff000ul /* the descriptor's bits 47:12 */

/* A page of RAM that nobody uses, zeroed. Also what a table is made of: 512 times 0 is 512 times invalid. */
void *new_page(void);

/* The level 3 descriptor of an address, below the given level 1 table. Tables that are missing are added. */
uint64_t *descriptor_of(uint64_t *root, uint64_t address);

/* Map a page that was not mapped before. */
void map(uint64_t *root, uint64_t address, uint64_t page, uint64_t attributes);

/* Change how a page is mapped, by break-before-make. */
void remap(uint64_t *root, uint64_t asid, uint64_t address, uint64_t page, uint64_t attributes);

/* Map the UART, the kernel and the user's program, each with its permissions, all at their physical addresses. */
void map_kernel(uint64_t *root);

/* Turn translation on. Afterwards use_tables changes the tables and the ASID that goes with them, in one step. */
void enable_mmu(uint64_t *root);
void use_tables(uint64_t *root, uint64_t asid);
