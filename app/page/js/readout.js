// Numbers under the pointer, in every figure: its place on both axes with their units, and the value of a coloured cell.
// The page has all of them; the server is not asked.

/** @import {ColumnDataSource} from "@bokehjs/models/sources" */
/** @import {FigureAxes, FigureView, Store} from "./types" */

import {make} from "./dom.js"
import {readOff, rounded, valueAt} from "./units.js"

// Distance of the words from the pointer, px, and how long they stay where a finger was, ms.
const BESIDE = 14, STAY_MS = 4000

/** @param {Store} store whose figures stand */
export function showNumbers(store) {
  for (const view of store.views) {
    const axes = store.axes[view.model.name ?? ""]
    if (axes) follow(view, axes)
  }
}

/** @param {FigureView} view @param {FigureAxes} axes */
function follow(view, axes) {
  const words = make("div", {class: "readout", "aria-hidden": "true", hidden: true})
  const ground = view.el.parentElement
  ground?.append(words)
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let leaving
  const hide = () => { words.hidden = true }
  /** @param {PointerEvent} event */
  const show = (event) => {
    clearTimeout(leaving)
    const box = view.el.getBoundingClientRect(), {bbox} = view.frame
    const sx = event.clientX - box.left, sy = event.clientY - box.top
    if (sx < bbox.left || sx > bbox.right || sy < bbox.top || sy > bbox.bottom) return hide()
    words.textContent = numbersAt(view, axes, sx, sy)
    words.hidden = false
    const {offsetWidth: width, offsetHeight: height} = words
    const left = sx + BESIDE + width > box.width ? sx - BESIDE - width : sx + BESIDE
    const top = sy - BESIDE - height < 0 ? sy + BESIDE : sy - BESIDE - height
    words.style.transform = `translate(${view.el.offsetLeft + Math.max(left, 0)}px, ${view.el.offsetTop + top}px)`
    if (event.pointerType !== "mouse") leaving = setTimeout(hide, STAY_MS)
  }
  for (const kind of ["pointermove", "pointerdown"])
    ground?.addEventListener(kind, (event) => show(/** @type {PointerEvent} */ (event)), true)
  ground?.addEventListener("pointerleave", (event) => {
    if (/** @type {PointerEvent} */ (event).pointerType === "mouse") hide()
  })
}

/**
 * @param {FigureView} view
 * @param {FigureAxes} axes
 * @param {number} sx px from the left edge of the figure
 * @param {number} sy px from its upper edge
 * @returns {string}
 */
function numbersAt({model, frame}, axes, sx, sy) {
  const x = frame.x_scale.invert(sx), y = frame.y_scale.invert(sy)
  /** @type {string[]} */
  const found = []
  for (const [axis, scale, range, at, px] of /** @type {const} */ ([
    [axes.x, frame.x_scale, model.x_range, x, sx], [axes.y, frame.y_scale, model.y_range, y, sy],
  ])) {
    if (axis.scale === "names") {
      const factors = /** @type {{factors?: string[]}} */ (/** @type {unknown} */ (range)).factors
      const name = factors?.[Math.floor(at)]
      if (name) found.push(name)
      continue
    }
    const next = scale.invert(px + 1)
    found.push(readOff(at, axis.scale === "log" ? Math.log(next / at) : next - at, axis))
  }
  for (const {source, unit} of axes.cells) {
    const value = cellAt(/** @type {ColumnDataSource | null} */ (model.document?.get_model_by_name(source) ?? null), x, y)
    const colours = /** @type {{low: number, high: number} | null} */ (
      /** @type {unknown} */ (model.document?.get_model_by_name(source.replace(/-data$/, "-colours")) ?? null))
    if (value === null || !Number.isFinite(value)) continue
    const {low, high} = colours ?? {low: -Infinity, high: Infinity}
    // A cell travels as one of 256 steps between the first and the last colour, and is not known beyond them.
    const step = (high - low) / 255
    const beyond = value <= low + step / 2 ? "≤ " : value >= high - step / 2 ? "≥ " : ""
    found.push(`${beyond}${rounded(value, 4 * step)}${unit ? ` ${unit}` : ""}`)
  }
  return found.join(" · ")
}

/**
 * @param {ColumnDataSource | null} source
 * @param {number} x
 * @param {number} y
 * @returns {number | null}
 */
function cellAt(source, x, y) {
  const data = /** @type {Record<string, any>} */ (source?.data)
  const [image] = data?.image ?? []
  if (!image?.shape) return null
  const [rows, columns] = image.shape
  return valueAt({values: image, rows, columns, x: data.x[0], y: data.y[0], width: data.dw[0], height: data.dh[0]}, x, y)
}
