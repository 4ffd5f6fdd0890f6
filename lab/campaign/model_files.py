"""The model files of a campaign that are built: ahead of the bench, by a worker process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from db.rows import ModelSpec
from lab.errors import ModelsError
from search.errors import WorkerLost
from search.networks.architecture import Architecture, parse
from search.tflite.build import BuiltFile, build_file, build_files
from search.tflite.network_list import read_network_list

_AHEAD = 300


@dataclass(frozen=True)
class ReadyModel:
    """A file that can be pushed."""

    spec: ModelSpec
    path: Path


class ModelBuilder:
    """Builds files for architectures in the order in which they will be measured.

    A thread takes finished files from the worker process and keeps up to 300 of them ahead, so the bench does
    not wait. A file that is asked for out of order is built at once.

    Args:
        seed: of the random weights.
        folder: where the files go.
    """

    def __init__(self, architectures: Iterable[str], seed: int, folder: Path) -> None:
        self._seed, self._folder = seed, folder
        self._built: dict[str, BuiltFile] = {}
        self._finished: queue.Queue[BuiltFile | Exception | None] = queue.Queue(maxsize=_AHEAD)
        self._waiting = [parse(text) for text in architectures]
        self._places = {a.architecture_hash: place for place, a in enumerate(self._waiting)}
        self._next_place = 0
        self._stopping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        n_workers = 1 if len(self._waiting) > _AHEAD // 4 else 0
        self._thread = threading.Thread(target=self._run, args=(n_workers,), name="model builder", daemon=True)
        self._thread.start()

    def _run(self, n_workers: int) -> None:
        try:
            for built in build_files(self._waiting, self._seed, self._folder, n_workers):
                if not self._hand_over(built):
                    return
            self._hand_over(None)
        except Exception as error:  # noqa: BLE001 (raised where a file is asked for)
            self._hand_over(error)
        except BaseException as error:  # noqa: BLE001 (of the worker process: a caller must not wait for ever)
            self._hand_over(WorkerLost(f"the process that writes models ended: {error!r}", "type the same again"))

    def _hand_over(self, item: BuiltFile | Exception | None) -> bool:
        """Waits until there is room for it; False when nobody will ask any more."""
        while not self._stopping.is_set():
            try:
                self._finished.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def model(self, text: str) -> ReadyModel:
        """The file of an architecture.

        Args:
            text: the architecture's canonical text.

        Raises:
            SearchError: it could not be built.
        """
        architecture = parse(text)
        built = self._take(architecture)
        spec = ModelSpec(sha256=built.sha256, size_bytes=built.size_bytes, name=f"{built.sha256}.tflite")
        return ReadyModel(spec, built.path)

    def _take(self, architecture: Architecture) -> BuiltFile:
        wanted = architecture.architecture_hash
        ahead = self._places.get(wanted, -1) >= self._next_place
        while ahead and wanted not in self._built:
            item = self._finished.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                break
            self._built[item.architecture_hash] = item
            self._next_place += 1
        return self._built.pop(wanted, None) or build_file(architecture, self._seed, self._folder)

    def close(self) -> None:
        """Stop building ahead."""
        self._stopping.set()
        self._thread.join(timeout=10.0)


def listed_architectures(path: Path) -> list[Architecture]:
    """The architectures of a list, each once, in its order.

    Raises:
        ModelsError: a baseline is among them.
        SearchError: the list cannot be read, or a line of it is no network; names the line.
    """
    networks = read_network_list(path)
    architectures = [network for network in networks if isinstance(network, Architecture)]
    if len(architectures) < len(networks):
        names = ", ".join(network.text for network in networks if not isinstance(network, Architecture))
        raise ModelsError(
            f"{path} names {names}: no architecture of a space.",
            "Take it off the list; `lab build --baselines --out DIR`, then `lab measure --models DIR` measures it.",
        )
    return architectures
