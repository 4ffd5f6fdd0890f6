"""Training one network: float first, then quantization-aware, then the int8 file, and how accurate that is.

Between `search.audio` (spectrograms) and those that want a network: the search, which may stop a training that is
dominated, and retraining. Accuracies are of the validation split unless said otherwise. The accuracy that counts is
that of the int8 .tflite file under LiteRT, not that of the Keras model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from search.audio.augmentation import mask
from search.audio.examples import Examples, SoundData
from search.networks.layers import Graph, Shape
from search.tflite.writer import serialize
from search.training.framework import keras, tf
from search.training.int8_accuracy import int8_accuracy
from search.training.keras_network import build_keras, set_weights
from search.training.layer_weights import LayerWeights
from search.training.quantization_aware import quantize
from search.training.recipe import TrainingRecipe
from search.training.result import CurveEvaluation, TrainingResult, TrainingStopped, Watch
from search.training.trained_network import trained_network

_EVALUATION_BATCH = 250


def train(
    graph: Graph,
    data: SoundData,
    recipe: TrainingRecipe,
    seed: int,
    watch: Watch = lambda evaluation: False,
    begun_with: Mapping[int, LayerWeights] | None = None,
) -> TrainingResult:
    """Trains a network from random weights, or from given ones.

    Args:
        graph: its layers; the input takes the place of a (frames, bands) spectrogram.
        data: what to learn, and what to validate with.
        seed: of weights, order and masks; the same seed gives the same network on the same machine.
        begun_with: float weights by the layer's place in the graph; a recipe may then do without passes in floating
            point.

    Raises:
        TrainingStopped: `watch` said so.
        TrainingUnavailable: TensorFlow is not installed.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    # No layer holds a condition on a tensor: to have TensorFlow rewrite them would take seconds of every training.
    run = tf.autograph.experimental.do_not_convert(_Training(graph, data, recipe, watch, begun_with).run)
    trained: TrainingResult = run(seed)
    return trained


class _Training:
    """Both parts of a training, and the learning curve over them."""

    def __init__(
        self,
        graph: Graph,
        data: SoundData,
        recipe: TrainingRecipe,
        watch: Watch,
        begun_with: Mapping[int, LayerWeights] | None,
    ) -> None:
        self.curve: list[CurveEvaluation] = []
        self.quantization_aware = False
        self._graph, self._shape = graph, graph.input_shape
        self._data, self._recipe, self._watch, self._begun_with = data, recipe, watch, begun_with
        self._n_epochs = recipe.n_float_epochs + recipe.n_int8_epochs
        self._epochs_before = 0.0

    def run(self, seed: int) -> TrainingResult:
        """The whole training; see `train`."""
        recipe = self._recipe
        model = build_keras(self._graph)
        if self._begun_with is not None:
            set_weights(model, self._begun_with)
        float_accuracy = self.fit(model, recipe.n_float_epochs, recipe.learning_rate, seed).accuracy()
        aware = quantize(model)
        self.quantization_aware = True
        self.fit(aware, recipe.n_int8_epochs, recipe.int8_learning_rate, seed + 1)
        tflite = serialize(trained_network(aware, self._graph))
        return TrainingResult(tflite, int8_accuracy(tflite, self._data.validation), float_accuracy, tuple(self.curve))

    def fit(self, model: Any, n_epochs: float, learning_rate: float, seed: int) -> _Judge:
        """Trains the model in place; returns who can tell its accuracy.

        Raises:
            TrainingStopped: who watches has seen enough.
        """
        examples, size = self._data.train, self._recipe.batch_size
        n_in_pass = max(1, len(examples) // size)
        n_steps = max(1, round(n_epochs * n_in_pass)) if n_epochs else 0
        judge = _Judge(model, self._data.validation, self._shape)
        if not n_steps:
            return judge
        step = _step_of(model, _schedule(learning_rate, n_steps), self._recipe.label_smoothing)
        one_hot = np.eye(self._data.n_classes, dtype=np.float32)[examples.labels]
        rng = np.random.default_rng(seed)
        for i in range(n_steps):
            if i % n_in_pass == 0:
                order = rng.permutation(len(examples))
            chosen = order[i % n_in_pass * size :][:size]
            inputs = mask(examples.spectrograms[chosen], rng, self._recipe.n_masks).reshape(-1, *self._shape)
            step(tf.constant(inputs), tf.constant(one_hot[chosen]))
            self._see(judge, self._epochs_before + (i + 1) / n_steps * n_epochs)
        self._epochs_before += n_epochs
        return judge

    def _see(self, judge: _Judge, epochs: float) -> None:
        done_frac = epochs / self._n_epochs
        if math.floor(done_frac * self._recipe.n_evaluations + 1e-9) <= len(self.curve):
            return
        evaluation = CurveEvaluation(len(self.curve) + 1, done_frac, judge.accuracy(), self.quantization_aware)
        self.curve.append(evaluation)
        if self._watch(evaluation):
            raise TrainingStopped(tuple(self.curve))


class _Judge:
    """Takes the accuracy of one model again and again: share of examples whose most likely class is theirs."""

    def __init__(self, model: Any, examples: Examples, shape: Shape) -> None:
        self._examples, self._shape = examples, shape
        # One graph for batches of any size: the last one may be smaller.
        batches = tf.TensorSpec((None, *shape), tf.float32)
        self._infer = tf.function(lambda batch: model(batch, training=False), [batches], autograph=False)

    def accuracy(self) -> float:
        hits = 0
        for start in range(0, len(self._examples), _EVALUATION_BATCH):
            chosen = slice(start, start + _EVALUATION_BATCH)
            inputs = self._examples.spectrograms[chosen].reshape(-1, *self._shape)
            classes = self._infer(tf.constant(inputs)).numpy().argmax(axis=1)
            hits += int(np.sum(classes == self._examples.labels[chosen]))
        return hits / len(self._examples)


def _step_of(model: Any, schedule: Any, label_smoothing: float) -> Callable[[Any, Any], None]:
    """One step of Adam on a batch of inputs and targets.

    The older of Keras's two Adams updates a variable by one operation, the newer by some twenty: for networks as small
    as these, building such a graph would take longer than a good part of the training.
    """
    optimizer = keras.optimizers.legacy.Adam(schedule)
    optimizer._create_all_weights(model.trainable_variables)
    loss_of = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(targets, model(inputs, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    found: Callable[[Any, Any], None] = step
    return found


def _schedule(learning_rate: float, n_steps: int) -> Any:
    n_warm_up = max(1, n_steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        learning_rate * 0.1, max(1, n_steps - n_warm_up), warmup_target=learning_rate, warmup_steps=n_warm_up
    )
