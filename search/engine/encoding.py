"""A search space as Optuna's distributions, and as rows of numbers.

One CategoricalDistribution per block position, named b01, b02, ...; its choices are the blocks' texts in the order of
the space. Samplers work on codes: an int64 row with the index of the chosen block at each position.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution  # noqa: TID253

from search.errors import OutsideSpace
from search.networks.architecture import Architecture
from search.networks.space import Space

Codes = NDArray[np.int64]
"""(n_positions,), or (n, n_positions): indices of blocks."""


def parameter_name(ordinal: int) -> str:
    """The name of a block's parameter; ordinal counts from 1."""
    return f"b{ordinal:02d}"


def params_of(architecture: Architecture) -> dict[str, str]:
    """An architecture's blocks as the parameters of a trial; its options are the study's and not among them."""
    return {parameter_name(i): block.text for i, block in enumerate(architecture.blocks, start=1)}


@dataclass(frozen=True)
class Encoding:
    """A space with its options chosen, as parameters and codes.

    Attributes:
        options: of every architecture of the study; the space's defaults if empty.
    """

    space: Space
    options: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", self.space.set_options(dict(self.options)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters, from input to output."""
        return tuple(parameter_name(i) for i in range(1, len(self.space.positions) + 1))

    @cached_property
    def n_options(self) -> NDArray[np.int64]:
        """How many blocks are allowed at each position, (n_positions,)."""
        return np.array(self.space.n_options, dtype=np.int64)

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """For `study.ask`, and for whatever reads the study."""
        return {
            name: CategoricalDistribution([block.text for block in position.blocks])
            for name, position in zip(self.names, self.space.positions, strict=True)
        }

    @cached_property
    def _code_by_text(self) -> tuple[dict[str, int], ...]:
        return tuple({block.text: i for i, block in enumerate(p.blocks)} for p in self.space.positions)

    def codes(self, params: Mapping[str, object]) -> Codes:
        """Parameters as codes.

        Raises:
            OutsideSpace: not the parameters of this space.
        """
        if params.keys() != set(self.names):
            odd = ", ".join(sorted(params.keys() ^ set(self.names)))
            raise OutsideSpace(
                f"parameters that are missing or too many for {self.space.name}: {odd}",
                "use a study that was made for this space",
            )
        codes = np.empty(len(self.names), dtype=np.int64)
        for i, name in enumerate(self.names):
            code = self._code_by_text[i].get(str(params[name]))
            if code is None:
                raise OutsideSpace(
                    f"{name} is {params[name]}, which {self.space.name} does not have there",
                    f"block {i + 1} allows {self.space.positions[i].text}",
                )
            codes[i] = code
        return codes

    def params(self, codes: Codes) -> dict[str, str]:
        """Codes as parameters."""
        positions = zip(self.names, self.space.positions, codes.tolist(), strict=True)
        return {name: position.blocks[code].text for name, position, code in positions}

    def architecture(self, params: Mapping[str, object]) -> Architecture:
        """The architecture of these parameters; OutsideSpace as `codes`."""
        return self.decoded(self.codes(params))

    def decoded(self, codes: Codes) -> Architecture:
        """The architecture of these codes."""
        pairs = zip(self.space.positions, codes.tolist(), strict=True)
        return Architecture(self.space.name, tuple(position.blocks[code] for position, code in pairs), self.options)

    def random(self, rng: np.random.Generator, n: int | None = None) -> Codes:
        """Uniform codes: one row, or n rows."""
        shape = None if n is None else (n, len(self.names))
        return rng.integers(0, self.n_options, size=shape)

    def neighbours(self, codes: Codes) -> Codes:
        """All rows that differ from `codes` in exactly one position, (sum of options - positions, positions)."""
        rows = []
        for i, n in enumerate(self.n_options.tolist()):
            others = [code for code in range(n) if code != codes[i]]
            block = np.repeat(codes[np.newaxis], len(others), axis=0)
            block[:, i] = others
            rows.append(block)
        return np.concatenate(rows)

    def in_order_from(self, codes: Codes) -> Iterator[tuple[int, ...]]:
        """Every row of the space once, lazily, `codes` first: each position counts up from its code, round its end."""
        turned = [
            [(start + step) % n for step in range(n)]
            for start, n in zip(codes.tolist(), self.n_options.tolist(), strict=True)
        ]
        return itertools.product(*turned)


def key(codes: Codes) -> tuple[int, ...]:
    """A row of codes as something that sets and dictionaries hold."""
    return tuple(codes.tolist())
