// What a keyboard and a screen reader need of a page: a name for each landmark, and a stop at each part that scrolls by
// itself, as long as it does.
"use strict";

(() => {
  const parts = () => document.querySelectorAll(
    "article pre, article .table-wrapper, article .math, article .drawing, article .cell_output .output",
  );

  function kind(element) {
    if (element.matches(".math")) return "Formula";
    if (element.querySelector("table")) return "Table";
    return element.matches(".cell_output *") ? "Output" : "Code";
  }

  function scrolls(element) {
    const style = getComputedStyle(element), moves = /auto|scroll/;
    return (moves.test(style.overflowX) && element.scrollWidth > element.clientWidth)
      || (moves.test(style.overflowY) && element.scrollHeight > element.clientHeight);
  }

  function mark() {
    for (const [number, element] of parts().entries()) {
      if (scrolls(element)) {
        element.tabIndex = 0;
        element.setAttribute("role", "region");
        element.setAttribute("aria-label", `${kind(element)} ${number + 1}, which scrolls`);
      } else {
        for (const name of ["tabindex", "role", "aria-label"]) element.removeAttribute(name);
      }
    }
  }

  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "The site");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "This page");
  mark();
  addEventListener("load", mark);
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true); // what lay inside a closed answer had no size
})();
