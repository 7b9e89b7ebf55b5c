"""OTLP over gRPC: the Export methods of the three services, without a deserialiser: the body arrives as bytes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn

import grpc
import grpc.aio

from llmtrace_collector import otlp
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.landings import LANDINGS
from llmtrace_collector.receive.door import MAX_REQUEST_BYTES, Door
from llmtrace_collector.receive.refused import RETRY, Fault, RefusedError
from llmtrace_collector.signals import Signal

log = logging.getLogger(__name__)

_SERVICES = {
    Signal.TRACES: "trace.v1.TraceService",
    Signal.LOGS: "logs.v1.LogsService",
    Signal.METRICS: "metrics.v1.MetricsService",
}
_METHODS = {f"/opentelemetry.proto.collector.{_SERVICES[signal]}/Export": signal for signal in LANDINGS}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcReceiver(grpc.GenericRpcHandler):
    """Serves the one method each signal comes by."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler for a call; None: the server answers UNIMPLEMENTED."""
        signal = _METHODS.get(handler_call_details.method)
        if signal is None:
            return None
        return grpc.unary_unary_rpc_method_handler(partial(self._export, signal))

    async def _export(self, signal: Signal, body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        metadata = {key: value for key, value in context.invocation_metadata() or () if key == "authorization"}
        try:
            caller = self._door.authorize(str(metadata.get("authorization", "")).encode())
            self._door.hold(len(body))
            try:
                accepted = await self._door.accept(signal, body, transport="grpc", project=caller.project)
            finally:
                self._door.hold(-len(body))
        except RefusedError as refused:
            await _refuse(context, refused)
        except Exception:
            log.exception("a request failed in a way nobody thought of")
            await _refuse(context, RefusedError(Fault.BUSY, "the collector failed; send it again"))
        if not accepted.rejected:
            return b""
        return otlp.response(signal, rejected=accepted.rejected, message=accepted.message).SerializeToString()


async def _refuse(context: grpc.aio.ServicerContext[Any, Any], refused: RefusedError) -> NoReturn:
    trailers: list[tuple[str, bytes]] = []
    if refused.fault is Fault.BUSY:
        # The Python exporter looks for the hint here, not in the status details.
        trailers.append(("google.rpc.retryinfo-bin", RETRY.SerializeToString()))
    trailers.append(("grpc-status-details-bin", refused.status.SerializeToString()))
    await context.abort(_CODES[refused.fault.grpc_code], str(refused), tuple(trailers))


_LIMITS = (
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.max_metadata_size", 32 * 1024),
    ("grpc.absolute_max_metadata_size", 32 * 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 300_000),
    # Dead peers are found; exporters that ping often are not sent away.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


async def serve_grpc(
    door: Door, host: str, port: int, *, shared: bool = False, credentials: grpc.ServerCredentials | None = None
) -> Callable[[float], Awaitable[None]]:
    """Starts the gRPC server and gives the function that stops it, with a grace in seconds.

    With `credentials` it takes TLS only. A `shared` port is one that other processes of ours listen on too.

    Raises:
        ConfigError: the port is taken.
    """
    server = grpc.aio.server(
        options=[*_LIMITS, ("grpc.so_reuseport", int(shared))],
    )
    server.add_generic_rpc_handlers((GrpcReceiver(door),))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError as error:
        bound = 0
        cause: Exception | None = error
    else:
        cause = None
    if not bound:
        raise ConfigError(
            f"port {port} on {host} is already in use: stop the program that has it, or choose another with --grpc-port"
        ) from cause
    await server.start()
    return server.stop
