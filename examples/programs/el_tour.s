/*
 * A tour of the exception levels: from EL3 down to EL0 by ERET, and back up by SVC, HVC and SMC.
 * Start it at EL3: a64 run --el 3 el_tour.s
 */

        .equ    UARTDR, 0x09000000
        .equ    SYS_EXIT, 0x18
        .equ    ZERO, 0x30              // ASCII
        .equ    NEWLINE, 0x0a

        .equ    SCR_EL3_VALUE, 0x531        // RW: EL2 is AArch64; HCE: HVC enabled; NS: below is Non-secure
        .equ    HCR_EL2_VALUE, 0x80000000   // RW: EL1 is AArch64
        .equ    SCTLR_EL1_VALUE, 0x30d00800 // MMU and caches off, the bits that are RES1 set
        .equ    EL2H, 0x3c9                 // SPSR: DAIF masked, EL2 with its own stack pointer
        .equ    EL1H, 0x3c5
        .equ    EL0T, 0x3c0

        .text
        .global _start
_start:                                 // at EL3
        bl      print_down
        adr     x0, vectors
        msr     vbar_el3, x0
        ldr     x0, =SCR_EL3_VALUE
        msr     scr_el3, x0
        mov     x0, #EL2H
        msr     spsr_el3, x0
        adr     x0, at_el2
        msr     elr_el3, x0
        eret

at_el2:
        bl      print_down
        adr     x0, vectors
        msr     vbar_el2, x0
        ldr     x0, =HCR_EL2_VALUE
        msr     hcr_el2, x0
        mov     x0, #EL1H
        msr     spsr_el2, x0
        adr     x0, at_el1
        msr     elr_el2, x0
        eret

at_el1:
        bl      print_down
        adr     x0, vectors
        msr     vbar_el1, x0
        ldr     x0, =SCTLR_EL1_VALUE
        msr     sctlr_el1, x0
        mov     x0, #EL0T
        msr     spsr_el1, x0
        adr     x0, at_el0
        msr     elr_el1, x0
        eret

at_el0:                                 // reading CurrentEL here would be UNDEFINED: its place is not EL0's to know
        adr     x0, down_text
        bl      print
        mov     w0, #ZERO
        bl      print_digit
        svc     #0

// Every way up arrives here, at the level that CurrentEL tells.
arrived:
        adr     x0, up_text
        bl      print
        bl      print_current_el
        mrs     x0, CurrentEL
        cmp     x0, #1 << 2             // the level is in bits 3:2
        b.eq    1f
        cmp     x0, #2 << 2
        b.eq    2f
        mov     x0, #SYS_EXIT           // EL3: the tour ends where it began
        adr     x1, exit_block
        hlt     #0xf000
1:      hvc     #0
2:      smc     #0

// Print "down to EL<n>". Returns by x19.
print_down:
        mov     x19, x30
        adr     x0, down_text
        bl      print
        bl      print_current_el
        ret     x19

// Print the number of the current level and end the line. Uses x0 and x1.
print_current_el:
        mrs     x0, CurrentEL
        lsr     x0, x0, #2
        add     w0, w0, #ZERO
print_digit:
        ldr     x1, =UARTDR
        str     w0, [x1]
        mov     w0, #NEWLINE
        str     w0, [x1]
        ret

// Print the zero-terminated text at x0. Uses x1 and x2.
print:
        ldr     x1, =UARTDR
1:      ldrb    w2, [x0], #1
        cbz     w2, 2f
        str     w2, [x1]
        b       1b
2:      ret

// One table serves all three levels. Only one of its vectors is used: synchronous, from a lower level in AArch64 state.
        .balign 2048
vectors:
        .space  0x400
        b       arrived
        .balign 2048

down_text:      .asciz  "down to EL"
up_text:        .asciz  "up to EL"

        .balign 8
exit_block:     .quad   0x20026, 0      // ADP_Stopped_ApplicationExit, exit status
