// A plain HTML table: every value becomes a text node. Links are real links: `links.js` answers a plain click.
const STATES = { error: "✕", warn: "▲", good: "✓", off: "○" };

function cell(column, value, most) {
  const td = document.createElement("td");
  if (column.align === "end") td.className = "end";
  if (column.kind === "wrap") td.className = "wrap";
  if (value === null || value === undefined) return td;
  const item = typeof value === "object" ? value : { text: value };
  let holder = td;
  if (item.href) {
    const a = document.createElement("a");
    a.href = item.href;
    td.append(a);
    holder = a;
  }
  if (item.tone) {
    const mark = document.createElement("span");
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = (STATES[item.tone] ?? "") + " ";
    td.classList.add(item.tone);
    holder.append(mark);
  }
  const text = document.createElement("span");
  text.textContent = item.text && !String(item.text).trim() ? "(blank)" : item.text;
  text.dir = "auto";
  if (column.kind === "clip" || column.kind === "wrap") { text.className = column.kind; text.title = item.text; }
  if (item.muted) text.classList.add("muted");
  holder.append(text);
  if (column.kind === "bar") {
    const space = document.createElement("span");
    space.className = "barspace";
    const bar = document.createElement("span");
    bar.className = "bar";
    bar.style.width = `${most ? Math.max(1, Math.round((60 * (item.size ?? 0)) / most)) : 0}px`;
    space.append(bar);
    td.append(space);
  }
  return td;
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root") ?? document.createElement("div");
  root.className = "root scroll";
  root.tabIndex = 0;
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", data.label);
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const column of data.columns) {
    const th = document.createElement("th");
    th.scope = "col";
    th.textContent = column.label;
    if (column.align === "end") th.className = "end";
    head.append(th);
  }
  const body = table.createTBody();
  const most = data.columns.map((c) => Math.max(0, ...data.rows.map((r) => r[c.key]?.size ?? 0)));
  for (const row of data.rows) {
    const tr = body.insertRow();
    data.columns.forEach((column, i) => tr.append(cell(column, row[column.key], most[i])));
    const link = tr.querySelector("a");
    if (link) {
      tr.classList.add("opens");
      tr.addEventListener("click", (event) => {
        if (!event.target.closest("a") && !String(getSelection())) link.click();
      });
    }
  }
  root.replaceChildren(table);
  parentElement.append(root);
}
