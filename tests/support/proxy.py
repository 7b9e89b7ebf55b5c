"""A bad network between collector and store: answers that are late or never come."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_INSERT = b"FORMAT Protobuf"


class Proxy:
    """Passes on TCP to a port of loopback; what it does to answers can be changed while it runs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self.delay_s = 0.0
        """Before each answer."""
        self.lose = 0
        """So many answers to inserts are lost from now on: the store has done it, and the collector is not told."""
        self.lost = 0
        self.late = 0
        """So many answers to inserts come after `late_s` from now on."""
        self.late_s = 0.0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the collector finds the store."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Passes on nothing more."""
        self._stop.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as store:
            seen = _Seen()
            threading.Thread(target=self._forward, args=(client, store, seen), daemon=True).start()
            while answer := store.recv(65536):
                self._stop.wait(self.delay_s)
                if seen.insert and self._is_lost():
                    return
                if seen.insert and self._is_late():
                    self._stop.wait(self.late_s)
                seen.insert = False
                client.sendall(answer)

    def _is_lost(self) -> bool:
        with self._lock:
            if self.lose <= 0:
                return False
            self.lose -= 1
            self.lost += 1
            return True

    def _is_late(self) -> bool:
        with self._lock:
            if self.late <= 0:
                return False
            self.late -= 1
            return True

    @staticmethod
    def _forward(client: socket.socket, store: socket.socket, seen: _Seen) -> None:
        tail = b""
        with suppress(OSError):
            while data := client.recv(65536):
                if _INSERT in tail + data:
                    seen.insert = True
                tail = data[-len(_INSERT) :]
                store.sendall(data)
            store.shutdown(socket.SHUT_WR)


class _Seen:
    """Whether an insert went by on a connection since its last answer."""

    insert = False
