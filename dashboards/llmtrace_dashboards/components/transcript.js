// Messages as text nodes: whatever a prompt holds, it is drawn, never run, loaded or rendered.
const FIRST = 4000;

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root") ?? document.createElement("div");
  root.className = "root";
  root.replaceChildren(
    ...data.messages.map((message) => {
      const box = document.createElement("section");
      box.className = `message ${message.role === "assistant" ? "assistant" : ""}`;
      const who = document.createElement("div");
      who.className = "who";
      who.textContent = message.title;
      const text = document.createElement("div");
      text.className = message.code ? "text code" : "text";
      text.dir = "auto";
      text.tabIndex = 0;
      text.textContent = message.text.slice(0, FIRST);
      box.append(who, text);
      if (message.text.length > FIRST) {
        const more = document.createElement("button");
        more.textContent = `Show all ${message.text.length.toLocaleString("en")} characters`;
        more.addEventListener("click", () => { text.textContent = message.text; more.remove(); });
        box.append(more);
      }
      return box;
    }),
  );
  parentElement.append(root);
}
