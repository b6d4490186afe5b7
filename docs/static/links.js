// Links to labs lead to the server that offers the site; from a page that was opened as a file, to one on this machine.
"use strict";
if (location.protocol === "file:")
  document.addEventListener("DOMContentLoaded", () => {
    for (const link of document.querySelectorAll("a.served"))
      link.href = link.getAttribute("href").replace(/^(\.\.\/)+/, "http://localhost:5006/");
  });
