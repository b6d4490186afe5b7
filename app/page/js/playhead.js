// The line that moves through the figures while a sound plays, and the stretch of it that is played over and over. Figures
// say themselves whose time their axis is (`Axis.sounds`).

/** @import {FigureView, Store} from "./types" */
/** @import {Stretch} from "./voice.js" */

import {make} from "./dom.js"

// A drag over less than this, px, selects nothing.
const SMALLEST_PX = 4

/**
 * @typedef {object} Sounding
 * @property {() => string} key of the sound
 * @property {() => number} place that is heard, s
 * @property {() => Stretch | null} looped
 * @property {(stretch: Stretch) => void} select a stretch to be played over and over
 */

/**
 * @param {Store} store
 * @param {Sounding} sounding
 * @returns {{move: () => void}} puts the lines where the sound is
 */
export function drawPlayhead(store, sounding) {
  /** @type {Map<FigureView, {line: HTMLElement, stretch: HTMLElement}>} */
  const drawn = new Map()
  /** @param {FigureView} view */
  const partsOf = (view) => {
    const there = drawn.get(view)
    if (there) return there
    const parts = {line: make("div", {class: "playhead", "aria-hidden": "true", hidden: true}),
      stretch: make("div", {class: "stretch", "aria-hidden": "true", hidden: true})}
    view.el.parentElement?.append(parts.stretch, parts.line)
    drawn.set(view, parts)
    return parts
  }
  const move = () => {
    const key = sounding.key(), loop = sounding.looped(), at = sounding.place()
    for (const follow of store.followers) follow(key, at)
    for (const view of store.views) {
      const axes = store.axes[view.model.name ?? ""]
      if (!axes?.sounds.length) continue
      const is = axes.sounds.includes(key)
      const {line, stretch} = partsOf(view)
      place(view, line, is && (at > 0 || loop !== null) ? [at * axes.perSecond, at * axes.perSecond] : null)
      place(view, stretch, is && loop ? [loop.from * axes.perSecond, loop.to * axes.perSecond] : null)
    }
  }
  store.watchers.add(() => requestAnimationFrame(move))
  store.receivers.views = () => { for (const view of store.views) selectIn(view, store, sounding, partsOf) }
  if (store.views.length) store.receivers.views()
  return {move}
}

/**
 * @param {FigureView} view
 * @param {HTMLElement} node
 * @param {[number, number] | null} span on the figure's axis
 */
function place(view, node, span) {
  const {bbox, x_scale} = view.frame
  const [first, last] = span ? span.map((x) => x_scale.compute(x)) : [NaN, NaN]
  const left = Math.max(first, bbox.left), right = Math.min(last, bbox.right)
  node.hidden = !(right >= left && view.el.offsetWidth > 0)
  if (node.hidden) return
  node.style.transform = `translate(${view.el.offsetLeft + left}px, ${view.el.offsetTop + bbox.top}px)`
  node.style.height = `${bbox.height}px`
  if (last > first) node.style.width = `${right - left}px`
}

/**
 * Let a drag with Shift held select a stretch.
 * @param {FigureView} view
 * @param {Store} store
 * @param {Sounding} sounding
 * @param {(view: FigureView) => {stretch: HTMLElement}} partsOf
 */
function selectIn(view, store, sounding, partsOf) {
  const axes = store.axes[view.model.name ?? ""]
  if (!axes?.sounds.length) return
  const ground = /** @type {HTMLElement} */ (view.el.parentElement)
  /** @param {PointerEvent} event */
  const across = (event) => event.clientX - view.el.getBoundingClientRect().left
  let began = NaN
  ground.addEventListener("pointerdown", (event) => {
    if (!event.shiftKey || !axes.sounds.includes(sounding.key())) return
    event.stopPropagation()
    event.preventDefault()
    began = across(event)
    ground.setPointerCapture(event.pointerId)
  }, true)
  for (const kind of ["pointermove", "pointerup"]) ground.addEventListener(kind, (event) => {
    if (Number.isNaN(began)) return
    event.stopPropagation()
    const ends = [began, across(/** @type {PointerEvent} */ (event))].sort((a, b) => a - b)
    const [from, to] = ends.map((px) => Math.max(view.frame.x_scale.invert(px), 0))
    if (kind === "pointermove") {
      place(view, partsOf(view).stretch, [from, to])
      return
    }
    began = NaN
    if (ends[1] - ends[0] >= SMALLEST_PX) sounding.select({from: from / axes.perSecond, to: to / axes.perSecond})
  }, true)
}
