"""Whoever sits before this session, asked anew each time: a session may have ended since the page was drawn."""

from __future__ import annotations

import streamlit as st

from llmtrace_dashboards import access
from llmtrace_dashboards.access import AccessError, Person, Role


def person() -> Person | None:
    """By the cookie the connection came with; None: it is good no more."""
    return access.present(st.context.cookies.get(access.COOKIE, ""))


def may(role: Role) -> bool:
    """Whether what needs `role` is offered."""
    who = person()
    return who is not None and who.role >= role


def require(role: Role) -> Person:
    """Who acts, if they may; to be called where something is done, whatever the page offered.

    Raises:
        AccessError: they may not.
    """
    who = person()
    if who is None:
        raise AccessError("You are logged out: load the page again")
    if who.role < role:
        raise AccessError(f"This needs the role {role.name.lower()}; yours is {who.role.name.lower()}")
    return who
