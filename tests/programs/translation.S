/*
 * What of the translation program is not C: the code that runs while nothing but its own page is mapped, the accesses
 * whose faults are compared, and the vectors that catch them.
 */

        .arch   armv8.5-a

// ---------------------------------------------------------------------------------------------------------------------
// The page mapped in every translation regime: 64 KiB of its own, so that it is one page with any granule, and its
// contents in the first 4 KiB. EL0 may execute it too.

        .section .text.mapped, "ax"
        .balign 65536
        .global mapped
mapped:

// Vectors while address translation instructions are executed. Only a synchronous exception is expected.
        .global probe_vectors
probe_vectors:
        .space  0x200, 0
        mrs     x6, currentel
        cmp     x6, #2 << 2
        b.eq    2f
        b.hi    3f
        .irp    el, 1, 2, 3
\el:    mrs     x5, esr_el\el
        mrs     x6, far_el\el
        mrs     x7, elr_el\el
        add     x7, x7, #12             // beyond AT, ISB and MRS, to the store of the result
        msr     elr_el\el, x7
        b       4f
        .endr
4:      orr     x5, x5, #1 << 52        // in a place where PAR_EL1 never has a bit: this is a syndrome instead
        cmp     x6, x4
        b.eq    5f
        orr     x5, x5, #1 << 53        // FAR_ELx is not the address that was to be translated
5:      eret
        .org    probe_vectors + 0x800

/*
 * void probe(const uint64_t *addresses, const uint64_t *end, uint64_t *results, uint64_t sctlr): execute each operation
 * with each address, with that SCTLR_ELx, and store PAR_EL1. The level is the one it runs at.
 */
        .macro  prober name:req, el:req, operations:vararg
        .global \name
\name:  mrs     x9, sctlr_el\el
        msr     sctlr_el\el, x3
        isb
1:      cmp     x0, x1
        b.eq    2f
        ldr     x4, [x0], #8
        .irp    operation, \operations
        at      \operation, x4
        isb
        mrs     x5, par_el1
        str     x5, [x2], #8
        .endr
        b       1b
2:      msr     sctlr_el\el, x9
        isb
        ret
        .endm

        prober  probe_el10_at_el1, 1, s1e0r, s1e0w, s1e1r, s1e1w, s1e1rp, s1e1wp
        prober  probe_el10_at_el2, 2, s1e0r, s1e0w, s1e1r, s1e1w, s1e1rp, s1e1wp
        prober  probe_el10_at_el3, 3, s1e0r, s1e0w, s1e1r, s1e1w, s1e1rp, s1e1wp
        prober  probe_el2_at_el2, 2, s1e2r, s1e2w
        prober  probe_el2_at_el3, 3, s1e2r, s1e2w
        prober  probe_el3_at_el3, 3, s1e3r, s1e3w

/*
 * The accesses. Each finds the address in x0 and something to write in x2 and x3, may leave a result in x1, and ends in
 * SVC if there is no fault. `access` also lays down a record for translation.c: name, code, kind.
 */
        .equ    LOAD, 0
        .equ    FETCH, 1                // branches to the address, where there is an SVC
        .equ    ALIGNED, 2              // must be naturally aligned
        .equ    ATOMIC, 3               // likewise, and both reads and writes
        .equ    ZERO, 4                 // writes as many bytes as DCZID_EL0 says

        .macro  access name:req, kind:req, code:req
        .section .text.mapped, "ax"
1:      \code
        svc     #1
        .section .rodata.names, "a"
2:      .asciz  "\name"
        .section .rodata.accesses, "a"
        .quad   2b, 1b, \kind
        .endm

        .section .rodata.accesses, "a"
        .balign 8
        .global accesses, accesses_end
accesses:
        access  ldr, LOAD, "ldr x1, [x0]"
        access  str, LOAD, "str x2, [x0]"
        access  br, FETCH, "br x0"
        access  ldrb, LOAD, "ldrb w1, [x0]"
        access  ldrsh, LOAD, "ldrsh x1, [x0]"
        access  strh, LOAD, "strh w2, [x0]"
        access  strb, LOAD, "strb w2, [x0]"
        access  ldp, LOAD, "ldp x1, x4, [x0]; add x1, x1, x4"
        access  stp, LOAD, "stp x2, x3, [x0]"
        access  ldpsw, LOAD, "ldpsw x1, x4, [x0]; add x1, x1, x4"
        access  ldr-post, LOAD, "ldr x1, [x0], #8"
        access  str-pre, LOAD, "str x2, [x0, #8]!"
        access  ldtr, LOAD, "ldtr x1, [x0]"
        access  sttr, LOAD, "sttr x2, [x0]"
        access  ldtrb, LOAD, "ldtrb w1, [x0]"
        access  sttrh, LOAD, "sttrh w2, [x0]"
        access  ldar, ALIGNED, "ldar x1, [x0]"
        access  stlr, ALIGNED, "stlr x2, [x0]"
        access  ldxr, ALIGNED, "ldxr x1, [x0]"
        access  ldxr-stxr, ALIGNED, "ldxr x1, [x0]; stxr w1, x2, [x0]"
        access  ldxp-stxp, ALIGNED, "ldxp x1, x4, [x0]; stxp w1, x2, x3, [x0]"
        access  ldadd, ATOMIC, "ldadd x2, x1, [x0]"
        access  stset, ATOMIC, "stset x2, [x0]"
        access  swp, ATOMIC, "swp x2, x1, [x0]"
        access  cas, ATOMIC, "cas x1, x2, [x0]"
        access  casp, ATOMIC, "mov x4, #0; mov x5, #0; casp x4, x5, x2, x3, [x0]; mov x1, x4"
        access  dc-zva, ZERO, "dc zva, x0"
        access  prfm, LOAD, "prfm pldl1keep, [x0]"
        access  blr, FETCH, "blr x0"
        access  ret, FETCH, "ret x0"
        access  dc-zva+1, ZERO, "add x0, x0, #1; dc zva, x0"
        .section .rodata.accesses, "a"
accesses_end:

// Branches to x1 through the code at x0, which is `guarded_code` in the window.
        .section .text.mapped, "ax"
        .global hop
hop:    mov     x16, x1
        br      x0

// The end of an access to which it branches: what is written at the beginning of every page of the window.
        .global landed
landed: svc     #2

        .org    mapped + 0x1000         // an error if there is more than a page
        .balign 65536

// ---------------------------------------------------------------------------------------------------------------------
// Places to branch to and to branch from, 16 bytes each; copied into the window and not executed here.

        .section .rodata.guarded, "a"
        .balign 16
        .global guarded_code, guarded_code_end
guarded_code:
        .irp    landing, nop, bti, "bti c", "bti j", "bti jc", paciasp, pacibsp, "brk #1", "udf #0", "b . + 4"
        \landing
        svc     #3
        .balign 16
        .endr
        .irp    branch, "br x16", "br x17", "br x1", "blr x16", "blr x1", "ret x1"
        bti     jc
        mov     x17, x16
        \branch
        .balign 16
        .endr
guarded_code_end:

// ---------------------------------------------------------------------------------------------------------------------
// Going there and coming back.

        .text
        .global set_pan
set_pan:                                // void set_pan(bool)
        cbz     w0, 1f
        msr     pan, #1
        ret
1:      msr     pan, #0
        ret

        .equ    FRAME, 112
        .global enter
enter:                                  // void enter(struct entry *): ELR_ELx and SPSR_ELx are set
        stp     x19, x20, [sp, #-FRAME]!
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        str     x0, [sp, #96]
        ldr     x1, [x0, #8]
        ldr     x0, [x0]
        ldr     x2, =0x1122334455667788
        ldr     x3, =0x99aabbccddeeff00
        eret

// Every vector makes `enter` return. PSTATE.PAN may be set, as the access had it.
        .balign 2048
        .global access_vectors
access_vectors:
        .irp    offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
        .balign 128
        msr     pan, #0
        msr     uao, #0
        mov     x3, #\offset
        b       caught
        .endr
caught:
        ldr     x4, [sp, #96]
        stp     x0, x1, [x4]
        str     x3, [x4, #16]
        ldp     x29, x30, [sp, #80]
        ldp     x27, x28, [sp, #64]
        ldp     x25, x26, [sp, #48]
        ldp     x23, x24, [sp, #32]
        ldp     x21, x22, [sp, #16]
        ldp     x19, x20, [sp], #FRAME
        ret

// The first byte of what is written to, in a page of its own with any granule. Nothing else has initialised data.
        .data
        .balign 65536
        .global image_data
image_data:
        .space  16
