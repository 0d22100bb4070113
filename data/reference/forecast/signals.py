"""Noise of the generated series: the sum of four draws of a small linear congruential generator."""
import numpy as np


def noise(count, seed):
    state, out = seed, []
    for _ in range(count):
        total = 0.0
        for _ in range(4):
            state = (1103515245 * state + 12345) % 2**31
            total += state / 2**31 - 0.5
        out.append(total)
    return np.array(out)
