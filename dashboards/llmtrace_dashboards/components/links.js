// A plain click on a link to a page of the app is one step of the browser's history and one run of the page: the address
// is set first, and Streamlit is told as the Back button tells it. By itself Streamlit makes two steps of it, one for the
// page and one for its parameters. Links that open something beside the page, or are answered by it, are left alone.
let pages = new Set();

// Streamlit writes the address of the page at the root as "" or "?...", which means the present page to a browser.
function mended(anchor) {
  const given = anchor.getAttribute("href") ?? "";
  if (anchor.dataset.testid === "stPageLink-NavLink" && (given === "" || given.startsWith("?"))) {
    anchor.setAttribute("href", location.pathname.replace(/[^/]*$/, "") + given);
  }
  return new URL(anchor.href);
}

function link(event) {
  const anchor = event.composedPath().find((node) => node instanceof HTMLAnchorElement && node.hasAttribute("href"));
  if (!anchor || anchor.target === "_blank" || anchor.hasAttribute("download") || anchor.dataset.own !== undefined) return null;
  const url = mended(anchor);
  return url.origin === location.origin && pages.has(url.pathname.split("/").pop()) && !url.hash ? url : null;
}

function clicked(event) {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.defaultPrevented) return;
  const url = link(event);
  if (!url) return;
  event.preventDefault();
  event.stopPropagation();
  history.pushState({}, "", url);
  dispatchEvent(new PopStateEvent("popstate", { state: {} }));
}

export default function ({ data }) {
  pages = new Set(data.pages);
  document.addEventListener("pointerdown", link, { capture: true });
  document.addEventListener("click", clicked, { capture: true });
  return () => {
    document.removeEventListener("pointerdown", link, { capture: true });
    document.removeEventListener("click", clicked, { capture: true });
  };
}
