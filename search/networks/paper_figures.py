"""What the paper prints: Tables 1 and 2 of Speckhard et al. (2023; arXiv 2202.05397). Facts to compare with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PrintedNetwork:
    """A row of Table 1; `..._sd` is the spread over five trainings or runs."""

    name: str
    energy_mj: float
    energy_sd_mj: float
    size_kb: float
    accuracy_percent: float
    accuracy_sd_percent: float
    latency_ms: float
    latency_sd_ms: float
    flops: float
    n_params: float


@dataclass(frozen=True)
class PrintedBlock:
    """A row of Table 2: FLOPs of a block, None for an Identity."""

    name: str
    flops: float | None


TABLE_1 = (
    PrintedNetwork("NAS-Bayesian", 1.30, 0.07, 51.22, 70.78, 0.78, 0.98, 0.00, 12.52e6, 23.95e3),
    PrintedNetwork("NAS-HyperFirefly", 1.27, 0.07, 53.61, 71.24, 0.88, 0.94, 0.00, 13.26e6, 24.94e3),
    PrintedNetwork("NAS-Bayesian-b'", 1.46, 0.08, 56.96, 70.89, 0.50, 1.07, 0.01, 10.95e6, 27.13e3),
    PrintedNetwork("NAS-HyperFirefly-b'", 1.72, 0.07, 45.10, 71.38, 0.82, 1.27, 0.01, 15.61e6, 19.70e3),
    PrintedNetwork("1D-NAS-Bayesian", 0.26, 0.01, 55.38, 67.04, 0.64, 0.22, 0.00, 6.43e6, 37.23e3),
    # The printed 0.99 ms must be about 9.9: at 13.90 mJ it would be 14 W.
    PrintedNetwork("MobileNetV2", 13.90, 1.41, 2717.83, 70.30, 0.40, 0.99, 0.04, 430.35e6, 2301.18e3),
    PrintedNetwork("MobileNetV1", 7.76, 0.71, 3422.62, 71.35, 1.23, 5.47, 0.01, 339.62e6, 3206.40e3),
    PrintedNetwork("TCResNet8-1.0", 0.20, 0.01, 78.69, 65.23, 1.04, 0.15, 0.01, 6.00e6, 66.37e3),
    PrintedNetwork("TCResNet14-1.5", 0.64, 0.06, 331.06, 65.91, 1.12, 0.43, 0.00, 26.24e6, 306.05e3),
)

TABLE_2_BLOCKS = (
    PrintedBlock("KxK", 1.6e6),
    PrintedBlock("1xK-Kx1-DW", 2.2e6),
    PrintedBlock("1xK-Kx1-DW", 3.8e6),
    PrintedBlock("MobileNetV1", 1.3e6),
    PrintedBlock("MobileNetV2-Avg-Pool", 1.4e6),
    PrintedBlock("MobileNetV2", 0.3e6),
    PrintedBlock("Identity", None),
    PrintedBlock("MobileNetV1", 0.2e6),
    PrintedBlock("MobileNetV2", 0.9e6),
    PrintedBlock("MobileNetV2", 0.4e6),
    PrintedBlock("Identity", None),
    PrintedBlock("MobileNetV1", 0.2e6),
)


def printed_network(name: str) -> PrintedNetwork:
    """The row of Table 1 of this name; KeyError when there is none."""
    for row in TABLE_1:
        if row.name == name:
            return row
    raise KeyError(name)
