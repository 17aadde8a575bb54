/* LZ77 in a byte-oriented format: a text is compressed, expanded again, and compared with itself.
 *
 * A control byte below 0x80 means that many plus one literal bytes follow. From 0x80 up it is a match: its low
 * seven bits plus MIN_MATCH bytes, copied from a distance given by the next two bytes, low byte first.
 */

#include "runtime/io.h"

#include <stddef.h>
#include <string.h>

#define MIN_MATCH 4
#define MAX_MATCH (MIN_MATCH + 0x7f)
#define MAX_LITERALS 0x80
#define HASH_BITS 9

static unsigned hash(const uint8_t *p)
{
    uint32_t four = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return four * 2654435761u >> (32 - HASH_BITS);
}

static size_t match_length(const uint8_t *older, const uint8_t *newer, const uint8_t *end)
{
    size_t length = 0;
    while (newer + length < end && length < MAX_MATCH && older[length] == newer[length])
        length++;
    return length;
}

static uint8_t *put_literals(uint8_t *out, const uint8_t *from, const uint8_t *to)
{
    while (from < to) {
        size_t count = to - from < MAX_LITERALS ? (size_t)(to - from) : MAX_LITERALS;
        *out++ = (uint8_t)(count - 1);
        memcpy(out, from, count);
        out += count, from += count;
    }
    return out;
}

static uint8_t *put_match(uint8_t *out, size_t length, size_t distance)
{
    *out++ = (uint8_t)(0x80 + length - MIN_MATCH);
    *out++ = (uint8_t)distance;
    *out++ = (uint8_t)(distance >> 8);
    return out;
}

static size_t compress(const uint8_t *in, size_t size, uint8_t *out)
{
    const uint8_t *latest[1 << HASH_BITS] = {0}; /* where each hash was last seen */
    const uint8_t *end = in + size, *literals = in, *p = in;
    uint8_t *start = out;

    while (end - p >= MIN_MATCH) {
        const uint8_t **slot = &latest[hash(p)];
        const uint8_t *older = *slot;
        *slot = p;
        size_t length = older ? match_length(older, p, end) : 0;
        if (length < MIN_MATCH) {
            p++;
            continue;
        }
        out = put_literals(out, literals, p);
        out = put_match(out, length, (size_t)(p - older));
        literals = p += length;
    }
    return (size_t)(put_literals(out, literals, end) - start);
}

static size_t expand(const uint8_t *in, size_t size, uint8_t *out)
{
    const uint8_t *end = in + size;
    uint8_t *start = out;
    while (in < end) {
        size_t control = *in++;
        if (control < 0x80) {
            memcpy(out, in, control + 1);
            out += control + 1, in += control + 1;
            continue;
        }
        const uint8_t *older = out - (in[0] | in[1] << 8);
        in += 2;
        /* Byte by byte: a match may overlap the bytes it produces, which is how a run is coded. */
        for (size_t left = control - 0x80 + MIN_MATCH; left; left--)
            *out++ = *older++;
    }
    return (size_t)(out - start);
}

/* Adler-32 (RFC 1950). */
static uint32_t adler32(const uint8_t *p, size_t size)
{
    uint32_t a = 1, b = 0;
    for (; size; size--) {
        a = (a + *p++) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static const char *const LINES[] = {
    "Ten green bottles hanging on the wall,\n",
    "And if one green bottle should accidentally fall,\n",
    "There'll be fewer green bottles hanging on the wall.\n",
};

static size_t sing(uint8_t *to, int verses)
{
    uint8_t *start = to;
    for (int verse = 0; verse < verses; verse++)
        for (int line = 0; line < 4; line++)
            for (const char *c = LINES[line ? line - 1 : 0]; *c; c++)
                *to++ = (uint8_t)(*c == 'T' && line < 2 ? 'A' + verse : *c);
    return (size_t)(to - start);
}

static void report(const char *name, const uint8_t *data, size_t size)
{
    print(name);
    print_decimal(size);
    print(" bytes, adler32 ");
    print_hex(adler32(data, size), 8);
    print("\n");
}

int main(void)
{
    static uint8_t text[4096], packed[4096], unpacked[4096];
    size_t size = sing(text, 10);
    size_t packed_size = compress(text, size, packed);
    size_t unpacked_size = expand(packed, packed_size, unpacked);

    report("text:     ", text, size);
    report("packed:   ", packed, packed_size);
    report("unpacked: ", unpacked, unpacked_size);
    if (unpacked_size != size || memcmp(text, unpacked, size) != 0) {
        print("round trip failed\n");
        return 1;
    }
    print("round trip ok\n");
    return 0;
}
