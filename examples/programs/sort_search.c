/* Quicksort and binary search over pseudo-random numbers, each checked against a slower way of knowing. */

#include "runtime/io.h"

#define COUNT 1500
#define SEARCHES 300

/* Numerical Recipes' linear congruential generator; the high bits are the random ones. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

/* Hoare's quicksort of the half-open range [low, high): recurse into the shorter part, loop over the longer. */
static void quicksort(uint32_t *low, uint32_t *high)
{
    while (high - low > 1) {
        uint32_t pivot = low[(high - low) / 2];
        uint32_t *i = low, *j = high - 1;
        while (i <= j) {
            while (*i < pivot)
                i++;
            while (pivot < *j)
                j--;
            if (i <= j)
                swap(i++, j--);
        }
        if (j - low < high - i) {
            quicksort(low, j + 1);
            low = i;
        } else {
            quicksort(i, high);
            high = j + 1;
        }
    }
}

/* Index of the first element that is not less than `key`; `count` if there is none. */
static int lower_bound(const uint32_t *sorted, int count, uint32_t key)
{
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (sorted[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void print_counted(const char *name, uint64_t value)
{
    print(name);
    print_decimal(value);
    print("\n");
}

int main(void)
{
    static uint32_t numbers[COUNT];
    uint32_t seed = 2026, sum_before = 0, sum_after = 0;
    for (int i = 0; i < COUNT; i++)
        sum_before += numbers[i] = next_random(&seed) % 5000;

    quicksort(numbers, numbers + COUNT);

    int disorder = 0;
    for (int i = 0; i < COUNT; i++) {
        sum_after += numbers[i];
        disorder += i > 0 && numbers[i - 1] > numbers[i];
    }

    int found = 0;
    for (int i = 0; i < SEARCHES; i++) {
        uint32_t key = next_random(&seed) % 5000;
        int at = lower_bound(numbers, COUNT, key);
        found += at < COUNT && numbers[at] == key;
    }

    print_counted("sorted:    ", COUNT);
    print_counted("least:     ", numbers[0]);
    print_counted("median:    ", numbers[COUNT / 2]);
    print_counted("most:      ", numbers[COUNT - 1]);
    print_counted("found:     ", (uint64_t)found);
    print_counted("lost:      ", sum_before - sum_after);
    print_counted("misplaced: ", (uint64_t)disorder);
    return disorder != 0 || sum_before != sum_after;
}
