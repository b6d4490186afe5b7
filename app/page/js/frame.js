// The page around a lab.

import {mendFrame} from "./upstream.js"

/** @import {HasProps} from "@bokehjs/core/has_props" */

/** @typedef {HasProps & {dark_theme: boolean, sidebar_open: boolean, sidebar_width: number}} Frame */
/** @typedef {{class_name?: string, data: Frame}} Page */

// Width of the drawer, px, where letters have their usual size of so many px.
const DRAWER = 330, LETTERS = 14

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

/** @returns {boolean} whether the drawer stands beside the figures */
export function drawerIsOpen() {
  return pageOf()?.data.sidebar_open ?? false
}

/** @param {() => void} run when the drawer is opened or closed */
export function whenDrawerMoves(run) {
  const frame = pageOf()?.data
  frame?.properties.sidebar_open.change.connect(run)
}

/**
 * Follow the system's dark mode, and leave a narrow window to the plots instead of the drawer.
 * @param {HTMLElement} bar the page's part in the title bar
 * @param {(() => HTMLElement | null) | null} skipTo returns what has the focus after the controls are skipped
 */
export function adaptPage(bar, skipTo) {
  mendFrame(skipTo)
  const page = pageOf()
  if (!page) return
  if (matchMedia("(prefers-color-scheme: dark)").matches && !new URLSearchParams(location.search).has("theme"))
    page.data.dark_theme = true
  const narrow = matchMedia("(max-width: 899px)")
  // Whether the drawer was open before the window got narrow.
  let wasBeside = false
  const adapt = () => {
    if (narrow.matches) wasBeside = page.data.sidebar_open
    page.data.sidebar_open = !narrow.matches && wasBeside
  }
  narrow.addEventListener("change", adapt)
  if (narrow.matches) adapt()
  const letters = parseFloat(getComputedStyle(bar).fontSize)
  if (letters > LETTERS) page.data.sidebar_width = Math.round(DRAWER * letters / LETTERS)
}
