"""The admin API on the collector's HTTP port, for holders of a key with the scope `admin`. JSON in, JSON out.

    GET    /api/v1/keys        every key, without what opens doors
    POST   /api/v1/keys        {"name": ..., "project": ..., "scopes": [...]} -> 201, with the key's text, this once
    DELETE /api/v1/keys/ID     revokes it

and what `admin_alerts` and `admin_rules` say.

What is done is in audit.jsonl, durably, before it is answered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from llmtrace_collector.access import DEFAULT_PROJECT, Scope
from llmtrace_collector.access.keys import scopes_of
from llmtrace_collector.access.register import Register
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.receive.admin_alerts import PATHS, AlertsAdmin, Desk, actor
from llmtrace_collector.receive.admin_rules import PATH as RULES
from llmtrace_collector.receive.admin_rules import RuleDesk, RulesAdmin, scope_of
from llmtrace_collector.receive.answers import JSON, Send, answer
from llmtrace_collector.receive.body import Receive
from llmtrace_collector.receive.door import Door
from llmtrace_collector.receive.json_body import read_object
from llmtrace_collector.receive.refused import Fault, RefusedError

PREFIX = "/api/v1/"

_KEYS = "/api/v1/keys"


class Admin:
    """Answers the requests below `PREFIX`."""

    def __init__(self, door: Door, register: Register, desk: Desk, rule_desk: RuleDesk) -> None:
        self._door = door
        self._register = register
        self._alerts = AlertsAdmin(desk)
        self._rules = RulesAdmin(rule_desk)

    async def answer(
        self, method: str, path: str, headers: Mapping[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        """One request.

        Raises:
            RefusedError: it is none of these, or its sender may not.
        """
        about_rules = path == RULES or path.startswith(f"{RULES}/")
        if about_rules or path.startswith(PATHS):
            scope = scope_of(method) if about_rules else Scope.OPERATE
            who = self._who(headers, scope)
            asked = await read_object(receive) if method in {"POST", "PUT"} else {}
            room = self._rules if about_rules else self._alerts
            await _send(send, *await room.answer(method, path, asked, who))
            return
        who = self._who(headers, Scope.ADMIN)
        if path == _KEYS and method == "GET":
            keys = await asyncio.to_thread(self._register.all)
            await _send(send, 200, {"keys": [key.shown() for key in keys]})
        elif path == _KEYS and method == "POST":
            await _send(send, 201, await self._create(await read_object(receive), who))
        elif path.startswith(f"{_KEYS}/") and method == "DELETE":
            await _send(send, 200, await self._revoke(path.removeprefix(f"{_KEYS}/"), who))
        else:
            raise RefusedError(
                Fault.NOWHERE,
                f"there is no {method[:10]} {path[:100]}: GET and POST {_KEYS} and DELETE {_KEYS}/ID are all there is",
            )

    def _who(self, headers: Mapping[bytes, bytes], scope: Scope) -> str:
        caller = self._door.authorize(headers.get(b"authorization", b""), scope)
        return actor(caller.key_id, headers.get(b"x-llmtrace-actor", b""))

    async def _create(self, asked: Mapping[str, Any], who: str) -> dict[str, Any]:
        unknown = asked.keys() - {"name", "project", "scopes"}
        if unknown:
            raise _wrong(f'"{min(unknown)[:50]}" is not a field: name, project and scopes are')
        name, project = asked.get("name"), asked.get("project", DEFAULT_PROJECT)
        scopes = asked.get("scopes", [Scope.INGEST])
        if not isinstance(name, str) or not isinstance(project, str) or not _is_words(scopes):
            raise _wrong("name and project are texts, scopes is a list of texts")
        try:
            create = partial(self._register.create, name=name, project=project, scopes=scopes_of(scopes), who=who)
            key, text = await asyncio.to_thread(create)
        except ConfigError as error:
            raise _wrong(str(error)) from error
        return {"key": text, **key.shown()}

    async def _revoke(self, key_id: str, who: str) -> dict[str, Any]:
        try:
            key = await asyncio.to_thread(partial(self._register.revoke, key_id, who=who))
        except ConfigError as error:
            raise RefusedError(Fault.NOWHERE, str(error)) from error
        return key.shown()


def _is_words(scopes: Any) -> bool:
    return isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes)


def _wrong(sentence: str) -> RefusedError:
    return RefusedError(Fault.MALFORMED, sentence)


async def _send(send: Send, status: int, value: Any) -> None:
    is_yaml = isinstance(value, str)
    body, kind = (value, b"application/yaml") if is_yaml else (json.dumps(value), JSON)
    # A key's text may be in it: no cache may keep that.
    await answer(send, status, body.encode(), [(b"content-type", kind), (b"cache-control", b"no-store")])
