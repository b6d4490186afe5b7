// Figures in words, for those who hear the page: title, axes with their ranges, what the legend names.

/** @import {Document} from "@bokehjs/document" */
/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {Axis} from "@bokehjs/models/axes/axis" */
/** @import {ColorBar} from "@bokehjs/models/annotations/color_bar" */

import {namesOf} from "./legends.js"
import {figuresOf} from "./scene.js"

// The words follow what is shown after so long, ms.
const CALM_MS = 600

/**
 * Give each figure a role, a name and a description, and keep them in step with what it shows.
 * @param {Document} document
 * @param {HTMLElement[]} targets the elements that the figures stand in, in their order
 * @returns {() => void} to be called when what the figures show has changed
 */
export function describeFigures(document, targets) {
  // At once: a figure that can be seen and reached by key must not be hidden from a screen reader meanwhile.
  const hide = () => figuresOf(document).forEach((figure, i) => {
    targets[i].setAttribute("aria-hidden", String(!figure.visible))
  })
  const write = () => figuresOf(document).forEach((figure, i) => {
    targets[i].setAttribute("aria-label", titleOf(figure))
    targets[i].setAttribute("aria-description", description(figure))
  })
  for (const target of targets) target.setAttribute("role", "figure")
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let due
  hide()
  write()
  return () => {
    hide()
    clearTimeout(due)
    due = setTimeout(write, CALM_MS)
  }
}

/** @param {Figure} figure @returns {string} */
export function titleOf({title}) {
  return String(typeof title === "string" ? title : title?.text ?? "").replaceAll("\n", " ")
}

/** @param {Figure} figure @returns {string} */
function description(figure) {
  const [across, up] = [figure.below, figure.left].map((parts) => parts.find((part) => "axis_label" in part))
  const parts = [axisWords(across, figure.x_range), axisWords(up, figure.y_range)]
  for (const part of figure.right)
    if (part.type === "ColorBar") {
      const {low, high} = /** @type {{low?: unknown, high?: unknown}} */ (/** @type {ColorBar} */ (part).color_mapper)
      parts.push(`Colours from ${number(low)} to ${number(high)}`)
    }
  const names = namesOf(figure)
  if (names.length) parts.push(`Shown: ${names.join(", ")}`)
  return parts.filter(Boolean).join(". ")
}

/**
 * @param {unknown} part
 * @param {{start?: unknown, end?: unknown}} range
 * @returns {string}
 */
function axisWords(part, {start, end}) {
  if (!part || typeof start !== "number" || typeof end !== "number") return ""
  const {axis_label: label, major_label_overrides: names} = /** @type {Axis} */ (part)
  const [low, high] = start < end ? [start, end] : [end, start]
  // Places on a scale of the ear are named by the ticks in sight, which are in Hz.
  const ticks = [...names].filter(([at]) => Number(at) >= low && Number(at) <= high)
    .sort(([a], [b]) => Number(a) - Number(b)).map(([, name]) => String(name))
  const [from, to] = ticks.length ? [ticks[0], ticks[ticks.length - 1]] : [number(low), number(high)]
  return `${String(label ?? "").replaceAll("\n", " ") || "Axis"} from ${from} to ${to}`
}

/** @param {unknown} value @returns {string} */
function number(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(3))) : "?"
}
