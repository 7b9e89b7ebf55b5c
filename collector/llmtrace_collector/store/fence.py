"""What a stranger may run: one read over our tables, judged on the engine's own parse tree by allow-lists.

A deny-list would miss something: `readonly=1` stops table functions, but not the scalar `file()`, `INTO OUTFILE` or
`KILL QUERY` (tried on engine 26.9). So the statement is formatted by the engine (one statement, no comments), its
`EXPLAIN AST` is walked line by line, and every node kind, function, table and output format must be known here::

    SelectWithUnionQuery            kind on NODES
     ExpressionList
      SelectQuery
       TablesInSelectQuery
        TableExpression
         TableIdentifier x.y        database and table on TABLES
         Function numbers           below TableExpression: on TABLE_FUNCTIONS
      Function count                elsewhere: on allowed_functions.txt, or one of those with combinators
       ExpressionList
        Identifier file             first of several arguments of one of TAKES_A_FUNCTION: may be a function, refused
     Literal 'f'                    directly below the query: INTO OUTFILE, refused
     Identifier JSON                directly below the query: on FORMATS

What runs is the formatted text that was judged, not what came in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files

from llmtrace_collector.database import DATABASE
from llmtrace_collector.store.tree import Node, RefusedError, nodes


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NODES = _words("""
    ArrayJoin Asterisk ColumnsExceptTransformer ColumnsListMatcher ColumnsRegexpMatcher
    ColumnsReplaceTransformer ColumnsTransformerList DescribeQuery ExistsDatabaseQuery ExistsTableQuery Explain
    ExpressionList Function Identifier InterpolateElement Literal OrderByElement QualifiedAsterisk
    QualifiedColumnsListMatcher QueryParameter SampleRatio SelectIntersectExceptQuery SelectQuery
    SelectWithUnionQuery ShowColumns ShowCreateTableQuery ShowTables Subquery TableExpression TableIdentifier
    TableJoin TablesInSelectQuery TablesInSelectQueryElement WindowDefinition WindowListElement WithElement
""")
QUERIES = _words("""
    DescribeQuery ExistsDatabaseQuery ExistsTableQuery Explain SelectIntersectExceptQuery SelectWithUnionQuery
    ShowColumns ShowCreateTableQuery ShowTables
""")
TABLE_FUNCTIONS = frozenset({"generate_series", "generateseries", "null", "numbers", "numbers_mt", "values", "zeros"})
SYSTEM_TABLES = _words("""
    asynchronous_metrics columns data_type_families databases formats functions merges metrics numbers one parts
    settings table_functions tables time_zones
""")
NAMES_ONLY = _words("""
    data_type_families databases formats functions numbers one settings table_functions time_zones
""")
"""Those of system that tell nothing of what is stored, not even how much."""
FORMATS = _words("""
    arrow arrowstream avro csv csvwithnames csvwithnamesandtypes json jsoncolumns jsoncompact jsoncompacteachrow
    jsoncompacteachrowwithnames jsoncompacteachrowwithnamesandtypes jsoneachrow jsonlines jsonstrings markdown
    native ndjson null orc parquet pretty prettycompact prettycompactmonoblock prettyspace rawblob rowbinary
    rowbinarywithnames rowbinarywithnamesandtypes tabseparated tabseparatedraw tabseparatedwithnames
    tabseparatedwithnamesandtypes tskv tsv tsvraw tsvwithnames tsvwithnamesandtypes values vertical xml
""")
TAKES_A_FUNCTION = _words("""
    arrayall arrayavg arraybottomk arraycompact arraycount arraycumsum arraycumsumnonnegative arraydifference
    arrayexists arrayfill arrayfilter arrayfirst arrayfirstindex arrayfirstornull arrayfold arraylast arraylastindex
    arraylastornull arraymap arraymax arraymin arraypartialreversesort arraypartialsort arrayproduct arrayreversefill
    arrayreversesort arrayreversesplit arraysort arraysplit arraysum arraytopk mapall mapapply mapexists mapfilter
    mappartialreversesort mappartialsort mapreversesort mapsort
""")
"""The allowed functions whose first argument may be another function, given by nothing but its name: the tree shows
`arrayMap(file, ...)` with an identifier, as if `file` were a column (tried on 26.9: every function on the list)."""
_SHOWN = re.compile(r"SHOW (FULL )?(TEMPORARY )?(CHANGED )?(TABLES|DATABASES|SETTINGS)\b")
"""Other things are shown by statements whose tree looks like that of SHOW TABLES."""
_COMBINATORS = re.compile(
    r"(if|array|map|state|merge|mergestate|distinct|ordefault|ornull|foreach|simplestate|resample|argmin|argmax)$"
)

_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|`((?:[^`\\]|\\.|``)*)`", re.DOTALL)
_IDENTIFIER_PARAMETER = re.compile(r"\{\s*`?(\w+)`?\s*:\s*Identifier\s*\}")
_BREAKING = re.compile(r"[\\\x00-\x1f\x7f]")
"""What would begin another line of the tree, or be shown in it as something else."""
_NAMING = {"ExistsTableQuery", "ExistsDatabaseQuery", "ShowCreateTableQuery"}
"""Their line of the tree shows database and table with nothing but a space between."""
_PREWHERE = re.compile(r"\bPREWHERE\b", re.IGNORECASE)
_LAST_FORMAT = re.compile(r" FORMAT (\w+)$")

RunText = Callable[[str, Mapping[str, str]], str]
"""Runs one trusted statement with query parameters and gives its raw text."""


def judge(sql: str, parameters: Mapping[str, str], run: RunText) -> str:
    """The canonical text of `sql` if a stranger may run it.

    `parameters` are the values of `{name:Type}` placeholders, escaped as in the HTTP interface.

    Raises:
        RefusedError: it is not one read over known tables with known functions.
    """
    canonical = _canonical(sql, parameters, run)
    names = list(_names(canonical, parameters))
    if any(_BREAKING.search(name) for name in names):
        raise RefusedError("a name with a backslash or a control character in it is refused; rename it with AS")
    tree = list(nodes(run(f"EXPLAIN AST {canonical}", parameters)))
    for node in tree:
        _check(node)
    if tree and tree[0].kind in _NAMING and any(" " in name for name in names):
        raise RefusedError("a name with a space in it cannot be judged here, so it is refused")
    if tree and tree[0].kind == "ShowTables" and not _SHOWN.match(canonical):
        raise RefusedError("SHOW shows TABLES, DATABASES, SETTINGS, COLUMNS and CREATE TABLE here, and nothing else")
    # The tree of a SELECT has the format as an identifier; in its text the last words may be `ORDER BY format DESC`.
    if tree and tree[0].kind != "SelectWithUnionQuery":
        found = _LAST_FORMAT.search(canonical)
        if found and found[1].lower() not in FORMATS:
            raise _format_refused(found[1])
    return canonical


def _names(canonical: str, parameters: Mapping[str, str]) -> Iterator[str]:
    """The names of any form in a statement: those in backquotes, and the values of `{x:Identifier}`."""
    for quoted in _QUOTED.finditer(canonical):
        if quoted[1] is not None:
            yield quoted[1]
    for placeholder in _IDENTIFIER_PARAMETER.finditer(canonical):
        yield parameters.get(placeholder[1], "")


def _canonical(sql: str, parameters: Mapping[str, str], run: RunText) -> str:
    if any(name.startswith("llmtrace_") for name in parameters):
        raise RefusedError("parameter names that begin with llmtrace_ are reserved; use another name")
    escaped = (
        sql.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r").replace("\0", "\\0")
    )
    return run(
        "SELECT formatQuerySingleLine({llmtrace_sql:String}) FORMAT RawBLOB", {**parameters, "llmtrace_sql": escaped}
    )


def confine(canonical: str, parameters: Mapping[str, str], run: RunText) -> None:
    """Refuses, of what `judge` has let pass, that which could tell a reader of one project about another.

    Raises:
        RefusedError: with the part.
    """
    if _PREWHERE.search(_QUOTED.sub("''", canonical)):
        raise RefusedError("PREWHERE is not for readers of one project; write WHERE")
    for node in nodes(run(f"EXPLAIN AST {canonical}", parameters)):
        if node.kind == "Explain":
            raise RefusedError("EXPLAIN is not for readers of one project: it counts rows of all")
        names = [node.text] if node.kind in {"TableIdentifier", "Identifier"} else []
        if node.kind in _NAMING:
            names = [".".join(node.text.split())]
        for name in (*names, *_IDENTIFIER_PARAMETER.findall(canonical)):
            _check_names_only(parameters.get(name, name))


def _check_names_only(name: str) -> None:
    database, _, table = name.lower().partition(".")
    if (database == "system" and table not in NAMES_ONLY) or (database == "information_schema" and table != "columns"):
        raise RefusedError(
            f"{name} is not for readers of one project: it tells of all; DESCRIBE and SHOW TABLES do not"
        )


def _check(node: Node) -> None:
    if node.kind == "Set":
        raise RefusedError("SETTINGS are not taken inside the statement; send them as URL parameters")
    if node.kind not in NODES:
        raise RefusedError(
            f"{node.kind} is not allowed without the store's key; reading is: SELECT, SHOW, DESCRIBE, EXISTS, EXPLAIN"
        )
    if not node.parent and node.kind not in QUERIES:
        raise RefusedError(f"a statement cannot begin with {node.kind}")
    if node.kind == "Function":
        _check_function(node)
    elif node.kind == "TableIdentifier":
        _check_table(node.text)
    elif node.kind == "Identifier":
        _check_identifier(node)
    elif node.kind == "Literal" and node.parent in QUERIES:
        raise RefusedError("INTO OUTFILE is not allowed; save the answer on your side")
    elif node.kind in {"ExistsTableQuery", "ShowCreateTableQuery"}:
        words = node.text.split()
        if len(words) > 2:
            raise RefusedError("a name with a space in it cannot be judged here, so it is refused")
        _check_table(".".join(words))


def _check_function(node: Node) -> None:
    name = node.text.lower()
    if node.parent == "TableExpression":
        if name not in TABLE_FUNCTIONS:
            raise RefusedError(
                f"the table function {node.text} is not allowed; these are: {', '.join(sorted(TABLE_FUNCTIONS))}"
            )
    elif not _known_function(name):
        raise RefusedError(f"the function {node.text} is not on the list of functions allowed without the store's key")


def _known_function(name: str) -> bool:
    while name not in allowed_functions():
        shorter = _COMBINATORS.sub("", name)
        if shorter in {name, ""}:
            return False
        name = shorter
    return True


def _check_table(name: str) -> None:
    database, _, table = name.rpartition(".")
    if database.lower() == "system" and table.lower() in SYSTEM_TABLES:
        return
    if database.lower() not in {"", DATABASE, "information_schema"}:
        raise RefusedError(f"the table {name} is not one to read here; the tables of the database {DATABASE} are")


def _check_identifier(node: Node) -> None:
    if node.heads in TAKES_A_FUNCTION:
        raise RefusedError(
            f"the first argument of {node.heads} may be a function, so a bare name cannot be judged there:"
            " write it out, like x -> lower(x)"
        )
    if node.parent in {"SelectWithUnionQuery", "Explain", "DescribeQuery", "ShowTables", "ShowColumns"}:
        if node.text.lower() in FORMATS:
            return
        if node.parent == "ShowTables":
            if node.text.lower() in {DATABASE, "system", "information_schema"}:
                return
            raise RefusedError(f"the tables of {node.text} are not shown here; those of the database {DATABASE} are")
        if node.parent != "ShowColumns":
            raise _format_refused(node.text)
    # The right side of IN may be a bare table name, which the tree shows as an identifier.
    first = node.text.split(".", 1)[0].lower()
    if first in {"system", "default"} and "." in node.text:
        _check_table(node.text)


def _format_refused(name: str) -> RefusedError:
    return RefusedError(f"the format {name} is not offered; Native, JSON, CSV, Parquet and more are")


@cache
def allowed_functions() -> frozenset[str]:
    """The lower-case names in `allowed_functions.txt`."""
    text = (files("llmtrace_collector.store") / "allowed_functions.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
