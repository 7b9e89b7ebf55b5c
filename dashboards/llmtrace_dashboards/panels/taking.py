"""What can be taken away of a panel: the rows behind it as a file, and its SQL. A chart has a PNG in its toolbar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from llmtrace_dashboards import database
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.exports import as_csv, as_parquet
from llmtrace_dashboards.queries.query import Query

_MOST = 6
"""Queries of a panel that are offered."""


@st.fragment
def menu(asked: Sequence[Query], key: str, title: str) -> None:
    """The menu of the panel called `key`; drawn when it is opened, and then without the panel."""
    opener = st.popover(
        "Export", icon=":material/download:", type="tertiary", key=f"menu_{key}", on_change="rerun", wrap=False
    )
    if not opener.open:
        return
    with opener:
        st.markdown(f"**{title}**")
        for number, query in enumerate(_different(asked)[:_MOST]):
            _rows(query, f"{key}_{number}")


def _rows(query: Query, key: str) -> None:
    st.caption(f"Query {code(query.name)}, in the units of the tables")
    end = datetime.fromtimestamp(query.params["end_ms"] / 1000, UTC)
    with st.container(horizontal=True):
        files(partial(database.rows, query), f"{query.name}-{end:%Y%m%dT%H%M%SZ}", f"take_{key}")
    st.code(as_sql(query), language="sql", height=160)


def files(rows: Callable[[], Sequence[Mapping[str, Any]]], name: str, key: str) -> None:
    """What `rows` answers as CSV and Parquet, made when it is asked for."""
    for label, mime, written in (
        ("CSV", "text/csv", as_csv),
        ("Parquet", "application/vnd.apache.parquet", as_parquet),
    ):
        st.download_button(
            label,
            partial(_file, rows, written),
            file_name=f"{name}.{label.lower()}",
            mime=mime,
            icon=":material/download:",
            on_click="ignore",
            key=f"{key}_{label.lower()}",
        )


def _file(rows: Callable[[], Any], written: Callable[[Any], str | bytes]) -> str | bytes:
    return written(rows())


def as_sql(query: Query) -> str:
    """The query for a client of ClickHouse: its parameters, then its text."""
    sql, params = query.made()
    given = (f"SET param_{name} = {_literal(value)};" for name, value in params.items())
    return "\n".join([*given, sql])


def _literal(value: object) -> str:
    """A value as `SET param_name` takes it: a text, of which a plain one is unescaped once more and a list is not."""
    if isinstance(value, (list, tuple)):
        return _quoted("[" + ", ".join(_quoted(one) if isinstance(one, str) else str(one) for one in value) + "]")
    return _quoted(_escaped(value) if isinstance(value, str) else str(value))


def _quoted(text: str) -> str:
    return "'" + _escaped(text).replace("'", "\\'") + "'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\0", "\\0")


def _different(asked: Sequence[Query]) -> list[Query]:
    found: list[Query] = []
    for query in asked:
        if query not in found:
            found.append(query)
    return found
