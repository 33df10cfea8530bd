"use strict";
(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = read("figure-data");
  const folded = read("decision-data");

  // Figures: colours are names of CSS variables, so that one figure serves light, dark and print.
  const token = /^--[a-z0-9-]+$/;
  function coloured(value, style) {
    if (typeof value === "string") return token.test(value) ? style.getPropertyValue(value).trim() || value : value;
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
    }
    return value;
  }
  function framed(layout, height, narrow) {
    const axis = { gridcolor: "--line", zeroline: false, linecolor: "--line", automargin: true,
      tickfont: { color: "--muted", size: 12 }, title: { font: { color: "--muted", size: 13 }, standoff: 10 } };
    const both = (mine) => ({ ...axis, ...mine, title: { ...axis.title, ...(mine || {}).title } });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height, autosize: true, dragmode: narrow ? false : "zoom",
      font: { family: getComputedStyle(document.body).fontFamily, color: "--ink", size: 13 },
      margin: { l: 60, r: 14, t: 16, b: 50 },
      hoverlabel: { bgcolor: "--panel", bordercolor: "--line", font: { color: "--ink", size: 13 } },
      ...layout,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12.5 }, ...layout.legend },
      xaxis: both(layout.xaxis), yaxis: both(layout.yaxis),
    };
  }
  const shown = {};
  function show(name) {
    const figure = figures[name];
    const view = figure.views[shown[name] || 0];
    const place = document.getElementById("plot-" + name);
    const style = getComputedStyle(document.documentElement);
    const layout = coloured(framed(view.layout, figure.height, window.innerWidth < 700), style);
    Plotly.react(place, coloured(view.data, style), layout, { responsive: true, displayModeBar: false, displaylogo: false });
  }
  function showAll() { Object.keys(figures).forEach(show); }
  for (const button of document.querySelectorAll(".views button")) {
    button.addEventListener("click", () => {
      shown[button.dataset.figure] = Number(button.dataset.view);
      for (const other of button.parentNode.children) other.setAttribute("aria-pressed", String(other === button));
      show(button.dataset.figure);
    });
  }
  showAll();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    window.matchMedia(query).addEventListener("change", showAll);
  }

  // The table of trials: sort by a column, filter by words and state, fold out the decisions.
  const table = document.getElementById("trials");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const words = document.getElementById("filter");
  const state = document.getElementById("filter-state");
  const count = document.getElementById("filter-count");
  const texts = new Map();
  function valueOf(row, column) {
    if (column === 0) return Number(row.dataset.n);
    const cell = row.cells[column];
    return cell.dataset.v ? Number(cell.dataset.v) : cell.textContent.trim();
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a.localeCompare(b);
  }
  function missing(value) { return value === "" || value === "–"; }
  function closeAll() {
    for (const row of Array.from(body.querySelectorAll(".folded"))) row.remove();
    for (const button of body.querySelectorAll("button")) button.setAttribute("aria-expanded", "false");
  }
  function sortBy(header) {
    const column = header.cellIndex;
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    closeAll();
    const keyed = rows.map((row) => [valueOf(row, column), row]);
    keyed.sort(([a], [b]) => missing(a) - missing(b) || (descending ? compare(b, a) : compare(a, b)));
    body.append(...keyed.map(([, row]) => row));
  }
  function textOf(row) {
    if (!texts.has(row)) {
      const decisions = decisionsOf(row.dataset.n).map(([path, value]) => path + "=" + value).join(" ");
      texts.set(row, (row.textContent + " " + decisions).toLowerCase());
    }
    return texts.get(row);
  }
  function filter() {
    closeAll();
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const keep = (!state.value || row.cells[2].textContent === state.value) && wanted.every((word) => textOf(row).includes(word));
      row.hidden = !keep;
      left += keep ? 1 : 0;
    }
    count.textContent = left === rows.length ? rows.length + " rows" : left + " of " + rows.length + " rows";
  }
  function decisionsOf(number) {
    const row = folded.rows[number];
    if (!row) return [];
    return folded.forms[row[0]].map((path, i) => [folded.paths[path], folded.values[row[i + 1]]]);
  }
  function fold(button) {
    const row = button.closest("tr");
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) { row.nextElementSibling.remove(); return; }
    const extra = document.createElement("tr");
    extra.className = "folded";
    const cell = extra.insertCell();
    cell.colSpan = row.cells.length;
    const decisions = decisionsOf(row.dataset.n);
    cell.className = "mono";
    cell.textContent = decisions.length ? decisions.map(([path, value]) => path + " = " + value).join("   ·   ")
      : "Not kept in this page; see: searchitect show STUDY " + row.dataset.n;
    row.after(extra);
  }
  for (const header of table.tHead.rows[0].cells) {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => sortBy(header));
  }
  body.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) fold(button);
  });
  words.addEventListener("input", filter);
  state.addEventListener("change", filter);
  filter();
})();
