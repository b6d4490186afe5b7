// The title bar of the listening test, and handing its link on.

import {drawnCode} from "./code.js"
import {button, download, make} from "./dom.js"
import {ask} from "./listen_ask.js"

/** @returns {HTMLElement} */
export function listenBar() {
  return make("div", {class: "bar"}, make("a", {class: "home", href: "./"}, "AMT Lab"),
    make("nav", {"aria-label": "Test"}, make("a", {href: "listen"}, "All tests")))
}

/**
 * @param {string} query without its question mark
 * @returns {string} the whole address
 */
export function addressOf(query) {
  return new URL(`listen${query ? `?${query}` : ""}`, location.href).href
}

/**
 * @param {string} address
 * @param {(text: string) => void} say
 */
export async function copy(address, say) {
  try {
    await navigator.clipboard.writeText(address)
    say("Link copied.")
  } catch {
    say(`Copy this link: ${address}`)
  }
}

/**
 * @param {string} address
 * @returns {Promise<Node>} its code, for a room to scan
 */
export async function codeFor(address) {
  /** @type {{rows?: string[], text: string}} */
  const answer = await ask({type: "qr", text: address})
  return answer.rows ? drawnCode(answer.rows, `QR code of ${address}`) : make("p", {}, answer.text)
}

/**
 * @param {Record<string, unknown>} message whose answer is a file
 */
export async function fetchFile(message) {
  /** @type {{name: string, mime: string, text: string}} */
  const {name, mime, text} = await ask(message)
  download(name, mime, text)
}

/**
 * Ask before something is done that cannot be undone.
 * @param {string} question
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function sure(question, yes) {
  return new Promise((resolve) => {
    const box = make("dialog", {class: "question", "aria-label": question})
    const end = (/** @type {boolean} */ is) => {
      box.remove()
      resolve(is)
    }
    box.append(make("p", {}, question), make("div", {class: "choices"},
      button({onclick: () => end(false)}, "Cancel"), button({class: "strong", onclick: () => end(true)}, yes)))
    box.addEventListener("cancel", () => end(false))
    document.body.append(box)
    box.showModal()
  })
}
