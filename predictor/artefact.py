"""A predictor on disk: a folder that can be read by a later version, or by nobody who should not.

| file | what |
|---|---|
| manifest.json | schema, interval, figures, provenance, seed, versions, hashes of the other files |
| model.skops | the fitted pipeline, by skops: no pickle; only the types of `predictor.trusted_types` are accepted |
| rows.parquet | the rows it was fitted to: what a refit needs |
| card.md, *.png | for people |
| model.onnx | on request, for other runtimes |

scikit-learn promises nothing about models of another version. So under another version the pipeline is
not read at all: it is fitted again from the rows, which takes seconds and gives the same model.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from predictor.errors import BadTable, DamagedModel, ForeignModel, OutputRefused, UnknownRecipe
from predictor.intervals import ConformalBand
from predictor.models import predict_with, recipe_named
from predictor.predictor import FittedModel, PowerModel, Predictor, fit_model
from predictor.schema import FeatureSchema
from predictor.sound_trees import trees_are_sound
from predictor.table import FeatureTable, Measurements, Target
from predictor.trusted_types import load_trusted
from predictor.two_stage import LATENCY, latencies

log = logging.getLogger(__name__)

FORMAT = "energy-lab predictor 1"
MANIFEST, MODEL, ROWS = "manifest.json", "model.skops", "rows.parquet"
_VERSIONED = ("scikit-learn", "numpy", "skops")


@dataclass(frozen=True, eq=False)
class SavedPredictor:
    """What a folder holds.

    Attributes:
        manifest: as it was written.
        refitted: why the model was fitted again instead of read; "" when it was read.
    """

    predictor: Predictor
    manifest: Mapping[str, Any]
    refitted: str

    @property
    def arch_space(self) -> str | None:
        """The search space of the architectures that it learnt from; a user's own table says nothing of one."""
        space: str | None = self.manifest["provenance"].get("arch_space")
        return space

    @property
    def sha256(self) -> str:
        """Of all that its predictions follow from: rows, columns, kind of model, seed."""
        named = {
            name: self.manifest.get(name) for name in ("data_sha256", "schema", "recipe", "seed", "target", "power")
        }
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def save(
    folder: Path, predictor: Predictor, rows: Measurements, manifest: Mapping[str, Any], extra: Mapping[str, bytes]
) -> None:
    """Writes a predictor; one of this project that is there is replaced at the end, anything else is refused.

    Args:
        rows: that the predictor was fitted to (for energy from latency: the rows with a latency or an energy
            that the fit has used, and no others).
        manifest: what else is to be known: seed, figures, choices. JSON.
        extra: further files by name, e.g. the card and its plots.

    Raises:
        OutputRefused: something else is there, or it cannot be written.
    """
    folder = Path(folder).resolve()
    check_output(folder)
    part, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        part.mkdir(parents=True)
        _write(part, predictor, rows, manifest, extra)
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.replace(folder)
        raise OutputRefused(
            f"{folder} cannot be written: {error.strerror or error}", "choose another folder with --out"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def check_output(folder: Path) -> None:
    """Refuse a place where something else stands.

    Raises:
        OutputRefused: it does.
    """
    _put_back(folder)
    if folder.exists() and not (folder.is_dir() and (is_predictor(folder) or not any(folder.iterdir()))):
        raise OutputRefused(
            f"{folder} is there and is no predictor", "give the name of a new folder with --out; nothing was changed"
        )


def _put_back(folder: Path) -> None:
    """Ends what a killed process began: its older predictor gets its name back, its halves are removed."""
    folder = folder.resolve()
    for kind in ("old", "part"):
        for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.{kind}"):
            pid = left.name.split(".")[-2]
            if not pid.isdecimal() or _is_running(int(pid)):
                continue
            if kind == "old" and not folder.exists() and is_predictor(left):
                left.replace(folder)
            else:
                shutil.rmtree(left, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_predictor(folder: Path) -> bool:
    """Whether a folder holds a predictor of this format."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT


def _write(
    part: Path, predictor: Predictor, rows: Measurements, manifest: Mapping[str, Any], extra: Mapping[str, bytes]
) -> None:
    import skops.io

    (part / MODEL).write_bytes(skops.io.dumps(predictor.model.pipeline, compression=zipfile.ZIP_DEFLATED))
    _write_rows(part / ROWS, rows)
    for name, content in extra.items():
        (part / name).write_bytes(content)
    whole = {
        "format": FORMAT,
        "simulated": predictor.simulated,
        "recipe": predictor.recipe,
        "target": asdict(predictor.target),
        "schema": predictor.model.schema.as_plain(),
        "band": asdict(predictor.band),
        "power": None if predictor.model.power is None else asdict(predictor.model.power),
        "data_sha256": rows.sha256,
        "n_rows": rows.n_rows,
        "n_architectures": rows.n_architectures,
        "row_ids": rows.row_ids.tolist(),
        "provenance": dict(rows.provenance),
        "versions": {name: metadata.version(name) for name in _VERSIONED},
        "files": {name: _hash(part / name) for name in (MODEL, ROWS)},
        **manifest,
    }
    (part / MANIFEST).write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_rows(path: Path, rows: Measurements) -> None:
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, Any] = {f"feature.{name}": column for name, column in rows.features.columns.items()}
    columns |= {"value": rows.values, "group": rows.groups, "row_id": rows.row_ids}
    if rows.latencies_ms is not None:
        columns["latency_ms"] = rows.latencies_ms
    marked = {"simulated": "all" if rows.simulated else "no", "target": rows.target.text}
    pyarrow.parquet.write_table(pyarrow.table(columns).replace_schema_metadata(marked), path, compression="zstd")


def load(folder: Path) -> SavedPredictor:
    """Reads a predictor. Nothing in the folder is executed, whatever its origin.

    Under another version of scikit-learn, numpy or skops the model is fitted again from its rows.

    Raises:
        ForeignModel: not a predictor of this project, or one that names types that no predictor needs.
        DamagedModel: its files are not those that were written.
    """
    manifest = _read_manifest(Path(folder))
    for name, sha256 in manifest["files"].items():
        if not (folder / name).is_file() or _hash(folder / name) != sha256:
            raise DamagedModel(
                f"{folder / name} is missing or not what was written", "fit again with `lab fit-rf`, or copy it again"
            )
    try:
        schema = FeatureSchema.from_plain(manifest["schema"])
        band, target = ConformalBand(**manifest["band"]), Target(**manifest["target"])
        power = None if manifest["power"] is None else PowerModel(**manifest["power"])
        recipe, simulated = recipe_named(manifest["recipe"]).name, bool(manifest["simulated"])
    except (KeyError, TypeError, ValueError, UnknownRecipe) as error:
        raise _foreign(folder, f"its {MANIFEST} cannot be used: {error}") from error
    reason = _other_versions(manifest["versions"])
    if reason:
        log.warning("%s: fitting the model again from its rows", reason)
        pipeline = _refitted(folder, manifest, schema, target)
    else:
        pipeline = load_trusted(folder / MODEL)
        _check_pipeline(folder, pipeline, len(schema.columns))
    return SavedPredictor(
        Predictor(recipe, FittedModel(schema, pipeline, power), band, target, simulated), manifest, reason
    )


def _check_pipeline(folder: Path, pipeline: Any, n_columns: int) -> None:
    """Refuse a model that is no pipeline of these columns, or whose trees lead out of themselves."""
    row = np.zeros((1, n_columns), np.float32)
    try:
        n_encoded = pipeline["encoder"].transform(row).shape[1]
        sound = trees_are_sound(pipeline["model"], n_encoded) and predict_with(pipeline, row).shape == (1,)
    except Exception as error:
        raise DamagedModel(f"{folder / MODEL} cannot predict: {error}", "fit again with `lab fit-rf`") from error
    if not sound:
        raise DamagedModel(f"{folder / MODEL} has trees that lead nowhere", "fit again with `lab fit-rf`")


def _read_manifest(folder: Path) -> dict[str, Any]:
    if not folder.exists():
        with contextlib.suppress(OSError):
            _put_back(folder)
    if not folder.exists():
        raise ForeignModel(f"there is no predictor {folder}", "fit one with `lab fit-rf`, or name another with --model")
    if not folder.is_dir():
        raise _foreign(folder, "it is a file, a predictor is a folder")
    if not is_predictor(folder):
        raise _foreign(folder, f"it has no {MANIFEST} of format {FORMAT!r}")
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    files, versions = manifest.get("files"), manifest.get("versions")
    if not isinstance(files, dict) or set(files) != {MODEL, ROWS} or not isinstance(versions, dict):
        raise _foreign(folder, f"its {MANIFEST} does not name its files")
    kinds = {"seed": int, "provenance": dict, "schema": list, "band": dict, "target": dict, "data_sha256": str}
    if wrong := [name for name, kind in kinds.items() if not isinstance(manifest.get(name), kind)]:
        raise _foreign(folder, f"its {MANIFEST} lacks {', '.join(wrong)}")
    return manifest


def _foreign(path: Path, why: str) -> ForeignModel:
    return ForeignModel(
        f"{path} is no predictor of this project: {why}; nothing in it was run", "fit one with `lab fit-rf`"
    )


def _other_versions(written: Mapping[str, str]) -> str:
    others = [f"{name} {written.get(name)}, here {metadata.version(name)}" for name in _VERSIONED
              if written.get(name) != metadata.version(name)]  # fmt: skip
    return f"written with {'; '.join(others)}" if others else ""


def _refitted(folder: Path, manifest: Mapping[str, Any], schema: FeatureSchema, target: Target) -> Any:
    rows = read_rows(folder, target, manifest)
    if manifest["power"] is not None:
        rows = replace(rows, values=latencies(rows), target=LATENCY)
    return fit_model(manifest["recipe"], schema, rows, manifest["seed"]).pipeline


def read_rows(folder: Path, target: Target, manifest: Mapping[str, Any]) -> Measurements:
    """The rows that a predictor was fitted to.

    Raises:
        DamagedModel: they are not those of the manifest.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(folder / ROWS)
        columns = {name: table[name].to_pylist() for name in table.column_names}
        features = {name.removeprefix("feature."): columns[name] for name in columns if name.startswith("feature.")}
        rows = Measurements(
            features=FeatureTable.of(features), target=target,
            values=np.array(columns["value"], np.float64), groups=np.array(columns["group"], np.intp),
            row_ids=np.array(columns["row_id"], np.int64),
            latencies_ms=np.array(columns["latency_ms"], np.float64) if "latency_ms" in columns else None,
            provenance=manifest["provenance"], simulated=bool(manifest["simulated"]),
        )  # fmt: skip
    except (pyarrow.ArrowInvalid, KeyError, ValueError, BadTable) as error:
        raise DamagedModel(f"{folder / ROWS} cannot be read: {error}", "fit again with `lab fit-rf`") from error
    if rows.sha256 != manifest["data_sha256"]:
        raise DamagedModel(f"{folder / ROWS} does not have the hash of the manifest", "fit again with `lab fit-rf`")
    return rows
