// The page around a lab.

/**
 * Follow the system's dark mode, and open on a phone with the plots in sight instead of the drawer.
 */
export function adaptPage() {
  /** @typedef {{class_name?: string, data: {dark_theme: boolean, sidebar_open: boolean}}} Page */
  const roots = /** @type {Page[]} */ (/** @type {unknown} */ (Bokeh.documents.flatMap((each) => each.roots())))
  const page = roots.find(({class_name}) => class_name === "Page")
  if (!page) return
  if (matchMedia("(prefers-color-scheme: dark)").matches && !new URLSearchParams(location.search).has("theme"))
    page.data.dark_theme = true
  if (window.innerWidth < 900) page.data.sidebar_open = false
}
