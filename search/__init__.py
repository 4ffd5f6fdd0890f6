"""Architectures, their layers, counts and .tflite files, and the search over them.

An architecture is a value (`architecture`), drawn from a space (`space`), laid out as layers (`graph`),
counted (`count`) and written as an int8 .tflite file (`tflite_writer`, `build`). Nothing here touches a
device.
"""
