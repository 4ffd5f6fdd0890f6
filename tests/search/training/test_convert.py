"""Sizes of the TFLite converter's stripped files against the paper's Table 1."""

from __future__ import annotations

import pytest

from search.networks.baselines import BASELINES, Baseline
from search.networks.graph import build_graph
from search.networks.layers import Graph
from search.networks.paper_figures import printed_network
from search.networks.spaces import TABLE_2
from search.training.convert import converted_file

BYTES_PER_KB = 1000
BASELINE_TOLERANCE = 0.002
TABLE_2_TOLERANCE = 0.02


def expect_size(title: str, graph: Graph, tolerance: float) -> None:
    size_kb = len(converted_file(graph, seed=1)) / BYTES_PER_KB
    paper_kb = printed_network(title).size_kb
    print(f"{title}: {size_kb:.2f} kB, paper {paper_kb:.2f} kB, {size_kb / paper_kb - 1:+.2%}")
    assert size_kb == pytest.approx(paper_kb, rel=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("baseline", BASELINES, ids=lambda each: each.name)
def test_the_baselines_have_the_papers_sizes(baseline: Baseline) -> None:
    expect_size(baseline.title, baseline.graph, BASELINE_TOLERANCE)


@pytest.mark.slow
def test_table_2_has_the_papers_size() -> None:
    expect_size("NAS-Bayesian", build_graph(TABLE_2), TABLE_2_TOLERANCE)
