"""`lab build`: writes .tflite files of networks, without measuring them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.terminal import as_typed, next_steps

if TYPE_CHECKING:
    from search.networks.network import Network
    from search.tflite.build import BuiltFile

_PAPER_LIMIT_BYTES = 60_000


def build(
    out: Annotated[Path, typer.Option("--out", help="Folder for the files; made if missing.")],
    n: Annotated[int | None, typer.Option("--n", min=1, help="How many architectures to sample.")] = None,
    space: Annotated[str, typer.Option("--space", help="Search space to sample: audio2d or audio1d.")] = "audio2d",
    option: Annotated[
        list[str] | None, typer.Option("--option", help="NAME=VALUE of the space; see `search space`. Repeatable.")
    ] = None,
    networks: Annotated[
        Path | None, typer.Option("--networks", help="Write the networks of this list instead: a line each, or CSV.")
    ] = None,
    baselines: Annotated[bool, typer.Option("--baselines", help="Write the paper's four baselines.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the sampling and of the weights.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that write; 0: this one.")] = 2,
) -> None:
    """Write int8 .tflite files with random weights, ready for `lab measure --models`.

    The same seed writes the same bytes, on any machine. Files are named by their content; index.csv says which is
    which. Run it again after an interruption: what is there is kept.

    Exit codes: 0 done; 2 wrong usage, or the folder cannot be written; 70 a defect of this program; 130 interrupted.
    """
    from search.tflite.build import build_files
    from search.tflite.network_list import write_index

    wanted = _wanted(n, space, option or [], networks, baselines, seed)
    started_s = time.perf_counter()
    try:
        files = list(_shown(build_files(wanted, seed, out, min(workers, len(wanted))), len(wanted)))
        index = write_index(out, zip(wanted, files, strict=True))
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. The files that are there are whole; the same command goes on.\n")
        raise typer.Exit(130) from None
    _report(files, index, time.perf_counter() - started_s)


def _wanted(
    n: int | None, space: str, options: list[str], listed: Path | None, baselines: bool, seed: int
) -> list[Network]:
    from search.errors import BadText
    from search.networks.baselines import BASELINES
    from search.networks.space import read_options
    from search.networks.spaces import SPACES, space_named
    from search.tflite.network_list import read_network_list

    sources = [name for name, given in (("--n", n), ("--networks", listed), ("--baselines", baselines)) if given]
    if len(sources) != 1:
        seen = f"{' and '.join(sources)} exclude each other" if sources else "nothing says what to write"
        raise BadText(seen, "give one of --n NUMBER, --networks FILE, --baselines")
    chosen = space_named(space)
    chosen_options = chosen.set_options(read_options(options))
    if n is None and (options or chosen is not SPACES[0]):
        raise BadText(f"--space and --option say nothing about {sources[0]}", "leave them out, or sample with --n")
    if baselines:
        return list(BASELINES)
    if listed is not None:
        return read_network_list(listed)
    return [*chosen.sample_unique(n or 0, seed, chosen_options)]


def _shown(files: Iterable[BuiltFile], n: int) -> Iterator[BuiltFile]:
    from rich.console import Console
    from rich.progress import track

    yield from track(files, "writing", total=n, console=Console(stderr=True), disable=not sys.stderr.isatty())


def _report(files: list[BuiltFile], index: Path, duration_s: float) -> None:
    from rich.console import Console
    from rich.markup import escape

    folder = escape(str(index.parent))
    sizes = sorted(file.size_bytes for file in files)
    small = sum(size < _PAPER_LIMIT_BYTES for size in sizes) / len(sizes)
    report = Console(stderr=True)
    noun = "file" if len(files) == 1 else "files"
    report.print(
        f"{len(files):,} {noun} in {folder}: {sizes[0] / 1e3:.1f} to {sizes[-1] / 1e3:.1f} kB, median "
        f"{sizes[len(sizes) // 2] / 1e3:.1f} kB, {small:.0%} below 60 kB",
        highlight=False,
    )
    report.print(
        f"{duration_s:.1f} s, {duration_s / len(files) * 1e3:.1f} ms a file; {escape(str(index))} lists them",
        highlight=False,
    )
    next_steps(f"{as_typed('lab', 'measure', index.parent)}   # measures them", beside_data=True)
