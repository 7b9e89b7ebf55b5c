"""A receiver of webhooks in a process of its own: python bad_receiver.py PORT FOLDER.

FOLDER/mode says how it behaves, read anew for each request; FOLDER/requests has a JSON line for each that it read.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        mode = (FOLDER / "mode").read_text()
        line = {"id": self.headers["webhook-id"], "path": self.path, "mode": mode, "body": body.decode()}
        with (FOLDER / "requests").open("a") as log:
            log.write(json.dumps(line) + "\n")
        if mode == "slow":
            time.sleep(1.0)
        elif mode == "closes early":
            self.wfile.write(b"HTTP/1.1 ")
        elif mode == "resets":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.send_response(int(mode))
            if mode.startswith("3"):
                self.send_header("location", f"http://127.0.0.1:{PORT}/elsewhere")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
