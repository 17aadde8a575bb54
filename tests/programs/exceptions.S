/*
 * The exceptions, one a line: `try "instructions", SPSR` runs the instructions with that PSTATE; a setting such as
 * sctlr="+ UCT" adds bits to a register's usual value. Each line is also the name of the case in the output.
 *
 * Nothing here depends on what an ID register says beyond Armv8.3-A, and nothing executes floating point.
 * Data-side alignment is checked with SCTLR_ELx.A set, except for accesses that must always be aligned.
 */

        .arch   armv8.5-a
        .arch_extension crypto              // an instruction of it is executed, to be trapped

#include "fields.inc"

        .equ    FAR_AWAY, 0x2000000000      // as NOWHERE, beyond 32 bits

// One case: its code in .text, its name in .rodata, its record in the table.
        .macro  try code:req, spsr:req, sp=test_stack, sctlr, cpacr, mdscr, cntkctl, sctlr2, hcr, cptr, mdcr, cnthctl, scr, cptr3, mdcr3
        .section .rodata.names, "a"
1:      .ascii  "\spsr: \code"
        named   SP, \sp, test_stack
        named   SCTLR_EL1, "\sctlr"
        named   CPACR_EL1, "\cpacr"
        named   MDSCR_EL1, "\mdscr"
        named   CNTKCTL_EL1, "\cntkctl"
        named   SCTLR_EL2, "\sctlr2"
        named   HCR_EL2, "\hcr"
        named   CPTR_EL2, "\cptr"
        named   MDCR_EL2, "\mdcr"
        named   CNTHCTL_EL2, "\cnthctl"
        named   SCR_EL3, "\scr"
        named   CPTR_EL3, "\cptr3"
        named   MDCR_EL3, "\mdcr3"
        .byte   0

        .text
2:      \code
        svc     #DONE
        .ltorg

        .section .rodata.tests, "a"
        .quad   1b, from, 2b, \spsr, \sp
        .quad   SCTLR \sctlr, 0 \cpacr, 0 \mdscr, 0 \cntkctl
        .quad   SCTLR2 \sctlr2, HCR \hcr, CPTR2 \cptr, 0 \mdcr, EL1PCTEN + EL1PCEN \cnthctl
        .quad   SCR \scr, 0 \cptr3, 0 \mdcr3
        .endm

        .macro  named register:req, value, usual
        .ifnc   "\value", "\usual"
        .ascii  ", \register \value"
        .endif
        .endm

        .section .rodata.tests, "a"
        .balign 8
        .global tests
tests:

// ---------------------------------------------------------------------------------------------------------------------
// Wherever the machine starts.

        .set    from, 1

// Each group of vectors; what SPSR keeps.
        try     "svc #1", EL0t
        try     "svc #2", EL1t
        try     "svc #0xffff", EL1h
        try     "svc #3", "EL0t + NZCV + DIT + SSBS"
        try     "svc #4", "EL1h + NZCV + DIT + SSBS + PAN + UAO"
        try     "svc #5", "EL0t - DAIF"
        try     "svc #6", "EL1h - DAIF"
        try     "msr daifclr, #5; svc #7", EL1h
        try     "msr spsel, #0; svc #8", EL1h
        try     "msr spsel, #1; svc #9", EL1t
        try     "msr nzcv, x0; svc #10", "EL0t + NZCV"
        try     "svc #11", "EL1h + PAN", sctlr="- SPAN"
        try     "adr x0, nesting; msr vbar_el1, x0; isb; svc #12", "EL1h + NZCV"
        try     "adr x0, nesting; msr vbar_el1, x0; isb; svc #13", EL1h, sctlr="- SPAN"
        try     "adr x0, nesting; msr vbar_el1, x0; isb; svc #14", EL1h, sctlr="+ DSSBS"
        try     "mrs x0, currentel", EL1h
        try     "mrs x0, spsel", EL1t
        try     "mrs x0, daif", EL1h
        try     "mrs x0, nzcv", "EL0t + NZCV"

// Breakpoints, and what is not an instruction.
        try     "brk #0", EL0t
        try     "brk #0xffff", EL1t
        try     "brk #0x1234", EL1h
        try     "udf #0", EL0t
        try     "udf #0xffff", EL1h
        try     ".inst 0xffffffff", EL0t
        try     ".inst 0x02000000", EL1h
        try     ".inst 0xd4000000", EL0t
        try     ".inst 0xd69f03ff", EL1h
        try     "hlt #1", EL0t
        try     "hlt #1", EL1h
        try     "dcps1 #1", EL1h
        try     "dcps3 #1", EL0t
        try     "drps", EL1h
        try     "brk #1", "EL0t + NZCV + BTYPE"
        try     "nop; brk #1", "EL1h + BTYPE"

// Calls to levels that are not there, or not to be called from here.
        try     "hvc #1", EL0t
        try     "smc #1", EL0t
        try     "eret", EL0t
        try     "ldr w0, =0x84000000 + 0x1f; hvc #0", EL1h
        try     "ldr w0, =0x84000000 + 0x1f; smc #0", EL1h

// Exception returns.
        try     "adr x0, 9f; msr elr_el1, x0; mov x0, #EL0t; msr spsr_el1, x0; eret; 9: svc #1", EL1h
        try     "adr x0, 9f; msr elr_el1, x0; mov x0, #EL1t; msr spsr_el1, x0; eret; 9: svc #1", EL1h
        try     "adr x0, 9f; msr elr_el1, x0; mov x0, #EL1h; msr spsr_el1, x0; eret; 9: svc #1", EL1t
        try     "svc #1", "EL0t + IL"
        try     "nop", "EL1h + IL"
        try     "brk #1", "EL1h + IL"
        try     ".inst 0", "EL0t + IL + NZCV"
        .irp    mode, 0x3c1, 0x3c2, 0x3c3, 0x3c6, 0x3c7, 0x3ca, 0x3cb, 0x3cc, 0x3cd, 0x3ce, 0x3cf, 0x3d3, 0x3df
        try     "adr x0, 9f; msr elr_el1, x0; mov x0, #\mode; msr spsr_el1, x0; eret; 9: svc #1", EL1h
        .endr
        try     "adr x0, 9f; msr elr_el1, x0; mov x0, #EL2h; msr spsr_el1, x0; eret; 9: svc #1", EL1h
        try     "adr x0, 9f; msr elr_el1, x0; ldr x0, =NZCV + 0x0c1; msr spsr_el1, x0; eret; 9: nop", EL1h
        try     "adr x0, 9f + 2; msr elr_el1, x0; mov x0, #0x3cf; msr spsr_el1, x0; eret; 9: nop", EL1h

// Stack pointer alignment.
        try     "ldr x0, [sp]", EL0t, sp="test_stack + 8", sctlr="+ SA0"
        try     "str x0, [sp, #8]", EL0t, sp="test_stack + 8", sctlr="+ SA0"
        try     "ldp x0, x1, [sp], #16", EL1h, sp="test_stack + 8", sctlr="+ SA"
        try     "stp x0, x1, [sp, #-16]!", EL1t, sp="test_stack + 4", sctlr="+ SA"
        try     "ldxr x0, [sp]", EL1h, sp="test_stack + 8", sctlr="+ SA"
        try     "ldadd x0, x0, [sp]", EL1h, sp="test_stack + 8", sctlr="+ SA"
        try     "mov x0, #0; prfm pldl1keep, [sp]", EL1h, sp="test_stack + 8", sctlr="+ SA"
        try     "str xzr, [sp]; mov x0, #1", EL0t, sp="test_stack + 8", sctlr="+ SA"
        try     "str xzr, [sp]; mov x0, #1", EL1h, sp="test_stack + 8", sctlr="+ SA0"
        try     "add sp, sp, #1; mov x0, #1", EL1h, sctlr="+ SA"

// Program counter alignment.
        try     "adr x0, 9f + 2; br x0; 9: nop", EL0t
        try     "adr x0, 9f + 1; blr x0; 9: nop", EL1h
        try     "adr x30, 9f + 3; ret; 9: nop", EL1t
        try     "adr x0, 9f + 2; msr elr_el1, x0; mov x0, #EL0t; msr spsr_el1, x0; eret; 9: nop", EL1h
        try     "ldr x0, =NOWHERE + 1; br x0", EL1h

// Data alignment.
        .irp    access, "ldrh w0", "ldr w0", "ldr x0", "ldrsw x0", "strh w0", "str w0", "str x0", "ldtr x0", "sttr x0", "ldp x0, x2", "stp w0, w2", "ldpsw x0, x2", "ldnp x0, x2"
        try     "adr x1, buffer + 1; \access, [x1]", EL0t, sctlr="+ A"
        .endr
        try     "adr x1, buffer; ldr x0, [x1, #4]!", EL1h, sctlr="+ A"
        try     "adr x1, buffer; str x0, [x1, #2]!", EL1h, sctlr="+ A"
        try     "adr x1, buffer; mov x2, #3; ldr w0, [x1, x2]", EL1h, sctlr="+ A"
        try     "adr x1, buffer; ldur x0, [x1, #-1]", EL1t, sctlr="+ A"
        try     "adr x1, buffer + 1; prfm pldl1keep, [x1]; mov x0, #1", EL0t, sctlr="+ A"
        try     "adr x1, buffer + 1; ldrb w0, [x1]", EL0t, sctlr="+ A"
        .irp    access, "ldxr x0", "ldaxr w0", "ldxrh w0", "ldxp x0, x2", "stxr w3, x0", "stlxr w3, w0", "stxp w3, w0, w2", "ldar x0", "ldarh w0", "stlr w0", "stlrh w0", "ldapr x0"
        try     "adr x1, buffer + 1; \access, [x1]", EL0t
        .endr
        .irp    access, "ldadd w0, w2", "ldclralh w0, w2", "ldsmax x0, x2", "swp x0, x2", "swpalh w0, w2", "cas w0, w2", "casal x0, x2", "casp x2, x3, x4, x5", "stadd w0", "caspal w2, w3, w4, w5"
        try     "adr x1, buffer + 1; \access, [x1]", EL1h
        .endr
        try     "adr x1, buffer; ldapur x0, [x1, #3]", EL0t
        try     "adr x1, buffer; stlur w0, [x1, #3]", EL0t

// Addresses with nothing behind them.
        .irp    access, "ldrb w0", "ldr x0", "strb w0", "str x0", "ldp x0, x2", "ldar w0", "ldxr x0", "ldtr w0"
        try     "mov x1, #NOWHERE; \access, [x1]", EL0t
        .endr
        try     "mov x1, #NOWHERE; ldr w0, [x1]", EL1h
        try     "mov x1, #FAR_AWAY; str w0, [x1, #8]!", EL1h
        try     "ldr x1, =NOWHERE + 3; ldr w0, [x1]", EL1h, sctlr="+ A"
        try     "mov x1, #NOWHERE; br x1", EL0t
        try     "mov x1, #NOWHERE; br x1", EL1h
        try     "mov x1, #FAR_AWAY; blr x1", EL1t
        try     "mov x1, #NOWHERE; msr elr_el1, x1; mov x1, #0x3cf; msr spsr_el1, x1; eret", EL1h

// System registers that are not EL0's.
        .irp    access, "mrs x0, sctlr_el1", "mrs x0, currentel", "mrs x0, spsel", "msr spsel, #0", "mrs x0, vbar_el1", "mrs x0, elr_el1", "mrs x0, spsr_el1", "mrs x0, esr_el1", "mrs x0, sp_el0", "msr tpidrro_el0, x0", "mrs x0, tpidr_el1", "msr pan, #1", "mrs x0, pan", "msr uao, #1", "mrs x0, mdscr_el1", "mrs x0, cntkctl_el1", "mrs x0, par_el1", "mrs x0, hcr_el2", "mrs x0, scr_el3", "tlbi vmalle1", "tlbi vae1, x0", "at s1e1r, x0", "ic iallu", "dc ivac, x0", "dc isw, x0"
        try     "\access", EL0t
        .endr
        try     "mrs x0, tpidr_el0; mov x0, #1", EL0t
        try     "mrs x0, midr_el1", EL0t
        try     "mrs x0, id_aa64pfr0_el1", EL0t
        try     "mrs x0, clidr_el1", EL0t

// EL0 accesses that SCTLR_EL1, CNTKCTL_EL1, PMUSERENR_EL0 and MDSCR_EL1 decide about.
        .irp    access, "msr daifset, #2", "msr daifclr, #15", "mrs x0, daif", "msr daif, x0", "mrs x5, ctr_el0", "adr x0, buffer; dc zva, x0", "dc cvau, x0", "dc civac, x0", "dc cvac, x0", "dc cvap, x0", "ic ivau, x0", "wfi", "mrs x0, cntpct_el0", "mrs x17, cntvct_el0", "mrs x0, cntfrq_el0", "mrs x0, cntv_ctl_el0", "msr cntv_cval_el0, x3", "mrs x0, cntp_tval_el0", "mrs x0, pmccntr_el0", "mrs x0, pmcr_el0", "msr pmcntenset_el0, x4", "mrs x0, pmuserenr_el0", "cfp rctx, x0"
        try     "\access", EL0t
        .endr
        try     "mrs x0, daif", EL0t, sctlr="+ UMA"
        try     "msr daifclr, #15; mrs x0, daif", EL0t, sctlr="+ UMA"
        try     "mrs x0, ctr_el0; mov x0, #1", EL0t, sctlr="+ UCT"
        try     "adr x0, buffer; dc civac, x0; ic ivau, x0; mov x0, #1", EL0t, sctlr="+ UCI"
        try     "mrs x0, cntvct_el0; mov x0, #1", EL0t, cntkctl="+ EL0VCTEN"
        try     "mrs x0, cntpct_el0; mov x0, #1", EL0t, cntkctl="+ EL0PCTEN"
        try     "mrs x0, cntpct_el0", EL0t, cntkctl="+ EL0VCTEN"
        try     "mrs x0, mdccsr_el0; mov x0, #1", EL0t, mdscr="+ TDCC"
        try     "mrs x0, mdccsr_el0; mov x0, #1", EL0t

// System registers that do not exist, or not for this access.
        try     "mrs x0, s3_7_c15_c15_7", EL1h
        try     "mrs x0, s3_7_c15_c15_7", EL0t
        try     "msr s3_7_c9_c3_5, x0", EL1h
        try     "msr s3_0_c0_c0_0, x0", EL1h
        try     "msr s3_0_c4_c2_2, x0", EL1h
        try     "mrs x0, s2_0_c1_c0_4", EL1h
        try     "msr s1_7_c15_c15_7, x0", EL1h
        try     "mrs x0, sp_el0", EL1t
        try     "mrs x0, sp_el0; mov x0, #1", EL1h
        try     "mrs x0, sp_el1", EL1h
        try     "mrs x0, vbar_el2", EL1h
        try     "mrs x0, vbar_el3", EL1h
        try     "mrs x0, scr_el3", EL1h
        try     "mrs x0, elr_el2", EL1h
        try     "tlbi alle2", EL1h
        try     "tlbi alle3", EL1h
        try     "at s1e2r, x0", EL1h

// Floating point and SIMD, trapped.
        .irp    access, "fmov d0, xzr", "ldr q0, [x0]", "add v0.4s, v0.4s, v0.4s", "stp s0, s1, [x0]", "aese v0.16b, v1.16b", "mrs x0, fpcr", "msr fpsr, x0", "fcmp s0, s1", "ldr d0, ."
        try     "\access", EL0t
        try     "\access", EL1h
        .endr
        try     "fmov d0, xzr", EL0t, cpacr="+ FPEN_EL1"
        try     "ldr q0, [sp]", EL0t, sp="test_stack + 8", sctlr="+ SA0"

// ---------------------------------------------------------------------------------------------------------------------
// With EL2.

        .set    from, 2

        try     "svc #1", EL2h
        try     "svc #2", "EL2t + NZCV"
        try     "brk #1", EL2h
        try     "udf #1", EL2t
        try     "hvc #1", EL2h
        try     "hvc #0xffff", EL1h
        try     "hvc #2", "EL1t + NZCV + PAN"
        try     "hvc #1", EL1h, hcr="+ HCD"
        try     "hvc #1", EL2h, hcr="+ HCD"
        try     "mrs x0, sp_el1; mov x0, #1", EL2h
        try     "mrs x0, sp_el2", EL2h
        try     "mrs x0, vbar_el3", EL2h
        try     "mrs x0, s3_7_c15_c15_7", EL2h
        try     "mrs x0, sctlr_el12; mov x0, #1", EL2h

// Exception returns from EL2.
        .irp    mode, 0x3c2, 0x3c6, 0x3ca, 0x3cb, 0x3cd, 0x3cf
        try     "adr x0, 9f; msr elr_el2, x0; mov x0, #\mode; msr spsr_el2, x0; eret; 9: svc #1", EL2h
        .endr
        try     "svc #1", EL1h, hcr="+ TGE"
        try     "nop", "EL2h + IL"

// Alignment and aborts at EL2.
        try     "ldr x0, [sp]", EL2h, sp="test_stack + 8", sctlr2="+ SA"
        try     "adr x1, buffer + 1; ldr x0, [x1]", EL2h, sctlr2="+ A"
        try     "adr x1, buffer + 1; ldxr w0, [x1]", EL2t
        try     "adr x0, 9f + 2; br x0; 9: nop", EL2h
        try     "mov x1, #NOWHERE; str x0, [x1]", EL2h
        try     "mov x1, #NOWHERE; br x1", EL2t
        try     "mov x1, #NOWHERE; ldr x0, [x1]", EL1h, hcr="+ TEA"
        try     "mov x1, #NOWHERE; br x1", EL0t, hcr="+ TEA"

// HCR_EL2.TGE: EL0's exceptions go to EL2.
        .irp    code, "svc #1", "brk #1", "udf #1", "hvc #1", "mrs x0, sctlr_el1", "adr x0, 9f + 2; br x0; 9: nop", "mov x1, #NOWHERE; ldr x0, [x1]", "mov x1, #NOWHERE; br x1", "adr x1, buffer + 1; ldar x0, [x1]", "fmov d0, xzr", "mrs x0, daif", "wfi"
        try     "\code", EL0t, hcr="+ TGE"
        .endr

// HCR_EL2 traps of what EL1 does.
        .irp    access, "msr sctlr_el1, x0", "msr ttbr0_el1, x1", "msr tcr_el1, x2", "msr esr_el1, x3", "msr far_el1, x4", "msr mair_el1, x5", "msr contextidr_el1, x30"
        try     "\access", EL1h, hcr="+ TVM"
        .endr
        try     "mrs x0, sctlr_el1; mov x0, #1", EL1h, hcr="+ TVM"
        .irp    access, "mrs x0, sctlr_el1", "mrs xzr, ttbr1_el1", "mrs x2, afsr0_el1", "mrs x3, amair_el1"
        try     "\access", EL1h, hcr="+ TRVM"
        .endr
        .irp    access, "mrs x0, id_aa64pfr0_el1", "mrs x1, id_aa64isar1_el1", "mrs x2, id_aa64mmfr2_el1", "mrs x3, id_pfr0_el1", "mrs x4, mvfr0_el1", "mrs x5, s3_0_c0_c7_7"
        try     "\access", EL1h, hcr="+ TID3"
        .endr
        .irp    access, "mrs x0, revidr_el1", "mrs x0, aidr_el1"
        try     "\access", EL1h, hcr="+ TID1"
        .endr
        .irp    access, "mrs x0, ctr_el0", "mrs x1, ccsidr_el1", "mrs x2, clidr_el1", "mrs x3, csselr_el1", "msr csselr_el1, x4"
        try     "\access", EL1h, hcr="+ TID2"
        .endr
        try     "mrs x0, ctr_el0", EL0t, hcr="+ TID2"
        try     "mrs x0, ctr_el0", EL0t, sctlr="+ UCT", hcr="+ TID2"
        try     "smc #7", EL1h, hcr="+ TSC"
        try     "smc #7", EL0t, hcr="+ TSC"
        try     "wfi", EL1h, hcr="+ TWI"
        try     "wfi", EL0t, hcr="+ TWI"
        try     "wfi", EL0t, sctlr="+ NTWI", hcr="+ TWI"
        try     "mrs x0, actlr_el1", EL1h, hcr="+ TACR"
        try     "msr actlr_el1, x1", EL1h, hcr="+ TACR"
        try     "dc isw, x0", EL1h, hcr="+ TSW"
        try     "dc cisw, x1", EL1h, hcr="+ TSW"
        try     "dc ivac, x0", EL1h, hcr="+ TPCP"
        try     "dc civac, x1", EL0t, sctlr="+ UCI", hcr="+ TPCP"
        try     "ic iallu", EL1h, hcr="+ TPU"
        try     "ic ivau, x1", EL1h, hcr="+ TPU"
        try     "dc cvau, x2", EL0t, sctlr="+ UCI", hcr="+ TPU"
        try     "tlbi vmalle1", EL1h, hcr="+ TTLB"
        try     "tlbi vaae1is, x9", EL1h, hcr="+ TTLB"
        try     "adr x0, buffer; dc zva, x0", EL1h, hcr="+ TDZ"
        try     "adr x1, buffer; dc zva, x1", EL0t, sctlr="+ DZE", hcr="+ TDZ"
        try     "mrs x0, s3_0_c15_c1_0", EL1h, hcr="+ TIDCP"
        try     "msr s3_0_c11_c1_0, x1", EL1h, hcr="+ TIDCP"
        try     "sys #0, c15, c0, #0, x2", EL1h, hcr="+ TIDCP"

// Pointer authentication, trapped only where it is enabled.
        .irp    code, "paciasp", "pacia x0, x1", "autia x0, x1", "retaa", "braa x0, x1", "pacga x0, x1, x2"
        try     "\code", EL1h, sctlr="+ ENIA", hcr="- API"
        .endr
        try     "pacia x0, x1", EL0t, sctlr="+ ENIA", hcr="- API"
        try     "mov x0, #1; pacia x0, x1", EL1h, hcr="- API"
        try     "xpaci x0", EL1h, sctlr="+ ENIA", hcr="- API"
        .irp    access, "mrs x0, apiakeylo_el1", "msr apgakeyhi_el1, x1", "msr apdbkeylo_el1, x2"
        try     "\access", EL1h, hcr="- APK"
        .endr

// Floating point, debug, performance monitors and timers, trapped to EL2.
        try     "fmov d0, xzr", EL1h, cpacr="+ FPEN_EL1", cptr="+ TFP"
        try     "fmov d0, xzr", EL1h, cptr="+ TFP"
        try     "ldr q0, [x0]", EL2h, cptr="+ TFP"
        try     "mrs x0, fpcr", EL2h, cptr="+ TFP"
        try     "brk #1", EL0t, mdcr="+ TDE + TDA + TDOSA + TDRA"
        try     "brk #2", EL1h, mdcr="+ TDE + TDA + TDOSA + TDRA"
        try     "mrs x0, mdscr_el1", EL1h, mdcr="+ TDA"
        try     "msr dbgbvr0_el1, x1", EL1h, mdcr="+ TDA"
        try     "mrs x2, dbgwcr0_el1", EL1h, mdcr="+ TDA"
        try     "msr oslar_el1, x0", EL1h, mdcr="+ TDOSA"
        try     "mrs x1, oslsr_el1", EL1h, mdcr="+ TDOSA"
        try     "mrs x0, mdrar_el1", EL1h, mdcr="+ TDRA"
        try     "mrs x0, pmccntr_el0", EL1h, mdcr="+ TPM"
        try     "msr pmcntenset_el0, x1", EL1h, mdcr="+ TPM"
        try     "mrs x0, cntpct_el0", EL1h, cnthctl="- EL1PCTEN"
        try     "mrs x0, cntpct_el0; mov x0, #1", EL0t, cntkctl="+ EL0PCTEN", cnthctl="- EL1PCTEN"
        try     "mrs x1, cntp_ctl_el0", EL1h, cnthctl="- EL1PCEN"
        try     "msr cntp_cval_el0, x2", EL1h, cnthctl="- EL1PCEN"

// Virtual interrupts: taken to EL1, at once when PSTATE lets them.
        try     "nop; mov x0, #1", "EL1h - DAIF", hcr="+ VI + IMO"
        try     "nop; mov x0, #1", "EL1t - DAIF", hcr="+ VF + FMO"
        try     "nop; mov x0, #1", "EL0t - DAIF", hcr="+ VI + IMO"
        try     "nop; mov x0, #1", EL1h, hcr="+ VI + VF + IMO + FMO"
        try     "nop; mov x0, #1", "EL1h - DAIF", hcr="+ VI + VF"
        try     "mov x0, #1; msr daifclr, #2; mov x0, #2", EL1h, hcr="+ VI + IMO"
        try     "nop; mov x0, #1", "EL2h - DAIF", hcr="+ VI + IMO"
        try     "mrs x0, isr_el1", EL1h, hcr="+ VI + VF + IMO + FMO"

// ---------------------------------------------------------------------------------------------------------------------
// With EL3.

        .set    from, 3

        try     "svc #1", EL3h
        try     "svc #2", "EL3t + NZCV"
        try     "brk #1", EL3h
        try     "udf #1", EL3t
        try     "hvc #1", EL3h
        try     "smc #1", EL3h
        try     "smc #0xffff", EL1h
        try     "smc #2", "EL2h + NZCV"
        try     "smc #3", EL1h, hcr="+ TSC"
        try     "smc #4", EL1h, scr="+ SMD"
        try     "smc #5", EL2h, scr="+ SMD"
        try     "smc #6", EL3h, scr="+ SMD"
        try     "smc #7", EL1h, hcr="+ TSC", scr="+ SMD"
        try     "hvc #1", EL1h, scr="- HCE"
        try     "hvc #2", EL2h, scr="- HCE"
        try     "hvc #3", EL3h, scr="- HCE"
        try     "hvc #4", EL1h, scr="- NS"
        try     "svc #1", EL2h, scr="- NS"
        try     "mrs x0, vbar_el2; mov x0, #1", EL3h
        try     "adr x0, 9f + 2; br x0; 9: nop", EL3h
        try     "mov x1, #NOWHERE; ldr x0, [x1]", EL3h
        try     "mov x1, #NOWHERE; br x1", EL3t
        .irp    mode, 0x3c2, 0x3c6, 0x3ca, 0x3ce, 0x3cf
        try     "adr x0, 9f; msr elr_el3, x0; mov x0, #\mode; msr spsr_el3, x0; eret; 9: svc #1", EL3h
        .endr
        .irp    level, EL0t, EL1h, EL2h
        try     "mov x1, #NOWHERE; ldr x0, [x1]", \level, scr="+ EA"
        try     "mov x1, #NOWHERE; br x1", \level, scr="+ EA"
        try     "wfi", \level, sctlr="+ NTWI", scr="+ SCR_TWI"
        try     "fmov d0, xzr", \level, cpacr="+ 3 * FPEN_EL1", cptr3="+ TFP"
        .endr
        try     "fmov d0, xzr", EL3h, cptr3="+ TFP"
        try     "wfi", EL1h, hcr="+ TWI", scr="+ SCR_TWI"
        try     "pacia x0, x1", EL1h, sctlr="+ ENIA", scr="- SCR_API"
        try     "pacia x0, x1", EL1h, sctlr="+ ENIA", hcr="- API", scr="- SCR_API"
        try     "pacga x0, x1, x2", EL2h, scr="- SCR_API"
        try     "mrs x0, apiakeylo_el1", EL1h, scr="- SCR_APK"
        try     "msr apiakeylo_el1, x1", EL2h, scr="- SCR_APK"
        try     "mrs x0, mdscr_el1", EL1h, mdcr3="+ TDA"
        try     "msr oslar_el1, x1", EL2h, mdcr3="+ TDOSA"
        try     "mrs x0, pmccntr_el0", EL1h, mdcr3="+ TPM"
        try     "mrs x0, cptr_el2", EL2h
        try     "msr cpacr_el1, x1", EL1h

        .section .rodata.tests, "a"
        .global tests_end
tests_end:

// ---------------------------------------------------------------------------------------------------------------------
// Coming back.

        .text
// No vector goes back to what it interrupted, so there is nothing to save; and SP may be anything.
        .balign 2048
        .global vectors
vectors:
        .irp    offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
        .balign 128
        adr     x1, handler_stack
        mov     sp, x1
        mov     x1, #\offset
        b       caught
        .endr

// A handler that takes an exception itself: what it prints is the state an exception leaves.
        .balign 2048
nesting:
        .space  0x200
        adr     x0, vectors
        msr     vbar_el1, x0
        isb
        svc     #0x99

        .bss
        .balign 64
buffer: .space  256
        .space  4096
handler_stack:
        .space  256
test_stack:
        .space  256
