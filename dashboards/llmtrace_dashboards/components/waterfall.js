// The spans of a trace as rows: indented name, bar on a shared time axis, duration. All text is text nodes.
function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".root") ?? element("div", "root scroll");
  const rows = element("div", "rows");
  const head = element("div", "row head");
  const scale = element("span", "scale");
  for (const tick of data.ticks) scale.append(element("span", "", tick));
  head.append(element("span", "name", "Span"), scale, element("span", "time", "Duration"));
  rows.append(head);
  for (const span of data.rows) {
    const row = element("a", "row");
    row.href = span.href;
    if (span.selected) { row.classList.add("selected"); row.setAttribute("aria-current", "true"); }
    const name = element("span", "name");
    name.style.paddingInlineStart = `${Math.min(span.depth, 12) * 14}px`;
    name.title = span.name;
    if (span.failed) name.append(element("span", "error", "✕ Error  "));
    const label = element("span", "", span.name);
    label.dir = "auto";
    name.append(label);
    const track = element("span", "track");
    const bar = element("span", `bar ${span.failed ? "failed" : span.call ? "call" : ""}`);
    bar.style.left = `${span.left}%`;
    bar.style.width = `${span.width}%`;
    track.append(bar);
    if (span.wait) {
      const wait = element("span", "wait");
      wait.style.left = `${span.left}%`;
      wait.style.width = `${span.wait}%`;
      wait.title = span.waitLabel;
      track.append(wait);
    }
    row.append(name, track, element("span", "time", span.duration));
    row.addEventListener("click", (event) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("opened", span.href);
    });
    rows.append(row);
  }
  root.replaceChildren(rows);
  parentElement.append(root);
}
