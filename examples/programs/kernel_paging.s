/*
 * Memory on demand in the kernel itself: EL1 stores to a page that nothing is mapped at, its own handler of page
 * faults maps one, and the store is tried again. Debug exceptions are unmasked, as in Linux, so that the code can be
 * probed: the store is a fault in the slot of its probe.
 */

        .equ    UARTDR, 0x09000000
        .equ    SYS_EXIT, 0x18
        .equ    ADP_Stopped_ApplicationExit, 0x20026

        .equ    TCR, 25                 // T0SZ: addresses of 39 bits; granules of 4KB
        .equ    MAIR, 0xff00            // AttrIndx 0: Device-nGnRnE; 1: Normal, Write-Back
        .equ    SCTLR, 0x30d01805       // M, C, I, and the bits that are RES1
        .equ    DEVICES, 0x60000000000401   // a block at level 1, AF; nobody executes
        .equ    RAM, 0x40000705         // a block at level 1, AF, inner shareable, Normal
        .equ    PAGE, 0x60000000000707  // a page, likewise; nobody executes
        .equ    ON_DEMAND, 0x80000000

        .text
        .global _start
_start:
        ldr     x0, =stack_top
        mov     sp, x0
        adr     x0, vectors
        msr     vbar_el1, x0
        bl      use_tables
        msr     daifclr, #8             // PSTATE.D

        ldr     x19, =ON_DEMAND
        mov     x0, x19
        mov     x1, #42
        bl      write
        mov     x0, x19
        mov     x1, #43
        bl      write                   // the page is there by now
        ldr     x2, [x19]
        cmp     x2, #43
        b.ne    exit
        adr     x0, written_text
        bl      print

exit:   mov     x0, #SYS_EXIT
        adr     x1, exit_block
        hlt     #0xf000

// Store x1 at x0.
write:
        str     x1, [x0]
        ret

// Level 1 of the tables maps what is there, and leads to level 3 for the part that is mapped on demand.
use_tables:
        adr     x0, level1
        ldr     x1, =DEVICES
        str     x1, [x0]
        ldr     x1, =RAM
        str     x1, [x0, #8]
        adr     x2, level2
        orr     x1, x2, #3
        str     x1, [x0, #16]
        adr     x3, level3
        orr     x1, x3, #3
        str     x1, [x2]
        msr     ttbr0_el1, x0
        mov     x1, #TCR
        msr     tcr_el1, x1
        ldr     x1, =MAIR
        msr     mair_el1, x1
        ldr     x1, =SCTLR
        dsb     sy
        isb
        msr     sctlr_el1, x1
        isb
        ret

// The handler of a page fault: maps a page there, which ERET has tried again.
page_fault:
        sub     sp, sp, #32
        stp     x0, x1, [sp]
        stp     x2, x30, [sp, #16]
        adr     x0, fault_text
        bl      print
        ldr     x1, =PAGE
        adr     x2, page
        orr     x1, x1, x2
        adr     x2, level3
        str     x1, [x2]                // the first entry: the page of ON_DEMAND
        dsb     sy
        ldp     x0, x1, [sp]
        ldp     x2, x30, [sp, #16]
        add     sp, sp, #32
        eret

print:
        stp     x3, x4, [sp, #-16]!
        ldr     x3, =UARTDR
1:      ldrb    w4, [x0], #1
        cbz     w4, 2f
        str     w4, [x3]
        b       1b
2:      ldp     x3, x4, [sp], #16
        ret

        .balign 2048
vectors:
        .space  0x200
        b       page_fault              // synchronous, from EL1 with its own stack pointer
        .space  0x600 - 4

        .data
fault_text:
        .asciz  "page fault: mapped\n"
written_text:
        .asciz  "written twice\n"

        .balign 8
exit_block:
        .quad   ADP_Stopped_ApplicationExit
        .quad   0

        .balign 4096
level1: .space  4096
level2: .space  4096
level3: .space  4096
page:   .space  4096
        .space  1024
        .balign 16
stack_top:
