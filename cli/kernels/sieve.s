// sieve(limit): how many primes there are below it, by the sieve of Eratosthenes with a byte for each number.

        .equ    SIZE, 16 << 20

        .global sieve
sieve:  ldr     x1, =flags
        mov     x2, #0
1:      str     xzr, [x1, x2]           // nothing is known to be composite
        add     x2, x2, #8
        cmp     x2, x0
        b.lo    1b

        mov     x3, #0                  // primes found
        mov     w4, #1
        mov     x2, #2
        b       4f
2:      ldrb    w5, [x1, x2]
        cbnz    w5, 3f
        add     x3, x3, #1
        mul     x6, x2, x2              // smaller multiples have a smaller factor
        b       6f
5:      strb    w4, [x1, x6]
        add     x6, x6, x2
6:      cmp     x6, x0
        b.lo    5b
3:      add     x2, x2, #1
4:      cmp     x2, x0
        b.lo    2b
        mov     x0, x3
        ret

        .bss
        .balign 8
flags:  .space  SIZE
