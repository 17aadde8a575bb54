// patching(rounds): a loop that writes one of its own instructions anew in each round, and makes it seen as the
// architecture asks ("Synchronization and coherency issues between data and instruction accesses").

        .global patching
patching:
        adr     x1, patched
        ldr     w2, template
        mov     x3, #0
1:      and     w4, w0, #0xfff
        orr     w4, w2, w4, lsl #10     // template, with another number
        str     w4, [x1]
        dc      cvau, x1
        dsb     ish
        ic      ivau, x1
        dsb     ish
        isb
patched:
        add     x3, x3, #0
        eor     x3, x3, x3, lsl #7
        subs    x0, x0, #1
        b.ne    1b
        mov     x0, x3
        ret

template:
        add     x3, x3, #0
