"""Networks that learn: the Keras model of a graph, quantization-aware training, and its way into a .tflite file.

The only part of the project that needs TensorFlow (`framework` loads it, or says what to install). From a graph
(`search.networks.layers`) `keras_network` makes the model and `quantization_aware` the one that trains with int8
arithmetic in view. A trained model becomes a file in two ways: `convert` asks the TFLite converter, seconds a
file; `trained_network` reads the numbers out and lets `search.tflite.writer` write them, milliseconds a file.
`raw_graph` is the converter's fast lane for a network whose numbers are known: the writer is checked against it.
"""
