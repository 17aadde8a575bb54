// strings(length): write a text of that length, find its length, copy it with its terminator, and find the length of
// the copy; all but the writing byte by byte. Returns that length, and below it the last character copied.

        .equ    SIZE, 4 << 20           // of a buffer: a text, its terminator and up to 7 bytes more

        .global strings
strings:
        ldr     x1, =text
        ldr     x2, =copy
        ldr     x3, =0x6867666564636261 // "abcdefgh", as often as it takes
        add     x4, x1, x0
        mov     x5, x1
1:      str     x3, [x5], #8
        cmp     x5, x4
        b.lo    1b
        strb    wzr, [x4]

        mov     x4, x1                  // strlen(text)
1:      ldrb    w5, [x4], #1
        cbnz    w5, 1b
        sub     x0, x4, x1              // one more than the length

        mov     x4, x2                  // memcpy(copy, text, length + 1)
1:      ldrb    w5, [x1], #1
        strb    w5, [x4], #1
        subs    x0, x0, #1
        b.ne    1b

        mov     x4, x2                  // strlen(copy)
1:      ldrb    w5, [x4], #1
        cbnz    w5, 1b
        ldurb   w5, [x4, #-2]
        sub     x0, x4, x2
        sub     x0, x0, #1
        orr     x0, x5, x0, lsl #8
        ret

        .bss
        .balign 8
text:   .space  SIZE
copy:   .space  SIZE
