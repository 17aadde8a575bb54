/*
 * A spinlock with load- and store-exclusive. One CPU plays both sides: main takes and gives the lock, and an exception
 * handler plays the other CPU, which now and then holds the lock when main wants it.
 * A reservation does not outlive an exception: the last lines show the store-exclusive that fails for it.
 */

        .equ    UARTDR, 0x09000000
        .equ    SYS_EXIT, 0x18
        .equ    ZERO, 0x30              // ASCII
        .equ    NEWLINE, 0x0a
        .equ    ROUNDS, 100
        .equ    SVC_OTHER, 0            // let the other CPU work: it counts, and releases the lock it holds
        .equ    SVC_NOTHING, 1          // an exception that does nothing

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
        mov     x22, #0                 // times the lock was found taken
        mov     w23, #1                 // what a taken lock holds

next:   tst     x21, #3                 // every fourth round the other CPU is faster
        b.ne    1f
        str     w23, [x19]
1:      bl      acquire
        ldr     x0, [x20]
        add     x0, x0, #1
        str     x0, [x20]
        bl      release
        subs    x21, x21, #1
        b.ne    next

        ldaxr   w0, [x19]
        svc     #SVC_NOTHING
        stxr    w24, w23, [x19]         // 1: not stored

        adr     x0, counter_text
        ldr     x1, [x20]
        bl      print_line
        adr     x0, contended_text
        mov     x1, x22
        bl      print_line
        adr     x0, failed_text
        mov     x1, x24
        bl      print_line
        adr     x0, lock_text
        ldr     w1, [x19]
        bl      print_line

        mov     x0, #SYS_EXIT
        adr     x1, exit_block
        hlt     #0xf000

// Take the lock at x19. Load-acquire: nothing after it is done before the lock is ours.
acquire:
        ldaxr   w0, [x19]
        cbnz    w0, 1f
        stxr    w0, w23, [x19]
        cbnz    w0, acquire             // somebody came between the two
        ret
1:      clrex
        add     x22, x22, #1
        svc     #SVC_OTHER              // with a second CPU this would be WFE
        b       acquire

// Give it back. Store-release: everything before it is done before the lock is free.
release:
        stlr    wzr, [x19]
        ret

// The other CPU. It uses x16 and x17, which nothing else does.
handler:
        mrs     x16, esr_el1
        tst     x16, #0xffff            // the SVC's immediate
        b.ne    1f
        ldr     x17, [x20]
        add     x17, x17, #1
        str     x17, [x20]
        stlr    wzr, [x19]
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
failed_text:    .asciz  "store-exclusive after an exception: "
lock_text:      .asciz  "lock:       "

        .data
        .balign 8
counter:        .quad   0
lock:           .word   0

        .balign 8
exit_block:     .quad   0x20026, 0      // ADP_Stopped_ApplicationExit, exit status

        .bss
        .balign 16
stack:          .space  256
stack_top:
