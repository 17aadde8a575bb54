/* The way from C to a case and back: see journey.c. */

        .text
        .global enter, leave
enter:                                  // void enter(uint64_t sp): ELR_ELx and SPSR_ELx are set
        adr     x1, runner
        stp     x19, x20, [x1]
        stp     x21, x22, [x1, #16]
        stp     x23, x24, [x1, #32]
        stp     x25, x26, [x1, #48]
        stp     x27, x28, [x1, #64]
        stp     x29, x30, [x1, #80]
        mov     x2, sp
        str     x2, [x1, #96]
        mov     sp, x0
        mov     x0, #0
        eret

leave:                                  // return from `enter`
        adr     x1, runner
        ldp     x19, x20, [x1]
        ldp     x21, x22, [x1, #16]
        ldp     x23, x24, [x1, #32]
        ldp     x25, x26, [x1, #48]
        ldp     x27, x28, [x1, #64]
        ldp     x29, x30, [x1, #80]
        ldr     x2, [x1, #96]
        mov     sp, x2
        ret

        .bss
        .balign 16
runner: .space  13 * 8
