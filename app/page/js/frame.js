// The page around a lab.

import {mendFrame} from "./upstream.js"

/** @typedef {{class_name?: string, data: {dark_theme: boolean, sidebar_open: boolean}}} Page */

/** @returns {Page | undefined} */
function pageOf() {
  const roots = /** @type {Page[]} */ (/** @type {unknown} */ (Bokeh.documents.flatMap((each) => each.roots())))
  return roots.find(({class_name}) => class_name === "Page")
}

// Whether the drawer was open before the page was presented.
let wasOpen = false

/**
 * Close the drawer while the page is presented, and open it afterwards if it was open.
 * @param {boolean} is whether the page is presented
 */
export function closeDrawer(is) {
  const page = pageOf()
  if (!page) return
  if (is) wasOpen = page.data.sidebar_open
  page.data.sidebar_open = !is && wasOpen
}

/**
 * Follow the system's dark mode, and open on a phone with the plots in sight instead of the drawer.
 */
export function adaptPage() {
  mendFrame()
  const page = pageOf()
  if (!page) return
  if (matchMedia("(prefers-color-scheme: dark)").matches && !new URLSearchParams(location.search).has("theme"))
    page.data.dark_theme = true
  if (window.innerWidth < 900) page.data.sidebar_open = false
}
