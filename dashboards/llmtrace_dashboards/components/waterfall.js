// The spans of a trace as rows: indented name, marks, bar on a shared time axis, duration. All text is text nodes.
// Only the rows in sight are in the document. Keys: arrows move and fold, Enter shows a span, j and k step through
// errors, c shows the critical path.
const HEIGHT = 26;
const SIGHT = 26;
const AROUND = 12;

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Whether each row has rows below it, and after which row those end.
function ends(rows) {
  const end = new Array(rows.length);
  const open = [];
  for (let at = 0; at <= rows.length; at++) {
    const depth = at < rows.length ? rows[at].depth : -1;
    while (open.length && rows[open[open.length - 1]].depth >= depth) end[open.pop()] = at;
    open.push(at);
  }
  return end;
}

// What `drawing` sent, with names.
function read(drawn) {
  const { ticks, rows } = JSON.parse(drawn);
  return { ticks, rows: rows.map(([id, name, depth, left, width, duration, more]) => ({ id, name, depth, left, width, duration, ...more })) };
}

class Waterfall {
  constructor(root) {
    this.root = root;
    this.folded = new Set();
    this.path = false;
    this.head = element("div", "row head");
    this.box = element("div", "box");
    this.box.tabIndex = -1; // keeps the keys when the row they are at is scrolled out of sight
    this.canvas = element("div", "canvas");
    this.box.append(this.canvas);
    const rows = element("div", "rows");
    rows.append(this.head, this.box);
    this.tools = element("div", "tools");
    this.toggle = element("button", "", "Critical path");
    this.toggle.addEventListener("click", () => this.showPath());
    this.errors = element("button", "", "Next error");
    this.errors.addEventListener("click", () => this.step(1));
    this.tools.append(this.toggle, this.errors, element("span", "muted", "↑ ↓ ← → Enter · j k errors · c path"));
    root.append(this.tools, rows);
    this.box.addEventListener("scroll", () => this.draw());
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  asked() {
    const given = new URLSearchParams(window.location.search).get("span");
    return this.places.has(given) ? given : this.fallback;
  }

  take({ drawn, fallback, link }, choose) {
    this.choose = choose;
    this.link = link;
    this.fallback = fallback;
    const other = drawn !== this.drawn;
    if (other) {
      const { ticks, rows } = read(drawn);
      Object.assign(this, { drawn, rows, end: ends(rows), places: new Map(rows.map((row, at) => [row.id, at])) });
      this.folded.clear();
      this.at = undefined;
      this.errors.hidden = !rows.some((row) => row.failed);
      const scale = element("span", "scale");
      for (const tick of ticks) scale.append(element("span", "", tick));
      this.head.replaceChildren(element("span", "name", "Span"), scale, element("span", "time", "Duration"));
    }
    if (!other) { this.follow(); return; }
    this.lay();
    this.chosen = undefined;
    this.follow();
  }

  // Shows the span that the address names, where that is another than before.
  follow() {
    const before = this.chosen;
    this.chosen = this.asked();
    if (before === this.chosen) return;
    const place = this.shown.indexOf(this.places.get(this.chosen));
    if (this.at === undefined) this.at = Math.max(place, 0);
    this.reveal(place);
    this.draw();
  }

  lay() {
    this.shown = [];
    for (let at = 0; at < this.rows.length; at = this.folded.has(at) ? this.end[at] : at + 1) this.shown.push(at);
    this.canvas.style.height = `${this.shown.length * HEIGHT}px`;
    this.box.style.height = `${Math.min(this.shown.length, SIGHT) * HEIGHT + 2}px`;
  }

  reveal(place) {
    if (place < 0) return;
    const top = place * HEIGHT;
    const bottom = top + HEIGHT - SIGHT * HEIGHT;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (bottom > this.box.scrollTop) this.box.scrollTop = bottom;
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / HEIGHT) - AROUND);
    const last = Math.min(this.shown.length, first + SIGHT + 2 * AROUND);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this.row(place));
    const held = this.box.contains(this.root.getRootNode().activeElement);
    this.canvas.replaceChildren(...rows);
    if (held) (this.canvas.querySelector('[tabindex="0"]') ?? this.box).focus({ preventScroll: true });
    this.toggle.setAttribute("aria-pressed", String(this.path));
  }

  row(place) {
    const at = this.shown[place];
    const span = this.rows[at];
    const row = element("a", `row ${this.path && span.path === undefined ? "off" : ""}`);
    row.href = this.link + span.id;
    row.dataset.own = ""; // not a way to another page: the page is told which span
    row.style.top = `${place * HEIGHT}px`;
    row.tabIndex = place === this.at ? 0 : -1;
    if (span.id === this.chosen) { row.classList.add("selected"); row.setAttribute("aria-current", "true"); }
    const name = element("span", "name");
    name.style.paddingInlineStart = `${Math.min(span.depth, 12) * 14}px`;
    name.title = span.name;
    const inner = this.end[at] - at - 1;
    const fold = element("span", "fold", inner ? (this.folded.has(at) ? "▸ " : "▾ ") : "");
    fold.setAttribute("aria-hidden", "true");
    fold.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.at = place;
      this.fold(!this.folded.has(at));
    });
    name.append(fold);
    if (span.failed) name.append(element("span", "error", "✕ Error  "));
    const label = element("span", "", span.name);
    label.dir = "auto";
    name.append(label);
    if (this.folded.has(at)) name.append(element("span", "muted", `  + ${inner} inside`));
    for (const mark of span.marks ?? []) name.append(element("span", "mark", mark));
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
    const time = this.path && span.path !== undefined ? `${span.path} of ${span.duration}` : span.duration;
    row.append(name, track, element("span", "time", time));
    row.addEventListener("click", (event) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.at = place;
      this.open();
    });
    return row;
  }

  focus() {
    this.reveal(this.at);
    this.draw();
    this.canvas.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }

  open() {
    this.chosen = this.rows[this.shown[this.at]].id;
    this.focus();
    this.choose(this.chosen);
  }

  fold(shut) {
    const at = this.shown[this.at];
    if (this.end[at] - at < 2) return;
    if (shut) this.folded.add(at); else this.folded.delete(at);
    this.lay();
    this.focus();
  }

  step(by) {
    for (let place = this.at + by; place >= 0 && place < this.shown.length; place += by) {
      if (this.rows[this.shown[place]].failed) { this.at = place; this.open(); return; }
    }
    if (by > 0 && this.at >= 0) {
      const first = this.shown.findIndex((at) => this.rows[at].failed);
      if (first >= 0 && first !== this.at) { this.at = first; this.open(); }
    }
  }

  showPath() {
    this.path = !this.path;
    this.draw();
  }

  key(event) {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const last = this.shown.length - 1;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: SIGHT, PageUp: -SIGHT, Home: -last, End: last };
    if (event.key in moves) {
      this.at = Math.min(Math.max(this.at + moves[event.key], 0), last);
      this.focus();
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.fold(event.key === "ArrowLeft");
    else if (event.key === "Enter") this.open();
    else if (event.key === "j" || event.key === "k") this.step(event.key === "j" ? 1 : -1);
    else if (event.key === "c") { this.showPath(); this.focus(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const drawn = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  let root = parentElement.querySelector(".root");
  if (!root) {
    root = element("div", "root scroll");
    parentElement.append(root);
  }
  if (!drawn.has(root)) drawn.set(root, new Waterfall(root));
  const waterfall = drawn.get(root);
  waterfall.take(data, (id) => setTriggerValue("opened", id));
  const back = () => waterfall.follow();
  window.addEventListener("popstate", back);
  return () => window.removeEventListener("popstate", back);
}
