"""A user's own .tflite files: found in files and folders, told apart by their content, matched to what was measured.

A file is its bytes: the same bytes under two names are measured once, and under another name than last time they are
still the same model. Names are for people.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from db.rows import ArchitectureSpec, ModelSpec, TaskRow, TaskSpec
from lab.campaign.model_files import ReadyModel
from lab.errors import ModelsError
from search.errors import SearchError
from search.networks.architecture import Architecture
from search.networks.architecture_spec import architecture_spec
from search.networks.network import graph_of
from search.studies.described_file import network_sha256_of
from search.tflite.file_flops import flops_of_file
from search.tflite.reader import read_operators
from search.tflite.recognise import n_classes_of, recognise

SUFFIX = ".tflite"
_MARK = b"TFL3"
_LONGEST_NAME = 200
_SHOWN = 5
_HINT = "Move them out of the folder or convert them again, then run the same command."


@dataclass(frozen=True)
class FoundModels:
    """Files that can be measured.

    Attributes:
        models: each content once, by name.
        notes: what was left out, and which names are of one and the same file.
    """

    models: tuple[ReadyModel, ...]
    notes: tuple[str, ...]


def find_models(paths: Sequence[Path]) -> FoundModels:
    """The .tflite files of some files and folders, sub-folders too.

    A file that is named itself may have any suffix; in folders it is .tflite in any case of the letters. Models are
    named by their path within the folder.

    Raises:
        ModelsError: nothing there, no .tflite file, or files that are no .tflite models; all are named.
    """
    models, ignored, wrong = list[ReadyModel](), list[str](), list[str]()
    for path in paths:
        folder = path if path.is_dir() else path.parent
        if path.is_dir():
            names = sorted(_files_in(path))
        elif path.exists():
            names = [path.name]
        else:
            raise ModelsError(f"{path} is not there.", "Give a .tflite file, or a folder that holds some.")
        for name in names:
            file = folder / name
            if folder is path and file.suffix.lower() != SUFFIX:
                ignored.append(name + (", which holds a model all the same" if _holds_model(file) else ""))
                continue
            try:
                models.append(_read_model(file, name))
            except (OSError, ValueError) as error:
                wrong.append(f"{name}: {getattr(error, 'strerror', None) or error}")
    if wrong:
        raise ModelsError("These files cannot be measured:\n  " + "\n  ".join(wrong), _HINT)
    if not models:
        where = ", ".join(map(str, paths))
        raise ModelsError(f"There is no {SUFFIX} file in {where}.", "Give the folder that holds your .tflite files.")
    return _without_twins(models, ignored)


def model_of(path: Path) -> ReadyModel:
    """One .tflite file.

    Raises:
        ModelsError: it cannot be read, or is no .tflite model.
    """
    try:
        return _read_model(path, path.name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelsError(f"{path} cannot be measured: {reason}.", "Copy it there again, or leave it out.") from error


def described(model: ReadyModel) -> tuple[ReadyModel, ArchitectureSpec | None]:
    """The model as its content describes it, and the architecture of a space that it holds, if it does.

    Its FLOPs are counted where its graph tells; of a file that `search export` wrote, the trial's own hash is found.
    """
    content = model.path.read_bytes()
    try:
        model = replace(model, spec=replace(model.spec, flops=flops_of_file(content)))
        network = recognise(content)
        graph = graph_of(network, n_classes_of(read_operators(content)))
        model = replace(model, spec=replace(model.spec, network_sha256=network_sha256_of(content, graph)))
    except SearchError:
        # No network that is known, or a file that only the phone can judge.
        return model, None
    return model, architecture_spec(network) if isinstance(network, Architecture) else None


@dataclass(frozen=True)
class MatchedModels:
    """Files as tasks of a campaign that may have begun.

    Attributes:
        notes: files that have another name now, and those that are gone.
    """

    tasks: tuple[TaskSpec, ...]
    notes: tuple[str, ...]


def matched(tasks: Sequence[TaskSpec], begun: Iterable[TaskRow], max_attempts: int) -> MatchedModels:
    """Tasks about files at the places that these files have in a campaign; files that are new come after them.

    Args:
        tasks: about the files given now.
        begun: the campaign's stored tasks about files.
        max_attempts: visits that a model may have.

    Raises:
        ModelsError: a file that is still to be measured is not among those given now.
    """
    given = {task.model.sha256: task for task in tasks if task.model is not None}
    stored = {row.model.sha256: row for row in begun if row.model is not None}
    renamed, gone, missing = list[str](), list[str](), list[str]()
    placed = list[TaskSpec]()
    for sha256, row in stored.items():
        assert row.model is not None
        placed.append(TaskSpec(role=row.role, ordinal=row.ordinal, n_wanted=row.n_wanted, model=row.model))
        now = given.get(sha256)
        if now is None:
            settled = row.state in ("done", "failed") or row.n_attempts >= max_attempts
            (gone if settled else missing).append(row.model.name)
        elif now.model is not None and now.model.name != row.model.name:
            renamed.append(f"{row.model.name} is now {now.model.name}")
    if missing:
        raise ModelsError(
            f"These files of the campaign are still to be measured, and are not there: {_listed(missing)}.",
            "Put them back (any name will do), or start a campaign of another name with --campaign.",
        )
    free = max((row.ordinal for row in stored.values()), default=-1) + 1
    new = [task for sha256, task in given.items() if sha256 not in stored]
    placed += [replace(task, ordinal=free + i) for i, task in enumerate(new)]
    notes = []
    if renamed:
        notes.append(f"renamed since they were measured, still the same: {_listed(renamed)}")
    if gone:
        notes.append(f"no longer there, their results are kept: {_listed(gone)}")
    return MatchedModels(tuple(placed), tuple(notes))


def common_folder(paths: Sequence[Path]) -> Path:
    """The folder that names a campaign of several files."""
    folders = [str(path if path.is_dir() else path.parent) for path in (each.resolve() for each in paths)]
    return Path(os.path.commonpath(folders))


def _files_in(folder: Path) -> Iterable[str]:
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                yield str((Path(at) / name).relative_to(folder))


def _holds_model(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == _MARK
    except OSError:
        return False


def _read_model(path: Path, name: str) -> ReadyModel:
    if not path.is_file():
        raise ValueError("no regular file")
    content = path.read_bytes()
    # A name that is no text cannot be kept as it is.
    name = name.encode("utf-8", "backslashreplace").decode()
    if not content:
        raise ValueError("the file is empty")
    if content[4:8] != _MARK:
        raise ValueError("not a TensorFlow Lite model")
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"its name has more than {_LONGEST_NAME} characters")
    digest = hashlib.sha256(content).hexdigest()
    return ReadyModel(ModelSpec(sha256=digest, size_bytes=len(content), name=name), path)


def _without_twins(models: Sequence[ReadyModel], ignored: Sequence[str]) -> FoundModels:
    by_content: dict[str, list[ReadyModel]] = {}
    for model in models:
        by_content.setdefault(model.spec.sha256, []).append(model)
    notes = [
        f"the same model under {len(same)} names, measured once: {_listed([one.spec.name for one in same])}"
        for same in by_content.values()
        if len({one.path.resolve() for one in same}) > 1
    ]
    if ignored:
        plural = "files are" if len(ignored) > 1 else "file is"
        notes.append(f"ignored, the {plural} not named {SUFFIX}: {_listed(ignored)}")
    return FoundModels(tuple(_with_own_names([same[0] for same in by_content.values()])), tuple(notes))


def _with_own_names(models: Sequence[ReadyModel]) -> list[ReadyModel]:
    """Models whose names tell them apart: files of one name from two folders have their folder in it too."""
    counts = Counter(model.spec.name for model in models)
    return [
        model
        if counts[model.spec.name] == 1
        else replace(model, spec=replace(model.spec, name=f"{model.path.parent.name}/{model.path.name}"))
        for model in models
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
