"use strict";
// A click on a header sorts by its column; numbers by value, and what has none comes last.
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const isNumber = table.tBodies[0].rows[0].cells[column].classList.contains("number");
      const first = isNumber ? "descending" : "ascending";
      const other = isNumber ? "ascending" : "descending";
      const order = header.getAttribute("aria-sort") === first ? other : first;
      const sign = order === "ascending" ? 1 : -1;
      const compare = (a, b) => {
        const [left, right] = [a.cells[column], b.cells[column]];
        if (!isNumber) return sign * left.textContent.localeCompare(right.textContent);
        if (!left.dataset.value || !right.dataset.value) {
          return (left.dataset.value ? 0 : 1) - (right.dataset.value ? 0 : 1);
        }
        return sign * (Number(left.dataset.value) - Number(right.dataset.value));
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
      headers.forEach((cell) => cell.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", order);
    });
  });
}
