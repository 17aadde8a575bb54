// bytecode(count): an interpreter of a small bytecode, dispatching by a table of handlers. The bytecode it runs counts
// the steps by which Collatz's rule brings the numbers from 1 to `count` down to 1.
//
// An instruction is four bytes: an operation, and a, b, c, which are variables of 64 bits or numbers.

        .equ    HALT, 0                 // return a
        .equ    SET, 1                  // a = number b
        .equ    MOVE, 2                 // a = b
        .equ    ADD, 3                  // a = b + c
        .equ    SUB, 4
        .equ    MUL, 5
        .equ    AND, 6
        .equ    SHR, 7                  // a = b >> number c
        .equ    JUMP, 8                 // go to instruction number b
        .equ    JZ, 9                   // go to b if a is zero
        .equ    JNZ, 10

        .global bytecode
bytecode:
        adr     x1, program
        adr     x2, handlers
        ldr     x3, =variables
        str     x0, [x3]                // variable 0
        mov     x4, x1                  // the next instruction
next:   ldr     w5, [x4], #4
        and     w6, w5, #0xff
        ldrsw   x6, [x2, x6, lsl #2]
        add     x6, x6, x2
        ubfx    w7, w5, #8, #8          // a
        ubfx    w8, w5, #16, #8         // b
        lsr     w9, w5, #24             // c
        br      x6

halt:   ldr     x0, [x3, x7, lsl #3]
        ret
move:   ldr     x8, [x3, x8, lsl #3]
set:    str     x8, [x3, x7, lsl #3]
        b       next
plus:   ldr     x8, [x3, x8, lsl #3]
        ldr     x9, [x3, x9, lsl #3]
        add     x8, x8, x9
        str     x8, [x3, x7, lsl #3]
        b       next
minus:  ldr     x8, [x3, x8, lsl #3]
        ldr     x9, [x3, x9, lsl #3]
        sub     x8, x8, x9
        str     x8, [x3, x7, lsl #3]
        b       next
times:  ldr     x8, [x3, x8, lsl #3]
        ldr     x9, [x3, x9, lsl #3]
        mul     x8, x8, x9
        str     x8, [x3, x7, lsl #3]
        b       next
both:   ldr     x8, [x3, x8, lsl #3]
        ldr     x9, [x3, x9, lsl #3]
        and     x8, x8, x9
        str     x8, [x3, x7, lsl #3]
        b       next
shift:  ldr     x8, [x3, x8, lsl #3]
        lsr     x8, x8, x9
        str     x8, [x3, x7, lsl #3]
        b       next
jz:     ldr     x7, [x3, x7, lsl #3]
        cbz     x7, jump
        b       next
jnz:    ldr     x7, [x3, x7, lsl #3]
        cbz     x7, next
jump:   add     x4, x1, x8, lsl #2
        b       next

        .balign 4
handlers:
        .word   halt - handlers, set - handlers, move - handlers, plus - handlers, minus - handlers, times - handlers
        .word   both - handlers, shift - handlers, jump - handlers, jz - handlers, jnz - handlers

program:
        .byte   SET, 2, 0, 0            // 0: the steps
        .byte   SET, 3, 1, 0
        .byte   SET, 5, 3, 0
        .byte   MOVE, 1, 0, 0           // 3: the next number
        .byte   SUB, 4, 1, 3            // 4: is it 1?
        .byte   JZ, 4, 14, 0
        .byte   AND, 4, 1, 3            // or odd?
        .byte   JZ, 4, 11, 0
        .byte   MUL, 1, 1, 5            // then three times as much, and one
        .byte   ADD, 1, 1, 3
        .byte   JUMP, 0, 12, 0
        .byte   SHR, 1, 1, 1            // 11: else half of it
        .byte   ADD, 2, 2, 3            // 12
        .byte   JUMP, 0, 4, 0
        .byte   SUB, 0, 0, 3            // 14
        .byte   JNZ, 0, 3, 0
        .byte   HALT, 2, 0, 0

        .bss
        .balign 8
variables:
        .space  6 * 8
