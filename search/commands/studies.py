"""`search best`, `search show`, `search export`, `search dashboard`: what a search has found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.commands.options import AsJson, Data
from search.commands.terminal import as_typed, new_table, next_steps, print_table, remark, say

if TYPE_CHECKING:
    from rich.table import Table

    from db.database import Database
    from db.details import MeasuredEnergy
    from db.rows import StudyRow, TrialSpec

Name = Annotated[str, typer.Option("--study", help="Name of the study.")]
Db = Annotated[str, typer.Option("--db", help="The record: a file or an SQLAlchemy URL.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="A trial's number, as `search best` prints it.")]


def best(
    study: Name = "search",
    db: Db = "lab.db",
    top: Annotated[int, typer.Option("--top", min=1, max=100_000, help="How many to print.")] = 10,
    front: Annotated[
        bool, typer.Option("--front", help="Those that no other beats in accuracy, energy and size at once.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw all trained networks and the front; a .png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prints the best trained networks of a study by reward, or its Pareto front; and what stopping has saved."""
    from db.database import open_database
    from db.studies import best_trials, find_study, list_trials
    from search.studies.front import draw_front, pareto_front

    with open_database(db, create=False) as database:
        row = find_study(database, study)
        trials = list_trials(database, row.study_id)
        if plot is not None:
            draw_front(row, trials, plot)
            say(f"{plot} has the picture")
        if as_json:
            chosen = pareto_front(trials) if front else best_trials(database, row.study_id, top)
            print_json(database, row, chosen)
        elif front:
            found = pareto_front(trials)
            n_trained = sum(trial.state == "trained" for trial in trials)
            title = f"Pareto front of {n_trained} networks trained to the end: accuracy, energy, size"
            print_table(_best_table(database, row, found, title))
            remark(_explained(row))
        else:
            print_best(database, row, top)
        if not as_json and (known := best_trials(database, row.study_id, 1)):
            typed = as_typed("search", "show", known[0].number + 1, study=row.name, db=db)
            next_steps(f"{typed}   # one network, block by block")


def dashboard(
    db: Db = "lab.db",
    storage: Annotated[
        str | None, typer.Option("--storage", help="Where trials live: an SQLAlchemy URL. [default: beside the record]")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On this computer only; 0: a free one.")] = 8080,
) -> None:
    """Opens Optuna's dashboard on the trials, for a browser on this computer; Ctrl-C ends it.

    Exit codes: 0 done; 2 the dashboard is not installed; 5 storage unusable, or the port is taken.
    """
    from search.studies.dashboard import serve_dashboard
    from search.studies.storage import default_url

    url = storage or default_url(db)
    serve_dashboard(url, port, lambda address: typer.echo(f"{address}   Ctrl-C ends it"))


def show(number: Number, study: Name = "search", db: Db = "lab.db", as_json: AsJson = False) -> None:
    """Prints one trial: its blocks as in the paper's Table 2, accuracies, energy and size."""
    from db.database import open_database
    from search.commands.space import architecture_table
    from search.networks.architecture import parse
    from search.studies.settings import StudySettings

    with open_database(db, create=False) as database:
        row, trial = _found(database, study, number)
        if as_json:
            print_json(database, row, [trial])
            return
        measured = _measured(database, row, trial)
    n_classes = StudySettings.from_plain(row.settings).n_classes
    print_table(architecture_table(parse(trial.architecture.text), n_classes))
    typer.echo("  ".join((f"study    {row.name}", *row.marks)))
    for name, text in [*_facts(trial), ("measured", measured)]:
        typer.echo(f"{name:<8} {text}")
    if trial.model is not None and not row.surrogate:
        typed = as_typed("search", "export", number, out="mine.tflite", study=row.name, db=db)
        next_steps(f"{typed}   # the file, and how it is run")


def export(
    number: Number,
    out: Annotated[Path, typer.Option("--out", help="The .tflite file to write.")],
    keras: Annotated[
        Path | None, typer.Option("--keras", help="Also as a Keras model in floating point: a .keras file to write.")
    ] = None,
    audioset: Data = None,
    study: Name = "search",
    db: Db = "lab.db",
) -> None:
    """Writes the int8 .tflite file of a trained trial, a card (same name, .md) and classify.py, which runs the file.

    The file carries classes, front-end and divisor in its metadata. Studies of AudioSet that a release up to 0.2 has
    begun do not know them: give --audioset.

    Exit codes: 0 done; 2 wrong usage, trial or data; 5 record unusable.
    """
    from db.database import open_database
    from search.studies.accuracy_source import DataRequest
    from search.studies.described_file import PROGRAM
    from search.studies.export import export_trial

    with open_database(db, create=False) as database:
        row, trial = _found(database, study, number)
        card = export_trial(database, row, trial, out, keras, DataRequest(audioset), say)
    typed = as_typed("python", out.with_name(PROGRAM), out, "SOUND.wav")
    say(f"{out} is written, with {card.name} (what it is) and {PROGRAM} (which runs it).")
    measured = as_typed("lab", "measure", out, db=db)
    next_steps(f"{measured}   # energy on the bench", f"{typed}   # what a recording is")


def print_json(db: Database, study: StudyRow, trials: list[TrialSpec]) -> None:
    """Trials for programs, with the names that columns of an export have; on stdout."""
    from db.details import measured_energies

    measured = measured_energies(db, [trial.model.sha256 for trial in trials if trial.model])
    plain = [_plain(trial, measured.get(trial.model.sha256) if trial.model else None) for trial in trials]
    marks = {"simulated": study.simulated, "synthetic": study.synthetic}
    typer.echo(json.dumps({"study": study.name, **marks, "trials": plain}, indent=2))


def _plain(trial: TrialSpec, measured: MeasuredEnergy | None) -> dict[str, Any]:
    return {
        "trial": trial.number + 1,
        "state": trial.state,
        "reward": trial.reward,
        "penalty": trial.penalty,
        "accuracy": trial.accuracy,
        "float_accuracy": trial.float_accuracy,
        "energy_mj": trial.energy_mj,
        "energy_low_mj": trial.energy_low_mj,
        "energy_high_mj": trial.energy_high_mj,
        "measured_energy_mj": measured.energy_mj if measured else None,
        "n_measured_visits": measured.n_visits if measured else 0,
        "model_sha256": trial.model.sha256 if trial.model else None,
        "size_bytes": trial.model.size_bytes if trial.model else None,
        "flops": trial.architecture.flops,
        "n_params": trial.architecture.n_params,
        "arch_hash": trial.architecture.hash,
        "arch_text": trial.architecture.text,
        "duration_s": trial.duration_s,
        "finished_utc": trial.finished_utc.isoformat(),
    }


def print_best(db: Database, study: StudyRow, n_rows: int) -> None:
    """The table of the best, on stdout."""
    from db.studies import best_trials, list_trials

    trials = list_trials(db, study.study_id)
    trained = [trial for trial in trials if trial.state == "trained"]
    title = f"Best of {len(trained)} networks trained to the end"
    print_table(_best_table(db, study, best_trials(db, study.study_id, n_rows), title))
    if trained:
        remark(_explained(study))
    n_stopped = len(trials) - len(trained)
    if n_stopped and trained:
        full_s = sum(t.duration_s for t in trained) / len(trained)
        spent_s = sum(t.duration_s for t in trials)
        saved = 1 - spent_s / (full_s * len(trials))
        remark(f"{n_stopped} of {len(trials)} trainings stopped early: {saved:.0%} of the compute saved")


def _explained(study: StudyRow) -> str:
    """What the columns mean, and which accuracy would be none."""
    from search.engine.reward import reward_named
    from search.studies.settings import StudySettings

    settings = StudySettings.from_plain(study.settings)
    reward = reward_named(settings.reward)
    of, chance = "", ""
    if settings.n_validation is not None and settings.chance_accuracy is not None:
        of = f" on {settings.n_validation:,} validation clips"
        chance = f"; to name the commonest class every time would give {settings.chance_accuracy:.1%}"
    source = "a surrogate's answer" if study.surrogate else f"of the int8 file{of}, float before quantization{chance}"
    return (
        f"accuracy: {source}. mJ: predicted energy of an inference. reward: accuracy less {reward.per_mj:.2g} for each "
        f"mJ above {reward.energy_limit_mj:g} and {reward.per_kb:.2g} for each kB above {reward.size_limit_kb:g}."
    )


def _best_table(db: Database, study: StudyRow, trials: list[TrialSpec], title: str) -> Table:
    from db.details import measured_energies
    from search.networks.architecture import parse
    from search.networks.count import count_graph
    from search.networks.graph import build_graph
    from search.studies.settings import StudySettings

    n_classes = StudySettings.from_plain(study.settings).n_classes
    measured = measured_energies(db, [trial.model.sha256 for trial in trials if trial.model])
    # Without a measured one, nothing says what a column of predictions is against.
    energies = ("mJ", "measured") if measured else ("mJ",)
    headers = ("trial", "reward", "accuracy", "float", *energies, "kB", "MFLOPs", "k params")
    table = new_table(f"{title}. {', '.join(study.marks)}".strip(), headers)
    for trial in trials:
        counted = count_graph(build_graph(parse(trial.architecture.text), n_classes)).total
        size = f"{trial.model.size_bytes / 1e3:.1f}" if trial.model else ""
        known = measured.get(trial.model.sha256) if trial.model else None
        energy = (f"{trial.energy_mj:.3g}", *((f"{known.energy_mj:.3g}" if known else "",) if measured else ()))
        table.add_row(
            str(trial.number + 1),
            f"{trial.reward:.4f}",
            f"{trial.accuracy or 0:.1%}",
            f"{trial.float_accuracy or 0:.1%}",
            *energy,
            size,
            f"{counted.flops / 1e6:.2f}",
            f"{counted.n_params / 1e3:.1f}",
        )
    return table


def _found(db: Database, study: str, number: int) -> tuple[StudyRow, TrialSpec]:
    from db.studies import find_study, list_trials
    from search.errors import TrialMissing

    row = find_study(db, study)
    trials = {trial.number + 1: trial for trial in list_trials(db, row.study_id)}
    if number not in trials:
        known = f"it has 1 to {max(trials)}" if trials else "it has none yet"
        raise TrialMissing(f"study {study} has no finished trial {number}", f"{known}; `search best` prints them")
    return row, trials[number]


def _measured(db: Database, study: StudyRow, trial: TrialSpec) -> str:
    from db.details import measured_energies

    known = measured_energies(db, [trial.model.sha256]) if trial.model else {}
    if trial.model is None or trial.model.sha256 not in known:
        typed = as_typed("lab", "measure", "--study", study.name, db=db.shown)
        return f"not yet: {typed} measures the best of the study"
    found = known[trial.model.sha256]
    mark = ", SIMULATED bench" if found.simulated else ""
    return f"{found.energy_mj:.4g} mJ, mean of {found.n_visits} visit{'s' if found.n_visits > 1 else ''}{mark}"


def _facts(trial: TrialSpec) -> list[tuple[str, str]]:
    course = f"{trial.number + 1}, {trial.state}, {trial.duration_s:.0f} s, accuracy taken {trial.n_evaluations} times"
    facts = [("trial", course)]
    if trial.accuracy is not None and trial.float_accuracy is not None:
        facts.append(("accuracy", f"{trial.accuracy:.2%} int8, {trial.float_accuracy:.2%} float (validation)"))
    energy = f"{trial.energy_mj:.3f} mJ predicted, interval {trial.energy_low_mj:.3f} to {trial.energy_high_mj:.3f}"
    facts.append(("energy", energy))
    if trial.model is not None:
        facts.append(("size", f"{trial.model.size_bytes / 1e3:.2f} kB"))
    free = "" if trial.penalty else " (energy and size are within their limits)"
    facts.append(("reward", f"{trial.reward:.4f}, penalty {trial.penalty:.4f}{free}"))
    facts.append(("text", trial.architecture.text))
    return facts
