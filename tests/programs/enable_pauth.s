// Where a program built with branch protection begins: with keys, and with the instructions that use them enabled.
// Without this PACIASP and its kind would do nothing.

        .equ    SCTLR_EnIA_EnIB, 0xc0000000

        .text
        .global enable_pauth
enable_pauth:
        ldr     x0, =0x0123456789abcdef
        ldr     x1, =0xfedcba9876543210
        msr     apiakeylo_el1, x0
        msr     apiakeyhi_el1, x1
        msr     apibkeylo_el1, x1
        msr     apibkeyhi_el1, x0
        mrs     x0, sctlr_el1
        orr     x0, x0, #SCTLR_EnIA_EnIB
        msr     sctlr_el1, x0
        isb
        b       _start
