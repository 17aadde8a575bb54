/*
 * A spinlock with the atomic instructions of FEAT_LSE. One CPU plays both sides: main takes and gives the lock, and an
 * exception handler plays the other CPU, which now and then holds the lock when main wants it.
 * Statistics need no lock: STADD counts without one, and STUMAX keeps a maximum.
 */

        .equ    UARTDR, 0x09000000
        .equ    SYS_EXIT, 0x18
        .equ    ZERO, 0x30              // ASCII
        .equ    NEWLINE, 0x0a
        .equ    ROUNDS, 100

        .text
        .global _start
_start:
        ldr     x0, =stack_top
        mov     sp, x0
        adr     x0, vectors
        msr     vbar_el1, x0
        isb
        adr     x19, lock
        adr     x20, counter
        mov     x21, #ROUNDS
        adr     x22, contended
        adr     x23, longest
        mov     w24, #1                 // what a taken lock holds

next:   tst     x21, #3                 // every fourth round the other CPU is faster
        b.ne    1f
        str     w24, [x19]
1:      bl      acquire
        ldr     x0, [x20]
        add     x0, x0, #1
        str     x0, [x20]
        bl      release
        subs    x21, x21, #1
        b.ne    next

        adr     x0, counter_text
        ldr     x1, [x20]
        bl      print_line
        adr     x0, contended_text
        ldr     x1, [x22]
        bl      print_line
        adr     x0, longest_text
        ldr     x1, [x23]
        bl      print_line
        adr     x0, lock_text
        ldr     w1, [x19]
        bl      print_line

        mov     x0, #SYS_EXIT
        adr     x1, exit_block
        hlt     #0xf000

// Take the lock at x19. Acquire: nothing after it is done before the lock is ours.
acquire:
        mov     x1, #0                  // times this call found it taken
1:      mov     w0, #0
        casa    w0, w24, [x19]          // if it holds 0, store 1; w0 is what it held
        cbz     w0, 2f
        add     x1, x1, #1
        mov     x2, #1
        stadd   x2, [x22]
        svc     #0                      // let the other CPU work; if there were one, this would be WFE
        b       1b
2:      stumax  x1, [x23]
        ret

// Give it back. Release: everything before it is done before the lock is free.
release:
        swpl    wzr, w0, [x19]
        ret

// The other CPU. Every third time it is asked, it counts and releases the lock it holds.
// It uses x14 to x17, which nothing else does.
handler:
        adr     x14, asked
        mov     x15, #1
        ldadd   x15, x16, [x14]
        add     x16, x16, #1
        mov     x17, #3
        udiv    x15, x16, x17
        msub    x15, x15, x17, x16
        cbnz    x15, 1f
        mov     x15, #1
        stadd   x15, [x20]
        swpl    wzr, w15, [x19]
1:      eret

// Print the text at x0, the number x1 in decimal, and end the line. Uses x2 to x7.
print_line:
        ldr     x2, =UARTDR
1:      ldrb    w3, [x0], #1
        cbz     w3, 2f
        str     w3, [x2]
        b       1b
2:      mov     x4, sp                  // digits come last first: keep them below the stack pointer
        mov     x5, #10
3:      udiv    x6, x1, x5
        msub    x7, x6, x5, x1
        add     w7, w7, #ZERO
        strb    w7, [x4, #-1]!
        mov     x1, x6
        cbnz    x1, 3b
        mov     x6, sp
4:      ldrb    w7, [x4], #1
        str     w7, [x2]
        cmp     x4, x6
        b.ne    4b
        mov     w7, #NEWLINE
        str     w7, [x2]
        ret

// Only one vector is used: synchronous, from EL1 with its own stack pointer.
        .balign 2048
vectors:
        .space  0x200
        b       handler
        .balign 2048

counter_text:   .asciz  "counter:    "
contended_text: .asciz  "contended:  "
longest_text:   .asciz  "longest:    "
lock_text:      .asciz  "lock:       "

        .data
        .balign 8
counter:        .quad   0
contended:      .quad   0               // times the lock was found taken
longest:        .quad   0               // times in one acquire
asked:          .quad   0               // times the other CPU was asked to let go
lock:           .word   0

        .balign 8
exit_block:     .quad   0x20026, 0      // ADP_Stopped_ApplicationExit, exit status

        .bss
        .balign 16
stack:          .space  256
stack_top:
