"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const merged = (theirs, ours) => {
    const out = { ...ours, ...theirs };
    for (const axis of ["xaxis", "yaxis"]) out[axis] = { ...ours[axis], ...(theirs[axis] || {}) };
    return out;
  };
  const layout = (chart, narrow) => {
    const grid = "rgba(128,134,145,.22)";
    const axis = { exponentformat: "power", gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true };
    for (const mark of chart.layout.annotations || []) Object.assign(mark, { bgcolor: style("--card"), opacity: 0.85 });
    return merged(narrow && (chart.layout.xaxis || {}).tickformat
      ? { ...chart.layout, xaxis: { ...chart.layout.xaxis, nticks: 3, title: { text: "share of variance" } } }
      : chart.layout, {
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 13, color: style("--ink") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: narrow ? 46 : 60, r: 12, t: 34, b: 46 },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: narrow ? 11 : 13 } },
      hoverlabel: { align: "left" }, xaxis: axis, yaxis: axis, dragmode: narrow ? false : "zoom",
    });
  };
  const config = { responsive: true, displayModeBar: false };
  const places = [...document.querySelectorAll("[data-chart]")];
  const draw = (place) => {
    const chart = charts[Number(place.dataset.chart)];
    return Plotly.newPlot(place, chart.data, layout(chart, place.clientWidth < 520), config);
  };
  const next = () => {
    const place = places.shift();
    if (!place) { document.documentElement.dataset.drawn = "all"; return; }
    draw(place).then(() => setTimeout(next));
  };
  const all = places.slice();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach((place) => {
    if (place.data) draw(place);
  }));
  for (const table of document.querySelectorAll(".sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].textContent;
      const compare = (a, b) => {
        const x = parseFloat(key(a)), y = parseFloat(key(b));
        if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
        const order = isNaN(x) ? key(a).localeCompare(key(b)) : x - y;
        return down ? -order : order;
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    }));
  }
  next();
})();
