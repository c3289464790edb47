// Tables that sort by a click and filter by a word. Without Tabulator beside the page they stay plain tables.
(function () {
  "use strict";
  var LONG = 12;  // rows from which a filter helps
  var value = function (text) {
    var plain = String(text).replace(/\u2212/g, "-").replace("\u221e", "Infinity");
    plain = plain.replace(/,(?=\d{3})/g, "").replace(/\s*%$/, "").trim();
    return plain === "" || plain === "\u2013" ? NaN : Number(plain);
  };
  var missing = function (text) { return text === "" || text === "\u2013"; };
  var compare = function (a, b, one, other, column, direction) {
    if (missing(a) !== missing(b)) return (missing(a) ? 1 : -1) * (direction === "desc" ? -1 : 1);  // always last
    var x = value(a), y = value(b);
    if (!isNaN(x) && !isNaN(y)) return x === y ? 0 : x < y ? -1 : 1;
    return String(a).localeCompare(String(b));
  };
  var filter = function (holder, get) {
    var label = document.createElement("label"), field = document.createElement("input");
    field.type = "search"; field.className = "results-filter"; field.placeholder = "Rows with this word";
    label.append("Filter ", field); label.className = "quiet"; holder.before(label);
    field.addEventListener("input", function () {
      var word = field.value.toLowerCase();
      get().setFilter(function (row) { return Object.values(row).some(function (one) { return String(one).toLowerCase().includes(word); }); });
    });
  };
  var begin = function (table, holder) {
    var heads = Array.from(table.tHead.rows[0].cells);
    var rows = Array.from(table.tBodies[0].rows, function (row) {
      return Object.fromEntries(Array.from(row.cells, function (cell, index) { return ["c" + index, cell.textContent.trim()]; }));
    });
    var bodies = Array.from(table.tBodies[0].rows);
    rows.forEach(function (row, index) { row.place = index; });
    var drawn = function (column) {  // links and raised letters stay what they are
      return function (cell) {
        var span = document.createElement("span"), from = bodies[cell.getData().place].cells[column];
        Array.from(from.childNodes, function (node) { span.append(node.cloneNode(true)); });
        return span;
      };
    };
    var long = rows.length > LONG, place = document.createElement("div"), shown;
    if (long) filter(holder, function () { return shown; });
    var options = {
      data: rows, layout: "fitDataTable",
      columns: heads.map(function (head, index) {
        var field = "c" + index, said = rows.map(function (row) { return row[field]; }).filter(function (text) { return !missing(text); });
        var wrapped = said.some(function (text) { return text.length > 60; });
        var side = said.length && said.every(function (text) { return !isNaN(value(text)); }) ? "right" : "left";
        return { title: head.textContent, field: field, sorter: compare, formatter: bodies.some(function (row) { return row.cells[index].firstElementChild; }) ? drawn(index) : "plaintext", titleFormatter: "plaintext",
          hozAlign: side, headerHozAlign: side, headerTooltip: head.title || false,
          width: wrapped ? 330 : undefined, variableHeight: wrapped, cssClass: wrapped ? "wrapped" : "" };
      })
    };
    if (long) options.height = Math.min(480, 60 + 26 * rows.length);  // only the rows in sight are drawn
    shown = new window.Tabulator(table.parentNode.appendChild(place), options);
    table.classList.add("printed");  // what is cut on paper is not what scrolls on a screen
    shown.on("tableBuilt", function () {
      // The part that scrolls takes the keyboard, so it must be a part that a grid may have.
      shown.element.querySelector(".tabulator-tableholder").setAttribute("role", "rowgroup");
      shown.element.querySelector(".tabulator-table").setAttribute("role", "presentation");
      shown.element.querySelectorAll(".tabulator-col-sorter-element").forEach(function (head) {
        head.tabIndex = 0;
        head.addEventListener("keydown", function (key) { if (key.key === "Enter") head.click(); });
      });
    });
  };
  if (!window.Tabulator) return;
  document.querySelectorAll("table.results").forEach(function (table) {
    var details = table.closest("details"), holder = table.closest(".scroll"), done = false;
    var open = function () { if (!done && (!details || details.open)) { done = true; begin(table, holder); } };
    if (details) details.addEventListener("toggle", open);
    open();
  });
})();
