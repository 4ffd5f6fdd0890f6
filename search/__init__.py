"""Architectures, their layers, counts and .tflite files, and the search over them.

An architecture is a value (`architecture`) of a space (`space`, `spaces`), laid out as layers (`graph`, by the
definitions in `blocks`), counted (`count`) and written as an int8 .tflite file (`tflite`). The paper's
baselines (`baselines`) come from the same layers. Nothing here touches a device.
"""
