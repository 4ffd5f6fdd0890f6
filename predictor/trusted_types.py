"""What a model file may ask for, and reading it with that and nothing else.

skops reads no pickle, but it builds objects of the classes that a file names, and trusts many by itself. Here a
file may name the classes that the recipes are made of, each with one way of loading it; the file's JSON is
looked at before skops sees it. A file that names anything else is refused, and nothing in it is run.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from predictor.errors import DamagedModel, ForeignModel

TRUSTED = frozenset(
    {
        ("builtins.dict", "DictNode"), ("builtins.list", "ListNode"), ("builtins.tuple", "TupleNode"),
        ("builtins.slice", "SliceNode"), ("builtins.str", "JsonNode"), ("builtins.str", "TypeNode"),
        ("numpy.ndarray", "NdArrayNode"), ("numpy.float32", "NdArrayNode"), ("numpy.float64", "NdArrayNode"),
        ("numpy.uint64", "NdArrayNode"), ("numpy.float32", "TypeNode"), ("numpy.float64", "TypeNode"),
        ("numpy.random.mtrand.RandomState", "RandomStateNode"),
        ("numpy.random._generator.Generator", "RandomGeneratorNode"),
        ("sklearn.pipeline.Pipeline", "ObjectNode"),
        ("sklearn.compose._column_transformer.ColumnTransformer", "ObjectNode"),
        ("sklearn.preprocessing._encoders.OneHotEncoder", "ObjectNode"),
        ("sklearn.preprocessing._data.StandardScaler", "ObjectNode"),
        ("sklearn.preprocessing._function_transformer.FunctionTransformer", "ObjectNode"),
        ("sklearn.ensemble._forest.RandomForestRegressor", "ObjectNode"),
        ("sklearn.tree._classes.DecisionTreeRegressor", "ObjectNode"), ("sklearn.tree._tree.Tree", "TreeNode"),
        ("sklearn.linear_model._ridge.RidgeCV", "ObjectNode"),
        ("sklearn.gaussian_process._gpr.GaussianProcessRegressor", "ObjectNode"),
        *((f"sklearn.gaussian_process.kernels.{kernel}", "ObjectNode")
          for kernel in ("ConstantKernel", "DotProduct", "Product", "RBF", "Sum", "WhiteKernel")),
        ("sklearn._loss._loss.CyHalfSquaredError", "LossNode"), ("sklearn._loss.link.IdentityLink", "ObjectNode"),
        ("sklearn._loss.link.Interval", "ObjectNode"), ("sklearn._loss.loss.HalfSquaredError", "ObjectNode"),
        *((f"sklearn.ensemble._hist_gradient_boosting.{name}", "ObjectNode") for name in (
            "binning._BinMapper", "gradient_boosting.HistGradientBoostingRegressor", "predictor.TreePredictor",
        )),
    }
)  # fmt: skip
"""Every class that a predictor's file may name, with the loader that skops may use for it.

None of the loaders calls a function that the file names (those of methods, partial functions and functions are
missing), so nothing in a file is executed but what scikit-learn's own classes do with their state.
"""

# A forest of 15,000 rows takes some 20 MB; what unpacks to more than this is there to fill the memory.
_MOST_BYTES = 2_000_000_000
# They hold JSON, or point to a node that was looked at.
_HARMLESS_LOADERS = ("JsonNode", "CachedNode")


def load_trusted(path: Path) -> Any:
    """The pipeline of a skops file.

    Raises:
        ForeignModel: it asks for more than a predictor needs, or is no skops file; nothing was run.
        DamagedModel: skops cannot read it.
    """
    import skops.io

    check_types(path)
    try:
        return skops.io.load(path, trusted=[name for name, _ in TRUSTED])
    except Exception as error:
        raise DamagedModel(f"{path} cannot be read: {error}", "fit again with `lab fit-rf`") from error


def check_types(path: Path) -> None:
    """Refuse a skops file that names anything but `TRUSTED`; reads its JSON only.

    Raises:
        ForeignModel: it does, or it is no skops file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise ValueError(f"unpacks to more than {_MOST_BYTES:,} bytes")
            tree = json.loads(archive.read("schema.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, RecursionError) as error:
        raise ForeignModel(
            f"{path} is no skops file; nothing in it was run", "fit a predictor with `lab fit-rf`"
        ) from error
    if strange := sorted(_named_types(tree) - TRUSTED):
        names = ", ".join(f"{name} ({loader})" for name, loader in strange)
        raise ForeignModel(
            f"{path} asks for {names}, which no predictor needs; nothing in it was run",
            "use files that `lab fit-rf` has written, from people you trust",
        )


def _named_types(tree: Any) -> set[tuple[str, str]]:
    """Every class that the file names, with its loader."""
    found, waiting = set(), [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            loader = str(node.get("__loader__"))
            if ("__loader__" in node or "__class__" in node) and loader not in _HARMLESS_LOADERS:
                found.add((f"{node.get('__module__')}.{node.get('__class__')}", loader))
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found
