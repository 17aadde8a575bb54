/*
 * An EL1 vector table, and exceptions that come through it: SVC, BRK and an undefined instruction, taken from EL1
 * and again from EL0. Each prints the vector's offset, ESR_EL1's exception class and its syndrome.
 * The exit status is the number of exceptions taken.
 */

        .equ    UARTDR, 0x09000000
        .equ    SYS_EXIT, 0x18
        .equ    ADP_Stopped_ApplicationExit, 0x20026

        .equ    EC_SVC64, 0x15          // exception class of SVC (Arm ARM, "ESR_EL1")
        .equ    SVC_EXIT, 0xff          // our own: the program asks to end

        .text
        .global _start
_start:
        ldr     x0, =stack_top
        mov     sp, x0
        adr     x0, vectors
        msr     vbar_el1, x0
        isb
        mov     x19, #0                 // exceptions taken so far

        svc     #1
        brk     #2
        udf     #3

        adr     x0, at_el0
        msr     elr_el1, x0
        msr     spsr_el1, xzr           // EL0t, no interrupt masked
        eret

at_el0:
        svc     #4
        brk     #5
        udf     #6
        svc     #SVC_EXIT

// What all expected exceptions come to, with the vector's offset in x20.
report:
        add     x19, x19, #1
        mrs     x21, esr_el1
        adr     x0, vector_text
        bl      print
        mov     x0, x20
        bl      print_hex
        adr     x0, class_text
        bl      print
        lsr     x0, x21, #26            // ESR_EL1.EC
        bl      print_hex
        adr     x0, syndrome_text
        bl      print
        and     x0, x21, #0x1ffffff     // ESR_EL1.ISS
        bl      print_hex
        adr     x0, newline_text
        bl      print

        lsr     x0, x21, #26
        cmp     x0, #EC_SVC64
        b.ne    skip
        and     x0, x21, #0xffff        // the SVC's immediate
        cmp     x0, #SVC_EXIT
        b.eq    exit
        eret                            // ELR_EL1 is already behind an SVC

// ELR_EL1 is the address of a BRK or an undefined instruction itself: go on behind it.
skip:
        mrs     x0, elr_el1
        add     x0, x0, #4
        msr     elr_el1, x0
        eret

unexpected:
        mov     x19, #255
exit:                                   // exit status x19
        ldr     x0, =ADP_Stopped_ApplicationExit
        stp     x0, x19, [sp, #-16]!
        mov     x0, #SYS_EXIT
        mov     x1, sp
        hlt     #0xf000

// Print the zero-terminated text at x0. Uses x1 and x2.
print:
        ldr     x1, =UARTDR
1:      ldrb    w2, [x0], #1
        cbz     w2, 2f
        str     w2, [x1]
        b       1b
2:      ret

// Print x0 in hexadecimal without leading zeros. Uses x1 to x4.
print_hex:
        ldr     x1, =UARTDR
        adr     x2, digits
        clz     x3, x0                  // leading zero bits, at most 63 so that 0 prints one digit
        cmp     x3, #63
        b.ls    1f
        mov     x3, #63
1:      lsr     x3, x3, #2              // whole leading zero digits
        neg     x3, x3, lsl #2
        add     x3, x3, #60             // how far the first digit is from the right end
2:      lsr     x4, x0, x3
        and     x4, x4, #15
        ldrb    w4, [x2, x4]
        str     w4, [x1]
        subs    x3, x3, #4
        b.pl    2b
        ret

// Four groups of four vectors: synchronous, IRQ, FIQ, SError; 128 bytes each.
        .balign 2048
vectors:
        b       unexpected              // from EL1 while it used SP_EL0
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected

        .balign 128                     // from EL1 while it used SP_EL1
        mov     x20, #0x200
        b       report
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected

        .balign 128                     // from EL0 in AArch64 state
        mov     x20, #0x400
        b       report
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected

        .balign 128                     // from EL0 in AArch32 state
        b       unexpected
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected
        .balign 128
        b       unexpected

digits:         .ascii  "0123456789abcdef"
vector_text:    .asciz  "vector 0x"
class_text:     .asciz  ", class 0x"
syndrome_text:  .asciz  ", syndrome 0x"
newline_text:   .asciz  "\n"

        .bss
        .balign 16
stack:  .space  1024
stack_top:
