"""Optuna's dashboard on the trials of a storage."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

from search.errors import StorageUnusable, TrainingUnavailable
from search.studies.storage import close_storage, open_storage

HOST = "127.0.0.1"
"""Only this computer: the dashboard lets everyone who reaches it change studies."""


class _Silent(WSGIRequestHandler):
    """Writes no line for every request."""

    def log_message(self, format: str, *args: object) -> None:
        return


def serve_dashboard(url: str, port: int, say_address: Callable[[str], None]) -> None:
    """Serves until it is interrupted.

    Raises:
        TrainingUnavailable: the dashboard is not installed.
        StorageUnusable: the storage cannot be reached, or the port is taken.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise TrainingUnavailable(
            f"the dashboard does not load: {error}",
            "install it where this project is installed: pip install -e '.[train]'",
        ) from error
    storage = open_storage(url)
    try:
        try:
            server = make_server(HOST, port, wsgi(storage), handler_class=_Silent)
        except OSError as error:
            raise StorageUnusable(
                f"port {port} cannot be served: {error.strerror}", "give another one: --port"
            ) from error
        with server:
            # In a thread of its own: a Ctrl-C in the middle of an answer would be taken for an error of that answer.
            thread = Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                # A user who is told that Ctrl-C ends it may press it at once.
                say_address(f"http://{HOST}:{server.server_port}")
                thread.join()
            except KeyboardInterrupt:
                server.shutdown()
    finally:
        close_storage(storage)
