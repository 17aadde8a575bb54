// Functions with arguments on the stack, and handlers of jprobes with the same signatures, as gcc compiles them.

#include <stdint.h>

void jprobe_return(void) __attribute__((noreturn));

uint64_t seen; // what a handler made of its arguments

// 4 arguments on the stack: 32 bytes.
__attribute__((noinline)) uint64_t some(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
                                        uint64_t g, uint64_t h, uint64_t i, uint64_t j, uint64_t k, uint64_t l)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l;
}

// 20 arguments on the stack: 160 bytes.
__attribute__((noinline)) uint64_t many(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
                                        uint64_t g, uint64_t h, uint64_t i, uint64_t j, uint64_t k, uint64_t l,
                                        uint64_t m, uint64_t n, uint64_t o, uint64_t p, uint64_t q, uint64_t r,
                                        uint64_t s, uint64_t t, uint64_t u, uint64_t v, uint64_t w, uint64_t x,
                                        uint64_t y, uint64_t z, uint64_t aa, uint64_t bb)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m +
           14 * n + 15 * o + 16 * p + 17 * q + 18 * r + 19 * s + 20 * t + 21 * u + 22 * v + 23 * w + 24 * x + 25 * y +
           26 * z + 27 * aa + 28 * bb;
}

// A callee owns its arguments on the stack: these handlers write there, as compilers do.
#define ZERO(argument) __asm__ volatile("str xzr, %0" : "=m"(argument))

void some_handler(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h,
                  uint64_t i, uint64_t j, uint64_t k, uint64_t l)
{
    seen = a + b + c + d + e + f + g + h + i + j + k + l;
    ZERO(i); ZERO(j); ZERO(k); ZERO(l);
    jprobe_return();
}

void many_handler(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h,
                  uint64_t i, uint64_t j, uint64_t k, uint64_t l, uint64_t m, uint64_t n, uint64_t o, uint64_t p,
                  uint64_t q, uint64_t r, uint64_t s, uint64_t t, uint64_t u, uint64_t v, uint64_t w, uint64_t x,
                  uint64_t y, uint64_t z, uint64_t aa, uint64_t bb)
{
    seen = a + b + c + d + e + f + g + h;
    ZERO(i); ZERO(j); ZERO(k); ZERO(l); ZERO(m); ZERO(n); ZERO(o); ZERO(p); ZERO(q); ZERO(r); ZERO(s); ZERO(t);
    ZERO(u); ZERO(v); ZERO(w); ZERO(x); ZERO(y); ZERO(z); ZERO(aa); ZERO(bb);
    jprobe_return();
}

// The callers: they have a frame record, above their arguments for others.
uint64_t call_some(uint64_t a)
{
    return some(a, a, a, a, a, a, a, a, a, a, a, a) + 1;
}

uint64_t call_many(uint64_t a)
{
    return many(a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a) + 1;
}

int main(void)
{
    return (int)(call_some(1) + call_many(1));
}
