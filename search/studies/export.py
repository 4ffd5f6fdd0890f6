"""A trained network, taken out of a study: its .tflite file and a card that says what it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from db.database import Database
from db.rows import StudyRow, TrialSpec
from db.whole_file import whole_file
from search.errors import BuildFailed, TrialMissing
from search.networks.architecture import parse
from search.networks.graph import build_graph
from search.studies.files import networks_dir, read_file
from search.tflite.build import build_failed
from search.tflite.reader import read_network

_RETRAIN = "train it: search retrain TEXT, with the text that `search show` prints"


def export_trial(db: Database, study: StudyRow, trial: TrialSpec, out: Path, keras_out: Path | None = None) -> Path:
    """Copies the file of a trained trial, and writes a Markdown card beside it; returns the card's path.

    Args:
        out: to be, ending in .tflite; the card of net.tflite is net.tflite.md.
        keras_out: for the same network as a Keras model, in floating point; needs TensorFlow.

    Raises:
        TrialMissing: the trial was stopped or never trained, or its file is gone or damaged.
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
    if keras_out is not None:
        _export_keras(data, trial.architecture.text, keras_out)
    card = out.with_name(f"{out.name}.md")
    for path, content in ((out, data), (card, _card(study, trial).encode())):
        try:
            with whole_file(path) as part:
                part.write_bytes(content)
        except OSError as error:
            raise build_failed(error, path) from error
    return card


def _export_keras(tflite: bytes, text: str, path: Path) -> None:
    from search.training.float_twin import float_twin, save_keras

    save_keras(float_twin(read_network(tflite, build_graph(parse(text)))), path)


def _card(study: StudyRow, trial: TrialSpec) -> str:
    settings = study.settings
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
        ("FLOPs", f"{trial.architecture.flops / 1e6:.2f} M"),
        ("parameters", f"{trial.architecture.n_params / 1e3:.2f} k"),
        ("reward", f"{trial.reward:.4f} ({settings['reward']}), penalty {trial.penalty:.4f}"),
        ("found by", f"study {study.name}, trial {trial.number + 1}, {settings['algorithm']}, seed {settings['seed']}"),
        ("training", f"{settings['recipe']}, seed {trial.seed}"),
        ("sha256", trial.model.sha256),
    ]
    table = "\n".join(f"| {name} | {text} |" for name, text in rows)
    return (
        f"# {trial.model.sha256[:12]}\n\nInput int8 (1, 196, 40) log-mel, standardised; output int8, nine classes.\n\n"
        f"| | |\n|---|---|\n{table}\n\n    {trial.architecture.text}\n"
    )
