"""The simulated phone's file system: plain files, and sysfs nodes that read and act."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


class NoSuchFile(Exception):
    """No file is there; the text is what the phone's shell prints."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: No such file or directory")


@dataclass
class PhoneFile:
    """Content with its mode and the time it was written (seconds, phone clock)."""

    content: bytearray
    mode: int = 0o644
    written_s: int = 0


@dataclass(frozen=True)
class Node:
    """A sysfs node."""

    read: Callable[[], str]
    write: Callable[[str], None] | None = None


@dataclass
class PhoneFiles:
    """Files by absolute path.

    Attributes:
        capacity_bytes: more than this cannot be stored.
    """

    capacity_bytes: int = 40_000_000_000
    _files: dict[str, PhoneFile] = field(default_factory=dict)
    _nodes: dict[str, Node] = field(default_factory=dict)
    _private: set[str] = field(default_factory=set)
    _folders: set[str] = field(default_factory=lambda: {"/", "/data", "/data/local", "/data/local/tmp", "/dev"})

    def node(self, path: str, read: Callable[[], str], write: Callable[[str], None] | None = None) -> None:
        """Put a sysfs node at `path`."""
        self._nodes[path] = Node(read, write)
        self.make_folder(path.rsplit("/", 1)[0])

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        pieces = path.strip("/").split("/")
        self._folders.update("/" + "/".join(pieces[: i + 1]) for i in range(len(pieces)))

    def make_private(self, path: str) -> None:
        """From now on only root writes into a folder, as into one that root has made."""
        self._private.add(path)

    def open_to_all(self, path: str) -> None:
        """From now on everybody writes into a folder."""
        self._private.discard(path)

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at a path."""
        return (path.rstrip("/") or "/") in self._folders

    def is_file(self, path: str) -> bool:
        """Whether there is a file at a path."""
        return path in self._files or path in self._nodes

    def is_executable(self, path: str) -> bool:
        """Whether the file at a path may be executed."""
        return path in self._files and bool(self._files[path].mode & 0o111)

    def get(self, path: str) -> PhoneFile | None:
        """The plain file at `path`."""
        return self._files.get(path)

    def read(self, path: str) -> bytes:
        """All bytes of a file or node."""
        if path == "/dev/null":
            return b""
        if path in self._nodes:
            return self._nodes[path].read().encode()
        if path not in self._files:
            raise NoSuchFile(path)
        return bytes(self._files[path].content)

    def write(self, path: str, content: bytes, mode: int = 0o644, written_s: int = 0, *, as_root: bool = True) -> None:
        """Replace a file."""
        folder = path.rsplit("/", 1)[0]
        if not self.is_folder(folder):
            raise NoSuchFile(path)
        if folder in self._private and not as_root:
            raise OSError(errno.EACCES, "Permission denied")
        old = self._files.pop(path, None)
        if self.used_bytes + len(content) > self.capacity_bytes:
            if old is not None:
                self._files[path] = old
            raise OSError(errno.ENOSPC, "No space left on device")
        self._files[path] = PhoneFile(bytearray(content), mode, written_s)

    def truncate(self, path: str) -> None:
        """Begin an empty file, as `>` does."""
        if path != "/dev/null" and path not in self._nodes:
            self.write(path, b"")

    def appender(self, path: str) -> Callable[[bytes], None]:
        """What appends to a file, or writes to a node."""
        if path == "/dev/null":
            return lambda data: None
        if path in self._nodes:
            write = self._nodes[path].write
            if write is None:
                raise OSError(errno.EACCES, "Permission denied")
            return lambda data: write(data.decode().strip())
        if path not in self._files:
            self.write(path, b"")
        return self._files[path].content.extend

    def change_mode(self, path: str, mode: int) -> None:
        """Sets the permission bits of a file."""
        if path not in self._files:
            raise NoSuchFile(path)
        self._files[path].mode = mode

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it."""
        inside = path.rstrip("/") + "/"
        for known in [p for p in self._files if p == path or p.startswith(inside)]:
            del self._files[known]
        self._folders = {f for f in self._folders if f != path.rstrip("/") and not f.startswith(inside)}
        self._private &= self._folders

    def names_in(self, folder: str) -> Iterator[str]:
        """Names of what is directly in a folder, sorted."""
        inside = folder.rstrip("/") + "/"
        everything = [*self._files, *self._nodes, *self._folders]
        yield from sorted({p[len(inside) :].split("/")[0] for p in everything if p.startswith(inside) and p != inside})

    @property
    def used_bytes(self) -> int:
        """Bytes that all files take."""
        return sum(len(file.content) for file in self._files.values())
