/* Modular powers of 128-bit numbers by Montgomery multiplication, put to use: Fermat's test and a key exchange. */

#include "runtime/io.h"

#include <stdbool.h>

typedef unsigned __int128 u128;

/* An odd modulus below 2^127, with what Montgomery's method derives from it. R is 2^128. */
struct modulus {
    u128 n;
    u128 r, r_squared; /* R and R^2, mod n */
    uint64_t inverse;  /* -1/n mod 2^64 */
};

static u128 add_mod(u128 a, u128 b, u128 n)
{
    u128 sum = a + b;
    return sum >= n ? sum - n : sum;
}

/* One limb's worth: t + a*b + q*n, divided by 2^64, where q makes the division exact. The result is below 2n. */
static u128 montgomery_step(u128 t, u128 a, uint64_t b, const struct modulus *m)
{
    uint64_t n0 = (uint64_t)m->n, n1 = (uint64_t)(m->n >> 64);
    u128 low = (u128)(uint64_t)a * b + (uint64_t)t;
    uint64_t q = (uint64_t)low * m->inverse;
    u128 carry = ((u128)q * n0 + (uint64_t)low) >> 64;
    u128 high = (u128)(uint64_t)(a >> 64) * b + (uint64_t)(t >> 64) + (uint64_t)(low >> 64);
    u128 middle = (u128)q * n1 + (uint64_t)high + carry;
    return (u128)(uint64_t)((high >> 64) + (middle >> 64)) << 64 | (uint64_t)middle;
}

/* a*b/R mod n. */
static u128 montgomery(u128 a, u128 b, const struct modulus *m)
{
    u128 t = montgomery_step(0, a, (uint64_t)b, m);
    t = montgomery_step(t, a, (uint64_t)(b >> 64), m);
    return t >= m->n ? t - m->n : t;
}

static struct modulus prepare(u128 n)
{
    struct modulus m = {.n = n, .inverse = 1};
    /* Newton's iteration doubles the number of correct low bits: 1, 2, 4 ... 64. */
    for (int bits = 1; bits < 64; bits *= 2)
        m.inverse *= 2 - (uint64_t)n * m.inverse;
    m.inverse = -m.inverse;

    u128 doubled = 1;
    for (int i = 0; i < 256; i++) {
        doubled = add_mod(doubled, doubled, n);
        if (i == 127)
            m.r = doubled;
    }
    m.r_squared = doubled;
    return m;
}

static u128 power(u128 base, u128 exponent, const struct modulus *m)
{
    u128 result = m->r; /* one, in Montgomery's form */
    u128 square = montgomery(base, m->r_squared, m);
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = montgomery(result, square, m);
        square = montgomery(square, square, m);
    }
    return montgomery(result, 1, m);
}

/* Fermat's little theorem to base 3: false proves n composite, true makes it very probably prime. */
static bool seems_prime(u128 n)
{
    struct modulus m = prepare(n);
    return power(3, n - 1, &m) == 1;
}

static void print_u128(const char *name, u128 value)
{
    print(name);
    print_hex((uint64_t)(value >> 64), 16);
    print_hex((uint64_t)value, 16);
    print("\n");
}

/* Diffie and Hellman's exchange: each side raises what the other published to its own secret. */
static bool keys_agree(void)
{
    struct modulus m = prepare(((u128)1 << 127) - 1);
    u128 alice = (u128)0x0123456789abcdef << 64 | 0xfedcba9876543210;
    u128 bob = (u128)0x0badc0ffee0ddf00 << 64 | 0xd15ea5e5ca1ab1e5;
    u128 from_alice = power(3, alice, &m), from_bob = power(3, bob, &m);
    u128 alices_key = power(from_bob, alice, &m), bobs_key = power(from_alice, bob, &m);
    print_u128("alice's key: ", alices_key);
    print_u128("bob's key:   ", bobs_key);
    return alices_key == bobs_key;
}

int main(void)
{
    static const uint8_t exponents[] = {61, 67, 89, 101, 107, 127};
    for (unsigned i = 0; i < sizeof exponents; i++) {
        print("2^");
        print_decimal(exponents[i]);
        print(seems_prime(((u128)1 << exponents[i]) - 1) ? "-1 seems prime\n" : "-1 is composite\n");
    }
    return keys_agree() ? 0 : 1;
}
