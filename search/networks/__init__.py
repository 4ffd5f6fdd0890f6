"""Networks as values: spaces, blocks, layers, graphs, counts, features, baselines.

With `search.tflite` the lower half of the package.
"""
