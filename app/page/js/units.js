// Numbers as they are read off a figure: with as many digits as a pixel is worth, and their unit.

/** @import {AxisContent} from "./types" */

// ERB numbers as in `amtlib.scales.fc2erb`: Glasberg and Moore (1990), Hear. Res. 47, 103-138, Eq. 4.
const CAM_PER_NEPER = 9.2645, PER_HZ = 0.00437

/**
 * @param {number} cam ERB number
 * @returns {number} Hz
 */
export function frequencyOf(cam) {
  return Math.expm1(cam / CAM_PER_NEPER) / PER_HZ
}

/**
 * @param {number} number on the ladder of modulation filters, as `amtlib.plot.axes.modulation_number` gives it
 * @returns {number} Hz
 */
export function rateOf(number) {
  return number <= 2 ? 5 * number : 10 * (5 / 3) ** (number - 2)
}

/** @type {Record<string, (place: number) => number>} */
const VALUES = {erb: frequencyOf, modulation: rateOf}

/**
 * @param {number} value
 * @param {number} step what can be told apart
 * @returns {string} the value with the decimals that this leaves
 */
export function rounded(value, step) {
  const decimals = step > 0 ? Math.min(Math.max(Math.round(-Math.log10(step)), 0), 6) : 3
  const text = value.toFixed(decimals)
  return (Number(text) === 0 ? (0).toFixed(decimals) : text).replace("-", "−")
}

/**
 * @param {number} place on the axis
 * @param {number} step between neighbouring pixels, as places on the axis
 * @param {AxisContent} axis
 * @returns {string}
 */
export function readOff(place, step, {label, unit, scale}) {
  const valueOf = VALUES[scale]
  const value = valueOf ? valueOf(place) : place
  let size = Math.abs(step)
  if (valueOf) size = Math.abs(valueOf(place + step) - value)
  if (scale === "log") size = Math.abs(value * step)  // a step of the logarithm
  if (unit === "Hz" && value >= 999.5) return `${rounded(value / 1000, size / 1000)} kHz`
  const text = rounded(value, size)
  return unit ? `${text} ${unit}` : `${label} ${text}`
}

/**
 * @typedef {object} Cells
 * @property {ArrayLike<number>} values row by row, from the bottom
 * @property {number} rows
 * @property {number} columns
 * @property {number} x left edge
 * @property {number} y lower edge
 * @property {number} width
 * @property {number} height
 */

/**
 * @param {Cells} cells
 * @param {number} x
 * @param {number} y
 * @returns {number | null} the value of the cell there, null beside them
 */
export function valueAt({values, rows, columns, x: left, y: bottom, width, height}, x, y) {
  const column = Math.floor((x - left) / width * columns), row = Math.floor((y - bottom) / height * rows)
  if (column < 0 || column >= columns || row < 0 || row >= rows) return null
  return values[row * columns + column]
}
