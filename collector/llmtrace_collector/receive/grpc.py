"""OTLP over gRPC: TraceService/Export, without a deserialiser, so that the body arrives as bytes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.receive.door import MAX_REQUEST_BYTES, RETRY_AFTER_S, Door, Fault, RefusedError

log = logging.getLogger(__name__)

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcReceiver(grpc.GenericRpcHandler):
    """Serves the one method spans come by."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler for a call; None: the server answers UNIMPLEMENTED."""
        if handler_call_details.method != _EXPORT:
            return None
        return grpc.unary_unary_rpc_method_handler(self._export)

    async def _export(self, body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        metadata = {key: value for key, value in context.invocation_metadata() or () if key == "authorization"}
        try:
            self._door.check_key(str(metadata.get("authorization", "")).encode())
            self._door.hold(len(body))
            try:
                await self._door.accept(body)
            finally:
                self._door.hold(-len(body))
        except RefusedError as refused:
            await _refuse(context, refused)
        except Exception:
            log.exception("a request failed in a way nobody thought of")
            await _refuse(context, RefusedError(Fault.BUSY, "the collector failed; send it again"))
        return b""


async def _refuse(context: grpc.aio.ServicerContext[Any, Any], refused: RefusedError) -> None:
    status = Status(code=refused.fault.grpc_code, message=str(refused))
    trailers: list[tuple[str, bytes]] = []
    if refused.fault is Fault.BUSY:
        info = RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S))
        status.details.add().Pack(info)
        # The Python exporter looks for the hint here, not in the status details.
        trailers.append(("google.rpc.retryinfo-bin", info.SerializeToString()))
    trailers.append(("grpc-status-details-bin", status.SerializeToString()))
    await context.abort(_CODES[refused.fault.grpc_code], str(refused), tuple(trailers))


async def serve_grpc(door: Door, host: str, port: int) -> Callable[[float], Awaitable[None]]:
    """Starts the gRPC server and gives the function that stops it, with a grace in seconds.

    Raises:
        ConfigError: the port is taken.
    """
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", MAX_REQUEST_BYTES), ("grpc.so_reuseport", 0)],
    )
    server.add_generic_rpc_handlers((GrpcReceiver(door),))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
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
