"""Writing .tflite files ahead of their use: one file per network, named by its content.

A campaign asks for its networks in order and takes the files as it goes; worker processes stay a little
ahead. Kill anything at any moment: a file is either there and whole, or not there. The next call writes what
is missing.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from db.whole_file import remove_leftovers, whole_file
from search.errors import BuildFailed, WorkerLost
from search.networks.network import Network
from search.tflite.writer import write_tflite
from search.worker_processes import worker_pool

# So many that passing a task costs little beside writing 8 files, so few that the first file comes soon.
_CHUNK = 8
_CHUNKS_AHEAD_PER_WORKER = 3
_HINTS = {
    errno.ENOSPC: "the disk is full: free some space, then run the same command again",
    errno.EDQUOT: "your disk quota is used up: free some space, then run the same command again",
    errno.EFBIG: "the file-size limit is too small for a model: raise it (ulimit -f), then run again",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EEXIST: "a file stands where the folder should be: move it or choose another folder",
    errno.EISDIR: "a folder stands there: give the name of a file",
    errno.ENOTDIR: "a file stands where the folder should be: move it or choose another folder",
}


@dataclass(frozen=True)
class BuiltFile:
    """A model file on disk.

    Attributes:
        architecture_hash: of the network it holds.
        path: `<sha256>.tflite` in the output folder.
        sha256: of the file's bytes.
    """

    architecture_hash: str
    path: Path
    sha256: str
    size_bytes: int


def build_files(networks: Iterable[Network], seed: int, out_dir: Path, n_workers: int) -> Iterator[BuiltFile]:
    """Writes the networks' files, and yields them in the order given.

    Args:
        networks: taken as needed, up to some 24 per worker ahead of what has been yielded.
        seed: of the random weights, see write_tflite.
        out_dir: created if missing. Files already there are left alone.
        n_workers: processes to write ahead with; 0 writes each file when it is asked for. They start in half
            a second and end with the iterator, or with this process.

    Raises:
        BuildFailed: a file cannot be written (at once for the folder, else from the iterator).
        WorkerLost: from the iterator: a worker process was killed.
        UnknownSpace, OutsideSpace: from the iterator: an architecture of no known space, or not in its space.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out_dir)
    except OSError as error:
        raise build_failed(error, out_dir) from error
    if n_workers == 0:
        return (build_file(network, seed, out_dir) for network in networks)
    return _build_ahead(iter(networks), seed, out_dir, n_workers)


def build_file(network: Network, seed: int, out_dir: Path) -> BuiltFile:
    """Writes one file, unless it is already there; errors as in build_files."""
    data = write_tflite(network, seed)
    sha256 = hashlib.sha256(data).hexdigest()
    path = out_dir / f"{sha256}.tflite"
    try:
        # The content is compared because a power cut can leave a renamed file empty.
        if not (path.is_file() and path.read_bytes() == data):
            with whole_file(path, rebuildable=True) as part:
                part.write_bytes(data)
    except OSError as error:
        raise build_failed(error, path) from error
    return BuiltFile(network.architecture_hash, path, sha256, len(data))


def build_failed(error: OSError, path: Path) -> BuildFailed:
    """What to say, and to advise, when the system refuses to write `path`."""
    hint = _HINTS.get(error.errno or 0, f"check that {path.parent} is a folder on a working disk")
    return BuildFailed(f"cannot write {path}: {error.strerror or error}", hint)


def _build_ahead(networks: Iterator[Network], seed: int, out_dir: Path, n_workers: int) -> Iterator[BuiltFile]:
    executor = worker_pool(n_workers)
    waiting: deque[Future[list[BuiltFile]]] = deque()
    try:
        while True:
            while len(waiting) < n_workers * _CHUNKS_AHEAD_PER_WORKER:
                chunk = list(itertools.islice(networks, _CHUNK))
                if not chunk:
                    break
                waiting.append(executor.submit(_build_chunk, chunk, seed, out_dir))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerLost(
            f"a process that writes files to {out_dir} ended",
            "files already written are kept: run again; if it recurs, look for a lack of memory",
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _build_chunk(networks: list[Network], seed: int, out_dir: Path) -> list[BuiltFile]:
    return [build_file(network, seed, out_dir) for network in networks]
