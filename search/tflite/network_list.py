"""Lists of networks in files: what a user, or another command, wants built or measured.

Two forms are read. A text file has a network a line, blank lines and lines that start with # left out. A CSV
file has a column `text`, and may have a column `architecture_hash`, which is then held against the text; the
`index.csv` that `lab build` writes beside its files is one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from db.whole_file import whole_file
from search.errors import BadList, SearchError, WrongHash
from search.networks.count import count_graph
from search.networks.network import Network, graph_of, read_network_name
from search.tflite.build import BuiltFile, build_failed

INDEX_NAME = "index.csv"
_COLUMNS = ("file", "size_bytes", "sha256", "flops", "n_params", "architecture_hash", "text")
_LIST_HINT = "give a file with a network a line, or a CSV file with a column `text`"


def read_network_list(path: Path) -> list[Network]:
    """The networks of a list, each once, in the order of the file.

    Raises:
        BadList: the file cannot be read, is empty, or a line of it is no network; names the line.
        WrongHash: a stated hash is not the network's.
    """
    try:
        # Spreadsheets begin their files with a byte order mark.
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise BadList(f"cannot read {path}: {reason}", _LIST_HINT) from error
    rows = _csv_rows(content, path) if path.suffix == ".csv" else _text_rows(content)
    networks: dict[str, Network] = {}
    for line, text, stated_hash in rows:
        network = _read(path, line, text)
        if stated_hash and stated_hash != network.architecture_hash:
            raise WrongHash(
                f"{path}, line {line}: hash {stated_hash[:12]}... stands beside a network whose hash is "
                f"{network.architecture_hash[:12]}...",
                "the text or the hash was changed, or an older release wrote it: make the list again",
            )
        networks.setdefault(network.architecture_hash, network)
    if not networks:
        raise BadList(f"{path} names no network", _LIST_HINT)
    return list(networks.values())


def _text_rows(content: str) -> Iterator[tuple[int, str, str]]:
    for line, text in enumerate(content.splitlines(), start=1):
        if text.strip() and not text.lstrip().startswith("#"):
            yield line, text, ""


def _csv_rows(content: str, path: Path) -> Iterator[tuple[int, str, str]]:
    reader = csv.DictReader(content.splitlines())
    if "text" not in (reader.fieldnames or ()):
        raise BadList(f"{path} has no column `text`", _LIST_HINT)
    try:
        for row in reader:
            yield reader.line_num, row["text"] or "", row.get("architecture_hash") or ""
    except csv.Error as error:
        raise BadList(f"{path}, line {reader.line_num}: {error}", _LIST_HINT) from error


def _read(path: Path, line: int, text: str) -> Network:
    try:
        return read_network_name(text)
    except SearchError as error:
        raise BadList(f"{path}, line {line}: {error.problem}", error.hint) from error


def write_index(folder: Path, built: Iterable[tuple[Network, BuiltFile]]) -> Path:
    """Writes `index.csv` beside the files: a row each with file, size, sha256, FLOPs, parameters, hash and text.

    Rows of an earlier index whose files are still there come first and stay. It is there whole or not at all.

    Raises:
        BuildFailed: it cannot be written.
    """
    path = folder / INDEX_NAME
    try:
        rows = {row[0]: row for row in _earlier_rows(path)}
        for network, file in built:
            cost = count_graph(graph_of(network)).total
            counts = (file.size_bytes, file.sha256, cost.flops, cost.n_params)
            row = (file.path.name, *counts, network.architecture_hash, network.text)
            rows[file.path.name] = tuple(map(str, row))
        with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([_COLUMNS, *rows.values()])
    except OSError as error:
        raise build_failed(error, path) from error
    return path


def _earlier_rows(path: Path) -> Iterator[tuple[str, ...]]:
    """Rows of an index that is there, as far as they are whole and their files too."""
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        rows = csv.reader(stream)
        if tuple(next(rows, ())) != _COLUMNS:
            return
        for row in rows:
            if len(row) == len(_COLUMNS) and (path.parent / row[0]).is_file():
                yield tuple(row)
