"""The procedure at the bench: one window step by step, watched, recovered from, and locked against other processes."""
