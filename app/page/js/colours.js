// Colours mixed: of names beside lines, and of maps of what lies on both sides of zero, on dark paper.

import {make} from "./dom.js"

/** Red, green and blue, from 0 to 255. @typedef {number[]} Channels */

// Of a map on dark paper: how far to its pale middle its ends go, and the share of each side that rises from the paper.
const ENDS = 0.65, RISE = 0.3

/**
 * @param {string} colour
 * @returns {Channels}
 */
export function channelsOf(colour) {
  let digits = /^#([0-9a-f]{6})/i.exec(colour)
  if (!digits) {
    const context = /** @type {CanvasRenderingContext2D} */ (make("canvas").getContext("2d"))
    context.fillStyle = colour
    digits = /^#([0-9a-f]{6})/i.exec(String(context.fillStyle))
  }
  const hex = digits ? digits[1] : "888888"
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16))
}

/**
 * @param {string} from
 * @param {string} to
 * @param {number} share of the way
 * @returns {string}
 */
export function mixed(from, to, share) {
  const [a, b] = [channelsOf(from), channelsOf(to)]
  return `#${a.map((each, i) => Math.round(each + share * (b[i] - each)).toString(16).padStart(2, "0")).join("")}`
}

/** @param {string} colour @returns {number} from 0, black, to 1, white */
export function lightness(colour) {
  const [red, green, blue] = channelsOf(colour)
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
}

/**
 * Turn a map of two hues, pale in its middle, inside out: its middle is the paper, and both sides get lighter from there.
 * @param {string[]} palette
 * @param {string} paper
 * @returns {string[]}
 */
export function onDark(palette, paper) {
  const half = (palette.length - 1) / 2
  return palette.map((_, i) => {
    const far = Math.abs(i - half) / half, side = i < half ? -1 : 1
    const taken = palette[Math.round(half + side * half * (1 - ENDS * far))]
    return mixed(paper, taken, Math.min(far / RISE, 1))
  })
}
