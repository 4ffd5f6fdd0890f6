"""Measurements with a known truth, for the tests of the predictor."""

from __future__ import annotations

import numpy as np

from predictor.table import ENERGY, FeatureTable, Measurements


def made_rows(
    n: int = 200, *, seed: int = 0, noise_frac: float = 0.03, repeat_frac: float = 0.2, simulated: bool = False
) -> Measurements:
    """n architectures of two numbers and a category; energy = 0.2 + width * depth / 10 (+ 0.3 for kind b).

    A share is visited twice. Latency is energy without noise, over 1.3 W.
    """
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(n), np.arange(round(repeat_frac * n))])
    width, depth = rng.uniform(1, 4, n), rng.integers(1, 6, n).astype(np.float64)
    kind = np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
    true_mj = 0.2 + width * depth / 10 + 0.3 * (kind == "b")
    energies_mj = true_mj[groups] * (1 + noise_frac * rng.normal(size=len(groups)))
    features = FeatureTable.of(
        {"kind": kind[groups], "width": width[groups], "depth": depth[groups], "flops": (width * depth)[groups] * 1e6},
        {"width": "size", "depth": "size", "flops": "size"},
    )
    return Measurements(
        features=features, target=ENERGY, values=energies_mj, groups=groups,
        row_ids=np.arange(1, len(groups) + 1), latencies_ms=true_mj[groups] / 1.3,
        provenance={"phone_serial": "98AY"}, simulated=simulated,
    )  # fmt: skip
