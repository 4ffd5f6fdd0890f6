"""Int8 .tflite files from layers, without TensorFlow: written, read, stripped, and built ahead of the bench."""
