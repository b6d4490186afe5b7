// Figures in the colours of the page around them.

/** @import {Document} from "@bokehjs/document" */
/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {Colors} from "./types" */

import {lightness, onDark} from "./colours.js"
import {figuresOf} from "./scene.js"

/** The colours that maps have on light paper. @type {WeakMap<object, string[]>} */
const palettes = new WeakMap()

/**
 * @param {Document} document
 * @param {Element} ground
 * @param {Colors} [colors] those of the ground by default
 */
export function paint(document, ground, colors = colorsOf(ground)) {
  for (const figure of figuresOf(document)) paintFigure(figure, colors)
}

/** @param {Element} ground @returns {Colors} */
function colorsOf(ground) {
  const style = getComputedStyle(ground)
  return {
    ink: style.color,
    paper: style.getPropertyValue("--paper").trim() || "#ffffff",
    faint: style.getPropertyValue("--line").trim() || "#cccccc",
  }
}

/**
 * @param {Figure} figure
 * @param {Colors} colors
 */
function paintFigure(figure, {ink, paper, faint}) {
  figure.setv({background_fill_color: paper, border_fill_color: null, outline_line_color: faint})
  if (figure.title && typeof figure.title !== "string") figure.title.setv({text_color: ink})
  const beside = [figure.left, figure.right, figure.above, figure.below].flat()
  for (const part of [...beside, ...figure.center]) {
    if (part.type === "ColorBar")
      part.setv({major_label_text_color: ink, title_text_color: ink, background_fill_color: null})
    else if (part.type === "Legend")
      part.setv({label_text_color: ink, background_fill_color: paper, background_fill_alpha: 0.8, border_line_color: null})
    else if ("axis_label_text_color" in part)
      part.setv({axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: faint, major_tick_line_color: faint})
    else if ("grid_line_color" in part && part.grid_line_color !== null)
      part.setv({grid_line_color: faint})
  }
  for (const renderer of figure.renderers) paintMap(renderer, paper)
}

/**
 * Let the middle of a map of what lies on both sides of zero be as dark as the paper.
 * @param {unknown} renderer
 * @param {string} paper
 */
function paintMap(renderer, paper) {
  const {glyph} = /** @type {{glyph?: {color_mapper?: {tags: unknown[], palette: string[]}}}} */ (renderer)
  const mapper = glyph?.color_mapper
  if (!mapper?.tags.includes("signed")) return
  const light = palettes.get(mapper) ?? mapper.palette
  palettes.set(mapper, light)
  mapper.palette = lightness(paper) < 0.5 ? onDark(light, paper) : light
}
