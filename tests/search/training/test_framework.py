"""TensorFlow is loaded where it is needed, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys

_BLOCKED = """
import sys
sys.modules["tensorflow"] = None
from search.errors import TrainingUnavailable
try:
    import search.training.convert
except TrainingUnavailable as error:
    print(error.problem)
    print(error.hint)
"""
_UNEQUAL_STRIDES = """
import numpy as np
from search.training.framework import keras
model = keras.Sequential([keras.Input((9, 8, 2)), keras.layers.DepthwiseConv2D(3, (2, 1), padding="same")])
model.compile("sgd", "mse")
model.fit(np.ones((2, 9, 8, 2)), np.ones((2, 5, 8, 2)), verbose=0)
print(model.output_shape)
"""
_COMMANDS = """
import sys
import lab.cli, search.cli, search.tflite.reader, search.tflite.strip, search.tflite.writer, search.training
print(sorted({"tensorflow", "tf_keras", "tensorflow_model_optimization"} & set(sys.modules)))
"""


def output_of(program: str, **environment: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return run.stdout.splitlines()


def test_without_tensorflow_the_error_says_what_to_install() -> None:
    problem, hint = output_of(_BLOCKED)
    assert "training needs TensorFlow" in problem
    assert "pip install -e '.[train]'" in hint


def test_commands_readers_and_writers_do_not_load_tensorflow() -> None:
    assert output_of(_COMMANDS) == ["[]"]


def test_depthwise_convolutions_of_unequal_strides_train_where_tensorflow_would_not_use_onednn() -> None:
    assert output_of(_UNEQUAL_STRIDES, TF_ENABLE_ONEDNN_OPTS="0") == ["(None, 5, 8, 2)"]
