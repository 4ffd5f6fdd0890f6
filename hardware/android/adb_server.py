"""The computer's own adb server: is it there, and start it.

adbutils starts a server by itself when it finds none, without a word and always on port 5037. So its client is used in
a form that asks first: a server that has gone is an error that the recovery ladder sees, and starting one is a step
of it.
"""

from __future__ import annotations

import socket
import subprocess
from typing import Any

import adbutils

_ANSWER_TIMEOUT_S = 5.0
_START_TIMEOUT_S = 20.0


class AskingClient(adbutils.AdbClient):  # type: ignore[misc]
    """adbutils' client, but without a server it says so, and starts none.

    Args:
        socket_timeout: longest silence, in seconds.
    """

    def __init__(self, host: str, port: int, socket_timeout: float | None = None) -> None:
        super().__init__(host, port, socket_timeout)
        self._asked = (host, port)

    def make_connection(self, timeout: float | None = None) -> Any:
        """A connection to the server.

        Raises:
            OSError: there is none.
        """
        server_answers(*self._asked)
        return super().make_connection(timeout)


def server_answers(host: str, port: int) -> None:
    """Return if something listens there.

    Raises:
        OSError: nothing does.
    """
    with socket.create_connection((host, port), _ANSWER_TIMEOUT_S):
        return


def start_server(port: int) -> None:
    """Start the adb server of this computer; nothing happens where one runs.

    The program is the `adb` of the path, or the one that adbutils brings.

    Raises:
        OSError: it does not start.
    """
    command = [adbutils.adb_path(), "-P", str(port), "start-server"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_START_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"`{' '.join(command)}` does not end") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise OSError(f"`{' '.join(command)}`: {said or f'exit code {done.returncode}'}")
