// The figures on the screen: as large as it allows, presented to a room (key P), and one of them alone (Enter).

/** @import {Document} from "@bokehjs/document" */
/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {Rounds, Store} from "./types" */

import {closeDrawer} from "./frame.js"
import {figuresOf} from "./scene.js"
import {rowsOf, sizable, sizesFor} from "./sizes.js"
import {notify} from "./store.js"
import {hideBar} from "./upstream.js"

// Room under the figures for the tools, px; none when presenting.
const TOOLS = 60, MARGIN = 12
// The page's small letters, as a share of those of its text: `--small` of lab.css.
const SMALL = 0.9
// Figures that would change their height by less than this share keep it: rounded heights never fit quite.
const STEADY = 0.02

/**
 * @param {Document} document
 * @param {HTMLElement} grid
 * @param {Store} store
 * @param {Rounds} rounds
 * @param {(letters: number) => void} setTitles
 */
export function setStage(document, grid, store, rounds, setTitles) {
  const resize = sizable(document)
  const window_ = /** @type {Window} */ (grid.ownerDocument.defaultView)
  const scroller = scrollerOf(grid)
  /** @type {HTMLElement | null} */
  let alone = null
  /** @type {HTMLElement | null} */
  let pointed = null
  /** @type {HTMLElement | null} */
  let shownAlone = null
  let heights = 1, letters = 1, width = 0, isWanted = false, shownRows = ""

  const fit = () => {
    isWanted = false
    const areas = rowsOf(getComputedStyle(grid).gridTemplateAreas)
    const rows = new Map(targetsOf(grid).map((target) =>
      [target.dataset.name, areas.get(getComputedStyle(target).gridRowStart) ?? ""]))
    const standing = figuresOf(document).map(({name, visible}) => visible ? rows.get(String(name)) : "-").join()
    if (standing !== shownRows) rounds.settle()  // a figure that was hidden has the height of another screen
    const room = /** @type {HTMLElement} */ (grid.parentElement).getBoundingClientRect()
    const above = room.top - scroller.getBoundingClientRect().top + scroller.scrollTop
    const shown = gridHeight(grid)
    const corner = grid.getBoundingClientRect().height - shown  // and what else has a height of its own
    const height = scroller.clientHeight - above - corner - (store.presenting ? MARGIN : TOOLS)
    const usual = shown / heights
    const presented = store.presenting ? SMALL * parseFloat(getComputedStyle(grid).fontSize) : 0
    const sizes = sizesFor({width: room.width, height, usual, presented})
    if (!store.permalink) Object.assign(sizes, {heights: 1, letters: 1})  // a cell is as large as its notebook makes it
    if (Math.abs(sizes.heights / heights - 1) < STEADY) sizes.heights = heights
    if (sizes.heights === heights && sizes.letters === letters && alone === shownAlone && standing === shownRows) return
    heights = sizes.heights
    shownAlone = alone
    shownRows = standing
    grid.style.setProperty("--heights", String(heights))
    const rowOf = (/** @type {Figure} */ {name}) => rows.get(String(name)) ?? ""
    resize(sizes, rowOf, ({name}) => name === alone?.dataset.name ? window_.innerHeight - 2 * MARGIN : undefined)
    setTitles(sizes.letters)
    letters = sizes.letters
  }
  const fitSoon = () => {
    isWanted = true
    rounds.soon()
  }
  rounds.beforeLayout.add(() => { if (isWanted) fit() })
  const lead = () => { grid.dataset.lead = store.leading }
  store.watchers.add(lead)
  lead()
  new ResizeObserver(([{contentRect}]) => {
    if (!width && contentRect.width) store.repaint(null)  // what is not displayed has no transitions of its colours
    if (contentRect.width !== width) fitSoon()  // its height follows from the figures
    width = contentRect.width
  }).observe(/** @type {HTMLElement} */ (grid.parentElement))
  window_.addEventListener("resize", () => {
    rounds.resized()
    fitSoon()
  })
  for (const figure of figuresOf(document)) figure.properties.visible.change.connect(fitSoon)
  store.watchers.add((moved) => { if (!moved?.size) fitSoon() })
  fit()
  rounds.now()
  if (!store.permalink) return

  /** @param {boolean} is */
  const present = (is) => {
    if (!is) leaveAlone()
    store.presenting = is
    grid.ownerDocument.documentElement.classList.toggle("amtlab-presenting", is)
    closeDrawer(is)
    hideBar(is)
    notify(store)
    scroller.scrollTo({top: 0})
  }
  const leaveAlone = () => {
    alone?.classList.remove("alone")
    alone = null
    fitSoon()
  }
  store.present = present
  for (const target of targetsOf(grid))
    target.addEventListener("pointerenter", () => { pointed = target })
  window_.addEventListener("keydown", (event) => {
    const at = /** @type {HTMLElement} */ (event.composedPath()[0])
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(at)) return
    if (event.key.toLowerCase() === "p") present(!store.presenting)
    else if (event.key === "Escape" && alone) leaveAlone()
    else if (event.key === "Escape" && store.presenting) present(false)
    else if (event.key === "Enter" && store.presenting && !isButton(at)) {
      const next = alone ? null : pointed
      leaveAlone()
      if (!next) return
      alone = next
      alone.classList.add("alone")
    }
  })
  if (figuresOf(document).length) pointed = targetsOf(grid)[0] ?? null
}

/**
 * @param {HTMLElement} node
 * @returns {Element} what the node is scrolled in
 */
function scrollerOf(node) {
  const document = node.ownerDocument
  /** @type {Node | null} */
  let at = node
  while (at) {
    if (at instanceof HTMLElement && /auto|scroll/.test(getComputedStyle(at).overflowY)) return at
    at = at instanceof ShadowRoot ? at.host : at.parentNode
  }
  return document.scrollingElement ?? document.documentElement
}

/** @param {HTMLElement} grid @returns {HTMLElement[]} */
function targetsOf(grid) {
  return [...grid.querySelectorAll("[data-name]")].map((each) => /** @type {HTMLElement} */ (each))
}

/** Height of the figures without the corner, which has letters of its own. @param {HTMLElement} grid */
function gridHeight(grid) {
  const boxes = targetsOf(grid).filter((each) => !each.classList.contains("alone"))
    .map((each) => each.getBoundingClientRect()).filter(({height}) => height > 0)
  if (!boxes.length) return 0
  return Math.max(...boxes.map(({bottom}) => bottom)) - Math.min(...boxes.map(({top}) => top))
}

/** @param {HTMLElement} node */
function isTyping(node) {
  return node.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]") ?? false
}

/** @param {HTMLElement} node */
function isButton(node) {
  return node.matches?.("button, a, summary, input") ?? false
}
