// QR codes, drawn from the rows that the server makes.

/** @import {Store} from "./types" */

/** Addresses that no other machine can open. */
export const HERE_ALONE = /^https?:\/\/(localhost|127\.|\[::1\])/
const NAMESPACE = "http://www.w3.org/2000/svg"

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
  const svg = document.createElementNS(NAMESPACE, "svg")
  svg.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`)
  svg.setAttribute("role", "img")
  svg.setAttribute("aria-label", label)
  svg.setAttribute("shape-rendering", "crispEdges")
  for (const [d, fill] of [[`M0 0h${rows.length}v${rows.length}h-${rows.length}z`, "#ffffff"], [pathOf(rows), "#000000"]]) {
    const path = document.createElementNS(NAMESPACE, "path")
    path.setAttribute("d", d)
    path.setAttribute("fill", fill)
    svg.append(path)
  }
  return svg
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
