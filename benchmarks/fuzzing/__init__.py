"""What `benchmarks/fuzz.py` is made of: mutations, and the decoders they are put before."""
