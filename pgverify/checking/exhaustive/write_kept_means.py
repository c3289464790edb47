"""`make catalogue-means`: computes the expectations of the catalogue on the standard suite, and writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive.catalogue_means import exact_mean
from pgverify.checking.exhaustive.kept_means import FILE, KeptQuestion, everything_asked
from pgverify.suites.standard import standard_suite
from pgverify.validation import Array


def computed(asked: KeptQuestion) -> Float[Array, "d"] | None:
    """Return an expectation computed anew; None where there is none, or where it is no vector of finite numbers."""
    problem = next(entry.problem for entry in standard_suite() if entry.name == asked.problem)
    try:
        mean = exact_mean(asked.function, problem, asked.batch_size, asked.ordered, asked.alone)
    except Exception:  # whatever it trips over where it does not apply
        return None
    size = (len(problem.policy.parameters),)
    return mean if mean is not None and mean.shape == size and np.isfinite(mean).all() else None


def write(file: Path = FILE) -> int:
    """Write all of them; return how many."""
    keys, values = [], []
    for asked in everything_asked():
        mean = computed(asked)
        keys.append(asked.key)
        values.append(np.zeros(0) if mean is None else np.asarray(mean, dtype=np.float64))
    ends = np.cumsum([len(mean) for mean in values])
    np.savez_compressed(file, keys=np.array(keys), ends=ends, values=np.concatenate(values))
    return len(keys)


if __name__ == "__main__":
    print(f"{write()} expectations in {FILE}")
