// Tables that sort by a click and filter by a word. Without Tabulator beside the page they stay plain tables.
(function () {
  "use strict";
  var value = function (text) {
    var plain = String(text).replace(/\u2212/g, "-").replace("\u221e", "Infinity");
    return plain.trim() === "" ? NaN : Number(plain);
  };
  var compare = function (a, b) {
    var x = value(a), y = value(b);
    if (!isNaN(x) && !isNaN(y)) return x === y ? 0 : x < y ? -1 : 1;
    return String(a).localeCompare(String(b));
  };
  var begin = function (table, holder) {
    var names = Array.from(table.tHead.rows[0].cells, function (cell) { return cell.textContent; });
    var rows = Array.from(table.tBodies[0].rows, function (row) {
      return Object.fromEntries(Array.from(row.cells, function (cell, index) { return ["c" + index, cell.textContent]; }));
    });
    var label = document.createElement("label"), field = document.createElement("input");
    field.type = "search"; field.className = "results-filter"; field.placeholder = "Rows with this word";
    label.append("Filter ", field); label.className = "quiet"; holder.before(label);
    var shown = new window.Tabulator(table.parentNode.appendChild(document.createElement("div")), {
      data: rows, layout: "fitDataStretch", height: Math.min(480, 60 + 26 * rows.length),
      columns: names.map(function (name, index) {
        return { title: name, field: "c" + index, sorter: compare, formatter: "plaintext", titleFormatter: "plaintext" };
      })
    });
    table.remove();
    shown.on("tableBuilt", function () {
      // The part that scrolls takes the keyboard, so it must be a part that a grid may have.
      shown.element.querySelector(".tabulator-tableholder").setAttribute("role", "rowgroup");
      shown.element.querySelector(".tabulator-table").setAttribute("role", "presentation");
      shown.element.querySelectorAll(".tabulator-col-sorter-element").forEach(function (head) {
        head.tabIndex = 0;
        head.addEventListener("keydown", function (key) { if (key.key === "Enter") head.click(); });
      });
    });
    field.addEventListener("input", function () {
      var word = field.value.toLowerCase();
      shown.setFilter(function (row) { return Object.values(row).some(function (one) { return String(one).toLowerCase().includes(word); }); });
    });
  };
  document.querySelectorAll("table.results").forEach(function (table) {
    var details = table.closest("details"), holder = table.closest(".scroll"), done = false;
    var open = function () { if (!done && details.open && window.Tabulator) { done = true; begin(table, holder); } };
    details.addEventListener("toggle", open); open();
  });
})();
