"""TLS and mutual TLS over real sockets, with certificates that openssl made."""

from __future__ import annotations

import http.client
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.tls import Tls
from support.otlp import request, span
from support.services import Process, Stack, free_ports, stack_at
from support.waiting import wait_for

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@dataclass(frozen=True)
class Ca:
    """A certificate authority in a folder."""

    folder: Path
    name: str

    @property
    def pem(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def make(self) -> Ca:
        subject = ["-subj", f"/CN={self.name}", "-keyout", str(self.pem.with_suffix(".key")), "-out", str(self.pem)]
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", *subject
        )
        return self

    def sign(self, name: str) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and its key."""
        cert, key, asked = (self.folder / f"{name}{ending}" for ending in (".pem", ".key", ".csr"))
        new = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            str(key),
            "-out",
            str(asked),
        ]
        openssl("req", *new, "-subj", f"/CN={name}")
        extensions = self.folder / "san.txt"
        extensions.write_text("subjectAltName=IP:127.0.0.1\n")
        by = ["-CA", str(self.pem), "-CAkey", str(self.pem.with_suffix(".key")), "-CAcreateserial"]
        openssl("x509", "-req", "-in", str(asked), *by, "-days", "2", "-extfile", str(extensions), "-out", str(cert))
        return cert, key


def context(ca: Ca, identity: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(ca.pem))
    if identity:
        made.load_cert_chain(*identity)
    return made


def send(stack: Stack, tls: ssl.SSLContext) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", stack.http_port, timeout=20, context=tls)
    try:
        connection.request("POST", "/v1/traces", request(span()), {"content-type": "application/x-protobuf"})
        return connection.getresponse().status
    finally:
        connection.close()


def plain_status(port: int) -> int:
    """Of spans that are sent without TLS."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/v1/traces", request(span()), {"content-type": "application/x-protobuf"})
        return connection.getresponse().status
    finally:
        connection.close()


def send_grpc(stack: Stack, ca: Ca, identity: tuple[Path, Path] | None = None) -> grpc.StatusCode:
    pair = (identity[1].read_bytes(), identity[0].read_bytes()) if identity else (None, None)
    credentials = grpc.ssl_channel_credentials(ca.pem.read_bytes(), *pair)
    with grpc.secure_channel(f"127.0.0.1:{stack.grpc_port}", credentials) as channel:
        try:
            channel.unary_unary(_EXPORT)(request(span()), timeout=20)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def collector(stack: Stack, status_port: int, *more: str) -> Process:
    command = ["llmtrace_collector", "--data", str(stack.data), "--store-url", stack.store_url]
    command += ["--http-port", str(stack.http_port), "--grpc-port", str(stack.grpc_port)]
    command += ["--status-port", str(status_port), *more]
    return stack._run("collector", command, f"http://127.0.0.1:{status_port}/healthz")


def serial(stack: Stack, tls: ssl.SSLContext) -> str:
    import socket

    with (
        socket.create_connection(("127.0.0.1", stack.http_port), timeout=20) as plain,
        tls.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        found = wrapped.getpeercert()
    assert found
    return str(found["serialNumber"])


def test_senders_without_a_certificate_of_the_ca_get_no_connection_by_http_or_grpc(tmp_path: Path) -> None:
    ca, strangers = Ca(tmp_path, "ca").make(), Ca(tmp_path, "strangers").make()
    cert, key = ca.sign("server")
    sender, stranger = ca.sign("sender"), strangers.sign("stranger")
    (status_port,) = free_ports(1)
    given = ["--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(ca.pem)]
    with stack_at(tmp_path) as stack:
        running = collector(stack, status_port, *given, "--receivers", "2")
        assert send(stack, context(ca, sender)) == 200
        assert send_grpc(stack, ca, sender) == grpc.StatusCode.OK
        for nobody in (None, stranger):
            with pytest.raises((OSError, http.client.HTTPException)):
                send(stack, context(ca, nobody))
            assert send_grpc(stack, ca, nobody) == grpc.StatusCode.UNAVAILABLE
        with pytest.raises((OSError, http.client.HTTPException)):
            plain_status(stack.http_port)
        assert plain_status(status_port) == 404
        # Renewed files: a certificate that is none is not taken, the next one is, without a restart.
        first = serial(stack, context(ca, sender))
        cert.write_text("nonsense")
        wait_for(lambda: "the old one stays" in running.output, 30)
        assert serial(stack, context(ca, sender)) == first
        shutil.copy(ca.sign("renewed")[0], cert)
        shutil.copy(tmp_path / "renewed.key", key)
        wait_for(lambda: serial(stack, context(ca, sender)) != first, 30)
        wait_for(lambda: send_grpc(stack, ca, sender) == grpc.StatusCode.OK, 30)
        assert running.stop() == 0
        assert "Traceback" not in running.output


def test_files_that_do_not_go_together_are_told_before_anything_starts(tmp_path: Path) -> None:
    ca = Ca(tmp_path, "ca").make()
    cert, key = ca.sign("server")
    _, other = ca.sign("other")
    assert Tls(cert=cert, key=key, client_ca=ca.pem).context()
    assert Tls().context() is None
    for wrong, sentence in (
        (Tls(cert=cert), "go together"),
        (Tls(client_ca=ca.pem), "needs --tls-cert"),
        (Tls(cert=cert, key=other), "cannot be set up"),
        (Tls(cert=cert, key=tmp_path / "nothing"), "cannot be set up"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            wrong.context()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], "can be reached by others"),
        (["--insecure-allow-public", "yes"], "yes-anyone-may-send"),
        (["--tls-cert", "nothing.pem"], "go together"),
    ],
)
def test_an_address_that_others_reach_is_refused_unless_somebody_is_kept_out_or_told_in_words(
    tmp_path: Path, more: list[str], sentence: str
) -> None:
    stack = Stack.at(tmp_path)
    process = stack.command("up", *stack.up_options(), "--host", "0.0.0.0", "--no-dashboard", *more)
    assert process.popen.wait(60) == 2
    assert sentence in process.output
    stack.clean_up()
