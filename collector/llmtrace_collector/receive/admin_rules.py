"""The admin API of rules. To see and to try them a key needs the scope `operate`, to change them `admin`.

GET    /api/v1/rules           those of the rule file and edited ones, each with its source
PUT    /api/v1/rules/NAME      the keys of a rule but its name -> 201 a new one, 200 another one than before
DELETE /api/v1/rules/NAME      deletes an edited one
GET    /api/v1/rules/export    the edited ones as YAML, for a rule file
POST   /api/v1/rules/backtest  {"rule": {...}, "from": TIME, "to": TIME, "every": "1m"}: what it would have told
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from llmtrace_collector.access import Scope
from llmtrace_collector.errors import BusyError, ConfigError, ConflictError, StoreError
from llmtrace_collector.receive.refused import Fault, RefusedError

PATH = "/api/v1/rules"


class RuleDesk(Protocol):
    """What the watch lets people see and ask of rules: `watch.rule_desk.RuleDesk`."""

    def rules(self) -> dict[str, Any]:
        """All of them."""

    def put(self, name: str, content: Mapping[str, Any], *, who: str) -> tuple[bool, dict[str, Any]]:
        """Makes or changes one; whether it is new, and the rule."""

    def delete(self, name: str, *, who: str) -> None:
        """Deletes one."""

    def export(self) -> str:
        """The edited ones as YAML."""

    def backtest(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What one would have told."""


def scope_of(method: str) -> Scope:
    """What a key must be for."""
    return Scope.ADMIN if method in {"PUT", "DELETE"} else Scope.OPERATE


class RulesAdmin:
    """Answers the requests to `PATH` and below it."""

    def __init__(self, desk: RuleDesk) -> None:
        self._desk = desk

    async def answer(self, method: str, path: str, asked: Mapping[str, Any], who: str) -> tuple[int, Any]:
        """Status and body of one request; a text is YAML.

        Raises:
            RefusedError: it is none of these, or cannot be done.
        """
        work = self._work(method, path.removeprefix(PATH).removeprefix("/"), asked, who)
        if work is None:
            raise RefusedError(Fault.NOWHERE, f"there is no {method[:10]} {path[:100]}: see the admin API's page")
        try:
            return await asyncio.to_thread(work)
        except ConflictError as error:
            raise RefusedError(Fault.CONFLICT, str(error)) from error
        except ConfigError as error:
            fault = Fault.NOWHERE if method == "DELETE" else Fault.MALFORMED
            raise RefusedError(fault, str(error)) from error
        except (StoreError, BusyError) as error:
            raise RefusedError(Fault.BUSY, str(error)) from error

    def _work(self, method: str, name: str, asked: Mapping[str, Any], who: str) -> Any:
        if method == "PUT" and name:
            return partial(self._put, name, asked, who)
        if method == "DELETE" and name:
            return partial(self._delete, name, who)
        return {
            ("GET", ""): lambda: (200, self._desk.rules()),
            ("GET", "export"): lambda: (200, self._desk.export()),
            ("POST", "backtest"): lambda: (200, self._desk.backtest(asked)),
        }.get((method, name))

    def _put(self, name: str, asked: Mapping[str, Any], who: str) -> tuple[int, dict[str, Any]]:
        new, rule = self._desk.put(name, asked, who=who)
        return 201 if new else 200, rule

    def _delete(self, name: str, who: str) -> tuple[int, dict[str, Any]]:
        self._desk.delete(name, who=who)
        return 200, {"name": name, "deleted": True}
