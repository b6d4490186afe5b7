// The title bar of the listening test, and handing its link on.

import {drawnCode} from "./code.js"
import {button, copied, download, make} from "./dom.js"
import {Refused, ask} from "./listen_ask.js"

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
  say(await copied(address) ? "Link copied." : `Copy this link: ${address}`)
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
 * What a teacher does with a test: its link, its code, a room for a class.
 * @param {() => Promise<string | null>} linkOf the query of the address; null where there is something wrong with it
 * @param {() => string[]} conditions the links of the tests of a room
 * @param {string} [lesson] that the room is for
 * @returns {HTMLElement}
 */
export function sharing(linkOf, conditions, lesson = "") {
  const status = make("p", {role: "status"})
  const problem = make("p", {class: "problem", role: "alert"})
  const place = make("div", {class: "code"})
  /** @param {(address: string) => unknown} run */
  const withAddress = (run) => async () => {
    problem.textContent = status.textContent = ""
    const link = await linkOf()
    if (link !== null) await run(addressOf(link))
  }
  return make("div", {},
    make("p", {class: "row"},
      button({onclick: withAddress((address) => copy(address, (text) => { status.textContent = text }))}, "Copy link"),
      button({onclick: withAddress(async (address) => place.replaceChildren(await codeFor(address)))}, "QR code"),
      button({class: "strong", onclick: async () => {
        problem.textContent = ""
        try {
          /** @type {{room: string, key: string}} */
          const {room, key} = await ask({type: "open-room", links: conditions()})
          location.assign(`listen?room=${room}${lesson && `&lesson=${lesson}`}#key=${key}`)
        } catch (refused) {
          if (!(refused instanceof Refused)) throw refused
          problem.textContent = refused.message
        }
      }}, "Open a room for a class")),
    status, problem, place)
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
