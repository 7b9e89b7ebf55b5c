// Charts of a panel as one PNG, twice the size they have on the page, where they stand in it. A picture may load nothing,
// the page's font neither: letters are of the system's.
const SCALE = 2;

function charts(container) {
  const panel = document.querySelector(`.st-key-${container}`);
  const found = panel ? [...panel.querySelectorAll("svg.marks, canvas")] : [];
  return found.filter((one) => one.getBoundingClientRect().width > 0);
}

async function drawn(chart) {
  if (chart instanceof HTMLCanvasElement) return chart;
  const box = chart.getBoundingClientRect();
  const copy = chart.cloneNode(true);
  copy.setAttribute("width", box.width);
  copy.setAttribute("height", box.height);
  const image = new Image();
  const text = new XMLSerializer().serializeToString(copy);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  return image;
}

async function png(found) {
  const boxes = found.map((chart) => chart.getBoundingClientRect());
  const left = Math.min(...boxes.map((box) => box.left)), top = Math.min(...boxes.map((box) => box.top));
  const canvas = document.createElement("canvas");
  canvas.width = SCALE * (Math.max(...boxes.map((box) => box.right)) - left);
  canvas.height = SCALE * (Math.max(...boxes.map((box) => box.bottom)) - top);
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.querySelector(".stApp")).backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.scale(SCALE, SCALE);
  for (const [number, chart] of found.entries()) {
    const box = boxes[number];
    pen.drawImage(await drawn(chart), box.left - left, box.top - top, box.width, box.height);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function save(data) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(await png(charts(data.container)));
  anchor.download = data.file;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

export default function ({ data, parentElement }) {
  parentElement.querySelector("button")?.remove();
  if (!charts(data.container).length) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Charts as PNG";
  button.onclick = () => save(data).catch((error) => { button.textContent = `No picture could be made: ${error.message}`; });
  parentElement.append(button);
}
