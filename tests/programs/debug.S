/*
 * Debug exceptions, a case a line: `try "instructions", SPSR, register, value ...` runs the instructions with that
 * PSTATE, after writing the registers. CODE is the first instruction. Each line is also the name of the case in the
 * output; debug.c goes on after an exception, in the way that the first operand of `attempt` says.
 *
 * Nothing here depends on what an ID register says beyond six breakpoints, the last two of them context-aware, four
 * watchpoints and Armv8.3-A, and what is CONSTRAINED UNPREDICTABLE is left out.
 */

        .arch   armv8.5-a

#include "fields.inc"

// MDSCR_EL1
        .equ    MDSCR_SS, 1 << 0
        .equ    KDE, 1 << 13
        .equ    MDE, 1 << 15
        .equ    STEP, MDSCR_SS + KDE
        .equ    MATCH, MDE + KDE

// DBGBCRn_EL1 and DBGWCRn_EL1
        .equ    E, 1 << 0
        .equ    PMC, 1 << 1
        .equ    PAC, 1 << 1
        .equ    LSC, 1 << 3
        .equ    BAS, 1 << 5
        .equ    HMC, 1 << 13
        .equ    SSC, 1 << 14
        .equ    LBN, 1 << 16
        .equ    BT, 1 << 20
        .equ    WT, 1 << 20
        .equ    MASK, 1 << 24
        .equ    BREAK, E + 15 * BAS                     // on an instruction
        .equ    LOAD, E + 1 * LSC + 255 * BAS           // of a doubleword
        .equ    STORE, E + 2 * LSC + 255 * BAS
        .equ    ACCESS, E + 3 * LSC + 255 * BAS
        .equ    TOUCH, E + 3 * LSC

// MDCR_EL3; an identity map at EL1
        .equ    SDD, 1 << 16
        .equ    TCPAC, 1 << 31                          // CPTR_EL3: debug.c goes home by it
        .equ    MMU, SCTLR + DZE + 1
        .equ    TCR, 0x3519                             // 39 bits, 4 KiB granule, write-back
        .equ    TBI0, 1 << 37
        .equ    UNMAPPED, 0x80000000

// What debug.c does about debug exceptions: its `enum answer`.
        .equ    GO_ON, 0
        .equ    STOP, 1
        .equ    NOTHING, 2
        .equ    STEP_OVER, 3

// One case: its code in .text, its name in .rodata, its record in the table.
        .macro  attempt answer:req, code:req, spsr:req, settings:vararg
        .section .rodata.names, "a"
1:      .ascii  "\spsr: \code"
        named   \settings
        .ifnc   "\answer", "GO_ON"
        .ascii  ", \answer"
        .endif
        .byte   0

        .text
        .set    CODE, .
2:      \code
3:      svc     #DONE
        .ltorg
4:      configure \settings
        isb
        ret
        .ltorg

        .section .rodata.tests, "a"
        .quad   1b, from, 2b, 3b, \spsr, \answer, 4b
        .endm

        .macro  try code:req, spsr:req, settings:vararg
        attempt GO_ON, "\code", "\spsr", \settings
        .endm

        .macro  named register, value, settings:vararg
        .ifnb   \register
        .ascii  ", \register \value"
        named   \settings
        .endif
        .endm

        .macro  configure register, value, settings:vararg
        .ifnb   \register
        ldr     x0, =\value
        msr     \register, x0
        configure \settings
        .endif
        .endm

        .section .rodata.usual, "a"
        .balign 8
        .global usual
usual:  .quad   SCTLR, SCTLR2, HCR, CPTR2, SCR

        .section .rodata.tests, "a"
        .balign 8
        .global tests
tests:

// ---------------------------------------------------------------------------------------------------------------------
// Wherever the machine starts: what is taken to EL1.

        .set    from, 1

// BRK: always taken.
        .irp    spsr, EL0t, "EL0t - D", EL1h, "EL1h - D", EL1t, "EL1t - D"
        try     "brk #1", "\spsr"
        try     "brk #2", "\spsr", oslar_el1, 1
        try     "brk #3", "\spsr", mdscr_el1, "STEP + MDE"
        .endr
        try     "brk #0xffff; brk #0xf000", "EL1h + NZCV"
        try     "mov x0, #1; brk #4; mov x0, #2", "EL1h - D + SS", mdscr_el1, STEP
        try     "mov x0, #1; brk #5; mov x0, #2", "EL0t - D + SS", mdscr_el1, MDSCR_SS
        try     "brk #6; mov x0, #2", "EL1h - D + SS"
        try     "brk #7; mov x0, #2", "EL1h - D", mdscr_el1, STEP
        .irp    spsr, "EL0t + SS", "EL1h + SS", "EL1h - D + SS", "EL1t - D + SS"      // PSTATE.SS, as SPSR shows it
        .irp    mdscr, STEP, MDSCR_SS, KDE
        try     "brk #8; nop", "\spsr", mdscr_el1, \mdscr
        .endr
        try     "brk #9; nop", "\spsr", mdscr_el1, STEP, oslar_el1, 1
        .endr

// Software step: which levels, which masks.
        .irp    spsr, EL0t, "EL0t - D", EL1h, "EL1h - D", "EL1t - D"
        .irp    mdscr, STEP, MDSCR_SS, KDE, "STEP + MDE"
        try     "mov x0, #1; mov x0, #2; mov x0, #3", "\spsr + SS", mdscr_el1, "\mdscr"
        .endr
        try     "mov x0, #1; mov x0, #2; mov x0, #3", "\spsr", mdscr_el1, STEP
        attempt STOP, "mov x0, #1; mov x0, #2; mov x0, #3", "\spsr + SS", mdscr_el1, STEP
        try     "mov x0, #1; mov x0, #2; mov x0, #3", "\spsr + SS", mdscr_el1, STEP, oslar_el1, 1
        try     "mov x0, #1; mov x0, #2; mov x0, #3", "\spsr + SS", mdscr_el1, STEP, osdlr_el1, 1
        .endr
        attempt NOTHING, "mov x0, #1; mov x0, #2", "EL1h - D + SS", mdscr_el1, STEP
        attempt NOTHING, "mov x0, #1; mov x0, #2", "EL0t - D", mdscr_el1, STEP
        try     "mov x0, #1; nop", "EL1h - D + SS + NZCV + DIT + UAO + PAN + SSBS", mdscr_el1, STEP
        try     "mov x0, #1; nop", "EL0t - D + SS + NZCV + DIT + SSBS", mdscr_el1, STEP

// Software step of loads and stores: EX tells load-exclusives.
        .irp    spsr, "EL0t + SS", "EL1h - D + SS"
        .irp    access, "ldr x0, [x1]", "ldar x0, [x1]", "ldxr x0, [x1]", "ldaxr w0, [x1]", "ldxrb w0, [x1]", "ldaxrh w0, [x1]", "ldxp x0, x2, [x1]", "ldaxp w0, w2, [x1]", "stxr w0, x2, [x1]", "stlxp w0, x2, x3, [x1]", "ldadd x2, x0, [x1]", "cas x0, x2, [x1]", "casp x2, x3, x4, x5, [x1]", "clrex", "stp x0, x2, [x1, #-16]!", "ldtr x0, [x1]", "prfm pldl1keep, [x1]"
        try     "adr x1, buffer; \access; nop", "\spsr", mdscr_el1, STEP
        .endr
        .endr
        try     "adr x1, buffer; ldxr x0, [x1]; stxr w2, x0, [x1]", "EL1h - D + SS", mdscr_el1, STEP
        attempt STOP, "ldxr x0, [sp]; nop", "EL1h - D + SS", mdscr_el1, STEP

// Software step of branches.
        .irp    spsr, "EL0t + SS", "EL1h - D + SS"
        .irp    branch, "b 9f", "bl 9f", "adr x16, 9f; br x16", "adr x16, 9f; blr x16", "adr x1, 9f; br x1", "adr x1, 9f; blr x1", "adr x30, 9f; ret", "cbz xzr, 9f", "cbnz xzr, 9f", "tbz xzr, #63, 9f", "cmp xzr, xzr; b.eq 9f", "cmp xzr, xzr; b.ne 9f"
        try     "\branch; mov x0, #1; 9: nop", "\spsr", mdscr_el1, STEP
        .endr
        try     "mov x2, #3; 8: subs x2, x2, #1; b.ne 8b", "\spsr", mdscr_el1, STEP
        .endr
        try     "nop; nop", "EL1h - D + SS + BTYPE", mdscr_el1, STEP
        try     "nop; nop", "EL1h - D + BTYPE", mdscr_el1, STEP

// Software step of instructions that take an exception: SPSR.SS is 1, but for the calls.
        .irp    spsr, "EL0t + SS", "EL1h - D + SS"
        .irp    code, "svc #1", "brk #1", "udf #1", "hlt #1", "mrs x0, s3_7_c15_c15_7", "mrs x0, vbar_el2", "fmov d0, xzr", "mov x1, #NOWHERE; ldr x0, [x1]", "mov x1, #NOWHERE; str x0, [x1]", "adr x1, buffer + 1; ldar x0, [x1]", "mov x1, #NOWHERE; blr x1", "adr x1, 9f + 2; blr x1; 9: nop"
        try     "nop; \code; nop", "\spsr", mdscr_el1, STEP
        .endr
        try     "nop", "\spsr + IL", mdscr_el1, STEP
        .endr
        try     "nop", "EL1h - D + IL", mdscr_el1, STEP
        try     "mrs x0, daif; nop", "EL0t + SS", mdscr_el1, STEP
        try     "svc #1; svc #2", "EL0t + SS", mdscr_el1, MDSCR_SS
        try     "svc #1; svc #2", "EL1h + SS", mdscr_el1, STEP

// Software step and what instructions do to it.
        try     "nop; msr daifset, #8; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP
        try     "mov x0, #0x200; msr daif, x0; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP
        try     "msr daifset, #7; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP
        try     "nop; msr daifclr, #8; mov x0, #1; mov x0, #2", EL1h, mdscr_el1, STEP
        try     "nop; msr daifclr, #8; mov x0, #1; mov x0, #2", "EL1h + SS", mdscr_el1, STEP
        try     "msr daif, xzr; mov x0, #1", EL1h, mdscr_el1, STEP
        try     "msr daifclr, #8; msr daifset, #8; mov x0, #1", EL1h, mdscr_el1, STEP
        try     "msr daifclr, #8; mov x0, #1", EL1h, mdscr_el1, MDSCR_SS
        try     "msr daifclr, #8; mov x0, #1", EL1h, mdscr_el1, STEP, oslar_el1, 1
        try     "mov x1, #STEP; msr mdscr_el1, x1; isb; mov x0, #1", "EL1h - D", mdscr_el1, KDE
        try     "mov x1, #STEP; msr mdscr_el1, x1; isb; mov x0, #1", EL1h, mdscr_el1, KDE
        try     "mov x1, #STEP; msr mdscr_el1, x1; isb; msr daifclr, #8; mov x0, #1", EL1h
        try     "msr oslar_el1, xzr; isb; msr daifclr, #8; mov x0, #1", EL1h, mdscr_el1, STEP, oslar_el1, 1
        try     "msr spsel, #0; mov x0, sp; mov x0, #1; msr spsel, #1", "EL1h - D + SS", mdscr_el1, STEP
        .irp    hint, nop, yield, wfe, wfi, sev, "sevl; wfe", isb, "dsb sy", "dmb sy", sb, csdb, esb, bti, "hint #127"
        try     "\hint; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP
        .endr

// Exception returns: PSTATE.SS is SPSR.SS only from where debug exceptions are disabled to where they are enabled.
        .irp    target, "EL1h - D + SS", "EL1h - D", "EL1h + SS", "EL1t - D + SS", "EL0t - D + SS", "EL0t + SS", "EL0t - D"
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =\target; msr spsr_el1, x0; eret; 9: mov x0, #1; mov x0, #2", EL1h, mdscr_el1, STEP
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =\target; msr spsr_el1, x0; eret; 9: mov x0, #1; mov x0, #2", EL1h, mdscr_el1, MDSCR_SS
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =\target; msr spsr_el1, x0; eret; 9: mov x0, #1; mov x0, #2", "EL1h - D", mdscr_el1, MDSCR_SS
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =\target; msr spsr_el1, x0; eret; 9: mov x0, #1; mov x0, #2", EL1h, mdscr_el1, KDE
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =\target; msr spsr_el1, x0; eret; 9: mov x0, #1; mov x0, #2", EL1h, mdscr_el1, STEP, oslar_el1, 1
        .endr
        .irp    mode, 0x1c2, 0x1cd, 0x1cf                // D clear, and no such level or stack pointer
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =\mode + SS; msr spsr_el1, x0; eret; 9: mov x0, #1; mov x0, #2", EL1h, mdscr_el1, STEP
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =\mode; msr spsr_el1, x0; eret; 9: mov x0, #1; mov x0, #2", EL1h, mdscr_el1, STEP
        .endr

// Breakpoints.
        .irp    spsr, EL0t, "EL0t - D", EL1h, "EL1h - D", "EL1t - D"
        .irp    mdscr, MATCH, MDE, KDE, 0
        try     "mov x0, #1; mov x0, #2; mov x0, #3", "\spsr", mdscr_el1, "\mdscr", dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 3 * PMC"
        .endr
        .irp    pmc, 1, 2, 3
        try     "mov x0, #1; mov x0, #2; mov x0, #3", "\spsr", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + \pmc * PMC"
        .endr
        try     "mov x0, #1; mov x0, #2", "\spsr", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK - E + 3 * PMC"
        try     "mov x0, #1; mov x0, #2", "\spsr", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 3 * PMC", oslar_el1, 1
        try     "mov x0, #1; mov x0, #2", "\spsr", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 3 * PMC", osdlr_el1, 1
        .endr
        .irp    answer, STOP, NOTHING, STEP_OVER
        attempt \answer, "mov x0, #1; mov x0, #2; mov x0, #3", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        attempt \answer, "mov x0, #1; mov x0, #2; mov x0, #3", EL0t, mdscr_el1, MDE, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 2 * PMC"
        .endr
        attempt STEP_OVER, "mov x2, #3; 8: subs x2, x2, #1; b.ne 8b", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        .irp    code, "brk #1", "svc #1", "udf #1", "mov x1, x0; ldxr x0, [sp]", "b . + 4", "mov x1, #NOWHERE; ldr x0, [x1]", wfe
        attempt STOP, "nop; \code; nop", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "nop; \code; nop", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "nop; \code; nop", "EL0t - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 2 * PMC"
        .endr
        .irp    code, "msr daifset, #8", "msr daifclr, #8"
        attempt STOP, "nop; \code; nop", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "nop; \code; nop", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        .endr
        try     "b 9f; mov x0, #1; 9: mov x0, #2", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "b 9f; mov x0, #1; 9: mov x0, #2", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "adr x16, 9f; br x16; 9: mov x0, #2", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "adr x0, 9f; msr elr_el1, x0; mov x0, #EL0t; msr spsr_el1, x0; eret; 9: mov x0, #1", EL1h, mdscr_el1, MDE, dbgbvr0_el1, "CODE + 20", dbgbcr0_el1, "BREAK + 2 * PMC"
        try     "msr daifclr, #8; mov x0, #1; mov x0, #2", EL1h, mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "msr daifset, #8; mov x0, #1; mov x0, #2", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "mov x0, #1; mov x0, #2", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC", dbgbvr3_el1, "CODE + 4", dbgbcr3_el1, "BREAK + 1 * PMC"
        attempt STOP, "mov x0, #1; mov x0, #2", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC", dbgbvr1_el1, CODE, dbgbcr1_el1, "BREAK + 1 * PMC"
        .irp    bas, 3, 15
        try     "mov x0, #1; mov x0, #2; mov x0, #3", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "E + 1 * PMC + \bas * BAS"
        .endr

// All of them on consecutive instructions that unmask debug exceptions again.
        .irp    spsr, EL1h, "EL1h - D"
        try     "msr daifclr, #8; msr daifclr, #8; msr daifclr, #8; msr daifclr, #8; msr daifclr, #8; msr daifclr, #8; nop", "\spsr", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC", dbgbvr1_el1, "CODE + 4", dbgbcr1_el1, "BREAK + 1 * PMC", dbgbvr2_el1, "CODE + 8", dbgbcr2_el1, "BREAK + 1 * PMC", dbgbvr3_el1, "CODE + 12", dbgbcr3_el1, "BREAK + 1 * PMC", dbgbvr4_el1, "CODE + 16", dbgbcr4_el1, "BREAK + 1 * PMC", dbgbvr5_el1, "CODE + 20", dbgbcr5_el1, "BREAK + 1 * PMC"
        .endr

// Breakpoints beside other exceptions.
        attempt STOP, "mov x0, #1; mov x0, #2", "EL1h - D + SS", mdscr_el1, "STEP + MDE", dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "mov x0, #1; mov x0, #2", "EL1h - D + SS", mdscr_el1, "STEP + MDE", dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "mov x0, #1; mov x0, #2", "EL1h - D", mdscr_el1, "STEP + MDE", dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC"
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "EL0t + SS", mdscr_el1, "MDSCR_SS + MDE", dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 2 * PMC"
        try     "adr x1, buffer; ldr x0, [x1]", "EL0t + SS", mdscr_el1, "MDSCR_SS + MDE", dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 2 * PMC", dbgwvr0_el1, buffer, dbgwcr0_el1, "LOAD + 2 * PAC"
        try     "mov x0, #1; mov x0, #2", "EL1h - D + IL", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC"
        try     "adr x1, 9f + 2; blr x1; 9: nop; nop", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + 1 * PMC"
        attempt STOP, "mov x1, #NOWHERE; blr x1; nop", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, NOWHERE, dbgbcr0_el1, "BREAK + 1 * PMC"
        attempt STOP, "mov x1, #UNMAPPED; blr x1; nop", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, UNMAPPED, dbgbcr0_el1, "BREAK + 1 * PMC", mair_el1, 0xff00, tcr_el1, TCR, ttbr0_el1, identity_map, sctlr_el1, MMU

// Breakpoints linked to a context, and those that only compare a context.
        .irp    spsr, EL0t, "EL1h - D"
        .irp    context, 0x1234, 0x1235
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 3 * PMC + 1 * BT + 5 * LBN", dbgbvr5_el1, \context, dbgbcr5_el1, "BREAK + 3 * BT"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgbvr3_el1, "CODE + 4", dbgbcr3_el1, "BREAK + 3 * PMC + 1 * BT + 4 * LBN", dbgbvr4_el1, \context, dbgbcr4_el1, "BREAK + 3 * PMC + 3 * BT"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgbvr5_el1, \context, dbgbcr5_el1, "BREAK + 3 * PMC + 2 * BT"
        .endr
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 3 * PMC + 1 * BT + 5 * LBN", dbgbvr5_el1, 0x1234, dbgbcr5_el1, "BREAK - E + 3 * BT"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 3 * PMC + 1 * BT + 5 * LBN", dbgbvr5_el1, 0x1234, dbgbcr5_el1, "BREAK + 2 * BT"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgbvr5_el1, 0x1234, dbgbcr5_el1, "BREAK + 3 * PMC + 3 * BT"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgbvr5_el1, "CODE + 4", dbgbcr5_el1, "BREAK + 3 * PMC"
        .endr
        try     "mov x1, #0x1234; msr contextidr_el1, x1; isb; mov x0, #1", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 12", dbgbcr0_el1, "BREAK + 1 * PMC + 1 * BT + 5 * LBN", dbgbvr5_el1, 0x1234, dbgbcr5_el1, "BREAK + 3 * BT"

// Watchpoints: which levels, which masks.
        .irp    spsr, EL0t, "EL0t - D", EL1h, "EL1h - D", "EL1t - D"
        .irp    mdscr, MATCH, MDE, KDE, 0
        try     "adr x1, buffer; str xzr, [x1]; ldr x0, [x1]", "\spsr", mdscr_el1, "\mdscr", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 3 * PAC"
        .endr
        .irp    pac, 1, 2, 3
        attempt STOP, "adr x1, buffer; str xzr, [x1]; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + \pac * PAC"
        .endr
        try     "adr x1, buffer; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS - E + 3 * PAC"
        try     "adr x1, buffer; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 3 * PAC", oslar_el1, 1
        try     "adr x1, buffer; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 3 * PAC", osdlr_el1, 1
        .endr
        .irp    answer, GO_ON, NOTHING, STEP_OVER
        attempt \answer, "adr x1, buffer; mov x2, #5; str x2, [x1], #8; ldr x0, [x1, #-8]; adr x2, buffer; sub x1, x1, x2; add x0, x0, x1", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 1 * PAC"
        attempt \answer, "adr x1, buffer; mov x2, #5; str x2, [x1], #8; ldr x0, [x1, #-8]; adr x2, buffer; sub x1, x1, x2; add x0, x0, x1", EL0t, mdscr_el1, MDE, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 2 * PAC"
        .endr

// Watchpoints and every kind of access.
        .irp    wcr, LOAD, STORE, ACCESS
        .irp    access, "ldrb w0, [x1]", "ldrsh x0, [x1]", "ldr w0, [x1]", "ldrsw x0, [x1]", "ldr x0, [x1]", "strb w0, [x1]", "strh w0, [x1]", "str w0, [x1]", "str x0, [x1]", "ldr x0, [x1], #8", "str x0, [x1, #0]!", "ldr x0, [x1, x2]", "ldur x0, [x1]", "ldp x0, x2, [x1]", "ldp w0, w2, [x1]", "ldpsw x0, x2, [x1]", "ldnp x0, x2, [x1]", "stp x0, x2, [x1]", "stnp w0, w2, [x1]", "ldar x0, [x1]", "ldapr x0, [x1]", "stlr x0, [x1]", "ldxr x0, [x1]", "ldaxp x0, x2, [x1]", "ldadd x2, x0, [x1]", "stadd x2, [x1]", "swpal x2, x0, [x1]", "mov x0, #0x1111111111111111; cas x0, x2, [x1]", "mov x0, #1; cas x0, x2, [x1]", "casp x2, x3, x4, x5, [x1]", "prfm pldl1keep, [x1]", "prfm pstl1keep, [x1]", "dc cvac, x1", "dc civac, x1", "dc ivac, x1"
        attempt STOP, "adr x1, buffer; mov x2, xzr; \access", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "\wcr + 1 * PAC"
        .endr
        attempt STOP, "adr x1, buffer; ldxr x0, [x1]; stxr w2, x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "\wcr + 1 * PAC"
        attempt STOP, "adr x1, buffer; ldaxp x2, x3, [x1]; stlxp w0, x2, x3, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "\wcr + 1 * PAC"
        attempt STOP, "adr x1, buffer; dc zva, x1; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "\wcr + 1 * PAC", mair_el1, 0xff00, tcr_el1, TCR, ttbr0_el1, identity_map, sctlr_el1, MMU
        .endr
        attempt STOP, "adr x1, buffer; dc zva, x1; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 32", dbgwcr0_el1, "STORE + 1 * PAC", mair_el1, 0xff00, tcr_el1, TCR, ttbr0_el1, identity_map, sctlr_el1, MMU
        attempt STOP, "adr x1, buffer + 40; dc zva, x1; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 32", dbgwcr0_el1, "STORE + 1 * PAC", mair_el1, 0xff00, tcr_el1, TCR, ttbr0_el1, identity_map, sctlr_el1, MMU

// Unprivileged accesses are EL0's, unless PSTATE.UAO says otherwise.
        .irp    spsr, EL0t, "EL1h - D", "EL1h - D + UAO"
        .irp    pac, 1, 2
        .irp    access, "ldtr x0, [x1]", "ldtrsb w0, [x1]", "sttr x0, [x1]", "sttrh w0, [x1]"
        attempt STOP, "adr x1, buffer; \access", "\spsr", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + \pac * PAC"
        .endr
        .endr
        .endr

// Watchpoints on some bytes of a doubleword.
        .irp    byte, 0, 1, 2, 3, 4, 5, 6, 7
        .irp    access, "ldrb w0, [x1, #\byte]", "ldrh w0, [x1, #2]", "ldr w0, [x1, #4]", "ldr x0, [x1]"
        attempt STOP, "adr x1, buffer; \access", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "TOUCH + 1 * PAC + (1 << \byte) * BAS"
        .endr
        .endr
        .irp    offset, 7, 8, 11, 12, 13, 15, 16
        attempt STOP, "adr x1, buffer; ldrb w0, [x1, #\offset]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 8", dbgwcr0_el1, "TOUCH + 1 * PAC + 0x3c * BAS"
        attempt STOP, "adr x1, buffer; ldrb w0, [x1, #\offset]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 12", dbgwcr0_el1, "TOUCH + 1 * PAC + 0xf * BAS"
        .endr
        attempt STOP, "adr x1, buffer; ldr x0, [x1, #8]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 12", dbgwcr0_el1, "TOUCH + 1 * PAC + 6 * BAS"
        attempt STOP, "adr x1, buffer; ldr x0, [x1, #8]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 8", dbgwcr0_el1, "TOUCH + 1 * PAC"
        .irp    access, "ldp x0, x2, [x1]", "ldp w0, w2, [x1, #8]", "ldp x0, x2, [x1, #8]", "stp x0, x2, [x1]", "ldxp x0, x2, [x1]", "casp x2, x3, x4, x5, [x1]"
        attempt STOP, "adr x1, buffer; \access", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 8", dbgwcr0_el1, "TOUCH + 1 * PAC + 0xff * BAS"
        attempt STOP, "adr x1, buffer; \access", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 12", dbgwcr0_el1, "TOUCH + 1 * PAC + 8 * BAS"
        .endr

// Watchpoints on more than a doubleword.
        .irp    offset, 0, 7, 8, 31, 32, 63, 64, 128
        .irp    mask, 3, 5, 6
        attempt STOP, "adr x1, buffer + 64; ldrb w0, [x1, #\offset]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 64", dbgwcr0_el1, "ACCESS + 1 * PAC + \mask * MASK"
        .endr
        .endr
        attempt STOP, "adr x1, buffer + 64; ldrb w0, [x1, #-1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 64", dbgwcr0_el1, "ACCESS + 1 * PAC + 6 * MASK"
        attempt STOP, "adr x1, buffer + 64; str x0, [x1, #-8]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 64", dbgwcr0_el1, "ACCESS + 1 * PAC + 6 * MASK"
        attempt STOP, "adr x1, buffer + 64; stp x0, x2, [x1, #-8]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + 64", dbgwcr0_el1, "ACCESS + 1 * PAC + 6 * MASK"
        attempt STOP, "mov x1, #NOWHERE; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "NOWHERE - 0x20000000", dbgwcr0_el1, "ACCESS + 1 * PAC + 30 * MASK"

// Watchpoints beside other exceptions, and several of them.
        attempt STOP, "adr x1, buffer; ldr x0, [x1]; str xzr, [x1, #8]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "LOAD + 1 * PAC", dbgwvr3_el1, "buffer + 8", dbgwcr3_el1, "STORE + 1 * PAC"
        try     "adr x1, buffer; ldr x0, [x1]; msr daifclr, #8; str xzr, [x1, #8]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "LOAD + 1 * PAC", dbgwvr3_el1, "buffer + 8", dbgwcr3_el1, "STORE + 1 * PAC"
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr1_el1, buffer, dbgwcr1_el1, "LOAD + 1 * PAC", dbgwvr2_el1, buffer, dbgwcr2_el1, "ACCESS + 1 * PAC"
        try     "adr x1, buffer; str xzr, [x1]; ldr x0, [x1]", "EL1h - D + SS", mdscr_el1, "STEP + MDE", dbgwvr0_el1, buffer, dbgwcr0_el1, "STORE + 1 * PAC"
        attempt STOP, "adr x1, buffer; str xzr, [x1]; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 1 * PMC", dbgwvr0_el1, buffer, dbgwcr0_el1, "STORE + 1 * PAC"
        try     "adr x1, buffer; msr daifset, #8; str xzr, [x1]; msr daifclr, #8; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 1 * PAC"
        attempt STOP, "mov x1, #NOWHERE; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, NOWHERE, dbgwcr0_el1, "ACCESS + 1 * PAC"
        attempt STOP, "adr x1, buffer + 1; ldar x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 1 * PAC"
        attempt STOP, "mov x1, #UNMAPPED; ldr x0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, UNMAPPED, dbgwcr0_el1, "ACCESS + 1 * PAC", mair_el1, 0xff00, tcr_el1, TCR, ttbr0_el1, identity_map, sctlr_el1, MMU
        attempt STOP, "adr x1, buffer; str x1, [x1]; ldr x0, [x1]; sub x0, x0, x1", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "STORE + 1 * PAC", mair_el1, 0xff00, tcr_el1, TCR, ttbr0_el1, identity_map, sctlr_el1, MMU

// Watchpoints and accesses that are not aligned, or not where the address as such is: tags do not count.
        .irp    access, "ldr x0, [x1, #4]", "ldr x0, [x1, #7]", "ldr x0, [x1]", "ldr x0, [x1, #12]", "ldp x0, x2, [x1, #8]", "ldp w0, w2, [x1, #12]"
        .irp    offset, 8, 16
        attempt STOP, "adr x1, buffer; \access", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, "buffer + \offset", dbgwcr0_el1, "LOAD + 1 * PAC", mair_el1, 0xff00, tcr_el1, TCR, ttbr0_el1, identity_map, sctlr_el1, MMU
        .endr
        .endr
        .irp    access, "ldr x0, [x1]", "str x0, [x1]"
        attempt STOP, "adr x1, buffer; orr x1, x1, #1 << 56; \access", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 1 * PAC", mair_el1, 0xff00, tcr_el1, "TCR + TBI0", ttbr0_el1, identity_map, sctlr_el1, MMU
        .endr

// Watchpoints linked to a context.
        .irp    spsr, EL0t, "EL1h - D"
        .irp    context, 0x1234, 0x1235
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 3 * PAC + WT + 5 * LBN", dbgbvr5_el1, \context, dbgbcr5_el1, "BREAK + 3 * BT"
        .endr
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 3 * PAC + WT + 5 * LBN", dbgbvr5_el1, 0x1234, dbgbcr5_el1, "BREAK - E + 3 * BT"
        .endr

// What KVM's selftest of debug exceptions does, one after the other: BRK; a breakpoint on NOP, SVC and BRK; a watchpoint;
// three steps; all four under the OS lock; a loop stepped that writes debug registers; what is linked to a context.
        try     "brk #0; nop", EL1h
        .irp    code, nop, "svc #0", "brk #0"
        try     "\code; mov x0, #1", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC"
        .endr
        try     "adr x1, buffer; strb w1, [x1]; ldrb w0, [x1]", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "E + 2 * LSC + 1 * BAS + 1 * PAC"
        try     "msr daifclr, #8; mov x1, #STEP; msr mdscr_el1, x1; isb; mrs x0, midr_el1; add x0, x0, #1; msr daifset, #8; mov x0, #3", EL1h
        try     "brk #0; nop", EL1h, oslar_el1, 1
        try     "nop; mov x0, #1", "EL1h - D", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC", oslar_el1, 1
        try     "adr x1, buffer; strb w1, [x1]; mov x0, #1", "EL1h - D", mdscr_el1, MATCH, dbgwvr0_el1, buffer, dbgwcr0_el1, "E + 2 * LSC + 1 * BAS + 1 * PAC", oslar_el1, 1
        try     "msr daifclr, #8; mov x1, #STEP; msr mdscr_el1, x1; isb; mrs x0, midr_el1; mov x0, #1; msr daifset, #8", EL1h, oslar_el1, 1
        try     "adr x1, buffer; brk #0; nop; str x1, [x1]", "EL1h - D + SS", mdscr_el1, "STEP + MDE", dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + 1 * PMC", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 1 * PAC", oslar_el1, 1
        try     "mov x2, #2; 8: msr dbgbvr0_el1, x2; isb; mrs x3, dbgbvr0_el1; msr dbgwvr0_el1, x2; isb; mrs x4, dbgwvr0_el1; add x0, x3, x4; subs x2, x2, #1; b.ne 8b", "EL1h - D + SS", mdscr_el1, STEP
        .irp    context, 1, 2
        try     "adr x1, buffer; strb w1, [x1]; mov x0, #1", "EL1h - D", mdscr_el1, MATCH, contextidr_el1, 1, dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + 1 * PMC + 1 * BT + 5 * LBN", dbgwvr0_el1, buffer, dbgwcr0_el1, "E + 2 * LSC + 1 * BAS + 1 * PAC + WT + 5 * LBN", dbgbvr5_el1, \context, dbgbcr5_el1, "BREAK + 3 * BT"
        .endr

// ---------------------------------------------------------------------------------------------------------------------
// With EL2.

        .set    from, 2

// Routed to EL2 by MDCR_EL2.TDE or HCR_EL2.TGE: PSTATE.D and KDE are EL2's there.
        .irp    spsr, EL0t, "EL1h - D", EL1h, "EL2h - D", EL2h, "EL2t - D"
        .irp    mdscr, "STEP + MDE", "MDSCR_SS + MDE"
        .irp    mdcr, 0, TDE
        try     "brk #1; nop", "\spsr", mdscr_el1, "\mdscr", mdcr_el2, \mdcr
        try     "mov x0, #1; mov x0, #2", "\spsr + SS", mdscr_el1, "\mdscr", mdcr_el2, \mdcr
        try     "brk #1; nop", "\spsr + SS", mdscr_el1, "\mdscr", mdcr_el2, \mdcr
        attempt STOP, "adr x1, buffer; ldr x0, [x1]; mov x0, #2", "\spsr", mdscr_el1, "\mdscr - MDSCR_SS", mdcr_el2, \mdcr, dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + HMC + 3 * PMC", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + HMC + 3 * PAC"
        .endr
        .endr
        try     "mov x0, #1; mov x0, #2", "\spsr + SS", mdscr_el1, STEP, mdcr_el2, TDE, oslar_el1, 1
        .endr
        try     "brk #1", EL0t, hcr_el2, "HCR + TGE"
        try     "mov x0, #1; mov x0, #2", "EL0t + SS", mdscr_el1, MDSCR_SS, hcr_el2, "HCR + TGE"
        attempt STOP, "adr x1, buffer; ldr x0, [x1]; mov x0, #2", EL0t, mdscr_el1, MDE, hcr_el2, "HCR + TGE", dbgbvr0_el1, "CODE + 8", dbgbcr0_el1, "BREAK + 2 * PMC", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 2 * PAC"
        try     "mov x0, #1; mov x0, #2", "EL2h - D + SS", mdscr_el1, STEP, hcr_el2, "HCR + TGE"
        try     "mov x0, #1; mov x0, #2", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, TDE, hcr_el2, "HCR + TDZ"

// A stepped level calls another, which is stepped too, or is not; some handlers are stepped themselves.
        .irp    mdcr, 0, TDE
        try     "hvc #1; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "svc #1; mov x0, #1", "EL0t + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "svc #1; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "udf #1; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "mov x1, #NOWHERE; ldr x0, [x1]; mov x0, #1", "EL0t + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "hvc #1; mov x0, #1", "EL2h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "svc #1; mov x0, #1", "EL2h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "mrs x0, actlr_el1; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr, hcr_el2, "HCR + TACR"
        try     "mrs x0, mdscr_el1; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, "TDA + \mdcr"
        try     "msr daifclr, #8; mov x0, #1", EL2h, mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "nop; msr daifset, #8; mov x0, #1", "EL2h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "nop; msr daifset, #8; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr
        .irp    target, "EL0t + SS", EL0t, "EL1h - D + SS", "EL1h + SS"
        try     "eret; mov x0, #1; mov x0, #2", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, \mdcr, elr_el1, "CODE + 4", spsr_el1, "\target"
        try     "eret; mov x0, #1; mov x0, #2", EL1h, mdscr_el1, STEP, mdcr_el2, \mdcr, elr_el1, "CODE + 4", spsr_el1, "\target"
        try     "eret; mov x0, #1; mov x0, #2", "EL1h - D", mdscr_el1, MDSCR_SS, mdcr_el2, \mdcr, elr_el1, "CODE + 4", spsr_el1, "\target"
        .endr
        try     "adr x0, 9f; msr elr_el2, x0; ldr x0, =EL1h - D + SS; msr spsr_el2, x0; eret; 9: mov x0, #1; mov x0, #2", EL2h, mdscr_el1, STEP, mdcr_el2, \mdcr
        try     "adr x0, 9f; msr elr_el2, x0; ldr x0, =EL2h - D + SS; msr spsr_el2, x0; eret; 9: mov x0, #1; mov x0, #2", EL2h, mdscr_el1, STEP, mdcr_el2, \mdcr
        .endr

// Interrupts while stepping. These are virtual ones; the handler masks them.
        try     "mov x0, #1; mov x0, #2", "EL1h - DAIF + SS", mdscr_el1, STEP, hcr_el2, "HCR + VI + IMO"
        try     "mov x0, #1; mov x0, #2", "EL0t - DAIF + SS", mdscr_el1, MDSCR_SS, hcr_el2, "HCR + VI + IMO"
        try     "mov x0, #1; mov x0, #2", "EL1h - D + SS", mdscr_el1, STEP, hcr_el2, "HCR + VI + IMO"
        try     "msr daifclr, #2; mov x0, #1; mov x0, #2", "EL1h - D + SS", mdscr_el1, STEP, hcr_el2, "HCR + VI + IMO"
        try     "wfi; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, hcr_el2, "HCR + VI + IMO"
        try     "mov x0, #1; mov x0, #2", "EL1h - DAIF", mdscr_el1, MATCH, hcr_el2, "HCR + VF + FMO", dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 1 * PMC"

// Levels and states that breakpoints and watchpoints match: HMC, SSC, PMC or PAC as the Arm ARM lists them.
        .irp    spsr, EL0t, "EL1h - D", "EL2h - D"
        .irp    control, "1 * PMC", "2 * PMC", "3 * PMC", "HMC + 1 * PMC", "HMC + 3 * PMC", "HMC + 3 * SSC"
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, mdcr_el2, TDE, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + \control", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + \control"
        .endr
        .endr
        .irp    access, "ldtr x0, [x1]", "sttr x0, [x1]"
        .irp    control, "HMC + 3 * PAC", "HMC + 3 * SSC", "2 * PAC"
        attempt STOP, "adr x1, buffer; \access", "EL2h - D", mdscr_el1, MATCH, mdcr_el2, TDE, dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + \control"
        .endr
        .endr
        .irp    spsr, EL0t, "EL1h - D", "EL2h - D"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, mdcr_el2, TDE, contextidr_el1, 0x1234, dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + HMC + 3 * PMC + 1 * BT + 5 * LBN", dbgbvr5_el1, 0x1234, dbgbcr5_el1, "BREAK + 3 * BT"
        .endr

// Breakpoints linked to a virtual machine, and those that only compare one, or that and a context.
        .irp    spsr, EL0t, "EL1h - D"
        .irp    vmid, 0x12, 0x13
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, vttbr_el2, "0x12 << 48", dbgbvr5_el1, "\vmid << 32", dbgbcr5_el1, "BREAK + 3 * PMC + 8 * BT"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, vttbr_el2, "0x12 << 48", dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 3 * PMC + 1 * BT + 5 * LBN", dbgbvr5_el1, "\vmid << 32", dbgbcr5_el1, "BREAK + 9 * BT"
        .irp    context, 0x1234, 0x1235
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, vttbr_el2, "0x12 << 48", dbgbvr5_el1, "(\vmid << 32) + \context", dbgbcr5_el1, "BREAK + 3 * PMC + 10 * BT"
        try     "nop; mov x0, #1", "\spsr", mdscr_el1, MATCH, contextidr_el1, 0x1234, vttbr_el2, "0x12 << 48", dbgbvr0_el1, "CODE + 4", dbgbcr0_el1, "BREAK + 3 * PMC + 1 * BT + 5 * LBN", dbgbvr5_el1, "(\vmid << 32) + \context", dbgbcr5_el1, "BREAK + 11 * BT"
        .endr
        .endr
        .endr

// ---------------------------------------------------------------------------------------------------------------------
// With EL3: never to it, and never from it; MDCR_EL3.SDD keeps them out of Secure state.

        .set    from, 3

        try     "brk #1; nop", "EL3h - D"
        try     "mov x0, #1; mov x0, #2", "EL3h - D + SS", mdscr_el1, STEP
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "EL3h - D", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + HMC + 3 * PMC", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + HMC + 3 * PAC"
        .irp    spsr, EL0t, "EL1h - D", EL1h
        .irp    mdcr, 0, SDD
        try     "brk #1; nop", "\spsr", mdscr_el1, STEP, scr_el3, "SCR - NS", mdcr_el3, \mdcr
        try     "mov x0, #1; mov x0, #2", "\spsr + SS", mdscr_el1, STEP, scr_el3, "SCR - NS", mdcr_el3, \mdcr
        try     "mov x0, #1; mov x0, #2", "\spsr + SS", mdscr_el1, STEP, scr_el3, "SCR - NS", mdcr_el3, \mdcr, mdcr_el2, TDE
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "\spsr", mdscr_el1, MATCH, scr_el3, "SCR - NS", mdcr_el3, \mdcr, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + 3 * PMC", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + 3 * PAC"
        .endr
        try     "mov x0, #1; mov x0, #2", "\spsr + SS", mdscr_el1, STEP, mdcr_el3, SDD
        .endr
        .irp    spsr, "EL1h - D + SS", "EL2h - D + SS"
        try     "smc #1; mov x0, #1", "\spsr", mdscr_el1, STEP, mdcr_el2, TDE
        try     "fmov d0, xzr; mov x0, #1", "\spsr", mdscr_el1, STEP, mdcr_el2, TDE, cpacr_el1, "3 * FPEN_EL1", cptr_el3, "TFP + TCPAC"
        .endr
        try     "smc #1; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP
        try     "smc #1; mov x0, #1", "EL1h - D + SS", mdscr_el1, STEP, mdcr_el2, TDE, hcr_el2, "HCR + TSC"

        .irp    spsr, EL0t, "EL1h - D"
        .irp    ns, 0, NS
        .irp    control, "1 * PMC", "3 * PMC", "1 * SSC + 1 * PMC", "1 * SSC + 3 * PMC", "2 * SSC + 1 * PMC", "2 * SSC + 3 * PMC", "3 * SSC + 1 * PMC", "3 * SSC + 3 * PMC", "HMC + 1 * PMC", "HMC + 3 * PMC", "HMC + 1 * SSC", "HMC + 1 * SSC + 1 * PMC", "HMC + 1 * SSC + 3 * PMC", "HMC + 2 * SSC", "HMC + 2 * SSC + 1 * PMC", "HMC + 2 * SSC + 3 * PMC", "HMC + 3 * SSC", "HMC + 3 * SSC + 1 * PMC", "HMC + 3 * SSC + 3 * PMC"
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "\spsr", scr_el3, "SCR - NS + \ns", mdscr_el1, MATCH, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + \control", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + \control"
        .endr
        .endr
        .endr
        .irp    control, "1 * SSC + 1 * PMC", "1 * SSC + 3 * PMC", "2 * SSC + 3 * PMC", "3 * SSC", "3 * SSC + 3 * PMC", "HMC + 1 * SSC", "HMC + 1 * SSC + 1 * PMC", "HMC + 1 * SSC + 3 * PMC", "HMC + 2 * SSC", "HMC + 2 * SSC + 1 * PMC", "HMC + 2 * SSC + 3 * PMC", "HMC + 3 * SSC + 1 * PMC", "HMC + 3 * SSC + 3 * PMC"
        attempt STOP, "adr x1, buffer; ldr x0, [x1]", "EL2h - D", mdscr_el1, MATCH, mdcr_el2, TDE, dbgbvr0_el1, CODE, dbgbcr0_el1, "BREAK + \control", dbgwvr0_el1, buffer, dbgwcr0_el1, "ACCESS + \control"
        .endr

        .section .rodata.tests, "a"
        .global tests_end
tests_end:

// ---------------------------------------------------------------------------------------------------------------------
// The handlers' way into C and back to what they interrupted.

        .equ    FRAME, 176

        .text
        .balign 2048
        .global vectors
vectors:
        .irp    offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
        .balign 128
        stp     x0, x1, [sp, #-FRAME]!
        mov     x1, #\offset
        b       handle
        .endr
handle:
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x19, [sp, #144]
        str     x30, [sp, #160]
        mov     x0, sp
        bl      caught
        ldr     x30, [sp, #160]
        ldp     x18, x19, [sp, #144]
        ldp     x16, x17, [sp, #128]
        ldp     x14, x15, [sp, #112]
        ldp     x12, x13, [sp, #96]
        ldp     x10, x11, [sp, #80]
        ldp     x8, x9, [sp, #64]
        ldp     x6, x7, [sp, #48]
        ldp     x4, x5, [sp, #32]
        ldp     x2, x3, [sp, #16]
        ldp     x0, x1, [sp], #FRAME
        eret

        .bss
        .balign 512
        .global buffer, buffer_end, identity_map
buffer: .space  512
buffer_end:
        .balign 4096
identity_map:
        .space  4096
