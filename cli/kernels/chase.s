// chase(hops): make a ring of 1024 nodes, each linked to one far away, and follow the links; the values on the way,
// added. A node is the address of the next one and a value, 64 bits each.

        .equ    NODES, 1024

        .global chase
chase:  ldr     x1, =nodes
        mov     x2, #0
        mov     x3, #405                // i -> (405 * i + 277) % 1024 comes through all of them
1:      mov     x4, #277
        madd    x4, x2, x3, x4
        and     x4, x4, #NODES - 1
        add     x4, x1, x4, lsl #4
        mul     x5, x2, x2
        add     x6, x1, x2, lsl #4
        stp     x4, x5, [x6]
        add     x2, x2, #1
        cmp     x2, #NODES
        b.ne    1b

        mov     x2, #0
2:      ldr     x3, [x1, #8]
        ldr     x1, [x1]
        add     x2, x2, x3
        subs    x0, x0, #1
        b.ne    2b
        mov     x0, x2
        ret

        .bss
        .balign 16
nodes:  .space  NODES * 16
