/* A small printf: flags '-' and '0', width, and the conversions %d %u %x %c %s %p %%, with 'l' for 64 bits. */

#include "runtime/io.h"

#include <stdarg.h>
#include <stdbool.h>

struct conversion {
    bool left, zero, wide;
    int width;
    char kind;
};

static const char *parse(const char *format, struct conversion *to)
{
    *to = (struct conversion){0};
    for (;; format++) {
        if (*format == '-')
            to->left = true;
        else if (*format == '0')
            to->zero = true;
        else
            break;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        to->width = to->width * 10 + *format - '0';
    for (; *format == 'l'; format++)
        to->wide = true;
    to->kind = *format;
    return format + 1;
}

static int length(const char *text)
{
    int count = 0;
    while (text[count])
        count++;
    return count;
}

static void repeat(char c, int times)
{
    while (times-- > 0)
        print_char(c);
}

/* Print sign and body padded to the width: zeros go between the two, blanks around them. */
static int print_padded(struct conversion how, const char *sign, const char *body)
{
    int used = length(sign) + length(body);
    int padding = how.width > used ? how.width - used : 0;
    bool zeros = how.zero && !how.left;

    if (!how.left && !zeros)
        repeat(' ', padding);
    print(sign);
    if (zeros)
        repeat('0', padding);
    print(body);
    if (how.left)
        repeat(' ', padding);
    return used + padding;
}

static const char *digits(uint64_t value, unsigned base, char buffer[21])
{
    char *at = buffer + 20;
    *at = '\0';
    do
        *--at = "0123456789abcdef"[value % base];
    while (value /= base);
    return at;
}

static int print_signed(struct conversion how, int64_t value)
{
    char buffer[21];
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    return print_padded(how, value < 0 ? "-" : "", digits(magnitude, 10, buffer));
}

static int print_unsigned(struct conversion how, const char *prefix, uint64_t value, unsigned base)
{
    char buffer[21];
    return print_padded(how, prefix, digits(value, base, buffer));
}

static int print_conversion(struct conversion how, va_list *arguments)
{
    char one[2] = {0};
    switch (how.kind) {
    case 'd':
        return print_signed(how, how.wide ? va_arg(*arguments, int64_t) : va_arg(*arguments, int32_t));
    case 'u':
        return print_unsigned(how, "", how.wide ? va_arg(*arguments, uint64_t) : va_arg(*arguments, uint32_t), 10);
    case 'x':
        return print_unsigned(how, "", how.wide ? va_arg(*arguments, uint64_t) : va_arg(*arguments, uint32_t), 16);
    case 'p':
        return print_unsigned(how, "0x", (uint64_t)va_arg(*arguments, void *), 16);
    case 's':
        return print_padded(how, "", va_arg(*arguments, const char *));
    case 'c':
        one[0] = (char)va_arg(*arguments, int);
        return print_padded(how, "", one);
    default:
        one[0] = how.kind;
        return print_padded(how, "", one);
    }
}

/* The number of characters printed, as in C. */
__attribute__((format(printf, 1, 2))) static int small_printf(const char *format, ...)
{
    int printed = 0;
    va_list arguments;
    va_start(arguments, format);
    while (*format) {
        if (*format != '%') {
            print_char(*format++);
            printed++;
            continue;
        }
        struct conversion how;
        format = parse(format + 1, &how);
        printed += print_conversion(how, &arguments);
    }
    va_end(arguments);
    return printed;
}

static unsigned collatz_steps(uint64_t n)
{
    unsigned steps = 0;
    for (; n != 1; steps++)
        n = n % 2 ? 3 * n + 1 : n / 2;
    return steps;
}

int main(void)
{
    small_printf("[%d] [%5d] [%-5d] [%05d]\n", 42, -42, 42, -42);
    small_printf("[%u] [%x] [%08x] [%lx]\n", 4294967295u, 48879u, 48879u, 0xfedcba9876543210ul);
    small_printf("[%ld] [%ld]\n", INT64_MAX, INT64_MIN);
    small_printf("[%s] [%8s] [%-8s] [%c] [%3c] [100%%]\n", "text", "right", "left", 'c', 'd');
    small_printf("[%p] [%d %d %d %d %d %d %d %d %d]\n", (void *)0x40100000, 1, 2, 3, 4, 5, 6, 7, 8, 9);

    int printed = 0;
    for (uint64_t n = 27; n <= 35; n += 2)
        printed += small_printf("collatz(%lu) = %3u steps\n", n, collatz_steps(n));
    small_printf("%d characters\n", printed);
    return 0;
}
