"""TensorFlow, Keras 2 and the model optimization toolkit, loaded the one way in which they work together.

The only file that imports them. tensorflow-model-optimization knows Keras 2 alone (package tf_keras), and
TensorFlow decides which Keras it hands out when it is first asked: so the choice is made here, before the
import. Importing this file takes three to seven seconds; commands that need no training must not.

Depthwise convolutions whose strides differ, as the spaces have them, train on a processor only by way of oneDNN.
TensorFlow uses that of itself only where a processor has AVX-512, so it is turned on here.

Raises, at its import:
    TrainingUnavailable: the packages are not installed, or do not load.
"""

from __future__ import annotations

import os
import warnings

from search.errors import TrainingUnavailable
from search.training.quiet import quiet_stderr

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

try:
    with quiet_stderr(), warnings.catch_warnings():
        # The toolkit compares versions with distutils.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        import tensorflow as tf
        import tensorflow_model_optimization as tfmot
        import tf_keras as keras
        from tensorflow.lite.python.convert_phase import ConverterError

        # It looks for graphics cards now, and says so, instead of in the middle of a table.
        tf.config.list_physical_devices()
except ImportError as error:
    raise TrainingUnavailable(
        f"training needs TensorFlow, which does not load: {error}",
        "install it (2.5 GB) where this project is installed: pip install -e '.[train]'",
    ) from error

tf.get_logger().setLevel("ERROR")

__all__ = ["ConverterError", "keras", "tf", "tfmot"]
