"""TensorFlow is loaded where it is needed, and nowhere else."""

from __future__ import annotations

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
_COMMANDS = """
import sys
import lab.cli, search.cli, search.tflite.reader, search.tflite.strip, search.tflite.writer, search.training
print(sorted({"tensorflow", "tf_keras", "tensorflow_model_optimization"} & set(sys.modules)))
"""


def output_of(program: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def test_without_tensorflow_the_error_says_what_to_install() -> None:
    problem, hint = output_of(_BLOCKED)
    assert "training needs TensorFlow" in problem
    assert "pip install -e '.[train]'" in hint


def test_commands_readers_and_writers_do_not_load_tensorflow() -> None:
    assert output_of(_COMMANDS) == ["[]"]
