// QR codes, drawn from the rows that the server makes.

/** @import {Store} from "./types" */

import {drawn} from "./dom.js"

/** Addresses that no other machine can open. */
export const HERE_ALONE = /^https?:\/\/(localhost|127\.|\[::1\])/

/**
 * @param {string[]} rows of "0" (light) and "1" (dark)
 * @returns {string} an SVG path with a square for each dark one
 */
export function pathOf(rows) {
  return rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((run) => `M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`))
    .join("")
}

/**
 * @param {string[]} rows
 * @param {string} label
 * @returns {SVGSVGElement}
 */
export function drawnCode(rows, label) {
  const size = rows.length
  return drawn("svg", {viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges"},
    drawn("path", {d: `M0 0h${size}v${size}h-${size}z`, fill: "#ffffff"}), drawn("path", {d: pathOf(rows), fill: "#000000"}))
}

/**
 * @param {Store} store
 * @returns {Promise<{svg: SVGSVGElement | null, link: string, problem: string}>} the code of the page's present address
 */
export function codeOfPage(store) {
  const link = new URL(store.engine?.address() ?? "", location.href).href
  return new Promise((resolve) => {
    store.receivers.code = (answer) => {
      if (answer.type === "failed") resolve({svg: null, link, problem: answer.text})
      else resolve({svg: drawnCode(answer.rows, `QR code of ${link}`), link, problem: ""})
    }
    store.engine?.ask({type: "qr", text: link})
  })
}
