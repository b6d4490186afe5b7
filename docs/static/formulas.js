// Lets the arrow keys move a formula that is wider than the page.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const width = new ResizeObserver((entries) => {
    for (const { target } of entries)
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
  });
  document.querySelectorAll(".formula").forEach((each) => width.observe(each));
});
