// Titles that are never cut: where one is too long for its figure it is set smaller, and then in several lines.

/** @import {Document} from "@bokehjs/document" */
/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {Title} from "@bokehjs/models/annotations/title" */

import {make} from "./dom.js"
import {figuresOf} from "./scene.js"

// Sizes of type, px, that are tried for a single line.
const SIZES = [13, 12, 11]
// Room of the frame's right edge that a title may use, px.
const BESIDE = 8

/**
 * @param {string} text
 * @param {number} width px
 * @param {(text: string, size: number) => number} widthOf
 * @param {number} letters size of all letters, as a multiple of the usual
 * @returns {{text: string, size: number}} the text with line breaks, and its size
 */
export function fitted(text, width, widthOf, letters = 1) {
  const sizes = SIZES.map((each) => each * letters)
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

/**
 * @param {Document} document
 * @param {(figure: Figure) => void} relayout gives a figure's parts their places anew
 * @returns {(letters: number) => void} sets the size of all titles, as a multiple of the usual
 */
export function fitTitles(document, relayout) {
  let letters = 1
  /** @type {(() => void)[]} */
  const fits = []
  const context = /** @type {CanvasRenderingContext2D} */ (make("canvas").getContext("2d"))
  for (const figure of figuresOf(document)) {
    const title = /** @type {Title | null} */ (typeof figure.title === "string" ? null : figure.title)
    if (!title) continue
    let whole = String(title.text), shown = whole
    /** @param {string} text @param {number} size */
    const widthOf = (text, size) => {
      context.font = `bold ${size}px ${title.text_font}`
      return context.measureText(text).width
    }
    const fit = () => {
      if (title.text !== shown) whole = String(title.text)
      if (!(figure.inner_width > 0)) return
      const {text, size} = fitted(whole, figure.inner_width + BESIDE, widthOf, letters)
      const lines = text.split("\n").length !== shown.split("\n").length
      shown = text
      title.setv({text, text_font_size: `${size}px`})
      if (lines) requestAnimationFrame(() => relayout(figure))
    }
    title.properties.text.change.connect(fit)
    figure.properties.inner_width.change.connect(fit)
    fit()
    fits.push(fit)
  }
  return (factor) => {
    if (factor === letters) return
    letters = factor
    for (const fit of fits) fit()
  }
}
