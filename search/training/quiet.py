"""Keeping what libraries written in C++ print at their start out of a user's way."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Nothing reaches the process's standard error, except when the block fails: then all of it does.

    TensorFlow and LiteRT write to the file descriptor, past Python, and heed no setting at their first lines.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:
        # No standard error at all.
        yield
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
