"use strict";
(() => {
  const content = JSON.parse(document.getElementById("data").textContent);
  const drawn = new Map();
  const chosen = { workload: "", app: "", server: "" };
  let dark = false;

  // A chart's colours, as the page has them now.
  const colours = (width) => {
    const style = getComputedStyle(document.documentElement);
    const [text, quiet, rule] = ["--text", "--quiet", "--rule"].map((n) => style.getPropertyValue(n).trim());
    const words = { labelColor: quiet, titleColor: quiet };
    return {
      background: "transparent", font: "system-ui, sans-serif",
      axis: { ...words, gridColor: rule, domainColor: rule, tickColor: rule, labelLimit: 260, labelFontSize: 12 },
      legend: { labelColor: text, labelFontSize: 12, columns: Math.max(1, Math.floor(width / 240)) }, view: { stroke: null },
    };
  };

  // {a: [1, 2], b: [3, 4]} -> [{a: 1, b: 3}, {a: 2, b: 4}]
  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, i) => Object.fromEntries(names.map((n) => [n, columns[n][i]])));
  };

  const parts = (stack) => {
    const [app, rest = ""] = stack.split(/\/(.*)/s);
    return { app, server: rest.split(/[:#]/)[0] };
  };
  const wanted = (stack) => {
    const { app, server } = parts(stack);
    return (!chosen.app || app === chosen.app) && (!chosen.server || server === chosen.server);
  };

  const specOf = (element) => {
    const name = element.dataset.chart;
    if (name === "course") {
      const found = content.courses[element.dataset.workload];
      return { spec: found.spec, data: { runs: found.data } };
    }
    if (name === "waits") return { spec: content.waits.spec, data: { waits: content.waits.data } };
    const workload = content.workloads[Number(element.dataset.number)];
    const found = workload.specs[name];
    const spec = name === "percentiles" ? found[element.dataset.part] : found;
    return { spec, data: workload.data };
  };

  const draw = async (element) => {
    const { spec, data } = specOf(element);
    if (!spec) return;
    const datasets = Object.fromEntries(
      Object.entries(data).map(([name, columns]) => [name, rowsOf(columns).filter((row) => wanted(row.stack))]),
    );
    const names = new Set(JSON.stringify(spec).match(/"data":\{"name":"(\w+)"\}/g).map((t) => t.split('"')[5]));
    if (![...names].some((name) => datasets[name].length)) {
      drawn.get(element)?.finalize();
      drawn.delete(element);
      element.replaceChildren();
      element.parentElement.hidden = true;
      return;
    }
    element.parentElement.hidden = false;
    const height = element.dataset.chart === "throughput" ? 30 * datasets.capacity.length : spec.height;
    const result = await vegaEmbed(element, { ...spec, height, datasets }, {
      actions: false, renderer: "svg", config: colours(element.clientWidth), tooltip: { theme: dark ? "dark" : "light" },
    });
    drawn.get(element)?.finalize();
    drawn.set(element, result);
  };

  const charts = [...document.querySelectorAll(".chart")];
  const visible = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !visible.has(entry.target)) {
        visible.add(entry.target);
        draw(entry.target);
      }
    }
  }, { rootMargin: "600px" });
  const redraw = () => Promise.all([...visible].map(draw));

  for (const element of charts) {
    const buttons = [...element.parentElement.querySelectorAll("[data-part]")];
    const press = (button) => {
      element.dataset.part = button.dataset.part;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    };
    if (buttons.length) press(buttons[Math.floor((buttons.length - 1) / 2)]);
    for (const button of buttons) button.addEventListener("click", () => { press(button); draw(element); });
    watcher.observe(element);
  }

  // A column is sorted by the first number in its cells, or by their text.
  const key = (cell) => {
    const text = cell.textContent.trim();
    const number = text.replace(/^[>~\s]+/, "").match(/^-?[\d,]*\.?\d+/);
    if (text === "baseline") return 1;
    return number ? Number(number[0].replaceAll(",", "")) : text === "-" ? null : text;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, index) => head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending === 1 ? "ascending" : "descending");
      const sorted = [...table.tBodies[0].rows].map((row) => [key(row.cells[index]), row]).sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        if (typeof a === typeof b) return descending * (a < b ? -1 : a > b ? 1 : 0);
        return typeof a === "number" ? -1 : 1;
      });
      table.tBodies[0].append(...sorted.map(([, row]) => row));
    }));
  }

  const apply = () => {
    for (const section of document.querySelectorAll("section[data-workload]")) {
      section.hidden = Boolean(chosen.workload) && section.dataset.workload !== chosen.workload;
    }
    let shown = 0;
    for (const row of document.querySelectorAll("tr[data-stack]")) {
      row.hidden = !wanted(row.dataset.stack);
      const section = row.closest("section[data-workload]");
      shown += Number(!row.hidden && Boolean(section) && !section.hidden && row.closest("table") === section.querySelector("table"));
    }
    for (const cell of document.querySelectorAll("[data-against]")) cell.hidden = !wanted(cell.dataset.against);
    const output = document.getElementById("shown");
    if (output) output.textContent = `${shown} ${shown === 1 ? "row" : "rows"}`;
    return redraw();
  };
  for (const name of Object.keys(chosen)) {
    const select = document.getElementById(`by-${name}`);
    select?.addEventListener("change", () => { chosen[name] = select.value; apply(); });
  }

  const button = document.getElementById("theme");
  const setTheme = (wish) => {
    dark = wish;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
    return redraw();
  };
  button.addEventListener("click", () => setTheme(!dark));
  // The page scrolls to what an address names only where that is not hidden.
  addEventListener("hashchange", () => {
    const section = document.getElementById(location.hash.slice(1));
    if (section?.hidden) { document.getElementById("by-workload").value = chosen.workload = ""; apply(); section.scrollIntoView(); }
  });
  addEventListener("beforeprint", () => { for (const element of charts) visible.add(element); setTheme(false); });
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  apply();
})();
