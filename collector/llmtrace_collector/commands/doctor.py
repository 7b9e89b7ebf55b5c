"""`llmtrace doctor`: walks the way of a span from this machine and says at each step what is wrong and what to do.

openai client -> endpoint -> collector answers -> is it ours, of this version -> key -> clock -> store -> spans
"""

from __future__ import annotations

import argparse
import email.utils
import http.client
import importlib.metadata
import itertools
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.database import Address
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.names import CLICKHOUSE_PASSWORD, INGEST_KEY, VERSION_HEADER

_CLICKHOUSE, _STORE_PORT = "LLMTRACE_CLICKHOUSE", "LLMTRACE_STORE_PORT"
"""Those of `llmtrace up`: its table of options needs packages that the plain install has not."""

_MOST_SKEW_S = 5.0
_MOST_WAIT_S = 300.0

_NOT_HTTP = "what answers there does not speak HTTP"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one step found."""

    good: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer; status 0: nobody answered, and `body` says why."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str]


def main(argv: Sequence[str]) -> int:
    """Prints what was found; 0 when nothing is wrong, 1 when something is."""
    parser = argparse.ArgumentParser(prog="llmtrace doctor", description="Say what is wrong, from app to store.")
    parser.add_argument(
        "--endpoint", default=_endpoint(os.environ), help="where apps send spans (default: %(default)s)"
    )
    where = f"the store to look into (default: {_CLICKHOUSE}, else the port {_STORE_PORT})"
    parser.add_argument("--store-url", metavar="URL", help=where)
    given = parser.parse_args(argv)
    store_url = (given.store_url or _store_url(os.environ)).rstrip("/")
    return guarded("doctor", lambda: _examine(given.endpoint.rstrip("/"), store_url))


def _endpoint(environ: Mapping[str, str]) -> str:
    """Where the instrument on this machine would send, by OpenTelemetry's variables."""
    traces = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
    return (
        traces.removesuffix("/v1/traces") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "") or "http://127.0.0.1:4318"
    )


def _store_url(environ: Mapping[str, str]) -> str:
    """Where `llmtrace up` with the same variables has its store."""
    return environ.get(_CLICKHOUSE, "") or f"http://127.0.0.1:{environ.get(_STORE_PORT) or 8123}"


def _address(url: str, environ: Mapping[str, str]) -> Address:
    """The store at `url`, with the password for a user that is named, or for the server of the environment.

    Raises:
        ConfigError: `url` is no address of ClickHouse.
    """
    ours = "@" in url or url == environ.get(_CLICKHOUSE, "").rstrip("/")
    return Address.parse(url, password=environ.get(CLICKHOUSE_PASSWORD, "") if ours else "")


def _examine(endpoint: str, store_url: str) -> int:
    findings = []
    steps = (_client(), _form(endpoint) or _collector(endpoint), _form(store_url) or _store(store_url))
    for finding in itertools.chain.from_iterable(steps):
        say(f"{'ok   ' if finding.good else 'WRONG'}  {finding.text}")
        findings.append(finding)
    wrong = sum(not finding.good for finding in findings)
    say(f"\n{wrong} to mend" if wrong else "\nnothing is wrong")
    return 1 if wrong else 0


def _client() -> Iterator[Finding]:
    try:
        version = importlib.metadata.version("openai")
    except importlib.metadata.PackageNotFoundError:
        yield Finding(good=False, text="the openai package is not installed here: pip install openai")
        return
    yield Finding(good=True, text=f"openai {version} is installed")


def _form(url: str) -> list[Finding]:
    """What is wrong with the text of an address; empty when nothing is."""
    shown = re.sub(r"//[^@/]*@", "//***@", url)
    if "://" not in url:
        return [Finding(good=False, text=f"{shown} does not begin with http://: write http://{shown}")]
    try:
        parts = urllib.parse.urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    return [] if sound else [Finding(good=False, text=f"{shown} is no address: write it like http://127.0.0.1:4318")]


def _collector(endpoint: str) -> Iterator[Finding]:
    health = _ask(f"{endpoint}/healthz")
    if health.status == 0:
        yield Finding(good=False, text=_nobody(endpoint, health.body.decode()))
        return
    version = health.headers.get(VERSION_HEADER, "")
    if not version:
        text = f"{endpoint} answers, but it is no llmtrace collector: check the port in OTEL_EXPORTER_OTLP_ENDPOINT"
        yield Finding(good=False, text=text)
        return
    text = health.body.decode(errors="replace").strip()
    yield Finding(good=health.status == 200, text=f"the collector at {endpoint} says: {text}")
    yield _versions(version)
    yield _key(endpoint)
    yield _clock(health.headers.get("date", ""))
    yield from _ready(_ask(f"{endpoint}/readyz"))


def _ready(reply: Reply) -> Iterator[Finding]:
    """What the collector says of its log and its store."""
    try:
        told = json.loads(reply.body)
        backlog, store = told["backlog"], told["store"]
    except (ValueError, KeyError, TypeError):
        return  # of another version, or just starting
    if not store["reachable"]:
        yield Finding(good=False, text=f"the collector does not reach its store: {store['why']}")
    waits = f"{backlog['bytes']:,} bytes wait for the store, the oldest for {backlog['oldest_s']:,.0f} s"
    late = backlog["oldest_s"] > _MOST_WAIT_S
    yield Finding(good=not late, text=f"{waits}: look into the collector's and the store's logs" if late else waits)
    if told.get("dead_letters"):
        text = f"{told['dead_letters']} dead letters could not be stored: see `llmtrace wal inspect`"
        yield Finding(good=False, text=text)
    for signal, terms in told.get("items", {}).items():
        if terms.get("missing"):
            text = f"{terms['missing']:,} {signal} were accepted and are nowhere: see docs/reference/telemetry.md"
            yield Finding(good=False, text=text)


def _nobody(endpoint: str, reason: str) -> str:
    if urllib.parse.urlsplit(endpoint).port == 4317:
        return f"{endpoint} is the port for gRPC; the instrument sends over HTTP: use port 4318"
    if reason == _NOT_HTTP:
        return f"{endpoint} answers, but not in HTTP: is it the gRPC port? Spans go over HTTP, by default to port 4318"
    remedy = "start the collector with `llmtrace up`, or set OTEL_EXPORTER_OTLP_ENDPOINT"
    return f"nobody answers at {endpoint} ({reason}): {remedy}"


def _versions(theirs: str) -> Finding:
    ours = importlib.metadata.version("llmtrace-otel")
    if ours.split(".")[:2] == theirs.split(".")[:2]:
        return Finding(good=True, text=f"llmtrace is {ours} here and {theirs} there")
    return Finding(good=False, text=f"llmtrace is {ours} here but {theirs} there: upgrade the older one")


def _key(endpoint: str) -> Finding:
    key = os.environ.get(INGEST_KEY, "")
    headers = {"content-type": "application/x-protobuf", **({"authorization": f"Bearer {key}"} if key else {})}
    # An empty ExportTraceServiceRequest: valid, and stores nothing.
    reply = _ask(f"{endpoint}/v1/traces", data=b"", headers=headers)
    if reply.status == 200:
        return Finding(good=True, text="spans are accepted" + (" with the key" if key else ""))
    if reply.status == 401:
        return Finding(
            good=False,
            text=f"the collector wants {'another' if key else 'a'} key: set {INGEST_KEY} as it was set there",
        )
    return Finding(good=False, text=f"spans are answered with HTTP {reply.status}: see the collector's log")


def _clock(date: str) -> Finding:
    try:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Finding(good=True, text="the collector tells no time, so clocks were not compared")
    skew = time.time() - theirs
    if abs(skew) > _MOST_SKEW_S:
        return Finding(good=False, text=f"the clock here is {skew:+.0f} s from the collector's: set both by NTP")
    return Finding(good=True, text="the clocks agree")


def _store(url: str) -> Iterator[Finding]:
    try:
        address = _address(url, os.environ)
    except ConfigError as error:
        yield Finding(good=False, text=str(error))
        return
    if _ask(f"{address.shown}/ping").status != 200:
        text = f"no store answers at {address.shown}: start it with `llmtrace up`, or give --store-url"
        yield Finding(good=False, text=text)
        return
    sql = "SELECT count() AS n, toString(max(received_at)) AS newest FROM llmtrace.spans FORMAT JSONEachRow"
    headers = {"x-clickhouse-user": address.username, "x-clickhouse-key": address.password}
    reply = _ask(f"{address.shown}/?{urllib.parse.urlencode({'query': sql})}", headers=headers)
    if reply.status in {401, 403}:
        text = f"the store at {address.shown} refuses user {address.username!r}: check the user and the password"
        yield Finding(good=False, text=text)
        return
    if reply.status != 200:
        told = reply.body.decode(errors="replace")[:200].strip()
        yield Finding(good=False, text=f"the store at {address.shown} cannot be read: {told}")
        return
    row = json.loads(reply.body)
    if not int(row["n"]):
        yield Finding(
            good=False, text="nothing was received yet: call llmtrace.instrument() in an app and make one call"
        )
    else:
        yield Finding(good=True, text=f"{int(row['n']):,} spans are stored, the newest came {row['newest'][:19]} UTC")


def _ask(url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data=data, headers=dict(headers or {})), timeout=5) as response:  # noqa: S310
            return Reply(status=response.status, body=response.read(1_000_000), headers=_lower(response.headers))
    except urllib.error.HTTPError as error:
        return Reply(status=error.code, body=error.read(), headers=_lower(error.headers))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Reply(status=0, body=str(reason).encode(), headers={})
    except http.client.HTTPException:
        return Reply(status=0, body=_NOT_HTTP.encode(), headers={})


def _lower(headers: object) -> dict[str, str]:
    return {str(k).lower(): str(v) for k, v in getattr(headers, "items", dict)()}
