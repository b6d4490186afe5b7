// The line that moves through the figures while a sound plays, and the region of it that is played over and over. Figures
// say themselves whose time their axis is (`Axis.sounds`).

/** @import {FigureView, Store} from "./types" */
/** @import {Region} from "./voice.js" */

import {make} from "./dom.js"

// A drag over less than this, px, selects nothing.
const SMALLEST_PX = 4

/**
 * @typedef {object} PlayingSound
 * @property {() => string} key of the sound
 * @property {() => number} place that is heard, s
 * @property {() => Region | null} looped
 * @property {(region: Region) => void} select a region to be played over and over
 */

/**
 * @param {Store} store
 * @param {PlayingSound} sound
 * @returns {{move: () => void}} puts the lines where the sound is
 */
export function drawPlayhead(store, sound) {
  /** @type {Map<FigureView, {line: HTMLElement, region: HTMLElement}>} */
  const drawn = new Map()
  /** @param {FigureView} view */
  const partsOf = (view) => {
    const there = drawn.get(view)
    if (there) return there
    const parts = {line: make("div", {class: "playhead", "aria-hidden": "true", hidden: true}),
      region: make("div", {class: "region", "aria-hidden": "true", hidden: true})}
    view.el.parentElement?.append(parts.region, parts.line)
    drawn.set(view, parts)
    return parts
  }
  const move = () => {
    const key = sound.key(), loop = sound.looped(), at = sound.place()
    for (const follow of store.followers) follow(key, at)
    for (const view of store.views) {
      const axes = store.axes[view.model.name ?? ""]
      if (!axes?.sounds.length) continue
      const is = axes.sounds.includes(key)
      const {line, region} = partsOf(view)
      place(view, line, is && (at > 0 || loop !== null) ? [at * axes.perSecond, at * axes.perSecond] : null)
      place(view, region, is && loop ? [loop.from * axes.perSecond, loop.to * axes.perSecond] : null)
    }
  }
  store.watchers.add(() => requestAnimationFrame(move))
  store.receivers.views = () => { for (const view of store.views) selectIn(view, store, sound, partsOf) }
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
 * Let a drag with Shift held select a region.
 * @param {FigureView} view
 * @param {Store} store
 * @param {PlayingSound} sound
 * @param {(view: FigureView) => {region: HTMLElement}} partsOf
 */
function selectIn(view, store, sound, partsOf) {
  const axes = store.axes[view.model.name ?? ""]
  if (!axes?.sounds.length) return
  const ground = /** @type {HTMLElement} */ (view.el.parentElement)
  /** @param {PointerEvent} event */
  const across = (event) => event.clientX - view.el.getBoundingClientRect().left
  let began = NaN
  ground.addEventListener("pointerdown", (event) => {
    if (!event.shiftKey || !axes.sounds.includes(sound.key())) return
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
      place(view, partsOf(view).region, [from, to])
      return
    }
    began = NaN
    if (ends[1] - ends[0] >= SMALLEST_PX) sound.select({from: from / axes.perSecond, to: to / axes.perSecond})
  }, true)
}
