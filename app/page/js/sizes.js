// How large figures and their letters are: as the screen allows, and larger still where a room looks at a projector.

/** @import {Document} from "@bokehjs/document" */
/** @import {Figure} from "@bokehjs/models/plots" */

import {figuresOf} from "./scene.js"

// Smallest letters of a figure at their usual size, px.
const SMALLEST = 11
// Room in which figures have their usual size, px; narrower rooms show them one below the other.
const USUAL_WIDTH = 1050, NARROW = 700
// Presented figures that would be smaller than this share of the usual are scrolled to instead.
const SMALLEST_SHARE = 0.75
// Largest figures and letters of a page that is not presented, as multiples of the usual.
const LARGEST = 2

/**
 * @typedef {object} Sizes
 * @property {number} heights of figures, as a multiple of the usual
 * @property {number} letters in figures, as a multiple of the usual
 */

/**
 * @param {{width: number, height: number, usual: number, presented: number}} room its width and height, the height that
 *   the figures usually have, and the smallest letters of the page around them where it is presented, px, else 0
 * @returns {Sizes}
 */
export function sizesFor({width, height, usual, presented}) {
  const fill = usual > 0 ? height / usual : 1
  if (presented) return {heights: within(fill, SMALLEST_SHARE, 5), letters: Math.max(presented / SMALLEST, within(fill, 0, 3))}
  if (width < NARROW) return {heights: 1, letters: 1}
  const heights = within(fill, 1, LARGEST)
  return {heights, letters: within(width / USUAL_WIDTH, 1, heights)}
}

/**
 * The areas of a grid that take one row, and which that is.
 * @param {string} areas the computed `grid-template-areas`
 * @returns {Map<string, string>} number of the row by area
 */
export function rowsOf(areas) {
  /** @type {Map<string, Set<string>>} */
  const found = new Map()
  for (const [row, [, text]] of [...areas.matchAll(/"([^"]*)"/g)].entries())
    for (const area of text.trim().split(/\s+/)) found.set(area, (found.get(area) ?? new Set()).add(String(row)))
  return new Map([...found].filter(([area, {size}]) => size === 1 && !/^\.+$/.test(area)).map(([area, [row]]) => [area, row]))
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function within(value, low, high) {
  return Math.min(Math.max(value, low), high)
}

/** Everything of a figure that has a size, as it usually is. @typedef {{set: (factor: number) => void}} Sized */

/**
 * @param {Document} document
 * @returns {(sizes: Sizes, rowOf: (figure: Figure) => string, heightOf: (figure: Figure) => number | undefined) => void}
 *   gives the figures a size, those that stand in one row the height of the tallest, and some a height of their own, px
 */
export function sizable(document) {
  const sized = figuresOf(document).map((figure) => {
    const height = Number(figure.height)
    /** @type {Sized[]} */
    const parts = []
    const {min_border_left: left, min_border_right: right} = figure
    parts.push({set: (factor) => figure.setv({
      min_border_left: left === null ? null : left * factor, min_border_right: right === null ? null : right * factor,
    })})
    for (const part of [figure.left, figure.right, figure.above, figure.below, figure.center].flat())
      parts.push(...lettersOf(part))
    for (const renderer of figure.renderers)
      if ("glyph" in renderer) parts.push(...lettersOf(/** @type {{glyph: object}} */ (renderer).glyph))
    return {figure, height, parts}
  })
  return ({heights, letters}, rowOf, heightOf) => {
    /** @type {Map<string, number>} */
    const tallest = new Map()
    for (const {figure, height} of sized) {
      const row = rowOf(figure)
      if (row && figure.visible) tallest.set(row, Math.max(tallest.get(row) ?? 0, height))
    }
    for (const {figure, height, parts} of sized) {
      figure.height = Math.round(heightOf(figure) ?? heights * Math.max(tallest.get(rowOf(figure)) ?? 0, height))
      for (const part of parts) part.set(letters)
    }
  }
}

// The labels of axes and titles have a rule of their own.
const IN_PX = ["major_label_text_font_size", "label_text_font_size", "text_font_size"]
const NUMBERS = ["glyph_height", "glyph_width", "label_height", "line_width", "size"]
// What BokehJS takes in whole px alone.
const WHOLE = ["axis_label_standoff", "major_label_standoff", "major_tick_out"]
// Dashes by the names that BokehJS has for them, px.
/** @type {Record<string, number[]>} */
const DASHES = {dashed: [6], dotted: [2, 4], dotdash: [2, 4, 6, 4], dashdot: [6, 4, 2, 4]}

/**
 * @param {object} model an axis, a legend, a colour bar or a glyph
 * @returns {Sized[]}
 */
function lettersOf(model) {
  const {type} = /** @type {{type: string}} */ (model)
  if (type === "Title" || type === "Grid") return []
  const properties = /** @type {Record<string, unknown> & {setv: (values: Record<string, unknown>) => void}} */ (model)
  /** @type {[string, (factor: number) => unknown][]} */
  const found = []
  for (const name of [...IN_PX, ...NUMBERS, ...WHOLE, ...(type === "ColorBar" ? ["width"] : [])]) {
    if (!(name in properties)) continue
    const held = properties[name]
    const value = held !== null && typeof held === "object" && "value" in held ? held.value : held
    if (typeof value === "string" && value.endsWith("px") && parseFloat(value) > 0)
      found.push([name, (factor) => `${parseFloat(value) * factor}px`])
    if (typeof value === "number")
      found.push([name, (factor) => WHOLE.includes(name) ? Math.round(value * factor) : value * factor])
  }
  const dashes = "line_dash" in properties ? dashesOf(properties.line_dash) : []
  if (dashes.length) found.push(["line_dash", (factor) => dashes.map((each) => each * factor)])
  return [{set: (factor) => properties.setv(Object.fromEntries(found.map(([name, size]) => [name, size(factor)])))}]
}

/** @param {unknown} held what a glyph has for its dashes @returns {number[]} px; none of a solid line */
function dashesOf(held) {
  const value = held !== null && typeof held === "object" && "value" in held ? held.value : held
  return typeof value === "string" ? DASHES[value] ?? [] : Array.isArray(value) ? value : []
}
