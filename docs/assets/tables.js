// Tables in an element of class "browsable" can be filtered by words and sorted by a column; without this script they are tables.
"use strict";
for (const home of document.querySelectorAll(".browsable")) {
  const table = home.querySelector("table");
  if (!table) continue;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const filter = document.createElement("input");
  filter.type = "search";
  filter.className = "browsable-filter";
  filter.placeholder = "Filter by words";
  filter.setAttribute("aria-label", "Filter the rows of the table below by words");
  const count = document.createElement("p");
  count.className = "browsable-count";
  count.setAttribute("role", "status");
  home.prepend(filter, count);

  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
  };
  filter.addEventListener("input", show);
  show();

  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].textContent.trim().replace("−", "-").replaceAll(",", "");
      const order = (a, b) => {
        const [x, y] = [Number(value(a)), Number(value(b))];
        return Number.isNaN(x) || Number.isNaN(y) ? value(a).localeCompare(value(b)) : x - y;
      };
      body.append(...rows.sort((a, b) => (down ? order(b, a) : order(a, b))));
    });
  });
}

// What scrolls can be reached without a mouse: the theme wraps wide tables once they are there.
const reachable = () => {
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) wrap.tabIndex = 0;
};
reachable();
new MutationObserver(reachable).observe(document.body, { childList: true, subtree: true });
