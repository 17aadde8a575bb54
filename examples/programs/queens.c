/* The n-queens problem by bit masks: how many ways n queens fit on an n x n board, none attacking another. */

#include "runtime/io.h"

#define LARGEST 9

/* Columns and diagonals under attack in the current row, one bit a column. */
struct attacks {
    unsigned columns, left, right;
};

static unsigned free_columns(struct attacks a, unsigned all)
{
    return all & ~(a.columns | a.left | a.right);
}

static struct attacks next_row(struct attacks a, unsigned queen)
{
    return (struct attacks){a.columns | queen, (a.left | queen) << 1, (a.right | queen) >> 1};
}

static unsigned solutions(struct attacks a, unsigned all)
{
    if (a.columns == all)
        return 1;
    unsigned count = 0;
    for (unsigned free = free_columns(a, all); free; free &= free - 1)
        count += solutions(next_row(a, free & -free), all);
    return count;
}

/* Put the first solution found into `queens`, a column mask for each row; false if this branch has none. */
static int place(struct attacks a, unsigned all, unsigned *queens)
{
    if (a.columns == all)
        return 1;
    for (unsigned free = free_columns(a, all); free; free &= free - 1) {
        *queens = free & -free;
        if (place(next_row(a, *queens), all, queens + 1))
            return 1;
    }
    return 0;
}

static void print_board(const unsigned *queens, int size)
{
    for (int row = 0; row < size; row++) {
        for (int column = 0; column < size; column++)
            print(queens[row] >> column & 1 ? " Q" : " .");
        print("\n");
    }
}

int main(void)
{
    for (int n = 1; n <= LARGEST; n++) {
        print_decimal((uint64_t)n);
        print(": ");
        print_decimal(solutions((struct attacks){0}, (1u << n) - 1));
        print("\n");
    }

    unsigned queens[8];
    if (!place((struct attacks){0}, 0xff, queens))
        return 1;
    print_board(queens, 8);
    return 0;
}
