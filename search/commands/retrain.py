"""`search retrain`, `search compare`: final accuracies of the best, beside baselines and the paper's Table 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.exits import INTERRUPTED
from search.commands.options import (
    DEFAULT_PREDICTOR,
    AsJson,
    Budget,
    Data,
    Db,
    OldEffort,
    Recording,
    Sounds,
    under_old_name,
)
from search.commands.terminal import as_typed, new_table, next_steps, print_table, say

if TYPE_CHECKING:
    from db.database import Database
    from db.rows import RetrainingSpec
    from search.networks.network import Network
    from search.studies.comparison import ComparedNetwork
    from search.studies.final_training import FinalRetrainer

Networks = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NETWORK]...", help="table2, a baseline, or an architecture's text."),
]
Study = Annotated[str | None, typer.Option("--study", help="Take the best networks of this study.")]
Top = Annotated[int, typer.Option("--top", min=1, max=1000, help="How many of the study.")]
Baselines = Annotated[bool, typer.Option("--baselines", help="MobileNetV1, MobileNetV2 and both TC-ResNets too.")]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Trainings of each, from different seeds.")]
Out = Annotated[Path | None, typer.Option("--out", help="A folder for a .tflite file of each: for `lab measure`.")]
Export = Annotated[
    Path | None,
    typer.Option("--export", help="A folder for a .tflite file of each that says how it is run, and classify.py."),
]
Predictor = Annotated[Path, typer.Option("--predictor", help="Folder that `lab fit-rf` has written.")]


def retrain(
    networks: Networks = None,
    study: Study = None,
    top: Top = 1,
    baselines: Baselines = False,
    repeats: Repeats = 5,
    budget: Budget = "quick",
    audioset: Data = None,
    sounds: Sounds = None,
    recording: Recording = None,
    out: Out = None,
    export: Export = None,
    db: Db = "lab.db",
    predictor: Predictor = DEFAULT_PREDICTOR,
    effort: OldEffort = None,
    as_json: AsJson = False,
) -> None:
    """Trains networks again, a third longer than a trial and several times, and judges them by the unseen test split.

    What has been retrained already is not trained again, so the same command goes on after an interruption.

    Exit codes: 0 done; 2 wrong usage, data or study; 5 record unusable; 130 interrupted.
    """
    from db.database import open_database
    from search.studies.accuracy_source import DataRequest, load_data
    from search.studies.budget import budget_named
    from search.studies.clock import StudyClock
    from search.studies.files import networks_dir
    from search.studies.final_training import FinalRetrainer
    from search.training.trainer import train

    training_budget = budget_named(under_old_name(budget, effort, "--effort", "--budget", "quick"))
    request = DataRequest(audioset, sounds, recording)
    # A record that is not there has no study.
    with open_database(db, create=study is None) as database:
        chosen = _chosen(database, networks or [], study, top, baselines)
        data = load_data(request, training_budget.clips, say)
        files_dir, recipe = networks_dir(database), training_budget.recipe
        retrainer = FinalRetrainer(database, files_dir, data, recipe, StudyClock.of_this_machine(), train, _print_line)
        try:
            retrainer.run(chosen, repeats, lambda: False)
        except KeyboardInterrupt:
            say("Stopped; what was finished is kept, and the same command goes on.")
            raise typer.Exit(INTERRUPTED) from None
        if out is not None:
            _hand_out(retrainer, chosen, out, db)
        if export is not None:
            _export(retrainer, chosen, export)
        _print_comparison(database, predictor, as_json)


def compare(db: Db = "lab.db", predictor: Predictor = DEFAULT_PREDICTOR, as_json: AsJson = False) -> None:
    """Prints all retrained networks as the paper's Table 1 does, and its figures beside them.

    Energies and latencies are those of the bench where it has measured one of the network's files.

    Exit codes: as `search retrain`.
    """
    from db.database import open_database

    with open_database(db, create=False) as database:
        _print_comparison(database, predictor, as_json)


def _chosen(db: Database, names: list[str], study: str | None, top: int, baselines: bool) -> list[Network]:
    from db.studies import best_trials, find_study
    from search.errors import NothingChosen
    from search.networks.architecture import parse
    from search.networks.baselines import BASELINES
    from search.networks.network import read_network_name

    chosen: list[Network] = [read_network_name(name) for name in names]
    if study is not None:
        best = best_trials(db, find_study(db, study).study_id, top)
        chosen += [parse(trial.architecture.text) for trial in best]
    if baselines:
        chosen += BASELINES
    if not chosen:
        raise NothingChosen("no network to retrain", "name one, or give --study NAME, or --baselines")
    return list({network.text: network for network in chosen}.values())


def _hand_out(retrainer: FinalRetrainer, networks: list[Network], out: Path, db: str) -> None:
    """Writes the file of the first repeat of each network."""
    from search.studies.files import copy_file

    files = {row.network_text: row.model.name for row in retrainer.finished() if row.seed == 1}
    for network in networks:
        name = _short_name(network.text, network.architecture_hash)
        copy_file(retrainer.files_dir / files[network.text], out / f"{name}.tflite")
    say(f"{len(networks)} {'file is' if len(networks) == 1 else 'files are'} written to {out}.")
    next_steps(
        f"{as_typed('lab', 'measure', out, db=db)}   # energy on the bench",
        f"{as_typed('search', 'compare', db=db)}   # all in one table",
    )


def _export(retrainer: FinalRetrainer, networks: list[Network], out: Path) -> None:
    """Writes the first repeat of each network with its description, and the program that runs it."""
    from search.networks.network import graph_of
    from search.studies.described_file import PROGRAM, write_described
    from search.studies.files import read_file

    files = {row.network_text: row.model.name for row in retrainer.finished() if row.seed == 1}
    for network in networks:
        path = out / f"{_short_name(network.text, network.architecture_hash)}.tflite"
        graph = graph_of(network, retrainer.data.n_classes)
        tflite = read_file(retrainer.files_dir / files[network.text])
        write_described(tflite, graph, retrainer.data.description, path, say)
        say(f"{path} is written.")
        next_steps(f"{as_typed('python', out / PROGRAM, path, 'SOUND.wav')}   # what a recording is")


def _print_comparison(db: Database, predictor: Path, as_json: bool) -> None:
    from predictor.artefact import is_predictor, load
    from search.costs import PredictedCosts
    from search.engine.reward import REWARDS
    from search.studies.comparison import compared_networks

    costs = space = None
    if is_predictor(predictor):
        saved = load(predictor)
        costs, space = PredictedCosts(saved.predictor, REWARDS[0]), saved.arch_space
    compared = compared_networks(db, costs, space)
    if as_json:
        _print_json(compared, costs.simulated if costs else None)
        return
    if not compared:
        say("nothing has been retrained yet: search retrain --study NAME --baselines")
        return
    marks = [compared[0].data]
    if any(each.measured and each.measured.simulated for each in compared) or (costs and costs.simulated):
        marks.append("energies SIMULATED")
    _print_table_1(compared, "; ".join(marks))


def _print_json(compared: list[ComparedNetwork], predictor_simulated: bool | None) -> None:
    """The networks for programs, with the names that `search best --json` has; accuracies are of the test split."""
    networks = [
        {
            "network": each.title,
            "text": each.network.text,
            "arch_hash": each.network.architecture_hash,
            "baseline": each.is_baseline,
            "test_accuracies": each.test_accuracies,
            "accuracies": each.accuracies,
            "float_accuracy": each.float_accuracy,
            "energy_mj": each.predicted_mj,
            "measured_energy_mj": each.measured.energy_mj if each.measured else None,
            "measured_latency_ms": each.measured.latency_ms if each.measured else None,
            "measured_simulated": each.measured.simulated if each.measured else None,
            "size_bytes": each.size_bytes,
            "flops": each.flops,
            "n_params": each.n_params,
        }
        for each in compared
    ]
    marks = {"simulated": predictor_simulated, "synthetic": compared[0].synthetic if compared else None}
    data = compared[0].data if compared else None
    typer.echo(json.dumps({"data": data, **marks, "networks": networks}, indent=2))


def _print_table_1(compared: list[ComparedNetwork], marks: str) -> None:
    from search.networks.paper_figures import TABLE_1
    from search.studies.comparison import spread_percent

    title = f"As Table 1 of Speckhard et al. (2023), whose figures stand below ours.\n{marks}"
    headers = ("network", "test, %", "of", "pred.\nmJ", "bench\nmJ", "ms", "kB", "MFLOPs", "k\nparams")
    table = new_table(title, headers, ("network",))
    # The longest name and the largest figures stand unbroken in 80 columns.
    table.padding, table.pad_edge = (0, 0, 0, 0), False
    for each in compared:
        predicted = "" if each.predicted_mj is None else f"{each.predicted_mj:.2f}"
        energy, latency = "", ""
        if each.measured:
            energy, latency = f"{each.measured.energy_mj:.2f}", f"{each.measured.latency_ms:.2f}"
        counts = (f"{each.size_bytes / 1e3:.1f}", f"{each.flops / 1e6:.1f}", f"{each.n_params / 1e3:.1f}")
        accuracy, n_repeats = spread_percent(each.test_accuracies), str(len(each.test_accuracies))
        table.add_row(each.title, accuracy, n_repeats, predicted, energy, latency, *counts)
    table.add_section()
    for row in TABLE_1:
        accuracy = f"{row.accuracy_percent:.2f} ± {row.accuracy_sd_percent:.2f}"
        counts = (f"{row.size_kb:.1f}", f"{row.flops / 1e6:.1f}", f"{row.n_params / 1e3:.1f}")
        table.add_row(row.name, accuracy, "5", "", f"{row.energy_mj:.2f}", f"{row.latency_ms:.2f}", *counts)
    print_table(table)


def _short_name(text: str, digest: str) -> str:
    """The text where it is a name, the beginning of its hash where it is an architecture's."""
    return text if len(text) < 40 else digest[:12]


def _print_line(row: RetrainingSpec) -> None:
    name = _short_name(row.network_text, row.network_hash)
    say(f"{name} seed {row.seed}: test {row.test_accuracy:.1%}, validation {row.accuracy:.1%}, {row.duration_s:.0f} s")
