// The vector table of EL1, and the way out of EL1. What is saved on SP_EL1 is a `struct frame` of exceptions.h.

        .equ    FRAME_X30, 30 * 8               // and SP_EL0 behind it
        .equ    FRAME_PC, 32 * 8                // and PSTATE
        .equ    FRAME_ESR, 34 * 8               // and FAR
        .equ    FRAME_SIZE, 36 * 8

        .text

// Store or load x0 to x29.
        .macro  x0_to_x29 stp_or_ldp
        \stp_or_ldp     x0, x1, [sp, #0 * 8]
        \stp_or_ldp     x2, x3, [sp, #2 * 8]
        \stp_or_ldp     x4, x5, [sp, #4 * 8]
        \stp_or_ldp     x6, x7, [sp, #6 * 8]
        \stp_or_ldp     x8, x9, [sp, #8 * 8]
        \stp_or_ldp     x10, x11, [sp, #10 * 8]
        \stp_or_ldp     x12, x13, [sp, #12 * 8]
        \stp_or_ldp     x14, x15, [sp, #14 * 8]
        \stp_or_ldp     x16, x17, [sp, #16 * 8]
        \stp_or_ldp     x18, x19, [sp, #18 * 8]
        \stp_or_ldp     x20, x21, [sp, #20 * 8]
        \stp_or_ldp     x22, x23, [sp, #22 * 8]
        \stp_or_ldp     x24, x25, [sp, #24 * 8]
        \stp_or_ldp     x26, x27, [sp, #26 * 8]
        \stp_or_ldp     x28, x29, [sp, #28 * 8]
        .endm

synchronous:
        sub     sp, sp, #FRAME_SIZE
        x0_to_x29 stp
        mrs     x0, sp_el0
        stp     x30, x0, [sp, #FRAME_X30]
        mrs     x0, elr_el1
        mrs     x1, spsr_el1
        stp     x0, x1, [sp, #FRAME_PC]
        mrs     x0, esr_el1
        mrs     x1, far_el1
        stp     x0, x1, [sp, #FRAME_ESR]
        mov     x0, sp
        mov     x29, xzr                        // backtraces end here
        bl      on_exception

        ldp     x0, x1, [sp, #FRAME_PC]         // on_exception may have changed all of it
        msr     elr_el1, x0
        msr     spsr_el1, x1
        ldp     x30, x0, [sp, #FRAME_X30]
        msr     sp_el0, x0
        x0_to_x29 ldp
        add     sp, sp, #FRAME_SIZE
        eret

asynchronous:                                   // no interrupt is enabled
        mov     x0, #255
        b       exit

// _Noreturn void enter(enum mode mode, void (*pc)(uint64_t), uint64_t sp, uint64_t argument)
        .global enter
enter:
        msr     spsr_el1, x0
        msr     elr_el1, x1
        msr     sp_el0, x2
        mov     x0, x3
        ldr     x1, =__stack_top
        mov     sp, x1                          // whatever EL1 was doing: it does not come back to it
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        mov     x\n, xzr                        // what EL1 had there is none of EL0's business
        .endr
        .irp    n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
        mov     x\n, xzr
        .endr
        eret

// void set_vectors(void)
        .global set_vectors
set_vectors:
        adr     x0, vectors
        msr     vbar_el1, x0
        isb
        ret

// Four groups: from EL1 using SP_EL0, from EL1 using SP_EL1, from EL0, from EL0 in AArch32 state.
        .balign 2048
vectors:
        .rept   4
        b       synchronous
        .balign 128
        b       asynchronous                    // IRQ
        .balign 128
        b       asynchronous                    // FIQ
        .balign 128
        b       asynchronous                    // SError
        .balign 128
        .endr
