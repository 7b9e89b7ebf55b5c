"""Grafana's dashboards: their statements as the plugin sends them, on the seeded store, through its HTTP interface."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from llmtrace_dashboards import database, theme
from llmtrace_dashboards.queries import alerts, calls, latency, spend
from llmtrace_dashboards.state.ranges import HOUR_MS, Window, ending_at
from llmtrace_dashboards.state.view import View
from support import grafana, native
from support.app import Seeded
from support.grafana import Viewed
from support.seed import USERS
from support.services import SERVER

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dashboards/grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))}
SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "llmtrace"}

pytestmark = pytest.mark.skipif(bool(SERVER), reason="it asks the embedded store as a reader without a key")


def statements(name: str) -> dict[str, str]:
    """Every statement of a dashboard: of panels, of what marks charts, of variables."""
    board = DASHBOARDS[name]
    return (
        {f"panel {panel['id']}: {panel['title']}": panel["targets"][0]["rawSql"] for panel in board["panels"]}
        | {f"marks: {each['name']}": each["target"]["rawSql"] for each in board["annotations"]["list"]}
        | {
            f"variable {each['name']}": each["query"]["rawSql"]
            for each in board["templating"]["list"]
            if each["type"] == "query"
        }
    )


EVERY = [pytest.param(name, title, id=f"{name} {title}") for name in DASHBOARDS for title in statements(name)]


def titled(name: str, title: str) -> str:
    """The statement of a panel."""
    return next(p["targets"][0]["rawSql"] for p in DASHBOARDS[name]["panels"] if p["title"] == title)


def ask(store: Seeded, sql: str, window: Window, **variables: tuple[str, ...]) -> list[dict[str, Any]]:
    viewed = Viewed(from_ms=window.start_ms, to_ms=window.end_ms, interval_s=600, variables=variables)
    return grafana.rows(store.stack.store_url, viewed.expand(sql))


def day(store: Seeded) -> Window:
    return ending_at(store.now_ms, "24h")


def week(store: Seeded) -> Window:
    """Whole hours, as the rollup has them."""
    return ending_at(store.now_ms, "7d").outward(HOUR_MS)


SOME = {"project": ("default",), "model": ("gpt-5", "gpt-5-mini"), "service": ("assistant",)}


@pytest.mark.parametrize(("name", "title"), EVERY)
def test_every_statement_answers_a_reader_without_a_key_with_rows(store: Seeded, name: str, title: str) -> None:
    sql = statements(name)[title]
    for window in (day(store), week(store)):
        for variables in ({}, SOME):
            assert ask(store, sql, window, **variables), f"{title} of {window}"


@pytest.fixture(scope="module")
def keys(seeded: Seeded) -> dict[str, str]:
    """A key that reads one project, by its name."""
    register = Register(DataFolder(seeded.stack.data))
    return {
        project: register.create(name=f"grafana {project}", project=project, scopes={Scope.READ}, who="tests")[1]
        for project in ("default", "another")
    }


@pytest.mark.parametrize(("name", "title"), EVERY)
def test_a_reader_of_one_project_sees_its_rows_and_no_others(
    store: Seeded, keys: dict[str, str], name: str, title: str
) -> None:
    viewed = Viewed(from_ms=day(store).start_ms, to_ms=day(store).end_ms, interval_s=600)
    sql, url = viewed.expand(statements(name)[title]), store.stack.store_url
    of_all = grafana.rows(url, sql)
    seen = grafana.rows(url, sql, key=keys["default"])
    assert seen == ([] if "FROM alert_deliveries" in sql else of_all), "deliveries name no project"
    for row in grafana.rows(url, sql, key=keys["another"]):
        assert not {value for value in row.values() if value}, "a row of zeros at most"


@pytest.mark.parametrize(("name", "title"), EVERY)
def test_every_answer_is_read_in_the_form_that_the_plugin_asks_for(store: Seeded, name: str, title: str) -> None:
    viewed = Viewed(from_ms=day(store).start_ms, to_ms=day(store).end_ms, interval_s=600)
    sql = viewed.expand(statements(name)[title])
    columns = native.decoded(grafana.send(store.stack.store_url, sql, form="Native"))
    found = grafana.rows(store.stack.store_url, sql)
    assert list(columns) == list(found[0])
    assert {len(values) for values in columns.values()} == {len(found)}


def test_every_table_is_read_in_that_form(store: Seeded) -> None:
    url = store.stack.store_url
    for each in grafana.rows(url, "SELECT name FROM system.tables WHERE engine LIKE '%MergeTree' LIMIT 200"):
        columns = native.decoded(
            grafana.send(url, f"SELECT *, 'last' AS last FROM {each['name']} LIMIT 50", form="Native")
        )
        assert {*columns.get("last", ["last"])} == {"last"}, each


@pytest.mark.parametrize(("name", "title"), EVERY)
def test_every_statement_has_a_range_and_an_end(name: str, title: str) -> None:
    sql = statements(name)[title]
    assert sql.startswith("-- ")
    assert re.search(r"\$__(timeFilter_ms|fromTime|toTime|dateFilter)\b", sql)
    assert re.search(r"\bLIMIT \d+$", sql)
    assert sql.count("(") == sql.count(")")


@pytest.mark.parametrize(("name", "title"), EVERY)
def test_values_come_into_a_statement_in_one_form_alone(name: str, title: str) -> None:
    """Grafana's quoted forms leave a backslash as it is, which ends the quotes of ClickHouse."""
    sql = statements(name)[title]
    used = re.findall(r"'[^']*\$\{\w+(?::[^}]*)?\}[^']*'|\$\{[^}]*\}", sql)
    assert all(re.fullmatch(r"'\$\{\w+:customqueryparam:v\}'", each) for each in used)
    outside = re.sub(r"'\$\{\w+:customqueryparam:v\}'|\$__\w+", "", sql)
    assert all(re.search(rf"\), \$({each})\)", outside) for each in re.findall(r"\$(\w+)", outside))


@pytest.mark.parametrize("view", [View(), View(model=("gpt-5",)), View(svc=("assistant",), env=("staging",))], ids=str)
@pytest.mark.parametrize("wide", [False, True], ids=["a day", "a week"])
def test_calls_errors_and_spend_are_those_of_the_app(store: Seeded, view: View, wide: bool) -> None:
    window = week(store) if wide else day(store)
    chosen = {"model": view.model, "service": view.svc, "environment": view.env}
    chosen = {name: values for name, values in chosen.items() if values}
    truth = next(r for r in database.rows(calls.totals(view, window, 10_000)) if r["period"] == "now")
    (row,) = ask(store, titled("overview", "Calls and spend"), window, **chosen)
    assert (row["Calls"], row["Errors"], row["Without a price"]) == (truth["calls"], truth["errors"], truth["unpriced"])
    assert row["Spend"] == pytest.approx(float(truth["cost_usd"]))
    assert row["Error rate"] == pytest.approx(truth["errors"] / truth["calls"])
    series = ask(store, titled("overview", "Calls"), window, **chosen)
    assert sum(r["Succeeded"] + r["Failed"] for r in series) == truth["calls"]
    assert sum(r["Failed"] for r in series) == truth["errors"]
    money = ask(store, titled("overview", "Spend by model"), window, **chosen)
    assert sum(r["USD"] for r in money) == pytest.approx(float(truth["cost_usd"]))


@pytest.mark.parametrize("wide", [False, True], ids=["a day", "a week"])
def test_models_are_those_of_the_app_and_what_has_no_price_costs_nothing_known(store: Seeded, wide: bool) -> None:
    window = week(store) if wide else day(store)
    truth = database.rows(calls.by_model(View(), window, 10_000))
    rows = ask(store, titled("overview", "Models"), window)
    assert [r["Model"] for r in rows] == [r["model"] for r in truth]
    assert [r["Calls"] for r in rows] == [r["calls"] for r in truth]
    assert rows[-1]["Spend"] is None
    for row, known in zip(rows[:-1], truth, strict=False):
        assert row["Spend"] == pytest.approx(float(known["cost_usd"]))
        assert row["p95"] == pytest.approx(known["p95_ns"] / 1e9, rel=0.045 if wide else 1e-9)
        assert row["First token p95"] == pytest.approx(known["ttft_p95_ns"] / 1e9, rel=0.045 if wide else 1e-9)


@pytest.mark.parametrize("wide", [False, True], ids=["a day", "a week"])
def test_latency_is_that_of_the_app(store: Seeded, wide: bool) -> None:
    window = week(store) if wide else day(store)
    truth = next(r for r in database.rows(calls.latency_totals(View(), window, 10_000)) if r["period"] == "now")
    (row,) = ask(store, titled("overview", "Latency"), window)
    near = {"rel": 0.045 if wide else 1e-9}
    assert row["p95"] == pytest.approx(truth["p95_ns"] / 1e9, **near)
    assert row["First token p95"] == pytest.approx(truth["ttft_p95_ns"] / 1e9, **near)
    assert row["p50"] < row["p95"] < row["p99"]


@pytest.mark.parametrize("wide", [False, True], ids=["a day", "a week"])
def test_every_call_is_once_in_the_heatmap(store: Seeded, wide: bool) -> None:
    window = week(store) if wide else day(store)
    found = store.seed.calls(window.start_ms, window.end_ms)
    rows = ask(store, titled("latency", "How long calls take"), window)
    columns = [name for name in rows[0] if name != "time"]
    assert columns == ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "100", "+Inf"]
    assert sum(row[name] for row in rows for name in columns) == len(found)
    up_to_a_second = sum(row[name] for row in rows for name in columns[:4])
    assert up_to_a_second == pytest.approx(sum(c["duration_ns"] <= 1e9 for c in found), rel=0.1 if wide else 0)


def test_spend_by_user_and_the_dearest_traces_are_those_of_the_app(store: Seeded) -> None:
    window = day(store)
    users = ask(store, titled("spend", "Users"), window)
    truth = {r["what"]: r for r in database.rows(spend.by_group(View(), window, "user"))}
    assert {r["User"]: r["Calls"] for r in users} == {user: r["calls"] for user, r in truth.items()}
    assert {r["User"]: r["Spend"] for r in users} == pytest.approx(
        {user: float(r["cost_usd"]) for user, r in truth.items()}
    )
    costs: dict[str, float] = {}
    for call in store.seed.calls(window.start_ms, window.end_ms):
        costs[call["trace_id"]] = costs.get(call["trace_id"], 0) + float(call["cost_usd"] or 0)
    dearest = ask(store, titled("spend", "Most expensive traces"), window)
    assert [r["Spend"] for r in dearest] == pytest.approx(sorted(costs.values(), reverse=True)[:50])
    assert all(r["Spend"] == pytest.approx(costs[r["Trace"]]) for r in dearest)


def test_the_spend_of_a_month_grows_to_its_sum(store: Seeded) -> None:
    window = week(store)
    rows = ask(store, titled("spend", "Spend of this month, added up"), window)
    grown = [r["USD"] for r in rows]
    assert grown == sorted(grown)
    (total,) = ask(store, titled("spend", "Calls and spend"), window)
    assert grown[-1] == pytest.approx(total["Spend"])


def test_errors_by_type_are_those_of_the_app(store: Seeded) -> None:
    window = day(store)
    rows = ask(store, titled("latency", "Failed calls by type"), window)
    truth = database.rows(latency.errors(View(), window, ()))
    assert {r["type"] for r in rows} == {r["what"] for r in truth}
    assert sum(r["Failed"] for r in rows) == sum(r["calls"] for r in truth)


def test_alerts_are_those_of_the_app(store: Seeded) -> None:
    window = day(store)
    truth = [r for r in database.rows(alerts.now(View(), store.now_ms)) if r["state"] in {"firing", "pending"}]
    rows = ask(store, titled("alerts", "Firing and pending"), window)
    assert [(r["State"], r["Rule"], r["Event"]) for r in rows] == [
        (r["state"], r["rule"], r["event_id"]) for r in truth
    ]
    (now,) = ask(store, titled("alerts", "Now"), window)
    assert (now["Firing"], now["Pending"]) == (1, 1)
    before = Window(start_ms=window.start_ms, end_ms=store.now_ms - 8 * HOUR_MS)
    (then,) = ask(store, titled("alerts", "Now"), before)
    assert (then["Firing"], then["Pending"]) == (1, 0)
    history = ask(store, titled("alerts", "What happened"), window)
    assert [r["Event"] for r in history] == [r["event_id"] for r in database.rows(alerts.history(View(), window))]
    assert not ask(store, titled("alerts", "What happened"), window, project=("another",))


HOSTILE = [
    *("'", "\\", "\\'", "\\' OR 1=1 --", "') OR 1=1 --", "'') UNION ALL SELECT 1 --", "a&v=gpt-5", "%27", "${model}"),
    *("$__timeFilter(x)", "$$", "{x:String}", "/*", "`", "\n\t\0", "שלום", USERS[3]),
]
SAID = (
    "SELECT arrayMap(v -> decodeURLComponent(substring(v, 3)), splitByChar('&', '${model:customqueryparam:v}')) AS said"
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_value_of_a_variable_is_a_value_whatever_is_in_it(store: Seeded, hostile: str) -> None:
    sql, window = titled("overview", "Calls and spend"), day(store)
    (row,) = ask(store, sql, window, model=(hostile,))
    assert row["Calls"] == 0
    (row,) = ask(store, sql, window, model=(hostile, "gpt-5"))
    assert row["Calls"] == len(store.seed.calls(window.start_ms, window.end_ms, model="gpt-5"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.text(st.characters(codec="utf-8"), min_size=1) | st.sampled_from(HOSTILE), min_size=1))
def test_values_come_out_of_a_statement_as_they_went_in(store: Seeded, values: list[str]) -> None:
    assert ask(store, SAID, day(store), model=tuple(values)) == [{"said": values}]


def test_a_wide_range_reads_the_rollup_and_a_narrow_one_the_calls(store: Seeded) -> None:
    """What the other half of a statement would read is not read."""
    sql = titled("overview", "Calls and spend")
    owner = store.stack.owner()

    def tables(window: Window) -> set[str]:
        viewed = Viewed(from_ms=window.start_ms, to_ms=window.end_ms)
        plan = owner.query(f"EXPLAIN indexes=1 {viewed.expand(sql)}").result_rows
        steps = "\n".join(row[0] for row in plan).split("ReadFromMergeTree (llmtrace.")[1:]
        return {step.partition(")")[0] for step in steps if "Parts:" in step}

    assert tables(day(store)) == {"spans"}
    assert tables(week(store)) == {"service_1h"}


def walk(found: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield key, value
            yield from walk(value)
    elif isinstance(found, list):
        for value in found:
            yield from walk(value)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_well_formed_and_asks_the_provisioned_source_alone(name: str) -> None:
    board = DASHBOARDS[name]
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert all(value == SOURCE for key, value in walk(board) if key == "datasource")
    assert all(panel["datasource"] == panel["targets"][0]["datasource"] == SOURCE for panel in board["panels"])
    assert board["uid"] == f"llmtrace-{name}"
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_one_address_in_a_dashboard_is_the_apps_which_no_link_can_change(name: str) -> None:
    text = json.dumps(DASHBOARDS[name])
    assert re.findall(r"https?://[^\"\s]+", text) == ["http://127.0.0.1:8501"]
    app = next(v for v in DASHBOARDS[name]["templating"]["list"] if v["name"] == "app")
    assert (app["type"], app["query"], app["hide"], app["skipUrlSync"]) == (
        "constant",
        "http://127.0.0.1:8501",
        2,
        True,
    )
    urls = [value for key, value in walk(DASHBOARDS[name]) if key == "url"]
    assert urls
    assert {*urls} <= {
        "${app}/trace?trace_id=${__value.raw:percentencode}",
        "${app}/alerts?a=${__value.raw:percentencode}",
    }


@pytest.mark.parametrize("name", DASHBOARDS)
def test_fixed_colours_are_the_apps(name: str) -> None:
    ours = {*theme.DARK.categories, theme.DARK.error, theme.DARK.warn, theme.DARK.good, theme.DARK.other}
    named = {
        value
        for key, value in walk(DASHBOARDS[name])
        if isinstance(value, str) and key in {"fixedColor", "iconColor", "color"}
    }
    assert named
    assert named <= ours


@pytest.mark.parametrize("name", DASHBOARDS)
def test_columns_that_a_panel_speaks_of_are_in_its_statement(name: str) -> None:
    for panel in DASHBOARDS[name]["panels"]:
        sql = panel["targets"][0]["rawSql"]
        if label := panel["fieldConfig"]["defaults"].get("displayName"):
            assert re.search(rf"\bAS {re.fullmatch(r'..__field.labels.(.*).', label)[1]}\b", sql)
            continue
        for override in panel["fieldConfig"]["overrides"]:
            column = override["matcher"]["options"]
            assert f'"{column}"' in sql or re.search(rf"\b{column}\b", sql), (panel["title"], column)


def test_the_dashboards_are_what_the_script_makes_of_the_statements() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import json, make; print(json.dumps(make.dashboards()))"
    made = subprocess.run([sys.executable, "-c", code, str(FOLDER)], check=True, capture_output=True, text=True)
    assert json.loads(made.stdout) == {
        path.name: path.read_text() for path in sorted((FOLDER / "dashboards").glob("*.json"))
    }, "run python3 dashboards/grafana/make.py"


def variables() -> dict[str, str]:
    """Those of grafana.env."""
    lines = (FOLDER / "grafana.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_what_is_provisioned_takes_every_address_and_secret_from_variables() -> None:
    source = yaml.safe_load((FOLDER / "provisioning/datasources/llmtrace.yaml").read_text())["datasources"][0]
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    assert source["jsonData"]["protocol"] == "http"
    provider = yaml.safe_load((FOLDER / "provisioning/dashboards/llmtrace.yaml").read_text())["providers"][0]
    asked = {
        value.removeprefix("$")
        for _, value in walk([source, provider])
        if isinstance(value, str) and value.startswith("$")
    }
    assert asked == variables().keys()
    assert variables()["LLMTRACE_GRAFANA_PORT"] == "8123"
    assert source["secureJsonData"] == {"password": "$LLMTRACE_GRAFANA_PASSWORD"}


def test_the_overlay_adds_grafana_to_the_compose_file_for_this_machine_only() -> None:
    base = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    overlay = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
    assert overlay.keys() - base.keys() == {"grafana"}
    service = overlay["grafana"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert re.fullmatch(r"grafana/grafana:\d+\.\d+\.\d+", service["image"])
    assert re.fullmatch(
        r"grafana-clickhouse-datasource@\d+\.\d+\.\d+", service["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
    )
    assert service["environment"]["GF_SECURITY_ADMIN_PASSWORD"].startswith("${LLMTRACE_GRAFANA_ADMIN_PASSWORD:?")
    assert variables().keys() <= service["environment"].keys()
    assert service["depends_on"].keys() <= base.keys()
    for mount in (*overlay["clickhouse"]["volumes"], *service["volumes"]):
        folder, _, rest = mount.partition(":")
        if folder.startswith("."):
            assert rest.endswith(":ro")
            assert (ROOT / folder).exists()


@pytest.mark.parametrize(
    "sql",
    [
        *("SELECT 1", "SELECT version()", "SHOW DATABASES", "SHOW TABLES", 'SHOW TABLES FROM "llmtrace"'),
        *('DESC TABLE "llmtrace"."spans"', "SELECT name FROM system.databases LIMIT 10"),
        "SELECT name, type, table FROM system.columns WHERE database IN ('llmtrace')",
        "SELECT name, is_aggregate, alias_to, origin, syntax, categories FROM system.functions LIMIT 10000",
        'SELECT DISTINCT arrayJoin(mapKeys("attributes")) as keys FROM "llmtrace"."spans" LIMIT 1000',
        'SELECT DISTINCT "model" FROM "llmtrace"."spans" WHERE "model" IS NOT NULL LIMIT 1000',
    ],
)
def test_what_the_plugin_asks_of_itself_is_answered(store: Seeded, sql: str) -> None:
    """Its health check, and what its editor offers."""
    assert grafana.rows(store.stack.store_url, sql)


def test_a_filter_that_the_plugin_puts_into_settings_is_refused_in_a_sentence(store: Seeded) -> None:
    """Ad hoc filters: they would go around what a statement says."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        grafana.rows(
            store.stack.store_url, "SELECT count() FROM spans SETTINGS additional_table_filters={'spans': '1'}"
        )
    assert "additional_table_filters" in refused.value.read().decode()
