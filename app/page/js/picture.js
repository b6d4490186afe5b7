// All figures of a lab in one picture, as they stand on the page.

/** @import {FigureView} from "./types" */

import {download, make} from "./dom.js"
import {exported} from "./upstream.js"

// Pixels of a PNG for each pixel of the page.
const RATIO = 2

/** @typedef {{view: FigureView, x: number, y: number, width: number, height: number}} Placed */

/**
 * @param {FigureView[]} views
 * @param {"png" | "svg"} kind
 * @param {string} name of the file
 */
export function picture(views, kind, name) {
  const shown = views.map((view) => ({view, box: view.el.getBoundingClientRect()})).filter(({box}) => box.width > 0)
  if (!shown.length) return
  const left = Math.min(...shown.map(({box}) => box.left))
  const top = Math.min(...shown.map(({box}) => box.top))
  const width = Math.max(...shown.map(({box}) => box.right)) - left
  const height = Math.max(...shown.map(({box}) => box.bottom)) - top
  const placed = shown.map(({view, box}) =>
    ({view, x: box.left - left, y: box.top - top, width: box.width, height: box.height}))
  const style = getComputedStyle(shown[0].view.el)
  const ground = style.getPropertyValue("--mui-palette-background-default").trim() || "#ffffff"
  if (kind === "svg") download(`${name}.svg`, "image/svg+xml", svg(placed, width, height, ground))
  else png(placed, width, height, ground).toBlob((blob) => { if (blob) download(`${name}.png`, "image/png", blob) })
}

/**
 * @param {Placed[]} placed
 * @param {number} width
 * @param {number} height
 * @param {string} ground colour
 * @returns {HTMLCanvasElement}
 */
function png(placed, width, height, ground) {
  const canvas = make("canvas", {width: Math.ceil(width * RATIO), height: Math.ceil(height * RATIO)})
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"))
  context.fillStyle = ground
  context.fillRect(0, 0, canvas.width, canvas.height)
  for (const {view, x, y} of placed)
    context.drawImage(exported(view, "png", RATIO), Math.round(RATIO * x), Math.round(RATIO * y))
  return canvas
}

/**
 * @param {Placed[]} placed
 * @param {number} width
 * @param {number} height
 * @param {string} ground colour
 * @returns {string}
 */
function svg(placed, width, height, ground) {
  const pieces = placed.map(({view, x, y, width, height}) => {
    const inner = exported(view, "svg").replace(/^<\?xml[^>]*>/, "")
    return `<svg x="${x}" y="${y}" width="${width}" height="${height}">${inner}</svg>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<rect width="100%" height="100%" fill="${ground}"/>${pieces.join("")}</svg>`
}
