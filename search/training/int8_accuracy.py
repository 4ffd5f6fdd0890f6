"""How accurate an int8 .tflite file is: run by LiteRT, as the phone would."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.audio.examples import Examples, Spectrograms
from search.training.quiet import quiet_stderr

_BATCH = 250


def int8_accuracy(tflite: bytes, examples: Examples) -> float:
    """Share of examples whose highest output is their class (the first of equal ones)."""
    return float(np.mean(int8_classes(tflite, examples.spectrograms) == examples.labels))


def int8_classes(tflite: bytes, spectrograms: Spectrograms) -> NDArray[np.int64]:
    """The class that the file gives each spectrogram.

    Args:
        tflite: a file with int8 input and output.
        spectrograms: (n, frames, bands).
    """
    from ai_edge_litert.interpreter import Interpreter

    with quiet_stderr():
        interpreter = Interpreter(model_content=tflite, num_threads=1)
        interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = source["quantization"]
    found = np.empty(len(spectrograms), np.int64)
    for start in range(0, len(found), _BATCH):
        batch = spectrograms[start : start + _BATCH]
        levels = np.clip(np.rint(batch / scale) + zero_point, -128, 127).astype(np.int8)
        for i, level in enumerate(levels, start):
            interpreter.set_tensor(source["index"], level.reshape(source["shape"]))
            interpreter.invoke()
            found[i] = int(np.argmax(interpreter.get_tensor(result["index"])))
    return found
