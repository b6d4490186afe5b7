// Draws the figures of a page when they come into sight. Each is a file that calls addFigure with what Bokeh drew.
"use strict";
(() => {
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const waiting = [];
  let bokeh = null;

  function script(source) {
    return new Promise((done, failed) => {
      const element = document.createElement("script");
      element.src = source;
      element.onload = done;
      element.onerror = () => failed(new Error(source));
      document.head.append(element);
    });
  }

  window.addFigure = (item) => {
    const place = waiting.shift();
    place.textContent = "";
    window.Bokeh.embed.embed_item({ ...item, target_id: place.id }).then(() => {
      place.classList.add("drawn");
      // Figures side by side may be wider than a narrow page: the arrow keys then move them, too.
      requestAnimationFrame(() => place.scrollWidth > place.clientWidth && (place.tabIndex = 0));
    });
  };

  // One after the other, so that each file finds its own place at the head of those that wait.
  let last = Promise.resolve();
  function draw(place, number) {
    place.id ||= `figure-${number}`;
    last = last
      .then(() => (bokeh ??= script(`${here}bokeh.min.js`)))
      .then(() => {
        waiting.push(place);
        return script(place.dataset.source);
      })
      .catch((problem) => {
        place.textContent = `This figure could not be fetched (${problem.message}).`;
      });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const places = [...document.querySelectorAll(".figure-of-cell")];
    const sight = new IntersectionObserver(
      (entries) => {
        for (const entry of entries)
          if (entry.isIntersecting) {
            sight.unobserve(entry.target);
            draw(entry.target, places.indexOf(entry.target));
          }
      },
      { rootMargin: "600px" },
    );
    places.forEach((place) => sight.observe(place));
  });
})();
