// Titles and the labels of axes that are never cut: where one is too long it is set smaller, and then in several lines.

/** @import {Document} from "@bokehjs/document" */
/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {Axis} from "@bokehjs/models/axes/axis" */
/** @import {Title} from "@bokehjs/models/annotations/title" */
/** @import {Rounds} from "./types" */

import {make} from "./dom.js"
import {figuresOf} from "./scene.js"

// Sizes of type, px, that are tried for a single line.
const OF_TITLES = [13, 12, 11], OF_LABELS = [12, 11]
// Room beyond the frame that a title, and the label of an axis at each end, may use, px.
const BESIDE = 8, BEYOND = 14
// Height of a line of a title, as a multiple of its letters, and what stands between title and frame, px.
const LINE = 1.3, ABOVE = 6

/**
 * @param {string} text
 * @param {number} width px
 * @param {(text: string, size: number) => number} widthOf
 * @param {number} letters size of all letters, as a multiple of the usual
 * @param {number[]} usual sizes of type, px, from the largest
 * @returns {{text: string, size: number}} the text with line breaks, and its size
 */
export function fitted(text, width, widthOf, letters = 1, usual = OF_TITLES) {
  const sizes = usual.map((each) => each * letters)
  const size = sizes.find((each) => widthOf(text, each) <= width)
  if (size !== undefined) return {text, size}
  const smallest = /** @type {number} */ (sizes.at(-1))
  const lines = [""]
  for (const word of text.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word
    if (lines.at(-1) && widthOf(longer, smallest) > width) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return {text: lines.join("\n"), size: smallest}
}

/** A text of a figure that has to fit. @typedef {{
 *   read: () => string, write: (text: string, size: number) => void, room: (letters: number) => number, weight: string,
 *   font: () => string, sizes: number[], changes: {connect: (run: () => void) => void},
 * }} Text */

/**
 * @param {Document} document
 * @param {Rounds} rounds
 * @param {(figures: Figure[]) => void} relayout gives the parts of figures their places anew
 * @param {(figure: Figure) => number | null} topOf returns where a figure begins, or null if it is not shown
 * @returns {(letters: number) => void} sets the size of all titles and labels, as a multiple of the usual
 */
export function fitTexts(document, rounds, relayout, topOf) {
  let letters = 1
  const align = aligned(document, topOf)
  /** Texts whose room or size has changed. @type {Set<() => void>} */
  const due = new Set()
  /** Figures with a text that breaks elsewhere. @type {Set<Figure>} */
  const broken = new Set()
  /** @type {((by: number) => void)[]} */
  const scales = []
  const context = /** @type {CanvasRenderingContext2D} */ (make("canvas").getContext("2d"))
  const anew = () => {
    const figures = [...broken]
    broken.clear()  // which a text may join again in the layout that follows
    relayout(figures)
  }
  for (const figure of figuresOf(document)) {
    for (const {read, write, room, weight, font, sizes, changes} of textsOf(figure)) {
      let whole = read(), shown = whole, shownSize = sizes[0]
      /** @param {string} text @param {number} size */
      const widthOf = (text, size) => {
        context.font = `${weight} ${size}px ${font()}`
        return context.measureText(text).width
      }
      const fit = () => {
        if (read() !== shown) whole = read()
        if (figure.properties.inner_width.is_unset || !(figure.inner_width > 0)) return
        const {text, size} = fitted(whole, room(letters), widthOf, letters, sizes)
        // BokehJS makes the new text later, and then neither gives it other room nor paints it.
        if (text !== read()) {
          if (!broken.size) requestAnimationFrame(anew)
          broken.add(figure)
        }
        shown = text
        shownSize = size
        write(text, size)
      }
      const fitSoon = () => {
        due.add(fit)
        rounds.soon()
      }
      for (const change of [changes, figure.properties.inner_width.change, figure.properties.inner_height.change])
        change.connect(fitSoon)
      fitSoon()
      scales.push((by) => {
        if (read() !== shown) whole = shown = read()
        shownSize *= by
        write(shown, shownSize)
        due.add(fit)
      })
    }
  }
  rounds.afterLayout.add(() => {
    if (!due.size) return
    const fits = [...due]
    due.clear()
    for (const fit of fits) fit()
    align()
  })
  return (factor) => {
    if (factor === letters) return
    for (const scale of scales) scale(factor / letters)
    letters = factor
  }
}

/**
 * Frames beside each other begin at one height, whatever their titles take.
 * @param {Document} document
 * @param {(figure: Figure) => number | null} topOf
 * @returns {() => void}
 */
function aligned(document, topOf) {
  return () => {
    /** @type {Map<number, {figures: Figure[], height: number}>} */
    const rows = new Map()
    for (const figure of figuresOf(document)) {
      const top = topOf(figure), {title} = figure
      if (top === null || !title || typeof title === "string") continue
      const size = parseFloat(String(/** @type {Title} */ (title).text_font_size))
      const height = Math.ceil(LINE * size * String(title.text).split("\n").length + ABOVE)
      const row = rows.get(Math.round(top)) ?? {figures: [], height: 0}
      rows.set(Math.round(top), {figures: [...row.figures, figure], height: Math.max(row.height, height)})
    }
    for (const {figures, height} of rows.values())
      for (const figure of figures) if (figure.min_border_top !== height) figure.min_border_top = height
  }
}

/** @param {Figure} figure @returns {Text[]} */
function textsOf(figure) {
  const title = /** @type {Title | null} */ (typeof figure.title === "string" ? null : figure.title)
  /** @type {Text[]} */
  const found = title ? [{
    read: () => String(title.text),
    write: (text, size) => title.setv({text, text_font_size: `${size}px`}),
    room: () => figure.inner_width + BESIDE, weight: "bold", font: () => String(title.text_font), sizes: OF_TITLES,
    changes: title.properties.text.change,
  }] : []
  for (const side of /** @type {const} */ (["left", "below"]))
    for (const part of figure[side]) {
      if (!("axis_label" in part) || typeof part.axis_label !== "string" || !part.axis_label) continue
      const axis = /** @type {Axis} */ (/** @type {unknown} */ (part))
      found.push({
        read: () => String(axis.axis_label),
        write: (text, size) => axis.setv({axis_label: text, axis_label_text_font_size: `${size}px`}),
        room: (letters) => (side === "left" ? figure.inner_height : figure.inner_width) + 2 * BEYOND * letters,
        weight: "normal", font: () => String(axis.axis_label_text_font), sizes: OF_LABELS,
        changes: axis.properties.axis_label.change,
      })
    }
  return found
}
