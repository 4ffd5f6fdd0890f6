"""`search supernet`: a weight-sharing supernet, trained once, and sub-networks picked from it for any budget."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.commands.exits import BAD_INPUT, INTERRUPTED
from search.commands.options import (
    DEFAULT_PREDICTOR,
    AsJson,
    Budget,
    Data,
    Predictor,
    Recording,
    Seed,
    Sounds,
    Space,
)
from search.commands.terminal import as_typed, new_table, next_steps, print_table, remark, say

if TYPE_CHECKING:
    from search.studies.sub_networks import OpenedSupernet, Picker
    from search.supernet.checkpoint import SupernetDescription
    from search.supernet.picking import Pick

app = typer.Typer(no_args_is_help=True, help="A weight-sharing supernet: train once, pick for every energy budget.")

DEFAULT_FOLDER = Path("supernet")
FRONT_MJ = (0.75, 1.0, 1.25, 1.5, 2.0)
_SAID_EVERY = 20

Folder = Annotated[Path, typer.Option("--supernet", help="Folder of the supernet.")]
Passes = Annotated[int, typer.Option("--passes", min=1, max=100_000, help="Passes over the training clips in all.")]
Device = Annotated[str, typer.Option("--device", help="Where PyTorch computes: cpu, cuda, cuda:1, ...")]
Energies = Annotated[
    list[float],
    typer.Option("--energy-mj", min=0.0, help="Energy per inference at most; give several, for a pick each."),
]
Memory = Annotated[float | None, typer.Option("--memory-kb", min=0.0, help="Size of the file at most, kB.")]
Latency = Annotated[
    float | None, typer.Option("--latency-ms", min=0.0, help="Latency at most, as predicted by --latency-model.")
]
LatencyModel = Annotated[
    Path | None,
    typer.Option("--latency-model", help="Folder that `lab fit-rf --target latency_ms --out FOLDER` has written."),
]
Scores = Annotated[
    int, typer.Option("--scores", min=1, help="Sub-networks that the shared weights are asked about, for each budget.")
]


@app.command()
def train(
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the supernet; one that is begun there goes on.")
    ] = DEFAULT_FOLDER,
    space: Space = "audio2d",
    budget: Budget = "quick",
    passes: Passes = 30,
    seed: Seed = 1,
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    device: Device = "cpu",
) -> None:
    """Trains a supernet whose parts are all architectures of a space: the sandwich rule with in-place distillation.

    It is kept after every pass over the clips: the same command goes on after Ctrl-C or kill -9, to the same weights on
    the same machine.

    Exit codes: 0 done; 2 wrong usage, data, or a supernet of others; 130 interrupted.
    """
    from search.networks.spaces import space_named
    from search.studies.accuracy_source import DataRequest, load_data
    from search.studies.budget import budget_named
    from search.supernet import checkpoint
    from search.supernet.recipe import SupernetRecipe
    from search.supernet.torch_framework import check_device
    from search.supernet.training import SupernetTraining, begun

    space_named(space)
    check_device(device)
    data = load_data(DataRequest(audioset, sounds, recording), budget_named(budget).clips, say)
    wanted, arrays = begun(space, data, budget, SupernetRecipe(n_epochs=passes), seed), None
    if checkpoint.is_there(out):
        kept = checkpoint.load(out)
        checkpoint.check_same(out, kept.description, wanted)
        wanted, arrays = kept.description, kept.arrays
    training = SupernetTraining(wanted, data, arrays, device)
    try:
        _run(training, out)
    except KeyboardInterrupt:
        say(f"Stopped; {training.description.n_epochs_done} passes are kept, and the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
    done = training.description
    say(f"{out}: a supernet of {space}, {done.n_epochs_done} passes in {done.trained_s / 60:.1f} min")
    next_steps(f"{as_typed('search', 'supernet', 'front', supernet=_named(out))}   # what can be had for which energy")


@app.command()
def pick(
    energy_mj: Energies,
    memory_kb: Memory = None,
    latency_ms: Latency = None,
    latency_model: LatencyModel = None,
    supernet: Folder = DEFAULT_FOLDER,
    predictor: Predictor = DEFAULT_PREDICTOR,
    scores: Scores = 60,
    seed: Seed = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder: finish each pick with int8 training and write its .tflite.")
    ] = None,
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Picks the best sub-network for each energy budget, without training; with --out it is finished to an int8 file.

    Exit codes: 0 done; 2 wrong usage, data, predictor or supernet, or nothing within a budget; 130 interrupted.
    """
    from search.supernet.picking import EnergyBudget

    if latency_ms is not None and latency_model is None:
        raise typer.BadParameter("--latency-ms needs a predictor of latency: --latency-model FOLDER")
    picker = _picker(supernet, predictor, latency_model, (audioset, sounds, recording), device)
    picks = [picker.pick(EnergyBudget(mj, memory_kb, latency_ms), scores, seed) for mj in energy_mj]
    _print_picks(picker, picks, as_json)
    if out is not None:
        _finish(picker.supernet, picks, out, seed)
        next_steps(f"{as_typed('lab', 'measure', out)}   # energies on the bench", beside_data=as_json)
    elif not as_json:
        _say_finish(picks[0], supernet)


@app.command()
def front(
    energy_mj: Annotated[
        list[float] | None,
        typer.Option("--energy-mj", min=0.0, help="A budget; give several. [default: 0.75, 1, 1.25, 1.5, 2]"),
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw accuracy over energy; a .png.")] = None,
    supernet: Folder = DEFAULT_FOLDER,
    predictor: Predictor = DEFAULT_PREDICTOR,
    scores: Scores = 60,
    seed: Seed = 1,
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Shared-weight accuracy against energy: a pick for each of several budgets; what is out of reach is said.

    Exit codes: as `search supernet pick`.
    """
    from search.errors import BudgetTooSmall
    from search.supernet.picking import EnergyBudget
    from search.supernet.picture import draw_picks

    picker = _picker(supernet, predictor, None, (audioset, sounds, recording), device)
    picks = []
    for mj in energy_mj or FRONT_MJ:
        try:
            picks.append(picker.pick(EnergyBudget(mj), scores, seed))
        except BudgetTooSmall as error:
            say(f"{mj:g} mJ: {error.problem}")
    if not picks:
        raise typer.Exit(BAD_INPUT)
    if plot is not None:
        draw_picks(picks, ", ".join(picker.marks), plot)
        say(f"{plot} has the picture")
    _print_picks(picker, picks, as_json)
    if not as_json:
        _say_finish(picks[0], supernet)


@app.command()
def audit(
    table: Annotated[Path, typer.Option("--table", help="Stand-alone trainings, as `search trainings` writes them.")],
    supernet: Folder = DEFAULT_FOLDER,
    fewest: Annotated[int, typer.Option("--fewest", min=1, help="Trainings that an architecture must have.")] = 1,
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Whether shared weights rank networks rightly: Kendall's tau with the accuracy of networks trained alone.

    Beside it what the noise of trainings leaves possible, and what FLOPs and parameters alone would give.

    Exit codes: 0 done; 2 wrong usage, data, table or supernet.
    """
    from search.studies.accuracy_source import DataRequest
    from search.studies.sub_networks import audit_ranks, open_supernet

    opened = open_supernet(supernet, DataRequest(audioset, sounds, recording), device, say)
    found = audit_ranks(opened, table, fewest, _say_scored)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=2))
        return
    title = f"Kendall tau with the accuracy of {found.n_architectures} networks that were trained alone"
    headers = ("ranked by", "float", "95% interval", "int8", "95% of int8")
    printed = new_table(", ".join((title, *opened.marks)), headers, left=("ranked by",))
    for one, other in zip(found.float_taus, found.int8_taus, strict=True):
        cells = [part for tau in (one, other) for part in (f"{tau.tau:.3f}", f"{tau.low:.2f} to {tau.high:.2f}")]
        printed.add_row(one.name, *cells)
    printed.add_row("a figure without error", f"{found.float_ceiling:.3f}", "", f"{found.int8_ceiling:.3f}", "")
    print_table(printed)
    remark(
        f"Of {found.n_trainings} trainings. tau 1: the order is right throughout, 0: it says nothing. The last row is "
        "what the noise from training to training leaves to any figure."
    )


def _run(training: Any, out: Path) -> None:
    """All passes that are left, each kept before the next."""
    from search.supernet import checkpoint

    while not training.description.is_finished:
        began_s = time.monotonic()
        loss = training.run_pass()
        took_s = time.monotonic() - began_s
        trained_s = training.description.trained_s + took_s
        training.description = dataclasses.replace(training.description, trained_s=trained_s)
        checkpoint.save(out, training.checkpoint())
        _say_pass(training.description, loss, took_s)


def _picker(
    folder: Path,
    predictor: Path,
    latency_model: Path | None,
    data: tuple[Path | None, Path | None, str | None],
    device: str,
) -> Picker:
    from search.studies.accuracy_source import DataRequest
    from search.studies.sub_networks import open_picker, open_supernet

    return open_picker(open_supernet(folder, DataRequest(*data), device, say), predictor, latency_model)


def _print_picks(picker: Picker, picks: list[Pick], as_json: bool) -> None:
    if as_json:
        marks = {"simulated": picker.energy.simulated, "synthetic": picker.supernet.description.synthetic}
        typer.echo(json.dumps({**marks, "picks": [_plain(one) for one in picks]}, indent=2))
        return
    headers = ("budget", "mJ", "kB", "accuracy", "scored", "architecture")
    table = new_table(", ".join(("Picked without training", *picker.marks)), headers, left=("architecture",))
    for one in picks:
        table.add_row(
            one.budget.text, f"{one.energy_mj:.3g}", f"{one.size_bytes / 1e3:.1f}", f"{one.score.accuracy:.1%}",
            str(one.n_scored), one.architecture.architecture_hash[:8],
        )  # fmt: skip
    print_table(table)
    remark(
        "mJ: predicted energy of an inference. accuracy: in floating point, with the supernet's weights and no "
        "training of its own, on the validation split. scored: sub-networks that were tried within the budget."
    )
    for one in picks:
        typer.echo(f"{one.architecture.architecture_hash[:8]}  {one.architecture.text}")


def _plain(one: Pick) -> dict[str, Any]:
    return {
        "budget": dataclasses.asdict(one.budget),
        "energy_mj": one.energy_mj,
        "size_bytes": one.size_bytes,
        "shared_accuracy": one.score.accuracy,
        "shared_loss": one.score.loss,
        "n_scored": one.n_scored,
        "arch_hash": one.architecture.architecture_hash,
        "arch_text": one.architecture.text,
    }


def _finish(supernet: OpenedSupernet, picks: list[Pick], out: Path, seed: int) -> None:
    from search.studies.sub_networks import finish

    marks = "".join(f"{mark} " for mark in supernet.marks)
    for one in picks:
        done = finish(supernet, one, out, seed, say)
        say(
            f"{marks}{done.path}: int8 {done.accuracy:.1%} on validation, {done.test_accuracy:.1%} on test; float, as "
            f"it was picked, {done.float_accuracy:.1%}"
        )


def _say_finish(one: Pick, supernet: Path) -> None:
    mj = f"{one.budget.energy_mj:g}"
    typed = as_typed("search", "supernet", "pick", "--energy-mj", mj, out="picked", supernet=_named(supernet))
    next_steps(f"{typed}   # finished to an int8 file")


def _named(folder: Path) -> Path | None:
    return None if folder == DEFAULT_FOLDER else folder


def _say_pass(description: SupernetDescription, loss: float, took_s: float) -> None:
    left = description.recipe.n_epochs - description.n_epochs_done
    mark = "SYNTHETIC " if description.synthetic else ""
    say(
        f"{mark}pass {description.n_epochs_done}/{description.recipe.n_epochs}  loss of the largest {loss:.3f}  "
        f"{took_s:.0f} s, about {left * took_s / 60:.0f} min left"
    )


def _say_scored(done: int, n: int) -> None:
    if done == n or done % _SAID_EVERY == 0:
        say(f"{done} of {n} networks scored")
