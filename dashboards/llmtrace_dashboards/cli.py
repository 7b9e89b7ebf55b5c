"""`python -m llmtrace_dashboards`: the command line of the app."""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from llmtrace_dashboards import access, collector, database, oidc, server, token_file

PASSWORD = "LLMTRACE_CLICKHOUSE_PASSWORD"  # noqa: S105  the name of a variable
OIDC = "LLMTRACE_OIDC"
TOKEN = "LLMTRACE_DASHBOARD_TOKEN"  # noqa: S105  likewise


def main(arguments: list[str] | None = None) -> int:
    """Runs the app until it is asked to stop; the exit code: 0, or 2 when an option must be changed."""
    options = _parser().parse_args(arguments)
    try:
        database.use(address(options.clickhouse, options.user, os.environ.get(PASSWORD, "")))
        key = os.environ.get(collector.KEY, "")
        collector.use(collector.Collector.of(options.collector, key, options.collector_cert))
        provider = _provider(options.oidc or os.environ.get(OIDC, ""))
        kept = _kept(options)
        people = allowed(options.tokens, token_file.keep(kept) if kept else os.environ.get(TOKEN, ""))
        listener = server.bind(options.host, options.port)
    except (ValueError, access.AccessError, server.PortTakenError) as error:
        print(f"llmtrace dashboards: {error}", file=sys.stderr)
        return 2
    shown = f"[{options.host}]" if ":" in options.host else options.host
    print(f"llmtrace dashboards: http://{shown}:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    if kept:
        print(f"llmtrace dashboards: log in with the token in {kept}", file=sys.stderr, flush=True)
    settings = server.options(options.host, listener.getsockname()[1], _hosts(options, provider))
    server.serve(listener, settings, people, provider)
    return 0


def _kept(options: argparse.Namespace) -> Path | None:
    """The file of the token that is made here; None: another is given, or only this machine reaches the app."""
    if options.token_file:
        return Path(options.token_file).expanduser().absolute()
    others = options.tokens or options.oidc or os.environ.get(TOKEN) or os.environ.get(OIDC)
    if others or _is_loopback(options.host):
        return None
    return token_file.usual(os.environ)


def _provider(file: str) -> oidc.Oidc | None:
    if not file:
        return None
    if importlib.util.find_spec("authlib") is None or importlib.util.find_spec("httpx") is None:
        raise access.AccessError('--oidc needs Authlib and httpx: pip install "llmtrace-otel[oidc]"')
    return oidc.load(Path(file), os.environ)


def allowed(tokens: Path | None, token: str) -> tuple[access.Person, ...]:
    """Who may open the app: by the file `tokens`, else by the one `token`; (): whoever can.

    Raises:
        AccessError: a setting is wrong.
    """
    if tokens:
        try:
            text = tokens.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise access.AccessError(f"--tokens {tokens}: it cannot be read ({error})") from None
        try:
            return access.people(text)
        except access.AccessError as error:
            raise access.AccessError(f"--tokens {tokens}: {error}") from None
    if token:
        try:
            return (access.holder("admin", access.Role.ADMIN, token),)
        except access.AccessError as error:
            raise access.AccessError(f"{TOKEN}: {error}") from None
    return ()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(url: str, user: str, password: str) -> database.Address:
    """Where the store is, from `http[s]://host[:port]`.

    Raises:
        ValueError: the URL is of another form, or holds a password, which would stand in every list of processes.
    """
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError(f"--clickhouse must not hold a user or password; use --user and the variable {PASSWORD}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or port == -1
        or parts.path not in {"", "/"}
        or parts.query
    ):
        raise ValueError(f'--clickhouse "{url}" is not a ClickHouse URL; write it like http://127.0.0.1:8123')
    secure = parts.scheme == "https"
    return database.Address(
        host=parts.hostname, port=port or (8443 if secure else 8123), secure=secure, user=user, password=password
    )


def _hosts(options: argparse.Namespace, provider: oidc.Oidc | None) -> list[str]:
    """The Host names the app answers to: a page of another site must not reach it under a name of its own."""
    public = [urlsplit(provider.redirect_uri).hostname or ""] if provider else []
    return ["127.0.0.1", "localhost", "::1", options.host, *public, *options.allowed_host]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m llmtrace_dashboards", description="The llmtrace app: a web page over ClickHouse."
    )
    parser.add_argument(
        "--clickhouse", default="http://127.0.0.1:8123", metavar="URL", help="the store (default %(default)s)"
    )
    parser.add_argument(
        "--user", default="default", help=f"its user (default %(default)s); the password is read from {PASSWORD}"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8501, help="port to listen on, 0 for any free one (default %(default)s)"
    )
    parser.add_argument(
        "--collector",
        default="http://127.0.0.1:4318",
        metavar="URL",
        help=f"asked how it is, and for changes with the key in {collector.KEY}; without one the app only reads"
        " (default %(default)s)",
    )
    parser.add_argument(
        "--collector-cert",
        type=Path,
        metavar="FILE",
        help="the collector's own certificate, PEM: an https collector must show it (default: one the system trusts)",
    )
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help=f"who may open the app: NAME ROLE TOKEN a line, roles viewer, reviewer and admin; else one {TOKEN}",
    )
    tokens.add_argument(
        "--token-file",
        metavar="FILE",
        help="where a token for an admin is kept, and made at the first start; where others can reach the app and none"
        " is given, one is made in the user's folder of state",
    )
    parser.add_argument(
        "--oidc",
        default="",
        metavar="FILE",
        help=f"people log in by an OpenID provider: its settings and who has which role, TOML (default: {OIDC})",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another host name people open the app under; repeatable",
    )
    return parser
