// Elements of the page, and the little that the browser lacks around them.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Make an element. A listener stands under `on...`, what is false or null is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue
    if (name.startsWith("on")) node.addEventListener(name.slice(2), /** @type {EventListener} */ (value))
    else if (name in node && !name.includes("-") && typeof value !== "string") Object.assign(node, {[name]: value})
    else node.setAttribute(name, value === true ? "" : String(value))
  }
  node.append(...children.filter((child) => child != null && child !== false))
  return node
}

/**
 * @param {Record<string, unknown>} attributes `onclick` among them
 * @param {...Child} children
 * @returns {HTMLButtonElement}
 */
export function button(attributes, ...children) {
  return make("button", {type: "button", ...attributes}, ...children)
}

/**
 * Make a part of an SVG picture, or a whole one.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} attributes
 * @param {...SVGElement} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function drawn(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value))
  node.append(...children)
  return node
}

/**
 * @param {number} count
 * @param {string} what in the singular
 * @returns {string} such as "3 trials"
 */
export function counted(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`
}

let identifiers = 0

/**
 * @param {string} stem
 * @returns {string} an id that nothing else on the page has
 */
export function freshId(stem) {
  identifiers += 1
  return `${stem}-${identifiers}`
}

/**
 * Run when something has been typed, once or twice. In JupyterLab the Enter key is no end of it for the browser.
 * @param {HTMLInputElement} box
 * @param {() => void} run
 */
export function whenTyped(box, run) {
  box.addEventListener("change", run)
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") run() })
}

/**
 * @param {string} base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function decode(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** @param {string} text @returns {Promise<boolean>} whether the clipboard has it now: a browser may refuse */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

/**
 * @param {string} name
 * @param {string} mime
 * @param {BlobPart} content
 */
export function download(name, mime, content) {
  const address = URL.createObjectURL(new Blob([content], {type: mime}))
  make("a", {href: address, download: name}).click()
  setTimeout(() => URL.revokeObjectURL(address), 10000)
}

// Sizes of type that are tried until a text fits its box, as shares of the first.
const SIZES = [1, 0.93, 0.86, 0.8]

/**
 * Set a text smaller until it fits its box, whose height is fixed: figures below must not move with it.
 * @param {HTMLElement} line
 */
export function fitInBox(line) {
  for (const size of SIZES) {
    line.style.setProperty("--fit", String(size))
    if (line.scrollHeight <= line.clientHeight + 1) return
  }
}
