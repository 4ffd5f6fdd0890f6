"""An architecture as a value: blocks and options, with one text, one hash and one flat table of parameters.

The first thing in the flow: spaces draw these values, the graph and the .tflite file follow from them, the
database keeps text and hash, and the predictor sees the flat parameters as columns. Knows no space.

The text is one line without blanks, safe to paste into a shell:

    audio2d,dw_stride=after_pointwise,KxK:5:8,1xK-Kx1-DW:3:24,Identity,...

that is the space's name, its options in alphabetical order, then a block each as type:kernel:filters.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from search.errors import BadText
from search.networks.blocks import BlockType

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")
_OPTION_PREFIX = "option_"
_TEXT_HINT = "write SPACE,OPTION=VALUE,TYPE:KERNEL:FILTERS,...; `search space` prints what a space allows"


@dataclass(frozen=True, order=True)
class Block:
    """One block: its kind, kernel size K and number of output filters; Identity has 0 and 0."""

    type: BlockType
    kernel: int
    filters: int

    def __post_init__(self) -> None:
        if self.type is BlockType.IDENTITY:
            if (self.kernel, self.filters) != (0, 0):
                raise BadText(f"an Identity block with kernel {self.kernel}, filters {self.filters}", "give it 0 and 0")
        elif self.kernel < 1 or self.filters < 1:
            raise BadText(
                f"a {self.type} block with kernel {self.kernel}, filters {self.filters}",
                "both must be at least 1",
            )

    @property
    def text(self) -> str:
        """`TYPE:KERNEL:FILTERS`, or `Identity`."""
        if self.type is BlockType.IDENTITY:
            return self.type.value
        return f"{self.type.value}:{self.kernel}:{self.filters}"


IDENTITY = Block(BlockType.IDENTITY, 0, 0)


@dataclass(frozen=True)
class Architecture:
    """A network of a space.

    Attributes:
        space: the space's name, which fixes input, strides and head.
        blocks: from input to output.
        options: (name, value) pairs of the space's options; kept in alphabetical order.
    """

    space: str
    blocks: tuple[Block, ...]
    options: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.options]
        for word in (self.space, *names, *(value for _, value in self.options)):
            if not _NAME.fullmatch(word):
                raise BadText(f"{word!r} is not a name", "names have lower-case letters, digits and _")
        if len(set(names)) != len(names):
            raise BadText(f"an option is given twice: {', '.join(names)}", "give each option once")
        object.__setattr__(self, "options", tuple(sorted(self.options)))

    @property
    def text(self) -> str:
        """The canonical line; `parse` reads it back."""
        options = (f"{name}={value}" for name, value in self.options)
        return ",".join((self.space, *options, *(block.text for block in self.blocks)))

    @property
    def architecture_hash(self) -> str:
        """sha256 of the text, 64 hexadecimal digits: the same on every machine and in every release."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()

    def option(self, name: str) -> str:
        """The value of an option; KeyError when the architecture does not state it."""
        return dict(self.options)[name]

    def to_params(self) -> dict[str, str | int]:
        """Flat named parameters: the same keys for all architectures of one space.

        Returns:
            `space`, `option_NAME` per option, and per block `b01_type`, `b01_kernel`, `b01_filters`, ...
        """
        params: dict[str, str | int] = {"space": self.space}
        params.update({_OPTION_PREFIX + name: value for name, value in self.options})
        for ordinal, block in enumerate(self.blocks, start=1):
            params[f"b{ordinal:02d}_type"] = block.type.value
            params[f"b{ordinal:02d}_kernel"] = block.kernel
            params[f"b{ordinal:02d}_filters"] = block.filters
        return params


def parse(text: str) -> Architecture:
    """Reads the canonical text form.

    Raises:
        BadText: not such a text; names the part that cannot be read.
    """
    space, *parts = text.strip().split(",")
    n_options = next((i for i, part in enumerate(parts) if "=" not in part), len(parts))
    options = []
    for part in parts[:n_options]:
        name, _, value = part.partition("=")
        options.append((name, value))
    return Architecture(space, tuple(_parse_block(part) for part in parts[n_options:]), tuple(options))


def _parse_block(text: str) -> Block:
    if text == BlockType.IDENTITY.value:
        return IDENTITY
    fields = text.split(":")
    if len(fields) != 3 or not all(_COUNT.fullmatch(field) for field in fields[1:]):
        raise BadText(f"{text!r} is not a block", _TEXT_HINT)
    return _make_block(fields[0], int(fields[1]), int(fields[2]))


def _make_block(type_name: str, kernel: int, filters: int) -> Block:
    try:
        return Block(BlockType(type_name), kernel, filters)
    except ValueError as error:
        types = ", ".join(kind.value for kind in BlockType)
        raise BadText(f"{type_name}:{kernel}:{filters} is not a block", f"{_TEXT_HINT}; types: {types}") from error
