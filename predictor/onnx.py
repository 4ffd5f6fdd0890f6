"""A predictor as an ONNX file, for runtimes without scikit-learn.

Input `features`: float32 (rows, columns), the matrix of the schema in `manifest.json`: categories as their
number among the levels. Output: float32 (rows, 1), the expected value without an interval (of latency, for
energy from latency).
"""

from __future__ import annotations

import numpy as np

from predictor.errors import BadTable, ExtraMissing
from predictor.models import predict_with
from predictor.predictor import Predictor
from predictor.table import FeatureTable

_OPSET = 17
_MOST_RELATIVE_DIFFERENCE = 1e-4


def export_onnx(predictor: Predictor, examples: FeatureTable) -> tuple[bytes, float]:
    """The file, and the largest relative difference from the predictor on some examples.

    Raises:
        ExtraMissing: skl2onnx or onnxruntime is not installed.
        BadTable: the file does not give what the predictor gives.
    """
    try:
        import onnxruntime
        import skl2onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError as error:
        raise ExtraMissing(f"{error.name} is not installed", "pip install 'energy-lab[onnx]'") from error
    kind = FloatTensorType([None, len(predictor.model.schema.columns)])
    # The encoder's order is that of its own columns; ONNX sees the same matrix.
    model = skl2onnx.to_onnx(predictor.model.pipeline, initial_types=[("features", kind)], target_opset=_OPSET)
    content: bytes = model.SerializeToString()
    matrix = predictor.model.schema.encode(examples)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {"features": matrix})[0].reshape(-1)
    wanted = predict_with(predictor.model.pipeline, matrix)
    difference = float(np.max(np.abs(found - wanted) / np.abs(wanted)))
    if not difference <= _MOST_RELATIVE_DIFFERENCE:
        raise BadTable(
            f"the ONNX file differs by {difference:.1e} from the {predictor.recipe}",
            "it was not written; choose another model with --model",
        )
    return content, difference
