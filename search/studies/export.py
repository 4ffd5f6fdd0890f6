"""A trained network, taken out of a study: a .tflite file that says how it is run, a program that does, and a card."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from db.database import Database
from db.rows import StudyRow, TrialSpec
from search.audio.front_end import DataDescription
from search.audio.synthetic_data import default_cache_dir, load_synthetic, size_of_name
from search.errors import BuildFailed, DataBroken, DataMissing, TrialMissing
from search.networks.architecture import parse
from search.networks.count import count_graph
from search.networks.graph import build_graph
from search.networks.layers import Graph
from search.studies.accuracy_source import DataRequest, Say, load_data
from search.studies.budget import BUDGETS
from search.studies.described_file import PROGRAM, facts_of, write_described
from search.studies.files import networks_dir, read_file, write_file
from search.studies.settings import StudySettings
from search.tflite.reader import read_network

_RETRAIN = "train it: search retrain TEXT, with the text that `search show` prints"


def export_trial(
    db: Database,
    study: StudyRow,
    trial: TrialSpec,
    out: Path,
    keras_out: Path | None = None,
    request: DataRequest | None = None,
    say: Say = lambda text: None,
) -> Path:
    """Writes the file of a trained trial with all that it takes to run it; returns the card's path.

    Args:
        out: to be, ending in .tflite; the card of net.tflite is net.tflite.md, and classify.py lies beside it.
        keras_out: for the same network as a Keras model, in floating point; needs TensorFlow.
        request: the study's data, for a study that was begun by a release up to 0.2 and does not describe them.

    Raises:
        TrialMissing: the trial was stopped or never trained, or its file is gone or damaged.
        DataMissing, DataBroken: the study does not describe its data, and they are not given, or are others.
        BuildFailed: a file or the card cannot be written, or the file is not named so.
        TrainingUnavailable: TensorFlow is not installed.
    """
    if trial.model is None:
        hint = "a stopped training has no network: `search best` prints those that were trained to the end"
        raise TrialMissing(f"trial {trial.number + 1} of {study.name} was stopped", hint)
    if study.surrogate:
        raise TrialMissing(f"trial {trial.number + 1} of {study.name} was not trained: a surrogate answered", _RETRAIN)
    if out.suffix != ".tflite":
        raise BuildFailed(f"{out} is no name for a network's file", "let it end in .tflite")
    source = networks_dir(db) / trial.model.name
    data = read_file(source)
    if hashlib.sha256(data).hexdigest() != trial.model.sha256:
        raise TrialMissing(f"{source} is damaged", "copy it again from the worker that trained it")
    if not out.parent.is_dir():
        raise BuildFailed(f"cannot write {out}: there is no folder {out.parent}", "make it, or name another")
    description = describe_data(study, request or DataRequest(), say)
    graph = build_graph(parse(trial.architecture.text), len(description.class_names))
    if keras_out is not None:
        _export_keras(data, graph, keras_out)
    written = write_described(data, graph, description, out, say)
    card = out.with_name(f"{out.name}.md")
    write_file(card, _card(study, trial, graph, out.name, written).encode())
    return card


def describe_data(study: StudyRow, request: DataRequest, say: Say) -> DataDescription:
    """What a study's networks are given, and what their outputs mean.

    The study says so. One that was begun by a release up to 0.2 does not: synthetic data are then made again from their
    name, others must be given.

    Raises:
        DataMissing, DataBroken: they are not given, or not the study's.
    """
    settings = StudySettings.from_plain(study.settings)
    if settings.data_description is not None:
        return settings.data_description
    if not request.is_given:
        size = size_of_name(settings.data)
        if size is None:
            raise DataMissing(
                f"study {study.name} was begun by a release up to 0.2, which did not keep classes and divisor of its "
                f"data ({settings.data})",
                "give the data, they are read once more: search export NUMBER --audioset DIR",
            )
        say(f"study {study.name} does not describe its data: {settings.data} are made again")
        return load_synthetic(size, default_cache_dir()).description
    data = load_data(request, BUDGETS[0].clips, say)
    if settings.data_sha256 not in (data.sha256, data.numbers_sha256):
        raise DataBroken(
            f"study {study.name} learnt from other data ({settings.data_sha256[:12]}...) than these "
            f"({data.numbers_sha256[:12]}...)",
            "give the folder as it was when the study began, on the kind of processor that began it",
        )
    return data.description


def _export_keras(tflite: bytes, graph: Graph, path: Path) -> None:
    from search.training.float_twin import float_twin, save_keras

    save_keras(float_twin(read_network(tflite, graph)), path)


def _card(study: StudyRow, trial: TrialSpec, graph: Graph, name: str, description: dict[str, Any]) -> str:
    settings, counted = study.settings, count_graph(graph).total
    assert trial.model is not None
    rows = [
        ("accuracy, int8 file, validation split", f"{trial.accuracy or 0:.2%}"),
        ("accuracy, float model, validation split", f"{trial.float_accuracy or 0:.2%}"),
        ("data", f"{settings['data']}"),
        (
            "energy per inference, predicted",
            f"{trial.energy_mj:.3f} mJ ({trial.energy_low_mj:.3f} to {trial.energy_high_mj:.3f})"
            + (", SIMULATED bench" if study.simulated else ""),
        ),
        ("size", f"{trial.model.size_bytes / 1e3:.2f} kB"),
        ("size with the description", f"{description['file_bytes'] / 1e3:.2f} kB"),
        ("FLOPs", f"{counted.flops / 1e6:.2f} M"),
        ("parameters", f"{counted.n_params / 1e3:.2f} k"),
        ("reward", f"{trial.reward:.4f} ({settings['reward']}), penalty {trial.penalty:.4f}"),
        ("found by", f"study {study.name}, trial {trial.number + 1}, {settings['algorithm']}, seed {settings['seed']}"),
        ("training", f"{settings['recipe']}, seed {trial.seed}"),
        ("sha256 of the network, as it was trained and is measured", trial.model.sha256),
        ("sha256 of this file, which has the description too", description["file_sha256"]),
    ]
    return (
        f"# {trial.model.sha256[:12]}\n\n"
        f"Run it on sound files: `python {PROGRAM} {name} SOUND.wav`. What that does, and the file's metadata say:\n\n"
        f"{_table(facts_of(description))}\n\n"
        f"Where it comes from:\n\n{_table(rows)}\n\n    {trial.architecture.text}\n"
    )


def _table(rows: list[tuple[str, str]]) -> str:
    lines = "\n".join(f"| {name} | {text.replace('|', '/')} |" for name, text in rows)
    return f"| | |\n|---|---|\n{lines}"
