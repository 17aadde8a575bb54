// fibonacci(n): the n-th Fibonacci number by its definition, each call with a stack frame as compilers make them.

        .global fibonacci
fibonacci:
        cmp     x0, #2
        b.lo    1f
        stp     x29, x30, [sp, #-32]!
        mov     x29, sp
        stp     x19, x20, [sp, #16]
        mov     x19, x0
        sub     x0, x0, #1
        bl      fibonacci
        mov     x20, x0
        sub     x0, x19, #2
        bl      fibonacci
        add     x0, x0, x20
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #32
1:      ret
