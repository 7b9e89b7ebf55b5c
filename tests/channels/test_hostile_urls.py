"""120 ways to make the collector ask this machine: none reaches the canary that listens here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.samples import notice
from llmtrace_collector.channels import Allowed, Discord, Gateway, Sender
from llmtrace_collector.channels.addresses import BLOCKED, objection
from llmtrace_collector.errors import ConfigError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

LITERALS = (Path(__file__).parent / "hostile_hosts.txt").read_text(encoding="utf-8").splitlines()
"""Hosts in place of one: addresses in every spelling the system's resolver takes, and some it does not."""

NAMES = {
    "localhost": ["127.0.0.1"],
    "LOCALHOST": ["127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "127.0.0.1.rebind.example": ["127.0.0.1"],
    "six.rebind.example": ["::1"],
    "mapped.rebind.example": ["::ffff:127.0.0.1"],
    "both.rebind.example": ["93.184.216.34", "127.0.0.1"],
    "both6.rebind.example": ["2606:2800:220:1::1", "::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "scoped.rebind.example": ["fe80::1%lo"],
    "nat64.rebind.example": ["64:ff9b::7f00:1"],
}
"""What a hostile name server says."""

WRITTEN = (Path(__file__).parent / "hostile_urls.txt").read_text(encoding="utf-8").splitlines()
"""Whole URLs, where two readers could see two hosts."""

MORE = (
    "http://127.0.0.1:{port}/\r\nX: y",
    "http://127.0.\n0.1:{port}/",
    "http://127.0.0.1\t:{port}/",
    " http://127.0.0.1:{port}/",
)


@dataclass
class Canary:
    """Listens on loopback, IPv4 and IPv6, on one port; counts whoever connects."""

    port: int = 0
    visits: list[Any] = field(default_factory=list)


@pytest.fixture
def canary() -> Iterator[Canary]:
    found = Canary()
    four = socket.create_server(("127.0.0.1", 0))
    found.port = four.getsockname()[1]
    listening = [four]
    with suppress(OSError):
        listening.append(socket.create_server(("::1", found.port), family=socket.AF_INET6))

    def take(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, peer = server.accept()
                found.visits.append(peer)
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
                connection.close()

    threads = [threading.Thread(target=take, args=[server]) for server in listening]
    for thread in threads:
        thread.start()
    yield found
    for server, thread in zip(listening, threads, strict=True):
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def resolve(host: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
    """The system's resolver for addresses in any spelling, the hostile name server for its names, no other."""
    spoken = NAMES.get(host, NAMES.get(host.lower()))
    found = []
    for address in spoken or [host]:
        if spoken is None and not set(host.lower()) <= set("0123456789abcdefx.:%lo"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found += socket.getaddrinfo(address, port, **options)
    return found


def urls(port: int) -> list[str]:
    hosts = [*LITERALS, *NAMES]
    return [f"http://{host}:{port}/hook" for host in hosts] + [
        text.replace("{port}", str(port)) for text in (*WRITTEN, *MORE)
    ]


def attempt(url: str, allow: str = "") -> str:
    """What an attempt comes to: the error, or the status."""
    sender = Sender(Gateway(Allowed.parse(allow), resolve), timeout_s=5)
    answer = sender(Discord(name="x", url=url).message(notice(), NOW))
    return answer.error or str(answer.status)


def test_no_hostile_url_reaches_this_machine(canary: Canary) -> None:
    everything = urls(canary.port)
    assert len(everything) >= 120
    said = {url: attempt(url) for url in everything}
    assert canary.visits == []
    assert [url for url, error in said.items() if error.isdigit()] == []
    shown = [error.replace("https://example.com/hook", "") for error in said.values()]
    assert not any("/hook" in error or "user:" in error for error in shown)
    assert attempt(f"http://127.0.0.1:{canary.port}/", allow="127.0.0.0/8") == "204"  # it would have seen them
    assert len(canary.visits) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_this_machine_is_not_followed(canary: Canary, status: int) -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:

        def redirect() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                place = f"http://127.0.0.1:{canary.port}/"
                connection.sendall(f"HTTP/1.1 {status} Go\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=redirect)
        thread.start()
        assert attempt(f"http://127.0.0.2:{server.getsockname()[1]}/", allow="127.0.0.2") == str(status)
        thread.join()
    assert canary.visits == []


def test_a_name_is_resolved_once_and_what_was_judged_is_connected_to(canary: Canary) -> None:
    """A name server that says something harmless first and this machine afterwards gains nothing."""
    asked = []

    def rebinding(host: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        address = "127.0.0.3" if len(asked) == 1 else "127.0.0.1"
        return socket.getaddrinfo(address, port, **options)

    sender = Sender(Gateway(Allowed.parse("127.0.0.3"), rebinding), timeout_s=5)
    answer = sender(Discord(name="x", url=f"http://rebind.example:{canary.port}/").message(notice(), NOW))
    assert answer.error == "the connection is refused"
    assert (asked, canary.visits) == (["rebind.example"], [])


def test_a_host_that_is_allowed_by_name_may_lead_anywhere_and_no_other_does(canary: Canary) -> None:
    assert attempt(f"http://localhost:{canary.port}/", allow="localhost") == "204"
    assert attempt(f"http://LOCALHOST.:{canary.port}/", allow="Localhost.") == "204"
    assert "not public" in attempt(f"http://127.0.0.1:{canary.port}/", allow="localhost")
    assert "not public" in attempt(f"http://both.rebind.example:{canary.port}/", allow="rebind.example")
    assert len(canary.visits) == 2


def test_at_least_28_ranges_are_blocked_at_both_ends() -> None:
    assert len(BLOCKED) >= 28
    for network in BLOCKED:
        for address in (network[0], network[-1]):
            assert "not public" in objection(str(address), Allowed())


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_in_whatever_it_is_wrapped(four: IPv4Address) -> None:
    inside = int(four)
    wrapped = [
        (0xFFFF << 32) | inside,
        (0x0064FF9B << 96) | inside,
        (0x2002 << 112) | (inside << 80),
        (0x20010000 << 96) | (inside ^ 0xFFFFFFFF),
    ]
    every = Allowed.parse("::/0")  # so that only what is inside is judged
    bare = bool(objection(str(four), Allowed()))
    for number in wrapped[:3]:
        assert bool(objection(str(ip_address(number)), every)) == bare
    assert bool(objection(str(ip_address(wrapped[3])), every)) is True  # Teredo's server is 0.0.0.0 here
    for number in wrapped:
        assert objection(str(ip_address(number)), Allowed())


@given(st.ip_addresses())
def test_what_the_world_cannot_reach_is_not_reached(address: Any) -> None:
    """The standard library's own judgement, which knows fewer ranges, is never stricter than ours."""
    if not address.is_global or address.is_multicast or (address.is_reserved and address.version == 4):
        unassigned = address.version == 6 and address not in ip_network("2000::/3")
        assert objection(str(address), Allowed()) or unassigned


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_fine(address: str) -> None:
    assert objection(address, Allowed()) == ""


@pytest.mark.parametrize(
    "text", ["http://hooks.internal", "hooks.internal:80", "10.0.0.0/33", "10.0.0.1/8", "a b", "-x"]
)
def test_what_is_neither_host_nor_network_cannot_be_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--notify-allow: .* is neither a host nor a network"):
        Allowed.parse(f"127.0.0.1,{text}")
