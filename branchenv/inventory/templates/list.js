"use strict";
// The rows are in the page already: this only hides, sorts and keeps times true. Nothing is ever written as HTML.
(() => {
  const body = document.getElementById("rows");
  const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase(), data: row.dataset }));
  const byId = (id) => document.getElementById(id);
  const search = byId("search"), app = byId("app"), owner = byId("owner"), sort = byId("sort");
  const chips = [...document.querySelectorAll(".chip")], heads = [...document.querySelectorAll("th[data-sort]")];
  const numeric = new Set(["created", "updated", "expires", "cost", "mr"]);
  let order = ["updated", "down"];

  const compare = (key, sign) => (left, right) => {
    const a = left.data[key], b = right.data[key];
    // What is not known comes last, whichever way.
    if (a === "" || b === "") return (a === "") - (b === "");
    const by = numeric.has(key) ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return sign * by || left.data.branch.localeCompare(right.data.branch);
  };

  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = new Set(chips.filter((chip) => chip.ariaPressed === "true").map((chip) => chip.dataset.state));
    let shown = 0;
    for (const { row, text, data } of rows) {
      row.hidden = !(
        words.every((word) => text.includes(word)) &&
        (!states.size || states.has(data.state)) &&
        (!app?.value || app.value === data.app) &&
        (!owner?.value || owner.value === data.owner)
      );
      shown += !row.hidden;
    }
    byId("count").textContent = shown === rows.length ? `${shown} environments` : `${shown} of ${rows.length} environments`;
    byId("nothing").hidden = shown > 0;
    body.parentElement.hidden = shown === 0;
  };

  const arrange = (key, way) => {
    order = [key, way];
    rows.sort(compare(key, way === "up" ? 1 : -1));
    body.append(...rows.map(({ row }) => row));
    for (const head of heads) {
      if (head.dataset.sort === key) head.setAttribute("aria-sort", way === "up" ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    sort.value = `${key}:${way}`;
  };

  // The words of inventory/times.py, which a test holds to these.
  const brief = "under a minute";
  const counted = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;
  const span = (seconds) => {
    const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(Math.abs(seconds) / unit + 0.5));
    if (minutes < 1) return brief;
    if (minutes < 60) return counted(minutes, "minute");
    return hours < 48 ? counted(hours, "hour") : counted(days, "day");
  };
  const tell = () => {
    for (const time of document.querySelectorAll("time")) {
      const at = new Date(time.dateTime), seconds = (at - Date.now()) / 1000, kind = time.dataset.kind;
      const told = span(seconds), ago = told === brief ? "just now" : `${told} ago`;
      time.textContent = kind === "since" ? told : kind === "until" && seconds > 0 ? `in ${told}` : ago;
      time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
      time.classList.toggle("soon", kind === "until" && seconds < 86400);
    }
  };

  for (const field of [search, app, owner]) field?.addEventListener("input", show);
  for (const chip of chips) chip.addEventListener("click", () => { chip.ariaPressed = String(chip.ariaPressed !== "true"); show(); });
  sort.addEventListener("input", () => arrange(...sort.value.split(":")));
  for (const head of heads) head.firstElementChild.addEventListener("click", () => {
    const key = head.dataset.sort;
    arrange(key, order[0] === key && order[1] === "up" ? "down" : "up");
  });
  byId("reset").addEventListener("click", () => {
    for (const field of [search, app, owner]) if (field) field.value = "";
    for (const chip of chips) chip.ariaPressed = "false";
    show();
    search.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT)$/.test(event.target.tagName)) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && event.target === search) { search.value = ""; show(); }
  });
  tell();
  setInterval(tell, 30000);
  arrange(...order);
  show();
})();
