# Planted answers to lab 02, each in a cell of its own. A wrong one must lose exactly the points it
# says; a right one, however it goes about it, must keep them all.

# %% 2.2 wrong, loses 2: forgets the last place
def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    return (n + 2 * padding - dilation_rate * (kernel_size - 1) - 1) // strides


# %% 2.2 right: rounds with math.floor
import math


def output_size(n, kernel_size, strides=1, padding=0, dilation_rate=1):
    room = n + 2 * padding - dilation_rate * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError("does not fit")
    return math.floor(room / strides) + 1
